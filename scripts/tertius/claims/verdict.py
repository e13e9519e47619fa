"""From a finding and its adjusted p to one of four words, a reason code and a sentence.

supported: the full shape test is passed in the stated direction and the Romano-Wolf p is below
alpha. contradicted: the same for the opposite. inconclusive: everything else that was tested.
not_testable: there is no specification, an input is missing, or the data cannot carry the model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tertius.claims.finding import EXPECTED, NEITHER, Effect, Finding
from tertius.estimate import NotEstimable
from tertius.shapes.common import number, p_words

SUPPORTED, CONTRADICTED = "supported", "contradicted"
INCONCLUSIVE, NOT_TESTABLE = "inconclusive", "not_testable"
WORDS = (SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE)
NO_SPEC = "no spec yet"


@dataclass(frozen=True)
class Verdict:
    """Word, machine code (empty for supported and contradicted) and one sentence."""

    word: str
    reason_code: str
    reason: str


@dataclass(frozen=True)
class Adjusted:
    """Adjusted p values of a claim within its family of `n_tests` claims."""

    family: str
    n_tests: int
    p_romano_wolf: float
    q_bh: float


def decide(finding: Finding, p_romano_wolf: float, alpha: float, sesoi: float) -> tuple[str, str]:
    """Verdict word and reason code of a finding.

    Codes of inconclusive, first match: adjusted_p (the stated shape is found, the adjusted p is
    not below alpha), opposite_unadjusted (the same for the opposite), shape_not_confirmed (the
    adjusted p is below alpha, a step is not met), null (every effect is equivalent to zero: its
    interval at level 1 - 2 alpha lies within +-sesoi; Schuirmann 1987), partial (some steps are
    met), imprecise (an interval covers both -sesoi and +sesoi), not_significant.

    Args:
        finding: of the primary test.
        p_romano_wolf: its adjusted p.
        alpha: level.
        sesoi: smallest effect of interest, as a share of the expected outcome.
    """
    passed, stated = p_romano_wolf < alpha, finding.direction == EXPECTED
    if finding.direction != NEITHER:
        if passed:
            return (SUPPORTED if stated else CONTRADICTED), ""
        return INCONCLUSIVE, "adjusted_p" if stated else "opposite_unadjusted"
    if passed:
        return INCONCLUSIVE, "shape_not_confirmed"
    if finding.effects and all(within(effect, sesoi) for effect in finding.effects):
        return INCONCLUSIVE, "null"
    if finding.steps_met:
        return INCONCLUSIVE, "partial"
    if any(effect.low < -sesoi and effect.high > sesoi for effect in finding.effects):
        return INCONCLUSIVE, "imprecise"
    return INCONCLUSIVE, "not_significant"


def within(effect: Effect, sesoi: float) -> bool:
    """Whether the equivalence interval lies inside +-sesoi."""
    return -sesoi < effect.low and effect.high < sesoi


def verdict_of(finding: Finding, adjusted: Adjusted, alpha: float, sesoi: float) -> Verdict:
    """The verdict on a claim that was tested, with a sentence made of its numbers."""
    word, code = decide(finding, adjusted.p_romano_wolf, alpha, sesoi)
    tests = "1 test" if adjusted.n_tests == 1 else f"{adjusted.n_tests} tests"
    numbers = (
        f"{finding.quantity}: {number(finding.estimate)} [{number(finding.conf_low)}, "
        f"{number(finding.conf_high)}], {p_words(finding.p_value)}, Romano-Wolf "
        f"{p_words(adjusted.p_romano_wolf)} over {tests}"
    )
    return Verdict(
        word, code, _sentence(f"{numbers}; {_clause(word, code, finding, alpha, sesoi)}")
    )


def _clause(word: str, code: str, finding: Finding, alpha: float, sesoi: float) -> str:
    """What the numbers amount to."""
    several = len(finding.steps) > 1
    size = f"{100 * sesoi:.3g} %"
    unmet = ", ".join(f"{s.name} ({s.text})" for s in finding.steps if not s.met)
    met = ", ".join(s.name for s in finding.steps if s.met and s.evidence)
    per = finding.effects[0].per if finding.effects else ""
    clauses = {
        SUPPORTED: "all steps of the stated shape are met" if several else "the sign is as stated",
        CONTRADICTED: "the opposite shape passes its full test"
        if several
        else "the sign is the opposite of the stated one",
        "adjusted_p": "the stated finding does not survive the adjustment for several tests",
        "opposite_unadjusted": "the opposite is found, but does not survive the adjustment for "
        "several tests",
        "null": f"the {100 * (1 - 2 * alpha):.0f} % interval lies within ±{size} of the expected "
        f"outcome over {per}" + (f"; met: {met}" if several and met else ""),
        "shape_not_confirmed": f"beyond chance, but not met: {unmet}",
        "partial": f"met: {met}; not met: {unmet}",
        "imprecise": f"effects of -{size} and of +{size} are both compatible with the data",
        "not_significant": f"no effect is shown, and one of {size} is not excluded",
    }
    return clauses[code or word]


def untested(reason_code: str, reason: str) -> Verdict:
    """A claim that could not be tested."""
    return Verdict(NOT_TESTABLE, reason_code, reason)


def not_testable(
    error: NotEstimable,
    codebook: Mapping[str, Mapping[str, Any]],
    tables: Collection[str] | None = None,
) -> Verdict:
    """Why a model, or a test on it, could not be had; a missing input is named with its tables.

    Args:
        error: what the estimator or the shape test said.
        codebook: entries by code, with `label` and `inputs`.
        tables: tables that the study has, where known: then only the lacking ones are named.
    """
    if error.reason_code != "missing_input":
        return untested("not_estimable", _sentence(error.reason))
    code = base_code(error.subject, codebook)
    entry = codebook.get(code, {})
    label = entry.get("label", {}).get("en", "")
    inputs = [str(name) for name in entry.get("inputs", ())]
    lacking = [name for name in inputs if tables is not None and name not in tables] or inputs
    said = f"{code} ({label})" if label else code
    source = f", built from {', '.join(lacking)}" if lacking else ""
    return untested("missing_input", f"This study has no input for {said}{source}.")


def base_code(column: str, codebook: Collection[str]) -> str:
    """Codebook code of a panel column: ``pat_t1``, ``pat_l1`` or ``pat__alliance`` -> pat."""
    if column in codebook:
        return column
    dated = re.sub(r"_[tl]\d+$", "", column)
    return dated if dated in codebook else dated.split("__")[0]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
