"""Every measure of a network, or of a series of yearly networks, as one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.measures import position
from tertius.measures.brokerage import decayed, hub_share, rings, spoke_share
from tertius.measures.core_periphery import core_periphery, coreness
from tertius.measures.graph import Graph
from tertius.measures.holes import Burt, burt
from tertius.measures.spectral import Policy, bonacich_profile, eigenvector

_HOLES = (
    "constraint",
    "constraint_ego",
    "effective_size",
    "efficiency",
    "redundancy",
    "hierarchy",
    "hierarchy_ego",
    "ego_density",
    "ego_density_weighted",
    "local_clustering",
)
_NEEDS_TWO = {
    "hierarchy",
    "hierarchy_ego",
    "ego_density",
    "ego_density_weighted",
    "local_clustering",
}
# Bonacich power beside the default: beta = ratio / lambda_1.
_POWERS = {"bonacich_50": 0.5, "bonacich_90": 0.9, "bonacich_negative": -0.75}
_NEEDS_CONTACT = ("spoke_share", "hub_share")
# A ratio to the other N - 1 nodes, or to their pairs, is undefined in networks this small.
_NEEDS_OTHERS = {
    "degree_normalised": 2,
    "closeness": 2,
    "harmonic": 2,
    "betweenness_normalised": 3,
}


def measure_network(
    graph: Graph,
    *,
    exact_limit: int,
    sample_sources: int,
    seed: int | Sequence[int],
    closeness_exact_limit: int | None = None,
    cost_limit: int = 2000,
    eigenvector_policy: Policy = "largest",
    bonacich_ratio: float = 0.75,
    threads: int | None = None,
) -> pl.DataFrame:
    """All position and structural-hole measures, one row a node in the order of the graph.

    Shortest paths count steps; strength, eigenvector, Bonacich power and the structural-hole
    measures use the weights. Up to `exact_limit` nodes betweenness is exact, above it
    `sample_sources` sources are drawn in each larger component and `betweenness_se` is filled;
    closeness and harmonic likewise, by `closeness_exact_limit` (default: the same limit), with
    `closeness_se` and `harmonic_se`. A null standard error means exact. `betweenness_cost`, where
    a tie costs 1 / strength, is never sampled: above `cost_limit` nodes it is missing_input. Where
    a measure can be undefined, `<name>_status` says why (ok, undefined_isolate, undefined_single,
    undefined_component, zero_denominator) and the value is null; indirect ties are not counted
    (missing_input) where closeness is sampled. Core and coreness are those of unweighted ties, with
    core-periphery pairs as ties of the ideal. `seed` feeds the draws and the starts of the core.
    """
    rng = np.random.default_rng(seed)
    drawn = position.sources(graph, sample_sources, rng)
    everyone = position.sources(graph)
    near_limit = exact_limit if closeness_exact_limit is None else closeness_exact_limit
    between = position.betweenness(
        graph, start=everyone if graph.n_nodes <= exact_limit else drawn, threads=threads
    )
    near = position.closeness(
        graph, start=everyone if graph.n_nodes <= near_limit else drawn, threads=threads
    )
    holes = burt(graph, threads=threads)
    frame = pl.DataFrame(
        {
            "node": pl.Series(graph.nodes, dtype=None if graph.n_nodes else pl.String),
            "degree": position.degree(graph),
            "degree_normalised": position.degree_normalised(graph),
            "strength": position.strength(graph),
            "betweenness": between.raw,
            "betweenness_normalised": between.normalised,
            "betweenness_se": between.standard_error,
            "betweenness_normalised_se": between.normalised_se,
            **_by_cost(graph, graph.n_nodes <= cost_limit, threads),
            "closeness": near.closeness,
            "closeness_se": near.closeness_se,
            "harmonic": near.harmonic,
            "harmonic_se": near.harmonic_se,
            "eigenvector": eigenvector(graph, policy=eigenvector_policy),
            **_powers(graph, bonacich_ratio),
            **{name: getattr(holes, name) for name in _HOLES},
            "triangles": holes.triangles,
            "component_size": position.component_size(graph),
            "k_core": position.k_core(graph),
            "two_step_reach": position.two_step_reach(graph, threads=threads),
            **_indirect(graph, graph.n_nodes <= near_limit, threads),
            "spoke_share": spoke_share(graph),
            "hub_share": hub_share(graph),
            **_core(graph.unweighted(), int(rng.integers(2**31))),
        }
    )
    return _with_statuses(frame, _statuses(graph.n_nodes, holes, frame))


def _by_cost(graph: Graph, measured: bool, threads: int | None) -> dict[str, NDArray[Any]]:
    """Betweenness along strong ties, or nothing in networks above the limit."""
    if not measured:
        nothing = np.full(graph.n_nodes, np.nan)
        return {"betweenness_cost": nothing, "betweenness_cost_normalised": nothing}
    found = position.betweenness(graph, weighted=True, threads=threads)
    return {"betweenness_cost": found.raw, "betweenness_cost_normalised": found.normalised}


def _powers(graph: Graph, ratio: float) -> dict[str, NDArray[Any]]:
    names = {"bonacich_power": ratio, **_POWERS}
    found = bonacich_profile(graph, list(names.values()))
    return {name: np.ascontiguousarray(found[:, k]) for k, name in enumerate(names)}


def _indirect(graph: Graph, counted: bool, threads: int | None) -> dict[str, NDArray[Any]]:
    decays = {"indirect_frequency": "frequency", "indirect_distance": "distance"}
    if not counted:
        return {name: np.full(graph.n_nodes, np.nan) for name in decays}
    counts = rings(graph, threads=threads)
    return {name: decayed(counts, decay) for name, decay in decays.items()}


def _core(graph: Graph, seed: int) -> dict[str, NDArray[Any]]:
    partition, continuous = core_periphery(graph, seed=seed), coreness(graph, seed=seed)
    member = np.where(np.isnan(partition.fit), np.nan, partition.core.astype(float))
    return {"core": member, "coreness": continuous.coreness}


def _statuses(n: int, holes: Burt, frame: pl.DataFrame) -> dict[str, NDArray[Any]]:
    """Status of every measure that can be undefined."""
    leading = frame["eigenvector"].to_numpy()
    isolate = holes.degree == 0
    out = {
        name: np.full(n, "ok" if n >= least else "zero_denominator")
        for name, least in _NEEDS_OTHERS.items()
    }
    out["eigenvector"] = np.where(
        isolate, "undefined_isolate", np.where(np.isnan(leading), "undefined_component", "ok")
    )
    out |= _hole_statuses(holes)
    for name in _NEEDS_CONTACT:
        out[name] = np.where(isolate, "undefined_isolate", "ok")
    tied = bool(n >= 3 and not isolate.all())
    limited = ("indirect_frequency", "indirect_distance", "betweenness_cost")
    why = dict.fromkeys(limited, "missing_input")
    why |= {"betweenness_cost_normalised": "missing_input" if n >= 3 else "zero_denominator"}
    why |= {"core": "zero_denominator"}
    why |= {"coreness": "undefined_component" if tied else "zero_denominator"}
    for name, status in why.items():
        out[name] = np.where(np.isnan(frame[name].to_numpy()), status, "ok")
    return out


def _hole_statuses(holes: Burt) -> dict[str, NDArray[Any]]:
    isolate, single = holes.degree == 0, holes.degree == 1
    out = {}
    for name in _HOLES:
        alone = np.where(single & (name in _NEEDS_TWO), "undefined_single", "ok")
        out[name] = np.where(isolate, "undefined_isolate", alone)
    return out


def measure_holes(graph: Graph, *, threads: int | None = None) -> pl.DataFrame:
    """Degree and the structural-hole measures alone, as in `measure_network`, one row a node."""
    holes = burt(graph, threads=threads)
    frame = pl.DataFrame(
        {
            "node": pl.Series(graph.nodes, dtype=None if graph.n_nodes else pl.String),
            "degree": position.degree(graph),
            **{name: getattr(holes, name) for name in _HOLES},
        }
    )
    return _with_statuses(frame, _hole_statuses(holes))


def _with_statuses(frame: pl.DataFrame, statuses: dict[str, NDArray[Any]]) -> pl.DataFrame:
    """NaN to null, and each status right behind its measure."""
    columns: list[pl.Series] = []
    for column in frame.iter_columns():
        columns.append(column.fill_nan(None) if column.dtype == pl.Float64 else column)
        if column.name in statuses:
            values = statuses[column.name]
            columns.append(pl.Series(f"{column.name}_status", values, dtype=pl.String))
    return pl.DataFrame(columns)


def measure_years(
    ties: pl.DataFrame,
    nodes: pl.DataFrame,
    *,
    weight: str | None,
    years: Iterable[int],
    exact_limit: int,
    sample_sources: int,
    seed: int,
    closeness_exact_limit: int | None = None,
    cost_limit: int = 2000,
    eigenvector_policy: Policy = "largest",
    bonacich_ratio: float = 0.75,
    threads: int | None = None,
) -> pl.DataFrame:
    """`measure_network` of every year, sorted by (year, node).

    ties: year, a, b and the weight column (None: every tie weighs 1). nodes: year, node, the
    network's nodes in each year, isolates included; an end of a tie that is not listed is an error,
    for it would be measured without being in the risk set. The draws of a year depend on `seed` and
    the year alone, so that chunks of years may be measured apart.
    """
    tables = []
    for year in sorted(set(years)):
        edges = ties.filter(pl.col("year") == year)
        listed = nodes.filter(pl.col("year") == year)["node"]
        graph = Graph.from_frame(edges, weight=weight, nodes=listed)
        if graph.ledger.endpoints_added:
            unknown = sorted(set(graph.nodes.tolist()) - set(listed.to_list()))
            raise ValueError(
                f"{len(unknown)} ends of ties in {year} are not in the list of nodes, "
                f"e.g. {unknown[0]}: list every node of the network in every year it has ties"
            )
        table = measure_network(
            graph,
            exact_limit=exact_limit,
            sample_sources=sample_sources,
            seed=[seed, year],
            closeness_exact_limit=closeness_exact_limit,
            cost_limit=cost_limit,
            eigenvector_policy=eigenvector_policy,
            bonacich_ratio=bonacich_ratio,
            threads=threads,
        )
        tables.append(table.select(pl.lit(year, pl.Int32).alias("year"), pl.all()))
    if not tables:
        raise ValueError("no years to measure")
    return pl.concat(tables, how="vertical_relaxed")
