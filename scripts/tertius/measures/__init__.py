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
>>> from tertius.measures import brokerage_roles, small_world, to_ucinet, transitivity
>>> roles = brokerage_roles(ties, ["firm", "firm", "firm", "university", "firm", "firm"])
>>> float(roles.coordinator[focal]), float(roles.gatekeeper[focal])
(2.0, 0.0)
>>> transitivity(ties)
0.3333333333333333
>>> to_ucinet(ties).splitlines()[:2]
['dl n=6', 'format = edgelist1']
>>> table = measure_network(ties, exact_limit=1000, sample_sources=100, seed=1)
>>> table.filter(node="I").select("degree", "constraint", "constraint_status").row(0)
(0, None, 'undefined_isolate')

A networkx or igraph graph gets in with `Graph.from_networkx(g)` or `Graph.from_igraph(g)`, a polars
or pandas table of edges with `Graph.from_frame(edges, weight="weight")`.
"""

from tertius.measures._sampling import Sources
from tertius.measures.brokerage import (
    Roles,
    brokerage_between,
    brokerage_roles,
    hub_share,
    hubs,
    indirect_ties,
    rings,
    spoke_share,
)
from tertius.measures.core_periphery import (
    Coreness,
    CorePeriphery,
    core_periphery,
    core_permutation_p,
    coreness,
    coreness_fit,
    partition_fit,
)
from tertius.measures.export import to_gexf, to_graphml, to_pajek, to_ucinet
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
from tertius.measures.resilience import (
    mean_disjoint_paths,
    node_disjoint_paths,
    resilience,
    retention,
)
from tertius.measures.spectral import (
    adjacency,
    bonacich_power,
    bonacich_profile,
    eigenvector,
    largest_eigenvalue,
)
from tertius.measures.table import measure_holes, measure_network, measure_years
from tertius.measures.whole import (
    Memberships,
    NullDraws,
    SmallWorld,
    Swaps,
    centralisation,
    degree_assortativity,
    degree_centralisation,
    mean_local_clustering,
    mean_path_length,
    null_draws,
    one_mode_null,
    rewire,
    rewire_two_mode,
    small_world,
    transitivity,
    two_mode_null,
)

__all__ = [
    "Betweenness",
    "Burt",
    "Closeness",
    "CorePeriphery",
    "Coreness",
    "EdgeLedger",
    "Graph",
    "Memberships",
    "NullDraws",
    "Roles",
    "SmallWorld",
    "Sources",
    "Swaps",
    "adjacency",
    "betweenness",
    "bonacich_power",
    "bonacich_profile",
    "brokerage_between",
    "brokerage_roles",
    "burt",
    "centralisation",
    "closeness",
    "component_size",
    "components",
    "core_periphery",
    "core_permutation_p",
    "coreness",
    "coreness_fit",
    "degree",
    "degree_assortativity",
    "degree_centralisation",
    "degree_normalised",
    "eigenvector",
    "hub_share",
    "hubs",
    "indirect_ties",
    "k_core",
    "largest_eigenvalue",
    "mean_disjoint_paths",
    "mean_local_clustering",
    "mean_path_length",
    "measure_holes",
    "measure_network",
    "measure_years",
    "node_disjoint_paths",
    "null_draws",
    "one_mode_null",
    "partition_fit",
    "resilience",
    "retention",
    "rewire",
    "rewire_two_mode",
    "rings",
    "small_world",
    "sources",
    "spoke_share",
    "strength",
    "to_gexf",
    "to_graphml",
    "to_pajek",
    "to_ucinet",
    "transitivity",
    "two_mode_null",
    "two_step_reach",
]
