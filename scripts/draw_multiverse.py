"""Draw the specification curve of a claim in every format."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from tertius import entry
from tertius.exhibits.figures.specification_curve import CurveData, specification_curve
from tertius.exhibits.style import figure_bytes, write_bytes
from tertius.problems import InputError, Problem


def main(*, cells: Path, summary: Path, figures: list[Path]) -> None:
    told = json.loads(summary.read_text(encoding="utf-8"))
    found = pl.read_parquet(cells).filter(pl.col("status") == "ok")
    if not found.height:
        reasons = "; ".join(told["refusals"]) or "there is none"
        where = f"multiverse of {told['claim_id']}"
        raise InputError([Problem(where, f"no specification can be estimated: {reasons}")])
    measure = told["decomposition"]["measure"]
    varied = [name for name in told["choices"] if name not in told["idle"]]
    drawn = specification_curve(
        CurveData(
            values=found[measure].to_numpy().astype(np.float64),
            findings=found["finding"].to_list(),
            levels={name: found[name].to_list() for name in varied},
            declared=(found["spec"] == 0).to_numpy(),
            measure="Change of the outcome, share" if measure == "effect" else "t statistic",
        )
    )
    for path in figures:
        write_bytes(path, figure_bytes(drawn, path.suffix.lstrip(".")))
    print(f"{told['claim_id']}: {found.height} specifications")


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
