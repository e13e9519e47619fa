"""Worlds of curves and moderation: sizes, coverage and power of shape tests."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.monte_carlo.harness import Case, Coverage, Outcome, Rate, Size
from benchmarks.monte_carlo.worlds import (
    BOOTSTRAPPED,
    FIRMS,
    YEARS,
    Draw,
    codes,
    even,
    normal,
    outcome,
    told,
    world,
)
from tertius.shapes import (
    binned_moderation,
    classify_curve,
    compare_rivals,
    double_demeaned_check,
    inverted_u_test,
    kink_test,
    moderated_inverted_u_test,
    moderation_test,
    parallel_shift_test,
    shift_bootstrap,
    sign_test,
    significance_regions,
    three_way_test,
    two_lines_test,
)

MODERATED_FIRMS = 400


def signs(rng: np.random.Generator) -> Mapping[str, Outcome]:
    """x raises the outcome, w does nothing to it."""
    columns = normal(rng, "x", "w")
    fit = world(columns, 0.15 * columns["x"], rng, "x w")
    one = sign_test(fit, "w", "+")
    return {
        "null": Outcome(p=sign_test(fit, "w").p_value),
        "null, one-sided": Outcome(p=one.p_value),
        "x": Outcome(p=sign_test(fit, "x").p_value),
    }


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


def forms(cubic: float) -> Draw:
    """A parabola with a third power beside it."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        x = rng.uniform(-2, 2, FIRMS * YEARS)
        fit = world({"x": x}, 0.5 * x - 0.3 * x**2 + cubic * x**3, rng, "x x^2")
        return {"cubic": Outcome(p=compare_rivals(fit, "x", folds=2).p_cubic)}

    return draw


def classes(bend: str) -> Draw:
    """Does a curve of diminishing returns pass as such, and as an inverted-U?"""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        x = rng.uniform(0, 4, FIRMS * YEARS)
        index = 1.5 * np.log1p(3 * x) if bend == "log" else 1.6 * x - 0.4 * x**2
        fit = world({"x": x}, index, rng, "x x^2")
        kind = classify_curve(fit, "x", seed=int(rng.integers(1 << 31))).kind
        return {name: Outcome(p=float(kind != name)) for name in ("diminishing", "inverted_u")}

    return draw


def kinked(change: float) -> Draw:
    """200 firms: the largest of many t has more to fear from few clusters than one of them."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        x = rng.uniform(0, 4, 200 * YEARS)
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
        at_zero = shift_bootstrap(fit, "x", "z", at=0.0, draws=2, seed=1)
        return {
            "shift": Outcome(
                at_zero.shift,
                at_zero.shift - 1.984 * at_zero.delta_error,
                at_zero.shift + 1.984 * at_zero.delta_error,
                found.p_two_sided,
            ),
            "curvature": Outcome(p=outcome(fit, "z:x^2", 0.0).p),
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


def product(b3: float, between: float = 0.0, bend: float = 0.0) -> Draw:
    """Effect of x: .3 + b3 z + between (mean z of the firm) + bend z^2, 400 firms."""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = even(rng, "x", "z", n_firms=MODERATED_FIRMS)
        firm, _ = codes(MODERATED_FIRMS, YEARS)
        if between:
            columns["z"] = columns["z"] + rng.normal(size=MODERATED_FIRMS)[firm]
        x, z = columns["x"], columns["z"]
        mean = (np.bincount(firm, z) / YEARS)[firm]
        slope = 0.3 + b3 * z + between * mean + bend * z**2
        fit = world(columns, slope * x + 0.1 * z, rng, "x z x:z")
        binned = binned_moderation(fit, "x", "z")
        return {
            "product": told(moderation_test(fit, "x", "z")),
            "straight": Outcome(p=binned.p_linear),
            "same_within": Outcome(p=double_demeaned_check(fit, "x", "z").p_difference),
        }

    return draw


def regions(effect: float) -> Draw:
    """Is the effect of x beyond chance for any z, at the false discovery rate?"""

    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = even(rng, "x", "z")
        fit = world(columns, effect * columns["x"] * columns["z"], rng, "x z x:z")
        found = significance_regions(fit, "x", "z")
        return {"any region": Outcome(p=float(not found.significant))}

    return draw


def product_of_counts(rng: np.random.Generator) -> Mapping[str, Outcome]:
    columns = even(rng, "x", "z")
    x, z = columns["x"], columns["z"]
    fit = world(columns, 0.3 * x + 0.1 * z + 0.15 * x * z, rng, "x z x:z", count=True)
    return {"product": told(moderation_test(fit, "x", "z"))}


def three_way(b7: float) -> Draw:
    def draw(rng: np.random.Generator) -> Mapping[str, Outcome]:
        columns = even(rng, "x", "z", "w")
        x, z, w = (columns[name] for name in "xzw")
        index = 0.3 * x + 0.15 * x * z + b7 * x * z * w
        fit = world(columns, index, rng, "x z w x:z x:w w:z w:x:z")
        return {"product": told(three_way_test(fit, "x", "z", "w"))}

    return draw


CURVES = (
    Size("u_test", composite=True),
    Size("two_lines", composite=True),
)
CASES = (
    Case("signs", signs, (Size("null"), Size("null, one-sided"), Rate("x", 0.80, 1.0))),
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
    Case("parabola", forms(0.0), (Size("cubic"),)),
    Case("third_power", forms(0.1), (Rate("cubic", 0.70, 1.0),)),
    Case(
        "diminishing_returns",
        classes("log"),
        (Rate("diminishing", 0.70, 1.0), Size("inverted_u", composite=True)),
        draws=BOOTSTRAPPED,
        note="1.5 ln(1 + 3 x) on [0, 4]: the share told as diminishing, and as an inverted-U",
    ),
    Case(
        "turning_returns",
        classes("parabola"),
        (Rate("inverted_u", 0.80, 1.0), Size("diminishing", composite=True)),
        draws=BOOTSTRAPPED,
        note="1.6 x - .4 x^2 on [0, 4], which turns at 2",
    ),
    Case("no_kink", kinked(0.0), (Size("kink"),), draws=BOOTSTRAPPED),
    Case("kink", kinked(-0.8), (Rate("kink", 0.95, 1.0),), draws=BOOTSTRAPPED),
    Case("no_shift", moderated(0.0, 0.0), (Size("shift"), Size("parallel"), Size("curvature"))),
    Case(
        "shift",
        moderated(0.3, 0.0),
        (Coverage("shift", 0.3), Rate("shift", 0.80, 1.0), Size("parallel"), Size("curvature")),
    ),
    Case(
        "bent",
        moderated(0.2, 0.1),
        (Coverage("shift", 0.4), Rate("parallel", 0.80, 1.0), Rate("curvature", 0.80, 1.0)),
    ),
    Case("shift_count", moderated(0.3, 0.0, count=True), (Coverage("shift", 0.3),)),
    Case("shift_resampled", shift_of_draws, (Coverage("shift", 0.3),), draws=BOOTSTRAPPED),
    Case("no_product", product(0.0), (Size("product"), Size("straight"), Size("same_within"))),
    Case(
        "product",
        product(0.1),
        (
            Coverage("product", 0.1),
            Rate("product", 0.80, 1.0),
            Size("straight"),
            Size("same_within"),
        ),
        note="400 firms; the clustered Wald test of four restrictions on bins needs more of them "
        "than a single t",
    ),
    Case("product_between", product(0.0, between=0.2), (Rate("same_within", 0.80, 1.0),)),
    Case("product_bent", product(0.0, bend=0.15), (Rate("straight", 0.80, 1.0),)),
    Case("product_count", product_of_counts, (Coverage("product", 0.15),)),
    Case("no_region", regions(0.0), (Size("any region", composite=True),)),
    Case("region", regions(0.15), (Rate("any region", 0.80, 1.0),)),
    Case("no_three_way", three_way(0.0), (Size("product"),)),
    Case("three_way", three_way(0.15), (Rate("product", 0.80, 1.0),)),
)
