"""The whole world, year by year: register, deals, then patents that answer to last year's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from . import regressors
from .chance import stream
from .citations import cite
from .environment import Accounts, Environment, draw_accounts, draw_environment
from .formation import Deal, Leanings, draw_deals, draw_leanings, state_of
from .organisations import Register, draw_register
from .outcome import REGRESSORS, Centres, draw_counts, index, year_effect
from .patents import Patents, joined, no_patents, patents_of_year
from .records import records_of
from .settings import Floats, Ints, WorldSettings
from .truth import truth_of

LOOK_BACK = 5
"""Priority years of partners' patents that technological diversity pools, the year included."""


@dataclass(frozen=True)
class World:
    """A simulated world.

    Attributes:
        settings: sizes and coefficients.
        seed: the seed it was drawn with.
        tables: raw records by file stem, all text or rounded numbers, in the shape a user has.
        truth: planted coefficients, definitions and realised summaries.
        panel: one row a living firm and year t: planted regressors (null where undefined), index,
            expected and drawn count of t + 1 (`mean_next`, `pat_next`).
    """

    settings: WorldSettings
    seed: int
    tables: dict[str, pl.DataFrame]
    truth: dict[str, Any]
    panel: pl.DataFrame


@dataclass(frozen=True)
class Scene:
    """What is drawn before any patent: it never looks at counts."""

    register: Register
    environment: Environment
    leanings: Leanings
    accounts: Accounts
    deals: list[Deal]
    states: list[sp.csr_array]
    deg: Floats
    sh: Floats
    centres: Centres


def simulate_world(settings: WorldSettings, seed: int) -> World:
    """Draw a world; a pure function of its arguments.

    Args:
        settings: sizes and coefficients (`settings_for` gives the usual ones).
        seed: non-negative integer.

    Returns:
        The world with its raw records, its truth and the panel of planted regressors.
    """
    scene = draw_scene(settings, seed)
    stock, cited, columns = _live(settings, scene, seed)
    panel = pl.DataFrame(columns).sort("name", "year")
    tables = records_of(settings, scene.register, scene.environment, scene.accounts, scene.deals,
                        stock, cited, seed)  # fmt: skip
    truth = truth_of(settings, seed, scene.register, scene.environment, scene.centres, panel,
                     tables)  # fmt: skip
    return World(settings, seed, tables, truth, panel)


def draw_scene(settings: WorldSettings, seed: int) -> Scene:
    """Draw organisations, environment, accounts and all deals, and measure positions."""
    register = draw_register(settings, seed)
    environment = draw_environment(settings, register, seed)
    leanings = draw_leanings(settings, register, seed)
    deals = draw_deals(settings, register, environment, leanings, seed)
    states = [state_of(deals, register.n, year) for year in settings.years]
    deg = np.array([regressors.degree(state) for state in states])
    sh = np.array([regressors.structural_holes(state) for state in states])
    frame = np.zeros(deg.shape, dtype=np.bool_)
    for row, year in enumerate(settings.years):
        if year in settings.analysis_years:
            frame[row] = register.living_firms(year)
    centres = Centres(
        round(float(np.log1p(deg[frame]).mean()), 3), round(float(np.nanmean(sh[frame])), 3)
    )
    accounts = draw_accounts(settings, register, seed)
    return Scene(register, environment, leanings, accounts, deals, states, deg, sh, centres)


def _live(
    settings: WorldSettings, scene: Scene, seed: int
) -> tuple[Patents, tuple[Ints, Ints], dict[str, Any]]:
    """Run the years: counts from last year's regressors, patents, citations, new regressors."""
    register = scene.register
    effects = firm_effects(settings, scene, seed)
    stock, citing, cited = no_patents(), [], []
    index_before = np.zeros(register.n)
    rows: list[pl.DataFrame] = []
    for row, year in enumerate(settings.years):
        frame = register.living_firms(year - 1)
        eta = index_before + effects
        mean = np.where(frame, np.exp(year_effect(settings, year, eta, frame) + eta), 0.0)
        counts = _counts(settings, register, mean, seed, year)
        if row:
            rows[-1] = _with_outcome(rows[-1], counts, mean)
        new = patents_of_year(settings, register, counts, scene.states[row], seed, year)
        new_rows = np.arange(len(stock), len(stock) + len(new))
        stock = joined(stock, new)
        pairs = cite(settings, register, stock, new_rows, scene.states[row],
                     latent_breadth(settings, scene, row, seed), seed, year)  # fmt: skip
        citing.append(pairs[0])
        cited.append(pairs[1])
        x = _regressors(settings, scene, stock, new_rows, pairs, row)
        index_before = index(settings.outcome, scene.centres, x)
        rows.append(_panel_rows(register, x, index_before, year))
    panel = pl.concat(rows[:-1])
    return stock, (np.concatenate(citing), np.concatenate(cited)), panel.to_dict(as_series=True)


def firm_effects(settings: WorldSettings, scene: Scene, seed: int) -> Floats:
    """Lasting log productivity of each organisation, correlated with its mean activity."""
    plan = settings.patents
    own = stream(seed, "firm effects").standard_normal(scene.register.n)
    activity = scene.leanings.activity.mean(axis=0)
    spread = float(activity.std()) or 1.0
    return np.asarray(
        plan.firm_effect_sd * own
        + plan.firm_effect_activity * (activity - activity.mean()) / spread
    )


def latent_breadth(settings: WorldSettings, scene: Scene, row: int, seed: int) -> Floats:
    """Planned breadth of the year's citations, from positions on 31 December of the year before."""
    plan, n = settings.breadth, scene.register.n
    latent = plan.noise * stream(seed, "breadth", row).standard_normal(n)
    if row:
        holes = scene.sh[row - 1] - scene.centres.sh
        latent = latent + plan.sh * np.where(np.isfinite(holes), holes, 0.0)
        latent += plan.log1p_deg * (np.log1p(scene.deg[row - 1]) - scene.centres.log1p_deg)
    return np.asarray(np.clip(plan.middle + plan.unit * latent, plan.lowest, plan.highest))


def _counts(
    settings: WorldSettings, register: Register, mean: Floats, seed: int, year: int
) -> Ints:
    """Counts of a year: negative binomial for firms, Poisson around a lasting level for others."""
    rng = stream(seed, "counts", year)
    firms = draw_counts(rng, mean, settings.patents.dispersion)
    lasting = stream(seed, "institutes").gamma(
        2.0, settings.patents.institute_mean / 2.0, register.n
    )
    others = rng.poisson(lasting)
    return np.where(np.arange(register.n) < register.n_firms, firms, others).astype(np.int64)


def _regressors(
    settings: WorldSettings,
    scene: Scene,
    stock: Patents,
    new_rows: Ints,
    pairs: tuple[Ints, Ints],
    row: int,
) -> dict[str, Floats]:
    """All planted regressors on 31 December of the year in this row, shape (n,) each."""
    register, state = scene.register, scene.states[row]
    year = settings.first_year + row
    owners = stock.owner_matrix(register.n)
    shares = stock.class_shares(settings.n_classes)
    window = np.flatnonzero(stock.year > year - LOOK_BACK)
    padding = np.full(register.n - register.n_firms, np.nan)
    accounts = scene.accounts
    before = scene.states[row - 1] if row else sp.csr_array(state.shape)
    return {
        "deg": scene.deg[row],
        "sh": scene.sh[row],
        "tdiv": regressors.partner_diversity(state, owners[window], shares[window]),
        "turb": scene.environment.turbulence[row],
        "sbreadth": regressors.search_breadth(state, owners, *pairs, new_rows, shares),
        "amb_bal": regressors.function_balance(scene.deals, register.n, year),
        "partner_death": regressors.partner_died(before, register.died == year),
        "ln_assets": np.concatenate([np.log(accounts.assets[row]), padding]),
        "rd_int": np.concatenate([accounts.rd[row] / accounts.sales[row], padding]),
    }


def _panel_rows(register: Register, x: dict[str, Floats], eta: Floats, year: int) -> pl.DataFrame:
    """Rows of the living firms of a year."""
    rows = np.flatnonzero(register.living_firms(year))
    columns: dict[str, Any] = {
        "org": rows,
        "name": [register.names[i] for i in rows],
        "year": np.full(len(rows), year, dtype=np.int32),
    }
    columns |= {name: x[name][rows] for name in REGRESSORS}
    return pl.DataFrame(columns | {"index": eta[rows]}).with_columns(
        pl.col(REGRESSORS).fill_nan(None)
    )


def _with_outcome(rows: pl.DataFrame, counts: Ints, mean: Floats) -> pl.DataFrame:
    org = rows["org"].to_numpy()
    return rows.with_columns(pl.Series("mean_next", mean[org]), pl.Series("pat_next", counts[org]))
