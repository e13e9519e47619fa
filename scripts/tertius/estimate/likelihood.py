"""Maximum likelihood by Newton's method, with scores by cluster for robust covariances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.linalg as sl

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable

MAX_ITERATIONS = 100
MAX_HALVINGS = 40
GAIN_TOLERANCE = 1e-13
LARGE_STEP = 5.0


class Likelihood(Protocol):
    """A log-likelihood with its derivatives."""

    def value(self, theta: FloatArray) -> float:
        """Log-likelihood at (p,) parameters; not finite where they are out of range."""
        ...

    def derivatives(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Scores (m, p) of the independent units, and the Hessian (p, p)."""
        ...


@dataclass(frozen=True, eq=False)
class Maximum:
    """Parameters (p,), scores (m, p) of the units, inverse information (p, p)."""

    theta: FloatArray
    scores: FloatArray
    inverse_information: FloatArray
    log_likelihood: float
    iterations: int


def maximise(likelihood: Likelihood, start: FloatArray, name: str) -> Maximum:
    """Newton's method with the Hessian's eigenvalues turned positive and steps halved.

    Args:
        likelihood: of m units. start: (p,) where it is finite. name: of the model, for the error.

    Raises:
        NotEstimable: no maximum was reached, or the information is singular there.
    """
    theta, value = start, likelihood.value(start)
    for iteration in range(1, MAX_ITERATIONS + 1):
        scores, hessian = likelihood.derivatives(theta)
        gradient = scores.sum(axis=0)
        if not (np.isfinite(hessian).all() and np.isfinite(gradient).all()):
            break
        step = _ascent(gradient, hessian)
        gain = float(gradient @ step)
        theta, value, moved = _climb(likelihood, theta, step, value)
        if gain < GAIN_TOLERANCE * max(abs(value), 1.0) or not moved:
            return _finish(likelihood, theta, value, iteration, name, gain)
    raise NotEstimable("no_maximum", name, f"{name}: the likelihood has no maximum in reach")


def _ascent(gradient: FloatArray, hessian: FloatArray) -> FloatArray:
    """Newton step where the Hessian is negative definite, else a step uphill."""
    values, vectors = sl.eigh(-hessian)
    size = np.abs(values)
    size = np.maximum(size, 1e-8 * size.max() if size.max() > 0 else 1.0)
    step: FloatArray = vectors @ ((vectors.T @ gradient) / size)
    return step * min(1.0, LARGE_STEP / max(float(np.abs(step).max()), 1e-300))


def _climb(
    likelihood: Likelihood, theta: FloatArray, step: FloatArray, value: float
) -> tuple[FloatArray, float, bool]:
    """Halve the step until the likelihood does not fall; whether any step was taken."""
    slack = 1e-13 * max(abs(value), 1.0)
    for halving in range(MAX_HALVINGS):
        trial = theta + step * 0.5**halving
        reached = likelihood.value(trial)
        if np.isfinite(reached) and reached >= value - slack:
            return trial, reached, True
    return theta, value, False


def _finish(
    likelihood: Likelihood, theta: FloatArray, value: float, iterations: int, name: str, gain: float
) -> Maximum:
    """The maximum with its information; refused where the likelihood is flat there."""
    scores, hessian = likelihood.derivatives(theta)
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), np.finfo(np.float64).tiny))
    values, vectors = sl.eigh(-hessian / np.outer(scale, scale))
    if values[0] <= 1e-10 or gain > 1e-6:
        reason = f"{name}: the likelihood is flat or has no maximum in reach"
        raise NotEstimable("no_maximum", name, reason)
    inverse = (vectors / values) @ vectors.T / np.outer(scale, scale)
    return Maximum(theta, scores, inverse, value, iterations)
