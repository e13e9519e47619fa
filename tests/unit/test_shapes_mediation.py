"""Mediation: products of paths and their intervals, kinds, counterfactuals, sensitivity."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tertius.claims.claim_test import ClaimTest
from tertius.claims.findings import find
from tertius.estimate import NotEstimable
from tertius.inference.multiple import romano_wolf
from tertius.inference.score_bootstrap import cluster_bootstrap_draws
from tertius.shapes import (
    IndirectPath,
    contrast_of_indirects,
    mediation_counterfactual,
    mediation_test,
    shared_records_check,
)
from tertius.shapes.indirect import System, indirect_effect, normal_draws, product_of
from tertius.shapes.mediation_sensitivity import indirect_at_rho, robustness_value
from tests.shape_worlds import fit, panel, path_world, relabelled

MODEL = "x w m m2"
MODERATED = "x w m x:w m:w"


def worked_system(n: int = 100_000) -> System:
    """a = .4 (.1), b = .5 (.12), independent, as many clusters as leave no skewness."""
    covariance = np.diag([0.01, 0.0144])
    rng = np.random.default_rng(1)
    theta = np.array([0.4, 0.5])
    draws = normal_draws(theta, covariance, n, rng)
    influence = np.array([[0.1, 0.0], [0.0, 0.12]])
    return System(("m|x", "y|m"), theta, covariance, influence, ("a", "b"), draws)


def test_worked_indirect_effect() -> None:
    found = indirect_effect(worked_system(), "ab", product_of([0, 1]))
    assert found.estimate == pytest.approx(0.2)
    assert found.estimate / found.std_error == pytest.approx(2.885549, abs=1e-6)
    # exact variance of the product: a^2 sb^2 + b^2 sa^2 + sa^2 sb^2
    system = worked_system(400_000)
    drawn = system.draws.prod(axis=1)
    assert drawn.var() == pytest.approx(0.004948, rel=0.01)
    assert found.monte_carlo == (pytest.approx(0.080, abs=0.003), pytest.approx(0.354, abs=0.004))
    assert found.percentile == (pytest.approx(0.080, abs=0.003), pytest.approx(0.354, abs=0.004))
    assert found.excludes_zero


def test_intervals_agree_with_scipy() -> None:
    # a row each: the pairs bootstrap of a product of two least-squares slopes
    rng = np.random.default_rng(21)
    n = 80
    x = rng.normal(size=n)
    m = 0.5 * x + rng.normal(size=n)
    y = 0.4 * m + 0.1 * x + rng.standard_t(5, size=n)
    frame = panel({"x": x, "m": m, "y": y}, n, 1)
    estimate = fit(frame, "x m", effects=[])
    ours = mediation_test(estimate, "x", ["m"], draws=8000).indirect

    def product(x: np.ndarray, m: np.ndarray, y: np.ndarray) -> float:
        one = np.ones(len(x))
        a = np.linalg.lstsq(np.column_stack([x, one]), m)[0][0]
        return float(a * np.linalg.lstsq(np.column_stack([m, x, one]), y)[0][0])

    assert ours.estimate == pytest.approx(product(x, m, y))
    sample = {"data": (x, m, y), "paired": True, "vectorized": False, "n_resamples": 3000}
    width = ours.bca[1] - ours.bca[0]
    for method, interval in (("BCa", ours.bca), ("percentile", ours.percentile)):
        theirs = stats.bootstrap(statistic=product, method=method, rng=3, **sample)
        ends = theirs.confidence_interval
        assert interval == pytest.approx((ends.low, ends.high), abs=0.06 * width), method


def test_linear_paths_add_up_to_the_total() -> None:
    found = mediation_test(fit(path_world(1), MODEL), "x", ["m", "m2"], draws=500)
    assert found.indirect.estimate + found.direct.value == pytest.approx(found.total.value)
    assert sum(e.estimate for e in found.specific) == pytest.approx(found.indirect.estimate)
    serial = mediation_test(fit(path_world(1), MODEL), "x", ["m", "m2"], serial=True, draws=500)
    assert sum(e.estimate for e in serial.specific) == pytest.approx(found.indirect.estimate)
    assert [e.name for e in serial.specific] == ["x -> m", "x -> m2", "x -> m -> m2"]


def test_planted_paths_are_found() -> None:
    found = mediation_test(
        fit(path_world(2, b2=0.0, n_firms=400), "x w m"), "x", ["m"], sign="+", draws=999
    )
    assert found.decision == "positive"
    assert found.holds
    assert found.indirect.estimate == pytest.approx(0.2, abs=0.04)
    low, high = found.indirect.bca
    assert low < 0.2 < high
    assert found.indirect.percentile == pytest.approx((low, high), abs=0.012)
    assert found.indirect.monte_carlo == pytest.approx((low, high), abs=0.012)
    used = [p.p_value for p in found.paths if (p.source, p.target) != ("x", "y")]
    assert found.p_value == pytest.approx(max(used))
    assert mediation_test(fit(path_world(2), MODEL), "x", ["m"], sign="-", draws=99).opposite


def test_serial_chain_and_contrasts() -> None:
    world = path_world(3, n_firms=400)
    found = mediation_test(fit(world, MODEL), "x", ["m", "m2"], serial=True, draws=999)
    assert found.shape == "serial_mediation"
    assert found.indirect.estimate == pytest.approx(0.4 * 0.3 * 0.3, abs=0.015)
    by_name = {path.source + path.target: path.estimate for path in found.paths}
    assert by_name["mm2"] == pytest.approx(0.3, abs=0.05)
    effects = {e.name: e.estimate for e in found.specific}
    gaps = {e.name: e.estimate for e in found.contrasts}
    assert gaps["(x -> m) less (x -> m2)"] == pytest.approx(effects["x -> m"] - effects["x -> m2"])
    assert len(gaps) == 3


def test_no_path_is_no_mediation() -> None:
    for world in (
        path_world(4, a=0.0, b2=0.0, direct=0.5),
        path_world(4, b=0.0, b2=0.0, direct=0.5),
    ):
        found = mediation_test(fit(world, "x w m"), "x", ["m"], draws=499)
        assert (found.kind, found.decision, found.holds) == ("direct_only", "none", False)
        assert math.isnan(found.proportion)


def test_kinds_of_mediation() -> None:
    def kind(direct: float, sesoi: float) -> str:
        world = path_world(5, direct=direct, b2=0.0, d=0.0, n_firms=400)
        world = world.with_columns(pl.col("y") + 10)
        return mediation_test(fit(world, "x w m"), "x", ["m"], sesoi=sesoi, draws=499).kind

    assert kind(0.4, 0.01) == "complementary"
    assert kind(-0.4, 0.01) == "competitive"
    assert kind(0.0, 0.05) == "full"
    assert kind(0.0, 0.001) == "indirect_only"


def test_full_mediation_needs_a_testable_equivalence() -> None:
    estimate = fit(path_world(5, b2=0.0), "x w m", "count")
    found = mediation_test(estimate, "x", ["m"], sesoi=0.001, draws=199)
    assert not found.equivalence.testable
    assert "equivalence not testable" in found.sentence
    bound = math.log1p(0.001) / estimate.variables["x"].sd_within
    assert found.equivalence.bound == pytest.approx(bound)
    wide = mediation_test(estimate, "x", ["m"], sesoi=0.5, draws=199)
    assert wide.equivalence.equivalent


@pytest.mark.parametrize("stage", ["first", "both"])
def test_moderated_mediation(stage: str) -> None:
    estimate = fit(path_world(6, a3=0.2, b2=0.0, n_firms=400), MODERATED)
    found = mediation_test(estimate, "x", ["m"], moderator="w", stage=stage, draws=999)
    effects = [e.estimate for e in found.conditional]
    assert effects == pytest.approx([0.2 * 0.5, 0.4 * 0.5, 0.6 * 0.5], abs=0.06)
    if stage == "both":
        assert found.index is None
    else:
        assert found.index is not None
        assert found.index.estimate == pytest.approx(0.1, abs=0.03)
        assert found.index.excludes_zero
        assert found.estimate == found.index.estimate
        assert found.decision == "positive"
        assert "index of moderated mediation x -> m by w is" in found.sentence
        sd = estimate.variables["w"].sd
        assert effects[2] - effects[1] == pytest.approx(found.index.estimate * sd)


def test_a_moderator_that_does_nothing_has_no_index() -> None:
    estimate = fit(path_world(20, a3=0.0, b2=0.0), MODERATED)
    found = mediation_test(estimate, "x", ["m"], moderator="w", sign="+", draws=499)
    assert found.indirect.excludes_zero
    assert found.kind == "indirect_only"
    assert (found.decision, found.holds) == ("none", False)
    assert found.p_value > 0.05


def test_second_stage_index_is_a_times_b3() -> None:
    estimate = fit(path_world(7, b2=0.0), MODERATED)
    found = mediation_test(estimate, "x", ["m"], moderator="w", stage="second", draws=99)
    a = next(p.estimate for p in found.paths if p.target == "m")
    assert found.index is not None
    assert found.index.estimate == pytest.approx(a * estimate.coefficient("m:w"))


def test_confounding_that_voids_the_effect() -> None:
    # errors share a driver of variance .64 on 1: their correlation is .39 and the path is biased
    world = path_world(8, b=0.0, b2=0.0, hidden=0.8, n_firms=400)
    found = mediation_test(fit(world, "x w m"), "x", ["m"], draws=199)
    assert found.indirect.estimate > 0.1
    sensitivity = found.sensitivity[0]
    assert sensitivity.rho_zero == pytest.approx(0.39, abs=0.04)
    curve = sensitivity.curve
    at_zero = curve.filter(pl.col("rho").abs() < 1e-9)["indirect"][0]
    assert at_zero == pytest.approx(found.indirect.estimate, rel=1e-6)
    assert np.interp(sensitivity.rho_zero, curve["rho"], curve["indirect"]) == pytest.approx(
        0.0, abs=0.01
    )


def test_formulas_of_sensitivity() -> None:
    rho = np.array([0.0, 0.5])
    assert indirect_at_rho(0.4, 2.0, 1.0, 0.5, rho) == pytest.approx([0.4, 0.0])
    # Cinelli & Hazlett (2020), Darfur: t = 4.184 on 783 degrees of freedom gives 13.9 %, and 7.6 %
    assert robustness_value(4.184, 783) == pytest.approx(0.139, abs=5e-4)
    assert robustness_value(4.184, 783, 1.963) == pytest.approx(0.076, abs=5e-4)
    assert robustness_value(1.0, 783, 1.963) == 0.0


def test_linear_counterfactuals_are_products_of_paths() -> None:
    estimate = fit(path_world(9), "x w m")
    found = mediation_counterfactual(estimate, "x", ["m"], step=1.0, draws=200)
    paths = mediation_test(estimate, "x", ["m"], draws=200)
    assert found.indirect.estimate == pytest.approx(paths.indirect.estimate)
    assert found.direct.estimate == pytest.approx(paths.direct.value)
    assert found.total.estimate == pytest.approx(found.indirect.estimate + found.direct.estimate)
    assert math.isnan(found.indirect.ratio)


def test_counterfactuals_of_counts_have_the_closed_form() -> None:
    # without products of x and m the ratio of the indirect effect is exp(a b step)
    estimate = fit(path_world(10), "x w m", "count")
    found = mediation_counterfactual(estimate, "x", ["m"], step=0.5, draws=300)
    paths = mediation_test(estimate, "x", ["m"], draws=100)
    assert found.indirect.ratio == pytest.approx(math.exp(0.5 * paths.indirect.estimate))
    assert found.direct.ratio == pytest.approx(math.exp(0.5 * paths.direct.value))
    assert found.total.ratio == pytest.approx(found.indirect.ratio * found.direct.ratio)
    assert found.indirect.excludes_zero
    assert found.indirect.conf_low < found.indirect.estimate < found.indirect.conf_high


def test_products_of_x_and_m_enter_the_counterfactual() -> None:
    world = path_world(11, b2=0.0, n_firms=300)
    world = world.with_columns(y=pl.col("y") + 0.3 * pl.col("x") * pl.col("m"))
    estimate = fit(world, "x w m x:m")
    found = mediation_counterfactual(estimate, "x", ["m"], step=1.0, draws=50)
    x, m = estimate.values("x"), estimate.values("m")
    a = next(
        p.estimate for p in mediation_test(estimate, "x", ["m"], draws=9).paths if p.target == "m"
    )
    b, c = estimate.coefficient("m"), estimate.coefficient("x")
    b3 = estimate.coefficient("m:x")
    u, v = x - estimate.variables["x"].centre, m - estimate.variables["m"].centre
    indirect = (a * b + b3 * (u + 1) * a).mean()
    direct = (c + b3 * v).mean()
    assert found.indirect.estimate == pytest.approx(indirect, rel=1e-9)
    assert found.direct.estimate == pytest.approx(direct, rel=1e-9)


def test_count_mediators_move_in_proportion() -> None:
    world = path_world(12, n_firms=300)
    rng = np.random.default_rng(12)
    noise = pl.Series(rng.normal(0, 0.5, world.height))
    world = world.with_columns(y=0.5 * pl.col("count_m") + noise)
    estimate = fit(world, "x w count_m")
    found = mediation_counterfactual(
        estimate, "x", ["count_m"], step=1.0, count_mediators=["count_m"], draws=100
    )
    planted = 0.5 * world["count_m"].mean() * math.expm1(0.3)
    assert found.indirect.estimate == pytest.approx(planted, abs=0.04)
    logged = fit(world, "x w log1p(count_m)")
    with pytest.raises(NotEstimable, match="no count as it enters"):
        mediation_counterfactual(
            logged, "x", ["log1p(count_m)"], count_mediators=["log1p(count_m)"], draws=9
        )


def test_contrast_of_indirect_effects_on_one_scale() -> None:
    world = path_world(13, n_firms=300).with_columns(pl.col("y") + 10)
    models = {"y": fit(world, MODEL), "count": fit(world, MODEL, "count")}
    paths = [IndirectPath("y", "x", "m", 1.0), IndirectPath("count", "x", "m", -1.0)]
    found = contrast_of_indirects(models, paths, draws=499)
    own, cross = found.effects
    assert found.contrast.estimate == pytest.approx(own.estimate - cross.estimate)
    assert found.p_value == pytest.approx(
        2 * stats.norm.sf(abs(found.contrast.estimate / found.contrast.std_error))
    )
    same = contrast_of_indirects(models, [paths[0], replace(paths[0], weight=-1.0)], draws=99)
    assert same.contrast.estimate == pytest.approx(0.0, abs=1e-15)
    negative = {"y": fit(world.with_columns(pl.col("y") - 20), MODEL)}
    with pytest.raises(NotEstimable, match="no positive mean"):
        contrast_of_indirects(negative, paths[:1], draws=9)


def test_shared_records_are_refused() -> None:
    row = ("f1", 2001)
    apart = shared_records_check({"x": {row: {"p1"}}, "m": {row: {"p2"}}})
    meet = shared_records_check({"x": {row: {"p1", "p2"}}, "m": {row: {"p2"}}})
    other_year = shared_records_check({"x": {row: {"p1"}}, "m": {("f1", 2002): {"p1"}}})
    assert not apart("x", "m")
    assert not other_year("x", "m")
    assert apart("x", "unknown")
    estimate = fit(path_world(14, n_firms=40), "x w m")
    with pytest.raises(NotEstimable, match="same records") as raised:
        mediation_test(estimate, "x", ["m"], shares_records=meet, draws=9)
    assert raised.value.reason_code == "shared_records"
    kept = mediation_test(estimate, "x", ["m"], shares_records=apart, draws=99)
    assert len(kept.cluster_ids) == 40


def test_relabelled_firms_give_the_same_paths() -> None:
    frame = path_world(16, n_firms=50)
    one, two = (
        mediation_test(fit(f, MODEL), "x", ["m"], draws=99) for f in (frame, relabelled(frame))
    )
    assert two.indirect.estimate == pytest.approx(one.indirect.estimate, rel=1e-9)
    assert two.indirect.std_error == pytest.approx(one.indirect.std_error, rel=1e-5)
    assert two.p_value == pytest.approx(one.p_value, rel=1e-6)


def test_scale_and_sign_of_x() -> None:
    frame = path_world(17, n_firms=60)
    moved = frame.with_columns(pl.col("x") * -4 + 3)
    one, two = (mediation_test(fit(f, MODEL), "x", ["m"], draws=99) for f in (frame, moved))
    assert two.indirect.estimate == pytest.approx(one.indirect.estimate / -4, rel=1e-8)
    assert two.indirect.percentile[::-1] == pytest.approx(
        [v / -4 for v in one.indirect.percentile], rel=1e-6
    )


def test_a_claim_names_a_mediation() -> None:
    estimate = fit(path_world(18), MODEL, "count")
    test = ClaimTest("mediation", "m", terms=("m",), variable="x", side="greater")
    found = find(test, estimate, 0.05, "c")
    assert found.direction == "expected"
    assert [step.met for step in found.steps] == [True, True, True]
    record = json.loads(json.dumps(found.results[0].to_dict()))
    assert record["kind"] == found.results[0].kind  # type: ignore[attr-defined]
    family = [found.hypothesis]
    assert romano_wolf(family, cluster_bootstrap_draws(family, 199, seed=1))[0] < 0.02
