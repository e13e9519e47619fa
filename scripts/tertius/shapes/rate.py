"""Is a share what it is said to be? A mean of 0/1 outcomes, or the share ended by a horizon."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.shapes.common import number, p_words
from tertius.shapes.joint import JointResult, ShapeStep, joint_result, scalar


@dataclass(frozen=True, eq=False, kw_only=True)
class Rate(JointResult):
    """A share against a stated one; `estimate` is the share found.

    It is as stated where its interval at level 1 - 2 alpha lies within the margin (two one-sided
    tests, Schuirmann 1987), `opposite` where it is shown to lie outside the margin. `p_value` is
    the larger of the two one-sided p where the share lies within the margin, else that of lying
    inside.
    """

    stated: float
    margin: float


def rate_test(
    estimate: Estimate,
    stated: float,
    margin: float,
    *,
    duration: str = "",
    horizon: float | None = None,
    alpha: float = 0.05,
) -> Rate:
    """Test that a share equals a stated one up to a margin.

    With a duration, the share that has ended after `horizon` years is the product-limit estimate
    1 - prod_d (1 - ended_d / at risk_d) over the rows at risk (Kaplan & Meier 1958); otherwise it
    is the mean of the outcome. Errors come from the influences of the clusters.

    Args:
        estimate: a model whose outcome is 0/1; only its rows are used.
        stated, margin: shares.
        duration: variable of the years at risk, from 1.
        horizon: years.
        alpha: level.

    Raises:
        NotEstimable: the outcome is not 0/1, or nobody is at risk.
    """
    y = estimate.frame["y"].to_numpy().astype(np.float64)
    if not np.isin(y, (0.0, 1.0)).all():
        raise NotEstimable("not_binary", estimate.spec.outcome, "the outcome is not 0 or 1")
    cluster = estimate.frame[estimate.spec.cluster].cast(pl.String)
    ids = tuple(cluster.unique().sort().to_list())
    code = cluster.rank("dense").to_numpy().astype(np.int64) - 1
    share, rows = _share(estimate, y, duration, horizon)
    psi: FloatArray = np.bincount(code, rows, minlength=len(ids)).astype(np.float64)
    error = float(np.sqrt((psi**2).sum() * len(ids) / (len(ids) - 1)))
    dof = len(ids) - 1.0
    low, high = (scalar(share - edge, error, dof) for edge in (stated - margin, stated + margin))
    p_low = low.p_one_sided if low.value > 0 else 1 - low.p_one_sided
    p_high = high.p_one_sided if high.value < 0 else 1 - high.p_one_sided
    p_within = max(p_low, p_high)
    inside = abs(share - stated) < margin
    p_value = p_within if inside else 1 - p_within
    at = scalar(share, error, dof, estimate.spec.confidence)
    near = low if p_low >= p_high else high
    holds = inside and p_within < alpha
    after = f" after {horizon:g} years" if horizon else ""
    span = f"[{number(at.conf_low)}, {number(at.conf_high)}]"
    told = f"{number(share)} {span}; within {margin:g} of {stated:g}: {p_words(p_within)}"
    result: Rate = joint_result(
        Rate,
        at,
        psi,
        ids,
        None,
        shape="rate",
        model=estimate.spec.name,
        subject=estimate.spec.outcome,
        quantity=f"share of {estimate.spec.outcome}{after}",
        p_value=p_value,
        contrast_estimate=near.value,
        contrast_alternative="greater" if near.value > 0 else "less",
        decision="as stated" if holds else "other" if not inside and p_value < alpha else "none",
        holds=holds,
        opposite=not inside and p_value < alpha,
        reasons=(told,),
        steps=(ShapeStep(f"the share lies within {margin:g} of {stated:g}", holds, told),),
        sentence=f"The share of {estimate.spec.outcome}{after} is {told}.",
        curve=pl.DataFrame({"share": [share], "low": [at.conf_low], "high": [at.conf_high]}),
        stated=stated,
        margin=margin,
    )
    return result


def _share(
    estimate: Estimate, y: FloatArray, duration: str, horizon: float | None
) -> tuple[float, FloatArray]:
    """The share and the influence (n,) of each row on it."""
    if not duration:
        return float(y.mean()), (y - y.mean()) / len(y)
    at = estimate.frame[duration].to_numpy().astype(np.float64)
    last = math.inf if horizon is None else horizon
    survival, rows = 1.0, np.zeros(len(y))
    for d in np.unique(at[at <= last]):
        here = at == d
        rate = float(y[here].mean())
        if rate == 1.0:
            raise NotEstimable("all_ended", duration, f"nobody is left after {d:g} years")
        survival *= 1 - rate
        rows[here] += (y[here] - rate) / (here.sum() * (1 - rate))
    return 1 - survival, rows * survival
