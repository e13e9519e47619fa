"""Inverted-U plot: the fitted curve with its band, turning point, Fieller interval and the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tertius.exhibits.style import (
    BLUE,
    GREY,
    INK,
    RULE,
    VERMILION,
    figure_style,
    new_figure,
    real,
)
from tertius.ratios import ratios_of

Floats = npt.NDArray[np.float64]
MAX_RUG = 400


@dataclass(frozen=True, eq=False)
class Curve:
    """A fitted quadratic on the uncentred scale of x, relative to x at its mean.

    `x`, `effect`, `low`, `high` are (n,); for counts `effect` is a ratio of expected outcomes, else
    a difference. `values` holds the data behind it. `turning` is None where the curve has none;
    `fieller` is None where the set is no bounded interval, which `fieller_note` then says.
    """

    x: Floats
    effect: Floats
    low: Floats
    high: Floats
    values: Floats
    centre: float
    is_ratio: bool
    turning: float | None
    fieller: tuple[float, float] | None
    fieller_note: str = ""


def quadratic_curve(
    coefficients: Floats,
    covariance: Floats,
    values: Floats,
    centre: float,
    mean: float,
    is_ratio: bool,
    turning: tuple[float | None, tuple[float, float] | None, str],
    z_value: float = 1.96,
) -> Curve:
    """The curve b1 u + b2 u^2 with u = x - centre, measured from x = mean, over the data's range.

    With d1 = x - mean and d2 = u^2 - u(mean)^2 the effect is b1 d1 + b2 d2 and its variance
    d1^2 V11 + 2 d1 d2 V12 + d2^2 V22 (delta method, exact as it is linear in b).

    Args:
        coefficients: (2,) linear and square term.
        covariance: (2, 2).
        values: (m,) uncentred data, no NaN.
        centre: what was subtracted before squaring.
        mean: x at which the effect is 1 (ratio) or 0.
        is_ratio: coefficients act on the log of the expected outcome.
        turning: turning point on the uncentred scale, Fieller interval, note on the Fieller set.
        z_value: quantile of the interval.
    """
    x = np.linspace(float(values.min()), float(values.max()), 201)
    first = x - mean
    second = (x - centre) ** 2 - (mean - centre) ** 2
    effect = coefficients[0] * first + coefficients[1] * second
    variance = (
        first**2 * covariance[0, 0]
        + 2 * first * second * covariance[0, 1]
        + second**2 * covariance[1, 1]
    )
    error = z_value * np.sqrt(np.maximum(variance, 0))
    parts = (effect, effect - error, effect + error)
    drawn = tuple(ratios_of(part) for part in parts) if is_ratio else parts
    return Curve(x, drawn[0], drawn[1], drawn[2], values, centre, is_ratio, *turning)


def inverted_u_plot(curve: Curve, x_label: str, y_label: str, level: float = 0.95) -> Figure:
    """The curve above, a histogram and rug of the data below, on one x axis.

    The y axis is cut where the band leaves ten times the range of the curve inside the middle 98 %
    of the data, so that a wide band at rare values does not hide the shape.
    """
    with figure_style():
        figure = new_figure(6.2, 4.4)
        top, bottom = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1], "hspace": 0.02}
        )
        _draw_curve(top, curve)
        base = 1.0 if curve.is_ratio else 0.0
        top.axhline(base, color=RULE, linewidth=0.8, zorder=0)
        top.set_title(f"{y_label}\n{_key(level)}", fontsize=8, fontweight="normal")
        _limit(top, curve)
        _mark_turning(top, curve, level)
        _draw_data(bottom, curve.values)
        bottom.set_xlabel(x_label)
        low, high = float(curve.x[0]), float(curve.x[-1])
        pad = 0.02 * (high - low)
        bottom.set_xlim(low - pad, high + pad)
    return figure


def _draw_curve(axis: Axes, curve: Curve) -> None:
    axis.fill_between(curve.x, curve.low, curve.high, color=BLUE, alpha=0.16, linewidth=0)
    axis.plot(curve.x, curve.effect, color=BLUE, linewidth=2)
    p5, p95 = np.quantile(curve.values, [0.05, 0.95])
    for x in (p5, p95):
        axis.axvline(x, color=RULE, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)


def _key(level: float) -> str:
    return f"band: {100 * level:.0f} % interval; dotted: 5th and 95th percentile of the data"


def _limit(axis: Axes, curve: Curve) -> None:
    inner = (curve.x >= np.quantile(curve.values, 0.01)) & (
        curve.x <= np.quantile(curve.values, 0.99)
    )
    if not inner.any():
        return
    low, high = float(curve.low[inner].min()), float(curve.high[inner].max())
    low = min(low, float(curve.effect.min()))
    high = max(high, float(curve.effect.max()))
    pad = 0.08 * (high - low) or 0.1
    axis.set_ylim(max(0.0, low - pad) if curve.is_ratio else low - pad, high + 2 * pad)


def _mark_turning(axis: Axes, curve: Curve, level: float) -> None:
    low, high = float(curve.x[0]), float(curve.x[-1])
    if curve.turning is None or not math.isfinite(curve.turning):
        text = "no turning point"
    elif not low <= curve.turning <= high:
        text = f"turning point {real(curve.turning)}, outside the data"
    else:
        axis.axvline(curve.turning, color=VERMILION, linewidth=1.3)
        text = f"turning point {real(curve.turning)}"
    if curve.fieller is not None:
        ends = (max(curve.fieller[0], low), min(curve.fieller[1], high))
        if ends[0] < ends[1]:
            axis.axvspan(*ends, color=VERMILION, alpha=0.10, linewidth=0, zorder=0)
        span = f"[{real(curve.fieller[0])}, {real(curve.fieller[1])}]"
        text += f"\nFieller {100 * level:.0f} %: {span}"
    elif curve.fieller_note:
        text += f"\n{curve.fieller_note}"
    inside = curve.turning is not None and low <= curve.turning <= high
    place = curve.turning if inside and curve.turning is not None else low
    right = place < low + 0.55 * (high - low)
    axis.annotate(
        text.replace("-", "\u2212"),
        (place, 0.98),
        xycoords=("data", "axes fraction"),
        xytext=(6 if right else -6, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="top",
        fontsize=8,
        color=VERMILION if inside else INK,
    )


def _draw_data(axis: Axes, values: Floats) -> None:
    axis.hist(values, bins=40, color=GREY, alpha=0.7, linewidth=0)
    # an even pick of the sorted values keeps the rug the same for every order of the rows
    ordered = np.sort(values)
    picked = ordered[np.linspace(0, len(ordered) - 1, min(MAX_RUG, len(ordered))).astype(int)]
    axis.plot(
        picked,
        np.full(len(picked), -0.06),
        "|",
        color=INK,
        markersize=4,
        markeredgewidth=0.35,
        transform=axis.get_xaxis_transform(),
        clip_on=False,
    )
    axis.tick_params(axis="x", pad=7)
    axis.set_ylabel("Observations", fontsize=7.5)
    axis.locator_params(axis="y", nbins=3)
