"""Verdicts on hand-made estimates: each word, each reason, each shape, families, files."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

import judge_claims
from tertius.claims import Claim, ClaimRegistry, ClaimTest, load_claims
from tertius.claims.findings import Finding, find
from tertius.claims.judge import VERDICT_SCHEMA, JudgeSettings, adjust, judge
from tertius.claims.placebos import SCHEMA as PLACEBO_SCHEMA
from tertius.claims.verdict import WORDS, Adjusted, base_code, decide, verdict_of
from tertius.estimate import Estimate, NotEstimable, VariableStats, estimate_frames, estimate_model
from tertius.model_spec import parse_term, resolve_spec
from tertius.provenance import write_json

CLUSTERS = 200
SETTINGS = JudgeSettings(alpha=0.05, draws=499, seed=7, sesoi=0.05)
CODEBOOK: dict[str, dict[str, Any]] = {
    "x": {"mark": "V", "label": {"en": "The cause"}, "inputs": ["alliances", "alliance_parties"]},
    "z": {"mark": "P", "label": {"en": "The moderator"}, "inputs": ["firm_years"]},
    "y": {"mark": "V", "label": {"en": "The outcome"}, "inputs": ["patents"]},
}


def made(
    coefficients: dict[str, float],
    errors: dict[str, float] | float = 0.1,
    *,
    seed: int = 1,
    estimator: str = "fe_poisson",
    outcome: str = "y",
) -> Estimate:
    """An estimate with given coefficients and independent errors, variables uniform on [0, 1]."""
    terms = tuple(coefficients)
    size = np.array([errors[t] if isinstance(errors, dict) else errors for t in terms])
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(CLUSTERS, len(terms)))
    noise -= noise.mean(axis=0)
    # orthonormal columns with sum zero: the covariance is exactly diagonal
    influence = np.linalg.qr(noise)[0] * size
    bases = sorted({base for term in terms for base in parse_term(term).bases})
    grid = np.linspace(0, 1, 401)
    columns = {base: rng.permutation(grid) for base in bases}
    frame = pl.DataFrame(
        {
            "org_id": [f"f{i % CLUSTERS:03d}" for i in range(401)],
            "year": np.arange(401, dtype=np.int32),
            "y": np.ones(401),
            "fitted": np.ones(401),
            **columns,
            **{f"{base}_status": ["ok"] * 401 for base in bases},
        }
    )
    raw = {"outcome": outcome, "estimator": estimator, "terms": list(terms), "controls": []}
    return Estimate(
        spec=resolve_spec("model", raw),
        terms=terms,
        coefficients=np.array(list(coefficients.values())),
        covariance=np.diag(size**2),
        influence=influence,
        cluster_ids=tuple(f"f{i:03d}" for i in range(CLUSTERS)),
        dof=float(CLUSTERS - 1),
        n_obs=401,
        n_firms=CLUSTERS,
        n_years=401,
        frame=frame,
        variables={base: stats_of(base, grid) for base in bases},
        ledger=(),
        dropped={},
        collinear=(),
        unavailable={},
        statistics={},
        se_convention="none",
        mean_outcome=1.0,
    )


def stats_of(base: str, grid: np.ndarray) -> VariableStats:
    return VariableStats(
        variable=base, transform="identity", mean=0.5, sd=0.29, sd_within=0.25, min=0.0, max=1.0,
        p5=0.05, p95=0.95, n_ok=len(grid), n_undefined=0, centre=0.0, winsor_low=None,
        winsor_high=None,
    )  # fmt: skip


POSITIVE = ClaimTest("positive", "model", terms=("x",), side="greater")
NEGATIVE = ClaimTest("negative", "model", terms=("x",), side="less")
BOTH = ClaimTest("positive", "model", terms=("x", "z"), side="greater")
PRODUCT = ClaimTest("interaction", "model", terms=("x:z",), side="greater")
CURVE = ClaimTest("inverted_u", "model", variable="x")
DIMINISHING = ClaimTest("diminishing", "model", variable="x")
SHIFT = ClaimTest("moderated_inverted_u", "model", variable="x", moderator="z", expect="any")


def verdict(test: ClaimTest, estimate: Estimate) -> tuple[str, str]:
    """Word and reason code where the claim is alone in its family."""
    finding = find(test, estimate, SETTINGS.alpha, "c")
    alone = adjust({"c": finding}, {"c": "family"}, SETTINGS)["c"]
    return decide(finding, alone.p_romano_wolf, SETTINGS.alpha, SETTINGS.sesoi)


@pytest.mark.parametrize(
    ("test", "slope", "error", "expected"),
    [
        (POSITIVE, 0.4, 0.1, ("supported", "")),
        (POSITIVE, -0.4, 0.1, ("contradicted", "")),
        (NEGATIVE, -0.4, 0.1, ("supported", "")),
        (NEGATIVE, 0.4, 0.1, ("contradicted", "")),
        (replace(POSITIVE, side="either"), -0.4, 0.1, ("supported", "")),
        # effect of one within-firm sd (.25): 90 % interval inside +-5 %
        (POSITIVE, 0.01, 0.05, ("inconclusive", "null")),
        # covers both -5 % and +5 %
        (POSITIVE, 0.0, 0.2, ("inconclusive", "imprecise")),
        # covers +5 % only
        (POSITIVE, 0.15, 0.1, ("inconclusive", "not_significant")),
    ],
)
def test_signs(test: ClaimTest, slope: float, error: float, expected: tuple[str, str]) -> None:
    assert verdict(test, made({"x": slope}, error)) == expected


def test_a_sign_is_tested_two_sided() -> None:
    # t = 1.75 passes a one-sided 5 % test (1.653 with 199 degrees of freedom), not a two-sided one
    finding = find(POSITIVE, made({"x": 0.175}, 0.1), 0.05, "c")
    assert finding.p_value == pytest.approx(0.0817, abs=5e-4)
    assert finding.direction == "neither"


def test_effect_and_minimum_detectable_effect_of_a_count() -> None:
    finding = find(POSITIVE, made({"x": 0.4}, 0.1), 0.05, "c")
    effect = finding.effects[0]
    assert effect.share == pytest.approx(math.expm1(0.4 * 0.25))
    assert effect.mde == pytest.approx(math.expm1(2.8 * 0.1 * 0.25))
    # 90 % interval with 199 degrees of freedom
    assert effect.low == pytest.approx(math.expm1((0.4 - 1.6525 * 0.1) * 0.25), rel=1e-4)
    assert finding.quantity == "coefficient of x"


def test_effect_of_an_outcome_that_is_no_count_is_a_share_of_its_mean() -> None:
    estimate = replace(made({"x": 0.4}, 0.1, estimator="fe_ols"), mean_outcome=4.0)
    assert find(POSITIVE, estimate, 0.05, "c").effects[0].share == pytest.approx(0.4 * 0.25 / 4)
    estimate = replace(estimate, mean_outcome=-1.0)
    assert find(POSITIVE, estimate, 0.05, "c").effects == ()


@pytest.mark.parametrize(
    ("slopes", "expected"),
    [
        ((0.5, 0.4), ("supported", "")),
        ((-0.5, -0.4), ("contradicted", "")),
        ((0.5, 0.1), ("inconclusive", "partial")),
        # both beyond chance, with different signs: neither the claim nor its opposite
        ((0.5, -0.4), ("inconclusive", "shape_not_confirmed")),
    ],
)
def test_all_named_terms_must_have_the_sign(
    slopes: tuple[float, float], expected: tuple[str, str]
) -> None:
    estimate = made({"x": slopes[0], "z": slopes[1]}, 0.1)
    assert verdict(BOTH, estimate) == expected
    finding = find(BOTH, estimate, 0.05, "c")
    weakest = min(slopes, key=abs)
    assert finding.estimate == pytest.approx(weakest)
    assert finding.hypothesis.estimate == pytest.approx(weakest)


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        (0.8, ("supported", "")),
        (-0.8, ("contradicted", "")),
        (0.1, ("inconclusive", "null")),
    ],
)
def test_interactions(product: float, expected: tuple[str, str]) -> None:
    estimate = made({"x": 0.4, "z": 0.1, "x:z": product}, 0.2)
    assert verdict(PRODUCT, estimate) == expected
    assert find(PRODUCT, estimate, 0.05, "c").estimate == pytest.approx(product)


@pytest.mark.parametrize(
    ("b1", "b2", "curve", "diminishing"),
    [
        # turning point .5: the full inverted-U; its slope declines too
        (4.0, -4.0, ("supported", ""), ("supported", "")),
        # slopes 4 at 0 and 1 at 1: rises and flattens, never falls
        (4.0, -1.5, ("inconclusive", "partial"), ("supported", "")),
        # a U: the opposite of an inverted-U, and of diminishing returns (slopes -4 and 4)
        (-4.0, 4.0, ("contradicted", ""), ("contradicted", "")),
        # slopes 1 and 4: rises ever faster
        (1.0, 1.5, ("inconclusive", "partial"), ("contradicted", "")),
    ],
)
def test_curves(b1: float, b2: float, curve: tuple[str, str], diminishing: tuple[str, str]) -> None:
    estimate = made({"x": b1, "x^2": b2}, 0.2)
    assert verdict(CURVE, estimate) == curve
    assert verdict(DIMINISHING, estimate) == diminishing


def test_inverted_u_reports_turning_point_and_the_weaker_end() -> None:
    finding = find(CURVE, made({"x": 4.0, "x^2": -5.0}, {"x": 0.3, "x^2": 0.4}), 0.05, "c")
    assert finding.quantity == "turning point of x"
    assert finding.estimate == pytest.approx(0.4)
    # slope at 1 is 4 - 10 = -6 with error sqrt(.3^2 + 4 .4^2) = .8544: t = 7.02, weaker than 13.3
    assert finding.hypothesis.estimate == pytest.approx(6.0)
    assert finding.hypothesis.std_error == pytest.approx(math.sqrt(0.73))
    assert finding.hypothesis.alternative == "greater"
    assert [step.met for step in finding.steps] == [True] * 4


def test_diminishing_tells_the_negative_slope_separately() -> None:
    rising = find(DIMINISHING, made({"x": 4.0, "x^2": -1.5}, 0.2), 0.05, "c")
    falling = find(DIMINISHING, made({"x": 4.0, "x^2": -4.0}, 0.2), 0.05, "c")
    assert rising.direction == falling.direction == "expected"
    assert (rising.notes["negative_slope_shown"], falling.notes["negative_slope_shown"]) == (
        False,
        True,
    )
    # slope^2 + 2 b2 of the expected count at the minimum: 16 - 3
    assert rising.notes["count_bends"]["minimum"] == pytest.approx(13.0)
    assert rising.estimate == pytest.approx(-1.5)


@pytest.mark.parametrize(
    ("b3", "b4", "expect", "expected"),
    [
        # turning point .5 + b3 z / 8 where b4 = 0
        (2.0, 0.0, "shift_right", ("supported", "")),
        (2.0, 0.0, "shift_left", ("contradicted", "")),
        (2.0, 0.0, "any", ("supported", "")),
        (-2.0, 0.0, "any", ("supported", "")),
        (0.0, 0.0, "any", ("inconclusive", "null")),
        (-2.0, 2.0, "flatter", ("supported", "")),
        (-2.0, 2.0, "steeper", ("contradicted", "")),
    ],
)
def test_moderated_curves(b3: float, b4: float, expect: str, expected: tuple[str, str]) -> None:
    slopes = {"x": 4.0, "x^2": -4.0, "z": 0.0, "x:z": b3, "z:x^2": b4}
    estimate = made(slopes, 0.2)
    assert verdict(replace(SHIFT, expect=expect), estimate) == expected


def test_an_inverted_u_whose_moderation_is_unclear_is_partial() -> None:
    slopes = {"x": 4.0, "x^2": -4.0, "z": 0.0, "x:z": 0.5, "z:x^2": 0.5}
    errors = {"x": 0.2, "x^2": 0.2, "z": 0.2, "x:z": 2.0, "z:x^2": 2.0}
    assert verdict(SHIFT, made(slopes, errors)) == ("inconclusive", "partial")


def test_shift_of_the_turning_point_is_the_derivative_at_mean_z() -> None:
    slopes = {"x": 4.0, "x^2": -4.0, "z": 0.0, "x:z": 2.0, "z:x^2": 0.0}
    finding = find(SHIFT, made(slopes, 0.2), 0.05, "c")
    # (b1 b4 - b2 b3) / (2 b2^2) = 8 / 32
    assert finding.estimate == pytest.approx(0.25)
    assert finding.quantity.startswith("shift of the turning point of x per unit of z")


def test_a_shift_without_an_inverted_u_is_not_support() -> None:
    slopes = {"x": -4.0, "x^2": 4.0, "z": 0.0, "x:z": 2.0, "z:x^2": 0.0}
    assert verdict(SHIFT, made(slopes, 0.1)) == ("inconclusive", "shape_not_confirmed")


def family_of_ten(first: float) -> dict[str, Finding]:
    """Ten claims with independent estimates; the first has t = 10 x `first`, the others t = 0."""
    return {
        f"c{i}": find(POSITIVE, made({"x": first if i == 0 else 0.0}, 0.1, seed=i), 0.05, f"c{i}")
        for i in range(10)
    }


def test_adjusted_p_makes_a_raw_finding_inconclusive() -> None:
    findings = family_of_ten(0.22)
    alone = adjust({"c0": findings["c0"]}, {"c0": "f"}, SETTINGS)["c0"]
    joint = adjust(findings, dict.fromkeys(findings, "f"), SETTINGS)["c0"]
    assert findings["c0"].p_value == pytest.approx(0.0289, abs=5e-4)
    assert alone.p_romano_wolf < 0.05 < joint.p_romano_wolf
    assert decide(findings["c0"], alone.p_romano_wolf, 0.05, 0.05) == ("supported", "")
    assert decide(findings["c0"], joint.p_romano_wolf, 0.05, 0.05) == ("inconclusive", "adjusted_p")
    opposite = family_of_ten(-0.22)
    joint = adjust(opposite, dict.fromkeys(opposite, "f"), SETTINGS)["c0"]
    assert decide(opposite["c0"], joint.p_romano_wolf, 0.05, 0.05) == (
        "inconclusive",
        "opposite_unadjusted",
    )


def test_romano_wolf_is_monotone_and_families_do_not_mix() -> None:
    values = [0.35, 0.28, 0.24, 0.2, 0.1, 0.0]
    findings = {
        f"c{i}": find(POSITIVE, made({"x": v}, 0.1, seed=i), 0.05, f"c{i}")
        for i, v in enumerate(values)
    }
    joint = adjust(findings, dict.fromkeys(findings, "f"), SETTINGS)
    adjusted = [joint[f"c{i}"].p_romano_wolf for i in range(6)]
    assert adjusted == sorted(adjusted)
    assert all(joint[key].n_tests == 6 for key in findings)
    split = {key: "f" if key in ("c0", "c1") else "g" for key in findings}
    apart = adjust(findings, split, SETTINGS)
    assert apart["c1"].n_tests == 2
    assert all(apart[k].p_romano_wolf <= joint[k].p_romano_wolf for k in findings)
    assert {apart[k].family for k in findings} == {"f", "g"}


def test_claims_of_a_family_see_the_same_resamples() -> None:
    estimate = made({"x": 0.25}, 0.1)
    twins = {name: find(POSITIVE, estimate, 0.05, name) for name in ("a", "b")}
    one = adjust({"a": twins["a"]}, {"a": "f"}, SETTINGS)["a"].p_romano_wolf
    two = adjust(twins, {"a": "f", "b": "f"}, SETTINGS)
    # a copy of a hypothesis is no further test: equal draws add nothing to the maximum
    assert two["a"].p_romano_wolf == two["b"].p_romano_wolf == one


def test_reason_is_one_sentence_of_the_numbers() -> None:
    finding = find(POSITIVE, made({"x": 0.4}, 0.1), 0.05, "c")
    said = verdict_of(finding, Adjusted("f", 3, 0.012, 0.02), 0.05, 0.05).reason
    assert said == (
        "Coefficient of x: 0.4 [0.2028, 0.5972], p < 0.001, Romano-Wolf p = 0.012 over 3 tests; "
        "the sign is as stated."
    )


@pytest.fixture(scope="module")
def registry(root: Path) -> ClaimRegistry:
    folder = root / "config" / "claims"
    files = [folder / "zhang2025.yaml", folder / "shao2023.yaml"]
    return load_claims(files, root / "workflow" / "schemas" / "claims.yaml")


def small_registry(*claims: Claim) -> ClaimRegistry:
    model = {"outcome": "y", "terms": ["x"]}
    return ClaimRegistry(claims, {"model": model, "other": model}, {}, {}, {"y": "patents"})


def claim(key: str, test: ClaimTest | None, **more: Any) -> Claim:
    plain = dict.fromkeys(("shape_detail", "constructs", "mechanism", "canonical_test"), "")
    return Claim(
        id=key, paper="paper", sections=("§1",), statement={"en": "a", "zh": "b"}, shape="positive",
        testability="archival", test=test, **plain, **more,
    )  # fmt: skip


def test_every_claim_has_a_row_even_without_any_model(registry: ClaimRegistry) -> None:
    verdicts = judge(registry, {}, {}, SETTINGS).verdicts
    assert verdicts.height == 164
    assert verdicts.schema == VERDICT_SCHEMA
    assert set(verdicts["verdict"]) == {"not_testable"}
    assert verdicts.filter(pl.col("reason_code") == "no_spec").height == 0
    bare = tuple(replace(claim, test=None, variants={}) for claim in registry.claims[:3])
    without = judge(replace(registry, claims=bare), {}, {}, SETTINGS).verdicts
    assert without["claim_id"].to_list() == ["A01", "A02", "A03"]
    assert set(without["reason_code"]) == {"no_spec"}
    assert set(without["reason"]) == {"no spec yet"}
    assert set(without["family"]) == {None}


def test_refused_models_name_the_missing_input(registry: ClaimRegistry, root: Path) -> None:
    codebook = yaml.safe_load((root / "config" / "variables.yaml").read_text(encoding="utf-8"))
    fits = {
        "position": NotEstimable("missing_input", "pat_t1", "the outcome pat_t1 has no usable row"),
        "technology_diversity": NotEstimable("missing_input", "tdiv", "needs tdiv"),
        "partner_diversity": NotEstimable("all_zero", "pat_t1", "every outcome is zero"),
    }
    settings = replace(SETTINGS, tables=("patents", "patent_applicants", "ties", "holders"))
    rows = judge(registry, fits, codebook, settings).verdicts
    said = {r["claim_id"]: (r["reason_code"], r["reason"]) for r in rows.iter_rows(named=True)}
    assert said["A04"][0] == "missing_input"
    assert "no input for pat (" in said["A04"][1]
    assert said["B44"] == (
        "missing_input",
        f"This study has no input for tdiv ({codebook['tdiv']['label']['en']}), "
        "built from patent_classes.",
    )
    assert said["B11"] == ("not_estimable", "Every outcome is zero.")
    assert said["B20"] == ("not_estimable", "Model brokerage_closure was not run.")


def test_codes_of_columns() -> None:
    codebook = {"pat": 0, "deg": 0, "x_t1": 0}
    assert base_code("pat_t1", codebook) == "pat"
    assert base_code("deg__alliance", codebook) == "deg"
    assert base_code("x_t1", codebook) == "x_t1"


def test_a_collinear_term_is_not_testable() -> None:
    estimate = replace(made({"z": 0.1}), collinear=("x",))
    estimate = replace(estimate, variables={**estimate.variables, **made({"x": 1.0}).variables})
    row = judge(small_registry(claim("A01", POSITIVE)), {"model": estimate}, CODEBOOK, SETTINGS)
    assert row.verdicts["reason_code"].to_list() == ["not_estimable"]
    assert "collinear" in row.verdicts["reason"][0]


def test_row_holds_the_numbers() -> None:
    claims = small_registry(
        claim("A01", POSITIVE, mechanical=True, inferred=True), claim("A02", None, exploratory=True)
    )
    judged = judge(claims, {"model": made({"x": 0.4}, 0.1)}, CODEBOOK, SETTINGS)
    first, second = judged.verdicts.iter_rows(named=True)
    assert (first["verdict"], first["model"], first["n_obs"], first["n_firms"]) == (
        "supported", "model", 401, 200,
    )  # fmt: skip
    assert first["estimate"] == pytest.approx(0.4)
    assert first["mde"] == pytest.approx(0.28)
    assert first["conf_low"] == pytest.approx(0.4 - 1.971957 * 0.1, rel=1e-5)
    assert first["p_romano_wolf"] == pytest.approx(1 / 500)
    assert first["q_bh"] == pytest.approx(first["p_value"])
    assert first["family"] == "paper §1 x patents"
    assert (first["mechanical"], first["inferred"], first["exploratory"]) == (True, True, False)
    assert (second["verdict"], second["exploratory"], second["estimate"]) == (
        "not_testable", True, None,
    )  # fmt: skip
    assert first["grid_share"] is None
    assert set(judged.shapes) == {"A01"}
    assert set(judged.cards) == {"A01", "A02"}
    assert len(judged.shapes["A01"]["curve"]["x"]) == 101


def test_proxies_are_named() -> None:
    test = replace(PRODUCT, terms=("x:z",))
    estimate = made({"x": 0.4, "z": 0.1, "x:z": 0.8}, 0.1)
    claims = small_registry(claim("A01", test), claim("A02", POSITIVE, proxies=("x",)))
    plain = judge(claims, {"model": estimate}, CODEBOOK, SETTINGS).verdicts
    assert plain["proxy"].to_list() == ["z", "x"]
    settings = replace(SETTINGS, stand_ins={"y": {"variable": "new_projects", "label": {}}})
    stood = judge(claims, {"model": estimate}, CODEBOOK, settings).verdicts
    assert stood["proxy"].to_list() == [
        "z; new_projects stands in for y",
        "x; new_projects stands in for y",
    ]


def test_variants_never_decide() -> None:
    against = {"reverse": replace(POSITIVE, model="other")}
    fits = {"model": made({"x": 0.4}, 0.1), "other": made({"x": -0.4}, 0.1)}
    judged = judge(
        small_registry(claim("A01", POSITIVE, variants=against)), fits, CODEBOOK, SETTINGS
    )
    assert judged.verdicts["verdict"].to_list() == ["supported"]
    assert judged.variants.select("variant", "finding", "estimate").row(0) == (
        "reverse",
        "opposite",
        pytest.approx(-0.4),
    )


def test_order_of_claims_and_models_does_not_matter() -> None:
    claims = [claim(f"A{i:02d}", replace(POSITIVE, model=f"m{i}")) for i in range(4)]
    fits = {f"m{i}": made({"x": 0.1 * i}, 0.1, seed=i) for i in range(4)}
    models = {name: {"outcome": "y", "terms": ["x"]} for name in fits}
    one = ClaimRegistry(tuple(claims), models, {}, {}, {"y": "patents"})
    two = replace(one, claims=tuple(reversed(claims)), models=dict(reversed(models.items())))
    first = judge(one, fits, CODEBOOK, SETTINGS)
    second = judge(two, dict(reversed(fits.items())), CODEBOOK, SETTINGS)
    assert first.verdicts.equals(second.verdicts)
    assert first.cards == second.cards
    assert set(first.verdicts["verdict"]) <= set(WORDS)


def simulated_panel(seed: int = 3) -> pl.DataFrame:
    """120 firms in 8 years whose patents rise with log1p(deg) and fall with ego density."""
    rng = np.random.default_rng(seed)
    n = 120 * 8
    deg = rng.poisson(3, n).astype(float)
    sh, edens = rng.uniform(0, 1, n), rng.uniform(0, 1, n)
    mean = np.exp(0.6 * np.log1p(deg) - 0.8 * edens + np.repeat(rng.normal(0, 0.5, 120), 8))
    frame = pl.DataFrame(
        {
            "org_id": np.repeat([f"f{i:03d}" for i in range(120)], 8),
            "year": np.tile(np.arange(2000, 2008, dtype=np.int32), 120),
            "in_sample": [True] * n,
            "deg": deg,
            "sh": sh,
            "edens": edens,
            "pat_t1": rng.poisson(mean).astype(float),
        }
    )
    names = ("deg", "sh", "edens", "pat_t1")
    return frame.with_columns(pl.lit("ok").alias(f"{name}_status") for name in names)


def write_model(folder: Path, data: Path, estimate: Estimate) -> None:
    """The files of an estimate, as the step that fits models leaves them."""
    frames = estimate_frames(estimate)
    for name in ("designs", "influence"):
        (data / name).mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True)
    frames.coefficients.write_csv(folder / "coefficients.csv")
    frames.covariance.write_csv(folder / "covariance.csv")
    frames.sample.write_csv(folder / "sample.csv")
    frames.design.write_parquet(data / "designs" / f"{folder.name}.parquet")
    frames.influence.write_parquet(data / "influence" / f"{folder.name}.parquet")
    write_json(frames.fit, folder / "fit.json")
    (folder / "spec.yaml").write_text(yaml.safe_dump(frames.spec), encoding="utf-8")


def test_step_judges_from_files(registry: ClaimRegistry, root: Path, tmp_path: Path) -> None:
    panel = simulated_panel()
    estimates, data = tmp_path / "estimates", tmp_path / "data"
    fits = {}
    for name in ("position", "brokerage_closure"):
        raw = {**registry.models[name], "controls": []}
        fits[name] = estimate_model(panel, resolve_spec(name, raw))
        write_model(estimates / name, data, fits[name])
    refusal = {"reason_code": "missing_input", "subject": "tdiv", "reason": "needs tdiv"}
    (estimates / "technology_diversity").mkdir()
    write_json(refusal, estimates / "technology_diversity" / "fit.json")
    spec = resolve_spec("technology_diversity", registry.models["technology_diversity"])
    text = yaml.safe_dump(spec.to_dict())
    (estimates / "technology_diversity" / "spec.yaml").write_text(text, encoding="utf-8")
    codebook = yaml.safe_load((root / "config" / "variables.yaml").read_text(encoding="utf-8"))
    pl.DataFrame(schema=PLACEBO_SCHEMA).write_parquet(tmp_path / "placebos.parquet")
    out = {name: tmp_path / "verdicts" / f"{name}.csv" for name in ("verdicts", "variants")}
    out |= {name: tmp_path / "verdicts" / f"{name}.json" for name in ("cards", "shapes")}
    judge_claims.main(
        estimates=estimates,
        designs=data / "designs",
        influence=data / "influence",
        placebos=tmp_path / "placebos.parquet",
        claims=[root / "config" / "claims" / f"{name}.yaml" for name in ("shao2023", "zhang2025")],
        schema=root / "workflow" / "schemas" / "claims.yaml",
        codebook=codebook,
        variables={},
        inference={"draws": 99, "alpha": 0.05, "sesoi": 0.05},
        stand_ins={},
        seed=5,
        **out,
    )
    with out["verdicts"].open(encoding="utf-8") as file:
        rows = {row["claim_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 164
    assert list(rows["A04"]) == list(VERDICT_SCHEMA)
    assert rows["A04"]["verdict"] == "supported"
    assert rows["B20"]["verdict"] == "contradicted"
    assert rows["B44"]["reason_code"] == "missing_input"
    settings = JudgeSettings(alpha=0.05, draws=99, seed=5, sesoi=0.05)
    direct = judge(registry, fits, codebook, settings).verdicts.filter(pl.col("claim_id") == "A04")
    for key in ("estimate", "std_error", "p_romano_wolf", "conf_low"):
        assert float(rows["A04"][key]) == direct[key][0]
    cards = json.loads(out["cards"].read_text(encoding="utf-8"))
    shapes = json.loads(out["shapes"].read_text(encoding="utf-8"))
    assert len(cards) == 164
    assert set(shapes) == {"A04", "A11", "B20"}
    assert cards["A04"]["steps"][0]["met"] is True
    assert cards["B46"]["statement"]["zh"]
