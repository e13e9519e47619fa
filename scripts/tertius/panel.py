"""The firm-year panel: who lives when, outcomes of later years, the sample and its base counts.

A unit lives in year t when it exists on 31 December t: born in t or before and not dissolved in t
or before. Where the register has no birth year it lives from the first year of a record of it (a
patent, an alliance) on; where it has no death year, to the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from tertius.model_spec import ATTRIBUTES
from tertius.problems import InputError, Problem, did_you_mean
from tertius.terms import split_lag


class RiskSet(NamedTuple):
    """The rows (org_id, year) of all living units, and how they came about."""

    rows: pl.DataFrame
    ledger: dict[str, int]


def activity(
    holders: pl.DataFrame | None,
    patents: pl.DataFrame | None,
    parties: pl.DataFrame | None = None,
    alliances: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """First and last year of a record of each unit: org_id, first_year, last_year, sorted.

    Args:
        holders: pid, org_id: whose patents they are.
        patents: pid, year.
        parties: aid, org_id of alliances.
        alliances: aid, start_date.
    """
    found = [pl.DataFrame(schema={"org_id": pl.String, "year": pl.Int32})]
    if holders is not None and patents is not None:
        dated = holders.select("pid", "org_id").join(patents.select("pid", "year"), on="pid")
        found.append(dated.select("org_id", pl.col("year").cast(pl.Int32)))
    if parties is not None and alliances is not None:
        starts = alliances.select(
            "aid", pl.col("start_date").dt.year().cast(pl.Int32).alias("year")
        )
        found.append(
            parties.select("aid", "org_id").join(starts, on="aid").select("org_id", "year")
        )
    return (
        pl.concat(found)
        .filter(pl.col("year").is_not_null())
        .group_by("org_id")
        .agg(pl.col("year").min().alias("first_year"), pl.col("year").max().alias("last_year"))
        .sort("org_id")
    )


def patent_holders(tables: Mapping[str, pl.DataFrame], unit: str) -> pl.DataFrame | None:
    """Whose patents they are: pid, org_id, share, sorted; None where the study has no patents.

    Args:
        tables: the study's typed tables.
        unit: organisation (its applicants hold a patent) or inventor (its inventors, each an equal
            share; org_id is the inventor's id).
    """
    if unit == "organisation":
        applicants = tables.get("patent_applicants")
        return None if applicants is None else applicants.select("pid", "org_id", "share")
    inventors = tables.get("patent_inventors")
    if inventors is None:
        return None
    equal = (1 / pl.len().over("pid")).alias("share")
    return inventors.select("pid", pl.col("inv_id").alias("org_id"), equal).sort("pid", "org_id")


def units_at_risk(tables: Mapping[str, pl.DataFrame], unit: str, years: Iterable[int]) -> RiskSet:
    """The risk set of a study's unit, from its typed tables (see `risk_set`)."""
    organisations = unit == "organisation"
    active = activity(
        patent_holders(tables, unit),
        tables.get("patents"),
        tables.get("alliance_parties") if organisations else None,
        tables.get("alliances") if organisations else None,
    )
    return risk_set(tables.get("organisations") if organisations else None, active, years)


def panel_years(years: Mapping[str, Sequence[int]]) -> range:
    """Years for which variables are derived: the analysis years and those of their outcomes."""
    return range(years["analysis"][0], max(years["analysis"][1], years["outcomes"][1]) + 1)


def risk_set(
    organisations: pl.DataFrame | None, active: pl.DataFrame, years: Iterable[int]
) -> RiskSet:
    """All living units of every year, those without ties and patents included.

    Args:
        organisations: org_id, birth_year, death_year; None where the units are inventors, who have
            no register: each lives from the first record on.
        active: the frame of `activity`.
        years: the years wanted.

    Returns:
        rows: org_id, year, sorted. ledger: units, units_born_by_register,
        units_from_their_first_record, units_without_birth_or_record (never at risk),
        units_with_records_before_birth (the register is believed), rows.
    """
    register = pl.DataFrame(
        schema={"org_id": pl.String, "birth_year": pl.Int32, "death_year": pl.Int32}
    )
    if organisations is not None:
        register = organisations.select("org_id", pl.col("birth_year", "death_year").cast(pl.Int32))
    lives = register.join(active, on="org_id", how="full", coalesce=True).with_columns(
        since=pl.coalesce("birth_year", "first_year")
    )
    calendar = pl.DataFrame({"year": pl.Series(sorted(set(years)), dtype=pl.Int32)})
    born = lives.filter(pl.col("since").is_not_null())
    alive = (pl.col("since") <= pl.col("year")) & (
        pl.col("death_year").is_null() | (pl.col("death_year") > pl.col("year"))
    )
    rows = born.join(calendar, how="cross").filter(alive).select("org_id", "year")
    known = pl.col("birth_year").is_not_null()
    early = known & (pl.col("first_year") < pl.col("birth_year"))
    ledger = {
        "units": lives.height,
        "units_born_by_register": lives.filter(known).height,
        "units_from_their_first_record": born.filter(~known).height,
        "units_without_birth_or_record": lives.height - born.height,
        "units_with_records_before_birth": lives.filter(early).height,
        "rows": rows.height,
    }
    return RiskSet(rows.sort("org_id", "year"), ledger)


def attach_leads(
    panel: pl.DataFrame, leads: Mapping[str, Sequence[int]], outcome_years: tuple[int, int]
) -> pl.DataFrame:
    """The panel with `<name>_t<h>` = the value of the variable in year t+h, and its status.

    By calendar: the row (org_id, t+h) is looked up, gaps stay gaps. Year t+h outside the outcome
    years: truncated. Unit not alive in t+h: missing_input (its outcome is not observed, which is
    not a 0). A living unit without patents in t+h has the 0 that the outcome gives it.

    Args:
        panel: org_id, year, every outcome and its status; one row a key.
        leads: outcome -> the numbers of years h.
        outcome_years: first and last year in which outcomes are observed.
    """
    first, last = outcome_years
    key = panel.select("org_id", "year").with_row_index("row")
    later: dict[int, pl.Series] = {}
    for horizon in sorted({h for horizons in leads.values() for h in horizons}):
        sought = key.select("org_id", (pl.col("year") + horizon).cast(pl.Int32))
        found = sought.join(key, on=["org_id", "year"], how="left", maintain_order="left")
        later[horizon] = found["row"]
    added = []
    for name, horizons in leads.items():
        for horizon in horizons:
            target, row = pl.col("year") + horizon, later[horizon]
            outside = (target < first) | (target > last)
            status = pl.col(f"{name}_status").gather(row).fill_null("missing_input")
            added += [
                pl.when(~outside).then(pl.col(name).gather(row)).alias(f"{name}_t{horizon}"),
                pl.when(outside)
                .then(pl.lit("truncated", panel.schema[f"{name}_status"]))
                .otherwise(status)
                .alias(f"{name}_t{horizon}_status"),
            ]
    return panel.with_columns(added)


def attach_lags(panel: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """The panel with the lagged columns that are named, and their statuses.

    By calendar: ``deg_l1`` in the row (org_id, t) is deg of the row (org_id, t - 1). Where that row
    is absent the value is null and the status truncated.

    Args:
        panel: org_id, year, each variable and its status; years of a unit may have gaps.
        names: of lagged columns (`tertius.terms.lag_name`); those that tell no lag or are there
            already are passed over.

    Raises:
        InputError: a variable to be lagged is absent.
    """
    wanted = {name: split_lag(name) for name in dict.fromkeys(names) if name not in panel.columns}
    wanted = {name: pair for name, pair in wanted.items() if pair[1]}
    absent = sorted({v for v, _ in wanted.values() if v not in panel.columns})
    if absent:
        raise InputError(
            [Problem(f"panel.{v}", "is absent", did_you_mean(v, panel.columns)) for v in absent]
        )
    wide = panel
    for lag in sorted({lag for _, lag in wanted.values()}):
        pairs = [(name, v) for name, (v, by) in wanted.items() if by == lag]
        earlier = panel.select(
            "org_id",
            (pl.col("year") + lag).cast(panel.schema["year"]).alias("year"),
            *(pl.col(v).alias(name) for name, v in pairs),
            *(pl.col(f"{v}_status").alias(f"{name}_status") for name, v in pairs),
        )
        wide = wide.join(earlier, on=["org_id", "year"], how="left", maintain_order="left")
    return wide.with_columns(pl.col(f"{name}_status").fill_null("truncated") for name in wanted)


def attach_attributes(panel: pl.DataFrame, organisations: pl.DataFrame | None) -> pl.DataFrame:
    """The panel with the attributes of its organisations that may be effects or clusters.

    Columns of `tertius.model_spec.ATTRIBUTES` that the register has; null where it is silent, and
    in all rows where there is no such column or no register.
    """
    known = [] if organisations is None else [c for c in ATTRIBUTES if c in organisations.columns]
    wide = panel
    if organisations is not None and known:
        lean = organisations.select("org_id", *known)
        wide = panel.join(lean, on="org_id", how="left", maintain_order="left")
    silent = [name for name in ATTRIBUTES if name not in known]
    return wide.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in silent)


def mark_sample(
    panel: pl.DataFrame,
    analysis_years: tuple[int, int],
    organisations: pl.DataFrame | None = None,
    types: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The panel with `in_sample`: analysis year and organisation type of the study's frame.

    Args:
        panel: org_id, year, ...
        analysis_years: first and last year t of the covariates.
        organisations: org_id, type.
        types: types of the frame; None = every unit (inventors).
    """
    in_years = pl.col("year").is_between(*analysis_years)
    if types is None or organisations is None:
        return panel.with_columns(in_sample=in_years)
    framed = organisations.filter(pl.col("type").is_in(list(types)))
    framed = framed.select("org_id", pl.lit(True).alias("framed"))
    return (
        panel.join(framed, on="org_id", how="left", maintain_order="left")
        .with_columns(in_sample=in_years & pl.col("framed").fill_null(False))
        .drop("framed")
    )


def attrition_base(
    panel: pl.DataFrame, analysis_years: tuple[int, int]
) -> list[dict[str, str | int]]:
    """The first rows of every attrition block: step, rows, firms (distinct units).

    Living unit-years of all types and years, those of the analysis years, those in the frame. The
    last one is where each model begins.
    """
    rows = panel.select("org_id", "year", "in_sample")
    in_years = rows.filter(pl.col("year").is_between(*analysis_years))
    steps = {
        "living unit-years, all types": rows,
        "in the analysis years": in_years,
        "in the frame": in_years.filter("in_sample"),
    }
    return [
        {"step": step, "rows": frame.height, "firms": frame["org_id"].n_unique()}
        for step, frame in steps.items()
    ]
