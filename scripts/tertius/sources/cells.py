"""Cells of one kind read as values; null where a cell cannot be read."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tertius.tables import FIRST_YEAR, LAST_YEAR

DATE_FORMATS = ("%Y-%m-%d",)
FORMULA = r"^=|^#(N/A|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!)$"
"""Formulas, and what spreadsheet programs write where one has no value."""
TRUE_WORDS = ("1", "true", "t", "yes", "y", "是")
FALSE_WORDS = ("0", "false", "f", "no", "n", "否")


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


def _text(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    if raw.dtype.is_float() and bool((raw.drop_nulls() % 1 == 0).all()):
        raw = raw.cast(pl.Int64)
    words = raw.cast(pl.String)
    # A formula in a text file is not its value: a spreadsheet program would show something else.
    return words.set(words.str.contains(FORMULA).fill_null(False), None)


def _date(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    if raw.dtype == pl.Date or raw.dtype == pl.Datetime:
        return _within(raw.cast(pl.Date))
    words = raw.cast(pl.String)
    parsed = pl.Series([None] * len(raw), dtype=pl.Date)
    for form in mapping.get("dates", DATE_FORMATS):
        read = _within(dates_of(words, form))
        # A cell that two declared formats read as two days could be either.
        parsed = pl.select(
            pl.when((parsed != read).fill_null(False))
            .then(None)
            .otherwise(pl.coalesce(parsed, read))
        ).to_series()
    return parsed


def dates_of(words: pl.Series, form: str) -> pl.Series:
    """Dates of one format, null where a word has another.

    A format of a year, or a year and month, means its first day; `excel` means the number of days
    that spreadsheet programs count (1 is 1 January 1900).
    """
    if form == "excel":
        days = words.str.extract(r"^(\d{3,6})(?:\.0)?$", 1).cast(pl.Int32, strict=False)
        return pl.select(pl.date(1899, 12, 30) + pl.duration(days=pl.lit(days))).to_series()
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
    numbers = _number(raw, mapping)
    factor = mapping.get("units", {}).get(field.name, 1)
    return numbers if factor == 1 else numbers * float(factor)


def grouped_number(comma: str, point: str) -> str:
    """Pattern of a number whose thousands are marked."""
    return rf"^[+-]?\d{{1,3}}(?:{re.escape(comma)}\d{{3}})+(?:{re.escape(point)}\d*)?$"


def _number(raw: pl.Series, mapping: Mapping[str, Any]) -> pl.Series:
    """Numbers with the declared marks; thousands stand in groups of three, or not at all."""
    if raw.dtype != pl.String:
        return raw.cast(pl.Float64, strict=False)
    point, comma = str(mapping.get("decimal", ".")), str(mapping.get("thousands", ""))
    words = raw
    if comma:
        grouped = grouped_number(comma, point)
        fits = words.str.contains(grouped) | ~words.str.contains(comma, literal=True)
        words = words.set(~fits.fill_null(True), None)
        words = words.str.replace_all(comma, "", literal=True)
    if point != ".":
        words = words.set(words.str.contains(".", literal=True).fill_null(False), None)
        words = words.str.replace_all(point, ".", literal=True)
    numbers = words.cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite(), None)


def _whole(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    numbers = _number(raw, mapping)
    possible = (numbers % 1 == 0) & numbers.is_between(-(2**31), 2**31 - 1)
    return numbers.set(~possible, None).cast(pl.Int32)


def _year(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    years = _whole(raw, {}, field)
    years = years.set(~years.is_between(FIRST_YEAR, LAST_YEAR), None)
    if raw.dtype in (pl.Date, pl.Datetime) or "dates" in mapping:
        years = years.zip_with(years.is_not_null(), _date(raw, mapping, field).dt.year())
    return years


def _count(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    counts = _whole(raw, mapping, field)
    return counts.set(counts < 0, None)


def _flag(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    if raw.dtype == pl.Boolean:
        return raw
    words = dict.fromkeys(TRUE_WORDS, True) | dict.fromkeys(FALSE_WORDS, False)
    declared = mapping.get("codes", {}).get(field.name, {})
    words |= {str(word).lower(): bool(flag) for word, flag in declared.items()}
    lowered = _text(raw, mapping, field).str.to_lowercase()
    return lowered.replace_strict(words, default=None, return_dtype=pl.Boolean)


def _code(raw: pl.Series, mapping: Mapping[str, Any], field: Field) -> pl.Series:
    declared = {str(k): v for k, v in mapping.get("codes", {}).get(field.name, {}).items()}
    words = {code: code for code in field.allowed} | declared
    others = words.pop("*", None)
    text = _text(raw, mapping, field)
    known = text.replace_strict(words, default=others, return_dtype=pl.String)
    return known.set(text.is_null(), None)


PARSERS: dict[str, Callable[[pl.Series, Mapping[str, Any], Field], pl.Series]] = {
    "text": _text,
    "date": _date,
    "year": _year,
    "count": _count,
    "real": _real,
    "flag": _flag,
    "code": _code,
}
"""Reader of each kind of field: cells, mapping, field -> values."""
DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "date": pl.Date(),
    "year": pl.Int32(),
    "count": pl.Int32(),
    "real": pl.Float64(),
    "flag": pl.Boolean(),
    "code": pl.String(),
}
"""Type of each kind of field."""
