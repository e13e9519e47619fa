"""Technological distance of unit and partner, of the partners to each other, complementarity."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
import scipy.sparse as sp

from tertius.variables.class_windows import (
    ClassWindow,
    Ints,
    Reals,
    advantages,
    class_window,
    coarser,
    held_once,
    in_shares,
    integers,
    pattern,
    products,
    row_sums,
    sparse,
    tied,
)
from tertius.variables.combine import joined, passed_on
from tertius.variables.frames import Rule, coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import WIDE, window_rules
from tertius.variables.records import Level, organisation_codes, organisations, partners

KEY = ["org", "year"]
METRICS = ("cosine", "overlap", "euclid", "mahalanobis", "complement")


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
    """org, year, total, n: sum of cosines over ordered pairs of partners with patents, and n.

    The vectors of the partners are without their joint patents with the unit.
    """
    return _all_dyads(inputs, network, window, level, "exclude", False)[1]


def _all_dyads(
    inputs: Inputs, network: str, window: int, level: Level, joint: str, omega: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    def build() -> tuple[pl.DataFrame, pl.DataFrame]:
        parts = [
            _dyads_of_year(inputs, network, window, level, joint, omega, year)
            for year in inputs.years
        ]
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
    ties = partners(inputs, network).filter(pl.col("year") == year)
    pairs = ties.filter(pl.col("org") < pl.col("partner")).sort("org", "partner")
    a, b = integers(pairs, "org"), integers(pairs, "partner")
    w = class_window(inputs, year, window, level)
    vectors = w.vectors
    common = _common(w, a, b)
    zero = common * 0 if joint == "keep" else common
    left, right = sp.csr_array(vectors[a] - zero), sp.csr_array(vectors[b] - zero)
    columns = _compared(inputs, left, right, level)
    omitted = np.full(a.size, np.nan)
    columns["mahalanobis"] = _mahalanobis(left, right, vectors) if omega else omitted
    shared = _joint_counts(w, a, b) if joint == "exclude" else np.zeros(a.size, dtype=np.int64)
    counts = w.counts
    links = tied(inputs, network, year)
    sides = []
    for ego, alter in ((a, b), (b, a)):
        lacking, unique = _advantage_columns(vectors, links, ego, alter)
        sides.append(
            pl.DataFrame(
                {
                    "org": ego,
                    "partner": alter,
                    **columns,
                    "lacking": lacking,
                    "unique": unique,
                    "own_n": counts[ego] - shared,
                    "partner_n": counts[alter] - shared,
                }
            )
        )
    table = pl.concat(sides).with_columns(
        pl.lit(year, pl.Int32).alias("year"),
        pl.col("org", "partner").cast(pl.UInt32),
        *(pl.col(name).fill_nan(None) for name in (*METRICS, "unique")),
    )
    return table.sort("org", "partner"), _among(inputs, left, right, a, b, year)


def _common(w: ClassWindow, a: Ints, b: Ints) -> sp.csr_array:
    return sp.csr_array(sp.csr_array(w.holds[a].multiply(w.holds[b])) @ w.shares)


def _joint_counts(w: ClassWindow, a: Ints, b: Ints) -> Ints:
    return np.asarray(sp.csr_array(w.holds[a].multiply(w.holds[b])) @ w.n).astype(np.int64)


def _normalised(matrix: sp.csr_array) -> tuple[sp.csr_array, Reals]:
    """Rows that sum to 1 (0 where empty), and the sums."""
    floats = in_shares(matrix)
    total = row_sums(floats)
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    floats.data = floats.data * np.repeat(scale, np.diff(floats.indptr))
    return floats, total


def _compared(
    inputs: Inputs, left: sp.csr_array, right: sp.csr_array, level: Level
) -> dict[str, Reals]:
    squares = products(left, left) * products(right, right)
    known = squares > 0.0
    cosine = np.full(known.size, np.nan)
    np.divide(products(left, right), np.sqrt(squares), out=cosine, where=known)
    (p, _), (q, _) = _normalised(left), _normalised(right)
    overlap = row_sums(sp.csr_array(p.minimum(q)))
    difference = sp.csr_array(p - q)
    euclid = np.sqrt(row_sums(sp.csr_array(difference.multiply(difference))))
    wide = coarser(inputs, level, WIDE)
    wide_p, wide_q = (_normalised(sp.csr_array(m @ wide))[0] for m in (left, right))
    complement = row_sums(sp.csr_array(wide_p.minimum(wide_q))) - overlap
    found = {
        "cosine": np.minimum(cosine, 1.0),
        "overlap": np.minimum(overlap, 1.0),
        "euclid": euclid,
        "complement": np.maximum(complement, 0.0),
    }
    return {name: np.where(known, values, np.nan) for name, values in found.items()}


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
    vectors: sp.csr_array, links: sp.csr_array, ego: Ints, alter: Ints
) -> tuple[Ints, Reals]:
    best, holds = advantages(vectors), pattern(vectors)
    theirs = sp.csr_array(best[alter])
    lacking = theirs.sum(axis=1) - theirs.multiply(holds[ego]).sum(axis=1)
    offered = sp.csr_array(links @ best)
    once = held_once(offered)
    mine = sp.csr_array(best[ego])
    n = np.asarray(mine.sum(axis=1)).astype(float)
    alone = np.asarray(mine.multiply(once[alter]).sum(axis=1)).astype(float)
    unique = np.full(n.size, np.nan)
    np.divide(alone, n, out=unique, where=n > 0)
    return np.asarray(lacking).astype(np.int64), unique


def _among(
    inputs: Inputs, left: sp.csr_array, right: sp.csr_array, a: Ints, b: Ints, year: int
) -> pl.DataFrame:
    """Sum of cosines over ordered pairs of partners: |sum_j u_j|^2 - n, u_j unit vectors."""
    n_units = organisation_codes(inputs).height
    ego = np.concatenate([a, b])
    unit, length = _unit_rows(in_shares(sp.csr_array(sp.vstack([right, left], format="csr"))))
    known = np.flatnonzero(length > 0.0)
    cells = pl.DataFrame({"ego": ego[known], "row": known})
    collect = sparse(cells, "ego", "row", (n_units, ego.size)).astype(np.float64)
    sums = sp.csr_array(collect @ unit)
    n = np.bincount(ego[known], minlength=n_units)
    total = row_sums(sp.csr_array(sums.multiply(sums))) - n
    return pl.DataFrame(
        {"org": np.arange(n_units, dtype=np.uint32), "total": total, "n": n}
    ).with_columns(pl.lit(year, pl.Int32).alias("year"))


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
    counts = partners(inputs, network).group_by(KEY).agg(pl.len().alias("partners"))
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
        years = [_cosines(inputs, network, window, level, year, lag) for year in inputs.years]
        return pl.concat(years)

    pairs = inputs.once(("cosines", network, window, level, lag), build)
    early = (pl.col("year") < inputs.raw_years[0] + window - 1 + lag, "truncated")
    return over_partners(inputs, network, window, pairs, pl.col("cosine"), after=(early,))


def _cosines(
    inputs: Inputs, network: str, window: int, level: Level, year: int, lag: int
) -> pl.DataFrame:
    """year, org, partner, cosine of every tie of the year from both ends, patents of t - lag."""
    ties = partners(inputs, network).filter(pl.col("year") == year)
    pairs = ties.filter(pl.col("org") < pl.col("partner")).select("year", "org", "partner")
    w = class_window(inputs, year - lag, window, level)
    a, b = integers(pairs, "org"), integers(pairs, "partner")
    common = _common(w, a, b)
    left, right = sp.csr_array(w.vectors[a] - common), sp.csr_array(w.vectors[b] - common)
    squares = products(left, left) * products(right, right)
    cosine = np.full(squares.size, np.nan)
    np.divide(products(left, right), np.sqrt(squares), out=cosine, where=squares > 0.0)
    found = pairs.with_columns(pl.Series("cosine", np.minimum(cosine, 1.0)).fill_nan(None))
    back = found.select("year", "cosine", org="partner", partner="org")
    return pl.concat([found, back.select(found.columns)])


def partner_diversity(
    inputs: Inputs, *, network: str, window: int = 5, level: Level = 4
) -> pl.DataFrame:
    """Mean over pairs of partners of 1 - cosine of their class vectors; in [0, 1].

    Joint patents with the unit left out. No partner: undefined_isolate; no partner with patents:
    undefined_nopat; one: undefined_single. After Jiang, Tao and Santoro (2010).
    """
    values = among_partners(inputs, network, window, level)
    counts = partners(inputs, network).group_by(KEY).agg(pl.len().alias("partners"))
    values = values.join(counts, on=KEY, how="left")
    rules = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("partners").fill_null(0) == 0, "undefined_isolate"),
        (pl.col("n") == 0, "undefined_nopat"),
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
    counts = partners(inputs, network).group_by(KEY).agg(pl.len().alias("partners"))
    values = counts.join(sums, on=KEY, how="left")
    rules: list[Rule] = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("partners").fill_null(0) == 0, "undefined_isolate"),
        (pl.col("w").fill_null(0.0) == 0.0, "undefined_nopat"),
    ]
    return settle(inputs, values, (pl.col("v") / pl.col("w")).clip(0.0, 1.0), rules)


def yearly(inputs: Inputs, build: Callable[[int], pl.DataFrame]) -> pl.DataFrame:
    """The frames of all years of the risk set, one below the other."""
    return pl.concat([build(year) for year in inputs.years])


def portfolio_gap(
    inputs: Inputs, *, window: int = 5, level: Level = 4, top: float = 0.1
) -> pl.DataFrame:
    """Resource gap: 1 - cosine of the unit's classes and its industry's leaders; in [0, 1].

    Leaders: units of the same four-digit industry among the top tenth (at least one) by patents in
    W, the unit itself left out. Industry unknown: missing_input; no patents on one side:
    undefined_nopat. Our proxy.
    """
    register = organisations(inputs).select("org", "ind4").drop_nulls().sort("org")

    def build(year: int) -> pl.DataFrame:
        w = class_window(inputs, year, window, level)
        return _gap_of_year(w, register, top).with_columns(pl.lit(year, pl.Int32).alias("year"))

    values = inputs.once(("gap", window, level, top), partial(yearly, inputs, build))
    rules: list[Rule] = [
        *window_rules(inputs, window),
        (pl.col("known").is_null(), "missing_input"),
        (pl.col("cosine").is_null(), "undefined_nopat"),
    ]
    return settle(inputs, values, (1.0 - pl.col("cosine")).clip(0.0, 1.0), rules)


def _gap_of_year(w: ClassWindow, register: pl.DataFrame, top: float) -> pl.DataFrame:
    """org, known, cosine with the pooled leaders of the industry (null without patents)."""
    counts = w.counts
    org = integers(register, "org")
    table = register.with_columns(n=pl.Series(counts[org]))
    ranked = table.filter(pl.col("n") > 0).sort("ind4", "n", "org", descending=[False, True, False])
    ranked = ranked.with_columns(
        place=pl.int_range(pl.len()).over("ind4"), size=pl.len().over("ind4")
    )
    lead = pl.col("place") < (pl.col("size") * top).ceil().clip(1)
    leaders = ranked.filter(lead).select("org", "ind4")
    groups = register["ind4"].unique().sort().to_frame().with_row_index("group")
    cells = leaders.join(groups, on="ind4")
    n_groups, n_units = groups.height, counts.size
    pool = sp.csr_array(sparse(cells, "group", "org", (n_groups, n_units)) @ w.vectors)
    at = register.join(groups, on="ind4", maintain_order="left")
    is_lead = np.isin(org, integers(leaders, "org")).astype(np.int64)
    own = sp.csr_array(w.vectors[org])
    others = sp.csr_array(pool[integers(at, "group")] - own.multiply(is_lead[:, None]))
    squares = products(own, own) * products(others, others)
    cosine = np.full(squares.size, np.nan)
    np.divide(products(own, others), np.sqrt(squares), out=cosine, where=squares > 0.0)
    return register.select(
        "org", known=pl.lit(1), cosine=pl.Series(np.minimum(cosine, 1.0)).fill_nan(None)
    )
