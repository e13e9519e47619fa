"""Backward citations: their spread over classes follows the planned search breadth.

Only patents published before the year are cited, the better and younger ones more often.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.sparse as sp

from .chance import stream
from .organisations import Register
from .patents import Patents
from .settings import Flags, Floats, Ints, WorldSettings

_SAME_CLASS = 0.79
"""Chance that two patents of one first class agree in class, given how classes are drawn."""

_FEW = 9
"""Up to so many citations all ways to split them over classes are weighed."""

_NEWEST = 1
"""Publications of so many years before the last one at most count among the newest."""

_ROUNDS = 8
"""A citation that hits a forbidden patent is redrawn at most so often, then left out."""


@cache
def _partitions(total: int, largest: int) -> tuple[tuple[int, ...], ...]:
    """All ways to write `total` as a sum of descending parts of at most `largest`."""
    if total == 0:
        return ((),)
    return tuple(
        (part, *rest)
        for part in range(min(total, largest), 0, -1)
        for rest in _partitions(total - part, part)
    )


@cache
def _splits(total: int, n_classes: int) -> Ints:
    """Candidate group sizes for `total` citations, padded with 0, (candidates, groups)."""
    if total <= _FEW:
        options = [o for o in _partitions(total, total) if len(o) <= n_classes]
    else:
        others = min(n_classes - 1, 15)
        options = []
        for first in range(-(-total // (others + 1)), total + 1):
            each, more = divmod(total - first, others)
            rest = [each + 1] * more + [each] * (others - more)
            options.append((first, *(size for size in rest if size)))
    padded = np.zeros((len(options), max(len(o) for o in options)), dtype=np.int64)
    for row, option in enumerate(options):
        padded[row, : len(option)] = option
    return padded


def group_sizes(total: int, breadth: float, others: Ints, rng: np.random.Generator) -> Ints:
    """Split `total` citations over classes so that the pair diversity is `breadth` on average.

    Of the two candidate splits around the target one is drawn with the odds that make the mean
    exact; targets out of reach take the nearest split.

    Args:
        total: citations to split, at least 1.
        breadth: wanted pair diversity of these and the `others` together.
        others: citations already planned on joint patents, by class in the order of the groups.
        rng: stream of random numbers.

    Returns:
        Sizes of the groups, for the first so many classes.
    """
    options = _splits(total, len(others))
    met = others[: options.shape[1]]
    everything = total + int(others.sum())
    pairs = (options * (options - 1)).sum(axis=1) + 2 * options @ met + (others**2 - others).sum()
    wanted = (1.0 - breadth) / _SAME_CLASS * everything * (everything - 1)
    order = np.argsort(pairs, kind="stable")
    same = pairs[order]
    above = int(np.searchsorted(same, wanted))
    if above in (0, len(same)):
        return np.asarray(options[order[min(above, len(same) - 1)]])
    share = (wanted - same[above - 1]) / (same[above] - same[above - 1])
    return np.asarray(options[order[above if rng.random() < share else above - 1]])


def cite(
    settings: WorldSettings,
    register: Register,
    stock: Patents,
    new_rows: Ints,
    state: sp.csr_array,
    search: Search,
    seed: int,
    year: int,
) -> tuple[Ints, Ints]:
    """Citations made by the patents of a year, as rows (citing, cited) of the stock, no pair twice.

    The citations of the patents that an organisation plans are split between its own patents,
    those of its partners and external ones; the external ones spread over classes so that their
    diversity follows the planned breadth. Within its class an external citation repeats one of the
    five years before, goes to the newest patents, or to any.
    """
    rng = stream(seed, "citations", year)
    known = np.flatnonzero(stock.publication < dt.date(year, 1, 1).toordinal())
    if len(known) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    age = year - 1 - np.array([dt.date.fromordinal(d).year for d in stock.publication[known]])
    weight = stock.quality[known] * np.exp(-age / 5.0)
    by_class = _Urn(stock.classes[known, 0], known, weight, settings.n_classes)
    rows, columns = np.nonzero(stock.owners[known] >= 0)
    by_owner = _Urn(stock.owners[known][rows, columns], known[rows], weight[rows], register.n)
    new = age <= _NEWEST
    newest = _Urn(stock.classes[known[new], 0], known[new], weight[new], settings.n_classes)
    org, again = search.past(stock, year)
    kept = org * settings.n_classes + stock.classes[again, 0]
    past = _Urn(kept, again, np.ones(len(again)), register.n * settings.n_classes)
    tied = state.toarray() > 0.0
    planned = _plan(settings, register, stock, new_rows, tied, (by_class, by_owner, past, newest),
                    search, rng)  # fmt: skip
    return _draw(stock, planned, (by_class, by_owner, past, newest), tied, rng)


@dataclass(frozen=True)
class Search:
    """How organisations search in a year, shape (n,) each, and the citations of earlier years.

    Attributes:
        breadth: planned class diversity of external citations.
        own, near: shares of citations of own and of partners' patents.
        repeat, recent: shares of external citations that repeat one, that go to the newest.
        made: (citing, cited) rows of the stock of all years before.
    """

    breadth: Floats
    own: Floats
    near: Floats
    repeat: Floats
    recent: Floats
    made: tuple[Ints, Ints]

    def past(self, stock: Patents, year: int) -> tuple[Ints, Ints]:
        """(organisation, cited patent) of the citations of the five years before."""
        citing, cited = self.made
        late = stock.year[citing] >= year - 5
        row, column = np.nonzero(stock.owners[citing[late]] >= 0)
        return stock.owners[citing[late]][row, column], cited[late][row]


@dataclass(frozen=True)
class _Planned:
    """Planned citations as columns: citing row, planner, urn, key in it, class of external ones."""

    citing: Ints
    lead: Ints
    urn: Ints
    key: Ints
    field: Ints


class _Urn:
    """Patents grouped by a key, drawn within a group in proportion to their weight."""

    def __init__(self, key: Ints, row: Ints, weight: Floats, n_keys: int) -> None:
        order = np.lexsort((row, key))
        self.row = row[order]
        self.ladder = np.concatenate([[0.0], np.cumsum(weight[order])])
        self.start = np.searchsorted(key[order], np.arange(n_keys + 1))

    def filled(self, key: Ints) -> Flags:
        """Whether the groups hold anything."""
        return np.asarray(self.start[key + 1] > self.start[key])

    def draw(self, key: Ints, rng: np.random.Generator) -> Ints:
        """One patent of each (filled) group asked for."""
        low, high = self.ladder[self.start[key]], self.ladder[self.start[key + 1]]
        height = low + rng.random(len(key)) * (high - low)
        place = np.searchsorted(self.ladder, height, side="right") - 1
        return np.asarray(self.row[np.clip(place, self.start[key], self.start[key + 1] - 1)])


def _plan(
    settings: WorldSettings,
    register: Register,
    stock: Patents,
    new_rows: Ints,
    tied: Flags,
    urns: tuple[_Urn, _Urn, _Urn, _Urn],
    search: Search,
    rng: np.random.Generator,
) -> _Planned:
    """Urn of each citation: 0 class, 1 owner, 2 cited before, 3 newest of the class."""
    by_owner = urns[1]
    planners = stock.planner[new_rows]
    load = np.bincount(stock.owners[new_rows][stock.owners[new_rows] >= 0], minlength=register.n)
    met = np.zeros((register.n, settings.n_classes), dtype=np.int64)
    blocks: list[tuple[Ints, ...]] = []
    present = np.unique(planners)
    for org in present[np.argsort(load[present], kind="stable")].tolist():
        mine = new_rows[planners == org]
        slots = rng.permutation(np.repeat(mine, stock.citations[mine]))
        partners = np.flatnonzero(tied[org])
        partners = partners[by_owner.filled(partners)]
        has_own = bool(by_owner.filled(np.array([org]))[0])
        odds = rng.random(len(slots))
        n_self = int((odds < search.own[org]).sum()) if has_own else 0
        n_partner = int((odds > 1.0 - search.near[org]).sum()) if len(partners) else 0
        n_external = len(slots) - n_self - n_partner
        near = rng.choice(partners, size=n_partner) if n_partner else partners[:0]
        fields = _external_classes(
            register, org, n_external, float(search.breadth[org]), met[org], rng
        )
        mates = stock.owners[slots[:n_external]]
        row, column = np.nonzero((mates >= 0) & (mates != org))
        np.add.at(met, (mates[row, column], fields[row]), 1)
        kind, place = _sources(settings, org, fields, urns, search, rng)
        key = np.concatenate([place, np.full(n_self, org), near]).astype(np.int64)
        urn = np.concatenate([kind, np.ones(n_self + n_partner, dtype=np.int64)])
        field = np.concatenate([fields, np.zeros(n_self + n_partner, dtype=np.int64)])
        blocks.append((slots, np.full(len(slots), org), urn, key, field))
    columns = [np.concatenate([block[k] for block in blocks]) for k in range(5)]
    return _Planned(*columns)


def _sources(
    settings: WorldSettings,
    org: int,
    fields: Ints,
    urns: tuple[_Urn, _Urn, _Urn, _Urn],
    search: Search,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Urn and key of external citations of the given classes."""
    draws = rng.random((2, len(fields)))
    before = org * settings.n_classes + fields
    again = (draws[0] < search.repeat[org]) & urns[2].filled(before)
    newest = ~again & (draws[1] < search.recent[org]) & urns[3].filled(fields)
    kind = np.where(again, 2, np.where(newest, 3, 0))
    return kind, np.where(again, before, fields)


def _external_classes(
    register: Register,
    org: int,
    total: int,
    breadth: float,
    met: Ints,
    rng: np.random.Generator,
) -> Ints:
    """Classes of the external citations: most in the main class, others preferably in the field.

    `met` counts by class what co-applicants planned for joint patents already.
    """
    if total == 0:
        return np.empty(0, dtype=np.int64)
    liking = np.log(register.profile[org] + 0.05) + rng.gumbel(size=len(met))
    order = np.argsort(-liking, kind="stable")
    main = register.main_class[org]
    order = np.concatenate([[main], order[order != main]])
    sizes = group_sizes(total, breadth, met[order], rng)
    return np.asarray(np.repeat(order[: len(sizes)], sizes))


def _draw(
    stock: Patents,
    planned: _Planned,
    urns: tuple[_Urn, _Urn, _Urn, _Urn],
    tied: Flags,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Draw the cited patents; external ones belong to no partner, and no pair comes twice."""
    citing, lead, urn, key = planned.citing, planned.lead, planned.urn.copy(), planned.key.copy()
    cited = np.full(len(citing), -1, dtype=np.int64)
    padded = np.pad(tied, ((0, 0), (0, 1)))
    todo = np.flatnonzero(np.where(urn == 0, urns[0].filled(np.where(urn == 0, key, 0)), True))
    for turn in range(_ROUNDS):
        if turn == _ROUNDS // 2:
            todo = _relaxed(planned, todo, urn, key, urns[0])
        for kind, _ in enumerate(urns):
            now = todo[urn[todo] == kind]
            cited[now] = urns[kind].draw(key[now], rng)
        owners = stock.owners[cited[todo]]
        ours = (owners == lead[todo][:, None]).any(axis=1) | padded[
            lead[todo][:, None], owners
        ].any(axis=1)
        cited[todo[(urn[todo] != 1) & ours]] = -1
        cited[_repeats(citing, cited)] = -1
        todo = todo[cited[todo] < 0]
        if len(todo) == 0:
            break
    made = np.flatnonzero(cited >= 0)
    made = made[np.lexsort((cited[made], citing[made]))]
    return citing[made], cited[made]


def _relaxed(planned: _Planned, todo: Ints, urn: Ints, key: Ints, by_class: _Urn) -> Ints:
    """Citations that find nothing again or new take any patent of their class."""
    stuck = todo[urn[todo] > 1]
    urn[stuck], key[stuck] = 0, planned.field[stuck]
    known = by_class.filled(np.where(urn[todo] == 1, 0, key[todo]))
    return np.asarray(todo[(urn[todo] == 1) | known])


def _repeats(citing: Ints, cited: Ints) -> Ints:
    """Places of citations whose pair stands earlier already."""
    drawn = np.flatnonzero(cited >= 0)
    order = drawn[np.lexsort((drawn, cited[drawn], citing[drawn]))]
    again = (citing[order][1:] == citing[order][:-1]) & (cited[order][1:] == cited[order][:-1])
    return np.asarray(order[1:][again])
