"""Tables as Word and Excel files without times, so that equal tables are equal bytes."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime

from docx import Document
from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt
from docx.table import Table as _Table
from docx.table import _Cell
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from tertius.exhibits.style import minus
from tertius.exhibits.table import Row, Table

EPOCH = datetime(1980, 1, 1)
"""The earliest time a zip archive can hold stands in place of the time of writing."""
_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms)")


def strip_times(archive: bytes) -> bytes:
    """The same zip archive, members sorted, without times of writing in headers or properties."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as new,
    ):
        # the content-type list comes first in an office file; the others in the order of names
        names = sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name))
        for name in names:
            content = _STAMP.sub(rb"\g<1>1980-01-01T00:00:00Z\g<2>", old.read(name))
            info = zipfile.ZipInfo(name, date_time=EPOCH.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            new.writestr(info, content)
    return buffer.getvalue()


def to_xlsx(table: Table) -> bytes:
    """One sheet: title, heads, rows with real numbers under formats that show the same digits."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = table.id[:31]
    book.properties.creator = "tertius"
    book.properties.created = book.properties.modified = EPOCH
    sheet["A1"] = table.title
    sheet["A1"].font = Font(bold=True)
    sheet["A2"] = table.title_zh or None
    line = 3
    for number, head in enumerate(table.heads):
        stub = table.stub if number == len(table.heads) - 1 else ""
        for column, text in enumerate((stub, *head), 1):
            cell = sheet.cell(line, column, text or None)
            cell.alignment = Alignment(
                horizontal="left" if column == 1 else "center", vertical="bottom", wrap_text=True
            )
        line += 1
    _rule(sheet, 3, table.width, "medium", "top")
    _rule(sheet, line - 1, table.width, "thin", "bottom")
    sheet.freeze_panes = f"B{line}"
    previous = "body"
    for row in table.rows:
        _sheet_row(sheet, line, row)
        if row.kind == "summary" != previous:
            _rule(sheet, line, table.width, "thin", "top")
        previous = row.kind
        line += 1
    _rule(sheet, line - 1, table.width, "medium", "bottom")
    for offset, note in enumerate(table.notes):
        sheet.cell(line + offset, 1, note).font = Font(size=9, italic=True)
    sheet.column_dimensions["A"].width = min(46, max((len(r.label) for r in table.rows), default=9))
    for column in range(2, table.width + 2):
        sheet.column_dimensions[get_column_letter(column)].width = 15
    buffer = io.BytesIO()
    book.save(buffer)
    return strip_times(buffer.getvalue())


def _sheet_row(sheet: Worksheet, line: int, row: Row) -> None:
    label = sheet.cell(line, 1, row.label or None)
    if row.kind == "group":
        label.font = Font(italic=True)
    for column, content in enumerate(row.cells, 2):
        cell = sheet.cell(line, column)
        cell.alignment = Alignment(horizontal="right", wrap_text=content.value is None)
        if content.value is None:
            cell.value = content.text or None
        else:
            cell.value = content.value
            cell.number_format = content.pattern


def _rule(sheet: Worksheet, line: int, width: int, weight: str, edge: str) -> None:
    side = Side(style="medium" if weight == "medium" else "thin")
    for column in range(1, width + 2):
        cell = sheet.cell(line, column)
        old = cell.border
        cell.border = Border(
            top=side if edge == "top" else old.top, bottom=side if edge == "bottom" else old.bottom
        )


def to_docx(table: Table) -> bytes:
    """A Word document, the table ruled as in print; landscape with more than six columns."""
    document = Document()
    _prepare(document, wide=table.width > 6)
    title = document.add_paragraph()
    title.add_run(table.title).bold = True
    if table.title_zh:
        title.add_run(f"  {table.title_zh}")
    grid = document.add_table(rows=0, cols=table.width + 1)
    small = table.width > 8
    for number, head in enumerate(table.heads):
        stub = table.stub if number == len(table.heads) - 1 else ""
        cells = grid.add_row().cells
        for column, text in enumerate((stub, *head)):
            _fill(cells[column], text, left=column == 0, small=small)
            _edge(cells[column], top=12 if number == 0 else 0)
            if number == len(table.heads) - 1:
                _edge(cells[column], bottom=6)
    _word_rows(grid, table, small)
    for note in table.notes:
        run = document.add_paragraph().add_run(minus(note))
        run.font.size = Pt(8)
    buffer = io.BytesIO()
    document.save(buffer)
    return strip_times(buffer.getvalue())


def _word_rows(grid: _Table, table: Table, small: bool) -> None:
    previous = "body"
    label: _Cell | None = None
    for place, row in enumerate(table.rows):
        cells = grid.add_row().cells  # type: ignore[no-untyped-call]
        texts = (row.label, *(minus(cell.text) for cell in row.cells))
        for column, text in enumerate(texts):
            _fill(cells[column], text, left=column == 0, small=small, italic=row.kind == "group")
        for cell in cells:
            last = place == len(table.rows) - 1
            starts = row.kind == "summary" != previous
            _edge(cell, top=6 if starts else 0, bottom=12 if last else 0)
        if row.label:
            label = cells[0]
        elif label is not None:
            # a long label runs down beside its details instead of pushing them away
            label = label.merge(cells[0])
        previous = row.kind


def _prepare(document: WordDocument, wide: bool) -> None:
    properties = document.core_properties
    properties.author = properties.last_modified_by = "tertius"
    properties.comments = ""
    properties.created = properties.modified = EPOCH
    properties.revision = 1
    document.styles["Normal"].font.name = "Times New Roman"
    document.styles["Normal"].font.size = Pt(10)
    section = document.sections[0]
    if wide:
        section.orientation = WD_ORIENT.LANDSCAPE
        section.page_width, section.page_height = section.page_height, section.page_width
    section.left_margin = section.right_margin = Pt(50)


def _fill(cell: _Cell, text: str, left: bool, small: bool, italic: bool = False) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT if left else WD_ALIGN_PARAGRAPH.RIGHT
    paragraph.paragraph_format.space_after = Pt(0)
    run = paragraph.add_run(text)
    run.italic = italic
    run.font.size = Pt(6.5 if small else 8.5)


def _edge(cell: _Cell, top: int = 0, bottom: int = 0) -> None:
    properties = cell._tc.get_or_add_tcPr()
    borders = properties.find(qn("w:tcBorders"))
    if borders is None:
        borders = OxmlElement("w:tcBorders")
        properties.append(borders)
    for name, size in (("top", top), ("bottom", bottom)):
        if size:
            edge = OxmlElement(f"w:{name}")
            edge.set(qn("w:val"), "single")
            edge.set(qn("w:sz"), str(size))
            borders.append(edge)
