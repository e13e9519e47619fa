"""Plain tables of an estimate, and the way back from tables to the estimate; no file is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from tertius.estimate.design import LedgerStep
from tertius.estimate.plain import plain_effects, plain_words
from tertius.estimate.result import STATISTICS, Diagnostic, Estimate, VariableStats
from tertius.inference.covariance import p_value_of
from tertius.model_spec import ModelSpec


@dataclass(frozen=True, eq=False)
class EstimateFrames:
    """The plain tables of an estimate, one a file; `fit` and `spec` are for json and yaml."""

    coefficients: pl.DataFrame
    covariance: pl.DataFrame
    influence: pl.DataFrame
    sample: pl.DataFrame
    design: pl.DataFrame
    fit: dict[str, Any]
    spec: dict[str, Any]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def estimate_frames(estimate: Estimate) -> EstimateFrames:
    """Tables of an estimate.

    Returns:
        coefficients (term, estimate, std_error, statistic, p_value, conf_low, conf_high);
        covariance (term, then one column a term); influence (cluster, then one column a term);
        sample (org_id, year); design (org_id, year, y, fitted, raw variables and statuses); fit;
        spec; tables, the estimator's further ones by name.
    """
    errors = estimate.std_errors
    level, dof = estimate.spec.confidence, estimate.dof
    statistic = np.divide(
        estimate.coefficients, errors, out=np.full_like(errors, np.nan), where=errors > 0
    )
    width = float(stats.t.ppf(0.5 + level / 2, dof)) * errors
    coefficients = pl.DataFrame(
        {
            "term": list(estimate.terms),
            "estimate": estimate.coefficients,
            "std_error": errors,
            "statistic": statistic,
            "p_value": np.array([p_value_of(t, dof) for t in statistic]),
            "conf_low": estimate.coefficients - width,
            "conf_high": estimate.coefficients + width,
        },
        schema_overrides={"term": pl.String},
    )
    columns = {term: estimate.covariance[:, j] for j, term in enumerate(estimate.terms)}
    influence = {term: estimate.influence[:, j] for j, term in enumerate(estimate.terms)}
    return EstimateFrames(
        coefficients=coefficients,
        covariance=pl.DataFrame({"term": list(estimate.terms), **columns}),
        influence=pl.DataFrame({"cluster": list(estimate.cluster_ids), **influence}),
        sample=estimate.frame.select("org_id", "year"),
        design=estimate.frame,
        fit=fit_record(estimate),
        spec=estimate.spec.to_dict(),
        tables=estimate.tables,
    )


def fit_record(estimate: Estimate) -> dict[str, Any]:
    """The record of fit.json: sample, ledger, drops, variables, diagnostics, warnings."""
    spec = estimate.spec
    return {
        "model": spec.name,
        "estimator": spec.estimator,
        "estimator_label": estimate.estimator.label,
        "estimator_note": estimate.estimator.note,
        "link": estimate.link,
        "outcome": spec.outcome_column,
        "n_obs": estimate.n_obs,
        "n_firms": estimate.n_firms,
        "n_years": estimate.n_years,
        "n_clusters": estimate.n_clusters,
        "effects": list(spec.effects),
        "cluster": spec.cluster,
        "se_convention": estimate.se_convention,
        "dof": estimate.dof,
        "mean_outcome": estimate.mean_outcome,
        "ledger": [asdict(step) for step in estimate.ledger],
        "dropped": dict(estimate.dropped),
        "variables": {name: asdict(known) for name, known in estimate.variables.items()},
        **estimate.statistics,
        "iterations": estimate.iterations,
        "collinear_dropped": list(estimate.collinear),
        "unavailable": dict(estimate.unavailable),
        "diagnostics": {name: asdict(found) for name, found in estimate.diagnostics.items()},
        "remarks": list(estimate.remarks),
        "plain_effects": plain_effects(estimate),
        "plain_words": plain_words(estimate),
        "missteps": [dict(found) for found in estimate.missteps],
        "warnings": list(estimate.warnings),
    }


def estimate_from_frames(frames: EstimateFrames) -> Estimate:
    """Rebuild an estimate from its tables, read back from files; the inverse of `estimate_frames`.

    Raises:
        KeyError: a column or key is absent.
    """
    fit, spec = frames.fit, ModelSpec.from_dict(frames.spec)
    terms = tuple(frames.coefficients["term"].to_list())
    return Estimate(
        spec=spec,
        terms=terms,
        coefficients=frames.coefficients["estimate"].to_numpy().astype(np.float64),
        covariance=frames.covariance.select(terms).to_numpy().astype(np.float64),
        influence=frames.influence.select(terms).to_numpy().astype(np.float64),
        cluster_ids=tuple(frames.influence["cluster"].cast(pl.String).to_list()),
        dof=float(fit["dof"]),
        n_obs=int(fit["n_obs"]),
        n_firms=int(fit["n_firms"]),
        n_years=int(fit["n_years"]),
        frame=frames.design,
        variables={name: VariableStats(**values) for name, values in fit["variables"].items()},
        ledger=tuple(LedgerStep(**step) for step in fit["ledger"]),
        dropped=dict(fit["dropped"]),
        collinear=tuple(fit["collinear_dropped"]),
        unavailable=dict(fit["unavailable"]),
        statistics={key: float(value) for key, value in fit.items() if key in STATISTICS},
        se_convention=str(fit["se_convention"]),
        mean_outcome=float(fit["mean_outcome"]),
        iterations=int(fit["iterations"]),
        warnings=tuple(fit["warnings"]),
        diagnostics={name: Diagnostic(**found) for name, found in fit["diagnostics"].items()},
        tables=frames.tables,
        remarks=tuple(fit["remarks"]),
        missteps=tuple(fit["missteps"]),
    )
