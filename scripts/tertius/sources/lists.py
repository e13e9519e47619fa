"""Cells that hold lists, repeated rows, and patent class symbols."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from tertius.problems import SHOWN
from tertius.sources.fields import ROW, Rows
from tertius.sources.loader import policy
from tertius.sources.result import Step, step

CLASS_SYMBOL = r"^[A-HY]\d{2}[A-Z](\d{1,4}(/\d{2,})?)?$"
"""Subclass, and group where it is given (WIPO 2024, Guide to the IPC, 8th version on)."""


def split_cells(
    frame: pl.DataFrame,
    key: str,
    column: str,
    separators: str | Sequence[str],
    to: str = "name",
    glued: Sequence[str] = (),
) -> pl.DataFrame:
    """One row for each item of a cell that holds a list.

    Args:
        frame: with `key` and the text column.
        key: id of the record.
        column: the cells.
        separators: one, or several that mean the same.
        to: name of the column of items.
        glued: words that belong to the item before them, e.g. Ltd where items are split by commas.

    Returns:
        key, `to` (trimmed, never empty), seq (Int32, from 1 in the order of the cell).
    """
    marks = [separators] if isinstance(separators, str) else list(separators)
    cells = frame.select(key, pl.col(column).alias(to)).drop_nulls(to)
    if glued:
        words = "|".join(re.escape(word) for word in glued)
        ending = rf"\s*{re.escape(marks[0])}\s*((?:{words})\b)"
        cells = cells.with_columns(pl.col(to).str.replace_all(ending, " $1"))
    for other in marks[1:]:
        cells = cells.with_columns(pl.col(to).str.replace_all(other, marks[0], literal=True))
    items = (
        cells.with_columns(pl.col(to).str.split(marks[0]))
        .explode(to)
        .with_columns(pl.col(to).str.strip_chars())
        .filter(pl.col(to) != "")
    )
    seq = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(key).alias("seq")
    return items.with_columns(seq)


def unique_names(frame: pl.DataFrame, key: str, what: str) -> tuple[pl.DataFrame, Step]:
    """Each name once a record, at its first place; the ledger counts the repeats."""
    kept = frame.unique([key, "name"], keep="first", maintain_order=True)
    return kept, step(f"repeated {what} of one record", frame.height - kept.height, "first kept")


def class_rows(cells: pl.DataFrame, scheme: str) -> tuple[pl.DataFrame, list[Step]]:
    """Class symbols of patents in one spelling.

    Args:
        cells: pid, code, seq.
        scheme: IPC or CPC.

    Returns:
        pid, scheme, code, is_first (the first symbol of the patent), and counts of what is no
        symbol and of repeats.
    """
    spelled = cells.with_columns(pl.col("code").str.to_uppercase().str.replace_all(r"\s+", ""))
    symbols = spelled.filter(pl.col("code").str.contains(CLASS_SYMBOL))
    once = symbols.sort("pid", "seq").unique(["pid", "code"], keep="first", maintain_order=True)
    rows = once.select(
        "pid",
        pl.lit(scheme).alias("scheme"),
        "code",
        is_first=pl.col("seq") == pl.col("seq").min().over("pid"),
    )
    return rows, [
        step(f"{scheme} symbols that are none", spelled.height - symbols.height, "dropped"),
        step(f"repeated {scheme} symbols", symbols.height - once.height, "merged"),
    ]


def without_repeats(rows: Rows, key: Sequence[str]) -> pl.DataFrame:
    """Rows with equal content once; two rows of one key with different content are a problem.

    Where the mapping's policy for a repeated id is `first`, the first of them in the file is kept.

    Args:
        rows: takes every key with conflicting rows, and the counts.
        key: the id.
    """
    frame, file, problems = rows.frame, rows.file, rows.problems
    fields = [name for name in frame.columns if name != ROW]
    once = frame.unique(fields, keep="first", maintain_order=True)
    note = "one of each kept"
    rows.ledger.append(step("rows repeated word for word", frame.height - once.height, note))
    if policy(rows.mapping, "repeated_id") == "first":
        first = once.sort(ROW).unique(key, keep="first", maintain_order=True)
        dropped = once.height - first.height
        rows.ledger.append(step("rows that differ from the first of their id", dropped, "left out"))
        return first
    clashes = (
        once.filter(pl.struct(key).is_duplicated())
        .group_by(key)
        .agg(pl.col(ROW).sort())
        .sort(pl.col(ROW).list.first())
    )
    for clash in clashes.head(SHOWN).to_dicts():
        named = ", ".join(f"{name} {clash[name]!r}" for name in key)
        numbers = ", ".join(str(row) for row in clash[ROW][:SHOWN])
        fix = "keep one row, or give the others their own id (or `policies: repeated_id: first`)"
        problems.add(f"{file}, rows {numbers}", f"{named} stands in rows that differ", fix)
    if clashes.height > SHOWN:
        problems.add(file, f"{clashes.height} ids in all stand in rows that differ")
    return once
