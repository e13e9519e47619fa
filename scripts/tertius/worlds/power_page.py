"""The table of docs/power.md: truth, power, the verdict of the demo, and why one is missed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

POWERED = 0.8
HEADS = ("claim", "truth", "shape", "power", "by", "mean z", "right in worlds", "demo", "why")


RECORDS = ("archival", "proxy")
"""Testability of the claims that the records of any study of the kind can judge."""


def summary_of(powers: pl.DataFrame) -> dict[str, int]:
    """Claims, those that records judge, those of these with power above `POWERED`, and how many
    of these the demo judges right."""
    judged = powers.filter(pl.col("testability").is_in(RECORDS))
    strong = judged.filter(pl.col("power") > POWERED)
    return {
        "claims": powers.height,
        "judged": judged.height,
        "powered": strong.height,
        "right": int(strong["matches"].sum()),
        "not_true": powers.filter(pl.col("truth") != "true").height,
        "not_testable": powers.filter(pl.col("verdict") == "not_testable").height,
    }


def power_section(
    powers: pl.DataFrame, explanations: Mapping[str, str], verdicts: pl.DataFrame
) -> str:
    """Summary and one line a claim, as markdown.

    Args:
        powers: of `claim_powers`, with `testability`, and the demo's `verdict` and `matches`.
        explanations: by claim.
        verdicts: stored rows, for the number of seeds and draws.
    """
    told, seeds = summary_of(powers), verdicts["seed"].n_unique()
    draws = ", ".join(map(str, sorted(verdicts["draws"].unique().to_list())))
    share = told["right"] / max(told["powered"], 1)
    lines = [
        f"{seeds} seeds, {draws} resamples of the clusters each, "
        f"{float(np.median(verdicts['seconds'].to_numpy())):.0f} s a seed (median).",
        "",
        f"- {told['claims']} claims have a planted truth; {told['not_true']} are not true.",
        f"- Of the {told['judged']} archival and proxy claims {told['powered']} have power above "
        f"{POWERED:.0%}; of these the demo judges {told['right']} as planted ({share:.0%}).",
        f"- {told['not_testable']} are not testable on the demo.",
        "",
        f"| {' | '.join(HEADS)} |",
        f"|{' --- |' * len(HEADS)}",
    ]
    lines += [_line(row, explanations) for row in powers.iter_rows(named=True)]
    return "\n" + "\n".join(lines) + "\n"


def _line(row: Mapping[str, object], explanations: Mapping[str, str]) -> str:
    claim = str(row["claim_id"])
    verdict = f"{row['verdict']}" if row["matches"] else f"**{row['verdict']}**"
    cells = (
        claim, row["truth"], str(row["shape"]).replace("_", " "), f"{row['power']:.2f}",
        row["basis"], f"{row['mean_z']:.1f}", f"{row['right']:.2f}", verdict,
        explanations.get(claim, ""),
    )  # fmt: skip
    return f"| {' | '.join(str(cell) for cell in cells)} |"
