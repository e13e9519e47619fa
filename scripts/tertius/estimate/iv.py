"""Two-stage least squares, LIML and Fuller with absorbed effects and clustered covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.iv_core import (
    Factor,
    IvData,
    KClassFit,
    endogeneity_test,
    fit_k_class,
    hansen_j,
)
from tertius.estimate.iv_roles import check_roles
from tertius.estimate.iv_weak import (
    EffectiveF,
    ReducedForm,
    anderson_rubin,
    anderson_rubin_projection,
    anderson_rubin_set,
    conditional_f,
    effective_f,
    first_stage_f,
    kleibergen_paap_f,
    patnaik_critical,
    reduced_form,
    tf_factor,
)
from tertius.estimate.result import (
    Diagnostic,
    Estimate,
    Fit,
    assemble_estimate,
    levels_counted,
    n_levels,
)
from tertius.estimate.sample import SINGLETON, Sample, make_sample, trim_rows
from tertius.estimate.two_way import effects_note, independent_columns
from tertius.inference.covariance import small_sample_factor

WEAK_TAU = 0.10
"""Weak instruments: a worst-case bias above this share cannot be ruled out at 5 %."""
PROJECTION_LIMIT = 3
PROJECTION_POINTS = 61
PROJECTION_WIDTH = 8.0


@dataclass(frozen=True, eq=False)
class IvColumns:
    """Labels of the columns of an `IvData`, of what was dropped as collinear, and the sample."""

    sample: Sample
    data: IvData
    endogenous: tuple[str, ...]
    exogenous: tuple[str, ...]
    instruments: tuple[str, ...]
    collinear: tuple[str, ...]


def prepare_iv(design: Design) -> IvColumns:
    """Cut the sample, take the effects out, and sort the columns into their roles.

    Dummies of undefined instruments join the exogenous columns: that a value is undefined is no
    source of exogenous variation.

    Raises:
        NotEstimable: roles contradict each other, or an endogenous column is absorbed.
    """
    check_roles(design.spec)
    start = np.zeros(len(design.y), dtype=np.int8)
    sample = make_sample(design, trim_rows(design, start, counts=False), (SINGLETON,))
    given = design.extra["instruments"]
    cut = len(given.labels) - given.n_dummies
    wanted = design.spec.option("endogenous")
    x, z = sample.x, given.x[sample.rows]
    inside = [j for j, label in enumerate(design.labels) if label in wanted]
    outside = [j for j, label in enumerate(design.labels) if label not in wanted]
    new = [j for j in range(cut, len(given.labels)) if given.labels[j] not in design.labels]
    raw = np.column_stack([sample.y, x[:, outside], z[:, new], x[:, inside], z[:, :cut]])
    labels = [
        *(design.labels[j] for j in outside),
        *(given.labels[j] for j in new),
        *(design.labels[j] for j in inside),
        *given.labels[:cut],
    ]
    within = sample.effects.within(raw)
    n_exogenous, n_endogenous = len(outside) + len(new), len(inside)
    first = n_exogenous + n_endogenous
    kept, gone = independent_columns(within[:, 1 : 1 + first], raw[:, 1 : 1 + first])
    exogenous = [int(j) for j in kept if j < n_exogenous]
    endogenous = [int(j) for j in kept if j >= n_exogenous]
    columns = [*exogenous, *range(first, len(labels))]
    chosen = [1 + j for j in columns]
    valid, weak = independent_columns(within[:, chosen], raw[:, chosen])
    instruments = [columns[j] for j in valid if j >= len(exogenous)]
    lost = [labels[j] for j in gone] + [labels[columns[j]] for j in weak]
    take = within[:, 1:]
    return IvColumns(
        sample=sample,
        data=IvData(
            y=within[:, 0],
            endogenous=take[:, endogenous],
            exogenous=take[:, exogenous],
            instruments=take[:, instruments],
            cluster=sample.cluster,
            n_clusters=len(sample.cluster_ids),
            n_absorbed=sum(_levels(design, sample)) - (1 if design.spec.effects else 0),
        ),
        endogenous=tuple(labels[j] for j in endogenous),
        exogenous=tuple(labels[j] for j in exogenous),
        instruments=tuple(labels[j] for j in instruments),
        collinear=tuple(lost),
    )


def _levels(design: Design, sample: Sample) -> tuple[int, int]:
    """Firms absorbed, and the levels of the other effects as the covariance counts them."""
    firms = n_levels(design.firm[sample.rows]) if "org_id" in design.spec.effects else 0
    return firms, levels_counted(design, sample.rows)


def _factor(design: Design, sample: Sample) -> Factor:
    """Small-sample factor of the model's convention by number of regressors."""
    firms, levels = _levels(design, sample)
    convention, clusters = design.spec.se_convention, len(sample.cluster_ids)
    if convention == "information":
        reason = "instrumental variables have no standard errors from an information matrix"
        raise NotEstimable("no_information", design.spec.name, reason)

    def factor(n_regressors: int) -> float:
        return small_sample_factor(convention, len(sample.y), n_regressors, clusters, firms, levels)

    return factor


def fit_iv(design: Design) -> Estimate:
    """Linear model with endogenous terms, instruments and absorbed effects.

    Options: ``endogenous`` (labels among the terms), ``instruments`` (terms outside the model),
    ``method`` (2sls, liml, fuller) and ``fuller``.

    Raises:
        NotEstimable: too few instruments, no instrument of the kind of a square or product, a role
            that contradicts another, or columns that the effects absorb.
    """
    columns = prepare_iv(design)
    data, sample, spec = columns.data, columns.sample, design.spec
    absorbed = [label for label in columns.collinear if label in spec.option("endogenous")]
    if absorbed:
        reason = f"{absorbed[0]} is collinear with the effects or earlier terms"
        raise NotEstimable("collinear", absorbed[0], reason)
    fit = fit_k_class(data, spec.option("method"), spec.option("fuller"))
    factor = _factor(design, sample)
    form = reduced_form(data, factor)
    strength = effective_f(form) if len(columns.endogenous) == 1 else None
    sets = anderson_rubin_table(columns, form, fit, factor)
    tests, notes = _tests(columns, fit, form, strength, factor)
    tests["weak_robust"] = _set_words(columns, sets)
    notes += _conditional_notes(columns, factor)
    order = _report_order(design, columns)
    notes += effects_note(sample.effects)
    lost = [label for label in columns.collinear if label not in design.labels]
    notes += [f"instrument {label} is collinear with earlier columns" for label in lost]
    labels = columns.endogenous + columns.exogenous
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=fit.coefficients[order],
            influence=(data.sums(fit.scores) @ fit.bread)[:, order],
            fitted=sample.y - fit.residuals,
            columns=np.arange(0),
            collinear=_dropped(design, columns),
            statistics={},
            warnings=tuple(notes),
            terms=tuple(labels[j] for j in order),
            diagnostics=tests,
            tables={
                "first_stage": first_stage_table(columns, form, factor),
                "reduced_form": _regression_rows(columns, form, 0, "outcome"),
                "weak_robust": sets,
            },
        ),
    )


def _dropped(design: Design, columns: IvColumns) -> IntArray:
    """Positions in the design of the regressors that were dropped as collinear."""
    gone = [j for j, label in enumerate(design.labels) if label in columns.collinear]
    return np.array(gone, dtype=np.int64)


def _report_order(design: Design, columns: IvColumns) -> list[int]:
    """Positions of the coefficients in the order of the design's labels, added dummies last."""
    labels = columns.endogenous + columns.exogenous
    place = {label: j for j, label in enumerate(design.labels)}
    return sorted(range(len(labels)), key=lambda j: (place.get(labels[j], len(place)), j))


def _regression_rows(
    columns: IvColumns, form: ReducedForm, position: int, name: str
) -> pl.DataFrame:
    """Coefficients of one reduced-form column on the excluded instruments."""
    errors = np.sqrt(np.diag(form.block(position, position)))
    values = form.coefficients[:, position]
    ratio = values / errors
    return pl.DataFrame(
        {
            "dependent": [name] * len(values),
            "instrument": list(columns.instruments),
            "estimate": values,
            "std_error": errors,
            "statistic": ratio,
            "p_value": 2 * stats.t.sf(np.abs(ratio), form.n_clusters - 1),
        }
    )


def first_stage_table(columns: IvColumns, form: ReducedForm, factor: Factor) -> pl.DataFrame:
    """First stages: one row an endogenous column and instrument, with strength beside it.

    Returns:
        dependent, instrument, estimate, std_error, statistic, p_value, first_stage_f,
        conditional_f (Sanderson & Windmeijer 2016), partial_r2.
    """
    parts = []
    for j, label in enumerate(columns.endogenous):
        rows = _regression_rows(columns, form, j + 1, label)
        parts.append(
            rows.with_columns(
                pl.lit(first_stage_f(form, j).statistic).alias("first_stage_f"),
                pl.lit(conditional_f(columns.data, j, factor).statistic).alias("conditional_f"),
                pl.lit(float(form.partial_r2[j])).alias("partial_r2"),
            )
        )
    return pl.concat(parts)


def anderson_rubin_table(
    columns: IvColumns, form: ReducedForm, fit: KClassFit, factor: Factor, level: float = 0.95
) -> pl.DataFrame:
    """Intervals that hold with weak instruments, one row a piece of each set.

    Returns:
        term, method (anderson_rubin | projection | tF), low, high, bounded; no row for an empty
        set. A projection is searched on a grid of 8 standard errors around the estimate; a set that
        reaches the edge of the grid is not bounded.
    """
    influence = columns.data.sums(fit.scores) @ fit.bread
    scale = factor(len(fit.coefficients))
    errors = np.sqrt(scale * (influence**2).sum(axis=0))
    rows: list[tuple[str, str, float, float, bool]] = []
    p = len(columns.endogenous)
    if p == 1:
        label = columns.endogenous[0]
        for low, high in anderson_rubin_set(form, level):
            bounded = math.isfinite(low) and math.isfinite(high)
            rows.append((label, "anderson_rubin", low, high, bounded))
        if form.n_instruments == 1:
            width = 1.959964 * float(errors[0]) * tf_factor(first_stage_f(form, 0).statistic)
            b = float(fit.coefficients[0])
            rows.append((label, "tF", b - width, b + width, math.isfinite(width)))
    elif p <= PROJECTION_LIMIT:
        for j, label in enumerate(columns.endogenous):
            rows += _projected(form, fit.coefficients[:p], float(errors[j]), j, label, level)
    return pl.DataFrame(
        rows, schema=["term", "method", "low", "high", "bounded"], orient="row"
    ).cast(
        {
            "term": pl.String,
            "method": pl.String,
            "low": pl.Float64,
            "high": pl.Float64,
            "bounded": pl.Boolean,
        }
    )


def _projected(
    form: ReducedForm, start: FloatArray, error: float, column: int, label: str, level: float
) -> list[tuple[str, str, float, float, bool]]:
    """Runs of grid values that the projection allows."""
    reach = PROJECTION_WIDTH * error
    values = np.linspace(start[column] - reach, start[column] + reach, PROJECTION_POINTS)
    kept = anderson_rubin_projection(form, column, values, start, level)
    edges = np.flatnonzero(np.diff(np.r_[False, kept, False].astype(np.int8)))
    runs = []
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        bounded = bool(first > 0 and last < len(values) - 1)
        runs.append((label, "projection", float(values[first]), float(values[last]), bounded))
    return runs


def _tests(
    columns: IvColumns,
    fit: KClassFit,
    form: ReducedForm,
    strength: EffectiveF | None,
    factor: Factor,
) -> tuple[dict[str, Diagnostic], list[str]]:
    """Strength, exogeneity and over-identification in words, and what to be warned of."""
    found: dict[str, Diagnostic] = {}
    notes: list[str] = []
    rank = kleibergen_paap_f(form)
    found["kleibergen_paap_f"] = Diagnostic(
        f"Kleibergen-Paap rank F of the excluded instruments: {rank:.2f}", value=rank
    )
    if strength is not None:
        found["effective_f"] = _strength_words(strength)
        critical = strength.conservative[WEAK_TAU]
        if strength.statistic < critical:
            notes.append(
                f"weak instruments: effective F {strength.statistic:.2f} is below {critical:.2f}, "
                "the critical value at 10 % worst-case bias (Montiel Olea & Pflueger 2013); read "
                "the Anderson-Rubin set instead of the interval"
            )
    zero = anderson_rubin(form, np.zeros(len(columns.endogenous)))
    found["anderson_rubin"] = Diagnostic(
        f"Anderson-Rubin test that the endogenous terms have no effect: p = {zero.p_value:.4f}",
        statistic=zero.statistic,
        p_value=zero.p_value,
        df=zero.dof,
    )
    test = endogeneity_test(columns.data, factor)
    found["endogeneity"] = Diagnostic(
        f"Durbin-Wu-Hausman test that the terms are exogenous, clustered: p = {test.p_value:.4f}",
        statistic=test.statistic,
        p_value=test.p_value,
        df=test.dof,
    )
    return found | _hansen_words(columns, fit, notes), notes


def _hansen_words(columns: IvColumns, fit: KClassFit, notes: list[str]) -> dict[str, Diagnostic]:
    """Hansen's J in words; `notes` gains a line where it cannot be computed."""
    two_stage = fit if fit.kappa == 1.0 else fit_k_class(columns.data)
    try:
        j = hansen_j(columns.data, two_stage.residuals)
    except NotEstimable as error:
        notes.append(f"Hansen's J is not computed: {error.reason}")
        return {}
    if j is None:
        text = "just identified: the exclusion of the instruments cannot be tested"
        return {"hansen_j": Diagnostic(text)}
    text = f"Hansen's J of the over-identifying restrictions: p = {j.p_value:.4f}"
    return {"hansen_j": Diagnostic(text, None, j.statistic, j.p_value, float(j.dof))}


def _conditional_notes(columns: IvColumns, factor: Factor) -> list[str]:
    """With several endogenous terms: which of them the instruments hardly move given the others."""
    p, n_instruments = len(columns.endogenous), len(columns.instruments)
    if p == 1:
        return []
    critical = patnaik_critical(np.eye(n_instruments - p + 1), 1 / WEAK_TAU)
    values = [conditional_f(columns.data, j, factor).statistic for j in range(p)]
    return [
        f"weak instruments: conditional F of {label} {value:.2f} is below {critical:.2f}, the "
        "value that one endogenous term would need (Sanderson & Windmeijer 2016; Montiel Olea & "
        "Pflueger 2013); read the sets that hold with weak instruments"
        for label, value in zip(columns.endogenous, values, strict=True)
        if value < critical
    ]


def _set_words(columns: IvColumns, sets: pl.DataFrame) -> Diagnostic:
    """The weak-robust sets in words, unbounded and empty ones called so."""
    said = []
    for label in columns.endogenous:
        rows = sets.filter((pl.col("term") == label) & (pl.col("method") != "tF"))
        pieces = [
            f"[{low:.4g}, {high:.4g}]" + ("" if bounded else " (not bounded)")
            for low, high, bounded in rows.select("low", "high", "bounded").iter_rows()
        ]
        searched = len(columns.endogenous) <= PROJECTION_LIMIT
        none = "empty: the instruments contradict each other" if searched else "not searched"
        said.append(f"{label} in {' and '.join(pieces)}" if pieces else f"{label}: {none}")
    return Diagnostic("set that holds with weak instruments, 95 %: " + "; ".join(said))


def _strength_words(strength: EffectiveF) -> Diagnostic:
    """Effective F beside its critical values."""
    limits = ", ".join(f"{value:.2f} ({tau:.0%})" for tau, value in strength.conservative.items())
    return Diagnostic(
        f"effective F of the first stage: {strength.statistic:.2f}; critical values by worst-case "
        f"bias: {limits} (Montiel Olea & Pflueger 2013)",
        value=strength.statistic,
    )
