"""Flows between two organisations: Poisson pseudo-likelihood with dyadic errors.

E[y_abt] = exp(x_abt'b + effects), the gravity equation in levels (Santos Silva & Tenreyro 2006,
REStat 88:641), with pair effects and the effects of both partners in each year, which stand for
all that makes a partner attractive (Anderson & van Wincoop 2003). In undirected data a partner has
one effect a year, whichever end of the pair it stands at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg as sl
from scipy import sparse

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.fe_poisson import PoissonFit, reweighted_poisson, separated_rows
from tertius.estimate.many_effects import residuals_on_dummies

EFFECTS = ("pair", "node_year", "node", "year")
CLUSTERS = ("dyadic", "pair")
TINY_MEAN = 1e-8
MOST_LEVELS = 3000


@dataclass(frozen=True, eq=False)
class GravityFit:
    """Slopes (k,) by `terms`, their covariance, and what was used and dropped.

    `rows` (n,) flags the rows used; `fitted` are their means. `truncated` tells that the dyadic
    covariance had negative eigenvalues, which were set to 0.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    fitted: FloatArray
    rows: BoolArray
    collinear: tuple[str, ...]
    dropped: dict[str, int]
    n_nodes: int
    n_pairs: int
    iterations: int
    truncated: bool

    @property
    def std_errors(self) -> FloatArray:
        """(k,) standard errors; compare with t of n_nodes - 1 degrees of freedom."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True, eq=False)
class DyadEffects:
    """A grouping that is concentrated out, and further dummy columns (n, m)."""

    group: IntArray
    dummies: sparse.csr_array

    def within(self, values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
        """Residuals of (n, k) values on all effects by (weighted) least squares."""
        return residuals_on_dummies(values, self.group, self.dummies, weights)


@dataclass(frozen=True, eq=False)
class Dyads:
    """Codes (n,) of the two partners, the pair and the year; one row a pair (or arc) and year."""

    a: IntArray
    b: IntArray
    pair: IntArray
    year: IntArray
    directed: bool

    @classmethod
    def of(cls, a: Sequence[str], b: Sequence[str], year: IntArray, *, directed: bool) -> Dyads:
        """From names of the partners; in undirected data their order does not matter.

        Raises:
            ValueError: a partner is paired with itself, or a (pair, year) repeats.
        """
        names, codes = np.unique(np.r_[np.asarray(a, str), np.asarray(b, str)], return_inverse=True)
        first, second = codes[: len(year)].astype(np.int64), codes[len(year) :].astype(np.int64)
        if (first == second).any():
            raise ValueError("an organisation is paired with itself")
        low, high = np.minimum(first, second), np.maximum(first, second)
        ends = (first, second) if directed else (low, high)
        arc = ends[0] * len(names) + ends[1]
        if len(np.unique(np.stack([arc, year]), axis=1).T) != len(year):
            raise ValueError("a pair has several rows in a year")
        pair = np.unique(arc, return_inverse=True)[1].astype(np.int64)
        years = np.unique(year, return_inverse=True)[1].astype(np.int64)
        return cls(ends[0], ends[1], pair, years, directed)

    def cut(self, rows: BoolArray) -> Dyads:
        """The dyads of some rows."""
        return Dyads(self.a[rows], self.b[rows], self.pair[rows], self.year[rows], self.directed)

    def levels(self, effects: Sequence[str]) -> list[IntArray]:
        """(n, 1) or (n, 2) codes of each effect; two columns share their levels."""
        n_years = int(self.year.max(initial=0)) + 1
        found: list[IntArray] = []
        for effect in effects:
            if effect in ("pair", "year"):
                found.append((self.pair if effect == "pair" else self.year)[:, None])
                continue
            ends = [self.a, self.b]
            if effect == "node_year":
                ends = [end * n_years + self.year for end in ends]
            found += [end[:, None] for end in ends] if self.directed else [np.stack(ends, axis=1)]
        return found


def fit_gravity(
    dyads: Dyads,
    y: FloatArray,
    x: FloatArray,
    terms: Sequence[str],
    *,
    effects: Sequence[str] = ("pair", "node_year"),
    cluster: str = "dyadic",
) -> GravityFit:
    """Poisson pseudo-likelihood with pair and partner-year effects.

    Pairs and partner-years without any flow, single rows and separated rows are dropped, counted.

    Args:
        dyads: n rows. y: (n,) nonnegative flows. x: (n, k) columns named `terms`.
        effects: of `EFFECTS`. cluster: ``dyadic`` lets all rows that share a partner correlate
            (Fafchamps & Gubert 2007; Aronow, Samii & Assenova 2015), ``pair`` only those of a pair.

    Raises:
        ValueError: an effect or cluster is unknown.
        NotEstimable: negative flows, nothing left, too many levels, or no maximum in reach.
    """
    if set(effects) - set(EFFECTS) or cluster not in CLUSTERS:
        raise ValueError(f"effects are of {EFFECTS}, the cluster is of {CLUSTERS}")
    if (y < 0).any():
        raise NotEstimable("negative_outcome", "y", "a flow is negative")
    fit, rows, used, dropped = _fit_informative(dyads, y, x, effects)
    if not fit.converged:
        raise NotEstimable("no_maximum", "y", "the likelihood has no maximum in reach")
    covariance, truncated = _covariance(fit, y[rows], used, cluster)
    return GravityFit(
        terms=tuple(terms[j] for j in fit.kept),
        coefficients=fit.coefficients / fit.scale,
        covariance=covariance,
        fitted=fit.mu,
        rows=rows,
        collinear=tuple(terms[j] for j in fit.collinear),
        dropped={cause: count for cause, count in dropped.items() if count},
        n_nodes=len(np.unique(np.r_[used.a, used.b])),
        n_pairs=len(np.unique(used.pair)),
        iterations=fit.iterations,
        truncated=truncated,
    )


def _fit_informative(
    dyads: Dyads, y: FloatArray, x: FloatArray, effects: Sequence[str]
) -> tuple[PoissonFit, BoolArray, Dyads, dict[str, int]]:
    """Fit on the rows that carry information; rows found to be separated leave, counted."""
    rows = informative_rows(dyads, y, effects)
    n_separated = 0
    while True:
        if not rows.any():
            raise NotEstimable("no_rows", "y", "no row carries information")
        used = dyads.cut(rows)
        absorbed = absorb(used, effects)
        fit = reweighted_poisson(x[rows], y[rows], absorbed)
        lost = _separated(fit, x[rows], y[rows], absorbed)
        if not lost.any():
            break
        n_separated += int(lost.sum())
        rows[np.flatnonzero(rows)[lost]] = False
        rows &= informative_rows(dyads, np.where(rows, y, np.nan), effects)
    dropped = {
        "pairs or partner-years without any flow, single rows": int((~rows).sum()) - n_separated,
        "rows separated by a regressor": n_separated,
    }
    return fit, rows, used, dropped


def informative_rows(dyads: Dyads, y: FloatArray, effects: Sequence[str]) -> BoolArray:
    """Rows (n,) left when levels of an effect without flow or with one row go, iteratively.

    Rows whose y is NaN are out from the start.
    """
    keep: BoolArray = ~np.isnan(y)
    levels = dyads.levels(effects)
    while True:
        before = int(keep.sum())
        for codes in levels:
            size = int(codes.max()) + 1
            flow, rows = np.zeros(size), np.zeros(size)
            for end in codes.T:
                flow += np.bincount(end[keep], weights=y[keep], minlength=size)
                rows += np.bincount(end[keep], minlength=size)
            bad = (flow <= 0) | (rows < 2)
            keep &= ~bad[codes].any(axis=1)
        if int(keep.sum()) == before:
            return keep


def absorb(dyads: Dyads, effects: Sequence[str]) -> DyadEffects:
    """Lay the effects out: pairs are concentrated, the others become sparse dummies.

    Raises:
        NotEstimable: the dummies have more than 3,000 levels.
    """
    n = len(dyads.a)
    group = np.zeros(n, dtype=np.int64)
    if "pair" in effects:
        group = np.unique(dyads.pair, return_inverse=True)[1].astype(np.int64)
    blocks = []
    for codes in dyads.levels([effect for effect in effects if effect != "pair"]):
        used, short = np.unique(codes, return_inverse=True)
        columns = short.reshape(codes.shape)
        shape = (n, len(used))
        parts = [
            sparse.csr_array((np.ones(n), (np.arange(n), end)), shape=shape) for end in columns.T
        ]
        blocks.append(sum(parts[1:], parts[0]))
    if not blocks:
        return DyadEffects(group, sparse.csr_array((n, 0)))
    dummies = sparse.csr_array(sparse.hstack(blocks))
    if dummies.shape[1] > MOST_LEVELS:
        reason = f"{dummies.shape[1]} levels of partner effects are too many; use node and year"
        raise NotEstimable("too_many_levels", "effects", reason)
    return DyadEffects(group, dummies)


def _separated(fit: PoissonFit, x: FloatArray, y: FloatArray, effects: DyadEffects) -> BoolArray:
    """Separated rows, looked for where the fit shows signs of them."""
    zero = y == 0
    tiny = zero.any() and float(fit.mu[zero].min()) < TINY_MEAN * float(y.mean())
    if fit.converged and not tiny:
        return np.zeros(len(y), dtype=bool)
    return separated_rows(x, y, effects)


def _covariance(
    fit: PoissonFit, y: FloatArray, dyads: Dyads, cluster: str
) -> tuple[FloatArray, bool]:
    """Sandwich with the meat of the cluster, and whether it was truncated."""
    scores = fit.x_scaled * (y - fit.mu)[:, None]
    low, high = np.minimum(dyads.a, dyads.b), np.maximum(dyads.a, dyads.b)
    pair = np.unique(low * (int(high.max()) + 1) + high, return_inverse=True)[1]
    meat, units = dyadic_meat(scores, dyads.a, dyads.b, pair.astype(np.int64), cluster)
    influence = fit.bread / fit.scale[:, None]
    covariance = influence @ meat @ influence.T * units / (units - 1)
    values, vectors = sl.eigh((covariance + covariance.T) / 2)
    truncated = bool(values[0] < -1e-12 * values[-1])
    if truncated:
        covariance = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return (covariance + covariance.T) / 2, truncated


def dyadic_meat(
    scores: FloatArray, a: IntArray, b: IntArray, pair: IntArray, cluster: str
) -> tuple[FloatArray, int]:
    """Sum of s_d s_d'' over rows that share a partner (``dyadic``) or their pair, and the units.

    With S_n the scores of all rows at partner n and S_p those of pair p, the dyadic sum is
    sum_n S_n S_n' - sum_p S_p S_p': rows of one pair share both partners and would count twice.
    """
    by_pair = np.zeros((int(pair.max()) + 1, scores.shape[1]))
    np.add.at(by_pair, pair, scores)
    own = by_pair.T @ by_pair
    if cluster == "pair":
        return own, len(by_pair)
    by_node = np.zeros((int(max(a.max(), b.max())) + 1, scores.shape[1]))
    np.add.at(by_node, a, scores)
    np.add.at(by_node, b, scores)
    return by_node.T @ by_node - own, len(np.unique(np.r_[a, b]))
