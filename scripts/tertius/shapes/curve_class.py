"""Which curve is it: inverted-U, diminishing returns, a kink, a line, or nothing shown?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from tertius.estimate.result import Estimate, confidence_interval
from tertius.inference.covariance import p_value_of
from tertius.shapes.common import number, p_words, slope_gradient
from tertius.shapes.inverted_u import InvertedU, inverted_u_test
from tertius.shapes.joint import JointResult, ShapeStep
from tertius.shapes.kink import Kink, kink_test
from tertius.shapes.rivals import RivalForm, Rivals, compare_rivals
from tertius.shapes.two_lines import TwoLines, two_lines_test

CLASSES = ("inverted_u", "u", "diminishing", "declining", "kink", "linear", "none")
STATED = CLASSES[:5]
"""Classes that a claim can state; a line and nothing are what is left."""


@dataclass(frozen=True, eq=False)
class CurveClass:
    """The class of a curve with the four tests it rests on.

    `kind` is one of `CLASSES`; `after_kink` says for a kink whether the slope beyond it is
    negative, positive or none.
    """

    kind: str
    reasons: tuple[str, ...]
    sentence: str
    after_kink: str
    inverted_u: InvertedU
    two_lines: TwoLines
    kink: Kink
    rivals: Rivals

    @property
    def curve(self) -> pl.DataFrame:
        """Figure data: x and the effect by form, 0 at mean x."""
        return self.rivals.curve

    def to_dict(self) -> dict[str, Any]:
        """All numbers and words as plain values, without curves."""
        record: dict[str, Any] = {
            "kind": self.kind,
            "reasons": list(self.reasons),
            "sentence": self.sentence,
            "after_kink": self.after_kink,
        }
        for name in ("inverted_u", "two_lines", "kink", "rivals"):
            record[name] = getattr(self, name).to_dict()
        return record


def classify_curve(estimate: Estimate, x: str, alpha: float = 0.05, seed: int = 1) -> CurveClass:
    """Tell diminishing returns, inverted-U, kink and line apart.

    Rules, in order: (1) kink, where some change of slope is beyond chance and the kinked line
    predicts unseen firms better than the quadratic (one-sided p below alpha) and than every other
    form; (2) inverted_u or u, where the three-step test holds, unless two lines find no opposite
    slopes and a kinked line (then kink) or a monotone form (then diminishing) predicts unseen firms
    better than the quadratic; (3) diminishing: concave, rising at the low end, no decline shown, or
    a logarithm that rises and predicts better than the line; (4) declining, the mirror image; (5)
    linear, where a straight line has a slope; (6) none.

    Args:
        estimate: a model with x and x^2.
        x: base label.
        alpha: level of each test.
        seed: of folds and cluster signs.

    Raises:
        NotEstimable: one of the tests cannot be had.
    """
    three = inverted_u_test(estimate, x, "inverted_u", alpha)
    side = "u" if three.beta2 > 0 else "inverted_u"
    lines = two_lines_test(estimate, x, side, alpha)
    kink = kink_test(estimate, x, "-" if side == "inverted_u" else "+", alpha, seed=seed)
    rivals = compare_rivals(estimate, x, kink.kink, seed=seed)
    kind, why = _kind(three, lines, kink, rivals, alpha)
    after = "none"
    if kink.after_p < alpha:
        after = "positive" if kink.slope_after > 0 else "negative"
    return CurveClass(
        kind=kind,
        reasons=why,
        sentence=_sentence(three.subject, kind, why, kink, after),
        after_kink=after,
        inverted_u=three,
        two_lines=lines,
        kink=kink,
        rivals=rivals,
    )


def _kind(
    three: InvertedU, lines: TwoLines, kink: Kink, rivals: Rivals, alpha: float
) -> tuple[str, tuple[str, ...]]:
    bent, log, line = rivals["kink"], rivals["log"], rivals["linear"]
    others = [form.deviance for form in rivals.forms if form.name != "kink"]
    better = _better(bent, alpha) and bent.deviance < min(others)
    if kink.decision != "none" and better:
        return "kink", (
            f"the slope changes at {number(kink.kink)}, {p_words(kink.p_value)}",
            f"a kinked line predicts unseen firms better than a parabola, {p_words(bent.p_gain)}",
        )
    if three.decision in ("inverted_u", "u"):
        if lines.decision == three.decision:
            return three.decision, (*three.reasons, "two lines agree")
        return _unconfirmed(three, kink, rivals)
    if three.decision in ("diminishing", "declining"):
        return three.decision, three.reasons
    if _better(log, alpha) and log.deviance < line.deviance and log.p_wald < alpha:
        kind = "diminishing" if _rises(rivals) else "none"
        return kind, (f"a logarithm predicts unseen firms better, {p_words(log.p_gain)}",)
    if line.p_wald < alpha:
        return "linear", (f"a straight line has {p_words(line.p_wald)}", "no bend is shown")
    return "none", ("neither a slope nor a bend is shown",)


def _unconfirmed(three: InvertedU, kink: Kink, rivals: Rivals) -> tuple[str, tuple[str, ...]]:
    """Class where a parabola has a turning point and two lines have no opposite slopes.

    A rise to a plateau bends a parabola forced upon it; the form that predicts unseen firms best
    decides.
    """
    why = ("two lines find no opposite slopes", f"best form: {rivals.best}")
    if kink.decision != "none" and rivals["kink"].deviance < rivals["quadratic"].deviance:
        return "kink", (*why, f"the slope changes at {number(kink.kink)}, {p_words(kink.p_value)}")
    monotone = min(rivals["log"].deviance, rivals["reciprocal"].deviance)
    if three.decision == "inverted_u" and monotone < rivals["quadratic"].deviance:
        return "diminishing", why
    return three.decision, (*three.reasons, "two lines do not confirm it")


def _better(form: RivalForm, alpha: float) -> bool:
    return form.gain > 0 and form.p_gain / 2 < alpha


def _rises(rivals: Rivals) -> bool:
    curve = rivals.curve["log"].to_numpy()
    return bool(curve[-1] > curve[0])


def _sentence(base: str, kind: str, why: tuple[str, ...], kink: Kink, after: str) -> str:
    words = {
        "inverted_u": f"The effect of {base} is an inverted U",
        "u": f"The effect of {base} is U-shaped",
        "diminishing": f"The effect of {base} rises with diminishing returns",
        "declining": f"The effect of {base} falls ever faster",
        "kink": f"The effect of {base} changes its slope at {number(kink.kink)}",
        "linear": f"The effect of {base} is a straight line as far as the data tell",
        "none": f"No shape is shown for {base}",
    }[kind]
    if kind == "kink":
        words += {
            "negative": " and falls beyond",
            "positive": " and rises beyond",
            "none": " and has no slope beyond",
        }[after]
    return f"{words}: {'; '.join(why)}."


@dataclass(frozen=True, eq=False, kw_only=True)
class CurveTest(JointResult):
    """A stated class of curve held against the class found; numbers are those of the binding test.

    `found` holds the class and its four tests.
    """

    found: CurveClass


def curve_class_test(
    estimate: Estimate, x: str, stated: str = "diminishing", alpha: float = 0.05, seed: int = 1
) -> CurveTest:
    """Is the curve of the stated class?

    The p is that of the class stated: the sup test for a kink, Lind and Mehlum's for an inverted-U,
    for diminishing returns the larger one-sided p of a negative curvature and of a rise at the
    minimum (for a decline ever faster: of a fall at the maximum).

    Args:
        estimate: a model with x and x^2.
        x: base label.
        stated: one of `STATED`.
        alpha: level.
        seed: as in `classify_curve`.

    Raises:
        NotEstimable: one of the tests cannot be had.
        ValueError: unknown class.
    """
    if stated not in STATED:
        raise ValueError(f"unknown class {stated!r}; give one of {STATED}")
    found = classify_curve(estimate, x, alpha, seed)
    shared = _numbers(estimate, found, stated)
    return CurveTest(
        shape="curve_class",
        model=estimate.spec.name,
        subject=found.inverted_u.subject,
        decision=found.kind,
        holds=found.kind == stated,
        opposite=(stated, found.kind) in (("inverted_u", "u"), ("u", "inverted_u")),
        reasons=found.reasons,
        sentence=found.sentence,
        curve=found.rivals.curve,
        steps=(ShapeStep(f"the curve is {stated}", found.kind == stated, found.kind),),
        found=found,
        **shared,
    )


def _numbers(estimate: Estimate, found: CurveClass, stated: str) -> dict[str, Any]:
    """Numbers of the test that a stated class rests on."""
    names: tuple[str, ...] = ("quantity", "estimate", "std_error", "conf_low", "conf_high")
    names += ("statistic", "p_value", "alternative", "contrast", "contrast_estimate")
    names += ("contrast_alternative",)
    if stated == "kink":
        kink = found.kink
        kept = {name: getattr(kink, name) for name in names}
        own = {"influence": kink.influence, "cluster_ids": kink.cluster_ids}
        return {**kept, **own, "contrast_error": kink.contrast_error}
    three = found.inverted_u
    if stated in ("inverted_u", "u"):
        kept = {name: getattr(three, name) for name in names}
    else:
        kept = _bend(estimate, three, stated)
    contrast = kept["contrast"]
    return {
        **kept,
        "influence": estimate.influence @ contrast,
        "cluster_ids": estimate.cluster_ids,
        "contrast_error": estimate.std_error_of(contrast),
    }


def _bend(estimate: Estimate, three: InvertedU, stated: str) -> dict[str, Any]:
    """Curvature and the slope at the end that the class needs; the weaker one binds."""
    base, known = three.subject, estimate.variables[three.subject]
    bend = estimate.contrast({f"{base}^2": -1.0})
    low = stated == "diminishing"
    end = slope_gradient(estimate, base, {base: known.min if low else known.max})
    contrasts = (bend, end if low else -end)
    values = [float(c @ estimate.coefficients) for c in contrasts]
    t = [v / estimate.std_error_of(c) for v, c in zip(values, contrasts, strict=True)]
    weak = 0 if t[0] <= t[1] else 1
    level = estimate.spec.confidence
    interval = confidence_interval(three.beta2, three.se_beta2, estimate.dof, level)
    return {
        "quantity": f"coefficient of {base}^2",
        "estimate": three.beta2,
        "std_error": three.se_beta2,
        "conf_low": interval[0],
        "conf_high": interval[1],
        "statistic": t[weak],
        "p_value": p_value_of(t[weak], estimate.dof, "greater"),
        "alternative": "greater",
        "contrast": contrasts[weak],
        "contrast_estimate": values[weak],
        "contrast_alternative": "greater",
    }
