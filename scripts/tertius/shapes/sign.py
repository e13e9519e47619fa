"""Does a variable raise or lower the outcome?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate, confidence_interval
from tertius.inference.covariance import p_value_of
from tertius.ratios import percent_of
from tertius.shapes.common import (
    ShapeResult,
    base_of,
    effect_curve,
    number,
    outcome_words,
    p_words,
    slope_gradient,
)

SIDES = {"+": "greater", "-": "less", None: "two-sided"}


@dataclass(frozen=True, eq=False, kw_only=True)
class SignTest(ShapeResult):
    """Slope of the index in a variable, others of its products at their means.

    `effect_within_sd` is the change of the index, `percent_within_sd` that of the expected count,
    for one within-firm standard deviation, or for the whole of a coefficient that the estimator
    gives (NaN where the outcome is no count).
    """

    p_one_sided: float
    p_two_sided: float
    effect_within_sd: float
    percent_within_sd: float


def side_of(sign: str | None) -> str:
    """Alternative hypothesis of a stated sign: + greater, - less, None two-sided.

    Raises:
        ValueError: any other sign.
    """
    if sign not in SIDES:
        raise ValueError(f"unknown sign {sign!r}; give '+', '-' or None")
    return SIDES[sign]


def sign_test(
    estimate: Estimate, term: str, sign: str | None = None, alpha: float = 0.05
) -> SignTest:
    """t test of a main effect; one-sided where a sign is stated, both p values given.

    Where the variable also has a power, the slope is the one at its mean.

    Args:
        estimate: the model.
        term: main effect, for example ``log1p(deg)``, or a coefficient that the estimator gives
            beside its terms, for example ``att``.
        sign: stated sign, '+', '-' or None.
        alpha: level of the decision.

    Returns:
        `SignTest`; `decision` is positive, negative (both beyond chance, the stated direction
        one-sided, the other two-sided) or none; `holds` says it is the stated one.

    Raises:
        NotEstimable: the term has no coefficient.
        ValueError: unknown sign.
    """
    side = side_of(sign)
    given = term in estimate.estimator.gives
    base = term if given else base_of(estimate, term)
    estimate.index(base)
    if given:
        size, curve, gradient = 1.0, pl.DataFrame(), estimate.contrast({base: 1.0})
    else:
        size = estimate.spread(base)[0]
        curve = effect_curve(estimate, base, estimate.spec.confidence)
        gradient = slope_gradient(estimate, base, {base: estimate.variables[base].mean})
    test = scalar_test(estimate, gradient, float(gradient @ estimate.coefficients), sign)
    decision = sign_decision(test, sign, alpha)
    step = test.value * size
    reason = f"coefficient of {base} {number(test.value)}, {sided_p(test.p_value, sign)}"
    return SignTest(
        shape="sign",
        model=estimate.spec.name,
        subject=base,
        quantity=f"slope of {outcome_words(estimate)} in {base}",
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
        sentence=_sentence(estimate, base, test, step, reason),
        curve=curve,
        p_one_sided=test.p_one_sided,
        p_two_sided=test.p_two_sided,
        effect_within_sd=step,
        percent_within_sd=percent_of(step) if estimate.link == "log" else math.nan,
    )


@dataclass(frozen=True)
class ScalarTest:
    """t test of one quantity against 0; `p_value` is one-sided where a sign is stated."""

    value: float
    std_error: float
    conf_low: float
    conf_high: float
    statistic: float
    p_one_sided: float
    p_two_sided: float
    p_value: float


def scalar_test(
    estimate: Estimate, gradient: FloatArray, value: float, sign: str | None
) -> ScalarTest:
    """Delta-method t test of a quantity with a (k,) gradient.

    Without a stated sign the one-sided p is that of the direction found.

    Raises:
        NotEstimable: the quantity has no variance.
    """
    error = estimate.std_error_of(gradient)
    if not error > 0:  # also where there is none (NaN)
        raise NotEstimable("no_variation", estimate.spec.name, "the quantity has no variance")
    statistic, dof = value / error, estimate.dof
    both = p_value_of(statistic, dof)
    one = p_value_of(statistic, dof, side_of(sign)) if sign else both / 2
    low, high = confidence_interval(value, error, dof, estimate.spec.confidence)
    return ScalarTest(value, error, low, high, statistic, one, both, one if sign else both)


def sign_decision(test: ScalarTest, sign: str | None, alpha: float) -> str:
    """positive, negative or none: the stated direction at its one-sided p, the other two-sided."""
    stated = {"+": test.value > 0, "-": test.value < 0, None: True}[sign]
    if not (test.p_value if stated else test.p_two_sided) < alpha:
        return "none"
    return "positive" if test.value > 0 else "negative"


def is_stated(decision: str, sign: str | None) -> bool:
    """Whether a decision is the stated direction (any direction where none is stated)."""
    return decision == {"+": "positive", "-": "negative", None: decision}[sign] != "none"


def sided_p(p: float, sign: str | None) -> str:
    """``p = 0.012 (one-sided for +)``."""
    return f"{p_words(p)} ({f'one-sided for {sign}' if sign else 'two-sided'})"


def _sentence(estimate: Estimate, base: str, test: ScalarTest, step: float, reason: str) -> str:
    """The finding in words, from its numbers."""
    outcome = estimate.spec.outcome_column
    if estimate.link == "log":
        change = f"{percent_of(step):+.1f} % in expected {outcome}"
    else:
        change = f"{number(step)} in {outcome}"
    level = 100 * estimate.spec.confidence
    cause = f"The {estimate.estimator.label.lower()} ({base})"
    if base in estimate.variables:
        sd, words = estimate.spread(base)
        cause = f"{words.capitalize()} of {base} ({number(sd)})"
    return (
        f"{cause} goes with {change}; "
        f"{reason}, {level:.0f} % interval [{number(test.conf_low)}, {number(test.conf_high)}]."
    )
