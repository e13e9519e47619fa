"""Cross-products by cluster: resampling, jackknifing and regrouping without touching rows again.

Each firm is demeaned once and reduced to its cross-products, the year dummies carried along, so
that least squares on any multiset of clusters is one small system. A Poisson fit enters by its
working response and weights at the estimate: a draw is then one Newton step, off from a full refit
by terms of order 1/G.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.sample import renumber
from tertius.estimate.two_way import make_effects, sums_by_code
from tertius.inference.score_bootstrap import cluster_weights
from tertius.shapes.refit import Refit, Rows

MAX_CARRIED = 300
"""Levels of effects beside the firm's up to which resamples carry dummies."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Cross-products by cluster: `gram` (G, m, m), `cross` (G, m); the first k of m are slopes."""

    gram: FloatArray
    cross: FloatArray
    n_slopes: int
    cluster_ids: tuple[str, ...]

    def solve(self, weights: FloatArray) -> FloatArray:
        """Slopes (B, k) for weights (B, G) on the clusters."""
        n_draws, m = len(weights), self.cross.shape[1]
        flat = self.gram.reshape(len(self.gram), -1)
        left = (weights @ flat).reshape(n_draws, m, m)
        right = weights @ self.cross
        return solve_each(left, right)[:, : self.n_slopes]

    def part(self, clusters: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Slopes (k,) on some of the clusters and their influences (g, k)."""
        gram, cross = self.gram[clusters], self.cross[clusters]
        total = gram.sum(axis=0)
        beta = solve_each(total[None], cross.sum(axis=0)[None])[0]
        scores = cross - gram @ beta
        bread = inverse(total)[:, : self.n_slopes]
        return beta[: self.n_slopes], scores @ bread


def solve_each(left: FloatArray, right: FloatArray) -> FloatArray:
    """Solutions (B, m) of B symmetric systems, on the range of those that are singular."""
    scale = np.sqrt(np.maximum(np.einsum("bii->bi", left), np.finfo(np.float64).tiny))
    scaled = left / (scale[:, :, None] * scale[:, None, :])
    target = (right / scale)[:, :, None]
    try:
        found = np.linalg.solve(scaled, target)
        if np.isfinite(found).all() and np.abs(found).max() < 1e12 * max(np.abs(target).max(), 1):
            return np.asarray(found[:, :, 0] / scale, dtype=np.float64)
    except np.linalg.LinAlgError:
        pass
    found = np.linalg.pinv(scaled, rcond=1e-11, hermitian=True) @ target
    return np.asarray(found[:, :, 0] / scale, dtype=np.float64)


def inverse(matrix: FloatArray) -> FloatArray:
    """Inverse of a symmetric matrix on its range, scaled by its diagonal."""
    scale = np.sqrt(np.maximum(np.diag(matrix), np.finfo(np.float64).tiny))
    found = np.linalg.pinv(matrix / np.outer(scale, scale), rcond=1e-11, hermitian=True)
    return np.asarray(found / np.outer(scale, scale), dtype=np.float64)


def moments_of(rows: Rows, fit: Refit) -> Moments:
    """Cross-products of a fit, by cluster.

    Args:
        rows: the rows of the fit; clusters hold whole firms.
        fit: their fit; its kept columns enter.
    """
    k = len(fit.kept)
    weight = fit.fitted if rows.is_count else np.ones(len(rows.y))
    x = rows.x[:, fit.kept]
    columns = [x]
    columns += carried_columns(rows)
    # the working response less the part that the effects carry at the estimate
    y = x @ fit.coefficients + (rows.y - fit.fitted) / weight if rows.is_count else rows.y
    stacked = np.column_stack([*columns, y])
    if "org_id" in rows.effects:
        firm = renumber(rows.effects["org_id"])[0]
        firms = make_effects(firm, firm, ("org_id",))
        stacked = firms.within(stacked, weight if rows.is_count else None)
    z, response = stacked[:, :-1], stacked[:, -1]
    n_clusters, m = len(rows.cluster_ids), z.shape[1]
    weighted = z * weight[:, None]
    gram = np.empty((n_clusters, m, m))
    for j in range(m):
        gram[:, j, :] = sums_by_code(weighted * z[:, [j]], rows.cluster, n_clusters)
    cross = sums_by_code(weighted * response[:, None], rows.cluster, n_clusters)
    return Moments(gram, cross, k, rows.cluster_ids)


def carried_columns(rows: Rows) -> list[FloatArray]:
    """Dummies of the effects but the firm's (a constant where there are none at all).

    Raises:
        NotEstimable: there are more than `MAX_CARRIED` of them.
    """
    others = [code for name, code in rows.effects.items() if name != "org_id"]
    if not rows.effects:
        return [np.ones((len(rows.y), 1))]
    columns: list[FloatArray] = []
    for code in others:
        levels = np.unique(code)[1:] if "org_id" in rows.effects or columns else np.unique(code)
        if len(levels) + sum(c.shape[1] for c in columns) > MAX_CARRIED:
            what = f"resampling carries at most {MAX_CARRIED} levels of effects beside the firm's"
            raise NotEstimable("too_many_levels", "effects", what)
        columns.append((code[:, None] == levels[None, :]).astype(np.float64))
    return columns


def joint_draws(parts: Sequence[Moments], draws: int, seed: int) -> FloatArray:
    """The same resamples of clusters for several equations, slopes side by side (B, k1 + k2 + ..).

    Args:
        parts: equations; the clusters are the sorted union, and one that an equation lacks
            contributes nothing to it.
        draws: B.
        seed: of the resamples, as in `cluster_weights`.
    """
    union = sorted({name for part in parts for name in part.cluster_ids})
    place = {name: i for i, name in enumerate(union)}
    held = [np.array([place[name] for name in part.cluster_ids]) for part in parts]
    found = []
    for weights in cluster_weights(len(union), draws, seed):
        solved = [p.solve(weights[:, at]) for p, at in zip(parts, held, strict=True)]
        found.append(np.hstack(solved))
    return np.vstack(found)


def joint_influence(
    fits: Sequence[Refit],
) -> tuple[FloatArray, tuple[str, ...]]:
    """Influences of several fits over the union of their clusters (G, k1 + k2 + ..); its ids."""
    union = sorted({name for fit in fits for name in fit.cluster_ids})
    place = {name: i for i, name in enumerate(union)}
    blocks = []
    for fit in fits:
        block = np.zeros((len(union), len(fit.labels)))
        block[[place[name] for name in fit.cluster_ids]] = fit.influence
        blocks.append(block)
    return np.hstack(blocks), tuple(union)
