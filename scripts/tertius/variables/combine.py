"""Variables made of other variables: sums, products, ratios, scores; their statuses pass on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from tertius.kernels import run_blocks
from tertius.tables import STATUSES
from tertius.variables.frames import Rule, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import organisations, rows


def joined(inputs: Inputs, **parts: pl.DataFrame) -> pl.DataFrame:
    """org, year, and the value and `<name>_status` of every part (frames of `settle`)."""
    columns = [rows(inputs).select("org", "year")]
    for name, part in parts.items():
        columns.append(
            part.select(pl.col("value").alias(name), pl.col("status").alias(f"{name}_status"))
        )
    return pl.concat(columns, how="horizontal")


def passed_on(*names: str) -> list[Rule]:
    """Rules that give a row the status of the first part that is not ok."""
    return [
        (pl.col(f"{name}_status") == status, status) for name in names for status in STATUSES[1:]
    ]


def combined(
    inputs: Inputs, value: pl.Expr, rules: Sequence[Rule] = (), **parts: pl.DataFrame
) -> pl.DataFrame:
    """A variable computed from others: undefined where a part is, else `value` under `rules`."""
    frame = joined(inputs, **parts)
    return settle(inputs, frame, value, [*passed_on(*parts), *rules])


def in_frame(inputs: Inputs) -> pl.DataFrame:
    """org, framed: whether the unit is of a type of the analysis sample (no register: all are)."""
    if not inputs.has("organisations"):
        return rows(inputs).select("org").unique().sort("org").with_columns(framed=pl.lit(True))
    kinds = organisations(inputs).select("org", "type")
    listed = pl.col("type").is_in(list(inputs.frame_types)).fill_null(False)
    return kinds.select("org", framed=listed)


def year_scores(inputs: Inputs, **parts: pl.DataFrame) -> pl.DataFrame:
    """org, year, and for every part its z-score within the year (`<name>`) and `<name>_status`.

    Centre and standard deviation (divisor n) are those of the living units of the frame with a
    value in the same year, never of several years. A year without spread: zero_denominator; no unit
    of the frame with a value: missing_input.
    """
    frame = joined(inputs, **parts).join(in_frame(inputs), on="org", how="left")
    for name in parts:
        frame = frame.join(_scale(frame, name), on="year", how="left", maintain_order="left")
        centre, scale = pl.col(f"{name}_centre"), pl.col(f"{name}_scale")
        status = pl.col(f"{name}_status")
        frame = frame.with_columns(
            ((pl.col(name) - centre) / scale).alias(name),
            pl.when(status != "ok")
            .then(status)
            .when(scale.is_null())
            .then(pl.lit("missing_input"))
            .when(scale == 0.0)
            .then(pl.lit("zero_denominator"))
            .otherwise(pl.lit("ok"))
            .alias(f"{name}_status"),
        ).drop(f"{name}_centre", f"{name}_scale")
    return frame.drop("framed")


def _scale(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """year, <name>_centre, <name>_scale over the frame's rows that are ok."""
    used = frame.filter((pl.col(f"{name}_status") == "ok") & pl.col("framed").fill_null(False))
    used = used.select("org", "year", v=pl.col(name), one=pl.lit(1.0))
    sums = ordered_sum(used, ["year"], ["org"], ["v", "one"])
    means = sums.select("year", centre=pl.col("v") / pl.col("one"), n="one")
    squares = used.join(means, on="year").with_columns(sq=(pl.col("v") - pl.col("centre")) ** 2)
    spread = ordered_sum(squares, ["year"], ["org"], ["sq"])
    return means.join(spread, on="year").select(
        "year",
        pl.col("centre").alias(f"{name}_centre"),
        (pl.col("sq") / pl.col("n")).sqrt().alias(f"{name}_scale"),
    )


def score_mean(
    inputs: Inputs, signs: dict[str, float] | None = None, **parts: pl.DataFrame
) -> pl.DataFrame:
    """Mean of the within-year z-scores of the parts, each times its sign (default 1)."""
    scores = year_scores(inputs, **parts)
    total = sum(((signs or {}).get(name, 1.0) * pl.col(name) for name in parts), pl.lit(0.0))
    return settle(inputs, scores, total / float(len(parts)), passed_on(*parts))


def within_year_rank(
    inputs: Inputs, share: float, by: Sequence[str] = (), **part: pl.DataFrame
) -> pl.DataFrame:
    """org, year, value, status, cut: the quantile `share` of the frame's ok rows of the year.

    The quantile is the smallest value with at least `share` of the rows at or below it, so that it
    is one of the values.

    Args:
        inputs: the study's inputs.
        share: 0.75 = upper quartile.
        by: further columns of the register within which the cut is taken (ind4).
        part: one frame of `settle`.
    """
    ((name, frame),) = part.items()
    table = joined(inputs, **{name: frame}).join(in_frame(inputs), on="org", how="left")
    keys = ["year", *by]
    if by:
        table = table.join(organisations(inputs).select("org", *by), on="org", how="left")
    used = table.filter((pl.col(f"{name}_status") == "ok") & pl.col("framed").fill_null(False))
    cuts = used.group_by(keys).agg(
        pl.col(name).sort().gather((pl.len() * share).ceil().cast(pl.Int64).clip(1) - 1).first()
        .alias("cut")
    )  # fmt: skip
    return table.join(cuts, on=keys, how="left", maintain_order="left").select(
        "org", "year", *by, pl.col(name).alias("value"), pl.col(f"{name}_status").alias("status"),
        "cut",
    )  # fmt: skip


def expand_years(events: pl.DataFrame, years: int, start: int = 0) -> pl.DataFrame:
    """Every row once for each year t with event year in t-start-years+1..t-start, as `year`."""
    lags = pl.DataFrame({"_lag": pl.Series(range(start, start + years), dtype=pl.Int32)})
    return (
        events.join(lags, how="cross")
        .with_columns((pl.col("year") + pl.col("_lag")).cast(pl.Int32).alias("year"))
        .drop("_lag")
    )


def windowed_counts(
    inputs: Inputs, counts: pl.DataFrame, columns: Sequence[str], years: int, start: int = 0
) -> pl.DataFrame:
    """org, year and the sums of whole-number columns over t-start-years+1..t-start.

    Args:
        inputs: the study's inputs.
        counts: org, year and the columns, one row a key.
        columns: the columns of whole numbers.
        years: width of the window.
        start: years that the window ends before t.
    """
    wide = expand_years(counts.select("org", "year", *columns), years, start)
    last = max(inputs.years, default=0)
    return (
        wide.filter(pl.col("year") <= last)
        .group_by("org", "year")
        .agg(pl.col(column).cast(pl.Int64).sum() for column in columns)
    )


def filled(
    inputs: Inputs, counts: pl.DataFrame, column: str, rules: Sequence[Rule]
) -> pl.DataFrame:
    """A count that is 0 where there is no row."""
    return settle(inputs, counts, pl.col(column).fill_null(0), rules)


def yearly(inputs: Inputs, build: Callable[[int], pl.DataFrame]) -> pl.DataFrame:
    """The frames of all years of the risk set, one below the other; years share the threads."""
    return pl.concat(run_blocks(build, inputs.years, None), how="vertical_relaxed")
