"""The function behind an entry of the catalogue, imported when it is first needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from tertius.catalogue import Estimator
from tertius.estimate.design import Design
from tertius.estimate.result import Estimate


def estimator_function(entry: Estimator) -> Callable[[Design], Estimate]:
    """The function that turns a design into an estimate.

    Raises:
        ModuleNotFoundError, AttributeError: the entry names no such function.
    """
    module, name = entry.function.rsplit(".", 1)
    # hashes of code follow this pattern: a step that fits models depends on every estimator
    found = getattr(importlib.import_module(f"tertius.estimate.{module}"), name)
    return cast("Callable[[Design], Estimate]", found)
