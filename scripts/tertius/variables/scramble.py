"""Randomise everything that is dated after a year: what a covariate of that year may not notice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

Change = Callable[["_Scramble", pl.DataFrame], pl.DataFrame]


class _Scramble:
    """Random draws beyond one year, and what the tables offer to draw from."""

    def __init__(self, tables: Mapping[str, pl.DataFrame], year: int, last: int, seed: int) -> None:
        self.tables = tables
        self.year = year
        self.last = max(last, year + 1)
        self.rng = np.random.default_rng(seed)
        self.end = dt.date(year, 12, 31)
        patents = tables.get("patents")
        self.future_pids = self._ids("patents", "pid", pl.col("year") > year)
        self.pids = patents["pid"].sort() if patents is not None else pl.Series(dtype=pl.String)
        self.future_aids = self._ids("alliances", "aid", pl.col("start_date") > self.end)

    def _ids(self, table: str, column: str, future: pl.Expr) -> pl.Series:
        if table not in self.tables:
            return pl.Series(column, dtype=pl.String)
        return self.tables[table].filter(future)[column].sort()

    def pick(self, values: pl.Series, n: int) -> pl.Series:
        """n draws with replacement."""
        return values[self.rng.integers(0, values.len(), n)] if values.len() else values

    def years(self, n: int) -> pl.Series:
        """n years after the year."""
        return pl.Series(self.rng.integers(self.year + 1, self.last + 1, n), dtype=pl.Int32)

    def dates(self, n: int) -> pl.Series:
        """n dates after the year."""
        days = self.rng.integers(1, 365 * (self.last - self.year), n)
        return pl.Series([self.end + dt.timedelta(days=int(day)) for day in days], dtype=pl.Date)

    def redate(self, table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """Dates after the year replaced by other dates after the year."""
        for column in columns:
            fresh = self.dates(table.height)
            late = pl.col(column) > self.end
            table = table.with_columns(pl.when(late).then(fresh).otherwise(column).alias(column))
        return table

    def shuffle(self, table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """Each column permuted by itself."""
        permuted = [table[column][self.rng.permutation(table.height)] for column in columns]
        return table.with_columns(permuted)


def scramble_future(
    tables: Mapping[str, pl.DataFrame], year: int, seed: int, last: int
) -> dict[str, pl.DataFrame]:
    """The tables with every record dated after 31 December of `year` randomised.

    Later patents get other years, dates, offices, families, classes, holders and citations, later
    alliances other years, parties and functions, later rows of accounts, industries and regions
    other values (and some are dropped), later policies other targets; dates after the year that
    stand in earlier records (publication, end, death) move to other dates after the year; citation
    totals, which are counted at the end of the data, are permuted. Everything dated until then
    stays as it is, though in another row order.

    Args:
        tables: typed tables by name.
        year: the last year that stays.
        seed: seed of the draws.
        last: last year of the records.
    """
    draw = _Scramble(tables, year, last, seed)
    out = {}
    for name in sorted(tables):
        changed = _CHANGES[name](draw, tables[name]) if name in _CHANGES else tables[name]
        out[name] = changed[draw.rng.permutation(changed.height)]
    return out


def _patents(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    later = pl.col("year") > draw.year
    past, future = table.filter(~later), table.filter(later)
    past = draw.redate(past, ["app_date", "pub_date", "grant_date", "status_date", "lapse_date"])
    n = future.height
    future = draw.shuffle(
        future, ["office", "kind", "n_claims", "family_id", "grant_date"]
    ).with_columns(
        draw.years(n).alias("year"),
        *(draw.dates(n).alias(name) for name in ("prio_date", "app_date", "pub_date")),
    )
    return draw.shuffle(pl.concat([past, future]), ["cited_total"])


def _applicants(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    return _members(draw, table, "org_id")


def _inventors(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    return _members(draw, table, "inv_id")


def _members(draw: _Scramble, table: pl.DataFrame, column: str) -> pl.DataFrame:
    return _replaced(draw, table, "pid", draw.future_pids, column)


def _replaced(
    draw: _Scramble, table: pl.DataFrame, key: str, future: pl.Series, column: str
) -> pl.DataFrame:
    """Rows of future records get another value of the column; repeated ones go."""
    later = pl.col(key).is_in(future.implode())
    rows = table.filter(later)
    fresh = draw.pick(table[column].unique().sort(), rows.height)
    changed = rows.with_columns(fresh.alias(column)).unique([key, column], maintain_order=True)
    return pl.concat([table.filter(~later), changed])


def _classes(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    return _replaced(draw, table, "pid", draw.future_pids, "code")


def _citations(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    later = pl.col("date") > draw.end
    rows = table.filter(later)
    if not draw.future_pids.len():
        return table.filter(~later)
    changed = rows.with_columns(
        draw.pick(draw.future_pids, rows.height).alias("citing_pid"),
        draw.pick(draw.pids, rows.height).alias("cited_pid"),
        draw.dates(rows.height).alias("date"),
    ).unique(["citing_pid", "cited_pid"], maintain_order=True)
    past = table.filter(~later)
    fresh = changed.join(past, on=["citing_pid", "cited_pid"], how="anti")
    return pl.concat([past, fresh])


def _alliances(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    return draw.redate(table, ["start_date", "end_date"])


def _parties(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    return _replaced(draw, table, "aid", draw.future_aids, "org_id")


def _scopes(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    return _replaced(draw, table, "aid", draw.future_aids, "function")


def _organisations(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    later = (pl.col("birth_year") > draw.year).fill_null(False)
    future = table.filter(later)
    traits = ["type", "ind4", "country", "province", "city"]
    future = draw.shuffle(future, traits).with_columns(
        draw.years(future.height).alias("birth_year"), pl.lit(None, pl.Int32).alias("death_year")
    )
    past = table.filter(~later)
    for column in ("death_year", "parent_from", "parent_to"):
        fresh, late = draw.years(past.height), pl.col(column) > draw.year
        past = past.with_columns(pl.when(late).then(fresh).otherwise(column).alias(column))
    return pl.concat([past, future])


def _yearly(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    later = pl.col("year") > draw.year
    future = table.filter(later)
    future = future.filter(pl.Series(draw.rng.random(future.height) < 0.8))
    values = [name for name, kind in future.schema.items() if kind == pl.Float64]
    scale = pl.Series(draw.rng.uniform(0.2, 5.0, future.height))
    changed = draw.shuffle(future, values).with_columns(pl.col(name) * scale for name in values)
    return pl.concat([table.filter(~later), changed])


def _policies(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    later = pl.col("effective") > draw.end
    future = draw.shuffle(table.filter(later), ["target_ind", "target_region", "kind"])
    moved = pl.concat([table.filter(~later), future])
    return draw.redate(moved, ["announce", "effective", "end"])


def _references(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    """References dated later go to other future patents."""
    later = pl.col("date") > draw.end
    rows = table.filter(later)
    if not draw.future_pids.len():
        return table.filter(~later)
    fresh = draw.pick(draw.future_pids, rows.height).alias("citing_pid")
    changed = rows.with_columns(fresh, draw.dates(rows.height).alias("date"))
    changed = changed.unique(["citing_pid", "npl_id"], maintain_order=True)
    past = table.filter(~later)
    return pl.concat([past, changed.join(past, on=["citing_pid", "npl_id"], how="anti")])


def _dated(first: str, *others: str, owner: str | None = "org_id") -> Change:
    """Rows whose `first` date is later get other owners and dates; later `others` move as well."""

    def change(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
        later = pl.col(first) > draw.end
        past, future = table.filter(~later), table.filter(later)
        keep = pl.Series(draw.rng.random(future.height) < 0.8)
        future = future.filter(keep)
        if owner is not None and future.height:
            future = draw.shuffle(future, [owner])
        return draw.redate(pl.concat([past, future]), [first, *others])

    return change


def _sales(draw: _Scramble, table: pl.DataFrame) -> pl.DataFrame:
    later = pl.col("year") > draw.year
    future = draw.shuffle(table.filter(later), ["org_id", "partner_id"])
    return pl.concat([table.filter(~later), future])


_CHANGES: Mapping[str, Change] = {
    "patents": _patents,
    "patent_applicants": _applicants,
    "patent_inventors": _inventors,
    "patent_classes": _classes,
    "citations": _citations,
    "alliances": _alliances,
    "alliance_parties": _parties,
    "alliance_scopes": _scopes,
    "organisations": _organisations,
    "firm_years": _yearly,
    "industry_years": _yearly,
    "region_years": _yearly,
    "policies": _policies,
    "npl_citations": _references,
    "patent_events": _dated("date", owner="pid"),
    "trademarks": _dated("date"),
    "products": _dated("launch", "first_ip"),
    "sales_ties": _sales,
    "standards": _dated("date"),
    "litigation": _dated("filed", "decided"),
    "sanctions": _dated("listed", "delisted"),
    "shocks": _dated("date"),
    "choke_classes": _dated("since", owner=None),
    "multilateral_countries": _dated("since", "until", owner=None),
    "customs": _yearly,
    "survey_firm": _dated("wave"),
}
