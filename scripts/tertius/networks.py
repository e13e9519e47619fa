"""Named networks: layers of records become the ties and the nodes of every year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from tertius import ties
from tertius.problems import InputError, Problem

LAYER_TABLES: Mapping[str, tuple[str, str]] = {
    "alliance": ("alliances", "alliance_parties"),
    "co_applicant": ("patents", "patent_applicants"),
    "co_inventor": ("patents", "patent_inventors"),
}
"""The two typed tables that each layer is made of."""


class NetworkTies(NamedTuple):
    """Ties and records of a network's years, the records too large to tie anyone, and counts."""

    ties: pl.DataFrame
    records: pl.DataFrame
    skipped: pl.DataFrame
    ledger: dict[str, Any]


def tie_years(years: Mapping[str, Sequence[int]]) -> tuple[int, int]:
    """First and last year of a study's ties: from its records on to its last outcome."""
    return years["raw"][0], max(years["analysis"][1], years["outcomes"][1])


def build_network(
    tables: Mapping[str, pl.DataFrame],
    *,
    layers: Sequence[str],
    window: int,
    years: Sequence[int],
    clique_cap: int | None,
    lifespan: int,
) -> NetworkTies:
    """Ties of a named network for every year, each layer by its own time rule, then summed.

    Args:
        tables: the study's typed tables.
        layers: alliance (state on 31 December of t), co_applicant, co_inventor (records dated in
            W(t, w) = [t-w+1, t]).
        window: w in years.
        years: years t, the first and the last of the records included.
        clique_cap: records of more parties make no ties; None = no cap.
        lifespan: years that an alliance of unknown end lives.

    Raises:
        InputError: the study lacks a table that a layer is made of.
    """
    parts = [_layer(tables, layer, window, list(years), clique_cap, lifespan) for layer in layers]
    return NetworkTies(
        ties.union_ties([part.ties for part in parts]),
        ties.union_records([part.records for part in parts]),
        pl.concat([part.skipped for part in parts]).sort("year", "record_id"),
        {layer: part.ledger for layer, part in zip(layers, parts, strict=True)},
    )


def _layer(
    tables: Mapping[str, pl.DataFrame],
    layer: str,
    window: int,
    years: list[int],
    clique_cap: int | None,
    lifespan: int,
) -> NetworkTies:
    events = layer_events(tables, layer, years, lifespan)
    pairs = ties.yearly_pairs(events.events, clique_cap)
    counted = {**events.ledger, "skipped_by_clique_cap": pairs.skipped.height}
    if layer == "alliance":
        return NetworkTies(pairs.pairs, pairs.records, pairs.skipped, counted)
    return NetworkTies(
        ties.window_ties(pairs.pairs, window, years),
        ties.window_records(pairs.records, window, years),
        pairs.skipped,
        counted,
    )


def layer_events(
    tables: Mapping[str, pl.DataFrame], layer: str, years: Sequence[int], lifespan: int
) -> ties.Events:
    """The events (record_id, year, node) of one layer.

    Raises:
        InputError: the study lacks a table that the layer is made of.
    """
    missing = [name for name in LAYER_TABLES[layer] if name not in tables]
    if missing:
        fix = "add a source that holds it, or take the layer out of the study's networks"
        what = f"layer {layer!r} needs the table {', '.join(missing)}"
        raise InputError([Problem("networks", what, fix)])
    records, members = (tables[name] for name in LAYER_TABLES[layer])
    if layer == "alliance":
        return ties.alliance_events(records, members, years, lifespan)
    # Who joins a family with a later publication was not in it when it began.
    family = pl.coalesce("family_id", "pid")
    records = records.filter(pl.col("year") == pl.col("year").min().over(family))
    node = "inv_id" if layer == "co_inventor" else "org_id"
    return ties.co_patent_events(records, members, node=node)


def network_nodes(
    tables: Mapping[str, pl.DataFrame],
    network_ties: pl.DataFrame,
    risk_set: pl.DataFrame | None,
    *,
    layers: Sequence[str],
    window: int,
    years: Sequence[int],
    lifespan: int,
) -> pl.DataFrame:
    """Every node of each year, isolates included: (year, node), sorted.

    The nodes of year t are the living units of the risk set, those with a record in the window
    (alone in it or not), and the ends of ties.

    Args:
        network_ties: year, a, b.
        risk_set: org_id, year of the living units of the same kind as the nodes, or None.
    """
    span = pl.col("year").is_in(list(years))
    named = [network_ties.select("year", node=end) for end in ("a", "b")]
    if risk_set is not None:
        named.append(risk_set.select(pl.col("year").cast(pl.Int32), node="org_id"))
    for layer in layers:
        seen = layer_events(tables, layer, years, lifespan).events.select("year", "node")
        lags = range(1) if layer == "alliance" else range(window)
        named += [seen.with_columns((pl.col("year") + lag).cast(pl.Int32)) for lag in lags]
    return pl.concat([rows.filter(span) for rows in named]).unique().sort("year", "node")


def network_facts(measures: pl.DataFrame) -> pl.DataFrame:
    """What each year's network is as a whole.

    Args:
        measures: year, node, degree, component_size (from `measure_years`).

    Returns:
        year, nodes, isolates, edges, density (share of possible ties), mean_degree, components
        (isolates included) and giant_share (share of nodes in the largest component).
    """
    n = pl.len()
    return (
        measures.group_by("year")
        .agg(
            nodes=n.cast(pl.Int64),
            isolates=(pl.col("degree") == 0).sum().cast(pl.Int64),
            edges=(pl.col("degree").sum() // 2).cast(pl.Int64),
            mean_degree=pl.col("degree").mean(),
            components=(1 / pl.col("component_size")).sum().round().cast(pl.Int64),
            giant_share=pl.col("component_size").max() / n,
        )
        .with_columns(density=pl.col("mean_degree") / (pl.col("nodes") - 1))
        .sort("year")
    )
