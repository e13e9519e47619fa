"""The small tables of the report: attrition, warnings, proxies, statuses, ledgers, models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tertius.exhibits.content import Grid
from tertius.exhibits.descriptives import status_counts
from tertius.exhibits.labels import STATUS_WORDS, Labels, network_words
from tertius.exhibits.results import ModelResults
from tertius.exhibits.style import count, minus, real, share
from tertius.model_spec import base_variables

FACT_WORDS = {
    "year": "Year",
    "nodes": "Organisations",
    "isolates": "Isolates",
    "edges": "Ties",
    "density": "Density",
    "mean_degree": "Mean degree",
    "components": "Components",
    "giant_share": "Share in the largest",
    "degree_centralisation": "Centralisation",
    "transitivity": "Transitivity",
    "mean_local_clustering": "Local clustering",
    "mean_path_length": "Mean path",
    "assortativity": "Assortativity",
    "small_world": "Small world (two-mode null)",
    "rewired_small_world": "Small world (rewired)",
    "core_size": "Core",
    "core_fit": "Fit of the core",
    "core_p": "p of the fit",
}
MAX_LEDGER_ROWS = 100
FIRST, LAST = ("source", "layer", "step", "variable", "status", "year", "record_id"), ("note",)


def attrition_grid(results: ModelResults, unit: str = "firm") -> Grid:
    """One line a model and step: rows and firms left, and what the step lost."""
    rows = []
    for name, model in results.estimated.items():
        before: float | None = None
        for step in model.fit["ledger"]:
            lost = "" if before is None else count(before - step["rows"])
            words = str(step["step"]).replace("_", " ")
            rows.append((name, words, count(step["rows"]), count(step["firms"]), lost))
            before = step["rows"]
    return Grid(
        "From the risk set to each estimation sample",
        ("Model", "Step", f"{unit.capitalize()}-years", f"{unit.capitalize()}s", "Lost"),
        tuple(rows),
        frozenset({2, 3, 4}),
        "The last line of a model is the N that it reports.",
    )


def warnings_grid(results: ModelResults) -> Grid:
    """What the estimators warned of, and what they left out."""
    rows = []
    for name, model in results.estimated.items():
        said = [str(text) for text in model.fit.get("warnings", ())]
        said += [f"{term}: collinear, left out" for term in model.fit.get("collinear_dropped", ())]
        unavailable = model.fit.get("unavailable", {})
        said += [f"control {code}: {why}" for code, why in sorted(unavailable.items())]
        rows += [(name, minus(text)) for text in said]
    return Grid("Warnings of the estimators", ("Model", "Warning"), tuple(rows))


def refused_grid(results: ModelResults) -> Grid:
    """Models that the data cannot support."""
    return Grid(
        "Models that were not estimated",
        ("Model", "Reason"),
        tuple((name, minus(why)) for name, why in results.refused.items()),
    )


def models_grid(results: ModelResults, labels: Labels) -> Grid:
    """Every estimated model in one line."""
    rows = tuple(
        (
            name,
            labels.variable(str(model.fit["outcome"])),
            str(model.fit["estimator_label"]),
            ", ".join(labels.term(term) for term in model.focal),
            count(model.fit["n_obs"]),
            count(model.fit["n_firms"]),
        )
        for name, model in results.estimated.items()
    )
    heads = ("Model", "Outcome", "Estimator", "Focal terms", "N", f"{labels.unit.capitalize()}s")
    return Grid("Models", heads, rows, frozenset({4, 5}))


def proxies_grid(codebook: Mapping[str, Mapping[str, Any]], used: Sequence[str]) -> Grid:
    """Variables of the models that the codebook marks as proxies, with their formula."""
    rows = tuple(
        (code, str(entry["label"]["en"]), str(entry["formula"]), str(entry.get("note", "")))
        for code, entry in sorted(codebook.items())
        if entry["mark"] == "P" and code in used
    )
    return Grid(
        "Proxies",
        ("Code", "Variable", "Formula", "Note"),
        rows,
        note="Measures of this project without a canonical source; a claim that one of them "
        "carries is flagged.",
    )


def used_variables(results: ModelResults) -> tuple[str, ...]:
    """Codebook variables that any estimated or refused model names, sorted."""
    codes = set()
    for model in results.estimated.values():
        terms = [*model.focal, *model.spec.get("controls", ())]
        codes |= {*base_variables(terms), str(model.spec["outcome"])}
    return tuple(sorted(codes))


def statuses_grid(panel: pl.DataFrame, codes: Sequence[str], labels: Labels) -> Grid:
    """Rows of the analysis sample by status of each variable; only statuses that occur."""
    known = [code for code in codes if code in panel.columns]
    counted = status_counts(panel, known)
    found = {status for row in counted.values() for status, n in row.items() if n}
    statuses = [status for status in STATUS_WORDS if status in found]
    rows = tuple(
        (labels.variable(code), code, *(count(counted[code].get(s, 0)) for s in statuses))
        for code in known
    )
    return Grid(
        "Statuses of the variables in the analysis sample",
        ("Variable", "Code", *(STATUS_WORDS[status].capitalize() for status in statuses)),
        rows,
        frozenset(range(2, 2 + len(statuses))),
        "An undefined value is never read as zero. In a model it is set to zero after centring and "
        "marked by a dummy of its own for each status; rows of incomplete windows or missing "
        "inputs are dropped and counted.",
    )


def facts_grid(name: str, facts: pl.DataFrame, years: tuple[int, int]) -> Grid:
    """What a network is as a whole in each year of the analysis."""
    chosen = facts.filter(pl.col("year").is_between(*years)).sort("year")
    columns = [
        column
        for column in FACT_WORDS
        if column in chosen.columns and chosen[column].null_count() < chosen.height
    ]
    rows = tuple(
        tuple(_fact(column, row[column]) for column in columns)
        for row in chosen.iter_rows(named=True)
    )
    return Grid(
        f"Whole network by year: {network_words(name)}",
        tuple(FACT_WORDS[column] for column in columns),
        rows,
        frozenset(range(1, len(columns))),
    )


def _fact(column: str, value: Any) -> str:
    if value is None:
        return ""
    if column == "year":
        return str(value)
    if column == "giant_share":
        return share(value)
    return count(value) if isinstance(value, int) else real(value)


def ledger_grids(ledgers: Mapping[str, Any]) -> tuple[Grid, ...]:
    """Every ledger of the steps as tables: counts as lines, lists of records as their own table.

    Of a list only the first rows are shown; the number of all is told, and the file holds them.
    """
    grids: list[Grid] = []
    for step, content in sorted(ledgers.items()):
        title = step.replace("_", " ")
        counts, lists = _flatten(content, ())
        if counts:
            rows = tuple((" \u203a ".join(path), value) for path, value in counts)
            grids.append(Grid(title, ("What", "Count"), rows, frozenset({1})))
        grids += [_records_grid(title, path, records) for path, records in lists]
    return tuple(grids)


Path = tuple[str, ...]


def _flatten(
    content: Any, path: Path
) -> tuple[list[tuple[Path, str]], list[tuple[Path, list[Mapping[str, Any]]]]]:
    if isinstance(content, Mapping):
        counts: list[tuple[Path, str]] = []
        lists: list[tuple[Path, list[Mapping[str, Any]]]] = []
        for key, value in content.items():
            below, deeper = _flatten(value, (*path, str(key).replace("_", " ")))
            counts += below
            lists += deeper
        return counts, lists
    if isinstance(content, list) and content and all(isinstance(x, Mapping) for x in content):
        return [], [(path, content)]
    return [(path or ("value",), _text(content))], []


def _records_grid(title: str, path: Path, records: list[Mapping[str, Any]]) -> Grid:
    found = list(dict.fromkeys(str(key) for record in records for key in record))
    middle = [head for head in found if head not in (*FIRST, *LAST)]
    heads = [*(h for h in FIRST if h in found), *middle, *(h for h in LAST if h in found)]
    shown = records[:MAX_LEDGER_ROWS]
    rows = tuple(tuple(_named_text(head, record.get(head)) for head in heads) for record in shown)
    rest = len(records) - len(shown)
    note = f"The first {len(shown)} of {count(len(records))}; all are in the file." if rest else ""
    name = " \u203a ".join([title, *path])
    numeric = frozenset(
        place
        for place, head in enumerate(heads)
        if place and all(isinstance(record.get(head), int | float) for record in records)
    )
    return Grid(name, tuple(head.replace("_", " ") for head in heads), rows, numeric, note)


def _named_text(head: str, value: Any) -> str:
    """A year is no count and stands without a thousands mark."""
    return str(value) if "year" in head and isinstance(value, int) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return minus(real(value))
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "none"
    return str(value)
