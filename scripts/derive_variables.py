"""Derive every variable of the codebook for every living unit and year."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry, panel
from tertius.networks import tie_years
from tertius.problems import InputError
from tertius.provenance import write_json
from tertius.tables import read_tables, write_parquet
from tertius.variables.derive import absent_inputs, derive, range_problems, resolve, status_ledger
from tertius.variables.forms import forms_without_weight
from tertius.variables.inputs import Inputs, NetworkFacts


def main(
    *,
    tables: Path,
    ties: list[Path],
    records: list[Path],
    measures: list[Path],
    variables: Path,
    ledger: Path,
    codebook: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    networks: Mapping[str, Mapping[str, Any]],
    unit: str,
    focal: str,
    years: Mapping[str, Sequence[int]],
    frame: Mapping[str, Any],
) -> None:
    typed = read_tables(tables)
    at_risk = panel.units_at_risk(typed, unit, panel.panel_years(years))
    inputs = Inputs(
        tables=typed,
        holders=panel.patent_holders(typed, unit),
        ties=by_network(networks, ties),
        tie_records=by_network(networks, records),
        measures=by_network(networks, measures),
        risk_set=at_risk.rows,
        raw_years=(years["raw"][0], years["raw"][1]),
        outcome_years=(years["outcomes"][0], years["outcomes"][1]),
        networks={
            name: NetworkFacts(tuple(entry_["layers"]), entry_["window"])
            for name, entry_ in networks.items()
        },
        focal=focal,
        frame_types=tuple(frame["types"]),
        tie_years=tie_years(years),
    )
    specs = resolve(codebook, declared)
    wide = derive(inputs, codebook, declared)
    outside = range_problems(wide, specs)
    if outside:
        raise InputError(outside)
    write_parquet(wide, variables)
    absent = {name: absent_inputs(inputs, spec) for name, spec in specs.items()}
    lacking = forms_without_weight(typed["alliances"]) if "alliances" in typed else pl.DataFrame()
    forms = {"forms_without_weight": lacking.to_dicts()} if lacking.height else {}
    write_json(
        {
            "risk_set": at_risk.ledger,
            "missing_inputs": {name: lacking for name, lacking in absent.items() if lacking},
            "statuses": status_ledger(wide).to_dicts(),
            **forms,
        },
        ledger,
    )


def by_network(
    networks: Mapping[str, Mapping[str, Any]], paths: list[Path]
) -> dict[str, pl.DataFrame]:
    """One frame a network, from files in the order of the networks."""
    return {name: pl.read_parquet(path) for name, path in zip(networks, paths, strict=True)}


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
