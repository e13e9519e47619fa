"""Reader of an alliance export: one row a deal with its participants in a cell, or one row a party.

Mapping, beside the keys of `loader` and `fields`:
    separators: {participants, functions: one or several}   (default `;`)
Several rows of one deal (one a party) are put together: each row names a participant or more, and
the deal's other cells must agree or be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.problems import SHOWN, Problems, did_you_mean
from tertius.sources.fields import ROW, Field, check_mapping, read_fields
from tertius.sources.lists import split_cells
from tertius.sources.loader import Loaded, load
from tertius.sources.result import SourceTables, step
from tertius.sources.text import REGISTRY
from tertius.tables import FUNCTIONS

DEAL = (
    Field("aid", needed=True, filled=True),
    Field("start_date", "date", needed=True),
    Field("end_date", "date"),
    Field("form"),
    Field("equity_flag", "flag"),
    Field("jv_flag", "flag"),
    Field("contract_flags"),
    Field("source"),
    Field("functions"),
)
PARTY = (Field("participants", needed=True), Field("role"), Field("amount", "real"))
FIELDS = (*DEAL, *PARTY)


def read(path: Path, mapping: Mapping[str, Any]) -> SourceTables:
    """Alliances, their functions and their parties; an end date that is missing is an unknown end.

    Raises:
        InputError: every unreadable cell, missing column, deal with conflicting rows, deal without
            a start and deal that ends before it starts.
    """
    problems = Problems()
    check_mapping(mapping, FIELDS, (), path.name, problems)
    loaded = load(path, mapping)
    raw = read_fields(loaded, FIELDS, mapping, problems)
    deals = _deals(raw, loaded, problems)
    marks = mapping.get("separators", {})
    functions = _functions(deals, marks.get("functions", ";"), mapping, loaded, problems)
    problems.raise_if_any()
    parties = split_cells(
        raw.with_row_index("line"), "line", "participants", marks.get("participants", ";")
    ).join(raw.select("aid", "role", "amount").with_row_index("line"), on="line")
    # Of a party's several rows in a deal the one that sorts first is kept, whatever their order.
    ordered = parties.sort("aid", "name", "role", "amount", nulls_last=True)
    once = ordered.unique(["aid", "name"], keep="first", maintain_order=True)
    alliances = deals.drop("functions", ROW).with_columns(
        pl.col("end_date").is_not_null().alias("end_known")
    )
    ledger = (
        step("rows read", raw.height, loaded.encoding),
        step("alliances", alliances.height),
        step("alliances of unknown end", alliances.filter(~pl.col("end_known")).height, "kept"),
        step("repeated parties of one alliance", parties.height - once.height, "one kept"),
    )
    tables = {
        "alliances": alliances,
        "alliance_scopes": functions,
        "alliance_parties": once.select("aid", "name", "role", "amount"),
    }
    return SourceTables(tables, ledger)


def _deals(raw: pl.DataFrame, loaded: Loaded, problems: Problems) -> pl.DataFrame:
    """One row a deal; its rows must agree where they say anything."""
    cells = [field.name for field in DEAL if field.name != "aid"]
    said = raw.group_by("aid", maintain_order=True).agg(
        pl.col(ROW).first(),
        *(pl.col(name).drop_nulls().unique(maintain_order=True) for name in cells),
    )
    for name in cells:
        for clash in said.filter(pl.col(name).list.len() > 1).head(SHOWN).to_dicts():
            words = " and ".join(str(value) for value in clash[name][:3])
            what = f"aid {clash['aid']!r} has the {name} {words}"
            problems.add(f"{loaded.file}, row {clash[ROW]}", what, "keep one")
    deals = said.with_columns(pl.col(name).list.first() for name in cells)
    for row in deals.filter(pl.col("start_date").is_null()).head(SHOWN).to_dicts():
        what = f"aid {row['aid']!r} has no readable start_date"
        problems.add(f"{loaded.file}, row {row[ROW]}", what, "fill it, or leave the deal out")
    for row in deals.filter(pl.col("end_date") < pl.col("start_date")).head(SHOWN).to_dicts():
        what = f"aid {row['aid']!r} ends on {row['end_date']}, before its start {row['start_date']}"
        problems.add(f"{loaded.file}, row {row[ROW]}", what, "correct one of the dates")
    return deals


def _functions(
    deals: pl.DataFrame,
    marks: str | list[str],
    mapping: Mapping[str, Any],
    loaded: Loaded,
    problems: Problems,
) -> pl.DataFrame:
    """aid, function: the functions of every deal, each once."""
    declared = {str(k): str(v) for k, v in mapping.get("codes", {}).get("functions", {}).items()}
    codes = {code: code for code in FUNCTIONS} | declared
    words = split_cells(deals, "aid", "functions", marks, "word").with_columns(
        pl.col("word").replace_strict(codes, default=None, return_dtype=pl.String).alias("function")
    )
    unknown = words.filter(pl.col("function").is_null()).join(deals.select("aid", ROW), on="aid")
    for row in unknown.sort(ROW, "seq").head(SHOWN).to_dicts():
        fix = f"{did_you_mean(row['word'], codes)}; or declare it under `codes.functions`"
        what = f"{row['word']!r} is not a known function"
        problems.add(f"{loaded.file}, row {row[ROW]}", what, f"{fix} in {REGISTRY}")
    return words.drop_nulls("function").select("aid", "function").unique().sort("aid", "function")
