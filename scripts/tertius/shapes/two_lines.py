"""Two-lines test of a U shape: two slopes of opposite sign around a break (Simonsohn 2018).

The break is set by the Robin Hood procedure: it moves from the flat top of a smooth fit towards the
line with the stronger evidence, so as to lend observations to the weaker one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate, confidence_interval
from tertius.inference.covariance import p_value_of
from tertius.shapes.common import GRID_POINTS, base_of, number, outcome_words, p_words
from tertius.shapes.joint import JointResult, ShapeStep
from tertius.shapes.refit import Refit, Rows, fit_rows, rows_of
from tertius.shapes.splines import curve_terms, ok_values, restricted_cubic, spline_knots

LOW, HIGH, JUMP = "line before", "line after", "jump"


@dataclass(frozen=True, eq=False, kw_only=True)
class TwoLines(JointResult):
    """Two slopes around the break; `estimate` is the slope whose evidence is weaker.

    `flat_low`, `flat_high` bound the flat region, `peak` is the top (or bottom) of the smooth fit
    between P10 and P90, `z_low`, `z_high` the statistics at the median of the flat region, which
    place the break. `p_value` is twice the larger one-sided p of the two opposite signs. `smooth`
    is the partial plot: x, effect of the spline (0 on average over the rows), low and high.
    """

    break_point: float
    peak: float
    flat_low: float
    flat_high: float
    z_low: float
    z_high: float
    slope_low: float
    slope_high: float
    se_low: float
    se_high: float
    p_low: float
    p_high: float
    n_low: int
    n_high: int
    smooth: pl.DataFrame


def two_lines_test(
    estimate: Estimate,
    x: str,
    direction: str = "inverted_u",
    alpha: float = 0.05,
    n_knots: int = 5,
) -> TwoLines:
    """Two-lines test in a model with effects and controls.

    The smooth fit is a restricted cubic spline in place of the model's powers of x, on the index
    for counts; a point is flat where its fit is within one standard error of the top.

    Args:
        estimate: the model.
        x: base label.
        direction: inverted_u or u.
        alpha: level, two-sided for each slope.
        n_knots: of the spline, 3 to 7.

    Returns:
        `TwoLines`; `decision` is inverted_u, u or none.

    Raises:
        NotEstimable: x does not vary enough for a curve or two lines.
        ValueError: unknown direction.
    """
    if direction not in ("inverted_u", "u"):
        raise ValueError(f"unknown direction {direction!r}")
    base = base_of(estimate, x)
    values, ok = ok_values(estimate, base)
    rows = rows_of(estimate).without(curve_terms(estimate, base))
    top = 1.0 if direction == "inverted_u" else -1.0
    points, fitted, error = smooth_fit(rows, values, ok, n_knots)
    peak, flat = flat_region(points, top * fitted, error, values[ok])
    middle = interrupted(rows, values, ok, float(np.median(flat)))
    z_low, z_high = abs(middle.t_low), abs(middle.t_high)
    cut = robin_hood(flat, z_low, z_high)
    lines = interrupted(rows, values, ok, cut)
    partial = _partial(points, fitted, error, lines.dof, estimate.spec.confidence)
    found = (peak, flat, z_low, z_high)
    return _result(estimate, base, direction, alpha, lines, found, values[ok], partial)


def smooth_fit(
    rows: Rows, x: FloatArray, ok: BoolArray, n_knots: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Different ok values of x, the spline's effect there less its mean, and its error."""
    knots = spline_knots(x[ok], n_knots)
    scale = float(x[ok].std())
    basis = restricted_cubic(x / scale, knots / scale)
    labels = [f"spline {j}" for j in range(basis.shape[1])]
    fit = fit_rows(rows.adding(dict(zip(labels, basis.T, strict=True))))
    places = [j for j, label in enumerate(labels) if label in fit.labels]
    at = [fit.index(labels[j]) for j in places]
    points = np.unique(x[ok])
    shown = restricted_cubic(points / scale, knots / scale)[:, places]
    shown = shown - basis[ok][:, places].mean(axis=0)
    variance = np.einsum("ij,jk,ik->i", shown, fit.covariance[np.ix_(at, at)], shown)
    return points, shown @ fit.coefficients[at], np.sqrt(np.maximum(variance, 0.0))


def flat_region(
    points: FloatArray, height: FloatArray, error: FloatArray, x: FloatArray
) -> tuple[float, FloatArray]:
    """Top of the fit between P10 and P90 of x, and all observations x that are flat.

    Flat are the middle points whose height plus one standard error reaches the top.

    Raises:
        NotEstimable: no point lies strictly between P10 and P90.
    """
    low, high = np.quantile(x, [0.1, 0.9])
    middle = (points > low) & (points < high)
    if not middle.any():
        raise NotEstimable("no_variation", "x", "no value of x lies between its P10 and P90")
    best = float(height[middle].max())
    peak = float(points[middle][int(height[middle].argmax())])
    near = points[middle & (height + error >= best)]
    return peak, np.sort(x[np.isin(x, near)])


def robin_hood(flat: FloatArray, z_low: float, z_high: float) -> float:
    """Break: the |z_high| / (|z_low| + |z_high|) quantile of x in the flat region.

    Strong evidence of the second line moves the break to the right, which gives observations to the
    first one.
    """
    total = z_low + z_high
    share = z_high / total if total > 0 else 0.5
    return float(np.quantile(flat, share))


@dataclass(frozen=True, eq=False)
class Lines:
    """Both slopes of an interrupted regression; the break itself belongs to both lines."""

    cut: float
    slope_low: float
    slope_high: float
    se_low: float
    se_high: float
    influence_low: FloatArray
    influence_high: FloatArray
    cluster_ids: tuple[str, ...]
    dof: float

    @property
    def t_low(self) -> float:
        """t of the first slope."""
        return self.slope_low / self.se_low

    @property
    def t_high(self) -> float:
        """t of the second slope."""
        return self.slope_high / self.se_high


def interrupted(rows: Rows, x: FloatArray, ok: BoolArray, cut: float) -> Lines:
    """Two regressions with a jump at the break; the first slope from the one in which the break
    belongs to the first line, the second from the other.

    Raises:
        NotEstimable: a line has no variation.
    """
    first = _lines(rows, x, ok, cut, x <= cut)
    second = _lines(rows, x, ok, cut, x < cut)
    return Lines(
        cut,
        first.value(LOW),
        second.value(HIGH),
        first.error(LOW),
        second.error(HIGH),
        first.influence[:, first.index(LOW)],
        second.influence[:, second.index(HIGH)],
        rows.cluster_ids,
        first.dof,
    )


def _lines(rows: Rows, x: FloatArray, ok: BoolArray, cut: float, before: BoolArray) -> Refit:
    gap = np.where(ok, x - cut, 0.0)
    columns = {
        LOW: np.where(before, gap, 0.0),
        HIGH: np.where(before, 0.0, gap),
        JUMP: np.where(before | ~ok, 0.0, 1.0),
    }
    return fit_rows(rows.adding(columns))


def _result(
    estimate: Estimate,
    base: str,
    direction: str,
    alpha: float,
    lines: Lines,
    found: tuple[float, FloatArray, float, float],
    x: FloatArray,
    smooth: pl.DataFrame,
) -> TwoLines:
    peak, flat, z_low, z_high = found
    rising = 1.0 if direction == "inverted_u" else -1.0
    t = (rising * lines.t_low, -rising * lines.t_high)
    weak = 0 if t[0] <= t[1] else 1
    slope = (lines.slope_low, lines.slope_high)[weak]
    error = (lines.se_low, lines.se_high)[weak]
    sign = (rising, -rising)[weak]
    influence = (lines.influence_low, lines.influence_high)[weak]
    p_low, p_high = (p_value_of(v, lines.dof) for v in (lines.t_low, lines.t_high))
    p_value = min(1.0, 2 * float(stats.t.sf(t[weak], lines.dof)))
    decision = _decide(lines, p_low, p_high, alpha)
    low, high = confidence_interval(slope, error, lines.dof, estimate.spec.confidence)
    return TwoLines(
        shape="two_lines",
        model=estimate.spec.name,
        subject=base,
        quantity=f"weaker of two slopes of {base} around {number(lines.cut)}",
        estimate=slope,
        std_error=error,
        conf_low=low,
        conf_high=high,
        statistic=t[weak],
        p_value=p_value,
        alternative="greater",
        contrast=np.zeros(0),
        contrast_estimate=sign * slope,
        contrast_alternative="greater",
        decision=decision,
        holds=decision == direction,
        opposite=decision not in ("none", direction),
        reasons=(f"slopes {number(slope)} and its counterpart, larger p {p_words(p_value)}",),
        steps=_steps(lines, rising, p_low, p_high, alpha),
        sentence=_sentence(estimate, base, decision, lines, p_low, p_high),
        curve=_curve(lines, x),
        influence=sign * influence,
        cluster_ids=lines.cluster_ids,
        contrast_error=error,
        break_point=lines.cut,
        peak=peak,
        flat_low=float(flat.min()),
        flat_high=float(flat.max()),
        z_low=z_low,
        z_high=z_high,
        slope_low=lines.slope_low,
        slope_high=lines.slope_high,
        se_low=lines.se_low,
        se_high=lines.se_high,
        p_low=p_low,
        p_high=p_high,
        n_low=int((x <= lines.cut).sum()),
        n_high=int((x > lines.cut).sum()),
        smooth=smooth,
    )


def _partial(
    points: FloatArray, fitted: FloatArray, error: FloatArray, dof: float, level: float
) -> pl.DataFrame:
    """The spline at about a hundred of its points with pointwise intervals."""
    shown = np.unique(np.linspace(0, len(points) - 1, GRID_POINTS).astype(np.int64))
    width = float(stats.t.ppf(0.5 + level / 2, dof)) * error
    columns = {"x": points, "effect": fitted, "low": fitted - width, "high": fitted + width}
    return pl.DataFrame({name: column[shown] for name, column in columns.items()})


def _decide(lines: Lines, p_low: float, p_high: float, alpha: float) -> str:
    if not (p_low < alpha and p_high < alpha) or lines.slope_low * lines.slope_high >= 0:
        return "none"
    return "inverted_u" if lines.slope_low > 0 else "u"


def _steps(
    lines: Lines, rising: float, p_low: float, p_high: float, alpha: float
) -> tuple[ShapeStep, ...]:
    words = ("rises", "falls") if rising > 0 else ("falls", "rises")
    first = rising * lines.slope_low > 0 and p_low < alpha
    second = rising * lines.slope_high < 0 and p_high < alpha
    return (
        ShapeStep(
            f"{words[0]} before the break", first, f"{number(lines.slope_low)}, {p_words(p_low)}"
        ),
        ShapeStep(
            f"{words[1]} after the break", second, f"{number(lines.slope_high)}, {p_words(p_high)}"
        ),
    )


def _curve(lines: Lines, x: FloatArray) -> pl.DataFrame:
    """Both lines, 0 at the break, without the jump."""
    grid = np.linspace(float(x.min()), float(x.max()), GRID_POINTS)
    slope = np.where(grid <= lines.cut, lines.slope_low, lines.slope_high)
    return pl.DataFrame({"x": grid, "effect": slope * (grid - lines.cut), "slope": slope})


def _sentence(
    estimate: Estimate, base: str, decision: str, lines: Lines, p_low: float, p_high: float
) -> str:
    claim = {
        "inverted_u": "the two lines form an inverted U",
        "u": "the two lines form a U",
        "none": "the two lines show no U shape",
    }[decision]
    return (
        f"Around {base} = {number(lines.cut)} {claim}: the slope of {outcome_words(estimate)} is "
        f"{number(lines.slope_low)} before ({p_words(p_low)}) and {number(lines.slope_high)} "
        f"after ({p_words(p_high)})."
    )
