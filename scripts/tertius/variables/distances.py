"""Technological distance of unit and partner, of the partners to each other, complementarity."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
import scipy.sparse as sp

from tertius.kernels import run_blocks
from tertius.variables.class_windows import (
    ClassWindow,
    Ints,
    Reals,
    advantages,
    class_window,
    held_once,
    in_shares,
    integers,
    pattern,
    row_sums,
    tied,
    wide_classes,
)
from tertius.variables.combine import joined, passed_on, yearly
from tertius.variables.dyad_classes import common_entries, compare, pooled_directions
from tertius.variables.frames import Rule, coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import WIDE, window_rules
from tertius.variables.records import Level, organisations, partner_counts, partners

KEY = ["org", "year"]


def dyads(
    inputs: Inputs,
    network: str,
    window: int = 5,
    level: Level = 4,
    joint: str = "exclude",
    omega: bool = False,
) -> pl.DataFrame:
    """Every tie from both ends: year, org, partner and how their patents in W compare.

    cosine, overlap, euclid, mahalanobis: proximity or distance of the class shares (see
    `distance_of`), complement: overlap of wide classes less overlap of classes; null where one side
    has no patents. lacking: the partner's classes of advantage that the unit does not hold; unique:
    share of the unit's classes of advantage that no other partner of the partner has, null without
    such a class. own_n, partner_n: patents of unit and partner without the joint ones. Sorted.

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of the window.
        level: see `records.Level`.
        joint: exclude | keep the joint patents of the pair, which are else in neither vector.
        omega: whether mahalanobis is wanted, which takes a dense matrix of classes x classes.

    Raises:
        ValueError: `joint` is neither exclude nor keep.
    """
    if joint not in ("exclude", "keep"):
        raise ValueError(f"joint must be exclude or keep, not {joint!r}")
    return _all_dyads(inputs, network, window, level, joint, omega)[0]


def among_partners(inputs: Inputs, network: str, window: int = 5, level: Level = 4) -> pl.DataFrame:
    """org, year, total, n: sum of cosines over ordered pairs of partners with patents, and n > 0.

    The vectors of the partners are without their joint patents with the unit.
    """
    return _all_dyads(inputs, network, window, level, "exclude", False)[1]


def _all_dyads(
    inputs: Inputs, network: str, window: int, level: Level, joint: str, omega: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    def build() -> tuple[pl.DataFrame, pl.DataFrame]:
        of_year = partial(_dyads_of_year, inputs, network, window, level, joint, omega)
        parts = list(run_blocks(of_year, inputs.years, None))
        return pl.concat([p[0] for p in parts]), pl.concat([p[1] for p in parts])

    return inputs.once(("dyads", network, window, level, joint, omega), build)


def _dyads_of_year(
    inputs: Inputs,
    network: str,
    window: int,
    level: Level,
    joint: str,
    omega: bool,
    year: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    a, b = _pairs_of_year(inputs, network, year)
    w = class_window(inputs, year, window, level)
    common = _common(w, a, b)
    less = common * 0 if joint == "keep" else common
    columns: dict[str, Reals | Ints] = {
        **compare(w.vectors, less, a, b, wide_classes(inputs, level, WIDE))
    }
    if omega:
        left, right = sp.csr_array(w.vectors[a] - less), sp.csr_array(w.vectors[b] - less)
        columns["mahalanobis"] = _mahalanobis(left, right, w.vectors)
    shared = _joint_counts(w, a, b) if joint == "exclude" else np.zeros(a.size, dtype=np.int64)
    best, holds = advantages(w.vectors), pattern(w.vectors)
    once = held_once(sp.csr_array(tied(inputs, network, year) @ best))
    once.sort_indices()
    sides = []
    for ego, alter in ((a, b), (b, a)):
        sides.append(
            pl.DataFrame(
                {
                    "org": ego,
                    "partner": alter,
                    **columns,
                    **_advantage_columns(best, holds, once, ego, alter),
                    "own_n": w.counts[ego] - shared,
                    "partner_n": w.counts[alter] - shared,
                }
            )
        )
    table = pl.concat(sides).with_columns(
        pl.lit(year, pl.Int32).alias("year"),
        pl.col("org", "partner").cast(pl.UInt32),
        pl.col("lacking", "own_n", "partner_n").cast(pl.Int32),
        *(pl.col(name).fill_nan(None) for name in (*columns, "unique")),
    )
    total, n = pooled_directions(w.vectors, less, a, b)
    among = pl.DataFrame({"org": np.arange(n.size, dtype=np.uint32), "total": total, "n": n})
    dated = among.with_columns(pl.lit(year, pl.Int32).alias("year")).filter(pl.col("n") > 0)
    return table.sort("org", "partner"), dated


def _pairs_of_year(inputs: Inputs, network: str, year: int) -> tuple[Ints, Ints]:
    """The two ends of every tie of the year, the lower number first, sorted."""
    ties = partners(inputs, network).filter(pl.col("year") == year)
    pairs = ties.filter(pl.col("org") < pl.col("partner")).sort("org", "partner")
    return integers(pairs, "org"), integers(pairs, "partner")


def _common(w: ClassWindow, a: Ints, b: Ints) -> sp.csr_array:
    return sp.csr_array(sp.csr_array(w.holds[a].multiply(w.holds[b])) @ w.shares)


def _joint_counts(w: ClassWindow, a: Ints, b: Ints) -> Ints:
    return np.asarray(sp.csr_array(w.holds[a].multiply(w.holds[b])) @ w.n).astype(np.int64)


def _mahalanobis(
    left: sp.csr_array, right: sp.csr_array, vectors: sp.csr_array, chunk: int = 20_000
) -> Reals:
    """u' Omega v of unit vectors, Omega the cosines of the classes across all units.

    Proximity of Bloom, Schankerman and Van Reenen (2013), scaled as the cosine is.
    """
    columns, _ = _unit_rows(sp.csr_array(in_shares(vectors).T))
    omega = (columns @ columns.T).toarray()
    out = np.empty(left.shape[0])
    for low in range(0, left.shape[0], chunk):
        part = slice(low, low + chunk)
        (u, m), (v, n) = _unit_rows(in_shares(left[part])), _unit_rows(in_shares(right[part]))
        near = np.einsum("ij,ij->i", np.asarray(u @ omega), v.toarray())
        out[part] = np.where((m > 0) & (n > 0), near, np.nan)
    return out


def _unit_rows(matrix: sp.csr_array) -> tuple[sp.csr_array, Reals]:
    floats = sp.csr_array(matrix, copy=True)
    floats.sort_indices()
    length = np.sqrt(row_sums(sp.csr_array(floats.multiply(floats))))
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    floats.data = floats.data * np.repeat(scale, np.diff(floats.indptr))
    return floats, length


def _advantage_columns(
    best: sp.csr_array, holds: sp.csr_array, once: sp.csr_array, ego: Ints, alter: Ints
) -> dict[str, Ints | Reals]:
    sizes = np.diff(best.indptr)
    lacking = sizes[alter] - common_entries(best, holds, alter, ego)
    unique = np.full(ego.size, np.nan)
    alone = common_entries(best, once, ego, alter)
    np.divide(alone, sizes[ego], out=unique, where=sizes[ego] > 0)
    return {"lacking": lacking, "unique": unique}


def distance_of(metric: str) -> pl.Expr:
    """The distance of a pair by a metric.

    cosine: 1 - cos (Jaffe 1986); overlap: 1 - sum_c min(S_ic, S_jc); euclid: length of S_i - S_j,
    up to sqrt 2; mahalanobis: 1 - u_i' Omega u_j, which can be below 0 (Bloom, Schankerman and Van
    Reenen 2013).

    Raises:
        ValueError: another name.
    """
    if metric in ("cosine", "overlap", "mahalanobis"):
        return 1.0 - pl.col(metric)
    if metric == "euclid":
        return pl.col("euclid")
    raise ValueError(f"metric must be cosine, overlap, euclid or mahalanobis, not {metric!r}")


def tie_weights(inputs: Inputs, network: str, weights: str) -> pl.DataFrame:
    """year, org, partner, w: 1 for every tie (none), or its number of records (records).

    Raises:
        ValueError: another name.
    """
    if weights not in ("none", "records"):
        raise ValueError(f"weights must be none or records, not {weights!r}")
    w = pl.col("n_records") if weights == "records" else pl.lit(1)
    return partners(inputs, network).select("year", "org", "partner", w=w.cast(pl.Float64))


def over_partners(
    inputs: Inputs,
    network: str,
    window: int,
    pairs: pl.DataFrame,
    value: pl.Expr,
    weights: str = "none",
    after: tuple[Rule, ...] = (),
) -> pl.DataFrame:
    """Mean of `value` over the ties of `pairs` that have one; no partner: undefined_isolate.

    Partners, but none with a value: undefined_nopat.
    """
    w = tie_weights(inputs, network, weights)
    valued = pairs.select("year", "org", "partner", v=value).filter(pl.col("v").is_not_null())
    valued = valued.join(w, on=["year", "org", "partner"]).with_columns(v=pl.col("v") * pl.col("w"))
    sums = ordered_sum(valued, KEY, ["partner"], ["v", "w"])
    counts = partner_counts(inputs, network).select(*KEY, partners="n")
    values = counts.join(sums, on=KEY, how="left")
    rules: list[Rule] = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("partners").fill_null(0) == 0, "undefined_isolate"),
        *after,
        (pl.col("w").fill_null(0.0) == 0.0, "undefined_nopat"),
    ]
    return settle(inputs, values, pl.col("v") / pl.col("w"), rules)


def heterogeneity(
    inputs: Inputs,
    *,
    network: str,
    window: int = 5,
    level: Level = 4,
    metric: str = "cosine",
    weights: str = "none",
    joint: str = "exclude",
) -> pl.DataFrame:
    """Mean over partners of the distance between the class vectors; in [0, 1] for cosines.

    IPC4 subclasses of the patents in W(t, window); the joint patents of a pair are in neither of
    its vectors; partners without patents are left out (`heterogeneity_coverage` counts the others).
    Jaffe (1986), Sampson (2007). No partner: undefined_isolate; no pair with patents on both sides:
    undefined_nopat. The distance to the pooled partners is another number: `pooled_distance`.

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of the window.
        level: see `records.Level`.
        metric: see `distance_of`.
        weights: none | records (ties weighted by their records).
        joint: exclude | keep the joint patents of the pair.
    """
    pairs = dyads(inputs, network, window, level, joint, metric == "mahalanobis")
    distance = distance_of(metric)
    distance = distance.clip(0.0, 1.0) if metric in ("cosine", "overlap") else distance
    return over_partners(inputs, network, window, pairs, distance, weights)


def heterogeneity_coverage(
    inputs: Inputs, *, network: str, window: int = 5, level: Level = 4
) -> pl.DataFrame:
    """Number of partners that the mean distance is taken over; 0 for isolates."""
    pairs = dyads(inputs, network, window, level).filter(pl.col("cosine").is_not_null())
    counts = pairs.group_by(KEY).agg(pl.len().alias("n"))
    rules = [*coverage(inputs, network), *window_rules(inputs, window)]
    return settle(inputs, counts, pl.col("n").fill_null(0), rules)


def similarity(
    inputs: Inputs, *, network: str, window: int = 5, level: Level = "full", lag: int = 0
) -> pl.DataFrame:
    """Mean over partners of the cosine of the class vectors; in [0, 1]. Common technical language.

    At the level of whole symbols (IPC subgroups); joint patents in neither vector. A proxy of
    cognitive proximity (Nooteboom et al. 2007). Statuses as in `heterogeneity`.

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of the window.
        level: see `records.Level`.
        lag: years that the window of patents ends before t.
    """

    def build() -> pl.DataFrame:
        return yearly(inputs, lambda year: _cosines(inputs, network, window, level, year, lag))

    pairs = inputs.once(("cosines", network, window, level, lag), build)
    early = (pl.col("year") < inputs.raw_years[0] + window - 1 + lag, "truncated")
    return over_partners(inputs, network, window, pairs, pl.col("cosine"), after=(early,))


def _cosines(
    inputs: Inputs, network: str, window: int, level: Level, year: int, lag: int
) -> pl.DataFrame:
    """year, org, partner, cosine of every tie of the year from both ends, patents of t - lag."""
    a, b = _pairs_of_year(inputs, network, year)
    w = class_window(inputs, year - lag, window, level)
    wide = wide_classes(inputs, level, WIDE)
    cosine = compare(w.vectors, _common(w, a, b), a, b, wide, every=False)["cosine"]
    found = pl.DataFrame({"org": a, "partner": b, "cosine": cosine}).select(
        pl.lit(year, pl.Int32).alias("year"),
        pl.col("org", "partner").cast(pl.UInt32),
        pl.col("cosine").fill_nan(None),
    )
    back = found.select("year", "cosine", org="partner", partner="org")
    return pl.concat([found, back.select(found.columns)])


def partner_diversity(
    inputs: Inputs, *, network: str, window: int = 5, level: Level = 4
) -> pl.DataFrame:
    """Mean over pairs of partners of 1 - cosine of their class vectors; in [0, 1].

    Joint patents with the unit left out. No partner: undefined_isolate; no partner with patents:
    undefined_nopat; one: undefined_single. After Jiang, Tao and Santoro (2010).
    """
    among = among_partners(inputs, network, window, level)
    counts = partner_counts(inputs, network).select(*KEY, partners="n")
    values = counts.join(among, on=KEY, how="left")
    rules = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("partners").fill_null(0) == 0, "undefined_isolate"),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
        (pl.col("n") == 1, "undefined_single"),
    ]
    pairs = pl.col("n") * (pl.col("n") - 1)
    return settle(inputs, values, (1.0 - pl.col("total") / pairs).clip(0.0, 1.0), rules)


def complementarity(
    inputs: Inputs, *, network: str, window: int = 5, level: Level = 4, new: bool = False
) -> pl.DataFrame:
    """Mean over partners of overlap in wide classes less overlap in classes; in [0, 1].

    sum_g min(S_ig, S_jg) - sum_c min(S_ic, S_jc): same field, other classes. After Makri, Hitt and
    Lane (2010). Statuses as in `heterogeneity`.

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of the window.
        level: see `records.Level`.
        new: only partners that were none in t-1 (with none: undefined_single).
    """
    pairs = dyads(inputs, network, window, level)
    if not new:
        return over_partners(inputs, network, window, pairs, pl.col("complement"))
    entering = new_ties(inputs, network)
    pairs = pairs.join(entering, on=["year", "org", "partner"], how="semi")
    some = entering.group_by(KEY).agg(pl.len().alias("w"))
    first = inputs.covered_years[0]
    after: tuple[Rule, ...] = ((pl.col("year") <= first, "truncated"),)
    found = over_partners(inputs, network, window, pairs, pl.col("complement"), after=after)
    return _none_new(inputs, found, some)


def new_ties(inputs: Inputs, network: str) -> pl.DataFrame:
    """year, org, partner: ties of t that did not stand in t-1."""
    now = partners(inputs, network).select("year", "org", "partner")
    then = now.with_columns((pl.col("year") + 1).cast(pl.Int32).alias("year"))
    return now.join(then, on=["year", "org", "partner"], how="anti")


def _none_new(inputs: Inputs, found: pl.DataFrame, some: pl.DataFrame) -> pl.DataFrame:
    """The status undefined_single in the place of undefined_nopat where no tie is new."""
    frame = joined(inputs, v=found).join(some, on=KEY, how="left")
    none = (pl.col("v_status") == "undefined_nopat") & pl.col("w").is_null()
    return settle(inputs, frame, pl.col("v"), [(none, "undefined_single"), *passed_on("v")])


def lacking_complementarity(
    inputs: Inputs, *, network: str, window: int = 5, level: Level = 4, other_industry: bool = False
) -> pl.DataFrame:
    """Mean of 1 - cosine over partners, weighted by their classes of advantage that the unit lacks.

    In [0, 1]; a partner that lacks nothing to offer weighs 0. No partner: undefined_isolate; no
    partner with patents that offers a class: undefined_nopat. Our rule for complementary resources.

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of the window.
        level: see `records.Level`.
        other_industry: only partners of another four-digit industry (or of none).
    """
    pairs = dyads(inputs, network, window, level).filter(pl.col("cosine").is_not_null())
    if other_industry:
        own = organisations(inputs).select("org", "ind4")
        theirs = own.rename({"org": "partner", "ind4": "theirs"})
        pairs = pairs.join(own, on="org", how="left").join(theirs, on="partner", how="left")
        pairs = pairs.filter(~(pl.col("ind4") == pl.col("theirs")).fill_null(False))
    weighed = pairs.select(
        "year", "org", "partner",
        v=(1.0 - pl.col("cosine")) * pl.col("lacking").cast(pl.Float64),
        w=pl.col("lacking").cast(pl.Float64),
    )  # fmt: skip
    sums = ordered_sum(weighed, KEY, ["partner"], ["v", "w"])
    counts = partner_counts(inputs, network).select(*KEY, partners="n")
    values = counts.join(sums, on=KEY, how="left")
    rules: list[Rule] = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("partners").fill_null(0) == 0, "undefined_isolate"),
        (pl.col("w").fill_null(0.0) == 0.0, "undefined_nopat"),
    ]
    return settle(inputs, values, (pl.col("v") / pl.col("w")).clip(0.0, 1.0), rules)


def uniqueness(inputs: Inputs, *, network: str, window: int = 5) -> pl.DataFrame:
    """Mean over partners of the share of the unit's classes of advantage no other partner offers.

    In [0, 1]. No partner: undefined_isolate; no class of advantage: undefined_nopat. Our proxy.
    """
    pairs = dyads(inputs, network, window)
    return over_partners(inputs, network, window, pairs, pl.col("unique"))
