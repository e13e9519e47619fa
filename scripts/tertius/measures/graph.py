"""The one graph type of the measures: undirected, weighted, without loops or parallel edges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tertius.codes import as_series, distinct, encode
from tertius.kernels import kernel


@dataclass(frozen=True)
class EdgeLedger:
    """What happened to the rows of an edge list on the way into a graph.

    rows = loops_dropped + zero_weights_dropped + parallel_merged + edges of the graph.
    A loop of zero weight counts as a loop. `endpoints_added` counts ends of kept edges that the
    caller's node list lacked.
    """

    rows: int = 0
    loops_dropped: int = 0
    zero_weights_dropped: int = 0
    parallel_merged: int = 0
    endpoints_added: int = 0


@dataclass(frozen=True, eq=False)
class Graph:
    """Symmetric weighted adjacency in compressed rows, columns ascending within a row.

    indptr int64 (n+1), indices int32 (2m), weights float64 (2m, all > 0), nodes (n, sorted
    identifiers). Build it with `from_edges`, `from_frame`, `from_networkx` or `from_igraph`.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    weights: NDArray[np.float64]
    nodes: NDArray[Any]
    ledger: EdgeLedger = EdgeLedger()

    @property
    def n_nodes(self) -> int:
        """Number of nodes, isolates included."""
        return int(self.indptr.size - 1)

    @property
    def n_edges(self) -> int:
        """Number of undirected edges."""
        return int(self.indices.size // 2)

    def unweighted(self) -> Graph:
        """The same ties, each of weight 1."""
        return replace(self, weights=np.ones_like(self.weights))

    @classmethod
    def from_edges(
        cls, a: Any, b: Any, weight: ArrayLike | None = None, nodes: Any | None = None
    ) -> Graph:
        """Graph of an edge list; the order of rows and of the two ends does not matter.

        a, b: identifiers (text or integers), one row an edge. weight: >= 0, 1 when absent;
        parallel rows are summed. nodes: further nodes, e.g. isolates; ends of edges that it lacks
        are added and counted. Loops and zero weights are dropped and counted (`graph.ledger`).
        Raises ValueError for negative, infinite or NaN weights, missing identifiers, and columns
        of unequal length.
        """
        ends = as_series(a, "a"), as_series(b, "b")
        extra = as_series([] if nodes is None else nodes, "nodes")
        weights = _checked_weights(weight, ends[0].len())
        if ends[0].len() != ends[1].len():
            raise ValueError(f"a has {ends[0].len()} rows, b has {ends[1].len()}")
        names = distinct([*ends, extra])
        head, tail = encode(ends[0], names), encode(ends[1], names)
        loops, zeros = head == tail, (weights == 0) & (head != tail)
        keep = ~(loops | zeros)
        used = np.zeros(names.len(), bool)
        used[head[keep]] = used[tail[keep]] = True
        listed = np.zeros(names.len(), bool)
        listed[encode(extra, names)] = True
        # An end that occurs in dropped rows alone stays a node when no node list is given.
        present = used | listed if nodes is not None else np.ones(names.len(), bool)
        low, high, merged = _merge_parallel(head[keep], tail[keep], weights[keep], names.len())
        place = np.cumsum(present) - 1
        indptr, indices, values = _symmetric_rows(
            int(present.sum()), place[low], place[high], merged
        )
        ledger = EdgeLedger(
            rows=weights.size,
            loops_dropped=int(loops.sum()),
            zero_weights_dropped=int(zeros.sum()),
            parallel_merged=int(keep.sum()) - low.size,
            endpoints_added=int((used & ~listed).sum()) if nodes is not None else 0,
        )
        return cls(indptr, indices, values, names.to_numpy()[present], ledger)

    @classmethod
    def from_codes(cls, a: NDArray[Any], b: NDArray[Any], nodes: NDArray[Any]) -> Graph:
        """Graph of ties between numbered nodes, each tie once, no loops, all of weight 1.

        a, b: (m,) places, integers, among the sorted `nodes`.
        """
        low, high = np.minimum(a, b), np.maximum(a, b)
        order = np.lexsort((high, low))
        parts = _symmetric_rows(len(nodes), low[order], high[order], np.ones(len(order)))
        return cls(*parts, nodes)

    @classmethod
    def from_frame(
        cls,
        edges: Any,
        *,
        a: str = "a",
        b: str = "b",
        weight: str | None = None,
        nodes: Any | None = None,
    ) -> Graph:
        """Graph of a polars or pandas table of edges; `weight` names a column, None is 1 each."""
        return cls.from_edges(
            edges[a], edges[b], None if weight is None else edges[weight].to_numpy(), nodes
        )

    @classmethod
    def from_networkx(cls, graph: Any, weight: str | None = "weight") -> Graph:
        """Graph of a networkx graph; edges without the attribute weigh 1, directions are summed."""
        rows = [
            (u, v, 1.0 if weight is None else d.get(weight, 1.0))
            for u, v, d in graph.edges(data=True)
        ]
        a, b, w = ([row[k] for row in rows] for k in range(3))
        return cls.from_edges(a, b, np.asarray(w, float), list(graph.nodes))

    @classmethod
    def from_igraph(cls, graph: Any, weight: str | None = "weight", name: str = "name") -> Graph:
        """Graph of an igraph graph; nodes are the vertex names, or the indices without names."""
        named = name in graph.vs.attributes()
        names = np.array(graph.vs[name] if named else range(graph.vcount()))
        ends = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
        weighted = weight is not None and weight in graph.es.attributes()
        values = np.array(graph.es[weight], dtype=float) if weighted else None
        return cls.from_edges(names[ends[:, 0]], names[ends[:, 1]], values, names)


def _checked_weights(weight: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    if weight is None:
        return np.ones(rows)
    values = np.asarray(weight, dtype=np.float64)
    if values.shape != (rows,):
        raise ValueError(f"weight has shape {values.shape}, the edge list {rows} rows")
    if not np.isfinite(values).all() or (values < 0).any():
        bad = int(np.flatnonzero(~np.isfinite(values) | (values < 0))[0])
        raise ValueError(
            f"weight {values[bad]} in row {bad}: weights are finite and not negative; "
            "drop the row or mend the weight"
        )
    return values


def _merge_parallel(
    head: NDArray[np.int64], tail: NDArray[np.int64], weights: NDArray[np.float64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Sum parallel edges; sorted by (low, high), weights added in ascending order."""
    if head.size == 0:
        return head, tail, weights
    key = np.minimum(head, tail) * n + np.maximum(head, tail)
    order = np.lexsort((weights, key))
    key, weights = key[order], weights[order]
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    return key[first] // n, key[first] % n, np.add.reduceat(weights, first)


@kernel
def _symmetric_rows(
    n: int, low: NDArray[np.int64], high: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Both directions of edges sorted by (low, high); every row comes out ascending."""
    indptr = np.zeros(n + 1, np.int64)
    for e in range(low.size):
        indptr[low[e] + 1] += 1
        indptr[high[e] + 1] += 1
    for i in range(n):
        indptr[i + 1] += indptr[i]
    at = indptr[:-1].copy()
    indices = np.empty(2 * low.size, np.int32)
    values = np.empty(2 * low.size)
    # Smaller neighbours first (in order of low), then larger ones.
    for e in range(low.size):
        i = high[e]
        indices[at[i]] = low[e]
        values[at[i]] = weights[e]
        at[i] += 1
    for e in range(low.size):
        i = low[e]
        indices[at[i]] = high[e]
        values[at[i]] = weights[e]
        at[i] += 1
    return indptr, indices, values
