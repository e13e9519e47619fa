"""Moderated inverted-U beyond the delta method: bootstrap of the shift, and the parallel shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.model_spec import canonical_term
from tertius.shapes.common import base_of, number, p_words
from tertius.shapes.moderated_inverted_u import moderated_quadratic
from tertius.shapes.moments import joint_draws, moments_of
from tertius.shapes.refit import fit_rows, rows_of


@dataclass(frozen=True)
class ShiftBootstrap:
    """Shift of the turning point, dx*/dz, at one z over resamples of clusters.

    The mean of a ratio need not exist: `std_error` is the interquartile range of the draws over
    1.349, the interval a percentile one. `inverted` is the share of draws that are an inverted-U
    there.
    """

    z: float
    shift: float
    delta_error: float
    std_error: float
    conf_low: float
    conf_high: float
    inverted: float
    draws: int
    sentence: str

    def figure(self) -> pl.DataFrame:
        """Figure data: z, shift of the turning point there, low, high."""
        return pl.DataFrame(
            {
                "z": [self.z],
                "shift": [self.shift],
                "low": [self.conf_low],
                "high": [self.conf_high],
            }
        )


@dataclass(frozen=True)
class ParallelShift:
    """The restriction that z moves the curve without bending it (no x^2 z).

    `p_value` is its cluster Wald p; `shift` the constant shift -b3 / (2 b2) of the restricted
    model with its delta-method error; `free_shift` that of the full model at mean z.
    """

    p_value: float
    restricted: bool
    shift: float
    std_error: float
    free_shift: float
    sentence: str

    def figure(self) -> pl.DataFrame:
        """Figure data: model (parallel, free), shift of the turning point at mean z."""
        shifts = [self.shift, self.free_shift]
        return pl.DataFrame({"model": ["parallel", "free"], "shift": shifts})


def shift_bootstrap(
    estimate: Estimate, x: str, z: str, at: float | None = None, draws: int = 1999, seed: int = 1
) -> ShiftBootstrap:
    """Bootstrap dx*/dz by clusters: exact refits for OLS, one Newton step a draw for counts.

    Args:
        estimate: a model with x, x^2, z, x:z and x^2:z.
        x, z: base labels.
        at: uncentred value of z, by default its mean.
        draws, seed: of the resamples of clusters.

    Raises:
        NotEstimable: a term is missing.
    """
    x, z = base_of(estimate, x), base_of(estimate, z)
    model = moderated_quadratic(estimate, x, z)
    point = estimate.variables[z].mean if at is None else at
    rows = rows_of(estimate)
    fit = fit_rows(rows)
    places = [fit.index(t) for t in _terms(x, z)]
    drawn = joint_draws([moments_of(rows, fit)], draws, seed)[:, places]
    bend = drawn[:, 1] + drawn[:, 3] * (point - model.z_centre)
    numerator = drawn[:, 0] * drawn[:, 3] - drawn[:, 1] * drawn[:, 2]
    shifts = numerator / (2 * np.where(bend == 0, np.nan, bend) ** 2)
    tail = (1 - estimate.spec.confidence) / 2
    low, q1, q3, high = (float(q) for q in np.nanquantile(shifts, [tail, 0.25, 0.75, 1 - tail]))
    gradient = np.zeros(len(estimate.terms))
    gradient[[estimate.index(t) for t in _terms(x, z)]] = model.shift_gradient(point)
    error = estimate.std_error_of(gradient)
    value = model.shift(point)
    robust = (q3 - q1) / 1.349
    return ShiftBootstrap(
        point,
        value,
        error,
        robust,
        low,
        high,
        float((bend < 0).mean()),
        draws,
        f"The turning point of {x} moves by {number(value)} per unit of {z} at {z} = "
        f"{number(point)}: delta-method error {number(error)}, bootstrap error {number(robust)}, "
        f"percentile interval [{number(low)}, {number(high)}] over {draws} resamples of clusters.",
    )


def _terms(x: str, z: str) -> tuple[str, str, str, str]:
    return (x, f"{x}^2", canonical_term(f"{x}:{z}"), canonical_term(f"{z}:{x}^2"))


def parallel_shift_test(estimate: Estimate, x: str, z: str, alpha: float = 0.05) -> ParallelShift:
    """Test b4 = 0 and fit the restricted model, in which only the turning point moves.

    Args:
        estimate: a model with x, x^2, z, x:z and x^2:z.
        x, z: base labels.
        alpha: level below which the restriction is refused.

    Raises:
        NotEstimable: a term is missing, or the restricted curve is straight.
    """
    x, z = base_of(estimate, x), base_of(estimate, z)
    model, terms = moderated_quadratic(estimate, x, z), _terms(x, z)
    rows = rows_of(estimate)
    p = fit_rows(rows).wald([terms[3]]).p_value
    small = fit_rows(rows.without([terms[3]]))
    b2, b3 = small.value(terms[1]), small.value(terms[2])
    if b2 == 0:
        raise NotEstimable("no_variation", terms[1], "the restricted curve is straight")
    gradient: FloatArray = np.zeros(len(small.labels))
    gradient[small.index(terms[1])] = b3 / (2 * b2**2)
    gradient[small.index(terms[2])] = -1 / (2 * b2)
    error = float(np.sqrt(gradient @ small.covariance @ gradient))
    shift = -b3 / (2 * b2)
    free = model.shift(estimate.variables[z].mean)
    stands = p >= alpha
    verdict = "is not refused" if stands else "is refused"
    return ParallelShift(
        p,
        stands,
        shift,
        error,
        free,
        f"A parallel shift of the curve of {x} {verdict} ({p_words(p)}): under it {z} moves the "
        f"turning point by {number(shift)} (error {number(error)}), without it by {number(free)} "
        f"at mean {z}.",
    )
