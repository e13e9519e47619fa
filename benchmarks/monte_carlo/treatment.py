"""Worlds of thresholds, staggered policies and treatments on observables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from benchmarks.monte_carlo.harness import Bias, Case, Coverage, Outcome, Rate, Size
from benchmarks.monte_carlo.worlds import codes, estimate
from tertius.estimate.balancing import balanced_effect, entropy_weights, matched_effect
from tertius.estimate.did_poisson import proportional_effect
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.fe_poisson import absorbed_poisson
from tertius.estimate.group_time import StaggeredPanel, group_time_effects
from tertius.estimate.group_time_aggregates import (
    aggregate_effects,
    cluster_influence,
    multiplier_bands,
    randomisation_p,
)
from tertius.estimate.threshold import (
    ThresholdData,
    bootstrap_p,
    critical_value,
    switch_columns,
    threshold_curve,
)
from tertius.estimate.threshold_search import SearchSettings, search_count_threshold
from tertius.estimate.two_way import make_effects
from tertius.estimate.two_way_did import sun_abraham
from tertius.inference.covariance import p_value_of

EFFECT, GAMMA = 0.5, 0.2


def reading(value: float, error: float, planted: float, dof: float = 1e9) -> Outcome:
    """Estimate with its interval, and p of the planted value."""
    p = p_value_of((value - planted) / error, dof)
    width = float(stats.t.ppf(0.975, dof)) * error
    return Outcome(value, value - width, value + width, p)


def staggered(rng: np.random.Generator, effect: float) -> StaggeredPanel:
    """300 firms over 5 years; two cohorts of 75, the rest never; errors depend over years."""
    n, years = 300, 5
    cohort = np.repeat([2002.0, 2003.0, np.inf], [75, 75, 150])
    times = np.arange(2000, 2000 + years)
    noise = rng.normal(size=(n, years))
    for t in range(1, years):
        noise[:, t] += 0.5 * noise[:, t - 1]
    x = rng.normal(size=n) + 0.3 * np.isfinite(cohort)
    trend = 0.1 * x[:, None] * np.arange(years)
    treated = times >= cohort[:, None]
    y = rng.normal(size=n)[:, None] + trend + effect * treated + noise
    covariates = np.repeat(x[:, None, None], years, axis=1)
    return StaggeredPanel(y, times, cohort, np.arange(n), covariates)


def group_time(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Doubly robust effects where trends differ by a covariate; bands over the event times."""
    panel = staggered(rng, EFFECT)
    effects = group_time_effects(panel)
    simple = aggregate_effects(effects, "simple")
    error = float(np.sqrt((cluster_influence(simple.overall_influence, panel.cluster) ** 2).sum()))
    return {"att": reading(simple.overall, error, EFFECT)}


def without_trend(panel: StaggeredPanel) -> StaggeredPanel:
    """The same world with the covariate's trend taken out, and no covariates."""
    trend = 0.1 * panel.covariates[:, :, 0] * np.arange(len(panel.times))
    none = panel.covariates[:, :, :0]
    return StaggeredPanel(panel.y - trend, panel.times, panel.cohort, panel.cluster, none)


def bands(rng: np.random.Generator) -> Mapping[str, Outcome]:
    panel = without_trend(staggered(rng, EFFECT))
    events = aggregate_effects(group_time_effects(panel), "dynamic")
    by_cluster = cluster_influence(events.influence, panel.cluster)
    made = multiplier_bands(events.estimate, by_cluster, draws=500, seed=1)
    planted = np.where(events.key >= 0, EFFECT, 0.0)
    moving = ~events.fixed
    inside = (made.low <= planted) & (planted <= made.high)
    return {"all event times": Outcome(covers=bool(inside[moving].all()))}


def interaction_weighted(rng: np.random.Generator) -> Mapping[str, Outcome]:
    study = sun_abraham(without_trend(staggered(rng, EFFECT)))
    error = float(np.sqrt((study.overall_by_cluster**2).sum()))
    return {"att": reading(study.overall, error, EFFECT)}


def randomised(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Twelve clusters, five treated, no effect, spread unequal by chance of assignment only."""
    y = rng.normal(size=(12, 3)) * rng.gamma(2, 1, size=(12, 1))
    cohort = rng.permutation(np.repeat([2001.0, np.inf], [5, 7]))
    panel = StaggeredPanel(y, np.arange(2000, 2003), cohort, np.arange(12), np.zeros((12, 3, 0)))

    def statistic(p: StaggeredPanel) -> float:
        made = aggregate_effects(group_time_effects(p), "simple")
        return made.overall / float(np.sqrt((made.overall_influence**2).sum()))

    _, p, _ = randomisation_p(panel, statistic, draws=59, seed=int(rng.integers(1 << 30)))
    return {"att": Outcome(p=p)}


def with_outcomes(firm: np.ndarray, y: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    """Renumbered firms and the columns, firms without any outcome left out."""
    keep = np.bincount(firm, weights=y)[firm] > 0
    return [np.unique(firm[keep], return_inverse=True)[1], *(column[keep] for column in columns)]


def poisson_policy(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Counts with overdispersion; the log ratio of treated outcomes is 0.5 in every cell."""
    firm, year = codes(300, 7)
    cohort = np.repeat([3, 4, 99], [75, 75, 150])[firm]
    treated = year >= cohort
    level = 0.5 * rng.normal(size=300)[firm]
    mean = np.exp(0.8 + level + 0.05 * year + EFFECT * treated)
    y = rng.poisson(mean * rng.gamma(2, 0.5, firm.size)).astype(float)
    firm, year, cohort, treated, y = with_outcomes(firm, y, year, cohort, treated, y)
    cells = sorted({(int(c), int(t)) for c, t in zip(cohort[treated], year[treated], strict=True)})
    dummies = np.stack([(cohort == c) & (year == t) for c, t in cells], axis=1).astype(float)
    effects = make_effects(firm, year, ("org_id", "year"))
    fit = absorbed_poisson(dummies, y, effects)
    k, residual = len(cells), y - fit.mu
    scores = np.hstack(
        [
            effects.group_sums(fit.x_scaled * residual[:, None]),
            np.stack([np.bincount(firm, residual * (year == t)) for t in range(1, 7)], axis=1),
        ]
    )
    psi = (scores @ fit.bread)[:, :k] / fit.scale
    by_firm = effects.group_sums(dummies * y[:, None])
    value, influence, _ = proportional_effect(fit.coefficients[:k] / fit.scale, psi, by_firm)
    return {"att": reading(value, float(np.sqrt((influence**2).sum())), EFFECT)}


def threshold_world(
    rng: np.random.Generator, jump: float, n_firms: int = 100, n_years: int = 8
) -> ThresholdData:
    """Slope jumps at q = 0.2; the spread of y grows with q, errors depend within firms."""
    firm, year = codes(n_firms, n_years)
    x, q = rng.normal(size=(2, firm.size))
    spread = np.exp(0.4 * q)
    shock = 0.5 * rng.normal(size=n_firms)[firm] * np.where(year % 2 == 0, 1.0, -1.0)
    y = x * (0.5 + jump * (q > GAMMA)) + spread * (rng.normal(size=firm.size) + shock)
    effects = make_effects(firm, year, ("org_id", "year"))
    return ThresholdData(y, x, np.zeros((firm.size, 0)), q, effects)


def no_threshold(rng: np.random.Generator) -> Mapping[str, Outcome]:
    data = threshold_world(rng, 0.0)
    curve = threshold_curve(data, n_grid=60, trim=0.1)
    columns = np.hstack([data.x[:, None], switch_columns(data, curve.gamma)])
    residuals = absorbed_ols(columns, data.y, data.effects).residuals
    seed = int(rng.integers(1 << 30))
    p = bootstrap_p(data, curve, residuals, (), draws=199, seed=seed)
    return {"F": Outcome(p=p)}


def one_threshold(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """The LR set of gamma, conservative for a fixed jump, and the slope above it."""
    data = threshold_world(rng, 1.0)
    curve = threshold_curve(data, n_grid=200, trim=0.05)
    low, high = curve.interval(critical_value(0.05))
    columns = np.hstack([data.x[:, None], switch_columns(data, curve.gamma)])
    fit = absorbed_ols(columns, data.y, data.effects)
    psi = data.effects.group_sums(fit.x_within * fit.residuals[:, None]) @ fit.bread
    error = float(np.sqrt((psi[:, 1] ** 2).sum() * 100 / 99))
    return {
        "gamma": Outcome(curve.gamma, low, high),
        "jump": reading(float(fit.coefficients[1]), error, 1.0, 99),
    }


def no_count_threshold(rng: np.random.Generator) -> Mapping[str, Outcome]:
    firm, year = codes(100, 6)
    x, q = rng.normal(size=(2, firm.size))
    mean = np.exp(1.0 + 0.3 * x + 0.4 * rng.normal(size=100)[firm])
    y = rng.poisson(mean * rng.gamma(2, 0.5, firm.size)).astype(float)
    firm, year, x, q, y = with_outcomes(firm, y, year, x, q, y)
    effects = make_effects(firm, year, ("org_id", "year"))
    data = ThresholdData(y, x, np.zeros((firm.size, 0)), q, effects)
    seed = int(rng.integers(1 << 30))
    settings = SearchSettings(n_grid=15, trim=0.1, draws=199, seed=seed)
    return {"sup-score": Outcome(p=search_count_threshold(data, settings, 0).p_value)}


def kink(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Slope 1 falls by 0.8 at 0.5; the spread of y grows with |x|."""
    firm, year = codes(200, 6)
    x = 1.5 * rng.normal(size=firm.size)
    level = rng.normal(size=200)[firm]
    noise = rng.normal(size=firm.size) * (1 + 0.3 * np.abs(x))
    y = level + x - 0.8 * np.maximum(x - 0.5, 0) + 0.5 * noise
    options = {"draws": 199, "grid": 300, "seed": int(rng.integers(1 << 30))}
    found = estimate({"x": x, "y": y}, firm, year, "kink", ["x"], options=options)
    planted = {"x": 1.0, "x[change above kink]": -0.8, "kink": 0.5}
    read = {
        term: reading(
            float(found.coefficients[found.terms.index(term)]),
            float(found.std_errors[found.terms.index(term)]),
            value,
            found.dof,
        )
        for term, value in planted.items()
    }
    row = found.tables["thresholds"].row(0, named=True)
    return {**read, "place": Outcome(row["gamma"], row["conf_low"], row["conf_high"])}


def observables(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = rng.normal(size=(n, 2))
    d = (rng.random(n) < 1 / (1 + np.exp(1 - 0.8 * x[:, 0]))).astype(float)
    y = x @ [1.0, 0.5] + EFFECT * d + rng.normal(size=n) * np.exp(0.2 * x[:, 0])
    return x, d, y


def entropy(rng: np.random.Generator) -> Mapping[str, Outcome]:
    x, d, y = observables(rng, 500)
    value, psi = balanced_effect(y, d, x, entropy_weights(x, d))
    return {"att": reading(value, float(np.sqrt((psi**2).sum()) / len(y)), EFFECT)}


def doses(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """A continuous dose that depends on x; mean outcome d - d^2 / 2 at dose d, x moves both."""
    firm, year = codes(400, 1)
    x, noise = rng.normal(size=(2, firm.size))
    dose = 0.6 * x + rng.normal(size=firm.size)
    y = x + dose - 0.5 * dose**2 + noise
    options = {"dose": "d", "draws": 99, "seed": int(rng.integers(1 << 30))}
    columns = {"x": x, "d": dose, "y": y}
    found = estimate(columns, firm, year, "dose_response", ["x"], effects=[], options=options)
    table = {row["term"]: row for row in found.tables["dose_response"].to_dicts()}
    read = {}
    for term in ("mean(p10)", "mean(p50)", "mean(p90)"):
        at = table[term]["dose"]
        gap = table[term]["mean"] - (at - 0.5 * at**2)
        read[term] = reading(gap, table[term]["std_error"], 0.0, found.dof)
    return read


def matched(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """A known scalar score, one neighbour: the Abadie-Imbens interval."""
    x, d, y = observables(rng, 800)
    found = matched_effect(y - 0.5 * x[:, 1], d, x[:, 0])
    return {"att": reading(found.effect, float(np.sqrt(found.variance)), EFFECT)}


ATT = (Coverage("att", EFFECT), Size("att"), Bias("att", EFFECT))
BOOTSTRAPPED = 500

CASES = (
    Case("did", group_time, ATT, note="doubly robust, not-yet-treated, trends by a covariate"),
    Case("did_bands", bands, (Coverage("all event times", EFFECT),), draws=BOOTSTRAPPED),
    Case("sun_abraham", interaction_weighted, ATT),
    Case("did_poisson", poisson_policy, ATT),
    Case(
        "randomisation",
        randomised,
        (Size("att", composite=True),),
        draws=BOOTSTRAPPED,
        note="59 deals: p below .05 has probability .033",
    ),
    Case(
        "threshold_test",
        no_threshold,
        (Size("F"),),
        draws=BOOTSTRAPPED,
        note="spread grows with the threshold variable; firm signs",
    ),
    Case(
        "threshold",
        one_threshold,
        (
            Rate("gamma", 0.90, 1.0, of="coverage", planted=GAMMA),
            Coverage("jump", 1.0),
        ),
        note="the LR set is conservative for a jump that does not shrink (Hansen 2000) and loses "
        "coverage under unequal spread",
    ),
    Case("threshold_poisson", no_count_threshold, (Size("sup-score"),), draws=BOOTSTRAPPED),
    Case(
        "kink",
        kink,
        (
            Coverage("x", 1.0),
            Coverage("x[change above kink]", -0.8),
            Coverage("place", 0.5),
            Rate("kink", 0.87, 0.95, of="coverage", planted=0.5),
        ),
        draws=BOOTSTRAPPED,
        note="place: the interval that inverts the likelihood ratio with critical values of the "
        "bootstrap; kink: the normal interval of the same point, which is short (Hansen 2017)",
    ),
    Case("entropy_balance", entropy, ATT),
    Case(
        "matching",
        matched,
        (Coverage("att", EFFECT), Size("att"), Bias("att", EFFECT, allowed=0.02)),
        note="one neighbour on one covariate leaves a bias of the order 1/n",
    ),
    Case(
        "dose_response",
        doses,
        (
            Coverage("mean(p10)", 0.0),
            Coverage("mean(p50)", 0.0),
            Coverage("mean(p90)", 0.0),
            Bias("mean(p50)", 0.0),
        ),
        draws=BOOTSTRAPPED,
        note="entropy weights; what is read is the mean less the planted one at the same dose",
    ),
)
