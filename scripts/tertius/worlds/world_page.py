"""The sections of docs/worlds.md: all worlds together, and each of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tertius.worlds.coverage import COEFFICIENT, JOINT, TURNING
from tertius.worlds.power import FOUND
from tertius.worlds.power_page import POWERED
from tertius.worlds.summary import BAND, Rates, Share

BIASED = 3.0
"""Standard errors beyond which a bias is told."""
WORDS: Mapping[str, str] = {
    "found": "true claims supported",
    "reversed": "opposite claims contradicted",
    "false_adjusted": "false claims supported, adjusted",
    "false_raw": "false claims whose own test passes, raw",
    "contradicted": "false claims contradicted, adjusted",
    "mechanical": "false mechanical claims supported",
}


@dataclass(frozen=True, eq=False)
class World:
    """What is told of one world.

    Attributes:
        name: of its declaration.
        firms: its size.
        rates: of `summary.rates`.
        covered: of `summary.coverage`.
        planted: stored rows of the main model, for the joint test.
        powers: of `claim_powers` with `firms_for_80`; no row where nothing is planted.
        leaning: of `summary.leaning`.
        seconds: of every run.
    """

    name: str
    firms: int
    rates: Rates
    covered: pl.DataFrame
    planted: pl.DataFrame
    powers: pl.DataFrame
    leaning: pl.DataFrame
    seconds: Sequence[float]


def overview(worlds: Sequence[World]) -> str:
    """Rates of all worlds side by side and pooled, and the time that they took, as markdown."""
    heads = [f"{one.name}, {one.rates.seeds} seeds" for one in worlds]
    lines = [
        "## All worlds",
        "",
        f"| | {' | '.join(heads)} | all |",
        f"|{' --- |' * (len(worlds) + 2)}",
    ]
    for field, words in WORDS.items():
        shares = [getattr(one.rates, field) for one in worlds]
        pooled = Share(sum(s.hits for s in shares), sum(s.trials for s in shares))
        lines.append(f"| {words} | {' | '.join(_of(s) for s in [*shares, pooled])} |")
    seconds = np.array([s for one in worlds for s in one.seconds])
    lines += [
        "",
        f"{len(seconds)} runs took {seconds.sum() / 3600:.1f} hours of one core "
        f"({np.median(seconds):.0f} s a run, median), {seconds.sum() / 7200:.1f} hours on two.",
    ]
    return "\n".join(lines) + "\n"


def _of(share: Share) -> str:
    return f"{_percent(share.rate)} of {share.trials:,}" if share.trials else ""


def world_section(world: World, main: Collection[str], why: Mapping[str, Mapping[str, str]]) -> str:
    """Rates, leaning claims, power, coverage and bias of one world as markdown.

    Args:
        world: what is told.
        main: terms of the main coefficients; they stand first.
        why: `claims`, why a false claim leans to one side, and `terms`, why a coefficient is off.
    """
    lines = [f"## World {world.name}, {world.firms:,} firms, {world.rates.seeds} seeds", ""]
    lines += ["| | of | share | 95 % interval |", "| --- | --- | --- | --- |"]
    for field, words in WORDS.items():
        share: Share = getattr(world.rates, field)
        if share.trials:
            low, high = share.interval
            lines.append(
                f"| {words} | {share.trials:,} | {_percent(share.rate)} | "
                f"{_percent(low)} to {_percent(high)} |"
            )
    lines += ["", f"Verdicts of not testable: {world.rates.untested}.", ""]
    lines += _leaning(world.leaning, why["claims"])
    lines += _power(world.powers, world.name, world.firms)
    lines += _coverage(world.covered, world.planted, main)
    lines += _off(world.covered, why["terms"])
    return "\n".join(lines) + "\n"


def _leaning(table: pl.DataFrame, explanations: Mapping[str, str]) -> list[str]:
    """Claims that lean to one side, each with a reason."""
    if table.is_empty():
        return ["No false claim is judged otherwise more often than chance allows.", ""]
    lines = [
        "False claims that are judged otherwise more often than chance allows (p < .01):",
        "",
        "| claim | supported | contradicted | of | why |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in table.iter_rows(named=True):
        claim = f"{row['claim_id']}{' (mechanical)' if row['mechanical'] else ''}"
        why = explanations.get(row["claim_id"], "")
        lines.append(
            f"| {claim} | {row['supported']} | {row['contradicted']} | {row['seeds']} | {why} |"
        )
    return [*lines, ""]


def _power(powers: pl.DataFrame, name: str, firms: int) -> list[str]:
    """How many planted claims have power, and where the sizes that the others need are listed."""
    planted = powers.filter(pl.col("truth").is_in(FOUND)) if powers.height else powers
    if planted.is_empty():
        return []
    strong = planted.filter(pl.col("power") >= POWERED).height
    ten_thousand = planted.filter(pl.col("firms_for_80") <= 10_000).height
    return [
        f"Of {planted.height} planted claims {strong} have power of at least {POWERED:.0%}; by the "
        f"mean z-ratios {ten_thousand} would have it with 10,000 firms. Power and needed size by "
        f"claim: [{name}-{firms}-power.csv](worlds/{name}-{firms}-power.csv).",
        "",
    ]


def _coverage(covered: pl.DataFrame, planted: pl.DataFrame, main: Collection[str]) -> list[str]:
    """Coverage against its exact band, the main coefficients first."""
    if covered.is_empty():
        return []
    is_main = pl.col("term").is_in(list(main)) & (pl.col("quantity") == COEFFICIENT)
    parts = {
        "main coefficients": covered.filter(is_main),
        "turning points": covered.filter(pl.col("quantity") == TURNING),
        "other coefficients": covered.filter(~is_main & (pl.col("quantity") == COEFFICIENT)),
    }
    inside = ", ".join(
        f"{int(t['in_band'].sum())} of {t.height} {words}" for words, t in parts.items() if t.height
    )
    joint = planted.filter(pl.col("quantity") == JOINT)
    return [
        f"Coverage lies inside its exact {BAND:.0%} band for {inside}. The joint Wald test of all "
        f"coefficients rejects the plants at 5 % in {joint.filter(~pl.col('inside')).height} of "
        f"{joint.height} seeds.",
        "",
        "| quantity | term | planted | bias (se) | sd | mean se | covered | band |",
        f"|{' --- |' * 8}",
        *(_line(row, words) for words, t in parts.items() for row in t.iter_rows(named=True)),
    ]


def _off(covered: pl.DataFrame, reasons: Mapping[str, str]) -> list[str]:
    """Coefficients and turning points that are off, each with a reason."""
    if covered.is_empty():
        return []
    biased = pl.col("bias").abs() > BIASED * pl.col("bias_se")
    rows = covered.filter(~pl.col("in_band") | biased)
    if rows.is_empty():
        return ["", f"No bias is larger than {BIASED:g} of its standard errors."]
    told = [
        f"| {quantity} | `{term}` | {reasons.get(term, '')} |"
        for quantity, term in rows.select("quantity", "term").iter_rows()
    ]
    head = f"Outside the band, or biased by more than {BIASED:g} standard errors of the bias:"
    return ["", head, "", "| quantity | term | why |", "| --- | --- | --- |", *told]


def _line(row: Mapping[str, Any], words: str) -> str:
    covered = f"{row['covered']:.2f}"
    cells = (
        words.removesuffix("s"), f"`{row['term']}`", f"{row['planted']:.3f}",
        f"{row['bias']:.3f} ({row['bias_se']:.3f})", f"{row['sd']:.3f}", f"{row['mean_se']:.3f}",
        covered if row["in_band"] else f"**{covered}**",
        f"{row['band_low']:.2f} to {row['band_high']:.2f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _percent(rate: float) -> str:
    return "" if np.isnan(rate) else f"{100 * rate:.1f} %"
