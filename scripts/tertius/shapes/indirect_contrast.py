"""Differences of indirect effects of several models, on a proportional scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.inference.covariance import p_value_of
from tertius.shapes.common import base_of, number, outcome_words, p_words
from tertius.shapes.indirect import (
    IndirectEffect,
    Quantity,
    combination,
    indirect_effect,
    make_system,
    numerical_gradient,
    product_of,
)
from tertius.shapes.joint import JointResult, decide_sign, joint_result, scalar
from tertius.shapes.path_diagram import OUTCOME, path_equations
from tertius.shapes.refit import Refit, Rows


@dataclass(frozen=True)
class IndirectPath:
    """x -> m -> the outcome of a model, with its weight in the contrast."""

    model: str
    x: str
    mediator: str
    weight: float


@dataclass(frozen=True, eq=False)
class IndirectContrast:
    """A weighted sum of indirect effects, each as a share of its expected outcome.

    `effects` are the single ones; `p_value` is the two-sided normal p of the contrast,
    `influence` (G,) that of its clusters, to first order.
    """

    contrast: IndirectEffect
    effects: tuple[IndirectEffect, ...]
    p_value: float
    influence: FloatArray
    cluster_ids: tuple[str, ...]
    sentence: str
    curve: pl.DataFrame


def contrast_of_indirects(
    estimates: Mapping[str, Estimate],
    paths: Sequence[IndirectPath],
    draws: int = 2000,
    seed: int = 1,
) -> IndirectContrast:
    """Own-minus-cross and other contrasts of indirect effects across models.

    Effects are put on one scale: of one within-firm standard deviation of x, in log points for
    counts and as a share of the mean outcome otherwise. All models share the resamples of clusters.

    Args:
        estimates: outcome models by name.
        paths: whose indirect effects enter, with weights (own +1, cross -1).
        draws, seed: of the resamples.

    Raises:
        NotEstimable: a path has no coefficient, or a linear outcome's mean is not positive.
    """
    equations: dict[str, tuple[Rows, Refit]] = {}
    for path in paths:
        for name, pair in path_equations(estimates[path.model], path.x, path.mediator).items():
            equations.setdefault(f"{path.model}/{path.x}/{path.mediator}/{name}", pair)
    system = make_system(equations, draws, seed)
    parts: list[tuple[float, Quantity]] = []
    effects = []
    for path in paths:
        estimate = estimates[path.model]
        x, m = base_of(estimate, path.x), base_of(estimate, path.mediator)
        key = f"{path.model}/{path.x}/{path.mediator}"
        places = [system.place(f"{key}/{m}", x), system.place(f"{key}/{OUTCOME}", m)]
        own = combination([(_scale(estimate, x), product_of(places))])
        label = f"{x} -> {m} -> {estimate.spec.outcome_column}"
        effects.append(indirect_effect(system, label, own, estimate.spec.confidence, seed))
        parts.append((path.weight, own))
    level = estimates[paths[0].model].spec.confidence
    whole = indirect_effect(system, "contrast", combination(parts), level, seed)
    p = p_value_of(whole.estimate / whole.std_error, math.inf) if whole.std_error > 0 else 1.0
    gradient = numerical_gradient(combination(parts), system.theta)
    return IndirectContrast(
        whole,
        tuple(effects),
        p,
        system.influence @ gradient,
        system.cluster_ids,
        _sentence(whole, effects, p),
        _curve(effects),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class IndirectDifference(JointResult):
    """A contrast of indirect effects as a shape test; `effects` are the single ones."""

    effects: tuple[IndirectEffect, ...]


def indirect_contrast_test(
    estimates: Mapping[str, Estimate],
    paths: Sequence[IndirectPath],
    sign: str | None = "+",
    alpha: float = 0.05,
    draws: int = 2000,
    seed: int = 1,
) -> IndirectDifference:
    """Is a contrast of indirect effects different from zero, and of the stated sign?

    The p is that of the delta method over the joint influences; the interval is BCa, and a decision
    also asks that it excludes 0.

    Args:
        estimates, paths, draws, seed: as in `contrast_of_indirects`.
        sign: stated sign of the contrast, '+', '-' or None.
        alpha: level.

    Raises:
        NotEstimable: as in `contrast_of_indirects`, or the contrast has no variance.
    """
    found = contrast_of_indirects(estimates, paths, draws, seed)
    whole = found.contrast
    normal = scalar(whole.estimate, whole.std_error, math.inf, 0.95, sign)
    decision = decide_sign(normal, alpha) if whole.excludes_zero else "none"
    result: IndirectDifference = joint_result(
        IndirectDifference,
        replace(normal, conf_low=whole.bca[0], conf_high=whole.bca[1]),
        found.influence,
        found.cluster_ids,
        sign,
        alpha=alpha,
        shape="indirect_contrast",
        model=", ".join(dict.fromkeys(path.model for path in paths)),
        subject=found.effects[0].name,
        quantity="contrast of indirect effects (share per within-firm standard deviation)",
        decision=decision,
        reasons=(f"contrast {number(whole.estimate)}, {p_words(found.p_value)}",),
        sentence=found.sentence,
        curve=found.curve,
        effects=found.effects,
    )
    return result


def _scale(estimate: Estimate, x: str) -> float:
    """Turns an indirect effect per unit of x into a share of the outcome per sd of x."""
    sd = estimate.variables[x].sd_within
    if estimate.link == "log":
        return sd
    if estimate.mean_outcome <= 0:
        what = f"{outcome_words(estimate)} has no positive mean to express a share of"
        raise NotEstimable("no_scale", estimate.spec.outcome_column, what)
    return sd / estimate.mean_outcome


def _curve(effects: Sequence[IndirectEffect]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "path": [e.name for e in effects],
            "effect": [e.estimate for e in effects],
            "low": [e.bca[0] for e in effects],
            "high": [e.bca[1] for e in effects],
        }
    )


def _sentence(whole: IndirectEffect, effects: Sequence[IndirectEffect], p: float) -> str:
    told = ", ".join(f"{e.name} {number(e.estimate)}" for e in effects)
    return (
        f"As shares of the expected outcome for one within-firm standard deviation: {told}; their "
        f"contrast is {number(whole.estimate)}, BCa interval [{number(whole.bca[0])}, "
        f"{number(whole.bca[1])}] ({p_words(p)})."
    )
