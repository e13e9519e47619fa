"""Search: depth, scope, breadth and intensity of what a unit cites or patents."""

from __future__ import annotations

import polars as pl

from tertius.variables.frames import (
    SHARE_UNIT,
    Rule,
    blau,
    coverage,
    hall_blau,
    ordered_sum,
    settle,
)
from tertius.variables.inputs import Inputs
from tertius.variables.records import (
    Level,
    citation_instances,
    family_classes,
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


def _past_use(inputs: Inputs, years: int) -> pl.DataFrame:
    """org, year, cited, n, past: citations of the year and of the `years` before, per cited."""
    return inputs.once(("past_use", years), lambda: _build_past_use(inputs, years))


def _build_past_use(inputs: Inputs, years: int) -> pl.DataFrame:
    now = citation_instances(inputs)
    repeated = now.filter(pl.len().over("org", "cited") > 1)
    past = (
        repeated.join(
            repeated.select("org", "cited", pl.col("year").alias("before"), pl.col("n").alias("m")),
            on=["org", "cited"],
        )
        .filter((pl.col("year") - pl.col("before")).is_between(1, years))
        .group_by("org", "year", "cited")
        .agg(pl.col("m").sum().alias("past"))
    )
    return now.join(past, on=["org", "year", "cited"], how="left").with_columns(
        pl.col("past").fill_null(0)
    )


def _weighted_use(inputs: Inputs, years: int, basis: str) -> pl.DataFrame:
    """`_past_use` with the weight of a cited family: its citations (instances) or 1 (distinct)."""
    if basis not in ("instances", "distinct"):
        raise ValueError(f"basis must be instances or distinct, not {basis!r}")
    weight = pl.col("n") if basis == "instances" else pl.lit(1)
    return _past_use(inputs, years).with_columns(weight=weight.cast(pl.Int64))


def depth(inputs: Inputs, *, years: int = 5, basis: str = "instances") -> pl.DataFrame:
    """Search depth: mean number of times that a citation of t was made in t-years..t-1; >= 0.

    Katila and Ahuja (2002). No patents in t: undefined_nopat; patents without citations:
    zero_denominator; the first `years` years of the records or of the unit's record: truncated.

    Args:
        inputs: the study's inputs.
        years: length of the look-back.
        basis: instances (every citation counts) or distinct (every cited family counts once).
    """
    weight = pl.col("weight")
    values = (
        _weighted_use(inputs, years, basis)
        .group_by("org", "year")
        .agg(weight.sum().alias("total"), (weight * pl.col("past")).sum().alias("repeats"))
    )
    return _citation_ratio(inputs, values, "repeats", years)


def scope(inputs: Inputs, *, years: int = 5, basis: str = "instances") -> pl.DataFrame:
    """Search scope: share of the citations of t that are new to the unit; in [0, 1].

    New: neither cited by the unit nor its own patent in t-years..t-1. Katila and Ahuja (2002).
    Undefined cases and arguments as in `depth`.
    """
    weight = pl.col("weight")
    own = holdings(inputs).select(
        "org", pl.col("unit").alias("cited"), pl.col("year").alias("made")
    )
    age = pl.col("year") - pl.col("made")
    known = (pl.col("past") > 0) | age.is_between(1, years).fill_null(False)
    values = (
        _weighted_use(inputs, years, basis)
        .join(own, on=["org", "cited"], how="left")
        .group_by("org", "year")
        .agg(weight.sum().alias("total"), weight.filter(~known).sum().alias("new"))
    )
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


def external(inputs: Inputs, network: str) -> pl.DataFrame:
    """org, year, cited, n: citations of families held neither by the unit nor by a partner of t."""
    return split(inputs, network)[0]


def split(inputs: Inputs, network: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Citations outside unit and portfolio; citations of partners' families that are not own."""
    return inputs.once(("split", network), lambda: _build_split(inputs, network))


def _build_split(inputs: Inputs, network: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    key = ["org", "year", "cited"]
    held = holdings(inputs).select(pl.col("unit").alias("cited"), pl.col("org").alias("holder"))
    cited = citation_instances(inputs)
    owners = cited.join(held, on="cited")
    own = owners.filter(pl.col("org") == pl.col("holder")).select(key)
    ties = partners(inputs, network).select("org", "year", pl.col("partner").alias("holder"))
    portfolio = owners.join(ties, on=["org", "year", "holder"], how="semi").select(key).unique()
    foreign = cited.join(own, on=key, how="anti")
    return (
        foreign.join(portfolio, on=key, how="anti"),
        foreign.join(portfolio, on=key, how="semi"),
    )


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

    def build() -> pl.DataFrame:
        # A year at a time: there are several rows a citation.
        years = external(inputs, network)["year"].unique().sort().to_list()
        classes = _marked_classes(inputs, level)
        cited = external(inputs, network)
        parts = [_breadth_of_year(cited.filter(pl.col("year") == year), classes) for year in years]
        return pl.concat([*parts, _breadth_of_year(cited.clear(), classes)])

    spread = inputs.once(("breadth", network, level), build)
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


def _marked_classes(inputs: Inputs, level: Level) -> pl.DataFrame:
    """cited, cls, share (in SHARE_UNIT), first: the classes of every family."""
    classes = family_classes(inputs, level).rename({"unit": "cited"})
    share = (pl.lit(SHARE_UNIT, pl.Float64) / pl.col("n_classes")).round().cast(pl.Int64)
    first = (pl.col("cited") != pl.col("cited").shift(1)).fill_null(True)
    return classes.select("cited", "cls", share=share, first=first)


def _breadth_of_year(cited: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """org, year, n, own, squares, logs of some external citations."""
    key = ["org", "year"]
    n = pl.col("n").cast(pl.Int64)
    spread = cited.join(classes, on="cited").with_columns(n, share=pl.col("share") * n)
    # n whole shares 1/k of a cited patent: its squares sum to n/k, one share a citation.
    counts = spread.group_by(key).agg(
        pl.col("n").filter("first").sum(), pl.col("share").filter("first").sum().alias("own")
    )
    part = pl.col("share").cast(pl.Float64) / SHARE_UNIT
    vectors = spread.group_by(*key, "cls").agg(pl.col("share").sum())
    squared = vectors.with_columns(squares=part**2, logs=part * part.log())
    return counts.join(ordered_sum(squared, key, ["cls"], ["squares", "logs"]), on=key)


def new_sources(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Search intensity outside: distinct external holders cited in t and not in t-years..t-1; >= 0.

    External as in `breadth`. No patents in t: undefined_nopat; look-back before the first record or
    in the first `years` years of the unit's record: truncated.
    """
    held = holdings(inputs).select(pl.col("unit").alias("cited"), pl.col("org").alias("holder"))
    key = ["org", "year", "holder"]
    now = external(inputs, network).join(held, on="cited").select(key).unique()
    ever = citation_instances(inputs).join(held, on="cited").select(key).unique()
    before = ever.rename({"year": "before"})
    known = (
        now.join(before, on=["org", "holder"])
        .filter((pl.col("year") - pl.col("before")).is_between(1, years))
        .select(key)
        .unique()
    )
    new = now.join(known, on=key, how="anti").group_by("org", "year").agg(pl.len().alias("new"))
    values = patents_and_start(inputs).join(new, on=["org", "year"], how="left")
    rules = [*coverage(inputs, network), *look_back_rules(inputs, years)]
    return settle(inputs, values, pl.col("new").fill_null(0), rules)


def citations_per_patent(inputs: Inputs) -> pl.DataFrame:
    """Backward citations per patent of the year; >= 0. No patents in t: undefined_nopat."""
    totals = (
        citation_instances(inputs).group_by("org", "year").agg(pl.col("n").sum().alias("total"))
    )
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
    inside = split(inputs, network)[1].group_by(key).agg(pl.col("n").sum().alias("inside"))
    totals = citation_instances(inputs).group_by(key).agg(pl.col("n").sum().alias("total"))
    values = (
        patents_and_start(inputs)
        .join(tied, on=key, how="full", coalesce=True)
        .join(totals, on=key, how="left")
        .join(inside, on=key, how="left")
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


def _build_class_use(inputs: Inputs, years: int) -> pl.DataFrame:
    key = ["org", "year", "cls"]
    now = own_classes(inputs).group_by(key).agg(pl.len().alias("n"))
    past = (
        pl.concat(
            now.with_columns((pl.col("year") + lag).cast(pl.Int32)) for lag in range(1, years + 1)
        )
        .group_by(key)
        .agg(pl.col("n").sum().alias("past"))
    )
    return now.join(past, on=key, how="left").with_columns(pl.col("past").fill_null(0))


def own_classes(inputs: Inputs) -> pl.DataFrame:
    return holdings(inputs).join(family_classes(inputs).select("unit", "cls"), on="unit")


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
    uses = class_use(inputs, years)
    used = own_classes(inputs).join(uses, on=["org", "year", "cls"])
    per_patent = used.group_by("org", "year", "unit").agg(
        (pl.col("past") > 0).sum().alias("pairs"), pl.col("past").sum()
    )
    values = per_patent.group_by("org", "year").agg(
        pl.len().alias("total"),
        (pl.col("pairs") > 0).sum().alias("known"),
        pl.col("pairs").sum(),
        pl.col("past").sum(),
    )
    mean_use = pl.col("past") / pl.max_horizontal(pl.col("pairs"), pl.lit(1))
    product = values.with_columns(product=pl.col("known") * mean_use)
    return _citation_ratio(inputs, product, "product", years)
