"""Attributes of ties: duration, repetition, form, strength, governance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.variables.forms import STRONG, form_of, weighted_forms
from tertius.variables.frames import Rule, coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.position import measure_rules, measured
from tertius.variables.records import active_records, coded, organisations, partner_counts, partners

KEY = ["org", "year"]
NO_PARTNER: Rule = (pl.col("n").fill_null(0) == 0, "undefined_isolate")


def record_numbers(inputs: Inputs, network: str) -> pl.DataFrame:
    """record_id, record: the records behind the ties, numbered in the order of their ids."""
    return inputs.once(
        ("record_numbers", network),
        lambda: (
            inputs.tie_records[network]["record_id"]
            .unique()
            .sort()
            .to_frame()
            .with_row_index("record")
            .select("record_id", "record")
        ),
    )


def tie_pairs(inputs: Inputs, network: str) -> pl.DataFrame:
    """year, org, partner, record: the records behind every tie from both ends, sorted."""
    return inputs.once(("tie_pairs", network), lambda: _tie_pairs(inputs, network))


def _tie_pairs(inputs: Inputs, network: str) -> pl.DataFrame:
    named = inputs.tie_records[network].select("year", "a", "b", "record_id")
    named = named.join(record_numbers(inputs, network), on="record_id").drop("record_id")
    numbered = coded(inputs, coded(inputs, named, "a", "org"), "b", "partner")
    order = ["year", "org", "partner", "record"]
    back = numbered.rename({"org": "partner", "partner": "org"})
    return pl.concat([numbered.select(order), back.select(order)]).sort(order)


def tie_ages(inputs: Inputs, network: str) -> pl.DataFrame:
    """year, org, partner, first: the year in which the tie was first seen."""
    dated = partners(inputs, network).select("year", "org", "partner")
    return dated.with_columns(first=pl.col("year").min().over("org", "partner"))


def duration(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean over partners of t - first year of the tie + 1; >= 1 year, undefined for isolates.

    The first year is the first ever, also where the tie rested in between; ties that stand in the
    first year that is known are older than they look (`censored_share`). Capaldo (2007).
    """
    age = (pl.col("year") - pl.col("first") + 1).cast(pl.Int64)
    sums = tie_ages(inputs, network).group_by(KEY).agg(pl.len().alias("n"), age.sum().alias("sum"))
    rules = [*coverage(inputs, network), NO_PARTNER]
    return settle(inputs, sums, pl.col("sum") / pl.col("n"), rules)


def censored_share(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Share of partners whose tie stands in the first known year, so that its age is a lower bound.

    In [0, 1]; undefined for isolates.
    """
    censored = (pl.col("first") == inputs.covered_years[0]).cast(pl.Int64)
    sums = (
        tie_ages(inputs, network).group_by(KEY).agg(pl.len().alias("n"), censored.sum().alias("c"))
    )
    rules = [*coverage(inputs, network), NO_PARTNER]
    return settle(inputs, sums, pl.col("c") / pl.col("n"), rules)


def repeated_ties(inputs: Inputs, network: str) -> pl.DataFrame:
    """year, org, partner, prior: whether the pair was tied before its oldest active record."""
    return inputs.once(("repeated_ties", network), lambda: _repeated_ties(inputs, network))


def _repeated_ties(inputs: Inputs, network: str) -> pl.DataFrame:
    # Ties and the records behind them are sorted alike: each tie's records lie side by side.
    pairs = tie_pairs(inputs, network)
    org, partner, year = (pairs[name].to_numpy() for name in ("org", "partner", "year"))
    tied = _numbered(org.astype(np.int64), partner)
    begun = _earliest(_numbered(tied, pairs["record"].to_numpy()), year)
    starts = np.flatnonzero(np.append(True, (tied[1:] != tied[:-1]) | (year[1:] != year[:-1])))
    starts = starts[: year.size]
    oldest = np.minimum.reduceat(begun, starts) if starts.size else begun
    prior = _earliest(tied, year)[starts] < oldest
    found = pairs.select("year", "org", "partner")[starts].with_columns(prior=pl.Series(prior))
    ties = partners(inputs, network).select("year", "org", "partner")
    if found.height == ties.height:
        return found
    without = found.join(ties, on=["year", "org", "partner"], how="right", maintain_order="right")
    return without.select("year", "org", "partner", pl.col("prior").fill_null(False))


def _numbered(first: NDArray[np.int64], second: NDArray[Any]) -> NDArray[np.int64]:
    """A number for every pair of numbers, below the number of pairs."""
    key = first * (int(second.max(initial=0)) + 1) + second
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def _earliest(group: NDArray[np.int64], year: NDArray[np.int32]) -> NDArray[np.int32]:
    """For every row the least year of its group."""
    least = np.full(int(group.max(initial=-1)) + 1, np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(least, group, year)
    return least[group]


def _repeats(inputs: Inputs, network: str) -> pl.DataFrame:
    """org, year, n, repeated: partners, and those tied before their oldest record of the year."""
    again = pl.col("prior").cast(pl.Int64)
    ties = repeated_ties(inputs, network)
    return ties.group_by(KEY).agg(pl.len().alias("n"), again.sum().alias("repeated"))


def repeat_share(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Share of partners already tied before the oldest record behind today's tie; in [0, 1].

    Undefined for isolates; the first `years` years after the records begin have no look-back:
    truncated. Gulati (1995); Goerzen (2007).
    """
    rules = [*coverage(inputs, network, back=years), NO_PARTNER]
    return settle(inputs, _repeats(inputs, network), pl.col("repeated") / pl.col("n"), rules)


# ---------------------------------------------------------------------------------------- forms
def _known_forms(inputs: Inputs, preset: str, weights: Mapping[str, float] | None) -> pl.DataFrame:
    table = weighted_forms(inputs.tables["alliances"], preset, weights)
    return table.filter(pl.col("form_weight").is_not_null())


def form_weight(
    inputs: Inputs,
    *,
    network: str,
    preset: str = "commitment",
    weights: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """Mean form weight of the active alliances with a known form.

    No alliance: undefined_isolate; none with a known form: missing_input.

    Args:
        inputs: the study's inputs.
        network: a network with alliances.
        preset: name of the weights (`forms.FORM_WEIGHTS`).
        weights: form -> weight, replaces or extends the preset.
    """
    active = active_records(inputs, network)
    known = active.join(_known_forms(inputs, preset, weights), on="record_id")
    summed = ordered_sum(
        known.with_columns(one=pl.lit(1.0)), KEY, ["record_id"], ["form_weight", "one"]
    )
    counts = active.group_by(KEY).agg(pl.len().alias("n"))
    values = counts.join(summed, on=KEY, how="left")
    rules = [*coverage(inputs, network), NO_PARTNER, (pl.col("one").is_null(), "missing_input")]
    return settle(inputs, values, pl.col("form_weight") / pl.col("one"), rules)


def _partner_forms(
    inputs: Inputs, network: str, preset: str, weights: Mapping[str, float] | None
) -> pl.DataFrame:
    """year, org, partner, total, strongest: form weights of the alliances with each partner."""
    given = None if weights is None else tuple(sorted(weights.items()))
    key = ("partner_forms", network, preset, given)
    return inputs.once(key, lambda: _build_partner_forms(inputs, network, preset, weights))


def _build_partner_forms(
    inputs: Inputs, network: str, preset: str, weights: Mapping[str, float] | None
) -> pl.DataFrame:
    numbers = record_numbers(inputs, network)
    forms = _known_forms(inputs, preset, weights).join(numbers, on="record_id")
    known = tie_pairs(inputs, network).join(forms.select("record", "form_weight"), on="record")
    key = ["year", "org", "partner"]
    total = ordered_sum(known, key, ["record"], ["form_weight"])
    strongest = known.group_by(key).agg(pl.col("form_weight").max().alias("strongest"))
    return total.rename({"form_weight": "total"}).join(strongest, on=key)


def _over_partners(inputs: Inputs, network: str, per_partner: pl.DataFrame) -> pl.DataFrame:
    """org, year, n (partners), known, and sum and maximum of `v` over partners with a value."""
    counted = per_partner.with_columns(known=pl.lit(1.0))
    sums = ordered_sum(counted, KEY, ["partner"], ["v", "known"]).rename({"v": "sum"})
    largest = per_partner.group_by(KEY).agg(pl.col("v").max().alias("max"))
    counts = partner_counts(inputs, network).select(*KEY, "n")
    return counts.join(sums, on=KEY, how="left").join(largest, on=KEY, how="left")


def settled_over_partners(
    inputs: Inputs, network: str, per_partner: pl.DataFrame, how: str
) -> pl.DataFrame:
    """Mean or maximum of `v` over the partners that have a value (year, org, partner, v).

    No partner: undefined_isolate; none with a value: missing_input.
    """
    if how not in ("mean", "max"):
        raise ValueError(f"how must be 'mean' or 'max', not {how!r}")
    values = _over_partners(inputs, network, per_partner)
    rules = [*coverage(inputs, network), NO_PARTNER, (pl.col("known").is_null(), "missing_input")]
    value = pl.col("max") if how == "max" else pl.col("sum") / pl.col("known")
    return settle(inputs, values, value, rules)


def tie_strength(
    inputs: Inputs,
    *,
    network: str,
    preset: str = "commitment",
    weights: Mapping[str, float] | None = None,
    how: str = "mean",
) -> pl.DataFrame:
    """Mean (or maximum) over partners of the summed form weights of the alliances with each.

    No partner: undefined_isolate; none with an alliance of known form: missing_input. Capaldo
    (2007); weights after Contractor and Lorange (1988).

    Args:
        inputs: the study's inputs.
        network: a network with alliances.
        preset: name of the weights (`forms.FORM_WEIGHTS`).
        weights: form -> weight, replaces or extends the preset.
        how: mean | max.
    """
    found = _partner_forms(inputs, network, preset, weights)
    per_partner = found.select("year", "org", "partner", v="total")
    return settled_over_partners(inputs, network, per_partner, how)


def strong_share(
    inputs: Inputs,
    *,
    network: str,
    preset: str = "commitment",
    cut: float | None = None,
) -> pl.DataFrame:
    """Share of partners of known form with at least one strong alliance; in [0, 1].

    Strong: form weight >= cut, by default the preset's own (equity, joint venture, joint research).
    No partner: undefined_isolate; none of known form: missing_input. Rowley, Behrens and Krackhardt
    (2000).
    """
    lowest = STRONG[preset] if cut is None else cut
    strong = (pl.col("strongest") >= lowest).cast(pl.Float64)
    found = _partner_forms(inputs, network, preset, None)
    per_partner = found.select("year", "org", "partner", v=strong)
    return settled_over_partners(inputs, network, per_partner, "mean")


def strength_index(inputs: Inputs, *, network: str, preset: str = "commitment") -> pl.DataFrame:
    """Mean of the within-year z-scores of frequency, duration and form weight of the ties.

    z over the living units of the study's frame in the year that have all three; a part without
    spread in a year: zero_denominator. A composite of ours; see `strength_alpha`.
    """
    parts = _strength_parts(inputs, network, preset)
    scales = _year_scales(parts.filter("in_frame"), ["frequency", "duration", "form"])
    joined = parts.join(scales, on="year", how="left")
    names = ("frequency", "duration", "form")
    z = [(pl.col(p) - pl.col(f"{p}_centre")) / pl.col(f"{p}_scale") for p in names]
    flat = pl.any_horizontal(pl.col(f"{p}_scale") == 0.0 for p in names)
    absent = pl.any_horizontal(pl.col(p).is_null() for p in names)
    unscaled = pl.any_horizontal(pl.col(f"{p}_scale").is_null() for p in names)
    rules = [
        *coverage(inputs, network),
        NO_PARTNER,
        (absent | unscaled, "missing_input"),
        (flat, "zero_denominator"),
    ]
    return settle(inputs, joined, (z[0] + z[1] + z[2]) / 3.0, rules)


def strength_alpha(inputs: Inputs, *, network: str, preset: str = "commitment") -> pl.DataFrame:
    """year, units, alpha: Cronbach's alpha of the three standardised parts of `strength_index`.

    alpha = 3 r / (1 + 2 r), r the mean correlation of the parts over the frame's units of the year;
    null with fewer than three units or a part without spread. Cronbach (1951).
    """
    rows = []
    table = _strength_parts(inputs, network, preset).filter("in_frame").sort(KEY)
    for (year,), part in sorted(table.partition_by("year", as_dict=True).items()):
        known = part.select("frequency", "duration", "form").drop_nulls()
        pairs = [("frequency", "duration"), ("frequency", "form"), ("duration", "form")]
        spread = known.height >= 3 and all(known[p].n_unique() > 1 for p in known.columns)
        r = sum(float(known.select(pl.corr(a, b)).item()) for a, b in pairs) / 3 if spread else None
        alpha = None if r is None else 3 * r / (1 + 2 * r)
        rows.append({"year": year, "units": known.height, "alpha": alpha})
    schema = {"year": pl.Int32, "units": pl.Int64, "alpha": pl.Float64}
    return pl.DataFrame(rows, schema=schema)


def _strength_parts(inputs: Inputs, network: str, preset: str) -> pl.DataFrame:
    """org, year, n, in_frame, frequency, duration, form: null where a part is not known."""
    age = (pl.col("year") - pl.col("first") + 1).cast(pl.Int64)
    ages = tie_ages(inputs, network).group_by(KEY).agg((age.sum() / pl.len()).alias("duration"))
    counts = (
        partners(inputs, network)
        .group_by(KEY)
        .agg(
            pl.len().alias("n"),
            (pl.col("n_records").sum().cast(pl.Float64) / pl.len()).alias("frequency"),
        )
    )
    forms = form_weight(inputs, network=network, preset=preset)
    kinds = organisations(inputs).select("org", "type")
    in_frame = pl.col("type").is_in(list(inputs.frame_types)).fill_null(False)
    form = coded(inputs, forms).select("org", "year", form="value")
    return (
        form.join(counts, on=KEY, how="left")
        .join(ages, on=KEY, how="left")
        .join(kinds, on="org", how="left")
        .with_columns(in_frame=in_frame)
        .sort(KEY)
    )


def _year_scales(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """year, and centre and scale (divisor n) of each column over complete rows of the year."""
    complete = table.drop_nulls(list(columns)).with_columns(one=pl.lit(1.0))
    sums = ordered_sum(complete, ["year"], ["org"], [*columns, "one"])
    centres = sums.select(
        "year", "one", *((pl.col(c) / pl.col("one")).alias(f"{c}_centre") for c in columns)
    )
    squares = (
        complete.drop("one")
        .join(centres, on="year")
        .with_columns(
            ((pl.col(c) - pl.col(f"{c}_centre")) ** 2).alias(f"{c}_square") for c in columns
        )
    )
    spread = ordered_sum(squares, ["year"], ["org"], [f"{c}_square" for c in columns])
    scales = [(pl.col(f"{c}_square") / pl.col("one")).sqrt().alias(f"{c}_scale") for c in columns]
    return (
        centres.join(spread, on="year")
        .with_columns(scales)
        .select("year", pl.col("^.*_centre$"), pl.col("^.*_scale$"))
    )


# ----------------------------------------------------------------------------------- governance
def formal_share(inputs: Inputs, *, network: str, column: str = "formal") -> pl.DataFrame:
    """Share of the active alliances with equity or recorded contract clauses; in [0, 1].

    No alliance: undefined_isolate; none with form, flags or clauses: missing_input. Oxley (1997);
    Reuer and Arino (2007).

    Args:
        inputs: the study's inputs.
        network: a network with alliances.
        column: formal (equity or clauses) | equity.
    """
    kinds = form_of(inputs.tables["alliances"]).filter(pl.col("formal").is_not_null())
    active = active_records(inputs, network)
    known = active.join(kinds, on="record_id")
    flag = pl.col(column).cast(pl.Int64)
    sums = known.group_by(KEY).agg(pl.len().alias("known"), flag.sum().alias("formal_n"))
    counts = active.group_by(KEY).agg(pl.len().alias("n"))
    values = counts.join(sums, on=KEY, how="left")
    rules = [*coverage(inputs, network), NO_PARTNER, (pl.col("known").is_null(), "missing_input")]
    return settle(inputs, values, pl.col("formal_n") / pl.col("known"), rules)


def relational_governance(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Repeat share times mean duration of the ties; >= 0. A weak stand-in for trust.

    Statuses of `repeat_share`. After Gulati (1995).
    """
    age = (pl.col("year") - pl.col("first") + 1).cast(pl.Int64)
    ages = tie_ages(inputs, network).group_by(KEY).agg((age.sum() / pl.len()).alias("duration"))
    values = _repeats(inputs, network).join(ages, on=KEY)
    rules = [*coverage(inputs, network, back=years), NO_PARTNER]
    share = pl.col("repeated") / pl.col("n")
    return settle(inputs, values, share * pl.col("duration"), rules)


def closure(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean over ties of the number of common partners, 2 triangles / n; >= 0.

    Undefined for isolates. Embeddedness of ties as network governance: Gulati and Gargiulo (1999).
    """
    values = measured(inputs, network, {"v": "triangles", "degree": "degree"})
    alone = (pl.col("degree").fill_null(0.0) == 0.0, "undefined_isolate")
    rules = [*measure_rules(inputs, network, "v", "triangles"), alone]
    return settle(inputs, values, 2.0 * pl.col("v") / pl.col("degree"), rules)
