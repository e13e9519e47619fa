"""Structural holes (Burt 1992): every measure of ego's brokerage from one pass over triangles."""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import Workers, carve, deal, even_spans
from tertius.measures import _triangles as tri
from tertius.measures.graph import Graph

Heads = NDArray[np.uint32]
Reals = NDArray[np.float64]
# Corners per block by pairs of their arcs, blocks per chunk, triangles kept for the second pass,
# arcs whose logarithms are taken at once: these decide about time and memory, never about a result.
_BLOCK_PAIRS = 1 << 16
_CHUNK = 256
_KEPT = 1 << 24
_LOGS = 1 << 13


class _Oriented(NamedTuple):
    """Every edge as one arc from the lower to the higher number of its nodes, and their tables.

    The arcs of the node of number u are rows[u] to rows[u + 1] - 1. pairs, dealt and marks (a row
    for each thread) are room for steps between.
    """

    number: Heads
    rows: Heads
    heads: Heads
    weights: Reals
    scales: Reals
    arcs: Reals
    nodes: Reals
    among: Reals
    pairs: NDArray[np.int64]
    dealt: Heads
    marks: Heads


class _Block(NamedTuple):
    """Corners lo..hi-1; their triangles are no more than `most`."""

    lo: int
    hi: int
    most: int


class _Listed(NamedTuple):
    """Triangles block by block, and the same ones part by part of their arcs b."""

    blocks: list[Heads]
    parts: list[Heads]


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
        unit = _unit(graph.weights)
        net = _orient(graph, unit, workers)
        _add_sums(net, workers)
        reals, counts = _measures(graph, net, unit, workers)
    return Burt(
        nodes=graph.nodes,
        degree=counts[0],
        constraint=reals[0],
        constraint_ego=reals[1],
        effective_size=reals[2],
        efficiency=reals[3],
        redundancy=reals[4],
        hierarchy=reals[5],
        hierarchy_ego=reals[6],
        ego_density=reals[7],
        ego_density_weighted=reals[8],
        local_clustering=reals[9],
        triangles=counts[1],
    )


def _orient(graph: Graph, unit: float, workers: Workers) -> _Oriented:
    """Number the nodes by (degree, position) and keep every edge as one arc, low to high."""
    n, m, indptr, indices = graph.n_nodes, graph.n_edges, graph.indptr, graph.indices
    if m >= 1 << 31:
        raise ValueError(f"{m} edges: structural holes are measured below 2^31 edges")
    net = _Oriented(
        *carve(
            ((n,), np.uint32),
            ((n + 1,), np.uint32),
            ((m,), np.uint32),
            ((m,), np.float64),
            ((3, n), np.float64),
            ((m, tri.ARC_WIDTH), np.float64),
            ((n, tri.NODE_WIDTH), np.float64),
            ((n, 2), np.float64),
            ((n + 1,), np.int64),
            ((m,), np.uint32),
            ((workers.count, n), np.uint32),
        )
    )
    spans = even_spans(indptr)
    counts = workers.run(lambda s: tri.degree_counts(s[0], s[1], indptr), spans)
    # First the nodes of degree 0 of every span, then those of degree 1, ...
    starts = deal(np.array(counts))[0]
    workers.run(
        lambda k: tri.number_nodes(spans[k][0], spans[k][1], indptr, starts[k], net.number),
        range(len(spans)),
    )
    bounds, ends = indptr.view(np.uint64), indices.view(np.uint32)
    workers.run(lambda s: tri.count_arcs(s[0], s[1], bounds, ends, net.number, net.rows[1:]), spans)
    np.cumsum(net.rows, dtype=net.rows.dtype, out=net.rows)
    more = (graph.weights, unit, net.number, net.rows, net.heads, net.weights, net.scales)
    workers.run(lambda s: tri.fill_arcs(s[0], s[1], bounds, ends, *more), spans)
    return net


def _unit(weights: Reals) -> float:
    """Power of two that brings the largest weight near 1: exact, and no product overflows."""
    exponent = -int(np.frexp(weights.max(initial=0.0))[1])
    return float(np.ldexp(1.0, min(exponent, 1023)))


def _add_sums(net: _Oriented, workers: Workers) -> None:
    """Fill the tables of arcs and nodes with their sums (see `_triangles`)."""
    inverse = net.scales[1]
    chunks = _corner_chunks(net)
    kept: dict[int, _Listed] = {}
    room = _KEPT
    for k, chunk in enumerate(chunks):
        listed = _list_triangles(net, chunk, workers, True)
        room -= sum(map(len, listed.blocks))
        if room >= 0:
            kept[k] = listed
        workers.run(
            lambda part: tri.whole_sums_across(part, net.weights, inverse, net.arcs), listed.parts
        )
    for k, chunk in enumerate(chunks):
        listed = kept.pop(k) if k in kept else _list_triangles(net, chunk, workers, False)
        workers.run(lambda block: tri.ego_sums_of_row(block, net.arcs), listed.blocks)
        workers.run(lambda part: tri.ego_sums_across(part, net.arcs), listed.parts)
    _add_contacts(net, workers)


def _list_triangles(net: _Oriented, blocks: list[_Block], workers: Workers, first: bool) -> _Listed:
    """Triangles of some blocks; the first time, their arcs a and c get the whole network's sums."""
    parts = _parts(workers)
    marks: SimpleQueue[Heads] = SimpleQueue()
    for mark in net.marks:
        marks.put(mark)

    def listing(block: _Block) -> tuple[Heads, NDArray[np.int64]]:
        mark = marks.get()
        triangles: Heads = tri.list_triangles(*block, net.rows, net.heads, mark)
        marks.put(mark)
        if first:
            own = slice(net.rows[block.lo], net.rows[block.hi])
            net.arcs[own, tri.W] = net.weights[own]
            tri.whole_sums_of_row(triangles, net.heads, net.weights, net.scales[1], net.arcs)
        return triangles, tri.owner_counts(triangles[:, 3], parts)

    listed, counts = zip(*workers.run(listing, blocks), strict=True)
    starts, bounds = deal(np.array(counts))
    dealt = np.empty((bounds[-1], 4), np.uint32)
    workers.run(lambda k: tri.deal_triangles(listed[k], starts[k], dealt), range(len(listed)))
    return _Listed(list(listed), np.split(dealt, bounds[1:-1]))


def _parts(workers: Workers) -> int:
    """Owners of the arcs and nodes: a power of two, at least one for each thread."""
    return 1 << (workers.count - 1).bit_length()


def _add_contacts(net: _Oriented, workers: Workers) -> None:
    """Fill the table of nodes with sums over their contacts."""
    parts, sums = _parts(workers), (net.arcs, net.nodes, net.among)

    def of_row(span: tuple[int, int]) -> NDArray[np.int64]:
        first, end = net.rows[span[0]], net.rows[span[1]]
        # numpy takes logarithms of arrays several times faster than a kernel one by one.
        logs = tri.reach(first, end, net.arcs)
        np.log(logs, out=logs)
        tri.contact_sums_of_row(*span, net.rows, net.heads, net.scales, logs, *sums)
        counts: NDArray[np.int64] = tri.owner_counts(net.heads[first:end], parts)
        return counts

    spans = even_spans(net.rows, _LOGS)
    starts, bounds = deal(np.array(workers.run(of_row, spans)))
    ends = [(net.rows[lo], net.rows[hi]) for lo, hi in spans]
    workers.run(
        lambda k: tri.deal_arcs(ends[k][0], ends[k][1], net.heads, starts[k], net.dealt),
        range(len(spans)),
    )
    workers.run(
        lambda part: tri.contact_sums_across(part, net.heads, *sums),
        np.split(net.dealt, bounds[1:-1]),
    )


def _corner_chunks(net: _Oriented) -> list[list[_Block]]:
    """Blocks of corners of about equal work, in chunks whose lists fit into memory."""
    before = net.pairs
    tri.count_pairs(net.rows, before)
    # Few blocks in large networks: each is a list of its own.
    spans = even_spans(before, max(_BLOCK_PAIRS, before.size // 4))
    blocks = [_Block(lo, hi, int(before[hi] - before[lo])) for lo, hi in spans]
    return [blocks[k : k + _CHUNK] for k in range(0, len(blocks), _CHUNK)]


def _measures(
    graph: Graph, net: _Oriented, unit: float, workers: Workers
) -> tuple[Reals, NDArray[np.int64]]:
    """Measures, and degrees and triangles, in the order of the graph's nodes."""
    # Every cell is written; zeros would be written first by one thread alone.
    reals, counts = np.empty((10, graph.n_nodes)), np.empty((2, graph.n_nodes), np.int64)
    sums = (graph.indptr, net.number, net.nodes)

    def of_span(span: tuple[int, int]) -> None:
        lo, hi = span
        logs = tri.sizes(lo, hi, *sums)
        np.log(logs, out=logs)
        tri.node_measures(lo, hi, *sums, net.among, logs, unit, reals, counts)

    workers.run(of_span, even_spans(graph.indptr))
    return reals, counts
