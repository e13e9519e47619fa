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
from .deals import STILL_OPEN, UNKNOWN_SPAN, Deal, state_of
from .environment import Environment, policy_pull
from .organisations import NEVER, Register, kilometres
from .portfolios import Memory, Portfolios, portfolios
from .settings import Flags, Floats, WorldSettings
from .terminations import close_the_rest, terminate


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


@dataclass(frozen=True)
class Alliances:
    """All deals in order of year, and the portfolios on 31 December of each raw year."""

    deals: list[Deal]
    portfolios: list[Portfolios]
    states: list[sp.csr_array]


def draw_deals(
    settings: WorldSettings,
    register: Register,
    environment: Environment,
    leanings: Leanings,
    seed: int,
) -> Alliances:
    """Run the years: deals end, others are signed, and portfolios follow."""
    fixed = pair_utility(settings, register)
    other_field = register.main_class[:, None] != register.main_class[None, :]
    last_tied = np.full((register.n, register.n), -NEVER, dtype=np.int16)
    memory, ongoing = Memory.of(register.n), list[int]()
    made = Alliances([], [], [])
    deals = made.deals
    state = sp.csr_array((register.n, register.n))
    for row, year in enumerate(settings.years):
        past = made.portfolios[-1] if made.portfolios else None
        utility = fixed.total + _structure(
            settings, register, environment, leanings, state, last_tied, other_field, row, fixed,
            past,
        )  # fmt: skip
        closed = terminate(settings, register, environment, deals, ongoing, past, row, seed)
        pull = policy_pull(settings, register, environment.policies, year)
        new = _new_deals(settings, register, leanings, utility, pull, past, seed, year)
        deals += new
        ongoing = [k for k in (*ongoing, *range(len(deals) - len(new), len(deals)))
                   if deals[k].active(year)]  # fmt: skip
        hit = environment.shocked[row] | (register.died == year)
        active = [deals[k] for k in ongoing]
        state = state_of(active, register.n, year)
        made.states.append(state)
        incoming = _incoming(new, last_tied, year)
        held = portfolios(register, active, state, memory, hit, closed, year)
        made.portfolios.append({**held, "newtie_in": incoming})
        last_tied[state.toarray() > 0.0] = year
    close_the_rest(settings, register, deals, seed)
    return made


def _incoming(new: list[Deal], last_tied: np.typing.NDArray[np.int16], year: int) -> Floats:
    """New partners (none in the five years before) that proposed the deal, shape (n,)."""
    found = np.zeros(len(last_tied))
    for first, second in {(m, d.initiator) for d in new for m in d.members if d.active(year)}:
        found[first] += first != second and last_tied[first, second] < year - 5
    return found


@dataclass(frozen=True)
class PairUtility:
    """What a pair's profiles and places add to its log odds, its distance ln(1 + km), whether it
    crosses a border (n, n); and which organisations are of information technology (n,)."""

    total: Floats
    distance: Floats
    foreign: Flags
    it: Floats


def pair_utility(settings: WorldSettings, register: Register) -> PairUtility:
    """Proximity, complementarity (more so in IT) and distance of all pairs, (n, n) each."""
    plan = settings.formation
    prox = cosines(register.profile)
    distance = np.log1p(kilometres(register.latitude, register.longitude))
    extra = complementarity(register.profile) - 0.05
    it = register.is_it().astype(np.float64)
    strength = plan.compl + 0.5 * plan.compl_it * (it[:, None] + it[None, :])
    total = plan.prox * prox + plan.prox_squared * prox**2 + plan.distance * distance
    lands = np.unique(np.array(register.countries), return_inverse=True)[1]
    return PairUtility(total + strength * extra, distance, lands[:, None] != lands[None, :], it)


def complementarity(profile: Floats) -> Floats:
    """Same IPC3 class, other IPC4 subclass: sum of smaller shares in the first less the second."""
    coarse = np.unique([code[:3] for code in catalogue.CLASSES[: profile.shape[1]]],
                       return_inverse=True)[1]  # fmt: skip
    wide = np.zeros((len(profile), int(coarse.max()) + 1))
    np.add.at(wide.T, coarse, profile.T)

    def overlap(x: Floats) -> Floats:
        total = np.zeros((len(x), len(x)))
        for column in x.T:
            total += np.minimum(column[:, None], column[None, :])
        return total

    return np.asarray(np.round(overlap(wide) - overlap(profile), 10))


def cosines(profile: Floats) -> Floats:
    """Cosine similarity of the rows, shape (n, n)."""
    unit = profile / np.sqrt((profile**2).sum(axis=1, keepdims=True))
    return np.asarray(unit @ unit.T)


def _structure(
    settings: WorldSettings,
    register: Register,
    environment: Environment,
    leanings: Leanings,
    state: sp.csr_array,
    last_tied: np.typing.NDArray[np.int16],
    other_field: np.typing.NDArray[np.bool_],
    row: int,
    pair: PairUtility,
    past: Portfolios | None,
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
    own = plan.turb * shaken + plan.it_activity * pair.it
    if past is not None:
        own = own + plan.shock_holes * past["shock"] * np.nan_to_num(past["sh"] - 0.6)
    activity, closure = leanings.activity[row] + crowded + own, leanings.closure[row]
    bridging = leanings.bridging[row]
    pilot = environment.exposed(register, "pilot", year).astype(np.float64)
    return np.asarray(
        activity[:, None]
        + activity[None, :]
        + (plan.common_partner + closure[:, None] + closure[None, :]) * common
        + 0.5 * (bridging[:, None] + bridging[None, :]) * (other_field & (common == 0.0))
        + plan.prior_tie * prior
        + plan.current_tie * tied
        + 0.5 * plan.turb_prior * (shaken[:, None] + shaken[None, :]) * prior
        + plan.common_distance * common * (pair.distance - 6.0)
        + plan.pilot_foreign * (pilot[:, None] + pilot[None, :]) * pair.foreign
    )


def _new_deals(
    settings: WorldSettings,
    register: Register,
    leanings: Leanings,
    utility: Floats,
    pull: Floats,
    past: Portfolios | None,
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
    exploring = leanings.exploring[year - settings.first_year]
    return [_sign(settings, register, exploring, rng, year, team, past) for team in parties]


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
    past: Portfolios | None,
) -> Deal:
    """Give one deal its first day, functions, form, clauses and initiator; its end comes later."""
    announced = dt.date(year, 1, 1).toordinal() + int(rng.integers(0, 358))
    outlives = all(register.died[m] > year + UNKNOWN_SPAN for m in members)
    unrecorded = rng.random() < settings.faults.missing_ends and outlives
    functions = _functions(rng, float(np.mean([exploring[m] for m in members])), len(members))
    form = _form(rng, functions)
    clauses = tuple(name for name in catalogue.CLAUSES if rng.random() < 0.18)
    return Deal(announced, 0 if unrecorded else STILL_OPEN, members, form, functions, clauses,
                _initiator(settings, rng, members, past))  # fmt: skip


def _initiator(
    settings: WorldSettings,
    rng: np.random.Generator,
    members: tuple[int, ...],
    past: Portfolios | None,
) -> int:
    """Who proposed the deal: those with fewer partners, and fewer deals with each, come to others.

    Log odds of a party fall with its ln(1 + deg) and its deals a partner of the year before.
    """
    plan, chosen = settings.formation, list(members)
    appeal = np.zeros(len(chosen))
    if past is not None:
        often = np.nan_to_num(past["freq"][chosen] - 1.0)
        appeal = plan.appeal_deg * np.log1p(past["deg"][chosen]) + plan.appeal_freq * often
    return chosen[int(np.argmax(rng.gumbel(size=len(chosen)) - appeal))]


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
