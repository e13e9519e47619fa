"""Tie attributes, forms, governance, coopetition, distances and brokerage, worked by hand."""

import datetime as dt
import math

import polars as pl
import pytest

from tertius.variables import NetworkFacts
from tertius.variables.brokerage import role, science_bridge
from tertius.variables.forms import (
    FORM_WEIGHTS,
    STRONG,
    form_of,
    forms_without_weight,
    weighted_forms,
)
from tertius.variables.position import tie_to_hub
from tertius.variables.proximity import (
    geographic_distance,
    institutional_distance,
    joint_ownership,
    market_degree,
    rival_pairs,
    same_industry,
)
from tertius.variables.relations import (
    censored_share,
    closure,
    duration,
    form_weight,
    formal_share,
    relational_governance,
    repeat_share,
    strength_alpha,
    strength_index,
    strong_share,
    tie_strength,
)

# F-A: x1 2000-2003, x2 2008-2012. F-B: x3 2007-2009. F-C: x4 2009-2011 (three parties F, C, A).
SPANS = {
    "x1": (2000, 2003, "FA"),
    "x2": (2008, 2012, "FA"),
    "x3": (2007, 2009, "FB"),
    "x4": (2009, 2011, "FCA"),
}
FORMS = {"x1": "mou", "x2": "Equity JV", "x3": "marketing", "x4": "joint R&D"}


def records():
    rows = []
    for record, (first, last, members) in SPANS.items():
        ends = sorted(members)
        for year in range(first, last + 1):
            rows += [(year, a, b, record) for k, a in enumerate(ends) for b in ends[k + 1 :]]
    return rows


def tied():
    counts: dict[tuple[int, str, str], int] = {}
    for year, a, b, _ in records():
        counts[year, a, b] = counts.get((year, a, b), 0) + 1
    return [(*key, n) for key, n in counts.items()]


@pytest.fixture(scope="module")
def allied(make):
    kinds = {"F": "firm", "A": "firm", "B": "university", "C": "firm", "I": "firm"}
    return make(
        years=range(2000, 2013),
        units="FABCI",
        raw=(2000, 2012),
        tied=tied(),
        records=records(),
        network=NetworkFacts(("alliance",), None),
        alliances=[
            {
                "aid": aid,
                "start_date": dt.date(first, 1, 1),
                "end_known": True,
                "form": FORMS[aid],
                "contract_flags": "exclusive" if aid == "x3" else None,
            }
            for aid, (first, _, _) in SPANS.items()
        ],
        alliance_scopes=[
            {"aid": "x3", "function": "marketing"},
            {"aid": "x4", "function": "RD"},
            {"aid": "x4", "function": "supply"},
        ],
        organisations=[
            {
                "org_id": name,
                "type": kind,
                "ind4": {"F": "3911", "A": "3911", "C": "2710"}.get(name),
                "province": "P1" if name in "FA" else "P2",
                "lat": {"F": 0.0, "A": 0.0, "B": 90.0}.get(name),
                "lon": {"F": 0.0, "A": 90.0, "B": 0.0}.get(name),
            }
            for name, kind in kinds.items()
        ],
        region_years=[
            {"region": region, "year": year, "inst": value}
            for region, value in (("P1", 5.0), ("P2", 7.5))
            for year in range(2000, 2012)
        ],
    )


def test_duration_counts_from_the_first_tie_ever(allied, at) -> None:
    found = duration(allied, network="net")
    # 2009: A since 2000 (10), B since 2007 (3), C since 2009 (1).
    assert at(found, "F", 2009) == pytest.approx(14 / 3)
    assert at(found, "F", 2001) == 2.0
    assert at(found, "F", 2005) == "undefined_isolate"
    assert at(found, "I", 2009) == "undefined_isolate"
    censored = censored_share(allied, network="net")
    assert at(censored, "F", 2009) == pytest.approx(1 / 3)
    assert at(censored, "B", 2009) == 0.0


def test_repeat_is_a_partner_from_before_the_oldest_active_record(allied, at) -> None:
    found = repeat_share(allied, network="net")
    assert at(found, "F", 2009) == pytest.approx(1 / 3)  # A through x1
    assert at(found, "C", 2009) == 0.0
    assert at(found, "F", 2003) == "truncated"
    assert at(found, "F", 2006) == "undefined_isolate"
    trust = relational_governance(allied, network="net")
    assert at(trust, "F", 2009) == pytest.approx(1 / 3 * 14 / 3)


def test_forms_have_one_spelling_and_flags_stand_in() -> None:
    table = pl.DataFrame(
        {
            "aid": list("abcdefg"),
            "form": ["Joint-Venture", "LICENSING", "barter", None, None, None, ""],
            "jv_flag": [None, None, None, True, False, None, None],
            "equity_flag": [None, None, None, None, True, None, None],
            "contract_flags": [None, "x", None, None, None, None, None],
        },
        schema_overrides={"form": pl.String, "contract_flags": pl.String},
    )
    found = form_of(table)
    assert found["form"].to_list() == [
        "equity_jv", "licence", "barter", "equity_jv", "minority_equity", None, None,
    ]  # fmt: skip
    assert found["formal"].to_list() == [True, True, False, True, True, None, None]
    weights = weighted_forms(table, "commitment")["form_weight"].to_list()
    assert weights == [5, 2, None, 5, 4, None, None]
    own = weighted_forms(table, "commitment", {"barter": 1.5})["form_weight"].to_list()
    assert own == [5, 2, 1.5, 5, 4, None, None]
    lacking = forms_without_weight(table)
    assert lacking.rows() == [(None, 2), ("barter", 1)]
    with pytest.raises(ValueError, match="no form weights 'other'"):
        weighted_forms(table, "other")


def test_presets_agree_on_what_is_strong() -> None:
    assert set(STRONG) == set(FORM_WEIGHTS)
    for preset, weights in FORM_WEIGHTS.items():
        for form in ("equity_jv", "minority_equity", "joint_rd"):
            assert weights[form] >= STRONG[preset], (preset, form)
        for form in ("marketing", "licence", "supply"):
            assert weights[form] < STRONG[preset], (preset, form)


def test_strength_by_form(allied, at) -> None:
    # 2009: A has x2 (5) and x4 (3), B has x3 (1), C has x4 (3).
    assert at(tie_strength(allied, network="net"), "F", 2009) == pytest.approx(4.0)
    assert at(tie_strength(allied, network="net", how="max"), "F", 2009) == 8.0
    assert at(form_weight(allied, network="net"), "F", 2009) == pytest.approx(3.0)
    assert at(strong_share(allied, network="net"), "F", 2009) == pytest.approx(2 / 3)
    assert at(strong_share(allied, network="net", cut=4.0), "F", 2009) == pytest.approx(1 / 3)
    assert at(strong_share(allied, network="net"), "I", 2009) == "undefined_isolate"
    unknown = form_weight(allied, network="net", preset="dependence")
    assert at(unknown, "F", 2001) == "missing_input"  # a memorandum has no place in that order
    with pytest.raises(ValueError, match="how must be"):
        tie_strength(allied, network="net", how="min")


def test_governance(allied, at) -> None:
    # 2009: x2 equity, x3 with clauses, x4 neither.
    assert at(formal_share(allied, network="net"), "F", 2009) == pytest.approx(2 / 3)
    equity = formal_share(allied, network="net", column="equity")
    assert at(equity, "F", 2009) == pytest.approx(1 / 3)
    assert at(equity, "I", 2009) == "undefined_isolate"


def test_the_strength_index_is_a_mean_of_within_year_scores(allied, at) -> None:
    found = strength_index(allied, network="net")
    values = [at(found, name, 2009) for name in "FAC"]
    assert sum(values) == pytest.approx(0.0, abs=1e-12)
    assert at(found, "I", 2009) == "undefined_isolate"
    # F: frequency 4/3, duration 14/3, form 3; A: 3/2, 11/2, 4; C: 1, 1, 3.
    columns = ([4 / 3, 3 / 2, 1.0], [14 / 3, 11 / 2, 1.0], [3.0, 4.0, 3.0])
    expected = 0.0
    for column in columns:
        mean = sum(column) / 3
        sd = math.sqrt(sum((x - mean) ** 2 for x in column) / 3)
        expected += (column[0] - mean) / sd / 3
    assert values[0] == pytest.approx(expected, abs=1e-12)
    # 2001: F and A alone, alike in everything.
    assert at(found, "F", 2001) == "zero_denominator"
    alpha = strength_alpha(allied, network="net").filter(year=2009)
    assert alpha["units"].item() == 3
    assert 0 < alpha["alpha"].item() < 1


def test_coopetition(allied, at) -> None:
    assert at(same_industry(allied, network="net"), "F", 2009) == pytest.approx(1 / 3)
    firms = same_industry(allied, network="net", firms_only=True)
    assert at(firms, "F", 2009) == pytest.approx(1 / 2)
    assert at(firms, "B", 2009) == "missing_input"
    assert at(rival_pairs(allied, network="net"), "F", 2009) == 0.0
    assert at(rival_pairs(allied, network="net"), "B", 2009) == "undefined_single"
    # C's two partners F and A share an industry.
    assert at(rival_pairs(allied, network="net"), "C", 2009) == 1.0


def test_distances(allied, at) -> None:
    quarter = math.log1p(6371.0088 * math.pi / 2)
    found = geographic_distance(allied, network="net")
    assert at(found, "F", 2009) == pytest.approx(quarter, abs=1e-12)
    assert at(found, "C", 2009) == "missing_input"
    assert at(found, "I", 2009) == "undefined_isolate"
    inst = institutional_distance(allied, network="net")
    assert at(inst, "F", 2009) == pytest.approx(5 / 3)
    assert at(institutional_distance(allied, network="net", how="max"), "F", 2009) == 2.5
    assert at(inst, "F", 2012) == "missing_input"


def test_market_partners(allied, at) -> None:
    found = market_degree(allied, network="net")
    assert [at(found, name, 2009) for name in "FABCI"] == [3, 2, 1, 2, 0]
    assert at(found, "F", 2001) == 0


def test_roles_by_organisation_type(allied, at) -> None:
    # 2009: F tied to A, B, C; A and C tied. Open pairs through F: A-B and B-C, B a university.
    gate = role(allied, network="net", kind="gatekeeper")
    assert [at(gate, name, 2009) for name in "FABCI"] == [2, 0, 0, 0, 0]
    assert at(role(allied, network="net", kind="liaison"), "F", 2009) == 0
    bridge = science_bridge(allied, network="net")
    assert at(bridge, "F", 2009) == 2
    assert at(science_bridge(allied, network="net", fractional=True), "F", 2009) == 2.0


def test_a_unit_of_no_known_type_plays_no_role(make, at) -> None:
    inputs = make(
        years=[2005, 2030],
        units="FABX",
        tied=[(2005, "F", "A", 1), (2005, "F", "B", 1), (2005, "F", "X", 1), (2005, "A", "X", 1)],
        organisations=[{"org_id": n, "type": k} for n, k in (("F", "firm"), ("A", "firm"),
                                                             ("B", "university"))],
    )  # fmt: skip
    gate = role(inputs, network="net", kind="gatekeeper")
    # A-B is open through F; the paths to X have an end of no known type.
    assert at(gate, "F", 2005) == 1
    assert at(gate, "X", 2005) == "missing_input"
    assert at(role(inputs, network="net", kind="total"), "F", 2030) == "missing_input"
    assert at(science_bridge(inputs, network="net"), "X", 2005) == "missing_input"


def test_closure_and_hubs_from_measures(make, at) -> None:
    measured = pl.DataFrame(
        {
            "year": pl.Series([2005] * 3, dtype=pl.Int32),
            "node": ["F", "G", "I"],
            "degree": [3, 1, 0],
            "triangles": [2, 0, 0],
            "hub_share": [1 / 3, 0.0, None],
            "hub_share_status": ["ok", "ok", "undefined_isolate"],
        }
    )
    inputs = make(years=[2005, 2006], units="FGIX", measured=measured)
    found = closure(inputs, network="net")
    assert at(found, "F", 2005) == pytest.approx(4 / 3)
    assert at(found, "G", 2005) == 0.0
    assert at(found, "I", 2005) == "undefined_isolate"
    assert at(found, "X", 2005) == "undefined_isolate"
    assert at(found, "F", 2006) == "missing_input"
    hub = tie_to_hub(inputs, network="net")
    assert [at(hub, name, 2005) for name in "FGIX"] == [1, 0, 0, 0]
    assert at(hub, "F", 2006) == "missing_input"


def test_joint_ownership(make, new_patent, at) -> None:
    inputs = make(
        years=range(1992, 2001),
        units="FG",
        raw=(1990, 2019),
        patents=[new_patent(f"p{k}", 1995 + k) for k in range(3)],
        held={"p0": "F G", "p1": "F", "p2": "F"},
        patent_applicants=[
            {"pid": pid, "org_id": name, "seq": 0, "share": 1.0}
            for pid, names in (("p0", "FG"), ("p1", "F"), ("p2", "F"))
            for name in names
        ],
        patent_inventors=[
            {"pid": pid, "inv_id": f"{pid}{k}", "seq": k, "org_id": name}
            for pid, names in (("p0", "FG"), ("p1", "FG"), ("p2", "FF"))
            for k, name in enumerate(names)
        ],
    )
    found = joint_ownership(inputs)
    assert at(found, "F", 1995) == 1.0
    assert at(found, "F", 1997) == 0.5  # p2 has inventors of one organisation
    assert at(found, "F", 2000) == 0.0  # p0 has left the window
    assert at(found, "G", 2000) == "undefined_nopat"
    assert at(found, "F", 1993) == "truncated"
