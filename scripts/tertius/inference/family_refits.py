"""Romano-Wolf from exact refits: every hypothesis of a family on the same resamples of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray
from tertius.inference.cluster_bootstrap import bootstrap_products
from tertius.inference.cluster_products import ClusterProducts, align_clusters
from tertius.inference.multiple import oriented, stepdown
from tertius.inference.score_bootstrap import BootstrapDraws


@dataclass(frozen=True, eq=False)
class SlopeHypothesis:
    """One slope of a linear model: its model's cross-products, clusters, and the null tested."""

    name: str
    products: ClusterProducts
    cluster_ids: tuple[str, ...]
    column: int
    null: float = 0.0
    alternative: str = "two-sided"


@dataclass(frozen=True, eq=False)
class FamilyRefits:
    """Statistics (H,), adjusted p values (H,) and the draws of a family.

    `p_values` are those of each hypothesis alone. A draw in which a slope is not identified counts
    as no evidence against any null (statistic 0); `unidentified` (H,) counts them.
    """

    names: tuple[str, ...]
    estimates: FloatArray
    statistics: FloatArray
    p_values: FloatArray
    adjusted: FloatArray
    draws: BootstrapDraws
    unidentified: FloatArray

    def figure(self) -> pl.DataFrame:
        """Figure data: hypothesis, statistic, p alone and within the family."""
        return pl.DataFrame(
            {
                "hypothesis": self.names,
                "statistic": self.statistics,
                "p_value": self.p_values,
                "adjusted": self.adjusted,
            }
        )

    def sentence(self, name: str) -> str:
        """The result of one hypothesis in words."""
        j = self.names.index(name)
        return (
            f"{name}: {self.estimates[j]:.4g}, bootstrap p = {self.p_values[j]:.4f} alone and "
            f"{self.adjusted[j]:.4f} within its family of {len(self.names)} (Romano-Wolf, "
            f"{len(self.draws.statistic):,} refits on the same resamples of "
            f"{self.draws.n_clusters:,} clusters)."
        )


def romano_wolf_refits(
    members: Sequence[SlopeHypothesis], *, draws: int, seed: int, threads: int | None = None
) -> FamilyRefits:
    """Stepdown p values from exact refits in place of one-step draws.

    The clusters of all samples are resampled together; a cluster absent from a sample weighs 0
    there. t* = (b* - b) / se* with se* clustered in the resample, t = (b - null) / se, neither with
    a small-sample factor, so that it cancels (Romano & Wolf 2005; Clarke, Romano & Wolf 2020).

    Args:
        members: H hypotheses, names unique.
        draws: B.
        seed: of the resamples.
        threads: the result does not depend on it.

    Raises:
        ValueError: no member, or names repeat.
    """
    names = tuple(one.name for one in members)
    if not names or len(set(names)) != len(names):
        raise ValueError("give at least one hypothesis, with unique names")
    union = sorted({cluster for one in members for cluster in one.cluster_ids})
    shift, statistic = np.empty((draws, len(names))), np.empty((draws, len(names)))
    estimates, observed = np.empty(len(names)), np.empty(len(names))
    unidentified = np.empty(len(names))
    for j, one in enumerate(members):
        aligned = align_clusters(one.products, one.cluster_ids, union)
        terms = [str(k) for k in range(aligned.n_slopes)]
        found = bootstrap_products(
            aligned, terms, draws=draws, seed=seed, studentise=[one.column], threads=threads
        )
        lost = np.isnan(found.draws[:, one.column])
        estimates[j] = found.coefficients[one.column]
        observed[j] = (estimates[j] - one.null) / found.errors[0]
        shift[:, j] = np.where(lost, 0.0, found.draws[:, one.column] - estimates[j])
        statistic[:, j] = np.where(lost, 0.0, found.statistics[:, 0])
        unidentified[j] = lost.sum()
    sides = [one.alternative for one in members]
    turned, drawn = oriented(observed, sides), oriented(statistic, sides)
    alone = (1 + (drawn >= turned).sum(axis=0)) / (draws + 1)
    family = BootstrapDraws(names, shift, statistic, len(union), seed)
    adjusted = stepdown(turned, drawn)
    return FamilyRefits(names, estimates, observed, alone, adjusted, family, unidentified)
