"""The summary of a multiverse as plain data: counts, shares, joint tests, what drives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from tertius.claims.records import plain
from tertius.multiverse.curve import decompose, joint_tests, level_table, shares
from tertius.multiverse.estimate import Runs, stated_sign
from tertius.multiverse.grid import DECLARED, Grid
from tertius.multiverse.plan import ClaimModels, Plan

ENOUGH = 0.8
"""Share of the same sign from which a finding is called stable."""


def summarise(
    claim_id: str,
    grid: Grid,
    claim: ClaimModels,
    plan: Plan,
    runs: Runs,
    alpha: float,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """Everything about the multiverse of a claim but its rows, ready for json.

    Keys: claim_id, shape, stated_sign, choices (by choice: part, levels, void), counts, idle,
    refusals (reason -> rows), shares (as `Shares`, with stable), joint (as `JointTest`),
    decomposition, levels (one row a level), alpha, draws, n_post_hoc where there is a lock.
    """
    varied = [name for name in grid.names if name not in plan.idle]
    found = shares(runs.table)
    stable = found.n > 0 and found.same_sign >= ENOUGH and found.opposite == 0
    refused = runs.table.filter(pl.col("status") != "ok")["reason"].value_counts(sort=True)
    record = {
        "claim_id": claim_id,
        "shape": claim.test.shape,
        "stated_sign": stated_sign(claim.test),
        "choices": {
            name: {
                "part": grid.part(name),
                "levels": list(grid.choices[name]),
                "void": list(grid.void.get(name, ())),
            }
            for name in grid.names
        },
        "counts": dict(plan.counts),
        "idle": list(plan.idle),
        "refusals": dict(refused.iter_rows()),
        "shares": {**asdict(found), "stable": stable},
        "joint": [asdict(test) for test in joint_tests(runs.hypotheses, alpha, draws, seed)],
        "decomposition": asdict(decompose(runs.table, varied)),
        "levels": level_table(runs.table, varied),
        "alpha": alpha,
        "draws": draws,
        "n_clusters": max((len(h.cluster_ids) for h in runs.hypotheses), default=0),
    }
    kept: dict[str, Any] = plain(record)
    return kept


def stamped(
    table: pl.DataFrame,
    grid: Grid,
    test_post_hoc: bool | None,
    levels_post_hoc: Mapping[str, Mapping[str, bool]],
) -> pl.DataFrame:
    """The table with `post_hoc`: whether the claim's test or a level came after the freeze.

    Null where the study has no lock (`test_post_hoc` is None).
    """
    if test_post_hoc is None:
        return table.with_columns(post_hoc=pl.lit(None, dtype=pl.Boolean))
    late = pl.lit(test_post_hoc)
    for name in grid.names:
        new = [level for level, after in levels_post_hoc.get(name, {}).items() if after]
        late = late | pl.col(name).is_in([level for level in new if level != DECLARED])
    return table.with_columns(post_hoc=late)
