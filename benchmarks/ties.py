"""Windowed ties against polars and DuckDB; writes docs/benchmarks/ties.md.

python benchmarks/ties.py [rows ...]: by default 1, 10 and 50 million rows. Every run is a process
of its own that reads the same Parquet file of unsorted rows (record, year, node), counts 20 years
once and makes the 16 windows of 5 years, with all three weights; records of more than 50 nodes tie
nobody.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "scripts")]

import polars as pl
from measure import PAGES, STORE, digits, in_process, machine, peak_mb, store, table

from benchmarks.generate import applicant_rows

THREADS = 2
CAP = 50
WIDTH = 5
YEARS = range(2004, 2020)
ROWS = (1_000_000, 10_000_000, 50_000_000)
ENGINES = ("ours", "ours, on disk", "polars", "duckdb")
NAMES = {"ours, on disk": "ours through DuckDB, limit 1.5 GB"}
SPILL_LIMIT = 1_500_000_000


def ours(file: Path) -> Iterator[tuple[float, ...]]:
    from tertius.tie_counts import count_years, sum_windows

    rows = pl.read_parquet(file)
    columns = [rows[name].to_numpy() for name in ("record", "year", "node")]
    del rows
    n_nodes = int(columns[2].max()) + 1
    counts = count_years(*columns, n_nodes=n_nodes, clique_cap=CAP, threads=THREADS)
    del columns
    for window in sum_windows(counts, WIDTH, YEARS, threads=THREADS):
        yield (*(float(x.sum()) for x in window[3:]), float(window.a.size))


def ours_on_disk(file: Path) -> Iterator[tuple[float, ...]]:
    from tertius.tie_spill import spilled_counts

    n_nodes = int(pl.scan_parquet(file).select(pl.col("node").max()).collect().item()) + 1
    with spilled_counts(
        file,
        n_nodes=n_nodes,
        memory_limit=SPILL_LIMIT,
        clique_cap=CAP,
        folder=STORE,
        threads=THREADS,
    ) as counts:
        for window in counts.sum_windows(WIDTH, YEARS):
            yield (*(float(x.sum()) for x in window[3:]), float(window.a.size))


def with_polars(file: Path) -> Iterator[tuple[float, ...]]:
    members = pl.scan_parquet(file).unique(["year", "record", "node"])
    sizes = members.group_by("year", "record").len("k").filter(pl.col("k").is_between(2, CAP))
    members = members.join(sizes, on=["year", "record"])
    k = pl.col("k").cast(pl.Float64)
    yearly = (
        members.join(members.drop("k"), on=["year", "record"])
        .filter(pl.col("node") < pl.col("node_right"))
        .group_by("year", "node", "node_right")
        .agg(
            n=pl.len(),
            newman=(1 / (k - 1)).sum(),
            fraction=(2 / (k * (k - 1))).sum(),
        )
        .collect(engine="streaming")
    )
    for year in YEARS:
        window = (
            yearly.lazy()
            .filter(pl.col("year").is_between(year - WIDTH + 1, year))
            .group_by("node", "node_right")
            .agg(pl.col("n", "newman", "fraction").sum())
            .collect(engine="streaming")
        )
        sums = window.select(pl.col("n", "newman", "fraction").sum()).row(0)
        yield (*map(float, sums), float(window.height))


def with_duckdb(file: Path) -> Iterator[tuple[float, ...]]:
    import duckdb

    base = duckdb.connect()
    base.execute(f"set threads = {THREADS}; set preserve_insertion_order = false")
    base.execute(
        f"create table yearly as with members as (select distinct year, record, node from "
        f"read_parquet('{file}')), sizes as (select year, record, count(*) as k from members "
        f"group by all having count(*) between 2 and {CAP}) "
        "select a.year, a.node as a, b.node as b, count(*)::int as n, sum(1 / (k - 1.0::double)) "
        "as newman, sum(2 / (k * (k - 1.0::double))) as fraction from members a join members b "
        "using (year, record) join sizes using (year, record) where a.node < b.node group by all"
    )
    for year in YEARS:
        base.execute(
            "create or replace temp table w as select a, b, sum(n)::int as n, "
            "sum(newman) as newman, sum(fraction) as fraction from yearly "
            f"where year between {year - WIDTH + 1} and {year} group by a, b"
        )
        row = base.execute(
            "select sum(n)::double, sum(newman), sum(fraction), count(*)::double from w"
        ).fetchone()
        assert row is not None
        yield row


RUNS = {"ours": ours, "ours, on disk": ours_on_disk, "polars": with_polars, "duckdb": with_duckdb}


def run(engine: str, file: Path) -> dict[str, Any]:
    """Seconds, memory and totals of one engine, compiled beforehand."""
    list(RUNS[engine](STORE / "rows20000.parquet"))
    before = peak_mb()
    start = time.perf_counter()
    totals = [sum(column) for column in zip(*RUNS[engine](file), strict=True)]
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "mb": peak_mb() - before, "totals": totals}


def rows_file(rows: int) -> Path:
    file = STORE / f"rows{rows}.parquet"
    STORE.mkdir(parents=True, exist_ok=True)
    record, year, node = applicant_rows(rows)
    pl.DataFrame({"record": record, "year": year, "node": node}).write_parquet(file)
    return file


def cap_report(file: Path) -> dict[str, Any]:
    from tertius.tie_counts import count_years

    columns = [pl.read_parquet(file, columns=[x])[x].to_numpy() for x in ("record", "year", "node")]
    report = count_years(*columns, n_nodes=int(columns[2].max()) + 1, clique_cap=CAP).report
    largest = report.skipped["size"].max() if report.skipped.height else 0
    return {**report._replace(skipped=report.skipped.height)._asdict(), "largest": largest}


def section(rows: int) -> dict[str, Any]:
    rows_file(20_000)
    in_process("ties.py", "--make", str(rows))
    file = STORE / f"rows{rows}.parquet"
    rounds = 2 if rows > 10_000_000 else 3
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ENGINES}
    for _ in range(rounds):
        for name in ENGINES:
            found[name].append(in_process("ties.py", "--run", name, str(file)))
            print(f"  {rows} {name}: {found[name][-1]}", flush=True)
    for name in ENGINES:
        exact, other = found["ours"][0]["totals"], found[name][0]["totals"]
        if (exact[0], exact[3]) != (other[0], other[3]):
            raise AssertionError(f"{name} counts other ties: {other}, not {exact}")
        if any(abs(x - y) > 1e-9 * x for x, y in zip(exact, other, strict=True)):
            raise AssertionError(f"{name} has other weights: {other}, not {exact}")
    cap = in_process("ties.py", "--cap", str(file))
    file.unlink()
    return {"found": found, "cap": cap}


def write_page(kept: dict[str, Any]) -> None:
    rows = []
    for n in sorted(map(int, kept)):
        found = kept[str(n)]["found"]
        best = min(one["seconds"] for one in found["ours"])
        for name in ENGINES:
            seconds = [one["seconds"] for one in found[name]]
            rows.append(
                [
                    f"{n:,}",
                    NAMES.get(name, name),
                    f"{digits(min(seconds))} / {digits(median(seconds))}",
                    f"{min(seconds) / best:.1f}",
                    f"{max(one['mb'] for one in found[name]):,.0f}",
                ]
            )
    loads = sorted({one["load"] for one in kept.values()})
    largest = kept[str(max(map(int, kept)))]
    cap, totals = largest["cap"], largest["found"]["ours"][0]["totals"]
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / "ties.md").write_text(
        "# Windowed ties: time and memory\n\nWritten by `make bench` (benchmarks/ties.py). "
        "Unsorted simulated rows (record, year, node) in a Parquet file, 20 years, 16 windows of 5 "
        "years, weights by count, Newman and fraction, clique cap 50. Every "
        "engine counts each year once "
        "and sums years into windows; its totals are checked against ours. Each run is a process "
        f"of its own, {THREADS} threads, reading the file included; runs alternate. MB is the "
        "growth of the process's peak memory. Machine: "
        f"{machine(['numpy', 'numba', 'polars', 'duckdb'])} "
        f"Load average at the end: {loads[0]} to {loads[-1]}.\n\n"
        + table(["rows", "", "s (least / median)", "ratio", "MB"], rows)
        + f"\nThe clique cap in the largest table: {cap['skipped']:,} of {cap['records']:,} "
        f"records have more than {CAP} nodes (largest {cap['largest']}); they would have made "
        f"{cap['pairs_skipped']:,} ties beside the {cap['pairs']:,} of all other records. "
        f"{cap['rows_repeated']:,} rows repeat a member. The windows hold {totals[3]:,.0f} ties.\n",
        encoding="utf-8",
    )


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--run"]:
        print(json.dumps(run(arguments[1], Path(arguments[2]))))
    elif arguments[:1] == ["--cap"]:
        print(json.dumps(cap_report(Path(arguments[1]))))
    elif arguments[:1] == ["--make"]:
        print(json.dumps(str(rows_file(int(arguments[1])))))
    else:
        for rows in map(int, arguments or ROWS):
            write_page(store("ties", str(rows), section(rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
