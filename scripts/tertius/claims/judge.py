"""Judge every claim: tests on estimates, families adjusted jointly, one verdict row a claim."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tertius.arrays import FloatArray
from tertius.claims.claim_test import ClaimTest
from tertius.claims.describe import describe_prescription
from tertius.claims.families import claim_families
from tertius.claims.finding import Finding
from tertius.claims.findings import find
from tertius.claims.needs import expected_signs, required_inputs
from tertius.claims.records import card_of, shape_of
from tertius.claims.registry import Claim, ClaimRegistry
from tertius.claims.verdict import (
    NO_SPEC,
    Adjusted,
    Verdict,
    base_code,
    not_testable,
    untested,
    verdict_of,
)
from tertius.estimate import Estimate, NotEstimable
from tertius.inference.multiple import benjamini_hochberg, romano_wolf
from tertius.inference.power import minimum_detectable_effect
from tertius.inference.score_bootstrap import cluster_bootstrap_draws
from tertius.shapes import ShapeSettings

Fits = Mapping[str, Estimate | NotEstimable]
Placebos = Mapping[tuple[str, str], FloatArray]

VERDICT_SCHEMA: Mapping[str, Any] = {
    "claim_id": pl.String,
    "paper": pl.String,
    "section": pl.String,
    "shape": pl.String,
    "verdict": pl.String,
    "reason_code": pl.String,
    "reason": pl.String,
    "model": pl.String,
    "quantity": pl.String,
    "n_obs": pl.Int64,
    "n_firms": pl.Int64,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "conf_low": pl.Float64,
    "conf_high": pl.Float64,
    "p_value": pl.Float64,
    "p_romano_wolf": pl.Float64,
    "q_bh": pl.Float64,
    "mde": pl.Float64,
    "proxy": pl.String,
    "family": pl.String,
    "grid_share": pl.Float64,
    "mechanical": pl.Boolean,
    "inferred": pl.Boolean,
    "exploratory": pl.Boolean,
}
"""Columns of verdicts.csv."""

VARIANT_SCHEMA: Mapping[str, Any] = {
    "claim_id": pl.String,
    "variant": pl.String,
    "test": pl.String,
    "finding": pl.String,
    "model": pl.String,
    "outcome": pl.String,
    "quantity": pl.String,
    "n_obs": pl.Int64,
    "n_firms": pl.Int64,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "conf_low": pl.Float64,
    "conf_high": pl.Float64,
    "p_value": pl.Float64,
    "mde": pl.Float64,
    "note": pl.String,
    "post_hoc": pl.Boolean,
}
"""Columns of variants.csv; `finding` is expected, opposite, neither or not_testable."""


@dataclass(frozen=True)
class JudgeSettings:
    """What a judgement takes from the study.

    Attributes:
        alpha: level of every test and of the adjusted p.
        draws: resamples of the clusters, the same for all claims of a family.
        seed: of the resamples.
        sesoi: smallest effect of interest, as a share of the expected outcome for one within-firm
            standard deviation.
        stand_ins: outcome -> {variable, label}: what the study measures instead.
        tables: tables that the study has, or None where that is not known.
        study_models: models of the study that tests may name.
        multiverse: claim -> the summary of its multiverse, where one was made.
        post_hoc: claim -> test -> whether it came after the freeze; None without a lock.
        trust: claim -> what stored simulations say of its test (`trust_records`).
    """

    alpha: float
    draws: int
    seed: int
    sesoi: float
    stand_ins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tables: Collection[str] | None = None
    study_models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    multiverse: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    post_hoc: Mapping[str, Mapping[str, bool]] | None = None
    trust: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def is_post_hoc(self, claim_id: str, test: str = "primary") -> bool | None:
        """Whether a test came after the freeze; None without a lock."""
        return None if self.post_hoc is None else self.post_hoc[claim_id][test]


@dataclass(frozen=True, eq=False)
class Judgement:
    """Verdicts (one row a claim), variants, cards and shapes by claim id."""

    verdicts: pl.DataFrame
    variants: pl.DataFrame
    cards: dict[str, dict[str, Any]]
    shapes: dict[str, dict[str, Any]]


def judge(
    registry: ClaimRegistry,
    fits: Fits,
    codebook: Mapping[str, Mapping[str, Any]],
    settings: JudgeSettings,
    placebos: Placebos | None = None,
) -> Judgement:
    """Judge all claims of the registry.

    Args:
        registry: the claims; every one gets a row.
        fits: model id -> estimate, or why there is none.
        codebook: entries by code, for marks, labels and inputs.
        settings: of the study.
        placebos: coefficients on rewired networks by (model, term).

    Returns:
        `Judgement`, independent of the order of claims, models and rows.
    """
    families = claim_families(registry, settings.study_models)
    shape = ShapeSettings(
        settings.alpha, settings.draws, settings.seed, settings.sesoi, placebos or {}
    )
    found = {c.id: _attempt(c.test, fits, shape, c.id) for c in registry.claims if c.test}
    findings = {key: result for key, result in found.items() if isinstance(result, Finding)}
    adjusted = adjust(findings, families, settings)
    rows, cards, shapes, variants = [], {}, {}, []
    for claim in registry.claims:
        finding = findings.get(claim.id)
        fit = _fit(finding, fits)
        verdict = _verdict(claim, found.get(claim.id), adjusted.get(claim.id), codebook, settings)
        row = _row(claim, verdict, finding, fit, adjusted.get(claim.id))
        row["proxy"] = "; ".join(proxies_of(claim, registry, codebook, settings)) or None
        row["family"] = families.get(claim.id)
        late = settings.is_post_hoc(claim.id) if claim.test else None
        row["exploratory"] = claim.exploratory or bool(late)
        varied = settings.multiverse.get(claim.id)
        row["grid_share"] = varied["shares"]["same_sign"] if varied else None
        rows.append(row)
        card = card_of(claim, row, finding, fit, adjusted.get(claim.id), varied, late)
        card |= settings.trust.get(claim.id, {})
        cards[claim.id] = {**card, **_told(claim, fit, registry, codebook, settings)}
        if finding is not None:
            shapes[claim.id] = shape_of(claim, verdict.word, finding, fit)
        variants += _variant_rows(claim, fits, codebook, settings, shape)
    return Judgement(
        verdicts=pl.DataFrame(rows, schema=VERDICT_SCHEMA).sort("claim_id"),
        variants=pl.DataFrame(variants, schema=VARIANT_SCHEMA).sort("claim_id", "variant"),
        cards=dict(sorted(cards.items())),
        shapes=dict(sorted(shapes.items())),
    )


def _told(
    claim: Claim,
    fit: Estimate | None,
    registry: ClaimRegistry,
    codebook: Mapping[str, Mapping[str, Any]],
    settings: JudgeSettings,
) -> dict[str, Any]:
    """Of a claim with a test: expected signs, tables it needs, and how a prescription looks."""
    if claim.test is None:
        return {}
    models = {**settings.study_models, **registry.models}
    described = describe_prescription(claim.test, fit) if claim.prescription and fit else ""
    return {
        "expected": expected_signs(claim.test),
        "inputs": list(required_inputs(claim.test, models, codebook)),
        "description": described,
    }


def adjust(
    findings: Mapping[str, Finding], families: Mapping[str, str], settings: JudgeSettings
) -> dict[str, Adjusted]:
    """Romano-Wolf p and Benjamini-Hochberg q of each finding within its family.

    All hypotheses of a family see the same resamples of clusters. A claim that could not be tested
    is no hypothesis and leaves its family smaller.
    """
    adjusted: dict[str, Adjusted] = {}
    for family in sorted(set(families.values())):
        members = sorted(key for key in findings if families[key] == family)
        if not members:
            continue
        hypotheses = [findings[key].hypothesis for key in members]
        draws = cluster_bootstrap_draws(hypotheses, settings.draws, settings.seed)
        p_adjusted = romano_wolf(hypotheses, draws)
        q_values = benjamini_hochberg([findings[key].p_value for key in members])
        for key, p, q in zip(members, p_adjusted, q_values, strict=True):
            adjusted[key] = Adjusted(family, len(members), float(p), float(q))
    return adjusted


def _attempt(
    test: ClaimTest, fits: Fits, settings: ShapeSettings, name: str
) -> Finding | NotEstimable:
    """The finding of a test, or why there is none: the first of its models that was not had."""
    held: dict[str, Estimate] = {}
    for model in test.all_models:
        fit = fits.get(model)
        if fit is None:
            return NotEstimable("not_run", model, f"model {model} was not run")
        if isinstance(fit, NotEstimable):
            return fit
        held[model] = fit
    try:
        return find(test, held[test.model], settings.alpha, name, held, settings)
    except NotEstimable as error:
        return error


def _fit(found: Finding | NotEstimable | None, fits: Fits) -> Estimate | None:
    """The model whose numbers a finding shows."""
    fit = fits.get(found.model) if isinstance(found, Finding) else None
    return fit if isinstance(fit, Estimate) else None


def _verdict(
    claim: Claim,
    found: Finding | NotEstimable | None,
    adjusted: Adjusted | None,
    codebook: Mapping[str, Mapping[str, Any]],
    settings: JudgeSettings,
) -> Verdict:
    if found is None:
        return untested("no_spec", NO_SPEC)
    if isinstance(found, NotEstimable):
        return not_testable(found, codebook, settings.tables)
    assert adjusted is not None, claim.id
    return verdict_of(found, adjusted, settings.alpha, settings.sesoi)


def _row(
    claim: Claim,
    verdict: Verdict,
    finding: Finding | None,
    fit: Estimate | None,
    adjusted: Adjusted | None,
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(VERDICT_SCHEMA)
    row |= {
        "claim_id": claim.id,
        "paper": claim.paper,
        "section": claim.section,
        "shape": claim.shape,
        "verdict": verdict.word,
        "reason_code": verdict.reason_code or None,
        "reason": verdict.reason,
        "model": claim.test.model if claim.test else None,
        "mechanical": claim.mechanical,
        "inferred": claim.inferred,
        "exploratory": claim.exploratory,
    }
    if finding is not None and fit is not None and adjusted is not None:
        row |= {"model": finding.model, **_numbers(finding, fit)}
        row |= {"p_romano_wolf": adjusted.p_romano_wolf, "q_bh": adjusted.q_bh}
    return row


def _numbers(finding: Finding, fit: Estimate) -> dict[str, Any]:
    """Numbers of a finding; an unbounded interval has infinite ends."""
    return {
        "quantity": finding.quantity,
        "n_obs": fit.n_obs,
        "n_firms": fit.n_firms,
        "estimate": finding.estimate,
        "std_error": finding.std_error,
        "conf_low": finding.conf_low,
        "conf_high": finding.conf_high,
        "p_value": finding.p_value,
        "mde": minimum_detectable_effect(finding.std_error),
    }


def proxies_of(
    claim: Claim,
    registry: ClaimRegistry,
    codebook: Mapping[str, Mapping[str, Any]],
    settings: JudgeSettings,
) -> tuple[str, ...]:
    """Proxies that carry a claim: its own list, codebook mark P, stand-ins of the study."""
    if claim.test is None:
        return claim.proxies
    models = {**settings.study_models, **registry.models}
    outcomes = [str(models[model]["outcome"]) for model in claim.test.all_models]
    stood = {o: settings.stand_ins[o] for o in outcomes if o in settings.stand_ins}
    named = {
        code: code
        for code in (*claim.test.variables, *(o for o in outcomes if o not in stood))
        if codebook.get(base_code(code, codebook), {}).get("mark") == "P"
    }
    named |= {code: code for code in claim.proxies}
    told = [named[code] for code in sorted(named)]
    told += [f"{entry['variable']} stands in for {o}" for o, entry in stood.items()]
    return tuple(told)


def _variant_rows(
    claim: Claim,
    fits: Fits,
    codebook: Mapping[str, Mapping[str, Any]],
    settings: JudgeSettings,
    shape: ShapeSettings,
) -> list[dict[str, Any]]:
    """One row a named variant, unadjusted: it stands beside the verdict and never decides it."""
    rows = []
    for name, test in claim.variants.items():
        found = _attempt(test, fits, shape, f"{claim.id}.{name}")
        fit = _fit(found, fits)
        row: dict[str, Any] = dict.fromkeys(VARIANT_SCHEMA)
        row |= {"claim_id": claim.id, "variant": name, "test": test.shape, "model": test.model}
        row["post_hoc"] = settings.is_post_hoc(claim.id, name)
        if isinstance(found, Finding) and fit is not None:
            row |= _numbers(found, fit)
            row |= {
                "finding": found.direction,
                "outcome": fit.spec.outcome_column,
                "note": found.sentence,
            }
        elif isinstance(found, NotEstimable):
            reason = not_testable(found, codebook, settings.tables).reason
            row |= {"finding": "not_testable", "note": reason}
        rows.append(row)
    return rows
