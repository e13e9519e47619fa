"""How near the partners are: same industry, place and institutions; markets; joint ownership."""

from __future__ import annotations

import polars as pl

from tertius.variables.frames import coverage, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import coded, organisations, partners, publications
from tertius.variables.relations import (
    KEY,
    NO_PARTNER,
    record_numbers,
    settled_over_partners,
    tie_pairs,
)

EARTH_KM = 6371.0088
"""Mean radius of the Earth (IUGG)."""
MARKETS = ("marketing", "supply")


def same_industry(inputs: Inputs, *, network: str, firms_only: bool = False) -> pl.DataFrame:
    """Coopetition with partners: share of them in the unit's four-digit industry; in [0, 1].

    Partners without an industry (universities, ...) count as others; firms_only leaves them out. No
    partner: undefined_isolate; the unit's own industry not known: missing_input; no partner with an
    industry under firms_only: zero_denominator. Luo, Rindfleisch and Tse (2007).
    """
    known = organisations(inputs).select("org", "ind4")
    tied = (
        partners(inputs, network)
        .join(known.rename({"ind4": "own"}), on="org", how="left")
        .join(known.rename({"org": "partner", "ind4": "theirs"}), on="partner", how="left")
    )
    counts = tied.group_by(KEY).agg(
        pl.len().alias("n"),
        pl.col("theirs").is_not_null().sum().alias("known"),
        (pl.col("own") == pl.col("theirs")).fill_null(False).sum().alias("same"),
        pl.col("own").first(),
    )
    base = "known" if firms_only else "n"
    rules = [
        *coverage(inputs, network),
        NO_PARTNER,
        (pl.col("own").is_null(), "missing_input"),
        (pl.col(base) == 0, "zero_denominator"),
    ]
    return settle(inputs, counts, pl.col("same") / pl.col(base), rules)


def rival_pairs(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Coopetition among partners: share of the pairs of partners in one four-digit industry.

    sum_c n_c (n_c - 1) / (n (n - 1)) in [0, 1]; partners without an industry rival nobody. No
    partner: undefined_isolate; one: undefined_single. Lavie (2007).
    """
    known = organisations(inputs).select(pl.col("org").alias("partner"), "ind4")
    tied = partners(inputs, network)
    counts = tied.group_by(KEY).agg(pl.len().cast(pl.Int64).alias("n"))
    classes = (
        tied.join(known.drop_nulls(), on="partner")
        .group_by(*KEY, "ind4")
        .agg(pl.len().cast(pl.Int64).alias("k"))
        .group_by(KEY)
        .agg((pl.col("k") * (pl.col("k") - 1)).sum().alias("pairs"))
    )
    values = counts.join(classes, on=KEY, how="left").with_columns(pl.col("pairs").fill_null(0))
    rules = [*coverage(inputs, network), NO_PARTNER, (pl.col("n") == 1, "undefined_single")]
    return settle(inputs, values, pl.col("pairs") / (pl.col("n") * (pl.col("n") - 1)), rules)


def haversine_km(lat: pl.Expr, lon: pl.Expr, other_lat: pl.Expr, other_lon: pl.Expr) -> pl.Expr:
    """Great-circle distance in km of two points in degrees; in [0, 20016]. Sinnott (1984)."""
    half = ((other_lat - lat).radians() / 2).sin() ** 2
    turn = ((other_lon - lon).radians() / 2).sin() ** 2
    squared = half + lat.radians().cos() * other_lat.radians().cos() * turn
    return 2 * EARTH_KM * squared.clip(0.0, 1.0).sqrt().arcsin()


def geographic_distance(inputs: Inputs, *, network: str, how: str = "mean") -> pl.DataFrame:
    """ln(1 + km) to the partners by great circle, mean or maximum; >= 0.

    No partner: undefined_isolate; no pair with coordinates: missing_input.

    Args:
        inputs: the study's inputs.
        network: the network.
        how: mean | max over the partners with coordinates.
    """
    place = organisations(inputs).select("org", "lat", "lon").drop_nulls()
    theirs = place.rename({"org": "partner", "lat": "lat2", "lon": "lon2"})
    km = haversine_km(pl.col("lat"), pl.col("lon"), pl.col("lat2"), pl.col("lon2"))
    per_partner = (
        partners(inputs, network)
        .join(place, on="org")
        .join(theirs, on="partner")
        .select("year", "org", "partner", v=km.log1p())
    )
    return settled_over_partners(inputs, network, per_partner, how)


def _place_index(inputs: Inputs, column: str) -> pl.DataFrame:
    """org, year, index of the city, or of the province where the city has none."""
    table = inputs.tables["region_years"].select("region", "year", pl.col(column).alias("v"))
    places = organisations(inputs).select("org", "city", "province")
    found = [
        places.join(table, left_on=place, right_on="region").select("org", "year", "v")
        for place in ("city", "province")
    ]
    return (
        found[0]
        .join(found[1], on=["org", "year"], how="full", coalesce=True, suffix="_province")
        .select("org", "year", pl.coalesce("v", "v_province").alias("v"))
        .drop_nulls()
    )


def institutional_distance(
    inputs: Inputs, *, network: str, column: str = "inst", how: str = "mean"
) -> pl.DataFrame:
    """|index_i - index_j| of the places of unit and partner in year t, mean or maximum; >= 0.

    No partner: undefined_isolate; no pair with an index: missing_input.

    Args:
        inputs: the study's inputs.
        network: the network.
        column: an index of region_years.
        how: mean | max over the partners with an index.
    """
    index = _place_index(inputs, column)
    theirs = index.rename({"org": "partner", "v": "theirs"})
    per_partner = (
        partners(inputs, network)
        .join(index.rename({"v": "own"}), on=["org", "year"])
        .join(theirs, on=["partner", "year"])
        .select("year", "org", "partner", v=(pl.col("own") - pl.col("theirs")).abs())
    )
    return settled_over_partners(inputs, network, per_partner, how)


def market_degree(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Number of partners in alliances with marketing or supply; 0 for isolates. Our proxy."""
    scopes = inputs.tables["alliance_scopes"].filter(pl.col("function").is_in(list(MARKETS)))
    market = record_numbers(inputs, network).join(
        scopes, left_on="record_id", right_on="aid", how="semi"
    )
    tied = tie_pairs(inputs, network).join(market, on="record", how="semi")
    counts = tied.select("year", "org", "partner").unique().group_by(KEY).agg(pl.len().alias("n"))
    return settle(inputs, counts, pl.col("n").fill_null(0), coverage(inputs, network))


def joint_ownership(inputs: Inputs, *, years: int = 5) -> pl.DataFrame:
    """Share of co-owned families among those with inventors of several organisations; in [0, 1].

    Over the unit's families in W(t, years): two or more applicants, of those whose inventors belong
    to two or more organisations. No such family: undefined_nopat; window before the records:
    truncated. Belderbos, Cassiman, Faems, Leten and Van Looy (2014).
    """
    families = publications(inputs).filter("first").select("pid", "unit", "year")
    applicants = inputs.tables["patent_applicants"].select("pid", "org_id")
    inventors = inputs.columns("patent_inventors", "pid", "org_id").drop_nulls()
    owned, made = (
        table.join(families, on="pid").group_by("unit").agg(pl.col("org_id").n_unique().alias(name))
        for table, name in ((applicants, "owners"), (inventors, "makers"))
    )
    joint = families.select("unit", "year").unique().join(made, on="unit").join(owned, on="unit")
    held = coded(inputs, applicants.join(families.select("pid", "unit"), on="pid"))
    lags = pl.DataFrame({"lag": pl.Series(range(years), dtype=pl.Int32)})
    counted = (
        held.select("org", "unit")
        .unique()
        .join(joint.filter(pl.col("makers") >= 2), on="unit")
        .join(lags, how="cross")
        .with_columns((pl.col("year") + pl.col("lag")).cast(pl.Int32).alias("year"))
        .group_by(KEY)
        .agg(pl.len().alias("n"), (pl.col("owners") >= 2).sum().alias("shared"))
    )
    rules = [
        (pl.col("year") < inputs.raw_years[0] + years - 1, "truncated"),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, counted, pl.col("shared") / pl.col("n"), rules)
