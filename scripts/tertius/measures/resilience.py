"""Redundancy of ego's access: node-disjoint paths, and what the loss of partners leaves."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tertius.measures._flow import disjoint_paths
from tertius.measures.graph import Graph

Ints = NDArray[np.int64]


def node_disjoint_paths(graph: Graph, ego: Any, other: Any) -> int:
    """Largest number of paths between two nodes that share no inner node; >= 0.

    A direct tie is left out: the number says how many partners ego can lose before it loses the
    other. By Menger's theorem it is the smallest number of nodes that part the two. Raises
    ValueError for unknown or equal nodes. Source: Menger (1927).
    """
    i, j = (_place(graph, node) for node in (ego, other))
    if i == j:
        raise ValueError(f"{ego!r} twice: two different nodes are needed")
    return int(disjoint_paths(graph.indptr, graph.indices, i, np.array([j]))[0])


def mean_disjoint_paths(graph: Graph, ego: Any, sources: Iterable[Any]) -> float:
    """Mean of `node_disjoint_paths` from ego to each source, ego and its contacts left out.

    0 for a source that cannot be reached; NaN without a source that is no contact. Our proxy after
    Menger (1927).
    """
    i = _place(graph, ego)
    own = {i, *graph.indices[graph.indptr[i] : graph.indptr[i + 1]].tolist()}
    ends = np.array(sorted({_place(graph, source) for source in sources} - own), np.int64)
    counts = disjoint_paths(graph.indptr, graph.indices, i, ends)
    return float(np.mean(counts)) if counts.size else float("nan")


def retention(
    graph: Graph,
    ego: Any,
    sources: Sequence[Any] | None = None,
    *,
    removed: int = 1,
    steps: int = 2,
    exact_limit: int = 5000,
    draws: int = 200,
    rng: np.random.Generator | None = None,
) -> float:
    """Expected share of the sources within reach that stay in reach when partners are lost.

    In [0, 1]. sources: nodes that ego draws on, by default all within `steps` steps that are no
    partners. removed: how many partners fall out; all sets of that many where there are at most
    `exact_limit`, else `draws` sets from `rng`. A removed partner that is itself a source is lost.
    NaN without partners, without a source in reach, or with more removals than partners. Source:
    our measure, after resilience by random removal in Albert, Jeong & Barabasi (2000).
    """
    i = _place(graph, ego)
    partners = graph.indices[graph.indptr[i] : graph.indptr[i + 1]].astype(np.int64)
    reach = _within(graph, i, steps, frozenset())
    wanted = (
        reach - set(partners.tolist())
        if sources is None
        else reach & {_place(graph, source) for source in sources}
    )
    if not wanted or not 0 < removed <= partners.size:
        return float("nan")
    shares = [
        len(wanted & _within(graph, i, steps, frozenset(lost))) / len(wanted)
        for lost in _removals(partners.tolist(), removed, exact_limit, draws, rng)
    ]
    return float(np.mean(shares))


def resilience(
    graph: Graph,
    ego: Any,
    sources: Sequence[Any] | None = None,
    *,
    steps: int = 2,
    exact_limit: int = 5000,
    draws: int = 200,
    rng: np.random.Generator | None = None,
) -> float:
    """Mean of `retention` over the loss of 1, 2, ..., ceil(n/2) of the n partners; in [0, 1].

    The area under the curve of retention. NaN where retention is. Source: our measure, as there.
    """
    i = _place(graph, ego)
    most = -(-int(graph.indptr[i + 1] - graph.indptr[i]) // 2)
    values = [
        retention(
            graph, ego, sources, removed=k, steps=steps,
            exact_limit=exact_limit, draws=draws, rng=rng,
        )
        for k in range(1, most + 1)
    ]  # fmt: skip
    return float(np.mean(values)) if values else float("nan")


def _removals(
    partners: list[int], removed: int, limit: int, draws: int, rng: np.random.Generator | None
) -> Iterable[Sequence[int]]:
    if comb(len(partners), removed) <= limit:
        return itertools.combinations(partners, removed)
    if rng is None:
        raise ValueError("removal sets are drawn above exact_limit: pass rng")
    return [
        rng.choice(np.array(partners), size=removed, replace=False).tolist() for _ in range(draws)
    ]


def _within(graph: Graph, ego: int, steps: int, lost: frozenset[int]) -> set[int]:
    """Nodes at distance 1..steps of ego when the lost nodes are gone."""
    seen, front = {ego, *lost}, {ego}
    for _ in range(steps):
        front = {
            int(v) for u in front for v in graph.indices[graph.indptr[u] : graph.indptr[u + 1]]
        } - seen
        seen |= front
    return seen - {ego} - lost


def _place(graph: Graph, node: Any) -> int:
    found = np.flatnonzero(graph.nodes == node)
    if found.size != 1:
        raise ValueError(f"{node!r} is no node of the network")
    return int(found[0])
