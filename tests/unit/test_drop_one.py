"""Drop-one contributions of partners."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.measures import Graph
from tertius.measures.holes import burt
from tertius.whatif.drop_one import (
    ISOLATE,
    PositionModel,
    drop_one,
    holes_without_each,
    position_model,
    tie_proportions,
)


def graph_of(ties: list[tuple[str, str, float]]) -> Graph:
    a, b, weight = zip(*ties, strict=True)
    return Graph.from_edges(list(a), list(b), list(weight))


def constraint(ties: list[tuple[str, str, float]], node: str) -> float:
    graph = graph_of(ties)
    return float(burt(graph).constraint[list(graph.nodes).index(node)])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_holes_without_a_partner_are_those_of_the_network_without_the_tie(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"n{k}" for k in range(8)]
    ties = [
        (x, y, float(rng.uniform(0.2, 3.0)))
        for i, x in enumerate(names)
        for y in names[:i]
        if rng.random() < 0.5
    ]
    if not ties:
        return
    graph = graph_of(ties)
    proportions = tie_proportions(graph)
    for ego, name in enumerate(graph.nodes):
        whole, without = holes_without_each(proportions, ego)
        assert whole == pytest.approx(1.0 - constraint(ties, name), abs=1e-10)
        partners = graph.nodes[graph.indices[graph.indptr[ego] : graph.indptr[ego + 1]]]
        for partner, value in zip(partners, without, strict=True):
            left = [t for t in ties if {t[0], t[1]} != {name, partner}]
            if not any(name in t[:2] for t in left):
                assert math.isnan(value)
            else:
                assert value == pytest.approx(1.0 - constraint(left, name), abs=1e-10)


MODEL = PositionModel(
    name="position",
    coefficients={"log1p(deg)": 0.5, "sh": -2.0, ISOLATE: 0.3},
    covariance=np.diag([0.01, 0.04, 0.09]),
    critical=2.0,
    winsor={},
)


def test_a_broker_in_a_path_by_hand() -> None:
    """a - b - c: b has constraint 1/2; without c it is tied to a alone, constraint 1."""
    found = drop_one(graph_of([("a", "b", 1.0), ("b", "c", 1.0)]), None, MODEL)
    row = found.filter((pl.col("node") == "b") & (pl.col("partner") == "c")).row(0, named=True)
    assert (row["holes_with"], row["holes_without"]) == pytest.approx((0.5, 0.0))
    change, holes = math.log(3 / 2), 0.5
    ratio = 0.5 * change - 2.0 * holes
    error = math.sqrt(0.01 * change**2 + 0.04 * holes**2)
    assert row["contribution"] == pytest.approx(math.expm1(ratio))
    assert row["conf_low"] == pytest.approx(math.expm1(ratio - 2.0 * error))
    assert row["conf_high"] == pytest.approx(math.expm1(ratio + 2.0 * error))


def test_the_last_partner_leaves_an_isolate() -> None:
    """a keeps nothing without b: holes 1 - 1 = 0 with it, recoded without it."""
    found = drop_one(graph_of([("a", "b", 1.0), ("b", "c", 1.0)]), None, MODEL)
    row = found.filter(pl.col("node") == "a").row(0, named=True)
    assert row["holes_without"] is None
    assert row["contribution"] == pytest.approx(math.expm1(0.5 * math.log(2.0) - 0.3))


def test_values_are_held_where_the_model_held_them() -> None:
    held = PositionModel("position", {"log1p(deg)": 0.5, "sh": -2.0}, np.zeros((2, 2)), 2.0,
                         {"log1p(deg)": (0.0, 1.0), "sh": (0.2, 0.3)})  # fmt: skip
    found = drop_one(graph_of([("a", "b", 1.0), ("b", "c", 1.0)]), None, held)
    row = found.filter((pl.col("node") == "b") & (pl.col("partner") == "c")).row(0, named=True)
    assert row["contribution"] == pytest.approx(math.expm1(-2.0 * (0.3 - 0.2)))


def test_the_model_is_read_from_the_files_of_an_estimate() -> None:
    one = {"winsor_low": 0.0, "winsor_high": 16.0}
    none = {"winsor_low": None, "winsor_high": None}
    fit = {"model": "position", "link": "log", "dof": 10_000,
           "variables": {"log1p(deg)": one, "sh": none}}  # fmt: skip
    terms = ["sh", "lev", "log1p(deg)"]
    coefficients = pl.DataFrame({"term": terms, "estimate": [1.0, 9.0, 2.0]})
    covariance = pl.DataFrame({"term": terms, "sh": [0.1, 0.0, 0.3], "lev": [0.0, 5.0, 0.0],
                               "log1p(deg)": [0.3, 0.0, 0.2]})  # fmt: skip
    model = position_model(fit, coefficients, covariance)
    assert model is not None
    assert model.coefficients == {"log1p(deg)": 2.0, "sh": 1.0}
    assert model.covariance.tolist() == [[0.2, 0.3], [0.3, 0.1]]
    assert model.critical == pytest.approx(1.9602, abs=1e-4)
    assert model.winsor == {"log1p(deg)": (0.0, 16.0)}
    assert position_model({**fit, "link": "identity"}, coefficients, covariance) is None
    assert position_model(fit, coefficients.filter(pl.col("term") != "sh"), covariance) is None
