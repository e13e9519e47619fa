"""Kernels of degree-preserving rewiring."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]
Keys = NDArray[Any]

# The pairs that stand are kept in an open table of keys with linear probing; its last entry, beyond
# the places, is the mark of a free place. numba's own sets leave a mark at every removal, and
# searches end only at a free place: after many swaps there is none.


def pair_table(keys: int, pairs: int) -> Keys:
    """An empty table for keys below `keys`, at most a quarter full; narrow ones fit the cache."""
    kind = np.uint32 if keys < np.iinfo(np.uint32).max else np.int64
    places = 1 << max(4 * pairs - 1, 7).bit_length()
    return np.full(places + 1, np.iinfo(kind).max, kind)


@kernel
def _slot(table: Keys, key: int | np.int64) -> np.int64:
    """Place of the key, or the free place where it belongs."""
    mask, free = table.size - 2, table[-1]
    at = ((np.int64(key) * 7046029254386353131) >> 20) & mask
    while table[at] != free and table[at] != key:
        at = (at + 1) & mask
    return at


@kernel
def _remove(table: Keys, key: int | np.int64) -> None:
    """Free the place of the key and move later keys of the run up."""
    mask, free = table.size - 2, table[-1]
    hole = _slot(table, key)
    table[hole] = free
    at = (hole + 1) & mask
    while table[at] != free:
        moved = table[at]
        table[at] = free
        table[_slot(table, moved)] = moved
        at = (at + 1) & mask


@kernel
def _key(n: int, i: int, j: int) -> np.int64:
    return np.int64(min(i, j)) * n + max(i, j)


@kernel
def swap_ties(
    n: int, a: Heads, b: Heads, first: Ints, second: Ints, flip: NDArray[np.bool_], present: Keys
) -> int:
    """Try the drawn double swaps a-b, c-d to a-d, c-b in place; the number that were possible.

    A swap that would make a loop or a tie that stands already is refused. `present` is an empty
    `pair_table`.
    """
    for e in range(a.size):
        key = _key(n, a[e], b[e])
        present[_slot(present, key)] = key
    done = 0
    for t in range(first.size):
        e, f = first[t], second[t]
        u, v, x, y = a[e], b[e], a[f], b[f]
        if flip[t]:
            x, y = y, x
        if e == f or u == y or x == v:
            continue
        one = _key(n, u, y)
        two = _key(n, x, v)
        if one == two or present[_slot(present, one)] == one or present[_slot(present, two)] == two:
            continue
        _remove(present, _key(n, u, v))
        _remove(present, _key(n, x, y))
        present[_slot(present, one)] = one
        present[_slot(present, two)] = two
        b[e] = y
        a[f] = x
        b[f] = v
        done += 1
    return done


@kernel
def swap_members(
    n: int, group: Ints, member: Ints, first: Ints, second: Ints, present: Keys
) -> int:
    """Try to exchange the members of two drawn memberships in place; the number possible.

    `present` is an empty `pair_table`.
    """
    for key in group * n + member:
        present[_slot(present, key)] = key
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
