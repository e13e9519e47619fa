"""Does an effect differ between groups of firms? Interacted fits and permutation by firm.

All regressors and effects differ between the groups, so that the pooled interacted model, the two
separate fits and the stacked (seemingly unrelated) covariance are one and the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.shapes.common import base_of, number, outcome_words, p_words
from tertius.shapes.joint import JointResult, Scalar, joint_result, scalar
from tertius.shapes.moments import Moments, joint_influence, moments_of
from tertius.shapes.permutation import Permutation, fisher_permutation
from tertius.shapes.refit import Refit, Rows, WaldTest, fit_part, fit_rows, rows_of, wald_test


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupDifference(JointResult):
    """Slope in the first group less slope in the second; `p_value` is the permutation's.

    `interacted` is the clustered t test of the difference (Welch degrees of freedom), `joint` the
    cluster Wald test that all slopes are equal (Chow). A group in which an effect is significant
    beside one in which it is not says nothing about their difference.
    """

    first: Scalar
    second: Scalar
    interacted: Scalar
    joint: WaldTest
    permutation: Permutation
    n_first: int
    n_second: int


def first_year_groups(
    estimate: Estimate, variable: str, cut: float | None = None, within_cohort: bool = True
) -> dict[str, bool]:
    """Firms whose first defined value of a regressor lies above a cut, fixed for all their years.

    Args:
        estimate: a model that holds the variable.
        variable: base label.
        cut: value; by default the median, within the cohorts of firms that enter the sample in the
            same year where `within_cohort`, else of all firms.
        within_cohort: as above.

    Returns:
        org_id -> above the cut; firms without a defined value are left out.

    Raises:
        NotEstimable: the variable does not split the firms.
    """
    base = base_of(estimate, variable)
    frame = pl.DataFrame(
        {
            "org_id": estimate.frame["org_id"],
            "year": estimate.frame["year"],
            "value": estimate.values(base),
        }
    ).sort("org_id", "year")
    entry = frame.group_by("org_id").agg(pl.col("year").min().alias("entry"))
    firms = frame.filter(pl.col("value").is_not_nan()).group_by("org_id", maintain_order=True)
    start = firms.agg(pl.col("value").first()).join(entry, on="org_id").sort("org_id")
    line = pl.lit(cut)
    if cut is None:
        line = pl.col("value").median().over("entry") if within_cohort else pl.col("value").median()
    above = start.select("org_id", above=pl.col("value") > line)
    if above["above"].n_unique() < 2:
        raise NotEstimable("no_variation", base, f"{base} does not split the firms in two groups")
    return dict(above.iter_rows())


def group_difference_test(
    estimate: Estimate,
    x: str,
    groups: Mapping[str, bool],
    *,
    sign: str | None = None,
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 1,
    names: tuple[str, str] = ("first group", "second group"),
) -> GroupDifference:
    """Test that the slope in x differs between two groups of firms.

    Labels are permuted over clusters (firms), both groups estimated anew and the difference
    studentised. OLS is estimated exactly in each relabeling; counts by one Newton step from the
    pooled estimate, for the observed labels too.

    Args:
        estimate: the pooled model.
        x: term whose slope is compared.
        groups: org_id -> True for the first group; firms left out do not enter.
        sign: stated sign of first less second, '+', '-' or None.
        alpha: level of the permutation p.
        draws, seed: of the relabelings.
        names: of the groups, for the sentence.

    Raises:
        NotEstimable: a group cannot be estimated, or it cuts through a cluster.
    """
    rows, label = rows_of(estimate), estimate.terms[estimate.index(x)]
    flags = _row_flags(estimate, groups)
    rows, flags = rows.take(flags >= 0), flags[rows.informative(flags >= 0)]
    first_clusters = _cluster_flags(rows, flags == 1)
    fits = (fit_part(rows.take(flags == 1)), fit_part(rows.take(flags == 0)))
    one, two = (scalar(f.value(label), f.error(label), f.dof) for f in fits)
    gap = math.hypot(one.std_error, two.std_error)
    dof = welch_dof([s.std_error**2 for s in (one, two)], [f.dof for f in fits])
    interacted = scalar(one.value - two.value, gap, dof, estimate.spec.confidence, sign)
    pooled = fit_rows(rows)
    moments = moments_of(rows, pooled)
    # labels move along an order of what clusters say, not of their names
    order = np.lexsort(moments.cross.T)
    place = np.argsort(order)
    permutation = fisher_permutation(
        lambda part: _split(moments, pooled.index(label), part[place]),
        first_clusters[order],
        draws=draws,
        seed=seed,
    )
    return _result(estimate, label, sign, alpha, names, fits, (one, two), interacted, permutation)


def welch_dof(variances: Sequence[float], dofs: Sequence[float]) -> float:
    """Degrees of freedom of a difference of independent estimates (Satterthwaite 1946)."""
    parts = (v**2 / d for v, d in zip(variances, dofs, strict=True))
    return float(sum(variances) ** 2 / sum(parts))


def _split(moments: Moments, j: int, first: BoolArray) -> tuple[float, float]:
    """Difference of a slope between clusters and the rest, with its standard error."""
    (b1, psi1), (b2, psi2) = moments.part(first), moments.part(~first)
    squares = [float((psi[:, j] ** 2).sum()) * len(psi) / (len(psi) - 1) for psi in (psi1, psi2)]
    return float(b1[j] - b2[j]), math.sqrt(sum(squares))


def _row_flags(estimate: Estimate, groups: Mapping[str, bool]) -> IntArray:
    """(n,) 1 for the first group, 0 for the second, -1 for firms in neither."""
    firms = estimate.frame["org_id"].to_list()
    return np.array([int(groups[f]) if f in groups else -1 for f in firms], dtype=np.int64)


def _cluster_flags(rows: Rows, first: BoolArray) -> BoolArray:
    """(G,) whether a cluster belongs to the first group.

    Raises:
        NotEstimable: a cluster has firms of both.
    """
    n = len(rows.cluster_ids)
    share = np.bincount(rows.cluster, first.astype(np.float64), n) / np.bincount(
        rows.cluster, minlength=n
    )
    if ((share > 0) & (share < 1)).any():
        raise NotEstimable("groups_cut_clusters", "group", "a cluster has firms of both groups")
    return np.asarray(share > 0.5)


def joint_difference(fits: tuple[Refit, Refit], labels: list[str]) -> WaldTest:
    """Cluster Wald test that both fits have the same coefficients (Chow, robust)."""
    shared = [c for c in labels if c in fits[0].labels and c in fits[1].labels]
    places = [[fit.index(c) for c in shared] for fit in fits]
    gap = fits[0].coefficients[places[0]] - fits[1].coefficients[places[1]]
    covariance = sum(fit.covariance[np.ix_(at, at)] for fit, at in zip(fits, places, strict=True))
    dof = float(len(fits[0].cluster_ids) + len(fits[1].cluster_ids) - 2)
    return wald_test(gap, np.asarray(covariance), dof)


def _result(
    estimate: Estimate,
    label: str,
    sign: str | None,
    alpha: float,
    names: tuple[str, str],
    fits: tuple[Refit, Refit],
    slopes: tuple[Scalar, Scalar],
    interacted: Scalar,
    permutation: Permutation,
) -> GroupDifference:
    psi, ids = joint_influence(fits)
    first = psi[:, fits[0].index(label)]
    second = psi[:, len(fits[0].labels) + fits[1].index(label)]
    one_sided = {"+": permutation.p_greater, "-": permutation.p_less}
    p = one_sided[sign] if sign else permutation.p_two_sided
    reverse = permutation.p_two_sided < alpha
    wanted = {"+": 1, "-": -1, None: np.sign(interacted.value)}[sign] * interacted.value > 0
    passed = p < alpha if wanted else reverse
    decision = "none" if not passed else "positive" if interacted.value > 0 else "negative"
    result: GroupDifference = joint_result(
        GroupDifference,
        interacted,
        first - second,
        ids,
        sign,
        shape="group_difference",
        model=estimate.spec.name,
        subject=label,
        quantity=f"slope of {label}, {names[0]} less {names[1]}",
        p_value=p,
        decision=decision,
        reasons=(f"permutation {p_words(p)}, interacted {p_words(interacted.p_value)}",),
        sentence=_sentence(estimate, label, names, slopes, interacted, permutation),
        curve=_curve(names, slopes),
        first=slopes[0],
        second=slopes[1],
        interacted=interacted,
        joint=joint_difference(fits, list(estimate.terms)),
        permutation=permutation,
        n_first=fits[0].n_obs,
        n_second=fits[1].n_obs,
    )
    return result


def _curve(names: tuple[str, str], slopes: tuple[Scalar, Scalar]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "group": list(names),
            "slope": [s.value for s in slopes],
            "low": [s.conf_low for s in slopes],
            "high": [s.conf_high for s in slopes],
        }
    )


def _sentence(
    estimate: Estimate,
    label: str,
    names: tuple[str, str],
    slopes: tuple[Scalar, Scalar],
    interacted: Scalar,
    permutation: Permutation,
) -> str:
    return (
        f"The slope of {outcome_words(estimate)} in {label} is {number(slopes[0].value)} in the "
        f"{names[0]} and {number(slopes[1].value)} in the {names[1]}; their difference "
        f"{number(interacted.value)} has permutation {p_words(permutation.p_two_sided)} over "
        f"{len(permutation.draws)} relabelings of firms and interacted "
        f"{p_words(interacted.p_two_sided)}."
    )
