"""The term grammar, resolved specifications and their checks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertius.model_spec import (
    Factor,
    ModelSpec,
    TermError,
    base_variables,
    canonical_term,
    check_model,
    check_spec,
    missing_lower_orders,
    parse_term,
    resolve_spec,
)
from tertius.problems import InputError


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("deg", "deg"),
        (" log1p( deg ) ", "log1p(deg)"),
        ("sh:log1p(deg)", "log1p(deg):sh"),
        ("tdiv^2:turb", "turb:tdiv^2"),
        ("tdiv:tdiv", "tdiv^2"),
        ("turb:tdiv:tdiv", "turb:tdiv^2"),
        ("log1p(psize)^2", "log1p(psize)^2"),
        ("sh__co_applicant", "sh__co_applicant"),
    ],
)
def test_terms_have_one_canonical_label(text: str, label: str) -> None:
    assert canonical_term(text) == label
    assert canonical_term(label) == label


@pytest.mark.parametrize("text", ["", "deg^0", "deg^4", "log(deg)", "a::b", "2x", "log1p(a:b)"])
def test_terms_outside_the_grammar_are_refused(text: str) -> None:
    with pytest.raises(TermError, match="term"):
        parse_term(text)


factors = st.builds(
    Factor,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["identity", "log1p"]),
    st.integers(1, 2),
)


@given(st.lists(factors, min_size=1, max_size=3, unique_by=lambda f: f.base), st.randoms())
def test_order_of_factors_does_not_matter(parts: list[Factor], random: object) -> None:
    label = canonical_term(":".join(f.label for f in parts))
    random.shuffle(parts)  # type: ignore[attr-defined]
    assert canonical_term(":".join(f.label for f in parts)) == label
    assert parse_term(label).degree == sum(f.power for f in parts)


def test_variables_of_terms() -> None:
    terms = ["log1p(deg):sh", "turb:tdiv^2", "log1p(deg)"]
    assert base_variables(terms) == ("deg", "sh", "tdiv", "turb")


def test_moderated_quadratic_needs_all_five_terms() -> None:
    complete = ["tdiv", "tdiv^2", "turb", "tdiv:turb", "turb:tdiv^2"]
    assert missing_lower_orders(complete) == {}
    for gone in complete[:-1]:
        rest = [term for term in complete if term != gone]
        assert gone in {name for absent in missing_lower_orders(rest).values() for name in absent}
    assert missing_lower_orders(["turb:tdiv^2"]) == {
        "turb:tdiv^2": ("tdiv", "turb", "tdiv:turb", "tdiv^2")
    }


def test_defaults_are_written_out() -> None:
    defaults = {"controls": ["log1p(age)", "sh:log1p(deg)"], "winsor": None, "undefined": "drop"}
    spec = resolve_spec("m", {"outcome": "pat", "terms": ["sh"]}, defaults)
    assert spec.to_dict() == {
        "name": "m",
        "outcome": "pat",
        "lead": 1,
        "estimator": "fe_poisson",
        "terms": ["sh"],
        "controls": ["log1p(age)", "log1p(deg):sh"],
        "controls_source": "default",
        "effects": ["org_id", "year"],
        "cluster": "org_id",
        "sample": "in_sample",
        "undefined": "drop",
        "bounds": {},
        "winsor": None,
        "se_convention": "fixest",
        "confidence": 0.95,
        "options": {},
        "missteps": {},
        "frame": "firm_years",
    }
    assert ModelSpec.from_dict(spec.to_dict()) == spec
    assert spec.outcome_column == "pat_t1"


def test_hash_is_of_content() -> None:
    raw = {"outcome": "pat", "terms": ["sh:deg", "sh", "deg"]}
    same = {"outcome": "pat", "terms": ["deg:sh", "sh", "deg"], "lead": 1}
    assert resolve_spec("a", raw).content_hash() == resolve_spec("b", same).content_hash()
    other = {**raw, "lead": 2}
    assert resolve_spec("a", raw).content_hash() != resolve_spec("a", other).content_hash()


def test_explicit_controls_are_marked() -> None:
    raw = {"outcome": "pat", "terms": ["sh"], "controls": ["age"]}
    spec = resolve_spec("m", raw, {"controls": ["size"]})
    assert (spec.controls, spec.controls_source) == (("age",), "explicit")
    none = resolve_spec("m", {**raw, "controls": []}, {"controls": ["size"]})
    assert none.controls == ()


def test_all_problems_of_a_raw_model_at_once() -> None:
    raw = {"outcome": "pat", "terms": ["sh^9"], "estimator": "fe_poison", "lead": -1}
    with pytest.raises(InputError) as caught:
        resolve_spec("m", {**raw, "effects": ["firm year"]})
    told = {problem.where: problem for problem in caught.value.problems}
    assert set(told) == {
        "models.m.terms",
        "models.m.estimator",
        "models.m.lead",
        "models.m.effects",
    }
    assert told["models.m.estimator"].fix.startswith("did you mean 'fe_poisson'")


def test_unknown_keys_get_a_suggestion() -> None:
    problems = check_model("m", {"outcom": "pat", "terms": ["sh"]}, {}, ["sh", "pat"])
    assert [p.where for p in problems] == ["models.m.outcom"]
    assert problems[0].fix == "did you mean 'outcome'?"


def test_unknown_variables_and_incomplete_products_are_listed() -> None:
    spec = resolve_spec("m", {"outcome": "pta", "terms": ["sh", "sh:deg"], "controls": ["agee"]})
    problems = check_spec(spec, ["pat", "sh", "deg", "age"])
    assert [(p.where, p.fix) for p in problems] == [
        ("models.m.outcome", "did you mean 'pat'?"),
        ("models.m.controls", "did you mean 'age'?"),
        ("models.m.terms", "add deg"),
    ]
