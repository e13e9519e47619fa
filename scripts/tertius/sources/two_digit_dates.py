"""Dates written dd/mm/yy: which century, and which year where years count by weeks.

Some exports write the year of the week in the place of the year of the day (weeks begin on Sunday,
the first week of a year is the one with 1 January): 31 December 2014 is written 31/12/15.
"""

from __future__ import annotations

import polars as pl

from tertius.problems import SHOWN, Problems
from tertius.sources.fields import ROW
from tertius.sources.text import REGISTRY

WRITTEN = r"^(\d{1,2})/(\d{1,2})/(\d{2})$"
FIRST_LATE_DAY = 26
"""The week that holds 1 January begins on 26 December at the earliest."""


def publication_dates(written: pl.Series, year: pl.Series, *, weeks: bool) -> tuple[pl.Series, int]:
    """Dates of publication written dd/mm/yy, whose four-digit year is known.

    Args:
        written: the cells, e.g. 31/12/15.
        year: four-digit year of publication, one each.
        weeks: whether the cells' years count by weeks (see the module); then late December of
            `year` may be written with the two digits of `year` + 1.

    Returns:
        The dates (null where the cell is empty or no such date), and how many were set back.
    """
    cells = _parts(written, year)
    back = _late_december() & (pl.col("yy") == (pl.col("last") + 1) % 100) & weeks
    chosen = pl.when(back).then(pl.col("last")).otherwise(_latest())
    return _dated(cells, chosen, back)


def earlier_dates(
    written: pl.Series, latest: pl.Series, published: pl.Series, *, weeks: bool
) -> tuple[pl.Series, int]:
    """Dates written dd/mm/yy that are not after a publication.

    The year is the latest one with these two digits that is not after the year of publication.
    Where years count by weeks, dd/12/yy is set back by a year when only that can be written so, and
    when both years can, where it would else be after the publication.

    Args:
        written: the cells, e.g. 20/08/68.
        latest: four-digit year of publication, one each.
        published: the date of publication, one each.
        weeks: whether the cells' years count by weeks.

    Returns:
        The dates (null where the cell is empty or no such date), and how many were set back.
    """
    cells = _parts(written, latest).with_columns(published.alias("published"))
    cells = cells.with_columns(_latest().alias("y"))
    # Day d of December of y-1 is written y when it lies in the week of 1 January of y; day d of
    # December of y is written y+1 when it lies in the week of 1 January of y+1.
    before = _in_week_of_new_year(pl.col("y") - 1)
    own = ~_in_week_of_new_year(pl.col("y"))
    # Cells need not be dates yet (31/02/03), so days are compared as numbers.
    published_day = pl.col("published").dt.strftime("%Y%m%d").cast(pl.Int32)
    after = pl.col("y") * 10_000 + pl.col("m") * 100 + pl.col("d") > published_day
    back = _late_december() & before & (~own | after) & weeks
    return _dated(cells, pl.col("y") - back.cast(pl.Int32), back)


def _parts(written: pl.Series, last: pl.Series) -> pl.DataFrame:
    day, month, yy = (written.str.extract(WRITTEN, k).cast(pl.Int32) for k in (1, 2, 3))
    return pl.DataFrame({"d": day, "m": month, "yy": yy, "last": last.cast(pl.Int32)})


def _latest() -> pl.Expr:
    """The latest year of the two digits that is not after the last possible one."""
    year = pl.col("last") - pl.col("last") % 100 + pl.col("yy")
    return pl.when(year > pl.col("last")).then(year - 100).otherwise(year)


def _late_december() -> pl.Expr:
    return (pl.col("m") == 12) & (pl.col("d") >= FIRST_LATE_DAY)


def _in_week_of_new_year(year: pl.Expr) -> pl.Expr:
    """Whether day d of December of the year is in the week (from Sunday) of next 1 January."""
    days_since_sunday = pl.date(year + 1, 1, 1).dt.weekday() % 7
    return (32 - pl.col("d")) <= days_since_sunday.cast(pl.Int32)


def _dated(cells: pl.DataFrame, year: pl.Expr, back: pl.Expr) -> tuple[pl.Series, int]:
    parts = cells.select(year.alias("year"), "m", "d", back.fill_null(False).alias("back"))
    text = pl.concat_str(
        pl.col("year").cast(pl.String).str.zfill(4),
        pl.col("m").cast(pl.String).str.zfill(2),
        pl.col("d").cast(pl.String).str.zfill(2),
    )
    dates = parts.select(text.str.to_date("%Y%m%d", strict=False).alias("date"))["date"]
    return dates, int(parts["back"].sum())


def note_bad_dates(
    rows: pl.DataFrame, column: str, dates: pl.Series, file: str, problems: Problems
) -> None:
    """Note every filled cell that is no date written dd/mm/yy."""
    bad = rows.filter(rows[column].is_not_null() & dates.is_null())
    for row in bad.head(SHOWN).to_dicts():
        where = f"{file}, row {row[ROW]}, column {column!r}"
        fix = f"correct the cell, or name another column in {REGISTRY}"
        problems.add(where, f"{row[column]!r} is not a date written dd/mm/yy", fix)
    if bad.height > SHOWN:
        problems.add(f"{file}, column {column!r}", f"{bad.height} cells in all are no dates")
