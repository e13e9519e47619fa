"""The tables behind identity (config/identity): read, checked, held as plain values."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tertius.problems import Problems, did_you_mean
from tertius.tables import ORGANISATION_TYPES

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "abbreviations": ("word", "short"),
    "aliases": ("name", "same_as", "reason"),
    "generic_words": ("word",),
    "known_types": ("name", "type", "reason"),
    "legal_forms": ("form", "language", "areas", "place", "short"),
    "overrides": ("name_a", "name_b", "decision", "reason"),
    "parents": ("name", "parent", "from_year", "to_year", "share", "controls", "reason"),
    "person_names": ("name", "kind"),
    "simplified": ("traditional", "simplified"),
    "stop_words": ("word",),
    "transliteration": ("letter", "latin", "script"),
    "type_words": ("type", "word", "place", "language", "strength"),
}
"""The files of `config/identity` and their columns."""

CODES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("legal_forms", "place"): ("start", "end", "any", "han_start", "han_end", "han_any"),
    ("person_names", "kind"): ("given", "surname", "surname_han"),
    ("type_words", "place"): ("word", "start", "end", "han", "han_end"),
    ("type_words", "strength"): ("strong", "weak"),
    ("type_words", "type"): ORGANISATION_TYPES,
    ("known_types", "type"): ORGANISATION_TYPES,
    ("overrides", "decision"): ("same", "different"),
    ("parents", "controls"): ("yes", "no"),
}
MAY_BE_EMPTY = {
    ("abbreviations", "short"),
    ("legal_forms", "areas"),
    ("transliteration", "latin"),
    *(("parents", column) for column in ("from_year", "to_year", "share", "controls")),
}
KEYS: Mapping[str, tuple[str, ...]] = {
    "abbreviations": ("word",),
    "aliases": ("name",),
    "generic_words": ("word",),
    "known_types": ("name",),
    "legal_forms": ("form", "place"),
    "parents": ("name", "parent", "from_year"),
    "person_names": ("name", "kind"),
    "simplified": ("traditional",),
    "stop_words": ("word",),
    "transliteration": ("letter",),
}

Row = Mapping[str, str]


@dataclass(frozen=True)
class LegalForm:
    """A legal form.

    Attributes:
        form: its words as they stand in plain text (lower case, no accents, no punctuation).
        areas: codes of the laws it may stand for; empty: it tells nothing.
        place: start | end | any | han_start | han_end | han_any.
        short: the form that stands for all its spellings.
    """

    form: str
    areas: frozenset[str]
    place: str
    short: str


@dataclass(frozen=True)
class Decision:
    """A decision of a person on two names, with its reason."""

    name_a: str
    name_b: str
    same: bool
    reason: str


@dataclass(frozen=True)
class Parent:
    """An owner: first and last year, share in [0, 1], control (None: unknown)."""

    name: str
    parent: str
    from_year: int | None
    to_year: int | None
    share: float | None
    controls: bool | None


@dataclass(frozen=True)
class Lexicon:
    """Everything that identity knows about words; see `config/identity`.

    Attributes:
        letters: letter -> Latin letters, traditional -> simplified character.
        legal_forms: in the order of the file.
        abbreviations: words (one or several) -> the short form that stands for them.
        stop_words: words that do not tell names apart.
        generic_words: words of many names; one of them is never a misspelling of another.
        aliases: (name, same_as, reason): other names of one organisation.
        type_words: (type, word, place, strength).
        known_types: name -> type.
        parents: owners with their years.
        given, surnames, surnames_han: names of persons.
        decisions: overrides; they win over every rule.
    """

    letters: Mapping[str, str]
    legal_forms: tuple[LegalForm, ...]
    abbreviations: Mapping[str, str]
    stop_words: frozenset[str]
    generic_words: frozenset[str]
    aliases: tuple[tuple[str, str, str], ...]
    type_words: tuple[tuple[str, str, str, str], ...]
    known_types: Mapping[str, str]
    parents: tuple[Parent, ...]
    given: frozenset[str]
    surnames: frozenset[str]
    surnames_han: frozenset[str]
    decisions: tuple[Decision, ...]


def load_lexicon(folder: Path, decisions: Path | None = None) -> Lexicon:
    """Read and check all tables of `config/identity`.

    Args:
        folder: the folder of the tables.
        decisions: a study's own decisions (a review file with its column `decision` filled in);
            rows without a decision are passed over.

    Raises:
        InputError: missing files and columns, unknown codes, empty cells, repeated keys, letters
            that are not one letter, chains (a short form or simplified character that is itself
            replaced), decisions without a reason or against each other.
    """
    problems = Problems()
    rows = {name: _rows(folder / f"{name}.csv", name, problems) for name in COLUMNS}
    _check_chains(rows["simplified"], "traditional", "simplified", problems)
    _check_shorts(rows["abbreviations"], problems)
    _check_parents(rows["parents"], problems)
    for name, column in (("simplified", "traditional"), ("transliteration", "letter")):
        for row in rows[name]:
            if len(row[column]) != 1:
                problems.add(f"{name}.csv", f"{row[column]!r} is not one character")
    decided = [_decision(row) for row in rows["overrides"]]
    if decisions is not None:
        decided += _study_decisions(decisions, problems)
    _check_decisions(decided, problems)
    problems.raise_if_any()
    return _lexicon(rows, decided)


def _lexicon(rows: Mapping[str, Sequence[Row]], decided: Sequence[Decision]) -> Lexicon:
    letters = {row["letter"]: row["latin"] for row in rows["transliteration"]}
    letters |= {row["traditional"]: row["simplified"] for row in rows["simplified"]}
    names: dict[str, frozenset[str]] = {
        kind: frozenset(row["name"] for row in rows["person_names"] if row["kind"] == kind)
        for kind in CODES["person_names", "kind"]
    }
    return Lexicon(
        letters=letters,
        legal_forms=tuple(
            LegalForm(row["form"], frozenset(row["areas"].split()), row["place"], row["short"])
            for row in rows["legal_forms"]
        ),
        abbreviations={row["word"]: row["short"] for row in rows["abbreviations"]},
        stop_words=frozenset(row["word"] for row in rows["stop_words"]),
        generic_words=frozenset(row["word"] for row in rows["generic_words"]),
        aliases=tuple((row["name"], row["same_as"], row["reason"]) for row in rows["aliases"]),
        type_words=tuple(
            (row["type"], row["word"], row["place"], row["strength"]) for row in rows["type_words"]
        ),
        parents=tuple(_parent(row) for row in rows["parents"]),
        known_types={row["name"]: row["type"] for row in rows["known_types"]},
        given=names["given"],
        surnames=names["surname"],
        surnames_han=names["surname_han"],
        decisions=tuple(sorted(set(decided), key=lambda d: (d.name_a, d.name_b, d.reason))),
    )


def _rows(path: Path, name: str, problems: Problems) -> list[Row]:
    wanted = COLUMNS[name]
    rows = _read(path, problems)
    missing = [column for column in wanted if rows and column not in rows[0]]
    if missing:
        problems.add(path.name, f"column {missing[0]!r} is missing", f"columns: {wanted}")
        return []
    for number, row in enumerate(rows, 2):
        for column in wanted:
            value, known = row[column], CODES.get((name, column))
            where = f"{path.name}, line {number}, {column}"
            if not value and (name, column) not in MAY_BE_EMPTY:
                problems.add(where, "the cell is empty")
            elif known and value and value not in known:
                problems.add(where, f"{value!r} is not known", did_you_mean(value, known))
    _check_keys(rows, name, path.name, problems)
    return rows


def _read(path: Path, problems: Problems) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        problems.add(str(path), "the file is missing")
        return []
    except UnicodeDecodeError:
        problems.add(str(path), "the file is not UTF-8", "save it as UTF-8")
        return []
    ragged = [k for k, row in enumerate(rows, 2) if None in row or None in row.values()]
    for number in ragged:
        problems.add(f"{path.name}, line {number}", "too many or too few cells")
    return [row for k, row in enumerate(rows, 2) if k not in ragged]


def _check_keys(rows: Sequence[Row], name: str, origin: str, problems: Problems) -> None:
    seen: set[tuple[str, ...]] = set()
    for number, row in enumerate(rows, 2):
        if name in KEYS:
            key = tuple(row[column] for column in KEYS[name])
            if key in seen:
                problems.add(f"{origin}, line {number}", f"{' '.join(key)!r} stands twice")
            seen.add(key)


def _check_chains(rows: Sequence[Row], old: str, new: str, problems: Problems) -> None:
    replaced = {row[old] for row in rows}
    for row in rows:
        if row[new] in replaced:
            problems.add(f"{new}.csv", f"{row[new]!r} stands on both sides", "map to the end")


def _check_shorts(rows: Sequence[Row], problems: Problems) -> None:
    words = {row["word"] for row in rows}
    for row in rows:
        for short in row["short"].split():
            if short in words and short != row["word"]:
                what = f"{short!r}, short for {row['word']!r}, is itself shortened"
                problems.add("abbreviations.csv", what, "use the end of the chain")


def _check_parents(rows: Sequence[Row], problems: Problems) -> None:
    for number, row in enumerate(rows, 2):
        where = f"parents.csv, line {number}"
        years = [row[column] for column in ("from_year", "to_year")]
        if not all(not year or (year.isdigit() and len(year) == 4) for year in years):
            problems.add(where, f"{years} are not two years", "four digits or nothing")
        elif all(years) and years[0] > years[1]:
            problems.add(where, f"{years[0]} is after {years[1]}")
        try:
            share = float(row["share"] or 0.0)
        except ValueError:
            share = -1.0
        if not 0.0 <= share <= 1.0:
            problems.add(where, f"share {row['share']!r} is not in [0, 1]", "a share, no per cent")


def _parent(row: Row) -> Parent:
    first, last, share = row["from_year"], row["to_year"], row["share"]
    return Parent(
        row["name"],
        row["parent"],
        int(first) if first else None,
        int(last) if last else None,
        float(share) if share else None,
        {"yes": True, "no": False}.get(row["controls"]),
    )


def _decision(row: Row) -> Decision:
    a, b = sorted((row["name_a"], row["name_b"]))
    return Decision(a, b, row["decision"] == "same", row["reason"])


def _study_decisions(path: Path, problems: Problems) -> Iterator[Decision]:
    for number, row in enumerate(_read(path, problems), 2):
        where = f"{path}, line {number}"
        decision = (row.get("decision") or "").strip()
        if not {"name_a", "name_b", "decision", "reason"} <= row.keys():
            problems.add(str(path), "columns name_a, name_b, decision, reason are needed")
            return
        if decision and decision not in CODES["overrides", "decision"]:
            problems.add(where, f"decision {decision!r} is not known", "same, different or empty")
        elif decision and not row["reason"].strip():
            problems.add(where, "the decision has no reason", "say why in the column reason")
        elif decision:
            yield _decision({**row, "decision": decision})


def _check_decisions(decided: Sequence[Decision], problems: Problems) -> None:
    known: dict[tuple[str, str], bool] = {}
    for decision in decided:
        pair = (decision.name_a, decision.name_b)
        if pair[0] == pair[1] and not decision.same:
            problems.add("decisions", f"{pair[0]!r} cannot differ from itself")
        if known.setdefault(pair, decision.same) != decision.same:
            problems.add("decisions", f"{pair[0]!r} and {pair[1]!r} are same and different")
