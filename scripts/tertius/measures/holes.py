"""Structural holes (Burt 1992): every measure of ego's brokerage from one pass over triangles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import run_blocks
from tertius.measures._triangles import (
    alter_scales,
    block_bounds,
    ego_sums,
    investments,
    node_scales,
    orient,
    whole_sums,
)
from tertius.measures.graph import Graph

Reals = NDArray[np.float64]
# Below this number of edges one block is quicker than adding up the buffers of several.
_SMALL = 20_000
_BLOCKS = 8
# Two investments closer than this are equal: it covers the rounding of their sums.
_EQUAL = 1e-13


@dataclass(frozen=True, eq=False)
class Burt:
    """Structural-hole measures of every node, arrays of length n in the order of `nodes`.

    Undefined values are NaN. Without contacts (degree 0) all but `triangles` are undefined; with
    one contact `hierarchy`, `hierarchy_ego`, `ego_density`, `ego_density_weighted` and
    `local_clustering` are. Ranges: constraint (0, 2), and at most 9/8 without weights;
    effective_size [1, d]; efficiency (0, 1]; redundancy = 1 - efficiency; hierarchy [0, 1];
    ego_density [0, 1].
    """

    nodes: NDArray[Any]
    degree: NDArray[np.int64]
    constraint: Reals
    constraint_ego: Reals
    effective_size: Reals
    efficiency: Reals
    redundancy: Reals
    hierarchy: Reals
    hierarchy_ego: Reals
    ego_density: Reals
    ego_density_weighted: Reals
    local_clustering: Reals
    triangles: NDArray[np.int64]


def burt(graph: Graph, *, threads: int | None = None) -> Burt:
    """Burt's measures, weighted; pass `graph.unweighted()` for the unweighted ones.

    With p_ij = a_ij / s_i and contacts N_i of number d:

    - constraint C_i = sum_{j in N_i} c_ij, c_ij = (p_ij + sum_q p_iq p_qj)^2. `constraint` takes
      q's proportions over all of q's ties (the whole network, as igraph and networkx),
      `constraint_ego` over q's ties to ego and to ego's other contacts (Burt's ego network).
    - effective_size = sum_j [1 - sum_q p_iq m_jq], m_jq = a_jq / max_k a_jk; efficiency is
      effective_size / d and redundancy 1 - efficiency.
    - hierarchy = sum_j r_j ln r_j / (d ln d), r_j = c_ij d / C_i (Coleman-Theil disorder): 0 when
      all contacts constrain alike.
    - ego_density = 2 t / (d (d - 1)), t ties among the contacts; local_clustering is the same
      number; ego_density_weighted = (sum of weights among the contacts) / (d (d - 1) / 2).

    The result does not depend on `threads` (default numba's count), and a common factor on all
    weights changes it by rounding only. Source: Burt (1992), chapter 2, equations 2.2-2.9; ego
    network, Everett & Borgatti (2020); unweighted effective size d - 2t/d, Borgatti (1997).
    """
    node, rows, heads, weights = orient(graph.indptr, graph.indices, _scaled(graph.weights))
    scales, degree = node_scales(rows, heads, weights)
    count = _BLOCKS if heads.size > _SMALL else 1
    bounds = block_bounds(count, rows, heads)
    spans = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
    arcs, corners = np.zeros((heads.size, 3)), np.zeros((degree.size, 2))
    whole = run_blocks(
        lambda s: (s[0], *whole_sums(*s, rows, heads, weights, scales)), spans, threads
    )
    for first, block_arcs, block_nodes in whole:
        arcs[rows[first] :] += block_arcs
        corners[first:] += block_nodes
    inside = alter_scales(weights, arcs)
    indirect = np.zeros((heads.size, 2))
    ego = run_blocks(lambda s: (s[0], ego_sums(*s, rows, heads, weights, inside)), spans, threads)
    for first, block_indirect in ego:
        indirect[rows[first] :] += block_indirect
    # Contiguous columns, so that the kernel is compiled for one layout.
    strength, whole_part = (np.ascontiguousarray(x[:, 0]) for x in (scales, arcs))
    sums = investments(rows, heads, weights, strength, whole_part, indirect)
    among = _ties_among_contacts(rows, heads, arcs)
    return _finish(graph, node, degree, sums, scales[:, 1], corners, among)


def _scaled(weights: Reals) -> Reals:
    """Weights divided by a power of two near the largest: exact, and no product overflows."""
    if weights.size == 0:
        return weights
    return np.ldexp(weights, -int(np.frexp(weights.max())[1]))


def _ties_among_contacts(rows: NDArray[Any], heads: NDArray[Any], arcs: Reals) -> Reals:
    """Twice the weight among each node's contacts: the sum of its contacts' ties inside."""
    tails = np.repeat(np.arange(rows.size - 1), np.diff(rows))
    forward = np.bincount(tails, arcs[:, 1], rows.size - 1)
    backward = np.bincount(heads, arcs[:, 2], rows.size - 1)
    return np.asarray(forward + backward)


def _hierarchy(sums: Reals, degree: NDArray[np.int64]) -> Reals:
    total, entropy, least, most = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (entropy / total + np.log(degree / total)) / np.log(degree)
    value = np.where(most - least <= _EQUAL * most, 0.0, np.clip(value, 0.0, 1.0))
    return np.where(degree >= 2, value, np.nan)


def _finish(
    graph: Graph,
    node: NDArray[np.int32],
    degree: NDArray[np.int64],
    sums: tuple[Reals, Reals],
    inv_strength: Reals,
    corners: Reals,
    among: Reals,
) -> Burt:
    """Measures from the sums, put back from degree order into the order of the graph's nodes."""
    tied = degree >= 1
    pairs = np.where(degree >= 2, degree * (degree - 1) / 2.0, np.nan)
    effective = np.where(tied, degree - corners[:, 0] * inv_strength, np.nan)
    efficiency = effective / np.where(tied, degree, np.nan)
    unscale = float(np.frexp(graph.weights.max())[1]) if graph.weights.size else 0.0
    density = corners[:, 1] / pairs

    def back(values: NDArray[Any]) -> NDArray[Any]:
        out = np.empty_like(values)
        out[node] = values
        return out

    return Burt(
        nodes=graph.nodes,
        degree=back(degree),
        constraint=back(np.where(tied, sums[0][:, 0], np.nan)),
        constraint_ego=back(np.where(tied, sums[1][:, 0], np.nan)),
        effective_size=back(effective),
        efficiency=back(efficiency),
        redundancy=back(1.0 - efficiency),
        hierarchy=back(_hierarchy(sums[0], degree)),
        hierarchy_ego=back(_hierarchy(sums[1], degree)),
        ego_density=back(density),
        ego_density_weighted=back(among / 2.0 / pairs * 2.0**unscale),
        local_clustering=back(density.copy()),
        triangles=back(corners[:, 1].astype(np.int64)),
    )
