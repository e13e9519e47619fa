"""Node-disjoint paths and retention: the worked answer, networkx's flows, brute force."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.measures import (
    Graph,
    mean_disjoint_paths,
    node_disjoint_paths,
    resilience,
    retention,
)

W14 = Graph.from_edges(list("FFABB"), list("ABSST"))


def test_w14_redundancy_of_sources() -> None:
    assert node_disjoint_paths(W14, "F", "S") == 2
    assert node_disjoint_paths(W14, "F", "T") == 1
    assert mean_disjoint_paths(W14, "F", ["S", "T", "A"]) == 1.5
    assert retention(W14, "F", ["S", "T"]) == 0.75
    assert resilience(W14, "F") == 0.75
    assert retention(W14, "F", removed=2) == 0.0


@settings(max_examples=120, deadline=None)
@given(st.integers(2, 9), st.integers(0, 10**6), st.sampled_from([0.3, 0.5, 0.8]))
def test_disjoint_paths_equal_the_smallest_cut(n: int, seed: int, p: float) -> None:
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(n, 1)
    keep = rng.random(i.size) < p
    graph = Graph.from_edges(i[keep], j[keep], nodes=np.arange(n))
    other = nx.Graph(zip(i[keep].tolist(), j[keep].tolist(), strict=True))
    other.add_nodes_from(range(n))
    for s, t in itertools.combinations(range(n), 2):
        apart = other.copy()
        if apart.has_edge(s, t):
            apart.remove_edge(s, t)
        expected = nx.node_connectivity(apart, s, t) if nx.has_path(apart, s, t) else 0
        assert node_disjoint_paths(graph, s, t) == expected
        assert node_disjoint_paths(graph, t, s) == expected


def test_larger_flows_agree_with_networkx() -> None:
    rng = np.random.default_rng(1)
    i, j = np.triu_indices(60, 1)
    keep = rng.random(i.size) < 0.12
    graph = Graph.from_edges(i[keep], j[keep], nodes=np.arange(60))
    other = nx.Graph(zip(i[keep].tolist(), j[keep].tolist(), strict=True))
    for s, t in rng.choice(60, (40, 2)).tolist():
        if s != t and not other.has_edge(s, t):
            assert node_disjoint_paths(graph, s, t) == nx.node_connectivity(other, s, t)
    ends = [t for t in range(1, 60) if not other.has_edge(0, t)]
    each = [node_disjoint_paths(graph, 0, t) for t in ends]
    assert mean_disjoint_paths(graph, 0, ends) == np.mean(each)


def test_retention_over_all_and_drawn_sets() -> None:
    # A hub whose four partners each lead to one source of their own.
    hub = Graph.from_edges([0, 0, 0, 0, 1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7, 8])
    assert retention(hub, 0) == 0.75
    assert retention(hub, 0, removed=2) == 0.5
    assert resilience(hub, 0) == pytest.approx((0.75 + 0.5) / 2)
    # Every set of two leaves the same share, so draws are exact here.
    drawn = retention(hub, 0, removed=2, exact_limit=1, draws=5, rng=np.random.default_rng(1))
    assert drawn == 0.5
    with pytest.raises(ValueError, match="pass rng"):
        retention(hub, 0, removed=2, exact_limit=1)


def test_undefined_and_unknown() -> None:
    alone = Graph.from_edges(["a"], ["b"], nodes=["i"])
    assert np.isnan(retention(alone, "i"))
    assert np.isnan(retention(alone, "a"))
    assert np.isnan(resilience(alone, "i"))
    assert np.isnan(mean_disjoint_paths(alone, "a", ["b"]))
    assert mean_disjoint_paths(alone, "a", ["i"]) == 0.0
    assert node_disjoint_paths(alone, "a", "b") == 0
    with pytest.raises(ValueError, match="no node"):
        node_disjoint_paths(alone, "a", "z")
    with pytest.raises(ValueError, match="twice"):
        node_disjoint_paths(alone, "a", "a")
