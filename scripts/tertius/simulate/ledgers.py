"""Accounts beyond the main items: subsidies, exports, costs and margins, and the size of firms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .chance import autoregression, stream
from .environment import Accounts
from .organisations import Register
from .portfolios import Portfolios
from .scales import scaled
from .settings import Flags, Floats, WorldSettings

_MANY_HEADS, _LARGE_SALES = 1000.0, 400.0


@dataclass(frozen=True)
class Standing:
    """Subsidies over assets and overseas over all sales (years, firms); lasting groups (firms,).

    `small`: fewer than 1,000 employees or sales below 400 million in the first accounts; `large`:
    assets at or above the median of the first accounts.
    """

    subsidy: Floats
    overseas: Floats
    small: Flags
    large: Flags


def draw_standing(
    settings: WorldSettings, register: Register, accounts: Accounts, seed: int
) -> Standing:
    """Draw subsidies and exports, and read the size of the firms from their first accounts."""
    rng, shape = stream(seed, "standing"), accounts.assets.shape
    level = np.log(0.009) + 0.3 * rng.standard_normal(shape[1])
    subsidy = np.exp(level + autoregression(rng, shape[1], shape[0], 0.5, 0.5))
    abroad = rng.normal(-1.2, 0.8, shape[1]) + autoregression(rng, shape[1], shape[0], 0.8, 0.5)
    living = np.array([register.living_firms(y) for y in settings.years])[:, : register.n_firms]
    first, firms = living.argmax(axis=0), np.arange(shape[1])
    assets, sales = accounts.assets[first, firms], accounts.sales[first, firms]
    small = (accounts.employees[first, firms] < _MANY_HEADS) | (sales < _LARGE_SALES)
    return Standing(
        np.round(subsidy, 5), np.round(1.0 / (1.0 + np.exp(-abroad)), 4), small,
        assets >= np.median(assets),
    )  # fmt: skip


def further_items(
    settings: WorldSettings,
    accounts: Accounts,
    held: list[Portfolios],
    standing: Standing,
    market: Mapping[str, Floats],
    seed: int,
) -> dict[str, Floats]:
    """Items of the accounts by name, in millions, (years, firms).

    Costs of coordination follow centrality, brokerage and partner diversity of the year before;
    margins fall in homogeneous products and labour-intensive exports of the year before; profits
    answer to growth, less so with a strong brand.

    Args:
        settings: the world.
        accounts: the main items.
        held: portfolios by year.
        standing: subsidies and exports.
        market: homogeneous, homogeneous_exports, labour (shares less their means) and brand (z).
        seed: seed of the world.
    """
    rng, plan = stream(seed, "further accounts"), settings.records
    sales, assets = accounts.sales, accounts.assets
    n_years, n = sales.shape
    past = [held[max(row - 1, 0)] for row in range(n_years)]

    def z(name: str, raw: str | None = None) -> Floats:
        rows = [p[name] if raw is None else np.log1p(p[raw]) for p in past]
        return np.array([scaled(row, name) for row in rows])[:, :n]

    diverse = z("pdiv")
    cost = (
        0.08
        + plan.admin_deg * z("log1p(deg)", "deg")
        + plan.admin_sh * z("sh")
        + plan.admin_pdiv * diverse
        + plan.admin_pdiv_squared * diverse**2
        + 0.012 * rng.standard_normal((n_years, n))
    )
    lagged = {name: np.vstack([x[:1], x[:-1]]) for name, x in market.items()}
    margin = (
        0.32
        + plan.margin_homogeneous * lagged["homogeneous"]
        + plan.margin_homogeneous_exports * lagged["homogeneous_exports"]
        + plan.margin_labour * lagged["labour"]
        + 0.06 * rng.standard_normal((n_years, n))
    )
    fixed = assets * np.exp(-1.1 + 0.2 * rng.standard_normal((n_years, n)))
    return {
        "subsidies": np.round(standing.subsidy * assets, 2),
        "overseas_sales": np.round(standing.overseas * sales, 1),
        "admin_expense": np.round(np.maximum(cost, 0.005) * sales, 2),
        "operating_cost": np.round((1.0 - np.clip(margin, -0.5, 0.9)) * sales, 1),
        "fixed_assets": np.round(fixed, 1),
        "net_income": np.round(accounts.net_income + assets * _return(plan.roa_growth,
                               plan.roa_growth_brand, sales, lagged["brand"]), 1),
    }  # fmt: skip


def _return(growth_effect: float, brand_effect: float, sales: Floats, brand: Floats) -> Floats:
    """What growth of the year before adds to the return on assets."""
    growth = np.zeros_like(sales)
    growth[1:] = np.clip(sales[1:] / sales[:-1] - 1.0, -0.5, 1.0)
    before = np.vstack([growth[:1], growth[:-1]])
    return growth_effect * before + brand_effect * before * brand
