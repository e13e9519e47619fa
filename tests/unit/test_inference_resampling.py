"""Cluster bootstrap, wild cluster bootstrap and jackknife against plain refits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.fe_ols import absorbed_ols
from tertius.inference.cluster_bootstrap import bootstrap_ols
from tertius.inference.cluster_products import cluster_products
from tertius.inference.crv3 import jackknife_ols
from tertius.inference.family_refits import SlopeHypothesis, romano_wolf_refits
from tertius.inference.intervals import (
    basic_interval,
    bca_interval,
    monte_carlo_error,
    percentile_interval,
    resampled_p_value,
)
from tertius.inference.score_bootstrap import cluster_weights
from tertius.inference.wild import wild_cluster_bootstrap
from tests.unit.inference_panels import BOTH, clustered_t, effects_of, panel, stacked


@pytest.mark.parametrize("names", [BOTH, ("org_id",), ("year",), ()])
def test_cluster_bootstrap_equals_refits(names: Sequence[str]) -> None:
    x, y, firm, year = panel()
    effects = effects_of(firm, year, names)
    found = bootstrap_ols(x, y, effects, firm, draws=12, seed=3, studentise=[0, 2])
    center = absorbed_ols(x, y, effects).coefficients
    assert found.coefficients == pytest.approx(center, rel=1e-12)
    weights = np.vstack(list(cluster_weights(40, 12, 3)))
    for row, weight in enumerate(weights):
        rows, codes = stacked(firm, weight)
        fit = absorbed_ols(x[rows], y[rows], effects_of(codes, year[rows], names))
        assert found.draws[row] == pytest.approx(fit.coefficients, rel=1e-12, abs=1e-12)
        scores = np.zeros((codes.max() + 1, 3))
        np.add.at(scores, codes, fit.x_within * fit.residuals[:, None])
        error = np.sqrt(((scores @ fit.bread) ** 2).sum(axis=0))
        t = (fit.coefficients - center) / error
        assert found.statistics[row] == pytest.approx(t[[0, 2]], rel=1e-10)


def test_cluster_bootstrap_of_larger_clusters_and_threads() -> None:
    x, y, firm, year = panel()
    effects, region = effects_of(firm, year), firm // 4
    one = bootstrap_ols(x, y, effects, region, draws=600, seed=1, threads=1)
    two = bootstrap_ols(x, y, effects, region, draws=600, seed=1, threads=2)
    assert np.array_equal(one.draws, two.draws)
    weight = next(cluster_weights(10, 1, 1))[0]
    rows, codes = stacked(firm, weight[np.arange(40) // 4])
    fit = absorbed_ols(x[rows], y[rows], effects_of(codes, year[rows]))
    assert one.draws[0] == pytest.approx(fit.coefficients, rel=1e-12)
    with pytest.raises(ValueError, match="more than one cluster"):
        bootstrap_ols(x, y, effects, year, draws=5, seed=1)
    with pytest.raises(ValueError, match="names for"):
        bootstrap_ols(x, y, effects, firm, draws=5, seed=1, terms=["a"])


def test_a_column_lost_in_a_resample_is_counted() -> None:
    x, y, firm, year = panel()
    rare = np.where(firm == 0, (year > 3).astype(float), 0.0)
    effects = effects_of(firm, year)
    found = bootstrap_ols(
        np.column_stack([x, rare]), y, effects, firm, draws=200, seed=2, studentise=[1, 3]
    )
    weights = np.vstack(list(cluster_weights(40, 200, 2)))
    assert found.incomplete == (weights[:, 0] == 0).sum()
    assert np.array_equal(np.isnan(found.draws[:, 3]), weights[:, 0] == 0)
    assert not np.isnan(found.draws[:, :3]).any()
    assert np.array_equal(np.isnan(found.statistics[:, 1]), weights[:, 0] == 0)
    lost = int(np.flatnonzero(weights[:, 0] == 0)[0])
    rows, codes = stacked(firm, weights[lost])
    t = clustered_t(
        x[rows], y[rows], effects_of(codes, year[rows]), [codes], 1, found.coefficients[1]
    )
    assert found.statistics[lost, 0] == pytest.approx(t, rel=1e-8)
    assert f"{found.incomplete} resamples lost a column" in found.sentence("x3")


def test_intervals_and_figure_of_the_bootstrap() -> None:
    x, y, firm, year = panel(firms=120)
    effects = effects_of(firm, year)
    found = bootstrap_ols(
        x, y, effects, firm, draws=800, seed=1, terms=["a", "b", "c"], studentise=[0]
    )
    fit = absorbed_ols(x, y, effects)
    scores = np.zeros((120, 3))
    np.add.at(scores, firm, fit.x_within * fit.residuals[:, None])
    error = np.sqrt(((scores @ fit.bread)[:, 0] ** 2).sum())
    assert found.errors[0] == pytest.approx(error, rel=1e-10)
    # four Monte-Carlo errors of a standard deviation, and the terms of order 1/G
    assert found.std_errors[0] == pytest.approx(error, rel=4 / np.sqrt(1600) + 0.05)
    assert found.interval("a") == percentile_interval(found.draws[:, 0], 0.95)
    low, high = found.interval("a", 0.9, "t")
    q = np.quantile(found.statistics[:, 0], [0.05, 0.95])
    assert low == pytest.approx(fit.coefficients[0] - q[1] * error, rel=1e-9)
    assert high == pytest.approx(fit.coefficients[0] - q[0] * error, rel=1e-9)
    with pytest.raises(ValueError, match="no interval"):
        found.interval("b", 0.9, "t")
    assert found.figure("a")["draws"].sum() == 800


def test_interval_rules() -> None:
    draws = np.arange(1.0, 1000.0)
    assert percentile_interval(draws, 0.9) == pytest.approx((50.9, 949.1))
    assert basic_interval(draws, 400.0, 0.9) == pytest.approx((-149.1, 749.1))
    symmetric = np.array([-1.0, 1.0, 2.0, -2.0])
    assert bca_interval(draws, 500.0, symmetric, 0.9) == pytest.approx((50.9, 949.1))
    with pytest.raises(ValueError, match="one side"):
        bca_interval(draws, 0.0, symmetric, 0.9)
    t = np.array([1.0, -2.0, 3.0, np.nan])
    assert resampled_p_value(t, 2.0) == 3 / 4
    assert resampled_p_value(t, 2.0, "greater") == 2 / 4
    assert resampled_p_value(t, -2.0, "less") == 2 / 4
    with pytest.raises(ValueError, match="unknown alternative"):
        resampled_p_value(t, 1.0, "both")
    assert monte_carlo_error(0.05, 1900) == pytest.approx(0.005)


def test_bca_equals_scipy() -> None:
    x = np.random.default_rng(2).exponential(size=30)
    rng = np.random.default_rng(5)
    expected = stats.bootstrap((x,), np.mean, n_resamples=999, rng=rng, method="BCa")
    jackknife = np.array([np.delete(x, i).mean() for i in range(30)])
    found = bca_interval(expected.bootstrap_distribution, x.mean(), jackknife, 0.95)
    interval = expected.confidence_interval
    assert found == pytest.approx((interval.low, interval.high), rel=1e-9)


@pytest.mark.parametrize("imposed", [True, False])
@pytest.mark.parametrize("null", [0.0, 0.3])
@pytest.mark.parametrize("ways", ["one", "two", "regions"])
def test_wild_bootstrap_equals_refits(imposed: bool, null: float, ways: str) -> None:
    x, y, firm, year = panel(firms=7, years=5, k=2, seed=5)
    effects = effects_of(firm, year)
    codes = {"one": [firm], "two": [firm, year], "regions": [firm // 2, year]}[ways]
    found = wild_cluster_bootstrap(
        x, y, effects, codes, 0, draws=999, seed=1, null=null, impose_null=imposed
    )
    fit = absorbed_ols(x, y, effects)
    residuals, center = fit.residuals, fit.coefficients[0]
    if imposed:
        residuals, center = absorbed_ols(x[:, 1:], y - null * x[:, 0], effects).residuals, null
    n_boot = int(codes[0].max()) + 1
    expected = []
    for number in range(2**n_boot):
        signs = 2.0 * ((number >> np.arange(n_boot)) & 1) - 1
        outcome = y - residuals + residuals * signs[codes[0]]
        expected.append(clustered_t(x, outcome, effects, codes, 0, center))
    observed = clustered_t(x, y, effects, codes, 0, null)
    assert found.enumerated
    assert found.statistic == pytest.approx(observed, rel=1e-10)
    assert found.draws == pytest.approx(np.array(expected), rel=1e-8, abs=1e-8)
    hits = int((np.abs(expected) >= abs(observed) - 1e-9).sum())
    whole = 2**n_boot
    assert found.p_value == pytest.approx(hits / whole if imposed else (hits + 1) / (whole + 1))


def test_wild_interval_inverts_the_test() -> None:
    x, y, firm, year = panel(firms=30, seed=4)
    effects = effects_of(firm, year)

    def test_of(null: float, level: float | None = None) -> float:
        found = wild_cluster_bootstrap(
            x, y, effects, [firm], 1, draws=399, seed=2, null=null, level=level
        )
        return found.p_value

    found = wild_cluster_bootstrap(x, y, effects, [firm], 1, draws=399, seed=2, level=0.9)
    assert found.interval is not None
    low, high = found.interval
    width = high - low
    for end, inward in ((low, 1e-4 * width), (high, -1e-4 * width)):
        assert test_of(end + inward) >= 0.1 - 1e-9
        assert test_of(end - inward) <= 0.1 + 1 / 399
    shifted = wild_cluster_bootstrap(
        x, y, effects, [firm], 1, draws=399, seed=2, level=0.9, null=0.7
    )
    assert shifted.interval == pytest.approx(found.interval, rel=1e-8)
    assert "90 % interval" in found.sentence
    with pytest.raises(ValueError, match="two-way"):
        wild_cluster_bootstrap(x, y, effects, [firm, year], 1, draws=9, seed=2, level=0.9)


@pytest.mark.parametrize("weights", ["webb", "mammen", "rademacher"])
def test_wild_weights_have_the_right_moments(weights: str) -> None:
    from tertius.inference.wild import _drawn

    v = np.hstack(list(_drawn(50, 4000, 3, weights)))
    assert v.shape == (50, 4000)
    bound = 5 / np.sqrt(v.size)
    assert abs(v.mean()) < bound
    assert abs((v**2).mean() - 1) < 2 * bound
    assert abs((v**3).mean() - (1 if weights == "mammen" else 0)) < 4 * bound


def test_wild_bootstrap_near_the_t_test_with_many_clusters() -> None:
    x, y, firm, year = panel(firms=300, years=4, seed=8)
    effects = effects_of(firm, year)
    for weights in ("rademacher", "webb"):
        found = wild_cluster_bootstrap(
            x, y, effects, [firm], 0, draws=1999, seed=1, weights=weights
        )
        p = 2 * stats.t.sf(abs(found.statistic), 299)
        assert found.p_value == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 1999) + 0.01)
    with pytest.raises(ValueError, match="weights"):
        wild_cluster_bootstrap(x, y, effects, [firm], 0, draws=9, seed=1, weights="normal")
    with pytest.raises(ValueError, match="more than one cluster"):
        wild_cluster_bootstrap(x, y, effects, [year], 0, draws=9, seed=1)


def test_jackknife_equals_refits() -> None:
    x, y, firm, year = panel(firms=12)
    effects = effects_of(firm, year)
    found = jackknife_ols(x, y, effects, firm, ["a", "b", "c"])
    rows: list[FloatArray] = []
    for g in range(12):
        keep = firm != g
        codes = np.unique(firm[keep], return_inverse=True)[1]
        rows.append(absorbed_ols(x[keep], y[keep], effects_of(codes, year[keep])).coefficients)
    assert found.left_out == pytest.approx(np.array(rows), rel=1e-10)
    shift = np.array(rows) - absorbed_ols(x, y, effects).coefficients
    assert found.covariance == pytest.approx(11 / 12 * shift.T @ shift, rel=1e-10)
    assert found.leverage.sum() == pytest.approx(3 + 6)
    assert "12 clusters" in found.sentence("a")
    assert found.figure("b")["left_out"].to_numpy() == pytest.approx(found.left_out[:, 1])


def test_jackknife_counts_clusters_it_cannot_do_without() -> None:
    x, y, firm, year = panel(firms=12)
    only = np.where(firm == 3, (year > 3).astype(float), 0.0)
    found = jackknife_ols(np.column_stack([x, only]), y, effects_of(firm, year), firm)
    assert found.unidentified == 1
    assert np.isnan(found.left_out[3, 3])
    assert "1 of them" in found.sentence("x3")


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(1e-3, 1e3), flip=st.booleans(), seed=st.integers(0, 20))
def test_scale_and_sign_of_x(scale: float, flip: bool, seed: int) -> None:
    x, y, firm, year = panel(firms=15, seed=seed)
    effects = effects_of(firm, year)
    factor = -scale if flip else scale
    other = x * np.array([factor, 1.0, 1.0])
    base = bootstrap_ols(x, y, effects, firm, draws=9, seed=1)
    moved = bootstrap_ols(other, y, effects, firm, draws=9, seed=1)
    assert moved.draws[:, 0] * factor == pytest.approx(base.draws[:, 0], rel=1e-8)
    assert moved.draws[:, 1:] == pytest.approx(base.draws[:, 1:], rel=1e-8)
    first = wild_cluster_bootstrap(x, y, effects, [firm], 0, draws=99, seed=1)
    second = wild_cluster_bootstrap(other, y, effects, [firm], 0, draws=99, seed=1)
    sign = -1 if flip else 1
    assert second.draws == pytest.approx(sign * first.draws, rel=1e-7, abs=1e-9)
    assert second.p_value == first.p_value
    one, two = jackknife_ols(x, y, effects, firm), jackknife_ols(other, y, effects, firm)
    assert two.std_errors[0] * scale == pytest.approx(one.std_errors[0], rel=1e-8)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_relabelling_of_clusters(seed: int) -> None:
    x, y, firm, year = panel(firms=8, seed=2)
    order = np.random.default_rng(seed).permutation(8)
    renamed = order[firm]
    effects = effects_of(firm, year)
    one = wild_cluster_bootstrap(x, y, effects, [firm], 0, draws=999, seed=1)
    two = wild_cluster_bootstrap(x, y, effects, [renamed], 0, draws=999, seed=1)
    assert two.p_value == one.p_value
    assert np.sort(two.draws) == pytest.approx(np.sort(one.draws), rel=1e-8, abs=1e-9)
    first, second = jackknife_ols(x, y, effects, firm), jackknife_ols(x, y, effects, renamed)
    assert second.covariance == pytest.approx(first.covariance, rel=1e-10)


def test_family_of_refits_shares_resamples_over_the_union_of_clusters() -> None:
    x, y, firm, year = panel(firms=30)
    names = np.array([f"f{i:02d}" for i in range(30)])

    def member(
        name: str, rows: np.ndarray, column: int, side: str = "two-sided"
    ) -> SlopeHypothesis:
        used, codes = np.unique(firm[rows], return_inverse=True)
        products = cluster_products(x[rows], y[rows], effects_of(codes, year[rows]), codes)
        return SlopeHypothesis(name, products, tuple(names[used]), column, 0.1, side)

    parts = [np.ones(len(y), bool), firm < 20, firm >= 8]
    members = [member("a", parts[0], 0), member("b", parts[1], 1), member("c", parts[2], 2, "less")]
    found = romano_wolf_refits(members, draws=60, seed=9)
    weights = np.vstack(list(cluster_weights(30, 60, 9)))
    for j, rows in enumerate(parts):
        used, codes = np.unique(firm[rows], return_inverse=True)
        center = absorbed_ols(x[rows], y[rows], effects_of(codes, year[rows])).coefficients[j]
        assert found.estimates[j] == pytest.approx(center, rel=1e-10)
        assert found.statistics[j] == pytest.approx(
            clustered_t(x[rows], y[rows], effects_of(codes, year[rows]), [codes], j, 0.1), rel=1e-9
        )
        for draw in (0, 7):
            drawn, new = stacked(codes, weights[draw][used])
            again = x[rows][drawn], y[rows][drawn], effects_of(new, year[rows][drawn])
            t = clustered_t(*again, [new], j, center)
            assert found.draws.statistic[draw, j] == pytest.approx(t, rel=1e-8)
    assert (found.adjusted >= found.p_values).all()
    order = [2, 0, 1]
    moved = romano_wolf_refits([members[i] for i in order], draws=60, seed=9)
    assert np.array_equal(moved.adjusted, found.adjusted[order])
    assert "within its family of 3" in found.sentence("b")
    with pytest.raises(ValueError, match="unique names"):
        romano_wolf_refits([members[0], members[0]], draws=9, seed=1)
