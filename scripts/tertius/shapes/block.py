"""Does a block of terms add to a model, and do its effects add up to something positive?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.estimate.result import Estimate
from tertius.shapes.common import number, outcome_words, p_words
from tertius.shapes.comparison import scale_of
from tertius.shapes.joint import (
    JointResult,
    Scalar,
    ShapeStep,
    equivalent_value,
    joint_result,
    scalar,
)
from tertius.shapes.refit import WaldTest, wald_test


@dataclass(frozen=True, eq=False, kw_only=True)
class Block(JointResult):
    """A block of terms: `joint` cluster Wald test that all are zero, `estimate` their sum.

    The sum is that of the coefficients times their within-firm standard deviations. `p_value` is
    the joint p; where a sign is stated, the larger of it and of the sum's two-sided p.
    """

    terms: tuple[str, ...]
    joint: WaldTest
    parts: tuple[Scalar, ...]


def block_gain_test(
    estimate: Estimate, terms: Sequence[str], sign: str | None = None, alpha: float = 0.05
) -> Block:
    """Test that a block of terms adds to a model, with a sum of the stated sign where one is.

    Any estimator will do: the test reads coefficients and covariance alone.

    Args:
        estimate: a model with the terms.
        terms: of the block, two or more.
        sign: stated sign of the sum of the effects, '+', '-' or None.
        alpha: level.

    Raises:
        NotEstimable: a term has no coefficient.
    """
    places = [estimate.index(term) for term in terms]
    labels = tuple(estimate.terms[j] for j in places)
    b, v = estimate.coefficients[places], estimate.covariance[np.ix_(places, places)]
    sizes = np.array([scale_of(estimate, label, "within_sd") for label in labels])
    level, dof = estimate.spec.confidence, estimate.dof
    joint = wald_test(b, v, dof)
    total = scalar(float(sizes @ b), float(np.sqrt(sizes @ v @ sizes)), dof, level)
    errors = np.sqrt(np.diag(v)) * sizes
    parts = tuple(
        scalar(float(value), float(error), dof, level)
        for value, error in zip(b * sizes, errors, strict=True)
    )
    p_value = max(joint.p_value, total.p_two_sided) if sign else joint.p_value
    direction = "positive" if total.value > 0 else "negative"
    # the linear combination that the joint statistic rests on, or the sum where that one binds
    weights = sizes if p_value > joint.p_value else np.linalg.pinv(v, hermitian=True) @ b
    error = float(np.sqrt(weights @ v @ weights))
    said = ", ".join(labels)
    result: Block = joint_result(
        Block,
        total,
        estimate.influence[:, places] @ weights,
        estimate.cluster_ids,
        sign,
        shape="block",
        model=estimate.spec.name,
        subject=said,
        quantity=f"sum of the effects of {said}, per within-firm standard deviation",
        p_value=p_value,
        contrast_estimate=equivalent_value(p_value, error, dof, total.value),
        contrast_error=error,
        contrast_alternative="two-sided",
        decision="none" if p_value >= alpha else direction,
        reasons=(f"joint {p_words(joint.p_value)}",),
        steps=_steps(joint, total, sign, alpha),
        sentence=(
            f"The block {said} has F({joint.restrictions}, {number(dof)}) = "
            f"{number(joint.statistic)} ({p_words(joint.p_value)}) on {outcome_words(estimate)}; "
            f"its effects per within-firm standard deviation add up to {number(total.value)} "
            f"[{number(total.conf_low)}, {number(total.conf_high)}] "
            f"({p_words(total.p_two_sided)})."
        ),
        curve=_curve(labels, parts),
        terms=labels,
        joint=joint,
        parts=parts,
    )
    return result


def _steps(joint: WaldTest, total: Scalar, sign: str | None, alpha: float) -> tuple[ShapeStep, ...]:
    steps = [
        ShapeStep("the block adds to the model", joint.p_value < alpha, p_words(joint.p_value))
    ]
    if sign:
        word = "positive" if sign == "+" else "negative"
        met = total.p_two_sided < alpha and (total.value > 0) == (sign == "+")
        text = f"{number(total.value)}, {p_words(total.p_two_sided)}"
        steps.append(ShapeStep(f"the sum of its effects is {word}", met, text))
    return tuple(steps)


def _curve(labels: Sequence[str], parts: Sequence[Scalar]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "term": list(labels),
            "value": [p.value for p in parts],
            "low": [p.conf_low for p in parts],
            "high": [p.conf_high for p in parts],
        }
    )
