"""Families of joint tests: a section of a paper times a class of outcomes (Romano & Wolf 2005).

Claims that share a `test_family` are always in one family, that of the first of them with a test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tertius.claims.registry import Claim, ClaimRegistry


def claim_families(
    registry: ClaimRegistry, study_models: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, str]:
    """Family name of every claim that has a test, by id.

    Args:
        registry: the claims.
        study_models: models of the study that tests may name.

    Returns:
        Id -> name, for example ``zhang2025 §2.2 x patents``.
    """
    models = {**(study_models or {}), **registry.models}
    tested = {claim.id: claim for claim in registry.claims if claim.test is not None}
    own = {key: _own_family(claim, registry, models) for key, claim in tested.items()}
    leader = _leaders(registry)
    return {key: own[min(k for k in tested if leader[k] == leader[key])] for key in sorted(tested)}


def _own_family(
    claim: Claim, registry: ClaimRegistry, models: Mapping[str, Mapping[str, Any]]
) -> str:
    assert claim.test is not None
    outcome = str(models[claim.test.model]["outcome"])
    return f"{claim.paper} {claim.section} x {registry.outcome_classes.get(outcome, outcome)}"


def _leaders(registry: ClaimRegistry) -> dict[str, str]:
    """Smallest id of the group of claims that `test_family` ties together, by id."""
    leader = {claim.id: claim.id for claim in registry.claims}
    for claim in registry.claims:
        members = {claim.id, *(m for m in family_members(claim.test_family) if m in leader)}
        roots = {leader[m] for m in members}
        first = min(roots)
        leader = {key: first if root in roots else root for key, root in leader.items()}
    return leader


def family_members(test_family: str) -> tuple[str, ...]:
    """Ids that a `test_family` names: ``B44+B53`` lists them, ``B58-B62`` is a range."""
    members: list[str] = []
    for part in filter(None, test_family.split("+")):
        ends = re.fullmatch(r"([A-Z])(\d+)-\1(\d+)", part)
        if ends:
            numbers = range(int(ends[2]), int(ends[3]) + 1)
            members += [f"{ends[1]}{n:02d}" for n in numbers]
        else:
            members.append(part)
    return tuple(members)
