"""Compiled loops over pairs of units: how the classes of their patents compare, what they reach.

Matrices come as the parts of a CSR matrix with sorted columns; class shares are whole numbers of
SHARE_UNIT. Every sum runs over the classes in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tertius.kernels import kernel
from tertius.variables.frames import SHARE_UNIT

Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Reals = NDArray[np.float64]
COMPARED = ("cosine", "overlap", "euclid", "complement")


def parts(matrix: sp.csr_array) -> tuple[Small, Small, Ints]:
    """Row pointers, columns and whole numbers of a matrix, columns sorted."""
    matrix.sort_indices()
    return (
        matrix.indptr.astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data.astype(np.int64),
    )


@kernel
def _row_less(
    ptr: Small, idx: Small, val: Ints, row: int, less_ptr: Small, less_idx: Small, less_val: Ints,
    pair: int, cls: Small, out: Ints,
) -> int:  # fmt: skip
    """A row of the first matrix less a row of the second (whose columns are among its own)."""
    at = less_ptr[pair]
    count = 0
    for k in range(ptr[row], ptr[row + 1]):
        value: Any = val[k]
        while at < less_ptr[pair + 1] and less_idx[at] < idx[k]:
            at += 1
        if at < less_ptr[pair + 1] and less_idx[at] == idx[k]:
            value -= less_val[at]
        if value != 0:
            cls[count], out[count] = idx[k], value
            count += 1
    return count


@kernel
def _sums(
    cls: Small, val: Ints, count: int, wide: Small, unit: float
) -> tuple[float, float, float]:
    """Sum and sum of squares of the shares, and the sum of the shares of the wide classes."""
    total, squares, wide_total = 0.0, 0.0, 0.0
    group = np.int64(0)
    for k in range(count):
        x = val[k] / unit
        total += x
        squares += x * x
        group += val[k]
        if k + 1 == count or wide[cls[k + 1]] != wide[cls[k]]:
            wide_total += group / unit
            group = np.int64(0)
    return total, squares, wide_total


@kernel
def _wide_overlap(
    a_cls: Small, a_val: Ints, m: int, a_scale: float, b_cls: Small, b_val: Ints, n: int,
    b_scale: float, wide: Small, unit: float,
) -> float:  # fmt: skip
    out = 0.0
    i, j = 0, 0
    while i < m and j < n:
        g, h = wide[a_cls[i]], wide[b_cls[j]]
        if g < h:
            i += 1
        elif h < g:
            j += 1
        else:
            x, y = np.int64(0), np.int64(0)
            while i < m and wide[a_cls[i]] == g:
                x += a_val[i]
                i += 1
            while j < n and wide[b_cls[j]] == g:
                y += b_val[j]
                j += 1
            out += min(x / unit * a_scale, y / unit * b_scale)
    return out


@kernel
def _compare(
    a: Ints, b: Ints, ptr: Small, idx: Small, val: Ints, less_ptr: Small, less_idx: Small,
    less_val: Ints, wide: Small, unit: float, all_metrics: bool, out: Reals,
) -> None:  # fmt: skip
    width = 1
    for row in range(ptr.size - 1):
        width = max(width, ptr[row + 1] - ptr[row])
    a_cls, b_cls = np.empty(width, np.int32), np.empty(width, np.int32)
    a_val, b_val = np.empty(width, np.int64), np.empty(width, np.int64)
    for p in range(a.size):
        m = _row_less(ptr, idx, val, a[p], less_ptr, less_idx, less_val, p, a_cls, a_val)
        n = _row_less(ptr, idx, val, b[p], less_ptr, less_idx, less_val, p, b_cls, b_val)
        a_sum, a_squares, a_wide = _sums(a_cls, a_val, m, wide, unit)
        b_sum, b_squares, b_wide = _sums(b_cls, b_val, n, wide, unit)
        if m == 0 or n == 0:
            continue
        p_scale, q_scale = 1.0 / a_sum, 1.0 / b_sum
        dot, overlap, apart = 0.0, 0.0, 0.0
        i, j = 0, 0
        while i < m or j < n:
            left = i < m and (j == n or a_cls[i] <= b_cls[j])
            right = j < n and (i == m or b_cls[j] <= a_cls[i])
            x = a_val[i] / unit if left else 0.0
            y = b_val[j] / unit if right else 0.0
            dot += x * y
            x, y = x * p_scale, y * q_scale
            overlap += min(x, y)
            apart += (x - y) * (x - y)
            i += left
            j += right
        out[0, p] = min(dot / np.sqrt(a_squares * b_squares), 1.0)
        if all_metrics:
            near = _wide_overlap(
                a_cls, a_val, m, 1.0 / a_wide, b_cls, b_val, n, 1.0 / b_wide, wide, unit
            )
            out[1, p] = min(overlap, 1.0)
            out[2, p] = np.sqrt(apart)
            out[3, p] = max(near - overlap, 0.0)


@kernel
def _pooled(
    ego_ptr: Ints, ego_pair: Ints, alter: Ints, ptr: Small, idx: Small, val: Ints, less_ptr: Small,
    less_idx: Small, less_val: Ints, n_classes: int, unit: float, total: Reals, known: Ints,
) -> None:  # fmt: skip
    width = 1
    for row in range(ptr.size - 1):
        width = max(width, ptr[row + 1] - ptr[row])
    cls, values = np.empty(width, np.int32), np.empty(width, np.int64)
    held, seen = np.zeros(n_classes), np.empty(n_classes, np.int32)
    marked = np.zeros(n_classes, np.bool_)
    n_pairs = less_ptr.size - 1
    for ego in range(ego_ptr.size - 1):
        found = 0
        for e in range(ego_ptr[ego], ego_ptr[ego + 1]):
            end = ego_pair[e]
            pair = end if end < n_pairs else end - n_pairs
            m = _row_less(
                ptr, idx, val, alter[end], less_ptr, less_idx, less_val, pair, cls, values
            )
            squares = 0.0
            for k in range(m):
                x = values[k] / unit
                squares += x * x
            if m == 0:
                continue
            known[ego] += 1
            scale = 1.0 / np.sqrt(squares)
            for k in range(m):
                c = cls[k]
                if not marked[c]:
                    marked[c] = True
                    seen[found] = c
                    found += 1
                held[c] += values[k] / unit * scale
        seen[:found].sort()
        for f in range(found):
            c = seen[f]
            total[ego] += held[c] * held[c]
            held[c] = 0.0
            marked[c] = False
        total[ego] -= known[ego]


@kernel
def _common_entries(
    a: Ints, b: Ints, a_ptr: Small, a_idx: Small, b_ptr: Small, b_idx: Small, out: Ints
) -> None:
    for p in range(a.size):
        i, j = a_ptr[a[p]], b_ptr[b[p]]
        while i < a_ptr[a[p] + 1] and j < b_ptr[b[p] + 1]:
            if a_idx[i] < b_idx[j]:
                i += 1
            elif b_idx[j] < a_idx[i]:
                j += 1
            else:
                out[p] += 1
                i += 1
                j += 1


@kernel
def _reached(
    tie_ptr: Small, tie_idx: Small, ptr: Small, idx: Small, n_classes: int, out: Ints
) -> None:
    mark, count = np.full(n_classes, -1, np.int64), np.zeros(n_classes, np.int64)
    seen = np.empty(n_classes, np.int64)
    for u in range(tie_ptr.size - 1):
        for k in range(ptr[u], ptr[u + 1]):
            mark[idx[k]] = 2 * u
        found = 0
        for t in range(tie_ptr[u], tie_ptr[u + 1]):
            for k in range(ptr[tie_idx[t]], ptr[tie_idx[t] + 1]):
                c = idx[k]
                if mark[c] == 2 * u:
                    continue
                if mark[c] != 2 * u + 1:
                    mark[c] = 2 * u + 1
                    count[c] = 0
                    seen[found] = c
                    found += 1
                count[c] += 1
        out[0, u] = found
        for f in range(found):
            out[1, u] += count[seen[f]] == 1
        for t in range(tie_ptr[u], tie_ptr[u + 1]):
            v = tie_idx[t]
            for s in range(tie_ptr[v], tie_ptr[v + 1]):
                for k in range(ptr[tie_idx[s]], ptr[tie_idx[s] + 1]):
                    c = idx[k]
                    if mark[c] != 2 * u and mark[c] != 2 * u + 1:
                        mark[c] = 2 * u + 1
                        found += 1
        out[2, u] = found
        out[3, u] = ptr[u + 1] - ptr[u]


# ---------------------------------------------------------------------------------- what they give
def compare(
    vectors: sp.csr_array, less: sp.csr_array, a: Ints, b: Ints, wide: Small, every: bool = True
) -> Mapping[str, Reals]:
    """Cosine, overlap, euclid and complement of the class shares of pairs of units.

    See `distances.dyads`; NaN where one side has no patents left. every = False: cosine alone.

    Args:
        vectors: units x classes, summed class shares.
        less: pairs x classes, what is taken from both sides first.
        a: unit of each pair.
        b: the other one.
        wide: the wide class of every class, in ascending order.
    """
    out = np.full((len(COMPARED), a.size), np.nan)
    _compare(a, b, *parts(vectors), *parts(less), wide, float(SHARE_UNIT), every, out)
    return dict(zip(COMPARED, out, strict=True) if every else [("cosine", out[0])])


def pooled_directions(
    vectors: sp.csr_array, less: sp.csr_array, a: Ints, b: Ints
) -> tuple[Reals, Ints]:
    """Per unit the sum of cosines over ordered pairs of its partners, and partners with patents.

    |sum_j u_j|^2 - n, u_j the unit vectors of the partners. Arguments as in `compare`.
    """
    n_units, ego = vectors.shape[0], np.concatenate([a, b])
    ends = np.argsort(ego, kind="stable")
    ptr = np.concatenate([[0], np.cumsum(np.bincount(ego, minlength=n_units))]).astype(np.int64)
    total, known = np.zeros(n_units), np.zeros(n_units, dtype=np.int64)
    _pooled(
        ptr, ends, np.concatenate([b, a]), *parts(vectors), *parts(less), vectors.shape[1],
        float(SHARE_UNIT), total, known,
    )  # fmt: skip
    return total, known


def common_entries(left: sp.csr_array, right: sp.csr_array, a: Ints, b: Ints) -> Ints:
    """For every pair, in how many columns row a of one and row b of another matrix both stand."""
    out = np.zeros(a.size, dtype=np.int64)
    (a_ptr, a_idx, _), (b_ptr, b_idx, _) = parts(left), parts(right)
    _common_entries(a, b, a_ptr, a_idx, b_ptr, b_idx, out)
    return out


def reached_counts(ties: sp.csr_array, holds: sp.csr_array) -> dict[str, Ints]:
    """Per unit: reach, unique, reach_two and held.

    Classes of the partners that the unit does not hold, those of them that one partner alone holds,
    classes at one or two steps that it does not hold, and its own.

    Args:
        ties: units x units, partners.
        holds: units x classes, what each unit has (no explicit zeros).
    """
    out = np.zeros((4, ties.shape[0]), dtype=np.int64)
    (tie_ptr, tie_idx, _), (ptr, idx, _) = parts(ties), parts(holds)
    _reached(tie_ptr, tie_idx, ptr, idx, holds.shape[1], out)
    return dict(zip(("reach", "unique", "reach_two", "held"), out, strict=True))
