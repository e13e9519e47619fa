"""Every misstep of construction is found where it is made, and nowhere else."""

from __future__ import annotations

import networkx as nx
import polars as pl
import pytest
import yaml

from tertius.variables import NetworkFacts, derive, resolve
from tertius.variables.missteps import (
    MISSTEPS,
    changed_by_the_future,
    model_missteps,
    panel_missteps,
    strengths_as_distances,
    variables_of,
)
from tertius.variables.scramble import scramble_future

NETWORKS = {
    "alliance": NetworkFacts(("alliance",), None),
    "co_applicant": NetworkFacts(("co_applicant",), 5),
    "all_patents": NetworkFacts(("co_applicant",), None),
}


@pytest.fixture(scope="module")
def specs(root):
    book = yaml.safe_load((root / "config" / "variables.yaml").read_text(encoding="utf-8"))
    declared = {
        "exploit_share": {"of": "explore_share", "params": {"kind": "exploit"}},
        "deg_ever": {"of": "deg", "network": "all_patents"},
        "deg_joint": {"of": "deg", "network": "co_applicant"},
    }
    return resolve(book, declared)


def _names(found):
    return [step.name for step in found]


@pytest.mark.parametrize(
    ("outcome", "terms", "expected"),
    [
        ("pat", ["log1p(deg)", "sh", "log1p(deg):sh"], []),
        ("pat", ["cites5", "sh"], ["look_ahead"]),
        ("pat", ["deg_n"], ["normalised_across_years"]),
        ("pat", ["pdiv", "pdiv^2"], ["diversity_without_size"]),
        ("pat", ["pdiv", "pdiv^2", "log1p(psize)"], []),
        ("brk5", ["tdiv", "khet"], ["diversity_without_size"] * 2),
        ("pat", ["explore_share", "exploit_share"], ["complements"]),
        ("pat", ["explore", "exploit"], []),
        ("pat", ["sh", "constraint"], ["complements"]),
        ("pat", ["psize_cum"], ["cumulative_network"]),
        ("roa", ["deg_ever"], ["cumulative_network"]),
        ("pat", ["deg_joint"], ["shared_patents"]),
        ("pat_excl", ["deg_joint"], []),
        ("pat", ["rd_int"], ["missing_research_as_zero"]),
        ("pat", ["rd_int", "rd_missing"], []),
    ],
)
def test_terms_show_missteps(specs, outcome, terms, expected):
    assert _names(model_missteps(outcome, terms, specs, NETWORKS, "alliance")) == expected


def test_every_misstep_has_a_name():
    assert variables_of(["log1p(deg):sh", "turb:tdiv^2"]) == ("deg", "sh", "turb", "tdiv")
    assert set(MISSTEPS) == {
        "look_ahead", "isolates_as_zero", "strengths_as_distances", "normalised_across_years",
        "diversity_without_size", "complements", "cumulative_network", "shared_patents",
        "truncated_outcome", "missing_research_as_zero",
    }  # fmt: skip


def test_a_panel_shows_constraints_of_isolates_and_early_outcomes(specs):
    panel = pl.DataFrame(
        {"org_id": ["F", "F"], "year": [2005, 2012], "deg": [0.0, 1.0],
         "constraint": [None, 1.0], "pat": [1.0, None]},
        schema_overrides={"constraint": pl.Float64},
    )  # fmt: skip
    assert panel_missteps(panel, specs, (2000, 2010)) == []
    wrong = panel.with_columns(constraint=pl.lit(0.0), pat=pl.lit(0.0))
    assert _names(panel_missteps(wrong, specs, (2000, 2010))) == [
        "isolates_as_zero",
        "truncated_outcome",
    ]


def test_a_covariate_that_counts_later_citations_is_found(random_world, with_networks):
    tables = random_world(11)
    book = {
        "deg": {"measure": "degree", "inputs": ["measures.degree"]},
        "early": {"function": "outcomes.cited"},
    }
    specs = resolve(book)
    scrambled = scramble_future(tables, 2007, seed=1, last=2016)
    frames = [derive(with_networks(t), book) for t in (tables, scrambled)]
    found = changed_by_the_future(*frames, specs, 2007)
    assert [(step.name, step.variables) for step in found] == [("look_ahead", ("early",))]


def test_strengths_are_no_distances():
    ties = [("A", "B", 5.0), ("B", "C", 5.0), ("A", "C", 20.0), ("C", "D", 1.0)]
    graph = nx.Graph()
    for a, b, w in ties:
        graph.add_edge(a, b, weight=w)
    table = pl.DataFrame(ties, schema=["a", "b", "weight"], orient="row")

    def measured(weight):
        values = nx.betweenness_centrality(graph, normalized=False, weight=weight)
        return pl.DataFrame({"node": list(values), "betweenness": list(values.values())})

    assert _names(strengths_as_distances(table, measured("weight"))) == ["strengths_as_distances"]
    assert strengths_as_distances(table, measured(None)) == []
