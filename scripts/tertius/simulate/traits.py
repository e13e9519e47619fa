"""Leanings behind proxies and the rates they move: depth, sharing, youth of sources, novelty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import catalogue
from .chance import autoregression, stream
from .environment import Environment
from .organisations import Register
from .portfolios import Portfolios
from .scales import logistic, scaled
from .settings import Flags, Floats, WorldSettings


@dataclass(frozen=True)
class Traits:
    """Leanings by year and organisation, shape (years, n); `sites` (years, n, foreign countries).

    `depth`, `sharing` and `recombine` are about standard normal; the others are rates: `repeat`
    (external citations of patents cited before), `own` and `near` (citations of own and of
    partners' patents), `recent` (external citations among the newest), `far` (further classes from
    anywhere), `further` (patents with further classes), `explore` (first class from anywhere),
    `joint` (patents with another applicant).
    """

    depth: Floats
    sharing: Floats
    recombine: Floats
    repeat: Floats
    own: Floats
    near: Floats
    recent: Floats
    far: Floats
    further: Floats
    explore: Floats
    joint: Floats
    sites: Flags


def draw_traits(
    settings: WorldSettings,
    register: Register,
    environment: Environment,
    held: list[Portfolios],
    breadth: Floats,
    seed: int,
) -> Traits:
    """Leanings and rates of every year, from the portfolios of 31 December of the year before.

    Args:
        settings: the world.
        register: its organisations.
        environment: policies and turbulence.
        held: portfolios by year.
        breadth: planned breadth of citations as z by year, shape (years, n).
        seed: seed of the world.
    """
    rng, shape = stream(seed, "traits"), breadth.shape
    noise = {name: rng.standard_normal(shape) for name in ("depth", "sharing", "recombine")}
    names = ("depth", "recombine", "sharing", "repeat", "own", "near", "recent", "far", "further",
             "explore", "joint")  # fmt: skip
    made = {name: np.zeros(shape) for name in names}
    for row, year in enumerate(settings.years):
        past = held[max(row - 1, 0)]
        turb = scaled(environment.turbulence[max(row - 1, 0)], "turb")
        under = {kind: environment.exposed(register, kind, year - 1) for kind in ("pilot", "ip")}
        rates = leanings(settings, past, turb, under, {k: v[row] for k, v in noise.items()},
                      breadth[max(row - 1, 0)])  # fmt: skip
        for name, values in rates.items():
            made[name][row] = values
    return Traits(**made, sites=_draw_sites(settings, register, seed))


def leanings(
    settings: WorldSettings,
    past: Portfolios,
    turb: Floats,
    under: Mapping[str, Flags],
    noise: Mapping[str, Floats],
    breadth: Floats,
) -> dict[str, Floats]:
    """Leanings and rates of one year, each (n,), from what is known of the year before.

    Args:
        settings: the world.
        past: portfolios of 31 December of the year before.
        turb: its turbulence, scaled.
        under: policies that an organisation was under, by kind (pilot, ip).
        noise: standard normal draws of depth, sharing and recombine.
        breadth: planned breadth of citations as z.
    """
    plan, patents = settings.traits, settings.patents
    deg = scaled(np.log1p(past["deg"]), "log1p(deg)")
    sh, gov = scaled(past["sh"], "sh"), scaled(past["gov_r"], "gov_r")
    science = scaled(np.log1p(past["science"]), "log1p(science)")
    depth = plan.depth_sh * sh + plan.depth_deg * deg + 0.8 * noise["depth"]
    sharing = plan.sharing_tstr * scaled(past["tstr"], "tstr") + plan.sharing_sh * sh
    sharing = sharing + noise["sharing"]
    youth = plan.recent_deg * deg + plan.recent_pilot * under["pilot"]
    novel = plan.recombine_sh * sh + plan.recombine_science * science
    novel = novel + plan.recombine_ip * under["ip"] + 0.8 * noise["recombine"]
    joint = np.exp(np.clip(plan.joint_gov * gov + plan.joint_gov_turb * gov * turb, -0.8, 0.9))
    return {
        "depth": depth,
        "sharing": sharing,
        "recombine": novel,
        "repeat": 0.85 * logistic(-1.0 + 1.5 * depth),
        "own": patents.self_share * np.exp(np.clip(0.35 * depth, -1.0, 1.0)),
        "near": patents.partner_share * np.exp(np.clip(0.8 * sharing, -2.0, 1.4)),
        "recent": 0.7 * logistic(-1.0 + youth),
        "far": logistic(0.9 * novel),
        "further": np.clip(0.15 * np.exp(0.5 * novel), 0.05, 0.5),
        "explore": 0.015 * np.exp(np.clip(plan.explore_breadth * breadth, -2.0, 2.0)),
        "joint": patents.joint_share * joint,
    }


def _draw_sites(settings: WorldSettings, register: Register, seed: int) -> Flags:
    """Foreign countries in which a firm of the home country does research, by year."""
    rng = stream(seed, "sites")
    n, n_years = register.n, len(settings.years)
    liking = 0.8 * rng.standard_normal(n)
    home = np.array([c == catalogue.HOME_COUNTRY for c in register.countries])
    sites = np.zeros((n_years, n, len(catalogue.FOREIGN)), dtype=np.bool_)
    for k in range(len(catalogue.FOREIGN)):
        path = liking + autoregression(rng, n, n_years, 0.9, 1.0)
        sites[:, :, k] = (path > 1.3) & home & (np.arange(n) < register.n_firms)
    return sites
