"""Sequential search for panel thresholds, the kink, and the threshold of a count model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.fe_poisson import absorbed_poisson
from tertius.estimate.threshold import (
    Curve,
    ThresholdData,
    bootstrap_p,
    candidate_grid,
    critical_value,
    kink_critical_value,
    switch_columns,
    threshold_curve,
)
from tertius.estimate.two_way import Effects, make_effects


@dataclass(frozen=True)
class SearchSettings:
    """Grid, share of rows of the smallest regime, test level, draws and scheme of the bootstrap."""

    n_grid: int = 400
    trim: float = 0.05
    alpha: float = 0.05
    draws: int = 499
    seed: int = 1
    scheme: str = "rademacher"
    level: float = 0.95


@dataclass(frozen=True, eq=False)
class ThresholdStep:
    """Test of one threshold more: F, bootstrap p, whether it is kept, and its refined estimate."""

    number: int
    gamma: float
    low: float
    high: float
    f_statistic: float
    p_value: float
    accepted: bool
    curve: Curve


def search_thresholds(
    data: ThresholdData, most: int, settings: SearchSettings
) -> tuple[ThresholdStep, ...]:
    """Up to three thresholds, one after the other, with refinement (Hansen 1999, section 5).

    The first is searched alone; each further one given those found, after which every earlier one
    is searched again given the others (the refinement, which makes them efficient; Bai 1997). The
    search stops at the first test that does not reject; that step is returned too, not accepted.

    Args:
        data: the rows. most: largest number of thresholds, 1 to 3. settings: of the search.

    Returns:
        Steps in the order of the tests; thresholds and intervals are the refined ones, each given
        the other accepted thresholds.

    Raises:
        NotEstimable: no candidate for the first threshold.
    """
    found: list[float] = []
    steps: list[ThresholdStep] = []
    for number in range(1, most + 1):
        try:
            curve = threshold_curve(data, found, settings.n_grid, settings.trim)
        except NotEstimable:
            if number == 1:
                raise
            break
        p = _test(data, curve, found, settings)
        accepted = p < settings.alpha
        low, high = curve.interval(critical_value(1 - settings.level))
        steps.append(
            ThresholdStep(number, curve.gamma, low, high, curve.f_statistic, p, accepted, curve)
        )
        if not accepted:
            break
        found.append(curve.gamma)
        if number > 1:
            found, steps = _refined(data, found, steps, settings)
    return tuple(steps)


def search_kink(data: ThresholdData, settings: SearchSettings) -> ThresholdStep:
    """The kink of least squares, its test by firm signs, and its interval (Hansen 2017).

    The interval inverts the likelihood ratio with the critical value of `kink_critical_value`.

    Raises:
        NotEstimable: no candidate.
    """
    curve = threshold_curve(data, (), settings.n_grid, settings.trim)
    residuals = _residuals(data, (curve.gamma,))
    p = _test(data, curve, (), settings)
    critical = kink_critical_value(
        data,
        curve,
        residuals,
        level=settings.level,
        draws=settings.draws,
        seed=settings.seed + 1,
    )
    low, high = curve.interval(critical)
    accepted = p < settings.alpha
    return ThresholdStep(1, curve.gamma, low, high, curve.f_statistic, p, accepted, curve)


def _residuals(data: ThresholdData, gammas: Sequence[float]) -> FloatArray:
    """(n,) residuals of the model with the given thresholds."""
    columns = [switch_columns(data, gamma) for gamma in gammas]
    x = np.hstack([data.x[:, None], data.w, *columns])
    return absorbed_ols(x, data.y, data.effects).residuals


def _test(
    data: ThresholdData, curve: Curve, given: Sequence[float], settings: SearchSettings
) -> float:
    return bootstrap_p(
        data,
        curve,
        _residuals(data, (*given, curve.gamma)),
        given,
        draws=settings.draws,
        seed=settings.seed + len(given),
        scheme=settings.scheme,
    )


def _refined(
    data: ThresholdData, found: list[float], steps: list[ThresholdStep], settings: SearchSettings
) -> tuple[list[float], list[ThresholdStep]]:
    """Search each earlier threshold again given the others."""
    found, steps = list(found), list(steps)
    for place in range(len(found) - 1):
        others = found[:place] + found[place + 1 :]
        curve = threshold_curve(data, others, settings.n_grid, settings.trim)
        low, high = curve.interval(critical_value(1 - settings.level))
        found[place] = curve.gamma
        steps[place] = replace(steps[place], gamma=curve.gamma, low=low, high=high, curve=curve)
    return found, steps


@dataclass(frozen=True, eq=False)
class CountThreshold:
    """Threshold of a count model: deviance along the grid, sup-score test, bootstrap interval."""

    grid: FloatArray
    deviance: FloatArray
    statistic: float
    p_value: float
    low: float
    high: float
    draws: int

    @property
    def gamma(self) -> float:
        """Candidate of the least deviance."""
        return float(self.grid[int(np.argmin(self.deviance))])


def search_count_threshold(
    data: ThresholdData, settings: SearchSettings, interval_draws: int
) -> CountThreshold:
    """Threshold of a fixed-effects Poisson model by its profiled deviance.

    The test is the largest over the grid of the score statistic U(g)' V(g)^-1 U(g) at the model
    without threshold, V summed by firm; its null distribution comes from firm signs on the scores
    with V held (Hansen 1996), which allows any spread and any dependence within firms. The interval
    is the percentile interval of the profiled threshold over resamples of firms.

    Args:
        data: counts; firms without any outcome must be gone. settings: of the search.
        interval_draws: resamples of firms for the interval; 0 leaves it out (NaN).

    Raises:
        NotEstimable: no candidate, or the model without threshold has no maximum.
    """
    grid = candidate_grid(data.q, settings.n_grid, settings.trim)
    deviance = _profile(data, grid)
    statistic, p = _sup_score(data, grid, settings)
    low = high = float("nan")
    if interval_draws:
        rng = np.random.default_rng(settings.seed + 1)
        gammas = [_resampled_gamma(data, grid, rng) for _ in range(interval_draws)]
        tail = (1 - settings.level) / 2
        known = [g for g in gammas if np.isfinite(g)]
        low, high = (float(v) for v in np.quantile(known, [tail, 1 - tail], method="nearest"))
    return CountThreshold(grid, deviance, statistic, p, low, high, interval_draws)


def _profile(data: ThresholdData, grid: FloatArray) -> FloatArray:
    """(c,) minus twice the concentrated log-likelihood; infinite where there is no maximum."""
    base = np.hstack([data.x[:, None], data.w])
    out = np.full(len(grid), np.inf)
    for place, gamma in enumerate(grid):
        x = np.hstack([base, switch_columns(data, float(gamma))])
        fit = absorbed_poisson(x, data.y, data.effects)
        if fit.converged and (fit.mu > 0).all():
            # the rest of the deviance does not depend on the candidate
            out[place] = -2 * float(data.y @ np.log(fit.mu) - fit.mu.sum())
    if not np.isfinite(out).any():
        raise NotEstimable("no_maximum", "q", "the likelihood has no maximum at any candidate")
    return out


def _sup_score(
    data: ThresholdData, grid: FloatArray, settings: SearchSettings
) -> tuple[float, float]:
    """Largest score statistic and its multiplier p."""
    base = np.hstack([data.x[:, None], data.w])
    fit = absorbed_poisson(base, data.y, data.effects)
    if not fit.converged:
        raise NotEstimable("no_maximum", "y", "the model without threshold has no maximum")
    residual, effects = data.y - fit.mu, data.effects
    root = np.sqrt(fit.mu)[:, None]
    within = effects.within(base[:, fit.kept], fit.mu)
    solve = np.linalg.pinv(root * within)
    signs = np.random.default_rng(settings.seed).choice(
        [-1.0, 1.0], size=(settings.draws, effects.n_groups)
    )
    observed, drawn = 0.0, np.zeros(settings.draws)
    for gamma in grid:
        z = effects.within(switch_columns(data, float(gamma)), fit.mu)
        z = z - within @ (solve @ (root * z))
        scores = effects.group_sums(z * residual[:, None])
        inverse = np.linalg.pinv(scores.T @ scores, rcond=1e-10, hermitian=True)
        total = scores.sum(axis=0)
        observed = max(observed, float(total @ inverse @ total))
        flipped = signs @ scores
        drawn = np.maximum(drawn, np.einsum("bi,ij,bj->b", flipped, inverse, flipped))
    p = (1 + int((drawn >= observed).sum())) / (settings.draws + 1)
    return observed, float(p)


def _resampled_gamma(data: ThresholdData, grid: FloatArray, rng: np.random.Generator) -> float:
    """Profiled threshold of one resample of firms; NaN where none can be found."""
    sample = resample_groups(data, rng)
    try:
        return float(grid[int(np.argmin(_profile(sample, grid)))])
    except NotEstimable:
        return float("nan")


def resample_groups(data: ThresholdData, rng: np.random.Generator) -> ThresholdData:
    """Firms drawn with replacement, each draw a firm of its own."""
    effects: Effects = data.effects
    assert effects.starts is not None
    stops = np.r_[effects.starts[1:], len(data.y)]
    drawn = rng.integers(0, effects.n_groups, effects.n_groups)
    rows: IntArray = np.concatenate(
        [np.arange(effects.starts[g], stops[g], dtype=np.int64) for g in drawn]
    )
    firm = np.repeat(np.arange(len(drawn)), effects.counts[drawn].astype(np.int64))
    year = effects.year
    kind = ("org_id",) if year is None else ("org_id", "year")
    code = np.zeros(len(rows), dtype=np.int64)
    if year is not None:
        code = np.unique(year[rows], return_inverse=True)[1].astype(np.int64)
    return replace(
        data,
        y=data.y[rows],
        x=data.x[rows],
        w=data.w[rows],
        q=data.q[rows],
        effects=make_effects(firm, code, kind),
    )
