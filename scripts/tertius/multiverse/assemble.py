"""The panels of a claim: the declared one and one for each network variant, equal ones once."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from tertius.model_spec import split_lag
from tertius.multiverse.construct import (
    BuiltNetwork,
    PanelSettings,
    Tables,
    on_network,
    uses_measures,
    variant_panel,
)
from tertius.multiverse.grid import Cell, Grid, NetworkVariant
from tertius.multiverse.plan import FrameKey, frame_key
from tertius.multiverse.specs import CellModel
from tertius.variables.derive import resolve


@dataclass(frozen=True, eq=False)
class ClaimPanels:
    """Distinct panels by key, and for every key the first one with an equal panel."""

    frames: Mapping[FrameKey, pl.DataFrame]
    same: Mapping[FrameKey, FrameKey]


def needed_columns(models: Iterable[CellModel], panel: pl.DataFrame) -> list[str]:
    """Columns of the panel that some model needs, with statuses, in the panel's order."""
    wanted = {"org_id", "year", "in_sample"}
    for model in models:
        spec = model.spec
        outcome = spec.outcome_column.removeprefix(f"{model.form}_" if model.form else "")
        cut = () if spec.part is None else (spec.part[0],)
        values = (*spec.variables, *spec.option_variables, outcome, *cut)
        values = (*values, *(split_lag(name)[0] for name in values))
        wanted |= {*values, *(f"{name}_status" for name in values)}
        wanted |= {spec.sample, spec.cluster, *spec.effect_columns, *spec.option_columns}
    return [name for name in panel.columns if name in wanted]


def claim_panels(
    base: pl.DataFrame,
    grid: Grid,
    variants: Mapping[NetworkVariant, Cell],
    built: Callable[[NetworkVariant], BuiltNetwork],
    tables: Tables,
    settings: PanelSettings,
) -> ClaimPanels:
    """Every panel that the construction choices make for a claim.

    Args:
        base: the declared panel with the columns of `needed_columns`.
        grid: the choices.
        variants: network variants with their cells, the declared one first.
        built: the network of a variant.
        tables: the study's typed tables.
        settings: of the study's panel.
    """
    specs = resolve(settings.codebook, settings.declared)
    codes = [code for code in specs if code in base.columns]
    own = [code for code in codes if on_network(specs[code], settings.focal)]
    outcomes = {n.rpartition("_t")[0] for n in base.columns} & set(specs)
    rolled = [
        code for code in dict.fromkeys([*codes, *sorted(outcomes)])
        if specs[code].network in (None, settings.focal)
    ]  # fmt: skip
    levels = [changes for choice in grid.choices.values() for changes in choice.values()]
    used = {
        measure
        for changes in levels
        for measure in changes.get("measures", {})
        if uses_measures([specs[code] for code in own], [measure])
    }
    swaps = _swap_cells(grid)
    frames: dict[FrameKey, pl.DataFrame] = {}
    same: dict[FrameKey, FrameKey] = {}
    seen: dict[str, FrameKey] = {}
    for variant, cell in variants.items():
        for swap in swaps:
            key = frame_key(grid, _joined(grid, cell, swap), used)
            if key in same:
                continue
            if not frames:  # the declared panel itself
                frame = base
            else:
                whole = variant.roll_up != "none"
                frame = variant_panel(
                    base, rolled if whole else own, built(variant), variant, tables,
                    dict(key.swaps), settings,
                )  # fmt: skip
            mark = _hash(frame)
            same[key] = seen.setdefault(mark, key)
            if same[key] == key:
                frames[key] = frame
    return ClaimPanels(frames, same)


def _swap_cells(grid: Grid) -> list[Cell]:
    """Cells that differ in the choices of measures only, the declared one first."""
    own = grid.restricted(
        name
        for name, levels in grid.choices.items()
        if any("measures" in changes for changes in levels.values())
    )
    cells: list[Cell] = [()]
    for levels in own.choices.values():
        cells = [(*cell, level) for cell in cells for level in levels]
    return cells


def _joined(grid: Grid, network: Cell, swap: Cell) -> Cell:
    """A cell with the network levels of one and the measure levels of the other."""
    return tuple(
        other if "measures" in grid.choices[name][other] else level
        for name, level, other in zip(grid.names, network, swap, strict=True)
    )


def _hash(frame: pl.DataFrame) -> str:
    buffer = io.BytesIO()
    frame.rechunk().write_ipc(buffer)
    return hashlib.sha256(buffer.getvalue()).hexdigest()
