"""Workbooks: cells as stored; formulas that were never calculated are problems."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl

from tertius.problems import SHOWN, InputError, Problem, did_you_mean
from tertius.sources.loaded import Loaded, check_header, row_numbers
from tertius.sources.result import Step, step
from tertius.sources.text import read_bytes, unpacked_limit


def read_workbook(path: Path, options: Mapping[str, Any]) -> Loaded:
    """The table of a sheet (`sheet`, `skip_rows`, `label_rows` of a mapping), cells as strings.

    Days are written as ISO dates, whole numbers without a point. Empty rows are left out and
    counted; formulas give the value stored with them.

    Raises:
        InputError: no workbook, no such sheet, an empty one, or one that unpacks to too much.
    """
    content = read_bytes(path)
    _check_size(content, path)
    sheet, values = _sheet(content, path, options, stored=True)
    skipped, labels = int(options.get("skip_rows", 0)), int(options.get("label_rows", 0))
    rows = values[skipped:]
    if not rows:
        raise InputError([Problem(str(path), f"sheet {sheet!r} is empty", "get the file again")])
    header = [_cell(value) or "" for value in rows[0]]
    named = [k for k, label in enumerate(header) if label]
    check_header([header[k] for k in named], path)
    body = rows[1 + labels :]
    first = skipped + labels + 2
    found, ledger = [*_nameless(header, body, path)], []
    # Formulas are read a second time, for the workbook holds either them or their values.
    if b"<f" in _sheet_bytes(content):
        _, written = _sheet(content, path, options, stored=False)
        problems, counted = _formulas(written[first - 1 :], body, first, path)
        found += problems
        ledger.append(counted)
    columns = {header[k]: [_cell(row[k]) for row in body] for k in named}
    empty = [number for number, row in enumerate(body) if not any(v is not None for v in row)]
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    numbers = row_numbers(first, frame.height)
    if empty:
        filled = ~pl.Series(range(frame.height), dtype=pl.Int64).is_in(empty)
        frame, numbers = frame.filter(filled), numbers.filter(filled)
        ledger.append(step("blank lines", len(empty), "left out"))
    return Loaded(frame, str(path), numbers, "", tuple(found), tuple(ledger))


def _sheet(
    content: bytes, path: Path, options: Mapping[str, Any], *, stored: bool
) -> tuple[str, list[list[Any]]]:
    """Name and cells of the sheet; formulas as they are written, or their stored values."""
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=stored)
        sheet = options.get("sheet") or book.sheetnames[0]
        if sheet not in book.sheetnames:
            fix = did_you_mean(str(sheet), book.sheetnames)
            raise InputError([Problem(str(path), f"no sheet is called {sheet!r}", fix)])
        rows = [list(row) for row in book[sheet].iter_rows(values_only=True)]
    except (KeyError, ValueError, OSError, zipfile.BadZipFile, SyntaxError) as error:
        what = "the workbook cannot be opened"
        raise InputError([Problem(str(path), what, "save it again as .xlsx")]) from error
    width = max(map(len, rows), default=0)
    return str(sheet), [row + [None] * (width - len(row)) for row in rows]


def _sheet_bytes(content: bytes) -> bytes:
    """The XML of all sheets."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = [i for i in archive.infolist() if i.filename.startswith("xl/worksheets/sheet")]
        return b"".join(archive.read(sheet) for sheet in sheets)


def _check_size(content: bytes, path: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except zipfile.BadZipFile as error:
        what = "the workbook cannot be opened"
        raise InputError([Problem(str(path), what, "save it again as .xlsx")]) from error
    if size > unpacked_limit(len(content)):
        what = f"the workbook of {len(content)} bytes unpacks to {size} bytes"
        raise InputError([Problem(str(path), what, "check where the file comes from")])


def _nameless(header: Sequence[str], body: list[list[Any]], path: Path) -> list[Problem]:
    for k, label in enumerate(header):
        if not label and any(row[k] is not None for row in body):
            what = f"column {k + 1} has content and no name in the header"
            return [Problem(str(path), what, "name it, or empty it")]
    return []


def _formulas(
    written: list[list[Any]], stored: list[list[Any]], first: int, path: Path
) -> tuple[list[Problem], Step]:
    """Formulas without a stored value are problems; those with one are counted."""
    bad, good = [], 0
    for number, (formulas, values) in enumerate(zip(written, stored, strict=True), first):
        for column, (formula, value) in enumerate(zip(formulas, values, strict=True), 1):
            if isinstance(formula, str) and formula.startswith("="):
                good += value is not None
                if value is None:
                    bad.append((number, column, formula))
    fix = "open the workbook, let it calculate and save it, or paste the values"
    found = [
        Problem(f"{path}, row {row}, column {column}", f"{formula!r} has no stored value", fix)
        for row, column, formula in bad[:SHOWN]
    ]
    if len(bad) > SHOWN:
        found.append(Problem(str(path), f"{len(bad)} formulas in all have no stored value", fix))
    return found, step("formulas", good, "their stored values are taken")


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
