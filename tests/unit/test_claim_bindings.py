"""A claim can state every shape: from plain text to a finding on planted panels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from tertius.claims.claim_test import ClaimTest, inherited, read_test
from tertius.claims.findings import JUDGED, Finding, find
from tertius.claims.page import renewed
from tertius.claims.shape_table import EVERY, KEYS, SHAPES, judges_of
from tertius.estimate import Estimate, NotEstimable
from tertius.problems import Problems
from tertius.registry import read_yaml
from tests.shape_worlds import curve_world, fit, panel, path_world, product_world


def read(raw: Mapping[str, Any]) -> ClaimTest:
    problems = Problems()
    test = read_test(raw, "test", problems)
    assert not problems.found, problems.found
    assert test is not None
    return test


def run(raw: Mapping[str, Any], **fits: Estimate) -> Finding:
    test = read(raw)
    return find(test, fits[test.model], 0.05, "claim", fits)


def complaints(raw: Mapping[str, Any]) -> list[str]:
    problems = Problems()
    assert read_test(raw, "test", problems) is None
    return [str(problem) for problem in problems.found]


def two_outcomes(seed: int, own: float = 0.5, cross: float = 0.1) -> pl.DataFrame:
    """a acts on first, b on second, by `own`; across by `cross`."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 1200))
    first = own * a + cross * b + rng.normal(size=1200)
    second = cross * a + own * b + rng.normal(size=1200)
    return panel({"a": a, "b": b, "first": first, "second": second}, 200)


def two_paths(seed: int, own: float = 0.6, cross: float = 0.0) -> pl.DataFrame:
    """a -> m -> first, and by `cross` m -> second; levels far from zero."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=1200)
    m = 0.5 * a + rng.normal(size=1200)
    first = 10 + own * m + rng.normal(size=1200)
    second = 10 + cross * m + rng.normal(size=1200)
    return panel({"a": a, "m": m, "first": first, "second": second}, 200)


def ends(rate: float, n_firms: int = 400) -> pl.DataFrame:
    """Ties that end at a yearly rate, seen for six years or until they end; `d` counts years."""
    rng = np.random.default_rng(4)
    ended = rng.uniform(size=n_firms * 6) < rate
    frame = panel(
        {"d": np.tile(np.arange(1.0, 7.0), n_firms), "ended": ended.astype(float)}, n_firms
    )
    before = pl.col("ended").cum_sum().over("org_id") - pl.col("ended")
    noise = pl.Series("x", rng.normal(size=n_firms * 6))
    return frame.with_columns(noise, pl.lit("ok").alias("x_status")).filter(before == 0)


def test_the_table_knows_every_shape_and_the_schema_none(root) -> None:
    assert set(SHAPES) == set(JUDGED)
    assert all(key in KEYS for shape in SHAPES.values() for key in shape.keys)
    schema = read_yaml(root / "workflow" / "schemas" / "claims.yaml")
    assert "properties" not in schema["$defs"]["test"]
    claimed = schema["properties"]["claims"]["additionalProperties"]["properties"]["shape"]["enum"]
    assert set(claimed) == set(EVERY)
    assert all(len(judges_of(shape)) >= 2 for shape in claimed)


def test_the_page_of_claims_lists_every_shape_and_key(root) -> None:
    text = (root / "docs" / "claims.md").read_text(encoding="utf-8")
    assert text == renewed(text)
    assert all(f"**`{name}`**" in text for name in SHAPES)
    assert all(f"- `{name}`:" in text for name in KEYS)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_example_of_every_shape_can_be_read(name: str, tmp_path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(f"test: {SHAPES[name].example}\n", encoding="utf-8")
    test = read(read_yaml(path)["test"])
    assert test.shape == name
    assert test.model
    assert set(test.needs) == set(test.all_models)


def test_a_comparison_of_two_models_stacks_their_firms() -> None:
    world = two_outcomes(1)
    fits = {"one": fit(world, "a b", "first"), "two": fit(world, "a b", "second")}
    raw = {"shape": "coefficient_comparison", "model": "one", "models": ["two"],
           "terms": ["a", "a"], "scale": "raw"}  # fmt: skip
    found = run(raw, **fits)
    gap = fits["one"].coefficient("a") - fits["two"].coefficient("a")
    assert found.estimate == pytest.approx(gap)
    assert found.estimate == pytest.approx(0.4, abs=0.1)
    assert found.direction == "expected"
    assert run({**raw, "side": "less"}, **fits).direction == "opposite"
    assert len(found.hypothesis.cluster_ids) == 200


def test_a_matched_pattern_of_two_outcomes() -> None:
    world = two_outcomes(2)
    fits = {"one": fit(world, "a b", "first"), "two": fit(world, "a b", "second")}
    raw = {"shape": "matched_pattern", "model": "one", "models": ["two"], "terms": ["a", "b"],
           "scale": "raw"}  # fmt: skip
    found = run(raw, **fits)
    b = {name: estimate.coefficient for name, estimate in fits.items()}
    wanted = (b["one"]("a") + b["two"]("b")) / 2 - (b["one"]("b") + b["two"]("a")) / 2
    assert found.estimate == pytest.approx(wanted)
    assert found.direction == "expected"
    flat = two_outcomes(3, own=0.3, cross=0.3)
    even = {"one": fit(flat, "a b", "first"), "two": fit(flat, "a b", "second")}
    assert run(raw, **even).direction == "neither"
    assert read(raw).needs == {"one": ("a", "b"), "two": ("a", "b")}


def test_outcomes_in_different_units_are_compared_in_standard_deviations() -> None:
    world = two_outcomes(2)
    large = world.with_columns(pl.col("second") * 1000)
    raw = {"shape": "matched_pattern", "model": "one", "models": ["two"], "terms": ["a", "b"],
           "scale": "standardised"}  # fmt: skip
    values = []
    for frame in (world, large):
        fits = {"one": fit(frame, "a b", "first"), "two": fit(frame, "a b", "second")}
        values.append(run(raw, **fits).estimate)
    assert values[0] == pytest.approx(values[1])
    # own .5, across .1, noise 1: the outcome's sd is sqrt(1.26)
    assert values[0] == pytest.approx(0.4 / 1.26**0.5, abs=0.06)


def test_an_indirect_effect_is_larger_on_its_own_outcome() -> None:
    world = two_paths(5)
    fits = {"one": fit(world, "a m", "first"), "two": fit(world, "a m", "second")}
    raw = {"shape": "indirect_contrast", "model": "one", "models": ["two"], "paths": ["a -> m"]}
    found = run(raw, **fits)
    assert found.direction == "expected"
    sd = fits["one"].variables["a"].sd_within
    assert found.estimate == pytest.approx(0.5 * 0.6 * sd / 10, rel=0.3)
    assert run({**raw, "model": "two", "models": ["one"]}, **fits).direction == "opposite"
    same = two_paths(6, own=0.4, cross=0.4)
    even = {"one": fit(same, "a m", "first"), "two": fit(same, "a m", "second")}
    assert run(raw, **even).direction == "neither"


def test_one_block_says_more_than_another() -> None:
    world = two_outcomes(7, own=0.6, cross=0.05)
    estimate = fit(world, "a b", "first")
    raw = {"shape": "block_comparison", "model": "m", "terms": ["a"], "against": ["b"]}
    found = run(raw, m=estimate)
    assert found.direction == "expected"
    # deviance of unseen firms: about b^2 of within variance, less the share of firm and year means
    assert found.estimate == pytest.approx((0.6**2 - 0.05**2) * 5 / 6, rel=0.25)
    turned = run({**raw, "terms": ["b"], "against": ["a"]}, m=estimate)
    assert turned.direction == "opposite"
    assert turned.estimate == pytest.approx(-found.estimate)
    with pytest.raises(NotEstimable, match="both blocks"):
        run({**raw, "against": ["a", "b"]}, m=estimate)


def test_a_share_against_a_stated_one() -> None:
    estimate = fit(ends(0.13), "x d", "ended", effects=[])
    raw = {"shape": "rate", "model": "m", "variable": "d", "horizon": 5, "value": 0.5,
           "margin": 0.1}  # fmt: skip
    found = run(raw, m=estimate)
    assert found.estimate == pytest.approx(1 - 0.87**5, abs=0.05)
    assert found.direction == "expected"
    assert run({**raw, "value": 0.8, "margin": 0.05}, m=estimate).direction == "opposite"
    assert run({**raw, "margin": 0.03}, m=estimate).direction == "neither"
    mean = run({"shape": "rate", "model": "m", "value": 0.13, "margin": 0.04}, m=estimate)
    assert mean.estimate == pytest.approx(estimate.frame["y"].mean())
    assert mean.direction == "expected"


def test_product_limit_by_hand() -> None:
    """Ends 1 of 4 in the first year, 1 of 2 in the second: 1 - 3/4 * 1/2 = 5/8."""
    rows = {"d": [1.0, 2, 1, 2, 1, 1], "ended": [0.0, 1, 0, 0, 1, 0]}
    frame = pl.DataFrame(
        {
            "org_id": ["a", "a", "b", "b", "c", "d"],
            "year": pl.Series([1, 2, 1, 2, 1, 1], dtype=pl.Int32),
            **rows,
            "x": [0.0, 1, 0, 0, 1, 3],
        }
    ).with_columns(pl.lit(True).alias("in_sample"), *(
        pl.lit("ok").alias(f"{name}_status") for name in ("d", "ended", "x")
    ))  # fmt: skip
    estimate = fit(frame, "x d", "ended", effects=[])
    raw = {"shape": "rate", "model": "m", "variable": "d", "value": 0.5, "margin": 0.1}
    assert run(raw, m=estimate).estimate == pytest.approx(5 / 8)


def test_groups_are_cut_at_a_stated_value() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=1200)
    flag = np.repeat((np.arange(200) % 4 == 0).astype(float), 6)
    y = (0.2 + 0.5 * flag) * x + rng.normal(size=1200)
    estimate = fit(panel({"x": x, "flag": flag, "y": y}, 200), "x flag")
    raw = {"shape": "group_difference", "model": "m", "variable": "x", "moderator": "flag",
           "cut": 0.5}  # fmt: skip
    found = run(raw, m=estimate)
    assert found.direction == "expected"
    assert found.estimate == pytest.approx(0.5, abs=0.12)
    assert run({**raw, "side": "less"}, m=estimate).direction == "opposite"


def test_all_legs_must_hold_and_the_largest_p_counts() -> None:
    world = path_world(9)
    fits = {"y": fit(world, "x w m m2"), "m": fit(world, "x w", "m")}
    legs = [{"shape": "positive", "model": "m", "term": "x"},
            {"shape": "positive", "model": "y", "terms": ["m"]}]  # fmt: skip
    found = run({"shape": "all_of", "legs": legs}, **fits)
    parts = [run(leg, **fits) for leg in legs]
    assert found.direction == "expected"
    assert found.p_value == max(part.p_value for part in parts)
    assert [step.met for step in found.steps] == [True, True]
    weak = {"shape": "positive", "model": "m", "term": "w"}
    broken = run({"shape": "all_of", "legs": [*legs, weak]}, **fits)
    assert broken.direction == "neither"
    assert broken.model == "m"
    assert broken.p_value > 0.05
    turned = [{**leg, "shape": "negative"} for leg in legs]
    assert run({"shape": "all_of", "legs": turned}, **fits).direction == "opposite"


def test_the_effect_of_a_policy_is_a_coefficient_of_the_estimator() -> None:
    rng = np.random.default_rng(3)
    start = np.repeat(rng.choice([2002, 2004, 9999], 300), 6)
    year = np.tile(np.arange(2000, 2006), 300)
    on = (year >= start).astype(float)
    y = 1 + 0.5 * on + np.repeat(rng.normal(size=300), 6) + rng.normal(0, 0.5, 1800)
    frame = panel({"on": on, "y": y}, 300)
    estimate = fit(frame, "", "y", estimator="did", options={"treatment": "on"})
    found = run({"shape": "positive", "model": "m", "term": "att"}, m=estimate)
    assert found.direction == "expected"
    assert found.estimate == pytest.approx(0.5, abs=0.12)
    assert found.effects[0].share == pytest.approx(found.estimate / estimate.mean_outcome)
    assert run({"shape": "negative", "model": "m", "term": "att"}, m=estimate).direction == (
        "opposite"
    )


def test_curves_and_products_as_before() -> None:
    curve = fit(curve_world(lambda x: x - 0.25 * x**2, 1), "x x^2")
    assert run({"shape": "inverted_u", "model": "m", "variable": "x"}, m=curve).direction == (
        "expected"
    )
    product = fit(product_world(1), "x z x:z")
    raw = {"shape": "interaction", "model": "m", "term": "z:x", "side": "greater"}
    assert run(raw, m=product).direction == "expected"
    pair = {"shape": "complementarity", "model": "m", "terms": ["x", "z"]}
    assert read(pair).needed_terms == ("x", "z", "x:z")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"shape": "positve", "model": "m"}, "'positve' is not allowed -> did you mean 'positive'"),
        ({"shape": "rate", "model": "m", "valeu": 1}, "'valeu' -> did you mean 'value'"),
        ({"shape": "rate", "model": "m", "value": "half", "margin": 0.1}, "give a number"),
        ({"shape": "rate", "model": "m", "value": 0.5}, "needs it -> add margin"),
        ({"shape": "positive", "model": "m", "term": "a", "side": "grater"}, "mean 'greater'"),
        ({"shape": "all_of", "legs": []}, "needs it -> add legs"),
        (
            {"shape": "all_of", "legs": [{"shape": "positive", "model": "m", "trem": "a"}]},
            "test.legs[1].trem: unknown key 'trem'",
        ),
        (
            {"shape": "matched_pattern", "model": "m", "models": ["n"], "terms": ["a"]},
            "give 2 or more",
        ),
        (
            {"shape": "matched_pattern", "model": "m", "models": ["n"], "terms": ["a", "b", "c"]},
            "3 terms for 2 models",
        ),
        ({"shape": "matched_pattern", "model": "m", "terms": ["a", "b:q"]}, "two products"),
        (
            {"shape": "indirect_contrast", "model": "m", "paths": ["a -> b", "c -> d"]},
            "2 paths for 1 models",
        ),
        ({"shape": "indirect_contrast", "model": "m", "paths": ["a, b"]}, "write x -> m"),
        ({"shape": "three_way", "model": "m", "term": "a:b"}, "no product of three"),
        ({"shape": "curve_class", "model": "m", "variable": "a", "expect": "flatter"},
         "'flatter' is not allowed"),
        ({"shape": "coefficient_comparison", "model": "m", "terms": ["a"]}, "1 terms -> give 2"),
        (
            {"shape": "inverted_u", "model": "m", "variable": "a", "placebo": "rewired"},
            "is not held against rewired networks",
        ),
        ({"shape": "positive", "model": ["m"], "term": "a"}, "test.model: is ['m']"),
        ({"shape": "positive", "model": "m", "terms": "a"}, "write a list of texts"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_test_is_told(raw: dict[str, Any], said: str) -> None:
    assert any(said in text for text in complaints(raw)), complaints(raw)


def test_all_problems_of_a_test_at_once() -> None:
    raw = {"shape": "rate", "model": "m", "value": "x", "margn": 1, "horizon": "y"}
    assert len(complaints(raw)) == 1  # an unknown key first: what it meant may be what is missing
    raw.pop("margn")
    assert len(complaints(raw)) == 3


def test_a_variant_of_another_shape_drops_what_it_does_not_take() -> None:
    test = {"shape": "positive", "model": "m", "term": "a", "side": "greater"}
    assert inherited(test, {"shape": "all_of", "legs": [test]}) == {
        "shape": "all_of",
        "legs": [test],
    }
    held = {**test, "placebo": "rewired"}
    assert "placebo" not in inherited(held, {"model": "n"})
    assert inherited(held, {"placebo": "rewired"})["placebo"] == "rewired"
    merged = inherited(test, {"shape": "kink", "variable": "b"})
    assert merged == {"shape": "kink", "model": "m", "side": "greater", "variable": "b"}
