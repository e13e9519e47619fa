"""Windowed ties of large tables: integer rows (record, year, node), unsorted, to sums per window.

The same ties as `tertius.ties`, without the records behind each tie: every year is counted once
and a window adds up its years, oldest first. A year's weights add up by record size, smallest
first, so that no bit depends on the order of the rows, on the threads or on the engine. Tables
that do not fit the declared memory go through `tertius.tie_spill`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.kernels import Workers, deal, even_spans, kernel, run_blocks

Ints = NDArray[np.int64]
Counts = NDArray[np.int32]
Reals = NDArray[np.float64]
# Bytes that a row takes at the peak: read, packed, and its share of the ties.
_BYTES_PER_ROW = 52
_KEY_BITS = 63


class WindowTies(NamedTuple):
    """Ties of one window or year, sorted by (a, b), a < b.

    weight_count (= n_records), weight_newman and weight_fraction are those of
    `ties.yearly_pairs`.
    """

    year: int
    a: Counts
    b: Counts
    weight_count: Counts
    weight_newman: Reals
    weight_fraction: Reals


class CapReport(NamedTuple):
    """What the clique cap left out: records too large (record, year, size), and the sums.

    pairs_skipped: ties that these records would have made; pairs: ties that the others made,
    each counted once a record. rows_repeated: rows that repeat a (record, year, node).
    """

    skipped: pl.DataFrame
    rows: int
    rows_repeated: int
    records: int
    records_of_one: int
    pairs: int
    pairs_skipped: int


@dataclass(frozen=True, eq=False)
class YearCounts:
    """Ties of every year in one table: the rows of years[k] are starts[k] <= row < ends[k].

    pair = a * n_nodes + b, ascending within a year.
    """

    n_nodes: int
    years: Ints
    starts: Ints
    ends: Ints
    pair: Ints
    weight_count: Counts
    weight_newman: Reals
    weight_fraction: Reals
    report: CapReport


def memory_needed(rows: int) -> int:
    """Bytes that `count_years` and one window need for a table of so many rows, roughly."""
    return _BYTES_PER_ROW * rows


def count_years(
    record: NDArray[np.integer],
    year: NDArray[np.integer],
    node: NDArray[np.integer],
    *,
    n_nodes: int,
    clique_cap: int | None = None,
    threads: int | None = None,
) -> YearCounts:
    """Ties of every year from unsorted rows; record and node are codes from 0, node < n_nodes.

    A record ties its nodes in each year in which it has rows; one of more than `clique_cap` nodes
    ties nobody and is reported. Raises ValueError for a cap below 2, codes out of range, and codes
    too large to be packed into 63 bits.
    """
    check_cap(clique_cap)
    if not record.size:
        return _no_counts(n_nodes)
    bits = _node_bits(record, node, n_nodes)
    first = int(year.min())
    with Workers(threads) as workers:
        packed, bounds = _deal(record, year, node, first, bits, workers)
        spans = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
        workers.run(lambda s: packed[s[0] : s[1]].sort(), spans)
        cap = n_nodes if clique_cap is None else clique_cap
        sized = workers.run(lambda s: record_sizes(packed[s[0] : s[1]], bits, cap), spans)
        starts = np.cumsum([0, *(int(facts[3]) for facts, _ in sized)])
        size_bits = int(max(facts[4] for facts, _ in sized)).bit_length()
        if 2 * int(n_nodes).bit_length() + size_bits > _KEY_BITS:
            raise ValueError(f"{n_nodes} nodes are too many to count in memory: set memory_limit")
        table = (
            np.empty(starts[-1], np.int64),
            np.empty(starts[-1], np.int32),
            np.empty(starts[-1]),
            np.empty(starts[-1]),
        )

        def count(k: int) -> int:
            lo, hi = spans[k]
            keys = tie_keys(packed[lo:hi], bits, cap, n_nodes, size_bits, int(sized[k][0][3]))
            keys.sort()
            return int(count_keys(keys, size_bits, starts[k], *table))

        ends = np.array(workers.run(count, range(len(spans))))
    years = first + np.arange(len(spans))
    report = _report(record.size, years, sized)
    return YearCounts(n_nodes, years, starts[:-1], ends, *table, report)


def sum_windows(
    counts: YearCounts, width: int, years: Iterable[int], *, threads: int | None = None
) -> Iterator[WindowTies]:
    """Ties over [t - width + 1, t] for every year t, in order; one window at a time in memory."""
    if width < 1:
        raise ValueError(f"a window is at least 1 year wide, not {width}")

    def window(year: int) -> WindowTies:
        inside = (counts.years > year - width) & (counts.years <= year)
        pair, count, newman, fraction = add_years(
            counts.starts[inside],
            counts.ends[inside],
            counts.pair,
            counts.weight_count,
            counts.weight_newman,
            counts.weight_fraction,
        )
        a, b = split_pairs(pair, counts.n_nodes)
        return WindowTies(year, a, b, count, newman, fraction)

    yield from run_blocks(window, sorted(set(years)), threads)


def check_cap(clique_cap: int | None) -> None:
    """Refuse a cap at which nobody could be tied."""
    if clique_cap is not None and clique_cap < 2:
        raise ValueError(f"clique_cap must be at least 2 or null for no cap, not {clique_cap}")


def _no_counts(n_nodes: int) -> YearCounts:
    none, reals = np.empty(0, np.int64), np.empty(0)
    report = CapReport(skipped_frame([], [], []), 0, 0, 0, 0, 0, 0)
    return YearCounts(n_nodes, none, none, none, none, np.empty(0, np.int32), reals, reals, report)


def _node_bits(record: NDArray[np.integer], node: NDArray[np.integer], n_nodes: int) -> int:
    """Bits of a node in a packed row; checks the codes."""
    if int(record.min()) < 0 or int(node.min()) < 0 or int(node.max()) >= n_nodes:
        raise ValueError(f"record codes are at least 0, node codes at least 0 and below {n_nodes}")
    bits = int(n_nodes).bit_length()
    if bits + int(record.max()).bit_length() > _KEY_BITS:
        raise ValueError("record and node codes are too large to be packed: number them from 0")
    return bits


def _deal(
    record: NDArray[np.integer],
    year: NDArray[np.integer],
    node: NDArray[np.integer],
    first: int,
    bits: int,
    workers: Workers,
) -> tuple[Ints, Ints]:
    """Rows packed as record and node in one integer, year by year; and where each year starts."""
    n_years = int(year.max()) - first + 1
    spans = even_spans(np.arange(record.size + 1))
    counted = np.array(workers.run(lambda s: year_counts(s[0], s[1], year, first, n_years), spans))
    start, bounds = deal(counted)
    packed = np.empty(record.size, np.int64)
    workers.run(
        lambda k: deal_rows(
            spans[k][0], spans[k][1], record, year, node, first, bits, start[k], packed
        ),
        range(len(spans)),
    )
    return packed, bounds


def skipped_frame(record: Iterable[int], year: Iterable[int], size: Iterable[int]) -> pl.DataFrame:
    """Records above the cap, sorted by (year, record)."""
    schema = {"record": pl.Int64, "year": pl.Int32, "size": pl.Int32}
    frame = pl.DataFrame({"record": record, "year": year, "size": size}, schema=schema)
    return frame.sort("year", "record")


def _report(rows: int, years: Ints, sized: list[tuple[Ints, Ints]]) -> CapReport:
    facts = np.array([facts for facts, _ in sized]).sum(0)
    large = np.concatenate([skipped for _, skipped in sized])
    when = np.repeat(years, [len(skipped) for _, skipped in sized])
    return CapReport(
        skipped=skipped_frame(large[:, 0], when, large[:, 1]),
        rows=rows,
        rows_repeated=rows - int(facts[0]),
        records=int(facts[1]),
        records_of_one=int(facts[2]),
        pairs=int(facts[3]),
        pairs_skipped=int((large[:, 1] * (large[:, 1] - 1) // 2).sum()),
    )


@kernel
def year_counts(lo: int, hi: int, year: NDArray[np.integer], first: int, n_years: int) -> Ints:
    """Rows of each year among the rows lo..hi-1."""
    counts = np.zeros(n_years, np.int64)
    for i in range(lo, hi):
        counts[year[i] - first] += 1
    return counts


@kernel
def deal_rows(
    lo: int,
    hi: int,
    record: NDArray[np.integer],
    year: NDArray[np.integer],
    node: NDArray[np.integer],
    first: int,
    bits: int,
    start: Ints,
    packed: Ints,
) -> None:
    """Rows lo..hi-1, packed, to the places of their years, which begin at `start`."""
    at = start.copy()
    for i in range(lo, hi):
        y = year[i] - first
        packed[at[y]] = (np.int64(record[i]) << bits) | np.int64(node[i])
        at[y] += 1


@kernel
def _members(packed: Ints, i: int, bits: int, members: Ints) -> tuple[int, int]:
    """Distinct nodes of the record whose rows begin at i, as many as fit, into `members`.

    Returns where the next record begins, and how many nodes this one has.
    """
    record = packed[i] >> bits
    mask = (np.int64(1) << bits) - 1
    k = 0
    last = np.int64(-1)
    while i < packed.size and packed[i] >> bits == record:
        if packed[i] != last:
            last = packed[i]
            if k < members.size:
                members[k] = last & mask
            k += 1
        i += 1
    return i, k


@kernel
def record_sizes(packed: Ints, bits: int, cap: int) -> tuple[Ints, Ints]:
    """Of one year's sorted rows: facts, and the records above the cap (record, size).

    facts: distinct rows, records, records of one node, pairs of the records up to the cap, and
    the largest size up to the cap.
    """
    facts = np.zeros(5, np.int64)
    large = np.empty((packed.size // max(cap, 1) + 1, 2), np.int64)
    n_large = 0
    members = np.empty(0, np.int64)
    i = 0
    while i < packed.size:
        record = packed[i] >> bits
        i, k = _members(packed, i, bits, members)
        facts[0] += k
        facts[1] += 1
        if k == 1:
            facts[2] += 1
        elif k <= cap:
            facts[3] += k * (k - 1) // 2
            facts[4] = max(facts[4], k)
        else:
            large[n_large, 0] = record
            large[n_large, 1] = k
            n_large += 1
    return facts, large[:n_large]


@kernel
def tie_keys(packed: Ints, bits: int, cap: int, n_nodes: int, size_bits: int, total: int) -> Ints:
    """One key per record and pair of its nodes: the pair, then the size of the record."""
    keys = np.empty(total, np.int64)
    members = np.empty(min(cap, n_nodes), np.int64)
    p = 0
    i = 0
    while i < packed.size:
        i, k = _members(packed, i, bits, members)
        if k > cap:
            continue
        for x in range(k - 1):
            row = members[x] * n_nodes
            for y in range(x + 1, k):
                keys[p] = ((row + members[y]) << size_bits) | k
                p += 1
    return keys


@kernel
def count_keys(
    keys: Ints,
    size_bits: int,
    start: int,
    pair: Ints,
    count: Counts,
    newman: Reals,
    fraction: Reals,
) -> int:
    """Sum sorted keys into the table from row `start` on; returns the row behind the last."""
    mask = (np.int64(1) << size_bits) - 1
    p = start - 1
    i = 0
    while i < keys.size:
        key = keys[i]
        n = 0
        while i < keys.size and keys[i] == key:
            n += 1
            i += 1
        k = float(key & mask)
        if p < start or pair[p] != key >> size_bits:
            p += 1
            pair[p] = key >> size_bits
            count[p] = 0
            newman[p] = 0.0
            fraction[p] = 0.0
        count[p] += n
        newman[p] += n / (k - 1.0)
        fraction[p] += 2.0 * n / (k * (k - 1.0))
    return p + 1


@kernel
def add_years(
    starts: Ints, ends: Ints, pair: Ints, count: Counts, newman: Reals, fraction: Reals
) -> tuple[Ints, Counts, Reals, Reals]:
    """Sum the years' sorted ties pair by pair, oldest year first."""
    most = 0
    for k in range(starts.size):
        most += ends[k] - starts[k]
    pairs = np.empty(most, np.int64)
    counts = np.empty(most, np.int32)
    newmans = np.empty(most)
    fractions = np.empty(most)
    none = np.int64(0x7FFFFFFFFFFFFFFF)
    at = starts.copy()
    front = np.empty(starts.size, np.int64)
    for k in range(starts.size):
        front[k] = pair[at[k]] if at[k] < ends[k] else none
    p = 0
    while True:
        least = none
        for k in range(front.size):
            least = min(least, front[k])
        if least == none:
            break
        n = np.int32(0)
        w = 0.0
        f = 0.0
        for k in range(front.size):
            if front[k] == least:
                n += count[at[k]]
                w += newman[at[k]]
                f += fraction[at[k]]
                at[k] += 1
                front[k] = pair[at[k]] if at[k] < ends[k] else none
        pairs[p] = least
        counts[p] = n
        newmans[p] = w
        fractions[p] = f
        p += 1
    return pairs[:p], counts[:p], newmans[:p], fractions[:p]


@kernel
def split_pairs(pair: Ints, n_nodes: int) -> tuple[Counts, Counts]:
    """The two nodes of every pair."""
    a = np.empty(pair.size, np.int32)
    b = np.empty(pair.size, np.int32)
    for i in range(pair.size):
        a[i] = pair[i] // n_nodes
        b[i] = pair[i] % n_nodes
    return a, b
