"""Jackknife (CRV3) covariance of clustered least squares, and how much each cluster weighs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.two_way import Effects
from tertius.inference.cluster_products import ClusterProducts, cluster_products

CHUNK = 1024


@dataclass(frozen=True, eq=False)
class Jackknife:
    """Estimates without each cluster in turn.

    `left_out` (G, k) is NaN where a slope is not identified without that cluster; such clusters are
    counted in `unidentified` and add nothing to the covariance. `leverage` (G,) is the trace of a
    cluster's share of the normal equations; it sums to the number of columns.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    left_out: FloatArray
    covariance: FloatArray
    leverage: FloatArray
    unidentified: int

    @property
    def std_errors(self) -> FloatArray:
        """(k,) CRV3 standard errors."""
        return np.sqrt(np.diag(self.covariance))

    def sentence(self, term: str) -> str:
        """The result of one slope in words."""
        j = self.terms.index(term)
        n = len(self.left_out)
        low, high = np.nanmin(self.left_out[:, j]), np.nanmax(self.left_out[:, j])
        text = (
            f"{term}: {self.coefficients[j]:.4g}, jackknife (CRV3) standard error "
            f"{self.std_errors[j]:.4g} with t({n - 1}); without one of the {n:,} clusters it lies "
            f"between {low:.4g} and {high:.4g}."
        )
        if self.unidentified:
            text += f" Without {self.unidentified:,} of them some slope is not identified."
        return text

    def figure(self, term: str) -> pl.DataFrame:
        """Figure data by cluster code: cluster, leverage, left_out."""
        column = self.left_out[:, self.terms.index(term)]
        return pl.DataFrame(
            {
                "cluster": np.arange(len(column)),
                "leverage": self.leverage,
                "left_out": column,
            }
        ).with_columns(pl.col("left_out").fill_nan(None))


def jackknife_ols(
    x: FloatArray,
    y: FloatArray,
    effects: Effects,
    cluster: IntArray,
    terms: Sequence[str] | None = None,
) -> Jackknife:
    """CRV3 = (G - 1) / G sum_g (b_(g) - b)(b_(g) - b)', b_(g) without cluster g.

    Firm means do not change when whole firms leave; year effects are estimated anew each time
    (MacKinnon, Nielsen & Webb 2023, J. Applied Econometrics 38:671).

    Args:
        x: (n, k) regressors, none collinear.
        y: (n,) outcome.
        effects: layout of the absorbed effects.
        cluster: (n,) codes 0..G-1; an absorbed firm lies in one cluster.
        terms: names of the columns; x0, x1, ... by default.

    Raises:
        ValueError: an absorbed firm lies in two clusters.
    """
    names = tuple(terms) if terms is not None else tuple(f"x{j}" for j in range(x.shape[1]))
    return jackknife_products(cluster_products(x, y, effects, cluster), names)


def jackknife_products(products: ClusterProducts, terms: Sequence[str]) -> Jackknife:
    """`jackknife_ols` from cross-products that are already there."""
    total = products.packed.sum(axis=0)
    estimate = products.slopes(*products.solve(total[None, :]))[0]
    size = products.n_columns - 1
    bread = np.linalg.pinv(products.full(total[None, :])[0, :size, :size], hermitian=True)
    left_out, leverage = [], []
    for start in range(0, products.n_clusters, CHUNK):
        part = products.packed[start : start + CHUNK]
        left_out.append(products.slopes(*products.solve(total - part)))
        own = products.full(part)[:, :size, :size]
        leverage.append(np.einsum("gij,ji->g", own, bread))
    rows = np.concatenate(left_out)
    identified = ~np.isnan(rows).any(axis=1)
    shift = rows[identified] - estimate
    n = products.n_clusters
    return Jackknife(
        tuple(terms),
        estimate,
        rows,
        (n - 1) / n * shift.T @ shift,
        np.concatenate(leverage),
        int((~identified).sum()),
    )
