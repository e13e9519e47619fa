"""Survey scales as variables: the nearest wave that is not later than the year."""

from __future__ import annotations

import polars as pl

from tertius.survey.scoring import nearest_wave, scale_scores, scored_items
from tertius.variables.frames import Rule, settle
from tertius.variables.inputs import Inputs
from tertius.variables.records import coded, rows


def scores(inputs: Inputs) -> pl.DataFrame:
    """All scale scores of the study's survey (`survey.scale_scores`)."""

    def build() -> pl.DataFrame:
        key = inputs.tables["survey_key"]
        return scale_scores(scored_items(inputs.tables["survey_firm"], key), key)

    return inputs.once("survey_scores", build)


def scale(
    inputs: Inputs, *, scale: str, dimension: str | None = None, oldest: int = 3
) -> pl.DataFrame:
    """Mean of the items of a scale in the nearest wave until 31 December t, in units of the items.

    The study's survey has no such scale, or the unit has not answered by t: missing_input; the
    nearest wave is more than `oldest` years old, or fewer than half of the items are answered:
    missing_input as well.

    Args:
        inputs: the study's inputs.
        scale: name in `survey_key`.
        dimension: a dimension of the scale; None = all its items.
        oldest: years that an answer stays in use.
    """
    found = scores(inputs).filter(
        (pl.col("scale") == scale)
        & (pl.col("dimension").is_null() if dimension is None else pl.col("dimension") == dimension)
    )
    wanted = rows(inputs).select("org_id", "year")
    nearest = nearest_wave(found.select("org_id", "wave", "value", "weight"), wanted)
    values = coded(inputs, nearest)
    old = pl.col("age") > oldest
    rules: list[Rule] = [(pl.col("value").is_null() | old.fill_null(False), "missing_input")]
    return settle(inputs, values.select("org", "year", "value", "age"), pl.col("value"), rules)


def response_weight(inputs: Inputs) -> pl.DataFrame:
    """Non-response weight of the nearest wave until t; > 0. No answer by then: missing_input."""
    found = scores(inputs).filter(pl.col("dimension").is_null())
    per_wave = (
        found.sort("org_id", "wave", "scale")
        .group_by("org_id", "wave")
        .agg(pl.col("weight").mean())
    )
    wanted = rows(inputs).select("org_id", "year")
    values = coded(inputs, nearest_wave(per_wave, wanted))
    rules: list[Rule] = [(pl.col("weight").is_null(), "missing_input")]
    return settle(inputs, values.select("org", "year", "weight"), pl.col("weight"), rules)
