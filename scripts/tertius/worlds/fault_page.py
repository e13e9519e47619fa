"""The table of docs/faults.md: how much of each fault the main verdicts survive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tertius.worlds.attenuation import ENOUGH, pooled

WORDS: Mapping[str, str] = {
    "name_splits": "name splits",
    "name_merges": "name merges",
    "missing_ends": "missing end dates",
    "missing_citations": "missing citations",
    "missing_nodes": "missing organisations",
    "missing_ties": "missing alliances",
    "truncation": "last patents missing",
}
"""Title of each fault."""


def fault_section(
    table: pl.DataFrame, tolerances: pl.DataFrame, claims: Sequence[str], truths: Mapping[str, str]
) -> str:
    """Summary and one line a main claim, as markdown.

    Args:
        table: of `attenuations`.
        tolerances: of `tolerances`.
        claims: the main claims, in order.
        truths: planted truth by claim.
    """
    faults = list(dict.fromkeys(table["fault"]))
    percents = sorted(set(table["percent"]))
    numbers = table["seeds"].to_list()
    seeds = sorted({min(numbers), max(numbers)})
    found = {
        (c, f): t for c, f, t in tolerances.select("claim_id", "fault", "tolerance").iter_rows()
    }
    lines = [
        f"{' to '.join(map(str, seeds))} seeds. Of all verdicts that support or contradict a claim "
        "without the fault, so many are the same with it:",
        "",
        f"| fault | {' | '.join(f'{p} %' for p in percents)} |",
        f"|{' --- |' * (len(percents) + 1)}",
        *_pooled_lines(pooled(table)),
        "",
        "For claims whose effects the demo plants by name a cell is the highest of these rates at "
        f"which at least {ENOUGH:.0%} of the worlds that decide the claim keep its verdict, and in "
        "brackets what remains of the estimate at the highest rate.",
        "",
        f"| claim | truth | {' | '.join(WORDS[f] for f in faults)} |",
        f"|{' --- |' * (len(faults) + 2)}",
    ]
    rows = {
        (c, f): s
        for c, f, s in table.filter(pl.col("percent") == percents[-1])
        .select("claim_id", "fault", "slope")
        .iter_rows()
    }
    for claim in claims:
        cells = [_cell(found.get((claim, f)), rows.get((claim, f))) for f in faults]
        lines.append(f"| {claim} | {truths.get(claim, '')} | {' | '.join(cells)} |")
    figure = "![estimates as faults grow](faults/attenuation.svg)"
    return "\n" + "\n".join([figure, "", *lines]) + "\n"


def _pooled_lines(shares: pl.DataFrame) -> list[str]:
    """One line a fault of `pooled`, its rates ascending."""
    cells: dict[str, list[str]] = {}
    for fault, _, decided, kept in shares.sort("percent", maintain_order=True).iter_rows():
        cells.setdefault(WORDS[fault], []).append(f"{100 * kept:.0f} % of {decided}")
    return [f"| {words} | {' | '.join(told)} |" for words, told in cells.items()]


def _cell(tolerance: int | None, slope: float | None) -> str:
    words = "not decided" if tolerance is None else f"{tolerance} %" if tolerance else "none"
    return words if slope is None else f"{words} ({slope:.2f})"
