"""Experience, routines and capabilities of managing alliances; fit, costs and choices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import scipy.sparse as sp

from tertius.variables.class_windows import Ints, class_window, integral, pattern, tied
from tertius.variables.combine import (
    expand_years,
    joined,
    passed_on,
    within_year_rank,
    yearly,
)
from tertius.variables.communities import among_contacts
from tertius.variables.configuration import tie_embedding
from tertius.variables.distances import new_ties
from tertius.variables.environment import accounts, log_age, log_item, turbulence
from tertius.variables.forms import form_of
from tertius.variables.frames import Rule, coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import stock, window_rules
from tertius.variables.portfolio import size
from tertius.variables.records import (
    active_records,
    coded,
    organisations,
    partner_counts,
    partners,
)
from tertius.variables.relations import KEY, NO_PARTNER

TIE = ["year", "org", "partner"]


def _starts(inputs: Inputs) -> pl.DataFrame:
    """org, year, n: alliances that the unit starts in each year."""
    starts = inputs.tables["alliances"].select(
        "aid", year=pl.col("start_date").dt.year().cast(pl.Int32)
    )
    parties = inputs.tables["alliance_parties"].select("aid", "org_id").unique()
    begun = coded(inputs, parties.join(starts, on="aid"))
    return begun.group_by(KEY).agg(pl.len().cast(pl.Int64).alias("n"))


def experience(inputs: Inputs, *, depreciation: float = 0.0) -> pl.DataFrame:
    """ln(1 + alliances started before t), each year's discounted; >= 0.

    Since the first record; the first year is truncated. Kale, Dyer and Singh (2002); Hoang and
    Rothaermel (2005).

    Args:
        inputs: the study's inputs.
        depreciation: yearly rate at which experience fades.
    """
    started = _starts(inputs)
    years = pl.DataFrame({"year": pl.Series(inputs.years, dtype=pl.Int32)})
    age = pl.col("year") - pl.col("began") - 1
    wide = (
        started.rename({"year": "began"})
        .join(years, how="cross")
        .filter(age >= 0)
        .with_columns(v=pl.col("n") * (1.0 - depreciation) ** age.cast(pl.Float64))
    )
    sums = ordered_sum(wide, KEY, ["began"], ["v"])
    early = (pl.col("year") <= inputs.raw_years[0], "truncated")
    return settle(inputs, sums, pl.col("v").fill_null(0.0).log1p(), [early])


def _profiles(inputs: Inputs) -> pl.DataFrame:
    """org, year, cell, n: alliances started, by form x function x type of the other parties."""
    starts = form_of(inputs.tables["alliances"]).select(
        aid="record_id", form=pl.col("form").fill_null("")
    ).join(
        inputs.tables["alliances"].select(
            "aid", year=pl.col("start_date").dt.year().cast(pl.Int32)
        ),
        on="aid",
    )  # fmt: skip
    parties = coded(inputs, inputs.tables["alliance_parties"].select("aid", "org_id").unique())
    kinds = organisations(inputs).select(pl.col("org").alias("other"), "type")
    scopes = inputs.tables["alliance_scopes"].unique()
    pairs = (
        parties.join(parties.rename({"org": "other"}), on="aid")
        .filter(pl.col("org") != pl.col("other"))
        .join(kinds, on="other", how="left")
        .join(starts, on="aid")
        .join(scopes, on="aid", how="left")
    )
    cell = pl.concat_str(
        "form", pl.col("function").fill_null(""), pl.col("type").fill_null(""), separator="|"
    )
    return pairs.group_by(*KEY, cell.alias("cell")).agg(pl.len().cast(pl.Int64).alias("n"))


def repeatability(inputs: Inputs, *, years: int = 5) -> pl.DataFrame:
    """Cosine of the alliances started in t with those of t-years..t-1, by form x function x type.

    In [0, 1]: an alliance routine repeats itself. None started in t, or before: undefined_isolate;
    look-back before the records: truncated. Our proxy of a survey scale.
    """
    now = inputs.once("profiles", lambda: _profiles(inputs))
    past = expand_years(now, years, start=1).group_by(*KEY, "cell").agg(pl.col("n").sum())
    dots = (
        now.join(past, on=[*KEY, "cell"], suffix="_past")
        .group_by(KEY)
        .agg((pl.col("n") * pl.col("n_past")).sum().alias("dot"))
    )
    squares = [
        frame.group_by(KEY).agg((pl.col("n") ** 2).sum().alias(name))
        for frame, name in ((now, "now"), (past, "past"))
    ]
    values = squares[0].join(squares[1], on=KEY, how="left").join(dots, on=KEY, how="left")
    length = (pl.col("now").cast(pl.Float64) * pl.col("past").cast(pl.Float64)).sqrt()
    rules: list[Rule] = [
        (pl.col("year") < inputs.raw_years[0] + years, "truncated"),
        (length.fill_null(0.0) == 0.0, "undefined_isolate"),
    ]
    return settle(inputs, values, (pl.col("dot").fill_null(0) / length).clip(0.0, 1.0), rules)


def _kept(now: sp.csr_array, then: sp.csr_array) -> sp.csr_array:
    """Ties of both years."""
    both = sp.csr_array(now.multiply(then))
    both.eliminate_zeros()
    return both


def _ties_among(links: sp.csr_array, other: sp.csr_array) -> Ints:
    """Per unit, the entries of another network among its partners (each pair from both ends)."""
    ptr, idx = integral(links.indptr), integral(links.indices)
    counts = among_contacts(ptr, idx, integral(other.indptr), integral(other.indices))
    return np.bincount(
        np.repeat(np.arange(links.shape[0]), np.diff(ptr)), weights=counts, minlength=links.shape[0]
    ).astype(np.int64)


def triad_stability(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Share of the ties among the partners of t-1 that stand in t; in [0, 1]. A network routine.

    No tie among the partners of t-1: undefined_single; no partner then: undefined_isolate. Ours.
    """

    def build(year: int) -> pl.DataFrame:
        now, then = tied(inputs, network, year), tied(inputs, network, year - 1)
        old, still = (_ties_among(then, other) for other in (then, _kept(now, then)))
        n = then.shape[0]
        return pl.DataFrame(
            {
                "org": np.arange(n, dtype=np.uint32),
                "old": old,
                "still": still,
                "n": np.diff(then.indptr).astype(np.int64),
            }
        ).with_columns(pl.lit(year, pl.Int32).alias("year"))

    values = inputs.once(("triads", network), lambda: yearly(inputs, build))
    rules = [
        *coverage(inputs, network, back=1),
        NO_PARTNER,
        (pl.col("old") == 0, "undefined_single"),
    ]
    return settle(inputs, values, pl.col("still") / pl.col("old"), rules)


def norm_similarity(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Herfindahl index of the forms of the active alliances; in (0, 1]. A norm of governance. Ours.

    No alliance: undefined_isolate; none of known form: missing_input.
    """
    forms = form_of(inputs.tables["alliances"]).select("record_id", "form").drop_nulls()
    active = active_records(inputs, network)
    counts = (
        active.join(forms, on="record_id")
        .group_by(*KEY, "form")
        .agg(pl.len().cast(pl.Int64).alias("k"))
        .group_by(KEY)
        .agg(pl.col("k").sum().alias("known"), (pl.col("k") ** 2).sum().alias("squares"))
    )
    values = active.group_by(KEY).agg(pl.len().alias("n")).join(counts, on=KEY, how="left")
    rules = [*coverage(inputs, network), NO_PARTNER, (pl.col("known").is_null(), "missing_input")]
    share = pl.col("squares") / pl.col("known").cast(pl.Float64) ** 2
    return settle(inputs, values, share, rules)


# ---------------------------------------------------------------------------------- capability
def proactiveness(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Share of the partners that the unit was first of its industry to tie to; in [0, 1].

    First: no other unit of its four-digit industry was tied to the partner in an earlier year (or
    in the same year, for then neither is). No partner: undefined_isolate; own industry unknown:
    missing_input; look-back before the records: truncated. Our proxy for Sarkar, Aulakh and Madhok
    (2009).
    """
    own = organisations(inputs).select("org", "ind4")
    ties = partners(inputs, network).select(TIE).join(own, on="org", how="left")
    known = ties.filter(pl.col("ind4").is_not_null())
    began = known.group_by("org", "partner", "ind4").agg(pl.col("year").min().alias("began"))
    earliest = began.group_by("partner", "ind4").agg(
        pl.col("began").min().alias("earliest"),
        (pl.col("began") == pl.col("began").min()).sum().alias("together"),
    )
    marked = (
        ties.join(began.drop("ind4"), on=["org", "partner"], how="left")
        .join(earliest, on=["partner", "ind4"], how="left")
        .with_columns(hit=(pl.col("began") == pl.col("earliest")) & (pl.col("together") == 1))
    )
    counts = marked.group_by(KEY).agg(
        pl.len().alias("n"), pl.col("hit").sum().alias("hits"), pl.col("ind4").first()
    )
    rules = [
        *coverage(inputs, network, back=years),
        NO_PARTNER,
        (pl.col("ind4").is_null(), "missing_input"),
    ]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def coordination(
    inputs: Inputs, *, network: str, window: int = 5, tied_too: bool = False
) -> pl.DataFrame:
    """Share of the pairs of partners with a joint patent in W; in [0, 1].

    No partner: undefined_isolate; one: undefined_single. Our proxy of portfolio coordination.

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of the joint patents.
        tied_too: pairs that are partners of each other count as well.
    """

    def build(year: int) -> pl.DataFrame:
        links = tied(inputs, network, year)
        w = class_window(inputs, year, window)
        joint = pattern(sp.csr_array(w.holds @ w.holds.T))
        joint.setdiag(0)
        joint.eliminate_zeros()
        if tied_too:
            joint = pattern(sp.csr_array(joint + links))
        pairs = _ties_among(links, joint)
        n = links.shape[0]
        return pl.DataFrame(
            {
                "org": np.arange(n, dtype=np.uint32),
                "pairs": pairs,
                "n": np.diff(links.indptr).astype(np.int64),
            }
        ).with_columns(pl.lit(year, pl.Int32).alias("year"))

    values = inputs.once(("coordination", network, window, tied_too), lambda: yearly(inputs, build))
    n = pl.col("n")
    rules = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        NO_PARTNER,
        (n == 1, "undefined_single"),
    ]
    return settle(inputs, values, pl.col("pairs") / (n * (n - 1)), rules)


def alliance_unit(inputs: Inputs) -> pl.DataFrame:
    """1 where the firm has a unit for its alliances, else 0; unknown: missing_input."""
    value = pl.col("alliance_unit")
    return settle(inputs, accounts(inputs), value, [(value.is_null(), "missing_input")])


# ------------------------------------------------------------------------- costs, fit and choices
def _expanding_residuals(
    frame: pl.DataFrame, outcome: str, regressors: Sequence[str], least: int = 30
) -> pl.DataFrame:
    """org, year, residual: least squares on all rows until the year, year by year.

    A constant is added. Nothing after t enters the fit of t; fewer than `least` rows or collinear
    regressors: no residual.
    """
    table = frame.drop_nulls([outcome, *regressors]).sort("year", "org")
    x = np.column_stack([np.ones(table.height), *(table[r].to_numpy() for r in regressors)])
    y = table[outcome].cast(pl.Float64).to_numpy()
    years = table["year"].to_numpy()
    out = np.full(y.size, np.nan)
    for year in np.unique(years).tolist():
        upto, now = years <= year, years == year
        if int(upto.sum()) < least:
            continue
        beta, _, rank, _ = np.linalg.lstsq(x[upto], y[upto], rcond=None)
        if rank == x.shape[1]:
            out[now] = y[now] - x[now] @ beta
    return table.select("org", "year", residual=pl.Series(out)).with_columns(
        pl.col("residual").fill_nan(None)
    )


def coordination_cost(inputs: Inputs, *, least: int = 30) -> pl.DataFrame:
    """Administrative expense / sales beyond what ln sales explains, fitted on years until t.

    Items unknown: missing_input; too few rows until t: truncated; sales 0: zero_denominator. Our
    proxy of the cost of coordination.
    """
    table = accounts(inputs).select("org", "year", "sales", "admin_expense")
    positive = pl.col("sales") > 0.0
    frame = table.with_columns(
        v=pl.when(positive).then(pl.col("admin_expense") / pl.col("sales")),
        x=pl.when(positive).then(pl.col("sales").log()),
    )
    values = table.join(_expanding_residuals(frame, "v", ["x"], least), on=KEY, how="left")
    unknown = pl.col("admin_expense").is_null() | pl.col("sales").is_null()
    rules: list[Rule] = [
        (unknown, "missing_input"),
        (pl.col("sales") == 0.0, "zero_denominator"),
        (pl.col("residual").is_null(), "truncated"),
    ]
    return settle(inputs, values, pl.col("residual"), rules)


def productivity(inputs: Inputs, *, least: int = 30) -> pl.DataFrame:
    """Total factor productivity: ln sales beyond ln employees and ln fixed assets, years until t.

    Least squares with a constant on all rows until t; input prices and simultaneity are left aside.
    Items unknown or 0: missing_input; too few rows until t: truncated.
    """
    items = ("sales", "employees", "fixed_assets")
    logs = [pl.when(pl.col(i) > 0.0).then(pl.col(i).log()).alias(i) for i in items]
    table = accounts(inputs).select("org", "year", *logs)
    found = _expanding_residuals(table, "sales", ["employees", "fixed_assets"], least)
    values = table.join(found, on=KEY, how="left")
    unknown = pl.any_horizontal(pl.col(i).is_null() for i in items)
    rules: list[Rule] = [(unknown, "missing_input"), (pl.col("residual").is_null(), "truncated")]
    return settle(inputs, values, pl.col("residual"), rules)


def strategic_fit(inputs: Inputs, *, network: str, least: int = 30) -> pl.DataFrame:
    """- |ln(1 + partners) - what environment and size explain|; <= 0, 0 the best fit.

    Least squares on dynamism, munificence and ln assets over all rows until t. Statuses of these;
    too few rows until t: truncated. Our proxy of strategic fit.
    """
    parts = joined(
        inputs,
        n=size(inputs, network=network),
        dynamism=turbulence(inputs),
        munificence=turbulence(inputs, column="munificence"),
        assets=log_item(inputs, item="assets"),
    )
    frame = parts.with_columns(ln_n=pl.col("n").log1p())
    found = _expanding_residuals(frame, "ln_n", ["dynamism", "munificence", "assets"], least)
    values = parts.join(found, on=KEY, how="left")
    rules = [
        *passed_on("n", "dynamism", "munificence", "assets"),
        (pl.col("residual").is_null(), "truncated"),
    ]
    return settle(inputs, values, -pl.col("residual").abs(), rules)


def organisational_fit(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean over partners of how alike unit and partner are in size, age and ownership; in (0, 1].

    Per pair the mean of exp(-|difference of ln assets|), exp(-|difference of ln age|) and equality
    of ownership, over those known for both. No partner: undefined_isolate; no pair with any known:
    missing_input. Our proxy.
    """
    traits = joined(inputs, assets=log_item(inputs, item="assets"), age=log_age(inputs)).select(
        "org", "year", "assets", "age"
    )
    traits = traits.join(organisations(inputs).select("org", "ownership"), on="org", how="left")
    theirs = traits.rename(
        {"org": "partner", "assets": "assets_j", "age": "age_j", "ownership": "ownership_j"}
    )
    ties = (
        partners(inputs, network)
        .select(TIE)
        .join(traits, on=KEY, how="left")
        .join(theirs, on=["partner", "year"], how="left")
    )
    alike = [
        (-(pl.col("assets") - pl.col("assets_j")).abs()).exp(),
        (-(pl.col("age") - pl.col("age_j")).abs()).exp(),
        (pl.col("ownership") == pl.col("ownership_j")).cast(pl.Float64),
    ]
    known = pl.sum_horizontal(a.is_not_null().cast(pl.Float64) for a in alike)
    total = pl.sum_horizontal(a.fill_null(0.0) for a in alike)
    pairs = ties.with_columns(
        w=(known > 0.0).cast(pl.Float64), v=pl.when(known > 0.0).then(total / known).otherwise(0.0)
    )
    sums = ordered_sum(pairs, KEY, ["partner"], ["v", "w"])
    counts = ties.group_by(KEY).agg(pl.len().alias("n"))
    rules = [*coverage(inputs, network), NO_PARTNER, (pl.col("w") == 0.0, "missing_input")]
    return settle(inputs, counts.join(sums, on=KEY, how="left"), pl.col("v") / pl.col("w"), rules)


def network_fit(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean over partners of the structural equivalence with the unit; in [0, 1].

    Per pair: common partners / partners of either, the two themselves left out; a pair without any
    counts 0. Undefined for isolates. Lorrain and White (1971); the mean is ours.
    """
    degree = partner_counts(inputs, network).select(*KEY, d=pl.col("n").cast(pl.Int64))
    theirs = degree.rename({"org": "partner", "d": "d_j"})
    ties = tie_embedding(inputs, network).join(degree, on=KEY).join(theirs, on=["partner", "year"])
    union = pl.col("d") + pl.col("d_j") - 2 - pl.col("common")
    pairs = ties.with_columns(
        v=pl.when(union > 0).then(pl.col("common") / union).otherwise(0.0), one=pl.lit(1.0)
    )
    sums = ordered_sum(pairs, KEY, ["partner"], ["v", "one"]).rename({"one": "n"})
    return settle(inputs, sums, pl.col("v") / pl.col("n"), [*coverage(inputs, network), NO_PARTNER])


def preferential_choice(inputs: Inputs, *, network: str, share: float = 0.75) -> pl.DataFrame:
    """Share of the new partners of t that are in the top quarter by knowledge stock; in [0, 1].

    New: no partner in t-1; quality at t-1: the stock of t-1 against the units of the frame. No new
    partner: undefined_single; no partner: undefined_isolate. Our proxy.
    """
    ranked = within_year_rank(inputs, share, k=stock(inputs))
    cut = ranked.select("year", "cut").drop_nulls().unique()
    quality = ranked.select("org", "year", v="value").join(cut, on="year")
    before = quality.with_columns((pl.col("year") + 1).cast(pl.Int32).alias("year"))
    entering = new_ties(inputs, network).join(
        before.rename({"org": "partner"}), on=["partner", "year"], how="left"
    )
    hit = (pl.col("v") >= pl.col("cut")).fill_null(False)
    counts = entering.group_by(KEY).agg(
        pl.len().alias("new"), hit.sum().alias("hits"), pl.col("v").count().alias("known")
    )
    some = partner_counts(inputs, network).select(*KEY, "n")
    values = some.join(counts, on=KEY, how="left")
    rules = [
        *coverage(inputs, network, back=1),
        NO_PARTNER,
        (pl.col("new").fill_null(0) == 0, "undefined_single"),
        (pl.col("known") == 0, "missing_input"),
    ]
    return settle(inputs, values, pl.col("hits") / pl.col("new"), rules)


def partner_quality(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean knowledge stock of the partners with a stock; >= 0. Quality of reach.

    No partner: undefined_isolate; no partner with a stock: truncated.
    """
    stocks = coded(inputs, stock(inputs).filter(pl.col("status") == "ok").drop("status"))
    theirs = stocks.rename({"org": "partner"})
    ties = partners(inputs, network).select(TIE).join(theirs, on=["partner", "year"])
    sums = ordered_sum(ties.with_columns(one=pl.lit(1.0)), KEY, ["partner"], ["value", "one"])
    some = partner_counts(inputs, network).select(*KEY, "n")
    rules = [*coverage(inputs, network), NO_PARTNER, (pl.col("one").is_null(), "truncated")]
    values = some.join(sums, on=KEY, how="left")
    return settle(inputs, values, pl.col("value") / pl.col("one"), rules)
