"""The register: who exists, where, from when to when, and in which patent classes they work."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from . import catalogue
from .chance import stream
from .names import organisation_names
from .settings import Flags, Floats, Ints, WorldSettings

NEVER = 9999
"""Year of death of those who live on."""

_EARTH_KM = 6371.0


@dataclass(frozen=True)
class Register:
    """All organisations: firms first, then universities and institutes; arrays of length n."""

    names: list[str]
    kinds: list[str]
    countries: list[str]
    n_firms: int
    industry: Ints
    city: Ints
    latitude: Floats
    longitude: Floats
    founded: Ints
    dissolved: Ints
    born: Ints
    died: Ints
    parent: Ints
    parent_from: Ints
    parent_to: Ints
    main_class: Ints
    profile: Floats
    ownership: list[str]

    @property
    def n(self) -> int:
        """Number of organisations."""
        return len(self.names)

    def alive(self, year: int) -> Flags:
        """Who lives on 31 December of `year`: founded by then and not dissolved by then."""
        return np.asarray((self.born <= year) & (self.died > year))

    def living_firms(self, year: int) -> Flags:
        """The frame of a year: firms that live on 31 December."""
        return np.asarray(self.alive(year) & (np.arange(self.n) < self.n_firms))

    def is_it(self) -> Flags:
        """Firms of an information-technology industry."""
        groups = np.array([group == "IT" for _, group, _ in catalogue.INDUSTRIES])
        return np.asarray((self.industry >= 0) & groups[self.industry])


def draw_register(settings: WorldSettings, seed: int) -> Register:
    """Draw the organisations of a world; dates are proleptic ordinals, 0 for none."""
    rng = stream(seed, "register")
    n_firms, n = settings.n_firms, settings.n_firms + settings.n_institutes
    firm = np.arange(n) < n_firms
    kinds = ["firm"] * n_firms + [
        "university" if draw < 0.6 else "institute" for draw in rng.random(n - n_firms)
    ]
    weights = rng.uniform(0.7, 1.3, settings.n_industries)
    industry = np.where(
        firm, rng.choice(settings.n_industries, size=n, p=weights / weights.sum()), -1
    )
    city, countries, latitude, longitude = _draw_places(rng, settings, n)
    born, died, founded, dissolved = _draw_lives(rng, settings, n)
    parent, parent_from, parent_to = _draw_parents(rng, settings, n, born, died)
    main_class, profile = draw_profiles(rng, settings, industry)
    names = organisation_names(stream(seed, "names"), industry, kinds, countries)
    return Register(
        names, kinds, countries, n_firms, industry, city, latitude, longitude, founded, dissolved,
        born, died, parent, parent_from, parent_to, main_class, profile,
        _draw_ownership(kinds, countries, stream(seed, "ownership")),
    )  # fmt: skip


def _draw_ownership(kinds: list[str], countries: list[str], rng: np.random.Generator) -> list[str]:
    """State, private or foreign; universities and institutes belong to the state."""
    draws = rng.random(len(kinds))
    return [
        "foreign"
        if country != catalogue.HOME_COUNTRY
        else "state"
        if kind != "firm" or draw < 0.25
        else "private"
        for kind, country, draw in zip(kinds, countries, draws, strict=True)
    ]


def cities(settings: WorldSettings) -> list[tuple[str, str, str, float, float]]:
    """Country, province, city, latitude, longitude: the home cities of a world, then foreign ones.

    A small world takes its cities province by province, at least two a province.
    """
    per_province = 5 if settings.n_cities > 20 else max(2, settings.n_cities // 4)
    home = [
        (catalogue.HOME_COUNTRY, province, name, lat, lon)
        for province, places in catalogue.PROVINCES
        for name, lat, lon in places[:per_province]
    ]
    abroad = [(country, "", name, lat, lon) for country, name, lat, lon in catalogue.FOREIGN]
    return home[: settings.n_cities] + abroad


def _draw_places(
    rng: np.random.Generator, settings: WorldSettings, n: int
) -> tuple[Ints, list[str], Floats, Floats]:
    places = cities(settings)
    weights = rng.uniform(0.6, 1.4, settings.n_cities)
    home = rng.choice(settings.n_cities, size=n, p=weights / weights.sum())
    abroad = settings.n_cities + rng.integers(len(catalogue.FOREIGN), size=n)
    city = np.where(rng.random(n) < settings.share_foreign, abroad, home)
    jitter = rng.uniform(-0.12, 0.12, (2, n))
    latitude = np.round(np.array([places[c][3] for c in city]) + jitter[0], 3)
    longitude = np.round(np.array([places[c][4] for c in city]) + jitter[1], 3)
    return city, [places[c][0] for c in city], latitude, longitude


def _draw_lives(
    rng: np.random.Generator, settings: WorldSettings, n: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Years and dates of birth and death; deaths fall between October and 20 December."""
    firm = np.arange(n) < settings.n_firms
    inside = firm & (rng.random(n) < settings.share_born_inside)
    before = settings.first_year - 1 - (40 * rng.random(n) ** 1.5).astype(np.int64)
    later = rng.integers(settings.first_year + 2, settings.last_year - 9, size=n)
    born = np.where(inside, later, before)
    dies = firm & (rng.random(n) < settings.share_dissolved)
    earliest = np.maximum(born + 4, settings.first_year + 4)
    span = np.maximum(settings.last_year - 2 - earliest, 1)
    died = np.where(dies, earliest + (rng.random(n) * span).astype(np.int64), NEVER)
    birth_day, death_day = rng.integers(0, 330, size=n), rng.integers(0, 80, size=n)
    founded = np.array([dt.date(int(y), 1, 1).toordinal() for y in born]) + birth_day
    dissolved = np.array(
        [dt.date(int(y), 10, 1).toordinal() if y != NEVER else 0 for y in died], dtype=np.int64
    )
    return born, died, founded, np.where(dies, dissolved + death_day, 0)


def _draw_parents(
    rng: np.random.Generator, settings: WorldSettings, n: int, born: Ints, died: Ints
) -> tuple[Ints, Ints, Ints]:
    """Some long-lived firms belong to another one from one year to another (0: still do)."""
    parent = np.full(n, -1, dtype=np.int64)
    since, until = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    lasting = np.flatnonzero(
        (np.arange(n) < settings.n_firms) & (born < settings.first_year) & (died == NEVER)
    )
    shuffled = rng.permutation(lasting)
    n_children = round(settings.share_with_parent * settings.n_firms)
    children, parents = shuffled[:n_children], shuffled[n_children : 3 * n_children]
    for child in np.sort(children):
        parent[child] = rng.choice(parents)
        since[child] = rng.integers(settings.first_year + 2, settings.last_year - 6)
        ends = rng.random() < 0.4
        until[child] = since[child] + rng.integers(3, 7) if ends else 0
    return parent, since, until


def classes_of_industry(settings: WorldSettings, industry: int) -> list[int]:
    """The four classes of an industry; the last is the first one of its neighbour in the ring."""
    return [(3 * industry + k) % settings.n_classes for k in range(4)]


def draw_profiles(
    rng: np.random.Generator, settings: WorldSettings, industry: Ints
) -> tuple[Ints, Floats]:
    """Main class and latent class shares (rows sum to 1) of each organisation.

    Nine firms in ten put .84-.96 of their patents into one main class, the others .55-.70; a
    second class of the industry takes most of the rest. Institutes work in three classes.
    """
    n = len(industry)
    main = np.empty(n, dtype=np.int64)
    profile = np.full((n, settings.n_classes), 0.0)
    draws = rng.random((n, 3))
    for i in range(n):
        if industry[i] < 0:
            chosen = rng.choice(settings.n_classes, size=3, replace=False)
            shares = (0.5, 0.28, 0.16)
        else:
            own = classes_of_industry(settings, int(industry[i]))
            chosen = rng.choice(own, size=3, replace=False, p=(0.3, 0.3, 0.25, 0.15))
            focused = draws[i, 0] < 0.9
            first = 0.84 + 0.12 * draws[i, 1] if focused else 0.55 + 0.15 * draws[i, 1]
            shares = (first, 0.7 * (1.0 - first), 0.2 * (1.0 - first))
        main[i] = chosen[0]
        profile[i, chosen] = shares
        profile[i] += (1.0 - sum(shares)) / settings.n_classes
    return main, profile


def kilometres(latitude: Floats, longitude: Floats) -> Floats:
    """Great-circle distances in km between all pairs, shape (n, n)."""
    return great_circle(latitude[:, None], longitude[:, None], latitude, longitude)


def great_circle(lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> Floats:
    """Great-circle distances in km between places in degrees (haversine), broadcast."""
    lat_a, lat_b = np.radians(lat_a), np.radians(lat_b)
    half = (
        np.sin((lat_a - lat_b) / 2.0) ** 2
        + np.cos(lat_a) * np.cos(lat_b) * np.sin((np.radians(lon_a) - np.radians(lon_b)) / 2.0) ** 2
    )
    return np.asarray(2.0 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))
