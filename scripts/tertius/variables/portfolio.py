"""Portfolio configuration: size, diversity of partners, functions, change."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tertius.variables.category import category_columns, count_index
from tertius.variables.frames import Rule, blau, coverage, settle
from tertius.variables.inputs import CO_PATENT_LAYERS, Inputs
from tertius.variables.records import (
    active_records,
    organisations,
    partner_counts,
    partners,
    rows,
)

_LCM = 420  # of 1..7, the number of functions: shares of an alliance become whole numbers
NO_INDUSTRY = "(no industry)"
"""Category of partners that have no industry by their kind: universities, institutes, ..."""


def size(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Number of partners in the network of the year; 0 for isolates (Wassmer 2010)."""
    counts = partner_counts(inputs, network)
    return settle(inputs, counts, pl.col("n").fill_null(0), coverage(inputs, network))


def records(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Number of active alliances (or of joint patents in the window); 0 for isolates."""
    counts = active_records(inputs, network).group_by("org", "year").agg(pl.len().alias("n"))
    return settle(inputs, counts, pl.col("n").fill_null(0), coverage(inputs, network))


def frequency(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean number of records shared with a partner; undefined for isolates."""
    counts = partner_counts(inputs, network)
    rules = [*coverage(inputs, network), _without_partner()]
    return settle(inputs, counts, pl.col("records") / pl.col("n"), rules)


def _without_partner(column: str = "n") -> Rule:
    return pl.col(column).fill_null(0) == 0, "undefined_isolate"


def _categories(inputs: Inputs, by: str) -> pl.DataFrame:
    """org, category: the attribute of every organisation that has one."""
    value = pl.col(by).cast(pl.String)
    if by == "ind4":
        firm = pl.col("type").is_in(["firm", "startup"])
        value = pl.when(value.is_null() & ~firm).then(pl.lit(NO_INDUSTRY)).otherwise(value)
    table = organisations(inputs).select("org", value.alias("category"))
    return table.filter(pl.col("category").is_not_null())


def _category_counts(inputs: Inputs, network: str, by: str, of: str = "partners") -> pl.DataFrame:
    """org, year, category, count: partners (or their records) of each known category."""
    if of not in ("partners", "records"):
        raise ValueError(f"of must be partners or records, not {of!r}")
    named = _categories(inputs, by).rename({"org": "partner"})
    one = pl.len() if of == "partners" else pl.col("n_records").sum()
    counted = partners(inputs, network).join(named, on="partner")
    return counted.group_by("org", "year", "category").agg(one.cast(pl.Int64).alias("count"))


def _category_squares(inputs: Inputs, network: str, by: str) -> pl.DataFrame:
    """org, year, n_<by>, squares_<by>: partners whose category is known, squared counts."""
    columns = category_columns(_category_counts(inputs, network, by))
    return columns.select(
        "org", "year", pl.col("n").alias(f"n_{by}"), pl.col("squares").alias(f"squares_{by}")
    )


def partner_diversity(
    inputs: Inputs, *, network: str, by: str, index: str = "blau", of: str = "partners"
) -> pl.DataFrame:
    """Diversity of the partners over one attribute; in [0, 1) for Blau.

    Partners whose attribute is not known are left out; partners that have no industry by their kind
    form one category. No partner: undefined_isolate; one: undefined_single (0 by construction);
    none with a known attribute: missing_input. Blau (1977); Jiang, Tao and Santoro (2010).

    Args:
        inputs: the study's inputs.
        network: the network.
        by: type | ind4 | country.
        index: a name in `category.COUNT_INDICES`; iqv divides by 1 - 1/K, K the categories among
            the living organisations of the year.
        of: partners | records (a partner counts as often as it has alliances with the unit).
    """
    columns = category_columns(_category_counts(inputs, network, by, of)).rename({"n": "known"})
    values = (
        partner_counts(inputs, network)
        .rename({"n": "partners"})
        .join(columns, on=["org", "year"], how="left")
        .join(_number_of_categories(inputs, by), on="year", how="left")
        .with_columns(pl.col("known").alias("n"))
    )
    known = pl.col("known").fill_null(0)
    k = pl.max_horizontal(pl.col(f"k_{by}").cast(pl.Float64), pl.lit(2.0))
    rules = [
        *coverage(inputs, network),
        _without_partner("partners"),
        (pl.col("partners") == 1, "undefined_single"),
        (known == 0, "missing_input"),
        (known == 1, "undefined_single"),
    ]
    return settle(inputs, values, count_index(index, k), rules)


def composite_diversity(inputs: Inputs, *, network: str, by: Sequence[str]) -> pl.DataFrame:
    """Mean of the IQVs of the dimensions that are known for at least two partners; in [0, 1].

    IQV = Blau / (1 - 1/K), K the number of categories among the living organisations of the year. A
    dimension with one category says nothing and is left out. No partner: undefined_isolate; one:
    undefined_single; no dimension: missing_input. Composite after Jiang, Tao and Santoro (2010).
    """
    values = partner_counts(inputs, network)
    for dimension in by:
        squares = _category_squares(inputs, network, dimension)
        values = values.join(squares, on=["org", "year"], how="left").join(
            _number_of_categories(inputs, dimension), on="year", how="left"
        )
    shares = []
    for dimension in by:
        n, k = pl.col(f"n_{dimension}"), pl.col(f"k_{dimension}").cast(pl.Float64)
        usable = (n >= 2) & (k >= 2)
        index = blau(n, pl.col(f"squares_{dimension}")) / (1.0 - 1.0 / k)
        shares.append(pl.when(usable).then(index.clip(0.0, 1.0)))
    used = pl.sum_horizontal(share.is_not_null().cast(pl.Int32) for share in shares)
    rules = [
        *coverage(inputs, network),
        _without_partner(),
        (pl.col("n") == 1, "undefined_single"),
        (used == 0, "missing_input"),
    ]
    return settle(inputs, values, pl.sum_horizontal(shares) / used, rules)


def _number_of_categories(inputs: Inputs, by: str) -> pl.DataFrame:
    return (
        rows(inputs)
        .join(_categories(inputs, by), on="org")
        .group_by("year")
        .agg(pl.col("category").n_unique().alias(f"k_{by}"))
    )


def _function_counts(inputs: Inputs, network: str) -> pl.DataFrame:
    """org, year, explore2, exploit2 (twice the counts) and n active alliances."""
    market = pl.col("function").is_in(["manufacture", "marketing"]).any()
    scopes = (
        inputs.tables["alliance_scopes"]
        .group_by("aid")
        .agg((pl.col("function") == "RD").any().alias("research"), market.alias("market"))
    )
    only = pl.col("research") ^ pl.col("market")
    twice = pl.when(only).then(2).otherwise(1)
    found = active_records(inputs, network).join(
        scopes, left_on="record_id", right_on="aid", how="left"
    )
    return found.group_by("org", "year").agg(
        pl.len().alias("n"),
        pl.when(pl.col("research")).then(twice).otherwise(0).sum().alias("explore2"),
        pl.when(pl.col("market")).then(twice).otherwise(0).sum().alias("exploit2"),
    )


def functional_learning(inputs: Inputs, *, network: str, kind: str) -> pl.DataFrame:
    """Active alliances that explore (research) or exploit (manufacture, marketing); >= 0.

    An alliance with both counts one half to each, with neither nothing; 0 for isolates. Lavie and
    Rosenkopf (2006), function domain.

    Args:
        inputs: the study's inputs.
        network: a network with alliances.
        kind: explore | exploit.
    """
    counts = _function_counts(inputs, network)
    return settle(inputs, counts, pl.col(f"{kind}2").fill_null(0) / 2.0, coverage(inputs, network))


def ambidexterity_balance(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """1 - |explore - exploit| / (explore + exploit) over functions of active alliances; in [0, 1].

    No alliance: undefined_isolate; none that explores or exploits: zero_denominator. Cao,
    Gedajlovic and Zhang (2009), balance dimension.
    """
    counts = _function_counts(inputs, network)
    explore, exploit = pl.col("explore2").cast(pl.Float64), pl.col("exploit2").cast(pl.Float64)
    rules = [
        *coverage(inputs, network),
        _without_partner(),
        (explore + exploit == 0.0, "zero_denominator"),
    ]
    balance = 1.0 - (explore - exploit).abs() / (explore + exploit)
    return settle(inputs, counts, balance, rules)


def step_back(inputs: Inputs, network: str) -> int:
    """Years back to the state to compare with: one for alliances, the width for windows.

    Neighbouring windows share most of their records, so that they look stable by construction.
    """
    facts = inputs.network(network)
    return (facts.window or 1) if set(facts.layers) & set(CO_PATENT_LAYERS) else 1


def change_counts(inputs: Inputs, network: str, step: int | None = None) -> pl.DataFrame:
    """org, year, after, before, kept: partners of t, of t-step, and of both; sorted by key.

    step: by default one year, or the width of the windows of a co-patent network (`step_back`).
    """
    back = step_back(inputs, network) if step is None else step
    key = ("change_counts", network, back)
    return inputs.once(key, lambda: _change_counts(inputs, network, back))


def _change_counts(inputs: Inputs, network: str, step: int) -> pl.DataFrame:
    now = partners(inputs, network).select("org", "year", "partner")
    then = now.with_columns((pl.col("year") + step).cast(pl.Int32).alias("year"))
    key = ["org", "year"]
    kept = now.join(then, on=[*key, "partner"], how="semi").group_by(key)
    sizes = [
        frame.group_by(key).agg(pl.len().cast(pl.Int64).alias(name))
        for frame, name in ((now, "after"), (then, "before"))
    ]
    return (
        sizes[0]
        .join(sizes[1], on=key, how="full", coalesce=True)
        .join(kept.agg(pl.len().cast(pl.Int64).alias("kept")), on=key, how="left")
        .with_columns(pl.col("after", "before", "kept").fill_null(0))
        .sort(key)
    )


def structural_reconfiguration(
    inputs: Inputs, *, network: str, index: str = "jaccard"
) -> pl.DataFrame:
    """Change of the partner set from t-1 to t.

    Co-patent windows are compared with the window before them that shares no year: overlapping ones
    look stable by construction. Both sets (entry: the later, exit: the earlier) empty:
    undefined_isolate.

    Args:
        inputs: the study's inputs.
        network: the network.
        index: jaccard (1 - Jaccard similarity, in [0, 1]) | entry (new / partners of t) | exit
            (lost / partners of t-1) | churn (new + lost over mean size, in [0, 2]).
    """
    after, before, kept = (pl.col(c).cast(pl.Float64) for c in ("after", "before", "kept"))
    union = after + before - kept
    values = {
        "jaccard": (1.0 - kept / union, union),
        "entry": ((after - kept) / after, after),
        "exit": ((before - kept) / before, before),
        "churn": ((after + before - 2.0 * kept) / ((after + before) / 2.0), union),
    }
    if index not in values:
        raise ValueError(f"index must be one of {', '.join(values)}, not {index!r}")
    value, base = values[index]
    rules = [
        *coverage(inputs, network, back=step_back(inputs, network)),
        (base.fill_null(0.0) == 0.0, "undefined_isolate"),
    ]
    return settle(inputs, change_counts(inputs, network), value, rules)


def functional_reconfiguration(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Half the sum of |change| of the function shares of active alliances, t-1 to t; in [0, 1].

    An alliance with several functions divides equally among them. No alliance in both years:
    undefined_isolate; no known function in one of them: zero_denominator.
    """
    scopes = inputs.tables["alliance_scopes"].unique()
    weighted = scopes.with_columns(weight=_LCM // pl.len().over("aid").cast(pl.Int64))
    now = (
        active_records(inputs, network)
        .join(weighted, left_on="record_id", right_on="aid")
        .group_by("org", "year", "function")
        .agg(pl.col("weight").sum())
        .with_columns(pl.col("weight").sum().over("org", "year").alias("total"))
    )
    then = now.with_columns((pl.col("year") + 1).cast(pl.Int32).alias("year"))
    totals = [
        frame.select("org", "year", pl.col("total").alias(name)).unique()
        for frame, name in ((now, "total"), (then, "total_before"))
    ]
    key = ["org", "year", "function"]
    pairs = now.drop("total").join(
        then.drop("total"), on=key, how="full", coalesce=True, suffix="_before"
    )
    pairs = pairs.with_columns(pl.col("weight", "weight_before").fill_null(0))
    for total in totals:
        pairs = pairs.join(total, on=["org", "year"], how="left")
    # Cross-multiplied whole numbers: the sum is exact in any order.
    change = (
        pl.col("weight") * pl.col("total_before") - pl.col("weight_before") * pl.col("total")
    ).abs()
    values = pairs.group_by("org", "year").agg(
        change.sum().alias("change"), pl.col("total", "total_before").max()
    )
    active = active_records(inputs, network).select("org", "year").unique()
    later = active.with_columns((pl.col("year") + 1).cast(pl.Int32).alias("year"))
    present = pl.concat([active, later]).unique().with_columns(pl.lit(1).alias("n"))
    values = present.join(values, on=["org", "year"], how="left")
    rules = [
        *coverage(inputs, network, back=1),
        _without_partner(),
        (pl.col("total").is_null() | pl.col("total_before").is_null(), "zero_denominator"),
    ]
    scale = 2.0 * pl.col("total") * pl.col("total_before")
    return settle(inputs, values, pl.col("change") / scale, rules)


def new_partners(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Partners of t that were no partners in t-years..t-1; 0 for isolates."""
    pair = ["org", "partner"]
    dated = partners(inputs, network).select(*pair, "year").sort(*pair, "year")
    same = (pl.col("org") == pl.col("org").shift(1)) & (
        pl.col("partner") == pl.col("partner").shift(1)
    )
    recent = same & (pl.col("year") - pl.col("year").shift(1) <= years)
    new = dated.filter(~recent.fill_null(False))
    values = new.group_by("org", "year").agg(pl.len().alias("n"))
    return settle(inputs, values, pl.col("n").fill_null(0), coverage(inputs, network, back=years))
