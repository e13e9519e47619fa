"""Parents with dates, and the three ways to put subsidiaries together as of a year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import polars as pl

from tertius.problems import SHOWN, Problems

ROLL_UPS = ("none", "majority", "controlling")
"""none: every organisation stands for itself; majority: to the owner of 50 % or more; controlling:
to the holder that controls it, whatever its share."""
MAJORITY = 0.5

OWNERS = pl.Schema(
    {
        "org_id": pl.String,
        "owner_id": pl.String,
        "from_year": pl.Int32,
        "to_year": pl.Int32,
        "share": pl.Float64,
        "controls": pl.Boolean,
    }
)
"""One owner of one organisation: from the first to the last year (null: open), share in [0, 1]
(null: unknown), whether it controls (null: unknown)."""


def owners_of(organisations: pl.DataFrame) -> pl.DataFrame:
    """Owners as the register tells them: a parent of unknown share counts as one that controls.

    Args:
        organisations: org_id, parent_id, parent_from, parent_to.
    """
    return organisations.filter(pl.col("parent_id").is_not_null()).select(
        "org_id",
        pl.col("parent_id").alias("owner_id"),
        pl.col("parent_from").alias("from_year"),
        pl.col("parent_to").alias("to_year"),
        pl.lit(None, dtype=pl.Float64).alias("share"),
        pl.lit(True).alias("controls"),
    )


def heads(owners: pl.DataFrame, years: Sequence[int], rule: str) -> pl.DataFrame:
    """Head of each owned organisation in each year.

    Ownership is followed to the top with the links that hold in the year itself: a link that
    begins after year t joins nobody at t. An owner counts under `majority` when its share is 50 %
    or more, or is unknown and it controls; under `controlling` when it controls, or has 50 % or
    more. Of two such owners the one with the larger share counts, then the smaller id.

    Args:
        owners: columns of `OWNERS`.
        years: calendar years.
        rule: one of `ROLL_UPS`.

    Returns:
        org_id, year, head_id, sorted; only where the head is another organisation.

    Raises:
        InputError: organisations that own each other in one year.
    """
    if rule not in ROLL_UPS:
        raise ValueError(f"rule is one of {ROLL_UPS}, not {rule!r}")
    rows: list[tuple[str, int, str]] = []
    problems = Problems()
    links = [] if rule == "none" else _links(owners, rule)
    for year in sorted(set(years)):
        owner = _owners_in(links, year)
        for org_id in sorted(owner):
            head = _head(org_id, owner)
            if head is None:
                problems.add("organisations", f"{org_id} owns itself through others in {year}")
            elif head != org_id:
                rows.append((org_id, year, head))
    if len(problems.found) > SHOWN:
        del problems.found[SHOWN:]
    problems.raise_if_any()
    schema = {"org_id": pl.String, "year": pl.Int32, "head_id": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("org_id", "year")


_Link = tuple[str, str, int | None, int | None, float]


def _links(owners: pl.DataFrame, rule: str) -> list[_Link]:
    large = (pl.col("share") >= MAJORITY).fill_null(False)
    controls = pl.col("controls").fill_null(False)
    counts = large | (pl.col("share").is_null() & controls)
    if rule == "controlling":
        counts = large | controls
    told = owners.filter(counts).sort("org_id", "owner_id", "from_year", nulls_last=True)
    return [
        (org, owner, first, last, -1.0 if held is None else held)
        for org, owner, first, last, held in told.select(
            "org_id", "owner_id", "from_year", "to_year", "share"
        ).rows()
    ]


def _owners_in(links: Sequence[_Link], year: int) -> dict[str, str]:
    held: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for org, owner, first, last, share in links:
        if (first is None or first <= year) and (last is None or year <= last):
            held[org].append((-share, owner))
    return {org: min(known)[1] for org, known in held.items()}


def _head(org_id: str, owner: Mapping[str, str]) -> str | None:
    seen, at = {org_id}, org_id
    while at in owner:
        at = owner[at]
        if at in seen:
            return None
        seen.add(at)
    return at


def roll_up(rows: pl.DataFrame, dates: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Rows with the head of their organisation in the year of their record.

    Args:
        rows: org_id and the keys of `dates`.
        dates: the key of a record and its year.
        found: result of `heads`.
    """
    keys = [name for name in dates.columns if name != "year"]
    dated = rows.join(dates, on=keys, how="left", maintain_order="left") if keys else rows
    joined = dated.with_columns(pl.col("year").cast(pl.Int32)).join(
        found, on=["org_id", "year"], how="left", maintain_order="left"
    )
    head = pl.coalesce("head_id", "org_id").alias("org_id")
    return joined.with_columns(head).select(rows.columns)
