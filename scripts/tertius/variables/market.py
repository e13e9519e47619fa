"""Markets beyond patents: trademarks, products, standards, disputes, customs, sanctions, shocks."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tertius.variables.combine import expand_years
from tertius.variables.frames import Rule, coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.outcomes import outcome_rules
from tertius.variables.records import coded, organisations, partners, patent_counts, rows
from tertius.variables.relations import KEY, NO_PARTNER


def _dated(inputs: Inputs, table: str, date: str) -> pl.DataFrame:
    """The table with org and the calendar year of a date, rows without the date left out."""
    dated = inputs.tables[table].with_columns(pl.col(date).dt.year().cast(pl.Int32).alias("year"))
    return coded(inputs, dated.filter(pl.col("year").is_not_null()))


def _span(inputs: Inputs, table: str, date: str) -> tuple[int, int]:
    years = inputs.tables[table].select(pl.col(date).dt.year())[date]
    return int(years.drop_nulls().min() or 0), int(years.drop_nulls().max() or 0)  # type: ignore[arg-type]


def events(
    inputs: Inputs, *, table: str, date: str, kinds: Sequence[str] | None = None
) -> pl.DataFrame:
    """Records of a table that the unit has in t: trademarks, products, standards, cases; >= 0.

    Years before the first and after the last record of the table: missing_input.

    Args:
        inputs: the study's inputs.
        table: a typed table with org_id.
        date: its date.
        kinds: values of `kind` that count; None = all.
    """
    found = _dated(inputs, table, date)
    if kinds is not None:
        found = found.filter(pl.col("kind").is_in(list(kinds)))
    counts = found.group_by(KEY).agg(pl.len().alias("n"))
    return settle(inputs, counts, pl.col("n").fill_null(0), _event_rules(inputs, table, date))


def _event_rules(inputs: Inputs, table: str, date: str) -> list[Rule]:
    first, last = _span(inputs, table, date)
    return [*outcome_rules(inputs), (~pl.col("year").is_between(first, last), "missing_input")]


def trademark_stock(inputs: Inputs, *, years: int = 10) -> pl.DataFrame:
    """ln(1 + trademarks filed in t-years+1..t), the strength of the brand; >= 0. Our proxy.

    Years before the table has `years` years: truncated.
    """
    counts = (
        _dated(inputs, "trademarks", "date").group_by(KEY).agg(pl.len().cast(pl.Int64).alias("n"))
    )
    sums = expand_years(counts, years).group_by(KEY).agg(pl.col("n").sum())
    first, last = _span(inputs, "trademarks", "date")
    rules: list[Rule] = [
        (pl.col("year") > last, "missing_input"),
        (pl.col("year") < first + years - 1, "truncated"),
    ]
    return settle(inputs, sums, pl.col("n").fill_null(0).cast(pl.Float64).log1p(), rules)


def new_segments(inputs: Inputs) -> pl.DataFrame:
    """Product segments that the unit enters in t, never served before; >= 0. Market novelty."""
    launched = _dated(inputs, "products", "launch").drop_nulls("segment")
    first = launched.group_by("org", "segment").agg(pl.col("year").min())
    counts = first.group_by(KEY).agg(pl.len().alias("n"))
    rules = _event_rules(inputs, "products", "launch")
    return settle(inputs, counts, pl.col("n").fill_null(0), rules)


def development_cycle(inputs: Inputs, *, relative: bool = False) -> pl.DataFrame:
    """Mean days from the first patent or trademark of a product to its launch, products of t.

    An outcome. No product of t with both dates: undefined_single. relative: divided by the mean of
    the other units of the four-digit industry in the year; without one: missing_input.
    """
    timed = _dated(inputs, "products", "launch").filter(pl.col("first_ip").is_not_null())
    days = (pl.col("launch") - pl.col("first_ip")).dt.total_days()
    own = timed.group_by(KEY).agg(days.sum().alias("days"), pl.len().cast(pl.Int64).alias("n"))
    rules = [
        *_event_rules(inputs, "products", "launch"),
        (pl.col("n").fill_null(0) == 0, "undefined_single"),
    ]
    if not relative:
        return settle(inputs, own, pl.col("days") / pl.col("n"), rules)
    placed = own.join(organisations(inputs).select("org", "ind4"), on="org")
    totals = placed.group_by("ind4", "year").agg(
        pl.col("days").sum().alias("all_days"), pl.col("n").sum().alias("all_n")
    )
    values = placed.join(totals, on=["ind4", "year"], how="left")
    others = pl.col("all_n") - pl.col("n")
    theirs = (pl.col("all_days") - pl.col("days")) / others
    rules += [
        (others.fill_null(0) == 0, "missing_input"),
        (pl.col("all_days") - pl.col("days") == 0, "zero_denominator"),
    ]
    return settle(inputs, values, pl.col("days") / pl.col("n") / theirs, rules)


def homogeneous_share(inputs: Inputs) -> pl.DataFrame:
    """Share of the products launched until t that are homogeneous; in [0, 1].

    No product with a known kind until t: undefined_single.
    """
    known = _dated(inputs, "products", "launch").drop_nulls("homogeneous")
    years = pl.DataFrame({"year": pl.Series(inputs.years, dtype=pl.Int32)})
    counts = (
        known.group_by("org", "year")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("homogeneous").cast(pl.Int64).sum().alias("hits"),
        )
        .rename({"year": "made"})
        .join(years, how="cross")
        .filter(pl.col("made") <= pl.col("year"))
        .group_by(KEY)
        .agg(pl.col("n", "hits").sum())
    )
    rules: list[Rule] = [(pl.col("n").fill_null(0) == 0, "undefined_single")]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def trademarks_per_patent(inputs: Inputs) -> pl.DataFrame:
    """Trademarks of t per patent of t; >= 0. No patents in t: undefined_nopat."""
    counts = _dated(inputs, "trademarks", "date").group_by(KEY).agg(pl.len().alias("marks"))
    values = patent_counts(inputs).join(counts, on=KEY, how="full", coalesce=True)
    first, last = _span(inputs, "trademarks", "date")
    rules = [
        (~pl.col("year").is_between(first, last), "missing_input"),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, values, pl.col("marks").fill_null(0) / pl.col("n"), rules)


def lost_cases(inputs: Inputs) -> pl.DataFrame:
    """Share of the disputes decided in t that were lost or settled; in [0, 1]. An outcome.

    None decided in t: undefined_single.
    """
    decided = _dated(inputs, "litigation", "decided").filter(
        pl.col("outcome").is_in(["won", "lost", "settled"])
    )
    counts = decided.group_by(KEY).agg(
        pl.len().alias("n"), (pl.col("outcome") != "won").sum().alias("hits")
    )
    rules = [
        *_event_rules(inputs, "litigation", "decided"),
        (pl.col("n").fill_null(0) == 0, "undefined_single"),
    ]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


# ------------------------------------------------------------------------------------- customs
def customs_ratio(inputs: Inputs, *, column: str) -> pl.DataFrame:
    """Export-weighted attribute of the unit's exports in t.

    domestic: 1 - imported inputs / exports (in (-inf, 1], domestic value added, Kee and Tang 2016);
    upstreamness: mean upstreamness (Antras et al. 2012); homogeneous, labour: share of exports of
    homogeneous, of labour-intensive products. No exports: zero_denominator; attribute unknown:
    missing_input.
    """
    table = coded(inputs, inputs.tables["customs"]).sort("org", "year", "product")
    source = {
        "domestic": pl.col("exports") - pl.col("imported_inputs"),
        "upstreamness": pl.col("upstreamness") * pl.col("exports"),
        "homogeneous": pl.col("homogeneous").cast(pl.Float64) * pl.col("exports"),
        "labour": pl.col("labour_intensive").cast(pl.Float64) * pl.col("exports"),
    }[column]
    known = table.with_columns(v=source).filter(pl.col("v").is_not_null())
    sums = ordered_sum(known, KEY, ["product"], ["v", "exports"])
    present = table.select(KEY).unique().with_columns(there=pl.lit(1))
    values = present.join(sums, on=KEY, how="left")
    rules: list[Rule] = [
        (pl.col("there").is_null() | pl.col("exports").is_null(), "missing_input"),
        (pl.col("exports") == 0.0, "zero_denominator"),
    ]
    return settle(inputs, values, pl.col("v") / pl.col("exports"), rules)


def export_growth(inputs: Inputs) -> pl.DataFrame:
    """Growth of exports from t-1 to t; >= -1. No exports in a year: missing_input."""
    table = coded(inputs, inputs.tables["customs"])
    now = ordered_sum(table, KEY, ["product"], ["exports"])
    then = now.select("org", (pl.col("year") + 1).cast(pl.Int32).alias("year"), before="exports")
    values = now.join(then, on=KEY, how="left")
    rules: list[Rule] = [
        (pl.col("exports").is_null() | pl.col("before").is_null(), "missing_input"),
        (pl.col("before") == 0.0, "zero_denominator"),
    ]
    return settle(inputs, values, pl.col("exports") / pl.col("before") - 1.0, rules)


def sales_degree(inputs: Inputs) -> pl.DataFrame:
    """Partners in the network of sales of the year, in either direction; >= 0.

    Years outside the table: missing_input.
    """
    table = inputs.tables["sales_ties"]
    forward = table.select("year", "org_id", other="partner_id")
    back = table.select("year", org_id="partner_id", other="org_id")
    pairs = coded(inputs, pl.concat([forward, back]).unique())
    counts = pairs.group_by(KEY).agg(pl.len().alias("n"))
    first, last = table["year"].min(), table["year"].max()
    rules: list[Rule] = [(~pl.col("year").is_between(pl.lit(first), pl.lit(last)), "missing_input")]
    return settle(inputs, counts, pl.col("n").fill_null(0), rules)


# --------------------------------------------------------------------------- sanctions and shocks
def _listed(inputs: Inputs) -> pl.DataFrame:
    """org, year: units that stand on a sanction list on 31 December of the year."""
    years = pl.DataFrame({"year": pl.Series(inputs.years, dtype=pl.Int32)})
    day = pl.date(pl.col("year"), 12, 31)
    table = inputs.tables["sanctions"].join(years, how="cross")
    active = table.filter(
        (pl.col("listed") <= day) & (pl.col("delisted").is_null() | (pl.col("delisted") > day))
    )
    return coded(inputs, active.select("org_id", "year").unique())


def decoupling(inputs: Inputs, *, network: str, whom: str = "any") -> pl.DataFrame:
    """1 where the unit (own), a partner (partner) or one of them (any) is on a sanction list.

    On 31 December t.
    """
    listed = _listed(inputs)
    theirs = listed.rename({"org": "partner"})
    ties = partners(inputs, network).select("year", "org", "partner")
    hit = ties.join(theirs, on=["partner", "year"], how="semi").select(KEY).unique()
    marked = (
        rows(inputs)
        .select("org", "year")
        .join(listed.with_columns(own=pl.lit(1)), on=KEY, how="left")
        .join(hit.with_columns(partner=pl.lit(1)), on=KEY, how="left")
    )
    own, other = pl.col("own").is_not_null(), pl.col("partner").is_not_null()
    value = {"own": own, "partner": other, "any": own | other}[whom]
    rules = [] if whom == "own" else coverage(inputs, network)
    return settle(inputs, marked, value, rules)


def partner_shock(
    inputs: Inputs, *, network: str, kinds: Sequence[str] | None = None, how: str = "any"
) -> pl.DataFrame:
    """Partners of t-1 that are hit by a shock in t: 1 if any, or their share; in [0, 1].

    Shocks: the study's table, and the dissolution of partners by the register. No partner in t-1:
    0 (any) or undefined_isolate (share).

    Args:
        inputs: the study's inputs.
        network: the network.
        kinds: kinds of shocks; None = all. Dissolutions count as death.
        how: any | share.
    """
    dated = inputs.tables["shocks"].select(
        "org_id", "kind", year=pl.col("date").dt.year().cast(pl.Int32)
    )
    found = coded(inputs, dated)
    if inputs.has("organisations.death_year"):
        deaths = organisations(inputs).select("org", year="death_year").drop_nulls()
        deaths = deaths.select("org", kind=pl.lit("death"), year=pl.col("year").cast(pl.Int32))
        found = pl.concat([found.select("org", "kind", "year"), deaths])
    if kinds is not None:
        found = found.filter(pl.col("kind").is_in(list(kinds)))
    hit = found.select(partner="org", year="year").unique().with_columns(hit=pl.lit(1))
    then = partners(inputs, network).select(
        "org", "partner", (pl.col("year") + 1).cast(pl.Int32).alias("year")
    )
    counts = (
        then.join(hit, on=["partner", "year"], how="left")
        .group_by(KEY)
        .agg(pl.len().alias("n"), pl.col("hit").count().alias("hits"))
    )
    rules = coverage(inputs, network, back=1)
    if how == "any":
        return settle(inputs, counts, pl.col("hits").fill_null(0) > 0, rules)
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), [*rules, NO_PARTNER])
