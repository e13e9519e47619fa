"""Fit every model of a study; a model that the data cannot support is recorded with its reason."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tertius import entry
from tertius.dyad_names import FIRM_YEARS
from tertius.estimate import EstimateFrames, NotEstimable, estimate_frames, estimate_model
from tertius.model_spec import ModelSpec, planned_spec
from tertius.panel import attach_lags
from tertius.provenance import write_json
from tertius.tables import write_parquet


def main(
    *,
    panel: Path,
    estimates: Path,
    designs: Path,
    influence: Path,
    models: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any],
    stand_ins: Mapping[str, Mapping[str, Any]],
    dyads: Sequence[Path] = (),
) -> None:
    specs = {n: planned_spec(n, raw, defaults, stand_ins) for n, raw in sorted(models.items())}
    named = {v for spec in specs.values() if spec.frame == FIRM_YEARS for v in spec.variables}
    rows = {FIRM_YEARS: attach_lags(pl.read_parquet(panel), sorted(named))}
    frames_of_dyads = [file for folder in dyads for file in sorted(folder.glob("*.parquet"))]
    rows |= {file.stem: pl.read_parquet(file) for file in frames_of_dyads}
    for folder in (estimates, designs, influence):
        folder.mkdir(parents=True, exist_ok=True)
    for name, spec in specs.items():
        outcome = models[name]["outcome"]
        notes = {"stands_in_for": outcome} if spec.outcome != outcome else {}
        try:
            frames = estimate_frames(estimate_model(frame_of(rows, spec), spec))
        except NotEstimable as refusal:
            print(f"{name}: not estimable: {refusal}")
            write_refusal(estimates / name, spec.to_dict(), refusal, notes)
            continue
        write_estimate(estimates / name, frames, notes)
        write_parquet(frames.design, designs / f"{name}.parquet")
        write_parquet(frames.influence, influence / f"{name}.parquet")
        print(f"{name}: N = {frames.fit['n_obs']}, firms = {frames.fit['n_firms']}")


def frame_of(rows: Mapping[str, pl.DataFrame], spec: ModelSpec) -> pl.DataFrame:
    """The rows that a model reads.

    Raises:
        NotEstimable: the study has no alliances (or deals of organisations) to make them from.
    """
    if spec.frame not in rows:
        what = f"{spec.name} needs alliances of organisations, which this study does not have"
        raise NotEstimable("missing_input", "alliances", what)
    return rows[spec.frame]


def write_estimate(folder: Path, frames: EstimateFrames, notes: Mapping[str, str]) -> None:
    """The plain files of one estimate."""
    folder.mkdir(parents=True, exist_ok=True)
    frames.coefficients.write_csv(folder / "coefficients.csv")
    frames.covariance.write_csv(folder / "covariance.csv")
    frames.sample.write_csv(folder / "sample.csv")
    write_json({**frames.fit, **notes}, folder / "fit.json")
    for name, table in frames.tables.items():
        table.write_csv(folder / f"{name}.csv")
    write_spec(folder, frames.spec)


def write_refusal(
    folder: Path, spec: Mapping[str, Any], refusal: NotEstimable, notes: Mapping[str, str]
) -> None:
    """Why a model was not estimated, beside its specification."""
    folder.mkdir(parents=True, exist_ok=True)
    reason = {
        "reason_code": refusal.reason_code,
        "subject": refusal.subject,
        "reason": str(refusal),
    }
    write_json({"model": folder.name, **reason, **notes}, folder / "fit.json")
    write_spec(folder, spec)


def write_spec(folder: Path, spec: Mapping[str, Any]) -> None:
    """The fully resolved specification."""
    text = yaml.safe_dump(dict(spec), sort_keys=False, allow_unicode=True)
    (folder / "spec.yaml").write_text(text, encoding="utf-8")


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
