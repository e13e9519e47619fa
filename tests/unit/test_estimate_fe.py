"""FE OLS and FE Poisson against pyfixest, statsmodels, linearmodels and closed forms."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyfixest as pf
import pytest
import statsmodels.api as sm
from linearmodels import PanelOLS

from tertius.estimate import (
    Estimate,
    NotEstimable,
    estimate_frames,
    estimate_from_frames,
    estimate_model,
)
from tertius.inference.score_bootstrap import cluster_bootstrap_draws, cluster_weights
from tertius.model_spec import resolve_spec


def simulate(seed: int, *, counts: bool, n_firms: int = 60, n_years: int = 7) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n_firms), n_years), np.tile(np.arange(n_years), n_firms)
    keep = rng.random(firm.size) > 0.3
    firm, year = firm[keep], year[keep]
    level = rng.normal(size=n_firms)[firm]
    x, z = rng.normal(size=firm.size) + level, rng.normal(size=firm.size)
    index = 0.3 * x - 0.1 * x**2 + 0.2 * z + 0.5 * level + 0.05 * year - 0.5
    if counts:
        y = rng.poisson(np.exp(index) * rng.gamma(2, 0.5, firm.size)).astype(float)
    else:
        y = index + rng.normal(size=firm.size) * (1 + np.abs(x))
    names = np.array([f"f{code:03d}" for code in firm])
    return pd.DataFrame({"org_id": names, "year": 2000 + year, "pat": y, "x": x, "z": z})


def panel_of(data: pd.DataFrame) -> pl.DataFrame:
    frame = pl.from_pandas(data).with_columns(pl.col("year").cast(pl.Int32))
    status = [
        pl.lit("ok").alias(f"{c}_status") for c in frame.columns if c not in ("org_id", "year")
    ]
    return frame.with_columns(pl.lit(True).alias("in_sample"), *status)


def fit(data: pd.DataFrame, estimator: str, **changes: object) -> Estimate:
    raw = {"outcome": "pat", "lead": 0, "estimator": estimator, "terms": ["x", "x^2", "z"]}
    return estimate_model(panel_of(data), resolve_spec("m", {**raw, "winsor": None, **changes}))


def quadratic(data: pd.DataFrame, estimate: Estimate) -> pd.DataFrame:
    centred = data["x"] - estimate.variables["x"].centre
    return data.assign(xc=centred, x2=centred**2)


EFFECTS = {
    "two-way": (["org_id", "year"], "| org_id + year"),
    "firm": (["org_id"], "| org_id"),
    "year": (["year"], "| year"),
    "pooled": ([], ""),
}


@pytest.mark.parametrize("effects", list(EFFECTS))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ols_equals_pyfixest(effects: str, seed: int) -> None:
    names, formula = EFFECTS[effects]
    data = simulate(seed, counts=False)
    estimate = fit(data, "fe_ols", effects=names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pf.feols(
            f"pat ~ xc + x2 + z {formula}",
            quadratic(data, estimate),
            vcov={"CRV1": "org_id"},
            fixef_tol=1e-12,
        )
    order = ["xc", "x2", "z"]
    assert estimate.coefficients == pytest.approx(other.coef()[order].to_numpy(), rel=1e-8)
    assert estimate.std_errors == pytest.approx(other.se()[order].to_numpy(), rel=1e-8)
    assert estimate_frames(estimate).coefficients["p_value"].to_numpy() == pytest.approx(
        other.pvalue()[order].to_numpy(), rel=1e-6
    )
    assert estimate.n_obs == other._N


@pytest.mark.parametrize("effects", list(EFFECTS))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_poisson_equals_pyfixest(effects: str, seed: int) -> None:
    names, formula = EFFECTS[effects]
    data = simulate(seed, counts=True)
    estimate = fit(data, "fe_poisson", effects=names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pf.fepois(
            f"pat ~ xc + x2 + z {formula}",
            quadratic(data, estimate),
            vcov={"CRV1": "org_id"},
            iwls_tol=1e-14,
            fixef_tol=1e-12,
        )
    order = ["xc", "x2", "z"]
    assert estimate.coefficients == pytest.approx(other.coef()[order].to_numpy(), rel=1e-8)
    assert estimate.std_errors == pytest.approx(other.se()[order].to_numpy(), rel=1e-8)
    assert estimate.n_obs == other._N


def test_ols_equals_panel_ols_under_its_convention() -> None:
    data = simulate(5, counts=False)
    estimate = fit(data, "fe_ols", se_convention="linearmodels")
    kept = data[data.groupby("org_id")["pat"].transform("size") > 1]
    frame = quadratic(kept, estimate).set_index(["org_id", "year"])
    model = PanelOLS(frame["pat"], frame[["xc", "x2", "z"]], entity_effects=True, time_effects=True)
    other = model.fit(cov_type="clustered", cluster_entity=True, auto_df=False, count_effects=True)
    assert estimate.coefficients == pytest.approx(other.params.to_numpy(), rel=1e-8)
    assert estimate.std_errors == pytest.approx(other.std_errors.to_numpy(), rel=1e-8)
    assert estimate.statistics["r2_within"] == pytest.approx(
        1 - other.resid_ss / model_total(frame), rel=1e-8
    )


def model_total(frame: pd.DataFrame) -> float:
    """Sum of squares of the outcome within firms and years, by dummies."""
    firm, year = (pd.get_dummies(frame.index.get_level_values(i)).to_numpy(float) for i in (0, 1))
    d = np.hstack([firm, year])
    y = frame["pat"].to_numpy()
    return float(((y - d @ np.linalg.lstsq(d, y, rcond=None)[0]) ** 2).sum())


def test_poisson_equals_statsmodels_with_dummies() -> None:
    data = simulate(6, counts=True, n_firms=25)
    estimate = fit(data, "fe_poisson", se_convention="statsmodels_dummies")
    frame = quadratic(data, estimate)
    frame = frame.merge(estimate.frame.select("org_id", "year").to_pandas())
    firm = pd.get_dummies(frame["org_id"]).to_numpy(float)
    year = pd.get_dummies(frame["year"]).to_numpy(float)[:, 1:]
    x = np.hstack([frame[["xc", "x2", "z"]].to_numpy(), firm, year])
    groups = frame["org_id"].astype("category").cat.codes
    other = sm.GLM(frame["pat"].to_numpy(), x, family=sm.families.Poisson()).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, tol=1e-14, tol_criterion="params"
    )
    assert estimate.coefficients == pytest.approx(other.params[:3], rel=1e-7)
    assert estimate.std_errors == pytest.approx(other.bse[:3], rel=1e-7)
    assert estimate.statistics["log_likelihood"] == pytest.approx(other.llf, rel=1e-10)
    assert estimate.statistics["deviance"] == pytest.approx(other.deviance, rel=1e-8)


def four_firms() -> pd.DataFrame:
    y = [2.0, 5.0, 0.0, 1.0, 4.0, 6.0, 0.0, 0.0]
    return pd.DataFrame(
        {"org_id": list("aabbccdd"), "year": [0, 1] * 4, "pat": y, "x": [0.0, 1.0] * 4}
    )


def test_worked_answer_of_fe_poisson() -> None:
    estimate = fit(four_firms(), "fe_poisson", terms=["x"], effects=["org_id"])
    assert estimate.coefficients[0] == pytest.approx(np.log(2), abs=1e-12)
    assert (estimate.n_obs, estimate.n_firms) == (6, 3)
    assert estimate.dropped == {"firms or years without any outcome": 2}
    # one within-firm sd is sqrt(.3): 100 (2^sqrt(.3) - 1) = 46.2 %
    said = estimate_frames(estimate).fit["plain_effects"]["x"]
    assert said.endswith("goes with +46.2 % in expected pat")


def test_worked_answer_of_log_ols() -> None:
    data = four_firms()
    data["pat"] = np.log1p(data["pat"])
    with pytest.raises(NotEstimable, match="its coefficient is no percentage"):
        fit(data, "fe_ols", terms=["x"], effects=["org_id"])
    allowed = {"log_of_counts": "warn"}
    estimate = fit(data, "fe_ols", terms=["x"], effects=["org_id"], missteps=allowed)
    assert estimate.coefficients[0] == pytest.approx(0.430692, abs=5e-7)
    assert estimate.n_firms == 4


@pytest.mark.parametrize("estimator", ["fe_ols", "fe_poisson"])
def test_row_order_and_names_of_firms_do_not_matter(estimator: str) -> None:
    data = simulate(7, counts=estimator == "fe_poisson")
    first = fit(data, estimator)
    shuffled = fit(data.sample(frac=1.0, random_state=1), estimator)
    assert np.array_equal(first.coefficients, shuffled.coefficients)
    assert np.array_equal(first.covariance, shuffled.covariance)
    names = np.random.default_rng(1).permutation(sorted(data["org_id"].unique()))
    relabel = dict(zip(sorted(data["org_id"].unique()), names, strict=True))
    other = fit(data.assign(org_id=data["org_id"].map(relabel)), estimator)
    assert other.coefficients == pytest.approx(first.coefficients, rel=1e-10)
    assert other.std_errors == pytest.approx(first.std_errors, rel=1e-10)


@pytest.mark.parametrize("estimator", ["fe_ols", "fe_poisson"])
def test_influence_gives_the_covariance(estimator: str) -> None:
    estimate = fit(simulate(8, counts=estimator == "fe_poisson"), estimator)
    n, g, k = estimate.n_obs, estimate.n_clusters, 3 + estimate.n_years
    factor = g / (g - 1) * (n - 1) / (n - k)
    assert estimate.influence.T @ estimate.influence * factor == pytest.approx(estimate.covariance)
    assert estimate.influence.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
    assert estimate.dof == g - 1


def test_influence_is_the_effect_of_leaving_a_firm_out() -> None:
    data = simulate(9, counts=True, n_firms=150)
    estimate = fit(data, "fe_poisson", terms=["z"])
    exact = []
    for firm in estimate.cluster_ids[:25]:
        rest = fit(data[data["org_id"] != firm], "fe_poisson", terms=["z"])
        exact.append(estimate.coefficients[0] - rest.coefficients[0])
    assert np.corrcoef(exact, estimate.influence[:25, 0])[0, 1] > 0.99


def test_collinear_terms_are_named() -> None:
    data = simulate(10, counts=False)
    data["size"] = data["org_id"].str[1:].astype(float)
    data["twice"] = 2 * data["z"]
    estimate = fit(data, "fe_ols", terms=["x", "z", "size", "twice"])
    assert estimate.terms == ("x", "z")
    assert estimate.collinear == ("size", "twice")
    assert estimate.coefficient("size") == 0.0
    assert "size is collinear with the effects or earlier terms" in estimate.warnings
    with pytest.raises(NotEstimable, match="size is collinear"):
        estimate.index("size")


def test_coarser_clusters() -> None:
    data = simulate(11, counts=False)
    data["city"] = "c" + (data["org_id"].str[1:].astype(int) % 12).astype(str)
    estimate = fit(data, "fe_ols", cluster="city")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pf.feols(
            "pat ~ xc + x2 + z | org_id + year",
            quadratic(data, estimate),
            vcov={"CRV1": "city"},
            fixef_tol=1e-12,
        )
    assert estimate.n_clusters == 12
    assert estimate.std_errors == pytest.approx(other.se()[["xc", "x2", "z"]].to_numpy(), rel=1e-8)
    assert "only 12 clusters: asymptotic p values are unreliable" in estimate.warnings


def test_separated_rows_are_dropped_and_counted() -> None:
    data = simulate(12, counts=True)
    rare = np.zeros(len(data))
    zeros = np.flatnonzero(data["pat"].to_numpy() == 0)[:6]
    rare[zeros] = 1.0
    data["rare"] = rare
    estimate = fit(data, "fe_poisson", terms=["x", "z", "rare"])
    plain = fit(data.drop(index=data.index[zeros]), "fe_poisson", terms=["x", "z"])
    assert estimate.terms == ("x", "z")
    assert estimate.coefficients == pytest.approx(plain.coefficients, rel=1e-8)
    assert estimate.std_errors == pytest.approx(plain.std_errors, rel=1e-8)
    gone = estimate.dropped["rows separated by a regressor"]
    assert 1 <= gone <= 6
    assert estimate.n_obs == plain.n_obs


def test_separation_by_a_mix_of_regressors() -> None:
    data = simulate(13, counts=True)
    rng = np.random.default_rng(0)
    # z - 2 w is 0 wherever y > 0 and negative in eight rows with y = 0
    z = data["z"].to_numpy()
    gap = np.zeros(len(data))
    gap[np.flatnonzero(data["pat"].to_numpy() == 0)[:8]] = rng.random(8) + 0.5
    data["w"] = (z + gap) / 2
    estimate = fit(data, "fe_poisson", terms=["x", "z", "w"])
    plain = fit(data[gap == 0], "fe_poisson", terms=["x", "z"])
    assert estimate.coefficients == pytest.approx(plain.coefficients, rel=1e-6)
    assert estimate.n_obs == plain.n_obs
    assert "rows separated by a regressor" in estimate.dropped


def test_no_false_separation() -> None:
    for seed in range(20, 30):
        data = simulate(seed, counts=True)
        assert "rows separated by a regressor" not in fit(data, "fe_poisson").dropped


def test_a_regressor_of_few_rows_does_not_lead_where_the_likelihood_is_flat() -> None:
    """Full Newton steps overshoot here; cut from a simulated world, with rounded values."""
    path = Path(__file__).parents[1] / "data" / "estimate" / "rare_dummy.csv"
    data = pd.read_csv(path)
    data["org_id"] = [f"f{code:03d}" for code in data.pop("firm")]
    terms = ["holes", "size_holes", "rare"]
    estimate = fit(data, "fe_poisson", terms=terms)
    firm = pd.get_dummies(data["org_id"]).to_numpy(float)
    year = pd.get_dummies(data["year"]).to_numpy(float)[:, 1:]
    x = np.hstack([data[terms].to_numpy(), firm, year])
    other = sm.GLM(data["pat"].to_numpy(), x, family=sm.families.Poisson()).fit(
        tol=1e-14, tol_criterion="params"
    )
    assert estimate.coefficients == pytest.approx(other.params[:3], rel=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_scale_of_a_regressor(scale: float) -> None:
    data = simulate(14, counts=True)
    base = fit(data, "fe_poisson", terms=["x", "z"])
    scaled = fit(data.assign(x=data["x"] * scale), "fe_poisson", terms=["x", "z"])
    assert scaled.coefficients[0] * scale == pytest.approx(base.coefficients[0], rel=1e-9)
    assert scaled.std_errors[0] * scale == pytest.approx(base.std_errors[0], rel=1e-9)


def test_what_cannot_be_estimated_says_why() -> None:
    data = simulate(15, counts=True)
    with pytest.raises(NotEstimable, match="pat is negative in some rows"):
        fit(data.assign(pat=data["pat"] - 1), "fe_poisson")
    with pytest.raises(NotEstimable, match="no row carries information"):
        fit(data.assign(pat=0.0), "fe_poisson")
    with pytest.raises(NotEstimable, match="does not vary within the effects"):
        fit(data.assign(pat=data["year"] * 1.0), "fe_ols")
    with pytest.raises(NotEstimable, match="the effects absorb every regressor"):
        fit(data.assign(x=data["year"] * 1.0), "fe_ols", terms=["x"])
    with pytest.raises(NotEstimable, match="single cluster"):
        fit(data[data["org_id"] == "f001"], "fe_ols", effects=["org_id"])


def test_variable_statistics() -> None:
    data = simulate(16, counts=False)
    estimate = fit(data, "fe_ols")
    kept = data.merge(estimate.frame.select("org_id", "year").to_pandas())
    known = estimate.variables["x"]
    within = kept["x"] - kept.groupby("org_id")["x"].transform("mean")
    assert known.mean == pytest.approx(kept["x"].mean())
    assert known.sd == pytest.approx(kept["x"].std())
    assert known.sd_within == pytest.approx(within.std())
    assert (known.p5, known.p95) == pytest.approx(tuple(kept["x"].quantile([0.05, 0.95])))
    assert (known.min, known.max) == (kept["x"].min(), kept["x"].max())
    assert known.centre == pytest.approx(data["x"].mean())


def test_little_within_variation_warns() -> None:
    data = simulate(17, counts=False)
    firm = data["org_id"].str[1:].astype(float)
    estimate = fit(data.assign(x=firm + 0.1 * data["z"]), "fe_ols", terms=["x"])
    assert any(note.startswith("x varies little within firms: 0.") for note in estimate.warnings)


@pytest.mark.parametrize("estimator", ["fe_ols", "fe_poisson"])
def test_tables_hold_the_whole_estimate(estimator: str) -> None:
    estimate = fit(simulate(18, counts=estimator == "fe_poisson"), estimator)
    frames = estimate_frames(estimate)
    assert frames.coefficients.columns == [
        *("term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")
    ]
    assert frames.fit["ledger"][-1]["rows"] == frames.fit["n_obs"] == frames.sample.height
    again = json.loads(json.dumps(frames.fit))
    assert again == frames.fit
    rebuilt = estimate_from_frames(frames)
    for name in ("terms", "dof", "variables", "ledger", "statistics", "spec", "warnings"):
        assert getattr(rebuilt, name) == getattr(estimate, name), name
    for name in ("coefficients", "covariance", "influence"):
        assert np.array_equal(getattr(rebuilt, name), getattr(estimate, name)), name


def test_one_step_bootstrap_follows_exact_refits() -> None:
    data = simulate(19, counts=True, n_firms=150)
    estimate = fit(data, "fe_poisson", terms=["x", "z"])
    member = estimate.hypothesis("x", estimate.contrast({"x": 1.0}), estimate.coefficient("x"))
    draws = cluster_bootstrap_draws([member], 25, seed=3)
    weights = next(iter(cluster_weights(estimate.n_clusters, 25, seed=3)))
    kept = data.merge(estimate.frame.select("org_id", "year").to_pandas())
    rows_of = dict(list(kept.groupby("org_id")))
    shift, statistic = [], []
    for row in weights:
        copies = [
            rows_of[firm].assign(org_id=f"{firm}-{copy}")
            for firm, count in zip(estimate.cluster_ids, row, strict=True)
            for copy in range(int(count))
        ]
        again = fit(pd.concat(copies), "fe_poisson", terms=["x", "z"])
        shift.append(again.coefficient("x") - estimate.coefficient("x"))
        statistic.append(shift[-1] / again.std_errors[0])
    assert np.corrcoef(shift, draws.shift[:, 0])[0, 1] > 0.97
    assert np.corrcoef(statistic, draws.statistic[:, 0])[0, 1] > 0.97
