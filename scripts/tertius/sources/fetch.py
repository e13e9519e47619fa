"""Raw files: found or downloaded, verified by size and hash, never written over."""

from __future__ import annotations

import http
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
TIMEOUT_SECONDS = 60.0
ATTEMPTS = 3


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


def fetch(
    source: str,
    entry: Mapping[str, Any],
    destination: Path,
    *,
    timeout: float = TIMEOUT_SECONDS,
    attempts: int = ATTEMPTS,
) -> bool:
    """See to it that a raw file stands at its place.

    A file that is there is verified and left alone. Otherwise it is downloaded beside its place
    (`<name>.partial`, continued where an earlier download broke off), verified, and only then
    given its name. A server that stalls or breaks off is asked again for the rest.

    Args:
        source: the source's key in the registry.
        entry: its registry entry (url, sha256, bytes).
        destination: where the file belongs.
        timeout: seconds without a byte after which a download counts as broken off.
        attempts: how often a server is asked that sends nothing new.

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
        reason = _download_all(entry, partial, timeout, attempts)
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        told = getattr(error, "reason", None) or error
        problem = _missing(source, entry, destination)
        what = f"{problem.what} and {entry['url']} does not give it ({told})"
        raise InputError([Problem(problem.where, what, problem.fix)]) from error
    _check_download(source, entry, partial, reason)
    if destination.exists():
        raise InputError([Problem(str(destination), "the file appeared meanwhile", "run again")])
    partial.replace(destination)
    return True


def _download_all(entry: Mapping[str, Any], partial: Path, timeout: float, attempts: int) -> str:
    """Ask until the file is whole or nothing more comes; returns why it is not whole."""
    size, left, reason = int(entry["bytes"]), attempts, ""
    while left:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            reason = _download(str(entry["url"]), partial, size, timeout)
        except (TimeoutError, ConnectionError, http.client.IncompleteRead) as error:
            if not partial.exists():
                raise
            reason = "the server sent nothing for too long" if _is_stall(error) else str(error)
        done = partial.stat().st_size
        if done >= size:
            return reason
        # Whatever comes counts as a new start; a server that sends nothing new is given up.
        left = attempts if done > before else left - 1
    return reason


def _is_stall(error: Exception) -> bool:
    return isinstance(error, TimeoutError)


def _check_download(source: str, entry: Mapping[str, Any], partial: Path, reason: str) -> None:
    size = partial.stat().st_size
    if size < entry["bytes"]:
        told = f" ({reason})" if reason else ""
        what = f"the download of {source!r} broke off after {size} of {entry['bytes']} bytes{told}"
        raise InputError([Problem(str(entry["url"]), what, "run again: it goes on from there")])
    found = hash_file(partial)
    if size != entry["bytes"] or found != entry["sha256"]:
        partial.unlink()
        more = "more than " if size > entry["bytes"] else ""
        what = (
            f"the address gives {more}{min(size, entry['bytes'])} bytes with sha256 {found}, "
            f"expected are {entry['bytes']} bytes with sha256 {entry['sha256']}"
        )
        fix = f"check url, sha256 and bytes of {source!r} in {REGISTRY}"
        raise InputError([Problem(str(entry["url"]), what, fix)])


def _download(url: str, partial: Path, size: int, timeout: float) -> str:
    """Append what is missing to the partial file; start anew where the server cannot resume.

    Never more than one byte beyond the expected size is taken, whatever the server announces.

    Returns:
        Why nothing was taken, if so.
    """
    done = partial.stat().st_size if partial.exists() else 0
    if done > size:
        partial.unlink()
        done = 0
    if done == size:
        return ""
    headers = {"Range": f"bytes={done}-"} if done else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        resumed = done > 0 and _resumes_at(answer, done)
        done = done if resumed else 0
        with partial.open("ab" if resumed else "wb") as file:
            while done <= size and (piece := answer.read1(min(PIECE, size + 1 - done))):
                file.write(piece)
                done += len(piece)
    return "the server closed the connection" if done < size else ""


def _resumes_at(answer: Any, start: int) -> bool:
    """Whether the server sends the rest from the byte that was asked for."""
    if getattr(answer, "status", None) != http.HTTPStatus.PARTIAL_CONTENT:
        return False
    told = str(answer.headers.get("Content-Range", f"bytes {start}-"))
    return told.removeprefix("bytes ").startswith(f"{start}-")
