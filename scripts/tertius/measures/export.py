"""A network as text for other programs: GraphML, GEXF, Pajek .net, UCINET DL.

Each function returns the whole file as text (write it as UTF-8). Isolates, weights and all node
names survive; columns of `attributes` go into the formats that hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.measures.graph import Graph

# Characters that XML 1.0 cannot hold, not even escaped.
_UNWRITABLE = {code: " " for code in range(32) if code not in (9, 10, 13)}


def to_graphml(graph: Graph, attributes: pl.DataFrame | None = None) -> str:
    """GraphML (igraph, networkx, Gephi, yEd): node ids are the names, ties have `weight`.

    attributes: a table with a column `node`; its other columns become typed data of the nodes, null
    cells are left out. Raises ValueError for a table without `node` or with a node twice. Source:
    Brandes et al. (2002).
    """
    rows, columns = _attributes(graph, attributes)
    types = {name: _kind(attributes, name, "double") for name in columns}
    keys = "".join(
        f'  <key id="n{k}" for="node" attr.name={quoteattr(name)} attr.type="{types[name]}"/>\n'
        for k, name in enumerate(columns)
    )
    nodes = "".join(
        f"    <node id={_quoted(name)}>"
        + "".join(
            f'<data key="n{k}">{_text(rows[name][column])}</data>'
            for k, column in enumerate(columns)
            if rows.get(name, {}).get(column) is not None
        )
        + "</node>\n"
        for name in _names(graph)
    )
    ties = "".join(
        f"    <edge source={_quoted(a)} target={_quoted(b)}>"
        f'<data key="w">{weight!r}</data></edge>\n'
        for a, b, weight in _ties(graph)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
        f'{keys}  <key id="w" for="edge" attr.name="weight" attr.type="double"/>\n'
        f'  <graph edgedefault="undirected">\n{nodes}{ties}  </graph>\n</graphml>\n'
    )


def to_gexf(graph: Graph, attributes: pl.DataFrame | None = None) -> str:
    """GEXF 1.2 (Gephi): ids and labels are the names, ties have `weight`; attributes as above.

    Source: Heymann et al., GEXF 1.2 draft.
    """
    rows, columns = _attributes(graph, attributes)
    keys = "".join(
        f'      <attribute id="{k}" title={quoteattr(name)} '
        f'type="{_kind(attributes, name, "double")}"/>\n'
        for k, name in enumerate(columns)
    )
    declared = f'    <attributes class="node" mode="static">\n{keys}    </attributes>\n'
    nodes = "".join(
        f"      <node id={_quoted(name)} label={_quoted(name)}>"
        + _gexf_values(rows.get(name, {}), columns)
        + "</node>\n"
        for name in _names(graph)
    )
    ties = "".join(
        f'      <edge id="{k}" source={_quoted(a)} target={_quoted(b)} weight="{weight!r}"/>\n'
        for k, (a, b, weight) in enumerate(_ties(graph))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">\n'
        f'  <graph defaultedgetype="undirected" mode="static">\n{declared if columns else ""}'
        f"    <nodes>\n{nodes}    </nodes>\n    <edges>\n{ties}    </edges>\n"
        "  </graph>\n</gexf>\n"
    )


def _gexf_values(row: Mapping[str, object], columns: list[str]) -> str:
    values = "".join(
        f'<attvalue for="{k}" value={_quoted(_plain(row[name]))}/>'
        for k, name in enumerate(columns)
        if row.get(name) is not None
    )
    return f"<attvalues>{values}</attvalues>" if values else ""


def to_pajek(graph: Graph) -> str:
    """Pajek .net: *Vertices with quoted names, *Edges with weights.

    A double quote inside a name becomes a single one, a line break a space; raises ValueError where
    two names become one by that. Source: Batagelj & Mrvar (1998).
    """
    names = _distinct_labels(graph)
    vertices = "".join(f'{k} "{name}"\n' for k, name in enumerate(names, 1))
    low, high, weights = _upper(graph)
    ties = "".join(
        f"{a + 1} {b + 1} {w!r}\n"
        for a, b, w in zip(low.tolist(), high.tolist(), weights.tolist(), strict=True)
    )
    return f"*Vertices {len(names)}\n{vertices}*Edges\n{ties}"


def to_ucinet(graph: Graph) -> str:
    """UCINET DL, format edgelist1: labels, then every tie in both directions by number.

    Both directions, for DL ties are arcs. Names are quoted; as in `to_pajek` a double quote becomes
    a single one. Source: Borgatti, Everett & Freeman (2002), UCINET 6 for Windows.
    """
    names = _distinct_labels(graph)
    labels = "".join(f'"{name}"\n' for name in names)
    rows = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr)) + 1
    ties = "".join(
        f"{a} {b} {w!r}\n"
        for a, b, w in zip(
            rows.tolist(), (graph.indices + 1).tolist(), graph.weights.tolist(), strict=True
        )
    )
    return f"dl n={len(names)}\nformat = edgelist1\nlabels:\n{labels}data:\n{ties}"


FORMATS: Mapping[str, Callable[[Graph], str]] = MappingProxyType(
    {"graphml": to_graphml, "gexf": to_gexf, "net": to_pajek, "dl": to_ucinet}
)
"""File ending -> function."""


def _names(graph: Graph) -> list[str]:
    return [str(name) for name in graph.nodes.tolist()]


def _upper(graph: Graph) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    rows = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    once = rows < graph.indices
    return rows[once], graph.indices[once], graph.weights[once]


def _ties(graph: Graph) -> list[tuple[str, str, float]]:
    names = _names(graph)
    low, high, weights = (column.tolist() for column in _upper(graph))
    return [(names[a], names[b], w) for a, b, w in zip(low, high, weights, strict=True)]


def _attributes(
    graph: Graph, table: pl.DataFrame | None
) -> tuple[dict[str, dict[str, object]], list[str]]:
    """Attributes of each node, and their names."""
    if table is None:
        return {}, []
    if "node" not in table.columns:
        raise ValueError(f"attributes have no column 'node', only {', '.join(table.columns)}")
    if table["node"].n_unique() != table.height:
        raise ValueError("attributes name a node twice: one row a node is needed")
    rows = {str(row["node"]): row for row in table.iter_rows(named=True)}
    return rows, [name for name in table.columns if name != "node"]


def _kind(table: pl.DataFrame | None, column: str, real: str) -> str:
    assert table is not None
    dtype = table[column].dtype
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_integer():
        return "long"
    return real if dtype.is_float() else "string"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _text(value: object) -> str:
    return escape(_plain(value).translate(_UNWRITABLE))


def _quoted(value: str) -> str:
    return quoteattr(value.translate(_UNWRITABLE))


def _distinct_labels(graph: Graph) -> list[str]:
    """Names that fit between double quotes on one line, still one a node."""
    names = [" ".join(name.replace('"', "'").splitlines()) for name in _names(graph)]
    if len(set(names)) < len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise ValueError(f"two nodes would both be written as {twice!r}: rename one of them")
    return names
