"""Selection models in two steps: pooled (Heckman 1979) and panel (Semykina & Wooldridge 2010)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.heckman_core import (
    ProbitFit,
    TwoStepFit,
    corrected_covariance,
    fit_probit,
    mills_ratio,
    second_step,
    stacked_influence,
)
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import Sample, cut_sample, renumber
from tertius.estimate.two_way import independent_columns, sums_by_code

RATIO = "mills_ratio"
UNKNOWN = ("truncated", "missing_input")
"""Statuses that leave selection unknown; such rows are dropped, not counted as unselected."""


@dataclass(frozen=True, eq=False)
class SelectionData:
    """Rows with known selection: outcome (NaN where unselected), flags, columns of both equations.

    `x` (n, k) are reported regressors, `nuisance` (n, r) the constant, year dummies and firm means;
    `w` (n, q) the selection columns, `exclusion` the positions of the excluded ones among them;
    `period` (n,) the probit that a row belongs to (one for all in the pooled model).
    """

    y: FloatArray
    selected: BoolArray
    x: FloatArray
    nuisance: FloatArray
    w: FloatArray
    exclusion: IntArray
    period: IntArray
    cluster: IntArray
    n_clusters: int


@dataclass(frozen=True, eq=False)
class SelectionFit:
    """Both steps: probits by period, the second step and its influence (G, k) by cluster."""

    probits: tuple[ProbitFit, ...]
    second: TwoStepFit
    influence: FloatArray
    ratios: FloatArray
    index: FloatArray


def fit_two_steps(data: SelectionData) -> SelectionFit:
    """Probits by period, Mills ratios (one coefficient a period), least squares, stacked influence.

    Raises:
        NotEstimable: a probit cannot be fitted, or the ratio is collinear with the regressors.
    """
    periods = int(data.period.max()) + 1
    q = data.w.shape[1]
    index = np.zeros(len(data.y))
    first = np.zeros((data.n_clusters, periods * q))
    probits = []
    for t in range(periods):
        rows = data.period == t
        probit = fit_probit(data.selected[rows], data.w[rows])
        index[rows] = probit.index
        scores = sums_by_code(probit.scores, data.cluster[rows], data.n_clusters)
        first[:, t * q : (t + 1) * q] = scores @ probit.covariance
        probits.append(probit)
    at = data.selected
    period = data.period[at]
    ratio = mills_ratio(index[at])
    ratios = np.zeros((len(ratio), periods))
    ratios[np.arange(len(ratio)), period] = ratio
    x = np.column_stack([data.nuisance[at], data.x[at]])
    second = second_step(data.y[at], x, ratios, index[at])
    slopes = second.coefficients[-periods:][period]
    wide = np.zeros((len(ratio), periods * q))
    for t in range(periods):
        wide[period == t, t * q : (t + 1) * q] = data.w[at][period == t]
    influence = stacked_influence(second, slopes, wide, data.cluster[at], first, data.n_clusters)
    return SelectionFit(tuple(probits), second, influence, ratios, index)


def prepare_selection(design: Design) -> tuple[SelectionData, Sample, tuple[str, ...], IntArray]:
    """Rows, roles and columns of a design.

    Returns:
        The data, the sample of all rows with known selection, the labels of `x`, and the positions
        of design columns dropped as collinear among the selected rows.

    Raises:
        NotEstimable: firm effects are asked for, or no row is selected.
    """
    spec = design.spec
    if set(spec.effects) - {"year"}:
        reason = (
            "the two-step model takes no firm effects, for its probit would be inconsistent; write "
            "effects: [year], and panel: mundlak for firm effects related to the regressors"
        )
        raise NotEstimable("effects", spec.name, reason)
    known, selected = _selection(design)
    period_code = design.year
    panel = spec.option("panel") == "mundlak"
    steps = [("selection is known", known)]
    if panel:
        steps.append(("years with selected and unselected rows", _mixed(period_code, selected)))
    sample = cut_sample(design, steps)
    rows = sample.rows
    chosen = selected[rows]
    if not chosen.any():
        raise NotEstimable("no_rows", spec.name, "no row is selected")
    extra = design.extra["exclusion"].x[rows]
    w_all = np.column_stack([sample.x, extra])
    firm, year = renumber(design.firm[rows])[0], renumber(design.year[rows])[0]
    nuisance = [np.ones((len(firm), 1))]
    if "year" in spec.effects and not panel:
        nuisance.append(np.eye(int(year.max()) + 1)[year][:, 1:])
    means = _firm_means(w_all, firm) if panel else np.zeros((len(firm), 0))
    base = np.column_stack([*nuisance, means])
    outcome_base = base
    if panel and "year" in spec.effects:
        outcome_base = np.column_stack([base, np.eye(int(year.max()) + 1)[year][:, 1:]])
    outcome_base = outcome_base[:, independent_columns(*(outcome_base[chosen],) * 2)[0]]
    k0 = outcome_base.shape[1]
    both = np.column_stack([outcome_base, sample.x])[chosen]
    kept, gone = independent_columns(both, both)
    kept_x = kept[kept >= k0] - k0
    kept_w = independent_columns(*(np.column_stack([base, w_all]),) * 2)[0]
    n_own = base.shape[1] + sample.x.shape[1]
    data = SelectionData(
        y=sample.y,
        selected=chosen,
        x=sample.x[:, kept_x],
        nuisance=outcome_base,
        w=np.column_stack([base, w_all])[:, kept_w],
        exclusion=np.flatnonzero(kept_w >= n_own).astype(np.int64),
        period=year if panel else np.zeros(len(firm), dtype=np.int64),
        cluster=sample.cluster,
        n_clusters=len(sample.cluster_ids),
    )
    labels = tuple(design.labels[j] for j in kept_x)
    return data, sample, labels, np.array(gone[gone >= k0] - k0, dtype=np.int64)


def _selection(design: Design) -> tuple[BoolArray, BoolArray]:
    """Rows whose selection is known, and which of them are selected with an outcome."""
    status = design.frame["y_status"].to_numpy()
    observed = np.isfinite(design.y)
    if design.spec.option("selected") is None:
        return ~np.isin(status, UNKNOWN), observed
    flag = design.extra["selected"].x[:, 0]
    if not np.isin(flag, (0.0, 1.0)).all():
        reason = f"{design.spec.option('selected')} is not 0 or 1 in every row"
        raise NotEstimable("not_binary", design.spec.option("selected"), reason)
    chosen = flag == 1
    # a selected row without its outcome says nothing about the outcome equation
    return ~chosen | observed, chosen & observed


def _mixed(year: IntArray, selected: BoolArray) -> BoolArray:
    """Rows of years in which some rows are selected and some are not."""
    total = np.bincount(year)
    chosen = np.bincount(year, weights=selected.astype(np.float64), minlength=len(total))
    return np.asarray((chosen > 0) & (chosen < total), dtype=bool)[year]


def _firm_means(values: FloatArray, firm: IntArray) -> FloatArray:
    """Mean of each column by firm, at every row (Mundlak 1978)."""
    n = int(firm.max()) + 1
    counts = np.bincount(firm, minlength=n).astype(np.float64)
    return np.asarray((sums_by_code(values, firm, n) / counts[:, None])[firm], dtype=np.float64)


def fit_heckman(design: Design) -> Estimate:
    """Outcome seen only for selected rows, by a probit and a second step with Mills ratios.

    Options: ``exclusion`` (terms of the selection equation only), ``selected`` (a 0/1 variable; by
    default a row is selected where its outcome is ok), ``panel`` (none, mundlak), ``draws`` and
    ``seed`` of a bootstrap of clusters that replaces the analytic covariance.

    Raises:
        NotEstimable: firm effects, no variation in selection, separation, or a Mills ratio that is
            collinear with the regressors (as where no exclusion moves selection).
    """
    data, sample, labels, collinear = prepare_selection(design)
    fit = fit_two_steps(data)
    first = data.nuisance.shape[1]
    names = _ratio_names(design, sample, data)
    tests, notes = selection_tests(data, fit, len(labels))
    covariance, words = _bootstrap(design, data, fit, first)
    selected = np.zeros(len(sample.rows), dtype=bool)
    selected[np.flatnonzero(sample.rows)[data.selected]] = True
    final = cut_sample(
        design, [("selection is known", sample.rows), ("outcome is selected", selected)]
    )
    k = len(labels) + len(names)
    return assemble_estimate(
        design,
        Fit(
            sample=_with_clusters(final, sample),
            coefficients=fit.second.coefficients[first:],
            influence=fit.influence[:, first:],
            fitted=data.y[data.selected] - fit.second.residuals,
            columns=np.arange(0),
            collinear=collinear,
            statistics={},
            warnings=tuple(notes),
            terms=(*labels, *names),
            covariance=covariance,
            se_convention=words,
            information=_information(data, fit, first, k),
            diagnostics=tests,
            tables={"selection": selection_table(data, fit, names)},
        ),
    )


def _with_clusters(final: Sample, whole: Sample) -> Sample:
    """The selected rows, with the clusters of all rows: unselected firms inform the first step."""
    ids = whole.cluster_ids
    place = {name: j for j, name in enumerate(ids)}
    codes = np.array([place[name] for name in final.cluster_ids], dtype=np.int64)
    return Sample(
        final.rows,
        final.y,
        final.x,
        final.effects,
        codes[final.cluster],
        ids,
        final.ledger,
        {**whole.dropped, **final.dropped},
    )


def _ratio_names(design: Design, sample: Sample, data: SelectionData) -> tuple[str, ...]:
    if int(data.period.max()) == 0:
        return (RATIO,)
    years = design.frame["year"].to_numpy()[sample.rows]
    return tuple(f"{RATIO}({year})" for year in np.unique(years))


def _information(data: SelectionData, fit: SelectionFit, first: int, k: int) -> FloatArray | None:
    """Heckman's own covariance, for the pooled model with independent rows."""
    if len(fit.probits) > 1:
        return None
    w = data.w[data.selected]
    covariance = corrected_covariance(fit.second, w, fit.probits[0].covariance)[0]
    return covariance[first:, first:][:k, :k]


def _bootstrap(
    design: Design, data: SelectionData, fit: SelectionFit, first: int
) -> tuple[FloatArray | None, str]:
    """Covariance over resampled clusters, both steps each time; None where no draws are asked."""
    draws, seed = int(design.spec.option("draws")), int(design.spec.option("seed"))
    if draws == 0:
        return None, ""
    found, failed = bootstrap_selection(data, draws, seed)
    if len(found) < 0.9 * draws:
        reason = f"{failed} of {draws} bootstrap samples cannot be estimated"
        raise NotEstimable("bootstrap", design.spec.name, reason)
    words = (
        f"bootstrap of {design.spec.cluster} over both steps, {len(found)} draws"
        f"{f', {failed} not estimable' if failed else ''}; t with G-1 degrees of freedom"
    )
    return np.atleast_2d(np.cov(found[:, first:], rowvar=False)), words


def bootstrap_selection(data: SelectionData, draws: int, seed: int) -> tuple[FloatArray, int]:
    """Second-step coefficients over resampled clusters.

    Returns:
        (B', k) of the draws that could be estimated, and how many could not.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(data.cluster, kind="stable")
    counts = np.bincount(data.cluster, minlength=data.n_clusters)
    starts = np.r_[0, np.cumsum(counts)]
    found: list[FloatArray] = []
    for _ in range(draws):
        picks = rng.integers(0, data.n_clusters, data.n_clusters)
        rows = np.concatenate([order[starts[g] : starts[g + 1]] for g in picks])
        drawn = SelectionData(
            data.y[rows],
            data.selected[rows],
            data.x[rows],
            data.nuisance[rows],
            data.w[rows],
            data.exclusion,
            data.period[rows],
            np.repeat(np.arange(len(picks)), counts[picks]),
            data.n_clusters,
        )
        try:
            found.append(fit_two_steps(drawn).second.coefficients)
        except NotEstimable:
            continue
    k = data.nuisance.shape[1] + data.x.shape[1] + int(data.period.max()) + 1
    return (np.stack(found) if found else np.zeros((0, k))), draws - len(found)


def selection_table(
    data: SelectionData, fit: SelectionFit, periods: tuple[str, ...]
) -> pl.DataFrame:
    """One row a probit: rows, selected rows, pseudo R2, Wald test of the exclusion.

    Returns:
        period (the name of its ratio), rows, selected, pseudo_r2, exclusion_chi2,
        exclusion_df, exclusion_p.
    """
    rows = []
    for t, probit in enumerate(fit.probits):
        at = data.period == t
        wald, dof, p = _exclusion_test(data, probit)
        rows.append(
            (
                periods[t],
                int(at.sum()),
                int(data.selected[at].sum()),
                probit.pseudo_r2,
                wald,
                dof,
                p,
            )
        )
    names = ["period", "rows", "selected", "pseudo_r2"]
    return pl.DataFrame(
        rows, schema=[*names, "exclusion_chi2", "exclusion_df", "exclusion_p"], orient="row"
    )


def _exclusion_test(
    data: SelectionData, probit: ProbitFit
) -> tuple[float | None, int, float | None]:
    """Wald test that the excluded columns do not move selection."""
    j = data.exclusion
    if not len(j):
        return None, 0, None
    head = probit.coefficients[j]
    wald = float(head @ np.linalg.solve(probit.covariance[np.ix_(j, j)], head))
    return wald, len(j), float(stats.chi2.sf(wald, len(j)))


def selection_tests(
    data: SelectionData, fit: SelectionFit, n_regressors: int
) -> tuple[dict[str, Diagnostic], list[str]]:
    """Strength of the exclusion, overlap of ratio and regressors, test of selection; warnings."""
    found: dict[str, Diagnostic] = {}
    notes: list[str] = []
    parts = [_exclusion_test(data, probit) for probit in fit.probits]
    share = math.fsum(p.pseudo_r2 for p in fit.probits) / len(fit.probits)
    found["pseudo_r2"] = Diagnostic(
        f"pseudo R2 of the selection equation: {share:.3f}", value=share
    )
    if parts[0][1]:
        wald, dof = math.fsum(w or 0.0 for w, _, _ in parts), sum(d for _, d, _ in parts)
        p = float(stats.chi2.sf(wald, dof))
        text = f"the exclusion moves selection: chi-square({dof}) = {wald:.2f}, p = {p:.4f}"
        found["exclusion"] = Diagnostic(text, statistic=wald, p_value=p, df=float(dof))
        if p > 0.05:
            notes.append(
                f"the exclusion hardly moves selection (p = {p:.3f}): the correction rests on the "
                "normal distribution alone and can be worse than none (Wolfolds & Siegel 2019)"
            )
    x = np.column_stack([data.nuisance, data.x])[data.selected]
    ratio = fit.ratios.sum(axis=1)
    left = ratio - x @ np.linalg.lstsq(x, ratio, rcond=None)[0]
    around = ratio - ratio.mean()
    overlap = 1 - float(left @ left) / float(around @ around)
    text = f"share of the Mills ratio that the regressors explain: {overlap:.3f}"
    found["ratio_overlap"] = Diagnostic(text, value=overlap)
    r = fit.ratios.shape[1]
    slopes = fit.second.coefficients[-r:]
    clusters = data.n_clusters
    spread = fit.influence[:, -r:]
    covariance = spread.T @ spread * clusters / (clusters - 1)
    wald = float(slopes @ np.linalg.solve(covariance, slopes))
    p = float(stats.f.sf(wald / r, r, clusters - 1))
    text = f"no selection on unobservables: F({r}, {clusters - 1}) = {wald / r:.2f}, p = {p:.4f}"
    found["selection"] = Diagnostic(text, statistic=wald / r, p_value=p, df=float(r))
    if len(fit.probits) == 1:
        w = data.w[data.selected]
        _, sigma, rho = corrected_covariance(fit.second, w, fit.probits[0].covariance)
        found["rho"] = Diagnostic(
            f"correlation of the two errors: {rho:.3f} (error sd {sigma:.4g})", value=rho
        )
    return found, notes
