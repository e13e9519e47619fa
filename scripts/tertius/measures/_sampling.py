"""Which sources the shortest-path measures start from, and what that makes of their sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sources:
    """Sources of shortest paths: every node, or a simple random sample within large components.

    sources: ascending node positions. Per node: others (size of its component - 1), drawn (sources
    in its component other than itself). A node is exact when drawn equals others.
    """

    sources: Ints
    others: Ints
    drawn: Ints

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Nodes whose sums are over all nodes of their component."""
        return np.asarray(self.drawn == self.others)

    def estimate(self, total: Reals, squares: Reals) -> tuple[Reals, Reals]:
        """Sum over all others from the sum over the drawn ones, and its standard error.

        Given whether the node itself was drawn, the others drawn are a simple random sample of
        `drawn` out of `others` without replacement: the estimate is total * others / drawn, with
        variance others^2 (1 - drawn / others) s^2 / drawn. Exact nodes have standard error 0.
        """
        drawn, others = np.maximum(self.drawn, 1).astype(float), self.others.astype(float)
        variance = np.maximum(squares - total * total / drawn, 0.0) / np.maximum(drawn - 1.0, 1.0)
        left = np.where(self.exact, 0.0, 1.0 - drawn / np.maximum(others, 1.0))
        factor = np.where(self.exact, 1.0, others / drawn)
        return total * factor, others * np.sqrt(left * variance / drawn)


def choose_sources(
    component: Ints, sample_sources: int | None, rng: np.random.Generator | None
) -> Sources:
    """All nodes with contacts, or `sample_sources` of each component that has more nodes.

    Components of at most `sample_sources` nodes are taken whole, so their values are exact.
    """
    size = np.bincount(component) if component.size else np.empty(0, np.int64)
    if sample_sources is None:
        return _design(component, size, np.flatnonzero(size[component] > 1))
    if sample_sources < 3:
        raise ValueError(f"sample_sources must be at least 3, not {sample_sources}")
    if rng is None:
        raise ValueError("sampling needs a random generator: pass rng")
    whole = np.flatnonzero((size[component] > 1) & (size[component] <= sample_sources))
    chosen = [whole]
    for label in np.flatnonzero(size > sample_sources):
        members = np.flatnonzero(component == label)
        chosen.append(rng.choice(members, sample_sources, replace=False))
    return _design(component, size, np.sort(np.concatenate(chosen)))


def _design(component: Ints, size: Ints, sources: Ints) -> Sources:
    in_component = np.bincount(component[sources], minlength=size.size)[component]
    itself = np.zeros(component.size, np.int64)
    itself[sources] = 1
    return Sources(sources.astype(np.int64), size[component] - 1, in_component - itself)
