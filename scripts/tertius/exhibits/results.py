"""Estimates read back from their plain files; the only thing exhibits know of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import yaml

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ModelResult:
    """One estimated model: coefficients and covariance by term, record of the fit, specification.

    `coefficients` has term, estimate, std_error, statistic, p_value, conf_low, conf_high;
    `covariance` has term and one column a term, in the same order; `sample` has org_id and year.
    """

    name: str
    coefficients: pl.DataFrame
    covariance: pl.DataFrame
    fit: Mapping[str, Any]
    spec: Mapping[str, Any]
    sample: pl.DataFrame

    @property
    def terms(self) -> tuple[str, ...]:
        """Labels of the coefficients."""
        return tuple(self.coefficients["term"].to_list())

    @property
    def focal(self) -> tuple[str, ...]:
        """Terms of the specification that are no controls."""
        return tuple(self.spec["terms"])

    def row(self, term: str) -> Mapping[str, Any] | None:
        """The row of a term, or None where the model has no such coefficient."""
        found = self.coefficients.filter(pl.col("term") == term)
        return found.row(0, named=True) if found.height else None

    def block(self, terms: tuple[str, ...]) -> tuple[Floats, Floats]:
        """(k,) estimates and (k, k) covariance of some terms.

        Raises:
            KeyError: a term has no coefficient.
        """
        absent = [term for term in terms if term not in self.terms]
        if absent:
            raise KeyError(f"{self.name} has no coefficient for {', '.join(absent)}")
        places = [self.terms.index(term) for term in terms]
        estimates = self.coefficients["estimate"].to_numpy().astype(np.float64)
        matrix = self.covariance.select(self.terms).to_numpy().astype(np.float64)
        return estimates[places], matrix[np.ix_(places, places)]


@dataclass(frozen=True, eq=False)
class ModelResults:
    """All models of a study: those estimated, and those that the data cannot support, with why."""

    estimated: Mapping[str, ModelResult]
    refused: Mapping[str, str]


def read_model(folder: Path) -> ModelResult:
    """One model from its folder: coefficients, covariance, sample (csv), fit.json, spec.yaml.

    Raises:
        FileNotFoundError: one of the files is absent.
    """
    return ModelResult(
        name=folder.name,
        coefficients=_numbers(folder / "coefficients.csv"),
        covariance=_numbers(folder / "covariance.csv"),
        fit=json.loads((folder / "fit.json").read_text(encoding="utf-8")),
        spec=yaml.safe_load((folder / "spec.yaml").read_text(encoding="utf-8")),
        sample=pl.read_csv(
            folder / "sample.csv", schema_overrides={"org_id": pl.String, "year": pl.Int32}
        ).select("org_id", "year"),
    )


def _numbers(path: Path) -> pl.DataFrame:
    """A csv whose column `term` is text and whose others are reals, empty cells undefined."""
    text = pl.read_csv(path, infer_schema=False)
    return text.with_columns(pl.all().exclude("term").cast(pl.Float64))


def read_models(folder: Path) -> ModelResults:
    """Every model below `estimates/`; one without coefficients is refused, with its reason."""
    estimated: dict[str, ModelResult] = {}
    refused: dict[str, str] = {}
    for path in sorted(item for item in folder.iterdir() if item.is_dir()):
        if (path / "coefficients.csv").exists():
            estimated[path.name] = read_model(path)
            continue
        record = path / "fit.json"
        known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
        refused[path.name] = str(known.get("reason") or "no estimate was written")
    return ModelResults(estimated, refused)
