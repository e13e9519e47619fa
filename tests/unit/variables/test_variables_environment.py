"""Environment and controls by hand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tertius.variables.environment import (
    growth,
    industry_policy,
    industry_trends,
    log_age,
    log_item,
    ratio,
    region_index,
    region_policy,
    research_intensity,
    research_missing,
    turbulence,
    turbulence_score,
)

SALES = (100.0, 112.0, 118.0, 135.0, 140.0)


def _sales(ind4, values, first=2000):
    return [{"ind4": ind4, "year": first + k, "sales": v} for k, v in enumerate(values)]


@pytest.fixture(scope="module")
def industry(make):
    """W15 in industry 1; others; F and G in 1, H in 2, U a university, N without industry."""
    names = {"F": "1", "G": "1", "H": "2", "K": "3", "Z": "4", "N": None}
    return make(
        years=[2003, 2004, 2005, 2006],
        units="FGHKZNU",
        organisations=[
            *({"org_id": k, "type": "firm", "ind4": v} for k, v in names.items()),
            {"org_id": "U", "type": "university", "ind4": "2"},
        ],
        industry_years=[
            *_sales("1", (*SALES, 150.0)),
            *_sales("2", (10, 12, 14, 16, 18, 20)),
            *_sales("3", (10, 12, 14, 16)),
            *_sales("4", (0, 0, 0, 0, 0)),
        ],
    )


def test_w15_dess_beard(industry, at):
    dynamism = turbulence(industry)
    assert at(dynamism, "F", 2004) == pytest.approx(np.sqrt(27.1 / 3 / 10) / 121, abs=1e-12)
    assert at(dynamism, "F", 2004) == pytest.approx(0.00785486, abs=5e-9)
    munificence = turbulence(industry, column="munificence")
    assert at(munificence, "F", 2004) == pytest.approx(10.3 / 121, abs=1e-14)
    assert at(dynamism, "H", 2004) == pytest.approx(0.0, abs=1e-12)


def test_windows_of_sales(industry, at):
    found = turbulence(industry)
    assert at(found, "F", 2003) == "truncated"
    assert at(found, "K", 2004) == "missing_input"
    assert at(found, "F", 2006) == "missing_input"
    assert at(found, "N", 2004) == "missing_input"
    assert at(found, "Z", 2004) == "zero_denominator"


def test_score_is_over_the_living_firms_of_the_year(industry, at):
    raw = turbulence(industry)
    values = np.array([at(raw, name, 2004) for name in "FGH"])
    found = turbulence_score(industry)
    for name, value in zip("FGH", (values - values.mean()) / values.std(), strict=True):
        assert at(found, name, 2004) == pytest.approx(value, abs=1e-12)
    assert at(found, "U", 2004) == at(found, "H", 2004)  # scaled by the firms of the year
    assert at(found, "Z", 2004) == "zero_denominator"


def test_trends_match_least_squares():
    rng = np.random.default_rng(5)
    values = rng.lognormal(3, 0.3, 9)
    frame = pl.DataFrame(
        {"ind4": "x", "year": pl.Series(range(2000, 2009), dtype=pl.Int32), "sales": values}
    )
    found = industry_trends(frame).filter(pl.col("n") == 5)
    for row in found.iter_rows(named=True):
        y = values[row["year"] - 2004 : row["year"] - 1999]
        if len(y) < 5:
            continue
        x = np.arange(5.0)
        slope, intercept = np.polyfit(x, y, 1)
        rss = float(((y - intercept - slope * x) ** 2).sum())
        assert row["munificence"] == pytest.approx(slope / y.mean())
        assert row["dynamism"] == pytest.approx(np.sqrt(rss / 3 / 10) / y.mean())


@pytest.fixture(scope="module")
def accounts(make):
    """Accounts of F over four years with a gap; G without assets; N without accounts."""
    rows = [
        {"org_id": "F", "year": 2001, "assets": 100.0, "debt": 40.0, "sales": 50.0, "rd": 5.0,
         "net_income": -3.0},
        {"org_id": "F", "year": 2002, "assets": 120.0, "debt": 40.0, "sales": 75.0, "rd": None,
         "net_income": 6.0},
        {"org_id": "F", "year": 2004, "assets": 120.0, "debt": None, "sales": 90.0, "rd": 9.0},
        {"org_id": "G", "year": 2001, "assets": 0.0, "debt": 1.0, "sales": 0.0, "rd": 1.0,
         "net_income": 0.0},
        {"org_id": "G", "year": 2002, "assets": 1.0, "debt": 1.0, "sales": 5.0, "rd": 1.0},
    ]  # fmt: skip
    return make(
        years=[2001, 2002, 2003, 2004],
        units="FGN",
        firm_years=rows,
        organisations=[
            {"org_id": "F", "type": "firm", "birth_year": 1995},
            {"org_id": "G", "type": "firm"},
        ],
    )


def test_ratios_and_logs(accounts, at):
    leverage = ratio(accounts, numerator="debt", denominator="assets")
    assert at(leverage, "F", 2001) == 0.4
    assert [at(leverage, k, y) for k, y in (("F", 2004), ("N", 2001))] == ["missing_input"] * 2
    assert at(leverage, "G", 2001) == "zero_denominator"
    assert at(ratio(accounts, numerator="net_income", denominator="assets"), "F", 2001) == -0.03
    size = log_item(accounts, item="assets")
    assert at(size, "F", 2001) == pytest.approx(np.log(100.0))
    assert (at(size, "G", 2001), at(size, "F", 2003)) == ("zero_denominator", "missing_input")


def test_unreported_research_is_zero_only_where_declared(accounts, at):
    kept, zero = research_intensity(accounts), research_intensity(accounts, missing="zero")
    assert (at(kept, "F", 2001), at(zero, "F", 2001)) == (0.1, 0.1)
    assert (at(kept, "F", 2002), at(zero, "F", 2002)) == ("missing_input", 0.0)
    assert (at(zero, "F", 2003), at(zero, "G", 2001)) == ("missing_input", "zero_denominator")
    dummy = research_missing(accounts)
    assert [at(dummy, "F", y) for y in (2001, 2002, 2003)] == [0, 1, "missing_input"]
    with pytest.raises(ValueError, match="keep or zero"):
        research_intensity(accounts, missing="mean")


def test_growth_is_by_calendar(accounts, at):
    found = growth(accounts)
    assert at(found, "F", 2002) == 0.5
    assert at(found, "F", 2004) == "missing_input"  # 2003 is missing: 2002 is not the year before
    assert (at(found, "F", 2001), at(found, "G", 2002)) == ("missing_input", "zero_denominator")


def test_age(accounts, at):
    found = log_age(accounts)
    assert at(found, "F", 2004) == pytest.approx(np.log(10.0))
    assert (at(found, "G", 2004), at(found, "N", 2004)) == ("missing_input", "missing_input")


@pytest.fixture(scope="module")
def places(make):
    return make(
        years=[2004, 2005, 2006],
        units="ABCN",
        organisations=[
            {"org_id": "A", "type": "firm", "city": "Wuxi", "province": "Jiangsu", "ind4": "1"},
            {"org_id": "B", "type": "firm", "city": "Nanjing", "province": "Jiangsu"},
            {"org_id": "C", "type": "firm", "city": "Wuhan", "province": "Hubei", "ind4": "2"},
            {"org_id": "N", "type": "firm"},
        ],
        policies=[
            {"policy_id": "1", "level": "city", "kind": "pilot", "target_region": "Wuxi",
             "effective": dt.date(2005, 12, 31)},
            {"policy_id": "2", "level": "provincial", "kind": "ip", "target_region": "Hubei",
             "effective": dt.date(2004, 1, 1), "end": dt.date(2005, 12, 30)},
            {"policy_id": "3", "level": "national", "kind": "industry", "target_ind": "1",
             "effective": dt.date(2006, 1, 1)},
        ],
        region_years=[
            {"region": "Jiangsu", "year": 2005, "inst": 7.0},
            {"region": "Wuxi", "year": 2005, "inst": 8.0},
        ],
    )  # fmt: skip


def test_policies_in_force_on_31_december(places, at):
    found = region_policy(places)
    assert [at(found, "A", y) for y in (2004, 2005, 2006)] == [0, 1, 1]
    assert [at(found, "C", y) for y in (2004, 2005, 2006)] == [1, 0, 0]
    assert (at(found, "B", 2006), at(found, "N", 2006)) == (0, "missing_input")
    assert at(region_policy(places, kinds=["ip"]), "A", 2006) == 0
    by_industry = industry_policy(places)
    assert [at(by_industry, "A", y) for y in (2005, 2006)] == [0, 1]
    assert (at(by_industry, "C", 2006), at(by_industry, "B", 2006)) == (0, "missing_input")


def test_the_index_of_the_city_goes_before_that_of_the_province(places, at):
    found = region_index(places, column="inst")
    assert (at(found, "A", 2005), at(found, "B", 2005)) == (8.0, 7.0)
    assert (at(found, "A", 2004), at(found, "C", 2005)) == ("missing_input", "missing_input")
