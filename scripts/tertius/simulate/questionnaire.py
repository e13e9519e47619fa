"""The survey of the world: answers that lean on what the firms do, names instead of ids."""

from __future__ import annotations

import numpy as np
import polars as pl

from .chance import stream
from .organisations import Register
from .portfolios import Portfolios
from .scales import scaled
from .settings import WorldSettings
from .survey import survey_answers, survey_key
from .traits import Traits

WAVES = (2001, 2004, 2007, 2010)


def questionnaire(
    settings: WorldSettings,
    register: Register,
    held: list[Portfolios],
    traits: Traits,
    seed: int,
) -> dict[str, pl.DataFrame]:
    """`survey_key` and `survey`: four waves among the living firms."""
    parts = []
    for year in WAVES:
        row = year - settings.first_year
        firms = np.flatnonzero(register.living_firms(year))
        past = held[row]
        gov, sh = scaled(past["gov_r"], "gov_r"), scaled(past["sh"], "sh")
        parts.append(
            pl.DataFrame(
                {
                    "org_id": [register.names[i] for i in firms],
                    "year": np.full(len(firms), year),
                    "trust": gov[firms],
                    "commit": gov[firms],
                    "kshare": traits.sharing[row][firms],
                    "netcap": sh[firms],
                    "sc": sh[firms],
                }
            )
        )
    answers = survey_answers(pl.concat(parts), WAVES, stream(seed, "survey"))
    turned = pl.when("reverse").then(pl.lit("yes")).otherwise(pl.lit("no"))
    return {
        "survey": answers.rename({"org_id": "firm"}).with_columns(pl.col("wave").cast(pl.String)),
        "survey_key": survey_key().with_columns(turned.alias("reverse")),
    }
