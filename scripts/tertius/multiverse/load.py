"""The grid of a study from its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tertius.model_spec import UNDEFINED_POLICIES
from tertius.multiverse.grid import DECLARED, RESERVED, Grid, resolve_grid
from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.registry import Study, merge, read_checked, read_yaml, schema_problems


def focal_settings(study: Study) -> dict[str, Any]:
    """Settings of the focal network, as for `NetworkVariant.of`."""
    network = study.networks[study.focal]
    ties = study.section("ties")
    return {
        "layers": list(network.layers),
        "window": network.window,
        "weight": network.weight,
        "clique_cap": ties["clique_cap"],
        "lifespan": ties["lifespan"],
        "roll_up": study.section("identity")["roll_up"],
        "hubs": 0.0,
        "without": {},
    }


def load_grid(root: Path, study: Study) -> Grid:
    """config/multiverse.yaml with the study's own choices.

    Raises:
        InputError: every departure from the schema and every level that cannot be read.
    """
    schema = root / "workflow" / "schemas" / "multiverse.yaml"
    config = read_checked(root / "config" / "multiverse.yaml", schema)
    own = study.section("multiverse")
    merged = _without_removed(merge(config, own))
    problems = Problems()
    problems.extend(
        schema_problems(merged, read_yaml(schema), f"config/studies/{study.name}.yaml: multiverse")
    )
    problems.extend(_level_problems(merged))
    if problems.found:
        raise InputError(dict.fromkeys(problems.found))
    layers = {layer for network in study.networks.values() for layer in network.layers}
    return resolve_grid(config, own, focal_settings(study), layers)


def _without_removed(merged: dict[str, Any]) -> dict[str, Any]:
    """The configuration without choices and levels that a study removed."""
    choices = {
        name: {level: changes for level, changes in levels.items() if changes is not None}
        for name, levels in merged["choices"].items()
        if levels is not None
    }
    return {**merged, "choices": choices}


def _level_problems(merged: dict[str, Any]) -> list[Problem]:
    problems = Problems()
    for name, levels in merged["choices"].items():
        if name in RESERVED:
            what = "is the name of a column of results"
            problems.add(f"multiverse: choices.{name}", what, "call the choice otherwise")
        for level, changes in levels.items():
            where = f"multiverse: choices.{name}.{level}"
            policy = changes.get("model", {}).get("undefined")
            if policy is not None and policy not in UNDEFINED_POLICIES:
                fix = did_you_mean(str(policy), UNDEFINED_POLICIES)
                problems.add(f"{where}.model.undefined", f"unknown policy {policy!r}", fix)
            if level == DECLARED:
                what = "is the name of the claim as registered"
                problems.add(where, what, "call the level otherwise")
    return problems.found
