"""Typed tables on disk: checked when they are written, read when they are asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from tertius.problems import InputError, Problem
from tertius.tables.checks import validate
from tertius.tables.schemas import SCHEMAS

KEPT_BYTES = 256 << 20
"""A larger table is read again each time: a step that needs a column of it does not carry it."""


def write_table(table: pl.DataFrame, name: str, path: Path, origin: str = "") -> None:
    """Check the table against its schema and write it as Parquet, sorted by key."""
    write_parquet(validate(table, name, origin or path.name), path)


def read_table(path: Path, name: str) -> pl.DataFrame:
    """Read a typed table that `write_table` has written.

    Raises:
        InputError: when the file does not have the columns of the table any more.
    """
    table = pl.read_parquet(path)
    expected = {label: column.dtype for label, column in SCHEMAS[name].columns.items()}
    if dict(table.schema) != expected:
        fix = "remove the file, so that the step that makes it runs again"
        what = f"the columns are not those of the table {name!r}"
        raise InputError([Problem(str(path), what, fix)])
    return table


class StoredTables(Mapping[str, pl.DataFrame]):
    """The typed tables of a folder by name; those that the study lacks are absent."""

    def __init__(self, folder: Path, kept_bytes: int = KEPT_BYTES) -> None:
        paths = {name: folder / f"{name}.parquet" for name in SCHEMAS}
        self._paths = {name: path for name, path in paths.items() if path.exists()}
        self._kept_bytes = kept_bytes
        self._kept: dict[str, pl.DataFrame] = {}

    def __getitem__(self, name: str) -> pl.DataFrame:
        if name in self._kept:
            return self._kept[name]
        table = read_table(self._paths[name], name)
        if table.estimated_size() <= self._kept_bytes:
            self._kept[name] = table
        return table

    def columns(self, name: str, *columns: str) -> pl.DataFrame:
        """Some columns of a table, without reading the others."""
        if name in self._kept:
            return self._kept[name].select(columns)
        return pl.read_parquet(self._paths[name], columns=list(columns))

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def read_tables(folder: Path) -> StoredTables:
    """Every typed table of a folder, each read when it is first asked for."""
    return StoredTables(folder)


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame so that equal content gives equal bytes, and never leave half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    frame.write_parquet(partial, compression="zstd", statistics=False)
    partial.replace(path)


def write_csv_folder(frames: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Make a folder of one CSV a frame, in the place of what it held; never half of it."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, frame in frames.items():
        frame.write_csv(partial / f"{name}.csv", float_precision=6)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
