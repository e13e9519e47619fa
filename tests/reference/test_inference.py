"""Inference against published numbers and other packages."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.many_specs import Specification, estimate_specs, gram_sample
from tertius.inference.cluster_bootstrap import bootstrap_ols
from tertius.inference.multiway import driscoll_kraay_covariance, two_way_covariance
from tertius.inference.qap import mrqap
from tertius.inference.score_bootstrap import cluster_weights
from tertius.inference.sensitivity import benchmark_bound, robustness
from tertius.inference.wild import wild_cluster_bootstrap
from tests.unit.inference_panels import effects_of, panel, stacked

STORED = Path(__file__).parent / "inference"


def wildboottest_panel(clusters: int, years: int, seed: int) -> tuple[np.ndarray, ...]:
    """The rows of inference/wildboottest_values.py."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(clusters), years), np.tile(np.arange(years), clusters)
    x = rng.normal(size=(clusters * years, 2)) + rng.normal(size=(clusters, 2))[firm]
    noise = rng.normal(size=clusters * years) * (1 + firm / clusters)
    y = 0.15 * x[:, 0] - 0.3 * x[:, 1] + rng.normal(size=clusters)[firm] + 0.1 * year + noise
    return x, y, firm, year


@pytest.mark.parametrize("case", json.loads((STORED / "wildboottest.json").read_text()), ids=str)
def test_wild_bootstrap_equals_wildboottest(case: dict[str, float]) -> None:
    clusters = int(case["clusters"])
    x, y, firm, year = wildboottest_panel(clusters, 6, int(case["seed"]))
    found = wild_cluster_bootstrap(
        x,
        y,
        effects_of(firm, year),
        [firm],
        0,
        draws=2**clusters,
        seed=1,
        impose_null=bool(case["imposed"]),
    )
    assert found.enumerated
    whole = 2**clusters
    more = int((np.abs(found.draws) > abs(found.statistic) * (1 + 1e-9)).sum())
    # With the null imposed, two sign vectors give back the sample's |t|. They count for us;
    # wildboottest asks for a larger |t*|, which rounding decides.
    same = 2 if case["imposed"] else 0
    assert round(case["p"] * whole) - more in {0, same}
    expected = (more + same) / whole if case["imposed"] else (more + 1) / (whole + 1)
    assert found.p_value == pytest.approx(expected, abs=1e-12)


def test_darfur_equals_sensemakr() -> None:
    stored = json.loads((STORED / "sensemakr.json").read_text())
    given = stored["statistics"]
    found = robustness(given["estimate"], given["se"], given["dof"])
    assert found.partial_r2 == pytest.approx(given["r2yd_x"], rel=1e-10)
    assert found.robustness_value == pytest.approx(given["rv_q"], rel=1e-10)
    assert found.robustness_value_alpha == pytest.approx(given["rv_qa"], rel=1e-10)
    # as printed by Cinelli & Hazlett (2020, table 1)
    printed = (found.partial_r2, found.robustness_value, found.robustness_value_alpha)
    assert [round(100 * value, 1) for value in printed] == [2.2, 13.9, 7.6]
    half = robustness(given["estimate"], given["se"], given["dof"], q=0.5, alpha=0.1)
    assert half.robustness_value == pytest.approx(stored["half"]["rv_q"], rel=1e-10)
    assert half.robustness_value_alpha == pytest.approx(stored["half"]["rv_qa"], rel=1e-10)
    for times, row in enumerate(stored["bounds"], start=1):
        share = stored["benchmark"]
        bound = benchmark_bound(found, "female", share["r2_x"], share["r2_y"], times)
        assert bound.r2_x == pytest.approx(row["r2dz_x"], rel=1e-9)
        assert bound.r2_y == pytest.approx(row["r2yz_dx"], rel=1e-9)
        assert bound.estimate == pytest.approx(row["adjusted_estimate"], rel=1e-9)
        assert bound.std_error == pytest.approx(row["adjusted_se"], rel=1e-9)
        assert bound.statistic == pytest.approx(row["adjusted_t"], rel=1e-9)
        # sensemakr takes t with the 783 degrees of the short regression, here the confounder counts
        width = stats.t.isf(0.025, 783) * bound.std_error
        ends = row["adjusted_lower_CI"], row["adjusted_upper_CI"]
        assert ends == pytest.approx((bound.estimate - width, bound.estimate + width), rel=1e-9)
        assert bound.high - bound.estimate == pytest.approx(
            stats.t.isf(0.025, 782) * bound.std_error, rel=1e-12
        )


def test_mrqap_equals_sna() -> None:
    n = 12
    i, j = np.indices((n, n)) + 1
    s, t = np.minimum(i, j), np.maximum(i, j)
    x1, x2 = ((7 * s + 3 * t) % 11) / 10, ((5 * s * t) % 13) / 12
    y = 0.6 * x1 - 0.2 * x2 + ((s * s + 17 * t * s + 5 * t) % 23) / 22
    found = mrqap(y, [x1, x2], ["x1", "x2"], draws=4000, seed=1)
    with (STORED / "qap.csv").open() as file:
        rows = list(csv.DictReader(file))
    for k, row in enumerate(rows):
        assert found.coefficients[k] == pytest.approx(float(row["slope"]), abs=1e-10)
        assert found.statistics[k] == pytest.approx(float(row["t"]), abs=1e-9)
        for p, name in ((found.p_two_sided, "p_two"), (found.p_greater, "p_greater")):
            q = float(row[name])
            # four Monte-Carlo errors of both
            width = 4 * np.sqrt(max(q * (1 - q), 1e-4) * (1 / 4000 + 1 / 20000))
            assert p[k] == pytest.approx(q, abs=width)


def frame_of(
    x: np.ndarray, y: np.ndarray, firm: np.ndarray, year: np.ndarray
) -> tuple[pd.DataFrame, list[str]]:
    names = [f"x{j}" for j in range(x.shape[1])]
    data = pd.DataFrame(x, columns=names)
    return data.assign(y=y, firm=firm, year=year), names


def pyfixest_fit(data: pd.DataFrame, formula: str, vcov: object) -> tuple[np.ndarray, np.ndarray]:
    import pyfixest

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = pyfixest.feols(formula, data, vcov=vcov, fixef_tol=1e-13)
        return fit.coef().to_numpy(), fit.se().to_numpy()


def test_two_way_equals_pyfixest() -> None:
    x, y, firm, year = panel(firms=50, years=12, seed=3)
    fit = absorbed_ols(x, y, effects_of(firm, year))
    region = firm % 9
    data, names = frame_of(x, y, firm, year)
    data["region"] = region
    influence = (fit.x_within * fit.residuals[:, None]) @ fit.bread
    formula = f"y ~ {' + '.join(names)} | firm + year"
    coefficients, errors = pyfixest_fit(data, formula, {"CRV1": "region + year"})
    assert fit.coefficients == pytest.approx(coefficients, rel=1e-9)
    # firms lie in regions and years in years, so pyfixest counts the slopes and the constant
    found = two_way_covariance(influence, region, year, 3 + 1)
    assert found.std_errors == pytest.approx(errors, rel=1e-8)


def test_driscoll_kraay_equals_linearmodels() -> None:
    from linearmodels import PanelOLS

    x, y, firm, year = panel(firms=30, years=15, seed=5, missing=0.0)
    fit = absorbed_ols(x, y, effects_of(firm, year))
    data, names = frame_of(x, y, firm, year)
    data = data.set_index(["firm", "year"])
    peer = PanelOLS(data["y"], data[names], entity_effects=True, time_effects=True).fit(
        cov_type="kernel", kernel="bartlett", bandwidth=3, debiased=False
    )
    influence = (fit.x_within * fit.residuals[:, None]) @ fit.bread
    # linearmodels counts the effects (30 + 15 - 1), not the slopes
    covariance = driscoll_kraay_covariance(influence, year, 3, factor=450 / (450 - 44))
    assert np.sqrt(np.diag(covariance)) == pytest.approx(peer.std_errors.to_numpy(), rel=1e-8)


def test_bootstrap_and_specifications_equal_pyfixest() -> None:
    x, y, firm, year = panel(firms=80, seed=6)
    effects = effects_of(firm, year)
    found = bootstrap_ols(x, y, effects, firm, draws=2, seed=4)
    for row, weight in enumerate(next(cluster_weights(80, 2, 4))):
        rows, codes = stacked(firm, weight)
        data, names = frame_of(x[rows], y[rows], codes, year[rows])
        formula = f"y ~ {' + '.join(names)} | firm + year"
        coefficients, _ = pyfixest_fit(data, formula, "iid")
        assert found.draws[row] == pytest.approx(coefficients, rel=1e-10)
    sample = gram_sample(
        np.column_stack([x, y]), ("x0", "x1", "x2", "y"), firm, {"org_id": firm, "year": year}
    )
    data, _ = frame_of(x, y, firm, year)
    specs = [Specification("y", terms) for terms in (("x0",), ("x0", "x2"), ("x0", "x1", "x2"))]
    for one in estimate_specs(sample, specs):
        formula = f"y ~ {' + '.join(one.terms)} | firm + year"
        coefficients, errors = pyfixest_fit(data, formula, {"CRV1": "firm"})
        assert one.coefficients == pytest.approx(coefficients, rel=1e-10)
        assert one.std_errors == pytest.approx(errors, rel=1e-10)
