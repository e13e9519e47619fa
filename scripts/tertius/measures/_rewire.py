"""Kernels of degree-preserving rewiring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]


@kernel
def swap_ties(n: int, a: Ints, b: Ints, first: Ints, second: Ints, flip: NDArray[np.bool_]) -> int:
    """Try the drawn double swaps a-b, c-d to a-d, c-b in place; the number that were possible.

    A swap that would make a loop or a tie that stands already is refused.
    """
    present = set()
    for e in range(a.size):
        present.add(min(a[e], b[e]) * n + max(a[e], b[e]))
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
        if one == two or one in present or two in present:
            continue
        present.remove(min(u, v) * n + max(u, v))
        present.remove(min(x, y) * n + max(x, y))
        present.add(one)
        present.add(two)
        b[e] = y
        a[f] = x
        b[f] = v
        done += 1
    return done


@kernel
def swap_members(n: int, group: Ints, member: Ints, first: Ints, second: Ints) -> int:
    """Try to exchange the members of two drawn memberships in place; the number possible."""
    present = set()
    for e in range(group.size):
        present.add(group[e] * n + member[e])
    done = 0
    for t in range(first.size):
        e, f = first[t], second[t]
        one, two = group[e] * n + member[f], group[f] * n + member[e]
        if group[e] == group[f] or member[e] == member[f] or one in present or two in present:
            continue
        present.remove(group[e] * n + member[e])
        present.remove(group[f] * n + member[f])
        present.add(one)
        present.add(two)
        member[e], member[f] = member[f], member[e]
        done += 1
    return done
