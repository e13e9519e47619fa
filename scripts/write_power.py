"""Write docs/power.md from the stored verdicts of the demo's world and the demo's own verdicts."""

import argparse
from pathlib import Path

import polars as pl

from tertius.claims import claim_files, load_claims
from tertius.generated import renewed_between
from tertius.registry import read_yaml
from tertius.worlds.declared import world_truths
from tertius.worlds.power import WANTED, claim_powers
from tertius.worlds.power_page import power_section
from tertius.worlds.store import stored

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- power: begin (scripts/write_power.py) -->", "<!-- power: end -->"


def main(*, firms: int, alpha: float = 0.05) -> None:
    """The table of powers beside the page, and the page."""
    files, schema = claim_files(ROOT)
    claims = [claim for claim in load_claims(files, schema).claims if claim.test]
    shapes = {claim.id: claim.test.shape for claim in claims if claim.test}
    testability = {claim.id: claim.testability for claim in claims}
    verdicts = stored(ROOT / "docs" / "power", f"demo-{firms}")
    if verdicts is None:
        raise SystemExit("no seed is stored yet: make power")
    powers = claim_powers(verdicts, world_truths(ROOT, "demo", firms), shapes, alpha)
    powers = powers.with_columns(testability=pl.col("claim_id").replace_strict(testability))
    powers.write_csv(ROOT / "docs" / "power" / f"demo-{firms}.csv", float_precision=4)
    powers = powers.join(own_verdicts(), on="claim_id", how="left").with_columns(
        matches=pl.col("verdict") == pl.col("truth").replace_strict(WANTED)
    )
    page = ROOT / "docs" / "power.md"
    explanations = read_yaml(ROOT / "docs" / "power" / "explanations.yaml")
    section = power_section(powers, explanations, verdicts)
    text = renewed_between(page.read_text("utf-8"), BEGIN, END, section)
    page.write_text(text, encoding="utf-8")
    print(text)


def own_verdicts() -> pl.DataFrame:
    """Verdicts of the demo as it was last run."""
    path = ROOT / "results" / "demo" / "verdicts" / "verdicts.csv"
    if not path.is_file():
        raise SystemExit(f"no {path.relative_to(ROOT)}: run the demo first, make")
    return pl.read_csv(path, infer_schema_length=None).select("claim_id", "verdict")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, default=1100)
    main(**vars(parser.parse_args()))
