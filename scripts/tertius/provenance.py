"""Provenance: what code, which inputs and which results belong together, by hashes of content."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGE = "tertius"
IMPORT = re.compile(rf"(?m)^[ \t]*import[ \t]+({PACKAGE}[\w.]*)")
DYNAMIC_IMPORT = re.compile(rf"import_module\(f\"({PACKAGE}[\w.]*)\.\{{")
FROM_IMPORT = re.compile(
    rf"(?m)^[ \t]*from[ \t]+({PACKAGE}[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)"
)
NAME = re.compile(r"\w+")
TEMPLATES = "templates"
"""Folder of a package whose files are part of its code."""


def hash_bytes(content: bytes) -> str:
    """SHA-256 of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def hash_content(path: Path) -> str:
    """SHA-256 of what a result says, not of how its writer packed it.

    Parquet is hashed by schema and values, everything else by its bytes: all other writers of the
    project give equal bytes for equal content.
    """
    if path.suffix != ".parquet":
        return hash_file(path)
    import polars as pl  # not at the top: reading the workflow needs hashes of code only

    buffer = io.BytesIO()
    pl.read_parquet(path).rechunk().write_ipc(buffer, compat_level=pl.CompatLevel.oldest())
    return hash_bytes(buffer.getvalue())


def hash_code(scripts: Iterable[Path], library: Path) -> dict[str, str]:
    """For each step one hash of its script and of all library files that it imports.

    Imports count whether direct or through others, and templates that lie beside them. Given to a
    rule as a parameter, the hash makes an edit of the library re-run just the steps that use the
    edited file.

    Args:
        scripts: the steps' scripts.
        library: the folder of the package `tertius`.

    Returns:
        16 hexadecimal digits by the script's name without suffix.
    """
    imports: dict[Path, list[Path]] = {}
    content: dict[Path, bytes] = {}
    hashes = {}
    for script in scripts:
        digest = hashlib.sha256()
        used = [script, *imported_modules(script, library, imports)]
        folders = sorted({path.parent / TEMPLATES for path in used})
        for path in [*used, *(file for folder in folders for file in sorted(folder.glob("*.*")))]:
            if path not in content:
                content[path] = path.read_bytes()
            digest.update(path.name.encode() + b"\0" + content[path] + b"\0")
        hashes[script.stem] = digest.hexdigest()[:16]
    return hashes


def imported_modules(
    source: Path, library: Path, known: dict[Path, list[Path]] | None = None
) -> list[Path]:
    """Files of the library that a Python file imports, directly or through others.

    Args:
        source: the Python file.
        library: the folder of the package `tertius`.
        known: direct imports found before, by file; filled up here.

    Returns:
        Paths, sorted, without `source` itself. Packages on the way count with their `__init__`, and
        where a module is imported by a computed name, all modules of its package count.
    """
    direct = {} if known is None else known
    found: set[Path] = set()
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path not in direct:
            direct[path] = _direct_imports(path, library)
        new = [imported for imported in direct[path] if imported not in found]
        found.update(new)
        waiting.extend(new)
    return sorted(found - {source})


def _direct_imports(source: Path, library: Path) -> list[Path]:
    # A pattern instead of a parser: it is run over the whole library whenever a workflow is read.
    text = source.read_text(encoding="utf-8")
    names = IMPORT.findall(text)
    for module, imported in FROM_IMPORT.findall(text):
        names += [module, *(f"{module}.{name}" for name in NAME.findall(imported))]
    found = {path for name in names for path in _files_of(name, library)}
    for package in DYNAMIC_IMPORT.findall(text):
        found.update(library.joinpath(*package.split(".")[1:]).glob("*.py"))
    return sorted(found)


def _files_of(name: str, library: Path) -> list[Path]:
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return []
    folders = [library.joinpath(*parts[1:depth]) for depth in range(1, len(parts) + 1)]
    packages = [folder / "__init__.py" for folder in folders]
    module = library.joinpath(*parts[1:]).with_suffix(".py") if len(parts) > 1 else None
    return [path for path in [*packages, module] if path is not None and path.is_file()]


def hash_tree(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """Content hash of each file, by its path below the root, sorted."""
    return {path.relative_to(root).as_posix(): hash_content(path) for path in sorted(files)}


def environment(packages: Iterable[str]) -> dict[str, Any]:
    """Versions of Python and of the packages, and the kind of machine (no name, no path)."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
        "byteorder": sys.byteorder,
        "packages": {name: metadata.version(name) for name in sorted(packages)},
    }


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """A mapping as JSON with sorted keys, so that equal content gives equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
