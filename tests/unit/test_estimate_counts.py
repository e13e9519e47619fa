"""Models of counts against statsmodels, pyfixest, quadrature and finite differences."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.api as sm
from scipy import integrate, stats
from scipy.special import gammaln
from statsmodels.tools.numdiff import approx_fprime

from tertius.estimate import Estimate, NotEstimable, estimate_model
from tertius.estimate.hhg import HhgLikelihood
from tertius.estimate.likelihood import Likelihood
from tertius.estimate.pooled_counts import CountLikelihood
from tertius.model_spec import resolve_spec
from tertius.problems import InputError
from tests.unit.test_estimate_fe import panel_of, simulate


def fit(data: pd.DataFrame, estimator: str, **changes: object) -> Estimate:
    raw = {"outcome": "pat", "lead": 0, "estimator": estimator, "terms": ["x", "z"]}
    return estimate_model(panel_of(data), resolve_spec("m", {**raw, "winsor": None, **changes}))


def dummies(data: pd.DataFrame) -> np.ndarray:
    years = pd.get_dummies(data["year"], drop_first=True).to_numpy(float)
    return np.column_stack([data[["x", "z"]], np.ones(len(data)), years])


def likelihoods() -> dict[str, tuple[Likelihood, np.ndarray]]:
    rng = np.random.default_rng(5)
    x = np.column_stack([rng.normal(size=(40, 2)), np.ones(40)])
    y = rng.poisson(2.0, 40).astype(float)
    starts = np.arange(0, 40, 4)
    z = x[:, [2, 0]]
    theta = rng.normal(size=7) * 0.3
    return {
        "conditional": (HhgLikelihood.of(y, x, starts, random=False), theta[:3]),
        "random": (HhgLikelihood.of(y, x, starts, random=True), theta[:5]),
        "poisson": (CountLikelihood(y, x, None, False), theta[:3]),
        "nb2": (CountLikelihood(y, x, None, True), theta[:4]),
        "zip": (CountLikelihood(y, x, z, False), theta[:5]),
        "zinb": (CountLikelihood(y, x, z, True), theta[:6]),
    }


@pytest.mark.parametrize("name", list(likelihoods()))
def test_derivatives_are_those_of_the_value(name: str) -> None:
    likelihood, theta = likelihoods()[name]
    scores, hessian = likelihood.derivatives(theta)
    for j in range(len(theta)):
        step = np.zeros(len(theta))
        step[j] = 1e-5
        slope = (likelihood.value(theta + step) - likelihood.value(theta - step)) / 2e-5
        assert scores.sum(axis=0)[j] == pytest.approx(slope, rel=1e-6, abs=1e-7)
        ahead = likelihood.derivatives(theta + step)[0].sum(axis=0)
        behind = likelihood.derivatives(theta - step)[0].sum(axis=0)
        assert hessian[j] == pytest.approx((ahead - behind) / 2e-5, rel=1e-6, abs=1e-6)


def test_random_effects_likelihood_is_the_beta_mixture() -> None:
    y, x = np.array([2.0, 0.0, 5.0]), np.array([[0.3], [-0.2], [0.9]])
    theta = np.array([0.7, np.log(2.5), np.log(1.5)])
    likelihood = HhgLikelihood.of(y, x, np.array([0]), random=True)
    rate, a, b = np.exp(x[:, 0] * 0.7), 2.5, 1.5

    def joint(p: float) -> float:
        law = gammaln(rate + y) - gammaln(rate) - gammaln(y + 1)
        log_density = law + rate * np.log(p) + y * np.log1p(-p)
        return float(np.exp(log_density.sum()) * stats.beta.pdf(p, a, b))

    expected = integrate.quad(joint, 0, 1, epsabs=1e-14)[0]
    assert likelihood.value(theta) == pytest.approx(np.log(expected), rel=1e-10)


def test_conditional_likelihood_sums_to_one_over_all_splits_of_the_total() -> None:
    x = np.array([[0.4], [-1.0], [0.2]])
    total, chance = 6, 0.0
    for first in range(total + 1):
        for second in range(total + 1 - first):
            y = np.array([first, second, total - first - second], dtype=float)
            chance += np.exp(HhgLikelihood.of(y, x, np.array([0]), random=False).value(np.ones(1)))
    assert chance == pytest.approx(1.0, rel=1e-12)


def test_random_effects_find_the_planted_values() -> None:
    rng = np.random.default_rng(11)
    firm, year = np.repeat(np.arange(600), 5), np.tile(np.arange(5), 600)
    x, z = rng.normal(size=3000), rng.normal(size=3000)
    p = rng.beta(4.0, 3.0, 600)[firm]
    y = rng.negative_binomial(np.exp(0.5 * x - 0.3 * z + 0.4), p)
    names = np.array([f"f{i:03d}" for i in firm])
    data = pd.DataFrame({"org_id": names, "year": 2000 + year, "pat": y * 1.0, "x": x, "z": z})
    for estimator in ("hhg_nb", "re_nb"):
        estimate = fit(data, estimator, se_convention="information")
        for term, planted in (("x", 0.5), ("z", -0.3)):
            error = estimate.std_errors[estimate.index(term)]
            assert abs(estimate.coefficient(term) - planted) < 3 * error < 0.2
    assert estimate.diagnostics["beta_a"].value == pytest.approx(4.0, abs=1.2)
    assert estimate.diagnostics["beta_b"].value == pytest.approx(3.0, abs=1.2)


def test_nb2_equals_statsmodels() -> None:
    data = simulate(21, counts=True)
    estimate = fit(data, "nb2", effects=["year"], se_convention="information")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = sm.NegativeBinomial(data["pat"], dummies(data)).fit(
            disp=0, method="newton", maxiter=200, tol=1e-12
        )
    assert estimate.coefficients == pytest.approx(other.params[:3].to_numpy(), rel=1e-6)
    assert estimate.std_errors == pytest.approx(other.bse[:3].to_numpy(), rel=1e-4)
    assert estimate.statistics["log_likelihood"] == pytest.approx(other.llf, rel=1e-10)
    assert estimate.diagnostics["alpha"].value == pytest.approx(other.params["alpha"], rel=1e-6)


def zero_heavy(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = simulate(seed, counts=True, n_firms=120)
    closed = rng.random(len(data)) < 1 / (1 + np.exp(1 - data["z"]))
    return data.assign(pat=np.where(closed, 0.0, data["pat"]))


@pytest.mark.parametrize("estimator", ["zip", "zinb"])
def test_zero_inflated_equal_statsmodels(estimator: str) -> None:
    data = zero_heavy(22)
    options = {"inflation": ["z"]}
    estimate = fit(data, estimator, effects=["year"], se_convention="information", options=options)
    maker = sm.ZeroInflatedPoisson if estimator == "zip" else sm.ZeroInflatedNegativeBinomialP
    inflation = sm.add_constant(data["z"].to_numpy())
    model = maker(data["pat"].to_numpy(), dummies(data), exog_infl=inflation)
    table = estimate.tables["inflation"]
    years = estimate.n_years - 1
    start = np.r_[table["estimate"], estimate.coefficients, np.zeros(years)]
    start = np.r_[start, estimate.diagnostics["alpha"].value] if estimator == "zinb" else start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = model.fit(start_params=start, method="bfgs", disp=0, maxiter=2000, gtol=1e-7)
    assert estimate.statistics["log_likelihood"] == pytest.approx(other.llf, rel=1e-9)
    assert table["estimate"].to_numpy() == pytest.approx(other.params[:2], rel=1e-4)
    assert estimate.coefficients == pytest.approx(other.params[2:5], rel=1e-4)
    # the Hessian that statsmodels 0.15 gives for the zero-inflated Poisson is not the derivative
    # of its own score (errors too small by up to a fifth), so that derivative is taken here
    hessian = approx_fprime(other.params, model.score, centered=True)
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    assert estimate.std_errors == pytest.approx(errors[2:5], rel=1e-4)
    assert table["std_error_information"].to_numpy() == pytest.approx(errors[:2], rel=1e-4)
    assert table["term"].to_list() == ["constant", "z"]


def test_counts_are_asked_for() -> None:
    data = simulate(23, counts=True)
    for estimator in ("hhg_nb", "re_nb", "nb2", "zip"):
        with pytest.raises(NotEstimable) as caught:
            fit(data.assign(pat=data["pat"] + 0.5), estimator)
        assert caught.value.reason_code == "not_a_count"
    with pytest.raises(InputError, match="firm effects are required by hhg_nb"):
        fit(data, "hhg_nb", effects=["year"])


def test_presample_mean_is_poisson_with_its_logarithm() -> None:
    rng = np.random.default_rng(24)
    data = simulate(24, counts=True)
    codes = data["org_id"].astype("category").cat.codes
    before = np.where(rng.random(60) < 0.2, 0.0, rng.gamma(2, 1, 60))[codes]
    past = np.asarray(rng.poisson(1.0, len(data)), dtype=float)
    data = data.assign(before=before, past=past)
    estimate = fit(data, "presample_poisson", options={"presample": "before", "lag": "past"})
    assert estimate.spec.effects == ("year",)
    named = data.assign(
        lb=np.log(np.where(before > 0, before, 1)),
        nb=before == 0,
        lp=np.log(np.where(past > 0, past, 1)),
        np_=past == 0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pf.fepois("pat ~ x + z + lb + nb + lp + np_ | year", named, vcov={"CRV1": "org_id"})
    assert estimate.terms[2:] == ("log(before)", "none(before)", "log(past)", "none(past)")
    assert estimate.coefficients == pytest.approx(other.coef().to_numpy(), rel=1e-6)
    assert estimate.std_errors == pytest.approx(other.se().to_numpy(), rel=1e-5)


def test_correlated_effects_of_ols_give_the_within_slopes() -> None:
    data = simulate(25, counts=False)
    within, cre = fit(data, "fe_ols"), fit(data, "cre_ols")
    assert cre.coefficients[:2] == pytest.approx(within.coefficients, rel=1e-9)
    assert cre.terms[2:4] == ("mean(x)", "mean(z)")
    balanced = data.groupby("org_id").filter(lambda g: len(g) >= 4).groupby("org_id").head(4)
    balanced = balanced.assign(year=2000 + balanced.groupby("org_id").cumcount())
    wide = fit(balanced, "cre_ols", options={"projection": "chamberlain"})
    narrow = fit(balanced, "fe_ols")
    assert wide.coefficients[:2] == pytest.approx(narrow.coefficients, rel=1e-9)
    assert wide.terms[2] == "x@2000"
    with pytest.raises(NotEstimable, match="balanced"):
        fit(data, "cre_ols", options={"projection": "chamberlain"})


def test_correlated_effects_of_poisson_equal_a_regression_on_means() -> None:
    data = simulate(26, counts=True, n_firms=80)
    balanced = data.groupby("org_id").filter(lambda g: len(g) >= 4).groupby("org_id").head(4)
    balanced = balanced.assign(year=2000 + balanced.groupby("org_id").cumcount())
    estimate = fit(balanced, "cre_poisson", se_convention="no_factor")
    means = balanced.groupby("org_id")[["x", "z"]].transform("mean")
    x = np.column_stack([balanced[["x", "z"]], means, np.ones(len(balanced))])
    years = pd.get_dummies(balanced["year"], drop_first=True).to_numpy(float)
    groups = balanced["org_id"].astype("category").cat.codes
    other = sm.GLM(balanced["pat"], np.hstack([x, years]), family=sm.families.Poisson()).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}, tol=1e-12
    )
    assert estimate.coefficients == pytest.approx(other.params[:4].to_numpy(), rel=1e-7)
    assert estimate.std_errors == pytest.approx(other.bse[:4].to_numpy(), rel=1e-6)
    test = other.wald_test(np.eye(len(other.params))[2:4], scalar=True)
    assert estimate.diagnostics["projection"].p_value == pytest.approx(test.pvalue, rel=1e-5)


def endogenous(seed: int, n_firms: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n_firms), 4), np.tile(np.arange(4), n_firms)
    level, shock = rng.normal(size=n_firms)[firm], rng.normal(size=firm.size)
    w, z = rng.normal(size=firm.size) + level, rng.normal(size=firm.size)
    x = 0.8 * w + 0.3 * z + 0.5 * level + shock
    y = rng.poisson(np.exp(0.3 * x + 0.2 * z + 0.5 * level + 0.4 * shock - 0.5)).astype(float)
    names = np.array([f"f{i:03d}" for i in firm])
    return pd.DataFrame({"org_id": names, "year": 2000 + year, "pat": y, "x": x, "z": z, "w": w})


CF = {"endogenous": ["x"], "instruments": ["w"]}


def test_control_function_is_two_steps() -> None:
    data = endogenous(27)
    estimate = fit(data, "cf_poisson", options=CF)
    used = data[data.groupby("org_id")["pat"].transform("sum") > 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = pf.feols("x ~ z + w | org_id + year", used)
        used = used.assign(v=first.resid())
        second = pf.fepois("pat ~ x + z + v | org_id + year", used)
    assert estimate.terms == ("x", "z", "residual(x)")
    assert estimate.coefficients == pytest.approx(second.coef().to_numpy(), rel=1e-6)
    assert estimate.tables["first_stage"]["estimate"][0] == pytest.approx(first.coef()["w"])
    assert abs(estimate.coefficients[0] - 0.3) < 3 * estimate.std_errors[0]
    assert estimate.diagnostics["exogeneity"].p_value < 0.01


def test_errors_of_the_control_function_count_both_steps() -> None:
    # of six copies of each firm one leaves or a seventh comes: half the difference is the influence
    one = endogenous(28, 60)
    copies = [one.assign(org_id=one["org_id"] + f"_{copy}") for copy in range(7)]
    data = pd.concat(copies[:6])
    estimate = fit(data, "cf_poisson", options=CF, se_convention="no_factor")
    firms = [firm for firm in estimate.cluster_ids if firm.endswith("_0")][::3]
    change = []
    for firm in firms:
        less = data[data["org_id"] != firm]
        more = pd.concat([data, copies[6][copies[6]["org_id"] == firm[:-1] + "6"]])
        found = [fit(rows, "cf_poisson", options=CF).coefficients for rows in (more, less)]
        change.append((found[0] - found[1]) / 2)
    psi = estimate.influence[[estimate.cluster_ids.index(firm) for firm in firms]]
    assert np.array(change) == pytest.approx(psi, rel=0.01, abs=0.01 * np.abs(psi).max())


def test_control_function_refuses_contradictory_lists() -> None:
    data = endogenous(29)
    for options, code in (
        ({"endogenous": ["w"], "instruments": ["w"]}, "not_in_model"),
        ({"endogenous": ["x"], "instruments": ["z"]}, "instrument_included"),
        ({"endogenous": ["x", "z"], "instruments": ["w"]}, "underidentified"),
    ):
        with pytest.raises(NotEstimable) as caught:
            fit(data, "cf_poisson", options=options)
        assert caught.value.reason_code == code


def test_order_of_rows_does_not_matter() -> None:
    data = endogenous(30)
    shuffled = data.sample(frac=1, random_state=1)
    for estimator, options in (("hhg_nb", {}), ("nb2", {}), ("cf_poisson", CF), ("cre_ols", {})):
        changes = {"options": options, **({"effects": ["year"]} if estimator == "nb2" else {})}
        one, two = fit(data, estimator, **changes), fit(shuffled, estimator, **changes)
        assert (one.coefficients == two.coefficients).all()
        assert (one.covariance == two.covariance).all()


def test_firms_without_counts_change_nothing_in_the_conditional_model() -> None:
    data = simulate(31, counts=True)
    empty = data.head(6).assign(org_id="zzz", pat=0.0, year=np.arange(2000, 2006))
    one, two = fit(data, "hhg_nb"), fit(pd.concat([data, empty]), "hhg_nb")
    assert one.coefficients == pytest.approx(two.coefficients, rel=1e-10)
    assert two.dropped["firms or years without any outcome"] >= 6
    assert replace(one, warnings=()).estimator.note.startswith("not a true fixed-effects")


def test_overdispersion_is_the_auxiliary_regression() -> None:
    estimate = fit(simulate(32, counts=True), "fe_poisson")
    y, mu = estimate.frame["y"].to_numpy(), estimate.frame["fitted"].to_numpy()
    other = sm.OLS(((y - mu) ** 2 - y) / mu, mu).fit(cov_type="HC0")
    found = estimate.diagnostics["overdispersion"]
    assert found.value == pytest.approx(other.params[0], rel=1e-10)
    assert found.statistic == pytest.approx(other.tvalues[0], rel=1e-10)
    assert found.p_value == pytest.approx(other.pvalues[0], rel=1e-8)


@pytest.mark.parametrize("transformation", ["wooldridge", "chamberlain"])
def test_quasi_differences_find_what_fixed_effects_miss(transformation: str) -> None:
    rng = np.random.default_rng(33)
    n_firms, n_years = 2000, 6
    level, x, y = 0.5 * rng.normal(size=n_firms), np.zeros(n_firms), np.zeros(n_firms)
    kept = []
    for when in range(10 + n_years):
        x = 0.5 * x + 0.2 * np.minimum(y, 6.0) + 0.5 * rng.normal(size=n_firms)
        y = rng.poisson(np.exp(0.3 * x + level)).astype(float)
        kept.append(pd.DataFrame({"year": 2000 + when, "pat": y, "x": x, "firm": range(n_firms)}))
    data = pd.concat(kept[10:])
    data = data.assign(org_id=data["firm"].map("f{:04d}".format)).drop(columns="firm")
    options = {"transformation": transformation}
    estimate = fit(data, "qd_gmm", terms=["x"], options=options)
    error = estimate.std_errors[0]
    assert abs(estimate.coefficients[0] - 0.3) < 3 * error < 0.2
    plain = fit(data, "fe_poisson", terms=["x"])
    assert abs(plain.coefficients[0] - 0.3) > 3 * plain.std_errors[0]
    assert 0.001 < estimate.diagnostics["hansen_j"].p_value < 1


def test_quasi_differences_just_identified_solve_their_moments() -> None:
    data = simulate(34, counts=True, n_firms=100)
    holes = data.drop(index=data.index[5::9])
    estimate = fit(holes, "qd_gmm", effects=["org_id"], options={"lags": 0})
    rows = estimate.frame.to_pandas()
    index = rows[["x", "z"]].to_numpy() - rows[["x", "z"]].to_numpy().mean(axis=0)
    scaled = rows["y"].to_numpy() * np.exp(-index @ estimate.coefficients)
    code = rows["org_id"].astype("category").cat.codes.to_numpy()
    pair = np.flatnonzero((np.diff(code) == 0) & (np.diff(rows["year"]) == 1))
    assert f"{len(pair)} pairs of consecutive years are used" in estimate.remarks
    difference = scaled[pair] - scaled[pair + 1]
    z = np.column_stack([np.ones(len(pair)), index[pair]])
    total = z.T @ difference
    weight = np.linalg.inv(z.T @ z)
    slopes = z.T @ (
        -scaled[pair][:, None] * index[pair] + scaled[pair + 1][:, None] * index[pair + 1]
    )
    # first-order condition of the one-step criterion
    assert slopes.T @ weight @ total == pytest.approx(np.zeros(2), abs=1e-5)
    assert estimate.dropped.get("rows without the year before or after", 0) > 0
