"""What the simulated worlds of several families share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from benchmarks.monte_carlo.harness import Outcome
from tertius.estimate import (
    ESTIMATORS,
    Design,
    Estimate,
    LedgerStep,
    estimate_model,
    estimator_function,
)
from tertius.estimate.columns import base_columns, make_bases, stack_regressors
from tertius.model_spec import ModelSpec, parse_term, resolve_spec
from tertius.shapes.joint import Scalar

FIRMS, YEARS = 100, 5
"""Size of the worlds of shape tests."""
BOOTSTRAPPED = 500
"""Draws where each draw resamples."""
Columns = dict[str, np.ndarray]
Draw = Callable[[np.random.Generator], Mapping[str, Outcome]]


def codes(n_firms: int, n_years: int) -> tuple[np.ndarray, np.ndarray]:
    """Firm and year codes of a balanced panel, sorted."""
    return np.repeat(np.arange(n_firms), n_years), np.tile(np.arange(n_years), n_firms)


def estimate(
    columns: Mapping[str, np.ndarray],
    firm: np.ndarray,
    year: np.ndarray,
    estimator: str,
    terms: list[str],
    **changes: Any,
) -> Estimate:
    """Estimate a model of `y` on terms from plain arrays.

    Where all is defined and no option names columns the design is made here from the arrays; it is
    that of the front door, without its work on tables.
    """
    raw = {"outcome": "y", "lead": 0, "estimator": estimator, "terms": terms, "winsor": None}
    spec = _spec(json.dumps({**raw, **changes}))
    entry = ESTIMATORS[estimator]
    if entry.keys_of("terms", "variable", "column"):
        return estimate_model(frame_of(columns, firm, year), spec)
    return estimator_function(entry)(plain_design(columns, firm, year, spec))


@lru_cache(maxsize=64)
def _spec(raw: str) -> ModelSpec:
    return resolve_spec("world", json.loads(raw))


@lru_cache(maxsize=4)
def _names(n_firms: int) -> tuple[str, ...]:
    return tuple(f"{i:05d}" for i in range(n_firms))


def frame_of(columns: Mapping[str, np.ndarray], firm: np.ndarray, year: np.ndarray) -> pl.DataFrame:
    """A panel whose every value is ok."""
    names = np.array(_names(int(firm.max()) + 1))
    status = {f"{name}_status": pl.repeat("ok", len(firm), eager=True) for name in columns}
    return pl.DataFrame(
        {
            "org_id": pl.Series(names[firm]),
            "year": pl.Series(2000 + year, dtype=pl.Int32),
            **columns,
            "in_sample": np.ones(len(firm), dtype=bool),
            **status,
        }
    )


def plain_design(
    columns: Mapping[str, np.ndarray], firm: np.ndarray, year: np.ndarray, spec: ModelSpec
) -> Design:
    """The design of a model with rows sorted by firm and year, all of them ok."""
    raw = {v: columns[v] for v in spec.variables}
    terms = [parse_term(label) for label in spec.regressors]
    bases, _ = make_bases(terms, raw, spec)
    none: dict[str, dict[str, Any]] = {v: {} for v in raw}
    x, labels, _ = stack_regressors(terms, base_columns(bases, raw, spec), none, spec)
    frame = frame_of({"y": columns["y"], **raw}, firm, year).drop("in_sample")
    codes = {"org_id": firm, "year": year}
    ids = _names(int(firm.max()) + 1)
    step = LedgerStep("risk set", len(firm), len(ids))
    return Design(
        spec=spec,
        frame=frame,
        y=columns["y"],
        x=x,
        labels=labels,
        n_dummies=0,
        firm=firm,
        year=year,
        cluster=firm,
        cluster_ids=ids,
        bases=bases,
        ledger=(step,),
        dropped={},
        effects={effect: codes[effect] for effect in spec.effects},
    )


def outcome(found: Estimate, term: str, planted: float) -> Outcome:
    """Estimate, 95 % interval, and p of the true null that the coefficient is `planted`."""
    place = found.index(term)
    b, error = float(found.coefficients[place]), float(found.std_errors[place])
    width = float(stats.t.ppf(0.975, found.dof)) * error
    p = float(2 * stats.t.sf(abs(b - planted) / error, found.dof))
    return Outcome(b, b - width, b + width, p)


def told(found: Any) -> Outcome:
    """Estimate, interval and p of a result."""
    return Outcome(found.estimate, found.conf_low, found.conf_high, found.p_value)


def scalar(found: Scalar) -> Outcome:
    return Outcome(found.value, found.conf_low, found.conf_high, found.p_two_sided)


def world(
    columns: Columns,
    index: np.ndarray,
    rng: np.random.Generator,
    terms: str,
    *,
    count: bool = False,
) -> Estimate:
    """A model of y = index + firm effect + heteroskedastic noise, or of counts of that log mean."""
    n_firms = len(index) // YEARS
    firm, year = codes(n_firms, YEARS)
    index = index + rng.normal(0, 0.5, n_firms)[firm]
    if count:
        mean = np.exp(index) * rng.gamma(4, 0.25, firm.size)
        columns["y"] = rng.poisson(mean).astype(float)
    else:
        columns["y"] = index + rng.normal(size=firm.size) * (0.5 + 0.5 * rng.random(n_firms)[firm])
    return estimate(columns, firm, year, "fe_poisson" if count else "fe_ols", terms.split())


def normal(rng: np.random.Generator, *names: str) -> Columns:
    return {name: rng.normal(size=FIRMS * YEARS) for name in names}


def even(rng: np.random.Generator, *names: str, n_firms: int = 200) -> Columns:
    """Uniform variables of variance 1: products of normal ones have rows of great leverage."""
    side = np.sqrt(3)
    return {name: rng.uniform(-side, side, n_firms * YEARS) for name in names}
