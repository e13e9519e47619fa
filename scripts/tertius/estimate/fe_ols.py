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
    make_sample,
    trim_rows,
)
from tertius.estimate.two_way import Effects, effects_note, independent_columns


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
    scale = 1 / np.sqrt(np.diag(gram))
    factor = sl.cho_factor(gram * np.outer(scale, scale))
    bread = sl.cho_solve(factor, np.eye(len(kept))) * np.outer(scale, scale)
    coefficients = sl.cho_solve(factor, (x_within.T @ y_within) * scale) * scale
    residuals = y_within - x_within @ coefficients
    r2 = 1 - float(residuals @ residuals) / total
    return OlsFit(coefficients, bread, x_within, residuals, kept, collinear, r2)


def _residual_variance(fit: OlsFit, sample: Sample) -> float:
    """Residual variance with all effects counted among the parameters."""
    levels = sum(int(codes.max()) for codes in sample.effects.codes) + 1
    free = len(fit.residuals) - len(fit.kept) - levels
    return float(fit.residuals @ fit.residuals) / max(free, 1)


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
    fit = absorbed_ols(sample.x, sample.y, sample.effects)
    scores = cluster_sums(fit.x_within * fit.residuals[:, None], sample)
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
