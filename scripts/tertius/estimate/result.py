"""The frozen result of one regression, its plain tables, and the way back from tables to result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.catalogue import ESTIMATORS, Estimator
from tertius.estimate.columns import Base, NotEstimable
from tertius.estimate.design import Design, LedgerStep, n_organisations
from tertius.estimate.sample import Sample
from tertius.inference.covariance import CONVENTION_TEXT, cluster_covariance, small_sample_factor
from tertius.inference.score_bootstrap import Hypothesis
from tertius.model_spec import ModelSpec, canonical_term, parse_term

CONSTANT = "constant"
"""Term of the constant, where an estimator reports one; it counts as one of the years in K."""
FEW_CLUSTERS = 50
LITTLE_WITHIN = 0.10
MANY_ROWS, QUANTILE_BINS = 10_000, 1000
STATISTICS = ("r2_within", "log_likelihood", "deviance", "pseudo_r2")
"""Keys of `Estimate.statistics`, as they stand in fit.json."""


@dataclass(frozen=True)
class VariableStats:
    """A transformed regressor over the ok rows of the final sample, on its uncentred scale.

    `sd_within` follows Stata's xtsum: deviations from the firm mean, divisor n - 1. `centre` is
    what was subtracted before products and powers were formed (0 where none was).
    """

    variable: str
    transform: str
    mean: float
    sd: float
    sd_within: float
    min: float
    max: float
    p5: float
    p95: float
    n_ok: int
    n_undefined: int
    centre: float
    winsor_low: float | None
    winsor_high: float | None


@dataclass(frozen=True)
class Diagnostic:
    """A number beside the coefficients: a test, a strength, a parameter; `text` reads it out.

    `value` is the quantity itself where there is one (an effective F, a threshold), `statistic`,
    `p_value` and `df` belong to a test; whatever does not apply is None.
    """

    text: str
    value: float | None = None
    statistic: float | None = None
    p_value: float | None = None
    df: float | None = None


@dataclass(frozen=True, eq=False)
class Fit:
    """What an estimator hands over: coefficients (k,), influence by cluster (G, k), fitted (n,).

    Coefficients are named by `terms`; without these, by the design's labels of `columns`.
    `covariance` and its words `se_convention` replace the clustered covariance made from
    `influence`, for estimators with a covariance of their own; `information` is the inverse
    information (k, k) behind the convention of that name. `dof` replaces G - 1.
    """

    sample: Sample
    coefficients: FloatArray
    influence: FloatArray
    fitted: FloatArray
    columns: IntArray
    collinear: IntArray
    statistics: Mapping[str, float]
    iterations: int = 1
    warnings: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    covariance: FloatArray | None = None
    se_convention: str = ""
    information: FloatArray | None = None
    dof: float | None = None
    diagnostics: Mapping[str, Diagnostic] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    plain_words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Estimate:
    """One estimated model.

    `coefficients` (k,), `covariance` (k, k) and `influence` (G, k) follow `terms`; `influence` is
    the bread times the score summed by cluster, so that b* - b is its weighted sum. `frame` has
    one row per observation: org_id, year, y, fitted and the raw variables (null where undefined)
    with status. `tables` are further results of the estimator by name (first stage, event times).
    `n_firms` counts organisations: in frames of dyads the members of all dyads.
    `remarks` are the estimator's own sentences for the plain words of fit.json, `missteps` what was
    found amiss: id, action, reason, source.
    """

    spec: ModelSpec
    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    influence: FloatArray
    cluster_ids: tuple[str, ...]
    dof: float
    n_obs: int
    n_firms: int
    n_years: int
    frame: pl.DataFrame
    variables: Mapping[str, VariableStats]
    ledger: tuple[LedgerStep, ...]
    dropped: Mapping[str, int]
    collinear: tuple[str, ...]
    unavailable: Mapping[str, str]
    statistics: Mapping[str, float]
    se_convention: str
    mean_outcome: float
    iterations: int = 1
    warnings: tuple[str, ...] = field(default_factory=tuple)
    diagnostics: Mapping[str, Diagnostic] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    missteps: tuple[Mapping[str, str], ...] = ()

    @property
    def estimator(self) -> Estimator:
        """Entry of the estimator in the catalogue."""
        return ESTIMATORS[self.spec.estimator]

    @property
    def link(self) -> str:
        """Scale of the coefficients: ``identity``, ``log`` of E[y] or ``logit``."""
        return self.estimator.link

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return len(self.cluster_ids)

    @property
    def std_errors(self) -> FloatArray:
        """(k,) standard errors."""
        return np.sqrt(np.diag(self.covariance))

    def index(self, term: str) -> int:
        """Position of a term, in any spelling of the grammar.

        Raises:
            NotEstimable: the term was dropped as collinear or is not part of the model.
        """
        label = term if term in self.terms else canonical_term(term)
        if label in self.terms:
            return self.terms.index(label)
        if label in self.collinear:
            reason = f"{label} is collinear with the effects or earlier terms and was dropped"
            raise NotEstimable("collinear", label, reason)
        raise NotEstimable("not_in_model", label, f"{label} is not a term of {self.spec.name}")

    def has(self, term: str) -> bool:
        """Whether the term has a coefficient."""
        return term in self.terms or canonical_term(term) in self.terms

    def coefficient(self, term: str) -> float:
        """Coefficient of a term, 0.0 where the effects absorbed it.

        Raises:
            NotEstimable: the term is not part of the model.
        """
        if not self.has(term) and canonical_term(term) in self.collinear:
            return 0.0
        return float(self.coefficients[self.index(term)])

    def values(self, base: str) -> FloatArray:
        """(n,) uncentred values of a transformed variable, NaN where undefined."""
        known = self.variables[base]
        made = Base(
            known.variable, known.transform, known.winsor_low, known.winsor_high, known.centre
        )
        return made.values(self.frame[known.variable].to_numpy().astype(np.float64))

    def spread(self, base: str) -> tuple[float, str]:
        """A telling change of a transformed variable, and what it is in words.

        One standard deviation within firms; where the model has no firm effects, and so compares
        firms (or dyads) with each other, one standard deviation of all rows.
        """
        known = self.variables[base]
        if "org_id" in self.spec.effects:
            return known.sd_within, "one within-firm standard deviation"
        return known.sd, "one standard deviation"

    def contrast(self, weights: Mapping[str, float]) -> FloatArray:
        """(k,) gradient with the given weights by term, 0 elsewhere.

        Raises:
            NotEstimable: as in `index`.
        """
        gradient = np.zeros(len(self.terms))
        for term, weight in weights.items():
            gradient[self.index(term)] += weight
        return gradient

    def std_error_of(self, gradient: FloatArray) -> float:
        """Delta-method standard error of a quantity with the given (k,) gradient."""
        return math.sqrt(max(float(gradient @ self.covariance @ gradient), 0.0))

    def hypothesis(
        self, name: str, gradient: FloatArray, estimate: float, alternative: str = "two-sided"
    ) -> Hypothesis:
        """A scalar hypothesis for joint inference: `estimate` is measured from the null.

        Raises:
            NotEstimable: the contrast has no variance.
        """
        error = self.std_error_of(gradient)
        if not error > 0:  # also where there is none (NaN)
            raise NotEstimable("no_variation", name, "the contrast has no variance")
        return Hypothesis(
            name, self.influence @ gradient, self.cluster_ids, estimate, error, alternative
        )


def assemble_estimate(design: Design, fit: Fit) -> Estimate:
    """Join a design and a fit into the frozen result.

    Raises:
        NotEstimable: fewer than two clusters, or no degree of freedom.
    """
    spec, sample = design.spec, fit.sample
    ids = sample.cluster_ids
    rows = design.frame if sample.rows.all() else design.frame.filter(pl.Series(sample.rows))
    frame = rows.drop("y_status")
    frame = frame.insert_column(frame.columns.index("y") + 1, pl.Series("fitted", fit.fitted))
    labels = fit.terms or tuple(design.labels[j] for j in fit.columns)
    covariance, words, dof = _covariance_of(design, fit, len(labels))
    variables = describe_variables(design, frame)
    collinear = tuple(design.labels[j] for j in fit.collinear)
    warnings = [*design.warnings, *fit.warnings, *_result_warnings(spec, len(ids), variables)]
    focal = [label for label in collinear if label in spec.terms]
    warnings += [f"{label} is collinear with the effects or earlier terms" for label in focal]
    return Estimate(
        spec=spec,
        terms=labels,
        coefficients=fit.coefficients,
        covariance=covariance,
        influence=fit.influence,
        cluster_ids=ids,
        dof=dof,
        n_obs=frame.height,
        n_firms=n_organisations(frame, spec),
        n_years=n_levels(design.year[sample.rows]),
        frame=frame,
        variables=variables,
        ledger=design.ledger + sample.ledger,
        dropped={**design.dropped, **sample.dropped},
        collinear=collinear,
        unavailable=design.unavailable,
        statistics=fit.statistics,
        se_convention=words,
        mean_outcome=float(frame["y"].drop_nulls().drop_nans().to_numpy().mean()),
        iterations=fit.iterations,
        warnings=tuple(warnings),
        diagnostics=fit.diagnostics,
        tables=fit.tables,
        remarks=fit.plain_words,
    )


def n_levels(codes: IntArray) -> int:
    """Number of different codes."""
    return int(np.count_nonzero(np.bincount(codes)))


def _covariance_of(design: Design, fit: Fit, k: int) -> tuple[FloatArray, str, float]:
    """Covariance (k, k) under the convention, its words, and degrees of freedom."""
    spec = design.spec
    clusters, n = len(fit.sample.cluster_ids), len(fit.fitted)
    dof = float(clusters - 1) if fit.dof is None else fit.dof
    if fit.covariance is not None:
        return fit.covariance, fit.se_convention, dof
    words = CONVENTION_TEXT[spec.se_convention].format(cluster=spec.cluster)
    if spec.se_convention == "information":
        if fit.information is None:
            reason = f"{spec.estimator} has no standard errors from the information matrix"
            raise NotEstimable("no_information", spec.name, reason)
        return fit.information, words, float(max(n - k, 1))
    n_firms = n_levels(design.firm[fit.sample.rows]) if "org_id" in spec.effects else 0
    k -= CONSTANT in fit.terms
    try:
        factor = small_sample_factor(
            spec.se_convention, n, k, clusters, n_firms, levels_counted(design, fit.sample.rows)
        )
    except (ValueError, ZeroDivisionError) as error:
        raise NotEstimable("too_few_rows", spec.name, f"{spec.name}: {error}") from error
    return cluster_covariance(fit.influence, factor), words, dof


def levels_counted(design: Design, rows: BoolArray) -> int:
    """`levels_outside` of the rows of a design."""
    effects = {name: codes[rows] for name, codes in design.effects.items()}
    return levels_outside(effects, design.cluster[rows])


def levels_outside(effects: Mapping[str, IntArray], cluster: IntArray) -> int:
    """1 + sum of (levels - 1) over the effects but the firm's that do not lie inside clusters.

    Args:
        effects: (n,) codes by effect.
        cluster: (n,) codes.
    """
    counted = 1
    for effect, used in effects.items():
        home = np.zeros(int(used.max()) + 1, dtype=np.int64)
        home[used] = cluster
        if effect != "org_id" and (home[used] != cluster).any():
            counted += n_levels(used) - 1
    return counted


def describe_variables(design: Design, frame: pl.DataFrame) -> dict[str, VariableStats]:
    """Statistics of each transformed variable over the ok rows of the final sample."""
    firm = frame["org_id"].rle_id().to_numpy().astype(np.int64)
    sizes = np.bincount(firm)
    out: dict[str, VariableStats] = {}
    for label, base in sorted(design.bases.items()):
        values = base.values(frame[base.variable].to_numpy().astype(np.float64))
        ok = ~np.isnan(values)
        if not ok.any():
            raise NotEstimable("no_rows", label, f"{label} has no ok row in the final sample")
        whole = bool(ok.all())
        x, code = (values, firm) if whole else (values[ok], firm[ok])
        counts = sizes if whole else np.maximum(np.bincount(code), 1)
        spread = x - (np.bincount(code, weights=x) / counts)[code]
        p5, p95 = quantiles(x, (0.05, 0.95))
        mean = float(x.mean())
        around = x - mean
        out[label] = VariableStats(
            variable=base.variable,
            transform=base.transform,
            mean=mean,
            sd=math.sqrt(float(around @ around) / max(len(x) - 1, 1)),
            sd_within=math.sqrt(float(spread @ spread) / max(len(x) - 1, 1)),
            min=float(x.min()),
            max=float(x.max()),
            p5=float(p5),
            p95=float(p95),
            n_ok=len(x),
            n_undefined=int((~ok).sum()),
            centre=base.centre,
            winsor_low=base.winsor_low,
            winsor_high=base.winsor_high,
        )
    return out


def quantiles(x: FloatArray, shares: tuple[float, ...]) -> tuple[float, ...]:
    """Quantiles of (n,) values, to the bit those of `np.quantile`, without ordering all of them."""
    low, high = float(x.min()), float(x.max())
    if len(x) < MANY_ROWS or not low < high:
        return tuple(float(q) for q in np.quantile(x, shares))
    bins = np.minimum(((x - low) * (QUANTILE_BINS / (high - low))).astype(np.int16), QUANTILE_BINS)
    below = np.r_[0, np.cumsum(np.bincount(bins))]
    found = []
    for share in shares:
        place = share * (len(x) - 1)
        rank = math.floor(place)
        first, last = np.searchsorted(below, [rank, rank + 1], side="right") - 1
        near = np.sort(x[(bins >= first) & (bins <= last)])
        a, b = (float(v) for v in near[[rank - below[first], rank + 1 - below[first]]])
        t = place - rank
        found.append(b - (b - a) * (1 - t) if t >= 0.5 else a + (b - a) * t)
    return tuple(found)


def _result_warnings(
    spec: ModelSpec, n_clusters: int, variables: Mapping[str, VariableStats]
) -> list[str]:
    """Few clusters, and focal variables that hardly move within a firm."""
    notes = []
    if n_clusters < FEW_CLUSTERS:
        notes.append(f"only {n_clusters} clusters: asymptotic p values are unreliable")
    focal = sorted({base for term in spec.terms for base in parse_term(term).bases})
    for base in focal:
        known = variables[base]
        if "org_id" in spec.effects and known.sd_within < LITTLE_WITHIN * known.sd:
            share = 100 * known.sd_within / known.sd
            notes.append(f"{base} varies little within firms: {share:.1f} % of its sd")
    return notes


def confidence_interval(
    estimate: float, error: float, dof: float, level: float
) -> tuple[float, float]:
    """Symmetric t interval; `dof` may be infinite."""
    width = float(stats.t.ppf(0.5 + level / 2, dof)) * error
    return estimate - width, estimate + width
