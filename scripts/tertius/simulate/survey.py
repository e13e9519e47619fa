"""A small simulated survey: answers to a few scales that lean on what the firms really do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

SCALES: Mapping[str, tuple[str | None, ...]] = {
    "trust": (None,),
    "kshare": (None,),
    "routine": (None,),
    "sint": (None,),
    "pmc": ("proactiveness", "relational", "coordination"),
    "netcap": ("vision", "construction", "relation", "combination"),
    "fair": (None,),
    "commit": (None,),
    "sc": ("structural", "relational", "cognitive"),
    "fit": ("strategic", "organisational", "network"),
    "flex": ("resource", "coordination"),
    "netrout": (None,),
    "kpow": (None,),
    "relor": (None,),
    "maror": (None,),
}
"""Scale -> its dimensions; each dimension (or scale) has `ITEMS` items."""
ITEMS = 3
LOWEST, HIGHEST = 1, 7


def survey_key() -> pl.DataFrame:
    """item_id, scale, dimension, reverse, lowest, highest: the last item of each is reversed."""
    rows = [
        {
            "item_id": "_".join(part for part in (scale, dimension, str(k + 1)) if part),
            "scale": scale,
            "dimension": dimension,
            "reverse": k == ITEMS - 1,
            "lowest": float(LOWEST),
            "highest": float(HIGHEST),
        }
        for scale, dimensions in SCALES.items()
        for dimension in dimensions
        for k in range(ITEMS)
    ]
    return pl.DataFrame(rows, schema_overrides={"dimension": pl.String})


def survey_answers(
    traits: pl.DataFrame,
    years: Sequence[int],
    rng: np.random.Generator,
    *,
    response: float = 0.4,
    loading: float = 0.8,
    method: float = 0.2,
    blank: float = 0.03,
) -> pl.DataFrame:
    """org_id, wave, item_id, value, weight: answers on 1-7, some firms, some items left blank.

    The latent score of a scale is its column of `traits` (standardised), or noise where it has
    none; an item is loading x latent + method x the respondent's own tendency + noise, reversed
    where the key says so. weight = 1 / the share of firms of the wave that answer.

    Args:
        traits: org_id, year, and columns named after scales: what truly drives the answers.
        years: years of the waves; each is dated 30 June.
        rng: generator of the draws.
        response: chance that a firm answers in a wave.
        loading: loading of the items on their scale.
        method: loading of all items on the respondent's tendency.
        blank: chance that an item is left blank.
    """
    key = survey_key()
    noise = float(np.sqrt(max(1.0 - loading**2 - method**2, 0.0)))
    parts = []
    for year in years:
        firms = traits.filter(pl.col("year") == year).sort("org_id")
        answers = firms.filter(pl.Series(rng.random(firms.height) < response))
        n = answers.height
        tendency = rng.normal(size=n)
        latent = {scale: _latent(answers, scale, rng) for scale in SCALES}
        for item, scale, reverse in key.select("item_id", "scale", "reverse").iter_rows():
            z = loading * latent[scale] + method * tendency + noise * rng.normal(size=n)
            value = np.clip(np.round(4.0 + 1.3 * z), LOWEST, HIGHEST)
            value = LOWEST + HIGHEST - value if reverse else value
            given = pl.Series(rng.random(n) >= blank)
            frame = answers.select(
                "org_id",
                wave=pl.lit(dt.date(year, 6, 30)),
                item_id=pl.lit(item),
                value=pl.Series(value),
                weight=pl.lit(round(firms.height / max(n, 1), 4)),
            )
            parts.append(frame.filter(given))
    return pl.concat(parts).sort("org_id", "wave", "item_id")


def _latent(
    answers: pl.DataFrame, scale: str, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The standardised trait of a scale; noise where it is not known."""
    draws = rng.normal(size=answers.height)
    if scale not in answers.columns:
        return draws
    known = answers[scale].cast(pl.Float64)
    mean, spread = known.mean(), known.std()
    if mean is None or not spread:
        return draws
    z = ((known - float(mean)) / float(spread)).to_numpy()  # type: ignore[arg-type]
    return np.where(np.isnan(z), draws, z)
