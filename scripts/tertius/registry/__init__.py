"""The registry: every configuration file, validated and cross-checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.registry.files import read_checked, read_yaml, schema_problems
from tertius.registry.formats import load_formats, load_sources, raw_files, resolve_source
from tertius.registry.study import (
    LAYERS,
    Network,
    Study,
    StudyYears,
    load_study,
    merge,
    study_names,
)

__all__ = [
    "LAYERS",
    "Network",
    "Registry",
    "Study",
    "StudyYears",
    "load_formats",
    "load_registry",
    "load_sources",
    "load_study",
    "merge",
    "raw_files",
    "read_checked",
    "read_yaml",
    "resolve_source",
    "schema_problems",
    "study_names",
]


@dataclass(frozen=True)
class Registry:
    """A study with the entries of the registries that it uses.

    Attributes:
        study: the study's settings.
        sources: its entries of `config/sources.yaml` with their formats written out, in the
            study's order.
        codebook: every entry of `config/variables.yaml`.
        whole_network: every entry of `config/whole_network.yaml`.
        files: the configuration files that were read, as paths below the root.
    """

    study: Study
    sources: Mapping[str, Mapping[str, Any]]
    codebook: Mapping[str, Mapping[str, Any]]
    whole_network: Mapping[str, Mapping[str, Any]]
    files: tuple[str, ...]


def load_registry(root: Path, name: str, raw_dir: str | None = None) -> Registry:
    """Read and check everything that a run of one study needs, except claims and exhibits.

    Args:
        root: the project's folder.
        name: the study.
        raw_dir: a folder that takes the place of the study's `raw_dir`.

    Raises:
        InputError: every problem of every file.
    """
    problems = Problems()
    contents: dict[str, Mapping[str, Any]] = {"sources": {}, "variables": {}, "whole_network": {}}
    schema = root / "workflow" / "schemas" / "variables.yaml"

    def book(kind: str) -> Mapping[str, Any]:
        return read_checked(root / "config" / f"{kind}.yaml", schema)

    loads: dict[str, Callable[[], Mapping[str, Any]]] = {
        "sources": lambda: load_sources(root),
        "variables": lambda: book("variables"),
        "whole_network": lambda: book("whole_network"),
    }
    for kind, load in loads.items():
        try:
            contents[kind] = load()
        except InputError as error:
            problems.extend(error.problems)
    try:
        study = load_study(root, name, raw_dir)
    except InputError as error:
        problems.extend(error.problems)
        raise InputError(problems.found) from error
    origin = f"config/studies/{name}.yaml"
    problems.extend(_source_problems(study, contents["sources"], origin))
    problems.extend(_variable_problems(study, contents["variables"], origin))
    problems.raise_if_any()
    return Registry(
        study=study,
        sources={key: contents["sources"][key] for key in study.sources},
        codebook=contents["variables"],
        whole_network=contents["whole_network"],
        files=tuple(_files(root)),
    )


def _files(root: Path) -> list[str]:
    found = [*(root / "config").rglob("*.yaml"), *(root / "workflow" / "schemas").glob("*.yaml")]
    found += (root / "config" / "identity").rglob("*.csv")
    return sorted(path.relative_to(root).as_posix() for path in found)


def _source_problems(
    study: Study, sources: Mapping[str, Mapping[str, Any]], origin: str
) -> list[Problem]:
    return [
        Problem(f"{origin}: sources", f"no source {key!r}", did_you_mean(key, sources))
        for key in study.sources
        if key not in sources
    ]


def _variable_problems(
    study: Study, codebook: Mapping[str, Mapping[str, Any]], origin: str
) -> list[Problem]:
    found = []
    for name, entry in study.section("variables").items():
        where = f"{origin}: variables.{name}"
        if entry["of"] not in codebook:
            fix = did_you_mean(entry["of"], codebook)
            found.append(Problem(f"{where}.of", f"no variable {entry['of']!r}", fix))
        network = entry.get("network", study.focal)
        if network not in study.networks:
            fix = did_you_mean(network, study.networks)
            found.append(Problem(f"{where}.network", f"no network {network!r}", fix))
    for name, entry in study.section("stand_ins").items():
        for code in (name, entry["variable"]):
            if code not in codebook:
                fix = did_you_mean(code, codebook)
                where = f"{origin}: stand_ins.{name}"
                found.append(Problem(where, f"no variable {code!r}", fix))
    return found
