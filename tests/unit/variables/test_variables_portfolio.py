"""Portfolio variables against worked answers and counts made by hand."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertius.variables import NetworkFacts
from tertius.variables.frames import blau
from tertius.variables.portfolio import (
    ambidexterity_balance,
    composite_diversity,
    frequency,
    functional_learning,
    functional_reconfiguration,
    new_partners,
    partner_diversity,
    records,
    size,
    structural_reconfiguration,
)

TYPES = ["firm", "firm", "firm", "university", "university", "institute"]


@pytest.fixture(scope="module")
def w5(make):
    """F has partners of three types in numbers (3, 2, 1); S has one partner, I none."""
    names = [f"P{k}" for k in range(6)]
    organisations = [
        {"org_id": name, "type": kind, "ind4": "3911" if kind == "firm" else None}
        for name, kind in zip(names, TYPES, strict=True)
    ]
    return make(
        years=[2005],
        units=[*names, "F", "S", "I", "U"],
        tied=[
            *((2005, "F", name, k + 1) for k, name in enumerate(names)),
            (2005, "S", "P0", 1),
            (2005, "U", "X", 1),
            (2005, "U", "Y", 1),
        ],
        organisations=[*organisations, {"org_id": "F", "type": "firm", "country": "CN"}],
    )


def test_w5_blau_by_type(w5, at):
    found = partner_diversity(w5, network="net", by="type")
    assert at(found, "F", 2005) == pytest.approx(11 / 18, abs=1e-15)
    assert at(found, "S", 2005) == "undefined_single"
    assert at(found, "I", 2005) == "undefined_isolate"
    assert at(found, "U", 2005) == "missing_input"


def test_w5_iqv_is_the_composite_of_one_dimension_with_three_categories(w5, at):
    found = composite_diversity(w5, network="net", by=["type"])
    assert at(found, "F", 2005) == pytest.approx(11 / 12, abs=1e-15)


def test_partners_without_industry_by_kind_are_one_category(w5, at):
    found = partner_diversity(w5, network="net", by="ind4")
    assert at(found, "F", 2005) == pytest.approx(1 - 2 * (3 / 6) ** 2)


def test_an_attribute_that_nobody_has_is_missing_and_leaves_the_composite_alone(w5, at):
    assert at(partner_diversity(w5, network="net", by="country"), "F", 2005) == "missing_input"
    both = composite_diversity(w5, network="net", by=["type", "country"])
    assert at(both, "F", 2005) == pytest.approx(11 / 12)
    assert at(both, "S", 2005) == "undefined_single"
    assert at(both, "I", 2005) == "undefined_isolate"


def test_composite_is_the_mean_of_iqvs_by_the_categories_of_the_year(w5, at):
    # Types: K = 3. Industries: 3911 and "none" among the living, K = 2, IQV = .5 / .5 = 1.
    found = composite_diversity(w5, network="net", by=["type", "ind4"])
    assert at(found, "F", 2005) == pytest.approx((11 / 12 + 1.0) / 2)


def test_size_and_frequency(w5, at):
    assert at(size(w5, network="net"), "F", 2005) == 6
    assert at(size(w5, network="net"), "I", 2005) == 0
    assert at(frequency(w5, network="net"), "F", 2005) == pytest.approx(21 / 6)
    assert at(frequency(w5, network="net"), "I", 2005) == "undefined_isolate"


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_blau_lies_in_0_1_and_does_not_care_which_class_is_which(counts):
    def index(numbers):
        frame = pl.DataFrame({"n": [sum(numbers)], "q": [sum(k * k for k in numbers)]})
        return frame.select(blau(pl.col("n"), pl.col("q"))).item()

    assert 0.0 <= index(counts) < 1.0
    assert index(counts) == index(counts[::-1])


@pytest.fixture(scope="module")
def functions(make):
    """Alliances of F: two research, one market, one both, one supply; G: supply; H: none."""
    scopes = {
        "a1": ["RD"],
        "a2": ["RD", "license"],
        "a3": ["manufacture", "marketing"],
        "a4": ["RD", "marketing"],
        "a5": ["supply"],
    }
    return make(
        years=[2005, 2006],
        units="FGHX",
        tied=[(2005, "F", "X", 5), (2005, "G", "X", 1), (2006, "F", "X", 2)],
        records=[
            *((2005, "F", "X", aid) for aid in scopes),
            (2005, "G", "X", "a5"),
            (2006, "F", "X", "a1"),
            (2006, "F", "X", "a3"),
        ],
        alliance_scopes=[
            {"aid": aid, "function": name} for aid, names in scopes.items() for name in names
        ],
    )


def test_functions_of_alliances(functions, at):
    explore = functional_learning(functions, network="net", kind="explore")
    exploit = functional_learning(functions, network="net", kind="exploit")
    assert (at(explore, "F", 2005), at(exploit, "F", 2005)) == (2.5, 1.5)
    assert (at(explore, "H", 2005), at(exploit, "G", 2005)) == (0.0, 0.0)
    assert at(records(functions, network="net"), "F", 2005) == 5
    assert at(records(functions, network="net"), "H", 2005) == 0


def test_balance(functions, at):
    found = ambidexterity_balance(functions, network="net")
    assert at(found, "F", 2005) == pytest.approx(1 - 1.0 / 4.0)
    assert at(found, "F", 2006) == pytest.approx(1.0)
    assert at(found, "G", 2005) == "zero_denominator"
    assert at(found, "H", 2005) == "undefined_isolate"


def test_functional_reconfiguration_is_half_the_absolute_change(functions, at):
    # 2005: RD 1 + 1/2 + 1/2, licence 1/2, manufacture 1/2, marketing 1/2 + 1/2, supply 1, of 5.
    # 2006: RD 1, manufacture 1/2, marketing 1/2, of 2.
    before = {"RD": 0.4, "license": 0.1, "manufacture": 0.1, "marketing": 0.2, "supply": 0.2}
    after = {"RD": 0.5, "manufacture": 0.25, "marketing": 0.25}
    expected = sum(abs(after.get(k, 0) - v) for k, v in before.items()) / 2
    found = functional_reconfiguration(functions, network="net")
    assert at(found, "F", 2006) == pytest.approx(expected, abs=1e-15)
    assert at(found, "G", 2006) == "zero_denominator"
    assert at(found, "H", 2006) == "undefined_isolate"


def test_w9_functional_reconfiguration(make, at):
    # Shares (.75, .25, 0) of four alliances, then (.4, .2, .4) of five.
    names = ["RD", "RD", "RD", "license"], ["RD", "RD", "license", "supply", "supply"]
    rows = [(2004 + k, "F", "X", f"a{k}{n}") for k in (0, 1) for n in range(len(names[k]))]
    scopes = [
        {"aid": f"a{k}{n}", "function": name} for k in (0, 1) for n, name in enumerate(names[k])
    ]
    w9 = make(
        years=[2005], units="F", records=rows, tied=[(2005, "F", "X", 1)], alliance_scopes=scopes
    )
    found = functional_reconfiguration(w9, network="net")
    assert at(found, "F", 2005) == pytest.approx(0.4, abs=1e-15)


def test_w9_structural_reconfiguration(make, at):
    tied = [*((2004, "F", x, 1) for x in "ABCD"), *((2005, "F", x, 1) for x in "ABEGH")]
    inputs = make(years=[1990, 2004, 2005], units="FI", tied=tied)
    found = structural_reconfiguration(inputs, network="net")
    assert at(found, "F", 2005) == pytest.approx(5 / 7, abs=1e-15)
    assert at(found, "F", 2004) == 1.0
    assert at(found, "I", 2005) == "undefined_isolate"
    assert at(found, "F", 1990) == "truncated"


def test_windows_are_compared_with_the_last_disjoint_window(make, at):
    tied = [(2000, "F", "A", 1), (2004, "F", "B", 1), (2005, "F", "A", 1)]
    inputs = make(years=[2005], units="F", tied=tied, network=NetworkFacts(("co_applicant",), 5))
    assert at(structural_reconfiguration(inputs, network="net"), "F", 2005) == 0.0


def test_new_partners_look_back_five_years(make, at):
    tied = [(1999, "F", "A", 1), (2000, "F", "B", 1), *((2005, "F", x, 1) for x in "ABC")]
    inputs = make(years=[1994, 1995, 2005], units="FI", tied=tied)
    found = new_partners(inputs, network="net")
    assert at(found, "F", 2005) == 2  # A was a partner six years ago, C never
    assert at(found, "I", 2005) == 0
    assert at(found, "F", 1994) == "truncated"
    assert at(found, "F", 1995) == 0


def test_a_window_that_begins_before_the_records_is_truncated(make, at):
    inputs = make(years=[1993, 1994, 2020], units="F", network=NetworkFacts(("co_applicant",), 5))
    found = size(inputs, network="net")
    assert at(found, "F", 1993) == "truncated"
    assert at(found, "F", 1994) == 0
    assert at(found, "F", 2020) == "missing_input"
