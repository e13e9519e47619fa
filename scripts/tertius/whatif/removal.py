"""Removal of nodes: reach that is kept, and reach that backup ties bring back.

Nodes fall out at random, by betweenness, by country or by a list. A firm's reach is the number of
other nodes within two steps. Repair: every survivor that lost k partners ties itself to up to k of
its surviving partners' partners, drawn at random (its backup channels); what that regains of the
loss is the recovery. Both are ours, after removal in Albert, Jeong & Barabasi (2000).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.measures import Graph
from tertius.measures.position import betweenness, component_size, sources, two_step_reach

RANDOM, TARGETED = "random", "betweenness"


@dataclass(frozen=True, eq=False)
class Removal:
    """What is left after some nodes fell out.

    `giant_share` is the size of the largest component over the nodes before; `reach` (n,) the
    two-step reach after, `repaired` (n,) after backup ties, NaN for nodes that fell out.
    """

    lost: BoolArray
    giant_share: float
    reach: FloatArray
    repaired: FloatArray


def remove(graph: Graph, lost: BoolArray, rng: np.random.Generator) -> Removal:
    """Let nodes fall out, then let the survivors repair.

    Args:
        graph: n nodes.
        lost: (n,) the nodes that fall out.
        rng: draws the backup ties.
    """
    a, b = edges_of(graph)
    kept = ~(lost[a] | lost[b])
    left = _reached(graph.n_nodes, a[kept], b[kept])
    more = backup_ties(graph, lost, rng)
    joined = np.concatenate([np.column_stack([a[kept], b[kept]]), more])
    again = _reached(graph.n_nodes, joined[:, 0], joined[:, 1])
    sizes = component_size(_graph(graph.n_nodes, a[kept], b[kept]))[~lost]
    return Removal(
        lost=lost,
        giant_share=float(sizes.max() / graph.n_nodes) if sizes.size else 0.0,
        reach=np.where(lost, np.nan, left),
        repaired=np.where(lost, np.nan, again),
    )


def retained(before: IntArray, after: FloatArray) -> FloatArray:
    """(n,) share of the reach before that is left, in [0, 1] without repair; NaN where it was 0."""
    share = np.full(len(before), np.nan)
    some = before > 0
    share[some] = after[some] / before[some]
    return share


def recovered(before: IntArray, removal: Removal) -> FloatArray:
    """(n,) share of the lost reach that repair regains, cut at 1; NaN where nothing was lost."""
    loss = before - removal.reach
    out = np.full(len(before), np.nan)
    some = loss > 0
    out[some] = np.minimum((removal.repaired - removal.reach)[some] / loss[some], 1.0)
    return out


def backup_ties(graph: Graph, lost: BoolArray, rng: np.random.Generator) -> IntArray:
    """(m, 2) new ties: each survivor that lost k partners gets up to k of its surviving partners'
    surviving partners, drawn without replacement; nodes in order, ties may repeat."""
    made: list[tuple[int, int]] = []
    for i in range(graph.n_nodes):
        own = graph.indices[graph.indptr[i] : graph.indptr[i + 1]]
        gone = int(lost[own].sum())
        if lost[i] or not gone:
            continue
        around = {
            int(k)
            for j in own[~lost[own]]
            for k in graph.indices[graph.indptr[j] : graph.indptr[j + 1]]
        }
        around -= {i, *(int(j) for j in own)}
        ready = np.array(sorted(k for k in around if not lost[k]), dtype=np.int64)
        if ready.size:
            drawn = rng.choice(ready, size=min(gone, ready.size), replace=False)
            made += [(i, int(k)) for k in drawn]
    return np.array(made, dtype=np.int64).reshape(-1, 2)


def edges_of(graph: Graph) -> tuple[IntArray, IntArray]:
    """Ends (m,), (m,) of the ties, each once, as places."""
    a = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    b = graph.indices.astype(np.int64)
    once = a < b
    return a[once], b[once]


def _graph(n: int, a: IntArray, b: IntArray) -> Graph:
    low, high = np.minimum(a, b), np.maximum(a, b)
    pairs = np.unique(np.column_stack([low, high]), axis=0)
    return Graph.from_edges(pairs[:, 0], pairs[:, 1], nodes=np.arange(n))


def _reached(n: int, a: IntArray, b: IntArray) -> FloatArray:
    reach: FloatArray = two_step_reach(_graph(n, a, b)).astype(np.float64)
    return reach


def random_orders(n: int, draws: int, seed: int) -> Iterator[IntArray]:
    """Orders in which nodes fall out at random."""
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield rng.permutation(n).astype(np.int64)


def targeted_order(graph: Graph, sample: int, exact_limit: int, seed: int) -> IntArray:
    """Highest betweenness first, as it is before anyone falls out; ties by place."""
    rng = np.random.default_rng(seed)
    start = sources(graph) if graph.n_nodes <= exact_limit else sources(graph, sample, rng)
    return np.argsort(-betweenness(graph, start=start).raw, kind="stable").astype(np.int64)


def first_of(order: IntArray, share: float) -> BoolArray:
    """(n,) the first nodes of an order, a share of all, rounded."""
    lost = np.zeros(len(order), dtype=np.bool_)
    lost[order[: round(share * len(order))]] = True
    return lost


def groups_of(values: Sequence[str | None]) -> Mapping[str, BoolArray]:
    """Flags (n,) by value, for removal of all nodes of a country; missing ones are in none."""
    held: NDArray[np.object_] = np.array(list(values), dtype=object)
    names = sorted({str(v) for v in values if v is not None})
    return {name: np.array([v == name for v in held], dtype=np.bool_) for name in names}
