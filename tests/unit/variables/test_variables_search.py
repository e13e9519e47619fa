"""Search variables against worked answers and counts made by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tertius.variables.search import (
    breadth,
    citations_per_patent,
    class_depth,
    class_scope,
    depth,
    inside_share,
    new_sources,
    scope,
)


@pytest.fixture(scope="module")
def w7(make, new_patent):
    """W7: in t two patents cite {a,b,c} and {a,d}; past {a,b}, {a}, none, {c,e}, {e}."""
    t = 2005
    own = {f"x{lag}": t - lag for lag in (1, 2, 3, 4, 5)} | {"y1": t, "y2": t, "first": 1995}
    old = dict.fromkeys("abcde", 1992)
    past = {"x1": "ab", "x2": "a", "x4": "ce", "x5": "e", "y1": "abc", "y2": "ad"}
    return make(
        years=[1994, 1995, 1999, 2000, t, 2006],
        units="FN",
        patents=[new_patent(pid, year) for pid, year in {**own, **old}.items()],
        held=dict.fromkeys(own, "F"),
        cites=[(citing, cited) for citing, those in past.items() for cited in those],
    )


def test_w7_depth(w7, at):
    assert at(depth(w7), "F", 2005) == pytest.approx(6 / 5, abs=1e-15)
    assert at(depth(w7, basis="distinct"), "F", 2005) == pytest.approx(1.0, abs=1e-15)


def test_w7_scope(w7, at):
    assert at(scope(w7), "F", 2005) == pytest.approx(1 / 5, abs=1e-15)
    assert at(scope(w7, basis="distinct"), "F", 2005) == pytest.approx(1 / 4, abs=1e-15)


def test_burn_in_is_truncated_and_not_everything_new(w7, at):
    found = scope(w7)
    assert at(found, "F", 1994) == "truncated"  # look-back before the first record
    assert at(found, "F", 1995) == "truncated"  # first year of the unit's record
    assert at(found, "F", 1999) == "undefined_nopat"
    assert at(found, "F", 2000) == 1.0  # five years after its first patent: e is new
    assert at(depth(w7), "F", 2000) == 0.0
    assert at(found, "N", 2005) == "undefined_nopat"


def test_an_unknown_basis_is_refused(w7):
    with pytest.raises(ValueError, match="instances or distinct"):
        depth(w7, basis="both")


def test_own_patents_are_not_new_and_no_citation_is_no_ratio(make, new_patent, at):
    inputs = make(
        years=[2005, 2006],
        units="F",
        patents=[new_patent(p, y) for p, y in (("s", 1999), ("o", 2003), ("t", 2005), ("u", 2006))],
        held=dict.fromkeys(["s", "o", "t", "u"], "F"),
        cites=[("t", "s"), ("t", "o")],
    )
    # s is six years old: new to the look-back although it is the unit's own; o is not new.
    assert at(scope(inputs), "F", 2005) == 0.5
    assert at(scope(inputs), "F", 2006) == "zero_denominator"
    assert at(citations_per_patent(inputs), "F", 2005) == 2.0
    assert at(citations_per_patent(inputs), "F", 2006) == 0.0


@pytest.fixture(scope="module")
def external(make, new_patent):
    """F cites own, partner's, external and unknown patents in 2005 and 2006; A is its partner."""
    held = {
        "t1": "F",
        "t2": "F",
        "t3": "F",
        "o": "F X",
        "a": "A",
        "ax": "A X",
        "x1": "X",
        "x2": "X Y",
        "z": "Z",
        "old": "F",
        "g": "G",
    }
    classes = {"x1": "H04L1/00 H04W1/00", "x2": "H04L1/00", "z": "G06F1/00", "a": "A61K1/00"}
    year = {"t1": 2005, "t2": 2005, "t3": 2006, "old": 1995, "g": 2005}
    return make(
        years=[2005, 2006],
        units="FGAN",
        patents=[new_patent(pid, year.get(pid, 1998)) for pid in held],
        held=held,
        classes=classes,
        cites=[
            *(("t1", pid) for pid in ("o", "a", "ax", "x1", "x2", "unknown")),
            *(("t2", pid) for pid in ("x1", "z")),
            *(("t3", pid) for pid in ("x2", "a")),
            ("g", "x1"),
        ],
        tied=[(2005, "F", "A", 1)],
    )


def test_breadth_is_over_external_citation_instances(external, at):
    # x1 twice (H04L 1/2, H04W 1/2), x2 once (H04L), z once (G06F): N = 4.
    pooled = Fraction(2) ** 2 + Fraction(1) ** 2 + Fraction(1) ** 2
    own = 2 * Fraction(1, 2) + 1 + 1
    expected = 1 - (pooled - own) / Fraction(12)
    found = breadth(external, network="net")
    assert at(found, "F", 2005) == pytest.approx(float(expected), abs=1e-15)


def test_a_partner_of_the_year_is_not_external_in_that_year_only(external, at):
    # In 2006 A is no partner any more: x2 (H04L) and a (A61K) differ for sure.
    found = breadth(external, network="net")
    assert at(found, "F", 2006) == pytest.approx(1.0, abs=1e-15)
    assert at(found, "G", 2005) == "undefined_single"
    assert at(found, "N", 2005) == "undefined_nopat"
    assert at(found, "G", 2006) == "undefined_nopat"


def test_new_external_holders(external, at):
    found = new_sources(external, network="net")
    assert at(found, "F", 2005) == 3  # X, Y, Z; A is a partner
    # X and Y were cited in 2005, and so was A, as a partner.
    assert at(found, "F", 2006) == 0
    assert at(found, "G", 2005) == "truncated"
    assert at(found, "N", 2005) == "undefined_nopat"


def test_inside_share_counts_partners_patents_that_are_not_own(external, at):
    found = inside_share(external, network="net")
    assert at(found, "F", 2005) == pytest.approx(2 / 8)
    assert at(found, "F", 2006) == "undefined_isolate"
    assert at(found, "A", 2005) == "undefined_nopat"
    assert at(citations_per_patent(external), "F", 2005) == 4.0


@pytest.fixture(scope="module")
def classed(make, new_patent):
    """Past: H04L in 2000 and 2003, G06F in 1999; in 2005 three patents."""
    year = {"p1": 1999, "p2": 2000, "p3": 2003, "q1": 2005, "q2": 2005, "q3": 2005, "n": 2005}
    classes = {
        "p1": "G06F1/00",
        "p2": "H04L1/00",
        "p3": "H04L1/00 H04W1/00",
        "q1": "H04L1/00 A61K1/00",
        "q2": "H04W1/00 H04L5/00",
        "q3": "G06F1/00",
    }
    return make(
        years=[2005],
        units="FN",
        patents=[new_patent(pid, y) for pid, y in year.items()],
        held={pid: "N" if pid == "n" else "F" for pid in year},
        classes=classes,
    )


def test_scope_and_depth_by_classes(classed, at):
    # Subclasses of 2005: H04L (2 before), H04W (1), A61K new, G06F six years old: new.
    assert at(class_scope(classed), "F", 2005) == 0.5
    # q1 and q2 build on known classes; pairs: H04L 2, H04W 1, H04L 2.
    assert at(class_depth(classed), "F", 2005) == pytest.approx(2 / 3 * 5 / 3)
    assert at(class_scope(classed), "N", 2005) == "truncated"
