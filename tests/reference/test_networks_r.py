"""Node and network measures against values stored from R (tests/reference/r/networks.R)."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tertius.measures import (
    Graph,
    betweenness,
    bonacich_power,
    bonacich_profile,
    brokerage_roles,
    burt,
    centralisation,
    closeness,
    degree_assortativity,
    degree_centralisation,
    eigenvector,
    k_core,
    mean_path_length,
    transitivity,
)

FOLDER = Path(__file__).parent / "r"
STORED = pl.read_csv(FOLDER / "networks.csv", null_values="NA", infer_schema_length=None)
EDGES = pl.read_csv(FOLDER / "edges.csv")
CLOSE = {"rel": 1e-10, "abs": 1e-10}


@pytest.fixture(params=[0, 1, 2])
def both(request: pytest.FixtureRequest) -> tuple[Graph, dict[str, NDArray[np.float64]]]:
    """A graph and R's values of its nodes, in the order of its nodes."""
    stored = STORED.filter(graph=request.param).sort("node")
    edges = EDGES.filter(graph=request.param)
    graph = Graph.from_frame(edges, weight="weight", nodes=stored["node"])
    return graph, {name: stored[name].to_numpy() for name in stored.columns}


def test_structural_holes_and_cores(both) -> None:
    graph, r = both
    assert burt(graph).constraint == pytest.approx(r["constraint"], nan_ok=True, **CLOSE)
    assert k_core(graph).tolist() == r["core"].tolist()
    local = burt(graph.unweighted()).local_clustering
    assert local == pytest.approx(r["clustering"].astype(float), nan_ok=True, **CLOSE)


def test_shortest_paths(both) -> None:
    graph, r = both
    assert betweenness(graph).raw == pytest.approx(r["betweenness"], **CLOSE)
    by_cost = betweenness(graph, weighted=True).raw
    assert by_cost == pytest.approx(r["betweenness_cost"], **CLOSE)
    found = closeness(graph)
    assert found.harmonic == pytest.approx(r["harmonic"], **CLOSE)
    # R's closeness is 1 / (sum of distances) inside the component.
    others = r["component"] - 1
    theirs = np.where(others > 0, others**2 * r["closeness_component"] / (graph.n_nodes - 1), 0.0)
    assert found.closeness == pytest.approx(theirs, **CLOSE)


def test_spectral_measures(both) -> None:
    graph, r = both
    found = bonacich_profile(graph, [0.75, 0.5, -0.75])
    for column, name in enumerate(("power_75", "power_50", "power_neg")):
        assert found[:, column] == pytest.approx(r[name], rel=1e-9, abs=1e-9)
    plain = bonacich_power(graph.unweighted(), ratio=0.75)
    assert plain == pytest.approx(r["power_unweighted"], rel=1e-9, abs=1e-9)
    assert eigenvector(graph) == pytest.approx(
        r["eigenvector"].astype(float), rel=1e-8, abs=1e-8, nan_ok=True
    )


def test_brokerage_counts_each_unordered_pair_once(both) -> None:
    graph, r = both
    roles = brokerage_roles(graph, r["type"].tolist())
    assert (2 * roles.coordinator).tolist() == r["coordinator"].tolist()
    assert (2 * roles.itinerant).tolist() == r["itinerant"].tolist()
    assert (2 * roles.liaison).tolist() == r["liaison"].tolist()
    assert roles.gatekeeper.tolist() == r["gatekeeper"].tolist() == r["representative"].tolist()


def test_whole_networks(both) -> None:
    graph, r = both
    assert degree_centralisation(graph) == pytest.approx(r["degree_centralisation"][0], **CLOSE)
    between = centralisation(betweenness(graph).normalised)
    assert between == pytest.approx(r["betweenness_centralisation"][0], **CLOSE)
    assert transitivity(graph) == pytest.approx(r["transitivity"][0], **CLOSE)
    assert degree_assortativity(graph) == pytest.approx(r["assortativity"][0], **CLOSE)
    assert mean_path_length(graph) == pytest.approx(r["mean_path"][0], **CLOSE)
