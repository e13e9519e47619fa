"""Clustered covariance under one stated convention, and p values."""

from __future__ import annotations

from collections.abc import Mapping

from scipy import stats

from tertius.arrays import FloatArray

ALTERNATIVES = ("two-sided", "greater", "less")

CONVENTION_TEXT: Mapping[str, str] = {
    "fixest": "clustered by {cluster}, factor G/(G-1) x (N-1)/(N-K), K = regressors + years "
    "(constant within), firm effects not counted; t with G-1 degrees of freedom",
    "no_factor": "clustered by {cluster}, no small-sample factor",
    "clusters_only": "clustered by {cluster}, factor G/(G-1)",
    "linearmodels": "clustered by {cluster}, factor N/(N-K), all effects counted in K",
    "statsmodels_dummies": "clustered by {cluster}, factor G/(G-1) x (N-1)/(N-K), all effects "
    "counted in K",
    "plm_sss": "clustered by {cluster}, factor G/(G-1) x (N-1)/(N-k), k = regressors only",
    "information": "inverse of the information matrix, no clustering",
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
        ValueError: the convention is unknown or without factor, or no degree of freedom is left.
    """
    if convention not in CONVENTION_TEXT or convention == "information":
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
