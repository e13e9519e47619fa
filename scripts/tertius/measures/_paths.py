"""Kernels over shortest paths from many sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]
Reals = NDArray[np.float64]

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
def distance_sums(indptr: Ints, indices: Heads, sources: Ints, farthest: int) -> Reals:
    """Per node, over the sources at distance 1..farthest: count, sum d, d^2, 1/d, 1/d^2.

    Breadth-first search from 64 sources at once, one bit each (Then et al. 2014, PVLDB 8:449).
    The first three sums are whole numbers below 2^53, hence exact.
    """
    n = indptr.size - 1
    out = np.zeros((n, 5))
    seen = np.zeros(n, np.uint64)
    front = np.zeros(n, np.uint64)
    reached = np.zeros(n, np.uint64)
    active = np.empty(n, np.int32)
    following = np.empty(n, np.int32)
    zero = np.uint64(0)
    for base in range(0, sources.size, 64):
        seen[:] = zero
        count = 0
        for k in range(base, min(base + 64, sources.size)):
            s = sources[k]
            if front[s] == zero:
                active[count] = s
                count += 1
            bit = np.uint64(1) << np.uint64(k - base)
            front[s] |= bit
            seen[s] |= bit
        level = 0.0
        while count > 0 and level < farthest:
            level += 1.0
            inverse = 1.0 / level
            nextcount = 0
            for k in range(count):
                u = active[k]
                bits = front[u]
                for e in range(indptr[u], indptr[u + 1]):
                    v = indices[e]
                    fresh = bits & ~seen[v]
                    if fresh != zero:
                        if reached[v] == zero:
                            following[nextcount] = v
                            nextcount += 1
                        reached[v] |= fresh
            for k in range(count):
                front[active[k]] = zero
            for k in range(nextcount):
                v = following[k]
                bits = reached[v]
                reached[v] = zero
                seen[v] |= bits
                front[v] = bits
                times = float(_ones(bits))
                out[v, 0] += times
                out[v, 1] += times * level
                out[v, 2] += times * level * level
                out[v, 3] += times * inverse
                out[v, 4] += times * inverse * inverse
            active, following = following, active
            count = nextcount
        for k in range(count):
            front[active[k]] = zero
    return out


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
    dependency = np.zeros(n)
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
        if is_open[source]:
            between = 0.0
            for e in range(indptr[source], indptr[source + 1]):
                between += members[indices[e]]
            for e in range(indptr[source], indptr[source + 1]):
                dependency[indices[e]] += (members[source] - 1.0) / between
        for k in range(tail - 1, 0, -1):
            w = queue[k]
            near = distance[w] - 1
            share = members[w] * (1.0 + dependency[w]) / paths[w]
            if near > 0:
                for e in range(indptr[w], indptr[w + 1]):
                    v = indices[e]
                    if distance[v] == near:
                        dependency[v] += paths[v] * share
            out[w, 0] += times[k_source] * dependency[w]
            out[w, 1] += times[k_source] * dependency[w] * dependency[w]
        for k in range(tail):
            v = queue[k]
            distance[v] = -1
            paths[v] = 0.0
            dependency[v] = 0.0
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
