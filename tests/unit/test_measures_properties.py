"""All measures of a network at once: new names, networks beside, units of weights, isolates."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tertius.measures import Graph, measure_network

Dense = NDArray[np.float64]
# Searched for from starts that depend on the order of the nodes; equally good cores are many.
SEARCHED = ("core", "coreness")
IN_WEIGHTS = ("strength", "ego_density_weighted")


@st.composite
def matrices(draw: st.DrawFn, largest: int = 8) -> Dense:
    """Random symmetric weights; few levels give ties of paths, low densities give components."""
    n = draw(st.integers(3, largest))
    pairs = n * (n - 1) // 2
    level = st.sampled_from([0.0, 0.0, 0.0, 0.5, 1.0, 3.0])
    a = np.zeros((n, n))
    a[np.triu_indices(n, 1)] = draw(st.lists(level, min_size=pairs, max_size=pairs))
    return a + a.T


def table(a: Dense) -> pl.DataFrame:
    i, j = np.nonzero(np.triu(a, 1))
    graph = Graph.from_edges(i, j, a[i, j], nodes=np.arange(len(a)))
    measured = measure_network(graph, exact_limit=100, sample_sources=10, seed=1, threads=1)
    searched = [c for c in measured.columns if c.startswith(SEARCHED)]
    return measured.drop("node", *searched)


def assert_equal(one: pl.DataFrame, other: pl.DataFrame, factors: dict[str, float]) -> None:
    """Same statuses, and values that agree to 1e-10 up to the factor of their column."""
    assert one.columns == other.columns
    for name in one.columns:
        left, right = one[name], other[name]
        if left.dtype == pl.String:
            assert left.to_list() == right.to_list(), name
            continue
        values = [c.cast(pl.Float64).fill_null(np.nan).to_numpy() for c in (left, right)]
        expected = values[0] * factors.get(name, 1.0)
        np.testing.assert_allclose(values[1], expected, rtol=1e-10, atol=1e-10, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(matrices(), st.randoms(use_true_random=False))
def test_new_names_change_nothing(a: Dense, random) -> None:
    order = list(range(len(a)))
    random.shuffle(order)
    assert_equal(table(a)[order], table(a[np.ix_(order, order)]), {})


@settings(max_examples=60, deadline=None)
@given(matrices(), st.sampled_from([1e-6, 0.37, 8.0, 1e6]))
def test_the_unit_of_weights_changes_what_is_in_weights_alone(a: Dense, unit: float) -> None:
    assert_equal(table(a), table(a * unit), dict.fromkeys(IN_WEIGHTS, unit))


def beside(a: Dense, b: Dense) -> Dense:
    both = np.zeros((len(a) + len(b),) * 2)
    both[: len(a), : len(a)], both[len(a) :, len(a) :] = a, b
    return both


def norms(n: int, more: int) -> dict[str, float]:
    """Factors on what is a share of the other nodes, or of their pairs, as nodes are added."""
    one = (n - 1) / (more - 1)
    two = one * (n - 2) / (more - 2)
    singles = dict.fromkeys(("degree_normalised", "closeness", "harmonic"), one)
    return singles | dict.fromkeys(("betweenness_normalised", "betweenness_cost_normalised"), two)


def of_the_whole(name: str) -> bool:
    """Columns that speak of the whole: its largest eigenvalue, its largest component, its hubs."""
    return name.startswith(("eigenvector", "bonacich", "hub_share"))


@settings(max_examples=60, deadline=None)
@given(matrices(6), matrices(6))
def test_a_network_beside_changes_shares_of_the_whole_alone(a: Dense, b: Dense) -> None:
    first, joint = table(a), table(beside(a, b))[: len(a)]
    own = [name for name in first.columns if not of_the_whole(name)]
    assert_equal(first.select(own), joint.select(own), norms(len(a), len(a) + len(b)))


@settings(max_examples=60, deadline=None)
@given(matrices())
def test_an_isolate_changes_shares_of_the_whole_alone(a: Dense) -> None:
    more = table(beside(a, np.zeros((1, 1))))
    n = len(a)
    # sum c^2 = N: Bonacich power grows with the number of nodes.
    power = (n + 1) ** 0.5 / n**0.5
    names = [c for c in more.columns if c.startswith("bonacich")]
    kept = [c for c in more.columns if not c.startswith("hub_share")]
    first = table(a)
    factors = norms(n, n + 1) | dict.fromkeys(names, power)
    assert_equal(first.select(kept), more[:n].select(kept), factors)
    alone = more[n].row(0, named=True)
    assert alone["degree"] == alone["betweenness"] == alone["closeness"] == alone["k_core"] == 0
    assert alone["constraint_status"] == alone["eigenvector_status"] == "undefined_isolate"


def test_factors_of_a_pair_beside_a_triad_by_hand() -> None:
    triad = np.ones((3, 3)) - np.eye(3)
    joint = table(beside(triad, np.array([[0.0, 1.0], [1.0, 0.0]])))
    assert joint["closeness"].to_list() == pytest.approx([0.5, 0.5, 0.5, 0.25, 0.25])
    assert joint["constraint"].to_list() == pytest.approx([9 / 8] * 3 + [1.0] * 2)
