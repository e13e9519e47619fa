"""Gravity against pyfixest, dummies and a double loop over rows."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyfixest as pf
import pytest
import statsmodels.api as sm

from tertius.estimate import estimate_model
from tertius.estimate.columns import NotEstimable
from tertius.estimate.gravity import Dyads, GravityFit, gravity_poisson, informative_rows
from tertius.model_spec import ModelSpec, resolve_spec


def flows(seed: int, *, directed: bool, n: int = 9, years: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ends = itertools.permutations(range(n), 2) if directed else itertools.combinations(range(n), 2)
    rows = pd.DataFrame([(f"n{a}", f"n{b}", t) for a, b in ends for t in range(years)])
    rows.columns = ["a", "b", "year"]
    rows["x"], rows["z"] = rng.normal(size=len(rows)), rng.normal(size=len(rows))
    pull = rng.normal(size=(n, years)) * 0.5
    at = [rows[end].str[1:].astype(int).to_numpy() for end in ("a", "b")]
    index = 0.4 * rows["x"] - 0.2 * rows["z"] + sum(pull[end, rows["year"]] for end in at)
    rows["y"] = rng.poisson(np.exp(index) * rng.gamma(2, 0.5, len(rows))).astype(float)
    return rows.sample(frac=0.9, random_state=seed)


def fit(rows: pd.DataFrame, *, directed: bool, **changes: object) -> GravityFit:
    dyads = Dyads.of(rows["a"], rows["b"], rows["year"].to_numpy(), directed=directed)
    x = rows[["x", "z"]].to_numpy()
    return gravity_poisson(dyads, rows["y"].to_numpy(), x, ["x", "z"], **changes)


def test_directed_flows_equal_pyfixest() -> None:
    rows = flows(1, directed=True)
    found = fit(rows, directed=True)
    named = rows.assign(
        ay=rows["a"] + rows["year"].astype(str),
        by=rows["b"] + rows["year"].astype(str),
        pair=rows["a"] + rows["b"],
    )[found.rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pf.fepois(
            "y ~ x + z | pair + ay + by",
            named,
            iwls_tol=1e-12,
            demeaner=pf.estimation.MapDemeaner(fixef_tol=1e-12),
        )
    assert int(found.rows.sum()) == other._N
    assert found.coefficients == pytest.approx(other.coef().to_numpy(), rel=1e-6)


def test_undirected_flows_equal_a_regression_on_dummies() -> None:
    rows = flows(2, directed=False)
    found = fit(rows, directed=False, effects=["node_year"], cluster="pair")
    used = rows[found.rows]
    levels = sorted(
        {(row[end], row["year"]) for row in used.to_dict("records") for end in ("a", "b")}
    )
    columns = np.zeros((len(used), len(levels)))
    for j, (node, year) in enumerate(levels):
        at_end = (used["a"] == node) | (used["b"] == node)
        columns[:, j] = at_end & (used["year"] == year)
    x = np.column_stack([used[["x", "z"]], columns])
    low_high = used[["a", "b"]].min(axis=1) + used[["a", "b"]].max(axis=1)
    other = sm.GLM(used["y"], x, family=sm.families.Poisson()).fit(
        tol=1e-13,
        cov_type="cluster",
        cov_kwds={"groups": low_high.astype("category").cat.codes, "use_correction": False},
    )
    assert found.coefficients == pytest.approx(other.params[:2].to_numpy(), rel=1e-7)
    plain = found.std_errors * np.sqrt((found.n_pairs - 1) / found.n_pairs)
    assert plain == pytest.approx(other.bse[:2].to_numpy(), rel=1e-5)


def test_order_of_rows_and_of_ends_does_not_matter() -> None:
    rows = flows(4, directed=False)
    turned = rows.sample(frac=1, random_state=9).rename(columns={"a": "b", "b": "a"})
    one, two = fit(rows, directed=False), fit(turned, directed=False)
    assert one.coefficients == pytest.approx(two.coefficients, rel=1e-8)
    assert one.std_errors == pytest.approx(two.std_errors, rel=1e-8)
    assert (one.n_nodes, one.n_pairs, one.dropped) == (two.n_nodes, two.n_pairs, two.dropped)


def test_rows_without_information_leave_and_are_counted() -> None:
    rows = flows(5, directed=True)
    rows["y"] = rows["y"].where(rows["a"] != "n0", 0.0)
    found = fit(rows, directed=True)
    silent = int((rows["a"] == "n0").sum())
    (count,) = found.dropped.values()
    assert count == int((~found.rows).sum()) >= silent
    again = fit(rows[rows["a"] != "n0"], directed=True)
    assert again.coefficients == pytest.approx(found.coefficients, rel=1e-8)


def test_separated_rows_leave() -> None:
    rows = flows(6, directed=True, n=7)
    special = (rows["y"] == 0) & (rows["x"] > 1)
    assert special.sum() >= 3
    dyads = Dyads.of(rows["a"], rows["b"], rows["year"].to_numpy(), directed=True)
    x = np.column_stack([rows[["x", "z"]], special])
    found = gravity_poisson(dyads, rows["y"].to_numpy(), x, ["x", "z", "only zeros"])
    assert found.terms == ("x", "z")
    assert found.collinear == ("only zeros",)
    without = fit(rows[~special], directed=True)
    assert found.coefficients == pytest.approx(without.coefficients, rel=1e-6)


def test_refusals() -> None:
    rows = flows(7, directed=False)
    with pytest.raises(NotEstimable, match="negative"):
        fit(rows.assign(y=-1.0), directed=False)
    with pytest.raises(NotEstimable, match="no row"):
        fit(rows.assign(y=0.0), directed=False)
    with pytest.raises(ValueError, match="itself"):
        Dyads.of(["p"], ["p"], np.array([1]), directed=True)
    with pytest.raises(ValueError, match="several rows"):
        Dyads.of(["p", "q"], ["q", "p"], np.array([1, 1]), directed=False)
    dyads = Dyads.of(["p", "q"], ["q", "p"], np.array([1, 1]), directed=True)
    assert not informative_rows(dyads, np.ones(2), ["pair"]).any()
    with pytest.raises(ValueError, match="effects are of"):
        fit(rows, directed=False, effects=["pairs"])


def panel(rows: pd.DataFrame) -> pl.DataFrame:
    frame = pl.from_pandas(rows.reset_index(drop=True)).with_columns(
        pl.concat_str("a", "b", separator="-").alias("org_id"),
        pl.col("year").cast(pl.Int32),
        in_sample=pl.lit(True),
    )
    return frame.with_columns(pl.lit("ok").alias(f"{v}_status") for v in ("x", "z", "y"))


def model(**changes: Any) -> ModelSpec:
    raw = {"outcome": "y", "lead": 0, "estimator": "gravity", "terms": ["x", "z"], "winsor": None}
    return resolve_spec("flows", {**raw, "frame": "network", **changes})


@pytest.mark.parametrize("directed", [True, False])
def test_the_estimator_gives_the_same_numbers(directed: bool) -> None:
    rows = flows(8, directed=directed)
    core = fit(rows, directed=directed)
    found = estimate_model(panel(rows), model(options={"directed": directed}))
    assert found.terms == core.terms
    assert found.coefficients == pytest.approx(core.coefficients, rel=1e-8)
    assert found.std_errors == pytest.approx(core.std_errors, rel=1e-7)
    assert found.n_obs == int(core.rows.sum())
    assert found.dof == pytest.approx(core.dof)
    assert sum(found.dropped.values()) == int((~core.rows).sum())
    assert found.influence.sum(axis=0) == pytest.approx(np.zeros(2), abs=1e-8)


def test_effects_of_the_estimator() -> None:
    rows = flows(9, directed=False)
    plain = estimate_model(panel(rows), model(effects=["year"], options={"partners": "node"}))
    core = fit(rows, directed=False, effects=["year", "node"])
    assert plain.coefficients == pytest.approx(core.coefficients, rel=1e-8)
    with pytest.raises(NotEstimable, match="pairs"):
        estimate_model(panel(rows), model(effects=["org_id", "a:year"]))
    doubled = panel(rows).with_columns(pl.col("org_id") + pl.int_range(pl.len()).cast(pl.String))
    with pytest.raises(NotEstimable, match="several rows"):
        estimate_model(
            pl.concat([doubled, doubled.with_columns(pl.col("org_id") + "x")]),
            model(effects=["year"]),
        )
