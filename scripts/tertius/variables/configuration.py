"""Configuration of the portfolio: functions, forms, orientation, rings, complexity, communities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tertius.tables import FUNCTIONS
from tertius.variables.category import category_columns, count_index
from tertius.variables.class_windows import integers, integral, sparse, tied
from tertius.variables.combine import in_frame, score_mean, yearly
from tertius.variables.communities import among_contacts, ego_betweenness, louvain
from tertius.variables.distances import dyads
from tertius.variables.forms import FORM_WEIGHTS, form_of
from tertius.variables.frames import Rule, coverage, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import window_rules
from tertius.variables.portfolio import size
from tertius.variables.records import (
    active_records,
    holdings,
    organisation_codes,
    organisations,
    partners,
    rows,
)
from tertius.variables.relations import (
    KEY,
    NO_PARTNER,
    record_numbers,
    repeated_ties,
    tie_ages,
    tie_pairs,
)

TIE = ["year", "org", "partner"]
STARTUP_AGE = 5


def active_diversity(
    inputs: Inputs, *, network: str, by: str = "function", index: str = "blau"
) -> pl.DataFrame:
    """Diversity of the active alliances over functions or forms; in [0, 1) for Blau.

    Every function of an alliance counts once. No alliance: undefined_isolate; none with a known
    function or form: missing_input; a single one: undefined_single. Jiang, Tao and Santoro (2010).

    Args:
        inputs: the study's inputs.
        network: a network with alliances.
        by: function | form.
        index: a name in `category.COUNT_INDICES`.
    """
    if by not in ("function", "form"):
        raise ValueError(f"by must be function or form, not {by!r}")
    if by == "function":
        named = inputs.tables["alliance_scopes"].select(record_id="aid", category="function")
        k = float(len(FUNCTIONS))
    else:
        named = form_of(inputs.tables["alliances"]).select("record_id", category="form")
        k = float(len(FORM_WEIGHTS["commitment"]))
    active = active_records(inputs, network)
    found = active.join(named.drop_nulls().unique(), on="record_id")
    counts = found.group_by(*KEY, "category").agg(pl.len().alias("count"))
    values = (
        active.group_by(KEY)
        .agg(pl.len().alias("records"))
        .join(category_columns(counts), on=KEY, how="left")
    )
    n = pl.col("n").fill_null(0)
    rules = [
        *coverage(inputs, network),
        (pl.col("records").fill_null(0) == 0, "undefined_isolate"),
        (n == 0, "missing_input"),
        (n == 1, "undefined_single"),
    ]
    return settle(inputs, values, count_index(index, k), rules)


def partner_type_share(inputs: Inputs, *, network: str, types: Sequence[str]) -> pl.DataFrame:
    """Share of the partners that are of one of the types; in [0, 1], undefined for isolates.

    `startup` covers firms at most five years old as well, where the year of birth is known.
    """
    register = organisations(inputs).select(
        pl.col("org").alias("partner"), "type", born=pl.col("birth_year")
    )
    young = (pl.col("year") - pl.col("born") <= STARTUP_AGE).fill_null(False)
    hit = pl.col("type").is_in(list(types))
    if "startup" in types:
        hit = hit | ((pl.col("type") == "firm") & young)
    marked = partners(inputs, network).join(register, on="partner", how="left")
    counts = marked.group_by(KEY).agg(pl.len().alias("n"), hit.fill_null(False).sum().alias("hits"))
    rules = [*coverage(inputs, network), NO_PARTNER]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def cumulative_size(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Partners ever until t; >= 0. It can only rise: a broad portfolio, not a state.

    The years before the first known ties are not counted.
    """
    first = tie_ages(inputs, network).select("org", "partner", year="first").unique()
    years = pl.DataFrame({"year": pl.Series(inputs.years, dtype=pl.Int32)})
    counts = (
        first.rename({"year": "began"})
        .group_by("org", "began")
        .agg(pl.len().cast(pl.Int64).alias("n"))
        .join(years, how="cross")
        .filter(pl.col("began") <= pl.col("year"))
        .group_by(KEY)
        .agg(pl.col("n").sum())
    )
    return settle(inputs, counts, pl.col("n").fill_null(0), coverage(inputs, network))


# -------------------------------------------------------------------------------- embeddedness
def tie_embedding(inputs: Inputs, network: str) -> pl.DataFrame:
    """year, org, partner, common: number of common partners of every tie, sorted."""
    return inputs.once(("tie_embedding", network), lambda: _tie_embedding(inputs, network))


def _tie_embedding(inputs: Inputs, network: str) -> pl.DataFrame:
    def build(year: int) -> pl.DataFrame:
        links = tied(inputs, network, year)
        ptr, idx = integral(links.indptr), integral(links.indices)
        return pl.DataFrame(
            {
                "org": np.repeat(np.arange(links.shape[0]), np.diff(ptr)).astype(np.uint32),
                "partner": idx.astype(np.uint32),
                "common": among_contacts(ptr, idx, ptr, idx),
            }
        ).with_columns(pl.lit(year, pl.Int32).alias("year"))

    found = yearly(inputs, build)
    ties = partners(inputs, network).select(TIE)
    return (
        ties.join(found, on=TIE, how="left").with_columns(pl.col("common").fill_null(0)).sort(TIE)
    )


def _group(end: str) -> pl.Expr:
    """The parent of one end of a tie in the year, or the unit itself."""
    since, until = pl.col(f"since_{end}"), pl.col(f"until_{end}")
    led = (since.is_null() | (since <= pl.col("year"))) & (
        until.is_null() | (until >= pl.col("year"))
    )
    own = pl.col(f"id_{end}")
    return pl.coalesce(pl.when(led).then(pl.col(f"parent_{end}")), own)


def trusted_ties(inputs: Inputs, network: str) -> pl.DataFrame:
    """year, org, partner, common, prior, trusted: what speaks for trust in a tie.

    trusted: a prior tie, a common partner, the same city or the same business group in the year.
    """
    return inputs.once(("trusted_ties", network), lambda: _trusted_ties(inputs, network))


def _trusted_ties(inputs: Inputs, network: str) -> pl.DataFrame:
    places = organisations(inputs).join(organisation_codes(inputs), on="org").select(
        "org", "city", parent="parent_id", since="parent_from", until="parent_to", id="org_id"
    )  # fmt: skip
    ties = tie_embedding(inputs, network).join(repeated_ties(inputs, network), on=TIE, how="left")
    for end in ("org", "partner"):
        names = {c: f"{c}_{end}" for c in places.columns if c != "org"}
        ties = ties.join(places.rename({"org": end, **names}), on=end, how="left")
    city = (pl.col("city_org") == pl.col("city_partner")).fill_null(False)
    group = (_group("org") == _group("partner")).fill_null(False)
    prior = pl.col("prior").fill_null(False)
    trusted = prior | (pl.col("common") > 0) | city | group
    return ties.select(*TIE, "common", prior=prior, trusted=trusted)


def relation_orientation(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Share of partners that are trusted: prior tie, common partner, same city or group; in [0, 1].

    Undefined for isolates; the first `years` years after the records begin: truncated. A proxy of a
    survey scale.
    """
    counts = (
        trusted_ties(inputs, network)
        .group_by(KEY)
        .agg(pl.len().alias("n"), pl.col("trusted").sum().alias("hits"))
    )
    rules = [*coverage(inputs, network, back=years), NO_PARTNER]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def market_orientation(
    inputs: Inputs, *, network: str, years: int = 5, window: int = 5
) -> pl.DataFrame:
    """Share of partners that are new, not trusted, and complementary; in [0, 1].

    Complementary: 1 - cosine of the class vectors at or above the median of all ties of the year.
    Together with `relation_orientation` at most 1. A partner without patents is not complementary;
    undefined for isolates. A proxy of a survey scale.
    """
    pairs = dyads(inputs, network, window).select(*TIE, "cosine")
    cut = pairs.group_by("year").agg((1.0 - pl.col("cosine")).median().alias("cut"))
    ties = (
        trusted_ties(inputs, network)
        .join(pairs, on=TIE, how="left")
        .join(cut, on="year", how="left")
    )
    apart = (1.0 - pl.col("cosine") >= pl.col("cut")).fill_null(False)
    hit = ~pl.col("trusted") & ~pl.col("prior") & apart
    counts = ties.group_by(KEY).agg(pl.len().alias("n"), hit.sum().alias("hits"))
    rules = [
        *coverage(inputs, network, back=years),
        *window_rules(inputs, window),
        NO_PARTNER,
    ]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def embeddedness(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Mean over ties of common partners + 1{prior tie}; >= 0. Gulati and Gargiulo (1999).

    Undefined for isolates; the first `years` years after the records begin: truncated.
    """
    ties = trusted_ties(inputs, network)
    weight = pl.col("common") + pl.col("prior").cast(pl.Int64)
    counts = ties.group_by(KEY).agg(pl.len().alias("n"), weight.sum().alias("sum"))
    rules = [*coverage(inputs, network, back=years), NO_PARTNER]
    return settle(inputs, counts, pl.col("sum") / pl.col("n"), rules)


# --------------------------------------------------------------------------------------- rings
def rings(inputs: Inputs, network: str) -> pl.DataFrame:
    """org, year, n, core, core_strength, strength, gini, spread: core and periphery of the ties.

    The core are the partners above the largest gap of the log strengths (records of a tie); of
    equal gaps the first, so that the core is the smallest. spread: strengths differ at all.
    """
    return inputs.once(("rings", network), lambda: _rings(inputs, network))


def _rings(inputs: Inputs, network: str) -> pl.DataFrame:
    ordered = (
        partners(inputs, network)
        .select("year", "org", "partner", s=pl.col("n_records").cast(pl.Int64))
        .sort("org", "year", "s", "partner", descending=[False, False, True, False])
    )
    place = pl.int_range(1, pl.len() + 1).over(KEY)
    # Ratios order as the gaps of the logs do, and equal ratios are equal in floats.
    gap = pl.col("s").cast(pl.Float64) / pl.col("s").shift(-1).over(KEY)
    laid = ordered.with_columns(place=place, gap=gap)
    top = laid.group_by(KEY).agg(
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("s").sum().alias("strength"),
        (pl.col("s") * (pl.len() + 1 - pl.col("place"))).sum().alias("ranked"),
        pl.col("gap").max().alias("largest"),
    )
    core = (
        laid.join(top.select(*KEY, "largest"), on=KEY)
        .filter(pl.col("gap") == pl.col("largest"))
        .group_by(KEY)
        .agg(pl.col("place").min().alias("core"))
    )
    inside = (
        laid.join(core, on=KEY)
        .filter(pl.col("place") <= pl.col("core"))
        .group_by(KEY)
        .agg(pl.col("s").sum().alias("core_strength"))
    )
    n, total = pl.col("n"), pl.col("strength")
    # Gini of x in ascending order: 2 sum i x_i / (n sum x) - (n + 1) / n; ranked holds i x_i.
    gini = 2.0 * pl.col("ranked") / (n * total) - (n + 1) / n
    return (
        top.join(core, on=KEY, how="left")
        .join(inside, on=KEY, how="left")
        .with_columns(gini=gini, spread=pl.col("largest").fill_null(1.0) > 1.0)
    )


def ring(inputs: Inputs, *, network: str, column: str = "dual", least: int = 4) -> pl.DataFrame:
    """Core and periphery of the partners by strength of tie. Our proxy for a dual ring.

    No partner: undefined_isolate; fewer than `least` or all ties equal: undefined_single.

    Args:
        inputs: the study's inputs.
        network: the network.
        column: dual (core share of strength x (1 - core / n), in [0, 1)) | core_share (in (0, 1]) |
            periphery (partners outside the core) | gini (of the strengths, in [0, 1)).
        least: partners needed.
    """
    share = pl.col("core_strength") / pl.col("strength")
    found = {
        "dual": share * (1.0 - pl.col("core") / pl.col("n")),
        "core_share": share,
        "periphery": pl.col("n") - pl.col("core"),
        "gini": pl.col("gini").clip(0.0, 1.0),
    }
    if column not in found:
        raise ValueError(f"column must be one of {', '.join(found)}, not {column!r}")
    rules: list[Rule] = [
        *coverage(inputs, network),
        NO_PARTNER,
        (pl.col("n") < least, "undefined_single"),
    ]
    if column != "gini":
        rules.append((~pl.col("spread"), "undefined_single"))
    return settle(inputs, rings(inputs, network), found[column], rules)


# ---------------------------------------------------------------------------------- complexity
def portfolio_count(inputs: Inputs, *, network: str, what: str) -> pl.DataFrame:
    """Distinct functions, countries or cells of a portfolio, or its alliances of three or more.

    0 for isolates; partners of unknown type or country and alliances of unknown function add
    nothing.

    Args:
        inputs: the study's inputs.
        network: a network with alliances.
        what: functions | countries | types | industries | multiparty | cells (type x function x
            country).
    """
    counts = _portfolio_counts(inputs, network, what)
    return settle(inputs, counts, pl.col("n").fill_null(0), coverage(inputs, network))


def _portfolio_counts(inputs: Inputs, network: str, what: str) -> pl.DataFrame:
    column = {"countries": "country", "types": "type", "industries": "ind4"}.get(what)
    traits = organisations(inputs).select(pl.col("org").alias("partner"), "type", "country", "ind4")
    if column is not None:
        tied_traits = partners(inputs, network).join(traits, on="partner")
        return tied_traits.group_by(KEY).agg(pl.col(column).drop_nulls().n_unique().alias("n"))
    scopes = inputs.tables["alliance_scopes"].unique()
    active = active_records(inputs, network)
    if what == "functions":
        named = active.join(scopes, left_on="record_id", right_on="aid")
        return named.group_by(KEY).agg(pl.col("function").n_unique().alias("n"))
    if what == "multiparty":
        sizes = inputs.tables["alliance_parties"].group_by("aid").agg(pl.len().alias("parties"))
        many = active.join(sizes.filter(pl.col("parties") > 2), left_on="record_id", right_on="aid")
        return many.group_by(KEY).agg(pl.len().alias("n"))
    if what != "cells":
        raise ValueError(f"what must not be {what!r}")
    named = record_numbers(inputs, network).join(scopes, left_on="record_id", right_on="aid")
    cells = (
        tie_pairs(inputs, network)
        .join(named, on="record")
        .join(traits.drop_nulls(["type", "country"]), on="partner")
        .select(*KEY, "type", "function", "country")
        .unique()
    )
    return cells.group_by(KEY).agg(pl.len().alias("n"))


def complexity(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean of the within-year z of partners, functions, countries and multi-party alliances.

    A composite of ours; a part without spread in the year: zero_denominator.
    """
    return score_mean(
        inputs,
        n=size(inputs, network=network),
        functions=portfolio_count(inputs, network=network, what="functions"),
        countries=portfolio_count(inputs, network=network, what="countries"),
        many=portfolio_count(inputs, network=network, what="multiparty"),
    )


def complexity_cells(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """ln(1 + distinct cells of partner type x function x country); >= 0, 0 for isolates."""
    counts = _portfolio_counts(inputs, network, "cells")
    value = pl.col("n").fill_null(0).cast(pl.Float64).log1p()
    return settle(inputs, counts, value, coverage(inputs, network))


# -------------------------------------------------------------------------- brokers, communities
def sub_brokers(
    inputs: Inputs, *, network: str, share: float = 0.75, most: int = 500
) -> pl.DataFrame:
    """Partners that broker among the other partners: betweenness above 0 and in the top quarter.

    Betweenness of the partner in the unit's network without the unit; the cut is the quantile of
    the year over all positive values, ties included. 0 for isolates. Units outside the frame and
    units with more than `most` partners are not measured: missing_input.
    """
    key = ("sub_brokers", network, share, most)

    def build(year: int) -> pl.DataFrame:
        return _brokers(inputs, network, share, most, year)

    counts = inputs.once(key, lambda: yearly(inputs, build))
    rules = [*coverage(inputs, network), (pl.col("n").is_null(), "missing_input")]
    return settle(inputs, counts, pl.col("n"), rules)


def _brokers(inputs: Inputs, network: str, share: float, most: int, year: int) -> pl.DataFrame:
    links = tied(inputs, network, year)
    ptr, idx = integral(links.indptr), integral(links.indices)
    living = rows(inputs).filter(pl.col("year") == year)
    framed = living.join(in_frame(inputs).filter("framed"), on="org", how="semi")
    egos = integers(framed, "org")
    egos = egos[np.diff(ptr)[egos] <= most]
    # Sums of shares of paths: equal values must not differ by the order of summing.
    values = np.round(ego_betweenness(ptr, idx, egos), 9)
    of = np.repeat(np.arange(links.shape[0]), np.diff(ptr))
    positive = np.sort(values[values > 0.0])
    hits = np.zeros(links.shape[0], dtype=np.int64)
    if positive.size:
        cut = positive[max(int(np.ceil(share * positive.size)) - 1, 0)]
        hits = np.bincount(of[values >= cut], minlength=links.shape[0])
    frame = pl.DataFrame({"org": egos.astype(np.uint32), "n": hits[egos]})
    return frame.with_columns(pl.lit(year, pl.Int32).alias("year"))


def communities(inputs: Inputs, network: str, seed: int = 0) -> pl.DataFrame:
    """org, year, community: communities of every year's network (Louvain, ties by records)."""
    key = ("communities", network, seed)
    return inputs.once(key, lambda: yearly(inputs, lambda y: _community(inputs, network, seed, y)))


def _community(inputs: Inputs, network: str, seed: int, year: int) -> pl.DataFrame:
    ties = partners(inputs, network).filter(pl.col("year") == year)
    # Only tied units are numbered, so that units of other years change nothing.
    nodes = ties["org"].unique().sort().to_frame().with_row_index("node")
    named = ties.join(nodes, on="org").join(
        nodes.rename({"org": "partner", "node": "other"}), on="partner"
    )
    links = sparse(named, "node", "other", (nodes.height, nodes.height), "n_records")
    indptr, indices = integral(links.indptr), integral(links.indices)
    label = louvain(indptr, indices, links.data.astype(float), seed)
    return nodes.select("org", pl.lit(year, pl.Int32).alias("year"), community=pl.Series(label))


def over_embedded(inputs: Inputs, *, network: str, least: int = 2, seed: int = 0) -> pl.DataFrame:
    """Share of ties that are repeated and lie within one community; in [0, 1].

    Repeated: at least `least` records. Undefined for isolates. Uzzi (1997); Hagedoorn and Frankort
    (2008); communities by Blondel et al. (2008).
    """
    label = communities(inputs, network, seed)
    theirs = label.rename({"org": "partner", "community": "theirs"})
    ties = partners(inputs, network).join(label, on=KEY).join(theirs, on=["partner", "year"])
    hit = (pl.col("community") == pl.col("theirs")) & (pl.col("n_records") >= least)
    counts = ties.group_by(KEY).agg(pl.len().alias("n"), hit.sum().alias("hits"))
    rules = [*coverage(inputs, network), NO_PARTNER]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


# ------------------------------------------------------------------------------------- pairs
def joint_per_tie(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Joint patents with partners of the year per partner; >= 0, undefined for isolates."""
    joint = joint_patents(inputs)
    counts = (
        partners(inputs, network)
        .select(TIE)
        .join(joint, on=TIE, how="left")
        .group_by(KEY)
        .agg(pl.len().alias("n"), pl.col("joint").fill_null(0).cast(pl.Int64).sum())
    )
    rules = [*coverage(inputs, network), NO_PARTNER]
    return settle(inputs, counts, pl.col("joint") / pl.col("n"), rules)


def joint_patents(inputs: Inputs) -> pl.DataFrame:
    """year, org, partner, joint: families of the year that both hold, for every holding pair."""

    def build() -> pl.DataFrame:
        shared = holdings(inputs).filter(pl.col("n_holders") > 1).select("unit", "org", "year")
        pairs = shared.join(shared.select("unit", partner="org"), on="unit")
        pairs = pairs.filter(pl.col("org") != pl.col("partner"))
        return pairs.group_by(TIE).agg(pl.len().alias("joint"))

    return inputs.once("joint_patents", build)
