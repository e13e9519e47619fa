"""Are two practices complements? Supermodularity of the outcome, and joint adoption."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.model_spec import Term, canonical_term
from tertius.ratios import ratios_of
from tertius.shapes.common import base_of, model_terms, number, outcome_words, p_words, term_at
from tertius.shapes.indirect import numerical_gradient
from tertius.shapes.joint import JointResult, Scalar, ShapeStep, decide_sign, joint_result, scalar
from tertius.shapes.path_diagram import without_mediators
from tertius.shapes.refit import fit_rows, rows_of
from tertius.shapes.splines import ok_values

TAILS = (0.25, 0.1, 0.05, 0.0)
"""Tail shares at which low and high are looked for."""


@dataclass(frozen=True)
class ResidualCorrelation:
    """Correlation of two practices given controls and effects, with a clustered test.

    Joint adoption is what complements bring about (Arora & Gambardella 1990); unobserved drivers of
    both bring it about too (Athey & Stern 1998), so that it is no proof by itself.
    """

    correlation: float
    slope: Scalar
    rows: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Complementarity(JointResult):
    """Complementarity of a and b; `estimate` is their product's coefficient on the index.

    `cross_difference` is E[y] at both high, less each high alone, plus both low, over the sample
    (supermodularity of the expected outcome itself; Milgrom & Roberts 1990); for counts its sign
    may differ from the product's. `corners` holds the four means.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    cross_difference: Scalar
    corners: tuple[float, float, float, float]
    adoption: ResidualCorrelation


def complementarity_test(
    estimate: Estimate, a: str, b: str, sign: str | None = "+", alpha: float = 0.05
) -> Complementarity:
    """Test that two practices raise each other's return.

    The index's product decides; the cross difference of expected outcomes and the residual
    correlation of the practices stand beside it. High and low are 1 and 0 of two-valued
    practices, else P75 and P25; where these are the same (a practice that few have) the first of
    `TAILS` at which they differ.

    Args:
        estimate: a model with a, b and a:b.
        a, b: base labels.
        sign: '+' for complements, '-' for substitutes, None for either.
        alpha: level.

    Raises:
        NotEstimable: a term has no coefficient, or a practice does not vary.
    """
    a, b = base_of(estimate, a), base_of(estimate, b)
    product = canonical_term(f"{a}:{b}")
    j = estimate.index(product)
    value, error = float(estimate.coefficients[j]), float(estimate.std_errors[j])
    test = scalar(value, error, estimate.dof, estimate.spec.confidence, sign)
    ends = [_ends(estimate, name) for name in (a, b)]
    corners, cross = _cross_difference(estimate, a, b, ends)
    adoption = residual_correlation(estimate, a, b)
    decision = decide_sign(test, alpha)
    result: Complementarity = joint_result(
        Complementarity,
        test,
        estimate.influence[:, j],
        estimate.cluster_ids,
        sign,
        alpha=alpha,
        shape="complementarity",
        model=estimate.spec.name,
        subject=product,
        quantity=f"coefficient of {product}",
        decision=decision,
        reasons=(f"product {number(value)}, {p_words(test.p_value)}",),
        steps=(_step(product, test, alpha),),
        sentence=_sentence(estimate, a, b, test, cross, adoption),
        curve=_curve(a, b, ends, corners),
        low=(ends[0][0], ends[1][0]),
        high=(ends[0][1], ends[1][1]),
        cross_difference=cross,
        corners=corners,
        adoption=adoption,
    )
    return result


def _step(product: str, test: Scalar, alpha: float) -> ShapeStep:
    text = f"{number(test.value)}, {p_words(test.p_value)}"
    return ShapeStep(f"{product} is beyond chance", test.p_two_sided < alpha, text)


def _ends(estimate: Estimate, base: str) -> tuple[float, float]:
    values, ok = ok_values(estimate, base)
    seen = np.unique(values[ok])
    if len(seen) == 2:
        return float(seen[0]), float(seen[1])
    for tail in TAILS:
        low, high = (float(q) for q in np.quantile(values[ok], [tail, 1 - tail]))
        if low < high:
            return low, high
    raise NotEstimable("no_variation", base, f"{base} does not vary")


def _cross_difference(
    estimate: Estimate, a: str, b: str, ends: list[tuple[float, float]]
) -> tuple[tuple[float, float, float, float], Scalar]:
    """Mean outcomes at (low, low), (high, low), (low, high), (high, high) and their contrast.

    Rows keep their other variables and effects; the effects' sampling error is left out.
    """
    touched = [(j, t) for j, t in model_terms(estimate) if a in t.bases or b in t.bases]
    bases = sorted({base for _, term in touched for base in term.bases})
    values = {n: estimate.values(n) - estimate.variables[n].centre for n in bases}
    ok: BoolArray = np.asarray(~np.isnan(np.stack(list(values.values()))).any(axis=0))
    here = {n: v[ok] for n, v in values.items()}
    fitted = estimate.frame["fitted"].to_numpy()[ok]
    shifts = []
    for at_a, at_b in ((0, 0), (1, 0), (0, 1), (1, 1)):
        there = dict(here)
        for name, end, at in ((a, ends[0], at_a), (b, ends[1], at_b)):
            there[name] = np.full(int(ok.sum()), end[at] - estimate.variables[name].centre)
        shifts.append(_shift_matrix(touched, here, there))
    places = [j for j, _ in touched]

    def means(theta: FloatArray) -> FloatArray:
        found = []
        for shift in shifts:
            change = shift @ theta[:, places].T
            moved = fitted[:, None] + change
            if estimate.link == "log":
                moved = fitted[:, None] * ratios_of(change)
            found.append(moved.mean(axis=0))
        return np.stack(found, axis=1)

    def contrast(theta: FloatArray) -> FloatArray:
        return np.asarray(means(theta) @ np.array([1.0, -1.0, -1.0, 1.0]))

    # expected counts beyond the range of floats are infinite, their contrast has no error
    with np.errstate(over="ignore", invalid="ignore"):
        gradient = numerical_gradient(contrast, estimate.coefficients)
        point = means(estimate.coefficients[None])[0]
        value = float(contrast(estimate.coefficients[None])[0])
    corners = (float(point[0]), float(point[1]), float(point[2]), float(point[3]))
    if not np.isfinite(gradient).all():
        return corners, Scalar(value, *[math.nan] * 7)
    error = estimate.std_error_of(gradient)
    return corners, scalar(value, error, estimate.dof, estimate.spec.confidence)


def _shift_matrix(
    touched: list[tuple[int, Term]],
    here: dict[str, FloatArray],
    there: dict[str, FloatArray],
) -> FloatArray:
    """(n, t) change of each touched term."""
    zero = np.zeros(len(next(iter(here.values()))))
    columns = [term_at(t, there) - term_at(t, here) + zero for _, t in touched]
    return np.stack(columns, axis=1)


def residual_correlation(estimate: Estimate, a: str, b: str) -> ResidualCorrelation:
    """Correlation of a and b net of the model's other regressors and effects.

    The test is the clustered t of the slope of a on b; columns made from either practice leave.

    Raises:
        NotEstimable: nothing of a practice is left.
    """
    rows = rows_of(estimate)
    rows = without_mediators(estimate, rows, (a, b))
    (u, ok_u), (v, ok_v) = ok_values(estimate, a), ok_values(estimate, b)
    part = ok_u & ok_v
    used = rows.explaining(u, is_count=False)
    kept = used.informative(part)
    first = fit_rows(used.take(part).adding({b: v[kept]}))
    back = fit_rows(rows.explaining(v, is_count=False).take(part).adding({a: u[kept]}))
    slope = scalar(first.value(b), first.error(b), first.dof, estimate.spec.confidence)
    squared = max(first.value(b) * back.value(a), 0.0)
    return ResidualCorrelation(
        float(np.sign(slope.value) * np.sqrt(squared)), slope, int(kept.sum())
    )


def _curve(
    a: str, b: str, ends: list[tuple[float, float]], corners: tuple[float, float, float, float]
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            a: [ends[0][0], ends[0][1], ends[0][0], ends[0][1]],
            b: [ends[1][0], ends[1][0], ends[1][1], ends[1][1]],
            "expected": list(corners),
        }
    )


def _sentence(
    estimate: Estimate,
    a: str,
    b: str,
    test: Scalar,
    cross: Scalar,
    adoption: ResidualCorrelation,
) -> str:
    word = "complements" if test.value > 0 else "substitutes"
    shown = (
        f"{a} and {b} are {word}"
        if test.p_two_sided < 0.05
        else (f"{a} and {b} are not shown to be complements or substitutes")
    )
    return (
        f"{shown}: their product on {outcome_words(estimate)} is {number(test.value)} "
        f"({p_words(test.p_value)}), the cross difference of expected "
        f"{estimate.spec.outcome_column} {number(cross.value)} ({p_words(cross.p_two_sided)}); "
        f"their residual correlation is {number(adoption.correlation)} "
        f"({p_words(adoption.slope.p_two_sided)})."
    )
