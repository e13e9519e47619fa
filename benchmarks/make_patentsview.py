"""Make a set of files shaped like the bulk tables of PatentsView, of any size.

    python benchmarks/make_patentsview.py FOLDER --patents 8000000

Per patent there are 1.5 assignees, 6.25 classes and 12.5 citations, as in the real set; ids, dates,
sizes of names and of patents are drawn from a seeded generator. Files are zipped one by one, as
they are published, or left plain. Everything is made piece by piece.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

ASSIGNEES, CLASSES, CITATIONS = 1.5, 6.25, 12.5
"""Rows per patent."""
PIECE = 250_000
FIRST_ID, FIRST_DAY, LAST_DAY = 3_930_271, 2192, 20_089
"""The first patent of the set, and days since 1970 of 1976-01-06 and of 2025."""
SUBCLASSES = (
    "A61K",
    "B64C",
    "B60L",
    "C07D",
    "E21B",
    "F16H",
    "G05D",
    "G06F",
    "H01L",
    "H04L",
    "H04W",
)


def _ids(numbers: pl.Expr) -> pl.Expr:
    return (numbers + FIRST_ID).cast(pl.String)


def _days(first: int, count: int, total: int, rng: np.random.Generator, before: int) -> pl.Series:
    """Days that rise with the patent's number; `before` days earlier, give or take."""
    place = np.arange(first, first + count) / max(total, 1)
    days = FIRST_DAY + place * (LAST_DAY - FIRST_DAY) - before * rng.uniform(0.5, 1.5, count)
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


def patents(first: int, count: int, total: int, rng: np.random.Generator) -> pl.DataFrame:
    kind = rng.choice(
        ["utility", "design", "plant", "reissue"], count, p=[0.91, 0.08, 0.005, 0.005]
    )
    return pl.DataFrame(
        {
            "patent_id": pl.int_range(first, first + count, eager=True),
            "patent_type": kind,
            "patent_date": _days(first, count, total, rng, 0),
            "patent_title": "Apparatus and method, with “quotes”",
            "wipo_kind": "B2",
            "num_claims": rng.poisson(15, count) + 1,
            "withdrawn": (rng.random(count) < 0.002).astype(np.int8),
            "filename": "ipg.xml",
        }
    ).with_columns(_ids(pl.col("patent_id")))


def applications(first: int, count: int, total: int, rng: np.random.Generator) -> pl.DataFrame:
    number = pl.int_range(first, first + count, eager=True)
    return pl.DataFrame(
        {
            "application_id": number,
            "patent_id": number,
            "patent_application_type": "16",
            "filing_date": _days(first, count, total, rng, 900),
            "series_code": "16",
            "rule_47_flag": "0",
        }
    ).with_columns(
        _ids(pl.col("patent_id")),
        pl.format("16/{}", "application_id").alias("application_id"),
    )


def assignees(first: int, count: int, total: int, rng: np.random.Generator) -> pl.DataFrame:
    owners = first + np.repeat(np.arange(count), rng.integers(1, 3, count))
    # A few large firms hold most patents.
    firm = (rng.pareto(1.1, len(owners)) * 50).astype(np.int64) % (total // 14 + 1)
    person = rng.random(len(owners)) < 0.05
    rows = pl.DataFrame({"patent_id": owners, "firm": firm, "person": person})
    name = pl.format("Company of Instruments {} Incorporated", "firm")
    return rows.select(
        _ids(pl.col("patent_id")),
        (pl.int_range(pl.len()).over("patent_id")).alias("assignee_sequence"),
        pl.format("{}-8f3a-4c1e-9b6d-5a7c", "firm").alias("assignee_id"),
        pl.when(~pl.col("person")).then(name).alias("disambig_assignee_organization"),
        pl.when("person").then(pl.lit("Ada")).alias("disambig_assignee_individual_name_first"),
        pl.when("person").then(pl.format("Person {}", "firm")).alias(
            "disambig_assignee_individual_name_last"
        ),
        pl.when("person").then(pl.lit("4")).otherwise(pl.lit("2")).alias("assignee_type"),
        pl.format("l-{}", pl.col("firm") % 5000).alias("location_id"),
    )  # fmt: skip


def classes(first: int, count: int, total: int, rng: np.random.Generator) -> pl.DataFrame:
    owners = first + np.repeat(np.arange(count), rng.poisson(CLASSES - 1, count) + 1)
    size = len(owners)
    rows = pl.DataFrame(
        {
            "patent_id": owners,
            "subclass": pl.Series(SUBCLASSES).gather(rng.integers(0, len(SUBCLASSES), size)),
            "group": rng.integers(1, 60, size),
            "sub": rng.integers(10, 90, size),
        }
    )
    return rows.select(
        _ids(pl.col("patent_id")),
        pl.int_range(pl.len()).over("patent_id").alias("cpc_sequence"),
        pl.col("subclass").str.head(1).alias("cpc_section"),
        pl.col("subclass").str.head(3).alias("cpc_class"),
        pl.col("subclass").alias("cpc_subclass"),
        pl.format("{}{}/{}", "subclass", "group", "sub").alias("cpc_group"),
        pl.lit("inventional").alias("cpc_type"),
    )


def citations(first: int, count: int, total: int, rng: np.random.Generator) -> pl.DataFrame:
    owners = first + np.repeat(np.arange(count), rng.poisson(CITATIONS, count))
    back = rng.exponential(total / 6 + 1, len(owners)).astype(np.int64) + 1
    rows = pl.DataFrame({"patent_id": owners, "cited": owners - back})
    kinds = pl.Series(["cited by applicant", "cited by examiner", "cited by other"])
    return rows.select(
        _ids(pl.col("patent_id")),
        pl.int_range(pl.len()).over("patent_id").alias("citation_sequence"),
        _ids(pl.col("cited")).alias("citation_patent_id"),
        pl.lit("2001-05-01").alias("citation_date"),
        pl.lit("Smith et al.").alias("record_name"),
        pl.lit("B2").alias("wipo_kind"),
        kinds.gather(rng.integers(0, 3, len(owners))).alias("citation_category"),
    )


FILES: dict[str, Callable[[int, int, int, np.random.Generator], pl.DataFrame]] = {
    "g_patent.tsv": patents,
    "g_application.tsv": applications,
    "g_assignee_disambiguated.tsv": assignees,
    "g_cpc_current.tsv": classes,
    "g_us_patent_citation.tsv": citations,
}


def _pieces(total: int) -> Iterator[tuple[int, int]]:
    for first in range(0, total, PIECE):
        yield first, min(PIECE, total - first)


def make(folder: Path, total: int, *, seed: int = 1, packed: bool = True) -> dict[str, int]:
    """Write the files; returns the rows of each."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for number, (name, part) in enumerate(FILES.items()):
        rng = np.random.default_rng([seed, number])
        target = folder / (f"{name}.zip" if packed else name)
        rows[name] = 0
        with _opened(target, name, packed) as out:
            for first, count in _pieces(total):
                frame = part(first, count, total, rng)
                rows[name] += frame.height
                text = io.BytesIO()
                frame.write_csv(
                    text, separator="\t", quote_style="always", include_header=first == 0
                )
                out.write(text.getvalue())
    return rows


def _opened(target: Path, name: str, packed: bool):
    if not packed:
        return target.open("wb")
    archive = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    return archive.open(name, "w", force_zip64=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patents", type=int, default=8_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="do not zip")
    chosen = parser.parse_args()
    made = make(chosen.folder, chosen.patents, seed=chosen.seed, packed=not chosen.plain)
    for name, rows in made.items():
        print(f"{name}: {rows:,} rows")


if __name__ == "__main__":
    main()
