"""Trademarks, products, standards, disputes, exports and sales of the firms, from their alliances.

Everything of year t+1 rests on the state of 31 December t.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from . import catalogue
from .chance import autoregression, stream
from .deals import Deal
from .environment import Accounts, Environment
from .ledgers import Standing
from .names import spelling_variant
from .organisations import Register
from .portfolios import MARKET, Portfolios
from .scales import logistic, scaled
from .settings import Flags, Floats, Ints, WorldSettings

_LAST = 2016
"""Markets are recorded until this year."""
_SEGMENTS = 40


@dataclass(frozen=True)
class Markets:
    """Raw tables by file stem, and by year and firm: homogeneous products, homogeneous
    exports and labour-intensive ones (shares less their means) and brand (z of ln(1 + trademarks of
    ten years))."""

    tables: dict[str, pl.DataFrame]
    homogeneous: Floats
    homogeneous_exports: Floats
    labour: Floats
    brand: Floats


def draw_markets(
    settings: WorldSettings,
    register: Register,
    environment: Environment,
    accounts: Accounts,
    standing: Standing,
    held: list[Portfolios],
    deals: list[Deal],
    seed: int,
) -> Markets:
    """Draw all market records of a world."""
    view = _View(settings, register, held)
    under = np.array([environment.exposed(register, "ip", year - 1) for year in settings.years])
    marks, stock = _trademarks(settings, register, view, seed)
    sales, degree = _sales(settings, register, deals, seed)
    goods, homogeneous = _products(settings, register, view, degree, seed)
    customs, alike, labour = _customs(settings, register, accounts, standing, view, seed)
    tables = {
        "trademarks": marks,
        "products": goods,
        "standards": _standards(settings, register, standing, view, seed),
        "litigation": _litigation(settings, register, under[:, : register.n_firms], seed),
        "customs": customs,
        "sales_ties": sales,
    }
    brand = np.log1p(stock)
    spread = float(brand.std()) or 1.0
    return Markets(tables, homogeneous, alike, labour, (brand - brand.mean()) / spread)


class _View:
    """Scaled portfolio measures of the firms on 31 December of the year before, (years, firms)."""

    def __init__(self, settings: WorldSettings, register: Register, held: list[Portfolios]) -> None:
        self.past = [held[max(row - 1, 0)] for row in range(len(settings.years))]
        self.n = register.n_firms
        living = [register.living_firms(year - 1) & (register.died > year)
                  for year in settings.years]  # fmt: skip
        late = np.array([year > _LAST for year in settings.years])
        self.open: Flags = np.array(living)[:, : self.n] & ~late[:, None]

    def z(self, name: str) -> Floats:
        """(x - centre) / scale of a measure; `log1p(x)` of its logarithm."""
        raw = name.removeprefix("log1p(").removesuffix(")")
        rows = [np.log1p(p[raw]) if raw != name else p[raw] for p in self.past]
        return np.array([scaled(row, name) for row in rows])[:, : self.n]

    def plain(self, name: str) -> Floats:
        """A measure as it is, 0 where undefined."""
        return np.asarray(np.nan_to_num(np.array([p[name] for p in self.past])[:, : self.n]))

    def events(self, rate: Floats, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """(row of the year, firm) of Poisson events of firms that live through the year."""
        counts = rng.poisson(np.where(self.open, rate, 0.0))
        row, firm = np.nonzero(counts)
        return np.repeat(row, counts[row, firm]), np.repeat(firm, counts[row, firm])


def _dates(settings: WorldSettings, row: Ints, rng: np.random.Generator) -> Ints:
    """A day of each year, as ordinals."""
    starts = np.array([dt.date(year, 1, 1).toordinal() for year in settings.years])
    return np.asarray(starts[row] + rng.integers(0, 365, len(row)))


def _iso(days: Ints) -> list[str]:
    text = {int(day): dt.date.fromordinal(int(day)).isoformat() for day in np.unique(days)}
    return [text[day] for day in days.tolist()]


def _spelled(
    settings: WorldSettings, register: Register, firm: Ints, rng: np.random.Generator
) -> list[str]:
    """Names of the firms, a small share in another spelling."""
    other = rng.random(len(firm)) < settings.faults.name_variants
    return [
        spelling_variant(register.names[i], rng) if variant else register.names[i]
        for i, variant in zip(firm.tolist(), other.tolist(), strict=True)
    ]


def _table(columns: dict[str, Any], *by: str) -> pl.DataFrame:
    return pl.DataFrame(columns).sort(by)


def _trademarks(
    settings: WorldSettings, register: Register, view: _View, seed: int
) -> tuple[pl.DataFrame, Floats]:
    """Trademarks, more with universities and young firms among the partners; stock of ten years."""
    plan, rng = settings.records, stream(seed, "trademarks")
    liking = 0.5 * rng.standard_normal(view.n)
    rate = 1.3 * np.exp(
        liking + plan.trademark_univ * view.z("ptype_univ")
        + plan.trademark_young * view.z("ptype_young")
    )  # fmt: skip
    row, firm = view.events(rate, rng)
    days = _dates(settings, row, rng)
    order = np.lexsort((firm, days))
    yearly = np.zeros(rate.shape)
    np.add.at(yearly, (row, firm), 1.0)
    padded = np.vstack([np.zeros((9, view.n)), yearly])
    stock = np.array([padded[k : k + 10].sum(axis=0) for k in range(len(yearly))])
    table = {
        "trademark": [f"T{k:06d}" for k in range(1, len(row) + 1)],
        "owner": _spelled(settings, register, firm[order], rng),
        "filed": _iso(days[order]),
        "nice_class": (1 + rng.integers(0, 45, len(row))).astype(str).tolist(),
    }
    return _table(table, "trademark"), stock


def _products(
    settings: WorldSettings, register: Register, view: _View, degree: Floats, seed: int
) -> tuple[pl.DataFrame, Floats]:
    """Products: developed faster with partners in marketing, supply and sales, in new segments with
    universities and the young; and the share of homogeneous ones launched so far less its mean."""
    plan, rng = settings.records, stream(seed, "products")
    row, firm = view.events(np.full((len(view.past), view.n), 0.45), rng)
    market, science = view.z("log1p(deg_market)"), view.z("ptype_univ")
    pull = 2.0 * (plan.segment_univ * science + plan.segment_young * view.z("ptype_young"))
    before = np.log1p(degree[np.maximum(row - 1, 0), firm]) - 0.5
    pace = plan.cycle_market * market[row, firm] + plan.cycle_sales * before / 0.6
    lag = np.exp(6.1 + pace + 0.35 * rng.standard_normal(len(row)))
    launch = _dates(settings, row, rng)
    order = np.lexsort((firm, launch))
    row, firm, launch, lag = row[order], firm[order], launch[order], lag[order]
    leaning = rng.normal(0.0, 1.2, view.n) + autoregression(rng, view.n, len(view.past), 0.8, 0.8)
    same = rng.random(len(row)) < logistic(leaning[row, firm])
    fresh = rng.random(len(row)) < logistic(-0.6 + pull[row, firm])
    served: dict[int, list[int]] = {}
    segments = []
    for i, new, pick in zip(firm.tolist(), fresh.tolist(), rng.random(len(row)), strict=True):
        known = served.setdefault(i, [])
        if new or not known:
            open_to = [s for s in range(_SEGMENTS) if s not in known]
            known.append(open_to[int(pick * len(open_to))] if open_to else known[0])
            segments.append(known[-1])
        else:
            segments.append(known[int(pick * len(known))])
    table = {
        "product": [f"G{k:06d}" for k in range(1, len(row) + 1)],
        "maker": _spelled(settings, register, firm, rng),
        "launched": _iso(launch),
        "first_ip": _iso(launch - lag.round().astype(np.int64)),
        "segment": [f"S{s:02d}" for s in segments],
        "homogeneous": np.where(same, "yes", "no").tolist(),
    }
    return _table(table, "product"), _share_so_far(row, firm, same, (len(view.past), view.n))


def _share_so_far(row: Ints, firm: Ints, hit: Flags, shape: tuple[int, int]) -> Floats:
    number, hits = np.zeros(shape), np.zeros(shape)
    np.add.at(number, (row, firm), 1.0)
    np.add.at(hits, (row, firm), hit.astype(np.float64))
    total = number.cumsum(axis=0)
    share = np.where(total > 0.0, hits.cumsum(axis=0) / np.maximum(total, 1.0), np.nan)
    return np.asarray(np.nan_to_num(share - np.nanmean(share)))


def _standards(
    settings: WorldSettings, register: Register, standing: Standing, view: _View, seed: int
) -> pl.DataFrame:
    """Declarations and seats: more with more partners, and for large firms in hubs of spokes."""
    plan, rng = settings.records, stream(seed, "standards")
    hub = (standing.large - 0.5) * view.z("hubspoke")
    deg = view.z("log1p(deg)")
    rate = 0.15 * np.exp(plan.standard_deg * deg + plan.standard_large_spoke * hub)
    row, firm = view.events(rate, rng)
    days = _dates(settings, row, rng)
    order = np.lexsort((firm, days))
    kinds = rng.choice(("sep", "national", "seat"), size=len(row), p=(0.45, 0.25, 0.3))
    table = {
        "record": [f"N{k:05d}" for k in range(1, len(row) + 1)],
        "declarant": [register.names[i] for i in firm[order]],
        "kind": kinds.tolist(),
        "declared": _iso(days[order]),
    }
    return _table(table, "record")


def _litigation(
    settings: WorldSettings, register: Register, under: Flags, seed: int
) -> pl.DataFrame:
    """Disputes abroad: fewer, and fewer lost, under policies of intellectual property."""
    plan, rng = settings.records, stream(seed, "litigation")
    living = np.array([register.living_firms(y - 1) & (y <= _LAST) for y in settings.years])
    rate = 0.25 * np.exp(plan.dispute_ip * under) * living[:, : register.n_firms]
    counts = rng.poisson(rate)
    row, firm = np.nonzero(counts)
    row, firm = np.repeat(row, counts[row, firm]), np.repeat(firm, counts[row, firm])
    filed = _dates(settings, row, rng)
    order = np.lexsort((firm, filed))
    row, firm, filed = row[order], firm[order], filed[order]
    decided = filed + rng.integers(90, 600, len(row))
    last = dt.date(_LAST, 12, 31).toordinal()
    lost = rng.random(len(row)) < logistic(np.asarray(0.5 + 1.6 * plan.loss_ip * under[row, firm]))
    word = np.where(lost, np.where(rng.random(len(row)) < 0.5, "lost", "settled"), "won")
    place = rng.integers(0, len(catalogue.FOREIGN), len(row))
    table = {
        "case": [f"C{k:05d}" for k in range(1, len(row) + 1)],
        "party": _spelled(settings, register, firm, rng),
        "filed": _iso(filed),
        "decided": [d if n <= last else "" for d, n in zip(_iso(decided), decided, strict=True)],
        "country": [catalogue.FOREIGN[k][0] for k in place.tolist()],
        "outcome": np.where(decided <= last, word, "open").tolist(),
    }
    return _table(table, "case")


def _customs(
    settings: WorldSettings,
    register: Register,
    accounts: Accounts,
    standing: Standing,
    view: _View,
    seed: int,
) -> tuple[pl.DataFrame, Floats, Floats]:
    """Exports of a labour-intensive and another product a firm; central firms keep more value at
    home and stand further upstream. And the shares of homogeneous and of labour-intensive exports
    less their means."""
    plan, rng = settings.records, stream(seed, "customs")
    shape = standing.overseas.shape
    exporter = rng.random(shape[1]) < 0.7
    wander = autoregression(rng, shape[1], shape[0], 0.8, 0.7)
    labour = logistic(np.asarray(rng.normal(0.9, 0.6, shape[1]) + wander))
    deg = view.z("log1p(deg)")
    total = standing.overseas * accounts.sales
    home = 0.6 + plan.domestic_deg * deg + 0.05 * rng.standard_normal(shape)
    up = 2.2 + plan.upstream_deg * deg + 0.15 * rng.standard_normal(shape)
    alike: Flags = np.asarray(rng.random(shape[1]) < 0.5)
    years = np.array(settings.years)
    kept = view.open & exporter & (years[:, None] >= 1996)
    row, firm = np.nonzero(kept)
    parts = []
    for code, share, heavy in (("6109", labour, True), ("8517", 1.0 - labour, False)):
        exports = np.round((total * share)[row, firm], 1)
        parts.append(
            pl.DataFrame(
                {
                    "exporter": [register.names[i] for i in firm],
                    "year": years[row],
                    "product": code,
                    "exports": exports,
                    "imported_inputs": np.round(exports * (1.0 - home[row, firm]), 1),
                    "upstreamness": np.round(up[row, firm] + (0.3 if heavy else -0.3), 2),
                    "homogeneous": np.where(alike[firm] & heavy, "yes", "no"),
                    "labour_intensive": "yes" if heavy else "no",
                }
            )
        )
    centred = np.where(exporter, labour - labour[:, exporter].mean(), 0.0)
    uniform = np.where(alike, labour, 0.0)
    return (
        pl.concat(parts).sort("exporter", "year", "product"),
        np.where(exporter, uniform - uniform[:, exporter].mean(), 0.0),
        np.asarray(centred),
    )


def _sales(
    settings: WorldSettings, register: Register, deals: list[Deal], seed: int
) -> tuple[pl.DataFrame, Floats]:
    """Sales within deals of two firms on marketing or supply, each year that they are active; and
    the number of each firm's partners in sales (years, firms)."""
    rng = stream(seed, "sales ties")
    rows: dict[tuple[int, int, int], float] = {}
    for deal in deals:
        firms = [m for m in deal.members if m < register.n_firms]
        if len(deal.members) != 2 or len(firms) != 2:
            continue
        if not any(name in deal.functions for name in MARKET):
            continue
        for year in range(max(deal.year, 1995), _LAST + 1):
            if deal.active(year):
                key = (firms[0], firms[1], year)
                rows[key] = rows.get(key, 0.0) + round(float(np.exp(rng.normal(2.0, 1.0))), 1)
    degree = np.zeros((len(settings.years), register.n_firms))
    for seller, buyer, year in rows:
        degree[year - settings.first_year, [seller, buyer]] += 1.0
    names = register.names
    table = [(names[a], names[b], year, round(amount, 1)) for (a, b, year), amount in rows.items()]
    frame = pl.DataFrame(table, ["seller", "buyer", "year", "amount"], orient="row")
    return frame.sort("seller", "buyer", "year"), degree
