"""Sources of knowledge: citations, dependence, flows, power, exploration, twins."""

from __future__ import annotations

import math

import pytest

from tertius.variables.exploration import exploration, lock_in, new_classes, twins
from tertius.variables.flows import flow_among_partners, knowledge_flow, power
from tertius.variables.search import breadth
from tertius.variables.sources import (
    citation_age,
    dependence,
    external_holders,
    openness,
    partner_learning,
    recent_citations,
    science_references,
    self_citations,
    source_breadth,
)


@pytest.fixture(scope="module")
def cited(make, new_patent):
    """In 2005 F cites own f0, partner A's a0 and a1, outsiders' x0, x1 (X) and y0 (Y)."""
    years = {"f0": 2000, "a0": 2004, "a1": 1999, "x0": 2003, "x1": 1995, "y0": 2004, "t1": 2005,
             "t2": 2005, "g1": 2005}  # fmt: skip
    owners = {"f0": "F", "a0": "A", "a1": "A", "x0": "X", "x1": "X", "y0": "Y", "t1": "F",
              "t2": "F A", "g1": "G"}  # fmt: skip
    codes = {"x0": "H04L1/00", "x1": "H04L1/00", "y0": "G06F1/00"}
    organisations = [
        {"org_id": n, "type": t, "country": c}
        for n, t, c in (("F", "firm", "CN"), ("A", "firm", "CN"), ("X", "firm", "US"),
                        ("Y", "university", "DE"), ("G", "firm", "CN"))
    ]  # fmt: skip
    return make(
        years=[2005],
        units="FGI",
        patents=[new_patent(pid, year) for pid, year in years.items()],
        held=owners,
        classes={pid: codes.get(pid, "A61K1/00") for pid in years},
        cites=[("t1", p) for p in ("f0", "a0", "x0", "x1")] + [("t2", "a1"), ("t2", "y0")],
        tied=[(2005, "F", "A", 1)],
        organisations=organisations,
        npl_citations=[{"citing_pid": "t1", "npl_id": "n1"}, {"citing_pid": "t1", "npl_id": "n2"}],
    )


def test_shares_of_citations(cited, at):
    assert at(self_citations(cited), "F", 2005) == pytest.approx(1 / 6)
    assert at(recent_citations(cited), "F", 2005) == pytest.approx(3 / 6)
    assert at(partner_learning(cited, network="net"), "F", 2005) == pytest.approx(2 / 6)
    assert at(self_citations(cited), "G", 2005) == "zero_denominator"
    assert at(self_citations(cited), "I", 2005) == "undefined_nopat"
    assert at(partner_learning(cited, network="net"), "G", 2005) == "undefined_isolate"


def test_external_holders_and_dependence(cited, at):
    assert at(external_holders(cited, network="net"), "F", 2005) == 2
    assert at(dependence(cited, network="net"), "F", 2005) == pytest.approx(2 / 3)
    assert at(dependence(cited, network="net", column="hhi"), "F", 2005) == pytest.approx(5 / 9)
    assert at(dependence(cited, network="net"), "G", 2005) == "undefined_single"
    assert at(external_holders(cited, network="net"), "I", 2005) == "undefined_nopat"


def test_breadth_over_places_types_and_classes(cited, at):
    thirds = -(2 / 3) * math.log(2 / 3) - (1 / 3) * math.log(1 / 3)
    found = source_breadth(cited, network="net", by="country")
    assert at(found, "F", 2005) == pytest.approx(thirds)
    assert at(breadth(cited, network="net", index="entropy"), "F", 2005) == pytest.approx(thirds)
    blau = source_breadth(cited, network="net", by="type", index="blau")
    assert at(blau, "F", 2005) == pytest.approx(1 - 5 / 9)
    assert at(found, "G", 2005) == "undefined_single"
    assert at(found, "I", 2005) == "undefined_nopat"
    with pytest.raises(ValueError, match="index must be"):
        breadth(cited, network="net", index="related")


def test_age_of_citations(cited, at):
    # Ages of F's six citations: 5, 1, 2, 10, 6, 1.
    assert at(citation_age(cited), "F", 2005) == (2 + 5) / 2
    assert at(citation_age(cited, how="mean"), "F", 2005) == pytest.approx(25 / 6)
    assert at(citation_age(cited, least=7), "F", 2005) == "undefined_single"
    assert at(citation_age(cited), "I", 2005) == "undefined_nopat"
    with pytest.raises(ValueError, match="median or mean"):
        citation_age(cited, how="mode")


def test_openness_and_science(cited, at):
    assert at(openness(cited), "F", 2005) == 0.5
    assert at(openness(cited), "I", 2005) == "undefined_nopat"
    assert at(science_references(cited), "F", 2005) == 1.0
    assert at(science_references(cited, how="share"), "F", 2005) == 0.5
    assert at(science_references(cited), "G", 2005) == 0.0
    assert at(science_references(cited), "I", 2005) == "undefined_nopat"


@pytest.fixture(scope="module")
def flowing(make, new_patent):
    """F-A, F-B, A-B tied. F cites A twice and X once; A cites F once and B once; B cites nobody."""
    years = {"f0": 2000, "a0": 2000, "a1": 2000, "b0": 2000, "x0": 2000, "f1": 2005, "a2": 2005}
    held = {pid: pid[0].upper() for pid in years}
    return make(
        years=[2005],
        units="FABI",
        patents=[new_patent(pid, year) for pid, year in years.items()],
        held=held,
        cites=[("f1", "a0"), ("f1", "a1"), ("f1", "x0"), ("a2", "f0"), ("a2", "b0")],
        tied=[(2005, "F", "A", 1), (2005, "F", "B", 1), (2005, "A", "B", 1)],
    )


def test_flows_with_and_among_partners(flowing, at):
    assert at(knowledge_flow(flowing, network="net"), "F", 2005) == (2 + 1) / 2
    assert at(knowledge_flow(flowing, network="net", direction="given"), "F", 2005) == 0.5
    assert at(knowledge_flow(flowing, network="net"), "I", 2005) == "undefined_isolate"
    # Among A and B, the partners of F: A cites B once, over two ordered pairs.
    assert at(flow_among_partners(flowing, network="net"), "F", 2005) == 0.5
    assert at(flow_among_partners(flowing, network="net"), "I", 2005) == "undefined_isolate"


def test_power_is_the_difference_of_dependences(flowing, at):
    # D_AF = 1/2 (A cites F once of two), D_FA = 2/3; the pair with B has a side that cites nobody.
    assert at(power(flowing, network="net"), "F", 2005) == pytest.approx(1 / 2 - 2 / 3)
    assert at(power(flowing, network="net"), "A", 2005) == pytest.approx(2 / 3 - 1 / 2)
    mutual = power(flowing, network="net", column="mutual")
    assert at(mutual, "F", 2005) == pytest.approx(1 / 2 + 2 / 3)
    assert at(power(flowing, network="net"), "B", 2005) == "zero_denominator"
    assert at(power(flowing, network="net"), "I", 2005) == "undefined_isolate"


@pytest.fixture(scope="module")
def exploring(make, new_patent):
    """F uses H04L every year 2000-2004; in 2005 H04L, H04L + G06F and A61K."""
    years = {f"o{k}": 2000 + k for k in range(5)} | {"t1": 2005, "t2": 2005, "t3": 2005, "g": 2005}
    codes = {"t2": "H04L1/00 G06F1/00", "t3": "A61K1/00", "g": "A61K1/00"}
    return make(
        years=[2001, 2005, 2006],
        units="FGI",
        raw=(1990, 2010),
        patents=[new_patent(pid, year) for pid, year in years.items()],
        held={pid: "G" if pid == "g" else "F" for pid in years},
        classes={pid: codes.get(pid, "H04L1/00") for pid in years},
    )


def test_exploration_and_exploitation(exploring, at):
    kinds = {kind: exploration(exploring, kind=kind) for kind in ("explore", "exploit")}
    assert [at(kinds[kind], "F", 2005) for kind in ("explore", "exploit")] == [2, 1]
    assert at(exploration(exploring, how="share"), "F", 2005) == pytest.approx(2 / 3)
    assert at(kinds["explore"], "F", 2001) == "truncated"
    assert at(kinds["explore"], "F", 2006) == 0
    assert at(exploration(exploring, how="share"), "F", 2006) == "undefined_nopat"
    assert at(new_classes(exploring), "F", 2005) == 2


def test_lock_in(exploring, at):
    assert at(lock_in(exploring), "F", 2005) == pytest.approx(1 / 3)
    # (2, 1, 1) over H04L, G06F, A61K against (1, 0, 0) in 2000.
    assert at(lock_in(exploring, how="vectors"), "F", 2005) == pytest.approx(2 / math.sqrt(6))
    assert at(lock_in(exploring), "F", 2006) == "undefined_nopat"
    assert at(lock_in(exploring), "G", 2005) == "truncated"


def test_twins_are_families_of_outsiders_with_the_same_classes(exploring, make, new_patent, at):
    assert at(twins(exploring, network="net"), "F", 2005) == pytest.approx(1 / 3)
    assert at(twins(exploring, network="net"), "G", 2005) == 1.0
    assert at(twins(exploring, network="net"), "I", 2005) == "undefined_nopat"
    allied = make(
        years=[2005], units="FG", patents=[new_patent("f", 2005), new_patent("g", 2005)],
        held={"f": "F", "g": "G"}, classes={"f": "H04L1/00", "g": "H04L1/09"},
        tied=[(2005, "F", "G", 1)],
    )  # fmt: skip
    assert at(twins(allied, network="net"), "F", 2005) == 0.0
