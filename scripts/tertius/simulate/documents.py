"""What hangs on patents: kinds, family members abroad, use, references to science."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from .chance import stream
from .organisations import Register
from .patents import Patents
from .portfolios import Portfolios
from .scales import logistic, scaled
from .settings import Flags, Floats, Ints, WorldSettings
from .traits import Traits

_OFFICES = ("US", "EP", "JP")
_END = dt.date(2020, 12, 31).toordinal()


def patent_kinds(
    settings: WorldSettings, register: Register, stock: Patents, held: list[Portfolios], seed: int
) -> list[str]:
    """Invention, utility model or design; inventions the likelier the more partners and patents
    the lead had in the three years before."""
    plan, rng = settings.records, stream(seed, "patent kinds")
    lead, row = stock.owners[:, 0], stock.year - settings.first_year
    before = np.maximum(row - 1, 0)
    deg = np.array([scaled(np.log1p(p["deg"]), "log1p(deg)") for p in held])
    yearly = np.zeros((len(held), register.n))
    rows, columns = np.nonzero(stock.owners >= 0)
    np.add.at(yearly, (row[rows], stock.owners[rows, columns]), 1.0)
    made = np.asarray(np.log1p(yearly) - 1.0, dtype=np.float64)
    deg, made = (_three_years(values) for values in (deg, made))
    odds = 1.0 + plan.invention_deg * deg[before, lead] + plan.invention_pat * made[before, lead]
    draws = rng.random((2, len(lead)))
    other = np.where(draws[1] < 0.65, "utility", "design")
    return list(np.where(draws[0] < logistic(odds), "invention", other).tolist())


def _three_years(values: Floats) -> Floats:
    """Means over each year and the two before it, of which the first years have fewer."""
    padded = np.concatenate([values[:1], values[:1], values])
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3.0)


def family_members(
    settings: WorldSettings, stock: Patents, numbers: Ints, under_ip: Flags, seed: int
) -> tuple[list[str], pl.DataFrame]:
    """Family of each patent (empty: it stands alone), and the members filed abroad.

    Args:
        settings: the world.
        stock: all patents.
        numbers: number of each patent in its publication number.
        under_ip: whether a policy of intellectual property holds for the lead in the year before.
        seed: seed of the world.
    """
    rng = stream(seed, "families")
    abroad = rng.random(len(stock)) < logistic(
        np.asarray(-2.7 + settings.records.filing_ip * under_ip)
    )
    family = [f"F{number}" if flag else "" for number, flag in zip(numbers, abroad, strict=True)]
    chosen = np.flatnonzero(abroad)
    later = stock.priority[chosen] + rng.integers(200, 366, len(chosen))
    office = np.array(_OFFICES)[rng.integers(0, len(_OFFICES), len(chosen))]
    table = pl.DataFrame(
        {
            "publication_number": [
                f"{o}{n}B" for o, n in zip(office, numbers[chosen], strict=True)
            ],
            "family": [family[k] for k in chosen],
            "priority_date": _iso(stock.priority[chosen]),
            "application_date": _iso(later),
            "office": office.tolist(),
        }
    )
    return family, table.sort("publication_number")


def patent_events(
    settings: WorldSettings, stock: Patents, names: list[str], traits: Traits, seed: int
) -> pl.DataFrame:
    """Licences, transfers, pledges and renewals within some years; the likelier the deeper the
    lead searched in the year before."""
    rng = stream(seed, "patent events")
    before = np.maximum(stock.year - settings.first_year - 1, 0)
    depth = traits.depth[before, stock.owners[:, 0]]
    used = rng.random(len(stock)) < logistic(-1.9 + settings.records.used_depth * depth)
    kept = rng.random(len(stock)) < 0.15
    kinds = rng.choice(("licence", "transfer", "pledge"), size=len(stock), p=(0.5, 0.35, 0.15))
    days = stock.priority + rng.integers(500, 2000, len(stock))
    renewed = stock.priority + rng.integers(2250, 2500, len(stock))
    rows = [
        (names[k], str(kind), int(day))
        for k, kind, day, flag in zip(range(len(stock)), kinds, days, used, strict=True)
        if flag and day <= _END
    ] + [(names[k], "renewal", int(renewed[k])) for k in np.flatnonzero(kept & (renewed <= _END))]
    table = [(name, kind, dt.date.fromordinal(day).isoformat()) for name, kind, day in rows]
    return pl.DataFrame(table, ["publication_number", "event", "date"], orient="row").sort(
        "publication_number", "event", "date"
    )


def science_references(
    settings: WorldSettings, stock: Patents, names: list[str], traits: Traits, seed: int
) -> pl.DataFrame:
    """Articles that patents refer to: more from those that recombine."""
    rng = stream(seed, "science")
    row = stock.year - settings.first_year
    leaning = traits.far[row, stock.owners[:, 0]]
    counts = rng.poisson(0.5 * leaning)
    citing = np.repeat(np.arange(len(stock)), counts)
    article = rng.integers(0, 20000, len(citing))
    table = pl.DataFrame(
        {
            "publication_number": [names[k] for k in citing],
            "article": [f"W{a}" for a in article],
            "date": _iso(stock.priority[citing]),
        }
    )
    return table.unique().sort("publication_number", "article")


def _iso(days: Ints) -> list[str]:
    text = {int(day): dt.date.fromordinal(int(day)).isoformat() for day in np.unique(days)}
    return [text[day] for day in days.tolist()]
