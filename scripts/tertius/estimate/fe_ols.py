"""Least squares with firm and year effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sl

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.result import Estimate, Fit, assemble_estimate
from tertius.estimate.sample import (
    KEPT,
    SINGLETON,
    Sample,
    cluster_sums,
    group_scores_by_cluster,
    groups_nested,
    make_sample,
    trim_rows,
)
from tertius.estimate.two_way import (
    Effects,
    effects_note,
    independent_columns,
    independent_in_gram,
    solve_scaled,
)
from tertius.estimate.within_kernels import firm_cross_products, residual_scores

NEARLY_ABSORBED = 1e-4
"""Share of a column's variance within firms that must be left beside the years for cross-products
alone to be accurate."""


@dataclass(frozen=True, eq=False)
class OlsFit:
    """Least squares after the effects: `x_within` (n, k) and `bread` = (X'X)^-1 on kept columns."""

    coefficients: FloatArray
    bread: FloatArray
    x_within: FloatArray
    residuals: FloatArray
    kept: IntArray
    collinear: IntArray
    r2_within: float


def absorbed_ols(x: FloatArray, y: FloatArray, effects: Effects) -> OlsFit:
    """Least squares of y on x and the absorbed effects (Frisch & Waugh 1933).

    Args:
        x: (n, k); collinear columns are dropped, earlier ones winning.
        y: (n,).
        effects: layout of the effects.

    Raises:
        NotEstimable: y has no variation within the effects, or no column is left.
    """
    within = effects.within(np.column_stack([x, y]))
    y_within = within[:, -1]
    total = float(y_within @ y_within)
    if total <= 1e-24 * max(float(y @ y), 1e-300):
        raise NotEstimable("no_variation", "y", "the outcome does not vary within the effects")
    kept, collinear = independent_columns(within[:, :-1], x)
    if not len(kept):
        raise NotEstimable("collinear", "x", "the effects absorb every regressor")
    x_within = within[:, :-1] if not len(collinear) else within[:, kept]
    gram = x_within.T @ x_within
    bread, coefficients = _solve(gram, x_within.T @ y_within)
    residuals = y_within - x_within @ coefficients
    r2 = 1 - float(residuals @ residuals) / total
    return OlsFit(coefficients, bread, x_within, residuals, kept, collinear, r2)


@dataclass(frozen=True, eq=False)
class FastOlsFit:
    """As `OlsFit`, with (G, k) `scores` by group in place of the columns."""

    coefficients: FloatArray
    bread: FloatArray
    scores: FloatArray
    residuals: FloatArray
    kept: IntArray
    collinear: IntArray
    r2_within: float


def two_way_ols(x: FloatArray, y: FloatArray, effects: Effects) -> FastOlsFit | None:
    """`absorbed_ols` from cross-products alone, in two passes over the rows.

    With A = (x, y) in deviation from firm means, D the year dummies likewise and M = D'D, the
    within cross-products are A'A - (D'A)' M^-1 (D'A) (Wansbeek & Kapteyn 1989).

    Returns:
        None where the conditions do not hold: two effects with the rows of a group together, no
        collinear column, and none that the years nearly absorb.
    """
    if effects.starts is None or effects.year is None:
        return None
    columns = np.ascontiguousarray(x, dtype=np.float64)
    gram, by_year, system, moments = firm_cross_products(
        columns, y, effects.starts, effects.year, effects.n_years, int(effects.counts.max())
    )
    shift = solve_scaled(system, by_year)
    within = gram - by_year.T @ shift
    left = np.diag(within)
    if (left <= NEARLY_ABSORBED * np.diag(gram)).any():
        return None
    n, k = x.shape
    floor = 1e-10 * np.maximum(moments[0] - moments[1] ** 2 / n, 0.0)
    kept, collinear = independent_in_gram(within[:k, :k], floor[:k])
    if len(collinear) or left[k] <= floor[k]:
        return None
    bread, b = _solve(within[:k, :k], within[:k, k])
    level = shift[:, k] - shift[:, :k] @ b
    residuals, scores = residual_scores(
        columns, y, effects.starts, effects.year, np.ascontiguousarray(shift[:, :k]), b, level
    )
    r2 = 1 - float(residuals @ residuals) / float(left[k])
    return FastOlsFit(b, bread, scores, residuals, kept, collinear, r2)


def _solve(gram: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inverse of (k, k) cross-products and the solution, scaled by the diagonal."""
    scale = 1 / np.sqrt(np.diag(gram))
    factor = sl.cho_factor(gram * np.outer(scale, scale))
    bread = sl.cho_solve(factor, np.eye(len(gram))) * np.outer(scale, scale)
    return bread, sl.cho_solve(factor, right * scale) * scale


def _residual_variance(fit: OlsFit | FastOlsFit, sample: Sample) -> float:
    """Residual variance with all effects counted among the parameters."""
    levels = sum(int(codes.max()) for codes in sample.effects.codes) + 1
    free = len(fit.residuals) - len(fit.kept) - levels
    return float(fit.residuals @ fit.residuals) / max(free, 1)


def fit_sample(sample: Sample) -> tuple[OlsFit | FastOlsFit, FloatArray]:
    """Least squares on a sample, and the scores (G, k) of its clusters."""
    if groups_nested(sample):
        fast = two_way_ols(sample.x, sample.y, sample.effects)
        if fast is not None:
            return fast, group_scores_by_cluster(fast.scores, sample)
    fit = absorbed_ols(sample.x, sample.y, sample.effects)
    return fit, cluster_sums(fit.x_within * fit.residuals[:, None], sample)


def fit_fe_ols(design: Design) -> Estimate:
    """Two-way (or one-way, or pooled) fixed-effects OLS with clustered covariance.

    Singletons of an effect are dropped iteratively and counted; columns that the effects or earlier
    columns absorb are dropped by name.

    Raises:
        NotEstimable: too few rows or clusters, nothing varies, or every column is collinear.
    """
    start = np.zeros(len(design.y), dtype=np.int8)
    assert KEPT == 0
    sample = make_sample(design, trim_rows(design, start, counts=False), (SINGLETON,))
    fit, scores = fit_sample(sample)
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=fit.coefficients,
            influence=scores @ fit.bread,
            fitted=sample.y - fit.residuals,
            columns=fit.kept,
            collinear=fit.collinear,
            statistics={"r2_within": fit.r2_within},
            information=fit.bread * _residual_variance(fit, sample),
            warnings=effects_note(sample.effects),
        ),
    )
