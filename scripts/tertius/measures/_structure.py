"""Kernels for components and cores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]


@kernel
def component_labels(indptr: Ints, indices: Heads) -> Ints:
    """Component of every node, numbered 0, 1, ... in order of their first nodes."""
    n = indptr.size - 1
    label = np.full(n, -1, np.int64)
    queue = np.empty(n, np.int32)
    count = 0
    for root in range(n):
        if label[root] >= 0:
            continue
        label[root] = count
        queue[0] = root
        head = 0
        tail = 1
        while head < tail:
            u = queue[head]
            head += 1
            for e in range(indptr[u], indptr[u + 1]):
                v = indices[e]
                if label[v] < 0:
                    label[v] = count
                    queue[tail] = v
                    tail += 1
        count += 1
    return label


@kernel
def core_numbers(indptr: Ints, indices: Heads) -> Ints:
    """Largest k such that the node is in the k-core (Batagelj & Zaversnik 2003)."""
    n = indptr.size - 1
    core = indptr[1:] - indptr[:-1]
    start = np.zeros(n + 2, np.int64)
    for i in range(n):
        start[core[i] + 1] += 1
    for k in range(n + 1):
        start[k + 1] += start[k]
    at = start.copy()
    place = np.empty(n, np.int64)
    order = np.empty(n, np.int64)
    for i in range(n):
        place[i] = at[core[i]]
        at[core[i]] += 1
        order[place[i]] = i
    for k in range(n):
        v = order[k]
        for e in range(indptr[v], indptr[v + 1]):
            u = indices[e]
            if core[u] > core[v]:
                # Swap u with the first node of its bucket, then shrink the bucket.
                w = order[start[core[u]]]
                order[place[u]] = w
                place[w] = place[u]
                order[start[core[u]]] = u
                place[u] = start[core[u]]
                start[core[u]] += 1
                core[u] -= 1
    return core
