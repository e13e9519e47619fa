"""Kernels over triangles: each triangle is visited once, from its corner of lowest degree.

Notation: weights w, strengths s, largest ties M. Nodes are renumbered by (degree, position) and an
edge is kept as one arc from the lower to the higher number; arcs out of u fill row u. For a
triangle u < v < q the arcs are a = uv, c = uq, b = vq. An arc a = uv carries quantities of two
egos: "forward" those of ego u about alter v, "backward" those of ego v about alter u.

A block of corners adds into its own buffers, which start at its first arc and node; buffers are
then added in the order of the blocks, so that no sum depends on the number of threads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.kernels import kernel

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]
Reals = NDArray[np.float64]


@kernel
def orient(
    indptr: Ints, indices: Heads, weights: Reals
) -> tuple[NDArray[np.int32], Ints, Heads, Reals]:
    """Number nodes by (degree, position), keep arcs low -> high: (node of number, rows)."""
    n = indptr.size - 1
    degree = indptr[1:] - indptr[:-1]
    start = np.zeros(n + 2, np.int64)
    for i in range(n):
        start[degree[i] + 1] += 1
    for k in range(n + 1):
        start[k + 1] += start[k]
    number = np.empty(n, np.int32)
    node = np.empty(n, np.int32)
    for i in range(n):
        r = start[degree[i]]
        start[degree[i]] += 1
        number[i] = r
        node[r] = i
    rows = np.zeros(n + 1, np.int64)
    heads = np.empty(indices.size // 2, np.int32)
    values = np.empty(indices.size // 2)
    p = 0
    for r in range(n):
        i = node[r]
        for e in range(indptr[i], indptr[i + 1]):
            if number[indices[e]] > r:
                heads[p] = number[indices[e]]
                values[p] = weights[e]
                p += 1
        rows[r + 1] = p
    return node, rows, heads, values


@kernel
def block_bounds(n_blocks: int, rows: Ints, heads: Heads) -> Ints:
    """Cut the corners into blocks of about equal work; depends on the graph only."""
    n = rows.size - 1
    work = np.zeros(n + 1, np.int64)
    for u in range(n):
        w = 0
        for a in range(rows[u], rows[u + 1]):
            w += rows[heads[a] + 1] - rows[heads[a]] + 1
        work[u + 1] = work[u] + w
    bounds = np.full(n_blocks + 1, n, np.int64)
    bounds[0] = 0
    k = 1
    for u in range(n):
        while k < n_blocks and work[u + 1] * n_blocks >= work[n] * k:
            bounds[k] = u + 1
            k += 1
    return bounds


@kernel
def node_scales(rows: Ints, heads: Heads, weights: Reals) -> tuple[Reals, Ints]:
    """Per node (strength, 1/strength, 1/largest tie), and degree; the reciprocals of 0 are 0."""
    n = rows.size - 1
    scales = np.zeros((n, 3))
    degree = np.zeros(n, np.int64)
    for u in range(n):
        for a in range(rows[u], rows[u + 1]):
            v = heads[a]
            w = weights[a]
            scales[u, 0] += w
            scales[v, 0] += w
            scales[u, 2] = max(scales[u, 2], w)
            scales[v, 2] = max(scales[v, 2], w)
            degree[u] += 1
            degree[v] += 1
    for u in range(n):
        if degree[u] > 0:
            scales[u, 1] = 1.0 / scales[u, 0]
            scales[u, 2] = 1.0 / scales[u, 2]
    return scales, degree


@kernel
def whole_sums(
    lo: int, hi: int, rows: Ints, heads: Heads, weights: Reals, scales: Reals
) -> tuple[Reals, Reals]:
    """Triangle sums of corners lo..hi-1, over arcs from rows[lo] on and nodes from lo on.

    Arcs: T = sum_q w_iq w_qj / s_q (Burt's indirect part, symmetric), then the alter's ties to
    ego's other alters, forward and backward. Nodes: sum over triangles of
    w_jq (w_iq / M_j + w_ij / M_q), then the number of triangles.
    """
    first = rows[lo]
    arcs = np.zeros((heads.size - first, 3))
    nodes = np.zeros((rows.size - 1 - lo, 2))
    mark = np.zeros(rows.size - 1 - lo, np.int64)
    for u in range(lo, hi):
        begin = rows[u]
        end = rows[u + 1]
        if end - begin < 2:
            continue
        inv_su = scales[u, 1]
        inv_mu = scales[u, 2]
        red_u = 0.0
        tri_u = 0.0
        for a in range(begin, end):
            mark[heads[a] - lo] = a - begin + 1
        for a in range(begin, end):
            v = heads[a]
            w_uv = weights[a]
            inv_sv = scales[v, 1]
            inv_mv = scales[v, 2]
            t_a = 0.0
            forward = 0.0
            backward = 0.0
            red_v = 0.0
            tri_v = 0.0
            for b in range(rows[v], rows[v + 1]):
                q = heads[b]
                found = mark[q - lo]
                if found > 0:
                    c = begin + found - 1
                    w_uq = weights[c]
                    w_vq = weights[b]
                    inv_mq = scales[q, 2]
                    t_a += w_uq * w_vq * scales[q, 1]
                    forward += w_vq
                    backward += w_uq
                    arcs[c - first, 0] += w_uv * w_vq * inv_sv
                    arcs[c - first, 1] += w_vq
                    arcs[c - first, 2] += w_uv
                    arcs[b - first, 0] += w_uv * w_uq * inv_su
                    arcs[b - first, 1] += w_uq
                    arcs[b - first, 2] += w_uv
                    red_u += w_vq * (w_uq * inv_mv + w_uv * inv_mq)
                    red_v += w_uq * (w_vq * inv_mu + w_uv * inv_mq)
                    nodes[q - lo, 0] += w_uv * (w_vq * inv_mu + w_uq * inv_mv)
                    nodes[q - lo, 1] += 1.0
                    tri_v += 1.0
            if tri_v > 0.0:
                arcs[a - first, 0] += t_a
                arcs[a - first, 1] += forward
                arcs[a - first, 2] += backward
                nodes[v - lo, 0] += red_v
                nodes[v - lo, 1] += tri_v
                tri_u += tri_v
        nodes[u - lo, 0] += red_u
        nodes[u - lo, 1] += tri_u
        for a in range(begin, end):
            mark[heads[a] - lo] = 0
    return arcs, nodes


@kernel
def alter_scales(weights: Reals, arcs: Reals) -> Reals:
    """1 / (strength of the alter inside ego's network), forward and backward, 0 off triangles."""
    scales = np.zeros((weights.size, 2))
    for a in range(weights.size):
        if arcs[a, 1] > 0.0:
            scales[a, 0] = 1.0 / (weights[a] + arcs[a, 1])
            scales[a, 1] = 1.0 / (weights[a] + arcs[a, 2])
    return scales


@kernel
def ego_sums(lo: int, hi: int, rows: Ints, heads: Heads, weights: Reals, scales: Reals) -> Reals:
    """T of the ego-network model for both egos of every arc, from corners lo..hi-1.

    `scales` is `alter_scales`: the alter's proportions inside ego's network only. An arc of scale 0
    lies on no triangle and is passed over.
    """
    first = rows[lo]
    arcs = np.zeros((heads.size - first, 2))
    mark = np.zeros(rows.size - 1 - lo, np.int64)
    for u in range(lo, hi):
        begin = rows[u]
        end = rows[u + 1]
        linked = 0
        for a in range(begin, end):
            if scales[a, 0] > 0.0:
                mark[heads[a] - lo] = a - begin + 1
                linked += 1
        if linked < 2:
            for a in range(begin, end):
                mark[heads[a] - lo] = 0
            continue
        for a in range(begin, end):
            if scales[a, 0] == 0.0:
                continue
            v = heads[a]
            w_uv = weights[a]
            forward = 0.0
            backward = 0.0
            for b in range(rows[v], rows[v + 1]):
                found = mark[heads[b] - lo]
                if found > 0:
                    c = begin + found - 1
                    w_uq = weights[c]
                    w_vq = weights[b]
                    forward += w_uq * w_vq * scales[c, 0]
                    backward += w_vq * w_uq * scales[b, 0]
                    arcs[c - first, 0] += w_uv * w_vq * scales[a, 0]
                    arcs[c - first, 1] += w_vq * w_uv * scales[b, 1]
                    arcs[b - first, 0] += w_uv * w_uq * scales[a, 1]
                    arcs[b - first, 1] += w_uq * w_uv * scales[c, 1]
            arcs[a - first, 0] += forward
            arcs[a - first, 1] += backward
        for a in range(begin, end):
            mark[heads[a] - lo] = 0
    return arcs


@kernel
def investments(
    rows: Ints, heads: Heads, weights: Reals, strength: Reals, whole: Reals, ego: Reals
) -> tuple[Reals, Reals]:
    """Sums over ego's contacts j of c = y^2, y_ij = (w_ij + T_ij) / s_i, in both models.

    Returns per node (sum c, sum c ln c, min y, max y), for the whole and the ego-network model.
    ln c is 2 (ln(w + T) - ln s), so that a c that underflows adds 0.
    """
    n = rows.size - 1
    out_whole = np.zeros((n, 4))
    out_ego = np.zeros((n, 4))
    out_whole[:, 2] = np.inf
    out_ego[:, 2] = np.inf
    log_s = np.zeros(n)
    for u in range(n):
        if strength[u] > 0.0:
            log_s[u] = np.log(strength[u])
    for u in range(n):
        for a in range(rows[u], rows[u + 1]):
            v = heads[a]
            x = weights[a] + whole[a]
            log_x = np.log(x)
            _add_contact(out_whole, u, x, log_x, strength[u], log_s[u])
            _add_contact(out_whole, v, x, log_x, strength[v], log_s[v])
            if ego[a, 0] > 0.0:
                x = weights[a] + ego[a, 0]
                _add_contact(out_ego, u, x, np.log(x), strength[u], log_s[u])
                x = weights[a] + ego[a, 1]
                _add_contact(out_ego, v, x, np.log(x), strength[v], log_s[v])
            else:
                _add_contact(out_ego, u, x, log_x, strength[u], log_s[u])
                _add_contact(out_ego, v, x, log_x, strength[v], log_s[v])
    return out_whole, out_ego


@kernel
def _add_contact(out: Reals, i: int, x: float, log_x: float, s: float, log_s: float) -> None:
    y = x / s
    c = y * y
    out[i, 0] += c
    out[i, 1] += c * 2.0 * (log_x - log_s)
    out[i, 2] = min(out[i, 2], y)
    out[i, 3] = max(out[i, 3], y)
