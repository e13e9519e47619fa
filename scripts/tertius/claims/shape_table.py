"""The table of shapes: what each test of a claim is, which keys it takes, what claims it judges.

The only place where a shape and its keys are registered; the function behind a shape is found in
`tertius.claims.findings.FINDERS`. Read without any numerical library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PLAIN, PRODUCT, TRIPLE, ANY = "a plain variable", "a product of two variables", "three", "a term"
SIDES = ("greater", "less", "either")
CURVES = ("any", "shift_right", "shift_left", "steeper", "flatter")
CLASSES = ("inverted_u", "u", "diminishing", "declining", "kink")
SCALES = ("within_sd", "raw", "elasticity", "standardised")
PLACEBOS = ("rewired", "other_records")


@dataclass(frozen=True)
class Key:
    """One key of a test: what it holds and what it says.

    `kind` is text (the id of a model), term (one variable), terms, models, paths, legs, number or
    choice; `choices` are the words of a choice.
    """

    kind: str
    help: str
    choices: tuple[str, ...] = ()


KEYS: Mapping[str, Key] = {
    "shape": Key("text", "name of the test"),
    "model": Key("text", "id of the model"),
    "models": Key("models", "ids of further models, in order"),
    "term": Key("text", "one term; the same as terms with one entry"),
    "terms": Key("terms", "terms, in order"),
    "against": Key("terms", "terms that are compared with"),
    "variable": Key("term", "the focal variable"),
    "moderator": Key("term", "the moderator, or what groups firms by their first year"),
    "paths": Key("paths", "x -> m, each with the model of its own outcome"),
    "legs": Key("legs", "tests, each with shape, model and keys of its own"),
    "side": Key("choice", "stated side of the quantity", SIDES),
    "expect": Key("choice", "what the curve should be or do", (*CURVES, *CLASSES)),
    "scale": Key("choice", "scale on which effects are compared", SCALES),
    "placebo": Key(
        "choice",
        "for causes and outcomes built from the same ties: rewired, against networks of the same "
        "degrees; other_records, where the outcome comes from other records than the cause",
        PLACEBOS,
    ),
    "cut": Key("number", "value of the moderator above which firms form the first group"),
    "value": Key("number", "the stated share"),
    "margin": Key("number", "how far from the stated share still counts as it"),
    "horizon": Key("number", "years after which the share is read off"),
}
"""Every key that a test may have."""

REWIRABLE = ("positive", "negative", "stage_difference")
"""Shapes whose estimate is a coefficient, which rewired networks give as well."""


@dataclass(frozen=True)
class Shape:
    """One shape test.

    Attributes:
        says: what a claim states with it.
        needs, takes: keys it cannot do without, and keys it takes beside them.
        judges: shapes of claims that it can judge.
        form: what its `terms` must be.
        count: least and greatest number of `terms` (None: no limit).
        defaults: values of keys that are not written.
        expects: the words that `expect` may be.
        example: a test as it is written.
    """

    says: str
    needs: tuple[str, ...]
    judges: tuple[str, ...]
    example: str
    takes: tuple[str, ...] = ()
    form: str = PLAIN
    count: tuple[int, int | None] = (1, None)
    defaults: Mapping[str, str] | None = None
    expects: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys but shape and model, those it needs first."""
        return self.needs + self.takes


EFFECTS = ("hazard", "choice", "did", "ddd", "simulation", "trajectory", "other")
PRODUCTS = ("interaction_positive", "interaction_negative")
EVERY = (
    "positive", "negative", *PRODUCTS, "inverted_u", "moderated_inverted_u", "threshold",
    "mediation", "serial_mediation", "complementarity", "superadditivity",
    "coefficient_comparison", "group_difference", "matched_pattern", "stage_difference",
    "descriptive", *EFFECTS,
)  # fmt: skip

SHAPES: Mapping[str, Shape] = {
    "positive": Shape(
        "each term raises the outcome",
        ("terms",),
        ("positive", *EFFECTS, "complementarity"),
        "{shape: positive, model: position, term: log1p(deg)}",
        takes=("side", "placebo"),
        defaults={"side": "greater"},
    ),
    "negative": Shape(
        "each term lowers the outcome",
        ("terms",),
        ("negative", *EFFECTS),
        "{shape: negative, model: cycle_time, term: log1p(deg)}",
        takes=("side", "placebo"),
        defaults={"side": "less"},
    ),
    "interaction": Shape(
        "one variable changes the effect of another",
        ("terms",),
        (*PRODUCTS, "complementarity", "group_difference", "stage_difference", *EFFECTS),
        "{shape: interaction, model: synergy, term: 'log1p(deg):sh', side: greater}",
        takes=("side",),
        form=PRODUCT,
        count=(1, 1),
        defaults={"side": "either"},
    ),
    "three_way": Shape(
        "a third variable changes how a second moderates the first",
        ("terms",),
        (*PRODUCTS, "complementarity", *EFFECTS),
        "{shape: three_way, model: coupling, term: 'kstock:techint:inst', side: greater}",
        takes=("side",),
        form=TRIPLE,
        count=(1, 1),
        defaults={"side": "either"},
    ),
    "inverted_u": Shape(
        "the outcome rises, turns inside the data and falls",
        ("variable",),
        ("inverted_u", "threshold"),
        "{shape: inverted_u, model: diversity, variable: pdiv}",
        takes=("placebo",),
    ),
    "diminishing": Shape(
        "the outcome rises ever more slowly; a decline is not asked for",
        ("variable",),
        ("threshold",),
        "{shape: diminishing, model: portfolio_size, variable: psize}",
    ),
    "two_lines": Shape(
        "the slopes before and after a break have opposite signs",
        ("variable",),
        ("inverted_u", "threshold"),
        "{shape: two_lines, model: diversity, variable: pdiv}",
    ),
    "kink": Shape(
        "the slope changes at an unknown value",
        ("variable",),
        ("threshold",),
        "{shape: kink, model: portfolio_size, variable: psize, side: less}",
        takes=("side",),
        defaults={"side": "less"},
    ),
    "curve_class": Shape(
        "the curve is of one class",
        ("variable",),
        ("inverted_u", "threshold"),
        "{shape: curve_class, model: portfolio_size, variable: psize, expect: diminishing}",
        takes=("expect",),
        defaults={"expect": "diminishing"},
        expects=CLASSES,
    ),
    "moderated_inverted_u": Shape(
        "a moderator moves the turning point of an inverted U, or bends it",
        ("variable", "moderator"),
        ("moderated_inverted_u", *PRODUCTS),
        "{shape: moderated_inverted_u, model: overload, variable: sbreadth, moderator: acap, "
        "expect: shift_right}",
        takes=("expect",),
        defaults={"expect": "any"},
        expects=CURVES,
    ),
    "mediation": Shape(
        "x acts on the outcome through the terms",
        ("variable", "terms"),
        ("mediation",),
        "{shape: mediation, model: search_waves, variable: sh_l1, terms: [sbreadth], "
        "side: greater}",
        takes=("side", "moderator"),
    ),
    "serial_mediation": Shape(
        "x acts through the terms one after another",
        ("variable", "terms"),
        ("serial_mediation",),
        "{shape: serial_mediation, model: chain, variable: log1p(deg_l1), "
        "terms: [freq, sdepth], side: greater}",
        takes=("side",),
    ),
    "indirect_contrast": Shape(
        "each x -> m acts more on its own outcome than on those of the other models",
        ("paths",),
        ("mediation", "matched_pattern", "coefficient_comparison"),
        "{shape: indirect_contrast, model: breakthrough, models: [incremental], "
        "paths: [maror -> explore], side: greater}",
        takes=("models", "side"),
        defaults={"side": "greater"},
    ),
    "group_difference": Shape(
        "an effect is larger in firms that are high in the moderator",
        ("variable", "moderator"),
        ("group_difference", *PRODUCTS),
        "{shape: group_difference, model: position_size, variable: log1p(deg), "
        "moderator: ln_assets, side: greater}",
        takes=("side", "cut"),
        defaults={"side": "greater"},
    ),
    "coefficient_comparison": Shape(
        "the first effect is larger than the second, of one model or of two",
        ("terms",),
        ("coefficient_comparison", "group_difference", *EFFECTS),
        "{shape: coefficient_comparison, model: two_breadths, terms: [sbreadth_know, "
        "sbreadth_geo]}",
        takes=("models", "side", "scale"),
        form=ANY,
        count=(2, 2),
        defaults={"side": "greater", "scale": "within_sd"},
    ),
    "block_comparison": Shape(
        "one block of terms says more about unseen firms than another",
        ("terms", "against"),
        ("coefficient_comparison", "superadditivity", "other"),
        "{shape: block_comparison, model: blocks, terms: [log1p(deg), sh], against: [rd_int]}",
        form=ANY,
    ),
    "block": Shape(
        "a block of terms adds to a model; where a side is stated, its effects add up to it",
        ("terms",),
        ("superadditivity", "coefficient_comparison", "stage_difference", "positive", *EFFECTS),
        "{shape: block, model: blocks, terms: [edens, pdiv_tech], side: greater}",
        takes=("side",),
        form=ANY,
        count=(2, None),
    ),
    "matched_pattern": Shape(
        "matched effects exceed crossed ones: products a:p, b:q of one model, or one term a model",
        ("terms",),
        ("matched_pattern",),
        "{shape: matched_pattern, model: breadth_position, models: [depth_position], "
        "terms: [log1p(deg), sh]}",
        takes=("models", "side", "scale"),
        form=ANY,
        count=(2, None),
        defaults={"side": "greater", "scale": "within_sd"},
    ),
    "superadditivity": Shape(
        "the first term does more than the sum of the others",
        ("terms",),
        ("superadditivity",),
        "{shape: superadditivity, model: states, terms: [both, one, other]}",
        form=ANY,
        count=(2, None),
    ),
    "complementarity": Shape(
        "two practices raise each other's return",
        ("terms",),
        ("complementarity", "interaction_positive"),
        "{shape: complementarity, model: pair, terms: [sbreadth, sdepth], side: greater}",
        takes=("side",),
        count=(2, 2),
        defaults={"side": "greater"},
    ),
    "stage_difference": Shape(
        "stages, given as flags or as products with flags, differ",
        ("terms",),
        ("stage_difference", "trajectory"),
        "{shape: stage_difference, model: stages, terms: [stage2, stage3, stage4]}",
        takes=("side", "placebo"),
        form=ANY,
    ),
    "rate": Shape(
        "the mean of a 0/1 outcome, or the share that has ended by a horizon, is a stated share",
        ("value", "margin"),
        ("descriptive",),
        "{shape: rate, model: alliance_ends, variable: duration, horizon: 5, value: 0.5, "
        "margin: 0.1}",
        takes=("variable", "horizon"),
    ),
    "all_of": Shape(
        "every leg passes its own test; the largest p is the one p",
        ("legs",),
        EVERY,
        "{shape: all_of, legs: [{shape: negative, model: cycle_time, term: log1p(deg)}, "
        "{shape: positive, model: growth, term: log1p(deg)}]}",
    ),
}
"""One entry a shape."""


def judges_of(claim_shape: str) -> tuple[str, ...]:
    """Tests that can judge claims of a shape, in the order of the table."""
    return tuple(name for name, shape in SHAPES.items() if claim_shape in shape.judges)


def said(key: str) -> str:
    """A key as the table shows it to a reader."""
    return "term" if key == "terms" else key
