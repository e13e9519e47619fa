"""Are two names one organisation? A score with its reasons, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from tertius.identity.names import ROMAN, Parsed
from tertius.registry.lexicon import Lexicon

MERGE_AT = 90.0
"""Least score at which two names are merged."""
SHOW_AT = 75.0
"""Pairs from here to `MERGE_AT` are shown for review."""

COSTS: Mapping[str, float] = {
    "order of words": 1.0,
    "spaces": 1.0,
    "one name without legal form": 1.0,
    "legal form changed": 1.0,
    "umlaut": 1.0,
    "plural": 2.0,
    "acronym added": 2.0,
    "initial": 3.0,
    "swapped letters": 3.0,
    "abbreviation": 3.0,
    "place and number of a university": 3.0,
    "national": 5.0,
    "slip beside a telling word": 5.0,
    "letter missing or doubled": 6.0,
    "acronym in the place of words": 6.0,
    "cut off at the end": 8.0,
    "a common word of a long name missing": 8.0,
    "slip in the telling word": 18.0,
}
"""What each difference takes from 100. Tuned on the tuning half of tests/data/identity."""

SHARED_INVENTORS = 2
"""Inventors in common that support a doubtful pair; they give `SUPPORT`."""
SUPPORT = 12.0
FOREIGN = 20.0
"""Taken off when both countries are known and differ."""
SHORTEST_SLIP = 5
LONG_WORD = 7
CUT_OFF = range(26, 33)
"""Lengths at which registers cut names off."""
LONG_NAME = 5
"""Words in common beside which a common word may be missing; `national` beside `LONG_NAME` - 2."""
LARGEST_CAMPUS = 13
"""Universities of one place are numbered up to here (Paris 1-13)."""

_DIGRAPH = re.compile(r"([aou])e(?=\w)")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two names are one, or not.

    Attributes:
        score: 0-100; 0 where a rule forbids the merge.
        why: the differences that were explained, or the one that forbids it.
        veto: whether a rule forbids the merge whatever the similarity.
    """

    score: float
    why: tuple[str, ...] = ()
    veto: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What the records say about a name beside its letters; empty where nothing is known."""

    country: str | None = None
    city: str | None = None
    inventors: frozenset[str] = field(default_factory=frozenset)
    classes: frozenset[str] = field(default_factory=frozenset)


NO_CONTEXT = Context()
UNRELATED = Evidence(0.0, ("different words",))


class Judge:
    """Compares names by the rules of a lexicon; the order of the two does not matter."""

    def __init__(self, lexicon: Lexicon) -> None:
        abbreviations = lexicon.abbreviations
        self._generic = frozenset(
            {
                *lexicon.generic_words,
                *(word for long in abbreviations for word in long.split()),
                *(word for short in abbreviations.values() for word in short.split()),
            }
        )
        self._skip = lexicon.stop_words

    def compare(
        self, a: Parsed, b: Parsed, at: Context = NO_CONTEXT, beside: Context = NO_CONTEXT
    ) -> Evidence:
        """Evidence that `a` and `b` are one organisation, with what the records say of both."""
        if (a.key, a.name) > (b.key, b.name):
            a, b, at, beside = b, a, beside, at
        if a.conflicts(b):
            return Evidence(0.0, ("legal forms of different laws",), True)
        campus = _same_campus(a, b, self._skip)
        if campus:
            return _with_context(_scored(a, b, ["place and number of a university"]), at, beside)
        if a.numbers != b.numbers:
            return UNRELATED if campus is False else Evidence(0.0, ("numbers differ",), True)
        found = self._explained(a, b)
        if found is None:
            return UNRELATED
        return _with_context(_scored(a, b, found), at, beside)

    def alike(self, a: Parsed, b: Parsed) -> bool:
        """Whether the words of two names, numbers aside, are the same."""
        if a.numbers or b.numbers:
            words = [w for w in a.core if w not in a.numbers and w.isalpha()]
            same = words == [w for w in b.core if w not in b.numbers and w.isalpha()]
        else:
            words, same = list(a.core), a.core == b.core
        return same and (a.han or any(w not in self._generic for w in words))

    def _explained(self, a: Parsed, b: Parsed) -> list[str] | None:
        """The differences between two names, each explained; None where one is not."""
        if a.key == b.key:
            return []
        if a.han or b.han:
            return None
        if a.core == b.core:
            return ["order of words"]
        if a.key.replace(" ", "") == b.key.replace(" ", ""):
            return ["spaces"]
        shared, left, right = _shared_and_left(a, b)
        if "".join(left) == "".join(right):
            return ["spaces"]
        if _cut_off(a, b):
            return ["cut off at the end"]
        found = []
        telling = any(w not in self._generic and len(w) > 2 for w in shared)
        for word in list(left):
            best = self._partner(word, right, telling, shared)
            if best is not None:
                other, reason = best
                left.remove(word)
                right.remove(other)
                found.append(reason)
        if not left and not right:
            return found
        last = self._last_difference(a, b, left, right, shared, telling)
        return [*found, last] if last else None

    def _last_difference(
        self,
        a: Parsed,
        b: Parsed,
        left: list[str],
        right: list[str],
        shared: list[str],
        telling: bool,
    ) -> str:
        """Why words of a name have no partner in the other one; empty where nothing explains it."""
        if left and right:
            sides = ((left, b), (right, a))
            stands = any(_stands_for_words(w, other, self._skip) for w, other in sides)
            return "acronym in the place of words" if stands and len(shared) >= 2 else ""
        rest, longer = (left, a) if left else (right, b)
        if len(rest) > 1:
            return ""
        word = rest[0]
        if len(word) == 1 and word not in "ivx":
            return "initial" if telling and len(shared) >= 2 else ""
        if any(_is_acronym(word, name, self._skip) for name in (a, b)):
            return "acronym added"
        if word == "nat" and len(shared) >= LONG_NAME - 2:
            return "national"
        inside = word in longer.words[1:-1] and word in self._generic
        return "a common word of a long name missing" if inside and len(shared) >= LONG_NAME else ""

    def _partner(
        self, word: str, others: list[str], telling: bool, shared: list[str]
    ) -> tuple[str, str] | None:
        found = []
        for other in others:
            reason = self._difference(word, other, telling, shared)
            if reason:
                found.append((COSTS[reason], other, reason))
        return min(found)[1:] if found else None

    def _difference(self, w: str, v: str, telling: bool, shared: list[str]) -> str:
        """How one word may stand for the other; empty when it may not."""
        w, v = sorted((w, v), key=lambda x: (len(x), x))
        if without_digraphs(w) == without_digraphs(v):
            return "umlaut"
        if len(w) == 1:
            return "initial" if v.startswith(w) and telling else ""
        if not (w.isalpha() and v.isalpha()):
            return ""
        if v == w + "s" and len(w) >= 4:
            return "plural" if w in self._generic or telling else ""
        if v.startswith(w) and len(v) - len(w) >= 2:
            common = v in self._generic or len(shared) >= 2
            return "abbreviation" if len(w) >= 3 and telling and common else ""
        return self._slip(w, v, telling)

    def _slip(self, w: str, v: str, telling: bool) -> str:
        if min(len(w), len(v)) < SHORTEST_SLIP or (w in self._generic and v in self._generic):
            return ""
        reordered = len(w) == len(v) and sorted(w) == sorted(v)
        allowed = 2 if reordered and len(w) > LONG_WORD and w[0] == v[0] else 1
        if OSA.distance(w, v, score_cutoff=allowed) > allowed:
            return ""
        if v[:-1] == w and len(w) <= LONG_WORD and w not in self._generic:
            return ""
        if reordered:
            return "swapped letters"
        if w in self._generic or v in self._generic or telling:
            return "slip beside a telling word"
        if len(w) != len(v) and len(w) >= LONG_WORD and v[:-1] != w and v[1:] != w:
            return "letter missing or doubled"
        return "slip in the telling word"


def _scored(a: Parsed, b: Parsed, found: list[str]) -> Evidence:
    reasons = list(found)
    if bool(a.forms) != bool(b.forms):
        reasons.append("one name without legal form")
    elif a.forms and b.forms and a.forms[0] != b.forms[0]:
        reasons.append("legal form changed")
    score = 100.0 - sum(COSTS[reason] for reason in reasons)
    return Evidence(score, tuple(reasons))


def _with_context(found: Evidence, at: Context, beside: Context) -> Evidence:
    score, why = found.score, list(found.why)
    if at.country and beside.country and at.country != beside.country:
        score, why = score - FOREIGN, [*why, "countries differ"]
    doubtful = score < MERGE_AT and "countries differ" not in why
    common = len(at.inventors & beside.inventors)
    same_city = bool(at.city) and at.city == beside.city and at.country == beside.country
    if doubtful and common >= SHARED_INVENTORS:
        score, why = score + SUPPORT, [*why, f"{common} inventors in common"]
    elif doubtful and same_city and at.classes & beside.classes:
        score, why = score + SUPPORT, [*why, "same city and patent class"]
    return Evidence(max(0.0, min(score, 100.0)), tuple(why))


def _shared_and_left(a: Parsed, b: Parsed) -> tuple[list[str], list[str], list[str]]:
    """Words of both names, and those of each that the other lacks, in the order of the names."""
    shared: list[str] = []
    left, right = list(a.words), []
    for word in b.words:
        if word in left:
            left.remove(word)
            shared.append(word)
        else:
            right.append(word)
    return shared, left, right


def without_digraphs(word: str) -> str:
    """A word with a, o, u in the place of ae, oe, ue, except at its end."""
    return _DIGRAPH.sub(r"\1", word)


def _initials(name: Parsed, skip: frozenset[str], without: str) -> tuple[str, str]:
    """Initials of all words of a name but one, and without those that are skipped."""
    full = [w for w in name.key.split() if w != without]
    return "".join(w[0] for w in full), "".join(w[0] for w in full if w not in skip)


def _is_acronym(word: str, whole: Parsed, skip: frozenset[str]) -> bool:
    """Whether a word is made of the initials of a name's other words."""
    return len(word) >= 2 and word in _initials(whole, skip, word)


def _stands_for_words(rest: list[str], whole: Parsed, skip: frozenset[str]) -> bool:
    """Whether the only word left is the first initials of the other name, three at least."""
    if len(rest) != 1 or len(rest[0]) < 3:
        return False
    return any(found.startswith(rest[0]) for found in _initials(whole, skip, rest[0]))


def _campus(name: Parsed) -> tuple[tuple[str, str], frozenset[str]] | None:
    """Place and number of a university (`Lyon 1`), and the words before them but `univ`."""
    words, number = name.words, name.numbers
    if name.han or words[0] != "univ" or len(number) != 1 or not number[0].isdigit():
        return None
    at = next((k for k, w in enumerate(words) if ROMAN.get(w, w) == number[0]), 0)
    if at < 2 or int(number[0]) > LARGEST_CAMPUS:
        return None
    return (words[at - 1], number[0]), frozenset(words[1 : at - 1])


def _same_campus(a: Parsed, b: Parsed, skip: frozenset[str]) -> bool | None:
    """Whether a university's place and number, or its other name, say that both are one.

    French universities have a place and number, a name, or both: `Univ Pierre et Marie Curie
    (Paris 6)` is `Univ Paris VI` and `Univ Pierre et Marie Curie`. None where neither name is of
    this kind or both have another number; False where the one without number tells nothing.
    """
    one, other = _campus(a), _campus(b)
    if one and other:
        return True if one[0] == other[0] else None
    numbered, bare = (one, b) if one else (other, a)
    if numbered is None or bare.numbers or "univ" not in bare.words:
        return None
    rest = frozenset(bare.words) - {"univ"}
    more = rest - numbered[1]
    named = len(numbered[1]) >= 2 and numbered[1] <= rest
    return named and len(more) < 2 and all(_is_acronym(word, bare, skip) for word in more)


def _cut_off(a: Parsed, b: Parsed) -> bool:
    """Whether one name is the other one cut off: where registers cut, or inside a word.

    At such a length the words may be shortened as well (`Consultoria Com` is `Consultoria
    Comercial`).
    """
    short, long = sorted((a, b), key=lambda p: len(p.name))
    if len(short.name) < CUT_OFF.start or len(long.name) == len(short.name):
        return False
    words, whole = short.key.split(), long.key.split()
    if set(short.forms) - {"the"} or len(short.core) < 2:
        return False
    if len(words) > len(whole) or words[0] != whole[0]:
        return False
    *before, last = zip(words, whole, strict=False)
    ends = last[1].startswith(last[0]) or (len(last[1]) > 2 and last[0].startswith(last[1]))
    same = all(w == v for w, v in before)
    if len(short.name) in CUT_OFF:
        shortened = all(v.startswith(w) and (w == v or len(w) >= 3) for w, v in before)
        return ends and (same or shortened)
    return ends and same and last[0] != last[1] and len(words) > 3
