"""Verdict overview: every claim of both papers as a tile, grouped by paper and section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tertius.exhibits.style import (
    GREY,
    INK,
    VERDICT_COLOURS,
    VERDICT_WORDS,
    VERDICTS,
    figure_style,
    new_figure,
)

Tile = tuple[str, str]
STEP, ACROSS, MARGIN = 1.12, 15, 3.2


def verdict_plot(papers: Mapping[str, Mapping[str, Sequence[Tile]]]) -> Figure:
    """Tiles of (claim id, verdict) in rows of sections, a column a paper.

    Args:
        papers: title of a paper -> label of a section -> tiles in order.
    """
    lines = max(sum(_lines(tiles) for tiles in sections.values()) for sections in papers.values())
    with figure_style():
        figure = new_figure(7.2, 3.55 * STEP * lines / (ACROSS * STEP + MARGIN) + 0.75)
        axes = figure.subplots(1, len(papers), squeeze=False)
        for axis, (title, sections) in zip(axes[0], papers.items(), strict=True):
            _paper(axis, title, sections, lines)
        _legend(figure, papers)
    return figure


def _lines(tiles: Sequence[Tile]) -> int:
    return -(-len(tiles) // ACROSS)


def _paper(axis: Axes, title: str, sections: Mapping[str, Sequence[Tile]], lines: int) -> None:
    line = 0
    for label, tiles in sections.items():
        axis.text(-0.5, line * STEP + 0.5, label, ha="right", va="center", fontsize=7)
        for place, (claim, verdict) in enumerate(tiles):
            x, y = (place % ACROSS) * STEP, (line + place // ACROSS) * STEP
            _tile(axis, x, y, claim, verdict)
        line += _lines(tiles)
    axis.set_xlim(-MARGIN, ACROSS * STEP)
    axis.set_ylim(lines * STEP + 0.2, -0.6)
    axis.set_aspect("equal", anchor="NW")
    axis.set_axis_off()
    total = sum(len(tiles) for tiles in sections.values())
    axis.set_title(f"{title}: {total} claims", fontsize=8.5)


def _tile(axis: Axes, x: float, y: float, claim: str, verdict: str) -> None:
    dark = verdict in ("supported", "contradicted")
    axis.add_patch(
        Rectangle(
            (x, y),
            1,
            1,
            facecolor=VERDICT_COLOURS[verdict],
            edgecolor=GREY if verdict == "not_testable" else VERDICT_COLOURS[verdict],
            linewidth=0.5,
        )
    )
    if verdict == "contradicted":
        # an inner frame tells it from `supported` in grey print as well
        frame = Rectangle(
            (x + 0.1, y + 0.1), 0.8, 0.8, fill=False, edgecolor="white", linewidth=0.6
        )
        axis.add_patch(frame)
    axis.text(
        x + 0.5,
        y + 0.52,
        claim[1:],
        ha="center",
        va="center",
        fontsize=5.6,
        color="white" if dark else INK,
        fontweight="bold" if dark else "normal",
    )


def _legend(figure: Figure, papers: Mapping[str, Mapping[str, Sequence[Tile]]]) -> None:
    found = [v for sections in papers.values() for tiles in sections.values() for _, v in tiles]
    handles = [
        Rectangle(
            (0, 0),
            1,
            1,
            facecolor=VERDICT_COLOURS[verdict],
            edgecolor=GREY if verdict == "not_testable" else VERDICT_COLOURS[verdict],
            linewidth=0.5,
        )
        for verdict in VERDICTS
    ]
    names = [f"{VERDICT_WORDS[v]} ({found.count(v)})" for v in VERDICTS]
    figure.legend(handles, names, loc="outside lower center", ncols=4, handlelength=1)
