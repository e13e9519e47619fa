"""What two-way effects do with a staggered policy: interaction weights and decompositions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.group_time import StaggeredPanel
from tertius.estimate.two_way import make_effects


@dataclass(frozen=True, eq=False)
class EventStudy:
    """Effects by event time: `key` (p,), `estimate` (p,), `by_cluster` (C, p) influences.

    `overall` averages the event times from 0 on with their influence (C,). `cells` (m, 2) are the
    cohort and event time of each interaction, `cell_estimate` (m,) its coefficient.
    """

    key: IntArray
    estimate: FloatArray
    by_cluster: FloatArray
    overall: float
    overall_by_cluster: FloatArray
    cells: IntArray
    cell_estimate: FloatArray
    dropped: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class _Long:
    """Observed rows of a panel: unit, position of the period, outcome, cohort, covariates."""

    unit: IntArray
    period: IntArray
    y: FloatArray
    cohort: FloatArray
    x: FloatArray


def _long(panel: StaggeredPanel) -> _Long:
    seen = np.isfinite(panel.y) & np.isfinite(panel.covariates).all(axis=2)
    unit, period = (a.astype(np.int64) for a in np.nonzero(seen))
    return _Long(unit, period, panel.y[seen], panel.cohort[unit], panel.covariates[unit, period, :])


def sun_abraham(panel: StaggeredPanel, *, share_variance: bool = True) -> EventStudy:
    """Interaction-weighted event study (Sun & Abraham 2021).

    Outcomes are regressed on unit and period effects and cohort x event-time dummies, event time -1
    and never-treated units being the reference; where none is never treated the last cohort serves,
    its treated periods left out. Dummies are averaged by the cohorts' shares at each event time.

    Args:
        panel: the units; those treated from the first period on are dropped and counted.
        share_variance: add the variance of the estimated shares (their equation 28).

    Raises:
        NotEstimable: nothing is treated after the first period.
    """
    always = panel.cohort <= panel.times[0]
    panel = StaggeredPanel(
        panel.y[~always],
        panel.times,
        panel.cohort[~always],
        panel.cluster[~always],
        panel.covariates[~always],
    )
    dropped = {"units treated from the first period": int(always.sum())} if always.any() else {}
    rows = _long(panel)
    if not np.isinf(panel.cohort).any():
        last = panel.cohort.max()
        keep = panel.times[rows.period] < last
        cut = _Long(*(a[keep] for a in (rows.unit, rows.period, rows.y, rows.cohort, rows.x)))
        dropped["rows after the last cohort's start"] = int((~keep).sum())
        rows = cut
        reference = rows.cohort == last
    else:
        reference = np.isinf(rows.cohort)
    event = np.where(reference, 0, panel.times[rows.period] - np.where(reference, 0, rows.cohort))
    cells, dummies = _interactions(rows, event.astype(np.int64), reference)
    return _weight_events(panel, rows, cells, dummies, event, share_variance, dropped)


def _interactions(
    rows: _Long, event: IntArray, reference: BoolArray
) -> tuple[IntArray, FloatArray]:
    """(m, 2) cohort and event time of the dummies, and the (n, m) dummies."""
    treated = np.flatnonzero(~reference & (event != -1))
    if not len(treated):
        raise NotEstimable("no_treated", "treatment", "nothing is treated after the first period")
    pairs = np.column_stack([rows.cohort[treated].astype(np.int64), event[treated]])
    cells, place = np.unique(pairs, axis=0, return_inverse=True)
    dummies = np.zeros((len(rows.y), len(cells)))
    dummies[treated, np.asarray(place).ravel()] = 1.0
    return cells.astype(np.int64), dummies


def _weight_events(
    panel: StaggeredPanel,
    rows: _Long,
    cells: IntArray,
    dummies: FloatArray,
    event: FloatArray,
    share_variance: bool,
    dropped: dict[str, int],
) -> EventStudy:
    """Regress, then average the dummies of an event time by cohort shares."""
    _, unit = np.unique(rows.unit, return_inverse=True)
    _, period = np.unique(rows.period, return_inverse=True)
    effects = make_effects(unit.astype(np.int64), period.astype(np.int64), ("org_id", "year"))
    fit = absorbed_ols(np.hstack([dummies, rows.x]), rows.y, effects)
    kept = fit.kept[fit.kept < len(cells)]
    if len(kept) < len(cells):
        dropped["cohort x event-time dummies that are collinear"] = len(cells) - len(kept)
    m = len(kept)
    cluster = panel.cluster[rows.unit]
    n_clusters = int(panel.cluster.max()) + 1
    scores = np.zeros((n_clusters, len(fit.kept)))
    np.add.at(scores, cluster, fit.x_within * fit.residuals[:, None])
    psi = (scores @ fit.bread)[:, :m]
    delta, cells = fit.coefficients[:m], cells[kept]
    size = dummies[:, kept].sum(axis=0)
    keys = np.unique(cells[:, 1])
    estimate, columns = [], []
    for key in keys:
        at = np.flatnonzero(cells[:, 1] == key)
        weight = size[at] / size[at].sum()
        value = float(weight @ delta[at])
        column = psi[:, at] @ weight
        if share_variance:
            column = column + _share_part(dummies[:, kept[at]], delta[at] - value, cluster)
        estimate.append(value)
        columns.append(column)
    by_cluster = np.stack(columns, axis=1)
    post = keys >= 0
    return EventStudy(
        keys,
        np.array(estimate),
        by_cluster,
        float(np.array(estimate)[post].mean()),
        by_cluster[:, post].mean(axis=1),
        cells,
        delta,
        dropped,
    )


def _share_part(member: FloatArray, deviation: FloatArray, cluster: IntArray) -> FloatArray:
    """(C,) influence of estimated shares: sum_g (1{G = g} - share_g) (delta_g - mean) / n."""
    by_row = member @ deviation / member.sum()
    return np.asarray(
        np.bincount(cluster, weights=by_row, minlength=int(cluster.max()) + 1), dtype=np.float64
    )


@dataclass(frozen=True)
class BaconTerm:
    """One 2x2 comparison inside the two-way estimate: cohorts (inf: never), weight, estimate.

    `kind`: treated_vs_never, earlier_vs_later, later_vs_earlier (a forbidden one: already treated
    units serve as controls), treated_vs_always (also forbidden).
    """

    treated: float
    control: float
    kind: str
    weight: float
    estimate: float


def bacon_decomposition(panel: StaggeredPanel) -> tuple[BaconTerm, ...]:
    """Weights and estimates of all 2x2 comparisons of a balanced panel (Goodman-Bacon 2021).

    The weighted sum of the estimates is the two-way fixed-effects coefficient of the treatment
    without covariates (theorem 1).

    Raises:
        NotEstimable: the panel is not balanced, or no cohort differs from another.
    """
    if not np.isfinite(panel.y).all():
        raise NotEstimable("unbalanced", "treatment", "Bacon weights need a balanced panel")
    times = panel.times.astype(np.float64)
    cohorts = np.unique(np.where(panel.cohort > times[-1], np.inf, panel.cohort))
    cohorts = np.unique(np.where(cohorts <= times[0], -np.inf, cohorts))
    own = np.where(panel.cohort > times[-1], np.inf, panel.cohort)
    own = np.where(own <= times[0], -np.inf, own)
    mean = {c: panel.y[own == c].mean(axis=0) for c in cohorts}
    size = {c: float((own == c).mean()) for c in cohorts}
    share = {c: float((times >= c).mean()) for c in cohorts}
    raw = [
        term
        for early, late in combinations(cohorts, 2)
        for term in _pair(early, late, mean, size, share, times)
    ]
    total = sum(term.weight for term in raw)
    if total <= 0:
        raise NotEstimable("no_variation", "treatment", "the treatment does not vary")
    return tuple(BaconTerm(t.treated, t.control, t.kind, t.weight / total, t.estimate) for t in raw)


def _pair(
    early: float,
    late: float,
    mean: Mapping[float, FloatArray],
    size: Mapping[float, float],
    share: Mapping[float, float],
    times: FloatArray,
) -> list[BaconTerm]:
    """Unnormalised terms of two cohorts, `early` < `late` (equations 10a to 10f)."""
    scale = size[early] * size[late]
    d_early, d_late = share[early], share[late]

    def contrast(t: float, c: float, post: BoolArray, pre: BoolArray) -> float:
        after = mean[t][post].mean() - mean[c][post].mean()
        return float(after - (mean[t][pre].mean() - mean[c][pre].mean()))

    if np.isinf(early) and np.isinf(late):
        return []
    if np.isinf(late):
        value = contrast(early, late, times >= early, times < early)
        weight = scale * d_early * (1 - d_early)
        return [BaconTerm(early, late, "treated_vs_never", weight, value)]
    if np.isinf(early):
        value = contrast(late, early, times >= late, times < late)
        weight = scale * d_late * (1 - d_late)
        return [BaconTerm(late, early, "treated_vs_always", weight, value)]
    between = (times >= early) & (times < late)
    return [
        BaconTerm(
            early,
            late,
            "earlier_vs_later",
            scale * (d_early - d_late) * (1 - d_early),
            contrast(early, late, between, times < early),
        ),
        BaconTerm(
            late,
            early,
            "later_vs_earlier",
            scale * d_late * (d_early - d_late),
            contrast(late, early, times >= late, between),
        ),
    ]


def negative_weight_share(panel: StaggeredPanel) -> float:
    """Share of treated cells that enter the two-way coefficient with a negative weight.

    Weights are residuals of the treatment on unit and period effects (de Chaisemartin &
    D'Haultfoeuille 2020, theorem 1), in absolute size.
    """
    rows = _long(panel)
    treated = (panel.times[rows.period] >= rows.cohort).astype(np.float64)
    _, unit = np.unique(rows.unit, return_inverse=True)
    effects = make_effects(unit.astype(np.int64), rows.period, ("org_id", "year"))
    weight = effects.within(treated[:, None])[:, 0][treated == 1]
    total = float(np.abs(weight).sum())
    if total <= 0:
        raise NotEstimable("no_variation", "treatment", "the treatment does not vary")
    return float(np.abs(weight[weight < 0]).sum()) / total
