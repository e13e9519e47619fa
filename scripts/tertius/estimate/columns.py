"""Columns of a design matrix: transformed, centred bases, their products, and dummies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tertius.arrays import BoolArray, FloatArray
from tertius.model_spec import Factor, ModelSpec, Term
from tertius.problems import InputError, Problem

OK = "ok"


class NotEstimable(Exception):  # noqa: N818
    """A model, or a test on it, that these data cannot support.

    Attributes:
        reason_code: short machine word, for example ``missing_input``, ``truncated``,
            ``no_rows``, ``collinear``, ``too_few_clusters``, ``all_zero``, ``no_variation``.
        subject: the variable or term concerned, or the model.
        reason: sentence for the reader.
    """

    def __init__(self, reason_code: str, subject: str, reason: str) -> None:
        self.reason_code = reason_code
        self.subject = subject
        self.reason = reason
        super().__init__(reason)

    def __reduce__(self) -> tuple[type[NotEstimable], tuple[str, str, str]]:
        return NotEstimable, (self.reason_code, self.subject, self.reason)


@dataclass(frozen=True)
class Base:
    """How one transformed variable was made; enough to rebuild it from the raw column."""

    variable: str
    transform: str
    winsor_low: float | None
    winsor_high: float | None
    centre: float

    @property
    def label(self) -> str:
        """``deg`` or ``log1p(deg)``."""
        return Factor(self.variable, self.transform).base

    def values(self, raw: FloatArray) -> FloatArray:
        """Winsorised and transformed values, not centred; NaN stays NaN."""
        out = raw
        if self.winsor_low is not None and self.winsor_high is not None:
            out = np.clip(raw, self.winsor_low, self.winsor_high)
        return apply_transform(out, self.transform)


def apply_transform(values: FloatArray, transform: str) -> FloatArray:
    """identity, log1p or asinh of (n,) values.

    Raises:
        ValueError: log1p of a value at or below -1, or an unknown transform.
    """
    if transform == "identity":
        return values
    if transform == "asinh":
        return np.arcsinh(values)
    if transform != "log1p":
        raise ValueError(f"unknown transform {transform!r}")
    if np.any(values <= -1):
        raise ValueError("log1p of a value at or below -1")
    return np.log1p(values)


def invert_transform(values: FloatArray, transform: str) -> FloatArray:
    """Back from the transformed scale to raw units."""
    if transform == "identity":
        return values
    return np.expm1(values) if transform == "log1p" else np.sinh(values)


def make_bases(
    terms: list[Term], raw: Mapping[str, FloatArray], spec: ModelSpec
) -> tuple[dict[str, Base], list[str]]:
    """Winsor limits, transform and centre of each transformed variable, over its ok rows."""
    bent = {factor.base for term in terms if term.degree > 1 for factor in term.factors}
    bases: dict[str, Base] = {}
    notes: list[str] = []
    limits: dict[str, tuple[float | None, float | None]] = {}
    for factor in sorted({f for term in terms for f in term.factors}):
        if factor.base in bases:
            continue
        values = raw[factor.variable][~np.isnan(raw[factor.variable])]
        if factor.variable not in limits:
            limits[factor.variable], note = _winsor_limits(values, spec.winsor, factor.variable)
            notes += note
        low, high = limits[factor.variable]
        base = Base(factor.variable, factor.transform, low, high, 0.0)
        centre = float(base.values(values).mean()) if factor.base in bent else 0.0
        bases[factor.base] = replace(base, centre=centre)
    return bases, notes


def _winsor_limits(
    values: FloatArray, tails: tuple[float, float] | None, variable: str
) -> tuple[tuple[float | None, float | None], list[str]]:
    """Pooled tail quantiles; none for two-valued variables or a cut that leaves a constant."""
    if tails is None or _is_two_valued(values):
        return (None, None), []
    low, high = (float(q) for q in np.quantile(values, tails))
    if low == high:
        return (None, None), [f"{variable} is not winsorised: its tail quantiles are equal"]
    return (low, high), []


def _is_two_valued(values: FloatArray) -> bool:
    """Whether at most two different values occur."""
    return not len(values) or bool(((values == values.min()) | (values == values.max())).all())


def base_columns(
    bases: Mapping[str, Base],
    raw: Mapping[str, FloatArray],
    spec: ModelSpec,
) -> dict[str, FloatArray]:
    """Centred columns with undefined rows set to 0, or to the declared bound of the variable."""
    columns: dict[str, FloatArray] = {}
    for label, base in bases.items():
        values = base.values(raw[base.variable]) - base.centre
        undefined = np.isnan(values)
        filler = 0.0
        if spec.undefined == "bound" and undefined.any():
            if base.variable not in spec.bounds:
                raise InputError(
                    [
                        Problem(
                            f"models.{spec.name}.bounds",
                            f"no bound for {base.variable}, which is undefined in some rows",
                            f"add bounds: {{{base.variable}: <value>}}",
                        )
                    ]
                )
            bound = np.array([spec.bounds[base.variable]])
            filler = float(apply_transform(bound, base.transform)[0]) - base.centre
        columns[label] = np.where(undefined, filler, values)
    return columns


def term_values(term: Term, columns: Mapping[str, FloatArray]) -> FloatArray:
    """Column of a term: product of its (centred) base columns to their powers, (n,)."""
    out: FloatArray | None = None
    for factor in term.factors:
        value = columns[factor.base]
        value = value if factor.power == 1 else value**factor.power
        out = value if out is None else out * value
    assert out is not None
    return out


def stack_regressors(
    terms: list[Term],
    columns: Mapping[str, FloatArray],
    undefined: Mapping[str, Mapping[str, BoolArray]],
    spec: ModelSpec,
) -> tuple[FloatArray, tuple[str, ...], int]:
    """Stack terms, then the dummies of undefined rows and their products, in a fixed order."""
    made = {term.label: term_values(term, columns) for term in terms}
    n_terms = len(made)
    if spec.undefined == "zero_plus_dummy":
        made.update(_undefined_columns(terms, columns, undefined))
    x = np.stack(list(made.values()), axis=1)
    return x, tuple(made), len(made) - n_terms


def _undefined_columns(
    terms: list[Term],
    columns: Mapping[str, FloatArray],
    undefined: Mapping[str, Mapping[str, BoolArray]],
) -> dict[str, FloatArray]:
    """One dummy per variable and status, then dummy times the other factors of each product."""
    dummies: dict[str, dict[str, FloatArray]] = {}
    made: dict[str, FloatArray] = {}
    for variable in sorted(undefined):
        dummies[variable] = {
            f"undefined({variable}={name})": rows.astype(np.float64)
            for name, rows in undefined[variable].items()
        }
        made.update(dummies[variable])
    for term in terms:
        for variable in term.variables:
            others = tuple(f for f in term.factors if f.variable != variable)
            if not others:
                continue
            rest = Term(others)
            for label, dummy in dummies[variable].items():
                made[f"{label}:{rest.label}"] = dummy * term_values(rest, columns)
    return made
