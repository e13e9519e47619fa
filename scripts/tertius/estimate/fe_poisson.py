"""Poisson quasi-likelihood with firm and year effects.

The first effect is concentrated out in closed form, alpha_i = sum_t y_it / sum_t exp(x_it b)
(Hausman, Hall & Griliches 1984; Wooldridge 1999: consistent when E[y | x, alpha] = alpha exp(x b),
no Poisson variance needed); years are dummies of the concave concentrated likelihood, solved by
Newton.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.linalg as sl
from scipy.special import gammaln, xlogy

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.binary import LARGEST_CHANGE, uphill
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.overdispersion import overdispersion_test
from tertius.estimate.result import Estimate, Fit, assemble_estimate
from tertius.estimate.sample import (
    ALL_ZERO,
    SEPARATED,
    SINGLETON,
    Sample,
    cluster_sums,
    groups_nested,
    make_sample,
    trim_rows,
)
from tertius.estimate.two_way import Effects, effects_note, independent_columns, sums_by_code
from tertius.estimate.within_kernels import poisson_sums

TOLERANCE = 1e-10
DEVIANCE_TOLERANCE = 1e-13
MAX_ITERATIONS = 60
MAX_HALVINGS = 30
TINY_MEAN = 1e-8
"""Fitted means below this share of the mean outcome call for a check of separation."""
SEPARATION_TOLERANCE = 1e-5
SEPARATION_WEIGHT = 1e8


@dataclass(frozen=True, eq=False)
class PoissonFit:
    """Maximum of the quasi-likelihood on kept columns; `covariance_bread` is the inverse Hessian.

    `x_scaled` are within-transformed columns divided by `scale`; the full parameter vector is the
    k slopes on them, then T - 1 year shifts.
    """

    coefficients: FloatArray
    bread: FloatArray
    x_scaled: FloatArray
    scale: FloatArray
    mu: FloatArray
    kept: IntArray
    collinear: IntArray
    iterations: int
    converged: bool


@dataclass(frozen=True, eq=False)
class _State:
    """Concentrated likelihood at one parameter value."""

    mu: FloatArray
    log_likelihood: float


def absorbed_poisson(x: FloatArray, y: FloatArray, effects: Effects) -> PoissonFit:
    """Newton maximisation of the Poisson quasi-likelihood with concentrated effects.

    Args:
        x: (n, k); collinear columns are dropped, earlier ones winning.
        y: (n,) nonnegative, with a positive sum in every group of an effect.
        effects: layout of the effects.

    Returns:
        `PoissonFit`; `converged` is False where the maximum does not exist or was not reached.

    Raises:
        NotEstimable: no column is left.
    """
    if effects.more:
        return reweighted_poisson(x, y, effects)
    within = effects.within(x)
    kept, collinear = independent_columns(within, x)
    if not len(kept):
        raise NotEstimable("collinear", "x", "the effects absorb every regressor")
    scaled = within if not len(collinear) else within[:, kept]
    scale: FloatArray = np.sqrt((scaled**2).mean(axis=0))
    scaled = scaled / scale
    totals = effects.group_sums(y)
    beta, state, iteration, end = _climb(scaled, y, totals, effects, np.inf)
    if end == "stuck":
        beta, state, iteration, end = _climb(scaled, y, totals, effects, LARGEST_CHANGE)
    _, hessian = _derivatives(scaled, y, state.mu, totals, effects)
    bread = np.asarray(np.linalg.pinv(hessian, hermitian=True), dtype=np.float64)
    return PoissonFit(
        beta, bread, scaled, scale, state.mu, kept, collinear, iteration, end == "converged"
    )


def _climb(
    x: FloatArray, y: FloatArray, totals: FloatArray, effects: Effects, reach: float
) -> tuple[FloatArray, _State, int, str]:
    """Newton steps from zero that move no row's index by more than `reach`.

    Returns:
        Coefficients, state, iterations, and the end: converged, stuck (no step leads up, as where a
        full step has ended on a flat part of the likelihood) or unfinished.
    """

    def evaluate(at: FloatArray) -> tuple[float, _State]:
        reached = _evaluate(at, x, y, totals, effects)
        return reached.log_likelihood, reached

    beta = np.zeros(x.shape[1] + max(effects.n_years - 1, 0))
    _, state = evaluate(beta)
    for iteration in range(1, MAX_ITERATIONS + 1):
        gradient, hessian = _derivatives(x, y, state.mu, totals, effects)
        step = _newton_step(hessian, gradient)
        if step is None:
            return beta, state, iteration, "stuck"
        if np.isfinite(reach):
            step *= reach / max(float(np.abs(_index(step, x, effects)).max()), reach)
        slope = float(gradient @ step)
        moved = uphill(evaluate, beta, step, state.log_likelihood, slope)
        if moved is None:
            return beta, state, iteration, "converged" if slope < TOLERANCE else "stuck"
        beta, _, state = moved
        if float(np.abs(step).max()) < TOLERANCE:
            return beta, state, iteration, "converged"
    return beta, state, MAX_ITERATIONS, "unfinished"


class Absorber(Protocol):
    """Effects that can be taken out of columns."""

    def within(self, values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
        """Residuals of (n, k) values on the effects by (weighted) least squares."""
        ...


def reweighted_poisson(x: FloatArray, y: FloatArray, effects: Absorber) -> PoissonFit:
    """The same maximum by iteratively reweighted least squares, for any effects.

    Each step regresses the working outcome on x after the effects are taken out with the current
    weights (Correia, Guimaraes & Zylkin 2020, Stata Journal 20:95); steps are halved while the
    deviance rises. Arguments, result and errors as in `absorbed_poisson`.
    """
    kept, collinear = independent_columns(effects.within(x), x)
    if not len(kept):
        raise NotEstimable("collinear", "x", "the effects absorb every regressor")
    x = x[:, kept]
    eta = np.log((y + y.mean()) / 2)
    beta, deviance, converged, iteration = np.zeros(len(kept)), np.inf, False, 0
    while iteration < MAX_ITERATIONS and not converged:
        iteration += 1
        mu = np.exp(eta)
        working = eta + (y - mu) / mu
        within = effects.within(np.column_stack([x, working]), mu)
        weighted = within[:, :-1] * mu[:, None]
        beta = np.linalg.lstsq(weighted.T @ within[:, :-1], weighted.T @ within[:, -1])[0]
        target = working - (within[:, -1] - within[:, :-1] @ beta)
        eta, reached = _damped(eta, target, y, deviance)
        converged = abs(reached - deviance) <= DEVIANCE_TOLERANCE * max(abs(reached), 1.0)
        deviance = reached
        if not np.isfinite(deviance):
            break
    mu = np.exp(eta)
    x_within = effects.within(x, mu)
    scale: FloatArray = np.sqrt((x_within**2).mean(axis=0))
    x_within = x_within / scale
    bread = np.linalg.pinv(x_within.T @ (x_within * mu[:, None]), hermitian=True)
    return PoissonFit(
        beta * scale, bread, x_within, scale, mu, kept, collinear, iteration, converged
    )


def _damped(
    eta: FloatArray, target: FloatArray, y: FloatArray, deviance: float
) -> tuple[FloatArray, float]:
    """The index moved to its target, or part of the way while the deviance would rise."""
    for halving in range(MAX_HALVINGS):
        moved = eta + (target - eta) * 0.5**halving
        mu = np.exp(np.minimum(moved, 700.0))
        reached = 2 * float((xlogy(y, y) - y * moved - y + mu).sum())
        if reached <= deviance * (1 + 1e-12) + 1e-12:
            break
    return moved, reached


def _index(beta: FloatArray, x: FloatArray, effects: Effects) -> FloatArray:
    """(n,) index of slopes and year shifts, without the level of the group."""
    k = x.shape[1]
    eta: FloatArray = x @ beta[:k]
    if effects.year is not None:
        eta += np.r_[0.0, beta[k:]][effects.year]
    return eta


def _evaluate(
    beta: FloatArray, x: FloatArray, y: FloatArray, totals: FloatArray, effects: Effects
) -> _State:
    """Fitted means and concentrated log-likelihood (constants in y left out)."""
    eta = _index(beta, x, effects)
    # the group level is free: take its largest index out, so that exp cannot overflow
    if effects.starts is not None:
        peak = np.maximum.reduceat(eta, effects.starts)
    else:
        peak = np.full(effects.n_groups, -np.inf)
        np.maximum.at(peak, effects.group, eta)
    eta -= peak[effects.group]
    mu = np.exp(eta)
    level = effects.group_sums(mu)
    log_likelihood = float(y @ eta - totals @ np.log(level))
    mu *= (totals / level)[effects.group]
    return _State(mu, log_likelihood)


def _derivatives(
    x: FloatArray, y: FloatArray, mu: FloatArray, totals: FloatArray, effects: Effects
) -> tuple[FloatArray, FloatArray]:
    """Gradient (m,) and negative Hessian (m, m) of the concentrated likelihood, m = k + T - 1."""
    k = x.shape[1]
    if effects.year is not None and effects.starts is not None:
        return _two_way_derivatives(x, y, mu, totals, effects)
    residual = y - mu
    weighted = x * mu[:, None]
    sums = effects.group_sums(weighted)
    share = sums / totals[:, None]
    block = x.T @ weighted - share.T @ sums
    if effects.year is None:
        return x.T @ residual, block
    cells = effects.incidence(mu)
    cross = (effects.year_sums(weighted) - (cells / totals[:, None]).T @ sums)[1:]
    years = (np.diag(cells.sum(axis=0)) - (cells / totals[:, None]).T @ cells)[1:, 1:]
    hessian = np.empty((k + len(years), k + len(years)))
    hessian[:k, :k], hessian[k:, k:] = block, years
    hessian[k:, :k], hessian[:k, k:] = cross, cross.T
    by_year = sums_by_code(residual, effects.year, effects.n_years)[1:]
    return np.r_[x.T @ residual, by_year], hessian


def _two_way_derivatives(
    x: FloatArray, y: FloatArray, mu: FloatArray, totals: FloatArray, effects: Effects
) -> tuple[FloatArray, FloatArray]:
    """`_derivatives` where the rows of a group lie together and there are two effects."""
    assert effects.year is not None
    assert effects.starts is not None
    sums, cross, years, residual, slopes = poisson_sums(
        x, mu, y, effects.starts, effects.year, effects.n_years
    )
    k = x.shape[1]
    hessian = np.empty((k + len(years) - 1, k + len(years) - 1))
    root = np.sqrt(mu)[:, None] * x
    hessian[:k, :k] = root.T @ root - (sums / totals[:, None]).T @ sums
    hessian[k:, k:] = years[1:, 1:]
    hessian[k:, :k], hessian[:k, k:] = cross[1:], cross[1:].T
    return np.concatenate([slopes, residual[1:]]), hessian


def _newton_step(hessian: FloatArray, gradient: FloatArray) -> FloatArray | None:
    """Solve for the step; least squares where years are not connected; None where not finite."""
    if not (np.isfinite(hessian).all() and np.isfinite(gradient).all()):
        return None
    step: FloatArray
    try:
        step = sl.cho_solve(sl.cho_factor(hessian), gradient)
    except np.linalg.LinAlgError:
        step = np.asarray(np.linalg.lstsq(hessian, gradient, rcond=1e-13)[0], dtype=np.float64)
    return step if np.isfinite(step).all() else None


def separated_rows(x: FloatArray, y: FloatArray, effects: Absorber) -> BoolArray:
    """Rows with y = 0 that some combination of regressors and effects predicts perfectly.

    Iterative rectifier of Correia, Guimaraes & Zylkin (2020, arXiv 1903.01633): regress the
    candidate u (1 where y = 0) on regressors and effects with a large weight on rows with y > 0,
    rectify the fit at 0, repeat until it reproduces itself. Rows whose final u is positive have no
    finite estimate and carry no information on the other coefficients.

    Returns:
        (n,) flags; none where no separation is found.
    """
    zero = y == 0
    u = zero.astype(np.float64)
    weights = np.where(zero, 1.0, SEPARATION_WEIGHT)
    x_within = effects.within(x, weights)
    scale = np.sqrt((weights[:, None] * x_within**2).sum(axis=0))
    x_within = x_within / np.where(scale > 0, scale, 1.0)
    root = np.sqrt(weights)[:, None]
    solve = np.linalg.pinv(root * x_within, rcond=1e-11)
    for _ in range(200):
        target = effects.within(u[:, None], weights)
        gamma = solve @ (root * target)[:, 0]
        residual = target[:, 0] - x_within @ gamma
        fitted = np.where(zero, np.maximum(u - residual, 0.0), 0.0)
        fitted[fitted < SEPARATION_TOLERANCE] = 0.0
        done = float(np.abs(residual).max()) < SEPARATION_TOLERANCE
        u = fitted
        if done or not u.any():
            break
    separated: BoolArray = u > 0
    return separated


def fit_fe_poisson(design: Design) -> Estimate:
    """Fixed-effects Poisson quasi-likelihood with clustered covariance.

    Firms (and years) whose outcomes are all zero, singletons and separated rows are dropped and
    counted. The outcome may be any nonnegative number.

    Raises:
        NotEstimable: negative outcomes, too few rows or clusters, every column collinear, or the
            maximum was not reached.
    """
    if (design.y < 0).any():
        outcome = design.spec.outcome_column
        raise NotEstimable("negative_outcome", outcome, f"{outcome} is negative in some rows")
    reasons = trim_rows(design, np.zeros(len(design.y), dtype=np.int8), counts=True)
    steps = (ALL_ZERO, SINGLETON, SEPARATED)
    sample = make_sample(design, reasons, steps)
    fit = absorbed_poisson(sample.x, sample.y, sample.effects)
    while suspicious(fit, sample.y):
        separated = separated_rows(sample.x, sample.y, sample.effects)
        if not separated.any():
            break
        reasons[np.flatnonzero(sample.rows)[separated]] = SEPARATED
        reasons = trim_rows(design, reasons, counts=True)
        sample = make_sample(design, reasons, steps)
        fit = absorbed_poisson(sample.x, sample.y, sample.effects)
    if not fit.converged:
        name = design.spec.name
        raise NotEstimable("no_maximum", name, f"{name}: the likelihood has no maximum in reach")
    return assemble_estimate(design, _as_fit(fit, sample))


def suspicious(fit: PoissonFit, y: FloatArray) -> bool:
    """Signs of separation: no convergence, or means of zero rows that vanish."""
    if not fit.converged:
        return True
    zero = y == 0
    return bool(zero.any()) and float(fit.mu[zero].min()) < TINY_MEAN * float(y.mean())


def _as_fit(fit: PoissonFit, sample: Sample) -> Fit:
    """Slopes on the original scale, cluster influences and likelihood statistics."""
    k = len(fit.kept)
    influence = cluster_scores(fit, sample) @ fit.bread
    y, mu = sample.y, fit.mu
    null = (
        sample.effects.group_sums(y)[sample.effects.group]
        / sample.effects.counts[sample.effects.group]
    )
    base = float((xlogy(y, null) - null - gammaln(y + 1)).sum())
    statistics = poisson_statistics(y, mu)
    return Fit(
        sample=sample,
        coefficients=fit.coefficients[:k] / fit.scale,
        influence=influence[:, :k] / fit.scale,
        fitted=mu,
        columns=fit.kept,
        collinear=fit.collinear,
        information=fit.bread[:k, :k] / np.outer(fit.scale, fit.scale),
        warnings=effects_note(sample.effects),
        diagnostics={"overdispersion": overdispersion_test(y, mu)},
        statistics={**statistics, "pseudo_r2": 1 - statistics["log_likelihood"] / base},
        iterations=fit.iterations,
    )


def poisson_statistics(y: FloatArray, mu: FloatArray) -> dict[str, float]:
    """Log-likelihood and deviance of (n,) counts at their means."""
    return {
        "log_likelihood": float((xlogy(y, mu) - mu - gammaln(y + 1)).sum()),
        "deviance": 2 * float((xlogy(y, y) - xlogy(y, mu) - y + mu).sum()),
    }


def cluster_scores(fit: PoissonFit, sample: Sample) -> FloatArray:
    """(G, k + T - 1) scores of slopes and year shifts, summed by cluster.

    The concentrated effect enters each regressor by its weighted group mean; where groups lie
    inside clusters these means cancel, as the residuals of a group sum to zero.
    """
    effects, residual = sample.effects, sample.y - fit.mu
    if effects.more:
        return cluster_sums(fit.x_scaled * residual[:, None], sample)
    totals, nested = effects.group_sums(fit.mu), groups_nested(sample)
    x = fit.x_scaled
    if not nested:
        x = x - (effects.group_sums(x * fit.mu[:, None]) / totals[:, None])[effects.group]
    scores = cluster_sums(x * residual[:, None], sample)
    if effects.year is None:
        return scores
    n_clusters = len(sample.cluster_ids)
    cell = sample.cluster * effects.n_years + effects.year
    size = n_clusters * effects.n_years
    by_year = sums_by_code(residual, cell, size).reshape(n_clusters, effects.n_years)
    if not nested:
        share = effects.incidence(fit.mu) / totals[:, None]
        by_year = by_year - cluster_sums(share[effects.group] * residual[:, None], sample)
    return np.hstack([scores, by_year[:, 1:]])
