"""Names become ids in every table of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from tertius.identity.convert import inventors_of, with_ids
from tertius.identity.match import (
    MATCH_SCHEMA,
    SCORE_CUT,
    Match,
    anchors_of,
    free_id,
    match_names,
    registered,
)
from tertius.identity.names import guessed_type, organisation_key, person_key, slug
from tertius.sources.result import Step, step
from tertius.tables import SCHEMAS

MENTIONS = (
    ("patent_applicants", "name"),
    ("alliance_parties", "name"),
    ("firm_years", "name"),
    ("policies", "target_org"),
    ("organisations", "parent"),
)
"""Table and column where organisations are named, beside the register's own names."""


@dataclass(frozen=True)
class Identity:
    """The tables of a study with ids in the place of names.

    Attributes:
        tables: typed tables by name, as in `tables.SCHEMAS`.
        matches: name, key, org_id, method (id | name | key | slip | fuzzy | new | ambiguous |
            vetoed | person), matched_name, score, n_records; a row a name. `ambiguous` and `vetoed`
            names became organisations of their own; matched_name is the one they were not merged
            with.
        ledger: counts of merges, guesses and drops.
    """

    tables: Mapping[str, pl.DataFrame]
    matches: pl.DataFrame
    ledger: tuple[Step, ...] = field(default=())


def resolve(tables: Mapping[str, pl.DataFrame], unit: str, cut: float = SCORE_CUT) -> Identity:
    """Give every organisation and inventor one id and put the ids into the tables.

    Names of organisations are matched to the register (rows of `organisations`); spellings that no
    registered name explains become new organisations, one for each key, with a type guessed from
    the name. Persons among the applicants make no organisations. Parents are kept as facts and not
    rolled up. An inventor is a name without case, accents and punctuation.

    Args:
        tables: as read, with names.
        unit: organisation | inventor; for inventors `organisations` holds the inventors.
        cut: least similarity of a near spelling (0-100).

    Returns:
        Tables, matches and ledger; the same for any order of rows.
    """
    listed = _one_row_a_name(tables.get("organisations"))
    known = registered(listed.filter(pl.col("type") != "person"))
    mentions = _mentions(tables)
    persons, counted = _persons(listed, mentions, tables.get("patent_inventors"))
    names = [name for name in mentions["name"] if name not in persons]
    found = match_names(names, anchors_of(known), cut)
    matches = _match_frame(mentions, found, persons, set(known["org_id"]))
    organisations, guessed = _organisations(known, matches)
    ids = {name: org_id for name, org_id in matches.select("name", "org_id").rows() if org_id}
    resolved, steps = with_ids(tables, ids)
    if "patent_inventors" in tables:
        resolved["patent_inventors"], people, more = inventors_of(tables["patent_inventors"])
        steps += more
        organisations = people if unit == "inventor" else organisations
    resolved["organisations"] = organisations
    ledger = [*counted, *_method_counts(matches), *guessed, *steps]
    ledger.append(step(f"{unit}s", organisations.height))
    return Identity(resolved, matches, tuple(ledger))


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


def _mentions(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Every organisation name of the records: name, n_records, sorted by name."""
    parts = [
        tables[table].select(pl.col(column).alias("name"))
        for table, column in MENTIONS
        if table in tables and column in tables[table].columns
    ]
    if not parts:
        return pl.DataFrame(schema={"name": pl.String, "n_records": pl.Int64})
    return (
        pl.concat(parts)
        .drop_nulls()
        .group_by("name")
        .agg(pl.len().cast(pl.Int64).alias("n_records"))
        .sort("name")
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
    mentions: pl.DataFrame, found: Mapping[str, Match], persons: set[str], taken: set[str]
) -> pl.DataFrame:
    """A row for every name; unmatched keys become organisations with free ids."""
    made: dict[str, str] = {}
    rows = []
    for name, n_records in mentions.select("name", "n_records").rows():
        key = organisation_key(name)
        match = Match(None, "person") if name in persons else found[name]
        org_id = match.org_id
        if org_id is None and match.method != "person" and key:
            if key not in made:
                made[key] = free_id(slug(key), taken)
            org_id = made[key]
        rows.append((name, key, org_id, match.method, match.matched_name, match.score, n_records))
    return pl.DataFrame(rows, schema=MATCH_SCHEMA, orient="row")


def _organisations(known: pl.DataFrame, matches: pl.DataFrame) -> tuple[pl.DataFrame, list[Step]]:
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
    types = [guessed_type(name) for name in new["name"]]
    created = new.with_columns(pl.Series("type", types, dtype=pl.String))
    table = pl.concat([old.drop("parent"), created], how="diagonal").sort("org_id")
    steps = [step("organisations of the register", old.height)]
    steps += [
        step(f"new organisations guessed as {kind}", types.count(kind))
        for kind in sorted(set(types))
    ]
    return table, steps


def _method_counts(matches: pl.DataFrame) -> list[Step]:
    notes = {
        "id": "the name is a registered id",
        "name": "letter by letter",
        "key": "without case, punctuation, legal form",
        "slip": "two neighbouring letters changed places",
        "fuzzy": "near spelling",
        "new": "no registered organisation",
        "ambiguous": "near to several registered organisations, so to none",
        "vetoed": "near, but numbers differ",
        "person": "no organisation",
    }
    nameless = matches.filter(pl.col("org_id").is_null(), pl.col("method") != "person").height
    return [
        step(f"names matched: {method}", matches.filter(pl.col("method") == method).height, note)
        for method, note in notes.items()
    ] + [step("names without a letter or digit", nameless, "dropped")]
