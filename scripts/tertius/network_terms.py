"""Change statistics of exponential random graph models on undirected networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tertius.arrays import FloatArray, IntArray

NODE_TERMS = ("triangles", "gwesp", "gwdegree", "two_paths")


@dataclass(frozen=True, eq=False)
class Graph:
    """An undirected simple graph over n nodes as a symmetric 0/1 matrix in rows."""

    adjacency: sparse.csr_array

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return int(self.adjacency.shape[0])

    def has(self, first: IntArray, second: IntArray) -> FloatArray:
        """(m,) 1 where the pair is tied."""
        return np.asarray(self.adjacency[first, second], dtype=np.float64).ravel()


def make_graph(first: IntArray, second: IntArray, n_nodes: int) -> Graph:
    """Graph of (m,) pairs; loops and repeats are dropped."""
    keep = first != second
    rows, columns = np.r_[first[keep], second[keep]], np.r_[second[keep], first[keep]]
    matrix = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n_nodes, n_nodes))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return Graph(matrix)


def change_statistics(
    graph: Graph, first: IntArray, second: IntArray, terms: tuple[str, ...], decay: float = 0.5
) -> FloatArray:
    """What each statistic gains when a tie is added, all other ties as they are.

    - ``triangles``: common partners of the two nodes.
    - ``gwesp``: sum over ties of e^a (1 - (1 - e^-a)^esp), esp the shared partners of the tie
      (Snijders, Pattison, Robins & Handcock 2006; Hunter 2007), a the decay.
    - ``gwdegree``: sum over nodes of e^a (1 - (1 - e^-a)^degree).
    - ``two_paths``: degree of one node plus degree of the other, without their own tie.

    Args:
        graph: the network. first, second: (m,) pairs, first != second. terms: names of the above.
        decay: a >= 0.

    Returns:
        (m, len(terms)).

    Raises:
        KeyError: unknown term.
    """
    made: dict[str, FloatArray] = {}
    tied = graph.has(first, second)
    degree = np.asarray(graph.adjacency.sum(axis=1)).ravel()
    own = np.stack([degree[first] - tied, degree[second] - tied])
    if "gwesp" in terms:
        made["gwesp"] = _gwesp_change(graph, first, second, tied, decay)
    if "triangles" in terms:
        made["triangles"] = shared_partners(graph, first, second)
    if "gwdegree" in terms:
        made["gwdegree"] = ((1 - np.exp(-decay)) ** own).sum(axis=0)
    if "two_paths" in terms:
        made["two_paths"] = own.sum(axis=0)
    return np.stack([made[name] for name in terms], axis=1) if terms else np.zeros((len(first), 0))


def shared_partners(graph: Graph, first: IntArray, second: IntArray) -> FloatArray:
    """(m,) number of common partners of each pair."""
    both = graph.adjacency[first].multiply(graph.adjacency[second])
    return np.asarray(both.sum(axis=1), dtype=np.float64).ravel()


def _gwesp_change(
    graph: Graph, first: IntArray, second: IntArray, tied: FloatArray, decay: float
) -> FloatArray:
    """Own term of the new tie, and what its two-paths gain by one more shared partner.

    A tie whose shared partners rise from s to s + 1 adds (1 - e^-a)^s; s counts without the pair's
    own tie, which otherwise makes every common partner one of the other two ties of its triangle.
    """
    rest = 1 - np.exp(-decay)
    adjacency = graph.adjacency
    esp = sparse.csr_array((adjacency @ adjacency).multiply(adjacency))
    own = np.exp(decay) * (1 - rest ** shared_partners(graph, first, second))
    common = sparse.csr_array(adjacency[first].multiply(adjacency[second]))
    pair = np.repeat(np.arange(len(first)), np.diff(common.indptr))
    third = common.indices.astype(np.int64)
    gained = np.zeros(len(first))
    for side in (first, second):
        shared = np.asarray(esp[side[pair], third], dtype=np.float64).ravel() - tied[pair]
        gained += np.bincount(pair, weights=rest**shared, minlength=len(first))
    return np.asarray(own + gained, dtype=np.float64)


def graph_statistics(graph: Graph, terms: tuple[str, ...], decay: float = 0.5) -> FloatArray:
    """(len(terms),) statistics of a whole network: the sums that `change_statistics` changes."""
    rest, scale = 1 - np.exp(-decay), np.exp(decay)
    adjacency = graph.adjacency
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    upper = sparse.coo_array(sparse.triu(adjacency, 1))
    esp = shared_partners(graph, upper.row.astype(np.int64), upper.col.astype(np.int64))
    known = {
        "triangles": float(esp.sum() / 3),
        "gwesp": float((scale * (1 - rest**esp)).sum()),
        "gwdegree": float((scale * (1 - rest**degree)).sum()),
        "two_paths": float((degree * (degree - 1) / 2).sum()),
    }
    return np.array([known[name] for name in terms])
