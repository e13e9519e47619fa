"""Fit the models that claims hold against rewired networks, on networks of the same degrees."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry
from tertius.claims import load_claims
from tertius.claims.placebos import (
    PlaceboSettings,
    measured_on_ties,
    placebo_models,
    placebo_slopes,
)
from tertius.estimate import NotEstimable, estimate_model
from tertius.model_spec import ModelSpec, resolve_spec
from tertius.networks import tie_years
from tertius.panel import attach_lags, patent_holders
from tertius.tables import read_tables, write_parquet
from tertius.variables.derive import resolve
from tertius.variables.inputs import Inputs, NetworkFacts


def main(
    *,
    tables: Path,
    ties: Path,
    panel: Path,
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
    threads: int = 1,
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
    known = resolve(codebook, declared)
    every = (
        resolve_spec(name, models[name], defaults)
        for name in placebo_models(load_claims(claims, schema))
    )
    tied = {spec.name: spec for spec in every if measured_on_ties(spec.outcome, known)}
    rows = attach_lags(rows, sorted({v for spec in tied.values() for v in spec.variables}))
    specs = {name: spec for name, spec in tied.items() if is_estimable(rows, spec)}
    slopes = placebo_slopes(inputs, rows, known, specs, PlaceboSettings(draws, seed), threads)
    write_parquet(slopes, placebos)
    for name in specs:
        n = slopes.filter(pl.col("model") == name)["draw"].n_unique()
        print(f"{name}: {n} of {draws} rewired networks")


def is_estimable(rows: pl.DataFrame, spec: ModelSpec) -> bool:
    """Whether the study's own network carries a model; if not, none is rewired for it."""
    try:
        estimate_model(rows, spec)
    except NotEstimable:
        return False
    return True


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
