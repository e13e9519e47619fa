"""Direct two-way demeaning and the choice of independent columns, against dummies."""

from __future__ import annotations

import numpy as np
import pytest

from tertius.estimate.fe_ols import absorbed_ols, two_way_ols
from tertius.estimate.two_way import independent_columns, make_effects, singleton_rows


def unbalanced(seed: int, n_firms: int = 12, n_years: int = 5):
    rng = np.random.default_rng(seed)
    firm = np.repeat(np.arange(n_firms), n_years)
    year = np.tile(np.arange(n_years), n_firms)
    keep = (rng.random(firm.size) > 0.3) | (year == firm % n_years)
    return firm[keep], year[keep], rng.normal(size=(int(keep.sum()), 3)), rng.random(keep.sum())


def dummies(*codes: np.ndarray) -> np.ndarray:
    return np.hstack([np.eye(code.max() + 1)[code] for code in codes])


@pytest.mark.parametrize("effects", [("org_id", "year"), ("org_id",), ("year",), ()])
@pytest.mark.parametrize("weighted", [False, True])
def test_within_equals_regression_on_dummies(effects: tuple[str, ...], weighted: bool) -> None:
    firm, year, values, weights = unbalanced(2)
    codes = [c for name, c in (("org_id", firm), ("year", year)) if name in effects]
    d = dummies(*codes) if codes else np.ones((len(firm), 1))
    root = np.sqrt(weights)[:, None] if weighted else np.ones((len(firm), 1))
    fitted = d @ np.linalg.lstsq(root * d, root * values, rcond=None)[0]
    layout = make_effects(firm, year, effects)
    found = layout.within(values, weights if weighted else None)
    assert found == pytest.approx(values - fitted, abs=1e-12)


def test_disconnected_firms_and_years() -> None:
    firm = np.repeat(np.arange(4), 2)
    year = np.array([0, 1, 0, 1, 2, 3, 2, 3])
    values = np.random.default_rng(0).normal(size=(8, 2))
    d = dummies(firm, year)
    fitted = d @ np.linalg.lstsq(d, values, rcond=None)[0]
    found = make_effects(firm, year, ("org_id", "year")).within(values)
    assert found == pytest.approx(values - fitted, abs=1e-12)


def test_collinear_columns_go_in_order() -> None:
    firm, year, values, _ = unbalanced(3)
    a, b = values[:, 0], values[:, 1]
    x = np.column_stack([a, firm * 2.0, b, a - 2 * b, year + firm * 1.0, np.ones_like(a), a * b])
    effects = make_effects(firm, year, ("org_id", "year"))
    kept, dropped = independent_columns(effects.within(x), x)
    assert kept.tolist() == [0, 2, 6]
    assert dropped.tolist() == [1, 3, 4, 5]


def test_nearly_collinear_columns_stay() -> None:
    rng = np.random.default_rng(4)
    a = rng.normal(size=400)
    x = np.column_stack([a, a + 1e-3 * rng.normal(size=400), 1e9 + a * 1e3 + rng.normal(size=400)])
    kept, dropped = independent_columns(x - x.mean(axis=0), x)
    assert kept.tolist() == [0, 1, 2]
    assert dropped.size == 0


def test_singletons_leave_in_chains() -> None:
    # firm 2 has one row; without it year 3 has one row, that of firm 1; then firm 1 has one row
    firm = np.array([0, 0, 0, 1, 1, 2])
    year = np.array([0, 1, 2, 0, 3, 3])
    keep = np.ones(6, dtype=bool)
    both = singleton_rows(firm, year, ("org_id", "year"), keep)
    assert both.tolist() == [True] * 6
    assert singleton_rows(firm, year, ("org_id",), keep).tolist() == [False] * 5 + [True]
    assert singleton_rows(firm, year, (), keep).sum() == 0


def test_least_squares_from_cross_products_equal_those_from_columns() -> None:
    firm, year, x, y = unbalanced(7, 40, 6)
    x = x + 1000.0 + 5.0 * firm[:, None]
    layout = make_effects(firm, year, ("org_id", "year"))
    fast, slow = two_way_ols(x, y, layout), absorbed_ols(x, y, layout)
    assert fast is not None
    assert fast.coefficients == pytest.approx(slow.coefficients, rel=1e-9)
    assert fast.bread == pytest.approx(slow.bread, rel=1e-9)
    assert fast.residuals == pytest.approx(slow.residuals, abs=1e-11)
    scores = layout.group_sums(slow.x_within * slow.residuals[:, None])
    assert fast.scores == pytest.approx(scores, abs=1e-8)
    assert fast.r2_within == pytest.approx(slow.r2_within, rel=1e-9)


def test_cross_products_leave_delicate_columns_to_the_columns() -> None:
    firm, year, x, y = unbalanced(8, 40, 6)
    layout = make_effects(firm, year, ("org_id", "year"))
    nearly = year + 1e-4 * x[:, 0]
    for columns in (
        np.column_stack([x, nearly]),
        np.column_stack([x, x[:, 0] + x[:, 1]]),
        np.column_stack([x, firm.astype(float)]),
    ):
        assert two_way_ols(columns, y, layout) is None
    assert two_way_ols(x, y, make_effects(firm, year, ("org_id",))) is None
