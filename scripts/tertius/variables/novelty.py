"""Recombination: pairs of classes that stand together for the first time, and how far apart."""

from __future__ import annotations

import numpy as np
import polars as pl

from tertius.variables.citing import all_pairs, class_lists
from tertius.variables.combine import joined, passed_on
from tertius.variables.frames import Rule, coverage, family_sums, settle
from tertius.variables.inputs import Inputs
from tertius.variables.outcomes import outcome_rules
from tertius.variables.records import (
    Level,
    class_numbers,
    families,
    family_classes,
    family_days,
    holdings,
    partners,
)
from tertius.variables.relations import KEY
from tertius.variables.sources import science_references

MOST_CLASSES = 30
"""A family with more classes makes no pairs: they would number in the thousands."""
PART = 1_000_000
"""Rows of pairs that are looked up at a time."""
PAIR_BLOCKS = 8
"""New pairs are followed in so many parts, so that the tables between stay small."""


def class_pairs(inputs: Inputs, level: Level) -> pl.DataFrame:
    """unit, pair: every unordered pair of classes of every family, as one number; sorted."""
    return inputs.once(("class_pairs", level), lambda: _class_pairs(inputs, level))


def _class_pairs(inputs: Inputs, level: Level) -> pl.DataFrame:
    lists = class_lists(inputs, level)
    size = max(class_numbers(inputs, level).height, 1)
    unit, pair = all_pairs(lists.ptr, lists.items, MOST_CLASSES, size)
    return pl.DataFrame({"unit": unit, "pair": pair})


def dated(inputs: Inputs, by_family: pl.DataFrame, name: str = "year") -> pl.DataFrame:
    """The rows (unit, ...) with the year of the family under a name."""
    year = families(inputs)["year"].gather(by_family["unit"])
    return by_family.with_columns(year.alias(name))


def new_pairs(inputs: Inputs, level: Level) -> pl.DataFrame:
    """unit, year, pair, repeated: pairs that no family of an earlier day has.

    New to the study's records; repeated: another family has the pair as well.
    """

    def build() -> pl.DataFrame:
        pairs = class_pairs(inputs, level)
        pair = pairs["pair"].to_numpy()
        day = family_days(inputs)["day"].cast(pl.Int32).to_numpy()[pairs["unit"].to_numpy()]
        order = np.argsort(pair)
        pair = pair[order]
        starts = np.flatnonzero(np.append(True, pair[1:] != pair[:-1])[: pair.size])
        sizes = np.diff(np.append(starts, pair.size))
        first = np.minimum.reduceat(day[order], starts) if starts.size else day
        new = day[order] == np.repeat(first, sizes)
        repeated = pl.Series("repeated", np.repeat(sizes > 1, sizes)[new])
        found = dated(inputs, pairs[order[new]].with_columns(repeated))
        return found.sort("unit", "pair")

    return inputs.once(("new_pairs", level), build)


def _burn_in(inputs: Inputs, burn_in: int) -> list[Rule]:
    return [(pl.col("year") < inputs.raw_years[0] + burn_in, "truncated")]


def new_combinations(
    inputs: Inputs, *, level: Level = "group", burn_in: int = 5, how: str = "families"
) -> pl.DataFrame:
    """Families of t with a pair of classes that no earlier family of the records has; >= 0.

    New to the study's records, not to the world, unless these reach back far enough; the first
    `burn_in` years, in which everything looks new, are truncated. Families of one day do not
    precede each other. Verhoeven, Bakker and Veugelers (2016).

    Args:
        inputs: the study's inputs.
        level: see `records.Level`; main groups by default.
        burn_in: years of the records that only fill the stock.
        how: families | pairs (number of new pairs).
    """
    new = new_pairs(inputs, level)
    per_family = new.group_by("unit").agg(pl.len().alias("pairs"))
    held = holdings(inputs).join(per_family, on="unit")
    count = pl.len() if how == "families" else pl.col("pairs").sum()
    counts = held.group_by(KEY).agg(count.alias("n"))
    rules = [*outcome_rules(inputs), *_burn_in(inputs, burn_in)]
    return settle(inputs, counts, pl.col("n").fill_null(0), rules)


def recombination_distance(inputs: Inputs, *, level: Level = 4, burn_in: int = 5) -> pl.DataFrame:
    """Mean over families of t of the mean distance of their pairs of classes; in [0, 1].

    Distance of a pair: 1 - n_gh / sqrt(n_g n_h), counts of families before the year of t. No
    patents in t: undefined_nopat; none with two classes: undefined_single; the first `burn_in`
    years of the records: truncated. After Fleming (2001).
    """
    per_family = inputs.once(("pair_distance", level), lambda: _pair_distances(inputs, level))
    families_ = families(inputs).select("unit")
    placed = families_.join(per_family, on="unit", how="left", maintain_order="left")
    distance = pl.col("distance")
    sums = family_sums(
        inputs, placed.select(distance, one=distance.is_not_null(), every=pl.lit(1.0))
    )
    rules = [
        *_burn_in(inputs, burn_in),
        (pl.col("every").is_null(), "undefined_nopat"),
        (pl.col("one") == 0.0, "undefined_single"),
    ]
    return settle(inputs, sums, (pl.col("distance") / pl.col("one")).clip(0.0, 1.0), rules)


def _before(counts: pl.DataFrame, key: str) -> pl.DataFrame:
    """The counts with `before`: their sum over earlier years of the same key."""
    ordered = counts.sort(key, "year")
    upto = pl.col("n").cum_sum().over(key)
    return ordered.with_columns(before=upto - pl.col("n"))


def _pair_distances(inputs: Inputs, level: Level) -> pl.DataFrame:
    """unit, distance: mean over the pairs of classes of each family."""
    pairs = class_pairs(inputs, level)
    size = max(class_numbers(inputs, level).height, 1)
    counted = dated(inputs, pairs).group_by("pair", "year").agg(pl.len().cast(pl.Int64).alias("n"))
    both = _before(counted, "pair").select("pair", "year", both="before")
    years = families(inputs).select("unit", "year")
    single = family_classes(inputs, level).join(years, on="unit")
    single = single.group_by("cls", "year").agg(pl.len().cast(pl.Int64).alias("n"))
    alone = _before(single, "cls").select(pl.col("cls").cast(pl.Int64), "year", "before")
    product = (pl.col("before").cast(pl.Float64) * pl.col("before_b").cast(pl.Float64)).sqrt()
    near = (
        both.with_columns(cls=pl.col("pair") // size, cls_b=pl.col("pair") % size)
        .join(alone, on=["cls", "year"])
        .join(alone.rename({"cls": "cls_b", "before": "before_b"}), on=["cls_b", "year"])
        .select(
            "pair",
            "year",
            distance=1.0 - pl.when(product > 0).then(pl.col("both") / product).otherwise(0.0),
        )
    )
    # Pairs are sorted by family, so that a part after the other keeps the order of the sums.
    parts = [
        dated(inputs, part)
        .join(near, on=["pair", "year"], how="left", maintain_order="left")
        .get_column("distance")
        .to_numpy()
        for part in pairs.iter_slices(PART)
    ]
    distance = np.concatenate([np.empty(0), *parts])
    unit, starts = np.unique(pairs["unit"].to_numpy(), return_index=True)
    sums = np.add.reduceat(distance, starts) if starts.size else distance
    sizes = np.diff(np.append(starts, distance.size))
    return pl.DataFrame({"unit": unit, "distance": sums / sizes})


def leakage(
    inputs: Inputs, *, network: str, level: Level = "group", years: int = 2, burn_in: int = 5
) -> pl.DataFrame:
    """Share of the new pairs of t-years that a partner of t uses until t, not jointly; in [0, 1].

    A pair is the unit's when a family of it was among the first with the pair. No partner:
    undefined_isolate; no new pair in t-years: undefined_nopat; early years: truncated. Our proxy.
    """
    ties = partners(inputs, network).select("year", "org", "partner")
    blocks = [_leaks(inputs, ties, level, years, block) for block in range(PAIR_BLOCKS)]
    summed = pl.concat(blocks).group_by(KEY).agg(pl.col("n", "lost").sum())
    some = ties.select(KEY).unique().with_columns(pl.lit(1).alias("tied"))
    values = summed.join(some, on=KEY, how="full", coalesce=True)
    rules = [
        *coverage(inputs, network),
        *_burn_in(inputs, burn_in + years),
        (pl.col("tied").is_null(), "undefined_isolate"),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, values, pl.col("lost") / pl.col("n"), rules)


def _leaks(
    inputs: Inputs, ties: pl.DataFrame, level: Level, years: int, block: int
) -> pl.DataFrame:
    """org, year, n, lost: the new pairs of t-years of one block of pairs, and those used by t."""
    held = holdings(inputs).select("unit", "org")
    here = pl.col("pair") % PAIR_BLOCKS == block
    made = new_pairs(inputs, level).filter(here).join(held, on="unit")
    made = made.select("org", "pair", "repeated", born="year").unique()
    again = made.filter("repeated").drop("repeated")
    used = dated(inputs, class_pairs(inputs, level).filter(here), "at")
    used = used.join(again.select("pair").unique(), on="pair", how="semi")
    ages = pl.DataFrame({"age": pl.Series(range(1, years + 1), dtype=pl.Int32)})
    then = (pl.col("born") + years).cast(pl.Int32)
    later = (
        again.join(ages, how="cross")
        .with_columns((pl.col("born") + pl.col("age")).cast(pl.Int32).alias("at"), year=then)
        .join(used, on=["pair", "at"])
        .join(held.rename({"org": "partner"}), on="unit")
        .join(ties, on=["year", "org", "partner"], how="semi")
        .join(held, on=["unit", "org"], how="anti")
    )
    lost = later.select(*KEY, "pair").unique().group_by(KEY).agg(pl.len().alias("lost"))
    counts = made.group_by("org", then.alias("year")).agg(pl.len().alias("n"))
    return counts.join(lost, on=KEY, how="left").with_columns(pl.col("lost").fill_null(0))


def bridging(inputs: Inputs, *, burn_in: int = 5) -> pl.DataFrame:
    """Recombination distance times the share of patents with a scientific reference; in [0, 1].

    A leap between science and engineering; statuses of the two parts. Our proxy.
    """
    distance = recombination_distance(inputs, burn_in=burn_in)
    science = science_references(inputs, how="share")
    frame = joined(inputs, distance=distance, science=science)
    value = pl.col("distance") * pl.col("science")
    return settle(inputs, frame, value, passed_on("distance", "science"))
