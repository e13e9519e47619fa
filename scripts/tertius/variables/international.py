"""R&D abroad: inventors in foreign countries, local embedding, foreign partners, culture."""

from __future__ import annotations

import polars as pl

from tertius.variables.category import category_columns, count_index
from tertius.variables.combine import expand_years, yearly
from tertius.variables.forms import form_of
from tertius.variables.frames import Rule, coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import window_rules
from tertius.variables.outcomes import outcome_rules
from tertius.variables.received import class_citations, inventor_countries
from tertius.variables.records import (
    active_records,
    coded,
    family_classes,
    holdings,
    organisations,
    partner_counts,
    partners,
    rows,
)
from tertius.variables.relations import KEY, settled_over_partners

VERTICAL = ("supply", "manufacture", "marketing")


def _home(inputs: Inputs) -> pl.DataFrame:
    """org, home: the country of every unit that has one."""
    return organisations(inputs).select("org", home="country").drop_nulls()


def _foreign(inputs: Inputs, window: int) -> pl.DataFrame:
    """org, year, country, count: families in W with an inventor in a foreign country."""

    def build() -> pl.DataFrame:
        made = (
            holdings(inputs)
            .join(_home(inputs), on="org")
            .join(inventor_countries(inputs), on="unit")
            .filter(pl.col("country") != pl.col("home"))
            .group_by(*KEY, "country")
            .agg(pl.len().cast(pl.Int64).alias("count"))
        )
        return expand_years(made, window).group_by(*KEY, "country").agg(pl.col("count").sum())

    return inputs.once(("foreign_inventors", window), build)


def _home_rules(inputs: Inputs, window: int) -> list[Rule]:
    return [*window_rules(inputs, window), (pl.col("home").is_null(), "missing_input")]


def _with_home(inputs: Inputs, values: pl.DataFrame) -> pl.DataFrame:
    keyed = rows(inputs).select("org", "year").join(_home(inputs), on="org", how="left")
    return keyed.join(values, on=KEY, how="left")


def foreign_sites(
    inputs: Inputs, *, window: int = 5, highland: bool = False, top: float = 0.1
) -> pl.DataFrame:
    """Foreign countries in which the inventors of the patents in W live; >= 0.

    Home: the country of the register; unknown: missing_input. Guellec and van Pottelsberghe (2001).

    Args:
        inputs: the study's inputs.
        window: years of the window.
        highland: only countries that are a highland (`highlands`) in a class of such a patent.
        top: share of the cells of country and class that are highlands.
    """
    if highland:
        cells = _foreign_cells(inputs, window).join(
            highlands(inputs, window, top).filter("high"), on=["year", "country", "cls"]
        )
        counts = cells.group_by(KEY).agg(pl.col("country").n_unique().alias("n"))
    else:
        counts = _foreign(inputs, window).group_by(KEY).agg(pl.len().alias("n"))
    return settle(
        inputs, _with_home(inputs, counts), pl.col("n").fill_null(0), _home_rules(inputs, window)
    )


def foreign_diversity(inputs: Inputs, *, window: int = 5, index: str = "blau") -> pl.DataFrame:
    """Diversity of the foreign countries of the inventors, over families and countries in W.

    No foreign inventor: undefined_nopat; a single family and country: undefined_single.
    """
    columns = category_columns(_foreign(inputs, window).rename({"country": "category"}))
    rules = [
        *_home_rules(inputs, window),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
        (pl.col("n") == 1, "undefined_single"),
    ]
    return settle(inputs, _with_home(inputs, columns), count_index(index), rules)


def highlands(inputs: Inputs, window: int, top: float) -> pl.DataFrame:
    """year, country, cls, share, high: share of a class's citations that a country's patents get.

    Citations received until t by the patents of W; country: of the inventors, each whole. high: in
    the top tenth of the year's cells with a citation, ties included.
    """
    return inputs.once(("highlands", window, top), lambda: _highlands(inputs, window, top))


def _highlands(inputs: Inputs, window: int, top: float) -> pl.DataFrame:
    shares = yearly(inputs, lambda year: class_citations(inputs, year, window))
    place = (pl.len() * (1.0 - top)).ceil().cast(pl.Int64).clip(1) - 1
    cuts = shares.group_by("year").agg(pl.col("share").sort().gather(place).first().alias("cut"))
    marked = shares.join(cuts, on="year").with_columns(high=pl.col("share") >= pl.col("cut"))
    return marked.select("year", "country", "cls", "share", "high").sort("year", "country", "cls")


def _foreign_cells(inputs: Inputs, window: int) -> pl.DataFrame:
    """org, year, country, cls: foreign countries and classes of the patents in W."""
    made = (
        holdings(inputs)
        .join(_home(inputs), on="org")
        .join(inventor_countries(inputs), on="unit")
        .filter(pl.col("country") != pl.col("home"))
        .join(family_classes(inputs).select("unit", "cls"), on="unit")
        .select(*KEY, "country", "cls")
        .unique()
    )
    return expand_years(made, window).unique()


def foreign_quality(inputs: Inputs, *, window: int = 5) -> pl.DataFrame:
    """Mean share of the class's citations that the host countries' patents receive; in [0, 1].

    Over the foreign countries and classes of the unit's patents in W; cells without citations count
    0. No foreign inventor (with a class): undefined_nopat. Our proxy of the quality of sites.
    """
    cells = _foreign_cells(inputs, window).join(
        highlands(inputs, window, 0.1), on=["year", "country", "cls"], how="left"
    )
    cells = cells.with_columns(pl.col("share").fill_null(0.0), one=pl.lit(1.0))
    sums = ordered_sum(cells, KEY, ["country", "cls"], ["share", "one"])
    rules = [
        *_home_rules(inputs, window),
        (pl.col("one").fill_null(0.0) == 0.0, "undefined_nopat"),
    ]
    value = pl.col("share") / pl.col("one")
    return settle(inputs, _with_home(inputs, sums), value, rules)


def local_embedding(inputs: Inputs, *, window: int = 5) -> pl.DataFrame:
    """Share of the families with foreign inventors that are co-held with a host organisation.

    Over families in W with an inventor in a foreign country; host: a holder of that country other
    than the unit; in [0, 1]. No such family: undefined_nopat. Our proxy.
    """
    abroad = (
        holdings(inputs)
        .join(_home(inputs), on="org")
        .join(inventor_countries(inputs), on="unit")
        .filter(pl.col("country") != pl.col("home"))
    )
    hosts = (
        holdings(inputs).join(_home(inputs), on="org").select("unit", partner="org", country="home")
    )
    local = abroad.join(hosts, on=["unit", "country"]).filter(pl.col("org") != pl.col("partner"))
    counts = (
        abroad.select(*KEY, "unit")
        .unique()
        .join(local.select("org", "unit", hit=pl.lit(1)).unique(), on=["org", "unit"], how="left")
        .group_by(KEY)
        .agg(pl.len().cast(pl.Int64).alias("n"), pl.col("hit").count().cast(pl.Int64).alias("hits"))
    )
    summed = expand_years(counts, window).group_by(KEY).agg(pl.col("n", "hits").sum())
    rules = [*_home_rules(inputs, window), (pl.col("n").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, _with_home(inputs, summed), pl.col("hits") / pl.col("n"), rules)


def co_invention(inputs: Inputs, *, how: str = "count") -> pl.DataFrame:
    """Families of t with inventors in two or more countries: number, or share of the year's.

    An outcome. share without patents with a known inventor country: undefined_nopat. Guellec and
    van Pottelsberghe (2001).
    """
    many = inventor_countries(inputs).group_by("unit").agg(pl.len().alias("countries"))
    counts = (
        holdings(inputs)
        .join(many, on="unit")
        .group_by(KEY)
        .agg(pl.len().alias("n"), (pl.col("countries") > 1).sum().alias("hits"))
    )
    hits, n = pl.col("hits").fill_null(0), pl.col("n").fill_null(0)
    rules = outcome_rules(inputs)
    if how == "count":
        return settle(inputs, counts, hits, rules)
    return settle(inputs, counts, hits / n, [*rules, (n == 0, "undefined_nopat")])


# ------------------------------------------------------------------------------ foreign partners
def foreign_partners(inputs: Inputs, *, network: str, how: str = "count") -> pl.DataFrame:
    """Partners of another country: number (0 for isolates) or share of those of known country.

    Own country unknown: missing_input; share: no partner undefined_isolate, none of known country
    missing_input.
    """
    counts = (
        _by_country(inputs, network)
        .group_by(KEY)
        .agg(pl.len().alias("n"), (pl.col("country") != pl.col("home")).sum().alias("hits"))
    )
    some = partner_counts(inputs, network).select(*KEY, partners="n")
    values = _with_home(inputs, some.join(counts, on=KEY, how="left"))
    rules: list[Rule] = [*coverage(inputs, network), (pl.col("home").is_null(), "missing_input")]
    if how == "count":
        return settle(inputs, values, pl.col("hits").fill_null(0), rules)
    rules += [
        (pl.col("partners").fill_null(0) == 0, "undefined_isolate"),
        (pl.col("n").fill_null(0) == 0, "missing_input"),
    ]
    return settle(inputs, values, pl.col("hits") / pl.col("n"), rules)


def _by_country(inputs: Inputs, network: str) -> pl.DataFrame:
    """Ties with the countries of both ends, where both are known."""
    home = _home(inputs)
    theirs = home.rename({"org": "partner", "home": "country"})
    return partners(inputs, network).join(home, on="org").join(theirs, on="partner")


def multilateral_share(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Share of the foreign partners in countries of a multilateral list in force; in [0, 1].

    In force on 31 December t. No foreign partner: undefined_isolate; own country unknown:
    missing_input.
    """
    day = pl.date(pl.col("year"), 12, 31)
    years = pl.DataFrame({"year": pl.Series(inputs.years, dtype=pl.Int32)})
    listed = (
        inputs.tables["multilateral_countries"]
        .join(years, how="cross")
        .filter((pl.col("since") <= day) & (pl.col("until").is_null() | (pl.col("until") >= day)))
        .select("year", "country", hit=pl.lit(1))
        .unique()
    )
    foreign = _by_country(inputs, network).filter(pl.col("country") != pl.col("home"))
    counts = (
        foreign.join(listed, on=["year", "country"], how="left")
        .group_by(KEY)
        .agg(pl.len().alias("n"), pl.col("hit").count().alias("hits"))
    )
    rules: list[Rule] = [
        *coverage(inputs, network),
        (pl.col("home").is_null(), "missing_input"),
        (pl.col("n").fill_null(0) == 0, "undefined_isolate"),
    ]
    return settle(inputs, _with_home(inputs, counts), pl.col("hits") / pl.col("n"), rules)


def foreign_alliances(
    inputs: Inputs, *, network: str, functions: tuple[str, ...] = ("RD",), how: str = "joint"
) -> pl.DataFrame:
    """Active alliances with a function and a foreign party: number or share.

    joint: number of those that are joint ventures, equity or joint research; share: over all active
    alliances (no alliance: undefined_isolate). Own country unknown: missing_input.

    Args:
        inputs: the study's inputs.
        network: a network with alliances.
        functions: functions of which the alliance has one.
        how: joint | share.
    """
    scopes = inputs.tables["alliance_scopes"].filter(pl.col("function").is_in(list(functions)))
    home = _home(inputs)
    parties = coded(inputs, inputs.tables["alliance_parties"].select("org_id", record_id="aid"))
    countries = parties.join(home, on="org").select("record_id", country="home").unique()
    active = active_records(inputs, network).join(home, on="org", how="left")
    hits = active.join(scopes.select(record_id="aid").unique(), on="record_id", how="semi")
    if how == "joint":
        kinds = form_of(inputs.tables["alliances"])
        close = pl.col("equity") | (pl.col("form") == "joint_rd").fill_null(False)
        hits = hits.join(kinds.filter(close), on="record_id", how="semi")
    hits = hits.join(countries, on="record_id").filter(pl.col("country") != pl.col("home"))
    counts = hits.select(*KEY, "record_id").unique().group_by(KEY).agg(pl.len().alias("hits"))
    some = active.group_by(KEY).agg(pl.len().alias("n"))
    values = _with_home(inputs, some.join(counts, on=KEY, how="left"))
    rules: list[Rule] = [*coverage(inputs, network), (pl.col("home").is_null(), "missing_input")]
    found = pl.col("hits").fill_null(0)
    if how == "joint":
        return settle(inputs, values, found, rules)
    rules.append((pl.col("n").fill_null(0) == 0, "undefined_isolate"))
    return settle(inputs, values, found / pl.col("n"), rules)


def cultural_distance(inputs: Inputs, *, network: str, how: str = "mean") -> pl.DataFrame:
    """Kogut-Singh distance of the countries of unit and partner: mean or maximum; >= 0.

    sum_k (I_ki - I_kj)^2 / V_k / K over the dimensions known for both, V_k the variance (divisor n)
    over the countries of the table. No partner: undefined_isolate; no pair with scores:
    missing_input. Kogut and Singh (1988).
    """
    scores = inputs.tables["cultures"].sort("dimension", "country")
    spread = scores.group_by("dimension", maintain_order=True).agg(
        pl.col("value").var(ddof=0).alias("spread")
    )
    scaled = scores.join(spread.filter(pl.col("spread") > 0), on="dimension")
    pairs = scaled.join(scaled, on="dimension", suffix="_j").select(
        "country", "country_j", "dimension",
        v=(pl.col("value") - pl.col("value_j")) ** 2 / pl.col("spread"), one=pl.lit(1.0),
    )  # fmt: skip
    sums = ordered_sum(pairs, ["country", "country_j"], ["dimension"], ["v", "one"])
    distance = sums.select(home="country", country="country_j", v=pl.col("v") / pl.col("one"))
    per_partner = (
        _by_country(inputs, network)
        .join(distance, on=["home", "country"])
        .select("year", "org", "partner", "v")
    )
    return settled_over_partners(inputs, network, per_partner, how)
