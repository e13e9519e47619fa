"""Inventors: a lasting pool for each organisation, some of whom leave or move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from . import catalogue
from .chance import stream
from .names import inventor_names
from .organisations import Register
from .patents import Patents
from .scales import logistic
from .settings import Flags, Floats, Ints, WorldSettings

_MOVE, _LEAVE = 0.02, 0.04
"""Yearly chances that an inventor moves to another organisation, or is replaced."""


def inventor_rows(
    settings: WorldSettings,
    register: Register,
    stock: Patents,
    numbers: list[str],
    abroad: Abroad,
    seed: int,
) -> pl.DataFrame:
    """Inventors of the patents with employer and country: up to three of the lead, one of the
    second applicant, and some in other countries.

    Args:
        settings: the world.
        register: its organisations.
        stock: all patents.
        numbers: publication number of each patent.
        abroad: sites abroad and rates of co-invention across borders.
        seed: seed of the world.
    """
    rng = stream(seed, "inventors")
    levels = np.bincount(stock.owners[stock.owners >= 0], minlength=register.n) / len(
        settings.years
    )
    home = np.repeat(np.arange(register.n), 2 + np.minimum(np.round(1.2 * levels), 40).astype(int))
    person = np.arange(len(home))
    known = len(home)
    chosen = np.full((len(stock), 4), -1, dtype=np.int64)
    for year in settings.years:
        rows = np.flatnonzero(stock.year == year)
        chosen[rows] = _crew(home, person, stock.owners[rows], register.n, rng)
        movers = np.flatnonzero(rng.random(len(home)) < _MOVE)
        home[movers] = rng.integers(0, register.n, len(movers))
        leavers = np.flatnonzero(rng.random(len(home)) < _LEAVE)
        person[leavers] = known + np.arange(len(leavers))
        known += len(leavers)
    foreign = _abroad(settings, register, stock, abroad, known, seed)
    names = inventor_names(stream(seed, "inventor names"), foreign.known)
    columns = np.concatenate([chosen, foreign.person[:, None]], axis=1)
    row, column = np.nonzero(columns >= 0)
    second = np.where(stock.owners[:, 1] >= 0, stock.owners[:, 1], stock.owners[:, 0])
    employer = np.where(column < 3, stock.owners[row, 0], second[row])
    employer = np.where(column == 4, foreign.employer[row], employer)
    lands = np.array(register.countries)[employer]
    country = np.where(column == 4, foreign.country[row], lands)
    table = pl.DataFrame(
        {
            "publication_number": [numbers[k] for k in row],
            "inventor": [names[k] for k in columns[row, column]],
            "employer": [register.names[k] for k in employer],
            "country": country.tolist(),
        }
    )
    return table.unique(["publication_number", "inventor"], keep="first", maintain_order=True).sort(
        "publication_number", maintain_order=True
    )


@dataclass(frozen=True)
class Abroad:
    """Sites by year (years, n, foreign countries) and the log odds that a patent of a lead has an
    inventor of a foreign organisation (years, n)."""

    sites: Flags
    together: Floats


@dataclass(frozen=True)
class _Foreign:
    """The inventor in another country of each patent (-1: none), the employer and the country."""

    person: Ints
    employer: Ints
    country: np.typing.NDArray[np.str_]
    known: int


_AT_SITES = 0.6
"""Share of the patents of a lead with sites abroad that a person at one of them co-invents."""


def _abroad(
    settings: WorldSettings,
    register: Register,
    stock: Patents,
    abroad: Abroad,
    known: int,
    seed: int,
) -> _Foreign:
    rng = stream(seed, "inventors abroad")
    p, lead, row = len(stock), stock.owners[:, 0], stock.year - settings.first_year
    lands = np.array([country for country, *_ in catalogue.FOREIGN])
    open_sites = abroad.sites[row, lead]
    pick = np.argmax(open_sites * rng.random((p, len(lands))), axis=1)
    at_site = open_sites.any(axis=1) & (rng.random(p) < _AT_SITES)
    before = np.maximum(row - 1, 0)
    together = ~at_site & (rng.random(p) < logistic(abroad.together[before, lead]))
    others = np.flatnonzero(np.array(register.countries) != catalogue.HOME_COUNTRY)
    partner = others[rng.integers(0, len(others), p)]
    together &= (partner != lead) & (np.array(register.countries)[lead] == catalogue.HOME_COUNTRY)
    pool = lead * len(lands) + pick + known
    at_partner = known + register.n * len(lands) + partner * 5 + rng.integers(0, 5, p)
    person = np.where(at_site, pool, np.where(together, at_partner, -1))
    used, label = np.unique(person[person >= 0], return_inverse=True)
    person[person >= 0] = known + label
    return _Foreign(
        person,
        np.where(together, partner, lead),
        np.where(together, np.array(register.countries)[partner], lands[pick]),
        known + len(used),
    )


def _crew(home: Ints, person: Ints, owners: Ints, n: int, rng: np.random.Generator) -> Ints:
    """Inventors of each patent, shape (patents, 4), padded with -1; a pool's first ones do most."""
    pool = np.lexsort((np.arange(len(home)), home))
    start = np.searchsorted(home[pool], np.arange(n + 1))
    draws = rng.random((len(owners), 5))
    wanted = np.array([1, 2, 2, 3])[(4 * draws[:, 4]).astype(np.int64)]
    crew = np.full((len(owners), 4), -1, dtype=np.int64)
    for column in range(3):
        picked = _pick(pool, person, start, owners[:, 0], draws[:, column])
        crew[:, column] = np.where(wanted > column, picked, -1)
    second = owners[:, 1] >= 0
    crew[second, 3] = _pick(pool, person, start, owners[second, 1], draws[second, 3])
    return crew


def _pick(pool: Ints, person: Ints, start: Ints, org: Ints, draw: Floats) -> Ints:
    """A member of each organisation's pool; an emptied pool borrows its neighbour's first one."""
    size = np.maximum(start[org + 1] - start[org], 1)
    place = np.minimum(start[org] + (size * draw**1.6).astype(np.int64), len(pool) - 1)
    return np.asarray(person[pool[place]])
