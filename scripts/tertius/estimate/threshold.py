"""Panel thresholds and kinks: one pass over sorted cross-products instead of a fit a candidate.

At a candidate g the columns x 1(q > g) and 1(q > g) join the base regressors. Their cross-products
after effects and base are taken out are cumulative sums over rows in falling order of q, so that
the sum of squares at every candidate, and in every bootstrap sample, follows from the same few
arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.two_way import Effects, independent_columns, sums_by_code

GRID = 400
TRIM = 0.05
BLOCK = 64
"""Candidates a block of the bootstrap."""


@dataclass(frozen=True, eq=False)
class ThresholdData:
    """Rows of a threshold regression: y (n,), x (n,) whose slope switches, w (n, k), q (n,).

    `regime_intercept` lets the level switch with the slope; with a `kink` the line bends at g
    without a jump: b1 x + b2 (x - g)+, and q must be x itself.
    """

    y: FloatArray
    x: FloatArray
    w: FloatArray
    q: FloatArray
    effects: Effects
    regime_intercept: bool = True
    kink: bool = False


@dataclass(frozen=True, eq=False)
class Curve:
    """Sums of squares along the candidates `grid` (c,), given the thresholds already in the base.

    `ssr0` is the sum of squares without a further threshold, `free` its residual degrees of freedom
    n - G of Hansen (1999), equation 11: N - number of firms.
    """

    grid: FloatArray
    ssr: FloatArray
    ssr0: float
    free: int

    @property
    def best(self) -> int:
        """Position of the least sum of squares, the lowest candidate where several tie."""
        return int(np.argmin(self.ssr))

    @property
    def gamma(self) -> float:
        """Least-squares threshold."""
        return float(self.grid[self.best])

    @property
    def variance(self) -> float:
        """Residual variance at the best candidate."""
        return float(self.ssr[self.best]) / self.free

    @property
    def f_statistic(self) -> float:
        """(S0 - S1) / sigma^2 (Hansen 1999, equation 11)."""
        return (self.ssr0 - float(self.ssr[self.best])) / self.variance

    @property
    def likelihood_ratio(self) -> FloatArray:
        """(c,) LR(g) = (S(g) - S1) / sigma^2 (Hansen 1999, equation 14)."""
        ratio: FloatArray = (self.ssr - self.ssr[self.best]) / self.variance
        return ratio

    def interval(self, critical: float) -> tuple[float, float]:
        """Hull of the candidates that LR does not reject: LR(g) <= `critical`."""
        inside = self.grid[self.likelihood_ratio <= critical]
        return float(inside.min()), float(inside.max())


def critical_value(alpha: float) -> float:
    """c(alpha) = -2 ln(1 - sqrt(1 - alpha)) of the LR statistic (Hansen 1999, section 4).

    >>> [round(critical_value(a), 2) for a in (0.10, 0.05, 0.01)]
    [5.94, 7.35, 10.59]
    """
    return -2 * math.log(1 - math.sqrt(1 - alpha))


def candidate_grid(q: FloatArray, n_grid: int = GRID, trim: float = TRIM) -> FloatArray:
    """Values of q that may be a threshold, ascending: all, or `n_grid` quantiles of them.

    A candidate leaves at least the share `trim` of the rows, and one row, on each side.

    Raises:
        NotEstimable: no value of q does.
    """
    ordered = np.sort(q)
    values, below = np.unique(ordered, return_counts=True)
    left = np.cumsum(below)
    least = max(trim * len(q), 1.0)
    values = values[(left >= least) & (len(q) - left >= least)]
    if not len(values):
        raise NotEstimable("no_variation", "q", "no value of the threshold variable splits rows")
    if len(values) > n_grid:
        picks = np.round(np.linspace(0, len(values) - 1, n_grid)).astype(np.int64)
        values = values[picks]
    return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Annihilator:
    """Takes effects and base columns out; `rest` (n, p) is orthonormal within firms."""

    rest: FloatArray
    effects: Effects

    def residual(self, values: FloatArray) -> FloatArray:
        """(n,) residual of values on effects and base."""
        means = self.effects.group_sums(values) / self.effects.counts
        within = values - means[self.effects.group]
        out: FloatArray = within - self.rest @ (self.rest.T @ within)
        return out


def _annihilator(base: FloatArray, effects: Effects) -> _Annihilator:
    """Years become columns beside the base, so that one projection serves all candidates."""
    columns = base
    if effects.year is not None:
        years = effects.year[:, None] == np.arange(1, effects.n_years)
        columns = np.hstack([years.astype(np.float64), base])
    means = effects.group_sums(columns) / effects.counts[:, None]
    within = columns - means[effects.group]
    kept, _ = independent_columns(within, columns)
    rest = np.linalg.qr(within[:, kept])[0] if len(kept) else np.zeros((len(base), 0))
    return _Annihilator(np.asarray(rest, dtype=np.float64), effects)


def _base(data: ThresholdData, gammas: Sequence[float]) -> FloatArray:
    """x, w and the columns of thresholds already found."""
    found = [switch_columns(data, gamma) for gamma in gammas]
    return np.hstack([data.x[:, None], data.w, *found])


def switch_columns(data: ThresholdData, gamma: float) -> FloatArray:
    """(n, m) columns that a threshold adds: x 1(q > g), and 1(q > g) with a regime intercept."""
    above = (data.q > gamma).astype(np.float64)
    if data.kink:
        return ((data.x - gamma) * above)[:, None]
    slope = data.x * above
    return np.column_stack([slope, above]) if data.regime_intercept else slope[:, None]


@dataclass(frozen=True, eq=False)
class _Moments:
    """Cross-products of [x, 1] 1(q > g) at each of c candidates, effects and base taken out.

    `gram` (c, 2, 2), `project` (c, 2, p) on the orthonormal base, `level` (c, 2) with a vector.
    """

    grid: FloatArray
    bins: IntArray
    doubled: FloatArray
    gram: FloatArray
    project: FloatArray
    data: ThresholdData

    def cross(self, residual: FloatArray) -> FloatArray:
        """(c, 2) products with an (n,) residual of the annihilator."""
        return _tail_sums(self.doubled * residual[:, None], self.bins, len(self.grid))

    def gains(self, cross: FloatArray) -> FloatArray:
        """Fall of the sum of squares, shape (..., c), from (..., c, 2) cross-products."""
        if self.data.kink:
            a = np.stack([np.ones_like(self.grid), -self.grid], axis=1)
            top = (cross * a).sum(axis=-1) ** 2
            bottom = np.einsum("ci,cij,cj->c", a, self.gram, a)
            return _ratio(top, bottom, self.gram[:, 0, 0])
        if not self.data.regime_intercept:
            return _ratio(cross[..., 0] ** 2, self.gram[:, 0, 0], self.gram[:, 0, 0])
        inverse = _pseudo_inverse(self.gram)
        return np.asarray(np.einsum("...ci,cij,...cj->...c", cross, inverse, cross))


def _ratio(top: FloatArray, bottom: FloatArray, scale: FloatArray) -> FloatArray:
    """top / bottom, 0 where the column is absorbed."""
    usable = bottom > 1e-10 * np.maximum(np.abs(scale).max(), np.finfo(np.float64).tiny)
    return np.where(usable, top / np.where(usable, bottom, 1.0), 0.0)


def _pseudo_inverse(gram: FloatArray) -> FloatArray:
    """Scaled pseudo-inverse of (c, 2, 2) Gram matrices."""
    scale = np.sqrt(np.maximum(np.einsum("cii->ci", gram), np.finfo(np.float64).tiny))
    outer = scale[:, :, None] * scale[:, None, :]
    return np.asarray(np.linalg.pinv(gram / outer, rcond=1e-9, hermitian=True) / outer)


def _tail_sums(values: FloatArray, bins: IntArray, n_grid: int) -> FloatArray:
    """(c, m) sums over the rows with q above each candidate; `bins` counts candidates below q."""
    by_bin = sums_by_code(values, bins, n_grid + 1)
    tails: FloatArray = np.cumsum(by_bin[::-1], axis=0)[::-1][1:]
    return tails


def _moments(data: ThresholdData, grid: FloatArray, clean: _Annihilator) -> _Moments:
    """One sorted pass: sums of squares of group sums grow row by row as q falls."""
    bins = np.searchsorted(grid, data.q, side="left").astype(np.int64)
    doubled = np.column_stack([data.x, np.ones(len(data.x))])
    c, p = len(grid), clean.rest.shape[1]
    order = np.lexsort((-data.q, data.effects.group))
    z, group = doubled[order], data.effects.group[order]
    running = np.cumsum(z, axis=0) - z
    first = np.r_[0, np.flatnonzero(np.diff(group)) + 1]
    before = running - np.repeat(running[first], np.diff(np.r_[first, len(group)]), axis=0)
    share = 1 / data.effects.counts[group]
    parts = []
    for i, j in ((0, 0), (0, 1), (1, 1)):
        own = z[:, i] * z[:, j]
        group_part = (before[:, i] * z[:, j] + z[:, i] * before[:, j] + own) * share
        parts.append(own - group_part)
    sums = _tail_sums(np.column_stack(parts), bins[order], c)
    gram = sums[:, [0, 1, 1, 2]].reshape(c, 2, 2)
    crossed = [clean.rest * doubled[:, [i]] for i in (0, 1)]
    project = np.stack([_tail_sums(block, bins, c) for block in crossed], axis=1)
    gram = gram - np.einsum("cip,cjp->cij", project, project) if p else gram
    return _Moments(grid, bins, doubled, gram, project, data)


def threshold_curve(
    data: ThresholdData,
    given: Sequence[float] = (),
    n_grid: int = GRID,
    trim: float = TRIM,
) -> Curve:
    """Sum of squares along the candidates for one threshold more (Hansen 1999, sections 3 and 6).

    Args:
        data: n rows, sorted by firm as the effects ask.
        given: thresholds already in the model. n_grid, trim: of `candidate_grid`; with thresholds
            given, every regime keeps the share `trim` of the rows.

    Raises:
        NotEstimable: no candidate is left, or no degree of freedom.
    """
    grid = _allowed(data.q, candidate_grid(data.q, n_grid, trim), given, trim)
    clean = _annihilator(_base(data, given), data.effects)
    moments = _moments(data, grid, clean)
    residual = clean.residual(data.y)
    ssr0 = float(residual @ residual)
    free = len(data.y) - data.effects.n_groups
    if free <= 0:
        raise NotEstimable("too_few_rows", "q", "as many firms as rows")
    return Curve(grid, ssr0 - moments.gains(moments.cross(residual)), ssr0, free)


def _allowed(q: FloatArray, grid: FloatArray, given: Sequence[float], trim: float) -> FloatArray:
    """Candidates that leave enough rows in every regime beside the given thresholds."""
    ordered = np.sort(q)
    edges = np.searchsorted(ordered, np.sort(np.asarray(given, dtype=np.float64)), side="right")
    position = np.searchsorted(ordered, grid, side="right")
    keep = np.ones(len(grid), dtype=bool)
    for edge in edges:
        keep &= np.abs(position - edge) >= max(trim * len(q), 1.0)
    if not keep.any():
        raise NotEstimable("too_few_rows", "q", "no room for a further threshold")
    return grid[keep]


def bootstrap_p(
    data: ThresholdData,
    curve: Curve,
    residuals: FloatArray,
    given: Sequence[float],
    *,
    draws: int,
    seed: int,
    scheme: str = "rademacher",
) -> float:
    """Bootstrap p of one threshold more: (1 + #{F* >= F}) / (B + 1).

    Residual vectors of firms, all years together, are drawn with x and q fixed; F does not depend
    on the coefficients of the null model, so that only cross-products with the drawn residuals are
    needed and no sample is refitted. Earlier thresholds stay at their estimates.

    Args:
        data, curve, given: as in `threshold_curve`.
        residuals: (n,) of the model with the further threshold.
        scheme: ``rademacher`` flips the sign of each firm's vector (valid where the spread of y
            changes with q), ``resample`` draws vectors with replacement (Hansen 1999; balanced
            panels only).

    Raises:
        ValueError: the scheme is unknown. NotEstimable: `resample` on an unbalanced panel.
    """
    clean = _annihilator(_base(data, given), data.effects)
    moments = _moments(data, curve.grid, clean)
    drawn = (
        _sign_draws(data, moments, clean, residuals, draws, seed)
        if scheme == "rademacher"
        else _resample_draws(data, moments, clean, residuals, draws, seed)
        if scheme == "resample"
        else None
    )
    if drawn is None:
        raise ValueError(f"unknown scheme {scheme!r}")
    ssr0, best_gain = drawn
    statistic = best_gain / ((ssr0 - best_gain) / curve.free)
    return float((1 + int((statistic >= curve.f_statistic).sum())) / (draws + 1))


def _sign_draws(
    data: ThresholdData,
    moments: _Moments,
    clean: _Annihilator,
    residuals: FloatArray,
    draws: int,
    seed: int,
) -> tuple[FloatArray, FloatArray]:
    """(B,) null sums of squares and best gains under firm signs: products of sums by firm."""
    signs = _firm_signs(data, draws, seed)
    # x, q and effects are fixed: e* differs by the sign of each firm alone
    on_base = signs @ data.effects.group_sums(clean.rest * residuals[:, None])
    ssr0 = float(residuals @ residuals) - (on_base**2).sum(axis=1)
    best = np.full(draws, -np.inf)
    for _, part, cross in _sign_blocks(data, moments, residuals, signs, on_base):
        best = np.maximum(best, part.gains(cross).max(axis=1))
    return ssr0, best


def _firm_signs(data: ThresholdData, draws: int, seed: int) -> FloatArray:
    """(B, G) Rademacher signs."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, data.effects.n_groups))
    return np.asarray(signs, dtype=np.float64)


def _sign_blocks(
    data: ThresholdData,
    moments: _Moments,
    residuals: FloatArray,
    signs: FloatArray,
    on_base: FloatArray,
) -> Iterator[tuple[slice, _Moments, FloatArray]]:
    """Blocks of candidates, with (B, b, 2) products of their columns and the signed residuals."""
    weighted = moments.doubled * residuals[:, None]
    for start in range(0, len(moments.grid), BLOCK):
        block = slice(start, min(start + BLOCK, len(moments.grid)))
        cross = np.empty((len(signs), block.stop - block.start, 2))
        for i in (0, 1):
            tails = _group_tails(weighted[:, i], moments.bins, block, data.effects)
            cross[:, :, i] = signs @ tails - on_base @ moments.project[block, i].T
        part = _Moments(
            moments.grid[block],
            moments.bins,
            moments.doubled,
            moments.gram[block],
            moments.project[block],
            data,
        )
        yield block, part, cross


def kink_critical_value(
    data: ThresholdData, curve: Curve, residuals: FloatArray, *, level: float, draws: int, seed: int
) -> float:
    """Bootstrap critical value of LR at the kink (Hansen 2017, section 5, by firm signs).

    y* is the fitted kink model plus the residuals of each firm under a common sign; LR* is the fall
    of the sum of squares from the fitted kink to the best one, over the residual variance. The set
    of kinks whose LR stays below the quantile keeps its level where the normal interval of the kink
    is short, and where spread and dependence differ between firms.

    Args:
        data: with `kink`. curve: of it. residuals: (n,) of the model with the kink.
        level: of the interval. draws, seed: of the signs.
    """
    clean = _annihilator(_base(data, ()), data.effects)
    moments = _moments(data, curve.grid, clean)
    bend = clean.residual(switch_columns(data, curve.gamma)[:, 0])
    residual = clean.residual(data.y)
    change = float(bend @ residual) / float(bend @ bend)
    signs = _firm_signs(data, draws, seed)
    on_base = signs @ data.effects.group_sums(clean.rest * residuals[:, None])
    along = signs @ data.effects.group_sums((bend * residuals)[:, None])[:, 0]
    ssr0 = (
        change**2 * float(bend @ bend)
        + 2 * change * along
        + float(residuals @ residuals)
        - (on_base**2).sum(axis=1)
    )
    gains = np.empty((draws, len(curve.grid)))
    mean = change * moments.cross(bend)
    for block, part, cross in _sign_blocks(data, moments, residuals, signs, on_base):
        gains[:, block] = part.gains(cross + mean[block])
    best = gains.max(axis=1)
    ratio = (best - gains[:, curve.best]) / ((ssr0 - best) / curve.free)
    return float(np.quantile(ratio, level, method="higher"))


def _group_tails(values: FloatArray, bins: IntArray, block: slice, effects: Effects) -> FloatArray:
    """(G, b) sums by group over the rows above each candidate of a block."""
    size = block.stop - block.start
    place = np.clip(bins - block.start, 0, size)
    code: IntArray = effects.group * (size + 1) + place
    cells = sums_by_code(values, code, effects.n_groups * (size + 1))
    cells = cells.reshape(effects.n_groups, size + 1)
    tails: FloatArray = np.cumsum(cells[:, ::-1], axis=1)[:, ::-1][:, 1:]
    return tails


def _resample_draws(
    data: ThresholdData,
    moments: _Moments,
    clean: _Annihilator,
    residuals: FloatArray,
    draws: int,
    seed: int,
) -> tuple[FloatArray, FloatArray]:
    """As `_sign_draws`, with residual vectors drawn with replacement from balanced firms."""
    n_groups, counts = data.effects.n_groups, data.effects.counts
    if counts.min() != counts.max():
        raise NotEstimable("unbalanced", "q", "resampled residual vectors need a balanced panel")
    vectors = residuals.reshape(n_groups, -1)
    rng = np.random.default_rng(seed)
    ssr0, best = np.empty(draws), np.empty(draws)
    for draw in range(draws):
        drawn = clean.residual(vectors[rng.integers(0, n_groups, n_groups)].ravel())
        ssr0[draw] = drawn @ drawn
        best[draw] = moments.gains(moments.cross(drawn)).max()
    return ssr0, best


def rows_above(q: FloatArray, gammas: Sequence[float]) -> BoolArray:
    """(n, r) flags of the rows above each threshold."""
    flags: BoolArray = q[:, None] > np.asarray(gammas, dtype=np.float64)
    return flags
