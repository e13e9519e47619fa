"""Where knowledge comes from: external, self and partner citations, dependence, age, power."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.kernels import kernel
from tertius.variables.category import category_columns, count_index
from tertius.variables.citing import (
    PARTNERS,
    Codes,
    Ints,
    citation_ages,
    cited_ages,
    cited_holders,
    citing,
    origins,
    own_citations,
    with_unit_years,
)
from tertius.variables.class_windows import integers
from tertius.variables.combine import joined, passed_on, windowed_counts
from tertius.variables.frames import Rule, coverage, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import window_rules
from tertius.variables.records import (
    holdings,
    organisation_codes,
    organisations,
    partners,
    publications,
)
from tertius.variables.relations import KEY, tie_ages
from tertius.variables.search import (
    patents_and_start,
)

TIE = ["year", "org", "partner"]


def _patents_of_year(inputs: Inputs) -> list[Rule]:
    return [
        (pl.col("year") < inputs.raw_years[0], "missing_input"),
        (pl.col("patents").fill_null(0) == 0, "undefined_nopat"),
    ]


def _share_of_citations(inputs: Inputs, marked: NDArray[np.bool_]) -> pl.DataFrame:
    """Share of the citations of t that are marked (a mark for every citation of `citing`)."""
    c = citing(inputs)
    sums = c.sums(total=c.n, hits=c.n * marked)
    values = patents_and_start(inputs).join(sums, on=KEY, how="left")
    rules = [*_patents_of_year(inputs), (pl.col("total").fill_null(0) == 0, "zero_denominator")]
    return settle(inputs, values, pl.col("hits") / pl.col("total"), rules)


def self_citations(inputs: Inputs) -> pl.DataFrame:
    """Share of the citations of t that go to the unit's own families; in [0, 1].

    No patents in t: undefined_nopat; no citations: zero_denominator. Hall, Jaffe and Trajtenberg
    (2001).
    """
    return _share_of_citations(inputs, own_citations(inputs))


def _outside(inputs: Inputs, network: str) -> pl.DataFrame:
    """row, holder, k: citations (see `citing`) of families of holders outside the portfolio."""
    found = cited_holders(inputs, network).filter(pl.col("external") > 0)
    return found.select("row", "holder", k=pl.col("external"))


def external_holders(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Distinct holders cited in t that are neither the unit nor its partners; >= 0.

    No patents in t: undefined_nopat.
    """
    counts = _outside(inputs, network).group_by("row").agg(pl.len().alias("n"))
    counts = with_unit_years(inputs, counts)
    values = patents_and_start(inputs).join(counts, on=KEY, how="left")
    rules = [*coverage(inputs, network), *_patents_of_year(inputs)]
    return settle(inputs, values, pl.col("n").fill_null(0), rules)


def source_breadth(
    inputs: Inputs, *, network: str, by: str, index: str = "entropy"
) -> pl.DataFrame:
    """Diversity of the holders of external patents cited in t over country, place or type.

    Over citation instances and holders with a known attribute. No patents in t: undefined_nopat;
    fewer than two such citations: undefined_single. Our proxy of geographic (or organisational)
    search breadth.

    Args:
        inputs: the study's inputs.
        network: the network whose partners are not external.
        by: country | province | city | type.
        index: a name in `category.COUNT_INDICES` other than iqv.
    """
    named = organisations(inputs).select("org", name=pl.col(by)).drop_nulls()
    # Numbers in the order of the names, from 0 on.
    number = np.full(organisation_codes(inputs).height, -1, dtype=np.int64)
    number[integers(named, "org")] = named["name"].rank("dense").to_numpy().astype(np.int64) - 1
    found = cited_holders(inputs, network)
    row, holder, k = (found[name].to_numpy() for name in ("row", "holder", "external"))
    kinds = int(number.max(initial=-1)) + 1
    row, category, count = _by_category(row, holder, k, number, kinds)
    counts = pl.DataFrame({"row": row, "category": category, "count": count})
    counts = with_unit_years(inputs, counts)
    values = patents_and_start(inputs).join(category_columns(counts), on=KEY, how="left")
    rules = [
        *coverage(inputs, network),
        *_patents_of_year(inputs),
        (pl.col("n").fill_null(0) < 2, "undefined_single"),
    ]
    return settle(inputs, values, count_index(index), rules)


@kernel
def _by_category(
    row: Codes, holder: Codes, k: Codes, number: Ints, n_numbers: int
) -> tuple[Codes, Ints, Ints]:
    """row, category, count: sums of k > 0 by row and category of the holder, rows in order."""
    mark, place = np.full(n_numbers, -1, np.int64), np.zeros(n_numbers, np.int64)
    size = 0
    for fill in range(2):
        out_row, out_category = np.empty(size, np.uint32), np.empty(size, np.int64)
        count = np.zeros(size, np.int64)
        at = 0
        mark[:] = -1
        for e in range(row.size):
            c = number[holder[e]]
            if k[e] == 0 or c < 0:
                continue
            if mark[c] != row[e]:
                mark[c], place[c] = row[e], at
                at += 1
            if fill:
                out_row[place[c]], out_category[place[c]] = row[e], c
                count[place[c]] += k[e]
        size = at
    return out_row, out_category, count


def dependence(inputs: Inputs, *, network: str, column: str = "max") -> pl.DataFrame:
    """Largest share, or Herfindahl index, of the external holders cited in t; in (0, 1].

    Over citation instances and holders outside unit and portfolio. No patents in t:
    undefined_nopat; fewer than two such citations: undefined_single. Our proxy of dependence on a
    source (Emerson 1962).

    Args:
        inputs: the study's inputs.
        network: the network whose partners are not external.
        column: max | hhi.
    """
    k = pl.col("k").cast(pl.Int64)
    counts = (
        _outside(inputs, network)
        .group_by("row")
        .agg(
            k.sum().alias("n"),
            k.max().alias("max"),
            (k**2).sum().alias("squares"),
        )
    )
    counts = with_unit_years(inputs, counts)
    values = patents_and_start(inputs).join(counts, on=KEY, how="left")
    n = pl.col("n").cast(pl.Float64)
    found = {"max": pl.col("max") / n, "hhi": pl.col("squares") / n**2}
    rules = [
        *coverage(inputs, network),
        *_patents_of_year(inputs),
        (pl.col("n").fill_null(0) < 2, "undefined_single"),
    ]
    return settle(inputs, values, found[column], rules)


def openness(inputs: Inputs, *, window: int = 1) -> pl.DataFrame:
    """Share of the patents of W(t, window) held with others; in [0, 1].

    Without patents: undefined_nopat; a window that begins before the records: truncated.
    """
    joint = (pl.col("n_holders") > 1).cast(pl.Int64)
    yearly_counts = (
        holdings(inputs).group_by(KEY).agg(pl.len().alias("n"), joint.sum().alias("joint"))
    )
    counts = windowed_counts(inputs, yearly_counts, ["n", "joint"], window)
    rules = [*window_rules(inputs, window), (pl.col("n").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, counts, pl.col("joint") / pl.col("n"), rules)


def citation_age(inputs: Inputs, *, how: str = "median", least: int = 3) -> pl.DataFrame:
    """Median (or mean) years from the priority of the cited to that of the citing family; >= 0.

    Over citation instances of t of families of the study. No patents in t: undefined_nopat; fewer
    than `least` such citations: undefined_single. Technology cycle time: Narin (1994).

    Args:
        inputs: the study's inputs.
        how: median | mean.
        least: citations needed.
    """
    if how not in ("median", "mean"):
        raise ValueError(f"how must be median or mean, not {how!r}")
    summary = citation_ages(inputs).with_columns(
        median=(pl.col("low") + pl.col("high")) / 2.0, mean=pl.col("total") / pl.col("n")
    )
    values = patents_and_start(inputs).join(summary, on=KEY, how="left")
    rules = [
        *_patents_of_year(inputs),
        (pl.col("n").fill_null(0) < least, "undefined_single"),
    ]
    return settle(inputs, values, pl.col(how), rules)


def recent_citations(inputs: Inputs, *, years: int = 3) -> pl.DataFrame:
    """Share of the citations of t of families at most `years` years old; in [0, 1].

    Our proxy for citing the frontier. Statuses of `self_citations`.
    """
    age = cited_ages(inputs)
    return _share_of_citations(inputs, (age >= 0) & (age <= years))


def science_references(inputs: Inputs, *, how: str = "mean") -> pl.DataFrame:
    """Scientific references per patent of t, or the share of patents with one; >= 0.

    References to documents that are no patents. No patents in t: undefined_nopat. Narin, Hamilton
    and Olivastro (1997).

    Args:
        inputs: the study's inputs.
        how: mean | share.
    """
    first = publications(inputs).filter("first").select(pl.col("pid").alias("citing_pid"), "unit")
    cited = inputs.tables["npl_citations"].join(first, on="citing_pid")
    per_family = cited.group_by("unit").agg(pl.col("npl_id").n_unique().alias("k"))
    counts = (
        holdings(inputs)
        .join(per_family, on="unit", how="left")
        .group_by(KEY)
        .agg(
            pl.len().alias("patents"),
            pl.col("k").fill_null(0).cast(pl.Int64).sum(),
            pl.col("k").is_not_null().sum().alias("some"),
        )
    )
    value = {"mean": pl.col("k"), "share": pl.col("some")}[how]
    return settle(inputs, counts, value / pl.col("patents"), _patents_of_year(inputs))


def partner_learning(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Share of the citations of t of families of partners of at most `years` years; in [0, 1].

    Families that the unit holds itself are left out. No partner: undefined_isolate; no patents in
    t: undefined_nopat; no citations: zero_denominator. After the cross-citations of Mowery, Oxley
    and Silverman (1996).
    """
    recent = tie_ages(inputs, network).filter(pl.col("year") - pl.col("first") < years)
    learned = origins(inputs, recent) == PARTNERS
    return _with_partners(inputs, network, _share_of_citations(inputs, learned))


def _with_partners(inputs: Inputs, network: str, found: pl.DataFrame) -> pl.DataFrame:
    """The variable with undefined_isolate for units without partners and the network's years."""
    some = partners(inputs, network).select(KEY).unique().with_columns(pl.lit(1).alias("tied"))
    frame = joined(inputs, v=found).join(some, on=KEY, how="left")
    rules = [
        *coverage(inputs, network),
        (pl.col("tied").is_null(), "undefined_isolate"),
        *passed_on("v"),
    ]
    return settle(inputs, frame, pl.col("v"), rules)
