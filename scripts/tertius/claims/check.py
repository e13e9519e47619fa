"""Checks of the claim registry against the codebook: models sound, tests fit their models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tertius.catalogue import ESTIMATORS
from tertius.claims.claim_test import ClaimTest
from tertius.claims.registry import Claim, ClaimRegistry, read_claims
from tertius.claims.shape_table import judges_of
from tertius.model_spec import TermError, canonical_term, check_model
from tertius.problems import InputError, Problem, Problems, did_you_mean


def load_checked_claims(
    paths: Sequence[Path],
    schema_path: Path,
    variables: Iterable[str],
    study_models: Mapping[str, Mapping[str, Any]] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> ClaimRegistry:
    """Read the claim files and check them; every problem of every file is told at once.

    Args:
        paths: one file a paper.
        schema_path: the JSON Schema of a claim file.
        variables: codes of the codebook and of the study's own variants.
        study_models: models of the study, which a test may name too.
        defaults: the study's settings of models, for `tertius.model_spec.resolve_spec`.

    Raises:
        InputError: with all problems.
    """
    registry, problems = read_claims(paths, schema_path)
    found = [*problems, *check_claims(registry, variables, study_models, defaults)]
    if found:
        raise InputError(found)
    return registry


def check_claims(
    registry: ClaimRegistry,
    variables: Iterable[str],
    study_models: Mapping[str, Mapping[str, Any]] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> list[Problem]:
    """Problems of models, tests and proxies; an empty list when the registry is sound.

    Models: unknown keys and variables, quadratics, products and moderated quadratics without their
    lower orders. Tests: unknown models, terms that the model does not hold, a shape test that
    cannot judge the claim's shape, an outcome without a class.
    """
    known = sorted(set(variables))
    problems = Problems()
    for name, raw in registry.models.items():
        where = f"{registry.model_files[name]}: models.{name}"
        if study_models and name in study_models:
            problems.add(where, f"the study has a model {name!r} too", "rename one of them")
        problems.extend(check_model(name, raw, defaults, known, where))
    models = {**(study_models or {}), **registry.models}
    for claim in registry.claims:
        where = f"{registry.claim_files[claim.id]}: claims.{claim.id}"
        for code in claim.proxies:
            if code not in known:
                what = f"variable {code!r} is not in the codebook"
                problems.add(f"{where}.proxies", what, did_you_mean(code, known))
        for name, test in claim.tests.items():
            place = f"{where}.test" if name == "primary" else f"{where}.variants.{name}"
            problems.extend(_test_problems(test, place, models, registry.outcome_classes))
        problems.extend(_shape_problems(claim, where))
    return problems.found


def _test_problems(
    test: ClaimTest,
    where: str,
    models: Mapping[str, Mapping[str, Any]],
    classes: Mapping[str, str],
) -> list[Problem]:
    """Unknown models, terms that a model does not hold, outcomes without a class."""
    found = []
    for name, terms in test.needs.items():
        if name not in models:
            place = f"{where}.model" if name == test.model else f"{where}.models"
            found.append(Problem(place, f"no model {name!r}", did_you_mean(name, models)))
            continue
        held = _held(models[name])
        found += [
            Problem(where, f"model {name!r} holds no {term!r}", did_you_mean(term, held))
            for term in terms
            if term not in held
        ]
        outcome = str(models[name].get("outcome", ""))
        if outcome and outcome not in classes:
            what = f"outcome {outcome!r} of model {name!r} is in no class of outcomes"
            found.append(Problem(where, what, "add it under outcome_classes"))
    return found


def _held(raw: Mapping[str, Any]) -> list[str]:
    """Canonical terms of a raw model, those that its estimator gives and its options name.

    Unreadable ones are told by the check of the model.
    """
    estimator = ESTIMATORS.get(str(raw.get("estimator", "")))
    options = raw.get("options") or {}
    listed = [*(raw.get("terms") or []), *(estimator.gives if estimator else ())]
    listed += [
        options[k] for k in (estimator.keys_of("variable") if estimator else ()) if k in options
    ]
    controls = raw.get("controls", [])
    held = []
    for text in [*listed, *(controls if isinstance(controls, list) else [])]:
        try:
            held.append(canonical_term(str(text)))
        except TermError:
            continue
    return held


def _shape_problems(claim: Claim, where: str) -> list[Problem]:
    if claim.test is None:
        return []
    able = judges_of(claim.shape)
    if claim.test.shape in able:
        return []
    what = f"a claim of shape {claim.shape!r} cannot be judged by a test {claim.test.shape!r}"
    return [Problem(f"{where}.test.shape", what, f"use {' or '.join(able)}")]


def claims_without_spec(registry: ClaimRegistry) -> tuple[str, ...]:
    """Ids of the claims that no test judges yet."""
    return tuple(claim.id for claim in registry.claims if claim.test is None)


def one_sided_rivals(registry: ClaimRegistry) -> tuple[tuple[str, str], ...]:
    """Pairs (a, b) where a names b as its rival and b does not name a."""
    rivals = {claim.id: claim.rivals for claim in registry.claims}
    return tuple((a, b) for a, named in rivals.items() for b in named if a not in rivals.get(b, ()))


def rivals_apart(registry: ClaimRegistry) -> tuple[tuple[str, str], ...]:
    """Pairs of rivals that are judged in different models, each pair once."""
    models = {
        claim.id: {name for test in claim.tests.values() for name in test.all_models}
        for claim in registry.claims
    }
    return tuple(
        (claim.id, rival)
        for claim in registry.claims
        for rival in claim.rivals
        if claim.id < rival
        and models[claim.id]
        and models.get(rival)
        and not models[claim.id] & models[rival]
    )
