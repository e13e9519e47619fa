"""The state of an organisation on 31 December: every variable that the planted index names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from . import regressors
from .deals import Deal
from .environment import Accounts, Environment
from .ledgers import Standing
from .organisations import Register
from .patents import Patents
from .portfolios import Portfolios
from .quality import class_vectors, complements, convergence, heterogeneity
from .settings import Floats, Ints, WorldSettings
from .traits import Traits

LOOK_BACK = 5
"""Priority years of patents that technological diversity pools, the year included."""


@dataclass(frozen=True)
class Scenery:
    """What is drawn before any patent: it never looks at counts."""

    register: Register
    environment: Environment
    accounts: Accounts
    standing: Standing
    deals: list[Deal]
    states: list[sp.csr_array]
    portfolios: list[Portfolios]
    traits: Traits
    breadth_plan: Floats


def technology(
    settings: WorldSettings,
    scene: Scenery,
    stock: Patents,
    new_rows: Ints,
    pairs: tuple[Ints, Ints],
    row: int,
) -> dict[str, Floats]:
    """Variables that look at patents of up to the year of this row, shape (n,) each."""
    register, state = scene.register, scene.states[row]
    year = settings.first_year + row
    owners = stock.owner_matrix(register.n)
    shares = stock.class_shares(settings.n_classes)
    window = np.flatnonzero(stock.year > year - LOOK_BACK)
    vectors = class_vectors(owners[window], shares[window])
    return {
        "tdiv": regressors.partner_diversity(state, owners[window], shares[window]),
        "sbreadth": regressors.search_breadth(state, owners, *pairs, new_rows, shares),
        "khet": heterogeneity(state, vectors),
        "compl": complements(state, vectors),
        "converge": convergence(owners[window], shares[window]),
    }


def standing(settings: WorldSettings, scene: Scenery, row: int) -> dict[str, Floats]:
    """Variables that rest on alliances, accounts, places and policies alone, shape (n,) each."""
    register, held = scene.register, scene.portfolios[row]
    year = settings.first_year + row
    environment, accounts = scene.environment, scene.accounts
    padding = np.full(register.n - register.n_firms, np.nan)
    before = scene.states[row - 1] if row else sp.csr_array(scene.states[row].shape)

    def under(kind: str) -> Floats:
        return environment.exposed(register, kind, year).astype(np.float64)

    return {
        **held,
        "sh_past": scene.portfolios[row - 1]["sh"] if row else np.full(register.n, np.nan),
        "turb": environment.turbulence[row],
        "inst": environment.index(register, settings, 0, year),
        "digital": environment.index(register, settings, 1, year),
        "amb_bal": regressors.function_balance(scene.deals, register.n, year),
        "partner_death": regressors.partner_died(before, register.died == year),
        "ln_assets": np.concatenate([np.log(accounts.assets[row]), padding]),
        "rd_int": np.concatenate([accounts.rd[row] / accounts.sales[row], padding]),
        "subsidy": np.concatenate([scene.standing.subsidy[row], padding]),
        "large": np.concatenate([scene.standing.large, np.zeros(len(padding))]),
        "small": np.concatenate([scene.standing.small, np.zeros(len(padding))]),
        "it": register.is_it().astype(np.float64),
        "pilot": under("pilot"),
        "ip": under("ip"),
        "data": under("data"),
        "regional": under("regional"),
        "depth": scene.traits.depth[row],
        "sharing": scene.traits.sharing[row],
        "recombine": scene.traits.recombine[row],
        "breadth_plan": scene.breadth_plan[row],
        "sites": scene.traits.sites[row].sum(axis=1).astype(np.float64),
        "inst_dist": _institutional_distance(settings, scene, row),
    }


def _institutional_distance(settings: WorldSettings, scene: Scenery, row: int) -> Floats:
    """Mean distance of the institution indices of an organisation and its partners that have one;
    NaN without any."""
    index = scene.environment.index(scene.register, settings, 0, settings.first_year + row)
    i, j = scene.states[row].nonzero()
    apart = np.abs(index[i] - index[j])
    known = np.isfinite(apart)
    n = scene.register.n
    number = np.bincount(i[known], minlength=n)
    total = np.bincount(i[known], weights=apart[known], minlength=n)
    return np.where(number > 0, np.round(total / np.maximum(number, 1), 10), np.nan)
