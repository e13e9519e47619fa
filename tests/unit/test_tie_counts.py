"""Ties at scale: the same as the plain ones, in memory and on disk, from rows in any order."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.generate import applicant_rows
from tertius.tie_counts import (
    CapReport,
    WindowTies,
    count_years,
    memory_needed,
    sum_windows,
)
from tertius.tie_spill import spilled_counts
from tertius.ties import TIES_SCHEMA, scaled_window_ties, window_ties, yearly_pairs

YEARS = range(2004, 2020)


def table(rows: int, seed: int = 1) -> pl.DataFrame:
    record, year, node = applicant_rows(rows, seed=seed)
    return pl.DataFrame({"record": record, "year": year, "node": node})


def in_memory(
    rows: pl.DataFrame, cap: int | None, threads: int = 1
) -> tuple[list[WindowTies], CapReport]:
    columns = (rows[name].to_numpy() for name in ("record", "year", "node"))
    counts = count_years(
        *columns, n_nodes=int(rows["node"].max()) + 1, clique_cap=cap, threads=threads
    )
    return list(sum_windows(counts, 5, YEARS, threads=threads)), counts.report


def on_disk(
    rows: pl.DataFrame | Path, n_nodes: int, cap: int | None, limit: int, folder: Path
) -> tuple[Iterator[WindowTies], CapReport]:
    with spilled_counts(
        rows, n_nodes=n_nodes, memory_limit=limit, clique_cap=cap, folder=folder, threads=2
    ) as counts:
        return iter(list(counts.sum_windows(5, YEARS))), counts.report


def assert_same(one: WindowTies, other: WindowTies) -> None:
    for name, left, right in zip(one._fields, one, other, strict=True):
        assert np.asarray(left).tobytes() == np.asarray(right).tobytes(), name


def assert_same_report(one: CapReport, other: CapReport) -> None:
    assert one[1:] == other[1:]
    assert_frame_equal(one.skipped, other.skipped)


@pytest.mark.parametrize("cap", [None, 50, 4])
def test_windows_equal_the_plain_ties(cap: int | None) -> None:
    rows = table(20_000)
    events = rows.select(
        pl.format("r{}", pl.col("record").cast(pl.String).str.zfill(6)).alias("record_id"),
        "year",
        pl.format("n{}", pl.col("node").cast(pl.String).str.zfill(6)).alias("node"),
    )
    pairs, _, skipped = yearly_pairs(events, cap)
    plain = window_ties(pairs, 5, YEARS)
    scaled = scaled_window_ties(events, 5, YEARS, clique_cap=cap)
    windows = pl.concat(scaled.windows)
    assert windows.schema == TIES_SCHEMA
    exact = ["year", "a", "b", "weight_count", "n_records"]
    assert plain.height > 5_000
    assert_frame_equal(windows.select(exact), plain.select(exact))
    assert_frame_equal(windows, plain, rel_tol=1e-13)
    assert_frame_equal(scaled.skipped, skipped.sort("year", "record_id"))
    assert scaled.ledger["records_above_cap"] == skipped.height
    size = skipped["size"].cast(pl.Int64)
    assert scaled.ledger["pairs_above_cap"] == int((size * (size - 1) // 2).sum())
    assert scaled.ledger["pairs"] == int(pairs["n_records"].sum())


def test_order_of_rows_and_threads_keep_every_bit() -> None:
    rows = table(200_000)
    first, report = in_memory(rows, 50)
    second, again = in_memory(rows.sample(fraction=1, shuffle=True, seed=3), 50, threads=3)
    for one, other in zip(first, second, strict=True):
        assert_same(one, other)
    assert_same_report(report, again)
    assert report.rows_repeated == rows.height - rows.unique().height
    sizes = rows.unique().group_by("year", "record").len()
    assert report.skipped.height == sizes.filter(pl.col("len") > 50).height == 4


def test_disk_and_memory_give_the_same_rows_under_a_tiny_limit(tmp_path: Path) -> None:
    rows = table(1_000_000)
    file = tmp_path / "rows.parquet"
    rows.write_parquet(file)
    limit = 40_000_000
    assert memory_needed(rows.height) > limit
    windows, report = in_memory(rows, 50, threads=2)
    assert report.skipped.height > 0
    spilled, disk_report = on_disk(file, int(rows["node"].max()) + 1, 50, limit, tmp_path)
    for one, other in zip(windows, spilled, strict=True):
        assert_same(one, other)
    assert_same_report(report, disk_report)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_a_memory_limit_sends_events_to_the_disk() -> None:
    events = pl.DataFrame(
        {"record_id": ["p", "p", "q", "q", "q"], "year": [2004] * 5, "node": list("ABABC")}
    )
    inside = scaled_window_ties(events, 5, [2004, 2030])
    outside = scaled_window_ties(events, 5, [2004, 2030], memory_limit=20_000_000)
    assert (inside.ledger["on_disk"], outside.ledger["on_disk"]) == (False, False)
    forced = scaled_window_ties(events, 5, [2004, 2030], memory_limit=20_000_000, on_disk=True)
    assert forced.ledger["on_disk"]
    for one, other in zip(inside.windows, forced.windows, strict=True):
        assert_frame_equal(one, other, check_exact=True)
    first = next(iter(scaled_window_ties(events, 5, [2004]).windows))
    assert first.select("a", "b", "weight_count", "weight_newman", "weight_fraction").rows() == [
        ("A", "B", 2.0, 1.5, 1.0 + 1 / 3),
        ("A", "C", 1.0, 0.5, 1 / 3),
        ("B", "C", 1.0, 0.5, 1 / 3),
    ]


def test_bad_arguments_are_refused() -> None:
    one = np.array([0, 0]), np.array([2000, 2000]), np.array([0, 1])
    with pytest.raises(ValueError, match="clique_cap"):
        count_years(*one, n_nodes=2, clique_cap=1)
    with pytest.raises(ValueError, match="below 1"):
        count_years(*one, n_nodes=1)
    with pytest.raises(ValueError, match="packed"):
        count_years(np.array([0, 2**62]), one[1], one[2], n_nodes=2)
    with pytest.raises(ValueError, match="window"):
        next(sum_windows(count_years(*one, n_nodes=2), 0, [2000]))
    empty = count_years(*(x[:0] for x in one), n_nodes=2)
    assert next(sum_windows(empty, 3, [2000])).a.size == 0
