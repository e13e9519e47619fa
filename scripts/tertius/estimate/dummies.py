"""Effects as columns: regressors beside a constant and the dummies of some effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.many_effects import drop_nested
from tertius.estimate.two_way import independent_columns

MOST_DUMMIES = 400


@dataclass(frozen=True, eq=False)
class DummyColumns:
    """Scaled columns (n, p): a constant, dummies, then the regressors `kept`.

    True coefficients are those on `x` divided by `scale`; regressors start at `first`.
    """

    x: FloatArray
    scale: FloatArray
    kept: IntArray
    collinear: IntArray

    @property
    def first(self) -> int:
        """Number of columns before the regressors."""
        return int(self.x.shape[1]) - len(self.kept)

    @property
    def order(self) -> IntArray:
        """Places of the regressors and then of the constant, as they are reported."""
        last = int(self.x.shape[1])
        return np.array([*range(self.first, last), 0], dtype=np.int64)


def with_dummies(x: FloatArray, effects: Mapping[str, IntArray], name: str) -> DummyColumns:
    """Put a constant and dummies (the first level of each effect left out) before regressors.

    Args:
        x: (n, k). effects: (n,) codes by effect. name: of the model, for errors.

    Raises:
        NotEstimable: no regressor is left, or the effects have too many levels for dummies.
    """
    n, blocks = len(x), [np.ones((len(x), 1))]
    for codes in drop_nested(list(effects.values())) if effects else []:
        levels = np.unique(codes)
        if len(levels) > MOST_DUMMIES:
            reason = f"{name}: {len(levels)} levels of an effect are too many for dummies"
            raise NotEstimable("too_many_levels", name, reason)
        blocks.append((codes[:, None] == levels[None, 1:]).astype(np.float64))
    front = np.hstack(blocks)
    both = np.hstack([front, x])
    kept, dropped = independent_columns(both, both + np.zeros((n, 1)))
    regressors = kept[kept >= front.shape[1]] - front.shape[1]
    if not len(regressors):
        raise NotEstimable("collinear", name, f"{name}: every regressor is collinear")
    used = both[:, kept]
    scale = np.sqrt((used**2).mean(axis=0))
    collinear = dropped[dropped >= front.shape[1]] - front.shape[1]
    return DummyColumns(used / scale, scale, regressors, collinear)
