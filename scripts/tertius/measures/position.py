"""Position of a node in the network: degree, shortest-path centralities, components, reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import run_blocks
from tertius.measures._dependencies import LANES, dependency_sums, weighted_dependency_sums
from tertius.measures._distances import WORDS, breadth_first_order, distance_sums, relabelled
from tertius.measures._sampling import Sources, choose_sources
from tertius.measures._structure import component_labels, core_numbers
from tertius.measures._twins import fold_twins
from tertius.measures.graph import Graph

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]
# A fixed number of blocks: sums are added block by block, whatever the number of threads.
_SOURCE_BLOCKS = 32


@dataclass(frozen=True, eq=False)
class Betweenness:
    """Betweenness of every node: raw (pairs counted once), share of all pairs, standard errors.

    standard_error and normalised_se are NaN where the value is exact. normalised is NaN when the
    network has fewer than three nodes. n_sources: shortest-path trees that were grown.
    """

    nodes: NDArray[Any]
    raw: Reals
    normalised: Reals
    standard_error: Reals
    normalised_se: Reals
    n_sources: int


@dataclass(frozen=True, eq=False)
class Closeness:
    """Wasserman-Faust closeness and harmonic closeness, both in [0, 1], with standard errors.

    Isolates have 0 by definition; both are NaN in a network of one node. Standard errors are NaN
    where the value is exact.
    """

    nodes: NDArray[Any]
    closeness: Reals
    harmonic: Reals
    closeness_se: Reals
    harmonic_se: Reals
    n_sources: int


def degree(graph: Graph) -> Ints:
    """Number of contacts d_i >= 0, 0 for isolates. Source: Freeman (1979)."""
    return np.diff(graph.indptr)


def degree_normalised(graph: Graph) -> Reals:
    """d_i / (N - 1) in [0, 1]; NaN in a network of one node. Source: Freeman (1979)."""
    return degree(graph) / _or_nan(graph.n_nodes - 1)


def strength(graph: Graph) -> Reals:
    """Sum of the weights of a node's ties, >= 0. Source: Barrat et al. (2004)."""
    rows = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    return np.asarray(np.bincount(rows, graph.weights, graph.n_nodes), dtype=np.float64)


def components(graph: Graph) -> Ints:
    """Component of every node, numbered from 0 in the order of their first nodes.

    Two nodes are in one component when a path joins them. Source: Wasserman & Faust (1994, ch. 4).
    """
    return component_labels(graph.indptr, graph.indices)


def component_size(graph: Graph) -> Ints:
    """Number of nodes in the node's component, 1 for isolates.

    Source: Wasserman & Faust (1994, ch. 4).
    """
    label = components(graph)
    return np.bincount(label)[label] if label.size else label


def k_core(graph: Graph) -> Ints:
    """Largest k such that the node lies in the k-core; 0 for isolates. Source: Seidman (1983)."""
    return core_numbers(graph.indptr, graph.indices)


def two_step_reach(graph: Graph, *, threads: int | None = None) -> Ints:
    """Number of other nodes j with distance d_ij <= 2, >= degree; 0 for isolates.

    Source: Borgatti, Jones & Everett (1998).
    """
    return _distances(graph, np.arange(graph.n_nodes), 2, threads)[:, 0].astype(np.int64)


def sources(
    graph: Graph, sample_sources: int | None = None, rng: np.random.Generator | None = None
) -> Sources:
    """Sources for `betweenness` and `closeness`: all nodes, or a sample in large components.

    In every component of more than `sample_sources` nodes that many are drawn without replacement;
    smaller components stay exact. Raises ValueError for fewer than 3 sources or without `rng`.
    """
    return choose_sources(components(graph), sample_sources, rng)


def betweenness(
    graph: Graph,
    *,
    start: Sources | None = None,
    weighted: bool = False,
    threads: int | None = None,
) -> Betweenness:
    """Betweenness sum_{j<k} g_jk(i) / g_jk; normalised by (N - 1)(N - 2) / 2.

    start: `sources(graph, ...)`, exact by default; sampled values come with standard errors and
    scale the mean dependency over drawn sources up to all (Brandes & Pich 2007). Few sources carry
    most of the dependency on a node, so a sampled value has a long right tail and its standard
    error, estimated from the same draws, is too small where no such source was drawn. weighted:
    ties are strengths, a path costs the sum of 1/weight (Opsahl et al. 2010). Range
    [0, (N-1)(N-2)/2], 0 for isolates and pendants. Source: Freeman (1977); Brandes (2001).
    """
    chosen = sources(graph) if start is None else start
    # Paths inside a component of two nodes have no interior.
    roots = chosen.sources[chosen.others[chosen.sources] > 1]
    sums = _dependencies(graph, roots, weighted, threads)
    total, error = chosen.estimate(sums[:, 0], sums[:, 1])
    pairs = _or_nan((graph.n_nodes - 1) * (graph.n_nodes - 2) / 2)
    error = np.where(chosen.exact, np.nan, error / 2)
    return Betweenness(graph.nodes, total / 2, total / 2 / pairs, error, error / pairs, roots.size)


def closeness(
    graph: Graph, *, start: Sources | None = None, threads: int | None = None
) -> Closeness:
    """Wasserman-Faust closeness and harmonic closeness; ties count one step each.

    closeness_i = [(r - 1) / (N - 1)] [(r - 1) / sum_j d_ij] over the r nodes of i's component
    (Wasserman & Faust 1994, p. 201): comparable across components, unlike the within-component
    version. harmonic_i = sum_{j != i} (1 / d_ij) / (N - 1), 1/inf = 0 (Marchiori & Latora 2000;
    Rochat 2009). start: `sources(graph, ...)`, exact by default; a sampled closeness has the
    standard error of the distance sum carried over by the delta method.
    """
    chosen = sources(graph) if start is None else start
    sums = _distances(graph, chosen.sources, graph.n_nodes, threads)
    far, far_se = chosen.estimate(sums[:, 1], sums[:, 2])
    near, near_se = chosen.estimate(sums[:, 3], sums[:, 4])
    others, everyone = chosen.others.astype(float), _or_nan(graph.n_nodes - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(others > 0, others * others / (everyone * far), 0.0 / everyone)
        value_se = np.where(chosen.exact, np.nan, value * far_se / far)
    return Closeness(
        nodes=graph.nodes,
        closeness=value,
        harmonic=near / everyone,
        closeness_se=value_se,
        harmonic_se=np.where(chosen.exact, np.nan, near_se / everyone),
        n_sources=chosen.sources.size,
    )


def _rank(graph: Graph) -> Ints:
    """Place of every node in breadth-first order from the nodes of most contacts."""
    order = np.argsort(-degree(graph), kind="stable")
    rank = np.empty(graph.n_nodes, np.int64)
    rank[breadth_first_order(graph.indptr, graph.indices, order)] = np.arange(graph.n_nodes)
    return rank


def _distances(graph: Graph, roots: Ints, farthest: int, threads: int | None) -> Reals:
    """`distance_sums` over all roots; neighbouring roots share most of their search."""
    rank = _rank(graph)
    indptr, indices = relabelled(graph.indptr, graph.indices, np.argsort(rank))
    roots = np.sort(rank[roots])

    def block(part: Ints) -> Reals:
        return distance_sums(indptr, indices, part, farthest)

    return _add_up(block, roots, graph.n_nodes, 5, threads, bundle=64 * WORDS)[rank]


def _dependencies(graph: Graph, roots: Ints, weighted: bool, threads: int | None) -> Reals:
    """Sum and sum of squares of the dependencies on every node, over all roots."""
    if weighted:
        costs = 1.0 / graph.weights

        def by_cost(part: Ints) -> Reals:
            return weighted_dependency_sums(graph.indptr, graph.indices, costs, part)

        return _add_up(by_cost, roots, graph.n_nodes, 2, threads)
    folded = fold_twins(graph.indptr, graph.indices, _rank(graph))
    times = np.bincount(folded.class_of[roots], minlength=folded.members.size).astype(float)

    def by_step(part: Ints) -> Reals:
        return dependency_sums(
            folded.indptr, folded.indices, folded.members, folded.is_open, part, times[part]
        )

    starts = np.flatnonzero(times)
    return _add_up(by_step, starts, times.size, 2, threads, bundle=LANES)[folded.class_of]


def _add_up(
    block: Callable[[Ints], Reals],
    roots: Ints,
    n: int,
    width: int,
    threads: int | None,
    bundle: int = 1,
) -> Reals:
    """Sum of `block` over parts of the roots: at most 32 parts, whole bundles dealt in turn."""
    which = np.arange(roots.size) // bundle % _SOURCE_BLOCKS
    parts = [roots[which == k] for k in range(min(_SOURCE_BLOCKS, -(-roots.size // bundle)))]
    total = np.zeros((n, width))
    for sums in run_blocks(block, parts, threads):
        total += sums
    return total


def _or_nan(denominator: float) -> float:
    return float(denominator) if denominator > 0 else float("nan")
