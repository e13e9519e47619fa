"""Citations between unit and partners and among partners, and the power that follows from them."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.sparse as sp

from tertius.kernels import kernel
from tertius.variables.citing import (
    Codes,
    Flags,
    Ints,
    cited_holders,
    citing,
    own_citations,
    with_unit_years,
)
from tertius.variables.class_windows import sparse, tied
from tertius.variables.combine import expand_years, windowed_counts, yearly
from tertius.variables.frames import coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import window_rules
from tertius.variables.records import organisation_codes, partner_counts, partners
from tertius.variables.relations import KEY

TIE = ["year", "org", "partner"]


def flows(inputs: Inputs, network: str, window: int) -> pl.DataFrame:
    """year, org, partner, given, taken: citations in W of the unit by the partner and back.

    Families that both hold are left out. One row a tie from each end.
    """
    return inputs.once(("flows", network, window), lambda: _flows(inputs, network, window))


def _flows(inputs: Inputs, network: str, window: int) -> pl.DataFrame:
    ties = partners(inputs, network).select(TIE)
    ever = ties.select("org", "partner").unique().sort("org", "partner")
    found, units = cited_holders(inputs, network), organisation_codes(inputs).height
    row, holder, n = (found[name].to_numpy() for name in ("row", "holder", "n"))
    ptr = np.searchsorted(ever["org"].to_numpy(), np.arange(units + 1))
    tied_ever = _tied_ever(citing(inputs).org, row, holder, n, ptr, ever["partner"].to_numpy())
    among = _dated(inputs, found.filter(pl.Series(tied_ever))).rename({"holder": "partner"})
    sums = expand_years(among, window).group_by(TIE).agg(pl.col("n").sum())
    back = sums.rename({"org": "partner", "partner": "org"})
    return (
        ties.join(sums.rename({"n": "taken"}), on=TIE, how="left")
        .join(back.rename({"n": "given"}), on=TIE, how="left")
        .with_columns(pl.col("taken", "given").fill_null(0))
        .sort(TIE)
    )


@kernel
def _tied_ever(
    org: Codes, row: Codes, holder: Codes, n: Codes, partner_ptr: Ints, partner: Codes
) -> Flags:
    """For every row with n > 0, whether the holder is ever a partner of the unit that cites."""
    out = np.zeros(row.size, np.bool_)
    mark = np.full(partner_ptr.size - 1, -1, np.int64)
    last = -1
    for e in range(row.size):
        i = org[row[e]]
        if i != last:
            for k in range(partner_ptr[i], partner_ptr[i + 1]):
                mark[partner[k]] = i
            last = i
        out[e] = n[e] > 0 and mark[holder[e]] == i
    return out


def _dated(inputs: Inputs, found: pl.DataFrame) -> pl.DataFrame:
    """org, year, holder, n of rows of `cited_holders`."""
    return with_unit_years(inputs, found.select("row", "holder", pl.col("n").cast(pl.Int64)))


def knowledge_flow(
    inputs: Inputs, *, network: str, window: int = 1, direction: str = "both"
) -> pl.DataFrame:
    """Mean citations a partner between unit and partner in W(t, window); >= 0.

    Citations of families that both hold are left out. Undefined for isolates. A proxy of knowledge
    sharing (Mowery, Oxley and Silverman 1996).

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of citations.
        direction: both | taken (the unit cites) | given (the partner cites).
    """
    value = {
        "both": pl.col("taken") + pl.col("given"),
        "taken": pl.col("taken"),
        "given": pl.col("given"),
    }[direction]
    sums = (
        flows(inputs, network, window)
        .group_by(KEY)
        .agg(pl.len().alias("n"), value.sum().alias("v"))
    )
    rules = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("n").fill_null(0) == 0, "undefined_isolate"),
    ]
    return settle(inputs, sums, pl.col("v") / pl.col("n"), rules)


def flow_among_partners(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Citations of the year between partners, per ordered pair of partners; >= 0.

    No partner: undefined_isolate; one: undefined_single.
    """
    n_units, found = organisation_codes(inputs).height, cited_holders(inputs, network)

    def build(year: int) -> pl.DataFrame:
        links = tied(inputs, network, year)
        now = pl.Series(citing(inputs).year == year).gather(found["row"])
        cites = _dated(inputs, found.filter(now & (pl.col("n") > 0)))
        flow = sparse(cites, "org", "holder", (n_units, n_units), "n")
        inside = sp.csr_array(sp.csr_array(links @ flow).multiply(links))
        return pl.DataFrame(
            {
                "org": pl.Series(range(n_units), dtype=pl.UInt32),
                "v": inside.sum(axis=1),
                "n": links.sum(axis=1),
            }
        ).with_columns(pl.lit(year, pl.Int32).alias("year"))

    values = inputs.once(("flow_among", network), lambda: yearly(inputs, build))
    n = pl.col("n")
    rules = [
        *coverage(inputs, network),
        (n == 0, "undefined_isolate"),
        (n == 1, "undefined_single"),
    ]
    return settle(inputs, values, pl.col("v") / (n * (n - 1)), rules)


def power(
    inputs: Inputs, *, network: str, window: int = 5, column: str = "advantage"
) -> pl.DataFrame:
    """Knowledge power over the partners from external citations in W; mean over partners.

    D_ji = share of j's citations of others' families that go to i. advantage: mean of D_ji - D_ij,
    in [-1, 1]; imbalance: mean |D_ji - D_ij|; mutual: mean (D_ji + D_ij), in [0, 2]. Pairs of which
    one side cites nobody are left out. No partner: undefined_isolate; no such pair:
    zero_denominator. Emerson (1962); Casciaro and Piskorski (2005); the archival form is ours.
    """
    c = citing(inputs)
    foreign = c.sums(n=c.n * ~own_citations(inputs)).filter(pl.col("n") > 0)
    totals = windowed_counts(inputs, foreign, ["n"], window)
    pairs = (
        flows(inputs, network, window)
        .join(totals.rename({"n": "own"}), on=KEY)
        .join(totals.rename({"n": "theirs", "org": "partner"}), on=["partner", "year"])
    )
    dependence_of_them = pl.col("given") / pl.col("theirs")
    dependence_on_them = pl.col("taken") / pl.col("own")
    value = {
        "advantage": dependence_of_them - dependence_on_them,
        "imbalance": (dependence_of_them - dependence_on_them).abs(),
        "mutual": dependence_of_them + dependence_on_them,
    }[column]
    return _mean_or_zero_denominator(inputs, network, window, pairs.select(*TIE, v=value))


def _mean_or_zero_denominator(
    inputs: Inputs, network: str, window: int, pairs: pl.DataFrame
) -> pl.DataFrame:
    sums = ordered_sum(pairs.with_columns(w=pl.lit(1.0)), KEY, ["partner"], ["v", "w"])
    counts = partner_counts(inputs, network).select(*KEY, "n")
    rules = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("n").fill_null(0) == 0, "undefined_isolate"),
        (pl.col("w").fill_null(0.0) == 0.0, "zero_denominator"),
    ]
    return settle(inputs, counts.join(sums, on=KEY, how="left"), pl.col("v") / pl.col("w"), rules)
