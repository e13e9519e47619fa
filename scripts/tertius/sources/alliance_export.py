"""Reader of an alliance export: one row a deal with its participants in a cell, or one row a party.

Mapping, beside the keys of `loader` and `fields`:
    separators: {participants, functions: one or several}   (default `;`)
    continued_by: a field that only the first row of a deal fills (start_date, or status); the rows
        below it continue the deal. Such exports have no ids: a deal is named by its start and its
        parties
    statuses: the words of `status` of deals to take (default: all)
Several rows of one deal (one a party) are put together: each row names a participant or more, and
the deal's other cells must agree or be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.problems import SHOWN, InputError, Problem, did_you_mean
from tertius.sources.cells import Field
from tertius.sources.fields import ROW, Rows, read_rows
from tertius.sources.lists import split_cells
from tertius.sources.loader import policy
from tertius.sources.result import SourceTables, Step, step
from tertius.sources.text import REGISTRY
from tertius.tables import FUNCTIONS

DEAL = (
    Field("start_date", "date", needed=True),
    Field("end_date", "date"),
    Field("form"),
    Field("equity_flag", "flag"),
    Field("jv_flag", "flag"),
    Field("contract_flags"),
    Field("source"),
    Field("functions"),
    Field("status"),
    Field("title"),
)
CONTINUING = ("start_date", "status")
PARTY = (Field("participants", needed=True), Field("role"), Field("amount", "real"))


def read(path: Path, mapping: Mapping[str, Any]) -> SourceTables:
    """Alliances, their functions and their parties; an end date that is missing is an unknown end.

    Raises:
        InputError: every unreadable cell, missing column, deal with conflicting rows, deal without
            a start (unless the policy is to leave such deals out) and deal that ends before it
            starts.
    """
    marker = mapping.get("continued_by")
    if marker is not None and marker not in CONTINUING:
        where = f"{REGISTRY} [{path.name}] mapping.continued_by"
        fix = did_you_mean(str(marker), CONTINUING)
        raise InputError([Problem(where, f"no field {marker!r} continues a deal", fix)])
    deal_id = Field("aid", needed=marker is None, filled=marker is None)
    rows = read_rows(path, mapping, (deal_id, *DEAL, *PARTY), ("continued_by", "statuses"))
    marks = mapping.get("separators", {})
    between = marks.get("participants", ";")
    if marker is not None:
        _name_continued(rows, str(marker), between)
    deals = _deals(rows, mapping.get("statuses"))
    functions = _functions(deals, marks.get("functions", ";"), rows)
    rows.problems.raise_if_any()
    raw = rows.frame.join(deals.select("aid"), on="aid", how="semi", maintain_order="left")
    parties, repeated = _parties(raw, between)
    alliances = deals.drop("functions", "status", "title", ROW).with_columns(
        pl.col("end_date").is_not_null().alias("end_known")
    )
    ledger = (
        *rows.ledger,
        step("alliances", alliances.height),
        step("alliances of unknown end", alliances.filter(~pl.col("end_known")).height, "kept"),
        repeated,
    )
    tables = {
        "alliances": alliances,
        "alliance_scopes": functions,
        "alliance_parties": parties,
    }
    return SourceTables(tables, ledger)


def _name_continued(rows: Rows, marker: str, between: str | list[str]) -> None:
    """Give every row the id of the deal that it continues: its start and its parties."""
    opens = pl.col(marker).is_not_null()
    frame = rows.frame.sort(ROW).with_columns(opens.cum_sum().alias("deal"))
    for row in frame.filter(pl.col("deal") == 0)[ROW][:SHOWN]:
        what = f"the row continues a deal, and no row above it has a {marker}"
        rows.problems.add(f"{rows.file}, row {row}", what, "put the deal's first row above it")
    parties = (
        split_cells(frame, "deal", "participants", between)
        .group_by("deal")
        .agg(pl.col("name").unique().sort().str.join("+"))
    )
    first = frame.group_by("deal", maintain_order=True).first()
    cells = [name for name in first.columns if name not in ("deal", ROW)]
    named = first.join(parties, on="deal", how="left").with_columns(
        aid=pl.concat_str(
            pl.col("start_date").dt.to_string("%Y-%m-%d"), "name", separator=":", ignore_nulls=True
        )
    )
    # Deals of one day and the same parties are told apart by their order of content, not of rows.
    order = pl.int_range(1, pl.len() + 1).over("aid")
    named = named.sort("aid", *(c for c in cells if c != "aid"), nulls_last=True).with_columns(
        aid=pl.when(pl.len().over("aid") > 1)
        .then(pl.format("{}#{}", "aid", order))
        .otherwise("aid")
    )
    joined = frame.drop("aid").join(named.select("deal", "aid"), on="deal", maintain_order="left")
    rows.frame = joined.filter(pl.col("deal") > 0).drop("deal")
    rows.ledger.append(step("rows that continue a deal", frame.height - first.height))


def _parties(raw: pl.DataFrame, between: str | list[str]) -> tuple[pl.DataFrame, Step]:
    """Each party once a deal: of its rows the one that sorts first, whatever their order."""
    named = split_cells(raw.with_row_index("line"), "line", "participants", between)
    parties = named.join(raw.select("aid", "role", "amount").with_row_index("line"), on="line")
    ordered = parties.sort("aid", "name", "role", "amount", nulls_last=True)
    once = ordered.unique(["aid", "name"], keep="first", maintain_order=True)
    repeated = step("repeated parties of one alliance", parties.height - once.height, "one kept")
    return once.select("aid", "name", "role", "amount"), repeated


def _deals(rows: Rows, statuses: list[str] | None) -> pl.DataFrame:
    """One row a deal; its rows must agree where they say anything."""
    cells = [field.name for field in DEAL]
    said = rows.frame.group_by("aid", maintain_order=True).agg(
        pl.col(ROW).first(),
        *(pl.col(name).drop_nulls().unique(maintain_order=True) for name in cells),
    )
    for name in cells:
        for clash in said.filter(pl.col(name).list.len() > 1).head(SHOWN).to_dicts():
            words = " and ".join(str(value) for value in clash[name][:3])
            what = f"aid {clash['aid']!r} has the {name} {words}"
            rows.problems.add(f"{rows.file}, row {clash[ROW]}", what, "keep one")
    deals = said.with_columns(pl.col(name).list.first() for name in cells)
    if statuses is not None:
        taken = deals.filter(pl.col("status").is_in(statuses))
        rows.ledger.append(
            step("alliances of another status", deals.height - taken.height, "left out")
        )
        deals = taken
    deals = _with_start(deals, rows)
    early = deals.filter(pl.col("end_date") < pl.col("start_date"))
    for row in early.head(SHOWN).to_dicts():
        what = f"aid {row['aid']!r} ends on {row['end_date']}, before its start {row['start_date']}"
        rows.problems.add(f"{rows.file}, row {row[ROW]}", what, "correct one of the dates")
    return deals


def _with_start(deals: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    undated = deals.filter(pl.col("start_date").is_null())
    if policy(rows.mapping, "undated_deal") == "skip":
        rows.ledger.append(step("alliances without a start", undated.height, "left out"))
        return deals.filter(pl.col("start_date").is_not_null())
    for row in undated.head(SHOWN).to_dicts():
        what = f"aid {row['aid']!r} has no readable start_date"
        fix = "fill it, or leave the deal out (`policies: undated_deal: skip`)"
        rows.problems.add(f"{rows.file}, row {row[ROW]}", what, fix)
    return deals


def _functions(deals: pl.DataFrame, marks: str | list[str], rows: Rows) -> pl.DataFrame:
    """aid, function: the functions of every deal, each once."""
    declared = rows.mapping.get("codes", {}).get("functions", {})
    codes = {code: code for code in FUNCTIONS} | {str(k): str(v) for k, v in declared.items()}
    others = codes.pop("*", None)
    words = split_cells(deals, "aid", "functions", marks, "word").with_columns(
        pl.col("word")
        .replace_strict(codes, default=others, return_dtype=pl.String)
        .alias("function")
    )
    unknown = words.filter(pl.col("function").is_null()).join(deals.select("aid", ROW), on="aid")
    if policy(rows.mapping, "unreadable_cell") == "empty":
        rows.ledger.append(step("words that are no known function", unknown.height, "left out"))
        unknown = unknown.clear()
    for row in unknown.sort(ROW, "seq").head(SHOWN).to_dicts():
        fix = f"{did_you_mean(row['word'], codes)}; or declare it under `codes.functions`"
        what = f"{row['word']!r} is not a known function"
        rows.problems.add(f"{rows.file}, row {row[ROW]}", what, f"{fix} in {REGISTRY}")
    return words.drop_nulls("function").select("aid", "function").unique().sort("aid", "function")
