"""What the matcher works on: nodes (names that read the same) and matches."""

from __future__ import annotations

from dataclasses import dataclass

from tertius.identity.evidence import NO_CONTEXT, Context
from tertius.identity.names import Parsed


@dataclass(frozen=True, slots=True)
class Match:
    """Where a name went and why.

    Attributes:
        org_id: the registered organisation; None for a new one.
        group: names with one group are one organisation; the name that stands for it.
        method: id | name | key | slip | fuzzy | alias | override | new | ambiguous | vetoed.
        matched_name: the registered or most frequent name it was put to (or kept apart from).
        score: evidence, 0-100.
        why: the differences that were explained.
    """

    org_id: str | None
    group: str
    method: str
    matched_name: str | None = None
    score: float | None = None
    why: str = ""


@dataclass(slots=True)
class Node:
    """Names that read the same, or one registered organisation.

    Attributes:
        parsed: how the names read; an alias reads as the name it stands for.
        anchor: the registered organisation, or None.
        names: the names with their numbers of records, the most frequent first.
        context: what the records say of all these names.
        alias: why it reads as another name.
    """

    parsed: Parsed
    anchor: str | None
    marker: str
    names: list[tuple[str, int]]
    context: Context = NO_CONTEXT
    alias: str = ""

    @property
    def order(self) -> tuple[str, ...]:
        """Sort key that knows no places and no numbers of records."""
        areas = " ".join(sorted(self.parsed.areas))
        return ("0" if self.anchor else "1", self.parsed.key, areas, self.marker)

    @property
    def weight(self) -> int:
        """Records of all its names."""
        return sum(n for _, n in self.names)
