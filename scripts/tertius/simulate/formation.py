"""Alliances: a dyadic logit each year, teams of three to five, durations, forms and functions.

Nothing here looks at patents: who allies with whom rests on latent class profiles, earlier ties,
places, turbulence, policies and leanings, so that positions are strictly exogenous to counts.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from . import catalogue
from .chance import autoregression, stream
from .environment import Environment, policy_pull
from .organisations import NEVER, Register, kilometres
from .settings import Floats, WorldSettings

UNKNOWN_SPAN = 5
"""Calendar years on whose last day a deal of unknown end counts as active, its first included."""

_EXPORT_DAY = dt.date(2021, 6, 30).toordinal()


@dataclass(frozen=True)
class Deal:
    """One alliance: ordinals of its days (`ended` 0 where the record has no end date)."""

    announced: int
    ended: int
    members: tuple[int, ...]
    form: str
    functions: tuple[str, ...]

    def active(self, year: int) -> bool:
        """In force on 31 December of `year`; without an end date for `UNKNOWN_SPAN` years."""
        day = dt.date(year, 12, 31).toordinal()
        if self.announced > day:
            return False
        if self.ended:
            return self.ended > day
        return year < dt.date.fromordinal(self.announced).year + UNKNOWN_SPAN


@dataclass(frozen=True)
class Leanings:
    """Latent AR(1) leanings of the organisations, each of shape (years, n)."""

    activity: Floats
    closure: Floats
    bridging: Floats
    exploring: Floats


def draw_leanings(settings: WorldSettings, register: Register, seed: int) -> Leanings:
    """Draw how active, closing, bridging and exploring each organisation is in each year."""
    plan, rng = settings.propensity, stream(seed, "leanings")
    n, n_years = register.n, len(settings.years)

    def wander(sd: float) -> Floats:
        return autoregression(rng, n, n_years, plan.persistence, sd)

    lasting = plan.activity_between * rng.standard_normal(n)
    return Leanings(
        activity=lasting + wander(plan.activity_within),
        closure=wander(plan.closure),
        bridging=wander(plan.bridging),
        exploring=wander(plan.exploring),
    )


def state_of(deals: list[Deal], n: int, year: int) -> sp.csr_array:
    """Weighted ties on 31 December: 1/(k - 1) from each active deal of k parties; (n, n)."""
    rows, columns, weights = [], [], []
    for deal in deals:
        if deal.active(year):
            k = len(deal.members)
            for a in deal.members:
                for b in deal.members:
                    if a != b:
                        rows.append(a)
                        columns.append(b)
                        weights.append(1.0 / (k - 1))
    cells = (np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64))
    return sp.csr_array(sp.coo_array((np.array(weights, dtype=np.float64), cells), shape=(n, n)))


def draw_deals(
    settings: WorldSettings,
    register: Register,
    environment: Environment,
    leanings: Leanings,
    seed: int,
) -> list[Deal]:
    """All deals of the raw years, in order of year."""
    plan = settings.formation
    prox = cosines(register.profile)
    distance = np.log1p(kilometres(register.latitude, register.longitude))
    fixed = plan.prox * prox + plan.prox_squared * prox**2 + plan.distance * distance
    other_field = register.main_class[:, None] != register.main_class[None, :]
    last_tied = np.full((register.n, register.n), -NEVER, dtype=np.int16)
    deals: list[Deal] = []
    ongoing: list[Deal] = []
    for row, year in enumerate(settings.years):
        state = state_of(ongoing, register.n, year - 1)
        utility = fixed + _structure(settings, environment, leanings, state, last_tied, other_field,
                                     row)  # fmt: skip
        pull = policy_pull(settings, register, environment.policies, year)
        new = _new_deals(settings, register, leanings, utility, pull, seed, year)
        deals += new
        ongoing = [deal for deal in ongoing if deal.active(year)] + new
        tied = state_of(ongoing, register.n, year).toarray() > 0.0
        last_tied[tied] = year
    return deals


def cosines(profile: Floats) -> Floats:
    """Cosine similarity of the rows, shape (n, n)."""
    unit = profile / np.sqrt((profile**2).sum(axis=1, keepdims=True))
    return np.asarray(unit @ unit.T)


def _structure(
    settings: WorldSettings,
    environment: Environment,
    leanings: Leanings,
    state: sp.csr_array,
    last_tied: np.typing.NDArray[np.int16],
    other_field: np.typing.NDArray[np.bool_],
    row: int,
) -> Floats:
    """Log odds that come from the network and the leanings of the year, symmetric (n, n).

    Prior tie: tied on 31 December of one of the five years before; common partners (at most
    two) and turbulence: at 31 December of the year before.
    """
    plan, year = settings.formation, settings.first_year + row
    ties = sp.csr_array(state > 0.0).astype(np.float64)
    tied = ties.toarray()
    crowded = plan.capacity * np.log1p(tied.sum(axis=1))
    common = np.minimum((ties @ ties).toarray(), 2.0)
    prior = last_tied >= year - 5
    shaken = environment.turbulence[max(row - 1, 0)]
    shaken = np.where(np.isfinite(shaken), shaken, 0.0)
    activity, closure = leanings.activity[row] + crowded, leanings.closure[row]
    bridging = leanings.bridging[row]
    return np.asarray(
        activity[:, None]
        + activity[None, :]
        + (plan.common_partner + closure[:, None] + closure[None, :]) * common
        + 0.5 * (bridging[:, None] + bridging[None, :]) * (other_field & (common == 0.0))
        + plan.prior_tie * prior
        + plan.current_tie * tied
        + 0.5 * plan.turb_prior * (shaken[:, None] + shaken[None, :]) * prior
    )


def _new_deals(
    settings: WorldSettings,
    register: Register,
    leanings: Leanings,
    utility: Floats,
    pull: Floats,
    seed: int,
    year: int,
) -> list[Deal]:
    """The deals signed in one year by those alive at its beginning and not dissolved in it.

    The yearly constant of the logit is set so that, without policies, the expected number of
    bilateral deals is `bilateral_rate` an organisation; policies add to it.
    """
    rng = stream(seed, "deals", year)
    able = register.alive(year - 1) & (register.died > year)
    odds = np.exp(np.clip(utility, -30.0, 8.0)) * (able[:, None] & able[None, :])
    np.fill_diagonal(odds, 0.0)
    constant = 2.0 * settings.formation.bilateral_rate * able.sum() / odds.sum()
    odds = odds * constant * np.exp(pull)[:, None] * np.exp(pull)[None, :]
    chance = np.triu(odds / (1.0 + odds), 1)
    first, second = np.nonzero(rng.random(chance.shape) < chance)
    parties: list[tuple[int, ...]] = [(int(a), int(b)) for a, b in zip(first, second, strict=True)]
    parties += _teams(settings, rng, odds, able.sum() * settings.formation.team_rate)
    return [
        _sign(settings, register, leanings.exploring[year - settings.first_year], rng, year, team)
        for team in parties
    ]


def _teams(
    settings: WorldSettings, rng: np.random.Generator, odds: Floats, expected: float
) -> list[tuple[int, ...]]:
    """Teams of three to five: an initiator in proportion to its odds, members by its own odds."""
    total = odds.sum(axis=1)
    n_teams = rng.poisson(expected)
    starters = rng.choice(len(total), size=n_teams, p=total / total.sum())
    sizes = rng.choice((3, 4, 5), size=n_teams, p=(0.55, 0.28, 0.17))
    teams = []
    for starter, size in zip(starters, sizes, strict=True):
        weights = np.log(odds[starter] + 1e-300) + rng.gumbel(size=len(total))
        mates = np.argsort(-weights, kind="stable")[: size - 1]
        teams.append(tuple(sorted({int(starter), *mates.tolist()})))
    return teams


def _sign(
    settings: WorldSettings,
    register: Register,
    exploring: Floats,
    rng: np.random.Generator,
    year: int,
    members: tuple[int, ...],
) -> Deal:
    """Give one deal its days, functions and form; it ends at the latest when a member dissolves."""
    start = dt.date(year, 1, 1).toordinal()
    announced = start + int(rng.integers(0, 358))
    months = 6.0 + rng.gamma(3.0, (12.0 * settings.formation.mean_years - 6.0) / 3.0)
    ended = announced + int(months * 30.4)
    deaths = [int(register.dissolved[m]) for m in members if register.died[m] != NEVER]
    ended = min([ended, *deaths])
    if ended > _EXPORT_DAY:
        ended = _EXPORT_DAY - int(rng.integers(0, 330))
    if dt.date.fromordinal(ended).month == 12 and dt.date.fromordinal(ended).day == 31:
        ended -= 1
    outlives = all(register.died[m] > year + UNKNOWN_SPAN for m in members)
    unrecorded = rng.random() < settings.faults.missing_ends and outlives
    functions = _functions(rng, float(np.mean([exploring[m] for m in members])), len(members))
    form = _form(rng, functions)
    return Deal(announced, 0 if unrecorded else ended, members, form, functions)


def _functions(rng: np.random.Generator, leaning: float, k: int) -> tuple[str, ...]:
    """Functions of a deal: research when its members lean to explore, else market and making."""
    draw = rng.random(7)
    odds = np.exp(np.array([0.4 + 1.2 * leaning + 0.3 * (k > 2), -1.1 - 0.9 * leaning,
                            -0.9 - 0.9 * leaning]))  # fmt: skip
    research, making, selling = draw[:3] < odds / (1.0 + odds)
    chosen = {
        "RD": bool(research),
        "license": bool(draw[3] < 0.15),
        "manufacture": bool(making),
        "marketing": bool(selling),
        "supply": bool(draw[4] < 0.12),
        "standard": bool(draw[5] < 0.03),
    }
    names = tuple(name for name in catalogue.FUNCTIONS if chosen.get(name, False))
    return names or ("license" if draw[6] < 0.5 else "supply",)


def _form(rng: np.random.Generator, functions: tuple[str, ...]) -> str:
    """Form of a deal given its functions; about a quarter involve equity."""
    draw = rng.random()
    if draw < 0.12:
        return "equity_jv"
    if draw < 0.24:
        return "minority_equity"
    by_function = {
        "RD": "joint_rd",
        "license": "licence",
        "manufacture": "manufacturing",
        "marketing": "marketing",
        "supply": "supply",
    }
    return next((by_function[name] for name in functions if name in by_function), "joint_rd")
