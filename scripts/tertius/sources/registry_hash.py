"""Hashes and sizes of the project's own raw files, written into the registry.

Run from the project's folder after a new simulation:
    PYTHONPATH=scripts python -m tertius.sources.registry_hash config/sources.yaml data/raw
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tertius.provenance import hash_file


def refresh_hashes(registry: Path, raw_dir: Path, only: Sequence[str] = ()) -> list[str]:
    """Write the hash and size of the files that lie in `raw_dir` into the registry.

    Comments and order of the file stay. For sources that the project makes itself or a user brings;
    a published file's hash is copied from its publisher.

    Args:
        registry: the file of sources.
        raw_dir: folder below which raw files lie.
        only: keys of the sources to look at (default: all).

    Returns:
        Keys of the sources whose file was found.
    """
    text = registry.read_text(encoding="utf-8")
    blocks = re.split(r"(?m)^(?=[a-z][a-z0-9_]*:)", text)
    found = []
    for number, block in enumerate(blocks):
        if only and block.split(":", 1)[0] not in only:
            continue
        named = re.search(r"(?m)^  file: *(\S+)", block)
        folder = re.search(r"(?m)^  folder: *(\S+)", block)
        if folder:
            blocks[number], all_there = _with_files(block, raw_dir / folder.group(1))
            found += [block.split(":", 1)[0]] if all_there else []
            continue
        path = raw_dir / named.group(1) if named else None
        if path is None or not path.is_file():
            continue
        found.append(block.split(":", 1)[0])
        digest = hash_file(path)
        block = re.sub(r"(?m)^  sha256: .*$", f"  sha256: {digest}", block)
        blocks[number] = re.sub(r"(?m)^  bytes: .*$", f"  bytes: {path.stat().st_size}", block)
    registry.write_text("".join(blocks), encoding="utf-8")
    return found


def _with_files(block: str, folder: Path) -> tuple[str, bool]:
    """The entry of a source in several files with their hashes; whether all of them are there."""
    parts = re.split(r"(?m)^(?=    \S[^\n]*:)", block)
    there = []
    for number, part in enumerate(parts[1:], 1):
        path = folder / part.strip().split(":", 1)[0].strip("\"'")
        there.append(path.is_file())
        if path.is_file():
            digest = r"sha256: *['\"]?[0-9a-f]+['\"]?"
            part = re.sub(digest, f"sha256: {hash_file(path)}", part, count=1)
            parts[number] = re.sub(r"bytes: *\d+", f"bytes: {path.stat().st_size}", part, count=1)
    return "".join(parts), bool(there) and all(there)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("registry", type=Path)
    parser.add_argument("raw_dir", type=Path)
    parser.add_argument("source", nargs="*", help="only these sources (default: all)")
    chosen = parser.parse_args()
    sys.stdout.write(
        "\n".join(refresh_hashes(chosen.registry, chosen.raw_dir, chosen.source)) + "\n"
    )


if __name__ == "__main__":
    _main()
