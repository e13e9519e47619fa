"""Worlds as declared in config/worlds: the simulator's settings, with what a world changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.registry import read_yaml
from tertius.simulate import WorldSettings, null_world, settings_for
from tertius.simulate.claim_truth import claims_as_data

SLOPES = ("planted", "zero")
KEYS = ("title", "slopes", "settings")


def world_names(root: Path) -> list[str]:
    """Names of all declared worlds."""
    return sorted(path.stem for path in (root / "config" / "worlds").glob("*.yaml"))


def world_settings(root: Path, name: str, firms: int) -> WorldSettings:
    """Settings of a declared world of a size.

    Args:
        root: the project's folder.
        name: of a file of config/worlds without `.yaml`.
        firms: number of firms (at least 40).

    Raises:
        InputError: no such world, or every key that is none of the simulator's settings.
    """
    known = world_names(root)
    if name not in known:
        raise InputError(
            [Problem("world", f"no world is called {name!r}", did_you_mean(name, known))]
        )
    where = f"config/worlds/{name}.yaml"
    declared = read_yaml(root / "config" / "worlds" / f"{name}.yaml")
    problems = Problems()
    for key in sorted(declared.keys() - set(KEYS)):
        problems.add(f"{where}: {key}", "unknown key", did_you_mean(key, KEYS))
    slopes = declared.get("slopes", "planted")
    if slopes not in SLOPES:
        problems.add(f"{where}: slopes", f"is {slopes!r}", did_you_mean(str(slopes), SLOPES))
    settings = _changed(settings_for(firms), declared.get("settings", {}), where, problems)
    problems.raise_if_any()
    return null_world(settings) if slopes == "zero" else settings


def world_truths(root: Path, name: str, firms: int) -> dict[str, str]:
    """Planted truth of every claim in a declared world; all false where every slope is zero.

    Raises:
        InputError: as `world_settings`.
    """
    settings = world_settings(root, name, firms)
    declared = read_yaml(root / "config" / "worlds" / f"{name}.yaml")
    zero = declared.get("slopes") == "zero"
    told = claims_as_data(settings)
    return {claim: "false" if zero else str(one["truth"]) for claim, one in told.items()}


def _changed(plan: Any, changes: Mapping[str, Any], where: str, problems: Problems) -> Any:
    """A plan with some of its numbers changed, plan within plan."""
    names = [one.name for one in fields(plan)]
    made = {}
    for key, value in changes.items():
        place = f"{where}: {key}"
        old = getattr(plan, key, None)
        if key not in names:
            problems.add(place, "no setting of a world", did_you_mean(key, names))
        elif is_dataclass(old) != isinstance(value, Mapping):
            problems.add(place, f"is {value!r}", "give a plan its coefficients, a setting a number")
        elif is_dataclass(old):
            made[key] = _changed(old, value, place, problems)
        else:
            made[key] = float(value) if isinstance(old, float) else value
    return replace(plan, **made)
