"""One look for every exhibit: how numbers are written, what colours mean, how figures are saved."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, MUTED, RULE, PAPER = "#1b1f24", "#5b6570", "#d3d8de", "#ffffff"
BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, GREY, YELLOW = "#cc79a7", "#56b4e9", "#8a929b", "#f0e442"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK)
"""Colours of models, in order (Okabe and Ito 2008: told apart by all common kinds of sight)."""
SERIES_MARKS = ("o", "s", "D", "^", "v", "P", "X")

TYPE_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "firm": BLUE,
        "university": ORANGE,
        "institute": GREEN,
        "government": VERMILION,
        "person": SKY,
        "startup": PURPLE,
        "other": GREY,
    }
)
"""Colour of an organisation type in network pictures; types not listed share that of `other`."""

VERDICTS = ("supported", "contradicted", "inconclusive", "not_testable")
VERDICT_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "supported": "#0b6e99",
        "contradicted": "#c4500a",
        "inconclusive": "#c9ced4",
        "not_testable": "#ffffff",
    }
)
VERDICT_MARKS: Mapping[str, str] = MappingProxyType(
    {"supported": "+", "contradicted": "\u2212", "inconclusive": "?", "not_testable": "\u00b7"}
)
"""A verdict is told by a sign as well as by a colour."""
VERDICT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "supported": "supported",
        "contradicted": "contradicted",
        "inconclusive": "inconclusive",
        "not_testable": "not testable",
    }
)


RESOLUTION = 200

_SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",
        "font.size": 8.5,
        "axes.titlesize": 9.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 8.5,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "text.color": INK,
        # text is as wide when the layout is made as when it is saved
        "text.hinting": "none",
        "figure.dpi": RESOLUTION,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "figure.facecolor": PAPER,
        "savefig.facecolor": PAPER,
        "svg.hashsalt": "tertius",
        "svg.fonttype": "path",
        "pdf.fonttype": 42,
        "pdf.compression": 6,
        "path.simplify": True,
    }
)


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw inside this to get the project's look, whatever the user's own matplotlib settings."""
    base = {k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")}
    settings: Any = {**base, **_SETTINGS}
    with mpl.rc_context(settings):
        yield


def new_figure(width: float = 6.5, height: float = 4.0) -> Figure:
    """An empty figure of so many inches, free of global plotting state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """The figure as a file of the kind png, pdf or svg; equal figures give equal bytes.

    Raises:
        KeyError: for another kind.
    """
    metadata: dict[str, dict[str, str | None]] = {
        "png": {"Software": None},
        "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
        "svg": {"Date": None, "Creator": None},
    }
    buffer = io.BytesIO()
    with figure_style():
        if figure.get_layout_engine() is not None:
            # laid out once, so that every kind shows the same picture and no time is lost
            figure.draw_without_rendering()
            figure.set_layout_engine(None)
        figure.savefig(buffer, format=kind, metadata=metadata[kind], dpi=RESOLUTION)
    return buffer.getvalue()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def count(value: float | None) -> str:
    """A count with thousands separated: 12,345; a dash where there is none."""
    return "\u2013" if value is None or _missing(value) else f"{round(value):,}"


def real(value: float | None, digits: int = 3) -> str:
    """A real number: three decimals, fewer when large, two significant digits when tiny.

    1234.56 -> 1,234.6; 0.12345 -> 0.123; 0.0000432 -> 4.3e-05; undefined -> a dash.
    """
    if value is None or _missing(value):
        return "\u2013"
    size = abs(value)
    if size >= 100:
        return f"{value:,.1f}"
    if size == 0 or size >= 10.0**-digits:
        return f"{value:.{digits}f}"
    return f"{value:.1e}"


def fixed(value: float | None, digits: int) -> str:
    """A number with so many decimals whatever its size, for correlations; never minus zero."""
    if value is None or _missing(value):
        return "\u2013"
    return f"{round(value, digits) + 0.0:.{digits}f}"


def p_relation(value: float | None) -> str:
    """The p-value with its sign of relation: ``= 0.012`` or ``< 0.001``."""
    text = probability(value)
    return f"< {text[1:]}" if text.startswith("<") else f"= {text}"


def probability(value: float | None) -> str:
    """A p-value to three decimals, or <0.001; a dash where there is none."""
    if value is None or _missing(value):
        return "\u2013"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def share(value: float | None) -> str:
    """A share of one as a percentage to one decimal."""
    return "\u2013" if value is None or _missing(value) else f"{100 * value:.1f}\u00a0%"


def interval(low: float | None, high: float | None) -> str:
    """A confidence interval in square brackets."""
    return "\u2013" if _missing(low) and _missing(high) else f"[{real(low)}, {real(high)}]"


def stars(p_value: float | None) -> str:
    """One to three stars: p < 0.05, p < 0.01, p < 0.001; never printed without the p itself."""
    if p_value is None or _missing(p_value):
        return ""
    return "*" * sum(p_value < level for level in (0.05, 0.01, 0.001))


def minus(text: str) -> str:
    """The text with a true minus sign before numbers, for pages and pictures."""
    out = []
    for place, sign in enumerate(text):
        before = text[place - 1] if place else " "
        after = text[place + 1] if place + 1 < len(text) else " "
        lone = sign == "-" and after.isdigit() and not (before.isalnum() or before == "-")
        out.append("\u2212" if lone else sign)
    return "".join(out)


def wrap(text: str, width: int) -> str:
    """The text broken at blanks into lines of at most `width` signs, where words allow."""
    return "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))
