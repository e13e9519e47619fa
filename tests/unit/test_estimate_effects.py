"""Any list of effects against pyfixest, on the direct path and on alternating projections."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyfixest as pf
import pytest

from tertius.estimate import Estimate, estimate_model, many_effects
from tertius.estimate.many_effects import drop_nested
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


def test_effects_inside_finer_ones_are_left_out() -> None:
    firm, year = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)
    product = (firm % 2) * 3 + year
    kept = drop_nested([firm, year, product])
    assert [code.tolist() for code in kept] == [product.tolist(), firm.tolist()]


def test_names_of_effects_are_checked() -> None:
    raw = {"outcome": "pat", "terms": ["x"], "effects": ["org_id", "in4:year"]}
    problems = check_spec(resolve_spec("m", raw), ["pat", "x"])
    assert [(p.where, p.fix) for p in problems] == [("models.m.effects", "did you mean 'ind4'?")]
