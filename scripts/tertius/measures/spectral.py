"""Centralities from the spectrum of the adjacency matrix: eigenvector and Bonacich power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity
from scipy.sparse.linalg import cg, eigsh

from tertius.measures.graph import Graph
from tertius.measures.position import components, strength

Reals = NDArray[np.float64]
Policy = Literal["largest", "leading"]
# Up to this size the full dense spectrum is as quick as the iterative solver.
_DENSE = 64
# Two leading components whose eigenvalues agree this closely are tied.
_TIED = 1e-9


def adjacency(graph: Graph) -> csr_matrix:
    """The symmetric weighted adjacency matrix, n x n."""
    n = graph.n_nodes
    return csr_matrix((graph.weights, graph.indices, graph.indptr), shape=(n, n))


def eigenvector(graph: Graph, *, policy: Policy = "largest") -> Reals:
    """Eigenvector centrality A x = lambda_1 x with the largest entry 1, in (0, 1].

    On several components the measure exists on one only, and `policy` says which: `largest`, the
    component with most nodes, or `leading`, the one with the largest eigenvalue (where the leading
    vector of the whole matrix has all its mass). All other nodes are NaN. Two largest or two
    leading components leave every node NaN, and so does a network without ties. Source: Bonacich
    (1972).
    """
    label = components(graph)
    matrix = adjacency(graph)
    out = np.full(graph.n_nodes, np.nan)
    if graph.n_edges == 0:
        return out
    size = np.bincount(label)
    if policy == "largest":
        candidates = np.flatnonzero(size == size.max())
        if candidates.size > 1:
            return out
    elif policy == "leading":
        candidates = np.flatnonzero(size > 1)
    else:
        raise ValueError(f"policy must be 'largest' or 'leading', not {policy!r}")
    # lambda_1 is at most the largest row sum: most small components need no spectrum.
    bound = np.zeros(size.size)
    np.maximum.at(bound, label, strength(graph))
    order = np.argsort(label, kind="stable")
    ends = np.r_[0, np.cumsum(size)]
    best, second, members, vector = 0.0, 0.0, label[:0], out[:0]
    for component in candidates[np.argsort(-bound[candidates], kind="stable")]:
        if bound[component] < best * (1 - _TIED):
            break
        inside = order[ends[component] : ends[component + 1]]
        value, x = _leading(matrix[inside][:, inside])
        if value > best:
            best, second, members, vector = value, best, inside, x
        else:
            second = max(second, value)
    if second >= best * (1 - _TIED):
        return out
    out[members] = vector
    return out


def _leading(matrix: csr_matrix) -> tuple[float, Reals]:
    """Largest eigenvalue and its positive eigenvector (maximum 1) of a connected component."""
    if matrix.shape[0] <= _DENSE:
        values, vectors = np.linalg.eigh(matrix.toarray())
    else:
        # A positive start is never orthogonal to the leading vector, and makes runs repeat.
        start = np.sqrt(np.asarray(matrix.sum(axis=1)).ravel())
        values, vectors = eigsh(matrix, k=1, which="LA", v0=start, tol=0)
    x = np.abs(vectors[:, -1])
    return float(values[-1]), x / x.max()


def largest_eigenvalue(graph: Graph) -> float:
    """Largest eigenvalue lambda_1 of the adjacency matrix; 0 without ties."""
    matrix = adjacency(graph)
    if graph.n_edges == 0:
        return 0.0
    if graph.n_nodes <= _DENSE:
        return float(np.linalg.eigvalsh(matrix.toarray())[-1])
    start = np.sqrt(np.asarray(matrix.sum(axis=1)).ravel() + graph.weights.mean())
    found = eigsh(matrix, k=1, which="LA", v0=start, tol=0, return_eigenvectors=False)
    return float(found[0])


def bonacich_power(graph: Graph, *, beta: float | None = None, ratio: float = 0.75) -> Reals:
    """Bonacich power c = alpha (I - beta A)^-1 A 1, scaled so that sum c^2 = N; 0 for isolates.

    beta: attenuation, |beta| < 1 / lambda_1 of this network, by default ratio / lambda_1; negative
    values give power over weak contacts, and then c may be negative. A network without ties is all
    0. Raises ValueError when beta is out of range. Source: Bonacich (1987).
    """
    bound = largest_eigenvalue(graph)
    if bound == 0.0:
        return np.zeros(graph.n_nodes)
    return _power(graph, bound, ratio / bound if beta is None else beta)


def bonacich_profile(graph: Graph, ratios: Sequence[float]) -> Reals:
    """`bonacich_power` for several beta = ratio / lambda_1 at once: n x number of ratios.

    Ratios between -1 and 1, signed: a negative one is bargaining power, where weak contacts make
    strong. Raises ValueError for a ratio out of range. Source: Bonacich (1987).
    """
    bound = largest_eigenvalue(graph)
    if bound == 0.0:
        return np.zeros((graph.n_nodes, len(ratios)))
    columns = [_power(graph, bound, ratio / bound) for ratio in ratios]
    return np.stack(columns, axis=1) if columns else np.zeros((graph.n_nodes, 0))


def _power(graph: Graph, bound: float, beta: float) -> Reals:
    """Scaled Bonacich power for one beta; `bound` is the largest eigenvalue."""
    if not abs(beta) * bound < 1.0:
        raise ValueError(f"beta {beta:g} is not below 1/lambda_1 = {1 / bound:g} in absolute value")
    matrix = adjacency(graph)
    ones = np.asarray(matrix.sum(axis=1)).ravel()
    system = identity(graph.n_nodes, format="csr") - beta * matrix
    power, info = cg(system, ones, rtol=1e-13, atol=0.0, maxiter=10_000)
    if info != 0:
        raise ValueError(f"beta {beta:g} is too near 1/lambda_1 = {1 / bound:g}: no convergence")
    return np.asarray(power * np.sqrt(graph.n_nodes / float(power @ power)))
