"""Instrumental variables on arrays from which the effects are already taken out.

k-class estimators (Theil 1958): two-stage least squares (k = 1), limited information maximum
likelihood (k = smallest root; Anderson & Rubin 1949) and its modification by Fuller (1977).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg as sl
from scipy import stats

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.two_way import sums_by_code

METHODS = ("2sls", "liml", "fuller")
Factor = Callable[[int], float]
"""Small-sample factor of a clustered covariance as a function of the number of regressors."""


@dataclass(frozen=True, eq=False)
class IvData:
    """Columns after the effects: outcome (n,), endogenous (n, p), exogenous (n, k),
    excluded instruments (n, K), cluster codes (n,) of G clusters, and how many effects were
    absorbed (they count among the instruments in Fuller's modification).
    """

    y: FloatArray
    endogenous: FloatArray
    exogenous: FloatArray
    instruments: FloatArray
    cluster: IntArray
    n_clusters: int
    n_absorbed: int = 0

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums of (n, m) values by cluster -> (G, m)."""
        return sums_by_code(values, self.cluster, self.n_clusters)


@dataclass(frozen=True, eq=False)
class KClassFit:
    """A k-class fit: endogenous columns first, then the exogenous ones.

    `bread` is (X'(I - k M)X)^-1; `scores` (n, p + k) are (I - k M)X times the residuals, which sum
    to zero; `projected` (n, p + k) is the projection of X on all instruments.
    """

    coefficients: FloatArray
    bread: FloatArray
    scores: FloatArray
    projected: FloatArray
    residuals: FloatArray
    kappa: float


def residual_on(values: FloatArray, columns: FloatArray) -> FloatArray:
    """Residuals of (n, m) values on (n, k) columns by least squares; k may be 0."""
    if columns.shape[1] == 0:
        return values
    basis = np.linalg.qr(columns)[0]
    return np.asarray(values - basis @ (basis.T @ values), dtype=np.float64)


def check_order(data: IvData) -> None:
    """The order condition: at least as many excluded instruments as endogenous columns.

    Raises:
        NotEstimable: there are fewer, or no endogenous column is there.
    """
    p, n_instruments = data.endogenous.shape[1], data.instruments.shape[1]
    if p == 0:
        raise NotEstimable("collinear", "endogenous", "no endogenous column is left")
    if n_instruments < p:
        raise NotEstimable(
            "under_identified",
            "instruments",
            f"{p} endogenous columns need at least {p} instruments, there are {n_instruments}",
        )


def liml_kappa(data: IvData) -> float:
    """Smallest root of |Y'M_W Y - k Y'M_Z Y| = 0 with Y = (y, endogenous); at least 1."""
    both = np.column_stack([data.y, data.endogenous])
    without = residual_on(both, data.exogenous)
    within = residual_on(both, np.column_stack([data.exogenous, data.instruments]))
    roots = sl.eigh(without.T @ without, within.T @ within, eigvals_only=True)
    return float(roots[0])


def fit_k_class(data: IvData, method: str = "2sls", fuller: float = 1.0) -> KClassFit:
    """Estimate y on endogenous and exogenous columns.

    Args:
        data: columns after the effects.
        method: ``2sls``, ``liml`` or ``fuller`` (k of LIML less fuller / (N - all instruments,
            absorbed effects counted)).
        fuller: constant of Fuller's modification; 1 is almost unbiased, 4 has the smaller error.

    Raises:
        NotEstimable: the order condition fails or the projected columns are collinear.
        ValueError: the method is unknown.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}")
    check_order(data)
    x = np.column_stack([data.endogenous, data.exogenous])
    every = np.column_stack([data.exogenous, data.instruments])
    off = residual_on(np.column_stack([x, data.y]), every)
    kappa = 1.0 if method == "2sls" else liml_kappa(data)
    if method == "fuller":
        kappa -= fuller / (len(data.y) - every.shape[1] - data.n_absorbed)
    instruments = x - kappa * off[:, :-1]
    gram = x.T @ instruments
    scale = 1 / np.sqrt(np.diag(x.T @ x))
    scaled = gram * np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e13:
        raise NotEstimable(
            "under_identified", "instruments", "the instruments do not separate the regressors"
        )
    bread = np.linalg.inv(scaled) * np.outer(scale, scale)
    coefficients = bread @ (instruments.T @ data.y)
    residuals = data.y - x @ coefficients
    return KClassFit(
        coefficients=coefficients,
        bread=bread,
        scores=instruments * residuals[:, None],
        projected=x - off[:, :-1],
        residuals=residuals,
        kappa=kappa,
    )


@dataclass(frozen=True)
class Test:
    """A test: statistic, degrees of freedom (second is None for chi-square), p value."""

    statistic: float
    dof: int
    dof_denominator: int | None
    p_value: float


def f_test(statistic: float, dof: int, denominator: int) -> Test:
    """A Wald statistic divided by its degrees of freedom, against F(dof, denominator)."""
    value = statistic / dof
    return Test(value, dof, denominator, float(stats.f.sf(value, dof, denominator)))


def hansen_j(data: IvData, residuals: FloatArray) -> Test | None:
    """Overidentification test of Hansen (1982) at two-step efficient GMM, clustered.

    The weight is the inverse of the summed outer products of cluster moments at `residuals`, those
    of two-stage least squares. chi-square(K - p); None where the model is just identified.

    Raises:
        NotEstimable: fewer clusters than moments, so that the weight is singular.
    """
    surplus = data.instruments.shape[1] - data.endogenous.shape[1]
    if surplus == 0:
        return None
    x = np.column_stack([data.endogenous, data.exogenous])
    z = np.linalg.qr(np.column_stack([data.exogenous, data.instruments]))[0]
    moments = data.sums(z * residuals[:, None])
    if data.n_clusters <= z.shape[1]:
        raise NotEstimable(
            "too_few_clusters",
            "hansen_j",
            f"{data.n_clusters} clusters cannot weight {z.shape[1]} moments",
        )
    weight = np.linalg.inv(moments.T @ moments)
    zx, zy = z.T @ x, z.T @ data.y
    coefficients = np.linalg.solve(zx.T @ weight @ zx, zx.T @ weight @ zy)
    gap = zy - zx @ coefficients
    value = float(gap @ weight @ gap)
    return Test(value, surplus, None, float(stats.chi2.sf(value, surplus)))


def endogeneity_test(data: IvData, factor: Factor) -> Test:
    """Regression form of the Durbin-Wu-Hausman test, clustered (Wooldridge 2010, section 6.3.1).

    First-stage residuals join the least-squares regression; their joint Wald test against
    F(p, G - 1) asks whether the endogenous columns need instruments at all.
    """
    every = np.column_stack([data.exogenous, data.instruments])
    first = residual_on(data.endogenous, every)
    p = first.shape[1]
    columns = np.column_stack([first, data.endogenous, data.exogenous])
    bread = np.linalg.inv(columns.T @ columns)
    coefficients = bread @ (columns.T @ data.y)
    residuals = data.y - columns @ coefficients
    influence = data.sums(columns * residuals[:, None]) @ bread
    covariance = factor(columns.shape[1]) * (influence.T @ influence)[:p, :p]
    head = coefficients[:p]
    wald = float(head @ np.linalg.solve(covariance, head))
    return f_test(wald, p, data.n_clusters - 1)
