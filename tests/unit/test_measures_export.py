"""Exports read back: GraphML, GEXF and Pajek by networkx, DL by igraph and by a reader here."""

import io
import re
import shlex
from html import unescape
from pathlib import Path

import igraph
import networkx as nx
import polars as pl
import pytest

from tertius.measures import Graph, to_gexf, to_graphml, to_pajek, to_ucinet

NAMES = ["Alpha & Sons <B.V.>", "北京航空", "d'Or", "Three Words Ltd", "isolate"]
GRAPH = Graph.from_edges(
    [NAMES[0], NAMES[0], NAMES[1]], [NAMES[1], NAMES[2], NAMES[3]], [1.5, 0.1, 3], nodes=NAMES
)
TIES = {
    frozenset((NAMES[0], NAMES[1])): 1.5,
    frozenset((NAMES[0], NAMES[2])): 0.1,
    frozenset((NAMES[1], NAMES[3])): 3.0,
}
FACTS = pl.DataFrame(
    {
        "node": NAMES,
        "degree": [2, 2, 1, 1, 0],
        "constraint": [0.5, 0.6, 1.0, 1.0, None],
        "kind": ["<firm>", "firm", None, "高校", "state"],
        "core": [True, False, False, False, None],
    }
)


def ties_of(graph: nx.Graph) -> dict[frozenset[str], float]:
    return {frozenset((u, v)): float(d["weight"]) for u, v, d in graph.edges(data=True)}


def test_graphml_keeps_names_weights_isolates_and_attributes() -> None:
    read = nx.parse_graphml(to_graphml(GRAPH, FACTS))
    assert set(read) == set(NAMES)
    assert not read.is_directed()
    assert ties_of(read) == TIES
    assert read.nodes[NAMES[0]] == {
        "degree": 2, "constraint": 0.5, "kind": "<firm>", "core": True,
    }  # fmt: skip
    assert read.nodes["isolate"] == {"degree": 0, "kind": "state"}
    assert set(nx.parse_graphml(to_graphml(GRAPH))) == set(NAMES)


def test_graphml_in_igraph(tmp_path: Path) -> None:
    path = tmp_path / "net.graphml"
    path.write_text(to_graphml(GRAPH, FACTS), encoding="utf-8")
    read = igraph.Graph.Read_GraphML(str(path))
    # igraph leaves an ampersand in an id escaped.
    names = [unescape(name) for name in read.vs["id"]]
    assert set(names) == set(NAMES)
    found = {frozenset((names[e.source], names[e.target])): e["weight"] for e in read.es}
    assert found == TIES


def test_gexf_keeps_names_weights_isolates_and_attributes() -> None:
    read = nx.read_gexf(io.BytesIO(to_gexf(GRAPH, FACTS).encode()), version="1.2draft")
    assert set(read) == set(NAMES)
    assert ties_of(read) == TIES
    assert read.nodes["北京航空"]["label"] == "北京航空"
    assert read.nodes[NAMES[0]]["constraint"] == 0.5
    assert read.nodes[NAMES[0]]["core"] is True
    assert "constraint" not in read.nodes["isolate"]
    plain = nx.read_gexf(io.BytesIO(to_gexf(GRAPH).encode()), version="1.2draft")
    assert ties_of(plain) == TIES


def test_pajek_keeps_names_weights_and_isolates() -> None:
    read = nx.Graph(nx.parse_pajek(to_pajek(GRAPH)))
    assert set(read) == set(NAMES)
    assert ties_of(read) == TIES


def read_dl(text: str) -> tuple[list[str], dict[tuple[str, str], float]]:
    """A reader of DL files of format edgelist1 with a list of labels."""
    head, body = re.split(r"(?im)^data:\n", text)
    declared, labels = re.split(r"(?im)^labels:\n", head)
    assert "format = edgelist1" in declared
    count = int(re.search(r"n=(\d+)", declared)[1])
    names = [line[1:-1] for line in labels.splitlines()]
    assert len(names) == count
    arcs = {}
    for line in body.splitlines():
        a, b, weight = shlex.split(line)
        arcs[names[int(a) - 1], names[int(b) - 1]] = float(weight)
    return names, arcs


def test_dl_lists_every_tie_in_both_directions() -> None:
    names, arcs = read_dl(to_ucinet(GRAPH))
    assert sorted(names) == sorted(NAMES)
    assert len(arcs) == 2 * len(TIES)
    assert all(TIES[frozenset(pair)] == weight for pair, weight in arcs.items())
    assert all(arcs[b, a] == weight for (a, b), weight in arcs.items())


def test_dl_in_igraph(tmp_path: Path) -> None:
    plain = Graph.from_edges(["a", "b"], ["b", "c"], [2.0, 0.5], nodes=["i"])
    path = tmp_path / "net.dl"
    path.write_text(to_ucinet(plain).replace('"', ""), encoding="utf-8")
    read = igraph.Graph.Read_DL(str(path), directed=True)
    assert read.vs["name"] == ["a", "b", "c", "i"]
    assert sorted(read.es["weight"]) == [0.5, 0.5, 2.0, 2.0]


def test_quotes_and_line_breaks_become_harmless_or_are_refused() -> None:
    graph = Graph.from_edges(['a "big" one'], ["two\nlines"])
    names, _ = read_dl(to_ucinet(graph))
    assert names == ["a 'big' one", "two lines"]
    assert set(nx.parse_pajek(to_pajek(graph))) == set(names)
    with pytest.raises(ValueError, match="both be written as"):
        to_ucinet(Graph.from_edges(['x"', "y"], ["y", "x'"]))


def test_integer_nodes_empty_networks_and_bad_attributes() -> None:
    assert set(nx.parse_graphml(to_graphml(Graph.from_edges([1], [2])))) == {"1", "2"}
    empty = Graph.from_edges([], [])
    assert len(nx.parse_graphml(to_graphml(empty))) == 0
    assert read_dl(to_ucinet(empty)) == ([], {})
    with pytest.raises(ValueError, match="no column 'node'"):
        to_graphml(GRAPH, FACTS.drop("node"))
    with pytest.raises(ValueError, match="a node twice"):
        to_gexf(GRAPH, pl.concat([FACTS, FACTS]))
