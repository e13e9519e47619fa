"""A look at a study before it runs: what its raw files hold, and which claims they will allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tertius.claims import ClaimRegistry
from tertius.dyad_names import FIRM_YEARS, needed_columns, needed_inputs
from tertius.model_spec import base_variables
from tertius.problems import InputError, Problems
from tertius.registry import Registry, Study, raw_files
from tertius.sources import SourceTables, assemble, bundle, read_source, verify, within_years
from tertius.terms import split_lag

QUICK_BYTES = 50 << 20
"""Of larger bundles only this much of each file is looked at."""
MENTIONS = (
    ("patent_applicants", "name"),
    ("alliance_parties", "name"),
    ("organisations", "name"),
    ("firm_years", "name"),
)
LAYERS = {
    "alliance": ("alliance_parties", "aid"),
    "co_applicant": ("patent_applicants", "pid"),
    "co_inventor": ("patent_inventors", "pid"),
}
"""Table and record that make the ties of each layer."""
GUESSED = ("type", "name")
"""Columns of organisations that every study has: names tell the type where no register does."""


@dataclass(frozen=True)
class SourceSummary:
    """What a source yields.

    Attributes:
        name: key in the registry.
        rows: rows of each table.
        years: first and last year of its records, if any has one.
        organisations: distinct names of organisations.
        ties: layer -> pairs of parties that its records could tie, before windows and merging.
        odd: ledger lines of what was left out, merged or taken as empty.
        partial: whether only the start of large files was looked at.
    """

    name: str
    rows: Mapping[str, int]
    years: tuple[int, int] | None
    organisations: int
    ties: Mapping[str, int]
    odd: tuple[Mapping[str, Any], ...]
    partial: bool = False


@dataclass(frozen=True)
class Outlook:
    """Whether the data will allow a claim: an empty reason means yes."""

    claim: str
    reason: str = ""


def read_quickly(registry: Registry) -> tuple[dict[str, SourceTables], set[str]]:
    """Every source of a study, verified and read; the names of those looked at in part.

    Raises:
        InputError: every file that is missing or not the registered one, and every problem inside.
    """
    problems = Problems()
    read: dict[str, SourceTables] = {}
    partial: set[str] = set()
    raw_dir = registry.study.raw_dir
    for name, entry in registry.sources.items():
        try:
            large = entry["reader"] == "bundle" and int(entry["bytes"]) > QUICK_BYTES
            for file, one in raw_files(entry).items():
                _verify(name, one, raw_dir / file, whole=not large)
            if large:
                partial.add(name)
                path = raw_dir / str(entry["file"])
                read[name] = bundle.read(path, entry["mapping"], QUICK_BYTES)
            else:
                read[name] = read_source(name, entry, raw_dir)
        except InputError as error:
            problems.extend(error.problems)
    problems.raise_if_any()
    return read, partial


def _verify(name: str, one: Mapping[str, Any], path: Path, *, whole: bool) -> None:
    """Check a raw file; of a large one the size only, for hashing it takes too long here."""
    if whole or not path.is_file() or path.stat().st_size != one["bytes"]:
        verify(name, one, path)


def summarise(name: str, read: SourceTables, *, partial: bool = False) -> SourceSummary:
    """What one source yields."""
    tables = read.tables
    names = [tables[t][c].drop_nulls() for t, c in MENTIONS if t in tables]
    years = [span for table in tables.values() for span in _years(table)]
    doing = ("left out", "dropped", "merged", "taken as empty", "kept", "united")
    return SourceSummary(
        name=name,
        rows={table: frame.height for table, frame in tables.items()},
        years=(min(years), max(years)) if years else None,
        organisations=pl.concat(names).n_unique() if names else 0,
        ties={
            layer: _pairs(tables[table], record)
            for layer, (table, record) in LAYERS.items()
            if table in tables
        },
        odd=tuple(
            line
            for line in read.ledger
            if line["rows"] and any(word in str(line["note"]) for word in doing)
        ),
        partial=partial,
    )


def _years(table: pl.DataFrame) -> Iterable[int]:
    if "year" in table.columns:
        found = table["year"].drop_nulls()
    elif "start_date" in table.columns:
        found = table["start_date"].drop_nulls().dt.year()
    else:
        return ()
    return (int(str(found.min())), int(str(found.max()))) if len(found) else ()


def _pairs(table: pl.DataFrame, record: str) -> int:
    """Sum of k(k-1)/2 over records of k parties."""
    k = table.group_by(record).len()["len"].cast(pl.Int64)
    return int((k * (k - 1) // 2).sum())


def united(read: Mapping[str, SourceTables], study: Study) -> Mapping[str, pl.DataFrame]:
    """All tables of the study, cut to its years.

    Raises:
        InputError: what two sources say differently.
    """
    return within_years(assemble(read).tables, study.years.raw).tables


def outlooks(
    registry: Registry, claims: ClaimRegistry, tables: Mapping[str, pl.DataFrame]
) -> list[Outlook]:
    """For every claim whether the inputs of its test are there.

    Args:
        registry: the study with the codebook.
        claims: claims and the models of their tests.
        tables: as read, cut to the study's years.
    """
    study = registry.study
    models = {**claims.models, **study.section("models")}
    stand_ins = study.section("stand_ins")
    found = []
    for claim in claims.claims:
        if claim.test is None:
            found.append(Outlook(claim.id, f"no test ({claim.testability})"))
            continue
        codes = [code for name in claim.test.all_models for code in _codes(models[name], stand_ins)]
        columns = [c for name in claim.test.all_models for c in _dyad_columns(models[name])]
        layers = study.networks[study.focal].layers
        lacking = sorted(
            {name for code in codes for name in _lacking(code, registry, tables)}
            | {name for name in columns if not _has(name, layers, tables, study)}
        )
        found.append(Outlook(claim.id, f"no {', '.join(lacking)}" if lacking else ""))
    return found


def _codes(model: Mapping[str, Any], stand_ins: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Variables that a model needs: outcome, terms, and what its options name."""
    outcome = str(model["outcome"])
    outcome = str(stand_ins.get(outcome, {}).get("variable", outcome))
    terms = base_variables(str(term) for term in model.get("terms") or ())
    if model.get("frame", FIRM_YEARS) != FIRM_YEARS:
        return needed_inputs(terms)[0]
    named = (v for v in (model.get("options") or {}).values() if isinstance(v, str))
    return (outcome, *terms, *named)


def _dyad_columns(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Tables and columns that the terms of a model of dyads need."""
    if model.get("frame", FIRM_YEARS) == FIRM_YEARS:
        return ()
    return needed_columns(base_variables(str(term) for term in model.get("terms") or ()))


def _lacking(code: str, registry: Registry, tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """Inputs of a variable that the tables do not hold."""
    study = registry.study
    base, _, network = split_lag(code)[0].partition("__")
    own = study.section("variables").get(code)
    entry = registry.codebook.get(str(own["of"]) if own else base, {})
    named = network or (own or {}).get("network") or entry.get("network") or study.focal
    layers = study.networks[named].layers if named in study.networks else (named,)
    wanted = [str(name) for name in entry.get("inputs", ())]
    if entry.get("layers") and not set(entry["layers"]) & set(layers):
        return [f"layer {' or '.join(entry['layers'])}"]
    return [name for name in wanted if not _has(name, layers, tables, study)]


def _has(
    name: str, layers: Iterable[str], tables: Mapping[str, pl.DataFrame], study: Study
) -> bool:
    table, _, column = name.partition(".")
    if table in ("ties", "tie_records", "measures"):
        return any(_filled(tables, LAYERS[layer][0]) for layer in layers)
    if table == "holders":
        inventors = study.unit == "inventor"
        return _filled(tables, "patent_inventors" if inventors else "patent_applicants")
    if table == "organisations" and (not column or column in GUESSED):
        return any(_filled(tables, mention) for mention, _ in MENTIONS)
    return _filled(tables, table, column)


def _filled(tables: Mapping[str, pl.DataFrame], name: str, column: str = "") -> bool:
    table = tables.get(name)
    if table is None or table.height == 0:
        return False
    return not column or (column in table.columns and table[column].null_count() < table.height)
