"""Ties between two organisations: choice, survival, networks."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator

ENTRIES: tuple[Estimator, ...] = ()
