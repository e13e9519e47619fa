"""Cross-products of each cluster, from which estimates on resampled clusters follow exactly.

A weight that is constant within firms leaves firm means alone, so a firm is demeaned once and
enters a resample through its cross-products. Year dummies change with the resample and are carried
along as columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.two_way import COLLINEAR_TOLERANCE, Effects
from tertius.kernels import kernel


@dataclass(frozen=True, eq=False)
class ClusterProducts:
    """Upper triangles, row by row, of the cross-products of [carried dummies, x, y] by cluster.

    `packed` is (G, m (m + 1) / 2) with m = c + k + 1; x and y are net of firm means (where firm
    effects are absorbed) and divided by `scale` (k + 1,).
    """

    packed: FloatArray
    n_dummies: int
    n_slopes: int
    scale: FloatArray

    @property
    def n_clusters(self) -> int:
        """Number of clusters G."""
        return len(self.packed)

    @property
    def n_columns(self) -> int:
        """Columns m of the cross-products, the outcome last."""
        return self.n_dummies + self.n_slopes + 1

    def full(self, packed: FloatArray) -> FloatArray:
        """(b, P) packed triangles -> (b, m, m) symmetric matrices."""
        m = self.n_columns
        upper = np.triu_indices(m)
        out = np.empty((packed.shape[0], m, m))
        out[:, upper[0], upper[1]] = packed
        out[:, upper[1], upper[0]] = packed
        return out

    def solve(self, packed: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Least squares from (b, P) sums of cross-products.

        Returns:
            ((b, m - 1) coefficients of dummies and scaled slopes, 0 where a column is collinear
            with earlier ones, (b, m - 1) flags 1.0 of the columns kept).
        """
        matrices = self.full(packed)
        kept = np.empty((len(packed), self.n_columns - 1))
        coefficients = np.empty_like(kept)
        _solve_in_order(matrices, COLLINEAR_TOLERANCE, coefficients, kept)
        return coefficients, kept

    def slopes(self, coefficients: FloatArray, kept: FloatArray) -> FloatArray:
        """(b, k) slopes on the scale of the data from `solve`; NaN where dropped as collinear."""
        start = self.n_dummies
        raw = coefficients[:, start:] * (self.scale[-1] / self.scale[:-1])
        return np.where(kept[:, start:] > 0, raw, np.nan)


def cluster_products(
    x: FloatArray, y: FloatArray, effects: Effects, cluster: IntArray
) -> ClusterProducts:
    """Cross-products of each cluster.

    Args:
        x: (n, k), no column collinear with the effects and the others.
        y: (n,).
        effects: layout of the effects.
        cluster: (n,) codes 0..G-1; an absorbed firm lies in one cluster.

    Raises:
        ValueError: an absorbed firm lies in two clusters, or other effects are absorbed.
    """
    carried, starts, demeaned = carried_dummies(effects)
    within = effects.within(np.column_stack([x, y]))
    scale = np.sqrt((within**2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    if demeaned and (cluster != cluster[starts][effects.group]).any():
        raise ValueError("an absorbed firm lies in more than one cluster")
    n_dummies = int(carried.max(initial=-1)) + 1
    width = n_dummies + x.shape[1] + 1
    packed = np.zeros((int(cluster.max()) + 1, width * (width + 1) // 2))
    ends = np.r_[starts[1:], len(y)]
    _accumulate(within / scale, starts, ends, cluster, carried, n_dummies, demeaned, packed)
    return ClusterProducts(packed, n_dummies, x.shape[1], scale)


def align_clusters(
    products: ClusterProducts, cluster_ids: Sequence[str], union: Sequence[str]
) -> ClusterProducts:
    """The same products over a larger list of clusters; those without rows weigh nothing.

    Models whose samples differ thus share their resamples.

    Args:
        products: of G clusters.
        cluster_ids: (G,) identifiers.
        union: sorted identifiers of all models' clusters.
    """
    place = {name: row for row, name in enumerate(union)}
    packed = np.zeros((len(union), products.packed.shape[1]))
    packed[[place[name] for name in cluster_ids]] = products.packed
    return replace(products, packed=packed)


def carried_dummies(effects: Effects) -> tuple[IntArray, IntArray, bool]:
    """Effects that cannot be taken out once for all resamples.

    Returns:
        ((n,) dummy of each row, -1 for the base; first row of each group that is taken out, or of
        each row; whether group means are taken out).

    Raises:
        ValueError: more effects than firm and year, or a second one with many levels, are absorbed.
    """
    if effects.more:
        raise ValueError("only firm and year effects can be carried through resamples")
    n = len(effects.group)
    if effects.starts is None:
        return effects.group, np.arange(n), False
    if effects.n_groups == 1:
        return np.zeros(n, dtype=np.int64), np.arange(n), False
    if effects.year is None:
        return np.full(n, -1, dtype=np.int64), effects.starts, True
    return effects.year - 1, effects.starts, True


def explicit_columns(x: FloatArray, effects: Effects) -> FloatArray:
    """(n, c + k) carried dummies and regressors, net of the group means that are taken out."""
    carried, _, demeaned = carried_dummies(effects)
    n_dummies = int(carried.max(initial=-1)) + 1
    dummies = (carried[:, None] == np.arange(n_dummies)).astype(np.float64)
    columns = np.hstack([dummies, effects.within(x)])
    if not demeaned:
        return columns
    means = effects.group_sums(columns) / effects.counts[:, None]
    return columns - means[effects.group]


@kernel
def _accumulate(
    a: FloatArray,
    starts: IntArray,
    ends: IntArray,
    cluster: IntArray,
    carried: IntArray,
    n_dummies: int,
    demeaned: bool,
    packed: FloatArray,
) -> None:
    """Add every row to the triangle of its cluster."""
    k1 = a.shape[1]
    m = n_dummies + k1
    for f in range(starts.size):
        lo, hi = starts[f], ends[f]
        out = packed[cluster[lo]]
        for i in range(lo, hi):
            d = carried[i]
            for p in range(k1):
                row = n_dummies + p
                base = row * m - row * (row - 1) // 2
                for q in range(p, k1):
                    out[base + q - p] += a[i, p] * a[i, q]
            if d >= 0:
                base = d * m - d * (d - 1) // 2
                out[base] += 1.0
                for p in range(k1):
                    out[base + n_dummies + p - d] += a[i, p]
        if demeaned:
            share = 1.0 / (hi - lo)
            for i in range(lo, hi):
                for j in range(lo, hi):
                    d, e = carried[i], carried[j]
                    if 0 <= d <= e:
                        out[d * m - d * (d - 1) // 2 + e - d] -= share


@kernel
def _solve_in_order(
    matrices: FloatArray, tolerance: float, coefficients: FloatArray, kept: FloatArray
) -> None:
    """Cholesky solutions of the leading m - 1 columns on the last; columns are judged in order."""
    size = matrices.shape[1] - 1
    factor = np.zeros((size, size))
    rest = np.zeros(size)
    for b in range(matrices.shape[0]):
        h = matrices[b]
        for j in range(size):
            for i in range(j):
                total = h[j, i]
                for p in range(i):
                    total -= factor[j, p] * factor[i, p]
                factor[j, i] = total / factor[i, i] if kept[b, i] > 0 else 0.0
            pivot = h[j, j]
            right = h[j, size]
            for p in range(j):
                pivot -= factor[j, p] * factor[j, p]
                right -= factor[j, p] * rest[p]
            good = h[j, j] > 0 and pivot > tolerance * h[j, j]
            kept[b, j] = 1.0 if good else 0.0
            factor[j, j] = np.sqrt(pivot) if good else 1.0
            rest[j] = right / factor[j, j] if good else 0.0
        for j in range(size - 1, -1, -1):
            total = rest[j]
            for p in range(j + 1, size):
                total -= factor[p, j] * coefficients[b, p]
            coefficients[b, j] = total / factor[j, j] if kept[b, j] > 0 else 0.0
