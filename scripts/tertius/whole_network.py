"""One year's network as a whole, from its measures, its ties and the records behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.measures import (
    Graph,
    Memberships,
    NullDraws,
    SmallWorld,
    centralisation,
    core_permutation_p,
    coreness_fit,
    degree_assortativity,
    null_draws,
    one_mode_null,
    partition_fit,
    two_mode_null,
)

NAN = float("nan")
NULLS = ("rewired", "rewired_two_mode")
SCHEMA: Mapping[str, Any] = {
    "year": pl.Int32,
    "nodes": pl.Int64,
    "isolates": pl.Int64,
    "edges": pl.Int64,
    "mean_degree": pl.Float64,
    "components": pl.Int64,
    "giant_share": pl.Float64,
    "density": pl.Float64,
    "degree_centralisation": pl.Float64,
    "betweenness_centralisation": pl.Float64,
    "mean_local_clustering": pl.Float64,
    "transitivity": pl.Float64,
    "mean_path_length": pl.Float64,
    "paths_exact": pl.Boolean,
    "assortativity": pl.Float64,
    "core_size": pl.Int64,
    "core_fit": pl.Float64,
    "core_p": pl.Float64,
    "core_p_status": pl.String,
    "coreness_fit": pl.Float64,
    "null_transitivity": pl.Float64,
    "null_path_length": pl.Float64,
    "small_world": pl.Float64,
    "null_transitivity_one_mode": pl.Float64,
    "null_path_length_one_mode": pl.Float64,
    "small_world_one_mode": pl.Float64,
    **{
        f"{null}_{column}": kind
        for null in NULLS
        for column, kind in (
            ("transitivity", pl.Float64),
            ("transitivity_sd", pl.Float64),
            ("path_length", pl.Float64),
            ("path_length_sd", pl.Float64),
            ("small_world", pl.Float64),
            ("draws", pl.Int64),
            ("swaps_tried", pl.Int64),
            ("swaps_done", pl.Int64),
            ("status", pl.String),
        )
    },
}
"""Columns of the series of whole networks."""


@dataclass(frozen=True)
class NullSettings:
    """Rewired nulls: how many networks are drawn (0 = none), up to how many nodes, from what seed.

    Above `limit` tied nodes the columns are null with the status missing_input.
    """

    draws: int = 0
    limit: int = 5000
    seed: int = 0


def year_facts(
    year: int,
    measures: pl.DataFrame,
    ties: pl.DataFrame | None,
    records: pl.DataFrame | None,
    nulls: NullSettings,
) -> dict[str, Any]:
    """What one year's network is as a whole: a row of `SCHEMA`, NaN where undefined.

    Args:
        year: the year.
        measures: the measures of the year's nodes (degree, component_size; the others where there).
        ties: a, b of the year.
        records: a, b, record_id of the year.
        nulls: rewired nulls.
    """
    table = measures.sort("node")
    row: dict[str, Any] = dict.fromkeys(SCHEMA)
    row |= {"year": year, **_counts(table), **_shape(table)}
    memberships = None if records is None else _memberships(records)
    tied = table.height - row["isolates"]
    row |= _small_worlds(row, tied, memberships)
    if ties is not None:
        graph = Graph.from_frame(ties)
        row["assortativity"] = degree_assortativity(graph)
        row |= _core(Graph.from_frame(ties, nodes=table["node"]), table, nulls, year)
    else:
        graph = None
    for null, network in zip(NULLS, (graph, memberships), strict=True):
        row |= _rewired(null, network, row, nulls)
    return row


def _counts(table: pl.DataFrame) -> dict[str, Any]:
    n, degrees = table.height, table["degree"].to_numpy()
    size = table["component_size"].to_numpy()
    mean = float(degrees.mean())
    return {
        "nodes": n,
        "isolates": int((degrees == 0).sum()),
        "edges": int(degrees.sum() // 2),
        "mean_degree": mean,
        "components": round(float((1.0 / size).sum())),
        "giant_share": float(size.max() / n),
        "density": mean / (n - 1) if n > 1 else NAN,
    }


def _shape(table: pl.DataFrame) -> dict[str, Any]:
    """Centralisation, clustering and path length from the measures of the nodes."""
    n, d = table.height, table["degree"].to_numpy().astype(np.int64)
    out: dict[str, Any] = {
        "degree_centralisation": NAN if n < 3 else float((d.max() - d).sum() / (n - 1) / (n - 2)),
        "paths_exact": None,
    }
    if "betweenness_normalised" in table.columns:
        between = table["betweenness_normalised"].fill_null(NAN).to_numpy()
        out["betweenness_centralisation"] = centralisation(between)
    if {"local_clustering", "triangles"} <= set(table.columns):
        local = table["local_clustering"].drop_nulls().to_numpy()
        triples = int((d * (d - 1) // 2).sum())
        out["mean_local_clustering"] = float(local.mean()) if local.size else NAN
        out["transitivity"] = int(table["triangles"].sum()) / triples if triples else NAN
    if "closeness" in table.columns and n > 1:
        out |= _paths(table)
    return out


def _paths(table: pl.DataFrame) -> dict[str, Any]:
    """Mean distance in the largest component, from Wasserman-Faust closeness turned round."""
    size = table["component_size"].to_numpy()
    inside = size == size.max()
    others = float(size.max() - 1)
    if others < 1:
        return {"mean_path_length": NAN, "paths_exact": True}
    near = table["closeness"].to_numpy()[inside]
    far = others * others / ((table.height - 1) * near)
    exact = "closeness_se" not in table.columns or not table["closeness_se"].is_not_null().any()
    # Sums of distances are whole numbers where they are exact.
    total = float((np.rint(far) if exact else far).sum())
    return {"mean_path_length": total / (others * int(inside.sum())), "paths_exact": exact}


def _core(graph: Graph, table: pl.DataFrame, settings: NullSettings, year: int) -> dict[str, Any]:
    """Size and fit of the core, its permutation p where draws are asked for, fit of coreness."""
    out: dict[str, Any] = {"core_p_status": "missing_input"}
    if "core" in table.columns and table["core"].null_count() == 0:
        core = table["core"].to_numpy() > 0.5
        out |= {"core_size": int(core.sum()), "core_fit": partition_fit(graph, core)}
        if settings.draws >= 2 and graph.n_nodes <= settings.limit:
            p, _ = core_permutation_p(graph, draws=settings.draws, seed=settings.seed + year)
            out |= {"core_p": p, "core_p_status": "ok"}
    if "coreness" in table.columns and table["coreness"].null_count() == 0:
        out["coreness_fit"] = coreness_fit(graph, table["coreness"].to_numpy())
    return out


def _memberships(records: pl.DataFrame) -> Memberships:
    ends = [records.select("record_id", node=end) for end in ("a", "b")]
    both = pl.concat(ends).unique().sort("record_id", "node")
    return Memberships.from_pairs(both["record_id"], both["node"])


def _small_worlds(
    row: Mapping[str, Any], tied: int, memberships: Memberships | None
) -> dict[str, Any]:
    own = _float(row["transitivity"]), _float(row["mean_path_length"])
    one = SmallWorld(*own, *one_mode_null(max(tied, 1), 2 * row["edges"] / max(tied, 1)))
    out = {
        "null_transitivity_one_mode": one.clustering_null,
        "null_path_length_one_mode": one.path_length_null,
        "small_world_one_mode": one.ratio,
    }
    if memberships is None or not memberships.group.size:
        return out
    two = SmallWorld(*own, *two_mode_null(memberships))
    return out | {
        "null_transitivity": two.clustering_null,
        "null_path_length": two.path_length_null,
        "small_world": two.ratio,
    }


def _rewired(
    null: str, network: Graph | Memberships | None, row: Mapping[str, Any], settings: NullSettings
) -> dict[str, Any]:
    """Columns of one rewired null, or the status that says why there is none."""
    if network is None or settings.draws < 2:
        return {f"{null}_status": "missing_input"}
    nodes: NDArray[Any] = network.nodes
    if nodes.size == 0:
        return {f"{null}_status": "undefined_isolate"}
    if nodes.size > settings.limit:
        return {f"{null}_status": "missing_input"}
    seed = [settings.seed, int(row["year"]), NULLS.index(null)]
    drawn = null_draws(network, draws=settings.draws, seed=seed)
    own = _float(row["transitivity"]), _float(row["mean_path_length"])
    ratio = SmallWorld(*own, drawn.clustering_mean, drawn.path_mean).ratio
    return _draw_columns(null, drawn) | {f"{null}_small_world": ratio, f"{null}_status": "ok"}


def _draw_columns(null: str, drawn: NullDraws) -> dict[str, Any]:
    return {
        f"{null}_transitivity": drawn.clustering_mean,
        f"{null}_transitivity_sd": drawn.clustering_sd,
        f"{null}_path_length": drawn.path_mean,
        f"{null}_path_length_sd": drawn.path_sd,
        f"{null}_draws": drawn.draws,
        f"{null}_swaps_tried": drawn.swaps.tried,
        f"{null}_swaps_done": drawn.swaps.done,
    }


def _float(value: float | None) -> float:
    return NAN if value is None else value
