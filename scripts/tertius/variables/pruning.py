"""Pruning: partners that leave although, or because, they were worth nothing by an earlier fit."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from tertius.variables.class_windows import class_window, held_once, integers, pattern, tied
from tertius.variables.combine import joined
from tertius.variables.frames import coverage, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import reached_classes
from tertius.variables.portfolio import size
from tertius.variables.records import partners, patent_counts
from tertius.variables.relations import KEY

Reals = NDArray[np.float64]


def pruned(inputs: Inputs, *, network: str, window: int = 5, least: int = 50) -> pl.DataFrame:
    """Partners of t-1 that are lost in t and whose loss the model of t-1 does not regret; >= 0.

    Model: ln(1 + patents of s+1) on ln(1 + partners) and ln(1 + new classes within reach) of s, a
    constant and unit means (least squares within units), all rows with s+1 <= t-1. Loss of partner
    j: b1 ln((1+n)/n) + b2 ln((1+R)/(1+R-u_j)), u_j the classes within reach that j alone holds;
    counted where it is below 0. Fewer than `least` rows until then: truncated. No partner in t-1:
    0. Our proxy.

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of the patents.
        least: rows that the model needs.
    """
    fits = _fits(inputs, network, window, least)
    parts = []
    for year in inputs.years:
        beta = fits.get(year)
        if beta is not None:
            lost = _losses(inputs, network, window, year, beta)
            parts.append(lost.with_columns(pl.lit(year, pl.Int32).alias("year")))
    empty = pl.DataFrame(schema={"org": pl.UInt32, "n": pl.UInt32, "year": pl.Int32})
    values = pl.concat([empty, *parts])
    fitted = pl.Series(sorted(fits), dtype=pl.Int32).implode()
    rules = [
        *coverage(inputs, network, back=1),
        (~pl.col("year").is_in(fitted), "truncated"),
    ]
    return settle(inputs, values, pl.col("n").fill_null(0), rules)


def _fits(inputs: Inputs, network: str, window: int, least: int) -> dict[int, Reals]:
    """year t -> (b1, b2), from rows with s + 1 <= t - 1."""
    made = patent_counts(inputs).with_columns((pl.col("year") - 1).cast(pl.Int32).alias("year"))
    frame = (
        joined(
            inputs,
            n=size(inputs, network=network),
            r=reached_classes(inputs, network=network, window=window),
        )
        .filter((pl.col("n_status") == "ok") & (pl.col("r_status") == "ok"))
        .join(made.rename({"n": "y"}), on=KEY, how="left")
        .select("org", "year", pl.col("n", "r").log1p(), y=pl.col("y").fill_null(0).log1p())
        .sort("org", "year")
    )
    found = {}
    for year in inputs.years:
        used = frame.filter(pl.col("year") + 1 <= year - 1)
        if used.height < least:
            continue
        within = used.select(
            *((pl.col(c) - pl.col(c).mean().over("org")).alias(c) for c in ("n", "r", "y"))
        ).to_numpy()
        beta, _, rank, _ = np.linalg.lstsq(within[:, :2], within[:, 2], rcond=None)
        if rank == 2:
            found[year] = beta
    return found


def _losses(inputs: Inputs, network: str, window: int, year: int, beta: Reals) -> pl.DataFrame:
    """org, n: partners lost in the year whose loss the model does not regret."""
    then = tied(inputs, network, year - 1)
    now = partners(inputs, network).filter(pl.col("year") == year).select("org", "partner")
    before = partners(inputs, network).filter(pl.col("year") == year - 1).select("org", "partner")
    gone = before.join(now, on=["org", "partner"], how="anti").sort("org", "partner")
    ego, alter = integers(gone, "org"), integers(gone, "partner")
    holds = pattern(class_window(inputs, year - 1, window).vectors)
    holders = sp.csr_array(then @ holds)
    foreign = sp.csr_array(holders - holders.multiply(holds))
    foreign.eliminate_zeros()
    reach = np.diff(foreign.indptr)[ego].astype(float)
    once = held_once(foreign)
    alone = np.asarray(holds[alter].multiply(once[ego]).sum(axis=1)).astype(float)
    n = np.diff(then.indptr)[ego].astype(float)
    loss = beta[0] * np.log((1 + n) / n) + beta[1] * np.log((1 + reach) / (1 + reach - alone))
    return gone.filter(pl.Series(loss < 0.0)).group_by("org").agg(pl.len().alias("n"))
