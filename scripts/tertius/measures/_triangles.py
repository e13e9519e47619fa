"""Kernels over triangles: each triangle is visited once, from its corner of lowest degree.

Notation: weights w, strengths s, largest ties M. Nodes are renumbered by (degree, position) and an
edge is kept as one arc from the lower to the higher number; arcs out of u fill row u. For a
triangle u < v < q the arcs are a = uv, c = uq, b = vq. An arc a = uv carries quantities of two
egos: "forward" those of ego u about alter v, "backward" those of ego v about alter u.

Triangles are first listed, by blocks of corners; the sums then run over the lists. Arcs a and c
belong to the row of the corner, hence to its block alone; arc b belongs to another row, and its
sums are made by whoever owns b, in the order of the lists. Every number is thus added up in one
order, whatever the number of threads.

Places in arrays are unsigned: a signed one costs a test for counting from the end at every access.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.uint32]
Places = NDArray[np.uint64]
Reals = NDArray[np.float64]

# Unsigned too, as the sum of an unsigned and a signed integer is a float to the compiler.
_ONE = np.uint64(1)
# Degrees from here on count as equal: at most 2m / 4096 nodes have them.
TOP_DEGREE = 4096
# A share of the sum by which the rounding of equal investments may differ: disorder is of second
# order in such differences, so that a true value below it is beyond doubles anyway.
_EQUAL = 1e-11
# Columns of the table of arcs, one cache line each: sums over triangles, and the weight again.
ARC_WIDTH = 8
T, R, F, B, EF, EB, K, W = range(8)
# Columns of the table of nodes, one cache line each: strength; sum c, sum c ln(w + T), max y over
# the contacts (see `contact_sums`) in the whole and in the ego network; sum R / M.
NODE_WIDTH = 8
S, WHOLE, EGO, REDUNDANT = 0, 1, 4, 7


@kernel
def degree_counts(lo: int, hi: int, indptr: Ints) -> Ints:
    """How many of the nodes lo..hi-1 have each degree."""
    counts = np.zeros(TOP_DEGREE + 1, np.int64)
    for i in range(lo, hi):
        counts[min(indptr[i + 1] - indptr[i], TOP_DEGREE)] += 1
    return counts


@kernel
def number_nodes(lo: int, hi: int, indptr: Ints, start: Ints, number: Heads) -> None:
    """Number the nodes lo..hi-1 by degree; `start` is the first number of each degree."""
    at = start.copy()
    for i in range(lo, hi):
        d = min(indptr[i + 1] - indptr[i], TOP_DEGREE)
        number[i] = at[d]
        at[d] += 1


@kernel
def count_arcs(
    lo: int, hi: int, indptr: Places, indices: Heads, number: Heads, arcs: Heads
) -> None:
    """Arcs out of each of the nodes lo..hi-1, at the place of its number."""
    for i in range(lo, hi):
        r = number[i]
        out = 0
        for e in range(indptr[i], indptr[i + 1]):
            if number[indices[e]] > r:
                out += 1
        arcs[r] = out


@kernel
def fill_arcs(
    lo: int,
    hi: int,
    indptr: Places,
    indices: Heads,
    weights: Reals,
    unit: float,
    number: Heads,
    rows: Heads,
    heads: Heads,
    values: Reals,
    scales: Reals,
) -> None:
    """Arcs out of the nodes lo..hi-1, weights times `unit`, and each node's s, 1/s and 1/M.

    scales: a row of each, 0 without contacts.
    """
    for i in range(lo, hi):
        r = number[i]
        p = np.uint64(rows[r])
        total = 0.0
        largest = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            w = weights[e] * unit
            total += w
            largest = max(largest, w)
            if number[indices[e]] > r:
                heads[p] = number[indices[e]]
                values[p] = w
                p += _ONE
        if total > 0.0:
            scales[0, r] = total
            scales[1, r] = 1.0 / total
            scales[2, r] = 1.0 / largest


@kernel
def count_pairs(rows: Heads, before: Ints) -> None:
    """Pairs of arcs, each with itself too, out of the nodes before each node, and in all (n + 1).

    No more triangles have their corner there.
    """
    before[0] = 0
    for u in range(rows.size - 1):
        out = np.int64(rows[u + 1] - rows[u])
        before[u + 1] = before[u] + out * (out + 1) // 2


@kernel
def list_triangles(lo: int, hi: int, most: int, rows: Heads, heads: Heads, mark: Heads) -> Heads:
    """Triangles of the corners lo..hi-1, rows (u, a, c, b) in the order of (a, b).

    mark: one zero per node, and zero again at the end. most: no more triangles than that.
    """
    # Pages that are never written take no memory.
    sides = np.empty((most + 1, 4), np.uint32)
    t = np.uint64(0)
    for u in range(lo, hi):
        begin, end = np.uint64(rows[u]), np.uint64(rows[u + 1])
        if begin + _ONE >= end:
            continue
        last = heads[begin]
        for a in range(begin, end):
            mark[heads[a]] = a - begin + _ONE
            last = max(last, heads[a])
        for a in range(begin, end):
            # Arcs lead upwards: out of the last head to none of the others.
            if heads[a] == last:
                continue
            for b in range(rows[heads[a]], rows[heads[a] + 1]):
                c = mark[heads[b]]
                # Written in any case, and kept if marked: to guess which one is slower.
                sides[t, 0] = u
                sides[t, 1] = a
                sides[t, 2] = begin + c - _ONE
                sides[t, 3] = b
                t += np.uint64(c > 0)
        for a in range(begin, end):
            mark[heads[a]] = 0
    return sides[:t]


@kernel
def whole_sums_of_row(
    triangles: Heads, heads: Heads, weights: Reals, inverse: Reals, arcs: Reals
) -> None:
    """Add T, R, F, B and K of the whole network to the arcs a and c of listed triangles.

    Per arc ij: T = sum_q w_iq w_qj / s_q (Burt's indirect part), R = sum_q w_iq w_qj, F and B the
    alter's ties to ego's other alters, forward and backward, K the number of triangles.
    """
    t, end = np.uint64(0), np.uint64(triangles.shape[0])
    while t < end:
        a = triangles[t, 1]
        w_uv = weights[a]
        to_v = inverse[heads[a]]
        indirect, product, forward, backward, number = 0.0, 0.0, 0.0, 0.0, 0.0
        while t < end and triangles[t, 1] == a:
            c = triangles[t, 2]
            w_uq = weights[c]
            w_vq = weights[triangles[t, 3]]
            indirect += w_uq * w_vq * inverse[heads[c]]
            product += w_uq * w_vq
            forward += w_vq
            backward += w_uq
            number += 1.0
            arcs[c, T] += w_uv * w_vq * to_v
            arcs[c, R] += w_uv * w_vq
            arcs[c, F] += w_vq
            arcs[c, B] += w_uv
            arcs[c, K] += 1.0
            t += _ONE
        arcs[a, T] += indirect
        arcs[a, R] += product
        arcs[a, F] += forward
        arcs[a, B] += backward
        arcs[a, K] += number


@kernel
def owner_counts(places: Heads, parts: int) -> Ints:
    """How many of some arcs or nodes belong to each part."""
    counts = np.zeros(parts, np.int64)
    for k in range(places.size):
        counts[_owner(places[k], parts)] += 1
    return counts


@kernel
def deal_triangles(triangles: Heads, start: Ints, dealt: Heads) -> None:
    """Copy triangles to the owners of their arcs b, whose places begin at `start`."""
    at = start.copy()
    for t in range(triangles.shape[0]):
        part = _owner(triangles[t, 3], start.size)
        to = np.uint64(at[part])
        for k in range(4):
            dealt[to, k] = triangles[t, k]
        at[part] += 1


@kernel
def deal_arcs(first: int, end: int, heads: Heads, start: Ints, dealt: Heads) -> None:
    """List the arcs first..end-1 with the owners of their heads, whose places begin at `start`."""
    at = start.copy()
    for a in range(first, end):
        part = _owner(heads[a], start.size)
        dealt[np.uint64(at[part])] = a
        at[part] += 1


@kernel
def _owner(place: int, parts: int) -> int:
    """Which of the parts (a power of two) owns an arc or a node: runs of 64 are dealt in turn."""
    return (place >> 6) & (parts - 1)


@kernel
def whole_sums_across(triangles: Heads, weights: Reals, inverse: Reals, arcs: Reals) -> None:
    """The same on the arcs b of the triangles that were dealt to one owner."""
    for t in range(triangles.shape[0]):
        b = triangles[t, 3]
        w_uv = weights[triangles[t, 1]]
        w_uq = weights[triangles[t, 2]]
        arcs[b, T] += w_uv * w_uq * inverse[triangles[t, 0]]
        arcs[b, R] += w_uv * w_uq
        arcs[b, F] += w_uq
        arcs[b, B] += w_uv
        arcs[b, K] += 1.0


@kernel
def ego_sums_of_row(triangles: Heads, arcs: Reals) -> None:
    """Add T of the ego-network model (EF, EB) to the arcs a and c of listed triangles.

    The alter's proportions are those inside ego's network, where its strength is w + F (w + B).
    """
    for t in range(triangles.shape[0]):
        a = triangles[t, 1]
        c = triangles[t, 2]
        b = triangles[t, 3]
        w_uv = arcs[a, W]
        w_uq = arcs[c, W]
        w_vq = arcs[b, W]
        arcs[a, EF] += w_uq * w_vq / (w_uq + arcs[c, F])
        arcs[a, EB] += w_uq * w_vq / (w_vq + arcs[b, F])
        arcs[c, EF] += w_uv * w_vq / (w_uv + arcs[a, F])
        arcs[c, EB] += w_uv * w_vq / (w_vq + arcs[b, B])


@kernel
def ego_sums_across(triangles: Heads, arcs: Reals) -> None:
    """The same on the arcs b of the triangles that were dealt to one owner."""
    for t in range(triangles.shape[0]):
        a = triangles[t, 1]
        c = triangles[t, 2]
        b = triangles[t, 3]
        w_uv = arcs[a, W]
        w_uq = arcs[c, W]
        arcs[b, EF] += w_uv * w_uq / (w_uv + arcs[a, B])
        arcs[b, EB] += w_uv * w_uq / (w_uq + arcs[c, B])


@kernel
def reach(first: int, end: int, arcs: Reals) -> Reals:
    """x = w_ij + T_ij of the arcs first..end-1: whole network, ego the tail, ego the head."""
    x = np.empty((3, end - first))
    for a in range(first, end):
        x[0, a - first] = arcs[a, W] + arcs[a, T]
        x[1, a - first] = arcs[a, W] + arcs[a, EF]
        x[2, a - first] = arcs[a, W] + arcs[a, EB]
    return x


@kernel
def contact_sums_of_row(
    lo: int,
    hi: int,
    rows: Heads,
    heads: Heads,
    scales: Reals,
    logs: Reals,
    arcs: Reals,
    nodes: Reals,
    among: Reals,
) -> None:
    """Sums over the contacts of higher number of the nodes lo..hi-1.

    c = (x / s_i)^2 in both models; logs: ln x (see `reach`). among: twice the number of ties among
    the contacts, and twice their weight. Each arc keeps what its head will need: x and ln x in the
    places of T and F, those of the head's ego network in EB and EF, R / M in that of R.
    """
    for u in range(lo, hi):
        s = scales[0, u]
        whole = (0.0, 0.0, 0.0)
        ego = (0.0, 0.0, 0.0)
        redundant, number, weight = 0.0, 0.0, 0.0
        for a in range(rows[u], rows[u + 1]):
            w = arcs[a, W]
            k = a - rows[lo]
            whole = _with_contact(whole, w + arcs[a, T], logs[0, k], s)
            ego = _with_contact(ego, w + arcs[a, EF], logs[1, k], s)
            redundant += arcs[a, R] * scales[2, heads[a]]
            number += arcs[a, K]
            weight += arcs[a, F]
            arcs[a, T] += w
            arcs[a, F] = logs[0, k]
            arcs[a, R] *= scales[2, u]
            arcs[a, EB] += w
            arcs[a, EF] = logs[2, k]
        nodes[u, S] = s
        _put(nodes, u, WHOLE, whole)
        _put(nodes, u, EGO, ego)
        nodes[u, REDUNDANT] = redundant
        among[u, 0] = number
        among[u, 1] = weight


@kernel
def contact_sums_across(
    dealt: Heads, heads: Heads, arcs: Reals, nodes: Reals, among: Reals
) -> None:
    """Add the contacts of lower number along the arcs that were dealt to the owner of the heads."""
    for a in dealt:
        v = heads[a]
        s = nodes[v, S]
        whole = (nodes[v, WHOLE], nodes[v, WHOLE + 1], nodes[v, WHOLE + 2])
        _put(nodes, v, WHOLE, _with_contact(whole, arcs[a, T], arcs[a, F], s))
        ego = (nodes[v, EGO], nodes[v, EGO + 1], nodes[v, EGO + 2])
        _put(nodes, v, EGO, _with_contact(ego, arcs[a, EB], arcs[a, EF], s))
        nodes[v, REDUNDANT] += arcs[a, R]
        among[v, 0] += arcs[a, K]
        among[v, 1] += arcs[a, B]


@kernel
def _with_contact(
    sums: tuple[float, float, float], x: float, log_x: float, s: float
) -> tuple[float, float, float]:
    y = x / s
    c = y * y
    return sums[0] + c, sums[1] + c * log_x, max(sums[2], y)


@kernel
def _put(nodes: Reals, i: int, k: int, sums: tuple[float, float, float]) -> None:
    nodes[i, k], nodes[i, k + 1], nodes[i, k + 2] = sums


@kernel
def sizes(lo: int, hi: int, indptr: Ints, number: Heads, nodes: Reals) -> Reals:
    """d, s and both sums of c of the nodes lo..hi-1, a row of each; 1 without contacts."""
    found = np.ones((4, hi - lo))
    for i in range(lo, hi):
        r = number[i]
        if indptr[i + 1] > indptr[i]:
            found[0, i - lo] = indptr[i + 1] - indptr[i]
            found[1, i - lo] = nodes[r, S]
            found[2, i - lo] = nodes[r, WHOLE]
            found[3, i - lo] = nodes[r, EGO]
    return found


@kernel
def node_measures(
    lo: int,
    hi: int,
    indptr: Ints,
    number: Heads,
    nodes: Reals,
    among: Reals,
    logs: Reals,
    unit: float,
    reals: Reals,
    counts: Ints,
) -> None:
    """Measures of the nodes lo..hi-1 from their sums, NaN where undefined; logs: see `sizes`.

    reals, by row: constraint, constraint_ego, effective_size, efficiency, redundancy, hierarchy,
    hierarchy_ego, ego_density, ego_density_weighted, local clustering. counts: degree, triangles.
    """
    for i in range(lo, hi):
        r = number[i]
        counts[0, i] = indptr[i + 1] - indptr[i]
        counts[1, i] = np.int64(among[r, 0]) // 2
        d = float(counts[0, i])
        if d < 1.0:
            for k in range(10):
                reals[k, i] = np.nan
            continue
        size = d - nodes[r, REDUNDANT] / nodes[r, S]
        reals[0, i] = nodes[r, WHOLE]
        reals[1, i] = nodes[r, EGO]
        reals[2, i] = size
        reals[3, i] = size / d
        reals[4, i] = 1.0 - size / d
        if d < 2.0:
            for k in range(5, 10):
                reals[k, i] = np.nan
            continue
        pairs = d * (d - 1.0) / 2.0
        log_d, log_s = logs[0, i - lo], logs[1, i - lo]
        for k in range(2):
            at = EGO if k else WHOLE
            sums = (nodes[r, at], nodes[r, at + 1], nodes[r, at + 2])
            reals[5 + k, i] = _disorder(sums, logs[2 + k, i - lo], log_s, d, log_d)
        reals[7, i] = counts[1, i] / pairs
        reals[8, i] = among[r, 1] / 2.0 / pairs / unit
        reals[9, i] = reals[7, i]


@kernel
def _disorder(
    sums: tuple[float, float, float], log_total: float, log_s: float, d: float, log_d: float
) -> float:
    """Coleman-Theil disorder of d contacts' c, 0 when they are equal: ln c = 2 (ln x - ln s)."""
    total, logs, most = sums
    # The largest c is the mean when all are equal.
    if d * most * most - total <= _EQUAL * total:
        return 0.0
    value = (2.0 * (logs / total - log_s) + log_d - log_total) / log_d
    return float(min(max(value, 0.0), 1.0))
