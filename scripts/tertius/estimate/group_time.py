"""Group-time average treatment effects of a staggered policy (Callaway & Sant'Anna 2021).

ATT(g, t) compares the change of units first treated in g, from their base period to t, with that of
units not yet treated. The influence of every unit on every effect is kept, so that aggregates,
clustered errors and simultaneous bands need no refit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.binary import binary_regression
from tertius.estimate.columns import NotEstimable
from tertius.estimate.two_way import independent_columns

CONTROLS = ("not_yet_treated", "never_treated")
METHODS = ("dr", "reg", "ipw")
LARGEST_SCORE = 0.995
"""Comparison units at or above this propensity leave a comparison (overlap), counted."""


@dataclass(frozen=True, eq=False)
class StaggeredPanel:
    """N units over T periods.

    `y` (N, T), NaN where not observed; `times` (T,) ascending years; `cohort` (N,) first treated
    year, infinite for never treated; `cluster` (N,) codes 0..C-1 of the assignment level;
    `covariates` (N, T, k) without a constant, k may be 0.
    """

    y: FloatArray
    times: IntArray
    cohort: FloatArray
    cluster: IntArray
    covariates: FloatArray

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.cohort)


@dataclass(frozen=True, eq=False)
class GroupTime:
    """m effects: `group`, `time`, `att` (m,) and `influence` (N, m), att - truth = its mean.

    `reference` flags base periods, whose effect is 0 by construction. `dropped` counts units and
    cells that could not be used, by cause.
    """

    group: IntArray
    time: IntArray
    att: FloatArray
    influence: FloatArray
    reference: BoolArray
    cohort: FloatArray
    cluster: IntArray
    dropped: Mapping[str, int]


def group_time_effects(
    panel: StaggeredPanel,
    *,
    anticipation: int = 0,
    control: str = "not_yet_treated",
    method: str = "dr",
) -> GroupTime:
    """ATT(g, t) for every cohort and period, with the universal base g - 1 - anticipation.

    Args:
        panel: the units; those treated before the first usable base are dropped and counted.
        anticipation: periods before the start in which behaviour may already change.
        control: ``not_yet_treated`` (by the later of t and base, plus anticipation) or
            ``never_treated``.
        method: ``dr`` doubly robust (Sant'Anna & Zhao 2020, drdid_panel), ``reg`` or ``ipw``;
            they agree without covariates. Covariates are those of the base period.

    Raises:
        ValueError: unknown control or method.
        NotEstimable: no cohort has a base period, or no comparison can be made.
    """
    if control not in CONTROLS or method not in METHODS:
        raise ValueError(f"unknown control {control!r} or method {method!r}")
    panel, dropped = _usable_units(panel, anticipation)
    finite = np.unique(panel.cohort[np.isfinite(panel.cohort)])
    cells: list[tuple[int, int, float, FloatArray, bool]] = []
    for group in finite.astype(np.int64):
        base = _base_period(panel.times, int(group), anticipation)
        for time in panel.times:
            if time == panel.times[base]:
                cells.append((int(group), int(time), 0.0, np.zeros(panel.n_units), True))
                continue
            made = _cell(panel, int(group), int(time), base, anticipation, control, method, dropped)
            if made is not None:
                cells.append((int(group), int(time), *made, False))
    if all(cell[4] for cell in cells):
        raise NotEstimable("no_controls", "treatment", "no period has treated and untreated units")
    return GroupTime(
        group=np.array([cell[0] for cell in cells], dtype=np.int64),
        time=np.array([cell[1] for cell in cells], dtype=np.int64),
        att=np.array([cell[2] for cell in cells]),
        influence=np.stack([cell[3] for cell in cells], axis=1),
        reference=np.array([cell[4] for cell in cells]),
        cohort=panel.cohort,
        cluster=panel.cluster,
        dropped=dropped,
    )


def _usable_units(
    panel: StaggeredPanel, anticipation: int
) -> tuple[StaggeredPanel, dict[str, int]]:
    """Drop units without a base period; cohorts after the last period count as not yet treated."""
    early = panel.cohort <= panel.times[0] + anticipation
    keep = ~early
    if not (np.isfinite(panel.cohort) & keep).any():
        raise NotEstimable("no_treated", "treatment", "no treated unit has an untreated period")
    cohort = panel.cohort[keep].copy()
    # a start beyond the window is never seen: those units serve as controls only
    cohort[cohort > panel.times[-1] + anticipation] = np.inf
    dropped = {"units treated before the first base period": int(early.sum())}
    kept = StaggeredPanel(
        panel.y[keep], panel.times, cohort, panel.cluster[keep], panel.covariates[keep]
    )
    return kept, {cause: count for cause, count in dropped.items() if count}


def _base_period(times: IntArray, group: int, anticipation: int) -> int:
    """Position of the last period before treatment and its anticipation."""
    return int(np.flatnonzero(times < group - anticipation)[-1])


def _cell(
    panel: StaggeredPanel,
    group: int,
    time: int,
    base: int,
    anticipation: int,
    control: str,
    method: str,
    dropped: dict[str, int],
) -> tuple[float, FloatArray] | None:
    """One comparison: the effect and the (N,) influence; None (counted) where it is impossible."""
    later = max(time, int(panel.times[base]))
    untreated = np.isinf(panel.cohort)
    if control == "not_yet_treated":
        untreated = untreated | (panel.cohort > later + anticipation)
    treated = panel.cohort == group
    position = int(np.searchsorted(panel.times, time))
    change = panel.y[:, position] - panel.y[:, base]
    covariates = panel.covariates[:, base, :]
    observed = np.isfinite(change) & np.isfinite(covariates).all(axis=1)
    member = (treated | (untreated & ~treated)) & observed
    d = treated[member].astype(np.float64)
    if d.sum() < 1 or d.sum() == len(d):
        _count(dropped, "comparisons without treated or untreated units")
        return None
    x = np.column_stack([np.ones(len(d)), covariates[member]])
    if len(d) - d.sum() < x.shape[1]:
        _count(dropped, "comparisons with fewer untreated units than covariates")
        return None
    x = x[:, np.r_[0, 1 + independent_columns(x[:, 1:] - x[:, 1:].mean(axis=0), x[:, 1:])[0]]]
    try:
        att, psi = two_period_effect(change[member], d, x, method)
    except NotEstimable:
        _count(dropped, "comparisons without overlap in the covariates")
        return None
    influence = np.zeros(panel.n_units)
    influence[member] = psi * (panel.n_units / len(d))
    return att, influence


def _count(dropped: dict[str, int], cause: str) -> None:
    dropped[cause] = dropped.get(cause, 0) + 1


def two_period_effect(
    change: FloatArray, d: FloatArray, x: FloatArray, method: str = "dr"
) -> tuple[float, FloatArray]:
    """ATT of two groups and two periods, with its influence function.

    Args:
        change: (n,) outcome change. d: (n,) 1 for treated. x: (n, k) covariates with a constant.
        method: ``dr`` combines a logit of d and a regression of the change on x among the untreated
            (Sant'Anna & Zhao 2020, equation 3.1); ``reg`` uses the regression only, ``ipw`` the
            logit only (weights that sum to one, Hajek).

    Returns:
        effect and (n,) influence: effect - truth is about the mean of the influence.

    Raises:
        NotEstimable: collinear covariates or no overlap.
    """
    n = len(d)
    if x.shape[1] == 1:
        return _mean_difference(change, d)
    fitted, regression_rep = np.zeros(n), np.zeros((n, x.shape[1]))
    if method != "ipw":
        gram = (x * (1 - d)[:, None]).T @ x / n
        inverse = _inverse(gram)
        slopes = inverse @ (x.T @ ((1 - d) * change)) / n
        fitted = x @ slopes
        regression_rep = (x * ((1 - d) * (change - fitted))[:, None]) @ inverse
    rest = change - fitted
    if method == "reg":
        score, score_rep, w0 = np.full(n, d.mean()), np.zeros_like(x), d
        eta1, eta0 = float(d @ rest / d.sum()), 0.0
        psi = (d * (rest - eta1) - regression_rep @ (x * d[:, None]).mean(axis=0)) / d.mean()
        return eta1, psi
    logit = binary_regression(x, d)
    score = logit.fitted
    score_rep = (x * (d - score)[:, None]) @ (n * logit.bread)
    overlap = (d == 1) | (score < LARGEST_SCORE)
    w0 = np.where(overlap, score * (1 - d) / np.maximum(1 - score, 1e-12), 0.0)
    if w0.sum() <= 0:
        raise NotEstimable("no_overlap", "treatment", "no untreated unit resembles the treated")
    eta1, eta0 = float(d @ rest / d.sum()), float(w0 @ rest / w0.sum())
    treat = d * (rest - eta1) - regression_rep @ (x * d[:, None]).mean(axis=0)
    off = w0 * (rest - eta0)
    control = (
        off
        + score_rep @ (x * off[:, None]).mean(axis=0)
        - regression_rep @ (x * w0[:, None]).mean(axis=0)
    )
    return eta1 - eta0, treat / d.mean() - control / w0.mean()


def _mean_difference(change: FloatArray, d: FloatArray) -> tuple[float, FloatArray]:
    """Difference of mean changes and its influence."""
    share = d.mean()
    high, low = float(d @ change / d.sum()), float((1 - d) @ change / (1 - d).sum())
    return high - low, d / share * (change - high) - (1 - d) / (1 - share) * (change - low)


def _inverse(gram: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.inv(gram), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise NotEstimable("collinear", "x", "covariates are collinear among untreated") from error
