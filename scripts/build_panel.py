"""Build the panel: variables of the living units, outcomes of later years, the sample."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from polars import selectors

from tertius import entry, panel
from tertius.provenance import write_json
from tertius.tables import read_tables, write_parquet
from tertius.variables.derive import resolve


def main(
    *,
    tables: Path,
    variables: Path,
    panel_file: Path,
    ledger: Path,
    codebook: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    unit: str,
    years: Mapping[str, Sequence[int]],
    frame: Mapping[str, Any],
) -> None:
    wide = pl.read_parquet(variables)
    leads = {name: spec.leads for name, spec in resolve(codebook, declared).items() if spec.leads}
    analysis = (years["analysis"][0], years["analysis"][1])
    ahead = panel.attach_leads(wide, leads, (years["outcomes"][0], years["outcomes"][1]))
    organisations = read_tables(tables).get("organisations")
    types = frame["types"] if unit == "organisation" else None
    known = panel.attach_attributes(ahead, organisations if unit == "organisation" else None)
    full = panel.mark_sample(known, analysis, organisations, types)
    write_json({"attrition_base": panel.attrition_base(full, analysis)}, ledger)
    del wide, ahead, known
    rows = full.filter(pl.col("year").is_between(*analysis))
    del full
    write_parquet(rows.with_columns(selectors.enum().cast(pl.String)), panel_file)


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
