"""What becomes of patents: counts, tie rules, dead ends, risk, use, conversion."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from tertius.variables.composites import conversion, cost_per_patent
from tertius.variables.outcomes import patents, top_weights
from tertius.variables.quality import (
    choke_exposure,
    choke_patents,
    claims,
    dead_ends,
    foreign_filings,
    grant_lag,
    granted,
    growth,
    invention_share,
    joint,
    of_kind,
    risk,
    used_share,
)


@pytest.mark.parametrize(
    ("ties", "weight", "total"),
    [("fractional", 0.5, 2.0), ("strict", 0.0, 1.0), ("inclusive", 1.0, 3.0)],
)
def test_w12_tie_rules(ties, weight, total):
    cites = [30, 12, 12, *[1] * 17]
    cells = pl.DataFrame({"cell": ["x"] * 20, "cites": cites})
    found = top_weights(cells, ["cell"], 0.1, ties)
    weights = dict(found.select("cites", "weight").iter_rows())
    assert weights[12] == pytest.approx(weight)
    assert sum(weights[c] for c in cites) == pytest.approx(total)
    with pytest.raises(ValueError, match="fractional, strict or inclusive"):
        top_weights(cells, ["cell"], 0.1, "random")


@pytest.fixture(scope="module")
def lived(make, new_patent):
    """Families of F (2000: a, b, c with G; 2001: d) and G, with what became of them."""
    rows = [
        new_patent("a", 2000, kind="invention", n_claims=9, grant_date=dt.date(2002, 3, 1)),
        new_patent("b", 2000, kind="utility", n_claims=3, lapse_date=dt.date(2003, 3, 1)),
        new_patent("c", 2000, kind="invention", n_claims=5, office="US"),
        new_patent("d", 2001, kind=None, n_claims=None),
        new_patent("x", 2003),
        new_patent("y", 2004),
    ]
    return make(
        years=[2000, 2001, 2002, 2012],
        units="FGI",
        raw=(1990, 2014),
        outcomes=(1995, 2012),
        patents=rows,
        held={"a": "F", "b": "F", "c": "F G", "d": "F", "x": "X", "y": "X"},
        classes={p: "H04L1/00" if p == "a" else "A61K1/00" for p in "abcdxy"},
        cites=[("x", "a"), ("y", "a"), ("x", "b")],
        tied=[(2000, "F", "G", 1)],
        organisations=[{"org_id": n, "type": "firm", "country": c}
                       for n, c in (("F", "CN"), ("G", "US"), ("I", None))],
        patent_events=[{"pid": "a", "kind": "licence", "date": dt.date(2004, 1, 1)},
                       {"pid": "c", "kind": "renewal", "date": dt.date(2007, 1, 1)},
                       {"pid": "d", "kind": "licence", "date": dt.date(2011, 1, 1)}],
        choke_classes=[{"code": "H04", "since": dt.date(2001, 6, 1)}],
        firm_years=[{"org_id": "F", "year": 2000, "rd": 6.0},
                    {"org_id": "G", "year": 2000, "rd": 0.0}, {"org_id": "F", "year": 2001},
                    {"org_id": "F", "year": 2002, "rd": 1.0}],
    )  # fmt: skip


def test_counts_of_kinds_grants_and_claims(lived, at):
    assert at(granted(lived), "F", 2000) == 1
    assert at(of_kind(lived, kind="utility"), "F", 2000) == 1
    assert at(of_kind(lived, kind="utility"), "I", 2000) == 0
    assert at(invention_share(lived), "F", 2000) == pytest.approx(2 / 3)
    assert at(invention_share(lived), "F", 2001) == "undefined_nopat"
    assert at(claims(lived), "F", 2000) == 17
    assert at(claims(lived), "F", 2001) == "missing_input"
    assert at(grant_lag(lived), "F", 2000) == 730
    assert at(grant_lag(lived), "G", 2000) == "undefined_nopat"


def test_joint_and_foreign_families(lived, at):
    assert at(joint(lived, network="net"), "F", 2000) == 1
    assert at(joint(lived, network="net"), "F", 2001) == 0
    assert at(foreign_filings(lived), "F", 2000) == 1
    assert at(foreign_filings(lived), "G", 2000) == 0
    assert at(foreign_filings(lived), "I", 2000) == "missing_input"


def test_dead_ends_are_uncited_or_lapsed(lived, at):
    # a is cited; b is cited but lapsed after three years; c is uncited.
    assert at(dead_ends(lived), "F", 2000) == pytest.approx(2 / 3)
    assert at(dead_ends(lived), "F", 2002) == "undefined_nopat"
    assert at(dead_ends(lived), "F", 2012) == "truncated"


def test_use_of_patents_within_some_years(lived, at):
    assert at(used_share(lived, kinds=["licence"]), "F", 2000) == pytest.approx(1 / 3)
    both = used_share(lived, kinds=["licence"], renewed=6)
    assert at(both, "F", 2000) == pytest.approx(2 / 3)
    assert at(used_share(lived, kinds=["licence"]), "F", 2001) == 0.0  # ten years later
    assert at(used_share(lived, kinds=["licence"]), "F", 2012) == "truncated"
    assert at(used_share(lived, kinds=["licence"]), "I", 2000) == "undefined_nopat"


def test_growth_and_risk(lived, at):
    assert at(growth(lived), "F", 2000) == pytest.approx(math.log(4))
    assert at(growth(lived), "F", 2002) == pytest.approx(math.log(1 / 2))
    assert at(growth(lived), "I", 2002) == 0.0
    series = np.array([0, 0, 3, 1, 0])  # 1998-2002
    assert at(risk(lived), "F", 2002) == pytest.approx(series.std())
    below = np.minimum(series - series.mean(), 0)
    assert at(risk(lived, below=True), "F", 2002) == pytest.approx(np.sqrt((below**2).mean()))
    assert at(risk(lived), "I", 2002) == 0.0


def test_choke_points_are_listed_from_a_day_on(lived, at):
    assert at(choke_patents(lived), "F", 2000) == 1
    assert at(choke_exposure(lived), "F", 2000) == 0.0
    assert at(choke_exposure(lived), "F", 2001) == 1 / 4
    assert at(choke_exposure(lived), "I", 2001) == "undefined_nopat"


def test_conversion_and_cost(lived, at):
    # 3 patents + 3 citations over 6.
    assert at(conversion(lived), "F", 2000) == 1.0
    assert at(conversion(lived), "G", 2000) == "zero_denominator"
    assert at(conversion(lived), "F", 2001) == "missing_input"
    assert at(cost_per_patent(lived), "F", 2000) == 2.0
    assert at(cost_per_patent(lived, log=True), "G", 2000) == "zero_denominator"
    assert at(cost_per_patent(lived), "F", 2002) == "undefined_nopat"


def test_fractional_counts_keep_the_total(random_world, with_networks):
    inputs = with_networks(random_world(5))
    fractional = patents(inputs, counting="fractional")
    whole = patents(inputs)
    assert (fractional["value"] <= whole["value"]).fill_null(True).all()
    from tertius.variables.records import families, holdings, rows

    held = holdings(inputs).join(rows(inputs).select("org", "year"), on=["org", "year"], how="semi")
    inside = held.filter(pl.col("year").is_between(2001, 2015))
    expected = inside.select((1 / pl.col("n_holders")).sum()).item()
    assert fractional["value"].sum() == pytest.approx(expected)
    everything = held.height == holdings(inputs).height
    if everything:
        years = families(inputs).filter(pl.col("year").is_between(2001, 2015))
        assert fractional["value"].sum() == pytest.approx(years.height)
    with pytest.raises(ValueError, match="whole or fractional"):
        patents(inputs, counting="half")
