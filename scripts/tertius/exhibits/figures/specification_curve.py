"""Specification curve: every estimate in order, and below it the choices that made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tertius.arrays import BoolArray, FloatArray
from tertius.exhibits.style import (
    BLUE,
    GREY,
    INK,
    MUTED,
    PAPER,
    RULE,
    VERMILION,
    figure_style,
    new_figure,
)

COLOURS = {"expected": BLUE, "opposite": VERMILION, "neither": GREY}
WORDS = {
    "expected": "passes the claim's test",
    "opposite": "passes the opposite test",
    "neither": "passes neither",
}
REACH = 1.6
"""The axis reaches this many times the 1 % and 99 % quantiles of the estimates."""


@dataclass(frozen=True, eq=False)
class CurveData:
    """Specifications in any order: value, finding and one level a choice, (n,) each.

    `declared` flags the one of the claim as registered; `measure` names the value.
    """

    values: FloatArray
    findings: Sequence[str]
    levels: Mapping[str, Sequence[str]]
    declared: BoolArray
    measure: str


def specification_curve(data: CurveData) -> Figure:
    """The curve above, one row a level below; a mark says that a specification has the level.

    Args:
        data: at least one specification.

    Raises:
        ValueError: no specification.
    """
    if not len(data.values):
        raise ValueError("a specification curve needs at least one estimate")
    order = np.lexsort((np.arange(len(data.values)), data.values))
    rows = [
        (choice, level, np.array([held == level for held in levels])[order])
        for choice, levels in data.levels.items()
        for level in dict.fromkeys(sorted(levels, key=lambda one: (one != "declared", one)))
    ]
    with figure_style():
        figure = new_figure(7.2, 2.6 + 0.155 * len(rows))
        upper, lower = figure.subplots(
            2, 1, sharex=True, height_ratios=[2.4, 0.155 * len(rows) + 0.1]
        )
        _curve(upper, data, order)
        _dashboard(lower, rows, len(order))
    return figure


def _curve(axis: Axes, data: CurveData, order: np.ndarray) -> None:
    values = data.values[order]
    found = np.array(data.findings)[order]
    axis.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
    for word, colour in COLOURS.items():
        at = np.flatnonzero(found == word)
        axis.scatter(at, values[at], s=4, color=colour, linewidths=0, zorder=2)
    own = np.flatnonzero(data.declared[order])
    axis.scatter(own, values[own], s=34, facecolor=PAPER, edgecolor=INK, linewidths=1.2, zorder=3)
    low, high = np.quantile(values, [0.01, 0.99])
    reach = REACH * max(abs(low), abs(high), 1e-12)
    outside = int((np.abs(values) > reach).sum())
    if outside:
        axis.set_ylim(max(values.min(), -reach) * 1.05, min(values.max(), reach) * 1.05)
        axis.set_title(f"{outside} beyond the axis", fontsize=7, fontweight="normal", loc="right")
    axis.set_ylabel(data.measure)
    present = [word for word in COLOURS if (found == word).any()]
    marks = [_dot(COLOURS[word], WORDS[word]) for word in present]
    marks.append(_dot(PAPER, "as registered", INK))
    axis.legend(handles=marks, loc="upper left", fontsize=7, handletextpad=0.2)
    axis.tick_params(axis="x", length=0, labelbottom=False)
    axis.spines["bottom"].set_visible(False)


def _dot(colour: str, words: str, edge: str | None = None) -> Line2D:
    return Line2D(
        [], [], linestyle="", marker="o", markersize=5, color=colour,
        markeredgecolor=edge or colour, label=words,
    )  # fmt: skip


def _dashboard(axis: Axes, rows: Sequence[tuple[str, str, BoolArray]], n: int) -> None:
    """Marks of the levels as one picture, so that thousands of them stay small on disk."""
    shown = np.array([mark for _, _, mark in rows], dtype=np.float64)
    axis.imshow(
        shown,
        aspect="auto",
        interpolation="nearest",
        cmap=ListedColormap([PAPER, INK]),
        extent=(-0.5, n - 0.5, len(rows) - 0.5, -0.5),
    )
    axis.set_yticks(
        range(len(rows)),
        [f"{choice}: {level}".replace("_", " ") for choice, level, _ in rows],
        fontsize=6,
    )
    last = ""
    for place, (choice, _, _) in enumerate(rows):
        if last and choice != last:
            axis.axhline(place - 0.5, color=RULE, linewidth=0.6)
        last = choice
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("Specifications, by the estimate", fontsize=8, color=MUTED)
