"""Measure every node of one network in a span of years."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry
from tertius.measures import measure_years
from tertius.networks import network_facts, network_nodes
from tertius.panel import units_at_risk
from tertius.tables import read_tables, write_parquet
from tertius.whole_network import NullSettings


def main(
    *,
    tables: Path,
    ties: Path,
    records: Path,
    measures: Path,
    facts: Path,
    network: Mapping[str, Any],
    settings: Mapping[str, Any],
    span: tuple[int, int],
    lifespan: int,
    seed: int,
) -> None:
    typed, tied = read_tables(tables), pl.read_parquet(ties)
    years = range(span[0], span[1] + 1)
    unit = "inventor" if "co_inventor" in network["layers"] else "organisation"
    nodes = network_nodes(
        typed,
        tied,
        units_at_risk(typed, unit, years).rows,
        layers=network["layers"],
        window=network["window"],
        years=years,
        lifespan=lifespan,
    )
    measured = measure_years(
        tied,
        nodes,
        weight=f"weight_{network['weight']}",
        years=years,
        exact_limit=settings["exact_limit"],
        closeness_exact_limit=settings["closeness_exact_limit"],
        cost_limit=settings["cost_limit"],
        sample_sources=settings["sample_sources"],
        seed=seed,
    )
    write_parquet(measured, measures)
    series = network_facts(
        measured,
        tied,
        pl.read_parquet(records),
        nulls=NullSettings(settings["null_draws"], settings["null_limit"], seed),
    )
    write_parquet(series, facts)


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
