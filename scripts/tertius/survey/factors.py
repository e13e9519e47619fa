"""Confirmatory factor analysis by maximum likelihood: simple structure, correlated factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.stats import chi2 as chi_squared

Reals = NDArray[np.float64]
_WORST = 1e10


@dataclass(frozen=True)
class Factors:
    """A fitted factor model; factors have variance 1.

    Attributes:
        loadings: of each item on its factor, in units of the item.
        standardised: loadings of the standardised items.
        residuals: residual variances.
        correlations: factors x factors.
        method: equal loading of every item on a method factor, 0 without one.
        chi2: (N - 1) times the discrepancy.
        df: degrees of freedom.
        p_value: of chi2.
        cfi: comparative fit (Bentler 1990).
        tli: Tucker-Lewis index.
        rmsea: root mean square error of approximation (Steiger 1990).
        srmr: standardised root mean square residual.
        n: rows.
        converged: whether the optimiser reports a minimum.
    """

    loadings: Reals
    standardised: Reals
    residuals: Reals
    correlations: Reals
    method: float
    chi2: float
    df: int
    p_value: float
    cfi: float
    tli: float
    rmsea: float
    srmr: float
    n: int
    converged: bool


def confirm(
    covariance: ArrayLike, groups: Sequence[int], n: int, *, method_factor: bool = False
) -> Factors:
    """Fit one factor a scale, each item on its own, factors correlated. Joreskog (1969).

    Maximum likelihood: ln|Sigma| + tr(S Sigma^-1) - ln|S| - p. The fit uses correlations and is
    scaled back, which leaves it unchanged. Correlations of the factors are inner products of unit
    vectors, so that no step leaves the positive definite ones.

    Args:
        covariance: items x items, positive definite.
        groups: number of the scale of each item, from 0.
        n: rows behind the covariance.
        method_factor: a further factor, uncorrelated, on which all standardised items load equally.

    Raises:
        ValueError: fewer degrees of freedom than 0, or a covariance that is not positive definite.
    """
    s = np.asarray(covariance, dtype=float)
    scale = np.sqrt(np.diag(s))
    r = s / np.outer(scale, scale)
    group = np.asarray(groups)
    p, k = r.shape[0], int(group.max()) + 1
    count = 2 * p + k * (k - 1) // 2 + int(method_factor)
    df = p * (p + 1) // 2 - count
    if df < 0:
        raise ValueError(f"{p} items on {k} factors leave {df} degrees of freedom")
    sign, log_s = np.linalg.slogdet(r)
    if sign <= 0:
        raise ValueError("the covariance of the items is not positive definite")
    start = np.concatenate(
        [np.full(p, 0.7), np.full(p, np.log(0.5)), np.full(k * (k - 1) // 2, 0.1)]
        + ([np.array([0.1])] if method_factor else [])
    )
    found = minimize(
        _discrepancy, start, args=(r, group, k, method_factor, log_s), jac=True, method="L-BFGS-B",
        bounds=_bounds(p, k, method_factor),
        options={"maxiter": 5000, "maxfun": 20_000, "ftol": 1e-12, "gtol": 1e-8},
    )  # fmt: skip
    return _result(found.x, float(found.fun), bool(found.success), r, group, k, n, df, scale)


def _bounds(p: int, k: int, method_factor: bool) -> list[tuple[float | None, float | None]]:
    free: list[tuple[float | None, float | None]] = [(None, None)] * p
    variances: list[tuple[float | None, float | None]] = [(np.log(1e-6), None)] * p
    between: list[tuple[float | None, float | None]] = [(None, None)] * (k * (k - 1) // 2)
    return free + variances + between + ([(0.0, None)] if method_factor else [])


def _directions(x: Reals, p: int, k: int) -> tuple[Reals, Reals]:
    """Unit vectors of the factors (rows, lower triangular) and their lengths before."""
    v = np.eye(k)
    at = np.tril_indices(k, -1)
    v[at] = x[2 * p : 2 * p + at[0].size]
    length = np.sqrt((v**2).sum(axis=1))
    return v / length[:, None], length


def _implied(
    x: Reals, group: NDArray[np.int64], k: int
) -> tuple[Reals, Reals, Reals, Reals, float]:
    """Loadings matrix, factor correlations, residual variances, Sigma and the method loading."""
    p = group.size
    load = np.zeros((p, k))
    load[np.arange(p), group] = x[:p]
    theta = np.exp(x[p : 2 * p])
    unit, _ = _directions(x, p, k)
    phi = unit @ unit.T
    np.fill_diagonal(phi, 1.0)
    method = float(x[-1]) if x.size > 2 * p + k * (k - 1) // 2 else 0.0
    sigma = load @ phi @ load.T + np.diag(theta) + method**2
    return load, phi, theta, sigma, method


def _discrepancy(
    x: Reals, r: Reals, group: NDArray[np.int64], k: int, method_factor: bool, log_s: float
) -> tuple[float, Reals]:
    load, phi, theta, sigma, method = _implied(x, group, k)
    sign, log_sigma = np.linalg.slogdet(sigma)
    if sign <= 0:
        return _WORST, np.zeros_like(x)
    inverse = np.linalg.inv(sigma)
    value = log_sigma + float(np.trace(r @ inverse)) - log_s - r.shape[0]
    g = inverse @ (sigma - r) @ inverse
    by_load = 2.0 * (g @ load @ phi)[np.arange(group.size), group]
    by_phi = 2.0 * (load.T @ g @ load)
    np.fill_diagonal(by_phi, 0.0)
    unit, length = _directions(x, group.size, k)
    by_unit = by_phi @ unit
    along = (by_unit * unit).sum(axis=1, keepdims=True)
    by_between = ((by_unit - along * unit) / length[:, None])[np.tril_indices(k, -1)]
    parts = [by_load, np.diag(g) * theta, by_between]
    if method_factor:
        parts.append(np.array([2.0 * method * float(g.sum())]))
    return float(value), np.concatenate(parts)


def _result(
    x: Reals,
    minimum: float,
    converged: bool,
    r: Reals,
    group: NDArray[np.int64],
    k: int,
    n: int,
    df: int,
    scale: Reals,
) -> Factors:
    load, phi, theta, sigma, method = _implied(x, group, k)
    standard = load[np.arange(group.size), group]
    # A factor whose loadings are mostly negative is turned round.
    turn = np.array([np.sign(standard[group == g].sum()) or 1.0 for g in range(k)])
    standard, phi = standard * turn[group], phi * np.outer(turn, turn)
    chi2 = (n - 1) * minimum
    p = group.size
    base = -(n - 1) * float(np.linalg.slogdet(r)[1])
    base_df = p * (p - 1) // 2
    excess, base_excess = max(chi2 - df, 0.0), max(base - base_df, chi2 - df, 0.0)
    tli = ((base / base_df) - (chi2 / df)) / ((base / base_df) - 1.0) if df else float("nan")
    at = np.tril_indices(p)
    return Factors(
        loadings=standard * scale,
        standardised=standard,
        residuals=theta * scale**2,
        correlations=phi,
        method=method,
        chi2=chi2,
        df=df,
        p_value=float(chi_squared.sf(chi2, df)) if df else float("nan"),
        cfi=1.0 - excess / base_excess if base_excess > 0 else 1.0,
        tli=tli,
        rmsea=float(np.sqrt(excess / (df * (n - 1)))) if df else float("nan"),
        srmr=float(np.sqrt(np.mean((r - sigma)[at] ** 2))),
        n=n,
        converged=converged,
    )
