"""A slope that changes at an unknown value: b1 x + b2 (x - g)+ (Hansen 2017, JBES 35:228)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.shapes.common import base_of, number, outcome_words, p_words
from tertius.shapes.joint import JointResult, ShapeStep, equivalent_value, joint_result, scalar
from tertius.shapes.refit import Refit, Rows, fit_rows, rows_of
from tertius.shapes.splines import curve_terms, ok_values

GRID, TRIM, DRAWS = 40, 0.10, 999
BEFORE, CHANGE = "slope", "change"


@dataclass(frozen=True, eq=False, kw_only=True)
class Kink(JointResult):
    """Change of slope at the best kink; `estimate` is that change.

    `p_value` is that of the largest |t| over the grid, by draws of cluster signs; `curve` holds
    the grid with change, its error, t and the loss. `after_p` is that of the slope after the kink.
    """

    kink: float
    slope_before: float
    slope_after: float
    after_error: float
    after_p: float
    share_beyond: float
    draws: int


def kink_test(
    estimate: Estimate,
    x: str,
    side: str = "-",
    alpha: float = 0.05,
    draws: int = DRAWS,
    seed: int = 1,
) -> Kink:
    """Does the slope in x change at some value of x?

    The kink is searched over quantiles of x between P10 and P90 and set where the loss (sum of
    squares or deviance) is least. As no kink exists under the null, the largest |t| over the grid
    is compared with that of Rademacher-weighted cluster influences (Hansen 1996; Hansen 2017).

    Args:
        estimate: a model with x; its powers of x are replaced.
        x: base label.
        side: stated sign of the change, '-' for a slope that declines.
        alpha: level.
        draws, seed: of the cluster signs.

    Returns:
        `Kink`; `decision` is positive, negative (sign of the change) or none.

    Raises:
        NotEstimable: no kink inside the data can be fitted.
    """
    base = base_of(estimate, x)
    values, ok = ok_values(estimate, base)
    rows = rows_of(estimate).without(curve_terms(estimate, base))
    fits = _fits(rows, values, ok)
    losses = np.array([_loss(rows, fit) for _, fit in fits])
    best = int(losses.argmin())
    at, fit = fits[best]
    t = np.array([f.value(CHANGE) / f.error(CHANGE) for _, f in fits])
    p = sup_p([f for _, f in fits], t, draws, seed)
    after = np.zeros(len(fit.labels))
    after[[fit.index(BEFORE), fit.index(CHANGE)]] = 1.0
    slope_after = float(after @ fit.coefficients)
    after_test = scalar(slope_after, float(np.sqrt(after @ fit.covariance @ after)), fit.dof)
    change = scalar(fit.value(CHANGE), fit.error(CHANGE), fit.dof, estimate.spec.confidence)
    decision = "none" if p >= alpha else "positive" if change.value > 0 else "negative"
    result: Kink = joint_result(
        Kink,
        change,
        fit.influence[:, fit.index(CHANGE)],
        fit.cluster_ids,
        side,
        shape="kink",
        model=estimate.spec.name,
        subject=base,
        quantity=f"change of the slope of {base} at {number(at)}",
        p_value=p,
        alternative="two-sided",
        contrast_alternative="two-sided",
        contrast_estimate=equivalent_value(p, change.std_error, fit.dof, change.value),
        decision=decision,
        reasons=(f"largest |t| {number(float(np.abs(t).max()))}, {p_words(p)}",),
        steps=(ShapeStep("the slope changes", p < alpha, f"{number(change.value)}, {p_words(p)}"),),
        sentence=_sentence(estimate, base, at, fit.value(BEFORE), slope_after, p),
        curve=_profile(fits, t, losses),
        kink=at,
        slope_before=fit.value(BEFORE),
        slope_after=slope_after,
        after_error=after_test.std_error,
        after_p=after_test.p_two_sided,
        share_beyond=float((values[ok] > at).mean()),
        draws=draws,
    )
    return result


def _fits(rows: Rows, x: FloatArray, ok: BoolArray) -> list[tuple[float, Refit]]:
    grid = np.unique(np.quantile(x[ok], np.linspace(TRIM, 1 - TRIM, GRID)))
    found = []
    for at in grid[(grid > x[ok].min()) & (grid < x[ok].max())]:
        columns = {BEFORE: x - x[ok].mean(), CHANGE: np.where(ok, np.maximum(x - at, 0), 0.0)}
        fit = fit_rows(rows.adding(columns))
        if CHANGE in fit.labels and BEFORE in fit.labels:
            found.append((float(at), fit))
    if not found:
        raise NotEstimable("no_variation", "x", "x has no value at which a slope could change")
    return found


def _loss(rows: Rows, fit: Refit) -> float:
    """Sum of squares, or minus the log-likelihood up to a constant."""
    if not rows.is_count:
        return float(((rows.y - fit.fitted) ** 2).sum())
    tiny = np.finfo(np.float64).tiny
    return float((fit.fitted - rows.y * np.log(np.maximum(fit.fitted, tiny))).sum())


def sup_p(fits: list[Refit], t: FloatArray, draws: int, seed: int) -> float:
    """p of the largest |t|: (1 + #{max |t*| >= max |t|}) / (B + 1), signs drawn by cluster."""
    psi = np.stack([f.influence[:, f.index(CHANGE)] for f in fits], axis=1)
    error = np.array([f.error(CHANGE) for f in fits])
    # signs go by what clusters say, not by their names
    psi = psi[np.lexsort(psi.T)]
    signs = np.random.default_rng(seed).integers(0, 2, size=(draws, len(psi))) * 2.0 - 1.0
    largest = np.abs(signs @ (psi / error)).max(axis=1)
    return float((1 + (largest >= np.abs(t).max()).sum()) / (draws + 1))


def _profile(fits: list[tuple[float, Refit]], t: FloatArray, losses: FloatArray) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "x": [at for at, _ in fits],
            "change": [fit.value(CHANGE) for _, fit in fits],
            "std_error": [fit.error(CHANGE) for _, fit in fits],
            "t": t,
            "loss": losses,
        }
    )


def _sentence(
    estimate: Estimate, base: str, at: float, before: float, after: float, p: float
) -> str:
    return (
        f"The slope of {outcome_words(estimate)} in {base} is {number(before)} up to {number(at)} "
        f"and {number(after)} beyond; a change of slope somewhere has {p_words(p)}."
    )
