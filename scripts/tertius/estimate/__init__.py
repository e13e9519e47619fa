"""Estimators: a specification and a panel become a frozen result; one file an estimator family."""

from __future__ import annotations

import polars as pl

from tertius.catalogue import ESTIMATORS
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import (
    Columns,
    Design,
    LedgerStep,
    build_design,
    panel_columns,
    with_sample,
)
from tertius.estimate.frames import EstimateFrames, estimate_frames, estimate_from_frames
from tertius.estimate.load import estimator_function
from tertius.estimate.missteps import (
    inspect_design,
    inspect_estimate,
    inspect_spec,
    note_missteps,
)
from tertius.estimate.result import Diagnostic, Estimate, Fit, VariableStats
from tertius.model_spec import ModelSpec


def estimate_model(panel: pl.DataFrame, spec: ModelSpec) -> Estimate:
    """Estimate one model.

    Args:
        panel: firm-year panel, as for `build_design`.
        spec: resolved specification.

    Raises:
        NotEstimable: these data cannot support the model, or it holds a misstep that stops;
            carries the reason.
        InputError: columns are absent or keys repeat.
        KeyError: the estimator is unknown.
    """
    found = inspect_spec(spec)
    panel = with_sample(panel, spec)
    design = build_design(panel, spec)
    found += inspect_design(panel, design)
    estimate = estimator_function(ESTIMATORS[spec.estimator])(design)
    return note_missteps(estimate, [*found, *inspect_estimate(estimate)])


__all__ = [
    "ESTIMATORS",
    "Columns",
    "Design",
    "Diagnostic",
    "Estimate",
    "EstimateFrames",
    "Fit",
    "LedgerStep",
    "NotEstimable",
    "VariableStats",
    "build_design",
    "estimate_frames",
    "estimate_from_frames",
    "estimate_model",
    "estimator_function",
    "panel_columns",
]
