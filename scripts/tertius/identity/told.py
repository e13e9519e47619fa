"""Groups of names told as matches with reasons, and the pairs a person should look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import polars as pl

from tertius.identity.clusters import Clusters, Edge
from tertius.identity.evidence import Evidence
from tertius.identity.nodes import Match, Node

REVIEW_SCHEMA = {
    "name_a": pl.String,
    "name_b": pl.String,
    "score": pl.Float64,
    "why": pl.String,
    "outcome": pl.String,
    "n_records_a": pl.Int64,
    "n_records_b": pl.Int64,
    "decision": pl.String,
    "reason": pl.String,
}


class Told:
    """Matches, merged registered organisations and the review of one clustering."""

    def __init__(
        self,
        nodes: Sequence[Node],
        made: Clusters,
        compare: Callable[[int, int], Evidence],
        vetoes: Sequence[Edge],
        decided: set[int],
    ) -> None:
        self._nodes, self._made, self._compare = nodes, made, compare
        self._vetoes, self._decided = vetoes, decided
        self._groups: dict[int, list[int]] = defaultdict(list)
        for place, root in enumerate(made.root):
            self._groups[root].append(place)

    def merged_anchors(self) -> dict[str, str]:
        """Registered organisations that a decision put to another one: id -> id that stays."""
        merged: dict[str, str] = {}
        for members in self._groups.values():
            ids = sorted({self._nodes[i].anchor or "" for i in members} - {""})
            merged |= dict.fromkeys(ids[1:], ids[0]) if len(ids) > 1 else {}
        return merged

    def matches(self) -> dict[str, Match]:
        """A match for every name of a node that is not the register's own."""
        kept_apart = self._kept_apart()
        found: dict[str, Match] = {}
        for members in self._groups.values():
            head = self._head(members)
            anchor = self._nodes[head].anchor
            group = self._nodes[head].names[0][0]
            for place in members:
                if self._nodes[place].anchor is None:
                    alone = len(members) == 1
                    rival = kept_apart.get(place) if alone else None
                    found |= dict(self._told(place, head, anchor, group, rival))
        return found

    def _head(self, members: Sequence[int]) -> int:
        """The registered name of a group, or its most frequent one."""
        anchored = [i for i in members if self._nodes[i].anchor is not None]
        if anchored:
            return min(anchored, key=lambda i: (self._nodes[i].anchor or "", i))
        return min(members, key=lambda i: (-self._nodes[i].weight, self._nodes[i].order))

    def _told(
        self,
        place: int,
        head: int,
        anchor: str | None,
        group: str,
        rival: tuple[str, int, str] | None,
    ) -> list[tuple[str, Match]]:
        node, target = self._nodes[place], self._nodes[head]
        told: list[tuple[str, Match]] = []
        shown: str | None
        for number, (name, _) in enumerate(node.names):
            if rival is not None and number == 0:
                method, other, why = rival
                shown = self._nodes[other].names[0][0]
                told.append((name, Match(anchor, group, method, shown, None, why)))
            elif place == head:
                method = "key" if number else "new"
                shown = group if number else None
                score = 100.0 if number else None
                told.append((name, Match(anchor, group, method, shown, score)))
            else:
                method, score, why = self._reason(place, head)
                shown = target.names[0][0]
                told.append((name, Match(anchor, group, method, shown, score, why)))
        return told

    def _reason(self, place: int, head: int) -> tuple[str, float, str]:
        node, target = self._nodes[place], self._nodes[head]
        evidence = self._compare(place, head)
        why = "; ".join(evidence.why)
        if place in self._decided:
            return "override", 100.0, "decided by a person"
        if node.alias and evidence.score:
            return "alias", evidence.score, why
        if node.parsed.key == target.parsed.key:
            return "key", evidence.score, why
        if evidence.score == 0.0:
            return "fuzzy", 0.0, "through another name of the group"
        slip = set(evidence.why) <= {"swapped letters", "legal form changed"}
        return ("slip" if slip else "fuzzy"), evidence.score, why

    def _kept_apart(self) -> dict[int, tuple[str, int, str]]:
        """Nodes that were near to others and stayed alone: method, the other node, why."""
        found: dict[int, tuple[str, int, str]] = {}
        for edge in self._vetoes:
            a, b = sorted((edge.a, edge.b), key=lambda i: self._rank(i))
            if self._nodes[b].anchor is None:
                found.setdefault(b, ("vetoed", a, "; ".join(edge.evidence.why)))
        for place, rivals in self._made.ambiguous.items():
            shown = min(rivals, key=self._rank)
            others = ", ".join(sorted(self._nodes[i].names[0][0] for i in rivals))
            found[place] = ("ambiguous", shown, f"as near to: {others}")
        return found

    def _rank(self, place: int) -> tuple[object, ...]:
        node = self._nodes[place]
        return (node.anchor is None, -node.weight, node.order)

    def review(self) -> pl.DataFrame:
        """Pairs that a person should look at, those with the most records first.

        A row a pair, `decision` and `reason` empty: fill them in (same or different, and why) and
        give the file to the study as its decisions.
        """
        rows = []
        for edge in self._made.doubtful:
            rows.append(self._row(edge, "kept apart: not enough evidence"))
        for edge, reason in self._made.refused:
            if self._made.root[edge.a] != self._made.root[edge.b]:
                rows.append(self._row(edge, f"kept apart: {reason}"))
        for edge in self._vetoes:
            rows.append(self._row(edge, "kept apart: " + "; ".join(edge.evidence.why)))
        for place, rivals in self._made.ambiguous.items():
            for other in rivals:
                edge = Edge(place, other, self._compare(place, other))
                rows.append(self._row(edge, "kept apart: ambiguous"))
        for place in self._made.stopped:
            root = self._made.root[place]
            if root != place:
                edge = Edge(root, place, self._compare(root, place))
                rows.append(self._row(edge, "merged; the group reached its limit"))
        frame = pl.DataFrame(rows, schema=REVIEW_SCHEMA, orient="row").unique(
            ["name_a", "name_b"], keep="first", maintain_order=True
        )
        most = pl.col("n_records_a") + pl.col("n_records_b")
        return frame.sort(-most, "name_a", "name_b")

    def _row(self, edge: Edge, outcome: str) -> tuple[object, ...]:
        one, other = sorted((self._nodes[edge.a], self._nodes[edge.b]), key=lambda n: n.names[0][0])
        return (
            one.names[0][0], other.names[0][0], edge.evidence.score, "; ".join(edge.evidence.why),
            outcome, one.weight, other.weight, "", "",
        )  # fmt: skip
