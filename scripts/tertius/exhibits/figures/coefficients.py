"""Coefficient plot: one small panel a term on its own scale, models as labelled rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tertius.exhibits.style import (
    BLUE,
    GREY,
    INK,
    MUTED,
    RULE,
    figure_style,
    fixed,
    minus,
    new_figure,
    wrap,
)


@dataclass(frozen=True)
class Estimated:
    """One coefficient: estimate, interval ends, two-sided p-value."""

    estimate: float
    low: float
    high: float
    p_value: float


def coefficient_plot(
    panels: Mapping[str, Mapping[str, Estimated]], models: Sequence[str], level: float = 0.95
) -> Figure:
    """Estimates with intervals, filled where the interval leaves out zero.

    Args:
        panels: title of a term -> name of a model -> its coefficient; a model may lack a term.
        models: names, top to bottom in every panel.
        level: coverage of the intervals, for the axis text.
    """
    across = min(3, max(1, len(panels)))
    down = math.ceil(len(panels) / across)
    height = max(2.2, down * (0.62 + 0.24 * len(models)) + 0.5)
    with figure_style():
        figure = new_figure(7.2, height)
        axes = figure.subplots(down, across, squeeze=False, sharey=True)
        for place, axis in enumerate(axes.flat):
            if place >= len(panels):
                axis.set_visible(False)
                continue
            title = list(panels)[place]
            _panel(axis, title, panels[title], models)
        bottom = f"Coefficient and {100 * level:.0f} % interval; hollow: the interval includes zero"
        figure.supxlabel(bottom, fontsize=8, color=MUTED)
    return figure


def _panel(axis: Axes, title: str, found: Mapping[str, Estimated], models: Sequence[str]) -> None:
    axis.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
    for row, model in enumerate(models):
        axis.axhline(row, color=RULE, linewidth=0.4, zorder=0)
        known = found.get(model)
        if known is None:
            continue
        sure = known.low > 0 or known.high < 0
        colour = BLUE if sure else GREY
        axis.plot([known.low, known.high], [row, row], color=colour, linewidth=1.6, zorder=2)
        axis.plot(
            known.estimate,
            row,
            marker="o",
            markersize=5,
            color=colour,
            markerfacecolor=colour if sure else "white",
            zorder=3,
        )
        axis.annotate(
            minus(fixed(known.estimate, 2)),
            (known.estimate, row),
            xytext=(0, 4.5),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
            color=INK,
        )
    axis.set_title(wrap(title, 34), fontsize=8, fontweight="normal")
    axis.set_yticks(range(len(models)), [model.replace("_", " ") for model in models])
    axis.set_ylim(len(models) - 0.45, -0.7)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.locator_params(axis="x", nbins=4)
    axis.margins(x=0.08)
