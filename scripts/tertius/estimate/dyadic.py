"""Estimators on dyads: partner choice, formation, survival of ties, temporal networks.

Rows are dyads of a year: org_id is the dyad, the columns of the options `first` and `second` its
members. Dyads that share a member are dependent, whatever the cluster of the model says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.binary import BinaryFit, binary_regression, multinomial_regression
from tertius.estimate.choice_core import (
    conditional_logit,
    informative_strata,
    rare_event_logit,
    ruled_out,
)
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import Sample, cluster_sums, cut_sample, renumber
from tertius.estimate.two_way import independent_columns
from tertius.inference.dyadic import dyadic_covariance

DYADIC = "robust to dependence between dyads that share a member, factor M/(M - 1)"
MENDED = "the dyadic covariance had a negative eigenvalue, set to 0"


@dataclass(frozen=True, eq=False)
class _Rows:
    """Sample, columns with their labels, and the codes of both members."""

    sample: Sample
    x: FloatArray
    labels: tuple[str, ...]
    first: IntArray
    second: IntArray


def member_codes(design: Design) -> tuple[IntArray, IntArray]:
    """Codes (n,) of both members of each row on one list of names."""
    first, second = (design.categories[key] for key in ("first", "second"))
    names = sorted({str(v) for v in (*first[1], *second[1])})
    place = {name: code for code, name in enumerate(names)}
    codes = []
    for own, values in (first, second):
        lookup = np.array([place[str(v)] for v in values], dtype=np.int64)
        codes.append(lookup[own])
    return codes[0], codes[1]


def _binary_outcome(design: Design) -> None:
    if not np.isin(design.y, (0.0, 1.0)).all():
        name = design.spec.outcome_column
        raise NotEstimable("not_binary", name, f"{name} must be 0 or 1")


def _rows(design: Design, *, constant: bool = True) -> _Rows:
    """All rows; a constant first, then regressors that are not collinear, then year dummies."""
    sample = cut_sample(design, [])
    columns, labels = design.x, list(design.labels)
    if "year" in design.spec.effects:
        years = np.arange(1, int(design.year.max()) + 1)
        columns = np.hstack([columns, (design.year[:, None] == years).astype(np.float64)])
        known = design.frame["year"].unique().sort().to_list()
        labels += [f"year {year}" for year in known[1:]]
    kept, _ = independent_columns(columns - columns.mean(axis=0), columns)
    x, names = columns[:, kept], [labels[j] for j in kept]
    if constant:
        x, names = np.column_stack([np.ones(len(x)), x]), ["constant", *names]
    return _Rows(sample, x, tuple(names), *member_codes(design))


def _assemble(
    design: Design,
    rows: _Rows,
    coefficients: FloatArray,
    bread: FloatArray,
    scores: FloatArray,
    fitted: FloatArray,
    log_likelihood: float,
    *,
    terms: tuple[str, ...] | None = None,
    diagnostics: dict[str, Diagnostic] | None = None,
    iterations: int = 1,
    covariance: FloatArray | None = None,
    words: str = DYADIC,
    tables: dict[str, pl.DataFrame] | None = None,
) -> Estimate:
    warnings: list[str] = []
    notes = dict(diagnostics or {})
    dof: float | None = None
    if covariance is None:
        found = dyadic_covariance(scores @ bread, rows.first, rows.second)
        covariance, warnings = found.covariance, [MENDED] if found.repaired else []
        notes["dyadic"] = Diagnostic(found.sentence)
        dof = float(found.dof.min())
    labels = rows.labels if terms is None else terms
    lost = tuple(j for j, label in enumerate(design.labels) if label not in rows.labels)
    return assemble_estimate(
        design,
        Fit(
            sample=rows.sample,
            coefficients=coefficients,
            influence=cluster_sums(scores, rows.sample) @ bread,
            fitted=fitted,
            columns=np.arange(0),
            collinear=np.array(lost, dtype=np.int64),
            statistics={"log_likelihood": log_likelihood},
            iterations=iterations,
            terms=labels,
            covariance=covariance,
            se_convention=words,
            dof=dof,
            warnings=tuple(warnings),
            diagnostics=notes,
            tables=tables or {},
        ),
    )


def fit_conditional_logit(design: Design) -> Estimate:
    """Partner choice within strata (McFadden 1974), errors robust across shared members.

    Strata without exactly one choice, or without an alternative, are dropped and counted, and so
    are alternatives that a regressor rules out; strata lie within years and absorb year effects.
    The option `rate` names the rates at which alternatives were sampled (McFadden 1978).

    Raises:
        NotEstimable: an outcome other than 0/1, no stratum left, collinear columns, separation.
    """
    _binary_outcome(design)
    stratum = design.categories["stratum"][0]
    chosen_once = informative_strata(stratum, design.y).astype(bool)
    keep = chosen_once.copy()
    if keep.any():
        codes = renumber(stratum[keep])[0]
        keep[keep] = ~ruled_out(design.x[keep], design.y[keep], codes)
        keep[keep] = informative_strata(stratum[keep], design.y[keep]).astype(bool)
        if not keep.any():
            raise NotEstimable("separation", "x", "a regressor predicts every choice perfectly")
    steps = [
        ("rows of strata without one choice and alternatives", chosen_once),
        ("alternatives that a regressor rules out", keep),
    ]
    sample = cut_sample(design, steps if (chosen_once & ~keep).any() else steps[:1])
    codes = np.unique(stratum[keep], return_inverse=True)[1].astype(np.int64)
    order = np.argsort(codes, kind="stable")
    means = np.stack([np.bincount(codes, w) for w in design.x[keep].T], axis=1)
    within = design.x[keep] - (means / np.bincount(codes)[:, None])[codes]
    kept, _ = independent_columns(within, design.x[keep])
    if not len(kept):
        raise NotEstimable("collinear", "x", "no regressor varies within the strata")
    rate = _rates(design)[keep]
    x = design.x[keep][:, kept]
    fit = conditional_logit(x[order], design.y[keep][order], codes[order], -np.log(rate[order]))
    back = np.argsort(order, kind="stable")
    first, second = (codes[keep] for codes in member_codes(design))
    rows = _Rows(sample, x, tuple(design.labels[j] for j in kept), first, second)
    text = f"{int(codes.max()) + 1} choices among {len(codes)} alternatives"
    return _assemble(
        design,
        rows,
        fit.coefficients,
        fit.bread,
        fit.scores[back],
        fit.fitted[back],
        fit.log_likelihood,
        diagnostics={"choices": Diagnostic(text, float(codes.max() + 1))},
        iterations=fit.iterations,
    )


def _rates(design: Design) -> FloatArray:
    """(n,) sampling rates of the rows, ones where no column of rates is named."""
    chosen = design.categories.get("rate")
    if chosen is None:
        return np.ones(len(design.y))
    rates = np.array([float(v) for v in chosen[1]])[chosen[0]]
    if not ((rates > 0) & (rates <= 1)).all():
        raise NotEstimable("rate", "rate", "sampling rates must lie in (0, 1]")
    return rates


def fit_rare_event_logit(design: Design) -> Estimate:
    """Formation of ties as a rare event (King & Zeng 2001), on all or on sampled dyads.

    With the option `rate` (rates at which rows were sampled) the rate of events in the population
    is that of rows weighted by 1 / rate.

    Raises:
        NotEstimable: an outcome other than 0/1, firm effects, separation or collinear columns.
    """
    _binary_outcome(design)
    rows, rate = _rows(design), _rates(design)
    sampled = bool((rate < 1).any())
    population = float((design.y / rate).sum() / (1 / rate).sum())
    fit = rare_event_logit(
        rows.x,
        design.y,
        population_rate=population if sampled else None,
        case_control=str(design.spec.option("case_control")),
        correct_bias=bool(design.spec.option("correct_bias")),
    )
    text = f"{population:.4%} of the dyads at risk form a tie"
    return _assemble(
        design,
        rows,
        fit.coefficients,
        fit.bread,
        fit.scores,
        fit.fitted,
        fit.log_likelihood,
        diagnostics={"event_rate": Diagnostic(text, population)},
        iterations=fit.iterations,
    )


def duration_columns(duration: FloatArray, baseline: str) -> tuple[FloatArray, tuple[str, ...]]:
    """Columns of the baseline hazard in the years a tie has lasted.

    Args:
        duration: (n,) whole years, at least 1. baseline: ``log``, ``quadratic``, ``dummies`` (one
            a year, the first left out) or ``spline`` (linear with knots at the quartiles).

    Raises:
        NotEstimable: a duration below 1. ValueError: unknown baseline.
    """
    if (duration < 1).any():
        raise NotEstimable("duration", "duration", "durations start at 1")
    if baseline == "log":
        return np.log(duration)[:, None], ("log(duration)",)
    if baseline == "quadratic":
        return np.column_stack([duration, duration**2]), ("duration", "duration^2")
    if baseline == "dummies":
        values = np.unique(duration)[1:]
        columns = (duration[:, None] == values).astype(np.float64)
        return columns, tuple(f"duration = {v:g}" for v in values)
    if baseline == "spline":
        knots = np.unique(np.quantile(duration, [0.25, 0.5, 0.75]))
        columns = np.column_stack([duration, np.maximum(duration[:, None] - knots, 0.0)])
        return columns, ("duration", *(f"duration above {k:g}" for k in knots))
    raise ValueError(f"unknown baseline {baseline!r}")


def _with_duration(design: Design) -> _Rows:
    """Rows of `_rows` with the baseline hazard before the year dummies' collinear rest."""
    rows = _rows(design)
    duration = design.extra["duration"].x[:, 0]
    extra, names = duration_columns(duration, str(design.spec.option("baseline")))
    x, labels = np.hstack([rows.x, extra]), (*rows.labels, *names)
    kept, _ = independent_columns(x[:, 1:] - x[:, 1:].mean(axis=0), x[:, 1:])
    place = np.r_[0, kept + 1]
    return _Rows(rows.sample, x[:, place], tuple(labels[j] for j in place), rows.first, rows.second)


def fit_hazard(design: Design) -> Estimate:
    """Discrete-time hazard of the end of a tie (Prentice & Gloeckler 1978; Allison 1982).

    One row a tie and year at risk. A tie that began before the first observed year enters with its
    true duration and only from that year on, which is all that left truncation asks for.

    Raises:
        NotEstimable: an outcome other than 0/1, firm effects, durations below 1, separation.
    """
    _binary_outcome(design)
    rows = _with_duration(design)
    fit: BinaryFit = binary_regression(rows.x, design.y, link=str(design.spec.option("link")))
    duration = design.extra["duration"].x[:, 0]
    return _assemble(
        design,
        rows,
        fit.coefficients,
        fit.bread,
        fit.scores,
        fit.fitted,
        fit.log_likelihood,
        iterations=fit.iterations,
        tables={"life_table": life_table(duration, design.y)},
    )


def life_table(duration: FloatArray, ended: FloatArray) -> pl.DataFrame:
    """Kaplan-Meier survival by duration, with Greenwood's error; late entries count from entry."""
    values, place = np.unique(duration, return_inverse=True)
    at_risk = np.bincount(place).astype(np.float64)
    ends = np.bincount(place, weights=ended)
    hazard = ends / at_risk
    survival = np.cumprod(1 - hazard)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = survival * np.sqrt(np.cumsum(ends / (at_risk * (at_risk - ends))))
    return pl.DataFrame(
        {
            "duration": values,
            "at_risk": at_risk,
            "ended": ends,
            "hazard": hazard,
            "survival": survival,
            "std_error": np.where(survival > 0, greenwood, 0.0),
        }
    )


def fit_competing_hazards(design: Design) -> Estimate:
    """Competing ends of a tie: multinomial logit of the cause in each year at risk (Allison 1982).

    The outcome is 0 while the tie goes on and 1, 2, ... by cause.

    Raises:
        NotEstimable: outcomes that are not 0, 1, .., fewer than two causes, separation.
    """
    causes = np.unique(design.y)
    if not np.array_equal(causes, np.arange(len(causes))) or len(causes) < 3:
        name = design.spec.outcome_column
        raise NotEstimable("not_causes", name, f"{name} must be 0 and the causes 1, 2, ...")
    rows = _with_duration(design)
    fit = multinomial_regression(rows.x, design.y.astype(np.int64), len(causes))
    terms = tuple(f"{label}[cause {j}]" for j in range(1, len(causes)) for label in rows.labels)
    return _assemble(
        design,
        rows,
        fit.coefficients.ravel(order="F"),
        fit.bread,
        fit.scores,
        fit.fitted[:, 0],
        fit.log_likelihood,
        terms=terms,
        iterations=fit.iterations,
    )


def fit_tergm(design: Design) -> Estimate:
    """Temporal exponential random graph by bootstrapped pseudo-likelihood (Leifeld et al. 2018).

    A logit of each dyad's tie on change statistics, memory and covariates; whole years are drawn
    with replacement (Desmarais & Cranmer 2012), so that ties of one year may depend on each other
    in any way. Intervals are percentile intervals, in the table `intervals`.

    Raises:
        NotEstimable: an outcome other than 0/1, fewer than four years, separation.
    """
    _binary_outcome(design)
    rows, rate = _rows(design), _rates(design)
    n_years = int(design.year.max()) + 1
    if n_years < 4:
        raise NotEstimable("too_few_years", design.spec.name, "fewer than four years to draw from")
    names = [j for j, label in enumerate(rows.labels) if label in ("constant", *design.labels)]
    x, k = rows.x[:, names], len(names)
    levels = np.zeros((len(x), 0))
    if "year" in design.spec.effects:
        # a year that is not drawn has no dummy: levels of all years take the constant's place
        x, k = x[:, 1:], k - 1
        levels = (design.year[:, None] == np.arange(n_years)).astype(np.float64)
    labels = tuple(rows.labels[j] for j in names)[-k:]
    columns = np.hstack([x, levels])
    fit = binary_regression(columns, design.y, weights=1 / rate)
    rng = np.random.default_rng(int(design.spec.option("seed")))
    draws, failed = [], 0
    for _ in range(int(design.spec.option("draws"))):
        times = np.bincount(rng.integers(0, n_years, n_years), minlength=n_years)
        used = np.r_[np.arange(k), k + np.flatnonzero(times)] if levels.size else np.arange(k)
        weights = times[design.year] / rate
        seen = weights > 0
        try:
            drawn = binary_regression(
                columns[np.ix_(seen, used)],
                design.y[seen],
                weights=weights[seen],
                start=fit.coefficients[used],
            )
        except NotEstimable:
            failed += 1
            continue
        draws.append(drawn.coefficients[:k])
    if len(draws) < 2 or failed > len(draws):
        raise NotEstimable("no_maximum", design.spec.name, "most resamples of years have no fit")
    found = np.array(draws)
    tail = (1 - design.spec.confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail], axis=0)
    table = pl.DataFrame(
        {
            "term": labels,
            "estimate": fit.coefficients[:k],
            "conf_low": low,
            "conf_high": high,
        }
    )
    text = f"{len(draws)} resamples of {n_years} years, {failed} without a fit left out"
    return _assemble(
        design,
        rows,
        fit.coefficients[:k],
        fit.bread[:k, :k],
        fit.scores[:, :k],
        fit.fitted,
        fit.log_likelihood,
        terms=labels,
        diagnostics={"bootstrap": Diagnostic(text, float(len(draws)))},
        iterations=fit.iterations,
        covariance=np.atleast_2d(np.cov(found, rowvar=False)),
        words="whole years drawn with replacement",
        tables={"intervals": table},
    )
