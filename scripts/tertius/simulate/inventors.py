"""Inventors: a lasting pool for each organisation, some of whom leave or move."""

from __future__ import annotations

import numpy as np

from .chance import stream
from .names import inventor_names
from .organisations import Register
from .patents import Patents
from .settings import Floats, Ints, WorldSettings

_MOVE, _LEAVE = 0.02, 0.04
"""Yearly chances that an inventor moves to another organisation, or is replaced."""


def inventor_text(
    settings: WorldSettings, register: Register, stock: Patents, order: Ints, seed: int
) -> list[str]:
    """Inventors of the patents, in this order: up to three of the lead, one of the second."""
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
    names = inventor_names(stream(seed, "inventor names"), known)
    return [
        "; ".join(dict.fromkeys(names[k] for k in crew if k >= 0))
        for crew in chosen[order].tolist()
    ]


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
