"""What all shape tests share: the result type, slopes of the index, and curves for figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable, invert_transform
from tertius.estimate.result import Estimate
from tertius.inference.power import minimum_detectable_effect
from tertius.inference.score_bootstrap import Hypothesis
from tertius.model_spec import Term, TermError, parse_term

GRID_POINTS = 101


@dataclass(frozen=True, eq=False, kw_only=True)
class ShapeResult:
    """Outcome of one shape test.

    `quantity` says what `estimate` is; `p_value` is the one p of the test under `alternative`.
    `contrast` (k,) is the gradient of the linearised binding statistic over the coefficients and
    `contrast_estimate` its value from the null, both turned so that `contrast_alternative` holds.
    `decision` is the shape found, `reasons` why; `curve` holds the columns of the figure.
    """

    shape: str
    model: str
    subject: str
    quantity: str
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    statistic: float
    p_value: float
    alternative: str
    contrast: FloatArray
    contrast_estimate: float
    contrast_alternative: str
    decision: str
    holds: bool
    reasons: tuple[str, ...]
    sentence: str
    curve: pl.DataFrame

    @property
    def mde(self) -> float:
        """Minimum detectable effect of the estimate, 2.8 standard errors."""
        return minimum_detectable_effect(self.std_error)

    def hypothesis(self, name: str, estimate: Estimate) -> Hypothesis:
        """This test as a member of a family, for Romano-Wolf.

        Raises:
            NotEstimable: the contrast has no variance.
        """
        return estimate.hypothesis(
            name, self.contrast, self.contrast_estimate, self.contrast_alternative
        )

    def to_dict(self) -> dict[str, Any]:
        """All numbers and words as plain values, without arrays and tables."""
        record: dict[str, Any] = _plain(self)
        record.pop("cluster_ids", None)
        record["mde"] = self.mde
        return record


def _plain(value: Any) -> Any:
    """Nested dataclasses, tuples and numpy scalars as json-ready values."""
    if is_dataclass(value) and not isinstance(value, type):
        held = {f.name: getattr(value, f.name) for f in fields(value)}
        tables = (np.ndarray, pl.DataFrame)
        return {name: _plain(item) for name, item in held.items() if not isinstance(item, tables)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value


def base_of(estimate: Estimate, term: str) -> str:
    """Base label of a main effect, checked to be part of the model.

    Raises:
        NotEstimable: the term is no main effect of the model.
    """
    parsed = parse_term(term)
    if parsed.degree != 1 or parsed.label not in estimate.variables:
        raise NotEstimable("not_in_model", term, f"{term} is no variable of {estimate.spec.name}")
    return parsed.label


def model_terms(estimate: Estimate) -> list[tuple[int, Term]]:
    """Position and parsed form of each coefficient that is a term of the grammar."""
    found = []
    for position, label in enumerate(estimate.terms):
        try:
            found.append((position, parse_term(label)))
        except TermError:
            # dummies of undefined rows: constant where the variables are defined
            continue
    return found


def term_at(term: Term, point: Mapping[str, Any]) -> Any:
    """Value of a term where centred bases take the values of `point` (0, their mean, if absent)."""
    value: Any = 1.0
    for factor in term.factors:
        value = value * point.get(factor.base, 0.0) ** factor.power
    return value


def term_slope_at(term: Term, base: str, point: Mapping[str, Any]) -> Any:
    """Derivative of a term with respect to one base at `point` (centred; 0 if absent)."""
    if base not in term.bases:
        return 0.0
    value: Any = 1.0
    for factor in term.factors:
        at = point.get(factor.base, 0.0)
        if factor.base == base:
            value = value * factor.power * at ** (factor.power - 1)
        else:
            value = value * at**factor.power
    return value


def slope_gradient(estimate: Estimate, base: str, point: Mapping[str, float]) -> FloatArray:
    """(k,) gradient of the index slope in `base`, other variables of products at their means.

    Args:
        estimate: the model.
        base: label of the transformed variable.
        point: uncentred values by base label; absent ones sit at their centres.
    """
    centred = {name: x - estimate.variables[name].centre for name, x in point.items()}
    gradient = np.zeros(len(estimate.terms))
    for position, term in model_terms(estimate):
        gradient[position] = term_slope_at(term, base, centred)
    return gradient


def effect_curve(
    estimate: Estimate,
    base: str,
    level: float,
    held: Mapping[str, float] | None = None,
    n_points: int = GRID_POINTS,
) -> pl.DataFrame:
    """Index effect of `base` relative to its mean, over its range in the sample.

    Args:
        estimate: the model.
        base: label of the transformed variable.
        level: of the pointwise interval.
        held: uncentred values of other bases; absent ones sit at their centres.
        n_points: size of the grid.

    Returns:
        Columns x (transformed scale), x_raw, effect, low, high, slope, slope_low, slope_high. For
        counts the effect is on the log of the expected outcome.
    """
    known = estimate.variables[base]
    grid = np.linspace(known.min, known.max, n_points)
    others = {name: x - estimate.variables[name].centre for name, x in (held or {}).items()}
    here = {**others, base: grid - known.centre}
    reference = {**others, base: known.mean - known.centre}
    effect = np.zeros((n_points, len(estimate.terms)))
    slope = np.zeros_like(effect)
    for position, term in model_terms(estimate):
        if base in term.bases:
            effect[:, position] = term_at(term, here) - term_at(term, reference)
            slope[:, position] = term_slope_at(term, base, here)
    width = float(stats.t.ppf(0.5 + level / 2, estimate.dof))
    columns = {"x": grid, "x_raw": invert_transform(grid, known.transform)}
    for name, rows in (("effect", effect), ("slope", slope)):
        value = rows @ estimate.coefficients
        variance = np.einsum("ij,jk,ik->i", rows, estimate.covariance, rows)
        error = np.sqrt(np.maximum(variance, 0.0))
        prefix = "" if name == "effect" else "slope_"
        columns[name] = value
        columns[f"{prefix}low"] = value - width * error
        columns[f"{prefix}high"] = value + width * error
    return pl.DataFrame(columns)


def outcome_words(estimate: Estimate) -> str:
    """What coefficients act on, in words."""
    name = estimate.spec.outcome_column
    return f"log expected {name}" if estimate.link == "log" else name


def number(value: float) -> str:
    """A number for a sentence: four significant digits, plain infinity, undefined."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    return f"{value:.4g}"


def p_words(p: float) -> str:
    """``p = 0.012`` or ``p < 0.001``; ``p undefined`` where there is none."""
    if math.isnan(p):
        return "p undefined"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def joined(parts: Iterable[str]) -> str:
    """Reasons as one text."""
    return "; ".join(parts)
