"""Dynamic panels: brute-force weights, invariances, gaps and refusals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tertius.estimate import Estimate, NotEstimable, estimate_model
from tertius.estimate.dynamic_panel import (
    LagBlock,
    add_year_dummies,
    make_equations,
    make_grid,
    transform,
)
from tertius.estimate.gmm_core import fit_gmm
from tertius.model_spec import resolve_spec
from tertius.problems import InputError


def simulate(
    seed: int = 1, n_firms: int = 120, n_years: int = 8, gaps: bool = False
) -> pl.DataFrame:
    """y = .5 y_-1 + .4 x + firm + e, x predetermined: it reacts to last year's error."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=n_firms)
    y, x, e = level / 0.5, rng.normal(size=n_firms), np.zeros(n_firms)
    rows = []
    for t in range(-20, n_years):
        x = 0.5 * x + 0.3 * level + 0.3 * e + rng.normal(size=n_firms)
        e = rng.normal(size=n_firms)
        y = 0.5 * y + 0.4 * x + level + 0.1 * t + e
        if t >= 0:
            rows += [(f"f{i:03d}", 2000 + t, y[i], x[i]) for i in range(n_firms)]
    data = pl.DataFrame(rows, schema=["org_id", "year", "y", "x"], orient="row")
    if gaps:
        data = data.filter(pl.Series(rng.random(data.height) > 0.1))
    return data.with_columns(
        pl.col("year").cast(pl.Int32),
        y_status=pl.lit("ok"),
        x_status=pl.lit("ok"),
        in_sample=pl.lit(True),
    )


def fit(data: pl.DataFrame, options: dict[str, object] | None = None, **more: object) -> Estimate:
    raw = {"outcome": "y", "lead": 0, "estimator": "gmm", "terms": ["x"], "winsor": None}
    chosen = {"predetermined": ["x"], **(options or {})}
    return estimate_model(data, resolve_spec("m", {**raw, "options": chosen, **more}))


@pytest.mark.parametrize("how", ["difference", "orthogonal"])
def test_transform_by_hand(how: str) -> None:
    values = np.array([[[1.0], [4.0], [9.0], [2.0]]])
    usable = np.array([[True, True, False, True]])
    out, used = transform(values, usable, how)
    if how == "difference":
        assert used.tolist() == [[False, True, False, False]]
        assert out[0, :, 0].tolist() == [0, 3, 0, 0]
    else:
        # 1 against (4 + 2) / 2, 4 against 2; nothing is left for the last row
        assert used.tolist() == [[False, True, True, False]]
        expected = [0, np.sqrt(2 / 3) * (1 - 3), np.sqrt(1 / 2) * (4 - 2), 0]
        np.testing.assert_allclose(out[0, :, 0], expected)


@pytest.mark.parametrize("how", ["difference", "orthogonal"])
@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_first_weight_is_the_error_covariance(how: str, system: bool, gaps: bool) -> None:
    """Z'HZ against H = D D' built row by row for each firm."""
    data = simulate(2, n_firms=9, n_years=6, gaps=gaps).sort("org_id", "year")
    firm = data["org_id"].rank("dense").to_numpy().astype(np.int64) - 1
    year = data["year"].to_numpy().astype(np.int64)
    grid = make_grid(firm, year, data["y"].to_numpy(), data.select("x").to_numpy(), 1)
    equations = make_equations(
        grid, [LagBlock(-1, 2, 4)], [1], system=system, how=how, collapse=False
    )
    periods = grid.y.shape[1]
    total = np.zeros_like(equations.weight)
    for i in range(len(grid.y)):
        unit = np.eye(periods)[None]
        moved = transform(unit, grid.usable[[i]], how)[0][0]
        levels = np.diag(grid.usable[i].astype(float))
        stack = np.vstack([moved, levels]) if system else moved
        z = equations.z[i]
        total += z.T @ (stack @ stack.T) @ z
    np.testing.assert_allclose(equations.weight, total, atol=1e-9)


def test_orthogonal_deviations_of_a_full_panel_equal_differences() -> None:
    """With all lags of the outcome and no gap one step is the same (Arellano & Bover 1995)."""
    data = simulate(3).sort("org_id", "year")
    firm = data["org_id"].rank("dense").to_numpy().astype(np.int64) - 1
    year = data["year"].to_numpy().astype(np.int64)
    grid = add_year_dummies(
        make_grid(firm, year, data["y"].to_numpy(), data.select("x").to_numpy(), 1)
    )
    made = []
    for how in ("difference", "orthogonal"):
        blocks = [LagBlock(-1, 2, 99), LagBlock(1, 1, 99)]
        dummies = range(2, grid.x.shape[2])
        equations = make_equations(grid, blocks, [], dummies, system=False, how=how, collapse=False)
        made.append(fit_gmm(equations, 1).coefficients)
    np.testing.assert_allclose(made[0][:2], made[1][:2], rtol=1e-8)


@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_planted_values_are_recovered(system: bool, gaps: bool) -> None:
    how = "orthogonal" if gaps else "difference"
    data = simulate(4, n_firms=600, gaps=gaps)
    estimate = fit(data, {"system": system, "transformation": how})
    for term, planted in (("lag1(y)", 0.5), ("x", 0.4)):
        j = estimate.index(term)
        assert abs(estimate.coefficients[j] - planted) < 3 * estimate.std_errors[j]
    assert estimate.diagnostics["ar1"].p_value < 0.01
    assert estimate.diagnostics["ar2"].p_value > 0.01
    assert estimate.diagnostics["hansen_j"].p_value > 0.01


def test_ledger_counts_the_rows_that_lags_cost() -> None:
    estimate = fit(simulate(5, n_firms=50, n_years=8))
    # the first row has no lag, the second no difference of it
    assert estimate.n_obs == 50 * 6
    assert estimate.ledger[-1].rows == estimate.n_obs
    assert sum(estimate.dropped.values()) == 50 * 2


def test_order_of_rows_does_not_matter() -> None:
    data = simulate(6)
    one, two = fit(data), fit(data.sample(fraction=1, shuffle=True, seed=2))
    assert (one.coefficients == two.coefficients).all()
    assert (one.covariance == two.covariance).all()


def test_refusals() -> None:
    data = simulate(7)
    with pytest.raises(NotEstimable, match="too few") as caught:
        fit(data.filter(pl.col("year") < 2004))
    assert caught.value.reason_code == "too_few_years"
    with pytest.raises(InputError, match="firm effects are required by gmm"):
        fit(data, effects=["year"])
    with pytest.raises(NotEstimable, match="first, last"):
        fit(data, {"outcome_lags": [4, 2]})
    with pytest.raises(NotEstimable, match="not a regressor"):
        fit(data, {"endogenous": ["x^2"], "predetermined": []})


def test_too_many_instruments_warn() -> None:
    estimate = fit(simulate(8, n_firms=20), {"collapse": False, "outcome_lags": [2, 9]})
    assert any("not fewer than 20 firms" in text for text in estimate.warnings)


def test_serially_correlated_errors_fail_the_tests() -> None:
    rng = np.random.default_rng(9)
    data = simulate(9, n_firms=400).sort("org_id", "year")
    noise = rng.normal(size=(400, 9))
    moving = (noise[:, 1:] + 1.5 * noise[:, :-1]).ravel()
    estimate = fit(data.with_columns(y=pl.col("y") + pl.Series(moving)))
    assert estimate.diagnostics["ar2"].p_value < 0.05
    assert any("AR(2)" in text for text in estimate.warnings)


def test_exactly_identified_model_has_no_hansen_j() -> None:
    estimate = fit(simulate(10), {"outcome_lags": [2, 2], "predetermined_lags": [1, 1]})
    assert estimate.diagnostics["hansen_j"].statistic is None
    assert "no over-identifying" in estimate.diagnostics["hansen_j"].text


def test_too_large_a_set_of_instruments_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = simulate(11, n_firms=60)
    whole = fit(data).tables["instrument_count"]
    assert whole["moments"].unique(maintain_order=True).to_list() == ["collapsed", "by year"]
    monkeypatch.setattr("tertius.estimate.gmm.LARGEST_CELLS", 60 * 8 * 40)
    cut = fit(data).tables["instrument_count"]
    assert cut.row(-1, named=True)["moments"] == "by year, left out: too large"
    assert cut.row(-1, named=True)["estimate"] is None
    assert cut[:-1].equals(whole.filter(pl.col("moments") == "collapsed"))
