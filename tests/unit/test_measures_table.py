"""One table of all measures: statuses, sampled errors, yearly series."""

import doctest

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tertius.measures
from tertius.measures import Graph, measure_network, measure_years, strength

EXACT = {"exact_limit": 1000, "sample_sources": 10, "seed": 1}


def figure() -> Graph:
    """A triangle with a pendant, a pair, an isolate."""
    return Graph.from_edges(list("abcde"), list("bcadf"), nodes=list("abcdefi"))


def status(table: pl.DataFrame, node: str, name: str) -> tuple[object, str]:
    """Value and status of one measure of one node."""
    row = table.row(by_predicate=pl.col("node") == node, named=True)
    return row[name], row[f"{name}_status"]


def test_undefined_cells_are_null_and_say_why() -> None:
    table = measure_network(
        Graph.from_edges(list("abcde"), list("bcadf"), nodes=list("abcdefi")), **EXACT
    )
    for name in ("constraint", "constraint_ego", "effective_size", "efficiency", "redundancy"):
        assert status(table, "i", name) == (None, "undefined_isolate")
        assert status(table, "f", name)[1] == "ok"
    for name in ("hierarchy", "ego_density", "local_clustering", "hierarchy_ego"):
        assert status(table, "i", name) == (None, "undefined_isolate")
        assert status(table, "f", name) == (None, "undefined_single")
    assert status(table, "a", "ego_density") == (pytest.approx(1.0), "ok")
    assert status(table, "i", "eigenvector") == (None, "undefined_isolate")
    assert status(table, "i", "closeness") == (0.0, "ok")
    assert table["betweenness_se"].null_count() == table["closeness_se"].null_count() == 7


def test_every_status_column_names_exactly_the_null_cells() -> None:
    table = measure_network(figure(), **EXACT)
    names = [c.removesuffix("_status") for c in table.columns if c.endswith("_status")]
    assert len(names) == 23
    for name in names:
        assert ((table[f"{name}_status"] == "ok") == table[name].is_not_null()).all(), name
    rest = [c for c in table.columns if not c.endswith(("_status", "_se")) and c not in names]
    assert all(table[c].null_count() == 0 for c in rest)
    floats = table.select(pl.col(pl.Float64).is_nan().any())
    assert not any(floats.row(0))


def test_other_components_have_no_eigenvector() -> None:
    table = measure_network(Graph.from_edges(list("abe"), list("bcf")), **EXACT)
    assert status(table, "e", "eigenvector") == (None, "undefined_component")
    assert status(table, "b", "eigenvector") == (pytest.approx(1.0), "ok")


@pytest.mark.parametrize("nodes", [1, 2])
def test_tiny_networks_have_no_denominator(nodes: int) -> None:
    table = measure_network(Graph.from_edges([], [], nodes=["a", "b"][:nodes]), **EXACT)
    assert status(table, "a", "betweenness_normalised") == (None, "zero_denominator")
    expected = (None, "zero_denominator") if nodes == 1 else (0.0, "ok")
    for name in ("degree_normalised", "closeness", "harmonic"):
        assert status(table, "a", name) == expected
    assert measure_network(Graph.from_edges([], []), **EXACT).height == 0


def large() -> Graph:
    """A network above the limit for exact paths."""
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 200, (2, 500))
    return Graph.from_edges(a, b, nodes=np.arange(210))


def test_sampling_starts_above_the_limit_and_reports_errors() -> None:
    graph = large()
    exact = measure_network(graph, exact_limit=210, sample_sources=20, seed=1)
    sampled = measure_network(graph, exact_limit=209, sample_sources=20, seed=1)
    assert exact["betweenness_se"].null_count() == exact["harmonic_se"].null_count() == 210
    giant = sampled["component_size"] > 20
    for name in ("betweenness", "betweenness_normalised", "closeness", "harmonic"):
        assert (sampled[f"{name}_se"].is_not_null() == giant).all()
    mixed = measure_network(
        graph, exact_limit=0, sample_sources=20, seed=1, closeness_exact_limit=10**6
    )
    assert_frame_equal(
        mixed.select("closeness", "closeness_se", "harmonic"),
        exact.select("closeness", "closeness_se", "harmonic"),
    )
    assert mixed["betweenness"].equals(sampled["betweenness"])
    other = measure_network(graph, exact_limit=0, sample_sources=20, seed=2)
    assert not other["betweenness"].equals(sampled["betweenness"])
    again = measure_network(graph, exact_limit=0, sample_sources=20, seed=1, threads=1)
    assert_frame_equal(again, sampled, check_exact=True)


def test_paths_by_cost_are_exact_or_missing() -> None:
    graph = Graph.from_edges(list("aabx"), list("bccy"), [4.0, 1.0, 4.0, 1.0])
    table = measure_network(graph, **EXACT)
    # The weak tie a - c costs 1, the way over b 1/4 + 1/4.
    assert status(table, "b", "betweenness_cost") == (1.0, "ok")
    assert status(table, "b", "betweenness_cost_normalised") == (pytest.approx(1 / 6), "ok")
    assert table["betweenness"].to_list() == [0.0] * 5
    above = measure_network(graph, **EXACT, cost_limit=4)
    for name in ("betweenness_cost", "betweenness_cost_normalised"):
        assert set(above[f"{name}_status"]) == {"missing_input"}
        assert above[name].null_count() == 5


def yearly() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ties and nodes of two years."""
    ties = pl.DataFrame(
        {
            "year": [2001, 2001, 2002],
            "a": ["a", "b", "a"],
            "b": ["b", "c", "c"],
            "weight_newman": [0.5, 1.0, 2.0],
        }
    )
    nodes = pl.DataFrame({"year": [2001] * 3 + [2002] * 4, "node": list("abcabcd")})
    return ties, nodes


def test_years_are_measured_apart_in_any_chunk_and_any_row_order() -> None:
    ties, nodes = yearly()
    options = {"weight": "weight_newman", **EXACT}
    whole = measure_years(ties, nodes, years=[2002, 2001], **options)
    assert whole.select("year", "node").rows() == [
        *[(2001, x) for x in "abc"],
        *[(2002, x) for x in "abcd"],
    ]
    assert whole["strength"].to_list() == [0.5, 1.5, 1.0, 2.0, 0.0, 2.0, 0.0]
    assert whole.schema["year"] == pl.Int32
    chunks = [measure_years(ties, nodes, years=[y], **options) for y in (2001, 2002)]
    assert_frame_equal(pl.concat(chunks), whole, check_exact=True)
    shuffled = measure_years(
        ties.reverse(),
        nodes.sample(fraction=1, shuffle=True, seed=3),
        years=[2001, 2002],
        **options,
    )
    assert_frame_equal(shuffled, whole, check_exact=True)
    unit = measure_years(ties, nodes, years=[2001], weight=None, **EXACT)
    assert unit["strength"].to_list() == [1.0, 2.0, 1.0]


def test_ends_outside_the_list_of_nodes_are_refused() -> None:
    ties, nodes = yearly()
    with pytest.raises(ValueError, match=r"1 ends of ties in 2001 .* e.g. c"):
        measure_years(
            ties,
            nodes.filter(node="a", year=2001).vstack(nodes.filter(node="b", year=2001)),
            years=[2001],
            weight=None,
            **EXACT,
        )
    with pytest.raises(ValueError, match="no years"):
        measure_years(ties, nodes, years=[], weight=None, **EXACT)


def test_strength_is_the_row_sum() -> None:
    assert strength(Graph.from_edges(["a", "a"], ["b", "c"], [0.25, 2.0])).tolist() == [
        2.25,
        0.25,
        2.0,
    ]


def test_the_example_of_the_package_runs() -> None:
    result = doctest.testmod(tertius.measures)
    assert (result.failed, result.attempted) == (0, 14)
