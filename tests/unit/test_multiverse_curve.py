"""What a multiverse says as a whole: shares, inference under the null, what drives it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tertius.inference.score_bootstrap import Hypothesis
from tertius.multiverse.curve import decompose, joint_tests, shares


def hypotheses(
    seed: int, effect: float, n_specs: int = 12, n_clusters: int = 100
) -> list[Hypothesis]:
    """Means of correlated columns, one hypothesis a column."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_clusters, 1))
    data = effect + 0.8 * shared + 0.6 * rng.normal(size=(n_clusters, n_specs))
    mean = data.mean(axis=0)
    influence = (data - mean) / n_clusters
    error = np.sqrt((influence**2).sum(axis=0))
    ids = tuple(f"c{i}" for i in range(n_clusters))
    return [
        Hypothesis(f"s{k}", influence[:, k], ids, float(mean[k]), float(error[k]))
        for k in range(n_specs)
    ]


def test_joint_tests_hold_their_level_under_the_null() -> None:
    runs, level = 400, 0.1
    rejected = np.zeros(2)
    for seed in range(runs):
        p = [t.p_value for t in joint_tests(hypotheses(seed, 0.0), 0.05, 99, seed)]
        rejected += np.array([p[0], p[2]]) <= level
    # exact binomial band of 400 runs at .1, probability .999
    assert (rejected >= 0.054 * runs).all(), rejected / runs
    assert (rejected <= 0.156 * runs).all(), rejected / runs


def test_joint_tests_find_an_effect_of_either_sign() -> None:
    for effect in (0.5, -0.5):
        found = joint_tests(hypotheses(1, effect), 0.05, 199, 3)
        assert found[0].p_value == found[2].p_value == 1 / 200
        assert found[1].observed == found[2].observed == 1.0
    assert joint_tests([], 0.05, 99, 1) == ()


def crossing(effects: dict[str, dict[str, float]], product: float = 0.0) -> pl.DataFrame:
    """All cells of some choices with additive effects, and an interplay of the first two."""
    names = list(effects)
    cells: list[dict[str, Any]] = [{}]
    for name in names:
        cells = [{**cell, name: level} for cell in cells for level in effects[name]]
    for number, cell in enumerate(cells):
        value = sum(effects[name][cell[name]] for name in names)
        both = all(cell[name] == list(effects[name])[-1] for name in names[:2])
        value += product * both
        cell |= {"spec": number, "status": "ok", "finding": "neither", "effect": value, "statistic": value}  # fmt: skip  # noqa: E501
    return pl.DataFrame(cells)


def test_decomposition_of_a_balanced_crossing_is_its_analysis_of_variance() -> None:
    table = crossing({"a": {"p": 0.0, "q": 2.0}, "b": {"p": 0.0, "q": 1.0}, "c": {"p": 0.0, "q": 0.0}})  # fmt: skip  # noqa: E501
    found = decompose(table, ["a", "b", "c"])
    # variances of two-valued additive parts: 1, .25, 0
    assert found.shares == pytest.approx({"a": 0.8, "b": 0.2, "c": 0.0}, abs=1e-10)
    assert found.rest == pytest.approx(0.0, abs=1e-10)
    mixed = decompose(crossing({"a": {"p": 0.0, "q": 2.0}, "b": {"p": 0.0, "q": 0.0}}, 2.0), ["a", "b"])  # fmt: skip  # noqa: E501
    # cells 0, 0, 2, 4: main effects 3 and 1, interplay 1 -> 9/11, 1/11, 1/11
    assert mixed.shares == pytest.approx({"a": 9 / 11, "b": 1 / 11}, abs=1e-10)
    assert mixed.rest == pytest.approx(1 / 11, abs=1e-10)


def test_decomposition_of_a_draw_does_not_depend_on_the_order_of_choices() -> None:
    rng = np.random.default_rng(4)
    effects = {name: {"p": 0.0, "q": float(rng.normal()), "r": float(rng.normal())} for name in "abcd"}  # fmt: skip  # noqa: E501
    table = crossing(effects, 1.0).sample(40, seed=2)
    one, other = decompose(table, list("abcd")), decompose(table, list("dcba"))
    assert one.shares == pytest.approx(dict(other.shares), abs=1e-10)
    assert sum(one.shares.values()) + one.rest == pytest.approx(1.0, abs=1e-10)


def test_shares_count_signs_and_findings() -> None:
    table = pl.DataFrame(
        {
            "spec": [0, 1, 2, 3, 4],
            "status": ["ok"] * 4 + ["not_estimable"],
            "finding": ["expected", "neither", "opposite", "expected", None],
            "statistic": [2.5, 0.3, -2.2, 3.0, None],
            "effect": [0.2, 0.1, -0.2, 0.4, None],
        }
    )
    found = shares(table)
    assert (found.n, found.same_sign, found.expected, found.opposite) == (4, 0.75, 0.5, 0.25)
    assert found.median_effect == pytest.approx(0.15)
    assert found.median_statistic == pytest.approx(1.4)
