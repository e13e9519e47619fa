"""Resampling of an estimated model: from design and estimate to the arrays of the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.fe_poisson import absorbed_poisson
from tertius.estimate.result import Estimate
from tertius.estimate.sample import cut_sample, renumber
from tertius.estimate.two_way import Effects
from tertius.inference.cluster_bootstrap import ClusterBootstrap, bootstrap_ols
from tertius.inference.crv3 import Jackknife, jackknife_ols
from tertius.inference.poisson_bootstrap import PoissonBootstrap, bootstrap_poisson
from tertius.inference.wild import WildBootstrap, wild_cluster_bootstrap


@dataclass(frozen=True, eq=False)
class ModelRows:
    """Rows and kept columns of an estimated model; `rows` flags them within the design."""

    terms: tuple[str, ...]
    x: FloatArray
    y: FloatArray
    effects: Effects
    cluster: IntArray
    rows: BoolArray


def model_rows(design: Design, estimate: Estimate) -> ModelRows:
    """The rows that an estimate rests on, and its columns in the order of its terms.

    Raises:
        NotEstimable: the estimator is neither fe_ols nor fe_poisson.
    """
    name = estimate.spec.estimator
    if name not in ("fe_ols", "fe_poisson"):
        raise NotEstimable("not_resampled", name, f"{name} cannot be resampled by cross-products")
    keys = ["org_id", "year"]
    used = estimate.frame.select(*keys, pl.lit(True).alias("used"))
    flags = design.frame.select(keys).join(used, on=keys, how="left", maintain_order="left")
    rows: BoolArray = flags["used"].fill_null(False).to_numpy()
    sample = cut_sample(design, [("rows of the estimate", rows)])
    columns = [design.labels.index(term) for term in estimate.terms]
    x = np.ascontiguousarray(sample.x[:, columns])
    return ModelRows(estimate.terms, x, sample.y, sample.effects, sample.cluster, rows)


def bootstrap_model(
    design: Design,
    estimate: Estimate,
    *,
    draws: int,
    seed: int,
    studentise: Sequence[str] = (),
    converge: bool = False,
    threads: int | None = None,
) -> ClusterBootstrap | PoissonBootstrap:
    """Cluster bootstrap of an fe_ols (exact) or fe_poisson model (one step, or converged).

    Args:
        design, estimate: of one model.
        draws, seed: as in `bootstrap_ols`; the resamples are those of every model with as many
            clusters.
        studentise: terms whose t* is wanted (fe_ols).
        converge: whether every Poisson draw is maximised.
        threads: the result does not depend on it.

    Raises:
        NotEstimable: another estimator.
        ValueError: an absorbed firm lies in two clusters, or other effects are absorbed.
    """
    use = model_rows(design, estimate)
    if estimate.spec.estimator == "fe_ols":
        return bootstrap_ols(
            use.x,
            use.y,
            use.effects,
            use.cluster,
            draws=draws,
            seed=seed,
            terms=use.terms,
            studentise=[use.terms.index(term) for term in studentise],
            threads=threads,
        )
    fit = absorbed_poisson(use.x, use.y, use.effects)
    return bootstrap_poisson(
        fit,
        use.y,
        use.effects,
        use.cluster,
        draws=draws,
        seed=seed,
        terms=[use.terms[j] for j in fit.kept],
        converge=converge,
        threads=threads,
    )


def jackknife_model(design: Design, estimate: Estimate) -> Jackknife:
    """CRV3 of an fe_ols model.

    Raises:
        NotEstimable: another estimator.
        ValueError: as `bootstrap_model`.
    """
    use = _linear(design, estimate)
    return jackknife_ols(use.x, use.y, use.effects, use.cluster, use.terms)


def wild_model(
    design: Design,
    estimate: Estimate,
    term: str,
    *,
    draws: int,
    seed: int,
    second: IntArray | None = None,
    null: float = 0.0,
    weights: str = "rademacher",
    level: float | None = None,
) -> WildBootstrap:
    """Wild cluster bootstrap of one slope of an fe_ols model, null imposed.

    Args:
        design, estimate: of one model.
        term: label of the slope.
        draws, seed, null, weights, level: as in `wild_cluster_bootstrap`.
        second: codes of a second clustering by row of the design, e.g. `design.year`.

    Raises:
        NotEstimable: another estimator, or the term is not in the model.
        ValueError: as `wild_cluster_bootstrap`.
    """
    use = _linear(design, estimate)
    clusters = [use.cluster]
    if second is not None:
        clusters.append(renumber(second[use.rows])[0])
    label = estimate.terms[estimate.index(term)]
    return wild_cluster_bootstrap(
        use.x,
        use.y,
        use.effects,
        clusters,
        estimate.index(term),
        draws=draws,
        seed=seed,
        null=null,
        weights=weights,
        level=level,
        term=label,
    )


def _linear(design: Design, estimate: Estimate) -> ModelRows:
    """Rows of a linear model."""
    if estimate.spec.estimator != "fe_ols":
        name = estimate.spec.estimator
        raise NotEstimable("not_linear", name, f"{name} is not linear in its coefficients")
    return model_rows(design, estimate)
