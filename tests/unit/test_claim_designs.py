"""Claims on partner choice, ends of ties, blocks and growth, on worlds with planted effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from tertius.claims.claim_test import read_test
from tertius.claims.findings import Finding, find
from tertius.estimate import Estimate, estimate_model
from tertius.model_spec import resolve_spec
from tertius.problems import Problems

CHOOSER, COMPLEMENT, PRIOR = 0.8, 1.2, 0.9
"""Planted log odds: of the products with what the chooser is like, and of the main effects."""


def found(raw: Mapping[str, Any], **fits: Estimate) -> Finding:
    problems = Problems()
    test = read_test(raw, "test", problems)
    assert test is not None, problems.found
    return find(test, fits[test.model], 0.05, "claim", fits)


def model(name: str, rows: pl.DataFrame, **raw: Any) -> Estimate:
    return estimate_model(rows, resolve_spec(name, {"winsor": None, **raw}))


def with_statuses(columns: Mapping[str, Any]) -> pl.DataFrame:
    plain = ("org_id", "year", "a", "b", "stratum", "in_sample")
    statuses = {f"{name}_status": ["ok"] * len(columns["year"]) for name in columns}
    kept = {name: s for name, s in statuses.items() if name.removesuffix("_status") not in plain}
    return pl.DataFrame({**columns, **kept}).with_columns(pl.col("year").cast(pl.Int32))


@pytest.fixture(scope="module")
def choice() -> Estimate:
    """Choosers under turbulence prefer prior partners, those that lack resources complements."""
    rng = np.random.default_rng(3)
    n, k, firms = 3000, 8, 150
    ego = np.repeat(rng.integers(0, firms, n), k)
    alter = firms + rng.integers(0, firms, n * k)
    turb, gap = (np.repeat(rng.normal(size=n), k) for _ in range(2))
    compl = rng.uniform(size=n * k)
    prior = (rng.uniform(size=n * k) < 0.3).astype(float)
    index = COMPLEMENT * compl + PRIOR * prior + CHOOSER * (turb * prior + gap * compl)
    utility = (index + rng.gumbel(size=n * k)).reshape(n, k)
    event = (utility == utility.max(axis=1, keepdims=True)).astype(float).ravel()
    rows = with_statuses(
        {
            "org_id": [f"r{i:06d}" for i in range(n * k)],
            "year": np.repeat(rng.integers(2000, 2006, n), k),
            "a": [f"o{i:03d}" for i in ego],
            "b": [f"o{i:03d}" for i in alter],
            "stratum": np.repeat([f"s{i:05d}" for i in range(n)], k),
            "in_sample": np.ones(n * k, dtype=bool),
            "event": event,
            "complementarity": compl,
            "prior_tie": prior,
            "turb_z__ego": turb,
            "resgap__ego": gap,
        }
    )
    return model(
        "choice",
        rows,
        frame="choices",
        outcome="event",
        estimator="conditional_logit",
        terms=[
            "complementarity", "prior_tie", "turb_z__ego", "resgap__ego",
            "prior_tie:turb_z__ego", "complementarity:resgap__ego",
        ],
    )  # fmt: skip


def test_goals_of_the_chooser_move_the_choice(choice: Estimate) -> None:
    legs = [
        {"shape": "interaction", "model": "choice", "term": term, "side": "greater"}
        for term in ("prior_tie:turb_z__ego", "complementarity:resgap__ego")
    ]
    both = found({"shape": "all_of", "legs": legs}, choice=choice)
    assert both.direction == "expected"
    for leg, planted in zip(legs, (CHOOSER, CHOOSER), strict=True):
        one = found(leg, choice=choice)
        assert one.estimate == pytest.approx(planted, abs=3.5 * one.std_error)
        assert one.std_error < 0.2
    # what a chooser is like is the same for all alternatives
    assert {"turb_z__ego", "resgap__ego"} <= set(choice.collinear)
    turned = [{**leg, "side": "less"} for leg in legs]
    assert found({"shape": "all_of", "legs": turned}, choice=choice).direction == "opposite"


def test_a_choice_is_told_in_odds_of_one_standard_deviation(choice: Estimate) -> None:
    plain = found({"shape": "positive", "model": "choice", "term": "prior_tie"}, choice=choice)
    assert plain.direction == "expected"
    assert choice.n_firms == 300
    sd = choice.variables["prior_tie"].sd
    assert choice.spread("prior_tie") == (sd, "one standard deviation")
    share = np.expm1(choice.coefficient("prior_tie") * sd)
    assert plain.effects[0].share == pytest.approx(share)
    assert plain.effects[0].share == pytest.approx(np.expm1(PRIOR * sd), rel=0.3)


@pytest.fixture(scope="module")
def endings() -> Estimate:
    """Ties end at 20 % a year; equity lowers the log hazard by .7, turbulence raises it by .4."""
    rng = np.random.default_rng(4)
    parts: dict[str, list[Any]] = {}
    for spell in range(2500):
        a, b = sorted(rng.choice(200, 2, replace=False))
        equity, noise = float(rng.uniform() < 0.4), rng.normal()
        for duration in range(1, 9):
            turb = rng.normal()
            rate = np.exp(np.log(0.22) - 0.7 * equity + 0.4 * turb)
            ended = float(rng.uniform() < 1 - np.exp(-rate))
            row = (f"s{spell:05d}", 2000 + duration, f"o{a:03d}", f"o{b:03d}", True, ended,
                   float(duration), equity, turb, noise)  # fmt: skip
            names = ("org_id", "year", "a", "b", "in_sample", "terminated", "duration", "equity",
                     "turb_z__sum", "edens__sum")  # fmt: skip
            for name, value in zip(names, row, strict=True):
                parts.setdefault(name, []).append(value)
            if ended:
                break
    return model(
        "ends",
        with_statuses(parts),
        frame="tie_years",
        outcome="terminated",
        estimator="hazard",
        terms=["equity", "turb_z__sum", "edens__sum"],
        options={"duration": "duration"},
    )


def test_ends_of_ties(endings: Estimate) -> None:
    safe = found({"shape": "negative", "model": "ends", "term": "equity"}, ends=endings)
    assert safe.direction == "expected"
    assert endings.n_firms == 200
    assert safe.estimate == pytest.approx(-0.7, abs=3.5 * safe.std_error)
    idle = found({"shape": "positive", "model": "ends", "term": "edens__sum"}, ends=endings)
    assert idle.direction == "neither"
    block = found(
        {"shape": "block", "model": "ends", "terms": ["turb_z__sum", "edens__sum"]}, ends=endings
    )
    assert block.direction == "expected"
    raw = {"shape": "rate", "model": "ends", "variable": "duration", "horizon": 5}
    share = found({**raw, "value": 0.6, "margin": 0.1}, ends=endings)
    survived = [
        np.prod([1 - r for r in rates])
        for rates in [endings.frame.filter(pl.col("duration") <= 5)
                      .group_by("duration").agg(pl.col("y").mean())["y"].to_list()]
    ]  # fmt: skip
    assert share.estimate == pytest.approx(1 - survived[0])
    assert found({**raw, "value": 0.2, "margin": 0.1}, ends=endings).direction == "opposite"


def test_firms_are_compared_by_the_spread_of_all_of_them() -> None:
    """Without firm effects a trait that never changes still has a telling step."""
    rng = np.random.default_rng(5)
    group = np.repeat((rng.uniform(size=300) < 0.4).astype(float), 6)
    y = 2 + 0.5 * group + rng.normal(size=1800)
    rows = with_statuses(
        {
            "org_id": np.repeat([f"f{i:03d}" for i in range(300)], 6),
            "year": np.tile(np.arange(2000, 2006), 300),
            "in_sample": np.ones(1800, dtype=bool),
            "y": y,
            "ind_it": group,
        }
    )
    pooled = model(
        "industry", rows, outcome="y", lead=0, estimator="fe_ols", terms=["ind_it"],
        effects=["year"], controls="none",
    )  # fmt: skip
    shown = found({"shape": "positive", "model": "industry", "term": "ind_it"}, industry=pooled)
    assert shown.direction == "expected"
    assert pooled.variables["ind_it"].sd_within == 0
    share = shown.estimate * group.std(ddof=1) / y.mean()
    assert shown.effects[0].share == pytest.approx(share, rel=1e-6)


def test_growth_over_the_life_of_a_portfolio() -> None:
    """Size and balance grow with the years since the first tie; the legs judge them together."""
    rng = np.random.default_rng(6)
    age = np.tile(np.arange(8.0), 150)
    firm = np.repeat(rng.normal(size=150), 8)
    rows = with_statuses(
        {
            "org_id": np.repeat([f"f{i:03d}" for i in range(150)], 8),
            "year": np.tile(np.arange(2000, 2008), 150),
            "in_sample": np.ones(1200, dtype=bool),
            "psize": rng.poisson(np.exp(0.5 + 0.3 * firm + 0.12 * age)).astype(float),
            "amb_bal": 0.3 + 0.1 * firm + 0.03 * age + 0.1 * rng.normal(size=1200),
            "tie_years": age,
        }
    )
    shared = {"lead": 0, "terms": ["tie_years"], "effects": ["org_id"], "controls": "none"}
    size = model("size", rows, outcome="psize", estimator="fe_poisson", **shared)
    balance = model("balance", rows, outcome="amb_bal", estimator="fe_ols", **shared)
    legs = [
        {"shape": "positive", "model": name, "term": "tie_years"} for name in ("size", "balance")
    ]
    path = found({"shape": "all_of", "legs": legs}, size=size, balance=balance)
    assert path.direction == "expected"
    one, two = (found(leg, size=size, balance=balance) for leg in legs)
    assert one.estimate == pytest.approx(0.12, abs=0.02)
    assert two.estimate == pytest.approx(0.03, abs=0.005)
    assert path.p_value == max(one.p_value, two.p_value)
