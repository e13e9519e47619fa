"""Knowledge base: diversity of own and partners' patents, reach, stock.

Class shares are whole numbers of SHARE_UNIT in sparse matrices (units x classes), so that pooling
and leaving out joint patents are exact; only the last step, squares and products, is in floats.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import polars as pl
import scipy.sparse as sp

from tertius.variables.class_windows import (
    Ints,
    Reals,
    class_window,
    coarser,
    entropies,
    integers,
    pattern,
    products,
    tied,
)
from tertius.variables.combine import joined, passed_on, yearly
from tertius.variables.dyad_classes import reached_counts
from tertius.variables.frames import SHARE_UNIT, Rule, blau, coverage, hall_blau, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import (
    Level,
    coded,
    families,
    family_classes,
    organisation_codes,
    patent_counts,
    rows,
)

INDICES: Mapping[str, str] = MappingProxyType(
    {
        "unbiased": "Blau corrected for small numbers (Hall 2005)",
        "blau": "1 - sum S^2",
        "iqv": "Blau / (1 - 1/K), K classes among all patents until t",
        "entropy": "-sum S ln S",
        "unrelated": "entropy of the wide classes, in bits (Frenken, van Oort and Verburg 2007)",
        "related": "entropy within the wide classes, in bits",
    }
)
"""Diversity indices of class shares S."""
WIDE = 3
"""Characters of the wide classes within which variety is related."""


def by_year(inputs: Inputs, build: Callable[[int], dict[str, Reals | Ints]]) -> pl.DataFrame:
    """org, year and the columns that `build` makes for all units of a year, one year at a time."""
    units = np.arange(organisation_codes(inputs).height, dtype=np.uint32)

    def place(year: int) -> pl.DataFrame:
        living = rows(inputs).filter(pl.col("year") == year).select("org", "year")
        return living.join(pl.DataFrame({"org": units, **build(year)}), on="org")

    return yearly(inputs, place)


def window_rules(inputs: Inputs, width: int) -> list[Rule]:
    """A window of patents that begins before the first record is truncated."""
    return [(pl.col("year") < inputs.raw_years[0] + width - 1, "truncated")]


def few_rules() -> list[Rule]:
    """No patent (n = 0): undefined_nopat; one: undefined_single."""
    return [(pl.col("n") == 0, "undefined_nopat"), (pl.col("n") == 1, "undefined_single")]


def classes_until(inputs: Inputs, level: Level, year: int) -> int:
    """Number of classes among all patents of the records until a year."""

    def build() -> list[int]:
        born = families(inputs).select("unit", "year")
        first = family_classes(inputs, level).join(born, on="unit").group_by("cls")
        return first.agg(pl.col("year").min())["year"].sort().to_list()

    return bisect_right(inputs.once(("class_births", level), build), year)


def diversity_columns(
    inputs: Inputs, vectors: sp.csr_array, level: Level, year: int
) -> dict[str, Reals]:
    """squares, entropy, wide_entropy of each row of whole-number class shares; k, all classes."""
    wide = sp.csr_array(vectors @ coarser(inputs, level, WIDE))
    return {
        "squares": products(vectors, vectors),
        "entropy": entropies(vectors),
        "wide_entropy": entropies(wide),
        "k": np.full(vectors.shape[0], float(max(classes_until(inputs, level, year), 2))),
    }


def diversity_index(index: str) -> pl.Expr:
    """A diversity index from the columns n, own and those of `diversity_columns`.

    Raises:
        ValueError: a name that is not in `INDICES`.
    """
    if index not in INDICES:
        raise ValueError(f"index must be one of {', '.join(INDICES)}, not {index!r}")
    plain = blau(pl.col("n"), pl.col("squares")).clip(0.0, 1.0)
    bits = 1.0 / np.log(2.0)
    found: dict[str, pl.Expr] = {
        "unbiased": hall_blau(pl.col("n"), pl.col("squares"), pl.col("own") / SHARE_UNIT),
        "blau": plain,
        "iqv": (plain / (1.0 - 1.0 / pl.col("k"))).clip(0.0, 1.0),
        "entropy": pl.col("entropy"),
        "unrelated": pl.col("wide_entropy") * bits,
        "related": ((pl.col("entropy") - pl.col("wide_entropy")) * bits).clip(0.0),
    }
    return found[index]


def _own(inputs: Inputs, window: int, level: Level, counting: str) -> pl.DataFrame:
    """org, year, n, own and the diversity columns of the unit's patents in W."""

    def build(year: int) -> dict[str, Reals | Ints]:
        w = class_window(inputs, year, window, level, counting)
        vectors = w.vectors
        return {
            "n": w.counts,
            "own": w.solo_own + w.holds @ w.own,
            **diversity_columns(inputs, vectors, level, year),
        }

    return inputs.once(("own", window, level, counting), lambda: by_year(inputs, build))


def own_diversity(
    inputs: Inputs,
    *,
    window: int = 5,
    level: Level = 4,
    counting: str = "fractional",
    index: str = "unbiased",
) -> pl.DataFrame:
    """Diversity of the IPC4 subclasses of the unit's patents in W(t, window); in [0, 1].

    By default the Blau index with the small-number correction of Hall (2005), fractional class
    shares. No patent with a class: undefined_nopat; one: undefined_single; a window that begins
    before the first record: truncated.

    Args:
        inputs: the study's inputs.
        window: years of the window.
        level: see `records.Level`.
        counting: fractional | whole (every class of a patent counts 1).
        index: a name in `INDICES`; entropies are not bounded by 1.
    """
    rules = [*window_rules(inputs, window), *few_rules()]
    values = _own(inputs, window, level, counting)
    return settle(inputs, values, diversity_index(index), rules)


def specialisation(inputs: Inputs, *, window: int = 5, level: Level = 4) -> pl.DataFrame:
    """Concentration of the unit's patents in W on classes, sum_c S_c^2; in (0, 1].

    Herfindahl index of fractional class shares. No patent with a class: undefined_nopat.
    """
    values = _own(inputs, window, level, "fractional")
    rules = [*window_rules(inputs, window), (pl.col("n") == 0, "undefined_nopat")]
    share = 1.0 - blau(pl.col("n"), pl.col("squares"))
    return settle(inputs, values, share.clip(0.0, 1.0), rules)


def pools(
    inputs: Inputs,
    network: str,
    window: int = 5,
    level: Level = 4,
    counting: str = "fractional",
    joint: str = "exclude",
) -> pl.DataFrame:
    """org, year, partners, n, own and diversity columns of the partners' pooled patents, and more.

    The pool holds every patent in W(t, window) of a partner of t once, without those co-owned with
    the focal unit (joint = exclude; keep = with them). dot and mine compare it with the unit's own
    patents (without those co-owned with a partner): inner product and squared length. reach and
    unique count the classes of the partners that the unit does not hold: all, and those that one
    partner alone holds; reach_two those of organisations at one or two steps.

    Raises:
        ValueError: `joint` is neither exclude nor keep.
    """
    if joint not in ("exclude", "keep"):
        raise ValueError(f"joint must be exclude or keep, not {joint!r}")
    key = (network, window, level, counting, joint)
    return inputs.once(
        ("pools", *key), lambda: by_year(inputs, partial(_pool_of_year, inputs, *key))
    )


def _pool_of_year(
    inputs: Inputs,
    network: str,
    window: int,
    level: Level,
    counting: str,
    joint: str,
    year: int,
) -> dict[str, Reals | Ints]:
    w = class_window(inputs, year, window, level, counting)
    ties = tied(inputs, network, year)
    reached, held = pattern(ties @ w.holds), w.holds
    if joint == "exclude":
        common = sp.csr_array(reached.multiply(held))
        reached, held = pattern(reached - common), sp.csr_array(held - common)
    pool = sp.csr_array(ties @ w.solo + reached @ w.shares)
    mine = sp.csr_array(w.solo + held @ w.shares)
    return {
        "partners": np.asarray(ties.sum(axis=1)),
        "n": ties @ w.solo_n + np.asarray(reached @ w.n),
        "own": ties @ w.solo_own + reached @ w.own,
        **diversity_columns(inputs, pool, level, year),
        "dot": products(pool, mine),
        "mine": products(mine, mine),
        **reached_counts(ties, pattern(w.vectors)),
    }


def pool_rules(inputs: Inputs, network: str, window: int) -> list[Rule]:
    """Rules of what is measured on partners' patents: years, window, isolates."""
    return [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("partners") == 0, "undefined_isolate"),
    ]


def portfolio_diversity(
    inputs: Inputs,
    *,
    network: str,
    window: int = 5,
    level: Level = 4,
    counting: str = "fractional",
    index: str = "unbiased",
    joint: str = "exclude",
) -> pl.DataFrame:
    """Diversity of the IPC4 subclasses of the partners' pooled patents; in [0, 1].

    Patents in W(t, window) of the partners of t, each once, without those co-owned with the focal
    unit; by default the Blau index with the correction of Hall (2005) for N patents with fractional
    class shares: 1 - (N^2 sum_c S_c^2 - sum_p sum_c s_pc^2) / (N (N - 1)). No partner:
    undefined_isolate; no patent: undefined_nopat; one patent: undefined_single.

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of the window.
        level: see `records.Level`.
        counting: fractional | whole.
        index: a name in `INDICES`; entropies are not bounded by 1.
        joint: exclude | keep the patents co-owned with the focal unit.
    """
    rules = [*pool_rules(inputs, network, window), *few_rules()]
    values = pools(inputs, network, window, level, counting, joint)
    return settle(inputs, values, diversity_index(index), rules)


def pooled_distance(
    inputs: Inputs, *, network: str, window: int = 5, level: Level = 4, joint: str = "exclude"
) -> pl.DataFrame:
    """1 - cosine between the unit's class vector and that of the partners' pool; in [0, 1].

    Patents co-owned with a partner are in neither. Jaffe (1986) proximity. No partner:
    undefined_isolate; no patents on one side: undefined_nopat.
    """
    length = (pl.col("mine") * pl.col("squares")).sqrt()
    rules = [*pool_rules(inputs, network, window), (length == 0.0, "undefined_nopat")]
    values = pools(inputs, network, window, level, joint=joint)
    return settle(inputs, values, (1.0 - pl.col("dot") / length).clip(0.0, 1.0), rules)


def reached_classes(
    inputs: Inputs, *, network: str, window: int = 5, level: Level = 4, kind: str = "reach"
) -> pl.DataFrame:
    """Classes of the partners' patents in W that the unit's own patents in W do not have; >= 0.

    0 for isolates. Our proxy; it grows with the number of partners by construction.

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of the window.
        level: see `records.Level`.
        kind: reach (direct partners) | reach_two (one or two steps) | unique (one partner alone).
    """
    values = pools(inputs, network, window, level)
    rules = [*coverage(inputs, network), *window_rules(inputs, window)]
    return settle(inputs, values, pl.col(kind).fill_null(0), rules)


def unique_share(
    inputs: Inputs, *, network: str, window: int = 5, level: Level = 4
) -> pl.DataFrame:
    """Share of the classes within reach that only one partner holds; in [0, 1]. Our proxy.

    No partner: undefined_isolate; no class within reach: undefined_nopat.
    """
    values = pools(inputs, network, window, level)
    rules = [*pool_rules(inputs, network, window), (pl.col("reach") == 0, "undefined_nopat")]
    return settle(inputs, values, pl.col("unique") / pl.col("reach"), rules)


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
    yearly[integers(counts, "year") - first, integers(counts, "org")] = counts["n"].to_numpy()
    for step in range(1, yearly.shape[0]):
        yearly[step] += (1.0 - depreciation) * yearly[step - 1]
    wanted = rows(inputs).filter(pl.col("year").is_between(first, last)).select("org", "year")
    found = yearly[integers(wanted, "year") - first, integers(wanted, "org")]
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


def pre_sample_mean(inputs: Inputs, *, years: int = 5, log: bool = True) -> pl.DataFrame:
    """ln(1 + mean patents a year) over the first `years` years of the records; >= 0.

    One value a unit, for count models without unit effects (Blundell, Griffith and Van Reenen
    1999). Years that lie in these first years or before: truncated; a unit born in them or later:
    its mean is over no full record, and it is missing_input.

    Args:
        inputs: the study's inputs.
        years: length of the pre-sample period.
        log: ln(1 + mean) | the mean.
    """
    first = inputs.raw_years[0]
    early = patent_counts(inputs).filter(pl.col("year").is_between(first, first + years - 1))
    sums = early.group_by("org").agg(pl.col("n").cast(pl.Int64).sum())
    values = rows(inputs).select("org", "year").join(sums, on="org", how="left")
    values = values.join(_births(inputs), on="org", how="left")
    late = (pl.col("birth_year") > first).fill_null(False)
    rules = [(pl.col("year") < first + years, "truncated"), (late, "missing_input")]
    mean = pl.col("n").fill_null(0) / float(years)
    return settle(inputs, values, mean.log1p() if log else mean, rules)


def stock_growth(inputs: Inputs, *, depreciation: float = 0.15, build_up: int = 10) -> pl.DataFrame:
    """Change of the knowledge stock, K_t - K_{t-1}; statuses of the stock of t.

    Equal to patents_t - depreciation K_{t-1}.
    """
    now = stock(inputs, depreciation=depreciation, build_up=build_up)
    counts = patent_counts(inputs)
    values = joined(inputs, k=now).join(counts, on=["org", "year"], how="left")
    made = pl.col("n").fill_null(0)
    before = (pl.col("k") - made) / (1.0 - depreciation)
    return settle(inputs, values, pl.col("k") - before, passed_on("k"))
