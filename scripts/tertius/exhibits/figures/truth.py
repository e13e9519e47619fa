"""Planted against estimated: every coefficient of the simulated world with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tertius.exhibits.style import (
    BLUE,
    INK,
    MUTED,
    RULE,
    VERMILION,
    figure_style,
    minus,
    new_figure,
    real,
    wrap,
)
from tertius.exhibits.truth import Comparison, ComparisonRow


def truth_plot(comparison: Comparison, names: Sequence[str]) -> Figure:
    """Distance of each estimate from its planted value in standard errors, numbers beside.

    Args:
        comparison: rows of planted and estimated values.
        names: label of each row.
    """
    rows = comparison.rows
    with figure_style():
        figure = new_figure(7.2, 0.36 * len(rows) + 1.1)
        axis = figure.subplots()
        axis.axvline(0, color=INK, linewidth=1)
        for place, row in enumerate(rows):
            _row(axis, place, row)
        _beside(axis, -0.8, "planted", "estimated (s.e.)", MUTED)
        axis.set_yticks(range(len(rows)), [wrap(name, 40) for name in names])
        axis.set_ylim(len(rows) - 0.4, -1.1)
        axis.tick_params(axis="y", length=0, labelsize=7)
        axis.spines["left"].set_visible(False)
        axis.set_xlabel("Distance from the planted value in standard errors", fontsize=8)
    return figure


def _row(axis: Axes, place: int, row: ComparisonRow) -> None:
    axis.axhline(place, color=RULE, linewidth=0.4, zorder=0)
    ends = [(end - row.planted) / row.std_error for end in (row.conf_low, row.conf_high)]
    colour = BLUE if row.inside else VERMILION
    axis.plot(ends, [place, place], color=colour, linewidth=1.8)
    centre = (row.estimate - row.planted) / row.std_error
    axis.plot(centre, place, "o" if row.inside else "s", color=colour, markersize=5.5)
    estimated = f"{real(row.estimate)} ({real(row.std_error)})"
    _beside(axis, place, real(row.planted), estimated, INK if row.inside else VERMILION)


def _beside(axis: Axes, place: float, first: str, second: str, colour: str) -> None:
    """Two right-aligned columns of text right of the plot."""
    for text, offset in ((first, 44), (second, 128)):
        axis.annotate(
            minus(text),
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(offset, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7.5,
            color=colour,
            annotation_clip=False,
        )
