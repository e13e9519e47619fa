"""Write docs/faults.md, its figure and its tables from the stored verdicts of faulty worlds."""

import argparse
from pathlib import Path

from tertius.exhibits.figures.attenuation import attenuation_plot
from tertius.exhibits.style import figure_bytes, write_bytes
from tertius.generated import renewed_between
from tertius.simulate.faults import FAULTS
from tertius.worlds.attenuation import attenuations, tolerances
from tertius.worlds.declared import world_truths
from tertius.worlds.fault_page import WORDS, fault_section
from tertius.worlds.run import Run
from tertius.worlds.store import stored

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "faults"
BEGIN, END = "<!-- faults: begin (scripts/write_faults.py) -->", "<!-- faults: end -->"
MAIN = ("A04", "A11", "A19", "A25", "B11", "B17", "B44")
"""Claims whose effects the demo plants by name: one curve each."""


def main(*, firms: int, percents: list[int]) -> None:
    """Tables, figure and page."""
    runs = [Run("demo", firms, 0, 0, fault, p) for fault in FAULTS for p in percents]
    tables = {(str(r.fault), r.percent): stored(FOLDER, r.name) for r in runs}
    clean = stored(FOLDER, Run("demo", firms, 0, 0).name)
    if clean is None or all(table is None for table in tables.values()):
        raise SystemExit("no seed is stored yet: make faults")
    found = attenuations(clean, {k: t for k, t in tables.items() if t is not None})
    survived = tolerances(found)
    found.write_csv(FOLDER / f"attenuation-{firms}.csv", float_precision=4)
    survived.write_csv(FOLDER / f"tolerance-{firms}.csv")
    write_bytes(
        FOLDER / "attenuation.svg", figure_bytes(attenuation_plot(found, MAIN, WORDS), "svg")
    )
    truths = world_truths(ROOT, "demo", firms)
    page = ROOT / "docs" / "faults.md"
    section = fault_section(found, survived, MAIN, truths)
    page.write_text(renewed_between(page.read_text("utf-8"), BEGIN, END, section), "utf-8")
    print(section)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, default=1100)
    parser.add_argument("--percents", nargs="+", type=int, default=[5, 10, 20])
    main(**vars(parser.parse_args()))
