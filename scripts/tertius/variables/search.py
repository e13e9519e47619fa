"""Search: depth, scope, breadth and intensity of what a unit cites or patents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.kernels import kernel
from tertius.variables.citing import (
    PARTNERS,
    Codes,
    Flags,
    Ints,
    Years,
    cited_classes,
    citing,
    class_lists,
    known_before,
    network_origins,
    new_holders,
    past_use,
)
from tertius.variables.class_windows import year_cells
from tertius.variables.frames import SHARE_UNIT, Rule, blau, coverage, hall_blau, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import (
    Level,
    class_numbers,
    families,
    holdings,
    partners,
    patent_counts,
)


def patents_and_start(inputs: Inputs) -> pl.DataFrame:
    """org, year, patents, began: families of the year, and the unit's first year with one."""
    counts = patent_counts(inputs)
    began = counts.group_by("org").agg(pl.col("year").min().alias("began"))
    return counts.rename({"n": "patents"}).join(began, on="org")


def look_back_rules(inputs: Inputs, years: int) -> list[Rule]:
    """A look-back before the records, no patents, the first years of a unit's record."""
    return [
        (pl.col("year") < inputs.raw_years[0] + years, "truncated"),
        (pl.col("patents").fill_null(0) == 0, "undefined_nopat"),
        (pl.col("year") < pl.col("began") + years, "truncated"),
    ]


def _weights(inputs: Inputs, basis: str) -> NDArray[np.int64]:
    """For every citation its weight: how often it is made (instances) or 1 (distinct)."""
    if basis not in ("instances", "distinct"):
        raise ValueError(f"basis must be instances or distinct, not {basis!r}")
    n = citing(inputs).n.astype(np.int64)
    return n if basis == "instances" else np.ones_like(n)


def depth(inputs: Inputs, *, years: int = 5, basis: str = "instances") -> pl.DataFrame:
    """Search depth: mean number of times that a citation of t was made in t-years..t-1; >= 0.

    Katila and Ahuja (2002). No patents in t: undefined_nopat; patents without citations:
    zero_denominator; the first `years` years of the records or of the unit's record: truncated.

    Args:
        inputs: the study's inputs.
        years: length of the look-back.
        basis: instances (every citation counts) or distinct (every cited family counts once).
    """
    weight = _weights(inputs, basis)
    values = citing(inputs).sums(total=weight, repeats=weight * past_use(inputs, years))
    return _citation_ratio(inputs, values, "repeats", years)


def scope(inputs: Inputs, *, years: int = 5, basis: str = "instances") -> pl.DataFrame:
    """Search scope: share of the citations of t that are new to the unit; in [0, 1].

    New: neither cited by the unit nor its own patent in t-years..t-1. Katila and Ahuja (2002).
    Undefined cases and arguments as in `depth`.
    """
    weight = _weights(inputs, basis)
    values = citing(inputs).sums(total=weight, new=weight * ~known_before(inputs, years))
    return _citation_ratio(inputs, values, "new", years)


def _citation_ratio(
    inputs: Inputs, values: pl.DataFrame, numerator: str, years: int
) -> pl.DataFrame:
    joined = patents_and_start(inputs).join(values, on=["org", "year"], how="left")
    rules = [
        *look_back_rules(inputs, years),
        (pl.col("total").fill_null(0) == 0, "zero_denominator"),
    ]
    return settle(inputs, joined, pl.col(numerator) / pl.col("total"), rules)


def breadth(
    inputs: Inputs, *, network: str, level: Level = 4, index: str = "unbiased"
) -> pl.DataFrame:
    """Search breadth: diversity of the IPC4 subclasses of external patents cited in t; in [0, 1].

    Over citation instances; external: held neither by the unit nor by a partner of t; the
    subclasses of a cited patent share equally; cited documents without a known class are left out.
    By default the Blau index with the correction of Hall (2005). No patents in t: undefined_nopat;
    fewer than two external citations: undefined_single.

    Args:
        inputs: the study's inputs.
        network: the network whose partners are not external.
        level: see `records.Level`.
        index: unbiased | blau | entropy (-sum S ln S, not bounded by 1).
    """

    spread = inputs.once(("breadth", network, level), lambda: cited_classes(inputs, network, level))
    values = patents_and_start(inputs).join(spread, on=["org", "year"], how="full", coalesce=True)
    n = pl.col("n").fill_null(0)
    rules = [
        *coverage(inputs, network),
        ((pl.col("patents").fill_null(0) == 0) & (n == 0), "undefined_nopat"),
        (n < 2, "undefined_single"),
    ]
    real = pl.col("n").cast(pl.Float64)
    indices = {
        "unbiased": hall_blau(pl.col("n"), pl.col("squares"), pl.col("own") / SHARE_UNIT),
        "blau": blau(pl.col("n"), pl.col("squares")).clip(0.0, 1.0),
        "entropy": (real.log() - pl.col("logs") / real).clip(0.0),
    }
    if index not in indices:
        raise ValueError(f"index must be one of {', '.join(indices)}, not {index!r}")
    return settle(inputs, values, indices[index], rules)


def new_sources(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Search intensity outside: distinct external holders cited in t and not in t-years..t-1; >= 0.

    External as in `breadth`. No patents in t: undefined_nopat; look-back before the first record or
    in the first `years` years of the unit's record: truncated.
    """
    new = new_holders(inputs, network, years)
    values = patents_and_start(inputs).join(new, on=["org", "year"], how="left")
    rules = [*coverage(inputs, network), *look_back_rules(inputs, years)]
    return settle(inputs, values, pl.col("new").fill_null(0), rules)


def citations_per_patent(inputs: Inputs) -> pl.DataFrame:
    """Backward citations per patent of the year; >= 0. No patents in t: undefined_nopat."""
    totals = citing(inputs).sums(total=citing(inputs).n)
    values = patents_and_start(inputs).join(totals, on=["org", "year"], how="left")
    rules: list[Rule] = [
        (pl.col("year") < inputs.raw_years[0], "missing_input"),
        (pl.col("patents").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, values, pl.col("total").fill_null(0) / pl.col("patents"), rules)


def inside_share(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Search intensity inside: share of the citations of t that go to partners' patents; in [0, 1].

    A patent held by the unit itself is not a partner's. No partner: undefined_isolate; no patents
    in t: undefined_nopat; no citations: zero_denominator.
    """
    key = ["org", "year"]
    tied = partners(inputs, network).select(key).unique().with_columns(pl.lit(1).alias("tied"))
    c = citing(inputs)
    cites = c.sums(total=c.n, inside=c.n * (network_origins(inputs, network) == PARTNERS))
    values = (
        patents_and_start(inputs)
        .join(tied, on=key, how="full", coalesce=True)
        .join(cites, on=key, how="left")
    )
    rules = [
        *coverage(inputs, network),
        (pl.col("tied").is_null(), "undefined_isolate"),
        (pl.col("patents").fill_null(0) == 0, "undefined_nopat"),
        (pl.col("total").fill_null(0) == 0, "zero_denominator"),
    ]
    return settle(inputs, values, pl.col("inside").fill_null(0) / pl.col("total"), rules)


def class_use(inputs: Inputs, years: int) -> pl.DataFrame:
    """org, year, cls, n, past: families of the unit in a class, in t and in t-years..t-1."""
    return inputs.once(("class_use", years), lambda: _build_class_use(inputs, years))


def class_counts(inputs: Inputs) -> pl.DataFrame:
    """org, year, cls, n: families of the unit's year in each subclass, whole counts."""

    def build() -> pl.DataFrame:
        years = sorted(families(inputs)["year"].unique())
        cells = pl.concat([year_cells(inputs, year, "whole") for year in years])
        return cells.select("org", "year", "cls", n=pl.col("v") // SHARE_UNIT)

    return inputs.once("class_counts", build)


def _build_class_use(inputs: Inputs, years: int) -> pl.DataFrame:
    now = class_counts(inputs).sort("org", "cls", "year")
    org, cls, year, n = (now[name].to_numpy() for name in ("org", "cls", "year", "n"))
    past = _recent(org, cls, year, n, years)
    return now.with_columns(past=pl.Series(past))


@kernel
def _recent(org: Codes, cls: Codes, year: Years, n: Ints, years: int) -> Ints:
    """Sum of n over the rows before it of the same org and cls, at most `years` years earlier."""
    out = np.zeros(n.size, np.int64)
    for k in range(n.size):
        j = k - 1
        while j >= 0 and org[j] == org[k] and cls[j] == cls[k] and year[k] - year[j] <= years:
            out[k] += n[j]
            j -= 1
    return out


@dataclass(frozen=True)
class ClassHistory:
    """For every holding whether it has a class, and how its classes stood in t-years..t-1.

    Attributes:
        classed: it has a subclass.
        fresh: one of them was not used in any of the years.
        known: one of them was.
        steady: each of them was used in every one of the years.
    """

    classed: Flags
    fresh: Flags
    known: Flags
    steady: Flags


def class_history(inputs: Inputs, years: int) -> ClassHistory:
    """`ClassHistory` aligned with `records.holdings`; years up to 60."""

    def build() -> ClassHistory:
        held, lists = holdings(inputs), class_lists(inputs, 4)
        order = held.select(pl.arg_sort_by("org", "year")).to_series().to_numpy()
        flags = np.zeros((4, held.height), dtype=np.bool_)
        _history(
            held["org"].to_numpy(), held["year"].to_numpy(), held["unit"].to_numpy(), order,
            lists.ptr, lists.items, years, class_numbers(inputs, 4).height, flags,
        )  # fmt: skip
        return ClassHistory(*flags)

    return inputs.once(("class_history", years), build)


@kernel
def _history(
    org: Codes, year: Years, unit: Codes, order: Codes, class_ptr: Ints, classes: Codes,
    years: int, n_classes: int, flags: NDArray[np.bool_],
) -> None:  # fmt: skip
    # Bit k of `used`: the unit used the class k years before `last`.
    owner, last = np.full(n_classes, -1, np.int64), np.zeros(n_classes, np.int64)
    used = np.zeros(n_classes, np.int64)
    window = (np.int64(1) << years) - 1
    begin = 0
    for at in range(order.size):
        h = order[at]
        low, high = class_ptr[unit[h]], class_ptr[unit[h] + 1]
        flags[0, h] = flags[3, h] = high > low
        for k in range(low, high):
            c = classes[k]
            age = year[h] - last[c]
            past = np.int64(0)
            if owner[c] == org[h] and age <= 62:
                past = ((used[c] << age) >> 1) & window
            flags[1, h] |= past == 0
            flags[2, h] |= past != 0
            flags[3, h] &= past == window
        after = at + 1
        if after < order.size and org[order[after]] == org[h] and year[order[after]] == year[h]:
            continue
        for e in range(begin, after):
            f = unit[order[e]]
            for k in range(class_ptr[f], class_ptr[f + 1]):
                c = classes[k]
                age = year[h] - last[c]
                if owner[c] != org[h] or age > 62:
                    used[c] = 1
                elif age > 0:
                    used[c] = (used[c] << age) | 1
                owner[c], last[c] = org[h], year[h]
        begin = after


def class_scope(inputs: Inputs, *, years: int = 5) -> pl.DataFrame:
    """Share of the IPC4 subclasses of the patents of t that the unit did not use before; in [0, 1].

    Stands in for search scope where citations are sparse. Look-back t-years..t-1; undefined cases
    as in `depth`, without a class: zero_denominator.
    """
    values = (
        class_use(inputs, years)
        .group_by("org", "year")
        .agg(pl.len().alias("total"), (pl.col("past") == 0).sum().alias("new"))
    )
    return _citation_ratio(inputs, values, "new", years)


def class_depth(inputs: Inputs, *, years: int = 5) -> pl.DataFrame:
    """Share of the patents of t in a subclass used before, times the mean past use; >= 0.

    Mean past use: over pairs of a patent of t and one of its subclasses used in t-years..t-1, the
    number of the unit's patents in that subclass in those years. Stands in for search depth where
    citations are sparse. Undefined cases as in `class_scope`.
    """
    known = pl.Series("known", class_history(inputs, years).known)
    classed = pl.Series(class_history(inputs, years).classed)
    families_ = holdings(inputs).select("org", "year").with_columns(known).filter(classed)
    counts = families_.group_by("org", "year").agg(pl.len().alias("total"), pl.col("known").sum())
    n, past = pl.col("n"), pl.col("past")
    sums = (
        class_use(inputs, years)
        .group_by("org", "year")
        .agg(n.filter(past > 0).sum().alias("pairs"), (n * past).sum().alias("past"))
    )
    values = counts.join(sums, on=["org", "year"])
    mean_use = pl.col("past") / pl.max_horizontal(pl.col("pairs"), pl.lit(1))
    product = values.with_columns(product=pl.col("known") * mean_use)
    return _citation_ratio(inputs, product, "product", years)
