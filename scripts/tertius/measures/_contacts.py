"""Kernels over the contacts of a node: which know each other, and which it alone connects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]


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
