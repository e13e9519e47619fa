"""What one test found in the data, before adjustment for its family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tertius.claims.claim_test import ClaimTest
from tertius.inference.score_bootstrap import Hypothesis
from tertius.shapes import ShapeResult

EXPECTED, OPPOSITE, NEITHER = "expected", "opposite", "neither"


@dataclass(frozen=True)
class Step:
    """One step of a shape test, before adjustment: its name, whether it is met, its numbers.

    `evidence` is False for a step that a flat curve can meet by chance of where it bends.
    """

    name: str
    met: bool
    text: str
    evidence: bool = True


@dataclass(frozen=True)
class Effect:
    """Change of the expected outcome, as a share, that goes with a telling change of a term.

    `per` names the change; `low` and `high` bound the interval at level 1 - 2 alpha, that of two
    one-sided tests; `mde` is the share that would be found with 80 % power.
    """

    term: str
    per: str
    share: float
    low: float
    high: float
    mde: float


@dataclass(frozen=True, eq=False)
class Finding:
    """What one test found in one estimate, before adjustment for the family.

    `direction` says whether the full shape test is passed in the stated direction (expected), in
    the other one (opposite), or not at all (neither). `hypothesis` is the binding contrast that
    enters the family; `p_value` the one p of the test, `model` the one whose numbers are shown.
    """

    test: ClaimTest
    quantity: str
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float
    direction: str
    steps: tuple[Step, ...]
    hypothesis: Hypothesis
    effects: tuple[Effect, ...]
    sentence: str
    curve: pl.DataFrame
    results: tuple[ShapeResult, ...]
    model: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps_met(self) -> int:
        """Number of steps that are met and say something on their own."""
        return sum(step.met and step.evidence for step in self.steps)
