"""Does z change the effect of x? Interaction, average marginal effects, Johnson-Neyman regions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate, confidence_interval
from tertius.inference.covariance import p_value_of
from tertius.model_spec import Term, canonical_term
from tertius.ratios import ratio_of, ratios_of
from tertius.shapes.common import (
    GRID_POINTS,
    ShapeResult,
    base_of,
    model_terms,
    number,
    outcome_words,
    p_words,
    slope_gradient,
    term_at,
    term_slope_at,
)
from tertius.shapes.sign import is_stated, scalar_test, side_of, sided_p, sign_decision


@dataclass(frozen=True)
class MarginalEffect:
    """Effect of x at one value of z, with its standard error, interval and two-sided p."""

    where: str
    z: float
    effect: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float


@dataclass(frozen=True)
class Region:
    """Values of z, from low to high, where the effect of x is significant with the given sign."""

    low: float
    high: float
    sign: str


@dataclass(frozen=True)
class JohnsonNeyman:
    """Roots in z and the regions of significance on the whole line (z uncentred)."""

    roots: tuple[float, ...]
    regions: tuple[Region, ...]

    def inside(self, low: float, high: float) -> tuple[Region, ...]:
        """The regions cut to [low, high]; empty ones left out."""
        cut = (Region(max(r.low, low), min(r.high, high), r.sign) for r in self.regions)
        return tuple(region for region in cut if region.low < region.high)


def johnson_neyman(
    b1: float, b3: float, v11: float, v13: float, v33: float, t: float, centre: float = 0.0
) -> JohnsonNeyman:
    """Where the effect b1 + b3 (z - centre) differs from 0 at critical value t.

    The boundary solves (b1 + b3 z)^2 = t^2 (v11 + 2 z v13 + z^2 v33) (Johnson & Neyman 1936; Bauer
    & Curran 2005).

    Args:
        b1, b3: coefficients of x and of the product.
        v11, v13, v33: their covariance.
        t: critical value, positive.
        centre: what was subtracted from z.

    Returns:
        Rising roots and the significant regions with their sign; ends may be infinite.
    """
    a = b3**2 - t**2 * v33
    b = 2 * (b1 * b3 - t**2 * v13)
    c = b1**2 - t**2 * v11
    roots = _real_roots(a, b, c)
    edges = [-math.inf, *roots, math.inf]
    regions = []
    for low, high in itertools.pairwise(edges):
        z = _middle(low, high)
        if a * z**2 + b * z + c > 0:
            sign = "positive" if b1 + b3 * z > 0 else "negative"
            regions.append(Region(low + centre, high + centre, sign))
    return JohnsonNeyman(tuple(root + centre for root in roots), tuple(regions))


def _real_roots(a: float, b: float, c: float) -> list[float]:
    """Rising real roots of a z^2 + b z + c; none where it does not change sign."""
    if a == 0:
        return [-c / b] if b != 0 else []
    disc = b**2 - 4 * a * c
    if disc <= 0:
        return []
    q = -0.5 * (b + math.copysign(math.sqrt(disc), b))
    return sorted((q / a, c / q))


def _middle(low: float, high: float) -> float:
    """A point inside an interval whose ends may be infinite."""
    if math.isinf(low) and math.isinf(high):
        return 0.0
    if math.isinf(low):
        return high - 1 - abs(high)
    if math.isinf(high):
        return low + 1 + abs(low)
    return (low + high) / 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Moderation(ShapeResult):
    """Moderation of x by z; `estimate` is the coefficient of the product.

    `effects` are average marginal effects on the index; for counts `ratio` = exp(b3) and
    `count_effects`, `count_difference` are on the scale of the expected outcome (Ai & Norton 2003:
    its sign may differ from the product's); elsewhere they are empty and NaN.
    """

    moderator: str
    p_one_sided: float
    p_two_sided: float
    effects: tuple[MarginalEffect, ...]
    difference: MarginalEffect
    johnson_neyman: JohnsonNeyman
    regions_in_data: tuple[Region, ...]
    ratio: float
    count_effects: tuple[MarginalEffect, ...]
    count_difference: MarginalEffect | None


def moderation_test(
    estimate: Estimate, x: str, z: str, sign: str | None = None, alpha: float = 0.05
) -> Moderation:
    """Test that z moderates the effect of x.

    Args:
        estimate: a model with x, z and x:z (z may be absorbed by the effects).
        x, z: base labels.
        sign: stated sign of the product, '+', '-' or None.
        alpha: level of the decision.

    Returns:
        `Moderation`; `decision` is positive, negative or none.

    Raises:
        NotEstimable: the product has no coefficient.
        ValueError: unknown sign.
    """
    side = side_of(sign)
    x, z = base_of(estimate, x), base_of(estimate, z)
    product = canonical_term(f"{x}:{z}")
    gradient = estimate.contrast({product: 1.0})
    test = scalar_test(estimate, gradient, float(gradient @ estimate.coefficients), sign)
    decision = sign_decision(test, sign, alpha)
    points = moderator_values(estimate, z)
    effects, counted = marginal_effects_at(estimate, x, z, points)
    neyman = _neyman(estimate, x, z, alpha)
    inside = neyman.inside(estimate.variables[z].min, estimate.variables[z].max)
    count_gap = _count_difference(estimate, x, z, points)
    reason = f"product {product} {number(test.value)}, {sided_p(test.p_value, sign)}"
    return Moderation(
        shape="interaction",
        model=estimate.spec.name,
        subject=product,
        quantity=f"coefficient of {product}",
        estimate=test.value,
        std_error=test.std_error,
        conf_low=test.conf_low,
        conf_high=test.conf_high,
        statistic=test.statistic,
        p_value=test.p_value,
        alternative=side,
        contrast=gradient,
        contrast_estimate=test.value,
        contrast_alternative=side,
        decision=decision,
        holds=is_stated(decision, sign),
        reasons=(reason,),
        sentence=_sentence(estimate, x, z, effects, inside, reason, count_gap),
        curve=marginal_curve(estimate, x, z),
        moderator=z,
        p_one_sided=test.p_one_sided,
        p_two_sided=test.p_two_sided,
        effects=effects,
        difference=_slope_difference(estimate, x, z, points),
        johnson_neyman=neyman,
        regions_in_data=inside,
        ratio=ratio_of(test.value) if estimate.link == "log" else math.nan,
        count_effects=counted,
        count_difference=count_gap,
    )


def moderator_values(estimate: Estimate, z: str) -> dict[str, float]:
    """Values of z at which effects are told: mean and mean +- 1 sd, P10, P50, P90 of ok rows."""
    known = estimate.variables[z]
    values = estimate.values(z)
    p10, p50, p90 = (float(q) for q in np.nanquantile(values, [0.1, 0.5, 0.9]))
    return {
        "mean - 1 sd": known.mean - known.sd,
        "mean": known.mean,
        "mean + 1 sd": known.mean + known.sd,
        "P10": p10,
        "P50": p50,
        "P90": p90,
    }


def marginal_effects_at(
    estimate: Estimate, x: str, z: str, points: Mapping[str, float]
) -> tuple[tuple[MarginalEffect, ...], tuple[MarginalEffect, ...]]:
    """Effects of x at chosen values of z.

    Args:
        estimate: a model with x, z and x:z.
        x, z: base labels.
        points: names -> uncentred values of z.

    Returns:
        (slopes of the index with x at its mean, average marginal effects on the expected count);
        the second is empty unless the outcome is a count.

    Raises:
        NotEstimable: x is no variable of the model.
    """
    x, z = base_of(estimate, x), base_of(estimate, z)
    index = tuple(_index_effect(estimate, x, z, name, at) for name, at in points.items())
    if estimate.link != "log":
        return index, ()
    rows = {name: count_marginal(estimate, x, z, at) for name, at in points.items()}
    counted = tuple(
        _effect(estimate, name, points[name], value, estimate.std_error_of(gradient))
        for name, (value, gradient) in rows.items()
    )
    return index, counted


def _effect(estimate: Estimate, where: str, z: float, value: float, error: float) -> MarginalEffect:
    low, high = confidence_interval(value, error, estimate.dof, estimate.spec.confidence)
    p = p_value_of(value / error, estimate.dof) if error > 0 else math.nan
    return MarginalEffect(where, z, value, error, low, high, p)


def _x_mean(estimate: Estimate, x: str) -> float:
    return estimate.variables[x].mean


def _index_effect(estimate: Estimate, x: str, z: str, where: str, at: float) -> MarginalEffect:
    """Slope of the index in x at a value of z, x at its mean."""
    gradient = slope_gradient(estimate, x, {x: _x_mean(estimate, x), z: at})
    value = float(gradient @ estimate.coefficients)
    return _effect(estimate, where, at, value, estimate.std_error_of(gradient))


def _slope_difference(
    estimate: Estimate, x: str, z: str, points: Mapping[str, float]
) -> MarginalEffect:
    """Slope at mean + 1 sd less slope at mean - 1 sd."""
    ends = [points["mean - 1 sd"], points["mean + 1 sd"]]
    low, high = (slope_gradient(estimate, x, {x: _x_mean(estimate, x), z: at}) for at in ends)
    gradient = high - low
    value = float(gradient @ estimate.coefficients)
    error = estimate.std_error_of(gradient)
    return _effect(estimate, "mean + 1 sd less mean - 1 sd", ends[1] - ends[0], value, error)


def _neyman(estimate: Estimate, x: str, z: str, alpha: float) -> JohnsonNeyman:
    """Johnson-Neyman regions for the slope of x at its mean, linear in z."""
    known = estimate.variables[z]
    at_centre = slope_gradient(estimate, x, {x: _x_mean(estimate, x), z: known.centre})
    one_up = slope_gradient(estimate, x, {x: _x_mean(estimate, x), z: known.centre + 1})
    rise = one_up - at_centre
    v, b = estimate.covariance, estimate.coefficients
    t = float(stats.t.ppf(1 - alpha / 2, estimate.dof))
    return johnson_neyman(
        float(at_centre @ b),
        float(rise @ b),
        float(at_centre @ v @ at_centre),
        float(at_centre @ v @ rise),
        float(rise @ v @ rise),
        t,
        known.centre,
    )


def marginal_curve(estimate: Estimate, x: str, z: str, n_points: int = GRID_POINTS) -> pl.DataFrame:
    """Effect of x on the index over the range of z: columns z, effect, low, high."""
    known = estimate.variables[z]
    grid = np.linspace(known.min, known.max, n_points)
    level = 0.5 + estimate.spec.confidence / 2
    width = float(stats.t.ppf(level, estimate.dof))
    mean = _x_mean(estimate, x)
    rows = np.stack([slope_gradient(estimate, x, {x: mean, z: float(at)}) for at in grid])
    value = rows @ estimate.coefficients
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, estimate.covariance, rows), 0.0))
    return pl.DataFrame(
        {"z": grid, "effect": value, "low": value - width * error, "high": value + width * error}
    )


def _count_difference(
    estimate: Estimate, x: str, z: str, points: Mapping[str, float]
) -> MarginalEffect | None:
    """Difference of average marginal effects on the expected count over +- 1 sd of z."""
    if estimate.link != "log":
        return None
    ends = [points["mean - 1 sd"], points["mean + 1 sd"]]
    (low, g_low), (high, g_high) = (count_marginal(estimate, x, z, at) for at in ends)
    error = estimate.std_error_of(g_high - g_low)
    name = "mean + 1 sd less mean - 1 sd"
    return _effect(estimate, name, ends[1] - ends[0], high - low, error)


def count_marginal(estimate: Estimate, x: str, z: str, at: float) -> tuple[float, FloatArray]:
    """Average derivative of the expected count in x with z set to `at`, and its gradient.

    E[y] moves from the fitted mean by exp of the index change that z makes, x and the other
    variables as observed, the effects as estimated (their sampling error is left out). Rows where
    a variable of the products is undefined do not enter.

    Returns:
        (value, (k,) gradient over the coefficients). Where the expected count of a row is beyond
        the range of floats the value is infinite or NaN, and the gradient NaN.

    Raises:
        NotEstimable: no row has all variables of the products.
    """
    touched = [(j, t) for j, t in model_terms(estimate) if x in t.bases or z in t.bases]
    bases = sorted({base for _, term in touched for base in term.bases})
    seen = {b: estimate.values(b) - estimate.variables[b].centre for b in bases}
    ok = ~np.isnan(np.stack(list(seen.values()))).any(axis=0)
    if not ok.any():
        raise NotEstimable("no_rows", x, f"no row has all of {', '.join(bases)}")
    here: dict[str, FloatArray] = {b: values[ok] for b, values in seen.items()}
    moved = {**here, z: np.full(int(ok.sum()), at - estimate.variables[z].centre)}
    fitted = estimate.frame["fitted"].to_numpy()[ok]
    return _average_slope(estimate, touched, x, here, moved, fitted)


def _average_slope(
    estimate: Estimate,
    touched: Sequence[tuple[int, Term]],
    x: str,
    here: Mapping[str, FloatArray],
    moved: Mapping[str, FloatArray],
    fitted: FloatArray,
) -> tuple[float, FloatArray]:
    """Mean of slope times mean count after moving z, with the delta-method gradient."""
    b = estimate.coefficients
    zero = np.zeros(len(fitted))
    shifts = {j: term_at(term, moved) - term_at(term, here) + zero for j, term in touched}
    slopes = {j: term_slope_at(term, x, moved) + zero for j, term in touched}
    mean = fitted * ratios_of(sum((b[j] * shifts[j] for j in shifts), zero))
    slope = sum((b[j] * slopes[j] for j in slopes), zero)
    gradient = np.zeros(len(b))
    with np.errstate(over="ignore", invalid="ignore"):
        for j in shifts:
            gradient[j] = float((mean * (slopes[j] + slope * shifts[j])).mean())
        value = float((mean * slope).mean())
    return value, gradient if np.isfinite(gradient).all() else np.full(len(b), np.nan)


def _sentence(
    estimate: Estimate,
    x: str,
    z: str,
    effects: Sequence[MarginalEffect],
    inside: Sequence[Region],
    reason: str,
    gap: MarginalEffect | None,
) -> str:
    """The finding in words, from its numbers."""
    low, high = effects[0], effects[2]
    text = (
        f"The effect of {x} on {outcome_words(estimate)} goes from {number(low.effect)} at one "
        f"standard deviation below the mean of {z} to {number(high.effect)} at one above; {reason}"
    )
    spans = [f"{r.sign} for {z} from {number(r.low)} to {number(r.high)}" for r in inside]
    text += f"; significantly {' and '.join(spans)}" if spans else f"; nowhere significant in {z}"
    if gap is not None:
        text += (
            f"; on expected {estimate.spec.outcome_column} the difference of marginal effects is "
            f"{number(gap.effect)} ({p_words(gap.p_value)})"
        )
    return text + "."
