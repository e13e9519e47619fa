"""Monte Carlo of instruments, dynamic panels and selection models."""

from __future__ import annotations

import numpy as np
from scipy import stats

from benchmarks.monte_carlo.harness import Bias, Case, Coverage, Outcome, Rate, Size
from tertius.arrays import FloatArray, IntArray
from tertius.estimate.dynamic_panel import LagBlock, add_year_dummies, make_equations, make_grid
from tertius.estimate.gmm_core import fit_gmm, hansen_test, serial_correlation
from tertius.estimate.heckman import SelectionData, fit_two_steps
from tertius.estimate.iv_core import Factor, IvData, endogeneity_test, fit_k_class, hansen_j
from tertius.estimate.iv_weak import anderson_rubin, anderson_rubin_set, reduced_form
from tertius.estimate.two_way import make_effects


def outcome(value: float, error: float, planted: float, dof: float) -> Outcome:
    """Estimate, t interval, and p of the planted value."""
    width = float(stats.t.ppf(0.975, dof)) * error
    p = float(2 * stats.t.sf(abs(value - planted) / error, dof))
    return Outcome(value, value - width, value + width, p)


def codes(n_firms: int, n_years: int) -> tuple[IntArray, IntArray]:
    return np.repeat(np.arange(n_firms), n_years), np.tile(np.arange(n_years), n_firms)


def factor_of(data: IvData) -> Factor:
    """G/(G-1) (N-1)/(N-K), K with the absorbed years."""
    n, g = len(data.y), data.n_clusters
    return lambda k: g / (g - 1) * (n - 1) / (n - k - data.n_absorbed)


def error_of(data: IvData, scores: FloatArray, bread: FloatArray, column: int) -> float:
    influence = data.sums(scores) @ bread
    factor = factor_of(data)(len(bread))
    return float(np.sqrt(factor * (influence[:, column] ** 2).sum()))


# --- instruments -------------------------------------------------------------------------------


def iv_square(rng: np.random.Generator) -> dict[str, Outcome]:
    """y on endogenous x and x^2 and x:w, firm and year effects, errors correlated within firms."""
    firm, year = codes(150, 6)
    n = firm.size
    level, z, w = rng.normal(size=150)[firm], rng.normal(size=n), rng.normal(size=n)
    shock = np.repeat(rng.normal(size=150), 6) * (year - 2.5) / 2
    u = 0.8 * rng.normal(size=n) + 0.5 * shock
    x = z + 0.4 * z**2 + 0.4 * z * w + level + 0.5 * u + 0.5 * rng.normal(size=n)
    y = x - 0.3 * x**2 + 0.4 * x * w + 0.2 * w + level + 0.1 * year + u
    effects = make_effects(firm, year, ("org_id", "year"))
    within = effects.within(np.column_stack([y, x, x**2, x * w, w, z, z**2, z * w]))
    data = IvData(
        within[:, 0], within[:, 1:4], within[:, 4:5], within[:, 5:], firm, 150, n_absorbed=6
    )
    fit = fit_k_class(data)
    found = {}
    for j, (name, planted) in enumerate((("x", 1.0), ("square", -0.3), ("product", 0.4))):
        error = error_of(data, fit.scores, fit.bread, j)
        found[name] = outcome(float(fit.coefficients[j]), error, planted, 149)
    return found


def instruments(rng: np.random.Generator, strength: float, n_firms: int = 200) -> IvData:
    """One endogenous column, three instruments, errors correlated within firms; b = 1."""
    cluster, _ = codes(n_firms, 4)
    n = cluster.size
    z, w = rng.normal(size=(n, 3)), np.column_stack([np.ones(n), rng.normal(size=n)])
    u = rng.normal(size=n) + 0.7 * rng.normal(size=n_firms)[cluster]
    x = strength * z @ [0.6, 0.4, 0.2] + 0.7 * u + rng.normal(size=n)
    return IvData(x + w[:, 1] + u, x[:, None], w, z, cluster, n_firms)


def iv_tests(rng: np.random.Generator) -> dict[str, Outcome]:
    """Strong instruments: 2SLS, LIML, Hansen's J, and exogeneity where x is exogenous."""
    data = instruments(rng, 0.6)
    factor = factor_of(data)
    found = {}
    for method in ("2sls", "liml"):
        fit = fit_k_class(data, method)
        error = error_of(data, fit.scores, fit.bread, 0)
        found[method] = outcome(float(fit.coefficients[0]), error, 1.0, data.n_clusters - 1)
    j = hansen_j(data, fit_k_class(data).residuals)
    assert j is not None
    found["hansen_j"] = Outcome(p=j.p_value)
    u = data.y - data.endogenous[:, 0] - data.exogenous[:, 1]
    clean = data.endogenous - 0.7 * u[:, None]
    exogenous = IvData(
        data.y - 0.7 * u, clean, data.exogenous, data.instruments, data.cluster, data.n_clusters
    )
    found["endogeneity"] = Outcome(p=endogeneity_test(exogenous, factor).p_value)
    return found


def weak(rng: np.random.Generator) -> dict[str, Outcome]:
    """Weak instruments (first-stage F near 2): the Anderson-Rubin set keeps its coverage."""
    data = instruments(rng, 0.1)
    form = reduced_form(data, factor_of(data))
    pieces = anderson_rubin_set(form)
    fit = fit_k_class(data)
    error = error_of(data, fit.scores, fit.bread, 0)
    usual = outcome(float(fit.coefficients[0]), error, 1.0, data.n_clusters - 1)
    return {
        "anderson_rubin": Outcome(
            p=anderson_rubin(form, np.ones(1)).p_value,
            covers=any(low <= 1.0 <= high for low, high in pieces),
        ),
        "2sls": usual,
    }


# --- dynamic panels ----------------------------------------------------------------------------


def gmm(rng: np.random.Generator, system: bool) -> dict[str, Outcome]:
    """y = .5 y_-1 + .4 x + firm + year + e; x predetermined; stationary start; two steps."""
    n_firms, n_years = 300, 8
    level = rng.normal(size=n_firms)
    y, x, e = 2.8 * level, 0.4 * level, np.zeros(n_firms)
    kept: list[tuple[FloatArray, FloatArray]] = []
    for t in range(-15, n_years):
        x = 0.5 * x + 0.2 * e + 0.2 * level + rng.normal(size=n_firms)
        e = rng.normal(size=n_firms) * np.exp(0.2 * level)
        y = 0.5 * y + 0.4 * x + level + e
        if t >= 0:
            kept.append((y + 0.1 * t, x))
    firm, year = codes(n_firms, n_years)
    ys, xs = (np.column_stack([pair[i] for pair in kept]).ravel() for i in (0, 1))
    grid = add_year_dummies(make_grid(firm, year, ys, xs[:, None], 1))
    blocks = [LagBlock(-1, 2, 4), LagBlock(1, 1, 3)]
    dummies = range(2, grid.x.shape[2])
    equations = make_equations(
        grid, blocks, [], dummies, system=system, how="difference", collapse=True
    )
    fit = fit_gmm(equations, 2)
    errors = np.sqrt(np.diag(fit.covariance))
    found = {}
    for j, (name, planted) in enumerate((("lag", 0.5), ("x", 0.4))):
        found[name] = outcome(float(fit.coefficients[j]), float(errors[j]), planted, n_firms - 1)
    hansen = hansen_test(equations, fit)
    assert hansen is not None
    found["hansen_j"] = Outcome(p=hansen.p_value)
    found["ar2"] = Outcome(p=serial_correlation(equations, fit, 2)[1])
    return found


def difference_gmm(rng: np.random.Generator) -> dict[str, Outcome]:
    """Difference GMM in two steps with the corrected covariance."""
    return gmm(rng, False)


def system_gmm(rng: np.random.Generator) -> dict[str, Outcome]:
    """System GMM in two steps with the corrected covariance."""
    return gmm(rng, True)


# --- selection ---------------------------------------------------------------------------------


def selection(rng: np.random.Generator, panel: bool) -> dict[str, Outcome]:
    """y = .8 x + .6 v + e where x / 2 + z + v > 0; in the panel the firm effect follows mean x."""
    n_firms, n_years = 300, 5
    firm, year = codes(n_firms, n_years)
    n = firm.size
    x, z, v = rng.normal(size=n), rng.normal(size=n), rng.normal(size=n)
    constant, years = np.ones((n, 1)), np.eye(n_years)[year][:, 1:]
    means, effect, push = np.zeros((n, 0)), np.zeros(n), np.zeros(n)
    if panel:
        x = x + rng.normal(size=n_firms)[firm]
        both = np.column_stack([x, z]).reshape(n_firms, n_years, 2).mean(axis=1)
        means = both[firm]
        effect = means[:, 0] + 0.4 * rng.normal(size=n_firms)[firm]
        push = 0.3 * means[:, 0]
    chosen = 0.5 * x + z + 0.2 + push + v > 0
    y = 0.8 * x + 0.1 * year + effect + 0.6 * v + 0.8 * rng.normal(size=n)
    base = constant if panel else np.column_stack([constant, years])
    data = SelectionData(
        y=np.where(chosen, y, np.nan),
        selected=chosen,
        x=x[:, None],
        nuisance=np.column_stack([constant, years, means]),
        w=np.column_stack([base, means, x, z]),
        exclusion=np.array([base.shape[1] + means.shape[1] + 1]),
        period=year if panel else np.zeros(n, dtype=np.int64),
        cluster=firm,
        n_clusters=n_firms,
    )
    fit = fit_two_steps(data)
    factor = n_firms / (n_firms - 1)
    errors = np.sqrt(factor * (fit.influence**2).sum(axis=0))
    j = data.nuisance.shape[1]
    value, ratio = float(fit.second.coefficients[j]), float(fit.second.coefficients[-1])
    return {
        "x": outcome(value, float(errors[j]), 0.8, n_firms - 1),
        "mills_ratio": outcome(ratio, float(errors[-1]), 0.6, n_firms - 1),
    }


def pooled_selection(rng: np.random.Generator) -> dict[str, Outcome]:
    """One probit, one ratio."""
    return selection(rng, False)


def panel_selection(rng: np.random.Generator) -> dict[str, Outcome]:
    """A probit a year with firm means, a ratio a year."""
    return selection(rng, True)


CASES = (
    Case(
        "iv_square",
        iv_square,
        (
            Coverage("x", 1.0),
            Coverage("square", -0.3),
            Coverage("product", 0.4),
            Bias("square", -0.3, 0.01),
            Bias("product", 0.4, 0.01),
        ),
        note="squares and products of an endogenous variable, each with its own instrument",
    ),
    Case(
        "iv_tests",
        iv_tests,
        (
            Coverage("2sls", 1.0),
            Coverage("liml", 1.0),
            Bias("liml", 1.0, 0.01),
            Size("2sls"),
            Size("hansen_j"),
            Size("endogeneity"),
        ),
        note="200 firms, strong instruments; median-unbiased LIML has a small mean bias",
    ),
    Case(
        "iv_weak",
        weak,
        (Coverage("anderson_rubin", 1.0), Size("anderson_rubin"), Rate("2sls", 0.08, 1.0)),
        note="the usual test of 2SLS over-rejects with weak instruments (Staiger & Stock 1997), as "
        "theory promises; the Anderson-Rubin set does not",
    ),
    Case(
        "difference_gmm",
        difference_gmm,
        (
            Coverage("lag", 0.5),
            Coverage("x", 0.4),
            Bias("lag", 0.5, 0.02),
            Bias("x", 0.4, 0.02),
            Size("ar2"),
            Size("hansen_j"),
        ),
        note="300 firms, 8 years; difference GMM has a finite-sample bias (Blundell & Bond 1998)",
    ),
    Case(
        "system_gmm",
        system_gmm,
        (
            Coverage("lag", 0.5),
            Coverage("x", 0.4),
            Bias("lag", 0.5, 0.02),
            Bias("x", 0.4, 0.02),
            Size("ar2"),
            Size("hansen_j"),
        ),
        note="stationary start, so that the level moments hold",
    ),
    Case(
        "pooled_selection",
        pooled_selection,
        (
            Coverage("x", 0.8),
            Coverage("mills_ratio", 0.6),
            Bias("x", 0.8),
            Bias("mills_ratio", 0.6),
            Size("x"),
        ),
    ),
    Case(
        "panel_selection",
        panel_selection,
        (
            Coverage("x", 0.8),
            Coverage("mills_ratio", 0.6),
            Bias("x", 0.8),
            Bias("mills_ratio", 0.6),
            Size("x"),
        ),
    ),
)
