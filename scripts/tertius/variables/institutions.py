"""Industry, technology and policy around the unit: further turbulence, policies, groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import scipy.sparse as sp

from tertius.variables.class_windows import class_window, products, sparse, year_cells
from tertius.variables.combine import windowed_counts
from tertius.variables.environment import accounts, in_force
from tertius.variables.frames import SHARE_UNIT, Rule, coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import window_rules
from tertius.variables.records import (
    families,
    family_classes,
    first_publications,
    holdings,
    organisation_codes,
    organisations,
    partners,
    rows,
)
from tertius.variables.relations import KEY, NO_PARTNER


def firm_turbulence(inputs: Inputs, *, years: int = 5, item: str = "sales") -> pl.DataFrame:
    """Turbulence of the unit's own sales relative to its industry; >= 0.

    Standard deviation (divisor n) of the residuals of the item on the year over t-years+1..t, over
    its mean, divided by the median of the four-digit industry in the year. A gap in the window or
    industry unknown: missing_input; mean or median 0: zero_denominator. Shen, Yu and Wu (2012).
    """
    own = inputs.once(("residual_spread", years, item), lambda: _spread(inputs, years, item))
    placed = _in_industries(inputs, own)
    usable = placed.filter((pl.col("n") == years) & (pl.col("mean") > 0.0))
    ratio = pl.col("sd") / pl.col("mean")
    medians = usable.group_by("ind4", "year").agg(ratio.median().alias("median"))
    values = placed.join(medians, on=["ind4", "year"], how="left")
    rules: list[Rule] = [
        (pl.col("n").fill_null(0) < years, "missing_input"),
        (pl.col("mean") <= 0.0, "zero_denominator"),
        (pl.col("median").fill_null(0.0) == 0.0, "zero_denominator"),
    ]
    return settle(inputs, values, ratio / pl.col("median"), rules)


def _in_industries(inputs: Inputs, table: pl.DataFrame) -> pl.DataFrame:
    """The rows of living units of known industry, with ind4."""
    living = rows(inputs).select("org", "year")
    known = organisations(inputs).select("org", "ind4").drop_nulls()
    return table.join(living, on=["org", "year"], how="semi").join(known, on="org")


def _spread(inputs: Inputs, years: int, item: str) -> pl.DataFrame:
    """org, year, n, mean, sd of the residuals of the item on the year in each window."""
    table = accounts(inputs).select("org", "year", v=pl.col(item)).drop_nulls()
    lags = pl.DataFrame({"lag": pl.Series(range(years), dtype=pl.Int32)})
    t = pl.col("lag").cast(pl.Float64)
    wide = table.join(lags, how="cross").select(
        "org",
        (pl.col("year") + pl.col("lag")).cast(pl.Int32).alias("year"),
        "lag",
        "v",
        one=pl.lit(1.0),
        t=-t,
        tt=t * t,
        tv=-t * pl.col("v"),
        vv=pl.col("v") ** 2,
    )
    s = ordered_sum(wide, KEY, ["lag"], ["one", "t", "tt", "v", "tv", "vv"])
    n = pl.col("one")
    sxy = pl.col("tv") - pl.col("t") * pl.col("v") / n
    sxx = pl.col("tt") - pl.col("t") ** 2 / n
    syy = pl.col("vv") - pl.col("v") ** 2 / n
    rest = pl.when(sxx > 0.0).then(syy - sxy**2 / sxx).otherwise(syy)
    return s.select(*KEY, n=n.cast(pl.Int64), mean=pl.col("v") / n, sd=(rest.clip(0.0) / n).sqrt())


def technological_turbulence(
    inputs: Inputs, *, years: int = 5, how: str = "growth"
) -> pl.DataFrame:
    """Turbulence of technology; growth: >= 0, shift: in [0, 1].

    growth: mean over the classes of the unit's patents in W (by share) of the standard deviation of
    the yearly growth ln((n_t + 1)/(n_{t-1} + 1)) of the class's families over t-years+1..t; shift:
    1 - cosine of the class counts of the unit's industry in t-1 and t. No patents: undefined_nopat;
    industry unknown: missing_input; early years: truncated. Our proxies.
    """
    if how == "shift":
        return _industry_shift(inputs)
    volatility = inputs.once(("class_growth", years), lambda: _class_growth(inputs, years))
    lags = pl.DataFrame({"lag": pl.Series(range(years), dtype=pl.Int32)})
    made = sorted(families(inputs)["year"].unique())
    cells = pl.concat([year_cells(inputs, year, "fractional") for year in made])
    weights = cells.select("org", "year", "cls", w=pl.col("v") / SHARE_UNIT)
    wide = weights.join(lags, how="cross").with_columns(
        (pl.col("year") + pl.col("lag")).cast(pl.Int32).alias("year")
    )
    known = wide.join(volatility, on=["cls", "year"]).with_columns(v=pl.col("w") * pl.col("sd"))
    sums = ordered_sum(known, KEY, ["cls", "lag"], ["v", "w"])
    rules = [
        (pl.col("year") < inputs.raw_years[0] + years, "truncated"),
        (pl.col("w").fill_null(0.0) == 0.0, "undefined_nopat"),
    ]
    return settle(inputs, sums, pl.col("v") / pl.col("w"), rules)


def _class_growth(inputs: Inputs, years: int) -> pl.DataFrame:
    """cls, year, sd: standard deviation of the growth of each class over the window."""
    first, last = inputs.raw_years
    born = holdings(inputs).select("unit", "year").unique()
    counts = (
        family_classes(inputs)
        .join(born, on="unit")
        .filter(pl.col("year").is_between(first, last))
        .group_by("cls", "year")
        .agg(pl.len().alias("n"))
    )
    n_classes = int(counts["cls"].max() or 0) + 1  # type: ignore[arg-type]
    table = np.zeros((last - first + 1, n_classes))
    table[counts["year"].to_numpy() - first, counts["cls"].to_numpy()] = counts["n"].to_numpy()
    growth = np.diff(np.log(table + 1.0), axis=0)
    parts = []
    for at in range(years - 1, growth.shape[0]):
        spread = growth[at - years + 1 : at + 1].std(axis=0)
        parts.append(
            pl.DataFrame({"cls": np.arange(n_classes, dtype=np.uint32), "sd": spread}).with_columns(
                pl.lit(first + at + 1, pl.Int32).alias("year")
            )
        )
    empty = pl.DataFrame(schema={"cls": pl.UInt32, "sd": pl.Float64, "year": pl.Int32})
    return pl.concat([empty, *parts])


def _industry_shift(inputs: Inputs) -> pl.DataFrame:
    register = organisations(inputs).select("org", "ind4").drop_nulls()
    groups = register["ind4"].unique().sort().to_frame().with_row_index("group")
    placed = register.join(groups, on="ind4")
    collect = sparse(placed, "group", "org", (groups.height, organisation_codes(inputs).height))
    parts = []
    for year in inputs.years:
        now, then = (
            sp.csr_array(collect @ class_window(inputs, y, 1).vectors) for y in (year, year - 1)
        )
        length = np.sqrt(products(now, now) * products(then, then))
        cosine = np.full(length.size, np.nan)
        np.divide(products(now, then), length, out=cosine, where=length > 0.0)
        parts.append(
            groups.select("group", pl.lit(year, pl.Int32).alias("year")).with_columns(
                pl.Series("cosine", cosine).fill_nan(None)
            )
        )
    known = placed.join(pl.concat(parts), on="group").select(*KEY, "cosine", known=pl.lit(1))
    rules: list[Rule] = [
        (pl.col("year") <= inputs.raw_years[0], "truncated"),
        (pl.col("known").is_null(), "missing_input"),
        (pl.col("cosine").is_null(), "undefined_nopat"),
    ]
    return settle(inputs, known, (1.0 - pl.col("cosine")).clip(0.0, 1.0), rules)


def policy_intensity(
    inputs: Inputs, *, kinds: Sequence[str] | None = None, target: str = "region"
) -> pl.DataFrame:
    """Policies in force for the unit's region or industry on 31 December t, by intensity; >= 0.

    The sum of the intensities, 1 for a policy without one (a document). Place (industry) unknown:
    missing_input.

    Args:
        inputs: the study's inputs.
        kinds: kinds of policies; None = all.
        target: region | industry | unit (policies that name the organisation).
    """
    column, places = {
        "region": ("target_region", ("city", "province")),
        "industry": ("target_ind", ("ind4",)),
        "unit": ("target_org", ("org_id",)),
    }[target]
    active = in_force(inputs, kinds).filter(pl.col(column).is_not_null())
    active = active.select(
        "policy_id", "year", place=pl.col(column), v=pl.col("intensity").fill_null(1.0)
    )
    traits = organisations(inputs).join(organisation_codes(inputs), on="org")
    named = rows(inputs).select("org", "year").join(traits.select("org", *places), on="org")
    hits = pl.concat(
        named.select("org", "year", pl.col(place).alias("place")).join(active, on=["year", "place"])
        for place in places
    ).unique(["org", "year", "policy_id"])
    sums = ordered_sum(hits, KEY, ["policy_id"], ["v"])
    unknown = pl.all_horizontal(pl.col(places).is_null())
    values = named.join(sums, on=KEY, how="left")
    return settle(inputs, values, pl.col("v").fill_null(0.0), [(unknown, "missing_input")])


def industry_group(inputs: Inputs, *, group: str) -> pl.DataFrame:
    """1 where the unit's four-digit industry is in a group of the study's table, else 0.

    Industry unknown: missing_input.
    """
    listed = inputs.tables["industry_groups"].filter(pl.col("group") == group)
    traits = organisations(inputs).select("org", "ind4")
    marked = traits.join(listed.select("ind4", hit=pl.lit(1)), on="ind4", how="left")
    values = rows(inputs).select("org", "year").join(marked, on="org", how="left")
    rules: list[Rule] = [(pl.col("ind4").is_null(), "missing_input")]
    return settle(inputs, values, pl.col("hit").is_not_null(), rules)


def research_industry(inputs: Inputs, *, share: float = 2 / 3) -> pl.DataFrame:
    """1 where the R&D intensity of the unit's industry is in the top third, else 0.

    Mean of R&D / sales of the industry's units in the first year of accounts, fixed for all years,
    so that nothing later is used; the cut is the quantile over industries, ties included. Industry
    without such accounts: missing_input.
    """
    table = accounts(inputs)
    first = table.filter(pl.col("rd").is_not_null() & (pl.col("sales") > 0.0))["year"].min()
    base = table.filter(pl.col("year") == pl.lit(first)).join(
        organisations(inputs).select("org", "ind4").drop_nulls(), on="org"
    )
    used = base.filter(pl.col("rd").is_not_null() & (pl.col("sales") > 0.0)).with_columns(
        v=pl.col("rd") / pl.col("sales"), one=pl.lit(1.0)
    )
    means = ordered_sum(used, ["ind4"], ["org"], ["v", "one"]).select(
        "ind4", mean=pl.col("v") / pl.col("one")
    )
    place = (pl.len() * share).ceil().cast(pl.Int64).clip(1) - 1
    cut = means.select(pl.col("mean").sort().gather(place).first().alias("cut"))
    high = means.join(cut, how="cross").select("ind4", high=pl.col("mean") >= pl.col("cut"))
    traits = organisations(inputs).select("org", "ind4").join(high, on="ind4", how="left")
    values = rows(inputs).select("org", "year").join(traits, on="org", how="left")
    # Before the first accounts nothing is known of the industry.
    early = (pl.col("year") < pl.lit(first), "truncated")
    return settle(
        inputs, values, pl.col("high"), [early, (pl.col("high").is_null(), "missing_input")]
    )


def industry_concentration(inputs: Inputs) -> pl.DataFrame:
    """Herfindahl index of the sales of the industry's units in t; in (0, 1].

    Over the units with accounts. Industry unknown or without sales: missing_input.
    """
    placed = _in_industries(inputs, accounts(inputs))
    used = placed.filter(pl.col("sales") > 0.0).with_columns(sq=pl.col("sales") ** 2)
    sums = ordered_sum(used, ["ind4", "year"], ["org"], ["sales", "sq"])
    traits = organisations(inputs).select("org", "ind4")
    values = (
        rows(inputs)
        .select("org", "year")
        .join(traits, on="org", how="left")
        .join(sums, on=["ind4", "year"], how="left")
    )
    rules: list[Rule] = [(pl.col("sales").is_null(), "missing_input")]
    return settle(inputs, values, pl.col("sq") / pl.col("sales") ** 2, rules)


def competitor_kind(inputs: Inputs, *, network: str, kind: str, cut: float = 0.05) -> pl.DataFrame:
    """Coopetition by the links of industries: share of the partners; in [0, 1].

    vertical: the coefficient of one industry's input from the other's is at least `cut` in either
    direction; horizontal: same four-digit industry and not vertical. Own industry unknown:
    missing_input; no partner: undefined_isolate.
    """
    own = organisations(inputs).select("org", "ind4")
    theirs = own.rename({"org": "partner", "ind4": "theirs"})
    links = inputs.tables["industry_links"].filter(pl.col("coefficient") >= cut)
    both = pl.concat(
        [
            links.select(ind4="supplier", theirs="buyer"),
            links.select(ind4="buyer", theirs="supplier"),
        ]
    ).unique()
    ties = (
        partners(inputs, network)
        .join(own, on="org", how="left")
        .join(theirs, on="partner", how="left")
        .join(both.with_columns(linked=pl.lit(1)), on=["ind4", "theirs"], how="left")
    )
    linked = pl.col("linked").is_not_null()
    same = (pl.col("ind4") == pl.col("theirs")).fill_null(False)
    hit = {"vertical": linked, "horizontal": same & ~linked}[kind]
    counts = ties.group_by(KEY).agg(
        pl.len().alias("n"), hit.sum().alias("hits"), pl.col("ind4").first()
    )
    rules = [*coverage(inputs, network), NO_PARTNER, (pl.col("ind4").is_null(), "missing_input")]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def design_dispersion(inputs: Inputs, *, network: str, window: int = 5) -> pl.DataFrame:
    """1 - Herfindahl index of the partners' shares of their design patents in W; in [0, 1).

    No partner: undefined_isolate; no partner with a design patent: undefined_nopat.
    """
    kinds = first_publications(inputs, "kind")
    units = kinds.filter(pl.col("kind") == "design").select("unit").unique()
    held = holdings(inputs).join(units, on="unit", how="semi")
    yearly = held.group_by(KEY).agg(pl.len().cast(pl.Int64).alias("n"))
    stock = windowed_counts(inputs, yearly, ["n"], window).rename({"org": "partner"})
    ties = (
        partners(inputs, network)
        .select("year", "org", "partner")
        .join(stock, on=["partner", "year"], how="left")
    )
    k = pl.col("n").fill_null(0)
    counts = ties.group_by(KEY).agg(
        pl.len().alias("partners"), k.sum().alias("n"), (k**2).sum().alias("squares")
    )
    rules = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("partners").fill_null(0) == 0, "undefined_isolate"),
        (pl.col("n") == 0, "undefined_nopat"),
    ]
    return settle(
        inputs, counts, 1.0 - pl.col("squares") / pl.col("n").cast(pl.Float64) ** 2, rules
    )
