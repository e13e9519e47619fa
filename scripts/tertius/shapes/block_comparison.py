"""Which of two blocks of terms says more about the outcome of firms that were not seen?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.shapes.common import number, p_words
from tertius.shapes.joint import JointResult, joint_result, scalar
from tertius.shapes.refit import fit_rows, rows_of
from tertius.shapes.rivals import FOLDS, cluster_folds, unseen_deviance


@dataclass(frozen=True, eq=False, kw_only=True)
class BlockComparison(JointResult):
    """Gain of the first block less gain of the second, in deviance per observation of unseen firms.

    With two blocks this is also the difference of their Shapley values, for
    v(A) + v(AB) - v(B) less v(B) + v(AB) - v(A) is 2 (v(A) - v(B)) (Shapley 1953; Shorrocks 2013).
    `gains` are what each block adds to a model without both; `p_blocks` their joint cluster Wald
    tests in the full model.
    """

    gains: tuple[float, float]
    p_blocks: tuple[float, float]


def block_comparison_test(
    estimate: Estimate,
    first: Sequence[str],
    second: Sequence[str],
    alpha: float = 0.05,
    seed: int = 1,
) -> BlockComparison:
    """Does the first block say more about unseen firms than the second?

    Args:
        estimate: a model with the terms of both blocks.
        first, second: blocks without a common term.
        alpha: level.
        seed: of the parts of the clusters.

    Raises:
        NotEstimable: a term has no coefficient, or both blocks share one.
    """
    rows = rows_of(estimate)
    one, two = ([estimate.terms[estimate.index(t)] for t in block] for block in (first, second))
    if set(one) & set(two):
        shared = ", ".join(sorted(set(one) & set(two)))
        raise NotEstimable("same_term", shared, f"{shared} is in both blocks")
    parts = cluster_folds(len(rows.cluster_ids), FOLDS, seed)
    without_two = unseen_deviance(rows.without(two), parts)
    without_one = unseen_deviance(rows.without(one), parts)
    neither = unseen_deviance(rows.without([*one, *two]), parts)
    n, g = len(rows.y), len(rows.cluster_ids)
    gap = (without_one - without_two) / n
    error = float(gap.std(ddof=1)) * math.sqrt(g)
    level = estimate.spec.confidence
    test = scalar(float(gap.sum()), error, g - 1.0, level, "+")
    gains = tuple(float((neither - own).sum()) / n for own in (without_two, without_one))
    full = fit_rows(rows)
    waldes = tuple(full.wald(block).p_value for block in (one, two))
    said = (", ".join(one), ", ".join(two))
    result: BlockComparison = joint_result(
        BlockComparison,
        test,
        gap - gap.mean(),
        rows.cluster_ids,
        "+",
        alpha=alpha,
        shape="block_comparison",
        model=estimate.spec.name,
        subject=said[0],
        quantity=f"gain of ({said[0]}) less gain of ({said[1]}), deviance of unseen firms",
        reasons=(f"difference {number(test.value)}, {p_words(test.p_value)}",),
        sentence=(
            f"The block {said[0]} lowers the deviance of unseen firms by {number(gains[0])} per "
            f"observation (joint {p_words(waldes[0])}), the block {said[1]} by "
            f"{number(gains[1])} (joint {p_words(waldes[1])}); their difference is "
            f"{number(test.value)} [{number(test.conf_low)}, {number(test.conf_high)}] "
            f"({p_words(test.p_value)})."
        ),
        curve=pl.DataFrame({"block": list(said), "gain": list(gains)}),
        gains=gains,
        p_blocks=waldes,
    )
    return result
