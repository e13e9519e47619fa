"""Sources: one reader a format, each declared by a small mapping in `config/sources.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.sources import (
    alliance_export,
    bundle,
    citation_pairs,
    cordis,
    documents,
    long_table,
    patent_export,
    register,
)
from tertius.sources.assemble import assemble, within_years
from tertius.sources.fetch import fetch, verify
from tertius.sources.loader import load_frame
from tertius.sources.result import SourceTables, Step, step
from tertius.sources.text import REGISTRY

__all__ = [
    "READERS",
    "SourceTables",
    "Step",
    "assemble",
    "fetch",
    "load_frame",
    "read_source",
    "read_sources",
    "step",
    "verify",
    "within_years",
]

READERS: Mapping[str, Callable[[Path, Mapping[str, Any]], SourceTables]] = MappingProxyType(
    {
        "alliance_export": alliance_export.read,
        "bundle": bundle.read,
        "citation_pairs": citation_pairs.read,
        "cordis": cordis.read,
        "documents": documents.read,
        "long_table": long_table.read,
        "patent_export": patent_export.read,
        "register": register.read,
    }
)
"""Every reader by the name that `reader:` of a source gives."""
PATENT_TABLES = {"patents", *bundle.OF_PATENTS}
"""Tables that a streamed source gives as files."""


def read_source(name: str, entry: Mapping[str, Any], raw_dir: Path) -> SourceTables:
    """The tables of one source.

    Args:
        name: the source's key in the registry.
        entry: its registry entry (reader, file, mapping).
        raw_dir: folder below which its file lies.

    Raises:
        InputError: an unknown reader, or every problem of the file.
    """
    reader = str(entry["reader"])
    if reader not in READERS:
        fix = did_you_mean(reader, READERS)
        raise InputError([Problem(f"{REGISTRY}: {name}.reader", f"no reader {reader!r}", fix)])
    mapping = entry.get("mapping", {})
    if "files" in entry and reader != "bundle":
        mapping = {**mapping, "parts": list(entry["files"])}
    return READERS[reader](raw_dir / str(entry["file"]), mapping)


def read_sources(
    entries: Mapping[str, Mapping[str, Any]],
    raw_dir: Path,
    years: tuple[int, int],
    scratch: Path | None = None,
) -> SourceTables:
    """All tables of a study, cut to its years, with the ledger of every source.

    Args:
        entries: registry entries of the study's sources by name.
        raw_dir: folder below which their files lie.
        years: first and last year of the records to keep.
        scratch: folder for the patents, and what hangs on them, of a source that is streamed; they
            are never held in memory. Without it, or where several sources give such tables,
            everything is held.

    Raises:
        InputError: every problem of every file.
    """
    problems = Problems()
    read: dict[str, SourceTables] = {}
    streamed = _streamed_source(entries) if scratch else None
    for name, entry in entries.items():
        try:
            if name == streamed and scratch:
                read[name] = _streamed(entry, raw_dir, years, scratch)
            else:
                read[name] = read_source(name, entry, raw_dir)
        except InputError as error:
            problems.extend(error.problems)
    problems.raise_if_any()
    whole = assemble(read)
    kept = within_years(whole.tables, years)
    files = read[streamed].files if streamed else {}
    return SourceTables(kept.tables, (*whole.ledger, *kept.ledger), files)


def _streamed_source(entries: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The source that alone gives patents and what hangs on them, if it is one that streams."""
    giving = [name for name, entry in entries.items() if _gives_patents(entry)]
    streaming = [name for name in giving if entries[name]["reader"] == "bundle"]
    return streaming[0] if giving == streaming and len(streaming) == 1 else None


def _gives_patents(entry: Mapping[str, Any]) -> bool:
    mapping = entry.get("mapping", {})
    if entry["reader"] == "bundle":
        return bool(PATENT_TABLES & set(mapping.get("tables", {})))
    if entry["reader"] == "long_table":
        return mapping.get("table") in PATENT_TABLES
    return entry["reader"] in ("citation_pairs", "documents", "patent_export")


def _streamed(
    entry: Mapping[str, Any], raw_dir: Path, years: tuple[int, int], scratch: Path
) -> SourceTables:
    path = raw_dir / str(entry["file"])
    written, ledger = bundle.stream(path, entry["mapping"], scratch, years)
    files = {name: file for name, file in written.items() if name in PATENT_TABLES}
    held = {name: pl.read_parquet(file) for name, file in written.items() if name not in files}
    return SourceTables(held, tuple(ledger), files)
