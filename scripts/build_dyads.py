"""Build the frames of dyads that the models of a study read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry
from tertius.dyad_frames import DyadSettings, dyad_frame
from tertius.dyad_names import FIRM_YEARS, needed_inputs
from tertius.model_spec import resolve_spec
from tertius.provenance import write_json
from tertius.tables import read_tables, write_parquet


def main(
    *,
    tables: Path,
    ties: Path,
    records: Path,
    panel: Path,
    dyads: Path,
    ledger: Path,
    models: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any],
    years: Mapping[str, Sequence[int]],
    frame: Mapping[str, Any],
    unit: str,
    seed: int,
) -> None:
    names: dict[str, set[str]] = {}
    for name, raw in sorted(models.items()):
        spec = resolve_spec(name, raw, defaults)
        if spec.frame != FIRM_YEARS:
            names.setdefault(spec.frame, set()).update(spec.variables, spec.option_variables)
    typed, rows = read_tables(tables), pl.read_parquet(panel)
    network, known = pl.read_parquet(ties), pl.read_parquet(records)
    dyads.mkdir(parents=True, exist_ok=True)
    told: dict[str, dict[str, int]] = {}
    for kind in sorted(names):
        if unit != "organisation" or (kind == "tie_years" and "alliances" not in typed):
            told[kind] = {"rows": 0}
            print(f"{kind}: none, there are no alliances or deals of organisations")
            continue
        variables, attributes = needed_inputs(names[kind])
        settings = DyadSettings(
            # covariates are those of the year before, which the panel must hold
            years=(years["analysis"][0] + 1, years["analysis"][1]),
            types=tuple(frame["types"]),
            variables=variables,
            attributes=attributes,
            seed=seed,
        )
        made = dyad_frame(kind, typed, network, known, rows, settings)
        write_parquet(made.rows, dyads / f"{kind}.parquet")
        told[kind] = {**made.ledger, "rows": made.rows.height}
        print(f"{kind}: {made.rows.height} rows")
    write_json(told, ledger)


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
