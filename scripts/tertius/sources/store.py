"""Folders of tables between two steps, and ledgers; nothing is ever left half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from tertius.sources.assemble import KEYS
from tertius.sources.result import Step
from tertius.tables import SCHEMAS, validate, write_parquet


def write_named_tables(
    tables: Mapping[str, pl.DataFrame], folder: Path, files: Mapping[str, Path] | None = None
) -> None:
    """Write tables as read (with names), sorted by key, one Parquet file each.

    Args:
        tables: held in memory.
        folder: to write.
        files: tables that stand in files already; they are moved.
    """
    ordered = {name: table.sort(*KEYS[name], pl.all()) for name, table in tables.items()}
    _write_folder(ordered, folder, files or {})


def write_typed_tables(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Check every table against its schema, then write all of them, one Parquet file each.

    Raises:
        InputError: a table that does not follow its schema; nothing is written then.
    """
    checked = {name: validate(tables[name], name, name) for name in SCHEMAS if name in tables}
    _write_folder(checked, folder)


def _write_folder(
    tables: Mapping[str, pl.DataFrame], folder: Path, files: Mapping[str, Path] | None = None
) -> None:
    partial = folder.with_name(folder.name + ".partial")
    for old in (partial, folder):
        if old.exists():
            shutil.rmtree(old)
    partial.mkdir(parents=True)
    for name, table in tables.items():
        write_parquet(table, partial / f"{name}.parquet")
    for name, file in (files or {}).items():
        file.replace(partial / f"{name}.parquet")
    partial.rename(folder)


def read_folder(folder: Path) -> dict[str, pl.DataFrame]:
    """Every table of a folder by name."""
    return {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}


def write_ledger(ledger: Sequence[Step], path: Path) -> None:
    """Write a ledger as JSON, one step a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(
        "  " + json.dumps(line, ensure_ascii=False, sort_keys=True) for line in ledger
    )
    partial = path.with_name(path.name + ".partial")
    partial.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    partial.replace(path)
