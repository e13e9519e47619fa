"""Events into ties: dating, cliques, windows, and the ledgers of what was left out."""

from collections import Counter
from datetime import date
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tertius.ties import (
    TIES_SCHEMA,
    alliance_events,
    alliance_starts,
    co_patent_events,
    union_records,
    union_ties,
    window_records,
    window_ties,
    yearly_pairs,
)


def events_of(*rows: tuple[str, int, str]) -> pl.DataFrame:
    """Events: one (record, year, members as letters) a row."""
    flat = [(record, year, node) for record, year, nodes in rows for node in nodes]
    schema = {"record_id": pl.String, "year": pl.Int32, "node": pl.String}
    return pl.DataFrame(flat, schema=schema, orient="row")


def allied(start: date | None, end: date | None, known: bool | None) -> pl.DataFrame:
    """One alliance of A and B."""
    return pl.DataFrame(
        {"aid": ["x"], "start_date": [start], "end_date": [end], "end_known": [known]},
        schema={
            "aid": pl.String,
            "start_date": pl.Date,
            "end_date": pl.Date,
            "end_known": pl.Boolean,
        },
    )


PARTIES = pl.DataFrame({"aid": ["x", "x"], "org_id": ["A", "B"]})


def active_years(start: date | None, end: date | None, known: bool | None) -> list[int]:
    """Years of 2000-2020 in which the alliance stands on 31 December."""
    events = alliance_events(allied(start, end, known), PARTIES, range(2000, 2021), 5).events
    return events["year"].unique().sort().to_list()


@pytest.mark.parametrize(
    ("start", "end", "known", "years"),
    [
        (date(2005, 3, 1), date(2007, 12, 31), True, [2005, 2006, 2007]),
        (date(2005, 3, 1), date(2007, 12, 30), True, [2005, 2006]),
        (date(2005, 12, 31), date(2006, 1, 1), True, [2005]),
        (date(2005, 12, 31), date(2005, 12, 31), True, [2005]),
        (date(2005, 1, 1), date(2005, 12, 30), True, []),
        (date(2005, 6, 1), date(2005, 2, 1), True, []),
        (date(2005, 6, 1), date(2004, 12, 31), True, []),
        (date(2005, 6, 1), None, False, [2005, 2006, 2007, 2008, 2009]),
        (date(2005, 6, 1), None, True, [2005, 2006, 2007, 2008, 2009]),
        (date(2005, 6, 1), date(2006, 6, 1), False, [2005, 2006, 2007, 2008, 2009]),
        (date(2005, 6, 1), date(2006, 6, 1), None, [2005]),
        (date(1990, 6, 1), date(2001, 6, 1), True, [2000]),
        (None, date(2006, 6, 1), True, []),
    ],
)
def test_an_alliance_is_in_the_state_of_31_december(
    start: date | None, end: date | None, known: bool | None, years: list[int]
) -> None:
    assert active_years(start, end, known) == years


def test_the_alliance_ledger_counts_every_way_out() -> None:
    alliances = pl.DataFrame(
        {
            "aid": [f"a{k}" for k in range(1, 9)],
            "start_date": [
                date(2005, 1, 1),  # stands 2005-2006
                date(2005, 1, 1),  # within one calendar year
                date(2005, 1, 1),  # unknown end
                date(2005, 1, 1),  # dated, but disowned
                None,
                date(2006, 1, 1),  # ends before it starts
                date(1990, 1, 1),  # over before the years asked for
                date(2005, 1, 1),  # no party
            ],
            "end_date": [
                date(2007, 1, 1),
                date(2005, 6, 1),
                None,
                date(2005, 6, 1),
                date(2007, 1, 1),
                date(2005, 1, 1),
                date(1995, 1, 1),
                date(2007, 1, 1),
            ],
            "end_known": [True, True, False, False, True, True, True, True],
        }
    )
    parties = pl.DataFrame(
        {
            "aid": ["a1", "a1", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "zz", "a1"],
            "org_id": ["A", "B", "A", "A", "A", "A", "A", "A", "A", "A", None],
        }
    )
    result = alliance_events(alliances, parties, range(2000, 2011), 5)
    assert result.ledger == {
        "alliances": 8,
        "alliances_without_start": 1,
        "end_before_start": 1,
        "end_unknown": 2,
        "end_disowned": 1,
        "never_active": 1,
        "outside_years": 1,
        "alliances_without_party": 1,
        "alliances_of_one": 6,
        "parties": 11,
        "parties_without_alliance": 1,
        "parties_without_node": 1,
        "parties_repeated": 1,
        "events": 14,
    }
    assert Counter(result.events["record_id"].to_list()) == {"a1": 4, "a3": 5, "a4": 5}
    starts = alliance_starts(alliances, parties)
    assert starts.ledger["alliances_without_start"] == 1
    assert starts.events.filter(record_id="a1").rows() == [("a1", 2005, "A"), ("a1", 2005, "B")]
    with pytest.raises(ValueError, match="lifespan"):
        alliance_events(alliances, parties, [2005], 0)


def test_a_family_is_one_event_at_its_earliest_year() -> None:
    patents = pl.DataFrame(
        {
            "pid": ["p1", "p2", "p3", "p4"],
            "family_id": ["f", "f", None, "g"],
            "year": [2003, 2001, 2002, None],
        }
    )
    members = pl.DataFrame(
        {
            "pid": ["p1", "p2", "p2", "p3", "p4", "p9", "p3"],
            "org_id": ["A", "A", "B", "C", "A", "A", None],
        }
    )
    result = co_patent_events(patents, members)
    assert result.events.rows() == [("f", 2001, "A"), ("f", 2001, "B"), ("p3", 2002, "C")]
    assert result.ledger == {
        "patents": 4,
        "families": 3,
        "members": 7,
        "members_without_patent": 1,
        "members_without_node": 1,
        "members_without_year": 1,
        "members_repeated": 1,
        "events": 3,
        "families_of_one": 1,
    }
    inventors = members.rename({"org_id": "inv_id"})
    assert_frame_equal(co_patent_events(patents, inventors, node="inv_id").events, result.events)


def test_worked_answer_w10() -> None:
    """a1{F,A}, a2{F,A,B}, a3{F,C}."""
    pairs, records, skipped = yearly_pairs(
        events_of(("a1", 2000, "FA"), ("a2", 2000, "FAB"), ("a3", 2000, "FC"))
    )
    assert pairs.select("a", "b", "weight_count", "weight_newman", "n_records").rows() == [
        ("A", "B", 1.0, 0.5, 1),
        ("A", "F", 2.0, 1.5, 2),
        ("B", "F", 1.0, 0.5, 1),
        ("C", "F", 1.0, 1.0, 1),
    ]
    assert pairs["weight_fraction"].to_list() == [1 / 3, 1 + 1 / 3, 1 / 3, 1.0]
    assert pairs.filter(b="F")["weight_newman"].sum() == 3.0
    assert records.filter(a="A", b="F")["record_id"].to_list() == ["a1", "a2"]
    assert records.height == 5
    assert skipped.height == 0
    assert pairs.schema == TIES_SCHEMA


def test_records_above_the_cap_are_skipped_and_listed() -> None:
    events = events_of(("big", 2001, "ABCD"), ("ok", 2001, "ABC"), ("big", 2000, "ABCD"))
    pairs, records, skipped = yearly_pairs(events, clique_cap=3)
    assert skipped.rows() == [("big", 2000, 4), ("big", 2001, 4)]
    assert pairs.height == records.height == 3
    assert yearly_pairs(events, clique_cap=4).skipped.height == 0
    with pytest.raises(ValueError, match="clique_cap"):
        yearly_pairs(events, clique_cap=1)


def test_records_of_one_and_empty_events_make_no_ties() -> None:
    pairs, records, skipped = yearly_pairs(events_of(("a", 2000, "A")))
    assert pairs.height == records.height == skipped.height == 0
    assert yearly_pairs(events_of()).pairs.schema == TIES_SCHEMA
    assert window_ties(pairs, 3, [2000]).schema == TIES_SCHEMA


def test_windows_sum_years_by_hand() -> None:
    pairs, records, _ = yearly_pairs(
        events_of(("p", 2000, "AB"), ("q", 2002, "AB"), ("r", 2002, "ABC"), ("s", 2005, "AC"))
    )
    windows = window_ties(pairs, 3, range(2000, 2009))
    columns = ["year", "a", "b", "weight_count", "weight_newman", "n_records"]
    assert windows.select(columns).rows() == [
        (2000, "A", "B", 1.0, 1.0, 1),
        (2001, "A", "B", 1.0, 1.0, 1),
        (2002, "A", "B", 3.0, 2.5, 3),
        (2002, "A", "C", 1.0, 0.5, 1),
        (2002, "B", "C", 1.0, 0.5, 1),
        (2003, "A", "B", 2.0, 1.5, 2),
        (2003, "A", "C", 1.0, 0.5, 1),
        (2003, "B", "C", 1.0, 0.5, 1),
        (2004, "A", "B", 2.0, 1.5, 2),
        (2004, "A", "C", 1.0, 0.5, 1),
        (2004, "B", "C", 1.0, 0.5, 1),
        (2005, "A", "C", 1.0, 1.0, 1),
        (2006, "A", "C", 1.0, 1.0, 1),
        (2007, "A", "C", 1.0, 1.0, 1),
    ]
    behind = window_records(records, 3, [2002])
    assert behind.filter(a="A", b="B")["record_id"].to_list() == ["p", "q", "r"]
    assert_frame_equal(window_ties(pairs, 1, range(2000, 2009)), pairs)
    assert window_ties(pairs, 3, [1990]).height == 0
    with pytest.raises(ValueError, match="window"):
        window_ties(pairs, 0, [2000])


def test_unions_add_networks() -> None:
    one = yearly_pairs(events_of(("p", 2000, "AB"), ("q", 2001, "BC")))
    two = yearly_pairs(events_of(("x", 2000, "ABC")))
    union = union_ties([one.pairs, two.pairs])
    assert union.select("year", "a", "b", "weight_newman", "n_records").rows() == [
        (2000, "A", "B", 1.5, 2),
        (2000, "A", "C", 0.5, 1),
        (2000, "B", "C", 0.5, 1),
        (2001, "B", "C", 1.0, 1),
    ]
    behind = union_records([one.records, two.records])
    assert behind.filter(year=2000, a="A", b="B")["record_id"].to_list() == ["p", "x"]
    assert_frame_equal(union_ties([two.pairs, one.pairs]), union)


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 8).map("r{}".format),
        st.integers(2000, 2006),
        st.sampled_from("ABCDEFGH\u7814\u4f01"),
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(EVENTS, st.one_of(st.none(), st.integers(2, 5)), st.integers(1, 4), st.randoms())
def test_windows_from_raw_records_and_any_row_order(
    rows: list[tuple[str, int, str]], cap: int | None, width: int, random: object
) -> None:
    events = events_of(*rows)
    pairs, records, skipped = yearly_pairs(events, cap)
    years = range(2000, 2010)
    windows = window_ties(pairs, width, years)
    members: dict[tuple[str, int], set[str]] = {}
    for record, year, node in rows:
        members.setdefault((record, year), set()).add(node)
    count: Counter[tuple[int, str, str]] = Counter()
    newman: Counter[tuple[int, str, str]] = Counter()
    large = 0
    for (_, year), nodes in members.items():
        if cap is not None and len(nodes) > cap:
            large += 1
            continue
        for a, b in combinations(sorted(nodes), 2):
            for t in range(year, year + width):
                count[(t, a, b)] += 1
                newman[(t, a, b)] += 1 / (len(nodes) - 1)
    assert skipped.height == large
    assert windows.select("year", "a", "b").rows() == sorted(count)
    assert windows["n_records"].to_list() == [count[k] for k in sorted(count)]
    assert windows["weight_newman"].to_list() == pytest.approx([newman[k] for k in sorted(count)])
    order = list(range(events.height))
    random.shuffle(order)  # type: ignore[attr-defined]
    again = yearly_pairs(events[order], cap)
    assert_frame_equal(again.pairs, pairs, check_exact=True)
    assert_frame_equal(again.records, records)
    mixed = again.pairs.sample(fraction=1, shuffle=True, seed=1)
    assert_frame_equal(window_ties(mixed, width, years), windows, check_exact=True)
    assert_frame_equal(
        window_records(records.reverse(), width, years), window_records(records, width, years)
    )


def test_newman_strength_counts_records_of_two_or_more() -> None:
    rng = np.random.default_rng(7)
    rows = [
        (f"r{k}", 2000, "".join(map(chr, 65 + rng.permutation(20)[: rng.integers(1, 9)])))
        for k in range(300)
    ]
    pairs = yearly_pairs(events_of(*rows)).pairs
    for node in "ABT":
        tied = pairs.filter((pl.col("a") == node) | (pl.col("b") == node))
        expected = sum(node in members and len(members) > 1 for _, _, members in rows)
        assert tied["weight_newman"].sum() == pytest.approx(expected)
    assert pairs["weight_fraction"].sum() == pytest.approx(sum(len(m) > 1 for _, _, m in rows))
