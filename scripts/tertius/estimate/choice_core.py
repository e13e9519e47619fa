"""Likelihoods of partner choice: conditional logit and rare-event logit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.binary import (
    LARGEST_CHANGE,
    MAX_ITERATIONS,
    TOLERANCE,
    BinaryFit,
    binary_regression,
    column_scale,
    inverse_positive,
    uphill,
)
from tertius.estimate.columns import NotEstimable


@dataclass(frozen=True, eq=False)
class ConditionalFit:
    """`coefficients` (k,), `bread` (k, k), row `scores` (n, k), `fitted` probabilities (n,)."""

    coefficients: FloatArray
    bread: FloatArray
    scores: FloatArray
    fitted: FloatArray
    log_likelihood: float
    iterations: int


def informative_strata(stratum: IntArray, chosen: FloatArray) -> FloatArray:
    """(n,) flags of rows whose stratum has exactly one choice and at least one alternative."""
    total = np.bincount(stratum, weights=chosen)
    size = np.bincount(stratum)
    flags: FloatArray = ((total == 1) & (size > 1))[stratum]
    return flags


def ruled_out(x: FloatArray, chosen: FloatArray, stratum: IntArray) -> BoolArray:
    """Alternatives that a regressor rules out: wherever it varies, the choice has its extreme.

    The slope of such a regressor is infinite, and the others are those of the choice among the
    alternatives at the extreme (Albert and Anderson 1984 on quasi-complete separation).

    Args:
        x: (n, k). chosen: (n,) of 0 and 1, one choice a stratum. stratum: (n,) codes 0...

    Returns:
        (n,) flags; none where no single regressor separates.
    """
    out = np.zeros(len(chosen), dtype=np.bool_)
    n_strata = int(stratum.max()) + 1
    picked = np.flatnonzero(chosen == 1)
    where = np.empty(n_strata, dtype=np.int64)
    where[stratum[picked]] = picked
    found = True
    while found:
        found = False
        for column in x.T:
            for value in (column, -column):
                top = np.full(n_strata, -np.inf)
                np.maximum.at(top, stratum[~out], value[~out])
                below = ~out & (value < top[stratum])
                if below.any() and not below[where].any():
                    out |= below
                    found = True
    return out


def conditional_logit(
    x: FloatArray, chosen: FloatArray, stratum: IntArray, offset: FloatArray | None = None
) -> ConditionalFit:
    """McFadden's (1974) conditional logit by Newton's method, one pass over sorted strata a step.

    Args:
        x: (n, k) without a constant. chosen: (n,) of 0 and 1, one choice a stratum.
        stratum: (n,) codes, ascending. offset: (n,) added to the index: minus the log of the rate
            at which an alternative was sampled makes sampled choice sets consistent
            (McFadden 1978); a rate common to a stratum cancels.

    Raises:
        ValueError: strata are not sorted or have not one choice each.
        NotEstimable: collinear columns within strata, or perfect prediction.
    """
    starts = np.flatnonzero(np.r_[True, np.diff(stratum) != 0])
    if (np.diff(stratum) < 0).any() or (np.add.reduceat(chosen, starts) != 1).any():
        raise ValueError("strata must be sorted and have exactly one choice each")
    sizes = np.diff(np.r_[starts, len(stratum)])
    means = np.add.reduceat(x, starts, axis=0) / sizes[:, None]
    centred = x - np.repeat(means, sizes, axis=0)
    scale = column_scale(centred)
    z = centred / scale
    shift = np.zeros(len(chosen)) if offset is None else offset
    beta = np.zeros(x.shape[1])

    def evaluate(at: FloatArray) -> tuple[float, FloatArray]:
        return _conditional(z @ at + shift, chosen, starts, sizes)

    total, p = evaluate(beta)
    iterations = 0
    for _ in range(MAX_ITERATIONS):
        iterations += 1
        gradient = z.T @ (chosen - p)
        step = inverse_positive(_conditional_hessian(z, p, starts)) @ gradient
        step *= LARGEST_CHANGE / max(float(np.abs(z @ step).max()), LARGEST_CHANGE)
        moved = uphill(evaluate, beta, step, total, float(gradient @ step))
        if moved is not None:
            beta, total, p = moved
        if np.abs(step).max() < TOLERANCE:
            break
        if total > -1e-8:
            raise NotEstimable("separation", "x", "a regressor predicts every choice perfectly")
    else:
        raise NotEstimable("no_maximum", "x", "the likelihood has no maximum in reach")
    bread = inverse_positive(_conditional_hessian(z, p, starts)) / np.outer(scale, scale)
    scores = centred * (chosen - p)[:, None]
    return ConditionalFit(beta / scale, bread, scores, p, total, iterations)


def _conditional(
    index: FloatArray, chosen: FloatArray, starts: IntArray, sizes: IntArray
) -> tuple[float, FloatArray]:
    """Log-likelihood and choice probabilities."""
    index = index - np.repeat(np.maximum.reduceat(index, starts), sizes)
    raised = np.exp(index)
    total = np.add.reduceat(raised, starts)
    value = float(chosen @ index - np.log(total).sum())
    return value, raised / np.repeat(total, sizes)


def _conditional_hessian(z: FloatArray, p: FloatArray, starts: IntArray) -> FloatArray:
    """Sum over strata of the covariance of z under p."""
    weighted = z * p[:, None]
    mean = np.add.reduceat(weighted, starts, axis=0)
    hessian: FloatArray = z.T @ weighted - mean.T @ mean
    return hessian


def prior_correction(population_rate: float, sample_rate: float) -> float:
    """What to subtract from the constant of a logit on a sample chosen by outcome.

    ln[ ((1 - tau) / tau) (ybar / (1 - ybar)) ] (King & Zeng 2001, equation 7).

    >>> round(prior_correction(0.001, 0.2), 6)
    5.52046
    """
    if not (0 < population_rate < 1 and 0 < sample_rate < 1):
        raise ValueError("rates must lie strictly between 0 and 1")
    odds = (1 - population_rate) / population_rate * sample_rate / (1 - sample_rate)
    return math.log(odds)


def rare_event_logit(
    x: FloatArray,
    y: FloatArray,
    *,
    population_rate: float | None = None,
    case_control: str = "prior",
    correct_bias: bool = True,
) -> BinaryFit:
    """Logit of a rare event with correction of sampling and of small-sample bias.

    Args:
        x: (n, k), the constant in the first column. y: (n,) of 0 and 1.
        population_rate: share of events in the population where rows were sampled by outcome;
            None where the sample is the population.
        case_control: ``prior`` subtracts the correction from the constant, ``weighting`` weighs
            rows to the population (King & Zeng 2001, equations 7 and 8), robust to a wrong link.
        correct_bias: subtract (X'WX)^-1 X'W xi, xi_i = .5 Q_ii ((1 + w1) p_i - w1)
            (King & Zeng 2001, equations 15 and 16; McCullagh & Nelder 1989, section 15.2).

    Returns:
        `BinaryFit`; its bread is shrunk by (n / (n + k))^2 with the bias correction.

    Raises:
        NotEstimable: as `binary_regression`.
        ValueError: unknown correction.
    """
    if case_control not in ("prior", "weighting"):
        raise ValueError(f"unknown correction {case_control!r}")
    rate = float(y.mean())
    weights, heavy = np.ones(len(y)), 1.0
    if population_rate is not None and case_control == "weighting":
        heavy = population_rate / rate
        weights = np.where(y == 1, heavy, (1 - population_rate) / (1 - rate))
    fit = binary_regression(x, y, weights=weights)
    beta, bread = fit.coefficients.copy(), fit.bread
    if correct_bias:
        p = fit.fitted
        own = np.einsum("ij,jk,ik->i", x, bread, x)
        xi = 0.5 * own * ((1 + heavy) * p - heavy)
        beta -= bread @ (x.T @ (weights * p * (1 - p) * xi))
        bread = bread * (len(y) / (len(y) + x.shape[1])) ** 2
    if population_rate is not None and case_control == "prior":
        beta[0] -= prior_correction(population_rate, rate)
    return BinaryFit(beta, bread, fit.scores, fit.fitted, fit.log_likelihood, fit.iterations)
