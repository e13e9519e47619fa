"""Disruption: whether later patents cite a patent instead of what it built on."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.kernels import even_spans, kernel, run_blocks
from tertius.variables.frames import family_sums, settle
from tertius.variables.inputs import Inputs
from tertius.variables.outcomes import window_rules
from tertius.variables.records import citation_pairs, families, family_days

Ints = NDArray[np.int64]
Units = NDArray[np.unsignedinteger[Any] | np.signedinteger[Any]]
Days = NDArray[np.int32]
_SPAN = 500_000
"""Focal documents of one span of work; each span marks citing documents by itself."""


@kernel
def _count(
    focal: Units,
    opens: Days,
    closes: Days,
    out_ptr: Ints,
    out_idx: Units,
    in_ptr: Ints,
    in_idx: Units,
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


@kernel
def _by_cited(citing: Units, cited: Units, day: Days, in_ptr: Ints) -> tuple[Units, Days]:
    """Citing document and day of every citation, sorted by (cited, citing)."""
    place = in_ptr[:-1].copy()
    in_idx, in_day = np.empty_like(citing), np.empty_like(day)
    for k in range(cited.size):
        at = place[cited[k]]
        place[cited[k]] += 1
        in_idx[at], in_day[at] = citing[k], day[k]
    return in_idx, in_day


def disruption_index(
    citing: Units, cited: Units, day: Days, focal: Units, opens: Days, closes: Days
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
    n = int(max(np.max(x, initial=0) for x in (citing, cited, focal))) + 1
    if not bool((citing[1:] >= citing[:-1]).all()):
        order = np.argsort(citing, kind="stable")
        citing, cited, day = citing[order], cited[order], day[order]
    in_ptr = np.append(0, np.cumsum(np.bincount(cited, minlength=n)))
    out_ptr = np.append(0, np.cumsum(np.bincount(citing, minlength=n)))
    in_idx, in_day = _by_cited(citing, cited, day, in_ptr)
    only, both, other = (np.zeros(focal.size, dtype=np.int64) for _ in range(3))

    def count(span: tuple[int, int]) -> None:
        part = slice(*span)
        _count(
            focal[part], opens[part], closes[part], out_ptr, cited, in_ptr, in_idx, in_day,
            only[part], both[part], other[part],
        )  # fmt: skip

    steps = np.arange(focal.size + 1, dtype=np.int64)
    for _ in run_blocks(count, even_spans(steps, _SPAN), None):
        pass
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
        pairs["citing"].to_numpy(),
        pairs["cited"].to_numpy(),
        pairs["date"].cast(pl.Int32).to_numpy(),
        table["unit"].to_numpy(),
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
    found = family_disruption(inputs, years)
    v = pl.col(column)
    sums = family_sums(
        inputs, found.select(v, one=v.is_not_null(), every=pl.lit(1.0), open=~pl.col("complete"))
    )
    rules = [
        *window_rules(inputs, years, publication_lag),
        (pl.col("every").is_null(), "undefined_nopat"),
        (pl.col("one") == 0.0, "zero_denominator"),
    ]
    return settle(inputs, sums, v / pl.col("one"), rules)
