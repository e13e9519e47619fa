"""Staggered policies and count outcomes: proportional effects (Wooldridge 2023)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.did import treatment_starts
from tertius.estimate.fe_poisson import absorbed_poisson, cluster_scores
from tertius.estimate.group_time_aggregates import FEW_ASSIGNED, assigned_clusters
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import ALL_ZERO, KEPT, SINGLETON, Sample, cut_sample, trim_rows


def proportional_effect(
    delta: FloatArray, psi: FloatArray, by_cluster: FloatArray
) -> tuple[float, FloatArray, float]:
    """ln of the ratio of treated outcomes to their counterfactual, over m cohort-year cells.

    With a dummy a cell the fitted sum of a cell is its observed sum Y_c, and the counterfactual is
    Y_c exp(-delta_c); theta = ln(sum Y_c / sum Y_c exp(-delta_c)).

    Args:
        delta: (m,) coefficients of the cells. psi: (G, m) their influence by cluster.
        by_cluster: (G, m) outcome sums of each cluster in each cell.

    Returns:
        theta, its (G,) influence with the sampling of the cell sums, and the effect on the total
        number of outcomes sum Y_c (1 - exp(-delta_c)).
    """
    total = by_cluster.sum(axis=0)
    without = np.exp(-delta)
    missing = float(total @ without)
    weight = total * without / missing
    cells = 1 / total.sum() - without / missing
    theta = float(np.log(total.sum() / missing))
    return theta, psi @ weight + by_cluster @ cells, float(total.sum() - missing)


def fit_did_poisson(design: Design) -> Estimate:
    """Cohort-by-year effects in a fixed-effects Poisson model, aggregated (Wooldridge 2023).

    Parallel trends hold in ratios: E[y(0)] = exp(a_i + l_t + x b). Not-yet-treated rows are the
    controls. Coefficients: ``att``, the log of the ratio of treated outcomes to their
    counterfactual, ``att(e=k)`` the same by years since the start, then the covariates.

    Raises:
        NotEstimable: negative outcomes, no 0/1 treatment, nobody treated after an untreated year,
            or no maximum.
    """
    if (design.y < 0).any():
        raise NotEstimable("negative_outcome", design.spec.outcome_column, "outcome is negative")
    sample, cohort, year, few = _rows(design)
    event = np.where(np.isfinite(cohort), year - np.where(np.isfinite(cohort), cohort, 0), -1)
    treated = np.isfinite(cohort) & (event >= -int(design.spec.option("anticipation")))
    cells, dummies = _cells(cohort, year, treated)
    x = np.hstack([dummies, sample.x])
    fit = absorbed_poisson(x, sample.y, sample.effects)
    if not fit.converged:
        name = design.spec.name
        raise NotEstimable("no_maximum", name, f"{name}: the likelihood has no maximum in reach")
    if len(fit.kept) < len(cells) or (fit.kept[: len(cells)] != np.arange(len(cells))).any():
        raise NotEstimable("collinear", "treatment", "a cohort has no untreated rows to compare")
    k, m = len(fit.kept), len(cells)
    psi = (cluster_scores(fit, sample) @ fit.bread)[:, :k] / fit.scale
    coefficients = fit.coefficients[:k] / fit.scale
    by_cluster = np.zeros((len(sample.cluster_ids), m))
    np.add.at(by_cluster, sample.cluster, dummies * sample.y[:, None])
    found, table = _aggregate(cells, coefficients[:m], psi[:, :m], by_cluster)
    total, rows = found[0][3], int(treated.sum())
    levels = f"{total:.4g} outcomes more over {rows} treated rows, {total / rows:.4g} a row"
    note = f"fewer than {FEW_ASSIGNED} assigned clusters: standard errors are unreliable; take "
    influence = np.column_stack([item[2] for item in found] + [psi[:, m:]])
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=np.r_[[item[1] for item in found], coefficients[m:]],
            influence=influence,
            fitted=fit.mu,
            columns=np.arange(0),
            collinear=fit.collinear - m,
            statistics={},
            iterations=fit.iterations,
            terms=(
                *(item[0] for item in found),
                *(design.labels[j - m] for j in fit.kept[m:]),
            ),
            warnings=(note + "the randomisation p of the estimator did",) if few else (),
            diagnostics={"att_levels": Diagnostic(levels, value=total / rows)},
            tables={"group_time": table},
        ),
    )


def _rows(design: Design) -> tuple[Sample, FloatArray, IntArray, bool]:
    """Rows with an untreated comparison and an informative firm; cohort and year of each."""
    if "org_id" not in design.spec.effects or "year" not in design.spec.effects:
        raise NotEstimable("effects", design.spec.name, "the estimator needs org_id and year")
    starts = treatment_starts(design)
    ahead = int(design.spec.option("anticipation"))
    early = starts.without_base(ahead)
    seen = np.unique(design.firm[~early])
    all_treated = bool(np.isfinite(starts.cohort[seen]).all()) if len(seen) else True
    last = float(starts.cohort[seen].max()) - ahead if len(seen) and all_treated else np.inf
    before_last = starts.year < last
    empty = _empty_cells(design, starts.of_row, starts.year, ahead)
    first: BoolArray = ~early & before_last & ~empty
    reasons = np.where(first, KEPT, SINGLETON).astype(np.int8)
    reasons = trim_rows(design, reasons, counts=True)
    steps = [
        ("firms treated before their first base year dropped", ~early),
        ("years in which no firm is untreated dropped", before_last),
        ("cohort-years without any outcome dropped (effect minus infinity)", ~empty),
        ("firms or years without any outcome dropped", reasons != ALL_ZERO),
        ("singletons of an effect dropped", reasons == KEPT),
    ]
    sample = cut_sample(design, steps)
    few = assigned_clusters(starts.of_row[sample.rows], sample.cluster) < FEW_ASSIGNED
    cohort = starts.of_row[sample.rows]
    cohort = np.where(cohort - ahead > starts.year[sample.rows].max(), np.inf, cohort)
    return replace(sample), cohort, starts.year[sample.rows], few


def _empty_cells(design: Design, cohort: FloatArray, year: IntArray, ahead: int) -> BoolArray:
    """Treated rows of a cohort and year in which every outcome is zero."""
    out = np.zeros(len(year), dtype=bool)
    treated = np.isfinite(cohort) & (year >= cohort - ahead)
    for start in np.unique(cohort[treated]):
        for now in np.unique(year[treated & (cohort == start)]):
            cell = treated & (cohort == start) & (year == now)
            if design.y[cell].sum() == 0:
                out |= cell
    return out


def _cells(cohort: FloatArray, year: IntArray, treated: BoolArray) -> tuple[IntArray, FloatArray]:
    """(m, 2) cohort and year of the treated cells, and their (n, m) dummies."""
    rows = np.flatnonzero(treated)
    if not len(rows):
        raise NotEstimable("no_treated", "treatment", "nobody is treated after an untreated year")
    pairs = np.column_stack([cohort[rows].astype(np.int64), year[rows]])
    cells, place = np.unique(pairs, axis=0, return_inverse=True)
    dummies = np.zeros((len(year), len(cells)))
    dummies[rows, np.asarray(place).ravel()] = 1.0
    return cells.astype(np.int64), dummies


def _aggregate(
    cells: IntArray, delta: FloatArray, psi: FloatArray, by_cluster: FloatArray
) -> tuple[list[tuple[str, float, FloatArray, float]], pl.DataFrame]:
    """Overall effect (from the start on), effects by event time, and the table of the cells."""
    event = cells[:, 1] - cells[:, 0]
    groups = [("att", event >= 0)]
    groups += [(f"att(e={int(e)})", event == e) for e in np.unique(event)]
    found = []
    for name, member in groups:
        if member.any():
            made = proportional_effect(delta[member], psi[:, member], by_cluster[:, member])
            found.append((name, *made))
    table = pl.DataFrame(
        {
            "cohort": cells[:, 0],
            "year": cells[:, 1],
            "log_ratio": delta,
            "std_error": np.sqrt((psi**2).sum(axis=0)),
            "outcomes": by_cluster.sum(axis=0),
        }
    )
    return found, table
