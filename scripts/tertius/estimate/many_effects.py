"""Any number of absorbed effects: one is concentrated out, the others are solved for jointly.

With at most `DIRECT_LIMIT` levels beside the widest effect the residuals are exact (no iteration);
beyond that the alternating projections of pyfixest are used, and `exact` says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.linalg as sl
from scipy import sparse

from tertius.arrays import FloatArray, IntArray

DIRECT_LIMIT = 1000
PROJECTION_TOLERANCE = 1e-12
PROJECTION_STEPS = 100_000
RANK_TOLERANCE = 1e-11


def drop_nested(codes: Sequence[IntArray]) -> list[IntArray]:
    """Effects without those that a finer one contains (``year`` beside ``ind4:year``).

    Args:
        codes: (n,) codes of each effect.

    Returns:
        The effects left, the one with most levels first, the others in their order.
    """
    sizes = [len(np.unique(code)) for code in codes]
    kept: list[int] = []
    for j, code in enumerate(codes):
        finer = [i for i in range(len(codes)) if (sizes[i], -i) > (sizes[j], -j)]
        if not any(_nested(code, codes[i]) for i in finer):
            kept.append(j)
    widest = max(kept, key=lambda j: (sizes[j], -j))
    return [codes[widest], *(codes[j] for j in kept if j != widest)]


def _nested(coarse: IntArray, fine: IntArray) -> bool:
    """Whether every level of `fine` lies inside one level of `coarse`."""
    home = np.zeros(int(fine.max()) + 1, dtype=np.int64)
    home[fine] = coarse
    return bool((home[fine] == coarse).all())


def exact(codes: Sequence[IntArray]) -> bool:
    """Whether `residuals_on_effects` solves directly: few levels beside the first effect."""
    return sum(int(code.max()) + 1 for code in codes[1:]) <= DIRECT_LIMIT


def residuals_on_effects(
    values: FloatArray, codes: Sequence[IntArray], weights: FloatArray | None
) -> FloatArray:
    """Residuals of (n, k) values on all effects by (weighted) least squares.

    Args:
        values: (n, k), left unchanged.
        codes: (n,) codes 0..m-1 of each effect, the widest first.
        weights: (n,) nonnegative with a positive sum in every level, or None.

    Returns:
        (n, k). Linear dependence among the effects is handled by least squares.

    Raises:
        ArithmeticError: the alternating projections did not converge.
    """
    if not exact(codes):
        return _alternate(values, codes, weights)
    others = dummy_columns(codes[1:]) if len(codes) > 1 else sparse.csr_array((len(values), 0))
    return residuals_on_dummies(values, codes[0], others, weights)


def residuals_on_dummies(
    values: FloatArray, group: IntArray, dummies: sparse.csr_array, weights: FloatArray | None
) -> FloatArray:
    """Residuals of (n, k) values on a grouping and on any sparse columns (n, m), jointly.

    Args:
        values: (n, k), left unchanged. group: (n,) codes. dummies: rows may have several ones.
        weights: (n,) nonnegative with a positive sum in every group, or None.

    Returns:
        (n, k).
    """
    weight = np.ones(len(values)) if weights is None else weights
    firm = dummy_columns([group])
    total = np.asarray(firm.T @ weight)
    out: FloatArray = values - ((firm.T @ (values * weight[:, None])) / total[:, None])[group]
    if not dummies.shape[1]:
        return out
    weighted = sparse.diags_array(weight) @ dummies
    cells = np.asarray((firm.T @ weighted).todense())
    share = cells / total[:, None]
    system = np.asarray((dummies.T @ weighted).todense()) - share.T @ cells
    shift = _solve(system, np.asarray(weighted.T @ out))
    out -= dummies @ shift
    out += (share @ shift)[group]
    return out


def dummy_columns(codes: Sequence[IntArray]) -> sparse.csr_array:
    """(n, m) one column of 0/1 a level, the effects side by side."""
    blocks = []
    for code in codes:
        n = len(code)
        shape = (n, int(code.max()) + 1)
        blocks.append(sparse.csr_array((np.ones(n), (np.arange(n), code)), shape=shape))
    return sparse.csr_array(sparse.hstack(blocks))


def _solve(system: FloatArray, right: FloatArray) -> FloatArray:
    """Least-squares solution of a positive semidefinite system, scaled by its diagonal."""
    scale = np.sqrt(np.maximum(np.diag(system), np.finfo(np.float64).tiny))
    values, vectors = sl.eigh(system / np.outer(scale, scale))
    inverse = np.where(values > RANK_TOLERANCE * values[-1], 1 / np.maximum(values, 1e-300), 0.0)
    found: FloatArray = vectors @ (inverse[:, None] * (vectors.T @ (right / scale[:, None])))
    return found / scale[:, None]


def _alternate(
    values: FloatArray, codes: Sequence[IntArray], weights: FloatArray | None
) -> FloatArray:
    """Alternating projections of pyfixest (Gaure 2013; Correia 2016)."""
    from pyfixest.estimation import demean

    levels = np.stack(codes, axis=1).astype(np.uint64)
    weight = np.ones(len(values)) if weights is None else weights
    out, converged = demean(
        np.ascontiguousarray(values), levels, weight, PROJECTION_TOLERANCE, PROJECTION_STEPS
    )
    if not converged:
        raise ArithmeticError("the alternating projections of the effects did not converge")
    return np.asarray(out, dtype=np.float64)
