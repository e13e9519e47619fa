"""Named networks: layers to ties, nodes and whole-network facts, worked by hand."""

from __future__ import annotations

import itertools
import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from tertius.measures import (
    Graph,
    Memberships,
    betweenness,
    centralisation,
    degree_assortativity,
    mean_path_length,
    measure_years,
    small_world,
    transitivity,
)
from tertius.networks import build_network, layer_events, network_facts, network_nodes
from tertius.problems import InputError
from tertius.whole_network import SCHEMA, NullSettings

YEARS = range(2000, 2004)
TABLES = {
    "patents": pl.DataFrame(
        {"pid": ["p1", "p2", "p3"], "family_id": [None] * 3, "year": [2000, 2002, 2003]},
        schema_overrides={"family_id": pl.String},
    ),
    "patent_applicants": pl.DataFrame(
        {"pid": ["p1", "p1", "p2", "p3"], "org_id": ["A", "B", "C", "A"]}
    ),
    "alliances": pl.DataFrame(
        {
            "aid": ["x"],
            "start_date": [date(2001, 3, 1)],
            "end_date": [date(2002, 12, 31)],
            "end_known": [True],
        }
    ),
    "alliance_parties": pl.DataFrame({"aid": ["x", "x", "x"], "org_id": ["A", "B", "C"]}),
}


def network(*layers: str, window: int = 2):
    return build_network(
        TABLES, layers=layers, window=window, years=YEARS, clique_cap=None, lifespan=5
    )


def test_each_layer_keeps_its_own_time_rule_in_a_union() -> None:
    ties = network("alliance", "co_applicant").ties
    rows = {(r["year"], r["a"], r["b"]): r["weight_newman"] for r in ties.to_dicts()}
    assert rows == {
        (2000, "A", "B"): 1.0,
        (2001, "A", "B"): 1.0 + 0.5,
        (2001, "A", "C"): 0.5,
        (2001, "B", "C"): 0.5,
        (2002, "A", "B"): 0.5,
        (2002, "A", "C"): 0.5,
        (2002, "B", "C"): 0.5,
    }


def test_records_lead_back_from_every_tie() -> None:
    built = network("alliance", "co_applicant")
    found = built.records.filter(year=2001, a="A", b="B")["record_id"].to_list()
    assert found == ["p1", "x"]
    assert built.ledger["alliance"]["alliances"] == 1
    assert built.ledger["co_applicant"]["families_of_one"] == 2


def test_who_joins_a_family_later_is_not_tied_at_its_beginning() -> None:
    tables = TABLES | {
        "patents": pl.DataFrame(
            {"pid": ["p1", "p2"], "family_id": ["f", "f"], "year": [2000, 2002]}
        ),
        "patent_applicants": pl.DataFrame(
            {"pid": ["p1", "p1", "p2", "p2"], "org_id": ["A", "B", "A", "C"]}
        ),
    }
    events = layer_events(tables, "co_applicant", YEARS, 5).events
    assert events.rows() == [("f", 2000, "A"), ("f", 2000, "B")]


def test_a_missing_table_is_told() -> None:
    with pytest.raises(InputError, match="layer 'co_inventor' needs the table patent_inventors"):
        network("co_inventor")


def test_nodes_are_the_living_those_with_records_and_the_ends_of_ties() -> None:
    ties = network("co_applicant").ties
    living = pl.DataFrame({"org_id": ["D"], "year": [2003]})
    nodes = network_nodes(
        TABLES, ties, living, layers=["co_applicant"], window=2, years=YEARS, lifespan=5
    )
    by_year = {y: nodes.filter(year=y)["node"].to_list() for y in YEARS}
    assert by_year == {2000: ["A", "B"], 2001: ["A", "B"], 2002: ["C"], 2003: ["A", "C", "D"]}


def measured(ties: pl.DataFrame, nodes: str | list[str], year: int = 2001) -> pl.DataFrame:
    listed = pl.DataFrame({"year": [year] * len(nodes), "node": list(nodes)})
    return measure_years(
        ties,
        listed,
        weight=None,
        years=[year],
        exact_limit=100,
        sample_sources=3,
        seed=1,
    )


def test_facts_of_a_triangle_with_an_isolate() -> None:
    ties = network("alliance").ties.filter(year=2001)
    facts = network_facts(measured(ties, "ABCD"))
    assert dict(facts.schema) == dict(SCHEMA)
    row = facts.row(0, named=True)
    found = {name: value for name, value in row.items() if value is not None}
    one_mode = ("null_transitivity_one_mode", "null_path_length_one_mode", "small_world_one_mode")
    assert [found.pop(name) for name in one_mode] == pytest.approx(
        [2 / 3, math.log(3) / math.log(2), 1.5 * math.log(3) / math.log(2)]
    )
    assert found == {
        "year": 2001,
        "nodes": 4,
        "isolates": 1,
        "edges": 3,
        "mean_degree": 1.5,
        "components": 2,
        "giant_share": 0.75,
        "density": 0.5,
        "degree_centralisation": pytest.approx(1 / 3),
        "betweenness_centralisation": 0.0,
        "mean_local_clustering": 1.0,
        "transitivity": 1.0,
        "mean_path_length": 1.0,
        "paths_exact": True,
        "rewired_status": "missing_input",
        "rewired_two_mode_status": "missing_input",
    }


def test_facts_of_w20_from_measures_alone() -> None:
    ends = ["ab", "ac", "bc", "de", "df", "ef", "cd"]
    ties = pl.DataFrame({"year": [2001] * 7, "a": [e[0] for e in ends], "b": [e[1] for e in ends]})
    ties = ties.with_columns(pl.col("year").cast(pl.Int32))
    row = network_facts(measured(ties, "abcdefi"), ties).row(0, named=True)
    assert row["mean_local_clustering"] == pytest.approx(7 / 9, abs=1e-12)
    assert row["transitivity"] == pytest.approx(3 / 5, abs=1e-12)
    assert row["mean_path_length"] == 9 / 5
    graph = Graph.from_frame(ties)
    assert row["assortativity"] == pytest.approx(degree_assortativity(graph), abs=1e-12)


def random_records(n: int = 40, groups: int = 30) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ties and records of one year of random groups of two to four."""
    rng = np.random.default_rng(8)
    rows = []
    for g in range(groups):
        members = sorted(rng.choice(n, rng.integers(2, 5), replace=False).tolist())
        rows += [
            (2001, f"n{a:02d}", f"n{b:02d}", f"g{g}") for a, b in itertools.combinations(members, 2)
        ]
    schema = {"year": pl.Int32, "a": pl.String, "b": pl.String, "record_id": pl.String}
    records = pl.DataFrame(rows, schema=schema, orient="row")
    return records.select("year", "a", "b").unique().sort("a", "b"), records


def test_facts_with_nulls_equal_the_library_and_repeat() -> None:
    ties, records = random_records()
    nodes = [f"n{k:02d}" for k in range(40)]
    table = measured(ties, nodes)
    nulls = NullSettings(draws=5, limit=100, seed=3)
    row = network_facts(table, ties, records, nulls=nulls).row(0, named=True)
    graph = Graph.from_frame(ties, nodes=nodes)
    both = pl.concat([records.select("record_id", node=end) for end in "ab"])
    groups = Memberships.from_pairs(both["record_id"], both["node"])
    world = small_world(graph, groups)
    assert row["small_world"] == pytest.approx(world.ratio, abs=1e-9)
    assert row["null_transitivity"] == pytest.approx(world.clustering_null, abs=1e-12)
    assert row["mean_path_length"] == pytest.approx(mean_path_length(graph), abs=1e-12)
    assert row["transitivity"] == pytest.approx(transitivity(graph), abs=1e-12)
    assert row["betweenness_centralisation"] == pytest.approx(
        centralisation(betweenness(graph).normalised), abs=1e-12
    )
    assert row["rewired_status"] == row["rewired_two_mode_status"] == "ok"
    assert row["rewired_draws"] == 5
    assert row["rewired_swaps_tried"] == 50 * ties.height
    assert 0 < row["rewired_swaps_done"] < row["rewired_swaps_tried"]
    # Cliques cluster by themselves: only the two-mode null knows.
    assert row["rewired_small_world"] > row["rewired_two_mode_small_world"]
    shuffled = (frame.sample(fraction=1, shuffle=True, seed=4) for frame in (table, ties, records))
    assert network_facts(*shuffled, nulls=nulls).row(0, named=True) == row
    small = network_facts(table, ties, records, nulls=NullSettings(5, 10, 3)).row(0, named=True)
    assert small["rewired_status"] == "missing_input"
    assert small["rewired_small_world"] is None


def test_facts_of_a_year_without_ties() -> None:
    ties = pl.DataFrame(schema={"year": pl.Int32, "a": pl.String, "b": pl.String})
    records = ties.with_columns(record_id=pl.lit("x"))
    row = network_facts(measured(ties, "AB"), ties, records, nulls=NullSettings(3)).row(
        0, named=True
    )
    assert (row["nodes"], row["edges"], row["components"]) == (2, 0, 2)
    for name in ("transitivity", "mean_path_length", "assortativity", "small_world"):
        assert row[name] is None
    assert row["rewired_status"] == row["rewired_two_mode_status"] == "undefined_isolate"


def test_core_of_each_year_has_size_fit_and_p() -> None:
    # A clique of four with one pendant each: the clique is the core, pendants tie to it alone.
    clique = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]
    pendants = [(c, f"{c}{k}") for c in "abcd" for k in range(3)]
    ends = clique + pendants
    tied = pl.DataFrame(
        {"year": [2000] * len(ends), "a": [x for x, _ in ends], "b": [y for _, y in ends]},
        schema_overrides={"year": pl.Int32},
    )
    names = sorted({name for pair in ends for name in pair})
    nodes = pl.DataFrame({"year": [2000] * len(names), "node": names}).cast({"year": pl.Int32})
    measured = measure_years(
        tied, nodes, weight=None, years=[2000], exact_limit=100, sample_sources=10, seed=1
    )
    row = network_facts(measured, tied, nulls=NullSettings(99, 100, 1)).row(0, named=True)
    core = np.array([len(name) == 1 for name in names])
    tie = np.zeros((16, 16))
    for x, y in ends:
        tie[names.index(x), names.index(y)] = tie[names.index(y), names.index(x)] = 1
    upper = np.triu_indices(16, 1)
    ideal = (core[:, None] | core[None, :])[upper]
    assert row["core_size"] == 4
    assert row["core_fit"] == pytest.approx(np.corrcoef(tie[upper], ideal)[0, 1], abs=1e-12)
    assert row["core_p"] <= 0.05
    assert row["core_p_status"] == "ok"
    c = measured.sort("node")["coreness"].to_numpy()
    by_hand = np.corrcoef(tie[upper], np.outer(c, c)[upper])[0, 1]
    assert row["coreness_fit"] == pytest.approx(by_hand, abs=1e-12)
    assert network_facts(measured, tied)["core_p_status"].to_list() == ["missing_input"]
