"""From an exhibit's settings to its finished table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from tertius.exhibits.config import Exhibit
from tertius.exhibits.descriptives import (
    correlation_table,
    defined_values,
    descriptives_table,
    sample_rows,
)
from tertius.exhibits.labels import Labels
from tertius.exhibits.regression import RegressionStyle, regression_table
from tertius.exhibits.results import ModelResult, ModelResults
from tertius.exhibits.table import Table
from tertius.model_spec import base_variables


def build_table(
    exhibit: Exhibit, results: ModelResults, panel: pl.DataFrame, labels: Labels
) -> Table:
    """The table of an exhibit of kind descriptives, correlations or regression.

    A model that could not be estimated is told in the notes; a table of which no model could be
    estimated holds its heads and notes only.

    Raises:
        ValueError: the exhibit is a figure.
    """
    if exhibit.kind == "regression":
        shown = [results.estimated[m] for m in exhibit.models if m in results.estimated]
        style = RegressionStyle(exhibit.inference, exhibit.stars, exhibit.rows, exhibit.controls)
        refused = refusals(exhibit.models, results)
        return regression_table(exhibit.identity, shown, labels, style, refused)
    if exhibit.kind not in ("descriptives", "correlations"):
        raise ValueError(f"{exhibit.id} is of kind {exhibit.kind}, which is no table")
    model = results.estimated.get(exhibit.model)
    if model is None:
        notes = tuple(
            f"No sample: model {name} was not estimated ({why})."
            for name, why in refusals([exhibit.model], results).items()
        )
        return Table(*exhibit.identity, stub="Variable", heads=(("",),), rows=(), notes=notes)
    rows = sample_rows(panel, model.sample)
    listed = exhibit.variables or model_variables(model)
    wanted = tuple(dict.fromkeys([str(model.fit["outcome"]), *listed]))
    codes = tuple(c for c in wanted if np.isfinite(defined_values(rows, c)).any())
    empty = [labels.variable(code) for code in wanted if code not in codes]
    make = descriptives_table if exhibit.kind == "descriptives" else correlation_table
    table = make(exhibit.identity, rows, codes, labels, model.name)
    if not empty:
        return table
    return replace(table, notes=(*table.notes, f"No value in this sample: {', '.join(empty)}."))


def refusals(models: Sequence[str], results: ModelResults) -> dict[str, str]:
    """Those of some models that were not estimated, with the reason."""
    return {
        name: results.refused.get(name, "the study does not run it")
        for name in models
        if name not in results.estimated
    }


def model_variables(model: ModelResult) -> tuple[str, ...]:
    """Regressors of a model that were used, in the order of their terms."""
    terms = [*model.focal, *model.spec.get("controls", ())]
    lacking = set(model.fit.get("unavailable", ()))
    codes = [code for term in terms for code in base_variables([term])]
    return tuple(dict.fromkeys(code for code in codes if code not in lacking))
