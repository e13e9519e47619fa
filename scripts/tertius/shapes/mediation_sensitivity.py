"""How strong must confounding of m and y be to void an indirect effect; is the direct one nil?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray
from tertius.estimate.result import Estimate, confidence_interval
from tertius.shapes.common import number
from tertius.shapes.joint import Scalar

RHO_GRID = np.linspace(-0.95, 0.95, 39)


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests of the direct effect against +-`bound` (Schuirmann 1987).

    `testable` is False where 2.93 standard errors exceed the bound: then even a direct effect of
    exactly zero would not be shown to be negligible with 80 % power.
    """

    bound: float
    conf_low: float
    conf_high: float
    testable: bool
    equivalent: bool
    sentence: str

    def figure(self) -> pl.DataFrame:
        """Figure data: the interval and the bounds."""
        ends = {"low": [self.conf_low], "high": [self.conf_high]}
        return pl.DataFrame({**ends, "lower_bound": [-self.bound], "upper_bound": [self.bound]})


def direct_equivalence(
    estimate: Estimate, x: str, direct: Scalar, sesoi: float, alpha: float
) -> Equivalence:
    """Is the direct effect of x negligible?

    The bound is the coefficient that makes one within-firm standard deviation of x change the
    expected outcome by `sesoi`: ln(1 + sesoi) / sd for counts, sesoi mean(y) / sd otherwise.
    """
    sd = estimate.variables[x].sd_within
    size = math.log1p(sesoi) if estimate.link == "log" else sesoi * abs(estimate.mean_outcome)
    bound = size / sd if sd > 0 else math.nan
    low, high = confidence_interval(direct.value, direct.std_error, estimate.dof, 1 - 2 * alpha)
    testable = 2.93 * direct.std_error <= bound
    equivalent = -bound < low and high < bound
    if equivalent:
        said = "is negligible"
    elif not testable:
        said = "cannot be shown to be negligible with these data (equivalence not testable)"
    else:
        said = "is not shown to be negligible"
    share = 100 * (1 - 2 * alpha)
    sentence = (
        f"The direct effect of {x}, {share:.0f} % interval [{number(low)}, {number(high)}] against "
        f"+-{number(bound)}, {said}."
    )
    return Equivalence(bound, low, high, testable, equivalent, sentence)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Confounding of one mediator with the outcome.

    `rho_zero` is the correlation of the errors of both equations at which the indirect effect
    vanishes (linear models; NaN for counts). `robustness_value` is the share of the residual
    variance of mediator and outcome that a confounder must explain to bring the mediator's path to
    zero, `robustness_value_alpha` to bring it to the edge of significance. `curve` holds rho and
    the indirect effect.
    """

    mediator: str
    rho_zero: float
    robustness_value: float
    robustness_value_alpha: float
    sentence: str
    curve: pl.DataFrame


def indirect_at_rho(
    a: float, sd_reduced: float, sd_mediator: float, correlation: float, rho: FloatArray
) -> FloatArray:
    """Indirect effect when the errors of m and y correlate by rho.

    a sd_1 / sd_2 (r - rho sqrt((1 - r^2) / (1 - rho^2))), with sd_1 and sd_2 those of the reduced
    form of y and of m, r their correlation (Imai, Keele & Yamamoto 2010, Statistical Science 25:51,
    theorem 4); at rho = 0 it is a b, at rho = r it is 0.
    """
    shrink = np.sqrt((1 - correlation**2) / (1 - rho**2))
    return np.asarray(a * sd_reduced / sd_mediator * (correlation - rho * shrink))


def robustness_value(t: float, dof: float, bar: float = 0.0) -> float:
    """(sqrt(f^4 + 4 f^2) - f^2) / 2 with f = (|t| - bar) / sqrt(dof), 0 below the bar.

    Cinelli & Hazlett (2020, JRSS-B 82:39, eq. 18 and 20), `bar` the critical t of the second.
    """
    f = max(abs(t) - bar, 0.0) / math.sqrt(dof)
    return 0.5 * (math.sqrt(f**4 + 4 * f**2) - f**2)


def path_sensitivity(
    mediator: str,
    a: float,
    b_test: Scalar,
    dof: float,
    critical: float,
    residuals: tuple[FloatArray, FloatArray] | None,
) -> Sensitivity:
    """Sensitivity of the indirect effect through one mediator.

    Args:
        mediator: its label.
        a: path from x to it.
        b_test: its path to the outcome.
        dof: residual degrees of freedom of the outcome equation.
        critical: t of the edge of significance.
        residuals: of the reduced form of y and of m on the same rows, or None for counts.
    """
    t = b_test.statistic
    value, edge = robustness_value(t, dof), robustness_value(t, dof, critical)
    rho, curve = math.nan, pl.DataFrame({"rho": np.zeros(0), "indirect": np.zeros(0)})
    words = ""
    if residuals is not None:
        first, second = residuals
        rho = float(np.corrcoef(first, second)[0, 1])
        line = indirect_at_rho(a, float(first.std()), float(second.std()), rho, RHO_GRID)
        curve = pl.DataFrame({"rho": RHO_GRID, "indirect": line})
        words = f" at an error correlation of {number(rho)}, or"
    sentence = (
        f"The indirect effect through {mediator} vanishes{words} with a confounder that explains "
        f"{100 * value:.1f} % of the residual variance of both mediator and outcome."
    )
    return Sensitivity(mediator, rho, value, edge, sentence, curve)
