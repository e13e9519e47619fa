"""Counts whose firm effect is read from the years before the sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.fe_poisson import fit_fe_poisson
from tertius.estimate.result import Estimate


def fit_presample_poisson(design: Design) -> Estimate:
    """Poisson with ln of the pre-sample mean of the outcome in place of the firm effect.

    With predetermined regressors (own past counts among them) FE Poisson is inconsistent; here the
    mean is exp(x'b + d ln ybar_i + e 1(ybar_i = 0) + year), ybar_i the firm's mean outcome before
    the sample (Blundell, Griffith & Van Reenen 1999, REStud 66:529). The option `lag` adds ln of
    the lagged outcome and a flag where it is 0. Terms ``log(v)`` and ``none(v)``.

    Raises:
        NotEstimable: an option's variable is negative, and as in `fit_fe_poisson`.
    """
    blocks, labels = [design.x], list(design.labels)
    for key in ("presample", "lag"):
        if key not in design.extra:
            continue
        variable, values = design.extra[key].labels[0], design.extra[key].x[:, 0]
        blocks.append(_log_and_flag(values, variable))
        labels += [f"log({variable})", f"none({variable})"]
    return fit_fe_poisson(replace(design, x=np.hstack(blocks), labels=tuple(labels)))


def _log_and_flag(values: FloatArray, variable: str) -> FloatArray:
    """(n, 2): ln of positive values and 0 elsewhere, and a flag of the zeros."""
    if (values < 0).any():
        raise NotEstimable("negative_input", variable, f"{variable} is negative in some rows")
    none = values == 0
    return np.column_stack([np.log(np.where(none, 1.0, values)), none.astype(np.float64)])
