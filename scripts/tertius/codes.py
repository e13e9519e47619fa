"""Identifiers to integer codes whose order is the order of the identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray


def as_series(values: Any, name: str) -> pl.Series:
    """One column of identifiers as a polars series; a missing identifier is an error."""
    if isinstance(values, pl.Series):
        series = values
    else:
        if hasattr(values, "to_numpy"):
            values = values.to_numpy()
        elif not isinstance(values, np.ndarray):
            values = list(values)
        series = pl.Series(values)
    if series.dtype == pl.Null and series.len() == 0:
        series = series.cast(pl.String)
    if isinstance(series.dtype, (pl.Categorical, pl.Enum)):
        series = series.cast(pl.String)
    if series.dtype != pl.String and not series.dtype.is_integer():
        raise ValueError(f"{name} holds {series.dtype}: identifiers are text or integers")
    if series.null_count():
        raise ValueError(f"{name} holds {series.null_count()} missing identifiers")
    return series


def distinct(columns: Sequence[pl.Series]) -> pl.Series:
    """Sorted distinct identifiers of several columns (strings by code point)."""
    filled = [column for column in columns if column.len()] or list(columns[:1])
    kinds = {column.dtype == pl.String for column in filled}
    if len(kinds) > 1:
        raise ValueError("identifiers mix text and numbers: convert them to one type first")
    uniques = [column.unique() for column in filled]
    if filled[0].dtype != pl.String:
        uniques = [column.cast(pl.Int64) for column in uniques]
    return pl.concat([column.alias("id") for column in uniques]).unique().sort()


def encode(values: pl.Series, names: pl.Series) -> NDArray[np.int64]:
    """Position of every value in the sorted distinct `names`, which must hold them all."""
    if values.len() == 0:
        return np.empty(0, np.int64)
    lookup = pl.DataFrame({"id": names, "code": np.arange(names.len(), dtype=np.int64)})
    column = values.cast(names.dtype).alias("id").to_frame()
    codes = column.join(lookup, on="id", how="left", maintain_order="left")["code"]
    if codes.null_count():
        raise ValueError("an identifier is not among the known names")
    return codes.to_numpy()
