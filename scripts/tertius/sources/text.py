"""Bytes of a raw file: unpacked and, where they are text, decoded; nothing is guessed silently."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from tertius.problems import InputError, Problem

REGISTRY = "config/sources.yaml"
BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
DETECTED = ("utf-8", "gb18030", "cp1252")
"""Encodings tried in this order where none is declared and no byte order mark says which; cp1252
is latin-1 with the printable characters that Windows adds."""
MEASURED_BYTES = 4_000_000
"""How much of a file is looked at to tell GB18030 from latin-1."""


def read_bytes(path: Path, member: str | None = None) -> bytes:
    """Content of a file, unpacked when it is gzip, xz, bzip2, zstd or zip.

    The kind is told by the first bytes, not by the name.

    Args:
        path: the file.
        member: the file inside a zip archive; needed when it holds several.

    Raises:
        InputError: the file is absent, empty, or a broken archive.
    """
    if not path.is_file():
        fix = f"put the file there, or correct `file` in {REGISTRY}"
        raise InputError([Problem(str(path), "the file is missing", fix)])
    raw = path.read_bytes()
    try:
        content = _unpacked(raw, path, member)
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error) as error:
        what = f"the archive is broken ({error})"
        raise InputError([Problem(str(path), what, "get the file again")]) from error
    if not content.strip():
        fix = "get the file again, or take its source out of the study"
        raise InputError([Problem(str(path), "the file is empty", fix)])
    return content


def _unpacked(raw: bytes, path: Path, member: str | None) -> bytes:
    if raw.startswith(b"\x1f\x8b"):
        return gzip.decompress(raw)
    if raw.startswith(b"\xfd7zXZ\x00"):
        return lzma.decompress(raw)
    if raw.startswith(b"BZh"):
        return bz2.decompress(raw)
    if raw.startswith(b"\x28\xb5\x2f\xfd"):
        with pa.CompressedInputStream(pa.BufferReader(raw), "zstd") as stream:
            return bytes(stream.read())
    if raw.startswith(b"PK\x03\x04") and path.suffix.lower() != ".xlsx":
        return _zip_member(raw, path, member)
    return raw


def _zip_member(raw: bytes, path: Path, member: str | None) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
        if member is None and len(names) == 1:
            member = names[0]
        if member not in names:
            what = f"the archive holds {len(names)} files: {', '.join(names[:20])}"
            fix = f"name one as `member:` of the mapping in {REGISTRY}"
            raise InputError([Problem(str(path), what, fix)])
        return archive.read(member)


def decode(content: bytes, origin: str, encoding: str | None = None) -> tuple[str, str]:
    """Text of some bytes, and the encoding it was in.

    Args:
        content: the bytes.
        origin: the file to name in messages.
        encoding: the declared encoding; without it a byte order mark decides, then `DETECTED` in
            order. GB18030 and latin-1 are told apart by their high bytes, which stand in pairs in
            Chinese text and alone in Western text.

    Raises:
        InputError: a byte that the encoding does not know, or no encoding that fits.
    """
    if encoding is not None:
        return _declared(content, origin, encoding), encoding
    for mark, name in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _declared(content, origin, name), name
    wide = _wide(content)
    if wide:
        return _declared(content, origin, wide), wide
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if _mostly_utf8(content):
            raise InputError([_bad_byte(content, error, origin, "utf-8")]) from error
    name = "gb18030" if _high_bytes_in_pairs(content) else "cp1252"
    return _declared(content, origin, name), name


def _declared(content: bytes, origin: str, encoding: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError([_bad_byte(content, error, origin, encoding)]) from error
    except LookupError as error:
        what = f"no encoding is called {encoding!r}"
        fix = f"correct `encoding:` in {REGISTRY}, e.g. utf-8, gb18030, latin-1"
        raise InputError([Problem(origin, what, fix)]) from error
    return text.removeprefix("\ufeff")


def _bad_byte(content: bytes, error: UnicodeDecodeError, origin: str, encoding: str) -> Problem:
    row = content.count(b"\n", 0, error.start) + 1
    what = f"byte {error.start} (0x{content[error.start]:02x}) is not {encoding}"
    fix = f"declare the file's `encoding:` in its mapping in {REGISTRY}, or save it as UTF-8"
    return Problem(f"{origin}, line {row}", what, fix)


def _wide(content: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of ASCII text is zero."""
    head = np.frombuffer(content[:4096], dtype=np.uint8)
    if len(head) < 4:
        return None
    even, odd = (head[0::2] == 0).mean(), (head[1::2] == 0).mean()
    if odd > 0.4 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.1 else None


def _mostly_utf8(content: bytes) -> bool:
    """Whether nearly all high bytes make sense as UTF-8, so that single bytes are damaged."""
    text = content.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    foreign = len(text) - len(text.encode("ascii", errors="ignore"))
    return foreign > 0 and damaged / foreign < 0.2


def _high_bytes_in_pairs(content: bytes) -> bool:
    """Whether most bytes above 127 stand in runs of two or more."""
    high = np.frombuffer(content[:MEASURED_BYTES], dtype=np.uint8) >= 0x80
    edges = np.flatnonzero(np.diff(np.concatenate(([False], high, [False])).astype(np.int8)))
    lengths = edges[1::2] - edges[0::2]
    return bool(lengths[lengths >= 2].sum() > lengths.sum() / 2)
