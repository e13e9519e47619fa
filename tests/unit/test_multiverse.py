"""The multiverse: cells equal single fits, equal cells run once, shares, inference, what drives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tertius.claims import ClaimTest
from tertius.claims.findings import find
from tertius.estimate import NotEstimable, estimate_model
from tertius.model_spec import resolve_spec
from tertius.multiverse.construct import leavers, rolled_up, swapped, winsorised_by_year
from tertius.multiverse.curve import joint_tests, shares
from tertius.multiverse.estimate import Runs, run_plan, stated_sign
from tertius.multiverse.grid import (
    DECLARED,
    Grid,
    NetworkVariant,
    all_cells,
    drawn,
    network_of,
    network_variants,
    resolve_grid,
)
from tertius.multiverse.load import load_grid
from tertius.multiverse.plan import (
    ClaimModels,
    FrameKey,
    Plan,
    check_varied,
    frame_key,
    make_plan,
)
from tertius.multiverse.specs import cell_models
from tertius.multiverse.summary import stamped, summarise
from tertius.problems import InputError
from tertius.registry import load_study
from tertius.shapes import ShapeSettings

NETWORK = {
    "layers": ["alliance"],
    "window": 5,
    "lifespan": 5,
    "weight": "newman",
    "clique_cap": 50,
    "roll_up": "none",
    "hubs": 0.0,
    "without": {},
}
CONFIG: dict[str, Any] = {
    "networks": 8,
    "specifications": 100,
    "choices": {
        "layer": {
            "alliance": {"network": {"layers": ["alliance"]}},
            "co_applicant": {"network": {"layers": ["co_applicant"]}},
        },
        "window": {"w3": {"network": {"window": 3}}, "w5": {"network": {"window": 5}}},
        "constraint": {"ego": {"measures": {"constraint": "constraint_ego"}}},
        "lag": {"t1": {"model": {"lead": 1}}, "t2": {"model": {"lead": 2}}},
        "outcome": {"other": {"outcome": {"count": "cites"}}},
        "winsor": {
            "none": {"model": {"winsor": None}},
            "by_year": {"winsor_by_year": [0.05, 0.95]},
        },
        "estimator": {
            "ols": {"estimator": {"fe_poisson": {"estimator": "fe_ols", "form": "asinh"}}},
            "nb": {"estimator": {"fe_poisson": {"estimator": "hhg_nb"}}},
        },
        "period": {"late": {"drop_years": [2000, 2001]}, "other_century": {"drop_years": [1900]}},
    },
}
DEFAULTS = {"winsor": [0.01, 0.99], "controls": [], "undefined": "zero_plus_dummy"}
MODELS = {"main": {"outcome": "count", "terms": ["x", "z"]}}
TEST = ClaimTest("positive", "main", ("x",), side="greater")
CLAIM = ClaimModels(TEST, MODELS, DEFAULTS)
SETTINGS = ShapeSettings(0.05, 99, 1)


def estimation_grid(**more: Any) -> Grid:
    """The choices that need no network."""
    chosen = {k: v for k, v in CONFIG["choices"].items() if k not in ("layer", "window")}
    return resolve_grid({**CONFIG, "choices": chosen, **more}, {}, NETWORK, ["alliance"])


def world(seed: int, slope: float = 0.4, n_firms: int = 120, n_years: int = 8) -> pl.DataFrame:
    """Overdispersed counts with firm effects; x undefined in some rows; two outcomes and leads."""
    rng = np.random.default_rng(seed)
    shape = (n_firms, n_years)
    x, z, u = rng.normal(size=shape), rng.normal(size=shape), rng.normal(0, 0.5, (n_firms, 1))
    mean = np.exp(0.5 + slope * x + 0.2 * z + u)
    columns: dict[str, Any] = {
        "org_id": np.repeat([f"f{i:03d}" for i in range(n_firms)], n_years),
        "year": np.tile(np.arange(2000, 2000 + n_years, dtype=np.int32), n_firms),
    }
    statuses = np.where(rng.random(shape) < 0.1, "undefined_isolate", "ok").ravel()
    frame = pl.DataFrame(columns).with_columns(
        x=np.where(statuses == "ok", x.ravel(), np.nan),
        x_status=pl.Series(statuses),
        z=z.ravel(),
        z_status=pl.lit("ok"),
        in_sample=pl.lit(True),
    )
    frame = frame.with_columns(pl.col("x").fill_nan(None))
    for lead in (1, 2):
        for name, level in (("count", 1.0), ("cites", 3.0)):
            spread = rng.gamma(2.0, 0.5, shape)
            values = rng.poisson(level * mean * spread).astype(float).ravel()
            frame = frame.with_columns(
                pl.Series(f"{name}_t{lead}", values), pl.lit("ok").alias(f"{name}_t{lead}_status")
            )
    return frame


def planned(grid: Grid, frame: pl.DataFrame, claim: ClaimModels = CLAIM, seed: int = 1) -> Plan:
    """The plan of a claim on one panel, whatever the measures."""
    key = frame_key(grid, grid.declared, ())
    cells = all_cells(grid, [grid.declared])
    years = sorted(frame["year"].unique())
    return make_plan(grid, cells, claim, frame.columns, years, {key: key}, seed)


def ran(grid: Grid, frame: pl.DataFrame, claim: ClaimModels = CLAIM) -> tuple[Plan, Runs]:
    plan = planned(grid, frame, claim)
    return plan, run_plan(plan, grid, claim.test, lambda _: frame, SETTINGS)


# ---------------------------------------------------------------- the grid


def test_levels_that_change_nothing_are_void_and_named() -> None:
    grid = resolve_grid(CONFIG, {}, NETWORK, ["alliance", "co_applicant"])
    assert grid.void["layer"] == ("alliance",)
    assert grid.void["window"] == ("w5",)
    assert list(grid.choices["layer"]) == [DECLARED, "co_applicant"]
    only = resolve_grid(CONFIG, {}, NETWORK, ["alliance"])
    assert only.void["layer"] == ("alliance", "co_applicant")  # no such layer in the study
    assert only.void["window"] == ("w3", "w5")  # alliances have no window
    assert grid.n_cells == 2 * 2 * 2 * 3 * 2 * 3 * 3 * 3


def test_a_study_adds_changes_and_removes_choices() -> None:
    own = {"specifications": 7, "choices": {"lag": None, "period": {"late": None, "odd": {"drop_years": [2001]}}}}  # fmt: skip  # noqa: E501
    grid = resolve_grid(CONFIG, own, NETWORK, ["alliance"])
    assert "lag" not in grid.choices
    assert list(grid.choices["period"]) == [DECLARED, "other_century", "odd"]
    assert grid.specifications == 7


def test_parts_of_choices() -> None:
    grid = resolve_grid(CONFIG, {}, NETWORK, ["alliance", "co_applicant"])
    parts = {name: grid.part(name) for name in grid.names}
    built = {name for name, part in parts.items() if part == "construction"}
    assert built == {"layer", "window", "constraint"}


def test_networks_leave_out_what_their_layers_do_not_use() -> None:
    grid = resolve_grid(CONFIG, {}, NETWORK, ["alliance", "co_applicant"])
    variants = network_variants(grid, NETWORK, 3)
    # alliance; co_applicant with windows 5 and 3: the window of alliances is no variant
    assert [(v.layers, v.window, v.lifespan) for v in variants] == [
        (("alliance",), None, 5),
        (("co_applicant",), 5, None),
        (("co_applicant",), 3, None),
    ]
    assert len({v.id for v in variants}) == 3
    for variant, cell in variants.items():
        assert network_of(grid, cell, NETWORK) == variant


def test_network_variants_are_the_declared_the_singles_and_a_draw() -> None:
    levels = {f"c{k}": {"network": {"clique_cap": k}} for k in range(2, 12)}
    weights = {w: {"network": {"weight": w}} for w in ("count", "fraction")}
    config = {**CONFIG, "networks": 20, "choices": {"clique_cap": levels, "projection": weights}}
    grid = resolve_grid(config, {}, NETWORK, ["alliance"])
    found = network_variants(grid, NETWORK, 5)
    assert len(found) == 20
    assert next(iter(found)) == NetworkVariant.of(NETWORK)
    singles = [network_of(grid, cell, NETWORK) for cell in grid.singles]
    assert len(singles) == 12
    assert set(singles) <= set(found)
    assert list(found) == list(network_variants(grid, NETWORK, 5))
    assert list(found) != list(network_variants(grid, NETWORK, 6))


def test_draw_keeps_what_must_stay() -> None:
    cells = [(str(k),) for k in range(50)]
    got = drawn(cells, [("3",), ("40",)], 10, 1)
    assert len(got) == 10
    assert {("3",), ("40",)} <= set(got)
    assert got == sorted(got, key=lambda c: int(c[0]))
    assert drawn(cells, [], 99, 1) == cells


def test_equal_cells_run_once_and_are_counted() -> None:
    grid = estimation_grid(specifications=10_000)
    frame = world(1)
    plan = planned(grid, frame)
    # constraint 2, lag 3, outcome 2, winsor 3, estimator 3, period 3
    assert plan.counts["cells"] == 2 * 3 * 2 * 3 * 3 * 3
    # x and z are no measures, lead 1 is declared, no row is of 1900
    assert plan.counts["distinct"] == 1 * 2 * 2 * 3 * 3 * 2
    assert plan.counts["collapsed"] == plan.counts["cells"] - plan.counts["distinct"]
    assert plan.counts["run"] == plan.counts["distinct"] == len(plan.specifications)
    assert plan.idle == ("constraint",)
    assert plan.specifications[0].cell == grid.declared


def test_a_cell_without_its_column_is_unavailable() -> None:
    grid = estimation_grid(specifications=10_000)
    frame = world(1).drop("cites_t2", "cites_t2_status")
    plan = planned(grid, frame)
    full = planned(grid, world(1))
    assert plan.counts["unavailable"] == plan.counts["cells"] // 6  # other outcome at lead 2
    assert plan.counts["distinct"] == full.counts["distinct"] * 3 // 4


def test_a_plan_keeps_the_single_departures_and_draws_the_rest() -> None:
    grid = estimation_grid(specifications=20)
    plan = planned(grid, world(1))
    assert plan.counts["run"] == 20
    singles = {c for c in grid.singles if "t1" not in c and "ego" not in c and "other_century" not in c}  # fmt: skip  # noqa: E501
    assert singles <= {one.cell for one in plan.specifications}
    assert [s.cell for s in plan.specifications] == [s.cell for s in planned(grid, world(1)).specifications]  # fmt: skip  # noqa: E501


def test_models_of_other_frames_are_refused() -> None:
    claim = ClaimModels(TEST, {"main": {**MODELS["main"], "frame": "pairs_at_risk"}}, DEFAULTS)
    with pytest.raises(NotEstimable, match="varies models of firms and years"):
        check_varied(claim)
    with pytest.raises(NotEstimable, match="not registered"):
        check_varied(ClaimModels(TEST, {}, DEFAULTS))


def test_a_mediator_keeps_its_outcome_and_lead() -> None:
    models = {
        "first": {"outcome": "m", "lead": 0, "estimator": "fe_ols", "terms": ["x"]},
        "second": {"outcome": "count", "terms": ["x", "m"]},
    }
    test = ClaimTest("mediation", "first", models=("second",))
    changes = {"model": {"lead": 2}, "outcome": {"count": "cites", "m": "cites"}}
    made = cell_models(test, models, DEFAULTS, changes)
    assert (made["first"].spec.outcome, made["first"].spec.lead) == ("m", 0)
    assert (made["second"].spec.outcome, made["second"].spec.lead) == ("cites", 2)


# ---------------------------------------------------------------- estimates


def by_hand(frame: pl.DataFrame, row: dict[str, Any]) -> Any:
    """The single fit that a row of the table stands for, written out without the multiverse."""
    raw: dict[str, Any] = {"outcome": "count", "terms": ["x", "z"], "lead": 1}
    raw["lead"] = 2 if row["lag"] == "t2" else 1
    raw["outcome"] = "cites" if row["outcome"] == "other" else "count"
    if row["winsor"] != DECLARED:
        raw["winsor"] = None
    if row["winsor"] == "by_year":
        values = frame.select("x", "z").to_numpy().astype(float)
        for year in range(2000, 2008):
            own = (frame["year"] == year).to_numpy()
            low, high = np.nanquantile(values[own], [0.05, 0.95], axis=0)
            values[own] = np.clip(values[own], low, high)
        columns = [pl.Series(name, values[:, k]).fill_nan(None) for k, name in enumerate("xz")]
        frame = frame.with_columns(columns)
    if row["estimator"] == "ols":
        column = f"{raw['outcome']}_t{raw['lead']}"
        values = np.log(frame[column].to_numpy() + np.sqrt(frame[column].to_numpy() ** 2 + 1))
        frame = frame.with_columns(pl.Series(column, values))
        raw["estimator"] = "fe_ols"
    elif row["estimator"] == "nb":
        raw["estimator"] = "hhg_nb"
    if row["period"] == "late":
        frame = frame.filter(pl.col("year") > 2001)
    return estimate_model(frame, resolve_spec("main", raw, DEFAULTS))


def test_every_cell_equals_a_single_fit() -> None:
    grid = estimation_grid(specifications=10_000)
    frame = world(7, n_firms=60)
    plan, runs = ran(grid, frame)
    assert runs.table.height == plan.counts["distinct"] == 72
    assert (runs.table["status"] == "ok").all()
    cells = [dict(zip(grid.names, one.cell, strict=True)) for one in plan.specifications]
    for row, cell in zip(runs.table.to_dicts(), cells, strict=True):
        assert {name: row[name] for name in grid.names} == cell
        single = by_hand(frame, cell)
        at = single.terms.index("x")
        assert row["estimate"] == pytest.approx(single.coefficients[at], rel=1e-10, abs=1e-12)
        error = math.sqrt(single.covariance[at, at])
        assert row["std_error"] == pytest.approx(error, rel=1e-10)
        finding = find(TEST, single, 0.05, "one")
        assert row["p_value"] == pytest.approx(finding.p_value, rel=1e-9)
        assert (row["finding"], row["n_obs"]) == (finding.direction, single.n_obs)


def test_planted_effect_is_found_in_every_corner() -> None:
    grid = estimation_grid(specifications=10_000)
    plan, runs = ran(grid, world(3, slope=0.4, n_firms=300))
    found = shares(runs.table)
    assert found.n == plan.counts["distinct"]
    assert found.same_sign == 1.0
    assert found.expected == 1.0
    assert found.opposite == 0.0
    # one within-firm sd of x (about 1) changes the count by about exp(.4) - 1
    assert runs.table["effect"][0] == pytest.approx(math.expm1(0.4), abs=0.1)
    planted = runs.table.filter(pl.col("estimator") == DECLARED)
    away = (planted["estimate"] - 0.4) / planted["std_error"]
    assert away.abs().max() < 3.3
    tests = {t.statistic: t for t in joint_tests(runs.hypotheses, 0.05, 199, 5)}
    assert {t.p_value for t in tests.values()} == {1 / 200} | {tests["share of one sign"].p_value}
    assert tests["absolute median t"].observed > tests["absolute median t"].null_high


def test_inverted_u_is_told_by_its_square() -> None:
    rng = np.random.default_rng(5)
    frame = world(5, n_firms=200)
    x = rng.uniform(-2, 2, frame.height)
    counts = rng.poisson(np.exp(1.0 + 0.2 * x - 0.5 * x**2)).astype(float)
    frame = frame.with_columns(
        x=pl.Series(x),
        x_status=pl.lit("ok"),
        count_t1=pl.Series(counts),
        count_t2=pl.Series(counts),
    )
    test = ClaimTest("inverted_u", "main", variable="x")
    claim = ClaimModels(test, {"main": {"outcome": "count", "terms": ["x", "x^2"]}}, DEFAULTS)
    config = {"lag": CONFIG["choices"]["lag"], "winsor": CONFIG["choices"]["winsor"]}
    grid = resolve_grid({**CONFIG, "choices": config}, {}, NETWORK, ["alliance"])
    _, runs = ran(grid, frame, claim)
    assert stated_sign(test) == -1
    assert (runs.table["finding"] == "expected").all()
    assert ((runs.table["estimate"] + 0.5) / runs.table["std_error"]).abs().max() < 3.3
    assert np.sign([h.statistic for h in runs.hypotheses]).tolist() == [-1.0] * runs.table.height
    single = estimate_model(frame, resolve_spec("main", claim.models["main"], DEFAULTS))
    at = single.terms.index("x^2")
    assert runs.table["estimate"][0] == pytest.approx(single.coefficients[at], rel=1e-10)


def test_signs_that_claims_state() -> None:
    assert stated_sign(ClaimTest("positive", "m", ("x",), side="greater")) == 1
    assert stated_sign(ClaimTest("negative", "m", ("x",), side="less")) == -1
    assert stated_sign(ClaimTest("interaction", "m", ("x:z",), side="either")) == 0
    moved = ClaimTest("moderated_inverted_u", "m", variable="x", moderator="z", expect="shift_left")
    assert stated_sign(moved) == -1


def test_a_refused_cell_is_a_row_with_its_reason() -> None:
    grid = estimation_grid(specifications=10_000)
    frame = world(2).with_columns(pl.lit(0.0).alias("cites_t1"))
    _, runs = ran(grid, frame)
    refused = runs.table.filter(pl.col("status") == "not_estimable")
    assert refused.height > 0
    assert set(refused["outcome"]) == {"other"}
    assert refused["reason"].null_count() == 0
    assert refused["estimate"].null_count() == refused.height
    assert len(runs.hypotheses) == runs.table.height - refused.height


# ---------------------------------------------------------------- construction


def test_hubs_and_kinds_of_organisations_leave() -> None:
    ties = pl.DataFrame(
        {
            "year": [2000] * 4 + [2001],
            "a": ["a", "a", "a", "b", "c"],
            "b": ["b", "c", "d", "c", "d"],
        },
        schema_overrides={"year": pl.Int32},
    )
    register = pl.DataFrame({"org_id": ["a", "d"], "ownership": ["private", "State-owned"]})
    tables = {"organisations": register}
    hubs = NetworkVariant.of({**NETWORK, "hubs": 0.25})
    # degrees 3, 2, 2, 1 in 2000: one of four leaves; 1, 1 in 2001: equals leave together
    assert leavers(ties, tables, hubs).rows() == [(2000, "a"), (2001, "c"), (2001, "d")]
    state = NetworkVariant.of({**NETWORK, "without": {"ownership": "state"}})
    assert leavers(ties, tables, state).rows() == [(2000, "d"), (2001, "d")]
    assert leavers(ties, {"organisations": register.drop("ownership")}, state).is_empty()


def test_roll_up_moves_records_to_the_owner_of_their_year() -> None:
    organisations = pl.DataFrame(
        {
            "org_id": ["sub", "head", "other"],
            "parent_id": ["head", None, None],
            "parent_from": [2001, None, None],
            "parent_to": [None, None, None],
        },
        schema_overrides={"parent_from": pl.Int32, "parent_to": pl.Int32},
    )
    tables = {
        "organisations": organisations,
        "patents": pl.DataFrame({"pid": ["p0", "p1"], "year": [2000, 2001]}),
        "patent_applicants": pl.DataFrame(
            {
                "pid": ["p0", "p0", "p1", "p1", "p1"],
                "org_id": ["sub", "head", "sub", "head", "other"],
                "seq": [1, 2, 1, 2, 3],
                "share": [0.5, 0.5, 1 / 3, 1 / 3, 1 / 3],
            }
        ),
    }
    years = {"raw": (2000, 2002)}
    moved = rolled_up(tables, "controlling", years)["patent_applicants"]
    # in 2000 the subsidiary is its own; in 2001 both applicants are the head, once
    assert moved.select("pid", "org_id", "share").rows() == [
        ("p0", "head", 0.5),
        ("p0", "sub", 0.5),
        ("p1", "head", 0.5),
        ("p1", "other", 0.5),
    ]
    assert rolled_up(tables, "none", years) is tables


def test_measures_stand_for_others_with_their_statuses() -> None:
    measures = pl.DataFrame({"c": [1.0, 2.0], "c_status": ["ok", "ok"], "e": [3.0, None], "e_status": ["ok", "undefined_isolate"]})  # fmt: skip  # noqa: E501
    got = swapped(measures, {"c": "e"})
    assert got["c"].to_list() == [3.0, None]
    assert got["c_status"].to_list() == ["ok", "undefined_isolate"]
    assert got.columns == measures.columns


def test_cut_by_year_leaves_two_valued_and_undefined_alone() -> None:
    frame = world(5)
    frame = frame.with_columns(d=(pl.col("z") > 0).cast(pl.Float64), d_status=pl.lit("ok"))
    cut = winsorised_by_year(frame, ["x", "d"], (0.1, 0.9))
    assert cut["d"].equals(frame["d"])
    assert cut["x"].is_null().equals(frame["x"].is_null())
    for year in (2000, 2005):
        own = frame.filter(pl.col("year") == year)["x"].drop_nulls().to_numpy()
        got = cut.filter(pl.col("year") == year)["x"].drop_nulls().to_numpy()
        low, high = np.quantile(own, [0.1, 0.9])
        assert (got.min(), got.max()) == pytest.approx((low, high), rel=1e-12)


def test_summary_stamps_and_counts() -> None:
    grid = estimation_grid(specifications=30)
    plan, runs = ran(grid, world(9))
    table = stamped(runs.table, grid, False, {"lag": {"t2": True}, "winsor": {"none": False}})
    late = table.filter(pl.col("post_hoc"))
    assert set(late["lag"]) == {"t2"}
    assert late.height == table.filter(pl.col("lag") == "t2").height > 0
    assert stamped(runs.table, grid, True, {})["post_hoc"].all()
    assert stamped(runs.table, grid, None, {})["post_hoc"].null_count() == 30
    told = summarise("T1", grid, CLAIM, plan, runs, 0.05, 99, 1)
    assert told["counts"]["run"] == 30
    assert told["idle"] == ["constraint"]
    assert told["shares"]["stable"] is True
    assert len(told["joint"]) == 3
    assert set(told["decomposition"]["shares"]) == {"lag", "outcome", "winsor", "estimator", "period"}  # fmt: skip  # noqa: E501
    assert sum(row["n"] for row in told["levels"] if row["choice"] == "lag") == 30


def test_the_configuration_of_every_study_is_sound(root: Path) -> None:
    for name in ("demo", "drones", "h2020"):
        study = load_study(root, name)
        grid = load_grid(root, study)
        built = [c for c in grid.names if grid.part(c) == "construction"]
        assert len(built) >= 3, name
        assert len(grid.names) >= 6, name


def test_bad_choices_are_told_all_at_once(root: Path) -> None:
    study = load_study(root, "demo")
    own = {
        "choices": {
            "estimate": {"a": {"drop_years": [2000]}},
            "isolates": {"gone": {"model": {"undefined": "dropp"}}},
            "window": {"declared": {"network": {"window": 4}}},
        }
    }
    settings = {**study.settings, "multiverse": own}
    with pytest.raises(InputError) as error:
        load_grid(root, type(study)(**{**vars(study), "settings": settings}))
    text = str(error.value)
    for words in ("choices.estimate", "dropp", "drop", "choices.window.declared"):
        assert words in text
    bad = {"choices": {"odd": {"a": {"networkk": {"window": 2}}}}}
    settings = {**study.settings, "multiverse": bad}
    with pytest.raises(InputError, match="networkk"):
        load_grid(root, type(study)(**{**vars(study), "settings": settings}))


def test_frame_keys_count_used_measures_only() -> None:
    grid = resolve_grid(CONFIG, {}, NETWORK, ["alliance", "co_applicant"])
    cell = tuple("ego" if name == "constraint" else DECLARED for name in grid.names)
    declared = frame_key(grid, grid.declared, ["constraint"])
    assert frame_key(grid, cell, []) == declared
    assert frame_key(grid, cell, ["constraint"]) == FrameKey(
        declared.network, (("constraint", "constraint_ego"),)
    )
