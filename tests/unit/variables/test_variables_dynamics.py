"""Change of the portfolio: W9, dissolution, stages, churn, and their undefined cases."""

from __future__ import annotations

import datetime as dt

import pytest

from tertius.variables.dynamics import (
    behavioural_uncertainty,
    dissolution,
    in_stage,
    incoming_partners,
    newcomer_share,
    partner_churn,
    since_first_tie,
    stage,
    stage_censored,
    tie_survival,
)
from tertius.variables.portfolio import structural_reconfiguration


@pytest.fixture(scope="module")
def w9(make):
    """W9: N_{t-1} = {A, B, C, D}, N_t = {A, B, E, G, H}."""
    ties = [(2004, "F", n, 1) for n in "ABCD"] + [(2005, "F", n, 1) for n in "ABEGH"]
    return make(years=[2004, 2005, 2006], units="FI", tied=ties)


@pytest.mark.parametrize(
    ("index", "expected"),
    [("jaccard", 5 / 7), ("entry", 3 / 5), ("exit", 1 / 2), ("churn", 10 / 9)],
)
def test_w9(w9, at, index, expected):
    found = structural_reconfiguration(w9, network="net", index=index)
    assert at(found, "F", 2005) == pytest.approx(expected, abs=1e-15)
    assert at(found, "I", 2005) == "undefined_isolate"


def test_entry_and_exit_are_undefined_on_one_side_only(w9, at):
    for index, first, last in (("entry", 1.0, "undefined_isolate"), ("exit", None, 1.0)):
        found = structural_reconfiguration(w9, network="net", index=index)
        if first is not None:
            assert at(found, "F", 2004) == first
        else:
            assert at(found, "F", 2004) == "undefined_isolate"
        assert at(found, "F", 2006) == last
    with pytest.raises(ValueError, match="index must be"):
        structural_reconfiguration(w9, network="net", index="both")


def test_newcomers_survival_and_years(w9, at):
    assert at(newcomer_share(w9, network="net"), "F", 2005) == 3 / 5
    assert at(newcomer_share(w9, network="net"), "F", 2006) == "undefined_isolate"
    assert at(tie_survival(w9, network="net"), "F", 2005) == 0.5
    assert at(tie_survival(w9, network="net"), "F", 2004) == "undefined_isolate"
    years = since_first_tie(w9, network="net")
    assert [at(years, "F", y) for y in (2004, 2005, 2006)] == [0, 1, 2]
    assert at(years, "I", 2006) == "undefined_isolate"
    with pytest.raises(ValueError, match="unit or network"):
        newcomer_share(w9, network="net", to="all")


def test_a_partner_can_be_new_to_the_unit_but_not_to_the_network(make, at):
    inputs = make(years=[2005], units="F", tied=[(2003, "A", "B", 1), (2005, "F", "A", 1)])
    assert at(newcomer_share(inputs, network="net"), "F", 2005) == 1.0
    assert at(newcomer_share(inputs, network="net", to="network"), "F", 2005) == 0.0


def test_the_first_year_of_ties_has_no_newcomers(make, at):
    inputs = make(years=[1990], units="F", tied=[(1990, "F", "A", 1)])
    assert at(newcomer_share(inputs, network="net"), "F", 1990) == "truncated"


def test_incoming_partners_initiate(make, at):
    inputs = make(
        years=[2005],
        units="FI",
        tied=[(2005, "F", n, 1) for n in "ABC"] + [(2001, "F", "C", 1)],
        records=[(2005, "A", "F", "a1"), (2005, "B", "F", "a2"), (2005, "C", "F", "a3"),
                 (2001, "C", "F", "a3")],
        alliance_parties=[{"aid": "a1", "org_id": "A", "role": "initiator"},
                          {"aid": "a1", "org_id": "F", "role": "party"},
                          {"aid": "a2", "org_id": "F", "role": "initiator"},
                          {"aid": "a3", "org_id": "C", "role": "initiator"}],
    )  # fmt: skip
    found = incoming_partners(inputs, network="net")
    assert at(found, "F", 2005) == 1  # B was invited, C stood before
    assert at(found, "I", 2005) == 0


@pytest.fixture(scope="module")
def ended(make):
    """F: a1 2000-2004, a2 2002 to the last day of 2005, a3 without known end, a4 2001-2001."""
    spans = {"a1": (2000, dt.date(2004, 6, 1)), "a2": (2002, dt.date(2005, 12, 31)),
             "a3": (2000, None), "a4": (2001, dt.date(2001, 9, 1))}  # fmt: skip
    return make(
        years=[2001, 2002, 2004, 2005, 2006],
        units="FI",
        alliances=[
            {"aid": a, "start_date": dt.date(y, 1, 1), "end_date": e, "end_known": e is not None}
            for a, (y, e) in spans.items()
        ],
        alliance_parties=[{"aid": a, "org_id": o} for a in spans for o in "FG"],
    )


def test_dissolution_counts_known_ends_at_risk(ended, at):
    rate = dissolution(ended)
    counts = {c: dissolution(ended, column=c) for c in ("ended", "at_risk")}
    # a4 never stands on a 31 December: it is neither at risk nor an exit.
    assert [at(counts["at_risk"], "F", y) for y in (2001, 2002, 2004, 2005)] == [1, 1, 2, 1]
    assert [at(counts["ended"], "F", y) for y in (2002, 2004, 2005, 2006)] == [0, 1, 0, 1]
    assert at(rate, "F", 2004) == 0.5
    assert at(rate, "F", 2006) == 1.0
    assert at(rate, "I", 2004) == "undefined_isolate"


def test_uncertainty_counts_ends_elsewhere(make, at):
    inputs = make(
        years=[2005],
        units="FI",
        tied=[(2005, "F", "A", 1)],
        alliances=[
            {"aid": "a1", "start_date": dt.date(2003, 1, 1), "end_known": False},
            {"aid": "b1", "start_date": dt.date(2003, 1, 1), "end_date": dt.date(2005, 2, 1),
             "end_known": True},
            {"aid": "b2", "start_date": dt.date(2004, 1, 1), "end_known": False},
        ],
        alliance_parties=[{"aid": "a1", "org_id": "F"}, {"aid": "a1", "org_id": "A"},
                          {"aid": "b1", "org_id": "A"}, {"aid": "b1", "org_id": "B"},
                          {"aid": "b2", "org_id": "A"}, {"aid": "b2", "org_id": "C"}],
    )  # fmt: skip
    # A without F: b1 at risk in 2004 and 2005 (ends), b2 in 2005: one end of three.
    assert at(behavioural_uncertainty(inputs, network="net"), "F", 2005) == pytest.approx(1 / 3)
    assert at(behavioural_uncertainty(inputs, network="net"), "I", 2005) == "undefined_isolate"


def test_churn_of_partners_leaves_the_unit_out(make, at):
    before = [(2004, "F", "A", 1), (2004, "A", "X", 1), (2004, "A", "Y", 1)]
    now = [(2005, "F", "A", 1), (2005, "A", "Y", 1), (2005, "A", "Z", 1), (2005, "G", "H", 1)]
    inputs = make(years=[2005], units="FGI", tied=before + now)
    found = partner_churn(inputs, network="net")
    assert at(found, "F", 2005) == pytest.approx(1 - 1 / 3)
    assert at(found, "G", 2005) == "undefined_single"
    assert at(found, "I", 2005) == "undefined_isolate"


def test_stages_are_decided_at_the_second_year_and_look_back_only(make, at):
    # Partners of F from 2000 on: 2, 3, 4, 5, 8, 12, 12, 12, 12, 8 (half of them new), 8 (again).
    sizes = [2, 3, 4, 5, 8, 12, 12, 12, 12]
    ties = [(2000 + k, "F", f"P{j:02d}", 1) for k, n in enumerate(sizes) for j in range(n)]
    for k, pool in ((9, range(20, 28)), (10, range(40, 48))):
        ties += [(2000 + k, "F", f"P{j:02d}", 1) for j in pool]
    inputs = make(years=range(1999, 2011), units="FI", tied=ties)
    found = stage(inputs, network="net")
    got = [at(found, "F", year) for year in range(1999, 2011)]
    assert got[0] == "undefined_isolate"
    # 2000-2003 young; 2004 and 2005 grow, so that the change comes in 2005; from 2008 on no growth
    # over three years (12 from 12), decided in 2009 were it not for the turnover of 2009 and 2010.
    assert got[1:] == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 4]
    assert at(in_stage(inputs, network="net", number=4), "F", 2010) == 1
    assert at(in_stage(inputs, network="net", number=4), "I", 2010) == "undefined_isolate"
    assert at(stage_censored(inputs, network="net"), "F", 2005) == 0
