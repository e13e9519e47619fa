"""Make every table of a study in every format."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry
from tertius.exhibits.backends import write_table_files
from tertius.exhibits.build_tables import build_table
from tertius.exhibits.config import Exhibit
from tertius.exhibits.labels import Labels
from tertius.exhibits.results import read_models


def main(
    *,
    panel: Path,
    estimates: Path,
    tables: list[Path],
    exhibits: list[Mapping[str, Any]],
    codebook: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    unit: str = "organisation",
) -> None:
    rows, results = pl.read_parquet(panel), read_models(estimates)
    labels = Labels.from_codebook(codebook, declared, unit)
    for exhibit in (Exhibit.from_plain(plain) for plain in exhibits):
        if exhibit.is_table:
            table = build_table(exhibit, results, rows, labels)
            write_table_files(table, [path for path in tables if path.stem == exhibit.id])
            print(f"{exhibit.id}: {len(table.rows)} rows, {table.width} columns")


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
