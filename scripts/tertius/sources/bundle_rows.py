"""Sorted rows, piece by piece: repeats left out, columns that depend on neighbours filled in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq

from tertius.problems import SHOWN, InputError, Problem
from tertius.sources.lists import CLASS_SYMBOL
from tertius.sources.result import Step, step

PIECE_ROWS = 1_000_000


def write_finished(
    rows: duckdb.DuckDBPyRelation,
    name: str,
    key: Sequence[str],
    policy: str,
    target: Path,
    where: str,
) -> list[Step]:
    """Write the sorted rows of a table and count what was left out.

    Args:
        rows: sorted by the key, then by every other column.
        name: of the table.
        key: columns; rows of one key stand together.
        policy: of rows with one key and different content: `stop` or `first`.
        target: Parquet file to write.
        where: the source, for messages.

    Raises:
        InputError: keys in rows that differ, the first of them and their count, where the policy
            is to stop.
    """
    counts: dict[str, int] = {}
    seen = 0
    clashes: list[str] = []
    writer = None
    try:
        for piece in _whole_groups(rows, key[0]):
            done, odd = finish(piece, name, key)
            seen += piece.height
            for words, count in odd.items():
                counts[words] = counts.get(words, 0) + count
            if odd.get("repeated keys with other content") and len(clashes) < SHOWN:
                clashes += _clashing(piece, key)
            table = done.to_arrow(compat_level=pl.CompatLevel.oldest())
            if writer is None:
                writer = pq.ParquetWriter(target, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
    finally:
        if writer is not None:
            writer.close()
    _stop_at_clashes(clashes, counts, policy, name, where)
    return [step("rows taken", seen)] + [
        step(words, count, "left out") for words, count in counts.items() if count
    ]


def _whole_groups(rows: duckdb.DuckDBPyRelation, first: str) -> Iterator[pl.DataFrame]:
    """Pieces of the rows that never part the rows of one first key; one piece at least."""
    reader = rows.to_arrow_reader(PIECE_ROWS)
    rest = pl.DataFrame(pl.from_arrow(reader.schema.empty_table()))
    for batch in reader:
        piece = pl.concat([rest, pl.DataFrame(pl.from_arrow(batch))])
        if piece.height == 0:
            continue
        last = pl.col(first).eq_missing(piece[first][-1])
        rest = piece.filter(last)
        whole = piece.filter(~last)
        if whole.height:
            yield whole
    yield rest


def finish(
    piece: pl.DataFrame, name: str, key: Sequence[str]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Sorted rows of whole groups: each key once, lists in order; and counts of what was left out.

    Args:
        piece: sorted by the key, then by every other column.
        name: of the table.
        key: of the table.
    """
    odd: dict[str, int] = {}
    if name == "citations":
        others = piece.filter(pl.col("citing_pid") != pl.col("cited_pid"))
        odd["patents citing themselves"] = piece.height - others.height
        piece = others
    if name == "patent_classes":
        spelled = piece.with_columns(pl.col("code").str.to_uppercase().str.replace_all(r"\s+", ""))
        symbols = spelled.filter(pl.col("code").str.contains(CLASS_SYMBOL))
        odd["symbols that are none"] = spelled.height - symbols.height
        piece = symbols.sort(key, maintain_order=True)
    if name == "organisations":
        odd["rows repeated word for word"] = int((piece["n"] - 1).sum())
        piece = piece.drop("n")
    same = _repeats(piece, piece.columns)
    once = piece.filter(~same)
    again = _repeats(once, key)
    if name == "alliance_parties":
        # A party that takes part twice in one alliance brings both its amounts.
        paid = pl.col("amount").is_not_null().any().over(key)
        total = pl.col("amount").sum().over(key)
        once = once.with_columns(pl.when(paid).then(total).alias("amount"))
    done = once.filter(~again)
    odd["rows repeated word for word"] = odd.get("rows repeated word for word", 0) + int(same.sum())
    odd["repeated keys with other content"] = int(again.sum())
    return _completed(done, name), odd


def _completed(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """The rows with the columns that follow from others, and without those that only order."""
    if name in ("patent_applicants", "patent_inventors"):
        place = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("pid")
        return rows.with_columns(seq=pl.coalesce("seq", place))
    if name == "patent_classes":
        least = pl.col("seq") == pl.col("seq").min().over("pid", "scheme")
        first = pl.coalesce("is_first", least, pl.lit(False))
        return rows.with_columns(is_first=first).drop("seq")
    if name == "alliances":
        return rows.with_columns(end_known=pl.col("end_date").is_not_null())
    return rows


def _repeats(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Whether a row has the same cells as the one above it."""
    changed = reduce(or_, (pl.col(name).ne_missing(pl.col(name).shift()) for name in columns))
    first = pl.int_range(pl.len()) == 0
    return rows.select((~(changed | first)).alias("same"))["same"]


def _clashing(piece: pl.DataFrame, key: Sequence[str]) -> list[str]:
    once = piece.filter(~_repeats(piece, piece.columns))
    again = once.filter(_repeats(once, key)).head(SHOWN)
    return [", ".join(f"{k} {row[k]!r}" for k in key) for row in again.to_dicts()]


def _stop_at_clashes(
    clashes: list[str], counts: dict[str, int], policy: str, name: str, where: str
) -> None:
    if policy == "first" or not clashes:
        return
    fix = "keep one row, or declare `policies: repeated_id: first`"
    found = [
        Problem(f"{where} [{name}]", f"{clash} stands in rows that differ", fix)
        for clash in clashes[:SHOWN]
    ]
    total = counts["repeated keys with other content"]
    if total > len(found):
        found.append(Problem(f"{where} [{name}]", f"{total} rows in all repeat a key", fix))
    raise InputError(found)
