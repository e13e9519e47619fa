"""Groups, permutation, comparisons on a scale, stages, complementarity, necessity."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tertius.arrays import BoolArray
from tertius.claims.claim_test import ClaimTest
from tertius.claims.findings import find
from tertius.estimate import Estimate, NotEstimable
from tertius.shapes import (
    block_gain_test,
    block_test,
    coefficient_comparison_test,
    complementarity_test,
    first_year_groups,
    fisher_permutation,
    group_difference_test,
    matched_pattern_test,
    necessary_condition_test,
    necessity,
    residual_correlation,
    scaled_contrast,
    stage_difference_test,
    superadditivity_test,
)
from tertius.shapes.groups import welch_dof
from tertius.shapes.necessary import bottleneck_table, line_effect, peers, step_effect
from tertius.terms import TermError, crossed_products
from tests.shape_worlds import fit, panel, relabelled

# ---- groups and permutation


def slopes_apart(first: BoolArray) -> tuple[float, float]:
    """Slope of the worked six rows in one part less the other's, with no error given."""
    x, y = np.array([1, 2, 3, 1, 2, 3.0]), np.array([1, 3, 5, 2, 2.5, 3.0])
    one, two = (np.polyfit(x[part], y[part], 1)[0] for part in (first, ~first))
    return float(one - two), 1.0


def test_worked_permutation() -> None:
    first = np.array([True, True, True, False, False, False])
    found = fisher_permutation(slopes_apart, first, studentise=False, exact_up_to=20)
    assert found.exact
    assert len(found.draws) == 20
    assert found.observed == pytest.approx(1.5)
    assert found.p_greater == pytest.approx(0.20)
    assert found.p_two_sided == pytest.approx(0.40)


def test_random_relabelings_near_the_exact_ones() -> None:
    first = np.array([True, True, True, False, False, False])
    found = fisher_permutation(slopes_apart, first, studentise=False, draws=4000, seed=2)
    assert not found.exact
    assert found.p_two_sided == pytest.approx(0.40, abs=0.03)
    with pytest.raises(NotEstimable, match="empty"):
        fisher_permutation(slopes_apart, np.ones(6, dtype=bool))


def group_world(seed: int, gap: float = 0.4, n_firms: int = 120, wide: float = 1.0) -> pl.DataFrame:
    """The slope of x is .2 + gap in firms with a size above 0, whose noise is `wide` as large."""
    rng = np.random.default_rng(seed)
    n = n_firms * 6
    size = np.repeat(rng.normal(size=n_firms), 6)
    large = size > 0
    x, z = rng.normal(size=n), rng.normal(size=n)
    index = (0.2 + gap * large) * x + 0.3 * z
    columns = {
        "x": x,
        "z": z,
        "size": size + 0.01 * rng.normal(size=n),
        "large": large.astype(float),
        "y": index + rng.normal(size=n) * np.where(large, wide, 1.0),
        "count": rng.poisson(np.exp(index)).astype(float),
    }
    return panel(columns, n_firms)


def large_firms(frame: pl.DataFrame) -> dict[str, bool]:
    return dict(frame.group_by("org_id").agg(pl.col("large").first() > 0).iter_rows())


@pytest.mark.parametrize("outcome", ["y", "count"])
def test_separate_fits_are_the_fully_interacted_model(outcome: str) -> None:
    frame = group_world(1)
    found = group_difference_test(fit(frame, "x z", outcome), "x", large_firms(frame), draws=99)
    flag = pl.col("large")
    made = frame.with_columns(
        *((pl.col(v) * flag).alias(f"{v}1") for v in "xz"),
        *(pl.lit("ok").alias(f"{v}1_status") for v in "xz"),
        half=flag.cast(pl.String),
    )
    pooled = fit(
        made, "x1 z1 x z", outcome, effects=["org_id", "half:year"], se_convention="no_factor"
    )
    apart = fit(frame, "x z", outcome, se_convention="no_factor")
    plain = group_difference_test(apart, "x", large_firms(frame), draws=9)
    assert found.interacted.value == pytest.approx(pooled.coefficient("x1"), rel=1e-8)
    assert plain.interacted.value == pytest.approx(pooled.coefficient("x1"), rel=1e-8)
    error = pooled.std_errors[pooled.index("x1")]
    assert plain.interacted.std_error == pytest.approx(error, rel=1e-8)
    places = [pooled.index(t) for t in ("x1", "z1")]
    b, v = pooled.coefficients[places], pooled.covariance[np.ix_(places, places)]
    assert plain.joint.statistic == pytest.approx(b @ np.linalg.solve(v, b) / 2, rel=1e-7)


def test_degrees_of_freedom_of_a_difference() -> None:
    assert welch_dof([1.0, 1.0], [9.0, 9.0]) == pytest.approx(18.0)
    assert welch_dof([9.0, 1e-9], [29.0, 89.0]) == pytest.approx(29.0)


@pytest.mark.parametrize("outcome", ["y", "count"])
def test_planted_difference_is_found(outcome: str) -> None:
    frame = group_world(2)
    found = group_difference_test(
        fit(frame, "x z", outcome), "x", large_firms(frame), sign="+", draws=499
    )
    assert found.holds
    assert found.interacted.value == pytest.approx(0.4, abs=0.12)
    assert found.p_value == pytest.approx(1 / 500)
    assert found.permutation.studentised
    wrong = group_difference_test(
        fit(frame, "x z", outcome), "x", large_firms(frame), sign="-", draws=199
    )
    assert wrong.opposite
    assert not wrong.holds
    none = group_world(3, gap=0.0)
    equal = group_difference_test(fit(none, "x z", outcome), "x", large_firms(none), draws=199)
    assert equal.decision == "none"


def test_groups_fixed_in_the_first_year() -> None:
    frame = group_world(4, n_firms=30)
    estimate = fit(frame, "x z size")
    groups = first_year_groups(estimate, "size", cut=0.0)
    first = frame.sort("org_id", "year").group_by("org_id", maintain_order=True).first()
    assert groups == dict(first.select("org_id", pl.col("size") > 0).iter_rows())
    by_median = first_year_groups(estimate, "size")
    assert sum(by_median.values()) == 15
    with pytest.raises(NotEstimable, match="does not split"):
        first_year_groups(estimate, "size", cut=99.0)


def test_median_within_entry_cohorts() -> None:
    frame = group_world(5, n_firms=40)
    late = pl.col("org_id") >= "f0020"
    frame = frame.filter(~late | (pl.col("year") >= 2002))
    frame = frame.with_columns(size=pl.col("size") + pl.when(late).then(100.0).otherwise(0.0))
    estimate = fit(frame, "x z size")
    within = first_year_groups(estimate, "size")
    overall = first_year_groups(estimate, "size", within_cohort=False)
    assert sum(v for k, v in within.items() if k >= "f0020") == 10
    assert sum(v for k, v in overall.items() if k >= "f0020") == 20


def test_groups_that_cut_clusters_are_refused() -> None:
    frame = group_world(6, n_firms=30).with_columns(
        region=(pl.col("org_id").str.slice(1).cast(pl.Int32) % 5).cast(pl.String)
    )
    estimate = fit(frame, "x z", cluster="region")
    with pytest.raises(NotEstimable, match="firms of both groups"):
        group_difference_test(estimate, "x", large_firms(frame), draws=9)


def test_relabelled_firms_give_the_same_difference() -> None:
    frame = group_world(7, n_firms=40)
    one, two = (
        group_difference_test(fit(f, "x z"), "x", large_firms(f), draws=199)
        for f in (frame, relabelled(frame))
    )
    assert two.interacted.value == pytest.approx(one.interacted.value, rel=1e-9)
    assert two.interacted.std_error == pytest.approx(one.interacted.std_error, rel=1e-9)
    assert two.p_value == one.p_value


# ---- comparisons on a scale


def several(seed: int, n_firms: int = 200) -> pl.DataFrame:
    """Effects per unit: a .5 (sd 1), b .1 (sd 10), a p .3, b q .3, a q 0, b p 0."""
    rng = np.random.default_rng(seed)
    n = n_firms * 6
    a, p, q = rng.normal(size=n), rng.normal(size=n), rng.normal(size=n)
    b = 10 * rng.normal(size=n)
    index = 0.5 * a + 0.1 * b + 0.3 * a * p + 0.03 * b * q
    columns = {
        "a": a,
        "b": b,
        "p": p,
        "q": q,
        "c": rng.lognormal(0, 0.5, n),
        "y": index + rng.normal(size=n) + 20,
        "count": rng.poisson(np.exp(0.3 * index)).astype(float),
    }
    return panel(columns, n_firms)


PATTERN = "a b p q a:p b:q a:q b:p"


def test_the_scale_decides_which_is_larger() -> None:
    estimate = fit(several(1), "a b")
    raw = coefficient_comparison_test(estimate, "a", "b", scale="raw")
    assert raw.decision == "positive"
    assert raw.estimate == pytest.approx(0.4, abs=0.06)
    scaled = coefficient_comparison_test(estimate, "a", "b")
    assert scaled.decision == "negative"
    assert scaled.opposite
    assert scaled.estimate == pytest.approx((0.5 - 1.0) * math.sqrt(5 / 6), abs=0.08)
    b, v = estimate.coefficients, estimate.covariance
    assert raw.std_error == pytest.approx(math.sqrt(v[0, 0] + v[1, 1] - 2 * v[0, 1]), rel=1e-9)
    assert raw.statistic == pytest.approx((b[0] - b[1]) / raw.std_error)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 100), st.floats(-10, 10))
def test_standardised_comparison_knows_no_units(scale: float, shift: float) -> None:
    frame = several(2, n_firms=30)
    moved = frame.with_columns(pl.col("b") * scale + shift)
    one, two = (coefficient_comparison_test(fit(f, "a b"), "a", "b") for f in (frame, moved))
    assert two.estimate == pytest.approx(one.estimate, rel=1e-6)
    assert two.p_value == pytest.approx(one.p_value, rel=1e-5)


def test_elasticities() -> None:
    frame = several(3)
    counted = fit(frame, "a log1p(c)", "count")
    made = scaled_contrast({"m": counted}, [("m", "log1p(c)", 1.0)], scale="elasticity", sign=None)
    c = frame["c"].to_numpy()
    assert made.parts[0].scale == pytest.approx((c / (1 + c)).mean())
    linear = fit(frame, "a c")
    made = scaled_contrast({"m": linear}, [("m", "c", 1.0)], scale="elasticity", sign=None)
    assert made.parts[0].scale == pytest.approx(c.mean() / frame["y"].mean())
    for terms, term in (("a b a:b", "a:b"), ("a asinh(c)", "asinh(c)")):
        with pytest.raises(NotEstimable):
            scaled_contrast({"m": fit(frame, terms)}, [("m", term, 1.0)], scale="elasticity")
    with pytest.raises(ValueError, match="unknown scale"):
        scaled_contrast({"m": linear}, [("m", "c", 1.0)], scale="cubits")


def test_contrast_across_models_uses_their_joint_influence() -> None:
    frame = several(4)
    models = {"y": fit(frame, "a b"), "again": fit(frame, "a b")}
    same = scaled_contrast(models, [("y", "a", 1.0), ("again", "b", -1.0)], scale="raw")
    one = coefficient_comparison_test(models["y"], "a", "b", scale="raw")
    assert same.std_error == pytest.approx(one.std_error, rel=1e-9)
    assert same.p_value == pytest.approx(one.p_value, rel=1e-6)
    assert same.hypothesis("h", models["y"]).statistic == pytest.approx(one.statistic)


def test_matched_pattern() -> None:
    estimate = fit(several(5), PATTERN)
    found = matched_pattern_test(
        {"m": estimate}, [("m", "a:p"), ("m", "b:q")], [("m", "a:q"), ("m", "b:p")]
    )
    assert found.holds
    assert found.shape == "matched_pattern"
    assert [part.weight for part in found.parts] == [0.5, 0.5, -0.5, -0.5]
    values = [part.value.value for part in found.parts]
    assert found.estimate == pytest.approx(np.mean(values[:2]) - np.mean(values[2:]))
    assert crossed_products(("a:p", "b:q")) == (("a:p", "b:q"), ("a:q", "b:p"))
    with pytest.raises(TermError, match="two products"):
        crossed_products(("a:p",))


def test_superadditivity_and_blocks() -> None:
    rng = np.random.default_rng(6)
    n = 200 * 6
    state = rng.integers(0, 4, n)
    flags = {f"s{j}": (state == j).astype(float) for j in (1, 2, 3)}
    y = np.array([0.0, 0.3, 0.4, 1.2])[state] + rng.normal(size=n)
    frame = panel({**flags, "noise": rng.normal(size=n), "y": y}, 200)
    estimate = fit(frame, "s1 s2 s3 noise")
    found = superadditivity_test(estimate, "s3", ["s1", "s2"])
    assert found.holds
    assert found.estimate == pytest.approx(0.5, abs=0.25)
    block = block_test(estimate, ["s1", "s2", "s3"])
    assert (block.restrictions, block.gain > 0) == (3, True)
    assert block.p_value < 1e-6
    idle = block_test(estimate, ["noise"])
    assert idle.p_value > 0.05
    assert idle.gain < 3 * idle.gain_error
    b = estimate.coefficients[[estimate.index(f"s{j}") for j in (1, 2, 3)]]
    v = estimate.covariance[:3, :3]
    assert block.statistic == pytest.approx(b @ np.linalg.solve(v, b) / 3, rel=1e-8)


def test_a_block_adds_with_effects_of_a_stated_sum() -> None:
    rng = np.random.default_rng(8)
    x, z, noise, other = rng.normal(size=(4, 1200))
    y = 0.3 * x - 0.2 * z + rng.normal(size=1200)
    frame = panel({"x": x, "z": z, "noise": noise, "other": other, "y": y}, 200)
    estimate = fit(frame, "x z noise other")
    known = estimate.variables
    found = block_gain_test(estimate, ["x", "z"], "+")
    sizes = np.array([known[name].sd_within for name in ("x", "z")])
    b, v = estimate.coefficients[:2], estimate.covariance[:2, :2]
    assert found.estimate == pytest.approx(sizes @ b)
    assert found.estimate == pytest.approx(0.1 * math.sqrt(5 / 6), abs=0.08)
    assert found.joint.statistic == pytest.approx(b @ np.linalg.solve(v, b) / 2)
    assert found.joint.p_value < 1e-6
    # the sum is weaker than the block: it decides where a sign is stated
    t = found.estimate / math.sqrt(sizes @ v @ sizes)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), estimate.dof))
    assert found.hypothesis("h", estimate).statistic == pytest.approx(abs(t), rel=1e-6)
    either = block_gain_test(estimate, ["x", "z"])
    assert either.holds
    assert either.p_value == found.joint.p_value
    turned = block_gain_test(estimate, ["x", "z"], "-")
    assert (turned.holds, turned.opposite) == (False, found.holds)
    idle = block_gain_test(estimate, ["noise", "other"])
    assert idle.decision == "none"
    assert idle.p_value > 0.05


# ---- stages


def stage_model(effect: tuple[float, ...], outcome: str = "y", seed: int = 7) -> Estimate:
    rng = np.random.default_rng(seed)
    n = 200 * 6
    stage = np.minimum(np.tile(np.arange(6), 200) // 2 + rng.integers(0, 2, n), 3)
    flags = {f"late{j}": (stage == j).astype(float) for j in (1, 2, 3)}
    y = np.array([0.0, *effect])[stage] + rng.normal(size=n)
    return fit(panel({**flags, outcome: y}, 200), "late1 late2 late3", outcome)


STAGES = ("late1", "late2", "late3")


def test_stages_that_rise() -> None:
    found = stage_difference_test(stage_model((0.3, 0.6, 1.2)), STAGES, base="early", sign="+")
    assert found.holds
    assert found.monotone
    assert [step.before for step in found.adjacent] == ["early", "late1", "late2"]
    assert sum(step.difference.value for step in found.adjacent) == pytest.approx(found.estimate)
    assert found.curve["stage"].to_list() == ["early", *STAGES]
    none = stage_difference_test(stage_model((0.0, 0.0, 0.0)), STAGES)
    assert none.decision == "none"
    # the family sees the p of the joint test
    estimate = stage_model((0.1, 0.2, 0.1))
    shown = stage_difference_test(estimate, STAGES)
    t = shown.hypothesis("h", estimate).statistic
    assert 2 * stats.t.sf(abs(t), estimate.dof) == pytest.approx(shown.joint.p_value)


def test_outcomes_that_define_stages_are_refused() -> None:
    estimate = stage_model((0.3, 0.6, 1.2), outcome="psize")
    with pytest.raises(NotEstimable, match="stages are defined by psize") as raised:
        stage_difference_test(estimate, STAGES)
    assert raised.value.reason_code == "circular"
    assert stage_difference_test(estimate, STAGES, sources=("age",)).decision == "positive"


# ---- complementarity


def practices(seed: int, product: float, joint: float = 0.0, binary: bool = True) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = 200 * 6
    common = rng.normal(size=n)
    a, b = (joint * common + rng.normal(size=n) for _ in range(2))
    if binary:
        a, b = (a > 0).astype(float), (b > 0).astype(float)
    index = 0.3 * a + 0.3 * b + product * a * b
    columns = {
        "a": a,
        "b": b,
        "z": rng.normal(size=n),
        "y": index + rng.normal(size=n),
        "count": rng.poisson(np.exp(index)).astype(float),
    }
    return panel(columns, 200)


def test_complements_in_outcome_and_adoption() -> None:
    estimate = fit(practices(8, 0.5, joint=1.0), "a b a:b z")
    found = complementarity_test(estimate, "a", "b")
    assert found.holds
    # with two-valued practices the cross difference of a linear outcome is the product
    assert found.cross_difference.value == pytest.approx(found.estimate, rel=1e-6)
    assert found.cross_difference.std_error == pytest.approx(found.std_error, rel=1e-4)
    low, one, two, both = found.corners
    assert both - one - two + low == pytest.approx(found.cross_difference.value)
    assert found.adoption.correlation == pytest.approx(1 / 3, abs=0.06)
    assert found.adoption.slope.p_two_sided < 1e-6
    apart = residual_correlation(fit(practices(9, 0.5), "a b a:b z"), "a", "b")
    assert abs(apart.correlation) < 0.07


def test_residual_correlation_by_hand() -> None:
    frame = practices(10, 0.2, joint=0.7, binary=False)
    found = residual_correlation(fit(frame, "a b a:b z"), "a", "b")
    left = frame
    for name in ("a", "b", "z"):
        x = pl.col(name)
        # the panel is balanced: both means out, the grand mean in
        own = x - x.mean().over("org_id") - x.mean().over("year") + x.mean()
        left = left.with_columns(own.alias(f"{name}w"))
    z = left["zw"].to_numpy()
    rest = [v - z * (v @ z) / (z @ z) for v in (left["aw"].to_numpy(), left["bw"].to_numpy())]
    assert found.correlation == pytest.approx(np.corrcoef(*rest)[0, 1], rel=1e-8)


def test_counts_may_be_supermodular_without_a_product() -> None:
    # E[y] = exp(.3 a + .3 b): no product on the index, yet (e^.3 - 1)^2 > 0 on the outcome
    found = complementarity_test(fit(practices(11, 0.0), "a b a:b z", "count"), "a", "b")
    assert found.decision == "none"
    low, one, two, both = found.corners
    planted = low * math.expm1(0.3) ** 2
    gap = found.cross_difference
    assert abs(gap.value - planted) < 3 * gap.std_error
    assert both / one == pytest.approx(two / low * math.exp(found.estimate), rel=1e-6)
    substitutes = complementarity_test(
        fit(practices(12, -0.6), "a b a:b z", "count"), "a", "b", sign="-"
    )
    assert substitutes.holds


# ---- necessary conditions

X = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
Y = np.array([1.0, 0.0, 3.0, 2.0, 5.0])


def test_a_practice_that_few_have_is_high_in_an_outer_tail() -> None:
    rng = np.random.default_rng(12)
    a = np.where(rng.uniform(size=1200) < 0.15, rng.uniform(1, 2, 1200), 0.0)
    b = rng.normal(size=1200)
    frame = panel({"a": a, "b": b, "y": a * b + rng.normal(size=1200)}, 200)
    found = complementarity_test(fit(frame, "a b a:b"), "a", "b")
    assert (found.low[0], found.high[0]) == (0.0, pytest.approx(np.quantile(a, 0.9), abs=0.05))
    assert found.high[1] == pytest.approx(np.quantile(b, 0.75), abs=0.05)
    assert found.holds


def test_ceilings_by_hand() -> None:
    # corners (0, 1), (2, 3), (4, 5); scope 4 x 5; empty steps 2 x 4 + 2 x 2 = 12
    assert peers(X, Y).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert step_effect(X, Y) == pytest.approx(12 / 20)
    # the line y = 1 + x through the corners leaves a triangle of 4 x 4 / 2
    assert line_effect(X, Y) == pytest.approx(8 / 20)
    table = bottleneck_table(X, Y)
    assert table["y_percent"].to_list() == list(range(0, 101, 10))
    # y = 2.5 (50 %) needs x = 2 of 4 by the steps and 1.5 by the line; y = 1 (20 %) needs nothing
    assert table["ce_fdh"].to_list()[5] == pytest.approx(50.0)
    assert table["cr_fdh"].to_list()[5] == pytest.approx(37.5)
    assert table["ce_fdh"].to_list()[2] is None
    assert table["cr_fdh"].to_list()[10] == pytest.approx(100.0)


def test_line_cut_to_the_scope() -> None:
    # corners (0, 0) and (1, 4), scope [0, 2] x [0, 4]: y = 4 x reaches the top at x = 1
    x, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 4.0, 1.0])
    assert line_effect(x, y) == pytest.approx(2 / 8)
    assert step_effect(x, y) == pytest.approx(4 / 8)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 50), st.floats(-20, 20), st.integers(0, 500))
def test_effect_sizes_know_no_units(scale: float, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.round(rng.uniform(0, 10, 30), 1)
    y = np.round(rng.uniform(0, 10, 30), 1)
    for effect in (step_effect, line_effect):
        assert effect(x * scale + shift, y) == pytest.approx(effect(x, y), abs=1e-7)
        assert effect(x, y * scale + shift) == pytest.approx(effect(x, y), abs=1e-7)
        assert 0 <= effect(x, y) <= 1


def test_steps_against_brute_force() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(size=15), rng.uniform(size=15)
    grid = np.linspace(x.min(), x.max(), 200_001)[1:]
    heights = [y.max() - y[x <= at].max() for at in grid[::100]]
    share = np.mean(heights) / (y.max() - y.min())
    assert step_effect(x, y) == pytest.approx(share, abs=2e-3)


def test_necessity_is_told_from_chance() -> None:
    rng = np.random.default_rng(4)
    x = rng.uniform(size=200)
    needed = necessity(x, x * rng.uniform(size=200), draws=299)
    assert needed.holds
    assert needed.ce_fdh.p_value == pytest.approx(1 / 300)
    assert needed.cr_fdh.slope == pytest.approx(1.0, abs=0.15)
    free = necessity(x, rng.uniform(size=200), draws=299)
    assert not free.holds
    assert free.ce_fdh.p_value > 0.05
    assert json.loads(json.dumps(needed.to_dict()))["holds"] is True
    with pytest.raises(NotEstimable, match="does not vary"):
        necessity(np.ones(5), np.arange(5.0))


def test_necessity_of_a_regressor_by_firm_or_row() -> None:
    estimate = fit(several(11, n_firms=60), "a b")
    firms = necessary_condition_test(estimate, "a", draws=49)
    rows = necessary_condition_test(estimate, "a", unit="firm_year", draws=49)
    assert (firms.n, rows.n) == (60, 360)
    means = estimate.frame.group_by("org_id").agg(pl.col("y").mean()).sort("org_id")["y"]
    assert firms.points["y"].to_list() == pytest.approx(means.to_list())
    with pytest.raises(ValueError, match="unknown unit"):
        necessary_condition_test(estimate, "a", unit="region")


# ---- claims


def test_claims_name_these_tests() -> None:
    estimate = fit(several(12), PATTERN)
    made = {
        "coefficient_comparison": {"terms": ("b", "a"), "side": "greater"},
        "matched_pattern": {"terms": ("a:p", "b:q"), "side": "greater"},
        "superadditivity": {"terms": ("a", "b")},
        "complementarity": {"terms": ("a", "p"), "side": "greater"},
    }
    for shape, more in made.items():
        found = find(ClaimTest(shape, "m", **more), estimate, 0.05, shape)
        assert found.direction == "expected", shape
        assert found.hypothesis.name == shape
        assert json.dumps(found.results[0].to_dict())
    groups = find(
        ClaimTest("group_difference", "m", variable="x", moderator="size", side="greater"),
        fit(group_world(13), "x z size"),
        0.05,
        "g",
    )
    assert groups.direction == "expected"
    stages = find(
        ClaimTest("stage_difference", "m", terms=STAGES, side="greater"),
        stage_model((0.3, 0.6, 1.2)),
        0.05,
        "s",
    )
    assert [step.met for step in stages.steps] == [True, True]
