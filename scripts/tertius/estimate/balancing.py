"""Weights and matches that make untreated units look like treated ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.binary import inverse_positive
from tertius.estimate.columns import NotEstimable
from tertius.estimate.two_way import sums_by_code

TOLERANCE = 1e-10
MAX_ITERATIONS = 200
TIE = 1e-9
"""Scores closer than this are the same neighbour, as in R's Matching (distance.tolerance 1e-5
squared units there); all tied neighbours share the match."""


def entropy_weights(x: FloatArray, d: FloatArray) -> FloatArray:
    """Weights of untreated rows that reproduce the treated means exactly (Hainmueller 2012).

    Among all weights that balance the columns of x these are nearest to uniform in relative
    entropy: w_i proportional to exp(-x_i' l), l from the convex dual by Newton's method.

    Args:
        x: (n, k) without a constant. d: (n,) 1 for treated.

    Returns:
        (n,) weights: 0 for treated rows, summing to one over the untreated.

    Raises:
        NotEstimable: the treated means lie outside what the untreated rows can reach.
    """
    control, target = x[d == 0], x[d == 1].mean(axis=0)
    out = np.zeros(len(d))
    out[d == 0] = _tilted(control - target)
    return out


def continuous_weights(dose: FloatArray, x: FloatArray) -> FloatArray:
    """Weights that take a continuous treatment's dependence on x away (Tubbicke 2022).

    Entropy balancing with the means of x, dose and dose^2 held and every covariance of x with dose
    and dose^2 set to 0: what a generalised propensity score is to achieve, in the sample itself.

    Args:
        dose: (n,). x: (n, k) without a constant.

    Returns:
        (n,) positive weights that sum to one.

    Raises:
        NotEstimable: no such weights exist.
    """
    centred = x - x.mean(axis=0)
    t = (dose - dose.mean()) / dose.std()
    powers = np.column_stack([t, t**2 - 1])
    crossed = [centred * powers[:, [j]] for j in (0, 1)]
    return _tilted(np.hstack([centred, powers, *crossed]))


def _tilted(columns: FloatArray) -> FloatArray:
    """Weights proportional to exp(-columns l) under which every column has mean 0, by Newton."""
    z = columns / np.maximum(np.sqrt((columns**2).mean(axis=0)), np.finfo(np.float64).tiny)
    multiplier = np.zeros(z.shape[1])
    value, weight = _dual(z, multiplier)
    for _ in range(MAX_ITERATIONS):
        mean = weight @ z
        if np.abs(mean).max() < TOLERANCE:
            return weight
        step = inverse_positive((z * weight[:, None]).T @ z - np.outer(mean, mean)) @ mean
        for halving in range(60):
            trial = multiplier + step * 0.5**halving
            reached, trial_weight = _dual(z, trial)
            if reached <= value + 1e-14 * max(abs(value), 1.0):
                multiplier, value, weight = trial, reached, trial_weight
                break
    raise NotEstimable("no_overlap", "treatment", "no weights of these rows balance the columns")


def _dual(z: FloatArray, multiplier: FloatArray) -> tuple[float, FloatArray]:
    """ln of the mean of exp(-z l), and the weights."""
    index = -z @ multiplier
    peak = float(index.max())
    raised = np.exp(index - peak)
    total = float(raised.sum())
    return float(np.log(total) + peak), raised / total


def balanced_effect(
    y: FloatArray, d: FloatArray, x: FloatArray, weight: FloatArray
) -> tuple[float, FloatArray]:
    """ATT as treated mean less balanced mean, with its influence (Zhao & Percival 2017).

    Because the weights balance x, the effect is the same after any linear adjustment; with the
    slopes of the weighted regression among the untreated the estimated weights add no first-order
    noise, so that the influence is that of the adjusted difference.

    Args:
        y, d: (n,). x: (n, k) balanced columns. weight: (n,) of `entropy_weights`.

    Returns:
        effect and (n,) influence, effect - truth being its sum over n.
    """
    n, share = len(y), d.mean()
    columns = np.column_stack([np.ones(n), x])
    root = np.sqrt(weight)
    slopes = np.linalg.lstsq(columns * root[:, None], y * root, rcond=None)[0]
    rest = y - columns @ slopes
    effect = float(rest[d == 1].mean() - weight @ rest)
    psi = d / share * (rest - effect) - n * weight * rest
    return effect, psi


@dataclass(frozen=True, eq=False)
class Matches:
    """Neighbours of m rows: `row` (p,) the matched row, `other` (p,) its neighbour, `weight` (p,).

    Weights of one row's neighbours sum to one. `unmatched` rows have no neighbour in the caliper.
    """

    row: IntArray
    other: IntArray
    weight: FloatArray
    unmatched: IntArray


def nearest_neighbours(
    score: FloatArray,
    rows: IntArray,
    pool: IntArray,
    neighbours: int = 1,
    caliper: float | None = None,
    block: IntArray | None = None,
) -> Matches:
    """Nearest neighbours with replacement on a scalar score; ties share the match.

    Args:
        score: (n,), for example the logit of a propensity. rows: to be matched. pool: candidates; a
            row is never its own neighbour.
        neighbours: M of each row. caliper: largest distance, None for any.
        block: (n,) codes that must agree (exact matching, for example on year), or None.
    """
    found: list[tuple[IntArray, IntArray, FloatArray]] = []
    lost: list[int] = []
    keys = np.zeros(len(score), dtype=np.int64) if block is None else block
    order = pool[np.lexsort((pool, score[pool], keys[pool]))]
    bounds = {
        int(key): (
            int(np.searchsorted(keys[order], key, "left")),
            int(np.searchsorted(keys[order], key, "right")),
        )
        for key in np.unique(keys[rows])
    }
    for row in rows:
        low, high = bounds[int(keys[row])]
        chosen = _closest(score, order[low:high], int(row), neighbours, caliper)
        if not len(chosen):
            lost.append(int(row))
            continue
        share = np.full(len(chosen), 1 / len(chosen))
        found.append((np.full(len(chosen), row, dtype=np.int64), chosen, share))
    empty = np.zeros(0, dtype=np.int64)
    row_codes = np.concatenate([f[0] for f in found]) if found else empty
    others = np.concatenate([f[1] for f in found]) if found else empty
    weight = np.concatenate([f[2] for f in found]) if found else np.zeros(0)
    return Matches(row_codes, others, weight, np.array(lost, dtype=np.int64))


def _closest(
    score: FloatArray, sorted_pool: IntArray, row: int, neighbours: int, caliper: float | None
) -> IntArray:
    """Rows of the pool not farther than the M-th nearest one."""
    values = score[sorted_pool]
    place = int(np.searchsorted(values, score[row]))
    reach = neighbours + 1
    while True:
        low, high = max(place - reach, 0), min(place + reach, len(values))
        near = sorted_pool[low:high]
        near = near[near != row]
        distance = np.abs(score[near] - score[row])
        if len(near) < neighbours:
            if low == 0 and high == len(values):
                limit = np.inf
            else:
                reach *= 2
                continue
        else:
            limit = float(np.partition(distance, neighbours - 1)[neighbours - 1]) + TIE
        inside = (low == 0 or score[row] - values[low] > limit) and (
            high == len(values) or values[high - 1] - score[row] > limit
        )
        if inside or (low == 0 and high == len(values)):
            break
        reach *= 2
    keep = distance <= limit
    if caliper is not None:
        keep &= distance <= caliper
    chosen: IntArray = near[keep]
    return chosen


@dataclass(frozen=True, eq=False)
class MatchedEffect:
    """ATT of nearest-neighbour matching with the Abadie-Imbens variance.

    `times_used` (n,) is the total weight with which each untreated row serves; `matched` flags the
    treated rows that found a neighbour.
    """

    effect: float
    variance: float
    times_used: FloatArray
    matched: BoolArray
    n_unmatched: int


def matched_effect(
    y: FloatArray,
    d: FloatArray,
    score: FloatArray,
    *,
    neighbours: int = 1,
    caliper: float | None = None,
    block: IntArray | None = None,
) -> MatchedEffect:
    """ATT by nearest neighbours with replacement (Abadie & Imbens 2006).

    V = N1^-2 [ sum_treated (y_i - y0_i - att)^2 + sum_untreated (K_i^2 - K2_i) s_i^2 ], K_i the
    weights with which i serves, K2_i the sum of their squares, s_i^2 from the nearest row of the
    same arm (theorem 7; ties averaged). The score is taken as known: for an estimated propensity
    this variance is conservative for the ATE and may be off either way for the ATT
    (Abadie & Imbens 2016).

    Args:
        y, d, score: (n,). neighbours, caliper, block: of `nearest_neighbours`.

    Raises:
        NotEstimable: no treated row finds a neighbour.
    """
    treated, pool = np.flatnonzero(d == 1), np.flatnonzero(d == 0)
    pairs = nearest_neighbours(score, treated, pool, neighbours, caliper, block)
    if not len(pairs.row):
        raise NotEstimable("no_overlap", "treatment", "no treated row finds a neighbour")
    n = len(y)
    imputed = np.bincount(pairs.row, weights=pairs.weight * y[pairs.other], minlength=n)
    matched = np.zeros(n, dtype=bool)
    matched[pairs.row] = True
    gap = (y - imputed)[matched]
    effect = float(gap.mean())
    used = sums_by_code(pairs.weight, pairs.other, n)
    squares = sums_by_code(pairs.weight**2, pairs.other, n)
    serving = np.flatnonzero(used > 0)
    own = nearest_neighbours(score, serving, pool, 1, None, block)
    counts = np.bincount(own.row, minlength=n)
    mean = np.bincount(own.row, weights=own.weight * y[own.other], minlength=n)
    spread = np.zeros(n)
    has = counts > 0
    # a row and its c equally near neighbours: variance of c + 1 outcomes around their mean
    total = (counts * mean + y) / (counts + 1)
    around = np.bincount(own.row, weights=y[own.other] ** 2, minlength=n) + y**2
    spread[has] = ((around - (counts + 1) * total**2) / np.maximum(counts, 1))[has]
    noise = float(((used**2 - squares) * np.maximum(spread, 0.0))[serving].sum())
    variance = (float(((gap - effect) ** 2).sum()) + noise) / len(gap) ** 2
    return MatchedEffect(effect, variance, used, matched, len(pairs.unmatched))


@dataclass(frozen=True, eq=False)
class Balance:
    """Balance of k columns: standardised mean differences and variance ratios, before and after."""

    difference_before: FloatArray
    difference_after: FloatArray
    ratio_before: FloatArray
    ratio_after: FloatArray


def balance_of(x: FloatArray, d: FloatArray, weight: FloatArray) -> Balance:
    """Standardised differences (over the treated sd) and variance ratios of the columns.

    Args:
        x: (n, k). d: (n,). weight: (n,) of the rows after matching or weighting: 0 or 1 for treated
            rows, that did not or did find a match.
    """
    treated, control = x[d == 1], x[d == 0]
    sd = np.maximum(treated.std(axis=0, ddof=1), np.finfo(np.float64).tiny)
    mean_treated, variance_treated = _weighted_moments(treated, weight[d == 1])
    mean_control, variance_control = _weighted_moments(control, weight[d == 0])
    before = np.maximum(control.var(axis=0, ddof=1), np.finfo(np.float64).tiny)
    return Balance(
        (treated.mean(axis=0) - control.mean(axis=0)) / sd,
        (mean_treated - mean_control) / sd,
        treated.var(axis=0, ddof=1) / before,
        variance_treated / np.maximum(variance_control, np.finfo(np.float64).tiny),
    )


def _weighted_moments(x: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of the columns under weights (reliability weights, unbiased)."""
    share = weight / weight.sum()
    mean: FloatArray = share @ x
    variance: FloatArray = (share @ (x - mean) ** 2) / max(1 - float(share @ share), 1e-12)
    return mean, variance
