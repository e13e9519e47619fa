"""Folding of twins: nodes with the same contacts are one class in the search for shortest paths.

Closed twins know each other and share all other contacts (partners of one consortium and of nothing
else); open twins share all contacts and do not know each other (clients of one hub). A node cannot
be both. Classes are joined completely or not at all, so that the graph induced by one
representative of each class holds every shortest path.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]


class Folded(NamedTuple):
    """Graph of the classes, the class of every node, members per class, and open twins or not."""

    indptr: Ints
    indices: Heads
    class_of: Ints
    members: NDArray[np.float64]
    is_open: NDArray[np.bool_]


def fold_twins(indptr: Ints, indices: Heads, rank: Ints) -> Folded:
    """One class per set of twins, numbered by the `rank` of their representatives."""
    n = indptr.size - 1
    head = np.arange(n)
    is_open = np.zeros(n, np.bool_)
    contacts, known = _row_hashes(indptr, indices)
    _join(indptr, indices, np.lexsort((head, known)), known, True, head, is_open)
    _join(indptr, indices, np.lexsort((head, contacts)), contacts, False, head, is_open)
    first = np.flatnonzero(head == np.arange(n))
    first = first[np.argsort(rank[first])]
    number = np.full(n, -1, np.int64)
    number[first] = np.arange(first.size)
    class_of = number[head]
    rows, heads = _induced(indptr, indices, first, number)
    return Folded(rows, heads, class_of, np.bincount(class_of).astype(float), is_open[first])


@kernel
def _row_hashes(indptr: Ints, indices: Heads) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hash of every node's contacts, without and with the node itself."""
    n = indptr.size - 1
    mixed = np.empty(n, np.uint64)
    for i in range(n):
        # The finaliser of splitmix64 (Steele, Lea & Flood 2014).
        x = np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed[i] = x ^ (x >> np.uint64(31))
    contacts = np.zeros(n, np.uint64)
    for i in range(n):
        for e in range(indptr[i], indptr[i + 1]):
            contacts[i] += mixed[indices[e]]
    return contacts, contacts + mixed


@kernel
def _join(
    indptr: Ints,
    indices: Heads,
    order: Ints,
    hashes: NDArray[np.uint64],
    closed: bool,
    head: Ints,
    is_open: NDArray[np.bool_],
) -> None:
    """Give every twin the first of its set as head; equal hashes are checked contact by contact."""
    first = -1
    for i in order:
        if head[i] != i or is_open[i] or indptr[i] == indptr[i + 1]:
            continue
        if first >= 0 and hashes[i] == hashes[first] and _same(indptr, indices, first, i, closed):
            head[i] = first
            if not closed:
                is_open[first] = True
        else:
            first = i


@kernel
def _same(indptr: Ints, indices: Heads, i: int, j: int, closed: bool) -> bool:
    """Contacts of i and j are the same; closed: but for each other, whom they know."""
    a = indptr[i]
    b = indptr[j]
    if indptr[i + 1] - a != indptr[j + 1] - b:
        return False
    know = False
    while True:
        if closed and a < indptr[i + 1] and indices[a] == j:
            know = True
            a += 1
            continue
        if closed and b < indptr[j + 1] and indices[b] == i:
            b += 1
            continue
        if a == indptr[i + 1]:
            return know or not closed
        if indices[a] != indices[b]:
            return False
        a += 1
        b += 1


@kernel
def _induced(indptr: Ints, indices: Heads, first: Ints, number: Ints) -> tuple[Ints, Heads]:
    """Rows of the graph induced by the representatives, renumbered, ascending."""
    rows = np.zeros(first.size + 1, np.int64)
    for k in range(first.size):
        rows[k + 1] = rows[k]
        for e in range(indptr[first[k]], indptr[first[k] + 1]):
            if number[indices[e]] >= 0:
                rows[k + 1] += 1
    heads = np.empty(rows[-1], np.int32)
    at = rows[:-1].copy()
    # Filling columns in ascending order leaves every row sorted.
    for k in range(first.size):
        for e in range(indptr[first[k]], indptr[first[k] + 1]):
            other = number[indices[e]]
            if other >= 0:
                heads[at[other]] = k
                at[other] += 1
    return rows, heads
