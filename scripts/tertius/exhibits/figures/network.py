"""Network pictures: the same organisations at the same places in several windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tertius.exhibits.figures.layout import force_layout
from tertius.exhibits.style import GREY, MUTED, TYPE_COLOURS, count, figure_style, new_figure

MAX_NODES, MAX_TIES = 200, 1000


@dataclass(frozen=True)
class Window:
    """One window of the picture: who is drawn, and how many there are in all.

    `ties` are (a, b) pairs among the drawn nodes; `degree` counts partners in the whole window.
    """

    year: int
    ties: tuple[tuple[str, str], ...]
    degree: Mapping[str, int]
    n_nodes: int
    n_ties: int


@dataclass(frozen=True)
class NetworkPicture:
    """Windows with one set of positions (x, y in [-1, 1]) and the type of every drawn node."""

    windows: tuple[Window, ...]
    positions: Mapping[str, tuple[float, float]]
    types: Mapping[str, str]


def picture_years(years: Sequence[int], number: int = 3) -> tuple[int, ...]:
    """First, last and evenly spaced years between, at most `number`, from sorted years."""
    ordered = sorted(set(years))
    if len(ordered) <= number:
        return tuple(ordered)
    places = [round(k * (len(ordered) - 1) / (number - 1)) for k in range(number)]
    return tuple(ordered[place] for place in places)


def network_picture(
    ties: pl.DataFrame,
    types: Mapping[str, str],
    years: Sequence[int],
    seed: int,
    max_nodes: int = MAX_NODES,
    max_ties: int = MAX_TIES,
) -> NetworkPicture:
    """Choose what is drawn and where, from the union of the windows.

    Drawn are, of each window, the nodes with the most partners in it (ids break ties), so many
    that together they are at most `max_nodes`; of their ties in a window at most `max_ties`, the
    heaviest first.

    Args:
        ties: year, a, b, weight_count.
        types: organisation -> type.
        years: the windows.
        seed: of the layout.
        max_nodes: most nodes drawn.
        max_ties: most ties drawn in a window.
    """
    chosen = ties.filter(pl.col("year").is_in(list(years))).sort("year", "a", "b")
    core = _core(chosen, max_nodes)
    positions = _positions(chosen, core, seed)
    windows = tuple(
        _window(chosen.filter(pl.col("year") == year), year, positions, max_ties) for year in years
    )
    return NetworkPicture(windows, positions, {n: types.get(n, "other") for n in positions})


def degrees(ties: pl.DataFrame) -> pl.DataFrame:
    """Partners of each node in each year: year, node, degree; most first within a year."""
    ends = pl.concat([ties.select("year", node=end) for end in ("a", "b")])
    counted = ends.group_by("year", "node").agg(degree=pl.len())
    return counted.sort(["year", "degree", "node"], descending=[False, True, False])


def _core(ties: pl.DataFrame, max_nodes: int) -> list[str]:
    """The most connected nodes of every window, as many of each as fit together."""
    ranked = degrees(ties).with_columns(rank=pl.int_range(pl.len()).over("year"))
    best = ranked.group_by("node").agg(rank=pl.col("rank").min()).sort("rank", "node")
    return sorted(best["node"].head(max_nodes).to_list())


def _positions(ties: pl.DataFrame, core: list[str], seed: int) -> dict[str, tuple[float, float]]:
    place = {node: number for number, node in enumerate(core)}
    inside = _inside(ties, core).select("a", "b").unique().sort("a", "b")
    edges = np.array([(place[a], place[b]) for a, b in inside.iter_rows()], dtype=np.int64)
    at = force_layout(len(core), edges.reshape(-1, 2), seed)
    return {node: (float(x), float(y)) for node, (x, y) in zip(core, at, strict=True)}


def _inside(ties: pl.DataFrame, nodes: list[str]) -> pl.DataFrame:
    return ties.filter(pl.col("a").is_in(nodes) & pl.col("b").is_in(nodes))


def _window(
    ties: pl.DataFrame, year: int, positions: Mapping[str, tuple[float, float]], max_ties: int
) -> Window:
    degree = dict(degrees(ties).select("node", "degree").iter_rows())
    drawn = _inside(ties, list(positions)).sort(
        ["weight_count", "a", "b"], descending=[True, False, False]
    )
    pairs = tuple(drawn.select("a", "b").head(max_ties).iter_rows())
    return Window(
        year=year,
        ties=tuple((str(a), str(b)) for a, b in pairs),
        degree={str(n): int(d) for n, d in degree.items() if n in positions},
        n_nodes=len(degree),
        n_ties=ties.height,
    )


def network_plot(picture: NetworkPicture, noun: str = "organisations") -> Figure:
    """The windows side by side: area of a node = its partners, colour = its type.

    `noun` is what nodes are called.
    """
    number = max(len(picture.windows), 1)
    top = max((d for w in picture.windows for d in w.degree.values()), default=1)
    with figure_style():
        figure = new_figure(7.2, min(7.2 / number, 4.5) + 1.15)
        axes = figure.subplots(1, number, squeeze=False)[0]
        for axis, window in zip(axes, picture.windows, strict=False):
            _draw(axis, picture, window, top, noun)
        if not picture.windows:
            axes[0].set_axis_off()
            axes[0].text(0.5, 0.5, "no ties in any window", ha="center")
        _legend(figure, picture)
    return figure


def _draw(axis: Axes, picture: NetworkPicture, window: Window, top: int, noun: str) -> None:
    at = picture.positions
    lines = [(at[a], at[b]) for a, b in window.ties]
    thin = 0.6 if len(lines) < 300 else 0.4
    axis.add_collection(LineCollection(lines, colors=GREY, linewidths=thin, alpha=0.45, zorder=1))
    nodes = sorted(window.degree, key=lambda node: (-window.degree[node], node))
    if nodes:
        axis.scatter(
            [at[node][0] for node in nodes],
            [at[node][1] for node in nodes],
            s=[3 + 55 * window.degree[node] / top for node in nodes],
            c=[_colour(picture.types[node]) for node in nodes],
            edgecolors="white",
            linewidths=0.35,
            zorder=2,
        )
    _frame(axis, at)
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.set_title(str(window.year), fontsize=10, loc="center")
    some = f"the {count(len(nodes))} with most partners, {count(len(window.ties))} ties"
    whole = len(nodes) == window.n_nodes and len(window.ties) == window.n_ties
    shown = (
        f"{count(window.n_nodes)} tied {noun}, {count(window.n_ties)} ties\n"
        f"drawn: {'all' if whole else some}"
    )
    axis.set_xlabel(shown, fontsize=7, color=MUTED)


def _frame(axis: Axes, at: Mapping[str, tuple[float, float]]) -> None:
    """Square limits around all positions, so that every window shows the same ground."""
    places = np.array(list(at.values()) or [(0.0, 0.0)])
    low, high = places.min(axis=0), places.max(axis=0)
    middle, half = (low + high) / 2, 0.53 * max(float((high - low).max()), 0.1)
    axis.set_xlim(middle[0] - half, middle[0] + half)
    axis.set_ylim(middle[1] - half, middle[1] + half)


def _colour(kind: str) -> str:
    return TYPE_COLOURS.get(kind, TYPE_COLOURS["other"])


def _legend(figure: Figure, picture: NetworkPicture) -> None:
    present = set(picture.types.values())
    named = [kind for kind in TYPE_COLOURS if kind in present and kind != "other"]
    rest = sorted(present - set(named))
    entries = [(kind, _colour(kind)) for kind in named]
    if rest:
        entries.append(("other" if rest == ["other"] else "other: " + ", ".join(rest), GREY))
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, markersize=6, label=kind)
        for kind, colour in entries
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
