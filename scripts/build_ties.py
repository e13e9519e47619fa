"""Build the ties of one network: who is tied to whom in each year, how strongly, by what."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tertius import entry
from tertius.networks import build_network, tie_years
from tertius.provenance import write_json
from tertius.tables import read_tables, write_parquet


def main(
    *,
    tables: Path,
    ties: Path,
    records: Path,
    ledger: Path,
    network: Mapping[str, Any],
    settings: Mapping[str, Any],
    years: Mapping[str, tuple[int, int]],
) -> None:
    first, last = tie_years(years)
    built = build_network(
        read_tables(tables),
        layers=network["layers"],
        window=network["window"],
        years=range(first, last + 1),
        clique_cap=settings["clique_cap"],
        lifespan=settings["lifespan"],
    )
    write_parquet(built.ties, ties)
    write_parquet(built.records, records)
    skipped = built.skipped.to_dicts()
    write_json({**built.ledger, "ties": built.ties.height, "skipped_records": skipped}, ledger)


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
