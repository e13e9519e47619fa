"""Brokerage between kinds of nodes, indirect ties, hubs and spokes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tertius.kernels import run_blocks
from tertius.measures._contacts import open_paths, untied_contacts
from tertius.measures._distances import ring_counts
from tertius.measures.graph import Graph
from tertius.measures.position import components, degree

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]
# A fixed number of blocks; ring counts are whole numbers, so any number gives the same sums.
_BLOCKS = 16


@dataclass(frozen=True, eq=False)
class Roles:
    """Gould-Fernandez roles of every node: open 2-paths j - i - k through it, by the three types.

    coordinator: all of one type. gatekeeper: i shares the type of one end (gatekeeper and
    representative are one role without directions). itinerant: the ends share a type, i has
    another (consultant). liaison: three types. unknown: a type is missing. total: their sum.
    Arrays of length n in the order of `nodes`, all >= 0, 0 for isolates.
    """

    nodes: NDArray[Any]
    coordinator: Reals
    gatekeeper: Reals
    itinerant: Reals
    liaison: Reals
    unknown: Reals
    total: Reals


def brokerage_roles(
    graph: Graph, types: Sequence[Any] | NDArray[Any], *, fractional: bool = False
) -> Roles:
    """Gould-Fernandez brokerage roles in an undirected network.

    A path j - i - k counts for i when j and k are not tied; each pair {j, k} counts once (directed
    software counts both orders: twice these numbers, its gatekeeper and representative each once
    our gatekeeper). types: n labels in the order of `graph.nodes`, None where not known.
    fractional: each path counts 1 / number of nodes that tie j and k, so that an open pair at
    distance two gives 1 in all. Raises ValueError for a list of another length. Source: Gould &
    Fernandez (1989).
    """
    labels = _labels(graph, types)
    known = sorted({str(label) for label in labels if label is not None})
    place = {label: k for k, label in enumerate(known)}
    kind = np.array([len(known) if v is None else place[str(v)] for v in labels], dtype=np.int64)
    counts = open_paths(graph.indptr, graph.indices, kind, _role_table(len(known)), fractional)
    columns = np.ascontiguousarray(counts.T)
    return Roles(
        graph.nodes, columns[0], columns[1], columns[2], columns[3], columns[4], counts.sum(axis=1)
    )


def _role_table(n_types: int) -> NDArray[np.int8]:
    """Column of each role by the types of j, i, k; the last type is that of unknown ones."""
    j, i, k = np.indices((n_types + 1,) * 3)
    ends = np.where(j == i, 0, 2)
    role = np.where(j == k, ends, np.where((j == i) | (i == k), 1, 3))
    return np.where(np.maximum(np.maximum(j, i), k) == n_types, 4, role).astype(np.int8)


def brokerage_between(
    graph: Graph,
    first: ArrayLike,
    second: ArrayLike,
    *,
    fractional: bool = False,
) -> Reals:
    """Open 2-paths j - i - k with one end in `first` and the other in `second`; 0 for isolates.

    first, second: n flags in the order of `graph.nodes`, e.g. science and firms: then a node of any
    type that bridges science and firms is counted, also where Gould & Fernandez would call it a
    gatekeeper. Each pair once; fractional as in `brokerage_roles`. After Gould & Fernandez (1989).
    """
    one, two = (np.asarray(x, dtype=np.bool_) for x in (first, second))
    if one.shape != (graph.n_nodes,) or two.shape != (graph.n_nodes,):
        raise ValueError(f"first and second need one flag for each of {graph.n_nodes} nodes")
    # Bit 1 of a kind stands for `first`, bit 2 for `second`.
    j, _, k = np.indices((4, 4, 4))
    bridges = ((j & 1) & (k >> 1)) | ((k & 1) & (j >> 1))
    table = np.where(bridges, 0, -1).astype(np.int8)
    kind = one.astype(np.int64) + 2 * two
    return open_paths(graph.indptr, graph.indices, kind, table, fractional)[:, 0]


def _labels(graph: Graph, types: Sequence[Any] | NDArray[Any]) -> list[Any]:
    labels: list[Any] = np.asarray(types, dtype=object).tolist()
    if len(labels) != graph.n_nodes:
        raise ValueError(f"{len(labels)} types for {graph.n_nodes} nodes")
    return labels


def rings(
    graph: Graph, *, farthest: int | None = None, threads: int | None = None
) -> NDArray[np.int64]:
    """Number of nodes at distance 1, 2, ..., K: n x K, K = `farthest` or the longest distance.

    Column k-1 holds distance k; column 0 is the degree. Whole numbers, exact.
    """
    if farthest is not None and farthest < 1:
        raise ValueError(f"farthest must be at least 1, not {farthest}")
    limit = graph.n_nodes if farthest is None else farthest
    roots = np.arange(graph.n_nodes)
    # Sources of one component sit side by side, so that a bundle of 64 searches shares its steps.
    roots = roots[np.argsort(components(graph), kind="stable")]
    which = np.arange(roots.size) // 64 % _BLOCKS
    parts = [roots[which == k] for k in range(min(_BLOCKS, -(-roots.size // 64)))]
    found = list(
        run_blocks(lambda p: ring_counts(graph.indptr, graph.indices, p, limit), parts, threads)
    )
    width = max([1, *(f.shape[1] for f in found)]) if farthest is None else farthest
    total = np.zeros((graph.n_nodes, width), np.int64)
    for counts in found:
        total[:, : counts.shape[1]] += counts
    return total


def indirect_ties(
    graph: Graph,
    *,
    decay: str = "frequency",
    farthest: int | None = None,
    threads: int | None = None,
) -> Reals:
    """Indirect ties: nodes beyond the direct contacts, discounted; >= 0, 0 for isolates.

    With n_ik the nodes at distance k and f_ik those within k: frequency decay sum_{k=2..K} n_ik
    (1 - f_ik / (f_iK + 1)); distance decay sum_{k=2..K} n_ik / k. farthest: K, by default all that
    can be reached. Source: Burt (1992); Ahuja (2000). Raises ValueError for another decay.
    """
    return decayed(rings(graph, farthest=farthest, threads=threads), decay)


def decayed(counts: Ints, decay: str) -> Reals:
    """`indirect_ties` from the table of `rings`."""
    if decay == "frequency":
        within = counts.cumsum(axis=1)
        weight = 1.0 - within / (within[:, -1:] + 1.0)
    elif decay == "distance":
        weight = np.broadcast_to(1.0 / np.arange(1, counts.shape[1] + 1), counts.shape)
    else:
        raise ValueError(f"decay must be 'frequency' or 'distance', not {decay!r}")
    return np.asarray((counts[:, 1:] * weight[:, 1:]).sum(axis=1))


def spoke_share(graph: Graph) -> Reals:
    """Hub-and-spoke: share of a node's contacts that are tied to no other of its contacts.

    In [0, 1]; 1 for a node whose contacts meet through it alone, NaN for isolates. The global
    counterpart is `degree_centralisation`. Source: Freeman (1979).
    """
    alone = untied_contacts(graph.indptr, graph.indices)
    d = degree(graph)
    return np.asarray(np.where(d > 0, alone / np.maximum(d, 1), np.nan))


def hubs(graph: Graph, *, top: float = 0.05) -> NDArray[np.bool_]:
    """Which nodes are hubs: degree at least that of the ceil(top N)-th node; ties are all hubs.

    Nodes without contacts never are. Raises ValueError for `top` outside (0, 1]. Our proxy.
    """
    if not 0.0 < top <= 1.0:
        raise ValueError(f"top must lie in (0, 1], not {top}")
    d = degree(graph)
    if d.size == 0:
        return np.zeros(0, np.bool_)
    rank = max(int(np.ceil(top * d.size - 1e-9)), 1)
    cut = max(int(np.sort(d)[-rank]), 1)
    return np.asarray(d >= cut)


def hub_share(graph: Graph, *, top: float = 0.05) -> Reals:
    """Share of a node's contacts that are hubs (`hubs`); in [0, 1], NaN for isolates.

    A node has a tie to a hub where the share is above 0. Our proxy.
    """
    rows = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    tied = np.bincount(rows, hubs(graph, top=top)[graph.indices], graph.n_nodes)
    d = degree(graph)
    return np.asarray(np.where(d > 0, tied / np.maximum(d, 1), np.nan))
