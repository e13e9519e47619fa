"""The alliance portfolios of all organisations on 31 December, in plain formulas of their own.

A `Portfolios` holds one array of shape (n,) a measure, NaN where undefined. Nothing here looks at
patents, so that all of it is strictly exogenous to counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from . import catalogue
from .deals import Deal
from .organisations import Register, great_circle
from .regressors import structural_holes
from .settings import Flags, Floats, Ints

WEIGHTS = {
    "equity_jv": 5.0,
    "minority_equity": 4.0,
    "joint_rd": 3.0,
    "manufacturing": 3.0,
    "licence": 2.0,
    "marketing": 1.0,
    "supply": 1.0,
}
"""Commitment of the forms of alliance."""

MARKET = ("marketing", "supply")
Portfolios = Mapping[str, Floats]
Numbers = Floats | Ints | Flags


@dataclass
class Memory:
    """What an organisation remembers of earlier years: the year of the first tie of each pair."""

    first: Ints
    before: sp.csr_array
    shares: Floats

    @classmethod
    def of(cls, n: int) -> Memory:
        """No memory at all."""
        return cls(
            np.full((n, n), 9999, dtype=np.int64),
            sp.csr_array((n, n)),
            np.full((n, len(catalogue.FUNCTIONS)), np.nan),
        )


@dataclass(frozen=True)
class _Pairs:
    """Both directions of every pair of every active deal, as columns."""

    a: Ints
    b: Ints
    deal: Ints

    def total(self, values: Floats, n: int) -> sp.csr_array:
        """Sum of a value of the deals over each ordered pair, shape (n, n)."""
        return sp.csr_array(sp.coo_array((values[self.deal], (self.a, self.b)), shape=(n, n)))


def portfolios(
    register: Register,
    deals: Sequence[Deal],
    state: sp.csr_array,
    memory: Memory,
    hit: Flags,
    endings: tuple[Floats, Floats],
    year: int,
) -> Portfolios:
    """All measures on 31 December of a year; `memory` moves on to it.

    Args:
        register: the organisations.
        deals: those active on the day.
        state: their weighted ties, shape (n, n).
        memory: of the year before.
        hit: organisations that a shock hits, or that dissolve, in the year, shape (n,).
        endings: deals of known end active a year before, and those that ended since, shape (n,).
        year: calendar year.

    Returns:
        deg, sh, freq, tstr, formal, equity, repeat, dur, gov_r, tie_years, edens, pdiv, complexity,
        reconf_s, reconf_f, instab, hubspoke, coop_fp, coop_pp, geodist, culture, foreign_n,
        deg_market, hub, science, ptype_univ, ptype_young, shock; each of shape (n,).
    """
    n, pairs = register.n, _pairs(deals)
    one = np.ones(len(deals))
    records = pairs.total(one, n)
    ties = sp.csr_array(records > 0.0).astype(np.float64)
    deg = np.asarray(ties.sum(axis=1), dtype=np.float64).ravel()
    out: dict[str, Floats] = {"deg": deg, "sh": structural_holes(state)}
    out["freq"] = _over(np.asarray(records.sum(axis=1)).ravel(), deg)
    weights = np.array([WEIGHTS[deal.form] for deal in deals] or [0.0])
    out["tstr"] = _over(np.asarray(pairs.total(weights, n).sum(axis=1)).ravel(), deg)
    out |= _deal_shares(deals, n)
    out |= _ages(pairs, deals, memory, ties, deg, year)
    triangles = np.asarray((ties @ ties).multiply(ties).sum(axis=1)).ravel()
    out["edens"] = _over(triangles, deg * (deg - 1.0))
    embedded = np.asarray(((ties @ ties).multiply(ties) > 0.0).sum(axis=1)).ravel()
    out["hubspoke"] = _over(deg - embedded, deg)
    out |= _composition(register, ties, deg, year)
    out |= _changes(deals, memory, ties, deg)
    out["instab"] = _over(endings[1], endings[0])
    out["deg_market"] = _degree_of(deals, n, MARKET)
    out["complexity"] = _complexity(register, deals, ties, deg, year)
    out["shock"] = np.asarray((memory.before @ hit.astype(np.float64)) > 0.0, dtype=np.float64)
    memory.before = ties
    return {name: np.round(values, 10) for name, values in out.items()}


def _over(top: Numbers, below: Numbers) -> Floats:
    return np.where(below > 0.0, top / np.where(below > 0.0, below, 1.0), np.nan)


def _pairs(deals: Sequence[Deal]) -> _Pairs:
    rows = [
        (a, b, k)
        for k, deal in enumerate(deals)
        for a in deal.members
        for b in deal.members
        if a != b
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return _Pairs(table[:, 0], table[:, 1], table[:, 2])


def _memberships(deals: Sequence[Deal], n: int) -> sp.csr_array:
    """0/1 matrix (n, deals) of parties."""
    cells = [(m, k) for k, deal in enumerate(deals) for m in deal.members]
    table = np.array(cells, dtype=np.int64).reshape(-1, 2)
    return sp.csr_array(
        (np.ones(len(table)), (table[:, 0], table[:, 1])), shape=(n, max(len(deals), 1))
    )


def _deal_shares(deals: Sequence[Deal], n: int) -> dict[str, Floats]:
    """Shares of an organisation's deals with equity, and with equity or clauses."""
    member = _memberships(deals, n)
    number = np.asarray(member.sum(axis=1)).ravel()
    equity = np.array([deal.equity for deal in deals] or [False], dtype=np.float64)
    formal = np.array([deal.formal for deal in deals] or [False], dtype=np.float64)
    return {"equity": _over(member @ equity, number), "formal": _over(member @ formal, number)}


def _ages(
    pairs: _Pairs,
    deals: Sequence[Deal],
    memory: Memory,
    ties: sp.csr_array,
    deg: Floats,
    year: int,
) -> dict[str, Floats]:
    """Shares of partners of an earlier tie, mean years since the first tie, and their product."""
    start = np.array([deal.year for deal in deals] or [year], dtype=np.float64)
    oldest = np.full(memory.first.shape, 9999, dtype=np.int64)
    np.minimum.at(oldest, (pairs.a, pairs.b), start[pairs.deal].astype(np.int64))
    row, column = ties.nonzero()
    earlier = memory.first[row, column] < oldest[row, column]
    memory.first[row, column] = np.minimum(memory.first[row, column], oldest[row, column])
    n = len(deg)
    repeat = _over(np.bincount(row, weights=earlier, minlength=n), deg)
    age = year - memory.first[row, column] + 1
    dur = _over(np.bincount(row, weights=age, minlength=n), deg)
    since = memory.first.min(axis=1)
    years = np.where(since < 9999, year - since, 0).astype(np.float64)
    return {"repeat": repeat, "dur": dur, "gov_r": repeat * dur, "tie_years": years}


def _composition(
    register: Register, ties: sp.csr_array, deg: Floats, year: int
) -> dict[str, Floats]:
    """Who the partners are: diversity, rivals, distance, foreigners, universities, the young."""
    alive = register.alive(year)
    kinds = np.unique(np.array(register.kinds), return_inverse=True)[1]
    lands = np.unique(np.array(register.countries), return_inverse=True)[1]
    parts = [_iqv(ties, code, alive, deg) for code in (kinds, register.industry + 1, lands)]
    known = np.array(parts)
    counted = np.isfinite(known).sum(axis=0)
    total = np.where(np.isfinite(known), known, 0.0).sum(axis=0)
    firm = np.arange(register.n) < register.n_firms
    row, column = ties.nonzero()
    n = register.n

    def mean(values: Numbers) -> Floats:
        return _over(np.bincount(row, weights=values, minlength=n), deg)

    tied = register.industry[column]
    alike = np.zeros((n, int(register.industry.max()) + 1))
    np.add.at(alike, (row[tied >= 0], tied[tied >= 0]), 1.0)
    rival = (register.industry[row] == register.industry[column]) & firm[row] & firm[column]
    lat, lon = register.latitude, register.longitude
    distance = np.log1p(great_circle(lat[row], lon[row], lat[column], lon[column]))
    university = ~firm[column]
    young = firm[column] & (year - register.born[column] <= 5)
    foreign = lands[row] != lands[column]
    busy = deg[alive & (deg > 0)]
    cut = np.sort(busy)[int(np.ceil(0.95 * len(busy))) - 1] if len(busy) else np.inf
    science = ties @ sp.diags_array((~firm).astype(np.float64))
    firms = ties @ sp.diags_array(firm.astype(np.float64))
    joined = np.asarray((science @ firms).multiply(firms).sum(axis=1)).ravel()
    n_science = np.asarray(science.sum(axis=1)).ravel()
    return {
        "pdiv": np.where(counted > 0, total / np.maximum(counted, 1), np.nan),
        "coop_fp": mean(rival),
        "coop_pp": _over((alike * (alike - 1.0)).sum(axis=1), deg * (deg - 1.0)),
        "geodist": mean(distance),
        "culture": mean(cultural_distances(register.countries)[lands[row], lands[column]]),
        "ptype_univ": mean(university),
        "ptype_young": mean(young),
        "foreign_n": np.bincount(row, weights=foreign.astype(np.float64), minlength=n),
        "hub": np.minimum(np.bincount(row, weights=deg[column] >= cut, minlength=n), 1.0),
        "science": n_science * (deg - n_science) - joined,
    }


def cultural_distances(countries: list[str]) -> Floats:
    """Kogut-Singh distances of the countries in order of their codes, with variances over them."""
    scores = dict(catalogue.CULTURES)
    known = np.array([scores[c] for c in sorted(set(countries))], dtype=np.float64)
    spread = np.array([s for _, s in catalogue.CULTURES], dtype=np.float64).var(axis=0)
    return np.asarray((((known[:, None] - known[None, :]) ** 2) / spread).mean(axis=2))


def _iqv(ties: sp.csr_array, code: Ints, alive: Flags, deg: Floats) -> Floats:
    """Blau index of the partners' categories over its largest value; NaN below two partners."""
    labels = np.unique(code, return_inverse=True)[1]
    member = sp.csr_array(
        (np.ones(len(code)), (np.arange(len(code)), labels)), shape=(len(code), labels.max() + 1)
    )
    counts = (ties @ member).toarray()
    blau = 1.0 - _over((counts**2).sum(axis=1), deg**2)
    k = len(np.unique(labels[alive]))
    return np.where(deg > 1.0, blau / (1.0 - 1.0 / max(k, 2)), np.nan)


def _changes(
    deals: Sequence[Deal], memory: Memory, ties: sp.csr_array, deg: Floats
) -> dict[str, Floats]:
    """Reconfiguration of partners (1 - Jaccard) and of the shares of functions."""
    n = len(deg)
    kept = np.asarray(memory.before.multiply(ties).sum(axis=1)).ravel()
    then = np.asarray(memory.before.sum(axis=1)).ravel()
    place = {name: k for k, name in enumerate(catalogue.FUNCTIONS)}
    counts = np.zeros((n, len(place)))
    for deal in deals:
        for name in deal.functions:
            counts[list(deal.members), place[name]] += 1.0
    total = counts.sum(axis=1)[:, None]
    shares = np.where(total > 0.0, counts / np.maximum(total, 1.0), np.nan)
    moved = 0.5 * np.abs(shares - memory.shares).sum(axis=1)
    memory.shares = shares
    return {"reconf_s": 1.0 - _over(kept, deg + then - kept), "reconf_f": moved}


def _degree_of(deals: Sequence[Deal], n: int, functions: Sequence[str]) -> Floats:
    """Partners in deals with one of the functions."""
    chosen = [deal for deal in deals if any(name in deal.functions for name in functions)]
    pairs = _pairs(chosen)
    return np.asarray((pairs.total(np.ones(len(chosen)), n) > 0.0).sum(axis=1), dtype=np.float64)


def _complexity(
    register: Register, deals: Sequence[Deal], ties: sp.csr_array, deg: Floats, year: int
) -> Floats:
    """Mean z of partners, functions, countries and deals of many parties, over tied firms."""
    n = register.n
    lands = np.unique(np.array(register.countries), return_inverse=True)[1]
    row, column = ties.nonzero()
    seen = np.zeros((n, lands.max() + 1))
    seen[row, lands[column]] = 1.0
    works = np.zeros((n, len(catalogue.FUNCTIONS)))
    place = {name: k for k, name in enumerate(catalogue.FUNCTIONS)}
    many = np.zeros(n)
    for deal in deals:
        members = list(deal.members)
        works[np.ix_(members, [place[name] for name in deal.functions])] = 1.0
        many[members] += len(members) > 2
    tied = register.living_firms(year) & (deg > 0.0)
    total = np.zeros(n)
    for values in (deg, works.sum(axis=1), seen.sum(axis=1), many):
        spread = float(values[tied].std()) if tied.any() else 0.0
        total += (values - values[tied].mean()) / spread if spread > 0.0 else 0.0
    return np.where(deg > 0.0, total / 4.0, np.nan)
