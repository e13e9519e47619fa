"""Faults that are put into the records of a world."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from tertius.simulate import settings_for, simulate_world
from tertius.simulate.faults import FAULTS, MENTIONS, SEPARATOR, stranger, with_fault
from tertius.simulate.world import World

RATES = (0.05, 0.1, 0.2)


@pytest.fixture(scope="module")
def world() -> World:
    return simulate_world(settings_for(60), 3)


def mentions(world: World, table: str, column: str) -> Counter[str]:
    texts = world.tables[table][column].drop_nulls()
    return Counter(name for text in texts for name in text.split(SEPARATOR))


def register(world: World) -> set[str]:
    return set(world.tables["organisations"]["name"])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_rate_zero_changes_nothing_and_the_seed_decides(fault: str, world) -> None:
    same = with_fault(world, fault, 0.0, 1)
    again, other = (with_fault(world, fault, 0.1, seed) for seed in (1, 2))
    for name, table in world.tables.items():
        assert same.tables[name].equals(table)
        assert again.tables[name].equals(with_fault(world, fault, 0.1, 1).tables[name])
    if fault != "truncation":  # the last ones are no draw
        assert any(not again.tables[n].equals(other.tables[n]) for n in world.tables)


@pytest.mark.parametrize("fault", FAULTS)
def test_register_and_truth_stay(fault: str, world) -> None:
    made = with_fault(world, fault, 0.2, 1)
    assert made.tables["organisations"].equals(world.tables["organisations"])
    assert made.truth is world.truth


@pytest.mark.parametrize("rate", RATES)
def test_split_names_move_half_of_the_mentions_to_strangers(rate: float, world) -> None:
    made = with_fault(world, "name_splits", rate, 1)
    before, after = (mentions(w, "patents", "applicants") for w in (world, made))
    assert before.total() == after.total()
    new = {name for name in after if name not in before}
    assert new
    assert not new & register(world)
    hit = [n for n in register(world) if stranger(n) in new]
    moved, of = (sum(c[f(n)] for n in hit) for c, f in ((after, stranger), (before, str)))
    assert moved / of == pytest.approx(0.5, abs=4 * 0.5 / of**0.5)
    assert len(hit) <= round(rate * len(register(world)))


@pytest.mark.parametrize("rate", RATES)
def test_merged_names_are_gone_and_others_of_their_type_carry_their_records(rate, world) -> None:
    made = with_fault(world, "name_merges", rate, 1)
    before, after = (mentions(w, "patents", "applicants") for w in (world, made))
    gone = {n for n in register(world) & before.keys() if n not in after}
    assert 0 < len(gone) <= round(rate * len(register(world)))
    kinds = dict(world.tables["organisations"].select("name", "type").iter_rows())
    rose = Counter({n: after[n] - before[n] for n in after if after[n] > before[n]})
    texts = world.tables["patents"]["applicants"].str.split(SEPARATOR)
    shared = sum(len(gone & set(names)) for names in texts if len(names) > 1)
    for kind in set(kinds.values()):
        lost = sum(before[n] for n in gone if kinds[n] == kind)
        risen = sum(v for n, v in rose.items() if kinds.get(n) == kind)
        # a name merged into its co-applicant's is one mention less
        assert lost - shared <= risen <= lost


def test_records_are_renamed_alike_in_all_their_tables(world) -> None:
    made = with_fault(world, "name_splits", 0.2, 1)
    deals = dict(made.tables["alliances"].select("deal_id", "participants").iter_rows())
    for deal, party in made.tables["alliance_parties"].select("deal_id", "party").iter_rows():
        assert party in deals[deal].split(SEPARATOR)


@pytest.mark.parametrize("fault", ["name_splits", "name_merges", "missing_nodes", "missing_ties"])
def test_every_deal_keeps_two_parties(fault: str, world) -> None:
    deals = with_fault(world, fault, 0.2, 1).tables["alliances"]
    parties = deals["participants"].str.split(SEPARATOR)
    assert parties.list.len().min() >= 2
    assert (parties.list.len() == parties.list.n_unique()).all()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("fault", "table"), [("missing_ties", "alliances"), ("missing_citations", "citations")]
)
def test_a_share_of_the_rows_is_lost(fault: str, table: str, rate: float, world) -> None:
    before = world.tables[table]
    after = with_fault(world, fault, rate, 1).tables[table]
    assert after.join(before, on=before.columns, how="anti", nulls_equal=True).is_empty()
    lost = 1.0 - after.height / before.height
    assert lost == pytest.approx(rate, abs=4 * (rate / before.height) ** 0.5)


def test_larger_rates_hit_what_smaller_ones_hit(world) -> None:
    few, many = (with_fault(world, "missing_ties", r, 1).tables["alliances"] for r in (0.05, 0.2))
    assert many.join(few, on="deal_id", how="anti").is_empty()


@pytest.mark.parametrize("rate", RATES)
def test_ends_are_lost_and_nothing_else(rate: float, world) -> None:
    before = world.tables["alliances"]
    after = with_fault(world, "missing_ends", rate, 1).tables["alliances"]
    assert after.drop("terminated").equals(before.drop("terminated"))
    ended = before["terminated"].is_not_null() & (before["terminated"] != "")
    lost = after["terminated"].is_null().filter(ended).mean()
    assert lost == pytest.approx(rate, abs=4 * (rate / ended.sum()) ** 0.5)


def test_lost_nodes_are_in_no_deal_but_keep_their_patents(world) -> None:
    made = with_fault(world, "missing_nodes", 0.2, 1)
    before, after = (mentions(w, "alliances", "participants") for w in (world, made))
    gone = register(world) & before.keys() - after.keys()
    assert len(gone) >= 0.1 * len(register(world))
    assert made.tables["patents"].equals(world.tables["patents"])


def test_truncation_takes_the_last_patents_and_the_citations_they_make(world) -> None:
    made = with_fault(world, "truncation", 0.1, 1)
    before, after = (w.tables["patents"] for w in (world, made))
    lost = before.join(after, on="publication_number", how="anti")
    assert lost.height / before.height == pytest.approx(0.1, abs=0.02)
    assert lost["publication_date"].min() > after["publication_date"].max()
    known = set(after["publication_number"])
    assert set(made.tables["citations"]["citing"]) <= known
    expected = world.tables["citations"].filter(pl.col("citing").is_in(list(known)))
    assert made.tables["citations"].equals(expected)


@pytest.mark.parametrize(("fault", "rate"), [("name_split", 0.1), ("missing_ties", 1.1)])
def test_unknown_faults_and_rates_are_refused(fault: str, rate: float, world) -> None:
    with pytest.raises(ValueError, match=r"name_split|1\.1"):
        with_fault(world, fault, rate, 1)


def test_mentions_name_columns_of_the_records(world) -> None:
    assert all(column in world.tables[table].columns for table, column in MENTIONS)
