"""Records of a text table: every one that does not fit its header is found before any is read."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from tertius.problems import SHOWN, Problem
from tertius.sources.result import Step, step

LONGEST_CELL = 1_000_000
"""Characters of the longest cell that is taken for one; longer ones are quotes that never close."""


@dataclass
class Records:
    """The records of a text in one plain spelling.

    Attributes:
        text: header and records, `\\n` between them, the separator as given.
        numbers: row in the file of every record, counted from 1 (a record is a row, whatever line
            breaks stand inside its cells).
        found: what does not fit, the first `SHOWN` and a count of each kind.
        ledger: counts of what was left out.
    """

    text: str
    numbers: list[int]
    found: list[Problem] = field(default_factory=list)
    ledger: list[Step] = field(default_factory=list)


def plain_records(
    body: str,
    separator: str,
    file: str,
    before: int,
    labels: int,
    *,
    skip: bool,
    quotes: bool = True,
) -> Records:
    """The records of a text table that have as many cells as its header.

    Args:
        body: the text from the header on.
        separator: between cells.
        file: for messages.
        before: rows of the file before the header.
        labels: rows of labels after the header; they are left out.
        skip: whether records that do not fit are left out and counted; else they are problems.
        quotes: whether cells may be quoted; else a quote is a character like another.

    Returns:
        The records. Blank lines are left out and counted. Reading ends where quotes do not close.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    sieve = _Sieve()
    found: list[Problem] = []
    first = row = before + 1
    with _cells_of_any_length():
        reader = csv.reader(
            io.StringIO(body, newline=""),
            delimiter=separator,
            strict=True,
            quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        )
        try:
            for row, record in enumerate(reader, first):
                if row == first:
                    sieve.width = len(record)
                    writer.writerow(record)
                elif row > first + labels and sieve.keeps(row, record):
                    writer.writerow(record)
        except csv.Error as error:
            what = f"quotes are out of balance ({error})"
            fix = "close the quotes; a quote inside a quoted cell is written twice"
            found.append(Problem(f"{file}, row {row + 1}", what, fix))
    found += _too_long(sieve.long, file)
    if not skip:
        found += _ragged(sieve.ragged, sieve.width, separator, file)
    return Records(out.getvalue(), sieve.numbers, found, _left_out(sieve, skip))


@dataclass
class _Sieve:
    """What becomes of each record after the header."""

    width: int = 0
    blank: int = 0
    numbers: list[int] = field(default_factory=list)
    ragged: list[tuple[int, int]] = field(default_factory=list)
    long: list[tuple[int, int]] = field(default_factory=list)

    def keeps(self, row: int, record: list[str]) -> bool:
        """Whether the record is taken; it is noted in any case."""
        if not any(record):
            self.blank += 1
        elif len(record) != self.width:
            self.ragged.append((row, len(record)))
        elif (longest := max(map(len, record))) > LONGEST_CELL:
            self.long.append((row, longest))
        else:
            self.numbers.append(row)
            return True
        return False


def _left_out(sieve: _Sieve, skip: bool) -> list[Step]:
    ledger = [step("blank lines", sieve.blank, "left out")] if sieve.blank else []
    if sieve.ragged and skip:
        rows = ", ".join(str(number) for number, _ in sieve.ragged[:SHOWN])
        count = len(sieve.ragged)
        ledger.append(step("rows that do not fit the header", count, f"left out: {rows}"))
    return ledger


def _ragged(ragged: list[tuple[int, int]], width: int, mark: str, file: str) -> Iterator[Problem]:
    fix = f"mend the row, or declare `separator:` ({mark!r} was used) or `policies: ragged_row`"
    for row, cells in ragged[:SHOWN]:
        what = f"the row has {cells} cells, the header {width}: the rows do not fit the header"
        yield Problem(f"{file}, row {row}", what, fix)
    if len(ragged) > SHOWN:
        yield Problem(file, f"{len(ragged)} rows in all do not fit the header", fix)


def _too_long(long: list[tuple[int, int]], file: str) -> Iterator[Problem]:
    for row, length in long[:SHOWN]:
        what = f"a cell has {length} characters; more than {LONGEST_CELL} are no cell of a table"
        yield Problem(f"{file}, row {row}", what, "look for a quote that is never closed")
    if len(long) > SHOWN:
        yield Problem(file, f"{len(long)} rows in all have cells that are too long")


@contextlib.contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Let the csv module read cells of any length; its limit is put back afterwards."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
