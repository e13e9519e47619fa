"""Selection models: planted values, stacked covariance against perturbation and bootstrap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tertius.estimate import Estimate, NotEstimable, build_design, estimate_model
from tertius.estimate.heckman import bootstrap_selection, fit_two_steps, prepare_selection
from tertius.model_spec import resolve_spec
from tertius.problems import InputError


def simulate(
    seed: int = 1, n_firms: int = 400, n_years: int = 6, panel: bool = False
) -> pl.DataFrame:
    """y = .8 x + firm + .6 v + e, seen where x + z + v > 0; `panel` ties x to the firm."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n_firms), n_years), np.tile(np.arange(n_years), n_firms)
    n = firm.size
    level = rng.normal(size=n_firms)[firm]
    x = rng.normal(size=n) + (level if panel else 0)
    z, v = rng.normal(size=n), rng.normal(size=n)
    chosen = 0.5 * x + z + 0.2 + (0.3 * level if panel else 0) + v > 0
    y = 0.8 * x + 0.1 * year + (level if panel else 0) + 0.6 * v + 0.8 * rng.normal(size=n)
    return pl.DataFrame(
        {
            "org_id": [f"f{i:03d}" for i in firm],
            "year": (2000 + year).astype(np.int32),
            "y": np.where(chosen, y, np.nan),
            "y_status": np.where(chosen, "ok", "undefined_isolate"),
            "x": x,
            "z": z,
            "allied": chosen.astype(float),
        }
    ).with_columns(
        *[pl.lit("ok").alias(f"{name}_status") for name in ("x", "z", "allied")],
        in_sample=pl.lit(True),
    )


def spec_of(options: dict[str, object] | None = None, **more: object):  # type: ignore[no-untyped-def]
    raw: dict[str, object] = {
        "outcome": "y",
        "lead": 0,
        "estimator": "heckman",
        "terms": ["x"],
        "winsor": None,
        "effects": ["year"],
        "options": {"exclusion": ["z"], **(options or {})},
    }
    return resolve_spec("m", {**raw, **more})


def fit(data: pl.DataFrame, options: dict[str, object] | None = None, **more: object) -> Estimate:
    return estimate_model(data, spec_of(options, **more))


@pytest.mark.parametrize("panel", [False, True])
def test_planted_values_are_recovered(panel: bool) -> None:
    data = simulate(2, n_firms=1000, panel=panel)
    estimate = fit(data, {"panel": "mundlak" if panel else "none"})
    j = estimate.index("x")
    assert abs(estimate.coefficients[j] - 0.8) < 3 * estimate.std_errors[j]
    naive = estimate_model(
        data.filter(pl.col("y_status") == "ok"),
        resolve_spec(
            "n",
            {"outcome": "y", "lead": 0, "estimator": "fe_ols", "terms": ["x"], "winsor": None,
             "effects": ["org_id", "year"] if panel else ["year"]},
        ),
    )  # fmt: skip
    assert naive.coefficient("x") < 0.8 - 3 * naive.std_errors[0]
    ratios = [name for name in estimate.terms if name.startswith("mills_ratio")]
    assert len(ratios) == (6 if panel else 1)
    for name in ratios:
        j = estimate.index(name)
        assert abs(estimate.coefficients[j] - 0.6) < 4 * estimate.std_errors[j]
    assert estimate.diagnostics["selection"].p_value < 1e-6
    assert estimate.diagnostics["exclusion"].p_value < 1e-6
    assert estimate.n_obs == int((data["y_status"] == "ok").sum())


@pytest.mark.parametrize("panel", ["none", "mundlak"])
def test_influence_is_the_derivative_by_cluster_weights(panel: str) -> None:
    """Half of what lies between a firm counted twice and left out is its influence.

    Up to the product of two sampling errors, which the usual expansion leaves out.
    """
    data, _, labels, _ = prepare_selection(
        build_design(simulate(3, n_firms=800, n_years=4, panel=True), spec_of({"panel": panel}))
    )
    fit_all = fit_two_steps(data)
    np.testing.assert_allclose(fit_all.influence.sum(axis=0), 0, atol=1e-7)
    assert labels == ("x",)
    first = data.nuisance.shape[1]
    names = ("y", "selected", "x", "nuisance", "w", "period", "cluster")
    found, predicted = [], []
    for g in range(40):
        own, out = np.flatnonzero(data.cluster == g), np.flatnonzero(data.cluster != g)
        moved = []
        for rows in (np.r_[out, own, own], out):
            varied = replace(data, **{name: getattr(data, name)[rows] for name in names})
            moved.append(fit_two_steps(varied).second.coefficients[first])
        found.append((moved[0] - moved[1]) / 2)
        predicted.append(fit_all.influence[g, first])
    assert np.corrcoef(found, predicted)[0, 1] > 0.999
    assert np.dot(found, predicted) / np.dot(predicted, predicted) == pytest.approx(1, abs=0.02)


def test_bootstrap_agrees_with_the_analytic_errors() -> None:
    data = simulate(4, n_firms=200, panel=True)
    options: dict[str, object] = {"panel": "mundlak"}
    analytic = fit(data, options).std_errors
    drawn = fit(data, {**options, "draws": 300, "seed": 7})
    assert "300 draws" in drawn.se_convention
    # a standard deviation of 300 draws has a relative error of 4 %
    assert drawn.std_errors[0] == pytest.approx(analytic[0], rel=0.16)
    made, _, _, _ = prepare_selection(build_design(data, spec_of(options)))
    one, two = (bootstrap_selection(made, 5, 3)[0] for _ in range(2))
    assert (one == two).all()


def test_heckmans_own_covariance_is_close_for_independent_rows() -> None:
    data = simulate(5, n_firms=2000, n_years=2)
    clustered = fit(data).std_errors
    own = fit(data, se_convention="information").std_errors
    np.testing.assert_allclose(own, clustered, rtol=0.06)


def test_unknown_selection_is_dropped_and_counted() -> None:
    data = simulate(6).with_columns(
        y_status=pl.when(pl.col("year") == 2005)
        .then(pl.lit("truncated"))
        .otherwise(pl.col("y_status"))
    )
    estimate = fit(data)
    assert estimate.n_years == 5
    assert estimate.dropped["selection is known"] == 400
    # with a variable of its own the unselected rows of that year stay, the selected ones leave
    told = fit(data, {"selected": "allied"})
    late = data.filter(pl.col("year") == 2005)
    assert told.dropped["selection is known"] == int(late["allied"].sum())
    same = fit(simulate(6)), fit(simulate(6), {"selected": "allied"})
    assert (same[0].coefficients == same[1].coefficients).all()


def test_refusals() -> None:
    data = simulate(7)
    with pytest.raises(InputError, match="firm effects are refused by heckman"):
        fit(data, effects=["org_id", "year"])
    with pytest.raises(NotEstimable, match="is not 0 or 1"):
        fit(data, {"selected": "x"})
    with pytest.raises(NotEstimable, match="every row is selected"):
        fit(data.filter(pl.col("y_status") == "ok"))


def test_useless_exclusion_warns() -> None:
    rng = np.random.default_rng(8)
    data = simulate(8).with_columns(pl.Series("z", rng.normal(size=2400)))
    estimate = fit(data, terms=["x"])
    assert any("hardly moves selection" in text for text in estimate.warnings)


def test_years_without_variation_leave_the_panel_model() -> None:
    data = simulate(9, panel=True).with_columns(
        y=pl.when(pl.col("year") == 2000).then(1.0).otherwise(pl.col("y")),
        y_status=pl.when(pl.col("year") == 2000).then(pl.lit("ok")).otherwise(pl.col("y_status")),
    )
    estimate = fit(data, {"panel": "mundlak"})
    assert estimate.dropped["years with selected and unselected rows"] == 400
    assert "mills_ratio(2000)" not in estimate.terms
    assert "mills_ratio(2001)" in estimate.terms


def test_order_of_rows_does_not_matter() -> None:
    data = simulate(10)
    one, two = fit(data), fit(data.sample(fraction=1, shuffle=True, seed=2))
    assert (one.coefficients == two.coefficients).all()
    assert (one.covariance == two.covariance).all()
