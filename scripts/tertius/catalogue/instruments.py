"""Instrumental variables and dynamic panels."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator

ENTRIES: tuple[Estimator, ...] = ()
