"""Kernels over distances: breadth-first searches from many sources at once, one bit each."""

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
def ring_counts(indptr: Ints, indices: Heads, sources: Ints, farthest: int) -> Heads:
    """Per node, how many of the sources lie at distance 1, 2, ...: n x the largest distance met.

    Breadth-first search from 64 sources at once, one bit each (Then et al. 2014, PVLDB 8:449).
    """
    n = indptr.size - 1
    out = np.zeros((n, 8), np.int32)
    seen = np.zeros(n, np.uint64)
    front = np.zeros(n, np.uint64)
    reached = np.zeros(n, np.uint64)
    active = np.empty(n, np.int32)
    following = np.empty(n, np.int32)
    zero = np.uint64(0)
    deepest = 0
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
        level = 0
        while count > 0 and level < farthest:
            following_count = 0
            for k in range(count):
                u = active[k]
                bits = front[u]
                for e in range(indptr[u], indptr[u + 1]):
                    v = indices[e]
                    fresh = bits & ~seen[v]
                    if fresh != zero:
                        if reached[v] == zero:
                            following[following_count] = v
                            following_count += 1
                        reached[v] |= fresh
            for k in range(count):
                front[active[k]] = zero
            if following_count > 0 and level >= out.shape[1]:
                wider = np.zeros((n, 2 * out.shape[1]), np.int32)
                wider[:, : out.shape[1]] = out
                out = wider
            for k in range(following_count):
                v = following[k]
                bits = reached[v]
                reached[v] = zero
                seen[v] |= bits
                front[v] = bits
                out[v, level] += np.int32(_ones(bits))
            active, following = following, active
            count = following_count
            level += 1
            if following_count > 0:
                deepest = max(deepest, level)
        for k in range(count):
            front[active[k]] = zero
    return out[:, :deepest].copy()
