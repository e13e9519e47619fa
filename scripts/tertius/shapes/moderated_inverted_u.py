"""Does z move the turning point of x, or flatten the curve? (Haans, Pieters & He 2016)

Model b1 x + b2 x^2 + b3 x z + b4 x^2 z + b5 z. The turning point is
x*(z) = -(b1 + b3 z) / (2 (b2 + b4 z)) and dx*/dz = (b1 b4 - b2 b3) / (2 (b2 + b4 z)^2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.result import Estimate
from tertius.inference.covariance import p_value_of
from tertius.model_spec import canonical_term
from tertius.ratios import ratio_of
from tertius.shapes.common import GRID_POINTS, ShapeResult, base_of, effect_curve, number, p_words
from tertius.shapes.inverted_u import inverted_u_test
from tertius.shapes.sign import ScalarTest, is_stated, scalar_test, side_of, sided_p, sign_decision

QUANTITIES = ("turning_point", "curvature")


@dataclass(frozen=True)
class ModeratedQuadratic:
    """Coefficients of x, x^2, x z and x^2 z, with x and z measured from their centres."""

    b1: float
    b2: float
    b3: float
    b4: float
    x_centre: float = 0.0
    z_centre: float = 0.0

    def turning_point(self, z: float) -> float:
        """x*(z) on the uncentred scale; infinite where the curve is straight."""
        d = z - self.z_centre
        bend = self.b2 + self.b4 * d
        if bend == 0:
            return math.inf
        return self.x_centre - (self.b1 + self.b3 * d) / (2 * bend)

    def turning_gradient(self, z: float) -> FloatArray:
        """(4,) gradient of x*(z) over (b1, b2, b3, b4)."""
        d = z - self.z_centre
        bend, tilt = self.b2 + self.b4 * d, self.b1 + self.b3 * d
        by_tilt, by_bend = -1 / (2 * bend), tilt / (2 * bend**2)
        return np.array([by_tilt, by_bend, by_tilt * d, by_bend * d])

    def shift(self, z: float) -> float:
        """dx*/dz at z."""
        bend = self.b2 + self.b4 * (z - self.z_centre)
        return self.numerator / (2 * bend**2) if bend != 0 else math.inf

    @property
    def numerator(self) -> float:
        """b1 b4 - b2 b3, the part of the shift that does not depend on z or on centring."""
        return self.b1 * self.b4 - self.b2 * self.b3

    @property
    def numerator_gradient(self) -> FloatArray:
        """(4,) gradient of the numerator."""
        return np.array([self.b4, -self.b3, -self.b2, self.b1])

    def shift_gradient(self, z: float) -> FloatArray:
        """(4,) gradient of dx*/dz at z."""
        d = z - self.z_centre
        bend = self.b2 + self.b4 * d
        by_bend = -self.numerator / bend**3
        direct = np.array([0.0, by_bend, 0.0, by_bend * d])
        return np.asarray(self.numerator_gradient / (2 * bend**2) + direct, dtype=np.float64)

    @property
    def flip_point(self) -> float:
        """z at which the curve turns from inverted-U to U, -b2/b4; infinite for b4 = 0."""
        return self.z_centre - self.b2 / self.b4 if self.b4 != 0 else math.inf


@dataclass(frozen=True)
class TurningAt:
    """Turning point and its derivative in z at one value of z, with delta standard errors.

    `curvature` is 2 (b2 + b4 z) on the index; `count_curvature` that of the expected count at the
    turning point relative to its height there at mean z and mean x (NaN for other outcomes).
    """

    where: str
    z: float
    turning_point: float
    turning_error: float
    shift: float
    shift_error: float
    p_value: float
    curvature: float
    count_curvature: float


@dataclass(frozen=True)
class Bend:
    """What z does to the shape of the curve, on the index only.

    `numerator` is b1 b4 - b2 b3; `effect_on_shape` is flattening, steepening or unclear, by the
    two-sided test of b4; `flip_point` is the z at which an inverted-U would become a U.
    """

    numerator: float
    p_numerator: float
    b4: float
    se_b4: float
    p_b4: float
    effect_on_shape: str
    flip_point: float
    flip_in_range: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class ModeratedInvertedU(ShapeResult):
    """Moderation of an inverted-U; `estimate` is dx*/dz at mean z, or b4 if curvature is asked.

    `base_decision` is the shape found in x at mean z: without an inverted-U there, a shift of the
    turning point means little, and `holds` is False.
    """

    moderator: str
    p_one_sided: float
    p_two_sided: float
    bend: Bend
    at: tuple[TurningAt, ...]
    base_decision: str
    base_p_value: float


def moderated_inverted_u_test(
    estimate: Estimate,
    x: str,
    z: str,
    sign: str | None = None,
    quantity: str = "turning_point",
    alpha: float = 0.05,
) -> ModeratedInvertedU:
    """Test that z moves the turning point of x (or bends its curve).

    The shift of the turning point is tested by the delta method at mean z, never by b3 alone.

    Args:
        estimate: a model with x, x^2, z, x:z and x^2:z.
        x, z: base labels.
        sign: stated direction, '+' (turning point to the right, or flattening), '-' or None.
        quantity: turning_point or curvature.
        alpha: level of the decision.

    Returns:
        `ModeratedInvertedU`; `decision` is positive, negative or none.

    Raises:
        NotEstimable: one of the four terms in x has no coefficient.
        ValueError: unknown sign or quantity.
    """
    side = side_of(sign)
    if quantity not in QUANTITIES:
        raise ValueError(f"unknown quantity {quantity!r}; give one of {QUANTITIES}")
    x, z = base_of(estimate, x), base_of(estimate, z)
    places, model = _places(estimate, x, z), moderated_quadratic(estimate, x, z)
    base = inverted_u_test(estimate, x, alpha=alpha)
    mean = estimate.variables[z].mean
    value, small = model.shift(mean), model.shift_gradient(mean)
    if quantity == "curvature":
        value, small = model.b4, np.array([0.0, 0.0, 0.0, 1.0])
    gradient = _spread(small, places, len(estimate.terms))
    test = scalar_test(estimate, gradient, value, sign)
    decision = sign_decision(test, sign, alpha)
    bend = _bend(estimate, model, places, z, alpha)
    told = _told_values(estimate, z).items()
    at = tuple(_turning_at(estimate, model, places, x, z, where, v) for where, v in told)
    words = _quantity_words(quantity, x, z)
    return ModeratedInvertedU(
        shape="moderated_inverted_u",
        model=estimate.spec.name,
        subject=canonical_term(f"{x}:{z}"),
        quantity=words,
        estimate=value,
        std_error=test.std_error,
        conf_low=test.conf_low,
        conf_high=test.conf_high,
        statistic=test.statistic,
        p_value=test.p_value,
        alternative=side,
        contrast=gradient,
        contrast_estimate=value,
        contrast_alternative=side,
        decision=decision,
        holds=is_stated(decision, sign) and base.decision == "inverted_u",
        reasons=_reasons(words, x, z, test, sign, base.decision),
        sentence=_sentence(at, bend, x, z, test, sign),
        curve=moderated_curves(estimate, x, z),
        moderator=z,
        p_one_sided=test.p_one_sided,
        p_two_sided=test.p_two_sided,
        bend=bend,
        at=at,
        base_decision=base.decision,
        base_p_value=base.p_value,
    )


def moderated_quadratic(estimate: Estimate, x: str, z: str) -> ModeratedQuadratic:
    """The four coefficients in x of a model with the full term set.

    Raises:
        NotEstimable: one of them is missing.
    """
    b1, b2, b3, b4 = (float(estimate.coefficients[j]) for j in _places(estimate, x, z))
    centres = estimate.variables[x].centre, estimate.variables[z].centre
    return ModeratedQuadratic(b1, b2, b3, b4, *centres)


def _places(estimate: Estimate, x: str, z: str) -> list[int]:
    """Positions of x, x^2, x:z and x^2:z."""
    return [estimate.index(term) for term in (x, f"{x}^2", f"{x}:{z}", f"{z}:{x}^2")]


def _spread(small: FloatArray, places: list[int], size: int) -> FloatArray:
    """A gradient over four coefficients as one over all."""
    gradient = np.zeros(size)
    gradient[places] = small
    return gradient


def _told_values(estimate: Estimate, z: str) -> dict[str, float]:
    known = estimate.variables[z]
    return {
        "mean - 1 sd": known.mean - known.sd,
        "mean": known.mean,
        "mean + 1 sd": known.mean + known.sd,
    }


def _turning_at(
    estimate: Estimate,
    model: ModeratedQuadratic,
    places: list[int],
    x: str,
    z: str,
    where: str,
    at: float,
) -> TurningAt:
    """Turning point, its derivative and the curvatures at one value of z."""
    size = len(estimate.terms)
    turning_error = estimate.std_error_of(_spread(model.turning_gradient(at), places, size))
    shift, error = (
        model.shift(at),
        estimate.std_error_of(_spread(model.shift_gradient(at), places, size)),
    )
    curvature = 2 * (model.b2 + model.b4 * (at - model.z_centre))
    return TurningAt(
        where,
        at,
        model.turning_point(at),
        turning_error,
        shift,
        error,
        p_value_of(shift / error, estimate.dof) if error > 0 else math.nan,
        curvature,
        _count_curvature(estimate, model, x, z, at, curvature),
    )


def _count_curvature(
    estimate: Estimate, model: ModeratedQuadratic, x: str, z: str, at: float, curvature: float
) -> float:
    """E[y] at the turning point over E[y] at the means, times the index curvature.

    At the turning point the slope is 0, so that d2E[y]/dx2 = E[y] times the index curvature.
    """
    if estimate.link != "log":
        return math.nan
    d = at - model.z_centre
    u = model.turning_point(at) - model.x_centre
    mean = estimate.variables[x].mean - model.x_centre
    start = model.b1 * mean + model.b2 * mean**2
    tilt, bend = model.b1 + model.b3 * d, model.b2 + model.b4 * d
    rise = tilt * u + bend * u**2 + estimate.coefficient(z) * d - start
    return curvature * ratio_of(rise)


def _bend(
    estimate: Estimate, model: ModeratedQuadratic, places: list[int], z: str, alpha: float
) -> Bend:
    """Numerator test, flattening or steepening, and the flip point."""
    size = len(estimate.terms)
    error = estimate.std_error_of(_spread(model.numerator_gradient, places, size))
    se_b4 = float(estimate.std_errors[places[3]])
    p_b4 = p_value_of(model.b4 / se_b4, estimate.dof)
    # an inverted-U (b2 < 0) is flattened by a positive b4, a U by a negative one
    word = "flattening" if model.b4 * model.b2 < 0 else "steepening"
    known = estimate.variables[z]
    return Bend(
        numerator=model.numerator,
        p_numerator=p_value_of(model.numerator / error, estimate.dof) if error > 0 else math.nan,
        b4=model.b4,
        se_b4=se_b4,
        p_b4=p_b4,
        effect_on_shape=word if p_b4 < alpha else "unclear",
        flip_point=model.flip_point,
        flip_in_range=known.min <= model.flip_point <= known.max,
    )


def moderated_curves(
    estimate: Estimate, x: str, z: str, n_points: int = GRID_POINTS
) -> pl.DataFrame:
    """Curves of x at three values of z: `effect_curve` with columns z_label and z in front."""
    level = estimate.spec.confidence
    parts = []
    for where, at in _told_values(estimate, z).items():
        curve = effect_curve(estimate, x, level, {z: at}, n_points)
        labels = [pl.lit(where).alias("z_label"), pl.lit(at).alias("z")]
        parts.append(curve.select(*labels, pl.all()))
    return pl.concat(parts)


def turning_curve(estimate: Estimate, x: str, z: str, n_points: int = GRID_POINTS) -> pl.DataFrame:
    """Turning point over the range of z with delta intervals: columns z, turning_point, low, high.

    Raises:
        NotEstimable: one of the four terms in x has no coefficient.
    """
    model, places = moderated_quadratic(estimate, x, z), _places(estimate, x, z)
    known, size = estimate.variables[z], len(estimate.terms)
    grid = np.linspace(known.min, known.max, n_points)
    width = float(stats.t.ppf(0.5 + estimate.spec.confidence / 2, estimate.dof))
    point = np.array([model.turning_point(float(at)) for at in grid])
    gradients = [_spread(model.turning_gradient(float(at)), places, size) for at in grid]
    error = np.array([estimate.std_error_of(gradient) for gradient in gradients])
    return pl.DataFrame(
        {
            "z": grid,
            "turning_point": point,
            "low": point - width * error,
            "high": point + width * error,
        }
    )


def _quantity_words(quantity: str, x: str, z: str) -> str:
    if quantity == "curvature":
        return f"coefficient of {canonical_term(f'{z}:{x}^2')}"
    return f"shift of the turning point of {x} per unit of {z}, at mean {z}"


def _reasons(
    words: str, x: str, z: str, test: ScalarTest, sign: str | None, base: str
) -> tuple[str, ...]:
    main = f"{words}: {number(test.value)}, {sided_p(test.p_value, sign)}"
    if base == "inverted_u":
        return (main, f"{x} has an inverted-U at mean {z}")
    return (main, f"no inverted-U in {x} at mean {z} (found: {base})")


def _sentence(
    told: Sequence[TurningAt], bend: Bend, x: str, z: str, test: ScalarTest, sign: str | None
) -> str:
    """The finding in words, from its numbers."""
    low, _, high = (number(point.turning_point) for point in told)
    change = {
        "flattening": f"{z} flattens the curve of the index",
        "steepening": f"{z} steepens the curve of the index",
        "unclear": f"{z} is not shown to bend the curve of the index",
    }[bend.effect_on_shape]
    where = "inside" if bend.flip_in_range else "outside"
    return (
        f"The turning point of {x} moves from {low} at one standard deviation below the mean of "
        f"{z} to {high} at one above; {number(test.value)}, {sided_p(test.p_value, sign)}; "
        f"{change} ({p_words(bend.p_b4)}); the shape flips at {z} = {number(bend.flip_point)}, "
        f"{where} the data."
    )
