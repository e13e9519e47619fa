"""Many least-squares specifications on one sample, from the cross-products of each cluster.

Effects are taken out of every column once. A specification then is a choice of rows and columns of
one small matrix, and its clustered covariance a form in the same matrix of each cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.linalg as sl
from scipy import stats

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import levels_outside
from tertius.estimate.sample import renumber
from tertius.estimate.two_way import (
    absorbed_floor,
    independent_in_gram,
    lay_out_effects,
    lone_rows,
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
    squares under which a column counts as absorbed. `n_firms` is 0 without firm effects, `n_levels`
    counts the parameters of effects that do not lie inside clusters.
    """

    names: tuple[str, ...]
    packed: FloatArray
    total: FloatArray
    floor: FloatArray
    scale: FloatArray
    n_obs: int
    n_firms: int
    n_levels: int
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
    cluster: IntArray,
    effects: Mapping[str, IntArray],
    rows: BoolArray | None = None,
) -> GramSample:
    """Take the effects out of all columns of a sample and sum cross-products by cluster.

    Args:
        columns: (n, K) regressors and outcomes, no missing value; rows sorted by firm.
        names: of the columns.
        cluster: (n,) codes from 0.
        effects: (n,) codes from 0 by name of the effect: ``org_id``, ``year`` or any other.
        rows: (n,) the subsample, all rows by default; singletons of an effect leave it, counted.

    Raises:
        NotEstimable: fewer than two clusters remain.
        ValueError: names repeat or differ in number from the columns.
    """
    if len(set(names)) != columns.shape[1] or len(names) != columns.shape[1]:
        raise ValueError("give every column a name of its own")
    keep = np.ones(len(cluster), dtype=np.bool_) if rows is None else rows.copy()
    alone = lone_rows(list(effects.values()), keep)
    keep &= ~alone
    if not keep.any() or len(np.unique(cluster[keep])) < 2:
        raise NotEstimable("too_few_clusters", "sample", "the sample has fewer than two clusters")
    codes = {name: renumber(code[keep])[0] for name, code in effects.items()}
    groups, used = renumber(cluster[keep])
    raw = columns[keep]
    layout = lay_out_effects(codes or {"": np.zeros(len(raw), dtype=np.int64)})
    within = layout.within(raw)
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
        n_firms=int(codes["org_id"].max()) + 1 if "org_id" in codes else 0,
        n_levels=levels_outside(codes, groups),
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
        sample.n_firms,
        sample.n_levels,
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


def specs_sentence(estimates: Sequence[SpecEstimate], term: str, alpha: float = 0.05) -> str:
    """Over the specifications with the term: median, range, shares of one sign and of p < alpha."""
    found = specs_table(estimates).filter(pl.col("term") == term)
    slopes, p = found["estimate"].to_numpy(), found["p_value"].to_numpy()
    positive = float((slopes > 0).mean())
    sign = "positive" if positive >= 0.5 else "negative"
    return (
        f"{term} in {len(slopes):,} of {len(estimates):,} specifications: median "
        f"{np.median(slopes):.4g}, from {slopes.min():.4g} to {slopes.max():.4g}, "
        f"{100 * max(positive, 1 - positive):.0f} % {sign}, "
        f"{100 * float((p < alpha).mean()):.0f} % with p < {alpha:g}."
    )


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
