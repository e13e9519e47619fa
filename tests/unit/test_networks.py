"""Named networks: layers to ties, nodes and whole-network facts, worked by hand."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from tertius.measures import measure_years
from tertius.networks import build_network, layer_events, network_facts, network_nodes
from tertius.problems import InputError

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


def test_facts_of_a_triangle_with_an_isolate() -> None:
    nodes = pl.DataFrame({"year": [2001] * 4, "node": list("ABCD")})
    ties = network("alliance").ties.filter(year=2001)
    measured = measure_years(
        ties,
        nodes,
        weight="weight_newman",
        years=[2001],
        exact_limit=10,
        sample_sources=3,
        seed=1,
    )
    assert network_facts(measured).row(0, named=True) == {
        "year": 2001,
        "nodes": 4,
        "isolates": 1,
        "edges": 3,
        "mean_degree": 1.5,
        "components": 2,
        "giant_share": 0.75,
        "density": 0.5,
    }
