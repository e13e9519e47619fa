"""Every result of a test says itself in words and gives the data of its figure."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import is_dataclass

import numpy as np
import polars as pl
import pytest

import tertius.inference
import tertius.shapes
from tertius.inference.dyadic import dyadic_covariance, node_jackknife
from tertius.inference.multiway import two_way_covariance
from tertius.shapes.comparison import BlockTest
from tertius.shapes.mediation_counterfactual import CounterfactualMediation, NaturalEffect
from tertius.shapes.mediation_sensitivity import Equivalence
from tertius.shapes.moderation_checks import DoubleDemeaned
from tertius.shapes.permutation import fisher_permutation
from tertius.shapes.turning_shift import ParallelShift, ShiftBootstrap

FIGURES = ("figure", "curve")


def results() -> list[type]:
    """Result classes of the rooms of tests: those that say themselves in words."""
    found = []
    for room in (tertius.shapes, tertius.inference):
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            loaded = importlib.import_module(module.name)
            for _, one in inspect.getmembers(loaded, inspect.isclass):
                if one.__module__ == module.name and is_dataclass(one) and has(one, "sentence"):
                    found.append(one)
    return found


def has(one: type, name: str) -> bool:
    return hasattr(one, name) or name in getattr(one, "__dataclass_fields__", {})


@pytest.mark.parametrize("one", results(), ids=lambda one: one.__name__)
def test_a_result_with_a_sentence_has_a_figure(one: type) -> None:
    assert any(has(one, name) for name in FIGURES)


def test_many_results_are_looked_at() -> None:
    assert len(results()) > 30


def test_figures_of_small_results() -> None:
    effect = NaturalEffect("total", 0.3, 0.1, 0.5, 1.2, 1.0, 1.4)
    natural = CounterfactualMediation("x", 1.0, effect, effect, effect, 99, "")
    assert natural.figure()["high"].to_list() == [0.5] * 3
    assert DoubleDemeaned(1.0, 0.1, 2.0, 0.2, 0.0, 0.0, "").figure().row(1) == (
        "within firms",
        2.0,
        0.2,
    )
    assert ShiftBootstrap(0.0, 1.0, 0.1, 0.1, 0.8, 1.2, 1.0, 9, "").figure().row(0) == (
        0.0,
        1.0,
        0.8,
        1.2,
    )
    assert ParallelShift(0.5, True, 1.0, 0.1, 2.0, "").figure()["shift"].to_list() == [1.0, 2.0]
    assert BlockTest(("a", "b"), 3.0, 2, 0.1, 0.4, 0.2, "").figure().row(0) == ("a, b", 0.4, 0.2)
    bounds = Equivalence(0.5, -0.1, 0.2, True, True, "").figure()
    assert bounds.row(0) == (-0.1, 0.2, -0.5, 0.5)


def test_figures_and_words_of_covariances() -> None:
    rng = np.random.default_rng(1)
    a, b = np.triu_indices(6, 1)
    psi = rng.normal(size=(len(a), 2))
    found = dyadic_covariance(psi, a, b)
    assert found.figure()["dyadic"].to_numpy() == pytest.approx(found.std_errors)
    two = two_way_covariance(psi, a, b, 2)
    drawn = two.figure(np.eye(2))
    assert drawn["std_error"].to_numpy() == pytest.approx(two.std_errors)
    assert drawn["beside"].to_list() == [1.0, 1.0]
    left = node_jackknife(lambda keep: psi[keep].mean(axis=0), a, b)
    assert "each of 6 nodes" in left.sentence
    assert isinstance(left.figure(0), pl.DataFrame)


def test_words_and_figure_of_a_permutation() -> None:
    y = np.array([1.0, 2.0, 3.0, 5.0, 6.0, 7.0])
    first = np.array([True, False, True, False, True, False])
    found = fisher_permutation(
        lambda flags: (float(y[flags].mean() - y[~flags].mean()), 1.0), first, exact_up_to=20
    )
    assert "over all 20 relabelings" in found.sentence
    assert found.figure()["draws"].sum() == 20
