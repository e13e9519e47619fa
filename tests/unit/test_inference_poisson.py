"""Cluster bootstrap of fixed-effects Poisson against refits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.fe_poisson import absorbed_poisson
from tertius.inference.poisson_bootstrap import bootstrap_poisson
from tertius.inference.score_bootstrap import cluster_weights
from tests.unit.inference_panels import BOTH, effects_of, panel, stacked


def counts(firms: int = 60, seed: int = 1) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """A panel of overdispersed counts without all-zero firms."""
    x, _, firm, year = panel(firms=firms, seed=seed)
    x = x - x.mean(axis=0)
    rng = np.random.default_rng(seed)
    level = np.exp(0.3 * x[:, 0] - 0.2 * x[:, 1] + 0.5 * rng.normal(size=firms)[firm])
    y = rng.poisson(level * rng.gamma(2, 0.5, len(level))).astype(np.float64)
    keep = np.bincount(firm, weights=y)[firm] > 0
    return x[keep], y[keep], np.unique(firm[keep], return_inverse=True)[1], year[keep]


@pytest.mark.parametrize("names", [BOTH, ("org_id",)])
def test_converged_draws_equal_refits(names: Sequence[str]) -> None:
    x, y, firm, year = counts()
    effects = effects_of(firm, year, names)
    fit = absorbed_poisson(x, y, effects)
    found = bootstrap_poisson(fit, y, effects, firm, draws=8, seed=3, converge=True)
    for row, weight in enumerate(cluster_weights(firm.max() + 1, 8, 3).__next__()):
        rows, codes = stacked(firm, weight)
        refit = absorbed_poisson(x[rows], y[rows], effects_of(codes, year[rows], names))
        expected = refit.coefficients[:3] / refit.scale
        assert found.bootstrap.draws[row] == pytest.approx(expected, abs=1e-10)
    assert found.bootstrap.coefficients == pytest.approx(fit.coefficients[:3] / fit.scale)
    assert "Every resample was maximised" in found.sentence("x0")


def test_error_of_one_step_is_what_it_says() -> None:
    x, y, firm, year = counts()
    effects = effects_of(firm, year)
    fit = absorbed_poisson(x, y, effects)
    exact = bootstrap_poisson(fit, y, effects, firm, draws=30, seed=5, converge=True)
    step = bootstrap_poisson(fit, y, effects, firm, draws=30, seed=5, checked=30, threads=2)
    gap = np.abs(step.bootstrap.draws - exact.bootstrap.draws).max(axis=0)
    assert step.error == pytest.approx(gap / step.bootstrap.draws.std(axis=0, ddof=1), rel=1e-6)
    assert step.checked == 30
    assert "One Newton step" in step.sentence("x1")
    few = bootstrap_poisson(fit, y, effects, firm, draws=30, seed=5, checked=5, threads=1)
    assert np.array_equal(few.bootstrap.draws, step.bootstrap.draws)
    assert (few.error <= step.error).all()


def test_error_of_one_step_falls_with_the_number_of_clusters() -> None:
    errors = []
    for firms in (60, 960):
        x, y, firm, year = counts(firms, seed=2)
        effects = effects_of(firm, year)
        fit = absorbed_poisson(x, y, effects)
        found = bootstrap_poisson(fit, y, effects, firm, draws=100, seed=1, checked=25)
        errors.append(found.error.max())
    # the step's error over its standard error falls as 1 / sqrt(G): by 4 here
    assert errors[1] < errors[0] / 2


def test_bootstrap_error_matches_the_sandwich() -> None:
    x, y, firm, year = counts(400, seed=4)
    effects = effects_of(firm, year)
    fit = absorbed_poisson(x, y, effects)
    found = bootstrap_poisson(fit, y, effects, firm, draws=1000, seed=1, checked=1)
    residual = (y - fit.mu)[:, None]
    scores = np.zeros((firm.max() + 1, 3 + 6))
    dummies = (year[:, None] == np.arange(1, 7)).astype(float)
    np.add.at(scores, firm, np.column_stack([fit.x_scaled, dummies]) * residual)
    sandwich = np.sqrt((((scores @ fit.bread)[:, :3] / fit.scale) ** 2).sum(axis=0))
    # four Monte-Carlo errors of a standard deviation, and terms of order 1/G
    assert found.bootstrap.std_errors == pytest.approx(sandwich, rel=4 / np.sqrt(2000) + 0.03)


def test_refusals() -> None:
    x, y, firm, year = counts()
    effects = effects_of(firm, year)
    fit = absorbed_poisson(x, y, effects)
    with pytest.raises(ValueError, match="more than one cluster"):
        bootstrap_poisson(fit, y, effects, year, draws=5, seed=1)
    with pytest.raises(ValueError, match="only firm effects"):
        bootstrap_poisson(fit, y, effects_of(firm, year, ("year",)), firm, draws=5, seed=1)
