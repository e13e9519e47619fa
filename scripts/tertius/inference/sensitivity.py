"""How strong would something unobserved have to be to overturn a coefficient?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.two_way import Effects

CURVE_POINTS = 41


@dataclass(frozen=True)
class SelectionInputs:
    """What Oster's formulas need, all net of the effects that are absorbed in both regressions.

    Slope and R2 without (`short`) and with controls (`long`), variances of y and x, and the
    variance of x left by the controls.
    """

    short_slope: float
    short_r2: float
    long_slope: float
    long_r2: float
    variance_y: float
    variance_x: float
    residual_x: float


@dataclass(frozen=True, eq=False)
class Selection:
    """Oster's delta and bias-adjusted slope at R2 max `r2_max`.

    `delta` is the selection on unobservables, relative to that on the controls, at which the slope
    would be `target`; `adjusted` the slope under equal selection (delta = 1), the root nearest to
    the estimate, and `roots` all of them.
    """

    inputs: SelectionInputs
    r2_max: float
    target: float
    delta: float
    adjusted: float
    roots: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """The result in words."""
        given = self.inputs
        return (
            f"Slope {given.short_slope:.4g} without and {given.long_slope:.4g} with controls (R2 "
            f"{given.short_r2:.3f} and {given.long_r2:.3f}); at R2 max {self.r2_max:.3f} "
            f"unobservables would have to be {self.delta:.3g} times as important as the controls "
            f"for a slope of {self.target:g}; under equal selection it is {self.adjusted:.4g}."
        )

    def figure(self) -> pl.DataFrame:
        """Figure data over R2 max from the long R2 to 1: r2_max, delta, adjusted."""
        grid = np.linspace(self.inputs.long_r2, 1.0, CURVE_POINTS)[1:]
        return pl.DataFrame(
            {
                "r2_max": grid,
                "delta": [selection_delta(self.inputs, float(r), self.target) for r in grid],
                "adjusted": [selection_slopes(self.inputs, float(r), 1.0)[0] for r in grid],
            }
        )


def selection_delta(inputs: SelectionInputs, r2_max: float, target: float = 0.0) -> float:
    """delta at which the slope is `target`; infinite where no finite delta does.

    Source: Oster (2019, J. Business & Economic Statistics 37:187), as in her psacalc.
    """
    top, bottom = _delta_parts(inputs, r2_max, inputs.long_slope - target)
    return top / bottom if bottom else math.copysign(math.inf, top)


def _delta_parts(inputs: SelectionInputs, r2_max: float, gap: float) -> tuple[float, float]:
    """Numerator and denominator of delta for a distance `gap` of the slope from the truth."""
    moved = inputs.short_slope - inputs.long_slope
    gained = (inputs.long_r2 - inputs.short_r2) * inputs.variance_y
    left = (r2_max - inputs.long_r2) * inputs.variance_y
    x, t = inputs.variance_x, inputs.residual_x
    shared = gap**2 * t * moved * x
    cubic = gap**3 * (t * x - t**2)
    top = gap * gained * t + gap * x * t * moved**2 + 2 * shared + cubic
    bottom = left * moved * x + gap * left * (x - t) + shared + cubic
    return top, bottom


def selection_slopes(inputs: SelectionInputs, r2_max: float, delta: float) -> tuple[float, ...]:
    """Slopes consistent with delta: the long slope less the real roots of Oster's cubic (quadratic
    for delta = 1), nearest to the long slope first."""
    moved = inputs.short_slope - inputs.long_slope
    gained = (inputs.long_r2 - inputs.short_r2) * inputs.variance_y
    left = (r2_max - inputs.long_r2) * inputs.variance_y
    x, t = inputs.variance_x, inputs.residual_x
    polynomial = [
        (delta - 1) * (t * x - t**2),
        (delta - 2) * t * moved * x,
        delta * left * (x - t) - gained * t - x * t * moved**2,
        delta * left * moved * x,
    ]
    roots = np.roots(np.trim_zeros(polynomial, "f"))
    real = roots[np.abs(roots.imag) <= 1e-9 * np.maximum(np.abs(roots), 1e-300)].real
    return tuple(inputs.long_slope - float(gap) for gap in sorted(real, key=abs))


def oster_selection(
    x: FloatArray,
    controls: FloatArray,
    y: FloatArray,
    effects: Effects,
    *,
    r2_max: float | None = None,
    target: float = 0.0,
) -> Selection:
    """Selection on unobservables as against the controls, within the absorbed effects.

    Args:
        x: (n,) the regressor in question.
        controls: (n, k) observed controls.
        y: (n,) outcome.
        effects: absorbed in both regressions, so they are no part of the comparison.
        r2_max: R2 within of a regression on everything; min(1.3 long R2, 1) by default.
        target: slope to be explained away to.

    Raises:
        NotEstimable: x or y does not vary within the effects.
        ValueError: r2_max is not between the long R2 and 1.
    """
    short = absorbed_ols(x[:, None], y, effects)
    long = absorbed_ols(np.column_stack([x, controls]), y, effects)
    within = effects.within(np.column_stack([x, y]))
    inner = absorbed_ols(controls, x, effects)
    n = len(y)
    inputs = SelectionInputs(
        float(short.coefficients[0]),
        short.r2_within,
        float(long.coefficients[0]),
        long.r2_within,
        float(within[:, 1] @ within[:, 1]) / n,
        float(within[:, 0] @ within[:, 0]) / n,
        float(inner.residuals @ inner.residuals) / n,
    )
    limit = min(1.3 * inputs.long_r2, 1.0) if r2_max is None else r2_max
    if not inputs.long_r2 <= limit <= 1:
        raise ValueError(f"R2 max {limit} is not between {inputs.long_r2} and 1")
    roots = selection_slopes(inputs, limit, 1.0)
    delta = selection_delta(inputs, limit, target)
    return Selection(inputs, limit, target, delta, roots[0] if roots else math.nan, roots)


@dataclass(frozen=True)
class OmittedBound:
    """A confounder `times` as strong as a benchmark: its partial R2 with x and with y, and the
    slope, standard error, t and interval that a regression with it would give."""

    benchmark: str
    times: float
    r2_x: float
    r2_y: float
    estimate: float
    std_error: float
    statistic: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Robustness:
    """Cinelli & Hazlett's sensitivity of one slope.

    `partial_r2` of x with y; `robustness_value` the partial R2 with x and with y at which a
    confounder brings the slope down by the share q; `robustness_value_alpha` that at which it is no
    longer significant at `alpha`.
    """

    estimate: float
    std_error: float
    dof: float
    q: float
    alpha: float
    partial_r2: float
    robustness_value: float
    robustness_value_alpha: float
    bounds: tuple[OmittedBound, ...] = ()

    @property
    def sentence(self) -> str:
        """The result in words."""
        share = "all" if self.q == 1 else f"{100 * self.q:g} %"
        text = (
            f"A confounder explaining {100 * self.robustness_value:.1f} % of the residual variance "
            f"of both x and y would take away {share} of the estimate {self.estimate:.4g}; "
            f"{100 * self.robustness_value_alpha:.1f} % would make it insignificant at "
            f"{100 * self.alpha:g} %."
        )
        for bound in self.bounds[-1:]:
            text += (
                f" One {bound.times:g} times as strong as {bound.benchmark} leaves "
                f"{bound.estimate:.4g} (t = {bound.statistic:.2f})."
            )
        return text

    def figure(self, points: int = CURVE_POINTS) -> pl.DataFrame:
        """Contour data: r2_x, r2_y, the estimate and the t value that remain."""
        top = min(1.5 * max(self.robustness_value, 0.02), 0.95)
        grid = np.linspace(0.0, top, points)
        rows = [
            (float(a), float(b), *adjusted_slope(self.estimate, self.std_error, self.dof, a, b))
            for a in grid
            for b in grid
        ]
        columns = ["r2_x", "r2_y", "estimate", "std_error"]
        frame = pl.DataFrame(rows, schema=columns, orient="row")
        return frame.with_columns(statistic=pl.col("estimate") / pl.col("std_error"))


def robustness(
    estimate: float, std_error: float, dof: float, *, q: float = 1.0, alpha: float = 0.05
) -> Robustness:
    """Partial R2 and robustness values of a slope from its classical t.

    Args:
        estimate, std_error: slope and its classical (not robust) standard error: t stands for a
            partial R2 here.
        dof: residual degrees of freedom, absorbed effects counted.
        q: share of the estimate to be taken away.
        alpha: level of `robustness_value_alpha`.

    Source: Cinelli & Hazlett (2020, J. Royal Statistical Society B 82:39): f = |t| /
    sqrt(dof), RV_q = (sqrt(g^4 + 4 g^2) - g^2) / 2 with g = q f, and g = q f - t*(dof - 1) /
    sqrt(dof - 1) for RV_q,alpha; the extreme value (g^2 - f*^2) / (1 + g^2) where it binds.
    """
    f = abs(estimate / std_error) / math.sqrt(dof)
    critical = float(stats.t.isf(alpha / 2, dof - 1)) / math.sqrt(dof - 1)
    return Robustness(
        estimate,
        std_error,
        dof,
        q,
        alpha,
        f**2 / (1 + f**2),
        _robustness_value(q * f, 0.0),
        _robustness_value(q * f, critical),
    )


def _robustness_value(f: float, critical: float) -> float:
    """RV at q|f| less the critical value; the extreme one where it binds."""
    gap = f - critical
    if gap <= 0:
        return 0.0
    if critical > 0 and f > 1 / critical:
        return (f**2 - critical**2) / (1 + f**2)
    return (math.sqrt(gap**4 + 4 * gap**2) - gap**2) / 2


def adjusted_slope(
    estimate: float, std_error: float, dof: float, r2_x: float, r2_y: float
) -> tuple[float, float]:
    """Slope and standard error after a confounder with these partial R2, if it shrinks the slope.

    Source: Cinelli & Hazlett (2020).
    """
    bias = std_error * math.sqrt(dof * r2_y * r2_x / (1 - r2_x))
    error = std_error * math.sqrt((1 - r2_y) / (1 - r2_x) * dof / (dof - 1))
    return math.copysign(1.0, estimate) * (abs(estimate) - bias), error


def benchmark_bound(
    of: Robustness,
    benchmark: str,
    r2_benchmark_x: float,
    r2_benchmark_y: float,
    times: float = 1.0,
    times_y: float | None = None,
) -> OmittedBound:
    """What a confounder `times` as strong as an observed covariate would do.

    Args:
        of: the slope.
        benchmark: name of the covariate.
        r2_benchmark_x: its partial R2 with x, given the other covariates.
        r2_benchmark_y: its partial R2 with y, given x and the other covariates.
        times, times_y: strength relative to it with x and with y (the same by default).

    Raises:
        ValueError: a confounder that strong is impossible: its partial R2 with x would reach 1.

    Source: Cinelli & Hazlett (2020); the partial R2 with y is cut at 1.
    """
    ky = times if times_y is None else times_y
    r2_x = times * r2_benchmark_x / (1 - r2_benchmark_x)
    if r2_x >= 1 or times * r2_benchmark_x >= 1:
        raise ValueError(f"nothing can be {times:g} times as strong as {benchmark}")
    through = times * r2_benchmark_x**2 / ((1 - times * r2_benchmark_x) * (1 - r2_benchmark_x))
    if through >= 1:
        raise ValueError(f"nothing can be {times:g} times as strong as {benchmark}")
    ratio = (math.sqrt(ky) + math.sqrt(through)) / math.sqrt(1 - through)
    r2_y = min(ratio**2 * r2_benchmark_y / (1 - r2_benchmark_y), 1.0)
    estimate, error = adjusted_slope(of.estimate, of.std_error, of.dof, r2_x, r2_y)
    width = float(stats.t.isf(of.alpha / 2, of.dof - 1)) * error
    statistic = estimate / error if error > 0 else math.copysign(math.inf, estimate)
    return OmittedBound(
        benchmark, times, r2_x, r2_y, estimate, error, statistic, estimate - width, estimate + width
    )


def partial_r2(statistic: float, dof: float) -> float:
    """Share of the residual variance that a regressor explains: t^2 / (t^2 + dof)."""
    return statistic**2 / (statistic**2 + dof)


def robustness_of(
    x: FloatArray,
    controls: FloatArray,
    y: FloatArray,
    effects: Effects,
    names: tuple[str, ...],
    benchmarks: tuple[str, ...] = (),
    *,
    times: tuple[float, ...] = (1.0, 2.0, 3.0),
    q: float = 1.0,
    alpha: float = 0.05,
) -> Robustness:
    """`robustness` of x in a regression with absorbed effects, with bounds by observed covariates.

    Args:
        x: (n,), controls: (n, k), y: (n,).
        effects: absorbed; their number enters the degrees of freedom.
        names: (k,) of the controls.
        benchmarks: controls to compare with.
        times: strengths relative to each.
        q, alpha: as in `robustness`.

    Raises:
        NotEstimable: as `absorbed_ols`.
        ValueError: a control is collinear or a benchmark unknown.
    """
    outcome = absorbed_ols(np.column_stack([x, controls]), y, effects)
    exposure = absorbed_ols(controls, x, effects)
    if len(outcome.kept) != controls.shape[1] + 1:
        raise ValueError("a column is collinear")
    absorbed = effects.n_groups + max(effects.n_years - 1, 0)
    dof = float(len(y) - absorbed - len(outcome.kept))
    t_y = _classical_t(outcome.coefficients, outcome.bread, outcome.residuals, dof)
    t_x = _classical_t(exposure.coefficients, exposure.bread, exposure.residuals, dof + 1)
    error = float(outcome.coefficients[0] / t_y[0])
    base = robustness(float(outcome.coefficients[0]), error, dof, q=q, alpha=alpha)
    bounds = []
    for benchmark in benchmarks:
        j = names.index(benchmark)
        r2_x, r2_y = partial_r2(float(t_x[j]), dof + 1), partial_r2(float(t_y[j + 1]), dof)
        bounds += [benchmark_bound(base, benchmark, r2_x, r2_y, k) for k in times]
    return Robustness(**{**base.__dict__, "bounds": tuple(bounds)})


def _classical_t(
    coefficients: FloatArray, bread: FloatArray, residuals: FloatArray, dof: float
) -> FloatArray:
    """t values under independent, even errors."""
    variance = float(residuals @ residuals) / dof
    return np.asarray(coefficients / np.sqrt(np.diag(bread) * variance), dtype=np.float64)
