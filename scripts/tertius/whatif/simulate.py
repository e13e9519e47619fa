"""Removal curves of a network, removals of groups, and what each firm keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray
from tertius.measures import Graph
from tertius.measures.position import two_step_reach
from tertius.whatif.removal import (
    RANDOM,
    TARGETED,
    Removal,
    first_of,
    random_orders,
    recovered,
    remove,
    retained,
    targeted_order,
)

LOW, HIGH = 0.025, 0.975
MEASURES = ("giant_share", "retained", "recovered")
GROUPS = pl.Schema(
    {
        "kind": pl.String,
        "group": pl.String,
        "n_removed": pl.Int64,
        **{f"{m}{end}": pl.Float64 for m in MEASURES for end in ("", "_low", "_high")},
    }
)


@dataclass(frozen=True)
class WhatIf:
    """Shares of nodes that fall out, draws of random orders and repairs, and the seed.

    `firm_share` is the share at which single firms are told; `exact_limit` and `sample_sources` are
    those of betweenness.
    """

    shares: tuple[float, ...]
    draws: int
    firm_share: float
    seed: int
    exact_limit: int = 20_000
    sample_sources: int = 512


def removal_curves(graph: Graph, settings: WhatIf) -> pl.DataFrame:
    """What is left of the network by strategy and share of nodes removed.

    Returns:
        strategy (random, betweenness), share, n_removed, and for giant_share, retained (mean over
        surviving nodes with reach before) and recovered (mean over those that lost reach) the mean
        over draws with the ends of the middle 95 %: `<measure>`, `<measure>_low`,
        `<measure>_high`. Draws are of the order and of the repair; under betweenness the order is
        fixed and only the repair is drawn.
    """
    before = two_step_reach(graph)
    order = targeted_order(graph, settings.sample_sources, settings.exact_limit, settings.seed)
    orders = list(random_orders(graph.n_nodes, settings.draws, settings.seed))
    rows = []
    for strategy in (RANDOM, TARGETED):
        for place, share in enumerate(settings.shares):
            found = []
            for draw in range(settings.draws):
                used = orders[draw] if strategy == RANDOM else order
                rng = np.random.default_rng([settings.seed, place, draw])
                found.append(summary_of(before, remove(graph, first_of(used, share), rng)))
            removed = int(first_of(order, share).sum())
            rows.append({"strategy": strategy, "share": share, "n_removed": removed, **told(found)})
    return pl.DataFrame(rows)


def group_removals(
    graph: Graph, groups: Mapping[str, BoolArray], kind: str, settings: WhatIf
) -> pl.DataFrame:
    """What is left when all nodes of a group fall out at once, one row a group.

    Returns:
        kind, group, n_removed and the columns of measures as in `removal_curves`; draws are of the
        repair.
    """
    before = two_step_reach(graph)
    rows = []
    for place, (name, lost) in enumerate(sorted(groups.items())):
        drawn = [
            summary_of(
                before, remove(graph, lost, np.random.default_rng([settings.seed, place, d]))
            )
            for d in range(settings.draws)
        ]
        rows.append({"kind": kind, "group": name, "n_removed": int(lost.sum()), **told(drawn)})
    return pl.DataFrame(rows, schema=GROUPS)


def firm_table(graph: Graph, groups: Mapping[str, BoolArray], settings: WhatIf) -> pl.DataFrame:
    """What each node keeps, sorted by node.

    Returns:
        node, degree, reach, `retained_random` with its middle 95 % over draws in which the node
        survives, `recovered_random`, `retained_betweenness` (null where the node itself falls out),
        `worst_group` (the group of others whose loss leaves least) and `retained_worst`; null where
        a node has no reach.
    """
    before = two_step_reach(graph)
    kept, back = [], []
    for draw, order in enumerate(random_orders(graph.n_nodes, settings.draws, settings.seed)):
        rng = np.random.default_rng([settings.seed, draw])
        left = remove(graph, first_of(order, settings.firm_share), rng)
        kept.append(retained(before, left.reach))
        back.append(recovered(before, left))
    order = targeted_order(graph, settings.sample_sources, settings.exact_limit, settings.seed)
    rng = np.random.default_rng(settings.seed)
    aimed = retained(before, remove(graph, first_of(order, settings.firm_share), rng).reach)
    worst, name = _worst(graph, groups, before.astype(np.float64), settings)
    frame = pl.DataFrame(
        {
            "node": pl.Series(graph.nodes, dtype=pl.String),
            "degree": np.diff(graph.indptr),
            "reach": before,
            **_over_draws(np.array(kept), "retained_random"),
            "recovered_random": _mean(np.array(back)),
            "retained_betweenness": aimed,
            "worst_group": pl.Series(name, dtype=pl.String),
            "retained_worst": worst,
        }
    )
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None)).sort("node")


def _worst(
    graph: Graph, groups: Mapping[str, BoolArray], before: FloatArray, settings: WhatIf
) -> tuple[FloatArray, list[str | None]]:
    """Least retained share over the groups that a node does not belong to, and that group."""
    least = np.full(graph.n_nodes, np.nan)
    name: list[str | None] = [None] * graph.n_nodes
    for group, lost in sorted(groups.items()):
        rng = np.random.default_rng(settings.seed)
        share = retained(before.astype(np.int64), remove(graph, lost, rng).reach)
        better = ~np.isnan(share) & (np.isnan(least) | (share < least))
        least[better] = share[better]
        for i in np.flatnonzero(better):
            name[i] = group
    return least, name


def summary_of(before: np.ndarray, removal: Removal) -> dict[str, float]:
    """Measures of one removal over the network."""
    return {
        "giant_share": removal.giant_share,
        "retained": _nanmean(retained(before, removal.reach)),
        "recovered": _nanmean(recovered(before, removal)),
    }


def told(draws: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean and middle 95 % of each measure over draws."""
    out: dict[str, float] = {}
    for measure in MEASURES:
        values = np.array([draw[measure] for draw in draws])
        out |= {name: float(v[0]) for name, v in _over_draws(values[:, None], measure).items()}
    return out


def _over_draws(values: FloatArray, name: str) -> dict[str, FloatArray]:
    """Mean and quantiles over the first axis, NaN left out and where there is nothing else."""
    some = ~np.isnan(values).all(axis=0)
    low, high = (np.full(values.shape[1], np.nan) for _ in range(2))
    if some.any():
        low[some], high[some] = np.nanquantile(values[:, some], [LOW, HIGH], axis=0)
    return {name: _mean(values), f"{name}_low": low, f"{name}_high": high}


def _mean(values: FloatArray) -> FloatArray:
    held = ~np.isnan(values)
    total = np.where(held, values, 0.0).sum(axis=0)
    n = held.sum(axis=0)
    mean: FloatArray = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return mean


def _nanmean(values: FloatArray) -> float:
    return float(_mean(values[:, None])[0])
