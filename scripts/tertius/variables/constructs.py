"""The constructs that the claims name, read as variables of the codebook."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"[^\W\d_][\w&]*(?:-[\w&]+)*", re.UNICODE)


@dataclass(frozen=True)
class Constructs:
    """What the words of one claim mean.

    Attributes:
        codes: variables, in order of appearance, each once.
        unknown: words that are neither a variable, a phrase nor a plain word.
    """

    codes: tuple[str, ...]
    unknown: tuple[str, ...]


def read_constructs(
    text: str,
    codebook: Mapping[str, Any],
    phrases: Mapping[str, Sequence[str]],
    words: Sequence[str] = (),
    own: Mapping[str, str] | None = None,
) -> Constructs:
    """The variables that the words of a claim's `constructs` name.

    Phrases are matched first, the longest before the others, as whole words; then single words.

    Args:
        text: the claim's `constructs`.
        codebook: code -> entry.
        phrases: phrase -> codes.
        words: words that name no construct.
        own: word -> code for this claim alone.
    """
    found: list[tuple[int, str]] = []
    rest = text
    named = {**{k: [v] for k, v in (own or {}).items()}, **{k: list(v) for k, v in phrases.items()}}
    for phrase in sorted(named, key=lambda p: (-len(p), p)):
        if own and phrase in phrases and phrase in own:
            continue
        pattern = re.compile(rf"(?<![\w]){re.escape(phrase)}(?![\w])")
        for match in pattern.finditer(rest):
            found += [(match.start(), code) for code in named[phrase]]
        rest = pattern.sub(lambda m: " " * len(m.group()), rest)
    unknown = []
    plain = set(words)
    for match in _WORD.finditer(rest):
        word = match.group().replace("²", "")
        if word in codebook:
            found.append((match.start(), word))
        elif word not in plain:
            unknown.append(word)
    codes = list(dict.fromkeys(code for _, code in sorted(found, key=lambda pair: pair[0])))
    return Constructs(tuple(codes), tuple(unknown))


def read_all(
    claims: Mapping[str, str], codebook: Mapping[str, Any], registry: Mapping[str, Any]
) -> dict[str, Constructs]:
    """`read_constructs` for every claim.

    Args:
        claims: claim -> its `constructs`.
        codebook: code -> entry.
        registry: config/constructs.yaml: phrases, words, claims.
    """
    return {
        claim: read_constructs(
            text,
            codebook,
            registry["phrases"],
            [str(word) for word in registry["words"]],
            registry.get("claims", {}).get(claim),
        )
        for claim, text in claims.items()
    }
