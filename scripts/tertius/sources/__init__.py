"""Sources: one reader a format, each declared by a small mapping in `config/sources.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.sources import (
    alliance_export,
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
        "citation_pairs": citation_pairs.read,
        "cordis": cordis.read,
        "documents": documents.read,
        "long_table": long_table.read,
        "patent_export": patent_export.read,
        "register": register.read,
    }
)
"""Every reader by the name that `reader:` of a source gives."""


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
    return READERS[reader](raw_dir / str(entry["file"]), entry.get("mapping", {}))


def read_sources(
    entries: Mapping[str, Mapping[str, Any]], raw_dir: Path, years: tuple[int, int]
) -> SourceTables:
    """All tables of a study, cut to its years, with the ledger of every source.

    Args:
        entries: registry entries of the study's sources by name.
        raw_dir: folder below which their files lie.
        years: first and last year of the records to keep.

    Raises:
        InputError: every problem of every file.
    """
    problems = Problems()
    read: dict[str, SourceTables] = {}
    for name, entry in entries.items():
        try:
            read[name] = read_source(name, entry, raw_dir)
        except InputError as error:
            problems.extend(error.problems)
    problems.raise_if_any()
    whole = assemble(read)
    kept = within_years(whole.tables, years)
    return SourceTables(kept.tables, (*whole.ledger, *kept.ledger))
