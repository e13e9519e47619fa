"""New and known fields in the unit's own patents: exploration, entry, lock-in, duplication."""

from __future__ import annotations

import numpy as np
import polars as pl

from tertius.kernels import kernel
from tertius.variables.citing import Codes, Ints, Lists, class_lists
from tertius.variables.frames import Rule, coverage, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import holdings, partners
from tertius.variables.relations import KEY
from tertius.variables.search import (
    class_counts,
    class_history,
    class_use,
    look_back_rules,
    patents_and_start,
)

TIE = ["year", "org", "partner"]


def exploration(
    inputs: Inputs, *, years: int = 5, kind: str = "explore", how: str = "count"
) -> pl.DataFrame:
    """Patents of t in a subclass new to the unit (explore), or in known ones only (exploit).

    Look-back t-years..t-1 at IPC4. As counts (>= 0, 0 without patents) the two add up to the
    patents with a class; as shares they are complements, of which one says all. The first `years`
    years of the records or of the unit's record: truncated. After March (1991).

    Args:
        inputs: the study's inputs.
        years: length of the look-back.
        kind: explore | exploit.
        how: count | share (no patent with a class: undefined_nopat).
    """
    counts = explored(inputs, years)
    values = patents_and_start(inputs).join(counts, on=KEY, how="left")
    base = pl.col("classed").fill_null(0)
    early = [rule for rule in look_back_rules(inputs, years) if rule[1] == "truncated"]
    hits = pl.col(kind).fill_null(0)
    if how == "count":
        return settle(inputs, values, hits, early)
    return settle(inputs, values, hits / base, [*early, (base == 0, "undefined_nopat")])


def explored(inputs: Inputs, years: int) -> pl.DataFrame:
    """org, year, classed, explore, exploit: families of the year by novelty of their subclasses."""
    marked = family_novelty(inputs, years)
    return marked.group_by(KEY).agg(
        pl.len().alias("classed"),
        pl.col("new").sum().alias("explore"),
        (~pl.col("new")).sum().alias("exploit"),
    )


def family_novelty(inputs: Inputs, years: int) -> pl.DataFrame:
    """org, year, unit, new: whether a family has a subclass that the unit did not use before.

    Look-back t-years..t-1. Families without a class are left out.
    """
    history = class_history(inputs, years)
    held = holdings(inputs).select("org", "year", "unit")
    return held.with_columns(new=pl.Series(history.fresh)).filter(pl.Series(history.classed))


def new_classes(inputs: Inputs, *, years: int = 5) -> pl.DataFrame:
    """Subclasses that the unit enters in t: used in t, not in t-years..t-1; >= 0.

    The first `years` years of the records or of the unit's record: truncated.
    """
    fresh = class_use(inputs, years).filter(pl.col("past") == 0)
    counts = fresh.group_by(KEY).agg(pl.len().alias("n"))
    values = patents_and_start(inputs).join(counts, on=KEY, how="left")
    early = [rule for rule in look_back_rules(inputs, years) if rule[1] == "truncated"]
    return settle(inputs, values, pl.col("n").fill_null(0), early)


def lock_in(inputs: Inputs, *, years: int = 5, how: str = "classes") -> pl.DataFrame:
    """How far the unit repeats itself; in [0, 1].

    classes: share of the families of t with a class, all of whose subclasses were used in each of
    the `years` years before; vectors: cosine of the class counts of t and t-years. No patents in t
    (or t-years): undefined_nopat; early years: truncated. Our proxy.
    """
    values = patents_and_start(inputs)
    rules = look_back_rules(inputs, years)
    if how == "vectors":
        return _class_cosine(inputs, class_counts(inputs), values, rules, years)
    history = class_history(inputs, years)
    held = holdings(inputs).select(KEY).with_columns(hit=pl.Series(history.steady))
    counts = (
        held.filter(pl.Series(history.classed))
        .group_by(KEY)
        .agg(pl.len().alias("total"), pl.col("hit").sum().alias("hits"))
    )
    values = values.join(counts, on=KEY, how="left")
    rules = [*rules, (pl.col("total").fill_null(0) == 0, "zero_denominator")]
    return settle(inputs, values, pl.col("hits") / pl.col("total"), rules)


def _class_cosine(
    inputs: Inputs, used: pl.DataFrame, values: pl.DataFrame, rules: list[Rule], years: int
) -> pl.DataFrame:
    then = used.with_columns((pl.col("year") + years).cast(pl.Int32).alias("year"))
    dots = (
        used.join(then, on=[*KEY, "cls"], suffix="_then")
        .group_by(KEY)
        .agg((pl.col("n") * pl.col("n_then")).sum().alias("dot"))
    )
    sizes = [
        frame.group_by(KEY).agg((pl.col("n") ** 2).sum().alias(name))
        for frame, name in ((used, "now"), (then, "then"))
    ]
    for frame in (dots, *sizes):
        values = values.join(frame, on=KEY, how="left")
    length = (pl.col("now").cast(pl.Float64) * pl.col("then").cast(pl.Float64)).sqrt()
    rules = [*rules, (length.fill_null(0.0) == 0.0, "undefined_nopat")]
    return settle(inputs, values, (pl.col("dot").fill_null(0) / length).clip(0.0, 1.0), rules)


def twins(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Share of the families of t with the classes of a family of outsiders; in [0, 1].

    Duplicated research: the same set of IPC main groups in the same year by a holder that is
    neither the unit nor a partner. No family with a class: undefined_nopat. Our proxy: classes
    stand in for texts.
    """
    kinds = set_numbers(class_lists(inputs, "group"))
    held = holdings(inputs).drop("n_holders")
    held = held.with_columns(kind=pl.Series(kinds[held["unit"].to_numpy()]))
    held = held.filter(pl.col("kind") >= 0)
    owners = held.select("year", "kind", "org").unique()
    # Holders of a set in the year other than the unit and its partners.
    holders = owners.group_by("year", "kind").agg(pl.len().alias("holders"))
    several = owners.join(holders.filter(pl.col("holders") > 1), on=["year", "kind"], how="semi")
    tied_too = (
        several.join(partners(inputs, network).select(TIE), on=["year", "org"])
        .join(several.rename({"org": "partner"}), on=["year", "kind", "partner"], how="semi")
        .group_by("year", "kind", "org")
        .agg(pl.len().alias("near"))
    )
    counts = (
        held.join(holders, on=["year", "kind"])
        .join(tied_too, on=["year", "kind", "org"], how="left")
        .with_columns(other=pl.col("holders").cast(pl.Int64) - 1 - pl.col("near").fill_null(0))
        .group_by(KEY)
        .agg(pl.len().alias("n"), (pl.col("other") > 0).sum().alias("hits"))
    )
    rules = [
        *coverage(inputs, network),
        (pl.col("year") < inputs.raw_years[0], "missing_input"),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def set_numbers(lists: Lists) -> Ints:
    """A number for every list of sorted items, equal where the lists are; -1 for an empty one."""
    out = np.full(lists.ptr.size - 1, -1, dtype=np.int64)
    codes = _set_codes(lists.ptr, lists.items)
    _number_sets(lists.ptr, lists.items, codes, np.argsort(codes, kind="stable"), out)
    return out


@kernel
def _set_codes(ptr: Ints, items: Codes) -> Ints:
    """A code a list, equal for equal lists; different ones seldom share it."""
    out = np.zeros(ptr.size - 1, np.int64)
    for f in range(out.size):
        code = np.uint64(14695981039346656037)
        for k in range(ptr[f], ptr[f + 1]):
            code = (code ^ np.uint64(items[k])) * np.uint64(1099511628211)
            code ^= code >> np.uint64(29)
        out[f] = np.int64(code >> np.uint64(1))
    return out


@kernel
def _number_sets(ptr: Ints, items: Codes, codes: Ints, order: Ints, out: Ints) -> None:
    begin = 0
    for at in range(order.size):
        f = order[at]
        if codes[f] != codes[order[begin]]:
            begin = at
        if ptr[f] == ptr[f + 1]:
            continue
        out[f] = f
        # Lists of one code are compared item by item with those before.
        for other in order[begin:at]:
            size = ptr[f + 1] - ptr[f]
            same = ptr[other + 1] - ptr[other] == size
            k = 0
            while same and k < size:
                same = items[ptr[f] + k] == items[ptr[other] + k]
                k += 1
            if same:
                out[f] = out[other]
                break
