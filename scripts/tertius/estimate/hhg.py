"""Negative binomial panels of Hausman, Hall and Griliches: conditional and random effects.

Given its effect a firm's counts are negative binomial with log-gamma parameters
lambda_it = exp(x_it'b) and a dispersion of its own. Conditional on the firm's total (capitals are
firm sums) l_i = lnG(L)+lnG(Y+1)-lnG(L+Y) + sum_t [lnG(lambda+y)-lnG(lambda)-lnG(y+1)]; with
1/(1+dispersion) ~ Beta(a, b) the first part becomes lnG(a+b)+lnG(a+L)+lnG(b+Y)-lnG(a)-lnG(b)
-lnG(a+b+L+Y) (Hausman, Hall & Griliches 1984, Econometrica 52:909). The effect sits in the
dispersion, not in the mean, so that neither is a fixed-effects estimator in the usual sense
(Allison & Waterman 2002; Guimaraes 2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import digamma, gammaln, polygamma

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.likelihood import Maximum, maximise
from tertius.estimate.result import CONSTANT, Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import ALL_ZERO, SINGLETON, Sample, make_sample, trim_rows
from tertius.estimate.two_way import independent_columns, make_effects


@dataclass(frozen=True, eq=False)
class HhgLikelihood:
    """Likelihood of counts y (n,) with columns x (n, p), contiguous firms from `starts`.

    Parameters are the p slopes and, with `random`, ln a and ln b of the Beta law.
    """

    y: FloatArray
    x: FloatArray
    starts: IntArray
    firm: IntArray
    totals: FloatArray
    constant: float
    random: bool

    @classmethod
    def of(cls, y: FloatArray, x: FloatArray, starts: IntArray, *, random: bool) -> HhgLikelihood:
        """From rows sorted by firm; `starts` are the first rows of the firms."""
        counts = np.diff(np.r_[starts, len(y)])
        firm = np.repeat(np.arange(len(starts)), counts)
        totals: FloatArray = np.add.reduceat(y, starts)
        constant = -float(gammaln(y + 1).sum())
        if not random:
            constant += float(gammaln(totals + 1).sum())
        return cls(y, x, starts, firm.astype(np.int64), totals, constant, random)

    def value(self, theta: FloatArray) -> float:
        """Log-likelihood."""
        p = self.x.shape[1]
        with np.errstate(over="ignore", invalid="ignore"):
            rate = np.exp(self.x @ theta[:p])
            own = gammaln(rate + self.y) - gammaln(rate)
            sums = np.add.reduceat(rate, self.starts)
            firm = gammaln(sums) - gammaln(sums + self.totals)
            if self.random:
                a, b = np.exp(theta[p:])
                firm = gammaln(a + sums) + gammaln(b + self.totals)
                firm = firm - gammaln(a + b + sums + self.totals)
                firm = firm + gammaln(a + b) - gammaln(a) - gammaln(b)
            return float(own.sum() + firm.sum()) + self.constant

    def derivatives(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Scores (G, p or p + 2) of the firms and the Hessian."""
        p, y = self.x.shape[1], self.y
        rate = np.exp(self.x @ theta[:p])
        sums = np.add.reduceat(rate, self.starts)
        level, bend = self._firm_slopes(sums, theta[p:])
        slope = digamma(rate + y) - digamma(rate)
        curve = polygamma(1, rate + y) - polygamma(1, rate)
        first = rate * (slope + level[self.firm])
        moved = self.x * rate[:, None]
        by_firm = np.add.reduceat(moved, self.starts, axis=0)
        scores: FloatArray = np.add.reduceat(self.x * first[:, None], self.starts, axis=0)
        hessian = self.x.T @ (self.x * (first + rate**2 * curve)[:, None])
        hessian += by_firm.T @ (by_firm * bend[:, None])
        if not self.random:
            return scores, hessian
        return self._with_beta(scores, hessian, by_firm, sums, theta)

    def _firm_slopes(self, sums: FloatArray, shape: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First and second derivative of the firm's part in L, (G,) each."""
        if self.random:
            a, b = np.exp(shape)
            low, high = a + sums, a + b + sums + self.totals
        else:
            low, high = sums, sums + self.totals
        return digamma(low) - digamma(high), polygamma(1, low) - polygamma(1, high)

    def _with_beta(
        self,
        scores: FloatArray,
        hessian: FloatArray,
        by_firm: FloatArray,
        sums: FloatArray,
        theta: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Add the derivatives in ln a and ln b."""
        p, (a, b) = self.x.shape[1], np.exp(theta[self.x.shape[1] :])
        low, own, high = a + sums, b + self.totals, a + b + sums + self.totals
        both = digamma(a + b) - digamma(high)
        by_a = a * (both + digamma(low) - digamma(a))
        by_b = b * (both + digamma(own) - digamma(b))
        top, mix = polygamma(1, high), polygamma(1, a + b) - polygamma(1, high)
        full = np.zeros((p + 2, p + 2))
        full[:p, :p] = hessian
        full[:p, p] = full[p, :p] = by_firm.T @ (a * (polygamma(1, low) - top))
        full[:p, p + 1] = full[p + 1, :p] = by_firm.T @ (-b * top)
        full[p, p] = (a * a * (mix + polygamma(1, low) - polygamma(1, a)) + by_a).sum()
        full[p + 1, p + 1] = (b * b * (mix + polygamma(1, own) - polygamma(1, b)) + by_b).sum()
        full[p, p + 1] = full[p + 1, p] = (a * b * mix).sum()
        return np.column_stack([scores, by_a, by_b]), full


@dataclass(frozen=True, eq=False)
class PanelColumns:
    """Regressors, then the constant, then dummies of the years but the first, scaled columns."""

    x: FloatArray
    scale: FloatArray
    kept: IntArray
    collinear: IntArray
    n_years: int


def panel_columns(sample: Sample, year: IntArray, *, with_years: bool) -> PanelColumns:
    """Columns of a model with a constant and year dummies; collinear regressors are left out.

    Raises:
        NotEstimable: no regressor is left.
    """
    n = len(sample.y)
    effects = make_effects(np.zeros(n, dtype=np.int64), year, ("year",) if with_years else ())
    kept, collinear = independent_columns(effects.within(sample.x), sample.x)
    if not len(kept):
        raise NotEstimable("collinear", "x", "every regressor is collinear with the years")
    dummies = np.zeros((n, int(year.max()) if with_years else 0))
    if with_years:
        dummies = (year[:, None] == np.arange(1, int(year.max()) + 1)).astype(np.float64)
    x = np.column_stack([sample.x[:, kept], np.ones(n), dummies])
    scale = np.ones(x.shape[1])
    scale[: len(kept)] = np.sqrt((sample.x[:, kept] ** 2).mean(axis=0))
    return PanelColumns(x / scale, scale, kept, collinear, dummies.shape[1])


def check_counts(design: Design) -> None:
    """Whole nonnegative outcomes, which a likelihood of counts needs.

    Raises:
        NotEstimable: an outcome is negative or not whole.
    """
    outcome, y = design.spec.outcome_column, design.y
    if (y < 0).any():
        raise NotEstimable("negative_outcome", outcome, f"{outcome} is negative in some rows")
    if (y != np.round(y)).any():
        reason = f"{outcome} is not whole in some rows: use FE Poisson, which needs no counts"
        raise NotEstimable("not_a_count", outcome, reason)


def fit_hhg_conditional(design: Design) -> Estimate:
    """Conditional negative binomial of Hausman, Hall and Griliches (1984).

    Firms without any count or with one row are dropped and counted.

    Raises:
        NotEstimable: outcomes are no counts, firm effects are not asked for, or no maximum exists.
    """
    _check_effects(design)
    check_counts(design)
    reasons = trim_rows(design, np.zeros(len(design.y), dtype=np.int8), counts=True)
    sample = make_sample(design, reasons, (ALL_ZERO, SINGLETON))
    return _fit(design, sample, random=False)


def fit_hhg_random(design: Design) -> Estimate:
    """Random-effects negative binomial with Beta-distributed dispersions (same source).

    Raises:
        NotEstimable: as in `fit_hhg_conditional`.
    """
    _check_effects(design)
    check_counts(design)
    sample = make_sample(design, np.zeros(len(design.y), dtype=np.int8), ())
    return _fit(design, sample, random=True)


def _check_effects(design: Design) -> None:
    """Firm effects, and none beside them but the years'."""
    if set(design.spec.effects) - {"org_id", "year"}:
        reason = f"{design.spec.name}: give effects [org_id] or [org_id, year]"
        raise NotEstimable("effects", design.spec.name, reason)


def _fit(design: Design, sample: Sample, *, random: bool) -> Estimate:
    """Maximise, go back to the original scale, and assemble."""
    firm = design.firm[sample.rows]
    year = np.unique(design.year[sample.rows], return_inverse=True)[1].astype(np.int64)
    columns = panel_columns(sample, year, with_years="year" in design.spec.effects)
    starts = np.flatnonzero(np.r_[True, np.diff(firm) != 0]).astype(np.int64)
    likelihood = HhgLikelihood.of(sample.y, columns.x, starts, random=random)
    start = np.zeros(columns.x.shape[1] + 2 * random)
    found = maximise(likelihood, start, design.spec.name)
    scale = np.r_[columns.scale, np.ones(2 * random)]
    theta = found.theta / scale
    covariance = found.inverse_information / np.outer(scale, scale)
    influence = _by_cluster(found, sample, starts) @ found.inverse_information / scale
    p = len(columns.kept) + 1
    labels = (*(design.labels[j] for j in columns.kept), CONSTANT)
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=theta[:p],
            influence=influence[:, :p],
            fitted=_fitted(found.theta, columns.x, sample.y, starts, random=random),
            columns=columns.kept,
            collinear=columns.collinear,
            statistics={"log_likelihood": found.log_likelihood},
            iterations=found.iterations,
            terms=labels,
            information=covariance[:p, :p],
            diagnostics=_beta_law(theta, covariance) if random else {},
            tables=year_table(design, sample, theta[p:], covariance[p:, p:], columns.n_years),
        ),
    )


def _by_cluster(found: Maximum, sample: Sample, starts: IntArray) -> FloatArray:
    """Scores of the firms summed by cluster, (G, p)."""
    sums = np.zeros((len(sample.cluster_ids), found.scores.shape[1]))
    np.add.at(sums, sample.cluster[starts], found.scores)
    return sums


def _fitted(
    theta: FloatArray, x: FloatArray, y: FloatArray, starts: IntArray, *, random: bool
) -> FloatArray:
    """Means: the firm's total shared by lambda, or lambda times the mean of the Beta odds."""
    p = x.shape[1]
    rate = np.exp(x @ theta[:p])
    counts = np.diff(np.r_[starts, len(y)])
    if random:
        a, b = np.exp(theta[p:])
        return rate * (b / (a - 1)) if a > 1 else np.full(len(y), np.nan)
    share = np.add.reduceat(y, starts) / np.add.reduceat(rate, starts)
    out: FloatArray = rate * np.repeat(share, counts)
    return out


def _beta_law(theta: FloatArray, covariance: FloatArray) -> dict[str, Diagnostic]:
    """Parameters of the Beta law of 1 / (1 + dispersion)."""
    told = {}
    for name, place in (("beta_a", -2), ("beta_b", -1)):
        value = float(np.exp(theta[place]))
        error = value * float(np.sqrt(covariance[place, place]))
        text = f"{name[-1]} of the Beta law of the firm effects is {value:.4g} (se {error:.3g})"
        told[name] = Diagnostic(text, value=value)
    return told


def year_table(
    design: Design, sample: Sample, values: FloatArray, covariance: FloatArray, n_years: int
) -> dict[str, pl.DataFrame]:
    """Year dummies against the first year: year, estimate, std_error by the information."""
    if not n_years:
        return {}
    years = design.frame["year"].filter(pl.Series(sample.rows)).unique().sort()[1:]
    errors = np.sqrt(np.diag(covariance)[:n_years])
    columns = {"year": years, "estimate": values[:n_years], "std_error": errors}
    return {"year_effects": pl.DataFrame(columns)}
