"""Kernels over the shortest paths that pass through a node: Brandes' dependencies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]
Reals = NDArray[np.float64]
Bits = NDArray[np.uint8]
# Sources searched from at once, one lane each: a node's values in all lanes fill a cache line.
LANES = 8
# Row b has 1.0 in the lanes whose bits are set in b.
_ON = (np.arange(1 << LANES)[:, None] >> np.arange(LANES) & 1).astype(np.float64)
# Path lengths that differ by less than this share are one length: sums of 1/w are rounded.
_SAME_LENGTH = 1e-10


class _Search(NamedTuple):
    """Breadth-first searches side by side.

    values: per node and lane, first the number of shortest paths, on the way back its share of
    the dependencies. seen, front, fresh: lanes in which a node has been met, is in the level at
    hand, is in the next one. nodes, lanes: what is in each level; level k begins at starts[k].
    behind: per lane, how much of the source's own class each of its contacts leads back to.
    """

    values: Reals
    seen: Bits
    front: Bits
    fresh: Bits
    nodes: Heads
    lanes: Bits
    starts: Ints
    behind: Reals


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
    those of one member. A source is one member of its class, no two are of one class, and it
    counts `times` times. Another member of the source's class is never inside a path; it is an
    end at distance two when the twins are open. Neighbouring sources meet most nodes at the same
    few distances, so that eight searches read little more than one.
    """
    n = indptr.size - 1
    out = np.zeros((n, 2))
    # Pages that are never written take no memory.
    search = _Search(
        np.zeros((n, LANES)),
        np.zeros(n, np.uint8),
        np.zeros(n, np.uint8),
        np.zeros(n, np.uint8),
        np.empty(LANES * n, np.int32),
        np.empty(LANES * n, np.uint8),
        np.zeros(n + 2, np.int64),
        np.zeros(LANES),
    )
    weights = np.zeros(LANES)
    for base in range(0, sources.size, LANES):
        here = sources[base : base + LANES]
        weights[: here.size] = times[base : base + LANES]
        _begin(indptr, indices, members, is_open, here, search)
        levels = _count_paths(indptr, indices, members, here.size, search)
        for level in range(levels - 1, 0, -1):
            _depend(indptr, indices, members, level, weights, search, out)
        for p in range(search.starts[levels]):
            v = search.nodes[p]
            search.seen[v] = 0
            search.front[v] = 0
            search.values[v, :] = 0.0
    return out


@kernel
def _begin(
    indptr: Ints,
    indices: Heads,
    members: Reals,
    is_open: NDArray[np.bool_],
    here: Ints,
    search: _Search,
) -> None:
    """Put the sources into level 0, one lane each."""
    for k in range(here.size):
        s = here[k]
        bit = np.uint8(1 << k)
        search.nodes[k] = s
        search.lanes[k] = bit
        search.seen[s] = bit
        search.front[s] = bit
        search.values[s, k] = 1.0
        # Other members of an open source's class are ends behind each of its contacts.
        search.behind[k] = 0.0
        if is_open[s]:
            between = 0.0
            for e in range(indptr[s], indptr[s + 1]):
                between += members[indices[e]]
            search.behind[k] = (members[s] - 1.0) / between
    search.starts[0] = 0
    search.starts[1] = here.size


@kernel
def _count_paths(
    indptr: Ints, indices: Heads, members: Reals, n_lanes: int, search: _Search
) -> int:
    """Shortest paths to every node, level by level; returns the number of levels.

    Outwards from the nodes of a level or, where these are many, inwards to those not yet met in
    all lanes (Beamer et al. 2012).
    """
    n = indptr.size - 1
    every = np.uint8((1 << n_lanes) - 1)
    level = 0
    while search.starts[level] < search.starts[level + 1]:
        lo = search.starts[level]
        hi = search.starts[level + 1]
        if (hi - lo) * 8 > n and level > 0:
            tail = _pull(indptr, indices, members, every, hi, search)
        else:
            tail = _push(indptr, indices, members, lo, hi, search)
        for p in range(lo, hi):
            search.front[search.nodes[p]] = 0
        for p in range(hi, tail):
            v = search.nodes[p]
            search.seen[v] |= search.lanes[p]
            search.front[v] = search.lanes[p]
        level += 1
        search.starts[level + 1] = tail
    return level


@kernel
def _push(indptr: Ints, indices: Heads, members: Reals, lo: int, hi: int, search: _Search) -> int:
    """Add the paths of the nodes lo..hi-1 of the list to their contacts; returns its new end."""
    values, seen, fresh = search.values, search.seen, search.fresh
    tail = hi
    for p in range(lo, hi):
        u = search.nodes[p]
        lanes = search.lanes[p]
        # A source is one member of its class.
        times = members[u] if lo > 0 else 1.0
        for e in range(indptr[u], indptr[u + 1]):
            v = indices[e]
            new = lanes & ~seen[v]
            if new:
                if fresh[v] == 0:
                    search.nodes[tail] = v
                    tail += 1
                fresh[v] |= new
                for i in range(LANES):
                    values[v, i] += values[u, i] * (_ON[new, i] * times)
    for p in range(hi, tail):
        v = search.nodes[p]
        search.lanes[p] = fresh[v]
        fresh[v] = 0
    return tail


@kernel
def _pull(
    indptr: Ints, indices: Heads, members: Reals, every: np.uint8, hi: int, search: _Search
) -> int:
    """The same from the side of the nodes not yet met in all lanes."""
    values, front = search.values, search.front
    paths = np.zeros(LANES)
    tail = hi
    for v in range(indptr.size - 1):
        missing = every & ~search.seen[v]
        if missing == 0:
            continue
        new = np.uint8(0)
        for e in range(indptr[v], indptr[v + 1]):
            u = indices[e]
            lanes = front[u] & missing
            if lanes:
                new |= lanes
                times = members[u]
                for i in range(LANES):
                    paths[i] += values[u, i] * (_ON[lanes, i] * times)
        if new:
            for i in range(LANES):
                values[v, i] += paths[i] * _ON[new, i]
                paths[i] = 0.0
            search.nodes[tail] = v
            search.lanes[tail] = new
            tail += 1
    return tail


@kernel
def _depend(
    indptr: Ints,
    indices: Heads,
    members: Reals,
    level: int,
    weights: Reals,
    search: _Search,
    out: Reals,
) -> None:
    """Dependencies on the nodes of a level, from the shares of the next; makes it the front."""
    values, front, starts = search.values, search.front, search.starts
    ahead = np.zeros(LANES)
    for p in range(starts[level], starts[level + 1]):
        w = search.nodes[p]
        lanes = search.lanes[p]
        ahead[:] = 0.0
        for e in range(indptr[w], indptr[w + 1]):
            v = indices[e]
            both = front[v] & lanes
            if both:
                for i in range(LANES):
                    ahead[i] += values[v, i] * _ON[both, i]
        total = 0.0
        squares = 0.0
        for i in range(LANES):
            on = _ON[lanes, i]
            paths = values[w, i] * on + (1.0 - on)
            back = search.behind[i] if level == 1 else 0.0
            dependency = (paths * ahead[i] + back) * on
            total += weights[i] * dependency
            squares += weights[i] * dependency * dependency
            share = members[w] * (1.0 + dependency) / paths
            values[w, i] = values[w, i] * (1.0 - on) + share * on
        out[w, 0] += total
        out[w, 1] += squares
    for p in range(starts[level + 1], starts[level + 2]):
        front[search.nodes[p]] = 0
    for p in range(starts[level], starts[level + 1]):
        front[search.nodes[p]] = search.lanes[p]


@kernel
def ego_dependencies(indptr: Ints, indices: Ints, egos: Ints) -> Reals:
    """For every entry (ego, contact): the contact's dependency summed over all ego's contacts.

    Paths are those among the contacts, ego left out; 0 in the rows of units not among `egos`.
    Rows of `indices` ascend.
    """
    out = np.zeros(indices.size)
    place = np.full(indptr.size - 1, -1, np.int64)
    heads = np.empty(0, np.int32)
    for i in egos:
        low, m = indptr[i], indptr[i + 1] - indptr[i]
        contacts = indices[low : low + m]
        most = 0
        for k in range(m):
            place[contacts[k]] = k
            most += min(m, indptr[contacts[k] + 1] - indptr[contacts[k]])
        if heads.size < most:
            heads = np.empty(2 * most, np.int32)
        ptr = np.zeros(m + 1, np.int64)
        for k in range(m):
            theirs = indices[indptr[contacts[k]] : indptr[contacts[k] + 1]]
            ptr[k + 1] = _shared(contacts, theirs, place, heads, ptr[k])
        for k in range(m):
            place[contacts[k]] = -1
        linked = np.flatnonzero(np.diff(ptr))
        if linked.size > 2:
            ones, closed = np.ones(m), np.zeros(m, np.bool_)
            sums = dependency_sums(ptr, heads, ones, closed, linked, ones[: linked.size])
            out[low : low + m] = sums[:, 0]
    return out


@kernel
def _shared(contacts: Ints, theirs: Ints, place: Ints, heads: Heads, at: int) -> int:
    """Write the places of `theirs` among the contacts to heads[at:]; returns the new end."""
    if theirs.size < 16 * contacts.size:
        for other in theirs:
            if place[other] >= 0:
                heads[at] = place[other]
                at += 1
        return at
    for k in range(contacts.size):
        # A hub's row is long: look each contact up in it.
        found = np.searchsorted(theirs, contacts[k])
        if found < theirs.size and theirs[found] == contacts[k]:
            heads[at] = k
            at += 1
    return at


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
