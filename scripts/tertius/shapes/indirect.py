"""Products of coefficients of several equations, with joint resamples of their clusters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.inference.intervals import bca_interval, percentile_interval
from tertius.shapes.moments import joint_draws, joint_influence, moments_of
from tertius.shapes.refit import Refit, Rows

Quantity = Callable[[FloatArray], FloatArray]
"""Values (B,) of a quantity for coefficients (B, p)."""


@dataclass(frozen=True, eq=False)
class System:
    """Coefficients of several equations on overlapping clusters, side by side.

    `names` are ``equation|term``; `draws` (B, p) come from the same resamples of clusters for all
    equations, exact refits for OLS and one Newton step for counts; `influence` is (G, p).
    """

    names: tuple[str, ...]
    theta: FloatArray
    covariance: FloatArray
    influence: FloatArray
    cluster_ids: tuple[str, ...]
    draws: FloatArray

    def place(self, equation: str, term: str) -> int:
        """Column of a coefficient.

        Raises:
            NotEstimable: the equation has no such coefficient.
        """
        name = f"{equation}|{term}"
        if name not in self.names:
            raise NotEstimable("collinear", term, f"{term} has no coefficient for {equation}")
        return self.names.index(name)

    @property
    def dof(self) -> float:
        """Clusters less one."""
        return float(len(self.cluster_ids) - 1)


def make_system(equations: Mapping[str, tuple[Rows, Refit]], draws: int, seed: int) -> System:
    """Fit equations together: joint influences, covariance and resamples.

    Args:
        equations: name -> rows and their fit; clusters may differ between equations.
        draws, seed: of the resamples of clusters.
    """
    fits = [fit for _, fit in equations.values()]
    names = [f"{name}|{label}" for name, (_, fit) in equations.items() for label in fit.labels]
    influence, ids = joint_influence(fits)
    own = np.concatenate([np.sqrt(np.diag(fit.covariance)) for fit in fits])
    raw = np.sqrt((influence**2).sum(axis=0))
    scale = np.divide(own, raw, out=np.ones_like(own), where=raw > 0)
    covariance = (influence * scale).T @ (influence * scale)
    moments = [moments_of(rows, fit) for rows, fit in equations.values()]
    return System(
        tuple(names),
        np.concatenate([fit.coefficients for fit in fits]),
        covariance,
        influence,
        ids,
        joint_draws(moments, draws, seed),
    )


@dataclass(frozen=True)
class IndirectEffect:
    """A function of path coefficients with three intervals.

    `std_error` is the delta-method one; `percentile` and `bca` come from the resamples of
    clusters, `monte_carlo` from draws of normal coefficients. `draws` counts the finite resamples;
    where all of them lie on one side of the estimate no correction exists: `corrected` is False
    and `bca` the percentile interval. `excludes_zero` is by `bca`.
    """

    name: str
    estimate: float
    std_error: float
    percentile: tuple[float, float]
    bca: tuple[float, float]
    monte_carlo: tuple[float, float]
    draws: int
    corrected: bool

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the BCa interval."""
        return self.bca[0] > 0 or self.bca[1] < 0


def indirect_effect(
    system: System, name: str, quantity: Quantity, level: float = 0.95, seed: int = 1
) -> IndirectEffect:
    """Intervals of one quantity.

    The acceleration of BCa comes from the quantity with each cluster left out, by the clusters'
    influences (Efron 1987); Monte-Carlo intervals draw the coefficients from their joint normal
    distribution (MacKinnon, Lockwood & Williams 2004).
    """
    value = float(quantity(system.theta[None])[0])
    drawn = quantity(system.draws)
    drawn = drawn[np.isfinite(drawn)]
    without = quantity(system.theta[None] - system.influence)
    gradient = numerical_gradient(quantity, system.theta)
    rng = np.random.default_rng(seed)
    normal = normal_draws(system.theta, system.covariance, max(len(drawn), 2000), rng)
    percentile = percentile_interval(drawn, level)
    corrected = bool(drawn.min() < value < drawn.max())
    bca = bca_interval(drawn, value, without, level) if corrected else percentile
    return IndirectEffect(
        name,
        value,
        float(np.sqrt(max(float(gradient @ system.covariance @ gradient), 0.0))),
        percentile,
        bca,
        percentile_interval(quantity(normal), level),
        len(drawn),
        corrected,
    )


def normal_draws(
    theta: FloatArray, covariance: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """(B, p) draws of a normal vector whose covariance may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(theta + rng.standard_normal((draws, len(theta))) @ root.T)


def numerical_gradient(quantity: Quantity, theta: FloatArray) -> FloatArray:
    """(p,) central differences of a quantity, zero where it does not depend on a coefficient."""
    step = 1e-6 * np.maximum(np.abs(theta), 1e-3)
    moved = np.vstack([theta + np.diag(step), theta - np.diag(step)])
    values = quantity(moved)
    p = len(theta)
    return np.asarray((values[:p] - values[p:]) / (2 * step), dtype=np.float64)


def product_of(places: Sequence[int]) -> Quantity:
    """The product of some coefficients."""

    def quantity(theta: FloatArray) -> FloatArray:
        return np.asarray(theta[:, list(places)].prod(axis=1), dtype=np.float64)

    return quantity


def combination(parts: Sequence[tuple[float, Quantity]]) -> Quantity:
    """A weighted sum of quantities."""

    def quantity(theta: FloatArray) -> FloatArray:
        return np.asarray(sum(weight * part(theta) for weight, part in parts), dtype=np.float64)

    return quantity
