"""From a claim's test and an estimate to a finding: what the data show, and for which hypothesis.

Coefficients are tested two-sided and must have the stated sign; curves by the one-sided test of
Lind and Mehlum in the direction the curve bends, so that the stated and the opposite finding each
have the level of the test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tertius.arrays import FloatArray
from tertius.claims.claim_test import ClaimTest
from tertius.claims.finding import EXPECTED, NEITHER, OPPOSITE, Effect, Finding, Step
from tertius.claims.mechanical import held_against
from tertius.estimate import Estimate
from tertius.estimate.result import confidence_interval
from tertius.inference.covariance import p_value_of
from tertius.inference.power import minimum_detectable_effect
from tertius.model_spec import Term, parse_term
from tertius.ratios import percent_of
from tertius.shapes import (
    SHAPE_TESTS,
    InvertedU,
    ShapeResult,
    ShapeSettings,
    inverted_u_test,
    moderated_inverted_u_test,
    moderation_test,
    run_shape_test,
    sign_test,
)
from tertius.shapes.common import model_terms, number, p_words, slope_gradient
from tertius.shapes.inverted_u import MIN_SHARE

EXPECTATIONS: Mapping[str, tuple[str, str | None]] = {
    "any": ("turning_point", None),
    "shift_right": ("turning_point", "positive"),
    "shift_left": ("turning_point", "negative"),
    "flatter": ("curvature", "positive"),
    "steeper": ("curvature", "negative"),
}
"""What a moderator should do to the curve -> quantity tested, wanted decision (None: either)."""


def find(
    test: ClaimTest,
    estimate: Estimate,
    alpha: float,
    name: str,
    further: Mapping[str, Estimate] | None = None,
    settings: ShapeSettings | None = None,
) -> Finding:
    """Run a claim's shape test.

    Args:
        test: the test; its terms belong to its models.
        estimate: its first model.
        alpha: level of each test before adjustment.
        name: of the hypothesis within its family.
        further: the other models that the test names, by id.
        settings: draws, seed and smallest effect of interest, where they are not the default ones.

    Raises:
        NotEstimable: a term has no coefficient in these data.
    """
    fits = {**(further or {}), test.model: estimate}
    told = settings or ShapeSettings(alpha)
    if test.legs:
        return _all_of(test, fits, alpha, name, told)
    if test.shape in FINDERS:
        found = FINDERS[test.shape](test, estimate, alpha, name)
    else:
        found = _joint(test, fits, told, name)
    if test.placebo:
        found = held_against(found, estimate, told)
    return replace(found, model=test.model)


def _all_of(
    test: ClaimTest, fits: Mapping[str, Estimate], alpha: float, name: str, settings: ShapeSettings
) -> Finding:
    """Every leg passes its test: an intersection of tests, p the largest of theirs (Berger 1982).

    The leg of the largest p is shown; the opposite is that of every leg.
    """
    legs = [find(leg, fits[leg.model], alpha, name, fits, settings) for leg in test.legs]
    binding = max(legs, key=lambda leg: leg.p_value)
    found = {leg.direction for leg in legs}
    return replace(
        binding,
        test=test,
        quantity=f"weakest of {len(legs)} legs, {binding.quantity}",
        direction=found.pop() if len(found) == 1 else NEITHER,
        steps=tuple(_leg_step(leg, fits) for leg in legs),
        effects=tuple(effect for leg in legs for effect in leg.effects),
        sentence=" ".join(leg.sentence for leg in legs),
        results=(*binding.results, *(r for leg in legs if leg is not binding for r in leg.results)),
        notes={"legs": {f"{i}": dict(leg.notes) for i, leg in enumerate(legs, 1) if leg.notes}},
    )


def _leg_step(leg: Finding, fits: Mapping[str, Estimate]) -> Step:
    outcome = fits[leg.model].spec.outcome_column
    text = f"{number(leg.estimate)}, {p_words(leg.p_value)}"
    words = f"{leg.quantity} on {outcome} is as stated"
    return Step(words, leg.direction == EXPECTED, text)


def _signs(test: ClaimTest, estimate: Estimate, alpha: float, name: str) -> Finding:
    """All terms have the stated sign: the intersection of their tests, p the largest of them."""
    results = [sign_test(estimate, term, None, alpha) for term in test.terms]
    binding = max(results, key=lambda result: (result.p_value, result.subject))
    steps = tuple(_sign_step(test.side, result) for result in results)
    wanted = {"greater": "positive", "less": "negative"}.get(test.side, "")
    found = {result.decision for result in results}
    return Finding(
        test=test,
        quantity=_slope_words(estimate, binding.subject, len(results)),
        **_numbers(binding),
        direction=_direction(found, wanted),
        steps=steps,
        hypothesis=binding.hypothesis(name, estimate),
        effects=_effects(estimate, test.terms, alpha),
        sentence=" ".join(result.sentence for result in results),
        curve=binding.curve,
        results=tuple(results),
    )


def _slope_words(estimate: Estimate, base: str, n_terms: int) -> str:
    """Coefficient, slope at the mean where the variable is bent, or what the estimator gives."""
    if base in estimate.estimator.gives:
        return f"{base} ({estimate.estimator.label.lower()})"
    bent = any(base in t.bases and t.degree > 1 for _, t in model_terms(estimate))
    words = f"slope in {base} at its mean" if bent else f"coefficient of {base}"
    return words if n_terms == 1 else f"weakest of {n_terms} slopes, {words}"


def _direction(found: set[str], wanted: str) -> str:
    """Expected where every decision is the wanted one, opposite where every one is its reverse."""
    if "none" in found or len(found) != 1:
        return NEITHER
    return EXPECTED if not wanted or found == {wanted} else OPPOSITE


def _sign_step(side: str, result: ShapeResult) -> Step:
    wanted = {"greater": "positive", "less": "negative"}.get(side, result.decision)
    met = result.decision == wanted != "none"
    text = f"{number(result.estimate)}, {p_words(result.p_value)}"
    return Step(f"{result.subject} is {wanted if wanted != 'none' else 'not zero'}", met, text)


def _numbers(result: ShapeResult) -> dict[str, Any]:
    keys = ("estimate", "std_error", "conf_low", "conf_high", "p_value")
    return {key: getattr(result, key) for key in keys}


def _interaction(test: ClaimTest, estimate: Estimate, alpha: float, name: str) -> Finding:
    """The product has the stated sign."""
    first, second = (factor.base for factor in parse_term(test.terms[0]).factors)
    result = moderation_test(estimate, first, second, None, alpha)
    wanted = {"greater": "positive", "less": "negative"}.get(test.side, "")
    return Finding(
        test=test,
        quantity=result.quantity,
        **_numbers(result),
        direction=_direction({result.decision}, wanted),
        steps=(_sign_step(test.side, result),),
        hypothesis=result.hypothesis(name, estimate),
        effects=_effects(estimate, test.terms, alpha),
        sentence=result.sentence,
        curve=result.curve,
        results=(result,),
    )


def _inverted_u(test: ClaimTest, estimate: Estimate, alpha: float, name: str) -> Finding:
    """Three-step test; where the curve is a U, the same steps in the other direction."""
    result = inverted_u_test(estimate, test.variable, "inverted_u", alpha)
    steps = _curve_steps(result, alpha)
    direction = EXPECTED if result.holds else NEITHER
    if result.beta2 > 0:
        result = inverted_u_test(estimate, test.variable, "u", alpha)
        direction = OPPOSITE if result.holds else NEITHER
    return Finding(
        test=test,
        quantity=result.quantity,
        **_numbers(result),
        direction=direction,
        steps=steps,
        hypothesis=result.hypothesis(name, estimate),
        effects=_effects(estimate, (f"{test.variable}^2",), alpha),
        sentence=result.sentence,
        curve=result.curve,
        results=(result,),
        notes={"decision": result.decision, "turning_point": result.estimate},
    )


def _curve_steps(result: InvertedU, alpha: float) -> tuple[Step, ...]:
    ends = result.at_extremes
    low = f"{number(ends.slope_low)}, {p_words(ends.p_low)} one-sided"
    high = f"{number(ends.slope_high)}, {p_words(ends.p_high)} one-sided"
    bend = f"{number(result.beta2)}, {p_words(result.p_curvature)} one-sided"
    return (
        Step("curvature is negative", result.p_curvature < alpha, bend),
        Step("slope at the minimum is positive", ends.p_low < alpha, low),
        Step("slope at the maximum is negative", ends.p_high < alpha, high),
        Step(
            "observations lie on both sides of the turning point",
            MIN_SHARE <= result.share_beyond <= 1 - MIN_SHARE,
            f"{100 * result.share_beyond:.1f} % beyond it",
            evidence=False,
        ),
    )


def _diminishing(test: ClaimTest, estimate: Estimate, alpha: float, name: str) -> Finding:
    """Returns that are positive at first and decline; a negative slope is a separate finding.

    Stated: slope at the minimum > 0 and curvature < 0. Opposite: slope at the maximum > 0 and
    curvature > 0. The one p is the larger of the two, its contrast enters the family.
    """
    curve = inverted_u_test(estimate, test.variable, "inverted_u", alpha)
    bent = curve.beta2 < 0
    known = estimate.variables[curve.subject]
    at = known.min if bent else known.max
    slope = slope_gradient(estimate, curve.subject, {curve.subject: at})
    bend = estimate.contrast({f"{curve.subject}^2": -1.0 if bent else 1.0})
    evidence = []
    for contrast in (bend, slope):
        value = float(contrast @ estimate.coefficients)
        t = value / estimate.std_error_of(contrast)
        evidence.append((p_value_of(t, estimate.dof, "greater"), contrast, value))
    p_value, contrast, value = max(evidence, key=lambda item: item[0])
    met = p_value < alpha
    interval = confidence_interval(
        curve.beta2, curve.se_beta2, estimate.dof, estimate.spec.confidence
    )
    return Finding(
        test=test,
        quantity=f"coefficient of {curve.subject}^2",
        estimate=curve.beta2,
        std_error=curve.se_beta2,
        conf_low=interval[0],
        conf_high=interval[1],
        p_value=p_value,
        direction=NEITHER if not met else EXPECTED if bent else OPPOSITE,
        steps=_curve_steps(curve, alpha)[:2],
        hypothesis=estimate.hypothesis(name, contrast, value, "greater"),
        effects=_effects(estimate, (f"{curve.subject}^2",), alpha),
        sentence=curve.sentence,
        curve=curve.curve,
        results=(curve,),
        notes={
            "decision": curve.decision,
            "turning_point": curve.estimate,
            "negative_slope_shown": curve.holds,
            "count_bends": _count_bends(curve, estimate),
        },
    )


def _count_bends(curve: InvertedU, estimate: Estimate) -> dict[str, float]:
    """Second derivative of an expected count over its height, slope^2 + 2 b2, at three points.

    The index may bend down where the expected count still bends up (Ai & Norton 2003).
    """
    if estimate.link != "log":
        return {}
    known = estimate.variables[curve.subject]
    points = {"minimum": known.min, "mean": known.mean, "maximum": known.max}
    slopes = {name: curve.beta1 + 2 * curve.beta2 * x for name, x in points.items()}
    return {name: slope**2 + 2 * curve.beta2 for name, slope in slopes.items()}


def _moderated(test: ClaimTest, estimate: Estimate, alpha: float, name: str) -> Finding:
    """The moderator moves the turning point (or bends the curve) of an inverted-U that is there."""
    quantity, wanted = EXPECTATIONS[test.expect]
    x, z = test.variable, test.moderator
    result = moderated_inverted_u_test(estimate, x, z, None, quantity, alpha)
    curved = result.base_decision == "inverted_u"
    moved = _direction({result.decision}, wanted or "")
    main = f"{number(result.estimate)}, {p_words(result.p_value)}"
    steps = (
        Step(
            f"inverted-U of {x} at mean {z}", curved, f"Lind-Mehlum {p_words(result.base_p_value)}"
        ),
        Step(_expectation_words(test), moved == EXPECTED, main),
    )
    products = tuple(t for t in test.needed_terms if parse_term(t).degree > 1 and ":" in t)
    return Finding(
        test=test,
        quantity=result.quantity,
        **_numbers(result),
        direction=moved if curved else NEITHER,
        steps=steps,
        hypothesis=result.hypothesis(name, estimate),
        effects=_effects(estimate, products, alpha),
        sentence=result.sentence,
        curve=result.curve,
        results=(result,),
        notes={"decision": result.decision, "base_decision": result.base_decision},
    )


def _expectation_words(test: ClaimTest) -> str:
    words = {
        "any": "moves the turning point",
        "shift_right": "moves the turning point to the right",
        "shift_left": "moves the turning point to the left",
        "flatter": "makes the curve flatter",
        "steeper": "makes the curve steeper",
    }
    return f"{test.moderator} {words[test.expect]}"


def _effects(estimate: Estimate, terms: Sequence[str], alpha: float) -> tuple[Effect, ...]:
    """Effects of terms as shares of the expected outcome, each over a telling change.

    Main effects (at the mean, where there are powers) and products: one standard deviation of each
    factor (`Estimate.spread`). Squares: half the distance from P5 to P95, so that the effect is the
    bend over the middle 90 %. For counts exp(b s) - 1, for odds the same as a share of the odds;
    otherwise b s over the mean outcome, and nothing where that is not positive.
    """
    made = []
    for label in terms:
        if label in estimate.estimator.gives:
            scale, per, gradient = 1.0, "the treatment", estimate.contrast({label: 1.0})
        else:
            term = parse_term(label)
            scale, per = _scale(estimate, term)
            gradient = _gradient(estimate, term)
        value = float(gradient @ estimate.coefficients)
        error = estimate.std_error_of(gradient)
        low, high = confidence_interval(value, error, estimate.dof, 1 - 2 * alpha)
        numbers = (value, low, high, minimum_detectable_effect(error))
        if estimate.link in ("log", "logit"):
            made.append(Effect(label, per, *(percent_of(v * scale) / 100 for v in numbers)))
        elif estimate.mean_outcome > 0:
            made.append(Effect(label, per, *(v * scale / estimate.mean_outcome for v in numbers)))
    return tuple(made)


def _gradient(estimate: Estimate, term: Term) -> FloatArray:
    if term.degree == 1:
        base = term.factors[0].base
        return slope_gradient(estimate, base, {base: estimate.variables[base].mean})
    return estimate.contrast({term.label: 1.0})


def _scale(estimate: Estimate, term: Term) -> tuple[float, str]:
    """Product of the telling changes of the factors, and what they are in words."""
    sizes, bent, words = [], False, ""
    for factor in term.factors:
        known = estimate.variables[factor.base]
        bent = bent or factor.power > 1
        size, words = estimate.spread(factor.base)
        size = size if factor.power == 1 else (known.p95 - known.p5) / 2
        sizes.append(size**factor.power)
    return math.prod(sizes), "the middle 90 % of the data" if bent else words


def _joint(
    test: ClaimTest, fits: Mapping[str, Estimate], settings: ShapeSettings, name: str
) -> Finding:
    """Any other shape test, by its own decision and steps."""
    estimate = fits[test.model]
    result = run_shape_test(test, fits, settings)
    steps = tuple(Step(step.name, step.met, step.text, step.evidence) for step in result.steps)
    held = Step(result.quantity, result.holds, "; ".join(result.reasons))
    told = tuple(term for term in test.terms if estimate.has(term))
    return Finding(
        test=test,
        quantity=result.quantity,
        **_numbers(result),
        direction=EXPECTED if result.holds else OPPOSITE if result.opposite else NEITHER,
        steps=steps or (held,),
        hypothesis=result.hypothesis(name, estimate),
        effects=_effects(estimate, told, settings.alpha) if test.shape in SIZED else (),
        sentence=result.sentence,
        curve=result.curve,
        results=(result,),
        notes={"decision": result.decision, **result.notes},
    )


SIZED = ("three_way", "complementarity")
"""Shapes whose own terms tell the size of the effect, for the test of equivalence."""

FINDERS: Mapping[str, Callable[[ClaimTest, Estimate, float, str], Finding]] = {
    "positive": _signs,
    "negative": _signs,
    "interaction": _interaction,
    "inverted_u": _inverted_u,
    "diminishing": _diminishing,
    "moderated_inverted_u": _moderated,
}
"""Functions of the shapes of one model that are told with effects; the others are `SHAPE_TESTS`."""

JUDGED = (*FINDERS, *SHAPE_TESTS, "all_of")
"""Every shape that a claim can state."""
