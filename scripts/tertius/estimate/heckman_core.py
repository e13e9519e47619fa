"""Probit and the two-step correction for selection, on arrays.

Heckman (1979); covariances of Heckman as in Greene (2018, section 19.4.3), and by stacking the
moments of both steps, which allows clusters (Newey & McFadden 1994, section 6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable

MAX_INDEX = 30.0
MAX_ITERATIONS = 60


@dataclass(frozen=True, eq=False)
class ProbitFit:
    """Maximum likelihood of a probit: `covariance` (q, q) is the inverse information, `scores`
    (n, q) the gradient by row, `index` (n,) the linear index.
    """

    coefficients: FloatArray
    covariance: FloatArray
    scores: FloatArray
    index: FloatArray
    log_likelihood: float
    null_log_likelihood: float

    @property
    def pseudo_r2(self) -> float:
        """McFadden's measure."""
        return 1 - self.log_likelihood / self.null_log_likelihood


def mills_ratio(index: FloatArray) -> FloatArray:
    """Inverse Mills ratio phi(v) / Phi(v), stable for any v; sqrt(2 / pi) at 0."""
    log_density = -0.5 * index**2 - 0.5 * math.log(2 * math.pi)
    return np.asarray(np.exp(log_density - log_ndtr(index)), dtype=np.float64)


def fit_probit(chosen: BoolArray, w: FloatArray, start: FloatArray | None = None) -> ProbitFit:
    """Probit of (n,) flags on (n, q) columns, which hold the constant, by Newton's method.

    Raises:
        NotEstimable: all flags are equal, columns are collinear, or columns separate the flags.
    """
    n = len(chosen)
    share = float(chosen.mean()) if n else 0.0
    if share in (0.0, 1.0):
        raise NotEstimable("no_variation", "selection", "every row is selected, or none")
    sign = np.where(chosen, 1.0, -1.0)
    beta = np.zeros(w.shape[1]) if start is None else start.copy()
    value = float(log_ndtr(sign * (w @ beta)).sum())
    for _ in range(MAX_ITERATIONS):
        index = w @ beta
        residual = sign * mills_ratio(sign * index)
        gradient = w.T @ residual
        information = (w * (residual * (residual + index))[:, None]).T @ w
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError as error:
            reason = "the columns of the selection equation are collinear or separate it"
            raise NotEstimable("collinear", "selection", reason) from error
        size = 1.0
        while size > 1e-8:
            tried = float(log_ndtr(sign * (w @ (beta + size * step))).sum())
            if tried >= value - 1e-12 * abs(value):
                break
            size /= 2
        beta, value = beta + size * step, tried
        if float(np.abs(w @ beta).max()) > MAX_INDEX:
            reason = "the selection equation predicts some rows with certainty (separation)"
            raise NotEstimable("separated", "selection", reason)
        if float(step @ gradient) < 1e-16 * n:
            break
    else:
        raise NotEstimable("no_convergence", "selection", "the probit does not converge")
    index = w @ beta
    residual = sign * mills_ratio(sign * index)
    information = (w * (residual * (residual + index))[:, None]).T @ w
    null = n * (share * math.log(share) + (1 - share) * math.log(1 - share))
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return ProbitFit(beta, covariance, w * residual[:, None], index, value, null)


@dataclass(frozen=True, eq=False)
class TwoStepFit:
    """Second step: least squares on regressors and Mills ratios, the ratios last.

    `bread` (k, k) is (X'X)^-1 of all second-step columns, `residuals` (n_selected,), `delta`
    (n_selected,) is lambda (lambda + index) in (0, 1), minus the slope of the ratio.
    """

    coefficients: FloatArray
    bread: FloatArray
    columns: FloatArray
    residuals: FloatArray
    delta: FloatArray


def second_step(y: FloatArray, x: FloatArray, ratios: FloatArray, index: FloatArray) -> TwoStepFit:
    """Least squares of y on x and the Mills ratios over the selected rows.

    Args:
        y: (m,). x: (m, k). ratios: (m, r), the ratio in one column, or spread over years. index:
        (m,) of the probit.

    Raises:
        NotEstimable: the ratio is collinear with the regressors, as without an exclusion.
    """
    columns = np.column_stack([x, ratios])
    gram = columns.T @ columns
    scale = 1 / np.sqrt(np.diag(gram))
    scaled = gram * np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e13:
        raise NotEstimable(
            "collinear", "mills_ratio", "the Mills ratio is collinear with the regressors"
        )
    bread = np.linalg.inv(scaled) * np.outer(scale, scale)
    coefficients = bread @ (columns.T @ y)
    ratio = ratios.sum(axis=1)
    return TwoStepFit(
        coefficients, bread, columns, y - columns @ coefficients, ratio * (ratio + index)
    )


def corrected_covariance(
    fit: TwoStepFit, w: FloatArray, first: FloatArray
) -> tuple[FloatArray, float, float]:
    """Heckman's covariance of a single cross-section with one ratio column.

    V = s^2 (X'X)^-1 [X'(I - r^2 D) X + Q] (X'X)^-1, Q = r^2 (X'D W) V_1 (W'D X), where
    s^2 = e'e / m + b^2 mean(D), r = b / s and b is the ratio's coefficient.

    Args:
        fit: second step with one ratio, its last column.
        w: (m, q) selection columns of the selected rows.
        first: (q, q) covariance of the probit.

    Returns:
        (k, k) covariance, the error's standard deviation s, its correlation r with the selection
        error (not confined to [-1, 1]).
    """
    slope = float(fit.coefficients[-1])
    mean_square = float(fit.residuals @ fit.residuals) / len(fit.residuals)
    variance = mean_square + slope**2 * float(fit.delta.mean())
    square = slope**2 / variance
    inner = (fit.columns * (1 - square * fit.delta)[:, None]).T @ fit.columns
    link = (fit.columns * fit.delta[:, None]).T @ w
    inner += square * link @ first @ link.T
    covariance = variance * fit.bread @ inner @ fit.bread
    deviation = math.sqrt(variance)
    return (covariance + covariance.T) / 2, deviation, slope / deviation


def stacked_influence(
    fit: TwoStepFit,
    ratio_slopes: FloatArray,
    w: FloatArray,
    selected_cluster: IntArray,
    first_influence: FloatArray,
    n_clusters: int,
) -> FloatArray:
    """Influence by cluster on the second step, first-step error included.

    Args:
        fit: second step.
        ratio_slopes: (m,) coefficient of the ratio that applies to each selected row.
        w: (m, q) selection columns of the selected rows, in the layout of the first step.
        selected_cluster: (m,) cluster codes of the selected rows.
        first_influence: (G, q) covariance times score of the probit, summed by cluster.
        n_clusters: G.

    Returns:
        (G, k), columns summing to zero.
    """
    own = np.zeros((n_clusters, fit.columns.shape[1]))
    np.add.at(own, selected_cluster, fit.columns * fit.residuals[:, None])
    link = (fit.columns * (ratio_slopes * fit.delta)[:, None]).T @ w
    return np.asarray((own + first_influence @ link.T) @ fit.bread, dtype=np.float64)
