"""Frozen specifications: written once, and what comes later is stamped."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import freeze_specs
from tertius.claims import Claim, ClaimTest, load_study_claims
from tertius.claims.frozen import Lock, hash_of_test, lock_of
from tertius.claims.judge import VERDICT_SCHEMA, JudgeSettings, judge
from tertius.estimate import NotEstimable
from tertius.model_spec import planned_spec, resolve_spec
from tertius.problems import InputError
from tertius.registry import load_registry

TEST = ClaimTest("positive", "m", ("x",), side="greater")
SPECS = {"m": resolve_spec("m", {"outcome": "y", "terms": ["x"]})}
LEVELS = {"lag": {"declared": {}, "t2": {"model": {"lead": 2}}}}


def claim(test: ClaimTest, **variants: ClaimTest) -> Claim:
    return Claim(
        id="A04", paper="p", sections=("1",), statement={"en": "s"}, shape="positive",
        shape_detail="", constructs="", mechanism="", testability="", canonical_test="", test=test,
        variants=variants,
    )  # fmt: skip


def test_a_hash_changes_with_whatever_the_numbers_depend_on() -> None:
    base = hash_of_test(TEST, SPECS)
    assert len(base) == 16
    assert base == hash_of_test(TEST, dict(SPECS))
    others = [
        hash_of_test(replace(TEST, side="less"), SPECS),
        hash_of_test(TEST, {"m": replace(SPECS["m"], winsor=None)}),
        hash_of_test(TEST, {"m": replace(SPECS["m"], lead=2)}),
        hash_of_test(TEST, {"m": replace(SPECS["m"], controls=("z",))}),
    ]
    assert len({base, *others}) == 5
    # what only names the model does not count
    assert base == hash_of_test(TEST, {"m": replace(SPECS["m"], missteps={"x": "off"})})


def test_what_is_added_or_changed_later_is_post_hoc() -> None:
    then = lock_of([claim(TEST, t2=replace(TEST, side="less"))], SPECS, LEVELS)
    assert then == Lock.from_dict(yaml.safe_load(yaml.safe_dump(then.to_dict())))
    changed = {"m": replace(SPECS["m"], winsor=None)}
    late = {"lag": {**LEVELS["lag"], "t3": {"model": {"lead": 3}}}}
    same = lock_of([claim(TEST, t2=replace(TEST, side="less"), new=TEST)], SPECS, late)
    assert then.post_hoc_tests(same) == {"A04": {"primary": False, "t2": False, "new": True}}
    assert then.post_hoc_levels(same) == {"lag": {"t2": False, "t3": True}}
    assert then.post_hoc_tests(lock_of([claim(TEST)], changed)) == {"A04": {"primary": True}}


def test_freezing_writes_every_test_and_level_once(root: Path, tmp_path: Path) -> None:
    for folder in ("config", "workflow/schemas"):
        shutil.copytree(root / folder, tmp_path / folder)
    path = tmp_path / "config" / "studies" / "demo_small.lock"
    path.unlink(missing_ok=True)
    assert freeze_specs.main(tmp_path, "demo_small") == path
    frozen = Lock.from_dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    registry = load_registry(root, "demo_small")
    tested = {c.id: set(c.tests) for c in load_study_claims(root, registry).claims if c.test}
    assert {key: set(held) for key, held in frozen.tests.items()} == tested
    assert {"layer", "lag", "estimator"} <= set(frozen.levels)
    now = freeze_specs.current_lock(root, "demo_small")
    assert not any(late for held in frozen.post_hoc_tests(now).values() for late in held.values())
    before = path.read_bytes()
    with pytest.raises(InputError, match="is there already"):
        freeze_specs.main(tmp_path, "demo_small")
    assert path.read_bytes() == before


def test_the_lock_of_a_study_knows_its_stand_ins(root: Path) -> None:
    registry = load_registry(root, "h2020")
    stand_ins = registry.study.section("stand_ins")
    name, entry = next(iter(stand_ins.items()))
    raw = {"outcome": name, "terms": ["deg"]}
    assert planned_spec("m", raw, {}, stand_ins).outcome == entry["variable"]
    assert planned_spec("m", raw, {}, {}).outcome == name


def test_verdicts_and_cards_carry_stamp_and_share(root: Path) -> None:
    claims = load_study_claims(root, load_registry(root, "demo"))
    models = {name for c in claims.claims for t in c.tests.values() for name in t.all_models}
    fits = {name: NotEstimable("missing_input", "x", "none") for name in models}
    tests = {c.id: dict.fromkeys(c.tests, False) for c in claims.claims if c.test}
    tests["A04"]["primary"], tests["A11"]["t2"] = True, True
    told = {
        "shares": {"n": 5, "same_sign": 0.8, "expected": 0.6, "opposite": 0.0, "stable": True},
        "joint": [{"statistic": "absolute median t", "p_value": 0.01}],
    }
    settings = JudgeSettings(
        alpha=0.05, draws=19, seed=1, sesoi=0.05, multiverse={"A11": told}, post_hoc=tests
    )
    made = judge(claims, fits, {}, settings)
    rows = {row["claim_id"]: row for row in made.verdicts.to_dicts()}
    assert made.verdicts.columns == list(VERDICT_SCHEMA)
    assert rows["A04"]["exploratory"] is True
    assert rows["A11"]["exploratory"] is False
    assert rows["A11"]["grid_share"] == 0.8
    assert rows["A04"]["grid_share"] is None
    assert made.cards["A04"]["post_hoc"] is True
    assert made.cards["A11"]["multiverse"]["same_sign"] == 0.8
    assert made.cards["A11"]["power"] is made.cards["A11"]["fault_tolerance"] is None
    stamps = {(v["claim_id"], v["variant"]): v["post_hoc"] for v in made.variants.to_dicts()}
    assert stamps["A11", "t2"] is True
    assert stamps["A11", "cwpat"] is False
    without = judge(claims, fits, {}, JudgeSettings(alpha=0.05, draws=19, seed=1, sesoi=0.05))
    assert without.cards["A04"]["post_hoc"] is None
    assert without.variants["post_hoc"].null_count() == without.variants.height
