"""Descriptions beside the verdict on a prescription: what firms that do as advised look like."""

from __future__ import annotations

import numpy as np

from tertius.claims.claim_test import ClaimTest
from tertius.estimate import Estimate
from tertius.model_spec import parse_term
from tertius.shapes.common import number


def describe_prescription(test: ClaimTest, fit: Estimate) -> str:
    """One sentence on the outcome in the upper and the lower third of what is advised.

    It compares firms as they are, without controls and effects, and is labelled as a description.

    Args:
        test: the primary test; of several legs, the first is described.
        fit: its model.

    Returns:
        The sentence; empty where the variable has no defined row.
    """
    stated = test.legs[0] if test.legs else test
    base = stated.variable or parse_term(stated.terms[0]).factors[-1].base
    if base not in fit.variables:
        return ""
    x, y = fit.values(base), fit.frame["y"].to_numpy().astype(np.float64)
    known = ~np.isnan(x)
    if not known.any():
        return ""
    low, high = np.quantile(x[known], [1 / 3, 2 / 3])
    below, above = known & (x <= low), known & (x >= high)
    outcome = fit.spec.outcome_column
    return (
        f"Description, no test: {base} has median {number(float(np.median(x[known])))} over "
        f"{int(known.sum())} firm-years; mean {outcome} is {number(float(y[above].mean()))} in its "
        f"upper third and {number(float(y[below].mean()))} in its lower third."
    )
