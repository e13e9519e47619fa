"""Plain records of judged claims: the card with every number, and the curve of the figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tertius.claims.finding import Finding
from tertius.claims.registry import Claim
from tertius.claims.verdict import Adjusted
from tertius.estimate import Estimate

FLAGS = ("inferred", "one_case", "exploratory", "mechanical", "prescription")


def card_of(
    claim: Claim,
    row: Mapping[str, Any],
    finding: Finding | None,
    fit: Estimate | None,
    adjusted: Adjusted | None,
    multiverse: Mapping[str, Any] | None = None,
    post_hoc: bool | None = None,
) -> dict[str, Any]:
    """Everything about one claim and its verdict, ready for json; numbers not finite are null.

    Keys: the verdict row, the claim's text and flags, and for a tested claim `test`, `direction`,
    `steps`, `effects` (shares of the expected outcome with their interval), `family_size`,
    `results` (all numbers of the shape tests), `plain_effects` and `warnings` of the model.
    `multiverse` sums up the claim's multiverse (null where none was made), `post_hoc` says whether
    its test came after the freeze (null without a lock); `power` and `fault_tolerance` are null
    until the judgement adds what stored simulations say.
    """
    card: dict[str, Any] = {
        **row,
        "statement": dict(claim.statement),
        "sections": list(claim.sections),
        "shape_detail": claim.shape_detail,
        "constructs": claim.constructs,
        "mechanism": claim.mechanism,
        "testability": claim.testability,
        "canonical_test": claim.canonical_test,
        "note": claim.note,
        "rivals": list(claim.rivals),
        "test_family": claim.test_family,
        **{flag: getattr(claim, flag) for flag in FLAGS},
        "exploratory": row["exploratory"],
        "post_hoc": post_hoc,
        "multiverse": multiverse_of(multiverse) if multiverse else None,
        "power": None,
        "fault_tolerance": None,
    }
    if finding is not None and fit is not None and adjusted is not None:
        card |= {
            "test": asdict(finding.test),
            "outcome": fit.spec.outcome_column,
            "direction": finding.direction,
            "steps": [asdict(step) for step in finding.steps],
            "effects": [asdict(effect) for effect in finding.effects],
            "family_size": adjusted.n_tests,
            "sentence": finding.sentence,
            "results": [result.to_dict() for result in finding.results],
            "warnings": list(fit.warnings),
            "variants": list(claim.variants),
        }
    return {key: plain(value) for key, value in card.items()}


def multiverse_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a card says of a multiverse: how many specifications, shares, and the joint tests."""
    return {
        "specifications": summary["shares"]["n"],
        **{key: summary["shares"][key] for key in ("same_sign", "expected", "opposite", "stable")},
        "joint": {test["statistic"]: test["p_value"] for test in summary["joint"]},
    }


def shape_of(claim: Claim, word: str, finding: Finding, fit: Estimate | None) -> dict[str, Any]:
    """Sentence and curve of a judged claim for its figure, ready for json.

    `curve` maps each column of the curve to its values; x columns are on the scale of the model
    and, where given, in raw units.
    """
    result = finding.results[0]
    record = {
        "claim_id": claim.id,
        "verdict": word,
        "test": asdict(finding.test),
        "model": finding.model,
        "outcome": fit.spec.outcome_column if fit else None,
        "log_scale": fit.link == "log" if fit else None,
        "subject": result.subject,
        "quantity": finding.quantity,
        "estimate": finding.estimate,
        "conf_low": finding.conf_low,
        "conf_high": finding.conf_high,
        "sentence": finding.sentence,
        "notes": dict(finding.notes),
        "curve": finding.curve.to_dict(as_series=False),
    }
    return {key: plain(value) for key, value in record.items()}


def plain(value: Any) -> Any:
    """The value with tuples as lists and numbers that are not finite as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
