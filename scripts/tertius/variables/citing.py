"""What every unit cites in every year, as sorted arrays, and the loops over them that are compiled.

A row is a unit and year with citations; rows are sorted by (org, year) and the cited families of a
row by number. The loops touch each citation once and keep no table of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.kernels import kernel
from tertius.variables.frames import SHARE_UNIT
from tertius.variables.inputs import Inputs
from tertius.variables.records import (
    Level,
    citation_pairs,
    class_numbers,
    families,
    family_classes,
    holdings,
    organisation_codes,
    partners,
)

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Codes = NDArray[np.uint32]
Years = NDArray[np.int32]
Flags = NDArray[np.bool_]
Marks = NDArray[np.uint8]
EXTERNAL, PARTNERS, OWN = 0, 1, 2
"""Whose family is cited: neither the unit's nor a partner's, a partner's, the unit's own."""


@dataclass(frozen=True)
class Citing:
    """Citations by unit and year.

    Attributes:
        org: per row, the unit.
        year: per row, the year.
        ptr: per row, where its cited families begin; one more than rows.
        cited: family of every citation (numbers above all families: documents outside).
        n: how many of the unit's families of the year cite it.
    """

    org: Codes
    year: Years
    ptr: Ints
    cited: Codes
    n: Codes

    def sums(self, **values: NDArray[np.generic]) -> pl.DataFrame:
        """org, year and the sums over each row's citations of whole-number arrays like `cited`."""
        at = self.ptr[:-1]
        columns = {
            name: np.add.reduceat(array, at, dtype=np.int64) if at.size else at
            for name, array in values.items()
        }
        return self.rows(**columns)

    def rows(self, **columns: NDArray[np.generic]) -> pl.DataFrame:
        """org, year and columns that have one value a row."""
        return pl.DataFrame({"org": self.org, "year": self.year, **columns})


@dataclass(frozen=True)
class Lists:
    """A list of numbers for every family (its holders, its classes): item k of family f stands at
    ptr[f] <= k < ptr[f + 1]; families from ptr.size - 1 on have none."""

    ptr: Ints
    items: Codes


def citing(inputs: Inputs) -> Citing:
    """The citations of all units: a pair of families counts for every holder of the citing one."""
    return inputs.once("citing", lambda: _citing(inputs))


def _citing(inputs: Inputs) -> Citing:
    pairs, held = citation_pairs(inputs), holder_lists(inputs)
    first = int(pairs["year"].min() or 0)  # type: ignore[arg-type]
    n_years = int(pairs["year"].max() or 0) - first + 1  # type: ignore[arg-type]
    key = _keys(
        pairs["citing"].to_numpy(), pairs["cited"].to_numpy(), pairs["year"].to_numpy(),
        held.ptr, held.items, first, n_years,
    )  # fmt: skip
    key.sort()
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: key.size])
    n = np.diff(np.append(starts, key.size)).astype(np.uint32)
    key = key[starts]
    cited = (key & 0xFFFFFFFF).astype(np.uint32)
    key >>= 32
    begins = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: key.size])
    row = key[begins]
    return Citing(
        org=(row // n_years).astype(np.uint32),
        year=(first + row % n_years).astype(np.int32),
        ptr=np.append(begins, key.size),
        cited=cited,
        n=n,
    )


def holder_lists(inputs: Inputs) -> Lists:
    """The holders of every family."""
    return lists(holdings(inputs), "org", families(inputs).height)


def class_lists(inputs: Inputs, level: Level) -> Lists:
    """The classes of every family."""
    return lists(family_classes(inputs, level), "cls", families(inputs).height)


def lists(sorted_pairs: pl.DataFrame, column: str, n: int) -> Lists:
    """The numbers in a column by family (`unit`, below n), in the order of the rows."""
    sizes = np.bincount(sorted_pairs["unit"].to_numpy(), minlength=n)
    ptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Lists(ptr, sorted_pairs[column].to_numpy())


# --------------------------------------------------------------------------------- compiled loops
@kernel
def _keys(
    citing_family: Codes, cited_family: Codes, year: Years, holder_ptr: Ints, holder: Codes,
    first: int, n_years: int,
) -> Ints:  # fmt: skip
    size = 0
    for p in range(citing_family.size):
        size += holder_ptr[citing_family[p] + 1] - holder_ptr[citing_family[p]]
    out = np.empty(size, np.int64)
    at = 0
    for p in range(citing_family.size):
        family = citing_family[p]
        for h in range(holder_ptr[family], holder_ptr[family + 1]):
            row = np.int64(holder[h]) * n_years + (year[p] - first)
            out[at] = (row << 32) | np.int64(cited_family[p])
            at += 1
    return out


@kernel
def _origins(
    org: Codes, ptr: Ints, cited: Codes, holder_ptr: Ints, holder: Codes,
    near_ptr: Ints, near: Codes, n_units: int,
) -> Marks:  # fmt: skip
    out = np.zeros(cited.size, np.uint8)
    mark = np.full(n_units, -1, np.int64)
    for r in range(org.size):
        for k in range(near_ptr[r, 0], near_ptr[r, 1]):
            mark[near[k]] = r
        for k in range(ptr[r], ptr[r + 1]):
            family = np.int64(cited[k])
            if family + 1 >= holder_ptr.size:
                continue
            for h in range(holder_ptr[family], holder_ptr[family + 1]):
                if holder[h] == org[r]:
                    out[k] = 2
                    break
                if mark[holder[h]] == r:
                    out[k] = 1
    return out


@kernel
def _past(org: Codes, year: Years, ptr: Ints, cited: Codes, n: Codes, years: int) -> Codes:
    out = np.zeros(cited.size, np.uint32)
    first = 0
    while first < org.size:
        last = first
        while last < org.size and org[last] == org[first]:
            last += 1
        low, high = ptr[first], ptr[last]
        when = np.empty(high - low, np.int32)
        for r in range(first, last):
            when[ptr[r] - low : ptr[r + 1] - low] = year[r]
        order = np.argsort(cited[low:high], kind="mergesort")
        for i in range(1, order.size):
            j = i - 1
            while (
                j >= 0
                and cited[low + order[j]] == cited[low + order[i]]
                and when[order[i]] - when[order[j]] <= years
            ):
                out[low + order[i]] += n[low + order[j]]
                j -= 1
        first = last
    return out


@kernel
def _holders(
    org: Codes, ptr: Ints, cited: Codes, n: Codes, origin: Marks,
    holder_ptr: Ints, holder: Codes, n_units: int,
) -> tuple[Codes, Codes, Codes, Codes]:  # fmt: skip
    size = 0
    for k in range(cited.size):
        if cited[k] + 1 < holder_ptr.size:
            size += holder_ptr[cited[k] + 1] - holder_ptr[cited[k]]
    row, who = np.empty(size, np.uint32), np.empty(size, np.uint32)
    foreign, external = np.empty(size, np.uint32), np.empty(size, np.uint32)
    mark = np.full(n_units, -1, np.int64)
    all_n, far_n = np.zeros(n_units, np.int64), np.zeros(n_units, np.int64)
    seen = np.empty(n_units, np.int64)
    at = 0
    for r in range(org.size):
        found = 0
        for k in range(ptr[r], ptr[r + 1]):
            family = np.int64(cited[k])
            if family + 1 >= holder_ptr.size:
                continue
            for h in range(holder_ptr[family], holder_ptr[family + 1]):
                j = np.int64(holder[h])
                if j == org[r]:
                    continue
                if mark[j] != r:
                    mark[j] = r
                    all_n[j] = 0
                    far_n[j] = 0
                    seen[found] = j
                    found += 1
                if origin[k] < 2:
                    all_n[j] += n[k]
                if origin[k] == 0:
                    far_n[j] += n[k]
        seen[:found].sort()
        for f in range(found):
            row[at], who[at] = r, seen[f]
            foreign[at], external[at] = all_n[seen[f]], far_n[seen[f]]
            at += 1
    return row[:at], who[:at], foreign[:at], external[:at]


@kernel
def _first_uses(org: Codes, year: Years, row: Codes, who: Codes, counts: Codes, years: int,
                n_units: int) -> Ints:  # fmt: skip
    out = np.zeros(org.size, np.int64)
    owner, last = np.full(n_units, -1, np.int64), np.zeros(n_units, np.int64)
    for k in range(row.size):
        r, j = row[k], who[k]
        if counts[k] > 0 and (owner[j] != org[r] or year[r] - last[j] > years):
            out[r] += 1
        owner[j], last[j] = org[r], year[r]
    return out


@kernel
def _spread(
    ptr: Ints, cited: Codes, n: Codes, origin: Marks, class_ptr: Ints, classes: Codes,
    n_classes: int, unit: int,
) -> tuple[Ints, Ints, Reals, Reals]:  # fmt: skip
    size = ptr.size - 1
    count, own = np.zeros(size, np.int64), np.zeros(size, np.int64)
    squares, logs = np.zeros(size), np.zeros(size)
    held, seen = np.zeros(n_classes, np.int64), np.empty(n_classes, np.int64)
    for r in range(size):
        found = 0
        for k in range(ptr[r], ptr[r + 1]):
            family = np.int64(cited[k])
            if origin[k] != 0 or family + 1 >= class_ptr.size:
                continue
            low, high = class_ptr[family], class_ptr[family + 1]
            if low == high:
                continue
            # n whole shares 1/k of a cited family: its squares sum to n/k, one share a citation.
            share = np.int64(round(unit / (high - low))) * n[k]
            count[r] += n[k]
            own[r] += share
            for m in range(low, high):
                c = np.int64(classes[m])
                if held[c] == 0:
                    seen[found] = c
                    found += 1
                held[c] += share
        seen[:found].sort()
        for f in range(found):
            part = held[seen[f]] / unit
            squares[r] += part * part
            logs[r] += part * np.log(part)
            held[seen[f]] = 0
    return count, own, squares, logs


@kernel
def _ages(
    year: Years, ptr: Ints, cited: Codes, n: Codes, born: Years
) -> tuple[Ints, Ints, Ints, Ints]:
    size = year.size
    count, total = np.zeros(size, np.int64), np.zeros(size, np.int64)
    low, high = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
    oldest = int(year.max()) - int(born.min()) if size and born.size else 0
    at_age = np.zeros(max(oldest, 0) + 1, np.int64)
    for r in range(size):
        at_age[:] = 0
        for k in range(ptr[r], ptr[r + 1]):
            if cited[k] < born.size:
                age = year[r] - born[cited[k]]
                at_age[age] += n[k]
                count[r] += n[k]
                total[r] += age * n[k]
        upto = 0
        for age in range(at_age.size):
            upto += at_age[age]
            if low[r] < 0 and upto * 2 >= count[r]:
                low[r] = age
            if high[r] < 0 and upto * 2 >= count[r] + 1:
                high[r] = age
    return count, low, high, total


@kernel
def _marked_holdings(
    citing_family: Codes, cited_family: Codes, pair_year: Years, holder_ptr: Ints, holder: Codes,
    grid: NDArray[np.int64], first: int, ptr: Ints, cited: Codes, known: Flags,
) -> Flags:  # fmt: skip
    out = np.zeros(holder.size, np.bool_)
    for p in range(citing_family.size):
        family = citing_family[p]
        for h in range(holder_ptr[family], holder_ptr[family + 1]):
            if out[h]:
                continue
            r = grid[holder[h], pair_year[p] - first]
            low, high = ptr[r], ptr[r + 1]
            while high - low > 1:
                middle = (low + high) // 2
                if cited[middle] <= cited_family[p]:
                    low = middle
                else:
                    high = middle
            out[h] = known[low]
    return out


@kernel
def all_pairs(ptr: Ints, items: Codes, most: int, base: int) -> tuple[Codes, Ints]:
    """Every unordered pair of items of every list of 2 to `most`: list, first * base + second."""
    size = 0
    for f in range(ptr.size - 1):
        k = ptr[f + 1] - ptr[f]
        if k <= most:
            size += k * (k - 1) // 2
    unit, pair = np.empty(size, np.uint32), np.empty(size, np.int64)
    at = 0
    for f in range(ptr.size - 1):
        if ptr[f + 1] - ptr[f] > most:
            continue
        for i in range(ptr[f], ptr[f + 1]):
            for j in range(i + 1, ptr[f + 1]):
                unit[at] = f
                pair[at] = np.int64(items[i]) * base + np.int64(items[j])
                at += 1
    return unit, pair


# ---------------------------------------------------------------------------------- what they give
def origins(inputs: Inputs, ties: pl.DataFrame) -> Marks:
    """For every citation EXTERNAL, PARTNERS or OWN.

    Args:
        inputs: the study's inputs.
        ties: year, org, partner: whose families are partners' in which year.
    """
    c, held = citing(inputs), holder_lists(inputs)
    keyed = ties.select("org", "year", "partner").sort("org", "year", "partner")
    near = _spans(keyed, c)
    return _origins(
        c.org, c.ptr, c.cited, held.ptr, held.items, near, keyed["partner"].to_numpy(),
        organisation_codes(inputs).height,
    )  # fmt: skip


def _spans(keyed: pl.DataFrame, c: Citing) -> Ints:
    """rows x 2: where the pairs of each row's unit and year begin and end in a sorted table."""
    width = 1 << 20
    key = keyed["org"].to_numpy().astype(np.int64) * width + keyed["year"].to_numpy()
    wanted = c.org.astype(np.int64) * width + c.year
    return np.stack([np.searchsorted(key, wanted, side) for side in ("left", "right")], axis=1)


def network_origins(inputs: Inputs, network: str) -> Marks:
    """`origins` by the partners of the year in a network."""
    key = ("origins", network)
    return inputs.once(key, lambda: origins(inputs, partners(inputs, network)))


def past_use(inputs: Inputs, years: int) -> Codes:
    """For every citation, how often the unit cited the family in t-years..t-1."""
    c = citing(inputs)
    return inputs.once(
        ("past_use", years), lambda: _past(c.org, c.year, c.ptr, c.cited, c.n, years)
    )


def known_before(inputs: Inputs, years: int) -> Flags:
    """For every citation, whether the unit cited or made the family in t-years..t-1."""
    age = cited_ages(inputs)
    return (past_use(inputs, years) > 0) | (own_citations(inputs) & (age >= 1) & (age <= years))


def cited_ages(inputs: Inputs) -> Years:
    """For every citation, years from the cited family to the citing ones; -1 outside the study."""
    c, born = citing(inputs), families(inputs)["year"].to_numpy()
    inside = c.cited < born.size
    age = np.full(c.cited.size, -1, dtype=np.int32)
    age[inside] = np.repeat(c.year, np.diff(c.ptr))[inside] - born[c.cited[inside]]
    return age


def own_citations(inputs: Inputs) -> Flags:
    """For every citation, whether the unit holds the cited family."""
    nobody = pl.DataFrame(schema={"org": pl.UInt32, "year": pl.Int32, "partner": pl.UInt32})
    return inputs.once("own_citations", lambda: origins(inputs, nobody) == OWN)


def cited_holders(inputs: Inputs, network: str) -> pl.DataFrame:
    """row, holder, n, external: whom each unit cites in each year, itself left out.

    row: place in `citing`; n: citations of families of the holder that the unit does not hold;
    external: those of families that no partner of the year holds either. Sorted by (row, holder). A
    holder of whom only co-held families are cited has n = 0.
    """

    def build() -> pl.DataFrame:
        c, held = citing(inputs), holder_lists(inputs)
        found = _holders(
            c.org, c.ptr, c.cited, c.n, network_origins(inputs, network), held.ptr, held.items,
            organisation_codes(inputs).height,
        )  # fmt: skip
        return pl.DataFrame(dict(zip(("row", "holder", "n", "external"), found, strict=True)))

    return inputs.once(("cited_holders", network), build)


def with_unit_years(inputs: Inputs, by_row: pl.DataFrame) -> pl.DataFrame:
    """org and year in the place of `row`."""
    c, row = citing(inputs), by_row["row"].to_numpy()
    keys = pl.DataFrame({"org": c.org[row], "year": c.year[row]})
    return keys.hstack(by_row.drop("row"))


def new_holders(inputs: Inputs, network: str, years: int) -> pl.DataFrame:
    """org, year, new: external holders cited in t that the unit did not cite in t-years..t-1."""
    c, found = citing(inputs), cited_holders(inputs, network)
    row, who, external = (found[name].to_numpy() for name in ("row", "holder", "external"))
    units = organisation_codes(inputs).height
    return c.rows(new=_first_uses(c.org, c.year, row, who, external, years, units))


def cited_classes(inputs: Inputs, network: str, level: Level) -> pl.DataFrame:
    """org, year, n, own, squares, logs of the classes of external families cited; rows with n > 0.

    n: citations of families with a class; own: their squared class shares, in SHARE_UNIT; squares
    and logs: sums over classes of V^2 and V ln V, V the summed class shares.
    """
    c, held = citing(inputs), class_lists(inputs, level)
    n, own, squares, logs = _spread(
        c.ptr, c.cited, c.n, network_origins(inputs, network), held.ptr, held.items,
        class_numbers(inputs, level).height, SHARE_UNIT,
    )  # fmt: skip
    return c.rows(n=n, own=own, squares=squares, logs=logs).filter(pl.col("n") > 0)


def citation_ages(inputs: Inputs) -> pl.DataFrame:
    """org, year, n, low, high, total: citations of families of the study, the ages of the two in
    the middle (equal for an odd number), and the sum of the ages; rows with n > 0."""
    c, born = citing(inputs), families(inputs)["year"].to_numpy()
    n, low, high, total = _ages(c.year, c.ptr, c.cited, c.n, born)
    return c.rows(n=n, low=low, high=high, total=total).filter(pl.col("n") > 0)


def marked_holdings(inputs: Inputs, known: Flags) -> Flags:
    """For every holding, whether the family cites one of which the holder's citation is marked.

    Args:
        inputs: the study's inputs.
        known: a mark for every citation of `citing`.

    Returns:
        Flags aligned with `records.holdings`.
    """
    c, held, pairs = citing(inputs), holder_lists(inputs), citation_pairs(inputs)
    first, last = (int(c.year.min()), int(c.year.max())) if c.year.size else (0, 0)
    grid = np.full((organisation_codes(inputs).height, last - first + 1), -1, dtype=np.int64)
    grid[c.org, c.year - first] = np.arange(c.org.size)
    return _marked_holdings(
        pairs["citing"].to_numpy(), pairs["cited"].to_numpy(), pairs["year"].to_numpy(),
        held.ptr, held.items, grid, first, c.ptr, c.cited, known,
    )  # fmt: skip
