"""The specifications of a claim: cells of the grid, equal ones once, and counts of the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tertius.claims.claim_test import ClaimTest
from tertius.dyad_names import FIRM_YEARS
from tertius.estimate import NotEstimable
from tertius.model_spec import split_lag
from tertius.multiverse.grid import DECLARED, Cell, Changes, Grid, drawn
from tertius.multiverse.specs import CellModel, cell_models
from tertius.registry import merge


class FrameKey(NamedTuple):
    """A panel: the cell that builds its network, and the measures that stand for others."""

    network: Cell
    swaps: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Specification:
    """One cell with all that its numbers depend on."""

    cell: Cell
    frame: FrameKey
    models: Mapping[str, CellModel]
    drop_years: tuple[int, ...] = ()
    winsor_by_year: tuple[float, ...] = ()

    @property
    def data(self) -> tuple[FrameKey, tuple[int, ...], tuple[float, ...]]:
        """The panel that its models are fitted on."""
        return self.frame, self.drop_years, self.winsor_by_year

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal keys are equal specifications."""
        return (*self.data, tuple(sorted((m, c.key) for m, c in self.models.items())))


@dataclass(frozen=True)
class Plan:
    """The specifications to run, the declared one first, and the counts behind them.

    `counts`: cells (of the full crossing), cells_of_measured_networks, unavailable (an outcome or
    model that the panel does not hold), collapsed (equal to another cell), distinct, run.
    `idle` are choices none of whose levels makes a difference to this claim.
    """

    specifications: tuple[Specification, ...]
    counts: Mapping[str, int]
    idle: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class ClaimModels:
    """A claim's test with the raw models that it names and the study's defaults of models."""

    test: ClaimTest
    models: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, Any]

    def under(self, changes: Changes) -> dict[str, CellModel]:
        """The models under the changes of a cell."""
        return cell_models(self.test, self.models, self.defaults, changes)


def check_varied(claim: ClaimModels) -> None:
    """Refuse a claim that the multiverse cannot vary.

    Raises:
        NotEstimable: a model is missing or is not on firms and years.
    """
    for name in claim.test.all_models:
        if name not in claim.models:
            raise NotEstimable("not_run", name, f"model {name} is not registered")
        frame = claim.models[name].get("frame", FIRM_YEARS)
        if frame != FIRM_YEARS:
            reason = f"model {name} is on {frame}; the multiverse varies models of firms and years"
            raise NotEstimable("not_varied", name, reason)


def models_by_estimation(grid: Grid, claim: ClaimModels) -> dict[Cell, dict[str, CellModel]]:
    """Models of every combination of choices that change models, by cell with the rest declared."""
    keys = ("model", "outcome", "estimator", "winsor_by_year")
    touch = [
        name
        for name, levels in grid.choices.items()
        if any(key in changes for changes in levels.values() for key in keys)
    ]
    own = grid.restricted(touch)
    cells: list[Cell] = [()]
    for levels in own.choices.values():
        cells = [(*cell, level) for cell in cells for level in levels]
    return {cell: claim.under(own.changes(cell)) for cell in cells}


def make_plan(
    grid: Grid,
    cells: Iterable[Cell],
    claim: ClaimModels,
    columns: Collection[str],
    years: Sequence[int],
    same: Mapping[FrameKey, FrameKey],
    seed: int,
) -> Plan:
    """The specifications of a claim.

    Args:
        grid: of the study.
        cells: those of the measured networks, as from `all_cells`, the declared one first.
        claim: the claim's test and models.
        columns: of the panel; a cell whose models need another one is unavailable.
        years: t of the panel; a dropped year that is none of them changes nothing.
        same: panel -> the first panel with equal columns; the panels are those of `frame_key`.
        seed: of the draw where there are more than `grid.specifications`.
    """
    models = models_by_estimation(grid, claim)
    touched = _touched(models)
    found: dict[tuple[Any, ...], Specification] = {}
    total = unavailable = 0
    for cell in cells:
        total += 1
        part = tuple(level if place in touched else DECLARED for place, level in enumerate(cell))
        own = models[part]
        if not all(_available(model, columns) for model in own.values()):
            unavailable += 1
            continue
        made = _specification(grid, cell, own, years, same)
        known = found.get(made.key)
        if known is None or _departures(cell) < _departures(known.cell):
            found[made.key] = made
    by_cell = {one.cell: one for one in found.values()}
    ordered = sorted(by_cell, key=lambda cell: (_departures(cell), cell))
    singles = {grid.declared, *grid.singles} & set(by_cell)
    kept = drawn(ordered, sorted(singles), grid.specifications, seed)
    counts = {
        "cells": grid.n_cells,
        "cells_of_measured_networks": total,
        "unavailable": unavailable,
        "collapsed": total - unavailable - len(found),
        "distinct": len(found),
        "run": len(kept),
    }
    seen = [{cell[place] for cell in ordered} for place in range(len(grid.choices))]
    idle = tuple(name for name, levels in zip(grid.names, seen, strict=True) if len(levels) < 2)
    return Plan(tuple(by_cell[cell] for cell in kept), counts, idle)


def _touched(models: Mapping[Cell, Any]) -> set[int]:
    """Places of the choices that change models."""
    cells = list(models)
    return {p for p in range(len(cells[0])) if len({cell[p] for cell in cells}) > 1}


def _departures(cell: Cell) -> int:
    return sum(level != DECLARED for level in cell)


def _available(model: CellModel, columns: Collection[str]) -> bool:
    spec = model.spec
    outcome = spec.outcome_column.removeprefix(f"{model.form}_" if model.form else "")
    named = (outcome, *spec.variables, *spec.option_variables)
    return all(name in columns or split_lag(name)[0] in columns for name in named)


def frame_key(grid: Grid, cell: Cell, swaps: Collection[str]) -> FrameKey:
    """The panel of a cell; only the `swaps` (measures that the claim's variables use) count."""
    changes = grid.changes(cell)
    network = tuple(
        level if "network" in grid.choices[name][level] else DECLARED
        for name, level in zip(grid.names, cell, strict=True)
    )
    taken = {k: v for k, v in changes.get("measures", {}).items() if k in swaps}
    return FrameKey(network, tuple(sorted(taken.items())))


def _specification(
    grid: Grid,
    cell: Cell,
    models: Mapping[str, CellModel],
    years: Sequence[int],
    same: Mapping[FrameKey, FrameKey],
) -> Specification:
    changes: Changes = {}
    for name, level in zip(grid.names, cell, strict=True):
        own = grid.choices[name][level]
        if "drop_years" in own or "winsor_by_year" in own or "measures" in own:
            changes = merge(changes, own)
    swaps = {key for frame in same for key, _ in frame.swaps}
    return Specification(
        cell=cell,
        frame=same[frame_key(grid, cell, swaps)],
        models=models,
        drop_years=tuple(sorted(set(changes.get("drop_years", ())) & set(years))),
        winsor_by_year=tuple(changes.get("winsor_by_year", ())),
    )
