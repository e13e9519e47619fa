"""Reader of relational bundles: several files of keyed rows (PatentsView, PATSTAT, CORDIS, ...).

Mapping:
    files: {role: names, or {names, optional, and keys of `loader.OPTIONS`}}
    views: {name: relation}              relations that other relations name
    tables: {table: relation or several} typed tables; fields are those of `long_table.fields_of`
    dates, empty, decimal, thousands, policies: for all relations
A relation is described in `bundle_sql`; it may have `constants`, `codes`, `dates`, `empty`, `units`
and `policies` of its own. Everything is streamed: memory does not grow with the files.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from tertius.problems import SHOWN, InputError, Problems, did_you_mean
from tertius.sources.bundle_files import STREAMED_FROM, RawFile, bring_in, literal, quoted
from tertius.sources.bundle_rows import write_finished
from tertius.sources.bundle_sql import (
    Scope,
    cell_sql,
    columns_named,
    keep_sql,
    raw_sql,
    source_sql,
    typed_sql,
)
from tertius.sources.cells import Field
from tertius.sources.loader import POLICIES
from tertius.sources.long_table import fields_of
from tertius.sources.result import SourceTables, Step, step
from tertius.sources.text import REGISTRY
from tertius.tables import SCHEMAS, TableSchema

MEMORY = "4GB"
"""What the engine may hold; it spills to disk beyond."""
KEYS = ("files", "views", "tables", "dates", "empty", "decimal", "thousands", "policies")
RELATION_KEYS = (
    "from",
    "lookups",
    "keep",
    "drop",
    "columns",
    "constants",
    "codes",
    "dates",
    "empty",
    "decimal",
    "thousands",
    "units",
    "policies",
)
OF_PATENTS = {
    "patent_applicants": "pid",
    "patent_inventors": "pid",
    "patent_classes": "pid",
    "citations": "citing_pid",
}
"""Tables whose rows go with a patent."""
FIRST_DATE = "coalesce(prio_date, app_date, pub_date, grant_date)"


def read(path: Path, mapping: Mapping[str, Any], first_bytes: int | None = None) -> SourceTables:
    """The tables of a bundle, in memory; see `stream`."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "tables"
        written, ledger = stream(path, mapping, target, first_bytes=first_bytes)
        tables = {name: pl.read_parquet(file) for name, file in written.items()}
    return SourceTables(tables, tuple(ledger))


@dataclass(frozen=True)
class _Bundle:
    """What the tables of a bundle are made from."""

    engine: duckdb.DuckDBPyConnection
    scope: Scope
    mapping: Mapping[str, Any]
    years: tuple[int, int] | None


def stream(
    path: Path,
    mapping: Mapping[str, Any],
    folder: Path,
    years: tuple[int, int] | None = None,
    *,
    memory: str = MEMORY,
    streamed_from: int = STREAMED_FROM,
    first_bytes: int | None = None,
) -> tuple[dict[str, Path], list[Step]]:
    """Write the tables of a bundle, each sorted by its key, without ever holding one.

    Args:
        path: the folder of the files, a zip archive of them, or the only file.
        mapping: of the source.
        folder: for one Parquet file a table; a folder beside it holds what is made on the way.
        years: first and last year of the patents to keep, with all that hangs on them; all when
            None.
        memory: what the engine may hold.
        streamed_from: bytes from which a text file is streamed and not read as a whole.
        first_bytes: look at the first bytes of streamed files only, for a quick check.

    Returns:
        The file of each table, and the ledger.

    Raises:
        InputError: unknown keys, tables and columns; missing files; and every row and cell that
            cannot be read, unless the mapping's policies say what else is done.
    """
    _check(mapping, path)
    scratch = folder.with_name(folder.name + ".scratch")
    for old in (folder, scratch):
        shutil.rmtree(old, ignore_errors=True)
        old.mkdir(parents=True)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "temp_directory": str(scratch / "spill"),
        "threads": str(os.cpu_count() or 1),
    }
    try:
        with duckdb.connect(":memory:", config=settings) as engine:
            files, ledger = bring_in(
                engine,
                path,
                mapping["files"],
                scratch,
                columns_named([spec for _, spec in _relations(mapping)]),
                streamed_from,
                first_bytes,
            )
            engine.execute("SET preserve_insertion_order=false")
            bundle = _opened(engine, files, mapping, path, years)
            written: dict[str, Path] = {}
            problems = Problems()
            for name in sorted(mapping["tables"], key=lambda name: (name != "patents", name)):
                try:
                    # Once a table has problems the others are only checked.
                    target = None if problems.found else folder / f"{name}.parquet"
                    steps = _write_table(bundle, name, target)
                    ledger += [{**line, "step": f"{name}: {line['step']}"} for line in steps]
                    if target is not None and target.exists():
                        written[name] = target
                except InputError as error:
                    problems.extend(error.problems)
            problems.raise_if_any()
            return written, ledger
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check(mapping: Mapping[str, Any], path: Path) -> None:
    """Note every key of a mapping that no one would read, and unknown tables and policies."""
    problems = Problems()
    where = f"{REGISTRY} [{path.name}] mapping"
    for key in mapping:
        if key not in KEYS:
            problems.add(f"{where}.{key}", f"unknown key {key!r}", did_you_mean(key, KEYS))
    for name in mapping.get("tables", {}):
        if name not in SCHEMAS:
            problems.add(
                f"{where}.tables.{name}", f"no table {name!r}", did_you_mean(name, SCHEMAS)
            )
    for name, spec in _relations(mapping):
        for key in spec:
            if key not in RELATION_KEYS:
                fix = did_you_mean(key, RELATION_KEYS)
                problems.add(f"{where}.{name}.{key}", f"unknown key {key!r}", fix)
        known = [f.name for f in _fields(name)] if name in SCHEMAS else None
        for section in ("columns", "constants", "codes", "units"):
            for key in spec.get(section, {}):
                if known is not None and key not in known:
                    what, fix = f"no field is called {key!r}", did_you_mean(key, known)
                    problems.add(f"{where}.{name}.{section}.{key}", what, fix)
        for key, choice in spec.get("policies", {}).items():
            if choice not in POLICIES.get(key, ()):
                fix = did_you_mean(key, POLICIES)
                problems.add(f"{where}.{name}.policies.{key}", f"no policy {key}: {choice}", fix)
    problems.raise_if_any()


def _relations(mapping: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    tables = [(name, spec) for name in mapping.get("tables", {}) for spec in _specs(mapping, name)]
    return [*mapping.get("views", {}).items(), *tables]


def _specs(mapping: Mapping[str, Any], table: str) -> list[dict[str, Any]]:
    """The relations of a table, with the bundle's own settings under each."""
    listed = mapping["tables"][table]
    shared = {k: v for k, v in mapping.items() if k not in ("files", "views", "tables")}
    specs = []
    for spec in listed if isinstance(listed, list) else [listed]:
        policies = {**shared.get("policies", {}), **spec.get("policies", {})}
        empty = {**shared.get("empty", {}), **spec.get("empty", {})}
        specs.append({**shared, **spec, "policies": policies, "empty": empty})
    return specs


def _opened(
    engine: duckdb.DuckDBPyConnection,
    files: Mapping[str, list[RawFile]],
    mapping: Mapping[str, Any],
    path: Path,
    years: tuple[int, int] | None,
) -> _Bundle:
    """The files and views of a bundle under their names."""
    absent = frozenset(role for role in mapping["files"] if role not in files)
    columns: dict[str, tuple[str, ...]] = {}
    for role, parts in files.items():
        columns[role] = parts[0].columns
        cells = ", ".join(map(quoted, parts[0].taken))
        selects = [
            f'SELECT {cells}, {part.row} AS "file row", {literal(part.file)} AS "raw file" '
            f"FROM read_parquet({literal(str(part.parquet))}, file_row_number=true)"
            for part in parts
        ]
        engine.execute(f"CREATE VIEW {quoted(role)} AS {' UNION ALL '.join(selects)}")
    problems = Problems()
    for name, spec in mapping.get("views", {}).items():
        scope = Scope(columns, absent, str(path))
        if str(spec["from"]) in absent:
            absent |= {name}
            continue
        cells = ", ".join(
            f"{cell_sql(cell, spec, scope, problems)} AS {quoted(to)}"
            for to, cell in spec["columns"].items()
        )
        source, kept = source_sql(spec, scope, problems), keep_sql(spec, scope, problems)
        problems.raise_if_any()
        engine.execute(
            f'CREATE VIEW {quoted(name)} AS SELECT {cells}, b."file row", b."raw file" '
            f"{source} WHERE {kept}"
        )
        columns[name] = tuple(spec["columns"])
    return _Bundle(engine, Scope(columns, absent, str(path)), mapping, years)


def _write_table(bundle: _Bundle, name: str, target: Path | None) -> list[Step]:
    """One table from its relations: checked and, with a target, sorted and written."""
    schema, ledger, parts = SCHEMAS[name], [], []
    problems = Problems()
    for spec in _specs(bundle.mapping, name):
        if str(spec["from"]) in bundle.scope.absent:
            ledger.append(step("a file of the table is not there", 0, str(spec["from"])))
            continue
        fields = [_needed(field, schema) for field in _fields(name)]
        texts = {f.name: raw_sql(f, spec, bundle.scope, problems) for f in fields}
        source = source_sql(spec, bundle.scope, problems)
        kept = keep_sql(spec, bundle.scope, problems)
        problems.raise_if_any()
        ledger += _checked(bundle, spec, fields, texts, source, kept)
        filled = [f"({texts[f.name]}) IS NOT NULL" for f in fields if f.filled]
        cells = ", ".join(
            f"{typed_sql(f, texts[f.name], spec)} AS {quoted(f.name)}" for f in fields
        )
        parts.append(f"SELECT {cells} {source} WHERE {' AND '.join([kept, *filled])}")
    if target is None or not parts:
        return ledger
    policy = _specs(bundle.mapping, name)[0]["policies"].get("repeated_id", "stop")
    rows = " UNION ALL BY NAME ".join(parts)
    return ledger + _sorted_rows(bundle, name, rows, policy, target)


def _fields(name: str) -> tuple[Field, ...]:
    """Fields of a table; the place of a class in its patent's list tells which is the first."""
    fields = fields_of(SCHEMAS[name])
    return (*fields, Field("seq", "count")) if name == "patent_classes" else fields


def _needed(field: Field, schema: TableSchema) -> Field:
    """A field of the table; the key of a record is always filled."""
    is_key = field.name == "name" or (field.name in schema.key and field.name != "org_id")
    return Field(field.name, field.kind, is_key, is_key or field.filled, field.allowed)


def _checked(
    bundle: _Bundle,
    spec: Mapping[str, Any],
    fields: list[Field],
    texts: Mapping[str, str],
    source: str,
    kept: str,
) -> list[Step]:
    """Counts of the relation's rows, empty and unreadable cells; those that must stop, as problems.

    Raises:
        InputError: the first rows of each kind of problem, and its count.
    """
    faults: list[tuple[str, str, str, str]] = []
    for f in fields:
        raw, label = texts[f.name], _label(spec, f)
        if f.filled:
            faults.append(("empty_cell", f"({raw}) IS NULL", raw, f"{label} is empty"))
        if f.kind != "text" and f.name in spec.get("columns", {}):
            bad = f"({raw}) IS NOT NULL AND ({typed_sql(f, raw, spec)}) IS NULL"
            faults.append(("unreadable_cell", bad, raw, f"{label} is no {f.kind}"))
    counts = ", ".join(f"count(*) FILTER ({kept} AND {sql})" for _, sql, _, _ in faults)
    found = bundle.engine.execute(
        f"SELECT count(*), count(*) FILTER ({kept}){', ' if counts else ''}{counts} {source}"
    ).fetchall()[0]
    ledger = [step("rows", found[0], str(spec["from"]))]
    if cells := [*spec.get("keep", {}), *spec.get("drop", {})]:
        words = f"rows left out by their {', '.join(map(str, cells))}"
        ledger.append(step(words, found[0] - found[1]))
    problems = Problems()
    for (rule, sql, raw, words), count in zip(faults, found[2:], strict=True):
        choice = spec["policies"].get(rule, "stop")
        if count and choice == "stop":
            _note(bundle, spec, (source, f"{kept} AND {sql}", raw), words, count, problems)
        elif count:
            done = "row left out" if rule == "empty_cell" else "taken as empty"
            ledger.append(step(f"rows where {words}", count, done))
    problems.raise_if_any()
    return ledger


def _label(spec: Mapping[str, Any], field: Field) -> str:
    cell = spec.get("columns", {}).get(field.name, field.name)
    return f"{cell} ({field.name})" if isinstance(cell, str) else field.name


def _note(
    bundle: _Bundle,
    spec: Mapping[str, Any],
    sql: tuple[str, str, str],
    words: str,
    count: int,
    problems: Problems,
) -> None:
    source, condition, raw = sql
    rows = bundle.engine.execute(
        f'SELECT b."raw file", b."file row", {raw} {source} WHERE {condition} '
        f"ORDER BY 1, 2 LIMIT {SHOWN}"
    ).fetchall()
    fix = f"correct it, or declare `empty:`, `codes:`, `dates:` or `policies:` in {REGISTRY}"
    for file, row, value in rows:
        shown = "" if value is None else f" (it is {value!r})"
        problems.add(f"{file}, row {row}", f"{words}{shown}", fix)
    if count > SHOWN:
        problems.add(
            f"{bundle.scope.where} [{spec['from']}]", f"{count} rows in all where {words}", fix
        )


def _sorted_rows(bundle: _Bundle, name: str, rows: str, policy: str, target: Path) -> list[Step]:
    """The rows of a table, cut to the years, dated, sorted and written."""
    engine = bundle.engine
    steps: list[Step] = []
    fields = [field.name for field in _fields(name)]
    if name == "patents":
        engine.execute(f"CREATE TEMP TABLE every_patent AS {rows}")
        rows, steps = _dated_patents(bundle)
        fields.append("year")
    elif name in OF_PATENTS and "patents" in bundle.mapping["tables"]:
        owner = quoted(OF_PATENTS[name])
        dated = ' REPLACE (coalesce(r."date", k.first) AS "date")' if name == "citations" else ""
        rows = f"SELECT r.*{dated} FROM ({rows}) r JOIN kept_patents k ON r.{owner} = k.pid"
    keys = ["name" if label in ("org_id", "inv_id") else label for label in SCHEMAS[name].key]
    order = [*keys, *(label for label in fields if label not in keys)]
    listed = ", ".join(f"{quoted(label)} NULLS LAST" for label in order)
    if name == "organisations":
        # Of the places and spellings of an organisation the most frequent one is kept.
        keys = ["org_id"] if _has_ids(bundle) else ["name"]
        rows = f"SELECT *, count(*) AS n FROM ({rows}) GROUP BY ALL"
        listed, order = f"{keys[0]}, n DESC, {listed}", [*order, "n"]
    result = engine.sql(f"SELECT {', '.join(map(quoted, order))} FROM ({rows}) ORDER BY {listed}")
    steps += write_finished(result, name, keys, policy, target, bundle.scope.where)
    if name == "patents":
        written = f"read_parquet({literal(str(target))})"
        engine.execute(
            f"CREATE TEMP TABLE kept_patents AS SELECT pid, {FIRST_DATE} AS first FROM {written}"
        )
        engine.execute("DROP TABLE every_patent")
    return steps


def _has_ids(bundle: _Bundle) -> bool:
    """Whether the organisations of the bundle have ids of their own."""
    specs = _specs(bundle.mapping, "organisations")
    return all("org_id" in spec.get("columns", {}) for spec in specs)


def _dated_patents(bundle: _Bundle) -> tuple[str, list[Step]]:
    """Patents with their year, and counts of fallbacks and of what is outside the years."""
    year = f"year({FIRST_DATE})::INTEGER"
    first, last = bundle.years or (-(2**31), 2**31 - 1)
    inside = f"{year} BETWEEN {first} AND {last}"
    names = {
        "patents dated by application": "prio_date IS NULL AND app_date IS NOT NULL",
        "patents dated by publication or grant": "prio_date IS NULL AND app_date IS NULL "
        f"AND {FIRST_DATE} IS NOT NULL",
        "patents without any date": f"{FIRST_DATE} IS NULL",
        "patents with priority after application": "prio_date > app_date",
        "patents outside the years": f"NOT ({inside})",
    }
    counts = ", ".join(f"count(*) FILTER ({sql})" for sql in names.values())
    found = bundle.engine.execute(f"SELECT {counts} FROM every_patent").fetchall()[0]
    notes = {"patents without any date": "left out", "patents outside the years": "left out"}
    ledger = [
        step(words, count, notes.get(words, "kept"))
        for words, count in zip(names, found, strict=True)
    ]
    return f"SELECT *, {year} AS year FROM every_patent WHERE {inside}", ledger
