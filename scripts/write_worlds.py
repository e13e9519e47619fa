"""Write docs/worlds.md from the stored verdicts of the simulated worlds."""

import argparse
from pathlib import Path

import polars as pl

from tertius.claims import claim_files, load_claims
from tertius.generated import renewed_between
from tertius.worlds.declared import world_names, world_truths
from tertius.worlds.power import claim_powers
from tertius.worlds.run import Run
from tertius.worlds.store import stored
from tertius.worlds.summary import coverage, needed_firms, rates, world_section

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
    sections = []
    for world in world_names(ROOT):
        name = Run(world, firms, 0, 0).name
        verdicts, planted = stored(FOLDER, name), stored(FOLDER, f"{name}-planted")
        if verdicts is None or planted is None:
            continue
        truths = world_truths(ROOT, world, firms)
        covered = coverage(planted)
        covered.write_csv(FOLDER / f"{name}-coverage.csv", float_precision=4)
        if set(truths.values()) != {"false"}:
            powers = claim_powers(verdicts, truths, shapes, alpha).with_columns(
                firms_for_80=pl.struct("mean_z").map_elements(
                    lambda row: needed_firms(row["mean_z"], 1.96, firms), return_dtype=pl.Float64
                )
            )
            powers.write_csv(FOLDER / f"{name}-power.csv", float_precision=4)
        told = rates(verdicts, truths, alpha, by_definition)
        sections.append(world_section(world, firms, told, covered, planted))
    if not sections:
        raise SystemExit("no seed is stored yet: make worlds")
    page = ROOT / "docs" / "worlds.md"
    text = "\n" + "\n".join(sections)
    page.write_text(renewed_between(page.read_text("utf-8"), BEGIN, END, text), "utf-8")
    print(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, default=2000)
    main(**vars(parser.parse_args()))
