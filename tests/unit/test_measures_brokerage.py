"""Roles, indirect ties, hubs and spokes: brute force, invariances, hand-worked answers."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tertius.measures import (
    Graph,
    brokerage_between,
    brokerage_roles,
    closeness,
    degree,
    hub_share,
    hubs,
    indirect_ties,
    rings,
    spoke_share,
)

Dense = NDArray[np.float64]


def from_dense(a: Dense) -> Graph:
    i, j = np.nonzero(np.triu(a, 1))
    return Graph.from_edges(i, j, a[i, j], nodes=np.arange(len(a)))


@st.composite
def adjacencies(draw: st.DrawFn, largest: int = 8) -> Dense:
    n = draw(st.integers(1, largest))
    pairs = n * (n - 1) // 2
    values = draw(st.lists(st.sampled_from([0.0, 0.0, 1.0]), min_size=pairs, max_size=pairs))
    a = np.zeros((n, n))
    a[np.triu_indices(n, 1)] = values
    return a + a.T


@st.composite
def typed(draw: st.DrawFn) -> tuple[Dense, list[str | None]]:
    a = draw(adjacencies())
    kinds = st.sampled_from(["firm", "university", "state", None])
    return a, draw(st.lists(kinds, min_size=len(a), max_size=len(a)))


def brute_roles(a: Dense, types: list[str | None], fractional: bool) -> dict[str, Dense]:
    n = len(a)
    names = ("coordinator", "gatekeeper", "itinerant", "liaison", "unknown")
    out = {name: np.zeros(n) for name in names}
    for j, k in itertools.combinations(range(n), 2):
        brokers = [i for i in range(n) if a[i, j] and a[i, k]]
        if a[j, k]:
            continue
        for i in brokers:
            three = (types[j], types[i], types[k])
            if None in three:
                role = "unknown"
            elif len(set(three)) == 1:
                role = "coordinator"
            elif three[0] == three[2]:
                role = "itinerant"
            else:
                role = "liaison" if len(set(three)) == 3 else "gatekeeper"
            out[role][i] += 1 / len(brokers) if fractional else 1
    return out


@settings(max_examples=150, deadline=None)
@given(typed(), st.booleans())
def test_roles_equal_their_definition(world, fractional: bool) -> None:
    a, types = world
    graph = from_dense(a)
    roles = brokerage_roles(graph, types, fractional=fractional)
    for name, values in brute_roles(a, types, fractional).items():
        assert getattr(roles, name) == pytest.approx(values, abs=1e-12), name
    open_pairs = sum(
        bool(((a[j] > 0) & (a[k] > 0)).any()) and not a[j, k]
        for j, k in itertools.combinations(range(len(a)), 2)
    )
    if fractional:
        assert roles.total.sum() == pytest.approx(open_pairs, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(typed(), st.randoms(use_true_random=False))
def test_new_names_and_a_network_beside_change_nothing(world, random) -> None:
    a, types = world
    n = len(a)
    order = list(range(n))
    random.shuffle(order)
    one, two = from_dense(a), from_dense(a[np.ix_(order, order)])
    roles = brokerage_roles(one, types), brokerage_roles(two, [types[k] for k in order])
    assert roles[0].liaison[order].tolist() == roles[1].liaison.tolist()
    assert indirect_ties(one)[order] == pytest.approx(indirect_ties(two), abs=1e-12)
    assert spoke_share(one)[order] == pytest.approx(spoke_share(two), nan_ok=True)
    union = from_dense(np.block([[a, np.zeros((n, 1))], [np.zeros((1, n)), np.zeros((1, 1))]]))
    assert brokerage_roles(union, [*types, "firm"]).total[:n].tolist() == roles[0].total.tolist()
    assert indirect_ties(union)[:n] == pytest.approx(indirect_ties(one), abs=1e-12)
    assert indirect_ties(union)[n] == 0.0
    assert np.isnan(spoke_share(union)[n])
    heavier = from_dense(7.0 * a)
    assert indirect_ties(heavier).tolist() == indirect_ties(one).tolist()


def test_a_firm_between_a_university_and_a_firm_is_a_gatekeeper_and_a_bridge() -> None:
    graph = Graph.from_edges(["f", "f", "f", "u"], ["g", "u", "v", "v"])
    types = ["firm", "firm", "university", "university"]
    assert graph.nodes.tolist() == ["f", "g", "u", "v"]
    roles = brokerage_roles(graph, types)
    # g - f - u and g - f - v: f shares the type of g; u and v are tied.
    assert roles.gatekeeper.tolist() == [2, 0, 0, 0]
    assert roles.liaison.sum() == roles.coordinator.sum() == roles.itinerant.sum() == 0
    science = np.array(types) == "university"
    assert brokerage_between(graph, science, ~science).tolist() == [2, 0, 0, 0]


def test_two_brokers_share_an_open_pair_when_fractional() -> None:
    square = Graph.from_edges(["a", "a", "b", "b"], ["x", "y", "x", "y"])
    types = ["firm", "firm", "university", "university"]
    assert brokerage_roles(square, types).itinerant.tolist() == [1, 1, 1, 1]
    assert brokerage_roles(square, types, fractional=True).itinerant.tolist() == [0.5] * 4
    flags = np.array([True, False, False, False]), np.array([False, True, False, False])
    assert brokerage_between(square, *flags, fractional=True).tolist() == [0, 0, 0.5, 0.5]


def test_wrong_lengths_are_refused() -> None:
    graph = Graph.from_edges(["a"], ["b"])
    with pytest.raises(ValueError, match="1 types for 2 nodes"):
        brokerage_roles(graph, ["firm"])
    with pytest.raises(ValueError, match="one flag for each of 2"):
        brokerage_between(graph, [True], [True, False])


@settings(max_examples=100, deadline=None)
@given(adjacencies())
def test_rings_and_decay_equal_networkx_distances(a: Dense) -> None:
    graph, n = from_dense(a), len(a)
    other = nx.from_numpy_array(a)
    frequency, distance = np.zeros(n), np.zeros(n)
    for i in range(n):
        lengths = [d for d in nx.single_source_shortest_path_length(other, i).values() if d]
        at = {k: lengths.count(k) for k in range(1, n + 1)}
        for k in range(2, n + 1):
            within = sum(at[q] for q in range(1, k + 1))
            frequency[i] += at[k] * (1 - within / (len(lengths) + 1))
            distance[i] += at[k] / k
        assert rings(graph)[i].sum() == len(lengths)
    assert indirect_ties(graph) == pytest.approx(frequency, abs=1e-12)
    assert indirect_ties(graph, decay="distance") == pytest.approx(distance, abs=1e-12)
    if n > 1:
        harmonic = closeness(graph).harmonic * (n - 1) - degree(graph)
        assert indirect_ties(graph, decay="distance") == pytest.approx(harmonic, abs=1e-10)


def test_indirect_ties_of_a_path_by_hand() -> None:
    path = Graph.from_edges([0, 1, 2], [1, 2, 3])
    # Node 0: one each at 1, 2, 3; three in reach: 1 (1 - 2/4) + 1 (1 - 3/4).
    assert indirect_ties(path)[0] == pytest.approx(0.75)
    assert indirect_ties(path, decay="distance")[0] == pytest.approx(1 / 2 + 1 / 3)
    # Within two steps: two in reach, 1 (1 - 2/3).
    assert indirect_ties(path, farthest=2)[0] == pytest.approx(1 / 3)
    assert rings(path, farthest=2).tolist() == [[1, 1], [2, 1], [2, 1], [1, 1]]
    with pytest.raises(ValueError, match="decay must be"):
        indirect_ties(path, decay="other")
    with pytest.raises(ValueError, match="at least 1"):
        rings(path, farthest=0)


def test_long_paths_and_threads_give_the_same_rings() -> None:
    path = Graph.from_edges(range(200), range(1, 201))
    counts = rings(path, threads=1)
    assert counts.shape == (201, 200)
    assert counts[0].tolist() == [1] * 200
    assert (counts == rings(path, threads=2)).all()


def test_spokes_and_hubs() -> None:
    # A star of four with one tie among the leaves: two of four meet through the centre alone.
    star = Graph.from_edges(["c", "c", "c", "c", "w"], ["w", "x", "y", "z", "x"], nodes=["i"])
    shares = dict(zip(star.nodes.tolist(), spoke_share(star).tolist(), strict=True))
    assert shares["c"] == 0.5
    assert shares["y"] == 1.0
    assert shares["w"] == 0.0
    assert np.isnan(shares["i"])
    assert star.nodes[hubs(star)].tolist() == ["c"]
    found = dict(zip(star.nodes.tolist(), hub_share(star).tolist(), strict=True))
    assert found["y"] == 1.0
    assert found["w"] == 0.5
    assert found["c"] == 0.0
    assert np.isnan(found["i"])


def test_all_nodes_tied_at_the_cut_are_hubs() -> None:
    ring = Graph.from_edges(range(20), [*range(1, 20), 0])
    assert hubs(ring).all()
    assert not hubs(Graph.from_edges([], [], nodes=["a"])).any()
    with pytest.raises(ValueError, match="top must lie"):
        hubs(ring, top=0.0)
