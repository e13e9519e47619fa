"""Structural holes: brute force from the definitions, edge cases, invariances."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tertius.measures import Burt, Graph, burt

MEASURES = (
    "constraint",
    "constraint_ego",
    "effective_size",
    "efficiency",
    "redundancy",
    "hierarchy",
    "hierarchy_ego",
    "ego_density",
    "ego_density_weighted",
    "local_clustering",
)
Dense = NDArray[np.float64]


def dyadic(a: Dense, i: int) -> list[float]:
    """c_ij of every contact j, straight from Burt's formula."""
    p = a / np.where(a.sum(1) > 0, a.sum(1), 1)[:, None]
    n = len(a)
    return [
        (p[i, j] + sum(p[i, q] * p[q, j] for q in range(n) if q not in (i, j))) ** 2
        for j in range(n)
        if a[i, j] > 0
    ]


def ego_network(a: Dense, i: int) -> Dense:
    """Ties among i and its contacts, nothing else."""
    inside = [*np.flatnonzero(a[i] > 0).tolist(), i]
    mask = np.zeros(len(a), bool)
    mask[inside] = True
    return np.where(mask[:, None] & mask[None, :], a, 0.0)


def disorder(c: list[float]) -> float:
    """Coleman-Theil disorder of the dyadic constraints."""
    d, total = len(c), sum(c)
    if d < 2:
        return math.nan
    return sum(x * d / total * math.log(x * d / total) for x in c) / (d * math.log(d))


def brute(a: Dense) -> dict[str, list[float]]:
    """All measures of every node from the definitions, by loops."""
    n = len(a)
    out: dict[str, list[float]] = {name: [] for name in MEASURES}
    for i in range(n):
        contacts = [j for j in range(n) if a[i, j] > 0]
        d = len(contacts)
        if d == 0:
            for name in MEASURES:
                out[name].append(math.nan)
            continue
        whole, ego = dyadic(a, i), dyadic(ego_network(a, i), i)
        size = sum(
            1
            - sum(a[i, q] / a[i].sum() * a[j, q] / a[j].max() for q in range(n) if q not in (i, j))
            for j in contacts
        )
        among = [a[j, q] for j in contacts for q in contacts if j < q]
        ties = sum(w > 0 for w in among)
        out["constraint"].append(sum(whole))
        out["constraint_ego"].append(sum(ego))
        out["effective_size"].append(size)
        out["efficiency"].append(size / d)
        out["redundancy"].append(1 - size / d)
        out["hierarchy"].append(disorder(whole))
        out["hierarchy_ego"].append(disorder(ego))
        out["ego_density"].append(2 * ties / (d * (d - 1)) if d > 1 else math.nan)
        out["ego_density_weighted"].append(sum(among) / (d * (d - 1) / 2) if d > 1 else math.nan)
        out["local_clustering"].append(out["ego_density"][-1])
    return out


def from_dense(a: Dense) -> Graph:
    """Graph of a symmetric matrix, nodes 0..n-1."""
    i, j = np.nonzero(np.triu(a, 1))
    return Graph.from_edges(i, j, a[i, j], nodes=np.arange(len(a)))


@st.composite
def matrices(draw: st.DrawFn, largest: int = 9) -> Dense:
    """Symmetric weight matrices with zeros, ties of equal weight, and isolates."""
    n = draw(st.integers(1, largest))
    pairs = n * (n - 1) // 2
    weight = st.one_of(st.just(0.0), st.sampled_from([1.0, 2.0, 5.0]), st.floats(0.01, 100.0))
    values = draw(st.lists(weight, min_size=pairs, max_size=pairs))
    a = np.zeros((n, n))
    a[np.triu_indices(n, 1)] = values
    return a + a.T


def table(result: Burt) -> Dense:
    """Measures as columns."""
    return np.column_stack([getattr(result, name) for name in MEASURES])


@settings(max_examples=150, deadline=None)
@given(matrices())
def test_every_measure_equals_its_definition(a: Dense) -> None:
    result, expected = burt(from_dense(a)), brute(a)
    for name in MEASURES:
        np.testing.assert_allclose(
            getattr(result, name), expected[name], rtol=1e-10, atol=1e-10, err_msg=name
        )


@settings(max_examples=60, deadline=None)
@given(matrices(), st.randoms(use_true_random=False))
def test_new_names_for_the_nodes_change_nothing(a: Dense, random: object) -> None:
    order = list(range(len(a)))
    random.shuffle(order)  # type: ignore[attr-defined]
    renamed = burt(from_dense(a[np.ix_(order, order)]))
    np.testing.assert_allclose(table(renamed), table(burt(from_dense(a)))[order], atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(matrices(6), matrices(6))
def test_a_second_network_beside_the_first_changes_nothing(a: Dense, b: Dense) -> None:
    both = np.zeros((len(a) + len(b),) * 2)
    both[: len(a), : len(a)], both[len(a) :, len(a) :] = a, b
    apart = np.vstack([table(burt(from_dense(a))), table(burt(from_dense(b)))])
    np.testing.assert_allclose(table(burt(from_dense(both))), apart, rtol=1e-12, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(matrices(), st.floats(1e-6, 1e6))
def test_only_weighted_density_depends_on_the_unit_of_weights(a: Dense, factor: float) -> None:
    one, other = table(burt(from_dense(a))), table(burt(from_dense(a * factor)))
    weighted = MEASURES.index("ego_density_weighted")
    one[:, weighted] *= factor
    np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-11)


@settings(max_examples=40, deadline=None)
@given(matrices())
def test_powers_of_two_on_the_weights_keep_every_bit(a: Dense) -> None:
    one, other = burt(from_dense(a)), burt(from_dense(a * 2.0**-600))
    for name in MEASURES:
        if name != "ego_density_weighted":
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


@settings(max_examples=40, deadline=None)
@given(matrices())
def test_an_isolate_is_undefined_and_changes_nobody(a: Dense) -> None:
    more = np.zeros((len(a) + 1,) * 2)
    more[:-1, :-1] = a
    result = table(burt(from_dense(more)))
    assert result[:-1].tobytes() == table(burt(from_dense(a))).tobytes()
    assert np.isnan(result[-1]).all()


def test_row_order_keeps_every_bit() -> None:
    rng = np.random.default_rng(3)
    a, b, w = rng.integers(0, 60, 600), rng.integers(0, 60, 600), rng.lognormal(size=600)
    order = rng.permutation(600)
    one = table(burt(Graph.from_edges(a, b, w)))
    assert one.tobytes() == table(burt(Graph.from_edges(a[order], b[order], w[order]))).tobytes()


def test_one_and_two_threads_give_the_same_bits() -> None:
    rng = np.random.default_rng(4)
    a, b = (3000 * rng.random((2, 40_000)) ** 1.7).astype(int)
    graph = Graph.from_edges(a, b, rng.lognormal(size=40_000))
    assert graph.n_edges > 25_000  # several blocks
    one, two, three = (burt(graph, threads=k) for k in (1, 2, 3))
    for name in (*MEASURES, "triangles"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name
        assert getattr(one, name).tobytes() == getattr(three, name).tobytes(), name


def test_several_blocks_agree_with_the_definition() -> None:
    rng = np.random.default_rng(8)
    n = 260
    a = np.where(rng.random((n, n)) < 0.7, rng.lognormal(size=(n, n)), 0.0)
    a = np.triu(a, 1) + np.triu(a, 1).T
    result = burt(from_dense(a))
    assert result.degree.sum() / 2 > 20_000
    p = a / a.sum(1)[:, None]
    c = np.where(a > 0, (p + p @ p) ** 2, 0.0)
    np.testing.assert_allclose(result.constraint, c.sum(1), rtol=1e-12)
    size = result.degree - (p * ((a > 0) @ (a / a.max(1)[:, None]))).sum(1)
    np.testing.assert_allclose(result.effective_size, size, rtol=1e-12)
    for i in (0, 17, 259):
        ego = ego_network(a, i)
        pe = ego / np.where(ego.sum(1) > 0, ego.sum(1), 1)[:, None]
        ce = np.where(ego[i] > 0, (pe[i] + pe[i] @ pe) ** 2, 0.0).sum()
        assert result.constraint_ego[i] == pytest.approx(ce, rel=1e-12)


def test_equal_contacts_have_hierarchy_exactly_zero() -> None:
    for n in (3, 4, 7, 12):
        clique = 0.1 * (np.ones((n, n)) - np.eye(n))
        assert (burt(from_dense(clique)).hierarchy == 0.0).all()
        assert (burt(from_dense(clique)).hierarchy_ego == 0.0).all()
        star = np.zeros((n, n))
        star[0, 1:] = star[1:, 0] = 0.3
        result = burt(from_dense(star))
        assert result.hierarchy[0] == 0.0
        assert np.isnan(result.hierarchy[1:]).all()
        assert (result.constraint[1:] == 1.0).all()


def test_ties_of_vanishing_weight_do_not_break_logarithms() -> None:
    a = np.zeros((4, 4))
    a[0, 1], a[0, 2], a[0, 3], a[1, 2] = 1e-200, 1e-200, 1.0, 1e-200
    result = burt(from_dense(a + a.T))
    assert np.isfinite(table(result)[:3]).all()
    assert result.constraint[0] == pytest.approx(1.0)
    assert result.hierarchy[0] == pytest.approx(1.0)
    huge = burt(from_dense((a + a.T) * 1e300))
    assert table(huge)[:, 0].tolist() == pytest.approx(table(result)[:, 0].tolist())


def test_triangles_and_threads_argument() -> None:
    clique = np.ones((5, 5)) - np.eye(5)
    assert burt(from_dense(clique)).triangles.tolist() == [6] * 5
    with pytest.raises(ValueError, match="threads"):
        burt(from_dense(clique), threads=0)
    assert burt(Graph.from_edges([], [])).constraint.size == 0
