"""Edge lists into graphs: merging, dropping, counting, refusing."""

import subprocess
import sys

import networkx as nx
import numpy as np
import pandas as pd
import polars as pl
import pytest

from tertius.measures import EdgeLedger, Graph, strength


def edges_of(graph: Graph) -> dict[tuple[object, object], float]:
    """Every undirected edge once, by identifiers."""
    rows = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    return {
        (graph.nodes[i], graph.nodes[j]): w
        for i, j, w in zip(rows, graph.indices, graph.weights, strict=True)
        if i < j
    }


def test_parallel_edges_merge_loops_and_zeros_drop_and_all_are_counted() -> None:
    graph = Graph.from_edges(
        ["b", "a", "c", "c", "d", "b"],
        ["a", "b", "c", "b", "a", "d"],
        weight=[1.0, 2.5, 9.0, 1.0, 0.0, 4.0],
        nodes=["a", "b", "z"],
    )
    assert edges_of(graph) == {("a", "b"): 3.5, ("b", "c"): 1.0, ("b", "d"): 4.0}
    assert graph.nodes.tolist() == ["a", "b", "c", "d", "z"]
    assert graph.ledger == EdgeLedger(
        rows=6, loops_dropped=1, zero_weights_dropped=1, parallel_merged=1, endpoints_added=2
    )
    ledger = graph.ledger
    counted = ledger.loops_dropped + ledger.zero_weights_dropped + ledger.parallel_merged
    assert counted + graph.n_edges == ledger.rows


def test_ends_of_dropped_rows_are_nodes_unless_a_list_of_nodes_says_otherwise() -> None:
    assert Graph.from_edges(["a", "b"], ["a", "c"], [1, 0]).nodes.tolist() == ["a", "b", "c"]
    assert Graph.from_edges(["a", "b"], ["a", "c"], [1, 0], nodes=["x"]).nodes.tolist() == ["x"]


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_that_are_negative_or_not_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="row 1"):
        Graph.from_edges(["a", "b"], ["b", "c"], [1.0, bad])


def test_identifiers_must_be_there_and_of_one_kind() -> None:
    with pytest.raises(ValueError, match="1 missing"):
        Graph.from_edges(["a", None], ["b", "c"])
    with pytest.raises(ValueError, match="mix text and numbers"):
        Graph.from_edges(["a"], ["b"], nodes=[1, 2])
    with pytest.raises(ValueError, match="text or integers"):
        Graph.from_edges([1.5], [2.5])
    with pytest.raises(ValueError, match="a has 2 rows, b has 1"):
        Graph.from_edges(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="shape"):
        Graph.from_edges(["a", "b"], ["b", "c"], [1.0])


def test_rows_and_ends_in_any_order_give_the_same_bits() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 12, 200), rng.integers(0, 12, 200)
    weight = rng.lognormal(size=200)
    first = Graph.from_edges(a, b, weight)
    for _ in range(5):
        order, flip = rng.permutation(200), rng.random(200) < 0.5
        other = Graph.from_edges(
            np.where(flip, b, a)[order], np.where(flip, a, b)[order], weight[order]
        )
        assert first.weights.tobytes() == other.weights.tobytes()
        assert first.indices.tobytes() == other.indices.tobytes()
        assert first.ledger == other.ledger


def test_rows_ascend_and_are_symmetric() -> None:
    rng = np.random.default_rng(6)
    graph = Graph.from_edges(rng.integers(0, 30, 150), rng.integers(0, 30, 150), rng.random(150))
    dense = np.zeros((graph.n_nodes, graph.n_nodes))
    for i in range(graph.n_nodes):
        row = graph.indices[graph.indptr[i] : graph.indptr[i + 1]]
        assert (np.diff(row) > 0).all()
        dense[i, row] = graph.weights[graph.indptr[i] : graph.indptr[i + 1]]
    assert (dense == dense.T).all()
    assert (np.diag(dense) == 0).all()


def test_frames_of_polars_and_pandas_agree() -> None:
    data = {"a": ["x", "y"], "b": ["y", "z"], "w": [2.0, 3.0]}
    polars_graph = Graph.from_frame(pl.DataFrame(data), weight="w", nodes=["q"])
    pandas_graph = Graph.from_frame(pd.DataFrame(data), weight="w", nodes=pd.Series(["q"]))
    assert edges_of(polars_graph) == edges_of(pandas_graph) == {("x", "y"): 2.0, ("y", "z"): 3.0}
    assert Graph.from_frame(pl.DataFrame(data)).weights.tolist() == [1.0] * 4


def test_networkx_and_igraph_get_in_with_one_line() -> None:
    igraph = pytest.importorskip("igraph")
    source = nx.Graph()
    source.add_weighted_edges_from([("a", "b", 2.0), ("b", "c", 0.5)])
    source.add_node("i")
    graph = Graph.from_networkx(source)
    assert edges_of(graph) == {("a", "b"): 2.0, ("b", "c"): 0.5}
    assert strength(graph).tolist() == [2.0, 2.5, 0.5, 0.0]
    named = igraph.Graph(n=4, edges=[(0, 1), (1, 2)])
    named.vs["name"], named.es["weight"] = ["a", "b", "c", "i"], [2.0, 0.5]
    assert edges_of(Graph.from_igraph(named)) == edges_of(graph)
    assert Graph.from_igraph(named).nodes.tolist() == ["a", "b", "c", "i"]
    plain = Graph.from_igraph(igraph.Graph(n=3, edges=[(0, 2)]))
    assert edges_of(plain) == {(0, 2): 1.0}
    assert plain.n_nodes == 3
    two_ways = nx.DiGraph([("a", "b"), ("b", "a")])
    assert edges_of(Graph.from_networkx(two_ways)) == {("a", "b"): 2.0}


def test_empty_graphs() -> None:
    assert Graph.from_edges([], []).n_nodes == 0
    alone = Graph.from_edges([], [], nodes=["a", "b"])
    assert (alone.n_nodes, alone.n_edges) == (2, 0)


def test_importing_the_measures_is_light() -> None:
    code = (
        "import sys, tertius.measures, tertius.ties; "
        "print([m for m in ('matplotlib', 'snakemake', 'networkx', 'igraph') if m in sys.modules])"
    )
    path = ":".join(p for p in sys.path if p)
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": path},
    )
    assert run.stdout.strip() == "[]"
