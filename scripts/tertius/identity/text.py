"""Plain text of names: one width, one case, one script, no accents, no punctuation."""

from __future__ import annotations

import re
import unicodedata

from tertius.registry.lexicon import Lexicon

EAST_ASIAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_EAST_ASIAN_LETTER = re.compile(f"[{EAST_ASIAN}]")
_EAST_ASIAN_GAP = re.compile(f"(?<=[{EAST_ASIAN}])\\s+(?=[{EAST_ASIAN}])")
_INITIAL = re.compile(r"(?<![^\W_])([^\W_])\.(?=[^\W_](?![^\W_]))")
_NO_WORD = re.compile(r"[\W_]+")
_ACCENT = re.compile("[\u0300-\u036f]")
_APOSTROPHES = str.maketrans("", "", "'’`´ʹ")
_ELISION = re.compile(r"(?<=[\w,][\s(\-])(?:[dDlL]|[dD]ell)\s?['’´`]\s?(?=\w)")
_LOST = re.compile(r"(?<=[^\W\d_])[?\ufffd](?=[^\W\d_]|\b|\s|$)|(?<!\S)[?\ufffd](?=[^\W\d_]{2})")
LOST_LETTER = "ʔ"
"""Stands for a letter that an export turned into a question mark."""
_PUNCTUATION = {code: " " for code in range(128) if not chr(code).isalnum()}
_MARKUP = re.compile(r"<[^>]{1,8}>")


def plain_text(name: str) -> str:
    """The name in NFKC, without case, accents of Latin letters, apostrophes and double spaces."""
    if name.isascii():
        return " ".join(name.lower().translate(_APOSTROPHES).split())
    folded = unicodedata.normalize("NFKC", name).casefold()
    bare = _ACCENT.sub("", unicodedata.normalize("NFD", folded))
    return " ".join(unicodedata.normalize("NFC", bare).translate(_APOSTROPHES).split())


def person_key(name: str) -> str:
    """Key of a person's name: plain text with single spaces in the place of punctuation.

    The order of the words stays; empty when the name has no letter or digit.
    """
    return " ".join(_NO_WORD.sub(" ", plain_text(name)).split())


def is_east_asian(text: str) -> bool:
    """Whether a text holds Chinese, Japanese or Korean letters."""
    return not text.isascii() and bool(_EAST_ASIAN_LETTER.search(text))


def slug(key: str) -> str:
    """A key as an id: words joined by hyphens."""
    return key.replace(" ", "-")


class Alphabet:
    """Turns names into plain text in Latin letters, simplified characters, kana and hangul.

    Cyrillic, Greek and special Latin letters are transliterated; traditional and Japanese forms of
    characters become simplified ones. Applying it twice changes nothing.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._letters = str.maketrans(dict(lexicon.letters))

    def text(self, name: str) -> str:
        """Plain text with punctuation; gaps between East Asian letters are closed.

        The French and Italian articles before an apostrophe go, except at the start of a name.
        """
        if "'" in name or "’" in name or "´" in name or "`" in name:
            name = _ELISION.sub(" ", name)
        if "?" in name or "\ufffd" in name:
            name = _LOST.sub(LOST_LETTER, name)
        text = plain_text(name)
        if text.isascii():
            return text
        text = plain_text(text.translate(self._letters))
        return _EAST_ASIAN_GAP.sub("", text)


def words_of(text: str) -> list[str]:
    """Words of a text: runs of letters and digits; initials with full stops are one word."""
    if "." in text:
        text = _INITIAL.sub(r"\1", text)
    if "<" in text:
        text = _MARKUP.sub(" ", text)
    spaced = text.translate(_PUNCTUATION) if text.isascii() else _NO_WORD.sub(" ", text)
    words = spaced.split()
    return _joined_initials(words) if any(len(word) == 1 for word in words) else words


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
