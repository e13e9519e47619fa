"""Placebo tests: the estimate on networks and labels that cannot matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray
from tertius.inference.cluster_bootstrap import histogram
from tertius.inference.intervals import percentile_interval, resampled_p_value
from tertius.measures import Graph
from tertius.measures.whole import rewire


@dataclass(frozen=True, eq=False)
class Placebo:
    """An estimate among those of placebo networks.

    `draws` (B,) are NaN where the placebo could not be estimated (`failed` of them). `moved` is the
    mean share of tried swaps that were possible; a low share means that the degrees leave the
    network little freedom. `distance` is (observed - mean of draws) / sd of draws.
    """

    name: str
    observed: float
    draws: FloatArray
    p_value: float
    failed: int
    moved: float

    @property
    def distance(self) -> float:
        """Observed value in standard deviations from the placebo mean; NaN where they agree."""
        spread = float(np.nanstd(self.draws, ddof=1))
        return (self.observed - float(np.nanmean(self.draws))) / spread if spread else float("nan")

    @property
    def outside(self) -> bool:
        """Whether the observed value lies outside the central 95 % of the placebos."""
        low, high = percentile_interval(self.draws[~np.isnan(self.draws)], 0.95)
        return not low <= self.observed <= high

    @property
    def sentence(self) -> str:
        """The result in words."""
        where = "outside" if self.outside else "inside"
        low, high = percentile_interval(self.draws[~np.isnan(self.draws)], 0.95)
        text = (
            f"{self.name}: {self.observed:.4g} lies {where} the central 95 % [{low:.4g}, "
            f"{high:.4g}] of {len(self.draws):,} networks with the same degrees (p = "
            f"{self.p_value:.4f}); {100 * self.moved:.0f} % of the tried swaps were possible."
        )
        return text + (f" {self.failed:,} placebos gave no estimate." if self.failed else "")

    def figure(self) -> pl.DataFrame:
        """Histogram of the placebo estimates: low, high, draws."""
        return histogram(self.draws)


def placebo_networks(
    estimate: Callable[[Graph], float],
    graph: Graph,
    *,
    draws: int,
    seed: int,
    name: str,
    swaps_per_tie: float = 10.0,
) -> Placebo:
    """The estimate on randomly rewired networks in which every node keeps its degree.

    Args:
        estimate: network -> number (measures, panel and regression in one); NaN where there is no
            estimate. It is called on `graph` first.
        graph: the observed network.
        draws: B.
        seed: draw b uses its own generator, spawned from the seed, so that draws do not depend on
            one another.
        name: of the quantity.
        swaps_per_tie: swaps tried.

    Returns:
        `Placebo`; p = (1 + #{|t_b - m| >= |t - m|}) / (B + 1) with m the mean over the placebos,
        since a placebo need not be centred at 0 (degrees carry over to other measures).

    Raises:
        ValueError: no placebo could be estimated.

    Source: Maslov & Sneppen (2002, Science 296:910) for the swaps.
    """
    observed = estimate(graph)
    found, moved = np.empty(draws), np.empty(draws)
    for b, child in enumerate(np.random.SeedSequence(seed).spawn(draws)):
        random, swaps = rewire(graph, rng=np.random.default_rng(child), swaps_per_tie=swaps_per_tie)
        found[b] = estimate(random)
        moved[b] = swaps.done / max(swaps.tried, 1)
    return placebo_of(name, observed, found, float(moved.mean()) if draws else float("nan"))


def placebo_of(name: str, observed: float, draws: FloatArray, moved: float = 1.0) -> Placebo:
    """Judge an estimate against placebo estimates made elsewhere (outcomes, dates, labels).

    Raises:
        ValueError: no placebo could be estimated.
    """
    good = draws[~np.isnan(draws)]
    if not len(good):
        raise ValueError(f"{name}: no placebo could be estimated")
    center = float(good.mean())
    p = resampled_p_value(good - center, observed - center)
    return Placebo(name, observed, draws, p, int(np.isnan(draws).sum()), moved)
