"""The records as a user finds them: names instead of ids, spelling variants, missing end dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from . import catalogue
from .chance import stream
from .deals import Deal
from .environment import Accounts, Environment, industry_code
from .names import spelling_variant
from .organisations import NEVER, Register, cities
from .patents import Patents
from .settings import Floats, Ints, WorldSettings

OFFICE = "CN"
BETWEEN = "; "


def records_of(
    settings: WorldSettings,
    register: Register,
    environment: Environment,
    accounts: Accounts,
    deals: list[Deal],
    stock: Patents,
    cited: tuple[Ints, Ints],
    papers: Papers,
    items: Mapping[str, Floats],
    seed: int,
) -> dict[str, pl.DataFrame]:
    """The main raw tables of a world by file stem, rows sorted by their keys."""
    order, rank = papers.order, papers.rank
    numbers = np.array(papers.names)[order]
    return {
        "patents": _patents(settings, register, stock, papers, seed),
        "citations": _citations(cited, rank, numbers),
        "alliances": _alliances(register, deals),
        "alliance_parties": _initiators(register, deals),
        "organisations": _organisations(settings, register),
        "firm_years": _firm_years(settings, register, accounts, items),
        "industry_years": _industry_years(settings, environment),
        "region_years": pl.DataFrame(
            environment.indices, ["region", "year", "inst", "digital"], orient="row"
        ),
        "policies": _policies(settings, environment),
    }


@dataclass(frozen=True)
class Papers:
    """Order of publication, place in it, and publication number, family and kind of each patent."""

    order: Ints
    rank: Ints
    names: list[str]
    family: list[str]
    kind: list[str]


def publication_order(stock: Patents) -> tuple[Ints, Ints, Ints]:
    """Order of publication, place in it and number of each patent."""
    order = np.lexsort((np.arange(len(stock)), stock.publication))
    rank = np.empty(len(stock), dtype=np.int64)
    rank[order] = np.arange(len(stock))
    return order, rank, 100000001 + rank


def _day(ordinal: int) -> str:
    return dt.date.fromordinal(ordinal).isoformat() if ordinal else ""


def _days(ordinals: Ints) -> list[str]:
    text = {int(day): _day(int(day)) for day in np.unique(ordinals)}
    return [text[day] for day in ordinals.tolist()]


def _patents(
    settings: WorldSettings,
    register: Register,
    stock: Patents,
    papers: Papers,
    seed: int,
) -> pl.DataFrame:
    rng, order = stream(seed, "patent records"), papers.order
    claims = 1 + rng.poisson(5.0 + 2.0 * np.log1p(stock.quality))
    return pl.DataFrame(
        {
            "publication_number": [papers.names[k] for k in order],
            "family": [papers.family[k] for k in order],
            "application_date": _days(stock.application[order]),
            "priority_date": _days(stock.priority[order]),
            "publication_date": _days(stock.publication[order]),
            "grant_date": _days(stock.granted[order]),
            "office": OFFICE,
            "kind": [papers.kind[k] for k in order],
            "n_claims": claims[order],
            "applicants": _applicants(settings, register, stock, order, seed),
            "ipc": _symbols(stock.classes[order], rng),
        }
    )


def _applicants(
    settings: WorldSettings, register: Register, stock: Patents, order: Ints, seed: int
) -> list[str]:
    """Applicants of each patent, lead first; a small share in another spelling."""
    rng = stream(seed, "spelling")
    other = rng.random(stock.owners.shape) < settings.faults.name_variants
    text = []
    for owners, variants in zip(stock.owners[order].tolist(), other[order].tolist(), strict=True):
        names = []
        for owner, variant in zip(owners, variants, strict=True):
            if owner >= 0:
                name = register.names[owner]
                names.append(spelling_variant(name, rng) if variant else name)
        text.append(BETWEEN.join(names))
    return text


def _symbols(classes: Ints, rng: np.random.Generator) -> list[str]:
    """One full symbol for each class, and sometimes a second one in the first class."""
    p = len(classes)
    group = 1 + (24 * rng.random((p, 4)) ** 2).astype(np.int64)
    sub = 2 * (8 * rng.random((p, 4)) ** 1.5).astype(np.int64)
    again = rng.random(p) < 0.35
    text = []
    for row in range(p):
        fields = [c for c in classes[row].tolist() if c >= 0]
        if again[row]:
            fields.insert(1, fields[0])
        symbols = [
            f"{catalogue.CLASSES[c]}{group[row, k]}/{sub[row, k]:02d}" for k, c in enumerate(fields)
        ]
        text.append(BETWEEN.join(dict.fromkeys(symbols)))
    return text


def _citations(
    cited: tuple[Ints, Ints], rank: Ints, numbers: np.typing.NDArray[np.str_]
) -> pl.DataFrame:
    source, target = rank[cited[0]], rank[cited[1]]
    order = np.lexsort((target, source))
    return pl.DataFrame({"citing": numbers[source[order]], "cited": numbers[target[order]]})


def _initiators(register: Register, deals: list[Deal]) -> pl.DataFrame:
    """The party that proposed each deal."""
    rows = [
        (f"D{k:05d}", register.names[deal.initiator], "initiator")
        for k, deal in enumerate(_ordered(deals), 1)
        if deal.initiator >= 0
    ]
    return pl.DataFrame(rows, ["deal_id", "party", "role"], orient="row")


def _ordered(deals: list[Deal]) -> list[Deal]:
    return sorted(deals, key=lambda deal: (deal.announced, deal.members, deal.ended))


def _alliances(register: Register, deals: list[Deal]) -> pl.DataFrame:
    ordered = _ordered(deals)
    return pl.DataFrame(
        {
            "deal_id": [f"D{k:05d}" for k in range(1, len(ordered) + 1)],
            "announced": [_day(deal.announced) for deal in ordered],
            "terminated": [_day(deal.ended) for deal in ordered],
            "form": [deal.form for deal in ordered],
            "functions": [BETWEEN.join(deal.functions) for deal in ordered],
            "clauses": [BETWEEN.join(deal.clauses) for deal in ordered],
            "participants": [
                BETWEEN.join(register.names[m] for m in deal.members) for deal in ordered
            ],
        }
    )


def _organisations(settings: WorldSettings, register: Register) -> pl.DataFrame:
    places = cities(settings)
    has = register.parent >= 0
    return pl.DataFrame(
        {
            "name": register.names,
            "type": register.kinds,
            "ownership": register.ownership,
            "industry": [industry_code(k) for k in register.industry.tolist()],
            "country": register.countries,
            "province": [places[c][1] for c in register.city],
            "city": [places[c][2] for c in register.city],
            "lat": register.latitude,
            "lon": register.longitude,
            "founded": _days(register.founded),
            "dissolved": _days(register.dissolved),
            "parent": [register.names[p] if p >= 0 else "" for p in register.parent.tolist()],
            "parent_from": [str(y) if y else "" for y in (register.parent_from * has).tolist()],
            "parent_to": [str(y) if y else "" for y in (register.parent_to * has).tolist()],
        }
    ).sort("name")


def _firm_years(
    settings: WorldSettings, register: Register, accounts: Accounts, items: Mapping[str, Floats]
) -> pl.DataFrame:
    """Accounts of each firm from its first year to the one before it dissolves."""
    years = np.array(settings.years)
    living = np.array([register.living_firms(int(year)) for year in years])[:, : register.n_firms]
    row, firm = np.nonzero(living)

    def column(values: Floats) -> pl.Series:
        return pl.Series(values[row, firm]).fill_nan(None)

    columns: dict[str, Any] = {
        "name": [register.names[i] for i in firm],
        "year": years[row],
        "assets": column(accounts.assets),
        "debt": column(accounts.debt),
        "sales": column(accounts.sales),
        "rd_expense": column(accounts.rd),
        "employees": accounts.employees[row, firm],
        **{name: column(values) for name, values in items.items()},
    }
    return pl.DataFrame(columns).sort("name", "year")


def _industry_years(settings: WorldSettings, environment: Environment) -> pl.DataFrame:
    rows = [
        (industry_code(k), year, float(environment.sales[row, k]))
        for row, year in enumerate(settings.years)
        for k in range(settings.n_industries)
    ]
    return pl.DataFrame(rows, ["industry", "year", "sales"], orient="row").sort("industry", "year")


def _policies(settings: WorldSettings, environment: Environment) -> pl.DataFrame:
    places = cities(settings)
    rows = []
    for number, policy in enumerate(environment.policies, 1):
        regional = policy.city >= 0
        rows.append(
            (
                f"P{number:02d}",
                "city" if regional else "national",
                policy.kind,
                "" if regional else industry_code(policy.industry),
                places[policy.city][2] if regional else "",
                f"{policy.announced[0]}-{policy.announced[1]:02d}-01",
                f"{policy.effective}-01-01",
                "",
                1.0,
            )
        )
    names = ["policy_id", "level", "kind", "target_industry", "target_region", "announced",
             "effective", "ended", "intensity"]  # fmt: skip
    return pl.DataFrame(rows, names, orient="row")


__all__ = ["BETWEEN", "NEVER", "OFFICE", "records_of"]
