"""Fisher permutation of group labels over clusters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.inference.cluster_bootstrap import histogram

Split = Callable[[BoolArray], tuple[float, float]]
"""Flags (G,) of the first group -> difference of the groups and its standard error."""


@dataclass(frozen=True, eq=False)
class Permutation:
    """Statistics over relabelings; p two-sided and one-sided in either direction.

    `exact` says that all relabelings were gone through (the observed one is among them); else
    p = (1 + #) / (B + 1). `failed` counts relabelings in which the difference could not be had.
    """

    observed: float
    draws: FloatArray
    p_two_sided: float
    p_greater: float
    p_less: float
    exact: bool
    studentised: bool
    failed: int

    @property
    def sentence(self) -> str:
        """The result in words."""
        count = f"{len(self.draws):,}"
        over = f"all {count}" if self.exact else f"{count} random"
        return (
            f"A difference of {self.observed:.4g} has permutation p = {self.p_two_sided:.3f} over "
            f"{over} relabelings."
        )

    def figure(self) -> pl.DataFrame:
        """Histogram of the statistic over relabelings: low, high, draws."""
        return histogram(self.draws)


def fisher_permutation(
    split: Split,
    first: BoolArray,
    *,
    draws: int = 1000,
    seed: int = 1,
    studentise: bool = True,
    exact_up_to: int = 0,
) -> Permutation:
    """Permute group labels, group sizes kept.

    Studentised, the test is asymptotically valid where the groups' variances differ; raw, it is
    exact under exchangeability only (Janssen 1997; Chung & Romano 2013, Annals of Statistics
    41:484).

    Args:
        split: difference and standard error of a labelling.
        first: (G,) observed labels.
        draws, seed: of random relabelings.
        studentise: whether the statistic is difference over standard error.
        exact_up_to: go through all relabelings where there are at most so many.

    Raises:
        NotEstimable: a group is empty, or no relabeling can be estimated.
    """
    n, k = len(first), int(first.sum())
    if not 0 < k < n:
        raise NotEstimable("no_rows", "group", "one of the groups is empty")
    exact = math.comb(n, k) <= exact_up_to
    labellings = _all(n, k) if exact else _random(first, draws, seed)
    found, failed = [], 0
    for labels in labellings:
        try:
            found.append(_statistic(split(labels), studentise))
        except (NotEstimable, np.linalg.LinAlgError):
            failed += 1
    if not found:
        raise NotEstimable("no_rows", "group", "no relabeling of the groups can be estimated")
    observed = _statistic(split(first), studentise)
    values = np.array(found)
    slack = 1e-12 * max(abs(observed), float(np.abs(values).max()))
    return Permutation(
        observed,
        values,
        _share(np.abs(values) >= abs(observed) - slack, exact),
        _share(values >= observed - slack, exact),
        _share(values <= observed + slack, exact),
        exact,
        studentise,
        failed,
    )


def _statistic(found: tuple[float, float], studentise: bool) -> float:
    value, error = found
    if not studentise:
        return value
    return value / error if error > 0 else math.copysign(math.inf, value)


def _share(hits: BoolArray, exact: bool) -> float:
    return float(hits.mean()) if exact else float((1 + hits.sum()) / (len(hits) + 1))


def _all(n: int, k: int) -> Iterator[BoolArray]:
    for chosen in itertools.combinations(range(n), k):
        labels = np.zeros(n, dtype=bool)
        labels[list(chosen)] = True
        yield labels


def _random(first: BoolArray, draws: int, seed: int) -> Iterator[BoolArray]:
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield rng.permutation(first)
