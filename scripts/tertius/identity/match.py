"""Names matched to registered organisations: by id, by name, by key, then by near spelling."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from tertius.identity.names import is_east_asian, organisation_key, slug

SCORE_CUT = 92.0
"""Least similarity (0-100, of words in alphabetical order) at which two keys are one name."""
SHORTEST_FUZZY = 6
"""Keys of fewer letters are compared exactly only."""
BLOCK_ROWS = 2_000
"""Names compared with a block of the register at a time; bounds memory."""

MATCH_SCHEMA = {
    "name": pl.String,
    "key": pl.String,
    "org_id": pl.String,
    "method": pl.String,
    "matched_name": pl.String,
    "score": pl.Float64,
    "n_records": pl.Int64,
}


@dataclass(frozen=True)
class Anchor:
    """A registered organisation that names are matched to."""

    org_id: str
    name: str
    key: str
    given: bool = False
    """Whether the id is the register's own."""


@dataclass(frozen=True)
class Match:
    """Where a name went and why.

    Attributes:
        org_id: the organisation; None while none is found.
        method: id | name | key | slip | fuzzy | ambiguous | vetoed | new.
        matched_name: the registered name.
        score: similarity of the keys, 0-100.
    """

    org_id: str | None
    method: str
    matched_name: str | None = None
    score: float | None = None


def registered(register: pl.DataFrame) -> pl.DataFrame:
    """The register with `org_id` filled and `key`, sorted by name.

    A made id is the slug of the name's key; of the whole name where two names share a key.

    Args:
        register: at least name and org_id (null where the register has none).
    """
    rows = register.sort("name", "org_id", nulls_last=True)
    names = rows["name"].to_list()
    keys = [organisation_key(name) or name for name in names]
    count = Counter(keys)
    taken = set(rows["org_id"].drop_nulls())
    ids = []
    for name, key, given in zip(names, keys, rows["org_id"], strict=True):
        wish = slug(key) if count[key] == 1 else slug(" ".join(name.casefold().split()))
        ids.append(given if given is not None else free_id(wish, taken))
    return rows.with_columns(
        pl.Series("org_id", ids, dtype=pl.String),
        pl.Series("key", keys, dtype=pl.String),
        pl.col("org_id").is_not_null().alias("given"),
    )


def anchors_of(known: pl.DataFrame) -> list[Anchor]:
    """Anchors of a register that went through `registered`."""
    return [Anchor(*row) for row in known.select("org_id", "name", "key", "given").iter_rows()]


def free_id(wish: str, taken: set[str]) -> str:
    """The wished id, numbered from ~2 on where it is taken; notes it as taken."""
    chosen, number = wish, 2
    while chosen in taken:
        chosen, number = f"{wish}~{number}", number + 1
    taken.add(chosen)
    return chosen


def match_names(
    names: Sequence[str], anchors: Sequence[Anchor], cut: float = SCORE_CUT
) -> dict[str, Match]:
    """Match each name to one registered organisation at most.

    Tried in order: the name is a registered id; it is a registered name letter by letter; its key
    is the key of exactly one registered name; its key differs from exactly one key by two
    neighbouring letters that changed places; its key is nearest to exactly one key of the same
    first letter with `fuzz.token_sort_ratio` >= cut (equal numbers in both). The last two are for
    Latin keys of six letters or more.

    Args:
        names: distinct names.
        anchors: the register.
        cut: least similarity.

    Returns:
        A match for every name; method new, ambiguous or vetoed where none was found.
    """
    by_id = {anchor.org_id: anchor for anchor in anchors if anchor.given}
    by_name = {anchor.name: anchor for anchor in anchors}
    by_key: dict[str, list[Anchor]] = defaultdict(list)
    for anchor in anchors:
        by_key[anchor.key].append(anchor)
    found: dict[str, Match] = {}
    waiting: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        key = organisation_key(name)
        exact = by_id.get(name) or by_name.get(name)
        if exact is not None:
            found[name] = Match(exact.org_id, "id" if name in by_id else "name", exact.name, 100.0)
        elif len(by_key.get(key, ())) == 1:
            found[name] = Match(by_key[key][0].org_id, "key", by_key[key][0].name, 100.0)
        elif key in by_key:
            found[name] = Match(None, "ambiguous", by_key[key][0].name, 100.0)
        else:
            waiting[key].append(name)
    slips = _slips(sorted(waiting), by_key)
    left = [key for key in sorted(waiting) if key not in slips]
    for key, match in {**slips, **_nearest(left, by_key, cut)}.items():
        found.update(dict.fromkeys(waiting[key], match))
    return found


def _slips(keys: Sequence[str], by_key: dict[str, list[Anchor]]) -> dict[str, Match]:
    """Keys that differ from exactly one registered key by a swap of two neighbouring letters."""
    same_letters: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for key in sorted(by_key):
        same_letters[_letters(key)].append(key)
    found = {}
    for key in keys:
        if len(key) < SHORTEST_FUZZY or is_east_asian(key):
            continue
        near = [other for other in same_letters[_letters(key)] if OSA.distance(key, other) == 1]
        if len(near) == 1 and len(by_key[near[0]]) == 1:
            anchor = by_key[near[0]][0]
            score = 100.0 * OSA.normalized_similarity(key, near[0])
            found[key] = Match(anchor.org_id, "slip", anchor.name, score)
    return found


def _letters(key: str) -> tuple[str, ...]:
    """The letters of each word in alphabetical order; digits stay where they are."""
    return tuple("".join(sorted(word)) if word.isalpha() else word for word in key.split())


def _nearest(keys: Sequence[str], by_key: dict[str, list[Anchor]], cut: float) -> dict[str, Match]:
    """Nearest registered key of each key, block by block of the first letter."""
    blocks: dict[str, list[str]] = defaultdict(list)
    for key in sorted(by_key):
        blocks[key[:1]].append(key)
    asked: dict[str, list[str]] = defaultdict(list)
    found = dict.fromkeys(keys, Match(None, "new"))
    for key in keys:
        if len(key) >= SHORTEST_FUZZY and not is_east_asian(key) and key[:1] in blocks:
            asked[key[:1]].append(key)
    for letter, wanted in asked.items():
        block = blocks[letter]
        for start in range(0, len(wanted), BLOCK_ROWS):
            part = wanted[start : start + BLOCK_ROWS]
            scores = process.cdist(
                part, block, scorer=fuzz.token_sort_ratio, score_cutoff=cut, dtype=np.float64
            )
            for key, row in zip(part, scores, strict=True):
                found[key] = _best(key, row, block, by_key, cut)
    return found


def _best(
    key: str,
    scores: np.ndarray[tuple[int], np.dtype[np.float64]],
    block: Sequence[str],
    by_key: dict[str, list[Anchor]],
    cut: float,
) -> Match:
    top = float(scores.max())
    if top < cut:
        return Match(None, "new")
    places = np.flatnonzero(scores == top)
    nearest = by_key[block[int(places[0])]]
    if len(places) > 1 or len(nearest) > 1:
        return Match(None, "ambiguous", nearest[0].name, top)
    if _numbers(key) != _numbers(nearest[0].key):
        return Match(None, "vetoed", nearest[0].name, top)
    return Match(nearest[0].org_id, "fuzzy", nearest[0].name, top)


def _numbers(key: str) -> list[str]:
    """Words that tell near names apart: numbers and single letters, sorted."""
    return sorted(word for word in key.split() if len(word) == 1 or any(map(str.isdigit, word)))
