"""What kind of organisation (or person) a name belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tertius.identity.names import Reader
from tertius.identity.text import is_east_asian, plain_text, words_of

ORDER = (
    "other",
    "hospital",
    "intermediary",
    "government",
    "university",
    "institute",
    "finance",
)
"""Types in the order in which their words are looked for; what is left is a person or a firm."""

_UNIVERSITY_COMPANY = re.compile(
    r"\b(?:research|res|innovation|tech|technology|ventures|economic|enterprises?|development|dev)\b"
)
_UNIVERSITY = re.compile(r"\b(?:univ|universit\w*|college)\b|大学")
_FOUNDATION = re.compile(r"\b(?:found|foundation|office of)\b")
_NAME = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*\.?$")
_NO_COMPANY = frozenset(("the", "ev", "法人", "soc", "cie", "publ", "stichting"))
_HAN_NAME = re.compile("[\u4e00-\u9fff]{2,4}$")


class TypeReader:
    """Tells the type of an organisation from its name and from what its source says."""

    def __init__(self, reader: Reader) -> None:
        lexicon = reader.lexicon
        self._reader = reader
        self._known = {reader.key(name): kind for name, kind in lexicon.known_types.items()}
        self._latin = {
            (kind, strength): _pattern(
                (word, place)
                for k, word, place, s in lexicon.type_words
                if k == kind and s == strength and not place.startswith("han")
            )
            for kind in ORDER
            for strength in ("strong", "weak")
        }
        self._han = {
            (kind, strength): _han_pattern(
                (word, place)
                for k, word, place, s in lexicon.type_words
                if k == kind and s == strength and place.startswith("han")
            )
            for kind in ORDER
            for strength in ("strong", "weak")
        }
        self._words = lexicon.generic_words | frozenset(
            word for long in lexicon.abbreviations for word in long.split()
        )
        self._given, self._surnames = lexicon.given, lexicon.surnames
        self._surnames_han = lexicon.surnames_han

    def type_of(self, name: str, told: str | None = None, is_inventor: bool = False) -> str:
        """Type of the bearer of a name.

        Args:
            name: as written.
            told: the type that the source gives; it wins.
            is_inventor: whether the name is an inventor's somewhere in the source.

        Returns:
            other | hospital | intermediary | government | university | institute | finance |
            person | firm. A name with a company's legal form is a firm unless a strong word of
            another type stands in it.
        """
        if told is not None:
            return told
        parsed = self._reader.parse(name)
        if parsed.key in self._known:
            return self._known[parsed.key]
        company = bool(set(parsed.forms) - _NO_COMPANY)
        kind = self._organisation(name, parsed.key, company)
        if kind is not None:
            return kind
        if not company and (is_inventor or self.is_person(name)):
            return "person"
        return "firm"

    def _organisation(self, name: str, key: str, company: bool) -> str | None:
        han = is_east_asian(key)
        text = self._reader.text(name) if han else " ".join(words_of(self._reader.text(name)))
        patterns = self._han if han else self._latin
        subject = key if han else text
        university = bool(_UNIVERSITY.search(text))
        if university and company:
            return "intermediary" if _UNIVERSITY_COMPANY.search(text) else "university"
        if university and not han and _FOUNDATION.search(text):
            return "intermediary"
        strengths = ("strong",) if company else ("strong", "weak")
        for kind in ORDER:
            for strength in strengths:
                pattern = patterns[kind, strength]
                if pattern is not None and pattern.search(subject):
                    return kind
        return None

    def is_person(self, name: str) -> bool:
        """Whether a name reads like a person's: given names, initials, surname in capitals."""
        if is_east_asian(name):
            return bool(_HAN_NAME.match(name)) and name[0] in self._surnames_han and len(name) < 4
        if any(letter.isdigit() for letter in name) or "&" in name:
            return False
        parts = re.split(r"[\s,;]+", name.strip())
        if not 2 <= len(parts) <= 5 or not all(_NAME.match(part) for part in parts if part):
            return False
        words = [plain_text(part).strip(".") for part in parts if part]
        if any(word in self._words for word in words if len(word) > 1):
            return self._split_name(name, words)
        return self._reads_like_a_person(parts, words)

    def _split_name(self, name: str, words: list[str]) -> bool:
        return (";" in name or "," in name) and any(w in self._given for w in words)

    def _reads_like_a_person(self, parts: list[str], words: list[str]) -> bool:
        initials = [w for w in words[1:] if len(w) == 1]
        capital = len(parts[0]) > 1 and parts[0].isupper()
        mixed = capital and all(
            p[:1].isupper() and not p.isupper() for p in parts[1:] if len(p) > 2
        )
        given = any(word in self._given for part in words for word in part.split("-"))
        surname = any(word in self._surnames for word in words)
        if given or (mixed and len(parts[1]) > 1):
            return True
        return bool(initials) or (surname and len(words) <= 3)


def _pattern(words: Iterable[tuple[str, str]]) -> re.Pattern[str] | None:
    parts = []
    for word, place in words:
        text = " ".join(
            r"\S+(?: \S+){0,3}" if part == "*" else re.escape(part).replace(r"\*", r"\w*")
            for part in word.split()
        )
        before = "^" if place == "start" else r"\b"
        parts.append(before + text + ("$" if place == "end" else r"\b"))
    return re.compile("|".join(parts)) if parts else None


def _han_pattern(words: Iterable[tuple[str, str]]) -> re.Pattern[str] | None:
    parts = [re.escape(word) + ("$" if place == "han_end" else "") for word, place in words]
    return re.compile("|".join(parts)) if parts else None
