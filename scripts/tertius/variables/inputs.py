"""What a variable is measured from, and what the codebook says about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, cast

import polars as pl

from tertius.problems import InputError, Problem
from tertius.tables import StoredTables

CO_PATENT_LAYERS = ("co_applicant", "co_inventor")
T = TypeVar("T")


class NetworkLike(Protocol):
    """What a variable has to know of a named network."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Source layers: alliance, co_applicant, co_inventor."""

    @property
    def window(self) -> int | None:
        """Width w of W(t, w) for co-patent layers; alliances count as on 31 December."""


@dataclass(frozen=True)
class NetworkFacts:
    """Layers and window of a network; any object with these two attributes serves as well."""

    layers: tuple[str, ...] = ("alliance",)
    window: int | None = None


@dataclass(frozen=True)
class VariableSpec:
    """One entry of the codebook.

    Attributes:
        code: name of the column.
        range: lowest and highest value, None = open.
        mark: V checked against independent software | L from the literature | P a proxy of ours.
        inputs: typed tables (or holders, ties, tie_records, measures), or `table.column`, without
            which the column is all missing_input.
        measure: column of the network's measures, or None.
        function: `<module>.<function>` of this package, or None.
        network: the network it is measured on; None = the study's focal network.
        layers: layers of which the network needs at least one; empty = any.
    """

    code: str
    label: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    range: tuple[float | None, float | None] = (None, None)
    formula: str = ""
    source: str = ""
    mark: str = "P"
    inputs: tuple[str, ...] = ()
    undefined: str = ""
    role: str = "covariate"
    leads: tuple[int, ...] = ()
    measure: str | None = None
    function: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    network: str | None = None
    layers: tuple[str, ...] = ()
    note: str = ""

    @classmethod
    def from_entry(cls, code: str, entry: Mapping[str, Any]) -> VariableSpec:
        """The spec of an entry of `variables.yaml`.

        Raises:
            InputError: an unknown key, or neither or both of `measure` and `function`.
        """
        known = set(cls.__dataclass_fields__) - {"code"}
        unknown = sorted(set(entry) - known)
        if unknown:
            raise InputError([Problem(f"variables.{code}", f"unknown keys {', '.join(unknown)}")])
        if ("measure" in entry) == ("function" in entry):
            what = "exactly one of measure and function is needed"
            raise InputError([Problem(f"variables.{code}", what)])
        tuples = {key: tuple(entry[key]) for key in ("inputs", "leads", "layers") if key in entry}
        low, high = entry.get("range", (None, None))
        plain = {**entry, **tuples, "range": (_real(low), _real(high))}
        return cls(code=code, **plain)


def _real(value: Any) -> float | None:
    return None if value is None else float(value)


@dataclass(frozen=True)
class Inputs:
    """Everything that the variables of one study are measured from.

    Attributes:
        tables: the typed tables that the study has, by name.
        holders: pid, org_id, share: whose patents they are for the study's unit (applicants, or
            inventors with inv_id as org_id); None without patents.
        ties: network -> year, a, b, weight_*, n_records (a < b).
        tie_records: network -> year, a, b, record_id.
        measures: network -> year, node, one column a measure, `<name>_status` where it can be
            undefined; a row for every node of the year, isolates included.
        risk_set: org_id, year: the rows that every variable is returned for, all types of living
            units (not the analysis sample only).
        raw_years: first and last year of the records.
        outcome_years: first and last year in which outcomes are observed.
        networks: network -> its layers and window.
        focal: the network of a variable that names none.
        frame_types: organisation types of the analysis sample.
        tie_years: years for which the ties were built; None = raw_years.
    """

    tables: Mapping[str, pl.DataFrame]
    holders: pl.DataFrame | None
    ties: Mapping[str, pl.DataFrame]
    tie_records: Mapping[str, pl.DataFrame]
    measures: Mapping[str, pl.DataFrame]
    risk_set: pl.DataFrame
    raw_years: tuple[int, int]
    outcome_years: tuple[int, int]
    networks: Mapping[str, NetworkLike] = field(default_factory=lambda: MappingProxyType({}))
    focal: str = "alliance"
    frame_types: tuple[str, ...] = ("firm",)
    tie_years: tuple[int, int] | None = None
    _memo: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)
    _locks: dict[object, RLock] = field(default_factory=dict, repr=False, compare=False)

    def once(self, key: object, build: Callable[[], T]) -> T:
        """The result of `build`, made at the first call under this key and kept.

        Of several threads that ask at the same time one builds, the others wait.
        """
        if key not in self._memo:
            with self._locks.setdefault(key, RLock()):
                if key not in self._memo:
                    self._memo[key] = build()
        return cast(T, self._memo[key])

    def latest(self, group: str, key: object, build: Callable[[], T]) -> T:
        """The result of `build`, kept until another key of the group is asked for."""
        place = ("latest", group)
        with self._locks.setdefault(place, RLock()):
            found = self._memo.get(place)
            if found is None or found[0] != key:
                self._memo.pop(place, None)
                found = self._memo[place] = (key, build())
        return cast(T, found[1])

    def forget(self, names: Iterable[str]) -> None:
        """Drop what is kept under keys (or first parts of keys) of these names."""
        gone = set(names)
        for key in list(self._memo):
            first = key[0] if isinstance(key, tuple) else key
            if first in gone or first == "latest":
                del self._memo[key]

    def columns(self, table: str, *names: str) -> pl.DataFrame:
        """Some columns of a typed table; of a stored one only these are read."""
        if isinstance(self.tables, StoredTables):
            return self.tables.columns(table, *names)
        return self.tables[table].select(names)

    def network(self, name: str) -> NetworkLike:
        """Layers and window of a network; a network without an entry counts as alliances."""
        return self.networks.get(name, NetworkFacts())

    def has(self, name: str, network: str | None = None) -> bool:
        """Whether an input that a variable names is there and holds something.

        Args:
            name: a typed table, or holders, ties, tie_records, measures; `table.column` asks for a
                column with at least one value.
            network: the network for the last three.
        """
        at = network or self.focal
        return self.once(("has", name, at), lambda: self._has(name, at))

    def _has(self, name: str, network: str) -> bool:
        whole, _, column = name.partition(".")
        table = self._table(whole, network)
        if table is None or (table.height == 0 and whole not in ("ties", "tie_records")):
            return False
        return not column or (column in table.columns and table[column].null_count() < table.height)

    def _table(self, name: str, network: str) -> pl.DataFrame | None:
        if name == "holders":
            return self.holders
        if name in ("ties", "tie_records", "measures"):
            found: pl.DataFrame | None = getattr(self, name).get(network)
            return found
        return self.tables.get(name)

    @property
    def covered_years(self) -> tuple[int, int]:
        """First and last year for which ties are known."""
        return self.tie_years or self.raw_years

    @property
    def years(self) -> list[int]:
        """The years of the risk set, ascending."""
        return [int(year) for year in self.risk_set["year"].unique().sort()]
