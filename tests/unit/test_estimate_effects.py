"""Any list of effects against pyfixest, on the direct path and on alternating projections."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyfixest as pf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.estimate import Estimate, estimate_model, many_effects
from tertius.estimate.many_effects import drop_nested, residuals_on_effects
from tertius.model_spec import check_spec, resolve_spec
from tests.unit.test_estimate_fe import panel_of, simulate

LISTS = {
    "industry-years": (["org_id", "year", "ind4:year"], "| org_id + year + iy"),
    "industry-years alone": (["org_id", "ind4:year"], "| org_id + iy"),
    "two products": (["org_id", "ind4:year", "city:year"], "| org_id + iy + cy"),
    "no firms": (["ind4", "year"], "| ind4 + year"),
}


def data_of(seed: int, *, counts: bool) -> pd.DataFrame:
    data = simulate(seed, counts=counts, n_firms=90)
    code = data["org_id"].str[1:].astype(int)
    data = data.assign(ind4="i" + (code % 6).astype(str), city="c" + (code % 4).astype(str))
    years = data["year"].astype(str)
    return data.assign(iy=data["ind4"] + years, cy=data["city"] + years)


def fit(data: pd.DataFrame, estimator: str, effects: list[str]) -> Estimate:
    raw = {"outcome": "pat", "lead": 0, "estimator": estimator, "terms": ["x", "z"]}
    text = pl.from_pandas(data[["org_id", "year", "ind4", "city"]])
    panel = panel_of(data.drop(columns=["ind4", "city", "iy", "cy"]))
    panel = panel.join(text.with_columns(pl.col("year").cast(pl.Int32)), on=["org_id", "year"])
    return estimate_model(panel, resolve_spec("m", {**raw, "effects": effects, "winsor": None}))


@pytest.mark.parametrize("name", list(LISTS))
@pytest.mark.parametrize("estimator", ["fe_ols", "fe_poisson"])
def test_equals_pyfixest(estimator: str, name: str) -> None:
    effects, formula = LISTS[name]
    data = data_of(41, counts=estimator == "fe_poisson")
    estimate = fit(data, estimator, effects)
    fitter = pf.feols if estimator == "fe_ols" else pf.fepois
    tolerance = {} if estimator == "fe_ols" else {"iwls_tol": 1e-12}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = fitter(
            f"pat ~ x + z {formula}",
            data,
            vcov={"CRV1": "org_id"},
            demeaner=pf.estimation.MapDemeaner(fixef_tol=1e-11),
            **tolerance,
        )
    assert estimate.n_obs == other._N
    assert estimate.coefficients == pytest.approx(other.coef().to_numpy(), rel=1e-6)
    assert estimate.std_errors == pytest.approx(other.se().to_numpy(), rel=1e-5)


@pytest.mark.parametrize("estimator", ["fe_ols", "fe_poisson"])
def test_projections_agree_with_the_direct_solution(
    estimator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_of(42, counts=estimator == "fe_poisson")
    effects = ["org_id", "ind4:year", "city:year"]
    direct = fit(data, estimator, effects)
    assert not any("projections" in note for note in direct.warnings)
    monkeypatch.setattr(many_effects, "DIRECT_LIMIT", 5)
    iterated = fit(data, estimator, effects)
    assert any("alternating projections" in note for note in iterated.warnings)
    assert iterated.coefficients == pytest.approx(direct.coefficients, rel=1e-7)
    assert iterated.std_errors == pytest.approx(direct.std_errors, rel=1e-7)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.booleans())
def test_residuals_are_those_of_a_regression_on_dummies(
    seed: int, n_effects: int, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, rng.integers(2, 9), 40) for _ in range(n_effects)]
    codes = [np.unique(code, return_inverse=True)[1] for code in codes]
    values = rng.normal(size=(40, 2))
    weights = rng.random(40) + 0.01 if weighted else None
    dummies = np.hstack([np.eye(code.max() + 1)[code] for code in codes])
    root = np.ones((40, 1)) if weights is None else np.sqrt(weights)[:, None]
    fitted = dummies @ np.linalg.lstsq(root * dummies, root * values)[0]
    found = residuals_on_effects(values, codes, weights)
    assert found == pytest.approx(values - fitted, abs=1e-9)


def test_effects_inside_finer_ones_are_left_out() -> None:
    firm, year = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)
    product = (firm % 2) * 3 + year
    kept = drop_nested([firm, year, product])
    assert [code.tolist() for code in kept] == [product.tolist(), firm.tolist()]


def test_names_of_effects_are_checked() -> None:
    raw = {"outcome": "pat", "terms": ["x"], "effects": ["org_id", "in4:year"]}
    problems = check_spec(resolve_spec("m", raw), ["pat", "x"])
    assert [(p.where, p.fix) for p in problems] == [("models.m.effects", "did you mean 'ind4'?")]
