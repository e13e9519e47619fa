"""What the simulated worlds of several families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from benchmarks.monte_carlo.harness import Outcome
from tertius.estimate import Estimate, estimate_model
from tertius.model_spec import resolve_spec
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
    """Estimate a model of `y` on terms from plain arrays, through the front door."""
    frame = pl.DataFrame(
        {
            "org_id": pl.Series(firm).cast(pl.String).str.zfill(5),
            "year": pl.Series(2000 + year, dtype=pl.Int32),
            **columns,
        }
    ).with_columns(
        pl.lit(True).alias("in_sample"), *(pl.lit("ok").alias(f"{name}_status") for name in columns)
    )
    raw = {"outcome": "y", "lead": 0, "estimator": estimator, "terms": terms, "winsor": None}
    return estimate_model(frame, resolve_spec("world", {**raw, **changes}))


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
