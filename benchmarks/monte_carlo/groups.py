"""Worlds of mediation, groups, comparisons and necessary conditions: sizes, coverage, power."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from benchmarks.monte_carlo.harness import Bias, Case, Coverage, Outcome, Rate, Size
from benchmarks.monte_carlo.worlds import (
    BOOTSTRAPPED,
    FIRMS,
    YEARS,
    Draw,
    codes,
    estimate,
    even,
    normal,
    scalar,
    told,
    world,
)
from tertius.estimate import Estimate
from tertius.shapes import (
    IndirectPath,
    coefficient_comparison_test,
    complementarity_test,
    contrast_of_indirects,
    group_difference_test,
    matched_pattern_test,
    mediation_counterfactual,
    mediation_test,
    necessity,
    residual_correlation,
    stage_difference_test,
    superadditivity_test,
)
from tertius.shapes.joint import Scalar
from tertius.shapes.joint import scalar as joint_scalar
from tertius.shapes.mediation_sensitivity import direct_equivalence

NEGLIGIBLE_FIRMS = 400


def paths(a: float, b: float, *, count: bool = False) -> Draw:
    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = normal(rng, "x", "m", "w")
        columns["m"] = m = columns["m"] + a * columns["x"] + 0.2 * columns["x"] * columns["w"]
        seed = int(rng.integers(1 << 31))
        index = b * m + 0.1 * columns["x"]
        fit = world(columns, index, rng, "x w m x:w", count=count)
        found = mediation_test(fit, "x", ["m"], moderator="w", draws=499, seed=seed)
        assert found.index is not None
        made = {
            "joint": Outcome(
                p=max(p.p_value for p in found.paths if p.source != "x" or p.target == "m")
            ),
            "direct": scalar(found.direct),
        }
        for key, effect in (("indirect", found.indirect), ("index", found.index)):
            made[f"{key}_bca"] = Outcome(effect.estimate, *effect.bca)
            made[f"{key}_percentile"] = Outcome(effect.estimate, *effect.percentile)
            made[f"{key}_normal"] = Outcome(effect.estimate, *effect.monte_carlo)
        return made

    return draw


def chain(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """x -> m -> k -> y, .5 on each arrow; parallel through m and k otherwise."""
    columns = normal(rng, "x", "m", "k")
    columns["m"] = m = columns["m"] + 0.5 * columns["x"]
    columns["k"] = k = columns["k"] + 0.5 * m
    fit = world(columns, 0.5 * k, rng, "x m k")
    seed = int(rng.integers(1 << 31))
    found = mediation_test(fit, "x", ["m", "k"], serial=True, draws=499, seed=seed)
    return {
        "serial": Outcome(found.indirect.estimate, *found.indirect.bca, p=found.p_value),
        "negligible": Outcome(p=float(not found.equivalence.equivalent)),
    }


def negligible(direct: float) -> Draw:
    """200 firms; the bound of the direct effect of x is a tenth of the expected count."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = {name: rng.normal(size=NEGLIGIBLE_FIRMS * YEARS) for name in ("x", "m")}
        columns["m"] = m = columns["m"] + 0.4 * columns["x"]
        scale = math.sqrt(1 - 1 / YEARS)
        b = direct * math.log(1.1) / scale
        fit = world(columns, 1.0 + 0.3 * m + b * columns["x"], rng, "x m", count=True)
        place = fit.index("x")
        told = scalar_of(fit, place)
        shown = direct_equivalence(fit, "x", told, 0.10, 0.05)
        return {"negligible": Outcome(p=float(not shown.equivalent))}

    return draw


def scalar_of(fit: Estimate, place: int) -> Scalar:
    return joint_scalar(float(fit.coefficients[place]), float(fit.std_errors[place]), fit.dof)


def natural(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Counts with m = .4 x + noise and .5 m on the log: the indirect ratio of a unit is exp(.2)."""
    columns = normal(rng, "x", "m")
    columns["m"] = m = columns["m"] + 0.4 * columns["x"]
    fit = world(columns, 0.5 * m + 0.1 * columns["x"], rng, "x m", count=True)
    seed = int(rng.integers(1 << 31))
    found = mediation_counterfactual(fit, "x", ["m"], step=1.0, draws=299, seed=seed).indirect
    return {"ratio": Outcome(found.ratio, found.ratio_low, found.ratio_high)}


def own_and_cross(gap: float) -> Draw:
    """Two outcomes; the indirect effect on the log of the first is larger by `gap` times .4."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = normal(rng, "x", "m")
        columns["m"] = m = columns["m"] + 0.4 * columns["x"]
        paths_of = {"p": 0.5 + gap, "q": 0.5}
        models = {
            name: world(dict(columns), b * m, rng, "x m", count=True)
            for name, b in paths_of.items()
        }
        both = [IndirectPath("p", "x", "m", 1.0), IndirectPath("q", "x", "m", -1.0)]
        found = contrast_of_indirects(models, both, draws=299, seed=int(rng.integers(1 << 31)))
        shown = found.contrast
        return {"contrast": Outcome(shown.estimate, *shown.percentile, p=found.p_value)}

    return draw


def groups(gap: float, *, count: bool = False) -> Draw:
    """30 firms against 90, the noise of the few three times as large."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        firm, year = codes(120, 4)
        few = firm < 30
        x = rng.normal(size=firm.size)
        index = (0.3 + gap * few) * x
        spread = np.where(few, 3.0, 1.0)
        y = index + spread * rng.normal(size=firm.size)
        if count:
            y = rng.poisson(np.exp(1 + index) * rng.gamma(1 / spread, spread)).astype(float)
        fit = estimate({"x": x, "y": y}, firm, year, "fe_poisson" if count else "fe_ols", ["x"])
        flags = {f"{i:05d}": i < 30 for i in range(120)}
        seed = int(rng.integers(1 << 31))
        found = group_difference_test(fit, "x", flags, draws=99, seed=seed)
        return {
            "permutation": Outcome(p=found.permutation.p_two_sided),
            "interacted": scalar(found.interacted),
        }

    return draw


def comparisons(gap: float) -> Draw:
    """Effects per sample standard deviation differ by `gap` though units differ; so do stages.

    The scale counts as known: the null is on the scale of the sample at hand.
    """

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = normal(rng, "a", "b")
        columns["b"] = 10 * columns["b"]
        firm, _ = codes(FIRMS, YEARS)
        within = {n: v - np.bincount(firm, v)[firm] / YEARS for n, v in columns.items()}
        sizes = {"a": 0.5 + gap, "b": 0.5}
        index = sum(sizes[n] * v / within[n].std(ddof=1) for n, v in columns.items())
        fit = world(columns, np.asarray(index), rng, "a b")
        stage = rng.integers(0, 4, FIRMS * YEARS)
        flags = {f"late{j}": (stage == j).astype(float) for j in (1, 2, 3)}
        stages = world(flags, gap * 2.0 * (stage == 3), rng, "late1 late2 late3")
        joint = stage_difference_test(stages, ["late1", "late2", "late3"]).joint
        return {
            "comparison": told(coefficient_comparison_test(fit, "a", "b", sign=None)),
            "stages": Outcome(p=joint.p_value),
        }

    return draw


def patterns(gap: float) -> Draw:
    """Products of two rows and two columns; together more than the sum of both alone."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = even(rng, "a", "b", "p", "q")
        terms = {"a:p": gap, "b:q": gap, "a:q": 0.0, "b:p": 0.0}
        products = {t: columns[t[0]] * columns[t[2]] for t in terms}
        index = 0.3 * columns["a"] + sum((0.2 + b) * products[t] for t, b in terms.items())
        fit = world(columns, np.asarray(index), rng, "a b p q " + " ".join(terms))
        name = fit.spec.name
        pattern = matched_pattern_test(
            {name: fit}, [(name, "a:p"), (name, "b:q")], [(name, "a:q"), (name, "b:p")], sign=None
        )
        state = rng.integers(0, 4, 200 * YEARS)
        flags = {f"s{j}": (state == j).astype(float) for j in (1, 2, 3)}
        sums = 0.3 * flags["s1"] + 0.3 * flags["s2"] + (0.6 + 4 * gap) * flags["s3"]
        states = world(flags, sums, rng, "s1 s2 s3")
        more = superadditivity_test(states, "s3", ["s1", "s2"])
        return {"pattern": told(pattern), "superadditivity": Outcome(p=more.p_value)}

    return draw


def complements(product: float) -> Draw:
    """Counts; with a product on the index practices are also adopted together."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        raw = normal(rng, "a", "b")
        raw["b"] = raw["b"] + 0.5 * (product > 0) * raw["a"]
        columns = {n: (v > 0).astype(float) for n, v in raw.items()}
        a, b = columns["a"], columns["b"]
        fit = world(columns, 0.3 * a + 0.3 * b + product * a * b, rng, "a b a:b", count=True)
        found = complementarity_test(fit, "a", "b", None)
        return {
            "product": told(found),
            "adoption": scalar(residual_correlation(fit, "a", "b").slope),
        }

    return draw


def needed(ceiling: bool) -> Draw:
    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        x, y = rng.uniform(size=(2, 80))
        y = np.minimum(y, 0.3 + x) if ceiling else y
        found = necessity(x, y, draws=99, seed=int(rng.integers(1 << 31)))
        return {
            "ce_fdh": Outcome(p=found.ce_fdh.p_value),
            "cr_fdh": Outcome(p=found.cr_fdh.p_value),
        }

    return draw


MEDIATED = (
    Coverage("indirect_bca", 0.2),
    Coverage("indirect_percentile", 0.2),
    Coverage("indirect_normal", 0.2),
    Coverage("index_bca", 0.1),
    Coverage("index_percentile", 0.1),
    Coverage("direct", 0.1),
    Bias("indirect_bca", 0.2),
    Rate("joint", 0.95, 1.0),
)

CASES = (
    Case("mediation", paths(0.4, 0.5), MEDIATED, draws=BOOTSTRAPPED),
    Case("mediation_count", paths(0.4, 0.5, count=True), MEDIATED[:3], draws=BOOTSTRAPPED),
    Case(
        "one_path",
        paths(0.4, 0.0),
        (Size("joint"),),
        draws=BOOTSTRAPPED,
        note="with one path at zero joint significance has the size of the other's test",
    ),
    Case("no_path", paths(0.0, 0.0), (Size("joint", composite=True),), draws=BOOTSTRAPPED),
    Case(
        "chain",
        chain,
        (Coverage("serial", 0.125), Rate("serial", 0.80, 1.0)),
        draws=BOOTSTRAPPED,
    ),
    Case(
        "direct_at_bound",
        negligible(1.0),
        (Size("negligible"),),
        note="two one-sided tests; the direct effect is exactly the smallest of interest",
    ),
    Case("no_direct", negligible(0.0), (Rate("negligible", 0.80, 1.0),)),
    Case("natural", natural, (Coverage("ratio", float(np.exp(0.2))),), draws=BOOTSTRAPPED),
    Case(
        "same_indirect",
        own_and_cross(0.0),
        (Coverage("contrast", 0.0), Size("contrast")),
        draws=BOOTSTRAPPED,
    ),
    Case("own_and_cross", own_and_cross(0.5), (Rate("contrast", 0.80, 1.0),), draws=BOOTSTRAPPED),
    Case(
        "unequal_groups",
        groups(0.0),
        (Size("permutation"), Size("interacted")),
        draws=BOOTSTRAPPED,
        note="30 firms against 90, standard deviations 3 : 1",
    ),
    Case(
        "unequal_groups_count",
        groups(0.0, count=True),
        (Size("permutation"),),
        draws=BOOTSTRAPPED,
    ),
    Case(
        "group_gap",
        groups(1.2),
        (Rate("permutation", 0.80, 1.0), Rate("interacted", 0.80, 1.0)),
        draws=BOOTSTRAPPED,
    ),
    Case("no_gap", comparisons(0.0), (Size("comparison"), Size("stages"))),
    Case("gap", comparisons(0.2), (Rate("comparison", 0.80, 1.0), Rate("stages", 0.80, 1.0))),
    Case("no_pattern", patterns(0.0), (Size("pattern"), Size("superadditivity"))),
    Case("pattern", patterns(0.1), (Rate("pattern", 0.80, 1.0), Rate("superadditivity", 0.80, 1))),
    Case("alone", complements(0.0), (Size("product"), Size("adoption"))),
    Case("complements", complements(0.6), (Rate("product", 0.70, 1), Rate("adoption", 0.80, 1))),
    Case("unneeded", needed(False), (Size("ce_fdh"), Size("cr_fdh")), draws=BOOTSTRAPPED),
    Case(
        "needed",
        needed(True),
        (Rate("ce_fdh", 0.80, 1.0), Rate("cr_fdh", 0.80, 1.0)),
        draws=BOOTSTRAPPED,
        note="y at most 0.3 + x",
    ),
)
