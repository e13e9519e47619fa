"""What surrounds the firms: industry sales, turbulence, policies, regions and accounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import catalogue
from .chance import autoregression, stream
from .organisations import Register, cities
from .settings import Flags, Floats, Ints, WorldSettings


@dataclass(frozen=True)
class Policy:
    """One policy: industry ones aim at an industry, all others at a home city (else -1)."""

    city: int
    industry: int
    announced: tuple[int, int]
    effective: int
    kind: str = "regional"


@dataclass(frozen=True)
class Environment:
    """Industry sales (years, industries), turbulence z (years, organisations; NaN undefined).

    `shocked` marks organisations that a disaster or a listing hits in a year (years,
    organisations); `indices` are those of the provinces by (name, year).
    """

    sales: Floats
    dynamism: Floats
    turbulence: Floats
    policies: tuple[Policy, ...]
    shocked: Flags
    indices: tuple[tuple[str, int, float, float], ...] = ()

    def exposed(self, register: Register, kind: str, year: int) -> Flags:
        """Organisations under a policy of a kind on 31 December of the year, shape (n,)."""
        under = np.zeros(register.n, dtype=np.bool_)
        for policy in self.policies:
            if policy.kind == kind and policy.effective <= year:
                place = register.city == policy.city if policy.city >= 0 else (
                    register.industry == policy.industry)  # fmt: skip
                under |= place
        return under

    def index(self, register: Register, settings: WorldSettings, column: int, year: int) -> Floats:
        """An index (0 institutions, 1 digital) of the organisations' provinces; NaN abroad."""
        known = {name: row[column] for name, when, *row in self.indices if when == year}
        places = cities(settings)
        by_city = np.array([known.get(place[1], np.nan) for place in places])
        return np.asarray(by_city[register.city])


@dataclass(frozen=True)
class Accounts:
    """Yearly accounts, shape (years, firms), rounded as printed; `rd` is NaN where not reported."""

    assets: Floats
    debt: Floats
    sales: Floats
    rd: Floats
    employees: Ints
    net_income: Floats


def dess_beard(sales: Floats) -> tuple[float, float]:
    """Munificence and dynamism of yearly sales: slope / mean and SE(slope) / mean.

    Ordinary least squares of sales on the year, n - 2 degrees of freedom (Dess and Beard 1984).
    """
    n = len(sales)
    time = np.arange(n) - (n - 1) / 2.0
    mean = float(sales.mean())
    slope = float((time * sales).sum() / (time**2).sum())
    residual = sales - mean - slope * time
    error = float(np.sqrt((residual**2).sum() / (n - 2) / (time**2).sum()))
    return slope / mean, error / mean


def draw_environment(settings: WorldSettings, register: Register, seed: int) -> Environment:
    """Draw industry sales and policies; turbulence follows from the rounded sales."""
    sales = _draw_industry_sales(settings, seed)
    dynamism = np.full(sales.shape, np.nan)
    for year in range(4, len(sales)):
        for k in range(sales.shape[1]):
            dynamism[year, k] = dess_beard(sales[year - 4 : year + 1, k])[1]
    turbulence = np.full((len(sales), register.n), np.nan)
    for row, year in enumerate(settings.years):
        turbulence[row] = turbulence_z(
            dynamism[row], register.industry, register.living_firms(year)
        )
    policies = (*_draw_policies(settings, seed), *_draw_further_policies(settings, seed))
    shocked = stream(seed, "shocks").random(turbulence.shape) < settings.share_shocked
    for row, year in enumerate(settings.years):
        shocked[row] &= register.alive(year)
    indices = tuple(draw_regions(settings, seed))
    return Environment(sales, dynamism, turbulence, policies, shocked, indices)


def turbulence_z(dynamism: Floats, industry: Ints, frame: Flags) -> Floats:
    """Dynamism of the own industry as a z-score over the living firms of the year (n in the sd).

    NaN outside the frame and where dynamism is undefined (fewer than five years of sales).
    """
    z = np.full(len(industry), np.nan)
    raw = dynamism[industry[frame]]
    if len(raw) > 1 and np.isfinite(raw).all() and raw.std() > 0.0:
        z[frame] = (raw - raw.mean()) / raw.std()
    return z


def _draw_industry_sales(settings: WorldSettings, seed: int) -> Floats:
    """Growing sales with noise whose size itself wanders (AR(1) in logs), rounded to 0.1."""
    rng = stream(seed, "industry sales")
    n_years, k = len(settings.years), settings.n_industries
    log_noise = np.log(0.06) + 0.15 * rng.standard_normal(k)
    log_noise = log_noise + autoregression(rng, k, n_years, 0.8, 0.4)
    growth = rng.uniform(0.02, 0.08, k)
    level = np.exp(rng.uniform(7.0, 9.0, k) + growth * np.arange(n_years)[:, None])
    shock = np.clip(rng.standard_normal((n_years, k)), -2.5, 2.5)
    return np.asarray(np.round(level * np.exp(np.exp(log_noise) * shock), 1))


def _draw_policies(settings: WorldSettings, seed: int) -> tuple[Policy, ...]:
    """Staggered regional policies of the treated cities, and industry policies of six industries.

    Effective on 1 January of the year; regional ones between the third analysed year and the
    second last, industry ones in a later half.
    """
    rng = stream(seed, "policies")
    treated = np.sort(rng.choice(settings.n_cities, size=settings.n_treated_cities, replace=False))
    first, last = settings.analysis_first + 2, settings.analysis_last - 2
    waves = np.linspace(first, last, 6).round().astype(int)
    policies = [
        Policy(int(city), -1, (int(year) - 1, int(rng.integers(3, 12))), int(year))
        for city, year in zip(treated, rng.permutation(np.resize(waves, len(treated))), strict=True)
    ]
    n_targets = max(2, 3 * settings.n_industries // 10)
    it = rng.permutation(np.arange(0, settings.n_industries, 2))[: (n_targets + 1) // 2]
    old = rng.permutation(np.arange(1, settings.n_industries, 2))[: n_targets // 2]
    for industry in np.sort(np.concatenate([it, old])):
        year = int(rng.integers(first + 1, last))
        announced = (year - 1, int(rng.integers(3, 12)))
        policies.append(Policy(-1, int(industry), announced, year, "industry"))
    return tuple(policies)


CITY_KINDS = ("pilot", "ip", "data")
"""Kinds of policies of cities beside the regional ones, each in half of the cities."""


def _draw_further_policies(settings: WorldSettings, seed: int) -> list[Policy]:
    """Pilots, policies of intellectual property and of data, staggered like the regional ones."""
    rng = stream(seed, "further policies")
    first, last = settings.analysis_first + 2, settings.analysis_last - 2
    waves = np.linspace(first, last, 6).round().astype(int)
    policies = []
    for kind in CITY_KINDS:
        half = np.sort(rng.choice(settings.n_cities, settings.n_cities // 2, replace=False))
        years = rng.permutation(np.resize(waves, len(half)))
        for city, year in zip(half.tolist(), years.tolist(), strict=True):
            announced = (year - 1, int(rng.integers(3, 12)))
            policies.append(Policy(city, -1, announced, year, kind))
    return policies


def policy_pull(
    settings: WorldSettings, register: Register, policies: tuple[Policy, ...], year: int
) -> Floats:
    """What the policies in force add to an organisation's log odds of a new tie, shape (n,)."""
    plan = settings.formation
    in_force = [policy for policy in policies if policy.effective <= year]
    regional = np.zeros(register.n, dtype=np.bool_)
    industrial = np.zeros(register.n, dtype=np.bool_)
    for policy in in_force:
        regional |= (policy.kind == "regional") & (register.city == policy.city)
        industrial |= (policy.kind == "industry") & (register.industry == policy.industry)
    firm = register.industry >= 0
    size = np.where(register.is_it(), plan.policy_it, plan.policy_traditional)
    return np.asarray((regional & firm) * size + industrial * plan.policy_industry)


def draw_regions(settings: WorldSettings, seed: int) -> list[tuple[str, int, float, float]]:
    """Province, year, institution index and digital index, rounded to 0.01."""
    rng = stream(seed, "regions")
    provinces = list(dict.fromkeys(place[1] for place in cities(settings) if place[1]))
    start, pace = rng.uniform(4.0, 7.0, len(provinces)), rng.uniform(0.05, 0.15, len(provinces))
    digital = rng.uniform(5.0, 15.0, len(provinces))
    rows = []
    for k, province in enumerate(provinces):
        for step, year in enumerate(settings.years):
            inst = start[k] + pace[k] * step + 0.15 * rng.standard_normal()
            dig = digital[k] + 0.08 * step**1.8 + 0.6 * rng.standard_normal()
            rows.append((province, year, round(float(inst), 2), round(float(dig), 2)))
    return rows


def draw_accounts(settings: WorldSettings, register: Register, seed: int) -> Accounts:
    """Accounts of the firms, independent of networks and patents; money in millions."""
    rng = stream(seed, "accounts")
    n, n_years = settings.n_firms, len(settings.years)

    def wander(sd: float, persistence: float = 0.8) -> Floats:
        return autoregression(rng, n, n_years, persistence, sd)

    trend = 0.03 * np.arange(n_years)[:, None]
    assets = np.exp(rng.normal(6.5, 1.0, n) + trend + wander(0.35))
    sales = assets * np.exp(rng.normal(-0.2, 0.3, n) + wander(0.15))
    ratio = np.exp(np.log(0.035) + rng.normal(0.0, 0.4, n) + wander(0.25))
    rd = np.round(sales * np.minimum(ratio, 0.25), 2)
    shy = rng.random(n) * 2.0 * settings.faults.missing_rd
    rd[rng.random((n_years, n)) < shy] = np.nan
    leverage = np.clip(rng.normal(0.45, 0.12, n) + wander(0.08), 0.05, 0.95)
    roa = 0.05 + rng.normal(0.0, 0.03, n) + wander(0.04, 0.5)
    staff = np.exp(np.log(assets) * 0.8 + rng.normal(1.9, 0.4, n) + wander(0.1))
    rounded = np.asarray(np.round(assets, 1), dtype=np.float64)
    return Accounts(
        assets=rounded,
        debt=np.round(rounded * leverage, 1),
        sales=np.round(sales, 1),
        rd=rd,
        employees=np.maximum(np.round(staff), 1).astype(np.int64),
        net_income=np.round(rounded * roa, 1),
    )


def industry_code(industry: int) -> str:
    """Four-digit code of an industry, empty for none."""
    return catalogue.INDUSTRIES[industry][0] if industry >= 0 else ""
