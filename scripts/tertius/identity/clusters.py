"""Names become groups: pair by pair, the best evidence first, and never against evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tertius.identity.evidence import MERGE_AT, SHOW_AT, Evidence
from tertius.problems import Problems

LARGEST_CLUSTER = 60
"""Names of one organisation beyond which a group is stopped and shown."""
TIE = 1.5
"""Two rivals whose scores differ by less are equally good: the name goes to neither."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Two nodes (smaller first) with the evidence between them."""

    a: int
    b: int
    evidence: Evidence


@dataclass(frozen=True)
class Clusters:
    """The result of `cluster`.

    Attributes:
        root: for each node the smallest node of its group.
        ambiguous: node -> the rivals that it is equally near to.
        refused: pairs near enough to merge that were kept apart, and why.
        doubtful: pairs between `SHOW_AT` and `MERGE_AT`, for review.
        stopped: nodes of groups that reached `LARGEST_CLUSTER`.
    """

    root: tuple[int, ...]
    ambiguous: dict[int, tuple[int, ...]] = field(default_factory=dict)
    refused: tuple[tuple[Edge, str], ...] = ()
    doubtful: tuple[Edge, ...] = ()
    stopped: frozenset[int] = frozenset()


class _Groups:
    """Disjoint groups that know their members."""

    def __init__(self, n: int) -> None:
        self.root = list(range(n))
        self.members = {i: [i] for i in range(n)}

    def unite(self, a: int, b: int) -> None:
        ra, rb = sorted((self.root[a], self.root[b]))
        if ra == rb:
            return
        for node in self.members[rb]:
            self.root[node] = ra
        self.members[ra] = sorted(self.members[ra] + self.members.pop(rb))


def cluster(
    n: int,
    edges: Sequence[Edge],
    order: Sequence[tuple[object, ...]],
    anchored: Sequence[str | None],
    compare: Callable[[int, int], Evidence],
    same: Sequence[tuple[int, int]] = (),
    different: Sequence[tuple[int, int]] = (),
    largest: int = LARGEST_CLUSTER,
) -> Clusters:
    """Merge nodes by evidence.

    Decisions come first and always win. Then edges from the best score down: two groups become one
    when every two names of them have evidence, directly or through one third name, and none is
    forbidden; when they hold one registered organisation at most and no pair that was decided to
    differ. A node whose best rivals exclude each other goes to none of them.

    Args:
        n: number of nodes.
        edges: scored pairs.
        order: sort key of each node, free of places, so that the result has no order.
        anchored: registered organisation of a node, or None.
        compare: evidence between two nodes.
        same, different: decisions on pairs of nodes.
        largest: members at which a group stops.

    Raises:
        InputError: decisions that contradict each other through other decisions.
    """
    groups = _Groups(n)
    apart = {(min(p), max(p)) for p in different}
    for a, b in same:
        groups.unite(a, b)
    _check_decisions(groups, apart)
    decided = {node for pair in same for node in pair}
    strong = [e for e in edges if e.evidence.score >= MERGE_AT]
    ambiguous = _ambiguous(strong, anchored, compare, apart, decided)
    ranked = sorted(
        strong, key=lambda e: (-e.evidence.score, *sorted((order[e.a], order[e.b])))
    )  # fmt: skip
    refused: list[tuple[Edge, str]] = []
    stopped: set[int] = set()
    for edge in ranked:
        left, right = groups.root[edge.a], groups.root[edge.b]
        if left == right or edge.a in ambiguous or edge.b in ambiguous:
            continue
        members = groups.members[left], groups.members[right]
        if len(members[0]) + len(members[1]) > largest:
            stopped |= {*members[0], *members[1]}
            refused.append((edge, "the group is too large"))
            continue
        reason = _obstacle(members[0], members[1], anchored, compare, apart, decided)
        if reason:
            refused.append((edge, reason))
        else:
            groups.unite(edge.a, edge.b)
    weak = [e for e in edges if SHOW_AT <= e.evidence.score < MERGE_AT]
    doubtful = tuple(e for e in weak if groups.root[e.a] != groups.root[e.b])
    return Clusters(tuple(groups.root), ambiguous, tuple(refused), doubtful, frozenset(stopped))


def _check_decisions(groups: _Groups, apart: set[tuple[int, int]]) -> None:
    problems = Problems()
    for a, b in sorted(apart):
        if groups.root[a] == groups.root[b]:
            fix = "take back one of the decisions"
            problems.add("decisions", "two names are decided to differ and to be the same", fix)
    problems.raise_if_any()


def _obstacle(
    left: Sequence[int],
    right: Sequence[int],
    anchored: Sequence[str | None],
    compare: Callable[[int, int], Evidence],
    apart: set[tuple[int, int]],
    decided: set[int],
) -> str:
    anchors = {anchored[i] for i in (*left, *right)} - {None}
    if len(anchors) > 1:
        return "two registered organisations"
    for a in left:
        for b in right:
            if (min(a, b), max(a, b)) in apart:
                return "decided to differ"
            if a in decided or b in decided:
                continue
            direct = compare(a, b)
            if direct.veto:
                return f"another name of the group: {direct.why[0]}"
            if direct.score < SHOW_AT and not _hub(a, b, (*left, *right), compare):
                return "no evidence between other names of the groups"
    return ""


def _hub(a: int, b: int, members: Sequence[int], compare: Callable[[int, int], Evidence]) -> bool:
    """Whether one name of the groups is evidently the same as both."""
    return any(
        c not in (a, b)
        and compare(min(a, c), max(a, c)).score >= MERGE_AT
        and compare(min(b, c), max(b, c)).score >= MERGE_AT
        for c in members
    )


def _ambiguous(
    edges: Sequence[Edge],
    anchored: Sequence[str | None],
    compare: Callable[[int, int], Evidence],
    apart: set[tuple[int, int]],
    decided: set[int],
) -> dict[int, tuple[int, ...]]:
    """Nodes whose best edges lead to nodes that exclude each other."""
    near: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for edge in edges:
        if (edge.a, edge.b) in apart:
            continue
        near[edge.a].append((edge.evidence.score, edge.b))
        near[edge.b].append((edge.evidence.score, edge.a))
    found = {}
    for node, rivals in near.items():
        if anchored[node] is not None or node in decided or len(rivals) < 2:
            continue
        top = max(score for score, _ in rivals)
        best = sorted(other for score, other in rivals if score > top - TIE)
        if any(
            _exclude(a, b, anchored, compare, apart)
            for i, a in enumerate(best)
            for b in best[i + 1 :]
        ):
            found[node] = tuple(best)
    return found


def _exclude(
    a: int,
    b: int,
    anchored: Sequence[str | None],
    compare: Callable[[int, int], Evidence],
    apart: set[tuple[int, int]],
) -> bool:
    both = anchored[a] is not None and anchored[b] is not None
    if both and anchored[a] != anchored[b]:
        return True
    return (min(a, b), max(a, b)) in apart or compare(a, b).veto
