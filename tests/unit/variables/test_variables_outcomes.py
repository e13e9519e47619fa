"""Outcomes: counts, citation windows, breakthroughs with ties, stand-ins."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertius.variables.outcomes import (
    breakthrough_weights,
    breakthroughs,
    cited,
    contribution,
    new_projects,
    normalised_totals,
    patents,
    patents_outside_ties,
    top_weights,
)
from tertius.variables.records import publications

W12 = [30, 12, 12, *[1] * 17]


def _weights(cites, share, ties="fractional"):
    frame = pl.DataFrame({"cell": ["x"] * len(cites), "cites": cites})
    found = top_weights(frame, ["cell"], share, ties)
    by_cites = dict(found.select("cites", "weight").iter_rows())
    return [by_cites[c] for c in cites]


def test_w12_ties_at_the_threshold_share_what_is_left():
    weights = _weights(W12, 0.10)
    assert weights[:4] == pytest.approx([1.0, 0.5, 0.5, 0.0], abs=1e-15)
    assert sum(weights) == pytest.approx(2.0, abs=1e-15)
    assert sum(_weights(W12, 0.10, "inclusive")) == 3.0
    assert sum(_weights(W12, 0.10, "strict")) == 1.0


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.sampled_from([0.01, 0.05, 0.3]))
def test_weights_of_a_cited_cell_sum_to_its_share(cites, share):
    weights = _weights(cites, share)
    assert sum(weights) == pytest.approx(share * len(cites))
    assert all(0.0 <= w <= 1.0 for w in weights)
    ranked = [w for _, w in sorted(zip(cites, weights, strict=True))]
    assert ranked == sorted(ranked)


def test_uncited_patents_have_no_weight_even_where_nobody_is_cited():
    assert _weights([0] * 20, 0.05) == [0.0] * 20


def test_counts_of_families(make, new_patent, at):
    inputs = make(
        years=[1999, 2000, 2001, 2005],
        units="FGN",
        outcomes=(2000, 2004),
        patents=[
            new_patent("a1", 2000, family_id="a"),
            new_patent("a2", 2001, family_id="a"),
            new_patent("b", 2000),
            new_patent("c", 2001),
        ],
        held={"a1": "F", "a2": "F", "b": "F G", "c": "G"},
        tied=[(2000, "F", "G", 1)],
    )
    found = patents(inputs)
    assert [at(found, "F", year) for year in (2000, 2001)] == [2, 0]
    assert at(found, "N", 2001) == 0
    assert at(found, "F", 1999) == "truncated"
    assert at(found, "F", 2005) == "truncated"
    without = patents_outside_ties(inputs, network="net")
    assert (at(without, "F", 2000), at(without, "G", 2000), at(without, "G", 2001)) == (1, 0, 1)


def test_joint_patents_are_not_known_where_the_ties_are_not(make, new_patent, at):
    inputs = make(
        years=[2000, 2001],
        units="F",
        patents=[new_patent("p", 2001)],
        held={"p": "F G"},
        tied=[(2000, "F", "G", 1)],
    )
    short = replace(inputs, tie_years=(1990, 2000))
    found = patents_outside_ties(short, network="net")
    assert [at(found, "F", year) for year in (2000, 2001)] == [0, "missing_input"]


def test_joint_patents_with_strangers_of_the_network_stay(make, new_patent, at):
    inputs = make(
        years=[2000, 2001],
        units="FGH",
        patents=[new_patent("p", 2000), new_patent("q", 2000), new_patent("r", 2001)],
        held={"p": "F G", "q": "F H", "r": "F G"},
        tied=[(2000, "F", "G", 1)],
    )
    found = patents_outside_ties(inputs, network="net")
    assert (at(found, "F", 2000), at(found, "H", 2000), at(found, "F", 2001)) == (1, 1, 1)


@pytest.fixture(scope="module")
def windows(make, new_patent):
    """p of 2000 published 2001-09-01: cited on the last day of its window and a day later."""
    day = dt.date(2006, 9, 1)
    dates = {"c1": dt.date(2000, 6, 1), "c2": day, "c3": day + dt.timedelta(days=1)}
    late = dt.date(2014, 2, 1)
    return make(
        years=[2000, 2003, 2012, 2013],
        units="FGN",
        raw=(1990, 2019),
        patents=[
            new_patent("p", 2000),
            new_patent("late", 2003, pub_date=dt.date(2015, 1, 1)),
            new_patent("q", 2012, pub_date=late),
            *(new_patent(pid, on.year, prio_date=on) for pid, on in dates.items()),
        ],
        held={"p": "F", "q": "F", "late": "G"},
        citations=[{"citing_pid": pid, "cited_pid": "p", "date": on} for pid, on in dates.items()],
    )


def test_citations_until_five_years_after_publication(windows, at):
    assert at(cited(windows), "F", 2000) == 2
    assert at(cited(windows, base=1), "F", 2000) == 3
    assert at(cited(windows), "N", 2000) == 0


def test_a_year_whose_windows_may_end_after_the_records_is_truncated_for_all(windows, at):
    assert at(cited(windows), "F", 2012) == 0
    assert at(cited(windows), "F", 2013) == "truncated"
    assert at(cited(windows), "N", 2013) == "truncated"  # with or without patents
    assert at(cited(windows), "G", 2003) == "truncated"  # published too late
    assert at(cited(windows), "N", 2003) == 0


def test_citations_within_a_family_and_of_younger_families_do_not_count(make, new_patent, at):
    inputs = make(
        years=[2000],
        units="F",
        patents=[
            new_patent("p1", 2000, family_id="p"),
            new_patent("p2", 2001, family_id="p"),
            new_patent("c1", 2002, family_id="c"),
            new_patent("c2", 2003, family_id="c"),
            new_patent("early", 1999),
        ],
        held={"p1": "F"},
        cites=[("p2", "p1"), ("c1", "p1"), ("c2", "p2"), ("early", "p1")],
    )
    assert at(cited(inputs), "F", 2000) == 1


def _cell(new_patent, prefix, cites, code, year=2000, office="CN"):
    rows = [new_patent(f"{prefix}{k}", year, office=office) for k in range(len(cites))]
    classes = {f"{prefix}{k}": code for k in range(len(cites))}
    pairs = [(f"z{n}", f"{prefix}{k}") for k, total in enumerate(cites) for n in range(total)]
    return rows, classes, pairs


@pytest.fixture(scope="module")
def cells(make, new_patent):
    """H04L: 20 patents as in W12 and one that also is H04W, where 19 more make no cell of 20."""
    one = _cell(new_patent, "a", W12, "H04L1/00")
    two = _cell(new_patent, "b", [3] + [0] * 18, "H04W1/00")
    three = _cell(new_patent, "d", [9] * 5, "A61K1/00")
    foreign = _cell(new_patent, "e", [40] * 3, "H04L1/00", office="US")
    parts = (one, two, three, foreign)
    classes = {k: v for part in parts for k, v in part[1].items()} | {"m": "H04L1/00 H04W1/00"}
    citing = [new_patent(f"z{n}", 2003) for n in range(40)]
    return make(
        years=[2000],
        units="FGHIJN",
        patents=[row for part in parts for row in part[0]] + citing + [new_patent("m", 2000)],
        held={"a0": "F", "a1": "F", "a5": "G", "d0": "H", "b0": "I", "m": "J"},
        classes=classes,
        cites=[pair for part in parts for pair in part[2]] + [(f"z{n}", "m") for n in range(12)],
    )


def test_breakthroughs_in_their_cells(cells, at):
    # H04L in CN: 21 patents (30, 12, 12, 12, 17 x 1); top 10 % = 2.1: 30 -> 1, 12 -> 1.1 / 3.
    found = breakthroughs(cells, share=0.10)
    assert at(found, "F", 2000) == pytest.approx(1 + 1.1 / 3, abs=1e-12)
    assert at(found, "G", 2000) == 0.0
    assert at(found, "N", 2000) == 0.0


def test_small_cells_fall_back_to_ipc3_and_then_are_truncated(cells, at):
    # H04 in CN holds 20 + 19 + m = 40 patents; top 4: 30, then 12, 12, 12: all of them.
    # b0 (H04W alone, 20 with m) has its own cell of 20: top 2 = m (12) and b0 (3).
    found = breakthroughs(cells, share=0.10)
    assert at(found, "I", 2000) == pytest.approx(1.0)
    assert at(found, "H", 2000) == "truncated"  # five patents in A61K and in A61
    wide = breakthroughs(cells, share=0.10, min_cell=21)
    # H04W (20) falls back to H04 (40): 4 places for 30, 12, 12, 12; b0 with 3 gets none.
    assert at(wide, "I", 2000) == pytest.approx(0.0)


def test_several_subclasses_give_the_mean(cells, at):
    found = breakthroughs(cells, share=0.10)
    assert at(found, "J", 2000) == pytest.approx((1.1 / 3 + 1.0) / 2, abs=1e-12)


def test_the_universe_is_all_patents_whoever_holds_them(cells):
    weights = breakthrough_weights(cells, share=0.10)
    pids = publications(cells).select("pid", "unit").join(weights, on="unit")
    value = dict(pids.select("pid", "weight").iter_rows())
    assert value["a0"] == 1.0
    assert value["e0"] is None  # three patents of another office


def test_normalised_totals_leave_the_patent_itself_out(make, new_patent, at):
    totals = {"a": 6, "b": 2, "c": 4, "u": None, "z": 0, "y": 0}
    rows = [
        new_patent(pid, 2001 if pid in "zy" else 2000, cited_total=n) for pid, n in totals.items()
    ]
    inputs = make(
        years=[2000, 2001],
        units="FGHN",
        patents=rows,
        held={"a": "F", "b": "F", "u": "G", "z": "H"},
        classes=dict.fromkeys(totals, "H04L1/00"),
    )
    found = normalised_totals(inputs, min_cell=2)
    assert at(found, "F", 2000) == pytest.approx(6 / 3 + 2 / 5)
    assert at(found, "G", 2000) == "missing_input"
    assert at(found, "H", 2001) == "zero_denominator"
    assert at(found, "N", 2000) == 0.0


def test_a_thin_comparison_gives_way_to_a_wider_one(make, new_patent, at):
    # H04L: a has 9, the two others 1 in all; H04: 3 others with 3; the year: 5 others with 8.
    # n has no class: it is compared with the year, others 5 with 17.
    totals = {"a": 9, "b": 1, "c": 0, "w": 2, "g": 5, "n": 0}
    code = {"a": "H04L1/00", "b": "H04L1/00", "c": "H04L1/00", "w": "H04W1/00", "g": "G06F1/00"}
    inputs = make(
        years=[2000],
        units="FG",
        patents=[new_patent(pid, 2000, cited_total=n) for pid, n in totals.items()],
        held={"a": "F", "n": "G"},
        classes=code,
    )
    for least, mean in ((1, 1 / 2), (2, 3 / 3), (4, 8 / 5)):
        found = normalised_totals(inputs, min_cell=least)
        assert at(found, "F", 2000) == pytest.approx(9 / mean)
        assert at(found, "G", 2000) == 0.0


def test_projects_and_money(make, at):
    start = {"a": dt.date(2004, 5, 1), "b": dt.date(2004, 7, 1), "c": dt.date(2005, 1, 1)}
    inputs = make(
        years=[2004, 2005, 2016],
        units="FGHN",
        outcomes=(2000, 2010),
        alliances=[{"aid": k, "start_date": v, "end_known": False} for k, v in start.items()],
        alliance_parties=[
            {"aid": "a", "org_id": "F", "amount": 10.5},
            {"aid": "b", "org_id": "F", "amount": None},
            {"aid": "b", "org_id": "G", "amount": None},
            {"aid": "c", "org_id": "F", "amount": 2.0},
        ],
    )
    projects, money = new_projects(inputs), contribution(inputs)
    assert [at(projects, "F", y) for y in (2004, 2005, 2016)] == [2, 1, "truncated"]
    assert [at(money, "F", y) for y in (2004, 2005)] == [10.5, 2.0]
    assert (at(projects, "G", 2004), at(money, "G", 2004)) == (1, "missing_input")
    assert (at(projects, "N", 2004), at(money, "N", 2004)) == (0, 0)
