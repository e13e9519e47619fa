"""Kernel of the discrete core-periphery partition: hill climbing on the fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]
Reals = NDArray[np.float64]


@kernel
def pattern_fit(n: int, k: int, sums: Reals, treatment: int) -> float:
    """Pearson correlation of ties and ideal pattern over pairs; -2 where it is undefined.

    sums: weight inside the core, inside the periphery, in all; the same of squared weights.
    treatment of core-periphery pairs: 0 ideal 0, 1 ideal 1, 2 left out.
    """
    pairs = n * (n - 1) / 2.0
    core = k * (k - 1) / 2.0
    outer = (n - k) * (n - k - 1) / 2.0
    if treatment == 2:
        m = core + outer
        total = sums[0] + sums[1]
        squares = sums[3] + sums[4]
        ideal = core
        cross = sums[0]
    else:
        m = pairs
        total = sums[2]
        squares = sums[5]
        ideal = core if treatment == 0 else pairs - outer
        cross = sums[0] if treatment == 0 else total - sums[1]
    if m <= 0.0:
        return -2.0
    spread = m * squares - total * total
    pattern = ideal * (m - ideal)
    if pattern <= 0.0 or spread <= 1e-12 * m * squares:
        return -2.0
    return float((m * cross - total * ideal) / np.sqrt(spread * pattern))


@kernel
def core_sums(indptr: Ints, indices: Heads, weights: Reals, core: NDArray[np.bool_]) -> Reals:
    """The six sums of `pattern_fit` for one partition."""
    sums = np.zeros(6)
    for i in range(indptr.size - 1):
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            if j <= i:
                continue
            w = weights[e]
            sums[2] += w
            sums[5] += w * w
            if core[i] and core[j]:
                sums[0] += w
                sums[3] += w * w
            elif not core[i] and not core[j]:
                sums[1] += w
                sums[4] += w * w
    return sums


@kernel
def climb(
    indptr: Ints,
    indices: Heads,
    weights: Reals,
    core: NDArray[np.bool_],
    order: Ints,
    treatment: int,
) -> float:
    """Move nodes in or out of `core` (changed in place) while the fit rises; the final fit."""
    n = indptr.size - 1
    sums = core_sums(indptr, indices, weights, core)
    k = 0
    for i in range(n):
        if core[i]:
            k += 1
    best = pattern_fit(n, k, sums, treatment)
    trial = sums.copy()
    moved = True
    while moved:
        moved = False
        for i in order:
            trial[:] = sums
            sign = -1.0 if core[i] else 1.0
            for e in range(indptr[i], indptr[i + 1]):
                w = weights[e]
                if core[indices[e]]:
                    trial[0] += sign * w
                    trial[3] += sign * w * w
                else:
                    trial[1] -= sign * w
                    trial[4] -= sign * w * w
            fit = pattern_fit(n, k + int(sign), trial, treatment)
            if fit > best + 1e-12:
                best = fit
                sums[:] = trial
                core[i] = not core[i]
                k += int(sign)
                moved = True
    return best


@kernel
def descend(
    indptr: Ints, indices: Heads, weights: Reals, c: Reals, sweeps: int, still: float
) -> float:
    """Coordinate descent of sum_{i<j} (a_ij - c_i c_j)^2 from `c` (changed in place); the minimum.

    c_i = sum_j a_ij c_j / sum_{j != i} c_j^2 is the exact minimum in one coordinate.
    """
    n = indptr.size - 1
    for _ in range(sweeps):
        two = 0.0
        largest = 0.0
        for i in range(n):
            two += c[i] * c[i]
            largest = max(largest, c[i])
        moved = 0.0
        for i in range(n):
            around = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                around += weights[e] * c[indices[e]]
            rest = two - c[i] * c[i]
            value = around / rest if rest > 1e-300 else 0.0
            moved = max(moved, abs(value - c[i]))
            two = rest + value * value
            c[i] = value
        if moved <= still * largest:
            break
    two = 0.0
    four = 0.0
    cross = 0.0
    squares = 0.0
    for i in range(n):
        two += c[i] ** 2
        four += c[i] ** 4
        for e in range(indptr[i], indptr[i + 1]):
            cross += weights[e] * c[i] * c[indices[e]]
            squares += weights[e] ** 2
    return squares / 2.0 - cross + (two * two - four) / 2.0
