"""Rival forms, two lines, kinks and the classes of curves."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.claims.claim_test import ClaimTest
from tertius.claims.findings import find
from tertius.estimate import NotEstimable
from tertius.shapes import (
    classify_curve,
    compare_rivals,
    curve_class_test,
    inverted_u_test,
    kink_test,
    moderated_inverted_u_test,
    parallel_shift_test,
    shift_bootstrap,
    tail_check,
    two_lines_test,
)
from tertius.shapes.splines import restricted_cubic, spline_knots
from tertius.shapes.two_lines import robin_hood
from tests.shape_worlds import curve_world, fit, panel, relabelled

Curve = Callable[[np.ndarray], np.ndarray]
CURVES: dict[str, tuple[Curve, str]] = {
    "parabola": (lambda x: x - 0.25 * x**2, "inverted_u"),
    "valley": (lambda x: -x + 0.25 * x**2, "u"),
    "concave": (lambda x: 1.2 * x - 0.13 * x**2, "diminishing"),
    "roof": (lambda x: x - 1.6 * np.maximum(x - 2, 0), "kink"),
    "plateau": (lambda x: np.minimum(x, 2), "kink"),
    "line": (lambda x: 0.2 * x, "linear"),
    "nothing": (lambda x: 0 * x, "none"),
}
QUADRATIC = "x x^2"
MODERATED = "x x^2 z x:z z:x^2"


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("outcome", ["y", "count"])
def test_curves_are_told_apart(name: str, outcome: str) -> None:
    shape, expected = CURVES[name]
    found = classify_curve(fit(curve_world(shape, 5, n_firms=300), QUADRATIC, outcome), "x")
    assert found.kind == expected
    assert json.loads(json.dumps(found.to_dict()))["kind"] == expected


def test_slope_beyond_a_kink() -> None:
    kinds = {}
    for name in ("roof", "plateau"):
        found = classify_curve(fit(curve_world(CURVES[name][0], 5, n_firms=300), QUADRATIC), "x")
        assert found.kink.kink == pytest.approx(2.0, abs=0.15)
        kinds[name] = found.after_kink
    assert kinds == {"roof": "negative", "plateau": "none"}


def test_planted_kink_is_measured() -> None:
    found = kink_test(fit(curve_world(CURVES["roof"][0], 6), QUADRATIC), "x")
    assert (found.slope_before, found.slope_after) == pytest.approx((1.0, -0.6), abs=0.1)
    assert (found.decision, found.holds, found.p_value) == ("negative", True, 0.001)
    assert found.share_beyond == pytest.approx(0.5, abs=0.06)
    assert found.curve["loss"].arg_min() == (found.curve["x"] - found.kink).abs().arg_min()


def test_two_lines_of_a_parabola() -> None:
    found = two_lines_test(fit(curve_world(CURVES["parabola"][0], 1), QUADRATIC), "x")
    assert (found.decision, found.holds) == ("inverted_u", True)
    assert found.flat_low < found.break_point < found.flat_high
    assert found.flat_low <= found.peak <= found.flat_high
    # the mean slope of x - x^2 / 4 on either side of 2 is +-.5
    assert (found.slope_low, found.slope_high) == pytest.approx((0.5, -0.5), abs=0.08)
    assert found.n_low + found.n_high == 1200
    u = two_lines_test(fit(curve_world(CURVES["valley"][0], 1), QUADRATIC), "x", "u")
    assert u.decision == "u"
    assert two_lines_test(fit(curve_world(CURVES["line"][0], 1), QUADRATIC), "x").decision == "none"


def test_partial_plot_follows_the_curve() -> None:
    found = two_lines_test(fit(curve_world(CURVES["parabola"][0], 1), QUADRATIC), "x")
    x = found.smooth["x"].to_numpy()
    planted = x - 0.25 * x**2
    gap = found.smooth["effect"].to_numpy() - planted
    assert np.abs(gap - gap.mean()).max() < 0.15
    assert (found.smooth["low"] < found.smooth["effect"]).all()
    assert abs(found.peak - 2) < 0.3


def test_a_turning_point_made_by_a_tail_is_told() -> None:
    world = curve_world(CURVES["line"][0], 7)
    x = world["x"].to_numpy().copy()
    y = world["y"].to_numpy().copy()
    last = np.arange(len(x)) % 150 == 0
    x[last], y[last] = 12.0, -1.0
    tail = world.with_columns(x=x, y=y)
    found = tail_check(fit(tail, QUADRATIC), "x")
    whole, without, _ = found.variants
    assert whole.p_value < 0.05 < without.p_value
    assert whole.rows - without.rows == 12
    assert not found.stable
    honest = tail_check(fit(curve_world(CURVES["parabola"][0], 7), QUADRATIC), "x")
    assert honest.stable
    assert [v.turning_point for v in honest.variants] == pytest.approx([2.0] * 3, abs=0.1)
    plain = inverted_u_test(fit(tail, QUADRATIC), "x")
    assert whole.turning_point == pytest.approx(plain.estimate)
    assert whole.p_value == pytest.approx(plain.p_value)


def test_two_lines_refuse_a_plateau_that_passes_the_u_test_of_a_parabola() -> None:
    # x rises fast and stays: a parabola forced upon it bends down at the end
    world = curve_world(lambda x: np.log(x + 0.02), 2, n_firms=300)
    found = two_lines_test(fit(world, QUADRATIC), "x")
    assert found.decision == "none"
    assert found.slope_high > 0


def test_robin_hood_lends_to_the_weaker_line() -> None:
    flat = np.linspace(0, 1, 101)
    assert robin_hood(flat, 3.0, 1.0) == pytest.approx(0.25)
    assert robin_hood(flat, 1.0, 3.0) == pytest.approx(0.75)
    assert robin_hood(flat, 0.0, 0.0) == pytest.approx(0.5)


def test_spline_is_linear_beyond_its_outer_knots() -> None:
    x = np.linspace(0, 10, 201)
    knots = spline_knots(x, 5)
    basis = restricted_cubic(x, knots)
    assert basis.shape == (201, 4)
    for outer in (x < knots[0], x > knots[-1]):
        bend = np.diff(basis[outer], n=2, axis=0)
        assert np.abs(bend).max() < 1e-10
    with pytest.raises(NotEstimable, match="too few different values"):
        spline_knots(np.repeat([0.0, 1.0], [80, 20]), 5)


def test_rivals_find_the_form() -> None:
    forms = {
        "quadratic": lambda x: x - 0.25 * x**2,
        "log": lambda x: 0.9 * np.log(x),
        "linear": lambda x: 0.3 * x,
        "cubic": lambda x: 0.9 * (x - 2) - 0.4 * (x - 2) ** 3,
    }
    for name, shape in forms.items():
        found = compare_rivals(fit(curve_world(shape, 8, low=0.05, n_firms=300), QUADRATIC), "x")
        assert found[name].deviance <= min(f.deviance for f in found.forms) * 1.0005, name
        assert found[name].p_wald < 1e-6
    cubic = compare_rivals(fit(curve_world(forms["cubic"], 8), QUADRATIC), "x")
    assert cubic.p_cubic < 1e-6
    assert cubic.cubic_turns == 2
    assert cubic["quadratic"].gain == 0.0
    assert cubic["cubic"].gain > 0
    assert set(cubic.curve.columns) == {
        *("x", "linear", "quadratic", "cubic", "log", "reciprocal", "spline")
    }


def test_unseen_deviance_of_a_line_is_its_noise() -> None:
    found = compare_rivals(fit(curve_world(lambda x: 0.3 * x, 9, n_firms=400), QUADRATIC), "x")
    # 5/6 of the variance is left after firm means; year effects of 80 firms take a little more
    assert found["linear"].deviance == pytest.approx(0.25 * 5 / 6, rel=0.06)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.05, 20), st.floats(-30, 30), st.booleans())
def test_scale_shift_and_flip_of_x(scale: float, shift: float, flip: bool) -> None:
    frame = curve_world(CURVES["parabola"][0], 3, n_firms=60)
    factor = -scale if flip else scale
    moved = frame.with_columns(pl.col("x") * factor + shift)
    lines = [two_lines_test(fit(f, QUADRATIC), "x") for f in (frame, moved)]
    kinks = [kink_test(fit(f, QUADRATIC), "x", draws=99) for f in (frame, moved)]
    assert lines[1].decision == lines[0].decision
    tolerance = 1e-6 * (abs(shift) + scale)
    if not flip:
        assert lines[1].break_point == pytest.approx(
            lines[0].break_point * factor + shift, abs=tolerance
        )
        assert lines[1].slope_low * factor == pytest.approx(lines[0].slope_low, rel=1e-6)
        assert lines[1].p_value == pytest.approx(lines[0].p_value, rel=1e-5)
    else:
        assert lines[1].peak == pytest.approx(lines[0].peak * factor + shift, abs=tolerance)
    assert kinks[1].kink == pytest.approx(kinks[0].kink * factor + shift, abs=tolerance)
    assert kinks[1].p_value == kinks[0].p_value
    assert kinks[1].estimate * scale == pytest.approx(kinks[0].estimate, rel=1e-6)


def test_relabelled_firms_change_nothing() -> None:
    frame = curve_world(CURVES["roof"][0], 4, n_firms=50)
    first, second = (fit(f, QUADRATIC) for f in (frame, relabelled(frame)))
    one, two = two_lines_test(first, "x"), two_lines_test(second, "x")
    assert two.break_point == pytest.approx(one.break_point, rel=1e-10)
    assert two.p_value == pytest.approx(one.p_value, rel=1e-7)
    kinks = [kink_test(estimate, "x", draws=99) for estimate in (first, second)]
    assert kinks[1].estimate == pytest.approx(kinks[0].estimate)
    assert kinks[1].p_value == kinks[0].p_value


def test_a_stated_class_enters_a_family() -> None:
    estimate = fit(curve_world(CURVES["concave"][0], 5, n_firms=300), QUADRATIC)
    found = curve_class_test(estimate, "x", "diminishing")
    assert found.holds
    assert found.p_value < 1e-6
    assert found.hypothesis("h", estimate).statistic == pytest.approx(found.statistic)
    assert not curve_class_test(estimate, "x", "inverted_u").holds
    with pytest.raises(ValueError, match="unknown class"):
        curve_class_test(estimate, "x", "wavy")


def test_a_claim_names_the_tests_of_curves() -> None:
    estimate = fit(curve_world(CURVES["roof"][0], 5, n_firms=300), QUADRATIC)
    for shape, more in {
        "two_lines": {},
        "kink": {"side": "less"},
        "curve_class": {"expect": "kink"},
    }.items():
        found = find(ClaimTest(shape, "m", variable="x", **more), estimate, 0.05, "c")
        assert found.direction == "expected", shape
        assert found.steps
        assert found.sentence == found.results[0].sentence
    kink = find(ClaimTest("kink", "m", variable="x", side="greater"), estimate, 0.05, "c")
    assert kink.direction == "opposite"
    # the family sees the p of the whole search, not the t of the best kink
    assert abs(kink.hypothesis.statistic) == pytest.approx(3.32, abs=0.02)


def moderated_world(b4: float, seed: int = 10) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = 300 * 6
    x, z = rng.uniform(-1, 3, n), rng.normal(size=n)
    index = x - 0.5 * x**2 + 0.3 * x * z + b4 * x**2 * z
    columns = {
        "x": x,
        "z": z,
        "y": index + rng.normal(0, 0.5, n),
        "count": rng.poisson(np.exp(index)).astype(float),
    }
    return panel(columns, 300)


@pytest.mark.parametrize("outcome", ["y", "count"])
def test_bootstrap_of_the_shift_agrees_with_delta(outcome: str) -> None:
    estimate = fit(moderated_world(0.0), MODERATED, outcome)
    found = shift_bootstrap(estimate, "x", "z", at=0.0, draws=999)
    assert found.shift == pytest.approx(0.3, abs=0.05)
    assert found.std_error == pytest.approx(found.delta_error, rel=0.12)
    assert found.conf_low < 0.3 < found.conf_high
    assert found.inverted == 1.0
    mean = shift_bootstrap(estimate, "x", "z", draws=99)
    assert mean.shift == pytest.approx(moderated_inverted_u_test(estimate, "x", "z").estimate)


def test_parallel_shift_is_kept_or_refused() -> None:
    kept = parallel_shift_test(fit(moderated_world(0.0), MODERATED), "x", "z")
    assert kept.restricted
    assert kept.shift == pytest.approx(0.3, abs=0.03)
    assert kept.p_value > 0.05
    refused = parallel_shift_test(fit(moderated_world(0.1), MODERATED), "x", "z")
    assert not refused.restricted
    assert refused.p_value < 1e-6
