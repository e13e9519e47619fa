"""Formats of raw files: a reader with its mapping under a name, and the entries that use them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tertius.problems import InputError, Problems, did_you_mean
from tertius.registry.files import read_checked
from tertius.registry.study import merge

Entry = Mapping[str, Any]


def load_formats(root: Path) -> dict[str, Entry]:
    """Every format of `config/formats` by its file's name.

    Raises:
        InputError: every departure of every file from the schema.
    """
    problems = Problems()
    formats: dict[str, Entry] = {}
    for path in sorted((root / "config" / "formats").glob("*.yaml")):
        try:
            formats[path.stem] = read_checked(path, root / "workflow" / "schemas" / "formats.yaml")
        except InputError as error:
            problems.extend(error.problems)
    problems.raise_if_any()
    return formats


def load_sources(root: Path) -> dict[str, Entry]:
    """Every entry of `config/sources.yaml`, with its format written out.

    Raises:
        InputError: every departure from the schemas, and unknown formats.
    """
    schema = root / "workflow" / "schemas" / "sources.yaml"
    entries = read_checked(root / "config" / "sources.yaml", schema)
    formats = load_formats(root)
    problems = Problems()
    resolved: dict[str, Entry] = {}
    for name, entry in entries.items():
        known = entry.get("format")
        if known is not None and known not in formats:
            where = f"config/sources.yaml: {name}.format"
            problems.add(where, f"no format {known!r}", did_you_mean(known, formats))
            continue
        resolved[name] = resolve_source(entry, formats)
    problems.raise_if_any()
    return resolved


def resolve_source(entry: Entry, formats: Mapping[str, Entry]) -> dict[str, Any]:
    """An entry with the reader of its format, and its own mapping laid over that of the format.

    A source of several files stands for all of them: `file` is its folder, `bytes` their sum, and
    `sha256` the hash of the list of their names and hashes.
    """
    resolved = dict(entry)
    if "format" in entry:
        form = formats[entry["format"]]
        resolved["reader"] = form["reader"]
        resolved["mapping"] = merge(form["mapping"], entry.get("mapping", {}))
    if "files" in entry:
        listed = sorted((name, one["sha256"]) for name, one in entry["files"].items())
        text = "".join(f"{digest}  {name}\n" for name, digest in listed)
        resolved["file"] = entry["folder"]
        resolved["sha256"] = hashlib.sha256(text.encode("utf-8")).hexdigest()
        resolved["bytes"] = sum(int(one["bytes"]) for one in entry["files"].values())
    return resolved


def raw_files(entry: Entry) -> dict[str, Entry]:
    """The raw files of an entry: path below raw_dir -> url, sha256, bytes, access."""
    if "files" not in entry:
        return {str(entry["file"]): entry}
    shared = {"access": entry.get("access"), "url": None}
    return {f"{entry['folder']}/{name}": {**shared, **one} for name, one in entry["files"].items()}
