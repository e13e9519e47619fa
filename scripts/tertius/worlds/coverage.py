"""Planted coefficients and turning points against those that a seed's main model found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from tertius.exhibits.build_figures import truth_comparison
from tertius.exhibits.config import resolve_exhibits, truth_names
from tertius.exhibits.results import ModelResult, read_model
from tertius.exhibits.truth import Plant, read_plant
from tertius.registry import read_yaml

MODEL = "truth"
"""The model of the demo that holds the planted equation."""
COEFFICIENT, TURNING, JOINT = "coefficient", "turning point", "joint"
SCHEMA = pl.Schema(
    {
        "quantity": pl.String,
        "term": pl.String,
        "planted": pl.Float64,
        "estimate": pl.Float64,
        "std_error": pl.Float64,
        "inside": pl.Boolean,
        "p_value": pl.Float64,
    }
)


def planted_rows(model: ModelResult, plant: Plant) -> pl.DataFrame:
    """One row a planted coefficient, one a planted turning point, one for all coefficients at once.

    Args:
        model: the main model.
        plant: planted coefficients in the model's names.

    Returns:
        quantity, term, planted, estimate, std_error, `inside` (the interval, or the Fieller set,
        of the model's level holds the planted value) and, for the joint row, the p of the Wald
        test that all are as planted, in column p_value, with its statistic as estimate.
    """
    compared = truth_comparison(model, plant)
    rows: list[tuple[Any, ...]] = [
        (COEFFICIENT, row.term, row.planted, row.estimate, row.std_error, row.inside, None)
        for row in compared.rows
    ]
    planted = {row.term: row.planted for row in compared.rows}
    for term in planted:
        if planted.get(f"{term}^2"):
            rows.append(_turning(model, term, planted))
    joint = (JOINT, "", None, compared.statistic, None, compared.p_value > 0.05, compared.p_value)
    return pl.DataFrame([*rows, joint], schema=SCHEMA, orient="row")


def _turning(model: ModelResult, term: str, planted: Mapping[str, float]) -> tuple[Any, ...]:
    """Row of a turning point, in the units of the model's centred variable.

    t is in the Fieller set where b1 + 2 b2 t does not differ from 0 (Fieller 1954).
    """
    (b1, b2), v = model.block((term, f"{term}^2"))
    true = -planted[term] / (2.0 * planted[f"{term}^2"])
    slope = b1 + 2.0 * b2 * true
    variance = v[0, 0] + 4.0 * true * v[0, 1] + 4.0 * true**2 * v[1, 1]
    level = float(model.spec.get("confidence", 0.95))
    quantile = float(stats.t.ppf(0.5 + level / 2.0, float(model.fit.get("dof", np.inf))))
    found = -b1 / (2.0 * b2)
    gradient = np.array([-1.0 / (2.0 * b2), b1 / (2.0 * b2**2)])
    error = float(np.sqrt(gradient @ v @ gradient))
    inside = bool(slope**2 <= quantile**2 * variance)
    return TURNING, term, float(true), float(found), error, inside, None


def read_planted(run: Path, raw: str, results: str) -> pl.DataFrame:
    """`planted_rows` of a run's folder; no row where its main model could not be estimated."""
    folder = run / results / "estimates" / MODEL
    if not (folder / "coefficients.csv").is_file():
        return pl.DataFrame(schema=SCHEMA)
    exhibits = resolve_exhibits(read_yaml(run / "config" / "exhibits.yaml"), None, "", True)
    plant = read_plant([run / raw / "truth.yaml"], truth_names(exhibits))
    return planted_rows(read_model(folder), plant)
