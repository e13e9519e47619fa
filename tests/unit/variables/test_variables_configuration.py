"""Configuration of the portfolio: worked answers, brute force and undefined cases."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.variables.communities import ego_betweenness, louvain, modularity
from tertius.variables.composites import log_size, new_partner_share
from tertius.variables.configuration import (
    active_diversity,
    complexity_cells,
    cumulative_size,
    embeddedness,
    market_orientation,
    over_embedded,
    partner_type_share,
    portfolio_count,
    relation_orientation,
    ring,
    sub_brokers,
)
from tertius.variables.portfolio import partner_diversity
from tertius.variables.routines import network_fit, triad_stability


@pytest.fixture(scope="module")
def w5(make):
    """W5: six partners of F of types (3, 2, 1); G has one, H none."""
    kinds = {"A": "firm", "B": "firm", "C": "firm", "D": "university", "E": "university",
             "X": "finance", "F": "firm", "G": "firm", "H": "firm"}  # fmt: skip
    ties = [(2005, "F", name, 1) for name in "ABCDEX"] + [(2005, "G", "A", 2)]
    organisations = [{"org_id": name, "type": kind} for name, kind in kinds.items()]
    return make(years=[2005], units="FGHABCDEX", tied=ties, organisations=organisations)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("blau", 11 / 18),
        ("iqv", 11 / 12),
        ("unbiased", 11 / 15),
        ("entropy", 1.011404264707352),
    ],
)
def test_w5_indices_of_diversity(w5, at, index, expected):
    found = partner_diversity(w5, network="net", by="type", index=index)
    assert at(found, "F", 2005) == pytest.approx(expected, abs=1e-12)
    assert at(found, "G", 2005) == "undefined_single"
    assert at(found, "H", 2005) == "undefined_isolate"


def test_partners_can_count_by_their_records(make, at):
    organisations = [{"org_id": n, "type": t} for n, t in (("A", "firm"), ("B", "user"))]
    inputs = make(
        years=[2005], units="F", tied=[(2005, "F", "A", 3), (2005, "F", "B", 1)],
        organisations=organisations,
    )  # fmt: skip
    by_partner = partner_diversity(inputs, network="net", by="type")
    by_record = partner_diversity(inputs, network="net", by="type", of="records")
    assert at(by_partner, "F", 2005) == pytest.approx(0.5)
    assert at(by_record, "F", 2005) == pytest.approx(1 - (9 + 1) / 16)
    with pytest.raises(ValueError, match="partners or records"):
        partner_diversity(inputs, network="net", by="type", of="money")
    with pytest.raises(ValueError, match="index must be"):
        partner_diversity(inputs, network="net", by="type", index="gini")


def test_shares_of_types(w5, at):
    science = partner_type_share(w5, network="net", types=["university", "institute"])
    assert at(science, "F", 2005) == pytest.approx(2 / 6)
    assert at(science, "G", 2005) == 0.0
    assert at(science, "H", 2005) == "undefined_isolate"
    assert at(portfolio_count(w5, network="net", what="types"), "F", 2005) == 3
    assert at(log_size(w5, network="net"), "F", 2005) == pytest.approx(math.log(6))
    assert at(log_size(w5, network="net"), "H", 2005) == "undefined_isolate"


def test_young_firms_are_startups(make, at):
    organisations = [
        {"org_id": "A", "type": "firm", "birth_year": 2001},
        {"org_id": "B", "type": "firm", "birth_year": 1990},
    ]
    ties = [(2005, "F", "A", 1), (2005, "F", "B", 1)]
    inputs = make(years=[2005], units="F", tied=ties, organisations=organisations)
    found = partner_type_share(inputs, network="net", types=["startup"])
    assert at(found, "F", 2005) == 0.5


@pytest.fixture(scope="module")
def alliances(make):
    """F has a1 {RD, marketing, jv} with A, a2 {RD, licence} with A and B; G one, H none."""
    return make(
        years=[2005],
        units="FGH",
        tied=[(2005, "F", "A", 2), (2005, "F", "B", 1), (2005, "G", "C", 1), (2005, "A", "B", 1)],
        records=[(2005, "A", "F", "a1"), (2005, "A", "F", "a2"), (2005, "B", "F", "a2"),
                 (2005, "A", "B", "a2"), (2005, "C", "G", "a3")],
        alliances=[{"aid": "a1", "form": "jv"}, {"aid": "a2", "form": "licence"}, {"aid": "a3"}],
        alliance_scopes=[{"aid": "a1", "function": "RD"}, {"aid": "a1", "function": "marketing"},
                         {"aid": "a2", "function": "RD"}, {"aid": "a3", "function": "RD"}],
        alliance_parties=[{"aid": a, "org_id": o} for a, o in
                          (("a1", "F"), ("a1", "A"), ("a2", "F"), ("a2", "A"), ("a2", "B"),
                           ("a3", "G"), ("a3", "C"))],
        organisations=[{"org_id": "A", "type": "firm", "country": "CN"},
                       {"org_id": "B", "type": "university", "country": "US"}],
    )  # fmt: skip


def test_diversity_of_functions_and_forms(alliances, at):
    functions = active_diversity(alliances, network="net", by="function")
    assert at(functions, "F", 2005) == pytest.approx(1 - (4 + 1) / 9)
    assert at(functions, "G", 2005) == "undefined_single"
    assert at(functions, "H", 2005) == "undefined_isolate"
    forms = active_diversity(alliances, network="net", by="form")
    assert at(forms, "F", 2005) == pytest.approx(0.5)
    assert at(forms, "G", 2005) == "missing_input"


def test_counts_behind_complexity(alliances, at):
    for what, expected in (("functions", 2), ("countries", 2), ("multiparty", 1), ("cells", 3)):
        found = portfolio_count(alliances, network="net", what=what)
        assert at(found, "F", 2005) == expected, what
        assert at(found, "H", 2005) == 0
    # firm x RD x CN, firm x marketing x CN, university x RD x US.
    assert at(complexity_cells(alliances, network="net"), "F", 2005) == pytest.approx(math.log(4))


# --------------------------------------------------------------------------------------- rings
@pytest.fixture(scope="module")
def ringed(make):
    """F: records 10, 8, 1, 1; G: 2, 2, 2, 2; H: three ties."""
    ties = [(2005, "F", n, k) for n, k in zip("ABCD", (10, 8, 1, 1), strict=True)]
    ties += [(2005, "G", n, 2) for n in "ABCD"] + [(2005, "H", n, 1) for n in "ABC"]
    return make(years=[2005], units="FGHI", tied=ties)


def test_the_core_lies_above_the_largest_gap(ringed, at):
    assert at(ring(ringed, network="net", column="core_share"), "F", 2005) == 18 / 20
    assert at(ring(ringed, network="net"), "F", 2005) == pytest.approx(0.9 * 0.5)
    assert at(ring(ringed, network="net", column="periphery"), "F", 2005) == 2
    # Gini of (1, 1, 8, 10): sum |x_i - x_j| / (2 n^2 mean) = 2 (7+9+7+9+2) / (2 * 16 * 5).
    gini = ring(ringed, network="net", column="gini")
    assert at(gini, "F", 2005) == pytest.approx(2 * (7 + 9 + 7 + 9 + 2 + 0) / (2 * 16 * 5))
    assert at(gini, "G", 2005) == 0.0


def test_equal_ties_and_small_portfolios_have_no_core(ringed, at):
    found = ring(ringed, network="net")
    assert at(found, "G", 2005) == "undefined_single"
    assert at(found, "H", 2005) == "undefined_single"
    assert at(found, "I", 2005) == "undefined_isolate"
    with pytest.raises(ValueError, match="column must be"):
        ring(ringed, network="net", column="rim")


def test_of_equal_gaps_the_first_makes_the_smallest_core(make, at):
    ties = [(2005, "F", n, k) for n, k in zip("ABCD", (8, 4, 2, 2), strict=True)]
    inputs = make(years=[2005], units="F", tied=ties)
    assert at(ring(inputs, network="net", column="core_share"), "F", 2005) == 0.5


# ------------------------------------------------------------------------------------ orientation
@pytest.fixture(scope="module")
def oriented(make, new_patent):
    """In 2005 F is tied to A (again), B (common partner A), C (same city), D and E (new)."""
    classes = {"pF": "H04L1/00", "pD": "A61K1/00", "pE": "H04L1/00", "pA": "H04L1/00"}
    return make(
        years=[2005],
        units="FGI",
        raw=(1990, 2010),
        patents=[new_patent(pid, 2004) for pid in classes],
        held={pid: pid[1] for pid in classes},
        classes=classes,
        tied=[(2000, "F", "A", 1), (2005, "F", "A", 1), (2005, "F", "B", 1), (2005, "F", "C", 1),
              (2005, "F", "D", 1), (2005, "F", "E", 1), (2005, "A", "B", 1)],
        records=[(2000, "A", "F", "a0"), (2005, "A", "F", "a1"), (2005, "B", "F", "a2"),
                 (2005, "C", "F", "a3"), (2005, "D", "F", "a4"), (2005, "E", "F", "a5"),
                 (2005, "A", "B", "a6")],
        organisations=[{"org_id": n, "type": "firm", "city": c} for n, c in
                       (("F", "X"), ("A", "Y"), ("B", "Y"), ("C", "X"), ("D", None), ("E", "Z"))],
    )  # fmt: skip


def test_relation_and_market_orientation(oriented, at):
    relation = relation_orientation(oriented, network="net")
    assert at(relation, "F", 2005) == 3 / 5
    assert at(relation, "I", 2005) == "undefined_isolate"
    # Distances of the ties: A 0, D 1, E 0, each from both ends; the median is 0, so that D and E,
    # new and not trusted, count.
    market = market_orientation(oriented, network="net")
    assert at(market, "F", 2005) == 2 / 5
    total = at(relation, "F", 2005) + at(market, "F", 2005)
    assert total <= 1.0
    # A: common partner B and prior; B: common A; C, D, E: none.
    assert at(embeddedness(oriented, network="net"), "F", 2005) == (2 + 1 + 0 + 0 + 0) / 5


def test_embeddedness_is_truncated_before_its_look_back(make, at):
    organisations = [{"org_id": n, "type": "firm"} for n in "FA"]
    inputs = make(years=[1992], units="F", tied=[(1992, "F", "A", 1)], organisations=organisations)
    assert at(embeddedness(inputs, network="net"), "F", 1992) == "truncated"
    assert at(relation_orientation(inputs, network="net"), "F", 1992) == "truncated"


# ---------------------------------------------------------------------- brokers and communities
def test_brokers_among_the_partners(make, at):
    # Partners of F: A - B - C a path, so that B alone brokers, and D apart.
    ties = [(2005, "F", n, 1) for n in "ABCD"] + [(2005, "A", "B", 1), (2005, "B", "C", 1)]
    inputs = make(years=[2005], units="FDI", tied=ties)
    found = sub_brokers(inputs, network="net")
    assert at(found, "F", 2005) == 1
    assert at(found, "D", 2005) == 0
    assert at(found, "I", 2005) == 0


def _whole(matrix):
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)


def _csr(graph):
    matrix = nx.to_scipy_sparse_array(graph, nodelist=sorted(graph), format="csr", dtype=float)
    matrix.sort_indices()
    return matrix


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 12))
def test_betweenness_among_partners_is_networkx_on_the_ego_network(seed, n):
    graph = nx.gnp_random_graph(n, 0.5, seed=seed)
    matrix = _csr(graph)
    found = ego_betweenness(*_whole(matrix))
    for ego in range(n):
        alters = graph.subgraph(graph[ego])
        expected = nx.betweenness_centrality(alters, normalized=False)
        got = found[matrix.indptr[ego] : matrix.indptr[ego + 1]]
        heads = matrix.indices[matrix.indptr[ego] : matrix.indptr[ego + 1]]
        assert got.tolist() == pytest.approx([expected[v] for v in heads.tolist()])


def test_louvain_finds_two_triangles_and_modularity_is_networkx():
    graph = nx.Graph([(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (2, 3)])
    matrix = _csr(graph)
    label = louvain(*_whole(matrix), matrix.data, 1)
    assert label.tolist() == [0, 0, 0, 1, 1, 1]
    expected = nx.community.modularity(graph, [{0, 1, 2}, {3, 4, 5}])
    q = modularity(matrix.indptr, matrix.indices, matrix.data, label)
    assert q == pytest.approx(expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_louvain_is_about_as_good_as_networkx(seed):
    graph = nx.planted_partition_graph(4, 8, 0.7, 0.05, seed=seed)
    matrix = _csr(graph)
    label = louvain(*_whole(matrix), matrix.data, 3)
    groups = [set(np.flatnonzero(label == c).tolist()) for c in range(int(label.max()) + 1)]
    other = nx.community.louvain_communities(graph, seed=seed)
    best = nx.community.modularity(graph, other)
    ours = modularity(matrix.indptr, matrix.indices, matrix.data, label)
    assert ours == pytest.approx(nx.community.modularity(graph, groups))
    assert ours > best - 0.05


def test_over_embedded_ties_are_repeated_and_within_a_community(make, at):
    triangles = list(itertools.combinations("ABC", 2)) + list(itertools.combinations("DEF", 2))
    ties = [(2005, a, b, 2) for a, b in triangles] + [(2005, "C", "D", 2)]
    inputs = make(years=[2005], units="ACI", tied=ties)
    found = over_embedded(inputs, network="net")
    assert at(found, "A", 2005) == 1.0
    assert at(found, "C", 2005) == pytest.approx(2 / 3)
    assert at(found, "I", 2005) == "undefined_isolate"
    assert at(over_embedded(inputs, network="net", least=3), "A", 2005) == 0.0


def test_size_over_all_years_and_new_shares(make, at):
    ties = [(2000, "F", "A", 1), (2005, "F", "B", 1), (2005, "F", "A", 1), (2006, "F", "C", 1)]
    inputs = make(years=[2005, 2006], units="FI", tied=ties)
    assert [at(cumulative_size(inputs, network="net"), "F", y) for y in (2005, 2006)] == [2, 3]
    assert at(cumulative_size(inputs, network="net"), "I", 2006) == 0
    fresh = new_partner_share(inputs, network="net")
    assert at(fresh, "F", 2005) == 0.5  # A stood five years before
    assert at(fresh, "F", 2006) == 1.0
    assert at(fresh, "I", 2006) == "undefined_isolate"


def test_structural_equivalence_and_stable_triads(make, at):
    before = [(2004, "F", n, 1) for n in "ABC"] + [(2004, "A", "B", 1), (2004, "B", "C", 1)]
    now = [(2005, "F", n, 1) for n in "ABC"] + [(2005, "A", "B", 1)]
    inputs = make(years=[2005], units="FCI", tied=before + now)
    # F-A: common B of {B, C}; F-B: common A of {A, C}; F-C: none of {A, B}.
    assert at(network_fit(inputs, network="net"), "F", 2005) == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert at(network_fit(inputs, network="net"), "I", 2005) == "undefined_isolate"
    assert at(triad_stability(inputs, network="net"), "F", 2005) == 0.5
    assert at(triad_stability(inputs, network="net"), "I", 2005) == "undefined_isolate"


def test_frames_are_sorted_and_complete(w5):
    found = ring(w5, network="net")
    assert found["org_id"].to_list() == sorted("FGHABCDEX")
    assert found.columns == ["org_id", "year", "value", "status"]
    assert found.schema["value"] == pl.Float64
