"""Named networks: layers of records become the ties and the nodes of every year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from tertius import ties
from tertius.problems import InputError, Problem
from tertius.whole_network import SCHEMA, NullSettings, year_facts

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


def network_facts(
    measures: pl.DataFrame,
    network_ties: pl.DataFrame | None = None,
    records: pl.DataFrame | None = None,
    *,
    nulls: NullSettings | None = None,
) -> pl.DataFrame:
    """What each year's network is as a whole, one row a year; null where undefined or not asked.

    - nodes, isolates, edges, mean_degree, density (share of possible ties), components (isolates
      included), giant_share (share of nodes in the largest component);
    - degree_centralisation, betweenness_centralisation (Freeman 1979);
    - mean_local_clustering (nodes of two contacts or more) and transitivity: two numbers, both
      called clustering coefficient;
    - mean_path_length in the largest component; paths_exact is false where closeness was sampled;
    - assortativity by degree (Newman 2002), with ties;
    - core_size and core_fit of the best partition, core_p its permutation p (as many draws as the
      rewired nulls; else its status is missing_input), coreness_fit (Borgatti & Everett 1999), with
      ties and core, coreness among the measures;
    - null_transitivity, null_path_length and small_world = (C/C_null) / (L/L_null): random
      memberships with the same degrees of both modes (Newman, Strogatz & Watts 2001), with records;
      the same with `_one_mode`: a random graph, which makes nearly every projection a small world;
    - rewired_*: mean and sd over networks with the same degrees, rewired_two_mode_*: over
      projections of memberships with the same degrees, with draws, swaps tried and done, and a
      status (missing_input: not asked for, or above the limit of size).

    Args:
        measures: year, node, degree, component_size and further columns of `measure_years`.
        network_ties: year, a, b.
        records: year, a, b, record_id; the groups of two or more that tie anyone.
        nulls: rewired nulls; None = none.
    """
    settings = nulls or NullSettings()
    rows = []
    for (year,), table in sorted(measures.partition_by("year", as_dict=True).items()):
        own = pl.col("year") == year
        tied = None if network_ties is None else network_ties.filter(own)
        kept = None if records is None else records.filter(own)
        rows.append(year_facts(int(year), table, tied, kept, settings))
    return pl.DataFrame(rows, schema=dict(SCHEMA)).with_columns(pl.col(pl.Float64).fill_nan(None))
