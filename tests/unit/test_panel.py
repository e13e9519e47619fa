"""The panel: who lives when, leads by calendar, the sample and its base counts."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertius.panel import (
    activity,
    attach_attributes,
    attach_lags,
    attach_leads,
    attrition_base,
    mark_sample,
    risk_set,
)
from tertius.problems import InputError

REGISTER = pl.DataFrame(
    {
        "org_id": ["a", "b", "c", "d", "e"],
        "birth_year": pl.Series([2000, 2003, None, None, 2001], dtype=pl.Int32),
        "death_year": pl.Series([None, 2005, None, None, None], dtype=pl.Int32),
        "type": ["firm", "firm", "firm", "firm", "university"],
    }
)


@pytest.fixture(scope="module")
def active() -> pl.DataFrame:
    holders = pl.DataFrame({"pid": ["p", "q", "p"], "org_id": ["c", "b", "x"]})
    patents = pl.DataFrame({"pid": ["p", "q"], "year": [2004, 2001]})
    parties = pl.DataFrame({"aid": ["1", "1"], "org_id": ["c", "e"]})
    alliances = pl.DataFrame({"aid": ["1"], "start_date": [dt.date(2002, 6, 1)]})
    return activity(holders, patents, parties, alliances)


def test_activity(active):
    assert active.rows() == [
        ("b", 2001, 2001),
        ("c", 2002, 2004),
        ("e", 2002, 2002),
        ("x", 2004, 2004),
    ]


def test_living_units_with_and_without_records(active):
    found = risk_set(REGISTER, active, range(2002, 2006))
    years = {org: sorted(g["year"]) for (org,), g in found.rows.group_by("org_id")}
    assert years == {
        "a": [2002, 2003, 2004, 2005],  # no tie and no patent ever
        "b": [2003, 2004],  # dissolved in 2005: not alive on its 31 December
        "c": [2002, 2003, 2004, 2005],  # birth unknown: from its first record on
        "e": [2002, 2003, 2004, 2005],
        "x": [2004, 2005],  # not in the register
    }
    assert found.ledger == {
        "units": 6,
        "units_born_by_register": 3,
        "units_from_their_first_record": 2,
        "units_without_birth_or_record": 1,  # d
        "units_with_records_before_birth": 1,  # b
        "rows": 16,
    }
    assert found.rows.equals(found.rows.sort("org_id", "year"))


def test_inventors_live_from_their_first_record_on(active):
    found = risk_set(None, active, [2001, 2002, 2004])
    assert found.rows.rows() == [
        ("b", 2001), ("b", 2002), ("b", 2004), ("c", 2002), ("c", 2004), ("e", 2002), ("e", 2004),
        ("x", 2004),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def gappy() -> pl.DataFrame:
    """Unit a misses 2003; b lives in 2001 only; values are 10 x year digits."""
    rows = [("a", 2001), ("a", 2002), ("a", 2004), ("b", 2001)]
    return pl.DataFrame(
        {
            "org_id": [r[0] for r in rows],
            "year": pl.Series([r[1] for r in rows], dtype=pl.Int32),
            "pat": [1.0, 2.0, 4.0, 9.0],
            "pat_status": ["ok"] * 4,
        }
    )


def test_leads_are_by_calendar_and_not_by_row(gappy):
    found = attach_leads(gappy, {"pat": (1, 2)}, (2001, 2004))
    assert found["pat_t1"].to_list() == [2.0, None, None, None]
    assert found["pat_t1_status"].to_list() == ["ok", "missing_input", "truncated", "missing_input"]
    assert found["pat_t2"].to_list() == [None, 4.0, None, None]
    assert found["pat_t2_status"].to_list() == ["missing_input", "ok", "truncated", "missing_input"]
    assert found.select(gappy.columns).equals(gappy)


def test_years_outside_the_outcome_years_are_truncated(gappy):
    found = attach_leads(gappy, {"pat": (1,)}, (2003, 2003))
    assert found["pat_t1_status"].to_list() == [
        "truncated", "missing_input", "truncated", "truncated",
    ]  # fmt: skip
    assert found["pat_t1"].null_count() == 4


def test_the_status_of_the_later_year_travels_with_it(gappy):
    truncated = gappy.with_columns(
        pat=pl.when(pl.col("year") != 2002).then("pat"),
        pat_status=pl.when(pl.col("year") == 2002)
        .then(pl.lit("truncated"))
        .otherwise("pat_status"),
    )
    found = attach_leads(truncated, {"pat": (1,)}, (2000, 2010))
    assert found.row(0, named=True)["pat_t1_status"] == "truncated"


@given(st.sets(st.tuples(st.sampled_from("abc"), st.integers(2000, 2008)), min_size=1))
def test_a_lead_is_the_value_of_that_year_or_nothing(keys):
    rows = sorted(keys)
    panel = pl.DataFrame(
        {
            "org_id": [r[0] for r in rows],
            "year": pl.Series([r[1] for r in rows], dtype=pl.Int32),
            "y": [float(ord(r[0]) * 10000 + r[1]) for r in rows],
            "y_status": ["ok"] * len(rows),
        }
    )
    found = attach_leads(panel, {"y": (1, 3)}, (2000, 2008))
    for row in found.iter_rows(named=True):
        for h in (1, 3):
            target = (row["org_id"], row["year"] + h)
            expected = float(ord(target[0]) * 10000 + target[1]) if target in keys else None
            assert row[f"y_t{h}"] == expected


def test_sample_and_base_counts(gappy):
    register = pl.DataFrame({"org_id": ["a", "b"], "type": ["firm", "university"]})
    marked = mark_sample(gappy, (2001, 2002), register, ["firm"])
    assert marked["in_sample"].to_list() == [True, True, False, False]
    assert attrition_base(marked, (2001, 2002)) == [
        {"step": "living unit-years, all types", "rows": 4, "firms": 2},
        {"step": "in the analysis years", "rows": 3, "firms": 2},
        {"step": "in the frame", "rows": 2, "firms": 1},
    ]
    everyone = mark_sample(gappy, (2001, 2002))
    assert everyone["in_sample"].to_list() == [True, True, False, True]


def test_lags_by_calendar():
    rows = [("a", 2000, 1.0), ("a", 2001, 2.0), ("a", 2003, 4.0), ("b", 2002, 9.0)]
    panel = pl.DataFrame(rows, schema=["org_id", "year", "x"], orient="row").with_columns(
        pl.col("year").cast(pl.Int32), x_status=pl.lit("ok")
    )
    lagged = attach_lags(panel, ["x", "x_l1", "x_l2", "x_l1"])
    assert lagged.select("org_id", "year", "x").equals(panel.select("org_id", "year", "x"))
    assert lagged["x_l1"].to_list() == [None, 1.0, None, None]
    assert lagged["x_l1_status"].to_list() == ["truncated", "ok", "truncated", "truncated"]
    assert lagged["x_l2"].to_list() == [None, None, 2.0, None]
    assert attach_lags(lagged, ["x_l1"]).equals(lagged)
    with pytest.raises(InputError, match="did you mean"):
        attach_lags(panel, ["xx_l1"])


def test_attributes_of_the_register_are_columns():
    panel = pl.DataFrame({"org_id": ["a", "x"], "year": [2000, 2000]})
    register = pl.DataFrame({"org_id": ["a"], "city": ["Chengdu"], "type": ["firm"]})
    wide = attach_attributes(panel, register)
    assert wide["city"].to_list() == ["Chengdu", None]
    assert wide["ind4"].to_list() == [None, None]
    assert attach_attributes(panel, None)["city"].to_list() == [None, None]
