"""The files of a bundle, each brought into one columnar file of text cells."""

from __future__ import annotations

import csv
import fnmatch
import io
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from tertius.problems import SHOWN, InputError, Problem, Problems, did_you_mean
from tertius.sources.loaded import check_header, clean_label
from tertius.sources.loader import OPTIONS, PACKED, SEPARATORS, load_with_problems, policy
from tertius.sources.result import Step, step
from tertius.sources.text import (
    BROKEN,
    BYTE_ORDER_MARKS,
    REGISTRY,
    broken_archive,
    open_unpacked,
    pieces,
)

STREAMED_FROM = 8 << 20
"""Bytes from which a text file is streamed into columns and not read as a whole."""
HEAD_BYTES = 1 << 16
ROW = "row of the file"
"""Column with the row's number, in files that were read as a whole."""


@dataclass(frozen=True)
class RawFile:
    """A file of a bundle in columns.

    Attributes:
        file: the raw file, for messages.
        columns: of the raw file, as its header names them.
        taken: those among them that the columnar file holds.
        parquet: the columnar file; every cell is trimmed text, null where it is empty.
        row: SQL of a row's number in the raw file.
    """

    file: str
    columns: tuple[str, ...]
    taken: tuple[str, ...]
    parquet: Path
    row: str


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def bring_in(
    engine: duckdb.DuckDBPyConnection,
    path: Path,
    declared: Mapping[str, Any],
    scratch: Path,
    named: Collection[str],
    streamed_from: int = STREAMED_FROM,
    first_bytes: int | None = None,
) -> tuple[dict[str, list[RawFile]], list[Step]]:
    """Every declared file that is there, in columns; a file may come in several parts.

    Args:
        engine: that streams.
        path: the folder of the files, a zip archive of them, or the only file.
        declared: role -> names the file may have, or {names, optional, and keys of
            `loader.OPTIONS`}; a name stands for its packed forms too, and one with `*` for all
            files of such a name, which are parts of one table.
        scratch: folder for the columnar files.
        named: columns that anything is made of; only these are taken.
        streamed_from: bytes from which a text file is streamed.
        first_bytes: of a streamed file only this many bytes are looked at, when given.

    Returns:
        The parts by role; a ledger of what was left out.

    Raises:
        InputError: every missing file, and the problems of every file.
    """
    problems, steps = Problems(), []
    found: dict[str, list[RawFile]] = {}
    for role, wanted in declared.items():
        spec = dict(wanted) if isinstance(wanted, Mapping) else {"names": wanted}
        names = [spec["names"]] if isinstance(spec["names"], str) else list(spec["names"])
        options = {key: value for key, value in spec.items() if key in OPTIONS}
        places = _locate(path, names, alone=len(declared) == 1)
        if not places:
            if spec.get("optional"):
                steps.append(step(f"file {names[0]} is not there", 0, "its columns are empty"))
            else:
                listing = _listing(path)
                what = f"no file {' or '.join(names)}"
                problems.add(str(path), what, did_you_mean(names[0], listing))
            continue
        limits = (streamed_from, first_bytes)
        for number, (file, member) in enumerate(places):
            own = {**options, "member": member} if member else options
            part = f"{role}.{number}" if number else role
            try:
                raw, ledger = _in_columns(engine, part, file, own, scratch, named, limits)
                found.setdefault(role, []).append(raw)
                steps += ledger
            except InputError as error:
                problems.extend(error.problems)
        _note_other_headers(found.get(role, []), problems)
    problems.raise_if_any()
    return found, steps


def _note_other_headers(parts: list[RawFile], problems: Problems) -> None:
    for part in parts[1:]:
        if set(part.columns) != set(parts[0].columns):
            other = sorted(set(part.columns) ^ set(parts[0].columns))
            what = f"the header differs from that of {parts[0].file} in {', '.join(other)}"
            problems.add(part.file, what, "parts of one table have one header")


def _listing(path: Path) -> list[str]:
    if path.is_dir():
        return [child.name for child in path.iterdir()]
    if path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    return []


def _locate(path: Path, names: list[str], *, alone: bool) -> list[tuple[Path, str]]:
    """Files and archive members that hold a role: of the names the first that is there."""
    listing = sorted(_listing(path))
    for name in names:
        wanted = [name + ending for ending in ("", *PACKED)] if path.is_dir() else [name]
        for one in wanted:
            there = [file for file in listing if fnmatch.fnmatchcase(file, one)]
            if there and path.is_dir():
                return [(path / file, "") for file in there]
            if there:
                return [(path, file) for file in there]
    return [(path, "")] if alone and path.is_file() else []


def _in_columns(
    engine: duckdb.DuckDBPyConnection,
    role: str,
    file: Path,
    options: Mapping[str, Any],
    scratch: Path,
    named: Collection[str],
    limits: tuple[int, int | None],
) -> tuple[RawFile, list[Step]]:
    target = scratch / f"{role}.parquet"
    streamed_from, first_bytes = limits
    size = _size(file, str(options.get("member", "")))
    if size < streamed_from or not _is_plain_text(file, options):
        return _loaded(role, file, options, named, target)
    text = _unpacked(file, options, scratch / f"{role}.text", first_bytes)
    try:
        return _streamed(engine, role, file, text, options, named, target)
    finally:
        if text != file:
            text.unlink()


def _size(file: Path, member: str) -> int:
    if member or zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            return max(info.file_size for info in archive.infolist())
    return file.stat().st_size


def _is_plain_text(file: Path, options: Mapping[str, Any]) -> bool:
    """Whether a file can be streamed: text in UTF-8."""
    name = str(options.get("member") or file.name).lower()
    for ending in PACKED:
        name = name.removesuffix(ending)
    kind = options.get("format") or name.rpartition(".")[2]
    encoding = str(options.get("encoding", "utf-8")).lower()
    if kind not in ("csv", "tsv", "txt") or encoding not in ("utf-8", "utf8", "utf-8-sig"):
        return False
    head = _head(file, options)
    mark = next((name for start, name in BYTE_ORDER_MARKS if head.startswith(start)), "utf-8-sig")
    try:
        head[: head.rfind(b"\n")].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return mark == "utf-8-sig" and b"\x00" not in head


def _head(file: Path, options: Mapping[str, Any]) -> bytes:
    with open_unpacked(file, options.get("member") or None) as stream:
        return stream.read(HEAD_BYTES)


def _loaded(
    role: str, file: Path, options: Mapping[str, Any], named: Collection[str], target: Path
) -> tuple[RawFile, list[Step]]:
    problems = Problems()
    loaded = load_with_problems(file, options, problems)
    problems.raise_if_any()
    columns = loaded.frame.columns
    taken = _taken(columns, named)
    cells = [pl.col(name).cast(pl.String).str.strip_chars() for name in taken]
    empty = [pl.when(cell != "").then(cell) for cell in cells]
    frame = loaded.frame.select(empty).with_columns(loaded.numbers.alias(ROW))
    frame.write_parquet(target)
    raw = RawFile(loaded.file, tuple(columns), taken, target, quoted(ROW))
    ledger = [{**line, "step": f"{role}: {line['step']}"} for line in loaded.ledger]
    return raw, [step(f"{role}: rows read", frame.height, loaded.encoding), *ledger]


def _taken(columns: Sequence[str], named: Collection[str]) -> tuple[str, ...]:
    """The columns that are named, or the first: a file without columns has no rows."""
    return tuple(name for name in columns if name in named) or tuple(columns[:1])


def _unpacked(
    file: Path, options: Mapping[str, Any], target: Path, first_bytes: int | None
) -> Path:
    """The text as a file of its own, unpacked piece by piece; or its first whole lines."""
    if not options.get("member") and file.suffix.lower() not in PACKED and not first_bytes:
        return file
    try:
        with open_unpacked(file, options.get("member") or None) as stream, target.open("wb") as out:
            if first_bytes:
                head = stream.read(first_bytes)
                out.write(_whole_lines(head) if len(head) == first_bytes else head)
                return target
            for piece in pieces(stream, file):
                out.write(piece)
    except BROKEN as error:
        raise InputError([broken_archive(file, error)]) from error
    return target


def _whole_lines(head: bytes) -> bytes:
    """The text up to the last line end that is not inside quotes."""
    end = head.rfind(b"\n")
    while end > 0 and head.count(b'"', 0, end) % 2:
        end = head.rfind(b"\n", 0, end)
    return head[: end + 1]


def _streamed(
    engine: duckdb.DuckDBPyConnection,
    role: str,
    file: Path,
    text: Path,
    options: Mapping[str, Any],
    named: Collection[str],
    target: Path,
) -> tuple[RawFile, list[Step]]:
    """A text file in columns by the engine's own reader."""
    before, labels = int(options.get("skip_rows", 0)), int(options.get("label_rows", 0))
    header, mark = _header(text, file, before, options)
    # The header is a row to leave out like those before it: the columns are declared.
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
    quote = "'\"'" if options.get("quotes", True) else "''"
    source = (
        f"read_csv({literal(str(text))}, auto_detect=false, header=false, "
        f"skip={before + labels + 1}, delim={literal(mark)}, quote={quote}, escape={quote}, "
        f"columns={{{columns}}}, ignore_errors=true, store_rejects=true, rejects_limit=0, "
        "null_padding=false, max_line_size=20000000)"
    )
    taken = _taken(header, named)
    cells = ", ".join(f"nullif(trim({quoted(name)}), '') AS {quoted(name)}" for name in taken)
    # A condition that always holds: the engine checks the text of those columns only that it needs.
    others = ", ".join(quoted(name) for name in header if name not in taken)
    where = f"WHERE hash({others}) IS NOT NULL" if others else ""
    engine.execute("SET preserve_insertion_order=true")
    engine.execute(
        f"COPY (SELECT {cells} FROM {source} {where}) TO {literal(str(target))} "
        "(FORMAT parquet, COMPRESSION lz4_raw)"
    )
    ledger = _rejected(engine, file, text, len(header), options)
    rows = engine.execute(f"SELECT count(*) FROM read_parquet({literal(str(target))})").fetchall()
    row = f"file_row_number + {before + labels + 2}"
    raw = RawFile(str(file), tuple(header), taken, target, row)
    return raw, [step(f"{role}: rows read", rows[0][0], "utf-8"), *ledger]


def _header(
    text: Path, file: Path, before: int, options: Mapping[str, Any]
) -> tuple[list[str], str]:
    with text.open("rb") as stream:
        head = stream.read(HEAD_BYTES).decode("utf-8-sig", errors="replace")
    line = head.split("\n", before + 1)[before].rstrip("\r")
    mark = str(options.get("separator") or max(SEPARATORS, key=line.count))
    labels = [clean_label(label) for label in next(csv.reader(io.StringIO(line), delimiter=mark))]
    check_header(labels, file)
    return labels, mark


def _rejected(
    engine: duckdb.DuckDBPyConnection,
    file: Path,
    text: Path,
    width: int,
    options: Mapping[str, Any],
) -> list[Step]:
    """Rows that do not fit the header: problems, or counted where the policy leaves them out."""
    rejected = engine.execute(
        "SELECT line, any_value(error_type::VARCHAR) FROM reject_errors "
        "JOIN reject_scans USING (scan_id, file_id) "
        f"WHERE file_path = {literal(str(text))} GROUP BY line ORDER BY line"
    ).fetchall()
    engine.execute("DROP TABLE reject_errors")
    engine.execute("DROP TABLE reject_scans")
    if not rejected:
        return []
    if policy(options, "ragged_row") == "skip":
        rows = ", ".join(str(line) for line, _ in rejected[:SHOWN])
        return [step("rows that do not fit the header", len(rejected), f"left out: {rows}")]
    raise InputError(_ragged(rejected, file, width))


def _ragged(rejected: list[Any], file: Path, width: int) -> Iterable[Problem]:
    words = {
        "INVALID ENCODING": "the row holds a byte that is not utf-8",
        "UNQUOTED VALUE": "quotes are out of balance",
        "LINE SIZE OVER MAXIMUM": "a cell is too long: look for a quote that is never closed",
    }
    usual = f"the row does not have the {width} cells of the header"
    fix = f"mend the row, or declare `separator:`, `encoding:` or `policies:` in {REGISTRY}"
    for line, kind in rejected[:SHOWN]:
        yield Problem(f"{file}, row {line}", words.get(kind, usual), fix)
    if len(rejected) > SHOWN:
        yield Problem(str(file), f"{len(rejected)} rows in all do not fit the header", fix)
