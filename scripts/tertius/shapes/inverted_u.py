"""Inverted-U (and U) in three steps: curvature, slopes at both ends, turning point inside the data.

Lind & Mehlum (2010, Oxford Bulletin 72:109), after Sasabuchi (1980); Haans, Pieters & He (2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable, invert_transform
from tertius.estimate.result import Estimate, confidence_interval
from tertius.inference.covariance import p_value_of
from tertius.shapes.common import (
    ShapeResult,
    base_of,
    effect_curve,
    number,
    outcome_words,
    p_words,
    slope_gradient,
)
from tertius.shapes.quadratic import EndSlopes, FiellerSet, Quadratic, end_slopes, fieller_set

MIN_SHARE = 0.05
"""With less than this share of observations beyond the turning point no decline is claimed."""


@dataclass(frozen=True, eq=False, kw_only=True)
class InvertedU(ShapeResult):
    """The full inverted-U (or U) test; `estimate` is the turning point on the transformed scale.

    `beta1`, `beta2` belong to the uncentred curve. `p_value` is the Lind-Mehlum p over the sample
    range; the one-sided 5 % test matches the 90 % Fieller set, both sets are given.
    """

    beta1: float
    beta2: float
    se_beta2: float
    p_curvature: float
    turning_point_raw: float
    delta_low: float
    delta_high: float
    fieller_95: FiellerSet
    fieller_90: FiellerSet
    at_extremes: EndSlopes
    at_p5_p95: EndSlopes
    share_beyond: float
    n_beyond: int


def quadratic_of(estimate: Estimate, x: str) -> Quadratic:
    """The quadratic in x of a model, moderators at their means.

    Raises:
        NotEstimable: x or x^2 has no coefficient.
    """
    base = base_of(estimate, x)
    i, j = estimate.index(base), estimate.index(f"{base}^2")
    b, v = estimate.coefficients, estimate.covariance
    return Quadratic(
        float(b[i]),
        float(b[j]),
        float(v[i, i]),
        float(v[i, j]),
        float(v[j, j]),
        estimate.variables[base].centre,
    )


def inverted_u_test(
    estimate: Estimate, x: str, direction: str = "inverted_u", alpha: float = 0.05
) -> InvertedU:
    """Three-step test of an inverted-U (or U) in x.

    Args:
        estimate: a model with x and x^2 (formed before demeaning, centred or not).
        x: base label, for example ``tdiv`` or ``log1p(psize)``.
        direction: inverted_u or u.
        alpha: level of each one-sided test.

    Returns:
        `InvertedU`; `decision` is one of inverted_u, u, diminishing (rising and flattening, decline
        not shown), declining (mirror image), none.

    Raises:
        NotEstimable: x or x^2 has no coefficient.
        ValueError: unknown direction.
    """
    if direction not in ("inverted_u", "u"):
        raise ValueError(f"unknown direction {direction!r}")
    base = base_of(estimate, x)
    found = gather_evidence(estimate, base, direction)
    curve, ends, dof = found.curve, found.extremes, estimate.dof
    turning, error = curve.turning_point, curve.turning_point_error
    fieller = fieller_set(curve, dof, 0.95)
    bounded = fieller.kind == "bounded"
    delta = confidence_interval(turning, error, dof, estimate.spec.confidence)
    decision, reasons = decide_shape(found, direction, alpha)
    contrast, oriented = _binding_contrast(estimate, base, ends, direction)
    raw = invert_transform(np.array([turning]), estimate.variables[base].transform)
    return InvertedU(
        shape=direction,
        model=estimate.spec.name,
        subject=base,
        quantity=f"turning point of {base}",
        estimate=turning,
        std_error=error,
        conf_low=fieller.low if bounded else -math.inf,
        conf_high=fieller.high if bounded else math.inf,
        statistic=oriented / estimate.std_error_of(contrast),
        p_value=ends.p_value,
        alternative="greater",
        contrast=contrast,
        contrast_estimate=oriented,
        contrast_alternative="greater",
        decision=decision,
        holds=decision == direction,
        reasons=reasons,
        sentence=_sentence(estimate, base, decision, found, fieller, float(raw[0])),
        curve=effect_curve(estimate, base, estimate.spec.confidence),
        beta1=curve.slope_at_zero,
        beta2=curve.b2,
        se_beta2=math.sqrt(curve.v22),
        p_curvature=found.p_curvature,
        turning_point_raw=float(raw[0]),
        delta_low=delta[0],
        delta_high=delta[1],
        fieller_95=fieller,
        fieller_90=fieller_set(curve, dof, 0.90),
        at_extremes=ends,
        at_p5_p95=found.inner,
        share_beyond=found.share_beyond,
        n_beyond=found.n_beyond,
    )


@dataclass(frozen=True)
class Evidence:
    """What the decision on a shape rests on; `mirror` is the test of the opposite shape."""

    curve: Quadratic
    extremes: EndSlopes
    inner: EndSlopes
    mirror: EndSlopes
    p_curvature: float
    n_beyond: int
    share_beyond: float


def gather_evidence(estimate: Estimate, base: str, direction: str) -> Evidence:
    """Curvature, end slopes over the range and over P5-P95, observations beyond the turning point.

    Raises:
        NotEstimable: x does not vary, or x or x^2 has no coefficient.
    """
    known, dof = estimate.variables[base], estimate.dof
    if known.min >= known.max:
        raise NotEstimable("no_variation", base, f"{base} does not vary in the sample")
    curve = quadratic_of(estimate, base)
    other = "u" if direction == "inverted_u" else "inverted_u"
    values = estimate.values(base)
    n_beyond = int((values[~np.isnan(values)] > curve.turning_point).sum())
    side = "less" if direction == "inverted_u" else "greater"
    return Evidence(
        curve=curve,
        extremes=end_slopes(curve, known.min, known.max, dof, direction),
        inner=end_slopes(curve, known.p5, known.p95, dof, direction),
        mirror=end_slopes(curve, known.min, known.max, dof, other),
        p_curvature=p_value_of(curve.b2 / math.sqrt(curve.v22), dof, side),
        n_beyond=n_beyond,
        share_beyond=n_beyond / known.n_ok,
    )


def _binding_contrast(
    estimate: Estimate, base: str, ends: EndSlopes, direction: str
) -> tuple[FloatArray, float]:
    """Gradient and value of the weaker end's slope, turned so that positive is evidence."""
    x, slope = (
        (ends.x_low, ends.slope_low) if ends.binding == "low" else (ends.x_high, ends.slope_high)
    )
    rising = (ends.binding == "low") == (direction == "inverted_u")
    sign = 1.0 if rising else -1.0
    return sign * slope_gradient(estimate, base, {base: x}), sign * slope


def decide_shape(found: Evidence, direction: str, alpha: float) -> tuple[str, tuple[str, ...]]:
    """Which shape the evidence shows, with the reasons in words.

    The Lind-Mehlum test over the sample range decides, together with the curvature's own one-sided
    test and at least 5 % of observations on either side of the turning point; the test at P5 and
    P95 is told beside it. Without a shown decline, a rising and flattening curve is `diminishing`.
    """
    ends, share, p_bent = found.extremes, found.share_beyond, found.p_curvature
    inverted = direction == "inverted_u"
    reasons = (
        f"curvature {number(found.curve.b2)}, {p_words(p_bent)} one-sided",
        f"slopes at the ends {number(ends.slope_low)} and {number(ends.slope_high)}, "
        f"Lind-Mehlum {p_words(ends.p_value)}",
        f"at P5 and P95 {p_words(found.inner.p_value)}",
        f"{100 * share:.1f} % of observations beyond the turning point",
    )
    shown = ends.p_value < alpha and p_bent < alpha
    populated = MIN_SHARE <= share <= 1 - MIN_SHARE
    if shown and populated:
        return direction, reasons
    if found.mirror.p_value < alpha and populated:
        return ("u" if inverted else "inverted_u"), (*reasons, "the curve bends the other way")
    if not inverted or p_bent >= alpha:
        return "none", (*reasons, "the three steps are not all met")
    if ends.p_low < alpha and share <= 1 - MIN_SHARE:
        why = "under 5 % lie beyond the turning point" if shown else "a decline is not shown"
        return "diminishing", (*reasons, f"rises and flattens, {why}")
    if ends.p_high < alpha:
        why = "under 5 % lie before the turning point" if shown else "a rise is not shown"
        return "declining", (*reasons, f"falls ever faster, {why}")
    return "none", (*reasons, "neither end slope is established")


def _sentence(
    estimate: Estimate,
    base: str,
    decision: str,
    found: Evidence,
    fieller: FiellerSet,
    raw: float,
) -> str:
    """The finding in words, from its numbers."""
    claim = {
        "inverted_u": f"{base} has an inverted-U effect",
        "u": f"{base} has a U-shaped effect",
        "diminishing": f"The effect of {base} rises with diminishing returns",
        "declining": f"The effect of {base} falls ever faster",
        "none": f"No U shape is shown for {base}",
    }[decision]
    ends, point = found.extremes, number(found.curve.turning_point)
    if estimate.variables[base].transform != "identity":
        point += f" ({number(raw)} in raw units)"
    return (
        f"{claim} on {outcome_words(estimate)}: turning point {point}, 95 % Fieller set "
        f"{fieller.text}; slopes {number(ends.slope_low)} at the minimum and "
        f"{number(ends.slope_high)} at the maximum ({p_words(ends.p_value)}); "
        f"{100 * found.share_beyond:.1f} % of observations lie beyond it."
    )


__all__ = [
    "EndSlopes",
    "Evidence",
    "FiellerSet",
    "InvertedU",
    "Quadratic",
    "decide_shape",
    "end_slopes",
    "fieller_set",
    "gather_evidence",
    "inverted_u_test",
    "quadratic_of",
]
