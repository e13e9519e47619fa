"""Reader of a Lens export: one row a document; documents of one earliest priority are one family.

Mapping, beside the keys of `loader` and `fields`:
    list_separator: between the items of a list (default `;;`)
    week_years: true where the two-digit years of dates count by weeks (see `two_digit_dates`)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.problems import Problems
from tertius.sources.fields import Field, check_mapping, read_fields
from tertius.sources.lists import class_rows, split_cells, without_repeats
from tertius.sources.loader import load
from tertius.sources.patent_export import dated
from tertius.sources.result import SourceTables, Step, step
from tertius.sources.two_digit_dates import (
    earlier_dates,
    note_bad_dates,
    publication_dates,
)

FIELDS = (
    Field("document", needed=True, filled=True),
    Field("office", needed=True),
    Field("doc_type", needed=True),
    Field("publication_date", needed=True, filled=True),
    Field("publication_year", "year", needed=True, filled=True),
    Field("application_number"),
    Field("application_date", needed=True),
    Field("priority_numbers", needed=True),
    Field("applicants", needed=True),
    Field("inventors", needed=True),
    Field("cpc", needed=True),
    Field("ipc", needed=True),
    Field("cited_count", "count"),
)
GRANTED = "Granted Patent"
PRIORITY = r"^(.*\S)\s+(\d{8})$"


def read(path: Path, mapping: Mapping[str, Any]) -> SourceTables:
    """Families as patents, with the applicants, inventors and classes of all their documents.

    An applicant name that is also an inventor name anywhere in the file is a person: it stands
    among the organisations with type person. `cited_total` is the sum of the documents' counts of
    citing documents. Dates of a family are the earliest of its documents; office and the first
    class are those of its first publication.

    Raises:
        InputError: every unreadable cell, missing column and clash of documents of the file.
    """
    problems = Problems()
    check_mapping(mapping, FIELDS, ("list_separator", "week_years"), path.name, problems)
    loaded = load(path, mapping)
    raw = read_fields(loaded, FIELDS, mapping, problems)
    documents, repeats = without_repeats(raw, ["document"], loaded.file, problems)
    weeks = bool(mapping.get("week_years", False))
    documents, dating = _with_dates(documents, weeks, loaded.file, problems)
    problems.raise_if_any()
    mark = str(mapping.get("list_separator", ";;"))
    documents, priorities = _with_family(documents, mark)
    patents, undated = dated(_families(documents))
    lists, steps = _lists(documents, mark)
    ledger = [
        step("documents read", raw.height, loaded.encoding),
        repeats,
        *dating,
        *priorities,
        step("families", patents.height, "documents of one earliest priority"),
        *undated,
        *steps,
    ]
    return SourceTables({"patents": patents, **lists}, tuple(ledger))


def _with_dates(
    documents: pl.DataFrame, weeks: bool, file: str, problems: Problems
) -> tuple[pl.DataFrame, list[Step]]:
    """Publication and application dates as dates; see `two_digit_dates`."""
    year = documents["publication_year"]
    published, moved = publication_dates(documents["publication_date"], year, weeks=weeks)
    applied, set_back = earlier_dates(documents["application_date"], year, published, weeks=weeks)
    note_bad_dates(documents, "publication_date", published, file, problems)
    note_bad_dates(documents, "application_date", applied, file, problems)
    note = "late December, written with the year of the week: set back by one year"
    return documents.with_columns(
        published.alias("publication_date"), applied.alias("application_date")
    ), [
        step("publication dates with the year of the week", moved, note),
        step("application dates with the year of the week", set_back, note),
        step("documents applied for after publication", int((applied > published).sum()), "kept"),
    ]


def _with_family(documents: pl.DataFrame, mark: str) -> tuple[pl.DataFrame, list[Step]]:
    """Documents with `pid` (the earliest priority) and `prio_date`.

    Of several priorities of the earliest day the one listed first counts. A document without a
    priority is a family of its own application, or of itself.
    """
    listed = split_cells(documents, "document", "priority_numbers", mark, "priority").with_columns(
        pl.col("priority").str.extract(PRIORITY, 2).str.to_date("%Y%m%d", strict=False).alias("day")
    )
    readable = listed.filter(pl.col("day").is_not_null())
    first = (
        readable.sort("document", "day", "seq")
        .unique("document", keep="first", maintain_order=True)
        .select("document", "priority", pl.col("day").alias("prio_date"))
    )
    own = pl.coalesce("priority", "application_number", "document")
    joined = documents.join(first, on="document", how="left").with_columns(
        own.str.replace_all(r"\s+", "-").alias("pid")
    )
    earliest = pl.col("day") == pl.col("day").min().over("document")
    several = readable.filter(earliest).group_by("document").len().filter(pl.col("len") > 1).height
    return joined, [
        step("priorities without a date", listed.height - readable.height, "dropped"),
        step("documents without a priority", int(joined["prio_date"].null_count()), "own family"),
        step("documents with several earliest priorities", several, "the first listed counts"),
    ]


def _families(documents: pl.DataFrame) -> pl.DataFrame:
    counted = pl.col("cited_count").is_not_null().any()
    granted = pl.col("publication_date").filter(pl.col("doc_type") == GRANTED)
    return (
        documents.sort("pid", "publication_date", "document")
        .group_by("pid", maintain_order=True)
        .agg(
            pl.col("prio_date").min(),
            pl.col("application_date").min().alias("app_date"),
            pl.col("publication_date").min().alias("pub_date"),
            granted.min().alias("grant_date"),
            pl.col("office").first(),
            pl.when(counted).then(pl.col("cited_count").sum()).alias("cited_total"),
        )
        .with_columns(pl.col("pid").alias("family_id"), pl.lit("invention").alias("kind"))
    )


def _lists(documents: pl.DataFrame, mark: str) -> tuple[dict[str, pl.DataFrame], list[Step]]:
    """Applicants, inventors, classes and persons of the families."""
    applicants = _items(documents, "applicants", mark)
    inventors = _items(documents, "inventors", mark)
    persons = (
        applicants.select("name")
        .unique()
        .join(inventors.select("name").unique(), on="name", how="semi")
        .sort("name")
        .with_columns(pl.lit("person").alias("type"))
    )
    classes, steps = [], []
    for column, scheme in (("ipc", "IPC"), ("cpc", "CPC")):
        rows, counts = class_rows(_items(documents, column, mark, "code"), scheme)
        classes.append(rows)
        steps += counts
    names = applicants["name"].n_unique()
    organisations = applicants.join(persons, on="name", how="anti")
    parties = organisations.group_by("pid").len()
    counted = [
        step("applicant names", names),
        step("applicants who are inventors", persons.height, "persons"),
        step("applicants who are organisations", names - persons.height),
        step("inventor names", inventors["name"].n_unique()),
        step("families with several organisations", parties.filter(pl.col("len") > 1).height),
    ]
    tables = {
        "patent_applicants": applicants,
        "patent_inventors": inventors,
        "patent_classes": pl.concat(classes),
        "organisations": persons,
    }
    return tables, [*counted, *steps]


def _items(documents: pl.DataFrame, column: str, mark: str, to: str = "name") -> pl.DataFrame:
    """Items of a family's documents in the order of publication, each once: pid, `to`, seq."""
    ordered = documents.sort("pid", "publication_date", "document").with_row_index("line")
    items = split_cells(ordered, "line", column, mark, to)
    named = items.join(ordered.select("line", "pid"), on="line").sort("line", "seq")
    once = named.unique(["pid", to], keep="first", maintain_order=True)
    seq = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("pid").alias("seq")
    return once.select("pid", to).with_columns(seq)
