"""Covariance robust to correlation that fades with distance in the network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tertius.arrays import FloatArray, IntArray
from tertius.inference.multiway import positive_part
from tertius.kernels import kernel, run_blocks
from tertius.measures import Graph

KERNELS = ("bartlett", "parzen", "uniform")
FEWEST_FIRMS = 200
FEW_ROOTS = 64


@dataclass(frozen=True, eq=False)
class NetworkHac:
    """Network-HAC covariance beside the firm-clustered one.

    `bandwidth` is in steps; ties at that distance and beyond weigh 0. `std_errors` are the larger
    of the two, term by term; `dof` (k,) are the degrees of freedom of t beside them. `repaired`
    counts negative eigenvalues set to 0; `outside` the firms that are not in the network (distance
    to all others infinite). `profile` (L + 1, k) sums the products of influences of pairs at each
    distance 0, 1, ... below the bandwidth.
    """

    terms: tuple[str, ...]
    covariance: FloatArray
    clustered: FloatArray
    bandwidth: float
    kernel: str
    mean_degree: float
    mean_path: float
    n_firms: int
    outside: int
    repaired: int
    profile: FloatArray
    dof: FloatArray

    @property
    def std_errors(self) -> FloatArray:
        """(k,) the larger of network-HAC and firm-clustered standard errors."""
        return np.sqrt(np.maximum(np.diag(self.covariance), np.diag(self.clustered)))

    def sentence(self, term: str) -> str:
        """The result of one slope in words."""
        j = self.terms.index(term)
        hac, firm = (math.sqrt(v[j, j]) for v in (self.covariance, self.clustered))
        used = "network" if hac > firm else "firm-clustered"
        text = (
            f"{term}: network-HAC standard error {hac:.4g} ({self.kernel} kernel, bandwidth "
            f"{self.bandwidth:.2f} steps) beside {firm:.4g} clustered by firm; the larger, "
            f"{used}, is used with {self.dof[j]:.0f} degrees of freedom."
        )
        if self.outside:
            text += f" {self.outside:,} of {self.n_firms:,} firms have no place in the network."
        return text

    def figure(self, term: str) -> pl.DataFrame:
        """Figure data: distance, weight, contribution to the variance before weighting."""
        distance = np.arange(len(self.profile), dtype=np.float64)
        return pl.DataFrame(
            {
                "distance": distance,
                "weight": [kernel_weight(self.kernel, d / self.bandwidth) for d in distance],
                "products": self.profile[:, self.terms.index(term)],
            }
        )


def kernel_weight(name: str, z: float) -> float:
    """Weight of a pair at distance z in bandwidths; 0 from 1 on.

    Raises:
        ValueError: the kernel is none of bartlett, parzen, uniform.
    """
    if name not in KERNELS:
        raise ValueError(f"unknown kernel {name!r}")
    if z >= 1:
        return 0.0
    if name == "bartlett":
        return 1 - z
    if name == "uniform":
        return 1.0
    return 1 - 6 * z**2 * (1 - z) if z <= 0.5 else 2 * (1 - z) ** 3


def bandwidth_of(n_firms: int, mean_degree: float, mean_path: float) -> float:
    """2 ln N / ln(max(d, 1.05)), at most half the mean path length of the giant component.

    At least 1, where only a firm's own products count. Source: Kojevnikov, Marmer & Song (2021,
    J. Econometrics 222:882); the cap keeps most pairs of a small world apart.
    """
    formula = 2 * math.log(n_firms) / math.log(max(mean_degree, 1.05))
    cap = mean_path / 2 if math.isfinite(mean_path) else math.inf
    return max(min(formula, cap), 1.0)


def network_hac(
    influence: FloatArray,
    firm_ids: Sequence[str],
    graph: Graph,
    terms: Sequence[str],
    *,
    mean_path: float,
    bandwidth: float | None = None,
    kernel_name: str = "parzen",
    factor: float = 1.0,
    threads: int | None = None,
) -> NetworkHac:
    """V = sum_ij K(l_ij / b) psi_i psi_j', psi the influences summed to firms (psi = bread score).

    l is the number of steps in the pooled network, its weights ignored; pairs without a path weigh
    0. Negative eigenvalues are set to 0. Report the larger of this and the firm-clustered error.

    The sum is a noisy estimate: its degrees of freedom are those of Satterthwaite (1946) for
    products of independent influences, (sum_i psi_i^2)^2 / sum_ij K(l_ij/b)^2 psi_i^2 psi_j^2, at
    most G - 1. Weights below 1 leave out a part of the dependence; Parzen's, which fall slowly at
    first, leave out less of that between direct partners than Bartlett's 1 - z once b exceeds 5.

    Args:
        influence: (G, k) influences by firm, as in `Estimate.influence`.
        firm_ids: (G,) identifiers; those not in the graph only add their own products.
        graph: ties of all years of the sample pooled.
        terms: (k,) names.
        mean_path: mean path length of the giant component (`measures.whole.mean_path_length`).
        bandwidth: in steps; `bandwidth_of` by default.
        kernel_name: parzen, bartlett or uniform.
        factor: small-sample factor on both covariances.
        threads: the result does not depend on it.

    Raises:
        ValueError: fewer than 200 firms, an unknown kernel, or a bandwidth below 1.

    Source: Kojevnikov, Marmer & Song (2021); Leung (2022).
    """
    n = len(firm_ids)
    if n < FEWEST_FIRMS:
        raise ValueError(f"network-HAC needs {FEWEST_FIRMS} firms, there are {n}")
    place = {str(node): i for i, node in enumerate(graph.nodes)}
    at = np.array([place.get(str(name), -1) for name in firm_ids], dtype=np.int64)
    degrees = np.diff(graph.indptr)
    mean_degree = float(degrees[at[at >= 0]].mean()) if (at >= 0).any() else 0.0
    width = bandwidth if bandwidth is not None else bandwidth_of(n, mean_degree, mean_path)
    if width < 1:
        raise ValueError(f"a bandwidth of {width} steps leaves no firm by itself")
    depth = math.ceil(width) - 1
    weights = np.array([kernel_weight(kernel_name, d / width) for d in range(depth + 1)])
    k = influence.shape[1]
    # squares stand beside the influences: their weighted products give the degrees of freedom
    values = np.hstack([influence, influence**2])
    on_graph = np.zeros((graph.n_nodes, 2 * k))
    inside = at >= 0
    on_graph[at[inside]] = values[inside]
    roots = np.sort(at[inside])
    blocks = [roots[i : i + FEW_ROOTS] for i in range(0, len(roots), FEW_ROOTS)]

    def work(block: IntArray) -> FloatArray:
        rings = np.zeros((depth + 1, 2 * k, 2 * k))
        _ring_products(graph.indptr, graph.indices, on_graph, block, rings)
        return rings

    rings = np.zeros((depth + 1, 2 * k, 2 * k))
    for part in run_blocks(work, blocks, threads):
        rings += part
    alone = values[~inside]
    rings[0] += alone.T @ alone
    squares = np.einsum("l,lkk->k", weights**2, rings)[k:]
    rings = rings[:, :k, :k]
    meat = np.tensordot(weights, rings, axes=1)
    repaired = positive_part(factor * (meat + meat.T) / 2)
    clustered = factor * influence.T @ influence
    return NetworkHac(
        tuple(terms),
        repaired.covariance,
        (clustered + clustered.T) / 2,
        width,
        kernel_name,
        mean_degree,
        mean_path,
        n,
        int((~inside).sum()),
        repaired.repaired,
        np.einsum("lkk->lk", rings) * factor,
        np.minimum(np.diag(influence.T @ influence) ** 2 / squares, n - 1.0),
    )


@kernel
def _ring_products(
    indptr: IntArray,
    indices: npt.NDArray[np.int32],
    values: FloatArray,
    roots: IntArray,
    rings: FloatArray,
) -> None:
    """Add psi_i psi_j' of each root i and all j at each distance to the rings."""
    n, k = values.shape
    depth = rings.shape[0] - 1
    seen = np.full(n, -1, np.int64)
    queue = np.empty(n, np.int64)
    ring = np.zeros(k)
    for root in roots:
        seen[root] = root
        queue[0] = root
        begin, end = 0, 1
        for level in range(depth + 1):
            ring[:] = 0.0
            for at in range(begin, end):
                for p in range(k):
                    ring[p] += values[queue[at], p]
            for p in range(k):
                for q in range(k):
                    rings[level, p, q] += values[root, p] * ring[q]
            if level == depth or begin == end:
                break
            last = end
            for at in range(begin, last):
                node = queue[at]
                for slot in range(indptr[node], indptr[node + 1]):
                    other = indices[slot]
                    if seen[other] != root:
                        seen[other] = root
                        queue[end] = other
                        end += 1
            begin = last
