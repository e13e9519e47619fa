"""Counts with endogenous regressors: FE Poisson with the residuals of a linear first stage.

Step 1: within-firm least squares of each endogenous term on the exogenous ones and the instruments.
Step 2: FE Poisson with the residuals v added (Lin & Wooldridge 2019, J. Econometrics 211:137). The
coefficients of v test exogeneity. Covariances count both steps: with score s of step 2 and
influence d of step 1, psi_g = H^-1 (s_g + C d_g), C the derivative of the summed score in the first
stage (Newey & McFadden 1994, sec. 6; Wooldridge 2014). Terms such as x^2 of an endogenous x need
no instrument of their own: v makes all functions of x exogenous.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.fe_poisson import PoissonFit, absorbed_poisson, cluster_scores
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import (
    ALL_ZERO,
    SINGLETON,
    Sample,
    cluster_sums,
    make_sample,
    trim_rows,
)


@dataclass(frozen=True, eq=False)
class FirstStage:
    """One endogenous term: its residuals (n,), within regressors w (n, q), influence (G, q)."""

    label: str
    residuals: FloatArray
    within: FloatArray
    influence: FloatArray
    coefficients: FloatArray
    instruments: tuple[int, ...]

    def strength(self) -> tuple[float, float, int]:
        """Robust F of the instruments, its p by clusters, their number."""
        places = list(self.instruments)
        b, psi = self.coefficients[places], self.influence[:, places]
        n_clusters = len(psi)
        covariance = psi.T @ psi * n_clusters / (n_clusters - 1)
        wald = float(b @ np.linalg.pinv(covariance, hermitian=True) @ b) / len(places)
        return wald, float(stats.f.sf(wald, len(places), n_clusters - 1)), len(places)


def fit_control_function(design: Design) -> Estimate:
    """FE Poisson with control function; terms ``residual(x)`` are the first-stage residuals.

    Raises:
        NotEstimable: an endogenous term is not in the model, an instrument is, there are fewer
            instruments than endogenous terms, or as in `fit_fe_poisson`.
    """
    endogenous = _check_lists(design)
    if (design.y < 0).any():
        outcome = design.spec.outcome_column
        raise NotEstimable("negative_outcome", outcome, f"{outcome} is negative in some rows")
    reasons = trim_rows(design, np.zeros(len(design.y), dtype=np.int8), counts=True)
    sample = make_sample(design, reasons, (ALL_ZERO, SINGLETON))
    stages = first_stages(design, sample, endogenous)
    residuals = np.stack([stage.residuals for stage in stages], axis=1)
    labels = (*design.labels, *(f"residual({stage.label})" for stage in stages))
    second = replace(sample, x=np.hstack([sample.x, residuals]))
    fit = absorbed_poisson(second.x, sample.y, sample.effects)
    if not fit.converged:
        name = design.spec.name
        raise NotEstimable("no_maximum", name, f"{name}: the likelihood has no maximum in reach")
    influence = two_step_influence(fit, second, stages)
    k = len(fit.kept)
    wide = replace(design, labels=labels)
    coefficients = fit.coefficients[:k] / fit.scale
    return assemble_estimate(
        wide,
        Fit(
            sample=second,
            coefficients=coefficients,
            influence=influence,
            fitted=fit.mu,
            columns=fit.kept,
            collinear=fit.collinear,
            statistics={},
            iterations=fit.iterations,
            diagnostics={
                **_strengths(stages),
                "exogeneity": _exogeneity(coefficients, influence, len(stages), k),
            },
            tables={"first_stage": _stage_table(design, stages)},
        ),
    )


def _check_lists(design: Design) -> tuple[int, ...]:
    """Places of the endogenous terms among the columns; lists that contradict are refused."""
    name = design.spec.name
    endogenous, instruments = design.spec.option("endogenous"), design.spec.option("instruments")
    for label in endogenous:
        if label not in design.labels:
            reason = f"{name}: the endogenous term {label} is not among the terms"
            raise NotEstimable("not_in_model", label, reason)
    for label in instruments:
        if label in design.labels:
            reason = f"{name}: the instrument {label} is among the terms"
            raise NotEstimable("instrument_included", label, reason)
    if len(instruments) < len(endogenous):
        reason = f"{name}: {len(instruments)} instruments for {len(endogenous)} endogenous terms"
        raise NotEstimable("underidentified", name, reason)
    return tuple(design.labels.index(label) for label in endogenous)


def first_stages(
    design: Design, sample: Sample, endogenous: tuple[int, ...]
) -> tuple[FirstStage, ...]:
    """Within regressions of each endogenous column on the exogenous ones and the instruments.

    Columns made of an endogenous variable (its powers and products) are not exogenous.
    """
    names = {design.labels[j] for j in endogenous}
    exogenous = [j for j, label in enumerate(design.labels) if not _uses(label, names)]
    extra = design.extra["instruments"].x[sample.rows]
    w = np.hstack([sample.x[:, exogenous], extra])
    n_instruments = len(design.spec.option("instruments"))
    made = []
    for j in endogenous:
        fit = absorbed_ols(w, sample.x[:, j], sample.effects)
        place = {int(column): at for at, column in enumerate(fit.kept)}
        front = len(exogenous)
        own = tuple(place[c] for c in range(front, front + n_instruments) if c in place)
        if len(own) < len(endogenous):
            reason = f"the instruments of {design.labels[j]} are collinear with the regressors"
            raise NotEstimable("underidentified", design.labels[j], reason)
        scores = cluster_sums(fit.x_within * fit.residuals[:, None], sample)
        made.append(
            FirstStage(
                design.labels[j],
                fit.residuals,
                fit.x_within,
                scores @ fit.bread,
                fit.coefficients,
                own,
            )
        )
    return tuple(made)


def _uses(label: str, endogenous: set[str]) -> bool:
    """Whether a term has an endogenous base among its factors."""
    return any(part.partition("^")[0] in endogenous for part in label.split(":"))


def two_step_influence(
    fit: PoissonFit, sample: Sample, stages: tuple[FirstStage, ...]
) -> FloatArray:
    """Influence (G, k) of the slopes, the first stages' estimation counted.

    A change d of a first stage's coefficients moves its residual by -w d, w the within columns, and
    with it the summed score of every slope and year shift.
    """
    k = len(fit.kept)
    slopes = fit.coefficients[:k] / fit.scale
    scores = cluster_scores(fit, sample)
    first = sample.x.shape[1] - len(stages)
    total = scores @ fit.bread
    for number, stage in enumerate(stages):
        places = np.flatnonzero(fit.kept == first + number)
        if not len(places):
            continue
        place = int(places[0])
        moved = _score_change(fit, sample, stage.within, slopes[place], place)
        total = total + stage.influence @ moved @ fit.bread
    out: FloatArray = total[:, :k] / fit.scale
    return out


def _score_change(
    fit: PoissonFit, sample: Sample, within: FloatArray, slope: float, place: int
) -> FloatArray:
    """(q, p) derivative of the summed scaled score in the first stage's coefficients."""
    effects, k = sample.effects, len(fit.kept)
    residual = sample.y - fit.mu
    weighted = effects.within(within, fit.mu) if effects.more else _demean(within, fit.mu, sample)
    change = np.zeros((within.shape[1], fit.bread.shape[0]))
    change[:, :k] = slope * (weighted * fit.mu[:, None]).T @ fit.x_scaled
    if effects.year is not None:
        by_year = effects.year_sums(weighted * fit.mu[:, None])
        change[:, k:] = slope * by_year.T[:, 1:]
    change[:, place] -= (within.T @ residual) / fit.scale[place]
    return change


def _demean(values: FloatArray, weights: FloatArray, sample: Sample) -> FloatArray:
    """Deviations from the weighted means of the concentrated effect."""
    effects = sample.effects
    means = effects.group_sums(values * weights[:, None]) / effects.group_sums(weights)[:, None]
    out: FloatArray = values - means[effects.group]
    return out


def _strengths(stages: tuple[FirstStage, ...]) -> dict[str, Diagnostic]:
    """Robust first-stage F of each endogenous term."""
    told = {}
    for stage in stages:
        value, p, df = stage.strength()
        text = f"instruments of {stage.label}: robust F({df}) = {value:.2f}, p = {p:.4g}"
        told[f"first_stage_f({stage.label})"] = Diagnostic(text, value, value, p, float(df))
    return told


def _exogeneity(b: FloatArray, influence: FloatArray, n_stages: int, k: int) -> Diagnostic:
    """Wald test that the residuals do not matter."""
    tail = slice(k - n_stages, k)
    psi = influence[:, tail]
    wald = float(b[tail] @ np.linalg.pinv(psi.T @ psi, hermitian=True) @ b[tail])
    p = float(stats.chi2.sf(wald, n_stages))
    text = f"exogeneity of the endogenous terms: chi2({n_stages}) = {wald:.3f}, p = {p:.4g}"
    return Diagnostic(text, statistic=wald, p_value=p, df=float(n_stages))


def _stage_table(design: Design, stages: tuple[FirstStage, ...]) -> pl.DataFrame:
    """First stages: endogenous term, instrument, estimate, clustered std_error."""
    rows = []
    for stage in stages:
        errors = np.sqrt((stage.influence**2).sum(axis=0))
        names = design.spec.option("instruments")
        for name, place in zip(names, stage.instruments, strict=False):
            rows.append((stage.label, name, float(stage.coefficients[place]), float(errors[place])))
    return pl.DataFrame(rows, schema=["term", "instrument", "estimate", "std_error"], orient="row")
