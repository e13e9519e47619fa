"""Tables with ids in the place of names, and shares of patents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tertius.identity.groups import roll_up
from tertius.identity.side_tables import RESOLVED, resolved_side
from tertius.identity.text import person_key, slug
from tertius.problems import SHOWN, Problems
from tertius.sources.result import Step, step


def with_ids(
    tables: Mapping[str, pl.DataFrame], ids: Mapping[str, str], heads: pl.DataFrame | None = None
) -> tuple[dict[str, pl.DataFrame], list[Step]]:
    """All tables but organisations and inventors, with ids; names without an id leave their rows.

    Args:
        tables: as read, with names.
        ids: organisation of each name.
        heads: org_id, year, head_id where subsidiaries are put to their heads: each record goes to
            the head in the record's own year.

    Raises:
        InputError: two different rows of one firm and year after names became ids.
    """
    resolved = {
        name: table
        for name, table in tables.items()
        if name not in ("organisations", "patent_inventors")
    }
    steps: list[Step] = []
    for name, make in (
        ("patent_applicants", _applicants),
        ("alliance_parties", _parties),
        ("firm_years", _firm_years),
    ):
        if name in tables:
            named = _named(tables[name], ids)
            if heads is not None and heads.height:
                named, more = _to_heads(name, named, tables, heads)
                steps += more
            resolved[name], more = make(named)
            steps += more
    for name in (name for name in RESOLVED if name in tables):
        resolved[name], more = resolved_side(name, tables[name], ids, heads)
        steps += more
    if "policies" in tables and "target_org" in tables["policies"].columns:
        target = pl.col("target_org").replace_strict(ids, default=None, return_dtype=pl.String)
        resolved["policies"] = tables["policies"].with_columns(target)
    return resolved, steps


def _named(table: pl.DataFrame, ids: Mapping[str, str]) -> pl.DataFrame:
    org_id = pl.col("name").replace_strict(ids, default=None, return_dtype=pl.String)
    return table.with_columns(org_id.alias("org_id"))


def _to_heads(
    name: str, named: pl.DataFrame, tables: Mapping[str, pl.DataFrame], heads: pl.DataFrame
) -> tuple[pl.DataFrame, list[Step]]:
    """Rows of subsidiaries go to their heads; accounts of subsidiaries stand in the head's."""
    if name == "firm_years":
        dates = named.select("org_id", "year").unique()
        moved = roll_up(named, dates.select("year").unique(), heads)
        kept = moved.filter(moved["org_id"] == named["org_id"])
        gone = named.height - kept.height
        return kept, [
            step("firm-years of subsidiaries", gone, "consolidated: the head's row counts")
        ]
    key, table = ("pid", "patents") if name == "patent_applicants" else ("aid", "alliances")
    year = pl.col("year") if key == "pid" else pl.col("start_date").dt.year().alias("year")
    moved = roll_up(named, tables[table].select(key, year), heads)
    changed = int((moved["org_id"] != named["org_id"]).fill_null(False).sum())
    return moved, [step(f"{name}: rows put to a head", changed, "owner in the record's year")]


def _applicants(named: pl.DataFrame) -> tuple[pl.DataFrame, list[Step]]:
    """Applicants with share 1/k, k = distinct organisations of the patent."""
    held = named.filter(pl.col("org_id").is_not_null())
    once = held.sort("pid", "seq", "name").unique(
        ["pid", "org_id"], keep="first", maintain_order=True
    )
    shared = once.select("pid", "org_id", "seq", share=1.0 / pl.len().over("pid"))
    return shared, [
        step("applicants that are no organisation", named.height - held.height, "dropped"),
        step("one organisation in two spellings on a patent", held.height - once.height, "merged"),
        step(
            "patents with several organisations",
            int((shared.group_by("pid").len()["len"] > 1).sum()),
        ),
    ]


def _parties(named: pl.DataFrame) -> tuple[pl.DataFrame, list[Step]]:
    held = named.filter(pl.col("org_id").is_not_null()).sort("aid", "org_id", "name")
    paid = pl.col("amount").is_not_null().any()
    once = held.group_by("aid", "org_id", maintain_order=True).agg(
        pl.col("role").drop_nulls().first(),
        pl.when(paid).then(pl.col("amount").sum()).alias("amount"),
    )
    return once, [
        step("alliance parties that are no organisation", named.height - held.height, "dropped"),
        step("one organisation twice in an alliance", held.height - once.height, "merged"),
        step("alliances of one organisation", int((once.group_by("aid").len()["len"] == 1).sum()),
             "kept; they make no tie"),
    ]  # fmt: skip


def _firm_years(named: pl.DataFrame) -> tuple[pl.DataFrame, list[Step]]:
    held = named.filter(pl.col("org_id").is_not_null())
    once = held.drop("name").unique(maintain_order=True)
    problems = Problems()
    clashes = once.filter(pl.struct("org_id", "year").is_duplicated())
    for row in clashes.unique(["org_id", "year"]).sort("org_id", "year").head(SHOWN).to_dicts():
        _note_clash(row, held, problems)
    problems.raise_if_any()
    return once, [step("firm-years repeated in two spellings", held.height - once.height, "merged")]


def _note_clash(row: Mapping[str, Any], held: pl.DataFrame, problems: Problems) -> None:
    same = held.filter(pl.col("org_id") == row["org_id"], pl.col("year") == row["year"])
    names = " and ".join(repr(name) for name in same["name"].sort())
    what = f"{names} are one organisation ({row['org_id']}) with different rows in {row['year']}"
    fix = "keep one row, or decide that the names differ (config/identity/overrides.csv)"
    problems.add("firm_years", what, fix)


def inventors_of(
    named: pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame, list[Step]]:
    """Inventors by patent, the inventors as units, and counts.

    Args:
        named: pid, name, seq and perhaps region, country.

    Returns:
        patent_inventors (inv_id in the place of the name), organisations of type person (named by
        the most frequent spelling), ledger.
    """
    spellings = named.group_by("name").agg(pl.len().alias("n")).sort("name")
    keys = [slug(person_key(name)) or None for name in spellings["name"]]
    known = spellings.with_columns(pl.Series("inv_id", keys, dtype=pl.String))
    joined = named.join(known.select("name", "inv_id"), on="name")
    held = joined.filter(pl.col("inv_id").is_not_null())
    once = (
        held.sort("pid", "seq", "name")
        .unique(["pid", "inv_id"], keep="first", maintain_order=True)
        .drop("name")
    )
    people = (
        known.drop_nulls("inv_id")
        .sort("inv_id", -pl.col("n").cast(pl.Int64), "name")
        .unique("inv_id", keep="first", maintain_order=True)
        .select(pl.col("inv_id").alias("org_id"), "name", pl.lit("person").alias("type"))
    )
    return (
        once,
        people,
        [
            step("inventor names", spellings.height),
            step(
                "inventor names merged",
                spellings.height - people.height,
                "same but for punctuation",
            ),
            step("one inventor in two spellings on a patent", held.height - once.height, "merged"),
            step("inventor names without a letter", int(known["inv_id"].null_count()), "dropped"),
            step("inventors", people.height),
        ],
    )
