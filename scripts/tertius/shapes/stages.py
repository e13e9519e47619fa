"""Do stages differ? Contrasts of stage terms, for outcomes that do not define the stage."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.model_spec import parse_term
from tertius.shapes.common import number, outcome_words, p_words
from tertius.shapes.joint import (
    JointResult,
    Scalar,
    ShapeStep,
    equivalent_value,
    joint_result,
    scalar,
)
from tertius.shapes.refit import WaldTest, wald_test

STAGE_SOURCES = ("deg", "psize", "nalli", "entry", "exit", "newties", "ntie", "reconf", "stage")
"""Variables that stages are cut from (size, entry of the portfolio), or that follow from them."""


@dataclass(frozen=True)
class StageStep:
    """A stage less the one before it."""

    before: str
    after: str
    difference: Scalar


@dataclass(frozen=True, eq=False, kw_only=True)
class StageDifference(JointResult):
    """Stages compared; `estimate` is the last stage less the base, `p_value` the joint one.

    `adjacent` are the differences of neighbouring stages, `monotone` says whether they all have
    one sign.
    """

    stages: tuple[str, ...]
    joint: WaldTest
    adjacent: tuple[StageStep, ...]
    monotone: bool


def refuse_circular(estimate: Estimate, sources: Collection[str]) -> None:
    """Refuse an outcome that the stages are defined by.

    Raises:
        NotEstimable: the outcome is one of the sources.
    """
    outcome = estimate.spec.outcome
    if outcome.split("__")[0] in sources:
        what = f"stages are defined by {outcome}: that they differ in it says nothing"
        raise NotEstimable("circular", outcome, what)


def stage_difference_test(
    estimate: Estimate,
    stages: Sequence[str],
    *,
    base: str = "the base stage",
    sources: Collection[str] = STAGE_SOURCES,
    sign: str | None = None,
    alpha: float = 0.05,
) -> StageDifference:
    """Test that an outcome (or, with product terms, an effect) differs between stages.

    Args:
        estimate: a model with a flag (or a product with a flag) for each stage but the base.
        stages: their terms in the order of the stages.
        base: name of the stage left out.
        sources: variables by which stages are defined; refused as outcomes.
        sign: stated sign of the last stage less the base, or None.
        alpha: level.

    Raises:
        NotEstimable: the outcome defines the stages, or a stage has no coefficient.
    """
    refuse_circular(estimate, sources)
    places = [estimate.index(stage) for stage in stages]
    labels = [estimate.terms[j] for j in places]
    b, v = estimate.coefficients[places], estimate.covariance[np.ix_(places, places)]
    joint = wald_test(b, v, estimate.dof)
    names = [base, *labels]
    steps = [
        StageStep(one, two, _difference(estimate, one, two, base))
        for one, two in itertools.pairwise(names)
    ]
    signs = np.sign([step.difference.value for step in steps])
    last = scalar(
        float(b[-1]), float(np.sqrt(v[-1, -1])), estimate.dof, estimate.spec.confidence, sign
    )
    decision = "none" if joint.p_value >= alpha else "positive" if last.value > 0 else "negative"
    if sign is not None and last.p_two_sided >= alpha:
        decision = "none"
    p_value = max(joint.p_value, last.p_two_sided) if sign else joint.p_value
    result: StageDifference = joint_result(
        StageDifference,
        last,
        estimate.influence[:, places[-1]],
        estimate.cluster_ids,
        sign,
        shape="stage_difference",
        model=estimate.spec.name,
        subject=labels[-1],
        quantity=f"{labels[-1]} less {base}",
        p_value=p_value,
        contrast_estimate=equivalent_value(p_value, last.std_error, estimate.dof, last.value),
        contrast_alternative="two-sided",
        decision=decision,
        reasons=(f"joint {p_words(joint.p_value)}",),
        steps=(
            ShapeStep("stages differ", joint.p_value < alpha, p_words(joint.p_value)),
            ShapeStep(
                "the last stage differs from the base",
                last.p_value < alpha,
                f"{number(last.value)}, {p_words(last.p_value)}",
            ),
        ),
        sentence=_sentence(estimate, steps, joint),
        curve=_curve(estimate, labels, base),
        stages=tuple(labels),
        joint=joint,
        adjacent=tuple(steps),
        monotone=bool((signs > 0).all() or (signs < 0).all()),
    )
    return result


def _difference(estimate: Estimate, before: str, after: str, base: str) -> Scalar:
    weights = {after: 1.0} if before == base else {after: 1.0, before: -1.0}
    gradient = estimate.contrast(weights)
    value = float(gradient @ estimate.coefficients)
    return scalar(value, estimate.std_error_of(gradient), estimate.dof, estimate.spec.confidence)


def _curve(estimate: Estimate, labels: Sequence[str], base: str) -> pl.DataFrame:
    rows = [(base, 0.0, 0.0, 0.0)]
    for label in labels:
        found = _difference(estimate, base, label, base)
        rows.append((_plain(label), found.value, found.conf_low, found.conf_high))
    return pl.DataFrame(rows, schema=["stage", "effect", "low", "high"], orient="row")


def _plain(label: str) -> str:
    return parse_term(label).label


def _sentence(estimate: Estimate, steps: Sequence[StageStep], joint: WaldTest) -> str:
    told = ", ".join(
        f"{s.after} less {s.before} {number(s.difference.value)} "
        f"({p_words(s.difference.p_two_sided)})"
        for s in steps
    )
    verdict = "differ" if joint.p_value < 0.05 else "are not shown to differ"
    return (
        f"Stages {verdict} in {outcome_words(estimate)}: F({joint.restrictions}, "
        f"{number(joint.dof)}) = {number(joint.statistic)} ({p_words(joint.p_value)}); {told}."
    )
