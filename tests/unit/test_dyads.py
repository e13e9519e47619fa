"""Frames of dyads: who is at risk, what is dated when, how rows are sampled."""

import datetime
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tertius.dyad_covariates import DyadSources, attach_covariates
from tertius.dyad_frames import DyadSettings, alliance_spells, dyad_frame
from tertius.dyad_names import needed_inputs
from tertius.dyads import (
    alliance_deals,
    choice_sets,
    formation_dyads,
    network_dyads,
    record_deals,
    sample_pairs,
    tie_years,
)
from tertius.model_spec import check_spec, resolve_spec
from tertius.problems import InputError

ORGS = ["a", "b", "c", "d", "e"]


def table(rows: list[tuple[object, ...]], names: list[str]) -> pl.DataFrame:
    made = pl.DataFrame(rows, schema=names, orient="row")
    years = [name for name in ("year", "start", "end") if name in names]
    return made.with_columns(pl.col(name).cast(pl.Int32) for name in years)


def sources() -> DyadSources:
    ties = [
        (2000, "a", "b"),
        (2001, "a", "c"),
        (2001, "b", "c"),
        (2002, "a", "c"),
        (2002, "c", "d"),
    ]
    deals = [(2001, "a", "c"), (2001, "b", "c"), (2002, "c", "d"), (2002, "a", "b")]
    nodes = [(o, y, float(i + y - 2000), "ok") for i, o in enumerate(ORGS) for y in (2000, 2001)]
    nodes[1] = ("a", 2001, None, "undefined_isolate")
    return DyadSources(
        deals=table(deals, ["year", "a", "b"]),
        ties=table(ties, ["year", "a", "b"]),
        at_risk=table([(o, y) for o in ORGS for y in (2000, 2001, 2002)], ["org_id", "year"]),
        nodes=table(nodes, ["org_id", "year", "size", "size_status"]),
        organisations=pl.DataFrame(
            {
                "org_id": ORGS,
                "city": ["x", "x", "y", None, "y"],
                "lat": [0.0, 0.0, 0.0, 10.0, None],
                "lon": [0.0, 90.0, 0.0, 0.0, None],
            }
        ),
        portfolios=table(
            [("a", 2001, "H04L", 3.0), ("a", 2001, "G06F", 4.0), ("b", 2001, "H04L", 5.0)],
            ["org_id", "year", "code", "weight"],
        ),
    )


def row(frame: pl.DataFrame, a: str, b: str) -> dict[str, object]:
    return frame.row(by_predicate=(pl.col("a") == a) & (pl.col("b") == b), named=True)


def test_covariates_are_those_of_the_year_before() -> None:
    pairs = [(2002, a, b) for i, a in enumerate(ORGS) for b in ORGS[i + 1 :]]
    rows = attach_covariates(table(pairs, ["year", "a", "b"]), sources(), ["size"], ["city"])
    ab, ac, cd = row(rows, "a", "b"), row(rows, "a", "c"), row(rows, "c", "d")
    assert (ab["current_partner"], ab["past_partner"], ab["common_partners"]) == (0, 1, 1)
    assert (ac["current_partner"], ac["past_partner"]) == (1, 0)
    assert (cd["current_partner"], cd["past_partner"], cd["common_partners"]) == (0, 0, 0)
    assert ab["tech_proximity"] == pytest.approx(0.6)
    assert (ac["tech_proximity"], ac["tech_proximity_status"]) == (None, "undefined_nopat")
    assert (ab["size__sum"], ab["size__sum_status"]) == (None, "undefined_isolate")
    assert (cd["size__sum"], cd["size__gap"]) == (7.0, 1.0)
    assert (ab["same_city"], ac["same_city"], cd["same_city"]) == (1.0, 0.0, None)
    assert cd["same_city_status"] == "missing_input"
    assert ab["distance_km"] == pytest.approx(6371.0088 * np.pi / 2)
    assert row(rows, "d", "e")["distance_km_status"] == "missing_input"


def test_a_prior_tie_is_one_of_the_last_five_years() -> None:
    ties = table([(1996, "a", "b"), (1997, "a", "c"), (2002, "a", "d")], ["year", "a", "b"])
    pairs = table([(2002, "a", "b"), (2002, "a", "c"), (2002, "a", "d")], ["year", "a", "b"])
    rows = attach_covariates(pairs, replace(sources(), ties=ties))
    assert rows["past_partner"].to_list() == [1.0, 1.0, 0.0]
    assert rows["prior_tie"].to_list() == [0.0, 1.0, 0.0]


def test_complements_share_wide_classes_and_not_their_subclasses() -> None:
    held = [("a", "H04L", 3.0), ("a", "G06F", 4.0), ("b", "H04L", 5.0), ("c", "H04W", 2.0)]
    portfolios = table(
        [(org, 2001, code, weight) for org, code, weight in held],
        ["org_id", "year", "code", "weight"],
    )
    pairs = table([(2002, "a", "b"), (2002, "a", "c"), (2002, "a", "d")], ["year", "a", "b"])
    rows = attach_covariates(pairs, replace(sources(), portfolios=portfolios))
    assert rows["complementarity"].to_list() == [0.0, pytest.approx(3 / 7), None]
    assert row(rows, "a", "d")["complementarity_status"] == "undefined_nopat"


def test_what_a_study_cannot_know_of_a_dyad_is_a_column_without_input() -> None:
    bare = replace(sources(), organisations=None, portfolios=None)
    pairs = table([(2002, "a", "b")], ["year", "a", "b"])
    rows = attach_covariates(pairs, bare, ["size"], ["city"])
    for name in ("distance_km", "tech_proximity", "complementarity", "same_city"):
        assert rows.select(name, f"{name}_status").row(0) == (None, "missing_input")
    spells = table([("s1", "a", "b", 2001, 2001, 1)], ["spell", "a", "b", "start", "end", "cause"])
    ties = tie_years(spells, bare, (2001, 2002)).rows
    assert ties.select("equity_status", "formal_status", "repeated_status").row(0) == (
        ("missing_input",) * 3
    )


def test_nothing_of_the_year_itself_enters() -> None:
    """What happens in t or later leaves covariates of t as they are."""
    base = sources()
    later = pl.concat([base.ties, table([(2003, "a", "e")], ["year", "a", "b"])])
    moved = later.with_columns(
        b=pl.when((pl.col("year") == 2002) & (pl.col("a") == "a"))
        .then(pl.lit("e"))
        .otherwise(pl.col("b"))
    )
    other = DyadSources(
        base.deals, moved, base.at_risk, base.nodes, base.organisations, base.portfolios
    )
    pairs = table(
        [(2002, a, b) for i, a in enumerate(ORGS) for b in ORGS[i + 1 :]], ["year", "a", "b"]
    )
    first, second = (attach_covariates(pairs, s, ["size"], ["city"]) for s in (base, other))
    assert first.equals(second)


def test_formation_keeps_partners_at_risk_and_records_rates() -> None:
    made = formation_dyads(sources(), [2001, 2002], controls=2, seed=3)
    assert made.ledger["deals"] == 4
    events = made.rows.filter(pl.col("event") == 1)
    assert events.select("year", "a", "b").rows() == [
        (2001, "a", "c"),
        (2001, "b", "c"),
        (2002, "a", "b"),
        (2002, "c", "d"),
    ]
    assert row(events.filter(pl.col("year") == 2002), "a", "b")["past_partner"] == 1
    rest = made.rows.filter(pl.col("event") == 0)
    assert rest.group_by("year").len().sort("year")["len"].to_list() == [4, 4]
    assert (rest["rate"] == 4 / 8).all()
    assert not made.rows.select("org_id", "year").is_duplicated().any()


def test_an_organisation_must_live_in_both_years() -> None:
    base = sources()
    gone = base.at_risk.filter(~((pl.col("org_id") == "d") & (pl.col("year") == 2001)))
    cut = DyadSources(base.deals, base.ties, gone, base.nodes, base.organisations)
    made = formation_dyads(cut, [2002], controls=50)
    assert made.ledger["deals with a member not at risk"] == 1
    assert "d" not in set(made.rows["a"]) | set(made.rows["b"])
    assert made.rows.height == 6


def test_sampling_is_free_of_row_order() -> None:
    base = sources()
    shuffled = DyadSources(
        base.deals.reverse(),
        base.ties.reverse(),
        base.at_risk.reverse(),
        base.nodes,
        base.organisations,
    )
    plain = DyadSources(base.deals, base.ties, base.at_risk, base.nodes, base.organisations)
    first, second = (formation_dyads(s, [2001, 2002], controls=1) for s in (plain, shuffled))
    assert first.rows.equals(second.rows)


@pytest.mark.parametrize("wanted", [1, 4])
def test_every_pair_without_a_deal_is_equally_likely(wanted: int) -> None:
    events = np.array([1, 7])  # (0, 1) and (1, 2) of five members
    counts = np.zeros(25)
    for seed in range(800):
        drawn = sample_pairs(5, events, wanted, np.random.default_rng(seed))
        assert len(set(drawn.tolist())) == wanted
        counts[drawn] += 1
    assert (counts > 0).sum() == 8
    share = wanted / 8
    spread = np.sqrt(800 * share * (1 - share))
    assert np.abs(counts[counts > 0] - 800 * share).max() < 4.5 * spread


def test_large_samples_are_distinct_pairs_without_events() -> None:
    names = [f"o{i:03d}" for i in range(120)]
    deals = table([(2001, names[i], names[i + 1]) for i in range(60)], ["year", "a", "b"])
    at_risk = table([(n, y) for n in names for y in (2000, 2001)], ["org_id", "year"])
    empty = table([("o000", 2000, 1.0, "ok")], ["org_id", "year", "v", "v_status"])
    made = formation_dyads(DyadSources(deals, deals, at_risk, empty), [2001], controls=20)
    assert made.rows.height == 60 * 21
    assert made.rows["org_id"].n_unique() == 60 * 21
    assert (made.rows["a"] < made.rows["b"]).all()


def test_choice_sets_hold_one_choice_and_no_other_partner() -> None:
    made = choice_sets(sources(), [2001], alternatives=10)
    assert made.ledger["choice sets"] == 4
    assert (made.rows.group_by("stratum").agg(pl.col("event").sum())["event"] == 1).all()
    chooser = made.rows.filter((pl.col("ego") == "c") & (pl.col("event") == 0))
    assert set(chooser["alter"]) == {"d", "e"}
    assert made.rows.group_by("stratum").agg(pl.col("rate").n_unique())["rate"].max() == 1
    assert not made.rows.select("org_id", "year").is_duplicated().any()


def test_large_studies_are_sampled_and_counted() -> None:
    made = choice_sets(sources(), [2001, 2002], alternatives=1, most=3)
    assert made.rows["stratum"].n_unique() == 6
    assert made.ledger["choice sets"] == 8
    assert made.ledger["choice sets left out by sampling"] == 2
    spells = table(
        [(f"s{i:02d}", "a", "b", 2001, 2001, 1) for i in range(30)],
        ["spell", "a", "b", "start", "end", "cause"],
    )
    few = tie_years(spells, sources(), (2001, 2002), most=12, seed=5)
    assert few.rows.height == 12
    assert few.ledger["spells left out by sampling"] == 18
    assert few.rows.equals(
        tie_years(spells.reverse(), sources(), (2001, 2002), most=12, seed=5).rows
    )


def test_choice_sets_tell_the_chooser_from_the_alternative() -> None:
    made = choice_sets(sources(), [2002], alternatives=10, variables=["size"]).rows
    ends = made.filter((pl.col("ego") == "c") & (pl.col("alter") == "d")).row(0, named=True)
    assert (ends["size__ego"], ends["size__alter"]) == (3.0, 4.0)
    from_a = made.filter(pl.col("ego") == "a")
    assert from_a["size__ego"].to_list() == [None] * from_a.height
    assert set(from_a["size__ego_status"]) == {"undefined_isolate"}
    assert from_a.filter(pl.col("alter") == "e")["size__alter"].to_list() == [5.0]


def test_tie_years_hold_the_form_of_the_tie() -> None:
    spells = table(
        [("s1", "a", "b", 2001, 2001, 1, True, None), ("s2", "a", "c", 2001, None, 0, False, True)],
        ["spell", "a", "b", "start", "end", "cause", "equity", "formal"],
    )
    rows = tie_years(spells, sources(), (2001, 2002)).rows
    assert rows.select("org_id", "equity", "formal", "formal_status").rows() == [
        ("s1", 1.0, None, "missing_input"),
        ("s2", 0.0, 1.0, "ok"),
        ("s2", 0.0, 1.0, "ok"),
    ]


def test_tie_years_enter_late_and_leave_without_event_when_the_end_is_unknown() -> None:
    spells = table(
        [
            ("s1", "a", "b", 1998, 2001, 1),
            ("s2", "a", "c", 2001, 2002, 0),
            ("s3", "c", "b", 2001, None, 0),
            ("s4", "a", "d", 1995, 1998, 1),
            ("s5", "a", "e", 2001, 2001, 2),
        ],
        ["spell", "a", "b", "start", "end", "cause"],
    )
    made = tie_years(spells, sources(), (2001, 2003))
    kept = made.rows.select("org_id", "year", "ended", "cause", "duration", "late_entry").rows()
    assert kept == [
        ("s1", 2001, 1.0, 1.0, 4.0, 1.0),
        ("s2", 2001, 0.0, 0.0, 1.0, 0.0),
        ("s3", 2001, 0.0, 0.0, 1.0, 0.0),
        ("s3", 2002, 0.0, 0.0, 2.0, 0.0),
        ("s3", 2003, 0.0, 0.0, 3.0, 0.0),
        ("s5", 2001, 1.0, 2.0, 1.0, 0.0),
    ]
    assert made.rows["terminated"].to_list() == [1.0] + [0.0] * 5
    assert made.ledger["spells without a year at risk"] == 1
    assert (made.rows["a"] < made.rows["b"]).all()


def test_network_dyads_hold_every_pair_with_its_memory() -> None:
    made = network_dyads(sources(), [2001, 2002])
    assert made.rows.height == 20
    assert made.rows["tie"].sum() == 4
    now = made.rows.filter(pl.col("year") == 2002)
    assert row(now, "a", "c")["current_partner"] == 1
    assert row(now, "a", "d")["triangles"] == 1


def test_deals_of_alliances_and_of_records() -> None:
    day = datetime.date
    alliances = pl.DataFrame(
        {
            "aid": ["1", "2"],
            "start_date": [day(2000, 5, 1), day(2001, 3, 1)],
            "end_date": [day(2002, 1, 1), None],
            "end_known": [True, False],
        }
    )
    parties = pl.DataFrame({"aid": ["1", "1", "1", "2", "2"], "org_id": ["c", "a", "b", "a", "b"]})
    wanted = [(2000, "a", "b"), (2000, "a", "c"), (2000, "b", "c"), (2001, "a", "b")]
    assert alliance_deals(alliances, parties).rows() == wanted
    organisations = pl.DataFrame(
        {"org_id": ["a", "b", "c"], "death_year": [None, None, 2002], "parent_from": [None] * 3},
        schema_overrides={"death_year": pl.Int32, "parent_from": pl.Int32},
    )
    told = alliances.with_columns(
        form=pl.Series(["Joint Venture", None]),
        jv_flag=pl.lit(None, dtype=pl.Boolean),
        equity_flag=pl.lit(None, dtype=pl.Boolean),
        contract_flags=pl.lit(None, dtype=pl.String),
    )
    forms = alliance_spells(told, parties, None).select("spell", "equity", "formal").rows()
    assert alliance_spells(told, parties, None)["repeated"].to_list() == [False] * 3 + [True]
    assert forms[0] == ("1:a|b", True, True)
    assert forms[3] == ("2:a|b", False, None)
    causes = alliance_spells(alliances, parties, organisations).select("spell", "cause").rows()
    assert causes == [("1:a|b", 1), ("1:a|c", 2), ("1:b|c", 2), ("2:a|b", 0)]
    records = table(
        [
            (1999, "a", "b", "p"),
            (2000, "a", "b", "p"),
            (2000, "a", "b", "q"),
            (2001, "a", "c", "r"),
        ],
        ["year", "a", "b", "record_id"],
    )
    assert record_deals(records).rows() == [(2000, "a", "b"), (2001, "a", "c")]


def test_unknown_frames_are_refused() -> None:
    empty = pl.DataFrame()
    with pytest.raises(ValueError, match="unknown frame"):
        dyad_frame("pairs", {}, empty, empty, empty, DyadSettings((2000, 2001)))


def test_a_model_names_a_frame_and_its_columns() -> None:
    raw = {
        "frame": "choices",
        "outcome": "event",
        "estimator": "conditional_logit",
        "terms": ["log1p(deg__sum)", "same_city", "common_partners"],
        "options": {"rate": "rate"},
    }
    spec = resolve_spec("choice", raw, {"controls": ["ln_assets"]})
    assert (spec.lead, spec.controls, spec.effects) == (0, (), ("year",))
    assert check_spec(spec, ["deg", "sh"]) == []
    assert needed_inputs(spec.variables) == (("deg",), ("city",))
    ends = resolve_spec("choice", {**raw, "terms": ["sh__alter", "deg__ego", "deg__ego:sh__alter"]})
    assert check_spec(ends, ["deg", "sh"]) == []
    ties = {**raw, "frame": "tie_years", "outcome": "ended", "terms": ["deg__ego", "equity"]}
    ties |= {"estimator": "hazard", "options": {"duration": "duration"}}
    assert [p.what for p in check_spec(resolve_spec("ends", ties), ["deg"])] == [
        "variable 'deg__ego' is not in the codebook"
    ]
    wrong = resolve_spec("choice", {**raw, "terms": ["degree__sum", "same_planet", "gwesp"]})
    found = [problem.what for problem in check_spec(wrong, ["deg", "sh"])]
    assert len(found) == 3
    with pytest.raises(InputError, match="unknown value 'pairs'"):
        resolve_spec("choice", {**raw, "frame": "pairs"})
