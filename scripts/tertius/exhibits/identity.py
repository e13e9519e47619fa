"""What identity did: counts by method, samples, pairs to review, effects on ties, coverage."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from tertius.exhibits.content import Grid
from tertius.exhibits.style import count, real, share
from tertius.measures.graph import Graph
from tertius.measures.holes import burt

METHOD_WORDS: Mapping[str, str] = {
    "id": "registered id",
    "name": "registered name, letter by letter",
    "key": "equal but for case, punctuation, legal form, abbreviations",
    "slip": "two letters swapped",
    "fuzzy": "near spelling, every difference explained",
    "alias": "listed alias",
    "override": "decided by a person",
    "new": "no other name: an organisation of its own",
    "ambiguous": "as near to two that exclude each other: kept apart",
    "vetoed": "same words, other number or law of the legal form: kept apart",
    "person": "a person, no organisation",
}
LAYERS: Mapping[str, tuple[str, str]] = {
    "co_applicant": ("patent_applicants", "pid"),
    "alliance": ("alliance_parties", "aid"),
}
SOURCES: Mapping[str, str] = {
    "patents": "patent_applicants",
    "alliances": "alliance_parties",
    "financials": "firm_years",
    "register": "organisations",
}
JOINS = (
    ("patents", "register"),
    ("patents", "alliances"),
    ("patents", "financials"),
    ("alliances", "register"),
    ("alliances", "patents"),
    ("alliances", "financials"),
)
SAMPLES = 12
"""Names of each method in the sample."""
LARGEST_RECORD = 200
"""Records of more parties make no ties in the comparison of before and after."""
SHOWN_CHANGES = 25
SHOWN_PAIRS = 40


def method_counts(matches: pl.DataFrame) -> pl.DataFrame:
    """Names, organisations and records by method, in the order of `METHOD_WORDS`."""
    found = matches.group_by("method").agg(
        pl.len().alias("names"),
        pl.col("org_id").n_unique().alias("organisations"),
        pl.col("n_records").sum().alias("records"),
    )
    order = pl.DataFrame({"method": list(METHOD_WORDS), "meaning": list(METHOD_WORDS.values())})
    return order.join(found, on="method", maintain_order="left")


def samples(matches: pl.DataFrame) -> pl.DataFrame:
    """Some merges of each method with their reasons: every k-th name in alphabetical order."""
    told = matches.filter(pl.col("matched_name").is_not_null()).sort("method", "name")
    place, number = pl.int_range(pl.len()).over("method"), pl.len().over("method")
    step = pl.max_horizontal(number // SAMPLES, pl.lit(1))
    chosen = told.filter((place % step == 0) & (place // step < SAMPLES))
    return chosen.select("method", "name", "matched_name", "score", "why", "org_id", "n_records")


def network_effects(
    tables: Mapping[str, pl.DataFrame], matches: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ties, degree and constraint before names are put together and after.

    Before, every spelling is a node; after, every organisation. One network of all years a layer,
    each record a clique of its organisations (records above `LARGEST_RECORD` parties left out),
    weights = records.

    Returns:
        layer, quantity, before, after; and the organisations that change: layer, org_id, names,
        degree and constraint of their most connected spelling before, and of them after.
    """
    ids = matches.filter(pl.col("org_id").is_not_null()).select("name", "org_id")
    rows: list[tuple[str, str, float | None, float | None]] = []
    changes = []
    for layer, (table, key) in LAYERS.items():
        if table not in tables:
            continue
        named = tables[table].select(key, "name").join(ids, on="name").unique()
        before, after = _positions(named, key, "name"), _positions(named, key, "org_id")
        for quantity, values in _facts(before).items():
            rows.append((layer, quantity, values, _facts(after)[quantity]))
        changes.append(_changes(layer, named, before, after))
    schema = {"layer": pl.String, "quantity": pl.String, "before": pl.Float64, "after": pl.Float64}
    empty = pl.DataFrame(schema=_CHANGES)
    return pl.DataFrame(rows, schema=schema, orient="row"), pl.concat([empty, *changes])


_CHANGES = {
    "layer": pl.String,
    "org_id": pl.String,
    "names": pl.UInt32,
    "degree_before": pl.Int64,
    "degree_after": pl.Int64,
    "constraint_before": pl.Float64,
    "constraint_after": pl.Float64,
}


def _positions(named: pl.DataFrame, key: str, node: str) -> pl.DataFrame:
    """node, degree, constraint (null without ties) of every node."""
    members = named.select(key, pl.col(node).alias("node")).unique()
    small = members.filter(pl.len().over(key) <= LARGEST_RECORD)
    pairs = small.join(small, on=key).filter(pl.col("node") < pl.col("node_right"))
    ties = pairs.group_by("node", "node_right").len("weight").sort("node", "node_right")
    nodes = members["node"].unique().sort()
    graph = Graph.from_edges(
        ties["node"], ties["node_right"], ties["weight"].to_numpy().astype(float), nodes
    )
    found = burt(graph)
    return pl.DataFrame(
        {"node": nodes, "degree": found.degree, "constraint": found.constraint}
    ).with_columns(pl.col("constraint").fill_nan(None))


def _facts(positions: pl.DataFrame) -> dict[str, float | None]:
    tied = positions.filter(pl.col("degree") > 0)
    constraint = tied["constraint"].to_numpy()
    return {
        "nodes": float(positions.height),
        "nodes with ties": float(tied.height),
        "ties": float(positions["degree"].sum()) / 2,
        "mean degree of nodes with ties": float(np.mean(tied["degree"].to_numpy()))
        if tied.height
        else None,
        "mean constraint of nodes with ties": float(np.mean(constraint)) if tied.height else None,
        "nodes with two partners or more": float((positions["degree"] > 1).sum()),
    }


def _changes(
    layer: str, named: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame
) -> pl.DataFrame:
    spelled = (
        named.select("name", "org_id")
        .unique()
        .join(before.rename({"node": "name"}), on="name")
        .sort("org_id", -pl.col("degree"), "name")
        .group_by("org_id", maintain_order=True)
        .agg(
            pl.len().alias("names"),
            pl.col("degree").first().alias("degree_before"),
            pl.col("constraint").first().alias("constraint_before"),
        )
    )
    joined = spelled.join(
        after.rename(
            {"node": "org_id", "degree": "degree_after", "constraint": "constraint_after"}
        ),
        on="org_id",
    )
    differs = pl.col("degree_before") != pl.col("degree_after")
    moved = (pl.col("constraint_before") - pl.col("constraint_after")).abs() > 1e-9
    return (
        joined.filter(differs | moved.fill_null(False))
        .with_columns(pl.lit(layer).alias("layer"))
        .sort(-(pl.col("degree_after") - pl.col("degree_before")).abs(), "org_id")
        .select(_CHANGES.keys())
        .cast(_CHANGES)  # type: ignore[arg-type]
    )


def coverage(tables: Mapping[str, pl.DataFrame], matches: pl.DataFrame) -> pl.DataFrame:
    """How far one source finds the organisations of another one.

    Returns:
        source, target, organisations of the source, matched in the target, the others by reason
        (ambiguous, kept apart, not in the target), names that are persons or hold no letter, and
        the shares of the source's records (patents, alliances) of which one organisation, or every
        one, is matched.
    """
    held = {name: _held(tables[t], matches) for name, t in SOURCES.items() if t in tables}
    rows = []
    for source, target in JOINS:
        if source in held and target in held:
            key = LAYERS["co_applicant" if source == "patents" else "alliance"][1]
            rows.append(_join(source, target, held, key))
    return pl.DataFrame(rows, schema=_COVERAGE)


_COVERAGE = {
    "source": pl.String,
    "target": pl.String,
    "organisations": pl.Int64,
    "matched": pl.Int64,
    "ambiguous": pl.Int64,
    "kept apart": pl.Int64,
    "not in the target": pl.Int64,
    "names of persons": pl.Int64,
    "names without a letter": pl.Int64,
    "records": pl.Int64,
    "share of records, one matched": pl.Float64,
    "share of records, all matched": pl.Float64,
}


def _held(table: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    keys = [key for key in ("pid", "aid") if key in table.columns]
    return table.select("name", *keys).join(
        matches.select("name", "org_id", "method"), on="name", how="left"
    )


def _join(
    source: str, target: str, held: Mapping[str, pl.DataFrame], key: str
) -> dict[str, object]:
    ours = held[source]
    known = ours.filter(pl.col("org_id").is_not_null())
    theirs = held[target].select("org_id").drop_nulls().unique()
    orgs = known.group_by("org_id").agg(
        pl.col("method").eq("ambiguous").any().alias("ambiguous"),
        pl.col("method").eq("vetoed").any().alias("vetoed"),
    )
    lost = orgs.join(theirs, on="org_id", how="anti")
    ambiguous = int(lost["ambiguous"].sum())
    vetoed = int((lost["vetoed"] & ~lost["ambiguous"]).sum())
    matched = known.with_columns(pl.col("org_id").is_in(theirs["org_id"].to_list()).alias("in"))
    records = matched.group_by(key).agg(pl.col("in").any().alias("one"), pl.col("in").all())
    everyone = ours[key].n_unique()
    return {
        "source": source,
        "target": target,
        "organisations": orgs.height,
        "matched": orgs.height - lost.height,
        "ambiguous": ambiguous,
        "kept apart": vetoed,
        "not in the target": lost.height - ambiguous - vetoed,
        "names of persons": _names(ours, pl.col("method") == "person"),
        "names without a letter": _names(ours, _nameless()),
        "records": everyone,
        "share of records, one matched": float(records["one"].sum()) / max(everyone, 1),
        "share of records, all matched": float(records["in"].sum()) / max(everyone, 1),
    }


def _nameless() -> pl.Expr:
    return pl.col("org_id").is_null() & (pl.col("method") != "person")


def _names(rows: pl.DataFrame, condition: pl.Expr) -> int:
    return rows.filter(condition)["name"].n_unique()


def identity_grids(frames: Mapping[str, pl.DataFrame]) -> tuple[Grid, ...]:
    """The tables of the report's section on identity; none where the step wrote nothing."""
    if "methods" not in frames:
        return ()
    effects = frames["effects"]
    return (
        _grid("Names by method", frames["methods"]),
        _grid(
            "Before and after names are put together",
            effects,
            note="Before: a node a spelling. All years in one network, weights = records.",
        ),
        _grid("Joins across sources", frames["coverage"]),
        _grid("Organisations whose position changes", frames["changed"].head(SHOWN_CHANGES)),
        _grid("Samples of merges and their reasons", frames["samples"]),
        _grid(
            "Pairs to review",
            frames["review"].drop("decision", "reason").head(SHOWN_PAIRS),
            note=(
                f"{count(frames['review'].height)} pairs in review.csv. Fill in decision (same or "
                "different) and reason, save the file as config/identity/decisions/<study>.csv, "
                "and run again."
            ),
        ),
    )


def _grid(title: str, frame: pl.DataFrame, note: str = "") -> Grid:
    numeric = frozenset(i for i, kind in enumerate(frame.dtypes) if kind.is_numeric())
    rows = tuple(
        tuple(_cell(head, value) for head, value in row.items()) for row in frame.to_dicts()
    )
    return Grid(title, tuple(c.replace("_", " ") for c in frame.columns), rows, numeric, note)


def _cell(head: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if head.startswith("share"):
            return share(value)
        return count(int(value)) if value == int(value) else real(value)
    return count(value) if isinstance(value, int) else str(value)
