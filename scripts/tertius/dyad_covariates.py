"""What is known of a dyad at the end of the year before: ties, partners, places, technologies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from tertius.arrays import FloatArray, IntArray
from tertius.dyad_names import ALTER, EGO

OK, MISSING = "ok", "missing_input"
EARTH_KM = 6371.0088
MADE_FROM_TABLES = ("distance_km", "tech_proximity", "complementarity")
"""Covariates that need coordinates or patents; missing_input in all rows where there are none."""
WIDE = 3
"""Characters of an IPC class, of which subclasses have four."""
LOOK_BACK = 5
"""Years in which an earlier tie counts as a prior one (Gulati 1995)."""
KEY = ("year", "a", "b")


@dataclass(frozen=True, eq=False)
class DyadSources:
    """Yearly information on pairs and members; every pair has a < b.

    Attributes:
        deals: year, a, b: new deals, one row each pair and year.
        ties: year, a, b: the network at the end of each year.
        at_risk: org_id, year: organisations that could form a tie in that year.
        nodes: org_id, year, then variables with ``<name>_status``.
        organisations: org_id and attributes (ind4, city, lat, lon, ...), or None.
        portfolios: org_id, year, code, weight: classes of each window, or None.
    """

    deals: pl.DataFrame
    ties: pl.DataFrame
    at_risk: pl.DataFrame
    nodes: pl.DataFrame
    organisations: pl.DataFrame | None = None
    portfolios: pl.DataFrame | None = None


def attach_covariates(
    rows: pl.DataFrame,
    sources: DyadSources,
    variables: Sequence[str] = (),
    attributes: Sequence[str] = (),
) -> pl.DataFrame:
    """Covariates of dyads, all of year t - 1, each with its status.

    Args:
        rows: year, a, b (a < b) and anything else; order and columns are kept.
        sources: of the study. variables: columns of `sources.nodes`; each becomes ``<v>__sum`` and
            ``<v>__gap`` (absolute difference). attributes: columns of `sources.organisations`; each
            becomes ``same_<attribute>``.

    Returns:
        rows with current_partner (tie at the end of t - 1), past_partner (an earlier tie, none
        now), prior_tie (a tie in t - 5 .. t - 1, Gulati 1995), common_partners, tech_proximity
        (cosine of class portfolios, Jaffe 1986), complementarity (overlap of their wide classes
        less overlap of their classes, after Makri, Hitt & Lane 2010), distance_km, and the above.
        Undefined values are null with a status: missing_input where a member, or the study, has no
        input, undefined_nopat without patents.
    """
    keys = rows.select(KEY).unique().sort(KEY).with_columns(lag=pl.col("year") - 1)
    keys = _history(keys, sources.ties)
    keys = keys.with_columns(
        pl.Series("common_partners", _common_partners(keys, sources.ties)),
        pl.lit(OK).alias("common_partners_status"),
    )
    for variable in variables:
        keys = _pair_of_values(keys, sources.nodes, variable)
    known = [] if sources.organisations is None else sources.organisations.columns
    if sources.organisations is not None:
        for attribute in attributes:
            if attribute in known:
                keys = _same(keys, sources.organisations, attribute)
        if {"lat", "lon"} <= set(known):
            keys = _distance(keys, sources.organisations)
    if sources.portfolios is not None:
        keys = _proximity(keys, sources.portfolios)
    wanted = (*MADE_FROM_TABLES, *(f"same_{attribute}" for attribute in attributes))
    keys = without_input(keys, wanted)
    return rows.join(keys.drop("lag"), on=list(KEY), how="left", maintain_order="left")


def without_input(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The rows with those of the names that are no columns yet: null, status missing_input."""
    absent = [name for name in names if name not in rows.columns]
    return rows.with_columns(
        *(pl.lit(None, dtype=pl.Float64).alias(name) for name in absent),
        *(pl.lit(MISSING).alias(f"{name}_status") for name in absent),
    )


def _history(keys: pl.DataFrame, ties: pl.DataFrame) -> pl.DataFrame:
    """current_partner, past_partner and prior_tie."""
    tied = ties.select(pl.col("year").alias("tied"), "a", "b").unique().sort("tied")
    now = tied.select(pl.col("tied").alias("lag"), "a", "b", current=pl.lit(1.0))
    first = tied.group_by("a", "b").agg(first=pl.col("tied").min())
    joined = keys.join(now, on=["lag", "a", "b"], how="left").join(first, on=["a", "b"], how="left")
    # both sides are sorted by year, which polars cannot see within pairs
    joined = joined.sort("lag").join_asof(
        tied, left_on="lag", right_on="tied", by=["a", "b"], check_sortedness=False
    )
    current = pl.col("current").fill_null(0.0)
    past = (pl.col("first") <= pl.col("lag")).fill_null(value=False).cast(pl.Float64)
    recent = (pl.col("tied") > pl.col("lag") - LOOK_BACK).fill_null(value=False)
    return (
        joined.with_columns(
            current_partner=current,
            current_partner_status=pl.lit(OK),
            past_partner=pl.when(current == 0).then(past).otherwise(0.0),
            past_partner_status=pl.lit(OK),
            prior_tie=recent.cast(pl.Float64),
            prior_tie_status=pl.lit(OK),
        )
        .drop("current", "first", "tied")
        .sort(KEY)
    )


def _codes(*columns: pl.Series) -> tuple[list[str], dict[str, int]]:
    names = sorted(set().union(*(column.unique().to_list() for column in columns)))
    return names, {name: code for code, name in enumerate(names)}


def _common_partners(keys: pl.DataFrame, ties: pl.DataFrame) -> FloatArray:
    """(n,) shared partners on the network of the year before."""
    names, place = _codes(keys["a"], keys["b"], ties["a"], ties["b"])
    out = np.zeros(keys.height)
    first = keys["a"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    second = keys["b"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    lag = keys["lag"].to_numpy()
    for year in np.unique(lag):
        edges = ties.filter(pl.col("year") == int(year)).select("a", "b").unique()
        if not edges.height:
            continue
        i = edges["a"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
        j = edges["b"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
        matrix = sparse.csr_array(
            (np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), shape=(len(names), len(names))
        )
        here = lag == year
        both = matrix[first[here]].multiply(matrix[second[here]])
        out[here] = np.asarray(both.sum(axis=1)).ravel()
    return out


def _pair_of_values(keys: pl.DataFrame, nodes: pl.DataFrame, variable: str) -> pl.DataFrame:
    """Sum and absolute difference of a variable of both members in year t - 1."""
    status = f"{variable}_status"
    lean = nodes.select(
        "org_id",
        pl.col("year").alias("lag"),
        pl.col(variable).cast(pl.Float64).alias("value"),
        pl.col(status).alias("status"),
    )
    both = keys
    for side in ("a", "b"):
        renamed = lean.rename({"org_id": side, "value": f"_{side}", "status": f"_{side}_status"})
        both = both.join(renamed, on=[side, "lag"], how="left", maintain_order="left")
        both = both.with_columns(pl.col(f"_{side}_status").fill_null(MISSING))
    worst = (
        pl.when(pl.col("_a_status").is_in(["truncated", MISSING]))
        .then(pl.col("_a_status"))
        .when(pl.col("_b_status").is_in(["truncated", MISSING]))
        .then(pl.col("_b_status"))
        .when(pl.col("_a_status") != OK)
        .then(pl.col("_a_status"))
        .otherwise(pl.col("_b_status"))
    )
    known = worst == OK
    total, gap = pl.col("_a") + pl.col("_b"), (pl.col("_a") - pl.col("_b")).abs()
    return both.with_columns(
        pl.when(known).then(total).alias(f"{variable}__sum"),
        worst.alias(f"{variable}__sum_status"),
        pl.when(known).then(gap).alias(f"{variable}__gap"),
        worst.alias(f"{variable}__gap_status"),
    ).drop("_a", "_b", "_a_status", "_b_status")


def attach_ends(rows: pl.DataFrame, nodes: pl.DataFrame, variables: Sequence[str]) -> pl.DataFrame:
    """Variables of the chooser (``<v>__ego``) and of the alternative (``<v>__alter``) in t - 1.

    Args:
        rows: year, ego, alter and anything else; order and columns are kept.
        nodes: org_id, year, the variables and their statuses.
    """
    made = rows.with_columns(_lag=pl.col("year") - 1)
    for side, suffix in (("ego", EGO), ("alter", ALTER)):
        values = nodes.select(
            pl.col("org_id").alias(side),
            pl.col("year").alias("_lag"),
            *(pl.col(v).cast(pl.Float64).alias(f"{v}{suffix}") for v in variables),
            *(pl.col(f"{v}_status").alias(f"{v}{suffix}_status") for v in variables),
        )
        made = made.join(values, on=[side, "_lag"], how="left", maintain_order="left")
    statuses = [f"{v}{suffix}_status" for v in variables for suffix in (EGO, ALTER)]
    return made.drop("_lag").with_columns(pl.col(s).fill_null(MISSING) for s in statuses)


def _same(keys: pl.DataFrame, organisations: pl.DataFrame, attribute: str) -> pl.DataFrame:
    """1 where both members share an attribute; missing_input where one has none."""
    both = _join_attributes(keys, organisations, [attribute])
    known = pl.col(f"{attribute}_a").is_not_null() & pl.col(f"{attribute}_b").is_not_null()
    same = (pl.col(f"{attribute}_a") == pl.col(f"{attribute}_b")).cast(pl.Float64)
    return both.with_columns(
        pl.when(known).then(same).alias(f"same_{attribute}"),
        pl.when(known)
        .then(pl.lit(OK))
        .otherwise(pl.lit(MISSING))
        .alias(f"same_{attribute}_status"),
    ).drop(f"{attribute}_a", f"{attribute}_b")


def _join_attributes(
    keys: pl.DataFrame, organisations: pl.DataFrame, columns: Sequence[str]
) -> pl.DataFrame:
    both = keys
    for side in ("a", "b"):
        lean = organisations.select(
            pl.col("org_id").alias(side), *(pl.col(c).alias(f"{c}_{side}") for c in columns)
        )
        both = both.join(lean, on=side, how="left", maintain_order="left")
    return both


def _distance(keys: pl.DataFrame, organisations: pl.DataFrame) -> pl.DataFrame:
    """Great-circle kilometres between the seats (haversine)."""
    both = _join_attributes(keys, organisations, ["lat", "lon"])
    lat_a, lon_a, lat_b, lon_b = (
        np.radians(both[c].to_numpy().astype(np.float64))
        for c in ("lat_a", "lon_a", "lat_b", "lon_b")
    )
    chord = (
        np.sin((lat_b - lat_a) / 2) ** 2
        + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    )
    km = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))
    known = pl.col("distance_km").is_not_null()
    return (
        both.with_columns(pl.Series("distance_km", km).fill_nan(None))
        .with_columns(
            pl.when(known).then(pl.lit(OK)).otherwise(pl.lit(MISSING)).alias("distance_km_status")
        )
        .drop("lat_a", "lon_a", "lat_b", "lon_b")
    )


def _proximity(keys: pl.DataFrame, portfolios: pl.DataFrame) -> pl.DataFrame:
    """tech_proximity and complementarity; undefined_nopat where a member has no patent."""
    wanted = portfolios.sort("year", "org_id", "code")
    rows = wanted.select("year", "org_id").unique().sort("year", "org_id").with_row_index("_row")
    matrix = _class_matrix(wanted, rows, pl.col("code"))
    wide = _class_matrix(wanted, rows, pl.col("code").str.slice(0, WIDE))
    both = keys
    for side in ("a", "b"):
        lean = rows.rename({"year": "lag", "org_id": side, "_row": f"_{side}"})
        both = both.join(lean, on=["lag", side], how="left", maintain_order="left")
    first, second = (
        both[f"_{side}"].cast(pl.Int64).fill_null(-1).to_numpy() for side in ("a", "b")
    )
    known: IntArray = np.flatnonzero((first >= 0) & (second >= 0))
    i, j = first[known], second[known]
    status = np.full(keys.height, "undefined_nopat", dtype=object)
    status[known] = OK
    made = {"tech_proximity": _cosine(matrix, i, j)}
    made["complementarity"] = np.maximum(_overlap(wide, i, j) - _overlap(matrix, i, j), 0.0)
    columns = []
    for name, found in made.items():
        value = np.full(keys.height, np.nan)
        value[known] = found
        columns.append(pl.Series(name, value).fill_nan(None))
        columns.append(pl.Series(f"{name}_status", status.tolist(), dtype=pl.String))
    return both.drop("_a", "_b").with_columns(columns)


def _class_matrix(portfolios: pl.DataFrame, rows: pl.DataFrame, code: pl.Expr) -> sparse.csr_array:
    """(organisation-years, classes) weights; `rows` numbers the organisation-years."""
    placed = portfolios.select("year", "org_id", "weight", code=code)
    placed = placed.join(rows, on=["year", "org_id"], how="left", maintain_order="left")
    codes = placed["code"].rank("dense").to_numpy().astype(np.int64) - 1
    places = placed["_row"].to_numpy().astype(np.int64)
    shape = (rows.height, int(codes.max(initial=0)) + 1)
    return sparse.csr_array((placed["weight"].to_numpy(), (places, codes)), shape=shape)


def _cosine(matrix: sparse.csr_array, i: IntArray, j: IntArray) -> FloatArray:
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    dot = np.asarray(matrix[i].multiply(matrix[j]).sum(axis=1)).ravel()
    return np.asarray(dot / (norm[i] * norm[j]), dtype=np.float64)


def _overlap(matrix: sparse.csr_array, i: IntArray, j: IntArray) -> FloatArray:
    """sum_c min(S_ic, S_jc) of the shares of both rows."""
    total = np.asarray(matrix.sum(axis=1)).ravel()
    shares = sparse.csr_array(sparse.diags_array(1 / total) @ matrix)
    return np.asarray(shares[i].minimum(shares[j]).sum(axis=1), dtype=np.float64).ravel()
