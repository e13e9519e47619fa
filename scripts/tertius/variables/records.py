"""Normal forms of the records behind the variables, with whole numbers in the place of names.

Organisations are numbered in the order of their ids, families in the order of theirs, so that
sorting by number is sorting by name and nothing depends on the order of the rows.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tertius.variables.inputs import Inputs

Level = int | str
"""Level of a class: 3 = H04, 4 = H04L, "group" = main group H04L9, "full" = the whole symbol."""
PUBLICATION_MONTHS = 18
"""Months from priority to publication where the publication date is not known."""


def organisation_codes(inputs: Inputs) -> pl.DataFrame:
    """org_id, org: every unit that stands in the risk set or in a record, sorted by id."""
    return inputs.once("organisation_codes", lambda: _codes(inputs))


def _codes(inputs: Inputs) -> pl.DataFrame:
    parts = [inputs.risk_set["org_id"]]
    if inputs.holders is not None:
        parts.append(inputs.holders["org_id"])
    for tie in inputs.ties.values():
        parts += [tie["a"], tie["b"]]
    for name in ("alliance_parties", "organisations"):
        if name in inputs.tables:
            parts.append(inputs.tables[name]["org_id"])
    distinct = pl.concat([part.unique().rename("org_id") for part in parts]).unique().sort()
    return distinct.to_frame().with_row_index("org").select("org_id", "org")


def rows(inputs: Inputs) -> pl.DataFrame:
    """org_id, org, year of the risk set, sorted by key."""
    return inputs.once(
        "rows",
        lambda: (
            inputs.risk_set.select("org_id", pl.col("year").cast(pl.Int32))
            .unique()
            .join(organisation_codes(inputs), on="org_id")
            .select("org_id", "org", "year")
            .sort("org", "year")
        ),
    )


def coded(
    inputs: Inputs, table: pl.DataFrame, column: str = "org_id", to: str = "org"
) -> pl.DataFrame:
    """The table with the number of the unit in the place of its id."""
    codes = organisation_codes(inputs).rename({"org_id": column, "org": to})
    return table.join(codes, on=column).drop(column)


def organisations(inputs: Inputs) -> pl.DataFrame:
    """The register with `org` in the place of org_id."""
    return inputs.once("organisations", lambda: coded(inputs, inputs.tables["organisations"]))


def publications(inputs: Inputs) -> pl.DataFrame:
    """pid, unit, year, first: the family (`unit`) of every publication, in the order of the table.

    `first` marks the publications of the family's earliest year: classes, holders and office are
    theirs alone, so that a later member of the family says nothing about an earlier year.
    """
    return inputs.once("publications", lambda: _publications(inputs))


def _publications(inputs: Inputs) -> pl.DataFrame:
    named = inputs.tables["patents"].select(
        "pid",
        pl.when(pl.col("family_id").is_null())
        .then(pl.concat_str(pl.lit("p"), "pid"))
        .otherwise(pl.concat_str(pl.lit("f"), "family_id"))
        .alias("family"),
        pl.col("year").cast(pl.Int32),
    )
    families = named["family"].unique().sort().to_frame().with_row_index("unit")
    numbered = named.join(families, on="family", how="left", maintain_order="left")
    earliest = pl.col("year").min().over("unit")
    return numbered.select("pid", "unit", "year", first=pl.col("year") == earliest)


def first_publications(inputs: Inputs, *columns: str) -> pl.DataFrame:
    """pid, unit, year and columns of the patents table for each family's first publications."""
    table = publications(inputs).hstack(inputs.columns("patents", *columns))
    return table.filter("first").drop("first")


def families(inputs: Inputs) -> pl.DataFrame:
    """unit, year, office, published: one row a family, of its earliest year.

    `published` is the earliest publication date; where it is unknown 18 months after the priority
    (or application) date, or after 31 December of the year.
    """
    return inputs.once("families", lambda: _families(inputs))


def _families(inputs: Inputs) -> pl.DataFrame:
    dated = pl.coalesce("prio_date", "app_date", pl.date(pl.col("year"), 12, 31))
    assumed = dated.dt.offset_by(f"{PUBLICATION_MONTHS}mo")
    members = first_publications(
        inputs, "prio_date", "app_date", "pub_date", "office", "cited_total"
    ).with_columns(published=pl.coalesce("pub_date", assumed))
    return (
        members.group_by("unit")
        .agg(
            pl.col("year").min(),
            pl.col("office").fill_null("").min(),
            pl.col("published").min(),
            pl.col("cited_total").sum().alias("cited_total"),
            pl.col("cited_total").is_not_null().any().alias("cited_known"),
        )
        .sort("unit")
    )


def family_days(inputs: Inputs) -> pl.DataFrame:
    """unit, year, day: earliest priority (or application) date of the family's first year.

    31 December of the year where no date is known.
    """
    return inputs.once("family_days", lambda: _family_days(inputs))


def _family_days(inputs: Inputs) -> pl.DataFrame:
    members = first_publications(inputs, "prio_date", "app_date").with_columns(
        day=pl.coalesce("prio_date", "app_date", pl.date(pl.col("year"), 12, 31))
    )
    return members.group_by("unit").agg(pl.col("year").min(), pl.col("day").min()).sort("unit")


def holdings(inputs: Inputs) -> pl.DataFrame:
    """unit, org, year, n_holders: who holds each family, sorted; whole counts."""
    return inputs.once("holdings", lambda: _holdings(inputs))


def _holdings(inputs: Inputs) -> pl.DataFrame:
    assert inputs.holders is not None
    first = publications(inputs).filter("first").select("pid", "unit", "year")
    held = coded(inputs, inputs.holders.select("pid", "org_id"))
    return (
        held.join(first, on="pid")
        .select("unit", "org", "year")
        .unique()
        .sort("unit", "org")
        .with_columns(pl.len().over("unit").alias("n_holders"))
    )


def scheme(inputs: Inputs) -> str:
    """The classification that classes are read in: IPC, or CPC where there is no IPC."""
    schemes = set(inputs.columns("patent_classes", "scheme")["scheme"].unique())
    return "IPC" if "IPC" in schemes or not schemes else "CPC"


def _coded_symbols(inputs: Inputs) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The symbols, and unit, number of every family, sorted; of the first publications alone."""

    def build() -> tuple[pl.DataFrame, pl.DataFrame]:
        rows_ = inputs.columns("patent_classes", "pid", "scheme", "code")
        rows_ = rows_.filter(pl.col("scheme") == scheme(inputs)).drop("scheme")
        codes = rows_["code"].unique().sort().to_frame().with_row_index("number")
        first = publications(inputs).filter("first").select("pid", "unit")
        found = (
            rows_.lazy()
            .join(codes.lazy(), on="code")
            .join(first.lazy(), on="pid")
            .select("unit", "number")
            .collect()
        )
        return codes.select("code", "number"), _distinct(found, "number")

    return inputs.once("coded_symbols", build)


def _distinct(cells: pl.DataFrame, column: str) -> pl.DataFrame:
    """unit and a number, each pair once, sorted."""
    key = (cells["unit"].cast(pl.Int64).to_numpy() << 32) | cells[column].to_numpy()
    if not bool((key[1:] >= key[:-1]).all()):
        key = np.sort(key)
    key = key[np.append(True, key[1:] != key[:-1])[: key.size]]
    unit, number = (key >> 32).astype(np.uint32), (key & 0xFFFFFFFF).astype(np.uint32)
    return pl.DataFrame({"unit": unit, column: number})


def class_numbers(inputs: Inputs, level: Level = 4) -> pl.DataFrame:
    """symbol, cls: the classes of one level, numbered in the order of their symbols.

    Args:
        inputs: the study's inputs.
        level: see `Level`.
    """
    return inputs.once(("class_numbers", level), lambda: _class_numbers(inputs, level))


def _class_numbers(inputs: Inputs, level: Level) -> pl.DataFrame:
    cut = _coded_symbols(inputs)[0].select(symbol_at(level).alias("symbol"))
    distinct = cut["symbol"].unique().sort().to_frame()
    return distinct.with_row_index("cls").select("symbol", "cls")


def symbol_at(level: Level) -> pl.Expr:
    """The symbol of a class in `code`, cut to a level.

    Raises:
        ValueError: an unknown level.
    """
    if isinstance(level, int):
        return pl.col("code").str.slice(0, level)
    if level == "group":
        return pl.col("code").str.split("/").list.first()
    if level == "full":
        return pl.col("code")
    raise ValueError(f"level must be a number of characters, group or full, not {level!r}")


def family_classes(inputs: Inputs, level: Level = 4) -> pl.DataFrame:
    """unit, cls: the distinct classes of each family, sorted.

    Args:
        inputs: the study's inputs.
        level: see `Level`.
    """
    return inputs.once(("family_classes", level), lambda: _family_classes(inputs, level))


def _family_classes(inputs: Inputs, level: Level) -> pl.DataFrame:
    codes, cells = _coded_symbols(inputs)
    cut = codes.select("number", symbol=symbol_at(level))
    of = cut.join(class_numbers(inputs, level), on="symbol", maintain_order="left")["cls"]
    numbered = cells.select("unit", cls=of.gather(cells["number"]))
    return _distinct(numbered, "cls")


def citation_pairs(inputs: Inputs) -> pl.DataFrame:
    """citing, cited, date, year: one row a pair of families, dated by its first citation.

    Citations inside a family and citations of a family that is younger than the citation are left
    out (`record_ledger` counts them). A cited document that is not among the patents has a number
    above all families.
    """
    return inputs.once("citation_pairs", lambda: _citation_pairs(inputs)[0])


def _citation_pairs(inputs: Inputs) -> tuple[pl.DataFrame, dict[str, int]]:
    born = families(inputs)["year"].to_numpy()
    named = inputs.columns("citations", "citing_pid", "cited_pid", "date")
    all_pairs = pl.DataFrame(
        {
            "citing": _units(inputs, named["citing_pid"]),
            "cited": _cited_units(inputs, named["cited_pid"], born.size),
            "date": named["date"],
        }
    ).drop_nulls("citing")
    n_citations = named.height
    del named
    pairs = _first_dates(all_pairs)
    inside = pairs["cited"].to_numpy() < born.size
    since = np.full(inside.size, np.iinfo(np.int32).min, dtype=np.int32)
    since[inside] = born[pairs["cited"].to_numpy()[inside]]
    within = pl.col("citing") == pl.col("cited")
    younger = pl.Series(since) > pl.col("year")
    kept = pairs.filter(~within & ~younger)
    counts = {
        "citations": n_citations,
        "citations_outside_the_patents": int((all_pairs["cited"] >= born.size).sum()),
        "citation_pairs_of_families": pairs.height,
        "pairs_inside_a_family_left_out": pairs.filter(within).height,
        "pairs_to_a_younger_family_left_out": pairs.filter(~within & younger).height,
        "pairs_used": kept.height,
    }
    return kept, counts


def _units(inputs: Inputs, pids: pl.Series) -> pl.Series:
    """The family of every publication named, null where it is none of the study's."""
    members = publications(inputs).lazy().select("pid", "unit")
    named = pids.rename("pid").to_frame().lazy()
    found = named.join(members, on="pid", how="left", maintain_order="left").select("unit")
    return found.collect().to_series()


def _cited_units(inputs: Inputs, pids: pl.Series, n_families: int) -> pl.Series:
    """The family of every cited publication; documents outside are numbered above all families."""
    units = _units(inputs, pids)
    strange = units.is_null()
    if not strange.any():
        return units
    outside = pids.filter(strange).rename("pid")
    numbers = outside.unique().sort().to_frame().with_row_index("other", offset=n_families)
    named = outside.to_frame().join(numbers, on="pid", how="left", maintain_order="left")
    return units.scatter(strange.arg_true(), named["other"])


def _first_dates(pairs: pl.DataFrame) -> pl.DataFrame:
    """citing, cited, date, year: one row a pair, of its earliest date, sorted."""
    base = int(pairs["cited"].max() or 0) + 1  # type: ignore[arg-type]
    key = pairs["citing"].cast(pl.Int64).to_numpy() * base + pairs["cited"].to_numpy()
    if bool((key[1:] > key[:-1]).all()):  # the table is sorted by publication
        return pairs.with_columns(year=pl.col("date").dt.year().cast(pl.Int32))
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: key.size])
    days = pairs["date"].cast(pl.Int32).to_numpy()[order]
    first = np.minimum.reduceat(days, starts) if starts.size else days
    found = pairs[order[starts]].select("citing", "cited")
    date = pl.Series("date", first).cast(pl.Date)
    return found.with_columns(date, year=date.dt.year().cast(pl.Int32))


def patent_counts(inputs: Inputs) -> pl.DataFrame:
    """org, year, n: families of the priority year, whole counts."""
    return inputs.once(
        "patent_counts",
        lambda: (
            holdings(inputs).group_by("org", "year").agg(pl.len().alias("n")).sort("org", "year")
        ),
    )


def partners(inputs: Inputs, network: str) -> pl.DataFrame:
    """year, org, partner, n_records: every tie from both ends, sorted."""
    return inputs.once(("partners", network), lambda: _partners(inputs, network))


def _partners(inputs: Inputs, network: str) -> pl.DataFrame:
    ties = inputs.ties[network].select("year", "a", "b", "n_records")
    numbered = coded(inputs, coded(inputs, ties, "a", "org"), "b", "partner")
    order = ["year", "org", "partner", "n_records"]
    back = numbered.rename({"org": "partner", "partner": "org"})
    return pl.concat([numbered.select(order), back.select(order)]).sort("year", "org", "partner")


def partner_counts(inputs: Inputs, network: str) -> pl.DataFrame:
    """org, year, n, records: partners of each unit, and the records behind its ties, summed."""
    return inputs.once(
        ("partner_counts", network),
        lambda: (
            partners(inputs, network)
            .group_by("org", "year")
            .agg(pl.len().alias("n"), pl.col("n_records").sum().alias("records"))
        ),
    )


def active_records(inputs: Inputs, network: str) -> pl.DataFrame:
    """year, org, record_id: the records behind each unit's ties, each once."""
    return inputs.once(("active_records", network), lambda: _active_records(inputs, network))


def _active_records(inputs: Inputs, network: str) -> pl.DataFrame:
    named = inputs.tie_records[network].select("year", "a", "b", "record_id")
    numbers = named["record_id"].unique().sort().to_frame().with_row_index("record")
    records = coded(inputs, coded(inputs, named, "a", "a_org"), "b", "b_org").join(
        numbers, on="record_id"
    )
    ends = [records.select("year", pl.col(f"{end}_org").alias("org"), "record") for end in "ab"]
    found = pl.concat(ends).unique().sort("year", "org", "record")
    return found.join(numbers, on="record", maintain_order="left").drop("record")


def record_ledger(inputs: Inputs) -> dict[str, int]:
    """What happened to the patent records on the way into the variables, counted."""
    if not inputs.has("patents"):
        return {}
    members = publications(inputs)
    ledger = {
        "publications": members.height,
        "families": families(inputs).height,
        "publications_later_in_their_family": members.filter(~pl.col("first")).height,
    }
    if inputs.has("holders"):
        ledger["holdings"] = holdings(inputs).height
        held = holdings(inputs)["unit"].n_unique()
        ledger["families_without_holder"] = ledger["families"] - held
    if inputs.has("patent_classes"):
        classes = family_classes(inputs)
        ledger["families_without_class"] = ledger["families"] - classes["unit"].n_unique()
        sizes = classes.group_by("unit").agg(pl.len().alias("k"))
        ledger["families_with_more_than_30_classes"] = sizes.filter(pl.col("k") > 30).height
    if inputs.has("citations"):
        ledger.update(_citation_pairs(inputs)[1])
    return ledger
