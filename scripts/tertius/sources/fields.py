"""Columns of a raw table read as typed fields; every cell that cannot be read becomes a problem."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tertius.problems import SHOWN, Problems, did_you_mean
from tertius.sources.loader import OPTIONS, Loaded, clean_label
from tertius.sources.text import REGISTRY
from tertius.tables import FIRST_YEAR, LAST_YEAR

ROW = "row"
"""Column with the number of the file's row, kept beside the fields for messages."""

DATE_FORMATS = ("%Y-%m-%d",)
TRUE_WORDS = ("1", "true", "t", "yes", "y", "是")
FALSE_WORDS = ("0", "false", "f", "no", "n", "否")
FIELD_KEYS = (
    "columns", "constants", "empty", "dates", "codes", "separators", "decimal", "thousands",
)  # fmt: skip
"""Keys of a mapping that say how cells are to be read."""


@dataclass(frozen=True)
class Field:
    """One field that a reader takes from a file.

    Attributes:
        name: the field; also the column's name unless the mapping names another.
        kind: text | date | year | count | real | flag | code. Lists are text until they are split.
        needed: the file must have the column.
        filled: no cell may be empty.
        allowed: the codes of a field of kind code.
    """

    name: str
    kind: str = "text"
    needed: bool = False
    filled: bool = False
    allowed: tuple[str, ...] = ()


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
    for section in ("columns", "constants", "codes", "separators", "empty"):
        for key in mapping.get(section, {}):
            if key not in names and not (section == "empty" and key == "*"):
                what = f"no field is called {key!r}"
                problems.add(f"{where}.{section}.{key}", what, did_you_mean(key, names))


def read_fields(
    loaded: Loaded, fields: Sequence[Field], mapping: Mapping[str, Any], problems: Problems
) -> pl.DataFrame:
    """The fields of a raw table, typed.

    Args:
        loaded: the raw table.
        fields: what to take.
        mapping: `columns` {field: column}, `constants` {field: value for every row}, `empty`
            {field or *: words that mean an empty cell}, `dates` [formats], `codes` {field: {word:
            code}}, `decimal`, `thousands`.
        problems: takes missing columns and unreadable cells.

    Returns:
        Column `row` (number of the file's row) and one column a field, null where the cell is
        empty, the column absent, or the cell unreadable (and then noted).
    """
    columns = [_numbers(loaded)]
    for field in fields:
        raw = _raw_column(loaded, field, mapping, problems)
        typed = raw if raw.dtype == pl.Null else _PARSERS[field.kind](raw, mapping, field)
        if typed.dtype == pl.Null:
            typed = typed.cast(_DTYPES[field.kind])
        _note_unreadable(loaded, field, raw, typed, mapping, problems)
        columns.append(typed.alias(field.name))
    return pl.DataFrame(columns)


def _numbers(loaded: Loaded) -> pl.Series:
    first = loaded.first_row
    return pl.int_range(first, first + loaded.frame.height, dtype=pl.Int64, eager=True).alias(ROW)


def _raw_column(
    loaded: Loaded, field: Field, mapping: Mapping[str, Any], problems: Problems
) -> pl.Series:
    height = loaded.frame.height
    constants = mapping.get("constants", {})
    if field.name in constants:
        return pl.Series([str(constants[field.name])] * height, dtype=pl.String)
    named = mapping.get("columns", {}).get(field.name)
    label = clean_label(str(named if named is not None else field.name))
    if label not in loaded.frame.columns:
        if field.needed or named is not None:
            fix = did_you_mean(label, loaded.frame.columns)
            what = f"column {label!r} is missing"
            problems.add(loaded.file, what, f"{fix} (`columns:` of the source in {REGISTRY})")
        return pl.Series([None] * height, dtype=pl.Null)
    return _emptied(loaded.frame[label], field, mapping)


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


def _text(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    if raw.dtype.is_float() and bool((raw.drop_nulls() % 1 == 0).all()):
        raw = raw.cast(pl.Int64)
    return raw.cast(pl.String)


def _date(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    if raw.dtype == pl.Date or raw.dtype == pl.Datetime:
        return _within(raw.cast(pl.Date))
    parsed = pl.Series([None] * len(raw), dtype=pl.Date)
    words = raw.cast(pl.String)
    for form in mapping.get("dates", DATE_FORMATS):
        parsed = parsed.zip_with(parsed.is_not_null(), _dates_of(words, form))
    return _within(parsed)


def _dates_of(words: pl.Series, form: str) -> pl.Series:
    """Dates of one format; a format of a year, or a year and month, means its first day."""
    whole = {"%Y": ("-01-01", "%Y-%m-%d"), "%Y-%m": ("-01", "%Y-%m-%d")}
    if form in whole:
        ending, form = whole[form]
        words = words + ending
    return words.str.to_date(form, strict=False)


def _within(dates: pl.Series) -> pl.Series:
    """Dates of possible years only."""
    low, high = datetime.date(FIRST_YEAR, 1, 1), datetime.date(LAST_YEAR, 12, 31)
    return dates.set(~dates.is_between(low, high), None)


def _real(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    if raw.dtype != pl.String:
        return raw.cast(pl.Float64, strict=False)
    words = raw
    if mark := mapping.get("thousands"):
        words = words.str.replace_all(str(mark), "", literal=True)
    if (mark := mapping.get("decimal", ".")) != ".":
        words = words.str.replace_all(str(mark), ".", literal=True)
    numbers = words.cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite(), None)


def _whole(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    numbers = _real(raw, mapping, field)
    possible = (numbers % 1 == 0) & numbers.is_between(-(2**31), 2**31 - 1)
    return numbers.set(~possible, None).cast(pl.Int32)


def _year(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    years = _whole(raw, {}, field)
    return years.set(~years.is_between(FIRST_YEAR, LAST_YEAR), None)


def _count(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    counts = _whole(raw, mapping, field)
    return counts.set(counts < 0, None)


def _flag(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    if raw.dtype == pl.Boolean:
        return raw
    words = dict.fromkeys(TRUE_WORDS, True) | dict.fromkeys(FALSE_WORDS, False)
    lowered = _text(raw, mapping, field).str.to_lowercase()
    return lowered.replace_strict(words, default=None, return_dtype=pl.Boolean)


def _code(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    declared = {str(k): v for k, v in mapping.get("codes", {}).get(field.name, {}).items()}
    words = {code: code for code in field.allowed} | declared
    text = _text(raw, mapping, field)
    return text.replace_strict(words, default=None, return_dtype=pl.String)


_PARSERS: dict[str, Callable[[pl.Series, Mapping[str, Any], Field], pl.Series]] = {
    "text": _text,
    "date": _date,
    "year": _year,
    "count": _count,
    "real": _real,
    "flag": _flag,
    "code": _code,
}
_DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "date": pl.Date(),
    "year": pl.Int32(),
    "count": pl.Int32(),
    "real": pl.Float64(),
    "flag": pl.Boolean(),
    "code": pl.String(),
}


def _note_unreadable(
    loaded: Loaded,
    field: Field,
    raw: pl.Series,
    typed: pl.Series,
    mapping: Mapping[str, Any],
    problems: Problems,
) -> None:
    numbers = _numbers(loaded)
    label = mapping.get("columns", {}).get(field.name, field.name)
    bad = raw.is_not_null() & typed.is_null()
    what, fix = _expected(field, mapping)
    for row, value in zip(numbers.filter(bad)[:SHOWN], raw.filter(bad)[:SHOWN], strict=True):
        near = did_you_mean(str(value), _known_codes(field, mapping)) if field.allowed else ""
        where = f"{loaded.file}, row {row}, column {label!r}"
        problems.add(where, f"{str(value)!r} is not {what}", "; ".join(filter(None, [near, fix])))
    if bad.sum() > SHOWN:
        where = f"{loaded.file}, column {label!r}"
        problems.add(where, f"{bad.sum()} cells in all are not {what}", fix)
    empty = raw.is_null() if field.filled and raw.dtype != pl.Null else bad & False
    for row in numbers.filter(empty)[:SHOWN]:
        where = f"{loaded.file}, row {row}, column {label!r}"
        problems.add(where, "the cell is empty", "fill it, or leave the row out")


def _expected(field: Field, mapping: Mapping[str, Any]) -> tuple[str, str]:
    years = f"{FIRST_YEAR}-{LAST_YEAR}"
    if field.kind == "date":
        forms = " or ".join(mapping.get("dates", DATE_FORMATS))
        fix = f"correct the cell, or declare its format under `dates:` in {REGISTRY}"
        return f"a date of {years} written as {forms}", fix
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
    return named.get(field.kind, "text"), fix


def _known_codes(field: Field, mapping: Mapping[str, Any]) -> list[str]:
    declared = mapping.get("codes", {}).get(field.name, {})
    return sorted({*field.allowed, *(str(word) for word in declared)})
