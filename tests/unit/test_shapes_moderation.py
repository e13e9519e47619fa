"""Signs and moderation: Johnson-Neyman, marginal effects on the index and on counts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertius.estimate import Estimate, NotEstimable, estimate_model
from tertius.model_spec import resolve_spec
from tertius.shapes import (
    complementarity_test,
    johnson_neyman,
    moderation_test,
    sign_test,
    three_way_test,
)
from tertius.shapes.moderation import count_marginal


def simulate(seed: int, b3: float = 0.2, n_firms: int = 150) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = n_firms * 6
    x, z = rng.normal(1, 1, n), rng.normal(2, 1, n)
    index = 0.2 * x + 0.1 * z + b3 * (x - 1) * (z - 2)
    firm = np.repeat(np.arange(n_firms), 6)
    frame = pl.DataFrame(
        {
            "org_id": [f"f{i:03d}" for i in firm],
            "year": pl.Series(np.tile(np.arange(6), n_firms), dtype=pl.Int32),
            "y": index + rng.normal(0, 0.5, n),
            "count": rng.poisson(np.exp(index)).astype(float),
            "x": x,
            "z": z,
            "kind": (firm % 3 == 0).astype(float),
        }
    )
    names = ("y", "count", "x", "z", "kind")
    status = [pl.lit("ok").alias(f"{c}_status") for c in names]
    return frame.with_columns(pl.lit(True).alias("in_sample"), *status)


def fit(frame: pl.DataFrame, outcome: str = "y", terms: str = "x z x:z") -> Estimate:
    raw = {
        "outcome": outcome,
        "lead": 0,
        "estimator": "fe_ols" if outcome == "y" else "fe_poisson",
        "terms": terms.split(),
        "winsor": None,
    }
    return estimate_model(frame, resolve_spec("m", raw))


def test_worked_johnson_neyman() -> None:
    found = johnson_neyman(0.20, 0.10, 0.01, -0.002, 0.0009, 1.96)
    assert found.roots == pytest.approx((-8.433791, -0.028707), abs=5e-7)
    assert [region.sign for region in found.regions] == ["negative", "positive"]
    inside = found.inside(-2.0, 2.0)
    assert len(inside) == 1
    assert (inside[0].low, inside[0].high) == (pytest.approx(-0.028707, abs=5e-7), 2.0)


@given(
    st.floats(-1, 1), st.floats(-1, 1), st.floats(0.05, 1), st.floats(0.05, 1), st.floats(-0.9, 0.9)
)
def test_johnson_neyman_equals_a_grid_search(
    b1: float, b3: float, s1: float, s3: float, r: float
) -> None:
    found = johnson_neyman(b1, b3, s1**2, r * s1 * s3, s3**2, 1.96, centre=0.4)
    for z in np.linspace(-20, 20, 81):
        d = z - 0.4
        t = (b1 + b3 * d) / math.sqrt(s1**2 + 2 * d * r * s1 * s3 + d**2 * s3**2)
        regions = [q for q in found.regions if q.low < z < q.high]
        if abs(abs(t) - 1.96) > 1e-6:
            assert bool(regions) == (abs(t) > 1.96)
            assert all(q.sign == ("positive" if t > 0 else "negative") for q in regions)


def test_sign_test_gives_both_p_values() -> None:
    estimate = fit(simulate(1), "count", "x z")
    stated, open_ended = sign_test(estimate, "x", "+"), sign_test(estimate, "x")
    assert stated.p_value == stated.p_one_sided == pytest.approx(stated.p_two_sided / 2)
    assert open_ended.p_value == open_ended.p_two_sided
    assert (stated.decision, stated.holds) == ("positive", True)
    against = sign_test(estimate, "x", "-")
    assert (against.decision, against.holds) == ("positive", False)
    assert against.p_value == pytest.approx(1 - stated.p_value)
    step = estimate.coefficient("x") * estimate.variables["x"].sd_within
    assert stated.percent_within_sd == pytest.approx(100 * (math.exp(step) - 1))
    assert stated.contrast.tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="unknown sign"):
        sign_test(estimate, "x", "positive")
    with pytest.raises(NotEstimable, match="w is no variable of m"):
        sign_test(estimate, "w")


def test_sign_of_nothing_is_none() -> None:
    frame = simulate(2).with_columns(pl.col("x").sample(fraction=1.0, shuffle=True, seed=5))
    found = sign_test(fit(frame, "y", "x"), "x", "+")
    assert (found.decision, found.holds) == ("none", False)


def test_planted_moderation_is_found() -> None:
    estimate = fit(simulate(3))
    found = moderation_test(estimate, "x", "z", "+")
    assert abs(found.estimate - 0.2) < 4 * found.std_error < 0.08
    assert found.holds
    told = {e.where: e for e in found.effects}
    known = estimate.variables["z"]
    gap = told["mean + 1 sd"].effect - told["mean - 1 sd"].effect
    assert gap == pytest.approx(2 * known.sd * found.estimate, rel=1e-10)
    assert found.difference.effect == pytest.approx(gap)
    assert found.difference.p_value == pytest.approx(found.p_two_sided)
    # b1 is the slope at mean z, for both are centred
    assert told["mean"].effect == pytest.approx(estimate.coefficient("x"), rel=1e-6)
    assert told["P10"].z == pytest.approx(np.quantile(estimate.values("z"), 0.1))
    assert math.isnan(found.ratio)
    assert found.count_effects == ()


def test_moderation_matches_the_uncentred_model() -> None:
    frame = simulate(4)
    estimate = fit(frame)
    found = moderation_test(estimate, "z", "x")
    x, z = estimate.values("x"), estimate.values("z")
    y = estimate.frame["y"].to_numpy()
    firm = np.eye(150)[np.repeat(np.arange(150), 6)]
    year = np.eye(6)[np.tile(np.arange(6), 150)][:, 1:]
    b = np.linalg.lstsq(np.column_stack([x, z, x * z, firm, year]), y, rcond=None)[0]
    assert found.estimate == pytest.approx(b[2], rel=1e-8)
    for point in found.effects:
        assert point.effect == pytest.approx(b[1] + b[2] * point.z, rel=1e-7)


def test_marginal_curve_and_regions_agree() -> None:
    found = moderation_test(fit(simulate(5)), "x", "z")
    for row in found.curve.iter_rows(named=True):
        clear = row["low"] > 0 or row["high"] < 0
        inside = any(r.low <= row["z"] <= r.high for r in found.regions_in_data)
        assert clear == inside


def test_absorbed_moderator_is_no_obstacle() -> None:
    estimate = fit(simulate(6), "y", "x kind x:kind")
    assert estimate.collinear == ("kind",)
    assert moderation_test(estimate, "x", "kind").decision == "none"


def test_missing_product_is_refused() -> None:
    with pytest.raises(NotEstimable, match="x:z is not a term of m"):
        moderation_test(fit(simulate(6), "y", "x z"), "x", "z")


def expected_counts(estimate: Estimate, b: np.ndarray, h: float, at: float) -> np.ndarray:
    """Fitted means after moving x by h and z to `at`, effects held."""
    x = estimate.values("x") - estimate.variables["x"].centre
    z = estimate.values("z") - estimate.variables["z"].centre
    new = at - estimate.variables["z"].centre
    base = b[0] * x + b[1] * z + b[2] * x * z
    moved = b[0] * (x + h) + b[1] * new + b[2] * (x + h) * new
    return estimate.frame["fitted"].to_numpy() * np.exp(moved - base)


def test_count_effects_equal_numeric_derivatives() -> None:
    estimate = fit(simulate(7), "count")
    b, h = estimate.coefficients, 1e-5
    for at in (1.0, 2.5):
        value, gradient = count_marginal(estimate, "x", "z", at)
        up, down = (expected_counts(estimate, b, s * h, at) for s in (1, -1))
        assert value == pytest.approx((up - down).mean() / (2 * h), rel=1e-6)
        for j in range(3):
            step = np.eye(3)[j] * 1e-6
            ends = [count_marginal(shifted(estimate, b + s * step), "x", "z", at) for s in (1, -1)]
            # the fitted means are held, so the whole numeric derivative is that of the formula
            numeric = (ends[0][0] - ends[1][0]) / 2e-6
            assert gradient[j] == pytest.approx(numeric, rel=1e-5, abs=1e-8)


def shifted(estimate: Estimate, b: np.ndarray) -> Estimate:
    return replace(estimate, coefficients=b)


def test_count_difference_can_differ_from_the_product() -> None:
    # without a product on the index, z still scales the effect of x on the expected count
    found = moderation_test(fit(simulate(8, b3=0.0), "count"), "x", "z")
    assert found.decision == "none"
    assert found.count_difference is not None
    assert found.count_difference.effect > 0
    assert found.ratio == pytest.approx(math.exp(found.estimate))
    assert "difference of marginal effects" in found.sentence


def test_undefined_rows_do_not_enter_effects() -> None:
    frame = simulate(9)
    hole = pl.int_range(pl.len()) % 5 == 0
    frame = frame.with_columns(
        pl.when(hole).then(None).otherwise(pl.col("z")).alias("z"),
        pl.when(hole).then(pl.lit("undefined_isolate")).otherwise(pl.lit("ok")).alias("z_status"),
    )
    estimate = fit(frame, "count")
    assert "undefined(z=undefined_isolate):x" in estimate.terms
    assert estimate.variables["z"].n_undefined == 180
    found = moderation_test(estimate, "x", "z", "+")
    assert found.holds
    assert found.effects[1].z == pytest.approx(np.nanmean(estimate.values("z")))


@pytest.mark.filterwarnings("error")
def test_counts_beyond_the_range_of_floats_are_told_as_such() -> None:
    frame = simulate(5).with_columns(w=pl.col("kind"), w_status=pl.lit("ok"))
    estimate = fit(frame, "count", "x z w x:z w:x w:z w:x:z")
    wild = replace(estimate, coefficients=estimate.coefficients + 4000.0)
    sign = sign_test(wild, "x")
    assert sign.percent_within_sd == math.inf
    assert "+inf % in expected count" in sign.sentence
    found = moderation_test(wild, "x", "z")
    assert found.ratio == math.inf
    assert found.count_difference is not None
    assert not math.isfinite(found.count_difference.effect)
    assert math.isnan(found.count_difference.p_value)
    assert "p undefined" in found.sentence
    # what stands on the index alone stays finite
    assert math.isfinite(found.estimate)
    assert all(math.isfinite(e.std_error) for e in found.effects)
    assert three_way_test(wild, "x", "z", "w").ratio == math.inf
    both = complementarity_test(wild, "x", "z")
    assert not math.isfinite(both.cross_difference.value)
    assert math.isnan(both.cross_difference.p_two_sided)
    assert math.isfinite(both.estimate)
