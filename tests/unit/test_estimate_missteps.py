"""Each misstep is found where it is made, silent where it is not, and obeys the setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tertius.catalogue import ESTIMATORS
from tertius.catalogue.missteps import ACTIONS, MISSTEPS, missteps_table
from tertius.estimate import (
    Estimate,
    NotEstimable,
    build_design,
    estimate_frames,
    estimate_from_frames,
    estimate_model,
)
from tertius.estimate.missteps import (
    DESIGN_RULES,
    RESULT_RULES,
    inspect_design,
    inspect_spec,
)
from tertius.estimate.missteps_spec import SPEC_RULES
from tertius.model_spec import ModelSpec, resolve_spec
from tertius.problems import InputError

PANEL_RULES = ("selected_on_top", "median_split")
TABLE_RULES = ("sample_changes",)


def spec_of(**changes: Any) -> ModelSpec:
    raw: dict[str, Any] = {"outcome": "pat", "lead": 1, "terms": ["x"], "winsor": None}
    return resolve_spec("m", {**raw, **changes})


def ids(spec: ModelSpec) -> list[str]:
    """Findings of a specification with every rule set to warn."""
    loud = dict.fromkeys(MISSTEPS, "warn")
    return [found.id for found in inspect_spec(resolve_from(spec, loud))]


def resolve_from(spec: ModelSpec, missteps: Mapping[str, str]) -> ModelSpec:
    return ModelSpec.from_dict({**spec.to_dict(), "missteps": dict(missteps)})


def test_every_listed_misstep_has_one_detector_and_a_source() -> None:
    detected = [*SPEC_RULES, *DESIGN_RULES, *RESULT_RULES, *PANEL_RULES, *TABLE_RULES]
    assert sorted(detected) == sorted(MISSTEPS)
    for rule in MISSTEPS.values():
        assert rule.action in ACTIONS
        assert any(character.isdigit() for character in rule.source)
        assert len(rule.reason) > 20


def test_the_page_holds_the_list() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "missteps.md"
    assert missteps_table() in page.read_text(encoding="utf-8")


IV = {"estimator": "iv"}
SPECS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("look_ahead", {"terms": ["cites5"]}, {"outcome": "cites5"}),
    ("same_year_outcome", {"lead": 0}, {"lead": 1}),
    (
        "isolate_as_zero",
        {"terms": ["constraint"], "undefined": "bound", "bounds": {"constraint": 0}},
        {"terms": ["constraint"], "undefined": "bound", "bounds": {"constraint": 1.125}},
    ),
    (
        "normalised_across_years",
        {"terms": ["btw"], "effects": ["org_id"]},
        {"terms": ["btw"], "effects": ["org_id", "ind4:year"]},
    ),
    ("diversity_without_size", {"terms": ["pdiv_type"]}, {"terms": ["pdiv_type", "log1p(psize)"]}),
    (
        "redundant_holes",
        {"terms": ["es", "log1p(deg)", "constraint"]},
        {"terms": ["es", "constraint"]},
    ),
    ("tautology", {"terms": ["redund", "edens"]}, {"terms": ["redund"]}),
    (
        "forbidden_regression",
        {**IV, "terms": ["x", "x^2"], "options": {"endogenous": ["x"], "instruments": ["z"]}},
        {
            **IV,
            "terms": ["x", "x^2"],
            "options": {"endogenous": ["x", "x^2"], "instruments": ["z", "z^2"]},
        },
    ),
    (
        "selection_without_exclusion",
        {"estimator": "heckman", "effects": ["year"], "options": {"exclusion": ["x"]}},
        {"estimator": "heckman", "effects": ["year"], "options": {"exclusion": ["z"]}},
    ),
    ("missing_as_zero", {"controls": ["rd_int"]}, {"controls": ["rd_int", "rd_missing"]}),
    (
        "feedback_with_fixed_effects",
        {"controls": ["log1p(kstock)"]},
        {"controls": ["log1p(kstock)"], "effects": ["year"], "estimator": "fe_ols"},
    ),
    ("split_sample", {"sample": "large_firms"}, {"sample": "in_sample"}),
    (
        "shared_co_patents",
        {"terms": ["deg__co_applicant"]},
        {"terms": ["deg__co_applicant"], "outcome": "pat_excl"},
    ),
    (
        "position_instruments",
        {**IV, "terms": ["deg"], "options": {"endogenous": ["deg"], "instruments": ["reach2"]}},
        {**IV, "terms": ["deg"], "options": {"endogenous": ["deg"], "instruments": ["link"]}},
    ),
]


@pytest.mark.parametrize(("rule", "wrong", "right"), SPECS, ids=[case[0] for case in SPECS])
def test_specification(rule: str, wrong: dict[str, Any], right: dict[str, Any]) -> None:
    assert rule in ids(spec_of(**wrong))
    assert rule not in ids(spec_of(**right))
    stopping = resolve_from(spec_of(**wrong), {**dict.fromkeys(MISSTEPS, "off"), rule: "stop"})
    with pytest.raises(NotEstimable, match=f"missteps.{rule} says stop") as caught:
        inspect_spec(stopping)
    assert caught.value.reason_code == "misstep"
    assert MISSTEPS[rule].source in caught.value.reason
    assert inspect_spec(resolve_from(stopping, dict.fromkeys(MISSTEPS, "off"))) == []


def test_rules_see_lags_leads_and_other_networks() -> None:
    for term in ("pdiv_l1", "pdiv__co_applicant", "pdiv_t1"):
        assert "diversity_without_size" in ids(spec_of(terms=[term]))
    assert "diversity_without_size" not in ids(spec_of(terms=["pdiv_l1", "log1p(psize_l1)"]))


def test_all_specification_rules_are_tested() -> None:
    assert sorted(case[0] for case in SPECS) == sorted(SPEC_RULES)


def make_panel(seed: int = 1, n_firms: int = 80, n_years: int = 7) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n_firms), n_years), np.tile(np.arange(n_years), n_firms)
    n = firm.size
    x, z = rng.normal(size=n), rng.normal(size=n)
    level = rng.normal(size=n_firms)[firm]
    rate = np.exp(0.3 * x + 0.3 * level + 1)
    data = pl.DataFrame(
        {
            "org_id": [f"f{i:03d}" for i in firm],
            "year": (2000 + year).astype(np.int32),
            "pat_t1": rng.poisson(rate).astype(float),
            "x": x,
            "z": z,
            "size": level,
        }
    )
    return with_status(data).with_columns(in_sample=pl.lit(True))


def with_status(data: pl.DataFrame) -> pl.DataFrame:
    names = [c for c in data.columns if c not in ("org_id", "year", "in_sample")]
    names = [c for c in names if not c.endswith("_status") and f"{c}_status" not in data.columns]
    return data.with_columns(*[pl.lit("ok").alias(f"{name}_status") for name in names])


def found_in(data: pl.DataFrame, rule: str, **changes: Any) -> Estimate:
    spec = spec_of(**changes)
    return estimate_model(with_status(data), resolve_from(spec, {rule: "warn"}))


def check(rule: str, wrong: tuple[pl.DataFrame, dict[str, Any]], right: tuple[Any, Any]) -> None:
    """Found in one case and not in the other; stops where told to; stands in the warnings."""
    one, two = found_in(wrong[0], rule, **wrong[1]), found_in(right[0], rule, **right[1])
    told = [found for found in one.missteps if found["id"] == rule]
    assert told
    assert told[0]["reason"] in one.warnings
    assert rule not in [found["id"] for found in two.missteps]
    with pytest.raises(NotEstimable, match=f"missteps.{rule} says stop"):
        estimate_model(with_status(wrong[0]), resolve_from(spec_of(**wrong[1]), {rule: "stop"}))
    silent = estimate_model(with_status(wrong[0]), resolve_from(spec_of(**wrong[1]), {rule: "off"}))
    assert rule not in [found["id"] for found in silent.missteps]


def test_isolates_dropped() -> None:
    data = make_panel().with_columns(
        x_status=pl.when(pl.int_range(pl.len()) % 5 == 0)
        .then(pl.lit("undefined_isolate"))
        .otherwise(pl.lit("ok"))
    )
    check("isolates_dropped", (data, {"undefined": "drop"}), (data, {}))


def test_complements() -> None:
    data = make_panel().with_columns(share=pl.col("z").rank() / 560)
    shares = data.with_columns(rest=1 - pl.col("share"))
    loose = data.with_columns(rest=1 - pl.col("share") + 0.01 * pl.col("x"))
    both = {"terms": ["x", "share"], "controls": ["rest"]}
    check("complements", (shares, both), (loose, both))
    assert MISSTEPS["complements"].action == "stop"


def test_log_of_counts() -> None:
    data = make_panel()
    logs = data.with_columns(pat_t1=pl.col("pat_t1").log1p())
    shifted = data.with_columns(pat_t1=(pl.col("pat_t1") + 0.5).log1p())
    ols = {"estimator": "fe_ols"}
    check("log_of_counts", (logs, ols), (shifted, ols))
    assert MISSTEPS["log_of_counts"].action == "stop"
    assert "log_of_counts" not in [f["id"] for f in found_in(data, "log_of_counts", **ols).missteps]


def test_winsorised_outcome() -> None:
    rng = np.random.default_rng(2)
    counts = rng.negative_binomial(1, 0.05, 560).astype(float)
    data = make_panel().with_columns(pl.Series("pat_t1", counts))
    top = float(np.quantile(counts, 0.95, method="lower"))
    check("winsorised_outcome", (data.with_columns(pl.col("pat_t1").clip(0, top)), {}), (data, {}))


def test_truncated_outcome() -> None:
    data = make_panel()
    last = data["year"].max()
    cut = pl.when(pl.col("year") == last).then(pl.col("pat_t1") // 4).otherwise(pl.col("pat_t1"))
    few = data.filter((pl.col("year") != last) | (pl.int_range(pl.len()) % 20 == 0))
    cut_data, cut_few = (rows.with_columns(pat_t1=cut) for rows in (data, few))
    check("truncated_outcome", (cut_data, {}), (data, {}))
    assert found_in(cut_few, "truncated_outcome").missteps == ()


def test_square_of_standardised() -> None:
    data = make_panel()
    square = {"terms": ["x", "x^2"]}
    within = data.with_columns(x=pl.col("x") - pl.col("x").mean().over("org_id"))
    check("square_of_standardised", (within, square), (data, square))
    yearly = (pl.col("x") - pl.col("x").mean().over("year")) / pl.col("x").std().over("year")
    check("square_of_standardised", (data.with_columns(x=yearly), square), (data, {}))
    named = data.rename({"x": "turb_z", "x_status": "turb_z_status"})
    check("square_of_standardised", (named, {"terms": ["turb_z", "turb_z^2"]}), (data, square))
    # centring by the pooled mean is harmless
    pooled = data.with_columns(x=pl.col("x") - pl.col("x").mean())
    assert found_in(pooled, "square_of_standardised", **square).missteps == ()


def test_cumulative_regressor() -> None:
    data = make_panel()
    total = data.with_columns(x=pl.col("x").abs().cum_sum().over("org_id"))
    check("cumulative_regressor", (total, {}), (data, {}))


def test_selected_on_top() -> None:
    data = make_panel().with_columns(
        top=pl.col("size") > pl.col("size").median(), odd=pl.int_range(pl.len()) % 14 < 7
    )
    more = {"terms": ["x"], "controls": ["size"]}
    check(
        "selected_on_top",
        (data, {**more, "sample": "top"}),
        (data, {**more, "sample": "odd"}),
    )


def test_few_clusters() -> None:
    check("few_clusters", (make_panel(n_firms=30), {}), (make_panel(), {}))


def test_time_invariant_term() -> None:
    data = make_panel()
    check("time_invariant_term", (data, {"terms": ["x", "size"]}), (data, {}))


def test_turning_point_outside() -> None:
    data = make_panel()
    bent = data.with_columns(pat_t1=(3 - (pl.col("x") - 0.2) ** 2).exp().round())
    far = data.with_columns(pat_t1=(2 + 0.5 * pl.col("x") - 0.02 * pl.col("x") ** 2).exp() * 10)
    square = {"terms": ["x", "x^2"]}
    check("turning_point_outside", (far, square), (bent, square))


def test_median_split() -> None:
    data = make_panel().with_columns(
        cut=(pl.col("size") > pl.col("size").median()).cast(pl.Float64),
        drawn=pl.Series(np.random.default_rng(4).integers(0, 2, 560).astype(float)),
    )
    name = next(n for n, entry in ESTIMATORS.items() if "treatment" in entry.keys_of("variable"))
    plain = build_design(with_status(data), spec_of(estimator="fe_ols"))

    def inspect(treatment: str, action: str) -> list[str]:
        options, missteps = {"treatment": treatment}, {"median_split": action}
        spec = replace(plain.spec, estimator=name, options=options, missteps=missteps)
        return [found.id for found in inspect_design(data, replace(plain, spec=spec))]

    assert "median_split" in inspect("cut", "warn")
    assert "median_split" not in inspect("cut", "off")
    assert "median_split" not in inspect("drawn", "warn")
    with pytest.raises(NotEstimable, match="size: the treatment is a cut of a continuous"):
        inspect("cut", "stop")


def endogenous(p: int) -> tuple[pl.DataFrame, dict[str, Any]]:
    """A model with p endogenous terms and as many useless instruments."""
    rng = np.random.default_rng(6)
    data = make_panel()
    names = [f"e{j}" for j in range(p)], [f"i{j}" for j in range(p)]
    made = {name: rng.normal(size=560) for group in names for name in group}
    data = data.with_columns(**{name: pl.Series(values) for name, values in made.items()})
    options = {"endogenous": names[0], "instruments": names[1]}
    return data, {"estimator": "iv", "terms": names[0], "options": options}


def test_weak_instruments() -> None:
    # up to three endogenous terms a weak-robust set stands beside the estimate
    check("weak_instruments", endogenous(4), endogenous(2))


def test_instrument_proliferation() -> None:
    lagged = {
        "estimator": "gmm",
        "terms": ["x"],
        "options": {"collapse": False, "outcome_lags": [2, 9], "predetermined": ["x"]},
    }
    few = {"estimator": "gmm", "terms": ["x"]}
    check(
        "instrument_proliferation",
        (make_panel(n_firms=25), lagged),
        (make_panel(n_firms=80), few),
    )


def test_settings_are_checked_and_do_not_change_the_identity() -> None:
    with pytest.raises(InputError, match="did you mean 'few_clusters'"):
        spec_of(missteps={"few_cluster": "stop"})
    with pytest.raises(InputError, match="did you mean 'stop'"):
        spec_of(missteps={"few_clusters": "stopp"})
    assert spec_of(missteps={"few_clusters": "stop"}).content_hash() == spec_of().content_hash()
    study = {"missteps": {"few_clusters": "stop", "look_ahead": "warn"}}
    # a bare off in YAML is false
    raw = {"outcome": "pat", "terms": ["x"], "missteps": {"few_clusters": False}}
    assert dict(resolve_spec("m", raw, study).missteps) == {
        "few_clusters": "off",
        "look_ahead": "warn",
    }


def test_findings_survive_the_files() -> None:
    estimate = found_in(make_panel(n_firms=30), "few_clusters")
    frames = estimate_frames(estimate)
    assert frames.fit["missteps"][0]["id"] == "few_clusters"
    assert frames.fit["missteps"][0]["source"] == MISSTEPS["few_clusters"].source
    assert estimate_from_frames(frames).missteps == estimate.missteps
