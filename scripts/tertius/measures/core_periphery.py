"""Core and periphery: the best partition, continuous coreness, fit and permutation test."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tertius.measures._core import climb, core_sums, descend, pattern_fit
from tertius.measures.graph import Graph
from tertius.measures.position import components, degree, strength
from tertius.measures.spectral import adjacency

Reals = NDArray[np.float64]
Between = Literal["ones", "zeros", "ignored"]
_TREATMENT = {"zeros": 0, "ones": 1, "ignored": 2}
# Every partition of so few nodes is tried.
_ALL_PARTITIONS = 12
_UNDEFINED = -2.0
# Coordinate descent ends when no coreness moves by more than this share of the largest.
_STILL = 1e-12
_SWEEPS = 20_000


@dataclass(frozen=True, eq=False)
class CorePeriphery:
    """The partition into core and periphery with the best fit.

    core: n flags. fit: correlation with the ideal pattern in [-1, 1], NaN (and no core) where no
    partition has one (no ties, all pairs tied alike, fewer than three nodes). exact: every
    partition was tried. starts: hill climbs, 0 when exact. agreeing: of these, how many ended at
    the best fit.
    """

    nodes: NDArray[Any]
    core: NDArray[np.bool_]
    fit: float
    between: Between
    exact: bool
    starts: int
    agreeing: int


@dataclass(frozen=True, eq=False)
class Coreness:
    """Continuous coreness: c >= 0 of every node with sum c^2 = 1, and its fit in [-1, 1].

    All NaN in fewer than three nodes, without ties, and where different coreness fits equally well;
    fit alone is NaN where all pairs are tied alike.
    """

    nodes: NDArray[Any]
    coreness: Reals
    fit: float


def core_periphery(
    graph: Graph,
    *,
    between: Between = "ones",
    starts: int = 20,
    seed: int | list[int] = 0,
) -> CorePeriphery:
    """Discrete core-periphery partition: maximise corr(a_ij, Delta_ij) over pairs i < j.

    Delta is 1 inside the core and 0 inside the periphery. `between` declares pairs of a core and a
    peripheral node, and changes the answer: `ones` and `zeros` are their ideal, `ignored` leaves
    them out of the correlation. With weights the correlation is with the weights; pass
    `graph.unweighted()` for 0/1 ties. Up to 12 nodes all partitions are tried; above, hill climbs
    start from the best set of nodes of highest degree and from `starts` - 1 random sets (at least
    20 starts; drawn from `seed`). Where several partitions fit alike the largest core is taken
    (when exact), or the one that is reached first. Source: Borgatti & Everett (1999). Raises
    ValueError for an unknown `between` or fewer than 20 starts.
    """
    if between not in _TREATMENT:
        raise ValueError(f"between must be one of {', '.join(_TREATMENT)}, not {between!r}")
    if starts < 20:
        raise ValueError(f"starts must be at least 20, not {starts}")
    n, treatment = graph.n_nodes, _TREATMENT[between]
    none = np.zeros(n, np.bool_)
    if n < 3 or graph.n_edges == 0:
        return CorePeriphery(graph.nodes, none, float("nan"), between, True, 0, 0)
    if n <= _ALL_PARTITIONS:
        core, fit = _best_of_all(graph, treatment)
        core = core if fit > _UNDEFINED else none
        return CorePeriphery(graph.nodes, core, _or_nan(fit), between, True, 0, 0)
    return _best_climb(graph, between, starts, np.random.default_rng(seed))


def partition_fit(graph: Graph, core: NDArray[np.bool_], *, between: Between = "ones") -> float:
    """Fit of a given core (n flags), as in `core_periphery`; NaN where it has none.

    Source: Borgatti & Everett (1999).
    """
    return _or_nan(_fit(graph, core, _TREATMENT[between]))


def coreness_fit(graph: Graph, c: Reals) -> float:
    """Fit of a given continuous coreness (n), as in `coreness`.

    Correlation of a_ij and c_i c_j over the pairs; NaN where one of them does not vary. Source:
    Borgatti & Everett (1999).
    """
    m = graph.n_nodes * (graph.n_nodes - 1) / 2
    total, squares = graph.weights.sum() / 2, (graph.weights**2).sum() / 2
    one, two, four = c.sum(), (c**2).sum(), (c**4).sum()
    ideal, square = (one**2 - two) / 2, (two**2 - four) / 2
    spread, pattern = m * squares - total**2, m * square - ideal**2
    if spread <= 1e-12 * m * squares or pattern <= 1e-12 * m * square:
        return float("nan")
    top = m * float(c @ (adjacency(graph) @ c)) / 2 - total * ideal
    return float(top / np.sqrt(spread * pattern))


def _fit(graph: Graph, core: NDArray[np.bool_], treatment: int) -> float:
    sums = core_sums(graph.indptr, graph.indices, graph.weights, core)
    return float(pattern_fit(graph.n_nodes, int(core.sum()), sums, treatment))


def _best_of_all(graph: Graph, treatment: int) -> tuple[NDArray[np.bool_], float]:
    n = graph.n_nodes
    best, found = _UNDEFINED, np.zeros(n, np.bool_)
    for k in range(1, n):
        for members in itertools.combinations(range(n), k):
            core = np.zeros(n, np.bool_)
            core[list(members)] = True
            fit = _fit(graph, core, treatment)
            if fit >= best - 1e-12 and fit > _UNDEFINED:
                best, found = max(best, fit), core
    return found, best


def _best_climb(
    graph: Graph, between: Between, starts: int, rng: np.random.Generator
) -> CorePeriphery:
    n, treatment = graph.n_nodes, _TREATMENT[between]
    ends, fits = [], []
    for start in range(starts):
        core = _highest(graph, treatment) if start == 0 else rng.random(n) < rng.uniform(0.02, 0.5)
        order = rng.permutation(n)
        fit = climb(graph.indptr, graph.indices, graph.weights, core, order, treatment)
        ends.append(core)
        fits.append(float(fit))
    best = int(np.argmax(fits))
    agreeing = int(np.sum(np.array(fits) >= fits[best] - 1e-9))
    core = ends[best] if fits[best] > _UNDEFINED else np.zeros(n, np.bool_)
    return CorePeriphery(graph.nodes, core, _or_nan(fits[best]), between, False, starts, agreeing)


def _highest(graph: Graph, treatment: int) -> NDArray[np.bool_]:
    """The best core among the sets of nodes of highest strength, of 1, 2, 4, 8, ... nodes."""
    order = np.lexsort((-degree(graph), -strength(graph)))
    best, found = -np.inf, np.zeros(graph.n_nodes, np.bool_)
    size = 1.0
    while size < graph.n_nodes:
        core = np.zeros(graph.n_nodes, np.bool_)
        core[order[: int(size)]] = True
        fit = _fit(graph, core, treatment)
        if fit > best:
            best, found = fit, core
        size = max(size + 1.0, size * 1.25)
    return found


def _or_nan(fit: float) -> float:
    return fit if fit > _UNDEFINED else float("nan")


def coreness(graph: Graph, *, seed: int | list[int] = 0, starts: int = 5) -> Coreness:
    """Continuous coreness: c >= 0 that minimises sum_{i<j} (a_ij - c_i c_j)^2.

    `fit` is the correlation of a_ij and c_i c_j over pairs. Minimising residuals (as UCINET does)
    and not maximising that correlation itself, which is degenerate: it is the same for c_i c_j and
    for k + c_i c_j, so that it is driven to c that is nearly constant. The first start is the root
    of the strengths, two are the heaviest components, the others random (from `seed`); coordinate
    descent finds each minimum. A
    network in two alike halves has two best answers and no coreness. Source: Borgatti & Everett
    (1999); Boyd, Fitzgerald, Mahutga & Smith (2010).
    """
    n = graph.n_nodes
    none = Coreness(graph.nodes, np.full(n, np.nan), float("nan"))
    if n < 3 or graph.n_edges == 0:
        return none
    rng = np.random.default_rng(seed)
    root = np.sqrt(strength(graph))
    heavy = _heaviest_components(graph)
    found = []
    for start in range(starts):
        share = rng.random(n) ** 4 if start else np.ones(n)
        c = root * (share if start > len(heavy) or not start else heavy[start - 1])
        c += 1e-6 * root.max()
        loss = descend(graph.indptr, graph.indices, graph.weights, c, _SWEEPS, _STILL)
        found.append((float(loss), c))
    best = min(loss for loss, _ in found)
    scale = float((graph.weights**2).sum() / 2)
    first, *others = [c for loss, c in found if loss <= best + 1e-8 * scale]
    if any(np.abs(first - c).max() > 1e-3 * first.max() for c in others):
        return none
    return Coreness(graph.nodes, first / np.sqrt(first @ first), coreness_fit(graph, first))


def _heaviest_components(graph: Graph) -> list[Reals]:
    """Flags of the two components with the largest sums of squared weights, if there are two."""
    label = components(graph)
    rows = np.repeat(label, np.diff(graph.indptr))
    mass = np.bincount(rows, graph.weights**2, int(label.max()) + 1)
    order = np.argsort(-mass, kind="stable")[:2]
    return [(label == k).astype(float) for k in order] if order.size == 2 else []


def core_permutation_p(
    graph: Graph,
    *,
    draws: int,
    seed: int,
    between: Between = "ones",
    starts: int = 20,
) -> tuple[float, Reals]:
    """Permutation p of the discrete fit, and the fits of the permuted networks.

    Each draw gives the weights of the ties to as many pairs of nodes taken at random, and the best
    partition is sought anew; p = (1 + #{fit of a draw >= fit}) / (draws + 1). So the fit is
    compared with the best fit that chance finds at this density. NaN where the fit is undefined.
    Source: the fit, Borgatti & Everett (1999); the permutation, Davison & Hinkley (1997, eq. 4.11).
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, not {draws}")
    own = core_periphery(graph, between=between, starts=starts, seed=[seed, 0]).fit
    fits = np.empty(draws)
    for draw in range(draws):
        rng = np.random.default_rng([seed, 1, draw])
        fits[draw] = core_periphery(
            _scattered(graph, rng), between=between, starts=starts, seed=[seed, 2, draw]
        ).fit
    if np.isnan(own):
        return float("nan"), fits
    return float(1 + np.sum(fits >= own - 1e-12)) / (draws + 1), fits


def _scattered(graph: Graph, rng: np.random.Generator) -> Graph:
    """The same weights on pairs drawn at random without replacement."""
    n, m = graph.n_nodes, graph.n_edges
    rows = np.repeat(np.arange(n), np.diff(graph.indptr))
    weights = graph.weights[rows < graph.indices]
    pair = rng.choice(n * (n - 1) // 2, size=m, replace=False)
    high = ((1 + np.sqrt(1 + 8.0 * pair)) // 2).astype(np.int64)
    high -= high * (high - 1) // 2 > pair
    high += (high + 1) * high // 2 <= pair
    low = pair - high * (high - 1) // 2
    return replace(Graph.from_edges(low, high, weights, nodes=np.arange(n)), nodes=graph.nodes)
