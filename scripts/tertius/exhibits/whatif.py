"""Removals and drop-one contributions as the report tells them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tertius.exhibits.content import Bilingual, FigureBlock, Grid, Link, WhatIfBlock
from tertius.exhibits.style import count, interval, minus, real, share

FORMATS = ("png", "pdf", "svg")
STEM = "whatif_removals"
SHOWN = 8


def whatif_block(tables: Mapping[str, pl.DataFrame], image: str) -> WhatIfBlock:
    """Sentences, figure and tables of the removals.

    Args:
        tables: curves, groups, firms, partners: the files of `results/<study>/whatif`.
        image: the removal curves as a data URI.
    """
    sentences = tuple(map(minus, _sentences(tables["curves"], tables["partners"])))
    figure = FigureBlock(
        id=STEM,
        kind="whatif",
        title=Bilingual("What the network keeps as nodes fall out", "节点退出后网络的留存"),
        caption=Bilingual("Middle 95 % of the draws. Reach: other nodes within two steps."),
        alt=sentences[0],
        drawn=True,
        image=image,
        files=tuple(Link(kind, f"../figures/{STEM}.{kind}") for kind in FORMATS),
    )
    grids = (_groups(tables["groups"]), _firms(tables["firms"]), _partners(tables["partners"]))
    files = tuple(Link(f"{name}.csv", f"../whatif/{name}.csv") for name in tables)
    return WhatIfBlock(sentences, figure, tuple(grid for grid in grids if grid.rows), files)


def _sentences(curves: pl.DataFrame, partners: pl.DataFrame) -> list[str]:
    told = []
    for strategy, words in (("random", "at random"), ("betweenness", "by betweenness")):
        own = curves.filter((pl.col("strategy") == strategy) & (pl.col("share") > 0.0))
        if own.height:
            row = own.sort("share").row(min(1, own.height - 1), named=True)
            kept = _bounds(row, "retained")
            told.append(
                f"When {share(row['share'])} of the nodes fall out {words}, the others keep "
                f"{share(row['retained'])} {kept} of their reach."
            )
    if partners.height:
        worth, harm = (partners.filter(test).height for test in
                       (pl.col("conf_low") > 0.0, pl.col("conf_high") < 0.0))  # fmt: skip
        told.append(
            f"Of {count(partners.height)} ties in the last year, seen from either end, the "
            f"position model expects {count(worth)} to add to the outcome and {count(harm)} "
            "to take from it, with intervals on one side of 0; the partner's own knowledge is "
            "left out (a proxy)."
        )
    return told


def _bounds(row: Mapping[str, float], measure: str) -> str:
    low, high = (row[f"{measure}_{end}"] for end in ("low", "high"))
    return f"[{share(low)}, {share(high)}]"


def _groups(groups: pl.DataFrame) -> Grid:
    rows = tuple(
        (
            f"{row['kind']}: {row['group']}",
            count(row["n_removed"]),
            share(row["giant_share"]),
            f"{share(row['retained'])} {_bounds(row, 'retained')}",
            share(row["recovered"]),
        )
        for row in groups.sort("retained", "group").iter_rows(named=True)
    )
    return Grid(
        title="When all nodes of a group fall out at once",
        heads=("Group", "Nodes", "Largest component", "Reach kept by the others", "Regained"),
        rows=rows,
        numeric=frozenset({1, 2, 3, 4}),
        note="Regained: share of the lost reach that backup ties bring back.",
    )


def _firms(firms: pl.DataFrame) -> Grid:
    exposed = firms.filter(pl.col("retained_betweenness").is_not_null() & (pl.col("degree") > 1))
    rows = tuple(
        (
            row["node"],
            count(row["degree"]),
            count(row["reach"]),
            f"{share(row['retained_random'])} {_bounds(row, 'retained_random')}",
            share(row["retained_betweenness"]),
        )
        for row in exposed.sort("retained_betweenness", pl.col("reach").neg(), "node")
        .head(SHOWN)
        .iter_rows(named=True)
    )
    return Grid(
        title="Organisations that would lose most to removal by betweenness",
        heads=("Organisation", "Partners", "Reach", "Keeps, at random", "Keeps, by betweenness"),
        rows=rows,
        numeric=frozenset({1, 2, 3, 4}),
    )


def _partners(partners: pl.DataFrame) -> Grid:
    ranked = partners.sort("contribution", "node", "partner")
    ends = (
        ranked
        if ranked.height <= 2 * SHOWN
        else pl.concat([ranked.head(SHOWN), ranked.tail(SHOWN)])
    )
    rows = tuple(
        (
            row["node"],
            row["partner"],
            count(row["degree"]),
            minus(real(row["contribution"])),
            minus(interval(row["conf_low"], row["conf_high"])),
        )
        for row in ends.iter_rows(named=True)
    )
    return Grid(
        title="Contribution of single partners: least and most",
        heads=("Organisation", "Partner", "Partners", "Contribution", "95 % interval"),
        rows=rows,
        numeric=frozenset({2, 3, 4}),
        note="Contribution: expected outcome with the partner over that without it, less 1 (degree "
        "and structural holes change, all else stays).",
    )
