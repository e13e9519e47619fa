"""How far verdicts can be trusted: what the seeds of a world say together."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from tertius.worlds.coverage import COEFFICIENT, JOINT, TURNING

LEVEL = 0.95
BAND = 0.99
"""Probability of the band in which the share of intervals that hold the truth should lie."""


@dataclass(frozen=True)
class Share:
    """Hits among trials, and the exact (Clopper-Pearson) 95 % interval of their rate."""

    hits: int
    trials: int

    @property
    def rate(self) -> float:
        """Hits over trials; NaN of no trial."""
        return self.hits / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval; (0, 1) of no trial."""
        if not self.trials:
            return 0.0, 1.0
        found = stats.binomtest(self.hits, self.trials).proportion_ci(LEVEL, "exact")
        return float(found.low), float(found.high)


@dataclass(frozen=True)
class Rates:
    """Rates of one world over claims and seeds; mechanical claims stand apart from false ones.

    Attributes:
        seeds: number of worlds.
        found: true claims that are supported.
        reversed: opposite claims that are contradicted.
        false_adjusted, false_raw: false claims that are supported, and whose own test passes at the
            level before adjustment.
        contradicted: false claims that are contradicted.
        mechanical: false mechanical claims that are supported.
        untested: verdicts of not testable.
    """

    seeds: int
    found: Share
    reversed: Share
    false_adjusted: Share
    false_raw: Share
    contradicted: Share
    mechanical: Share
    untested: int


def rates(
    verdicts: pl.DataFrame,
    truths: Mapping[str, str],
    alpha: float,
    definitional: Collection[str] = (),
) -> Rates:
    """Rates of a world.

    Args:
        verdicts: stored rows.
        truths: planted truth by claim; claims without one are left out.
        alpha: level of the tests.
        definitional: claims that hold by definition in every world; they are left out.
    """
    told = verdicts.filter(
        pl.col("claim_id").is_in(list(truths)) & ~pl.col("claim_id").is_in(list(definitional))
    ).with_columns(truth=pl.col("claim_id").replace_strict(truths, return_dtype=pl.String))
    false = pl.col("truth") == "false"
    plain = told.filter(false & ~pl.col("mechanical"))
    passes = (pl.col("p_value") < alpha) & (pl.col("direction") == "expected")
    return Rates(
        seeds=verdicts["seed"].n_unique(),
        found=_share(told.filter(pl.col("truth") == "true"), pl.col("verdict") == "supported"),
        reversed=_share(
            told.filter(pl.col("truth") == "opposite"), pl.col("verdict") == "contradicted"
        ),
        false_adjusted=_share(plain, pl.col("verdict") == "supported"),
        false_raw=_share(plain, passes.fill_null(False)),
        contradicted=_share(plain, pl.col("verdict") == "contradicted"),
        mechanical=_share(
            told.filter(false & pl.col("mechanical")), pl.col("verdict") == "supported"
        ),
        untested=told.filter(pl.col("verdict") == "not_testable").height,
    )


def _share(rows: pl.DataFrame, hit: pl.Expr) -> Share:
    return Share(rows.filter(hit).height, rows.height)


def coverage(planted: pl.DataFrame) -> pl.DataFrame:
    """Coverage and bias of every planted quantity.

    Args:
        planted: stored rows of a world's main model.

    Returns:
        quantity, term, seeds, planted (mean), bias (mean estimate less planted), bias_se, sd of the
        estimates, mean_se, covered (share), band_low and band_high (exact binomial band of `BAND`
        for a rate of .95 at this number of seeds) and `in_band`; sorted by quantity and term.
    """
    rows = []
    groups = planted.filter(pl.col("quantity") != JOINT).partition_by(
        "quantity", "term", as_dict=True
    )
    for (quantity, term), part in sorted(groups.items()):
        n = part.height
        gap = (part["estimate"] - part["planted"]).to_numpy()
        low, high = (x / n for x in stats.binom.interval(BAND, n, LEVEL))
        covered = float(part["inside"].cast(pl.Float64).to_numpy().mean())
        rows.append(
            {
                "quantity": quantity,
                "term": term,
                "seeds": n,
                "planted": float(part["planted"].to_numpy().mean()),
                "bias": float(gap.mean()),
                "bias_se": float(gap.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan,
                "sd": float(gap.std(ddof=1)) if n > 1 else math.nan,
                "mean_se": float(part["std_error"].to_numpy().mean()),
                "covered": covered,
                "band_low": low,
                "band_high": high,
                "in_band": bool(low <= covered <= high),
            }
        )
    return pl.DataFrame(rows)


def needed_firms(mean_z: float, critical: float, firms: int, power: float = 0.8) -> float:
    """Firms with which a test of this mean z-ratio would have the power.

    The z-ratio grows with the root of the firms: N ((z_crit + z_power) / z)^2; infinite where z is
    zero or NaN.
    """
    if not mean_z or math.isnan(mean_z):
        return math.inf
    return firms * ((critical + float(stats.norm.ppf(power))) / abs(mean_z)) ** 2


def world_section(
    name: str, firms: int, rate: Rates, covered: pl.DataFrame, planted: pl.DataFrame
) -> str:
    """Rates, coverage and bias of one world as markdown.

    Args:
        name: of the world.
        firms: its size.
        rate: of `rates`.
        covered: of `coverage`.
        planted: stored rows of the main model, for the joint test.
    """
    lines = [f"## World {name}, {firms:,} firms, {rate.seeds} seeds", ""]
    shares = {
        "true claims supported": rate.found,
        "opposite claims contradicted": rate.reversed,
        "false claims supported, adjusted": rate.false_adjusted,
        "false claims whose own test passes, raw": rate.false_raw,
        "false claims contradicted, adjusted": rate.contradicted,
        "false mechanical claims supported": rate.mechanical,
    }
    lines += ["| | of | share | 95 % interval |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {words} | {s.trials:,} | {_percent(s.rate)} | "
        f"{_percent(s.interval[0])} to {_percent(s.interval[1])} |"
        for words, s in shares.items()
        if s.trials
    ]
    lines += ["", f"Verdicts of not testable: {rate.untested}."]
    if covered.height:
        joint = planted.filter(pl.col("quantity") == JOINT)
        told = {q: covered.filter(pl.col("quantity") == q) for q in (COEFFICIENT, TURNING)}
        inside = ", ".join(
            f"{int(t['in_band'].sum())} of {t.height} {q}s" for q, t in told.items() if t.height
        )
        lines += [
            "",
            f"Coverage lies inside its exact {BAND:.0%} band for {inside}. The joint Wald test "
            f"rejects the plants at 5 % in {joint.filter(~pl.col('inside')).height} of "
            f"{joint.height} seeds.",
            "",
            "| quantity | term | planted | bias (se) | sd | mean se | covered | band |",
            f"|{' --- |' * 8}",
            *(_line(row) for row in covered.iter_rows(named=True)),
        ]
    return "\n".join(lines) + "\n"


def _line(row: Mapping[str, Any]) -> str:
    covered = f"{row['covered']:.2f}"
    cells = (
        row["quantity"], f"`{row['term']}`", f"{row['planted']:.3f}",
        f"{row['bias']:.3f} ({row['bias_se']:.3f})", f"{row['sd']:.3f}", f"{row['mean_se']:.3f}",
        covered if row["in_band"] else f"**{covered}**",
        f"{row['band_low']:.2f} to {row['band_high']:.2f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _percent(rate: float) -> str:
    return "" if np.isnan(rate) else f"{100 * rate:.1f} %"
