"""Sums of coefficients on a declared scale: comparison, matched pattern, superadditivity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.estimate.columns import NotEstimable, invert_transform
from tertius.estimate.result import Estimate
from tertius.model_spec import parse_term
from tertius.shapes.common import base_of, number, p_words
from tertius.shapes.joint import JointResult, Scalar, joint_result, scalar
from tertius.shapes.refit import fit_rows, rows_of
from tertius.shapes.rivals import FOLDS, cluster_folds, unseen_deviance

SCALES: Mapping[str, str] = {
    "raw": "per unit",
    "within_sd": "per within-firm standard deviation",
    "elasticity": "as elasticities at the mean",
    "standardised": "standard deviations of the outcome per within-firm standard deviation",
}


@dataclass(frozen=True)
class ScaledCoefficient:
    """A coefficient times its scale, with its weight in the contrast."""

    model: str
    term: str
    weight: float
    scale: float
    value: Scalar


@dataclass(frozen=True, eq=False, kw_only=True)
class ScaledContrast(JointResult):
    """A weighted sum of scaled coefficients; `scale` is one of `SCALES`. Scales count as known."""

    scale: str
    parts: tuple[ScaledCoefficient, ...]


def scaled_contrast(
    estimates: Mapping[str, Estimate],
    weights: Sequence[tuple[str, str, float]],
    *,
    scale: str = "within_sd",
    sign: str | None = "+",
    alpha: float = 0.05,
    shape: str = "coefficient_comparison",
    words: str = "contrast",
) -> ScaledContrast:
    """Cluster Wald test of a weighted sum of coefficients of one or several models.

    Across models the covariance is that of the joint influences of the clusters, so that the
    models may share firms (seemingly unrelated estimation).

    Args:
        estimates: models by name; with outcomes in different units choose `elasticity`, or
            `within_sd` between counts.
        weights: (model, term, weight).
        scale: raw, within_sd (coefficient times the product of its factors' within-firm standard
            deviations), standardised (that over the within-firm standard deviation of a linear
            outcome) or elasticity (of the expected outcome, main effects only).
        sign: stated sign of the sum.
        alpha: level.
        shape, words: names for the result.

    Raises:
        NotEstimable: a term has no coefficient, or no such scale.
        ValueError: unknown scale.
    """
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}; give one of {tuple(SCALES)}")
    union = sorted({c for model, _, _ in weights for c in estimates[model].cluster_ids})
    place = {cluster: i for i, cluster in enumerate(union)}
    total, psi = 0.0, np.zeros(len(union))
    parts = []
    for model, term, weight in weights:
        estimate = estimates[model]
        j, size = estimate.index(term), scale_of(estimate, term, scale)
        value, error = (float(a[j]) * size for a in (estimate.coefficients, estimate.std_errors))
        raw = float(np.sqrt((estimate.influence[:, j] ** 2).sum()))
        factor = float(estimate.std_errors[j]) / raw if raw > 0 else 1.0
        rows = [place[c] for c in estimate.cluster_ids]
        psi[rows] += weight * size * factor * estimate.influence[:, j]
        total += weight * value
        part = scalar(value, abs(error), estimate.dof, estimate.spec.confidence)
        parts.append(ScaledCoefficient(model, estimate.terms[j], weight, size, part))
    level = estimates[weights[0][0]].spec.confidence
    test = scalar(total, float(np.sqrt((psi**2).sum())), len(union) - 1.0, level, sign)
    label = " ".join(f"{part.weight:+.3g} {part.term}" for part in parts)
    result: ScaledContrast = joint_result(
        ScaledContrast,
        test,
        psi,
        tuple(union),
        sign,
        alpha=alpha,
        shape=shape,
        model=", ".join(dict.fromkeys(model for model, _, _ in weights)),
        subject=label,
        quantity=f"{words} ({SCALES[scale]})",
        reasons=(f"{words} {number(test.value)}, {p_words(test.p_value)}",),
        sentence=_sentence(words, scale, parts, test),
        curve=_curve(parts),
        scale=scale,
        parts=tuple(parts),
    )
    return result


def scale_of(estimate: Estimate, term: str, scale: str) -> float:
    """What a coefficient is multiplied by.

    Standard deviations are those of all rows where a model has no firm effects. Elasticity: for x
    as it is, mean(x); for log1p(x), mean(x / (1 + x)); over the mean outcome
    where the outcome is no count. Exact at the mean for counts.

    Raises:
        NotEstimable: an elasticity of a product, a power or asinh, or of an outcome whose mean is
            not positive.
    """
    if scale == "raw":
        return 1.0
    parsed = parse_term(term)
    if scale in ("within_sd", "standardised"):
        size = math.prod(estimate.spread(f.base)[0] ** f.power for f in parsed.factors)
        return size / (_outcome_sd(estimate) if scale == "standardised" else 1.0)
    base = base_of(estimate, term)
    known = estimate.variables[base]
    if known.transform not in ("identity", "log1p"):
        raise NotEstimable("no_scale", base, f"{base} has no elasticity here")
    values = estimate.values(base)
    seen = invert_transform(values[~np.isnan(values)], known.transform)
    share = seen if known.transform == "identity" else seen / (1 + seen)
    if estimate.link == "log":
        return float(share.mean())
    if estimate.mean_outcome <= 0:
        raise NotEstimable("no_scale", base, "the outcome's mean is not positive")
    return float(share.mean()) / estimate.mean_outcome


def _outcome_sd(estimate: Estimate) -> float:
    """Standard deviation of the outcome around its firm means, divisor n - 1.

    Raises:
        NotEstimable: the outcome is a count (its effects are shares already), or does not vary.
    """
    if estimate.link != "identity":
        what = f"{estimate.spec.outcome} is on the scale of shares: compare by within_sd"
        raise NotEstimable("no_scale", estimate.spec.outcome, what)
    y = estimate.frame.select(pl.col("y") - pl.col("y").mean().over("org_id"))["y"].to_numpy()
    size = math.sqrt(float(y @ y) / max(len(y) - 1, 1))
    if not size > 0:
        raise NotEstimable("no_variation", estimate.spec.outcome, "the outcome does not vary")
    return size


def coefficient_comparison_test(
    estimate: Estimate,
    first: str,
    second: str,
    *,
    scale: str = "within_sd",
    sign: str | None = "+",
    alpha: float = 0.05,
) -> ScaledContrast:
    """First coefficient less second, on a declared scale."""
    weights = [(estimate.spec.name, first, 1.0), (estimate.spec.name, second, -1.0)]
    return scaled_contrast(
        {estimate.spec.name: estimate},
        weights,
        scale=scale,
        sign=sign,
        alpha=alpha,
        words=f"{first} less {second}",
    )


def matched_pattern_test(
    estimates: Mapping[str, Estimate],
    matched: Sequence[tuple[str, str]],
    mismatched: Sequence[tuple[str, str]],
    *,
    scale: str = "within_sd",
    sign: str | None = "+",
    alpha: float = 0.05,
) -> ScaledContrast:
    """Mean of the matched coefficients less mean of the mismatched ones.

    Args:
        estimates: models by name.
        matched, mismatched: (model, term) pairs.
        scale, sign, alpha: as in `scaled_contrast`.
    """
    weights = [(model, term, 1 / len(matched)) for model, term in matched]
    weights += [(model, term, -1 / len(mismatched)) for model, term in mismatched]
    return scaled_contrast(
        estimates,
        weights,
        scale=scale,
        sign=sign,
        alpha=alpha,
        shape="matched_pattern",
        words="matched less mismatched",
    )


def superadditivity_test(
    estimate: Estimate,
    together: str,
    alone: Sequence[str],
    *,
    scale: str = "raw",
    alpha: float = 0.05,
) -> ScaledContrast:
    """Is the effect of having things together more than the sum of having them alone?

    Args:
        estimate: a model with a term for both together and one for each alone (exclusive states).
        together: the joint term.
        alone: the single terms.
        scale, alpha: as in `scaled_contrast`; the stated sign is '+'.
    """
    name = estimate.spec.name
    weights = [(name, together, 1.0), *((name, term, -1.0) for term in alone)]
    return scaled_contrast(
        {name: estimate},
        weights,
        scale=scale,
        sign="+",
        alpha=alpha,
        shape="superadditivity",
        words=f"{together} less the sum of {', '.join(alone)}",
    )


@dataclass(frozen=True)
class BlockTest:
    """What a block of terms adds: joint cluster Wald test and deviance on unseen clusters.

    `gain` is the fall of the deviance per observation of unseen firms that the block brings.
    """

    terms: tuple[str, ...]
    statistic: float
    restrictions: int
    p_value: float
    gain: float
    gain_error: float
    sentence: str

    def figure(self) -> pl.DataFrame:
        """Figure data: terms of the block, fall of the deviance of unseen firms, its error."""
        return pl.DataFrame(
            {
                "terms": [", ".join(self.terms)],
                "gain": [self.gain],
                "std_error": [self.gain_error],
            }
        )


def block_test(estimate: Estimate, terms: Sequence[str], seed: int = 1) -> BlockTest:
    """Does a block of terms add to a model?

    Args:
        estimate: the model with the block.
        terms: of the block.
        seed: of the parts of the clusters.

    Raises:
        NotEstimable: no term of the block has a coefficient.
    """
    rows = rows_of(estimate)
    labels = [estimate.terms[estimate.index(term)] for term in terms]
    wald = fit_rows(rows).wald(labels)
    parts = cluster_folds(len(rows.cluster_ids), FOLDS, seed)
    gap = unseen_deviance(rows.without(labels), parts) - unseen_deviance(rows, parts)
    n = len(rows.y)
    error = float(gap.std(ddof=1)) * math.sqrt(len(gap)) / n
    gain = float(gap.sum()) / n
    said = "lowers" if gain > 0 else "does not lower"
    return BlockTest(
        tuple(labels),
        wald.statistic,
        wald.restrictions,
        wald.p_value,
        gain,
        error,
        f"The block {', '.join(labels)} has F({wald.restrictions}, {number(wald.dof)}) = "
        f"{number(wald.statistic)} ({p_words(wald.p_value)}) and {said} the deviance of unseen "
        f"firms ({number(gain)} per observation, error {number(error)}).",
    )


def _curve(parts: Sequence[ScaledCoefficient]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model": [p.model for p in parts],
            "term": [p.term for p in parts],
            "weight": [p.weight for p in parts],
            "value": [p.value.value for p in parts],
            "low": [p.value.conf_low for p in parts],
            "high": [p.value.conf_high for p in parts],
        }
    )


def _sentence(words: str, scale: str, parts: Sequence[ScaledCoefficient], test: Scalar) -> str:
    told = ", ".join(f"{p.term} {number(p.value.value)}" for p in parts)
    return (
        f"Effects {SCALES[scale]} are {told}; {words} is {number(test.value)} "
        f"[{number(test.conf_low)}, {number(test.conf_high)}] ({p_words(test.p_value)})."
    )
