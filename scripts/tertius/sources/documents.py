"""Reader of exports with one row a document; the documents of one invention are one family.

Mapping, beside the keys of `loader` and `fields`:
    family: what makes documents one family
        earliest_priority (default): the earliest of the priorities, which carry their date
            (`US 11 P 20020101`)
        same_priorities: all priorities are the same
        application: the application number is the same
        family_id: the column `family_id` is the same
    separators: {applicants, inventors, ipc, cpc, priority_numbers: one or several}  (default `;;`)
    granted: words of `doc_type` that mean a granted patent (default `Granted Patent`)
    two_digit_years: true where dates are written dd/mm/yy; the century follows publication_year
    week_years: true where these two-digit years count by weeks (see `two_digit_dates`)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.problems import InputError, Problem, did_you_mean
from tertius.sources.cells import Field
from tertius.sources.fields import Rows, read_rows
from tertius.sources.lists import class_rows, split_cells, without_repeats
from tertius.sources.patent_export import dated
from tertius.sources.result import SourceTables, Step, step
from tertius.sources.text import REGISTRY
from tertius.sources.two_digit_dates import earlier_dates, note_bad_dates, publication_dates
from tertius.tables import PATENT_KINDS

LISTS = ("applicants", "inventors", "cpc", "ipc", "priority_numbers")
FAMILIES = ("earliest_priority", "same_priorities", "application", "family_id")
OWN_KEYS = ("family", "granted", "two_digit_years", "week_years")


def _fields(two_digits: bool) -> tuple[Field, ...]:
    written = "text" if two_digits else "date"
    return (
        Field("document", needed=True, filled=True),
        Field("office"),
        Field("doc_type"),
        Field("patent_kind", "code", allowed=PATENT_KINDS),
        Field("publication_date", written, needed=True, filled=two_digits),
        Field("publication_year", "year", needed=two_digits, filled=two_digits),
        Field("grant_date", "date"),
        Field("application_number"),
        Field("application_date", written, needed=True),
        Field("priority_numbers"),
        Field("priority_date", "date"),
        Field("family_id"),
        Field("applicants", needed=True),
        Field("inventors"),
        Field("cpc"),
        Field("ipc"),
        Field("n_claims", "count"),
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
    rule = str(mapping.get("family", FAMILIES[0]))
    if rule not in FAMILIES:
        where = f"{REGISTRY} [{path.name}] mapping.family"
        raise InputError([Problem(where, f"no rule {rule!r}", did_you_mean(rule, FAMILIES))])
    two_digits = bool(mapping.get("two_digit_years", False))
    rows = read_rows(path, mapping, _fields(two_digits), OWN_KEYS)
    rows.ledger[0] = {**rows.ledger[0], "step": "documents read"}
    documents = without_repeats(rows, ["document"])
    documents, dating = _with_dates(documents, mapping, two_digits, rows)
    rows.problems.raise_if_any()
    marks = {name: mapping.get("separators", {}).get(name, ";;") for name in LISTS}
    documents, priorities = _with_family(documents, rule, marks["priority_numbers"])
    granted = mapping.get("granted", [GRANTED])
    patents, undated = dated(_families(documents, granted))
    documents = documents.join(patents.select("pid"), on="pid", how="semi")
    lists, steps = _lists(documents, marks)
    ledger = [
        *rows.ledger,
        *dating,
        *priorities,
        step("families", patents.height, f"by {rule}"),
        *undated,
        *steps,
    ]
    return SourceTables({"patents": patents, **lists}, tuple(ledger))


def _with_dates(
    documents: pl.DataFrame, mapping: Mapping[str, Any], two_digits: bool, rows: Rows
) -> tuple[pl.DataFrame, list[Step]]:
    """Publication and application dates as dates; see `two_digit_dates`."""
    steps = []
    published, applied = documents["publication_date"], documents["application_date"]
    if two_digits:
        year, weeks = documents["publication_year"], bool(mapping.get("week_years", False))
        published, moved = publication_dates(published, year, weeks=weeks)
        applied, back = earlier_dates(applied, year, published, weeks=weeks)
        for column, dates in (("publication_date", published), ("application_date", applied)):
            note_bad_dates(documents, column, dates, rows.file, rows.problems)
        note = "late December, written with the year of the week: set back by one year"
        steps = [
            step("publication dates with the year of the week", moved, note),
            step("application dates with the year of the week", back, note),
        ]
    steps.append(
        step("documents applied for after publication", _after(applied, published), "kept")
    )
    return documents.with_columns(
        published.alias("publication_date"), applied.alias("application_date")
    ), steps


def _after(applied: pl.Series, published: pl.Series) -> int:
    return int((applied > published).sum())


def _with_family(
    documents: pl.DataFrame, rule: str, mark: str | list[str]
) -> tuple[pl.DataFrame, list[Step]]:
    """Documents with `pid` (their family) and `prio_date`."""
    if rule == "earliest_priority":
        return _by_earliest_priority(documents, mark)
    if rule == "same_priorities":
        listed = split_cells(documents, "document", "priority_numbers", mark, "priority")
        same = listed.group_by("document").agg(
            pl.col("priority").unique().sort().str.join("+").alias("key")
        )
        documents = documents.join(same, on="document", how="left", maintain_order="left")
    else:
        column = "application_number" if rule == "application" else "family_id"
        documents = documents.with_columns(pl.col(column).alias("key"))
    single = step(
        "documents without a family key", int(documents["key"].null_count()), "own family"
    )
    named = pl.coalesce("key", "application_number", "document")
    return documents.with_columns(
        named.str.replace_all(r"\s+", "-").alias("pid"),
        pl.col("priority_date").alias("prio_date"),
    ), [single]


def _by_earliest_priority(
    documents: pl.DataFrame, mark: str | list[str]
) -> tuple[pl.DataFrame, list[Step]]:
    """Families of one earliest priority.

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
    joined = documents.join(first, on="document", how="left", maintain_order="left").with_columns(
        own.str.replace_all(r"\s+", "-").alias("pid")
    )
    earliest = pl.col("day") == pl.col("day").min().over("document")
    several = readable.filter(earliest).group_by("document").len().filter(pl.col("len") > 1).height
    return joined, [
        step("priorities without a date", listed.height - readable.height, "dropped"),
        step("documents without a priority", int(joined["prio_date"].null_count()), "own family"),
        step("documents with several earliest priorities", several, "the first listed counts"),
    ]


def _families(documents: pl.DataFrame, granted: list[str]) -> pl.DataFrame:
    """One row a family; of a family's kinds the one of its first document with a kind counts."""
    counted = pl.col("cited_count").is_not_null().any()
    claimed = pl.col("n_claims").is_not_null().any()
    is_grant = pl.col("doc_type").is_in(granted)
    grant = pl.coalesce("grant_date", pl.when(is_grant).then(pl.col("publication_date")))
    return (
        documents.sort("pid", "publication_date", "document", nulls_last=True)
        .group_by("pid", maintain_order=True)
        .agg(
            pl.col("prio_date").min(),
            pl.col("application_date").min().alias("app_date"),
            pl.col("publication_date").min().alias("pub_date"),
            grant.min().alias("grant_date"),
            pl.col("office").first(),
            pl.col("patent_kind").drop_nulls().first().fill_null("invention").alias("kind"),
            pl.when(claimed).then(pl.col("n_claims").max()).alias("n_claims"),
            pl.when(counted).then(pl.col("cited_count").sum()).alias("cited_total"),
        )
        .with_columns(pl.col("pid").alias("family_id"))
    )


def _lists(
    documents: pl.DataFrame, marks: Mapping[str, Any]
) -> tuple[dict[str, pl.DataFrame], list[Step]]:
    """Applicants, inventors, classes and persons of the families."""
    applicants = _items(documents, "applicants", marks["applicants"])
    inventors = _items(documents, "inventors", marks["inventors"])
    persons = (
        applicants.select("name")
        .unique()
        .join(inventors.select("name").unique(), on="name", how="semi")
        .sort("name")
        .with_columns(pl.lit("person").alias("type"))
    )
    classes, steps = [], []
    for column, scheme in (("ipc", "IPC"), ("cpc", "CPC")):
        rows, counts = class_rows(_items(documents, column, marks[column], "code"), scheme)
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


def _items(
    documents: pl.DataFrame, column: str, mark: str | list[str], to: str = "name"
) -> pl.DataFrame:
    """Items of a family's documents in the order of publication, each once: pid, `to`, seq."""
    ordered = documents.sort("pid", "publication_date", "document", nulls_last=True).with_row_index(
        "line"
    )
    items = split_cells(ordered, "line", column, mark, to)
    named = items.join(ordered.select("line", "pid"), on="line").sort("line", "seq")
    once = named.unique(["pid", to], keep="first", maintain_order=True)
    seq = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("pid").alias("seq")
    return once.select("pid", to).with_columns(seq)
