"""The planted truth of the claims: one for each claim that records can judge, from the settings."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from tertius.simulate import null_world, settings_for
from tertius.simulate.claim_truth import VERDICTS, claim_truths, claims_as_data

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = settings_for(100)


def registered():
    found = {}
    for path in sorted((ROOT / "config" / "claims").glob("*.yaml")):
        claims = yaml.safe_load(path.read_text(encoding="utf-8"))["claims"]
        found |= {claim: entry["testability"] for claim, entry in claims.items()}
    return found


def test_every_claim_that_records_can_judge_has_a_truth():
    wanted = {k for k, v in registered().items() if v in ("archival", "proxy", "extra_table")}
    assert set(claim_truths()) == wanted
    assert len(wanted) == 155


def test_at_least_a_fifth_is_not_true_and_some_are_opposite():
    counts = Counter(one.truth for one in claim_truths().values())
    assert set(counts) == set(VERDICTS)
    assert counts["false"] + counts["opposite"] > len(claim_truths()) / 5
    assert counts["opposite"] >= 5


def test_what_is_true_or_opposite_has_a_plant_or_a_reason():
    for claim, one in claim_truths().items():
        assert one.plants or one.because, claim
        if one.truth == "opposite":
            assert one.plants, claim


def test_plants_are_coefficients_of_the_settings_and_none_is_zero():
    told = claims_as_data(SETTINGS)
    assert told["A04"] == {
        "truth": "true",
        "plants": [
            {"equation": "log mean of the patents of t+1", "term": "log1p_deg", "coefficient": 0.45}
        ],
    }
    assert told["A42"]["plants"][0]["term"] == "small:subsidy"
    assert told["A42"]["plants"][0]["coefficient"] < 0.0
    assert all(plant["coefficient"] for one in told.values() for plant in one.get("plants", ()))
    changed = replace(SETTINGS, outcome=replace(SETTINGS.outcome, log1p_deg=0.1))
    assert claims_as_data(changed)["A04"]["plants"][0]["coefficient"] == pytest.approx(0.1)


@pytest.mark.parametrize("plan", ["further", "quality", "hazard", "records"])
def test_every_planted_coefficient_serves_a_claim(plan):
    used = {p.partition(".")[2] for one in claim_truths().values() for p in one.plants
            if p.startswith(f"{plan}.")}  # fmt: skip
    # main effects that only stand beside a planted product
    beside = {"pdiv", "khet", "depth", "admin_pdiv", "coinvent_digital", "clauses", "shock"}
    planted = {f.name for f in fields(getattr(SETTINGS, plan)) if getattr(
        getattr(SETTINGS, plan), f.name)}  # fmt: skip
    assert planted - used <= beside


def test_in_a_null_world_no_plant_is_left():
    told = claims_as_data(null_world(SETTINGS))
    left = {plant["term"] for one in told.values() for plant in one.get("plants", ())
            if plant["coefficient"]}  # fmt: skip
    # levels: the length of alliances, size and persistence of leanings are no slopes
    assert left == {"base", "persistence", "bridging"}
