"""Make every figure of a study in every format, with a description of each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry
from tertius.exhibits.build_figures import FigureData, build_figure
from tertius.exhibits.config import Exhibit, truth_names
from tertius.exhibits.labels import Labels
from tertius.exhibits.results import read_models
from tertius.exhibits.style import figure_bytes, write_bytes
from tertius.exhibits.truth import read_plant
from tertius.provenance import write_json


def main(
    *,
    panel: Path,
    estimates: Path,
    verdicts: Path,
    tables: Path,
    ties: list[Path],
    truth: list[Path],
    figures: list[Path],
    descriptions: Path,
    exhibits: list[Mapping[str, Any]],
    codebook: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    focal: str,
    unit: str,
    years: tuple[int, int],
    seed: int,
) -> None:
    wanted = [Exhibit.from_plain(plain) for plain in exhibits]
    register = tables / "organisations.parquet"
    types = pl.read_parquet(register).select("org_id", "type") if register.exists() else None
    data = FigureData(
        results=read_models(estimates),
        panel=pl.read_parquet(panel),
        ties={path.stem: pl.read_parquet(path) for path in ties},
        types={} if types is None else dict(types.iter_rows()),
        verdicts=pl.read_csv(verdicts, infer_schema_length=None),
        labels=Labels.from_codebook(codebook, declared, unit),
        focal=focal,
        years=(years[0], years[1]),
        seed=seed,
        default_type="person" if unit == "inventor" else "other",
        plant=read_plant(truth, truth_names(wanted)),
    )
    said: dict[str, str] = {}
    for exhibit in wanted:
        if exhibit.is_table:
            continue
        drawn = build_figure(exhibit, data)
        said[exhibit.id] = drawn.alt
        for path in figures:
            if path.stem == exhibit.id:
                write_bytes(path, figure_bytes(drawn.figure, path.suffix.lstrip(".")))
        print(f"{exhibit.id}: {drawn.alt}")
    write_json(said, descriptions)


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
