"""Variables against the simulator's own formulas (dense matrices, loops over firms and deals)."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from tertius import measures, ties
from tertius.panel import activity, attach_leads, risk_set
from tertius.simulate.further import SCALED_AS
from tertius.simulate.scales import SCALES
from tertius.simulate.settings import RecordFaults, settings_for
from tertius.simulate.world import simulate_world
from tertius.tables import SCHEMAS
from tertius.variables import Inputs, NetworkFacts, derive

SPAN = range(1990, 2020)
YEARS = range(1999, 2012)
ENTRIES = {
    "deg": {"measure": "degree"},
    "sh": {"function": "position.structural_holes"},
    "tdiv": {"function": "knowledge.portfolio_diversity"},
    "turb_z": {"function": "environment.turbulence_score"},
    "sbreadth": {"function": "search.breadth"},
    "amb_bal": {"function": "portfolio.ambidexterity_balance"},
    "ln_assets": {"function": "environment.log_item", "params": {"item": "assets"}},
    "rdint": {"function": "environment.research_intensity"},
    "pat": {"function": "outcomes.patents"},
    "culture_dist": {"function": "international.cultural_distance"},
    "edens": {"measure": "ego_density"},
    "tstr": {"function": "relations.tie_strength"},
    "geodist": {"function": "proximity.geographic_distance"},
    "pdiv": {
        "function": "portfolio.composite_diversity",
        "params": {"by": ["type", "ind4", "country"]},
    },
}


def _typed(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    columns = SCHEMAS[name].columns
    absent = [pl.lit(None, c.dtype).alias(k) for k, c in columns.items() if k not in frame.columns]
    return (
        frame.with_columns(absent)
        .select(list(columns))
        .cast({k: c.dtype for k, c in columns.items()})
    )


def _long(frame: pl.DataFrame, key: str, column: str, to: str) -> pl.DataFrame:
    parts = frame.select(pl.col(key), pl.col(column).str.split("; ").alias(to)).explode(to)
    return parts.filter(pl.col(to).is_not_null() & (pl.col(to) != ""))


def _dates(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    return frame.with_columns(pl.col(columns).replace("", None).str.to_date("%Y-%m-%d"))


def _patent_tables(raw: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    patents = _dates(raw["patents"], "application_date", "priority_date", "publication_date")
    patents = patents.rename(
        {
            "publication_number": "pid",
            "application_date": "app_date",
            "priority_date": "prio_date",
            "publication_date": "pub_date",
        }
    )
    patents = patents.with_columns(
        year=pl.col("prio_date").dt.year(), grant_date=pl.lit(None, pl.Date)
    )
    held = _long(patents, "pid", "applicants", "org_id").with_columns(seq=0, share=1.0)
    classes = _long(patents, "pid", "ipc", "code").unique()
    classes = classes.with_columns(scheme=pl.lit("IPC"), is_first=False)
    cites = raw["citations"].rename({"citing": "citing_pid", "cited": "cited_pid"})
    dated = patents.select(citing_pid="pid", date="prio_date")
    tables = {
        "patents": patents,
        "patent_applicants": held,
        "patent_classes": classes,
        "citations": cites.join(dated, on="citing_pid"),
    }
    return {name: _typed(frame, name) for name, frame in tables.items()}


def _other_tables(raw: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    deals = _dates(raw["alliances"], "announced", "terminated").rename(
        {"deal_id": "aid", "announced": "start_date", "terminated": "end_date"}
    )
    deals = deals.with_columns(end_known=pl.col("end_date").is_not_null())
    register = raw["organisations"].with_columns(
        org_id="name",
        ind4=pl.col("industry").replace("", None),
        birth_year=pl.col("founded").str.slice(0, 4).cast(pl.Int32),
        death_year=pl.col("dissolved").str.slice(0, 4).replace("", None).cast(pl.Int32),
        parent_from=pl.lit(None, pl.Int32),
        parent_to=pl.lit(None, pl.Int32),
    )
    accounts = raw["firm_years"].rename({"name": "org_id", "rd_expense": "rd"})
    tables = {
        "alliances": deals,
        "alliance_scopes": _long(deals, "aid", "functions", "function"),
        "alliance_parties": _long(deals, "aid", "participants", "org_id"),
        "organisations": register,
        "firm_years": accounts,
        "industry_years": raw["industry_years"].rename({"industry": "ind4"}),
        "cultures": raw["cultures"],
    }
    return {name: _typed(frame, name) for name, frame in tables.items()}


@pytest.fixture(scope="module")
def world():
    # No blemishes, so that a name in a record is the name in the register.
    return simulate_world(replace(settings_for(120), faults=RecordFaults(0.0, 0.0, 0.0)), seed=7)


@pytest.fixture(scope="module")
def derived(world) -> pl.DataFrame:
    tables = _patent_tables(world.tables) | _other_tables(world.tables)
    parties, alliances = tables["alliance_parties"], tables["alliances"]
    active = activity(tables["patent_applicants"], tables["patents"], parties, alliances)
    rows = risk_set(tables["organisations"], active, SPAN).rows
    allied = ties.yearly_pairs(ties.alliance_events(alliances, parties, SPAN, 5).events)
    measured = measures.measure_years(
        allied.pairs,
        rows.select("year", node="org_id"),
        weight="weight_newman",
        years=YEARS,
        exact_limit=0,
        sample_sources=3,
        seed=1,
    )
    inputs = Inputs(
        tables=tables,
        holders=tables["patent_applicants"],
        ties={"alliance": allied.pairs},
        tie_records={"alliance": allied.records},
        measures={"alliance": measured},
        risk_set=rows,
        raw_years=(1990, 2019),
        outcome_years=(2000, 2014),
        networks={"alliance": NetworkFacts()},
    )
    return attach_leads(derive(inputs, ENTRIES), {"pat": (1,)}, (2000, 2014))


@pytest.mark.parametrize(
    ("planted", "variable"),
    [
        ("deg", "deg"),
        ("sh", "sh"),
        ("tdiv", "tdiv"),
        ("turb", "turb_z"),
        ("sbreadth", "sbreadth"),
        ("amb_bal", "amb_bal"),
        ("ln_assets", "ln_assets"),
        ("rd_int", "rdint"),
        ("pat_next", "pat_t1"),
    ],
)
def test_variables_equal_the_planted_regressors(world, derived, planted, variable):
    ours = derived.select("org_id", "year", ours=variable, status=f"{variable}_status")
    theirs = world.panel.select(pl.col("name").alias("org_id"), "year", theirs=planted)
    both = theirs.filter(pl.col("year").is_in(list(YEARS))).join(
        ours, on=["org_id", "year"], how="left"
    )
    if planted == "pat_next":  # not observed for a firm that does not live through the next year
        both = both.filter(pl.col("status") == "ok")
    assert both.height > 1000
    assert both["ours"].is_null().equals(both["theirs"].is_null().alias("ours"))
    defined = both.drop_nulls()
    assert defined.height > 300
    assert (defined["ours"] - defined["theirs"]).abs().max() < 1e-9


@pytest.mark.parametrize("variable", ["culture_dist", "edens", "tstr", "geodist", "pdiv"])
def test_variables_of_the_further_terms_are_planted_on_the_scale_that_the_truth_tells(
    world, derived, variable
):
    """The term in the index is weight (x - centre) / scale, x the variable as measured."""
    name = SCALED_AS.get(variable, variable)
    centre, scale = SCALES[name]
    theirs = world.panel.select(
        "year", pl.col(f"further_{name}") * scale + centre, org_id="name"
    ).rename({f"further_{name}": "theirs"})
    ours = derived.filter(pl.col(f"{variable}_status") == "ok").select(
        "org_id", "year", ours=variable
    )
    both = ours.join(theirs, on=["org_id", "year"])
    assert both.height > 300
    # The simulator rounds the radius of the earth.
    assert (both["ours"] - both["theirs"]).abs().max() < 1e-5
