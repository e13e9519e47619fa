"""Outcomes: patents, citations, breakthroughs; and what stands in where a study has no patents."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tertius.variables.frames import Rule, coverage, family_sums, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import (
    citation_pairs,
    class_numbers,
    coded,
    families,
    family_classes,
    holdings,
    partners,
    patent_counts,
)


def outcome_rules(inputs: Inputs) -> list[Rule]:
    """Years in which outcomes are not observed: truncated."""
    first, last = inputs.outcome_years
    return [((pl.col("year") < first) | (pl.col("year") > last), "truncated")]


def patents(inputs: Inputs, *, counting: str = "whole") -> pl.DataFrame:
    """Patent families of the priority year; 0 for a living unit without any.

    Args:
        inputs: the study's inputs.
        counting: whole | fractional (a family of k holders counts 1/k for each, so that the counts
            of all units add up to the families).
    """
    if counting not in ("whole", "fractional"):
        raise ValueError(f"counting must be whole or fractional, not {counting!r}")
    if counting == "whole":
        counts = patent_counts(inputs)
        return settle(inputs, counts, pl.col("n").fill_null(0), outcome_rules(inputs))
    holders = holdings(inputs).select("unit", "n_holders").unique("unit")
    every = families(inputs).select("unit")
    shares = every.join(holders, on="unit", how="left", maintain_order="left")
    sums = family_sums(inputs, shares.select(v=1.0 / pl.col("n_holders").cast(pl.Float64)))
    return settle(inputs, sums, pl.col("v").fill_null(0.0), outcome_rules(inputs))


def patents_outside_ties(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Patents of the year without those co-owned with a partner of the network in that year; >= 0.

    Keeps a joint patent from being both the tie that explains and the outcome that is explained.
    A year whose ties are not known: missing_input.
    """
    shared = holdings(inputs).filter(pl.col("n_holders") > 1).select("unit", "org", "year")
    ties = partners(inputs, network).select("org", "partner", "year")
    joint = (
        shared.join(shared.select("unit", partner="org"), on="unit")
        .join(ties, on=["org", "partner", "year"], how="semi")
        .select("unit", "org")
        .unique()
    )
    apart = holdings(inputs).join(joint, on=["unit", "org"], how="anti")
    counts = apart.group_by("org", "year").agg(pl.len().alias("n"))
    rules = [*outcome_rules(inputs), *coverage(inputs, network)]
    return settle(inputs, counts, pl.col("n").fill_null(0), rules)


def citation_windows(inputs: Inputs, years: int) -> pl.DataFrame:
    """unit, year, office, cites, complete: citations until `years` years after publication.

    A citation counts when the citing family's priority lies not later than that; those dated before
    publication count as well. complete: the window closes within the records.
    """
    return inputs.once(("citation_windows", years), lambda: _citation_windows(inputs, years))


def _citation_windows(inputs: Inputs, years: int) -> pl.DataFrame:
    closes = families(inputs).with_columns(
        pl.col("published").dt.offset_by(f"{years}y").alias("closes")
    )
    limit = closes["closes"].cast(pl.Int32).to_numpy()
    cited = citation_pairs(inputs)["cited"].to_numpy()
    inside = cited < limit.size
    day = citation_pairs(inputs)["date"].cast(pl.Int32).to_numpy()[inside]
    cited = cited[inside]
    cites = np.bincount(cited[day <= limit[cited]], minlength=limit.size)
    end = dt.date(inputs.raw_years[1], 12, 31)
    return closes.select(
        "unit", "year", "office", pl.Series("cites", cites), complete=pl.col("closes") <= end
    )


def window_rules(inputs: Inputs, years: int, publication_lag: int) -> list[Rule]:
    """Rules of an outcome that needs citations until `years` years after publication.

    A year is truncated as a whole, whether or not the unit has patents in it, when its patents can
    be published up to `publication_lag` years later and the window then ends after the records; so
    is a unit-year of which one patent was published too late.
    """
    last = inputs.raw_years[1] - publication_lag - years
    late = pl.col("open").fill_null(0) > 0
    return [
        *outcome_rules(inputs),
        (pl.col("year") > last, "truncated"),
        (late, "truncated"),
    ]


def cited(
    inputs: Inputs, *, years: int = 5, publication_lag: int = 2, base: int = 0
) -> pl.DataFrame:
    """Sum over the patents of the year of (base + citations within `years` years of publication).

    base 0: citations (Hall, Jaffe and Trajtenberg 2001); base 1: citation-weighted patents
    (Trajtenberg 1990). Windows that end after the records: truncated.
    """
    windows = citation_windows(inputs, years)
    values = family_sums(inputs, windows.select(n=pl.col("cites") + base, open=~pl.col("complete")))
    rules = window_rules(inputs, years, publication_lag)
    return settle(inputs, values, pl.col("n").fill_null(0), rules)


def top_weights(
    cells: pl.DataFrame, key: list[str], share: float, ties: str = "fractional"
) -> pl.DataFrame:
    """Weight among the top `share` of a cell for each number of citations there.

    By default patents tied at the threshold share what is left, so that the weights of a cell sum
    to `share` times its size: w = min(1, max(0, (share N - number above) / number tied)); 0 without
    citations. Waltman and Schreiber (2013).

    Args:
        cells: one row a patent and cell: key, cites.
        key: columns that name a cell.
        share: 0.05 = top five per cent.
        ties: fractional | strict (patents tied at the threshold count 0) | inclusive (1).

    Returns:
        key, cites, weight in [0, 1], size of the cell.

    Raises:
        ValueError: another tie rule.
    """
    if ties not in ("fractional", "strict", "inclusive"):
        raise ValueError(f"ties must be fractional, strict or inclusive, not {ties!r}")
    tied = cells.group_by(*key, "cites").agg(pl.len().cast(pl.Int64).alias("tied"))
    ordered = tied.sort(*key, "cites", descending=[*(False for _ in key), True])
    above = pl.col("tied").cum_sum().over(key) - pl.col("tied")
    size = pl.col("tied").sum().over(key)
    weight = ((share * size - above) / pl.col("tied")).clip(0.0, 1.0)
    # A share that is whole but for the rounding of floats counts as whole.
    if ties == "strict":
        weight = (weight > 1.0 - 1e-12).cast(pl.Float64)
    elif ties == "inclusive":
        weight = (weight > 1e-12).cast(pl.Float64)
    return ordered.select(
        *key,
        "cites",
        pl.when(pl.col("cites") > 0).then(weight).otherwise(0.0).alias("weight"),
        size.alias("size"),
    )


def _cells(inputs: Inputs, years: int, level: int) -> pl.DataFrame:
    """unit, cls, year, office, cites of the complete families: members of each cell."""

    def build() -> pl.DataFrame:
        complete = citation_windows(inputs, years).filter("complete").drop("complete")
        # A number in the place of the office takes less room.
        numbered = complete.with_columns(pl.col("office").rank("dense"))
        return numbered.join(family_classes(inputs, level), on="unit")

    return inputs.once(("cells", years, level), build)


def breakthrough_weights(
    inputs: Inputs,
    *,
    share: float = 0.05,
    years: int = 5,
    min_cell: int = 20,
    ties: str = "fractional",
) -> pl.DataFrame:
    """unit, weight: how far each family is among the top `share` by citations; null = no cell.

    Cells are office x IPC4 x priority year over all patents of the study with a complete window. A
    subclass whose cell has fewer than `min_cell` patents takes the cell of its IPC3 class, and none
    when that is too small as well; several subclasses: the mean over those with a cell.
    """
    kept = ("breakthroughs", share, years, min_cell, ties)
    return inputs.once(kept, lambda: _breakthroughs(inputs, share, years, min_cell, ties))


def _breakthroughs(
    inputs: Inputs, share: float, years: int, min_cell: int, ties: str
) -> pl.DataFrame:
    key = ["office", "cls", "year"]
    fine = _cells(inputs, years, 4)
    coarse = _cells(inputs, years, 3)
    small = top_weights(fine, key, share, ties).filter(pl.col("size") >= min_cell)
    large = top_weights(coarse, key, share, ties).filter(pl.col("size") >= min_cell)
    parents = _parents(inputs).rename({"parent": "wide"})
    weighed = (
        fine.join(small.drop("size"), on=[*key, "cites"], how="left")
        .join(parents, on="cls")
        .join(
            large.drop("size").rename({"cls": "wide", "weight": "fallback"}),
            on=["office", "wide", "year", "cites"],
            how="left",
        )
        .with_columns(weight=pl.coalesce("weight", "fallback"), one=pl.lit(1.0))
        .filter(pl.col("weight").is_not_null())
    )
    sums = ordered_sum(weighed, ["unit"], ["cls"], ["weight", "one"])
    means = sums.select("unit", pl.col("weight") / pl.col("one"))
    every = families(inputs).select("unit")
    return every.join(means, on="unit", how="left", maintain_order="left")


def _parents(inputs: Inputs) -> pl.DataFrame:
    """cls, parent: the IPC3 class of each IPC4 subclass, in the numbers of `family_classes`."""
    wide = class_numbers(inputs, 3).rename({"cls": "parent", "symbol": "stem"})
    fine = class_numbers(inputs, 4).with_columns(stem=pl.col("symbol").str.slice(0, 3))
    return fine.join(wide, on="stem").select("cls", "parent").sort("cls")


def breakthroughs(
    inputs: Inputs,
    *,
    share: float = 0.05,
    years: int = 5,
    min_cell: int = 20,
    publication_lag: int = 2,
    ties: str = "fractional",
) -> pl.DataFrame:
    """Patents of the year among the top `share` by citations, tied ones in fractions; >= 0.

    See `breakthrough_weights`. Not a whole number. Truncated: a window that ends after the records,
    and a unit-year with a patent that has no cell large enough. Ahuja and Lampert (2001), Singh and
    Fleming (2010); ties after Waltman and Schreiber (2013).
    """
    weights = breakthrough_weights(inputs, share=share, years=years, min_cell=min_cell, ties=ties)
    complete = citation_windows(inputs, years)["complete"]
    values = family_sums(
        inputs, weights.select("weight", open=~complete | pl.col("weight").is_null())
    )
    rules = window_rules(inputs, years, publication_lag)
    return settle(inputs, values, pl.col("weight").fill_null(0.0), rules)


def normalised_totals(inputs: Inputs, *, min_cell: int = 20) -> pl.DataFrame:
    """Sum over the patents of the year of citations / mean of the class and year; >= 0. A proxy.

    Citation totals up to the date of the data, not of a fixed window; the mean is over the other
    families of the same IPC4 subclass and priority year. A cell in which the others are fewer than
    `min_cell` or have fewer than `min_cell` citations gives way to the IPC3 class, and that to all
    families of the year, as for a family without a class; several subclasses: the mean of their
    ratios. A unit-year with a patent whose comparison has no citation: zero_denominator; with a
    patent without a total: missing_input. After Hall, Jaffe and Trajtenberg (2001).
    """
    ratios = citation_ratios(inputs, min_cell)
    known, ratio = pl.col("cited_known"), pl.col("ratio")
    flagged = ratios.select(ratio, unknown=~known, empty=known & ratio.is_null())
    values = family_sums(inputs, flagged)
    rules = [
        *outcome_rules(inputs),
        (pl.col("unknown").fill_null(0.0) > 0.0, "missing_input"),
        (pl.col("empty").fill_null(0.0) > 0.0, "zero_denominator"),
    ]
    return settle(inputs, values, pl.col("ratio").fill_null(0.0), rules)


def citation_ratios(inputs: Inputs, min_cell: int) -> pl.DataFrame:
    """unit, cited_known, ratio: citation total over the mean of the other families of its cells."""
    known = families(inputs).filter("cited_known").select("unit", "year", "cited_total")
    fine = known.join(family_classes(inputs, 4), on="unit")
    coarse = known.join(family_classes(inputs, 3), on="unit")
    frame = (
        known.join(fine.select("unit", "cls"), on="unit", how="left")
        .join(_cell_totals(fine, ["cls", "year"], "fine"), on=["cls", "year"], how="left")
        .join(_parents(inputs), on="cls", how="left")
        .join(
            _cell_totals(coarse, ["cls", "year"], "coarse").rename({"cls": "parent"}),
            on=["parent", "year"],
            how="left",
        )
        .join(_cell_totals(known, ["year"], "all"), on="year")
        .with_columns(pl.col("cls").fill_null(0))
    )
    means = []
    for cell, least in (("fine", min_cell), ("coarse", min_cell), ("all", 1)):
        others = pl.col(f"n_{cell}") - 1
        citations = pl.col(f"sum_{cell}") - pl.col("cited_total").cast(pl.Int64)
        enough = (others >= least) & (citations >= least)
        means.append(pl.when(enough).then(citations / others))
    frame = frame.with_columns(mean=pl.coalesce(means))
    used = frame.filter(pl.col("mean").is_not_null()).with_columns(
        ratio=pl.col("cited_total") / pl.col("mean"), one=pl.lit(1.0)
    )
    sums = ordered_sum(used, ["unit"], ["cls"], ["ratio", "one"])
    ratios = sums.select("unit", pl.col("ratio") / pl.col("one"))
    every = families(inputs).select("unit", "cited_known")
    return every.join(ratios, on="unit", how="left", maintain_order="left")


def _cell_totals(members: pl.DataFrame, key: list[str], name: str) -> pl.DataFrame:
    return members.group_by(key).agg(
        pl.len().cast(pl.Int64).alias(f"n_{name}"),
        pl.col("cited_total").cast(pl.Int64).sum().alias(f"sum_{name}"),
    )


def _started(inputs: Inputs) -> pl.DataFrame:
    """aid, org, year, amount: the parties of the alliances that start in each year."""
    starts = inputs.tables["alliances"].select(
        "aid", pl.col("start_date").dt.year().cast(pl.Int32).alias("year")
    )
    parties = inputs.tables["alliance_parties"].select("aid", "org_id", "amount")
    return coded(inputs, parties.join(starts, on="aid"))


def new_projects(inputs: Inputs) -> pl.DataFrame:
    """Alliances or projects that the unit starts in the year; >= 0. Not a measure of innovation."""
    counts = _started(inputs).group_by("org", "year").agg(pl.col("aid").n_unique().alias("n"))
    return settle(inputs, counts, pl.col("n").fill_null(0), outcome_rules(inputs))


def contribution(inputs: Inputs) -> pl.DataFrame:
    """Money granted to the unit in alliances that start in the year. Not a measure of innovation.

    0 without a start; parties without an amount add nothing, unless none of the year's starts has
    an amount: missing_input.
    """
    amounts = _started(inputs).with_columns(
        known=pl.col("amount").is_not_null().cast(pl.Float64),
        amount=pl.col("amount").fill_null(0.0),
        one=pl.lit(1.0),
    )
    values = ordered_sum(amounts, ["org", "year"], ["aid"], ["amount", "known", "one"])
    rules = [
        *outcome_rules(inputs),
        ((pl.col("one") > 0.0) & (pl.col("known") == 0.0), "missing_input"),
    ]
    return settle(inputs, values, pl.col("amount").fill_null(0.0), rules)
