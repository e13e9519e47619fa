"""Environment, institutions and controls: industry, region, policy and accounts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tertius.variables.frames import Rule, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import coded, organisations, rows


def industry_trends(sales: pl.DataFrame, years: int = 5) -> pl.DataFrame:
    """ind4, year, munificence, dynamism, error, n, mean: yearly sales regressed on the year.

    Over t-years+1..t by ordinary least squares: error = standard error of the slope, munificence =
    slope / mean, dynamism = error / mean. Dess and Beard (1984). Rows with fewer than `years` years
    (n) have no meaning; a mean of 0 leaves both ratios null.

    Args:
        sales: ind4, year, sales, one row a key.
        years: length of the window, at least 3.
    """
    lags = pl.DataFrame({"lag": pl.Series(range(years), dtype=pl.Int32)})
    centre = (years - 1) / 2.0
    shifted = sales.select("ind4", "year", "sales").join(lags, how="cross")
    placed = shifted.select(
        "ind4",
        (pl.col("year") + pl.col("lag")).cast(pl.Int32).alias("year"),
        (centre - pl.col("lag")).alias("time"),
        "sales",
    ).with_columns(n=pl.lit(1.0), cross=pl.col("time") * pl.col("sales"))
    key = ["ind4", "year"]
    sums = ordered_sum(placed, key, ["time"], ["n", "sales", "cross"])
    spread = float(np.sum((np.arange(years) - centre) ** 2))
    fitted = sums.select(
        *key, "n", mean=pl.col("sales") / pl.col("n"), slope=pl.col("cross") / spread
    )
    residual = pl.col("sales") - pl.col("mean") - pl.col("slope") * pl.col("time")
    errors = placed.drop("n").join(fitted, on=key).with_columns(rss=residual**2)
    rss = ordered_sum(errors, key, ["time"], ["rss"])
    scale = pl.when(pl.col("mean") != 0.0).then(pl.col("mean"))
    error = (pl.col("rss") / (years - 2) / spread).sqrt()
    return fitted.join(rss, on=key).select(
        *key,
        "n",
        "mean",
        error=error,
        munificence=pl.col("slope") / scale,
        dynamism=error / scale,
    )


def _industry(inputs: Inputs, years: int, log: bool = False) -> pl.DataFrame:
    """org, year, ind4 and the trends of the own industry, n null outside the table's years."""
    table = inputs.tables["industry_years"]
    if log:
        table = table.filter(pl.col("sales") > 0.0).with_columns(pl.col("sales").log())
    trends = inputs.once(("industry_trends", years, log), lambda: industry_trends(table, years))
    named = organisations(inputs).filter(pl.col("ind4").is_not_null()).select("org", "ind4", "type")
    return (
        rows(inputs)
        .select("org", "year")
        .join(named, on="org")
        .join(trends, on=["ind4", "year"], how="left")
    )


def _industry_rules(inputs: Inputs, years: int) -> list[Rule]:
    first = inputs.tables["industry_years"]["year"].min()
    return [
        (pl.col("ind4").is_null(), "missing_input"),
        (pl.col("year") < pl.lit(first) + years - 1, "truncated"),
        (pl.col("n").fill_null(0.0) < years, "missing_input"),
        (pl.col("mean") == 0.0, "zero_denominator"),
    ]


def turbulence(
    inputs: Inputs, *, years: int = 5, column: str = "dynamism", log: bool = False
) -> pl.DataFrame:
    """Dynamism (or munificence) of the sales of the unit's four-digit industry over t-4..t.

    See `industry_trends`. Without an industry or a full window of sales: missing_input; a window
    that begins before the table: truncated.

    Args:
        inputs: the study's inputs.
        years: length of the window.
        column: dynamism (>= 0) | munificence.
        log: exp(standard error of the slope of ln sales) instead, >= 1.
    """
    rules = _industry_rules(inputs, years)
    if log:
        rules = [rule for rule in rules if rule[1] != "zero_denominator"]
        return settle(inputs, _industry(inputs, years, log), pl.col("error").exp(), rules)
    return settle(inputs, _industry(inputs, years), pl.col(column), rules)


def turbulence_score(inputs: Inputs, *, years: int = 5) -> pl.DataFrame:
    """Dynamism as a z-score within the year, over the living units of the study's frame.

    Mean and standard deviation (divisor n) of the frame's units with a value; never over several
    years, which would look ahead. A year without spread: zero_denominator.
    """
    values = _industry(inputs, years)
    usable = (pl.col("n") >= years) & pl.col("dynamism").is_not_null()
    frame = values.filter(usable & pl.col("type").is_in(list(inputs.frame_types)))
    one = frame.with_columns(one=pl.lit(1.0))
    means = ordered_sum(one, ["year"], ["org"], ["dynamism", "one"]).select(
        "year", "one", centre=pl.col("dynamism") / pl.col("one")
    )
    deviations = frame.join(means, on="year").with_columns(
        square=(pl.col("dynamism") - pl.col("centre")) ** 2
    )
    spread = ordered_sum(deviations, ["year"], ["org"], ["square"])
    scales = means.join(spread, on="year").select(
        "year", "centre", scale=(pl.col("square") / pl.col("one")).sqrt()
    )
    joined = values.join(scales, on="year", how="left")
    rules = [
        *_industry_rules(inputs, years),
        (pl.col("scale").is_null(), "missing_input"),
        (pl.col("scale") == 0.0, "zero_denominator"),
    ]
    return settle(inputs, joined, (pl.col("dynamism") - pl.col("centre")) / pl.col("scale"), rules)


def accounts(inputs: Inputs) -> pl.DataFrame:
    """The accounts with `org` in the place of org_id."""
    return inputs.once("accounts", lambda: coded(inputs, inputs.tables["firm_years"]))


def ratio(inputs: Inputs, *, numerator: str, denominator: str) -> pl.DataFrame:
    """One item of the accounts over another.

    Denominator 0: zero_denominator; an unknown item: missing_input.
    """
    over, under = pl.col(numerator), pl.col(denominator)
    rules = [
        (over.is_null() | under.is_null(), "missing_input"),
        (under == 0.0, "zero_denominator"),
    ]
    return settle(inputs, accounts(inputs), over / under, rules)


def research_intensity(inputs: Inputs, *, missing: str = "keep") -> pl.DataFrame:
    """R&D expenditure over sales; >= 0.

    Args:
        inputs: the study's inputs.
        missing: what an unreported R&D expenditure becomes: keep (missing_input) or zero (0, for
            use with the dummy of `research_missing` only; Koh and Reeb 2015).
    """
    if missing not in ("keep", "zero"):
        raise ValueError(f"missing must be keep or zero, not {missing!r}")
    spent = pl.col("rd").fill_null(0.0) if missing == "zero" else pl.col("rd")
    rules = [
        (spent.is_null() | pl.col("sales").is_null(), "missing_input"),
        (pl.col("sales") == 0.0, "zero_denominator"),
    ]
    return settle(inputs, accounts(inputs), spent / pl.col("sales"), rules)


def research_missing(inputs: Inputs) -> pl.DataFrame:
    """1 where the accounts report no R&D expenditure, else 0; no accounts: missing_input."""
    values = accounts(inputs).select("org", "year", "rd", pl.lit(1).alias("reported"))
    rules = [(pl.col("reported").is_null(), "missing_input")]
    return settle(inputs, values, pl.col("rd").is_null(), rules)


def log_item(inputs: Inputs, *, item: str, plus: float = 0.0) -> pl.DataFrame:
    """Natural logarithm of an item of the accounts (+ `plus`). 0 or less: zero_denominator."""
    value = pl.col(item) + plus
    rules = [(value.is_null(), "missing_input"), (value <= 0.0, "zero_denominator")]
    return settle(inputs, accounts(inputs), value.log(), rules)


def growth(inputs: Inputs, *, item: str = "sales") -> pl.DataFrame:
    """Growth of an item of the accounts from t-1 to t, by calendar; >= -1.

    No value in t-1 or t: missing_input; 0 in t-1: zero_denominator.
    """
    now = accounts(inputs).select("org", "year", pl.col(item).alias("now"))
    before = now.select("org", (pl.col("year") + 1).cast(pl.Int32).alias("year"), before="now")
    rules = [
        (pl.col("now").is_null() | pl.col("before").is_null(), "missing_input"),
        (pl.col("before") == 0.0, "zero_denominator"),
    ]
    values = now.join(before, on=["org", "year"], how="left")
    return settle(inputs, values, pl.col("now") / pl.col("before") - 1.0, rules)


def log_age(inputs: Inputs) -> pl.DataFrame:
    """ln(1 + t - year of birth); >= 0. Birth unknown: missing_input."""
    births = organisations(inputs).select("org", "birth_year")
    values = rows(inputs).select("org", "year").join(births, on="org")
    age = pl.col("year") - pl.col("birth_year")
    rules = [(pl.col("birth_year").is_null() | (age < 0), "missing_input")]
    return settle(inputs, values, (1 + age).cast(pl.Float64).log(), rules)


def in_force(inputs: Inputs, kinds: Sequence[str] | None) -> pl.DataFrame:
    """Policy rows with year: policies in force on 31 December of each year of the risk set."""
    policies = inputs.tables["policies"]
    if kinds is not None:
        policies = policies.filter(pl.col("kind").is_in(list(kinds)))
    years = rows(inputs).select("year").unique()
    day = pl.date(pl.col("year"), 12, 31)
    return policies.join(years, how="cross").filter(
        (pl.col("effective") <= day) & (pl.col("end").is_null() | (pl.col("end") >= day))
    )


def region_policy(inputs: Inputs, *, kinds: Sequence[str] | None = None) -> pl.DataFrame:
    """1 where a policy of the unit's city or province is in force on 31 December, else 0.

    City and province unknown: missing_input.

    Args:
        inputs: the study's inputs.
        kinds: kinds of policies that count; None = all with a target region.
    """
    return _exposure(inputs, kinds, "target_region", ("city", "province"))


def industry_policy(inputs: Inputs, *, kinds: Sequence[str] | None = None) -> pl.DataFrame:
    """1 where a policy for the unit's four-digit industry is in force on 31 December, else 0."""
    return _exposure(inputs, kinds, "target_ind", ("ind4",))


def _exposure(
    inputs: Inputs, kinds: Sequence[str] | None, target: str, places: tuple[str, ...]
) -> pl.DataFrame:
    active = in_force(inputs, kinds).filter(pl.col(target).is_not_null())
    targets = active.select("year", pl.col(target).alias("place")).unique()
    named = (
        rows(inputs)
        .select("org", "year")
        .join(organisations(inputs).select("org", *places), on="org")
    )
    hits = pl.concat(
        named.select("org", "year", pl.col(place).alias("place")).join(
            targets, on=["year", "place"], how="semi"
        )
        for place in places
    )
    exposed = hits.select("org", "year").unique().with_columns(pl.lit(1).alias("hit"))
    values = named.join(exposed, on=["org", "year"], how="left")
    rules = [(pl.all_horizontal(pl.col(places).is_null()), "missing_input")]
    return settle(inputs, values, pl.col("hit").fill_null(0), rules)


def region_index(inputs: Inputs, *, column: str, lag: int = 0) -> pl.DataFrame:
    """An index of the unit's city, or of its province where the city has none, in year t - lag."""
    later = (pl.col("year") + lag).cast(pl.Int32).alias("year")
    table = inputs.tables["region_years"].select("region", later, pl.col(column).alias("v"))
    values = (
        rows(inputs)
        .select("org", "year")
        .join(organisations(inputs).select("org", "city", "province"), on="org")
    )
    for place in ("city", "province"):
        found = table.rename({"region": place, "v": f"v_{place}"})
        values = values.join(found, on=[place, "year"], how="left")
    values = values.select("org", "year", pl.coalesce("v_city", "v_province").alias("v"))
    return settle(inputs, values, pl.col("v"), [(pl.col("v").is_null(), "missing_input")])
