"""Ratios of expected counts from changes of their logarithm; infinite where floats end."""

from __future__ import annotations

import math

import numpy as np

from tertius.arrays import FloatArray

_LARGEST = math.log(np.finfo(np.float64).max)


def ratio_of(change: float) -> float:
    """exp(change), infinite beyond the range of floats.

    >>> ratio_of(0.0), ratio_of(800.0)
    (1.0, inf)
    """
    return math.exp(change) if not change > _LARGEST else math.inf


def percent_of(change: float) -> float:
    """100 (exp(change) - 1), infinite beyond the range of floats."""
    return 100 * math.expm1(change) if not change > _LARGEST else math.inf


def ratios_of(changes: FloatArray) -> FloatArray:
    """`ratio_of` element by element."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(changes))
