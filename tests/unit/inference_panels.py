"""Small simulated panels and slow, plain refits that the tests of inference share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.two_way import Effects, make_effects

BOTH = ("org_id", "year")


def panel(
    firms: int = 40, years: int = 7, k: int = 3, seed: int = 0, missing: float = 0.1
) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """(x, y, firm, year) with uneven errors and rows missing at random."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(firms), years), np.tile(np.arange(years), firms)
    keep = rng.random(len(firm)) >= missing
    firm, year = np.unique(firm[keep], return_inverse=True)[1], year[keep]
    x = rng.normal(size=(len(firm), k)) + rng.normal(size=(firms, k))[firm] + 0.3 * year[:, None]
    noise = rng.normal(size=len(firm)) * (1 + np.abs(x[:, 0]))
    y = x @ np.linspace(0.2, -0.4, k) + rng.normal(size=firms)[firm] + 0.5 * year + noise
    return x, y, firm.astype(np.int64), year.astype(np.int64)


def stacked(firm: IntArray, weights: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows of a resample and their new firm codes: a firm drawn twice is two firms."""
    rows, codes = [], []
    for g, times in enumerate(weights.astype(int)):
        own = np.flatnonzero(firm == g)
        for _ in range(times):
            codes.append(np.full(len(own), len(codes)))
            rows.append(own)
    return np.concatenate(rows), np.concatenate(codes).astype(np.int64)


def effects_of(firm: IntArray, year: IntArray, names: Sequence[str] = BOTH) -> Effects:
    """Layout with year codes without gaps."""
    return make_effects(firm, np.unique(year, return_inverse=True)[1].astype(np.int64), names)


def clustered_t(
    x: FloatArray,
    y: FloatArray,
    effects: Effects,
    codes: Sequence[IntArray],
    column: int,
    null: float = 0.0,
) -> float:
    """t of one slope by refitting, one-way or two-way CRV1 without small-sample factor."""
    fit = absorbed_ols(x, y, effects)
    influence = (fit.x_within * fit.residuals[:, None]) @ fit.bread[:, column]
    parts = [float((np.bincount(c, weights=influence) ** 2).sum()) for c in codes]
    variance = parts[0]
    if len(codes) == 2:
        cell = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)[1].ravel()
        variance = sum(parts) - float((np.bincount(cell, weights=influence) ** 2).sum())
        variance = variance if variance > 0 else max(parts)
    return float((fit.coefficients[column] - null) / np.sqrt(variance))
