"""Mechanical claims: networks rewired at the same degrees, and findings held against them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from tertius.claims.claim_test import ClaimTest
from tertius.claims.describe import describe_prescription
from tertius.claims.findings import find
from tertius.claims.needs import expected_signs, required_inputs
from tertius.claims.placebos import (
    PlaceboSettings,
    holes_of_year,
    measured_on_ties,
    placebo_slopes,
    rewired_year,
)
from tertius.estimate import NotEstimable
from tertius.measures import Graph, measure_holes, measure_network
from tertius.model_spec import resolve_spec
from tertius.registry import read_yaml
from tertius.shapes import ShapeSettings
from tertius.tables import SCHEMAS
from tertius.variables.derive import resolve
from tertius.variables.inputs import Inputs
from tests.shape_worlds import fit, panel


def ties(year: int, n: int = 60, seed: int = 1) -> pl.DataFrame:
    """Random ties of n organisations in one year, as the step of ties writes them."""
    rng = np.random.default_rng([seed, year])
    pairs = np.array(np.triu_indices(n, 1)).T
    kept = pairs[rng.random(len(pairs)) < 0.08]
    weight = rng.uniform(0.5, 2, len(kept))
    return pl.DataFrame(
        {
            "year": pl.Series([year] * len(kept), dtype=pl.Int32),
            "a": [f"o{i:03d}" for i in kept[:, 0]],
            "b": [f"o{i:03d}" for i in kept[:, 1]],
            "weight_newman": weight,
            "n_records": 1,
        }
    )


def degrees(edges: pl.DataFrame) -> dict[str, int]:
    ends = pl.concat([edges["a"], edges["b"]])
    return dict(ends.value_counts().iter_rows())


def test_rewiring_keeps_degrees_and_weights_and_moves_ties() -> None:
    before = ties(2000)
    after = rewired_year(before, Graph.from_frame(before), np.random.default_rng(1))
    assert degrees(after) == degrees(before)
    assert (after["a"] < after["b"]).all()
    assert not after.select("a", "b").is_duplicated().any()
    assert after["weight_newman"].sort().to_list() == before["weight_newman"].sort().to_list()
    shared = before.join(after, on=["a", "b"], how="inner").height
    assert shared < 0.4 * before.height
    measures = holes_of_year(after)
    assert dict(measures.select("node", "degree").iter_rows()) == degrees(before)
    assert measures["year"].unique().to_list() == [2000]


def test_holes_alone_are_those_of_the_whole_table() -> None:
    graph = Graph.from_frame(ties(2001), weight="weight_newman")
    whole = measure_network(graph, exact_limit=1000, sample_sources=10, seed=1)
    alone = measure_holes(graph)
    assert alone.equals(whole.select(alone.columns))


def typed(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """A typed table from rows that hold only some of its columns."""
    return pl.DataFrame(rows, schema={k: v.dtype for k, v in SCHEMAS[name].columns.items()})


@pytest.fixture(scope="module")
def world() -> tuple[Inputs, pl.DataFrame]:
    """Sixty organisations with a patent class of their own each: partners reach one class each."""
    years = range(2000, 2004)
    names = [f"o{i:03d}" for i in range(60)]
    patents = [
        {
            "pid": f"p{i}_{t}",
            "year": t,
            "prio_date": dt.date(t, 1, 1),
            "pub_date": dt.date(t + 1, 7, 1),
            "office": "CN",
        }
        for i in range(60)
        for t in years
    ]
    table = typed("patents", patents)
    classes = typed(
        "patent_classes",
        [
            {"pid": row["pid"], "scheme": "IPC", "code": f"A{k // 4 + 10:02d}B1/00"}
            for k, row in enumerate(patents)
        ],
    )
    holders = pl.DataFrame(
        {"pid": table["pid"], "org_id": [n for n in names for _ in years], "share": 1.0}
    )
    tied = pl.concat([ties(t) for t in years])
    keys = pl.DataFrame(
        {
            "org_id": [n for n in names for _ in years],
            "year": pl.Series([t for _ in names for t in years], dtype=pl.Int32),
        }
    )
    inputs = Inputs(
        tables={"patents": table, "patent_classes": classes},
        holders=holders,
        ties={"alliance": tied},
        tie_records={},
        measures={},
        risk_set=keys,
        raw_years=(1990, 2003),
        outcome_years=(2000, 2003),
    )
    return inputs, keys


@pytest.mark.parametrize("lead", [0, 1])
def test_slopes_on_rewired_networks_are_those_of_counting(root, world, lead: int) -> None:
    """With one class an organisation, reach is the number of partners on any network: slope 1."""
    inputs, keys = world
    codebook = read_yaml(root / "config" / "variables.yaml")
    raw = {"outcome": "reach_class", "lead": lead, "estimator": "fe_ols", "terms": ["deg"],
           "controls": "none", "winsor": None, "effects": ["year"]}  # fmt: skip
    spec = resolve_spec("m", raw)
    tied = inputs.ties["alliance"]
    ends = pl.concat([tied.select("year", org_id=side) for side in ("a", "b")])
    # the number of partners of the outcome's year
    count = ends.group_by("org_id", pl.col("year") - lead).len("deg")
    panel_ = keys.join(count, on=["org_id", "year"], how="left").with_columns(
        pl.col("deg").fill_null(0).cast(pl.Float64),
        pl.lit("ok").alias("deg_status"),
        pl.lit(True).alias("in_sample"),
        **{f"{spec.outcome_column}{end}": pl.lit(None) for end in ("", "_status")},
    )
    panel_ = panel_.with_columns(reach_class=pl.lit(0.0), reach_class_status=pl.lit("ok"))
    known = resolve({code: codebook[code] for code in ("deg", "reach_class")})
    slopes = placebo_slopes(inputs, panel_, known, {"m": spec}, PlaceboSettings(3, 1))
    side_by_side = placebo_slopes(inputs, panel_, known, {"m": spec}, PlaceboSettings(3, 1), 2)
    assert side_by_side.equals(slopes)
    found = slopes.filter(pl.col("term") == "deg")
    assert found["draw"].to_list() == [0, 1, 2]
    assert found["estimate"].to_list() == pytest.approx([1.0] * 3, abs=1e-9)


def test_an_outcome_from_records_is_not_measured_on_rewired_ties(root) -> None:
    codebook = read_yaml(root / "config" / "variables.yaml")
    specs = resolve(
        {code: codebook[code] for code in ("reach_class", "edens", "pat", "complexity")}
    )
    assert [measured_on_ties(code, specs) for code in specs] == [True, True, False, False]


def sloped(slope: float) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    x = rng.normal(size=1200)
    return panel({"x": x, "y": slope * x + rng.normal(size=1200)}, 200)


@pytest.mark.parametrize(
    ("drawn", "direction", "p"),
    [
        (np.linspace(0.0, 0.3, 99), "expected", 0.01),
        (np.linspace(0.3, 0.7, 99), "neither", None),
        (np.linspace(0.8, 1.2, 99), "opposite", 0.01),
    ],
)
def test_a_slope_must_lie_beyond_rewired_networks(drawn, direction, p) -> None:
    estimate = fit(sloped(0.5), "x")
    test = ClaimTest("positive", "m", terms=("x",), side="greater", placebo="rewired")
    settings = ShapeSettings(0.05, placebos={("m", "x"): drawn})
    found = find(test, estimate, 0.05, "c", settings=settings)
    assert found.direction == direction
    assert "99 rewired networks" in found.quantity
    if p is not None:
        assert found.p_value == pytest.approx(p)
        # the family sees the p of the draws, on the side where the slope lies
        assert abs(found.hypothesis.statistic) == pytest.approx(2.6, abs=0.02)
        assert (found.hypothesis.statistic > 0) == (direction == "expected")
    k = int((drawn >= found.estimate).sum())
    assert f"p = {(1 + k) / 100:.3f}" in found.sentence


def test_without_rewired_networks_there_is_no_finding() -> None:
    estimate = fit(sloped(0.5), "x")
    test = ClaimTest("positive", "m", terms=("x",), side="greater", placebo="rewired")
    with pytest.raises(NotEstimable, match="no rewired network"):
        find(test, estimate, 0.05, "c")


def test_other_records_are_told_in_the_row() -> None:
    estimate = fit(sloped(-0.5), "x")
    test = ClaimTest("negative", "m", terms=("x",), side="less", placebo="other_records")
    found = find(test, estimate, 0.05, "c")
    assert found.direction == "expected"
    assert found.quantity.endswith("(outcome and cause come from different records)")


def test_a_prescription_is_described_beside_its_verdict() -> None:
    estimate = fit(sloped(2.0), "x")
    test = ClaimTest("positive", "m", terms=("x",), side="greater")
    words = describe_prescription(test, estimate)
    x, y = estimate.values("x"), estimate.frame["y"].to_numpy()
    upper = y[x >= np.quantile(x, 2 / 3)].mean()
    assert words.startswith("Description, no test: x has median")
    assert f"mean y is {upper:.4g} in its upper third" in words


def test_expected_signs_and_inputs_follow_from_the_test() -> None:
    legs = (
        ClaimTest("negative", "one", terms=("a",), side="less"),
        ClaimTest("interaction", "two", terms=("a:b",), side="greater"),
    )
    assert expected_signs(ClaimTest("all_of", "one", legs=legs)) == {
        "one: a": "-",
        "two: a:b": "+",
    }
    chain = ClaimTest("serial_mediation", "m", terms=("m1", "m2"), variable="x_l2", side="less")
    assert expected_signs(chain) == {"m: x_l2 -> m1 -> m2": "-"}
    curve = ClaimTest("moderated_inverted_u", "m", variable="x", moderator="z", expect="flatter")
    assert expected_signs(curve) == {"m: x": "+", "m: x^2": "-", "m: x^2 by z": "+"}
    models = {
        "one": {"outcome": "y", "terms": ["log1p(a_l1)"]},
        "two": {"frame": "tie_years", "outcome": "ended", "terms": ["b__sum"]},
        "three": {"outcome": "y", "options": {"treatment": "p"}},
    }
    book = {"y": {"inputs": ["patents"]}, "a": {"inputs": ["ties"]}, "b": {"inputs": ["firms"]},
            "p": {"inputs": ["policies"]}}  # fmt: skip
    test = ClaimTest("all_of", "one", legs=(*legs, ClaimTest("positive", "three", terms=("att",))))
    assert required_inputs(test, models, book) == ("firms", "patents", "policies", "ties")


def test_stages_are_held_against_rewired_networks_on_both_sides() -> None:
    rng = np.random.default_rng(6)
    state = rng.integers(0, 3, 1200)
    flags = {f"s{j}": (state == j).astype(float) for j in (1, 2)}
    y = np.array([0.0, 0.3, 0.8])[state] + rng.normal(size=1200)
    estimate = fit(panel({**flags, "y": y}, 200), "s1 s2")
    test = ClaimTest("stage_difference", "m", terms=("s1", "s2"), placebo="rewired")
    near = ShapeSettings(0.05, placebos={("m", "s2"): rng.normal(0.8, 0.1, 99)})
    far = ShapeSettings(0.05, placebos={("m", "s2"): rng.normal(0.0, 0.05, 99)})
    assert find(test, estimate, 0.05, "c", settings=near).direction == "neither"
    found = find(test, estimate, 0.05, "c", settings=far)
    assert found.direction == "expected"
    assert found.p_value == pytest.approx(0.01)
