"""The network as a whole: centralisation, clustering, path length, mixing, small worlds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tertius.codes import as_series, distinct, encode
from tertius.measures._rewire import pair_table, swap_members, swap_ties
from tertius.measures.brokerage import rings
from tertius.measures.graph import Graph
from tertius.measures.holes import burt
from tertius.measures.position import component_size, components, degree

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]
NAN = float("nan")


def degree_centralisation(graph: Graph) -> float:
    """sum_i (max d - d_i) / ((N - 1)(N - 2)) in [0, 1]: 1 for a star, 0 where all are alike.

    NaN in fewer than three nodes. Source: Freeman (1979).
    """
    d, n = degree(graph), graph.n_nodes
    return float((d.max() - d).sum() / ((n - 1) * (n - 2))) if n >= 3 else NAN


def centralisation(values: ArrayLike) -> float:
    """sum_i (max c - c_i) / (N - 1) of a normalised centrality c whose maximum is a star's centre.

    For normalised betweenness: Freeman's betweenness centralisation, in [0, 1]. NaN in fewer than
    three nodes or with undefined values. Source: Freeman (1979).
    """
    c = np.asarray(values, dtype=float)
    return float((c.max() - c).sum() / (c.size - 1)) if c.size >= 3 else NAN


def mean_local_clustering(graph: Graph) -> float:
    """Mean of the local clustering of the nodes with two contacts or more; in [0, 1].

    NaN where no node has two contacts. Nodes with fewer are left out, not 0 (networkx's mean counts
    them as 0; igraph's default leaves them out). Source: Watts & Strogatz (1998).
    """
    local = burt(graph).local_clustering
    return float(np.nanmean(local)) if np.isfinite(local).any() else NAN


def transitivity(graph: Graph) -> float:
    """Share of the open and closed 2-paths that are closed: 3 triangles / triples; in [0, 1].

    NaN without a 2-path. The other clustering coefficient: it weighs nodes by d (d - 1) / 2.
    Source: Newman, Strogatz & Watts (2001).
    """
    d = degree(graph)
    triples = float((d * (d - 1) // 2).sum())
    return float(burt(graph).triangles.sum()) / triples if triples else NAN


def mean_path_length(graph: Graph) -> float:
    """Mean distance over the pairs of the largest component (of all that are largest); >= 1.

    Exact, steps. NaN without ties. Source: Watts & Strogatz (1998).
    """
    if graph.n_edges == 0:
        return NAN
    inside = component_size(graph) == component_size(graph).max()
    counts = rings(graph)[inside].sum(axis=0)
    return float((counts * np.arange(1, counts.size + 1)).sum() / counts.sum())


def degree_assortativity(graph: Graph) -> float:
    """Correlation of the degrees at the two ends of ties; in [-1, 1].

    NaN where all ends have one degree or there are no ties. Source: Newman (2002, eq. 4).
    """
    d = degree(graph).astype(np.int64)
    rows = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    x, y = d[rows], d[graph.indices]
    m = int(x.size)
    # Whole numbers: exact, and in any order of the ties.
    total, squares, cross = int(x.sum()), int((x * x).sum()), int((x * y).sum())
    spread = m * squares - total * total
    return (m * cross - total * total) / spread if spread else NAN


# ------------------------------------------------------------------------------- null models
@dataclass(frozen=True)
class Swaps:
    """Swaps tried and done by a rewiring; done / tie = how often a tie was moved on average."""

    tried: int
    done: int


def rewire(
    graph: Graph, *, rng: np.random.Generator, swaps_per_tie: float = 10.0
) -> tuple[Graph, Swaps]:
    """A random network with the same degrees: double swaps of ties, weights set to 1.

    a-b and c-d become a-d and c-b unless that makes a loop or a double tie; `swaps_per_tie` times
    the ties are tried. Source: Maslov & Sneppen (2002).
    """
    n = graph.n_nodes
    rows = np.repeat(np.arange(n, dtype=np.int32), np.diff(graph.indptr))
    upper = rows < graph.indices
    a, b = rows[upper], graph.indices[upper]
    tries = round(swaps_per_tie * a.size) if a.size > 1 else 0
    first, second = (rng.integers(0, max(a.size, 1), tries) for _ in range(2))
    table = pair_table(n * n, a.size)
    done = swap_ties(n, a, b, first, second, rng.random(tries) < 0.5, table)
    return Graph.from_codes(a, b, graph.nodes), Swaps(tries, int(done))


@dataclass(frozen=True, eq=False)
class Memberships:
    """A two-mode network: which node belongs to which group (record), each pair once.

    group, member: codes into `groups` and `nodes`; sorted by (group, member).
    """

    group: Ints
    member: Ints
    groups: NDArray[Any]
    nodes: NDArray[Any]

    @classmethod
    def from_pairs(cls, group: Any, node: Any) -> Memberships:
        """Memberships from two columns of identifiers; repeated pairs count once."""
        names = as_series(group, "group"), as_series(node, "node")
        if names[0].len() != names[1].len():
            raise ValueError(f"group has {names[0].len()} rows, node has {names[1].len()}")
        known = [distinct([column]) for column in names]
        codes = [encode(c, k) for c, k in zip(names, known, strict=True)]
        pairs = np.unique(codes[0] * max(known[1].len(), 1) + codes[1])
        return cls(
            pairs // max(known[1].len(), 1),
            pairs % max(known[1].len(), 1),
            known[0].to_numpy(),
            known[1].to_numpy(),
        )

    def project(self) -> Graph:
        """The one-mode network: nodes of a common group are tied; weight = common groups."""
        changes = np.flatnonzero(np.diff(self.group)) + 1
        parts = np.split(self.member, changes)
        pairs = [np.array(np.triu_indices(part.size, 1)) for part in parts]
        ends = [p[k] for p, k in zip(parts, pairs, strict=True)]
        low, high = (np.concatenate([e[side] for e in ends]) for side in range(2))
        graph = Graph.from_edges(low, high, nodes=np.arange(self.nodes.size))
        return replace(graph, nodes=self.nodes)


def rewire_two_mode(
    memberships: Memberships, *, rng: np.random.Generator, swaps_per_tie: float = 10.0
) -> tuple[Memberships, Swaps]:
    """Random memberships with the same groups' sizes and the same number of groups of each node.

    The projection of the result is the null of a network that is made of groups: it has the
    clustering that cliques bring by themselves. Source: Newman, Strogatz & Watts (2001).
    """
    group, member = memberships.group.copy(), memberships.member.copy()
    tries = round(swaps_per_tie * group.size)
    first, second = (rng.integers(0, max(group.size, 1), tries) for _ in range(2))
    n = memberships.nodes.size
    table = pair_table(n * max(memberships.groups.size, 1), group.size)
    done = swap_members(n, group, member, first, second, table)
    order = np.lexsort((member, group))
    return replace(memberships, group=group[order], member=member[order]), Swaps(tries, int(done))


@dataclass(frozen=True)
class SmallWorld:
    """Clustering and path length against a null: ratio = (C / C_null) / (L / L_null).

    NaN where a part is undefined or the null has no clustering.
    """

    clustering: float
    path_length: float
    clustering_null: float
    path_length_null: float

    @property
    def clustering_ratio(self) -> float:
        """C / C_null."""
        return self.clustering / self.clustering_null if self.clustering_null > 0 else NAN

    @property
    def path_ratio(self) -> float:
        """L / L_null."""
        return self.path_length / self.path_length_null if self.path_length_null > 0 else NAN

    @property
    def ratio(self) -> float:
        """(C / C_null) / (L / L_null): above 1, more of a small world than the null."""
        return self.clustering_ratio / self.path_ratio


def one_mode_null(n_nodes: int, mean_degree: float) -> tuple[float, float]:
    """Clustering k/n and path length ln n / ln k of a random graph; k > 1, else NaN.

    Source: Watts & Strogatz (1998). Of projections from groups it makes nearly every network a
    small world: use `two_mode_null`.
    """
    if not mean_degree > 1.0:
        return NAN, NAN
    return mean_degree / n_nodes, float(np.log(n_nodes) / np.log(mean_degree))


def two_mode_null(memberships: Memberships) -> tuple[float, float]:
    """Transitivity and path length of the projection of random memberships with these degrees.

    With f0, g0 the generating functions of groups per node and members per group, N nodes and M
    groups: G0(x) = f0(g0'(x) / g0'(1)), G1(x) = f1(g1(x)), C = (M/N) g0'''(1) / G0''(1), z1 =
    G0'(1), z2 = G0'(1) G1'(1), L = ln(N / z1) / ln(z2 / z1) + 1. C is the limit of many nodes and
    close at a thousand; L is its leading term and a tenth too short there: `null_draws` measures
    both. NaN without a group of two (C: without a 2-path; L: when z2 <= z1). Groups of one belong
    into the memberships if they could have had partners.
    Source: Newman, Strogatz & Watts (2001, eq. 72-84 and 54); Uzzi & Spiro (2005).
    """
    per_node = np.bincount(memberships.member, minlength=memberships.nodes.size).astype(float)
    sizes = np.bincount(memberships.group, minlength=memberships.groups.size).astype(float)
    if sizes.size == 0 or sizes.max(initial=0.0) < 2:
        return NAN, NAN
    n, m = per_node.size, sizes.size
    f1, f2 = per_node.mean(), (per_node * (per_node - 1)).mean()
    g1, g2 = sizes.mean(), (sizes * (sizes - 1)).mean()
    g3 = (sizes * (sizes - 1) * (sizes - 2)).mean()
    second = f2 * (g2 / g1) ** 2 + f1 * g3 / g1
    z1 = f1 * g2 / g1
    # From a node that is reached through one group, by its other groups.
    growth = (f2 / f1) * (g2 / g1)
    clustering = (m / n) * g3 / second if second > 0 else NAN
    length = np.log(n / z1) / np.log(growth) + 1.0 if growth > 1.0 else NAN
    return float(clustering), float(length)


def small_world(graph: Graph, memberships: Memberships | None = None) -> SmallWorld:
    """Transitivity and path length of a network against its null.

    With memberships against `two_mode_null` (by transitivity, as the null is), else against
    `one_mode_null` of the nodes with ties. Source: Uzzi & Spiro (2005).
    """
    if memberships is not None:
        null = two_mode_null(memberships)
    else:
        tied = int((degree(graph) > 0).sum())
        null = one_mode_null(tied, 2 * graph.n_edges / max(tied, 1))
    return SmallWorld(transitivity(graph), mean_path_length(graph), *null)


@dataclass(frozen=True)
class NullDraws:
    """Rewired networks: mean and standard deviation (n - 1) of transitivity and path length."""

    draws: int
    clustering_mean: float
    clustering_sd: float
    path_mean: float
    path_sd: float
    swaps: Swaps


def null_draws(
    graph: Graph | Memberships,
    *,
    draws: int,
    seed: int | list[int],
    swaps_per_tie: float = 10.0,
    paths: bool = True,
) -> NullDraws:
    """Transitivity and path length of `draws` rewired networks (two-mode where memberships).

    paths: also path lengths (a search from every node). Draws whose value is undefined are left
    out of its mean. Raises ValueError for fewer than two draws.
    """
    if draws < 2:
        raise ValueError(f"draws must be at least 2, not {draws}")
    rng = np.random.default_rng(seed)
    clustering, length = np.full(draws, NAN), np.full(draws, NAN)
    tried = done = 0
    for draw in range(draws):
        if isinstance(graph, Memberships):
            groups, swaps = rewire_two_mode(graph, rng=rng, swaps_per_tie=swaps_per_tie)
            random = groups.project()
        else:
            random, swaps = rewire(graph, rng=rng, swaps_per_tie=swaps_per_tie)
        tried, done = tried + swaps.tried, done + swaps.done
        clustering[draw] = transitivity(random)
        length[draw] = mean_path_length(random) if paths else NAN
    return NullDraws(draws, *_moments(clustering), *_moments(length), swaps=Swaps(tried, done))


def _moments(values: Reals) -> tuple[float, float]:
    found = values[np.isfinite(values)]
    mean = float(found.mean()) if found.size else NAN
    return mean, float(found.std(ddof=1)) if found.size > 1 else NAN


def component_counts(graph: Graph) -> tuple[int, float]:
    """Number of components, isolates included, and the share of nodes in the largest one."""
    if graph.n_nodes == 0:
        return 0, NAN
    size = np.bincount(components(graph))
    return int(size.size), float(size.max() / graph.n_nodes)
