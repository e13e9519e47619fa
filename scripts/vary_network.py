"""Build and measure one variant of the focal network for the multiverse."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tertius import entry
from tertius.multiverse.construct import build_variant
from tertius.multiverse.grid import NetworkVariant
from tertius.provenance import write_json
from tertius.tables import read_tables, write_parquet


def main(
    *,
    tables: Path,
    network: Path,
    variant: Mapping[str, Any],
    measures: Mapping[str, Any],
    years: Mapping[str, Sequence[int]],
    unit: str,
    seed: int,
) -> None:
    wanted = NetworkVariant.of(variant)
    built = build_variant(read_tables(tables), wanted, years, measures, unit, seed)
    network.mkdir(parents=True, exist_ok=True)
    for name, frame in built._asdict().items():
        write_parquet(frame, network / f"{name}.parquet")
    write_json(dict(variant), network / "settings.json")
    print(f"{wanted}: {built.ties.height} ties, {built.left.height} node-years left")


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
