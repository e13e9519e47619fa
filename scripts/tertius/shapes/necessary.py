"""Necessary-condition analysis: how much x a level of y needs (Dul 2016, ORM 19:10)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.inference.intervals import resampled_p_value
from tertius.shapes.common import GRID_POINTS, base_of, number, p_words
from tertius.shapes.splines import ok_values

LEVELS = tuple(range(0, 101, 10))
SMALL_EFFECT = 0.1
"""Effect sizes below this are called small (Dul 2016) and support no necessity."""


@dataclass(frozen=True)
class Ceiling:
    """A ceiling line: effect size d = empty zone over scope, accuracy, permutation p.

    CE-FDH is a step function; CR-FDH the straight line through its corners, with `intercept` and
    `slope` (NaN for the step function).
    """

    name: str
    effect: float
    accuracy: float
    p_value: float
    intercept: float
    slope: float


@dataclass(frozen=True, eq=False)
class NecessaryCondition:
    """Both ceilings, the bottleneck table and the sentence; `holds` is d >= 0.1 and p < alpha.

    `bottleneck` has, for each level of y in percent of its range, the level of x that it needs in
    percent of its range by either ceiling (null: not necessary). `curve` holds both ceilings,
    `points` the observations.
    """

    subject: str
    outcome: str
    unit: str
    n: int
    scope: tuple[float, float, float, float]
    ce_fdh: Ceiling
    cr_fdh: Ceiling
    draws: int
    holds: bool
    sentence: str
    bottleneck: pl.DataFrame
    curve: pl.DataFrame
    points: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Numbers and words as plain values, without curves and points."""
        skip = ("curve", "points", "bottleneck", "ce_fdh", "cr_fdh")
        record = {k: v for k, v in self.__dict__.items() if k not in skip}
        record["ce_fdh"], record["cr_fdh"] = dict(self.ce_fdh.__dict__), dict(self.cr_fdh.__dict__)
        return {**record, "bottleneck": self.bottleneck.to_dict(as_series=False)}


def necessary_condition_test(
    estimate: Estimate,
    x: str,
    *,
    unit: str = "firm",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 1,
) -> NecessaryCondition:
    """Is x necessary for high values of the outcome?

    Args:
        estimate: a model with x; its outcome and sample are used, its coefficients are not.
        x: base label.
        unit: firm (means over a firm's years, so that permuted rows are independent) or firm_year.
        alpha: level of the permutation p.
        draws, seed: of the permutations.

    Raises:
        NotEstimable: x or the outcome does not vary.
        ValueError: unknown unit.
    """
    if unit not in ("firm", "firm_year"):
        raise ValueError(f"unknown unit {unit!r}; give firm or firm_year")
    base = base_of(estimate, x)
    values, ok = ok_values(estimate, base)
    frame = pl.DataFrame(
        {"org_id": estimate.frame["org_id"], "x": values, "y": estimate.frame["y"]}
    ).filter(pl.Series(ok))
    if unit == "firm":
        frame = frame.group_by("org_id").agg(pl.col("x", "y").mean()).sort("org_id")
    u, v = frame["x"].to_numpy(), frame["y"].to_numpy()
    return necessity(u, v, base, estimate.spec.outcome_column, unit, alpha, draws, seed)


def necessity(
    x: FloatArray,
    y: FloatArray,
    subject: str = "x",
    outcome: str = "y",
    unit: str = "row",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 1,
) -> NecessaryCondition:
    """Necessary-condition analysis of (n,) x and y; permutation p by Dul, van der Laan & Kuik 2020.

    Raises:
        NotEstimable: x or y does not vary.
    """
    scope = (float(x.min()), float(x.max()), float(y.min()), float(y.max()))
    if scope[0] == scope[1] or scope[2] == scope[3]:
        raise NotEstimable("no_variation", subject, f"{subject} or {outcome} does not vary")
    effects = _effects(x, y)
    rng = np.random.default_rng(seed)
    drawn = np.array([_effects(x, rng.permutation(y)) for _ in range(draws)])
    p = [resampled_p_value(drawn[:, j], effects[j], "greater") for j in (0, 1)]
    corners = peers(x, y)
    intercept, slope = regression_line(corners)
    step = Ceiling("CE-FDH", effects[0], 1.0, p[0], np.nan, np.nan)
    below = y <= intercept + slope * x + 1e-12 * max(abs(scope[3]), 1.0)
    line = Ceiling("CR-FDH", effects[1], float(below.mean()), p[1], intercept, slope)
    holds = step.effect >= SMALL_EFFECT and step.p_value < alpha
    return NecessaryCondition(
        subject=subject,
        outcome=outcome,
        unit=unit,
        n=len(x),
        scope=scope,
        ce_fdh=step,
        cr_fdh=line,
        draws=draws,
        holds=holds,
        sentence=_sentence(subject, outcome, step, line, holds),
        bottleneck=bottleneck_table(x, y),
        curve=_curve(x, y),
        points=pl.DataFrame({"x": x, "y": y}),
    )


def peers(x: FloatArray, y: FloatArray) -> FloatArray:
    """(p, 2) upper-left corners: points with more y than every point of less or equal x."""
    order = np.lexsort((-y, x))
    best, kept = -np.inf, []
    for i in order:
        if y[i] > best:
            kept.append((x[i], y[i]))
            best = y[i]
    return np.array(kept)


def step_effect(x: FloatArray, y: FloatArray) -> float:
    """Share of the scope above the free-disposal hull."""
    corners = peers(x, y)
    width, top = float(x.max() - x.min()), float(y.max())
    ends = np.r_[corners[1:, 0], x.max()]
    area = float(((ends - corners[:, 0]) * (top - corners[:, 1])).sum())
    return area / (width * float(top - y.min()))


def regression_line(corners: FloatArray) -> tuple[float, float]:
    """Least squares through the corners; a single corner gives a flat line."""
    if len(corners) < 2:
        return float(corners[0, 1]), 0.0
    slope, intercept = np.polyfit(corners[:, 0], corners[:, 1], 1)
    return float(intercept), float(slope)


def line_effect(x: FloatArray, y: FloatArray) -> float:
    """Share of the scope above the ceiling line, cut to the scope; 0 unless the line rises."""
    intercept, slope = regression_line(peers(x, y))
    if slope <= 0:
        return 0.0
    low, high, bottom, top = (float(v) for v in (x.min(), x.max(), y.min(), y.max()))
    bends = [low, high, (bottom - intercept) / slope, (top - intercept) / slope]
    grid = np.unique(np.clip(bends, low, high))
    height = top - np.clip(intercept + slope * grid, bottom, top)
    area = sum(
        (b - a) * (p + q) / 2
        for (a, p), (b, q) in itertools.pairwise(zip(grid, height, strict=True))
    )
    return float(area) / ((high - low) * (top - bottom))


def _effects(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    return step_effect(x, y), line_effect(x, y)


def bottleneck_table(x: FloatArray, y: FloatArray) -> pl.DataFrame:
    """Level of x, in percent of its range, that each level of y needs by either ceiling."""
    corners = peers(x, y)
    intercept, slope = regression_line(corners)
    low, width = float(x.min()), float(x.max() - x.min())
    rows = []
    for level in LEVELS:
        target = float(y.min()) + level / 100 * float(y.max() - y.min())
        slack = 1e-12 * max(abs(target), 1.0)
        step = float(corners[corners[:, 1] >= target - slack][0, 0])
        line = (target - intercept) / slope if slope > 0 else -np.inf
        needs = [min(100 * (at - low) / width, 100.0) for at in (step, line)]
        rows.append((level, *(need if need > 1e-9 else None for need in needs)))
    schema = {"y_percent": pl.Int64, "ce_fdh": pl.Float64, "cr_fdh": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _curve(x: FloatArray, y: FloatArray) -> pl.DataFrame:
    corners = peers(x, y)
    intercept, slope = regression_line(corners)
    grid = np.linspace(float(x.min()), float(x.max()), GRID_POINTS)
    place = np.searchsorted(corners[:, 0], grid, side="right") - 1
    return pl.DataFrame(
        {"x": grid, "ce_fdh": corners[place, 1], "cr_fdh": intercept + slope * grid}
    )


def _sentence(subject: str, outcome: str, step: Ceiling, line: Ceiling, holds: bool) -> str:
    said = "is necessary" if holds else "is not shown to be necessary"
    return (
        f"{subject} {said} for high {outcome}: effect size {number(step.effect)} "
        f"({p_words(step.p_value)}) under CE-FDH and {number(line.effect)} "
        f"({p_words(line.p_value)}) under CR-FDH."
    )
