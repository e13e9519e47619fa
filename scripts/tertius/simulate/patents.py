"""Patents of one year: whose, in which classes, when; counts are given and kept exactly."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields

import numpy as np
import scipy.sparse as sp

from .chance import stream
from .organisations import Register
from .settings import Flags, Floats, Ints, WorldSettings

_MOST = 3
"""At most so many applicants, and so many different classes, a patent."""

_PUBLISHED_AFTER = 548
"""Days from priority to publication, eighteen months."""


@dataclass(frozen=True)
class Patents:
    """Patents as columns of length p; days are ordinals, `granted` 0 for none.

    `owners` and `classes` have three columns padded with -1; the first owner leads, the first
    class is the first one printed. `planner` is the applicant whose search the citations follow,
    `citations` how many were planned.
    """

    year: Ints
    owners: Ints
    planner: Ints
    classes: Ints
    quality: Floats
    priority: Ints
    application: Ints
    publication: Ints
    granted: Ints
    citations: Ints

    def __len__(self) -> int:
        return len(self.year)

    def owner_matrix(self, n: int) -> sp.csr_array:
        """0/1 matrix (patents, organisations) of applicants."""
        rows, columns = np.nonzero(self.owners >= 0)
        cells = (rows, self.owners[rows, columns])
        return sp.csr_array((np.ones(len(rows)), cells), shape=(len(self), n))

    def class_shares(self, n_classes: int) -> sp.csr_array:
        """Equal shares of a patent's different classes; rows sum to 1, (patents, classes)."""
        rows, columns = np.nonzero(self.classes >= 0)
        each = 1.0 / (self.classes >= 0).sum(axis=1)
        cells = (rows, self.classes[rows, columns])
        return sp.csr_array((each[rows], cells), shape=(len(self), n_classes))


@dataclass(frozen=True)
class Making:
    """What moves the patents of a year, by organisation, shape (n,) each.

    `quality` is added to log quality, `wait` to the log of days from publication to grant; `joint`,
    `further`, `far` and `explore` are the rates of `traits`.
    """

    quality: Floats
    wait: Floats
    joint: Floats
    further: Floats
    far: Floats
    explore: Floats


def no_patents() -> Patents:
    """An empty stock."""
    empty, padded = np.empty(0, dtype=np.int64), np.empty((0, _MOST), dtype=np.int64)
    return Patents(empty, padded, empty, padded, np.empty(0), empty, empty, empty, empty, empty)


def joined(first: Patents, second: Patents) -> Patents:
    """Both stocks, the first one's rows first."""
    columns = [
        np.concatenate([getattr(first, one.name), getattr(second, one.name)])
        for one in fields(Patents)
    ]
    return Patents(*columns)


def patents_of_year(
    settings: WorldSettings,
    register: Register,
    counts: Ints,
    state: sp.csr_array,
    making: Making,
    seed: int,
    year: int,
) -> Patents:
    """Turn the counts of a year into patents; every organisation is applicant of exactly its count.

    Args:
        settings: the world.
        register: its organisations.
        counts: patents of each organisation, shape (n,); joint ones count once for each applicant.
        state: ties on 31 December, from which co-applicants are taken by preference.
        making: what moves quality, classes, joint patents and grants.
        seed: seed of the world.
        year: priority year.
    """
    rng = stream(seed, "patents", year)
    owners = _share_out(register, counts, state, making.joint, rng)
    lead = owners[:, 0]
    planner = _planners(register, owners, counts)
    p = len(owners)
    priority = _priority_days(register, owners, rng, year)
    later = (rng.random(p) < 0.3) * rng.integers(1, 366, p)
    publication = priority + _PUBLISHED_AFTER + rng.integers(0, 28, p)
    wait = rng.integers(180, 1300, p) * np.exp(making.wait[lead])
    granted = publication + wait.round().astype(np.int64)
    order = np.lexsort((owners[:, 0], priority, publication))
    patents = Patents(
        year=np.full(p, year, dtype=np.int64),
        owners=owners,
        planner=planner,
        classes=_draw_classes(settings, register, owners, making, rng),
        quality=np.exp(making.quality[lead] + settings.patents.quality_sd * rng.standard_normal(p)),
        priority=priority,
        application=priority + later,
        publication=publication,
        granted=np.where(rng.random(p) < settings.patents.granted_share, granted, 0),
        citations=_planned_citations(settings, planner, rng),
    )
    return Patents(*(getattr(patents, one.name)[order] for one in fields(Patents)))


def _planners(register: Register, owners: Ints, counts: Ints) -> Ints:
    """The firm with the fewest patents of the year among the applicants (the first of equals).

    One patent is all the search that a small applicant shows, and little of a large one's.
    """
    load = np.append(counts + 10**6 * (np.arange(register.n) >= register.n_firms), 10**9)
    fewest = np.argmin(load[owners], axis=1)
    return np.asarray(owners[np.arange(len(owners)), fewest])


def _planned_citations(settings: WorldSettings, planner: Ints, rng: np.random.Generator) -> Ints:
    """Citations a patent is to make: eight more shared by all patents of a planner and year.

    Without these a breadth of few citations would be noisier just where counts are low, and the
    square of the measured breadth would answer to the count of its own year.
    """
    shared = np.round(8.0 / np.maximum(np.bincount(planner)[planner], 1)).astype(np.int64)
    base = rng.poisson(settings.patents.mean_citations - 1.0, len(planner))
    return np.asarray(np.minimum(1 + base + shared, 20))


def _priority_days(register: Register, owners: Ints, rng: np.random.Generator, year: int) -> Ints:
    """A day of the year, before 20 September where an applicant dissolves later in the year."""
    start = dt.date(year, 1, 1).toordinal()
    dying = np.append(register.died == year, False)
    span = np.where(dying[owners].any(axis=1), 260, 365)
    return np.asarray(start + (rng.random(len(owners)) * span).astype(np.int64))


def _share_out(
    register: Register,
    counts: Ints,
    state: sp.csr_array,
    rate: Floats,
    rng: np.random.Generator,
) -> Ints:
    """Applicants of each patent, (patents, 3) padded with -1, using up every count exactly."""
    slots = rng.permutation(np.repeat(np.arange(register.n), counts))
    joint = rng.random(len(slots)) < rate[slots]
    third = rng.random(len(slots)) < 0.06
    left = counts.copy()
    institutes = np.arange(register.n_firms, register.n)
    near = {c: institutes[register.city[institutes] == c] for c in np.unique(register.city)}
    rows = []
    for lead, together, more in zip(slots.tolist(), joint, third, strict=True):
        if left[lead] == 0:
            continue
        left[lead] -= 1
        team = [lead]
        if together:
            for _ in range(2 if more else 1):
                mate = _co_applicant(register, state, near, institutes, left, team, rng)
                if mate >= 0:
                    left[mate] -= 1
                    team.append(mate)
        rows.append(team + [-1] * (_MOST - len(team)))
    return np.array(rows, dtype=np.int64).reshape(-1, _MOST)


def _co_applicant(
    register: Register,
    state: sp.csr_array,
    near: dict[int, Ints],
    institutes: Ints,
    left: Ints,
    team: list[int],
    rng: np.random.Generator,
) -> int:
    """Another applicant with patents left to share: a partner, an institute nearby, anyone; or -1.

    Three sources are tried in random order weighted to partners; each by one draw.
    """
    lead = team[0]
    partners = state.indices[state.indptr[lead] : state.indptr[lead + 1]]
    peers = np.flatnonzero(register.industry == register.industry[lead])
    sources = (partners, near[int(register.city[lead])], institutes, peers)
    draws = rng.random(len(sources))
    for source, _ in sorted(zip(range(4), draws / (6.0, 1.5, 1.0, 1.0), strict=True),
                            key=lambda pair: pair[1]):  # fmt: skip
        open_to = [m for m in sources[source].tolist() if left[m] > 0 and m not in team]
        if open_to:
            return int(open_to[int(rng.integers(len(open_to)))])
    return -1


def _draw_classes(
    settings: WorldSettings,
    register: Register,
    owners: Ints,
    making: Making,
    rng: np.random.Generator,
) -> Ints:
    """One to three classes a patent: the first from the profile of the lead (or, of a joint patent
    in every other case, of its second applicant) or from anywhere, further ones from its field or
    anywhere."""
    p, lead = len(owners), owners[:, 0]
    source = np.where((owners[:, 1] >= 0) & (rng.random(p) < 0.5), owners[:, 1], lead)
    ladder = np.cumsum(register.profile, axis=1)
    height = rng.random(p) * ladder[source, -1]
    first = (ladder[source] <= height[:, None]).sum(axis=1)
    strayed = rng.random(p) < making.explore[lead]
    first = np.where(strayed, rng.integers(0, settings.n_classes, p), first)
    classes = np.full((p, _MOST), -1, dtype=np.int64)
    classes[:, 0] = first
    draw = rng.random(p) / making.further[lead]
    how_many = 1 + (draw < 1.0).astype(np.int64) + (draw < 0.2)
    for column in (1, 2):
        close = (first + rng.integers(-2, 3, p)) % settings.n_classes
        anywhere = rng.random(p) < making.far[lead]
        extra = np.where(anywhere, rng.integers(0, settings.n_classes, p), close)
        fresh = (how_many > column) & (classes[:, :column] != extra[:, None]).all(axis=1)
        classes[fresh, column] = extra[fresh]
    return classes


def applicants_alive(register: Register, patents: Patents) -> Flags:
    """Whether every applicant lives in the priority year, one flag a patent."""
    born = np.append(register.born, -1)
    died = np.append(register.died, 9999)
    year = patents.year[:, None]
    return np.asarray(((born[patents.owners] < year) & (died[patents.owners] >= year)).all(axis=1))
