"""A quadratic with its covariance: turning point, Fieller set, and the slopes at both ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from tertius.inference.covariance import p_value_of
from tertius.shapes.common import number


@dataclass(frozen=True)
class FiellerSet:
    """Confidence set of a ratio.

    `kind` is bounded, [low, high]; complement, all but (low, high); half_line, with one infinite
    end; or whole_line.
    """

    kind: str
    low: float
    high: float
    level: float

    def inside(self, x_low: float, x_high: float) -> bool:
        """Whether the whole set lies in [x_low, x_high]; never so where it is unbounded."""
        return self.kind == "bounded" and x_low <= self.low and self.high <= x_high

    def contains(self, x: float) -> bool:
        """Whether x belongs to the set."""
        if self.kind == "complement":
            return x <= self.low or x >= self.high
        return self.low <= x <= self.high

    @property
    def text(self) -> str:
        """The set as printed, for example ``[4.43, 7.3]`` or ``(-inf, 2] or [9, inf)``."""
        if self.kind == "complement":
            return f"(-inf, {number(self.low)}] or [{number(self.high)}, inf)"
        if self.kind == "whole_line":
            return "the whole line"
        return f"[{number(self.low)}, {number(self.high)}]"


@dataclass(frozen=True)
class Quadratic:
    """Slope and curvature coefficients with covariance, x measured from `centre`.

    The index is b1 (x - centre) + b2 (x - centre)^2.
    """

    b1: float
    b2: float
    v11: float
    v12: float
    v22: float
    centre: float = 0.0

    @property
    def turning_point(self) -> float:
        """centre - b1 / (2 b2); infinite for b2 = 0."""
        if self.b2 == 0:
            return math.inf
        return self.centre - self.b1 / (2 * self.b2)

    @property
    def turning_point_error(self) -> float:
        """Delta-method standard error of the turning point."""
        if self.b2 == 0:
            return math.inf
        ratio = self.b1 / self.b2
        variance = (self.v11 + ratio**2 * self.v22 - 2 * ratio * self.v12) / (4 * self.b2**2)
        return math.sqrt(max(variance, 0.0))

    def slope(self, x: float) -> float:
        """b1 + 2 b2 (x - centre)."""
        return self.b1 + 2 * self.b2 * (x - self.centre)

    def slope_error(self, x: float) -> float:
        """Standard error of the slope at x."""
        d = x - self.centre
        return math.sqrt(max(self.v11 + 4 * d * self.v12 + 4 * d**2 * self.v22, 0.0))

    @property
    def slope_at_zero(self) -> float:
        """b1 of the same curve written without centring."""
        return self.slope(0.0)


@dataclass(frozen=True)
class EndSlopes:
    """Slopes at both ends of a range and the Lind-Mehlum p, the larger of the two one-sided p.

    `binding` names the end with the weaker evidence. Each p is that of the sign its end should
    have, so it is above one half where the slope has the other sign.
    """

    x_low: float
    x_high: float
    slope_low: float
    slope_high: float
    se_low: float
    se_high: float
    t_low: float
    t_high: float
    p_low: float
    p_high: float
    p_value: float
    binding: str


def fieller_set(curve: Quadratic, dof: float, level: float) -> FiellerSet:
    """Fieller's (1954) set of the turning point.

    All x with (b1 + 2 b2 d)^2 <= t^2 (v11 + 4 d v12 + 4 d^2 v22), d = x - centre, that is
    A d^2 + B d + C <= 0 with A = 4 b2^2 - 4 t^2 v22, B = 4 b1 b2 - 4 t^2 v12, C = b1^2 - t^2 v11.

    Args:
        curve: coefficients and covariance.
        dof: of the t quantile; infinite for the normal.
        level: in (0, 1).

    Returns:
        Bounded for A > 0; for A < 0 the complement of an interval or the whole line; a half line
        for A = 0.
    """
    t2 = float(stats.t.ppf(0.5 + level / 2, dof)) ** 2
    a = 4 * curve.b2**2 - 4 * t2 * curve.v22
    b = 4 * curve.b1 * curve.b2 - 4 * t2 * curve.v12
    c = curve.b1**2 - t2 * curve.v11
    if a == 0:
        if b == 0:
            return FiellerSet("whole_line", -math.inf, math.inf, level)
        end = curve.centre - c / b
        low, high = (-math.inf, end) if b > 0 else (end, math.inf)
        return FiellerSet("half_line", low, high, level)
    disc = b**2 - 4 * a * c
    if a < 0 and disc <= 0:
        return FiellerSet("whole_line", -math.inf, math.inf, level)
    root = math.sqrt(max(disc, 0.0))
    # the stable form avoids cancellation between b and the root
    q = -0.5 * (b + math.copysign(root, b))
    ends = sorted((q / a, c / q)) if q != 0 else [0.0, 0.0]
    kind = "bounded" if a > 0 else "complement"
    return FiellerSet(kind, curve.centre + ends[0], curve.centre + ends[1], level)


def end_slopes(
    curve: Quadratic, x_low: float, x_high: float, dof: float, direction: str = "inverted_u"
) -> EndSlopes:
    """Slopes at both ends and the Sasabuchi / Lind-Mehlum test of opposite signs.

    Args:
        curve: coefficients and covariance.
        x_low, x_high: ends of the range, uncentred.
        dof: of the t distribution; infinite for the normal.
        direction: inverted_u (rising then falling) or u.

    Returns:
        `EndSlopes` with p = the p of the smaller of the two oriented t statistics.
    """
    sides = ("greater", "less") if direction == "inverted_u" else ("less", "greater")
    slopes = [curve.slope(x) for x in (x_low, x_high)]
    errors = [curve.slope_error(x) for x in (x_low, x_high)]
    pairs = zip(slopes, errors, strict=True)
    t = [s / e if e > 0 else math.copysign(math.inf, s) for s, e in pairs]
    p = [p_value_of(value, dof, side) for value, side in zip(t, sides, strict=True)]
    return EndSlopes(
        x_low=x_low,
        x_high=x_high,
        slope_low=slopes[0],
        slope_high=slopes[1],
        se_low=errors[0],
        se_high=errors[1],
        t_low=t[0],
        t_high=t[1],
        p_low=p[0],
        p_high=p[1],
        p_value=max(p),
        binding="low" if p[0] >= p[1] else "high",
    )
