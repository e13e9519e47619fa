"""One loader for every tabular file: text, spreadsheets, Parquet, Stata, SPSS and R."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyreadstat
import rdata

from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.sources.loaded import Loaded, check_header, clean_label, row_numbers
from tertius.sources.result import Step, step
from tertius.sources.rows import plain_records
from tertius.sources.text import OLE_MARK, REGISTRY, decode, read_bytes
from tertius.sources.workbook import read_workbook

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
    "parts",
    "quotes",
    "keep",
    "policies",
)
"""Keys of a mapping that say how its file is to be opened."""
POLICIES: Mapping[str, tuple[str, ...]] = {
    "repeated_column": ("stop", "first"),
    "ragged_row": ("stop", "skip"),
    "unreadable_cell": ("stop", "empty"),
    "empty_cell": ("stop", "skip"),
    "repeated_id": ("stop", "first"),
    "undated_deal": ("stop", "skip"),
}
"""What may be done about each kind of problem; the first is done unless the mapping says else, and
whatever is done is counted in the ledger."""


def load_frame(path: Path, options: Mapping[str, Any]) -> pl.DataFrame:
    """The table in a file; see `load`."""
    return load(path, options).frame


def load(path: Path, options: Mapping[str, Any]) -> Loaded:
    """Read a csv, tsv, txt, xlsx, parquet, dta, sav, rda or rds file, packed or not.

    Args:
        path: the file, or a folder of files that are parts of one table.
        options: any of
            format: the kind of file, when its name does not tell;
            encoding: of a text file (default: byte order mark, then `text.DETECTED`);
            separator: of a text file (default: the one most frequent in its header);
            quotes: false where a quote is a character like another;
            skip_rows: rows before the header; label_rows: rows of labels after it;
            member: file inside a zip archive; sheet: of a workbook (default: the first);
            parts: names of the files of a folder (default: all);
            object: of an R file that holds several data frames;
            keep: {column: words} - rows with another cell are left out; `*` stands for any text;
            policies: {problem: what is done}, see `POLICIES`.

    Returns:
        The table with trimmed column names. Text cells are untouched.

    Raises:
        InputError: the file is absent, empty, broken, undecodable, ragged, of an unknown kind,
            repeats a column, or has no rows.
    """
    problems = Problems()
    loaded = load_with_problems(path, options, problems)
    problems.raise_if_any()
    return loaded


def load_with_problems(path: Path, options: Mapping[str, Any], problems: Problems) -> Loaded:
    """As `load`; rows that cannot be taken are noted, so that the other rows can be checked too.

    Raises:
        InputError: problems of the file as a whole.
    """
    if path.is_dir():
        return _of_parts(path, options, problems)
    kind = options.get("format") or _kind(path)
    if kind in ("xls", "xlsb") or _starts_with(path, OLE_MARK):
        what = "workbooks of this old kind (or locked by a password) cannot be read"
        raise InputError([Problem(str(path), what, "open it and save it as .xlsx")])
    if kind not in _READERS:
        fix = f"declare `format:` in {REGISTRY}; {did_you_mean(kind, _READERS)}"
        raise InputError([Problem(str(path), f"files of kind {kind!r} cannot be read", fix)])
    if not path.is_file() or path.stat().st_size == 0:
        read_bytes(path)
    loaded = _with_clean_header(_READERS[kind](path, options))
    problems.extend(loaded.found)
    return _kept(loaded, options.get("keep", {}), problems)


def _of_parts(folder: Path, options: Mapping[str, Any], problems: Problems) -> Loaded:
    """All files of a folder as one table; their columns are united by name."""
    named = options.get("parts") or [
        file.name for file in folder.iterdir() if not file.name.startswith(".")
    ]
    files = [folder / name for name in sorted(named)]
    loaded: list[Loaded] = []
    for file in files:
        try:
            loaded.append(load_with_problems(file, options, problems))
        except InputError as error:
            problems.extend(error.problems)
    if not loaded:
        problems.add(
            str(folder), "the folder holds no file that can be read", "put the files there"
        )
    problems.raise_if_any()
    added, parts, numbers = 0, [], []
    for part in loaded:
        parts.append((part.file, added))
        numbers.append(part.numbers + added)
        added = int(str(numbers[-1].max() or added))
    ledger = [
        {**line, "step": f"{Path(part.file).name}: {line['step']}"}
        for part in loaded
        for line in part.ledger
    ]
    return Loaded(
        pl.concat([part.frame for part in loaded], how="diagonal_relaxed"),
        str(folder),
        pl.concat(numbers),
        ", ".join(sorted({part.encoding for part in loaded})),
        ledger=tuple(ledger),
        parts=tuple(parts),
    )


def policy(mapping: Mapping[str, Any], problem: str) -> str:
    """What a mapping says is to be done about a kind of problem; see `POLICIES`."""
    return str(mapping.get("policies", {}).get(problem, POLICIES[problem][0]))


def _starts_with(path: Path, mark: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _kept(loaded: Loaded, wanted: Mapping[str, Any], problems: Problems) -> Loaded:
    """The rows whose cells are among the wanted ones."""
    for column, words in wanted.items():
        label = clean_label(str(column))
        if label not in loaded.frame.columns:
            fix = did_you_mean(label, loaded.frame.columns)
            problems.add(loaded.file, f"column {label!r} of `keep` is missing", fix)
            continue
        allowed = [words] if isinstance(words, str) else [str(word) for word in words]
        pattern = "|".join(re.escape(word).replace(r"\*", ".*") for word in allowed)
        cells = loaded.frame[label].cast(pl.String).str.strip_chars().fill_null("")
        fits = cells.str.contains(f"^(?:{pattern})$")
        out = step(f"rows with another {label}", int((~fits).sum()), "left out")
        loaded = replace(
            loaded,
            frame=loaded.frame.filter(fits),
            numbers=loaded.numbers.filter(fits),
            ledger=(*loaded.ledger, out),
        )
        if loaded.frame.height == 0:
            what = f"no row has {' or '.join(map(repr, allowed))} in column {label!r}"
            problems.add(loaded.file, what, f"correct `keep:` in {REGISTRY}")
    return loaded


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    plain = [suffix for suffix in suffixes if suffix not in PACKED]
    return plain[-1].removeprefix(".") if plain else ""


def _with_clean_header(loaded: Loaded) -> Loaded:
    labels = [clean_label(label) for label in loaded.frame.columns]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        what = f"column {twice[0]!r} stands {labels.count(twice[0])} times in the header"
        raise InputError([Problem(loaded.file, what, "keep one, or rename the others")])
    if loaded.frame.height == 0:
        what = "the file has a header and no rows"
        problem = Problem(loaded.file, what, "get the file again")
        raise InputError([*loaded.found, problem])
    renamed = loaded.frame.rename(dict(zip(loaded.frame.columns, labels, strict=True)))
    return replace(loaded, frame=renamed)


def _text(path: Path, options: Mapping[str, Any]) -> Loaded:
    content = read_bytes(path, options.get("member"))
    text, encoding = decode(content, str(path), options.get("encoding"))
    skipped = int(options.get("skip_rows", 0))
    body = "\n".join(text.split("\n", skipped)[skipped:]) if skipped else text
    _check_is_table(body, path, skipped)
    separator = options.get("separator") or _separator(body, _kind(path))
    records = plain_records(
        body,
        separator,
        str(path),
        skipped,
        int(options.get("label_rows", 0)),
        skip=policy(options, "ragged_row") == "skip",
        quotes=bool(options.get("quotes", True)),
    )
    first = policy(options, "repeated_column") == "first"
    frame, repeated = _parsed(records.text, separator, path, records.found, first)
    if frame.height != len(records.numbers):
        what = f"the file has {len(records.numbers)} records, {frame.height} could be read"
        raise InputError([*records.found, Problem(str(path), what, "look for stray quotes")])
    return Loaded(
        frame,
        str(path),
        pl.Series(records.numbers, dtype=pl.Int64),
        encoding,
        tuple(records.found),
        (*records.ledger, *repeated),
    )


def _parsed(
    text: str, separator: str, path: Path, found: list[Problem], first: bool
) -> tuple[pl.DataFrame, list[Step]]:
    """Columns of strings, without columns that have no name and no content.

    Of columns with one name the first is kept where `first` says so, and cells of the others that
    differ from it are counted.
    """
    header = text.split("\n", 1)[0]
    if not header.strip():
        raise InputError([*found, Problem(str(path), "the header is empty", "mend the file")])
    frame = pl.read_csv(
        io.BytesIO(text.encode("utf-8")),
        separator=separator,
        infer_schema=False,
        has_header=False,
        raise_if_empty=False,
    )
    labels = [str(label or "") for label in frame.row(0)]
    if not first:
        check_header([label for label in labels if clean_label(label)], path, found)
    columns: dict[str, pl.Series] = {}
    ledger = []
    for label, column in zip(map(clean_label, labels), frame.slice(1), strict=True):
        if label in columns:
            other = int(columns[label].ne_missing(column).sum())
            words = f"cells of the repeated column {label!r} that differ from the first"
            ledger.append(step(words, other, "the first column is read"))
        elif label:
            columns[label] = column
        elif column.null_count() < len(column):
            what = "a column with content has no name in the header"
            raise InputError([*found, Problem(str(path), what, "name it, or empty it")])
    return pl.DataFrame(columns), ledger


def _check_is_table(body: str, path: Path, before: int) -> None:
    """Text that is no table: web pages called .csv, bytes of zero, Excel's separator line."""
    start = body[:200].lstrip().lower()
    if start.startswith(("<!doctype", "<html", "<table", "<?xml", "{", "[")):
        what = "the file is a web page, XML or JSON, not a table"
        raise InputError([Problem(str(path), what, "export it again as csv or xlsx")])
    if "\x00" in body:
        row = before + body.count("\n", 0, body.index("\x00")) + 1
        what = "the text holds a byte of zero"
        fix = "the file is damaged or of another encoding; get it again"
        raise InputError([Problem(f"{path}, line {row}", what, fix)])
    if start.startswith("sep="):
        what = "the first line is Excel's `sep=` line, not the header"
        raise InputError([Problem(str(path), what, f"declare `skip_rows: 1` in {REGISTRY}")])


def _separator(body: str, kind: str) -> str:
    if kind == "tsv":
        return "\t"
    header = body.split("\n", 1)[0]
    return max(SEPARATORS, key=header.count)


def _unnumbered(frame: pl.DataFrame, path: Path) -> Loaded:
    """A table from a file without lines: its records are counted from 1."""
    return Loaded(frame, str(path), row_numbers(1, frame.height))


def _parquet(path: Path, options: Mapping[str, Any]) -> Loaded:
    try:
        return _unnumbered(pl.read_parquet(path), path)
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
        return _unnumbered(pl.DataFrame(columns, strict=False), path)

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
    return _unnumbered(_from_pandas(frames[str(name)]), path)


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
    "xlsx": read_workbook,
    "xlsm": read_workbook,
    "parquet": _parquet,
    "dta": _survey(pyreadstat.read_dta),
    "sav": _survey(pyreadstat.read_sav),
    "rda": _r_objects,
    "rdata": _r_objects,
    "rds": _r_objects,
}
