"""New combinations, recombination distance, leakage; disruption against brute force."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.variables.disruption import disruption, disruption_index
from tertius.variables.novelty import leakage, new_combinations, recombination_distance


@pytest.fixture(scope="module")
def combined(make, new_patent):
    """Families by year and main groups; F makes the pair (H04L9, G06F3) first, in 2000."""
    families = {"a": (1995, "H04L9/08 H04W4/00", "G"), "f": (2000, "H04L9/08 G06F3/01", "F"),
                "g": (2001, "H04L9/08 G06F3/01", "G"), "h": (2002, "H04L9/08 G06F3/01", "F G"),
                "s": (2002, "H04L9/08", "H"), "k": (2003, "A61K9/00 A61P3/00", "H")}  # fmt: skip
    return make(
        years=[1991, 2000, 2002, 2003],
        units="FGHI",
        raw=(1990, 2010),
        outcomes=(1990, 2010),
        patents=[new_patent(pid, year) for pid, (year, _, _) in families.items()],
        held={pid: holder for pid, (_, _, holder) in families.items()},
        classes={pid: codes for pid, (_, codes, _) in families.items()},
        tied=[(2002, "F", "G", 1), (2002, "H", "G", 1)],
    )


def test_new_combinations_are_counted_once(combined, at):
    found = new_combinations(combined)
    assert at(found, "F", 2000) == 1
    assert at(found, "F", 2002) == 0
    assert at(found, "H", 2003) == 1
    assert at(found, "F", 1991) == "truncated"
    assert at(found, "I", 2003) == 0
    assert at(new_combinations(combined, how="pairs"), "H", 2003) == 1


def test_families_of_one_day_do_not_precede_each_other(make, new_patent, at):
    day = dt.date(2001, 5, 5)
    inputs = make(
        years=[2001], units="FG", raw=(1990, 2010), outcomes=(1990, 2010),
        patents=[new_patent("f", 2001, prio_date=day), new_patent("g", 2001, prio_date=day)],
        held={"f": "F", "g": "G"}, classes=dict.fromkeys("fg", "H04L9/08 G06F3/01"),
    )  # fmt: skip
    assert [at(new_combinations(inputs), o, 2001) for o in "FG"] == [1, 1]


def test_recombination_distance_uses_earlier_families_only(combined, at):
    found = recombination_distance(combined)
    # 2002: pair (H04L, G06F) before: f and g, H04L in a, f, g, G06F in f and g.
    assert at(found, "F", 2002) == pytest.approx(1 - 2 / math.sqrt(3 * 2))
    assert at(found, "F", 2000) == 1.0
    assert at(found, "H", 2002) == "undefined_single"
    assert at(found, "I", 2002) == "undefined_nopat"
    assert at(found, "F", 1991) == "truncated"


def test_leakage_is_the_use_by_partners_alone(combined, at):
    # F's pair of 2000 is used by its partner G in 2001 without F.
    assert at(leakage(combined, network="net"), "F", 2002) == 1.0
    assert at(leakage(combined, network="net"), "H", 2002) == "undefined_nopat"
    assert at(leakage(combined, network="net"), "I", 2002) == "undefined_isolate"


def test_w11(make, new_patent, at):
    years = {"r1": 1995, "r2": 1995, "f": 2000, "i1": 2001, "i2": 2002, "i3": 2003, "i4": 2004,
             "late": 2009, "bare": 2000, "j": 2001}  # fmt: skip
    cites = [("f", "r1"), ("f", "r2"), ("i1", "f"), ("i2", "f"), ("i2", "r1"), ("i3", "r2"),
             ("i4", "f"), ("late", "f"), ("j", "bare")]  # fmt: skip
    inputs = make(
        years=[2000, 2001, 2008],
        units="FGI",
        raw=(1990, 2015),
        patents=[new_patent(pid, year) for pid, year in years.items()],
        held={"f": "F", "bare": "G", "i1": "G"},
        cites=cites,
    )
    assert at(disruption(inputs), "F", 2000) == 1 / 4
    assert at(disruption(inputs, column="mcd"), "F", 2000) == 3 / 4
    # Within ten years of publication the late document cites f alone as well: 2 of 5.
    assert at(disruption(inputs, years=10), "F", 2000) == pytest.approx(2 / 5)
    assert at(disruption(inputs, years=10, column="mcd"), "F", 2000) == pytest.approx(8 / 5)
    assert at(disruption(inputs), "G", 2000) == "zero_denominator"  # no backward citations
    assert at(disruption(inputs), "I", 2000) == "undefined_nopat"
    assert at(disruption(inputs), "F", 2008) == "undefined_nopat"
    assert at(disruption(inputs, years=7), "F", 2008) == "truncated"


def _by_hand(pairs, day, focal, opens, closes):
    references = {b for a, b in pairs if a == focal}
    scores = []
    for i in sorted({a for a, _ in pairs}):
        if i == focal or not opens < day[i] <= closes:
            continue
        f = (i, focal) in pairs
        b = any((i, r) in pairs for r in references)
        if f or b:
            scores.append(-2 * f * b + f)
    m = sum((i, focal) in pairs and opens < day[i] <= closes for i in day)
    if not references or not scores:
        return None, None
    return sum(scores) / len(scores), m * sum(scores) / len(scores)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 25))
def test_disruption_is_the_sum_over_later_documents(seed, n):
    rng = np.random.default_rng(seed)
    day = {i: 10 * i for i in range(n)}
    pairs = {(i, j) for i in range(n) for j in range(i) if rng.random() < 0.25}
    citing = np.array([a for a, _ in sorted(pairs)], dtype=np.int64)
    cited = np.array([b for _, b in sorted(pairs)], dtype=np.int64)
    days = np.array([day[a] for a in citing.tolist()], dtype=np.int32)
    focal = np.arange(n)
    opens = np.array([day[i] for i in range(n)], dtype=np.int32)
    closes = opens + 60
    found = disruption_index(citing, cited, days, focal, opens, closes.astype(np.int32))
    for i, (cd, mcd) in enumerate(found.select("cd", "mcd").iter_rows()):
        expected = _by_hand(pairs, day, i, int(opens[i]), int(closes[i]))
        assert (cd is None) == (expected[0] is None)
        if cd is not None:
            assert (cd, mcd) == pytest.approx(expected)
