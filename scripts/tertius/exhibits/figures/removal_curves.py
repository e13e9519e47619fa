"""Removal curves: what a network keeps as nodes fall out, at random and by betweenness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tertius.exhibits.style import BLUE, MUTED, VERMILION, figure_style, new_figure

PANELS = (
    ("giant_share", "Largest component, share of all nodes"),
    ("retained", "Reach kept by survivors, share"),
    ("recovered", "Lost reach regained by repair, share"),
)
COLOURS = {"random": BLUE, "betweenness": VERMILION}
WORDS = {"random": "at random", "betweenness": "by betweenness"}


def removal_plot(rows: Sequence[dict[str, Any]]) -> Figure:
    """One panel a measure, one line a strategy with the middle 95 % of its draws.

    Args:
        rows: of `tertius.whatif.simulate.removal_curves`.

    Raises:
        ValueError: no row.
    """
    if not rows:
        raise ValueError("removal curves need at least one removal")
    with figure_style():
        figure = new_figure(7.2, 2.7)
        axes = figure.subplots(1, len(PANELS), sharex=True)
        for axis, (measure, title) in zip(axes, PANELS, strict=True):
            _panel(axis, rows, measure, title)
        axes[0].legend(loc="upper right", fontsize=7)
        figure.supxlabel("Share of nodes removed", fontsize=8, color=MUTED)
    return figure


def _panel(axis: Axes, rows: Sequence[dict[str, Any]], measure: str, title: str) -> None:
    for strategy, colour in COLOURS.items():
        own = [row for row in rows if row["strategy"] == strategy]
        x = [row["share"] for row in own]
        middle, low, high = (
            np.array([_real(row[f"{measure}{end}"]) for row in own])
            for end in ("", "_low", "_high")
        )
        axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        axis.plot(x, middle, color=colour, linewidth=1.6, label=WORDS[strategy])
    axis.set_ylim(-0.02, 1.02)
    axis.set_title(title, fontsize=7.5, fontweight="normal")


def _real(value: float | None) -> float:
    return np.nan if value is None else float(value)
