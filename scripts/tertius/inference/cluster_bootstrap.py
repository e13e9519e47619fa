"""Exact pairs bootstrap of clusters for least squares with firm and year effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.two_way import Effects
from tertius.inference.cluster_products import ClusterProducts, cluster_products
from tertius.inference.intervals import basic_interval, percentile_interval
from tertius.inference.score_bootstrap import cluster_weights
from tertius.kernels import run_blocks

HISTOGRAM_BINS = 40


@dataclass(frozen=True, eq=False)
class ClusterBootstrap:
    """Draws of the slopes over resampled clusters.

    `draws` (B, k) is NaN where a column was collinear in the resample; `incomplete` counts such
    draws. `statistics` (B, s) are (b* - b) / se* of the columns `studentised`, se* clustered within
    the resample, and `errors` (s,) their standard errors in the sample; no small-sample factor.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    draws: FloatArray
    studentised: tuple[int, ...]
    statistics: FloatArray
    errors: FloatArray
    n_clusters: int
    seed: int
    incomplete: int

    @property
    def covariance(self) -> FloatArray:
        """(k, k) covariance of the complete draws."""
        return np.atleast_2d(np.cov(self.draws[~np.isnan(self.draws).any(axis=1)], rowvar=False))

    @property
    def std_errors(self) -> FloatArray:
        """(k,) standard deviations of the complete draws."""
        return np.sqrt(np.diag(self.covariance))

    def interval(
        self, term: str, level: float = 0.95, method: str = "percentile"
    ) -> tuple[float, float]:
        """Interval of one slope: percentile, basic or (where studentised) t.

        Raises:
            ValueError: the method is unknown, or t is asked of a column not studentised.
        """
        j = self.terms.index(term)
        draws = self.draws[:, j]
        draws = draws[~np.isnan(draws)]
        if method == "percentile":
            return percentile_interval(draws, level)
        if method == "basic":
            return basic_interval(draws, float(self.coefficients[j]), level)
        if method == "t" and j in self.studentised:
            return self._t_interval(j, level)
        raise ValueError(f"no interval {method!r} for {term}")

    def _t_interval(self, j: int, level: float) -> tuple[float, float]:
        """Quantiles of the studentised draws around the estimate (Hall 1988)."""
        place = self.studentised.index(j)
        column, error = self.statistics[:, place], float(self.errors[place])
        low, high = percentile_interval(column[~np.isnan(column)], level)
        center = float(self.coefficients[j])
        return center - high * error, center - low * error

    def sentence(self, term: str, level: float = 0.95) -> str:
        """The result of one slope in words."""
        j = self.terms.index(term)
        low, high = self.interval(term, level)
        text = (
            f"{term}: {self.coefficients[j]:.4g}, bootstrap standard error "
            f"{self.std_errors[j]:.4g}, {100 * level:g} % percentile interval [{low:.4g}, "
            f"{high:.4g}] over {len(self.draws):,} resamples of {self.n_clusters:,} clusters."
        )
        if self.incomplete:
            text += f" {self.incomplete:,} resamples lost a column to collinearity."
        return text

    def figure(self, term: str) -> pl.DataFrame:
        """Histogram of the draws of one slope: low, high, draws."""
        return histogram(self.draws[:, self.terms.index(term)])


def histogram(draws: FloatArray, bins: int = HISTOGRAM_BINS) -> pl.DataFrame:
    """Figure data of a distribution: columns low, high (of each bin), draws; NaN left out."""
    counts, edges = np.histogram(draws[~np.isnan(draws)], bins=bins)
    return pl.DataFrame({"low": edges[:-1], "high": edges[1:], "draws": counts.astype(np.int64)})


def bootstrap_ols(
    x: FloatArray,
    y: FloatArray,
    effects: Effects,
    cluster: IntArray,
    *,
    draws: int,
    seed: int,
    terms: Sequence[str] | None = None,
    studentise: Sequence[int] = (),
    threads: int | None = None,
) -> ClusterBootstrap:
    """Refit two-way fixed-effects least squares on resamples of clusters, exactly and at once.

    A resample draws G clusters with replacement; a firm drawn twice counts as two firms. Every draw
    solves the normal equations of its own resample, year effects included, from the weighted sum of
    the clusters' cross-products: equal to demeaning and refitting the stacked rows up to rounding.
    Resamples are those of `cluster_weights`, hence shared with every other bootstrap of the same
    clusters and seed (Cameron, Gelbach & Miller 2008, pairs cluster bootstrap).

    Args:
        x: (n, k) regressors, none collinear.
        y: (n,) outcome.
        effects: layout of the absorbed effects.
        cluster: (n,) codes 0..G-1; an absorbed firm lies in one cluster.
        draws: B.
        seed: of the resamples.
        terms: names of the columns; x0, x1, ... by default.
        studentise: columns whose t* is wanted; each costs as much as the coefficients do.
        threads: blocks of resamples worked on at once; the result does not depend on it.

    Raises:
        ValueError: an absorbed firm lies in two clusters, or names and columns differ in number.
    """
    names = tuple(terms) if terms is not None else tuple(f"x{j}" for j in range(x.shape[1]))
    if len(names) != x.shape[1]:
        raise ValueError(f"{len(names)} names for {x.shape[1]} columns")
    products = cluster_products(x, y, effects, cluster)
    return bootstrap_products(
        products, names, draws=draws, seed=seed, studentise=studentise, threads=threads
    )


def bootstrap_products(
    products: ClusterProducts,
    terms: Sequence[str],
    *,
    draws: int,
    seed: int,
    studentise: Sequence[int] = (),
    threads: int | None = None,
) -> ClusterBootstrap:
    """`bootstrap_ols` from cross-products that are already there."""
    ones = np.ones((1, products.n_clusters))
    total = ones @ products.packed
    point, point_kept = products.solve(total)
    estimate = products.slopes(point, point_kept)[0]
    errors = [_resample_error(products, total, point, point_kept, ones, j)[0] for j in studentise]

    def refit(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        sums = weights @ products.packed
        solved, kept = products.solve(sums)
        slopes = products.slopes(solved, kept)
        statistics = np.empty((len(weights), len(studentise)))
        for s, j in enumerate(studentise):
            error = _resample_error(products, sums, solved, kept, weights, j)
            shift = slopes[:, j] - estimate[j]
            statistics[:, s] = shift / np.maximum(error, np.finfo(np.float64).tiny)
        return slopes, statistics

    blocks = run_blocks(refit, cluster_weights(products.n_clusters, draws, seed), threads)
    parts = list(blocks)
    drawn = np.concatenate([slopes for slopes, _ in parts])
    incomplete = int(np.isnan(drawn).any(axis=1).sum())
    return ClusterBootstrap(
        tuple(terms),
        estimate,
        drawn,
        tuple(studentise),
        np.concatenate([statistics for _, statistics in parts]),
        np.array(errors, dtype=np.float64),
        products.n_clusters,
        seed,
        incomplete,
    )


def _resample_error(
    products: ClusterProducts,
    sums: FloatArray,
    solved: FloatArray,
    kept: FloatArray,
    weights: FloatArray,
    j: int,
) -> FloatArray:
    """(b,) clustered standard error of slope j within each resample."""
    m = products.n_columns
    at = products.n_dummies + j
    hessian = products.full(sums)[:, : m - 1, : m - 1]
    off = kept == 0
    rows, columns = np.nonzero(off)
    hessian[rows, columns, :] = 0.0
    hessian[rows, :, columns] = 0.0
    hessian[rows, columns, columns] = 1.0
    unit = np.zeros((len(sums), m - 1, 1))
    unit[:, at] = 1.0
    direction = np.zeros((len(sums), m))
    direction[:, : m - 1] = np.linalg.solve(hessian, unit)[..., 0]
    residual = np.concatenate([-solved, np.ones((len(sums), 1))], axis=1)
    upper = np.triu_indices(m)
    forms = direction[:, upper[0]] * residual[:, upper[1]]
    forms += direction[:, upper[1]] * residual[:, upper[0]]
    forms[:, upper[0] == upper[1]] /= 2
    influence = forms @ products.packed.T
    error: FloatArray = np.sqrt((weights * influence**2).sum(axis=1))
    return error * float(products.scale[-1] / products.scale[j])
