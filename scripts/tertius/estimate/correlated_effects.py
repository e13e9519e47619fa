"""Correlated random effects: the firm effect is projected on the firm's regressors.

Pooled OLS or Poisson with the firm means (Mundlak 1978, Econometrica 46:69) or all years' values
(Chamberlain 1982, J. Econometrics 18:5) of the regressors. Unbalanced panels add the means of the
year dummies (Wooldridge 2019, J. Econometrics 211:137); the slopes of OLS then equal those of fixed
effects. The Wald test of the projection is a robust Hausman test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.fe_ols import fit_fe_ols
from tertius.estimate.fe_poisson import fit_fe_poisson
from tertius.estimate.result import Diagnostic, Estimate
from tertius.estimate.sample import KEPT, trim_rows


def fit_cre_ols(design: Design) -> Estimate:
    """Linear model with correlated random effects; terms ``mean(x)`` or ``x@year``.

    Raises:
        NotEstimable: chamberlain on an unbalanced panel, and as in `fit_fe_ols`.
    """
    return _fit(design, fit_fe_ols, counts=False)


def fit_cre_poisson(design: Design) -> Estimate:
    """Poisson model with correlated random effects; terms ``mean(x)`` or ``x@year``.

    Raises:
        NotEstimable: chamberlain on an unbalanced panel, and as in `fit_fe_poisson`.
    """
    return _fit(design, fit_fe_poisson, counts=True)


def _fit(design: Design, fit: Callable[[Design], Estimate], *, counts: bool) -> Estimate:
    """Add the projection over the rows that will be used, fit, and test it."""
    reasons = trim_rows(design, np.zeros(len(design.y), dtype=np.int8), counts=counts)
    rows = reasons == KEPT
    if not rows.any():
        raise NotEstimable("no_rows", design.spec.name, "no row carries information")
    project = mundlak if design.spec.option("projection") == "mundlak" else chamberlain
    columns, labels = project(design, rows)
    full = np.zeros((len(design.y), columns.shape[1]))
    full[rows] = columns
    wide = replace(design, x=np.hstack([design.x, full]), labels=(*design.labels, *labels))
    estimate = fit(wide)
    test = projection_test(estimate, labels)
    return replace(estimate, diagnostics={**estimate.diagnostics, "projection": test})


def mundlak(design: Design, rows: BoolArray) -> tuple[FloatArray, tuple[str, ...]]:
    """Firm means (n_used, q) of the regressors that vary within firms, and their labels."""
    x, firm = design.x[rows], design.firm[rows]
    labels = [f"mean({label})" for label in design.labels]
    year = np.unique(design.year[rows], return_inverse=True)[1]
    if "year" in design.spec.effects and not _balanced(firm, year):
        n_years = int(year.max())
        x = np.hstack([x, (year[:, None] == np.arange(1, n_years + 1)).astype(np.float64)])
        labels += [f"mean(year {j})" for j in range(1, n_years + 1)]
    means = _firm_means(x, firm)
    moving: BoolArray = np.any(np.abs(x - means) > 1e-12 * np.maximum(np.abs(x), 1.0), axis=0)
    kept = tuple(label for label, moves in zip(labels, moving, strict=True) if moves)
    return means[:, moving], kept


def chamberlain(design: Design, rows: BoolArray) -> tuple[FloatArray, tuple[str, ...]]:
    """Every year's value (n_used, k T) of the regressors that vary within firms, and labels.

    Raises:
        NotEstimable: the panel is not balanced.
    """
    x, firm = design.x[rows], design.firm[rows]
    years, year = np.unique(design.frame["year"].to_numpy()[rows], return_inverse=True)
    if not _balanced(firm, year):
        reason = f"{design.spec.name}: chamberlain needs a balanced panel; use mundlak"
        raise NotEstimable("unbalanced", design.spec.name, reason)
    n_years = len(years)
    moving: BoolArray = np.any(x != _firm_means(x, firm), axis=0)
    cube = x[:, moving].reshape(-1, n_years, int(moving.sum()))
    wide = cube.transpose(0, 2, 1).reshape(len(cube), -1)
    names = [label for label, moves in zip(design.labels, moving, strict=True) if moves]
    labels = tuple(f"{name}@{when}" for name in names for when in years)
    return np.repeat(wide, n_years, axis=0), labels


def _balanced(firm: IntArray, year: IntArray) -> bool:
    counts = np.unique(firm, return_counts=True)[1]
    return bool((counts == len(np.unique(year))).all())


def _firm_means(x: FloatArray, firm: IntArray) -> FloatArray:
    """(n, k) firm means, row by row; rows sorted by firm."""
    starts = np.flatnonzero(np.r_[True, np.diff(firm) != 0])
    counts = np.diff(np.r_[starts, len(firm)])
    means = np.add.reduceat(x, starts, axis=0) / counts[:, None]
    return np.repeat(means, counts, axis=0)


def projection_test(estimate: Estimate, labels: tuple[str, ...]) -> Diagnostic:
    """Wald test that the projection is nothing: random effects are independent of x."""
    places = [estimate.terms.index(label) for label in labels if label in estimate.terms]
    b = estimate.coefficients[places]
    covariance = estimate.covariance[np.ix_(places, places)]
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True)) if len(places) else 0
    statistic = float(b @ np.linalg.pinv(covariance, hermitian=True) @ b) if rank else 0.0
    p = float(stats.chi2.sf(statistic, rank)) if rank else 1.0
    text = (
        f"firm effects independent of the regressors: chi2({rank}) = {statistic:.3f}, p = {p:.4g}"
    )
    return Diagnostic(text, statistic=statistic, p_value=p, df=float(rank))
