"""Panel thresholds and kinks: the worked answer, fits candidate by candidate, planted values."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.estimate import NotEstimable, estimate_model
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.threshold import (
    ThresholdData,
    bootstrap_p,
    candidate_grid,
    critical_value,
    kink_critical_value,
    switch_columns,
    threshold_curve,
)
from tertius.estimate.threshold_search import SearchSettings, search_kink, search_thresholds
from tertius.estimate.two_way import make_effects
from tertius.model_spec import resolve_spec
from tertius.problems import InputError

# three firms, three years: firm, year, x, q, y
WORKED = np.array(
    [
        (1, 1, 1, 1, 2.0),
        (1, 2, 2, 2, 4.1),
        (1, 3, 3, 3, 3.9),
        (2, 1, 1, 2, 5.0),
        (2, 2, 4, 3, 6.2),
        (2, 3, 2, 1, 7.1),
        (3, 1, 2, 3, 1.0),
        (3, 2, 3, 1, 4.0),
        (3, 3, 1, 2, -1.1),
    ]
)


def worked() -> ThresholdData:
    firm = (WORKED[:, 0] - 1).astype(np.int64)
    effects = make_effects(firm, firm, ("org_id",))
    return ThresholdData(
        WORKED[:, 4], WORKED[:, 2], np.zeros((9, 0)), WORKED[:, 3], effects, regime_intercept=False
    )


def simulated(seed: int, *, years: bool, level: bool, kink: bool) -> ThresholdData:
    rng = np.random.default_rng(seed)
    firm, year = (code.ravel() for code in np.mgrid[0:40, 0:7])
    keep = rng.random(len(firm)) < 0.9
    firm, year = firm[keep], year[keep]
    x, w = rng.normal(size=len(firm)), rng.normal(size=(len(firm), 2))
    q = x if kink else rng.normal(size=len(firm))
    y = x * (1 + (q > 0.3)) + w @ [1.0, 2.0] + rng.normal(size=len(firm))
    effects = make_effects(firm, year, ("org_id", "year") if years else ("org_id",))
    return ThresholdData(y, x, w, q, effects, level, kink)


def refitted(data: ThresholdData, given: tuple[float, ...], gamma: float) -> float:
    columns = [switch_columns(data, g) for g in (*given, gamma)]
    fit = absorbed_ols(np.hstack([data.x[:, None], data.w, *columns]), data.y, data.effects)
    return float(fit.residuals @ fit.residuals)


def test_worked_answer_of_a_threshold() -> None:
    curve = threshold_curve(worked(), trim=0.01)
    assert curve.ssr0 == pytest.approx(10.097821, abs=1e-6)
    assert curve.grid.tolist() == [1.0, 2.0]
    assert curve.ssr == pytest.approx([3.952444, 3.060070], abs=1e-6)
    assert curve.gamma == 2.0
    assert curve.variance == pytest.approx(0.510012, abs=1e-6)
    assert curve.f_statistic == pytest.approx(13.799195, abs=1e-6)
    assert curve.likelihood_ratio[0] == pytest.approx(1.749713, abs=1e-6)
    assert curve.interval(critical_value(0.10)) == (1.0, 2.0)


def test_worked_slopes_of_the_regimes() -> None:
    data = worked()
    below = (data.q <= 2).astype(float)
    columns = np.column_stack([data.x * below, data.x * (1 - below)])
    fit = absorbed_ols(columns, data.y, data.effects)
    assert fit.coefficients == pytest.approx([1.969565, 1.062369], abs=1e-6)


def test_critical_values_have_a_closed_form() -> None:
    values = [critical_value(a) for a in (0.10, 0.075, 0.05, 0.01)]
    assert values == pytest.approx([5.9395, 6.5282, 7.3523, 10.5916], abs=5e-5)


@pytest.mark.parametrize("years", [True, False])
@pytest.mark.parametrize(("level", "kink"), [(True, False), (False, False), (False, True)])
@pytest.mark.parametrize("given_gammas", [(), (-0.5,)])
def test_curve_equals_a_fit_a_candidate(
    years: bool, level: bool, kink: bool, given_gammas: tuple[float, ...]
) -> None:
    data = simulated(1, years=years, level=level, kink=kink)
    curve = threshold_curve(data, given_gammas, n_grid=30)
    wanted = [refitted(data, given_gammas, float(g)) for g in curve.grid]
    assert curve.ssr == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("scheme", ["rademacher", "resample"])
def test_bootstrap_equals_refits(scheme: str) -> None:
    rng = np.random.default_rng(5)
    n, years = 25, 6
    firm, year = (code.ravel() for code in np.mgrid[0:n, 0:years])
    x, q = rng.normal(size=(2, n * years))
    effects = make_effects(firm, year, ("org_id", "year"))
    y = x + 0.35 * x * (q > 0) + rng.normal(size=n * years)
    data = ThresholdData(y, x, np.zeros((n * years, 0)), q, effects)
    curve = threshold_curve(data, n_grid=20)
    columns = np.hstack([x[:, None], switch_columns(data, curve.gamma)])
    residuals = absorbed_ols(columns, y, effects).residuals
    p = bootstrap_p(data, curve, residuals, (), draws=60, seed=9, scheme=scheme)
    rng = np.random.default_rng(9)
    signs = rng.choice([-1.0, 1.0], size=(60, n)) if scheme == "rademacher" else None
    exceed = 0
    for draw in range(60):
        if signs is not None:
            outcome = residuals * signs[draw][firm]
        else:
            outcome = residuals.reshape(n, years)[rng.integers(0, n, n)].ravel()
        again = ThresholdData(outcome, x, data.w, q, effects)
        exceed += threshold_curve(again, n_grid=20).f_statistic >= curve.f_statistic
    assert p == (1 + exceed) / 61


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 5.0))
def test_curve_is_free_of_levels_and_units(seed: int, unit: float) -> None:
    data = simulated(seed, years=True, level=True, kink=False)
    shift = np.random.default_rng(seed).normal(size=data.effects.n_groups)[data.effects.group]
    moved = ThresholdData(
        data.y + shift + 3 * data.x, data.x * unit, data.w, data.q, data.effects, True
    )
    base, other = threshold_curve(data, n_grid=25), threshold_curve(moved, n_grid=25)
    assert other.ssr == pytest.approx(base.ssr, rel=1e-8)


def test_two_thresholds_are_found_and_a_third_is_not() -> None:
    rng = np.random.default_rng(11)
    firm, year = (code.ravel() for code in np.mgrid[0:150, 0:10])
    x, q = rng.normal(size=len(firm)), rng.uniform(size=len(firm))
    y = x * np.select([q <= 0.3, q <= 0.7], [0.0, 1.0], 2.5) + rng.normal(size=len(firm))
    data = ThresholdData(
        y, x, np.zeros((len(x), 0)), q, make_effects(firm, year, ("org_id", "year"))
    )
    steps = search_thresholds(data, 3, SearchSettings(draws=99, n_grid=200))
    assert [s.accepted for s in steps] == [True, True, False]
    assert sorted(s.gamma for s in steps[:2]) == pytest.approx([0.3, 0.7], abs=0.03)
    assert all(s.low <= s.gamma <= s.high for s in steps)


def test_no_room_for_a_threshold_is_refused() -> None:
    with pytest.raises(NotEstimable, match="splits rows"):
        candidate_grid(np.ones(20))


def frame(**columns: np.ndarray) -> pl.DataFrame:
    n_firms, n_years = 120, 8
    firm, year = (code.ravel() for code in np.mgrid[0:n_firms, 0:n_years])
    data: dict[str, object] = {
        "org_id": [f"f{i:04d}" for i in firm],
        "year": (2000 + year).astype(np.int32),
        "in_sample": np.ones(len(firm), dtype=bool),
    }
    for name, values in columns.items():
        data[name] = values.astype(float)
        data[f"{name}_status"] = ["ok"] * len(firm)
    return pl.DataFrame(data)


def model(outcome: str, estimator: str, **options: object) -> dict[str, object]:
    return {
        "outcome": outcome,
        "lead": 0,
        "estimator": estimator,
        "terms": ["x"],
        "winsor": None,
        "options": options,
    }


def test_kink_estimator_recovers_slope_change_and_place() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=960) * 1.5
    y = np.repeat(rng.normal(size=120), 8) + x - 0.8 * np.maximum(x - 0.5, 0)
    y += rng.normal(size=960) * 0.5
    estimate = estimate_model(frame(x=x, y=y), resolve_spec("m", model("y", "kink", draws=99)))
    truth = {"x": 1.0, "x[change above kink]": -0.8, "kink": 0.5}
    for term, value in truth.items():
        place = estimate.terms.index(term)
        assert abs(estimate.coefficients[place] - value) < 3 * estimate.std_errors[place]
    assert estimate.std_errors[-1] < 0.15
    assert estimate.diagnostics["kink"].p_value == pytest.approx(0.01)


def test_critical_value_of_a_kink_equals_refits() -> None:
    """y* = fitted kink model + residuals of each firm under a sign; LR* at the fitted kink."""
    data = simulated(3, years=True, level=False, kink=True)
    curve = threshold_curve(data, n_grid=70)
    bend = switch_columns(data, curve.gamma)
    fit = absorbed_ols(np.hstack([data.x[:, None], data.w, bend]), data.y, data.effects)
    critical = kink_critical_value(data, curve, fit.residuals, level=0.9, draws=40, seed=4)
    signs = np.random.default_rng(4).choice([-1.0, 1.0], size=(40, data.effects.n_groups))
    ratios = []
    for row in signs:
        again = data.y - fit.residuals + fit.residuals * row[data.effects.group]
        drawn = threshold_curve(replace(data, y=again), n_grid=70)
        ratios.append(drawn.likelihood_ratio[curve.best])
    assert critical == pytest.approx(np.quantile(ratios, 0.9, method="higher"), rel=1e-6)


def test_interval_of_a_kink_holds_its_estimate_and_grows_with_the_level() -> None:
    data = simulated(4, years=True, level=False, kink=True)
    steps = [search_kink(data, SearchSettings(draws=99, level=level)) for level in (0.8, 0.95)]
    assert all(step.low <= step.gamma <= step.high for step in steps)
    assert steps[1].low <= steps[0].low
    assert steps[0].high <= steps[1].high
    assert steps[1].high - steps[1].low > steps[0].high - steps[0].low


def test_count_threshold_is_the_least_deviance_of_refits() -> None:
    rng = np.random.default_rng(4)
    x, q = rng.normal(size=960), rng.uniform(size=960)
    mean = np.exp(0.5 * np.repeat(rng.normal(size=120), 8) + 0.4 * x * (q > 0.6))
    data = frame(x=x, q=q, c=rng.poisson(mean).astype(float))
    spec = resolve_spec(
        "m", model("c", "threshold_poisson", threshold="q", draws=99, grid=20, trim=0.1)
    )
    estimate = estimate_model(data, spec)
    curve = estimate.tables["threshold_curve"]
    best = curve.row(by_predicate=pl.col("deviance") == 0)[0]
    assert best == pytest.approx(0.6, abs=0.05)
    deviances = []
    for gamma in curve["gamma"].to_list():
        split = frame(
            x=x * (q <= gamma), z=x * (q > gamma), a=(q > gamma) * 1.0, c=data["c"].to_numpy()
        )
        plain = {"outcome": "c", "lead": 0, "estimator": "fe_poisson", "winsor": None}
        fit = estimate_model(split, resolve_spec("p", {**plain, "terms": ["x", "z", "a"]}))
        deviances.append(fit.statistics["deviance"])
        if gamma == best:
            assert estimate.coefficients == pytest.approx(fit.coefficients, abs=1e-8)
            assert estimate.std_errors == pytest.approx(fit.std_errors, rel=1e-8)
    gaps = np.array(deviances) - min(deviances)
    assert curve["deviance"].to_numpy() == pytest.approx(gaps, abs=1e-6)


def test_threshold_without_firm_effects_is_refused() -> None:
    raw = {**model("y", "threshold"), "effects": ["year"]}
    with pytest.raises(InputError, match="firm effects are required"):
        resolve_spec("m", raw)


def test_resampled_vectors_need_a_balanced_panel() -> None:
    data = simulated(1, years=True, level=True, kink=False)
    curve = threshold_curve(data, n_grid=10)
    with pytest.raises(NotEstimable, match="balanced"):
        bootstrap_p(data, curve, data.y, (), draws=5, seed=1, scheme="resample")


def test_undefined_rows_have_no_side_of_a_threshold() -> None:
    rng = np.random.default_rng(0)
    data = frame(x=rng.normal(size=960), y=rng.normal(size=960))
    rows = pl.int_range(960) < 30
    data = data.with_columns(
        pl.when(~rows).then(pl.col("x")),
        x_status=pl.when(rows).then(pl.lit("undefined_isolate")).otherwise(pl.lit("ok")),
    )
    with pytest.raises(NotEstimable, match="drop them"):
        estimate_model(data, resolve_spec("m", model("y", "kink", draws=5)))
