"""Change of the portfolio: entry, exit, dissolution, new partners, stages, phases."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.variables.class_windows import integers
from tertius.variables.combine import combined
from tertius.variables.configuration import TIE
from tertius.variables.frames import Rule, coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.outcomes import outcome_rules
from tertius.variables.portfolio import change_counts, step_back
from tertius.variables.records import coded, organisation_codes, partners, rows
from tertius.variables.relations import KEY, NO_PARTNER, tie_ages, tie_pairs

STAGES = ("incubation", "growth", "maturity", "renewal")


def newcomer_share(inputs: Inputs, *, network: str, to: str = "unit") -> pl.DataFrame:
    """Share of the partners whose first tie is in t; in [0, 1], undefined for isolates.

    The first year of known ties is truncated: all ties are new in it.

    Args:
        inputs: the study's inputs.
        network: the network.
        to: unit (first tie with the unit) | network (first tie of the partner with anyone).
    """
    if to not in ("unit", "network"):
        raise ValueError(f"to must be unit or network, not {to!r}")
    ties = tie_ages(inputs, network)
    if to == "network":
        first = ties.group_by(pl.col("org").alias("partner")).agg(
            pl.col("year").min().alias("first")
        )
        ties = ties.drop("first").join(first, on="partner")
    new = pl.col("first") == pl.col("year")
    counts = ties.group_by(KEY).agg(pl.len().alias("n"), new.sum().alias("hits"))
    rules = [*coverage(inputs, network, back=1), NO_PARTNER]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def incoming_partners(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """New partners (none in t-years..t-1) that initiated the alliance; 0 for isolates.

    Initiated: the partner has the role `initiator` in a record of the tie and the unit has not.
    Where no role is recorded the whole column is missing_input: degree does not stand in.
    """
    pair = ["org", "partner"]
    dated = partners(inputs, network).select(*pair, "year").sort(*pair, "year")
    same = pl.all_horizontal(pl.col(c) == pl.col(c).shift(1) for c in pair)
    recent = (same & (pl.col("year") - pl.col("year").shift(1) <= years)).fill_null(False)
    new = dated.filter(~recent)
    roles = inputs.tables["alliance_parties"].filter(pl.col("role") == "initiator")
    started = coded(inputs, roles.select("org_id", record_id="aid"))
    numbers = inputs.tie_records[network]["record_id"].unique().sort().to_frame()
    started = started.join(numbers.with_row_index("record"), on="record_id").select("org", "record")
    records = tie_pairs(inputs, network).join(new, on=["year", *pair], how="semi")
    by_partner = records.join(
        started.rename({"org": "partner"}), on=["partner", "record"], how="semi"
    )
    by_unit = records.join(started, on=["org", "record"], how="semi")
    incoming = (
        by_partner.join(by_unit, on=["year", *pair], how="anti").select("year", *pair).unique()
    )
    counts = incoming.group_by(KEY).agg(pl.len().alias("n"))
    rules = coverage(inputs, network, back=years)
    return settle(inputs, counts, pl.col("n").fill_null(0), rules)


# --------------------------------------------------------------------------------- dissolution
def _endings(inputs: Inputs) -> pl.DataFrame:
    """aid, org, first, last: years on whose 31 December the alliance is active, known ends only."""
    known = inputs.tables["alliances"].filter(
        pl.col("end_known") & pl.col("end_date").is_not_null()
    )
    spans = known.select(
        "aid",
        first=pl.col("start_date").dt.year().cast(pl.Int32),
        last=(pl.col("end_date").dt.year() - 1).cast(pl.Int32)
        + ((pl.col("end_date").dt.month() == 12) & (pl.col("end_date").dt.day() == 31)).cast(
            pl.Int32
        ),
    ).filter(pl.col("last") >= pl.col("first"))
    parties = inputs.tables["alliance_parties"].select("aid", "org_id").unique()
    return coded(inputs, parties.join(spans, on="aid"))


def endings(inputs: Inputs) -> pl.DataFrame:
    """org, year, at_risk, ended: alliances of known end active on 31 December t-1, ended by t."""
    return inputs.once("endings", lambda: _ending_counts(inputs))


def _ending_counts(inputs: Inputs) -> pl.DataFrame:
    spans = _endings(inputs)
    ended = spans.select("org", year=(pl.col("last") + 1).cast(pl.Int32))
    ended = ended.group_by(KEY).agg(pl.len().alias("ended"))
    years = pl.DataFrame({"year": pl.Series(inputs.years, dtype=pl.Int32)})
    up = spans.group_by("org", pl.col("first").alias("at")).agg(pl.len().cast(pl.Int64).alias("k"))
    down = spans.group_by("org", (pl.col("last") + 1).cast(pl.Int32).alias("at")).agg(
        -pl.len().cast(pl.Int64).alias("k")
    )
    # Active on 31 December t-1: begun by t-1 and not ended by t-1.
    steps = pl.concat([up, down])
    at_risk = (
        steps.join(years, how="cross")
        .filter(pl.col("at") < pl.col("year"))
        .group_by(KEY)
        .agg(pl.col("k").sum().alias("at_risk"))
        .filter(pl.col("at_risk") > 0)
    )
    return at_risk.join(ended, on=KEY, how="left").with_columns(pl.col("ended").fill_null(0))


def dissolution(inputs: Inputs, *, column: str = "rate") -> pl.DataFrame:
    """Alliances of known end that end in t: number, number at risk on 31 December t-1, or share.

    An outcome: which ends are known is learned later. rate without one at risk: undefined_isolate.

    Args:
        inputs: the study's inputs.
        column: rate (in [0, 1]) | ended | at_risk.
    """
    rules: list[Rule] = [*outcome_rules(inputs)]
    risk, ended = pl.col("at_risk").fill_null(0), pl.col("ended").fill_null(0)
    if column == "rate":
        rules.append((risk == 0, "undefined_isolate"))
    value = {"rate": ended / risk, "ended": ended, "at_risk": risk}[column]
    return settle(inputs, endings(inputs), value, rules)


def tie_survival(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Share of the partners of t-1 that are partners in t; in [0, 1]. An outcome.

    Co-patent windows are compared with the last window that shares no year.

    No partner in t-1: undefined_isolate.
    """
    counts = change_counts(inputs, network)
    rules: list[Rule] = [
        *outcome_rules(inputs),
        *coverage(inputs, network, back=step_back(inputs, network)),
        (pl.col("before").fill_null(0) == 0, "undefined_isolate"),
    ]
    return settle(inputs, counts, pl.col("kept") / pl.col("before"), rules)


def partner_churn(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean over partners of 1 - Jaccard of their other partners in t-1 and t; in [0, 1].

    The tie to the unit counts in neither year; co-patent windows are compared with the last one
    that shares no year. Partners without another tie in both years are left out. No partner:
    undefined_isolate; none with other ties: undefined_single.
    """
    step = step_back(inputs, network)
    change = change_counts(inputs, network).rename({"org": "partner"})
    then = partners(inputs, network).select(
        "org", "partner", (pl.col("year") + step).cast(pl.Int32).alias("year"), old=pl.lit(1)
    )
    ties = (
        partners(inputs, network)
        .select(TIE)
        .join(then, on=TIE, how="left")
        .join(change, on=["partner", "year"], how="left")
        .with_columns(pl.col("old").fill_null(0))
    )
    kept = (pl.col("kept") - pl.col("old")).cast(pl.Float64)
    union = (pl.col("after") + pl.col("before") - pl.col("kept") - 1).cast(pl.Float64)
    moved = ties.with_columns(union=union).select(
        *TIE, v=pl.when(union > 0).then(1.0 - kept / union), w=(union > 0).cast(pl.Float64)
    )
    moved = moved.with_columns(pl.col("v").fill_null(0.0))
    sums = ordered_sum(moved, KEY, ["partner"], ["v", "w"])
    counts = ties.group_by(KEY).agg(pl.len().alias("n"))
    rules = [
        *coverage(inputs, network, back=step_back(inputs, network)),
        NO_PARTNER,
        (pl.col("w") == 0.0, "undefined_single"),
    ]
    return settle(inputs, counts.join(sums, on=KEY, how="left"), pl.col("v") / pl.col("w"), rules)


def behavioural_uncertainty(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Mean over partners of the share of their alliances that ended early elsewhere; in [0, 1].

    Over t-years+1..t: alliances of the partner that ended in the year, over those active on 31
    December before it; alliances with the unit itself are left out. Ends that are known by t count,
    alliances of unknown end count as active. No partner: undefined_isolate; none with another
    alliance: undefined_single. Our proxy.
    """
    parties = coded(inputs, inputs.tables["alliance_parties"].select("aid", "org_id").unique())
    spans = inputs.tables["alliances"].select(
        "aid",
        first=pl.col("start_date").dt.year().cast(pl.Int32),
        end=pl.when(pl.col("end_known")).then(pl.col("end_date").dt.year()).cast(pl.Int32),
    )
    known = parties.join(spans.drop_nulls("first"), on="aid")
    own = _at_risk(inputs, known, ["org"], years)
    # The same from either end: counted once.
    pairs = known.join(parties.rename({"org": "partner"}), on="aid")
    pairs = pairs.filter(pl.col("org") < pl.col("partner"))
    shared = _at_risk(inputs, pairs, ["org", "partner"], years)
    shared = shared.rename({"risk": "risk_both", "ended": "ended_both"})
    back = shared.rename({"org": "partner", "partner": "org"}).select(shared.columns)
    return _over_alliance_partners(inputs, network, own, pl.concat([shared, back]))


def _at_risk(inputs: Inputs, spans: pl.DataFrame, key: list[str], years: int) -> pl.DataFrame:
    """key, year, risk, ended: sums over t-years+1..t of the alliances at risk and of those ended.

    At risk in a year: active on 31 December before it. Rows without one are left out.

    Args:
        inputs: the study's inputs.
        spans: key, first, end of every alliance, end null where it is not known.
        key: whose alliances they are.
        years: width of the window.
    """
    start, n_years = inputs.raw_years[0], max(inputs.years, default=0) - inputs.raw_years[0] + 1
    keys = spans.select(key).unique().sort(key).with_row_index("place")
    place = integers(spans.join(keys, on=key, how="left", maintain_order="left"), "place")
    since = (spans["first"].to_numpy() + 1 - start).clip(0, n_years)
    end = spans["end"].fill_null(start + n_years).to_numpy() - start
    until = (end + 1).clip(0, n_years)
    some = since < until
    risk, ended = (np.zeros((keys.height, n_years + 1), dtype=np.int32) for _ in range(2))
    np.add.at(risk, (place[some], since[some]), 1)
    np.add.at(risk, (place[some], until[some]), -1)
    closed = some & (end < n_years)
    np.add.at(ended, (place[closed], end[closed]), 1)
    at, year = np.nonzero((summed := _windowed(np.cumsum(risk, axis=1), years))[:, :n_years])
    return keys.select(key)[at].with_columns(
        pl.Series("year", (year + start).astype(np.int32)),
        pl.Series("risk", summed[at, year].astype(np.int64)),
        pl.Series("ended", _windowed(ended, years)[at, year].astype(np.int64)),
    )


def _windowed(counts: NDArray[np.int32], years: int) -> NDArray[np.int32]:
    """Sums over each column and the `years` - 1 before it."""
    summed = np.cumsum(counts, axis=1, dtype=np.int32)
    summed[:, years:] -= summed[:, :-years].copy()
    return summed


def _over_alliance_partners(
    inputs: Inputs, network: str, own: pl.DataFrame, shared: pl.DataFrame
) -> pl.DataFrame:
    theirs = own.rename({"org": "partner"})
    ties = (
        partners(inputs, network)
        .select(TIE)
        .join(theirs, on=["partner", "year"], how="left")
        .join(shared, on=TIE, how="left")
        .with_columns(pl.col("risk", "ended", "risk_both", "ended_both").fill_null(0))
    )
    risk = pl.col("risk") - pl.col("risk_both")
    ended = (pl.col("ended") - pl.col("ended_both")).cast(pl.Float64)
    valued = ties.with_columns(
        v=pl.when(risk > 0).then(ended / risk).otherwise(0.0), w=(risk > 0).cast(pl.Float64)
    )
    sums = ordered_sum(valued, KEY, ["partner"], ["v", "w"])
    counts = ties.group_by(KEY).agg(pl.len().alias("n"))
    rules = [*coverage(inputs, network), NO_PARTNER, (pl.col("w") == 0.0, "undefined_single")]
    return settle(inputs, counts.join(sums, on=KEY, how="left"), pl.col("v") / pl.col("w"), rules)


# -------------------------------------------------------------------------------------- stages
def stages(
    inputs: Inputs,
    network: str,
    growth: float = 0.10,
    turnover: float = 0.30,
    shrink: float = 0.8,
    entry: float = 0.25,
    small: int = 3,
    young: int = 3,
) -> pl.DataFrame:
    """org, year, stage (1 incubation, 2 growth, 3 maturity, 4 renewal; 0 before any tie), censored.

    Every year has a candidate, first match: incubation (at most `young` years since the first tie,
    or at most `small` partners and never more) - renewal (entry and exit rates both >= `turnover`,
    or n <= `shrink` times the earlier maximum with entry >= `entry`) - growth
    (ln((n_t + 1) / (n_{t-3} + 1)) / 3 >= `growth`) - maturity. A unit changes to another stage when
    it is the candidate in t-1 and in t. censored: tied in the first known year. Only years up to t
    are used. Our rule for Zhan et al. (2016).
    """
    key = ("stages", network, growth, turnover, shrink, entry, small, young)
    return inputs.once(
        key,
        lambda: _stages(inputs, network, (growth, turnover, shrink, entry, small, young)),
    )


def _stages(
    inputs: Inputs, network: str, limits: tuple[float, float, float, float, int, int]
) -> pl.DataFrame:
    growth, turnover, shrink, entry_least, small, young = limits
    first, last = inputs.covered_years
    n_years, n_units = last - first + 1, organisation_codes(inputs).height
    counts = change_counts(inputs, network, step=1).filter(pl.col("year").is_between(first, last))
    at = (integers(counts, "year") - first, integers(counts, "org"))
    after, kept, before = (np.zeros((n_years, n_units)) for _ in range(3))
    for matrix, name in ((after, "after"), (kept, "kept"), (before, "before")):
        matrix[at] = counts[name].to_numpy()
    began = np.where(after.any(axis=0), (after > 0).argmax(axis=0), n_years)
    stage = np.zeros((n_years, n_units), dtype=np.int64)
    candidate = np.zeros((n_years, n_units), dtype=np.int64)
    highest = np.zeros(n_units)
    for t in range(n_years):
        n, old = after[t], after[t - 3] if t >= 3 else np.zeros(n_units)
        entering = np.divide(n - kept[t], n, out=np.zeros(n_units), where=n > 0)
        leaving = np.divide(
            before[t] - kept[t], before[t], out=np.zeros(n_units), where=before[t] > 0
        )
        rate = np.log((n + 1) / (old + 1)) / 3
        fresh = (t - began <= young) | (np.maximum(n, highest) <= small)
        turned = (entering >= turnover) & (leaving >= turnover)
        turned |= (n <= shrink * highest) & (entering >= entry_least)
        now = np.where(fresh, 1, np.where(turned, 4, np.where(rate >= growth, 2, 3)))
        now[t < began] = 0
        candidate[t] = now
        previous = stage[t - 1] if t else np.zeros(n_units, dtype=np.int64)
        agreed = candidate[t - 1] == now if t else np.zeros(n_units, dtype=bool)
        stage[t] = np.where((previous == 0) | agreed, now, previous)
        highest = np.maximum(highest, n)
    wanted = rows(inputs).filter(pl.col("year").is_between(first, last)).select("org", "year")
    place = (integers(wanted, "year") - first, integers(wanted, "org"))
    return wanted.with_columns(
        pl.Series("stage", stage[place]),
        pl.Series("censored", (began == 0)[integers(wanted, "org")]),
    )


def stage(inputs: Inputs, *, network: str, growth: float = 0.10) -> pl.DataFrame:
    """Stage of the portfolio: 1 incubation, 2 growth, 3 maturity, 4 renewal (see `stages`).

    Never tied until t: undefined_isolate.
    """
    values = stages(inputs, network, growth)
    rules = [*coverage(inputs, network), (pl.col("stage").fill_null(0) == 0, "undefined_isolate")]
    return settle(inputs, values, pl.col("stage"), rules)


def in_stage(inputs: Inputs, *, network: str, number: int, growth: float = 0.10) -> pl.DataFrame:
    """1 in the stage of this number (see `stage`), else 0; never tied: undefined_isolate."""
    return combined(
        inputs,
        (pl.col("s") == number).cast(pl.Float64),
        s=stage(inputs, network=network, growth=growth),
    )


def stage_censored(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """1 where the unit was tied in the first known year, so that its first stage is a guess."""
    values = stages(inputs, network)
    rules = [*coverage(inputs, network), (pl.col("stage").fill_null(0) == 0, "undefined_isolate")]
    return settle(inputs, values, pl.col("censored"), rules)


def since_first_tie(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Years since the first known tie, t - first; >= 0. Never tied until t: undefined_isolate."""
    first = tie_ages(inputs, network).group_by("org").agg(pl.col("first").min())
    values = rows(inputs).select("org", "year").join(first, on="org", how="left")
    never = pl.col("first").is_null() | (pl.col("first") > pl.col("year"))
    rules = [*coverage(inputs, network), (never, "undefined_isolate")]
    return settle(inputs, values, pl.col("year") - pl.col("first"), rules)
