"""Reliability and validity of scales: alpha, omega, average variance extracted, HTMT."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Reals = NDArray[np.float64]


def covariance(answers: ArrayLike, weights: ArrayLike | None = None) -> Reals:
    """Covariance matrix of the items (divisor N - 1, or the weights' sum less their mean)."""
    x = np.asarray(answers, dtype=float)
    w = np.ones(x.shape[0]) if weights is None else np.asarray(weights, dtype=float)
    w = w * (x.shape[0] / w.sum())
    centred = x - (w @ x) / w.sum()
    return np.asarray((centred * w[:, None]).T @ centred / (w.sum() - 1.0))


def pairwise_correlations(
    answers: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Reals, int]:
    """Correlations of the items over the rows that answer both, and the fewest such rows.

    With every answer given these are the usual correlations and the number of rows. NaN for items
    without variance. The fewest rows stand for N in a factor model: Marsh (1998).

    Args:
        answers: rows x items, NaN where blank.
        weights: weights of the rows.
    """
    x = np.asarray(answers, dtype=float)
    w = np.ones(x.shape[0]) if weights is None else np.asarray(weights, dtype=float)
    given = np.isfinite(x)
    # Centred first: sums of squares of raw answers would cancel digits.
    z = np.where(given, x - np.nanmean(x, axis=0), 0.0) if x.shape[0] else x
    both = given.astype(float)
    weighted = both * w[:, None]
    total = weighted.T @ both
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (z * w[:, None]).T @ both / total
        square = (z**2 * w[:, None]).T @ both / total - mean**2
        product = (z * w[:, None]).T @ z / total - mean * mean.T
        r = product / np.sqrt(square * square.T)
    np.fill_diagonal(r, np.where(np.isfinite(np.diag(r)), 1.0, np.nan))
    return np.asarray(r), int((both.T @ both).min()) if x.size else 0


def cronbach_alpha(answers: ArrayLike, weights: ArrayLike | None = None) -> float:
    """k/(k-1) (1 - sum of item variances / variance of the sum); at most 1. Cronbach (1951).

    NaN with fewer than two items or three rows, or without variance.

    Args:
        answers: rows x items, complete, reversed items turned.
        weights: weights of the rows.
    """
    x = np.asarray(answers, dtype=float)
    k = x.shape[1]
    if k < 2 or x.shape[0] < 3:
        return float("nan")
    s = covariance(x, weights)
    total = float(s.sum())
    return float("nan") if total <= 0.0 else k / (k - 1.0) * (1.0 - float(np.trace(s)) / total)


def omega(loadings: ArrayLike, residuals: ArrayLike) -> float:
    """(sum of loadings)^2 / ((sum of loadings)^2 + sum of residual variances); McDonald (1999).

    Composite reliability of one factor of variance 1.
    """
    common = float(np.sum(np.asarray(loadings, dtype=float))) ** 2
    return common / (common + float(np.sum(np.asarray(residuals, dtype=float))))


def average_variance(loadings: ArrayLike) -> float:
    """Mean squared standardised loading; in [0, 1]. Fornell and Larcker (1981)."""
    return float(np.mean(np.asarray(loadings, dtype=float) ** 2))


def htmt(correlations: ArrayLike, groups: Sequence[int]) -> Reals:
    """Heterotrait-monotrait ratios of all pairs of scales; 1 on the diagonal.

    Mean correlation between the items of two scales over the geometric mean of the mean
    correlations within each. NaN for a scale of one item or with negative means. Henseler, Ringle
    and Sarstedt (2015).

    Args:
        correlations: items x items.
        groups: number of the scale of each item, from 0.
    """
    r, group = np.asarray(correlations, dtype=float), np.asarray(groups)
    k = int(group.max()) + 1
    members = [np.flatnonzero(group == g) for g in range(k)]
    within = np.full(k, np.nan)
    for g, m in enumerate(members):
        if m.size > 1:
            within[g] = r[np.ix_(m, m)][np.triu_indices(m.size, 1)].mean()
    out = np.eye(k)
    for a in range(k):
        for b in range(a + 1, k):
            between = float(r[np.ix_(members[a], members[b])].mean())
            scale = within[a] * within[b]
            positive = within[a] > 0.0 and within[b] > 0.0
            out[a, b] = out[b, a] = between / np.sqrt(scale) if positive else np.nan
    return out
