"""Redundant access: W14, the general measure, paths, and undefined cases."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.measures import Graph
from tertius.measures import resilience as node_resilience
from tertius.variables.access import disjoint_access, expected_retention, resilience


@pytest.fixture(scope="module")
def w14(make, new_patent):
    """W14: F-A, F-B, A-S, B-S, B-T; S and T hold one class each, G is apart, I alone."""
    organisations = [{"org_id": n, "type": "firm"} for n in "FABSTGHI"]
    return make(
        years=[2005],
        units="FGHI",
        raw=(1995, 2010),
        patents=[new_patent("s", 2004), new_patent("t", 2004)],
        held={"s": "S", "t": "T"},
        classes={"s": "H04L1/00", "t": "G06F1/00"},
        tied=[(2005, a, b, 1) for a, b in ("FA", "FB", "AS", "BS", "BT", "GH")],
        organisations=organisations,
    )


def test_w14(w14, at):
    assert at(resilience(w14, network="net"), "F", 2005) == pytest.approx(3 / 4, abs=1e-15)
    assert at(resilience(w14, network="net"), "G", 2005) == "undefined_nopat"
    assert at(resilience(w14, network="net"), "I", 2005) == "undefined_isolate"


def test_paths_to_the_largest_holders(w14, at):
    # Both holders are the top tenth (ties included): two paths to S, one to T.
    assert at(disjoint_access(w14, network="net"), "F", 2005) == 1.5
    assert at(disjoint_access(w14, network="net"), "G", 2005) == 0.0
    assert at(disjoint_access(w14, network="net"), "I", 2005) == "undefined_isolate"


def test_units_outside_the_frame_are_not_measured(make, new_patent, at):
    inputs = make(
        years=[2005], units="FU", raw=(1995, 2010), patents=[new_patent("u", 2004)],
        held={"u": "U"}, classes={"u": "H04L1/00"}, tied=[(2005, "F", "U", 1)],
        organisations=[{"org_id": "F", "type": "firm"}, {"org_id": "U", "type": "university"}],
    )  # fmt: skip
    assert at(resilience(inputs, network="net"), "U", 2005) == "missing_input"
    assert at(resilience(inputs, network="net"), "F", 2005) == 0.0  # the only partner is lost
    assert at(disjoint_access(inputs, network="net"), "U", 2005) == "missing_input"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_with_one_class_a_node_it_is_the_resilience_of_nodes(seed):
    graph = nx.gnp_random_graph(9, 0.3, seed=seed)
    nodes = sorted(graph)
    matrix = sp.csr_array(nx.to_scipy_sparse_array(graph, nodelist=nodes, format="csr"))
    matrix.sort_indices()
    holds = sp.csr_array(np.eye(9, dtype=np.int64))
    found = expected_retention(np.arange(9), matrix, holds)
    network = Graph.from_edges(
        [a for a, _ in graph.edges], [b for _, b in graph.edges], nodes=nodes
    )
    for ego in nodes:
        sources = [v for v in nx.single_source_shortest_path_length(graph, ego, 2) if v != ego]
        expected = node_resilience(network, ego, sources) if sources else float("nan")
        assert found[ego] == pytest.approx(expected, nan_ok=True)
