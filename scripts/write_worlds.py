"""Write docs/worlds.md from the stored verdicts of the simulated worlds."""

import argparse
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from tertius.claims import claim_files, load_claims
from tertius.exhibits.config import main_terms, resolve_exhibits
from tertius.generated import renewed_between
from tertius.registry import read_yaml
from tertius.worlds.declared import world_names, world_truths
from tertius.worlds.power import FOUND, claim_powers
from tertius.worlds.run import Run
from tertius.worlds.store import stored
from tertius.worlds.summary import coverage, leaning, needed_firms, rates
from tertius.worlds.world_page import World, overview, world_section

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "worlds"
BEGIN, END = "<!-- worlds: begin (scripts/write_worlds.py) -->", "<!-- worlds: end -->"
DEFINITIONAL = ("descriptive", "definitional")
"""Shapes whose claims hold in every world."""


def main(*, firms: int, alpha: float = 0.05) -> None:
    """Tables of power and bias beside the page, and the page."""
    files, schema = claim_files(ROOT)
    tested = [claim for claim in load_claims(files, schema).claims if claim.test]
    shapes = {claim.id: claim.test.shape for claim in tested if claim.test}
    by_definition = [claim.id for claim in tested if claim.shape in DEFINITIONAL]
    worlds = []
    for name in world_names(ROOT):
        run = Run(name, firms, 0, 0).name
        verdicts, planted = stored(FOLDER, run), stored(FOLDER, f"{run}-planted")
        if verdicts is None or planted is None:
            continue
        truths = world_truths(ROOT, name, firms)
        covered = coverage(planted)
        covered.write_csv(FOLDER / f"{run}-coverage.csv", float_precision=4)
        powers = sized_powers(verdicts, truths, shapes, firms, alpha)
        if powers.height:
            powers.write_csv(FOLDER / f"{run}-power.csv", float_precision=4)
        told = {claim: truth for claim, truth in truths.items() if claim not in by_definition}
        worlds.append(
            World(
                name,
                firms,
                rates(verdicts, told, alpha),
                covered,
                planted,
                powers,
                leaning(verdicts, told, alpha),
                verdicts.group_by("seed").agg(pl.col("seconds").first())["seconds"].to_list(),
            )
        )
    if not worlds:
        raise SystemExit("no seed is stored yet: make worlds")
    exhibits = resolve_exhibits(read_yaml(ROOT / "config" / "exhibits.yaml"), None, "demo", True)
    terms, why = main_terms(exhibits), read_yaml(FOLDER / "explanations.yaml")
    sections = [overview(worlds), *(world_section(one, terms, why) for one in worlds)]
    page = ROOT / "docs" / "worlds.md"
    text = "\n" + "\n".join(sections)
    page.write_text(renewed_between(page.read_text("utf-8"), BEGIN, END, text), "utf-8")
    print(text)


def sized_powers(
    verdicts: pl.DataFrame,
    truths: Mapping[str, str],
    shapes: Mapping[str, str],
    firms: int,
    alpha: float,
) -> pl.DataFrame:
    """Power of every claim, and of what is planted the firms that would give four in five; no row
    where nothing is planted."""
    if not set(truths.values()) & set(FOUND):
        return pl.DataFrame()
    needed = pl.struct("mean_z", "critical").map_elements(
        lambda row: needed_firms(row["mean_z"], row["critical"], firms), return_dtype=pl.Float64
    )
    return claim_powers(verdicts, truths, shapes, alpha).with_columns(
        firms_for_80=pl.when(pl.col("truth").is_in(FOUND)).then(needed)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, default=2000)
    main(**vars(parser.parse_args()))
