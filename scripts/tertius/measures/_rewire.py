"""Kernels of degree-preserving rewiring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]

# The pairs that stand are kept in an open table of keys (-1 = free) with linear probing. numba's
# own sets leave a mark at every removal, and searches end only at a free place: after many swaps
# there is none.


@kernel
def _slot(table: Ints, key: int) -> int:
    """Place of the key, or the free place where it belongs."""
    mask = table.size - 1
    at = ((key * 7046029254386353131) >> 20) & mask
    while table[at] != -1 and table[at] != key:
        at = (at + 1) & mask
    return at


@kernel
def _remove(table: Ints, key: int) -> None:
    """Free the place of the key and move later keys of the run up."""
    mask = table.size - 1
    hole = _slot(table, key)
    table[hole] = -1
    at = (hole + 1) & mask
    while table[at] != -1:
        moved = table[at]
        table[at] = -1
        table[_slot(table, moved)] = moved
        at = (at + 1) & mask


@kernel
def _table(keys: Ints) -> Ints:
    """A table of the keys, at most a quarter full."""
    size = 8
    while size < 4 * keys.size:
        size *= 2
    table = np.full(size, -1, np.int64)
    for key in keys:
        table[_slot(table, key)] = key
    return table


@kernel
def swap_ties(n: int, a: Ints, b: Ints, first: Ints, second: Ints, flip: NDArray[np.bool_]) -> int:
    """Try the drawn double swaps a-b, c-d to a-d, c-b in place; the number that were possible.

    A swap that would make a loop or a tie that stands already is refused.
    """
    present = _table(np.minimum(a, b) * n + np.maximum(a, b))
    done = 0
    for t in range(first.size):
        e, f = first[t], second[t]
        u, v, x, y = a[e], b[e], a[f], b[f]
        if flip[t]:
            x, y = y, x
        if e == f or u == y or x == v:
            continue
        one = min(u, y) * n + max(u, y)
        two = min(x, v) * n + max(x, v)
        if one == two or present[_slot(present, one)] == one or present[_slot(present, two)] == two:
            continue
        _remove(present, min(u, v) * n + max(u, v))
        _remove(present, min(x, y) * n + max(x, y))
        present[_slot(present, one)] = one
        present[_slot(present, two)] = two
        b[e] = y
        a[f] = x
        b[f] = v
        done += 1
    return done


@kernel
def swap_members(n: int, group: Ints, member: Ints, first: Ints, second: Ints) -> int:
    """Try to exchange the members of two drawn memberships in place; the number possible."""
    present = _table(group * n + member)
    done = 0
    for t in range(first.size):
        e, f = first[t], second[t]
        one, two = group[e] * n + member[f], group[f] * n + member[e]
        if group[e] == group[f] or member[e] == member[f]:
            continue
        if present[_slot(present, one)] == one or present[_slot(present, two)] == two:
            continue
        _remove(present, group[e] * n + member[e])
        _remove(present, group[f] * n + member[f])
        present[_slot(present, one)] = one
        present[_slot(present, two)] = two
        member[e], member[f] = member[f], member[e]
        done += 1
    return done
