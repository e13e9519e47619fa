"""Does x act on y through m? Products of paths over resampled firms; parallel, serial, moderated.

m_j = a_j x + controls + effects, y = sum_j b_j m_j + c' x + controls + effects, both on the rows of
the outcome model (Preacher & Hayes 2008; steps in the total effect are no evidence: Zhao, Lynch &
Chen 2010).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.estimate.result import Estimate
from tertius.inference.covariance import p_value_of
from tertius.shapes.common import number, outcome_words, p_words
from tertius.shapes.indirect import (
    IndirectEffect,
    System,
    combination,
    indirect_effect,
    product_of,
)
from tertius.shapes.joint import JointResult, Scalar, ShapeStep, joint_result, scalar
from tertius.shapes.mediation_sensitivity import (
    Equivalence,
    Sensitivity,
    direct_equivalence,
    path_sensitivity,
)
from tertius.shapes.path_diagram import (
    OUTCOME,
    Diagram,
    chain_places,
    conditional_quantity,
    index_name,
    index_places,
    make_diagram,
    refuse_shared,
    stated_quantity,
)

STAGES = ("first", "second", "both")


@dataclass(frozen=True)
class Path:
    """One coefficient of the path diagram."""

    source: str
    target: str
    estimate: float
    std_error: float
    p_value: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Mediation(JointResult):
    """Mediation of x by one or several variables; `estimate` is the indirect effect stated.

    It is the chain through all mediators in order where `serial`, else the sum over them; with one
    stage moderated the index of moderated mediation is tested in its place.
    `p_value` is the largest two-sided p of its paths (joint significance); `decision` also asks
    that the BCa interval excludes 0. `kind` is full, indirect_only, complementary, competitive,
    direct_only or none (Zhao, Lynch & Chen 2010), full only where `equivalence` is shown.
    `proportion` is NaN unless indirect and total effect agree in sign and the latter is beyond
    chance. `conditional` are indirect effects at values of the moderator, `index` their slope.
    """

    mediators: tuple[str, ...]
    serial: bool
    paths: tuple[Path, ...]
    indirect: IndirectEffect
    specific: tuple[IndirectEffect, ...]
    contrasts: tuple[IndirectEffect, ...]
    direct: Scalar
    total: Scalar
    proportion: float
    kind: str
    equivalence: Equivalence
    sensitivity: tuple[Sensitivity, ...]
    conditional: tuple[IndirectEffect, ...]
    index: IndirectEffect | None
    draws: int


def mediation_test(
    estimate: Estimate,
    x: str,
    mediators: Sequence[str],
    *,
    serial: bool = False,
    moderator: str = "",
    stage: str = "first",
    sign: str | None = None,
    sesoi: float = 0.05,
    alpha: float = 0.05,
    draws: int = 5000,
    seed: int = 1,
    shares_records: Callable[[str, str], bool] | None = None,
) -> Mediation:
    """Test that x acts on the outcome through mediators.

    Every path is that of the index: for counts the b and c' act on the log of the expected outcome,
    and `mediation_counterfactual` tells the effects on the outcome itself.

    Args:
        estimate: outcome model with x and all mediators among its terms; x should be dated before
            the mediators, and they before the outcome.
        x: base label.
        mediators: base labels; in causal order where `serial`.
        serial: whether each mediator acts on the next.
        moderator: base label of a variable that moderates, with the products the stage needs.
        stage: first (x:w acts on m), second (m:w acts on y) or both.
        sign: stated sign of the indirect effect, '+', '-' or None.
        sesoi: smallest effect of interest, a share of the expected outcome for one within-firm
            standard deviation of x; bounds the equivalence test of the direct effect.
        alpha: level.
        draws, seed: of the resamples of clusters.
        shares_records: (x, m) -> whether both are built from the same records of a row.

    Raises:
        NotEstimable: x and a mediator share records, a path has no coefficient, or a mediator does
            not vary.
        ValueError: unknown stage, or no mediator.
    """
    if stage not in STAGES or not mediators:
        raise ValueError("give at least one mediator, and a stage first, second or both")
    refuse_shared(x, mediators, shares_records)
    diagram = make_diagram(estimate, x, tuple(mediators), serial, moderator, stage, draws, seed)
    level, system = estimate.spec.confidence, diagram.system
    chains = chain_places(diagram)
    specific = tuple(
        indirect_effect(system, name, product_of(places), level, seed)
        for name, places in chains.items()
    )
    stated = stated_quantity(diagram, chains)
    label = " -> ".join((x, *mediators)) if serial else f"{x} -> {', '.join(mediators)}"
    main = indirect_effect(system, label, stated, level, seed)
    used = _used_places(diagram, chains)
    direct, total = _direct(diagram, level), _total(diagram, level)
    equivalence = direct_equivalence(estimate, x, direct, sesoi, alpha)
    there = main.excludes_zero and max(_p_of(system, j) for j in used) < alpha
    kind = _kind(there, main, direct, equivalence, alpha)
    conditional, index = _moderated(diagram, estimate, level, seed)
    tested, used = (main, used) if index is None else (index, index_places(diagram))
    p_values = {j: _p_of(system, j) for j in used}
    binding = max(sorted(used), key=lambda j: p_values[j])
    found = p_values[binding] < alpha and tested.excludes_zero
    decision = "none" if not found else "positive" if tested.estimate > 0 else "negative"
    return _result(
        estimate, diagram, tested, main, specific, direct, total, binding, p_values, decision,
        kind, sign, alpha, equivalence, conditional, index, draws, seed,
    )  # fmt: skip


def _used_places(diagram: Diagram, chains: dict[str, list[int]]) -> set[int]:
    if diagram.serial:
        return set(list(chains.values())[-1])
    return {j for places in chains.values() for j in places}


def _p_of(system: System, j: int) -> float:
    error = float(np.sqrt(system.covariance[j, j]))
    return p_value_of(float(system.theta[j]) / error, system.dof) if error > 0 else 1.0


def _direct(diagram: Diagram, level: float) -> Scalar:
    _, fit = diagram.equations[OUTCOME]
    return scalar(fit.value(diagram.x), fit.error(diagram.x), fit.dof, level)


def _total(diagram: Diagram, level: float) -> Scalar:
    fit = diagram.reduced
    return scalar(fit.value(diagram.x), fit.error(diagram.x), fit.dof, level)


def _kind(
    found: bool, main: IndirectEffect, direct: Scalar, equivalence: Equivalence, alpha: float
) -> str:
    """Full, indirect_only, complementary, competitive, direct_only or none."""
    straight = direct.p_two_sided < alpha
    if not found:
        return "direct_only" if straight else "none"
    if equivalence.equivalent:
        return "full"
    if not straight:
        return "indirect_only"
    return "complementary" if main.estimate * direct.value > 0 else "competitive"


def _result(
    estimate: Estimate,
    diagram: Diagram,
    tested: IndirectEffect,
    main: IndirectEffect,
    specific: tuple[IndirectEffect, ...],
    direct: Scalar,
    total: Scalar,
    binding: int,
    p_values: dict[int, float],
    decision: str,
    kind: str,
    sign: str | None,
    alpha: float,
    equivalence: Equivalence,
    conditional: tuple[IndirectEffect, ...],
    index: IndirectEffect | None,
    draws: int,
    seed: int,
) -> Mediation:
    system, level = diagram.system, estimate.spec.confidence
    p = p_values[binding]
    test = Scalar(
        tested.estimate, tested.std_error, *tested.bca,
        float(system.theta[binding] / np.sqrt(system.covariance[binding, binding])), p, p, p,
    )  # fmt: skip
    agrees = main.estimate * total.value > 0 and total.p_two_sided < alpha
    paths = _paths(diagram)
    result: Mediation = joint_result(
        Mediation,
        test,
        system.influence[:, binding],
        system.cluster_ids,
        sign,
        shape="serial_mediation" if diagram.serial else "mediation",
        model=estimate.spec.name,
        subject=main.name,
        quantity=f"{'' if index else 'indirect effect '}{tested.name}",
        contrast_estimate=float(system.theta[binding]),
        contrast_error=float(np.sqrt(system.covariance[binding, binding])),
        alternative="two-sided",
        contrast_alternative="two-sided",
        decision=decision,
        reasons=(f"largest p of the paths {p_words(p)}", f"kind: {kind}"),
        steps=_steps(diagram, p_values, tested, alpha),
        sentence=_sentence(estimate, main, kind, direct, p, equivalence, index),
        curve=pl.DataFrame([path.__dict__ for path in paths]),
        mediators=diagram.mediators,
        serial=diagram.serial,
        paths=paths,
        indirect=main,
        specific=specific,
        contrasts=_contrasts(diagram, level, seed),
        direct=direct,
        total=total,
        proportion=main.estimate / total.value if agrees else float("nan"),
        kind=kind,
        equivalence=equivalence,
        sensitivity=_sensitivity(diagram, estimate, level),
        conditional=conditional,
        index=index,
        draws=draws,
    )
    return result


def _paths(diagram: Diagram) -> tuple[Path, ...]:
    """Coefficients of the diagram: x and mediators to mediators, then all to the outcome."""
    found = []
    ends = (*diagram.mediators, OUTCOME)
    for j, target in enumerate(ends):
        _, fit = diagram.equations[target]
        earlier = diagram.mediators if target == OUTCOME else diagram.mediators[:j]
        sources = (diagram.x, *(earlier if diagram.serial or target == OUTCOME else ()))
        for source in sources:
            numbers = fit.value(source), fit.error(source), fit.p_value(source)
            found.append(Path(source, target, *numbers))
    return tuple(found)


def _steps(
    diagram: Diagram, p_values: dict[int, float], main: IndirectEffect, alpha: float
) -> tuple[ShapeStep, ...]:
    steps = []
    for j in sorted(p_values):
        target, source = diagram.system.names[j].split("|")
        goal = "the outcome" if target == OUTCOME else target
        text = f"{number(float(diagram.system.theta[j]))}, {p_words(p_values[j])}"
        steps.append(ShapeStep(f"{source} acts on {goal}", p_values[j] < alpha, text))
    span = f"[{number(main.bca[0])}, {number(main.bca[1])}]"
    steps.append(ShapeStep(f"the interval of {main.name} excludes zero", main.excludes_zero, span))
    return tuple(steps)


def _contrasts(diagram: Diagram, level: float, seed: int) -> tuple[IndirectEffect, ...]:
    """Differences of the specific indirect effects, each pair once."""
    chains = chain_places(diagram)
    return tuple(
        indirect_effect(
            diagram.system,
            f"({a}) less ({b})",
            combination([(1.0, product_of(chains[a])), (-1.0, product_of(chains[b]))]),
            level,
            seed,
        )
        for a, b in itertools.combinations(chains, 2)
    )


def _sensitivity(diagram: Diagram, estimate: Estimate, level: float) -> tuple[Sensitivity, ...]:
    """Sensitivity of each mediator's own path; error correlations for one linear mediator."""
    rows, fit = diagram.equations[OUTCOME]
    dof = max(fit.n_obs - len(fit.labels) - len(np.unique(rows.firm)), 1)
    critical = scalar(1.0, 1.0, fit.dof, level).conf_high - 1.0
    found = []
    for mediator in diagram.mediators:
        own, inner = diagram.equations[mediator]
        residuals = None
        if not rows.is_count and len(own.y) == len(rows.y) and len(diagram.mediators) == 1:
            residuals = (rows.y - diagram.reduced.fitted, own.y - inner.fitted)
        b = scalar(fit.value(mediator), fit.error(mediator), fit.dof, level)
        a = inner.value(diagram.x)
        found.append(path_sensitivity(mediator, a, b, dof, critical, residuals))
    return tuple(found)


def _moderated(
    diagram: Diagram, estimate: Estimate, level: float, seed: int
) -> tuple[tuple[IndirectEffect, ...], IndirectEffect | None]:
    """Conditional indirect effects and the index of moderated mediation (Hayes 2015).

    The effect through the first mediator is (a1 + a3 w)(b1 + b3 w), w from its mean; with one stage
    moderated it is linear in w, and its slope is the index.
    """
    if not diagram.moderator:
        return (), None
    known = estimate.variables[diagram.moderator]
    points = {"mean - 1 sd": -known.sd, "mean": 0.0, "mean + 1 sd": known.sd}
    effects = tuple(
        indirect_effect(
            diagram.system,
            f"at {diagram.moderator} {where}",
            conditional_quantity(diagram, known.mean - known.centre + step),
            level,
            seed,
        )
        for where, step in points.items()
    )
    if diagram.stage == "both":
        return effects, None
    one, zero = (conditional_quantity(diagram, at) for at in (1.0, 0.0))
    slope = combination([(1.0, one), (-1.0, zero)])
    return effects, indirect_effect(diagram.system, index_name(diagram), slope, level, seed)


def _sentence(
    estimate: Estimate,
    main: IndirectEffect,
    kind: str,
    direct: Scalar,
    p: float,
    equivalence: Equivalence,
    index: IndirectEffect | None,
) -> str:
    words = {
        "full": "mediation is full",
        "indirect_only": "an indirect effect is shown, a direct one is not",
        "complementary": "mediation is partial",
        "competitive": "the direct effect has the other sign",
        "direct_only": "only a direct effect is shown",
        "none": "no indirect effect is shown",
    }[kind]
    moved = ""
    if index is not None:
        span = f"[{number(index.bca[0])}, {number(index.bca[1])}]"
        moved = f" The {index.name} is {number(index.estimate)}, BCa interval {span}."
    return (
        f"The indirect effect {main.name} on {outcome_words(estimate)} is {number(main.estimate)}, "
        f"BCa interval [{number(main.bca[0])}, {number(main.bca[1])}], largest p of its paths "
        f"{p_words(p)}; the direct effect is {number(direct.value)} "
        f"({p_words(direct.p_two_sided)}); {words}.{moved} {equivalence.sentence}"
    )
