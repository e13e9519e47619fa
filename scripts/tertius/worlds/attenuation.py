"""What faults of the records do to estimates and verdicts: the same seeds with and without them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray

DECIDED = ("supported", "contradicted")
ENOUGH = 0.8
"""Share of decided verdicts that must stay for a fault to be survived."""


@dataclass(frozen=True)
class Attenuation:
    """One claim under one fault at one rate.

    Attributes:
        fault, percent: what was put into the records, and its rate.
        claim_id: the claim.
        seeds: worlds judged both ways.
        decided: those of them in which the records without a fault support or contradict it.
        kept: share of the decided worlds with the same verdict in spite of the fault; NaN of none.
        slope: mean estimate with the fault over that without, in worlds in which both exist.
        slope_se: its standard error over the worlds (delta method); NaN below three of them.
    """

    fault: str
    percent: int
    claim_id: str
    seeds: int
    decided: int
    kept: float
    slope: float
    slope_se: float


def attenuations(
    clean: pl.DataFrame, faulty: Mapping[tuple[str, int], pl.DataFrame]
) -> pl.DataFrame:
    """Every claim under every fault and rate.

    Args:
        clean: stored verdicts without a fault (seed, claim_id, verdict, estimate).
        faulty: the same by fault and percent; seeds that one side lacks are left out.

    Returns:
        Columns of `Attenuation`, sorted by fault as given, percent and claim.
    """
    rows = []
    for (fault, percent), table in faulty.items():
        both = clean.join(table, on=["seed", "claim_id"], suffix="_fault")
        for key, part in sorted(both.partition_by("claim_id", as_dict=True).items()):
            rows.append(_one(fault, percent, str(key[0]), part))
    return pl.DataFrame([asdict(row) for row in rows])


def _one(fault: str, percent: int, claim: str, part: pl.DataFrame) -> Attenuation:
    decided = part.filter(pl.col("verdict").is_in(DECIDED))
    kept = decided.filter(pl.col("verdict") == pl.col("verdict_fault")).height
    pairs = part.select("estimate", "estimate_fault").drop_nulls()
    slope, error = ratio_of_means(pairs["estimate_fault"].to_numpy(), pairs["estimate"].to_numpy())
    share = kept / decided.height if decided.height else math.nan
    return Attenuation(fault, percent, claim, part.height, decided.height, share, slope, error)


def ratio_of_means(over: FloatArray, under: FloatArray) -> tuple[float, float]:
    """Mean of `over` by mean of `under`, paired, and its standard error by the delta method.

    NaN without pairs or where the lower mean is zero; the error needs three pairs.
    """
    n = over.size
    if n == 0 or not under.mean():
        return math.nan, math.nan
    ratio = float(over.mean() / under.mean())
    if n < 3:
        return ratio, math.nan
    return ratio, float(np.std(over - ratio * under, ddof=1) / math.sqrt(n) / abs(under.mean()))


def pooled(table: pl.DataFrame) -> pl.DataFrame:
    """Share of all decided verdicts that stay, over claims and worlds.

    Args:
        table: of `attenuations`.

    Returns:
        fault, percent, decided (verdicts), kept (share of them); faults and rates as given.
    """
    stay = (pl.col("kept").fill_nan(0.0) * pl.col("decided")).sum() / pl.col("decided").sum()
    return (
        table.group_by("fault", "percent", maintain_order=True)
        .agg(stay.alias("kept"), pl.col("decided").sum())
        .select("fault", "percent", "decided", "kept")
    )


def tolerances(table: pl.DataFrame) -> pl.DataFrame:
    """The highest rate of each fault that a claim's verdict survives.

    Args:
        table: of `attenuations`.

    Returns:
        claim_id, fault, tolerance (percent): the last rate up to which at least `ENOUGH` of the
        decided worlds keep their verdict, 0 where the lowest rate is too much, null where no world
        decides the claim; `highest` is the highest rate tried, `worlds` those that decide.
    """
    rows = []
    groups = table.partition_by("claim_id", "fault", as_dict=True, maintain_order=True)
    for (claim, fault), part in sorted(groups.items(), key=lambda item: str(item[0][0])):
        tolerance: int | None = 0
        if not part["decided"].sum():
            tolerance = None
        for percent, kept in part.sort("percent").select("percent", "kept").iter_rows():
            if tolerance is None or not kept >= ENOUGH:
                break
            tolerance = percent
        rows.append((claim, fault, tolerance, part["percent"].max(), part["decided"].max()))
    names = ("claim_id", "fault", "tolerance", "highest", "worlds")
    kinds = (pl.String, pl.String, pl.Int64, pl.Int64, pl.Int64)
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
