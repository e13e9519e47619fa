"""Whether counts vary more than Poisson."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tertius.arrays import FloatArray
from tertius.estimate.result import Diagnostic


def overdispersion_test(y: FloatArray, mu: FloatArray) -> Diagnostic:
    """Auxiliary regression of ((y - mu)^2 - y) / mu on mu, without constant, robust t.

    The slope estimates alpha of variance = mu + alpha mu^2; under equidispersion it is 0 (Cameron &
    Trivedi 1990, J. Econometrics 46:347). It speaks of efficiency only: Poisson with clustered
    errors needs no such variance (Wooldridge 1999).

    Args:
        y, mu: (n,) outcomes and positive means.
    """
    z = ((y - mu) ** 2 - y) / mu
    size = float(mu @ mu)
    alpha = float(mu @ z) / size
    error = float(np.sqrt((mu**2 * (z - alpha * mu) ** 2).sum())) / size
    if error <= 0:
        return Diagnostic(
            "overdispersion: not testable, the outcome is fitted exactly", value=alpha
        )
    t = alpha / error
    p = float(2 * stats.norm.sf(abs(t)))
    text = (
        f"overdispersion: variance = mean + {alpha:.3g} mean^2 (t = {t:.2f}, p = {p:.3g}); "
        "the clustered errors allow for it"
    )
    return Diagnostic(text, value=alpha, statistic=t, p_value=p)
