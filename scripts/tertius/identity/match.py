"""Names become organisations: registered ones where there is a register, groups of names else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import polars as pl

from tertius.identity.blocks import CHUNK, candidate_pairs
from tertius.identity.clusters import LARGEST_CLUSTER, Edge, cluster
from tertius.identity.evidence import (
    NO_CONTEXT,
    SHOW_AT,
    Context,
    Evidence,
    Judge,
    without_digraphs,
)
from tertius.identity.names import Parsed, Reader
from tertius.identity.nodes import Match, Node
from tertius.identity.text import slug
from tertius.identity.told import Told

MATCH_SCHEMA = {
    "name": pl.String,
    "key": pl.String,
    "org_id": pl.String,
    "method": pl.String,
    "matched_name": pl.String,
    "score": pl.Float64,
    "why": pl.String,
    "n_records": pl.Int64,
}
Contexts = Callable[[Sequence[str]], Mapping[str, Context]]
"""Tells what the records say of some names."""


@dataclass(frozen=True)
class Anchor:
    """A registered organisation that names are matched to.

    Attributes:
        org_id: its id; `given` says whether it is the register's own.
    """

    org_id: str
    name: str
    given: bool = False


@dataclass(frozen=True)
class Matches:
    """What `match_names` found: a match for every name, and the pairs to review."""

    found: Mapping[str, Match]
    review: pl.DataFrame
    merged_anchors: Mapping[str, str] = field(default_factory=dict)


def free_id(wish: str, taken: set[str]) -> str:
    """The wished id, numbered from ~2 on where it is taken; notes it as taken."""
    chosen, number = wish, 2
    while chosen in taken:
        chosen, number = f"{wish}~{number}", number + 1
    taken.add(chosen)
    return chosen


def registered(register: pl.DataFrame, reader: Reader) -> pl.DataFrame:
    """The register with `org_id` filled, `key` and `given`, sorted by name.

    A made id is the slug of the name's key; of the whole name where two names share a key.

    Args:
        register: at least name and org_id (null where the register has none).
        reader: reads names.
    """
    rows = register.sort("name", "org_id", nulls_last=True)
    names = rows["name"].to_list()
    keys = [reader.key(name) or name for name in names]
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
    return [Anchor(*row) for row in known.select("org_id", "name", "given").iter_rows()]


def match_names(
    names: Mapping[str, int],
    anchors: Sequence[Anchor],
    reader: Reader,
    contexts: Contexts | None = None,
    largest: int = LARGEST_CLUSTER,
) -> Matches:
    """Put every name to one organisation.

    A name that is a registered id or, letter by letter, a registered name goes there. All others
    become groups with the registered names by evidence (`Judge`, `cluster`); decisions of the
    lexicon win over everything, also over the register.

    Args:
        names: distinct names with their numbers of records.
        anchors: the register.
        reader: reads names and holds the lexicon.
        contexts: gives country, city, inventors and classes of the names that need them.
        largest: names of one organisation beyond which a group is stopped.

    Returns:
        A match for every name; the same for any order, repetition and case of names.

    Raises:
        InputError: decisions that contradict each other.
    """
    nodes = make_nodes(names, anchors, reader)
    judge = Judge(reader.lexicon)
    edges, vetoes, compare = _edges(nodes, judge, contexts)
    decided = decided_pairs(nodes, reader)
    made = cluster(
        len(nodes),
        edges,
        [node.order for node in nodes],
        [node.anchor for node in nodes],
        compare,
        [pair for pair, same in decided if same],
        [pair for pair, same in decided if not same],
        largest,
    )
    told = Told(nodes, made, compare, vetoes, {i for pair, same in decided if same for i in pair})
    found = told.matches()
    merged = told.merged_anchors()
    by_id = {anchor.org_id: anchor for anchor in anchors if anchor.given}
    by_name = {anchor.name: anchor for anchor in sorted(anchors, key=lambda a: a.org_id)}
    for name in names:
        exact = by_id.get(name) or by_name.get(name)
        if exact is not None:
            org_id = merged.get(exact.org_id, exact.org_id)
            method = "id" if name in by_id else "name"
            found[name] = Match(org_id, exact.name, method, exact.name, 100.0)
        elif name not in found:
            found[name] = Match(None, "", "new")
    return Matches(found, told.review(), merged)


def make_nodes(names: Mapping[str, int], anchors: Sequence[Anchor], reader: Reader) -> list[Node]:
    """One node for names of equal key and law, one for every registered organisation."""
    marked = {reader.text(n) for d in reader.lexicon.decisions for n in (d.name_a, d.name_b)}
    aliases = {
        key: (reader.parse(b), why)
        for a, b, why in reader.lexicon.aliases
        for key in _alias_keys(reader.parse(a))
    }
    exact = {a.name for a in anchors} | {a.org_id for a in anchors if a.given}
    nodes: dict[tuple[object, ...], Node] = {}
    for anchor in sorted(anchors, key=lambda a: (a.org_id, a.name)):
        parsed, alias = _read(anchor.name, reader, aliases)
        marker = f"@{anchor.org_id}"
        if not parsed.key:
            alone = (anchor.name,)
            parsed = replace(parsed, key=anchor.name, words=alone, core=alone)
        named = [(anchor.name, names.get(anchor.name, 0))]
        nodes[marker, anchor.name] = Node(parsed, anchor.org_id, marker, named, alias=alias)
    for name in sorted(names, key=lambda n: (n.casefold(), n)):
        if name in exact:
            continue
        parsed, alias = _read(name, reader, aliases)
        if not parsed.key:
            continue
        text = reader.text(name)
        marker = text if text in marked else ""
        place = (parsed.key, parsed.areas, marker)
        if place not in nodes:
            nodes[place] = Node(parsed, None, marker, [], alias=alias)
        nodes[place].names.append((name, names[name]))
    for node in nodes.values():
        node.names.sort(key=lambda x: (-x[1], x[0].casefold(), x[0]))
    return sorted(nodes.values(), key=lambda node: node.order)


def _read(
    name: str, reader: Reader, aliases: Mapping[str, tuple[Parsed, str]]
) -> tuple[Parsed, str]:
    """A name as read; a known alias reads as the name that it stands for."""
    parsed, reasons = reader.parse(name), []
    for _ in range(3):
        found = (aliases[key] for key in _alias_keys(parsed) if key in aliases)
        target, why = next(found, (parsed, ""))
        if target.key == parsed.key:
            break
        parsed = replace(target, name=name, forms=parsed.forms, areas=parsed.areas)
        reasons.append(why)
    return parsed, "; ".join(reasons)


def _alias_keys(parsed: Parsed) -> tuple[str, str]:
    """The words of a name in any order, and its letters without spaces."""
    words = [without_digraphs(word) for word in parsed.core]
    return " ".join(sorted(words)), without_digraphs(parsed.key.replace(" ", ""))


def _together(contexts: Sequence[Context]) -> Context:
    countries = {c.country for c in contexts} - {None}
    cities = {c.city for c in contexts} - {None}
    return Context(
        next(iter(countries)) if len(countries) == 1 else None,
        next(iter(cities)) if len(cities) == 1 else None,
        frozenset().union(*(c.inventors for c in contexts)),
        frozenset().union(*(c.classes for c in contexts)),
    )


def _edges(
    nodes: Sequence[Node], judge: Judge, contexts: Contexts | None
) -> tuple[list[Edge], list[Edge], Callable[[int, int], Evidence]]:
    """Scored pairs, forbidden pairs of equal letters, and a remembered comparison.

    Names are compared by their letters first; what the records say is fetched for those only that
    are near and not equal.
    """
    known: dict[tuple[int, int], Evidence] = {}

    def compare(a: int, b: int) -> Evidence:
        pair = (a, b) if a < b else (b, a)
        if pair not in known:
            known[pair] = _compare(nodes[pair[0]], nodes[pair[1]], judge)
        return known[pair]

    vetoes, asked = [], set()
    pairs = candidate_pairs([node.parsed for node in nodes])
    for a, b in chain.from_iterable(
        pairs[start : start + CHUNK].tolist() for start in range(0, len(pairs), CHUNK)
    ):
        evidence = _compare(nodes[a], nodes[b], judge)
        if evidence.score >= SHOW_AT:
            known[a, b] = evidence
            if nodes[a].parsed.key != nodes[b].parsed.key:
                asked |= {a, b}
        elif evidence.veto and judge.alike(nodes[a].parsed, nodes[b].parsed):
            vetoes.append(Edge(a, b, evidence))
    if contexts is not None and asked:
        told = contexts(sorted({name for i in asked for name, _ in nodes[i].names}))
        for i in asked:
            nodes[i].context = _together([told.get(name, NO_CONTEXT) for name, _ in nodes[i].names])
        for a, b in known:
            known[a, b] = _compare(nodes[a], nodes[b], judge)
    edges = [Edge(a, b, found) for (a, b), found in known.items() if found.score >= SHOW_AT]
    return edges, vetoes, compare


def _compare(a: Node, b: Node, judge: Judge) -> Evidence:
    found = judge.compare(a.parsed, b.parsed, a.context, b.context)
    aliases = tuple(f"alias: {node.alias}" for node in (a, b) if node.alias)
    return replace(found, why=(*found.why, *aliases)) if found.score and aliases else found


def decided_pairs(nodes: Sequence[Node], reader: Reader) -> list[tuple[tuple[int, int], bool]]:
    """Pairs of nodes that the decisions name, and whether they are the same.

    A decision holds for the names as written (in any case) and for all that read the same.
    """
    by_text: dict[str, set[int]] = defaultdict(set)
    by_key: dict[tuple[str, frozenset[str]], set[int]] = defaultdict(set)
    for place, node in enumerate(nodes):
        if node.anchor is not None:
            by_text[reader.text(node.names[0][0])].add(place)
        elif node.marker:
            by_text[node.marker].add(place)
        by_key[node.parsed.key, node.parsed.areas].add(place)
    found = []
    for decision in reader.lexicon.decisions:
        sides = []
        for name in (decision.name_a, decision.name_b):
            parsed = reader.parse(name)
            exact = by_text[reader.text(name)]
            sides.append((exact, exact | by_key[parsed.key, parsed.areas]))
        (exact_a, wide_a), (exact_b, wide_b) = sides
        if wide_a & wide_b and not decision.same:
            wide_a, wide_b = exact_a, exact_b
        found += [((a, b), decision.same) for a in wide_a for b in wide_b if a != b]
    return sorted({(min(p), max(p)): same for p, same in found}.items())
