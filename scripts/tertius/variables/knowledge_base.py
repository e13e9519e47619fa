"""The unit's own knowledge base: integration, modules, convergence, distance to the frontier."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
import scipy.sparse as sp

from tertius.variables.class_windows import (
    ClassWindow,
    class_window,
    integers,
    products,
    sparse,
)
from tertius.variables.combine import expand_years, in_frame, yearly
from tertius.variables.communities import louvain, modularity
from tertius.variables.frames import Rule, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import stock, window_rules
from tertius.variables.novelty import class_pairs, dated
from tertius.variables.records import (
    Level,
    class_numbers,
    coded,
    family_classes,
    holdings,
    organisations,
    publications,
    rows,
)
from tertius.variables.relations import KEY
from tertius.variables.search import class_counts


def integration(inputs: Inputs, *, window: int = 5, how: str = "sections") -> pl.DataFrame:
    """How far the patents of W join sections (A-H); >= 1 (sections) or in [0, 1] (pairs).

    sections: mean number of sections of a family; pairs: share of the pairs of IPC4 subclasses of a
    family, over all its families, that lie in two sections. No patent with a class (with two
    classes): undefined_nopat. Our proxy of knowledge integration.
    """
    if how == "sections":
        per_family = family_classes(inputs, 1).group_by("unit").agg(pl.len().alias("v"))
        per_family = per_family.with_columns(w=pl.lit(1))
    else:
        symbols = class_numbers(inputs, 4).select("cls", section=pl.col("symbol").str.slice(0, 1))
        size = max(class_numbers(inputs, 4).height, 1)
        sides = {"cls": "a", "other": "b"}
        pairs = class_pairs(inputs, 4).select(
            "unit", a=pl.col("pair") // size, b=pl.col("pair") % size
        )
        sections = symbols.with_columns(pl.col("cls").cast(pl.Int64))
        for side in sides.values():
            pairs = pairs.join(sections.rename({"cls": side, "section": f"s_{side}"}), on=side)
        across = (pl.col("s_a") != pl.col("s_b")).cast(pl.Int64)
        per_family = pairs.group_by("unit").agg(across.sum().alias("v"), pl.len().alias("w"))
    counts_of_years = (
        holdings(inputs)
        .join(per_family, on="unit")
        .group_by(KEY)
        .agg(pl.col("v", "w").cast(pl.Int64).sum())
    )
    sums = expand_years(counts_of_years, window).group_by(KEY).agg(pl.col("v", "w").sum())
    rules = [*window_rules(inputs, window), (pl.col("w").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, sums, pl.col("v") / pl.col("w"), rules)


def modules(inputs: Inputs, window: int, level: Level, seed: int) -> pl.DataFrame:
    """org, year, q, main: modularity of the unit's network of classes, focus on its main module.

    Classes are tied by the number of families of W that hold both; communities by Louvain. main:
    sum of squared shares within the module with most families. Units of the frame only.
    """
    key = ("modules", window, level, seed)
    return inputs.once(key, lambda: _modules(inputs, window, level, seed))


def _modules(inputs: Inputs, window: int, level: Level, seed: int) -> pl.DataFrame:
    framed = in_frame(inputs).filter("framed").select("org")
    pairs = (
        dated(inputs, class_pairs(inputs, level))
        .join(holdings(inputs).select("unit", "org"), on="unit")
        .join(framed, on="org", how="semi")
    )
    counted = pairs.group_by("org", "pair", "year").agg(pl.len().cast(pl.Int64).alias("n"))
    size = max(class_numbers(inputs, level).height, 1)
    wanted = rows(inputs).select("org", "year").join(framed, on="org", how="semi")
    parts = []
    for year in inputs.years:
        inside = counted.filter(pl.col("year").is_between(year - window + 1, year))
        summed = inside.group_by("org", "pair").agg(pl.col("n").sum()).sort("org", "pair")
        living = wanted.filter(pl.col("year") == year).select("org")
        summed = summed.join(living, on="org", how="semi").sort("org", "pair")
        vectors = class_window(inputs, year, window, level).vectors
        parts.append(_modules_of_year(summed, vectors, size, seed, year))
    return pl.concat(parts)


def _modules_of_year(
    summed: pl.DataFrame, vectors: object, size: int, seed: int, year: int
) -> pl.DataFrame:
    org, pair, n = (integers(summed, c) for c in ("org", "pair", "n"))
    units, starts = np.unique(org, return_index=True)
    ends = np.append(starts[1:], org.size)[: units.size]
    q, main = np.empty(units.size), np.empty(units.size)
    for k, (low, high) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        a, b, w = pair[low:high] // size, pair[low:high] % size, n[low:high].astype(float)
        nodes, at = np.unique(np.concatenate([a, b]), return_inverse=True)
        left, right = at[: a.size], at[a.size :]
        heads = np.concatenate([right, left])
        tails = np.concatenate([left, right])
        order = np.lexsort((heads, tails))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(tails, minlength=nodes.size))])
        both = np.concatenate([w, w])[order]
        label = louvain(indptr.astype(np.int64), heads[order].astype(np.int64), both, seed)
        q[k] = modularity(indptr, heads[order], both, label)
        main[k] = _focus(vectors, int(units[k]), nodes, label)
    return pl.DataFrame({"org": units.astype(np.uint32), "q": q, "main": main}).with_columns(
        pl.lit(year, pl.Int32).alias("year")
    )


def _focus(vectors: object, unit: int, nodes: np.ndarray, label: np.ndarray) -> float:
    """Sum of squared shares of the classes within the module that holds most."""
    matrix = vectors
    low, high = matrix.indptr[unit], matrix.indptr[unit + 1]  # type: ignore[attr-defined]
    cls, value = matrix.indices[low:high], matrix.data[low:high].astype(float)  # type: ignore[attr-defined]
    place = np.searchsorted(cls, nodes)
    held = value[place]
    sums = np.bincount(label, weights=held)
    inside = held[label == int(np.argmax(sums))]
    return float(((inside / inside.sum()) ** 2).sum())


def module_measure(
    inputs: Inputs, *, window: int = 5, level: Level = 4, column: str = "q", seed: int = 0
) -> pl.DataFrame:
    """Modularity of the unit's classes (q), or specialisation within its main module (main).

    q in [-1/2, 1) (Newman and Girvan 2004), main in (0, 1]; see `modules`. Units outside the frame:
    missing_input; no family with two classes in W: undefined_nopat.
    """
    framed = in_frame(inputs).filter("framed")
    values = (
        rows(inputs)
        .select("org", "year")
        .join(framed, on="org", how="left")
        .join(modules(inputs, window, level, seed), on=KEY, how="left")
    )
    rules = [
        *window_rules(inputs, window),
        (~pl.col("framed").fill_null(False), "missing_input"),
        (pl.col(column).is_null(), "undefined_nopat"),
    ]
    return settle(inputs, values, pl.col(column), rules)


def convergence(inputs: Inputs, *, window: int = 5, least: int = 2) -> pl.DataFrame:
    """Share of the families of W whose classes lie in `least` or more technology fields; in [0, 1].

    Fields are those of the study's table (a code covers all symbols that begin with it). No patents
    in W: undefined_nopat.
    """
    fields = inputs.tables["technology_fields"]
    members = publications(inputs).filter("first").select("pid", "unit")
    parts = []
    for length in sorted(set(fields["code"].str.len_chars().to_list())):
        codes = fields.filter(pl.col("code").str.len_chars() == length)
        symbols = inputs.columns("patent_classes", "pid", "code").with_columns(
            pl.col("code").str.slice(0, length)
        )
        parts.append(symbols.join(codes, on="code").join(members, on="pid").select("unit", "field"))
    several = pl.concat(parts).group_by("unit").agg(pl.col("field").n_unique().alias("fields"))
    counts_of_years = (
        holdings(inputs)
        .join(several, on="unit", how="left")
        .group_by(KEY)
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            (pl.col("fields").fill_null(0) >= least).cast(pl.Int64).sum().alias("hits"),
        )
    )
    sums = expand_years(counts_of_years, window).group_by(KEY).agg(pl.col("n", "hits").sum())
    rules = [*window_rules(inputs, window), (pl.col("n").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, sums, pl.col("hits") / pl.col("n"), rules)


def main_classes(inputs: Inputs, window: int) -> pl.DataFrame:
    """org, year, cls, held: the subclass with most of the unit's families in W (first of ties)."""

    def of_year(year: int) -> pl.DataFrame:
        counts = class_counts(inputs).filter(pl.col("year").is_between(year - window + 1, year))
        sums = counts.group_by("org", "cls").agg(held=pl.col("n").sum())
        ordered = sums.sort("org", "held", "cls", descending=[False, True, False])
        first = ordered.unique("org", keep="first", maintain_order=True)
        return first.with_columns(pl.lit(year, pl.Int32).alias("year"))

    return inputs.once(("main_classes", window), lambda: yearly(inputs, of_year))


def technology_gap(inputs: Inputs, *, window: int = 5) -> pl.DataFrame:
    """1 - knowledge stock / largest stock of the units with the same main class; in [0, 1].

    Main class: `main_classes`. No patents in W: undefined_nopat; a truncated stock: truncated.
    """
    own = stock(inputs).select("org_id", "year", "value", "status")
    stocks = coded(inputs, own)
    values = stocks.join(main_classes(inputs, window), on=KEY, how="left")
    best = values.group_by("year", "cls").agg(pl.col("value").max().alias("best"))
    values = values.join(best, on=["year", "cls"], how="left")
    rules: list[Rule] = [
        *((pl.col("status") == s, s) for s in ("missing_input", "truncated")),
        (pl.col("cls").is_null(), "undefined_nopat"),
        (pl.col("best").fill_null(0.0) == 0.0, "zero_denominator"),
    ]
    return settle(inputs, values, 1.0 - pl.col("value") / pl.col("best"), rules)


def class_share(inputs: Inputs, *, window: int = 5) -> pl.DataFrame:
    """The unit's share of all families of its main class in W; in (0, 1].

    A family of k holders counts whole for each. No patents in W: undefined_nopat.
    """
    years = holdings(inputs).select("unit", "year").unique()
    every = years.join(family_classes(inputs).select("unit", "cls"), on="unit")
    totals = expand_years(
        every.group_by("year", "cls").agg(pl.len().cast(pl.Int64).alias("all")), window
    )
    totals = totals.group_by("year", "cls").agg(pl.col("all").sum())
    values = main_classes(inputs, window).join(totals, on=["year", "cls"])
    rules = [*window_rules(inputs, window), (pl.col("held").is_null(), "undefined_nopat")]
    return settle(inputs, values, pl.col("held") / pl.col("all"), rules)


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


GAP_ROWS = 4096
"""Units that are held against the leaders of their industry at a time."""


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
    group = integers(at, "group")
    cosine = np.full(org.size, np.nan)
    for low in range(0, org.size, GAP_ROWS):
        part = slice(low, low + GAP_ROWS)
        own = sp.csr_array(w.vectors[org[part]])
        others = sp.csr_array(pool[group[part]] - own.multiply(is_lead[part, None]))
        squares = products(own, own) * products(others, others)
        np.divide(products(own, others), np.sqrt(squares), out=cosine[part], where=squares > 0.0)
    return register.select(
        "org", known=pl.lit(1), cosine=pl.Series(np.minimum(cosine, 1.0)).fill_nan(None)
    )
