"""Drop-one contributions: what a model expects a firm to lose with each of its partners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from scipy import stats

from tertius.arrays import FloatArray, IntArray
from tertius.measures import Graph

DEGREE, HOLES, ISOLATE = "log1p(deg)", "sh", "undefined(sh=undefined_isolate)"
TERMS = (DEGREE, HOLES)
PARTNERS = pl.Schema(
    {
        "node": pl.String,
        "partner": pl.String,
        "degree": pl.Int64,
        "holes_with": pl.Float64,
        "holes_without": pl.Float64,
        "contribution": pl.Float64,
        "conf_low": pl.Float64,
        "conf_high": pl.Float64,
    }
)


@dataclass(frozen=True, eq=False)
class PositionModel:
    """A log-link model of an outcome on ln(1 + degree) and structural holes.

    Attributes:
        name: of the model.
        coefficients: by term; `TERMS`, and `ISOLATE` where isolates were recoded.
        covariance: of the coefficients, in their order.
        critical: quantile of the intervals (1.96 for 95 % of a normal).
        winsor: term -> (low, high) between which its variable was held; absent: not held.
    """

    name: str
    coefficients: Mapping[str, float]
    covariance: FloatArray
    critical: float
    winsor: Mapping[str, tuple[float, float]]


def drop_one(graph: Graph, egos: IntArray | None, model: PositionModel) -> pl.DataFrame:
    """Contribution of every partner of every ego to the expected outcome.

    Args:
        graph: weighted network; ties weigh what constraint is measured with.
        egos: places of the nodes that are told, None for all.
        model: of the outcome.

    Returns:
        node, partner, degree, `holes_with` and `holes_without` (1 - constraint, null for an
        isolate), and `contribution`: the expected outcome with the partner over that without it,
        less 1, with its interval (delta method on the log scale); below 0 the model expects more
        without. Sorted by node and partner. The partner's knowledge and all else stay as they are.
        Our proxy, after Burt (1992, eq. 2.4).
    """
    order = list(model.coefficients)
    beta = np.array([model.coefficients[term] for term in order])
    parts = []
    proportions = tie_proportions(graph)
    for ego in range(graph.n_nodes) if egos is None else egos:
        alters = graph.indices[graph.indptr[ego] : graph.indptr[ego + 1]]
        if alters.size == 0:
            continue
        with_all, without = holes_without_each(proportions, int(ego))
        change = _changes(alters.size, with_all, without, model, order)
        log_ratio = change @ beta
        error = np.sqrt(np.einsum("ij,jk,ik->i", change, model.covariance, change))
        low, high = (log_ratio + side * model.critical * error for side in (-1.0, 1.0))
        parts.append(
            pl.DataFrame(
                {
                    "node": [str(graph.nodes[ego])] * alters.size,
                    "partner": graph.nodes[alters].astype(str),
                    "degree": np.full(alters.size, alters.size),
                    "holes_with": np.full(alters.size, with_all),
                    "holes_without": without,
                    "contribution": np.expm1(log_ratio),
                    "conf_low": np.expm1(low),
                    "conf_high": np.expm1(high),
                },
                schema=PARTNERS,
            )
        )
    found = pl.concat([pl.DataFrame(schema=PARTNERS), *parts]).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )
    return found.sort("node", "partner")


def tie_proportions(graph: Graph) -> sp.csr_array:
    """p_ij: the share of i's strength that its tie to j has (Burt 1992, eq. 2.2), rows by node."""
    n = graph.n_nodes
    weights = sp.csr_array((graph.weights, graph.indices, graph.indptr), shape=(n, n))
    rows = np.repeat(np.arange(n), np.diff(graph.indptr))
    strength = np.bincount(rows, graph.weights, minlength=n)
    return sp.csr_array((weights.data / strength[rows], weights.indices, weights.indptr), (n, n))


def holes_without_each(proportions: sp.csr_array, ego: int) -> tuple[float, FloatArray]:
    """1 - constraint of an ego, and of the ego without each of its partners (NaN: none is left).

    With p the ego's proportions and P those of its contacts, in the whole network, constraint is
    sum_k (p_k + (pP)_k)^2; without j it is sum_{k != j} ((p_k + (pP)_k - p_j P_jk) / (1 - p_j))^2,
    for only the ego's own proportions change.
    """
    row = slice(proportions.indptr[ego], proportions.indptr[ego + 1])
    alters, own = proportions.indices[row], proportions.data[row]
    theirs = proportions[alters][:, alters].toarray()
    invested = own + own @ theirs
    whole = float(1.0 - (invested**2).sum())
    if alters.size == 1:
        return whole, np.array([np.nan])
    left = (invested[None, :] - own[:, None] * theirs) / (1.0 - own)[:, None]
    np.fill_diagonal(left, 0.0)
    return whole, 1.0 - (left**2).sum(axis=1)


def _changes(
    n: int, whole: float, without: FloatArray, model: PositionModel, order: list[str]
) -> FloatArray:
    """Regressors with a partner less those without it, one row a partner."""
    alone = np.isnan(without)
    held = np.where(alone, 0.0, _within(without, model.winsor.get(HOLES)))
    told = {
        DEGREE: np.log1p(_within(np.array([float(n)]), model.winsor.get(DEGREE)))
        - np.log1p(_within(np.full(without.size, n - 1.0), model.winsor.get(DEGREE))),
        HOLES: _within(np.array([whole]), model.winsor.get(HOLES)) - held,
        ISOLATE: -alone.astype(float),
    }
    return np.column_stack([told[term] for term in order])


def _within(values: FloatArray, bounds: tuple[float, float] | None) -> FloatArray:
    return values if bounds is None else np.clip(values, *bounds)


def position_model(
    fit: Mapping[str, Any], coefficients: pl.DataFrame, covariance: pl.DataFrame
) -> PositionModel | None:
    """The model of contributions from the files of an estimate; None where they are none of it.

    Args:
        fit: of fit.json.
        coefficients: columns term and estimate.
        covariance: term, and one column a term.
    """
    known = dict(coefficients.select("term", "estimate").iter_rows())
    named = [term for term in (*TERMS, ISOLATE) if term in known]
    if fit.get("link") != "log" or not set(TERMS) <= known.keys():
        return None
    rows = pl.DataFrame({"term": named}).join(
        covariance, on="term", how="left", maintain_order="left"
    )
    held = {term: fit["variables"][term] for term in TERMS}
    return PositionModel(
        name=str(fit["model"]),
        coefficients={term: known[term] for term in named},
        covariance=rows.select(named).to_numpy(),
        critical=float(stats.t.ppf(0.975, fit["dof"])),
        winsor={
            term: (one["winsor_low"], one["winsor_high"])
            for term, one in held.items()
            if one["winsor_low"] is not None
        },
    )
