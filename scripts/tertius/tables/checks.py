"""Whether a table is what its schema says, every problem at once."""

from __future__ import annotations

from typing import cast

import pandera.polars as pa
import polars as pl

from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.tables.schemas import SCHEMAS, TableSchema


def validate(table: pl.DataFrame, name: str, origin: str) -> pl.DataFrame:
    """The table with all columns of its schema, in order, of its types, sorted by its key.

    Optional columns that are absent come in as empty ones.

    Args:
        table: the rows.
        name: a key of `SCHEMAS`.
        origin: the file or source to name in messages.

    Raises:
        InputError: every missing or unknown column, wrong type, empty required cell, unknown code,
            value out of range and repeated key, each with the row (counted from 1).
    """
    schema = SCHEMAS[name]
    problems = Problems(list(_column_problems(table, schema, origin)))
    problems.raise_if_any()
    absent = [
        pl.lit(None, dtype=column.dtype).alias(label)
        for label, column in schema.columns.items()
        if label not in table.columns
    ]
    full = table.with_columns(absent).select(schema.columns.keys())
    try:
        typed = full.cast({label: column.dtype for label, column in schema.columns.items()})
    except pl.exceptions.PolarsError as error:
        raise InputError([Problem(f"{origin} [{name}]", str(error).splitlines()[0])]) from error
    problems.extend(_cell_problems(typed, schema, origin))
    problems.extend(_key_problems(typed, schema, origin))
    problems.raise_if_any()
    return typed.sort(schema.key)


def _column_problems(table: pl.DataFrame, schema: TableSchema, origin: str) -> list[Problem]:
    where = f"{origin} [{schema.name}]"
    missing = [
        Problem(where, f"column {label!r} is missing", did_you_mean(label, table.columns))
        for label, column in schema.columns.items()
        if column.required and label not in table.columns
    ]
    unknown = [
        Problem(where, f"column {label!r} is not known", did_you_mean(label, schema.columns))
        for label in table.columns
        if label not in schema.columns
    ]
    return missing + unknown


def _pandera(schema: TableSchema) -> pa.DataFrameSchema:
    columns: dict[str, pa.Column] = {}
    for label, column in schema.columns.items():
        checks: list[pa.Check] = []
        if column.allowed:
            checks.append(pa.Check.isin(list(column.allowed)))
        if column.lowest is not None:
            checks.append(pa.Check.ge(column.lowest))
        if column.highest is not None:
            checks.append(pa.Check.le(column.highest))
        columns[label] = pa.Column(column.dtype, checks, nullable=not column.required)
    return pa.DataFrameSchema(columns, strict=True)


def _cell_problems(table: pl.DataFrame, schema: TableSchema, origin: str) -> list[Problem]:
    try:
        _pandera(schema).validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        return [_cell_problem(case, schema, origin) for case in _cases(error)]
    return []


def _cases(error: pa.errors.SchemaErrors) -> list[dict[str, object]]:
    cases = cast("pl.DataFrame", error.failure_cases)
    return cases.sort("column", "index").to_dicts()


def _cell_problem(case: dict[str, object], schema: TableSchema, origin: str) -> Problem:
    label = str(case["column"])
    column = schema.columns.get(label)
    index = case["index"]
    row = f", row {int(str(index)) + 1}" if index is not None else ""
    where = f"{origin} [{schema.name}.{label}{row}]"
    value = case["failure_case"]
    if column is None:
        return Problem(where, f"{case['check']}: {value}")
    if value in (None, "null"):
        return Problem(where, "the cell is empty", "fill it, or leave the row out")
    if column.allowed:
        return Problem(
            where, f"{value!r} is not a known code", did_you_mean(str(value), column.allowed)
        )
    low = "-inf" if column.lowest is None else f"{column.lowest:g}"
    high = "inf" if column.highest is None else f"{column.highest:g}"
    return Problem(where, f"{value} is outside [{low}, {high}]", "correct the value")


def _key_problems(table: pl.DataFrame, schema: TableSchema, origin: str) -> list[Problem]:
    repeated = (
        table.select(schema.key)
        .filter(pl.struct(schema.key).is_duplicated())
        .unique()
        .sort(schema.key)
    )
    return [
        Problem(
            f"{origin} [{schema.name}]",
            "the key ("
            + ", ".join(f"{k}={v}" for k, v in row.items())
            + ") stands in several rows",
            "keep one row a key",
        )
        for row in repeated.head(50).to_dicts()
    ]
