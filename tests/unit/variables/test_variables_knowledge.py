"""Knowledge variables against worked answers, brute force and properties."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.variables.distances import dyads, heterogeneity, heterogeneity_coverage
from tertius.variables.frames import SHARE_UNIT, hall_blau, ordered_sum
from tertius.variables.knowledge import (
    own_diversity,
    pooled_distance,
    portfolio_diversity,
    stock,
)


def _hall(vectors):
    """Corrected Blau index of patents' class shares, in exact fractions."""
    n = len(vectors)
    classes = {c for v in vectors for c in v}
    pooled = sum(sum(v.get(c, 0) for v in vectors) ** 2 for c in classes)
    own = sum(s**2 for v in vectors for s in v.values())
    return 1 - (pooled - own) / Fraction(n * (n - 1))


def _vector(codes):
    distinct = {code[:4] for code in codes.split()}
    return {code: Fraction(1, len(distinct)) for code in distinct}


@pytest.fixture(scope="module")
def w6(make, new_patent):
    """W6: class counts F (4,2,0,0), A (2,4,0,0), B (0,0,3,1); partners of F are A and B."""
    counts = {"F": (4, 2, 0, 0), "A": (2, 4, 0, 0), "B": (0, 0, 3, 1)}
    symbols = ("H04L", "H04W", "G06F", "A61K")
    held, classes = {}, {}
    for name, numbers in counts.items():
        for code, number in zip(symbols, numbers, strict=True):
            for k in range(number):
                held[f"{name}{code}{k}"] = name
                classes[f"{name}{code}{k}"] = f"{code}9/08"
    return make(
        years=[2005],
        units="FABCN",
        patents=[new_patent(pid, 2003) for pid in held],
        held=held,
        classes=classes,
        tied=[(2005, "F", "A", 1), (2005, "F", "B", 1), (2005, "C", "N", 1)],
    )


def test_w6_mean_distance_to_partners(w6, at):
    found = heterogeneity(w6, network="net")
    assert at(found, "F", 2005) == pytest.approx(0.6, abs=1e-12)
    assert at(found, "A", 2005) == pytest.approx(0.2, abs=1e-12)
    assert at(found, "C", 2005) == "undefined_nopat"
    assert at(heterogeneity_coverage(w6, network="net"), "F", 2005) == 2
    assert at(heterogeneity_coverage(w6, network="net"), "C", 2005) == 0


def test_w6_distance_to_the_pooled_partners(w6, at):
    found = pooled_distance(w6, network="net")
    assert at(found, "F", 2005) == pytest.approx(1 - 16 / np.sqrt(600), abs=1e-12)
    assert at(found, "C", 2005) == "undefined_nopat"


def test_w6_dyads(w6):
    pairs = dyads(w6, "net").filter(pl.col("org") == 3)  # F
    assert pairs["cosine"].to_list() == pytest.approx([0.8, 0.0], abs=1e-12)


def test_portfolio_diversity_of_whole_classes_is_halls_correction(w6, at):
    # Pool of A and B: (2, 4, 3, 1) of 10; Blau .70 times 10/9.
    found = portfolio_diversity(w6, network="net")
    assert at(found, "F", 2005) == pytest.approx(0.7 * 10 / 9, abs=1e-12)
    assert at(own_diversity(w6), "F", 2005) == pytest.approx((1 - 20 / 36) * 6 / 5, abs=1e-12)


def test_pool_statuses(w6, at):
    found = portfolio_diversity(w6, network="net")
    assert at(found, "N", 2005) == "undefined_nopat"
    assert at(own_diversity(w6), "N", 2005) == "undefined_nopat"


def test_isolates_and_single_patents(make, new_patent, at):
    inputs = make(
        years=[1993, 1994, 2000],
        units="FAI",
        patents=[new_patent("p", 1991)],
        held={"p": "A"},
        classes={"p": "H04L1/00 G06F1/00"},
        tied=[(1993, "F", "A", 1), (1994, "F", "A", 1), (2000, "F", "A", 1)],
    )
    found = portfolio_diversity(inputs, network="net")
    assert at(found, "F", 1993) == "truncated"
    assert at(found, "F", 1994) == "undefined_single"
    assert at(found, "F", 2000) == "undefined_nopat"
    assert at(found, "I", 1994) == "undefined_isolate"
    assert at(heterogeneity(inputs, network="net"), "F", 1994) == "undefined_nopat"
    assert at(own_diversity(inputs), "A", 1994) == "undefined_single"


@pytest.fixture(scope="module")
def joint(make, new_patent):
    """F and A share j; A and B share s; A, B and C hold others; partners of F: A, B."""
    held = {"j": "F A", "s": "A B", "a": "A", "b": "B", "c": "C", "f": "F", "x": "F C"}
    classes = {
        "j": "H04L1/00",
        "s": "H04W1/00 H04W2/00 G06F1/00",
        "a": "G06F1/00",
        "b": "A61K1/00 G06F2/00 H04L1/00",
        "c": "A61P1/00",
        "f": "H04L1/00 A61K1/00",
        "x": "G06F1/00",
    }
    return make(
        years=[2005],
        units="FABC",
        patents=[new_patent(pid, 2001 + k % 5) for k, pid in enumerate(held)],
        held=held,
        classes=classes,
        tied=[(2005, "F", "A", 1), (2005, "F", "B", 1)],
    )


def test_the_pool_holds_shared_patents_once_and_no_joint_ones(joint, at):
    s, a, b = (_vector(c) for c in ("H04W1 G06F1", "G06F1", "A61K1 G06F2 H04L1"))
    found = portfolio_diversity(joint, network="net")
    assert at(found, "F", 2005) == pytest.approx(float(_hall([s, a, b])), abs=1e-14)
    # Partner of A is F: its patents without the joint one.
    f, x = _vector("H04L1 A61K1"), _vector("G06F1")
    assert at(found, "A", 2005) == pytest.approx(float(_hall([f, x])), abs=1e-14)


def test_joint_patents_are_in_neither_vector_of_a_pair(joint, at):
    # F without j: H04L .5, A61K .5, G06F 1; A without j: H04W .5, G06F .5 + 1.
    f_a = 1 - (1 * 1.5) / np.sqrt(1.5 * 2.5)
    # F (with j): H04L 1.5, A61K .5, G06F 1; B: H04W .5, G06F .5 + 1/3, A61K 1/3, H04L 1/3.
    dot = 1.5 / 3 + 0.5 / 3 + 1 * (0.5 + 1 / 3)
    norm = (1.5**2 + 0.25 + 1) * (0.25 + (0.5 + 1 / 3) ** 2 + 2 / 9)
    f_b = 1 - dot / np.sqrt(norm)
    found = heterogeneity(joint, network="net")
    assert at(found, "F", 2005) == pytest.approx((f_a + f_b) / 2, abs=1e-12)


def test_pooled_distance_leaves_out_what_is_co_owned_with_any_partner(joint, at):
    # F without j: H04L .5, A61K .5, G06F 1; pool s, a, b.
    pool = {"H04W": 0.5, "G06F": 0.5 + 1 + 1 / 3, "A61K": 1 / 3, "H04L": 1 / 3}
    mine = {"H04L": 0.5, "A61K": 0.5, "G06F": 1.0}
    dot = sum(mine[c] * pool[c] for c in mine)
    length = sum(v**2 for v in pool.values()) * sum(v**2 for v in mine.values())
    found = pooled_distance(joint, network="net")
    assert at(found, "F", 2005) == pytest.approx(1 - dot / np.sqrt(length), abs=1e-12)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_w5_correction_is_the_chance_that_two_patents_differ(n):
    kinds = [0, 0, 0, 1, 1, 2][: n + 1]
    pairs = list(itertools.combinations(kinds, 2))
    expected = sum(a != b for a, b in pairs) / len(pairs)
    counts = [kinds.count(k) for k in set(kinds)]
    frame = pl.DataFrame({"n": [len(kinds)], "q": [float(sum(k * k for k in counts))]})
    found = frame.select(hall_blau(pl.col("n"), pl.col("q"), pl.col("n").cast(pl.Float64))).item()
    assert found == pytest.approx(expected, abs=1e-15)


def test_w5_unbiased_blau_of_3_2_1_is_11_15():
    frame = pl.DataFrame({"n": [6], "q": [14.0], "own": [6.0]})
    found = frame.select(hall_blau(pl.col("n"), pl.col("q"), pl.col("own"))).item()
    assert found == pytest.approx(11 / 15, abs=1e-15)


SYMBOLS = ("H04L", "H04W", "G06F", "A61K")
portfolios = st.lists(
    st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4, unique=True), min_size=2, max_size=9
)


@settings(max_examples=25, deadline=None)
@given(portfolios, st.permutations(SYMBOLS), st.randoms())
def test_diversity_is_in_0_1_equals_fractions_and_ignores_names_and_order(
    make, new_patent, at, codes, renamed, random
):
    new_name = dict(zip(SYMBOLS, renamed, strict=True))
    first = {f"p{k}": " ".join(f"{c}1/00" for c in v) for k, v in enumerate(codes)}
    second = {f"p{k}": " ".join(f"{new_name[c]}1/00" for c in v) for k, v in enumerate(codes)}
    order = list(first)
    random.shuffle(order)

    def value(classes, pids):
        inputs = make(
            years=[2005],
            units="F",
            patents=[new_patent(pid, 2004) for pid in pids],
            held=dict.fromkeys(pids, "F"),
            classes={pid: classes[pid] for pid in pids},
        )
        return at(own_diversity(inputs), "F", 2005)

    found = value(first, list(first))
    assert 0.0 <= found <= 1.0
    assert found == pytest.approx(float(_hall([_vector(c) for c in first.values()])), abs=1e-12)
    assert value(first, order) == found
    assert value(second, list(first)) == pytest.approx(found, abs=1e-12)


def test_shares_of_up_to_thirty_classes_are_whole_numbers():
    assert all(SHARE_UNIT % k == 0 for k in range(1, 31))


def test_ordered_sums_do_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(3)
    frame = pl.DataFrame(
        {"g": rng.integers(0, 50, 5000), "o": np.arange(5000), "x": rng.lognormal(0, 9, 5000)}
    )
    first = ordered_sum(frame, ["g"], ["o"], ["x"])
    second = ordered_sum(frame[rng.permutation(5000)], ["g"], ["o"], ["x"])
    assert first.equals(second)
    assert first["x"].sum() == pytest.approx(frame["x"].sum())
    assert ordered_sum(frame.clear(), ["g"], ["o"], ["x"]).height == 0


def test_knowledge_stock_by_hand(make, new_patent, at):
    inputs = make(
        years=[1998, 1999, 2001],
        units="FGN",
        patents=[new_patent(p, y) for p, y in (("a", 1990), ("b", 1999), ("c", 1999), ("d", 2001))],
        held={"a": "F", "b": "F", "c": "F G", "d": "F"},
        organisations=[
            {"org_id": "F", "type": "firm", "birth_year": 1980},
            {"org_id": "G", "type": "firm", "birth_year": 1995},
        ],
    )
    found = stock(inputs)
    assert at(found, "F", 1999) == pytest.approx(0.85**9 + 2)
    assert at(found, "F", 2001) == pytest.approx((0.85**9 + 2) * 0.85**2 + 1)
    assert at(found, "F", 1998) == "truncated"
    assert at(found, "G", 1998) == 0.0  # born within the records: nothing lies before them
    assert at(found, "G", 2001) == pytest.approx(0.85**2)
    assert at(found, "N", 1999) == 0.0
    assert at(found, "N", 1998) == "truncated"


def test_families_count_once_and_later_members_add_nothing(make, new_patent, at):
    inputs = make(
        years=[2005, 2006],
        units="FG",
        patents=[
            new_patent("p1", 2004, family_id="x"),
            new_patent("p2", 2004, family_id="x"),
            new_patent("p3", 2006, family_id="x"),
            new_patent("p4", 2005),
        ],
        held={"p1": "F", "p2": "F", "p3": "G", "p4": "F"},
        classes={"p1": "H04L1/00", "p2": "H04W1/00", "p3": "A61K1/00", "p4": "H04L3/00"},
    )
    # Family x: H04L and H04W, half each; p4: H04L.
    pooled = _hall([_vector("H04L1 H04W1"), _vector("H04L3")])
    for year in (2005, 2006):
        assert at(own_diversity(inputs), "F", year) == pytest.approx(float(pooled))
        assert at(own_diversity(inputs), "G", year) == "undefined_nopat"
