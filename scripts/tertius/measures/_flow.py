"""Kernel of node-disjoint paths: augmenting paths in a network of unit node capacities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]


@kernel
def disjoint_paths(indptr: Ints, indices: Heads, source: int, targets: Ints) -> Ints:
    """Largest numbers of paths from source to each target that share no inner node.

    Direct ties are excluded. Each node is split into an entry (2v) and an exit (2v + 1) with an
    inner arc of capacity one. A search ends at the first exit beside the target, and the last one
    is spared where the ties of an end are used up.
    """
    n = indptr.size - 1
    after = np.empty(n, np.int64)
    before = np.empty(n, np.int64)
    parent = np.full(2 * n, -1, np.int64)
    queue = np.empty(2 * n, np.int64)
    near = np.zeros(n, np.bool_)
    counts = np.zeros(targets.size, np.int64)
    own = indices[indptr[source] : indptr[source + 1]]
    for k in range(targets.size):
        target = targets[k]
        theirs = indices[indptr[target] : indptr[target + 1]]
        tied = np.any(own == target)
        most = min(own.size, theirs.size) - int(tied)
        after[:] = -1
        before[:] = -1
        near[theirs] = True
        near[source] = False
        while counts[k] < most:
            last, tail = _search(
                indptr, indices, source, target, near, after, before, parent, queue
            )
            if last >= 0:
                _augment(parent, after, before, source, target, last)
                counts[k] += 1
            parent[queue[:tail]] = -1
            if last < 0:
                break
        near[theirs] = False
    return counts


@kernel
def _search(
    indptr: Ints,
    indices: Heads,
    source: int,
    target: int,
    near: NDArray[np.bool_],
    after: Ints,
    before: Ints,
    parent: Ints,
    queue: Ints,
) -> tuple[int, int]:
    """Breadth first to a node with an unused tie to the target, -1 if there is none; queue's end.

    after and before hold the flow: after[v] is the node behind v on its path, -1 where v is free.
    """
    head = 0
    tail = 0
    # The first step leaves the source by a tie that carries no path yet.
    for e in range(indptr[source], indptr[source + 1]):
        v = indices[e]
        if v != target and before[v] != source:
            parent[2 * v] = 2 * source + 1
            queue[tail] = 2 * v
            tail += 1
    while head < tail:
        at = queue[head]
        head += 1
        v = at // 2
        if at % 2 == 0:
            # Into a node: through it when it is free, else back along the path that enters here.
            u = v if before[v] < 0 else before[v]
            if u != source and parent[2 * u + 1] < 0:
                parent[2 * u + 1] = at
                queue[tail] = 2 * u + 1
                tail += 1
                if near[u] and after[u] != target:
                    return u, tail
            continue
        # At an exit: forward along unused ties, or back through the node when it is taken.
        if before[v] >= 0 and parent[2 * v] < 0:
            parent[2 * v] = at
            queue[tail] = 2 * v
            tail += 1
        for e in range(indptr[v], indptr[v + 1]):
            w = indices[e]
            if w != target and w != source and after[v] != w and parent[2 * w] < 0:
                parent[2 * w] = at
                queue[tail] = 2 * w
                tail += 1
    return -1, tail


@kernel
def _augment(parent: Ints, after: Ints, before: Ints, source: int, target: int, last: int) -> None:
    """Put the path that was found into the flow, from its end back to the source."""
    # Collect the steps first: `after` and `before` may be overwritten along the way.
    steps = 0
    at = 2 * last + 1
    while at != 2 * source + 1:
        steps += 1
        at = parent[at]
    path = np.empty(steps + 1, np.int64)
    at = 2 * last + 1
    for k in range(steps, -1, -1):
        path[k] = at
        if k > 0:
            at = parent[at]
    # Cancelled ties first, new ties second.
    for k in range(steps):
        u, v = path[k], path[k + 1]
        if u % 2 == 0 and v % 2 == 1 and u // 2 != v // 2:
            after[v // 2] = -1
            before[u // 2] = -1
    for k in range(steps):
        u, v = path[k], path[k + 1]
        if u % 2 == 1 and v % 2 == 0 and u // 2 != v // 2:
            if u // 2 != source:
                after[u // 2] = v // 2
            before[v // 2] = u // 2
    after[last] = target
