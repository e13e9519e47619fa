"""Step: what identity did, for the report and for a person to review."""

from pathlib import Path

import polars as pl

from tertius.exhibits.identity import coverage, method_counts, network_effects, samples
from tertius.sources.store import read_folder
from tertius.tables import write_csv_folder


def main(*, reads: Path, matches: Path, review: Path, folder: Path) -> None:
    """Write methods, samples, effects, changed, coverage, matches and review as CSV.

    Args:
        reads: tables as read, with names.
        matches: where every name went, and why.
        review: pairs that a person should look at.
        folder: folder to write.
    """
    tables, found = read_folder(reads), pl.read_parquet(matches)
    effects, changed = network_effects(tables, found)
    frames = {
        "methods": method_counts(found),
        "samples": samples(found),
        "effects": effects,
        "changed": changed,
        "coverage": coverage(tables, found),
        "matches": found,
        "review": pl.read_parquet(review),
    }
    write_csv_folder(frames, folder)


if "snakemake" in globals():
    from tertius import entry

    entry.run(main, globals()["snakemake"])
