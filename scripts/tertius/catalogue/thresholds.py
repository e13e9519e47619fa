"""Thresholds and kinks."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator

ENTRIES: tuple[Estimator, ...] = ()
