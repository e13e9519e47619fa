"""Attenuation curves: what remains of an estimate as faults of the records grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from tertius.exhibits.style import MUTED, SERIES, SERIES_MARKS, figure_style, new_figure

COLUMNS = 4


def attenuation_plot(
    table: pl.DataFrame, claims: Sequence[str], words: Mapping[str, str]
) -> Figure:
    """One panel a fault, one line a claim: mean estimate as a share of that without the fault.

    Bars are two standard errors over the worlds to either side.

    Args:
        table: of `tertius.worlds.attenuation.attenuations`.
        claims: the lines, in order; at most as many as there are colours.
        words: title of a panel by fault.

    Raises:
        ValueError: more claims than colours, or none in the table.
    """
    shown = table.filter(pl.col("claim_id").is_in(list(claims)))
    if len(claims) > len(SERIES) or shown.is_empty():
        raise ValueError(f"draw 1 to {len(SERIES)} claims that the table holds")
    faults = list(dict.fromkeys(shown["fault"]))
    lines = -(-(len(faults) + 1) // COLUMNS)
    with figure_style():
        figure = new_figure(7.2, 2.1 * lines)
        axes = figure.subplots(lines, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
        marks = list(zip(claims, SERIES, SERIES_MARKS, strict=False))
        for axis, fault in zip(axes, faults, strict=False):
            axis.axhline(1.0, color=MUTED, linewidth=0.6)
            for shift, (claim, colour, mark) in enumerate(marks):
                own = shown.filter((pl.col("fault") == fault) & (pl.col("claim_id") == claim))
                x = np.r_[0, own["percent"].to_numpy()] + 0.25 * (shift - len(marks) / 2)
                y = np.r_[1.0, own["slope"].to_numpy()]
                error = 2 * np.r_[0.0, np.nan_to_num(own["slope_se"].to_numpy())]
                axis.errorbar(
                    x, y, error, color=colour, marker=mark, markersize=3, linewidth=1.0,
                    elinewidth=0.6, label=claim,
                )  # fmt: skip
            axis.set_title(words[fault], fontsize=7.5, fontweight="normal")
        for axis in axes[len(faults) :]:
            axis.axis("off")
        axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center", ncols=2, fontsize=7)
        figure.supxlabel("Rate of the fault, percent", fontsize=8, color=MUTED)
        figure.supylabel("Estimate, share of that without", fontsize=8, color=MUTED)
    return figure
