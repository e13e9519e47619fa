"""Columns of a raw table read as typed fields; every cell that cannot be read becomes a problem."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tertius.problems import SHOWN, Problems, did_you_mean
from tertius.sources.cells import DATE_FORMATS, DTYPES, PARSERS, Field
from tertius.sources.loaded import Loaded, ProblemsOfParts, clean_label
from tertius.sources.loader import OPTIONS, POLICIES, load_with_problems, policy
from tertius.sources.result import Step, step
from tertius.sources.text import REGISTRY
from tertius.tables import FIRST_YEAR, LAST_YEAR

ROW = "row"
"""Column with the number of the file's row, kept beside the fields for messages."""

FIELD_KEYS = (
    "columns", "constants", "empty", "dates", "codes", "separators", "decimal", "thousands",
    "units",
)  # fmt: skip
"""Keys of a mapping that say how cells are to be read."""


@dataclass
class Rows:
    """The fields of a file, and what was odd about it.

    Attributes:
        frame: column `row` and one column a field.
        file: for messages.
        problems: noted so far; the reader adds its own and stops when there is any.
        ledger: counts of what was read, left out or taken as empty.
        mapping: that the fields were read by.
    """

    frame: pl.DataFrame
    file: str
    problems: Problems
    ledger: list[Step]
    mapping: Mapping[str, Any] = field(default_factory=dict)


def read_rows(
    path: Path, mapping: Mapping[str, Any], fields: Sequence[Field], own: Sequence[str] = ()
) -> Rows:
    """The typed fields of a file.

    Args:
        path: the file, or a folder of files that are parts of one table.
        mapping: of the source: how to open the file (see `loader.load`) and what its columns mean:
            columns {field: column, or several of which the first that is there counts};
            constants {field: value for every row};
            empty {field or *: words that mean an empty cell};
            dates [formats]; codes {field: {word: code}}, where the word `*` stands for all others;
            decimal, thousands: marks in numbers; units {field: factor}.
        fields: what to take.
        own: further keys of the reader's mapping.

    Raises:
        InputError: problems of the file as a whole; problems of rows and cells are noted.
    """
    problems = Problems()
    check_mapping(mapping, fields, own, path.name, problems)
    loaded = load_with_problems(path, mapping, problems)
    if loaded.parts:
        problems = ProblemsOfParts(problems, loaded.file, loaded.parts)
    frame, ledger = read_fields(loaded, fields, mapping, problems)
    first = step("rows read", frame.height, loaded.encoding)
    frame, skipped = _without_empty(frame, fields, mapping)
    ledger = [first, *loaded.ledger, *ledger, *skipped]
    return Rows(frame, loaded.file, problems, ledger, mapping)


def check_mapping(
    mapping: Mapping[str, Any],
    fields: Sequence[Field],
    own: Sequence[str],
    origin: str,
    problems: Problems,
) -> None:
    """Note every key of a mapping that no one would read.

    Args:
        mapping: of the source.
        fields: that the reader takes.
        own: further keys of this reader.
        origin: the file, for messages.
        problems: takes what is found.
    """
    where = f"{REGISTRY} [{origin}] mapping"
    known = (*OPTIONS, *FIELD_KEYS, *own)
    for key in mapping:
        if key not in known:
            problems.add(f"{where}.{key}", f"unknown key {key!r}", did_you_mean(key, known))
    names = [field.name for field in fields]
    for section in ("columns", "constants", "codes", "separators", "empty", "units"):
        for key in mapping.get(section, {}):
            if key not in names and not (section == "empty" and key == "*"):
                what = f"no field is called {key!r}"
                problems.add(f"{where}.{section}.{key}", what, did_you_mean(key, names))
    for key, choice in mapping.get("policies", {}).items():
        options = POLICIES.get(key, ())
        if choice not in options:
            near = did_you_mean(str(choice), options) if options else did_you_mean(key, POLICIES)
            problems.add(f"{where}.policies.{key}", f"no policy {key}: {choice}", near)


def read_fields(
    loaded: Loaded, fields: Sequence[Field], mapping: Mapping[str, Any], problems: Problems
) -> tuple[pl.DataFrame, list[Step]]:
    """The fields of a raw table, typed; see `read_rows`.

    Returns:
        Column `row` (number of the file's row) and one column a field, null where the cell is
        empty, the column absent, or the cell unreadable (and then noted, or counted where the
        mapping's policy takes such cells as empty).
    """
    columns, ledger = [loaded.numbers.alias(ROW)], []
    for wanted in fields:
        raw = _raw_column(loaded, wanted, mapping, problems)
        typed = raw if raw.dtype == pl.Null else PARSERS[wanted.kind](raw, mapping, wanted)
        if typed.dtype == pl.Null:
            typed = typed.cast(DTYPES[wanted.kind])
        ledger += _note_unreadable(loaded, wanted, raw, typed, mapping, problems)
        columns.append(typed.alias(wanted.name))
    return pl.DataFrame(columns), ledger


def _without_empty(
    frame: pl.DataFrame, fields: Sequence[Field], mapping: Mapping[str, Any]
) -> tuple[pl.DataFrame, list[Step]]:
    """Without rows that lack what must be filled, where the policy is to leave them out."""
    filled = [field.name for field in fields if field.filled]
    if policy(mapping, "empty_cell") != "skip" or not filled:
        return frame, []
    kept = frame.drop_nulls(filled)
    note = f"left out: no {' or '.join(filled)}"
    return kept, [step("rows without what must be filled", frame.height - kept.height, note)]


def _raw_column(
    loaded: Loaded, field: Field, mapping: Mapping[str, Any], problems: Problems
) -> pl.Series:
    height = loaded.frame.height
    constants = mapping.get("constants", {})
    if field.name in constants:
        return pl.Series([str(constants[field.name])] * height, dtype=pl.String)
    named = mapping.get("columns", {}).get(field.name)
    label = column_of(field, mapping, loaded.frame.columns)
    if label not in loaded.frame.columns:
        if field.needed or isinstance(named, str):
            fix = did_you_mean(label, loaded.frame.columns)
            what = f"column {label!r} is missing"
            problems.add(loaded.file, what, f"{fix} (`columns:` of the source in {REGISTRY})")
        return pl.Series([None] * height, dtype=pl.Null)
    return _emptied(loaded.frame[label], field, mapping)


def column_of(field: Field, mapping: Mapping[str, Any], header: Sequence[str]) -> str:
    """The column that a field is read from: of several named ones the first in the header."""
    named = mapping.get("columns", {}).get(field.name, field.name)
    labels = [clean_label(str(name)) for name in ([named] if isinstance(named, str) else named)]
    return next((label for label in labels if label in header), labels[0])


def _emptied(raw: pl.Series, field: Field, mapping: Mapping[str, Any]) -> pl.Series:
    """Cells trimmed; null where only a word for an empty cell stands."""
    if raw.dtype == pl.Float64:
        raw = raw.fill_nan(None)
    if raw.dtype != pl.String:
        return raw
    declared = mapping.get("empty", {})
    words = ["", *(declared[field.name] if field.name in declared else declared.get("*", []))]
    trimmed = raw.str.strip_chars()
    return trimmed.set(trimmed.is_in(words), None)


def _note_unreadable(
    loaded: Loaded,
    field: Field,
    raw: pl.Series,
    typed: pl.Series,
    mapping: Mapping[str, Any],
    problems: Problems,
) -> list[Step]:
    """Note cells that cannot be read or must be filled; count those that are taken as empty."""
    label = column_of(field, mapping, loaded.frame.columns)
    bad = raw.is_not_null() & typed.is_null()
    what, fix = _expected(field, mapping)
    rows, ledger = loaded.numbers.filter(bad), []
    if policy(mapping, "unreadable_cell") == "empty":
        if len(rows):
            note = f"taken as empty; first in row {rows[0]}"
            ledger = [step(f"cells of {label!r} that are not {what}", len(rows), note)]
    else:
        for row, value in zip(rows[:SHOWN], raw.filter(bad)[:SHOWN], strict=True):
            near = did_you_mean(str(value), _known_codes(field, mapping)) if field.allowed else ""
            where = f"{loaded.file}, row {row}, column {label!r}"
            mend = "; ".join(filter(None, [near, fix]))
            problems.add(where, f"{_shortened(str(value))!r} is not {what}", mend)
        if len(rows) > SHOWN:
            where = f"{loaded.file}, column {label!r}"
            problems.add(where, f"{len(rows)} cells in all are not {what}", fix)
    if field.filled and raw.dtype != pl.Null and policy(mapping, "empty_cell") == "stop":
        _note_empty(loaded, label, raw, problems)
    return ledger


def _note_empty(loaded: Loaded, label: str, raw: pl.Series, problems: Problems) -> None:
    rows = loaded.numbers.filter(raw.is_null())
    fix = "fill it, or leave the row out (`policies: empty_cell: skip`)"
    for row in rows[:SHOWN]:
        where = f"{loaded.file}, row {row}, column {label!r}"
        problems.add(where, "the cell is empty", fix)
    if len(rows) > SHOWN:
        where = f"{loaded.file}, column {label!r}"
        problems.add(where, f"{len(rows)} cells in all are empty", fix)


def _shortened(value: str) -> str:
    return value if len(value) <= 80 else f"{value[:80]}..."


def _expected(field: Field, mapping: Mapping[str, Any]) -> tuple[str, str]:
    years = f"{FIRST_YEAR}-{LAST_YEAR}"
    if field.kind == "date":
        forms = " or ".join(mapping.get("dates", DATE_FORMATS))
        fix = f"correct the cell, or declare its format under `dates:` in {REGISTRY}"
        return f"a date of {years} written as {forms}" + _ambiguous(mapping), fix
    if field.kind == "code":
        fix = f"correct the cell, or declare the word under `codes.{field.name}` in {REGISTRY}"
        return f"a known {field.name}", fix
    named = {
        "year": f"a year of {years}",
        "count": "a whole number from 0 up",
        "real": "a number",
        "flag": "yes or no",
    }
    fix = f"correct the cell, or declare `empty:`, `decimal:` or `thousands:` in {REGISTRY}"
    return named.get(field.kind, "text (it is a formula or the error of one)"), fix


def _ambiguous(mapping: Mapping[str, Any]) -> str:
    """What to add where two declared formats differ in the order of day and month only."""
    forms = [re.sub("[^dm]", "", form) for form in mapping.get("dates", DATE_FORMATS)]
    turned = any(a == b[::-1] for a, b in itertools.combinations(forms, 2) if len(a) == 2)
    return " (or more than one of them reads it)" if turned else ""


def _known_codes(field: Field, mapping: Mapping[str, Any]) -> list[str]:
    declared = mapping.get("codes", {}).get(field.name, {})
    return sorted({*field.allowed, *(str(word) for word in declared)})
