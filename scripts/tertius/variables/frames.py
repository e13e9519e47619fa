"""Frames of (value, status), sums that do not depend on row order, and diversity formulas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.tables import STATUSES
from tertius.variables.inputs import CO_PATENT_LAYERS, Inputs
from tertius.variables.records import holdings, organisation_codes, rows

SHARE_UNIT = 2_329_089_562_800
"""Fractional class shares are counted in this unit, the least common multiple of 1..30.

A share 1/k with k <= 30 is then a whole number, so that sums of shares are exact and independent of
row order and thread count, and a difference of two sums is exactly 0 where it should be. Shares of
a patent with more than 30 classes are rounded by less than 3e-13. A sum holds up to 3.9 million
patents.
"""

STATUS = pl.Enum(STATUSES)
Rule = tuple[pl.Expr, str]


def settle(
    inputs: Inputs, values: pl.DataFrame, value: pl.Expr, rules: Sequence[Rule]
) -> pl.DataFrame:
    """A variable for every row of the risk set: org_id, year, value, status, sorted by key.

    Args:
        inputs: the study's inputs.
        values: org, year (codes as in `records.rows`) and the columns that the expressions use, one
            row a key; a row of the risk set that is not here has nulls.
        value: the value where no rule applies.
        rules: (condition, status) in order of precedence; a null condition does not apply.

    Raises:
        ValueError: a value that is null, NaN or infinite without a status that says why; several
            rows of a key.
    """
    status = pl.lit("ok", STATUS)
    for condition, name in reversed(rules):
        status = pl.when(condition).then(pl.lit(name, STATUS)).otherwise(status)
    frame = placed(inputs, values).select(
        "org_id", "year", value.cast(pl.Float64).alias("value"), status=status
    )
    defined = pl.col("status") == "ok"
    wrong = frame.filter(defined & ~pl.col("value").is_finite().fill_null(False))
    if wrong.height:
        raise ValueError(
            f"{wrong.height} rows are ok without a finite value, the first: {wrong[0]}"
        )
    return frame.with_columns(pl.when(defined).then("value").otherwise(None).alias("value"))


def placed(inputs: Inputs, values: pl.DataFrame) -> pl.DataFrame:
    """org_id, org, year of the risk set with what `values` (org, year, ...) holds for each row.

    Raises:
        ValueError: several rows of a key that is in the risk set.
    """
    keys = rows(inputs)
    first, grid = inputs.once("grid", lambda: _grid(inputs))
    org, year = values["org"].to_numpy(), values["year"].to_numpy().astype(np.int64) - first
    near = (year >= 0) & (year < grid.shape[1])
    at = np.full(org.size, -1, dtype=np.int64)
    at[near] = grid[org[near], year[near]]
    found = np.flatnonzero(at >= 0)
    source = np.full(keys.height, -1, dtype=np.int64)
    source[at[found]] = found
    if np.count_nonzero(source >= 0) != found.size:
        raise ValueError("several rows of one unit and year")
    place = pl.select(pl.when(pl.Series(source) >= 0).then(pl.Series(source))).to_series()
    return keys.hstack(values.select(pl.exclude("org_id", "org", "year").gather(place)))


def _grid(inputs: Inputs) -> tuple[int, NDArray[np.int64]]:
    """First year of the risk set, and units x years: the place of the row, -1 where none is."""
    keys = rows(inputs)
    years = keys["year"].to_numpy()
    first, last = (int(years.min()), int(years.max())) if years.size else (0, 0)
    grid = np.full((organisation_codes(inputs).height, last - first + 1), -1, dtype=np.int64)
    grid[keys["org"].to_numpy(), years - first] = np.arange(keys.height)
    return first, grid


def missing(inputs: Inputs) -> pl.DataFrame:
    """The column of a variable whose inputs the study does not have."""
    return rows(inputs).select(
        "org_id",
        "year",
        pl.lit(None, dtype=pl.Float64).alias("value"),
        pl.lit("missing_input", STATUS).alias("status"),
    )


def coverage(inputs: Inputs, network: str, back: int = 0) -> list[Rule]:
    """Rules for years in which the network, or what lies `back` years earlier, is not known.

    Beyond the years of the ties: missing_input. A look-back or a window W(t, w) of a co-patent
    layer that starts before the first record: truncated.
    """
    first, last = inputs.covered_years
    facts = inputs.network(network)
    early = first + back
    if set(facts.layers) & set(CO_PATENT_LAYERS):
        early = max(early, inputs.raw_years[0] + (facts.window or 1) - 1 + back)
    year = pl.col("year")
    return [
        ((year < first) | (year > last), "missing_input"),
        (year < early, "truncated"),
    ]


def ordered_sum(
    frame: pl.DataFrame, keys: Sequence[str], order: Sequence[str], columns: Sequence[str]
) -> pl.DataFrame:
    """Sums of real columns by key, added up in the order of `order` within a key.

    Equal bits for any order of the rows and any number of threads, as long as keys and order
    together identify a row. Rows are sorted by key.
    """
    if frame.height == 0:
        return frame.select(*keys, *(pl.col(c).cast(pl.Float64) for c in columns))
    ordered = frame.select(*keys, *order, *columns).sort(*keys, *order)
    changed = pl.any_horizontal(pl.col(key) != pl.col(key).shift(1) for key in keys)
    starts = ordered.select(changed.fill_null(True)).to_series().arg_true()
    at = starts.to_numpy().astype(np.int64)
    sums = [
        pl.Series(c, np.add.reduceat(ordered[c].cast(pl.Float64).to_numpy(), at)) for c in columns
    ]
    return ordered.select(keys)[starts].with_columns(sums)


def family_sums(inputs: Inputs, families: pl.DataFrame) -> pl.DataFrame:
    """org, year and the sums of real columns over each unit's families of the year, in their order.

    Args:
        inputs: the study's inputs.
        families: a row for every family in the order of `records.families`; nulls add nothing.
    """
    keys, unit, starts = inputs.once("held_order", lambda: _held_order(inputs))
    sums = [
        pl.Series(column.name, np.add.reduceat(column.to_numpy()[unit], starts))
        for column in families.select(pl.all().cast(pl.Float64).fill_null(0.0))
        if starts.size
    ]
    return (
        keys.with_columns(sums) if starts.size else keys.hstack(families.clear().cast(pl.Float64))
    )


def _held_order(inputs: Inputs) -> tuple[pl.DataFrame, NDArray[np.uint32], NDArray[np.int64]]:
    """org, year of every unit-year with families; the families in order; where each begins."""
    held = holdings(inputs).select("org", "year", "unit").sort("org", "year", "unit")
    changed = pl.any_horizontal(pl.col(key) != pl.col(key).shift(1) for key in ("org", "year"))
    starts = held.select(changed.fill_null(True)).to_series().arg_true()
    return (
        held.select("org", "year")[starts],
        held["unit"].to_numpy(),
        starts.to_numpy().astype(int),
    )


def hall_blau(n: pl.Expr, sum_squares: pl.Expr, own_squares: pl.Expr) -> pl.Expr:
    """Blau index corrected for small numbers, with fractional class shares; in [0, 1], n >= 2.

    1 - (sum_c V_c^2 - sum_p sum_c s_pc^2) / (n (n - 1)): the chance that two different patents, a
    class drawn from each by its shares, differ in class. With one class a patent it is Hall's
    N/(N-1) correction of the Blau index.

    Args:
        n: number of patents (or citations).
        sum_squares: sum over classes of the squared total share V_c = sum_p s_pc.
        own_squares: sum over patents and classes of s_pc^2.
    """
    pairs = n.cast(pl.Float64) * (n.cast(pl.Float64) - 1.0)
    return (1.0 - (sum_squares - own_squares) / pairs).clip(0.0, 1.0)


def blau(n: pl.Expr, squares: pl.Expr) -> pl.Expr:
    """Blau index 1 - sum_k (n_k / n)^2 from counts; in [0, 1) (Blau 1977).

    Args:
        n: number of members.
        squares: sum over categories of the squared count.
    """
    return 1.0 - squares.cast(pl.Float64) / (n.cast(pl.Float64) ** 2)
