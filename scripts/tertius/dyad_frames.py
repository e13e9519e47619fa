"""The frames of dyads of a study, from its tables, networks and panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tertius.dyad_covariates import DyadSources
from tertius.dyad_names import FRAMES
from tertius.dyads import (
    SPELL_TERMS,
    DyadFrame,
    alliance_deals,
    choice_sets,
    formation_dyads,
    network_dyads,
    record_deals,
    tie_years,
)
from tertius.variables.forms import form_of

ENDED, ABSORBED = 1, 2
"""Causes of the end of a tie: it was ended; a member died or was taken over in that year."""


@dataclass(frozen=True)
class DyadSettings:
    """What a study sets: years of the outcomes, sampling, covariates, types at risk, seed.

    `controls` are the alternatives of a choice, or the dyads without a tie per one with it;
    `most_choices` and `most_spells` bound the choice sets a year and the spells of large studies.
    """

    years: tuple[int, int]
    types: tuple[str, ...] = ("firm",)
    controls: int = 10
    most_choices: int | None = 2_000
    most_spells: int | None = 20_000
    variables: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    class_window: int = 5
    seed: int = 1


def dyad_frame(
    kind: str,
    tables: Mapping[str, pl.DataFrame],
    ties: pl.DataFrame,
    tie_records: pl.DataFrame,
    panel: pl.DataFrame,
    settings: DyadSettings,
) -> DyadFrame:
    """One frame of dyads.

    Args:
        kind: of `FRAMES`.
        tables: the study's typed tables; alliances give the deals where there are any.
        ties, tie_records: of the focal network.
        panel: org_id, year and the variables with statuses; its rows are the risk set.
        settings: of the study.

    Raises:
        ValueError: unknown kind, or spells of ties without alliances.
    """
    if kind not in FRAMES:
        raise ValueError(f"unknown frame {kind!r}; known are {', '.join(FRAMES)}")
    sources = dyad_sources(tables, ties, tie_records, panel, settings)
    told: dict[str, Any] = {"variables": settings.variables, "attributes": settings.attributes}
    years = range(settings.years[0], settings.years[1] + 1)
    if kind == "formation":
        return formation_dyads(
            sources,
            years,
            controls=settings.controls,
            seed=settings.seed,
            **told,
        )
    if kind == "choices":
        return choice_sets(
            sources,
            years,
            alternatives=settings.controls,
            most=settings.most_choices,
            seed=settings.seed,
            **told,
        )
    if kind == "network":
        return network_dyads(
            sources,
            years,
            controls=settings.controls,
            seed=settings.seed,
            **told,
        )
    if "alliances" not in tables:
        raise ValueError("ties have beginnings and ends in alliances only")
    spells = alliance_spells(
        tables["alliances"], tables["alliance_parties"], tables.get("organisations")
    )
    members = sources.at_risk["org_id"].unique()
    inside = pl.col("a").is_in(members.implode()) & pl.col("b").is_in(members.implode())
    return tie_years(
        spells.filter(inside),
        sources,
        settings.years,
        most=settings.most_spells,
        seed=settings.seed,
        **told,
    )


def dyad_sources(
    tables: Mapping[str, pl.DataFrame],
    ties: pl.DataFrame,
    tie_records: pl.DataFrame,
    panel: pl.DataFrame,
    settings: DyadSettings,
) -> DyadSources:
    """Sources of the covariates, cut to the organisation types at risk."""
    organisations = tables.get("organisations")
    at_risk = panel.select("org_id", "year").sort("org_id", "year")
    if organisations is not None:
        wanted = organisations.filter(pl.col("type").is_in(settings.types)).select("org_id")
        at_risk = at_risk.join(wanted, on="org_id", how="semi").sort("org_id", "year")
    known = at_risk.select("org_id").unique()
    deals = (
        alliance_deals(tables["alliances"], tables["alliance_parties"])
        if "alliances" in tables
        else record_deals(tie_records)
    )
    statuses = [f"{v}_status" for v in settings.variables]
    return DyadSources(
        deals=_among(deals, known),
        ties=_among(ties.select("year", "a", "b"), known),
        at_risk=at_risk,
        nodes=panel.select("org_id", "year", *settings.variables, *statuses),
        organisations=organisations,
        portfolios=class_portfolios(tables, settings),
    )


def _among(pairs: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Pairs with both members in a list, sorted."""
    for side in ("a", "b"):
        pairs = pairs.join(members.rename({"org_id": side}), on=side, how="semi")
    return pairs.sort("year", "a", "b")


def class_portfolios(
    tables: Mapping[str, pl.DataFrame], settings: DyadSettings
) -> pl.DataFrame | None:
    """Patents by IPC subclass in the window that ends in each year; None without patents.

    Returns:
        org_id, year, code (first four characters), weight (patents, each counted once a class).
    """
    if not {"patents", "patent_applicants", "patent_classes"} <= set(tables):
        return None
    codes = tables["patent_classes"].select("pid", pl.col("code").str.slice(0, 4)).unique()
    held = tables["patent_applicants"].select("pid", "org_id").unique()
    dated = tables["patents"].select("pid", "year").join(held, on="pid").join(codes, on="pid")
    counts = dated.group_by("org_id", "year", "code").agg(weight=pl.len().cast(pl.Float64))
    first, last = settings.years
    window = [
        counts.filter(pl.col("year").is_between(year - settings.class_window + 1, year))
        .group_by("org_id", "code")
        .agg(pl.col("weight").sum())
        .with_columns(year=pl.lit(year, dtype=pl.Int32))
        for year in range(first - 1, last)
    ]
    return (
        pl.concat(window).select("org_id", "year", "code", "weight").sort("org_id", "year", "code")
    )


def alliance_spells(
    alliances: pl.DataFrame, parties: pl.DataFrame, organisations: pl.DataFrame | None
) -> pl.DataFrame:
    """Spells of ties: spell (``aid:a|b``), a, b, start, end, cause (1 ended, 2 absorbed, else 0).

    An end is known where the source says so. It counts as absorbed where a member dies, or passes
    to a parent, in the year of the end. Where the source tells forms, `equity` and `formal` (equity
    or contract clauses) are those of the alliance (`tertius.variables.forms.form_of`); `repeated`
    is true where the pair began another alliance in an earlier year.
    """
    dates = alliances.select(
        "aid",
        pl.col("start_date").dt.year().cast(pl.Int32).alias("start"),
        pl.col("end_date").dt.year().cast(pl.Int32).alias("end"),
        "end_known",
    )
    members = parties.select("aid", pl.col("org_id").alias("a"))
    pairs = members.join(members.rename({"a": "b"}), on="aid").filter(pl.col("a") < pl.col("b"))
    spells = pairs.join(dates, on="aid")
    gone = pl.lit(value=False)
    if organisations is not None:
        for side in ("a", "b"):
            lean = organisations.select(
                pl.col("org_id").alias(side),
                pl.col("death_year").alias(f"death_{side}"),
                pl.col("parent_from").alias(f"parent_{side}"),
            )
            spells = spells.join(lean, on=side, how="left")
            for what in ("death", "parent"):
                gone = gone | (pl.col(f"{what}_{side}") == pl.col("end")).fill_null(value=False)
    first = pl.col("start").min().over("a", "b")
    spells = spells.with_columns(repeated=pl.col("start") > first)
    told = {"form", "jv_flag", "equity_flag", "contract_flags"} <= set(alliances.columns)
    if told:
        forms = form_of(alliances).select(pl.col("record_id").alias("aid"), "equity", "formal")
        spells = spells.join(forms, on="aid", how="left")
    own = [name for name in SPELL_TERMS if name in spells.columns]
    known = pl.col("end_known") & pl.col("end").is_not_null()
    cause = pl.when(~known).then(0).when(gone).then(ABSORBED).otherwise(ENDED)
    return spells.select(
        (pl.col("aid") + ":" + pl.col("a") + "|" + pl.col("b")).alias("spell"),
        "a",
        "b",
        "start",
        "end",
        cause.cast(pl.Int32).alias("cause"),
        *own,
    ).sort("spell")
