"""The whole world, year by year: register, deals, then patents that answer to last year's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from .chance import stream
from .citations import Search, cite
from .documents import family_members, patent_events, patent_kinds, science_references
from .environment import draw_accounts, draw_environment
from .formation import Leanings, draw_deals, draw_leanings
from .further import columns as further_columns
from .further import further_index
from .inventors import Abroad, inventor_rows
from .ledgers import draw_standing, further_items
from .listings import listings
from .markets import draw_markets
from .organisations import Register, draw_register
from .outcome import REGRESSORS, Centres, draw_counts, index, year_effect
from .patents import Making, Patents, joined, no_patents, patents_of_year
from .quality import quality_index
from .questionnaire import questionnaire
from .records import Papers, publication_order, records_of
from .scales import scaled
from .settings import Floats, Ints, WorldSettings
from .state import Scenery, standing, technology
from .traits import draw_traits
from .truth import truth_of


@dataclass(frozen=True)
class World:
    """A simulated world.

    Attributes:
        settings: sizes and coefficients.
        seed: the seed it was drawn with.
        tables: raw records by file stem, all text or rounded numbers, in the shape a user has.
        truth: planted coefficients, definitions and realised summaries.
        panel: one row a living firm and year t: planted regressors (null where undefined), the
            columns of the further terms (`further_<name>`), index, expected and drawn count of
            t + 1 (`mean_next`, `pat_next`).
    """

    settings: WorldSettings
    seed: int
    tables: dict[str, pl.DataFrame]
    truth: dict[str, Any]
    panel: pl.DataFrame


@dataclass(frozen=True)
class Scene(Scenery):
    """What is drawn before any patent, with leanings and centres."""

    leanings: Leanings
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
    stock, cited, held = _live(settings, scene, seed)
    panel = pl.DataFrame(held).sort("name", "year")
    tables = _tables(settings, scene, stock, cited, seed)
    truth = truth_of(settings, seed, scene.register, scene.environment, scene.centres, panel,
                     tables)  # fmt: skip
    return World(settings, seed, tables, truth, panel)


def draw_scene(settings: WorldSettings, seed: int) -> Scene:
    """Draw organisations, environment, accounts and all deals, and measure positions."""
    register = draw_register(settings, seed)
    environment = draw_environment(settings, register, seed)
    leanings = draw_leanings(settings, register, seed)
    alliances = draw_deals(settings, register, environment, leanings, seed)
    held = alliances.portfolios
    frame = np.array([
        register.living_firms(year) & (year in settings.analysis_years) for year in settings.years
    ])  # fmt: skip
    deg, sh = (np.array([one[name] for one in held]) for name in ("deg", "sh"))
    centres = Centres(
        round(float(np.log1p(deg[frame]).mean()), 3), round(float(np.nanmean(sh[frame])), 3)
    )
    accounts = draw_accounts(settings, register, seed)
    plan = settings.breadth
    breadth = np.array([
        _planned_breadth(settings, register, environment, held, centres, row, seed)
        for row in range(len(held))
    ])  # fmt: skip
    wide = np.clip((breadth - plan.middle) / (0.55 * plan.unit), -2.5, 2.5)
    traits = draw_traits(settings, register, environment, held, wide, seed)
    return Scene(
        register=register, environment=environment, accounts=accounts,
        standing=draw_standing(settings, register, accounts, seed), deals=alliances.deals,
        states=alliances.states, portfolios=held, traits=traits, breadth_plan=wide,
        leanings=leanings, centres=centres,
    )  # fmt: skip


def _live(
    settings: WorldSettings, scene: Scene, seed: int
) -> tuple[Patents, tuple[Ints, Ints], dict[str, Any]]:
    """Run the years: counts from last year's regressors, patents, citations, new regressors."""
    register, plan = scene.register, settings.breadth
    effects = firm_effects(settings, scene, seed)
    stock, made = no_patents(), (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    index_before, quality, wait = np.zeros(register.n), np.zeros(register.n), np.zeros(register.n)
    rows: list[pl.DataFrame] = []
    for row, year in enumerate(settings.years):
        frame = register.living_firms(year - 1)
        eta = index_before + effects
        mean = np.where(frame, np.exp(year_effect(settings, year, eta, frame) + eta), 0.0)
        counts = _counts(settings, register, mean, seed, year)
        if row:
            rows[-1] = _with_outcome(rows[-1], counts, mean)
        new = patents_of_year(settings, register, counts, scene.states[row],
                              _making(scene, quality, wait, row), seed, year)  # fmt: skip
        new_rows = np.arange(len(stock), len(stock) + len(new))
        stock = joined(stock, new)
        target = np.clip(plan.middle + 0.55 * plan.unit * scene.breadth_plan[row],
                         plan.lowest, plan.highest)  # fmt: skip
        pairs = cite(settings, register, stock, new_rows, scene.states[row],
                     _search(scene, target, made, row), seed, year)  # fmt: skip
        made = (np.concatenate([made[0], pairs[0]]), np.concatenate([made[1], pairs[1]]))
        x = standing(settings, scene, row) | technology(
            settings, scene, stock, new_rows, pairs, row
        )
        x["ties"] = np.log1p(x["deg"]) - scene.centres.log1p_deg
        x["holes"] = x["sh"] - scene.centres.sh
        index_before = index(settings.outcome, scene.centres, x) + further_index(
            settings.further, x)  # fmt: skip
        quality = quality_index(settings.quality, x)
        wait = settings.records.grant_ip * x["ip"]
        rows.append(_panel_rows(register, x, index_before, year))
    panel = pl.concat(rows[:-1])
    return stock, made, panel.to_dict(as_series=True)


def _making(scene: Scene, quality: Floats, wait: Floats, row: int) -> Making:
    traits = scene.traits
    return Making(quality, wait, traits.joint[row], traits.further[row], traits.far[row],
                  traits.explore[row])  # fmt: skip


def _search(scene: Scene, breadth: Floats, made: tuple[Ints, Ints], row: int) -> Search:
    traits = scene.traits
    return Search(breadth, traits.own[row], traits.near[row], traits.repeat[row],
                  traits.recent[row], made)  # fmt: skip


def _tables(
    settings: WorldSettings, scene: Scene, stock: Patents, cited: tuple[Ints, Ints], seed: int
) -> dict[str, pl.DataFrame]:
    """All raw tables by file stem."""
    register, held, environment = scene.register, scene.portfolios, scene.environment
    order, rank, numbers = publication_order(stock)
    names = [f"CN{number}A" for number in numbers]
    under = np.array([environment.exposed(register, "ip", year - 1) for year in settings.years])
    lead_under = under[stock.year - settings.first_year, stock.owners[:, 0]]
    family, members = family_members(settings, stock, numbers, lead_under, seed)
    kinds = patent_kinds(settings, register, stock, held, seed)
    markets = draw_markets(settings, register, environment, scene.accounts, scene.standing, held,
                           scene.deals, seed)  # fmt: skip
    market = {
        name: getattr(markets, name)
        for name in ("homogeneous", "homogeneous_exports", "labour", "brand")
    }
    items = further_items(settings, scene.accounts, held, scene.standing, market, seed)
    abroad = Abroad(scene.traits.sites, _together(settings, scene))
    main = records_of(settings, register, environment, scene.accounts, scene.deals, stock, cited,
                      Papers(order, rank, names, family, kinds), items, seed)  # fmt: skip
    return {
        **main,
        "inventors": inventor_rows(settings, register, stock, names, abroad, seed),
        "family_members": members,
        "patent_events": patent_events(settings, stock, names, scene.traits, seed),
        "npl_citations": science_references(settings, stock, names, scene.traits, seed),
        **markets.tables,
        **listings(settings, register, environment, seed),
        **questionnaire(settings, register, held, scene.traits, seed),
    }


def _together(settings: WorldSettings, scene: Scene) -> Floats:
    """Log odds of co-invention with a foreign organisation by year, (years, n)."""
    plan, register, environment = settings.records, scene.register, scene.environment
    rows = []
    for row, year in enumerate(settings.years):
        far = scaled(scene.portfolios[row]["geodist"], "geodist")
        digital = scaled(environment.index(register, settings, 1, year), "digital")
        rows.append(
            -2.6
            + plan.coinvent_data * environment.exposed(register, "data", year)
            + plan.coinvent_distance * far
            + plan.coinvent_digital * digital
            + plan.coinvent_distance_digital * far * digital
        )
    return np.array(rows)


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


def _planned_breadth(
    settings: WorldSettings,
    register: Register,
    environment: Any,
    held: list[Any],
    centres: Centres,
    row: int,
    seed: int,
) -> Floats:
    """Planned breadth of the year's citations, from positions on 31 December of the year before."""
    plan, traits, n = settings.breadth, settings.traits, register.n
    latent = plan.noise * stream(seed, "breadth", row).standard_normal(n)
    if row:
        past, year = held[row - 1], settings.first_year + row - 1
        holes = past["sh"] - centres.sh
        latent = latent + plan.sh * np.where(np.isfinite(holes), holes, 0.0)
        latent += plan.log1p_deg * (np.log1p(past["deg"]) - centres.log1p_deg)
        latent += traits.breadth_pilot * environment.exposed(register, "pilot", year)
        latent += traits.breadth_data * environment.exposed(register, "data", year)
        latent += traits.breadth_incoming * scaled(past["newtie_in"], "newtie_in")
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


def _panel_rows(register: Register, x: dict[str, Floats], eta: Floats, year: int) -> pl.DataFrame:
    """Rows of the living firms of a year."""
    rows = np.flatnonzero(register.living_firms(year))
    held: dict[str, Any] = {
        "org": rows,
        "name": [register.names[i] for i in rows],
        "year": np.full(len(rows), year, dtype=np.int32),
    }
    held |= {name: x[name][rows] for name in REGRESSORS}
    held |= {f"further_{name}": values[rows] for name, values in further_columns(x).items()}
    return pl.DataFrame(held | {"index": eta[rows]}).with_columns(pl.col(REGRESSORS).fill_nan(None))


def _with_outcome(rows: pl.DataFrame, counts: Ints, mean: Floats) -> pl.DataFrame:
    org = rows["org"].to_numpy()
    return rows.with_columns(pl.Series("mean_next", mean[org]), pl.Series("pat_next", counts[org]))
