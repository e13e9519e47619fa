"""Names become ids in every table of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from tertius.identity.clusters import LARGEST_CLUSTER
from tertius.identity.context import contexts_of
from tertius.identity.convert import inventors_of, with_ids
from tertius.identity.groups import OWNERS, heads, owners_of
from tertius.identity.kinds import TypeReader
from tertius.identity.match import MATCH_SCHEMA, Matches, anchors_of, free_id, match_names
from tertius.identity.match import registered as with_made_ids
from tertius.identity.names import Parsed, Reader
from tertius.identity.side_tables import RESOLVED, side_names, with_side_ids, year_of
from tertius.identity.text import person_key, slug
from tertius.sources.result import Step, step
from tertius.tables import SCHEMAS

MENTIONS = (
    ("patent_applicants", "name"),
    ("alliance_parties", "name"),
    ("firm_years", "name"),
    ("policies", "target_org"),
    ("organisations", "parent"),
)
"""Core table and column where organisations are named, beside the register's own names."""


@dataclass(frozen=True)
class Identity:
    """The tables of a study with ids in the place of names.

    Attributes:
        tables: typed tables by name, as in `tables.SCHEMAS`.
        matches: name, key, org_id, method (id | name | key | slip | fuzzy | alias | override |
            new | ambiguous | vetoed | outside | person), matched_name, score, why, n_records; a row
            a name. `ambiguous` and `vetoed` names became organisations of their own; matched_name
            is the one they were not merged with. `outside`: named by no core table, so nobody.
        review: pairs that a person should look at.
        ledger: counts of merges, guesses and drops.
    """

    tables: Mapping[str, pl.DataFrame]
    matches: pl.DataFrame
    review: pl.DataFrame
    ledger: tuple[Step, ...] = field(default=())


def resolve(
    tables: Mapping[str, pl.DataFrame],
    unit: str,
    reader: Reader,
    roll_up: str = "none",
    largest: int = LARGEST_CLUSTER,
) -> Identity:
    """Give every organisation and inventor one id and put the ids into the tables.

    Names of organisations are matched to the register (rows of `organisations`) and to each other
    (`match_names`); names that no registered one explains become new organisations with a type
    read from the name; names that only tables beside the core ones hold (`side_tables`) make none.
    Persons among the applicants make no organisations. Parents are kept as
    facts; under a roll-up each record goes to the head of its organisation in the record's year.
    An inventor is a name without case, accents and punctuation.

    Args:
        tables: as read, with names.
        unit: organisation | inventor; for inventors `organisations` holds the inventors.
        reader: reads names by the study's lexicon.
        roll_up: none | majority | controlling.
        largest: names of one organisation beyond which a group is stopped and shown.

    Returns:
        Tables, matches, review and ledger; the same for any order of rows.
    """
    listed = _one_row_a_name(tables.get("organisations"))
    known = with_made_ids(listed.filter(pl.col("type") != "person"), reader)
    beside, mentions = _mentions(tables)
    persons, counted = _persons(listed, mentions, tables.get("patent_inventors"))
    if roll_up != "none":
        mentions = _with_parents(mentions, known, reader)
    counts = {n: k for n, k in mentions.select("name", "n_records").rows() if n not in persons}
    made = match_names(
        counts,
        anchors_of(known),
        reader,
        lambda names: contexts_of(names, tables, listed),
        largest,
    )
    known = known.filter(~pl.col("org_id").is_in(list(made.merged_anchors)))
    found_ids = _match_frame(mentions, made, persons, set(known["org_id"]), reader)
    matches = _without_outsiders(found_ids, beside, set(known["org_id"]))
    organisations, guessed = _organisations(known, matches, TypeReader(reader))
    ids = {name: org_id for name, org_id in matches.select("name", "org_id").rows() if org_id}
    owners = pl.concat([owners_of(organisations), _listed_owners(matches, organisations, reader)])
    found = heads(owners, _years(tables), roll_up)
    resolved, steps = with_ids(tables, ids, found)
    if "patent_inventors" in tables:
        resolved["patent_inventors"], people, more = inventors_of(
            with_side_ids("patent_inventors", tables["patent_inventors"], ids)
        )
        steps += more
        organisations = people if unit == "inventor" else organisations
    resolved["organisations"] = organisations
    ledger = [*counted, *_method_counts(matches), *_review_counts(made), *guessed, *steps]
    ledger.append(step(f"{unit}s", organisations.height))
    return Identity(resolved, matches, made.review, tuple(ledger))


def _with_parents(mentions: pl.DataFrame, known: pl.DataFrame, reader: Reader) -> pl.DataFrame:
    """Names with the listed parents (no records) of those that occur."""
    keys = {reader.key(name) for name in (*mentions["name"], *known["name"])}
    parents = {p.parent for p in reader.lexicon.parents if reader.key(p.name) in keys}
    new = sorted(parents - {*mentions["name"], *known["name"]})
    schema = {"name": pl.String, "n_records": pl.Int64}
    extra = pl.DataFrame({"name": new, "n_records": [0] * len(new)}, schema=schema)
    return pl.concat([mentions, extra]).sort("name")


def _listed_owners(
    matches: pl.DataFrame, organisations: pl.DataFrame, reader: Reader
) -> pl.DataFrame:
    """Owners of `config/identity/parents.csv`; both names must read as organisations here."""
    places: dict[tuple[str, frozenset[str]], str] = {}
    wanted = {reader.key(n) for p in reader.lexicon.parents for n in (p.name, p.parent)}
    told = [*matches.select("name", "org_id").drop_nulls().rows()]
    told += organisations.select("name", "org_id").drop_nulls().rows()
    for name, org_id in sorted(told):
        parsed = reader.parse(name)
        if parsed.key in wanted:
            places.setdefault((parsed.key, parsed.areas), org_id)
    rows = []
    for link in reader.lexicon.parents:
        ends = [reader.parse(name) for name in (link.name, link.parent)]
        org, owner = (_place(end, places) for end in ends)
        if org is not None and owner is not None and org != owner:
            rows.append((org, owner, link.from_year, link.to_year, link.share, link.controls))
    return pl.DataFrame(rows, schema=OWNERS, orient="row")


def _place(name: Parsed, places: Mapping[tuple[str, frozenset[str]], str]) -> str | None:
    """The organisation of a name of equal key and law; a name without law fits any one."""
    exact = places.get((name.key, name.areas))
    fits = {
        org_id
        for (key, areas), org_id in places.items()
        if key == name.key and (not areas or not name.areas or areas & name.areas)
    }
    return exact or (next(iter(fits)) if len(fits) == 1 else None)


def _years(tables: Mapping[str, pl.DataFrame]) -> list[int]:
    """Years in which records are dated."""
    found: set[int] = set()
    for name in ("patents", "firm_years"):
        if name in tables:
            found |= set(tables[name]["year"].drop_nulls().to_list())
    if "alliances" in tables:
        found |= set(tables["alliances"]["start_date"].drop_nulls().dt.year().to_list())
    for name in set(RESOLVED) & set(tables):
        found |= set(tables[name].select(year_of(name)).to_series().drop_nulls().to_list())
    return sorted(found)


def _one_row_a_name(organisations: pl.DataFrame | None) -> pl.DataFrame:
    """The register with every column it can have; registers of one study are put together."""
    columns = {k: c.dtype for k, c in SCHEMAS["organisations"].columns.items() if k != "parent_id"}
    schema = {**columns, "parent": pl.String()}
    if organisations is None:
        return pl.DataFrame(schema=schema)
    absent = [pl.lit(None, dtype=kind).alias(k) for k, kind in schema.items()]
    full = organisations.with_columns(
        column for column in absent if column.meta.output_name() not in organisations.columns
    ).select(schema.keys())
    merged = (
        full.sort(pl.all(), nulls_last=True)
        .group_by("org_id", "name", maintain_order=True)
        .agg(pl.all().drop_nulls().first())
    )
    return merged.select(schema.keys())


def _mentions(tables: Mapping[str, pl.DataFrame]) -> tuple[set[str], pl.DataFrame]:
    """Names that no core table holds, and all names: name, n_records, sorted by name."""
    core = [
        tables[table].select(pl.col(column).alias("name"))
        for table, column in MENTIONS
        if table in tables and column in tables[table].columns
    ]
    parts = [*core, *(names.to_frame() for names in side_names(tables))]
    if not parts:
        return set(), pl.DataFrame(schema={"name": pl.String, "n_records": pl.Int64})
    counts = (
        pl.concat(parts)
        .drop_nulls()
        .group_by("name")
        .agg(pl.len().cast(pl.Int64).alias("n_records"))
        .sort("name")
    )
    return set(counts["name"]) - {n for part in core for n in part["name"].drop_nulls()}, counts


def _without_outsiders(matches: pl.DataFrame, beside: set[str], known: set[str]) -> pl.DataFrame:
    """Matches without the new organisations of names that no core table holds."""
    ids = pl.col("org_id")
    named = matches.filter(~pl.col("name").is_in(list(beside)))["org_id"].drop_nulls().unique()
    outside = ids.is_not_null() & ~ids.is_in([*known, *named])
    return matches.with_columns(
        org_id=pl.when(~outside).then(ids),
        method=pl.when(outside).then(pl.lit("outside")).otherwise("method"),
    )


def _persons(
    listed: pl.DataFrame, mentions: pl.DataFrame, inventors: pl.DataFrame | None
) -> tuple[set[str], list[Step]]:
    """Names that are persons: those that the source calls so and, where it tells persons apart by
    its inventors, other spellings of inventors."""
    told = set(listed.filter(pl.col("type") == "person")["name"]) & set(mentions["name"])
    spelled: set[str] = set()
    if told and inventors is not None:
        keys = {person_key(name) for name in inventors["name"].unique()}
        spelled = {n for n in mentions["name"] if n not in told and person_key(n) in keys}
    return told | spelled, [
        step("applicants who are inventors", len(told), "persons, no organisations"),
        step("applicants who are inventors in another spelling", len(spelled), "persons"),
        step("applicant names left", mentions.height - len(told) - len(spelled)),
    ]


def _match_frame(
    mentions: pl.DataFrame, made: Matches, persons: set[str], taken: set[str], reader: Reader
) -> pl.DataFrame:
    """A row for every name; groups without a registered organisation get free ids."""
    new = sorted(
        {m.group for n, m in made.found.items() if m.org_id is None and m.group},
        key=lambda group: (reader.key(group), group.casefold(), group),
    )
    ids = _new_ids(new, taken, reader)
    rows: list[tuple[object, ...]] = []
    for name, n_records in mentions.select("name", "n_records").rows():
        key = reader.key(name)
        if name in persons:
            rows.append((name, key, None, "person", None, None, "", n_records))
            continue
        match = made.found[name]
        org_id = match.org_id or ids.get(match.group)
        shown = (match.matched_name, match.score, match.why)
        rows.append((name, key, org_id, match.method, *shown, n_records))
    return pl.DataFrame(rows, schema=MATCH_SCHEMA, orient="row")


def _new_ids(groups: list[str], taken: set[str], reader: Reader) -> dict[str, str]:
    """Ids of new organisations: the slug of the key, with the legal form where keys repeat."""
    parsed = {group: reader.parse(group) for group in groups}
    count = Counter(p.key for p in parsed.values())
    ids = {}
    for group in groups:
        key, forms = parsed[group].key, parsed[group].forms
        wish = slug(key)
        if count[key] > 1 and forms:
            wish = slug(f"{key} {forms[0]}")
        ids[group] = free_id(wish, taken)
    return ids


def _organisations(
    known: pl.DataFrame, matches: pl.DataFrame, types_of: TypeReader
) -> tuple[pl.DataFrame, list[Step]]:
    """Registered organisations and the new ones, named by their most frequent spelling."""
    ids = dict(matches.select("name", "org_id").rows())
    old = known.drop("key", "given").with_columns(
        pl.col("parent")
        .replace_strict(ids, default=None, return_dtype=pl.String)
        .alias("parent_id")
    )
    new = (
        matches.filter(
            pl.col("org_id").is_not_null(), ~pl.col("org_id").is_in(list(known["org_id"]))
        )
        .sort("org_id", -pl.col("n_records"), "name")
        .unique("org_id", keep="first", maintain_order=True)
        .select("org_id", "name")
    )
    types = [types_of.type_of(name) for name in new["name"]]
    created = new.with_columns(pl.Series("type", types, dtype=pl.String))
    table = pl.concat([old.drop("parent"), created], how="diagonal").sort("org_id")
    steps = [step("organisations of the register", old.height)]
    steps += [
        step(f"new organisations guessed as {kind}", types.count(kind))
        for kind in sorted(set(types))
    ]
    return table, steps


def _review_counts(made: Matches) -> list[Step]:
    outcomes = made.review["outcome"].value_counts().sort("outcome")
    return [step(f"pairs to review, {outcome}", n) for outcome, n in outcomes.rows()]


def _method_counts(matches: pl.DataFrame) -> list[Step]:
    notes = {
        "id": "the name is a registered id",
        "name": "letter by letter",
        "key": "without case, punctuation, legal form",
        "slip": "two neighbouring letters changed places",
        "fuzzy": "near spelling",
        "alias": "another name in the list of aliases",
        "override": "decided by a person",
        "new": "no registered organisation",
        "ambiguous": "as near to several organisations that exclude each other, so to none",
        "vetoed": "the same words, but numbers or the law of the legal form differ",
        "outside": "in tables beside the core ones only: no organisation of the study",
        "person": "no organisation",
    }
    nobody = ~pl.col("method").is_in(["person", "outside"])
    nameless = matches.filter(pl.col("org_id").is_null(), nobody).height
    return [
        step(f"names matched: {method}", matches.filter(pl.col("method") == method).height, note)
        for method, note in notes.items()
    ] + [step("names without a letter or digit", nameless, "dropped")]
