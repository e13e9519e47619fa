"""How a claim is judged: its test, read from plain text by the table of shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tertius.claims.shape_table import (
    ANY,
    KEYS,
    PLAIN,
    PRODUCT,
    REWIRABLE,
    SHAPES,
    TRIPLE,
    Shape,
    said,
)
from tertius.problems import Problems, did_you_mean
from tertius.terms import TermError, canonical_term, crossed_products, parse_term

FORMS: Mapping[str, tuple[int, str, str]] = {
    PLAIN: (1, "no plain variable", "write v or log1p(v)"),
    PRODUCT: (2, "no product of two variables", "write x:z"),
    TRIPLE: (3, "no product of three variables", "write x:z:w"),
}
"""Form of a term -> number of factors, what another one is not, how it is written."""


@dataclass(frozen=True)
class IndirectSpec:
    """x -> mediator, as a test names it; both are labels of transformed variables."""

    x: str
    mediator: str


@dataclass(frozen=True)
class ClaimTest:
    """One shape test with canonical terms; what each key says stands in the table of shapes.

    `model` is the model whose numbers are shown, `models` the further ones. A test of several
    `legs` has no model of its own and takes that of its first leg.
    """

    shape: str
    model: str
    terms: tuple[str, ...] = ()
    variable: str = ""
    moderator: str = ""
    side: str = ""
    expect: str = ""
    models: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    paths: tuple[IndirectSpec, ...] = ()
    scale: str = ""
    placebo: str = ""
    cut: float | None = None
    value: float | None = None
    margin: float | None = None
    horizon: float | None = None
    legs: tuple[ClaimTest, ...] = ()

    @property
    def all_models(self) -> tuple[str, ...]:
        """Every model that the test needs, each once, the shown one first."""
        listed = [self.model, *self.models, *(m for leg in self.legs for m in leg.all_models)]
        return tuple(dict.fromkeys(listed))

    @property
    def needed_terms(self) -> tuple[str, ...]:
        """Canonical terms that the first model must hold."""
        return self.needs.get(self.model, ())

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:
        """Canonical terms that each model must hold."""
        needed: dict[str, tuple[str, ...]] = dict.fromkeys(self.all_models, ())
        for leg in self.legs:
            for model, terms in leg.needs.items():
                needed[model] = tuple(dict.fromkeys((*needed[model], *terms)))
        if not self.legs:
            needed |= _needs_of(self)
        return needed

    @property
    def variables(self) -> tuple[str, ...]:
        """Codebook variables that the test is about, sorted."""
        labels = {label for terms in self.needs.values() for label in terms}
        return tuple(sorted({v for label in labels for v in parse_term(label).variables}))


def _needs_of(test: ClaimTest) -> dict[str, tuple[str, ...]]:
    """Terms by model of a test without legs."""
    x, z = test.variable, test.moderator
    every = (test.model, *test.models)
    if test.shape in ("inverted_u", "diminishing"):
        return {test.model: (x, f"{x}^2")}
    if test.shape == "moderated_inverted_u":
        products = canonical_term(f"{x}:{z}"), canonical_term(f"{x}^2:{z}")
        return {test.model: (x, f"{x}^2", z, *products)}
    if test.shape == "complementarity":
        return {test.model: (*test.terms, canonical_term(":".join(test.terms)))}
    if test.shape == "matched_pattern" and not test.models:
        matched, crossed = crossed_products(test.terms)
        return {test.model: (*matched, *crossed)}
    if test.shape == "coefficient_comparison" and test.models:
        return dict(zip(every, ((term,) for term in test.terms), strict=False))
    if test.paths:
        ends = tuple(dict.fromkeys(end for p in test.paths for end in (p.x, p.mediator)))
        return dict.fromkeys(every, ends)
    named = (*filter(None, (x, z)), *test.terms, *test.against)
    return dict.fromkeys(every, named)


def inherited(test: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A variant completed by its claim's test; what its own shape does not take is left behind.

    Rewired networks are drawn for the primary test, and for a variant that asks for them itself.
    """
    merged = {**{k: v for k, v in test.items() if k != "placebo"}, **own}
    if own.get("shape", test.get("shape")) != test.get("shape"):
        shape = SHAPES.get(str(merged["shape"]))
        takes = {"shape", *(shape.keys if shape else ())}
        takes |= set() if "legs" in takes else {"model"}
        takes |= {"term"} if "terms" in takes else set()
        merged = {k: v for k, v in merged.items() if k in own or k in takes}
    for given, other in (("term", "terms"), ("terms", "term")):
        if given in own and other not in own:
            merged.pop(other, None)
    return merged


def read_test(raw: Mapping[str, Any], where: str, problems: Problems) -> ClaimTest | None:
    """A test with canonical terms, or None when something is amiss (noted in `problems`).

    Args:
        raw: what is written under ``test``, or for one of its legs.
        where: its place, for the problems.
        problems: every unknown shape and key, missing key, value of the wrong kind.
    """
    before = len(problems.found)
    for key in sorted(map(str, raw.keys() - KEYS.keys())):
        problems.add(f"{where}.{key}", f"unknown key {key!r}", did_you_mean(key, KEYS))
    if "shape" not in raw:
        problems.add(f"{where}.shape", "key 'shape' is missing", "add it")
    elif raw["shape"] not in SHAPES:
        what = f"{raw['shape']!r} is not allowed"
        problems.add(f"{where}.shape", what, did_you_mean(str(raw["shape"]), SHAPES))
    if "model" not in raw and raw.get("shape") != "all_of":
        problems.add(f"{where}.model", "key 'model' is missing", "add it")
    if len(problems.found) > before:
        return None
    name, shape = str(raw["shape"]), SHAPES[str(raw["shape"])]
    values = {k: v for k, v in raw.items() if k not in ("shape", "term")}
    if "term" in raw:
        more = values.get("terms", [])
        values["terms"] = [*(more if isinstance(more, list) else [more]), raw["term"]]
    _check_keys(name, shape, values, where, problems)
    _check_kinds(values, where, problems)
    if len(problems.found) > before:
        return None
    made = {key: _value(name, shape, key, v, where, problems) for key, v in values.items()}
    _check_counts(name, shape, made, where, problems)
    if len(problems.found) > before:
        return None
    for key, default in (shape.defaults or {}).items():
        made.setdefault(key, default)
    made.setdefault("model", made["legs"][0].model if "legs" in made else "")
    return ClaimTest(name, **made)


def _check_keys(
    name: str, shape: Shape, values: Mapping[str, Any], where: str, problems: Problems
) -> None:
    """A test has what its shape needs and nothing that it does not take."""
    own = set() if "legs" in shape.keys else {"model"}
    for key in sorted(values.keys() - {*shape.keys, *own}):
        what = f"a test of shape {name!r} takes no {said(key)!r}"
        problems.add(f"{where}.{said(key)}", what, f"it takes {', '.join(map(said, shape.keys))}")
    for key in shape.needs:
        if values.get(key) in (None, "", [], ()):
            what = f"a test of shape {name!r} needs it"
            problems.add(f"{where}.{said(key)}", what, f"add {said(key)}: {KEYS[key].help}")


def _check_kinds(values: Mapping[str, Any], where: str, problems: Problems) -> None:
    """Every value has the kind of its key."""
    for key, value in sorted(values.items()):
        kind, place = KEYS[key], f"{where}.{said(key)}"
        listed = kind.kind in ("terms", "models", "paths")
        if listed and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            problems.add(place, f"is {value!r}", "write a list of texts")
        elif kind.kind in ("text", "term") and not isinstance(value, str):
            problems.add(place, f"is {value!r}", "write one text")
        elif kind.kind == "number" and (
            isinstance(value, bool) or not isinstance(value, int | float)
        ):
            problems.add(place, f"is {value!r}", f"give a number: {kind.help}")
        elif kind.kind == "choice" and value not in kind.choices:
            problems.add(place, f"{value!r} is not allowed", did_you_mean(str(value), kind.choices))
        elif kind.kind == "legs" and not (
            isinstance(value, list) and all(isinstance(v, Mapping) for v in value)
        ):
            problems.add(place, f"is {value!r}", "write a list of tests")


def _value(name: str, shape: Shape, key: str, value: Any, where: str, problems: Problems) -> Any:
    """One value in the form that `ClaimTest` holds."""
    place = f"{where}.{said(key)}"
    if key in ("terms", "against"):
        if name == "matched_pattern":
            return tuple(value)
        return tuple(_term(text, place, problems, shape.form) for text in value)
    if key in ("variable", "moderator"):
        return _term(value, place, problems, PLAIN)
    if key == "paths":
        return tuple(_path(text, place, problems) for text in value)
    if key == "legs":
        legs = [read_test(leg, f"{place}[{i}]", problems) for i, leg in enumerate(value, 1)]
        return tuple(leg for leg in legs if leg is not None)
    if key == "models":
        return tuple(value)
    if KEYS[key].kind == "number":
        return float(value)
    if key == "expect" and value not in shape.expects:
        problems.add(place, f"{value!r} is not allowed", did_you_mean(str(value), shape.expects))
    return str(value)


def _check_counts(
    name: str, shape: Shape, made: dict[str, Any], where: str, problems: Problems
) -> None:
    """Numbers of terms, models and legs that belong together."""
    least, most = shape.count
    n, further = len(made.get("terms", ())), len(made.get("models", ()))
    if "terms" in made and (n < least or (most is not None and n > most)):
        wanted = f"{least}" if least == most else f"{least} or more"
        what = "an interaction is one product" if name == "interaction" else f"{n} terms"
        problems.add(f"{where}.terms", what, f"give {wanted}")
    if made.get("placebo") == "rewired" and name not in REWIRABLE:
        what = f"a test of shape {name!r} is not held against rewired networks"
        problems.add(f"{where}.placebo", what, f"use one of {', '.join(REWIRABLE)}")
    if name == "coefficient_comparison" and further > 1:
        problems.add(f"{where}.models", "more than one further model", "two effects, two models")
    if name == "matched_pattern" and "terms" in made:
        if further and further + 1 != n:
            what = f"{n} terms for {further + 1} models"
            problems.add(f"{where}.terms", what, "give one term a model, in order")
        try:
            if further:
                made["terms"] = tuple(canonical_term(term) for term in made["terms"])
            else:
                crossed_products(made["terms"])
        except TermError as error:
            problems.add(f"{where}.terms", str(error), "write a:p, b:q, or give models")
    if "paths" in made and len(made["paths"]) > further + 1:
        what = f"{len(made['paths'])} paths for {further + 1} models"
        problems.add(f"{where}.paths", what, "give each path the model of its outcome, in order")


def _term(text: str, where: str, problems: Problems, form: str) -> str:
    """Canonical label of a term of a form."""
    try:
        term = parse_term(text)
    except TermError as error:
        problems.add(where, str(error))
        return ""
    if form != ANY:
        size, lacks, fix = FORMS[form]
        if (term.degree, len(term.factors)) != (size, size):
            problems.add(where, f"{text!r} is {lacks}", fix)
    return term.label


def _path(text: str, where: str, problems: Problems) -> IndirectSpec:
    ends = [end.strip() for end in text.split("->")]
    if len(ends) != 2 or not all(ends):
        problems.add(where, f"cannot read {text!r}", "write x -> m")
        return IndirectSpec("", "")
    return IndirectSpec(*(_term(end, where, problems, PLAIN) for end in ends))
