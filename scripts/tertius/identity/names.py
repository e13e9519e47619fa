"""Keys of names: what is left of a name without case, accents, punctuation and legal form."""

from __future__ import annotations

import re
import unicodedata

from tertius.identity.words import (
    ABBREVIATIONS,
    EAST_ASIAN_FORMS,
    LEADING,
    LEGAL_FORMS,
    LEGAL_PHRASES,
    TYPE_WORDS,
)

EAST_ASIAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_EAST_ASIAN_GAP = re.compile(f"(?<=[{EAST_ASIAN}])\\s+(?=[{EAST_ASIAN}])")
_EAST_ASIAN_LETTER = re.compile(f"[{EAST_ASIAN}]")
_EAST_ASIAN_FORMS = [re.compile(pattern) for pattern in EAST_ASIAN_FORMS]
_INITIAL = re.compile(r"(?<![^\W_])([^\W_])\.(?=[^\W_](?![^\W_]))")
_NO_WORD = re.compile(r"[\W_]+")
_ACCENT = re.compile("[\u0300-\u036f]")
_PHRASES = re.compile(r"\b(?:" + "|".join(LEGAL_PHRASES) + r")\b")
_TYPES = [(kind, re.compile(pattern)) for kind, pattern in TYPE_WORDS]


def plain_text(name: str) -> str:
    """The name in NFKC, without case, accents of Latin letters, apostrophes and double spaces."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    bare = _ACCENT.sub("", unicodedata.normalize("NFD", folded))
    return " ".join(re.sub("['’`´]", "", unicodedata.normalize("NFC", bare)).split())


def person_key(name: str) -> str:
    """Key of a person's name: plain text with single spaces in the place of punctuation.

    The order of the words stays; empty when the name has no letter or digit.
    """
    return " ".join(_NO_WORD.sub(" ", plain_text(name)).split())


def organisation_key(name: str) -> str:
    """Key under which spellings of one organisation's name are the same.

    Case, accents, punctuation, `and`, the legal form (Latin, Chinese, Japanese, Korean) and common
    abbreviations do not count; the order of words does. A name that is nothing but legal form
    keeps it; a number is its own key. Idempotent.

    Returns:
        Words separated by single spaces; empty when the name has no letter or digit.
    """
    if name.isascii() and name.isdigit():
        return name
    key, before = _key(name), ""
    while key != before:
        before, key = key, _key(key)
    return key


def _key(name: str) -> str:
    text = _INITIAL.sub(r"\1", plain_text(name))
    text = _without_east_asian_form(_EAST_ASIAN_GAP.sub("", text))
    words = [word for word in _NO_WORD.sub(" ", text).split() if word != "and"]
    joined = _EAST_ASIAN_GAP.sub("", " ".join(_joined_initials(words)))
    shortened = _PHRASES.sub(" ", joined).split() or joined.split()
    bare = _without_legal_form(shortened)
    return " ".join(ABBREVIATIONS.get(word, word) for word in bare)


def _without_east_asian_form(text: str) -> str:
    for pattern in _EAST_ASIAN_FORMS:
        bare = pattern.sub("", text).strip()
        text = bare or text
    return text


def _joined_initials(words: list[str]) -> list[str]:
    """Runs of single Latin letters as one word: `s r l` is `srl`."""
    joined: list[str] = []
    open_run = False
    for word in words:
        single = len(word) == 1 and "a" <= word <= "z"
        if single and open_run:
            joined[-1] += word
        else:
            joined.append(word)
        open_run = single
    return joined


def _without_legal_form(words: list[str]) -> list[str]:
    start, end = 0, len(words)
    while end > 1 and words[end - 1] in LEGAL_FORMS:
        end -= 1
    while start < end - 1 and words[start] in LEADING:
        start += 1
    return words[start:end]


def has_legal_form(name: str) -> bool:
    """Whether the name ends in a company's legal form."""
    text = _INITIAL.sub(r"\1", plain_text(name))
    words = _joined_initials(_NO_WORD.sub(" ", text).split())
    east_asian = _without_east_asian_form(_EAST_ASIAN_GAP.sub("", text)) != text
    return east_asian or (len(words) > 1 and words[-1] in LEGAL_FORMS)


def is_east_asian(key: str) -> bool:
    """Whether a key holds Chinese, Japanese or Korean letters."""
    return bool(_EAST_ASIAN_LETTER.search(key))


def guessed_type(name: str) -> str:
    """Type of an organisation from its name alone: firm unless its words say otherwise.

    A name with a company's legal form is a firm whatever its other words, except a hospital's.
    """
    key = organisation_key(name)
    for kind, pattern in _TYPES:
        if pattern.search(key) and (kind == "hospital" or not has_legal_form(name)):
            return kind
    return "firm"


def slug(key: str) -> str:
    """A key as an id: words joined by hyphens."""
    return key.replace(" ", "-")
