"""Keys of names: what is left of a name without case, accents, punctuation and legal form."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from tertius.identity.text import LOST_LETTER, Alphabet, is_east_asian, words_of
from tertius.registry.lexicon import LegalForm, Lexicon

LONG_WORD = 8
"""Words of so many letters are read as the known word that they misspell."""

_COMMA_PART = re.compile(
    r"[,;]\s*(?:dept|departments?|departement|departamento|dipartimento|faculty|faculte|facultad"
    r"|fakultat|school of|college of|lab(?:oratory)? (?:of|for)|institut\w* (?:fur|de|of)|chair of)"
    r"\b.*$"
)
_TAILS = (
    re.compile(r"\b(?:a|an) (?:subsidiary|division|unit) of\b.*$"),
    re.compile(r"(?<=\S)\s+(?:through its|d/?b/?a|doing business as|agent)\b.*$"),
)
_TAIL_WORDS = re.compile("subsidiary|division|unit of|through its|d/?b/?a|business as|agent")
_HAN_TAILS = (
    re.compile(r"^(.*大学)(?:[^大]{1,14}(?:学院|系|部|研究所|实验室|研究中心))$"),
    re.compile(r"^(.*대학교)[^대]{1,8}(?:대학|학부|학과|연구소)$"),
    re.compile(r"^(.*医院)[^院]{1,6}科$"),
    re.compile(r"^(.*公司)[^公]{1,10}分公司$"),
)
_HAN_HEADQUARTERS = re.compile(r"\((?:总部|集团|本社|本部)\)")
_OWN_UNITS = re.compile("附属|医院|独立|继续教育")
_GOVERNANCE = frozenset(
    word
    for words in (
        ("regents", "regent", "trustees", "curators", "board", "president", "fellows", "court"),
        ("governors", "body", "corporate", "corp", "corporation", "nat", "sys"),
    )
    for word in words
)
ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_UNIVERSITY = frozenset(("univ",))


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a name says.

    Attributes:
        name: as written.
        key: words that matter, in order; names with one key differ in the legal form at most.
        words: the words of the key that tell organisations apart, in order.
        core: the same, sorted.
        numbers: those among them that are numbers, sorted; small Roman ones as Arabic ones.
        forms: short legal forms, the outer one first.
        areas: laws under which the outer form may stand; empty when the form tells nothing.
        han: whether the name is East Asian.
    """

    name: str
    key: str
    words: tuple[str, ...]
    core: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    areas: frozenset[str] = field(default_factory=frozenset)
    han: bool = False

    def conflicts(self, other: Parsed) -> bool:
        """Whether the legal forms of two names belong to different laws."""
        return bool(self.areas and other.areas and not self.areas & other.areas)


class Reader:
    """Reads names by the rules of a lexicon; the same name always reads the same."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._alphabet = Alphabet(lexicon)
        self._ends = _by_words(lexicon.legal_forms, ("end", "any"))
        self._starts = _by_words(lexicon.legal_forms, ("start",))
        self._anywhere = {
            tuple(form.form.split()): form for form in lexicon.legal_forms if form.place == "any"
        }
        self._lasts = frozenset(form[-1] for form in self._ends)
        self._firsts = frozenset(form[0] for form in self._starts)
        self._longest = max((len(k) for k in (*self._ends, *self._starts)), default=1)
        self._han = [_han_form(form) for form in _longest_first(lexicon.legal_forms)]
        self._single = {k: v for k, v in lexicon.abbreviations.items() if " " not in k}
        self._vocabulary = sorted({*self._single, *lexicon.generic_words})
        self._long: dict[str, list[str]] = defaultdict(list)
        for word in sorted(self._single):
            if len(word) >= LONG_WORD - 1:
                self._long[word[0] + word[-1]].append(word)
        self._spelled: dict[str, str] = {}
        phrases = {k: v for k, v in lexicon.abbreviations.items() if " " in k}
        self._phrases = phrases
        self._heads = frozenset(phrase.split()[0] for phrase in phrases)
        self._phrase = re.compile(
            r"\b(?:" + "|".join(sorted(map(re.escape, phrases), key=lambda p: (-len(p), p)))
            + r")\b"
        )  # fmt: skip

    def text(self, name: str) -> str:
        """Plain text of the name in one script, with its punctuation."""
        return self._alphabet.text(name)

    def key(self, name: str) -> str:
        """Key under which spellings of one organisation's name are the same.

        Case, accents, punctuation, `and`, script, legal form, departments and common abbreviations
        do not count; the order of words does. A name that is nothing but legal form keeps it; a
        number is its own key. Idempotent. Empty when the name has no letter or digit.
        """
        return self.parse(name).key

    def parse(self, name: str) -> Parsed:
        """The key of a name, the words that tell it apart and its legal form."""
        if name.isascii() and name.isdigit():
            return Parsed(name, name, (name,), (name,), (name,))
        key, forms, areas = self._once(name)
        for _ in range(0 if self._is_settled(key) else 8):
            again, _, _ = self._once(key)
            if again == key:
                break
            key = again
        words, han = self._telling(key), is_east_asian(key)
        numbers = () if han else _numbers(words)
        core = tuple(sorted(words))
        core = words if core == words else core  # one tuple in place of two equal ones
        return Parsed(name, key, words, core, numbers, forms, areas, han)

    def _is_settled(self, key: str) -> bool:
        """Whether plainly no rule applies to a key any more; spares most names a second reading."""
        words = key.split()
        return (
            key.isascii()
            and bool(words)
            and all(len(word) > 2 and word != "and" for word in words)
            and self._heads.isdisjoint(words)
            and words[-1] not in self._lasts
            and words[0] not in self._firsts
            and (len(words) < 2 or words[-2] not in self._lasts)
            and all(self._short(word) == word for word in words)
            and _TAIL_WORDS.search(key) is None
        )

    def _once(self, name: str) -> tuple[str, tuple[str, ...], frozenset[str]]:
        text = self.text(name)
        forms: list[LegalForm] = []
        if is_east_asian(text):
            text, forms = self._without_han_form(text)
        else:
            text = _without_tail(text)
        words = [word for word in words_of(text) if word != "and"]
        if len(words) > 1 and not self._heads.isdisjoint(words):
            words = self._shorter_phrases(words)
        bare, latin = self._without_form(words)
        forms += latin
        short = [w for word in bare for w in self._short(word).split()] or bare
        areas = (
            forms[0].areas
            if len(forms) == 1
            else frozenset[str]().union(*(form.areas for form in forms))
        )
        if len(short) > 1:
            inner = [self._anywhere[(w,)].areas for w in short if (w,) in self._anywhere]
            areas = areas.union(*inner)
        return " ".join(short), tuple(form.short for form in forms), areas

    def _short(self, word: str) -> str:
        """The short form of a word; a misspelt long word is read as the word it is near to."""
        found = self._single.get(word)
        if found is not None:
            return found
        if LOST_LETTER in word:
            return self._restored(word)
        if len(word) < LONG_WORD or not word.isascii() or not word.isalpha():
            return word
        if word not in self._spelled:
            self._spelled[word] = self._respelled(word)
        return self._spelled[word]

    def _restored(self, word: str) -> str:
        pattern = re.compile(word.replace(LOST_LETTER, "."))
        known = next((w for w in self._vocabulary if pattern.fullmatch(w)), None)
        bare = word.replace(LOST_LETTER, "")
        return self._single.get(known, known) if known is not None else bare

    def _respelled(self, word: str) -> str:
        """The short form of the known word with the same letters but one more, less or swapped."""
        near = [
            known
            for known in self._long.get(word[0] + word[-1], ())
            if abs(len(known) - len(word)) <= 1
            and (len(known) != len(word) or sorted(known) == sorted(word))
            and OSA.distance(known, word, score_cutoff=1) == 1
        ]
        return self._single[near[0]] if near else word

    def _shorter_phrases(self, words: list[str]) -> list[str]:
        joined = " ".join(words)
        short = self._phrase.sub(lambda found: self._phrases[found[0]], joined).split()
        return short or words

    def _without_han_form(self, text: str) -> tuple[str, list[LegalForm]]:
        found: list[LegalForm] = []
        text = _HAN_HEADQUARTERS.sub("", text)
        for pattern in _HAN_TAILS:
            match = pattern.match(text)
            if match and not _OWN_UNITS.search(text[match.end(1) :]):
                text = match[1]
        for pattern, form in self._han:
            bare = pattern.sub("", text).strip()
            if not bare:
                break
            if bare != text:
                text, found = bare, [*found, form]
        return text, found

    def _without_form(self, words: list[str]) -> tuple[list[str], list[LegalForm]]:
        forms: list[LegalForm] = []
        found: LegalForm | None = None
        while (end := _ending(words, self._ends, self._longest)) is not None:
            found, words = end
            forms.append(found)
        while (start := _beginning(words, self._starts, self._longest)) is not None:
            found, words = start
            forms.append(found)
        if len(words) > 2 and len(words[-1]) <= 2 and (words[-2],) in self._ends:
            forms.append(self._ends[(words[-2],)])
            words = [*words[:-2], words[-1]]
        return words, forms

    def _telling(self, key: str) -> tuple[str, ...]:
        words = key.split()
        telling = [
            w for w in words if w not in self.lexicon.stop_words and w not in ("co", "company")
        ]
        telling = [w for w in telling if (w,) not in self._anywhere] or telling or words
        if _UNIVERSITY & set(telling):
            # Norwegian `i` (in) stands in names of universities; elsewhere it is an initial.
            telling = [w for w in telling if w not in _GOVERNANCE and w != "i"] or telling
            telling = [*dict.fromkeys(telling)]
        return tuple(map(sys.intern, telling))


def _numbers(words: Iterable[str]) -> tuple[str, ...]:
    found = [w for w in words if not w.isalpha() or w in ROMAN]
    return tuple(sorted(ROMAN.get(w, w) for w in found)) if found else ()


def _by_words(
    forms: Iterable[LegalForm], places: Sequence[str]
) -> Mapping[tuple[str, ...], LegalForm]:
    return {tuple(form.form.split()): form for form in forms if form.place in places}


def _ending(
    words: list[str], ends: Mapping[tuple[str, ...], LegalForm], longest: int
) -> tuple[LegalForm, list[str]] | None:
    for length in range(min(longest, len(words) - 1), 0, -1):
        form = ends.get(tuple(words[-length:]))
        if form is not None:
            return form, words[:-length]
    return None


def _beginning(
    words: list[str], starts: Mapping[tuple[str, ...], LegalForm], longest: int
) -> tuple[LegalForm, list[str]] | None:
    for length in range(min(longest, len(words) - 1), 0, -1):
        form = starts.get(tuple(words[:length]))
        if form is not None:
            return form, words[length:]
    return None


def _longest_first(forms: Iterable[LegalForm]) -> list[LegalForm]:
    han = [form for form in forms if form.place.startswith("han_")]
    return sorted(han, key=lambda form: (-len(form.form), form.form))


def _han_form(form: LegalForm) -> tuple[re.Pattern[str], LegalForm]:
    text = re.escape(form.form)
    if form.place == "han_start":
        return re.compile(f"^{text}(?=.{{2}})"), form
    if form.place == "han_any":
        return re.compile(f"^{text}|{text}$"), form
    return re.compile(f"(?<!分){text}$"), form


def _without_tail(text: str) -> str:
    for pattern in _TAILS if _TAIL_WORDS.search(text) else ():
        bare = pattern.sub("", text).strip(" ,;(")
        text = bare if len(bare) > 2 else text
    if ("univ" in text or "hochschule" in text or "hospital" in text) and ("," in text):
        text = _COMMA_PART.sub("", text)
    return text
