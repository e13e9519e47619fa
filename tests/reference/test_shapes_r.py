"""Two lines, Fieller, Johnson-Neyman with FDR and bins against R (tests/reference/r/shapes.R)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tertius.estimate import Estimate, estimate_model
from tertius.model_spec import resolve_spec
from tertius.shapes import (
    binned_moderation,
    inverted_u_test,
    significance_regions,
    two_lines_test,
)

FOLDER = Path(__file__).parent / "r"
STORED = dict(pl.read_csv(FOLDER / "shapes.csv").iter_rows())


def fit(terms: str) -> Estimate:
    """Plain least squares, every row its own cluster without factor: White's HC0."""
    data = pl.read_csv(FOLDER / "shapes_data.csv")
    frame = data.with_columns(
        pl.Series("org_id", [f"r{i:03d}" for i in range(data.height)]),
        pl.lit(2000, dtype=pl.Int32).alias("year"),
        pl.lit(True).alias("in_sample"),
        *(pl.lit("ok").alias(f"{name}_status") for name in data.columns),
    )
    raw = {
        "outcome": "y",
        "lead": 0,
        "estimator": "fe_ols",
        "terms": terms.split(),
        "effects": [],
        "winsor": None,
        "se_convention": "no_factor",
    }
    return estimate_model(frame, resolve_spec("m", raw))


@pytest.mark.parametrize(
    "name", ["peak", "flat_low", "flat_high", "break_point", "z_low", "z_high"]
)
def test_robin_hood_break(name: str) -> None:
    found = two_lines_test(fit("x x^2 z w"), "x")
    assert getattr(found, name) == pytest.approx(STORED[name], rel=1e-9)


@pytest.mark.parametrize("name", ["slope_low", "slope_high", "se_low", "se_high"])
def test_two_lines(name: str) -> None:
    found = two_lines_test(fit("x x^2 z w"), "x")
    assert getattr(found, name) == pytest.approx(STORED[name], rel=1e-9)
    assert found.decision == "inverted_u"


def test_fieller_set_and_u_test() -> None:
    found = inverted_u_test(fit("x x^2 z w"), "x")
    assert found.estimate == pytest.approx(STORED["turning_point"], rel=1e-10)
    assert found.fieller_95.low == pytest.approx(STORED["fieller_low"], rel=1e-9)
    assert found.fieller_95.high == pytest.approx(STORED["fieller_high"], rel=1e-9)
    assert found.p_value == pytest.approx(STORED["u_p"], rel=1e-6)


def test_johnson_neyman_usual_and_corrected() -> None:
    found = significance_regions(fit("x z x:z w"), "x", "z")
    assert found.usual.roots == pytest.approx((STORED["jn_low"], STORED["jn_high"]), rel=1e-8)
    assert found.significant == STORED["fdr_significant"]
    assert found.t_fdr == pytest.approx(STORED["fdr_t"], rel=1e-10)
    assert found.corrected.roots == pytest.approx((STORED["fdr_low"], STORED["fdr_high"]), rel=1e-8)
    assert found.t_fdr > found.t_usual


def test_bins() -> None:
    found = binned_moderation(fit("x z x:z w"), "x", "z")
    for j, one in enumerate(found.bins, start=1):
        assert one.effect == pytest.approx(STORED[f"bin_{j}"], rel=1e-9)
        assert one.std_error == pytest.approx(STORED[f"bin_se_{j}"], rel=1e-9)
    assert np.sum([one.rows for one in found.bins]) == 400
