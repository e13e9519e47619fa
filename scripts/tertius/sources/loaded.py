"""A raw table as it stands in its file, and what is asked of its header."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tertius.problems import InputError, Problem, Problems
from tertius.sources.result import Step


@dataclass(frozen=True)
class Loaded:
    """A raw table as it stands in its file.

    Attributes:
        frame: its columns; text files and spreadsheets give strings only.
        file: the file's name, for messages.
        numbers: row in the file of every record (counted from 1).
        encoding: of a text file, declared or detected; empty for others.
        found: rows that cannot be taken; the others are in the frame.
        ledger: counts of what was left out.
        parts: of a folder of files with one header: each file and what was added to its row
            numbers, so that rows of all files have numbers of their own.
    """

    frame: pl.DataFrame
    file: str
    numbers: pl.Series
    encoding: str = ""
    found: tuple[Problem, ...] = ()
    ledger: tuple[Step, ...] = field(default=())
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def first_row(self) -> int:
        """Row in the file of the first record."""
        return int(self.numbers[0])


class ProblemsOfParts(Problems):
    """Problems of a folder of files, told with the file and its own row number."""

    def __init__(self, found: Problems, folder: str, parts: Sequence[tuple[str, int]]) -> None:
        super().__init__(found.found)
        self._folder, self._parts = folder, parts

    def add(self, where: str, what: str, fix: str = "") -> None:
        """Note one problem; `<folder>, row 7` becomes `<file>, row 3`."""
        numbers = re.match(rf"{re.escape(self._folder)}, rows? ((?:\d+, )*\d+)", where)
        if numbers:
            places = [self._place(int(number)) for number in numbers.group(1).split(", ")]
            where = "; ".join(places) + where[numbers.end() :]
        super().add(where, what, fix)

    def _place(self, number: int) -> str:
        file, added = [part for part in self._parts if part[1] < number][-1]
        return f"{file}, row {number - added}"


def clean_label(label: str) -> str:
    """A column name without the differences of typing: width of brackets, spaces around it."""
    return unicodedata.normalize("NFKC", label).strip()


def check_header(header: list[str], path: Path, found: Sequence[Problem] = ()) -> None:
    labels = [clean_label(label) for label in header]
    for label in labels:
        if labels.count(label) > 1:
            what = f"column {label!r} stands {labels.count(label)} times in the header"
            problem = Problem(str(path), what, "keep one, or rename the others")
            raise InputError([*found, problem])


def row_numbers(first: int, height: int) -> pl.Series:
    """Numbers of some rows of a file, the first one given."""
    return pl.int_range(first, first + height, dtype=pl.Int64, eager=True)
