"""Worlds of curves, moderation, mediation and groups: sizes, coverage and power of shape tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.monte_carlo.harness import Bias, Case, Coverage, Outcome, Rate, Size
from benchmarks.monte_carlo.worlds import codes, estimate
from tertius.estimate import Estimate
from tertius.shapes import (
    IndirectPath,
    binned_moderation,
    coefficient_comparison_test,
    complementarity_test,
    contrast_of_indirects,
    double_demeaned_check,
    group_difference_test,
    inverted_u_test,
    kink_test,
    mediation_counterfactual,
    mediation_test,
    moderated_inverted_u_test,
    moderation_test,
    necessity,
    parallel_shift_test,
    residual_correlation,
    shift_bootstrap,
    stage_difference_test,
    three_way_test,
    two_lines_test,
)
from tertius.shapes.joint import Scalar

FIRMS, YEARS = 100, 5
BOOTSTRAPPED = 500
Columns = dict[str, np.ndarray]
Draw = Callable[[np.random.Generator], Mapping[str, Outcome]]


def told(found: Any) -> Outcome:
    """Estimate, interval and p of a result."""
    return Outcome(found.estimate, found.conf_low, found.conf_high, found.p_value)


def scalar(found: Scalar) -> Outcome:
    return Outcome(found.value, found.conf_low, found.conf_high, found.p_two_sided)


def world(
    columns: Columns,
    index: np.ndarray,
    rng: np.random.Generator,
    terms: str,
    *,
    count: bool = False,
) -> Estimate:
    """A model of y = index + firm effect + heteroskedastic noise, or of counts of that log mean."""
    n_firms = len(index) // YEARS
    firm, year = codes(n_firms, YEARS)
    index = index + rng.normal(0, 0.5, n_firms)[firm]
    if count:
        mean = np.exp(index) * rng.gamma(4, 0.25, firm.size)
        columns["y"] = rng.poisson(mean).astype(float)
    else:
        columns["y"] = index + rng.normal(size=firm.size) * (0.5 + 0.5 * rng.random(n_firms)[firm])
    return estimate(columns, firm, year, "fe_poisson" if count else "fe_ols", terms.split())


def normal(rng: np.random.Generator, *names: str) -> Columns:
    return {name: rng.normal(size=FIRMS * YEARS) for name in names}


def even(rng: np.random.Generator, *names: str, n_firms: int = 200) -> Columns:
    """Uniform variables of variance 1: products of normal ones have rows of great leverage."""
    side = np.sqrt(3)
    return {name: rng.uniform(-side, side, n_firms * YEARS) for name in names}


def curve(b1: float, b2: float, *, count: bool = False) -> Draw:
    """x uniform on [0, 4]: turning point -b1 / (2 b2)."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        x = rng.uniform(0, 4, FIRMS * YEARS)
        fit = world({"x": x}, b1 * x + b2 * x**2, rng, "x x^2", count=count)
        found = inverted_u_test(fit, "x")
        inside = found.fieller_95.contains(-b1 / (2 * b2)) if b2 else None
        lines = two_lines_test(fit, "x")
        return {
            "u_test": Outcome(p=found.p_value),
            "turning_point": Outcome(found.estimate, covers=inside),
            "two_lines": Outcome(p=lines.p_value),
        }

    return draw


def kinked(change: float) -> Draw:
    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        x = rng.uniform(0, 4, FIRMS * YEARS)
        fit = world({"x": x}, 0.4 * x + change * np.maximum(x - 2, 0), rng, "x x^2")
        found = kink_test(fit, "x", draws=199, seed=int(rng.integers(1 << 31)))
        return {"kink": Outcome(found.kink, p=found.p_value)}

    return draw


def moderated(b3: float, b4: float, *, count: bool = False) -> Draw:
    """Turning point (1 + b3 z) / (1 - 2 b4 z); its derivative at 0 is b3 + 2 b4."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = normal(rng, "z")
        z = columns["z"]
        columns["x"] = x = rng.uniform(-1, 3, len(z))
        index = x - 0.5 * x**2 + b3 * x * z + b4 * x**2 * z
        fit = world(columns, index, rng, "x x^2 z x:z z:x^2", count=count)
        found = moderated_inverted_u_test(fit, "x", "z")
        planted = b3 + 2 * b4
        at_zero = shift_bootstrap(fit, "x", "z", at=0.0, draws=2, seed=1)
        return {
            "shift": Outcome(
                at_zero.shift,
                at_zero.shift - 1.984 * at_zero.delta_error,
                at_zero.shift + 1.984 * at_zero.delta_error,
                found.p_two_sided if planted == 0 else float("nan"),
            ),
            "parallel": Outcome(p=parallel_shift_test(fit, "x", "z").p_value),
        }

    return draw


def shift_of_draws(rng: np.random.Generator) -> Mapping[str, Outcome]:
    columns = normal(rng, "z")
    z = columns["z"]
    columns["x"] = x = rng.uniform(-1, 3, len(z))
    fit = world(columns, x - 0.5 * x**2 + 0.3 * x * z, rng, "x x^2 z x:z z:x^2")
    found = shift_bootstrap(fit, "x", "z", at=0.0, draws=399, seed=int(rng.integers(1 << 31)))
    return {"shift": Outcome(found.shift, found.conf_low, found.conf_high)}


def product(b3: float) -> Draw:
    """Effect of x: .3 + b3 z, 200 firms."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = even(rng, "x", "z")
        x, z = columns["x"], columns["z"]
        fit = world(columns, 0.3 * x + 0.1 * z + b3 * x * z, rng, "x z x:z")
        binned = binned_moderation(fit, "x", "z")
        return {
            "product": told(moderation_test(fit, "x", "z")),
            "straight": Outcome(p=binned.p_linear),
            "same_within": Outcome(p=double_demeaned_check(fit, "x", "z").p_difference),
        }

    return draw


def product_of_counts(rng: np.random.Generator) -> Mapping[str, Outcome]:
    columns = even(rng, "x", "z")
    x, z = columns["x"], columns["z"]
    fit = world(columns, 0.3 * x + 0.1 * z + 0.15 * x * z, rng, "x z x:z", count=True)
    return {"product": told(moderation_test(fit, "x", "z"))}


def three_way(rng: np.random.Generator) -> Mapping[str, Outcome]:
    columns = even(rng, "x", "z", "w")
    index = 0.3 * columns["x"] + 0.15 * columns["x"] * columns["z"]
    fit = world(columns, index, rng, "x z w x:z x:w w:z w:x:z")
    return {"product": told(three_way_test(fit, "x", "z", "w"))}


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


def natural(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Counts with m = .4 x + noise and .5 m on the log: the indirect ratio of a unit is exp(.2)."""
    columns = normal(rng, "x", "m")
    columns["m"] = m = columns["m"] + 0.4 * columns["x"]
    fit = world(columns, 0.5 * m + 0.1 * columns["x"], rng, "x m", count=True)
    seed = int(rng.integers(1 << 31))
    found = mediation_counterfactual(fit, "x", ["m"], step=1.0, draws=299, seed=seed).indirect
    return {"ratio": Outcome(found.ratio, found.ratio_low, found.ratio_high)}


def own_and_cross(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Two outcomes, the same true indirect effect on the log: the contrast is nil."""
    columns = normal(rng, "x", "m")
    columns["m"] = m = columns["m"] + 0.4 * columns["x"]
    models = {name: world(dict(columns), 0.5 * m, rng, "x m", count=True) for name in "pq"}
    both = [IndirectPath("p", "x", "m", 1.0), IndirectPath("q", "x", "m", -1.0)]
    found = contrast_of_indirects(models, both, draws=299, seed=int(rng.integers(1 << 31)))
    return {"contrast": Outcome(found.contrast.estimate, *found.contrast.percentile)}


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


def comparisons(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Effects per sample standard deviation are the same though units differ; so are stages.

    The scale counts as known: the null is on the scale of the sample at hand.
    """
    columns = normal(rng, "a", "b")
    columns["b"] = 10 * columns["b"]
    firm, _ = codes(FIRMS, YEARS)
    within = {n: v - np.bincount(firm, v)[firm] / YEARS for n, v in columns.items()}
    index = sum(0.5 * v / within[n].std(ddof=1) for n, v in columns.items())
    fit = world(columns, np.asarray(index), rng, "a b")
    stage = rng.integers(0, 4, FIRMS * YEARS)
    flags = {f"late{j}": (stage == j).astype(float) for j in (1, 2, 3)}
    stages = world(flags, np.zeros(FIRMS * YEARS), rng, "late1 late2 late3")
    return {
        "comparison": told(coefficient_comparison_test(fit, "a", "b", sign=None)),
        "stages": Outcome(
            p=stage_difference_test(stages, ["late1", "late2", "late3"]).joint.p_value
        ),
    }


def complements(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """Counts, no product on the index; practices adopted on their own."""
    columns = {n: (v > 0).astype(float) for n, v in normal(rng, "a", "b").items()}
    fit = world(columns, 0.3 * columns["a"] + 0.3 * columns["b"], rng, "a b a:b", count=True)
    found = complementarity_test(fit, "a", "b", None)
    return {
        "product": told(found),
        "adoption": scalar(residual_correlation(fit, "a", "b").slope),
    }


def unneeded(rng: np.random.Generator) -> Mapping[str, Outcome]:
    x, y = rng.uniform(size=(2, 80))
    found = necessity(x, y, draws=99, seed=int(rng.integers(1 << 31)))
    return {"ce_fdh": Outcome(p=found.ce_fdh.p_value), "cr_fdh": Outcome(p=found.cr_fdh.p_value)}


CURVES = (
    Size("u_test", composite=True),
    Size("two_lines", composite=True),
)
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
    Case("line", curve(0.3, 0.0), CURVES, note="a straight rise is no inverted-U"),
    Case("flat", curve(0.0, 0.0), CURVES, note="no effect is no inverted-U"),
    Case(
        "flat_end",
        curve(0.8, -0.1),
        CURVES,
        note="least favourable: the slope is exactly nil at the maximum, 0.8 - 0.2 * 4",
    ),
    Case(
        "inverted_u",
        curve(0.8, -0.2),
        (
            Coverage("turning_point", 2.0),
            Rate("u_test", 0.95, 1.0),
            Rate("two_lines", 0.80, 1.0),
        ),
    ),
    Case(
        "inverted_u_count",
        curve(0.8, -0.2, count=True),
        (Coverage("turning_point", 2.0), Rate("u_test", 0.90, 1.0)),
    ),
    Case("no_kink", kinked(0.0), (Size("kink"),), draws=BOOTSTRAPPED),
    Case("kink", kinked(-0.8), (Rate("kink", 0.95, 1.0),), draws=BOOTSTRAPPED),
    Case("no_shift", moderated(0.0, 0.0), (Size("shift"), Size("parallel"))),
    Case("shift", moderated(0.3, 0.0), (Coverage("shift", 0.3), Size("parallel"))),
    Case("bent", moderated(0.2, 0.1), (Coverage("shift", 0.4), Rate("parallel", 0.80, 1.0))),
    Case("shift_count", moderated(0.3, 0.0, count=True), (Coverage("shift", 0.3),)),
    Case("shift_resampled", shift_of_draws, (Coverage("shift", 0.3),), draws=BOOTSTRAPPED),
    Case(
        "no_product",
        product(0.0),
        (Size("product"), Rate("straight", 0.05, 0.08), Size("same_within")),
    ),
    Case(
        "product",
        product(0.15),
        (Coverage("product", 0.15), Rate("straight", 0.05, 0.08), Size("same_within")),
        note="the clustered Wald test of four restrictions on bins rejects a straight line a bit "
        "too often at 200 firms; it is a check that stands beside the product, never a verdict",
    ),
    Case("product_count", product_of_counts, (Coverage("product", 0.15),)),
    Case("three_way", three_way, (Size("product"),)),
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
    Case("natural", natural, (Coverage("ratio", float(np.exp(0.2))),), draws=BOOTSTRAPPED),
    Case("own_and_cross", own_and_cross, (Coverage("contrast", 0.0),), draws=BOOTSTRAPPED),
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
    Case("group_gap", groups(0.8), (Rate("permutation", 0.80, 1.0),), draws=BOOTSTRAPPED),
    Case("comparisons", comparisons, (Size("comparison"), Size("stages"))),
    Case("complements", complements, (Size("product"), Size("adoption"))),
    Case("unneeded", unneeded, (Size("ce_fdh"), Size("cr_fdh")), draws=BOOTSTRAPPED),
)
