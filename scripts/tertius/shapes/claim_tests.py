"""Shape tests as a claim states them: one function a shape, from plain names to a result."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Protocol

from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.model_spec import canonical_term, parse_term
from tertius.shapes.comparison import (
    coefficient_comparison_test,
    matched_pattern_test,
    superadditivity_test,
)
from tertius.shapes.complementarity import complementarity_test
from tertius.shapes.curve_class import curve_class_test
from tertius.shapes.groups import first_year_groups, group_difference_test
from tertius.shapes.joint import JointResult
from tertius.shapes.kink import kink_test
from tertius.shapes.mediation import mediation_test
from tertius.shapes.stages import stage_difference_test
from tertius.shapes.three_way import three_way_test
from tertius.shapes.two_lines import two_lines_test

SIGNS: Mapping[str, str | None] = {"greater": "+", "less": "-", "either": None, "": None}
TEST_KEYS: Mapping[str, tuple[str, ...]] = {
    "two_lines": ("variable",),
    "kink": ("variable", "side"),
    "curve_class": ("variable", "expect"),
    "three_way": ("terms", "side"),
    "mediation": ("variable", "terms", "side", "moderator"),
    "serial_mediation": ("variable", "terms", "side"),
    "group_difference": ("variable", "moderator", "side"),
    "coefficient_comparison": ("terms", "side"),
    "matched_pattern": ("terms", "side"),
    "superadditivity": ("terms",),
    "complementarity": ("terms", "side"),
    "stage_difference": ("terms", "side"),
}
"""Keys that each test takes beside `shape` and `model`."""


class Stated(Protocol):
    """What a claim says of its test."""

    @property
    def shape(self) -> str:
        """Name of the test."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Terms in order."""

    @property
    def variable(self) -> str:
        """The focal variable."""

    @property
    def moderator(self) -> str:
        """Moderator, or the variable that groups firms."""

    @property
    def side(self) -> str:
        """greater, less, either or empty."""

    @property
    def expect(self) -> str:
        """Class of a curve."""


def run_shape_test(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    """Run the test that a claim states.

    Args:
        stated: names `terms`, `variable`, `moderator` as in `TEST_KEYS`. Mediators are the terms of
            a mediation in order; groups are firms above the first-year median of `moderator`; a
            complementarity has two terms; superadditivity the joint term first; a matched pattern
            the matched products, whose crossed products are the mismatched ones; a stage
            difference the terms of the stages in order.
        estimate: the model.
        alpha: level.

    Raises:
        NotEstimable: the test cannot be had in these data.
        KeyError: unknown shape.
    """
    return SHAPE_TESTS[stated.shape](stated, estimate, alpha)


def _two_lines(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    return two_lines_test(estimate, stated.variable, "inverted_u", alpha)


def _kink(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    return kink_test(estimate, stated.variable, SIGNS[stated.side] or "-", alpha)


def _curve_class(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    return curve_class_test(estimate, stated.variable, stated.expect or "diminishing", alpha)


def _three_way(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    x, z, w = (factor.base for factor in parse_term(stated.terms[0]).factors)
    return three_way_test(estimate, x, z, w, SIGNS[stated.side], alpha)


def _mediation(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    return mediation_test(
        estimate,
        stated.variable,
        stated.terms,
        serial=stated.shape == "serial_mediation",
        moderator=stated.moderator,
        sign=SIGNS[stated.side],
        alpha=alpha,
    )


def _groups(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    return group_difference_test(
        estimate,
        stated.variable,
        first_year_groups(estimate, stated.moderator),
        sign=SIGNS[stated.side],
        alpha=alpha,
        names=(f"firms high in {stated.moderator}", f"firms low in {stated.moderator}"),
    )


def _comparison(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    first, second = stated.terms
    return coefficient_comparison_test(
        estimate, first, second, sign=SIGNS[stated.side], alpha=alpha
    )


def _pattern(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    matched, mismatched = crossed_products(stated.terms)
    name = estimate.spec.name
    return matched_pattern_test(
        {name: estimate},
        [(name, term) for term in matched],
        [(name, term) for term in mismatched],
        sign=SIGNS[stated.side],
        alpha=alpha,
    )


def crossed_products(terms: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Matched products ``a:p, b:q`` -> themselves, and the crossed ones ``a:q, b:p``.

    The first name of each product is its row, the second its column, as written.

    Raises:
        NotEstimable: a term is no product of two, or nothing is crossed.
    """
    pairs = [tuple(part.strip() for part in term.split(":")) for term in terms]
    if any(len(pair) != 2 for pair in pairs) or len(pairs) < 2:
        what = "a matched pattern needs two products of two variables or more"
        raise NotEstimable("not_in_model", ", ".join(terms), what)
    matched = tuple(canonical_term(term) for term in terms)
    rows, columns = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    crossed = (canonical_term(f"{a}:{b}") for a, b in itertools.product(rows, columns))
    return matched, tuple(dict.fromkeys(term for term in crossed if term not in matched))


def _superadditivity(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    together, *alone = stated.terms
    return superadditivity_test(estimate, together, alone, alpha=alpha)


def _complementarity(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    first, second = stated.terms
    return complementarity_test(estimate, first, second, SIGNS[stated.side], alpha)


def _stages(stated: Stated, estimate: Estimate, alpha: float) -> JointResult:
    return stage_difference_test(estimate, stated.terms, sign=SIGNS[stated.side], alpha=alpha)


SHAPE_TESTS: Mapping[str, Callable[[Stated, Estimate, float], JointResult]] = {
    "two_lines": _two_lines,
    "kink": _kink,
    "curve_class": _curve_class,
    "three_way": _three_way,
    "mediation": _mediation,
    "serial_mediation": _mediation,
    "group_difference": _groups,
    "coefficient_comparison": _comparison,
    "matched_pattern": _pattern,
    "superadditivity": _superadditivity,
    "complementarity": _complementarity,
    "stage_difference": _stages,
}
"""One function a shape."""
