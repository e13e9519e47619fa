"""Empty workbooks to fill in, one a typed table, made from the schemas."""

from __future__ import annotations

import datetime
from pathlib import Path

import openpyxl
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from tertius.sources.cells import Field
from tertius.sources.long_table import fields_of
from tertius.tables import SCHEMAS

GUIDE = "columns"
"""Sheet that says what each column holds."""
KINDS = {
    "text": "text",
    "date": "a date, 2015-03-31",
    "year": "a year of four digits",
    "count": "a whole number from 0 up",
    "real": "a number",
    "flag": "yes or no",
    "code": "one of the words listed",
}
DAY = datetime.datetime(1980, 1, 1)
"""The workbooks carry no time of their making."""
CHECKED_ROWS = 10_000


def template(table: str) -> openpyxl.Workbook:
    """The workbook of a table: a sheet with its header, and one that explains the columns.

    Columns of names stand in the place of ids, as everywhere before names are matched.
    """
    book = openpyxl.Workbook()
    sheet = book.active
    if sheet is None:
        raise ValueError("a new workbook has no sheet")
    sheet.title = table
    fields = fields_of(SCHEMAS[table])
    sheet.append([field.name for field in fields])
    sheet.freeze_panes = "A2"
    for place, field in enumerate(fields, 1):
        letter = get_column_letter(place)
        sheet.cell(1, place).font = Font(bold=field.needed)
        sheet.column_dimensions[letter].width = max(12, len(field.name) + 2)
        if field.allowed:
            words = DataValidation("list", formula1=f'"{",".join(field.allowed)}"')
            words.add(f"{letter}2:{letter}{CHECKED_ROWS}")
            sheet.add_data_validation(words)
    guide = book.create_sheet(GUIDE)
    for row in guide_rows(fields):
        guide.append(row)
    book.properties.created = book.properties.modified = DAY
    book.properties.creator = "tertius"
    return book


def guide_rows(fields: tuple[Field, ...]) -> list[list[str | None]]:
    """Column, whether it must be filled, what it holds, and its words."""
    head: list[str | None] = ["column", "must be filled", "holds", "words"]
    return [
        head,
        *(
            [f.name, "yes" if f.filled else "no", KINDS[f.kind], ", ".join(f.allowed) or None]
            for f in fields
        ),
    ]


def write_templates(folder: Path) -> list[Path]:
    """Write the workbook of every typed table; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{table}.xlsx" for table in SCHEMAS]
    for path in paths:
        template(path.stem).save(path)
    return paths
