"""Disruption against stored results of cdindex on random citation graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tertius.variables.disruption import disruption_index

STORED = Path(__file__).parent / "python"
DAYS = 400


@pytest.mark.parametrize("graph", range(5))
def test_cd_and_mcd_are_those_of_cdindex(graph):
    documents = pl.read_csv(STORED / "cdindex.csv").filter(pl.col("graph") == graph)
    cites = pl.read_csv(STORED / "cdindex_edges.csv").filter(pl.col("graph") == graph)
    day = documents["day"].to_numpy().astype(np.int32)
    citing, cited = cites["citing"].to_numpy(), cites["cited"].to_numpy()
    focal = documents["document"].to_numpy()
    found = disruption_index(citing, cited, day[citing], focal, day, day + np.int32(DAYS))
    # cdindex gives a document without references 1 once it is cited; here it is undefined.
    known = np.isin(focal, citing) & documents["cd"].is_not_null().to_numpy()
    assert known.sum() >= 10
    assert found["cd"].is_not_null().to_list() == known.tolist()
    for name in ("cd", "mcd"):
        theirs = documents[name].to_numpy()[known]
        assert found[name].to_numpy()[known] == pytest.approx(theirs, abs=1e-12)
    assert np.unique(found["cd"].to_numpy()[known]).size > 2
