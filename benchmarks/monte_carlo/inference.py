"""Worlds of dependence: do the tests and intervals of tertius.inference keep their word?

Numbers of resamples are multiples of 20, so that a p value of exactly 5 % cannot occur.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.monte_carlo.harness import Case, Coverage, Outcome, Rate, Size
from benchmarks.monte_carlo.worlds import codes
from tertius.estimate.fe_ols import OlsFit, absorbed_ols
from tertius.estimate.fe_poisson import absorbed_poisson
from tertius.estimate.two_way import Effects, make_effects
from tertius.inference.cluster_bootstrap import bootstrap_ols
from tertius.inference.crv3 import jackknife_ols
from tertius.inference.dyadic import dyadic_covariance
from tertius.inference.multiple import benjamini_hochberg, romano_wolf
from tertius.inference.multiway import driscoll_kraay_covariance, two_way_covariance
from tertius.inference.network_hac import network_hac
from tertius.inference.placebo import placebo_networks
from tertius.inference.poisson_bootstrap import bootstrap_poisson
from tertius.inference.power import detectable_effect, equivalence_test
from tertius.inference.qap import mrqap, qap_correlation
from tertius.inference.score_bootstrap import Hypothesis, cluster_bootstrap_draws
from tertius.inference.wild import wild_cluster_bootstrap
from tertius.measures import Graph, degree

EFFECT = 0.3
BOTH = ("org_id", "year")
RESAMPLES = 200
DYAD_NODES = 200
NEEDED = detectable_effect(1.0, 39)
MEAN_PATH = 17.0
"""Mean path length of the networks of `network`, whose half is the bandwidth."""
Draw = Callable[[np.random.Generator], Mapping[str, Outcome]]


def seed_of(rng: np.random.Generator) -> int:
    return int(rng.integers(0, 2**31))


def p_of(t: float, dof: float) -> float:
    return float(2 * stats.t.sf(abs(t), dof))


def cluster_influence(fit: OlsFit, cluster: np.ndarray) -> np.ndarray:
    scores = np.zeros((int(cluster.max()) + 1, len(fit.kept)))
    np.add.at(scores, cluster, fit.x_within * fit.residuals[:, None])
    return np.asarray(scores @ fit.bread)


def linear_world(
    rng: np.random.Generator, firms: int, years: int
) -> tuple[np.ndarray, np.ndarray, Effects, np.ndarray]:
    """x (n, 2) with an effect of the first alone, serially correlated uneven errors."""
    firm, year = codes(firms, years)
    level = rng.normal(size=firms)[firm]
    x = rng.normal(size=(firm.size, 2)) + 0.5 * level[:, None]
    x += np.cumsum(0.5 * rng.normal(size=(firms, years, 2)), axis=1).reshape(-1, 2)
    walk = np.cumsum(0.5 * rng.normal(size=(firms, years)), axis=1).ravel()
    noise = walk + rng.normal(size=firm.size) * (1 + 0.5 * np.abs(x[:, 0]))
    y = EFFECT * x[:, 0] + level + 0.1 * year + noise
    return x, y, make_effects(firm, year, BOTH), firm


def firm_bootstrap(rng: np.random.Generator) -> Mapping[str, Outcome]:
    x, y, effects, firm = linear_world(rng, 100, 6)
    found = bootstrap_ols(
        x, y, effects, firm, draws=400, seed=seed_of(rng), studentise=[0], threads=1
    )
    b = float(found.coefficients[0])
    return {
        "studentised": Outcome(b, *found.interval("x0", 0.95, "t")),
        "percentile": Outcome(b, *found.interval("x0")),
    }


def poisson_bootstrap(rng: np.random.Generator) -> Mapping[str, Outcome]:
    firm, year = codes(150, 6)
    level = rng.normal(size=150)[firm]
    x = rng.normal(size=(firm.size, 2)) + 0.5 * level[:, None]
    mean = np.exp(EFFECT * x[:, 0] + 0.5 * level)
    y = rng.poisson(mean * rng.gamma(2, 0.5, firm.size)).astype(float)
    alive = np.bincount(firm, weights=y)[firm] > 0
    firm = np.unique(firm[alive], return_inverse=True)[1]
    effects = make_effects(firm, year[alive], BOTH)
    fit = absorbed_poisson(x[alive], y[alive], effects)
    found = bootstrap_poisson(
        fit, y[alive], effects, firm, draws=RESAMPLES, seed=seed_of(rng), checked=2, threads=1
    ).bootstrap
    b, error = float(found.coefficients[0]), float(found.std_errors[0])
    width = float(stats.t.ppf(0.975, found.n_clusters - 1)) * error
    return {"one step": Outcome(b, b - width, b + width)}


def few_clusters(effect: float) -> Draw:
    """12 uneven regions, shocks and a regressor common to a region and year."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        firm, year = codes(72, 5)
        region = np.repeat(np.arange(12), np.arange(1, 13))[:72].repeat(5)
        region = np.minimum(region, 11)
        cell = region * 5 + year
        x = np.stack(
            [rng.normal(size=60)[cell] + 0.5 * rng.normal(size=firm.size) for _ in range(2)], 1
        )
        y = x @ [EFFECT, effect] + rng.normal(size=60)[cell] + rng.normal(size=firm.size)
        effects = make_effects(firm, year, BOTH)
        wild = wild_cluster_bootstrap(
            x, y, effects, [region], 1, draws=RESAMPLES, seed=seed_of(rng), weights="webb"
        )
        fit = absorbed_ols(x, y, effects)
        influence = cluster_influence(fit, region)[:, 1]
        crv1 = math.sqrt(12 / 11 * float(influence @ influence))
        crv3 = float(jackknife_ols(x, y, effects, region).std_errors[1])
        b = float(fit.coefficients[1])
        return {
            "wild": Outcome(b, p=wild.p_value),
            "CRV3": Outcome(b, p=p_of(b / crv3, 11)),
            "CRV1, normal": Outcome(b, p=p_of(b / crv1, np.inf)),
        }

    return draw


def wild_interval(rng: np.random.Generator) -> Mapping[str, Outcome]:
    x, y, effects, firm = linear_world(rng, 30, 5)
    found = wild_cluster_bootstrap(
        x, y, effects, [firm], 0, draws=RESAMPLES, seed=seed_of(rng), level=0.95
    )
    assert found.interval is not None
    return {"wild": Outcome(found.estimate, *found.interval)}


def two_way(effect: float) -> Draw:
    """Shocks to firms and to years in x and y, no effects absorbed."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        firm, year = codes(50, 40)
        common = [rng.normal(size=50)[firm] + rng.normal(size=40)[year] for _ in range(2)]
        x = common[0] + rng.normal(size=firm.size)
        y = effect * x + common[1] + rng.normal(size=firm.size)
        fit = absorbed_ols(x[:, None], y, make_effects(firm, year, ()))
        influence = (fit.x_within * fit.residuals[:, None]) @ fit.bread
        both = two_way_covariance(influence, firm, year, 2).std_errors[0]
        one = math.sqrt(float((cluster_influence(fit, firm)[:, 0] ** 2).sum()))
        b = float(fit.coefficients[0])
        return {
            "two-way": Outcome(b, p=p_of(b / both, 39)),
            "firm only": Outcome(b, p=p_of(b / one, 49)),
        }

    return draw


def common_years(effect: float) -> Draw:
    """60 firms, 200 years: shocks common to a year that fade over the years, in x and y."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        firm, year = codes(60, 200)
        shocks = rng.normal(size=(2, 200))
        for t in range(1, 200):
            shocks[:, t] += 0.3 * shocks[:, t - 1]
        x = shocks[0][year] + rng.normal(size=firm.size)
        y = effect * x + shocks[1][year] + rng.normal(size=firm.size)
        fit = absorbed_ols(x[:, None], y, make_effects(firm, year, ("org_id",)))
        influence = (fit.x_within * fit.residuals[:, None]) @ fit.bread
        error = math.sqrt(float(driscoll_kraay_covariance(influence, year, 6)[0, 0]))
        b = float(fit.coefficients[0])
        return {"Driscoll-Kraay": Outcome(b, p=p_of(b / error, 199))}

    return draw


def network(effect: float) -> Draw:
    """x and the errors of 1,000 firms spread along the ties of sparse groups."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        n = 1000
        a = np.arange(n)
        chords = rng.integers(0, n, (n // 8, 2))
        chain = np.stack([a[:-1], a[1:]], axis=1)[a[:-1] % 20 != 19]
        ends = np.concatenate([chain, chords])
        names = np.array([f"f{i:04d}" for i in range(n)])
        graph = Graph.from_edges(names[ends[:, 0]], names[ends[:, 1]], nodes=names)
        tail = np.repeat(a, np.diff(graph.indptr))

        def spread() -> np.ndarray:
            value = rng.normal(size=n)
            near = np.bincount(tail, weights=value[graph.indices], minlength=n)
            return value + 0.6 * near

        x = spread()
        y = effect * x + spread()
        fit = absorbed_ols(x[:, None], y, make_effects(a, a * 0, ()))
        influence = (fit.x_within * fit.residuals[:, None]) @ fit.bread
        kept: dict[str, Any] = {"mean_path": MEAN_PATH, "threads": 1}
        found = network_hac(influence, names.tolist(), graph, ["x"], **kept)
        bartlett = network_hac(
            influence, names.tolist(), graph, ["x"], kernel_name="bartlett", **kept
        )
        b = float(fit.coefficients[0])
        alone = math.sqrt(found.clustered[0, 0])
        return {
            "network-HAC": Outcome(b, p=p_of(b / found.std_errors[0], found.dof[0])),
            "Bartlett, normal": Outcome(b, p=p_of(b / bartlett.std_errors[0], np.inf)),
            "firms only": Outcome(b, p=p_of(b / alone, np.inf)),
        }

    return draw


def dyads(effect: float) -> Draw:
    """Effects of the two ends in x and in the errors."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        a, b = np.triu_indices(DYAD_NODES, 1)
        x, u = rng.normal(size=(2, DYAD_NODES))
        regressor = x[a] + x[b] + rng.normal(size=a.size)
        y = effect * regressor + u[a] + u[b] + rng.normal(size=a.size)
        fit = absorbed_ols(regressor[:, None], y, make_effects(a * 0, a * 0, ()))
        influence = (fit.x_within * fit.residuals[:, None]) @ fit.bread
        found = dyadic_covariance(influence, a, b)
        slope = float(fit.coefficients[0])
        alone = math.sqrt(found.heteroskedastic[0, 0])
        return {
            "dyadic": Outcome(slope, p=p_of(slope / found.std_errors[0], found.dof[0])),
            "independent dyads": Outcome(slope, p=p_of(slope / alone, np.inf)),
        }

    return draw


def quadratic_assignment(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """y depends on x1, which is correlated with x2; both have effects of their nodes."""

    def matrix() -> np.ndarray:
        nodes, noise = rng.normal(size=16), rng.normal(size=(16, 16))
        return nodes[:, None] + nodes + (noise + noise.T) / math.sqrt(2)

    x1 = matrix()
    x2 = 0.5 * x1 + matrix()
    y = 0.5 * x1 + matrix()
    found = mrqap(y, [x1, x2], ["x1", "x2"], draws=RESAMPLES, seed=seed_of(rng))
    own = {"draws": RESAMPLES, "seed": seed_of(rng)}
    return {
        "null": Outcome(found.coefficients[1], p=float(found.p_two_sided[1])),
        "x1": Outcome(found.coefficients[0], p=float(found.p_two_sided[0])),
        "correlation, null": Outcome(p=float(qap_correlation(y, matrix(), **own).p_two_sided[0])),
        "correlation": Outcome(p=float(qap_correlation(y, x1, **own).p_two_sided[0])),
    }


def placebo(effect: float) -> Draw:
    """An outcome of degree, and of the degree of neighbours where there is an effect."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        ends = rng.integers(0, 60, (110, 2))
        graph = Graph.from_edges(ends[:, 0], ends[:, 1], nodes=np.arange(60))

        def near(one: Graph) -> tuple[np.ndarray, np.ndarray]:
            d = degree(one).astype(float)
            tail = np.repeat(np.arange(60), np.diff(one.indptr))
            sums = np.bincount(tail, weights=d[one.indices], minlength=60)
            return d, sums / np.maximum(d, 1)

        d, around = near(graph)
        y = d + effect * around + rng.normal(size=60)

        def slope(one: Graph) -> float:
            design = np.column_stack([np.ones(60), *near(one)])
            return float(np.linalg.lstsq(design, y)[0][2])

        found = placebo_networks(slope, graph, draws=40, seed=seed_of(rng), name="slope")
        return {"placebo": Outcome(found.observed, p=found.p_value)}

    return draw


def family(effect: float) -> Draw:
    """Eight hypotheses on overlapping firms, the first with an effect; p is the adjusted one."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        common = rng.normal(size=(120, 1))
        scores = rng.standard_t(5, size=(120, 8)) + common
        scores[:, 0] += effect
        names = tuple(f"f{i:03d}" for i in range(120))
        members = []
        for j in range(8):
            own = scores[: 120 - 5 * j, j]
            influence = (own - own.mean()) / len(own)
            error = math.sqrt(float(influence @ influence))
            members.append(
                Hypothesis(f"h{j}", influence, names[: len(own)], float(own.mean()), error)
            )
        draws = cluster_bootstrap_draws(members, RESAMPLES, seed_of(rng))
        adjusted = romano_wolf(members, draws)
        raw = [p_of(m.estimate / m.std_error, len(m.cluster_ids) - 1) for m in members]
        return {
            "true nulls": Outcome(p=float(adjusted[int(effect != 0) :].min())),
            "effect": Outcome(p=float(adjusted[0])),
            "Benjamini-Hochberg": Outcome(p=float(benjamini_hochberg(raw).min())),
        }

    return draw


def small_effects(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """A mean of 40 normal values with a standard error of 1 on average."""
    noise = rng.normal(size=40) * math.sqrt(40)
    own = float(noise.std(ddof=1)) / math.sqrt(40)
    mean = float(noise.mean())
    bound = 2.93
    at_bound = equivalence_test(mean + bound, own, bound, dof=39)
    return {
        "t": Outcome(mean, p=p_of(mean / own, 39)),
        "at the detectable effect": Outcome(mean + NEEDED, p=p_of((mean + NEEDED) / own, 39)),
        "equivalence, effect at the bound": Outcome(mean + bound, p=at_bound.p_value),
        "equivalence, no effect": Outcome(mean, p=equivalence_test(mean, own, bound).p_value),
    }


def case(
    name: str,
    draw: Callable[[np.random.Generator], Mapping[str, Outcome]],
    *checks: Any,
    **more: Any,
) -> Case:
    return Case(name, draw, checks, **more)


CASES = (
    case(
        "firm bootstrap",
        firm_bootstrap,
        Coverage("studentised", EFFECT),
        Rate("percentile", 0.91, 0.96, of="coverage", planted=EFFECT),
        draws=500,
        note="100 firms, 6 years, random walks",
    ),
    case(
        "Poisson firm bootstrap",
        poisson_bootstrap,
        Rate("one step", 0.93, 0.96, of="coverage", planted=EFFECT),
        draws=500,
        note="150 firms, one Newton step, t interval on the bootstrap error",
    ),
    case(
        "few clusters",
        few_clusters(0.0),
        Size("wild"),
        Size("CRV3", composite=True),
        Rate("CRV1, normal", 0.08, 0.40),
        draws=500,
        note="12 uneven regions; the CRV1 test with normal quantiles is there to fail",
    ),
    case(
        "few clusters, effect",
        few_clusters(0.8),
        Rate("wild", 0.70, 1.0),
        Rate("CRV3", 0.70, 1.0),
        draws=500,
    ),
    case("wild interval", wild_interval, Coverage("wild", EFFECT), draws=500, note="30 firms"),
    case(
        "two-way clusters",
        two_way(0.0),
        Size("two-way"),
        Rate("firm only", 0.10, 0.60),
        note="50 firms, 40 years; clusters by firm alone are there to fail",
    ),
    case("two-way clusters, effect", two_way(0.3), Rate("two-way", 0.70, 1.0)),
    case("common years", common_years(0.0), Size("Driscoll-Kraay"), note="200 years, 6 lags"),
    case("common years, effect", common_years(0.2), Rate("Driscoll-Kraay", 0.70, 1.0)),
    case(
        "network",
        network(0.0),
        Size("network-HAC"),
        Rate("Bartlett, normal", 0.055, 0.070),
        Rate("firms only", 0.15, 0.40),
        note="1,000 firms, dependence over two steps, bandwidth 8.5. Bartlett's weights keep 93 % "
        "of the variance, which with normal quantiles rejects 2 (1 - Phi(1.96 sqrt(.93))) = 5.9 % "
        "before the noise of the variance is counted (7 % with it, as for t of 50 degrees of "
        "freedom); Parzen's keep 96 % and t with the estimated degrees of freedom counts the noise",
    ),
    case("network, effect", network(0.15), Rate("network-HAC", 0.70, 1.0)),
    case(
        "dyads",
        dyads(0.0),
        Size("dyadic"),
        Rate("independent dyads", 0.30, 0.95),
        note="200 nodes; treating dyads as independent is there to fail",
    ),
    case("dyads, effect", dyads(0.3), Rate("dyadic", 0.70, 1.0)),
    case(
        "MRQAP",
        quadratic_assignment,
        Size("null"),
        Rate("x1", 0.50, 1.0),
        Size("correlation, null"),
        Rate("correlation", 0.70, 1.0),
        draws=500,
        note="16 nodes, correlated regressors; power for a slope of 0.5",
    ),
    case(
        "placebo networks", placebo(0.0), Size("placebo"), draws=500, note="60 nodes, 40 rewirings"
    ),
    case("placebo networks, effect", placebo(0.6), Rate("placebo", 0.70, 1.0), draws=500),
    case(
        "Romano-Wolf",
        family(0.0),
        Size("true nulls", composite=True),
        Size("Benjamini-Hochberg", composite=True),
        draws=500,
        note="smallest adjusted p of eight true nulls; with none false the false discovery rate "
        "is the family's error",
    ),
    case(
        "Romano-Wolf, effect",
        family(0.6),
        Size("true nulls", composite=True),
        Rate("effect", 0.70, 1.0),
        draws=500,
        note="one effect among eight",
    ),
    case(
        "small effects",
        small_effects,
        Size("t"),
        Rate("at the detectable effect", 0.78, 0.82),
        Size("equivalence, effect at the bound"),
        Rate("equivalence, no effect", 0.77, 0.83),
        note="80 % power at the stated effect; equivalence wrongly shown at most at the level",
    ),
)
