"""Network measures on plain arrays or tables of edges: position and structural holes.

>>> from tertius.measures import Graph, burt, closeness, measure_network
>>> ties = Graph.from_edges(
...     ["F", "F", "F", "A", "C", "B"],
...     ["A", "B", "C", "B", "D", "D"],
...     weight=[3, 1, 2, 2, 4, 1],
...     nodes=["A", "B", "C", "D", "F", "I"],
... )
>>> holes = burt(ties)
>>> focal = list(holes.nodes).index("F")
>>> round(float(holes.constraint[focal]), 6), round(float(holes.constraint_ego[focal]), 6)
(0.585833, 0.619012)
>>> round(float(holes.effective_size[focal]), 6)
2.388889
>>> round(float(closeness(ties).harmonic[focal]), 3)
0.7
>>> table = measure_network(ties, exact_limit=1000, sample_sources=100, seed=1)
>>> table.filter(node="I").select("degree", "constraint", "constraint_status").row(0)
(0, None, 'undefined_isolate')

A networkx or igraph graph gets in with `Graph.from_networkx(g)` or `Graph.from_igraph(g)`, a polars
or pandas table of edges with `Graph.from_frame(edges, weight="weight")`.
"""

from tertius.measures._sampling import Sources
from tertius.measures.graph import EdgeLedger, Graph
from tertius.measures.holes import Burt, burt
from tertius.measures.position import (
    Betweenness,
    Closeness,
    betweenness,
    closeness,
    component_size,
    components,
    degree,
    degree_normalised,
    k_core,
    sources,
    strength,
    two_step_reach,
)
from tertius.measures.spectral import adjacency, bonacich_power, eigenvector, largest_eigenvalue
from tertius.measures.table import measure_network, measure_years

__all__ = [
    "Betweenness",
    "Burt",
    "Closeness",
    "EdgeLedger",
    "Graph",
    "Sources",
    "adjacency",
    "betweenness",
    "bonacich_power",
    "burt",
    "closeness",
    "component_size",
    "components",
    "degree",
    "degree_normalised",
    "eigenvector",
    "k_core",
    "largest_eigenvalue",
    "measure_network",
    "measure_years",
    "sources",
    "strength",
    "two_step_reach",
]
