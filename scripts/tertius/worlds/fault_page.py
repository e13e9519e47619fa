"""The table of docs/faults.md: how much of each fault the main verdicts survive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tertius.worlds.attenuation import ENOUGH

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
    found = {(c, f): t for c, f, t, _ in tolerances.iter_rows()}
    lines = [
        f"{min(table['seeds'])} to {max(table['seeds'])} seeds; rates "
        f"{', '.join(f'{p} %' for p in percents)}. A cell is the highest of these rates at which "
        f"at least {ENOUGH:.0%} of the worlds that decide the claim keep its verdict, and in "
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


def _cell(tolerance: int | None, slope: float | None) -> str:
    words = "not decided" if tolerance is None else f"{tolerance} %" if tolerance else "none"
    return words if slope is None else f"{words} ({slope:.2f})"


def survived(tolerances: pl.DataFrame, claim: str) -> dict[str, int | None]:
    """Fault -> highest rate that a claim's verdict survives, in percent."""
    own = tolerances.filter(pl.col("claim_id") == claim)
    return dict(own.select("fault", "tolerance").iter_rows())
