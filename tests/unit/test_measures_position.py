"""Position measures: brute force, invariances, sampling and its standard errors."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tertius.measures import (
    Graph,
    betweenness,
    bonacich_power,
    closeness,
    component_size,
    components,
    degree_normalised,
    eigenvector,
    k_core,
    largest_eigenvalue,
    sources,
    two_step_reach,
)

Dense = NDArray[np.float64]


def from_dense(a: Dense) -> Graph:
    """Graph of a symmetric matrix, nodes 0..n-1."""
    i, j = np.nonzero(np.triu(a, 1))
    return Graph.from_edges(i, j, a[i, j], nodes=np.arange(len(a)))


@st.composite
def adjacencies(draw: st.DrawFn, largest: int = 9) -> Dense:
    """Random 0/1 graphs; low densities give components, pendants and twins."""
    n = draw(st.integers(1, largest))
    pairs = n * (n - 1) // 2
    values = draw(st.lists(st.sampled_from([0.0, 0.0, 1.0]), min_size=pairs, max_size=pairs))
    a = np.zeros((n, n))
    a[np.triu_indices(n, 1)] = values
    return a + a.T


def path_counts(a: Dense) -> tuple[Dense, Dense]:
    """Distances and numbers of shortest paths, from powers of the adjacency matrix."""
    n = len(a)
    distance, count = np.full((n, n), np.inf), np.zeros((n, n))
    power = np.eye(n)
    for length in range(n):
        fresh = (power > 0) & np.isinf(distance)
        distance[fresh], count[fresh] = length, power[fresh]
        power = power @ (a > 0)
    return distance, count


def brute_betweenness(a: Dense) -> Dense:
    """Share of shortest paths through every node, summed over pairs."""
    n = len(a)
    d, g = path_counts(a)
    out = np.zeros(n)
    for i, (j, k) in itertools.product(range(n), itertools.combinations(range(n), 2)):
        inside = i not in (j, k) and np.isfinite(d[j, k]) and d[j, i] + d[i, k] == d[j, k]
        if inside:
            out[i] += g[j, i] * g[i, k] / g[j, k]
    return out


@settings(max_examples=150, deadline=None)
@given(adjacencies())
def test_paths_equal_their_definitions(a: Dense) -> None:
    graph, n = from_dense(a), len(a)
    d, _ = path_counts(a)
    np.testing.assert_allclose(betweenness(graph).raw, brute_betweenness(a), atol=1e-10)
    near = closeness(graph)
    if n == 1:
        assert np.isnan([near.closeness[0], near.harmonic[0]]).all()
        return
    reached = np.isfinite(d)
    r = reached.sum(1)
    far = np.where(reached, d, 0).sum(1)
    expected = np.where(r > 1, (r - 1) ** 2 / ((n - 1) * np.where(far > 0, far, 1)), 0.0)
    np.testing.assert_allclose(near.closeness, expected, atol=1e-12)
    with np.errstate(divide="ignore"):
        inverse = np.where(d > 0, 1 / d, 0).sum(1) / (n - 1)
    np.testing.assert_allclose(near.harmonic, inverse, atol=1e-12)
    assert two_step_reach(graph).tolist() == ((d > 0) & (d <= 2)).sum(1).tolist()
    assert component_size(graph).tolist() == r.tolist()


@settings(max_examples=60, deadline=None)
@given(adjacencies())
def test_equal_costs_reduce_weighted_betweenness_to_steps(a: Dense) -> None:
    graph = from_dense(a * 0.7)
    np.testing.assert_allclose(
        betweenness(graph, weighted=True).raw, betweenness(graph).raw, atol=1e-10
    )


@settings(max_examples=50, deadline=None)
@given(adjacencies(6), adjacencies(6))
def test_disjoint_unions(a: Dense, b: Dense) -> None:
    both = np.zeros((len(a) + len(b),) * 2)
    both[: len(a), : len(a)], both[len(a) :, len(a) :] = a, b
    one, two, union = (betweenness(from_dense(x)).raw for x in (a, b, both))
    np.testing.assert_allclose(union, np.r_[one, two], atol=1e-12)
    first, second, joint = (closeness(from_dense(x)).closeness for x in (a, b, both))
    scale = [(len(a) - 1) / (len(both) - 1), (len(b) - 1) / (len(both) - 1)]
    parts = [np.nan_to_num(first) * scale[0], np.nan_to_num(second) * scale[1]]
    np.testing.assert_allclose(joint, np.concatenate(parts), atol=1e-12)
    assert components(from_dense(both)).max() == (
        components(from_dense(a)).max() + components(from_dense(b)).max() + 1
    )


@settings(max_examples=50, deadline=None)
@given(adjacencies())
def test_an_isolate_lowers_only_what_is_normalised(a: Dense) -> None:
    more = np.zeros((len(a) + 1,) * 2)
    more[:-1, :-1] = a
    assert betweenness(from_dense(more)).raw[:-1] == pytest.approx(betweenness(from_dense(a)).raw)
    near = closeness(from_dense(more))
    assert near.closeness[-1] == near.harmonic[-1] == betweenness(from_dense(more)).raw[-1] == 0
    if len(a) > 1:
        scale = (len(a) - 1) / len(a)
        assert near.harmonic[:-1] == pytest.approx(closeness(from_dense(a)).harmonic * scale)


@pytest.fixture(scope="module")
def hubs() -> Graph:
    """A heavy-tailed network with a giant component, small ones and isolates."""
    rng = np.random.default_rng(11)
    a, b = (900 * rng.random((2, 2000)) ** 2.2).astype(int)
    return Graph.from_edges(
        np.r_[a, 1000, 1002, 1003], np.r_[b, 1001, 1003, 1004], nodes=np.arange(1010)
    )


def test_thread_counts_give_the_same_bits(hubs: Graph) -> None:
    for weighted in (False, True):
        one, two = (betweenness(hubs, weighted=weighted, threads=k) for k in (1, 2))
        assert one.raw.tobytes() == two.raw.tobytes()
    near = [closeness(hubs, threads=k) for k in (1, 2)]
    assert near[0].closeness.tobytes() == near[1].closeness.tobytes()
    assert near[0].harmonic.tobytes() == near[1].harmonic.tobytes()
    assert two_step_reach(hubs, threads=1).tolist() == two_step_reach(hubs, threads=2).tolist()


def test_a_sample_of_all_sources_is_exact(hubs: Graph) -> None:
    rng = np.random.default_rng(0)
    start = sources(hubs, hubs.n_nodes, rng)
    assert start.exact.all()
    between = betweenness(hubs, start=start)
    assert between.raw.tobytes() == betweenness(hubs).raw.tobytes()
    assert np.isnan(between.standard_error).all()


def test_small_components_stay_exact_in_a_sample(hubs: Graph) -> None:
    start = sources(hubs, 50, np.random.default_rng(1))
    size = component_size(hubs)
    assert (start.exact == (size <= 50)).all()
    between, near = betweenness(hubs, start=start), closeness(hubs, start=start)
    assert np.isnan(between.standard_error[start.exact]).all()
    assert np.isfinite(between.standard_error[~start.exact]).all()
    middle = hubs.nodes.tolist().index(1003)
    assert between.raw[middle] == 1.0
    assert near.closeness[middle] == closeness(hubs).closeness[middle]
    assert between.n_sources < near.n_sources < hubs.n_nodes


def test_sampled_values_centre_on_the_exact_ones_and_errors_are_honest(hubs: Graph) -> None:
    exact, exact_near = betweenness(hubs), closeness(hubs)
    draws = [sources(hubs, 100, np.random.default_rng(k)) for k in range(500)]
    sampled = [betweenness(hubs, start=s, threads=1) for s in draws]
    near = [closeness(hubs, start=s, threads=1) for s in draws]
    top = np.argsort(-exact.raw)[:30]
    mean = np.mean([x.raw for x in sampled], axis=0)[top]
    spread = np.std([x.raw for x in sampled], axis=0, ddof=1)[top]
    assert (np.abs(mean - exact.raw[top]) < 4 * spread / math.sqrt(len(draws))).all()
    claimed = np.sqrt(np.mean([x.standard_error**2 for x in sampled], axis=0))[top]
    assert np.median(claimed / spread) == pytest.approx(1.0, abs=0.05)
    giant = ~draws[0].exact
    for name in ("closeness", "harmonic"):
        values = np.array([getattr(x, name)[giant] for x in near])
        errors = np.array([getattr(x, f"{name}_se")[giant] for x in near])
        spread = values.std(axis=0, ddof=1)
        off = np.abs(values.mean(axis=0) - getattr(exact_near, name)[giant])
        assert (off < 4.5 * spread / math.sqrt(len(draws))).all()
        claimed = np.sqrt((errors**2).mean(axis=0))
        assert np.median(claimed / spread) == pytest.approx(1.0, abs=0.05)


def test_sampling_arguments_are_checked(hubs: Graph) -> None:
    with pytest.raises(ValueError, match="at least 3"):
        sources(hubs, 2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="rng"):
        sources(hubs, 10)


@settings(max_examples=60, deadline=None)
@given(adjacencies())
def test_cores_by_peeling(a: Dense) -> None:
    core = np.zeros(len(a), int)
    for k in range(1, len(a)):
        alive = np.ones(len(a), bool)
        while True:
            weak = alive & ((a[:, alive] > 0).sum(1) < k)
            if not weak.any():
                break
            alive &= ~weak
        core[alive] = k
    assert k_core(from_dense(a)).tolist() == core.tolist()


def test_eigenvector_lives_on_the_declared_component() -> None:
    # A 4-cycle with a chord (5 ties), and a 5-path: more nodes, smaller eigenvalue.
    rows = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (5, 6), (6, 7), (7, 8), (8, 9)]
    a, b = np.array(rows).T
    graph = Graph.from_edges(a, b, nodes=np.arange(11))
    largest, leading = eigenvector(graph), eigenvector(graph, policy="leading")
    assert np.isnan(largest[[0, 1, 2, 3, 4, 10]]).all()
    path = np.sin(np.arange(1, 6) * np.pi / 6)
    assert largest[5:10] == pytest.approx(path)
    assert np.isnan(leading[4:]).all()
    ratio = 2 / ((1 + math.sqrt(17)) / 2)
    assert leading[:4] == pytest.approx([1.0, ratio, 1.0, ratio])
    with pytest.raises(ValueError, match="policy"):
        eigenvector(graph, policy="any")  # type: ignore[arg-type]


def test_tied_components_leave_the_eigenvector_undefined() -> None:
    triangles = Graph.from_edges([0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3])
    assert np.isnan(eigenvector(triangles)).all()
    assert np.isnan(eigenvector(triangles, policy="leading")).all()
    weights = [1, 1, 1, 2, 2, 2]
    heavier = Graph.from_edges([0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3], weights)
    assert np.isnan(eigenvector(heavier)).all()
    assert eigenvector(heavier, policy="leading")[3:] == pytest.approx([1.0] * 3)
    assert np.isnan(eigenvector(Graph.from_edges([], [], nodes=[1, 2]))).all()


def test_sparse_and_dense_spectra_agree(hubs: Graph) -> None:
    dense = np.zeros((hubs.n_nodes,) * 2)
    rows = np.repeat(np.arange(hubs.n_nodes), np.diff(hubs.indptr))
    dense[rows, hubs.indices] = hubs.weights
    values, vectors = np.linalg.eigh(dense)
    expected = np.abs(vectors[:, -1]) / np.abs(vectors[:, -1]).max()
    found = eigenvector(hubs)
    defined = ~np.isnan(found)
    assert found[defined] == pytest.approx(expected[defined], abs=1e-10)
    assert largest_eigenvalue(hubs) == pytest.approx(values[-1], rel=1e-12)
    power = np.linalg.solve(np.eye(hubs.n_nodes) - 0.75 / values[-1] * dense, dense.sum(1))
    power *= math.sqrt(hubs.n_nodes / (power @ power))
    assert bonacich_power(hubs) == pytest.approx(power, abs=1e-9)


def test_bonacich_bounds_and_bargaining() -> None:
    path = Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="not below"):
        bonacich_power(path, beta=0.6)
    bargaining = bonacich_power(path, ratio=-0.75)
    # Weak contacts give power: the neighbours of the ends beat the middle.
    assert bargaining[1] > bargaining[2]
    assert bonacich_power(path)[2] > bonacich_power(path)[1]
    assert bonacich_power(Graph.from_edges([], [], nodes=[0, 1])).tolist() == [0.0, 0.0]


def test_one_node_has_no_share_of_others() -> None:
    assert np.isnan(degree_normalised(Graph.from_edges([], [], nodes=[1]))).all()
