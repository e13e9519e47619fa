"""Covariance of dyadic regressions: errors of dyads that share a node are dependent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.two_way import sums_by_code
from tertius.inference.multiway import positive_part


@dataclass(frozen=True, eq=False)
class DyadicCovariance:
    """(k, k) dyadic-robust covariance; `repaired` counts negative eigenvalues set to 0.

    `dof` (k,) are degrees of freedom of t: Satterthwaite's (1946) for products of independent
    dyads, (sum_d S_d^2)^2 / sum_{d, d' share a node} S_d^2 S_d'^2, at most N - 1. The difference of
    two sums is noisy: with all dyads of N nodes alike they are about N / 4.
    """

    covariance: FloatArray
    heteroskedastic: FloatArray
    n_dyads: int
    n_nodes: int
    repaired: int
    dof: FloatArray

    @property
    def std_errors(self) -> FloatArray:
        """(k,) standard errors."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def sentence(self) -> str:
        """What dependence between dyads does to the standard errors, in words."""
        ratio = self.std_errors / np.sqrt(np.diag(self.heteroskedastic))
        text = (
            f"{self.n_dyads:,} dyads of {self.n_nodes:,} nodes: standard errors that allow for "
            f"shared nodes are {ratio.min():.2f} to {ratio.max():.2f} times those that treat dyads "
            "as independent."
        )
        if self.repaired:
            text += f" {self.repaired} negative eigenvalues were set to 0."
        return text

    def figure(self) -> pl.DataFrame:
        """Figure data: place of the coefficient, standard errors with and without dependence."""
        alone = np.sqrt(np.diag(self.heteroskedastic))
        places = np.arange(len(alone))
        return pl.DataFrame({"place": places, "dyadic": self.std_errors, "independent": alone})


def dyadic_covariance(
    influence: FloatArray, a: IntArray, b: IntArray, *, small_sample: bool = True
) -> DyadicCovariance:
    """Sum of psi_d psi_d'' over all pairs of rows whose dyads share a node.

    With U_i the influences summed over the dyads of node i and S_d those summed over the rows of
    dyad d, the sum is sum_i U_i U_i' - sum_d S_d S_d', since a dyad shares both nodes with itself.

    Args:
        influence: (n, k) rows' influences (bread times score); several rows a dyad (years) are
            allowed and count as dependent.
        a, b: (n,) codes of the two ends, a != b; their order does not matter.
        small_sample: whether to multiply by N / (N - 1), N the number of nodes.

    Raises:
        ValueError: a row joins a node to itself.

    Source: Fafchamps & Gubert (2007); Aronow, Samii & Assenova (2015, Political Analysis
    23:564); Cameron & Miller (2014). Negative eigenvalues set to 0.
    """
    if (a == b).any():
        raise ValueError("a row joins a node to itself")
    n_nodes = int(max(a.max(), b.max())) + 1
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    dyad = np.unique(low * n_nodes + high, return_inverse=True)[1].astype(np.int64)
    at_nodes = sums_by_code(influence, low, n_nodes) + sums_by_code(influence, high, n_nodes)
    at_dyads = sums_by_code(influence, dyad, int(dyad.max()) + 1)
    used = len(np.unique(np.r_[low, high]))
    factor = used / (used - 1) if small_sample else 1.0
    own = at_dyads.T @ at_dyads
    squares = at_dyads**2
    ends = np.zeros((len(at_dyads), 2), dtype=np.int64)
    ends[dyad] = np.column_stack([low, high])
    around = sums_by_code(squares, ends[:, 0], n_nodes) + sums_by_code(squares, ends[:, 1], n_nodes)
    shared = (around**2).sum(axis=0) - (squares**2).sum(axis=0)
    repaired = positive_part(factor * (at_nodes.T @ at_nodes - own))
    return DyadicCovariance(
        repaired.covariance,
        factor * influence.T @ influence,
        len(at_dyads),
        used,
        repaired.repaired,
        np.minimum(squares.sum(axis=0) ** 2 / shared, used - 1.0),
    )


@dataclass(frozen=True, eq=False)
class NodeJackknife:
    """Estimates without each node and all its dyads; `covariance` (k, k) is (N - 1) / N times the
    sum of squares around their mean; nodes without which nothing is estimable are counted."""

    left_out: FloatArray
    covariance: FloatArray
    failed: int

    @property
    def std_errors(self) -> FloatArray:
        """(k,) standard errors."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def sentence(self) -> str:
        """What the jackknife rests on, in words."""
        errors = ", ".join(f"{error:.4g}" for error in self.std_errors)
        text = f"Leaving out each of {len(self.left_out):,} nodes gives standard errors {errors}."
        return text + (f" {self.failed} nodes cannot be left out." if self.failed else "")

    def figure(self, column: int) -> pl.DataFrame:
        """Figure data: node code and the estimate without it."""
        values = self.left_out[:, column]
        return pl.DataFrame({"node": np.arange(len(values)), "left_out": values}).with_columns(
            pl.col("left_out").fill_nan(None)
        )


def node_jackknife(
    estimate: Callable[[BoolArray], FloatArray], a: IntArray, b: IntArray
) -> NodeJackknife:
    """Delete-one-node jackknife, a check of the dyadic-robust covariance by refitting.

    It counts noise of a single dyad at both of its nodes, hence twice: with node effects the two
    agree in large networks, without them the jackknife is up to sqrt(2) too wide.

    Args:
        estimate: (n,) flags of the rows kept -> (k,) coefficients, NaN where not estimable.
        a, b: (n,) codes 0..N-1 of the two ends.

    Source: Frank & Snijders (1994, J. Official Statistics 10:53) for the deletion of nodes.
    """
    n_nodes = int(max(a.max(), b.max())) + 1
    rows = np.array([estimate((a != node) & (b != node)) for node in range(n_nodes)])
    good = ~np.isnan(rows).any(axis=1)
    spread = rows[good] - rows[good].mean(axis=0)
    n = int(good.sum())
    return NodeJackknife(rows, (n - 1) / n * spread.T @ spread, int((~good).sum()))
