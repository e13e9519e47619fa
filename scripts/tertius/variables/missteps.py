"""Missteps of construction that only the records show.

Those that a model, its rows or its estimate shows are found by `tertius.estimate.missteps`, with
names and reasons in `tertius.catalogue.missteps`.
"""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx
import polars as pl

from tertius.variables.inputs import VariableSpec


def changed_by_the_future(
    before: pl.DataFrame, after: pl.DataFrame, specs: Mapping[str, VariableSpec], year: int
) -> list[str]:
    """Covariates of the years up to `year` that differ once later records are scrambled.

    Args:
        before: the variables.
        after: the variables from `scramble.scramble_future` of the same tables.
        specs: variables of the study.
        year: the year up to which the records are the same.
    """
    old, new = (frame.filter(pl.col("year") <= year) for frame in (before, after))
    return [
        name
        for name, spec in specs.items()
        if spec.role != "outcome"
        and not (
            old[name].equals(new[name]) and old[f"{name}_status"].equals(new[f"{name}_status"])
        )
    ]


def strengths_as_distances(ties: pl.DataFrame, measured: pl.DataFrame) -> bool:
    """Whether betweenness of a (small) network was taken with tie strengths as lengths.

    So it was where the values agree with strengths as lengths and not with steps, nor with their
    inverses.

    Args:
        ties: a, b, weight of one year.
        measured: node, betweenness (pairs).
    """
    graph = nx.Graph()
    graph.add_nodes_from(measured["node"].to_list())
    for a, b, w in ties.select("a", "b", "weight").iter_rows():
        graph.add_edge(a, b, long=w, short=1.0 / w)
    given = dict(measured.select("node", "betweenness").iter_rows())

    def agrees(weight: str | None) -> bool:
        values = nx.betweenness_centrality(graph, normalized=False, weight=weight)
        return all(abs(values[node] - value) < 1e-9 for node, value in given.items())

    return agrees("long") and not agrees(None) and not agrees("short")
