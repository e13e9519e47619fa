"""Instrumental variables against linearmodels, brute force and published critical values."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.linalg as sl
from linearmodels.iv import IV2SLS, IVGMM, IVLIML

from tertius.estimate import Estimate, NotEstimable, estimate_model
from tertius.estimate.iv_core import IvData, endogeneity_test, fit_k_class, hansen_j, residual_on
from tertius.estimate.iv_weak import (
    ReducedForm,
    anderson_rubin,
    anderson_rubin_projection,
    anderson_rubin_set,
    conditional_f,
    effective_f,
    first_stage_f,
    kleibergen_paap_f,
    patnaik_critical,
    reduced_form,
    tf_factor,
)
from tertius.model_spec import resolve_spec

FIRMS, YEARS = 60, 8


def no_factor(n_regressors: int) -> float:
    return 1.0


def arrays(seed: int = 3, p: int = 1, strength: float = 1.0) -> IvData:
    """Firms with correlated errors, one constant and two controls, three instruments."""
    rng = np.random.default_rng(seed)
    n = FIRMS * YEARS
    cluster = np.repeat(np.arange(FIRMS), YEARS)
    z = rng.normal(size=(n, 3))
    w = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    u = rng.normal(size=n) + rng.normal(size=FIRMS)[cluster]
    x = np.column_stack(
        [
            strength * z @ [0.3, 0.2, 0.1] + w[:, 1] + 0.7 * u + rng.normal(size=n),
            strength * z @ [0.1, -0.3, 0.3] + 0.3 * u + rng.normal(size=n),
        ]
    )[:, :p]
    y = x @ np.array([1.0, 0.5])[:p] + w @ [1.0, 2.0, 3.0] + u
    return IvData(y, x, w, z, cluster, FIRMS)


def reordered(p: int) -> list[int]:
    """linearmodels puts the three exogenous columns first."""
    return [*range(3, 3 + p), 0, 1, 2]


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize(("method", "model"), [("2sls", IV2SLS), ("liml", IVLIML)])
def test_k_class_equals_linearmodels(p: int, method: str, model: type) -> None:
    data = arrays(p=p)
    fit = fit_k_class(data, method)
    other = model(data.y, data.exogenous, data.endogenous, data.instruments).fit(
        cov_type="clustered", clusters=data.cluster, debiased=False
    )
    order = reordered(p)
    np.testing.assert_allclose(fit.coefficients, other.params.to_numpy()[order], rtol=1e-10)
    # its convention: scores from the projected regressors, no small-sample factor
    influence = data.sums(fit.projected * fit.residuals[:, None]) @ fit.bread
    stored = other.cov.to_numpy()[np.ix_(order, order)]
    np.testing.assert_allclose(influence.T @ influence, stored, rtol=1e-9, atol=1e-13)
    # ours solve the first-order condition of the estimator, so that they sum to zero
    np.testing.assert_allclose(fit.scores.sum(axis=0), 0, atol=1e-8)


def test_fuller_equals_linearmodels() -> None:
    data = arrays()
    fit = fit_k_class(data, "fuller", 4.0)
    other = IVLIML(data.y, data.exogenous, data.endogenous, data.instruments, fuller=4.0).fit()
    assert fit.kappa == pytest.approx(other.kappa, rel=1e-12)
    assert fit.coefficients[0] == pytest.approx(other.params.iloc[3], rel=1e-10)


@pytest.mark.parametrize("p", [1, 2])
def test_hansen_j_equals_linearmodels(p: int) -> None:
    data = arrays(p=p)
    j = hansen_j(data, fit_k_class(data).residuals)
    other = IVGMM(
        data.y,
        data.exogenous,
        data.endogenous,
        data.instruments,
        weight_type="clustered",
        clusters=data.cluster,
    ).fit(iter_limit=2)
    assert j is not None
    assert j.statistic == pytest.approx(other.j_stat.stat, rel=1e-9)
    assert j.dof == 3 - p


def test_exactly_identified_has_no_hansen_j() -> None:
    data = arrays()
    exact = replace(data, instruments=data.instruments[:, :1])
    assert hansen_j(exact, fit_k_class(exact).residuals) is None
    with pytest.raises(NotEstimable, match="2 endogenous columns need at least 2"):
        fit_k_class(replace(arrays(p=2), instruments=data.instruments[:, :1]))


def test_endogeneity_test_is_the_wald_test_of_first_stage_residuals() -> None:
    data = arrays()
    every = np.column_stack([data.exogenous, data.instruments])
    first = residual_on(data.endogenous, every)
    columns = np.column_stack([first, data.endogenous, data.exogenous])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = IV2SLS(data.y, columns, None, None).fit(
            cov_type="clustered", clusters=data.cluster, debiased=False
        )
    found = endogeneity_test(data, no_factor)
    assert found.statistic == pytest.approx(float(other.tstats.iloc[0]) ** 2, rel=1e-9)
    assert (found.dof, found.dof_denominator) == (1, FIRMS - 1)


def homoskedastic(data: IvData) -> tuple[ReducedForm, float]:
    """The reduced form with a covariance of the homoskedastic form, and Cragg & Donald's F."""
    both = residual_on(np.column_stack([data.y, data.endogenous]), data.exogenous)
    z = residual_on(data.instruments, data.exogenous)
    fitted = z @ np.linalg.solve(z.T @ z, z.T @ both)
    errors = (both - fitted).T @ (both - fitted) / len(both)
    form = reduced_form(data, no_factor)
    form = replace(form, covariance=np.kron(errors, np.linalg.inv(form.gram)))
    roots = sl.eigh(fitted[:, 1:].T @ fitted[:, 1:], errors[1:, 1:], eigvals_only=True)
    return form, float(roots[0]) / z.shape[1]


@pytest.mark.parametrize("p", [1, 2])
def test_kleibergen_paap_is_cragg_donald_under_homoskedasticity(p: int) -> None:
    form, cragg_donald = homoskedastic(arrays(p=p))
    assert kleibergen_paap_f(form) == pytest.approx(cragg_donald, rel=1e-10)


def test_one_endogenous_column_has_one_first_stage_f() -> None:
    data = arrays()
    form = reduced_form(data, no_factor)
    f = first_stage_f(form, 0).statistic
    assert kleibergen_paap_f(form) == pytest.approx(f, rel=1e-10)
    assert conditional_f(data, 0, no_factor).statistic == pytest.approx(f, rel=1e-10)
    other = IV2SLS(data.y, data.exogenous, data.endogenous, data.instruments).fit(
        cov_type="clustered", clusters=data.cluster, debiased=False
    )
    wald = other.first_stage.diagnostics["f.stat"].iloc[0]
    assert 3 * f == pytest.approx(wald, rel=1e-9)
    single = replace(data, instruments=data.instruments[:, :1])
    form = reduced_form(single, no_factor)
    assert effective_f(form).statistic == pytest.approx(first_stage_f(form, 0).statistic)


@pytest.mark.parametrize(("tau", "critical"), [(0.05, 37.42), (0.10, 23.11), (0.20, 15.06)])
def test_critical_values_of_the_effective_f(tau: float, critical: float) -> None:
    """Montiel Olea & Pflueger (2013), table 1, one instrument."""
    assert round(patnaik_critical(np.eye(1), 1 / tau), 2) == critical
    single = replace(arrays(), instruments=arrays().instruments[:, :1])
    strength = effective_f(reduced_form(single, no_factor))
    assert round(strength.conservative[tau], 2) == critical
    assert strength.critical[tau] <= strength.conservative[tau] + 1e-9


@pytest.mark.parametrize("strength", [1.0, 0.15, 0.0])
@pytest.mark.parametrize("n_instruments", [1, 3])
def test_anderson_rubin_set_inverts_the_test(strength: float, n_instruments: int) -> None:
    data = arrays(11, strength=strength)
    data = replace(data, instruments=data.instruments[:, :n_instruments])
    form = reduced_form(data, no_factor)
    found = anderson_rubin_set(form)
    for value in np.tan(np.linspace(-1.5705, 1.5705, 801)):
        p = anderson_rubin(form, np.array([value])).p_value
        inside = any(low <= value <= high for low, high in found)
        assert inside == (p >= 0.05)
    for end in (e for piece in found for e in piece if np.isfinite(e)):
        assert anderson_rubin(form, np.array([end])).p_value == pytest.approx(0.05, abs=1e-7)


def test_anderson_rubin_set_can_be_empty_unbounded_and_disjoint() -> None:
    kinds = set()
    for seed in range(40):
        data = arrays(seed, strength=0.25)
        for cut in (1, 3):
            less = replace(data, instruments=data.instruments[:, :cut])
            pieces = anderson_rubin_set(reduced_form(less, no_factor))
            kinds.add((len(pieces), any(np.isinf(e) for piece in pieces for e in piece)))
    contradiction = arrays(3)
    y = contradiction.y + 3 * contradiction.instruments[:, 2]
    kinds.add((len(anderson_rubin_set(reduced_form(replace(contradiction, y=y), no_factor))), None))
    assert (0, None) in kinds
    assert {(1, False), (1, True), (2, True)} <= kinds


def test_projection_contains_the_profile_minimum() -> None:
    data = arrays(p=2)
    form = reduced_form(data, no_factor)
    start = fit_k_class(data).coefficients[:2]
    values = np.linspace(start[0] - 2, start[0] + 2, 9)
    kept = anderson_rubin_projection(form, 0, values, start)
    grid = np.linspace(-6, 6, 1201)
    for value, flag in zip(values, kept, strict=True):
        lowest = max(anderson_rubin(form, np.array([value, b])).p_value for b in grid)
        assert bool(flag) == (lowest >= 0.05)


@pytest.mark.parametrize(
    ("root", "critical"),
    [(2.0, 18.66), (2.1, 9.74), (2.5, 4.92), (3.0, 3.65), (3.5, 3.11), (5.0, 2.46), (10.3, 1.96)],
)
def test_tf_factor_matches_the_published_critical_values(root: float, critical: float) -> None:
    """Lee, McCrary, Moreira & Porter (2022): critical values by the root of F, rounded up."""
    assert 1.96 * tf_factor(root**2) == pytest.approx(critical, abs=0.011)
    assert tf_factor(3.99) == np.inf


def panel(seed: int = 5, n_firms: int = 150, n_years: int = 8) -> pl.DataFrame:
    """y on x, x^2 and x:w with an endogenous x, instrument z, and firm and year effects."""
    rng = np.random.default_rng(seed)
    firm = np.repeat(np.arange(n_firms), n_years)
    year = np.tile(np.arange(n_years), n_firms)
    n = firm.size
    level = rng.normal(size=n_firms)[firm]
    z, w, u = rng.normal(size=n), rng.normal(size=n), rng.normal(size=n)
    x = 0.8 * z + 0.3 * z * w + 0.2 * z**2 + level + 0.6 * u + 0.5 * rng.normal(size=n)
    y = 1.0 * x - 0.3 * x**2 + 0.4 * x * w + 0.2 * w + level + 0.1 * year + u
    data = pl.DataFrame(
        {
            "org_id": [f"f{i:03d}" for i in firm],
            "year": (2000 + year).astype(np.int32),
            "pat": y,
            "x": x,
            "z": z,
            "w": w,
        }
    )
    status = [pl.lit("ok").alias(f"{name}_status") for name in ("pat", "x", "z", "w")]
    return data.with_columns(pl.lit(True).alias("in_sample"), *status)


def fit(data: pl.DataFrame, **changes: object) -> Estimate:
    raw: dict[str, object] = {
        "outcome": "pat",
        "lead": 0,
        "estimator": "iv",
        "terms": ["x", "w"],
        "winsor": None,
        "options": {"endogenous": ["x"], "instruments": ["z"]},
    }
    return estimate_model(data, resolve_spec("m", {**raw, **changes}))


FULL = {
    "terms": ["x", "w", "x^2", "x:w"],
    "options": {"endogenous": ["x", "x^2", "x:w"], "instruments": ["z", "z^2", "z:w"]},
}


def test_two_way_effects_equal_linearmodels_with_dummies() -> None:
    data = panel(n_firms=40)
    estimate = fit(data, **FULL, se_convention="no_factor")
    frame = data.to_pandas()
    centre = {name: estimate.variables[name].centre for name in ("x", "w", "z")}
    x, w, z = (frame[name] - centre[name] for name in ("x", "w", "z"))
    dummies = pd.get_dummies(frame[["org_id", "year"]].astype(str), drop_first=True, dtype=float)
    exogenous = pd.concat([w, dummies.assign(one=1.0)], axis=1)
    endogenous = pd.DataFrame({"x": x, "x^2": x**2, "x:w": x * w})
    instruments = pd.DataFrame({"z": z, "z2": z**2, "zw": z * w})
    clusters = frame["org_id"].rank(method="dense").astype(int)
    other = IV2SLS(frame["pat"], exogenous, endogenous, instruments).fit(
        cov_type="clustered", clusters=clusters, debiased=False
    )
    for term, name in (("x", "x"), ("x^2", "x^2"), ("w:x", "x:w"), ("w", "w")):
        j = estimate.index(term)
        assert estimate.coefficients[j] == pytest.approx(other.params[name], rel=1e-8)
        assert estimate.std_errors[j] == pytest.approx(other.std_errors[name], rel=1e-6)


def test_square_and_product_are_recovered() -> None:
    data = panel(n_firms=600)
    estimate = fit(data, **FULL)
    for term, planted in (("x^2", -0.3), ("x:w", 0.4)):
        j = estimate.index(term)
        assert abs(estimate.coefficients[j] - planted) < 3 * estimate.std_errors[j]
    # the first stage of each endogenous term is a table, its strength a number
    first = estimate.tables["first_stage"]
    assert first["dependent"].unique(maintain_order=True).to_list() == ["x", "x^2", "w:x"]
    assert (first["conditional_f"] > 10).all()
    assert estimate.diagnostics["endogeneity"].p_value < 1e-6
    sets = estimate.tables["weak_robust"]
    assert sets["method"].unique().to_list() == ["projection"]
    inside = sets.filter(pl.col("term") == "x^2").row(0, named=True)
    assert inside["low"] < -0.3 < inside["high"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"terms": ["x", "w", "x^2"]},
            "forbidden regression",
        ),
        (
            {
                "terms": ["x", "w", "x^2"],
                "options": {"endogenous": ["x", "x^2"], "instruments": ["z", "v"]},
            },
            "x\\^2: is a function",
        ),
        (
            {
                "terms": ["x", "w", "x:w"],
                "options": {"endogenous": ["x", "x:w"], "instruments": ["z", "z^2"]},
            },
            "w:x: is a function",
        ),
    ],
)
def test_forbidden_regression_is_refused(changes: dict[str, object], reason: str) -> None:
    data = panel().with_columns(
        pl.col("z").shift(1, fill_value=0.0).alias("v"), v_status=pl.lit("ok")
    )
    with pytest.raises(NotEstimable, match=reason) as caught:
        fit(data, **changes)
    assert caught.value.reason_code == "misstep"


def test_roles_must_not_contradict() -> None:
    with pytest.raises(NotEstimable, match="cannot be an excluded instrument"):
        fit(panel(), options={"endogenous": ["x"], "instruments": ["w"]})
    with pytest.raises(NotEstimable, match="is not a term"):
        fit(panel(), options={"endogenous": ["x^2"], "instruments": ["z"]})


def test_weak_instrument_warns_and_points_to_the_set() -> None:
    rng = np.random.default_rng(1)
    data = panel().with_columns(pl.Series("z", rng.normal(size=1200)))
    estimate = fit(data)
    assert any("weak instruments: effective F" in text for text in estimate.warnings)
    sets = estimate.tables["weak_robust"]
    assert not sets.filter(pl.col("method") == "anderson_rubin")["bounded"].all()
    assert "(not bounded)" in estimate.diagnostics["weak_robust"].text


def test_weak_instruments_of_two_terms_warn_one_by_one() -> None:
    data = panel(n_firms=60).with_columns(
        v=pl.col("z").shift(3, fill_value=0.0), v_status=pl.lit("ok")
    )
    estimate = fit(data, options={"endogenous": ["x", "w"], "instruments": ["z", "v"]})
    # nothing moves w
    assert any("weak instruments: conditional F of w" in text for text in estimate.warnings)


def test_strong_instrument_reports_all_tests() -> None:
    estimate = fit(panel(), terms=["x", "w"])
    assert estimate.diagnostics["effective_f"].value > 37.42
    assert "just identified" in estimate.diagnostics["hansen_j"].text
    assert set(estimate.tables["weak_robust"]["method"]) == {"anderson_rubin", "tF"}
    low, high = estimate.tables["weak_robust"].row(0)[2:4]
    assert low < estimate.coefficient("x") < high
    assert not any("weak" in text for text in estimate.warnings)


def test_order_of_rows_does_not_matter() -> None:
    data = panel()
    one, two = fit(data), fit(data.sample(fraction=1, shuffle=True, seed=4))
    assert (one.coefficients == two.coefficients).all()
    assert one.tables["first_stage"].equals(two.tables["first_stage"])


def test_undefined_instruments_get_a_dummy_that_is_no_instrument() -> None:
    data = panel().with_columns(
        z_status=pl.when(pl.int_range(pl.len()) % 7 == 0)
        .then(pl.lit("undefined_isolate"))
        .otherwise(pl.lit("ok"))
    )
    estimate = fit(data)
    assert estimate.terms == ("x", "w", "undefined(z=undefined_isolate)")
    assert estimate.tables["first_stage"]["instrument"].to_list() == ["z"]
