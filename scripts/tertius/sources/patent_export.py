"""Reader of a patent export with one row a publication and lists inside its cells.

Mapping, beside the keys of `loader` and `fields`:
    separators: {applicants, inventors, ipc, cpc: one or several}   (default `;`)
    glued: [words] that belong to the applicant before them, e.g. Ltd where commas separate
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.sources.cells import Field
from tertius.sources.fields import ROW, read_rows
from tertius.sources.lists import class_rows, split_cells, unique_names, without_repeats
from tertius.sources.result import SourceTables, Step, step
from tertius.tables import PATENT_KINDS

FIELDS = (
    Field("pid", needed=True, filled=True),
    Field("family_id"),
    Field("prio_date", "date"),
    Field("app_date", "date"),
    Field("pub_date", "date"),
    Field("grant_date", "date"),
    Field("office"),
    Field("kind", "code", allowed=PATENT_KINDS),
    Field("n_claims", "count"),
    Field("cited_total", "count"),
    Field("applicants", needed=True),
    Field("inventors"),
    Field("ipc"),
    Field("cpc"),
)
LISTS = ("applicants", "inventors", "ipc", "cpc")


def read(path: Path, mapping: Mapping[str, Any]) -> SourceTables:
    """Patents, applicants, inventors and classes of the export.

    A patent's year is that of its priority; where that is missing of its application, then of its
    publication; a patent without any date is left out and counted.

    Raises:
        InputError: every unreadable cell, missing column and clash of ids of the file.
    """
    read = read_rows(path, mapping, FIELDS, ("glued",))
    rows = without_repeats(read, ["pid"])
    read.problems.raise_if_any()
    patents, dating = dated(rows.drop(ROW, *LISTS))
    rows = rows.join(patents.select("pid"), on="pid", how="semi")
    tables, steps = _lists(rows, mapping)
    return SourceTables({"patents": patents, **tables}, (*read.ledger, *dating, *steps))


def dated(patents: pl.DataFrame) -> tuple[pl.DataFrame, list[Step]]:
    """The patents with `year` (earliest date known, in the order priority, application,
    publication), without those of no date; and counts of each fallback and of doubtful orders."""
    first = pl.coalesce("prio_date", "app_date", "pub_date")
    with_year = patents.with_columns(first.dt.year().cast(pl.Int32).alias("year"))
    kept = with_year.filter(pl.col("year").is_not_null())
    by_application = pl.col("prio_date").is_null() & pl.col("app_date").is_not_null()
    by_publication = pl.col("prio_date").is_null() & pl.col("app_date").is_null()
    late = pl.col("prio_date") > pl.col("app_date")
    early = pl.col("pub_date") < pl.col("app_date")
    counts = kept.select(
        a=by_application.sum(), p=by_publication.sum(), late=late.sum(), early=early.sum()
    ).row(0, named=True)
    return kept, [
        step("patents dated by application", counts["a"], "no priority date"),
        step("patents dated by publication", counts["p"], "no priority or application date"),
        step("patents without any date", with_year.height - kept.height, "dropped"),
        step("patents with priority after application", counts["late"], "kept as they are"),
        step("patents with publication before application", counts["early"], "kept as they are"),
    ]


def _lists(
    rows: pl.DataFrame, mapping: Mapping[str, Any]
) -> tuple[dict[str, pl.DataFrame], list[Step]]:
    marks = {name: mapping.get("separators", {}).get(name, ";") for name in LISTS}
    applicants, again = unique_names(
        split_cells(rows, "pid", "applicants", marks["applicants"], glued=mapping.get("glued", ())),
        "pid",
        "applicants",
    )
    inventors, twice = unique_names(
        split_cells(rows, "pid", "inventors", marks["inventors"]), "pid", "inventors"
    )
    steps = [again, twice]
    classes = []
    for column, scheme in (("ipc", "IPC"), ("cpc", "CPC")):
        symbols, counts = class_rows(
            split_cells(rows, "pid", column, marks[column], "code"), scheme
        )
        classes.append(symbols)
        steps += counts
    without = rows.height - applicants["pid"].n_unique()
    steps.append(step("patents without applicant", without, "kept"))
    return {
        "patent_applicants": applicants,
        "patent_inventors": inventors,
        "patent_classes": pl.concat(classes),
    }, steps
