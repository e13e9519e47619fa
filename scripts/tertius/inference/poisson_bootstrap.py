"""Cluster bootstrap of the Poisson quasi-likelihood with firm and year effects, by Newton steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.fe_poisson import PoissonFit
from tertius.estimate.two_way import Effects
from tertius.inference.cluster_bootstrap import ClusterBootstrap
from tertius.inference.cluster_products import ClusterProducts
from tertius.inference.score_bootstrap import cluster_weights
from tertius.kernels import kernel, run_blocks

MAX_STEPS = 30
MAX_HALVINGS = 12
TOLERANCE = 1e-10
"""Convergence: largest change of a slope, each regressor scaled to unit mean square."""


@dataclass(frozen=True, eq=False)
class PoissonBootstrap:
    """Draws of Poisson slopes over resampled clusters.

    `steps` is 1 for one Newton step from the estimate, or None for convergence. `error` (k,) is the
    largest distance between one step and convergence over the `checked` first draws, in bootstrap
    standard errors (zeros where all draws converged by themselves).
    """

    bootstrap: ClusterBootstrap
    steps: int | None
    checked: int
    error: FloatArray

    def sentence(self, term: str, level: float = 0.95) -> str:
        """The result of one slope in words, with the error of the approximation."""
        text = self.bootstrap.sentence(term, level)
        if self.steps is None:
            return text + " Every resample was maximised by Newton's method."
        worst = self.error[self.bootstrap.terms.index(term)]
        return (
            f"{text} One Newton step a resample; over {self.checked} resamples it lies within "
            f"{worst:.2g} standard errors of the maximum."
        )

    def figure(self, term: str) -> pl.DataFrame:
        """Histogram of the draws of one slope: low, high, draws."""
        return self.bootstrap.figure(term)


@dataclass(frozen=True, eq=False)
class _Problem:
    """A fitted model laid out for the kernel: rows by firm, year -1 for the base year."""

    x: FloatArray
    y: FloatArray
    starts: IntArray
    year: IntArray
    cluster: IntArray
    n_years: int

    def sums(
        self, theta: FloatArray, weights: FloatArray, by_cluster: bool
    ) -> tuple[FloatArray, float]:
        """Packed negative Hessian with the score as last column, and the log-likelihood."""
        m = len(theta) + 1
        rows = len(weights) if by_cluster else 1
        packed = np.zeros((rows, m * (m + 1) // 2))
        value = _newton_sums(
            theta, self.x, self.y, self.starts, self.year, self.cluster, weights, by_cluster, packed
        )
        return packed, value


def bootstrap_poisson(
    fit: PoissonFit,
    y: FloatArray,
    effects: Effects,
    cluster: IntArray,
    *,
    draws: int,
    seed: int,
    terms: Sequence[str] | None = None,
    converge: bool = False,
    checked: int = 20,
    threads: int | None = None,
) -> PoissonBootstrap:
    """Resample clusters with replacement and step from the estimate towards each new maximum.

    One step is b + H*^-1 s*, the Hessian H* and score s* of the resample at the estimate, both
    weighted sums over clusters, since the firm effects are concentrated out firm by firm. Its error
    is of order 1/G and is measured by going on to convergence in the first `checked` draws. With
    `converge` every draw goes on to its maximum (Newton from the one-step value).

    Args:
        fit: from `absorbed_poisson`.
        y: (n,) outcome of that fit.
        effects: its effects: firms, with or without years.
        cluster: (n,) codes 0..G-1; a firm lies in one cluster.
        draws, seed: as for `bootstrap_ols`; the resamples are the same.
        terms: names of the kept columns; x0, x1, ... by default.
        converge: whether to maximise in every draw.
        checked: draws in which the error of one step is measured.
        threads: draws worked on at once; the result does not depend on it.

    Raises:
        ValueError: other effects than firm and year, or a firm in two clusters.
    """
    problem = _problem(fit, y, effects, cluster)
    k, n_clusters = len(fit.kept), int(cluster.max()) + 1
    names = tuple(terms) if terms is not None else tuple(f"x{j}" for j in range(k))
    theta = np.r_[fit.coefficients[k:], fit.coefficients[:k]]
    packed, _ = problem.sums(theta, np.ones(n_clusters), True)
    steps = ClusterProducts(packed, problem.n_years, k, np.r_[fit.scale, 1.0])
    limit = draws if converge else min(checked, draws)

    def work(block: tuple[int, FloatArray]) -> tuple[FloatArray, FloatArray]:
        start, weights = block
        move, kept = steps.solve(weights @ packed)
        move = np.where(kept > 0, move, np.nan)
        one = theta + move
        full = np.full((len(weights), k), np.nan)
        for row in range(min(len(weights), max(limit - start, 0))):
            full[row] = _maximise(problem, steps, one[row], weights[row])[problem.n_years :]
        return one[:, problem.n_years :], full

    chunks = list(run_blocks(work, _numbered(n_clusters, draws, seed), threads))
    one_step = np.concatenate([one for one, _ in chunks]) / fit.scale
    exact = np.concatenate([full for _, full in chunks])[:limit] / fit.scale
    drawn = exact if converge else one_step
    spread = np.nanstd(drawn, axis=0, ddof=1)
    gap = np.abs(one_step[:limit] - exact)
    found = ~np.isnan(gap).any(axis=1)
    error = gap[found].max(axis=0) / spread if found.any() else np.full(k, np.nan)
    result = ClusterBootstrap(
        names,
        fit.coefficients[:k] / fit.scale,
        drawn,
        (),
        np.empty((draws, 0)),
        np.empty(0),
        n_clusters,
        seed,
        int(np.isnan(drawn).any(axis=1).sum()),
    )
    if converge:
        return PoissonBootstrap(result, None, 0, np.zeros(k))
    return PoissonBootstrap(result, 1, int(found.sum()), error)


def _numbered(n_clusters: int, draws: int, seed: int) -> Iterator[tuple[int, FloatArray]]:
    """Chunks of resamples with the number of their first draw."""
    start = 0
    for weights in cluster_weights(n_clusters, draws, seed):
        yield start, weights
        start += len(weights)


def _problem(fit: PoissonFit, y: FloatArray, effects: Effects, cluster: IntArray) -> _Problem:
    """Check the effects and clusters, and lay out the data."""
    if effects.more or effects.starts is None or effects.n_groups == 1:
        raise ValueError("only firm effects, with or without year effects, can be resampled")
    if (cluster != cluster[effects.starts][effects.group]).any():
        raise ValueError("an absorbed firm lies in more than one cluster")
    year = np.full(len(y), -1, dtype=np.int64) if effects.year is None else effects.year - 1
    n_years = max(effects.n_years - 1, 0)
    x = np.ascontiguousarray(fit.x_scaled)
    return _Problem(x, y, effects.starts, year, cluster, n_years)


def _maximise(
    problem: _Problem, layout: ClusterProducts, start: FloatArray, weights: FloatArray
) -> FloatArray:
    """Newton with step halving from `start`; NaN where no maximum is reached."""
    nothing = np.full_like(start, np.nan)
    if np.isnan(start).any():
        return nothing
    theta: FloatArray = start
    sums, value = problem.sums(theta, weights, False)
    for _ in range(MAX_STEPS):
        move, kept = layout.solve(sums)
        if not kept.all():
            return nothing
        for halving in range(MAX_HALVINGS):
            trial = theta + move[0] * 0.5**halving
            sums, reached = problem.sums(trial, weights, False)
            if reached >= value - 1e-12 * abs(value):
                break
        else:
            return nothing
        theta, value = np.asarray(trial, dtype=np.float64), reached
        if np.abs(move[0][problem.n_years :]).max() < TOLERANCE:
            return theta
    return nothing


@kernel
def _newton_sums(
    theta: FloatArray,
    x: FloatArray,
    y: FloatArray,
    starts: IntArray,
    year: IntArray,
    cluster: IntArray,
    weights: FloatArray,
    by_cluster: bool,
    packed: FloatArray,
) -> float:
    """Add weighted Hessians and scores of all firms; columns are years, then x, then the score.

    The firm level is concentrated out: a firm adds sum mu z z' - (sum mu z)(sum mu z)' / sum y and
    sum z (y - mu), mu scaled to the firm's total.
    """
    k, size = x.shape[1], theta.size
    n_years, m = size - k, size + 1
    mean = np.zeros(size)
    log_likelihood = 0.0
    longest = 0
    for f in range(starts.size):
        stop = starts[f + 1] if f + 1 < starts.size else y.size
        longest = max(longest, stop - starts[f])
    mu = np.zeros(longest)
    for f in range(starts.size):
        lo = starts[f]
        hi = starts[f + 1] if f + 1 < starts.size else y.size
        weight = weights[cluster[lo]]
        if weight == 0.0:
            continue
        out = packed[cluster[lo] if by_cluster else 0]
        peak, total = -np.inf, 0.0
        for i in range(lo, hi):
            eta = theta[year[i]] if year[i] >= 0 else 0.0
            for p in range(k):
                eta += x[i, p] * theta[n_years + p]
            mu[i - lo] = eta
            peak = max(peak, eta)
            total += y[i]
        level = 0.0
        for i in range(lo, hi):
            mu[i - lo] -= peak
            log_likelihood += weight * y[i] * mu[i - lo]
            mu[i - lo] = np.exp(mu[i - lo])
            level += mu[i - lo]
        log_likelihood -= weight * total * np.log(level)
        mean[:] = 0.0
        for i in range(lo, hi):
            value = weight * mu[i - lo] * total / level
            residual = weight * y[i] - value
            t = year[i]
            if t >= 0:
                base = t * m - t * (t - 1) // 2
                out[base] += value
                out[base + size - t] += residual
                mean[t] += value
                for p in range(k):
                    out[base + n_years + p - t] += value * x[i, p]
            for p in range(k):
                row = n_years + p
                base = row * m - row * (row - 1) // 2
                scaled = value * x[i, p]
                mean[row] += scaled
                out[base + size - row] += residual * x[i, p]
                for q in range(p, k):
                    out[base + q - p] += scaled * x[i, q]
        share = 1.0 / (weight * total)
        for p in range(size):
            if mean[p] != 0.0:
                base = p * m - p * (p - 1) // 2
                scaled = mean[p] * share
                for q in range(p, size):
                    out[base + q - p] -= scaled * mean[q]
    return log_likelihood
