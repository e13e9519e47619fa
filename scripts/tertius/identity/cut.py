"""A study cut to its most active units, for quick runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tertius.identity.side_tables import RESOLVED
from tertius.sources.result import Step, step
from tertius.tables import organisation_columns

OF_PATENTS = {
    "patents": "pid",
    "patent_applicants": "pid",
    "patent_inventors": "pid",
    "patent_classes": "pid",
    "patent_events": "pid",
    "citations": "citing_pid",
    "npl_citations": "citing_pid",
}
"""Tables that hang on patents, and their column of the patent."""


def cut_units(
    tables: Mapping[str, pl.DataFrame], unit: str, number: int, types: Sequence[str]
) -> tuple[dict[str, pl.DataFrame], list[Step]]:
    """Keep the units with the most records and reduce every record to them.

    Kept are the `number` units of the given types with the most patents and alliances (ties in the
    count are settled by the id) and, of the other types, those that share the most records with
    the kept ones, so many that the mix of types stays that of the whole study. Patents and
    alliances without any kept unit go, with what hangs on them. Shares of patents stay those of
    the whole record.

    Args:
        tables: with ids.
        unit: organisation | inventor.
        number: units of the frame to keep.
        types: organisation types of the frame; for inventors all are persons.

    Returns:
        The smaller tables, and counts of what went.
    """
    links = _links(tables, unit)
    wanted = ("person",) if unit == "inventor" else tuple(types)
    framed = tables["organisations"].filter(pl.col("type").is_in(wanted)).select("org_id")
    kept = _most(links.join(framed, on="org_id", how="semi"), number)
    shared = links.join(links.join(kept, on="org_id", how="semi"), on="record", how="semi")
    beside = tables["organisations"].height - framed.height
    wanted_others = round(number * beside / max(framed.height, 1))
    others = _most(shared.join(framed, on="org_id", how="anti"), wanted_others)
    kept = pl.concat([kept, others])
    smaller = _reduced(tables, unit, kept)
    steps = [
        step(f"{name} outside the cut", tables[name].height - table.height, f"cut: {number}")
        for name, table in smaller.items()
    ]
    return smaller, steps


def _links(tables: Mapping[str, pl.DataFrame], unit: str) -> pl.DataFrame:
    """record, org_id: who stands in which patent or alliance."""
    if unit == "inventor":
        parts = [("p", "pid", "inv_id", "patent_inventors")]
    else:
        parts = [
            ("p", "pid", "org_id", "patent_applicants"),
            ("a", "aid", "org_id", "alliance_parties"),
        ]
    frames = [
        tables[table].select(
            pl.concat_str(pl.lit(mark), key).alias("record"), pl.col(who).alias("org_id")
        )
        for mark, key, who, table in parts
        if table in tables
    ]
    return pl.concat(frames)


def _most(links: pl.DataFrame, number: int) -> pl.DataFrame:
    counts = links.group_by("org_id").agg(pl.col("record").n_unique().alias("n"))
    ranked = counts.sort(["n", "org_id"], descending=[True, False])
    return ranked.head(number).select("org_id")


def _reduced(
    tables: Mapping[str, pl.DataFrame], unit: str, kept: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    smaller = dict(tables)
    who = "inv_id" if unit == "inventor" else "org_id"
    own = ("patent_inventors",) if unit == "inventor" else (
        "patent_applicants", "alliance_parties", "firm_years", *RESOLVED,
    )  # fmt: skip
    for name in (*own, "organisations"):
        labels = (who,) if name == "patent_inventors" else organisation_columns(name)
        for label in (label for label in labels if name in smaller and label != "parent_id"):
            ids = kept.rename({"org_id": label})
            smaller[name] = smaller[name].join(ids, on=label, how="semi")
    holders = "patent_inventors" if unit == "inventor" else "patent_applicants"
    if "patents" in smaller and holders in smaller:
        ids = _with_families(smaller["patents"], smaller[holders].select("pid").unique())
        for name, label in OF_PATENTS.items():
            if name in smaller:
                mine = ids.rename({"pid": label})
                smaller[name] = smaller[name].join(mine, on=label, how="semi")
    if "alliance_parties" in smaller:
        ids = smaller["alliance_parties"].select("aid").unique()
        for name in ("alliances", "alliance_scopes"):
            if name in smaller:
                smaller[name] = smaller[name].join(ids, on="aid", how="semi")
    return smaller


def _with_families(patents: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """The patents and the other members of their families (which need not name a holder)."""
    if "family_id" not in patents.columns:
        return ids
    families = patents.join(ids, on="pid", how="semi").select("family_id").drop_nulls().unique()
    members = patents.join(families, on="family_id", how="semi").select("pid")
    return pl.concat([ids, members]).unique()
