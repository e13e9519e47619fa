"""What a multiverse says: shares, inference over all specifications at once, and what drives it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray
from tertius.inference.score_bootstrap import Hypothesis, cluster_bootstrap_draws

SHAPLEY_LIMIT = 12
"""Choices up to which all orders are averaged exactly (2^12 regressions)."""


@dataclass(frozen=True)
class Shares:
    """Over the specifications that could be estimated.

    `same_sign` is the share with the sign of the declared one, `expected` and `opposite` the shares
    whose full test is passed in the stated and in the opposite direction; `median_effect` is over
    those with an effect.
    """

    n: int
    same_sign: float
    expected: float
    opposite: float
    median_statistic: float
    median_effect: float


def shares(table: pl.DataFrame) -> Shares:
    """Shares of a table of specifications whose row 0 is the declared one.

    NaN where nothing was estimated; without an estimate of the declared one `same_sign` is the
    share of the more frequent sign.
    """
    found = table.filter(pl.col("status") == "ok")
    if not found.height:
        return Shares(0, *[math.nan] * 5)
    sign = np.sign(found["statistic"].to_numpy())
    positive = float((sign > 0).mean())
    declared = found.filter(pl.col("spec") == 0)["statistic"].to_list()
    same = float((sign == np.sign(declared[0])).mean()) if declared else max(positive, 1 - positive)
    effect = found["effect"].fill_nan(None).drop_nulls()
    middle = np.median(effect.to_numpy()) if len(effect) else math.nan
    return Shares(
        n=found.height,
        same_sign=same,
        expected=_share(found, "expected"),
        opposite=_share(found, "opposite"),
        median_statistic=float(np.median(found["statistic"].to_numpy())),
        median_effect=float(middle),
    )


@dataclass(frozen=True)
class JointTest:
    """One statistic over all specifications and its p under the null of no effect in any.

    `null_median` and `null_high` are the median and the 1 - alpha quantile of its draws.
    """

    statistic: str
    observed: float
    p_value: float
    null_median: float
    null_high: float


def joint_tests(
    hypotheses: Sequence[Hypothesis], alpha: float, draws: int, seed: int
) -> tuple[JointTest, ...]:
    """Inference for the whole curve (Simonsohn, Simmons & Nelson 2020), two-sided.

    All specifications see the same resamples of clusters; their statistics, recentred at the
    estimates, are those of a world where none has an effect while their dependence is kept. Three
    statistics: the absolute median of t, the share of the more frequent sign, and the share of
    specifications beyond the critical value in the more frequent direction. p = (1 + draws at least
    as extreme) / (B + 1).

    Args:
        hypotheses: one a specification, sign as the estimate.
        alpha: level of one specification's test and of `null_high`.
        draws: B.
        seed: of the resamples.
    """
    if not hypotheses:
        return ()
    made = cluster_bootstrap_draws(hypotheses, draws, seed)
    critical = np.array(
        [stats.t.ppf(1 - alpha / 2, max(len(h.cluster_ids) - 1, 1)) for h in hypotheses]
    )
    observed = _statistics(np.array([[h.statistic for h in hypotheses]]), critical)
    null = _statistics(made.statistic, critical)
    names = ("absolute median t", "share of one sign", "share significant in one direction")
    return tuple(
        JointTest(
            statistic=name,
            observed=float(observed[0, k]),
            p_value=float((1 + (null[:, k] >= observed[0, k] - 1e-12).sum()) / (draws + 1)),
            null_median=float(np.median(null[:, k])),
            null_high=float(np.quantile(null[:, k], 1 - alpha)),
        )
        for k, name in enumerate(names)
    )


def _statistics(t: FloatArray, critical: FloatArray) -> FloatArray:
    """(B, 3) of the rows of t (B, H): |median|, larger share of a sign, larger share beyond."""
    positive, negative = (t > 0).mean(axis=1), (t < 0).mean(axis=1)
    high, low = (t > critical).mean(axis=1), (t < -critical).mean(axis=1)
    out: FloatArray = np.column_stack(
        [np.abs(np.median(t, axis=1)), np.maximum(positive, negative), np.maximum(high, low)]
    )
    return out


@dataclass(frozen=True)
class Decomposition:
    """What share of the variance of `measure` over the specifications each choice explains.

    `shares` add up to the R2 of a regression on the levels of all choices; `rest` is what their
    interplay leaves.
    """

    measure: str
    n: int
    variance: float
    shares: Mapping[str, float]
    rest: float


def decompose(table: pl.DataFrame, choices: Sequence[str]) -> Decomposition:
    """Variance of the effects (or of t, where a row has no effect) by choice.

    The share of a choice is the rise of R2 when its levels enter a least-squares regression,
    averaged over all orders of the choices (Lindeman, Merenda & Gold 1980; the Shapley value), so
    that unbalanced draws do not favour the first. Beyond `SHAPLEY_LIMIT` choices those with the
    least variance between levels share what the others leave, one after the other.
    """
    found = table.filter(pl.col("status") == "ok")
    effect = found["effect"].fill_nan(None)
    measure = "effect" if effect.null_count() == 0 and found.height else "statistic"
    y = found[measure].to_numpy().astype(np.float64)
    varied = [name for name in choices if found[name].n_unique() > 1]
    spread = float(((y - y.mean()) ** 2).sum()) if len(y) else 0.0
    if len(y) < 2 or spread <= 0 or not varied:
        return Decomposition(measure, len(y), 0.0, dict.fromkeys(varied, 0.0), 0.0)
    y = (y - y.mean()) / math.sqrt(spread)
    blocks = {name: _levels(found[name]) for name in varied}
    alone = {name: _r2(y, [blocks[name]]) for name in varied}
    ranked = sorted(varied, key=lambda name: (-alone[name], name))
    exact, more = ranked[:SHAPLEY_LIMIT], ranked[SHAPLEY_LIMIT:]
    held = _shapley(y, {name: blocks[name] for name in exact})
    reached = _r2(y, [blocks[name] for name in exact])
    for place, name in enumerate(more):
        total = _r2(y, [blocks[n] for n in ranked[: SHAPLEY_LIMIT + place + 1]])
        held[name], reached = total - reached, total
    return Decomposition(
        measure, len(y), spread / (len(y) - 1), {name: held[name] for name in varied}, 1 - reached
    )


def _levels(values: pl.Series) -> FloatArray:
    """(n, L - 1) centred dummies of the levels but the first."""
    names = values.unique().sort().to_list()[1:]
    dummies = np.column_stack([(values == name).to_numpy().astype(np.float64) for name in names])
    centred: FloatArray = dummies - dummies.mean(axis=0)
    return centred


def _r2(y: FloatArray, blocks: Sequence[FloatArray]) -> float:
    """R2 of a centred y of unit length on blocks of columns."""
    if not blocks:
        return 0.0
    x = np.concatenate(blocks, axis=1)
    gram, right = x.T @ x, x.T @ y
    return float(right @ np.linalg.lstsq(gram, right, rcond=1e-10)[0])


def _shapley(y: FloatArray, blocks: Mapping[str, FloatArray]) -> dict[str, float]:
    """Shapley value of each block in the R2, from the cross-products of all columns."""
    names = list(blocks)
    x = np.concatenate([*blocks.values()], axis=1)
    gram, right = x.T @ x, x.T @ y
    ends = np.cumsum([0, *(block.shape[1] for block in blocks.values())])
    columns = [np.arange(ends[k], ends[k + 1]) for k in range(len(names))]
    value = {frozenset[int](): 0.0}
    places = range(len(names))
    for size in range(1, len(names) + 1):
        for chosen in itertools.combinations(places, size):
            used = np.concatenate([columns[k] for k in chosen])
            solved = np.linalg.lstsq(gram[np.ix_(used, used)], right[used], rcond=1e-10)[0]
            value[frozenset(chosen)] = float(right[used] @ solved)
    out = {}
    for k, name in enumerate(names):
        others = [p for p in places if p != k]
        total = 0.0
        for size in range(len(names)):
            weight = 1.0 / (len(names) * math.comb(len(names) - 1, size))
            for chosen in itertools.combinations(others, size):
                rise = value[frozenset((*chosen, k))] - value[frozenset(chosen)]
                total += weight * rise
        out[name] = total
    return out


def level_table(table: pl.DataFrame, choices: Sequence[str]) -> list[dict[str, Any]]:
    """choice, level, n, median effect and t, shares of findings, over the estimated rows."""
    found = table.filter(pl.col("status") == "ok")
    rows = []
    for name in choices:
        for (level,), own in sorted(found.partition_by(name, as_dict=True).items()):
            effect = own["effect"].fill_nan(None).drop_nulls()
            rows.append(
                {
                    "choice": name,
                    "level": str(level),
                    "n": own.height,
                    "median_effect": _median(effect),
                    "median_statistic": _median(own["statistic"]),
                    "expected": _share(own, "expected"),
                    "opposite": _share(own, "opposite"),
                }
            )
    return rows


def _share(rows: pl.DataFrame, finding: str) -> float:
    return float((rows["finding"] == finding).sum() / rows.height)


def _median(values: pl.Series) -> float:
    return float(np.median(values.to_numpy())) if len(values) else math.nan
