"""Score bootstrap: the same resamples of clusters for every hypothesis of a family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tertius.arrays import FloatArray

CHUNK = 256


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One scalar hypothesis of a family: a contrast of one estimate with its cluster influences.

    `influence` is (G,), the contrast applied to the influences of the clusters `cluster_ids`;
    `estimate` is its value less the value under the null, `std_error` that of the analytic test.
    """

    name: str
    influence: FloatArray
    cluster_ids: tuple[str, ...]
    estimate: float
    std_error: float
    alternative: str = "two-sided"

    @property
    def statistic(self) -> float:
        """Studentised estimate."""
        return self.estimate / self.std_error


@dataclass(frozen=True, eq=False)
class BootstrapDraws:
    """Recentred draws of a family, (B, H): `shift` = b* - b, `statistic` = (b* - b) / se*."""

    names: tuple[str, ...]
    shift: FloatArray
    statistic: FloatArray
    n_clusters: int
    seed: int


def cluster_weights(n_clusters: int, draws: int, seed: int) -> Iterator[FloatArray]:
    """Chunks (b, G) of multinomial weights of a resampling of clusters with replacement.

    The stream depends on (n_clusters, seed) only, not on the size of a chunk.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        picks = rng.integers(0, n_clusters, size=(size, n_clusters))
        cells = picks + (np.arange(size) * n_clusters)[:, None]
        counts = np.bincount(cells.ravel(), minlength=size * n_clusters)
        yield counts.reshape(size, n_clusters).astype(np.float64)


def cluster_bootstrap_draws(
    hypotheses: Sequence[Hypothesis], draws: int, seed: int
) -> BootstrapDraws:
    """The same B resamples of clusters for all hypotheses, by one step from each estimate.

    The clusters are the sorted union over the hypotheses; in a draw each gets its multinomial
    weight w_g, and a cluster absent from a hypothesis's sample contributes nothing to it. Instead
    of a refit, b* - b is the one Newton step sum_g w_g psi_g from the estimate, psi the cluster
    influences (score bootstrap: Kline & Santos 2012, J. Econometric Methods 1:23). It equals a
    refit up to terms of order 1/G: the change of the Hessian between samples is left out. se* is
    the sandwich of the same draw, the weighted sum of squares of psi around its weighted mean.

    Args:
        hypotheses: H of them, names unique.
        draws: B.
        seed: of numpy's default generator.

    Returns:
        `BootstrapDraws` with (B, H) arrays; independent of the order of clusters and hypotheses.

    Raises:
        ValueError: no hypothesis, or names repeat.
    """
    names = tuple(h.name for h in hypotheses)
    if not names or len(set(names)) != len(names):
        raise ValueError("give at least one hypothesis, with unique names")
    union = sorted({cluster for h in hypotheses for cluster in h.cluster_ids})
    place = {cluster: row for row, cluster in enumerate(union)}
    psi = np.zeros((len(union), len(names)))
    present = np.zeros_like(psi)
    for column, hypothesis in enumerate(hypotheses):
        rows = [place[cluster] for cluster in hypothesis.cluster_ids]
        psi[rows, column] = hypothesis.influence
        present[rows, column] = 1.0
    base = np.array([_raw_error(h.influence) / h.std_error for h in hypotheses])
    shift = np.empty((draws, len(names)))
    error = np.empty_like(shift)
    done = 0
    for weights in cluster_weights(len(union), draws, seed):
        block = slice(done, done + len(weights))
        total = weights @ psi
        size = np.maximum(weights @ present, 1.0)
        shift[block] = total
        error[block] = np.sqrt(np.maximum(weights @ psi**2 - total**2 / size, 0.0))
        done += len(weights)
    floor = np.finfo(np.float64).tiny
    return BootstrapDraws(names, shift, shift / np.maximum(error, floor) * base, len(union), seed)


def _raw_error(influence: FloatArray) -> float:
    """Standard error without small-sample factor."""
    return float(np.sqrt((influence**2).sum()))
