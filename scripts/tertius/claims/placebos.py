"""Slopes on networks rewired at the same degrees: what counting partners gives by itself.

Where a cause and its outcome are built from the same ties, a slope between them says little: more
partners reach more classes whoever they are. The same model is fitted on networks in which every
organisation keeps its number of partners and nothing else (Maslov & Sneppen 2002).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tertius.claims.registry import ClaimRegistry
from tertius.estimate import NotEstimable, estimate_model
from tertius.measures import Graph, measure_holes, rewire
from tertius.model_spec import ModelSpec
from tertius.variables.derive import derive
from tertius.variables.inputs import Inputs, VariableSpec

REWIRED = "rewired"
SCHEMA = {"model": pl.String, "term": pl.String, "draw": pl.Int32, "estimate": pl.Float64}


def placebo_models(registry: ClaimRegistry) -> tuple[str, ...]:
    """Models of tests that are held against rewired networks, sorted."""
    tests = [test for claim in registry.claims for test in claim.tests.values()]
    legs = [leg for test in tests for leg in (test, *test.legs)]
    return tuple(sorted({leg.model for leg in legs if leg.placebo == REWIRED}))


@dataclass(frozen=True)
class PlaceboSettings:
    """Number of rewired networks, and the seed of the swaps."""

    draws: int
    seed: int


def placebo_slopes(
    inputs: Inputs,
    panel: pl.DataFrame,
    codebook: Mapping[str, VariableSpec],
    models: Mapping[str, ModelSpec],
    settings: PlaceboSettings,
) -> pl.DataFrame:
    """Coefficients of each model on each rewired network.

    Outcome and terms that are measured on the focal network's ties are measured anew; what rests on
    records of the ties, and the controls, stay as they are.

    Args:
        inputs: of the study; its focal network is rewired year by year.
        panel: firm-years.
        codebook: specs by code.
        models: resolved, of the outcome's own year (lead 0).
        settings: draws and seed.

    Returns:
        model, term, draw, estimate; a model that a draw cannot carry has no row for it.
    """
    needed = {name: _measured_on_ties(spec, codebook) for name, spec in models.items()}
    wanted = sorted({code for codes in needed.values() for code in codes})
    keys = panel.select("org_id", "year")
    found: list[tuple[str, str, int, float]] = []
    kept: dict[object, Any] = {}
    for draw in range(settings.draws if wanted else 0):
        moved = rewired_inputs(inputs, keys, np.random.default_rng([settings.seed, draw]))
        moved._memo.update(kept)
        again = derive(moved, {code: codebook[code] for code in wanted})
        kept = {k: v for k, v in moved._memo.items() if not _rests_on(k, inputs.focal)}
        for name, spec in models.items():
            rows = with_columns_of(panel, again, needed[name])
            try:
                fit = estimate_model(rows, spec)
            except NotEstimable:
                continue
            found += [
                (name, t, draw, float(b)) for t, b in zip(fit.terms, fit.coefficients, strict=True)
            ]
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def _rests_on(key: object, network: str) -> bool:
    """Whether what is kept under a key was made for a network (its name is part of the key)."""
    return isinstance(key, tuple) and network in key


def _measured_on_ties(spec: ModelSpec, codebook: Mapping[str, VariableSpec]) -> tuple[str, ...]:
    """Outcome and variables of the terms that are measured on ties alone."""
    named = dict.fromkeys([spec.outcome, *(v for v in spec.variables if v in codebook)])
    return tuple(
        code
        for code in named
        if code in codebook
        and code not in spec.controls
        and "tie_records" not in codebook[code].inputs
        and any(i == "ties" or i.startswith("measures") for i in codebook[code].inputs)
    )


def rewired_inputs(inputs: Inputs, keys: pl.DataFrame, rng: np.random.Generator) -> Inputs:
    """The inputs with the focal network rewired in every year, and its structural holes.

    Weights of a year are dealt out among its new ties.

    Args:
        inputs: of the study.
        keys: org_id, year of the rows that are wanted.
        rng: of the swaps.
    """
    ties = inputs.ties[inputs.focal]
    years = [rewired_year(part, rng) for part in ties.sort("year", "a", "b").partition_by("year")]
    moved = pl.concat([edges for edges, _ in years])
    measures = pl.concat([table for _, table in years])
    return replace(
        inputs,
        ties={**inputs.ties, inputs.focal: moved},
        measures={**inputs.measures, inputs.focal: measures},
        risk_set=keys,
        _memo={},
    )


def rewired_year(ties: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One year's ties with other ends at the same degrees; degree and holes of its nodes."""
    graph, _ = rewire(Graph.from_frame(ties), rng=rng)
    at = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    upper = at < graph.indices
    one, two = graph.nodes[at[upper]], graph.nodes[graph.indices[upper]]
    order = rng.permutation(ties.height)
    rest = ties.drop("a", "b")[order]
    ends = pl.DataFrame({"a": np.minimum(one, two), "b": np.maximum(one, two)})
    edges = pl.concat([rest, ends], how="horizontal").select(ties.columns)
    weight = next((c for c in ties.columns if c == "weight_newman"), None)
    table = measure_holes(Graph.from_frame(edges, weight=weight))
    year = pl.lit(ties["year"][0], pl.Int32).alias("year")
    return edges, table.select(year, pl.all())


def with_columns_of(panel: pl.DataFrame, other: pl.DataFrame, codes: Iterable[str]) -> pl.DataFrame:
    """The panel with some variables and their statuses taken from another table of its rows."""
    columns = [name for code in codes for name in (code, f"{code}_status")]
    lean = panel.drop(columns)
    return lean.join(
        other.select("org_id", "year", *columns),
        on=["org_id", "year"],
        how="left",
        maintain_order="left",
    )
