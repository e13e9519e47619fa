"""How alliances end: a yearly complementary log-log hazard of each deal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .chance import stream
from .deals import STILL_OPEN, Deal
from .environment import Environment
from .organisations import NEVER, Register
from .portfolios import Portfolios
from .scales import scaled
from .settings import Floats, HazardPlan, WorldSettings

_EXPORT_DAY = dt.date(2021, 6, 30).toordinal()
PARTIES = ("pdiv", "complexity", "edens", "coop_fp", "gov_r", "formal")
"""Measures of portfolios that move the hazard of their deals."""


def party_hazard(plan: HazardPlan, past: Portfolios, turbulence: Floats) -> Floats:
    """What each organisation's portfolio of last year adds to the log hazard, shape (n,)."""
    z = {name: scaled(past[name], name) for name in PARTIES}
    z["turb"] = scaled(turbulence, "turb")
    return np.asarray(
        plan.turb * z["turb"]
        + plan.pdiv * z["pdiv"]
        + plan.complexity * z["complexity"]
        + plan.edens * z["edens"]
        + plan.coop_fp * z["coop_fp"]
        + plan.gov_r * z["gov_r"]
        + plan.formal * z["formal"]
        + plan.formal_turb * z["formal"] * z["turb"]
        + plan.gov_r_pdiv * z["gov_r"] * z["pdiv"]
        + plan.edens_complexity * z["edens"] * z["complexity"]
    )


def deal_hazard(plan: HazardPlan, deal: Deal, young: bool, hit: float, repeated: bool) -> float:
    """What the deal itself adds to its log hazard; `hit` counts parties with a partner shocked."""
    return (
        plan.equity * deal.equity
        + plan.repeated * repeated
        + plan.clauses * bool(deal.clauses)
        + plan.young_formal * (young and deal.formal)
        + plan.shock * hit
        + plan.shock_equity * hit * deal.equity
    )


def terminate(
    settings: WorldSettings,
    register: Register,
    environment: Environment,
    deals: list[Deal],
    ongoing: Sequence[int],
    past: Portfolios | None,
    row: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """End some of the ongoing deals in the year of this row; `deals` is changed in place.

    The covariates of the parties are those of 31 December of the year before, averaged over the
    parties; a deal ends at the latest on the day a party dissolves.

    Returns:
        Deals of known end at risk, and those that ended, by organisation, shape (n,) each.
    """
    plan, year = settings.hazard, settings.first_year + row
    at_risk, ended = np.zeros(register.n), np.zeros(register.n)
    if past is None:
        return at_risk, ended
    rng = stream(seed, "terminations", year)
    parties = party_hazard(plan, past, environment.turbulence[row - 1])
    start = dt.date(year, 1, 1).toordinal()
    draws = rng.random((len(ongoing), 2))
    for k, (draw, day) in zip(ongoing, draws.tolist(), strict=True):
        deal = deals[k]
        if not deal.ended:
            continue
        members = list(deal.members)
        young = bool((past["tie_years"][members] <= 3).any())
        log_hazard = plan.base + float(parties[members].mean()) * 2.0
        log_hazard += deal_hazard(plan, deal, young, float(past["shock"][members].sum()),
                                  bool((past["repeat"][members] > 0.5).all()))  # fmt: skip
        dies = min((int(register.dissolved[m]) for m in members if register.died[m] == year),
                   default=STILL_OPEN)  # fmt: skip
        over = draw < 1.0 - np.exp(-np.exp(log_hazard))
        last = min(start + int(357 * day) if over else STILL_OPEN, dies)
        at_risk[members] += 1.0
        if last != STILL_OPEN:
            deals[k] = replace(deal, ended=last)
            ended[members] += 1.0
    return at_risk, ended


def close_the_rest(
    settings: WorldSettings, register: Register, deals: list[Deal], seed: int
) -> None:
    """Give the deals that outlive the raw years an end before the day of the export."""
    rng = stream(seed, "last ends")
    last = dt.date(settings.last_year, 12, 31).toordinal()
    for k, deal in enumerate(deals):
        if deal.ended == STILL_OPEN:
            deaths = [int(register.dissolved[m]) for m in deal.members if register.died[m] != NEVER]
            day = last + 1 + int(rng.integers(_EXPORT_DAY - last - 1))
            deals[k] = replace(deal, ended=min([day, *deaths]))
