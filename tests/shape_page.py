"""Writes docs/shapes.md: what each shape test decides, how, after whom, and a sentence it made.

PYTHONPATH=scripts python -m tests.shape_page
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tertius.shapes import (
    IndirectPath,
    binned_moderation,
    block_comparison_test,
    block_gain_test,
    block_test,
    classify_curve,
    coefficient_comparison_test,
    compare_rivals,
    complementarity_test,
    contrast_of_indirects,
    double_demeaned_check,
    group_difference_test,
    inverted_u_test,
    kink_test,
    matched_pattern_test,
    mediation_counterfactual,
    mediation_test,
    moderated_inverted_u_test,
    moderation_test,
    necessary_condition_test,
    parallel_shift_test,
    rate_test,
    shift_bootstrap,
    sign_test,
    significance_regions,
    stage_difference_test,
    superadditivity_test,
    three_way_test,
    two_lines_test,
)
from tests.shape_worlds import curve_world, fit, panel, path_world, product_world

PAGE = Path(__file__).parents[1] / "docs" / "shapes.md"
INTRODUCTION = """# Shape tests

What each test decides, how, after whom, and a sentence that it wrote about a planted world. The
page is written by `PYTHONPATH=scripts python -m tests.shape_page`. Every result is frozen, gives
its numbers by `to_dict()`, a plain `sentence` and the data of its figure (`curve`). Standard errors
are clustered as in the model; products and powers are formed before any demeaning. Resampling takes
whole clusters and is an exact refit for least squares, one Newton step from the estimate for
counts. A test with a name in `code` can be named by a claim as the `shape` of its `test`.
"""


@dataclass(frozen=True)
class Entry:
    """One test of the page."""

    name: str
    claim: str
    decides: str
    formula: str
    source: str
    sentence: Callable[[], str]


def parabola() -> pl.DataFrame:
    return curve_world(lambda x: x - 0.25 * x**2, 1)


def moderated() -> pl.DataFrame:
    rng = np.random.default_rng(10)
    x, z = rng.uniform(-1, 3, 1200), rng.normal(size=1200)
    y = x - 0.5 * x**2 + 0.3 * x * z + 0.05 * x**2 * z + rng.normal(0, 0.5, 1200)
    return panel({"x": x, "z": z, "y": y}, 200)


def states() -> pl.DataFrame:
    rng = np.random.default_rng(6)
    state = rng.integers(0, 4, 1200)
    flags = {f"s{j}": (state == j).astype(float) for j in (1, 2, 3)}
    y = np.array([0.0, 0.3, 0.4, 1.2])[state] + rng.normal(size=1200)
    return panel({**flags, "y": y}, 200)


def pattern() -> pl.DataFrame:
    rng = np.random.default_rng(5)
    a, b, p, q = rng.normal(size=(4, 1200))
    y = 0.3 * a * p + 0.3 * b * q + rng.normal(size=1200)
    return panel({"a": a, "b": b, "p": p, "q": q, "y": y}, 200)


def practices() -> pl.DataFrame:
    rng = np.random.default_rng(8)
    common, *own = rng.normal(size=(3, 1200))
    a, b = ((common + u > 0).astype(float) for u in own)
    y = 0.3 * a + 0.3 * b + 0.5 * a * b + rng.normal(size=1200)
    return panel({"a": a, "b": b, "y": y}, 200)


def split_sentence() -> str:
    rng = np.random.default_rng(2)
    x = rng.normal(size=1200)
    y = (0.2 + 0.4 * np.repeat(np.arange(200) % 2, 6)) * x + rng.normal(size=1200)
    groups = {f"f{i:04d}": i % 2 == 1 for i in range(200)}
    names = ("large firms", "small firms")
    return group_difference_test(
        fit(panel({"x": x, "y": y}, 200), "x"), "x", groups, draws=499, names=names
    ).sentence


def contrast_sentence() -> str:
    world = path_world(13).with_columns(pl.col("y") + 10)
    models = {"y": fit(world, "x w m"), "count": fit(world, "x w m", "count")}
    both = [IndirectPath("count", "x", "m", 1.0), IndirectPath("y", "x", "m", -1.0)]
    return contrast_of_indirects(models, both, draws=999).sentence


def pattern_sentence() -> str:
    estimate = fit(pattern(), "a b p q a:p b:q a:q b:p")
    matched, crossed = (("m", "a:p"), ("m", "b:q")), (("m", "a:q"), ("m", "b:p"))
    return matched_pattern_test({"m": estimate}, matched, crossed).sentence


PRODUCT, ALL = "x z x:z", "x z w x:z x:w w:z w:x:z"
MODERATED = "x x^2 z x:z z:x^2"
ENTRIES = (
    Entry(
        "Sign",
        "positive, negative",
        "whether a variable raises or lowers the outcome",
        "t of the slope at the mean, others of its products at their means",
        "-",
        lambda: sign_test(fit(path_world(1), "x w m m2"), "m", "+").sentence,
    ),
    Entry(
        "Inverted U",
        "inverted_u, diminishing",
        "whether a curve rises, turns inside the data and falls",
        "b2 < 0; b1 + 2 b2 x > 0 at the minimum and < 0 at the maximum, p the larger; at least 5 % "
        "of rows on either side of -b1/(2 b2), whose set solves (b1 + 2 b2 x)^2 <= t^2 var",
        "Sasabuchi 1980; Lind & Mehlum 2010; Fieller 1954; Haans, Pieters & He 2016",
        lambda: inverted_u_test(fit(parabola(), "x x^2"), "x").sentence,
    ),
    Entry(
        "Two lines",
        "two_lines",
        "whether the slopes before and after a break have opposite signs",
        "spline fit, flat region within one standard error of its top, break at its "
        "|z2|/(|z1| + |z2|) quantile, interrupted regression with a jump",
        "Simonsohn 2018",
        lambda: two_lines_test(fit(parabola(), "x x^2"), "x").sentence,
    ),
    Entry(
        "Kink",
        "kink",
        "whether the slope changes at an unknown value",
        "b1 x + b2 (x - g)+, g of least loss between P10 and P90; largest |t| against draws of "
        "cluster signs",
        "Hansen 1996, 2017",
        lambda: (
            kink_test(
                fit(curve_world(lambda x: x - 1.6 * np.maximum(x - 2, 0), 1), "x x^2"), "x"
            ).sentence
        ),
    ),
    Entry(
        "Rival forms",
        "",
        "which of line, parabola, cubic, logarithm, reciprocal, spline and kink describes x",
        "cluster Wald for nested forms; deviance of unseen firms, paired by cluster, for all "
        "(quasi-likelihoods admit no likelihood ratio, Vuong or AIC)",
        "Wooldridge 1999",
        lambda: (
            compare_rivals(
                fit(curve_world(lambda x: np.log(x), 8, low=0.05), "x x^2"), "x"
            ).sentence
        ),
    ),
    Entry(
        "Class of a curve",
        "curve_class",
        "inverted U, U, diminishing returns, decline, kink, line or nothing",
        "the four tests above, in the order told by `classify_curve`",
        "Simonsohn 2018; Haans, Pieters & He 2016",
        lambda: (
            classify_curve(
                fit(curve_world(lambda x: 1.2 * x - 0.13 * x**2, 5), "x x^2"), "x"
            ).sentence
        ),
    ),
    Entry(
        "Moderated inverted U",
        "moderated_inverted_u",
        "whether z moves the turning point, or flattens the curve",
        "dx*/dz = (b1 b4 - b2 b3)/(2 (b2 + b4 z)^2) by delta method and by resampling; b4 on the "
        "index, E[y] curvature beside it for counts; flip at -b2/b4",
        "Haans, Pieters & He 2016",
        lambda: (
            moderated_inverted_u_test(fit(moderated(), MODERATED), "x", "z").sentence
            + " "
            + shift_bootstrap(fit(moderated(), MODERATED), "x", "z", draws=999).sentence
            + " "
            + parallel_shift_test(fit(moderated(), MODERATED), "x", "z").sentence
        ),
    ),
    Entry(
        "Moderation",
        "interaction",
        "whether z changes the effect of x",
        "t of b3; marginal effects at chosen z; for counts exp(b3) and the difference on E[y]",
        "Johnson & Neyman 1936; Ai & Norton 2003",
        lambda: moderation_test(fit(product_world(1), PRODUCT), "x", "z").sentence,
    ),
    Entry(
        "Regions with a false discovery rate",
        "",
        "for which z the effect of x is beyond chance",
        "(b1 + b3 z)^2 = t^2 (v11 + 2 z v13 + z^2 v33), t the Benjamini-Hochberg value over the "
        "observed z",
        "Bauer & Curran 2005; Esarey & Sumner 2018",
        lambda: significance_regions(fit(product_world(1), PRODUCT), "x", "z").sentence,
    ),
    Entry(
        "Bins and kernel",
        "",
        "whether the effect of x is linear in z, and where data carry it",
        "x, z - z_j and their product by tercile of z; local regressions with Gaussian weights",
        "Hainmueller, Mummolo & Xu 2019",
        lambda: binned_moderation(fit(product_world(1), PRODUCT), "x", "z").sentence,
    ),
    Entry(
        "Double-demeaned product",
        "",
        "whether a product is one of changes within firms",
        "(x - mean_i x)(z - mean_i z) in place of x z, and the difference of both",
        "Giesselmann & Schmidt-Catran 2022",
        lambda: double_demeaned_check(fit(product_world(1), PRODUCT), "x", "z").sentence,
    ),
    Entry(
        "Three-way product",
        "three_way",
        "whether w changes how z moderates x",
        "t of b7; slopes of x at the four corners and their six differences",
        "Dawson & Richter 2006",
        lambda: three_way_test(fit(product_world(1), ALL), "x", "z", "w").sentence,
    ),
    Entry(
        "Mediation",
        "mediation, serial_mediation",
        "whether x acts through m; parallel, serial or moderated; full only if the direct effect "
        "is shown to be negligible",
        "a b (a d b in a chain, a3 b or a b3 as index of moderation); p the largest of the paths; "
        "percentile, BCa and Monte-Carlo intervals; error correlation and robustness value at "
        "which it vanishes",
        "Preacher & Hayes 2008; Hayes 2015; Imai, Keele & Yamamoto 2010; Cinelli & Hazlett 2020",
        lambda: (
            mediation_test(fit(path_world(1), "x w m m2"), "x", ["m", "m2"], draws=999).sentence
            + " "
            + mediation_test(fit(path_world(1), "x w m"), "x", ["m"], draws=999)
            .sensitivity[0]
            .sentence
        ),
    ),
    Entry(
        "Natural effects",
        "",
        "direct and indirect effects on the outcome itself, for counts and products of x and m",
        "E[y(x + s, m(x + s))] - E[y(x + s, m(x))] and E[y(x + s, m(x))] - E[y(x, m(x))], each row "
        "with its own errors",
        "Pearl 2001; Imai, Keele & Tingley 2010",
        lambda: (
            mediation_counterfactual(
                fit(path_world(1), "x w m", "count"), "x", ["m"], draws=499
            ).sentence
        ),
    ),
    Entry(
        "Contrast of indirect effects",
        "indirect_contrast",
        "whether x acts more through its own mediator than across",
        "weighted sum of indirect effects as shares of the outcome, one resample for all models",
        "MacKinnon, Lockwood & Williams 2004",
        contrast_sentence,
    ),
    Entry(
        "Group difference",
        "group_difference",
        "whether an effect differs between groups of firms, fixed in the first year",
        "all regressors and effects by group; labels permuted by firm, difference studentised",
        "Chow 1960; Chung & Romano 2013",
        split_sentence,
    ),
    Entry(
        "Comparison of coefficients",
        "coefficient_comparison",
        "which of two effects is larger, on a declared scale",
        "s1 b1 - s2 b2, s the within-firm standard deviation, 1, or that of an elasticity",
        "-",
        lambda: coefficient_comparison_test(fit(path_world(1), "x w m m2"), "m", "m2").sentence,
    ),
    Entry(
        "Matched pattern",
        "matched_pattern",
        "whether matched effects exceed mismatched ones",
        "mean of the matched less mean of the crossed coefficients, over one or several models",
        "-",
        pattern_sentence,
    ),
    Entry(
        "Superadditivity and blocks",
        "superadditivity",
        "whether things together do more than the sum of them alone; what a block of terms adds",
        "b_together - sum of b_alone; cluster Wald and deviance of unseen firms of a block",
        "Milgrom & Roberts 1990",
        lambda: (
            superadditivity_test(fit(states(), "s1 s2 s3"), "s3", ["s1", "s2"]).sentence
            + " "
            + block_test(fit(states(), "s1 s2 s3"), ["s1", "s2", "s3"]).sentence
        ),
    ),
    Entry(
        "Block",
        "block",
        "whether a block of terms adds to a model, and what its effects add up to",
        "joint cluster Wald of its terms; where a sign is stated, t of the sum of b_j s_j, s the "
        "within-firm standard deviation, p the larger",
        "Wooldridge 1999; Berger 1982",
        lambda: block_gain_test(fit(states(), "s1 s2 s3"), ["s1", "s2"], "+").sentence,
    ),
    Entry(
        "Comparison of blocks",
        "block_comparison",
        "which of two blocks of terms says more about firms that were not seen",
        "deviance of unseen firms without the second block less without the first, paired by "
        "cluster; half of it is the difference of Shapley values",
        "Shapley 1953; Shorrocks 2013",
        lambda: block_comparison_test(fit(states(), "s1 s2 s3"), ["s3"], ["s1", "s2"]).sentence,
    ),
    Entry(
        "Rate",
        "rate",
        "whether a share is the stated one up to a margin",
        "mean of a 0/1 outcome, or 1 - prod(1 - ended / at risk) up to a horizon; two one-sided "
        "tests against the ends of the margin",
        "Kaplan & Meier 1958; Schuirmann 1987",
        lambda: rate_test(fit(practices(), "b", "a"), 0.5, 0.1).sentence,
    ),
    Entry(
        "Complementarity",
        "complementarity",
        "whether two practices raise each other's return",
        "product on the index; y11 - y10 - y01 + y00 of expected outcomes; correlation of both "
        "practices given controls and effects (joint adoption alone is no proof)",
        "Milgrom & Roberts 1990; Arora & Gambardella 1990; Athey & Stern 1998",
        lambda: complementarity_test(fit(practices(), "a b a:b"), "a", "b").sentence,
    ),
    Entry(
        "Stage difference",
        "stage_difference",
        "whether stages differ in an outcome that does not define them",
        "joint cluster Wald of the stage terms; neighbouring differences; size, entry and ties of "
        "the portfolio are refused as outcomes",
        "-",
        lambda: (
            stage_difference_test(fit(states(), "s1 s2 s3"), ["s1", "s2", "s3"], base="s0").sentence
        ),
    ),
    Entry(
        "Necessary condition",
        "",
        "whether high y needs x, and how much; a strong correlation empties the corner too",
        "empty zone above the free-disposal hull (CE-FDH) or the line through its corners "
        "(CR-FDH), over the scope; firm means; y permuted",
        "Dul 2016; Dul, van der Laan & Kuik 2020",
        lambda: (
            necessary_condition_test(fit(path_world(1, b=1.0), "x w m"), "m", draws=499).sentence
        ),
    ),
)


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for entry in ENTRIES:
        names = ", ".join(f"`{name}`" for name in entry.claim.split(", ") if name)
        source = "" if entry.source == "-" else f" ({entry.source})"
        parts.append(
            f"**{entry.name}**{f' {names}' if names else ''}: {entry.decides}. "
            f"How: {entry.formula}{source}.\n> {entry.sentence()}\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
