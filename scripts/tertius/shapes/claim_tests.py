"""Shape tests as a claim states them: one function a shape, from plain names to a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tertius.arrays import FloatArray
from tertius.estimate.result import Estimate
from tertius.shapes.block import block_gain_test
from tertius.shapes.block_comparison import block_comparison_test
from tertius.shapes.comparison import matched_pattern_test, scaled_contrast, superadditivity_test
from tertius.shapes.complementarity import complementarity_test
from tertius.shapes.curve_class import curve_class_test
from tertius.shapes.groups import first_year_groups, group_difference_test
from tertius.shapes.indirect_contrast import IndirectPath, indirect_contrast_test
from tertius.shapes.joint import JointResult
from tertius.shapes.kink import kink_test
from tertius.shapes.mediation import mediation_test
from tertius.shapes.rate import rate_test
from tertius.shapes.stages import stage_difference_test
from tertius.shapes.three_way import three_way_test
from tertius.shapes.two_lines import two_lines_test
from tertius.terms import crossed_products, parse_term

SIGNS: Mapping[str, str | None] = {"greater": "+", "less": "-", "either": None, "": None}


@dataclass(frozen=True)
class ShapeSettings:
    """What a test takes from the study: level, draws and seed of resamples, smallest effect.

    `placebos` are coefficients on rewired networks by (model, term), shape (draws,).
    """

    alpha: float
    draws: int = 499
    seed: int = 1
    sesoi: float = 0.05
    placebos: Mapping[tuple[str, str], FloatArray] = field(default_factory=dict)


class Ends(Protocol):
    """x and mediator of an indirect path."""

    @property
    def x(self) -> str:
        """The cause."""

    @property
    def mediator(self) -> str:
        """What it acts through."""


class Stated(Protocol):
    """What a claim says of its test; the keys are those of the table of shapes."""

    @property
    def shape(self) -> str:
        """Name of the test."""

    @property
    def model(self) -> str:
        """The first model."""

    @property
    def models(self) -> tuple[str, ...]:
        """Further models in order."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Terms in order."""

    @property
    def against(self) -> tuple[str, ...]:
        """Terms compared with."""

    @property
    def variable(self) -> str:
        """The focal variable."""

    @property
    def moderator(self) -> str:
        """Moderator, or the variable that groups firms."""

    @property
    def paths(self) -> Sequence[Ends]:
        """Indirect paths."""

    @property
    def side(self) -> str:
        """greater, less, either or empty."""

    @property
    def expect(self) -> str:
        """Class of a curve."""

    @property
    def scale(self) -> str:
        """Scale of a comparison."""

    @property
    def cut(self) -> float | None:
        """Value that groups firms."""

    @property
    def value(self) -> float | None:
        """A stated share."""

    @property
    def margin(self) -> float | None:
        """Margin about it."""

    @property
    def horizon(self) -> float | None:
        """Years after which a share is read off."""


Fits = Mapping[str, Estimate]


def run_shape_test(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    """Run the test that a claim states.

    Args:
        stated: names terms, variable, moderator and so on. Mediators are the terms of a mediation
            in order; groups are firms above `cut`, by default the first-year median, of
            `moderator`; superadditivity has the joint term first; a matched pattern of one model
            the matched products, whose crossed products are the mismatched ones, of several one
            term a model; a stage difference the terms of the stages in order.
        fits: every model that the test names.
        settings: of the study.

    Raises:
        NotEstimable: the test cannot be had in these data.
        KeyError: unknown shape or model.
    """
    return SHAPE_TESTS[stated.shape](stated, fits, settings)


def _two_lines(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    return two_lines_test(fits[stated.model], stated.variable, "inverted_u", settings.alpha)


def _kink(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    sign = SIGNS[stated.side] or "-"
    return kink_test(fits[stated.model], stated.variable, sign, settings.alpha)


def _curve_class(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    expect = stated.expect or "diminishing"
    return curve_class_test(fits[stated.model], stated.variable, expect, settings.alpha)


def _three_way(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    x, z, w = (factor.base for factor in parse_term(stated.terms[0]).factors)
    return three_way_test(fits[stated.model], x, z, w, SIGNS[stated.side], settings.alpha)


def _mediation(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    return mediation_test(
        fits[stated.model],
        stated.variable,
        stated.terms,
        serial=stated.shape == "serial_mediation",
        moderator=stated.moderator,
        sign=SIGNS[stated.side],
        sesoi=settings.sesoi,
        alpha=settings.alpha,
        draws=settings.draws,
        seed=settings.seed,
    )


def _indirect_contrast(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    """Each path in the model of its place counts for the claim, in every other one against it."""
    models = (stated.model, *stated.models)
    paths = [
        IndirectPath(model, path.x, path.mediator, 1.0 if own == place else -1.0)
        for own, path in enumerate(stated.paths)
        for place, model in enumerate(models)
    ]
    return indirect_contrast_test(
        fits, paths, SIGNS[stated.side], settings.alpha, settings.draws, settings.seed
    )


def _groups(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    estimate, by = fits[stated.model], stated.moderator
    words = (f"firms high in {by}", f"firms low in {by}")
    if stated.cut is not None:
        words = (f"firms with {by} above {stated.cut:g}", "others")
    return group_difference_test(
        estimate,
        stated.variable,
        first_year_groups(estimate, by, stated.cut),
        sign=SIGNS[stated.side],
        alpha=settings.alpha,
        draws=settings.draws,
        seed=settings.seed,
        names=words,
    )


def _comparison(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    """First effect less second; the second is that of the further model where there is one."""
    first, second = stated.terms
    other = stated.models[0] if stated.models else stated.model
    told = f"{first} less {second}"
    if first == second:
        told = f"{first} on {_outcome(fits, stated.model)} less on {_outcome(fits, other)}"
    return scaled_contrast(
        fits,
        [(stated.model, first, 1.0), (other, second, -1.0)],
        scale=stated.scale or "within_sd",
        sign=SIGNS[stated.side],
        alpha=settings.alpha,
        words=told,
    )


def _outcome(fits: Fits, model: str) -> str:
    return fits[model].spec.outcome_column


def _blocks(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    estimate = fits[stated.model]
    return block_comparison_test(
        estimate, stated.terms, stated.against, settings.alpha, settings.seed
    )


def _block(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    return block_gain_test(fits[stated.model], stated.terms, SIGNS[stated.side], settings.alpha)


def _pattern(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    matched, mismatched = _pairs(stated)
    return matched_pattern_test(
        fits,
        matched,
        mismatched,
        scale=stated.scale or "within_sd",
        sign=SIGNS[stated.side],
        alpha=settings.alpha,
    )


def _pairs(stated: Stated) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(model, term) of what is matched and of what is crossed."""
    if not stated.models:
        matched, crossed = crossed_products(stated.terms)
        return [(stated.model, t) for t in matched], [(stated.model, t) for t in crossed]
    models = (stated.model, *stated.models)
    pairs = [(m, t, i == j) for i, m in enumerate(models) for j, t in enumerate(stated.terms)]
    return [(m, t) for m, t, own in pairs if own], [(m, t) for m, t, own in pairs if not own]


def _superadditivity(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    together, *alone = stated.terms
    return superadditivity_test(fits[stated.model], together, alone, alpha=settings.alpha)


def _complementarity(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    first, second = stated.terms
    sign = SIGNS[stated.side]
    return complementarity_test(fits[stated.model], first, second, sign, settings.alpha)


def _stages(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    sign = SIGNS[stated.side]
    return stage_difference_test(fits[stated.model], stated.terms, sign=sign, alpha=settings.alpha)


def _rate(stated: Stated, fits: Fits, settings: ShapeSettings) -> JointResult:
    assert stated.value is not None
    assert stated.margin is not None
    return rate_test(
        fits[stated.model],
        stated.value,
        stated.margin,
        duration=stated.variable,
        horizon=stated.horizon,
        alpha=settings.alpha,
    )


SHAPE_TESTS: Mapping[str, Callable[[Stated, Fits, ShapeSettings], JointResult]] = {
    "two_lines": _two_lines,
    "kink": _kink,
    "curve_class": _curve_class,
    "three_way": _three_way,
    "mediation": _mediation,
    "serial_mediation": _mediation,
    "indirect_contrast": _indirect_contrast,
    "group_difference": _groups,
    "coefficient_comparison": _comparison,
    "block": _block,
    "block_comparison": _blocks,
    "matched_pattern": _pattern,
    "superadditivity": _superadditivity,
    "complementarity": _complementarity,
    "stage_difference": _stages,
    "rate": _rate,
}
"""One function a shape."""
