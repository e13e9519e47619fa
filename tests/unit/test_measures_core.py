"""Core and periphery: the worked answer, brute force, starts, permutation test."""

import importlib
import itertools

import numpy as np
import pytest

from tertius.measures import Graph, core_periphery, core_permutation_p, coreness

W13 = Graph.from_edges(list("AABAB"), list("BCCDE"))


def dense_fit(a: np.ndarray, core: np.ndarray, between: str) -> float:
    i, j = np.triu_indices(len(a), 1)
    both, none = core[i] & core[j], ~core[i] & ~core[j]
    ideal = both if between == "zeros" else both | (core[i] ^ core[j])
    keep = both | none if between == "ignored" else np.ones(i.size, bool)
    x, y = a[i, j][keep], ideal[keep].astype(float)
    return np.corrcoef(x, y)[0, 1] if x.size and x.std() > 0 and y.std() > 0 else -np.inf


def test_w13_the_treatment_of_mixed_pairs_decides_the_core() -> None:
    ones = core_periphery(W13)
    assert W13.nodes[ones.core].tolist() == ["A", "B"]
    assert ones.fit == pytest.approx(0.15 / np.sqrt(0.0525), abs=1e-12)
    ignored = core_periphery(W13, between="ignored")
    assert W13.nodes[ignored.core].tolist() == ["A", "B", "C"]
    assert ignored.fit == pytest.approx(1.0, abs=1e-12)
    assert ones.exact
    assert ignored.exact


def test_w13_other_cores_fit_worse() -> None:
    a = np.zeros((5, 5))
    for x, y in ("AB", "AC", "BC", "AD", "BE"):
        a["ABCDE".index(x), "ABCDE".index(y)] = 1
    a += a.T
    assert dense_fit(a, np.array([1, 1, 1, 0, 0], bool), "ones") == pytest.approx(1 / 3)
    assert dense_fit(a, np.array([1, 0, 0, 0, 0], bool), "ones") == pytest.approx(
        0.408248, abs=1e-6
    )


@pytest.mark.parametrize("between", ["ones", "zeros", "ignored"])
@pytest.mark.parametrize("seed", range(6))
def test_small_networks_take_the_best_of_all_partitions(between: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = np.triu(rng.integers(0, 4, (8, 8)) * (rng.random((8, 8)) < 0.5), 1).astype(float)
    a += a.T
    i, j = np.nonzero(np.triu(a))
    graph = Graph.from_edges(i, j, a[i, j], nodes=np.arange(8))
    found = core_periphery(graph, between=between)
    fits = [
        dense_fit(a, np.isin(np.arange(8), members), between)
        for k in range(1, 8)
        for members in itertools.combinations(range(8), k)
    ]
    assert found.fit == pytest.approx(max(fits), abs=1e-12)
    assert dense_fit(a, found.core, between) == pytest.approx(found.fit, abs=1e-12)


def planted(n: int, k: int) -> Graph:
    """All ties among the first k nodes and from each to every other."""
    pairs = [(i, j) for i in range(k) for j in range(i + 1, n)]
    return Graph.from_edges(*zip(*pairs, strict=True), nodes=np.arange(n))


def test_climbs_find_a_planted_core() -> None:
    graph = planted(40, 6)
    found = core_periphery(graph)
    assert np.flatnonzero(found.core).tolist() == list(range(6))
    assert found.fit == pytest.approx(1.0, abs=1e-12)
    assert (found.exact, found.starts) == (False, 20)
    assert found.agreeing >= 1
    again = core_periphery(graph, seed=9)
    assert again.core.tolist() == found.core.tolist()


def test_climbs_reach_the_best_of_all_partitions(monkeypatch) -> None:
    # The package exports a function of the name of its module.
    source = importlib.import_module("tertius.measures.core_periphery")
    graphs = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        i, j = np.triu_indices(10, 1)
        keep = rng.random(i.size) < 0.35
        graphs.append(Graph.from_edges(i[keep], j[keep], nodes=np.arange(10)))
    best = [core_periphery(g).fit for g in graphs]
    monkeypatch.setattr(source, "_ALL_PARTITIONS", 0)
    climbed = [core_periphery(g).fit for g in graphs]
    assert climbed == pytest.approx(best, abs=1e-12)


def test_no_core_without_ties_or_variation() -> None:
    for graph in (
        Graph.from_edges([], [], nodes=list("abc")),
        Graph.from_edges(["a"], ["b"]),
        Graph.from_edges(list("aab"), list("bcc")),
    ):
        found = core_periphery(graph)
        assert np.isnan(found.fit)
        assert not found.core.any()
    with pytest.raises(ValueError, match="between must be"):
        core_periphery(W13, between="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 20"):
        core_periphery(W13, starts=5)


def test_coreness_of_a_product_is_found_exactly() -> None:
    c = np.linspace(0.2, 1.0, 15)
    i, j = np.triu_indices(15, 1)
    graph = Graph.from_edges(i, j, c[i] * c[j])
    found = coreness(graph)
    assert found.coreness == pytest.approx(c / np.sqrt((c**2).sum()), abs=1e-6)
    assert found.fit == pytest.approx(1.0, abs=1e-9)


def test_coreness_scales_away_and_isolates_have_none() -> None:
    rng = np.random.default_rng(4)
    i, j = np.triu_indices(20, 1)
    keep = rng.random(i.size) < 0.2
    w = rng.integers(1, 5, keep.sum())
    one = coreness(Graph.from_edges(i[keep], j[keep], w, nodes=np.arange(21)))
    two = coreness(Graph.from_edges(i[keep], j[keep], 8.0 * w, nodes=np.arange(21)))
    assert one.coreness == pytest.approx(two.coreness, abs=1e-9)
    assert one.coreness[20] == 0.0
    assert (one.coreness**2).sum() == pytest.approx(1.0)
    # No neighbouring point has smaller residuals.
    a = np.zeros((21, 21))
    a[i[keep], j[keep]] = w
    a += a.T
    scale = (one.coreness @ a @ one.coreness) / (1 - (one.coreness**4).sum())

    def loss(c: np.ndarray) -> float:
        return float(((a - np.outer(c, c))[np.triu_indices(21, 1)] ** 2).sum())

    best = np.sqrt(scale) * one.coreness
    for _ in range(50):
        assert loss(np.abs(best + rng.normal(0, 0.01, 21))) >= loss(best) - 1e-9


def test_two_alike_halves_have_no_coreness() -> None:
    found = coreness(Graph.from_edges([0, 0, 1, 3, 3, 4], [1, 2, 2, 4, 5, 5]))
    assert np.isnan(found.coreness).all()
    assert np.isnan(coreness(Graph.from_edges([0], [1])).fit)


def test_permutation_p_is_small_for_a_planted_core_and_not_for_noise() -> None:
    p, fits = core_permutation_p(planted(16, 3), draws=39, seed=1)
    assert p == pytest.approx(1 / 40)
    assert fits.max() < 1.0
    rng = np.random.default_rng(3)
    i, j = np.triu_indices(16, 1)
    keep = rng.random(i.size) < 0.3
    noise = Graph.from_edges(i[keep], j[keep], nodes=np.arange(16))
    p, fits = core_permutation_p(noise, draws=39, seed=1)
    assert p > 0.05
    again, _ = core_permutation_p(noise, draws=39, seed=1)
    assert again == p
    with pytest.raises(ValueError, match="at least 1"):
        core_permutation_p(noise, draws=0, seed=1)
