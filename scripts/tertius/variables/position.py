"""Position variables that are made from the network's measures."""

from __future__ import annotations

import polars as pl

from tertius.variables.frames import Rule, coverage, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import organisation_codes

ZERO_FOR_ISOLATES = frozenset(
    {
        "degree",
        "degree_normalised",
        "strength",
        "betweenness",
        "betweenness_normalised",
        "betweenness_cost",
        "betweenness_cost_normalised",
        "closeness",
        "harmonic",
        "bonacich_power",
        "triangles",
        "two_step_reach",
        "bonacich_50",
        "bonacich_90",
        "bonacich_negative",
        "indirect_frequency",
        "indirect_distance",
        "k_core",
        "core",
        "coreness",
    }
)
"""Measures that are 0, and defined, for a unit without ties; the others are undefined_isolate."""


def measured(inputs: Inputs, network: str, columns: dict[str, str]) -> pl.DataFrame:
    """org, year, each measure under its new name and its status as `<new name>_status`."""
    table = inputs.measures[network]
    keys = inputs.once(("measured", network), lambda: _measured_keys(inputs, network))
    picked = []
    for name, column in columns.items():
        has_status = f"{column}_status" in table.columns
        status = pl.col(f"{column}_status") if has_status else pl.lit("ok")
        picked += [pl.col(column).cast(pl.Float64).alias(name), status.alias(f"{name}_status")]
    return keys.hstack(table.select(picked)).drop_nulls("org")


def _measured_keys(inputs: Inputs, network: str) -> pl.DataFrame:
    """org (null where the unit is not known), year of every row of the measures."""
    nodes = inputs.measures[network].select("year", org_id="node")
    numbered = nodes.join(
        organisation_codes(inputs), on="org_id", how="left", maintain_order="left"
    )
    return numbered.select("org", pl.col("year").cast(pl.Int32))


def measure_rules(inputs: Inputs, network: str, name: str, column: str) -> list[Rule]:
    """Rules of a measure: years that are not measured, then the measure's own statuses.

    A living unit that is no node of a measured year has no ties: an isolate.
    """
    years = inputs.measures[network]["year"].unique().sort().cast(pl.Int32).implode()
    own = pl.col(f"{name}_status")
    rules: list[Rule] = [(~pl.col("year").is_in(years), "missing_input")]
    rules += coverage(inputs, network)
    if column not in ZERO_FOR_ISOLATES:
        rules.append((own.is_null(), "undefined_isolate"))
    found = ("undefined_isolate", "undefined_single", "undefined_component", "undefined_nopat")
    rules += [(own == status, status) for status in (*found, "zero_denominator", "truncated")]
    return [*rules, (own == "missing_input", "missing_input")]


def measure(inputs: Inputs, *, network: str, column: str) -> pl.DataFrame:
    """A column of the network's measures, as it stands."""
    values = measured(inputs, network, {"v": column})
    value = pl.col("v").fill_null(0.0) if column in ZERO_FOR_ISOLATES else pl.col("v")
    return settle(inputs, values, value, measure_rules(inputs, network, "v", column))


def isolate(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """1 for a unit without partners, else 0."""
    values = measured(inputs, network, {"v": "degree"})
    alone = pl.col("v").fill_null(0.0) == 0.0
    return settle(inputs, values, alone, measure_rules(inputs, network, "v", "degree"))


def structural_holes(inputs: Inputs, *, network: str, column: str = "constraint") -> pl.DataFrame:
    """1 - constraint: access to structural holes; in (-1, 1), undefined for isolates.

    Constraint is not bounded by 1 (a closed triad has 9/8), so the value can be negative and is not
    truncated. Burt (1992, eqs 2.4-2.9).

    Args:
        inputs: the study's inputs.
        network: the network.
        column: constraint (proportions over the whole network) or constraint_ego.
    """
    values = measured(inputs, network, {"v": column})
    return settle(inputs, values, 1.0 - pl.col("v"), measure_rules(inputs, network, "v", column))


def holes_beyond_degree(
    inputs: Inputs, *, network: str, column: str = "constraint"
) -> pl.DataFrame:
    """sh - (1 - 1/n): structural holes beyond what the number of partners brings by itself.

    A unit whose n partners are not tied to each other, with equal ties, has constraint 1/n, so that
    sh alone is close to 1 - 1/degree; this companion is 0 there. Undefined for isolates.
    """
    values = measured(inputs, network, {"v": column, "degree": "degree"})
    value = (1.0 - pl.col("v")) - (1.0 - 1.0 / pl.col("degree"))
    return settle(inputs, values, value, measure_rules(inputs, network, "v", column))


def tie_to_hub(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """1 for a unit with at least one partner among the hubs of the year, else 0.

    Hubs: the top 5 % by degree, ties included (`measures.hubs`).
    """
    values = measured(inputs, network, {"v": "hub_share"})
    rules = measure_rules(inputs, network, "v", "hub_share")
    rules = [rule for rule in rules if rule[1] != "undefined_isolate"]
    return settle(inputs, values, pl.col("v").fill_null(0.0) > 0.0, rules)
