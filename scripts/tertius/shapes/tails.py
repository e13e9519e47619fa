"""Does a turning point rest on the largest values of x? The curve without them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.result import Estimate
from tertius.shapes.common import base_of, number, p_words
from tertius.shapes.quadratic import Quadratic, end_slopes
from tertius.shapes.refit import Rows, fit_part, rows_of
from tertius.shapes.splines import curve_terms, ok_values

SQUARE, LINE = "x^2", "x"


@dataclass(frozen=True)
class TailVariant:
    """Turning point and three-step p of one treatment of the tails, over its own range of x."""

    name: str
    rows: int
    curvature: float
    turning_point: float
    p_value: float


@dataclass(frozen=True, eq=False)
class TailCheck:
    """The curve as estimated, without its largest values, and winsorised.

    `stable` says whether all variants bend the same way with a p below 5 %.
    """

    subject: str
    variants: tuple[TailVariant, ...]
    stable: bool
    sentence: str
    curve: pl.DataFrame


def tail_check(
    estimate: Estimate, x: str, direction: str = "inverted_u", share: float = 0.01
) -> TailCheck:
    """Estimate the quadratic again without the top share of x, and with both tails winsorised.

    Rows in which x is undefined stay in all variants.

    Args:
        estimate: a model with x and x^2.
        x: base label.
        direction: inverted_u or u.
        share: of the defined rows that leave at the top, or are winsorised at either end.

    Raises:
        NotEstimable: x does not vary enough in a variant.
    """
    base = base_of(estimate, x)
    values, ok = ok_values(estimate, base)
    rows = rows_of(estimate).without(curve_terms(estimate, base))
    low, high = np.quantile(values[ok], [share, 1 - share])
    percent = f"{100 * share:g} %"
    whole = np.ones(len(values), dtype=bool)
    clipped = np.where(ok, np.clip(values, low, high), values)
    treated = {
        "all": (values, whole),
        f"without the top {percent}": (values, ~ok | (values <= high)),
        f"winsorised at {percent}": (clipped, whole),
    }
    variants = tuple(
        _variant(name, rows, column, ok, part, direction)
        for name, (column, part) in treated.items()
    )
    bends = {np.sign(v.curvature) for v in variants}
    stable = len(bends) == 1 and all(v.p_value < 0.05 for v in variants)
    told = "; ".join(f"{v.name} {number(v.turning_point)} ({p_words(v.p_value)})" for v in variants)
    return TailCheck(
        base,
        variants,
        stable,
        f"Turning points of {base} by treatment of its tails: {told}.",
        pl.DataFrame([v.__dict__ for v in variants]),
    )


def _variant(
    name: str, rows: Rows, x: FloatArray, ok: BoolArray, part: BoolArray, direction: str
) -> TailVariant:
    kept = rows.informative(part)
    centre = float(x[kept & ok].mean())
    u = np.where(ok, x - centre, 0.0)[kept]
    fit = fit_part(rows.take(part).adding({LINE: u, SQUARE: u**2}))
    i, j = fit.index(LINE), fit.index(SQUARE)
    b, v = fit.coefficients, fit.covariance
    curve = Quadratic(
        float(b[i]), float(b[j]), float(v[i, i]), float(v[i, j]), float(v[j, j]), centre
    )
    seen = x[kept & ok]
    ends = end_slopes(curve, float(seen.min()), float(seen.max()), fit.dof, direction)
    return TailVariant(name, fit.n_obs, curve.b2, curve.turning_point, ends.p_value)
