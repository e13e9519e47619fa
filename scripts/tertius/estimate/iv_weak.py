"""How strong the instruments are, and inference that holds when they are weak.

Everything derives from one object, the reduced form: the clustered regression of the outcome and of
the endogenous columns on the excluded instruments, exogenous columns taken out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.linalg as sl
from scipy import stats
from scipy.optimize import minimize, minimize_scalar

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.iv_core import Factor, IvData, Test, f_test, residual_on

TAU = (0.05, 0.10, 0.20)
"""Worst-case biases, as shares of the bias of least squares in the worst case."""


@dataclass(frozen=True, eq=False)
class ReducedForm:
    """Coefficients (K, 1 + p) of (outcome, endogenous) on the instruments, clustered covariance.

    `covariance` is that of the stacked columns, (K (1 + p), K (1 + p)); `gram` (K, K) the
    cross-products of the instruments and `gram_x` (p, p) those of the endogenous columns, exogenous
    columns taken out; `partial_r2` (p,).
    """

    coefficients: FloatArray
    covariance: FloatArray
    gram: FloatArray
    gram_x: FloatArray
    partial_r2: FloatArray
    n_clusters: int

    @property
    def n_instruments(self) -> int:
        """K."""
        return int(self.coefficients.shape[0])

    @property
    def n_endogenous(self) -> int:
        """The number of endogenous columns."""
        return int(self.coefficients.shape[1]) - 1

    def block(self, row: int, column: int) -> FloatArray:
        """(K, K) covariance between two columns; 0 is the outcome, 1.. the endogenous."""
        k = self.n_instruments
        return self.covariance[row * k : (row + 1) * k, column * k : (column + 1) * k]


def reduced_form(data: IvData, factor: Factor) -> ReducedForm:
    """Regress outcome and endogenous columns on the instruments.

    Raises:
        NotEstimable: the instruments are collinear with the exogenous columns.
    """
    both = residual_on(np.column_stack([data.y, data.endogenous]), data.exogenous)
    z = residual_on(data.instruments, data.exogenous)
    gram = z.T @ z
    if np.linalg.matrix_rank(gram, hermitian=True, tol=1e-9 * float(np.diag(gram).max())) < len(
        gram
    ):
        raise NotEstimable("collinear", "instruments", "the instruments are collinear")
    bread = np.linalg.inv(gram)
    coefficients = bread @ (z.T @ both)
    residuals = both - z @ coefficients
    influence = np.hstack(
        [data.sums(z * residuals[:, [j]]) @ bread for j in range(residuals.shape[1])]
    )
    scale = factor(z.shape[1] + data.exogenous.shape[1])
    explained = 1 - (residuals**2).sum(axis=0) / (both**2).sum(axis=0)
    return ReducedForm(
        coefficients=coefficients,
        covariance=scale * influence.T @ influence,
        gram=gram,
        gram_x=both[:, 1:].T @ both[:, 1:],
        partial_r2=explained[1:],
        n_clusters=data.n_clusters,
    )


def first_stage_f(form: ReducedForm, column: int) -> Test:
    """Clustered Wald F of the instruments in the first stage of one endogenous column (0-based)."""
    pi = form.coefficients[:, column + 1]
    wald = float(pi @ np.linalg.solve(form.block(column + 1, column + 1), pi))
    return f_test(wald, form.n_instruments, form.n_clusters - 1)


def kleibergen_paap_f(form: ReducedForm) -> float:
    """Wald rank statistic of Kleibergen & Paap (2006) for rank p - 1, divided by K.

    With one endogenous column it is the clustered first-stage F; under a covariance of the
    homoskedastic form it is the statistic of Cragg & Donald (1993).
    """
    k, p = form.n_instruments, form.n_endogenous
    left = sl.cholesky(form.gram)
    right = np.linalg.inv(sl.cholesky(form.gram_x))
    theta = left @ form.coefficients[:, 1:] @ right
    turn = np.kron(right.T, left)
    covariance = turn @ form.covariance[k:, k:] @ turn.T
    u, _, v_t = np.linalg.svd(theta)
    a, b = u[:, p - 1 :], v_t[p - 1 :].T
    pick = np.kron(b, a)
    gap = (a.T @ theta @ b).T.ravel()
    rank = float(gap @ np.linalg.solve(pick.T @ covariance @ pick, gap))
    return rank / k


def conditional_f(data: IvData, column: int, factor: Factor) -> Test:
    """First-stage F of one endogenous column given the others (Sanderson & Windmeijer 2016).

    The other endogenous columns are fitted by two-stage least squares first; the residual is
    regressed on the instruments, with K - p + 1 degrees of freedom.
    """
    z = residual_on(data.instruments, data.exogenous)
    x = residual_on(data.endogenous, data.exogenous)
    others = np.delete(x, column, axis=1)
    basis = np.linalg.qr(z)[0]
    fitted = basis @ (basis.T @ others)
    left = x[:, column] - others @ np.linalg.lstsq(fitted, x[:, column], rcond=None)[0]
    gram = z.T @ z
    pi = np.linalg.solve(gram, z.T @ left)
    # directions that the estimated coefficients of the other columns leave untouched
    free = sl.null_space((z.T @ others).T) if others.shape[1] else np.eye(z.shape[1])
    gap = free.T @ (z.T @ left)
    moments = data.sums(z * (left - z @ pi)[:, None]) @ free
    scale = factor(z.shape[1] + data.exogenous.shape[1])
    wald = float(gap @ np.linalg.solve(scale * moments.T @ moments, gap))
    return f_test(wald, z.shape[1] - x.shape[1] + 1, data.n_clusters - 1)


@dataclass(frozen=True)
class EffectiveF:
    """Effective F of Montiel Olea & Pflueger (2013) and its 5 % critical values by bias tau.

    `critical` are those for two-stage least squares; `conservative` take the worst case over the
    covariances (x = 1 / tau) and are the ones to read without knowledge of the errors.
    """

    statistic: float
    critical: dict[float, float]
    conservative: dict[float, float]


def effective_f(form: ReducedForm, level: float = 0.05) -> EffectiveF:
    """Effective F of a model with one endogenous column.

    Raises:
        ValueError: there are several endogenous columns (use `kleibergen_paap_f`).
    """
    if form.n_endogenous != 1:
        raise ValueError("the effective F is defined for one endogenous column")
    root = sl.cholesky(form.gram)
    pi = root @ form.coefficients[:, 1]
    blocks = [root @ form.block(*at) @ root.T for at in ((0, 0), (0, 1), (1, 1))]
    w2 = blocks[2]
    bias = worst_bias(blocks[0], (blocks[1] + blocks[1].T) / 2, w2)
    return EffectiveF(
        statistic=float(pi @ pi) / float(np.trace(w2)),
        critical={tau: patnaik_critical(w2, bias / tau, level) for tau in TAU},
        conservative={tau: patnaik_critical(w2, 1 / tau, level) for tau in TAU},
    )


def patnaik_critical(w2: FloatArray, x: float, level: float = 0.05) -> float:
    """Critical value of the effective F by Patnaik's two-moment approximation.

    Args:
        w2: (K, K) covariance of the first-stage coefficients on orthonormal instruments.
        x: noncentrality per instrument, worst-case bias over tolerated bias.
        level: size of the test.

    Returns:
        Upper quantile of a noncentral chi-square with K_eff degrees of freedom and noncentrality
        x K_eff, over K_eff (Montiel Olea & Pflueger 2013, theorem 2). K = 1: 37.42, 23.11, 15.06
        for x = 20, 10, 5.
    """
    trace = float(np.trace(w2))
    largest = float(np.linalg.eigvalsh(w2)[-1])
    square = float(np.trace(w2 @ w2))
    k_eff = trace**2 * (1 + 2 * x) / (square + 2 * x * trace * largest)
    return float(stats.ncx2.ppf(1 - level, k_eff, x * k_eff)) / k_eff


def worst_bias(w1: FloatArray, w12: FloatArray, w2: FloatArray) -> float:
    """Largest asymptotic bias of two-stage least squares over its benchmark, in (0, 1].

    Supremum over the coefficient and the direction of the first stage of
    |tr S12 - 2 c'S12 c| / sqrt(tr S1 tr S2), S12 = W12 - b W2, S1 = W1 - 2 b W12 + b^2 W2.
    """
    traces = [float(np.trace(m)) for m in (w1, w12, w2)]

    def negative(angle: float) -> float:
        c, s = math.cos(angle), math.sin(angle)
        s12 = c * w12 - s * w2
        s1 = c * c * traces[0] - 2 * c * s * traces[1] + s * s * traces[2]
        values = np.linalg.eigvalsh(s12)
        trace = float(np.trace(s12))
        size = max(abs(trace - 2 * values[0]), abs(trace - 2 * values[-1]))
        return -float(size) / math.sqrt(max(s1, 1e-300) * traces[2])

    grid = np.linspace(-math.pi / 2, math.pi / 2, 721)
    start = int(np.argmin([negative(a) for a in grid]))
    low, high = grid[max(start - 1, 0)], grid[min(start + 1, len(grid) - 1)]
    found = minimize_scalar(negative, bounds=(low, high), method="bounded")
    return min(1.0, max(-float(found.fun), -negative(float(grid[start]))))


def anderson_rubin(form: ReducedForm, coefficients: FloatArray) -> Test:
    """Anderson-Rubin test that the endogenous columns have the (p,) coefficients given.

    Clustered Wald form against F(K, G - 1); its size does not depend on instrument strength.
    """
    wald = _wald(form, np.asarray(coefficients, dtype=np.float64))
    return f_test(wald, form.n_instruments, form.n_clusters - 1)


def _wald(form: ReducedForm, coefficients: FloatArray) -> float:
    """Wald form of the reduced form of y less the endogenous columns times their coefficients."""
    combination = np.concatenate([[1.0], -coefficients])
    gap = form.coefficients @ combination
    size, k = len(combination), form.n_instruments
    cells = form.covariance.reshape(size, k, size, k)
    spread = np.tensordot(combination, np.tensordot(cells, combination, axes=(2, 0)), axes=(0, 0))
    return float(gap @ np.linalg.solve(spread, gap))


def anderson_rubin_set(form: ReducedForm, level: float = 0.95) -> tuple[tuple[float, float], ...]:
    """Exact Anderson-Rubin confidence set of one endogenous coefficient.

    The statistic stays below the critical value c where det(c V(b) - g(b) g(b)') > 0, a polynomial
    whose roots solve a quadratic eigenvalue problem; no grid enters.

    Returns:
        Disjoint intervals in rising order; ends may be infinite. Empty where every value is
        rejected (the instruments contradict each other), ((-inf, inf),) where none is.

    Raises:
        ValueError: there are several endogenous columns.
    """
    if form.n_endogenous != 1:
        raise ValueError("the exact set is for one endogenous column")
    k = form.n_instruments
    critical = k * float(stats.f.ppf(level, k, form.n_clusters - 1))
    delta, pi = form.coefficients[:, 0], form.coefficients[:, 1]
    # work in units of the coefficient so that the three matrices are of like size
    unit = math.sqrt(float(np.trace(form.block(0, 0))) / float(np.trace(form.block(1, 1))))
    pi = pi * unit
    cross = unit * (form.block(0, 1) + form.block(1, 0))
    matrices = (
        critical * form.block(0, 0) - np.outer(delta, delta),
        -critical * cross + np.outer(delta, pi) + np.outer(pi, delta),
        critical * unit**2 * form.block(1, 1) - np.outer(pi, pi),
    )
    ends = [unit * b for b in _real_roots(*matrices)]

    def inside(value: float) -> bool:
        gap = form.coefficients[:, 0] - value * form.coefficients[:, 1]
        spread = (
            form.block(0, 0)
            - value * (form.block(0, 1) + form.block(1, 0))
            + value**2 * form.block(1, 1)
        )
        return float(gap @ np.linalg.solve(spread, gap)) <= critical

    return _intervals(ends, inside, unit)


def _real_roots(m0: FloatArray, m1: FloatArray, m2: FloatArray) -> list[float]:
    """Real b with det(M0 + b M1 + b^2 M2) = 0, by linearisation; infinite roots left out."""
    k = len(m0)
    size = max(float(np.abs(m).max()) for m in (m0, m1, m2))
    zero, eye = np.zeros((k, k)), np.eye(k)
    left = np.block([[zero, eye], [-m0 / size, -m1 / size]])
    right = np.block([[eye, zero], [zero, m2 / size]])
    alpha, beta = sl.eig(left, right, right=False, homogeneous_eigvals=True)
    finite = np.abs(beta) > 1e-13 * np.abs(alpha)
    roots = alpha[finite] / beta[finite]
    real = roots[np.abs(roots.imag) <= 1e-8 * (1 + np.abs(roots.real))].real
    return sorted(float(b) for b in real)


def _intervals(ends: list[float], inside: object, unit: float) -> tuple[tuple[float, float], ...]:
    """Join the pieces between the roots where the value in the middle is not rejected."""
    assert callable(inside)
    cuts = [-math.inf, *ends, math.inf]
    found: list[tuple[float, float]] = []
    for low, high in pairwise(cuts):
        if low == high:
            continue
        if math.isinf(low) and math.isinf(high):
            middle = 0.0
        elif math.isinf(low):
            middle = high - unit - abs(high)
        elif math.isinf(high):
            middle = low + unit + abs(low)
        else:
            middle = (low + high) / 2
        if not inside(middle):
            continue
        if found and found[-1][1] == low:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return tuple(found)


def anderson_rubin_projection(
    form: ReducedForm, column: int, values: FloatArray, start: FloatArray, level: float = 0.95
) -> BoolArray:
    """Which values of one of several endogenous coefficients the joint set allows (projection).

    For each value the other coefficients are chosen to make the joint Anderson-Rubin statistic as
    small as possible; the critical value stays F(K, G - 1), so the set is conservative (Dufour &
    Taamouti 2005).

    Args:
        form: reduced form with p endogenous columns.
        column: the coefficient of interest, 0-based.
        values: (m,) grid.
        start: (p,) estimates, the start of each search.
        level: confidence.

    Returns:
        (m,) flags of the values that are not rejected.
    """
    k = form.n_instruments
    critical = k * float(stats.f.ppf(level, k, form.n_clusters - 1))
    kept = np.zeros(len(values), dtype=np.bool_)
    others = np.delete(start, column)
    scale = np.maximum(np.abs(others), 1e-8)

    def profile(free: FloatArray, value: float) -> float:
        return _wald(form, np.insert(free * scale, column, value))

    for i, value in enumerate(values):
        found = minimize(profile, others / scale, args=(float(value),), method="Nelder-Mead")
        kept[i] = float(found.fun) <= critical
    return kept


_TF_F = (
    (4.000, 4.008, 4.015, 4.023, 4.031, 4.040, 4.049, 4.059, 4.068, 4.079),
    (4.090, 4.101, 4.113, 4.125, 4.138, 4.151, 4.166, 4.180, 4.196, 4.212),
    (4.229, 4.247, 4.265, 4.285, 4.305, 4.326, 4.349, 4.372, 4.396, 4.422),
    (4.449, 4.477, 4.507, 4.538, 4.570, 4.604, 4.640, 4.678, 4.717, 4.759),
    (4.803, 4.849, 4.897, 4.948, 5.002, 5.059, 5.119, 5.182, 5.248, 5.319),
    (5.393, 5.472, 5.556, 5.644, 5.738, 5.838, 5.944, 6.056, 6.176, 6.304),
    (6.440, 6.585, 6.741, 6.907, 7.085, 7.276, 7.482, 7.702, 7.940, 8.196),
    (8.473, 8.773, 9.098, 9.451, 9.835, 10.253, 10.711, 11.214, 11.766, 12.374),
    (13.048, 13.796, 14.631, 15.566, 16.618, 17.810, 19.167, 20.721, 22.516, 24.605),
    (27.058, 29.967, 33.457, 37.699, 42.930, 49.495, 57.902, 68.930, 83.823, 104.67),
)
_TF_FACTOR = (
    (9.519, 9.305, 9.095, 8.891, 8.691, 8.495, 8.304, 8.117, 7.934, 7.756),
    (7.581, 7.411, 7.244, 7.081, 6.922, 6.766, 6.614, 6.465, 6.319, 6.177),
    (6.038, 5.902, 5.770, 5.640, 5.513, 5.389, 5.268, 5.149, 5.033, 4.920),
    (4.809, 4.701, 4.595, 4.492, 4.391, 4.292, 4.195, 4.101, 4.009, 3.919),
    (3.830, 3.744, 3.660, 3.578, 3.497, 3.418, 3.341, 3.266, 3.193, 3.121),
    (3.051, 2.982, 2.915, 2.849, 2.785, 2.723, 2.661, 2.602, 2.543, 2.486),
    (2.430, 2.375, 2.322, 2.270, 2.218, 2.169, 2.120, 2.072, 2.025, 1.980),
    (1.935, 1.892, 1.849, 1.808, 1.767, 1.727, 1.688, 1.650, 1.613, 1.577),
    (1.542, 1.507, 1.473, 1.440, 1.407, 1.376, 1.345, 1.315, 1.285, 1.256),
    (1.228, 1.200, 1.173, 1.147, 1.121, 1.096, 1.071, 1.047, 1.024, 1.000),
)


def tf_factor(first_stage: float) -> float:
    """Factor on the standard error of a just-identified 5 % test, one instrument.

    Table 3A of Lee, McCrary, Moreira & Porter (2022), interpolated linearly in F: 9.519 at F = 4,
    1 from 104.67 on; infinite below 4, where the interval is the whole line.
    """
    if first_stage < _TF_F[0][0]:
        return math.inf
    return float(np.interp(first_stage, np.ravel(_TF_F), np.ravel(_TF_FACTOR)))
