"""Worlds of counts (and their linear companions): planted 0.3 on x, nothing on `null`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.monte_carlo.harness import Bias, Case, Coverage, Outcome, Rate, Size
from benchmarks.monte_carlo.worlds import codes, estimate, outcome

FIRMS, YEARS, EFFECT = 200, 6, 0.3
POOLED_FIRMS = 400
Draw = Callable[[np.random.Generator], Mapping[str, Outcome]]


def regressors(
    rng: np.random.Generator, n_firms: int = FIRMS, n_years: int = YEARS
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Firm, year, x and `null` correlated with a firm level, and the level of each row."""
    firm, year = codes(n_firms, n_years)
    level = rng.normal(size=n_firms)[firm]
    columns = {name: rng.normal(size=firm.size) + 0.5 * level for name in ("x", "null")}
    return firm, year, columns, level


def both(found: Any) -> dict[str, Outcome]:
    return {"x": outcome(found, "x", EFFECT), "null": outcome(found, "null", 0.0)}


CHECKS = (Coverage("x", EFFECT), Size("null"), Bias("x", EFFECT))


def fixed_effects_poisson(rng: np.random.Generator) -> Mapping[str, Outcome]:
    firm, year, columns, level = regressors(rng)
    mean = np.exp(EFFECT * columns["x"] + 0.5 * level + 0.05 * year)
    columns["y"] = rng.poisson(mean * rng.gamma(2, 0.5, firm.size)).astype(float)
    return both(estimate(columns, firm, year, "fe_poisson", ["x", "null"]))


def fixed_effects_ols(rng: np.random.Generator) -> Mapping[str, Outcome]:
    firm, year, columns, level = regressors(rng)
    noise = rng.normal(size=firm.size) * (1 + 0.5 * np.abs(columns["x"]))
    columns["y"] = EFFECT * columns["x"] + level + 0.1 * year + noise
    return both(estimate(columns, firm, year, "fe_ols", ["x", "null"]))


def hhg_law(
    rng: np.random.Generator, n_years: int = YEARS
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Counts by the law of Hausman, Hall and Griliches: Beta-distributed dispersions."""
    firm, year, columns, _ = regressors(rng, n_years=n_years)
    p = rng.beta(4.0, 3.0, FIRMS)[firm]
    columns["y"] = rng.negative_binomial(np.exp(EFFECT * columns["x"] + 0.5), p).astype(float)
    return firm, year, columns


def hhg(estimator: str) -> Draw:
    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        firm, year, columns = hhg_law(rng)
        return both(estimate(columns, firm, year, estimator, ["x", "null"]))

    return draw


def constant_in_conditional_nb(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """A variable constant within firms and without effect; variance / mean is 2 in every firm."""
    firm, year, columns, level = regressors(rng)
    columns["null"] = level + 0.5 * rng.normal(size=FIRMS)[firm]
    mean = np.exp(EFFECT * columns["x"] + 0.5 * level + 0.5)
    columns["y"] = rng.negative_binomial(mean, 0.5).astype(float)
    return both(estimate(columns, firm, year, "hhg_nb", ["x", "null"]))


def pooled(estimator: str) -> Draw:
    """NB2 or zero-inflated counts without firm effects beyond the regressors."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        firm, year, columns, _ = regressors(rng, POOLED_FIRMS)
        mean = np.exp(EFFECT * columns["x"] + 0.5)
        if estimator != "zip":
            mean = mean * rng.gamma(2, 0.5, firm.size)
        y = rng.poisson(mean).astype(float)
        if estimator != "nb2":
            y[rng.random(firm.size) < 1 / (1 + np.exp(1 - 0.5 * columns["null"]))] = 0.0
        columns["y"] = y
        options = {} if estimator == "nb2" else {"options": {"inflation": ["null"]}}
        found = estimate(columns, firm, year, estimator, ["x", "null"], effects=["year"], **options)
        return both(found)

    return draw


def presample(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """x and `null` react to the last count's surprise; the firm level is seen in 400 earlier years.

    The mean x of a firm rises in a line with its level, so that the logarithm of the pre-sample
    mean does so too (as the estimator assumes) with a slope that is not 1 and is estimated. Counts
    are large enough for surprises (count less mean, over its root) to have the same law everywhere.
    """
    n_years, burn = 6, 400
    level = 0.7 * rng.normal(size=FIRMS)
    moved, surprise, before = np.zeros((3, FIRMS))
    kept: dict[str, list[np.ndarray]] = {"x": [], "null": [], "y": []}
    for when in range(burn + n_years):
        moved = 0.5 * moved + 0.3 * surprise + 0.5 * rng.normal(size=FIRMS)
        x = moved + 0.4 * level
        null = 0.5 * surprise + 0.4 * level + rng.normal(size=FIRMS)
        mean = np.exp(2.0 + EFFECT * x + level)
        counts = rng.poisson(mean).astype(float)
        surprise = (counts - mean) / np.sqrt(mean)
        if when < burn:
            before += counts / burn
            continue
        for name, values in (("x", x), ("null", null), ("y", counts)):
            kept[name].append(values)
    firm, year = codes(FIRMS, n_years)
    columns = {name: np.stack(parts, axis=1).ravel() for name, parts in kept.items()}
    columns["before"] = before[firm]
    options = {"presample": "before"}
    found = estimate(columns, firm, year, "presample_poisson", ["x", "null"], options=options)
    return both(found)


def feedback(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """The same feedback under firm effects: FE Poisson needs strict exogeneity and fails."""
    n_years = 5
    level = 0.7 * rng.normal(size=FIRMS)
    counts = np.zeros(FIRMS)
    kept: dict[str, list[np.ndarray]] = {"null": [], "y": []}
    for when in range(10 + n_years):
        null = 0.3 * np.minimum(counts, 8.0) + 0.5 * rng.normal(size=FIRMS)
        counts = rng.poisson(np.exp(level)).astype(float)
        if when >= 10:
            kept["null"].append(null)
            kept["y"].append(counts)
    firm, year = codes(FIRMS, n_years)
    columns = {name: np.stack(parts, axis=1).ravel() for name, parts in kept.items()}
    found = estimate(columns, firm, year, "fe_poisson", ["null"])
    return {"null": outcome(found, "null", 0.0)}


def predetermined(transformation: str) -> Draw:
    """x and `null` react to past counts; the firm effect is unknown."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        n_firms, n_years = 250, 6
        level, x, counts = 0.5 * rng.normal(size=n_firms), np.zeros(n_firms), np.zeros(n_firms)
        kept: dict[str, list[np.ndarray]] = {"x": [], "null": [], "y": []}
        for when in range(10 + n_years):
            x = 0.3 * x + 0.15 * np.minimum(counts, 6.0) + 0.5 * rng.normal(size=n_firms)
            null = 0.2 * np.minimum(counts, 6.0) + 0.7 * rng.normal(size=n_firms)
            counts = rng.poisson(np.exp(EFFECT * x + level + 0.5)).astype(float)
            if when >= 10:
                for name, values in (("x", x), ("null", null), ("y", counts)):
                    kept[name].append(values)
        firm, year = codes(n_firms, n_years)
        columns = {name: np.stack(parts, axis=1).ravel() for name, parts in kept.items()}
        options = {"transformation": transformation}
        found = estimate(columns, firm, year, "qd_gmm", ["x", "null"], options=options)
        return both(found)

    return draw


def correlated(estimator: str) -> Draw:
    """The firm effect depends on firm means; with OLS also a test that it does not."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        firm, year, columns, _ = regressors(rng)
        means = columns["x"].reshape(FIRMS, YEARS).mean(axis=1)
        effect = (0.5 * means + 0.4 * rng.normal(size=FIRMS))[firm]
        index = EFFECT * columns["x"] + effect
        if estimator == "cre_ols":
            columns["y"] = index + rng.normal(size=firm.size)
        else:
            columns["y"] = rng.poisson(np.exp(index)).astype(float)
        return both(estimate(columns, firm, year, estimator, ["x", "null"]))

    return draw


def independent_effects(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Firm effects independent of the regressors: the projection test has its size."""
    firm, year = codes(FIRMS, YEARS)
    columns = {"x": rng.normal(size=firm.size) + rng.normal(size=FIRMS)[firm]}
    columns["y"] = EFFECT * columns["x"] + (rng.normal(size=FIRMS)[firm] + rng.normal(size=1200))
    found = estimate(columns, firm, year, "cre_ols", ["x"])
    p = found.diagnostics["projection"].p_value
    assert p is not None
    return {"projection": Outcome(p=p)}


def control_function(shock: float) -> Draw:
    """x moves with an omitted shock; w moves x alone. `shock` 0: x is exogenous."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        firm, year, columns, level = regressors(rng)
        w, omitted = rng.normal(size=firm.size) + level, rng.normal(size=firm.size)
        columns["w"] = w
        columns["x"] = 0.8 * w + 0.5 * level + omitted
        mean = np.exp(EFFECT * columns["x"] + 0.4 * level + shock * omitted - 0.3)
        columns["y"] = rng.poisson(mean).astype(float)
        options = {"endogenous": ["x"], "instruments": ["w"]}
        found = estimate(columns, firm, year, "cf_poisson", ["x", "null"], options=options)
        p = found.diagnostics["exogeneity"].p_value
        assert p is not None
        return {**both(found), "exogeneity": Outcome(p=p)}

    return draw


CASES = (
    Case("fe_poisson", fixed_effects_poisson, CHECKS, note="overdispersed counts"),
    Case("fe_ols", fixed_effects_ols, CHECKS, note="heteroskedastic errors"),
    Case("hhg_nb", hhg("hhg_nb"), CHECKS, note="under its own law"),
    Case("re_nb", hhg("re_nb"), CHECKS, note="under its own law"),
    Case(
        "hhg_nb_constant",
        constant_in_conditional_nb,
        (Rate("null", 0.5, 1.0),),
        note="firm effects in the mean, the same variance / mean in all firms: a variable constant "
        "within firms, correlated with their effects and without any of its own, is found "
        "significant in at least half of the draws, as the conditional negative binomial is not a "
        "true fixed-effects estimator (Allison & Waterman 2002; Guimaraes 2008)",
    ),
    Case("nb2", pooled("nb2"), CHECKS),
    Case("zip", pooled("zip"), CHECKS),
    Case("zinb", pooled("zinb"), CHECKS),
    Case(
        "presample_poisson",
        presample,
        CHECKS,
        note="x and null react to past counts; 400 pre-sample years; with few of them, or where "
        "the logarithm of the pre-sample mean is not in line with the firm level, the estimate is "
        "biased",
    ),
    Case(
        "fe_poisson_feedback",
        feedback,
        (Rate("null", 0.3, 1.0),),
        note="a regressor without effect that reacts to past counts is found significant in at "
        "least 30 % of the draws: FE Poisson needs strict exogeneity",
    ),
    Case("qd_gmm_wooldridge", predetermined("wooldridge"), CHECKS, note="feedback, firm effects"),
    Case("qd_gmm_chamberlain", predetermined("chamberlain"), CHECKS, note="the same worlds"),
    Case("cre_poisson", correlated("cre_poisson"), CHECKS),
    Case("cre_ols", correlated("cre_ols"), CHECKS),
    Case("cre_ols_independent", independent_effects, (Size("projection"),)),
    Case("cf_poisson", control_function(0.4), CHECKS, note="both steps are counted in the errors"),
    Case("cf_poisson_exogenous", control_function(0.0), (Size("exogeneity"),)),
)
