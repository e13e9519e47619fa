"""Class vectors of units in a window of years, as sparse matrices of whole numbers.

For each class level the families held alone are summed by unit and year once; a window adds up its
years and takes the shared families of these, when it is needed, so that memory holds one at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from tertius.variables.citing import class_lists
from tertius.variables.frames import SHARE_UNIT
from tertius.variables.inputs import Inputs
from tertius.variables.records import (
    Level,
    class_numbers,
    families,
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
class _Year:
    """What the families of one year that are held alone add up to (see `ClassWindow`)."""

    solo: sp.csr_array
    n: Ints
    own: Ints


@dataclass(frozen=True)
class _Shared:
    """The families of several holders, sorted by year (see `ClassWindow`)."""

    years: NDArray[np.int32]
    holds: sp.csc_array
    shares: sp.csr_array
    own: Ints
    n: Ints


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


def _families_of(
    inputs: Inputs, level: Level, whole: bool, alone: bool
) -> tuple[pl.DataFrame, sp.csr_array]:
    """unit, year, k of the families with a class that one holder has (or several), by year; shares.

    The matrix has these families x classes, each cell its share in whole numbers.
    """
    lists = class_lists(inputs, level)
    k = np.diff(lists.ptr)
    share = np.full(k.size, SHARE_UNIT) if whole else np.floor(SHARE_UNIT / np.maximum(k, 1) + 0.5)
    matrix = sp.csr_array(
        (np.repeat(share.astype(np.int64), k), lists.items.astype(np.int32), lists.ptr),
        shape=(k.size, class_numbers(inputs, level).height),
    )
    holders = np.bincount(holdings(inputs)["unit"].to_numpy(), minlength=k.size)
    unit = np.flatnonzero((k > 0) & ((holders == 1) if alone else (holders > 1)))
    year = families(inputs)["year"].to_numpy()
    unit = unit[np.argsort(year[unit], kind="stable")]
    found = pl.DataFrame({"unit": unit.astype(np.uint32), "year": year[unit], "k": k[unit]})
    return found, _sorted(matrix[unit])


def _share(k: pl.Expr) -> pl.Expr:
    """The share of one of k classes in whole numbers."""
    return (pl.lit(SHARE_UNIT, pl.Float64) / k.cast(pl.Float64)).round().cast(pl.Int64)


def _own_and_n(found: pl.DataFrame, whole: bool) -> pl.DataFrame:
    """unit, own, n: squared class shares of each family, and what it counts."""
    k = pl.col("k")
    own, n = (k * SHARE_UNIT, k) if whole else (_share(k), pl.lit(1, pl.Int64))
    return found.select("unit", own=own, n=n)


def _years(inputs: Inputs, level: Level, whole: bool) -> dict[int, _Year]:
    key = ("class_years", level, whole)
    build = partial(_build_years, inputs, level, whole)
    if isinstance(level, int):
        return inputs.once(key, build)
    return inputs.latest("class_years", key, build)


def _build_years(inputs: Inputs, level: Level, whole: bool) -> dict[int, _Year]:
    found, cells = _families_of(inputs, level, whole, alone=True)
    held = found.join(holdings(inputs).select("unit", "org"), on="unit", maintain_order="left")
    held = held.hstack(_own_and_n(held, whole).drop("unit"))
    org, n_units = integers(held, "org"), organisation_codes(inputs).height
    years = held["year"].to_numpy()
    out = {}
    for year in np.unique(years).tolist():
        low, high = np.searchsorted(years, [year, year + 1]).tolist()
        here = held[low:high]
        at = pl.DataFrame({"org": org[low:high], "place": np.arange(high - low)})
        holds = sparse(at, "org", "place", (n_units, high - low))
        out[year] = _Year(
            solo=_sorted(holds @ cells[low:high]),
            n=_totals(org[low:high], integers(here, "n"), n_units),
            own=_totals(org[low:high], integers(here, "own"), n_units),
        )
    return out


def _shared(inputs: Inputs, level: Level, whole: bool) -> _Shared:
    key = ("class_shared", level, whole)
    return inputs.once(key, lambda: _build_shared(inputs, level, whole))


def _build_shared(inputs: Inputs, level: Level, whole: bool) -> _Shared:
    found, cells = _families_of(inputs, level, whole, alone=False)
    held = found.with_row_index("place").join(holdings(inputs).select("unit", "org"), on="unit")
    shape = (organisation_codes(inputs).height, found.height)
    counted = _own_and_n(found, whole)
    return _Shared(
        years=found["year"].to_numpy(),
        holds=sp.csc_array(sparse(held, "org", "place", shape)),
        shares=cells,
        own=integers(counted, "own"),
        n=integers(counted, "n"),
    )


def class_window(
    inputs: Inputs, year: int, width: int, level: Level = 4, counting: str = "fractional"
) -> ClassWindow:
    """The patents of W(year, width) by unit and class.

    Windows of a level with few classes are kept, those of the others are large and made each time.

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
    return inputs.once(("class_window", *key), build) if isinstance(level, int) else build()


def _window(inputs: Inputs, year: int, width: int, level: Level, whole: bool) -> ClassWindow:
    n_units, n_classes = organisation_codes(inputs).height, class_numbers(inputs, level).height
    alone = _years(inputs, level, whole)
    parts = [alone[y] for y in range(year - width + 1, year + 1) if y in alone]
    nothing = np.zeros(n_units, dtype=np.int64)
    empty = sp.csr_array((n_units, n_classes), dtype=np.int64)
    shared = _shared(inputs, level, whole)
    low, high = np.searchsorted(shared.years, [year - width + 1, year + 1]).tolist()
    return ClassWindow(
        solo=_sorted(sum((part.solo for part in parts), empty)),
        solo_n=sum((part.n for part in parts), nothing),
        solo_own=sum((part.own for part in parts), nothing),
        holds=_sorted(sp.csr_array(shared.holds[:, low:high])),
        shares=_sorted(shared.shares[low:high]),
        own=shared.own[low:high],
        n=shared.n[low:high],
    )


def year_cells(inputs: Inputs, year: int, counting: str, level: Level = 4) -> pl.DataFrame:
    """org, year, cls, v: class shares of the families of one year, in units of SHARE_UNIT."""
    cells = class_window(inputs, year, 1, level, counting).vectors.tocoo()
    table = {"org": cells.row, "year": np.full(cells.nnz, year), "cls": cells.col, "v": cells.data}
    return pl.DataFrame(table).cast({"org": pl.UInt32, "year": pl.Int32, "cls": pl.UInt32})


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


def wide_classes(inputs: Inputs, level: Level, wide: int) -> NDArray[np.int32]:
    """Number of the wide class of every class: the first `wide` characters of its symbol."""
    stems = class_numbers(inputs, level)["symbol"].str.slice(0, wide)
    return (stems.rank("dense").cast(pl.Int32) - 1).to_numpy()


def coarser(inputs: Inputs, level: Level, wide: int) -> sp.csr_array:
    """Classes x wide classes, 1 where the symbol of the first begins with that of the second."""
    groups = wide_classes(inputs, level, wide)
    cells = pl.DataFrame({"cls": np.arange(groups.size), "group": groups})
    return sparse(cells, "cls", "group", (groups.size, int(groups.max(initial=-1)) + 1))
