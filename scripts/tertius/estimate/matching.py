"""Matching, entropy balancing and dose response: effects of a treatment on observables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.balancing import (
    balance_of,
    balanced_effect,
    continuous_weights,
    entropy_weights,
    matched_effect,
)
from tertius.estimate.binary import binary_regression
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import Sample, cluster_sums, cut_sample
from tertius.estimate.two_way import independent_columns
from tertius.inference.score_bootstrap import cluster_weights

WEIGHTED = "clustered by {cluster}, weights of the match taken as known"
BALANCED = "influence functions summed by {cluster}, no small-sample factor"
RESAMPLED = "{draws} resamples of {cluster}"
LARGEST_DIFFERENCE = 0.10


def binary_treatment(design: Design) -> FloatArray:
    """(n,) 0/1 treatment of the option `treatment`.

    Raises:
        NotEstimable: it has other values.
    """
    name = str(design.spec.option("treatment"))
    d = design.extra["treatment"].x[:, 0]
    if not np.isin(d, (0.0, 1.0)).all():
        reason = f"{name} is continuous: use the estimator dose_response, not a split of it"
        raise NotEstimable("not_binary", name, reason)
    return d


def _overlap(design: Design, d: FloatArray) -> tuple[Sample, BoolArray]:
    """Rows of years that have treated and untreated rows; in the others nobody is comparable."""
    total = np.bincount(design.year)
    treated = np.bincount(design.year, weights=d)
    keep: BoolArray = ((treated > 0) & (treated < total))[design.year]
    return cut_sample(design, [("years with treated and untreated rows", keep)]), keep


def _covariates(design: Design, rows: BoolArray) -> FloatArray:
    """Regressors, and year dummies with year effects, that vary and are not collinear."""
    x = design.x[rows]
    if "year" in design.spec.effects:
        years = np.unique(design.year[rows])[1:]
        x = np.hstack([x, (design.year[rows][:, None] == years).astype(np.float64)])
    kept, _ = independent_columns(x - x.mean(axis=0), x)
    if not len(kept):
        raise NotEstimable("collinear", "x", "no covariate varies")
    return x[:, kept]


def fit_matching(design: Design) -> Estimate:
    """ATT by nearest neighbours on the logit of the propensity, with replacement.

    The Abadie-Imbens error stands in the diagnostics; the one of the coefficient is clustered, as
    rows of one firm are not independent, with the matches taken as known.

    Raises:
        NotEstimable: no 0/1 treatment, no overlap.
    """
    treatment = binary_treatment(design)
    sample, rows = _overlap(design, treatment)
    d, y, x = treatment[rows], design.y[rows], _covariates(design, rows)
    logit = binary_regression(np.column_stack([np.ones(len(d)), x]), d)
    score = np.log(logit.fitted / (1 - logit.fitted))
    width = design.spec.option("caliper")
    exact = design.categories.get("exact")
    found = matched_effect(
        y,
        d,
        score,
        neighbours=int(design.spec.option("neighbours")),
        caliper=None if width is None else float(width) * float(score.std(ddof=1)),
        block=None if exact is None else exact[0][rows],
    )
    weight = np.where(found.matched, 1.0, found.times_used)
    psi = _weighted_influence(y, d, weight)
    error = float(np.sqrt(found.variance))
    diagnostics = {
        "abadie_imbens": Diagnostic(f"Abadie-Imbens standard error of att: {error:.4g}", error)
    }
    dropped = {"treated rows without a neighbour in the caliper": found.n_unmatched}
    return _assemble(design, sample, found.effect, psi, weight, d, diagnostics, WEIGHTED, dropped)


def _weighted_influence(y: FloatArray, d: FloatArray, weight: FloatArray) -> FloatArray:
    """(n,) influence of a difference of two weighted means."""
    high, low = weight * d, weight * (1 - d)
    mean_high, mean_low = high @ y / high.sum(), low @ y / low.sum()
    psi: FloatArray = high * (y - mean_high) / high.sum() - low * (y - mean_low) / low.sum()
    return psi


def fit_entropy_balance(design: Design) -> Estimate:
    """ATT with weights that make the untreated means equal the treated ones (Hainmueller 2012).

    Raises:
        NotEstimable: no 0/1 treatment, means out of reach.
    """
    treatment = binary_treatment(design)
    sample, rows = _overlap(design, treatment)
    d, x = treatment[rows], _covariates(design, rows)
    weight = entropy_weights(x, d)
    effect, psi = balanced_effect(design.y[rows], d, x, weight)
    size = 1 / float((weight**2).sum())
    text = f"effective number of untreated rows after weighting: {size:.1f}"
    diagnostics = {"effective_controls": Diagnostic(text, size)}
    shown = np.where(d == 1, 1.0, weight)
    return _assemble(design, sample, effect, psi / len(d), shown, d, diagnostics, BALANCED, {})


def _assemble(
    design: Design,
    sample: Sample,
    effect: float,
    psi: FloatArray,
    weight: FloatArray,
    d: FloatArray,
    diagnostics: dict[str, Diagnostic],
    words: str,
    dropped: dict[str, int],
) -> Estimate:
    table, worst = balance_table(sample.x, design.labels, d, weight)
    text = f"largest standardised difference after balancing: {worst:.3f}"
    diagnostics["balance"] = Diagnostic(text, worst)
    warnings = [f"{count} {cause}" for cause, count in dropped.items() if count]
    if worst > LARGEST_DIFFERENCE:
        warnings.append(f"covariates stay unbalanced: {text}")
    influence = cluster_sums(psi[:, None], sample)
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=np.array([effect]),
            influence=influence,
            fitted=np.full(len(d), np.nan),
            columns=np.arange(0),
            collinear=np.arange(0),
            statistics={},
            terms=("att",),
            covariance=influence.T @ influence,
            se_convention=words.format(cluster=design.spec.cluster),
            warnings=tuple(warnings),
            diagnostics=diagnostics,
            tables={"balance": table},
        ),
    )


def balance_table(
    x: FloatArray, labels: Sequence[str], d: FloatArray, weight: FloatArray
) -> tuple[pl.DataFrame, float]:
    """Standardised differences and variance ratios by column, and the largest difference after.

    Args:
        x: (n, k) with their labels; columns that do not vary are left out. d, weight: as in
            `balance_of`.
    """
    place: IntArray = np.flatnonzero(np.ptp(x, axis=0) > 0)
    made = balance_of(x[:, place], d, weight)
    table = pl.DataFrame(
        {
            "term": [labels[j] for j in place],
            "difference_before": made.difference_before,
            "difference_after": made.difference_after,
            "variance_ratio_before": made.ratio_before,
            "variance_ratio_after": made.ratio_after,
        }
    )
    return table, float(np.abs(made.difference_after).max())


def dose_response(
    y: FloatArray, dose: FloatArray, x: FloatArray, at: FloatArray, weight: FloatArray
) -> FloatArray:
    """Mean outcome at each dose by the generalised propensity score (Hirano & Imbens 2004).

    The dose is normal around a line in x; r = its density. Outcomes follow a full quadratic in dose
    and r, and mu(t) averages the fit at (t, r(t, x_i)) over all rows.

    Args:
        y, dose: (n,). x: (n, k) with a constant. at: (m,) doses. weight: (n,) nonnegative.

    Returns:
        (m,) means.
    """
    root = np.sqrt(weight)
    slopes = np.linalg.lstsq(x * root[:, None], dose * root, rcond=None)[0]
    centre = x @ slopes
    spread = np.sqrt(weight @ (dose - centre) ** 2 / weight.sum())

    def density(t: FloatArray) -> FloatArray:
        out: FloatArray = np.exp(-(((t - centre) / spread) ** 2) / 2) / (
            spread * np.sqrt(2 * np.pi)
        )
        return out

    def columns(t: FloatArray, r: FloatArray) -> FloatArray:
        return np.column_stack([np.ones_like(t), t, t**2, r, r**2, t * r])

    design = columns(dose, density(dose))
    curve = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
    share = weight / weight.sum()
    values = []
    for t in at:
        here = np.full(len(y), t)
        values.append(float(share @ (columns(here, density(here)) @ curve)))
    return np.array(values)


def balanced_response(
    y: FloatArray, dose: FloatArray, x: FloatArray, at: FloatArray, weight: FloatArray
) -> FloatArray:
    """Mean outcome at each dose from rows weighted to make dose and x independent.

    Args:
        y, dose: (n,). x: (n, k) without a constant. at: (m,) doses. weight: (n,) whole numbers of
            times that a row was drawn.

    Returns:
        (m,) means of a quadratic in the dose, x at its mean (Tubbicke 2022).
    """
    rows = np.repeat(np.arange(len(y)), weight.astype(np.int64))
    y, dose, x = y[rows], dose[rows], x[rows]
    root = np.sqrt(continuous_weights(dose, x))
    columns = np.column_stack([np.ones_like(dose), dose, dose**2, x - x.mean(axis=0)])
    curve = np.linalg.lstsq(columns * root[:, None], y * root, rcond=None)[0]
    means: FloatArray = curve[0] + curve[1] * at + curve[2] * at**2
    return means


def fit_dose_response(design: Design) -> Estimate:
    """Dose response at deciles of a continuous treatment, errors by resamples of clusters.

    The option `method` takes weights that balance the dose (`balanced_response`) or the generalised
    propensity score as a regressor (`dose_response`), which is only as good as its quadratic.
    Coefficients ``mean(p10)`` .. ``mean(p90)`` are mean outcomes at deciles of the dose; the table
    `dose_response` holds the doses.

    Raises:
        NotEstimable: the dose has few values.
    """
    name, sample = str(design.spec.option("dose")), cut_sample(design, [])
    dose = design.extra["dose"].x[:, 0]
    if len(np.unique(dose)) < 10:
        raise NotEstimable("not_continuous", name, f"{name} has fewer than ten values")
    x, curve = _covariates(design, np.ones(len(dose), dtype=bool)), balanced_response
    if design.spec.option("method") == "hirano_imbens":
        x, curve = np.column_stack([np.ones(len(dose)), x]), dose_response
    shares = np.arange(0.1, 0.91, 0.1)
    at = np.quantile(dose, shares)
    draws, n_clusters = int(design.spec.option("draws")), len(sample.cluster_ids)
    means = curve(design.y, dose, x, at, np.ones(len(dose)))
    resampled = [
        curve(design.y, dose, x, at, w[sample.cluster])
        for chunk in cluster_weights(n_clusters, draws, int(design.spec.option("seed")))
        for w in chunk
    ]
    covariance = np.cov(np.array(resampled), rowvar=False)
    terms = tuple(f"mean(p{round(100 * s)})" for s in shares)
    table = pl.DataFrame(
        {"term": terms, "dose": at, "mean": means, "std_error": np.sqrt(np.diag(covariance))}
    )
    words = RESAMPLED.format(draws=draws, cluster=design.spec.cluster)
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=means,
            influence=np.zeros((n_clusters, len(means))),
            fitted=np.full(len(dose), np.nan),
            columns=np.arange(0),
            collinear=np.arange(0),
            statistics={},
            terms=terms,
            covariance=covariance,
            se_convention=words,
            tables={"dose_response": table},
        ),
    )
