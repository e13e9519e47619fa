"""Generalised method of moments for dynamic panels.

Arellano & Bond (1991), Arellano & Bover (1995), Blundell & Bond (1998); the two-step covariance
with the correction of Windmeijer (2005).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.dynamic_panel import Equations
from tertius.estimate.iv_core import Test

RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class GmmFit:
    """A fit by one or two steps.

    `coefficients` (k,), `covariance` (k, k) robust (two-step: corrected), `uncorrected` (k, k) the
    two-step covariance before correction, `influence` (G, k), `bread` (k, k) and `weight` (L, L) of
    the last step, `moments` (G, L) by firm at the estimate, `outer` (L, L) the sum of outer
    products of the first-step moments, `first_step` (k,).
    """

    coefficients: FloatArray
    covariance: FloatArray
    uncorrected: FloatArray
    influence: FloatArray
    bread: FloatArray
    weight: FloatArray
    moments: FloatArray
    outer: FloatArray
    first_step: FloatArray
    n_instruments: int
    n_obs: int
    steps: int


def _inverse(matrix: FloatArray) -> tuple[FloatArray, int]:
    """Generalised inverse of a symmetric matrix scaled by its diagonal, and its rank."""
    diagonal = np.maximum(np.diag(matrix), np.finfo(np.float64).tiny)
    scale = 1 / np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(matrix * np.outer(scale, scale))
    kept = values > RANK_TOLERANCE * values[-1]
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    return inverse * np.outer(scale, scale), int(kept.sum())


def _moments(equations: Equations, residuals: FloatArray) -> FloatArray:
    """(G, L) instrument times residual, summed by firm."""
    total: FloatArray = np.einsum("grl,gr->gl", equations.z, residuals, optimize=True)
    return total


def fit_gmm(equations: Equations, steps: int = 2) -> GmmFit:
    """Estimate stacked equations by one-step or two-step GMM.

    Args:
        equations: from `make_equations`.
        steps: 1 (robust covariance) or 2 (weight from the first step, corrected covariance).

    Raises:
        NotEstimable: fewer independent instruments than regressors, or regressors not separated.
    """
    k = equations.x.shape[2]
    flat_z = equations.z.reshape(-1, equations.z.shape[2])
    zx = flat_z.T @ equations.x.reshape(-1, k)
    zy = flat_z.T @ equations.y.ravel()
    weight, rank = _inverse(equations.weight)
    if rank < k:
        raise NotEstimable(
            "under_identified", "instruments", f"{rank} instruments for {k} regressors"
        )
    bread = _bread(zx, weight)
    first = bread @ (zx.T @ (weight @ zy))
    moments = _moments(equations, equations.y - equations.x @ first)
    influence = moments @ weight @ zx @ bread
    robust = influence.T @ influence
    outer = moments.T @ moments
    fit = GmmFit(
        coefficients=first,
        covariance=(robust + robust.T) / 2,
        uncorrected=bread,
        influence=influence,
        bread=bread,
        weight=weight,
        moments=moments,
        outer=outer,
        first_step=first,
        n_instruments=rank,
        n_obs=_rows(equations),
        steps=1,
    )
    return fit if steps == 1 else _second_step(equations, fit, zx, zy)


def _rows(equations: Equations) -> int:
    """Rows of the level equation in a system, else of the transformed one."""
    periods = equations.difference_used.shape[1]
    used = equations.used
    return int((used[:, periods:] if used.shape[1] > periods else used).sum())


def _bread(zx: FloatArray, weight: FloatArray) -> FloatArray:
    """(X'Z A Z'X)^-1, refused where the moments do not separate the regressors."""
    gram = zx.T @ weight @ zx
    scale = 1 / np.sqrt(np.maximum(np.diag(gram), np.finfo(np.float64).tiny))
    scaled = gram * np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e13:
        raise NotEstimable(
            "under_identified", "instruments", "the moments do not separate the regressors"
        )
    inverse = np.linalg.inv(scaled) * np.outer(scale, scale)
    return np.asarray((inverse + inverse.T) / 2, dtype=np.float64)


def _second_step(equations: Equations, one: GmmFit, zx: FloatArray, zy: FloatArray) -> GmmFit:
    """Reweight by the first-step moments and correct the covariance (Windmeijer 2005, eq. 3.3)."""
    weight, _ = _inverse(one.outer)
    bread = _bread(zx, weight)
    second = bread @ (zx.T @ (weight @ zy))
    moments = _moments(equations, equations.y - equations.x @ second)
    gap = weight @ (zy - zx @ second)
    k = len(second)
    shift = np.zeros((k, k))
    for j in range(k):
        slope = _moments(equations, equations.x[:, :, j])
        turn = slope.T @ (one.moments @ gap) + one.moments.T @ (slope @ gap)
        shift[:, j] = bread @ (zx.T @ (weight @ turn))
    corrected = bread + shift @ bread + bread @ shift.T + shift @ one.covariance @ shift.T
    return GmmFit(
        coefficients=second,
        covariance=(corrected + corrected.T) / 2,
        uncorrected=bread,
        influence=moments @ weight @ zx @ bread,
        bread=bread,
        weight=weight,
        moments=moments,
        outer=one.outer,
        first_step=one.first_step,
        n_instruments=one.n_instruments,
        n_obs=one.n_obs,
        steps=2,
    )


def _chi_square(value: float, dof: int) -> Test | None:
    return None if dof <= 0 else Test(value, dof, None, float(stats.chi2.sf(value, dof)))


def hansen_test(equations: Equations, fit: GmmFit) -> Test | None:
    """Hansen's J at the two-step estimate, chi-square(instruments - regressors); None if exact."""
    two = fit if fit.steps == 2 else fit_gmm(equations, 2)
    total = two.moments.sum(axis=0)
    value = float(total @ two.weight @ total)
    return _chi_square(value, two.n_instruments - len(two.coefficients))


def sargan_test(equations: Equations, fit: GmmFit) -> Test | None:
    """Sargan's test at the one-step estimate; valid under homoskedastic errors only.

    The error variance is half the mean square of the differenced residuals (N - k below).
    """
    one = fit if fit.steps == 1 else fit_gmm(equations, 1)
    residuals = difference_residuals(equations, one.coefficients)
    free = int(equations.difference_used.sum()) - len(one.coefficients)
    variance = float((residuals**2).sum()) / (2 * free)
    total = one.moments.sum(axis=0)
    value = float(total @ one.weight @ total) / variance
    return _chi_square(value, one.n_instruments - len(one.coefficients))


def difference_hansen(equations: Equations, fit: GmmFit, group: str) -> Test | None:
    """Difference-in-Hansen test of one group of instruments (level, transformed, exogenous).

    J falls by this much when the group leaves; the reduced model keeps its block of the full
    weight's inverse, so that the difference is never negative (Hayashi 2000, p. 220). None where
    the rest does not over-identify the model.
    """
    out = np.array([name == group for name in equations.groups])
    two = fit if fit.steps == 2 else fit_gmm(equations, 2)
    full = hansen_test(equations, two)
    if full is None or not out.any():
        return None
    k = len(two.coefficients)
    keep: BoolArray = ~out
    weight, rank = _inverse(two.outer[np.ix_(keep, keep)])
    if rank < k:
        return None
    flat_z = equations.z[:, :, keep].reshape(-1, int(keep.sum()))
    zx = flat_z.T @ equations.x.reshape(-1, k)
    zy = flat_z.T @ equations.y.ravel()
    try:
        bread = _bread(zx, weight)
    except NotEstimable:
        return None
    gap = zy - zx @ (bread @ (zx.T @ (weight @ zy)))
    reduced = float(gap @ weight @ gap)
    return _chi_square(full.statistic - reduced, full.dof - max(rank - k, 0))


def difference_residuals(equations: Equations, coefficients: FloatArray) -> FloatArray:
    """(G, T) residuals in first differences, zero where there is no row."""
    used = equations.difference_x.shape[2]
    # the constant of the level equation has no difference
    return equations.difference_y - equations.difference_x @ coefficients[:used]


def serial_correlation(equations: Equations, fit: GmmFit, order: int) -> tuple[float, float]:
    """Test of Arellano & Bond (1991) for correlation of differenced residuals at a lag.

    Returns:
        (z, p), both NaN where no two residuals are `order` years apart. First order is expected;
        second order speaks against the instruments at lag 2.
    """
    residuals = difference_residuals(equations, fit.coefficients)
    lagged = np.zeros_like(residuals)
    if order < residuals.shape[1]:
        lagged[:, order:] = residuals[:, :-order]
    lagged = np.where(equations.difference_used, lagged, 0.0)
    by_firm = (lagged * residuals).sum(axis=1)
    if not (by_firm != 0).any():
        return math.nan, math.nan
    k = equations.difference_x.shape[2]
    slope = np.zeros(len(fit.coefficients))
    slope[:k] = np.einsum("gt,gtk->k", lagged, equations.difference_x)
    # influence of the coefficients as it enters the statistic, without the correction
    cross = fit.influence.T @ by_firm
    variance = float(by_firm @ by_firm) - 2 * float(slope @ cross)
    variance += float(slope @ fit.covariance @ slope)
    if variance <= 0:
        return math.nan, math.nan
    z = float(by_firm.sum()) / math.sqrt(variance)
    return z, float(2 * stats.norm.sf(abs(z)))
