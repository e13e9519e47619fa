"""Reader of citing-cited pairs: one row a citation.

The date of a citation, where the file gives none, is the priority date of the citing patent; it is
filled in when all sources of a study are put together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius.sources.cells import Field
from tertius.sources.fields import ROW, read_rows
from tertius.sources.result import SourceTables, step

FIELDS = (
    Field("citing_pid", needed=True, filled=True),
    Field("cited_pid", needed=True, filled=True),
    Field("cat", "code", allowed=("applicant", "examiner")),
    Field("npl_text"),
    Field("date", "date"),
)


def read(path: Path, mapping: Mapping[str, Any]) -> SourceTables:
    """Citations; repeats of a pair and patents that cite themselves are left out and counted.

    Raises:
        InputError: every unreadable cell and missing column of the file.
    """
    rows = read_rows(path, mapping, FIELDS)
    rows.problems.raise_if_any()
    raw = rows.frame.drop(ROW)
    key = ["citing_pid", "cited_pid"]
    # Of two rows of a pair the one that sorts first is kept, whatever the order of the file.
    once = raw.sort(pl.all()).unique(key, keep="first", maintain_order=True)
    others = once.filter(pl.col("citing_pid") != pl.col("cited_pid"))
    ledger = (
        *rows.ledger,
        step("repeated pairs", raw.height - once.height, "one kept"),
        step("patents citing themselves", once.height - others.height, "dropped"),
    )
    return SourceTables({"citations": others}, ledger)
