"""The Monte-Carlo harness: bands, determinism, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.monte_carlo import harness
from benchmarks.monte_carlo.harness import Bias, Case, Coverage, Outcome, Rate, Size
from benchmarks.monte_carlo.worlds import codes, estimate, frame_of
from tertius.estimate import NotEstimable, estimate_model
from tertius.model_spec import resolve_spec


def mean_of_normals(rng: np.random.Generator) -> dict[str, Outcome]:
    x = rng.normal(1.0, 1.0, 20)
    mean, error = float(x.mean()), float(x.std(ddof=1) / np.sqrt(20))
    width = stats.t.ppf(0.975, 19) * error
    p = float(2 * stats.t.sf(abs(mean - 1) / error, 19))
    return {"mean": Outcome(mean, mean - width, mean + width, p)}


CHECKS = (Coverage("mean", 1.0), Size("mean"), Bias("mean", 1.0), Rate("mean", 0.04, 0.06))


def test_a_right_procedure_passes_and_a_wrong_value_fails() -> None:
    case = Case("normals", mean_of_normals, CHECKS, draws=2000)
    found = harness.draws_of(case, 0, 2000)
    rows = harness.judge_case(case, found, len(CHECKS))
    assert [row["passed"] for row in rows] == [True] * 4
    assert (rows[1]["low"], rows[1]["high"]) == (0.036, 0.064)
    wrong = Case("normals", mean_of_normals, (Coverage("mean", 1.2), Bias("mean", 1.2)))
    assert [row["passed"] for row in harness.judge_case(wrong, found, 2)] == [False, False]


def test_bands_are_exact_binomial_ones() -> None:
    case = Case("normals", mean_of_normals, (Coverage("mean", 1.0), Size("mean")), draws=500)
    rows = harness.judge_case(case, harness.draws_of(case, 0, 500), 10)
    law = stats.binom(500, 0.95)
    low, high = round(rows[0]["low"] * 500), round(rows[0]["high"] * 500)
    assert law.cdf(low - 1) <= 5e-5 < law.cdf(low)
    assert law.sf(high) <= 5e-5 < law.sf(high - 1)
    composite = Case("normals", mean_of_normals, (Size("mean", composite=True),), draws=500)
    (row,) = harness.judge_case(composite, harness.draws_of(case, 0, 500), 10)
    assert (row["low"], row["high"]) == (0.0, rows[1]["high"])


def test_draws_do_not_depend_on_how_they_are_split() -> None:
    case = Case("normals", mean_of_normals, CHECKS)
    whole = harness.draws_of(case, 0, 7)
    assert whole == [*harness.draws_of(case, 0, 3), *harness.draws_of(case, 3, 7)]
    assert whole[0] != harness.draws_of(Case("other", mean_of_normals, ()), 0, 1)[0]


@pytest.mark.parametrize(("allowed", "passed"), [(0.0, False), (0.5, True)])
def test_refusals_are_counted(allowed: float, passed: bool) -> None:
    def refuses(rng: np.random.Generator) -> dict[str, Outcome]:
        if rng.random() < 0.2:
            raise NotEstimable("collinear", "x", "x is collinear")
        return {"mean": Outcome(rng.normal())}

    case = Case("refusing", refuses, (Bias("mean", 0.0),), failures=allowed)
    found = harness.draws_of(case, 0, 200)
    (row,) = harness.judge_case(case, found, 1)
    assert row["refused"] == sum(outcome is None for outcome in found) > 0
    assert row["passed"] is passed


@pytest.mark.parametrize("estimator", ["fe_ols", "fe_poisson"])
def test_designs_of_worlds_are_those_of_the_front_door(estimator: str) -> None:
    rng = np.random.default_rng(3)
    firm, year = codes(30, 5)
    columns = {name: rng.normal(size=150) for name in ("x", "z")}
    columns["y"] = rng.poisson(np.exp(0.2 * columns["x"])).astype(float)
    terms = ["x", "x^2", "z", "x:z"]
    here = estimate(columns, firm, year, estimator, terms)
    raw = {"outcome": "y", "lead": 0, "estimator": estimator, "terms": terms, "winsor": None}
    there = estimate_model(frame_of(columns, firm, year), resolve_spec("world", raw))
    assert here.terms == there.terms
    assert np.array_equal(here.coefficients, there.coefficients)
    assert np.array_equal(here.covariance, there.covariance)
    assert here.variables == there.variables
    assert here.cluster_ids == there.cluster_ids
    assert here.frame.select(there.frame.columns).equals(there.frame)
