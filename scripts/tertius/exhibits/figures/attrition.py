"""Attrition figure: what is left of the firm-years after each step, model by model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tertius.exhibits.style import (
    BLUE,
    MUTED,
    RULE,
    SKY,
    VERMILION,
    count,
    figure_style,
    new_figure,
    wrap,
)

Step = tuple[str, int, int]


def attrition_plot(blocks: Mapping[str, Sequence[Step]], unit: str = "firm") -> Figure:
    """Bars of the rows left after each step, the part lost in the step in another colour.

    Args:
        blocks: model -> its steps (words, rows, firms), the last of which is the reported sample.
        unit: what an organisation of the study is called.

    Raises:
        ValueError: no model, or a model without steps.
    """
    if not blocks or not all(blocks.values()):
        raise ValueError("attrition needs at least one model and one step in each")
    heights = [0.5 + 0.26 * len(steps) for steps in blocks.values()]
    with figure_style():
        figure = new_figure(7.2, sum(heights) + 0.3)
        ratios = {"height_ratios": heights}
        axes = figure.subplots(len(blocks), 1, squeeze=False, sharex=True, gridspec_kw=ratios)
        for axis, (name, steps) in zip(axes.flat, blocks.items(), strict=True):
            _block(axis, name, steps)
        text = f"{unit.capitalize()}-years ({unit}s) left after each step; orange: lost in the step"
        figure.supxlabel(text, fontsize=8, color=MUTED)
    return figure


def _block(axis: Axes, name: str, steps: Sequence[Step]) -> None:
    start = max(rows for _, rows, _ in steps) or 1
    before = steps[0][1]
    for place, (_, rows, firms) in enumerate(steps):
        last = place == len(steps) - 1
        axis.barh(place, rows, color=BLUE if last else SKY, height=0.66, linewidth=0)
        lost = max(before - rows, 0)
        axis.barh(place, lost, left=rows, color=VERMILION, alpha=0.75, height=0.66, linewidth=0)
        loss = f"   \u2212{count(lost)}" if lost else ""
        axis.annotate(
            f"{count(rows)} ({count(firms)}){loss}",
            (rows + lost, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )
        before = rows
    axis.set_yticks(range(len(steps)), [wrap(words.replace("_", " "), 52) for words, _, _ in steps])
    axis.set_ylim(len(steps) - 0.4, -0.6)
    axis.set_xlim(0, start * 1.4)
    axis.set_title(name.replace("_", " "), fontsize=8.5)
    axis.tick_params(axis="y", length=0, labelsize=7.5)
    axis.set_xticks([])
    axis.spines["bottom"].set_visible(False)
    axis.spines["left"].set_color(RULE)
