"""Dynamic panels by difference or system GMM, with the tests a reader needs to trust them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.dynamic_panel import (
    Equations,
    Grid,
    LagBlock,
    add_year_dummies,
    make_equations,
    make_grid,
    transform,
)
from tertius.estimate.gmm_core import (
    GmmFit,
    difference_hansen,
    fit_gmm,
    hansen_test,
    sargan_test,
    serial_correlation,
)
from tertius.estimate.iv_core import Test
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import cut_sample, renumber
from tertius.estimate.two_way import independent_columns, lay_out_effects

MIN_YEARS = 5
ALL_LAGS = 10**6
LARGEST_CELLS = 10**8
"""Instruments of a sensitivity row hold no more numbers than this (0.8 GB)."""
CONVENTION = (
    "clustered by {cluster}, no small-sample factor{correction}; t with G-1 degrees of freedom"
)
CORRECTION = "; two-step covariance corrected for the estimated weight (Windmeijer 2005)"


@dataclass(frozen=True)
class GmmSetup:
    """Settings of a dynamic panel: number of outcome lags, form of the moments, lag limits."""

    lags: int
    system: bool
    how: str
    collapse: bool
    steps: int
    outcome_limits: tuple[int, int]
    endogenous_limits: tuple[int, int]
    predetermined_limits: tuple[int, int]


@dataclass(frozen=True, eq=False)
class DynamicPanel:
    """Grid of the estimation, roles of its columns, and where its rows come from.

    `labels` name the reported regressors; `roles` say for each ``endogenous``, ``predetermined`` or
    ``exogenous``; year dummies follow in the grid. `rows` flags the design rows in the sample.
    """

    setup: GmmSetup
    grid: Grid
    labels: tuple[str, ...]
    roles: tuple[str, ...]
    rows: BoolArray
    firm: IntArray
    year: IntArray
    collinear: IntArray


def read_setup(design: Design) -> GmmSetup:
    """Settings from the model's options.

    Raises:
        NotEstimable: effects or cluster are not those of a dynamic panel, or a limit is not a pair.
    """
    spec = design.spec
    if "org_id" not in spec.effects or set(spec.effects) - {"org_id", "year"}:
        reason = "a dynamic panel has firm effects, and year effects or none"
        raise NotEstimable("effects", spec.name, reason)
    if spec.cluster != "org_id":
        reason = "the moments of a dynamic panel are summed by firm; cluster by org_id"
        raise NotEstimable("cluster", spec.name, reason)
    limits: dict[str, tuple[int, int]] = {}
    for key in ("outcome_lags", "endogenous_lags", "predetermined_lags"):
        pair = spec.option(key)
        if len(pair) != 2 or pair[0] > pair[1]:
            raise NotEstimable("options", key, f"{key} is {list(pair)}, give [first, last]")
        limits[key] = (int(pair[0]), int(pair[1]))
    return GmmSetup(
        lags=int(spec.option("lags")),
        system=bool(spec.option("system")),
        how=str(spec.option("transformation")),
        collapse=bool(spec.option("collapse")),
        steps=int(spec.option("steps")),
        outcome_limits=limits["outcome_lags"],
        endogenous_limits=limits["endogenous_lags"],
        predetermined_limits=limits["predetermined_lags"],
    )


def prepare_panel(design: Design) -> DynamicPanel:
    """Lags, usable rows, collinear columns and roles.

    Raises:
        NotEstimable: fewer than five usable years, or no row with the lags that the model needs.
    """
    setup, spec = read_setup(design), design.spec
    years = design.frame["year"].to_numpy().astype(np.int64)
    grid = make_grid(design.firm, years, design.y, design.x, setup.lags)
    if not grid.usable.any():
        raise NotEstimable("no_rows", spec.name, "no row has the lags that the model needs")
    n_years = int(years.max()) - int(years.min()) + 1
    if n_years < MIN_YEARS:
        raise NotEstimable(
            "too_few_years", spec.name, f"{n_years} years are too few for lagged instruments"
        )
    used = _sample_cells(grid, setup)
    column = years - grid.years[0]
    rows = used[design.firm, column]
    if not rows.any():
        raise NotEstimable("no_rows", spec.name, "no row has the lags that the model needs")
    firms = np.unique(design.firm[rows])
    grid = Grid(grid.y[firms], grid.x[firms], grid.usable[firms], grid.years)
    kept, gone = _independent(grid, setup)
    lagged = tuple(f"lag{j}({spec.outcome_column})" for j in range(1, setup.lags + 1))
    labels = (*lagged, *design.labels)
    roles = _roles(design, labels, setup.lags)
    grid = Grid(grid.y, grid.x[:, :, kept], grid.usable, grid.years)
    if "year" in spec.effects:
        grid = add_year_dummies(grid)
    return DynamicPanel(
        setup=setup,
        grid=grid,
        labels=tuple(labels[j] for j in kept),
        roles=tuple(roles[j] for j in kept),
        rows=rows,
        firm=design.firm[rows],
        year=years[rows],
        collinear=np.array([j - setup.lags for j in gone if j >= setup.lags], dtype=np.int64),
    )


def _sample_cells(grid: Grid, setup: GmmSetup) -> BoolArray:
    """(G, T) rows that enter: level rows of a system, else rows with a transformed equation."""
    if setup.system:
        return grid.usable
    used = transform(grid.y[:, :, None], grid.usable, setup.how)[1]
    if setup.how == "orthogonal":
        used = np.column_stack([used[:, 1:], np.zeros(len(used), dtype=bool)])
    return used


def _independent(grid: Grid, setup: GmmSetup) -> tuple[IntArray, IntArray]:
    """Regressors that vary in the equations, and those that do not."""
    moved, used = transform(grid.x, grid.usable, setup.how)
    rows, raw = moved[used], grid.x[grid.usable]
    if setup.system:
        rows = np.concatenate([rows, raw - raw.mean(axis=0)])
    return independent_columns(rows, raw)


def _roles(design: Design, labels: tuple[str, ...], lags: int) -> tuple[str, ...]:
    """Role of each regressor; a dummy of undefined rows follows no list and is exogenous."""
    spec = design.spec
    listed = {name: spec.option(name) for name in ("endogenous", "predetermined")}
    for name, terms in listed.items():
        for label in terms:
            if label not in spec.regressors:
                reason = f"{label} is listed as {name} and is not a regressor of {spec.name}"
                raise NotEstimable("not_in_model", label, reason)
    roles = ["outcome"] * lags
    for label in labels[lags:]:
        known = [name for name, terms in listed.items() if label in terms]
        roles.append(known[0] if known else "exogenous")
    return tuple(roles)


def build_equations(panel: DynamicPanel) -> Equations:
    """Moments of a prepared panel under its settings."""
    setup = panel.setup
    blocks = [LagBlock(-1, *setup.outcome_limits)]
    limits = {
        "endogenous": setup.endogenous_limits,
        "predetermined": setup.predetermined_limits,
    }
    blocks += [LagBlock(j, *limits[role]) for j, role in enumerate(panel.roles) if role in limits]
    exogenous = [j for j, role in enumerate(panel.roles) if role == "exogenous"]
    dummies = range(len(panel.labels), panel.grid.x.shape[2])
    return make_equations(
        panel.grid,
        blocks,
        exogenous,
        list(dummies),
        system=setup.system,
        how=setup.how,
        collapse=setup.collapse,
    )


def fit_dynamic_gmm(design: Design) -> Estimate:
    """Outcome on its own lags and regressors by GMM (Arellano & Bond 1991; Blundell & Bond 1998).

    Options: ``lags`` of the outcome, ``system``, ``transformation`` (difference, orthogonal),
    ``steps``, ``collapse``, ``endogenous`` and ``predetermined`` regressors, and lag limits.

    Raises:
        NotEstimable: fewer than five years, no row with its lags, or too few instruments.
    """
    panel = prepare_panel(design)
    equations = build_equations(panel)
    fit = fit_gmm(equations, panel.setup.steps)
    k = len(panel.labels)
    tests, notes = _tests(panel, equations, fit)
    bounds = outcome_lag_bounds(panel)
    notes += _bound_notes(bounds, float(fit.coefficients[0]))
    correction = CORRECTION if panel.setup.steps == 2 else ""
    return assemble_estimate(
        design,
        Fit(
            sample=cut_sample(design, [("rows with the lags that the model needs", panel.rows)]),
            coefficients=fit.coefficients[:k],
            influence=fit.influence[:, :k],
            fitted=_fitted(panel, fit),
            columns=np.arange(0),
            collinear=panel.collinear,
            statistics={},
            iterations=panel.setup.steps,
            warnings=tuple(notes),
            terms=panel.labels,
            covariance=fit.covariance[:k, :k],
            se_convention=CONVENTION.format(cluster=design.spec.cluster, correction=correction),
            diagnostics=tests,
            tables={"instrument_count": instrument_count_table(panel), "lag_bounds": bounds},
        ),
    )


def _fitted(panel: DynamicPanel, fit: GmmFit) -> FloatArray:
    """Outcome less the residual around its firm mean, at the rows of the sample."""
    grid = panel.grid
    slopes = fit.coefficients[: grid.x.shape[2]]
    residual = np.where(grid.usable, np.nan_to_num(grid.y - grid.x @ slopes), 0.0)
    mean = residual.sum(axis=1) / np.maximum(grid.usable.sum(axis=1), 1)
    around = residual - mean[:, None]
    firm, column = renumber(panel.firm)[0], panel.year - grid.years[0]
    return np.asarray((grid.y - around)[firm, column], dtype=np.float64)


def _words(name: str, test: Test | None) -> Diagnostic:
    if test is None:
        return Diagnostic(f"{name}: not defined, no over-identifying restriction")
    text = f"{name}: chi-square({test.dof}) = {test.statistic:.2f}, p = {test.p_value:.3f}"
    return Diagnostic(text, statistic=test.statistic, p_value=test.p_value, df=float(test.dof))


def _tests(
    panel: DynamicPanel, equations: Equations, fit: GmmFit
) -> tuple[dict[str, Diagnostic], list[str]]:
    """Serial correlation, over-identification, instrument count; warnings of what looks wrong."""
    n_firms = len(panel.grid.y)
    notes: list[str] = []
    found = {
        "n_instruments": Diagnostic(
            f"{fit.n_instruments} instruments for {n_firms} firms", value=float(fit.n_instruments)
        )
    }
    for order in (1, 2):
        z, p = serial_correlation(equations, fit, order)
        if math.isnan(z):
            found[f"ar{order}"] = Diagnostic(f"AR({order}) of the differences: not defined")
            continue
        found[f"ar{order}"] = Diagnostic(
            f"AR({order}) of the differences: z = {z:.2f}, p = {p:.3f}", statistic=z, p_value=p
        )
        if order == 2 and p < 0.1:
            notes.append(f"AR(2) p = {p:.3f}: the outcome at lag 2 is no valid instrument")
        if order == 1 and p > 0.05:
            notes.append(f"AR(1) p = {p:.3f}, although differences should be correlated")
    hansen = hansen_test(equations, fit)
    found["hansen_j"] = _words("Hansen's J", hansen)
    found["sargan"] = _words(
        "Sargan's test (homoskedastic errors only)", sargan_test(equations, fit)
    )
    if panel.setup.system:
        excess = difference_hansen(equations, fit, "level")
        found["difference_hansen"] = _words("difference-in-Hansen of the level moments", excess)
        notes.append(
            "the level equation needs deviations from the long-run mean that are unrelated to the "
            "firm effect: doubtful where networks are young"
        )
    if fit.n_instruments >= n_firms:
        notes.append(f"{fit.n_instruments} instruments are not fewer than {n_firms} firms")
    if panel.setup.how == "difference" and _has_gaps(panel.grid):
        notes.append("firms have gaps in their years: orthogonal deviations lose fewer rows")
    return found, notes


def _has_gaps(grid: Grid) -> bool:
    """Whether a firm leaves and comes back."""
    starts = (grid.usable[:, 1:] & ~grid.usable[:, :-1]).sum(axis=1) + grid.usable[:, 0]
    return bool((starts > 1).any())


def instrument_count_table(panel: DynamicPanel) -> pl.DataFrame:
    """How the estimates move with the number of instruments (Roodman 2009).

    Returns:
        moments (``collapsed`` | ``by year``), last_lag (null: all), n_instruments, hansen_p, then
        estimate and std_error term by term; a set of more than 10^8 numbers is left out and named.
    """
    setup = panel.setup
    first = setup.outcome_limits[0]
    cases = [(True, last) for last in (first, first + 1, first + 2, ALL_LAGS)]
    cases.append((False, setup.outcome_limits[1]))
    rows: list[dict[str, object]] = []
    for collapse, last in cases:
        other = replace(
            setup,
            collapse=collapse,
            outcome_limits=(first, last),
            endogenous_limits=_up_to(setup.endogenous_limits, last),
            predetermined_limits=_up_to(setup.predetermined_limits, last - 1),
        )
        varied = replace(panel, setup=other)
        moments = "collapsed" if collapse else "by year"
        if instrument_cells(varied) > LARGEST_CELLS:
            rows.append({"moments": f"{moments}, left out: too large", "last_lag": None})
            continue
        equations = build_equations(varied)
        try:
            fit = fit_gmm(equations, setup.steps)
        except NotEstimable:
            continue
        hansen = hansen_test(equations, fit)
        rows += [
            {
                "moments": moments,
                "last_lag": None if last == ALL_LAGS else last,
                "n_instruments": fit.n_instruments,
                "hansen_p": None if hansen is None else hansen.p_value,
                "term": label,
                "estimate": float(fit.coefficients[j]),
                "std_error": math.sqrt(float(fit.covariance[j, j])),
            }
            for j, label in enumerate(panel.labels)
        ]
    schema = {
        "moments": pl.String,
        "last_lag": pl.Int64,
        "n_instruments": pl.Int64,
        "hansen_p": pl.Float64,
        "term": pl.String,
        "estimate": pl.Float64,
        "std_error": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)


def instrument_cells(panel: DynamicPanel) -> int:
    """Upper bound of the numbers that the instruments of a panel hold at once."""
    setup, (firms, years) = panel.setup, panel.grid.y.shape
    limits = {
        "outcome": setup.outcome_limits,
        "endogenous": setup.endogenous_limits,
        "predetermined": setup.predetermined_limits,
    }
    wanted = ["outcome", *(role for role in panel.roles if role in ("endogenous", "predetermined"))]
    lags = sum(min(last, years) - first + 2 for first, last in (limits[role] for role in wanted))
    columns = lags * (1 if setup.collapse else years) + panel.grid.x.shape[2] + 1
    return int(firms * years * (2 if setup.system else 1) * columns)


def _up_to(limits: tuple[int, int], last: int) -> tuple[int, int]:
    return limits[0], max(limits[0], last)


def outcome_lag_bounds(panel: DynamicPanel) -> pl.DataFrame:
    """First lag of the outcome by pooled least squares and within firms (Bond 2002).

    The first is biased upwards, the second downwards, so that a sound estimate lies between them.

    Returns:
        estimator (``pooled`` | ``within``), estimate.
    """
    grid = panel.grid
    x, y = grid.x[grid.usable], grid.y[grid.usable]
    firm = renumber(np.nonzero(grid.usable)[0].astype(np.int64))[0]
    rows = []
    for name, codes in (("pooled", np.zeros_like(firm)), ("within", firm)):
        within = lay_out_effects({name: codes}).within(np.column_stack([x, y]))
        slopes = np.linalg.lstsq(within[:, :-1], within[:, -1], rcond=None)[0]
        rows.append((name, float(slopes[0])))
    return pl.DataFrame(rows, schema=["estimator", "estimate"], orient="row")


def _bound_notes(bounds: pl.DataFrame, estimate: float) -> list[str]:
    """A warning where the lag's coefficient leaves the two biased estimates."""
    values = dict(bounds.iter_rows())
    low, high = values["within"], values["pooled"]
    if low <= estimate <= high:
        return []
    return [
        f"the lagged outcome's coefficient {estimate:.3f} is outside [{low:.3f}, {high:.3f}], the "
        "biased estimates within firms and pooled (Bond 2002)"
    ]
