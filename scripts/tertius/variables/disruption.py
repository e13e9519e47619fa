"""Disruption: whether later patents cite a patent instead of what it built on."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.kernels import kernel
from tertius.variables.frames import ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.outcomes import window_rules
from tertius.variables.records import citation_pairs, families, family_days, holdings
from tertius.variables.relations import KEY

Ints = NDArray[np.int64]
Days = NDArray[np.int32]


@kernel
def _count(
    focal: Ints,
    opens: Days,
    closes: Days,
    out_ptr: Ints,
    out_idx: Ints,
    in_ptr: Ints,
    in_idx: Ints,
    in_day: Days,
    only: Ints,
    both: Ints,
    other: Ints,
) -> None:
    mark = np.full(in_ptr.size - 1, -1, np.int64)
    state = np.zeros(in_ptr.size - 1, np.int8)
    for at in range(focal.size):
        f = focal[at]
        for e in range(in_ptr[f], in_ptr[f + 1]):
            if opens[at] < in_day[e] <= closes[at]:
                mark[in_idx[e]] = at
                state[in_idx[e]] = 1
                only[at] += 1
        for r in range(out_ptr[f], out_ptr[f + 1]):
            ref = out_idx[r]
            for e in range(in_ptr[ref], in_ptr[ref + 1]):
                if not opens[at] < in_day[e] <= closes[at]:
                    continue
                i = in_idx[e]
                if i == f:
                    continue
                if mark[i] != at:
                    mark[i] = at
                    state[i] = 2
                    other[at] += 1
                elif state[i] == 1:
                    state[i] = 3
                    both[at] += 1
                    only[at] -= 1


def disruption_index(
    citing: Ints, cited: Ints, day: Days, focal: Ints, opens: Days, closes: Days
) -> pl.DataFrame:
    """only, both, other, cd, mcd of each focal document.

    Forward documents cite the focal one (only it, or a reference of it as well: both) or a
    reference alone (other), with opens < day <= closes. cd = (only - both) / (only + both + other)
    in [-1, 1], mcd = cd times the number that cite the focal one; null where the focal document
    has no references or there is no forward document. Funk and Owen-Smith (2017); Wu, Wang and
    Evans (2019).

    Args:
        citing: citing document of every citation.
        cited: cited document.
        day: day of every citation.
        focal: documents wanted.
        opens: per focal document, the day after which citations count.
        closes: per focal document, the last day.
    """
    n = int(max(citing.max(initial=-1), cited.max(initial=-1), focal.max(initial=-1))) + 1
    forward, backward = np.lexsort((citing, cited)), np.lexsort((cited, citing))
    in_ptr = np.concatenate([[0], np.cumsum(np.bincount(cited, minlength=n))]).astype(np.int64)
    out_ptr = np.concatenate([[0], np.cumsum(np.bincount(citing, minlength=n))]).astype(np.int64)
    only, both, other = (np.zeros(focal.size, dtype=np.int64) for _ in range(3))
    _count(
        focal, opens, closes, out_ptr, cited[backward], in_ptr, citing[forward], day[forward],
        only, both, other,
    )  # fmt: skip
    total = only + both + other
    known = (total > 0) & (np.diff(out_ptr)[focal] > 0)
    cd = np.full(focal.size, np.nan)
    np.divide(only - both, total, out=cd, where=known)
    frame = pl.DataFrame(
        {"only": only, "both": both, "other": other, "cd": cd, "mcd": cd * (only + both)}
    )
    return frame.with_columns(pl.col("cd", "mcd").fill_nan(None))


def family_disruption(inputs: Inputs, years: int) -> pl.DataFrame:
    """unit, complete, cd, mcd of every family, citations until `years` years after publication."""
    return inputs.once(("disruption", years), lambda: _families(inputs, years))


def _families(inputs: Inputs, years: int) -> pl.DataFrame:
    pairs = citation_pairs(inputs)
    table = (
        families(inputs)
        .select("unit", closes=pl.col("published").dt.offset_by(f"{years}y"))
        .join(family_days(inputs).select("unit", "day"), on="unit")
        .sort("unit")
    )
    found = disruption_index(
        pairs["citing"].cast(pl.Int64).to_numpy(),
        pairs["cited"].cast(pl.Int64).to_numpy(),
        pairs["date"].cast(pl.Int32).to_numpy(),
        table["unit"].cast(pl.Int64).to_numpy(),
        table["day"].cast(pl.Int32).to_numpy(),
        table["closes"].cast(pl.Int32).to_numpy(),
    )
    end = dt.date(inputs.raw_years[1], 12, 31)
    return table.select("unit", complete=pl.col("closes") <= end).hstack(found.select("cd", "mcd"))


def disruption(
    inputs: Inputs, *, years: int = 5, publication_lag: int = 2, column: str = "cd"
) -> pl.DataFrame:
    """Mean disruption of the families of t; cd in [-1, 1], mcd not bounded.

    Citations within `years` years of publication and after priority. Families without references
    or without a forward document are left out. No patents in t: undefined_nopat; none with a value:
    zero_denominator; windows that end after the records: truncated. Grows with the length of
    reference lists (Petersen, Arroyave and Pammolli 2023): compare within class and year. Funk and
    Owen-Smith (2017).

    Args:
        inputs: the study's inputs.
        years: citation window.
        publication_lag: years from priority to publication at most.
        column: cd | mcd.
    """
    held = holdings(inputs).join(family_disruption(inputs, years), on="unit")
    held = held.with_columns(
        v=pl.col(column).fill_null(0.0),
        one=pl.col(column).is_not_null().cast(pl.Float64),
        every=pl.lit(1.0),
        open=(~pl.col("complete")).cast(pl.Float64),
    )
    sums = ordered_sum(held, KEY, ["unit"], ["v", "one", "every", "open"])
    rules = [
        *window_rules(inputs, years, publication_lag),
        (pl.col("every").is_null(), "undefined_nopat"),
        (pl.col("one") == 0.0, "zero_denominator"),
    ]
    return settle(inputs, sums, pl.col("v") / pl.col("one"), rules)
