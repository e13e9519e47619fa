"""Whole networks: the worked answer, independent tools, null models and their swaps."""

import itertools

import igraph
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.measures import (
    Graph,
    Memberships,
    betweenness,
    centralisation,
    degree,
    degree_assortativity,
    degree_centralisation,
    mean_local_clustering,
    mean_path_length,
    null_draws,
    one_mode_null,
    rewire,
    rewire_two_mode,
    small_world,
    transitivity,
    two_mode_null,
)

W20 = Graph.from_edges([0, 0, 1, 3, 3, 4, 2], [1, 2, 2, 4, 5, 5, 3])


def random_graph(seed: int, n: int = 40, p: float = 0.08) -> Graph:
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(n, 1)
    keep = rng.random(i.size) < p
    return Graph.from_edges(i[keep], j[keep], nodes=np.arange(n))


def as_igraph(graph: Graph) -> igraph.Graph:
    rows = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    up = rows < graph.indices
    pairs = np.c_[rows[up], graph.indices[up]].tolist()
    return igraph.Graph(graph.n_nodes, pairs)


def test_w20_two_clustering_coefficients_and_the_mean_path() -> None:
    assert mean_local_clustering(W20) == pytest.approx(7 / 9, abs=1e-12)
    assert transitivity(W20) == pytest.approx(3 / 5, abs=1e-12)
    assert mean_path_length(W20) == pytest.approx(9 / 5, abs=1e-12)


def test_stars_are_centralised_and_rings_are_not() -> None:
    star = Graph.from_edges([0] * 6, range(1, 7))
    ring = Graph.from_edges(range(7), [*range(1, 7), 0])
    assert degree_centralisation(star) == 1.0
    assert degree_centralisation(ring) == 0.0
    assert centralisation(betweenness(star).normalised) == pytest.approx(1.0)
    assert centralisation(betweenness(ring).normalised) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(degree_centralisation(Graph.from_edges([0], [1])))
    assert degree_assortativity(star) == pytest.approx(-1.0)
    assert np.isnan(degree_assortativity(ring))


@pytest.mark.parametrize("seed", range(8))
def test_igraph_and_networkx_agree(seed: int) -> None:
    graph = random_graph(seed)
    other, third = as_igraph(graph), as_igraph(graph).to_networkx()
    assert transitivity(graph) == pytest.approx(other.transitivity_undirected(), abs=1e-12)
    mean = other.transitivity_avglocal_undirected(mode="nan")
    assert mean_local_clustering(graph) == pytest.approx(mean, abs=1e-12)
    assert degree_assortativity(graph) == pytest.approx(other.assortativity_degree(), abs=1e-10)
    giant = other.connected_components().giant()
    assert mean_path_length(graph) == pytest.approx(giant.average_path_length(), abs=1e-12)
    assert transitivity(graph) == pytest.approx(nx.transitivity(third), abs=1e-12)


def test_undefined_whole_networks() -> None:
    empty = Graph.from_edges([], [], nodes=list("abc"))
    pair = Graph.from_edges(["a"], ["b"])
    for function in (mean_local_clustering, transitivity):
        assert np.isnan(function(empty))
        assert np.isnan(function(pair))
    assert np.isnan(mean_path_length(empty))
    assert mean_path_length(pair) == 1.0
    assert np.isnan(degree_assortativity(empty))
    assert np.isnan(one_mode_null(10, 1.0)).all()
    assert np.isnan(two_mode_null(Memberships.from_pairs(["g"], ["a"]))).all()


def test_rewiring_keeps_degrees_counts_swaps_and_repeats() -> None:
    graph = random_graph(1)
    one, swaps = rewire(graph, rng=np.random.default_rng(3))
    two, _ = rewire(graph, rng=np.random.default_rng(3))
    assert degree(one).tolist() == degree(graph).tolist()
    assert one.ledger.parallel_merged == one.ledger.loops_dropped == 0
    assert swaps.tried == 10 * graph.n_edges
    assert 0.5 * swaps.tried < swaps.done < swaps.tried
    assert one.indices.tolist() == two.indices.tolist() != graph.indices.tolist()


def test_many_swaps_of_few_ties_come_to_an_end() -> None:
    graph = random_graph(4, n=12, p=0.3)
    found, swaps = rewire(graph, rng=np.random.default_rng(2), swaps_per_tie=20_000)
    assert swaps.done > 50_000
    assert degree(found).tolist() == degree(graph).tolist()
    pairs = Memberships.from_pairs([0, 0, 1, 1, 2, 2, 3], [0, 1, 1, 2, 2, 3, 0])
    _, swaps = rewire_two_mode(pairs, rng=np.random.default_rng(2), swaps_per_tie=20_000)
    assert swaps.done > 5_000


def test_a_star_cannot_be_rewired() -> None:
    star = Graph.from_edges([0] * 6, range(1, 7))
    same, swaps = rewire(star, rng=np.random.default_rng(1))
    assert swaps.done == 0
    assert same.indices.tolist() == star.indices.tolist()


def test_every_network_of_the_degrees_comes_up_equally_often() -> None:
    # Two ties among four nodes: three perfect matchings.
    pairs = Graph.from_edges([0, 2], [1, 3])
    rng = np.random.default_rng(5)
    seen: dict[int, int] = {}
    for _ in range(3000):
        found, _ = rewire(pairs, rng=rng)
        partner = int(found.indices[0])
        seen[partner] = seen.get(partner, 0) + 1
    assert set(seen) == {1, 2, 3}
    # 1,000 each, standard deviation 26.
    assert max(abs(count - 1000) for count in seen.values()) < 110


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_two_mode_rewiring_keeps_both_degrees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = Memberships.from_pairs(rng.integers(0, 12, 40), rng.integers(0, 15, 40))
    other, swaps = rewire_two_mode(pairs, rng=rng)
    for attribute in ("group", "member"):
        before, after = (np.bincount(getattr(x, attribute)) for x in (pairs, other))
        assert before.tolist() == after.tolist()
    keys = other.group * 1000 + other.member
    assert np.unique(keys).size == keys.size == pairs.group.size
    assert swaps.done <= swaps.tried


def test_projection_ties_the_members_of_a_group() -> None:
    # W10: a1{F,A}, a2{F,A,B}, a3{F,C}; count weights FA = 2, the others 1.
    groups = Memberships.from_pairs(
        ["a1", "a1", "a2", "a2", "a2", "a3", "a3"], ["F", "A", "F", "A", "B", "F", "C"]
    )
    graph = groups.project()
    rows = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    ties = {
        f"{graph.nodes[i]}{graph.nodes[j]}": w
        for i, j, w in zip(rows, graph.indices, graph.weights, strict=True)
        if i < j
    }
    assert ties == {"AF": 2, "AB": 1, "BF": 1, "CF": 1}
    assert Memberships.from_pairs(["g", "g"], ["a", "a"]).group.size == 1
    assert Memberships.from_pairs([], []).project().n_nodes == 0
    with pytest.raises(ValueError, match="group has 1 rows, node has 2"):
        Memberships.from_pairs(["g"], ["a", "b"])


def test_two_mode_null_by_hand() -> None:
    # Groups of three, each node in two: f1 = 2, f2 = 2, g1 = 3, g2 = g3 = 6, M/N = 2/3.
    # z1 = 4; G0'' = 2 * 4 + 2 * 2 = 12; C = (2/3) * 6 / 12 = 1/3; z2 / z1 = 1 * 2.
    n = 6
    lines = [(g, m) for g, m in enumerate(itertools.chain(range(n), range(n)))]
    pairs = Memberships.from_pairs([k // 3 for k, _ in lines], [m for _, m in lines])
    clustering, length = two_mode_null(pairs)
    assert clustering == pytest.approx(1 / 3, abs=1e-12)
    assert length == pytest.approx(np.log(6 / 4) / np.log(2) + 1, abs=1e-12)


def test_two_mode_null_is_the_mean_of_rewired_memberships() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(900), rng.integers(2, 6, 900))
    members = rng.integers(0, 1200, groups.size)
    pairs = Memberships.from_pairs(groups, members)
    clustering, length = two_mode_null(pairs)
    drawn = null_draws(pairs, draws=8, seed=4)
    assert drawn.clustering_mean == pytest.approx(clustering, rel=0.03)
    # The formula is the limit of many nodes: a tenth too short at a thousand.
    assert 1.0 < drawn.path_mean / length < 1.12
    assert drawn.swaps.done > 0.9 * drawn.swaps.tried


def test_projections_look_like_small_worlds_against_the_wrong_null() -> None:
    rng = np.random.default_rng(7)
    groups = np.repeat(np.arange(300), rng.integers(2, 6, 300))
    pairs = Memberships.from_pairs(groups, rng.integers(0, 400, groups.size))
    graph = pairs.project()
    naive, fair = small_world(graph), small_world(graph, pairs)
    assert naive.ratio > 5
    assert 0.7 < fair.ratio < 1.3
    assert fair.clustering == naive.clustering == transitivity(graph)


def test_null_draws_repeat_and_refuse_one() -> None:
    graph = random_graph(2)
    one, two = (null_draws(graph, draws=4, seed=6) for _ in range(2))
    assert one == two
    assert one.clustering_sd > 0
    assert np.isnan(null_draws(graph, draws=2, seed=1, paths=False).path_mean)
    with pytest.raises(ValueError, match="at least 2"):
        null_draws(graph, draws=1, seed=1)
