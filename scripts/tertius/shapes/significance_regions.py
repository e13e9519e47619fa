"""Johnson-Neyman regions that hold their false discovery rate over the values of the moderator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.result import Estimate
from tertius.shapes.common import base_of, number, outcome_words, slope_gradient
from tertius.shapes.moderation import JohnsonNeyman, Region, johnson_neyman, marginal_curve

MAX_POINTS = 200


@dataclass(frozen=True, eq=False)
class SignificanceRegions:
    """Regions of z at the usual t and at the t that holds the false discovery rate.

    `points` is the number of values of z tested, `significant` how many of them stay so;
    `in_data` are the corrected regions cut to the range of z.
    """

    subject: str
    moderator: str
    t_usual: float
    t_fdr: float
    points: int
    significant: int
    usual: JohnsonNeyman
    corrected: JohnsonNeyman
    in_data: tuple[Region, ...]
    sentence: str
    curve: pl.DataFrame


def fdr_critical_t(
    effect: FloatArray, error: FloatArray, dof: float, alpha: float = 0.05
) -> tuple[float, int]:
    """Critical |t| of Benjamini and Hochberg's step-up over several marginal effects.

    With k the largest rank for which p_(k) <= alpha k / m, all |t| above the quantile of
    alpha k / m are significant (Esarey & Sumner 2018, Comparative Political Studies 51:1144); with
    none, the quantile of alpha / m.

    Args:
        effect, error: (m,) marginal effects and their standard errors.
        dof: of the t distribution; infinite for the normal.
        alpha: false discovery rate.

    Returns:
        (critical value, k).
    """
    p = np.sort(2 * stats.t.sf(np.abs(effect / error), dof))
    m = len(p)
    passing = np.flatnonzero(p <= alpha * np.arange(1, m + 1) / m)
    k = int(passing[-1]) + 1 if len(passing) else 0
    return float(stats.t.isf(alpha * max(k, 1) / m / 2, dof)), k


def significance_regions(
    estimate: Estimate, x: str, z: str, alpha: float = 0.05
) -> SignificanceRegions:
    """Johnson-Neyman regions at the usual and at the FDR-corrected critical value.

    The effects tested are those at the different observed values of z (at 200 quantiles where
    there are more).

    Args:
        estimate: a model with x, z and x:z.
        x, z: base labels.
        alpha: level, and false discovery rate.

    Raises:
        NotEstimable: x or the product has no coefficient.
    """
    x, z = base_of(estimate, x), base_of(estimate, z)
    values = estimate.values(z)
    points = np.unique(values[~np.isnan(values)])
    if len(points) > MAX_POINTS:
        points = np.unique(np.quantile(points, np.linspace(0, 1, MAX_POINTS)))
    known, mean = estimate.variables[z], estimate.variables[x].mean
    rows = np.stack([slope_gradient(estimate, x, {x: mean, z: float(at)}) for at in points])
    error = np.sqrt(np.einsum("ij,jk,ik->i", rows, estimate.covariance, rows))
    t_fdr, k = fdr_critical_t(rows @ estimate.coefficients, error, estimate.dof, alpha)
    t_usual = float(stats.t.isf(alpha / 2, estimate.dof))
    found = [_regions(estimate, x, z, t) for t in (t_usual, t_fdr)]
    inside = found[1].inside(known.min, known.max)
    return SignificanceRegions(
        subject=x,
        moderator=z,
        t_usual=t_usual,
        t_fdr=t_fdr,
        points=len(points),
        significant=k,
        usual=found[0],
        corrected=found[1],
        in_data=inside,
        sentence=_sentence(estimate, x, z, inside, t_fdr),
        curve=marginal_curve(estimate, x, z),
    )


def _regions(estimate: Estimate, x: str, z: str, t: float) -> JohnsonNeyman:
    known, mean = estimate.variables[z], estimate.variables[x].mean
    start = slope_gradient(estimate, x, {x: mean, z: known.centre})
    rise = slope_gradient(estimate, x, {x: mean, z: known.centre + 1}) - start
    b, v = estimate.coefficients, estimate.covariance
    return johnson_neyman(
        float(start @ b),
        float(rise @ b),
        float(start @ v @ start),
        float(start @ v @ rise),
        float(rise @ v @ rise),
        t,
        known.centre,
    )


def _sentence(
    estimate: Estimate, x: str, z: str, inside: tuple[Region, ...], critical: float
) -> str:
    spans = [f"{r.sign} for {z} from {number(r.low)} to {number(r.high)}" for r in inside]
    said = " and ".join(spans) if spans else f"nowhere beyond chance within the data of {z}"
    return (
        f"Holding the false discovery rate (|t| above {number(critical)}), the effect of {x} on "
        f"{outcome_words(estimate)} is {said}."
    )
