"""Oster, Cinelli & Hazlett, power and equivalence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.two_way import Effects
from tertius.inference.power import (
    detectable_effect,
    equivalence_test,
    minimum_detectable_effect,
    power_at,
    power_curve,
)
from tertius.inference.sensitivity import (
    SelectionInputs,
    adjusted_slope,
    benchmark_bound,
    oster_selection,
    partial_r2,
    robustness,
    robustness_of,
    selection_delta,
    selection_slopes,
)
from tests.unit.inference_panels import effects_of, panel

# Inputs of a typical table: the slope falls from .5 to .3 as controls raise R2 from .2 to .4.
INPUTS = SelectionInputs(0.5, 0.2, 0.3, 0.4, 1.0, 1.0, 0.8)


def confounded(seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, Effects]:
    """x, two controls, an omitted variable, y, and firm and year effects."""
    x, _, firm, year = panel(firms=30, k=4, seed=seed)
    rng = np.random.default_rng(seed + 100)
    omitted = x[:, 3] + 0.3 * x[:, 0]
    y = 0.5 * x[:, 0] + x[:, 1] - 0.4 * x[:, 2] + 0.8 * omitted + rng.normal(size=len(x))
    return x[:, 0], x[:, 1:3], omitted, y, effects_of(firm, year)


@pytest.mark.parametrize("delta", [0.4, 1.0, 1.7])
def test_delta_and_slope_are_inverse(delta: float) -> None:
    for slope in selection_slopes(INPUTS, 0.6, delta):
        assert selection_delta(INPUTS, 0.6, slope) == pytest.approx(delta, rel=1e-9)


def test_selection_recovers_a_known_confounder() -> None:
    """Moments of a world in which Oster's assumptions hold with delta as planted.

    y = b x + w + u with w = psi w_o the index of the controls, u unobserved, cov(w, u) = 0 and
    delta cov(x, w) / var(w) = cov(x, u) / var(u).
    """
    b, var_w, var_u, cov_w, delta, var_e = 0.3, 1.0, 0.5, 0.4, 1.3, 0.7
    cov_u = delta * cov_w / var_w * var_u
    var_x = 1.5
    var_y = b**2 * var_x + var_w + var_u + 2 * b * (cov_w + cov_u) + var_e
    short = b + (cov_w + cov_u) / var_x
    residual_x = var_x - cov_w**2 / var_w
    long = b + cov_u / residual_x
    cov_xy = b * var_x + cov_w + cov_u
    short_r2 = cov_xy**2 / var_x / var_y
    # regress y on x and w: explained = slopes' covariances with y
    on_w = (b * cov_w + var_w - long * cov_w) / var_w
    long_r2 = (long * cov_xy + on_w * (b * cov_w + var_w)) / var_y
    inputs = SelectionInputs(short, short_r2, long, long_r2, var_y, var_x, residual_x)
    r2_max = 1 - var_e / var_y
    assert selection_delta(inputs, r2_max, b) == pytest.approx(delta, rel=1e-9)
    slopes = selection_slopes(inputs, r2_max, delta)
    assert min(abs(slope - b) for slope in slopes) < 1e-9


def test_oster_from_data() -> None:
    x, controls, _, y, effects = confounded()
    found = oster_selection(x, controls, y, effects)
    short = absorbed_ols(x[:, None], y, effects)
    long = absorbed_ols(np.column_stack([x, controls]), y, effects)
    given_ = found.inputs
    assert (given_.short_slope, given_.long_slope) == pytest.approx(
        (short.coefficients[0], long.coefficients[0])
    )
    # omitted-variable identity: short R2 is the squared correlation within the effects
    within = effects.within(np.column_stack([x, y]))
    r = np.corrcoef(within.T)[0, 1]
    assert given_.short_r2 == pytest.approx(r**2, rel=1e-9)
    assert found.r2_max == pytest.approx(min(1.3 * long.r2_within, 1.0))
    assert selection_delta(given_, found.r2_max, found.adjusted) == pytest.approx(1.0)
    assert found.figure().height == 40
    assert "times as important" in found.sentence
    with pytest.raises(ValueError, match="R2 max"):
        oster_selection(x, controls, y, effects, r2_max=0.01)


def test_adjusted_slope_is_the_regression_with_the_omitted_variable() -> None:
    x, controls, omitted, y, effects = confounded(3)
    short = robustness_of(x, controls, y, effects, ("a", "b"))
    full = robustness_of(x, np.column_stack([controls, omitted]), y, effects, ("a", "b", "z"))
    long = absorbed_ols(np.column_stack([x, controls, omitted]), y, effects)
    dof = full.dof
    exposure = absorbed_ols(np.column_stack([controls, omitted]), x, effects)

    def r2_of(column: int, fit_dof: float, which: str) -> float:
        fit = long if which == "y" else exposure
        error = math.sqrt(
            fit.bread[column, column] * float(fit.residuals @ fit.residuals) / fit_dof
        )
        return partial_r2(float(fit.coefficients[column]) / error, fit_dof)

    r2_y, r2_x = r2_of(3, dof, "y"), r2_of(2, dof + 1, "x")
    estimate, error = adjusted_slope(short.estimate, short.std_error, short.dof, r2_x, r2_y)
    assert estimate == pytest.approx(full.estimate, rel=1e-9)
    assert error == pytest.approx(full.std_error, rel=1e-9)


def test_robustness_value_is_where_the_estimate_vanishes() -> None:
    found = robustness(0.5, 0.1, 200)
    rv = found.robustness_value
    assert adjusted_slope(0.5, 0.1, 200, rv, rv)[0] == pytest.approx(0.0, abs=1e-12)
    half = robustness(0.5, 0.1, 200, q=0.5).robustness_value
    assert adjusted_slope(0.5, 0.1, 200, half, half)[0] == pytest.approx(0.25)
    edge = found.robustness_value_alpha
    estimate, error = adjusted_slope(0.5, 0.1, 200, edge, edge)
    assert estimate / error == pytest.approx(stats.t.isf(0.025, 199), rel=1e-9)
    assert robustness(0.1, 0.1, 200).robustness_value_alpha == 0.0
    assert found.partial_r2 == pytest.approx(25 / 225)
    assert "insignificant" in found.sentence
    grid = found.figure(5)
    assert grid.height == 25
    assert grid["estimate"][0] == 0.5


def test_impossible_confounders_are_refused() -> None:
    found = robustness(0.5, 0.1, 200)
    with pytest.raises(ValueError, match="3 times as strong as size"):
        benchmark_bound(found, "size", 0.4, 0.1, 3.0)
    bound = benchmark_bound(found, "size", 0.1, 0.9, 2.0)
    assert bound.r2_y == 1.0
    assert bound.std_error == 0.0


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-3, 1e3), flip=st.booleans())
def test_units_and_sign_do_not_matter(scale: float, flip: bool) -> None:
    x, controls, _, y, effects = confounded(1)
    factor = -scale if flip else scale
    base = robustness_of(x, controls, y, effects, ("a", "b"), ("a",))
    moved = robustness_of(factor * x, controls, y, effects, ("a", "b"), ("a",))
    assert moved.estimate * factor == pytest.approx(base.estimate, rel=1e-8)
    assert moved.robustness_value == pytest.approx(base.robustness_value, rel=1e-8)
    assert moved.bounds[2].estimate * factor == pytest.approx(base.bounds[2].estimate, rel=1e-7)
    one, two = (oster_selection(z, controls, y, effects) for z in (x, factor * x))
    assert two.delta == pytest.approx(one.delta, rel=1e-7)
    assert two.adjusted * factor == pytest.approx(one.adjusted, rel=1e-7)


def test_power_and_detectable_effect() -> None:
    assert minimum_detectable_effect(0.05) == pytest.approx(0.14)
    assert detectable_effect(1.0, np.inf) == pytest.approx(
        stats.norm.ppf(0.975) + stats.norm.ppf(0.8), abs=1e-4
    )
    assert power_at(0.0, 0.3, 20) == pytest.approx(0.05, abs=1e-9)
    effect = detectable_effect(0.2, 12, alpha=0.1, power=0.9)
    assert power_at(effect, 0.2, 12, alpha=0.1) == pytest.approx(0.9, abs=1e-9)
    assert power_at(0.5, 0.2, 12) == pytest.approx(
        stats.nct.sf(stats.t.isf(0.025, 12), 12, 2.5)
        + stats.nct.cdf(-stats.t.isf(0.025, 12), 12, 2.5)
    )
    rng = np.random.default_rng(1)
    z, s = rng.normal(effect / 0.2, 1, 100_000), rng.chisquare(12, 100_000)
    rejected = np.abs(z / np.sqrt(s / 12)) > stats.t.isf(0.05, 12)
    assert rejected.mean() == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 100_000))
    curve = power_curve(0.2, 12)
    assert (np.diff(curve["power"].to_numpy()) > 0).all()
    with pytest.raises(ValueError, match="a power of"):
        detectable_effect(1.0, 10, power=0.04)


def test_equivalence() -> None:
    shown = equivalence_test(0.01, 0.02, 0.06)
    assert shown.p_value == pytest.approx(stats.norm.sf(2.5))
    assert shown.equivalent
    assert shown.high == pytest.approx(0.01 + 1.6448536 * 0.02)
    assert shown.testable
    open_ = equivalence_test(0.01, 0.02, 0.04)
    assert not open_.equivalent
    assert not open_.testable
    assert "not testable" in open_.sentence
    # 1.6449 + 1.2816 standard errors are needed
    assert equivalence_test(0.0, 1.0, 2.93).testable
    assert not equivalence_test(0.0, 1.0, 2.92).testable
    found = equivalence_test(-0.3, 0.1, 0.5, dof=10)
    assert found.p_value == pytest.approx(stats.t.sf(2.0, 10))
    with pytest.raises(ValueError, match="must be positive"):
        equivalence_test(0.1, 0.1, 0.0)


@settings(max_examples=50, deadline=None)
@given(estimate=st.floats(-1, 1), error=st.floats(0.01, 1), bound=st.floats(0.01, 1))
def test_equivalence_is_the_interval_inside_the_bounds(
    estimate: float, error: float, bound: float
) -> None:
    found = equivalence_test(estimate, error, bound, dof=40)
    mirrored = equivalence_test(-estimate, error, bound, dof=40)
    assert mirrored.p_value == pytest.approx(found.p_value, rel=1e-9, abs=1e-300)
    if abs(found.p_value - 0.05) > 1e-9:
        assert found.equivalent == (-bound < found.low and found.high < bound)
