"""Matching, entropy balancing, dose response: balance, brute force, planted effects, refusals."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.estimate import NotEstimable, estimate_model
from tertius.estimate.balancing import (
    balance_of,
    balanced_effect,
    continuous_weights,
    entropy_weights,
    nearest_neighbours,
)
from tertius.estimate.matching import dose_response
from tertius.model_spec import resolve_spec


def confounded(seed: int, n: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    d = (rng.random(n) < 1 / (1 + np.exp(0.5 - x[:, 0]))).astype(float)
    y = x @ [1.0, 0.5, 0.0] + 0.7 * d + rng.normal(size=n)
    return x, d, y


def test_entropy_weights_balance_exactly_and_stay_nearest_to_uniform() -> None:
    x, d, _ = confounded(1)
    weight = entropy_weights(x, d)
    assert weight.sum() == pytest.approx(1)
    assert (weight[d == 0] > 0).all()
    assert weight @ x == pytest.approx(x[d == 1].mean(axis=0), abs=1e-9)
    # optimality: the log weights are linear in x
    control = np.column_stack([np.ones(int((d == 0).sum())), x[d == 0]])
    log_weight = np.log(weight[d == 0])
    slopes = np.linalg.lstsq(control, log_weight, rcond=None)[0]
    assert control @ slopes == pytest.approx(log_weight, abs=1e-9)


def test_means_out_of_reach_are_refused() -> None:
    x = np.r_[np.zeros(20), np.full(5, 3.0)][:, None] + np.linspace(0, 1, 25)[:, None]
    with pytest.raises(NotEstimable):
        entropy_weights(x, np.r_[np.zeros(20), np.ones(5)])


def test_influence_of_balancing_is_that_of_the_jackknife() -> None:
    x, d, y = confounded(2, n=3000)
    effect, psi = balanced_effect(y, d, x, entropy_weights(x, d))
    assert effect == pytest.approx(0.7, abs=0.2)
    some = np.arange(0, 3000, 150)
    jackknife = []
    for i in some:
        keep = np.delete(np.arange(3000), i)
        weight = entropy_weights(x[keep], d[keep])
        jackknife.append(2999 * (effect - balanced_effect(y[keep], d[keep], x[keep], weight)[0]))
    assert psi[some] == pytest.approx(np.array(jackknife), abs=0.05)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.booleans())
def test_neighbours_equal_a_full_search(seed: int, neighbours: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 12, 40).astype(float) if ties else rng.normal(size=40)
    block = rng.integers(0, 2, 40)
    rows, pool = np.arange(12), np.arange(12, 40)
    found = nearest_neighbours(score, rows, pool, neighbours, 2.5, block)
    for row in rows:
        same = pool[block[pool] == block[row]]
        distance = np.abs(score[same] - score[row])
        limit = np.sort(distance)[min(neighbours, len(same)) - 1] if len(same) else 0
        wanted = set(same[(distance <= limit + 1e-12) & (distance <= 2.5)].tolist())
        assert set(found.other[found.row == row].tolist()) == wanted
        assert (row in found.unmatched) == (not wanted)


def test_balance_by_hand() -> None:
    x = np.array([[1.0], [3.0], [0.0], [4.0]])
    d = np.array([1.0, 1.0, 0.0, 0.0])
    made = balance_of(x, d, np.array([1, 1, 0.75, 0.25]))
    assert made.difference_before[0] == pytest.approx(0.0)
    assert made.difference_after[0] == pytest.approx(1 / np.sqrt(2))
    assert made.ratio_before[0] == pytest.approx(2 / 8)
    lost = balance_of(x, d, np.array([0, 1, 0.25, 0.75]))
    assert lost.difference_after[0] == pytest.approx(0.0)


def test_continuous_weights_make_dose_and_covariates_uncorrelated() -> None:
    x, _, y = confounded(3)
    dose = 0.6 * x[:, 0] + y
    weight = continuous_weights(dose, x)
    assert weight.sum() == pytest.approx(1)
    assert (weight > 0).all()
    assert weight @ x == pytest.approx(x.mean(axis=0), abs=1e-9)
    assert weight @ dose == pytest.approx(dose.mean(), abs=1e-9)
    for power in (1, 2):
        covariance = weight @ ((x - x.mean(axis=0)) * (dose**power)[:, None])
        assert covariance == pytest.approx(np.zeros(3), abs=1e-8)


def frame(seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    firms, years = 300, 4
    firm, t = (code.ravel() for code in np.mgrid[0:firms, 0:years])
    x = np.repeat(rng.normal(size=firms), years) + 0.5 * rng.normal(size=firms * years)
    d = (rng.random(len(x)) < 1 / (1 + np.exp(0.7 - x))).astype(float)
    dose = 0.5 * x + rng.normal(size=len(x))
    data: dict[str, object] = {
        "org_id": [f"f{i:03d}" for i in firm],
        "year": (2000 + t).astype(np.int32),
        "in_sample": np.ones(len(x), dtype=bool),
    }
    columns = {
        "x": x,
        "policy": d,
        "split": (x > np.median(x)).astype(float),
        "dose": dose,
        "y": x + 0.7 * d + 0.1 * t + rng.normal(size=len(x)),
        "z": x + dose - 0.5 * dose**2 + rng.normal(size=len(x)),
    }
    for name, values in columns.items():
        data[name] = values
        data[f"{name}_status"] = ["ok"] * len(x)
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


@pytest.mark.parametrize("estimator", ["matching", "entropy_balance"])
def test_planted_effect_and_balance(estimator: str) -> None:
    tight = {"caliper": 0.05} if estimator == "matching" else {}
    spec = resolve_spec("m", model("y", estimator, treatment="policy", **tight))
    estimate = estimate_model(frame(5), spec)
    assert abs(estimate.coefficients[0] - 0.7) < 3 * estimate.std_errors[0]
    assert 0.03 < estimate.std_errors[0] < 0.2
    balance = estimate.tables["balance"].row(by_predicate=pl.col("term") == "x", named=True)
    assert abs(balance["difference_before"]) > 0.4
    assert abs(balance["difference_after"]) < 0.05


@pytest.mark.parametrize(("treatment", "code"), [("dose", "not_binary"), ("split", "misstep")])
def test_splits_and_doses_are_refused(treatment: str, code: str) -> None:
    for estimator in ("matching", "entropy_balance"):
        spec = resolve_spec("m", model("y", estimator, treatment=treatment))
        with pytest.raises(NotEstimable, match=r"dose|generalised") as refusal:
            estimate_model(frame(5), spec)
        assert refusal.value.reason_code == code


def test_dose_response_follows_the_planted_curve() -> None:
    estimate = estimate_model(
        frame(5), resolve_spec("m", model("z", "dose_response", dose="dose", draws=60))
    )
    table = estimate.tables["dose_response"]
    planted = (table["dose"] - 0.5 * table["dose"] ** 2).to_numpy()
    gap = table["mean"].to_numpy() - planted
    # the mean of x enters as a common level
    assert gap - gap.mean() == pytest.approx(np.zeros(9), abs=0.25)
    assert (table["std_error"] > 0).all()


def test_dose_response_of_a_randomised_line_is_the_line() -> None:
    rng = np.random.default_rng(1)
    dose = rng.normal(size=4000)
    y = 1 + 2 * dose
    at = np.array([-1.0, 0.0, 1.0])
    found = dose_response(y, dose, np.ones((4000, 1)), at, np.ones(4000))
    assert found == pytest.approx(1 + 2 * at, abs=1e-6)
