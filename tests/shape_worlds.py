"""Small panels with planted shapes, and their models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tertius.estimate import Estimate, estimate_model
from tertius.model_spec import resolve_spec

Columns = Mapping[str, np.ndarray]


def panel(columns: Columns, n_firms: int, n_years: int = 6) -> pl.DataFrame:
    """A balanced panel with the given columns (firm by firm), all rows ok and in the sample."""
    firms = np.repeat([f"f{i:04d}" for i in range(n_firms)], n_years)
    years = np.tile(np.arange(2000, 2000 + n_years), n_firms)
    frame = pl.DataFrame(
        {"org_id": firms, "year": pl.Series(years, dtype=pl.Int32), **dict(columns)}
    )
    statuses = [pl.lit("ok").alias(f"{name}_status") for name in columns]
    return frame.with_columns(pl.lit(True).alias("in_sample"), *statuses)


def fit(
    frame: pl.DataFrame, terms: str | Sequence[str], outcome: str = "y", **more: Any
) -> Estimate:
    """The model of an outcome: Poisson for ``count``, else OLS, firm and year effects."""
    raw = {
        "outcome": outcome,
        "lead": 0,
        "estimator": "fe_poisson" if outcome == "count" else "fe_ols",
        "terms": terms.split() if isinstance(terms, str) else list(terms),
        "winsor": None,
        **more,
    }
    return estimate_model(frame, resolve_spec("m", raw))


def curve_world(
    shape: Callable[[np.ndarray], np.ndarray],
    seed: int,
    low: float = 0.0,
    high: float = 4.0,
    n_firms: int = 200,
    noise: float = 0.5,
) -> pl.DataFrame:
    """y = shape(x) + firm effect + noise; count has the same log mean."""
    rng = np.random.default_rng(seed)
    n = n_firms * 6
    x = rng.uniform(low, high, n)
    firm = np.repeat(rng.normal(0, 0.5, n_firms), 6)
    index = shape(x) + firm
    columns = {
        "x": x,
        "z": rng.normal(size=n),
        "y": index + rng.normal(0, noise, n),
        "count": rng.poisson(np.exp(index)).astype(float),
    }
    return panel(columns, n_firms)


def path_world(
    seed: int,
    a: float = 0.4,
    b: float = 0.5,
    direct: float = 0.0,
    a3: float = 0.0,
    d: float = 0.3,
    b2: float = 0.3,
    hidden: float = 0.0,
    n_firms: int = 200,
) -> pl.DataFrame:
    """x -> m -> m2, both to y; w moderates the first path; `hidden` drives m and y."""
    rng = np.random.default_rng(seed)
    n = n_firms * 6
    x, w, u = rng.normal(size=n), rng.normal(size=n), hidden * rng.normal(size=n)
    m = a * x + a3 * x * w + u + rng.normal(size=n)
    m2 = d * m + 0.2 * x + rng.normal(size=n)
    index = b * m + b2 * m2 + direct * x + u
    columns = {
        "x": x,
        "w": w,
        "m": m,
        "m2": m2,
        "y": index + rng.normal(size=n),
        "count": rng.poisson(np.exp(0.5 * index)).astype(float),
        "count_m": rng.poisson(np.exp(0.3 * x)).astype(float),
    }
    return panel(columns, n_firms)


def product_world(seed: int, b3: float = 0.2, n_firms: int = 150) -> pl.DataFrame:
    """y = .2 x + .1 z + b3 (x - 1)(z - 2) + .3 w (x - 1)(z - 2) + noise; `count` without w."""
    rng = np.random.default_rng(seed)
    n = n_firms * 6
    x, z, w = rng.normal(1, 1, n), rng.normal(2, 1, n), rng.normal(size=n)
    index = 0.2 * x + 0.1 * z + b3 * (x - 1) * (z - 2)
    columns = {
        "x": x,
        "z": z,
        "w": w,
        "y": index + 0.3 * w * (x - 1) * (z - 2) + rng.normal(0, 0.5, n),
        "count": rng.poisson(np.exp(index)).astype(float),
    }
    return panel(columns, n_firms)


def relabelled(frame: pl.DataFrame, seed: int = 1) -> pl.DataFrame:
    """The same panel with other names of firms and rows in another order."""
    rng = np.random.default_rng(seed)
    firms = frame["org_id"].unique().sort().to_list()
    names = dict(zip(firms, rng.permutation([f"g{i:04d}" for i in range(len(firms))]), strict=True))
    renamed = frame.with_columns(pl.col("org_id").replace(names))
    return renamed.sample(fraction=1.0, shuffle=True, seed=seed)
