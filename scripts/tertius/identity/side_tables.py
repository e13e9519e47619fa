"""Organisations named in the tables beside the core ones: trademarks, customs, sanctions and more.

The core tables (register, applicants, parties, accounts, policies) say which organisations a study
has. Names in the others are matched with theirs and make no organisations of their own, so that a
list of all trademarks of a country adds nobody to the study.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import polars as pl

from tertius.problems import SHOWN, Problems
from tertius.sources.result import Step, step
from tertius.tables import SCHEMAS, organisation_columns

CORE = ("organisations", "patent_applicants", "alliance_parties", "firm_years", "policies")
SIDE = tuple(name for name in SCHEMAS if name not in CORE and organisation_columns(name))
"""Tables whose names are matched with those of the core tables."""
RESOLVED = tuple(name for name in SIDE if name != "patent_inventors")
"""Tables that `resolved_side` puts ids into; inventors stay where their employer is unknown."""


def named_column(table: str, column: str) -> str:
    """The column of the raw records that holds the names behind a column of ids."""
    return "name" if column == "org_id" and table != "patent_inventors" else column


def side_names(tables: Mapping[str, pl.DataFrame]) -> list[pl.Series]:
    """The names in the organisation columns of the tables beside the core ones."""
    return [
        tables[table][named_column(table, column)].rename("name")
        for table in SIDE
        if table in tables
        for column in organisation_columns(table)
        if named_column(table, column) in tables[table].columns
    ]


def with_side_ids(table: str, rows: pl.DataFrame, ids: Mapping[str, str]) -> pl.DataFrame:
    """The table with ids in its organisation columns; null where a name is nobody's."""
    for column in organisation_columns(table):
        name = named_column(table, column)
        if name in rows.columns:
            found = pl.col(name).replace_strict(ids, default=None, return_dtype=pl.String)
            rows = rows.with_columns(found.alias(column))
    return rows


def resolved_side(
    table: str,
    named: pl.DataFrame,
    ids: Mapping[str, str],
    heads: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, list[Step]]:
    """A table beside the core ones with ids; rows that name no organisation of the study go.

    Args:
        table: one of `RESOLVED`.
        named: as read, with names.
        ids: organisation of each name.
        heads: org_id, year, head_id under a roll-up: a row goes to the head in its own year; where
            the head has a row of the same key the head's own counts.

    Raises:
        InputError: different rows of one key after names became ids.
    """
    columns = list(organisation_columns(table))
    found = with_side_ids(table, named, ids)
    labels = [column for column in SCHEMAS[table].columns if column in found.columns]
    held = found.drop_nulls(columns).select(labels)
    steps = [step(f"{table}: rows of no organisation of the study", named.height - held.height,
                  "dropped")]  # fmt: skip
    once = held.unique(maintain_order=True)
    steps.append(step(f"{table}: rows repeated in two spellings", held.height - once.height,
                      "merged"))  # fmt: skip
    _refuse_clashes(table, once, found)
    if heads is not None and heads.height:
        moved = _to_heads(table, once, columns, heads)
        steps.append(step(f"{table}: rows of subsidiaries beside the head's", once.height -
                          moved.height, "the head's row counts"))  # fmt: skip
        once = moved
    apart = [pl.col(a) != pl.col(b) for a, b in pairwise(columns)]
    kept = once.filter(*apart) if apart else once
    if apart:
        steps.append(step(f"{table}: an organisation with itself", once.height - kept.height,
                          "dropped"))  # fmt: skip
    return kept, steps


def _refuse_clashes(table: str, once: pl.DataFrame, found: pl.DataFrame) -> None:
    """Rows of one key that differ: two names of one organisation with different records."""
    key = list(SCHEMAS[table].key)
    problems = Problems()
    for row in (
        once.filter(pl.struct(key).is_duplicated())
        .unique(key)
        .sort(key)
        .head(SHOWN)
        .rows(named=True)
    ):
        problems.add(table, *_clash(row, key, found))
    problems.raise_if_any()


def _clash(row: Mapping[str, Any], key: list[str], found: pl.DataFrame) -> tuple[str, str]:
    same = found.filter(*(pl.col(k) == row[k] for k in key))
    names = " and ".join(repr(name) for name in same["name"].unique().sort())
    where = ", ".join(f"{k} {row[k]}" for k in key)
    what = f"{names} have different rows of one key ({where})"
    return what, "keep one row, or decide that the names differ (config/identity/overrides.csv)"


def _to_heads(
    table: str, once: pl.DataFrame, columns: list[str], heads: pl.DataFrame
) -> pl.DataFrame:
    """Rows put to the heads of their organisations; of equal keys the head's own row stays."""
    moved = once.with_columns(record_year=year_of(table).cast(pl.Int32), moved=pl.lit(False))
    for column in columns:
        named = heads.rename({"org_id": column, "year": "record_year"})
        joined = moved.join(named, on=[column, "record_year"], how="left", maintain_order="left")
        moved = joined.with_columns(
            pl.coalesce("head_id", column).alias(column),
            moved=pl.col("moved") | pl.col("head_id").is_not_null(),
        ).drop("head_id")
    ordered = moved.sort("moved", maintain_order=True)
    once = ordered.unique(SCHEMAS[table].key, keep="first", maintain_order=True)
    return once.drop("record_year", "moved")


def year_of(table: str) -> pl.Expr:
    """The year of a row of a table: its year, or that of its first date."""
    columns = SCHEMAS[table].columns
    if "year" in columns:
        return pl.col("year")
    return pl.col(next(k for k, c in columns.items() if c.dtype == pl.Date())).dt.year()
