"""Planted against estimated: the joint test by hand, recentring as an identity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tertius.exhibits.truth import Plant, compare_with_truth

TERMS = ("log1p(deg)", "sh", "log1p(deg):sh", "tdiv", "tdiv^2", "turb:tdiv", "turb:tdiv^2", "turb")
BASES = ("log1p(deg)", "sh", "tdiv", "turb")
real = st.floats(-3, 3, allow_nan=False)


def test_joint_test_by_hand() -> None:
    found = compare_with_truth(
        {"a": 1.0, "b": 0.0, "gone": 2.0},
        ["b", "a", "other"],
        np.array([0.3, 1.2, 9.0]),
        np.diag([0.01, 0.04, 1.0]),
    )
    # ((1.2 - 1) / .2)^2 + ((.3 - 0) / .1)^2 = 1 + 9
    assert found.statistic == pytest.approx(10.0)
    assert found.dof == 2
    assert found.p_value == pytest.approx(math.exp(-5.0))
    assert [(row.term, row.inside) for row in found.rows] == [("a", True), ("b", False)]
    assert found.n_inside == 1
    assert found.absent == ("gone",)


def test_correlated_estimates() -> None:
    v = np.array([[2.0, 1.0], [1.0, 1.0]])
    found = compare_with_truth({"a": 0.0, "b": 0.0}, ["a", "b"], np.array([1.0, 1.0]), v)
    # (1, 1) V^-1 (1, 1)' with V^-1 = [[1, -1], [-1, 2]] is 1
    assert found.statistic == pytest.approx(1.0)
    assert found.p_value == pytest.approx(float(stats.chi2.sf(1.0, 2)))


def test_singular_covariance_loses_a_degree_of_freedom() -> None:
    v = np.ones((2, 2))
    found = compare_with_truth({"a": 0.0, "b": 0.0}, ["a", "b"], np.array([2.0, 2.0]), v)
    assert found.dof == 1
    assert found.statistic == pytest.approx(4.0)


def test_nothing_to_compare() -> None:
    found = compare_with_truth({"a": 1.0}, ["b"], np.array([1.0]), np.eye(1))
    assert found.rows == ()
    assert found.dof == 0
    assert math.isnan(found.p_value)


def index(coefficients: dict[str, float], centres: dict[str, float], at: dict[str, float]) -> float:
    values = {base: at[base] - centres[base] for base in BASES}
    total = 0.0
    for term, coefficient in coefficients.items():
        product = coefficient
        for part in term.split(":"):
            base, _, power = part.partition("^")
            product *= values[base] ** int(power or 1)
        total += product
    return total


@given(
    st.lists(real, min_size=8, max_size=8),
    st.lists(real, min_size=4, max_size=4),
    st.lists(real, min_size=4, max_size=4),
    st.lists(real, min_size=4, max_size=4),
)
def test_recentring_leaves_differences_of_the_index(
    values: list[float], old: list[float], new: list[float], at: list[float]
) -> None:
    plant = Plant(dict(zip(TERMS, values, strict=True)), dict(zip(BASES, old, strict=True)))
    centres, point = dict(zip(BASES, new, strict=True)), dict(zip(BASES, at, strict=True))
    moved = plant.recentred(centres)
    origin = dict.fromkeys(BASES, 0.5)
    before = [index(dict(plant.coefficients), dict(plant.centres), x) for x in (point, origin)]
    after = [index(moved, centres, x) for x in (point, origin)]
    assert after[0] - after[1] == pytest.approx(before[0] - before[1], abs=1e-6)


def test_recentring_keeps_planted_zeros() -> None:
    plant = Plant({"tdiv": 0.0, "tdiv^2": -8.0}, {"tdiv": 0.78})
    assert plant.recentred({"tdiv": 0.78}) == {"tdiv": 0.0, "tdiv^2": -8.0}
    moved = plant.recentred({"tdiv": 0.75})
    assert moved == {"tdiv": pytest.approx(2 * -8.0 * -0.03), "tdiv^2": -8.0}


def test_truth_file_is_read_with_the_codebook_names() -> None:
    truth = {
        "outcome": {
            "terms": [{"term": "turb:tdiv", "coefficient": 0.8, "sign": 1}],
            "centres": {"turb": 0.0, "tdiv": 0.78},
        }
    }
    plant = Plant.from_truth(truth, {"turb": "turb_z"})
    assert plant.coefficients == {"tdiv:turb_z": 0.8}
    assert plant.centres == {"turb_z": 0.0, "tdiv": 0.78}
