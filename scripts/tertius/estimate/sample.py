"""Rows that an estimator can use: singletons, all-zero firms and separated rows leave, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design, LedgerStep, n_organisations, of_dyads
from tertius.estimate.two_way import Effects, lay_out_effects, lone_rows

KEPT, ALL_ZERO, SINGLETON, SEPARATED, NO_NEIGHBOUR = 0, 1, 2, 3, 4
STEPS = {
    ALL_ZERO: "firms or years without any outcome",
    SINGLETON: "singletons of an effect",
    SEPARATED: "rows separated by a regressor",
    NO_NEIGHBOUR: "rows without the year before or after",
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
    codes = list(design.effects.values())
    while True:
        before = int((reasons == KEPT).sum())
        if counts:
            for code in codes:
                kept = reasons == KEPT
                total = np.bincount(code[kept], weights=design.y[kept], minlength=code.max() + 1)
                reasons[kept & (total[code] <= 0)] = ALL_ZERO
        alone = lone_rows(codes, reasons == KEPT)
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
    whole = bool(rows.all())
    if not rows.any():
        raise NotEstimable("no_rows", name, f"{name}: no row carries information ({dropped})")
    cluster, used = renumber(design.cluster if whole else design.cluster[rows])
    if len(used) < 2:
        raise NotEstimable("too_few_clusters", name, f"{name} has a single cluster")
    effects = {
        name: renumber(codes if whole else codes[rows])[0] for name, codes in design.effects.items()
    }
    if not effects:
        effects = {"": np.zeros(int(rows.sum()), dtype=np.int64)}
    return Sample(
        rows=rows,
        y=design.y if whole else design.y[rows],
        x=design.x if whole else design.x[rows],
        effects=lay_out_effects(effects),
        cluster=cluster,
        cluster_ids=_names(design.cluster_ids, used),
        ledger=ledger,
        dropped=dropped,
    )


def _names(names: tuple[str, ...], used: IntArray) -> tuple[str, ...]:
    """Names of the codes in use."""
    return names if len(used) == len(names) else tuple(names[c] for c in used)


def cut_sample(design: Design, steps: Sequence[tuple[str, BoolArray]]) -> Sample:
    """Cut a design by flags of an estimator's own, one ledger row a step.

    Args:
        design: n rows.
        steps: text of a step and the (n,) rows that it keeps, in order.

    Raises:
        NotEstimable: no row or fewer than two clusters remain.
    """
    left = np.ones(len(design.y), dtype=bool)
    ledger: list[LedgerStep] = []
    dropped: dict[str, int] = {}
    for text, keep in steps:
        gone = int((left & ~keep).sum())
        left &= keep
        if gone:
            dropped[text] = gone
        ledger.append(LedgerStep(text, int(left.sum()), _n_left(design, left)))
    whole = make_sample(design, np.where(left, KEPT, SINGLETON).astype(np.int8), ())
    return replace(whole, ledger=tuple(ledger), dropped=dropped)


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
        step_of = f"{STEPS[step]} dropped"
        ledger.append(LedgerStep(step_of, int(left.sum()), _n_left(design, left)))
    return tuple(ledger), dropped


def _n_left(design: Design, left: BoolArray) -> int:
    """Organisations in the (n,) rows that are left."""
    if of_dyads(design.spec):
        return n_organisations(design.frame.filter(pl.Series(left)), design.spec)
    return int(np.count_nonzero(np.bincount(design.firm[left])))


def renumber(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Codes 0..m-1 in the same order without gaps, and the old codes."""
    used = np.flatnonzero(np.bincount(codes))
    if len(used) and used[-1] == len(used) - 1:  # without gaps as they are
        return codes, used.astype(np.int64)
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


def groups_nested(sample: Sample) -> bool:
    """Whether every group of the concentrated effect lies inside one cluster."""
    group, cluster = sample.effects.group, sample.cluster
    home = np.zeros(sample.effects.n_groups, dtype=np.int64)
    home[group] = cluster
    return bool((home[group] == cluster).all())


def group_scores_by_cluster(scores: FloatArray, sample: Sample) -> FloatArray:
    """Sums (G, k) by cluster of scores by group, where every group lies inside one cluster."""
    home = np.zeros(sample.effects.n_groups, dtype=np.int64)
    home[sample.effects.group] = sample.cluster
    if len(home) == len(sample.cluster_ids) and (np.diff(home) > 0).all():
        return scores
    out = np.zeros((len(sample.cluster_ids), scores.shape[1]))
    np.add.at(out, home, scores)
    return out
