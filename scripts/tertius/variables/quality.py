"""What becomes of patents: grants, kinds, claims, norms of citation, dead ends, success, risk."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tertius.variables.citing import known_before, marked_holdings
from tertius.variables.combine import expand_years, joined, passed_on
from tertius.variables.exploration import family_novelty
from tertius.variables.frames import Rule, coverage, family_sums, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.outcomes import (
    breakthrough_weights,
    breakthroughs,
    citation_windows,
    cited,
    outcome_rules,
    window_rules,
)
from tertius.variables.records import (
    family_classes,
    family_days,
    first_publications,
    holdings,
    organisations,
    partners,
    patent_counts,
    publications,
    rows,
)
from tertius.variables.relations import KEY
from tertius.variables.search import class_history


def _counted(inputs: Inputs, units: pl.DataFrame) -> pl.DataFrame:
    """org, year, n: the unit's families of the year among `units`."""
    held = holdings(inputs).join(units.select("unit").unique(), on="unit", how="semi")
    counts = held.group_by(KEY).agg(pl.len().alias("n"))
    return settle(inputs, counts, pl.col("n").fill_null(0), outcome_rules(inputs))


def granted(inputs: Inputs) -> pl.DataFrame:
    """Families of priority year t granted until the end of the data; >= 0. An outcome only.

    Whether a patent is granted is learned years later: never a covariate.
    """
    return _counted(inputs, first_publications(inputs, "grant_date").drop_nulls("grant_date"))


def of_kind(inputs: Inputs, *, kind: str) -> pl.DataFrame:
    """Families of t of one kind (invention, utility, design); >= 0."""
    return _counted(inputs, first_publications(inputs, "kind").filter(pl.col("kind") == kind))


def invention_share(inputs: Inputs) -> pl.DataFrame:
    """Share of inventions among the families of t with a known kind; in [0, 1].

    No such family: undefined_nopat. An upgrade of innovation rises in it.
    """
    kinds = (
        first_publications(inputs, "kind")
        .drop_nulls("kind")
        .group_by("unit")
        .agg((pl.col("kind") == "invention").any().alias("invention"))
    )
    counts = (
        holdings(inputs)
        .join(kinds, on="unit")
        .group_by(KEY)
        .agg(pl.len().alias("n"), pl.col("invention").sum().alias("hits"))
    )
    rules = [*outcome_rules(inputs), (pl.col("n").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def claims(inputs: Inputs) -> pl.DataFrame:
    """Sum of the claims of the families of t (the most of a family's first publications); >= 0.

    A family without a known number: missing_input.
    """
    most = first_publications(inputs, "n_claims").group_by("unit").agg(pl.col("n_claims").max())
    counts = (
        holdings(inputs)
        .join(most, on="unit")
        .group_by(KEY)
        .agg(
            pl.col("n_claims").cast(pl.Int64).sum().alias("n"),
            pl.col("n_claims").is_null().any().alias("unknown"),
        )
    )
    rules = [*outcome_rules(inputs), (pl.col("unknown").fill_null(False), "missing_input")]
    return settle(inputs, counts, pl.col("n").fill_null(0), rules)


def grant_lag(inputs: Inputs) -> pl.DataFrame:
    """Mean days from priority to the first grant of the families of t that were granted; >= 0.

    None granted: undefined_nopat. Grants after the data are not seen: lags of late years are short
    by selection.
    """
    grants = (
        first_publications(inputs, "grant_date")
        .drop_nulls("grant_date")
        .group_by("unit")
        .agg(pl.col("grant_date").min())
    )
    days = grants.join(family_days(inputs).drop("year"), on="unit").select(
        "unit", lag=(pl.col("grant_date") - pl.col("day")).dt.total_days()
    )
    counts = (
        holdings(inputs)
        .join(days, on="unit")
        .group_by(KEY)
        .agg(pl.len().alias("n"), pl.col("lag").sum())
    )
    rules = [*outcome_rules(inputs), (pl.col("n").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, counts, pl.col("lag") / pl.col("n"), rules)


def foreign_filings(inputs: Inputs) -> pl.DataFrame:
    """Families of t with a member at an office other than that of the unit's country; >= 0.

    The office is compared with the country code of the register; country unknown: missing_input. An
    outcome: members are filed later.
    """
    members = publications(inputs).hstack(inputs.columns("patents", "office")).drop_nulls("office")
    home = organisations(inputs).select("org", "country")
    hits = (
        holdings(inputs)
        .join(home.drop_nulls(), on="org")
        .join(members, on="unit")
        .filter(pl.col("office") != pl.col("country"))
        .select(*KEY, "unit")
        .unique()
        .group_by(KEY)
        .agg(pl.len().alias("n"))
    )
    values = rows(inputs).select("org", "year").join(home, on="org", how="left")
    rules = [*outcome_rules(inputs), (pl.col("country").is_null(), "missing_input")]
    joined_ = values.join(hits, on=KEY, how="left")
    return settle(inputs, joined_, pl.col("n").fill_null(0), rules)


def joint(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Families of t held together with a partner of t; >= 0."""
    shared = holdings(inputs).filter(pl.col("n_holders") > 1).select("unit", *KEY)
    ties = partners(inputs, network).select("year", "org", "partner")
    both = shared.join(shared.select("unit", partner="org"), on="unit")
    hits = both.join(ties, on=["year", "org", "partner"], how="semi").select(*KEY, "unit").unique()
    counts = hits.group_by(KEY).agg(pl.len().alias("n"))
    rules = [*outcome_rules(inputs), *coverage(inputs, network)]
    return settle(inputs, counts, pl.col("n").fill_null(0), rules)


def growth(inputs: Inputs) -> pl.DataFrame:
    """ln((patents_t + 1) / (patents_{t-1} + 1))."""
    counts = patent_counts(inputs)
    then = counts.with_columns((pl.col("year") + 1).cast(pl.Int32).alias("year"))
    values = counts.join(then.rename({"n": "before"}), on=KEY, how="full", coalesce=True)
    ratio = (pl.col("n").fill_null(0) + 1) / (pl.col("before").fill_null(0) + 1)
    early = (pl.col("year") <= inputs.raw_years[0], "truncated")
    return settle(inputs, values, ratio.fill_null(1.0).log(), [*outcome_rules(inputs), early])


def risk(inputs: Inputs, *, years: int = 5, below: bool = False) -> pl.DataFrame:
    """Standard deviation of the unit's patents over t-years+1..t, or its lower half; >= 0.

    Divisor `years`; years without patents count 0. below: root of the mean square of the part below
    the mean. Years before the records: truncated.
    """
    counts = patent_counts(inputs)
    sums = _moments(counts, years)
    mean = pl.col("n") / float(years)
    early = (pl.col("year") < inputs.raw_years[0] + years - 1, "truncated")
    if not below:
        variance = pl.col("squares").fill_null(0) / float(years) - mean.fill_null(0.0) ** 2
        value = variance.clip(0.0).sqrt()
        return settle(inputs, sums, value, [*outcome_rules(inputs), early])
    spread = expand_years(counts.select(*KEY, k="n", made="year"), years).join(sums, on=KEY)
    short = pl.min_horizontal(pl.col("k") - pl.col("n") / float(years), pl.lit(0.0)) ** 2
    lower = spread.group_by(KEY).agg(pl.len().alias("with"), pl.col("n").first())
    parts = ordered_sum(spread.with_columns(short=short), KEY, ["made"], ["short"])
    values = lower.join(parts, on=KEY)
    empty = (years - pl.col("with")) * mean**2
    value = ((pl.col("short") + empty) / float(years)).sqrt().fill_null(0.0)
    return settle(inputs, values, value, [*outcome_rules(inputs), early])


def _moments(counts: pl.DataFrame, years: int) -> pl.DataFrame:
    whole = counts.select(
        *KEY, n=pl.col("n").cast(pl.Int64), squares=pl.col("n").cast(pl.Int64) ** 2
    )
    return expand_years(whole, years).group_by(KEY).agg(pl.col("n", "squares").sum())


# ---------------------------------------------------------------------------------- citations
def normalised_citations(
    inputs: Inputs, *, years: int = 5, publication_lag: int = 2, min_cell: int = 20
) -> pl.DataFrame:
    """Sum over the families of t of citations / mean of the other families of their cell; >= 0.

    Cells: office x IPC4 x priority year, complete windows; several subclasses: the mean of their
    ratios. A family without a cell of `min_cell` others with a citation: zero_denominator. Fixed
    effects of Hall, Jaffe and Trajtenberg (2001).
    """
    key = ["office", "cls", "year"]
    windows = citation_windows(inputs, years)
    cells = windows.filter("complete").join(family_classes(inputs).select("unit", "cls"), on="unit")
    totals = cells.group_by(key).agg(
        pl.len().cast(pl.Int64).alias("size"), pl.col("cites").cast(pl.Int64).sum().alias("sum")
    )
    others = pl.col("sum") - pl.col("cites").cast(pl.Int64)
    usable = (pl.col("size") - 1 >= min_cell) & (others > 0)
    ratio = pl.col("cites").cast(pl.Float64) * (pl.col("size") - 1) / others
    rated = cells.join(totals, on=key).filter(usable).with_columns(ratio=ratio, one=pl.lit(1.0))
    sums = ordered_sum(rated, ["unit"], ["cls"], ["ratio", "one"])
    means = sums.select("unit", pl.col("ratio") / pl.col("one"))
    every = windows.select("unit", "complete")
    rated = every.join(means, on="unit", how="left", maintain_order="left")
    lacking = pl.col("complete") & pl.col("ratio").is_null()
    values = family_sums(inputs, rated.select("ratio", open=~pl.col("complete"), lacking=lacking))
    rules = [
        *window_rules(inputs, years, publication_lag),
        (pl.col("lacking").fill_null(0.0) > 0.0, "zero_denominator"),
    ]
    return settle(inputs, values, pl.col("ratio").fill_null(0.0), rules)


def mean_citations(inputs: Inputs, *, years: int = 5, publication_lag: int = 2) -> pl.DataFrame:
    """Citations within `years` years per family of t; >= 0. No patents in t: undefined_nopat."""
    total = cited(inputs, years=years, publication_lag=publication_lag)
    frame = joined(inputs, total=total).join(patent_counts(inputs), on=KEY, how="left")
    rules = [*passed_on("total"), (pl.col("n").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, frame, pl.col("total") / pl.col("n"), rules)


def top_share(inputs: Inputs, *, share: float = 0.1, min_cell: int = 20) -> pl.DataFrame:
    """Share of the families of t among the top `share` by citations; in [0, 1]: the hit rate.

    Statuses of `breakthroughs`; no patents in t: undefined_nopat.
    """
    hits = breakthroughs(inputs, share=share, min_cell=min_cell)
    frame = joined(inputs, hits=hits).join(patent_counts(inputs), on=KEY, how="left")
    rules = [*passed_on("hits"), (pl.col("n").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, frame, (pl.col("hits") / pl.col("n")).clip(0.0, 1.0), rules)


def dead_ends(
    inputs: Inputs,
    *,
    years: int = 5,
    publication_lag: int = 2,
    lapse: int = 4,
    among: str = "all",
    look_back: int = 5,
) -> pl.DataFrame:
    """Share of the families of t without a citation in `years` years, or lapsed early; in [0, 1].

    Lapsed: the lapse date is at most `lapse` years after the priority date. An outcome only. No
    such family in t: undefined_nopat; windows that end after the records: truncated. Our proxy.

    Args:
        inputs: the study's inputs.
        years: citation window.
        publication_lag: years from priority to publication at most.
        lapse: years from priority to an early lapse.
        among: all | explore (families in a subclass new to the unit).
        look_back: years in which a subclass was not used to be new.
    """
    dead = _dead(inputs, years, lapse)
    held = holdings(inputs).join(dead, on="unit")
    if among == "explore":
        fresh = family_novelty(inputs, look_back).filter("new").select("org", "unit")
        held = held.join(fresh, on=["org", "unit"], how="semi")
    counts = held.group_by(KEY).agg(
        pl.len().alias("n"),
        pl.col("dead").sum().alias("hits"),
        (~pl.col("complete")).sum().alias("open"),
    )
    rules = [
        *window_rules(inputs, years, publication_lag),
        *(
            [(pl.col("year") < inputs.raw_years[0] + look_back, "truncated")]
            if among == "explore"
            else []
        ),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def _dead(inputs: Inputs, years: int, lapse: int) -> pl.DataFrame:
    """unit, complete, dead."""
    lapsed = (
        first_publications(inputs, "lapse_date")
        .drop_nulls("lapse_date")
        .group_by("unit")
        .agg(pl.col("lapse_date").min())
    )
    limit = pl.col("day").dt.offset_by(f"{lapse}y")
    early = lapsed.join(family_days(inputs), on="unit").filter(pl.col("lapse_date") <= limit)
    marked = citation_windows(inputs, years).join(
        early.select("unit", gone=pl.lit(True)), on="unit", how="left"
    )
    dead = (pl.col("cites") == 0) | pl.col("gone").fill_null(False)
    return marked.select("unit", "complete", dead=dead)


def no_breakthrough(
    inputs: Inputs, *, share: float = 0.05, look_back: int = 5, min_cell: int = 20
) -> pl.DataFrame:
    """1 where the unit explores in t but has no breakthrough among its families, else 0.

    Exploring: a family in a subclass new to the unit. No such family: undefined_nopat; statuses of
    `breakthroughs`.
    """
    tries = family_novelty(inputs, look_back).group_by(KEY).agg(pl.col("new").sum().alias("tries"))
    hits = breakthroughs(inputs, share=share, min_cell=min_cell)
    frame = joined(inputs, hits=hits).join(tries, on=KEY, how="left")
    rules = [
        *passed_on("hits"),
        (pl.col("year") < inputs.raw_years[0] + look_back, "truncated"),
        (pl.col("tries").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, frame, pl.col("hits") == 0.0, rules)


def incremental(
    inputs: Inputs,
    *,
    share: float = 0.05,
    years: int = 5,
    publication_lag: int = 2,
    look_back: int = 5,
    min_cell: int = 20,
) -> pl.DataFrame:
    """Families of t in known subclasses that cite known prior art and are no breakthrough; >= 0.

    Known: subclasses used, and families held or cited, in t-look_back..t-1; a breakthrough has a
    weight above 0 (`breakthrough_weights`). Windows that end after the records and early years:
    truncated. After Benner and Tushman (2002).
    """
    key = ("incremental", share, years, look_back, min_cell)
    counts = inputs.once(key, lambda: _incremental(inputs, share, years, look_back, min_cell))
    rules = [
        *window_rules(inputs, years, publication_lag),
        (pl.col("year") < inputs.raw_years[0] + look_back, "truncated"),
    ]
    return settle(inputs, counts, pl.col("n").fill_null(0), rules)


def _incremental(
    inputs: Inputs, share: float, years: int, look_back: int, min_cell: int
) -> pl.DataFrame:
    """org, year, n, open: incremental families, and families whose window is not complete."""
    history = class_history(inputs, look_back)
    cites = marked_holdings(inputs, known_before(inputs, look_back))
    weights = breakthrough_weights(inputs, share=share, years=years, min_cell=min_cell)["weight"]
    complete = citation_windows(inputs, years)["complete"]
    held = holdings(inputs)
    plain = history.classed & ~history.fresh & cites
    hit = pl.Series(plain) & (weights.fill_null(0.0) == 0.0).gather(held["unit"])
    marked = held.select(KEY).with_columns(hit=hit, open=~complete.gather(held["unit"]))
    return marked.group_by(KEY).agg(pl.col("hit").sum().alias("n"), pl.col("open").sum())


def ambidextrous(
    inputs: Inputs, *, share: float = 0.05, look_back: int = 5, min_cell: int = 20
) -> pl.DataFrame:
    """Balance of breakthrough and incremental patents, 1 - |b - i| / (b + i); in [0, 1].

    Neither in t: zero_denominator. Cao, Gedajlovic and Zhang (2009), on outcomes.
    """
    b = breakthroughs(inputs, share=share, min_cell=min_cell)
    i = incremental(inputs, share=share, look_back=look_back, min_cell=min_cell)
    total = pl.col("b") + pl.col("i")
    rules = [*passed_on("b", "i"), (total == 0.0, "zero_denominator")]
    value = 1.0 - (pl.col("b") - pl.col("i")).abs() / total
    return settle(inputs, joined(inputs, b=b, i=i), value, rules)


# ------------------------------------------------------------------------------ use of patents
def used_share(
    inputs: Inputs, *, kinds: Sequence[str], renewed: int | None = None, lag: int = 6
) -> pl.DataFrame:
    """Share of the families of t that are licensed, transferred, ... within `lag` years; in [0, 1].

    An outcome. Years whose events lie after the records: truncated; no patents: undefined_nopat.

    Args:
        inputs: the study's inputs.
        kinds: kinds of events that count.
        renewed: a renewal this many years after priority counts as well.
        lag: years after priority until which events count.
    """
    members = publications(inputs).select("pid", "unit")
    events = (
        inputs.tables["patent_events"]
        .join(members, on="pid")
        .join(family_days(inputs).drop("year"), on="unit")
    )
    closes = pl.col("day").dt.offset_by(f"{lag}y")
    hit = pl.col("kind").is_in(list(kinds)) & (pl.col("date") <= closes)
    if renewed is not None:
        late = pl.col("date") >= pl.col("day").dt.offset_by(f"{renewed}y")
        hit = hit | ((pl.col("kind") == "renewal") & late)
    units = events.filter(hit).select("unit").unique().with_columns(hit=pl.lit(1))
    counts = (
        holdings(inputs)
        .join(units, on="unit", how="left")
        .group_by(KEY)
        .agg(pl.len().alias("n"), pl.col("hit").count().alias("hits"))
    )
    rules: list[Rule] = [
        *outcome_rules(inputs),
        (pl.col("year") > inputs.raw_years[1] - lag, "truncated"),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def choke_patents(inputs: Inputs) -> pl.DataFrame:
    """Families of t in a class of the list of choke points, whenever listed; >= 0."""
    return _counted(inputs, _in_list(inputs))


def _in_list(inputs: Inputs) -> pl.DataFrame:
    """unit, since: families with a class that begins with a listed code."""
    listed = inputs.tables["choke_classes"]
    parts = []
    for length in sorted(set(listed["code"].str.len_chars().to_list())):
        codes = listed.filter(pl.col("code").str.len_chars() == length)
        members = publications(inputs).filter("first").select("pid", "unit")
        symbols = inputs.columns("patent_classes", "pid", "code").with_columns(
            pl.col("code").str.slice(0, length)
        )
        parts.append(symbols.join(codes, on="code").join(members, on="pid").select("unit", "since"))
    return pl.concat(parts).group_by("unit").agg(pl.col("since").min())


def choke_exposure(inputs: Inputs, *, window: int = 5) -> pl.DataFrame:
    """Share of the families of W in classes that are on the list of choke points by t; in [0, 1].

    On the list: listed until 31 December t. No patents in W: undefined_nopat.
    """
    marked = holdings(inputs).join(_in_list(inputs), on="unit", how="left")
    wide = expand_years(marked.select(*KEY, "since"), window)
    day = pl.date(pl.col("year"), 12, 31)
    counts = wide.group_by(KEY).agg(
        pl.len().alias("n"), (pl.col("since") <= day).fill_null(False).sum().alias("hits")
    )
    rules = [
        (pl.col("year") < inputs.raw_years[0] + window - 1, "truncated"),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)
