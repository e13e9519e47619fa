"""From the codebook and the inputs to one wide frame, a value and a status for every variable."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import polars as pl

from tertius import variables
from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.variables import position
from tertius.variables.frames import missing
from tertius.variables.inputs import Inputs, VariableSpec
from tertius.variables.records import rows

Builder = Callable[..., pl.DataFrame]

CITATIONS = ("citation_pairs", "citing", "own_citations")
LARGE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "disruption": ("disruption",),
        "outcomes": (),
        "quality": ("cells", "breakthroughs"),
        "search": ("breadth",),
        "exploration": ("class_use", "class_history", "past_use", "class_window", "class_years"),
        "sources": (),
        "flows": ("cited_holders", "origins", "flows"),
        "international": ("highlands", *CITATIONS),
        "novelty": ("new_pairs", "pair_distance", "class_pairs"),
        "composites": ("received", "country_lists", "citation_windows"),
        "knowledge_base": ("class_pairs",),
        "distances": ("cosines",),
        "configuration": ("dyads", "rings", "trusted_ties"),
        "institutions": (),
        "pruning": (),
        "knowledge": ("pools", "own", "class_counts", "family_classes", "coded_symbols"),
        "access": (),
        "routines": ("class_window", "class_years", "class_shared", "tie_embedding"),
        "relations": ("partner_forms", "repeated_ties"),
    }
)
"""Modules that use tables which grow with patents, citations and ties, in the order in which they
run (first, while the frame is narrow), and the tables that none after each of them needs."""


def resolve(
    codebook: Mapping[str, Mapping[str, Any] | VariableSpec],
    declared: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, VariableSpec]:
    """The variables of a study by column name: the codebook, then the study's declared variants.

    Args:
        codebook: code -> entry of `variables.yaml` (or a spec).
        declared: name -> {of: code, network, params}: a variant under its own name.

    Raises:
        InputError: unknown keys, codes and functions, names that stand already.
    """
    problems = Problems()
    specs: dict[str, VariableSpec] = {}
    for code, entry in codebook.items():
        try:
            specs[code] = (
                entry if isinstance(entry, VariableSpec) else VariableSpec.from_entry(code, entry)
            )
        except InputError as error:
            problems.extend(error.problems)
    for name, variant in (declared or {}).items():
        base = specs.get(str(variant["of"]))
        where = f"variables.{name}"
        if base is None:
            fix = did_you_mean(str(variant["of"]), codebook)
            problems.add(where, f"no variable {variant['of']!r}", fix)
        elif name in codebook:
            problems.add(where, "the codebook has a variable of this name", "choose another name")
        else:
            specs[name] = replace(
                base,
                code=name,
                network=variant.get("network", base.network),
                params={**base.params, **variant.get("params", {})},
            )
    problems.raise_if_any()
    return specs


def derive(
    inputs: Inputs,
    codebook: Mapping[str, Mapping[str, Any] | VariableSpec],
    declared: Mapping[str, Mapping[str, Any]] | None = None,
    functions: Mapping[str, Builder] | None = None,
    done: Callable[[str], None] | None = None,
) -> pl.DataFrame:
    """Every variable for every row of the risk set.

    Args:
        inputs: the study's inputs.
        codebook: code -> entry of `variables.yaml` (or a spec).
        declared: the study's own variants, name -> {of, network, params}.
        functions: further functions by the name that an entry gives them.
        done: called with the name of every variable that is ready.

    Returns:
        org_id, year, and `<name>` (Float64, null where undefined) and `<name>_status` for every
        variable in the order of the codebook; sorted by (org_id, year). A variable of which an
        input is absent is a column of missing_input.

    Raises:
        InputError: every entry that cannot be resolved or names an unknown function or parameter.
    """
    specs = resolve(codebook, declared)
    builders = _builders(specs, functions or {})
    key = rows(inputs).select("org_id", "year")
    with TemporaryDirectory() as folder:
        # Finished columns wait on disk: beside large tables they would fill the memory.
        parts = [Path(folder) / f"{module}.arrow" for module, _ in _by_module(specs)]
        for (module, names), part in zip(_by_module(specs), parts, strict=True):
            columns = [key.select()]
            for name in names:
                built = _build(inputs, specs[name], builders.get(name))
                columns.append(_named(built, name, key))
                if done is not None:
                    done(name)
            inputs.forget(LARGE.get(module, ()))
            pl.concat(columns, how="horizontal").write_ipc(part)
        found = pl.concat([key, *map(pl.read_ipc, parts)], how="horizontal")
    return found.select(*key.columns, *(c for name in specs for c in (name, f"{name}_status")))


def _by_module(specs: Mapping[str, VariableSpec]) -> list[tuple[str, list[str]]]:
    """Names of the variables by the module of their function, in the order of `LARGE`."""
    found: dict[str, list[str]] = {module: [] for module in LARGE}
    for name, spec in specs.items():
        found.setdefault((spec.function or "").partition(".")[0], []).append(name)
    return list(found.items())


def absent_inputs(inputs: Inputs, spec: VariableSpec) -> list[str]:
    """Names of the inputs that a variable needs and the study does not have, the layer included."""
    network = spec.network or inputs.focal
    absent = [name for name in spec.inputs if not inputs.has(name, network)]
    if spec.measure and not inputs.has(f"measures.{spec.measure}", network):
        absent.append(f"measures.{spec.measure}")
    if spec.layers and not set(spec.layers) & set(inputs.network(network).layers):
        absent.append("layer " + " or ".join(spec.layers))
    return absent


def _build(inputs: Inputs, spec: VariableSpec, builder: Builder | None) -> pl.DataFrame:
    if absent_inputs(inputs, spec):
        return missing(inputs)
    network = spec.network or inputs.focal
    if builder is None:
        return position.measure(inputs, network=network, column=str(spec.measure))
    where = {"network": network} if "network" in inspect.signature(builder).parameters else {}
    return builder(inputs, **where, **spec.params)


def _named(built: pl.DataFrame, name: str, key: pl.DataFrame) -> pl.DataFrame:
    if not built.select("org_id", "year").equals(key):
        raise ValueError(f"variable {name!r} does not have exactly the rows of the risk set")
    return built.select(pl.col("value").alias(name), pl.col("status").alias(f"{name}_status"))


def _builders(
    specs: Mapping[str, VariableSpec], functions: Mapping[str, Builder]
) -> dict[str, Builder]:
    known = {**library(), **functions}
    problems = Problems()
    found: dict[str, Builder] = {}
    for name, spec in specs.items():
        if spec.function is None:
            continue
        where = f"variables.{name}"
        builder = known.get(spec.function)
        if builder is None:
            fix = did_you_mean(spec.function, known)
            problems.add(f"{where}.function", f"no function {spec.function!r}", fix)
            continue
        problems.extend(_parameter_problems(where, spec, builder))
        found[name] = builder
    problems.raise_if_any()
    return found


def library() -> dict[str, Builder]:
    """`<module>.<function>` -> every public function of the package with `inputs` in front."""
    # Hashes of code follow this pattern: the step depends on every module of the package.
    modules = {
        found.name: importlib.import_module(f"tertius.variables.{found.name}")
        for found in pkgutil.iter_modules(variables.__path__)
    }
    return {
        f"{short}.{name}": function
        for short, module in modules.items()
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and next(iter(inspect.signature(function).parameters), "") == "inputs"
    }


def _parameter_problems(where: str, spec: VariableSpec, builder: Builder) -> list[Problem]:
    parameters = list(inspect.signature(builder).parameters.values())[1:]
    allowed = [p.name for p in parameters if p.name != "network"]
    needed = [p.name for p in parameters if p.default is p.empty and p.name != "network"]
    unknown = [
        Problem(
            f"{where}.params.{key}",
            f"{spec.function} has no parameter {key!r}",
            did_you_mean(key, allowed),
        )
        for key in spec.params
        if key not in allowed
    ]
    absent = [
        Problem(f"{where}.params", f"{spec.function} needs the parameter {key!r}", "add it")
        for key in needed
        if key not in spec.params
    ]
    return unknown + absent


def status_ledger(wide: pl.DataFrame) -> pl.DataFrame:
    """variable, status, rows: how many rows of each variable have each status, zeros left out."""
    names = [column for column in wide.columns if f"{column}_status" in wide.columns]
    counts = [
        wide.group_by(pl.col(f"{name}_status").alias("status"))
        .agg(pl.len().alias("rows"))
        .select(pl.lit(name).alias("variable"), pl.col("status").cast(pl.String), "rows")
        .sort("status")
        for name in names
    ]
    empty = pl.DataFrame(schema={"variable": pl.String, "status": pl.String, "rows": pl.UInt32})
    return pl.concat([empty, *counts])


def range_problems(wide: pl.DataFrame, specs: Mapping[str, VariableSpec]) -> list[Problem]:
    """Every variable with values outside the range that its entry of the codebook gives."""
    found = []
    for name, spec in specs.items():
        low, high = spec.range
        if name not in wide.columns or (low is None and high is None):
            continue
        value = pl.col(name)
        below = value < low if low is not None else pl.lit(False)
        above = value > high if high is not None else pl.lit(False)
        outside = wide.filter(below | above).select("org_id", "year", name)
        if outside.height:
            org_id, year, worst = outside.row(0)
            what = f"{outside.height} values outside [{low}, {high}], the first {worst:g}"
            found.append(Problem(f"variable {name}", f"{what} ({org_id}, {year})"))
    return found
