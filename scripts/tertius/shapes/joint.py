"""Results of tests that stand on several fits, and carry the influences of what they test."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate, confidence_interval
from tertius.inference.covariance import p_value_of
from tertius.inference.score_bootstrap import Hypothesis
from tertius.shapes.common import ShapeResult
from tertius.shapes.sign import side_of


@dataclass(frozen=True)
class ShapeStep:
    """A condition of a test: its name, whether it is met, its numbers in words.

    `evidence` is False for a condition that a null effect can meet by chance.
    """

    name: str
    met: bool
    text: str
    evidence: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class JointResult(ShapeResult):
    """A shape test whose statistic is no contrast of one estimate's coefficients.

    `influence` (G,) are the influences of the binding statistic over `cluster_ids`,
    `contrast_error` its standard error. Where `p_value` is no t test's, `contrast_estimate` is the
    value whose t test would have that p, so that a family sees the test itself. `opposite` says
    that the reverse of what was stated passes the same test.
    """

    influence: FloatArray
    cluster_ids: tuple[str, ...]
    contrast_error: float
    steps: tuple[ShapeStep, ...]
    opposite: bool = False
    notes: dict[str, Any] = field(default_factory=dict)

    def hypothesis(self, name: str, estimate: Estimate) -> Hypothesis:
        """This test as a member of a family, for Romano-Wolf.

        Raises:
            NotEstimable: the statistic has no variance.
        """
        if not self.contrast_error > 0:
            raise NotEstimable("no_variation", name, "the statistic has no variance")
        return Hypothesis(
            name,
            self.influence,
            self.cluster_ids,
            self.contrast_estimate,
            self.contrast_error,
            self.contrast_alternative,
        )


@dataclass(frozen=True)
class Scalar:
    """A quantity with its standard error, interval and p values; one-sided p in a direction."""

    value: float
    std_error: float
    conf_low: float
    conf_high: float
    statistic: float
    p_two_sided: float
    p_one_sided: float
    p_value: float


def scalar(
    value: float, error: float, dof: float, level: float = 0.95, sign: str | None = None
) -> Scalar:
    """t test of a quantity against 0; without a sign the one-sided p is that of its direction.

    Raises:
        NotEstimable: the quantity has no variance.
    """
    if not error > 0:
        raise NotEstimable("no_variation", "quantity", "the quantity has no variance")
    t = value / error
    both = p_value_of(t, dof)
    one = p_value_of(t, dof, side_of(sign)) if sign else both / 2
    low, high = confidence_interval(value, error, dof, level)
    return Scalar(value, error, low, high, t, both, one, one if sign else both)


def decide_sign(test: Scalar, alpha: float) -> str:
    """positive, negative or none by the two-sided p."""
    if not test.p_two_sided < alpha:
        return "none"
    return "positive" if test.value > 0 else "negative"


def equivalent_value(p_value: float, error: float, dof: float, direction: float) -> float:
    """The value whose two-sided t test has a given p, in a direction (its sign)."""
    size = float(stats.t.isf(max(p_value, 1e-300) / 2, dof)) * error
    return math.copysign(size, direction)


def joint_result(
    cls: type[Any],
    test: Scalar,
    influence: FloatArray,
    cluster_ids: tuple[str, ...],
    sign: str | None,
    **fields: Any,
) -> Any:
    """A result of class `cls` from a scalar test; `fields` are what else the class holds.

    `fields` may state `decision`, `holds`, `reasons`, `steps`, `curve`; by default the decision is
    that of the sign at 5 %, and it holds where it is the stated one (any where none is stated).
    """
    alpha = fields.pop("alpha", 0.05)
    decision = fields.pop("decision", None) or decide_sign(test, alpha)
    wanted = {"+": "positive", "-": "negative", None: decision}[sign]
    holds = fields.pop("holds", decision == wanted != "none")
    known = {
        "estimate": test.value,
        "std_error": test.std_error,
        "conf_low": test.conf_low,
        "conf_high": test.conf_high,
        "statistic": test.statistic,
        "p_value": test.p_value,
        "alternative": side_of(sign),
        "contrast": np.zeros(0),
        "contrast_estimate": test.value,
        "contrast_error": test.std_error,
        "contrast_alternative": side_of(sign),
        "influence": influence,
        "cluster_ids": cluster_ids,
        "decision": decision,
        "holds": holds,
        "steps": (),
        "curve": pl.DataFrame(),
        "opposite": sign is not None and decision not in ("none", wanted),
    }
    return cls(**{**known, **fields})
