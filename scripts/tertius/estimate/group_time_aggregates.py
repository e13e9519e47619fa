"""Aggregates of group-time effects, clustered multiplier bootstrap, simultaneous bands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.group_time import GroupTime, StaggeredPanel

FEW_ASSIGNED = 20
"""With fewer assigned clusters only randomisation inference is given."""
NORMAL_IQR = float(stats.norm.ppf(0.75) - stats.norm.ppf(0.25))
CHUNK = 256


@dataclass(frozen=True, eq=False)
class Aggregate:
    """Weighted means of group-time effects: a series over `key` and one overall effect.

    `estimate` (p,), `influence` (N, p) at `key` (event time, cohort or year); `overall` with
    `overall_influence` (N,). `fixed` flags keys that are 0 by construction (base periods).
    """

    kind: str
    key: IntArray
    estimate: FloatArray
    influence: FloatArray
    fixed: BoolArray
    overall: float
    overall_influence: FloatArray


def aggregate_effects(
    effects: GroupTime,
    kind: str,
    *,
    balance_e: int | None = None,
    span: tuple[int, int] | None = None,
    last_time: int | None = None,
    first_time: int | None = None,
) -> Aggregate:
    """Aggregate ATT(g, t) (Callaway & Sant'Anna 2021, table 1), the cohort shares being estimated.

    Args:
        effects: of `group_time_effects`.
        kind: ``simple`` (all post cells by cohort size), ``dynamic`` (by t - g), ``group`` or
            ``calendar``. The overall effect averages post event times, cohorts by size, or years.
        balance_e: dynamic only: keep cohorts observed at least this many periods after their start,
            event times up to it, so that the composition does not change.
        span: dynamic only: least and largest event time.
        first_time, last_time: of the panel, by default of the effects.

    Raises:
        ValueError: unknown kind. NotEstimable: no cell belongs to the aggregate.
    """
    first = int(effects.time.min()) if first_time is None else first_time
    last = int(effects.time.max()) if last_time is None else last_time
    keys = _keys(effects, kind, balance_e, span, first, last)
    made = [_weighted(effects, cells, kind == "group") for _, cells in keys]
    if not made:
        raise NotEstimable("no_rows", kind, f"no group-time effect enters the {kind} aggregate")
    key = np.array([k for k, _ in keys], dtype=np.int64)
    estimate = np.array([m[0] for m in made])
    influence = np.stack([m[1] for m in made], axis=1)
    fixed = np.array([bool(effects.reference[cells].all()) for _, cells in keys])
    overall, overall_influence = _overall(effects, kind, key, estimate, influence)
    return Aggregate(kind, key, estimate, influence, fixed, overall, overall_influence)


def _keys(
    effects: GroupTime,
    kind: str,
    balance_e: int | None,
    span: tuple[int, int] | None,
    first: int,
    last: int,
) -> list[tuple[int, IntArray]]:
    """Cells of each point of the series, in the order of the key."""
    group, time, post = effects.group, effects.time, effects.time >= effects.group
    if kind == "simple":
        values, member = np.zeros(len(group), dtype=np.int64), post
    elif kind == "group":
        values, member = group, post
    elif kind == "calendar":
        values, member = time, post
    elif kind == "dynamic":
        values, member = time - group, np.ones(len(group), dtype=bool)
        if balance_e is not None:
            member &= (last - group >= balance_e) & (values <= balance_e)
            member &= values >= balance_e - last + first
        if span is not None:
            member &= (values >= span[0]) & (values <= span[1])
    else:
        raise ValueError(f"unknown aggregate {kind!r}")
    return [(int(k), np.flatnonzero(member & (values == k))) for k in np.unique(values[member])]


def _weighted(effects: GroupTime, cells: IntArray, equal: bool) -> tuple[float, FloatArray]:
    """Mean of cells by cohort size, or with equal weights (within one cohort)."""
    if equal:
        return float(effects.att[cells].mean()), effects.influence[:, cells].mean(axis=1)
    return _by_size(effects, effects.group[cells], effects.att[cells], effects.influence[:, cells])


def _by_size(
    effects: GroupTime, group: IntArray, att: FloatArray, influence: FloatArray
) -> tuple[float, FloatArray]:
    """Mean weighted by P(G = g), with the influence of the estimated shares."""
    member = (effects.cohort[:, None] == group[None, :]).astype(np.float64)
    share = member.mean(axis=0)
    total = share.sum()
    weight = share / total
    noise = member - share
    by_share = (noise - noise.sum(axis=1, keepdims=True) * weight) / total
    return float(weight @ att), influence @ weight + by_share @ att


def _overall(
    effects: GroupTime, kind: str, key: IntArray, estimate: FloatArray, influence: FloatArray
) -> tuple[float, FloatArray]:
    if kind == "simple":
        return float(estimate[0]), influence[:, 0]
    if kind == "group":
        return _by_size(effects, key, estimate, influence)
    chosen = key >= 0 if kind == "dynamic" else np.ones(len(key), dtype=bool)
    if not chosen.any():
        raise NotEstimable("no_rows", kind, "no event time after the start is left")
    return float(estimate[chosen].mean()), influence[:, chosen].mean(axis=1)


def cluster_influence(influence: FloatArray, cluster: IntArray) -> FloatArray:
    """(C, p) sums of unit influences by cluster over N; a column sum is the error."""
    columns = influence.reshape(len(cluster), -1)
    n_clusters = int(cluster.max()) + 1
    summed = np.stack(
        [np.bincount(cluster, weights=column, minlength=n_clusters) for column in columns.T], axis=1
    )
    out: FloatArray = summed / len(cluster)
    return out


@dataclass(frozen=True, eq=False)
class Bands:
    """Clustered errors of p effects: `std_error` (p,), sup-t `critical`, simultaneous limits."""

    std_error: FloatArray
    critical: float
    low: FloatArray
    high: FloatArray


def multiplier_bands(
    estimate: FloatArray, by_cluster: FloatArray, *, draws: int, seed: int, level: float = 0.95
) -> Bands:
    """Simultaneous bands by the multiplier bootstrap (Callaway & Sant'Anna 2021, algorithm 1).

    Args:
        estimate: (p,). by_cluster: (C, p) of `cluster_influence`.
        draws, seed: of Mammen (1993) two-point weights, one a cluster.

    Returns:
        `Bands`; the error is the interquartile range of the draws over that of a normal, the
        critical value the quantile of the largest |draw| / error. Base periods have error 0 and
        stay out of the critical value.
    """
    root = np.sqrt(5.0)
    rng = np.random.default_rng(seed)
    shift = np.empty((draws, len(estimate)))
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        low = rng.random((size, len(by_cluster))) < (root + 1) / (2 * root)
        shift[start : start + size] = np.where(low, (1 - root) / 2, (1 + root) / 2) @ by_cluster
    quartiles = np.quantile(shift, [0.25, 0.75], axis=0)
    error = (quartiles[1] - quartiles[0]) / NORMAL_IQR
    moving = error > 0
    critical = float(stats.norm.ppf(0.5 + level / 2))
    if moving.any():
        largest = np.abs(shift[:, moving] / error[moving]).max(axis=1)
        critical = max(critical, float(np.quantile(largest, level)))
    return Bands(error, critical, estimate - critical * error, estimate + critical * error)


def assigned_clusters(cohort: FloatArray, cluster: IntArray) -> int:
    """Number of clusters with at least one treated unit."""
    return len(np.unique(cluster[np.isfinite(cohort)]))


def randomisation_p(
    panel: StaggeredPanel,
    statistic: Callable[[StaggeredPanel], float],
    *,
    draws: int,
    seed: int,
) -> tuple[float, float, int]:
    """Randomisation inference: starts are dealt out again among the clusters.

    Exact under the sharp null of no effect for anyone where starts were assigned by chance to
    clusters of this kind (Fisher 1935); a studentised statistic also holds its level
    asymptotically under unequal variances.

    Args:
        panel: starts are constant within a cluster.
        statistic: of a panel, larger in size is evidence.
        draws, seed: of the permutations.

    Returns:
        (observed statistic, p = (1 + #{|s*| >= |s|}) / (B + 1), usable draws B).

    Raises:
        ValueError: starts differ within a cluster.
    """
    n_clusters = int(panel.cluster.max()) + 1
    start = np.full(n_clusters, np.nan)
    start[panel.cluster] = panel.cohort
    if not np.array_equal(start[panel.cluster], panel.cohort):
        raise ValueError("starts differ within a cluster")
    observed = statistic(panel)
    rng = np.random.default_rng(seed)
    exceed = used = 0
    for _ in range(draws):
        dealt = rng.permutation(start)[panel.cluster]
        shuffled = StaggeredPanel(panel.y, panel.times, dealt, panel.cluster, panel.covariates)
        try:
            value = statistic(shuffled)
        except NotEstimable:
            continue
        used += 1
        exceed += abs(value) >= abs(observed) - 1e-12
    return observed, (1 + exceed) / (used + 1), used
