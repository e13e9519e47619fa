"""Cluster bootstrap, Romano-Wolf, Benjamini-Hochberg, small-sample factors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tertius.inference.covariance import p_value_of, small_sample_factor
from tertius.inference.multiple import (
    benjamini_hochberg,
    oriented,
    romano_wolf,
    stepdown,
)
from tertius.inference.power import minimum_detectable_effect
from tertius.inference.score_bootstrap import (
    CHUNK,
    BootstrapDraws,
    Hypothesis,
    cluster_bootstrap_draws,
    cluster_weights,
)


def hypothesis(
    name: str, seed: int, shift: float = 0.0, n: int = 120, first: int = 0, side: str = "two-sided"
) -> Hypothesis:
    """A mean of n clusters as an estimate: influence (x - mean) / n."""
    x = np.random.default_rng(seed).normal(shift, 1.0, n)
    influence = (x - x.mean()) / n
    error = float(np.sqrt((influence**2).sum() * n / (n - 1)))
    ids = tuple(f"f{first + i:04d}" for i in range(n))
    return Hypothesis(name, influence, ids, float(x.mean()), error, side)


def test_benjamini_hochberg_worked_answer() -> None:
    q = benjamini_hochberg([0.001, 0.012, 0.030, 0.040, 0.200])
    assert q == pytest.approx([0.005, 0.030, 0.050, 0.050, 0.200], abs=1e-15)


def test_benjamini_hochberg_equals_scipy_in_any_order() -> None:
    p = np.random.default_rng(0).random(40) ** 2
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), rel=1e-12)
    order = np.random.default_rng(1).permutation(40)
    assert benjamini_hochberg(p[order]) == pytest.approx(benjamini_hochberg(p)[order])
    with pytest.raises(ValueError, match="lie in"):
        benjamini_hochberg([0.2, 1.2])


def test_small_sample_factors() -> None:
    n, k, g, t = 1620, 6, 324, 5
    shared = {"n_obs": n, "n_regressors": k, "n_clusters": g, "n_firms": g, "n_years": t}
    assert small_sample_factor("fixest", **shared) == g / (g - 1) * (n - 1) / (n - k - t)
    assert small_sample_factor("linearmodels", **shared) == n / (n - k - g - t + 1)
    one_way = {**shared, "n_years": 0}
    assert small_sample_factor("fixest", **one_way) == g / (g - 1) * (n - 1) / (n - k - 1)
    assert small_sample_factor("statsmodels_dummies", **one_way) == (
        g / (g - 1) * (n - 1) / (n - k - g)
    )
    pooled = {**shared, "n_firms": 0, "n_years": 0}
    assert small_sample_factor("statsmodels_dummies", **pooled) == (
        g / (g - 1) * (n - 1) / (n - k - 1)
    )
    with pytest.raises(ValueError, match="no degree of freedom"):
        small_sample_factor("fixest", **{**shared, "n_obs": 11})
    with pytest.raises(ValueError, match="unknown convention"):
        small_sample_factor("stata", **shared)


def test_p_values_of_each_side() -> None:
    assert p_value_of(-1.96, np.inf) == pytest.approx(0.04999579, abs=1e-8)
    assert p_value_of(2.0, 30, "greater") + p_value_of(2.0, 30, "less") == pytest.approx(1.0)
    assert p_value_of(2.0, 30) == pytest.approx(2 * p_value_of(2.0, 30, "greater"))
    with pytest.raises(ValueError, match="unknown alternative"):
        p_value_of(1.0, 10, "both")


def test_minimum_detectable_effect() -> None:
    assert minimum_detectable_effect(0.05) == pytest.approx(0.14)
    power = stats.norm.sf(stats.norm.ppf(0.975) - 2.8)
    assert power == pytest.approx(0.80, abs=0.005)


def test_weights_are_resamples_and_do_not_depend_on_chunks() -> None:
    rows = np.vstack(list(cluster_weights(30, CHUNK + 50, seed=4)))
    assert rows.shape == (CHUNK + 50, 30)
    assert (rows.sum(axis=1) == 30).all()
    again = np.vstack(list(cluster_weights(30, 10, seed=4)))
    assert np.array_equal(rows[:10], again)


def test_bootstrap_error_matches_the_analytic_one() -> None:
    family = [hypothesis("a", 1), hypothesis("b", 2, first=60)]
    draws = cluster_bootstrap_draws(family, 4000, seed=9)
    assert draws.n_clusters == 180
    # four Monte-Carlo standard errors of a standard deviation from 4,000 draws
    bound = 4 / np.sqrt(2 * 4000)
    for column, member in enumerate(family):
        raw = np.sqrt((member.influence**2).sum())
        assert draws.shift[:, column].std() == pytest.approx(raw, rel=bound)
        assert draws.statistic[:, column].std() == pytest.approx(1.0, rel=2 * bound)
        assert abs(draws.statistic[:, column].mean()) < 4 / np.sqrt(4000)


def test_bootstrap_uses_the_same_resamples_for_all() -> None:
    a = hypothesis("a", 1)
    twin = Hypothesis("b", -2 * a.influence, a.cluster_ids, -2 * a.estimate, 2 * a.std_error)
    draws = cluster_bootstrap_draws([a, twin], 50, seed=1)
    assert draws.statistic[:, 1] == pytest.approx(-draws.statistic[:, 0])


def test_bootstrap_ignores_the_order_of_clusters_and_hypotheses() -> None:
    a, b = hypothesis("a", 1), hypothesis("b", 2, first=50)
    order = np.random.default_rng(3).permutation(120)
    mixed = Hypothesis(
        "a", a.influence[order], tuple(a.cluster_ids[i] for i in order), a.estimate, a.std_error
    )
    first = cluster_bootstrap_draws([a, b], 99, seed=2)
    second = cluster_bootstrap_draws([b, mixed], 99, seed=2)
    assert np.array_equal(first.statistic[:, 0], second.statistic[:, 1])
    assert np.array_equal(first.statistic[:, 1], second.statistic[:, 0])


def test_absent_clusters_carry_no_weight() -> None:
    a = hypothesis("a", 1, n=40)
    wide = hypothesis("w", 2, n=60)
    draws = cluster_bootstrap_draws([a, wide], 20, seed=5)
    weights = np.vstack(list(cluster_weights(60, 20, seed=5)))
    assert draws.shift[:, 0] == pytest.approx(weights[:, :40] @ a.influence)
    assert draws.n_clusters == 60


def brute_stepdown(observed: np.ndarray, resampled: np.ndarray) -> np.ndarray:
    """Romano-Wolf by its definition, one hypothesis after the other."""
    order = sorted(range(len(observed)), key=lambda j: -observed[j])
    adjusted, last = np.empty(len(observed)), 0.0
    for position, j in enumerate(order):
        rest = order[position:]
        hits = sum(max(row[i] for i in rest) >= observed[j] for row in resampled)
        last = max(last, (1 + hits) / (len(resampled) + 1))
        adjusted[j] = last
    return adjusted


@pytest.mark.parametrize("seed", range(5))
def test_stepdown_equals_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    observed, resampled = rng.normal(1, 1, 7), rng.normal(size=(99, 7))
    assert stepdown(observed, resampled).tolist() == brute_stepdown(observed, resampled).tolist()


def test_stepdown_by_hand() -> None:
    observed = np.array([1.0, 3.0])
    resampled = np.array([[2.0, 0.0], [0.5, 4.0], [0.0, 0.0]])
    # first 3: maxima 2, 4, 0 -> (1 + 1)/4; then 1 alone: 2, .5, 0 -> (1 + 1)/4
    assert stepdown(observed, resampled).tolist() == [0.5, 0.5]


def test_romano_wolf_properties() -> None:
    sides = ["two-sided", "greater", "less", "two-sided"]
    family = [
        hypothesis(f"h{i}", i, shift, side=side)
        for i, (shift, side) in enumerate(zip([0.5, 0.3, -0.3, 0.0], sides, strict=True))
    ]
    draws = cluster_bootstrap_draws(family, 499, seed=1)
    adjusted = romano_wolf(family, draws)
    assert adjusted[0] == pytest.approx(1 / 500)
    assert ((adjusted >= 1 / 500) & (adjusted <= 1)).all()
    turned = oriented(draws.statistic, sides)
    observed = oriented(np.array([h.statistic for h in family]), sides)
    single = (1 + (turned >= observed).sum(axis=0)) / 500
    assert (adjusted >= single).all()
    alone = romano_wolf(family[1:2], cluster_bootstrap_draws(family[1:2], 499, seed=1))
    assert alone[0] == pytest.approx(p_value_of(family[1].statistic, 119, "greater"), abs=0.01)
    with pytest.raises(ValueError, match="differ"):
        romano_wolf(family[::-1], draws)
    with pytest.raises(ValueError, match="unique names"):
        cluster_bootstrap_draws([family[0], family[0]], 9, seed=1)


def test_family_error_rate_under_the_null() -> None:
    rng = np.random.default_rng(11)
    ids = tuple(f"f{i:03d}" for i in range(80))
    runs, false = 400, 0
    weights = np.vstack(list(cluster_weights(80, 199, seed=0)))
    for _ in range(runs):
        x = rng.normal(size=(80, 5)) + rng.normal(size=(80, 1))
        psi = (x - x.mean(axis=0)) / 80
        error = np.sqrt((psi**2).sum(axis=0))
        total = weights @ psi
        spread = np.sqrt(weights @ psi**2 - total**2 / 80)
        draws = BootstrapDraws(tuple("abcde"), total, total / spread, 80, 0)
        family = [
            Hypothesis(name, psi[:, j], ids, x[:, j].mean(), error[j])
            for j, name in enumerate("abcde")
        ]
        false += bool(romano_wolf(family, draws).min() <= 0.05)
    low, high = stats.binom.ppf([0.0005, 0.9995], runs, 0.05)
    assert low <= false <= high
