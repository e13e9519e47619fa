"""Three waves: x before m, m before y. Lagged columns, and x and m from different records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import polars as pl

from tertius.problems import InputError, Problem, did_you_mean


def lag_name(variable: str, lag: int) -> str:
    """Name of a lagged column, for example ``deg_l1``."""
    return f"{variable}_l{lag}"


def add_lags(panel: pl.DataFrame, variables: Sequence[str], lag: int) -> pl.DataFrame:
    """Put the values of `lag` years earlier beside those of a row.

    Args:
        panel: org_id, year, each variable and its status; years of a firm may have gaps.
        variables: panel columns.
        lag: years, one or more.

    Returns:
        The panel with ``<name>_l<lag>`` and its status; where the earlier row is absent the value
        is null and the status truncated.

    Raises:
        InputError: a column is absent. ValueError: the lag is not positive.
    """
    if lag < 1:
        raise ValueError("give a lag of one year or more")
    missing = [v for v in variables if v not in panel.columns]
    if missing:
        raise InputError(
            [Problem(f"panel.{v}", "is absent", did_you_mean(v, panel.columns)) for v in missing]
        )
    renamed = {v: lag_name(v, lag) for v in variables}
    earlier = panel.select(
        "org_id",
        (pl.col("year") + lag).cast(panel.schema["year"]).alias("year"),
        *(pl.col(v).alias(new) for v, new in renamed.items()),
        *(pl.col(f"{v}_status").alias(f"{new}_status") for v, new in renamed.items()),
    )
    joined = panel.join(earlier, on=["org_id", "year"], how="left", maintain_order="left")
    statuses = [f"{new}_status" for new in renamed.values()]
    return joined.with_columns(pl.col(name).fill_null("truncated") for name in statuses)


def shared_records_check(
    records: Mapping[str, Mapping[tuple[str, int], AbstractSet[str]]],
) -> Callable[[str, str], bool]:
    """A check for `mediation_test`: whether two variables use one record in some row.

    Args:
        records: variable -> (org_id, year) -> ids of the records its value was built from.

    Returns:
        (x, m) -> True where the sets of a row meet. A variable without provenance counts as
        sharing, since nothing shows that it does not.
    """

    def shares(x: str, m: str) -> bool:
        if x not in records or m not in records:
            return True
        first, second = records[x], records[m]
        return any(not first[row].isdisjoint(second[row]) for row in first.keys() & second.keys())

    return shares
