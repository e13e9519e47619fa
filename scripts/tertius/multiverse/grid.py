"""The choices of a multiverse, the network variants they build and the cells they make."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tertius.registry import merge

DECLARED = "declared"
"""The level of every choice at which a claim is as it is registered."""
CONSTRUCTION = ("network", "measures")
"""Changes that concern how variables are built; the others concern how models are estimated."""
RESERVED = (
    "claim_id", "spec", "status", "reason", "finding", "model", "fitted_outcome", "fitted_by",
    "n_obs", "n_firms", "estimate", "std_error", "statistic", "p_value", "effect", "post_hoc",
)  # fmt: skip
"""Columns of the table of specifications, which no choice may be called."""
Changes = Mapping[str, Any]
Cell = tuple[str, ...]
"""One level a choice, in the order of the choices."""


@dataclass(frozen=True)
class NetworkVariant:
    """How the focal network is built, with what its layers do not use left out (None).

    `hubs` is the share of the best connected nodes of a year that leave, `without` the pairs of a
    column of the register and a text in it (case aside) of the organisations that leave.
    """

    layers: tuple[str, ...]
    window: int | None
    lifespan: int | None
    weight: str
    clique_cap: int | None
    roll_up: str = "none"
    hubs: float = 0.0
    without: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """Ten hexadecimal digits of the settings."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> NetworkVariant:
        """From layers, window, lifespan, weight, clique_cap, roll_up, hubs and without."""
        layers = tuple(sorted(settings["layers"]))
        windowed = any(layer != "alliance" for layer in layers)
        return cls(
            layers=layers,
            window=int(settings["window"]) if windowed else None,
            lifespan=int(settings["lifespan"]) if "alliance" in layers else None,
            weight=str(settings["weight"]),
            clique_cap=settings["clique_cap"],
            roll_up=str(settings.get("roll_up", "none")),
            hubs=float(settings.get("hubs", 0.0)),
            without=tuple(sorted((settings.get("without") or {}).items())),
        )


@dataclass(frozen=True)
class Grid:
    """Choices with their levels (the declared one first) and what each level changes.

    `networks` and `specifications` are how many of each are drawn; `void` names, by choice, the
    levels that change nothing here.
    """

    choices: Mapping[str, Mapping[str, Changes]]
    networks: int
    specifications: int
    void: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the choices."""
        return tuple(self.choices)

    @property
    def n_cells(self) -> int:
        """Number of cells of the full crossing."""
        return math.prod(len(levels) for levels in self.choices.values())

    @property
    def declared(self) -> Cell:
        """The cell of the claim as registered."""
        return (DECLARED,) * len(self.choices)

    @property
    def singles(self) -> tuple[Cell, ...]:
        """Cells that depart from the declared one in a single choice."""
        return tuple(
            tuple(level if other == name else DECLARED for other in self.choices)
            for name, levels in self.choices.items()
            for level in levels
            if level != DECLARED
        )

    def part(self, name: str) -> str:
        """``construction`` or ``estimation``, by what the levels of a choice change."""
        built = any(key in CONSTRUCTION for level in self.choices[name].values() for key in level)
        return "construction" if built else "estimation"

    def changes(self, cell: Cell) -> Changes:
        """What a cell changes, all levels together."""
        merged: Changes = {}
        for name, level in zip(self.choices, cell, strict=True):
            merged = merge(merged, self.choices[name][level])
        return merged

    def restricted(self, kept: Iterable[str]) -> Grid:
        """The grid with the other choices at their declared level only."""
        wanted = set(kept)
        choices = {
            name: levels if name in wanted else {DECLARED: {}}
            for name, levels in self.choices.items()
        }
        return Grid(choices, self.networks, self.specifications, self.void)


def resolve_grid(
    config: Mapping[str, Any],
    own: Mapping[str, Any],
    network: Mapping[str, Any],
    layers: Iterable[str],
) -> Grid:
    """The grid of a study, without the levels that cannot change anything in it.

    Args:
        config: config/multiverse.yaml.
        own: the study's `multiverse`, which adds, changes and removes (null).
        network: settings of the study's focal network, as for `NetworkVariant.of`.
        layers: layers that the study can build.
    """
    merged = merge(config, own)
    buildable = set(layers)
    choices: dict[str, dict[str, Changes]] = {}
    void: dict[str, tuple[str, ...]] = {}
    for name, levels in merged["choices"].items():
        held: dict[str, Changes] = {DECLARED: {}}
        left = []
        for level, changes in (levels or {}).items():
            if changes is None:
                continue
            if _is_void(changes, network, buildable):
                left.append(str(level))
            else:
                held[str(level)] = changes
        if levels is not None:
            choices[name] = held
            void[name] = tuple(left)
    return Grid(choices, int(merged["networks"]), int(merged["specifications"]), void)


def _is_void(changes: Changes, network: Mapping[str, Any], layers: set[str]) -> bool:
    """Whether a level only repeats the study's network, or asks for layers it does not have."""
    own = changes.get("network", {})
    if not set(own.get("layers", ())) <= layers:
        return True
    if "window" in own and layers == {"alliance"}:
        return True
    if "lifespan" in own and "alliance" not in layers:
        return True
    if "roll_up" in own and network.get("roll_up", "none") != "none":
        return True
    same = all(_plain(network.get(key)) == _plain(value) for key, value in own.items())
    return bool(own) and same and set(changes) == {"network"}


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, (list, tuple)) else value


def network_of(grid: Grid, cell: Cell, network: Mapping[str, Any]) -> NetworkVariant:
    """The network variant of a cell over the study's own network."""
    return NetworkVariant.of({**network, **grid.changes(cell).get("network", {})})


def network_variants(
    grid: Grid, network: Mapping[str, Any], seed: int
) -> dict[NetworkVariant, Cell]:
    """The network variants that are measured, each with a cell that builds it.

    The declared network first, then every single change, then a draw from the crossing until there
    are `grid.networks` of them. They do not depend on the claim, so that all claims share them.
    """
    built = grid.restricted(name for name in grid.names if _builds(grid, name))
    order = [built.declared, *built.singles, *_shuffled(built, seed)]
    found: dict[NetworkVariant, Cell] = {}
    for place, cell in enumerate(order):
        if place > len(built.singles) and len(found) >= grid.networks:
            break
        found.setdefault(network_of(grid, cell, network), cell)
    return found


def _builds(grid: Grid, name: str) -> bool:
    return any("network" in changes for changes in grid.choices[name].values())


def _shuffled(grid: Grid, seed: int) -> list[Cell]:
    """All cells of a grid in a random order."""
    cells = list(itertools.product(*(list(levels) for levels in grid.choices.values())))
    random.Random(seed).shuffle(cells)
    return cells


def all_cells(grid: Grid, network_cells: Iterable[Cell]) -> Iterable[Cell]:
    """Cells of the measured networks crossed with all other choices; the declared one first."""
    builds = {name for name in grid.names if _builds(grid, name)}
    rest = [[DECLARED] if name in builds else list(levels) for name, levels in grid.choices.items()]
    for base in network_cells:
        for other in itertools.product(*rest):
            yield tuple(
                base[i] if name in builds else other[i] for i, name in enumerate(grid.names)
            )


def drawn(cells: Sequence[Cell], kept: Sequence[Cell], size: int, seed: int) -> list[Cell]:
    """The kept cells and a draw from the others, `size` in all, in the order of `cells`."""
    first = set(kept)
    others = [cell for cell in cells if cell not in first]
    room = min(max(size - len(first), 0), len(others))
    wanted = first | set(random.Random(seed).sample(others, room))
    return [cell for cell in cells if cell in wanted]
