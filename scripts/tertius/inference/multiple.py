"""Many tests at once: family-wise error rate and false discovery rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tertius.arrays import FloatArray, IntArray
from tertius.inference.score_bootstrap import BootstrapDraws, Hypothesis


def oriented(statistic: FloatArray, alternatives: Sequence[str]) -> FloatArray:
    """Statistics turned so that large is evidence: |t|, t or -t; last axis = hypotheses."""
    out = np.array(statistic, dtype=np.float64)
    for column, alternative in enumerate(alternatives):
        if alternative == "two-sided":
            out[..., column] = np.abs(out[..., column])
        elif alternative == "less":
            out[..., column] = -out[..., column]
    return out


def romano_wolf(hypotheses: Sequence[Hypothesis], draws: BootstrapDraws) -> FloatArray:
    """Stepdown p values that control the family-wise error rate.

    In falling order of the (oriented) statistics, p_(j) = (1 + #{max over the remaining hypotheses
    of t* >= t_(j)}) / (B + 1), made monotone (Romano & Wolf 2005, Econometrica 73:1237; Clarke,
    Romano & Wolf 2020). One-sided hypotheses enter by their signed statistic, two-sided ones by
    |t|.

    Args:
        hypotheses: in the order of `draws.names`.
        draws: from `cluster_bootstrap_draws`.

    Returns:
        (H,) adjusted p values in the order given.

    Raises:
        ValueError: the names differ from those of the draws.
    """
    if tuple(h.name for h in hypotheses) != draws.names:
        raise ValueError("hypotheses and draws differ")
    sides = [h.alternative for h in hypotheses]
    observed = oriented(np.array([h.statistic for h in hypotheses]), sides)
    return stepdown(observed, oriented(draws.statistic, sides))


def stepdown(observed: FloatArray, resampled: FloatArray) -> FloatArray:
    """Romano-Wolf adjusted p of (H,) statistics from (B, H) recentred draws; large is evidence."""
    n_draws = resampled.shape[0]
    order: IntArray = np.lexsort((np.arange(len(observed)), -observed)).astype(np.int64)
    remaining = np.maximum.accumulate(resampled[:, order[::-1]], axis=1)[:, ::-1]
    exceed = (remaining >= observed[order][None, :]).sum(axis=0)
    ordered = np.maximum.accumulate((1.0 + exceed) / (n_draws + 1.0))
    adjusted = np.empty_like(observed, dtype=np.float64)
    adjusted[order] = ordered
    return adjusted


def benjamini_hochberg(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """q values of the false discovery rate (Benjamini & Hochberg 1995), in the order given.

    Raises:
        ValueError: a p value is not in [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p values must lie in [0, 1]")
    order = np.argsort(-p, kind="stable")
    ranks = p.size - np.arange(p.size)
    ordered = np.minimum(np.minimum.accumulate(p[order] * p.size / ranks), 1.0)
    q = np.empty_like(p)
    q[order] = ordered
    return q
