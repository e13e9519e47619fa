"""Worked answers, published examples, and igraph and networkx where they are right."""

import math
from fractions import Fraction

import igraph
import networkx as nx
import numpy as np
import pytest

from tertius.measures import (
    Betweenness,
    Burt,
    Graph,
    betweenness,
    bonacich_power,
    burt,
    closeness,
    degree,
    degree_normalised,
    eigenvector,
    k_core,
)

CLOSE = {"rel": 1e-12, "abs": 1e-12}


def at(graph: Graph, node: object) -> int:
    """Position of a node."""
    return graph.nodes.tolist().index(node)


def g1() -> Graph:
    """Network G1 of the worked answers: focal F, isolate I."""
    return Graph.from_edges(
        ["F", "F", "F", "A", "C", "B"],
        ["A", "B", "C", "B", "D", "D"],
        weight=[3, 1, 2, 2, 4, 1],
        nodes=list("FABCDI"),
    )


def burt_of(*edges: tuple[object, object, float]) -> tuple[Graph, Burt]:
    """Graph and measures of weighted edges."""
    a, b, w = zip(*edges, strict=True)
    graph = Graph.from_edges(list(a), list(b), list(w))
    return graph, burt(graph)


def test_w1_constraint_of_the_focal_firm_in_four_versions() -> None:
    graph = g1()
    f = at(graph, "F")
    weighted, plain = burt(graph), burt(graph.unweighted())
    assert weighted.constraint[f] == pytest.approx(703 / 1200, **CLOSE)
    assert weighted.constraint_ego[f] == pytest.approx(2507 / 4050, **CLOSE)
    assert plain.constraint[f] == pytest.approx(181 / 324, **CLOSE)
    assert plain.constraint_ego[f] == pytest.approx(11 / 18, **CLOSE)


def test_w1_edge_cases_of_constraint() -> None:
    assert math.isnan(burt(g1()).constraint[at(g1(), "I")])
    pendant = burt(Graph.from_networkx(nx.path_graph(3)))
    assert pendant.constraint == pytest.approx([1.0, 0.5, 1.0], **CLOSE)
    assert burt(Graph.from_networkx(nx.complete_graph(3))).constraint == pytest.approx([9 / 8] * 3)
    assert burt(Graph.from_networkx(nx.star_graph(4))).constraint[0] == pytest.approx(0.25, **CLOSE)
    clique = burt(Graph.from_networkx(nx.complete_graph(5)))
    assert clique.constraint == pytest.approx([49 / 64] * 5, **CLOSE)
    graph, triad = burt_of(("e", "x", 1), ("e", "y", 1), ("x", "y", 1000))
    assert triad.constraint[at(graph, "e")] == pytest.approx(4004001 / 2004002, **CLOSE)


def test_w1_unweighted_constraint_is_at_most_nine_eighths() -> None:
    graphs = [g for g in nx.graph_atlas_g()[1:209] if g.number_of_edges()]
    most = max(float(np.nanmax(burt(Graph.from_networkx(g)).constraint)) for g in graphs)
    assert most == pytest.approx(9 / 8, **CLOSE)


def test_w2_effective_size() -> None:
    graph = g1()
    f, weighted, plain = at(graph, "F"), burt(graph), burt(graph.unweighted())
    assert plain.effective_size[f] == pytest.approx(7 / 3, **CLOSE)
    assert plain.efficiency[f] == pytest.approx(7 / 9, **CLOSE)
    assert plain.redundancy[f] == pytest.approx(2 / 9, **CLOSE)
    assert weighted.effective_size[f] == pytest.approx(43 / 18, **CLOSE)
    assert weighted.effective_size[at(graph, "B")] == pytest.approx(9 / 4, **CLOSE)


def test_w3_hierarchy_and_ego_density() -> None:
    graph = g1()
    f, result = at(graph, "F"), burt(graph)
    assert result.hierarchy[f] == pytest.approx(0.118288, abs=5e-7)
    assert result.hierarchy_ego[f] == pytest.approx(0.139991, abs=5e-7)
    assert result.ego_density[f] == pytest.approx(1 / 3, **CLOSE)
    assert result.ego_density_weighted[f] == pytest.approx(2 / 3, **CLOSE)


def test_w4_centralities() -> None:
    graph = Graph.from_edges(list("ABBCDF"), list("BCDDEG"))
    b, f = at(graph, "B"), at(graph, "F")
    assert degree(graph)[b] == 3
    assert degree_normalised(graph)[b] == 0.5
    assert betweenness(graph).raw[b] == 3.0
    assert betweenness(graph).normalised[b] == pytest.approx(0.2, **CLOSE)
    near = closeness(graph)
    assert near.closeness[b] == pytest.approx(8 / 15, **CLOSE)
    assert near.harmonic[b] == pytest.approx(7 / 12, **CLOSE)
    assert near.closeness[f] == pytest.approx(1 / 6, **CLOSE)


def test_w4_bonacich_power_of_a_star() -> None:
    power = bonacich_power(Graph.from_networkx(nx.star_graph(3)), beta=0.5)
    scale = math.sqrt(4 / (18**2 + 3 * 10**2))
    assert power == pytest.approx(np.array([18, 10, 10, 10]) * scale, rel=1e-10)
    assert power[0] == pytest.approx(1.441153, abs=5e-7)


BORGATTI = [tuple(x) for x in ("AB", "AF", "AG", "AE", "EG", "FG", "BG", "BD", "DG", "GC")]
# Weights of the test of networkx, which took them from UCINET.
STRENGTHS = (2, 3, 5, 2, 8, 3, 4, 1, 3, 10)


def test_borgatti_1997() -> None:
    graph = Graph.from_edges([x[0] for x in BORGATTI], [x[1] for x in BORGATTI])
    result = burt(graph)
    g, a, c = (at(graph, x) for x in "GAC")
    assert result.constraint[[g, a, c]] == pytest.approx([0.400, 0.595, 1.0], abs=5e-4)
    assert result.effective_size[[g, a, c]] == pytest.approx([4.67, 2.50, 1.0], abs=5e-3)


def test_borgatti_with_weights() -> None:
    weights = dict(zip(BORGATTI, STRENGTHS, strict=True))
    graph, result = burt_of(*((a, b, weights[(a, b)]) for a, b in BORGATTI))
    g, a, c = (at(graph, x) for x in "GAC")
    assert result.constraint[[g, a, c]] == pytest.approx([0.299, 0.795, 1.0], abs=5e-4)
    assert result.effective_size[[g, a, c]] == pytest.approx([5.47, 2.47, 1.0], abs=5e-3)


def test_definition_1_weighted_effective_size_where_networkx_is_wrong() -> None:
    edges = [("a", "b", 1), ("b", "c", 2), ("a", "c", 3), ("c", "d", 10)]
    graph, result = burt_of(*edges)
    assert result.effective_size[at(graph, "a")] == pytest.approx(1.2, **CLOSE)
    source = nx.Graph()
    source.add_weighted_edges_from(edges)
    per_node = nx.effective_size(source, nodes=list(source), weight="weight")
    for node, value in per_node.items():
        assert result.effective_size[at(graph, node)] == pytest.approx(value, **CLOSE)


def test_definition_2_loops_zero_weights_and_parallel_edges_do_not_count() -> None:
    clean = Graph.from_edges([0, 1, 0, 4], [1, 2, 2, 0], nodes=range(6))
    messy = Graph.from_edges(
        [0, 1, 0, 3, 4, 0, 2], [1, 2, 2, 3, 0, 0, 4], [1, 1, 1, 5, 1, 9, 0], nodes=range(6)
    )
    assert burt(messy).constraint.tobytes() == burt(clean).constraint.tobytes()
    reference = igraph.Graph(n=6, edges=[(0, 1), (1, 2), (0, 2), (4, 0)]).constraint()
    assert burt(messy).constraint == pytest.approx(reference, nan_ok=True, **CLOSE)
    twice = burt(Graph.from_edges([0, 0, 1], [1, 1, 2]))
    once = burt(Graph.from_edges([0, 1], [1, 2], [2, 1]))
    assert twice.constraint.tolist() == once.constraint.tolist()


def test_definition_3_isolates_have_no_constraint() -> None:
    result = burt(Graph.from_edges([0, 1], [1, 2], nodes=range(4)))
    assert result.constraint[:3] == pytest.approx([1, 0.5, 1], **CLOSE)
    assert math.isnan(result.constraint[3])
    assert math.isnan(result.effective_size[3])


def test_definition_4_closeness_across_components() -> None:
    graph = Graph.from_edges([0, 1, 3], [1, 2, 4], nodes=range(6))
    expected = [4 / 15, 0.4, 4 / 15, 0.2, 0.2, 0.0]
    assert closeness(graph).closeness == pytest.approx(expected, **CLOSE)
    reference = igraph.Graph(n=6, edges=[(0, 1), (1, 2), (3, 4)])
    within = np.array(reference.closeness())
    assert within[:5] == pytest.approx([2 / 3, 1, 2 / 3, 1, 1])
    size = np.array([3, 3, 3, 2, 2])
    assert closeness(graph).closeness[:5] == pytest.approx(within[:5] * (size - 1) / 5, **CLOSE)


def test_definition_5_eigenvector_on_equal_components_is_undefined() -> None:
    assert np.isnan(eigenvector(Graph.from_edges([0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]))).all()
    graph = Graph.from_edges([0, 1, 2, 2, 9], [1, 2, 0, 3, 8])
    reference = igraph.Graph(n=4, edges=[(0, 1), (1, 2), (2, 0), (2, 3)])
    found = eigenvector(graph)
    assert found[:4] == pytest.approx(reference.eigenvector_centrality(), abs=1e-10)
    assert found[:4].max() == 1.0
    assert np.isnan(found[4:]).all()


def test_definition_6_betweenness_counts_each_pair_once() -> None:
    assert betweenness(Graph.from_edges([0, 1], [1, 2])).raw.tolist() == [0.0, 1.0, 0.0]


def test_definition_7_clustering_below_two_contacts_is_undefined() -> None:
    source = nx.Graph([(0, 1), (1, 2), (0, 2), (2, 3)])
    ours = burt(Graph.from_networkx(source)).local_clustering
    theirs = igraph.Graph.from_networkx(source).transitivity_local_undirected()
    assert ours == pytest.approx(theirs, nan_ok=True, **CLOSE)
    assert math.isnan(ours[3])
    assert nx.clustering(source)[3] == 0


def random_pair(seed: int, levels: bool = False) -> tuple[Graph, igraph.Graph]:
    """The same random weighted graph for both; teams give cliques, twins and components."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 120))
    teams = [rng.integers(0, n, rng.integers(2, 7)) for _ in range(int(n * rng.uniform(0.3, 1.2)))]
    pairs = {(min(i, j), max(i, j)) for t in teams for i in t for j in t if i != j}
    edges = np.array(sorted(pairs)).reshape(-1, 2)
    weights = (
        rng.integers(1, 4, len(edges)).astype(float) if levels else rng.lognormal(size=len(edges))
    )
    ours = Graph.from_edges(edges[:, 0], edges[:, 1], weights, nodes=np.arange(n))
    theirs = igraph.Graph(n=n, edges=edges)
    theirs.es["weight"] = weights
    return ours, theirs


@pytest.mark.parametrize("seed", range(25))
def test_igraph_agrees_on_random_weighted_graphs(seed: int) -> None:
    ours, theirs = random_pair(seed)
    n, tight = ours.n_nodes, {"abs": 1e-10, "rel": 1e-10}
    holes = burt(ours)
    expected = theirs.constraint(weights="weight")
    assert holes.constraint == pytest.approx(expected, nan_ok=True, **tight)
    plain = burt(ours.unweighted())
    assert plain.constraint == pytest.approx(theirs.constraint(), nan_ok=True, **tight)
    clustering = theirs.transitivity_local_undirected()
    assert holes.local_clustering == pytest.approx(clustering, nan_ok=True, **tight)
    near = closeness(ours)
    assert near.harmonic == pytest.approx(theirs.harmonic_centrality(), **tight)
    label = theirs.connected_components().membership
    size = np.bincount(label)[label]
    within = np.nan_to_num(theirs.closeness()) * (size - 1) / (n - 1)
    assert near.closeness == pytest.approx(within, **tight)
    assert betweenness(ours).raw == pytest.approx(theirs.betweenness(), **tight)
    assert k_core(ours).tolist() == theirs.coreness()


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("levels", [False, True])
def test_igraph_agrees_on_paths_whose_costs_are_inverse_strengths(seed: int, levels: bool) -> None:
    ours, theirs = random_pair(100 + seed, levels)
    costs = (1.0 / np.array(theirs.es["weight"])).tolist()
    found: Betweenness = betweenness(ours, weighted=True)
    assert found.raw == pytest.approx(theirs.betweenness(weights=costs), abs=1e-10, rel=1e-10)


@pytest.mark.parametrize("seed", range(8))
def test_networkx_agrees_where_it_is_right(seed: int) -> None:
    ours, theirs = random_pair(200 + seed)
    source = theirs.to_networkx()
    source = nx.Graph(source)
    holes = burt(ours)
    size = nx.effective_size(source, nodes=list(source), weight="weight")
    expected = [size[i] for i in range(ours.n_nodes)]
    assert holes.effective_size == pytest.approx(expected, nan_ok=True, abs=1e-10)
    ego = [
        nx.constraint(nx.ego_graph(source, i), nodes=[i], weight="weight")[i]
        for i in range(ours.n_nodes)
    ]
    assert holes.constraint_ego == pytest.approx(ego, nan_ok=True, abs=1e-10)


def test_twins_and_stars_fold_exactly() -> None:
    """Consortia of one-off partners (closed twins) and clients of one hub (open twins)."""
    edges = [(i, j) for i in range(6) for j in range(i)]
    edges += [(0, 6 + k) for k in range(5)] + [(1, 6 + k) for k in range(5)]
    edges += [(11, 6), (11, 12), (11, 13), (11, 14), (15, 16)]
    a, b = np.array(edges).T
    ours = Graph.from_edges(a, b, nodes=range(18))
    theirs = igraph.Graph(n=18, edges=edges)
    assert betweenness(ours).raw == pytest.approx(theirs.betweenness(), abs=1e-12)
    for k in (3, 7):
        tree = nx.balanced_tree(k, 2)
        star = Graph.from_networkx(tree)
        expected = igraph.Graph.from_networkx(tree).betweenness()
        assert betweenness(star).raw == pytest.approx(expected, abs=1e-12)


def test_published_fractions_are_exact_sums() -> None:
    """W1 by hand: the three parts of F's constraint."""
    parts = [
        (Fraction(1, 2) + Fraction(1, 6) * Fraction(1, 2)) ** 2,
        (Fraction(1, 6) + Fraction(1, 2) * Fraction(2, 5)) ** 2,
        Fraction(1, 3) ** 2,
    ]
    assert sum(parts) == Fraction(703, 1200)
    assert burt(g1()).constraint[at(g1(), "F")] == pytest.approx(float(sum(parts)), **CLOSE)
