"""Estimators with regimes: panel threshold, kink, and the threshold of a count model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.fe_poisson import absorbed_poisson, cluster_scores
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import (
    ALL_ZERO,
    SINGLETON,
    Sample,
    cluster_sums,
    make_sample,
    trim_rows,
)
from tertius.estimate.threshold import ThresholdData, rows_above, switch_columns
from tertius.estimate.threshold_search import (
    SearchSettings,
    ThresholdStep,
    search_count_threshold,
    search_kink,
    search_thresholds,
)
from tertius.model_spec import parse_term


@dataclass(frozen=True, eq=False)
class _Setup:
    """The switching column, its place in the design, and the threshold variable on its scale."""

    sample: Sample
    data: ThresholdData
    column: int
    label: str
    variable: str
    shift: float
    balanced: bool


def _setup(design: Design, *, counts: bool, kink: bool) -> _Setup:
    spec = design.spec
    if "org_id" not in spec.effects or not set(spec.effects) <= {"org_id", "year"}:
        reason = "thresholds need firm effects, and year effects at most beside them"
        raise NotEstimable("effects", spec.name, reason)
    if spec.cluster != "org_id":
        reason = "the bootstrap of thresholds draws firms: cluster by org_id"
        raise NotEstimable("cluster", spec.name, reason)
    reasons = trim_rows(design, np.zeros(len(design.y), dtype=np.int8), counts=counts)
    steps = (ALL_ZERO, SINGLETON) if counts else (SINGLETON,)
    sample = make_sample(design, reasons, steps)
    label = spec.terms[0]
    column = design.labels.index(label)
    q, variable, shift = _threshold_variable(design, sample, label, column, kink)
    data = ThresholdData(
        y=sample.y,
        x=sample.x[:, column],
        w=np.delete(sample.x, column, axis=1),
        q=q,
        effects=sample.effects,
        regime_intercept=not kink and bool(spec.option("regime_intercept")),
        kink=kink,
    )
    counts_of = sample.effects.counts
    return _Setup(
        sample, data, column, label, variable, shift, bool(counts_of.min() == counts_of.max())
    )


def _threshold_variable(
    design: Design, sample: Sample, label: str, column: int, kink: bool
) -> tuple[FloatArray, str, float]:
    """Values of q, its name, and what brings it back to its uncentred scale."""
    chosen = None if kink else design.extra.get("threshold")
    if chosen is not None:
        return chosen.x[sample.rows, 0], str(chosen.labels[0]), 0.0
    term = parse_term(label)
    if term.degree > 1:
        reason = f"{label} is a product: name the threshold variable in the option threshold"
        raise NotEstimable("threshold", label, reason)
    holes = [name for name in design.labels if name.startswith(f"undefined({term.variables[0]}=")]
    if holes:
        reason = f"{label} is undefined in some rows, which have no side of a threshold: drop them"
        raise NotEstimable("threshold", label, reason)
    centre = design.bases[term.bases[0]].centre
    return sample.x[:, column], term.bases[0], centre


def _settings(design: Design) -> SearchSettings:
    option = design.spec.option
    return SearchSettings(
        n_grid=int(option("grid")),
        trim=float(option("trim")),
        alpha=float(option("alpha")),
        draws=int(option("draws")),
        seed=int(option("seed")),
        scheme=str(option("scheme")) if "scheme" in design.spec.options else "rademacher",
        level=design.spec.confidence,
    )


def fit_threshold(design: Design) -> Estimate:
    """Panel threshold regression (Hansen 1999): the slope of the first term switches with q.

    Errors of the slopes are clustered and take the thresholds as known, since these converge at the
    faster rate n; where no threshold is accepted the best single one is shown and said so.

    Raises:
        NotEstimable: no firm effects, an undefined threshold variable, or nothing to split.
    """
    setup = _setup(design, counts=False, kink=False)
    most = int(design.spec.option("thresholds"))
    steps = search_thresholds(setup.data, most, _settings(design))
    accepted = [step for step in steps if step.accepted]
    gammas = sorted(step.gamma for step in accepted) or [steps[0].gamma]
    x, labels = _regime_columns(setup, gammas, design)
    fit = absorbed_ols(x, setup.data.y, setup.data.effects)
    scores = cluster_sums(fit.x_within * fit.residuals[:, None], setup.sample)
    warnings = [] if setup.balanced else ["the panel is not balanced; Hansen (1999) assumes it is"]
    if not accepted:
        warnings.append("no threshold is accepted: the regimes shown are those of the best split")
    return assemble_estimate(
        design,
        Fit(
            sample=setup.sample,
            coefficients=fit.coefficients,
            influence=scores @ fit.bread,
            fitted=setup.data.y - fit.residuals,
            columns=np.arange(0),
            collinear=np.arange(0),
            statistics={"r2_within": fit.r2_within},
            terms=tuple(labels[j] for j in fit.kept),
            warnings=tuple(warnings),
            diagnostics=_diagnostics(setup, steps),
            tables=_tables(setup, steps, gammas),
        ),
    )


def _regime_columns(
    setup: _Setup, gammas: list[float], design: Design
) -> tuple[FloatArray, tuple[str, ...]]:
    """A slope a regime, levels of the regimes above the first, then the other regressors."""
    data = setup.data
    regime = rows_above(data.q, gammas).sum(axis=1)
    member = (regime[:, None] == np.arange(len(gammas) + 1)).astype(np.float64)
    labels = [f"{setup.label}[regime {r + 1}]" for r in range(member.shape[1])]
    columns = [data.x[:, None] * member]
    if data.regime_intercept:
        columns.append(member[:, 1:])
        labels += [f"level[regime {r + 1}]" for r in range(1, member.shape[1])]
    rest = [label for j, label in enumerate(design.labels) if j != setup.column]
    return np.hstack([*columns, data.w]), (*labels, *rest)


def _diagnostics(setup: _Setup, steps: tuple[ThresholdStep, ...]) -> dict[str, Diagnostic]:
    out = {}
    for step in steps:
        verdict = "accepted" if step.accepted else "not accepted"
        gamma = step.gamma + setup.shift
        text = (
            f"threshold {step.number} of {setup.variable} at {gamma:.4g}: "
            f"F = {step.f_statistic:.2f}, bootstrap p = {step.p_value:.3f}, {verdict}"
        )
        out[f"threshold_{step.number}"] = Diagnostic(
            text, value=gamma, statistic=step.f_statistic, p_value=step.p_value
        )
    return out


def _tables(
    setup: _Setup, steps: tuple[ThresholdStep, ...], gammas: list[float]
) -> dict[str, pl.DataFrame]:
    """Tests, likelihood-ratio curves, and rows of each regime."""
    shift = setup.shift
    tests = pl.DataFrame(
        {
            "threshold": [s.number for s in steps],
            "gamma": [s.gamma + shift for s in steps],
            "conf_low": [s.low + shift for s in steps],
            "conf_high": [s.high + shift for s in steps],
            "f_statistic": [s.f_statistic for s in steps],
            "p_value": [s.p_value for s in steps],
            "accepted": [s.accepted for s in steps],
        }
    )
    curves = pl.concat(
        pl.DataFrame(
            {
                "threshold": np.full(len(s.curve.grid), s.number),
                "gamma": s.curve.grid + shift,
                "likelihood_ratio": s.curve.likelihood_ratio,
            }
        )
        for s in steps
    )
    regime = rows_above(setup.data.q, gammas).sum(axis=1)
    counts: IntArray = np.bincount(regime, minlength=len(gammas) + 1)
    rows = pl.DataFrame({"regime": np.arange(1, len(counts) + 1), "rows": counts})
    return {"thresholds": tests, "threshold_curve": curves, "regimes": rows}


def fit_kink(design: Design) -> Estimate:
    """Kink regression b1 x + b2 (x - g)+ (Hansen 2017), the test of a slope that declines.

    Unlike a jump, a kink is estimated at the usual root-n rate: the clustered covariance is that of
    nonlinear least squares and includes g. p of the kink and the interval of its place, which
    inverts the likelihood ratio, are by firm signs; the normal interval of g is too short.

    Raises:
        NotEstimable: as `fit_threshold`, or the slope does not change at all.
    """
    setup = _setup(design, counts=False, kink=True)
    settings = _settings(design)
    step = search_kink(setup.data, settings)
    data = setup.data
    bend = switch_columns(data, step.gamma)
    x = np.hstack([data.x[:, None], bend, data.w])
    fit = absorbed_ols(x, data.y, data.effects)
    if len(fit.kept) < 2 or fit.kept[1] != 1:
        raise NotEstimable("collinear", setup.label, "the effects absorb the change of slope")
    change = float(fit.coefficients[1])
    tangent = data.effects.within(-change * (data.x > step.gamma).astype(np.float64)[:, None])
    jacobian = np.hstack([fit.x_within, tangent])
    bread = np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)
    rest = [label for j, label in enumerate(design.labels) if j != setup.column]
    names = (setup.label, f"{setup.label}[change above kink]", *rest)
    scores = cluster_sums(jacobian * fit.residuals[:, None], setup.sample)
    text = (
        f"slope of {setup.label} changes by {change:.4g} at {step.gamma + setup.shift:.4g} "
        f"(interval by the likelihood ratio {step.low + setup.shift:.4g} to "
        f"{step.high + setup.shift:.4g}): F = {step.f_statistic:.2f}, "
        f"bootstrap p = {step.p_value:.3f}"
    )
    kink = Diagnostic(
        text,
        value=step.gamma + setup.shift,
        statistic=step.f_statistic,
        p_value=step.p_value,
    )
    return assemble_estimate(
        design,
        Fit(
            sample=setup.sample,
            coefficients=np.r_[fit.coefficients, step.gamma + setup.shift],
            influence=scores @ bread,
            fitted=data.y - fit.residuals,
            columns=np.arange(0),
            collinear=np.arange(0),
            statistics={"r2_within": fit.r2_within},
            terms=(*(names[j] for j in fit.kept), "kink"),
            diagnostics={"kink": kink},
            tables=_tables(setup, (step,), [step.gamma]),
        ),
    )


def fit_threshold_poisson(design: Design) -> Estimate:
    """Threshold in a fixed-effects Poisson model: least deviance, sup-score test by firm signs.

    Raises:
        NotEstimable: as `fit_threshold`, negative outcomes, or no maximum.
    """
    if (design.y < 0).any():
        raise NotEstimable("negative_outcome", design.spec.outcome_column, "outcome is negative")
    setup = _setup(design, counts=True, kink=False)
    found = search_count_threshold(
        setup.data, _settings(design), int(design.spec.option("interval_draws"))
    )
    x, labels = _regime_columns(setup, [found.gamma], design)
    fit = absorbed_poisson(x, setup.data.y, setup.data.effects)
    k = len(fit.kept)
    psi = (cluster_scores(fit, setup.sample) @ fit.bread)[:, :k] / fit.scale
    accepted = found.p_value < float(design.spec.option("alpha"))
    text = (
        f"threshold of {setup.variable} at {found.gamma + setup.shift:.4g}: sup-score "
        f"{found.statistic:.2f}, bootstrap p = {found.p_value:.3f}"
    )
    curve = pl.DataFrame(
        {"gamma": found.grid + setup.shift, "deviance": found.deviance - found.deviance.min()}
    )
    test = pl.DataFrame(
        {
            "threshold": [1],
            "gamma": [found.gamma + setup.shift],
            "conf_low": [found.low + setup.shift],
            "conf_high": [found.high + setup.shift],
            "score_statistic": [found.statistic],
            "p_value": [found.p_value],
            "accepted": [accepted],
        }
    )
    note = "no threshold is accepted: the regimes shown are those of the best split"
    return assemble_estimate(
        design,
        Fit(
            sample=setup.sample,
            coefficients=fit.coefficients[:k] / fit.scale,
            influence=psi,
            fitted=fit.mu,
            columns=np.arange(0),
            collinear=np.arange(0),
            statistics={},
            iterations=fit.iterations,
            terms=tuple(labels[j] for j in fit.kept),
            warnings=() if accepted else (note,),
            diagnostics={
                "threshold_1": Diagnostic(
                    text,
                    value=found.gamma + setup.shift,
                    statistic=found.statistic,
                    p_value=found.p_value,
                )
            },
            tables={"thresholds": test, "threshold_curve": curve},
        ),
    )
