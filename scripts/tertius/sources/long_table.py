"""Reader of tables that are long already: a row a key, a column a value.

Mapping, beside the keys of `loader` and `fields`:
    table: any of `tables.SCHEMAS`
The fields are the columns of that table in `tables.SCHEMAS`, with `name` in place of org_id or
inv_id and `parent` in place of parent_id. Columns that the project derives (the year of a patent,
whether an end is known, shares) need not be in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.problems import InputError, Problem, did_you_mean
from tertius.sources.cells import Field
from tertius.sources.fields import ROW, read_rows
from tertius.sources.lists import without_repeats
from tertius.sources.patent_export import dated
from tertius.sources.result import SourceTables, Step
from tertius.sources.text import REGISTRY
from tertius.tables import SCHEMAS, Column, TableSchema

NAMES = {"inv_id": "name", "parent_id": "parent"}
"""Columns of ids, and what stands in their place before names have become ids."""
DERIVED = {("patents", "year"), ("alliances", "end_known"), ("patent_applicants", "share")}
OPTIONAL = {
    ("patent_applicants", "seq"),
    ("patent_inventors", "seq"),
    ("patent_classes", "is_first"),
    ("citations", "date"),
}


def fields_of(schema: TableSchema) -> tuple[Field, ...]:
    """The fields of a typed table; what its key or schema requires must be filled."""
    return tuple(
        _field(label, column, required=column.required and (schema.name, label) not in OPTIONAL)
        for label, column in named_columns(schema).items()
        if (schema.name, label) not in DERIVED
    )


def named_columns(schema: TableSchema) -> dict[str, Column]:
    """Columns of a typed table as read: names in the place of ids.

    An organisation keeps its own id, if the file has one, beside its name.
    """
    if schema.name == "organisations":
        columns = {
            **schema.columns,
            "org_id": Column(pl.String()),
            "name": Column(pl.String(), True),
        }
        return {NAMES.get(label, label): column for label, column in columns.items()}
    inventors = schema.name == "patent_inventors"
    named = NAMES if inventors else {"org_id": "name"}
    return {named.get(label, label): column for label, column in schema.columns.items()}


def _field(label: str, column: Column, *, required: bool) -> Field:
    kind = _kind(label, column)
    return Field(label, kind, needed=required, filled=required, allowed=column.allowed)


def _kind(label: str, column: Column) -> str:
    if column.allowed:
        return "code"
    if column.dtype == pl.Int32:
        return "year" if label.endswith("year") or label.startswith("parent_") else "count"
    kinds = {pl.Date: "date", pl.Float64: "real", pl.Boolean: "flag"}
    return kinds.get(column.dtype.base_type(), "text")


def read(path: Path, mapping: Mapping[str, Any]) -> SourceTables:
    """The rows of one table.

    Raises:
        InputError: an unknown table; every unreadable or empty cell, missing column, and key that
            stands in rows that differ.
    """
    name = str(mapping.get("table"))
    if name not in SCHEMAS:
        where = f"{REGISTRY} [{path.name}] mapping.table"
        raise InputError([Problem(where, f"no table {name!r}", did_you_mean(name, SCHEMAS))])
    schema = SCHEMAS[name]
    rows = read_rows(path, mapping, fields_of(schema), ("table",))
    key = ["name" if label in ("org_id", "inv_id") else label for label in schema.key]
    once = without_repeats(rows, key)
    rows.problems.raise_if_any()
    table, ledger = _completed(once.drop(ROW), name)
    return SourceTables({name: table}, (*rows.ledger, *ledger))


def _completed(table: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[Step]]:
    """The table with the columns that follow from its others."""
    if name == "patents":
        return dated(table)
    if name == "alliances":
        return table.with_columns(end_known=pl.col("end_date").is_not_null()), []
    if name in ("patent_applicants", "patent_inventors"):
        place = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("pid")
        return table.with_columns(seq=pl.coalesce("seq", place)), []
    if name == "patent_classes":
        first = pl.int_range(pl.len()).over("pid") == 0
        return table.with_columns(is_first=pl.coalesce("is_first", first)), []
    return table, []
