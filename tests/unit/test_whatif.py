"""What-if removals: worked networks, repair, groups, firms."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tertius.measures import Graph
from tertius.measures.position import two_step_reach
from tertius.whatif.removal import (
    backup_ties,
    first_of,
    groups_of,
    recovered,
    remove,
    retained,
    targeted_order,
)
from tertius.whatif.simulate import WhatIf, firm_table, group_removals, removal_curves

SETTINGS = WhatIf(shares=(0.0, 0.2, 0.4), draws=20, firm_share=0.2, seed=3)


def flags(graph: Graph, *lost: str) -> np.ndarray:
    return np.isin(graph.nodes, list(lost))


def star() -> Graph:
    """A hub h with four leaves; a and b are tied as well."""
    return Graph.from_edges(list("hhhha"), list("abcdb"))


def test_loss_of_the_hub_leaves_the_pair() -> None:
    graph = star()
    before = two_step_reach(graph)
    assert before.tolist() == [4, 4, 4, 4, 4]
    left = remove(graph, flags(graph, "h"), np.random.default_rng(1))
    # a and b keep each other; c and d keep nobody
    assert left.giant_share == 2 / 5
    share = retained(before, left.reach)
    assert share[:4].tolist() == [0.25, 0.25, 0.0, 0.0]
    assert np.isnan(share[4])
    # a and b have no partner's partner beyond the pair, c and d no partner left: no repair
    assert recovered(before, left)[:4].tolist() == [0.0, 0.0, 0.0, 0.0]


def test_repair_ties_survivors_to_partners_of_partners() -> None:
    # a - b - c - d, a - x: a loses x and may tie itself to c
    graph = Graph.from_edges(list("abca"), list("bcdx"))
    lost = flags(graph, "x")
    ties = backup_ties(graph, lost, np.random.default_rng(1))
    places = {str(n): i for i, n in enumerate(graph.nodes)}
    assert ties.tolist() == [[places["a"], places["c"]]]
    before = two_step_reach(graph)
    left = remove(graph, lost, np.random.default_rng(1))
    at = places["a"]
    assert before[at] == 3  # b, x, c
    assert left.reach[at] == 2  # b, c
    assert left.repaired[at] == 3  # b, c, d
    assert recovered(before, left)[at] == 1.0
    # b lost x at two steps and has no tie to repair by itself
    assert recovered(before, left)[places["b"]] == 0.0


def test_nothing_removed_changes_nothing() -> None:
    graph = star()
    curves = removal_curves(graph, SETTINGS)
    none = curves.filter(pl.col("share") == 0.0)
    assert none["retained"].to_list() == [1.0, 1.0]
    assert none["giant_share"].to_list() == [1.0, 1.0]
    assert none["recovered"].is_nan().all()
    assert curves["n_removed"].to_list() == [0, 1, 2, 0, 1, 2]


def test_a_targeted_loss_hurts_more_than_a_random_one() -> None:
    rng = np.random.default_rng(8)
    hubs = [(f"h{i}", f"n{j:02d}") for j in range(40) for i in rng.choice(4, 2, replace=False)]
    graph = Graph.from_edges(*zip(*hubs, strict=True))
    order = targeted_order(graph, 512, 20_000, 1)
    assert {str(n)[0] for n in graph.nodes[order[:4]]} == {"h"}
    settings = WhatIf(shares=(0.1,), draws=30, firm_share=0.1, seed=1)
    random, targeted = removal_curves(graph, settings).to_dicts()
    assert targeted["retained"] < random["retained_low"]
    assert random["retained_low"] <= random["retained"] <= random["retained_high"]
    assert targeted["retained_low"] == targeted["retained_high"]  # the order is fixed


def test_groups_fall_out_together() -> None:
    graph = star()
    groups = groups_of(["X", "X", "Y", None, "Y"])  # a b c d h
    assert groups["X"].tolist() == [True, True, False, False, False]
    found = group_removals(graph, groups, "country", SETTINGS)
    assert found["group"].to_list() == ["X", "Y"]
    # without a and b: c, d, h keep two of four; without c and h: a and b keep one of four, d none
    assert found["retained"].to_list() == pytest.approx([0.5, 1 / 6])
    assert found["giant_share"].to_list() == pytest.approx([3 / 5, 2 / 5])


def test_firms_are_told_their_worst_group_of_others() -> None:
    graph = star()
    table = firm_table(graph, groups_of(["X", "X", "Y", None, "Y"]), SETTINGS)
    rows = {row["node"]: row for row in table.to_dicts()}
    assert rows["a"]["worst_group"] == "Y"
    assert rows["a"]["retained_worst"] == 0.25
    assert rows["h"]["worst_group"] == "X"  # its own group does not count
    assert rows["h"]["retained_worst"] == 0.5
    assert rows["h"]["retained_betweenness"] is None  # the hub itself falls out
    assert rows["c"]["retained_betweenness"] == 0.0
    for row in rows.values():
        assert 0 <= row["retained_random_low"] <= row["retained_random"] <= 1


def test_isolates_have_no_share_and_results_do_not_depend_on_the_order_of_ties() -> None:
    graph = Graph.from_edges(list("hhhha"), list("abcdb"), nodes=["z"])
    shuffled = Graph.from_edges(list("bdcba"), list("ahhhh"), nodes=["z"])
    one, other = (firm_table(g, {}, SETTINGS) for g in (graph, shuffled))
    assert one.equals(other)
    lone = one.filter(pl.col("node") == "z").row(0, named=True)
    assert lone["reach"] == 0
    assert lone["retained_random"] is None
    assert lone["worst_group"] is None
    assert first_of(np.arange(10), 0.25).sum() == 2
