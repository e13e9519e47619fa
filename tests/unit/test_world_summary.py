"""What the seeds of a world say together: rates, coverage, needed sizes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tertius.exhibits.results import ModelResult
from tertius.exhibits.truth import Plant
from tertius.worlds.coverage import JOINT, TURNING, planted_rows
from tertius.worlds.declared import world_truths
from tertius.worlds.summary import Share, coverage, leaning, needed_firms, rates
from tertius.worlds.world_page import World, overview, world_section

ROOT = Path(__file__).resolve().parents[2]


def model(b: list[float], v: np.ndarray) -> ModelResult:
    terms = ["x", "x^2"]
    return ModelResult(
        name="truth",
        coefficients=pl.DataFrame({"term": terms, "estimate": b}),
        covariance=pl.DataFrame({"term": terms, "x": v[:, 0], "x^2": v[:, 1]}),
        fit={"variables": {}, "dof": 10**9},
        spec={"confidence": 0.95},
        sample=pl.DataFrame({"org_id": ["a"], "year": [2000]}),
    )


PLANT = Plant({"x": 0.8, "x^2": -2.0}, {})


def test_a_turning_point_is_inside_where_the_slope_at_the_truth_is_not_refused() -> None:
    """Truth .2; b = (1, -2): slope there 1 - .8 = .2, its variance .01 + .8 c + .16 v."""
    v = np.array([[0.01, -0.002], [-0.002, 0.04]])
    row = planted_rows(model([1.0, -2.0], v), PLANT).filter(pl.col("quantity") == TURNING)
    got = row.row(0, named=True)
    assert got["planted"] == pytest.approx(0.2)
    assert got["estimate"] == pytest.approx(0.25)
    variance = 0.01 + 4 * 0.2 * -0.002 + 4 * 0.04 * 0.04
    assert got["inside"] == (abs(0.2) <= 1.959964 * math.sqrt(variance))
    assert not planted_rows(model([1.0, -2.0], v / 100), PLANT).filter(
        pl.col("quantity") == TURNING
    )["inside"][0]


def test_fieller_sets_of_many_samples_hold_the_truth_as_often_as_they_should() -> None:
    v = np.array([[0.04, -0.01], [-0.01, 0.25]])
    draws = np.random.default_rng(5).multivariate_normal([0.8, -2.0], v, 400)
    rows = [planted_rows(model(list(b), v), PLANT) for b in draws]
    planted = pl.concat(
        [r.select(pl.lit(k).alias("seed"), pl.all()) for k, r in enumerate(rows, 1)]
    )
    found = coverage(planted)
    assert found["quantity"].to_list() == ["coefficient", "coefficient", "turning point"]
    assert found["in_band"].all()
    wrong = planted.with_columns(inside=pl.Series(np.arange(planted.height) % 5 > 0))
    assert not coverage(wrong)["in_band"].any()
    joint = planted.filter(pl.col("quantity") == JOINT)
    assert (joint["p_value"] < 0.05).mean() == pytest.approx(0.05, abs=0.033)


def test_bias_and_its_error_are_those_of_the_gaps() -> None:
    rows = pl.DataFrame(
        {"seed": [1, 2, 3], "quantity": ["coefficient"] * 3, "term": ["x"] * 3,
         "planted": [1.0, 1.0, 1.0], "estimate": [1.1, 1.3, 1.2], "std_error": [0.1, 0.2, 0.3],
         "inside": [True, False, True], "p_value": [None] * 3}
    )  # fmt: skip
    got = coverage(rows).row(0, named=True)
    assert got["bias"] == pytest.approx(0.2)
    assert got["sd"] == pytest.approx(0.1)
    assert got["bias_se"] == pytest.approx(0.1 / math.sqrt(3))
    assert got["mean_se"] == pytest.approx(0.2)
    assert got["covered"] == pytest.approx(2 / 3)


def verdict_rows() -> pl.DataFrame:
    """(claim, seed, verdict, p, direction, mechanical)"""
    rows = [
        ("A04", 1, "supported", 0.001, "expected", False),
        ("A04", 2, "inconclusive", 0.2, "neither", False),
        ("A05", 1, "supported", 0.01, "expected", False),
        ("A05", 2, "inconclusive", 0.04, "expected", False),
        ("A06", 1, "contradicted", 0.001, "opposite", False),
        ("A06", 2, "not_testable", None, None, False),
        ("A12", 1, "supported", 0.03, "expected", True),
        ("A12", 2, "inconclusive", 0.5, "neither", True),
        ("B02", 1, "supported", 0.001, "expected", False),
        ("B02", 2, "supported", 0.001, "expected", False),
        ("B99", 1, "supported", 0.001, "expected", False),
    ]
    names = ("claim_id", "seed", "verdict", "p_value", "direction", "mechanical")
    return pl.DataFrame(rows, schema=names, orient="row")


def test_rates_pool_claims_and_seeds_and_keep_kinds_apart() -> None:
    truths = {"A04": "true", "A05": "false", "A06": "opposite", "A12": "false"}
    found = rates(verdict_rows(), truths, 0.05)
    assert found.seeds == 2
    assert found.found == Share(1, 2)
    assert found.reversed == Share(1, 2)
    assert found.false_adjusted == Share(1, 2)
    assert found.false_raw == Share(2, 2)
    assert found.mechanical == Share(1, 2)
    assert found.untested == 1


def world(name: str, truths: dict[str, str], covered: pl.DataFrame) -> World:
    rows = verdict_rows()
    joint = pl.DataFrame({"quantity": [JOINT, JOINT], "inside": [True, False]})
    return World(
        name, 2000, rates(rows, truths, 0.05), covered, joint, pl.DataFrame(),
        leaning(rows, truths, 0.05), [100.0, 140.0],
    )  # fmt: skip


def test_sections_tell_rates_leaning_claims_and_the_main_coefficients_first() -> None:
    row = {"quantity": "coefficient", "seeds": 40, "planted": 1.0, "bias": 0.1, "bias_se": 0.01,
           "sd": 0.2, "mean_se": 0.2, "band_low": 0.85, "band_high": 1.0}  # fmt: skip
    covered = pl.DataFrame(
        [{**row, "term": "age", "covered": 0.8, "in_band": False},
         {**row, "term": "sh", "covered": 0.95, "in_band": True}]
    )  # fmt: skip
    one = world("demo", {"A04": "true", "A05": "false", "B02": "false"}, covered)
    why = {"claims": {"B02": "by definition"}, "terms": {"age": "of one firm"}}
    text = world_section(one, ["sh"], why)
    assert "World demo, 2,000 firms, 2 seeds" in text
    assert "| false claims supported, adjusted | 4 | 75.0 % | 19.4 % to 99.4 % |" in text
    assert "| B02 | 2 | 0 | 2 | by definition |" in text
    assert "1 of 1 main coefficients, 0 of 1 other coefficients" in text
    assert text.index("`sh`") < text.index("`age`")
    assert "**0.80**" in text
    assert "| coefficient | `age` | of one firm |" in text
    assert text.index("| coefficient | `age` |") < text.index("| coefficient | `sh` |  |")
    assert "rejects the plants at 5 % in 1 of 2 seeds" in text
    two = world("null", {"A04": "false"}, pl.DataFrame())
    told = overview([one, two])
    assert "| false claims supported, adjusted | 75.0 % of 4 | 50.0 % of 2 | 66.7 % of 6 |" in told
    assert "4 runs took 0.1 hours of one core" in told


def test_a_claim_leans_where_chance_would_hardly_judge_it_so_often() -> None:
    """Of 40 seeds 5 % give 2; 7 or more come with probability .0034, 6 with .014."""
    seeds = range(1, 41)
    rows = pl.DataFrame(
        [{"claim_id": claim, "seed": seed, "mechanical": False,
          "verdict": "supported" if seed <= often else "inconclusive"}
         for claim, often in (("A01", 7), ("A02", 6), ("A03", 40)) for seed in seeds]
    )  # fmt: skip
    truths = {"A01": "false", "A02": "false", "A03": "true"}
    assert leaning(rows, truths, 0.05).rows() == [("A01", False, 40, 7, 0)]


def test_exact_intervals_are_those_of_the_beta_distribution() -> None:
    low, high = Share(2, 40).interval
    assert low == pytest.approx(stats.beta.ppf(0.025, 2, 39))
    assert high == pytest.approx(stats.beta.ppf(0.975, 3, 38))
    assert Share(0, 0).interval == (0.0, 1.0)
    assert math.isnan(Share(0, 0).rate)


def test_firms_that_a_power_of_four_in_five_needs() -> None:
    """(1.96 + .8416)^2 = 7.849: a mean z of 1.4 at 1,000 firms needs 4 times as many."""
    assert needed_firms(1.4008, 1.95996, 1000) == pytest.approx(4000, rel=1e-3)
    assert needed_firms(-2.8016, 1.95996, 1000) == pytest.approx(1000, rel=1e-3)
    assert needed_firms(0.0, 1.96, 1000) == math.inf


def test_nothing_is_true_in_the_null_world() -> None:
    null, demo = (world_truths(ROOT, world, 200) for world in ("null", "demo"))
    assert set(null.values()) == {"false"}
    assert null.keys() == demo.keys()
    assert demo["A04"] == "true"
