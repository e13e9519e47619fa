"""A table between numbers and files: rows of cells with text and value, before any format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RowKind = Literal["body", "detail", "summary", "group"]


@dataclass(frozen=True)
class Cell:
    """One cell: the text every backend shows, and the number behind it for spreadsheets.

    `pattern` is a spreadsheet number format under which `value` shows as `text`; a cell without a
    value is text.
    """

    text: str = ""
    value: float | None = None
    pattern: str = ""


@dataclass(frozen=True)
class Row:
    """One row: `body` a main line, `detail` under it, `summary` below the rule, `group` a head.

    `statistic` names what the cells are (estimate, std_error, p_value, ...), for machine readers.
    """

    label: str
    cells: tuple[Cell, ...] = ()
    kind: RowKind = "body"
    statistic: str = ""


@dataclass(frozen=True)
class Table:
    """A finished table: one or more head lines of `columns` cells, rows of as many cells, notes."""

    id: str
    title: str
    title_zh: str
    stub: str
    heads: tuple[tuple[str, ...], ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            ValueError: a head line or row does not have as many cells as the first head line.
        """
        width = len(self.heads[0])
        if any(len(head) != width for head in self.heads):
            raise ValueError(f"table {self.id}: head lines differ in width")
        for row in self.rows:
            if row.kind != "group" and len(row.cells) != width:
                raise ValueError(
                    f"table {self.id}: row {row.label!r} has {len(row.cells)} cells, not {width}"
                )

    @property
    def width(self) -> int:
        """Number of columns beside the row labels."""
        return len(self.heads[0])


def decimal_cell(value: float | None, text: str) -> Cell:
    """A cell that holds a number and shows `text`, which starts with the number in fixed decimals.

    The spreadsheet pattern is read off the text, so that all files show the same digits.
    """
    if value is None or not any(sign.isdigit() for sign in text):
        return Cell(text)
    digits = [place for place, sign in enumerate(text) if sign.isdigit()]
    core = text[digits[0] : digits[-1] + 1]
    if "e" in core or text.startswith("<"):
        return Cell(text)
    before, after = text[: digits[0]].replace("-", ""), text[digits[-1] + 1 :]
    decimals = len(core.partition(".")[2])
    number = ("#,##0" if "," in core else "0") + ("." + "0" * decimals if decimals else "")
    quoted = [f'"{part}"' if part else "" for part in (before, after)]
    return Cell(text, value, quoted[0] + number + quoted[1])
