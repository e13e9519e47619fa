"""Write one year's network for other programs: GraphML, GEXF, Pajek, UCINET DL."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry
from tertius.measures import Graph, to_gexf, to_graphml, to_pajek, to_ucinet
from tertius.problems import InputError, Problem


def main(
    *,
    ties: Path,
    measures: Path,
    graphml: Path,
    gexf: Path,
    pajek: Path,
    ucinet: Path,
    network: Mapping[str, Any],
    year: int,
) -> None:
    in_year = pl.col("year") == year
    nodes = pl.read_parquet(measures).filter(in_year).drop("year")
    if nodes.is_empty():
        what = f"no network was measured for {year}"
        raise InputError([Problem("export", what, "ask for a year of the study's analysis")])
    graph = Graph.from_frame(
        pl.read_parquet(ties).filter(in_year),
        weight=f"weight_{network['weight']}",
        nodes=nodes["node"],
    )
    texts = {
        graphml: to_graphml(graph, nodes),
        gexf: to_gexf(graph, nodes),
        pajek: to_pajek(graph),
        ucinet: to_ucinet(graph),
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
