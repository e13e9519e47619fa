"""What the world makes of a claim: true, false (nothing is planted) or opposite, and the plant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .claims_shao import SHAO
from .claims_zhang import ZHANG
from .further import FURTHER
from .settings import WorldSettings

VERDICTS = ("true", "false", "opposite")
EQUATIONS: Mapping[str, str] = {
    "outcome": "log mean of the patents of t+1",
    "further": "log mean of the patents of t+1, on scaled variables",
    "quality": "log attractiveness to citations of the patents of t+1, on scaled variables",
    "breadth": "planned breadth of the citations of t+1",
    "traits": "rates of search and recombination of t+1, on scaled variables",
    "formation": "log odds that a pair signs a deal in t+1",
    "hazard": "log hazard that a deal ends in t+1, on scaled variables",
    "records": "records beside patents of t+1, on scaled variables",
    "propensity": "leanings of the organisations",
}
"""Plan of the settings -> what its coefficients act on."""


@dataclass(frozen=True)
class ClaimTruth:
    """The truth of one claim.

    Attributes:
        truth: one of `VERDICTS`.
        plants: `<plan>.<coefficient>` of the settings, those that make the claim true or opposite.
        because: what else makes it so, or what is planted of it though it is false.
    """

    truth: str
    plants: tuple[str, ...] = ()
    because: str = ""


def claim_truths() -> dict[str, ClaimTruth]:
    """The truth of every claim that records can judge, by claim."""
    told = {**ZHANG, **SHAO}
    return {claim: ClaimTruth(*entry) for claim, entry in told.items()}


def claims_as_data(settings: WorldSettings) -> dict[str, Any]:
    """The truths with the coefficients of these settings; where all are 0 nothing is true."""
    return {claim: _as_data(settings, one) for claim, one in claim_truths().items()}


def _as_data(settings: WorldSettings, one: ClaimTruth) -> dict[str, Any]:
    plants = []
    for plant in one.plants:
        plan, name = plant.split(".")
        term = FURTHER[name] if plan == "further" else name
        value = float(getattr(getattr(settings, plan), name))
        plants.append({"equation": EQUATIONS[plan], "term": term, "coefficient": value})
    found: dict[str, Any] = {"truth": one.truth}
    if plants:
        found["plants"] = plants
    if one.because:
        found["because"] = one.because
    return found
