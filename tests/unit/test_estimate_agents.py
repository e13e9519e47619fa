"""The simulation of partner matching: rules by hand, and what more contacts are worth."""

from __future__ import annotations

import numpy as np
import pytest

from tertius.estimate import NotEstimable, estimate_model
from tertius.estimate.agent_matching import pair_values, platform, search
from tertius.model_spec import resolve_spec
from tests.shape_worlds import panel


def test_the_platform_serves_the_most_valuable_pairs_first() -> None:
    """Four firms at 0, 1, 2, 9 on a line: 0-9 is served first, then 1-2 is what is left."""
    value = np.abs(np.subtract.outer([0.0, 1, 2, 9], [0.0, 1, 2, 9]))
    np.fill_diagonal(value, -np.inf)
    assert platform(value, 1).tolist() == [9.0, 1.0, 1.0, 9.0]
    # with two places the pairs 0-9, 1-9, 0-2 are served, then 1-2
    assert platform(value, 2).tolist() == [5.5, 4.5, 1.5, 8.5]


def test_values_are_distances_in_standard_deviations() -> None:
    x = np.random.default_rng(1).normal(size=(30, 2)) * [1.0, 50.0]
    value = pair_values(x)
    off = ~np.eye(30, dtype=bool)
    assert value[off].std() == pytest.approx(1)
    assert np.array_equal(value[off], value.T[off])
    assert (np.diag(value) == -np.inf).all()
    # the scale of a column does not matter
    assert pair_values(x * [7.0, 1.0])[off] == pytest.approx(value[off])


def test_search_among_all_firms_takes_the_best_that_is_left() -> None:
    value = np.abs(np.subtract.outer([0.0, 1, 2, 9], [0.0, 1, 2, 9]))
    np.fill_diagonal(value, -np.inf)
    got = search(value, 4, 1, np.random.default_rng(3))
    assert sorted(got.tolist()) in ([1.0, 1.0, 9.0, 9.0], [2.0, 2.0, 8.0, 8.0], [1, 1, 7, 7])


def agents(contacts: int, seed: int = 1) -> float:
    rng = np.random.default_rng(4)
    frame = panel({"a": rng.normal(size=600), "b": rng.normal(size=600), "y": np.ones(600)}, 100)
    raw = {
        "outcome": "y", "lead": 0, "estimator": "agent_matching", "terms": ["a", "b"],
        "winsor": None, "options": {"contacts": contacts, "draws": 10, "seed": seed},
    }  # fmt: skip
    estimate = estimate_model(frame, resolve_spec("m", raw))
    assert estimate.terms == ("gain",)
    assert estimate.n_obs == 600
    assert estimate.std_errors[0] > 0
    return estimate.coefficient("gain")


def test_the_gain_of_a_platform_falls_with_what_firms_know_themselves() -> None:
    few, some, many = (agents(contacts) for contacts in (2, 10, 60))
    assert few > some > many
    assert few > 0.5
    assert agents(10, seed=2) == pytest.approx(some, abs=0.1)
    assert agents(10) == some


def test_no_year_with_enough_firms() -> None:
    with pytest.raises(NotEstimable, match="more than a firm's contacts"):
        agents(100)
