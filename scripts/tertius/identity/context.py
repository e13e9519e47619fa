"""What the records say about names beside their letters: places, inventors, classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tertius.identity.evidence import Context
from tertius.identity.text import person_key, plain_text

SUBCLASS = 4
"""Letters of an IPC or CPC subclass."""


def contexts_of(
    names: Sequence[str], tables: Mapping[str, pl.DataFrame], listed: pl.DataFrame
) -> dict[str, Context]:
    """Country, city, inventors and patent subclasses of names, as far as the tables tell them.

    Args:
        names: distinct names.
        tables: as read, with names.
        listed: the register: name, country, city.
    """
    wanted = pl.DataFrame({"name": names}, schema={"name": pl.String})
    inventors: dict[str, frozenset[str]] = {}
    classes: dict[str, frozenset[str]] = {}
    if "patent_applicants" in tables:
        held = tables["patent_applicants"].select("pid", "name").join(wanted, on="name")
        if "patent_inventors" in tables:
            theirs = tables["patent_inventors"].select("pid", pl.col("name").alias("value"))
            inventors = {
                name: frozenset(filter(None, map(person_key, found)))
                for name, found in _sets(held, theirs)
            }
        if "patent_classes" in tables:
            code = pl.col("code").str.slice(0, SUBCLASS).alias("value")
            classes = dict(_sets(held, tables["patent_classes"].select("pid", code)))
    places = {row[0]: row[1:] for row in listed.select("name", "country", "city").rows()}
    return {
        name: Context(
            places.get(name, (None, None))[0],
            _plain(places.get(name, (None, None))[1]),
            inventors.get(name, frozenset()),
            classes.get(name, frozenset()),
        )
        for name in names
    }


def _plain(city: str | None) -> str | None:
    return plain_text(city) if city else None


def _sets(held: pl.DataFrame, values: pl.DataFrame) -> list[tuple[str, frozenset[str]]]:
    found = held.join(values.drop_nulls(), on="pid").group_by("name").agg(pl.col("value").unique())
    return [(name, frozenset(known)) for name, known in found.rows()]
