"""From answers to scale scores: reverse coding, means over items, the wave to use in a year."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.problems import InputError, Problem, did_you_mean

ANSWERED = 0.5
"""Share of a scale's items that must be answered for a score."""


def scored_items(answers: pl.DataFrame, key: pl.DataFrame) -> pl.DataFrame:
    """org_id, wave, item_id, scale, dimension, score, weight: answers with reversed items turned.

    score = lowest + highest - value for a reversed item. Empty answers are left out; answers to
    items that the key does not know are an error.

    Args:
        answers: `survey_firm`: org_id, wave, item_id, value, weight.
        key: `survey_key`: item_id, scale, dimension, reverse, lowest, highest.

    Raises:
        InputError: unknown items, reversed items without bounds, answers outside the bounds.
    """
    problems = _key_problems(answers, key)
    if problems:
        raise InputError(problems)
    turned = pl.col("lowest") + pl.col("highest") - pl.col("value")
    return (
        answers.filter(pl.col("value").is_not_null())
        .join(key, on="item_id")
        .with_columns(score=pl.when(pl.col("reverse")).then(turned).otherwise(pl.col("value")))
        .select("org_id", "wave", "item_id", "scale", "dimension", "score", "weight")
        .sort("org_id", "wave", "item_id")
    )


def _key_problems(answers: pl.DataFrame, key: pl.DataFrame) -> list[Problem]:
    known = key["item_id"].to_list()
    found = [
        Problem(
            f"survey_firm item {item!r}", "survey_key has no such item", did_you_mean(item, known)
        )
        for item in sorted(set(answers["item_id"].to_list()) - set(known))
    ]
    bare = key.filter(
        pl.col("reverse") & (pl.col("lowest").is_null() | pl.col("highest").is_null())
    )
    found += [
        Problem(f"survey_key item {item!r}", "a reversed item needs lowest and highest", "add both")
        for item in sorted(bare["item_id"].to_list())
    ]
    outside = (pl.col("value") < pl.col("lowest")) | (pl.col("value") > pl.col("highest"))
    strange = answers.join(key, on="item_id").filter(outside)
    counts = strange.group_by("item_id").agg(pl.len().alias("n")).sort("item_id")
    found += [
        Problem(f"survey_firm item {item!r}", f"{n} answers lie outside the bounds of the key")
        for item, n in counts.iter_rows()
    ]
    return found


def scale_scores(items: pl.DataFrame, key: pl.DataFrame) -> pl.DataFrame:
    """org_id, wave, scale, dimension, value, answered, items, weight: mean scores.

    One row a scale (dimension null) and one a dimension of it. A score needs half of the items;
    else value is null. weight: the mean weight of the answers, 1 where none is given.

    Args:
        items: `scored_items`.
        key: `survey_key`.
    """
    whole = items.with_columns(dimension=pl.lit(None, pl.String))
    parts = items.filter(pl.col("dimension").is_not_null())
    sizes = pl.concat(
        [
            key.group_by("scale").agg(pl.len().alias("items")).select(
                "scale", dimension=pl.lit(None, pl.String), items="items"
            ),
            key.filter(pl.col("dimension").is_not_null())
            .group_by("scale", "dimension")
            .agg(pl.len().alias("items")),
        ]
    )  # fmt: skip
    scores = (
        pl.concat([whole, parts])
        .sort("org_id", "wave", "scale", "dimension", "item_id")
        .group_by("org_id", "wave", "scale", "dimension", maintain_order=True)
        .agg(
            pl.col("score").mean().alias("value"),
            pl.len().alias("answered"),
            pl.col("weight").fill_null(1.0).mean(),
        )
        .join(sizes, on=["scale", "dimension"], nulls_equal=True)
    )
    enough = pl.col("answered") >= ANSWERED * pl.col("items")
    return scores.with_columns(value=pl.when(enough).then(pl.col("value"))).select(
        "org_id", "wave", "scale", "dimension", "value", "answered", "items", "weight"
    )


def nearest_wave(scores: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """The scores of the nearest wave not later than 31 December t.

    Args:
        scores: org_id, wave (date), value, ...: one row a unit and wave.
        wanted: org_id, year.

    Returns:
        `wanted` with the columns of the last wave until the end of the year and `age`, the years
        from its year to t; null where the unit has not answered by then.
    """
    dated = wanted.with_columns(_day=pl.date(pl.col("year"), 12, 31)).sort("_day")
    found = dated.join_asof(
        scores.sort("wave"), left_on="_day", right_on="wave", by="org_id", strategy="backward",
        coalesce=False, check_sortedness=False,
    )  # fmt: skip
    age = pl.col("year") - pl.col("wave").dt.year()
    return found.with_columns(age=age).drop("_day").sort("org_id", "year")


def item_matrix(
    items: pl.DataFrame, names: Sequence[str], *, complete: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Answers to some items: rows (unit x wave) x items, and the weights of the rows.

    Args:
        items: `scored_items`.
        names: items; no rows where the survey asks none of one.
        complete: leave out rows with a missing item; else these are NaN.
    """
    wide = items.filter(pl.col("item_id").is_in(list(names))).pivot(
        on="item_id", index=["org_id", "wave"], values="score"
    )
    if not set(names) <= set(wide.columns):
        return np.empty((0, len(names))), np.empty(0)
    weights = items.group_by("org_id", "wave").agg(pl.col("weight").fill_null(1.0).mean())
    rows = wide.join(weights, on=["org_id", "wave"]).sort("org_id", "wave")
    if complete:
        rows = rows.drop_nulls(list(names))
    answers = rows.select(pl.col(names).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    return answers, rows["weight"].to_numpy().astype(float)
