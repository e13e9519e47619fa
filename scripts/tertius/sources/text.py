"""Bytes of a raw file: unpacked and, where they are text, decoded; nothing is guessed silently."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

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
ZIP_MARK = b"PK\x03\x04"
OLE_MARK = b"\xd0\xcf\x11\xe0"
"""First bytes of the workbooks of before 2007, and of locked newer ones."""
PIECE = 1 << 20
UNPACKED_FLOOR = 64 << 20
UNPACKED_RATIO = 200
"""An archive may unpack to this many bytes, or to this many times its own size."""
BROKEN = (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error, NotImplementedError)
"""What an archive that cannot be unpacked raises."""
MEASURED_BYTES = 4_000_000
"""How much of a file is looked at to tell GB18030 from latin-1."""


def read_bytes(path: Path, member: str | None = None) -> bytes:
    """Content of a file, unpacked when it is gzip, xz, bzip2, zstd or zip.

    The kind is told by the first bytes, not by the name.

    Args:
        path: the file.
        member: the file inside a zip archive; needed when it holds several.

    Raises:
        InputError: the file is absent, empty, a broken archive, or one that unpacks to far more
            than any table would.
    """
    if not path.is_file():
        fix = f"put the file there, or correct `file` in {REGISTRY}"
        raise InputError([Problem(str(path), "the file is missing", fix)])
    try:
        with open_unpacked(path, member) as stream:
            content = b"".join(pieces(stream, path))
    except BROKEN as error:
        raise InputError([broken_archive(path, error)]) from error
    if not content.strip():
        fix = "get the file again, or take its source out of the study"
        raise InputError([Problem(str(path), "the file is empty", fix)])
    if content.startswith(ZIP_MARK) and not _is_workbook(path):
        what = "the file holds an archive inside an archive"
        raise InputError([Problem(str(path), what, "unpack it once, and register what it holds")])
    return content


def _is_workbook(path: Path) -> bool:
    return path.suffix.lower() in (".xlsx", ".xlsm")


@contextlib.contextmanager
def open_unpacked(path: Path, member: str | None = None) -> Iterator[BinaryIO]:
    """A file as a stream of bytes, unpacked; see `read_bytes`."""
    with path.open("rb") as raw:
        mark = raw.read(6)
        raw.seek(0)
        if mark.startswith(ZIP_MARK) and not _is_workbook(path):
            with zipfile.ZipFile(raw) as archive, archive.open(_member(archive, path, member)) as f:
                yield cast("BinaryIO", f)
        elif mark.startswith(b"\x1f\x8b"):
            with gzip.open(raw) as f:
                yield cast("BinaryIO", f)
        elif mark.startswith(b"\xfd7zXZ\x00"):
            with lzma.open(raw) as f:
                yield cast("BinaryIO", f)
        elif mark.startswith(b"BZh"):
            with bz2.open(raw) as f:
                yield cast("BinaryIO", f)
        elif mark.startswith(b"\x28\xb5\x2f\xfd"):
            with pa.CompressedInputStream(pa.PythonFile(raw), "zstd") as f:
                yield cast("BinaryIO", f)
        else:
            yield raw


def pieces(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """The bytes of an unpacked stream, piece by piece, until they are too many to be a table.

    Raises:
        InputError: a file that unpacks to more than `UNPACKED_FLOOR` bytes and more than
            `UNPACKED_RATIO` times its own size.
    """
    limit = unpacked_limit(path.stat().st_size)
    done = 0
    while piece := stream.read(PIECE):
        done += len(piece)
        if done > limit:
            what = (
                f"the archive of {path.stat().st_size} bytes unpacks to more than {limit} bytes: "
                "no table is packed so densely"
            )
            fix = "check where the file comes from; unpack it yourself if it is right"
            raise InputError([Problem(str(path), what, fix)])
        yield piece


def unpacked_limit(packed: int) -> int:
    """How many bytes an archive of some size may unpack to."""
    return max(UNPACKED_FLOOR, UNPACKED_RATIO * packed)


def broken_archive(path: Path, error: BaseException) -> Problem:
    """What to say of an archive that cannot be unpacked."""
    return Problem(str(path), f"the archive is broken ({error})", "get the file again")


def _member(archive: zipfile.ZipFile, path: Path, member: str | None) -> str:
    """The member to read; names that lead out of the archive's folder are refused."""
    listed = [info for info in archive.infolist() if not info.is_dir()]
    names = sorted(info.filename for info in listed)
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or re.match(r"[A-Za-z]:", name):
            what = f"the archive holds {name!r}, a path that leads out of its folder"
            fix = "do not unpack it; get the file again from its publisher"
            raise InputError([Problem(str(path), what, fix)])
    if "[Content_Types].xml" in names:
        what = "the file is a workbook (or another office file) under a wrong name"
        raise InputError([Problem(str(path), what, "give it its ending, .xlsx")])
    if any(info.flag_bits & 1 for info in listed):
        what = "the archive is locked by a password"
        raise InputError([Problem(str(path), what, "unpack it and register what it holds")])
    if member is None and len(names) == 1:
        member = names[0]
    if member not in names:
        what = f"the archive holds {len(names)} files: {', '.join(names[:20])}"
        fix = f"name one as `member:` of the mapping in {REGISTRY}"
        raise InputError([Problem(str(path), what, fix)])
    return member


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
