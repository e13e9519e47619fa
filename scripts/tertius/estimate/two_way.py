"""Direct firm and year effects for panels with one row per firm and year.

The first effect is concentrated out by group means; the second, short one (years) is solved exactly
from a small T x T system, so no iteration and no tolerance enters (Wansbeek & Kapteyn 1989).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.many_effects import drop_nested, exact, residuals_on_effects
from tertius.estimate.within_kernels import firm_deviations, take_out_years

SECOND_EFFECT_LIMIT = 300
"""Levels of a second effect up to which its dense incidence is used."""
COLLINEAR_TOLERANCE = 1e-9
"""A column is collinear when 1 - R^2 on the earlier columns falls below this share."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Layout of the absorbed effects over n rows.

    `group` are the codes of the concentrated effect, `starts` the first row of each group where the
    groups are contiguous (else None), `year` the codes of the second effect or None; `more` are
    the codes of further ones, and of the second where it has many levels.
    """

    group: IntArray
    n_groups: int
    counts: FloatArray
    starts: IntArray | None
    year: IntArray | None
    n_years: int
    more: tuple[IntArray, ...] = ()

    @property
    def codes(self) -> tuple[IntArray, ...]:
        """Codes of all effects, the concentrated one first."""
        second = () if self.year is None else (self.year,)
        return (self.group, *second, *self.more)

    def group_sums(self, values: FloatArray) -> FloatArray:
        """Sums by group of an (n,) or (n, k) array -> (G,) or (G, k)."""
        if self.starts is not None:
            sums: FloatArray = np.add.reduceat(values, self.starts, axis=0)
            return sums
        return sums_by_code(values, self.group, self.n_groups)

    def year_sums(self, values: FloatArray) -> FloatArray:
        """Sums by year of an (n, k) array -> (T, k); only where a second effect is present."""
        assert self.year is not None
        return sums_by_code(values, self.year, self.n_years)

    def incidence(self, weights: FloatArray | None = None) -> FloatArray:
        """(G, T) sums of the row weights (1 by default) by group and year."""
        assert self.year is not None
        cell = self.group * self.n_years + self.year
        size = self.n_groups * self.n_years
        filled = np.asarray(np.bincount(cell, weights=weights, minlength=size), dtype=np.float64)
        return filled.reshape(self.n_groups, self.n_years)

    def within(self, values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
        """Residuals of (n, k) values on the effects, by (weighted) least squares.

        Args:
            values: (n, k), left unchanged.
            weights: (n,) nonnegative with a positive sum in each group, or None for ones.

        Returns:
            (n, k) residuals; disconnected firm-year sets are handled by least squares.
        """
        if self.more:
            return residuals_on_effects(values, self.codes, weights)
        if weights is None and self.year is not None and self.starts is not None:
            return self._within_firms_and_years(values)
        total = self.counts if weights is None else self.group_sums(weights)
        weighted = values if weights is None else values * weights[:, None]
        out: FloatArray = values - (self.group_sums(weighted) / total[:, None])[self.group]
        if self.year is None:
            return out
        cells = self.incidence(weights)
        system = np.diag(cells.sum(axis=0)) - (cells / total[:, None]).T @ cells
        right = self.year_sums(out if weights is None else out * weights[:, None])
        shift = solve_scaled(system, right)
        out -= shift[self.year]
        out += ((cells @ shift) / total[:, None])[self.group]
        return out

    def _within_firms_and_years(self, values: FloatArray) -> FloatArray:
        """`within` without weights, where the rows of a group lie together."""
        assert self.starts is not None
        assert self.year is not None
        columns = np.ascontiguousarray(values, dtype=np.float64)
        out, by_year, system = firm_deviations(columns, self.starts, self.year, self.n_years)
        take_out_years(out, self.starts, self.year, solve_scaled(system, by_year))
        return out


def make_effects(firm: IntArray, year: IntArray, effects: Sequence[str]) -> Effects:
    """Lay out the effects of a model; rows must be sorted by firm.

    Args:
        firm: (n,) codes 0..G-1, ascending.
        year: (n,) codes 0..T-1.
        effects: subset of ``org_id`` and ``year``; an empty one leaves a single constant.
    """
    n = len(firm)
    if "org_id" in effects:
        starts = np.flatnonzero(np.r_[True, np.diff(firm) != 0])
        counts = np.diff(np.r_[starts, n]).astype(np.float64)
        group = np.repeat(np.arange(len(starts)), counts.astype(np.int64))
        second = year if "year" in effects else None
        n_years = int(year.max()) + 1 if second is not None and n else 0
        return Effects(group, len(starts), counts, starts, second, n_years)
    if "year" in effects:
        n_groups = int(year.max()) + 1
        counts = np.bincount(year, minlength=n_groups).astype(np.float64)
        return Effects(year, n_groups, counts, None, None, 0)
    zero = np.zeros(n, dtype=np.int64)
    return Effects(zero, 1, np.array([float(n)]), np.zeros(1, dtype=np.int64), None, 0)


def lay_out_effects(codes: Mapping[str, IntArray]) -> Effects:
    """Lay out any effects: `make_effects` for firm and year, else nested ones are left out.

    Args:
        codes: (n,) codes 0..m-1 without gaps, by effect; rows sorted by firm.
    """
    if set(codes) <= {"org_id", "year"}:
        some = next(iter(codes.values()), np.zeros(0, dtype=np.int64))
        return make_effects(codes.get("org_id", some), codes.get("year", some), tuple(codes))
    group, *others = drop_nested(list(codes.values()))
    n_groups = int(group.max()) + 1
    counts = np.bincount(group, minlength=n_groups).astype(np.float64)
    rises = np.diff(group)
    starts = np.flatnonzero(np.r_[True, rises != 0]) if (rises >= 0).all() else None
    sizes = [int(code.max()) + 1 for code in others]
    if len(others) == 1 and sizes[0] <= SECOND_EFFECT_LIMIT:
        return Effects(group, n_groups, counts, starts, others[0], sizes[0])
    return Effects(group, n_groups, counts, starts, None, 0, tuple(others))


def effects_note(effects: Effects) -> tuple[str, ...]:
    """What to tell of effects that are not removed directly."""
    if not effects.more or exact(effects.codes):
        return ()
    return (
        "the effects have too many levels for the direct solution: removed by the alternating "
        "projections of pyfixest",
    )


def sums_by_code(values: FloatArray, codes: IntArray, n_codes: int) -> FloatArray:
    """Sums of an (n,) or (n, k) array by integer code -> (n_codes,) or (n_codes, k)."""
    if values.ndim == 1:
        return np.asarray(np.bincount(codes, values, n_codes), dtype=np.float64)
    columns = [
        np.bincount(codes, weights=values[:, j], minlength=n_codes) for j in range(values.shape[1])
    ]
    if not columns:
        return np.zeros((n_codes, 0))
    return np.stack(columns, axis=1)


def solve_scaled(system: FloatArray, right: FloatArray) -> FloatArray:
    """Least-squares solution of a positive semidefinite system, scaled by its diagonal."""
    scale = np.sqrt(np.maximum(np.diag(system), np.finfo(np.float64).tiny))
    scaled = system / np.outer(scale, scale)
    solution: FloatArray = np.linalg.lstsq(scaled, right / scale[:, None], rcond=1e-12)[0]
    return solution / scale[:, None]


def independent_columns(within: FloatArray, raw: FloatArray) -> tuple[IntArray, IntArray]:
    """Columns to keep and columns to drop as collinear, earlier columns winning.

    A column goes when the effects absorb it (its within sum of squares is nothing beside its own),
    or when 1 - R^2 on the kept earlier columns is below 1e-9, by a Cholesky factorisation in order.

    Args:
        within: (n, k) columns after the effects are taken out.
        raw: (n, k) the same columns before.

    Returns:
        (kept, dropped): ascending column numbers.
    """
    return independent_in_gram(within.T @ within, absorbed_floor(raw))


def absorbed_floor(raw: FloatArray) -> FloatArray:
    """(k,) within sum of squares below which the effects absorb a column of (n, k) values."""
    around_mean = ((raw - raw.mean(axis=0)) ** 2).sum(axis=0)
    floor: FloatArray = np.maximum(1e-10 * around_mean, 1e-24 * (raw**2).sum(axis=0))
    return floor


def independent_in_gram(gram: FloatArray, floor: FloatArray) -> tuple[IntArray, IntArray]:
    """`independent_columns` from the (k, k) cross-products within and `absorbed_floor`."""
    own = np.diag(gram)
    kept: list[int] = []
    dropped: list[int] = []
    factor = np.zeros_like(gram)
    for j in range(gram.shape[0]):
        rest = own[j]
        if own[j] > floor[j]:
            for position, i in enumerate(kept):
                done = factor[i, :position] @ factor[j, :position]
                factor[j, position] = (gram[i, j] - done) / factor[i, position]
            rest = own[j] - (factor[j, : len(kept)] ** 2).sum()
        if own[j] <= floor[j] or rest <= COLLINEAR_TOLERANCE * own[j]:
            dropped.append(j)
            continue
        factor[j, len(kept)] = np.sqrt(rest)
        kept.append(j)
    return np.array(kept, dtype=np.int64), np.array(dropped, dtype=np.int64)


def singleton_rows(
    firm: IntArray, year: IntArray, effects: Sequence[str], keep: BoolArray
) -> BoolArray:
    """`lone_rows` of firm and year effects, as far as they are among `effects`."""
    codes = [c for name, c in (("org_id", firm), ("year", year)) if name in effects]
    return lone_rows(codes, keep)


def lone_rows(codes: Sequence[IntArray], keep: BoolArray) -> BoolArray:
    """Rows that an effect fits perfectly because it has one row, found iteratively (Correia 2015).

    Args:
        codes: (n,) codes of each absorbed effect.
        keep: (n,) rows still in the sample.

    Returns:
        (n,) flags of rows to drop; a subset of `keep`.
    """
    alive = keep.copy()
    while True:
        alone = np.zeros_like(alive)
        for code in codes:
            counts = np.bincount(code[alive], minlength=int(code.max(initial=-1)) + 1)
            alone |= alive & (counts[code] == 1)
        if not alone.any():
            return keep & ~alive
        alive &= ~alone
