"""What a test expects of each term, and which tables it needs: told from the test, never typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tertius.claims.claim_test import ClaimTest
from tertius.claims.verdict import base_code
from tertius.dyad_names import FIRM_YEARS, needed_inputs
from tertius.model_spec import base_variables

SIGNS: Mapping[str, str] = {"greater": "+", "less": "-", "either": "any", "": "any"}
CURVED: Mapping[str, str] = {"flatter": "+", "steeper": "-"}
"""Sign of the product of square and moderator, by what the moderator should do to an inverted U."""


def expected_signs(test: ClaimTest) -> dict[str, str]:
    """Model and term -> expected sign: ``+``, ``-``, ``any``, or what is compared.

    Keys are ``model: term``; for mediations the path from x to the outcome through the mediators.
    """
    if test.legs:
        return {key: sign for leg in test.legs for key, sign in expected_signs(leg).items()}
    side = SIGNS[test.side]
    x, z = test.variable, test.moderator
    if test.shape in ("mediation", "serial_mediation"):
        joined = (
            " -> ".join((x, *test.terms))
            if "serial" in test.shape
            else f"{x} -> " + (", ".join(test.terms))
        )
        return {f"{test.model}: {joined}": side}
    if test.shape == "indirect_contrast":
        return {f"{test.model}: {p.x} -> {p.mediator}": side for p in test.paths}
    if test.shape in ("inverted_u", "diminishing", "two_lines"):
        return {f"{test.model}: {x}": "+", f"{test.model}: {x}^2": "-"}
    if test.shape == "moderated_inverted_u":
        bend = CURVED.get(test.expect, "any")
        signs = {x: "+", f"{x}^2": "-", f"{x}^2 by {z}": bend}
        return {f"{test.model}: {term}": sign for term, sign in signs.items()}
    if test.shape == "group_difference":
        return {f"{test.model}: {x}, firms high in {z} less others": side}
    if test.shape == "complementarity":
        return {f"{test.model}: {':'.join(test.terms)}": side}
    if test.shape == "coefficient_comparison":
        return {f"{test.model}: {' less '.join(test.terms)}": side}
    if test.shape == "block_comparison":
        words = f"({', '.join(test.terms)}) less ({', '.join(test.against)})"
        return {f"{test.model}: {words}": "+"}
    if test.shape in ("kink", "curve_class", "rate"):
        return {f"{test.model}: {x}": test.expect or side}
    return {f"{test.model}: {term}": side for term in test.terms}


def required_inputs(
    test: ClaimTest,
    models: Mapping[str, Mapping[str, Any]],
    codebook: Mapping[str, Mapping[str, Any]],
) -> tuple[str, ...]:
    """Tables (``table`` or ``table.column``) that the models of a test are built from, sorted."""
    codes: set[str] = set()
    for name in test.all_models:
        model = models.get(name, {})
        terms = base_variables(str(term) for term in model.get("terms") or ())
        if model.get("frame", FIRM_YEARS) != FIRM_YEARS:
            codes |= set(needed_inputs(terms)[0])
            continue
        named = (v for v in (model.get("options") or {}).values() if isinstance(v, str))
        codes |= {str(model.get("outcome", "")), *terms, *named}
    entries = (codebook.get(base_code(code, codebook), {}) for code in codes)
    return tuple(sorted({str(name) for entry in entries for name in entry.get("inputs", ())}))
