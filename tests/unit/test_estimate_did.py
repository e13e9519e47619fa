"""Staggered policies: the worked answer, planted effects, decompositions, few clusters."""

import numpy as np
import polars as pl
import pytest

from tertius.estimate import NotEstimable, estimate_model
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.group_time import StaggeredPanel, group_time_effects, two_period_effect
from tertius.estimate.group_time_aggregates import (
    aggregate_effects,
    cluster_influence,
    multiplier_bands,
    randomisation_p,
)
from tertius.estimate.two_way import make_effects
from tertius.estimate.two_way_did import bacon_decomposition, negative_weight_share, sun_abraham
from tertius.model_spec import resolve_spec

WORKED = np.array([[0.0, 1.0, 3.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])


def small(y: np.ndarray, cohort: list[float]) -> StaggeredPanel:
    n = len(cohort)
    return StaggeredPanel(
        y, np.array([1, 2, 3]), np.array(cohort), np.arange(n), np.zeros((n, 3, 0))
    )


def test_worked_answer_of_a_staggered_policy() -> None:
    effects = group_time_effects(small(WORKED, [2, 3, np.inf]))
    found = {
        (int(g), int(t)): a
        for g, t, a in zip(effects.group, effects.time, effects.att, strict=True)
    }
    assert found[2, 2] == 1
    assert found[2, 3] == 3
    assert found[3, 3] == 1
    assert aggregate_effects(effects, "simple").overall == pytest.approx(5 / 3)


@pytest.mark.parametrize(
    ("rows", "cohort", "wanted"), [(3, [2, 3, np.inf], 1.0), (2, [2.0, 3.0], 0.0)]
)
def test_worked_two_way_estimate_is_the_sum_of_its_comparisons(
    rows: int, cohort: list[float], wanted: float
) -> None:
    terms = bacon_decomposition(small(WORKED[:rows], cohort))
    assert sum(t.weight for t in terms) == pytest.approx(1)
    assert sum(t.weight * t.estimate for t in terms) == pytest.approx(wanted, abs=1e-12)


def test_negative_weights_appear_without_never_treated() -> None:
    assert negative_weight_share(small(WORKED, [2, 3, np.inf])) == pytest.approx(0, abs=1e-12)
    assert negative_weight_share(small(WORKED[:2], [2.0, 3.0])) == pytest.approx(0.25)


def world(seed: int, n: int = 300, effect: float = 0.5) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    firm, t = (code.ravel() for code in np.mgrid[0:n, 0:8])
    city = rng.integers(0, 60, n)
    start = np.full(60, 99)
    start[:30] = rng.choice([3, 4, 5], 30)
    begin = start[city][firm]
    treated = (t >= begin).astype(float)
    level = rng.normal(size=n)[firm] * 0.5
    x = rng.normal(size=len(firm))
    data: dict[str, object] = {
        "org_id": [f"f{i:04d}" for i in firm],
        "year": (2000 + t).astype(np.int32),
        "city": [f"c{i:02d}" for i in city[firm]],
        "in_sample": np.ones(len(firm), dtype=bool),
    }
    columns = {
        "x": x,
        "y": level + 0.2 * x + effect * treated + 0.1 * t + rng.normal(size=len(firm)),
        "c": rng.poisson(np.exp(level + 0.5 + 0.1 * t + effect * treated)).astype(float),
        "policy": treated,
        "dose": treated * 0.3,
    }
    for name, values in columns.items():
        data[name] = values
        data[f"{name}_status"] = ["ok"] * len(firm)
    return pl.DataFrame(data)


def model(outcome: str, estimator: str, **options: object) -> dict[str, object]:
    return {
        "outcome": outcome,
        "lead": 0,
        "estimator": estimator,
        "cluster": "city",
        "options": {"treatment": "policy", **options},
    }


@pytest.mark.parametrize(
    ("outcome", "estimator"),
    [
        ("y", "did"),
        ("y", "sun_abraham"),
        ("c", "did_poisson"),
    ],
)
def test_planted_effect_is_found(outcome: str, estimator: str) -> None:
    estimate = estimate_model(world(3), resolve_spec("m", model(outcome, estimator)))
    for term in ("att", "att(e=0)", "att(e=1)"):
        place = estimate.terms.index(term)
        assert abs(estimate.coefficients[place] - 0.5) < 3 * estimate.std_errors[place]
        assert 0 < estimate.std_errors[place] < 0.25


def test_pre_trend_test_and_its_power_are_printed() -> None:
    estimate = estimate_model(world(3), resolve_spec("m", model("y", "did")))
    assert estimate.diagnostics["pre_trend"].df == 4
    assert 0 < (estimate.diagnostics["pre_trend_power"].value or 0) < 0.5
    events = estimate.tables["event_study"].filter(pl.col("event_time") != -1)
    assert (events["band_low"] < events["conf_low"]).all()
    assert (events["band_high"] > events["conf_high"]).all()


def test_poisson_cells_equal_ratio_of_ratios() -> None:
    """One cohort, one period after: the closed form ln(y11 y00 / (y10 y01))."""
    y = np.array([[2.0, 5.0], [1.0, 3.0], [4.0, 6.0], [3.0, 2.0]])
    rows = pl.DataFrame(
        {
            "org_id": np.repeat(["a", "b", "c", "d"], 2),
            "year": np.tile(np.array([1, 2], dtype=np.int32), 4),
            "in_sample": [True] * 8,
            "c": y.ravel(),
            "c_status": ["ok"] * 8,
            "policy": [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            "policy_status": ["ok"] * 8,
        }
    )
    raw = {**model("c", "did_poisson"), "cluster": "org_id"}
    estimate = estimate_model(rows, resolve_spec("m", raw))
    wanted = np.log((8 / 3) / (8 / 7))
    assert estimate.coefficient("att") == pytest.approx(wanted, abs=1e-10)
    assert estimate.diagnostics["att_levels"].value == pytest.approx((8 - 3 * 8 / 7) / 2)


def test_few_assigned_clusters_give_randomisation_inference_only() -> None:
    rows = world(3).filter(pl.col("city").is_in([f"c{i}" for i in range(20, 40)]))
    estimate = estimate_model(rows, resolve_spec("m", model("y", "did", draws=49)))
    assert np.isnan(estimate.std_errors).all()
    assert any("randomisation" in note for note in estimate.warnings)
    assert 0 < (estimate.diagnostics["randomisation"].p_value or 0) <= 1
    with pytest.raises(NotEstimable):
        estimate.hypothesis("att", np.eye(len(estimate.terms))[0], 1.0)


def test_randomisation_p_of_a_tiny_assignment_is_exact() -> None:
    """Four clusters, one treated: the true start is one of four equally likely ones."""
    y = np.array([[0.0, 5.0], [0.0, 1.0], [0.0, 2.0], [0.0, 0.5]])
    panel = StaggeredPanel(
        y,
        np.array([1, 2]),
        np.array([2, np.inf, np.inf, np.inf]),
        np.arange(4),
        np.zeros((4, 2, 0)),
    )

    def gap(p: StaggeredPanel) -> float:
        return float(group_time_effects(p).att[-1])

    _, p, used = randomisation_p(panel, gap, draws=4000, seed=1)
    assert used == 4000
    assert p == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("outcome", "estimator"), [("y", "did"), ("y", "sun_abraham"), ("c", "did_poisson")]
)
def test_firms_that_enter_under_the_policy_leave(outcome: str, estimator: str) -> None:
    """Their first year is no start: numbers are those of a panel without them."""
    whole = world(3)
    starts = whole.filter(pl.col("policy") == 1).group_by("org_id").agg(start=pl.col("year").min())
    some = starts.sort("org_id")["org_id"][:20]
    late = whole.join(starts, on="org_id", how="left").filter(
        ~(pl.col("org_id").is_in(some.implode()) & (pl.col("year") <= pl.col("start")))
    )
    spec = resolve_spec("m", model(outcome, estimator))
    entered = estimate_model(late.drop("start"), spec)
    without = estimate_model(whole.filter(~pl.col("org_id").is_in(some.implode())), spec)
    assert entered.n_obs == without.n_obs
    assert entered.coefficients == pytest.approx(without.coefficients, abs=1e-12)
    assert sum(entered.dropped.values()) > 0


def test_a_continuous_policy_is_refused() -> None:
    raw = model("y", "did")
    raw["options"] = {"treatment": "dose"}
    with pytest.raises(NotEstimable, match="not a 0/1 policy"):
        estimate_model(world(1, n=60), resolve_spec("m", raw))


def test_doubly_robust_influence_is_that_of_the_jackknife() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    d = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x[:, 1]))).astype(float)
    change = x @ [0.2, 0.5, -0.3] + 0.4 * d + rng.normal(size=n)
    for method in ("dr", "reg", "ipw"):
        att, psi = two_period_effect(change, d, x, method)
        some = np.arange(0, n, 200)
        left = [
            two_period_effect(
                np.delete(change, i), np.delete(d, i), np.delete(x, i, axis=0), method
            )[0]
            for i in some
        ]
        jackknife = (n - 1) * (att - np.array(left))
        assert psi[some] == pytest.approx(jackknife, abs=0.03)
        assert abs(psi.mean()) < 1e-10


def test_bands_cover_at_the_sup_t_value() -> None:
    rng = np.random.default_rng(1)
    by_cluster = rng.normal(size=(400, 6)) / 400
    bands = multiplier_bands(np.zeros(6), by_cluster, draws=4000, seed=2)
    assert bands.std_error == pytest.approx(np.sqrt((by_cluster**2).sum(axis=0)), rel=0.06)
    assert bands.critical == pytest.approx(2.63, abs=0.08)  # independent: (0.95)^(1/6) quantile


def test_clusters_enter_as_sums() -> None:
    influence = np.array([[1.0], [2.0], [3.0], [-6.0]])
    summed = cluster_influence(influence, np.array([0, 0, 1, 1]))
    assert summed.ravel().tolist() == [0.75, -0.75]


def test_sun_abraham_without_covariates_equals_cell_means() -> None:
    rng = np.random.default_rng(8)
    y = rng.normal(size=(40, 5))
    cohort = np.repeat([3.0, 4.0, np.inf, np.inf], 10)
    panel = StaggeredPanel(y, np.arange(1, 6), cohort, np.arange(40), np.zeros((40, 5, 0)))
    study = sun_abraham(panel)
    mean = {c: y[cohort == c].mean(axis=0) for c in (3.0, 4.0, np.inf)}
    for (g, e), value in zip(study.cells, study.cell_estimate, strict=True):
        now, base = int(g + e) - 1, int(g) - 2
        wanted = (mean[g][now] - mean[g][base]) - (mean[np.inf][now] - mean[np.inf][base])
        assert value == pytest.approx(wanted, abs=1e-10)


def test_two_way_share_of_clean_comparisons() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=(30, 6))
    cohort = np.repeat([2.0, 4.0, np.inf], 10)
    panel = StaggeredPanel(y, np.arange(1, 7), cohort, np.arange(30), np.zeros((30, 6, 0)))
    terms = bacon_decomposition(panel)
    treated = (np.arange(1, 7)[None, :] >= cohort[:, None]).astype(float).ravel()
    effects = make_effects(
        np.repeat(np.arange(30), 6), np.tile(np.arange(6), 30), ("org_id", "year")
    )
    fit = absorbed_ols(treated[:, None], y.ravel(), effects)
    total = sum(t.weight * t.estimate for t in terms)
    assert total == pytest.approx(fit.coefficients[0], abs=1e-12)
