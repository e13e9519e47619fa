"""An estimate as plain arrays, so that a shape test can fit other columns on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import OK, Base, NotEstimable, stack_regressors
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.fe_poisson import (
    PoissonFit,
    absorbed_poisson,
    cluster_scores,
    separated_rows,
    suspicious,
)
from tertius.estimate.result import Estimate
from tertius.estimate.sample import Sample, cluster_sums, renumber
from tertius.estimate.two_way import Effects, lay_out_effects, lone_rows
from tertius.inference.covariance import cluster_covariance, p_value_of, small_sample_factor
from tertius.model_spec import parse_term

COUNT_ESTIMATORS = ("fe_poisson",)
LINEAR_ESTIMATORS = ("fe_ols",)


@dataclass(frozen=True, eq=False)
class Rows:
    """Outcome (n,), regressors (n, k), codes of firm and cluster, sorted by firm and year.

    `effects` are the codes (n,) of each absorbed effect.
    """

    y: FloatArray
    x: FloatArray
    labels: tuple[str, ...]
    firm: IntArray
    cluster: IntArray
    cluster_ids: tuple[str, ...]
    effects: Mapping[str, IntArray]
    is_count: bool
    convention: str

    @property
    def layout(self) -> Effects:
        """The absorbed effects."""
        codes = {name: renumber(code)[0] for name, code in self.effects.items()}
        return lay_out_effects(codes or {"": np.zeros(len(self.y), dtype=np.int64)})

    def column(self, label: str) -> FloatArray:
        """(n,) values of a regressor.

        Raises:
            NotEstimable: it is no regressor.
        """
        if label not in self.labels:
            raise NotEstimable("not_in_model", label, f"{label} is no regressor of these rows")
        return self.x[:, self.labels.index(label)]

    def without(self, labels: Sequence[str]) -> Rows:
        """The rows with some regressors taken out."""
        kept = [j for j, label in enumerate(self.labels) if label not in labels]
        return replace(self, x=self.x[:, kept], labels=tuple(self.labels[j] for j in kept))

    def adding(self, columns: Mapping[str, FloatArray]) -> Rows:
        """The rows with further regressors put in front, so that they win over collinear ones."""
        if not columns:
            return self
        x = np.column_stack([*columns.values(), self.x])
        return replace(self, x=x, labels=(*columns, *self.labels))

    def explaining(self, y: FloatArray, *, is_count: bool) -> Rows:
        """The rows with another outcome."""
        return replace(self, y=y, is_count=is_count)

    def take(self, rows: BoolArray) -> Rows:
        """A part of the rows, without those that carry no information on slopes.

        Singletons leave; for counts also groups of an effect whose outcomes are all zero.
        """
        keep = self.informative(rows)
        if not keep.any():
            raise NotEstimable("no_rows", "rows", "no row of this part carries information")
        cluster, used = renumber(self.cluster[keep])
        return replace(
            self,
            y=self.y[keep],
            x=self.x[keep],
            firm=self.firm[keep],
            effects={name: code[keep] for name, code in self.effects.items()},
            cluster=cluster,
            cluster_ids=tuple(self.cluster_ids[c] for c in used),
        )

    def informative(self, rows: BoolArray) -> BoolArray:
        """(n,) rows of a part that `take` keeps."""
        keep = rows.copy()
        codes = list(self.effects.values())
        while True:
            before = int(keep.sum())
            for code in codes if self.is_count else []:
                total = np.bincount(code[keep], self.y[keep], minlength=int(code.max()) + 1)
                keep &= total[code] > 0
            keep &= ~lone_rows(codes, keep)
            if int(keep.sum()) == before:
                return keep


@dataclass(frozen=True, eq=False)
class Refit:
    """Coefficients (k,) of kept columns, clustered covariance and influences (G, k)."""

    labels: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    influence: FloatArray
    cluster_ids: tuple[str, ...]
    fitted: FloatArray
    kept: IntArray
    n_obs: int

    @property
    def dof(self) -> float:
        """Clusters less one."""
        return float(len(self.cluster_ids) - 1)

    def index(self, label: str) -> int:
        """Position of a coefficient.

        Raises:
            NotEstimable: the column was dropped as collinear.
        """
        if label not in self.labels:
            raise NotEstimable("collinear", label, f"{label} is collinear on these rows")
        return self.labels.index(label)

    def value(self, label: str) -> float:
        """Coefficient of a column."""
        return float(self.coefficients[self.index(label)])

    def error(self, label: str) -> float:
        """Clustered standard error of a coefficient."""
        j = self.index(label)
        return float(np.sqrt(self.covariance[j, j]))

    def p_value(self, label: str, alternative: str = "two-sided") -> float:
        """p of the t test of a coefficient."""
        return p_value_of(self.value(label) / self.error(label), self.dof, alternative)

    def wald(self, labels: Sequence[str]) -> WaldTest:
        """Joint test that some coefficients are zero; those dropped as collinear do not count."""
        places = [self.labels.index(label) for label in labels if label in self.labels]
        if not places:
            raise NotEstimable("collinear", ", ".join(labels), "no coefficient is left to test")
        b, v = self.coefficients[places], self.covariance[np.ix_(places, places)]
        return wald_test(b, v, self.dof)


@dataclass(frozen=True)
class WaldTest:
    """Cluster Wald test in its F form: chi2/q against F(q, G - 1)."""

    statistic: float
    restrictions: int
    dof: float
    p_value: float


def wald_test(value: FloatArray, covariance: FloatArray, dof: float) -> WaldTest:
    """F = b' V^-1 b / q against F(q, dof); a singular V is inverted on its range."""
    inverse = np.linalg.pinv(covariance, hermitian=True)
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    statistic = float(value @ inverse @ value) / max(rank, 1)
    return WaldTest(statistic, rank, dof, float(stats.f.sf(statistic, rank, dof)))


def rows_of(estimate: Estimate) -> Rows:
    """Rebuild the arrays of an estimate from its frame; fitting them gives its coefficients.

    Raises:
        NotEstimable: the estimator has no counterpart here.
    """
    spec, frame = estimate.spec, estimate.frame
    if spec.estimator not in (*COUNT_ESTIMATORS, *LINEAR_ESTIMATORS):
        what = f"shape tests that fit again do not know the estimator {spec.estimator}"
        raise NotEstimable("no_refit", spec.name, what)
    x, labels = _regressors(estimate)
    cluster = frame[spec.cluster].cast(pl.String)
    return Rows(
        y=frame["y"].to_numpy().astype(np.float64),
        x=x,
        labels=labels,
        firm=_codes(frame["org_id"]),
        cluster=_codes(cluster),
        cluster_ids=tuple(cluster.unique().sort().to_list()),
        effects={effect: _effect_codes(frame, effect) for effect in spec.effects},
        is_count=spec.estimator in COUNT_ESTIMATORS,
        convention=spec.se_convention,
    )


def _regressors(estimate: Estimate) -> tuple[FloatArray, tuple[str, ...]]:
    """Columns of the coefficients in their order, from the recorded limits and centres."""
    spec, frame = estimate.spec, estimate.frame
    columns: dict[str, FloatArray] = {}
    for label, known in estimate.variables.items():
        values = estimate.values(label) - known.centre
        filler = 0.0
        if spec.undefined == "bound" and known.variable in spec.bounds:
            made = Base(known.variable, known.transform, None, None, known.centre)
            filler = float(made.values(np.array([spec.bounds[known.variable]]))[0]) - known.centre
        columns[label] = np.where(np.isnan(values), filler, values)
    undefined = {v: _undefined(frame[f"{v}_status"]) for v in spec.variables}
    terms = [parse_term(label) for label in spec.regressors]
    x, labels, _ = stack_regressors(terms, columns, undefined, spec)
    places = [labels.index(label) for label in estimate.terms]
    return x[:, places], estimate.terms


def _undefined(status: pl.Series) -> dict[str, BoolArray]:
    names = sorted(name for name in status.unique().to_list() if name != OK)
    return {name: (status == name).to_numpy() for name in names}


def _codes(column: pl.Series) -> IntArray:
    return column.rank("dense").to_numpy().astype(np.int64) - 1


def _effect_codes(frame: pl.DataFrame, effect: str) -> IntArray:
    """Codes of a column, or of the combinations of several."""
    return _codes(frame.select(pl.struct(effect.split(":")).alias("effect"))["effect"])


def fit_part(rows: Rows) -> Refit:
    """`fit_rows` of a part of a sample, in which a regressor may predict zeros that it does not
    predict in the whole: such rows leave, as they carry no information on the other slopes.

    Raises:
        NotEstimable: as `fit_rows`.
    """
    if not rows.is_count:
        return fit_rows(rows)
    poisson = absorbed_poisson(rows.x, rows.y, rows.layout)
    if suspicious(poisson, rows.y):
        separated = separated_rows(rows.x, rows.y, rows.layout)
        if separated.any():
            return fit_part(rows.take(~separated))
    return fit_rows(rows, poisson)


def fit_rows(rows: Rows, poisson: PoissonFit | None = None) -> Refit:
    """Fixed-effects OLS or Poisson of the rows, with clustered covariance.

    Args:
        rows: what to fit.
        poisson: the maximum of counts, where it is known.

    Raises:
        NotEstimable: nothing varies, every column is collinear, fewer than two clusters, or the
            Poisson maximum was not reached.
    """
    if len(rows.cluster_ids) < 2:
        raise NotEstimable("too_few_clusters", "rows", "fewer than two clusters")
    effects = rows.layout
    sample = Sample(
        np.ones(len(rows.y), dtype=bool),
        rows.y,
        rows.x,
        effects,
        rows.cluster,
        rows.cluster_ids,
        (),
        {},
    )
    if rows.is_count:
        poisson = poisson or absorbed_poisson(rows.x, rows.y, effects)
        if not poisson.converged:
            raise NotEstimable("no_maximum", "rows", "the likelihood has no maximum in reach")
        kept, fitted = poisson.kept, poisson.mu
        k = len(kept)
        influence = (cluster_scores(poisson, sample) @ poisson.bread)[:, :k] / poisson.scale
        coefficients = poisson.coefficients[:k] / poisson.scale
    else:
        ols = absorbed_ols(rows.x, rows.y, effects)
        kept, fitted, coefficients = ols.kept, rows.y - ols.residuals, ols.coefficients
        influence = cluster_sums(ols.x_within * ols.residuals[:, None], sample) @ ols.bread
    return Refit(
        labels=tuple(rows.labels[j] for j in kept),
        coefficients=coefficients,
        covariance=cluster_covariance(influence, _factor(rows, len(kept))),
        influence=influence,
        cluster_ids=rows.cluster_ids,
        fitted=fitted,
        kept=kept,
        n_obs=len(rows.y),
    )


def _factor(rows: Rows, n_regressors: int) -> float:
    n_firms = len(np.unique(rows.firm)) if "org_id" in rows.effects else 0
    counts = (len(rows.y), n_regressors, len(rows.cluster_ids), n_firms, _levels(rows))
    try:
        return small_sample_factor(rows.convention, *counts)
    except (ValueError, ZeroDivisionError) as error:
        raise NotEstimable("too_few_rows", "rows", str(error)) from error


def _levels(rows: Rows) -> int:
    """1 + sum of (levels - 1) over the effects but the firm's that do not lie inside clusters."""
    counted = 1
    for name, code in rows.effects.items():
        home = np.zeros(int(code.max()) + 1, dtype=np.int64)
        home[code] = rows.cluster
        if name != "org_id" and not (home[code] == rows.cluster).all():
            counted += len(np.unique(code)) - 1
    return counted
