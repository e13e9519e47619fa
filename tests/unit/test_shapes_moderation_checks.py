"""Regions with a false discovery rate, bins, kernel, double demeaning, three-way products."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tertius.claims.claim_test import ClaimTest
from tertius.claims.findings import find
from tertius.estimate import NotEstimable
from tertius.shapes import (
    binned_moderation,
    double_demeaned_check,
    fdr_critical_t,
    kernel_moderation,
    marginal_effects_at,
    moderation_test,
    significance_regions,
    three_way_test,
)
from tests.shape_worlds import fit, panel, product_world, relabelled

PRODUCT = "x z x:z"
ALL_PRODUCTS = "x z w x:z x:w w:z w:x:z"


def test_fdr_critical_value_by_hand() -> None:
    # p = .001, .019, .035, .5: alpha k / m = .0125, .025, .0375, .05 -> k = 3
    p = np.array([0.5, 0.001, 0.035, 0.019])
    t = stats.norm.isf(p / 2)
    critical, k = fdr_critical_t(t, np.ones(4), math.inf)
    assert k == 3
    assert critical == pytest.approx(stats.norm.isf(0.0375 / 2))
    # one effect more that is nil leaves two: .035 > .03
    critical, k = fdr_critical_t(np.r_[t, 0.0], np.ones(5), math.inf)
    assert (k, critical) == (2, pytest.approx(stats.norm.isf(0.02 / 2)))
    critical, k = fdr_critical_t(np.zeros(4), np.ones(4), math.inf)
    assert (k, critical) == (0, pytest.approx(stats.norm.isf(0.0125 / 2)))


def test_everywhere_significant_keeps_the_usual_value() -> None:
    critical, k = fdr_critical_t(np.full(9, 50.0), np.ones(9), 40.0)
    assert (k, critical) == (9, pytest.approx(stats.t.isf(0.025, 40)))


def test_regions_bound_the_significant_values() -> None:
    estimate = fit(product_world(1), PRODUCT)
    found = significance_regions(estimate, "x", "z")
    assert found.t_fdr >= found.t_usual
    assert {r.sign for r in found.in_data} == {"negative", "positive"}
    # the planted effect .2 + .2 (z - 2) is 0 at z = 1
    negative, positive = found.in_data
    assert negative.high < 1.0 < positive.low
    z = estimate.values("z")
    points = np.unique(np.quantile(np.unique(z), np.linspace(0, 1, 200)))
    inside = (points <= negative.high) | (points >= positive.low)
    assert found.significant == inside.sum()


def test_bins_of_a_linear_product() -> None:
    found = binned_moderation(fit(product_world(2, n_firms=300), PRODUCT), "x", "z")
    for one in found.bins:
        planted = 0.2 + 0.2 * (one.median - 2)
        assert abs(one.effect - planted) < 3.5 * one.std_error
    assert found.p_linear > 0.05
    assert found.monotone
    assert found.curve.height == 3


@pytest.mark.parametrize("outcome", ["y", "count"])
def test_bins_refuse_a_bent_effect(outcome: str) -> None:
    frame = product_world(3, b3=0.0, n_firms=300)
    rng = np.random.default_rng(3)
    index = 0.3 * (frame["x"] - 1) * (frame["z"] - 2) ** 2
    noise = pl.Series(rng.normal(0, 0.5, frame.height))
    count = pl.Series(rng.poisson(np.exp(np.minimum(index.to_numpy(), 4))).astype(float))
    frame = frame.with_columns(y=index + noise, count=count)
    found = binned_moderation(fit(frame, PRODUCT, outcome), "x", "z")
    assert found.p_linear < 0.001
    assert not found.monotone
    with pytest.raises(NotEstimable, match="not a term"):
        binned_moderation(fit(frame, "x z", outcome), "x", "z")


@pytest.mark.parametrize("outcome", ["y", "count"])
def test_kernel_follows_the_planted_effect(outcome: str) -> None:
    found = kernel_moderation(fit(product_world(4, n_firms=300), PRODUCT, outcome), "x", "z")
    planted = 0.2 + 0.2 * (found["z"].to_numpy() - 2)
    miss = np.abs(found["effect"].to_numpy() - planted) / found["std_error"].to_numpy()
    assert np.median(miss) < 2
    assert miss.max() < 4
    assert found["weight"].max() == 1.0
    assert (found["linear"] - planted).abs().max() < 0.12


def test_very_wide_kernel_is_the_product_model() -> None:
    estimate = fit(product_world(5), PRODUCT)
    found = kernel_moderation(estimate, "x", "z", bandwidth=1e4)
    assert found["effect"].to_numpy() == pytest.approx(found["linear"].to_numpy(), abs=1e-6)
    b1, b3 = estimate.coefficient("x"), estimate.coefficient("x:z")
    slope = b1 + b3 * (found["z"].to_numpy() - estimate.variables["z"].centre)
    assert found["linear"].to_numpy() == pytest.approx(slope, abs=1e-9)


def between_world(seed: int) -> pl.DataFrame:
    """The effect of x grows with the firm's mean of z, not with z within the firm."""
    rng = np.random.default_rng(seed)
    n_firms, n = 300, 1800
    level = np.repeat(rng.normal(0, 1, n_firms), 6)
    x, z = rng.normal(size=n), level + rng.normal(size=n)
    y = 0.5 * x * level + rng.normal(0, 0.5, n)
    return panel({"x": x, "z": z, "y": y}, n_firms)


def test_double_demeaned_product_tells_within_from_between() -> None:
    found = double_demeaned_check(fit(between_world(1), PRODUCT), "x", "z")
    assert found.plain > 0.15
    assert abs(found.within) < 3 * found.within_error
    assert found.p_difference < 1e-6
    honest = double_demeaned_check(fit(product_world(6, n_firms=300), PRODUCT), "x", "z")
    assert honest.within == pytest.approx(0.2, abs=0.07)
    assert honest.p_difference > 0.01


def test_double_demeaning_by_hand() -> None:
    frame = product_world(7, n_firms=30)
    estimate = fit(frame, PRODUCT)
    gap = [pl.col(c) - pl.col(c).mean().over("org_id") for c in ("x", "z")]
    made = frame.with_columns((gap[0] * gap[1]).alias("p"), pl.lit("ok").alias("p_status"))
    direct = fit(made, "x z p")
    found = double_demeaned_check(estimate, "x", "z")
    assert found.within == pytest.approx(direct.coefficient("p"), rel=1e-9)
    fixed = frame.with_columns(pl.col("z").mean().over("org_id"))
    with pytest.raises(NotEstimable, match="does not vary within firms"):
        double_demeaned_check(fit(fixed, "x x:z z"), "x", "z")


@pytest.mark.parametrize("outcome", ["y", "count"])
def test_effects_at_chosen_values(outcome: str) -> None:
    estimate = fit(product_world(11), PRODUCT, outcome)
    index, counted = marginal_effects_at(estimate, "x", "z", {"low": 0.0, "high": 4.0})
    assert [effect.z for effect in index] == [0.0, 4.0]
    gap = index[1].effect - index[0].effect
    assert gap == pytest.approx(4 * estimate.coefficient("x:z"))
    assert len(counted) == (2 if outcome == "count" else 0)
    if counted:
        found = moderation_test(estimate, "x", "z").count_effects
        at_mean = marginal_effects_at(estimate, "x", "z", {"mean": estimate.variables["z"].mean})
        assert at_mean[1][0].effect == pytest.approx(found[1].effect)
        assert at_mean[1][0].std_error == pytest.approx(found[1].std_error)


def test_three_way_product_and_corners() -> None:
    estimate = fit(product_world(8, n_firms=300), ALL_PRODUCTS)
    found = three_way_test(estimate, "x", "z", "w", sign="+")
    assert found.holds
    assert found.estimate == pytest.approx(0.3, abs=0.04)
    slopes = {(c.z, c.w): c.slope.value for c in found.corners}
    for (z, w), slope in slopes.items():
        dz, dw = (1 if z == "high" else -1), (1 if w == "high" else -1)
        assert slope == pytest.approx(0.2 + 0.2 * dz + 0.3 * dz * dw, abs=0.1)
    assert len(found.differences) == 6
    one = found.differences[0]
    assert one.difference.value == pytest.approx(slopes["low", "high"] - slopes["low", "low"])
    assert math.isnan(found.ratio)
    counted = three_way_test(fit(product_world(8), ALL_PRODUCTS, "count"), "x", "z", "w", sign="+")
    assert counted.ratio == pytest.approx(math.exp(counted.estimate))
    assert not counted.holds


def test_relabelled_firms_change_nothing() -> None:
    frame = product_world(9, n_firms=40)
    first, second = (fit(f, PRODUCT) for f in (frame, relabelled(frame)))
    one, two = binned_moderation(first, "x", "z"), binned_moderation(second, "x", "z")
    assert two.p_linear == pytest.approx(one.p_linear, rel=1e-7)
    assert significance_regions(second, "x", "z").t_fdr == pytest.approx(
        significance_regions(first, "x", "z").t_fdr, rel=1e-9
    )


def test_scale_and_shift_of_the_moderator() -> None:
    frame = product_world(10, n_firms=60)
    moved = frame.with_columns(pl.col("z") * 4 - 7)
    one, two = (binned_moderation(fit(f, PRODUCT), "x", "z") for f in (frame, moved))
    for a, b in zip(one.bins, two.bins, strict=True):
        assert b.median == pytest.approx(4 * a.median - 7)
        assert b.effect == pytest.approx(a.effect, rel=1e-8)
    assert two.p_linear == pytest.approx(one.p_linear, rel=1e-6)


def test_a_claim_names_a_three_way_product() -> None:
    estimate = fit(product_world(8, n_firms=300), ALL_PRODUCTS)
    test = ClaimTest("three_way", "m", terms=("w:x:z",), side="greater")
    found = find(test, estimate, 0.05, "c")
    assert found.direction == "expected"
    assert found.effects[0].share != 0
