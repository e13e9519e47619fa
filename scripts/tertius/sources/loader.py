"""One loader for every tabular file: text, spreadsheets, Parquet, Stata, SPSS and R."""

from __future__ import annotations

import csv
import io
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import polars as pl
import pyreadstat
import rdata

from tertius.problems import InputError, Problem, did_you_mean
from tertius.sources.text import REGISTRY, decode, read_bytes

PACKED = (".gz", ".xz", ".bz2", ".zst", ".zip")
SEPARATORS = (",", "\t", ";", "|")
OPTIONS = (
    "encoding",
    "format",
    "separator",
    "skip_rows",
    "label_rows",
    "member",
    "sheet",
    "object",
)
"""Keys of a mapping that say how its file is to be opened."""


@dataclass(frozen=True)
class Loaded:
    """A raw table as it stands in its file.

    Attributes:
        frame: its columns; text files and spreadsheets give strings only.
        file: the file's name, for messages.
        first_row: number of the row in the file that holds the first record (counted from 1).
        encoding: of a text file, declared or detected; empty for others.
    """

    frame: pl.DataFrame
    file: str
    first_row: int = 2
    encoding: str = ""


def load_frame(path: Path, options: Mapping[str, Any]) -> pl.DataFrame:
    """The table in a file; see `load`."""
    return load(path, options).frame


def load(path: Path, options: Mapping[str, Any]) -> Loaded:
    """Read a csv, tsv, txt, xlsx, parquet, dta, sav, rda or rds file, packed or not.

    Args:
        path: the file.
        options: any of
            format: the kind of file, when its name does not tell;
            encoding: of a text file (default: byte order mark, then `text.DETECTED`);
            separator: of a text file (default: the one most frequent in its header);
            skip_rows: rows before the header; label_rows: rows of labels after it;
            member: file inside a zip archive; sheet: of a workbook (default: the first);
            object: of an R file that holds several data frames.

    Returns:
        The table with trimmed column names. Text cells are untouched.

    Raises:
        InputError: the file is absent, empty, broken, undecodable, ragged, of an unknown kind,
            repeats a column, or has no rows.
    """
    kind = options.get("format") or _kind(path)
    if kind not in _READERS:
        fix = f"declare `format:` in {REGISTRY}; {did_you_mean(kind, _READERS)}"
        raise InputError([Problem(str(path), f"files of kind {kind!r} cannot be read", fix)])
    if not path.is_file() or path.stat().st_size == 0:
        read_bytes(path)
    loaded = _READERS[kind](path, options)
    return _with_clean_header(loaded)


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    plain = [suffix for suffix in suffixes if suffix not in PACKED]
    return plain[-1].removeprefix(".") if plain else ""


def clean_label(label: str) -> str:
    """A column name without the differences of typing: width of brackets, spaces around it."""
    return unicodedata.normalize("NFKC", label).strip()


def _with_clean_header(loaded: Loaded) -> Loaded:
    labels = [clean_label(label) for label in loaded.frame.columns]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        what = f"column {twice[0]!r} stands {labels.count(twice[0])} times in the header"
        raise InputError([Problem(loaded.file, what, "keep one, or rename the others")])
    if loaded.frame.height == 0:
        what = "the file has a header and no rows"
        raise InputError([Problem(loaded.file, what, "get the file again")])
    renamed = loaded.frame.rename(dict(zip(loaded.frame.columns, labels, strict=True)))
    return Loaded(renamed, loaded.file, loaded.first_row, loaded.encoding)


def _text(path: Path, options: Mapping[str, Any]) -> Loaded:
    content = read_bytes(path, options.get("member"))
    text, encoding = decode(content, str(path), options.get("encoding"))
    skipped = int(options.get("skip_rows", 0))
    body = text.split("\n", skipped)[skipped] if skipped else text
    separator = options.get("separator") or _separator(body, _kind(path))
    header = next(csv.reader(io.StringIO(body[: body.find("\n") + 1] or body), delimiter=separator))
    _check_header(header, path)
    labels = int(options.get("label_rows", 0))
    try:
        frame = pl.read_csv(
            io.BytesIO(body.encode("utf-8")),
            separator=separator,
            infer_schema=False,
            has_header=True,
            skip_rows_after_header=labels,
        )
    except pl.exceptions.NoDataError:
        frame = pl.DataFrame(schema=dict.fromkeys(header, pl.String))
    except pl.exceptions.PolarsError as error:
        what = f"the rows do not fit the header: {str(error).splitlines()[0]}"
        fix = f"mend the row, or declare `separator:` in {REGISTRY} ({separator!r} was used)"
        raise InputError([Problem(str(path), what, fix)]) from error
    return Loaded(frame, str(path), skipped + labels + 2, encoding)


def _check_header(header: list[str], path: Path) -> None:
    labels = [clean_label(label) for label in header]
    for label in labels:
        if labels.count(label) > 1:
            what = f"column {label!r} stands {labels.count(label)} times in the header"
            raise InputError([Problem(str(path), what, "keep one, or rename the others")])


def _separator(body: str, kind: str) -> str:
    if kind == "tsv":
        return "\t"
    header = body.split("\n", 1)[0]
    return max(SEPARATORS, key=header.count)


def _workbook(path: Path, options: Mapping[str, Any]) -> Loaded:
    try:
        book = openpyxl.load_workbook(io.BytesIO(read_bytes(path)), read_only=True, data_only=True)
    except (KeyError, ValueError, OSError) as error:
        what = "the workbook cannot be opened"
        raise InputError([Problem(str(path), what, "save it again as .xlsx")]) from error
    sheet = options.get("sheet") or book.sheetnames[0]
    if sheet not in book.sheetnames:
        fix = did_you_mean(str(sheet), book.sheetnames)
        raise InputError([Problem(str(path), f"no sheet is called {sheet!r}", fix)])
    skipped, labels = int(options.get("skip_rows", 0)), int(options.get("label_rows", 0))
    rows = [list(row) for row in book[sheet].iter_rows(values_only=True)][skipped:]
    if not rows:
        raise InputError([Problem(str(path), f"sheet {sheet!r} is empty", "get the file again")])
    header = [_cell(value) or "" for value in rows[0]]
    named = [k for k, label in enumerate(header) if label]
    _check_header([header[k] for k in named], path)
    body = rows[1 + labels :]
    columns = {header[k]: [_cell(row[k]) for row in body] for k in named}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return Loaded(frame, str(path), skipped + labels + 2)


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _parquet(path: Path, options: Mapping[str, Any]) -> Loaded:
    try:
        return Loaded(pl.read_parquet(path), str(path), 1)
    except pl.exceptions.PolarsError as error:
        what = "the file is no Parquet file"
        raise InputError([Problem(str(path), what, "get the file again")]) from error


def _survey(reader: Callable[..., Any]) -> Callable[[Path, Mapping[str, Any]], Loaded]:
    def read(path: Path, options: Mapping[str, Any]) -> Loaded:
        try:
            columns, _ = reader(path, output_format="dict", encoding=options.get("encoding"))
        except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError) as error:
            fix = f"get the file again, or declare `encoding:` in {REGISTRY}"
            raise InputError([Problem(str(path), str(error), fix)]) from error
        return Loaded(pl.DataFrame(columns, strict=False), str(path), 1)

    return read


def _r_objects(path: Path, options: Mapping[str, Any]) -> Loaded:
    try:
        with warnings.catch_warnings():
            # rdata tells of column attributes of R packages that it leaves out; no cell is among
            # them.
            warnings.filterwarnings("ignore", "Missing constructor for R class", UserWarning)
            content = rdata.read_rds(path) if _kind(path) == "rds" else rdata.read_rda(path)
    except (ValueError, NotImplementedError, EOFError, OSError) as error:
        what = f"the R file cannot be read ({error})"
        raise InputError([Problem(str(path), what, "save it again by R's save()")]) from error
    objects = content if isinstance(content, dict) else {"": content}
    frames = {str(k): v for k, v in objects.items() if isinstance(v, pd.DataFrame)}
    name = options.get("object") or (next(iter(frames)) if len(frames) == 1 else None)
    if name not in frames:
        what = f"the file holds the data frames {', '.join(sorted(frames)) or '(none)'}"
        fix = f"name one as `object:` of the mapping in {REGISTRY}"
        raise InputError([Problem(str(path), what, fix)])
    return Loaded(_from_pandas(frames[str(name)]), str(path), 1)


def _from_pandas(frame: pd.DataFrame) -> pl.DataFrame:
    """Polars columns of pandas ones; nullable integers keep their empty cells."""
    columns = []
    for label in frame.columns:
        column = frame[label]
        if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object:
            values = [None if pd.isna(value) else str(value) for value in column]
            columns.append(pl.Series(str(label), values, dtype=pl.String))
        else:
            columns.append(pl.from_pandas(column, nan_to_null=True).alias(str(label)))
    return pl.DataFrame(columns)


_READERS: dict[str, Callable[[Path, Mapping[str, Any]], Loaded]] = {
    "csv": _text,
    "tsv": _text,
    "txt": _text,
    "xlsx": _workbook,
    "parquet": _parquet,
    "dta": _survey(pyreadstat.read_dta),
    "sav": _survey(pyreadstat.read_sav),
    "rda": _r_objects,
    "rdata": _r_objects,
    "rds": _r_objects,
}
