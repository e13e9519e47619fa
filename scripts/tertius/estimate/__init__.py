"""Estimators: a specification and a panel become a frozen result; one file an estimator family."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design, LedgerStep, build_design
from tertius.estimate.fe_ols import fit_fe_ols
from tertius.estimate.fe_poisson import fit_fe_poisson
from tertius.estimate.frames import EstimateFrames, estimate_frames, estimate_from_frames
from tertius.estimate.result import Estimate, VariableStats
from tertius.model_spec import ModelSpec

ESTIMATORS: Mapping[str, Callable[[Design], Estimate]] = {
    "fe_ols": fit_fe_ols,
    "fe_poisson": fit_fe_poisson,
}


def estimate_model(panel: pl.DataFrame, spec: ModelSpec) -> Estimate:
    """Estimate one model.

    Args:
        panel: firm-year panel, as for `build_design`.
        spec: resolved specification.

    Raises:
        NotEstimable: these data cannot support the model; carries the reason.
        InputError: columns are absent or keys repeat.
        KeyError: the estimator is unknown.
    """
    return ESTIMATORS[spec.estimator](build_design(panel, spec))


__all__ = [
    "ESTIMATORS",
    "Design",
    "Estimate",
    "EstimateFrames",
    "LedgerStep",
    "NotEstimable",
    "VariableStats",
    "build_design",
    "estimate_frames",
    "estimate_from_frames",
    "estimate_model",
]
