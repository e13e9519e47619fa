"""Step: the scales of the study's survey, and how the proxies agree with them."""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tertius.exhibits.survey import survey_tables
from tertius.sources.store import read_folder
from tertius.tables import write_csv_folder


def main(
    *, tables: Path, panel: Path, constructs: Path, folder: Path, survey: dict[str, Any]
) -> None:
    """Write scales, common_method, correlations and validation as CSV; none without a survey.

    Args:
        tables: the study's tables.
        panel: the panel, in which the scales stand beside the archival variables.
        constructs: config/constructs.yaml, which names the scales and variables of a construct.
        folder: folder to write.
        survey: the study's settings.
    """
    words = yaml.safe_load(constructs.read_text(encoding="utf-8"))
    frames = survey_tables(
        read_folder(tables), pl.read_parquet(panel), words, marker=survey["marker"]
    )
    write_csv_folder(frames, folder)


if "snakemake" in globals():
    from tertius import entry

    entry.run(main, globals()["snakemake"])
