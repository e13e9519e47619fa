"""Kernels over shortest paths from many sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]
Reals = NDArray[np.float64]

Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]
# Sources searched from at once: 8 words of 64 bits fill a cache line.
WORDS = 8
# Path lengths that differ by less than this share are one length: sums of 1/w are rounded.
_SAME_LENGTH = 1e-10


@kernel
def breadth_first_order(indptr: Ints, indices: Heads, roots: Ints) -> Ints:
    """All nodes reached from the roots, root by root, in breadth-first order."""
    seen = np.zeros(indptr.size - 1, np.bool_)
    order = np.empty(indptr.size - 1, np.int64)
    head = 0
    tail = 0
    for root in roots:
        if seen[root]:
            continue
        seen[root] = True
        order[tail] = root
        tail += 1
        while head < tail:
            u = order[head]
            head += 1
            for e in range(indptr[u], indptr[u + 1]):
                v = indices[e]
                if not seen[v]:
                    seen[v] = True
                    order[tail] = v
                    tail += 1
    return order[:tail]


@kernel
def relabelled(indptr: Ints, indices: Heads, order: Ints) -> tuple[Ints, Heads]:
    """Rows of the graph whose node k is node order[k], so that neighbours lie near each other."""
    n = order.size
    rank = np.empty(n, np.int32)
    for k in range(n):
        rank[order[k]] = k
    rows = np.zeros(n + 1, np.int64)
    for k in range(n):
        rows[k + 1] = rows[k] + indptr[order[k] + 1] - indptr[order[k]]
    heads = np.empty(indices.size, np.int32)
    for k in range(n):
        p = rows[k]
        for e in range(indptr[order[k]], indptr[order[k] + 1]):
            heads[p] = rank[indices[e]]
            p += 1
    return rows, heads


@kernel
def distance_sums(indptr: Ints, indices: Heads, sources: Ints, farthest: int) -> Reals:
    """Per node, over the sources at distance 1..farthest: count, sum d, d^2, 1/d, 1/d^2.

    Breadth-first search from 512 sources at once, one bit each (Then et al. 2014, PVLDB 8:449):
    outwards from the nodes of a level, or where these are many, inwards to the nodes that some
    source has not reached (Beamer et al. 2012). The first three sums are whole numbers below 2^53,
    hence exact.
    """
    n = indptr.size - 1
    out = np.zeros((n, 5))
    seen = np.zeros((n, WORDS), np.uint64)
    front = np.zeros((n, WORDS), np.uint64)
    reached = np.zeros((n, WORDS), np.uint64)
    full = np.zeros(n, np.bool_)
    touched = np.zeros(n, np.bool_)
    active = np.empty(n, np.int32)
    following = np.empty(n, np.int32)
    everyone = np.zeros(WORDS, np.uint64)
    one = np.uint64(1)
    zero = np.uint64(0)
    for base in range(0, sources.size, 64 * WORDS):
        seen[:] = zero
        full[:] = False
        everyone[:] = zero
        count = 0
        arcs = 0
        for k in range(base, min(base + 64 * WORDS, sources.size)):
            s = sources[k]
            if not touched[s]:
                touched[s] = True
                active[count] = s
                count += 1
                arcs += indptr[s + 1] - indptr[s]
            word = (k - base) // 64
            bit = one << np.uint64((k - base) % 64)
            front[s, word] |= bit
            seen[s, word] |= bit
            everyone[word] |= bit
        for k in range(count):
            touched[active[k]] = False
        level = 0.0
        while count > 0 and level < farthest:
            level += 1.0
            if arcs > indices.size // 16:
                fresh = _pull(indptr, indices, front, full, reached, following)
            else:
                fresh = _push(
                    indptr, indices, active, count, front, full, reached, touched, following
                )
            for k in range(count):
                front[active[k]] = zero
            count = 0
            arcs = 0
            for k in range(fresh):
                v = following[k]
                times = _settle_bits(v, seen, front, reached, full, everyone)
                if times > 0.0:
                    active[count] = v
                    count += 1
                    arcs += indptr[v + 1] - indptr[v]
                    out[v, 0] += times
                    out[v, 1] += times * level
                    out[v, 2] += times * level * level
                    out[v, 3] += times / level
                    out[v, 4] += times / level / level
        for k in range(count):
            front[active[k]] = zero
    return out


@kernel
def _push(
    indptr: Ints,
    indices: Heads,
    active: Heads,
    count: int,
    front: Words,
    full: Flags,
    reached: Words,
    touched: Flags,
    following: Heads,
) -> int:
    """Hand the bits of the active nodes to their contacts; lists these and returns how many."""
    fresh = 0
    for k in range(count):
        u = active[k]
        for e in range(indptr[u], indptr[u + 1]):
            v = indices[e]
            if full[v]:
                continue
            if not touched[v]:
                touched[v] = True
                following[fresh] = v
                fresh += 1
                for i in range(WORDS):
                    reached[v, i] = front[u, i]
            else:
                for i in range(WORDS):
                    reached[v, i] |= front[u, i]
    for k in range(fresh):
        touched[following[k]] = False
    return fresh


@kernel
def _pull(
    indptr: Ints, indices: Heads, front: Words, full: Flags, reached: Words, following: Heads
) -> int:
    """Collect the bits of the contacts of every node that some source has not reached."""
    fresh = 0
    for v in range(indptr.size - 1):
        if full[v] or indptr[v] == indptr[v + 1]:
            continue
        u = indices[indptr[v]]
        for i in range(WORDS):
            reached[v, i] = front[u, i]
        for e in range(indptr[v] + 1, indptr[v + 1]):
            u = indices[e]
            for i in range(WORDS):
                reached[v, i] |= front[u, i]
        following[fresh] = v
        fresh += 1
    return fresh


@kernel
def _settle_bits(
    v: int, seen: Words, front: Words, reached: Words, full: Flags, everyone: Words
) -> float:
    """Make what newly reached v its front; returns the number of new bits."""
    times = np.uint64(0)
    left = np.uint64(0)
    for i in range(WORDS):
        bits = reached[v, i] & ~seen[v, i]
        front[v, i] = bits
        seen[v, i] |= bits
        times += _ones(bits)
        left |= everyone[i] & ~seen[v, i]
    if left == np.uint64(0):
        full[v] = True
    return float(times)


@kernel
def _ones(x: np.uint64) -> np.uint64:
    """Number of bits set."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@kernel
def dependency_sums(
    indptr: Ints,
    indices: Heads,
    members: Reals,
    is_open: NDArray[np.bool_],
    sources: Ints,
    times: Reals,
) -> Reals:
    """Per class, over the sources: sum and sum of squares of Brandes' dependency (2001, eq. 6).

    Nodes here are classes of `members` twins each (see `fold_twins`); paths and dependencies are
    those of one member. A source is one member of its class and counts `times` times. Another
    member of the source's class is never inside a path; it is an end at distance two when the
    twins are open.
    """
    n = indptr.size - 1
    out = np.zeros((n, 2))
    distance = np.full(n, -1, np.int32)
    paths = np.zeros(n)
    share = np.zeros(n)
    queue = np.empty(n, np.int32)
    for k_source in range(sources.size):
        source = sources[k_source]
        queue[0] = source
        distance[source] = 0
        paths[source] = 1.0
        head = 0
        tail = 1
        while head < tail:
            u = queue[head]
            head += 1
            near = distance[u] + 1
            ways = paths[u] * (1.0 if u == source else members[u])
            for e in range(indptr[u], indptr[u + 1]):
                v = indices[e]
                if distance[v] < 0:
                    distance[v] = near
                    queue[tail] = v
                    tail += 1
                    paths[v] = ways
                elif distance[v] == near:
                    paths[v] += ways
        # Other members of an open source's class are ends behind each of its contacts.
        behind = 0.0
        if is_open[source]:
            between = 0.0
            for e in range(indptr[source], indptr[source + 1]):
                between += members[indices[e]]
            behind = (members[source] - 1.0) / between
        last = distance[queue[tail - 1]]
        for k in range(tail - 1, 0, -1):
            w = queue[k]
            beyond = distance[w] + 1
            ahead = 0.0
            if beyond <= last:
                for e in range(indptr[w], indptr[w + 1]):
                    v = indices[e]
                    if distance[v] == beyond:
                        ahead += share[v]
            dependency = paths[w] * ahead
            if beyond == 2:
                dependency += behind
            share[w] = members[w] * (1.0 + dependency) / paths[w]
            out[w, 0] += times[k_source] * dependency
            out[w, 1] += times[k_source] * dependency * dependency
        for k in range(tail):
            distance[queue[k]] = -1
    return out


@kernel
def weighted_dependency_sums(indptr: Ints, indices: Heads, costs: Reals, sources: Ints) -> Reals:
    """Per node, as `dependency_sums` with paths of least total cost; costs are positive.

    Path lengths that agree to 1e-10 count as equal.
    """
    n = indptr.size - 1
    out = np.zeros((n, 2))
    distance = np.full(n, np.inf)
    settled = np.full(n, -1, np.int64)
    paths = np.zeros(n)
    dependency = np.zeros(n)
    order = np.empty(n, np.int32)
    heap_key = np.empty(indices.size + 1)
    heap_node = np.empty(indices.size + 1, np.int32)
    for source in sources:
        count = _settle(
            indptr, indices, costs, source, distance, settled, order, heap_key, heap_node
        )
        paths[source] = 1.0
        for k in range(1, count):
            w = order[k]
            for e in range(indptr[w], indptr[w + 1]):
                v = indices[e]
                if settled[v] < k and _on_path(distance[v] + costs[e], distance[w]):
                    paths[w] += paths[v]
        for k in range(count - 1, 0, -1):
            w = order[k]
            share = (1.0 + dependency[w]) / paths[w]
            for e in range(indptr[w], indptr[w + 1]):
                v = indices[e]
                if settled[v] < k and _on_path(distance[v] + costs[e], distance[w]):
                    dependency[v] += paths[v] * share
            out[w, 0] += dependency[w]
            out[w, 1] += dependency[w] * dependency[w]
        for k in range(count):
            v = order[k]
            distance[v] = np.inf
            settled[v] = -1
            paths[v] = 0.0
            dependency[v] = 0.0
    return out


@kernel
def _on_path(through: float, best: float) -> bool:
    return through <= best * (1.0 + _SAME_LENGTH)


@kernel
def _settle(
    indptr: Ints,
    indices: Heads,
    costs: Reals,
    source: int,
    distance: Reals,
    settled: Ints,
    order: Heads,
    heap_key: Reals,
    heap_node: Heads,
) -> int:
    """Dijkstra with a binary heap: nodes in order of distance, and how many were reached."""
    heap_key[0] = 0.0
    heap_node[0] = source
    distance[source] = 0.0
    size = 1
    count = 0
    while size > 0:
        u = heap_node[0]
        size -= 1
        _sift_down(heap_key, heap_node, size)
        if settled[u] >= 0:
            continue
        settled[u] = count
        order[count] = u
        count += 1
        for e in range(indptr[u], indptr[u + 1]):
            v = indices[e]
            length = distance[u] + costs[e]
            if settled[v] < 0 and length < distance[v]:
                distance[v] = length
                _sift_up(heap_key, heap_node, size, length, v)
                size += 1
    return count


@kernel
def _sift_up(heap_key: Reals, heap_node: Heads, at: int, key: float, node: int) -> None:
    while at > 0:
        parent = (at - 1) // 2
        if heap_key[parent] <= key:
            break
        heap_key[at] = heap_key[parent]
        heap_node[at] = heap_node[parent]
        at = parent
    heap_key[at] = key
    heap_node[at] = node


@kernel
def _sift_down(heap_key: Reals, heap_node: Heads, size: int) -> None:
    """Close the gap at the root with the last entry (at index `size`)."""
    key = heap_key[size]
    node = heap_node[size]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap_key[child + 1] < heap_key[child]:
            child += 1
        if heap_key[child] >= key:
            break
        heap_key[at] = heap_key[child]
        heap_node[at] = heap_node[child]
        at = child
    heap_key[at] = key
    heap_node[at] = node
