"""Quadratic assignment: permutation tests for matrices over the same nodes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray, IntArray
from tertius.inference.cluster_bootstrap import histogram
from tertius.inference.intervals import resampled_p_value

EXACT_LIMIT = 5040
"""Relabellings up to which all are gone through (seven nodes)."""


@dataclass(frozen=True, eq=False)
class Qap:
    """One statistic per matrix against relabelled nodes.

    `statistics` (k,) are correlations (QAP) or t values (MRQAP), `coefficients` (k,) the same
    correlations or the regression slopes. `draws` (B, k) hold the relabelled statistics; `exact`
    is True where all relabellings were gone through, the identity among them.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    statistics: FloatArray
    p_two_sided: FloatArray
    p_greater: FloatArray
    p_less: FloatArray
    draws: FloatArray
    exact: bool
    n_nodes: int
    n_dyads: int

    def sentence(self, term: str) -> str:
        """The result of one matrix in words."""
        j = self.terms.index(term)
        how = "all" if self.exact else "random"
        return (
            f"{term}: {self.coefficients[j]:.4g} (statistic {self.statistics[j]:.3f}), p = "
            f"{self.p_two_sided[j]:.4f} two-sided, {self.p_greater[j]:.4f} for a positive sign, "
            f"against {len(self.draws):,} {how} relabellings of {self.n_nodes:,} nodes."
        )

    def figure(self, term: str) -> pl.DataFrame:
        """Histogram of the statistic over relabellings: low, high, draws."""
        return histogram(self.draws[:, self.terms.index(term)])


def qap_correlation(
    y: FloatArray, x: FloatArray, *, draws: int = 5000, seed: int = 0, directed: bool = False
) -> Qap:
    """Correlation of two matrices off the diagonal, tested by relabelling the nodes of x.

    Args:
        y, x: (N, N); NaN marks missing dyads (of y or of x), the diagonal is ignored. Symmetric
            unless `directed`.
        draws: relabellings; all N! where there are at most 5,040.
        seed: of the relabellings.
        directed: whether i-j and j-i are two dyads.

    Raises:
        ValueError: shapes differ, a symmetric matrix was expected, or a matrix does not vary.

    Source: Krackhardt (1988, Social Networks 10:359).
    """
    cells, orders, exact = _prepare([y, x], draws, seed, directed)
    observed = _correlation(y[cells], x[cells])
    found = np.array([_correlation(y[cells], x[np.ix_(p, p)][cells]) for p in orders])
    return _result(["x"], [observed], [observed], found[:, None], exact, len(y), len(cells[0]))


def mrqap(
    y: FloatArray,
    x: Sequence[FloatArray],
    terms: Sequence[str],
    *,
    draws: int = 5000,
    seed: int = 0,
    directed: bool = False,
) -> Qap:
    """Regression on matrices with p values by double semi-partialling.

    Each regressor in turn is replaced by its residual on the others, the residual's nodes are
    relabelled, and y is regressed on it and the other regressors; the t value, a pivotal statistic,
    is compared, not the slope (Dekker, Krackhardt & Snijders 2007, Psychometrika 72:563).
    With missing dyads a relabelled residual can be missing where y is not; those dyads leave
    that draw.

    Args:
        y: (N, N) outcome; NaN marks missing dyads, the diagonal is ignored.
        x: k matrices (N, N).
        terms: (k,) names.
        draws, seed, directed: as in `qap_correlation`.

    Raises:
        ValueError: shapes differ, a symmetric matrix was expected, or a regressor is collinear.
    """
    cells, orders, exact = _prepare([y, *x], draws, seed, directed)
    outcome = y[cells]
    design = np.column_stack([np.ones(len(outcome)), *(matrix[cells] for matrix in x)])
    unit = np.sqrt((design**2).mean(axis=0))
    if not unit.all() or np.linalg.matrix_rank(design / unit) < design.shape[1]:
        raise ValueError("the regressors are collinear")
    slopes, statistics = _t_values(design, outcome)
    found = np.empty((len(orders), len(x)))
    for j in range(len(x)):
        others = np.delete(design, j + 1, axis=1)
        residual = np.full(y.shape, np.nan)
        left = design[:, j + 1] - others @ np.linalg.lstsq(others, design[:, j + 1])[0]
        residual[cells] = left
        if not directed:
            residual.T[cells] = left
        found[:, j] = _semi_partial(residual, others, outcome, cells, orders)
    return _result(terms, slopes[1:], statistics[1:], found, exact, len(y), len(outcome))


def _semi_partial(
    residual: FloatArray,
    others: FloatArray,
    outcome: FloatArray,
    cells: tuple[IntArray, IntArray],
    orders: IntArray,
) -> FloatArray:
    """(B,) t values of the relabelled residual beside the other regressors."""
    basis, _ = np.linalg.qr(others)
    y_left = outcome - basis @ (basis.T @ outcome)
    dof = len(outcome) - others.shape[1] - 1
    total = float(y_left @ y_left)
    found = np.empty(len(orders))
    for row, order in enumerate(orders):
        moved = residual[order[cells[0]], order[cells[1]]]
        if np.isnan(moved).any():
            kept = ~np.isnan(moved)
            part = np.column_stack([moved[kept], others[kept]])
            found[row] = _t_values(part, outcome[kept])[1][0]
            continue
        moved = moved - basis @ (basis.T @ moved)
        own = float(moved @ moved)
        slope = float(moved @ y_left) / own
        rest = max(total - slope**2 * own, np.finfo(np.float64).tiny)
        found[row] = slope * math.sqrt(own * dof / rest)
    return found


def _t_values(design: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slopes and classical t values of least squares."""
    q, r = np.linalg.qr(design)
    slopes = np.linalg.solve(r, q.T @ outcome)
    rest = outcome - design @ slopes
    inverse = np.linalg.inv(r)
    variance = float(rest @ rest) / (len(outcome) - design.shape[1])
    variance = max(variance, np.finfo(np.float64).tiny)
    error = np.sqrt(variance * (inverse**2).sum(axis=1))
    return slopes, slopes / error


def _correlation(y: FloatArray, x: FloatArray) -> float:
    """Correlation over the cells where both are there."""
    both = ~(np.isnan(y) | np.isnan(x))
    y, x = y[both] - y[both].mean(), x[both] - x[both].mean()
    scale = math.sqrt(float(y @ y) * float(x @ x))
    if scale == 0:
        raise ValueError("a matrix does not vary over its dyads")
    return float(y @ x) / scale


def _prepare(
    matrices: Sequence[FloatArray], draws: int, seed: int, directed: bool
) -> tuple[tuple[IntArray, IntArray], IntArray, bool]:
    """Cells in use, relabellings (B, N), and whether these are all."""
    n = len(matrices[0])
    for matrix in matrices:
        if matrix.shape != (n, n):
            raise ValueError("all matrices must be square and of one size")
        off = ~np.eye(n, dtype=bool)
        if not directed and not np.array_equal(matrix[off], matrix.T[off], equal_nan=True):
            raise ValueError("a matrix is not symmetric; say directed=True")
    present = np.isfinite(np.array(matrices)).all(axis=0) & ~np.eye(n, dtype=bool)
    if not directed:
        present = np.triu(present)
    rows, columns = np.nonzero(present)
    exact = math.factorial(n) <= EXACT_LIMIT if n <= 8 else False
    orders = np.array(list(_relabellings(n, draws, seed, exact)), dtype=np.int64)
    return (rows.astype(np.int64), columns.astype(np.int64)), orders, exact


def _relabellings(n: int, draws: int, seed: int, exact: bool) -> Iterator[Sequence[int] | IntArray]:
    """All permutations of n nodes, or random ones."""
    if exact:
        yield from itertools.permutations(range(n))
        return
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield rng.permutation(n)


def _result(
    terms: Sequence[str],
    coefficients: Sequence[float] | FloatArray,
    statistics: Sequence[float] | FloatArray,
    draws: FloatArray,
    exact: bool,
    n_nodes: int,
    n_dyads: int,
) -> Qap:
    """p values: plain shares over all relabellings, or with one added to random ones."""
    observed = np.asarray(statistics, dtype=np.float64)
    sides = {}
    for side in ("two-sided", "greater", "less"):
        p = np.array([resampled_p_value(draws[:, j], observed[j], side) for j in range(len(terms))])
        count = len(draws)
        sides[side] = (p * (count + 1) - 1) / count if exact else p
    return Qap(
        tuple(terms),
        np.asarray(coefficients, dtype=np.float64),
        observed,
        sides["two-sided"],
        sides["greater"],
        sides["less"],
        draws,
        exact,
        n_nodes,
        n_dyads,
    )
