"""Covariances for dependence along two dimensions and over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.two_way import sums_by_code


@dataclass(frozen=True, eq=False)
class RepairedCovariance:
    """(k, k) covariance; `repaired` counts negative eigenvalues that were set to 0."""

    covariance: FloatArray
    repaired: int

    @property
    def std_errors(self) -> FloatArray:
        """(k,) standard errors."""
        return np.sqrt(np.diag(self.covariance))

    def figure(self, beside: FloatArray) -> pl.DataFrame:
        """Figure data: place of the coefficient, both standard errors."""
        errors = np.sqrt(np.diag(beside))
        places = np.arange(len(errors))
        return pl.DataFrame({"place": places, "std_error": self.std_errors, "beside": errors})

    def sentence(self, beside: FloatArray) -> str:
        """How the errors compare with those of another (k, k) covariance, in words."""
        ratio = self.std_errors / np.sqrt(np.diag(beside))
        text = f"Standard errors are {ratio.min():.2f} to {ratio.max():.2f} times the others."
        if self.repaired:
            text += f" {self.repaired} negative eigenvalues were set to 0."
        return text


def positive_part(covariance: FloatArray) -> RepairedCovariance:
    """Nearest positive semidefinite matrix: negative eigenvalues become 0.

    Eigenvalues are those of the matrix scaled to unit diagonal where the diagonal is positive, so
    that the units of the regressors do not matter (Cameron, Gelbach & Miller 2011).
    A matrix without a negative eigenvalue is returned unchanged.
    """
    diagonal = np.diag(covariance)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, np.abs(covariance).max() or 1.0))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    negative = values < -1e-12 * max(float(values.max()), 0.0)
    if not negative.any():
        return RepairedCovariance(covariance, 0)
    fixed = (vectors * np.maximum(values, 0.0)) @ vectors.T * np.outer(scale, scale)
    return RepairedCovariance((fixed + fixed.T) / 2, int(negative.sum()))


def two_way_covariance(
    influence: FloatArray,
    first: IntArray,
    second: IntArray,
    n_parameters: int,
    *,
    smallest: bool = True,
) -> RepairedCovariance:
    """Covariance robust to dependence within either of two clusterings: V_A + V_B - V_AB.

    Args:
        influence: (n, k) rows' influences, x_within u times the bread.
        first, second: (n,) cluster codes.
        n_parameters: K of the factor (N - 1) / (N - K).
        smallest: G / (G - 1) with the smaller number of clusters in all three parts (fixest,
            pyfixest); False: each part with its own (Cameron, Gelbach & Miller 2011).

    Source: Cameron, Gelbach & Miller (2011, J. Business & Economic Statistics 29:238);
    negative eigenvalues set to 0.
    """
    n = len(influence)
    cells = first.astype(np.int64) * (int(second.max()) + 1) + second
    both = np.unique(cells, return_inverse=True)[1].astype(np.int64)
    dimensions = [np.unique(c, return_inverse=True)[1].astype(np.int64) for c in (first, second)]
    sizes = [int(code.max()) + 1 for code in (*dimensions, both)]
    total = np.zeros((influence.shape[1],) * 2)
    for code, size, sign in zip((*dimensions, both), sizes, (1.0, 1.0, -1.0), strict=True):
        sums = sums_by_code(influence, code, size)
        used = min(sizes[:2]) if smallest else size
        total += sign * used / (used - 1) * sums.T @ sums
    total *= (n - 1) / (n - n_parameters)
    return positive_part((total + total.T) / 2)


def driscoll_kraay_covariance(
    influence: FloatArray, year: IntArray, lags: int, *, factor: float = 1.0
) -> FloatArray:
    """Covariance robust to any dependence between firms and to serial correlation of `lags` years.

    S_0 + sum_l (1 - l / (L + 1)) (S_l + S_l'), S_l = sum_t h_t h_(t-l)', h_t the influences summed
    over the firms of year t (Driscoll & Kraay 1998; Bartlett weights of Newey & West 1987). It
    rests on many years.

    Args:
        influence: (n, k) rows' influences.
        year: (n,) years or consecutive codes; missing years count as zero.
        lags: L >= 0.
        factor: small-sample factor.

    Raises:
        ValueError: a negative number of lags, or not fewer than the years.
    """
    code = year - year.min()
    n_years = int(code.max()) + 1
    if not 0 <= lags < n_years:
        raise ValueError(f"{lags} lags with {n_years} years")
    sums = sums_by_code(influence, code.astype(np.int64), n_years)
    total = sums.T @ sums
    for lag in range(1, lags + 1):
        step = sums[lag:].T @ sums[:-lag]
        total += (1 - lag / (lags + 1)) * (step + step.T)
    return np.asarray(factor * (total + total.T) / 2, dtype=np.float64)


def larger_errors(covariances: Sequence[FloatArray]) -> tuple[FloatArray, IntArray]:
    """Largest standard error of each coefficient over several covariances, and which one it is."""
    errors = np.sqrt(np.maximum([np.diag(v) for v in covariances], 0.0))
    return errors.max(axis=0), errors.argmax(axis=0).astype(np.int64)
