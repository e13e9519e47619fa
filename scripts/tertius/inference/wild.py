"""Wild cluster bootstrap of one restriction in least squares with firm and year effects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import optimize, sparse, stats

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.two_way import Effects, sums_by_code
from tertius.inference.cluster_bootstrap import histogram
from tertius.inference.cluster_products import carried_dummies, explicit_columns
from tertius.inference.intervals import monte_carlo_error, resampled_p_value

CHUNK = 128
ENUMERATE = 1 << 12
WEIGHTS = ("rademacher", "webb", "mammen")


@dataclass(frozen=True, eq=False)
class WildBootstrap:
    """Test of one slope against `null`.

    `draws` (B,) are bootstrap t statistics under the null. `repaired` counts the draws whose
    two-way variance was not positive and was replaced by the larger one-way one. `enumerated` is
    True where all sign vectors were gone through instead of drawn. The interval holds the values
    that the test with imposed null does not reject (None where it was not asked for).
    """

    term: str
    estimate: float
    null: float
    std_error: float
    statistic: float
    p_value: float
    p_equal_tail: float
    draws: FloatArray
    weights: str
    null_imposed: bool
    n_clusters: tuple[int, ...]
    seed: int
    enumerated: bool
    repaired: int
    interval: tuple[float, float] | None
    level: float

    @property
    def sentence(self) -> str:
        """The result in words."""
        clusters = " x ".join(f"{n:,}" for n in self.n_clusters)
        how = "all sign vectors" if self.enumerated else f"{len(self.draws):,} draws"
        imposed = "null imposed" if self.null_imposed else "null not imposed"
        error = monte_carlo_error(self.p_value, len(self.draws))
        text = (
            f"{self.term} = {self.null:g}: t = {self.statistic:.3f}, wild cluster bootstrap p = "
            f"{self.p_value:.4f} ({clusters} clusters, {self.weights} weights, {imposed}, {how}"
        )
        text += ")." if self.enumerated else f"; Monte-Carlo error {error:.4f})."
        if self.interval is not None:
            low, high = self.interval
            text += f" {100 * self.level:g} % interval [{low:.4g}, {high:.4g}]."
        if self.repaired:
            text += f" The two-way variance was not positive in {self.repaired:,} draws."
        return text

    def figure(self) -> pl.DataFrame:
        """Histogram of the bootstrap statistics: low, high, draws."""
        return histogram(self.draws)


@dataclass(frozen=True, eq=False)
class _Pieces:
    """What a draw v (G,) needs: deviations are `drift` v, and scores of dimension d follow from
    `spread[d]` v - `pull[d]` drift v. Each is linear in the null, [at 0, per unit of the null]."""

    drift: tuple[FloatArray, FloatArray]
    spread: tuple[tuple[sparse.csr_array, sparse.csr_array], ...]
    pull: tuple[FloatArray, ...]
    signs: tuple[float, ...]


def wild_cluster_bootstrap(
    x: FloatArray,
    y: FloatArray,
    effects: Effects,
    clusters: Sequence[IntArray],
    column: int,
    *,
    draws: int,
    seed: int,
    null: float = 0.0,
    weights: str = "rademacher",
    impose_null: bool = True,
    level: float | None = None,
    term: str | None = None,
) -> WildBootstrap:
    """Wild cluster bootstrap p value of one slope, by WCR (null imposed) or WCU.

    Residuals are multiplied by one weight a cluster and the t statistic is formed anew; nothing is
    refitted, as coefficient and clustered variance of a draw are forms in the weights (Cameron,
    Gelbach & Miller 2008; Roodman, MacKinnon, Nielsen & Webb 2019). The variance is CRV1 without
    small-sample factor, in the sample and in every draw, so that the factor cancels. With two sets
    of clusters the variance is two-way and the weights follow the first (MacKinnon, Nielsen & Webb
    2021, J. Business & Economic Statistics 39:505); a draw or sample whose two-way variance is not
    positive takes the larger one-way variance. Where 2^G is at most 4,096 and at most the number of
    draws, Rademacher weights are enumerated.

    Args:
        x: (n, k) regressors, none collinear.
        y: (n,) outcome.
        effects: layout of the absorbed effects.
        clusters: one or two arrays (n,) of codes 0..G-1; an absorbed firm lies in one cluster of
            the first.
        column: of the slope tested.
        draws: B.
        seed: of numpy's default generator.
        null: value tested.
        weights: rademacher, webb (six points, for fewer than about 12 clusters) or mammen.
        impose_null: residuals of the restricted (WCR) or the unrestricted fit (WCU).
        level: coverage of the interval by inversion of the test; None for none.
        term: name of the slope.

    Returns:
        `WildBootstrap`. Its p value counts draws at least as extreme, plus one, over B + 1; where
        all sign vectors were gone through with the null imposed, their plain share.

    Raises:
        ValueError: unknown weights, more than two sets of clusters, an interval with two of them,
            or a firm in two clusters.
    """
    if weights not in WEIGHTS or not 1 <= len(clusters) <= 2:
        raise ValueError(f"weights {weights!r} with {len(clusters)} sets of clusters")
    if level is not None and len(clusters) > 1:
        raise ValueError("no interval by inversion with two-way clusters")
    use = _regression(x, y - null * x[:, column], effects, clusters[0], column)
    dimensions, signs = _dimensions(clusters)
    error = _sample_error(use.direction * use.residuals, dimensions, signs)
    statistic = use.point / error
    n_clusters = int(clusters[0].max()) + 1
    enumerated = weights == "rademacher" and 2**n_clusters <= min(ENUMERATE, draws + 1)
    blocks = _all_signs(n_clusters) if enumerated else _drawn(n_clusters, draws, seed, weights)
    pieces = _pieces(use, dimensions, signs, impose_null)
    moments, repaired = _moments(pieces, blocks, use.at, level is not None and impose_null)
    here = _statistics(moments, 0.0)
    interval = None
    if level is not None:
        low, high = _interval(moments, use.point, error, level, impose_null)
        interval = (null + low / use.scale, null + high / use.scale)
    return WildBootstrap(
        term=term if term is not None else f"x{column}",
        estimate=null + use.point / use.scale,
        null=null,
        std_error=error / use.scale,
        statistic=statistic,
        p_value=_p_value(here, statistic, enumerated and impose_null),
        p_equal_tail=2 * float(min((here < statistic).mean(), (here > statistic).mean())),
        draws=here,
        weights=weights,
        null_imposed=impose_null,
        n_clusters=tuple(int(c.max()) + 1 for c in clusters),
        seed=seed,
        enumerated=enumerated,
        repaired=repaired,
        interval=interval,
        level=level if level is not None else math.nan,
    )


@dataclass(frozen=True, eq=False)
class _Regression:
    """Least squares on explicit columns w of unit mean square; the slope tested is column `at`,
    `direction` (n,) its row of the bread times w, `scale` what its column was divided by."""

    w: FloatArray
    y: FloatArray
    bread: FloatArray
    at: int
    scale: float
    direction: FloatArray
    residuals: FloatArray
    point: float


def _regression(
    x: FloatArray, y: FloatArray, effects: Effects, cluster: IntArray, column: int
) -> _Regression:
    """Check that firms lie in clusters, and fit."""
    _, starts, demeaned = carried_dummies(effects)
    if demeaned and (cluster != cluster[starts][effects.group]).any():
        raise ValueError("an absorbed firm lies in more than one cluster")
    w = explicit_columns(x, effects)
    outcome = effects.within(y[:, None])[:, 0]
    at = w.shape[1] - x.shape[1] + column
    scale = np.sqrt((w**2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    w = w / scale
    bread = np.asarray(np.linalg.pinv(w.T @ w, hermitian=True), dtype=np.float64)
    fitted = bread @ (w.T @ outcome)
    residuals = outcome - w @ fitted
    direction = w @ bread[at]
    return _Regression(
        w, outcome, bread, at, float(scale[at]), direction, residuals, float(fitted[at])
    )


def _dimensions(clusters: Sequence[IntArray]) -> tuple[list[IntArray], tuple[float, ...]]:
    """Codes of every dimension of the variance and its sign: one way, or A + B - AB."""
    if len(clusters) == 1:
        return [clusters[0]], (1.0,)
    cells = clusters[0].astype(np.int64) * (int(clusters[1].max()) + 1) + clusters[1]
    both = np.unique(cells, return_inverse=True)[1].astype(np.int64)
    return [clusters[0], clusters[1], both], (1.0, 1.0, -1.0)


def _sample_error(
    influence: FloatArray, dimensions: Sequence[IntArray], signs: Sequence[float]
) -> float:
    """Clustered standard error from (n,) influences of the slope."""
    parts = [(np.bincount(code, weights=influence) ** 2).sum() for code in dimensions]
    total = float(np.dot(signs, parts))
    return math.sqrt(total if total > 0 else float(max(parts[:2])))


def _pieces(
    use: _Regression,
    dimensions: Sequence[IntArray],
    signs: tuple[float, ...],
    impose_null: bool,
) -> _Pieces:
    """Residuals under the null, and the forms that turn weights into statistics."""
    w, direction = use.w, use.direction
    residuals = (use.residuals, np.zeros(len(use.y)))
    if impose_null:
        rest = np.delete(w, use.at, axis=1)
        inner = np.linalg.pinv(rest.T @ rest, hermitian=True)
        pair = np.column_stack([use.y, w[:, use.at]])
        left = pair - rest @ (inner @ (rest.T @ pair))
        residuals = (left[:, 0], left[:, 1])
    boot = dimensions[0]
    n_boot = int(boot.max()) + 1
    drift = [use.bread @ sums_by_code(w * u[:, None], boot, n_boot).T for u in residuals]
    spread, pull = [], []
    for code in dimensions:
        size = int(code.max()) + 1
        shape = (size, n_boot)
        spread.append(
            tuple(
                sparse.csr_array(sparse.coo_array((direction * u, (code, boot)), shape=shape))
                for u in residuals
            )
        )
        pull.append(sums_by_code(direction[:, None] * w, code, size))
    return _Pieces((drift[0], drift[1]), tuple((a, b) for a, b in spread), tuple(pull), signs)


def _moments(
    pieces: _Pieces, blocks: Iterator[FloatArray], at: int, linear: bool
) -> tuple[FloatArray, int]:
    """(B, 2 + 3) of each draw: shift at null 0 and its slope in the null, and the variance at
    null 0, its cross term and its quadratic term (zeros unless `linear`); draws repaired."""
    rows, repaired = [], 0
    for v in blocks:
        out = np.zeros((v.shape[1], 5))
        shifts = [drift @ v for drift in pieces.drift[: 1 + linear]]
        for i, shift in enumerate(shifts):
            out[:, i] = shift[at]
        parts = np.zeros((len(pieces.signs), 3, v.shape[1]))
        for d, (spread, pull) in enumerate(zip(pieces.spread, pieces.pull, strict=True)):
            scores = [form @ v - pull @ shift for form, shift in zip(spread, shifts, strict=False)]
            parts[d, 0] = (scores[0] ** 2).sum(axis=0)
            if linear:
                parts[d, 1] = (scores[0] * scores[1]).sum(axis=0)
                parts[d, 2] = (scores[1] ** 2).sum(axis=0)
        total = np.tensordot(np.array(pieces.signs), parts, axes=1)
        bad = total[0] <= 0
        if len(pieces.signs) > 1 and bad.any():
            larger = parts[:2, 0].argmax(axis=0)
            total[:, bad] = parts[larger[bad], :, bad].T
            repaired += int(bad.sum())
        out[:, 2:] = total.T
        rows.append(out)
    return np.concatenate(rows), repaired


def _statistics(moments: FloatArray, null: float) -> FloatArray:
    """(B,) t statistics of the draws with the null at a value (on the scaled column)."""
    shift = moments[:, 0] - null * moments[:, 1]
    variance = moments[:, 2] - 2 * null * moments[:, 3] + null**2 * moments[:, 4]
    floor = np.finfo(np.float64).tiny
    return np.asarray(shift / np.sqrt(np.maximum(variance, floor)), dtype=np.float64)


def _p_value(draws: FloatArray, statistic: float, complete: bool) -> float:
    """Symmetric two-sided p; with the null imposed, all sign vectors contain the sample itself."""
    p = resampled_p_value(draws, statistic)
    return (p * (len(draws) + 1) - 1) / len(draws) if complete else p


def _interval(
    moments: FloatArray,
    point: float,
    error: float,
    level: float,
    imposed: bool,
) -> tuple[float, float]:
    """Values not rejected: by inversion with the null imposed, by quantiles of |t*| without it."""
    if not imposed:
        width = float(np.quantile(np.abs(_statistics(moments, 0.0)), level)) * error
        return point - width, point + width

    def excess(value: float) -> float:
        draws = np.abs(_statistics(moments, value))
        return abs(point - value) / error - float(np.quantile(draws, level))

    ends = []
    for side in (-1.0, 1.0):
        width = float(stats.norm.ppf(0.5 + level / 2)) * error
        for _ in range(20):
            if excess(point + side * width) > 0:
                break
            width *= 2
        else:
            ends.append(side * math.inf)
            continue
        ends.append(float(optimize.brentq(excess, point, point + side * width, xtol=1e-10 * width)))
    return ends[0], ends[1]


def _drawn(n_clusters: int, draws: int, seed: int, weights: str) -> Iterator[FloatArray]:
    """Chunks (G, b) of weights; the stream depends on the seed and G alone."""
    rng = np.random.default_rng(seed)
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        if weights == "rademacher":
            bits = rng.integers(0, 2, size=(size, n_clusters), dtype=np.int8)
            yield 2.0 * bits.T.astype(np.float64) - 1.0
        elif weights == "webb":
            points = np.sqrt(np.array([0.5, 1.0, 1.5]))
            table = np.concatenate([-points[::-1], points])
            picks = rng.integers(0, 6, size=(size, n_clusters), dtype=np.int8)
            yield np.asarray(table[picks].T, dtype=np.float64)
        else:
            root = math.sqrt(5)
            low = rng.random((size, n_clusters)) < (root + 1) / (2 * root)
            yield np.where(low, (1 - root) / 2, (1 + root) / 2).T


def _all_signs(n_clusters: int) -> Iterator[FloatArray]:
    """Every vector of signs once, as columns."""
    numbers = np.arange(2**n_clusters)
    for start in range(0, len(numbers), CHUNK):
        part = numbers[start : start + CHUNK]
        bits = (part[None, :] >> np.arange(n_clusters)[:, None]) & 1
        yield 2.0 * bits.astype(np.float64) - 1.0
