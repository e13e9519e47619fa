"""Reader of CORDIS participations: one row a project and participant; projects are alliances."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.problems import Problems
from tertius.sources.cells import Field
from tertius.sources.fields import ROW, read_rows
from tertius.sources.result import SourceTables, Step, step
from tertius.tables import ORGANISATION_TYPES

FIELDS = (
    Field("aid", needed=True, filled=True),
    Field("org_id", needed=True, filled=True),
    Field("name"),
    Field("type", "code", needed=True, filled=True, allowed=ORGANISATION_TYPES),
    Field("country"),
    Field("role"),
    Field("amount", "real"),
    Field("start_date", "date", needed=True),
    Field("end_date", "date"),
)
ROLES = ("coordinator", "participant", "partner")
"""Where a participant stands twice in a project, its first role in this order is kept."""


def read(path: Path, mapping: Mapping[str, Any]) -> SourceTables:
    """Projects as alliances for research, participants as parties, organisations by their id.

    `amount` is the EU contribution in euro; a participant without one keeps an empty cell.
    Projects without a start are left out and counted; two rows of a participant in a project
    become one, with the sum of their amounts.

    Raises:
        InputError: every unreadable cell, missing column, and project or organisation whose rows
            contradict each other.
    """
    rows = read_rows(path, mapping, FIELDS)
    raw = rows.frame
    _note_contradictions(raw, "aid", ("start_date", "end_date"), rows.file, rows.problems)
    _note_contradictions(raw, "org_id", ("type", "country"), rows.file, rows.problems)
    rows.problems.raise_if_any()
    started = raw.filter(pl.col("start_date").is_not_null())
    unstarted = raw.filter(pl.col("start_date").is_null())
    parties = _parties(started)
    alliances = _alliances(started)
    tables = {
        "alliances": alliances,
        "alliance_scopes": alliances.select("aid", pl.lit("RD").alias("function")),
        "alliance_parties": parties,
        "organisations": _organisations(started),
    }
    ledger = [
        *rows.ledger,
        step("projects read", raw["aid"].n_unique()),
        step("organisations read", raw["org_id"].n_unique()),
        step("projects without a start", unstarted["aid"].n_unique(), "dropped"),
        step("participations in projects without a start", unstarted.height, "dropped"),
        step("repeated participants of one project", started.height - parties.height, "merged"),
        *_sizes(alliances, parties),
    ]
    return SourceTables(tables, tuple(ledger))


def _note_contradictions(
    raw: pl.DataFrame, key: str, columns: tuple[str, ...], file: str, problems: Problems
) -> None:
    for column in columns:
        values = raw.group_by(key).agg(pl.col(column).unique().sort(), pl.col(ROW).min())
        for clash in values.filter(pl.col(column).list.len() > 1).sort(ROW).to_dicts():
            words = " and ".join(str(value) for value in clash[column][:3])
            what = f"{key} {clash[key]!r} has the {column} {words}"
            problems.add(f"{file}, row {clash[ROW]}", what, "keep one in all its rows")


def _alliances(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        "aid",
        "start_date",
        "end_date",
        end_known=pl.col("end_date").is_not_null(),
        form=pl.lit("consortium"),
        source=pl.lit("CORDIS"),
    ).unique("aid", keep="first", maintain_order=True)


def _parties(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a participant of a project; sums of amounts in a fixed order."""
    rank = pl.col("role").replace_strict(
        {role: k for k, role in enumerate(ROLES)}, default=len(ROLES), return_dtype=pl.Int32
    )
    ordered = rows.with_columns(rank.alias("rank")).sort("aid", "org_id", "rank", "amount")
    paid = pl.col("amount").is_not_null().any()
    return (
        ordered.group_by("aid", "org_id", maintain_order=True)
        .agg(pl.col("role").first(), pl.when(paid).then(pl.col("amount").sum()).alias("amount"))
        .select("aid", pl.col("org_id").alias("name"), "role", "amount")
    )


def _organisations(rows: pl.DataFrame) -> pl.DataFrame:
    named = rows.with_columns(pl.coalesce("name", "org_id").alias("name"))
    return (
        named.sort("org_id", "name")
        .unique("org_id", keep="first", maintain_order=True)
        .select("org_id", "name", "type", "country")
    )


def _sizes(alliances: pl.DataFrame, parties: pl.DataFrame) -> list[Step]:
    size = parties.group_by("aid").len()["len"]
    single = int((size == 1).sum())
    return [
        step("projects", alliances.height),
        step("projects of unknown end", alliances.filter(~pl.col("end_known")).height, "kept"),
        step("projects with a single participant", single, "kept; they make no tie"),
        step("participants of the largest project", int(str(size.max() or 0))),
        step("participants without an amount", int(parties["amount"].null_count()), "empty"),
    ]
