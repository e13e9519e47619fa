"""Raw files: found or downloaded, verified by size and hash, never written over."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tertius.problems import InputError, Problem
from tertius.provenance import hash_file
from tertius.sources.text import REGISTRY

PIECE = 1 << 20
TIMEOUT_SECONDS = 60


def verify(source: str, entry: Mapping[str, Any], path: Path) -> None:
    """Check that a raw file is the one that the registry describes.

    Raises:
        InputError: the file is missing, or its size or hash differ, with what to do.
    """
    if not path.is_file():
        raise InputError([_missing(source, entry, path)])
    size = path.stat().st_size
    found = hash_file(path)
    if found == entry["sha256"] and size == entry["bytes"]:
        return
    what = (
        f"the file has {size} bytes and sha256 {found}, "
        f"expected are {entry['bytes']} bytes and sha256 {entry['sha256']}"
    )
    fix = (
        "move the file away and run again to get the expected one, or, if this one is meant, "
        f"correct sha256 and bytes of {source!r} in {REGISTRY}"
    )
    raise InputError([Problem(str(path), what, fix)])


def _missing(source: str, entry: Mapping[str, Any], path: Path) -> Problem:
    where = entry.get("url") or entry.get("access") or "its owner"
    fix = f"get it from {where} and put it there (expected sha256 {entry['sha256']})"
    return Problem(str(path), f"the raw file of source {source!r} is missing", fix)


def fetch(source: str, entry: Mapping[str, Any], destination: Path) -> bool:
    """See to it that a raw file stands at its place.

    A file that is there is verified and left alone. Otherwise it is downloaded beside its place
    (`<name>.partial`, continued where an earlier download broke off), verified, and only then
    given its name.

    Args:
        source: the source's key in the registry.
        entry: its registry entry (url, sha256, bytes).
        destination: where the file belongs.

    Returns:
        Whether it was downloaded.

    Raises:
        InputError: no address, no network, a server's refusal, or another content than expected.
    """
    if destination.exists():
        verify(source, entry, destination)
        return False
    if not entry.get("url"):
        raise InputError([_missing(source, entry, destination)])
    partial = destination.with_name(destination.name + ".partial")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _download(str(entry["url"]), partial, int(entry["bytes"]))
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = getattr(error, "reason", None) or error
        problem = _missing(source, entry, destination)
        what = f"{problem.what} and {entry['url']} does not give it ({reason})"
        raise InputError([Problem(problem.where, what, problem.fix)]) from error
    _check_download(source, entry, partial)
    if destination.exists():
        raise InputError([Problem(str(destination), "the file appeared meanwhile", "run again")])
    partial.replace(destination)
    return True


def _check_download(source: str, entry: Mapping[str, Any], partial: Path) -> None:
    size = partial.stat().st_size
    if size < entry["bytes"]:
        what = f"the download of {source!r} broke off after {size} of {entry['bytes']} bytes"
        raise InputError([Problem(str(entry["url"]), what, "run again: it goes on from there")])
    found = hash_file(partial)
    if size != entry["bytes"] or found != entry["sha256"]:
        partial.unlink()
        what = (
            f"the address gives {size} bytes with sha256 {found}, expected are "
            f"{entry['bytes']} bytes with sha256 {entry['sha256']}"
        )
        fix = f"check url, sha256 and bytes of {source!r} in {REGISTRY}"
        raise InputError([Problem(str(entry["url"]), what, fix)])


def _download(url: str, partial: Path, size: int) -> None:
    """Append what is missing to the partial file; start anew where the server cannot resume."""
    done = partial.stat().st_size if partial.exists() else 0
    if done > size:
        partial.unlink()
        done = 0
    if done == size:
        return
    headers = {"Range": f"bytes={done}-"} if done else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        resumed = done > 0 and getattr(answer, "status", None) == 206
        with partial.open("ab" if resumed else "wb") as file:
            while piece := answer.read(PIECE):
                file.write(piece)
