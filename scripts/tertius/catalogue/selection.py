"""Selection into the sample and into treatment."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator

ENTRIES: tuple[Estimator, ...] = ()
