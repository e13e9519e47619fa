"""Compiled passes over rows sorted by firm: deviations from firm means, and year shifts."""

from __future__ import annotations

import numpy as np

from tertius.arrays import FloatArray, IntArray
from tertius.kernels import kernel


@kernel
def firm_deviations(
    values: FloatArray, starts: IntArray, year: IntArray, n_years: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One pass over the firms.

    Args:
        values: (n, k), C-contiguous, rows of a firm together.
        starts: (G,) first row of each firm.
        year: (n,) codes.
        n_years: T.

    Returns:
        Deviations (n, k) from firm means, their sums by year (T, k), and the (T, T) cross-products
        of the year dummies after firm means are taken out.
    """
    n, k = values.shape
    out = np.empty((n, k))
    by_year = np.zeros((n_years, k))
    system = np.zeros((n_years, n_years))
    mean = np.empty(k)
    for g in range(starts.size):
        first = starts[g]
        last = starts[g + 1] if g + 1 < starts.size else n
        size = last - first
        mean[:] = 0.0
        for i in range(first, last):
            for j in range(k):
                mean[j] += values[i, j]
        for j in range(k):
            mean[j] /= size
        for i in range(first, last):
            t = year[i]
            for j in range(k):
                moved = values[i, j] - mean[j]
                out[i, j] = moved
                by_year[t, j] += moved
            system[t, t] += 1.0
            for other in range(first, last):
                system[t, year[other]] -= 1.0 / size
    return out, by_year, system


@kernel
def take_out_years(out: FloatArray, starts: IntArray, year: IntArray, shift: FloatArray) -> None:
    """Subtract (T, k) year shifts, themselves in deviation from firm means, from rows in place."""
    n, k = out.shape
    mean = np.empty(k)
    for g in range(starts.size):
        first = starts[g]
        last = starts[g + 1] if g + 1 < starts.size else n
        mean[:] = 0.0
        for i in range(first, last):
            for j in range(k):
                mean[j] += shift[year[i], j]
        for j in range(k):
            mean[j] /= last - first
        for i in range(first, last):
            for j in range(k):
                out[i, j] += mean[j] - shift[year[i], j]


@kernel
def poisson_sums(
    x: FloatArray, mu: FloatArray, y: FloatArray, starts: IntArray, year: IntArray, n_years: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Pieces of the concentrated Poisson Hessian that are not x'Wx, in one pass over the firms.

    Args:
        x: (n, k) columns. mu, y: (n,) means and outcomes; starts, year, n_years: as above.

    Returns:
        (G, k) sums of mu x by firm; (T, k) sums of mu x by year less their firms' shares; (T, T)
        year block; (T,) sums of y - mu by year; (k,) x'(y - mu).
    """
    n, k = x.shape
    sums = np.zeros((starts.size, k))
    cross = np.zeros((n_years, k))
    years = np.zeros((n_years, n_years))
    residual = np.zeros(n_years)
    slopes = np.zeros(k)
    for g in range(starts.size):
        first = starts[g]
        last = starts[g + 1] if g + 1 < starts.size else n
        total = 0.0
        for i in range(first, last):
            total += mu[i]
            left = y[i] - mu[i]
            residual[year[i]] += left
            for j in range(k):
                moved = mu[i] * x[i, j]
                sums[g, j] += moved
                cross[year[i], j] += moved
                slopes[j] += left * x[i, j]
        for i in range(first, last):
            t, share = year[i], mu[i] / total
            years[t, t] += mu[i]
            for j in range(k):
                cross[t, j] -= share * sums[g, j]
            for other in range(first, last):
                years[t, year[other]] -= share * mu[other]
    return sums, cross, years, residual, slopes
