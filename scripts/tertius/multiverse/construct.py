"""What the construction choices build: networks, their measures, and the panel of a claim."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from tertius import panel as panels
from tertius.identity.groups import heads, owners_of, roll_up
from tertius.measures import measure_years
from tertius.multiverse.grid import NetworkVariant
from tertius.networks import build_network, network_nodes, tie_years
from tertius.variables.derive import derive, library
from tertius.variables.inputs import Inputs, NetworkFacts, VariableSpec

Tables = Mapping[str, pl.DataFrame]
Years = Mapping[str, Sequence[int]]


NOBODY = pl.DataFrame(schema={"year": pl.Int32, "node": pl.String})


class BuiltNetwork(NamedTuple):
    """Ties (year, a, b, weights), records, measures of every node, and who left (year, node)."""

    ties: pl.DataFrame
    records: pl.DataFrame
    measures: pl.DataFrame
    left: pl.DataFrame = NOBODY


def build_variant(
    tables: Tables,
    variant: NetworkVariant,
    years: Years,
    measures: Mapping[str, Any],
    unit: str,
    seed: int,
) -> BuiltNetwork:
    """Build and measure one variant of the focal network.

    Args:
        tables: the study's typed tables.
        variant: its settings.
        years: raw, analysis and outcomes; all years get ties, those of the analysis are measured.
        measures: the study's settings of measures.
        unit: organisation | inventor.
        seed: of sampled measures.
    """
    rolled = rolled_up(tables, variant.roll_up, years)
    first, last = tie_years(years)
    built = build_network(
        rolled,
        layers=variant.layers,
        window=variant.window or 1,
        years=range(first, last + 1),
        clique_cap=variant.clique_cap,
        lifespan=variant.lifespan or 1,
    )
    left = leavers(built.ties, rolled, variant)
    ties, records = (_without(frame, left) for frame in (built.ties, built.records))
    span = range(years["analysis"][0], years["analysis"][1] + 1)
    nodes = network_nodes(
        rolled,
        ties,
        panels.units_at_risk(rolled, unit, span).rows,
        layers=variant.layers,
        window=variant.window or 1,
        years=span,
        lifespan=variant.lifespan or 1,
    )
    measured = measure_years(
        ties,
        nodes.join(left, on=["year", "node"], how="anti").sort("year", "node"),
        weight=f"weight_{variant.weight}",
        years=span,
        exact_limit=measures["exact_limit"],
        closeness_exact_limit=measures["closeness_exact_limit"],
        cost_limit=measures["cost_limit"],
        sample_sources=measures["sample_sources"],
        seed=seed,
    )
    return BuiltNetwork(ties, records, measured, left)


def rolled_up(tables: Tables, rule: str, years: Years) -> Tables:
    """The tables with each record at the head of its organisation in the record's year.

    Owners are those of the register; as under the study's `identity.roll_up`, applicants share a
    patent equally and accounts of subsidiaries stand in the head's. `none` changes nothing.
    """
    if rule == "none" or "organisations" not in tables:
        return tables
    span = range(years["raw"][0], years["raw"][1] + 1)
    found = heads(owners_of(tables["organisations"]), span, rule)
    moved = dict(tables)
    if "patent_applicants" in tables:
        dates = tables["patents"].select("pid", "year")
        held = roll_up(tables["patent_applicants"], dates, found).sort("pid", "seq")
        held = held.unique(["pid", "org_id"], keep="first", maintain_order=True)
        shared = (1.0 / pl.len().over("pid")).alias("share")
        moved["patent_applicants"] = held.with_columns(shared).sort("pid", "org_id")
    if "alliance_parties" in tables:
        dates = tables["alliances"].select("aid", year=pl.col("start_date").dt.year())
        parties = roll_up(tables["alliance_parties"], dates, found)
        moved["alliance_parties"] = parties.unique(["aid", "org_id"], keep="first").sort(
            "aid", "org_id"
        )
    if "firm_years" in tables:
        owned = found.filter(pl.col("head_id") != pl.col("org_id"))
        moved["firm_years"] = tables["firm_years"].join(owned, on=["org_id", "year"], how="anti")
    return moved


def leavers(ties: pl.DataFrame, tables: Tables, variant: NetworkVariant) -> pl.DataFrame:
    """Nodes that leave the network and the sample: year, node, sorted.

    Hubs: of the nodes with ties in a year the share `hubs` with most partners (at least one node;
    equals of the last one leave too). `without`: organisations of a kind, in every year.
    """
    ends = [ties.select("year", node=end) for end in ("a", "b")]
    degrees = pl.concat(ends).group_by("year", "node").len("degree")
    gone = [degrees.clear().select("year", "node")]
    if variant.hubs > 0:
        place = pl.col("degree").rank("min", descending=True).over("year")
        room = (pl.len().over("year") * variant.hubs).ceil()
        gone.append(degrees.filter(place <= room).select("year", "node"))
    register = tables.get("organisations")
    for column, text in variant.without:
        if register is not None and column in register.columns:
            named = pl.col(column).cast(pl.String).str.to_lowercase().str.contains(text)
            kind = register.filter(named).select(node="org_id")
            gone.append(degrees.select("year").unique().join(kind, how="cross"))
    return pl.concat(gone).unique().sort("year", "node")


def _without(ties: pl.DataFrame, left: pl.DataFrame) -> pl.DataFrame:
    """Ties (or their records) of which no end has left."""
    for end in ("a", "b"):
        ties = ties.join(left, left_on=["year", end], right_on=["year", "node"], how="anti")
    return ties.sort(ties.columns[:3])


@dataclass(frozen=True, eq=False)
class PanelSettings:
    """What a study says about its panel: years, frame types, unit, codebook entries, focal name."""

    years: Years
    types: Sequence[str]
    unit: str
    focal: str
    codebook: Mapping[str, Mapping[str, Any]]
    declared: Mapping[str, Mapping[str, Any]]


def on_network(spec: VariableSpec, focal: str) -> bool:
    """Whether a variable is measured on the focal network, and so changes with it."""
    if spec.network not in (None, focal):
        return False
    if spec.function is None:
        return True
    return "network" in inspect.signature(library()[spec.function]).parameters


def uses_measures(specs: Collection[VariableSpec], names: Collection[str]) -> bool:
    """Whether a variable is made from one of these measures."""
    wanted = {*names, *(f"measures.{name}" for name in names)}
    return any(wanted & {*spec.inputs, str(spec.measure)} for spec in specs)


def variant_panel(
    base: pl.DataFrame,
    codes: Collection[str],
    built: BuiltNetwork,
    variant: NetworkVariant,
    tables: Tables,
    swaps: Mapping[str, str],
    settings: PanelSettings,
) -> pl.DataFrame:
    """The panel of a claim with its variables measured on a network variant.

    Args:
        base: the declared panel with the columns that the claim needs.
        codes: variables to derive anew: those on the network; under a roll-up all.
        built: the network.
        variant: its settings.
        tables: the study's typed tables.
        swaps: measure -> the one that takes its place.
        settings: of the study.

    Returns:
        The columns and rows of `base`; who left the network is not `in_sample`.
    """
    rolled = rolled_up(tables, variant.roll_up, settings.years)
    span = panels.panel_years(settings.years)
    if variant.roll_up == "none":
        span = range(settings.years["analysis"][0], settings.years["analysis"][1] + 1)
    wide = derive(
        _inputs(rolled, built, variant, swaps, settings, span),
        {code: settings.codebook[code] for code in _bases(codes, settings)},
        {code: settings.declared[code] for code in codes if code in settings.declared},
    ).select("org_id", "year", *(c for code in codes for c in (code, f"{code}_status")))
    leads: dict[str, list[int]] = {}
    for code in codes:
        held = [h for h in range(1, 10) if f"{code}_t{h}" in base.columns]
        leads |= {code: held} if held and variant.roll_up != "none" else {}
    outcomes = (settings.years["outcomes"][0], settings.years["outcomes"][1])
    ahead = panels.attach_leads(wide, leads, outcomes)
    made = [name for name in base.columns if name in ahead.columns[2:]]
    joined = base.drop(made).join(
        ahead.select("org_id", "year", *made), on=["org_id", "year"], how="inner",
        maintain_order="left",
    )  # fmt: skip
    gone = built.left.rename({"node": "org_id"}).with_columns(gone=pl.lit(True))
    return (
        joined.join(gone, on=["org_id", "year"], how="left", maintain_order="left")
        .with_columns(in_sample=pl.col("in_sample") & pl.col("gone").is_null())
        .select(base.columns)
    )


def _bases(codes: Collection[str], settings: PanelSettings) -> list[str]:
    """Codebook entries of the codes; of a declared variant, the one that it varies."""
    declared = settings.declared
    named = [declared[code]["of"] if code in declared else code for code in codes]
    return list(dict.fromkeys(str(name) for name in named))


def _inputs(
    tables: Tables,
    built: BuiltNetwork,
    variant: NetworkVariant,
    swaps: Mapping[str, str],
    settings: PanelSettings,
    span: range,
) -> Inputs:
    years, focal = settings.years, settings.focal
    return Inputs(
        tables=tables,
        holders=panels.patent_holders(tables, settings.unit),
        ties={focal: built.ties},
        tie_records={focal: built.records},
        measures={focal: swapped(built.measures, swaps)},
        risk_set=panels.units_at_risk(tables, settings.unit, span).rows,
        raw_years=(years["raw"][0], years["raw"][1]),
        outcome_years=(years["outcomes"][0], years["outcomes"][1]),
        networks={focal: NetworkFacts(variant.layers, variant.window)},
        focal=focal,
        frame_types=tuple(settings.types),
        tie_years=tie_years(years),
    )


def swapped(measures: pl.DataFrame, swaps: Mapping[str, str]) -> pl.DataFrame:
    """Measures with some of them in the place of others, statuses included."""
    taken = {}
    for name, other in swaps.items():
        taken[name] = pl.col(other).alias(name)
        if f"{other}_status" in measures.columns:
            taken[f"{name}_status"] = pl.col(f"{other}_status").alias(f"{name}_status")
    return measures.with_columns(**{k: v for k, v in taken.items() if k in measures.columns})


def with_form(frame: pl.DataFrame, outcome: str, lead: int, form: str) -> pl.DataFrame:
    """The frame with the transformed outcome as `<form>_<outcome>_t<lead>` and its status.

    Args:
        frame: with the outcome's column.
        outcome: name without form and lead.
        lead: number of years.
        form: asinh.

    Raises:
        ValueError: unknown form.
    """
    if form != "asinh":
        raise ValueError(f"unknown form {form!r}")
    column = outcome if lead == 0 else f"{outcome}_t{lead}"
    return frame.with_columns(
        pl.col(column).cast(pl.Float64).arcsinh().alias(f"{form}_{column}"),
        pl.col(f"{column}_status").alias(f"{form}_{column}_status"),
    )


def winsorised_by_year(
    frame: pl.DataFrame, variables: Collection[str], tails: Sequence[float]
) -> pl.DataFrame:
    """Variables cut to their tail quantiles of each year over the ok rows of the sample.

    Variables of at most two values are left alone, as by the pooled cut.
    """
    low, high = (float(q) for q in tails)
    out = frame
    for name in sorted(variables):
        ok = pl.col("in_sample") & (pl.col(f"{name}_status") == "ok")
        value = pl.when(ok).then(pl.col(name).cast(pl.Float64))
        if out.select(value.drop_nulls().n_unique()).item() <= 2:
            continue
        ends = [value.quantile(q, interpolation="linear").over("year") for q in (low, high)]
        out = out.with_columns(pl.col(name).cast(pl.Float64).clip(ends[0], ends[1]).alias(name))
    return out
