"""Resampling of models as the front door estimates them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tertius.estimate import Estimate, NotEstimable, build_design, estimate_model
from tertius.estimate.design import Design
from tertius.inference.cluster_bootstrap import ClusterBootstrap
from tertius.inference.models import bootstrap_model, jackknife_model, model_rows, wild_model
from tertius.inference.poisson_bootstrap import PoissonBootstrap
from tertius.model_spec import resolve_spec


def model(estimator: str, cluster: str = "org_id") -> tuple[Design, Estimate]:
    """A quadratic on a panel with singletons, undefined rows and (for counts) all-zero firms."""
    rng = np.random.default_rng(4)
    firm, year = np.repeat(np.arange(50), 7), np.tile(np.arange(7), 50)
    keep = (rng.random(350) > 0.3) & ~((firm == 9) & (year > 0))
    firm, year = firm[keep], year[keep]
    x = rng.normal(size=firm.size) + rng.normal(size=50)[firm]
    index = 0.3 * x - 0.1 * x**2 + 0.05 * year - 0.5
    y = rng.poisson(np.exp(index)).astype(float) * (firm != 3)
    status = np.where(rng.random(firm.size) < 0.1, "undefined_isolate", "ok")
    frame = pl.DataFrame(
        {
            "org_id": [f"f{code:03d}" for code in firm],
            "year": pl.Series(2000 + year, dtype=pl.Int32),
            "pat": y,
            "x": np.where(status == "ok", x, np.nan),
            "region": [f"r{code % 8}" for code in firm],
        }
    ).with_columns(
        pl.col("x").fill_nan(None),
        pl.Series("x_status", status),
        pl.lit("ok").alias("pat_status"),
        pl.lit(True).alias("in_sample"),
    )
    raw = {"outcome": "pat", "lead": 0, "estimator": estimator, "terms": ["x", "x^2"]}
    spec = resolve_spec("m", {**raw, "winsor": None, "cluster": cluster})
    return build_design(frame, spec), estimate_model(frame, spec)


@pytest.mark.parametrize("estimator", ["fe_ols", "fe_poisson"])
def test_rows_and_point_estimate_are_those_of_the_model(estimator: str) -> None:
    design, estimate = model(estimator)
    use = model_rows(design, estimate)
    assert len(use.y) == estimate.n_obs < len(design.y)
    found = bootstrap_model(design, estimate, draws=400, seed=1)
    inner = found.bootstrap if isinstance(found, PoissonBootstrap) else found
    assert isinstance(inner, ClusterBootstrap)
    assert inner.terms == estimate.terms
    assert inner.coefficients == pytest.approx(estimate.coefficients, rel=1e-7)
    assert inner.n_clusters == estimate.n_clusters
    # bootstrap and sandwich agree up to terms of order 1/G and Monte-Carlo error
    assert inner.std_errors[:2] == pytest.approx(estimate.std_errors[:2], rel=0.25)


def test_wild_bootstrap_and_jackknife_of_a_model() -> None:
    design, estimate = model("fe_ols", cluster="region")
    jackknife = jackknife_model(design, estimate)
    assert jackknife.terms == estimate.terms
    assert len(jackknife.left_out) == 8
    factor = (8 / 7) * (estimate.n_obs - 1) / (estimate.n_obs - len(estimate.terms) - 7)
    found = wild_model(design, estimate, "x", draws=999, seed=1, level=0.9)
    assert found.estimate == pytest.approx(estimate.coefficient("x"), rel=1e-9)
    assert found.std_error * np.sqrt(factor) == pytest.approx(estimate.std_errors[0], rel=1e-9)
    assert found.enumerated
    both = wild_model(design, estimate, "x", draws=99, seed=1, second=design.year)
    assert both.n_clusters == (8, 7)


def test_other_estimators_are_refused() -> None:
    design, estimate = model("fe_poisson")
    with pytest.raises(NotEstimable, match="not linear"):
        jackknife_model(design, estimate)
    design, pooled = model("fe_ols")
    object.__setattr__(pooled.spec, "estimator", "ols_by_hand")
    with pytest.raises(NotEstimable, match="cannot be resampled"):
        bootstrap_model(design, pooled, draws=9, seed=1)
