"""Binary and multinomial regressions by Newton's method: the kernels of dyad and hazard models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.special import expit, log_expit, logsumexp

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.columns import NotEstimable

State = TypeVar("State")

TOLERANCE = 1e-10
MAX_ITERATIONS = 100
MAX_HALVINGS = 40
SUFFICIENT = 0.1
"""Share of the rise promised by the slope that a step must bring: without it a step may end where
the likelihood is flat."""
LARGEST_CHANGE = 5.0
"""No step moves the index of a row by more: where a regressor varies in few rows, a full step may
end where their outcomes are certain and the curvature is lost."""
LARGEST_INDEX = 30.0
"""Beyond this |x'b| a probability is 0 or 1 to 13 digits: the sign of separated outcomes."""


@dataclass(frozen=True, eq=False)
class BinaryFit:
    """Maximum of a (weighted) likelihood: `coefficients` (k,), `bread` (k, k) its inverse Hessian.

    `scores` (n, k) are the weighted row scores, `fitted` (n,) the probabilities.
    """

    coefficients: FloatArray
    bread: FloatArray
    scores: FloatArray
    fitted: FloatArray
    log_likelihood: float
    iterations: int


def binary_regression(
    x: FloatArray,
    y: FloatArray,
    *,
    link: str = "logit",
    weights: FloatArray | None = None,
    offset: FloatArray | None = None,
    start: FloatArray | None = None,
) -> BinaryFit:
    """Weighted maximum likelihood of P(y = 1 | x) = F(x b + offset).

    Args:
        x: (n, k) with a constant where one is wanted. y: (n,) of 0 and 1.
        link: ``logit``, F = 1 / (1 + e^-v), or ``cloglog``, F = 1 - exp(-e^v), the discrete form of
            a proportional hazard (Prentice & Gloeckler 1978).
        weights: (n,) nonnegative, ones by default. offset: (n,), zeros by default.
        start: (k,) coefficients to begin from, zeros by default.

    Raises:
        NotEstimable: one outcome only, collinear columns, or separated outcomes.
        ValueError: the link is unknown.
    """
    if link not in ("logit", "cloglog"):
        raise ValueError(f"unknown link {link!r}")
    w = np.ones(len(y)) if weights is None else weights
    shift = np.zeros(len(y)) if offset is None else offset
    used = y[w > 0]
    if not len(used) or used.min() == used.max():
        raise NotEstimable("no_variation", "y", "the outcome takes one value only")
    scale = column_scale(x)
    z = x / scale
    beta = np.zeros(x.shape[1]) if start is None else start * scale

    def evaluate(at: FloatArray) -> tuple[float, _Parts]:
        found = _parts(z @ at + shift, y, w, link)
        return found.total, found

    _, level = evaluate(beta)
    iterations = 0
    for _ in range(MAX_ITERATIONS):
        iterations += 1
        hessian = (z * level.curvature[:, None]).T @ z
        gradient = z.T @ level.slope
        step = solve_positive(hessian, gradient)
        moved = uphill(evaluate, beta, step, level.total, float(gradient @ step))
        if moved is not None:
            beta, _, level = moved
        if np.abs(step).max() < TOLERANCE:
            break
        _refuse_separation(z @ beta, w)
    else:
        raise NotEstimable("no_maximum", "y", "the likelihood has no maximum in reach")
    bread = inverse_positive((z * level.curvature[:, None]).T @ z) / np.outer(scale, scale)
    return BinaryFit(
        beta / scale, bread, x * level.slope[:, None], level.fitted, level.total, iterations
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """Log-likelihood, its weighted derivative by the index, and minus its second derivative."""

    total: float
    slope: FloatArray
    curvature: FloatArray
    fitted: FloatArray


def _parts(index: FloatArray, y: FloatArray, w: FloatArray, link: str) -> _Parts:
    if link == "logit":
        p = expit(index)
        total = float(w @ (y * index + log_expit(-index)))
        return _Parts(total, w * (y - p), w * p * (1 - p), p)
    rate = np.exp(np.minimum(index, 500.0))
    p = -np.expm1(-rate)
    safe = np.maximum(p, np.finfo(np.float64).tiny)
    total = float(w @ (y * np.log(safe) - (1 - y) * rate))
    hazard = rate * np.exp(-rate) / safe
    slope = w * (y * hazard - (1 - y) * rate)
    # expected information: positive everywhere, unlike the observed one
    return _Parts(total, slope, w * rate * hazard, p)


def uphill(
    evaluate: Callable[[FloatArray], tuple[float, State]],
    beta: FloatArray,
    step: FloatArray,
    total: float,
    slope: float,
) -> tuple[FloatArray, float, State] | None:
    """Halve a step until the likelihood rises by enough of what its slope promises (Armijo 1966).

    Args:
        evaluate: log-likelihood at coefficients, and what else is known there.
        beta: coefficients. step: of their shape.
        total: log-likelihood at beta. slope: gradient times step.

    Returns:
        Coefficients, log-likelihood and state after the step; None where no step is long enough.
    """
    slack = 1e-12 * max(abs(total), 1.0)
    for halving in range(MAX_HALVINGS):
        share = 0.5**halving
        trial = beta + step * share
        reached, state = evaluate(trial)
        if reached >= total + SUFFICIENT * slope * share - slack:
            return trial, reached, state
    return None


def _refuse_separation(index: FloatArray, w: FloatArray) -> None:
    """Raise where every informative row is predicted perfectly."""
    if float(np.abs(index[w > 0]).min()) > LARGEST_INDEX:
        raise NotEstimable("separation", "y", "a regressor predicts the outcome perfectly")


def column_scale(x: FloatArray) -> FloatArray:
    """(k,) root mean squares of the columns.

    Raises:
        NotEstimable: a column is zero throughout.
    """
    scale: FloatArray = np.sqrt((x**2).mean(axis=0))
    if (scale == 0).any():
        raise NotEstimable("collinear", "x", "a regressor is zero in every row")
    return scale


def solve_positive(hessian: FloatArray, right: FloatArray) -> FloatArray:
    """Solve a positive definite system.

    Raises:
        NotEstimable: the system is singular: collinear or separating regressors.
    """
    return inverse_positive(hessian) @ right


def inverse_positive(hessian: FloatArray) -> FloatArray:
    """Inverse of a positive definite (k, k) matrix, scaled by its diagonal.

    Raises:
        NotEstimable: it is singular to 1e-11 after scaling.
    """
    diagonal = np.diag(hessian)
    if not np.isfinite(hessian).all() or (diagonal <= 0).any():
        raise NotEstimable("separation", "x", "a regressor predicts the outcome perfectly")
    scale = 1 / np.sqrt(diagonal)
    scaled = hessian * np.outer(scale, scale)
    if float(np.linalg.eigvalsh(scaled)[0]) < 1e-11:
        raise NotEstimable("collinear", "x", "regressors are collinear, or separate the outcome")
    inverse: FloatArray = np.linalg.inv(scaled) * np.outer(scale, scale)
    return (inverse + inverse.T) / 2


@dataclass(frozen=True, eq=False)
class MultinomialFit:
    """Multinomial logit: `coefficients` (k, J) against outcome 0, `bread` (kJ, kJ), column-major.

    `scores` (n, kJ) follow the same order: all regressors of outcome 1, then of outcome 2, ...
    """

    coefficients: FloatArray
    bread: FloatArray
    scores: FloatArray
    fitted: FloatArray
    log_likelihood: float
    iterations: int


def multinomial_regression(
    x: FloatArray, outcome: IntArray, n_outcomes: int, weights: FloatArray | None = None
) -> MultinomialFit:
    """Multinomial logit of outcomes 0..J by Newton's method.

    Args:
        x: (n, k) with a constant. outcome: (n,) codes 0..n_outcomes - 1; 0 is the base.
        n_outcomes: J + 1. weights: (n,), ones by default.

    Raises:
        NotEstimable: an outcome never occurs, collinear columns, or separation.
    """
    w = np.ones(len(outcome)) if weights is None else weights
    if np.bincount(outcome, minlength=n_outcomes).min() == 0:
        raise NotEstimable("no_variation", "outcome", "one of the outcomes never occurs")
    scale = column_scale(x)
    z, k, j = x / scale, x.shape[1], n_outcomes - 1
    chosen = (outcome[:, None] == np.arange(1, n_outcomes)).astype(np.float64)
    beta = np.zeros((k, j))

    def evaluate(at: FloatArray) -> tuple[float, FloatArray]:
        return _multinomial(z @ at, chosen, w)

    total, p = evaluate(beta)
    iterations = 0
    for _ in range(MAX_ITERATIONS):
        iterations += 1
        hessian = _multinomial_hessian(z, p, w)
        gradient = (z.T @ (w[:, None] * (chosen - p))).ravel(order="F")
        step = solve_positive(hessian, gradient).reshape((k, j), order="F")
        moved = uphill(evaluate, beta, step, total, float(gradient @ step.ravel(order="F")))
        if moved is not None:
            beta, total, p = moved
        if np.abs(step).max() < TOLERANCE:
            break
    else:
        raise NotEstimable("no_maximum", "outcome", "the likelihood has no maximum in reach")
    stretch = np.tile(scale, j)
    bread = inverse_positive(_multinomial_hessian(z, p, w)) / np.outer(stretch, stretch)
    residual = w[:, None] * (chosen - p)
    scores = np.hstack([x * residual[:, [column]] for column in range(j)])
    fitted = np.column_stack([1 - p.sum(axis=1), p])
    return MultinomialFit(beta / scale[:, None], bread, scores, fitted, total, iterations)


def _multinomial(index: FloatArray, chosen: FloatArray, w: FloatArray) -> tuple[float, FloatArray]:
    """Weighted log-likelihood and the (n, J) probabilities of the outcomes above the base."""
    norm = logsumexp(np.column_stack([np.zeros(len(index)), index]), axis=1)
    total = float(w @ ((chosen * index).sum(axis=1) - norm))
    return total, np.exp(index - norm[:, None])


def _multinomial_hessian(z: FloatArray, p: FloatArray, w: FloatArray) -> FloatArray:
    """(kJ, kJ) negative Hessian."""
    k, j = z.shape[1], p.shape[1]
    hessian = np.empty((k * j, k * j))
    for a in range(j):
        for b in range(a, j):
            cell = w * (p[:, a] * ((1.0 if a == b else 0.0) - p[:, b]))
            block = (z * cell[:, None]).T @ z
            hessian[a * k : (a + 1) * k, b * k : (b + 1) * k] = block
            hessian[b * k : (b + 1) * k, a * k : (a + 1) * k] = block.T
    return hessian
