"""Planted against estimated coefficients, one by one and jointly; a pure comparison."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from scipy import stats

from tertius.model_spec import Factor, Term, parse_term

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plant:
    """Planted coefficients by canonical term, and the centres of the variables they act on."""

    coefficients: Mapping[str, float] = field(default_factory=dict)
    centres: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_truth(cls, truth: Mapping[str, Any], names: Mapping[str, str]) -> Plant:
        """From a truth file: outcome.terms [{term, coefficient}] and outcome.centres.

        Args:
            truth: the file as plain data.
            names: variable of the truth file -> code of the codebook, where they differ.

        Raises:
            KeyError: the file has no planted terms.
        """
        terms = truth["outcome"]["terms"]
        centres = truth["outcome"].get("centres", {})
        return cls(
            {_renamed(entry["term"], names): float(entry["coefficient"]) for entry in terms},
            {_renamed(base, names): float(value) for base, value in centres.items()},
        )

    def recentred(self, centres: Mapping[str, float]) -> dict[str, float]:
        """The same index written in variables that are centred elsewhere; constants are left out.

        With x - c = (x - m) + (m - c) each product of powers is expanded, so that a coefficient on
        x^2 moves into x, and one on x:z into x and z.

        Args:
            centres: transformed variable -> m; absent ones are not centred.
        """
        made: dict[str, float] = {}
        for label, value in self.coefficients.items():
            factors = parse_term(label).factors
            shifts = [centres.get(f.base, 0.0) - self.centres.get(f.base, 0.0) for f in factors]
            for powers in itertools.product(*(range(f.power + 1) for f in factors)):
                share = value
                for factor, power, shift in zip(factors, powers, shifts, strict=True):
                    share *= math.comb(factor.power, power) * shift ** (factor.power - power)
                kept = [
                    Factor(f.variable, f.transform, k)
                    for f, k in zip(factors, powers, strict=True)
                    if k
                ]
                if kept and (share or len(kept) == len(factors)):
                    term = parse_term(Term(tuple(kept)).label).label
                    made[term] = made.get(term, 0.0) + share
        return made


def read_plant(paths: Sequence[Path], names: Mapping[str, str]) -> Plant:
    """The plant of a truth file; an empty one where the study has none (no path)."""
    if not paths:
        return Plant()
    return Plant.from_truth(yaml.safe_load(paths[0].read_text(encoding="utf-8")), names)


def _renamed(term: str, names: Mapping[str, str]) -> str:
    factors = [
        Factor(names.get(f.variable, f.variable), f.transform, f.power)
        for f in parse_term(term).factors
    ]
    return parse_term(Term(tuple(factors)).label).label


@dataclass(frozen=True)
class ComparisonRow:
    """One coefficient: planted value, estimate, interval, whether it holds the truth."""

    term: str
    planted: float
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    inside: bool


@dataclass(frozen=True)
class Comparison:
    """All compared coefficients and the joint Wald test of estimated = planted.

    `absent` names planted terms without an estimate. `statistic` and `p_value` are NaN where
    nothing could be compared.
    """

    rows: tuple[ComparisonRow, ...]
    statistic: float
    dof: int
    p_value: float
    absent: tuple[str, ...]

    @property
    def n_inside(self) -> int:
        """Number of intervals that hold the planted value."""
        return sum(row.inside for row in self.rows)


def compare_with_truth(
    planted: Mapping[str, float],
    terms: Sequence[str],
    estimates: Floats,
    covariance: Floats,
    quantile: float = 1.959963984540054,
) -> Comparison:
    """Compare estimates with the planted values of the same terms.

    The joint statistic is (b - b0)' V^-1 (b - b0), chi-square with the rank of V as degrees of
    freedom (Wald 1943); a pseudo-inverse serves where V is singular.

    Args:
        planted: term -> true coefficient, in the scale of the model.
        terms: (k,) labels of the estimates.
        estimates: (k,).
        covariance: (k, k), symmetric.
        quantile: half-width of an interval in standard errors.
    """
    known = [term for term in planted if term in terms]
    absent = tuple(term for term in planted if term not in terms)
    places = [list(terms).index(term) for term in known]
    b, v = estimates[places], covariance[np.ix_(places, places)]
    b0 = np.array([float(planted[term]) for term in known])
    errors = np.sqrt(np.diag(v)) if known else np.zeros(0)
    rows = tuple(
        ComparisonRow(
            term=term,
            planted=float(b0[i]),
            estimate=float(b[i]),
            std_error=float(errors[i]),
            conf_low=float(b[i] - quantile * errors[i]),
            conf_high=float(b[i] + quantile * errors[i]),
            inside=bool(abs(b[i] - b0[i]) <= quantile * errors[i]),
        )
        for i, term in enumerate(known)
    )
    statistic, dof, p_value = _wald(b - b0, v)
    return Comparison(rows, statistic, dof, p_value, absent)


def _wald(distance: Floats, covariance: Floats) -> tuple[float, int, float]:
    dof = int(np.linalg.matrix_rank(covariance, hermitian=True)) if len(distance) else 0
    if dof == 0:
        return math.nan, 0, math.nan
    if dof == len(distance):
        statistic = float(distance @ np.linalg.solve(covariance, distance))
    else:
        statistic = float(distance @ np.linalg.pinv(covariance, hermitian=True) @ distance)
    return statistic, dof, float(stats.chi2.sf(statistic, dof))
