"""Put the chunks of years of one network's measures together."""

from pathlib import Path

import polars as pl

from tertius import entry
from tertius.tables import write_parquet


def main(*, chunks: list[Path], chunk_facts: list[Path], measures: Path, facts: Path) -> None:
    write_parquet(pl.concat([pl.read_parquet(path) for path in chunks]), measures)
    write_parquet(pl.concat([pl.read_parquet(path) for path in chunk_facts]), facts)


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
