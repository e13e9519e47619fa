"""Restricted cubic splines of a regressor and the column bookkeeping that curve tests share."""

from __future__ import annotations

import numpy as np

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate

KNOT_QUANTILES = {
    3: (0.10, 0.50, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.50, 0.725, 0.95),
    6: (0.05, 0.23, 0.41, 0.59, 0.77, 0.95),
    7: (0.025, 0.1833, 0.3417, 0.50, 0.6583, 0.8167, 0.975),
}
"""Places of knots by their number (Harrell 2015, table 2.3)."""


def spline_knots(x: FloatArray, n_knots: int = 5) -> FloatArray:
    """Knots at Harrell's quantiles; ties are merged.

    Raises:
        NotEstimable: fewer than three different knots.
    """
    knots = np.unique(np.quantile(x, KNOT_QUANTILES[n_knots]))
    if len(knots) < 3:
        raise NotEstimable("no_variation", "x", "x has too few different values for a curve")
    return knots


def restricted_cubic(x: FloatArray, knots: FloatArray) -> FloatArray:
    """(n, K - 1) columns: x and K - 2 cubic ones, linear beyond the outer knots.

    With t the knots and u+ = max(u, 0): (x - t_j)+^3 - (x - t_{K-1})+^3 (t_K - t_j)/(t_K - t_{K-1})
    + (x - t_K)+^3 (t_{K-1} - t_j)/(t_K - t_{K-1}), over (t_K - t_1)^2 (Harrell 2015, eq. 2.25).
    """
    last, before, first = knots[-1], knots[-2], knots[0]
    columns = [x]
    for t in knots[:-2]:
        bent = np.maximum(x - t, 0) ** 3
        bent = bent - np.maximum(x - before, 0) ** 3 * (last - t) / (last - before)
        bent = bent + np.maximum(x - last, 0) ** 3 * (before - t) / (last - before)
        columns.append(bent / (last - first) ** 2)
    return np.column_stack(columns)


def ok_values(estimate: Estimate, base: str) -> tuple[FloatArray, BoolArray]:
    """Uncentred values of a variable, its mean put where it is undefined, and the flags of ok rows.

    Undefined rows have a dummy of their own in the model, so that the filler has no effect.

    Raises:
        NotEstimable: the variable does not vary.
    """
    values = estimate.values(base)
    ok = ~np.isnan(values)
    known = estimate.variables[base]
    if known.min >= known.max:
        raise NotEstimable("no_variation", base, f"{base} does not vary in the sample")
    return np.where(ok, values, known.mean), ok


def curve_terms(estimate: Estimate, base: str) -> tuple[str, ...]:
    """Terms of the model that are powers of one variable alone."""
    powers = (base, f"{base}^2", f"{base}^3")
    return tuple(term for term in powers if estimate.has(term))
