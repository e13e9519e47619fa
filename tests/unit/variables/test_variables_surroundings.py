"""Sites abroad, industries, sanctions, shocks, routines, accounts and survey scales."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from tertius.variables.composites import (
    ambidexterity_product,
    diversification_of_links,
    per_item,
    small_firm,
    state_owned,
)
from tertius.variables.environment import turbulence
from tertius.variables.institutions import (
    competitor_kind,
    firm_turbulence,
    industry_concentration,
    industry_group,
    policy_intensity,
)
from tertius.variables.international import (
    cultural_distance,
    foreign_diversity,
    foreign_partners,
    foreign_sites,
    local_embedding,
    multilateral_share,
)
from tertius.variables.market import (
    customs_ratio,
    decoupling,
    development_cycle,
    events,
    lost_cases,
    partner_shock,
    sales_degree,
)
from tertius.variables.routines import coordination_cost, experience, repeatability
from tertius.variables.survey_scales import response_weight, scale


@pytest.fixture(scope="module")
def abroad(make, new_patent):
    """F (CN) invents in US twice and DE once; one family is held with U (US)."""
    held = {"a": "F", "b": "F U", "c": "F", "g": "G"}
    countries = {"a": "US", "b": "US", "c": "DE", "g": "CN"}
    homes = {"F": "CN", "G": "CN", "U": "US", "D": "DE", "I": None}
    organisations = [{"org_id": o, "type": "firm", "country": c} for o, c in homes.items()]
    return make(
        years=[2005],
        units="FGI",
        raw=(1995, 2010),
        patents=[new_patent(pid, 2004) for pid in held],
        held=held,
        patent_inventors=[{"pid": p, "inv_id": f"i{p}", "country": c}
                          for p, c in countries.items()],
        organisations=organisations,
        tied=[(2005, "F", "U", 1), (2005, "F", "D", 1), (2005, "F", "G", 1)],
        cultures=[{"country": c, "dimension": d, "value": v} for c, d, v in
                  (("CN", "x", 0.0), ("US", "x", 2.0), ("CN", "y", 1.0), ("US", "y", 1.0))],
        multilateral_countries=[{"country": "DE", "since": dt.date(2005, 12, 31)},
                                {"country": "US", "since": dt.date(2006, 1, 1)}],
    )  # fmt: skip


def test_sites_abroad(abroad, at):
    assert at(foreign_sites(abroad), "F", 2005) == 2
    assert at(foreign_sites(abroad), "G", 2005) == 0
    assert at(foreign_sites(abroad), "I", 2005) == "missing_input"
    assert at(foreign_diversity(abroad), "F", 2005) == pytest.approx(4 / 9)
    assert at(foreign_diversity(abroad), "G", 2005) == "undefined_nopat"
    assert at(local_embedding(abroad), "F", 2005) == pytest.approx(1 / 3)
    assert at(local_embedding(abroad), "G", 2005) == "undefined_nopat"


def test_partners_abroad(abroad, at):
    assert at(foreign_partners(abroad, network="net"), "F", 2005) == 2
    assert at(foreign_partners(abroad, network="net", how="share"), "F", 2005) == pytest.approx(
        2 / 3
    )
    assert at(foreign_partners(abroad, network="net"), "I", 2005) == "missing_input"
    assert at(multilateral_share(abroad, network="net"), "F", 2005) == 0.5
    assert at(multilateral_share(abroad, network="net"), "G", 2005) == "undefined_isolate"
    # Dimension y does not vary and says nothing; (2 - 0)^2 / 1 for the US, 0 at home, DE unknown.
    assert at(cultural_distance(abroad, network="net"), "F", 2005) == pytest.approx(4 / 2)
    assert at(cultural_distance(abroad, network="net", how="max"), "F", 2005) == pytest.approx(4.0)
    assert at(cultural_distance(abroad, network="net"), "I", 2005) == "undefined_isolate"


@pytest.fixture(scope="module")
def industry(make):
    sales = {"F": [100, 112, 118, 135, 140], "G": [100, 100, 100, 100, 100], "H": [1, 5, 1, 5, 3]}
    accounts = [
        {"org_id": o, "year": 2001 + k, "sales": float(v), "assets": 10.0, "cash": 2.0,
         "employees": 500.0, "supplier_top5": 0.4 if o == "F" else None}
        for o, series in sales.items() for k, v in enumerate(series)
    ]  # fmt: skip
    organisations = [{"org_id": o, "type": "firm", "ind4": i, "ownership": w}
                     for o, i, w in (("F", "1", "State holding"), ("G", "1", "private"),
                                     ("H", "2", None), ("I", None, None))]  # fmt: skip
    return make(
        years=[2004, 2005],
        units="FGHI",
        firm_years=accounts,
        organisations=organisations,
        industry_years=[{"ind4": "1", "year": 2001 + k, "sales": float(v)}
                        for k, v in enumerate(sales["F"])],
        industry_groups=[{"ind4": "1", "group": "information_technology"}],
        industry_links=[{"supplier": "1", "buyer": "2", "coefficient": 0.1}],
        policies=[{"policy_id": "p", "level": "national", "kind": "industry", "target_ind": "1",
                   "effective": dt.date(2005, 1, 1), "intensity": 3.0},
                  {"policy_id": "q", "level": "national", "kind": "industry", "target_ind": "1",
                   "effective": dt.date(2005, 5, 1)}],
        tied=[(2005, "F", "G", 1), (2005, "F", "H", 1)],
    )  # fmt: skip


def test_turbulence_of_w15_and_of_the_firm(industry, at):
    assert at(turbulence(industry), "F", 2005) == pytest.approx(0.00785486, abs=1e-8)
    logs = np.log([100, 112, 118, 135, 140])
    time = np.arange(5) - 2.0
    slope = float(time @ logs) / 10
    error = math.sqrt(float(((logs - logs.mean() - slope * time) ** 2).sum()) / 3 / 10)
    assert at(turbulence(industry, log=True), "F", 2005) == pytest.approx(math.exp(error))
    assert at(turbulence(industry, log=True), "F", 2004) == "truncated"
    # F: residual sum of squares 27.1, mean 121; G: none; the median of the industry lies between.
    own = math.sqrt(27.1 / 5) / 121
    assert at(firm_turbulence(industry), "F", 2005) == pytest.approx(own / (own / 2))
    assert at(firm_turbulence(industry), "F", 2004) == "missing_input"
    assert at(firm_turbulence(industry), "I", 2005) == "missing_input"


def test_industries(industry, at):
    assert at(industry_concentration(industry), "F", 2005) == pytest.approx(
        (140**2 + 100**2) / 240**2
    )
    assert at(industry_concentration(industry), "I", 2005) == "missing_input"
    group = industry_group(industry, group="information_technology")
    assert [at(group, o, 2005) for o in "FHI"] == [1, 0, "missing_input"]
    for kind, expected in (("vertical", 0.5), ("horizontal", 0.5)):
        assert at(competitor_kind(industry, network="net", kind=kind), "F", 2005) == expected
    assert at(competitor_kind(industry, network="net", kind="vertical"), "I", 2005) == (
        "undefined_isolate"
    )
    strength = policy_intensity(industry, target="industry")
    assert [at(strength, "F", y) for y in (2004, 2005)] == [0, 4]
    assert at(strength, "H", 2005) == 0
    assert at(strength, "I", 2005) == "missing_input"


def test_accounts(industry, at):
    share = per_item(industry, numerator=["cash"], denominator="assets")
    assert at(share, "F", 2005) == pytest.approx(0.2)
    assert at(share, "I", 2005) == "missing_input"
    assert at(diversification_of_links(industry), "F", 2005) == pytest.approx(0.6)
    assert at(diversification_of_links(industry), "G", 2005) == "missing_input"
    assert [at(state_owned(industry), o, 2005) for o in "FGH"] == [1, 0, "missing_input"]
    assert at(small_firm(industry), "F", 2005) == 1
    assert at(small_firm(industry), "I", 2005) == "missing_input"
    assert at(coordination_cost(industry), "F", 2005) == "missing_input"


@pytest.fixture(scope="module")
def trade(make):
    return make(
        years=[2004, 2005],
        units="FGI",
        tied=[(2004, "F", "A", 1), (2005, "F", "A", 1), (2004, "F", "B", 1)],
        sanctions=[{"org_id": "A", "listed": dt.date(2005, 3, 1)},
                   {"org_id": "G", "listed": dt.date(2003, 1, 1), "delisted": dt.date(2004, 6, 1)}],
        shocks=[{"org_id": "B", "date": dt.date(2005, 1, 1), "kind": "merger"}],
        customs=[{"org_id": "F", "year": 2005, "product": "x", "exports": 8.0,
                  "imported_inputs": 2.0, "homogeneous": True},
                 {"org_id": "F", "year": 2005, "product": "y", "exports": 2.0,
                  "imported_inputs": 1.0, "homogeneous": False},
                 {"org_id": "G", "year": 2005, "product": "x", "exports": 0.0,
                  "imported_inputs": 0.0}],
        sales_ties=[{"org_id": "F", "partner_id": "A", "year": 2005},
                    {"org_id": "B", "partner_id": "F", "year": 2005}],
        products=[{"product_id": "1", "org_id": "F", "launch": dt.date(2005, 5, 1),
                   "first_ip": dt.date(2005, 4, 1)},
                  {"product_id": "2", "org_id": "G", "launch": dt.date(2005, 5, 1)},
                  {"product_id": "3", "org_id": "G", "launch": dt.date(2004, 5, 1)}],
        litigation=[{"case_id": "c", "org_id": "F", "filed": dt.date(2004, 1, 1),
                     "decided": dt.date(2005, 1, 1), "outcome": "settled"}],
    )  # fmt: skip


def test_sanctions_and_shocks(trade, at):
    assert [at(decoupling(trade, network="net"), "F", y) for y in (2004, 2005)] == [0, 1]
    assert at(decoupling(trade, network="net", whom="own"), "F", 2005) == 0
    assert at(decoupling(trade, network="net", whom="own"), "G", 2004) == 0
    assert [at(partner_shock(trade, network="net"), "F", y) for y in (2004, 2005)] == [0, 1]
    assert at(partner_shock(trade, network="net", how="share"), "F", 2005) == 0.5
    assert at(partner_shock(trade, network="net", how="share"), "I", 2005) == "undefined_isolate"
    assert at(partner_shock(trade, network="net", kinds=["disaster"]), "F", 2005) == 0


def test_trade_products_and_cases(trade, at):
    assert at(customs_ratio(trade, column="domestic"), "F", 2005) == pytest.approx(0.7)
    assert at(customs_ratio(trade, column="homogeneous"), "F", 2005) == pytest.approx(0.8)
    assert at(customs_ratio(trade, column="domestic"), "G", 2005) == "zero_denominator"
    assert at(customs_ratio(trade, column="domestic"), "I", 2005) == "missing_input"
    assert at(sales_degree(trade), "F", 2005) == 2
    assert at(sales_degree(trade), "F", 2004) == "missing_input"
    assert at(development_cycle(trade), "F", 2005) == 30
    assert at(development_cycle(trade), "G", 2005) == "undefined_single"
    assert at(events(trade, table="products", date="launch"), "G", 2004) == 1
    assert at(lost_cases(trade), "F", 2005) == 1.0
    assert at(lost_cases(trade), "G", 2005) == "undefined_single"


@pytest.fixture(scope="module")
def routine(make):
    starts = {"a": 2000, "b": 2003, "c": 2005}
    return make(
        years=[2001, 2005],
        units="FI",
        raw=(1995, 2010),
        alliances=[{"aid": a, "start_date": dt.date(y, 1, 1), "end_known": False, "form": "jv"}
                   for a, y in starts.items()],
        alliance_parties=[{"aid": a, "org_id": o} for a in starts for o in ("F", "G")],
        alliance_scopes=[{"aid": "a", "function": "RD"}, {"aid": "b", "function": "marketing"},
                         {"aid": "c", "function": "RD"}],
        organisations=[{"org_id": o, "type": "firm"} for o in "FGI"],
    )  # fmt: skip


def test_experience_and_routine(routine, at):
    assert at(experience(routine), "F", 2005) == pytest.approx(math.log(3))
    fading = experience(routine, depreciation=0.2)
    assert at(fading, "F", 2005) == pytest.approx(math.log(1 + 0.8**4 + 0.8))
    assert at(experience(routine), "I", 2005) == 0.0
    # 2005: one joint venture for research; before: one for research, one for marketing.
    assert at(repeatability(routine), "F", 2005) == pytest.approx(1 / math.sqrt(2))
    assert at(repeatability(routine), "I", 2005) == "undefined_isolate"


def test_ambidexterity_is_a_product_of_counts(make, at):
    inputs = make(
        years=[2005], units="FI", tied=[(2005, "F", "A", 3)],
        records=[(2005, "A", "F", a) for a in ("a", "b", "c")],
        alliance_scopes=[{"aid": "a", "function": "RD"}, {"aid": "b", "function": "RD"},
                         {"aid": "c", "function": "marketing"}],
    )  # fmt: skip
    found = ambidexterity_product(inputs, network="net")
    assert at(found, "F", 2005) == pytest.approx(math.log(3) * math.log(2))
    assert at(found, "I", 2005) == 0.0


def test_survey_scales_stand_in_the_panel(make, at):
    answers = [{"org_id": "F", "wave": dt.date(2004, 5, 1), "item_id": i, "value": v}
               for i, v in (("t1", 6.0), ("t2", 1.0))]  # fmt: skip
    inputs = make(
        years=[2003, 2005, 2009],
        units="FI",
        survey_firm=answers,
        survey_key=[{"item_id": "t1", "scale": "trust", "reverse": False},
                    {"item_id": "t2", "scale": "trust", "reverse": True, "lowest": 1.0,
                     "highest": 7.0}],
    )  # fmt: skip
    found = scale(inputs, scale="trust")
    assert at(found, "F", 2005) == 6.5
    assert at(found, "F", 2003) == "missing_input"  # the wave is later
    assert at(found, "F", 2009) == "missing_input"  # the wave is too old
    assert at(found, "I", 2005) == "missing_input"
    assert at(scale(inputs, scale="trust", oldest=5), "F", 2009) == 6.5
    assert at(scale(inputs, scale="other"), "F", 2005) == "missing_input"


def test_dimensions_and_weights_of_a_survey(make, at):
    first, second = dt.date(2004, 5, 1), dt.date(2006, 12, 31)
    given = [(first, "v1", 6.0, 2.0), (first, "v2", 3.0, 2.0), (first, "r1", 1.0, 2.0),
             (second, "v1", 2.0, 0.5)]  # fmt: skip
    inputs = make(
        years=[2005, 2006],
        units="FI",
        survey_firm=[
            {"org_id": "F", "wave": wave, "item_id": item, "value": value, "weight": weight}
            for wave, item, value, weight in given
        ],
        survey_key=[
            {"item_id": item, "scale": "netcap", "dimension": part, "reverse": False}
            for item, part in (("v1", "vision"), ("v2", "vision"), ("r1", "relation"))
        ],
    )
    vision = scale(inputs, scale="netcap", dimension="vision")
    assert at(vision, "F", 2005) == 4.5
    assert at(vision, "F", 2006) == 2.0  # half of the items of the later wave
    assert at(scale(inputs, scale="netcap"), "F", 2005) == pytest.approx(10 / 3)
    assert at(scale(inputs, scale="netcap", dimension="relation"), "F", 2005) == 1.0
    assert at(response_weight(inputs), "F", 2005) == 2.0
    assert at(response_weight(inputs), "F", 2006) == 0.5
    assert at(response_weight(inputs), "I", 2005) == "missing_input"
