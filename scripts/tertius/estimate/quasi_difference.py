"""Counts with firm effects and predetermined regressors: quasi-differenced GMM.

With E[y_t | x_1..x_t, c] = c mu_t, mu_t = exp(x_t'b + year), the firm effect c leaves the
quasi-difference r_t = y_t / mu_t - y_{t+1} / mu_{t+1}, which is uncorrelated with x_1..x_t
(Wooldridge 1997, Econometric Theory 13:667), or y_{t+1} mu_t / mu_{t+1} - y_t (Chamberlain 1992,
JBES 10:20). Regressors are measured from their means, without which large b would make every
r_t vanish (Windmeijer 2000, Economics Letters 68:21). Instruments: the regressors of year t, their
lags, and year dummies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sl
from scipy import stats

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.fe_poisson import absorbed_poisson
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import (
    ALL_ZERO,
    KEPT,
    NO_NEIGHBOUR,
    SINGLETON,
    Reasons,
    Sample,
    make_sample,
    trim_rows,
)

MAX_ITERATIONS = 200
MAX_HALVINGS = 30
TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments z_t r_t over m pairs of consecutive years; first, second: (m,) rows of y, x.

    `x` (n, p) are scaled columns in deviation from their means, then year dummies; `z` (m, q)
    instruments; `cluster` (m,) codes 0..G-1.
    """

    y: FloatArray
    x: FloatArray
    z: FloatArray
    first: IntArray
    second: IntArray
    cluster: IntArray
    n_clusters: int
    chamberlain: bool

    def residuals(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """r (m,) and its derivatives (m, p)."""
        eta = self.x @ theta
        if self.chamberlain:
            change = self.x[self.first] - self.x[self.second]
            ahead = self.y[self.second] * np.exp(eta[self.first] - eta[self.second])
            return ahead - self.y[self.first], ahead[:, None] * change
        scaled = self.y * np.exp(-eta)
        slopes = -scaled[:, None] * self.x
        return scaled[self.first] - scaled[self.second], slopes[self.first] - slopes[self.second]

    def by_cluster(self, residuals: FloatArray) -> FloatArray:
        """(G, q) moments summed by cluster."""
        out = np.zeros((self.n_clusters, self.z.shape[1]))
        np.add.at(out, self.cluster, self.z * residuals[:, None])
        return out


def fit_quasi_differenced(design: Design) -> Estimate:
    """GMM for counts under sequential exogeneity (Wooldridge 1997; Chamberlain 1992).

    Raises:
        NotEstimable: negative outcomes, no consecutive years, fewer moments than parameters, or no
            minimum in reach.
    """
    name = design.spec.name
    if (design.y < 0).any():
        outcome = design.spec.outcome_column
        raise NotEstimable("negative_outcome", outcome, f"{outcome} is negative in some rows")
    years = design.frame["year"].to_numpy().astype(np.int64)
    reasons = _rows_with_neighbours(design, years)
    sample = make_sample(design, reasons, (ALL_ZERO, SINGLETON, NO_NEIGHBOUR))
    firm, when = design.firm[sample.rows], years[sample.rows]
    start = absorbed_poisson(sample.x, sample.y, sample.effects)
    moments, scale = _moments(design, sample, firm, when, start.kept)
    k = len(start.kept)
    first = np.r_[start.coefficients[:k] / start.scale * scale, np.zeros(moments.x.shape[1] - k)]
    weight = np.asarray(sl.pinvh(moments.z.T @ moments.z), dtype=np.float64)
    theta, iterations = minimise(moments, first, weight, name)
    if design.spec.option("steps") == 2:
        psi = moments.by_cluster(moments.residuals(theta)[0])
        weight = np.asarray(sl.pinvh(psi.T @ psi), dtype=np.float64)
        theta, more = minimise(moments, theta, weight, name)
        iterations += more
    residuals, slopes = moments.residuals(theta)
    influence = gmm_influence(moments, residuals, slopes, weight)
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=theta[:k] / scale,
            influence=influence[:, :k] / scale,
            fitted=_fitted(moments.x @ theta, sample.y, firm),
            columns=start.kept,
            collinear=start.collinear,
            statistics={},
            iterations=iterations,
            diagnostics=_hansen(moments, residuals, moments.x.shape[1]),
            plain_words=(f"{len(moments.first)} pairs of consecutive years are used",),
        ),
    )


def _rows_with_neighbours(design: Design, years: IntArray) -> Reasons:
    """Reasons (n,) why rows leave: no count in the firm, one row, no year before or after."""
    reasons = trim_rows(design, np.zeros(len(design.y), dtype=np.int8), counts=True)
    while True:
        kept = reasons == KEPT
        lonely = kept & ~_has_neighbour(design.firm, years, kept)
        if not lonely.any():
            break
        reasons[lonely] = NO_NEIGHBOUR
        reasons = trim_rows(design, reasons, counts=True)
    return reasons


def _has_neighbour(firm: IntArray, year: IntArray, keep: BoolArray) -> BoolArray:
    """(n,) rows with a kept row of the same firm one year before or after."""
    place = np.flatnonzero(keep)
    joined = (np.diff(firm[place]) == 0) & (np.diff(year[place]) == 1)
    out = np.zeros(len(firm), dtype=bool)
    out[place[:-1][joined]] = True
    out[place[1:][joined]] = True
    return out


def _moments(
    design: Design, sample: Sample, firm: IntArray, when: IntArray, kept: IntArray
) -> tuple[Moments, FloatArray]:
    """Pairs, scaled columns and instruments.

    Raises:
        NotEstimable: there are fewer instruments than parameters.
    """
    joined = (np.diff(firm) == 0) & (np.diff(when) == 1)
    first = np.flatnonzero(joined).astype(np.int64)
    x = sample.x[:, kept] - sample.x[:, kept].mean(axis=0)
    scale = np.sqrt((x**2).mean(axis=0))
    x = x / scale
    dummies = np.zeros((len(when), 0))
    if "year" in design.spec.effects:
        dummies = (when[:, None] == np.unique(when)[None, 1:]).astype(np.float64)
    pieces = [np.ones((len(first), 1)), x[first]]
    starts = _linked_years(firm, when)
    for lag in range(1, design.spec.option("lags") + 1):
        back = np.maximum(first - lag, 0)
        known = starts[first] >= lag
        pieces.append(np.where(known[:, None], x[back], 0.0))
    if dummies.shape[1]:
        used = np.unique(when[first])
        pieces.append((when[first][:, None] == used[None, 1:]).astype(np.float64))
    z = np.hstack(pieces)
    columns = np.hstack([x, dummies])
    if np.linalg.matrix_rank(z.T @ z, hermitian=True) < columns.shape[1]:
        reason = f"{design.spec.name}: {z.shape[1]} instruments for {columns.shape[1]} parameters"
        raise NotEstimable("underidentified", design.spec.name, reason)
    moments = Moments(
        y=sample.y,
        x=columns,
        z=z,
        first=first,
        second=first + 1,
        cluster=sample.cluster[first],
        n_clusters=len(sample.cluster_ids),
        chamberlain=design.spec.option("transformation") == "chamberlain",
    )
    return moments, scale


def _linked_years(firm: IntArray, when: IntArray) -> IntArray:
    """How many rows before each row belong to the same run of consecutive years, (n,)."""
    broken = np.r_[True, (np.diff(firm) != 0) | (np.diff(when) != 1)]
    begin = np.maximum.accumulate(np.where(broken, np.arange(len(firm)), 0))
    return (np.arange(len(firm)) - begin).astype(np.int64)


def minimise(
    moments: Moments, start: FloatArray, weight: FloatArray, name: str
) -> tuple[FloatArray, int]:
    """Gauss-Newton steps on g'Wg, g = Z'r, halved while the criterion rises.

    Raises:
        NotEstimable: the steps do not settle.
    """
    theta, value = start, np.inf
    for iteration in range(1, MAX_ITERATIONS + 1):
        residuals, slopes = moments.residuals(theta)
        g, jacobian = moments.z.T @ residuals, moments.z.T @ slopes
        value = float(g @ weight @ g)
        step = -np.linalg.lstsq(jacobian.T @ weight @ jacobian, jacobian.T @ weight @ g)[0]
        for halving in range(MAX_HALVINGS):
            trial = theta + step * 0.5**halving
            with np.errstate(over="ignore", invalid="ignore"):
                ahead = moments.z.T @ moments.residuals(trial)[0]
                reached = float(ahead @ weight @ ahead)
            if np.isfinite(reached) and reached <= value:
                break
        else:
            trial, reached = theta, value
        theta, moved = trial, float(np.abs(trial - theta).max())
        if moved < 1e-9 or value - reached <= TOLERANCE * value:
            return theta, iteration
    raise NotEstimable("no_minimum", name, f"{name}: the moments have no minimum in reach")


def gmm_influence(
    moments: Moments, residuals: FloatArray, slopes: FloatArray, weight: FloatArray
) -> FloatArray:
    """(G, p) influence of the clusters: -(J'WJ)^-1 J'W g_g."""
    jacobian = moments.z.T @ slopes
    bread = sl.pinvh(jacobian.T @ weight @ jacobian)
    out: FloatArray = -moments.by_cluster(residuals) @ (weight @ jacobian @ bread)
    return out


def _hansen(moments: Moments, residuals: FloatArray, p: int) -> dict[str, Diagnostic]:
    """Hansen's J with the robust weight; none where the model is just identified."""
    psi = moments.by_cluster(residuals)
    df = int(np.linalg.matrix_rank(moments.z.T @ moments.z, hermitian=True)) - p
    if df <= 0:
        return {}
    total = psi.sum(axis=0)
    j = float(total @ np.linalg.pinv(psi.T @ psi, hermitian=True) @ total)
    chance = float(stats.chi2.sf(j, df))
    text = f"moments beyond those needed: Hansen's J chi2({df}) = {j:.3f}, p = {chance:.4g}"
    return {"hansen_j": Diagnostic(text, statistic=j, p_value=chance, df=float(df))}


def _fitted(eta: FloatArray, y: FloatArray, firm: IntArray) -> FloatArray:
    """Means with the firm effect that matches each firm's total."""
    codes = np.unique(firm, return_inverse=True)[1]
    mu = np.exp(eta)
    level = np.bincount(codes, weights=y) / np.bincount(codes, weights=mu)
    out: FloatArray = mu * level[codes]
    return out
