"""Step: raw files become tables with names, cut to the study's years."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tertius.sources import read_sources
from tertius.sources.store import write_ledger, write_named_tables


def main(
    *,
    folder: Path,
    ledger: Path,
    sources: Mapping[str, Mapping[str, Any]],
    raw_dir: str,
    years: Mapping[str, Sequence[int]],
    receipts: Path,
) -> None:
    """Read every source of a study; nothing is written when any file has a problem.

    Args:
        folder: the tables to write.
        ledger: counts of what happened to the rows.
        sources: registry entries of the study's sources.
        raw_dir: folder below which their files lie.
        years: spans of the study; `raw` are the years of the records.
        receipts: of the verified raw files; only orders the steps.
    """
    first, last = years["raw"]
    scratch = folder.with_name(folder.name + ".streamed.partial")
    try:
        read = read_sources(sources, Path(raw_dir), (int(first), int(last)), scratch)
        for name, table in read.tables.items():
            print(f"{name}: {table.height} rows")
        for name in read.files:
            print(f"{name}: streamed")
        write_named_tables(read.tables, folder, read.files)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    write_ledger(read.ledger, ledger)


if "snakemake" in globals():
    from tertius import entry

    entry.run(main, globals()["snakemake"])
