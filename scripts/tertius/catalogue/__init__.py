"""The registry of estimators: one entry each, in the file of its family.

Entries are light, so that a configuration can be checked before any numerical library is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping

from tertius.catalogue import (
    counts,
    dyads,
    instruments,
    linear,
    policy,
    selection,
    simulation,
    thresholds,
)
from tertius.catalogue.estimator import Estimator, Option

FAMILIES = (linear, counts, instruments, selection, thresholds, policy, dyads, simulation)
ESTIMATORS: Mapping[str, Estimator] = {
    entry.name: entry for family in FAMILIES for entry in family.ENTRIES
}

__all__ = ["ESTIMATORS", "FAMILIES", "Estimator", "Option"]
