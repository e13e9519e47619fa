"""Cluster covariance under one stated convention; joint inference over a family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tertius.estimate.two_way import FloatArray, IntArray

ALTERNATIVES = ("two-sided", "greater", "less")
CHUNK = 256

CONVENTION_TEXT: Mapping[str, str] = {
    "fixest": "clustered by {cluster}, factor G/(G-1) x (N-1)/(N-K), K = regressors + years "
    "(constant within), firm effects not counted; t with G-1 degrees of freedom",
    "no_factor": "clustered by {cluster}, no small-sample factor",
    "clusters_only": "clustered by {cluster}, factor G/(G-1)",
    "linearmodels": "clustered by {cluster}, factor N/(N-K), all effects counted in K",
    "statsmodels_dummies": "clustered by {cluster}, factor G/(G-1) x (N-1)/(N-K), all effects "
    "counted in K",
    "plm_sss": "clustered by {cluster}, factor G/(G-1) x (N-1)/(N-k), k = regressors only",
}


def small_sample_factor(
    convention: str,
    n_obs: int,
    n_regressors: int,
    n_clusters: int,
    n_firms: int,
    n_years: int,
) -> float:
    """Factor on the clustered covariance.

    Args:
        convention: key of `CONVENTION_TEXT`.
        n_obs, n_regressors, n_clusters: N, k, G.
        n_firms: absorbed firm effects, 0 without them.
        n_years: absorbed year effects, 0 without them (the constant then counts as one).

    Returns:
        Positive factor; ``fixest`` (also reghdfe) is G/(G-1) (N-1)/(N-K) with K = k + T.

    Raises:
        ValueError: the convention is unknown or no degree of freedom is left.
    """
    if convention not in CONVENTION_TEXT:
        raise ValueError(f"unknown convention {convention!r}")
    clusters = n_clusters / (n_clusters - 1)
    k_fixest = n_regressors + max(n_years, 1)
    k_all = n_regressors + (n_firms + n_years - 1 if n_firms and n_years else n_firms or n_years)
    k_all = max(k_all, n_regressors + 1)
    used = {"fixest": k_fixest, "linearmodels": k_all, "statsmodels_dummies": k_all}
    free = n_obs - used.get(convention, n_regressors)
    if free <= 0:
        raise ValueError(f"no degree of freedom is left: N = {n_obs}, K = {n_obs - free}")
    factors = {
        "fixest": clusters * (n_obs - 1) / free,
        "no_factor": 1.0,
        "clusters_only": clusters,
        "linearmodels": n_obs / free,
        "statsmodels_dummies": clusters * (n_obs - 1) / free,
        "plm_sss": clusters * (n_obs - 1) / free,
    }
    return factors[convention]


def cluster_covariance(influence: FloatArray, factor: float) -> FloatArray:
    """Sandwich covariance from cluster influences.

    Args:
        influence: (G, k) bread times the summed score of each cluster; columns sum to zero.
        factor: small-sample factor.

    Returns:
        (k, k) symmetric covariance (Liang & Zeger 1986).
    """
    meat = influence.T @ influence
    return factor * (meat + meat.T) / 2


def p_value_of(statistic: float, dof: float, alternative: str = "two-sided") -> float:
    """p of a t statistic; `dof` may be infinite for the normal.

    Raises:
        ValueError: the alternative is not one of two-sided, greater, less.
    """
    if alternative not in ALTERNATIVES:
        raise ValueError(f"unknown alternative {alternative!r}")
    if alternative == "two-sided":
        return float(2 * stats.t.sf(abs(statistic), dof))
    oriented = statistic if alternative == "greater" else -statistic
    return float(stats.t.sf(oriented, dof))


def minimum_detectable_effect(std_error: float) -> float:
    """Effect found with 80 % power by a two-sided 5 % test: 2.8 standard errors (Bloom 1995)."""
    return 2.8 * std_error


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One scalar hypothesis of a family: a contrast of one estimate with its cluster influences.

    `influence` is (G,), the contrast applied to the influences of the clusters `cluster_ids`;
    `estimate` is its value less the value under the null, `std_error` that of the analytic test.
    """

    name: str
    influence: FloatArray
    cluster_ids: tuple[str, ...]
    estimate: float
    std_error: float
    alternative: str = "two-sided"

    @property
    def statistic(self) -> float:
        """Studentised estimate."""
        return self.estimate / self.std_error


@dataclass(frozen=True, eq=False)
class BootstrapDraws:
    """Recentred draws of a family, (B, H): `shift` = b* - b, `statistic` = (b* - b) / se*."""

    names: tuple[str, ...]
    shift: FloatArray
    statistic: FloatArray
    n_clusters: int
    seed: int


def cluster_weights(n_clusters: int, draws: int, seed: int) -> Iterator[FloatArray]:
    """Chunks (b, G) of multinomial weights of a resampling of clusters with replacement.

    The stream depends on (n_clusters, seed) only, not on the size of a chunk.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        picks = rng.integers(0, n_clusters, size=(size, n_clusters))
        cells = picks + (np.arange(size) * n_clusters)[:, None]
        counts = np.bincount(cells.ravel(), minlength=size * n_clusters)
        yield counts.reshape(size, n_clusters).astype(np.float64)


def cluster_bootstrap_draws(
    hypotheses: Sequence[Hypothesis], draws: int, seed: int
) -> BootstrapDraws:
    """The same B resamples of clusters for all hypotheses, by one step from each estimate.

    The clusters are the sorted union over the hypotheses; in a draw each gets its multinomial
    weight w_g, and a cluster absent from a hypothesis's sample contributes nothing to it. Instead
    of a refit, b* - b is the one Newton step sum_g w_g psi_g from the estimate, psi the cluster
    influences (score bootstrap: Kline & Santos 2012, J. Econometric Methods 1:23). It equals a
    refit up to terms of order 1/G: the change of the Hessian between samples is left out. se* is
    the sandwich of the same draw, the weighted sum of squares of psi around its weighted mean.

    Args:
        hypotheses: H of them, names unique.
        draws: B.
        seed: of numpy's default generator.

    Returns:
        `BootstrapDraws` with (B, H) arrays; independent of the order of clusters and hypotheses.

    Raises:
        ValueError: no hypothesis, or names repeat.
    """
    names = tuple(h.name for h in hypotheses)
    if not names or len(set(names)) != len(names):
        raise ValueError("give at least one hypothesis, with unique names")
    union = sorted({cluster for h in hypotheses for cluster in h.cluster_ids})
    place = {cluster: row for row, cluster in enumerate(union)}
    psi = np.zeros((len(union), len(names)))
    present = np.zeros_like(psi)
    for column, hypothesis in enumerate(hypotheses):
        rows = [place[cluster] for cluster in hypothesis.cluster_ids]
        psi[rows, column] = hypothesis.influence
        present[rows, column] = 1.0
    base = np.array([_raw_error(h.influence) / h.std_error for h in hypotheses])
    shift = np.empty((draws, len(names)))
    error = np.empty_like(shift)
    done = 0
    for weights in cluster_weights(len(union), draws, seed):
        block = slice(done, done + len(weights))
        total = weights @ psi
        size = np.maximum(weights @ present, 1.0)
        shift[block] = total
        error[block] = np.sqrt(np.maximum(weights @ psi**2 - total**2 / size, 0.0))
        done += len(weights)
    floor = np.finfo(np.float64).tiny
    return BootstrapDraws(names, shift, shift / np.maximum(error, floor) * base, len(union), seed)


def _raw_error(influence: FloatArray) -> float:
    """Standard error without small-sample factor."""
    return float(np.sqrt((influence**2).sum()))


def oriented(statistic: FloatArray, alternatives: Sequence[str]) -> FloatArray:
    """Statistics turned so that large is evidence: |t|, t or -t; last axis = hypotheses."""
    out = np.array(statistic, dtype=np.float64)
    for column, alternative in enumerate(alternatives):
        if alternative == "two-sided":
            out[..., column] = np.abs(out[..., column])
        elif alternative == "less":
            out[..., column] = -out[..., column]
    return out


def romano_wolf(hypotheses: Sequence[Hypothesis], draws: BootstrapDraws) -> FloatArray:
    """Stepdown p values that control the family-wise error rate.

    In falling order of the (oriented) statistics, p_(j) = (1 + #{max over the remaining hypotheses
    of t* >= t_(j)}) / (B + 1), made monotone (Romano & Wolf 2005, Econometrica 73:1237; Clarke,
    Romano & Wolf 2020). One-sided hypotheses enter by their signed statistic, two-sided ones by
    |t|.

    Args:
        hypotheses: in the order of `draws.names`.
        draws: from `cluster_bootstrap_draws`.

    Returns:
        (H,) adjusted p values in the order given.

    Raises:
        ValueError: the names differ from those of the draws.
    """
    if tuple(h.name for h in hypotheses) != draws.names:
        raise ValueError("hypotheses and draws differ")
    sides = [h.alternative for h in hypotheses]
    observed = oriented(np.array([h.statistic for h in hypotheses]), sides)
    return stepdown(observed, oriented(draws.statistic, sides))


def stepdown(observed: FloatArray, resampled: FloatArray) -> FloatArray:
    """Romano-Wolf adjusted p of (H,) statistics from (B, H) recentred draws; large is evidence."""
    n_draws = resampled.shape[0]
    order: IntArray = np.lexsort((np.arange(len(observed)), -observed)).astype(np.int64)
    remaining = np.maximum.accumulate(resampled[:, order[::-1]], axis=1)[:, ::-1]
    exceed = (remaining >= observed[order][None, :]).sum(axis=0)
    ordered = np.maximum.accumulate((1.0 + exceed) / (n_draws + 1.0))
    adjusted = np.empty_like(observed, dtype=np.float64)
    adjusted[order] = ordered
    return adjusted


def benjamini_hochberg(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """q values of the false discovery rate (Benjamini & Hochberg 1995), in the order given.

    Raises:
        ValueError: a p value is not in [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p values must lie in [0, 1]")
    order = np.argsort(-p, kind="stable")
    ranks = p.size - np.arange(p.size)
    ordered = np.minimum(np.minimum.accumulate(p[order] * p.size / ranks), 1.0)
    q = np.empty_like(p)
    q[order] = ordered
    return q
