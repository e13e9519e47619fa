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


@kernel
def firm_cross_products(
    x: FloatArray, y: FloatArray, starts: IntArray, year: IntArray, n_years: int, longest: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Cross-products of (x, y) in deviation from firm means, without writing the deviations.

    Args:
        x: (n, k), C-contiguous. y: (n,). starts, year, n_years: as above. longest: rows of the
        largest firm.

    Returns:
        (k+1, k+1) cross-products; (T, k+1) sums by year; (T, T) cross-products of the year
        dummies; (k+1,) sums of squares around the first row and (k+1,) sums from it, stacked.
    """
    n, k = x.shape
    gram = np.zeros((k + 1, k + 1))
    by_year = np.zeros((n_years, k + 1))
    system = np.zeros((n_years, n_years))
    moments = np.zeros((2, k + 1))
    rows = np.empty((longest, k + 1))
    mean = np.empty(k + 1)
    for g in range(starts.size):
        first = starts[g]
        last = starts[g + 1] if g + 1 < starts.size else n
        size = last - first
        mean[:] = 0.0
        for i in range(size):
            for j in range(k):
                rows[i, j] = x[first + i, j] - x[0, j]
            rows[i, k] = y[first + i] - y[0]
            for j in range(k + 1):
                mean[j] += rows[i, j]
                moments[0, j] += rows[i, j] * rows[i, j]
        for j in range(k + 1):
            moments[1, j] += mean[j]
            mean[j] /= size
        for i in range(size):
            t = year[first + i]
            for j in range(k + 1):
                rows[i, j] -= mean[j]
                by_year[t, j] += rows[i, j]
            for a in range(k + 1):
                value = rows[i, a]
                for b in range(a + 1):
                    gram[a, b] += value * rows[i, b]
            system[t, t] += 1.0
            for other in range(size):
                system[t, year[first + other]] -= 1.0 / size
    for a in range(k + 1):
        for b in range(a):
            gram[b, a] = gram[a, b]
    return gram, by_year, system, moments


@kernel
def residual_scores(
    x: FloatArray,
    y: FloatArray,
    starts: IntArray,
    year: IntArray,
    shift: FloatArray,
    slopes: FloatArray,
    level: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Residuals and scores of least squares with firm and year effects.

    Args:
        x: (n, k), C-contiguous. y: (n,). starts, year: as above. shift: (T, k) year parts of the
        columns. slopes: (k,). level: (T,) year parts of y - x'b.

    Returns:
        (n,) residuals; (G, k) sums of within x times residual by firm. Residuals sum to zero in a
        firm, so that firm means of x need not be taken out.
    """
    n, k = x.shape
    residuals = np.empty(n)
    scores = np.zeros((starts.size, k))
    for g in range(starts.size):
        first = starts[g]
        last = starts[g + 1] if g + 1 < starts.size else n
        mean = 0.0
        for i in range(first, last):
            left = y[i] - level[year[i]]
            for j in range(k):
                left -= x[i, j] * slopes[j]
            residuals[i] = left
            mean += left
        mean /= last - first
        for i in range(first, last):
            residuals[i] -= mean
            t = year[i]
            for j in range(k):
                scores[g, j] += (x[i, j] - shift[t, j]) * residuals[i]
    return residuals, scores
