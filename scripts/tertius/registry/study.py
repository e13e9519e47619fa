"""A study: one file of settings, resolved to typed values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tertius.problems import InputError, Problem, did_you_mean
from tertius.registry.files import read_yaml, schema_problems

LAYERS = ("alliance", "co_applicant", "co_inventor")
ORGANISATION_LAYERS = ("alliance", "co_applicant")


@dataclass(frozen=True)
class StudyYears:
    """Spans of years, both ends included.

    Attributes:
        raw: years of the records that are read.
        analysis: years t of the covariates in the estimation sample.
        outcomes: years t+h in which outcomes are observed.
    """

    raw: tuple[int, int]
    analysis: tuple[int, int]
    outcomes: tuple[int, int]


@dataclass(frozen=True)
class Network:
    """A named network: source layers, time rule and the weight that its measures use.

    Attributes:
        layers: one layer, or a union of organisation layers.
        window: width w of W(t, w) for co-patent layers; alliances always count by their state on
            31 December of t.
        weight: count | newman | fraction.
    """

    name: str
    layers: tuple[str, ...]
    window: int
    weight: str


@dataclass(frozen=True)
class Study:
    """All settings of a study, defaults written out.

    `settings` holds the resolved file as plain data, section by section.
    """

    name: str
    title: Mapping[str, str]
    unit: str
    seed: int
    raw_dir: Path
    sources: tuple[str, ...]
    years: StudyYears
    networks: Mapping[str, Network]
    focal: str
    settings: Mapping[str, Any]

    def section(self, name: str) -> Any:
        """One section of the settings as plain data."""
        return self.settings[name]


def study_names(root: Path) -> list[str]:
    """Names of all studies that have a file."""
    return sorted(path.stem for path in (root / "config" / "studies").glob("*.yaml"))


def load_study(root: Path, name: str, raw_dir: str | None = None) -> Study:
    """Read, complete and check a study.

    Args:
        root: the project's folder.
        name: the file's name in `config/studies` without `.yaml`.
        raw_dir: a folder that takes the place of the study's `raw_dir`.

    Raises:
        InputError: unknown study, or every departure from the schema and every inconsistency.
    """
    settings = _settings(root, name)
    if raw_dir:
        settings["raw_dir"] = raw_dir
    problems = _inconsistencies(settings, f"config/studies/{name}.yaml")
    if problems:
        raise InputError(problems)
    years = {key: (int(span[0]), int(span[1])) for key, span in settings["years"].items()}
    networks = {
        key: Network(key, tuple(value["layers"]), int(value["window"]), value["weight"])
        for key, value in settings["networks"].items()
    }
    return Study(
        name=name,
        title=settings["title"],
        unit=settings["unit"],
        seed=int(settings["seed"]),
        raw_dir=(root / Path(settings["raw_dir"]).expanduser()),
        sources=tuple(settings["sources"]),
        years=StudyYears(**years),
        networks=networks,
        focal=settings["focal"],
        settings=settings,
    )


def _settings(root: Path, name: str) -> dict[str, Any]:
    known = study_names(root)
    if name not in known:
        fix = did_you_mean(name, known)
        raise InputError([Problem("study", f"no study is called {name!r}", fix)])
    schemas = root / "workflow" / "schemas"
    settings = _with_bases(root, name, ())
    schema = read_yaml(schemas / "study.yaml")
    problems = schema_problems(settings, schema, f"config/studies/{name}.yaml")
    if problems:
        raise InputError(dict.fromkeys(problems))
    return _complete(settings, read_yaml(root / "config" / "defaults.yaml"))


def _with_bases(root: Path, name: str, seen: tuple[str, ...]) -> dict[str, Any]:
    path = root / "config" / "studies" / f"{name}.yaml"
    own = read_yaml(path)
    base = own.pop("extends", None)
    if base is None:
        return own
    if base == name or base in seen or base not in study_names(root):
        fix = did_you_mean(str(base), [k for k in study_names(root) if k != name])
        raise InputError([Problem(f"{path}: extends", f"{base!r} cannot be extended", fix)])
    return merge(_with_bases(root, base, (*seen, name)), own)


def merge(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The base with what `own` sets in its place; mappings are merged key by key."""
    merged = dict(base)
    for key, value in own.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both and isinstance(old, Mapping) else value
    return merged


def _complete(settings: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    network = defaults["network"]
    complete = merge({k: v for k, v in defaults.items() if k != "network"}, settings)
    complete["networks"] = {
        name: merge(network, value) for name, value in settings["networks"].items()
    }
    complete.setdefault("focal", next(iter(settings["networks"])))
    return complete


def _inconsistencies(settings: Mapping[str, Any], origin: str) -> list[Problem]:
    problems = []
    for key, (first, last) in settings["years"].items():
        if first > last:
            problems.append(Problem(f"{origin}: years.{key}", f"{first} is after {last}"))
    raw = settings["years"]["raw"]
    for key in ("analysis", "outcomes"):
        first, last = settings["years"][key]
        if first < raw[0] or last > raw[1]:
            what = f"{first}-{last} lies outside the raw years {raw[0]}-{raw[1]}"
            problems.append(Problem(f"{origin}: years.{key}", what, "widen raw or narrow this"))
    if settings["focal"] not in settings["networks"]:
        fix = did_you_mean(settings["focal"], settings["networks"])
        problems.append(Problem(f"{origin}: focal", f"no network {settings['focal']!r}", fix))
    for name, network in settings["networks"].items():
        problems.extend(_network_problems(name, network, origin))
    return problems


def _network_problems(name: str, network: Mapping[str, Any], origin: str) -> list[Problem]:
    where = f"{origin}: networks.{name}"
    found = []
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        found.append(Problem(where, "the name is not snake_case", "letters, digits, single _"))
    mixed = len(network["layers"]) > 1 and "co_inventor" in network["layers"]
    if mixed:
        fix = "unite organisation layers only: " + ", ".join(ORGANISATION_LAYERS)
        found.append(Problem(f"{where}.layers", "inventors and organisations differ", fix))
    return found
