"""Citations that families have received by the end of a year, by class, country and holder."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.kernels import kernel
from tertius.variables.citing import Codes, Ints, Lists, class_lists, holder_lists, lists
from tertius.variables.inputs import Inputs
from tertius.variables.records import (
    citation_pairs,
    class_numbers,
    families,
    organisation_codes,
    publications,
)

Counts = NDArray[np.int32]


def inventor_countries(inputs: Inputs) -> pl.DataFrame:
    """unit, country: countries of the inventors of each family, of its earliest publications."""

    def build() -> pl.DataFrame:
        first = publications(inputs).filter("first").select("pid", "unit")
        named = inputs.columns("patent_inventors", "pid", "country").drop_nulls()
        return (
            named.join(first, on="pid").select("unit", "country").unique().sort("unit", "country")
        )

    return inputs.once("inventor_countries", build)


def received(inputs: Inputs, year: int, window: int = 5) -> tuple[Codes, Counts]:
    """Families of W(year, window) and the citations that they have received by 31 December.

    For x, z and mediators at t: nothing later than t is counted. Families without citations are
    left out.
    """
    counts = inputs.once(("received", window), lambda: _received(inputs, window))
    age = year - families(inputs)["year"].to_numpy()
    units = np.flatnonzero((age >= 0) & (age < window))
    cites = counts[units, age[units]]
    some = cites > 0
    return units[some].astype(np.uint32), cites[some]


def _received(inputs: Inputs, window: int) -> Counts:
    """families x ages 0..window-1: citations received until that age."""
    born, pairs = families(inputs)["year"].to_numpy(), citation_pairs(inputs)
    counts = np.zeros((born.size, window), dtype=np.int32)
    _count_ages(pairs["cited"].to_numpy(), pairs["year"].to_numpy(), born, counts)
    return np.cumsum(counts, axis=1, dtype=np.int32)


def class_citations(inputs: Inputs, year: int, window: int) -> pl.DataFrame:
    """year, country, cls, share of the citations received by the patents of a class.

    Country: of the inventors, each whole; cells without citations are left out.
    """
    names, found = inputs.once("country_lists", lambda: _country_lists(inputs))
    sums, totals = _by_country(
        *received(inputs, year, window), *_parts(found), *_parts(class_lists(inputs, 4)),
        names.len(), class_numbers(inputs).height,
    )  # fmt: skip
    country, cls = np.nonzero(sums)
    return pl.DataFrame(
        {
            "year": pl.repeat(year, country.size, dtype=pl.Int32, eager=True),
            "country": names.gather(country),
            "cls": cls.astype(np.uint32),
            "share": sums[country, cls] / totals[cls],
        }
    )


def _country_lists(inputs: Inputs) -> tuple[pl.Series, Lists]:
    """The countries in order, and the numbers of those of every family."""
    of = inventor_countries(inputs)
    names = of["country"].unique().sort()
    number = names.to_frame().with_row_index("number")
    numbered = of.join(number, on="country", maintain_order="left")
    return names, lists(numbered, "number", families(inputs).height)


def unit_citations(inputs: Inputs, year: int, window: int) -> pl.DataFrame:
    """year, org, cls, cites: citations received by the patents of each unit in each class."""
    units, cites = received(inputs, year, window)
    held, n_orgs = holder_lists(inputs), organisation_codes(inputs).height
    org, place = _by_holder(units, *_parts(held), n_orgs)
    cells = _unit_cells(
        org, units[place], cites[place], *_parts(class_lists(inputs, 4)),
        class_numbers(inputs).height,
    )  # fmt: skip
    found = pl.DataFrame(dict(zip(("org", "cls", "cites"), cells, strict=True)))
    return found.with_columns(pl.lit(year, pl.Int32).alias("year"))


def _parts(of: Lists) -> tuple[Ints, Codes]:
    return of.ptr, of.items


@kernel
def _count_ages(
    cited: Codes, year: NDArray[np.int32], born: NDArray[np.int32], counts: Counts
) -> None:
    for p in range(cited.size):
        if cited[p] < born.size:
            age = year[p] - born[cited[p]]
            if age < counts.shape[1]:
                counts[cited[p], age] += 1


@kernel
def _by_country(
    units: Codes, cites: Counts, country_ptr: Ints, country: Codes, class_ptr: Ints, cls: Codes,
    n_countries: int, n_classes: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    sums = np.zeros((n_countries, n_classes), np.int64)
    totals = np.zeros(n_classes, np.int64)
    for k in range(units.size):
        f = units[k]
        for c in range(class_ptr[f], class_ptr[f + 1]):
            totals[cls[c]] += cites[k]
            for m in range(country_ptr[f], country_ptr[f + 1]):
                sums[country[m], cls[c]] += cites[k]
    return sums, totals


@kernel
def _by_holder(units: Codes, ptr: Ints, holder: Codes, n_orgs: int) -> tuple[Codes, Ints]:
    """org and place in `units` of every holding of the families, sorted by org."""
    start = np.zeros(n_orgs + 1, np.int64)
    for k in range(units.size):
        for h in range(ptr[units[k]], ptr[units[k] + 1]):
            start[holder[h] + 1] += 1
    start = np.cumsum(start)
    org, place = np.empty(start[-1], np.uint32), np.empty(start[-1], np.int64)
    for k in range(units.size):
        for h in range(ptr[units[k]], ptr[units[k] + 1]):
            at = start[holder[h]]
            start[holder[h]] += 1
            org[at], place[at] = holder[h], k
    return org, place


@kernel
def _unit_cells(
    org: Codes, units: Codes, cites: Counts, ptr: Ints, cls: Codes, n_classes: int
) -> tuple[Codes, Codes, NDArray[np.int64]]:
    """org, cls and summed citations; rows come sorted by org."""
    mark, place = np.full(n_classes, -1, np.int64), np.zeros(n_classes, np.int64)
    size = 0
    for fill in range(2):
        out_org, out_cls = np.empty(size, np.uint32), np.empty(size, np.uint32)
        out = np.zeros(size, np.int64)
        mark[:] = -1
        at = 0
        for k in range(org.size):
            for e in range(ptr[units[k]], ptr[units[k] + 1]):
                c = cls[e]
                if mark[c] != org[k]:
                    mark[c], place[c] = org[k], at
                    at += 1
                if fill:
                    out_org[place[c]], out_cls[place[c]] = org[k], c
                    out[place[c]] += cites[k]
        size = at
    return out_org, out_cls, out
