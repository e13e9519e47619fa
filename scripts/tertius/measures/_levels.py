"""Kernels over rings: how many nodes lie at each distance, and which contacts know each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]


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


@kernel
def untied_contacts(indptr: Ints, indices: Heads) -> Ints:
    """Per node, how many of its contacts are tied to no other of its contacts."""
    n = indptr.size - 1
    out = np.zeros(n, np.int64)
    mark = np.full(n, -1, np.int64)
    for i in range(n):
        for e in range(indptr[i], indptr[i + 1]):
            mark[indices[e]] = i
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            alone = True
            for f in range(indptr[j], indptr[j + 1]):
                if mark[indices[f]] == i:
                    alone = False
                    break
            if alone:
                out[i] += 1
    return out


@kernel
def open_paths(
    indptr: Ints, indices: Heads, kind: Ints, column: NDArray[np.int8], fractional: bool
) -> NDArray[np.float64]:
    """Open 2-paths j - i - k (j, k not tied, j < k) per node i and column: n x number of columns.

    A path goes into the column `column[kind[j], kind[i], kind[k]]`, or nowhere if that is negative.
    fractional: each path counts 1 / number of nodes that tie j and k.
    """
    n = indptr.size - 1
    # Whole numbers per denominator would need a table; the paths of a node come in a fixed order.
    out = np.zeros((n, column.max() + 1))
    mark = np.full(n, -1, np.int64)
    shared = np.zeros(n, np.int64)
    for j in range(n):
        mark[j] = j
        for e in range(indptr[j], indptr[j + 1]):
            mark[indices[e]] = j
        if fractional:
            for e in range(indptr[j], indptr[j + 1]):
                i = indices[e]
                for f in range(indptr[i], indptr[i + 1]):
                    shared[indices[f]] += 1
        for e in range(indptr[j], indptr[j + 1]):
            i = indices[e]
            for f in range(indptr[i], indptr[i + 1]):
                k = indices[f]
                if k <= j or mark[k] == j:
                    continue
                role = column[kind[j], kind[i], kind[k]]
                if role >= 0:
                    out[i, role] += 1.0 / shared[k] if fractional else 1.0
        if fractional:
            for e in range(indptr[j], indptr[j + 1]):
                i = indices[e]
                for f in range(indptr[i], indptr[i + 1]):
                    shared[indices[f]] = 0
    return out
