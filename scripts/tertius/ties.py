"""From dated events (joint patents, alliances) to weighted yearly ties that keep their records.

Events say which nodes a record brings together in which year; `yearly_pairs` turns each record into
ties between all its nodes; `window_ties` sums years; `union_ties` sums networks. No result depends
on the order of input rows: float sums run in the order of sorted keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.codes import distinct, encode
from tertius.kernels import kernel
from tertius.tie_counts import WindowTies, count_years, memory_needed, sum_windows
from tertius.tie_spill import spilled_counts

Ints = NDArray[np.int64]

TIES_SCHEMA = pl.Schema(
    {
        "year": pl.Int32,
        "a": pl.String,
        "b": pl.String,
        "weight_count": pl.Float64,
        "weight_newman": pl.Float64,
        "weight_fraction": pl.Float64,
        "n_records": pl.Int32,
    }
)
_SUMS = TIES_SCHEMA.names()[3:]
_KEY = ["year", "a", "b"]


class Events(NamedTuple):
    """Events (record_id, year, node), one row each, sorted; and a ledger of counts."""

    events: pl.DataFrame
    ledger: dict[str, int]


class Pairs(NamedTuple):
    """Ties per year, the records behind each tie, and the records skipped for their size."""

    pairs: pl.DataFrame
    records: pl.DataFrame
    skipped: pl.DataFrame


class ScaledTies(NamedTuple):
    """Ties window by window (TIES_SCHEMA each), the records above the cap, and counts."""

    windows: Iterator[pl.DataFrame]
    skipped: pl.DataFrame
    ledger: dict[str, int]


def co_patent_events(
    patents: pl.DataFrame, members: pl.DataFrame, *, node: str = "org_id"
) -> Events:
    """Which nodes share a patent family, dated by the family's earliest year.

    patents: pid, family_id, year; a patent without family stands for itself. members: pid and the
    column `node` (org_id of applicants, inv_id of inventors). Ledger: patents, families,
    members (rows), members_without_patent, members_without_node, members_without_year (their family
    has no year), members_repeated (same node and family again), events, families_of_one (families
    that tie nobody).
    """
    unit = patents.select(
        "pid", pl.coalesce("family_id", "pid").alias("record_id"), pl.col("year").cast(pl.Int32)
    )
    dates = unit.group_by("record_id").agg(pl.col("year").min())
    named = members.select("pid", pl.col(node).alias("node"))
    known = named.join(unit.select("pid", "record_id"), on="pid", how="inner")
    tied = known.filter(pl.col("node").is_not_null())
    dated = tied.join(dates, on="record_id").filter(pl.col("year").is_not_null())
    events = _sorted_events(dated)
    ledger = {
        "patents": patents.height,
        "families": dates.height,
        "members": members.height,
        "members_without_patent": members.height - known.height,
        "members_without_node": known.height - tied.height,
        "members_without_year": tied.height - dated.height,
        "members_repeated": dated.height - events.height,
        "events": events.height,
        "families_of_one": _records_of_one(events),
    }
    return Events(events, ledger)


def alliance_events(
    alliances: pl.DataFrame, parties: pl.DataFrame, years: Iterable[int], lifespan: int
) -> Events:
    """Which nodes are allied on 31 December of each year.

    An alliance is active in t when it starts in t or before and has not ended by 31 December t: its
    known end is on or after that day. Without a known end it lasts `lifespan` calendar years, the
    start year included (five: Gulati 1995, Lavie 2007). An end is known when end_date is given and
    end_known is not false. Ledger: alliances, alliances_without_start (dropped), end_before_start
    (never active), end_unknown (lasts `lifespan`), end_disowned (of these: dated, but end_known
    is false), never_active (known end before the first 31 December, among them those that start and
    end within one year), outside_years (active, but in none of `years`), alliances_without_party,
    alliances_of_one, parties (rows), parties_without_alliance, parties_without_node,
    parties_repeated, events. Raises ValueError for a lifespan below 1.
    """
    if lifespan < 1:
        raise ValueError(f"lifespan must be at least 1 year, not {lifespan}")
    spans, ledger = _active_spans(alliances, lifespan)
    wanted = sorted(set(years))
    calendar = pl.DataFrame({"year": pl.Series(wanted, dtype=pl.Int32)})
    active = spans.join(calendar, how="cross").filter(
        pl.col("year").is_between(pl.col("first"), pl.col("last"))
    )
    living = spans.filter(pl.col("first") <= pl.col("last"))
    ledger["outside_years"] = living.height - active["record_id"].n_unique()
    members, counts = _alliance_members(alliances, parties)
    events = _sorted_events(active.join(members, on="record_id"))
    return Events(events, {**ledger, **counts, "events": events.height})


def alliance_starts(alliances: pl.DataFrame, parties: pl.DataFrame) -> Events:
    """Which nodes start an alliance in each year, ends ignored: the variant for `window_ties`.

    Ledger: alliances, alliances_without_start and the counts of parties of `alliance_events`.
    """
    started = alliances.select(
        pl.col("aid").alias("record_id"), pl.col("start_date").dt.year().alias("year")
    ).filter(pl.col("year").is_not_null())
    members, counts = _alliance_members(alliances, parties)
    events = _sorted_events(started.join(members, on="record_id"))
    missing = alliances.height - started.height
    ledger = {"alliances": alliances.height, "alliances_without_start": missing}
    return Events(events, {**ledger, **counts, "events": events.height})


def _active_spans(alliances: pl.DataFrame, lifespan: int) -> tuple[pl.DataFrame, dict[str, int]]:
    """First and last year on whose 31 December each alliance is active (last < first: never)."""
    given = pl.col("end_date").is_not_null()
    known = given & pl.col("end_known").fill_null(True)
    start, end = pl.col("start_date").dt.year(), pl.col("end_date").dt.year()
    closes_year = (pl.col("end_date").dt.month() == 12) & (pl.col("end_date").dt.day() == 31)
    last_known = end - pl.when(closes_year).then(0).otherwise(1)
    dated = alliances.filter(pl.col("start_date").is_not_null())
    spans = dated.select(
        pl.col("aid").alias("record_id"),
        start.alias("first"),
        pl.when(known).then(last_known).otherwise(start + lifespan - 1).alias("last"),
        known.alias("known"),
        (known & (pl.col("end_date") < pl.col("start_date"))).alias("reversed"),
        (given & ~known).alias("disowned"),
    ).with_columns(
        # 31 December to an earlier day of the same year is not a state of that year.
        pl.when("reversed").then(pl.col("first") - 1).otherwise("last").alias("last")
    )
    never = (pl.col("last") < pl.col("first")) & ~pl.col("reversed")
    ledger = {
        "alliances": alliances.height,
        "alliances_without_start": alliances.height - dated.height,
        "end_before_start": int(spans["reversed"].sum()),
        "end_unknown": int((~spans["known"]).sum()),
        "end_disowned": int(spans["disowned"].sum()),
        "never_active": spans.filter(never).height,
    }
    return spans.select("record_id", "first", "last"), ledger


def _alliance_members(
    alliances: pl.DataFrame, parties: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Distinct (record_id, node) of alliances that exist, and what was left out."""
    rows = parties.select(pl.col("aid").alias("record_id"), pl.col("org_id").alias("node"))
    known = rows.join(alliances.select(record_id="aid"), on="record_id", how="semi")
    named = known.filter(pl.col("node").is_not_null())
    members = named.unique()
    sizes = members.group_by("record_id").len()
    return members, {
        "alliances_without_party": alliances.height - sizes.height,
        "alliances_of_one": sizes.filter(pl.col("len") == 1).height,
        "parties": parties.height,
        "parties_without_alliance": parties.height - known.height,
        "parties_without_node": known.height - named.height,
        "parties_repeated": named.height - members.height,
    }


def _sorted_events(rows: pl.DataFrame) -> pl.DataFrame:
    columns = ["record_id", "year", "node"]
    return rows.select(columns).unique().sort("year", "record_id", "node")


def _records_of_one(events: pl.DataFrame) -> int:
    return events.group_by("record_id", "year").len().filter(pl.col("len") == 1).height


def yearly_pairs(events: pl.DataFrame, clique_cap: int | None = None) -> Pairs:
    """Ties of every year: a record of k nodes ties each of its k(k-1)/2 pairs.

    events: record_id, year, node. Per record and pair weight_count grows by 1, weight_newman by
    1/(k-1) (Newman 2001: a node's strength is then its number of records of two or more nodes),
    weight_fraction by 2/(k(k-1)) (a record weighs 1 in all), n_records by 1. Records of more than
    `clique_cap` nodes tie nobody and are listed in `skipped` (record_id, year, size). pairs: one
    row (year, a, b), a < b; records: (year, a, b, record_id). All sorted by their keys. Raises
    ValueError for a cap below 2.
    """
    if clique_cap is not None and clique_cap < 2:
        raise ValueError(f"clique_cap must be at least 2 or null for no cap, not {clique_cap}")
    nodes = distinct([events["node"]])
    records = distinct([events["record_id"]])
    coded = (
        pl.DataFrame(
            {
                "year": events["year"].cast(pl.Int32),
                "record": encode(events["record_id"], records),
                "node": encode(events["node"], nodes),
            }
        )
        .unique()
        .sort("year", "record", "node")
    )
    sizes = coded.group_by("year", "record", maintain_order=True).len("size")
    too_large = pl.col("size") > (coded.height if clique_cap is None else clique_cap)
    large = sizes.filter(too_large)
    skipped = pl.DataFrame(
        {
            "record_id": records.gather(large["record"]),
            "year": large["year"],
            "size": large["size"].cast(pl.Int32),
        }
    )
    kept = coded.join(large, on=["year", "record"], how="anti", maintain_order="left")
    return Pairs(*_cliques(kept, sizes.filter(~too_large), nodes, records), skipped)


def _cliques(
    coded: pl.DataFrame, sizes: pl.DataFrame, nodes: pl.Series, records: pl.Series
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ties and their records from coded members sorted by (year, record, node)."""
    size = sizes["size"].cast(pl.Int64).to_numpy()
    low, high, group = _expand(np.r_[0, np.cumsum(size)], coded["node"].to_numpy())
    year = sizes["year"].cast(pl.Int64).to_numpy()[group]
    first_year = int(year.min()) if year.size else 0
    n = nodes.len()
    # Groups come in order of (year, record): a stable sort keeps the records of a pair in order.
    key = ((year - first_year) * n + low) * n + high
    order = np.argsort(key, kind="stable")
    k = size[group[order]].astype(np.float64)
    ones = np.ones(k.size)
    sums = {
        "weight_count": ones,
        "weight_newman": 1.0 / (k - 1.0),
        "weight_fraction": 2.0 / (k * (k - 1.0)),
        "n_records": ones,
    }
    names = {
        "year": pl.Series(year[order], dtype=pl.Int32),
        "a": nodes.gather(low[order]),
        "b": nodes.gather(high[order]),
    }
    rows = sizes["record"].to_numpy()[group[order]]
    ties_records = pl.DataFrame({**names, "record_id": records.gather(rows)})
    return _summed(pl.DataFrame({**names, **sums}), key[order]), ties_records


@kernel
def _expand(starts: Ints, members: Ints) -> tuple[Ints, Ints, Ints]:
    """All pairs of members within each group: (lower, higher, group)."""
    total = 0
    for g in range(starts.size - 1):
        k = starts[g + 1] - starts[g]
        total += k * (k - 1) // 2
    low = np.empty(total, np.int64)
    high = np.empty(total, np.int64)
    group = np.empty(total, np.int64)
    p = 0
    for g in range(starts.size - 1):
        for i in range(starts[g], starts[g + 1] - 1):
            for j in range(i + 1, starts[g + 1]):
                low[p] = members[i]
                high[p] = members[j]
                group[p] = g
                p += 1
    return low, high, group


def _summed(rows: pl.DataFrame, key: Ints) -> pl.DataFrame:
    """One row per key of ties whose rows are sorted by key; sums run in the order of the rows."""
    if rows.height == 0:
        return TIES_SCHEMA.to_frame(eager=True)
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    heads = rows.select(_KEY)[first]
    sums = {name: np.add.reduceat(rows[name].to_numpy(), first) for name in _SUMS}
    columns = [pl.Series(name, values).cast(TIES_SCHEMA[name]) for name, values in sums.items()]
    return heads.with_columns(columns)


def _sum_ties(rows: pl.DataFrame) -> pl.DataFrame:
    """Sum the rows of each (year, a, b), in the order in which they come; sorted by key."""
    nodes = distinct([rows["a"], rows["b"]])
    n = nodes.len()
    year = rows["year"].cast(pl.Int64).to_numpy()
    key = (year - (year.min() if year.size else 0)) * n + encode(rows["a"], nodes)
    key = key * n + encode(rows["b"], nodes)
    order = np.argsort(key, kind="stable")
    return _summed(rows[order], key[order])


def window_ties(pairs: pl.DataFrame, width: int, years: Iterable[int]) -> pl.DataFrame:
    """Ties over the window W(t, width) = [t - width + 1, t] of every year t in `years`.

    Weights and n_records are sums of the yearly ties (each record belongs to one year). Columns and
    order as `yearly_pairs`; `year` is the last year of the window. Raises ValueError for a width
    below 1.
    """
    return _sum_ties(_into_windows(pairs.sort(_KEY), width, years))


def window_records(records: pl.DataFrame, width: int, years: Iterable[int]) -> pl.DataFrame:
    """Records (year, a, b, record_id) behind the ties of `window_ties`, each once in a window."""
    return _into_windows(records, width, years).unique().sort(*_KEY, "record_id")


def _into_windows(rows: pl.DataFrame, width: int, years: Iterable[int]) -> pl.DataFrame:
    """Copy rows to the end year of every window that holds their year, oldest year first."""
    if width < 1:
        raise ValueError(f"a window is at least 1 year wide, not {width}")
    wanted = pl.Series(sorted(set(years)), dtype=pl.Int32)
    parts = [
        rows.with_columns((pl.col("year") + lag).cast(pl.Int32)).filter(
            pl.col("year").is_in(wanted.implode())
        )
        for lag in range(width - 1, -1, -1)
    ]
    return pl.concat(parts)


def union_ties(networks: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Sum of several networks' ties; each has its own time rule behind it.

    n_records adds up, so that one record counts once in each network that holds it.
    """
    return _sum_ties(pl.concat([ties.select(TIES_SCHEMA.names()) for ties in networks]))


def union_records(networks: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Records behind the ties of `union_ties`, each once a tie."""
    return pl.concat(networks).unique().sort(*_KEY, "record_id")


def scaled_window_ties(
    events: pl.DataFrame,
    width: int,
    years: Iterable[int],
    *,
    clique_cap: int | None = None,
    memory_limit: int | None = None,
    on_disk: bool = False,
    folder: Path | None = None,
    threads: int | None = None,
) -> ScaledTies:
    """The ties of `yearly_pairs` and `window_ties`, one window at a time, without their records.

    For tables too large to keep the records of each tie: identifiers become codes, every year is
    counted once, and windows come one at a time. Where the events need more than `memory_limit`
    bytes, or with `on_disk`, DuckDB counts them in `folder` within that limit (2 GB by default),
    and every row is the same. Weights may differ from `yearly_pairs` by rounding, for they add up
    by record size. The temporary file goes when the windows are read or dropped.

    Ledger: rows, rows_repeated, records, records_of_one, pairs (made by records up to the cap),
    records_above_cap, largest_above_cap, pairs_above_cap (that they would have made), on_disk.
    """
    nodes, records = distinct([events["node"]]), distinct([events["record_id"]])
    coded = pl.DataFrame(
        {
            "record": encode(events["record_id"], records),
            "year": events["year"].cast(pl.Int32),
            "node": encode(events["node"], nodes),
        }
    )
    n = nodes.len()
    spill = on_disk or (memory_limit is not None and memory_needed(coded.height) > memory_limit)
    if spill:
        stack = ExitStack()
        spilled = stack.enter_context(
            spilled_counts(
                coded,
                n_nodes=n,
                memory_limit=memory_limit or 2_000_000_000,
                clique_cap=clique_cap,
                folder=folder,
                threads=threads,
            )
        )
        report, windows = spilled.report, _closing(stack, spilled.sum_windows(width, years))
    else:
        columns = (coded[name].to_numpy() for name in ("record", "year", "node"))
        counts = count_years(*columns, n_nodes=n, clique_cap=clique_cap, threads=threads)
        report, windows = counts.report, sum_windows(counts, width, years, threads=threads)
    skipped = report.skipped.select(
        records.gather(report.skipped["record"]).alias("record_id"), "year", "size"
    )
    ledger = {
        "rows": report.rows,
        "rows_repeated": report.rows_repeated,
        "records": report.records,
        "records_of_one": report.records_of_one,
        "pairs": report.pairs,
        "records_above_cap": skipped.height,
        "largest_above_cap": int(skipped["size"].max() or 0),  # type: ignore[arg-type]
        "pairs_above_cap": report.pairs_skipped,
        "on_disk": spill,
    }
    return ScaledTies((_named(window, nodes) for window in windows), skipped, ledger)


def _closing(stack: ExitStack, windows: Iterator[WindowTies]) -> Iterator[WindowTies]:
    with stack:
        yield from windows


def _named(window: WindowTies, nodes: pl.Series) -> pl.DataFrame:
    """A window of codes as a table of TIES_SCHEMA."""
    return pl.DataFrame(
        {
            "year": pl.Series(np.full(window.a.size, window.year), dtype=pl.Int32),
            "a": nodes.gather(window.a),
            "b": nodes.gather(window.b),
            "weight_count": window.weight_count.astype(np.float64),
            "weight_newman": window.weight_newman,
            "weight_fraction": window.weight_fraction,
            "n_records": window.weight_count,
        }
    )
