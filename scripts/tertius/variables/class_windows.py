"""Class vectors of units in a window of years, as sparse matrices of whole numbers.

One matrix of all families (sorted by year) is kept for each class level; a window is a slice of it
and of the holdings, made when it is needed, so that memory holds one window at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from tertius.variables.frames import SHARE_UNIT
from tertius.variables.inputs import Inputs
from tertius.variables.records import (
    Level,
    class_numbers,
    families,
    family_classes,
    holdings,
    organisation_codes,
    partners,
)

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ClassWindow:
    """Patents with a class in W(t, width), in whole numbers.

    Families of one holder are summed; those of several stay apart.

    Attributes:
        solo: units x classes, summed class shares of the families held alone.
        solo_n: per unit, number of these families.
        solo_own: per unit, sum over them of the summed squared class shares.
        holds: units x shared families, 0/1.
        shares: shared families x classes, class shares.
        own: per shared family, the summed squared class shares.
        n: per shared family, what it counts (1, or its classes where each counts whole).
    """

    solo: sp.csr_array
    solo_n: Ints
    solo_own: Ints
    holds: sp.csr_array
    shares: sp.csr_array
    own: Ints
    n: Ints

    @cached_property
    def vectors(self) -> sp.csr_array:
        """units x classes: summed class shares of all families of each unit."""
        return _sorted(self.solo + self.holds @ self.shares)

    @cached_property
    def counts(self) -> Ints:
        """Per unit, number of families (or of classes of families where each counts whole)."""
        return np.asarray(self.solo_n + self.holds @ self.n, dtype=np.int64)


@dataclass(frozen=True)
class _Base:
    """All families with a class, sorted by year: their classes, shares and holders."""

    years: NDArray[np.int32]
    indptr: Ints
    classes: NDArray[np.int32]
    share: Ints
    place: Ints
    org: Ints
    alone: NDArray[np.bool_]
    n_units: int
    n_classes: int


def _sorted(matrix: sp.csr_array) -> sp.csr_array:
    found = sp.csr_array(matrix)
    found.sort_indices()
    return found


def integers(frame: pl.DataFrame, column: str) -> Ints:
    """A column as int64."""
    return frame[column].cast(pl.Int64).to_numpy()


def sparse(
    cells: pl.DataFrame, row: str, column: str, shape: tuple[int, int], value: str | None = None
) -> sp.csr_array:
    """Sparse matrix of named cells (value None: 1 each), repeated ones summed exactly."""
    values = np.ones(cells.height, dtype=np.int64) if value is None else integers(cells, value)
    at = (integers(cells, row), integers(cells, column))
    return _sorted(sp.csr_array(sp.coo_array((values, at), shape=shape)))


def pattern(matrix: sp.csr_array) -> sp.csr_array:
    """1 where the matrix is not zero."""
    cells = sp.csr_array(matrix, copy=True)
    cells.eliminate_zeros()
    cells.data = np.ones_like(cells.data)
    return cells


def integral(values: NDArray[np.integer[Any]]) -> Ints:
    """Whole numbers as int64."""
    return values.astype(np.int64)


def held_once(counts: sp.csr_array) -> sp.csr_array:
    """1 where a matrix of counts is 1."""
    cells = sp.csr_array(counts, copy=True)
    cells.data = (cells.data == 1).astype(np.int64)
    cells.eliminate_zeros()
    return cells


def in_shares(matrix: sp.csr_array) -> sp.csr_array:
    """The matrix in floats, whole classes = 1, indices sorted so that sums have one order."""
    return _sorted(sp.csr_array(sp.csr_array(matrix).astype(np.float64) / SHARE_UNIT))


def products(a: sp.csr_array, b: sp.csr_array) -> Reals:
    """Inner products of the rows of two matrices of shares, added up in order of the classes."""
    return row_sums(sp.csr_array(in_shares(a).multiply(in_shares(b))))


def row_sums(matrix: sp.csr_array) -> Reals:
    """Row sums of floats, added up in order of the columns."""
    ordered = _sorted(sp.csr_array(matrix))
    return np.asarray(ordered @ np.ones(ordered.shape[1]))


def entropies(matrix: sp.csr_array) -> Reals:
    """-sum_c S_c ln S_c of each row's shares S; 0 for an empty row."""
    floats = in_shares(matrix)
    total = row_sums(floats)
    p = floats.data / np.repeat(total, np.diff(floats.indptr))
    terms = sp.csr_array((-p * np.log(p), floats.indices, floats.indptr), shape=floats.shape)
    return row_sums(terms) if floats.nnz else np.zeros(floats.shape[0])


def _base(inputs: Inputs, level: Level) -> _Base:
    return inputs.once(("class_base", level), partial(_build_base, inputs, level))


def _build_base(inputs: Inputs, level: Level) -> _Base:
    classes = family_classes(inputs, level)
    classed = (
        classes.select("unit", "n_classes")
        .unique()
        .join(families(inputs).select("unit", "year"), on="unit")
        .sort("year", "unit")
        .with_row_index("place")
    )
    cells = classes.join(classed.select("unit", "place"), on="unit").sort("place", "cls")
    held = (
        holdings(inputs)
        .select("unit", "org", "n_holders")
        .join(classed.select("unit", "place"), on="unit")
        .sort("place", "org")
    )
    share = (SHARE_UNIT / classed["n_classes"].cast(pl.Float64)).round().cast(pl.Int64)
    return _Base(
        years=classed["year"].cast(pl.Int32).to_numpy(),
        indptr=np.concatenate([[0], np.cumsum(integers(classed, "n_classes"))]),
        classes=cells["cls"].cast(pl.Int32).to_numpy(),
        share=share.to_numpy(),
        place=integers(held, "place"),
        org=integers(held, "org"),
        alone=(held["n_holders"] == 1).to_numpy(),
        n_units=organisation_codes(inputs).height,
        n_classes=class_numbers(inputs, level).height,
    )


def class_window(
    inputs: Inputs, year: int, width: int, level: Level = 4, counting: str = "fractional"
) -> ClassWindow:
    """The patents of W(year, width) by unit and class; the last window asked for is kept.

    Args:
        inputs: the study's inputs.
        year: last year of the window.
        width: years of the window.
        level: see `records.Level`.
        counting: fractional (the k classes of a patent share it) | whole (each counts 1).

    Raises:
        ValueError: an unknown counting.
    """
    if counting not in ("fractional", "whole"):
        raise ValueError(f"counting must be fractional or whole, not {counting!r}")
    key = (year, width, level, counting)
    build = partial(_window, inputs, year, width, level, counting == "whole")
    return inputs.latest("class_window", key, build)


def _window(inputs: Inputs, year: int, width: int, level: Level, whole: bool) -> ClassWindow:
    base = _base(inputs, level)
    low, high = np.searchsorted(base.years, [year - width + 1, year + 1]).tolist()
    first, last = np.searchsorted(base.place, [low, high]).tolist()
    place, org = base.place[first:last] - low, base.org[first:last]
    alone = base.alone[first:last]
    start, end = int(base.indptr[low]), int(base.indptr[high])
    indptr = base.indptr[low : high + 1] - start
    k = np.diff(indptr)
    share = np.full(k.size, SHARE_UNIT) if whole else base.share[low:high]
    own, count = (k * SHARE_UNIT, k) if whole else (share, np.ones_like(k))
    data = np.repeat(share, k)
    n = high - low
    cells = sp.csr_array((data, base.classes[start:end], indptr), shape=(n, base.n_classes))
    held = sp.csr_array(
        sp.coo_array(
            (np.ones(int(alone.sum()), dtype=np.int64), (org[alone], place[alone])),
            shape=(base.n_units, n),
        )
    )
    shared = np.unique(place[~alone])
    ties = sp.csr_array(
        sp.coo_array(
            (
                np.ones(int((~alone).sum()), dtype=np.int64),
                (org[~alone], np.searchsorted(shared, place[~alone])),
            ),
            shape=(base.n_units, shared.size),
        )
    )
    return ClassWindow(
        solo=_sorted(held @ cells),
        solo_n=_totals(org[alone], count[place[alone]], base.n_units),
        solo_own=_totals(org[alone], own[place[alone]], base.n_units),
        holds=_sorted(ties),
        shares=_sorted(sp.csr_array(cells[shared])),
        own=own[shared],
        n=count[shared],
    )


def _totals(index: Ints, value: Ints, size: int) -> Ints:
    out = np.zeros(size, dtype=np.int64)
    np.add.at(out, index, value)
    return out


def tied(inputs: Inputs, network: str, year: int) -> sp.csr_array:
    """Units x units, 1 where two are partners in the year."""
    ties = partners(inputs, network).filter(pl.col("year") == year)
    n = organisation_codes(inputs).height
    return sparse(ties, "org", "partner", (n, n))


def advantages(vectors: sp.csr_array) -> sp.csr_array:
    """Units x classes, 1 where the unit's share of a class exceeds that of all units together.

    Revealed technological advantage above 1 (Soete 1987): V_ic V > V_i V_c, in whole-number sums.
    """
    floats = in_shares(vectors)
    own = row_sums(floats)
    classes = np.asarray(np.ones(floats.shape[0]) @ floats)
    total = float(classes.sum())
    rows = np.repeat(np.arange(floats.shape[0]), np.diff(floats.indptr))
    above = floats.data * total > own[rows] * classes[floats.indices] * (1.0 + 1e-12)
    kept = sp.csr_array(
        sp.coo_array(
            (np.ones(int(above.sum()), dtype=np.int64), (rows[above], floats.indices[above])),
            shape=floats.shape,
        )
    )
    return _sorted(kept)


def coarser(inputs: Inputs, level: Level, wide: int) -> sp.csr_array:
    """Classes x wide classes, 1 where the symbol of the first begins with that of the second."""
    fine = class_numbers(inputs, level).with_columns(stem=pl.col("symbol").str.slice(0, wide))
    stems = fine["stem"].unique().sort().to_frame().with_row_index("group")
    cells = fine.join(stems, on="stem")
    return sparse(cells, "cls", "group", (fine.height, stems.height))
