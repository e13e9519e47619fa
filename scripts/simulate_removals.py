"""Remove nodes from the focal network of the last analysis year and tell what is left."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tertius import entry
from tertius.arrays import BoolArray
from tertius.exhibits.figures.removal_curves import removal_plot
from tertius.exhibits.style import figure_bytes, write_bytes
from tertius.measures import Graph
from tertius.tables import read_tables
from tertius.whatif.drop_one import PARTNERS, drop_one, position_model
from tertius.whatif.removal import groups_of
from tertius.whatif.simulate import WhatIf, firm_table, group_removals, removal_curves


def main(
    *,
    tables: Path,
    ties: Path,
    measures: Path,
    curves: Path,
    groups: Path,
    firms: Path,
    partners: Path,
    figures: list[Path],
    estimates: Path,
    weight: str,
    whatif: Mapping[str, Any],
    limits: Mapping[str, Any],
    year: int,
    seed: int,
) -> None:
    own = pl.read_parquet(ties).filter(pl.col("year") == year)
    nodes = pl.read_parquet(measures).filter(pl.col("year") == year)["node"]
    graph = Graph.from_frame(own, weight=None, nodes=nodes)
    settings = WhatIf(
        shares=tuple(whatif["shares"]),
        draws=int(whatif["draws"]),
        firm_share=float(whatif["firm_share"]),
        seed=seed,
        exact_limit=int(limits["exact_limit"]),
        sample_sources=int(limits["sample_sources"]),
    )
    typed = read_tables(tables)
    countries = groups_of(countries_of(graph, typed.get("organisations")))
    listed = sanctioned(graph, typed.get("sanctions"), year)
    removed = [group_removals(graph, countries, "country", settings)]
    if listed.any():
        removed.append(group_removals(graph, {"listed": listed}, "sanctions", settings))
    line = removal_curves(graph, settings)
    told = {
        curves: line,
        groups: pl.concat(removed),
        firms: firm_table(graph, countries, settings),
        partners: contributions(own, estimates / whatif["model"], f"weight_{weight}"),
    }
    for path, frame in told.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.with_columns(pl.col(pl.Float64).fill_nan(None)).write_csv(path)
    drawn = removal_plot(line.with_columns(pl.col(pl.Float64).fill_nan(None)).to_dicts())
    for path in figures:
        write_bytes(path, figure_bytes(drawn, path.suffix.lstrip(".")))
    print(f"{year}: {graph.n_nodes} nodes, {graph.n_edges} ties, {len(countries)} countries, "
          f"{int(listed.sum())} on a list of sanctions")  # fmt: skip


def contributions(ties: pl.DataFrame, estimate: Path, weight: str) -> pl.DataFrame:
    """What the position model expects of each partner; no row where the study has no such model."""
    model = None
    if (estimate / "coefficients.csv").is_file():
        text = [pl.read_csv(estimate / f"{n}.csv") for n in ("coefficients", "covariance")]
        fit = json.loads((estimate / "fit.json").read_text("utf-8"))
        model = position_model(fit, *text)
    if model is None:
        print(f"{estimate.name}: no log-link model of degree and holes, partners are not told")
        return pl.DataFrame(schema=PARTNERS)
    return drop_one(Graph.from_frame(ties, weight=weight), None, model)


def countries_of(graph: Graph, organisations: pl.DataFrame | None) -> list[str | None]:
    """Country of each node by the register, None where it is silent."""
    if organisations is None or "country" not in organisations.columns:
        return [None] * graph.n_nodes
    known = dict(organisations.select("org_id", "country").iter_rows())
    return [known.get(str(node)) for node in graph.nodes]


def sanctioned(graph: Graph, sanctions: pl.DataFrame | None, year: int) -> BoolArray:
    """(n,) nodes on a list of sanctions on 31 December of a year."""
    if sanctions is None:
        return np.zeros(graph.n_nodes, dtype=np.bool_)
    day = date(year, 12, 31)
    held = sanctions.filter(
        (pl.col("listed") <= day) & (pl.col("delisted").is_null() | (pl.col("delisted") > day))
    )
    found: BoolArray = np.isin(graph.nodes.astype(str), held["org_id"].to_list())
    return found


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
