"""Regression tables: models as columns, estimates over standard errors over exact p-values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tertius.catalogue.missteps import MISSTEPS
from tertius.exhibits.labels import EFFECT_WORDS, Labels, is_undefined_dummy
from tertius.exhibits.results import ModelResult
from tertius.exhibits.style import count, interval, p_relation, real, stars
from tertius.exhibits.table import Cell, Row, Table, decimal_cell
from tertius.model_spec import base_variables

SAMPLES = MISSTEPS["sample_changes"]
STAR_NOTE = "* p < 0.05, ** p < 0.01, *** p < 0.001 (two-sided, not adjusted)."


@dataclass(frozen=True)
class RegressionStyle:
    """What is printed under an estimate: standard errors always, then p, the interval, or both.

    `stars` adds marks beside the estimate; the exact p or interval is printed all the same.
    `rows` fixes which terms are shown, in order; empty shows focal terms, then controls.
    `controls` False replaces the controls by one line that says which are in.
    """

    inference: str = "p"
    stars: bool = True
    rows: tuple[str, ...] = ()
    controls: bool = True
    digits: int = 3


def regression_table(
    identity: tuple[str, str, str],
    models: Sequence[ModelResult],
    labels: Labels,
    style: RegressionStyle,
    refused: Mapping[str, str] | None = None,
) -> Table:
    """The table of some models side by side.

    Args:
        identity: id, English title, Chinese title.
        models: one a column, in order.
        labels: names of the variables.
        style: what to print.
        refused: models that were asked for but could not be estimated, with the reason; told in
            the notes.
    """
    models, strangers = _on_one_sample(models)
    terms = style.rows or default_rows(models, style.controls)
    body = [row for term in terms for row in _term_rows(term, models, labels, style)]
    heads = (
        tuple(f"({number})" for number in range(1, len(models) + 1)),
        tuple(model.name.replace("_", " ") for model in models),
        tuple(_outcome(model, labels) for model in models),
    )
    return Table(
        id=identity[0],
        title=identity[1],
        title_zh=identity[2],
        stub="Term",
        heads=heads if models else (("",),),
        rows=(*body, *_summary_rows(models, labels, terms)) if models else (),
        notes=_notes(models, labels, style, {**(refused or {}), **strangers}),
    )


def changed_samples(models: Sequence[ModelResult]) -> dict[str, str]:
    """Models on other rows than the first model of their outcome, and what to say of each."""
    first: dict[str, ModelResult] = {}
    found: dict[str, str] = {}
    for model in models:
        base = first.setdefault(str(model.fit["outcome"]), model)
        if not model.sample.sort("org_id", "year").equals(base.sample.sort("org_id", "year")):
            own, other = (count(m.fit["n_obs"]) for m in (model, base))
            found[model.name] = (
                f"{own} rows beside {other} of {base.name.replace('_', ' ')}: {SAMPLES.reason} "
                f"[{SAMPLES.source}]"
            )
    return found


def _on_one_sample(
    models: Sequence[ModelResult],
) -> tuple[Sequence[ModelResult], dict[str, str]]:
    """Models to show, and those left out because their setting stops on a change of the sample."""
    found = changed_samples(models)
    stopped = {
        model.name: f"{found[model.name]}; estimation.missteps.{SAMPLES.id} says stop"
        for model in models
        if model.name in found and _action(model) == "stop"
    }
    return [model for model in models if model.name not in stopped], stopped


def _action(model: ModelResult) -> str:
    chosen = model.spec.get("missteps") or {}
    return str(chosen.get(SAMPLES.id, SAMPLES.action))


def default_rows(models: Sequence[ModelResult], controls: bool) -> tuple[str, ...]:
    """Focal terms in the order of the specifications, then controls; no undefined dummies."""
    focal = [term for model in models for term in model.focal if term in model.terms]
    rest = [term for model in models for term in model.terms if not is_undefined_dummy(term)]
    return tuple(dict.fromkeys([*focal, *(rest if controls else [])]))


def _outcome(model: ModelResult, labels: Labels) -> str:
    return labels.variable(str(model.fit["outcome"]))


def _term_rows(
    term: str, models: Sequence[ModelResult], labels: Labels, style: RegressionStyle
) -> list[Row]:
    found = [model.row(term) for model in models]

    def cells(make: Callable[[Mapping[str, Any]], Cell]) -> tuple[Cell, ...]:
        return tuple(Cell() if row is None else make(row) for row in found)

    def estimate(row: Mapping[str, Any]) -> Cell:
        mark = stars(row["p_value"]) if style.stars else ""
        return decimal_cell(row["estimate"], real(row["estimate"], style.digits) + mark)

    def error(row: Mapping[str, Any]) -> Cell:
        return decimal_cell(row["std_error"], f"({real(row['std_error'], style.digits)})")

    def p_value(row: Mapping[str, Any]) -> Cell:
        return Cell(f"p {p_relation(row['p_value'])}")

    def bounds(row: Mapping[str, Any]) -> Cell:
        return Cell(interval(row["conf_low"], row["conf_high"]))

    rows = [
        Row(labels.term(term), cells(estimate), "body", "estimate"),
        Row("", cells(error), "detail", "std_error"),
    ]
    if style.inference in ("p", "both"):
        rows.append(Row("", cells(p_value), "detail", "p_value"))
    if style.inference in ("ci", "both"):
        rows.append(Row("", cells(bounds), "detail", "conf_interval"))
    return rows


def _summary_rows(
    models: Sequence[ModelResult], labels: Labels, shown: Sequence[str]
) -> tuple[Row, ...]:
    def line(label: str, name: str, make: Callable[[ModelResult], Cell]) -> Row:
        return Row(label, tuple(make(model) for model in models), "summary", name)

    def number(key: str) -> Callable[[ModelResult], Cell]:
        return lambda m: decimal_cell(float(m.fit[key]), count(m.fit[key]))

    def effect(name: str) -> Callable[[ModelResult], Cell]:
        return lambda m: Cell("yes" if name in m.fit["effects"] else "no")

    words = {**EFFECT_WORDS, "org_id": labels.unit}
    rows = [
        line("Estimator", "estimator", lambda m: Cell(str(m.fit["estimator_label"]))),
        *(line(f"{words[e].capitalize()} effects", f"effects_{w}", effect(e)) for e, w in
          EFFECT_WORDS.items()),
        line("Standard errors clustered by", "cluster",
             lambda m: Cell(words.get(m.fit["cluster"], str(m.fit["cluster"])))),
    ]  # fmt: skip
    hidden = [[t for t in _controls(m) if t not in shown and t in m.terms] for m in models]
    if any(hidden):
        counts = tuple(Cell(str(len(terms)), float(len(terms)), "0") for terms in hidden)
        rows.append(Row("Controls not shown", counts, "summary", "controls_hidden"))
    dummies = [float(sum(map(is_undefined_dummy, m.terms))) for m in models]
    cells = tuple(Cell(f"{n:.0f}", n, "0") for n in dummies)
    rows += [
        Row("Dummies of undefined values", cells, "summary", "undefined_dummies"),
        line(f"Observations ({labels.unit}-years)", "n_obs", number("n_obs")),
        line(f"{labels.unit.capitalize()}s", "n_firms", number("n_firms")),
        line("Years", "n_years", number("n_years")),
        line("Rows dropped on the way", "n_dropped", _dropped),
        line("Mean of the outcome", "mean_outcome",
             lambda m: decimal_cell(m.fit["mean_outcome"], real(m.fit["mean_outcome"]))),
        *_fit_rows(models),
    ]  # fmt: skip
    return tuple(rows)


def _controls(model: ModelResult) -> tuple[str, ...]:
    return tuple(term for term in model.spec.get("controls", ()) if term not in model.focal)


def _dropped(model: ModelResult) -> Cell:
    ledger = model.fit["ledger"]
    lost = float(ledger[0]["rows"] - ledger[-1]["rows"]) if ledger else 0.0
    return decimal_cell(lost, count(lost))


def _fit_rows(models: Sequence[ModelResult]) -> list[Row]:
    rows = []
    for key, label in (
        ("pseudo_r2", "Pseudo R\u00b2"),
        ("r2_within", "Within R\u00b2"),
        ("log_likelihood", "Log likelihood"),
    ):
        values = [model.fit.get(key) for model in models]
        if any(value is not None for value in values):
            cells = tuple(Cell() if v is None else decimal_cell(v, real(v)) for v in values)
            rows.append(Row(label, cells, "summary", key))
    return rows


def _notes(
    models: Sequence[ModelResult],
    labels: Labels,
    style: RegressionStyle,
    refused: Mapping[str, str],
) -> tuple[str, ...]:
    under = {
        "p": "standard errors in brackets, exact p-values below",
        "ci": "standard errors in round brackets, 95 % confidence intervals in square ones",
        "both": "standard errors in round brackets, exact p-values, 95 % confidence intervals",
    }[style.inference]
    lost = [f"Not estimated: {name} ({reason})." for name, reason in sorted(refused.items())]
    if not models:
        return tuple(lost)
    notes = [f"Coefficients with {under}." + (f" {STAR_NOTE}" if style.stars else "")]
    for text in dict.fromkeys(str(model.fit["se_convention"]) for model in models):
        notes.append(f"Standard errors: {text.rstrip('.')}.")
    proxies = labels.proxies_among([code for model in models for code in _variables(model)])
    if proxies:
        named = "; ".join(labels.variable(code) for code in proxies)
        notes.append(f"Proxies of this project, without a canonical source: {named}.")
    changed = changed_samples(models)
    for place, model in enumerate(models, start=1):
        if model.name in changed and _action(model) == "warn":
            notes.append(f"({place}) {changed[model.name]}.")
    return (*notes, *_column_notes(models, labels), *lost)


def _column_notes(models: Sequence[ModelResult], labels: Labels) -> list[str]:
    """What is special about columns, one note for all columns of which the same is true."""
    said: dict[str, list[int]] = {}
    for number, model in enumerate(models, 1):
        for text in _peculiarities(model, labels):
            said.setdefault(text, []).append(number)
    return [
        f"Column{'s' if len(columns) > 1 else ''} {', '.join(f'({c})' for c in columns)}: {text}."
        for text, columns in said.items()
    ]


def _peculiarities(model: ModelResult, labels: Labels) -> list[str]:
    fit, found = model.fit, []
    if fit.get("estimator_note"):
        found.append(f"{fit['estimator_label']}: {fit['estimator_note']}")
    if fit.get("stands_in_for"):
        here = labels.variable(str(model.spec["outcome"]))
        meant = labels.variable(str(fit["stands_in_for"]))
        found.append(f"{here} stands in for {meant}, a proxy")
    if fit.get("collinear_dropped"):
        named = ", ".join(labels.term(term) for term in fit["collinear_dropped"])
        found.append(f"left out as collinear: {named}")
    if fit.get("unavailable"):
        named = ", ".join(labels.variable(code) for code in sorted(fit["unavailable"]))
        found.append(f"controls that this study cannot build: {named}")
    return found


def _variables(model: ModelResult) -> tuple[str, ...]:
    regressors = [*model.focal, *_controls(model)]
    return (*base_variables(regressors), str(model.spec["outcome"]))
