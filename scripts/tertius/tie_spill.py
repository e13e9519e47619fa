"""Windowed ties of tables larger than memory: the counts of `tie_counts`, on disk with DuckDB.

DuckDB drops repeated rows, joins the members of each record and counts the records of each size
per year and pair, spilling to disk; the weights add up in the same kernel order as in memory, so
that every row and every bit is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.kernels import kernel, thread_count
from tertius.tie_counts import (
    CapReport,
    Counts,
    Ints,
    Reals,
    WindowTies,
    check_cap,
    skipped_frame,
    split_pairs,
)

_BATCH = 1 << 18


class SpilledCounts:
    """Ties of every year in a DuckDB file; made by `spilled_counts`."""

    def __init__(self, base: duckdb.DuckDBPyConnection, n_nodes: int, report: CapReport) -> None:
        self._base = base
        self.n_nodes = n_nodes
        self.report = report

    def sum_windows(self, width: int, years: Iterable[int]) -> Iterator[WindowTies]:
        """As `tie_counts.sum_windows`."""
        if width < 1:
            raise ValueError(f"a window is at least 1 year wide, not {width}")
        for year in sorted(set(years)):
            rows = self._base.sql(
                f"select pair, year, size, n from counts "
                f"where year between {year - width + 1} and {year} order by pair, year, size"
            )
            parts = list(_added(rows))
            pair, count, newman, fraction = (
                np.concatenate(column) for column in zip(*parts, strict=True)
            )
            a, b = split_pairs(pair, self.n_nodes)
            yield WindowTies(year, a, b, count, newman, fraction)


@contextmanager
def spilled_counts(
    rows: pl.DataFrame | Path,
    *,
    n_nodes: int,
    memory_limit: int,
    clique_cap: int | None = None,
    folder: Path | None = None,
    threads: int | None = None,
) -> Iterator[SpilledCounts]:
    """Count every year on disk, within `memory_limit` bytes; the file goes when the block ends.

    rows: columns record, year, node (integers), a table or a Parquet file. folder: where the
    temporary file is made, by default the system's folder for such files. Raises ValueError for a
    cap below 2 and duckdb.OutOfMemoryException where the limit is below what one join needs.
    """
    check_cap(clique_cap)
    with TemporaryDirectory(dir=folder, prefix="ties-") as name:
        base = duckdb.connect(str(Path(name) / "ties.duckdb"))
        try:
            base.execute(f"set memory_limit = '{memory_limit // 1000}KB'")
            base.execute(f"set temp_directory = '{name}'")
            base.execute(f"set threads = {thread_count(threads)}")
            base.execute("set preserve_insertion_order = false")
            yield SpilledCounts(base, n_nodes, _count(base, rows, n_nodes, clique_cap))
        finally:
            base.close()


def _count(
    base: duckdb.DuckDBPyConnection, rows: pl.DataFrame | Path, n_nodes: int, cap: int | None
) -> CapReport:
    """Make the table counts(year, pair, size, n), n records of each size; report the cap."""
    if isinstance(rows, Path):
        base.read_parquet(str(rows)).create_view("given")
    else:
        base.register("given", rows.to_arrow())
    total = _one(base, "select count(*) from given")[0]
    low = _one(base, "select min(record), min(node), max(node) from given")
    if total and (low[0] < 0 or low[1] < 0 or low[2] >= n_nodes):
        raise ValueError(f"record codes are at least 0, node codes at least 0 and below {n_nodes}")
    base.execute(
        "create table members as select distinct year::int as year, record::bigint as record, "
        "node::bigint as node from given"
    )
    base.execute(
        "create table sizes as select year, record, count(*)::int as size from members "
        "group by year, record"
    )
    limit = n_nodes if cap is None else cap
    base.execute(
        "create table counts as select a.year as year, a.node * ? + b.node as pair, "
        "s.size as size, count(*)::int as n from members a join members b using (year, record) "
        "join sizes s using (year, record) where a.node < b.node and s.size <= ? group by all",
        [n_nodes, limit],
    )
    large = base.execute(
        "select record, year, size from sizes where size > ?", [limit]
    ).fetchnumpy()
    facts = _one(
        base,
        "select count(*), count(*) filter (size = 1), sum(size), "
        f"sum(size::bigint * (size - 1) // 2) filter (size <= {limit}), "
        f"sum(size::bigint * (size - 1) // 2) filter (size > {limit}) from sizes",
    )
    base.execute("drop table members")
    return CapReport(
        skipped=skipped_frame(large["record"], large["year"], large["size"]),
        rows=int(total),
        rows_repeated=int(total) - int(facts[2] or 0),
        records=int(facts[0]),
        records_of_one=int(facts[1]),
        pairs=int(facts[3] or 0),
        pairs_skipped=int(facts[4] or 0),
    )


def _one(base: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = base.execute(query).fetchone()
    return row if row is not None else ()


def _added(rows: duckdb.DuckDBPyRelation) -> Iterator[tuple[Ints, Counts, Reals, Reals]]:
    """Sums per pair of rows that come sorted by (pair, year, size), batch by batch."""
    left: list[NDArray[Any]] = [np.empty(0, t) for t in (np.int64, np.int32, np.int32, np.int32)]
    for batch in rows.to_arrow_reader(_BATCH):
        new = [column.to_numpy() for column in batch.columns]
        table = [np.concatenate(both) for both in zip(left, new, strict=True)]
        # The last pair may go on in the next batch.
        cut = int(np.searchsorted(table[0], table[0][-1]))
        yield add_sizes(*(column[:cut] for column in table))
        left = [column[cut:].copy() for column in table]
    yield add_sizes(*left)


@kernel
def add_sizes(
    pair: Ints, year: Counts, size: Counts, n: Counts
) -> tuple[Ints, Counts, Reals, Reals]:
    """Sum n records of each size, per pair: within a year by size, then year by year."""
    pairs = np.empty(pair.size, np.int64)
    counts = np.zeros(pair.size, np.int32)
    newmans = np.zeros(pair.size)
    fractions = np.zeros(pair.size)
    p = 0
    i = 0
    while i < pair.size:
        pairs[p] = pair[i]
        while i < pair.size and pair[i] == pairs[p]:
            now = year[i]
            w = 0.0
            f = 0.0
            while i < pair.size and pair[i] == pairs[p] and year[i] == now:
                k = float(size[i])
                w += n[i] / (k - 1.0)
                f += 2.0 * n[i] / (k * (k - 1.0))
                counts[p] += n[i]
                i += 1
            newmans[p] += w
            fractions[p] += f
        p += 1
    return pairs[:p], counts[:p], newmans[:p], fractions[:p]
