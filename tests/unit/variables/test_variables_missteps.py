"""Every misstep of construction has a name, and those of the records are found where made."""

from __future__ import annotations

import networkx as nx
import polars as pl

from tertius.catalogue.missteps import MISSTEPS
from tertius.variables import derive, missteps, resolve
from tertius.variables.missteps import changed_by_the_future, strengths_as_distances
from tertius.variables.scramble import scramble_future

CONSTRUCTION = {
    "look-ahead": "look_ahead",
    "constraint 0 for isolates": "isolate_as_zero",
    "strengths as distances": "strengths_as_distances",
    "normalised centrality across years": "normalised_across_years",
    "diversity without n": "diversity_without_size",
    "explore with its complement": "complements",
    "cumulative networks": "cumulative_regressor",
    "shared co-patents in x and y": "shared_co_patents",
    "truncated outcome years": "truncated_outcome",
    "missing R&D as 0": "missing_as_zero",
}


def test_every_misstep_of_construction_has_one_detector():
    for name in CONSTRUCTION.values():
        assert (name in MISSTEPS) != hasattr(missteps, name), name


def test_a_covariate_that_counts_later_citations_is_found(random_world, with_networks):
    tables = random_world(11)
    book = {
        "deg": {"measure": "degree", "inputs": ["measures.degree"]},
        "early": {"function": "outcomes.cited"},
    }
    specs = resolve(book)
    scrambled = scramble_future(tables, 2007, seed=1, last=2016)
    frames = [derive(with_networks(t), book) for t in (tables, scrambled)]
    found = changed_by_the_future(*frames, specs, 2007)
    assert found == ["early"]


def test_strengths_are_no_distances():
    ties = [("A", "B", 5.0), ("B", "C", 5.0), ("A", "C", 20.0), ("C", "D", 1.0)]
    graph = nx.Graph()
    for a, b, w in ties:
        graph.add_edge(a, b, weight=w)
    table = pl.DataFrame(ties, schema=["a", "b", "weight"], orient="row")

    def measured(weight):
        values = nx.betweenness_centrality(graph, normalized=False, weight=weight)
        return pl.DataFrame({"node": list(values), "betweenness": list(values.values())})

    assert strengths_as_distances(table, measured("weight"))
    assert not strengths_as_distances(table, measured(None))
