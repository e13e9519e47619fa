"""Brokerage between organisations of different kinds (Gould and Fernandez 1989)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from tertius.kernels import run_blocks
from tertius.measures import Graph, brokerage_between, brokerage_roles
from tertius.variables.frames import Rule, coverage, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import organisations, partners

SCIENCE = ("university", "institute")
FIRMS = ("firm", "startup")
Count = Callable[[Graph, list[str | None], bool], dict[str, Any]]
_ROLES = ("coordinator", "gatekeeper", "itinerant", "liaison", "unknown", "total")


def _yearly(inputs: Inputs, network: str, count: Count, fractional: bool) -> pl.DataFrame:
    """org, year and the columns of `count` for every tied unit, sorted."""
    key = ("brokerage", network, count, fractional)
    return inputs.once(key, lambda: _all_years(inputs, network, count, fractional))


def _all_years(inputs: Inputs, network: str, count: Count, fractional: bool) -> pl.DataFrame:
    kinds = dict(organisations(inputs).select("org", "type").iter_rows())
    wanted = partners(inputs, network).filter(pl.col("year").is_in(inputs.years))

    def of_year(ties: pl.DataFrame) -> pl.DataFrame:
        graph = Graph.from_frame(ties, a="org", b="partner")
        types = [kinds.get(node) for node in graph.nodes.tolist()]
        units = pl.Series(graph.nodes.tolist(), dtype=pl.UInt32)
        year = pl.repeat(ties["year"].max(), units.len(), dtype=pl.Int32, eager=True)
        return pl.DataFrame({"org": units, "year": year, **count(graph, types, fractional)})

    parts = [wanted.clear(), *wanted.partition_by("year")]
    tables = run_blocks(of_year, parts, None)
    return pl.concat(tables).sort("org", "year")


def _roles(graph: Graph, types: list[str | None], fractional: bool) -> dict[str, Any]:
    roles = brokerage_roles(graph, types, fractional=fractional)
    return {name: getattr(roles, name) for name in _ROLES}


def _bridges(graph: Graph, types: list[str | None], fractional: bool) -> dict[str, Any]:
    science, firms = (np.array([t in group for t in types], bool) for group in (SCIENCE, FIRMS))
    return {"science": brokerage_between(graph, science, firms, fractional=fractional)}


def _type_unknown(inputs: Inputs) -> pl.DataFrame:
    return organisations(inputs).select("org", pl.col("type").alias("own_type"))


def _typed(
    inputs: Inputs, network: str, count: Count, fractional: bool
) -> tuple[pl.DataFrame, list[Rule]]:
    """Counts of every unit, and the rules: a unit of no known type plays no role."""
    kinds = _type_unknown(inputs)
    years = pl.DataFrame({"year": pl.Series(inputs.years, dtype=pl.Int32)})
    values = kinds.join(years, how="cross").join(
        _yearly(inputs, network, count, fractional), on=["org", "year"], how="left"
    )
    return values, [*coverage(inputs, network), (pl.col("own_type").is_null(), "missing_input")]


def role(inputs: Inputs, *, network: str, kind: str, fractional: bool = False) -> pl.DataFrame:
    """Open 2-paths j - i - k through the unit in one role, by organisation types; 0 for isolates.

    Each unordered pair counts once; paths with a partner of no known type are left out. A unit of
    no known type: missing_input. Gould and Fernandez (1989), without directions.

    Args:
        inputs: the study's inputs.
        network: the network.
        kind: coordinator | gatekeeper (with representative) | itinerant | liaison | total.
        fractional: each path counts 1 / number of units that tie j and k.
    """
    values, rules = _typed(inputs, network, _roles, fractional)
    return settle(inputs, values, pl.col(kind).fill_null(0.0), rules)


def science_bridge(inputs: Inputs, *, network: str, fractional: bool = False) -> pl.DataFrame:
    """Open 2-paths with a university or institute at one end and a firm at the other; >= 0.

    Not a liaison in the sense of Gould and Fernandez where the unit itself is a firm: that is a
    gatekeeper. 0 for isolates; a unit of no known type: missing_input.
    """
    values, rules = _typed(inputs, network, _bridges, fractional)
    return settle(inputs, values, pl.col("science").fill_null(0.0), rules)
