"""Random streams: one per part and year, so that changing one part leaves the others alone."""

from __future__ import annotations

import zlib

import numpy as np

from .settings import Floats


def stream(seed: int, part: str, year: int = 0) -> np.random.Generator:
    """Generator for one named part of the world in one year, a function of its arguments only."""
    return np.random.default_rng([seed, zlib.crc32(part.encode()), year])


def autoregression(
    rng: np.random.Generator, n: int, n_years: int, persistence: float, sd: float
) -> Floats:
    """Stationary AR(1) paths with standard deviation `sd`, shape (n_years, n)."""
    shocks = rng.standard_normal((n_years, n))
    path = np.empty((n_years, n))
    path[0] = shocks[0]
    scale = np.sqrt(1.0 - persistence**2)
    for year in range(1, n_years):
        path[year] = persistence * path[year - 1] + scale * shocks[year]
    return sd * path
