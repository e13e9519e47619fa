"""Many least-squares specifications on one sample, from the cross-products of each cluster.

Effects are taken out of every column once. A specification then is a choice of rows and columns of
one small matrix, and its clustered covariance a form in the same matrix of each cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.linalg as sl
from scipy import stats

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.sample import renumber
from tertius.estimate.two_way import (
    absorbed_floor,
    independent_in_gram,
    make_effects,
    singleton_rows,
)
from tertius.inference.covariance import small_sample_factor
from tertius.kernels import kernel, run_blocks

BLOCK = 16
STRIP = 1024


@dataclass(frozen=True)
class Specification:
    """One regression: names of the outcome and of the regressors, in order."""

    outcome: str
    terms: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class GramSample:
    """Columns of one sample as cross-products net of the effects.

    `packed` (P, G) holds the upper triangle of each cluster's cross-products of the columns, row by
    row, each column divided by `scale`; `total` (K, K) is their sum and `floor` (K,) the sum of
    squares under which a column counts as absorbed.
    """

    names: tuple[str, ...]
    packed: FloatArray
    total: FloatArray
    floor: FloatArray
    scale: FloatArray
    n_obs: int
    n_firms: int
    n_years: int
    effects: tuple[str, ...]
    singletons: int

    @property
    def n_clusters(self) -> int:
        """Number of clusters G."""
        return int(self.packed.shape[1])


@dataclass(frozen=True, eq=False)
class SpecEstimate:
    """One specification: kept terms with coefficients (k,), covariance (k, k), and what was
    dropped as collinear; `influence` (G, k) is the bread times the score of each cluster."""

    specification: Specification
    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    collinear: tuple[str, ...]
    n_obs: int
    n_clusters: int
    influence: FloatArray | None = None

    @property
    def std_errors(self) -> FloatArray:
        """(k,) standard errors."""
        return np.sqrt(np.diag(self.covariance))


def gram_sample(
    columns: FloatArray,
    names: Sequence[str],
    firm: IntArray,
    year: IntArray,
    cluster: IntArray,
    effects: Sequence[str],
    rows: BoolArray | None = None,
) -> GramSample:
    """Take the effects out of all columns of a sample and sum cross-products by cluster.

    Args:
        columns: (n, K) regressors and outcomes, no missing value; rows sorted by firm.
        names: of the columns.
        firm, year, cluster: (n,) codes from 0.
        effects: subset of ``org_id`` and ``year``.
        rows: (n,) the subsample, all rows by default; singletons of an effect leave it, counted.

    Raises:
        NotEstimable: fewer than two clusters remain.
        ValueError: names repeat or differ in number from the columns.
    """
    if len(set(names)) != columns.shape[1] or len(names) != columns.shape[1]:
        raise ValueError("give every column a name of its own")
    keep = np.ones(len(firm), dtype=np.bool_) if rows is None else rows.copy()
    alone = singleton_rows(firm, year, effects, keep)
    keep &= ~alone
    if not keep.any() or len(np.unique(cluster[keep])) < 2:
        raise NotEstimable("too_few_clusters", "sample", "the sample has fewer than two clusters")
    firms, years = renumber(firm[keep])[0], renumber(year[keep])[0]
    groups, used = renumber(cluster[keep])
    raw = columns[keep]
    within = make_effects(firms, years, effects).within(raw)
    scale = np.sqrt((within**2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    size = raw.shape[1]
    packed = np.zeros((len(used), size * (size + 1) // 2))
    _sum_products(within / scale, groups, packed)
    total = np.empty((size, size))
    upper = np.triu_indices(size)
    total[upper] = packed.sum(axis=0)
    total[upper[::-1]] = total[upper]
    return GramSample(
        names=tuple(names),
        packed=np.ascontiguousarray(packed.T),
        total=total,
        floor=absorbed_floor(raw) / scale**2,
        scale=scale,
        n_obs=int(keep.sum()),
        n_firms=int(firms.max()) + 1,
        n_years=int(years.max()) + 1,
        effects=tuple(effects),
        singletons=int(alone.sum()),
    )


def estimate_spec(
    sample: GramSample,
    specification: Specification,
    *,
    convention: str = "fixest",
    with_influence: bool = False,
) -> SpecEstimate:
    """One specification: coefficients and clustered covariance, equal to a refit up to rounding.

    Collinear columns are dropped, earlier ones winning, as in `absorbed_ols`.

    Raises:
        NotEstimable: the effects absorb the outcome or every regressor.
        ValueError: a name is unknown.
    """
    unknown = {specification.outcome, *specification.terms} - set(sample.names)
    if unknown:
        raise ValueError(f"unknown columns: {', '.join(sorted(unknown))}")
    place = {name: j for j, name in enumerate(sample.names)}
    outcome = place[specification.outcome]
    if sample.total[outcome, outcome] <= sample.floor[outcome]:
        raise NotEstimable("no_variation", specification.outcome, "the outcome does not vary")
    asked = np.array([place[name] for name in specification.terms], dtype=np.int64)
    kept, lost = independent_in_gram(sample.total[np.ix_(asked, asked)], sample.floor[asked])
    if not len(kept):
        raise NotEstimable("collinear", "x", "the effects absorb every regressor")
    chosen = asked[kept]
    gram = sample.total[np.ix_(chosen, chosen)]
    factor = sl.cho_factor(gram)
    slopes = sl.cho_solve(factor, sample.total[chosen, outcome])
    bread = sl.cho_solve(factor, np.eye(len(chosen)))
    scores = np.empty((len(chosen), sample.n_clusters))
    _cluster_scores(
        sample.packed,
        chosen,
        np.append(chosen, outcome),
        np.append(-slopes, 1.0),
        len(sample.names),
        scores,
    )
    influence = bread @ scores
    unit = sample.scale[outcome] / sample.scale[chosen]
    multiplier = small_sample_factor(
        convention,
        sample.n_obs,
        len(chosen),
        sample.n_clusters,
        sample.n_firms if "org_id" in sample.effects else 0,
        sample.n_years if "year" in sample.effects else 0,
    )
    covariance = influence @ influence.T * np.outer(unit, unit) * multiplier
    return SpecEstimate(
        specification,
        tuple(sample.names[j] for j in chosen),
        slopes * unit,
        (covariance + covariance.T) / 2,
        tuple(specification.terms[j] for j in lost),
        sample.n_obs,
        sample.n_clusters,
        (influence * unit[:, None]).T if with_influence else None,
    )


def estimate_specs(
    sample: GramSample,
    specifications: Sequence[Specification],
    *,
    convention: str = "fixest",
    with_influence: bool = False,
    threads: int | None = 1,
) -> list[SpecEstimate]:
    """`estimate_spec` for each specification, in order; threads do not change the result."""
    blocks = [specifications[i : i + BLOCK] for i in range(0, len(specifications), BLOCK)]

    def work(block: Sequence[Specification]) -> list[SpecEstimate]:
        return [
            estimate_spec(sample, one, convention=convention, with_influence=with_influence)
            for one in block
        ]

    return [one for part in run_blocks(work, blocks, threads) for one in part]


def specs_table(estimates: Sequence[SpecEstimate]) -> pl.DataFrame:
    """One row per specification and kept term: spec, outcome, term, estimate, std_error,
    statistic, p_value (t with G - 1 degrees of freedom), n_obs, n_clusters."""
    rows = []
    for number, one in enumerate(estimates):
        t = one.coefficients / one.std_errors
        p = 2 * stats.t.sf(np.abs(t), one.n_clusters - 1)
        for j, term in enumerate(one.terms):
            rows.append(
                {
                    "spec": number,
                    "outcome": one.specification.outcome,
                    "term": term,
                    "estimate": float(one.coefficients[j]),
                    "std_error": float(one.std_errors[j]),
                    "statistic": float(t[j]),
                    "p_value": float(p[j]),
                    "n_obs": one.n_obs,
                    "n_clusters": one.n_clusters,
                }
            )
    return pl.DataFrame(rows)


@kernel
def _sum_products(a: FloatArray, cluster: IntArray, packed: FloatArray) -> None:
    """Add the upper triangle of every row's products to its cluster."""
    size = a.shape[1]
    for i in range(a.shape[0]):
        at = 0
        out = packed[cluster[i]]
        for p in range(size):
            for q in range(p, size):
                out[at] += a[i, p] * a[i, q]
                at += 1


@kernel
def _cluster_scores(
    packed: FloatArray,
    rows: IntArray,
    columns: IntArray,
    vector: FloatArray,
    size: int,
    out: FloatArray,
) -> None:
    """out[r, g] = sum_c (cross-product of rows[r] and columns[c] in g) vector[c]."""
    n = packed.shape[1]
    # Strips of clusters stay in the cache while all pairs pass over them.
    for start in range(0, n, STRIP):
        stop = min(start + STRIP, n)
        for r in range(rows.size):
            target = out[r, start:stop]
            target[:] = 0.0
            for c in range(columns.size):
                low, high = min(rows[r], columns[c]), max(rows[r], columns[c])
                pair = packed[low * size - low * (low - 1) // 2 + high - low, start:stop]
                weight = vector[c]
                for g in range(stop - start):
                    target[g] += weight * pair[g]
