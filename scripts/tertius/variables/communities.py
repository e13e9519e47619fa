"""Compiled kernels: communities of a network, and betweenness among the partners of an ego."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel
from tertius.measures._dependencies import ego_dependencies

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


@kernel
def _move(
    indptr: Ints, indices: Ints, weights: Reals, loops: Reals, order: Ints, label: Ints
) -> bool:
    """One round of local moves: every node to the neighbouring community of largest gain."""
    n = indptr.size - 1
    strength = loops.copy()
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            strength[i] += weights[k]
    total = strength.sum()
    held = np.zeros(n)
    for i in range(n):
        held[label[i]] += strength[i]
    link = np.zeros(n)
    touched = np.empty(n, np.int64)
    moved_ever = False
    for _ in range(100):
        moved = False
        for i in order:
            count = 0
            for k in range(indptr[i], indptr[i + 1]):
                c = label[indices[k]]
                if link[c] == 0.0:
                    touched[count] = c
                    count += 1
                link[c] += weights[k]
            own = label[i]
            held[own] -= strength[i]
            best, gain = own, link[own] - held[own] * strength[i] / total
            for t in range(count):
                c = touched[t]
                g = link[c] - held[c] * strength[i] / total
                if g > gain + 1e-12 or (g > gain - 1e-12 and c < best and c != own and best != own):
                    best, gain = c, g
            held[best] += strength[i]
            if best != own:
                label[i] = best
                moved = True
                moved_ever = True
            for t in range(count):
                link[touched[t]] = 0.0
        if not moved:
            break
    return moved_ever


@kernel
def _relabel(label: Ints) -> int:
    n = label.size
    number = np.full(n, -1, np.int64)
    count = 0
    for i in range(n):
        if number[label[i]] < 0:
            number[label[i]] = count
            count += 1
        label[i] = number[label[i]]
    return count


@kernel
def _aggregate(
    indptr: Ints, indices: Ints, weights: Reals, loops: Reals, label: Ints, count: int
) -> tuple[Ints, Ints, Reals, Reals]:
    """The network of communities: ties between them summed, ties within as loops."""
    new_loops = np.zeros(count)
    first = np.zeros(count + 1, np.int64)
    for i in range(label.size):
        first[label[i] + 1] += 1
        new_loops[label[i]] += loops[i]
    for c in range(count):
        first[c + 1] += first[c]
    members = np.empty(label.size, np.int64)
    fill = first[:-1].copy()
    for i in range(label.size):
        members[fill[label[i]]] = i
        fill[label[i]] += 1
    out_ptr = np.zeros(count + 1, np.int64)
    out_idx = np.empty(indices.size, np.int64)
    out_w = np.empty(indices.size)
    sums = np.zeros(count)
    seen = np.empty(count, np.int64)
    at = 0
    for c in range(count):
        found = 0
        for m in range(first[c], first[c + 1]):
            i = members[m]
            for k in range(indptr[i], indptr[i + 1]):
                d = label[indices[k]]
                if d == c:
                    new_loops[c] += weights[k]
                    continue
                if sums[d] == 0.0:
                    seen[found] = d
                    found += 1
                sums[d] += weights[k]
        for d in np.sort(seen[:found]):
            out_idx[at] = d
            out_w[at] = sums[d]
            sums[d] = 0.0
            at += 1
        out_ptr[c + 1] = at
    return out_ptr, out_idx[:at], out_w[:at], new_loops


def louvain(indptr: Ints, indices: Ints, weights: Reals, seed: int = 0) -> Ints:
    """Communities of an undirected weighted network by local moves and merging.

    Blondel, Guillaume, Lambiotte and Lefebvre (2008). Deterministic: nodes are visited in an order
    drawn from the seed. Communities are numbered by their lowest node.

    Args:
        indptr: rows of the symmetric adjacency, without loops.
        indices: columns.
        weights: positive weights.
        seed: seed of the order of visits.
    """
    rng = np.random.default_rng(seed)
    n = indptr.size - 1
    member = np.arange(n)
    loops = np.zeros(n)
    while n > 1:
        label = np.arange(n)
        if not _move(indptr, indices, weights, loops, rng.permutation(n), label):
            break
        count = int(_relabel(label))
        member = label[member]
        indptr, indices, weights, loops = _aggregate(indptr, indices, weights, loops, label, count)
        n = count
    return member


def modularity(indptr: Ints, indices: Ints, weights: Reals, label: Ints) -> float:
    """Newman's Q of a partition: sum_c [w_c / w - (s_c / w)^2]; in [-1/2, 1); nan without ties.

    w sums all entries of the symmetric adjacency. Newman and Girvan (2004).
    """
    total = float(weights.sum())
    if total == 0.0:
        return float("nan")
    rows = np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
    count = int(label.max()) + 1
    strength = np.bincount(label[rows], weights=weights, minlength=count)
    same = label[rows] == label[indices]
    within = float(weights[same].sum())
    return within / total - float(((strength / total) ** 2).sum())


@kernel
def _among(ptr: Ints, idx: Ints, other_ptr: Ints, other_idx: Ints, out: Ints) -> None:
    mark = np.full(ptr.size - 1, -1, np.int64)
    for i in range(ptr.size - 1):
        for k in range(ptr[i], ptr[i + 1]):
            mark[idx[k]] = i
        for k in range(ptr[i], ptr[i + 1]):
            j = idx[k]
            for e in range(other_ptr[j], other_ptr[j + 1]):
                if mark[other_idx[e]] == i:
                    out[k] += 1


def among_contacts(indptr: Ints, indices: Ints, other_indptr: Ints, other_indices: Ints) -> Ints:
    """For every entry (ego, partner): the partner's ties in a second network to ego's partners.

    With the network itself as the second: the common partners. Aligned with `indices`.
    """
    out = np.zeros(indices.size, dtype=np.int64)
    _among(indptr, indices, other_indptr, other_indices, out)
    return out


def ego_betweenness(indptr: Ints, indices: Ints, egos: Ints | None = None) -> Reals:
    """For every entry (ego, partner): the partner's betweenness among the partners, ego left out.

    Pairs of partners whose shortest paths run through it, in steps; aligned with `indices`; 0 for
    units that are not among `egos` (None: all).
    """
    every = np.arange(indptr.size - 1)
    return ego_dependencies(indptr, indices, every if egos is None else egos) / 2.0
