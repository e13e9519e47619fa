"""Intervals and p values from draws of a resampled estimate."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from tertius.arrays import FloatArray


def percentile_interval(draws: FloatArray, level: float) -> tuple[float, float]:
    """Quantiles of the (B,) draws that leave (1 - level) / 2 on each side (Efron 1979)."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def basic_interval(draws: FloatArray, estimate: float, level: float) -> tuple[float, float]:
    """Percentile interval mirrored at the estimate (Davison & Hinkley 1997)."""
    low, high = percentile_interval(draws, level)
    return 2 * estimate - high, 2 * estimate - low


def bca_interval(
    draws: FloatArray, estimate: float, jackknife: FloatArray, level: float
) -> tuple[float, float]:
    """Bias-corrected and accelerated interval (Efron 1987).

    Args:
        draws: (B,) resampled estimates.
        estimate: on the whole sample.
        jackknife: (G,) estimates without each cluster in turn.
        level: coverage.

    Raises:
        ValueError: all draws lie on one side of the estimate, so no correction exists.
    """
    below = float((draws < estimate).mean() + 0.5 * (draws == estimate).mean())
    if not 0 < below < 1:
        raise ValueError("all draws lie on one side of the estimate")
    bias = float(stats.norm.ppf(below))
    spread = jackknife.mean() - jackknife
    total = float((spread**2).sum())
    acceleration = float((spread**3).sum()) / (6 * total**1.5) if total > 0 else 0.0
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + float(stats.norm.ppf(tail))
        shifted = float(stats.norm.cdf(bias + z / (1 - acceleration * z)))
        ends.append(float(np.quantile(draws, shifted)))
    return ends[0], ends[1]


def resampled_p_value(draws: FloatArray, estimate: float, alternative: str = "two-sided") -> float:
    """p from draws under the null: (1 + number at least as extreme) / (B + 1).

    Ties that differ by rounding alone count as extreme (Phipson & Smyth 2010 for the ones added).

    Args:
        draws: (B,) statistics under the null; NaN rows are left out.
        estimate: the statistic observed.
        alternative: two-sided (absolute values), greater or less.

    Raises:
        ValueError: the alternative is unknown.
    """
    draws = draws[~np.isnan(draws)]
    slack = 1e-12 * max(abs(estimate), float(np.abs(draws).max(initial=0.0)))
    if alternative == "two-sided":
        hits = np.abs(draws) >= abs(estimate) - slack
    elif alternative == "greater":
        hits = draws >= estimate - slack
    elif alternative == "less":
        hits = draws <= estimate + slack
    else:
        raise ValueError(f"unknown alternative {alternative!r}")
    return (1 + int(hits.sum())) / (len(draws) + 1)


def monte_carlo_error(p_value: float, draws: int) -> float:
    """Standard error of a resampled p value from its finite number of draws."""
    return math.sqrt(p_value * (1 - p_value) / draws)
