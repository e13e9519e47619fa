"""From a model specification and the firm-year panel to a design matrix, with every row accounted.

Each base variable goes raw -> winsorised (never the outcome) -> transformed -> centred where it is
part of a product or power -> undefined rows set to 0 with one dummy per variable and status. Powers
and products are formed before any demeaning (McIntosh & Schlenker 2006).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.catalogue import ESTIMATORS
from tertius.dyad_names import FIRM_YEARS
from tertius.estimate.columns import (
    OK,
    Base,
    NotEstimable,
    base_columns,
    make_bases,
    stack_regressors,
)
from tertius.model_spec import ModelSpec, parse_term
from tertius.problems import InputError, Problem, did_you_mean

UNUSABLE = ("truncated", "missing_input")
"""Statuses that drop the row; every other one but ok is undefined and follows the policy."""


@dataclass(frozen=True)
class LedgerStep:
    """Rows and firms (in frames of dyads: members of the dyads) that remain after a step."""

    step: str
    rows: int
    firms: int


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns that an option of the estimator names: (n, k) `x`, one label each.

    They are made as the regressors are; the last `n_dummies` of them stand for undefined rows.
    """

    labels: tuple[str, ...]
    x: FloatArray
    n_dummies: int = 0


@dataclass(frozen=True, eq=False)
class Design:
    """The rows and columns of one regression, sorted by organisation and year.

    `frame` holds org_id, year, y and, for each variable, its raw value (null where not ok) and
    status. `x` is (n, k) with columns `labels`; the last `n_dummies` of them stand for undefined
    rows. `effects` are the codes (n,) of each effect of the specification. `extra` are the columns
    of the options of kind ``terms`` (none: (n, 0)) and ``variable`` (raw values, (n, 1), for no
    variable absent), `categories` the codes and values of the options of kind ``column``.
    """

    spec: ModelSpec
    frame: pl.DataFrame
    y: FloatArray
    x: FloatArray
    labels: tuple[str, ...]
    n_dummies: int
    firm: IntArray
    year: IntArray
    cluster: IntArray
    cluster_ids: tuple[str, ...]
    bases: Mapping[str, Base]
    ledger: tuple[LedgerStep, ...]
    dropped: Mapping[str, int]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    effects: Mapping[str, IntArray] = field(default_factory=dict)
    extra: Mapping[str, Columns] = field(default_factory=dict)
    categories: Mapping[str, tuple[IntArray, tuple[Any, ...]]] = field(default_factory=dict)


def with_sample(panel: pl.DataFrame, spec: ModelSpec) -> pl.DataFrame:
    """The panel with the Boolean column of a sample that is written as ``variable=value``.

    Raises:
        NotEstimable: the variable has no ok row in this study.
        InputError: the panel lacks it.
    """
    if spec.part is None or spec.sample in panel.columns:
        return panel
    variable, value = spec.part
    if variable not in panel.columns:
        fix = did_you_mean(variable, panel.columns)
        raise InputError([Problem(f"panel.{variable}", "the column is absent", fix)])
    why = _why_blocked(panel[_status(variable)])
    if why:
        what = f"the sample {spec.sample} needs {variable}, which no row of this study has"
        raise NotEstimable(why, variable, what)
    known = pl.col("in_sample") & (pl.col(_status(variable)) == OK)
    return panel.with_columns((known & (pl.col(variable) == value)).alias(spec.sample))


def build_design(panel: pl.DataFrame, spec: ModelSpec) -> Design:
    """Turn a panel and a resolved specification into a design matrix.

    Args:
        panel: one row per (org_id, year): every variable and ``<name>_status``, the outcome and its
            leads with statuses, a Boolean column named by `spec.sample`, and the cluster column.
        spec: resolved specification.

    Returns:
        `Design`, independent of the order of the panel's rows.

    Raises:
        NotEstimable: outcome or a focal term has no usable row, or no row remains.
        InputError: a column is absent, keys repeat, or clusters do not nest firms.
        ValueError: a row has status ok and no finite value.
    """
    is_sorted = _check_columns(panel, spec)
    rows, ledger = _analysis_rows(panel, spec, is_sorted)
    spec, unavailable = _available(rows, spec)
    rows, steps, dropped = _usable_rows(rows, spec, ledger[-1])
    ledger += steps
    warnings = _drop_warnings(ledger)
    raw = {v: np.asarray(rows[v].to_numpy(), dtype=np.float64) for v in spec.variables}
    undefined = {v: _undefined_rows(rows[_status(v)]) for v in spec.variables}
    lists = {None: spec.regressors, **_option_terms(spec)}
    bases, notes = make_bases([parse_term(t) for ts in lists.values() for t in ts], raw, spec)
    columns = base_columns(bases, raw, spec)
    made = {
        key: _stack(labels, columns, undefined, spec, rows.height) for key, labels in lists.items()
    }
    main = made.pop(None)
    coded = {name: _codes(rows[name]) for name in {"org_id", "year", *spec.effect_columns}}
    firm = coded["org_id"][0]
    cluster, cluster_ids = coded["org_id"]
    if spec.cluster != "org_id":
        cluster, cluster_ids = _codes(rows[spec.cluster].cast(pl.String))
    return Design(
        spec=spec,
        frame=rows,
        y=rows["y"].to_numpy().astype(np.float64),
        x=main.x,
        labels=main.labels,
        n_dummies=main.n_dummies,
        firm=firm,
        year=coded["year"][0],
        cluster=cluster,
        cluster_ids=cluster_ids,
        bases=bases,
        ledger=tuple(ledger),
        dropped=dropped,
        unavailable=unavailable,
        warnings=tuple(warnings + notes),
        effects={
            effect: _effect_codes([coded[name][0] for name in effect.split(":")])
            for effect in spec.effects
        },
        extra={
            **{str(key): columns for key, columns in made.items()},
            **_option_values(rows, spec),
        },
        categories=_option_categories(rows, spec),
    )


def _option_terms(spec: ModelSpec) -> dict[str | None, tuple[str, ...]]:
    """Labels of the options that list terms."""
    return {key: spec.option(key) for key in ESTIMATORS[spec.estimator].keys_of("terms")}


def _stack(
    labels: tuple[str, ...],
    columns: Mapping[str, FloatArray],
    undefined: Mapping[str, Mapping[str, BoolArray]],
    spec: ModelSpec,
    n_rows: int,
) -> Columns:
    """Columns of a list of terms, with the dummies of their own variables."""
    if not labels:
        return Columns((), np.zeros((n_rows, 0)))
    terms = [parse_term(label) for label in labels]
    own = {v: undefined[v] for v in sorted({v for term in terms for v in term.variables})}
    x, names, n_dummies = stack_regressors(terms, columns, own, spec)
    return Columns(names, x, n_dummies)


def _option_values(rows: pl.DataFrame, spec: ModelSpec) -> dict[str, Columns]:
    """Raw values of the options that name one variable."""
    keys = ESTIMATORS[spec.estimator].keys_of("variable")
    named = {key: spec.option(key) for key in keys if spec.option(key) is not None}
    return {
        key: Columns((name,), rows[name].to_numpy().astype(np.float64)[:, None])
        for key, name in named.items()
    }


def _option_categories(
    rows: pl.DataFrame, spec: ModelSpec
) -> dict[str, tuple[IntArray, tuple[Any, ...]]]:
    """Codes and values of the options that name a column of the panel."""
    keys = ESTIMATORS[spec.estimator].keys_of("column")
    return {key: _codes(rows[spec.option(key)]) for key in keys if spec.option(key) is not None}


def _effect_codes(parts: list[IntArray]) -> IntArray:
    """Codes of an effect from those of its columns: of the combinations that occur."""
    joint = parts[0]
    if len(parts) == 1:
        return joint
    for part in parts[1:]:
        joint = joint * (int(part.max(initial=0)) + 1) + part
    return np.unique(joint, return_inverse=True)[1].astype(np.int64)


def _status(variable: str) -> str:
    return f"{variable}_status"


def panel_columns(spec: ModelSpec) -> list[str]:
    """The columns of a panel that the design of a model is made from, each once."""
    part = [] if spec.part is None else [spec.part[0], _status(spec.part[0])]
    return list(dict.fromkeys([*_design_columns(spec), "in_sample", *part]))


def _design_columns(spec: ModelSpec) -> list[str]:
    values = [*spec.variables, *spec.option_variables, spec.outcome_column]
    return ["org_id", "year", spec.sample, *_plain_columns(spec), *values, *map(_status, values)]


def _check_columns(panel: pl.DataFrame, spec: ModelSpec) -> bool:
    """Every needed column is there, and (org_id, year) is a key; whether rows are sorted by it."""
    problems = [
        Problem(f"panel.{name}", "the column is absent", did_you_mean(name, panel.columns))
        for name in dict.fromkeys(_design_columns(spec))
        if name not in panel.columns
    ]
    is_sorted = not problems and _rises(panel)
    if not problems and not is_sorted and panel.select("org_id", "year").is_duplicated().any():
        problems.append(Problem("panel", "(org_id, year) repeats", "keep one row per pair"))
    if problems:
        raise InputError(problems)
    return is_sorted


def _rises(panel: pl.DataFrame) -> bool:
    """Whether rows are sorted by (org_id, year) without a repeat."""
    firm, year = pl.col("org_id"), pl.col("year")
    same = firm == firm.shift(1)
    rises = (firm > firm.shift(1)) | (same & (year > year.shift(1)))
    return bool(panel.select(rises.slice(1).all()).item())


def _plain_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Columns of the panel that enter as categories: cluster, effects, options; each once."""
    return tuple(dict.fromkeys([spec.cluster, *spec.effect_columns, *spec.option_columns]))


def of_dyads(spec: ModelSpec) -> bool:
    """Whether the rows of a model are dyads that tell their two members, a and b."""
    return spec.frame != FIRM_YEARS and {"a", "b"} <= set(_plain_columns(spec))


def n_organisations(rows: pl.DataFrame, spec: ModelSpec) -> int:
    """Organisations in the rows of a model; of dyads their members."""
    if not of_dyads(spec):
        return rows["org_id"].n_unique()
    return pl.concat([rows[side].cast(pl.String) for side in ("a", "b")]).n_unique()


def _step(
    step: str, rows: pl.DataFrame, spec: ModelSpec, last: LedgerStep | None = None
) -> LedgerStep:
    """What remains after a step; where no row left since the `last` one, its firms stand."""
    if last is not None and last.rows == rows.height:
        return LedgerStep(step, rows.height, last.firms)
    return LedgerStep(step, rows.height, n_organisations(rows, spec))


def _analysis_rows(
    panel: pl.DataFrame, spec: ModelSpec, is_sorted: bool
) -> tuple[pl.DataFrame, list[LedgerStep]]:
    """Cut to the analysis sample, keep the needed columns only, sort by key."""
    outcome = spec.outcome_column
    variables = tuple(dict.fromkeys([*spec.variables, *spec.option_variables]))
    plain = [name for name in _plain_columns(spec) if name not in variables]
    keep = dict.fromkeys(["org_id", "year", *plain])
    values: list[Any] = [
        pl.col(outcome).cast(pl.Float64).alias("y"),
        pl.col(_status(outcome)).cast(pl.String).alias("y_status"),
    ]
    ok = [(pl.col(_status(v)) == OK).all(ignore_nulls=False).alias(v) for v in variables]
    whole = panel.select(ok).row(0, named=True) if ok else {}
    for variable in variables:
        status, value = pl.col(_status(variable)), pl.col(variable).cast(pl.Float64)
        shown = value if whole[variable] else pl.when(status == OK).then(value)
        values += [shown.alias(variable), status.cast(pl.String)]
    inside = panel[spec.sample]
    rows = panel.select(*keep, *values)
    if not inside.all() or inside.has_nulls():
        rows = rows.filter(inside)
    if not is_sorted:
        rows = rows.sort("org_id", "year")
    name = "analysis sample" if spec.sample == "in_sample" else f"analysis sample ({spec.sample})"
    start = _step("risk set", panel, spec)
    return rows, [start, _step(name, rows, spec, start)]


def _available(rows: pl.DataFrame, spec: ModelSpec) -> tuple[ModelSpec, dict[str, str]]:
    """Drop default controls that no row supports; refuse where a focal term has none."""
    if rows.height == 0:
        raise NotEstimable("no_rows", spec.name, "the analysis sample has no row")
    _require_outcome(rows, spec)
    named = (*spec.variables, *spec.option_variables)
    blocked = {v: why for v in named if (why := _why_blocked(rows[_status(v)]))}
    strict = spec.terms + (spec.controls if spec.controls_source == "explicit" else ())
    extra = [label for labels in _option_terms(spec).values() for label in labels]
    for label in (*strict, *extra, *spec.option_variables):
        for variable in parse_term(label).variables:
            if variable in blocked:
                raise NotEstimable(
                    blocked[variable],
                    variable,
                    f"{label} needs {variable}, which no row of this study has "
                    f"(status {blocked[variable]})",
                )
    lost: dict[str, str] = {}
    for label in spec.controls:
        gone = [v for v in parse_term(label).variables if v in blocked]
        if gone and label not in spec.terms:
            lost[label] = f"{gone[0]} is {blocked[gone[0]]} in every row"
    kept = tuple(label for label in spec.controls if label not in lost)
    return replace(spec, controls=kept), lost


def _require_outcome(rows: pl.DataFrame, spec: ModelSpec) -> None:
    if (rows["y_status"] == OK).any():
        return
    status = rows["y_status"].mode().sort()[0]
    raise NotEstimable(
        str(status),
        spec.outcome_column,
        f"the outcome {spec.outcome_column} has no usable row (status {status})",
    )


def _why_blocked(status: pl.Series) -> str:
    """The most frequent status of a variable without any ok row, else ''."""
    if (status.head(1) == OK).any() or (status == OK).any():
        return ""
    return str(status.mode().sort()[0])


def _usable_rows(
    rows: pl.DataFrame, spec: ModelSpec, start: LedgerStep
) -> tuple[pl.DataFrame, list[LedgerStep], dict[str, int]]:
    """Drop rows by status, outcome first, then each variable in name order; count each cause."""
    dropped: dict[str, int] = {}
    steps: list[LedgerStep] = []
    outcome = spec.outcome_column
    whole = [v for v in spec.option_variables if v not in spec.variables]
    checked = [(outcome, "y_status"), *((v, _status(v)) for v in (*spec.variables, *whole))]
    if ESTIMATORS[spec.estimator].keeps_missing_outcome:
        checked = checked[1:]
        rows = rows.with_columns(pl.when(pl.col("y_status") == OK).then("y").alias("y"))
    lenient = spec.undefined != "drop"
    bad = {
        column: pl.col(column).is_in(UNUSABLE)
        if lenient and column != "y_status" and name not in spec.option_variables
        else pl.col(column) != OK
        for name, column in checked
    }
    found = rows.select(rule.any().alias(column) for column, rule in bad.items())
    some = found.row(0, named=True) if checked else {}
    for name, column in checked:
        told = []
        if some[column]:
            causes = rows.filter(bad[column])[column].value_counts().sort(column)
            told = [f"{status} {count}" for status, count in causes.iter_rows()]
            dropped |= {f"{name}: {status}": count for status, count in causes.iter_rows()}
            rows = rows.filter(~bad[column])
        if told or column == "y_status":
            text = f"{name} usable" + (f" ({', '.join(told)})" if told else "")
            steps.append(_step(text, rows, spec, steps[-1] if steps else start))
    for name in _plain_columns(spec):
        unknown = rows[name].null_count()
        if unknown:
            dropped[f"{name}: missing_input"] = unknown
            rows = rows.filter(pl.col(name).is_not_null())
            role = "cluster" if name == spec.cluster else "category"
            steps.append(_step(f"{role} {name} known", rows, spec))
    _check_values(rows, spec)
    return rows, steps, dropped


def _check_values(rows: pl.DataFrame, spec: ModelSpec) -> None:
    """Some row is left, ok rows have finite values, clusters nest firms."""
    if rows.height == 0:
        raise NotEstimable("no_rows", spec.name, "no row has the outcome and all regressors")
    named = dict.fromkeys([*spec.variables, *spec.option_variables])
    pairs = [("y", "y_status"), *((v, _status(v)) for v in named)]
    fine = {v: pl.col(column) == OK for v, column in pairs}
    counts = rows.select(
        *(ok.sum().alias(f"{v} ok") for v, ok in fine.items()),
        *((ok & ~pl.col(v).is_finite().fill_null(False)).sum().alias(v) for v, ok in fine.items()),
    ).row(0, named=True)
    for variable, _ in pairs:
        if counts[variable]:
            name = spec.outcome_column if variable == "y" else variable
            raise ValueError(f"{name}: {counts[variable]} rows have status ok and no finite value")
        if not counts[f"{variable} ok"]:
            raise NotEstimable("no_rows", variable, f"{variable} has no ok row in the sample")
    if spec.cluster == "org_id":
        return
    homes = rows.group_by("org_id").agg(pl.col(spec.cluster).n_unique().alias("homes"))
    moved = int((homes["homes"] > 1).sum())
    if moved:
        raise InputError(
            [
                Problem(
                    f"models.{spec.name}.cluster",
                    f"{moved} firms change their {spec.cluster}",
                    "cluster by a column that is constant within a firm",
                )
            ]
        )


def _drop_warnings(ledger: list[LedgerStep]) -> list[str]:
    """Name each status that takes away more than half of the analysis rows."""
    start = ledger[1].rows
    return [
        f"{step.step}: {before.rows - step.rows} of {start} analysis rows lost"
        for before, step in itertools.pairwise(ledger[1:])
        if before.rows - step.rows > start / 2
    ]


def _undefined_rows(status: pl.Series) -> dict[str, BoolArray]:
    """Flags of the rows of each status but ok, in the order of their names."""
    if (status == OK).all():
        return {}
    names = sorted(name for name in status.unique().to_list() if name != OK)
    return {name: (status == name).to_numpy() for name in names}


def _codes(column: pl.Series) -> tuple[IntArray, tuple[Any, ...]]:
    """Codes 0..m-1 in sorted order of the values, and the values."""
    runs = column.rle_id()
    values = column.filter(runs.diff().fill_null(1) != 0)
    if (values.slice(1) > values.slice(0, len(values) - 1)).all():  # sorted: runs are the values
        return runs.to_numpy().astype(np.int64), tuple(values.to_list())
    values = values.unique().sort()
    codes = column.rank("dense").to_numpy().astype(np.int64) - 1
    return codes, tuple(values.to_list())


__all__ = ["Base", "Columns", "Design", "LedgerStep", "NotEstimable", "build_design"]
