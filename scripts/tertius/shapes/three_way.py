"""Does w change how z moderates x? The product of three variables and the slopes at its corners."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray
from tertius.estimate.result import Estimate
from tertius.model_spec import canonical_term
from tertius.ratios import ratio_of
from tertius.shapes.common import (
    base_of,
    number,
    outcome_words,
    p_words,
    slope_gradient,
)
from tertius.shapes.joint import JointResult, Scalar, joint_result, scalar
from tertius.shapes.sign import sided_p


@dataclass(frozen=True)
class CornerSlope:
    """Slope of the index in x where z and w stand one standard deviation below or above mean."""

    z: str
    w: str
    slope: Scalar


@dataclass(frozen=True)
class SlopeDifference:
    """Difference of two corner slopes (Dawson & Richter 2006)."""

    first: str
    second: str
    difference: Scalar


@dataclass(frozen=True, eq=False, kw_only=True)
class ThreeWay(JointResult):
    """Three-way moderation; `estimate` is the coefficient of x:z:w, `ratio` its exponential.

    `corners` are the four slopes of x, `differences` all six contrasts of them; p values of the
    differences are not adjusted among each other.
    """

    corners: tuple[CornerSlope, ...]
    differences: tuple[SlopeDifference, ...]
    ratio: float


def three_way_test(
    estimate: Estimate, x: str, z: str, w: str, sign: str | None = None, alpha: float = 0.05
) -> ThreeWay:
    """Test the product of three variables.

    Args:
        estimate: a model with x, z, w, their three products of two and x:z:w.
        x, z, w: base labels; slopes are those of x.
        sign: stated sign, '+', '-' or None.
        alpha: level of the decision.

    Raises:
        NotEstimable: the product has no coefficient.
        ValueError: unknown sign.
    """
    x, z, w = (base_of(estimate, name) for name in (x, z, w))
    product = canonical_term(f"{x}:{z}:{w}")
    gradient = estimate.contrast({product: 1.0})
    value, error = float(gradient @ estimate.coefficients), estimate.std_error_of(gradient)
    test = scalar(value, error, estimate.dof, estimate.spec.confidence, sign)
    gradients = _corner_gradients(estimate, x, z, w)
    corners = tuple(CornerSlope(*where, _scalar(estimate, row)) for where, row in gradients.items())
    differences = tuple(
        SlopeDifference(
            _said(z, w, a), _said(z, w, b), _scalar(estimate, gradients[b] - gradients[a])
        )
        for a, b in itertools.combinations(gradients, 2)
    )
    reason = f"product {product} {number(test.value)}, {sided_p(test.p_value, sign)}"
    result: ThreeWay = joint_result(
        ThreeWay,
        test,
        estimate.influence @ gradient,
        estimate.cluster_ids,
        sign,
        alpha=alpha,
        shape="three_way",
        model=estimate.spec.name,
        subject=product,
        quantity=f"coefficient of {product}",
        reasons=(reason,),
        sentence=_sentence(estimate, x, z, w, corners, reason),
        curve=_curve(corners),
        corners=corners,
        differences=differences,
        ratio=ratio_of(test.value) if estimate.link == "log" else math.nan,
    )
    return result


def _corner_gradients(
    estimate: Estimate, x: str, z: str, w: str
) -> dict[tuple[str, str], FloatArray]:
    found = {}
    for (z_word, z_step), (w_word, w_step) in itertools.product(
        (("low", -1), ("high", 1)), repeat=2
    ):
        a, b = estimate.variables[z], estimate.variables[w]
        at = {x: estimate.variables[x].mean, z: a.mean + z_step * a.sd, w: b.mean + w_step * b.sd}
        found[(z_word, w_word)] = slope_gradient(estimate, x, at)
    return found


def _scalar(estimate: Estimate, gradient: FloatArray) -> Scalar:
    value = float(gradient @ estimate.coefficients)
    error = estimate.std_error_of(gradient)
    return scalar(value, error, estimate.dof, estimate.spec.confidence)


def _said(z: str, w: str, where: tuple[str, str]) -> str:
    return f"{where[0]} {z}, {where[1]} {w}"


def _curve(corners: tuple[CornerSlope, ...]) -> pl.DataFrame:
    slopes = [corner.slope for corner in corners]
    return pl.DataFrame(
        {
            "z": [corner.z for corner in corners],
            "w": [corner.w for corner in corners],
            "slope": np.array([s.value for s in slopes]),
            "low": np.array([s.conf_low for s in slopes]),
            "high": np.array([s.conf_high for s in slopes]),
        }
    )


def _sentence(
    estimate: Estimate, x: str, z: str, w: str, corners: tuple[CornerSlope, ...], reason: str
) -> str:
    told = "; ".join(
        f"{number(c.slope.value)} ({p_words(c.slope.p_two_sided)}) at {_said(z, w, (c.z, c.w))}"
        for c in corners
    )
    return f"The slope of {outcome_words(estimate)} in {x} is {told}; {reason}."
