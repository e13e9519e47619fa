"""Estimators on dyads: likelihoods, dyadic covariance, change statistics, planted values."""

import itertools

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.discrete.conditional_models import ConditionalLogit

from tertius.estimate import NotEstimable, estimate_model
from tertius.estimate.binary import binary_regression, multinomial_regression
from tertius.estimate.choice_core import (
    conditional_logit,
    prior_correction,
    rare_event_logit,
    ruled_out,
)
from tertius.estimate.dyadic import duration_columns, life_table
from tertius.model_spec import resolve_spec
from tertius.network_terms import NODE_TERMS, change_statistics, graph_statistics, make_graph


def binary_world(seed: int, n: int = 800) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    y = (rng.random(n) < 1 / (1 + np.exp(1 - x[:, 1]))).astype(float)
    return x, y


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_binary_regression_equals_statsmodels(link: str) -> None:
    x, y = binary_world(1)
    weights = np.random.default_rng(2).integers(1, 4, len(y)).astype(float)
    fit = binary_regression(x, y, link=link, weights=weights)
    family = sm.families.Binomial(
        sm.families.links.CLogLog() if link == "cloglog" else sm.families.links.Logit()
    )
    wanted = sm.GLM(y, x, family=family, freq_weights=weights).fit(tol=1e-12)
    assert fit.coefficients == pytest.approx(wanted.params, rel=1e-7)
    assert np.sqrt(np.diag(fit.bread)) == pytest.approx(wanted.bse, rel=1e-6)
    assert fit.log_likelihood == pytest.approx(wanted.llf, abs=1e-7)


def test_multinomial_equals_statsmodels() -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(600), rng.normal(size=(600, 2))])
    utility = np.column_stack([np.zeros(600), x @ [0.2, 1, 0], x @ [-0.4, 0, 0.7]])
    outcome = (utility + rng.gumbel(size=(600, 3))).argmax(axis=1)
    fit = multinomial_regression(x, outcome, 3)
    wanted = sm.MNLogit(outcome, x).fit(disp=0, method="newton", tol=1e-12)
    assert fit.coefficients == pytest.approx(wanted.params, abs=1e-8)
    assert pytest.approx(wanted.bse, rel=1e-6) == np.sqrt(np.diag(fit.bread)).reshape(2, 3).T
    assert fit.scores.sum(axis=0) == pytest.approx(np.zeros(6), abs=1e-8)


def test_a_step_that_brings_little_is_shortened() -> None:
    """A rare regressor that decides choices: here plain halving steps into a flat part."""
    n, m = 1000, 11
    rng = np.random.default_rng(641773)
    tied = (rng.random(n * m) < 0.04).astype(float)
    rare = np.repeat(rng.random(n) < 0.03, m).astype(float)
    skewed = np.repeat(rng.exponential(1, n) ** 2, m)
    x = np.column_stack([tied, tied * rare, rng.standard_normal(n * m), tied * skewed])
    truth = np.array([3.0, 2.0, 0.5, 0.2])
    index = (x @ truth + rng.gumbel(size=n * m)).reshape(n, m)
    chosen = np.zeros((n, m))
    chosen[np.arange(n), index.argmax(axis=1)] = 1
    fit = conditional_logit(x, chosen.ravel(), np.repeat(np.arange(n), m))
    assert fit.scores.sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-7)
    assert fit.iterations < 20
    assert (np.abs(fit.coefficients - truth) < 3.5 * np.sqrt(np.diag(fit.bread))).all()


def test_alternatives_that_a_regressor_rules_out_leave() -> None:
    """As the slope of a mark that is chosen wherever it varies grows, the others have no chance."""
    n, m = 300, 4
    rng = np.random.default_rng(3)
    gap = rng.normal(size=(n, m))
    choice = (gap + rng.gumbel(size=(n, m))).argmax(axis=1)
    chosen = np.zeros((n, m))
    chosen[np.arange(n), choice] = 1
    mark = np.zeros((n, m))
    mark[np.arange(6), choice[:6]] = 1  # in one stratum a second alternative has it too
    mark[0, (choice[0] + 1) % m] = 1
    x, stratum = np.column_stack([gap.ravel(), mark.ravel()]), np.repeat(np.arange(n), m)
    out = ruled_out(x, chosen.ravel(), stratum)
    assert (out.reshape(n, m)[:6] == (mark[:6] == 0)).all()
    assert not out.reshape(n, m)[6:].any()
    left = ~out & (stratum[:, None] != np.arange(1, 6)).all(axis=1)
    wanted = conditional_logit(x[left, :1], chosen.ravel()[left], stratum[left])
    far = np.where(mark.ravel() == 1, 60.0, 0.0)
    limit = conditional_logit(x[:, :1], chosen.ravel(), stratum, far)
    assert limit.coefficients == pytest.approx(wanted.coefficients, abs=1e-9)
    # A mark that is passed over once rules nothing out.
    mark[7, (choice[7] + 1) % m] = 1
    assert not ruled_out(np.c_[gap.ravel(), mark.ravel()], chosen.ravel(), stratum).any()


def test_conditional_logit_equals_statsmodels() -> None:
    rng = np.random.default_rng(4)
    stratum = np.repeat(np.arange(200), 5)
    x = rng.normal(size=(1000, 3))
    best = (x @ [1, -0.5, 0.2] + rng.gumbel(size=1000)).reshape(200, 5).argmax(axis=1)
    chosen = np.zeros(1000)
    chosen[np.arange(200) * 5 + best] = 1
    fit = conditional_logit(x, chosen, stratum)
    model = ConditionalLogit(chosen, x, groups=stratum)
    wanted = model.fit(disp=0, method="newton", skip_hessian=True)
    assert fit.coefficients == pytest.approx(wanted.params, abs=1e-6)
    assert fit.log_likelihood == pytest.approx(model.loglike(fit.coefficients), abs=1e-8)
    assert model.score(fit.coefficients) == pytest.approx(np.zeros(3), abs=1e-7)


def test_two_alternatives_are_a_logit_of_differences() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 2))
    chosen = np.zeros(400)
    chosen[np.arange(200) * 2 + rng.integers(0, 2, 200)] = 1
    fit = conditional_logit(x, chosen, np.repeat(np.arange(200), 2))
    plain = binary_regression(x[1::2] - x[::2], chosen[1::2])
    assert fit.coefficients == pytest.approx(plain.coefficients, abs=1e-9)
    assert fit.bread == pytest.approx(plain.bread, rel=1e-8)


def test_prior_correction_of_the_worked_answer() -> None:
    assert prior_correction(0.001, 0.2) == pytest.approx(5.520460, abs=1e-6)


def test_prior_correction_moves_the_constant_alone() -> None:
    x, y = binary_world(6)
    plain = rare_event_logit(x, y, correct_bias=False)
    moved = rare_event_logit(x, y, population_rate=0.01, correct_bias=False)
    gap = plain.coefficients - moved.coefficients
    assert gap == pytest.approx([prior_correction(0.01, y.mean()), 0, 0], abs=1e-12)


def test_bias_correction_of_a_share_is_the_textbook_one() -> None:
    """Only a constant: the bias of logit(p) is (p - .5) / (n p (1 - p)) to first order."""
    y = np.r_[np.ones(3), np.zeros(37)]
    fit = rare_event_logit(np.ones((40, 1)), y)
    p = 3 / 40
    wanted = np.log(p / (1 - p)) - (p - 0.5) / (40 * p * (1 - p))
    assert fit.coefficients[0] == pytest.approx(wanted, abs=1e-10)


def test_perfect_prediction_is_refused() -> None:
    x = np.column_stack([np.ones(40), np.linspace(-1, 1, 40)])
    with pytest.raises(NotEstimable):
        binary_regression(x, (x[:, 1] > 0).astype(float))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1.5))
def test_change_statistics_are_differences_of_statistics(seed: int, decay: float) -> None:
    rng = np.random.default_rng(seed)
    n = 10
    pairs = np.array(list(itertools.combinations(range(n), 2)))
    tied = rng.random(len(pairs)) < 0.35
    graph = make_graph(pairs[tied, 0], pairs[tied, 1], n)
    change = change_statistics(graph, pairs[:, 0], pairs[:, 1], NODE_TERMS, decay)
    for place in rng.choice(len(pairs), 12, replace=False):
        values = []
        for state in (True, False):
            now = tied.copy()
            now[place] = state
            toggled = make_graph(pairs[now, 0], pairs[now, 1], n)
            values.append(graph_statistics(toggled, NODE_TERMS, decay))
        assert change[place] == pytest.approx(values[0] - values[1], abs=1e-9)


def test_life_table_by_hand() -> None:
    """Five ties: ends after 1, 2 and 2 years, one censored at 2, one that enters at 2 and stays."""
    duration = np.array([1, 1, 1, 1, 2, 2, 2, 2, 3.0])
    ended = np.array([1, 0, 0, 0, 1, 1, 0, 0, 0.0])
    table = life_table(duration, ended)
    assert table["at_risk"].to_list() == [4, 4, 1]
    assert table["survival"].to_list() == pytest.approx([0.75, 0.375, 0.375])
    assert table["std_error"][0] == pytest.approx(np.sqrt(0.75 * 0.25 / 4))


def test_dummies_reproduce_the_life_table_hazards() -> None:
    rng = np.random.default_rng(7)
    duration = rng.integers(1, 5, 400).astype(float)
    ended = (rng.random(400) < 0.1 * duration).astype(float)
    columns, _ = duration_columns(duration, "dummies")
    x = np.column_stack([np.ones(400), columns])
    fit = binary_regression(x, ended, link="cloglog")
    table = life_table(duration, ended)
    fitted = [fit.fitted[duration == d][0] for d in table["duration"]]
    assert fitted == pytest.approx(table["hazard"].to_list(), abs=1e-9)


def dyads(seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = 40
    names = [f"o{i:02d}" for i in range(n)]
    level = rng.normal(size=n)
    pairs = [(i, j, t) for t in range(6) for i, j in itertools.combinations(range(n), 2)]
    first, second, year = (np.array(c) for c in zip(*pairs, strict=True))
    gap, x = np.abs(level[first] - level[second]), rng.normal(size=len(pairs))
    duration = rng.integers(1, 9, len(pairs)).astype(float)
    index = -2 - 0.8 * gap + 0.5 * x
    event = (rng.random(len(pairs)) < 1 / (1 + np.exp(-index))).astype(float)
    hazard = -np.expm1(-np.exp(-2 + 0.5 * x + 0.4 * np.log(duration)))
    ended = (rng.random(len(pairs)) < hazard).astype(float)
    utility = np.column_stack([0 * x, -2 + 0.5 * x, -2.5 - 0.5 * x])
    cause = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1).astype(float)
    best = np.zeros(len(pairs))
    chooser = np.array([f"{names[i]}>{t}" for i, t in zip(first, year, strict=True)])
    score = 1.5 * x - gap + rng.gumbel(size=len(pairs))
    for name in np.unique(chooser):
        rows = np.flatnonzero(chooser == name)
        best[rows[score[rows].argmax()]] = 1
    data: dict[str, object] = {
        "org_id": [f"{names[i]}|{names[j]}" for i, j in zip(first, second, strict=True)],
        "year": (2000 + year).astype(np.int32),
        "a": [names[i] for i in first],
        "b": [names[j] for j in second],
        "stratum": chooser,
        "in_sample": np.ones(len(pairs), dtype=bool),
    }
    columns = {
        "gap": gap,
        "x": x,
        "event": event,
        "ended": ended,
        "cause": cause,
        "best": best,
        "duration": duration,
    }
    for name, values in columns.items():
        data[name] = values
        data[f"{name}_status"] = ["ok"] * len(pairs)
    return pl.DataFrame(data)


@pytest.mark.parametrize(
    ("estimator", "outcome", "options", "truth"),
    [
        ("rare_event_logit", "event", {}, {"gap": -0.8, "x": 0.5}),
        ("conditional_logit", "best", {}, {"gap": -1.0, "x": 1.5}),
        ("hazard", "ended", {"duration": "duration"}, {"x": 0.5, "log(duration)": 0.4}),
        (
            "competing_hazards",
            "cause",
            {"duration": "duration"},
            {"x[cause 1]": 0.5, "x[cause 2]": -0.5},
        ),
        ("tergm", "event", {"draws": 60}, {"gap": -0.8, "x": 0.5}),
    ],
)
def test_planted_values(
    estimator: str, outcome: str, options: dict[str, object], truth: dict[str, float]
) -> None:
    raw = {
        "outcome": outcome,
        "lead": 0,
        "estimator": estimator,
        "terms": ["gap", "x"],
        "winsor": None,
        "options": options,
    }
    estimate = estimate_model(dyads(9), resolve_spec("m", raw))
    for term, value in truth.items():
        place = estimate.terms.index(term)
        assert 0 < estimate.std_errors[place] < 0.3
        assert abs(estimate.coefficients[place] - value) < 3.5 * estimate.std_errors[place]
    assert estimate.covariance.shape == (len(estimate.terms),) * 2
    assert ("dyadic" in estimate.diagnostics) == (estimator != "tergm")


def test_result_is_free_of_row_order_and_member_order() -> None:
    raw = {"outcome": "event", "lead": 0, "estimator": "rare_event_logit", "terms": ["gap", "x"]}
    rows = dyads(9)
    turned = rows.sample(fraction=1.0, shuffle=True, seed=1).rename({"a": "b", "b": "a"})
    first, second = (estimate_model(r, resolve_spec("m", raw)) for r in (rows, turned))
    assert first.coefficients.tolist() == second.coefficients.tolist()
    assert first.std_errors == pytest.approx(second.std_errors, rel=1e-12)


def test_population_rate_comes_from_the_sampling_rates() -> None:
    rng = np.random.default_rng(3)
    rows = dyads(9)
    draw = pl.Series(rng.random(rows.height) < 0.3)
    sampled = rows.filter((pl.col("event") == 1) | draw).with_columns(
        rate=pl.when(pl.col("event") == 1).then(1.0).otherwise(0.3)
    )
    raw = {"outcome": "event", "lead": 0, "estimator": "rare_event_logit", "terms": ["gap", "x"]}
    whole = estimate_model(rows, resolve_spec("m", {**raw, "effects": []}))
    part = estimate_model(
        sampled, resolve_spec("m", {**raw, "effects": [], "options": {"rate": "rate"}})
    )
    place = whole.terms.index("constant")
    assert part.coefficients == pytest.approx(whole.coefficients, abs=0.2)
    uncorrected = estimate_model(sampled, resolve_spec("m", {**raw, "effects": []}))
    assert uncorrected.coefficients[place] - whole.coefficients[place] > 0.9


def test_counts_as_outcomes_are_refused() -> None:
    raw = {"outcome": "duration", "lead": 0, "estimator": "rare_event_logit", "terms": ["x"]}
    with pytest.raises(NotEstimable, match="0 or 1"):
        estimate_model(dyads(9), resolve_spec("m", raw))
