"""Reader of a register of organisations: one row an organisation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.problems import SHOWN, Problems
from tertius.sources.cells import Field
from tertius.sources.fields import ROW, read_rows
from tertius.sources.lists import without_repeats
from tertius.sources.result import SourceTables
from tertius.tables import ORGANISATION_TYPES

FIELDS = (
    Field("name", needed=True, filled=True),
    Field("org_id"),
    Field("type", "code", needed=True, filled=True, allowed=ORGANISATION_TYPES),
    Field("ind4"),
    Field("ownership"),
    Field("country"),
    Field("province"),
    Field("city"),
    Field("lat", "real"),
    Field("lon", "real"),
    Field("birth_year", "year"),
    Field("death_year", "year"),
    Field("birth_date", "date"),
    Field("death_date", "date"),
    Field("parent"),
    Field("parent_from", "year"),
    Field("parent_to", "year"),
)


def read(path: Path, mapping: Mapping[str, Any]) -> SourceTables:
    """Organisations with their own ids where the register has them, else with names only.

    Years of birth and death may stand as years or as dates.

    Raises:
        InputError: every unreadable cell, missing column, id or name in several rows that differ,
            death before birth and place off the globe.
    """
    read = read_rows(path, mapping, FIELDS)
    raw = read.frame.with_columns(
        birth_year=pl.coalesce("birth_year", pl.col("birth_date").dt.year().cast(pl.Int32)),
        death_year=pl.coalesce("death_year", pl.col("death_date").dt.year().cast(pl.Int32)),
    )
    has_ids = raw["org_id"].is_not_null().all()
    read.frame = raw
    rows = without_repeats(read, ["org_id"] if has_ids else ["name"])
    _note_impossible(rows, read.file, read.problems)
    read.problems.raise_if_any()
    table = rows.drop(ROW, "birth_date", "death_date")
    return SourceTables({"organisations": table}, tuple(read.ledger))


def _note_impossible(rows: pl.DataFrame, file: str, problems: Problems) -> None:
    checks = (
        (pl.col("death_year") < pl.col("birth_year"), "dies in {death_year}, born {birth_year}"),
        (pl.col("lat").abs() > 90, "lies at latitude {lat}"),
        (pl.col("lon").abs() > 180, "lies at longitude {lon}"),
        (pl.col("parent_to") < pl.col("parent_from"), "leaves its parent before it joins"),
        (pl.col("parent") == pl.col("name"), "is its own parent"),
    )
    for wrong, text in checks:
        for row in rows.filter(wrong).head(SHOWN).to_dicts():
            what = f"{row['name']!r} " + text.format(**row)
            problems.add(f"{file}, row {row[ROW]}", what, "correct the cells")
