"""What a study could have found: minimum detectable effects, power and equivalence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import optimize, special, stats

from tertius.inference.covariance import p_value_of

MULTIPLE = 2.8
"""z(.975) + z(.80) = 1.96 + 0.84."""
CURVE_POINTS = 61
QUADRATURE = 200


def minimum_detectable_effect(std_error: float) -> float:
    """Effect found with 80 % power by a two-sided 5 % test: 2.8 standard errors (Bloom 1995)."""
    return MULTIPLE * std_error


def power_at(effect: float, std_error: float, dof: float, *, alpha: float = 0.05) -> float:
    """Chance that a two-sided t test rejects 0 when the truth is `effect`.

    Rejections with the wrong sign count, as in the test itself; `dof` may be infinite.
    """
    critical = float(stats.t.isf(alpha / 2, dof))
    shift = effect / std_error
    if np.isinf(dof):
        return float(stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift))

    # The noncentral t by its definition, z / s: the library's own is NaN far out in the tail.
    law = stats.chi(dof, scale=1 / np.sqrt(dof))
    low, high = float(law.ppf(1e-16)), float(law.isf(1e-16))
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    s = low + (high - low) * (nodes + 1) / 2
    both = special.ndtr(shift - critical * s) + special.ndtr(-shift - critical * s)
    return float((weights * both * law.pdf(s)).sum()) * (high - low) / 2


def detectable_effect(
    std_error: float, dof: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Effect that a two-sided test finds with the stated power, by the noncentral t.

    With infinite `dof`, 5 % and 80 % it is 2.8016 standard errors, which
    `minimum_detectable_effect` rounds.

    Raises:
        ValueError: the power is not above alpha and below 1.
    """
    if not alpha < power < 1:
        raise ValueError(f"a power of {power} at a level of {alpha}")

    def gap(effect: float) -> float:
        return power_at(effect, 1.0, dof, alpha=alpha) - power

    return std_error * float(optimize.brentq(gap, 0.0, 1e3, xtol=1e-12))


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests of an estimate against a smallest effect of interest.

    `p_value` is the larger of the two; `low`, `high` the 1 - 2 alpha interval, inside (-bound,
    bound) exactly when equivalence is shown. `testable` says whether a true 0 would be shown
    equivalent with 80 % power: bound >= (z(1 - alpha) + z(.9)) standard errors, 2.93 at 5 %.
    """

    estimate: float
    std_error: float
    bound: float
    alpha: float
    p_value: float
    low: float
    high: float
    equivalent: bool
    testable: bool

    @property
    def sentence(self) -> str:
        """The result in words."""
        if self.equivalent:
            verdict = "the effect is smaller than the smallest effect of interest"
        elif not self.testable:
            verdict = "equivalence is not testable with this standard error"
        else:
            verdict = "an effect of interest is not ruled out"
        return (
            f"{100 * (1 - 2 * self.alpha):g} % interval [{self.low:.4g}, {self.high:.4g}] against "
            f"+-{self.bound:.4g} (p = {self.p_value:.4f}): {verdict}."
        )

    def figure(self) -> pl.DataFrame:
        """Figure data: p of the two one-sided tests over bounds up to three times the one used."""
        grid = np.linspace(0.0, 3 * self.bound, CURVE_POINTS)[1:]
        p = [stats.norm.sf((b - abs(self.estimate)) / self.std_error) for b in grid]
        return pl.DataFrame({"bound": grid, "p_value": np.array(p, dtype=np.float64)})


def equivalence_test(
    estimate: float, std_error: float, bound: float, *, dof: float = np.inf, alpha: float = 0.05
) -> Equivalence:
    """Is the effect inside (-bound, bound)?

    Args:
        estimate, std_error: of the effect; the error is positive.
        bound: smallest effect of interest, on the scale of the estimate.
        dof: of the t law.
        alpha: level of each one-sided test.

    Raises:
        ValueError: a bound or standard error that is not positive.

    Source: Schuirmann (1987); Lakens (2017).
    """
    if not (bound > 0 and std_error > 0):
        raise ValueError(f"bound {bound} and standard error {std_error} must be positive")
    above = p_value_of((estimate + bound) / std_error, dof, "greater")
    below = p_value_of((estimate - bound) / std_error, dof, "less")
    width = float(stats.t.isf(alpha, dof)) * std_error
    low, high = estimate - width, estimate + width
    needed = float(stats.norm.isf(alpha) + stats.norm.isf(0.1)) * std_error
    p = max(above, below)
    return Equivalence(estimate, std_error, bound, alpha, p, low, high, p < alpha, bound >= needed)


def power_curve(std_error: float, dof: float, *, alpha: float = 0.05) -> pl.DataFrame:
    """Figure data: power over effects of 0 to 5 standard errors: effect, power."""
    grid = np.linspace(0.0, 5 * std_error, CURVE_POINTS)
    power = [power_at(float(e), std_error, dof, alpha=alpha) for e in grid]
    return pl.DataFrame({"effect": grid, "power": power})
