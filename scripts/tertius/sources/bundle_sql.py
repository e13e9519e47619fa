"""Declared relations between the files of a bundle, written as SQL of text cells and typed fields.

A relation is data:
    from: a file's role, or a view
    lookups: {alias: {from, by: {column here: column there}, take: {name: min|max column}}}
        one value a row: of several rows there, the least (or greatest) cell counts
    keep, drop: {cell: words}            rows with another, or such a, cell are left out and counted
    columns: {field: cell}
A cell is a column, `alias.column` of a lookup, a list of cells (the first filled one counts;
columns that are not there are passed over, and a field whose whole list is not there is empty),
{join: [cells], with: text}, or {text: the same for every row}.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tertius.problems import Problems, did_you_mean
from tertius.sources.bundle_files import literal, quoted
from tertius.sources.cells import (
    DATE_FORMATS,
    FALSE_WORDS,
    TRUE_WORDS,
    Field,
    grouped_number,
)
from tertius.sources.text import REGISTRY
from tertius.tables import FIRST_YEAR, LAST_YEAR

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Scope:
    """What a relation may name.

    Attributes:
        columns: columns of every role and view.
        absent: roles of optional files that are not there; their cells are empty.
        where: for messages.
    """

    columns: Mapping[str, Sequence[str]]
    absent: frozenset[str]
    where: str


def source_sql(spec: Spec, scope: Scope, problems: Problems) -> str:
    """`FROM` with its joins: the rows of the relation, each once, as `b` and the lookups."""
    base = _known(str(spec["from"]), scope, problems)
    parts = [f"FROM {quoted(base)} b"]
    for alias, lookup in spec.get("lookups", {}).items():
        other = str(lookup["from"])
        if other in scope.absent:
            continue
        other = _known(other, scope, problems)
        taken = _taken(lookup, spec, alias)
        keys = list(lookup["by"].values())
        for column in [*keys, *(column for _, column in taken.values())]:
            _check_column(str(column), other, scope, problems)
        cells = [f"{quoted(key)} AS {quoted(f'key {k}')}" for k, key in enumerate(keys)]
        cells += [f"{rule}({quoted(col)}) AS {quoted(to)}" for to, (rule, col) in taken.items()]
        grouped = ", ".join(quoted(key) for key in keys)
        joined = " AND ".join(
            f"{cell_sql(here, spec, scope, problems)} = {quoted(alias)}.{quoted(f'key {k}')}"
            for k, here in enumerate(lookup["by"])
        )
        rows = f"SELECT {', '.join(cells)} FROM {quoted(other)}{_where(lookup)} GROUP BY {grouped}"
        parts.append(f"LEFT JOIN ({rows}) {quoted(alias)} ON {joined}")
    return " ".join(parts)


def _where(lookup: Spec) -> str:
    kept = [_fits(quoted(str(column)), words) for column, words in lookup.get("keep", {}).items()]
    return f" WHERE {' AND '.join(kept)}" if kept else ""


def _taken(lookup: Spec, spec: Spec, alias: str) -> dict[str, tuple[str, str]]:
    """Name -> rule and column: what `take` says, and the least cell of every other column named."""
    taken = {}
    for name, rule in lookup.get("take", {}).items():
        how, _, column = str(rule).partition(" ")
        taken[str(name)] = (how, column)
    for column in sorted(set(_cells_of(spec, alias))):
        taken.setdefault(column, ("min", column))
    return taken


def _cells_of(spec: Spec, alias: str) -> Iterator[str]:
    """Columns of a lookup that the relation's cells name."""

    def walk(cell: Any) -> Iterator[str]:
        if isinstance(cell, Mapping):
            yield from walk(list(cell.get("join", [])))
        elif isinstance(cell, list):
            for one in cell:
                yield from walk(one)
        elif str(cell).startswith(f"{alias}."):
            yield str(cell).removeprefix(f"{alias}.")

    for cell in (*spec.get("columns", {}).values(), *spec.get("keep", {}), *spec.get("drop", {})):
        yield from walk(cell)
    for lookup in spec.get("lookups", {}).values():
        for here in lookup["by"]:
            yield from walk(here)


def columns_named(relations: Iterable[Spec]) -> frozenset[str]:
    """Every word of some relations that may be a column: keys and texts, with and without what
    stands before a point or a blank (`lookup.column`, `max column`)."""
    words: set[str] = set()

    def walk(part: Any) -> None:
        if isinstance(part, Mapping):
            walk(list(part))
            walk(list(part.values()))
        elif isinstance(part, list | tuple):
            for one in part:
                walk(one)
        else:
            text = str(part)
            words.update((text, text.partition(".")[2], text.partition(" ")[2]))

    walk(list(relations))
    return frozenset(words)


def _known(role: str, scope: Scope, problems: Problems) -> str:
    if role not in scope.columns and role not in scope.absent:
        where = f"{REGISTRY} [{scope.where}]"
        problems.add(where, f"no file or view {role!r}", did_you_mean(role, scope.columns))
    return role


def _check_column(column: str, role: str, scope: Scope, problems: Problems) -> bool:
    known = scope.columns.get(role, ())
    if role in scope.columns and column not in known:
        fix = f"{did_you_mean(column, known)} (`columns:` of the source in {REGISTRY})"
        problems.add(f"{scope.where} [{role}]", f"column {column!r} is missing", fix)
        return False
    return True


def cell_sql(cell: Any, spec: Spec, scope: Scope, problems: Problems) -> str:
    """SQL of a cell's text; null where it is empty."""
    if isinstance(cell, Mapping) and "text" in cell:
        return literal(str(cell["text"]))
    if isinstance(cell, Mapping):
        parts = ", ".join(cell_sql(one, spec, scope, problems) for one in cell["join"])
        return f"nullif(concat_ws({literal(str(cell.get('with', ' ')))}, {parts}), '')"
    if isinstance(cell, list):
        there = [one for one in cell if _is_there(one, spec, scope)] or cell[:1]
        blank = spec.get("empty", {}).get("*", [])
        filled = [_emptied(cell_sql(c, spec, scope, problems), blank) for c in there]
        return f"coalesce({', '.join(filled)})"
    alias, _, column = str(cell).partition(".")
    lookup = spec.get("lookups", {}).get(alias)
    if lookup is None:
        _check_column(str(cell), str(spec["from"]), scope, problems)
        return f"b.{quoted(str(cell))}"
    if lookup["from"] in scope.absent:
        return "NULL::VARCHAR"
    return f"{quoted(alias)}.{quoted(column)}"


def _is_there(cell: Any, spec: Spec, scope: Scope) -> bool:
    if isinstance(cell, (Mapping, list)) or "." in str(cell):
        return True
    return str(cell) in scope.columns.get(str(spec["from"]), ())


def keep_sql(spec: Spec, scope: Scope, problems: Problems) -> str:
    """Condition of the rows that are kept."""
    conditions = [
        _fits(cell_sql(column, spec, scope, problems), words)
        for column, words in spec.get("keep", {}).items()
    ]
    conditions += [
        f"NOT ({_fits(cell_sql(column, spec, scope, problems), words)})"
        for column, words in spec.get("drop", {}).items()
    ]
    return " AND ".join(conditions) or "true"


def _fits(cell: str, words: Any) -> str:
    listed = [words] if isinstance(words, str) else [str(word) for word in words]
    return f"coalesce({cell}, '') IN ({', '.join(map(literal, listed))})"


def raw_sql(field: Field, spec: Spec, scope: Scope, problems: Problems) -> str:
    """Text of a field: its constant, or its cell without the words that mean an empty one."""
    constants = spec.get("constants", {})
    if field.name in constants:
        return literal(str(constants[field.name]))
    if field.name not in spec.get("columns", {}):
        if field.needed:
            problems.add(scope.where, f"no column is named for {field.name!r}", "add it")
        return "NULL::VARCHAR"
    named = spec["columns"][field.name]
    if isinstance(named, list) and not any(_is_there(one, spec, scope) for one in named):
        if field.needed:
            words = " or ".join(repr(str(one)) for one in named)
            problems.add(scope.where, f"none of the columns {words} is there", "name another")
        return "NULL::VARCHAR"
    cell = cell_sql(named, spec, scope, problems)
    declared = spec.get("empty", {})
    return _emptied(cell, declared.get(field.name, declared.get("*", [])))


def _emptied(cell: str, words: Sequence[Any]) -> str:
    if not words:
        return cell
    listed = ", ".join(literal(str(word)) for word in words)
    return f"(CASE WHEN {cell} IN ({listed}) THEN NULL ELSE {cell} END)"


def typed_sql(field: Field, raw: str, spec: Spec) -> str:
    """The field's value, null where its text cannot be read."""
    if field.kind == "date":
        return _in_years(_date(raw, spec))
    if field.kind in ("year", "count"):
        low, high = (FIRST_YEAR, LAST_YEAR) if field.kind == "year" else (0, 2**31 - 1)
        number = f"try_cast({_number(raw, spec)} AS DOUBLE)"
        whole = f"{number} BETWEEN {low} AND {high} AND {number} % 1 = 0"
        value = f"(CASE WHEN {whole} THEN {number}::INTEGER END)"
        if field.kind == "year" and "dates" in spec:
            return f"coalesce({value}, year({_date(raw, spec)})::INTEGER)"
        return value
    if field.kind == "real":
        factor = spec.get("units", {}).get(field.name, 1)
        number = f"try_cast({_number(raw, spec)} AS DOUBLE)"
        scaled = f"{number} * {float(factor)}" if factor != 1 else number
        return f"(CASE WHEN isfinite({number}) THEN {scaled} END)"
    if field.kind == "flag":
        return _flag(field, raw, spec)
    if field.kind == "code":
        return _code(field, raw, spec)
    return raw


def _flag(field: Field, raw: str, spec: Spec) -> str:
    declared = spec.get("codes", {}).get(field.name, {})
    words = dict.fromkeys(TRUE_WORDS, True) | dict.fromkeys(FALSE_WORDS, False)
    words |= {str(word).lower(): bool(flag) for word, flag in declared.items()}
    true = ", ".join(literal(word) for word, flag in words.items() if flag)
    false = ", ".join(literal(word) for word, flag in words.items() if not flag)
    low = f"lower({raw})"
    return f"(CASE WHEN {low} IN ({true}) THEN true WHEN {low} IN ({false}) THEN false END)"


def _date(raw: str, spec: Spec) -> str:
    """The day that the declared formats read; none where two of them read different days."""
    days = [_day(raw, str(form)) for form in spec.get("dates", DATE_FORMATS)]
    if len(days) == 1:
        return days[0]
    listed = ", ".join(days)
    return f"(CASE WHEN len(list_distinct([{listed}])) = 1 THEN coalesce({listed}) END)"


def _day(raw: str, form: str) -> str:
    if form == "excel":
        digits = literal(r"^\d{3,6}(\.0)?$")
        count = f"try_cast(try_cast({raw} AS DOUBLE) AS INTEGER)"
        day = f"(DATE '1899-12-30' + {count})"
        return f"CASE WHEN regexp_matches({raw}, {digits}) THEN {day} END"
    if form == "%Y-%m-%d":
        iso = literal(r"^\d{4}-\d{2}-\d{2}$")
        return f"CASE WHEN regexp_matches({raw}, {iso}) THEN try_cast({raw} AS DATE) END"
    return f"try_strptime({raw}, {literal(form)})::DATE"


def _in_years(date: str) -> str:
    low, high = f"DATE '{FIRST_YEAR}-01-01'", f"DATE '{LAST_YEAR}-12-31'"
    return f"(CASE WHEN {date} BETWEEN {low} AND {high} THEN {date} END)"


def _number(raw: str, spec: Spec) -> str:
    """Text of a number with a point; thousands stand in groups of three, or not at all."""
    point, comma = str(spec.get("decimal", ".")), str(spec.get("thousands", ""))
    text = raw
    if comma:
        grouped = grouped_number(comma, point)
        odd = f"contains({raw}, {literal(comma)}) AND NOT regexp_matches({raw}, {literal(grouped)})"
        text = f"(CASE WHEN {odd} THEN NULL ELSE replace({text}, {literal(comma)}, '') END)"
    if point != ".":
        # A point where a comma is declared is neither.
        plain = f"replace({text}, {literal(point)}, '.')"
        text = f"(CASE WHEN contains({text}, '.') THEN NULL ELSE {plain} END)"
    return text


def _code(field: Field, raw: str, spec: Spec) -> str:
    declared = {str(k): str(v) for k, v in spec.get("codes", {}).get(field.name, {}).items()}
    others = declared.pop("*", None)
    words = {code: code for code in field.allowed} | declared
    cases = " ".join(f"WHEN {literal(word)} THEN {literal(code)}" for word, code in words.items())
    last = f" WHEN {raw} IS NOT NULL THEN {literal(others)}" if others else ""
    if last:
        matched = " ".join(
            f"WHEN {raw} = {literal(word)} THEN {literal(code)}" for word, code in words.items()
        )
        return f"(CASE {matched}{last} END)"
    return f"(CASE {raw} {cases} END)"
