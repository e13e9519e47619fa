"""Short lists that stand beside the records: shocks, sanctions, groups, links, fields, cultures."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from . import catalogue
from .chance import stream
from .environment import Environment, industry_code
from .organisations import Register
from .settings import WorldSettings

HIGH_TECHNOLOGY = ("Pharma", "Semiconductor", "Optics", "Radar", "Communication", "Computing")


def listings(
    settings: WorldSettings, register: Register, environment: Environment, seed: int
) -> dict[str, pl.DataFrame]:
    """The lists by file stem."""
    return {
        "shocks": _shocks(settings, register, environment, seed),
        "sanctions": _sanctions(settings, register, seed),
        "industry_groups": _groups(settings),
        "industry_links": _links(settings, seed),
        "technology_fields": pl.DataFrame(
            [(field, code) for field, codes in catalogue.TECHNOLOGY_FIELDS for code in codes],
            ["field", "code"], orient="row",
        ),
        "choke_classes": pl.DataFrame(catalogue.CHOKE_CLASSES, ["code", "since"], orient="row"),
        "multilateral_countries": pl.DataFrame(
            catalogue.MULTILATERAL, ["country", "since"], orient="row"
        ),
        "cultures": pl.DataFrame(
            [
                (country, dimension, value)
                for country, values in catalogue.CULTURES
                for dimension, value in zip(catalogue.CULTURE_DIMENSIONS, values, strict=True)
            ],
            ["country", "dimension", "value"], orient="row",
        ),
    }  # fmt: skip


def _shocks(
    settings: WorldSettings, register: Register, environment: Environment, seed: int
) -> pl.DataFrame:
    """Disasters and listings that hit organisations, as the world drew them."""
    rng = stream(seed, "shock days")
    row, org = np.nonzero(environment.shocked)
    kinds = rng.choice(("disaster", "entity_list", "other"), size=len(row), p=(0.5, 0.3, 0.2))
    days = rng.integers(0, 270, len(row))
    dates = [
        (dt.date(settings.first_year + int(r), 1, 1) + dt.timedelta(days=int(d))).isoformat()
        for r, d in zip(row, days, strict=True)
    ]
    table = {"organisation": [register.names[i] for i in org], "date": dates, "kind": kinds}
    return pl.DataFrame(table).sort("date", "organisation")


def _sanctions(settings: WorldSettings, register: Register, seed: int) -> pl.DataFrame:
    """One firm in twenty is listed in the later years, a third of them until a later day."""
    rng = stream(seed, "sanctions")
    firms = np.flatnonzero(rng.random(register.n_firms) < 0.05)
    rows = []
    for i in firms.tolist():
        year = int(rng.integers(settings.analysis_first + 3, settings.analysis_last))
        listed = dt.date(year, 1 + int(rng.integers(0, 12)), 1)
        over = dt.date(year + 3, 6, 30).isoformat() if rng.random() < 1 / 3 else ""
        if register.alive(year)[i]:
            rows.append((register.names[i], listed.isoformat(), over, "export control list"))
    return pl.DataFrame(rows, ["organisation", "listed", "delisted", "source"], orient="row").sort(
        "organisation"
    )


def _groups(settings: WorldSettings) -> pl.DataFrame:
    rows = []
    for k in range(settings.n_industries):
        _, group, word = catalogue.INDUSTRIES[k]
        label = "information_technology" if group == "IT" else "traditional"
        rows.append((industry_code(k), label))
        if word in HIGH_TECHNOLOGY:
            rows.append((industry_code(k), "high_technology"))
    return pl.DataFrame(rows, ["industry", "group"], orient="row").sort("industry", "group")


def _links(settings: WorldSettings, seed: int) -> pl.DataFrame:
    """Input coefficients between neighbours in the ring of industries and some others."""
    rng = stream(seed, "industry links")
    rows = []
    for k in range(settings.n_industries):
        others = {(k + 1) % settings.n_industries, *rng.integers(0, settings.n_industries, 2)}
        for other in sorted(others - {k}):
            coefficient = round(float(rng.uniform(0.02, 0.15)), 3)
            rows.append((industry_code(k), industry_code(int(other)), coefficient))
    return pl.DataFrame(rows, ["supplier", "buyer", "coefficient"], orient="row").sort(
        "supplier", "buyer"
    )
