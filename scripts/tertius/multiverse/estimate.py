"""Run the specifications of a claim: one row and one hypothesis each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tertius.claims.claim_test import ClaimTest
from tertius.claims.finding import Finding
from tertius.claims.findings import EXPECTATIONS, find
from tertius.estimate import Estimate, NotEstimable, estimate_model
from tertius.inference.score_bootstrap import Hypothesis
from tertius.multiverse.construct import winsorised_by_year, with_form
from tertius.multiverse.grid import DECLARED, Grid
from tertius.multiverse.plan import FrameKey, Plan, Specification
from tertius.multiverse.specs import CellModel
from tertius.panel import attach_lags
from tertius.shapes import ShapeSettings

NUMBERS: Mapping[str, Any] = {
    "n_obs": pl.Int64,
    "n_firms": pl.Int64,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "statistic": pl.Float64,
    "p_value": pl.Float64,
    "effect": pl.Float64,
}
"""Columns of numbers of a specification, null where it was not estimable."""


@dataclass(frozen=True, eq=False)
class Runs:
    """The table of specifications, one row each, and the hypotheses of those estimated.

    `table`: spec (0 is the declared one), one column a choice with its level, status (ok or
    not_estimable), reason, finding (expected, opposite, neither), model, fitted_outcome, fitted_by
    (the estimator), and `NUMBERS`: `estimate` is the telling coefficient (of the square for an
    inverted U, else what the test estimates), `effect` the change of the expected outcome as a
    share over a telling change.
    `hypotheses` are turned so that their sign is that of `estimate`, in the order of the ok rows.
    """

    table: pl.DataFrame
    hypotheses: tuple[Hypothesis, ...]


def run_plan(
    plan: Plan,
    grid: Grid,
    test: ClaimTest,
    panel_of: Callable[[FrameKey], pl.DataFrame],
    settings: ShapeSettings,
) -> Runs:
    """Fit and test every specification.

    Args:
        plan: the specifications.
        grid: names of the choices.
        test: the claim's test.
        panel_of: the panel of a key.
        settings: level and resamples of the shape tests.
    """
    numbered = list(enumerate(plan.specifications))
    rows: dict[int, dict[str, Any]] = {}
    told: dict[int, Hypothesis] = {}
    # specifications of one panel lie together, so that it is made once
    numbered.sort(key=lambda item: (str(item[1].data), item[0]))
    last: Any = None
    for number, one in numbered:
        if last is None or last[0] != one.data:
            last = (one.data, _panel(one, panel_of), {})
        row, hypothesis = _run(one, f"s{number}", test, last[1], last[2], settings)
        rows[number] = {
            "spec": number,
            **dict(zip(grid.names, one.cell, strict=True)),
            **row,
        }
        if hypothesis is not None:
            told[number] = hypothesis
    table = pl.DataFrame([rows[n] for n in sorted(rows)], schema=_schema(grid))
    return Runs(table, tuple(told[n] for n in sorted(told)))


def _schema(grid: Grid) -> dict[str, Any]:
    texts = (*grid.names, "status", "reason", "finding", "model", "fitted_outcome", "fitted_by")
    return {"spec": pl.Int64, **dict.fromkeys(texts, pl.String), **NUMBERS}


def _panel(one: Specification, panel_of: Callable[[FrameKey], pl.DataFrame]) -> pl.DataFrame:
    names = {v for model in one.models.values() for v in model.spec.variables}
    frame = attach_lags(panel_of(one.frame), sorted(names))
    if one.drop_years:
        kept = ~pl.col("year").is_in(list(one.drop_years))
        frame = frame.with_columns(in_sample=pl.col("in_sample") & kept)
    if one.winsor_by_year:
        frame = winsorised_by_year(frame, names, one.winsor_by_year)
    return frame


def fit_model(frame: pl.DataFrame, model: CellModel) -> Estimate:
    """One model of a specification on its panel.

    Raises:
        NotEstimable: these data cannot support it.
    """
    spec = model.spec
    if model.form:
        outcome = spec.outcome.removeprefix(f"{model.form}_")
        frame = with_form(frame, outcome, spec.lead, model.form)
    return estimate_model(frame, spec)


def _run(
    one: Specification,
    name: str,
    test: ClaimTest,
    frame: pl.DataFrame,
    known: dict[str, Estimate | NotEstimable],
    settings: ShapeSettings,
) -> tuple[dict[str, Any], Hypothesis | None]:
    """Row and hypothesis of a specification; `known` keeps the models fitted on the same panel."""
    shown = one.models[test.model]
    row: dict[str, Any] = {
        "model": test.model,
        "fitted_outcome": shown.spec.outcome_column,
        "fitted_by": shown.spec.estimator,
    }
    several = len(one.models) > 1
    try:
        fits = {}
        for model_id, model in one.models.items():
            found = known.get(model.key) or _attempt(frame, model)
            if several:
                known[model.key] = found
            if isinstance(found, NotEstimable):
                raise found
            fits[model_id] = found
        finding = find(test, fits[test.model], settings.alpha, name, fits, settings)
        numbers, hypothesis = telling(finding, fits[finding.model], name, shown.form)
    except NotEstimable as refusal:
        return {**row, "status": "not_estimable", "reason": refusal.reason}, None
    fit = fits[finding.model]
    counts = {"n_obs": fit.n_obs, "n_firms": fit.n_firms}
    return {**row, "status": "ok", "finding": finding.direction, **counts, **numbers}, hypothesis


def _attempt(frame: pl.DataFrame, model: CellModel) -> Estimate | NotEstimable:
    try:
        return fit_model(frame, model)
    except NotEstimable as refusal:
        return refusal


def telling(
    finding: Finding, estimate: Estimate, name: str, form: str = ""
) -> tuple[dict[str, float], Hypothesis]:
    """The numbers of a finding whose sign tells the claim, and the hypothesis behind them.

    For an inverted U the coefficient of the square, for every other test what it estimates; the
    hypothesis is turned so that its sign is that of the number.

    Raises:
        NotEstimable: the contrast has no variance, or the estimate is not finite.
    """
    value, error, hypothesis = finding.estimate, finding.std_error, finding.hypothesis
    if finding.test.shape == "inverted_u":
        gradient = estimate.contrast({f"{finding.test.variable}^2": 1.0})
        value = float(gradient @ estimate.coefficients)
        error = estimate.std_error_of(gradient)
        hypothesis = estimate.hypothesis(name, gradient, value)
    if not math.isfinite(value):
        raise NotEstimable("no_estimate", finding.quantity, f"{finding.quantity} is not finite")
    if value * hypothesis.estimate < 0:
        hypothesis = Hypothesis(
            name,
            -hypothesis.influence,
            hypothesis.cluster_ids,
            -hypothesis.estimate,
            hypothesis.std_error,
        )
    numbers = {
        "estimate": value,
        "std_error": error,
        "statistic": hypothesis.statistic,
        "p_value": finding.p_value,
        "effect": _effect(finding, estimate, form),
    }
    return numbers, hypothesis


def _effect(finding: Finding, estimate: Estimate, form: str) -> float:
    """The one effect of a finding as a share of the expected outcome, NaN where there is none.

    Of asinh(y) the change is read as that of the log, exp(b s) - 1.
    """
    if len(finding.effects) != 1:
        return math.nan
    share = finding.effects[0].share
    return float(np.expm1(share * estimate.mean_outcome)) if form == "asinh" else share


def stated_sign(test: ClaimTest) -> int:
    """Sign of the telling number that the claim states: 1, -1, or 0 where it states none."""
    if test.shape in ("inverted_u", "diminishing"):
        return -1
    if test.expect in EXPECTATIONS:
        return {"positive": 1, "negative": -1}.get(str(EXPECTATIONS[test.expect][1]), 0)
    return {"greater": 1, "less": -1}.get(test.side, 0)


def is_declared(table: pl.DataFrame, names: tuple[str, ...]) -> pl.Series:
    """Rows of the claim as registered."""
    return table.select(pl.all_horizontal(pl.col(n) == DECLARED for n in names)).to_series()
