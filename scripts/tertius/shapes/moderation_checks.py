"""Is a product of x and z really linear in z? Bins, a kernel, and the double-demeaned product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate, confidence_interval
from tertius.estimate.two_way import sums_by_code
from tertius.inference.covariance import cluster_covariance, p_value_of
from tertius.model_spec import canonical_term
from tertius.shapes.common import base_of, number, p_words
from tertius.shapes.moments import inverse, joint_influence
from tertius.shapes.refit import Rows, fit_rows, rows_of
from tertius.shapes.splines import ok_values


@dataclass(frozen=True)
class BinEffect:
    """Effect of x at the median of z in one bin; `sd_x` tells whether the bin can carry it."""

    low: float
    high: float
    median: float
    rows: int
    sd_x: float
    effect: float
    std_error: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, eq=False)
class BinnedModeration:
    """Effects by bin of z, and the Wald test that they lie on one line in z.

    `monotone` says whether the effects rise or fall throughout; `curve` has one row a bin.
    """

    subject: str
    bins: tuple[BinEffect, ...]
    p_linear: float
    monotone: bool
    sentence: str
    curve: pl.DataFrame


def binned_moderation(estimate: Estimate, x: str, z: str, n_bins: int = 3) -> BinnedModeration:
    """Binning estimator (Hainmueller, Mummolo & Xu 2019, Political Analysis 27:163, eq. 4).

    Bins are quantile groups of z; in each, x, z - z_j and their product have own coefficients, z_j
    the bin's median, so that the coefficient of x is its effect at z_j. The Wald test is on the
    bins' departures of x and x z from one common line; with 200 clusters it rejects a straight line
    in about 7 % of samples at 5 %.

    Args:
        estimate: a model with x, z (or a z that the effects absorb) and x:z.
        x, z: base labels.
        n_bins: two or more.

    Raises:
        NotEstimable: z has too few values, or x does not vary in a bin.
    """
    x, z = base_of(estimate, x), base_of(estimate, z)
    rows, u, v, ok = _pair(estimate, x, z)
    edges = np.unique(np.quantile(v[ok], np.linspace(0, 1, n_bins + 1)))
    if len(edges) < 3:
        raise NotEstimable("no_variation", z, f"{z} has too few different values for bins")
    group = np.clip(np.searchsorted(edges, v, side="left") - 1, 0, len(edges) - 2)
    flags = [ok & (group == j) for j in range(len(edges) - 1)]
    middles = [float(np.median(v[flag])) for flag in flags]
    own: dict[str, FloatArray] = {}
    for j, (flag, at) in enumerate(zip(flags, middles, strict=True)):
        own[f"x in bin {j}"] = np.where(flag, u, 0.0)
        own[f"x z in bin {j}"] = np.where(flag, u * (v - at), 0.0)
        own[f"z in bin {j}"] = np.where(flag, v - at, 0.0)
        if j:
            own[f"bin {j}"] = flag.astype(np.float64)
    fit = fit_rows(rows.adding(own))
    level = estimate.spec.confidence
    bins = []
    for j, flag in enumerate(flags):
        value, error = fit.value(f"x in bin {j}"), fit.error(f"x in bin {j}")
        low, high = confidence_interval(value, error, fit.dof, level)
        spread = float(u[flag].std(ddof=1))
        ends = float(edges[j]), float(edges[j + 1])
        bins.append(BinEffect(*ends, middles[j], int(flag.sum()), spread, value, error, low, high))
    p = _departure(rows, u, v, ok, flags)
    steps = np.diff([b.effect for b in bins])
    monotone = bool((steps > 0).all() or (steps < 0).all())
    return BinnedModeration(
        subject=canonical_term(f"{x}:{z}"),
        bins=tuple(bins),
        p_linear=p,
        monotone=monotone,
        sentence=_bin_sentence(x, z, bins, p),
        curve=pl.DataFrame([b.__dict__ for b in bins]),
    )


def _pair(estimate: Estimate, x: str, z: str) -> tuple[Rows, FloatArray, FloatArray, BoolArray]:
    """Rows without x, z and their product; values of both, centred; rows where both are defined."""
    u, ok_x = ok_values(estimate, x)
    v, ok_z = ok_values(estimate, z)
    product = canonical_term(f"{x}:{z}")
    if not (estimate.has(product) or product in estimate.collinear):
        raise NotEstimable("not_in_model", product, f"{product} is not a term of the model")
    rows = rows_of(estimate).without([x, z, product])
    return rows, u - estimate.variables[x].mean, v, ok_x & ok_z


def _departure(
    rows: Rows, u: FloatArray, v: FloatArray, ok: BoolArray, flags: list[BoolArray]
) -> float:
    """p that x and x z have the same coefficients in every bin."""
    middle = float(v[ok].mean())
    w = v - middle
    columns = {
        "x": np.where(ok, u, 0.0),
        "z": np.where(ok, w, 0.0),
        "x z": np.where(ok, u * w, 0.0),
    }
    tested = []
    for j, flag in enumerate(flags[1:], start=1):
        columns[f"bin {j}"] = flag.astype(np.float64)
        columns[f"z in bin {j}"] = np.where(flag, w, 0.0)
        columns[f"x in bin {j}"] = np.where(flag, u, 0.0)
        columns[f"x z in bin {j}"] = np.where(flag, u * w, 0.0)
        tested += [f"x in bin {j}", f"x z in bin {j}"]
    return fit_rows(rows.adding(columns)).wald(tested).p_value


def _bin_sentence(x: str, z: str, bins: list[BinEffect], p: float) -> str:
    told = ", ".join(f"{number(b.effect)} at {number(b.median)}" for b in bins)
    straight = "is refused" if p < 0.05 else "is not refused"
    return (
        f"By bins of {z} the effect of {x} is {told}; a straight line in {z} {straight} "
        f"({p_words(p)})."
    )


def kernel_moderation(
    estimate: Estimate, x: str, z: str, bandwidth: float | None = None, n_points: int = 15
) -> pl.DataFrame:
    """Effect of x by local regressions around values of z (Hainmueller, Mummolo & Xu 2019, eq. 6).

    Gaussian weights in z; x, z - z0 and their product and all controls are local, effects
    included. Counts enter by the working response and weights of the fit.

    Args:
        estimate: as in `binned_moderation`.
        x, z: base labels.
        bandwidth: of the weights, by default twice Silverman's 1.06 sd n^(-1/5).
        n_points: between P5 and P95 of z.

    Returns:
        z, effect, std_error, low, high, linear (the effect by the product model), weight (sum of
        weights over that at the densest point: common support).

    Raises:
        NotEstimable: z does not vary.
    """
    x, z = base_of(estimate, x), base_of(estimate, z)
    rows, u, v, ok = _pair(estimate, x, z)
    spread = float(v[ok].std(ddof=1))
    width = bandwidth or 2 * 1.06 * spread * int(ok.sum()) ** -0.2
    whole = rows.adding({"x": np.where(ok, u, 0.0), "z": v, "x z": np.where(ok, u * v, 0.0)})
    fit = fit_rows(whole)
    weight = fit.fitted if rows.is_count else np.ones(len(v))
    y = rows.y
    if rows.is_count:
        y = whole.x[:, fit.kept] @ fit.coefficients + (rows.y - fit.fitted) / fit.fitted
    used = rows.explaining(y, is_count=False).take(ok)
    kept = rows.explaining(y, is_count=False).informative(ok)
    u, v, weight = u[kept], v[kept], weight[kept]
    found = []
    for at in np.quantile(v, np.linspace(0.05, 0.95, n_points)):
        local = np.exp(-0.5 * ((v - at) / width) ** 2)
        value, error, dof = _local(used, u, v - at, weight * np.maximum(local, 1e-10))
        low, high = confidence_interval(value, error, dof, estimate.spec.confidence)
        found.append((float(at), value, error, low, high, float(local.sum())))
    names = ("z", "effect", "std_error", "low", "high", "weight")
    frame = pl.DataFrame(found, schema=names, orient="row")
    line = fit.value("x") + fit.value("x z") * frame["z"]
    return frame.with_columns(linear=line, weight=pl.col("weight") / pl.col("weight").max())


def _local(
    rows: Rows, u: FloatArray, d: FloatArray, weight: FloatArray
) -> tuple[float, float, float]:
    """Weighted least squares with local effects; coefficient of x, clustered error and dof."""
    stacked = np.column_stack([u, d, u * d, rows.x, rows.y])
    within = rows.layout.within(stacked, weight)
    x, y = within[:, :-1], within[:, -1]
    bread = inverse(x.T @ (x * weight[:, None]))
    beta = bread @ (x.T @ (weight * y))
    scores = x * (weight * (y - x @ beta))[:, None]
    n_clusters = len(rows.cluster_ids)
    influence = sums_by_code(scores, rows.cluster, n_clusters) @ bread
    covariance = cluster_covariance(influence, n_clusters / (n_clusters - 1))
    return float(beta[0]), float(np.sqrt(covariance[0, 0])), float(n_clusters - 1)


@dataclass(frozen=True)
class DoubleDemeaned:
    """Product of x and z beside the one of their deviations from firm means.

    The plain product mixes changes within firms with differences between them; the double-demeaned
    one is within only. `p_difference` tests that both are one.
    """

    plain: float
    plain_error: float
    within: float
    within_error: float
    p_within: float
    p_difference: float
    sentence: str

    def figure(self) -> pl.DataFrame:
        """Figure data: product (plain, within firms), estimate, std_error."""
        return pl.DataFrame(
            {
                "product": ["plain", "within firms"],
                "estimate": [self.plain, self.within],
                "std_error": [self.plain_error, self.within_error],
            }
        )


def double_demeaned_check(estimate: Estimate, x: str, z: str) -> DoubleDemeaned:
    """Double-demeaned interaction (Giesselmann & Schmidt-Catran 2022, SMR 51:1100).

    The product x:z is replaced by (x - mean_i x)(z - mean_i z), means over the firm's rows in which
    both are defined.

    Raises:
        NotEstimable: no firm effects, no product, or z does not vary within firms.
    """
    x, z = base_of(estimate, x), base_of(estimate, z)
    if "org_id" not in estimate.spec.effects:
        raise NotEstimable("no_effects", z, "without firm effects nothing is demeaned")
    product = canonical_term(f"{x}:{z}")
    rows = rows_of(estimate)
    plain = fit_rows(rows)
    u, ok_x = ok_values(estimate, x)
    v, ok_z = ok_values(estimate, z)
    ok = ok_x & ok_z
    count = np.maximum(np.bincount(rows.firm[ok], minlength=int(rows.firm.max()) + 1), 1)
    means = [np.bincount(rows.firm[ok], a[ok], len(count)) / count for a in (u, v)]
    both = np.where(ok, (u - means[0][rows.firm]) * (v - means[1][rows.firm]), 0.0)
    if np.abs(both).max() <= 1e-12 * max(float(np.abs(u * v).max()), 1e-300):
        raise NotEstimable("no_variation", z, f"{z} or {x} does not vary within firms")
    second = fit_rows(rows.without([product]).adding({"within": both}))
    psi, _ = joint_influence([plain, second])
    gap = psi[:, plain.index(product)] - psi[:, len(plain.labels) + second.index("within")]
    error = float(np.sqrt((gap**2).sum()))
    difference = plain.value(product) - second.value("within")
    p = p_value_of(difference / error, plain.dof) if error > 0 else 1.0
    apart = "differs from" if p < 0.05 else "is not shown to differ from"
    return DoubleDemeaned(
        plain.value(product),
        plain.error(product),
        second.value("within"),
        second.error("within"),
        second.p_value("within"),
        p,
        f"The product {product} is {number(plain.value(product))}; within firms alone it is "
        f"{number(second.value('within'))} ({p_words(second.p_value('within'))}), which {apart} "
        f"it ({p_words(p)}).",
    )
