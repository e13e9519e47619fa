"""Write the example of docs/multiverse.md from the multiverses of a study's results."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tertius.exhibits.style import count, probability, real, share

BEGIN = "<!-- example: begin (scripts/write_multiverse_page.py) -->\n"
END = "<!-- example: end -->"
HEADS = (
    "claim",
    "shape",
    "choices",
    "of construction",
    "specifications",
    "same sign",
    "pass",
    "opposite",
    "p (median t)",
    "what drives it most",
)


def row_of(told: Mapping[str, Any]) -> list[str]:
    """One line of the table from a summary."""
    varied = [name for name in told["choices"] if name not in told["idle"]]
    built = [name for name in varied if told["choices"][name]["part"] == "construction"]
    found, parts = told["shares"], told["decomposition"]["shares"]
    first = sorted(parts, key=lambda name: (-parts[name], name))[:3]
    drivers = ", ".join(f"{name.replace('_', ' ')} {share(parts[name])}" for name in first)
    joint = {test["statistic"]: test for test in told["joint"]}
    median = joint.get("absolute median t")
    return [
        told["claim_id"],
        told["shape"].replace("_", " "),
        str(len(varied)),
        str(len(built)),
        count(found["n"]),
        share(found["same_sign"]),
        share(found["expected"]),
        share(found["opposite"]),
        f"{probability(median['p_value'])} (t {real(median['observed'], 2)})" if median else "-",
        drivers,
    ]


def section(summaries: list[Mapping[str, Any]]) -> str:
    """The table, one line a claim."""
    rows = [row_of(told) for told in sorted(summaries, key=lambda told: told["claim_id"])]
    lines = [HEADS, ["---"] * len(HEADS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(root: Path, study: str) -> None:
    page = root / "docs" / "multiverse.md"
    files = sorted((root / "results" / study / "multiverse").glob("*.json"))
    text = page.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    table = section([json.loads(path.read_text(encoding="utf-8")) for path in files])
    page.write_text(head + BEGIN + table + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="demo")
    main(Path(__file__).resolve().parents[1], parser.parse_args().study)
