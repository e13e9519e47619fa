"""Two-way, Driscoll-Kraay, network and dyadic covariances; QAP; placebo networks."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.inference.dyadic import dyadic_covariance, node_jackknife
from tertius.inference.multiway import (
    driscoll_kraay_covariance,
    larger_errors,
    positive_part,
    two_way_covariance,
)
from tertius.inference.network_hac import bandwidth_of, kernel_weight, network_hac
from tertius.inference.placebo import placebo_networks, placebo_of
from tertius.inference.qap import mrqap, qap_correlation
from tertius.measures import Graph, degree
from tertius.measures.whole import transitivity


def influences(n: int, k: int = 2, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(n, k))


def summed_pairs(psi: FloatArray, weight: FloatArray) -> FloatArray:
    """sum_ij w_ij psi_i psi_j' by its definition."""
    return psi.T @ weight @ psi


def test_two_way_by_definition() -> None:
    psi, rng = influences(60), np.random.default_rng(1)
    a, b = rng.integers(0, 9, 60), rng.integers(0, 6, 60)
    same_a, same_b = a[:, None] == a, b[:, None] == b
    expected = 6 / 5 * 59 / 55 * summed_pairs(psi, (same_a | same_b).astype(float))
    assert two_way_covariance(psi, a, b, 5).covariance == pytest.approx(expected)
    g_ab = len(np.unique(np.stack([a, b], axis=1), axis=0))
    factors = [g / (g - 1) for g in (9, 6, g_ab)]
    parts = [same_a, same_b, same_a & same_b]
    own = sum(
        sign * f * summed_pairs(psi, p.astype(float))
        for sign, f, p in zip((1, 1, -1), factors, parts, strict=True)
    )
    found = two_way_covariance(psi, a, b, 5, smallest=False)
    assert found.covariance == pytest.approx(59 / 55 * own)
    assert found.repaired == 0


def test_negative_eigenvalues_become_zero() -> None:
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    found = positive_part(indefinite)
    assert found.repaired == 1
    # eigenvalues 3 and -1: what is left is 3 times the projector on (1, 1)
    assert found.covariance == pytest.approx(np.full((2, 2), 1.5))
    assert found.sentence(np.eye(2) * 1.5) == (
        "Standard errors are 1.00 to 1.00 times the others. 1 negative eigenvalues were set to 0."
    )
    units = np.outer([1.0, 1e-6], [1.0, 1e-6])
    assert positive_part(indefinite * units).covariance == pytest.approx(1.5 * units)
    good = np.array([[2.0, 1.0], [1.0, 2.0]])
    assert positive_part(good).covariance is good
    errors, which = larger_errors([good, indefinite * 3])
    assert errors == pytest.approx(np.sqrt([3.0, 3.0]))
    assert which.tolist() == [1, 1]


def test_driscoll_kraay_by_definition() -> None:
    psi, rng = influences(50, seed=3), np.random.default_rng(3)
    year = rng.choice([2000, 2001, 2002, 2004, 2005], 50)
    gap = np.abs(year[:, None] - year)
    weight = np.maximum(1 - gap / 3, 0)
    expected = 1.1 * summed_pairs(psi, weight)
    assert driscoll_kraay_covariance(psi, year, 2, factor=1.1) == pytest.approx(expected)
    with pytest.raises(ValueError, match="lags with 6 years"):
        driscoll_kraay_covariance(psi, year, 6)


def ring_graph(n: int, extra: int, seed: int = 0) -> Graph:
    """A ring of n nodes with chords, three isolates beside it."""
    rng = np.random.default_rng(seed)
    a, b = np.arange(n), (np.arange(n) + 1) % n
    more = rng.integers(0, n, (extra, 2))
    names = np.array([f"f{i:04d}" for i in range(n + 3)])
    ends = np.r_[a, more[:, 0]], np.r_[b, more[:, 1]]
    return Graph.from_edges(names[ends[0]], names[ends[1]], nodes=names)


def distances(graph: Graph) -> FloatArray:
    """Steps between all pairs by repeated neighbours; infinite without a path."""
    n = graph.n_nodes
    near = np.zeros((n, n), dtype=bool)
    rows = np.repeat(np.arange(n), np.diff(graph.indptr))
    near[rows, graph.indices] = True
    found = np.where(np.eye(n, dtype=bool), 0.0, np.inf)
    reached = np.eye(n, dtype=bool)
    for step in range(1, n):
        further = (reached @ near) & ~np.isfinite(found)
        if not further.any():
            break
        found[further] = step
        reached |= further
    return found


@pytest.mark.parametrize("name", ["bartlett", "parzen", "uniform"])
def test_network_hac_by_definition(name: str) -> None:
    graph = ring_graph(210, 40)
    names = [str(node) for node in graph.nodes[5:]] + ["unknown"]
    psi = influences(len(names), seed=2)
    apart = np.full((len(names), len(names)), np.inf)
    apart[:-1, :-1] = distances(graph)[5:, 5:]
    apart[-1, -1] = 0.0
    weight = np.array([[kernel_weight(name, d / 3.5) for d in row] for row in apart])
    expected = positive_part(1.2 * summed_pairs(psi, weight))
    kept = {"mean_path": 9.0, "bandwidth": 3.5, "kernel_name": name, "factor": 1.2}
    found = network_hac(psi, names, graph, ["a", "b"], threads=1, **kept)
    assert found.covariance == pytest.approx(expected.covariance, rel=1e-9)
    assert found.repaired == expected.repaired
    assert found.outside == 1
    assert found.clustered == pytest.approx(1.2 * psi.T @ psi)
    larger = np.maximum(np.diag(found.covariance), np.diag(found.clustered))
    assert found.std_errors == pytest.approx(np.sqrt(larger))
    satterthwaite = np.diag(psi.T @ psi) ** 2 / np.diag(summed_pairs(psi**2, weight**2))
    assert found.dof == pytest.approx(satterthwaite)
    again = network_hac(psi, names, graph, ["a", "b"], threads=2, **kept)
    assert np.array_equal(again.covariance, found.covariance)
    order = np.random.default_rng(1).permutation(len(names))
    mixed = network_hac(psi[order], [names[i] for i in order], graph, ["a", "b"], **kept)
    assert mixed.covariance == pytest.approx(found.covariance, rel=1e-12)
    assert "1 of 209 firms" in found.sentence("a")
    assert found.figure("a")["products"].sum() == pytest.approx(
        1.2 * summed_pairs(psi, (apart < 3.5).astype(float))[0, 0]
    )


def test_network_bandwidth_and_refusals() -> None:
    assert bandwidth_of(1000, 4.0, math.nan) == pytest.approx(2 * math.log(1000) / math.log(4))
    assert bandwidth_of(1000, 4.0, 6.0) == 3.0
    assert bandwidth_of(1000, 4.0, 1.5) == 1.0
    assert bandwidth_of(500, 0.4, math.nan) == pytest.approx(2 * math.log(500) / math.log(1.05))
    assert kernel_weight("parzen", 0.5) == pytest.approx(0.25)
    assert kernel_weight("parzen", 0.25) == pytest.approx(1 - 6 / 16 + 6 / 64)
    graph, psi = ring_graph(210, 10), influences(199)
    names = [str(node) for node in graph.nodes]
    with pytest.raises(ValueError, match="needs 200 firms"):
        network_hac(psi, names[:199], graph, ["a", "b"], mean_path=5.0)
    with pytest.raises(ValueError, match="unknown kernel"):
        network_hac(influences(213), names, graph, ["a", "b"], mean_path=5.0, kernel_name="x")
    alone = network_hac(influences(213), names, graph, ["a", "b"], mean_path=1.0)
    assert alone.covariance == pytest.approx(alone.clustered)


def dyads(n: int, years: int = 1) -> tuple[IntArray, IntArray]:
    pairs = np.array(list(itertools.combinations(range(n), 2)))
    return np.tile(pairs[:, 0], years), np.tile(pairs[:, 1], years)


@pytest.mark.parametrize("years", [1, 3])
def test_dyadic_by_definition(years: int) -> None:
    a, b = dyads(8, years)
    rng = np.random.default_rng(4)
    keep = rng.random(len(a)) < 0.7
    a, b = a[keep], b[keep]
    psi = influences(len(a), seed=4)
    shared = (a[:, None] == a) | (a[:, None] == b) | (b[:, None] == a) | (b[:, None] == b)
    expected = positive_part(summed_pairs(psi, shared.astype(float)))
    found = dyadic_covariance(psi, a, b, small_sample=False)
    assert found.covariance == pytest.approx(expected.covariance, rel=1e-9, abs=1e-9)
    if years == 1:
        noise = np.diag(summed_pairs(psi**2, shared.astype(float)))
        assert found.dof == pytest.approx(np.minimum(np.diag(psi.T @ psi) ** 2 / noise, 7))
    assert dyadic_covariance(psi, b, a).covariance == pytest.approx(8 / 7 * found.covariance)
    renamed = rng.permutation(8)
    other = dyadic_covariance(psi, renamed[a], renamed[b], small_sample=False)
    assert other.covariance == pytest.approx(found.covariance, rel=1e-9, abs=1e-9)
    assert "of 8 nodes" in found.sentence
    with pytest.raises(ValueError, match="to itself"):
        dyadic_covariance(psi, a, a)


def test_node_jackknife_agrees_where_nodes_matter() -> None:
    n, rng = 60, np.random.default_rng(5)
    a, b = dyads(n)
    effect = rng.normal(size=n)
    y = effect[a] + effect[b] + 0.1 * rng.normal(size=len(a))

    def mean(rows: BoolArray) -> FloatArray:
        return np.array([y[rows].mean()])

    found = node_jackknife(mean, a, b)
    robust = dyadic_covariance((y - y.mean())[:, None] / len(y), a, b)
    assert found.std_errors[0] == pytest.approx(robust.std_errors[0], rel=0.03)
    assert found.failed == 0
    assert found.figure(0).height == n
    assert robust.std_errors[0] > 4 * math.sqrt(robust.heteroskedastic[0, 0])


def matrix_of(n: int, ties: list[tuple[int, int]]) -> FloatArray:
    out = np.zeros((n, n))
    for i, j in ties:
        out[i - 1, j - 1] = out[j - 1, i - 1] = 1.0
    return out


def test_qap_worked_answer() -> None:
    y = matrix_of(4, [(1, 2), (1, 3), (2, 3), (3, 4)])
    x = matrix_of(4, [(1, 2), (1, 3), (3, 4)])
    found = qap_correlation(y, x)
    assert found.exact
    assert len(found.draws) == 24
    assert found.coefficients[0] == pytest.approx(1 / math.sqrt(2), abs=1e-12)
    assert found.p_greater[0] == pytest.approx(1 / 6, abs=1e-12)
    assert "24 all relabellings" in found.sentence("x")


def test_qap_refuses_what_it_cannot_test() -> None:
    y = np.random.default_rng(0).normal(size=(5, 5))
    with pytest.raises(ValueError, match="directed=True"):
        qap_correlation(y, y)
    assert qap_correlation(y, y, directed=True).coefficients[0] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="one size"):
        qap_correlation(y, y[:4, :4], directed=True)
    with pytest.raises(ValueError, match="does not vary"):
        qap_correlation(y, np.ones((5, 5)), directed=True)
    with pytest.raises(ValueError, match="collinear"):
        mrqap(y, [y, 2 * y], ["a", "b"], directed=True)


def brute_mrqap(y: FloatArray, x: list[FloatArray], cells: tuple[IntArray, IntArray]) -> FloatArray:
    """(B, k) t values over all relabellings, each by a full regression."""
    design = np.column_stack([np.ones(len(cells[0])), *(m[cells] for m in x)])
    found = []
    for order in itertools.permutations(range(len(y))):
        row = []
        for j in range(len(x)):
            others = np.delete(design, j + 1, axis=1)
            fitted = others @ np.linalg.lstsq(others, design[:, j + 1])[0]
            left = np.zeros(y.shape)
            left[cells] = design[:, j + 1] - fitted
            if (np.triu(np.ones(y.shape)) > 0)[cells].all():
                left = left + left.T
            part = np.column_stack([left[np.ix_(order, order)][cells], others])
            slope, *_ = np.linalg.lstsq(part, y[cells])
            rest = y[cells] - part @ slope
            variance = rest @ rest / (len(rest) - part.shape[1])
            row.append(slope[0] / math.sqrt(variance * np.linalg.inv(part.T @ part)[0, 0]))
        found.append(row)
    return np.array(found)


@pytest.mark.parametrize("directed", [False, True])
def test_mrqap_by_definition(directed: bool) -> None:
    rng = np.random.default_rng(7)
    x = [rng.normal(size=(5, 5)) for _ in range(2)]
    y = 0.5 * x[0] + rng.normal(size=(5, 5))
    if not directed:
        x, y = [m + m.T for m in x], y + y.T
    off = ~np.eye(5, dtype=bool)
    cells = np.nonzero(off if directed else np.triu(off))
    found = mrqap(y, x, ["a", "b"], directed=directed)
    expected = brute_mrqap(y, x, cells)
    assert found.draws == pytest.approx(expected, rel=1e-8, abs=1e-8)
    assert found.statistics == pytest.approx(expected[0], rel=1e-8)
    hits = (np.abs(expected) >= np.abs(expected[0]) - 1e-9).mean(axis=0)
    assert found.p_two_sided == pytest.approx(hits)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 500), scale=st.floats(1e-3, 1e3), flip=st.booleans())
def test_relabelled_nodes_and_units(seed: int, scale: float, flip: bool) -> None:
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(5, 5)) for _ in range(2)]
    y = x[0] + rng.normal(size=(5, 5))
    y[1, 2] = math.nan
    order = rng.permutation(5)
    base = mrqap(y, x, ["a", "b"], directed=True)
    moved = mrqap(
        y[np.ix_(order, order)], [m[np.ix_(order, order)] for m in x], ["a", "b"], directed=True
    )
    assert moved.p_two_sided == pytest.approx(base.p_two_sided)
    factor = -scale if flip else scale
    other = mrqap(y, [factor * x[0], x[1]], ["a", "b"], directed=True)
    assert other.p_two_sided == pytest.approx(base.p_two_sided)
    assert other.statistics[0] == pytest.approx(base.statistics[0] * (-1 if flip else 1), rel=1e-6)
    assert base.n_dyads == 19


def test_placebo_networks_keep_degrees_and_break_triangles() -> None:
    cliques = [(4 * c + i, 4 * c + j) for c in range(15) for i in range(4) for j in range(i)]
    bridges = [(4 * c, 4 * c + 4) for c in range(14)]
    a, b = np.array(cliques + bridges).T
    graph = Graph.from_edges(a, b)
    found = placebo_networks(transitivity, graph, draws=49, seed=3, name="transitivity")
    assert found.outside
    assert found.p_value == 1 / 50
    assert found.distance > 5
    assert 0.5 < found.moved < 1
    again = placebo_networks(transitivity, graph, draws=10, seed=3, name="transitivity")
    assert np.array_equal(again.draws, found.draws[:10])
    flat = placebo_networks(
        lambda g: float((degree(g) ** 2).sum()), graph, draws=9, seed=3, name="degrees"
    )
    assert flat.p_value == 1.0
    assert math.isnan(flat.distance)
    assert "same degrees" in found.sentence
    assert found.figure()["draws"].sum() == 49


def test_placebo_estimates_made_elsewhere() -> None:
    found = placebo_of("date", 3.0, np.array([1.0, 2.0, np.nan, 0.0, 1.0]))
    # around the mean 1: distances 0, 1, 1, 0 against 2
    assert found.p_value == 1 / 5
    assert found.failed == 1
    with pytest.raises(ValueError, match="no placebo"):
        placebo_of("date", 3.0, np.array([np.nan]))
