"""Structural holes (Burt 1992): every measure of ego's brokerage from one pass over triangles."""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import Workers, even_spans
from tertius.measures import _triangles as tri
from tertius.measures.graph import Graph

Heads = NDArray[np.int32]
Reals = NDArray[np.float64]
# Corners per block by steps of work, steps that a node's measures take, blocks per chunk, and
# triangles kept for the second pass: these decide about time and memory, never about a result.
_BLOCK_WORK = 1 << 18
_NODE_WORK = 16
_CHUNK = 64
_KEPT = 1 << 25


class _Oriented(NamedTuple):
    """Every edge as one arc from the lower to the higher number of its nodes."""

    number: NDArray[np.int32]
    rows: NDArray[np.int64]
    heads: NDArray[np.int32]
    weights: Reals
    scales: Reals
    arcs: Reals
    nodes: Reals
    among: Reals
    unit: float


@dataclass(frozen=True, eq=False)
class Burt:
    """Structural-hole measures of every node, arrays of length n in the order of `nodes`.

    Undefined values are NaN. Without contacts (degree 0) all but `triangles` are undefined; with
    one contact `hierarchy`, `hierarchy_ego`, `ego_density`, `ego_density_weighted` and
    `local_clustering` are. Ranges: constraint (0, 2), and at most 9/8 without weights;
    effective_size [1, d]; efficiency (0, 1]; redundancy = 1 - efficiency; hierarchy [0, 1];
    ego_density [0, 1].
    """

    nodes: NDArray[Any]
    degree: NDArray[np.int64]
    constraint: Reals
    constraint_ego: Reals
    effective_size: Reals
    efficiency: Reals
    redundancy: Reals
    hierarchy: Reals
    hierarchy_ego: Reals
    ego_density: Reals
    ego_density_weighted: Reals
    local_clustering: Reals
    triangles: NDArray[np.int64]


def burt(graph: Graph, *, threads: int | None = None) -> Burt:
    """Burt's measures, weighted; pass `graph.unweighted()` for the unweighted ones.

    With p_ij = a_ij / s_i and contacts N_i of number d:

    - constraint C_i = sum_{j in N_i} c_ij, c_ij = (p_ij + sum_q p_iq p_qj)^2. `constraint` takes
      q's proportions over all of q's ties (the whole network, as igraph and networkx),
      `constraint_ego` over q's ties to ego and to ego's other contacts (Burt's ego network).
    - effective_size = sum_j [1 - sum_q p_iq m_jq], m_jq = a_jq / max_k a_jk; efficiency is
      effective_size / d and redundancy 1 - efficiency.
    - hierarchy = sum_j r_j ln r_j / (d ln d), r_j = c_ij d / C_i (Coleman-Theil disorder): 0 when
      all contacts constrain alike.
    - ego_density = 2 t / (d (d - 1)), t ties among the contacts; local_clustering is the same
      number; ego_density_weighted = (sum of weights among the contacts) / (d (d - 1) / 2).

    The result does not depend on `threads` (default numba's count), and a common factor on all
    weights changes it by rounding only. Source: Burt (1992), chapter 2, equations 2.2-2.9; ego
    network, Everett & Borgatti (2020); unweighted effective size d - 2t/d, Borgatti (1997).
    """
    with Workers(threads) as workers:
        net = _orient(graph, workers)
        _add_sums(net, workers)
        reals, triangles = _measures(graph, net, workers)
    return Burt(
        nodes=graph.nodes,
        degree=np.diff(graph.indptr),
        constraint=reals[0],
        constraint_ego=reals[1],
        effective_size=reals[2],
        efficiency=reals[3],
        redundancy=reals[4],
        hierarchy=reals[5],
        hierarchy_ego=reals[6],
        ego_density=reals[7],
        ego_density_weighted=reals[8],
        local_clustering=reals[7].copy(),
        triangles=triangles,
    )


def _orient(graph: Graph, workers: Workers) -> _Oriented:
    """Number the nodes by (degree, position) and keep every edge as one arc, low to high."""
    n, indptr, indices = graph.n_nodes, graph.indptr, graph.indices
    if graph.n_edges >= 1 << 31:
        raise ValueError(f"{graph.n_edges} edges: structural holes are measured below 2^31 edges")
    spans = even_spans(indptr + np.arange(n + 1))
    counts = np.array(workers.run(lambda s: tri.degree_counts(s[0], s[1], indptr), spans))
    # First the nodes of degree 0 of every span, then those of degree 1, ...
    before = np.cumsum(counts.T.ravel()) - counts.T.ravel()
    start = np.ascontiguousarray(before.reshape(counts.T.shape).T)
    number = np.empty(n, np.int32)
    workers.run(
        lambda k: tri.number_nodes(spans[k][0], spans[k][1], indptr, start[k], number),
        range(len(spans)),
    )
    rows = np.zeros(n + 1, np.int64)
    workers.run(lambda s: tri.count_arcs(s[0], s[1], indptr, indices, number, rows[1:]), spans)
    np.cumsum(rows, out=rows)
    unit = _unit(graph.weights)
    heads, values = np.empty(rows[-1], np.int32), np.empty(rows[-1])
    scales = np.zeros((2, n))
    arcs, nodes = _lines(rows[-1], tri.ARC_WIDTH), _lines(n, tri.NODE_WIDTH)
    more = (indptr, indices, graph.weights, unit, number, rows, heads, values)
    workers.run(lambda s: tri.fill_arcs(s[0], s[1], *more, scales, nodes), spans)
    return _Oriented(number, rows, heads, values, scales, arcs, nodes, np.zeros((n, 2)), unit)


def _lines(rows: int, width: int) -> Reals:
    """Zeros whose rows start at the beginning of a cache line of 64 bytes."""
    raw = np.zeros(rows * width + 8)
    first = -raw.ctypes.data % 64 // 8
    return raw[first : first + rows * width].reshape(rows, width)


def _unit(weights: Reals) -> float:
    """Power of two that brings the largest weight near 1: exact, and no product overflows."""
    exponent = -int(np.frexp(weights.max())[1]) if weights.size else 0
    return float(np.ldexp(1.0, min(exponent, 1023)))


def _add_sums(net: _Oriented, workers: Workers) -> None:
    """Fill the tables of arcs and nodes with their sums (see `_triangles`)."""
    parts, inverse = _parts(workers), net.scales[0]
    marks: SimpleQueue[Heads] = SimpleQueue()
    for _ in range(workers.count):
        marks.put(np.zeros(net.rows.size - 1, np.int32))

    def listing(span: tuple[int, int], arcs: Reals = net.arcs) -> Heads:
        mark = marks.get()
        triangles: Heads = tri.list_triangles(
            *span, net.rows, net.heads, net.weights, inverse, arcs, mark
        )
        marks.put(mark)
        return triangles

    def listing_again(span: tuple[int, int]) -> Heads:
        return listing(span, net.arcs[:0])

    def whole_across(part: int) -> None:
        for triangles in listed:
            tri.whole_sums_across(part, parts, triangles, net.weights, inverse, net.arcs)

    def ego(triangles: Heads) -> None:
        tri.ego_sums_of_row(triangles, net.weights, net.arcs)

    def ego_across(part: int) -> None:
        for triangles in listed:
            tri.ego_sums_across(part, parts, triangles, net.weights, net.arcs)

    chunks = _corner_chunks(net, workers)
    kept: dict[int, list[Heads]] = {}
    room = _KEPT
    for k, chunk in enumerate(chunks):
        listed = workers.run(listing, chunk)
        room -= sum(map(len, listed))
        if room >= 0:
            kept[k] = listed
        workers.run(whole_across, range(parts))
    for k, chunk in enumerate(chunks):
        listed = kept.pop(k) if k in kept else workers.run(listing_again, chunk)
        workers.run(ego, listed)
        workers.run(ego_across, range(parts))
    _add_contacts(net, workers)


def _parts(workers: Workers) -> int:
    """Parts of the arcs and nodes: a power of two, at least one for each thread."""
    return 1 << (workers.count - 1).bit_length()


def _add_contacts(net: _Oriented, workers: Workers) -> None:
    """Fill the table of nodes with sums over their contacts."""
    parts, largest = _parts(workers), net.scales[1]
    sums = (largest, net.arcs, net.nodes, net.among)

    def of_row(span: tuple[int, int]) -> None:
        tri.contact_sums_of_row(*span, net.rows, net.heads, net.weights, *sums)

    def across(part: int) -> None:
        tri.contact_sums_across(part, parts, net.rows, net.heads, *sums)

    workers.run(of_row, even_spans(net.rows + np.arange(net.rows.size)))
    workers.run(across, range(parts))


def _corner_chunks(net: _Oriented, workers: Workers) -> list[list[tuple[int, int]]]:
    """Blocks of corners of about equal work, in chunks whose lists fit into memory."""
    n = net.rows.size - 1
    work = np.empty(n, np.int64)
    spans = even_spans(net.rows + np.arange(n + 1))
    workers.run(lambda s: tri.corner_work(s[0], s[1], net.rows, net.heads, work), spans)
    # Few blocks in large networks: each is a list of its own.
    blocks = even_spans(np.r_[0, np.cumsum(work)], max(_BLOCK_WORK, n))
    return [blocks[k : k + _CHUNK] for k in range(0, len(blocks), _CHUNK)]


def _measures(graph: Graph, net: _Oriented, workers: Workers) -> tuple[Reals, NDArray[np.int64]]:
    """Measures in the order of the graph's nodes (see `_triangles.node_measures`)."""
    reals, triangles = np.empty((9, graph.n_nodes)), np.empty(graph.n_nodes, np.int64)
    more = (graph.indptr, net.number, net.nodes, net.among, net.unit, reals, triangles)
    spans = even_spans(_NODE_WORK * np.arange(graph.n_nodes + 1))
    workers.run(lambda s: tri.node_measures(s[0], s[1], *more), spans)
    return reals, triangles
