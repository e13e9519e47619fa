"""Fit the models that claims hold against rewired networks, on networks of the same degrees."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry
from tertius.claims import load_claims
from tertius.claims.placebos import PlaceboSettings, placebo_models, placebo_slopes
from tertius.model_spec import resolve_spec
from tertius.networks import tie_years
from tertius.panel import patent_holders
from tertius.tables import read_tables, write_parquet
from tertius.variables.derive import resolve
from tertius.variables.inputs import Inputs, NetworkFacts


def main(
    *,
    tables: Path,
    ties: Path,
    panel: Path,
    estimates: Path,
    claims: list[Path],
    schema: Path,
    placebos: Path,
    codebook: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    models: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any],
    network: Mapping[str, Any],
    focal: str,
    unit: str,
    years: Mapping[str, Sequence[int]],
    frame: Mapping[str, Any],
    draws: int,
    seed: int,
) -> None:
    typed, rows = read_tables(tables), pl.read_parquet(panel)
    first, last = years["analysis"]
    tied = pl.read_parquet(ties).filter(pl.col("year").is_between(first, last))
    inputs = Inputs(
        tables=typed,
        holders=patent_holders(typed, unit),
        ties={focal: tied},
        tie_records={},
        measures={},
        risk_set=rows.select("org_id", "year"),
        raw_years=(years["raw"][0], years["raw"][1]),
        outcome_years=(years["outcomes"][0], years["outcomes"][1]),
        networks={focal: NetworkFacts(tuple(network["layers"]), network["window"])},
        focal=focal,
        frame_types=tuple(frame["types"]),
        tie_years=tie_years(years),
    )
    specs = {
        name: resolve_spec(name, models[name], defaults)
        for name in placebo_models(load_claims(claims, schema))
        if was_estimated(estimates / name)
    }
    slopes = placebo_slopes(
        inputs, rows, resolve(codebook, declared), specs, PlaceboSettings(draws, seed)
    )
    write_parquet(slopes, placebos)
    for name in specs:
        n = slopes.filter(pl.col("model") == name)["draw"].n_unique()
        print(f"{name}: {n} of {draws} rewired networks")


def was_estimated(folder: Path) -> bool:
    """Whether the study's own network carries a model; if not, none is rewired for it."""
    fit = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
    return "reason_code" not in fit


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
