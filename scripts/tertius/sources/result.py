"""What a reader hands back: typed tables with names, and what happened to every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

Step = dict[str, Any]


def step(name: str, rows: int, note: str = "") -> Step:
    """One line of a ledger: what was done, to how many rows, and why."""
    return {"step": name, "rows": int(rows), "note": note}


@dataclass(frozen=True)
class SourceTables:
    """The tables of one source.

    Attributes:
        tables: typed tables by name, as in `tables.SCHEMAS`, with the organisation's or inventor's
            `name` in place of org_id or inv_id, and `parent` in place of parent_id. Organisations
            may carry the source's own org_id.
        ledger: counts of rows read, dropped, merged and corrected.
        files: further tables that are too large to hold: Parquet files, checked, cut to the years
            and sorted by key.
    """

    tables: Mapping[str, pl.DataFrame]
    ledger: tuple[Step, ...] = field(default=())
    files: Mapping[str, Path] = field(default_factory=dict)
