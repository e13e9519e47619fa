"""Frames of dyads: who could have formed a tie, chosen a partner, or ended a tie, and did.

Each frame has org_id (its row's name), year, a < b, in_sample, the outcome with its status and the
covariates of `attach_covariates`, all dated t - 1, so that the estimators on dyads read it as they
read a panel. Past and current partners stay at risk: the event is a new deal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import IntArray
from tertius.dyad_covariates import (
    KEY,
    MISSING,
    OK,
    DyadSources,
    attach_covariates,
    attach_ends,
    without_input,
)
from tertius.network_terms import NODE_TERMS, change_statistics, make_graph

SPELL_TERMS = ("equity", "formal", "repeated")
"""What the record behind a spell says of the tie itself."""


@dataclass(frozen=True, eq=False)
class DyadFrame:
    """Rows of dyads and what was left out on the way."""

    rows: pl.DataFrame
    ledger: Mapping[str, int]


def record_deals(tie_records: pl.DataFrame) -> pl.DataFrame:
    """New deals from the records of a network: the first year in which a record ties a pair.

    Records of the network's first year may be older and are left out.

    Args:
        tie_records: year, a, b, record_id.

    Returns:
        year, a, b, unique, sorted.
    """
    began = tie_records.group_by("a", "b", "record_id").agg(pl.col("year").min())
    later = began.filter(pl.col("year") > tie_records["year"].min())
    return later.select(KEY).unique().sort(KEY)


def alliance_deals(alliances: pl.DataFrame, parties: pl.DataFrame) -> pl.DataFrame:
    """Pairs of parties by the year in which their alliance starts: year, a, b, unique, sorted."""
    starts = alliances.select("aid", pl.col("start_date").dt.year().cast(pl.Int32).alias("year"))
    members = parties.select("aid", "org_id").join(starts, on="aid")
    pairs = members.join(members.select("aid", pl.col("org_id").alias("b")), on="aid")
    pairs = pairs.filter(pl.col("org_id") < pl.col("b")).rename({"org_id": "a"})
    return pairs.select(KEY).unique().sort(KEY)


def formation_dyads(
    sources: DyadSources,
    years: Iterable[int],
    *,
    controls: int = 20,
    seed: int = 1,
    variables: Sequence[str] = (),
    attributes: Sequence[str] = (),
) -> DyadFrame:
    """Dyads that form a deal in t, and a random sample of those that do not.

    Args:
        sources: of the study. years: t of the choices.
        controls: dyads without a deal per dyad with one (all, where there are fewer).
        seed: of the sampling, one stream a year.
        variables, attributes: of `attach_covariates`.

    Returns:
        org_id ``a|b``, year, a, b, event, rate (at which the row was sampled; 1 for events), the
        covariates. The ledger counts deals with a member not at risk in t - 1 and t.
    """
    parts, ledger = [], {"deals": 0, "deals with a member not at risk": 0, "dyads sampled": 0}
    for year in sorted(set(years)):
        names = _at_risk(sources, year)
        deals = sources.deals.filter(pl.col("year") == year)
        inside = deals.filter(pl.col("a").is_in(names) & pl.col("b").is_in(names))
        ledger["deals"] += deals.height
        ledger["deals with a member not at risk"] += deals.height - inside.height
        if not inside.height:
            continue
        place = {name: code for code, name in enumerate(names)}
        events = _pair_codes(inside, place, len(names))
        available = len(names) * (len(names) - 1) // 2 - len(events)
        wanted = min(controls * len(events), available)
        rng = np.random.default_rng([seed, year])
        drawn = sample_pairs(len(names), events, wanted, rng)
        ledger["dyads sampled"] += len(drawn)
        codes = np.r_[events, drawn]
        parts.append(
            pl.DataFrame(
                {
                    "year": pl.Series(np.full(len(codes), year), dtype=pl.Int32),
                    "a": [names[c] for c in codes // len(names)],
                    "b": [names[c] for c in codes % len(names)],
                    "event": np.r_[np.ones(len(events)), np.zeros(len(drawn))],
                    "rate": np.r_[np.ones(len(events)), np.full(len(drawn), wanted / available)]
                    if available
                    else np.ones(len(events)),
                }
            )
        )
    schema = {"year": pl.Int32, "a": pl.String, "b": pl.String, "event": pl.Float64}
    rows = pl.concat(parts) if parts else pl.DataFrame(schema={**schema, "rate": pl.Float64})
    rows = rows.with_columns(
        org_id=pl.col("a") + "|" + pl.col("b"),
        event_status=pl.lit(OK),
        in_sample=pl.lit(value=True),
    ).sort(KEY)
    return DyadFrame(attach_covariates(rows, sources, variables, attributes), ledger)


def _at_risk(sources: DyadSources, year: int) -> list[str]:
    """Organisations alive at the end of t - 1 and in t, sorted."""
    found = sources.at_risk.filter(pl.col("year").is_in([year - 1, year]))
    both = found.unique().group_by("org_id").len().filter(pl.col("len") == 2)
    names: list[str] = both["org_id"].sort().to_list()
    return names


def _pair_codes(pairs: pl.DataFrame, place: Mapping[str, int], n: int) -> IntArray:
    """first * n + second of each pair, ascending."""
    first = np.array([place[name] for name in pairs["a"]], dtype=np.int64)
    second = np.array([place[name] for name in pairs["b"]], dtype=np.int64)
    return np.unique(first * n + second)


def sample_pairs(n: int, events: IntArray, wanted: int, rng: np.random.Generator) -> IntArray:
    """`wanted` distinct pairs i < j of n members outside `events`, drawn uniformly.

    Args:
        events: codes i n + j to leave out. wanted: at most the number of other pairs.

    Returns:
        ascending codes i n + j.
    """
    total = n * (n - 1) // 2
    if wanted > total // 3:
        first, second = np.triu_indices(n, 1)
        rest = np.setdiff1d(first * n + second, events)
        return np.sort(rng.choice(rest, wanted, replace=False)).astype(np.int64)
    found = np.zeros(0, dtype=np.int64)
    while len(found) < wanted:
        tried = rng.integers(0, n, size=(2, 2 * (wanted - len(found)) + 16))
        low, high = tried.min(axis=0), tried.max(axis=0)
        codes = (low * n + high)[low < high]
        _, order = np.unique(codes, return_index=True)
        fresh = codes[np.sort(order)]
        fresh = fresh[~np.isin(fresh, events) & ~np.isin(fresh, found)]
        found = np.r_[found, fresh[: wanted - len(found)]]
    return np.sort(found)


def choice_sets(
    sources: DyadSources,
    years: Iterable[int],
    *,
    alternatives: int = 20,
    most: int | None = None,
    seed: int = 1,
    variables: Sequence[str] = (),
    attributes: Sequence[str] = (),
) -> DyadFrame:
    """Choice sets: each new deal of t is a choice of either member among sampled alternatives.

    Args:
        sources, years, seed, variables, attributes: as in `formation_dyads`.
        alternatives: organisations sampled uniformly among those at risk with which the chooser
            makes no deal in t; uniform sampling leaves conditional logit consistent
            (McFadden 1978).
        most: choice sets a year, a uniform sample of them where there are more; None for all.

    Returns:
        One row a choice set and alternative: org_id (unique), stratum ``chooser>partner>t``, ego,
        alter, year, a, b, event, rate (of the alternatives, one value a choice set: it cancels),
        covariates, and the variables of either end as ``<v>__ego`` and ``<v>__alter``.
    """
    parts, ledger = [], {"deals": 0, "deals with a member not at risk": 0, "choice sets": 0}
    for year in sorted(set(years)):
        names = sorted(_at_risk(sources, year))
        place = {name: k for k, name in enumerate(names)}
        deals = sources.deals.filter(pl.col("year") == year).sort(KEY)
        inside = deals.filter(pl.col("a").is_in(names) & pl.col("b").is_in(names))
        ledger["deals"] += deals.height
        ledger["deals with a member not at risk"] += deals.height - inside.height
        partners: dict[str, set[str]] = {}
        for a, b in inside.select("a", "b").iter_rows():
            partners.setdefault(a, set()).add(b)
            partners.setdefault(b, set()).add(a)
        rng = np.random.default_rng([seed, year])
        made = [(ego, chosen) for ego in sorted(partners) for chosen in sorted(partners[ego])]
        ledger["choice sets"] += len(made)
        for ego, chosen in _at_most(made, most, rng):
            out = np.sort([place[name] for name in (*partners[ego], ego)])
            n = len(names) - len(out)
            k = min(alternatives, n)
            picks = np.sort(rng.choice(n, k, replace=False) if k else np.zeros(0, np.int64))
            # The p-th of the others is the p-th name once those that are out are skipped.
            skipped = np.searchsorted(out - np.arange(len(out)), picks, side="right")
            drawn = [names[p] for p in picks + skipped]
            parts.append((ego, chosen, year, drawn, k / n if n else 1.0))
    ledger["choice sets left out by sampling"] = ledger["choice sets"] - len(parts)
    rows = attach_ends(_choice_rows(parts), sources.nodes, variables)
    return DyadFrame(attach_covariates(rows, sources, variables, attributes), ledger)


def _at_most(
    items: Sequence[tuple[str, str]], most: int | None, rng: np.random.Generator
) -> list[tuple[str, str]]:
    """The items in their order, a uniform sample of them where there are more than `most`."""
    if most is None or len(items) <= most:
        return list(items)
    return [items[i] for i in np.sort(rng.choice(len(items), most, replace=False))]


def _choice_rows(sets: Sequence[tuple[str, str, int, list[str], float]]) -> pl.DataFrame:
    records = [
        (f"{ego}>{chosen}>{year}", ego, alter, year, float(alter == chosen), rate)
        for ego, chosen, year, drawn, rate in sets
        for alter in (chosen, *drawn)
    ]
    schema = {
        "stratum": pl.String,
        "ego": pl.String,
        "alter": pl.String,
        "year": pl.Int32,
        "event": pl.Float64,
        "rate": pl.Float64,
    }
    rows = pl.DataFrame(records, schema=schema, orient="row")
    return rows.with_columns(
        org_id=pl.col("stratum") + ">" + pl.col("alter"),
        a=pl.min_horizontal("ego", "alter"),
        b=pl.max_horizontal("ego", "alter"),
        event_status=pl.lit(OK),
        in_sample=pl.lit(value=True),
    ).sort("org_id", "year")


def tie_years(
    spells: pl.DataFrame,
    sources: DyadSources,
    years: tuple[int, int],
    *,
    most: int | None = None,
    seed: int = 1,
    variables: Sequence[str] = (),
    attributes: Sequence[str] = (),
) -> DyadFrame:
    """One row a spell of a tie and year at risk of ending.

    Args:
        spells: spell, a, b, start (year), end (year or null while it goes on), cause (1, 2, ... of
            a known end, 0 or null where the end is unknown), and where they are known the
            `SPELL_TERMS` (0/1).
        sources, variables, attributes: as in `formation_dyads`.
        years: first and last observed year.
        most: spells, a uniform sample of them where more are at risk; None for all.
        seed: of the sampling.

    Returns:
        org_id = spell, year, a, b, ended (0/1), cause (0 while it goes on), terminated (0/1: ended
        by cause 1; ends of other causes compete and leave without one), duration in years from 1,
        late_entry (1 where the tie began before the first year). A spell whose end is not known
        leaves without an event: it is censored in the year before its stated end. `SPELL_TERMS`
        are those of the spell, missing_input where null.
    """
    first, last = years
    known = pl.col("end").is_not_null() & (pl.col("cause").fill_null(0) > 0)
    stop = pl.when(known).then(pl.col("end")).otherwise(pl.col("end") - 1).fill_null(last)
    open_spells = spells.with_columns(
        known=known,
        stop=pl.min_horizontal(stop, pl.lit(last)),
        entry=pl.max_horizontal(pl.col("start"), pl.lit(first)),
    )
    at_risk = open_spells.filter(pl.col("stop") >= pl.col("entry"))
    ledger = {
        "spells": spells.height,
        "spells without a year at risk": spells.height - at_risk.height,
        "spells that enter late": at_risk.filter(pl.col("start") < first).height,
        "spells censored": at_risk.filter(~pl.col("known") | (pl.col("end") > last)).height,
    }
    seen = at_risk.height
    if most is not None and seen > most:
        rng = np.random.default_rng(seed)
        kept = np.sort(rng.choice(seen, most, replace=False))
        at_risk = at_risk.sort("spell")[kept]
    ledger["spells left out by sampling"] = seen - at_risk.height
    rows = at_risk.with_columns(
        year=pl.int_ranges(pl.col("entry"), pl.col("stop") + 1, dtype=pl.Int32)
    ).explode("year")
    ends = pl.col("known") & (pl.col("year") == pl.col("end"))
    own = [name for name in SPELL_TERMS if name in spells.columns]
    rows = rows.select(
        pl.col("spell").cast(pl.String).alias("org_id"),
        "year",
        pl.min_horizontal("a", "b").alias("a"),
        pl.max_horizontal("a", "b").alias("b"),
        ends.cast(pl.Float64).alias("ended"),
        pl.when(ends).then(pl.col("cause")).otherwise(0).cast(pl.Float64).alias("cause"),
        (ends & (pl.col("cause") == 1)).cast(pl.Float64).alias("terminated"),
        (pl.col("year") - pl.col("start") + 1).cast(pl.Float64).alias("duration"),
        (pl.col("start") < first).cast(pl.Float64).alias("late_entry"),
        pl.lit(value=True).alias("in_sample"),
        *(pl.col(name).cast(pl.Float64) for name in own),
    ).sort("org_id", "year")
    outcomes = ("ended", "cause", "terminated", "duration", "late_entry")
    known_own = (pl.when(pl.col(name).is_null()).then(pl.lit(MISSING)) for name in own)
    rows = rows.with_columns(
        *(pl.lit(OK).alias(f"{name}_status") for name in outcomes),
        *(
            status.otherwise(pl.lit(OK)).alias(f"{name}_status")
            for name, status in zip(own, known_own, strict=True)
        ),
    )
    rows = without_input(rows, SPELL_TERMS)
    return DyadFrame(attach_covariates(rows, sources, variables, attributes), ledger)


def network_dyads(
    sources: DyadSources,
    years: Iterable[int],
    *,
    controls: int | None = None,
    decay: float = 0.5,
    seed: int = 1,
    variables: Sequence[str] = (),
    attributes: Sequence[str] = (),
) -> DyadFrame:
    """Every dyad of each year's network (or its ties and a sample of the rest) for a temporal ERGM.

    Args:
        sources, years, seed, variables, attributes: as in `formation_dyads`.
        controls: untied dyads per tie; None for all of them.
        decay: of the geometrically weighted terms.

    Returns:
        org_id ``a|b``, year, a, b, tie (0/1), rate, the change statistics triangles, gwesp,
        gwdegree and two_paths on the network of the same year, and the covariates of t - 1, of
        which current_partner is the memory of the tie.
    """
    parts, ledger = [], {"ties": 0, "ties with a member not at risk": 0, "dyads": 0}
    for year in sorted(set(years)):
        names = _at_risk(sources, year)
        ties = sources.ties.filter(pl.col("year") == year).select("year", "a", "b").unique()
        inside = ties.filter(pl.col("a").is_in(names) & pl.col("b").is_in(names))
        ledger["ties"] += ties.height
        ledger["ties with a member not at risk"] += ties.height - inside.height
        n, place = len(names), {name: code for code, name in enumerate(names)}
        tied = _pair_codes(inside, place, n) if inside.height else np.zeros(0, dtype=np.int64)
        available = n * (n - 1) // 2 - len(tied)
        wanted = available if controls is None else min(controls * len(tied), available)
        drawn = sample_pairs(n, tied, wanted, np.random.default_rng([seed, year]))
        codes = np.r_[tied, drawn]
        graph = make_graph(tied // n, tied % n, n)
        change = change_statistics(graph, codes // n, codes % n, NODE_TERMS, decay)
        rate = wanted / available if available else 1.0
        parts.append(
            pl.DataFrame(
                {
                    "year": pl.Series(np.full(len(codes), year), dtype=pl.Int32),
                    "a": [names[c] for c in codes // n],
                    "b": [names[c] for c in codes % n],
                    "tie": np.r_[np.ones(len(tied)), np.zeros(len(drawn))],
                    "rate": np.r_[np.ones(len(tied)), np.full(len(drawn), rate)],
                    **{term: change[:, j] for j, term in enumerate(NODE_TERMS)},
                }
            )
        )
        ledger["dyads"] += len(codes)
    rows = pl.concat(parts).with_columns(
        org_id=pl.col("a") + "|" + pl.col("b"), in_sample=pl.lit(value=True)
    )
    rows = rows.with_columns(pl.lit(OK).alias(f"{name}_status") for name in ("tie", *NODE_TERMS))
    return DyadFrame(attach_covariates(rows.sort(KEY), sources, variables, attributes), ledger)
