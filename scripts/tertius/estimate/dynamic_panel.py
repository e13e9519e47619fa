"""Moments of a dynamic panel: transformed and level equations, and their instruments.

Everything stands on a firm x year grid, where an absent row is NaN before the transformation and
zero after it, so that gaps in a firm's years need no special case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tertius.arrays import BoolArray, FloatArray, IntArray

TRANSFORMATIONS = ("difference", "orthogonal")


@dataclass(frozen=True)
class LagBlock:
    """Instruments from one series: lags `first`..`last` of column `column` in the transformed
    equation and, in a system, its difference at lag first - 1 in the level equation.

    `column` counts regressors; -1 is the outcome. An endogenous series starts at lag 2, a
    predetermined one at lag 1.
    """

    column: int
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Grid:
    """Outcome (G, T) and regressors (G, T, k) in levels, NaN where there is no row.

    `usable` (G, T) are the rows with outcome and every regressor; `years` the T calendar years.
    """

    y: FloatArray
    x: FloatArray
    usable: BoolArray
    years: IntArray


@dataclass(frozen=True, eq=False)
class Equations:
    """Stacked equations: outcome (G, R), regressors (G, R, k), instruments (G, R, L), zero in the
    rows that are not in use (`used`, (G, R)).

    The first T rows are the transformed equation, the others (in a system) the level equation.
    `groups` gives for each instrument column ``transformed``, ``level`` or ``exogenous``.
    `weight` (L, L) is the sum of Z'HZ, the inverse of the one-step weight. `difference_y` and
    `difference_x` are the first differences, for tests of serial correlation; `difference_used`
    (G, T).
    """

    y: FloatArray
    x: FloatArray
    z: FloatArray
    used: BoolArray
    groups: tuple[str, ...]
    weight: FloatArray
    difference_y: FloatArray
    difference_x: FloatArray
    difference_used: BoolArray


def make_grid(
    firm: IntArray, year: IntArray, y: FloatArray, x: FloatArray, outcome_lags: int
) -> Grid:
    """Spread rows over the grid and put lags of the outcome before the other regressors.

    Args:
        firm: (n,) codes 0..G-1.
        year: (n,) calendar years.
        y: (n,).
        x: (n, k).
        outcome_lags: how many lags of the outcome are regressors.
    """
    years = np.arange(int(year.min()), int(year.max()) + 1, dtype=np.int64)
    g, t, k = int(firm.max()) + 1, len(years), x.shape[1]
    column = year - years[0]
    outcome = np.full((g, t), np.nan)
    outcome[firm, column] = y
    wide = np.full((g, t, outcome_lags + k), np.nan)
    for lag in range(1, outcome_lags + 1):
        wide[:, lag:, lag - 1] = outcome[:, :-lag]
    wide[firm, column, outcome_lags:] = x
    usable = np.isfinite(outcome) & np.isfinite(wide).all(axis=2)
    return Grid(outcome, wide, usable, years)


def add_year_dummies(grid: Grid) -> Grid:
    """Add a dummy for each year with a usable row but the first; (G, T, k + T' - 1)."""
    present = np.flatnonzero(grid.usable.any(axis=0))[1:]
    dummies = np.zeros((*grid.y.shape, len(present)))
    dummies[:, present, np.arange(len(present))] = 1.0
    return Grid(grid.y, np.concatenate([grid.x, dummies], axis=2), grid.usable, grid.years)


def transform(values: FloatArray, usable: BoolArray, how: str) -> tuple[FloatArray, BoolArray]:
    """First differences, or forward orthogonal deviations (Arellano & Bover 1995).

    Args:
        values: (G, T, m).
        usable: (G, T).
        how: ``difference`` or ``orthogonal``.

    Returns:
        Transformed values, zero where not usable, and the flags. The deviation of year t from the
        mean of the later ones is stored at t + 1, so that lags of instruments count alike.
    """
    out, used = np.zeros_like(values), np.zeros_like(usable)
    if how == "difference":
        used[:, 1:] = usable[:, 1:] & usable[:, :-1]
        step = np.where(used[:, 1:, None], values[:, 1:] - values[:, :-1], 0.0)
        out[:, 1:] = step
        return out, used
    filled = np.where(usable[:, :, None], values, 0.0)
    total = np.cumsum(filled[:, ::-1], axis=1)[:, ::-1]
    count = np.cumsum(usable[:, ::-1], axis=1)[:, ::-1].astype(np.float64)
    later, n_later = total[:, 1:], count[:, 1:]
    used[:, 1:] = usable[:, :-1] & (n_later > 0)
    safe = np.maximum(n_later, 1.0)
    scale = np.sqrt(safe / (safe + 1.0))
    deviation = scale[:, :, None] * (filled[:, :-1] - later / safe[:, :, None])
    out[:, 1:] = np.where(used[:, 1:, None], deviation, 0.0)
    return out, used


def _lagged(series: FloatArray, lag: int) -> FloatArray:
    """(G, T) values `lag` years earlier, zero where there is none."""
    out = np.zeros_like(series)
    if lag < series.shape[1]:
        out[:, lag:] = np.nan_to_num(series[:, : series.shape[1] - lag])
    return out


def _spread(column: FloatArray, collapse: bool) -> list[FloatArray]:
    """One (G, T) column, or one a year (the uncollapsed form)."""
    if collapse:
        return [column]
    made = []
    for t in range(column.shape[1]):
        single = np.zeros_like(column)
        single[:, t] = column[:, t]
        made.append(single)
    return made


def _lag_columns(grid: Grid, blocks: Sequence[LagBlock], collapse: bool) -> list[FloatArray]:
    """Lagged levels for the transformed equation."""
    columns: list[FloatArray] = []
    for block in blocks:
        series = grid.y if block.column < 0 else grid.x[:, :, block.column]
        for lag in range(block.first, min(block.last, len(grid.years) - 1) + 1):
            columns += _spread(_lagged(series, lag), collapse)
    return columns


def _level_columns(grid: Grid, blocks: Sequence[LagBlock], collapse: bool) -> list[FloatArray]:
    """Lagged differences for the level equation (Blundell & Bond 1998)."""
    columns: list[FloatArray] = []
    for block in blocks:
        series = grid.y if block.column < 0 else grid.x[:, :, block.column]
        step = np.full_like(series, np.nan)
        step[:, 1:] = series[:, 1:] - series[:, :-1]
        columns += _spread(_lagged(step, block.first - 1), collapse)
    return columns


def make_equations(
    grid: Grid,
    blocks: Sequence[LagBlock],
    exogenous: Sequence[int],
    dummies: Sequence[int] = (),
    *,
    system: bool,
    how: str,
    collapse: bool,
) -> Equations:
    """Stack the transformed equation, and the level equation of a system.

    Args:
        grid: levels, year dummies included.
        blocks: series instrumented by their own lags.
        exogenous: regressor columns that instrument themselves, in both equations.
        dummies: year dummies, which instrument themselves in the level equation of a system only
            (Roodman 2009), else in the transformed one.
        system: whether the level equation (with a constant) is added.
        how: transformation.
        collapse: one instrument a lag (Roodman 2009) and not one a lag and year.
    """
    both = np.concatenate([grid.y[:, :, None], grid.x], axis=2)
    moved, used = transform(both, grid.usable, how)
    lagged = _lag_columns(grid, blocks, collapse)
    z_moved = [np.where(used, column, 0.0) for column in lagged]
    own = [*exogenous, *dummies]
    z_moved += [moved[:, :, 1 + j] for j in (exogenous if system else own)]
    z_moved += [np.zeros(grid.y.shape) for _ in (dummies if system else ())]
    groups = ["transformed"] * len(lagged) + ["exogenous"] * len(own)
    y, x = moved[:, :, 0], moved[:, :, 1:]
    z = _stack(z_moved, grid.y.shape)
    if system:
        own_levels = [np.where(grid.usable, grid.x[:, :, j], 0.0) for j in own]
        level = [
            np.where(grid.usable, column, 0.0) for column in _level_columns(grid, blocks, collapse)
        ]
        y, x, z = _below(grid, (y, x, z), len(lagged), own_levels, level)
        groups += ["level"] * len(level) + ["exogenous"]
        used = np.concatenate([used, grid.usable], axis=1)
    alive = (z != 0).any(axis=(0, 1))
    z = z[:, :, alive]
    step, step_used = transform(both, grid.usable, "difference")
    return Equations(
        y=y,
        x=x,
        z=z,
        used=used,
        groups=tuple(g for g, kept in zip(groups, alive, strict=True) if kept),
        weight=_first_weight(z, grid, how, system),
        difference_y=step[:, :, 0],
        difference_x=step[:, :, 1:],
        difference_used=step_used,
    )


def _below(
    grid: Grid,
    top: tuple[FloatArray, FloatArray, FloatArray],
    n_lagged: int,
    own: list[FloatArray],
    level: list[FloatArray],
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Outcome, regressors and instruments with the level equation and its constant below."""
    y, x, z = top
    shape = grid.y.shape
    ones = grid.usable.astype(np.float64)
    z = np.concatenate([z, np.zeros((*shape, len(level) + 1))], axis=2)
    zeros = [np.zeros(shape)] * n_lagged
    z = np.concatenate([z, _stack([*zeros, *own, *level, ones], shape)], axis=1)
    x_level = np.where(grid.usable[:, :, None], grid.x, 0.0)
    x_level = np.concatenate([x_level, ones[:, :, None]], axis=2)
    x = np.concatenate([np.concatenate([x, np.zeros((*shape, 1))], axis=2), x_level], axis=1)
    y = np.concatenate([y, np.where(grid.usable, grid.y, 0.0)], axis=1)
    return y, x, z


def _stack(columns: Sequence[FloatArray], shape: tuple[int, ...]) -> FloatArray:
    """(G, T) columns side by side -> (G, T, L)."""
    if not columns:
        return np.zeros((*shape, 0))
    return np.stack(columns, axis=2)


def _first_weight(z: FloatArray, grid: Grid, how: str, system: bool) -> FloatArray:
    """Sum of Z'HZ under homoskedastic errors without serial correlation.

    H is the covariance of the stacked errors up to scale: tridiagonal (2, -1) for differences, the
    identity for orthogonal deviations and levels, and the transformation itself between the
    transformed and the level errors (Roodman 2009, h = 3).
    """
    periods = grid.y.shape[1]
    top = z[:, :periods]
    weight = _cross(top, top)
    if how == "difference":
        neighbours = _cross(top[:, 1:], top[:, :-1])
        weight = 2 * weight - neighbours - neighbours.T
    if system:
        below = z[:, periods:]
        moved = transform(below, grid.usable, how)[0]
        between = _cross(top, moved)
        weight = weight + _cross(below, below) + between + between.T
    return weight


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Sum over firms and rows of a'b: (G, R, m), (G, R, l) -> (m, l)."""
    left, right = a.reshape(-1, a.shape[2]), b.reshape(-1, b.shape[2])
    return np.asarray(left.T @ right, dtype=np.float64)
