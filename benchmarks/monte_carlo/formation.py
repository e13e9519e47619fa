"""Worlds of dyads: partner choice, formation, survival, temporal networks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from benchmarks.monte_carlo.harness import Bias, Case, Coverage, Outcome, Rate, Size
from benchmarks.monte_carlo.treatment import reading
from tertius.estimate.binary import binary_regression, multinomial_regression
from tertius.estimate.choice_core import (
    conditional_logit,
    rare_event_logit,
)
from tertius.estimate.gravity import Dyads, gravity_poisson
from tertius.inference.dyadic import DyadicCovariance, dyadic_covariance

EFFECT = 0.5


def read(
    coefficients: np.ndarray, found: DyadicCovariance, planted: Mapping[str, tuple[int, float]]
) -> dict[str, Outcome]:
    """Outcomes by name from (place, planted value), with the degrees of freedom of a model."""
    dof = float(found.dof.min())
    return {
        name: reading(float(coefficients[j]), float(found.std_errors[j]), value, dof)
        for name, (j, value) in planted.items()
    }


def choices(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """200 members choose once among all others; ten of them are sampled beside the chosen one."""
    n, sampled = 200, 10
    x = rng.normal(size=(n, n, 2))
    utility = x @ [EFFECT, 0.0] + rng.gumbel(size=(n, n))
    np.fill_diagonal(utility, -np.inf)
    chosen = utility.argmax(axis=1)
    order = np.argsort(rng.random((n, n)), axis=1)
    members = np.arange(n)[:, None]
    others = order[(order != members) & (order != chosen[:, None])].reshape(n, n - 2)
    alter = np.hstack([chosen[:, None], others[:, :sampled]])
    event = np.zeros(alter.shape)
    event[:, 0] = 1
    first, second = np.repeat(np.arange(n), sampled + 1), alter.ravel()
    stratum = first
    fit = conditional_logit(x[first, second], event.ravel(), stratum)
    covariance = dyadic_covariance(fit.scores @ fit.bread, first, second)
    return read(fit.coefficients, covariance, {"x": (0, EFFECT), "null": (1, 0.0)})


def formation(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """About 1 % of 44,850 dyads tie; five untied dyads a tie are sampled; x depends on members."""
    n = 300
    first, second = np.triu_indices(n, 1)
    trait = rng.normal(size=(2, n))
    x = trait[:, first] * trait[:, second]
    index = -4.8 + EFFECT * x[0]
    event = rng.random(first.size) < 1 / (1 + np.exp(-index))
    rest = np.flatnonzero(~event)
    rows = np.r_[np.flatnonzero(event), rng.choice(rest, 5 * int(event.sum()), replace=False)]
    columns = np.column_stack([np.ones(rows.size), x[0][rows], x[1][rows]])
    y = event[rows].astype(float)
    fit = rare_event_logit(columns, y, population_rate=float(event.mean()))
    covariance = dyadic_covariance(fit.scores @ fit.bread, first[rows], second[rows])
    planted = {"x": (1, EFFECT), "null": (2, 0.0), "constant": (0, -4.8)}
    return read(fit.coefficients, covariance, planted)


def late_entries(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """One kind of end; ties enter late with their true duration (left truncation)."""
    n = 700
    start, x = rng.integers(-8, 6, n), rng.normal(size=(n, 2))
    members = rng.integers(0, 250, (2, n))
    members[1] = np.where(members[0] == members[1], (members[1] + 1) % 250, members[1])
    alive = np.ones(n, dtype=bool)
    rows, ends, who = [], [], []
    for year in range(-8, 6):
        now = alive & (start <= year)
        duration = np.log(np.maximum(year - start + 1, 1))
        index = -2.0 + EFFECT * x[:, 0] + 0.4 * duration
        ended = now & (rng.random(n) < -np.expm1(-np.exp(index)))
        if year >= 0:
            rows.append(np.column_stack([np.ones(n), x, duration])[now])
            ends.append(ended[now])
            who.append(members[:, now])
        alive &= ~ended
    columns, y, pair = np.vstack(rows), np.concatenate(ends).astype(float), np.hstack(who)
    fit = binary_regression(columns, y, link="cloglog")
    covariance = dyadic_covariance(fit.scores @ fit.bread, pair[0], pair[1])
    planted = {"x": (1, EFFECT), "null": (2, 0.0), "log(duration)": (3, 0.4)}
    return read(fit.coefficients, covariance, planted)


def competing(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Two causes by multinomial logit; x raises one and lowers the other."""
    n = 5000
    members = rng.integers(0, 500, (2, n))
    members[1] = np.where(members[0] == members[1], (members[1] + 1) % 500, members[1])
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    utility = np.column_stack([np.zeros(n), x @ [-1.8, EFFECT, 0], x @ [-2.2, -EFFECT, 0]])
    cause = (utility + rng.gumbel(size=(n, 3))).argmax(axis=1)
    fit = multinomial_regression(x, cause, 3)
    covariance = dyadic_covariance(fit.scores @ fit.bread, members[0], members[1])
    planted = {"x[cause 1]": (1, EFFECT), "null[cause 1]": (2, 0.0), "x[cause 2]": (4, -EFFECT)}
    return read(fit.coefficients.ravel(order="F"), covariance, planted)


def flows(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Flows between 100 partners, some of them more active; x depends on members and on itself."""
    n = 100
    first, second = np.triu_indices(n, 1)
    active, trait = rng.gamma(4, 0.25, n), rng.uniform(-1.7, 1.7, (2, n))
    x = (trait[:, first] + trait[:, second]) / 2 + 0.5 * rng.normal(size=(2, first.size))
    mean = np.exp(0.5 * x[0]) * active[first] * active[second]
    y = rng.poisson(mean * rng.gamma(2, 0.5, first.size)).astype(float)
    dyads = Dyads.of(first.astype(str), second.astype(str), 0 * first, directed=False)
    found = gravity_poisson(dyads, y, x.T, ["x", "null"], effects=["year"])
    planted = {"x": (0, EFFECT), "null": (1, 0.0)}
    return {
        name: reading(float(found.coefficients[j]), float(found.std_errors[j]), value, found.dof)
        for name, (j, value) in planted.items()
    }


def temporal(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Twelve years of 105 dyads with memory and a shock of each year; years are drawn."""
    pairs = np.array(list(itertools.combinations(range(15), 2)))
    years, m = 12, len(pairs)
    x = rng.normal(size=(years, m))
    tie = np.zeros(m)
    rows, y = [], []
    for year in range(years + 1):
        shock = 0.3 * rng.normal()
        now = x[max(year - 1, 0)]
        index = -2.0 + shock + EFFECT * now + 2.0 * tie
        drawn = (rng.random(m) < 1 / (1 + np.exp(-index))).astype(float)
        if year:
            rows.append(np.column_stack([np.ones(m), now, tie]))
            y.append(drawn)
        tie = drawn
    columns, outcome, year_of = np.vstack(rows), np.concatenate(y), np.repeat(np.arange(years), m)
    fit = binary_regression(columns, outcome)
    found = []
    for _ in range(60):
        times = np.bincount(rng.integers(0, years, years), minlength=years).astype(float)
        drawn = binary_regression(columns, outcome, weights=times[year_of], start=fit.coefficients)
        found.append(drawn.coefficients)
    errors = np.array(found).std(axis=0, ddof=1)
    return {
        name: reading(float(fit.coefficients[j]), float(errors[j]), value)
        for name, (j, value) in {"x": (1, EFFECT), "memory": (2, 2.0)}.items()
    }


BOTH = (Coverage("x", EFFECT), Size("null"), Bias("x", EFFECT, allowed=0.01))

CASES = (
    Case("conditional_logit", choices, BOTH, note="alternatives sampled uniformly"),
    Case(
        "rare_event_logit",
        formation,
        (*BOTH, Rate("constant", 0.95, 1.0, of="coverage", planted=-4.8)),
        note="untied dyads sampled, prior correction, errors across shared members; sampling by "
        "outcome fixes the mean of y, so that the interval of the constant is too wide",
    ),
    Case("hazard", late_entries, (*BOTH, Coverage("log(duration)", 0.4))),
    Case(
        "competing_hazards",
        competing,
        (
            Coverage("x[cause 1]", EFFECT),
            Coverage("x[cause 2]", -EFFECT),
            Size("null[cause 1]"),
            Bias("x[cause 1]", EFFECT, allowed=0.01),
        ),
        note="500 members in 2,500 rows",
    ),
    Case(
        "gravity",
        flows,
        BOTH,
        note="counts of a pair depend on how active its partners are, which no effect takes up",
    ),
    Case(
        "tergm",
        temporal,
        (
            Rate("x", 0.87, 0.95, of="coverage", planted=EFFECT),
            Rate("memory", 0.87, 0.95, of="coverage", planted=2.0),
        ),
        draws=500,
        note="twelve years: the spread of a bootstrap of T blocks is short by (T - 1) / T and its "
        "interval uses the normal",
    ),
)
