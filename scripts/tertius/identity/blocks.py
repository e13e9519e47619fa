"""Which names are worth a comparison: pairs that share a block, near enough in their letters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from tertius.identity.names import Parsed

LARGEST_BLOCK = 16
"""Larger blocks are compared with their alphabetical neighbours only."""
NEIGHBOURS = 4
NEAR_ENOUGH = 62.0
"""Least similarity (0-100) of the sorted words of two names for a comparison word by word."""
PREFIX = 7
TELLING = 2
"""So many of the rarest words of a name lend their letters and consonants as blocks."""
CHUNK = 400_000
PART = 50_000
_DOUBLE = re.compile(r"(.)\1+")
_VOWELS = str.maketrans("", "", "aeiouyhw")

Pairs = NDArray[np.uint32]


def candidate_pairs(names: Sequence[Parsed]) -> Pairs:
    """Pairs of names to compare, each once.

    Two names meet when they have the key, the first or last letters, a rare word, the letters of
    one of their rarest words in any order, or its consonants in common.

    Args:
        names: distinct names.

    Returns:
        (n, 2) places in `names`, smaller first, sorted; the same for any order up to the places.
    """
    blocks = _blocks(names)
    order = [f"{name.key}|{' '.join(sorted(name.areas))}" for name in names]
    ranks = pl.DataFrame(
        {"item": np.arange(len(names), dtype=np.uint32), "sort": order}
    ).with_columns(pl.col("sort").rank("ordinal").alias("rank").cast(pl.UInt32))
    sized = blocks.join(ranks.select("item", "rank"), on="item").with_columns(
        pl.len().over("block").alias("size")
    )
    found = np.unique(pl.concat([_within(sized), _neighbours(sized)]).to_numpy())
    del blocks, sized
    pairs: Pairs = np.empty((len(found), 2), np.uint32)
    pairs[:, 0], pairs[:, 1] = found >> np.uint64(32), found & np.uint64(2**32 - 1)
    del found
    return _near(names, pairs)


def _blocks(names: Sequence[Parsed]) -> pl.DataFrame:
    """block (hashed), item: a row for every block of every name, each once."""
    count = Counter(word for name in names for word in name.core)
    parts = []
    for start in range(0, len(names), PART):
        texts: list[str] = []
        items: list[int] = []
        for place in range(start, min(start + PART, len(names))):
            found = _blocks_of(names[place], count)
            texts += found
            items += [place] * len(found)
        block = pl.Series("block", texts, dtype=pl.String).hash(0)
        parts.append(pl.DataFrame([block, pl.Series("item", items, dtype=pl.UInt32)]).unique())
    empty = pl.DataFrame(schema={"block": pl.UInt64, "item": pl.UInt32})
    return pl.concat([empty, *parts])


def _blocks_of(name: Parsed, count: Mapping[str, int]) -> list[str]:
    closed = name.key.replace(" ", "")
    blocks = ["k" + closed]
    if name.han or not name.core:
        return blocks
    joined = "".join(name.core)
    blocks += ["s" + joined[:PREFIX], "e" + joined[-PREFIX:], "f" + closed[:PREFIX]]
    blocks.append("c" + " ".join(name.core))
    for word in sorted(name.core, key=lambda w: (count[w], -len(w), w))[:TELLING]:
        blocks.append("l" + "".join(sorted(word)))
        bare = _DOUBLE.sub(r"\1", word[1:].translate(_VOWELS))
        blocks.append("v" + word[0] + bare[:5])
    return blocks + ["w" + word for word in name.core if count[word] > 1 and len(word) >= 3]


def _pair(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Two places as one number, the smaller in its upper half: light to sort."""
    low, high = pl.min_horizontal(one, other), pl.max_horizontal(one, other)
    return (low.cast(pl.UInt64) * 2**32 + high.cast(pl.UInt64)).alias("pair")


def _within(sized: pl.DataFrame) -> pl.Series:
    small = sized.filter(pl.col("size").is_between(2, LARGEST_BLOCK)).select("block", "item")
    both = small.join(small, on="block").filter(pl.col("item") < pl.col("item_right"))
    return both.select(_pair(pl.col("item"), pl.col("item_right")))["pair"]


def _neighbours(sized: pl.DataFrame) -> pl.Series:
    large = sized.filter(pl.col("size") > LARGEST_BLOCK).sort("block", "rank")
    parts = [
        large.select(
            pl.col("item"),
            pl.col("item").shift(-step).over("block").alias("other"),
        )
        .drop_nulls()
        .select(_pair(pl.col("item"), pl.col("other")))["pair"]
        for step in range(1, NEIGHBOURS + 1)
    ]
    return pl.concat(parts)


def _near(names: Sequence[Parsed], pairs: Pairs) -> Pairs:
    """Pairs whose sorted words are alike, or whose keys are equal without spaces."""
    texts = [" ".join(name.core) for name in names]
    keys = [name.key for name in names]
    kept = []
    for start in range(0, len(pairs), CHUNK):
        part = pairs[start : start + CHUNK]
        left, right = part[:, 0].tolist(), part[:, 1].tolist()
        near = _alike(texts, left, right) | _alike(keys, left, right)
        starts = np.fromiter(
            (
                keys[j].startswith(keys[i]) or keys[i].startswith(keys[j])
                for i, j in zip(left, right, strict=True)
            ),
            dtype=bool,
            count=len(part),
        )
        kept.append(part[near | starts])
    return np.concatenate(kept) if kept else np.empty((0, 2), np.uint32)


def _alike(texts: Sequence[str], left: Sequence[int], right: Sequence[int]) -> NDArray[np.bool_]:
    scores = process.cpdist(
        [texts[i] for i in left],
        [texts[j] for j in right],
        scorer=fuzz.ratio,
        score_cutoff=NEAR_ENOUGH,
        dtype=np.float32,
    )
    return np.asarray(scores >= NEAR_ENOUGH)
