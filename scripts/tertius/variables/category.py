"""Diversity over categories from whole counts: Blau and its relatives."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from tertius.variables.frames import ordered_sum

COUNT_INDICES: Mapping[str, str] = MappingProxyType(
    {
        "blau": "1 - sum p^2",
        "iqv": "Blau / (1 - 1/K)",
        "unbiased": "n / (n - 1) Blau: chance that two distinct members differ",
        "entropy": "-sum p ln p",
    }
)


def category_columns(counts: pl.DataFrame) -> pl.DataFrame:
    """org, year, n, squares, logs, kinds from org, year, category, count (whole numbers).

    n: members; squares: sum of squared counts; logs: sum of count ln count; kinds: categories.
    """
    key = ["org", "year"]
    whole = pl.col("count").cast(pl.Int64)
    exact = counts.group_by(key).agg(
        whole.sum().alias("n"), (whole**2).sum().alias("squares"), pl.len().alias("kinds")
    )
    real = whole.cast(pl.Float64)
    logs = counts.select(*key, "category", logs=real * real.log())
    return exact.join(ordered_sum(logs, key, ["category"], ["logs"]), on=key, how="left")


def count_index(index: str, k: pl.Expr | float | None = None) -> pl.Expr:
    """A diversity index from the columns of `category_columns`.

    Args:
        index: a name in `COUNT_INDICES`.
        k: number of possible categories, for iqv.

    Raises:
        ValueError: another name, or iqv without k.
    """
    n, squares = pl.col("n").cast(pl.Float64), pl.col("squares").cast(pl.Float64)
    blau = 1.0 - squares / n**2
    if index == "blau":
        return blau
    if index == "unbiased":
        return blau * n / (n - 1.0)
    if index == "entropy":
        return (n.log() - pl.col("logs") / n).clip(0.0)
    if index == "iqv" and k is not None:
        return (blau / (1.0 - 1.0 / k)).clip(0.0, 1.0)
    raise ValueError(f"index must be one of {', '.join(COUNT_INDICES)}, not {index!r}")
