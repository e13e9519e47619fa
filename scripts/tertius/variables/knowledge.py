"""Knowledge base: diversity of own and partners' patents, distance to partners, stock.

Class shares are whole numbers of SHARE_UNIT in sparse matrices (units x classes), so that pooling
and leaving out joint patents are exact; only the last step, squares and products, is in floats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from tertius.variables.frames import SHARE_UNIT, Rule, coverage, hall_blau, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import (
    class_numbers,
    coded,
    family_classes,
    holdings,
    organisation_codes,
    partners,
    patent_counts,
    rows,
)

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ClassWindow:
    """Patents with a class in W(t, width), in whole numbers.

    Families of one holder are summed; those of several stay apart.

    Attributes:
        solo: units x classes, summed class shares of the families held alone.
        solo_n: per unit, number of these families.
        solo_own: per unit, sum over them of the summed squared class shares.
        holds: units x shared families, 0/1.
        shares: shared families x classes, class shares.
        own: per shared family, the summed squared class shares.
    """

    solo: sp.csr_array
    solo_n: Ints
    solo_own: Ints
    holds: sp.csr_array
    shares: sp.csr_array
    own: Ints


def _matrix(
    cells: pl.DataFrame, row: str, column: str, shape: tuple[int, int], value: str | None = None
) -> sp.csr_array:
    """Sparse matrix of named cells (value None: 1 each), repeated ones summed exactly."""
    values = np.ones(cells.height, dtype=np.int64) if value is None else _integers(cells, value)
    at = (_integers(cells, row), _integers(cells, column))
    matrix = sp.csr_array(sp.coo_array((values, at), shape=shape))
    matrix.sort_indices()
    return matrix


def _pattern(matrix: sp.csr_array) -> sp.csr_array:
    """1 where the matrix is not zero."""
    cells = sp.csr_array(matrix)
    cells.eliminate_zeros()
    cells.data = np.ones_like(cells.data)
    return cells


def _products(a: sp.csr_array, b: sp.csr_array) -> Reals:
    """Inner products of the rows of two matrices of shares, added up in order of the classes."""
    left, right = (sp.csr_array(m).astype(np.float64) / SHARE_UNIT for m in (a, b))
    both = sp.csr_array(left.multiply(right))
    both.sort_indices()
    return np.asarray(both @ np.ones(both.shape[1]))


def _integers(frame: pl.DataFrame, column: str) -> Ints:
    return frame[column].cast(pl.Int64).to_numpy()


def class_window(inputs: Inputs, year: int, width: int) -> ClassWindow:
    """The patents of W(year, width) by unit and IPC4 subclass."""
    return inputs.once(("class_window", year, width), partial(_class_window, inputs, year, width))


def _class_window(inputs: Inputs, year: int, width: int) -> ClassWindow:
    n_units, n_classes = organisation_codes(inputs).height, class_numbers(inputs).height
    inside = pl.col("year").is_between(year - width + 1, year)
    held = holdings(inputs).filter(inside).join(_class_counts(inputs), on="unit")
    alone = held.filter(pl.col("n_holders") == 1)
    shared = held.filter(pl.col("n_holders") > 1)
    spread = alone.select("unit", "org", "share").join(_class_codes(inputs), on="unit")
    families = shared.select("unit", "share").unique().sort("unit").with_row_index("at")
    cells = families.join(_class_codes(inputs), on="unit")
    ties = shared.select("unit", "org").join(families.select("unit", "at"), on="unit")
    wide, n = (n_units, n_classes), families.height
    org = _integers(alone, "org")
    return ClassWindow(
        solo=_matrix(spread, "org", "cls", wide, "share"),
        solo_n=np.bincount(org, minlength=n_units),
        solo_own=_totals(org, _integers(alone, "share"), n_units),
        holds=_matrix(ties, "org", "at", (n_units, n)),
        shares=_matrix(cells, "at", "cls", (n, n_classes), "share"),
        own=_integers(families, "share"),
    )


def _totals(index: Ints, value: Ints, size: int) -> Ints:
    out = np.zeros(size, dtype=np.int64)
    np.add.at(out, index, value)
    return out


def _class_codes(inputs: Inputs) -> pl.DataFrame:
    return family_classes(inputs).select("unit", "cls")


def _class_counts(inputs: Inputs) -> pl.DataFrame:
    """unit, share: the share 1/k of each of its k classes, which is also the sum of its squares."""
    share = (pl.lit(SHARE_UNIT, pl.Float64) / pl.col("n_classes")).round().cast(pl.Int64)
    return inputs.once(
        "class_counts",
        lambda: family_classes(inputs).group_by("unit").agg(share.min().alias("share")),
    )


def _tied(inputs: Inputs, network: str, year: int) -> sp.csr_array:
    """Units x units, 1 where two are partners in the year."""
    ties = partners(inputs, network).filter(pl.col("year") == year)
    n = organisation_codes(inputs).height
    return _matrix(ties, "org", "partner", (n, n))


def _by_year(inputs: Inputs, build: Callable[[int], dict[str, Reals | Ints]]) -> pl.DataFrame:
    """org, year and the columns that `build` makes for all units of a year, one year at a time."""
    n = organisation_codes(inputs).height
    parts = []
    for year in inputs.years:
        columns = {"org": np.arange(n, dtype=np.uint32), **build(year)}
        frame = pl.DataFrame(columns).with_columns(pl.lit(year, pl.Int32).alias("year"))
        parts.append(rows(inputs).select("org", "year").join(frame, on=["org", "year"]))
    return pl.concat(parts, how="vertical_relaxed")


def _window_rules(inputs: Inputs, width: int) -> list[Rule]:
    """A window of patents that begins before the first record is truncated."""
    return [(pl.col("year") < inputs.raw_years[0] + width - 1, "truncated")]


def _few() -> list[Rule]:
    return [(pl.col("n") == 0, "undefined_nopat"), (pl.col("n") == 1, "undefined_single")]


def _hall() -> pl.Expr:
    return hall_blau(pl.col("n"), pl.col("squares"), pl.col("own") / SHARE_UNIT)


def own_diversity(inputs: Inputs, *, window: int = 5) -> pl.DataFrame:
    """Diversity of the IPC4 subclasses of the unit's patents in W(t, window); in [0, 1].

    Blau index with the small-number correction of Hall (2005), fractional class shares. No patent
    with a class: undefined_nopat; one: undefined_single; a window that begins before the first
    record: truncated.
    """

    def build(year: int) -> dict[str, Reals | Ints]:
        w = class_window(inputs, year, window)
        vectors = w.solo + w.holds @ w.shares
        counts = w.solo_n + np.asarray(w.holds.sum(axis=1))
        return {
            "n": counts,
            "own": w.solo_own + w.holds @ w.own,
            "squares": _products(vectors, vectors),
        }

    rules = [*_window_rules(inputs, window), *_few()]
    return settle(inputs, _by_year(inputs, build), _hall(), rules)


def _pools(inputs: Inputs, network: str, window: int) -> pl.DataFrame:
    """org, year, partners, n, own, squares of the partners' pooled patents, dot and mine.

    The pool holds every patent in W(t, window) of a partner of t once, without those co-owned with
    the focal unit. dot and mine compare it with the unit's own patents without those co-owned with
    a partner: inner product and squared length.
    """
    return inputs.once(
        ("pools", network, window),
        lambda: _by_year(inputs, partial(_pool_of_year, inputs, network, window)),
    )


def _pool_of_year(inputs: Inputs, network: str, window: int, year: int) -> dict[str, Reals | Ints]:
    w, tied = class_window(inputs, year, window), _tied(inputs, network, year)
    reached = _pattern(tied @ w.holds)
    joint = sp.csr_array(reached.multiply(w.holds))
    reached = _pattern(reached - joint)
    pool = tied @ w.solo + reached @ w.shares
    mine = w.solo + (w.holds - joint) @ w.shares
    return {
        "partners": np.asarray(tied.sum(axis=1)),
        "n": tied @ w.solo_n + np.asarray(reached.sum(axis=1)),
        "own": tied @ w.solo_own + reached @ w.own,
        "squares": _products(pool, pool),
        "dot": _products(pool, mine),
        "mine": _products(mine, mine),
    }


def _pool_rules(inputs: Inputs, network: str, window: int) -> list[Rule]:
    return [
        *coverage(inputs, network),
        *_window_rules(inputs, window),
        (pl.col("partners") == 0, "undefined_isolate"),
    ]


def portfolio_diversity(inputs: Inputs, *, network: str, window: int = 5) -> pl.DataFrame:
    """Diversity of the IPC4 subclasses of the partners' pooled patents; in [0, 1].

    Patents in W(t, window) of the partners of t, each once, without those co-owned with the focal
    unit; Blau index with the correction of Hall (2005) for N patents with fractional class shares:
    1 - (N^2 sum_c S_c^2 - sum_p sum_c s_pc^2) / (N (N - 1)). No partner: undefined_isolate; no
    patent: undefined_nopat; one patent: undefined_single.
    """
    rules = [*_pool_rules(inputs, network, window), *_few()]
    return settle(inputs, _pools(inputs, network, window), _hall(), rules)


def pooled_distance(inputs: Inputs, *, network: str, window: int = 5) -> pl.DataFrame:
    """1 - cosine between the unit's class vector and that of the partners' pool; in [0, 1].

    Patents co-owned with a partner are in neither. Jaffe (1986) proximity. No partner:
    undefined_isolate; no patents on one side: undefined_nopat.
    """
    length = (pl.col("mine") * pl.col("squares")).sqrt()
    rules = [*_pool_rules(inputs, network, window), (length == 0.0, "undefined_nopat")]
    values = _pools(inputs, network, window)
    return settle(inputs, values, (1.0 - pl.col("dot") / length).clip(0.0, 1.0), rules)


def dyad_distances(inputs: Inputs, network: str, window: int, year: int) -> pl.DataFrame:
    """a, b, distance: 1 - cosine of the class vectors of each tied pair, joint patents in neither.

    Pairs of which one side has no patents left are not in the frame.
    """
    ties = partners(inputs, network).filter(pl.col("year") == year)
    pairs = ties.filter(pl.col("org") < pl.col("partner")).sort("org", "partner")
    a, b = _integers(pairs, "org"), _integers(pairs, "partner")
    w = class_window(inputs, year, window)
    vectors = sp.csr_array(w.solo + w.holds @ w.shares)
    joint = sp.csr_array(w.holds[a].multiply(w.holds[b])) @ w.shares
    left, right = vectors[a] - joint, vectors[b] - joint
    lengths = _products(left, left) * _products(right, right)
    known = lengths > 0.0
    cosine = _products(left, right)[known] / np.sqrt(lengths[known])
    distance = np.clip(1.0 - cosine, 0.0, 1.0)
    return pl.DataFrame({"a": a[known], "b": b[known], "distance": distance})


def _heterogeneity(inputs: Inputs, network: str, window: int) -> pl.DataFrame:
    """org, year, partners, total (sum of distances), n (partners with patents)."""
    return inputs.once(
        ("heterogeneity", network, window),
        lambda: _by_year(inputs, partial(_heterogeneity_of_year, inputs, network, window)),
    )


def _heterogeneity_of_year(
    inputs: Inputs, network: str, window: int, year: int
) -> dict[str, Reals | Ints]:
    pairs = dyad_distances(inputs, network, window, year)
    ends = pl.concat(
        [
            pairs.select(org="a", partner="b", distance="distance"),
            pairs.select(org="b", partner="a", distance="distance"),
        ]
    ).sort("org", "partner")
    n = organisation_codes(inputs).height
    org = _integers(ends, "org")
    return {
        "partners": np.asarray(_tied(inputs, network, year).sum(axis=1)),
        "total": np.bincount(org, weights=ends["distance"].to_numpy(), minlength=n),
        "n": np.bincount(org, minlength=n),
    }


def heterogeneity(inputs: Inputs, *, network: str, window: int = 5) -> pl.DataFrame:
    """Mean over partners of 1 - cosine between the class vectors; in [0, 1].

    IPC4 subclasses of the patents in W(t, window); the joint patents of a pair are in neither of
    its vectors; partners without patents are left out (`heterogeneity_coverage` counts the others).
    Jaffe (1986), Sampson (2007). No partner: undefined_isolate; no pair with patents on both sides:
    undefined_nopat.
    """
    rules = [*_pool_rules(inputs, network, window), (pl.col("n") == 0, "undefined_nopat")]
    values = _heterogeneity(inputs, network, window)
    return settle(inputs, values, pl.col("total") / pl.col("n"), rules)


def heterogeneity_coverage(inputs: Inputs, *, network: str, window: int = 5) -> pl.DataFrame:
    """Number of partners that the mean distance is taken over; 0 for isolates."""
    rules = [*coverage(inputs, network), *_window_rules(inputs, window)]
    return settle(inputs, _heterogeneity(inputs, network, window), pl.col("n"), rules)


def stock(inputs: Inputs, *, depreciation: float = 0.15, build_up: int = 10) -> pl.DataFrame:
    """Knowledge stock K_t = (1 - depreciation) K_{t-1} + patents_t; >= 0.

    Counts start with the first record. Until `build_up` years of records are summed the stock is
    truncated, save for units that were born within the records.

    Args:
        inputs: the study's inputs.
        depreciation: yearly rate.
        build_up: years of records, the year t among them, that a stock needs.
    """
    first, last = inputs.raw_years
    counts = patent_counts(inputs).filter(pl.col("year").is_between(first, last))
    yearly = np.zeros((last - first + 1, organisation_codes(inputs).height))
    yearly[_integers(counts, "year") - first, _integers(counts, "org")] = counts["n"].to_numpy()
    for step in range(1, yearly.shape[0]):
        yearly[step] += (1.0 - depreciation) * yearly[step - 1]
    wanted = rows(inputs).filter(pl.col("year").is_between(first, last)).select("org", "year")
    found = yearly[_integers(wanted, "year") - first, _integers(wanted, "org")]
    values = wanted.with_columns(pl.Series("stock", found)).join(
        _births(inputs), on="org", how="left"
    )
    early = pl.col("year") < first + build_up - 1
    rules = [
        ((pl.col("year") < first) | (pl.col("year") > last), "missing_input"),
        (early & ~(pl.col("birth_year") >= first).fill_null(False), "truncated"),
    ]
    return settle(inputs, values, pl.col("stock"), rules)


def _births(inputs: Inputs) -> pl.DataFrame:
    """org, birth_year where it is known."""
    if not inputs.has("organisations"):
        return pl.DataFrame(schema={"org": pl.UInt32, "birth_year": pl.Int32})
    births = inputs.tables["organisations"].select("org_id", "birth_year")
    return coded(inputs, births.filter(pl.col("birth_year").is_not_null()))
