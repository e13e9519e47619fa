"""Staggered difference-in-differences as estimators: group-time, interaction-weighted, Poisson."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy import optimize, stats

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.group_time import StaggeredPanel, group_time_effects
from tertius.estimate.group_time_aggregates import (
    FEW_ASSIGNED,
    Bands,
    aggregate_effects,
    assigned_clusters,
    cluster_influence,
    multiplier_bands,
    randomisation_p,
)
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import Sample, cut_sample
from tertius.estimate.two_way_did import bacon_decomposition, negative_weight_share, sun_abraham

CONVENTION = "influence functions summed by {cluster}, no small-sample factor"
POWER = 0.80


@dataclass(frozen=True, eq=False)
class Starts:
    """First treated year of each firm: `cohort` (G,), infinite for never; by row in `of_row` (n,).

    `first` (n,) is the firm's first year in these rows: a firm that is treated from there on may
    have entered under the policy, so that neither its start nor a base year is known.
    `switched_off` counts firms whose treatment ends later; they stay treated (the effect is that of
    having started).
    """

    cohort: FloatArray
    of_row: FloatArray
    first: FloatArray
    year: IntArray
    switched_off: int

    def without_base(self, anticipation: int) -> BoolArray:
        """(n,) rows of firms without a year before the start and its anticipation."""
        rows: BoolArray = self.of_row <= self.first + anticipation
        return rows


def treatment_starts(design: Design) -> Starts:
    """First year in which the treatment variable is 1.

    Raises:
        NotEstimable: the variable is not 0/1, or nobody is ever treated.
    """
    name = str(design.spec.option("treatment"))
    d = design.extra["treatment"].x[:, 0]
    if not np.isin(d, (0.0, 1.0)).all():
        reason = f"{name} is not a 0/1 policy; a continuous exposure needs another design"
        raise NotEstimable("not_binary", name, reason)
    year = design.frame["year"].to_numpy().astype(np.int64)
    firms = int(design.firm.max()) + 1
    cohort = np.full(firms, np.inf)
    np.minimum.at(cohort, design.firm[d == 1], year[d == 1].astype(np.float64))
    if not np.isfinite(cohort).any():
        raise NotEstimable("no_treated", name, f"{name} is never 1 in these rows")
    first = np.full(firms, np.inf)
    np.minimum.at(first, design.firm, year.astype(np.float64))
    later = (d == 0) & (year > cohort[design.firm])
    return Starts(
        cohort,
        cohort[design.firm],
        first[design.firm],
        year,
        len(np.unique(design.firm[later])),
    )


def staggered_panel(design: Design, starts: Starts, rows: BoolArray) -> StaggeredPanel:
    """Firms by years from the chosen rows; the regressors are the covariates."""
    times = np.unique(starts.year[rows])
    firms, unit = np.unique(design.firm[rows], return_inverse=True)
    period = np.searchsorted(times, starts.year[rows])
    y = np.full((len(firms), len(times)), np.nan)
    covariates = np.full((len(firms), len(times), design.x.shape[1]), np.nan)
    y[unit, period] = design.y[rows]
    covariates[unit, period, :] = design.x[rows]
    home = np.zeros(len(firms), dtype=np.int64)
    home[unit] = design.cluster[rows]
    cluster = np.unique(home, return_inverse=True)[1].astype(np.int64)
    return StaggeredPanel(y, times.astype(np.int64), starts.cohort[firms], cluster, covariates)


def fit_did(design: Design) -> Estimate:
    """Group-time effects of a staggered policy, aggregated (Callaway & Sant'Anna 2021).

    Coefficients: ``att`` (the overall effect of the option `overall`) and ``att(e=k)`` by years
    since the start. With fewer than 20 assigned clusters errors are left out and the p of
    randomisation inference stands in the diagnostics.

    Raises:
        NotEstimable: no 0/1 treatment, nobody treated after a base year, no comparison.
    """
    option = design.spec.option
    anticipation = int(option("anticipation"))
    starts = treatment_starts(design)
    early = starts.without_base(anticipation)
    sample = cut_sample(design, [("firms treated before their first base year dropped", ~early)])
    panel = staggered_panel(design, starts, sample.rows)
    settings: dict[str, int | str] = {
        "anticipation": anticipation,
        "control": str(option("control")),
        "method": str(option("method")),
    }
    effects = group_time_effects(panel, **settings)  # type: ignore[arg-type]
    overall = aggregate_effects(effects, str(option("overall")))
    events = aggregate_effects(
        effects, "dynamic", balance_e=option("balance_e"), span=_span(design)
    )
    by_cluster = cluster_influence(
        np.column_stack([overall.overall_influence, events.influence]), panel.cluster
    )
    estimate = np.r_[overall.overall, events.estimate]
    few = assigned_clusters(effects.cohort, panel.cluster) < FEW_ASSIGNED
    result = _Result(design, sample, panel, starts, estimate, by_cluster, events.key, few)
    table = pl.DataFrame(
        {
            "cohort": effects.group,
            "year": effects.time,
            "att": effects.att,
            "std_error": np.sqrt((cluster_influence(effects.influence, panel.cluster) ** 2).sum(0)),
            "reference": effects.reference,
        }
    )
    inference = _randomisation(result, settings, str(option("overall"))) if few else {}
    return _assemble(result, {"group_time": table}, effects.dropped, inference)


def _span(design: Design) -> tuple[int, int]:
    return -int(design.spec.option("before")), int(design.spec.option("after"))


def fit_sun_abraham(design: Design) -> Estimate:
    """Interaction-weighted event study (Sun & Abraham 2021) with clustered errors.

    Coefficients: ``att``, the mean over event times from 0 on, and ``att(e=k)``.

    Raises:
        NotEstimable: as `fit_did`.
    """
    starts = treatment_starts(design)
    early = starts.without_base(0)
    sample = cut_sample(design, [("firms treated from their first year dropped", ~early)])
    panel = staggered_panel(design, starts, sample.rows)
    study = sun_abraham(panel)
    low, high = _span(design)
    shown = (study.key >= low) & (study.key <= high)
    estimate = np.r_[study.overall, study.estimate[shown]]
    by_cluster = np.column_stack([study.overall_by_cluster, study.by_cluster[:, shown]])
    few = assigned_clusters(panel.cohort, panel.cluster) < FEW_ASSIGNED
    result = _Result(design, sample, panel, starts, estimate, by_cluster, study.key[shown], few)
    cells = pl.DataFrame(
        {
            "cohort": study.cells[:, 0],
            "event_time": study.cells[:, 1],
            "estimate": study.cell_estimate,
        }
    )
    return _assemble(result, {"cohort_effects": cells}, study.dropped, {})


@dataclass(frozen=True, eq=False)
class _Result:
    """What both linear estimators hand to the assembly: the overall effect, then event times."""

    design: Design
    sample: Sample
    panel: StaggeredPanel
    starts: Starts
    estimate: FloatArray
    by_cluster: FloatArray
    key: IntArray
    few: bool


def _assemble(
    result: _Result,
    tables: Mapping[str, pl.DataFrame],
    dropped: Mapping[str, int],
    inference: Mapping[str, Diagnostic],
) -> Estimate:
    design, spec = result.design, result.design.spec
    moving = np.r_[True, (result.by_cluster[:, 1:] ** 2).sum(axis=0) > 0]
    psi = result.by_cluster[:, moving]
    bands = multiplier_bands(
        result.estimate[1:],
        result.by_cluster[:, 1:],
        draws=int(spec.option("draws")),
        seed=int(spec.option("seed")),
        level=spec.confidence,
    )
    covariance = psi.T @ psi
    diagnostics = {**_comparisons(result.panel), **inference}
    warnings = _warnings(result)
    if result.few:
        covariance = np.full_like(covariance, np.nan)
    else:
        pre = np.flatnonzero(moving[1:] & (result.key < -1)) + 1
        diagnostics |= pre_trend(result, pre)
    sample = replace(result.sample, dropped={**result.sample.dropped, **dropped})
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=result.estimate[moving],
            influence=np.zeros_like(psi) if result.few else psi,
            fitted=np.full(len(sample.y), np.nan),
            columns=np.arange(0),
            collinear=np.arange(0),
            statistics={},
            terms=tuple(
                name
                for name, shown in zip(("att", *map(_term, result.key)), moving, strict=True)
                if shown
            ),
            covariance=covariance,
            se_convention=CONVENTION.format(cluster=spec.cluster),
            warnings=tuple(warnings),
            diagnostics=diagnostics,
            tables={**tables, "event_study": _event_table(result, bands), **_bacon(result.panel)},
        ),
    )


def _term(key: int) -> str:
    return f"att(e={int(key)})"


def _event_table(result: _Result, bands: Bands) -> pl.DataFrame:
    """Event times with pointwise and simultaneous (sup-t) limits; the base period is 0."""
    level = result.design.spec.confidence
    point = float(stats.norm.ppf(0.5 + level / 2))
    estimate = result.estimate[1:]
    error = np.sqrt((result.by_cluster[:, 1:] ** 2).sum(axis=0))
    blank = np.nan if result.few else 1.0
    frame = pl.DataFrame(
        {
            "event_time": result.key,
            "estimate": estimate,
            "std_error": error * blank,
            "conf_low": estimate - point * error * blank,
            "conf_high": estimate + point * error * blank,
            "band_low": bands.low * blank,
            "band_high": bands.high * blank,
            "critical_value": np.full(len(estimate), bands.critical * blank),
        }
    )
    return frame.sort("event_time")


def _comparisons(panel: StaggeredPanel) -> dict[str, Diagnostic]:
    share = negative_weight_share(panel)
    text = (
        f"two-way fixed effects would weigh treated cells negatively: share {share:.1%} of all "
        "weights (de Chaisemartin & D'Haultfoeuille 2020)"
    )
    return {"negative_weights": Diagnostic(text, value=share)}


def _bacon(panel: StaggeredPanel) -> dict[str, pl.DataFrame]:
    """Weights of the two-way estimate, where the panel is balanced."""
    try:
        terms = bacon_decomposition(panel)
    except NotEstimable:
        return {}
    return {"bacon_weights": pl.DataFrame([vars(term) for term in terms])}


def pre_trend(result: _Result, pre: IntArray) -> dict[str, Diagnostic]:
    """Joint test of the event times before the base, and the trend that it would find (Roth 2022).

    The value of ``pre_trend_power`` is the slope a year of a linear violation that the test detects
    with 80 % power: a test that passes says nothing about smaller ones.
    """
    if not len(pre):
        return {}
    psi, estimate = result.by_cluster[:, pre], result.estimate[pre]
    covariance = psi.T @ psi
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    inverse = np.linalg.pinv(covariance, hermitian=True)
    statistic = float(estimate @ inverse @ estimate)
    p = float(stats.chi2.sf(statistic, rank))
    trend = (result.key[pre - 1] + 1).astype(np.float64)
    limit = stats.chi2.isf(0.05, rank)
    found = optimize.brentq(lambda nc: stats.ncx2.sf(limit, rank, nc) - POWER, 1e-6, 1e3)
    slope = float(np.sqrt(found / (trend @ inverse @ trend)))
    test = f"joint test of {len(pre)} event times before the base: p = {p:.3f}"
    power = f"that test finds a linear violation of {slope:.4g} a year with 80 % power"
    return {
        "pre_trend": Diagnostic(test, statistic=statistic, p_value=p, df=float(rank)),
        "pre_trend_power": Diagnostic(power, value=slope),
    }


def _warnings(result: _Result) -> list[str]:
    notes = []
    if result.starts.switched_off:
        notes.append(
            f"the treatment ends for {result.starts.switched_off} firms: they count as treated "
            "from their start on"
        )
    if result.few:
        notes.append(
            f"fewer than {FEW_ASSIGNED} assigned clusters: no standard errors, randomisation "
            "inference only"
        )
    return notes


def _randomisation(
    result: _Result, settings: Mapping[str, int | str], overall: str
) -> dict[str, Diagnostic]:
    """p of the studentised overall effect when starts are dealt out among clusters again."""

    def statistic(panel: StaggeredPanel) -> float:
        effects = group_time_effects(panel, **settings)  # type: ignore[arg-type]
        made = aggregate_effects(effects, overall)
        error = cluster_influence(made.overall_influence, effects.cluster)
        size = float(np.sqrt((error**2).sum()))
        if size <= 0:
            raise NotEstimable("no_variation", "att", "the effect has no variance")
        return made.overall / size

    spec = result.design.spec
    draws, seed = int(spec.option("draws")), int(spec.option("seed"))
    try:
        observed, p, used = randomisation_p(result.panel, statistic, draws=draws, seed=seed)
    except ValueError:
        text = f"no randomisation inference: starts differ within {spec.cluster}"
        return {"randomisation": Diagnostic(text)}
    text = f"randomisation inference over {spec.cluster}, {used} draws: p = {p:.3f}"
    return {"randomisation": Diagnostic(text, statistic=observed, p_value=p)}
