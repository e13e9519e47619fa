"""Inverted-U and its moderation: worked answers, planted curves, invariance."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.estimate import Estimate, NotEstimable, estimate_model
from tertius.inference.multiple import romano_wolf
from tertius.inference.score_bootstrap import cluster_bootstrap_draws
from tertius.model_spec import resolve_spec
from tertius.shapes import (
    ModeratedQuadratic,
    Quadratic,
    inverted_u_test,
    moderated_inverted_u_test,
    turning_curve,
)
from tertius.shapes.quadratic import end_slopes, fieller_set

NORMAL = math.inf
WORKED = Quadratic(0.60, -0.05, 0.0225, -0.00135, 0.0001)
TERMS = ["x", "x^2", "z", "x:z", "z:x^2"]


def simulate(
    seed: int,
    b1: float = 1.0,
    b2: float = -0.5,
    b3: float = 0.0,
    b4: float = 0.0,
    low: float = -1.0,
    high: float = 3.0,
    n_firms: int = 200,
) -> pl.DataFrame:
    """Index b1 x + b2 x^2 + b3 x z + b4 x^2 z with x uniform on [low, high]."""
    rng = np.random.default_rng(seed)
    n = n_firms * 6
    x, z = rng.uniform(low, high, n), rng.normal(size=n)
    index = b1 * x + b2 * x**2 + b3 * x * z + b4 * x**2 * z + 0.1 * z
    frame = pl.DataFrame(
        {
            "org_id": np.repeat([f"f{i:03d}" for i in range(n_firms)], 6),
            "year": pl.Series(np.tile(np.arange(6), n_firms), dtype=pl.Int32),
            "y": index + rng.normal(0, 0.5, n),
            "count": rng.poisson(np.exp(index + 0.5)).astype(float),
            "x": x,
            "z": z,
        }
    )
    status = [pl.lit("ok").alias(f"{c}_status") for c in ("y", "count", "x", "z")]
    return frame.with_columns(pl.lit(True).alias("in_sample"), *status)


def fit(frame: pl.DataFrame, outcome: str = "y", terms: tuple[str, ...] = ("x", "x^2")) -> Estimate:
    raw = {
        "outcome": outcome,
        "lead": 0,
        "estimator": "fe_ols" if outcome == "y" else "fe_poisson",
        "terms": list(terms),
        "winsor": None,
    }
    return estimate_model(frame, resolve_spec("m", raw))


def test_worked_turning_point_and_slopes() -> None:
    assert WORKED.turning_point == pytest.approx(6.0, abs=1e-12)
    assert WORKED.turning_point_error == pytest.approx(math.sqrt(0.45), abs=1e-12)
    ends = end_slopes(WORKED, 0.0, 10.0, NORMAL)
    assert (ends.t_low, ends.t_high) == pytest.approx((4.000, -4.3386), abs=5e-5)
    assert ends.p_value == pytest.approx(3.17e-5, abs=5e-8)
    assert ends.binding == "low"


def test_worked_fieller_set() -> None:
    level = 2 * 0.9750021048517795 - 1  # of the quantile 1.96
    found = fieller_set(WORKED, NORMAL, level)
    assert found.kind == "bounded"
    assert (found.low, found.high) == pytest.approx((4.4282, 7.2995), abs=5e-5)
    assert found.inside(0, 10)
    assert not found.inside(5, 10)
    assert found.contains(6.0)
    half = 1.96 * WORKED.turning_point_error
    assert (6 - half, 6 + half) == pytest.approx((4.6852, 7.3148), abs=5e-5)


def test_worked_unbounded_set() -> None:
    wide = replace(WORKED, v22=0.0009)
    assert 4 * wide.b2**2 - 4 * 1.96**2 * wide.v22 < 0
    found = fieller_set(wide, NORMAL, 0.95)
    assert found.kind in ("complement", "whole_line")
    assert found.contains(6.0)
    assert not found.inside(-1e9, 1e9)


def test_fieller_kinds() -> None:
    complement = fieller_set(Quadratic(3.0, -0.05, 0.01, 0.0, 0.01), NORMAL, 0.95)
    assert complement.kind == "complement"
    assert complement.contains(30.0)
    assert not complement.contains(0.0)
    assert complement.text.startswith("(-inf, ")
    whole = fieller_set(Quadratic(0.01, -0.001, 1.0, 0.0, 1.0), NORMAL, 0.95)
    assert (whole.kind, whole.low, whole.high) == ("whole_line", -math.inf, math.inf)


@given(
    st.floats(-2, 2),
    st.floats(-2, 2),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
    st.floats(-0.95, 0.95),
)
def test_fieller_is_the_set_of_slopes_not_rejected(
    b1: float, b2: float, s1: float, s2: float, r: float
) -> None:
    curve = Quadratic(b1, b2, s1**2, r * s1 * s2, s2**2, centre=0.7)
    found = fieller_set(curve, 40, 0.95)
    t = 2.0210753903062715
    for x in np.linspace(-30, 30, 121):
        ratio = abs(curve.slope(x)) / curve.slope_error(x)
        if abs(ratio - t) > 1e-6:
            assert found.contains(float(x)) == (ratio < t)


def test_one_sided_test_matches_the_90_percent_set() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        curve = Quadratic(rng.normal(1, 0.5), rng.normal(-0.3, 0.15), 0.04, -0.008, 0.004)
        low, high = 0.0, 3.5
        passes = end_slopes(curve, low, high, 50).p_value < 0.05
        rising = curve.slope(low) > 0 > curve.slope(high)
        assert passes == (rising and fieller_set(curve, 50, 0.90).inside(low, high))


def test_centring_changes_nothing() -> None:
    # the same curve written around 2: b1 + 4 b2, with its covariance
    b, v = WORKED, WORKED.v22
    moved = Quadratic(
        b.b1 + 4 * b.b2, b.b2, b.v11 + 8 * b.v12 + 16 * v, b.v12 + 4 * v, v, centre=2.0
    )
    assert moved.turning_point == pytest.approx(6.0)
    assert moved.turning_point_error == pytest.approx(WORKED.turning_point_error)
    assert moved.slope_at_zero == pytest.approx(0.60)
    first, second = fieller_set(WORKED, 30, 0.95), fieller_set(moved, 30, 0.95)
    assert (first.low, first.high) == pytest.approx((second.low, second.high))
    assert end_slopes(moved, 0, 10, 30).p_value == pytest.approx(
        end_slopes(WORKED, 0, 10, 30).p_value
    )


def test_planted_inverted_u_is_found() -> None:
    found = inverted_u_test(fit(simulate(1)), "x")
    assert (found.decision, found.holds) == ("inverted_u", True)
    assert found.estimate == pytest.approx(1.0, abs=0.05)
    assert (found.beta1, found.beta2) == pytest.approx((1.0, -0.5), abs=0.06)
    assert found.fieller_95.inside(found.at_extremes.x_low, found.at_extremes.x_high)
    assert found.share_beyond == pytest.approx(0.5, abs=0.03)
    assert found.p_value < 1e-10
    assert found.sentence.startswith("x has an inverted-U effect on y: turning point ")


def test_turning_point_of_the_count_index() -> None:
    found = inverted_u_test(fit(simulate(2), "count"), "x")
    assert found.holds
    assert abs(found.estimate - 1.0) < 4 * found.std_error < 0.15


def test_other_shapes_are_told_apart() -> None:
    cases = {
        "diminishing": simulate(3, b1=1.5, b2=-0.18, low=0.0, high=4.0),
        "declining": simulate(3, b1=0.0, b2=-0.2, low=0.1, high=3.0),
        "u": simulate(3, b1=-1.0, b2=0.5),
        "none": simulate(3, b1=1.0, b2=0.0),
    }
    for shape, frame in cases.items():
        found = inverted_u_test(fit(frame), "x")
        assert (found.decision, found.holds) == (shape, False), shape
    assert inverted_u_test(fit(cases["u"]), "x", direction="u").holds
    with pytest.raises(ValueError, match="unknown direction"):
        inverted_u_test(fit(cases["u"]), "x", direction="n")


def test_few_observations_beyond_mean_diminishing_returns() -> None:
    # the turning point 1 lies inside, but only 3 % of x pass it
    frame = simulate(4, n_firms=400)
    rng = np.random.default_rng(0)
    x = np.where(rng.random(frame.height) < 0.03, rng.uniform(2, 3, frame.height), 0)
    x = np.where(x == 0, rng.uniform(-1, 0.8, frame.height), x)
    y = x - 0.5 * x**2 + rng.normal(0, 0.3, frame.height)
    found = inverted_u_test(fit(frame.with_columns(x=x, y=y)), "x")
    assert found.p_value < 0.05
    assert found.share_beyond < 0.05
    assert found.decision == "diminishing"
    assert found.reasons[-1] == "rises and flattens, under 5 % lie beyond the turning point"


def test_contrast_is_the_binding_slope() -> None:
    estimate = fit(simulate(5))
    found = inverted_u_test(estimate, "x")
    assert found.contrast @ estimate.coefficients == pytest.approx(found.contrast_estimate)
    weaker = min(found.at_extremes.t_low, -found.at_extremes.t_high)
    assert found.statistic == pytest.approx(weaker)
    family = [found.hypothesis("u", estimate)]
    adjusted = romano_wolf(family, cluster_bootstrap_draws(family, 199, seed=1))
    assert adjusted[0] == pytest.approx(1 / 200)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 100), st.floats(-50, 50), st.booleans())
def test_scale_and_shift_of_x(scale: float, shift: float, flip: bool) -> None:
    frame = simulate(6, n_firms=40)
    factor = -scale if flip else scale
    base = inverted_u_test(fit(frame), "x")
    moved = inverted_u_test(fit(frame.with_columns(pl.col("x") * factor + shift)), "x")
    tolerance = 1e-7 * (abs(shift) + scale)
    assert moved.estimate == pytest.approx(base.estimate * factor + shift, abs=tolerance)
    assert moved.p_value == pytest.approx(base.p_value, rel=1e-6)
    assert moved.std_error == pytest.approx(base.std_error * scale, rel=1e-6)
    ends = sorted([base.fieller_95.low * factor + shift, base.fieller_95.high * factor + shift])
    found = [moved.fieller_95.low, moved.fieller_95.high]
    assert found == pytest.approx(ends, abs=tolerance)
    assert moved.decision == base.decision
    share = 1 - base.share_beyond if flip else base.share_beyond
    assert moved.share_beyond == pytest.approx(share, abs=1e-9)


def test_relabelled_firms_give_the_same_test() -> None:
    frame = simulate(7, n_firms=50)
    names = {f"f{i:03d}": f"g{(i * 7) % 50:03d}" for i in range(50)}
    first = inverted_u_test(fit(frame), "x")
    second = inverted_u_test(fit(frame.with_columns(pl.col("org_id").replace(names))), "x")
    assert second.estimate == pytest.approx(first.estimate, rel=1e-10)
    assert second.p_value == pytest.approx(first.p_value, rel=1e-8)


def test_transformed_x_tells_raw_units_too() -> None:
    frame = simulate(8, low=0.0, high=2.0).with_columns(x=np.expm1(pl.col("x")))
    found = inverted_u_test(fit(frame, terms=("log1p(x)", "log1p(x)^2")), "log1p(x)")
    assert found.turning_point_raw == pytest.approx(math.expm1(found.estimate))
    assert "in raw units" in found.sentence
    assert found.curve["x_raw"].to_numpy() == pytest.approx(np.expm1(found.curve["x"].to_numpy()))


def test_curve_is_the_fitted_parabola() -> None:
    estimate = fit(simulate(9))
    found = inverted_u_test(estimate, "x")
    x, mean = found.curve["x"].to_numpy(), estimate.variables["x"].mean
    expected = found.beta1 * (x - mean) + found.beta2 * (x**2 - mean**2)
    assert found.curve["effect"].to_numpy() == pytest.approx(expected, abs=1e-10)
    assert found.curve["slope"].to_numpy() == pytest.approx(found.beta1 + 2 * found.beta2 * x)
    assert (found.curve["low"] <= found.curve["high"]).all()


def test_missing_square_is_refused() -> None:
    with pytest.raises(NotEstimable, match=r"x\^2 is not a term of m"):
        inverted_u_test(fit(simulate(1), terms=("x",)), "x")


def test_worked_moderated_turning_point() -> None:
    model = ModeratedQuadratic(0.60, -0.05, 0.08, 0.004)
    assert model.turning_point(0.0) == pytest.approx(6.0)
    assert model.turning_point(1.0) == pytest.approx(7.391304, abs=5e-7)
    assert model.shift(0.0) == pytest.approx(1.28, abs=1e-12)
    assert model.shift(1.0) == pytest.approx(1.512287, abs=5e-7)
    assert model.flip_point == pytest.approx(12.5)


@given(*[st.floats(0.2, 2) for _ in range(3)], st.floats(0.02, 0.1), st.floats(-1, 1))
def test_moderated_gradients(b1: float, b2: float, b3: float, b4: float, z: float) -> None:
    def at(values: np.ndarray) -> ModeratedQuadratic:
        return ModeratedQuadratic(*values, x_centre=0.3, z_centre=-0.2)

    b = np.array([b1, -b2, b3, b4])
    model, h = at(b), 1e-6
    for j in range(4):
        step = np.eye(4)[j] * h
        up, down = at(b + step), at(b - step)
        assert model.turning_gradient(z)[j] == pytest.approx(
            (up.turning_point(z) - down.turning_point(z)) / (2 * h), rel=1e-4, abs=1e-6
        )
        assert model.shift_gradient(z)[j] == pytest.approx(
            (up.shift(z) - down.shift(z)) / (2 * h), rel=1e-3, abs=1e-5
        )
    slope = (model.turning_point(z + h) - model.turning_point(z - h)) / (2 * h)
    assert model.shift(z) == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_planted_shift_is_found() -> None:
    frame = simulate(10, b3=0.3, b4=0.0, n_firms=300)
    estimate = fit(frame, terms=tuple(TERMS))
    found = moderated_inverted_u_test(estimate, "x", "z", sign="+")
    # turning point (1 + .3 z): moves by .3 a unit of z
    assert found.estimate == pytest.approx(0.3, abs=0.03)
    assert found.holds
    assert found.base_decision == "inverted_u"
    assert found.bend.effect_on_shape == "unclear"
    told = {point.where: point for point in found.at}
    assert told["mean"].turning_point == pytest.approx(1.0, abs=0.05)
    assert told["mean"].curvature == pytest.approx(-1.0, abs=0.05)
    assert told["mean + 1 sd"].turning_point == pytest.approx(1.3, abs=0.06)
    assert found.p_one_sided == pytest.approx(found.p_two_sided / 2)
    wrong = moderated_inverted_u_test(estimate, "x", "z", sign="-")
    assert (wrong.decision, wrong.holds) == ("positive", False)
    assert wrong.p_value > 0.99


def test_planted_flattening_is_found() -> None:
    frame = simulate(11, b4=0.2, n_firms=300)
    found = moderated_inverted_u_test(
        fit(frame, "count", tuple(TERMS)), "x", "z", sign="+", quantity="curvature"
    )
    assert found.estimate == pytest.approx(0.2, abs=0.05)
    assert found.holds
    assert found.bend.effect_on_shape == "flattening"
    assert found.bend.flip_point == pytest.approx(2.5, abs=0.7)
    assert found.bend.flip_in_range
    ratio = {p.where: p.count_curvature / p.curvature for p in found.at}
    # at mean z the turning point is the mean of x, so that the height there is that at the means
    assert ratio["mean"] == pytest.approx(1.0, abs=0.02)
    with pytest.raises(ValueError, match="unknown quantity"):
        moderated_inverted_u_test(fit(frame, terms=tuple(TERMS)), "x", "z", quantity="height")


def test_moderation_is_invariant_to_centring_by_shifts() -> None:
    frame = simulate(12, b3=0.2, b4=0.05, n_firms=60)
    base = moderated_inverted_u_test(fit(frame, terms=tuple(TERMS)), "x", "z")
    moved = frame.with_columns(pl.col("x") * 3 + 7, pl.col("z") * 0.5 - 2)
    other = moderated_inverted_u_test(fit(moved, terms=tuple(TERMS)), "x", "z")
    assert other.estimate == pytest.approx(base.estimate * 3 / 0.5, rel=1e-6)
    assert other.p_value == pytest.approx(base.p_value, rel=1e-5)


def test_curves_of_moderation() -> None:
    estimate = fit(simulate(13, b3=0.3, b4=0.05), terms=tuple(TERMS))
    found = moderated_inverted_u_test(estimate, "x", "z")
    assert found.curve["z_label"].unique(maintain_order=True).to_list() == [
        *("mean - 1 sd", "mean", "mean + 1 sd")
    ]
    line = turning_curve(estimate, "x", "z")
    model = ModeratedQuadratic(
        *(estimate.coefficient(t) for t in ("x", "x^2", "x:z", "z:x^2")),
        estimate.variables["x"].centre,
        estimate.variables["z"].centre,
    )
    assert line["turning_point"][0] == pytest.approx(model.turning_point(line["z"][0]))
    assert ((line["low"] < line["turning_point"]) & (line["turning_point"] < line["high"])).all()


def test_results_are_plain_for_json() -> None:
    estimate = fit(simulate(14, b3=0.3), "count", tuple(TERMS))
    for found in (
        inverted_u_test(estimate, "x"),
        moderated_inverted_u_test(estimate, "x", "z"),
    ):
        record = json.loads(json.dumps(found.to_dict()))
        assert record["p_value"] == found.p_value
        assert record["mde"] == pytest.approx(2.8 * found.std_error)
        assert "curve" not in record
