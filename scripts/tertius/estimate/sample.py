"""Rows that an estimator can use: singletons, all-zero firms and separated rows leave, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design, LedgerStep
from tertius.estimate.two_way import (
    BoolArray,
    Effects,
    FloatArray,
    IntArray,
    make_effects,
    singleton_rows,
)

KEPT, ALL_ZERO, SINGLETON, SEPARATED = 0, 1, 2, 3
STEPS = {
    ALL_ZERO: "firms or years without any outcome",
    SINGLETON: "singletons of an effect",
    SEPARATED: "rows separated by a regressor",
}
Reasons = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Sample:
    """Final rows of an estimation, with codes renumbered; `rows` flags them within the design."""

    rows: BoolArray
    y: FloatArray
    x: FloatArray
    effects: Effects
    cluster: IntArray
    cluster_ids: tuple[str, ...]
    ledger: tuple[LedgerStep, ...]
    dropped: Mapping[str, int]


def trim_rows(design: Design, reasons: Reasons, *, counts: bool) -> Reasons:
    """Drop all-zero groups (counts only) and singletons until nothing changes (Correia 2015).

    Args:
        design: n rows. reasons: (n,) 0 where the row is kept so far. counts: whether groups of an
        effect whose outcomes are all zero leave, as they add nothing to
            a conditional likelihood.

    Returns:
        (n,) reasons: 0 kept, 1 all-zero, 2 singleton, 3 separated.
    """
    reasons = reasons.copy()
    effects = design.spec.effects
    codes = [c for name, c in (("org_id", design.firm), ("year", design.year)) if name in effects]
    while True:
        before = int((reasons == KEPT).sum())
        if counts:
            for code in codes:
                kept = reasons == KEPT
                total = np.bincount(code[kept], weights=design.y[kept], minlength=code.max() + 1)
                reasons[kept & (total[code] <= 0)] = ALL_ZERO
        alone = singleton_rows(design.firm, design.year, effects, reasons == KEPT)
        reasons[alone] = SINGLETON
        if int((reasons == KEPT).sum()) == before:
            return reasons


def make_sample(design: Design, reasons: Reasons, steps: tuple[int, ...]) -> Sample:
    """Cut a design to its kept rows and write the ledger of what left.

    Args:
        design: n rows.
        reasons: from `trim_rows`.
        steps: reasons to list, in order; separated rows are listed only where there are some.

    Raises:
        NotEstimable: no row or fewer than two clusters remain.
    """
    name = design.spec.name
    ledger, dropped = _ledger(design, reasons, steps)
    rows = reasons == KEPT
    if not rows.any():
        raise NotEstimable("no_rows", name, f"{name}: no row carries information ({dropped})")
    cluster, used = renumber(design.cluster[rows])
    if len(used) < 2:
        raise NotEstimable("too_few_clusters", name, f"{name} has a single cluster")
    firm, year = renumber(design.firm[rows])[0], renumber(design.year[rows])[0]
    return Sample(
        rows=rows,
        y=design.y[rows],
        x=design.x[rows],
        effects=make_effects(firm, year, design.spec.effects),
        cluster=cluster,
        cluster_ids=tuple(str(design.cluster_ids[c]) for c in used),
        ledger=ledger,
        dropped=dropped,
    )


def _ledger(
    design: Design, reasons: Reasons, steps: tuple[int, ...]
) -> tuple[tuple[LedgerStep, ...], dict[str, int]]:
    """Rows and firms that remain after each reason in turn."""
    left = np.ones(len(reasons), dtype=bool)
    ledger: list[LedgerStep] = []
    dropped: dict[str, int] = {}
    for step in steps:
        gone = reasons == step
        if step == SEPARATED and not gone.any():
            continue
        left &= ~gone
        if gone.any():
            dropped[STEPS[step]] = int(gone.sum())
        firms = len(np.unique(design.firm[left]))
        ledger.append(LedgerStep(f"{STEPS[step]} dropped", int(left.sum()), firms))
    return tuple(ledger), dropped


def renumber(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Codes 0..m-1 in the same order without gaps, and the old codes."""
    used = np.flatnonzero(np.bincount(codes))
    lookup = np.zeros(int(codes.max()) + 1, dtype=np.int64)
    lookup[used] = np.arange(len(used))
    return lookup[codes], used.astype(np.int64)


def cluster_sums(values: FloatArray, sample: Sample) -> FloatArray:
    """Sums of (n, m) row values by cluster -> (G, m)."""
    n_clusters = len(sample.cluster_ids)
    steps = np.diff(sample.cluster)
    if (steps >= 0).all():
        starts = np.flatnonzero(np.r_[True, steps > 0])
        sums: FloatArray = np.add.reduceat(values, starts, axis=0)
        return sums
    out = np.zeros((n_clusters, values.shape[1]))
    np.add.at(out, sample.cluster, values)
    return out
