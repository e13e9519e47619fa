"""Slopes on networks rewired at the same degrees: what counting partners gives by itself.

Where a cause and its outcome are built from the same ties, a slope between them says little: more
partners reach more classes whoever they are. The same model is fitted with its outcome measured on
networks in which every organisation keeps its number of partners and nothing else (Maslov & Sneppen
2002); causes and controls stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tertius.claims.registry import ClaimRegistry
from tertius.estimate import NotEstimable, estimate_model, panel_columns
from tertius.kernels import Workers
from tertius.measures import Graph, measure_holes, rewire
from tertius.model_spec import ModelSpec
from tertius.panel import attach_leads
from tertius.variables.derive import derive
from tertius.variables.inputs import Inputs, VariableSpec

REWIRED = "rewired"
SWAPS_PER_TIE = 5.0
"""Swaps tried for each tie: all but exp(-10) of the ties are drawn at least once."""
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
    threads: int = 1,
) -> pl.DataFrame:
    """Coefficients of each model on each rewired network.

    Args:
        inputs: of the study; its focal network is rewired year by year.
        panel: firm-years.
        codebook: specs by code.
        models: resolved; those whose outcome is not measured on the focal network's ties have no
            row in the result.
        settings: draws and seed.
        threads: draws made at once; the result is the same for any number.

    Returns:
        model, term, draw, estimate; a model that a draw cannot carry has no row for it.
    """
    tied = {n: m for n, m in models.items() if measured_on_ties(m.outcome, codebook)}
    wanted = sorted({spec.outcome for spec in tied.values()})
    if not wanted or not settings.draws:
        return pl.DataFrame(schema=SCHEMA)
    keys = panel.select("org_id", "year")
    holes = _needs_holes(wanted, codebook)
    ties = inputs.ties[inputs.focal].sort("year", "a", "b")
    years = [(part, Graph.from_frame(part)) for part in ties.partition_by("year")]
    panels = {name: panel_of(panel, spec) for name, spec in tied.items()}

    def slopes(draw: int, kept: Mapping[object, Any]) -> tuple[pl.DataFrame, dict[object, Any]]:
        rng = np.random.default_rng([settings.seed, draw])
        moved = rewired_inputs(inputs, keys, years, rng, holes=holes)
        moved._memo.update(kept)
        again = derive(moved, {code: codebook[code] for code in wanted})
        found: list[tuple[str, str, int, float]] = []
        for name, spec in tied.items():
            rows = with_outcome_of(panels[name], again, spec, inputs.outcome_years)
            try:
                fit = estimate_model(rows, spec)
            except NotEstimable:
                continue
            pairs = zip(fit.terms, fit.coefficients, strict=True)
            found += [(name, term, draw, float(value)) for term, value in pairs]
        rest = {k: v for k, v in moved._memo.items() if not _rests_on(k, inputs.focal)}
        return pl.DataFrame(found, schema=SCHEMA, orient="row"), rest

    # What does not rest on the focal network is made once, by the first draw.
    first, kept = slopes(0, {})
    with Workers(threads) as workers:
        others = workers.run(lambda draw: slopes(draw, kept)[0], range(1, settings.draws))
    return pl.concat([first, *others])


def _rests_on(key: object, network: str) -> bool:
    """Whether what is kept under a key was made for a network (its name is part of the key)."""
    return isinstance(key, tuple) and network in key


def measured_on_ties(code: str, codebook: Mapping[str, VariableSpec]) -> bool:
    """Whether a variable rests on ties, or measures of holes, and not on records of the ties."""
    needs = codebook[code].inputs if code in codebook else ()
    tied = any(i == "ties" or i.startswith("measures") for i in needs)
    return tied and "tie_records" not in needs


def _needs_holes(codes: Iterable[str], codebook: Mapping[str, VariableSpec]) -> bool:
    return any(i.startswith("measures") for code in codes for i in codebook[code].inputs)


def rewired_inputs(
    inputs: Inputs,
    keys: pl.DataFrame,
    years: Iterable[tuple[pl.DataFrame, Graph]],
    rng: np.random.Generator,
    *,
    holes: bool = False,
) -> Inputs:
    """The inputs with the focal network rewired in every year.

    Args:
        inputs: of the study.
        keys: org_id, year of the rows that are wanted.
        years: ties and graph of every year of the focal network.
        rng: of the swaps.
        holes: whether degree and structural holes are measured on it.
    """
    moved = [rewired_year(ties, graph, rng) for ties, graph in years]
    measures = {}
    if holes:
        measures[inputs.focal] = pl.concat([holes_of_year(ties) for ties in moved])
    return replace(
        inputs,
        ties={**inputs.ties, inputs.focal: pl.concat(moved)},
        measures=measures,
        risk_set=keys,
        _memo={},
    )


def rewired_year(ties: pl.DataFrame, graph: Graph, rng: np.random.Generator) -> pl.DataFrame:
    """One year's ties with other ends at the same degrees; weights are dealt out anew."""
    moved, _ = rewire(graph, rng=rng, swaps_per_tie=SWAPS_PER_TIE)
    at = np.repeat(np.arange(moved.n_nodes), np.diff(moved.indptr))
    upper = at < moved.indices
    one, two = moved.nodes[at[upper]], moved.nodes[moved.indices[upper]]
    rest = ties.drop("a", "b")[rng.permutation(ties.height)]
    ends = pl.DataFrame({"a": np.minimum(one, two), "b": np.maximum(one, two)})
    return pl.concat([rest, ends], how="horizontal").select(ties.columns)


def holes_of_year(ties: pl.DataFrame) -> pl.DataFrame:
    """Degree and structural holes of one year's nodes with ties, weighted as Newman (2001)."""
    weight = "weight_newman" if "weight_newman" in ties.columns else None
    table = measure_holes(Graph.from_frame(ties, weight=weight))
    return table.select(pl.lit(ties["year"][0], pl.Int32).alias("year"), pl.all())


def panel_of(panel: pl.DataFrame, spec: ModelSpec) -> pl.DataFrame:
    """What a model reads of the panel, without its outcome."""
    code, column = spec.outcome, spec.outcome_column
    outcome = {code, f"{code}_status", column, f"{column}_status"}
    return panel.select(
        name for name in panel_columns(spec) if name in panel.columns and name not in outcome
    )


def with_outcome_of(
    rows: pl.DataFrame, other: pl.DataFrame, spec: ModelSpec, years: tuple[int, int]
) -> pl.DataFrame:
    """The rows with a model's outcome, of its lead, taken from another table of the same keys."""
    code = spec.outcome
    both = rows.join(
        other.select("org_id", "year", code, f"{code}_status"),
        on=["org_id", "year"],
        how="left",
        maintain_order="left",
    )
    return both if spec.lead == 0 else attach_leads(both, {code: [spec.lead]}, years)
