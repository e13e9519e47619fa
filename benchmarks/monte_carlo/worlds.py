"""What the simulated worlds of several families share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from benchmarks.monte_carlo.harness import Outcome
from tertius.estimate import Estimate, estimate_model
from tertius.model_spec import resolve_spec


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
