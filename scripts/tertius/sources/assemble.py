"""The tables of several sources put together, and cut to the years of a study."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import polars as pl

from tertius.problems import SHOWN, Problems
from tertius.sources.result import SourceTables, Step, step
from tertius.tables import SCHEMAS

AS_READ = {"org_id": "name", "inv_id": "name"}
"""Names stand where ids will be."""
KEYS: Mapping[str, tuple[str, ...]] = {
    name: tuple(AS_READ.get(label, label) for label in schema.key)
    for name, schema in SCHEMAS.items()
}
"""Key of each table as read, by which it is sorted."""
BY_YEAR = ("firm_years", "industry_years", "region_years")
"""Tables whose columns may come from several sources: sales from one, assets from another."""


def assemble(sources: Mapping[str, SourceTables]) -> SourceTables:
    """One set of tables from several sources, each table sorted by its key.

    Citations of patents that no source holds are left out and counted; a citation without a date
    has the priority (or application, or publication) date of its citing patent.

    Raises:
        InputError: an id of a patent, alliance or policy that two sources give.
    """
    problems = Problems()
    parts: dict[str, dict[str, pl.DataFrame]] = {}
    ledger: list[Step] = []
    for source, read in sources.items():
        ledger += [{"source": source, **line} for line in read.ledger]
        for name, table in read.tables.items():
            parts.setdefault(name, {})[source] = table
    tables = {}
    for name in KEYS:
        if name in parts:
            _note_shared_ids(name, parts[name], problems)
            joined = pl.concat(list(parts[name].values()), how="diagonal_relaxed")
            if name in BY_YEAR and len(parts[name]) > 1:
                joined, merged = _united(joined, name, problems)
                ledger.append(merged)
            tables[name] = joined.sort(*KEYS[name], pl.all())
    problems.raise_if_any()
    if "citations" in tables:
        tables["citations"], steps = _dated_citations(tables["citations"], tables.get("patents"))
        ledger += steps
    return SourceTables(tables, tuple(ledger))


def _united(rows: pl.DataFrame, name: str, problems: Problems) -> tuple[pl.DataFrame, Step]:
    """One row a key; sources that fill the same cell must agree."""
    key = list(KEYS[name])
    cells = [column for column in rows.columns if column not in key]
    filled = rows.group_by(key).agg(pl.col(cells).drop_nulls().unique().sort()).sort(key)
    for column in cells:
        clashes = filled.filter(pl.col(column).list.len() > 1)
        for row in clashes.head(SHOWN).to_dicts():
            named = ", ".join(f"{k} {row[k]!r}" for k in key)
            values = " and ".join(str(value) for value in row[column][:3])
            what = f"{named} has the {column} {values} in different sources"
            problems.add(name, what, "keep one: name no such column in the other source")
    united = filled.with_columns(pl.col(column).list.first() for column in cells)
    return united, step(f"rows of {name} united over sources", rows.height - united.height)


def _note_shared_ids(name: str, parts: Mapping[str, pl.DataFrame], problems: Problems) -> None:
    if len(parts) < 2 or len(KEYS[name]) > 1 or name == "organisations":
        return
    key = KEYS[name][0]
    seen = pl.concat(
        [table.select(key).unique().with_columns(source=pl.lit(s)) for s, table in parts.items()]
    )
    shared = seen.group_by(key).agg(pl.col("source").sort()).filter(pl.col("source").list.len() > 1)
    for row in shared.sort(key).head(SHOWN).to_dicts():
        what = f"{key} {row[key]!r} of {name} stands in the sources {', '.join(row['source'])}"
        problems.add(name, what, "take one of the sources out of the study")


def _dated_citations(
    citations: pl.DataFrame, patents: pl.DataFrame | None
) -> tuple[pl.DataFrame, list[Step]]:
    if patents is None:
        return citations.head(0), [
            step("citations of patents that no source holds", citations.height, "dropped")
        ]
    first = pl.coalesce("prio_date", "app_date", "pub_date").alias("first")
    own = patents.select(pl.col("pid").alias("citing_pid"), first)
    held = citations.join(own, on="citing_pid", how="inner", maintain_order="left")
    filled = held.with_columns(pl.coalesce("date", "first").alias("date")).drop("first")
    return filled, [
        step("citing patents that no source holds", citations.height - held.height, "dropped"),
        step("citations dated by their citing patent", int(held["date"].null_count())),
    ]


def within_years(tables: Mapping[str, pl.DataFrame], years: tuple[int, int]) -> SourceTables:
    """The records of some years; each table's rows outside are counted.

    Patents go by `year`, alliances by whether they can be active in one of the years (one of
    unknown end is kept whatever its age), yearly tables by `year`, policies by not beginning after
    the last year. Applicants, inventors, classes, citations, functions and parties go with their
    record.
    """
    first, last = years
    begin, end = datetime.date(first, 1, 1), datetime.date(last, 12, 31)
    active = (pl.col("start_date") <= end) & ~(pl.col("end_date") < begin).fill_null(False)
    rules = {
        "patents": pl.col("year").is_between(first, last),
        "alliances": active,
        "policies": pl.col("effective") <= end,
        **dict.fromkeys(("firm_years", "industry_years", "region_years"),
                        pl.col("year").is_between(first, last)),
    }  # fmt: skip
    kept = {
        name: table.filter(rules[name]) if name in rules else table
        for name, table in tables.items()
    }
    for name, parent, key, other in (
        ("patent_applicants", "patents", "pid", "pid"),
        ("patent_inventors", "patents", "pid", "pid"),
        ("patent_classes", "patents", "pid", "pid"),
        ("citations", "patents", "citing_pid", "pid"),
        ("alliance_scopes", "alliances", "aid", "aid"),
        ("alliance_parties", "alliances", "aid", "aid"),
    ):
        if name in kept and parent in kept:
            ids = kept[parent].select(pl.col(other).alias(key))
            kept[name] = kept[name].join(ids, on=key, how="semi", maintain_order="left")
    ledger = tuple(
        step(f"{name} outside {first}-{last}", tables[name].height - table.height, "dropped")
        for name, table in kept.items()
    )
    return SourceTables(kept, ledger)
