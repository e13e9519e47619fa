"""Specifications from cross-products against refits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.estimate.columns import NotEstimable
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.many_specs import (
    GramSample,
    Specification,
    estimate_spec,
    estimate_specs,
    gram_sample,
    specs_sentence,
    specs_table,
)
from tertius.estimate.two_way import lay_out_effects
from tertius.inference.covariance import cluster_covariance, small_sample_factor
from tests.unit.inference_panels import effects_of, panel

NAMES = ("a", "b", "c", "y", "y2")


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, firm, year = panel(seed=seed)
    other = y**2 + x[:, 1]
    return np.column_stack([x, y, other]), firm, year


def refit(
    columns: np.ndarray,
    firm: np.ndarray,
    year: np.ndarray,
    cluster: np.ndarray,
    spec: Specification,
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and covariance by a regression of its own."""
    place = [NAMES.index(term) for term in spec.terms]
    codes = np.unique(firm, return_inverse=True)[1]
    groups = np.unique(cluster, return_inverse=True)[1]
    effects = effects_of(codes, year)
    fit = absorbed_ols(columns[:, place], columns[:, NAMES.index(spec.outcome)], effects)
    scores = np.zeros((groups.max() + 1, len(fit.kept)))
    np.add.at(scores, groups, fit.x_within * fit.residuals[:, None])
    factor = small_sample_factor(
        "fixest", len(firm), len(fit.kept), groups.max() + 1, codes.max() + 1, effects.n_years
    )
    return fit.coefficients, cluster_covariance(scores @ fit.bread, factor)


ALL = [
    Specification(outcome, terms)
    for outcome in ("y", "y2")
    for size in (1, 2, 3)
    for terms in itertools.combinations("abc", size)
]


@pytest.mark.parametrize("regions", [False, True])
def test_every_specification_equals_its_refit(regions: bool) -> None:
    columns, firm, year = data()
    cluster = firm // 5 if regions else firm
    sample = gram_sample(columns, NAMES, cluster, {"org_id": firm, "year": year})
    for one in estimate_specs(sample, ALL, with_influence=True):
        coefficients, covariance = refit(columns, firm, year, cluster, one.specification)
        assert one.coefficients == pytest.approx(coefficients, rel=1e-10)
        assert one.covariance == pytest.approx(covariance, rel=1e-10, abs=1e-300)
        assert one.influence is not None
        factor = one.covariance / (one.influence.T @ one.influence)
        assert factor == pytest.approx(np.full(factor.shape, factor[0, 0]))


def test_subsample_of_firms_drops_singletons_and_equals_its_refit() -> None:
    columns, firm, year = data()
    lone = (firm == 7) & (year != year[firm == 7][0])
    rows = ((firm % 2 == 0) | (firm == 7)) & ~lone
    sample = gram_sample(columns, NAMES, firm, {"org_id": firm, "year": year}, rows)
    assert sample.singletons == 1
    used = rows & (firm != 7)
    assert sample.n_obs == used.sum()
    one = estimate_spec(sample, ALL[4])
    expected = refit(columns[used], firm[used], year[used], firm[used], ALL[4])
    assert one.coefficients == pytest.approx(expected[0], rel=1e-10)
    assert one.covariance == pytest.approx(expected[1], rel=1e-10)


def test_further_effects() -> None:
    columns, firm, year = data()
    cell = (firm % 4) * 7 + year
    effects = {"org_id": firm, "region:year": np.unique(cell, return_inverse=True)[1]}
    one = estimate_spec(gram_sample(columns, NAMES, firm, effects), ALL[4])
    fit = absorbed_ols(columns[:, [0, 2]], columns[:, 3], lay_out_effects(effects))
    assert one.coefficients == pytest.approx(fit.coefficients, rel=1e-10)
    scores = np.zeros((40, 2))
    np.add.at(scores, firm, fit.x_within * fit.residuals[:, None])
    factor = small_sample_factor("fixest", len(firm), 2, 40, 40, 28)
    expected = cluster_covariance(scores @ fit.bread, factor)
    assert one.covariance == pytest.approx(expected, rel=1e-10)
    pooled = estimate_spec(gram_sample(columns, NAMES, firm, {}), ALL[0])
    design = np.column_stack([np.ones(len(firm)), columns[:, 0]])
    slope = np.linalg.lstsq(design, columns[:, 3])[0][1]
    assert pooled.coefficients[0] == pytest.approx(slope, rel=1e-10)


def test_collinear_and_absorbed_columns_are_dropped_by_name() -> None:
    columns, firm, year = data()
    extra = np.column_stack([columns, columns[:, 0] - 2 * columns[:, 1], firm % 3])
    names = (*NAMES, "twin", "fixed")
    sample = gram_sample(extra, names, firm, {"org_id": firm, "year": year})
    one = estimate_spec(sample, Specification("y", ("a", "fixed", "b", "twin")))
    plain = estimate_spec(sample, Specification("y", ("a", "b")))
    assert one.terms == ("a", "b")
    assert one.collinear == ("fixed", "twin")
    assert np.array_equal(one.covariance, plain.covariance)
    with pytest.raises(NotEstimable, match="absorb every"):
        estimate_spec(sample, Specification("y", ("fixed",)))
    with pytest.raises(NotEstimable, match="does not vary"):
        estimate_spec(sample, Specification("fixed", ("a",)))
    with pytest.raises(ValueError, match="unknown columns: z"):
        estimate_spec(sample, Specification("y", ("z",)))
    with pytest.raises(ValueError, match="name of its own"):
        gram_sample(columns, ("a", "a", "b", "y", "z"), firm, {"org_id": firm, "year": year})
    with pytest.raises(NotEstimable, match="two clusters"):
        gram_sample(columns, NAMES, firm, {"org_id": firm, "year": year}, firm == 3)


def test_table_threads_and_relabelling() -> None:
    columns, firm, year = data()
    sample: GramSample = gram_sample(columns, NAMES, firm, {"org_id": firm, "year": year})
    many = ALL * 4
    one = specs_table(estimate_specs(sample, many, threads=1))
    two = specs_table(estimate_specs(sample, many, threads=2))
    assert one.equals(two)
    words = specs_sentence(estimate_specs(sample, ALL), "a")
    assert words.startswith("a in 8 of 14 specifications: median")
    assert one.height == sum(len(spec.terms) for spec in many)
    order = np.random.default_rng(2).permutation(40)
    rows = np.lexsort((year, order[firm]))
    moved_firm = order[firm][rows]
    moved = gram_sample(
        columns[rows], NAMES, moved_firm, {"org_id": moved_firm, "year": year[rows]}
    )
    again = specs_table(estimate_specs(moved, many))
    assert again["estimate"].to_numpy() == pytest.approx(one["estimate"].to_numpy(), rel=1e-10)
    assert again["std_error"].to_numpy() == pytest.approx(one["std_error"].to_numpy(), rel=1e-10)


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(1e-4, 1e4), flip=st.booleans())
def test_scale_and_sign_of_columns(scale: float, flip: bool) -> None:
    columns, firm, year = data()
    factor = -scale if flip else scale
    spec = Specification("y", ("a", "b", "c"))
    moved = columns * np.array([factor, 1.0, 1.0, 1.0, 1.0])
    base = estimate_spec(gram_sample(columns, NAMES, firm, {"org_id": firm, "year": year}), spec)
    other = estimate_spec(gram_sample(moved, NAMES, firm, {"org_id": firm, "year": year}), spec)
    assert other.coefficients[0] * factor == pytest.approx(base.coefficients[0], rel=1e-9)
    assert other.coefficients[1:] == pytest.approx(base.coefficients[1:], rel=1e-9)
    assert other.std_errors[0] * scale == pytest.approx(base.std_errors[0], rel=1e-9)
