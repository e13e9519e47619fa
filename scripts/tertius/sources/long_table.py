"""Reader of tables that are long already: a row a key, a column a value.

Mapping, beside the keys of `loader` and `fields`:
    table: firm_years | industry_years | region_years | policies
The fields are the columns of that table in `tables.SCHEMAS`, with `name` in place of org_id.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.sources.fields import ROW, Field, check_mapping, read_fields
from tertius.sources.lists import without_repeats
from tertius.sources.loader import load
from tertius.sources.result import SourceTables, step
from tertius.sources.text import REGISTRY
from tertius.tables import SCHEMAS, Column, TableSchema

TABLES = ("firm_years", "industry_years", "region_years", "policies")


def fields_of(schema: TableSchema) -> tuple[Field, ...]:
    """The fields of a typed table; what its key or schema requires must be filled."""
    return tuple(
        Field(
            "name" if label == "org_id" else label,
            _kind(label, column),
            needed=column.required,
            filled=column.required,
            allowed=column.allowed,
        )
        for label, column in schema.columns.items()
    )


def _kind(label: str, column: Column) -> str:
    if column.allowed:
        return "code"
    if column.dtype == pl.Int32:
        return "year" if label == "year" else "count"
    kinds = {pl.Date: "date", pl.Float64: "real", pl.Boolean: "flag"}
    return kinds.get(column.dtype.base_type(), "text")


def read(path: Path, mapping: Mapping[str, Any]) -> SourceTables:
    """The rows of one table.

    Raises:
        InputError: an unknown table; every unreadable or empty cell, missing column, and key that
            stands in rows that differ.
    """
    name = str(mapping.get("table"))
    if name not in TABLES:
        where = f"{REGISTRY} [{path.name}] mapping.table"
        raise InputError([Problem(where, f"no table {name!r}", did_you_mean(name, TABLES))])
    problems = Problems()
    fields = fields_of(SCHEMAS[name])
    check_mapping(mapping, fields, ("table",), path.name, problems)
    loaded = load(path, mapping)
    raw = read_fields(loaded, fields, mapping, problems)
    key = ["name" if label == "org_id" else label for label in SCHEMAS[name].key]
    rows, repeats = without_repeats(raw, key, loaded.file, problems)
    problems.raise_if_any()
    ledger = (step("rows read", raw.height, loaded.encoding), repeats)
    return SourceTables({name: rows.drop(ROW)}, ledger)
