"""The codebook of a panel: every column, no other, with counts of statuses."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tertius.codebook import FIELDS, KEYS, codebook_rows, series_rows
from tertius.model_spec import ATTRIBUTES
from tertius.problems import InputError
from tertius.registry import read_checked
from tertius.whole_network import SCHEMA

ENTRY = {
    "label": {"en": "Degree", "zh": "度"},
    "unit": "partners",
    "range": [0, None],
    "formula": "d",
    "source": "Freeman (1979)",
    "mark": "V",
    "undefined": "never",
    "inputs": ["ties"],
}
CODEBOOK = {
    "deg": ENTRY,
    "pat": ENTRY | {"role": "outcome", "leads": [1], "mark": "P"},
}


def panel(**more: object) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "org_id": ["A", "B"],
            "year": [2000, 2000],
            "deg": [1.0, None],
            "deg_status": ["ok", "undefined_isolate"],
            "pat_t1": [None, None],
            "pat_t1_status": ["missing_input", "missing_input"],
        }
        | more
    )


def test_rows_follow_the_columns_and_count_statuses() -> None:
    rows = codebook_rows(panel(), CODEBOOK, {}, {"pat": ["patents", "holders"]})
    assert rows["column"].to_list() == panel().columns
    assert tuple(rows.columns) == FIELDS
    degree = rows.filter(column="deg").row(0, named=True)
    assert (degree["n_ok"], degree["n_undefined_isolate"], degree["availability"]) == (
        1,
        1,
        "available",
    )
    lead = rows.filter(column="pat_t1").row(0, named=True)
    assert lead["label_en"] == "Degree in t+1"
    assert lead["availability"] == "missing input: patents, holders"
    assert (lead["proxy"], lead["variable"]) == ("proxy", "pat")
    assert rows.filter(column="deg_status").row(0, named=True)["role"] == "status"


def test_every_column_of_the_whole_networks_has_an_entry_and_no_other() -> None:
    root = Path(__file__).parents[2]
    schema = root / "workflow" / "schemas" / "variables.yaml"
    book = read_checked(root / "config" / "whole_network.yaml", schema)
    assert list(book) == list(SCHEMA)
    rows = series_rows(book)
    assert [row["column"] for row in rows] == list(SCHEMA)
    assert all(tuple(row) == FIELDS and row["role"] == "whole network" for row in rows)
    named = {row["column"]: row for row in rows}
    assert named["giant_share"]["highest"] == 1
    assert named["transitivity"]["source"] == "Newman, Strogatz and Watts (2001)"


def test_declared_variants_take_the_entry_of_their_code() -> None:
    declared = {"deg_patents": {"of": "deg", "network": "co_applicant"}}
    rows = codebook_rows(panel(deg_patents=[1.0, 2.0]), CODEBOOK, declared, {})
    assert rows.filter(column="deg_patents")["label_en"].item() == "Degree"


def test_a_column_that_nothing_explains_is_refused() -> None:
    with pytest.raises(InputError, match="panel column 'mystery': the codebook does not explain"):
        codebook_rows(panel(mystery=[1, 2]), CODEBOOK, {}, {})


def test_a_status_outside_the_list_is_refused() -> None:
    with pytest.raises(InputError, match="undefined_isolat"):
        codebook_rows(panel(deg_status=["ok", "undefined_isolat"]), CODEBOOK, {}, {})


def test_every_attribute_of_a_panel_is_explained() -> None:
    assert set(ATTRIBUTES) <= set(KEYS)
