"""How far verdicts can be trusted: what the seeds of a world say together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from tertius.worlds.coverage import JOINT

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
) -> Rates:
    """Rates of a world.

    Args:
        verdicts: stored rows.
        truths: planted truth by claim; claims without one are left out.
        alpha: level of the tests.
    """
    told = verdicts.filter(pl.col("claim_id").is_in(list(truths))).with_columns(
        truth=pl.col("claim_id").replace_strict(truths, return_dtype=pl.String)
    )
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


def leaning(
    verdicts: pl.DataFrame, truths: Mapping[str, str], alpha: float, rare: float = 0.01
) -> pl.DataFrame:
    """False claims that the seeds of a world judge as if they were not, too often for chance.

    Args:
        verdicts: stored rows.
        truths: planted truth by claim.
        alpha: level of the tests, the most that chance gives.
        rare: a claim is told where chance would give so many seeds with at most this probability.

    Returns:
        claim_id, mechanical, seeds, supported, contradicted (numbers of seeds), sorted by claim.
    """
    false = [claim for claim, truth in truths.items() if truth == "false"]
    counted = (
        verdicts.filter(pl.col("claim_id").is_in(false))
        .group_by("claim_id")
        .agg(
            pl.col("mechanical").first(),
            pl.len().cast(pl.Int64).alias("seeds"),
            (pl.col("verdict") == "supported").sum().cast(pl.Int64).alias("supported"),
            (pl.col("verdict") == "contradicted").sum().cast(pl.Int64).alias("contradicted"),
        )
        .sort("claim_id")
    )
    wrong = (counted["supported"] + counted["contradicted"]).to_numpy()
    chance = np.asarray(stats.binom.sf(wrong - 1, counted["seeds"].to_numpy(), alpha))
    return counted.filter(pl.Series(chance) <= rare)


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
