"""Pooled models of counts by maximum likelihood: negative binomial and zero-inflated ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import digamma, expit, gammaln, log_expit, polygamma

from tertius.arrays import FloatArray
from tertius.estimate.design import Design
from tertius.estimate.dummies import DummyColumns, with_dummies
from tertius.estimate.hhg import check_counts
from tertius.estimate.likelihood import Maximum, maximise
from tertius.estimate.result import CONSTANT, Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import (
    ALL_ZERO,
    SINGLETON,
    Sample,
    cluster_sums,
    make_sample,
    renumber,
    trim_rows,
)


@dataclass(frozen=True, eq=False)
class CountLikelihood:
    """Poisson or NB2 counts y (n,), with or without zero inflation.

    The mean is exp(x'b), the variance mu + alpha mu^2 with alpha = exp(-s) where `dispersed`
    (Cameron & Trivedi 1986); a zero comes with probability expit(z'c) beforehand where `z` (n, q)
    is given (Lambert 1992; Greene 1994). Parameters: b (p), s if dispersed, c (q).
    """

    y: FloatArray
    x: FloatArray
    z: FloatArray | None
    dispersed: bool

    def value(self, theta: FloatArray) -> float:
        """Log-likelihood."""
        with np.errstate(over="ignore", invalid="ignore"):
            density = self._log_density(theta)
            if self.z is None:
                return float(density.sum())
            index = self.z @ theta[self._split :]
            zero = np.logaddexp(log_expit(index), log_expit(-index) + density)
            return float(np.where(self.y == 0, zero, log_expit(-index) + density).sum())

    @property
    def _split(self) -> int:
        return int(self.x.shape[1]) + self.dispersed

    def _log_density(self, theta: FloatArray) -> FloatArray:
        eta = self.x @ theta[: self.x.shape[1]]
        base: FloatArray = self.y * eta - gammaln(self.y + 1)
        if not self.dispersed:
            return base - np.exp(eta)
        r = np.exp(theta[self.x.shape[1]])
        log_sum = np.logaddexp(np.log(r), eta)
        own = gammaln(self.y + r) - gammaln(r) + r * np.log(r)
        out: FloatArray = base + own - (r + self.y) * log_sum
        return out

    def _slopes(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First (n, m) and second (n, m, m) derivatives of the log density in eta and s."""
        y, mu = self.y, np.exp(self.x @ theta[: self.x.shape[1]])
        if not self.dispersed:
            return (y - mu)[:, None], -mu[:, None, None]
        r = np.exp(theta[self.x.shape[1]])
        both = r + mu
        by_r = digamma(y + r) - digamma(r) + np.log(r / both) + 1 - (r + y) / both
        bend = polygamma(1, y + r) - polygamma(1, r) + 1 / r - 2 / both + (r + y) / both**2
        first = np.stack([(y - mu) * r / both, r * by_r], axis=1)
        second = np.empty((len(y), 2, 2))
        second[:, 0, 0] = -mu * r * (r + y) / both**2
        second[:, 0, 1] = second[:, 1, 0] = r * mu * (y - mu) / both**2
        second[:, 1, 1] = r * r * bend + r * by_r
        return first, second

    def derivatives(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Scores (n, p') of the rows and the Hessian (p', p')."""
        first, second = self._slopes(theta)
        if self.z is not None:
            first, second = self._inflated(theta, first, second)
        parts = [self.x, *([np.ones((len(self.y), 1))] if self.dispersed else [])]
        parts += [] if self.z is None else [self.z]
        scores = np.hstack([part * first[:, [j]] for j, part in enumerate(parts)])
        rows = [
            [a.T @ (b * second[:, i, j][:, None]) for j, b in enumerate(parts)]
            for i, a in enumerate(parts)
        ]
        return scores, np.block(rows)

    def _inflated(
        self, theta: FloatArray, first: FloatArray, second: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Derivatives of the mixture from those of the density; the last index is z'c."""
        assert self.z is not None
        index = self.z @ theta[self._split :]
        share = expit(index)
        density = self._log_density(theta)
        odds = log_expit(index) - log_expit(-index) - density
        ahead = np.where(self.y == 0, expit(odds), 0.0)
        mixed = ahead * (1 - ahead)
        m = first.shape[1]
        slopes = np.column_stack([first * (1 - ahead)[:, None], ahead - share])
        curves = np.empty((len(self.y), m + 1, m + 1))
        outer = first[:, :, None] * first[:, None, :]
        curves[:, :m, :m] = second * (1 - ahead)[:, None, None] + outer * mixed[:, None, None]
        curves[:, :m, m] = curves[:, m, :m] = -first * mixed[:, None]
        curves[:, m, m] = mixed - share * (1 - share)
        return slopes, curves


def fit_negative_binomial(design: Design) -> Estimate:
    """NB2 with effects as dummies (Cameron & Trivedi 1986, 2013 ch. 3).

    Raises:
        NotEstimable: outcomes are no counts, too many dummies, or no maximum exists (counts that
            are not overdispersed have none).
    """
    return _fit(design, dispersed=True, inflated=False)


def fit_zero_inflated_poisson(design: Design) -> Estimate:
    """Zero-inflated Poisson (Lambert 1992); inflation terms from the option, or a constant.

    Raises:
        NotEstimable: as in `fit_negative_binomial`.
    """
    return _fit(design, dispersed=False, inflated=True)


def fit_zero_inflated_negative_binomial(design: Design) -> Estimate:
    """Zero-inflated NB2 (Greene 1994); inflation terms from the option, or a constant.

    Raises:
        NotEstimable: as in `fit_negative_binomial`.
    """
    return _fit(design, dispersed=True, inflated=True)


def _fit(design: Design, *, dispersed: bool, inflated: bool) -> Estimate:
    """Maximise, go back to the original scale, and assemble."""
    check_counts(design)
    reasons = trim_rows(design, np.zeros(len(design.y), dtype=np.int8), counts=True)
    sample = make_sample(design, reasons, (ALL_ZERO, SINGLETON))
    effects = {name: renumber(codes[sample.rows])[0] for name, codes in design.effects.items()}
    name = design.spec.name
    columns = with_dummies(sample.x, effects, name)
    zeros = _inflation_columns(design, sample) if inflated else None
    likelihood = CountLikelihood(sample.y, columns.x, None if zeros is None else zeros.x, dispersed)
    found = maximise(likelihood, _start(likelihood), name)
    q = 0 if zeros is None else zeros.x.shape[1]
    scale = np.r_[columns.scale, np.ones(int(dispersed)), zeros.scale if zeros else np.ones(0)]
    places = columns.order
    influence = cluster_sums(found.scores, sample) @ found.inverse_information / scale
    covariance = found.inverse_information / np.outer(scale, scale)
    share = expit(zeros.x @ found.theta[-q:]) if zeros else np.zeros(len(sample.y))
    mean = np.exp(columns.x @ found.theta[: columns.x.shape[1]])
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=(found.theta / scale)[places],
            influence=influence[:, places],
            fitted=(1 - share) * mean,
            columns=columns.kept,
            collinear=columns.collinear,
            statistics={"log_likelihood": found.log_likelihood},
            iterations=found.iterations,
            terms=(*(design.labels[j] for j in columns.kept), CONSTANT),
            information=covariance[np.ix_(places, places)],
            diagnostics={
                **(_dispersion(found, covariance, columns) if dispersed else {}),
                **(_zeros(likelihood, found, share) if zeros else {}),
            },
            tables=_inflation_table(design, zeros, found.theta / scale, covariance, influence),
        ),
    )


def _start(likelihood: CountLikelihood) -> FloatArray:
    """The mean as constant, alpha = 1, one zero in four by inflation."""
    start = np.zeros(likelihood._split)
    start[0] = np.log(likelihood.y.mean()) / likelihood.x[0, 0]
    if likelihood.z is None:
        return start
    inflation = np.zeros(likelihood.z.shape[1])
    inflation[0] = -1.0
    return np.concatenate([start, inflation])


def _inflation_columns(design: Design, sample: Sample) -> DummyColumns:
    """A constant and the terms of the option ``inflation``."""
    x = design.extra["inflation"].x[sample.rows]
    if not x.shape[1]:
        none = np.zeros(0, dtype=np.int64)
        return DummyColumns(np.ones((len(x), 1)), np.ones(1), none, none)
    return with_dummies(x, {}, design.spec.name)


def _dispersion(
    found: Maximum, covariance: FloatArray, columns: DummyColumns
) -> dict[str, Diagnostic]:
    """alpha of NB2 with its delta-method error by the information."""
    place = columns.x.shape[1]
    alpha = float(np.exp(-found.theta[place]))
    error = alpha * float(np.sqrt(covariance[place, place]))
    text = f"overdispersion: variance = mean + {alpha:.4g} mean^2 (se {error:.2g})"
    return {"alpha": Diagnostic(text, value=alpha)}


def _zeros(likelihood: CountLikelihood, found: Maximum, share: FloatArray) -> dict[str, Diagnostic]:
    """Zeros seen and zeros expected, and the share that comes from inflation."""
    inflation_free = CountLikelihood(
        np.zeros_like(likelihood.y), likelihood.x, None, likelihood.dispersed
    )
    plain = np.exp(inflation_free._log_density(found.theta))
    expected = float((share + (1 - share) * plain).mean())
    seen = float((likelihood.y == 0).mean())
    text = (
        f"zeros: {100 * seen:.1f} % seen, {100 * expected:.1f} % expected, "
        f"{100 * float(share.mean()):.1f} % of rows as structural zeros; the model needs a reason "
        "why some firms cannot have any"
    )
    return {"zeros": Diagnostic(text, value=expected)}


def _inflation_table(
    design: Design,
    zeros: DummyColumns | None,
    theta: FloatArray,
    covariance: FloatArray,
    influence: FloatArray,
) -> dict[str, pl.DataFrame]:
    """Coefficients of the inflation part: term, estimate, std_error (clustered), information's."""
    if zeros is None:
        return {}
    q = zeros.x.shape[1]
    labels = [CONSTANT, *(design.extra["inflation"].labels[j] for j in zeros.kept)]
    clustered = np.sqrt((influence[:, -q:] ** 2).sum(axis=0))
    return {
        "inflation": pl.DataFrame(
            {
                "term": labels,
                "estimate": theta[-q:],
                "std_error": clustered,
                "std_error_information": np.sqrt(np.diag(covariance)[-q:]),
            }
        )
    }
