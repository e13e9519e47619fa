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
from scipy import sparse

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.dyadic import DYADIC, MENDED, member_codes
from tertius.estimate.fe_poisson import (
    PoissonFit,
    poisson_statistics,
    reweighted_poisson,
    separated_rows,
)
from tertius.estimate.many_effects import residuals_on_dummies
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import cluster_sums, cut_sample
from tertius.estimate.two_way import sums_by_code
from tertius.inference.dyadic import dyadic_covariance

EFFECTS = ("pair", "node_year", "node", "year")
CLUSTERS = ("dyadic", "pair")
TINY_MEAN = 1e-8
MOST_LEVELS = 3000
SILENT = "pairs or partner-years without any flow, single rows"
SEPARATED = "rows separated by a regressor"


@dataclass(frozen=True, eq=False)
class GravityFit:
    """Slopes (k,) by `terms`, their covariance, and what was used and dropped.

    `rows` (n,) flags the rows used, `silent` those without information of their own, the others
    were separated; `fitted` are the means and `influence` (m, k) the bread times the score of the m
    rows used. `truncated` tells that the dyadic covariance had negative eigenvalues, set to 0.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    fitted: FloatArray
    influence: FloatArray
    rows: BoolArray
    silent: BoolArray
    collinear: tuple[str, ...]
    n_nodes: int
    n_pairs: int
    iterations: int
    truncated: bool
    dof: float

    @property
    def dropped(self) -> dict[str, int]:
        """Rows that left, by cause."""
        counts = {SILENT: int(self.silent.sum())}
        counts[SEPARATED] = int((~self.rows).sum()) - counts[SILENT]
        return {cause: count for cause, count in counts.items() if count}

    @property
    def std_errors(self) -> FloatArray:
        """(k,) standard errors; compare with t of `dof` degrees of freedom."""
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
        pair = np.unique(arc, return_inverse=True)[1].astype(np.int64)
        years = np.unique(year, return_inverse=True)[1].astype(np.int64)
        if len(np.unique(pair * (int(years.max(initial=0)) + 1) + years)) != len(year):
            raise ValueError("a pair has several rows in a year")
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


def gravity_poisson(
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
    fit, rows, silent, used = _fit_informative(dyads, y, x, effects)
    if not fit.converged:
        raise NotEstimable("no_maximum", "y", "the likelihood has no maximum in reach")
    influence = (fit.x_scaled * (y[rows] - fit.mu)[:, None]) @ fit.bread / fit.scale
    covariance, truncated, dof = _covariance(influence, used, cluster)
    return GravityFit(
        terms=tuple(terms[j] for j in fit.kept),
        coefficients=fit.coefficients / fit.scale,
        covariance=covariance,
        fitted=fit.mu,
        influence=influence,
        rows=rows,
        silent=silent,
        collinear=tuple(terms[j] for j in fit.collinear),
        n_nodes=len(np.unique(np.r_[used.a, used.b])),
        n_pairs=len(np.unique(used.pair)),
        iterations=fit.iterations,
        truncated=truncated,
        dof=dof,
    )


def _fit_informative(
    dyads: Dyads, y: FloatArray, x: FloatArray, effects: Sequence[str]
) -> tuple[PoissonFit, BoolArray, BoolArray, Dyads]:
    """Fit on the rows that carry information: fit, rows used, rows without any, their dyads."""
    rows = informative_rows(dyads, y, effects)
    separated = np.zeros(len(y), dtype=bool)
    while True:
        if not rows.any():
            raise NotEstimable("no_rows", "y", "no row carries information")
        used = dyads.cut(rows)
        absorbed = absorb(used, effects)
        fit = reweighted_poisson(x[rows], y[rows], absorbed)
        lost = _separated(fit, x[rows], y[rows], absorbed)
        if not lost.any():
            break
        separated[np.flatnonzero(rows)[lost]] = True
        rows &= ~separated
        rows &= informative_rows(dyads, np.where(rows, y, np.nan), effects)
    return fit, rows, ~rows & ~separated, used


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
    influence: FloatArray, dyads: Dyads, cluster: str
) -> tuple[FloatArray, bool, float]:
    """Covariance (k, k) under the cluster, whether it was truncated, and degrees of freedom."""
    if cluster == "dyadic":
        found = dyadic_covariance(influence, dyads.a, dyads.b)
        return found.covariance, found.repaired > 0, float(found.dof.min())
    low, high = np.minimum(dyads.a, dyads.b), np.maximum(dyads.a, dyads.b)
    pair = np.unique(low * (int(high.max()) + 1) + high, return_inverse=True)[1]
    by_pair = sums_by_code(influence, pair.astype(np.int64), int(pair.max()) + 1)
    units = len(by_pair)
    return by_pair.T @ by_pair * units / (units - 1), False, units - 1.0


def fit_gravity(design: Design) -> Estimate:
    """Gravity equation of the rows of a frame of dyads, errors robust across shared partners.

    org_id among the effects stands for the pair; the option `partners` adds the effects of both
    partners, in each year or over all of them.

    Raises:
        NotEstimable: as `gravity_poisson`; effects other than pair and year; or a row whose two
            partners are one, or a pair twice in a year.
    """
    spec = design.spec
    if set(spec.effects) - {"org_id", "year"}:
        reason = "gravity has effects of pairs (org_id), years and partners alone"
        raise NotEstimable("effects", spec.name, reason)
    named = {"org_id": "pair", "year": "year"}
    effects = [named[effect] for effect in spec.effects]
    if spec.option("partners") != "none":
        effects = [e for e in effects if e != "year" or spec.option("partners") == "node"]
        effects.append(str(spec.option("partners")))
    first, second = (codes.astype(str).tolist() for codes in member_codes(design))
    directed = bool(spec.option("directed"))
    try:
        dyads = Dyads.of(first, second, design.year, directed=directed)
    except ValueError as error:
        raise NotEstimable("not_dyads", spec.name, f"{spec.name}: {error}") from error
    found = gravity_poisson(dyads, design.y, design.x, design.labels, effects=effects)
    steps = [(SILENT, ~found.silent), (SEPARATED, found.rows)]
    sample = cut_sample(design, steps if SEPARATED in found.dropped else steps[:1])
    text = f"{found.n_pairs} pairs of {found.n_nodes} partners, effects of {', '.join(effects)}"
    place = [design.labels.index(term) for term in found.terms]
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=found.coefficients,
            influence=cluster_sums(found.influence, sample),
            fitted=found.fitted,
            columns=np.array(place, dtype=np.int64),
            collinear=np.array([design.labels.index(t) for t in found.collinear], dtype=np.int64),
            statistics=poisson_statistics(sample.y, found.fitted),
            iterations=found.iterations,
            covariance=found.covariance,
            se_convention=DYADIC,
            dof=found.dof,
            warnings=(MENDED,) if found.truncated else (),
            diagnostics={"dyads": Diagnostic(text, float(found.n_pairs))},
        ),
    )
