"""Claims of the two papers: the registry, its checks and its families.

The judgement itself, which needs estimates, is in `tertius.claims.judge`; it is not imported here,
so that reading the configuration stays quick.
"""

from __future__ import annotations

from tertius.claims.check import (
    check_claims,
    claims_without_spec,
    load_checked_claims,
    one_sided_rivals,
    rivals_apart,
)
from tertius.claims.claim_test import ClaimTest
from tertius.claims.families import claim_families
from tertius.claims.registry import Claim, ClaimRegistry, load_claims
from tertius.claims.study import claim_files, load_study_claims, model_defaults

__all__ = [
    "Claim",
    "ClaimRegistry",
    "ClaimTest",
    "check_claims",
    "claim_families",
    "claim_files",
    "claims_without_spec",
    "load_checked_claims",
    "load_claims",
    "load_study_claims",
    "model_defaults",
    "one_sided_rivals",
    "rivals_apart",
]
