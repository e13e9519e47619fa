"""Judge every claim of the papers on the estimates of a study."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tertius import entry
from tertius.arrays import FloatArray
from tertius.claims import ClaimRegistry, load_claims
from tertius.claims.frozen import Lock, lock_of
from tertius.claims.judge import JudgeSettings, judge
from tertius.claims.trust import trust_records
from tertius.estimate import Estimate, EstimateFrames, NotEstimable, estimate_from_frames
from tertius.model_spec import ModelSpec
from tertius.provenance import write_json


def main(
    *,
    estimates: Path,
    designs: Path,
    influence: Path,
    placebos: Path,
    claims: list[Path],
    schema: Path,
    verdicts: Path,
    variants: Path,
    cards: Path,
    shapes: Path,
    codebook: Mapping[str, Mapping[str, Any]],
    variables: Mapping[str, Mapping[str, Any]],
    inference: Mapping[str, Any],
    stand_ins: Mapping[str, Mapping[str, Any]],
    seed: int,
    multiverse: Sequence[Path] = (),
    lock: Sequence[Path] = (),
    power: Sequence[Path] = (),
    faults: Sequence[Path] = (),
) -> None:
    registry = load_claims(claims, schema)
    folders = sorted(path for path in estimates.iterdir() if path.is_dir())
    fits = {folder.name: read_fit(folder, designs, influence) for folder in folders}
    declared = {name: codebook[entry_["of"]] for name, entry_ in variables.items()}
    summaries = {path.stem: json.loads(path.read_text("utf-8")) for path in multiverse}
    settings = JudgeSettings(
        alpha=float(inference["alpha"]),
        draws=int(inference["draws"]),
        seed=seed,
        sesoi=float(inference["sesoi"]),
        stand_ins=stand_ins,
        study_models={folder.name: {"outcome": planned_outcome(folder)} for folder in folders},
        multiverse=summaries,
        post_hoc=post_hoc(lock, registry, folders),
        trust=trust_records(*(pl.read_csv(p[0]) if p else None for p in (power, faults))),
    )
    slopes = placebo_table(pl.read_parquet(placebos))
    judgement = judge(registry, fits, {**codebook, **declared}, settings, slopes)
    for frame, path in ((judgement.verdicts, verdicts), (judgement.variants, variants)):
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_csv(path)
    write_json(judgement.cards, cards)
    write_json(judgement.shapes, shapes)
    for word, count in judgement.verdicts["verdict"].value_counts().sort("verdict").iter_rows():
        print(f"{word}: {count}")


def placebo_table(slopes: pl.DataFrame) -> dict[tuple[str, str], FloatArray]:
    """(model, term) -> its coefficients on rewired networks, in the order of the draws."""
    groups = slopes.sort("draw").partition_by("model", "term", as_dict=True)
    return {
        (str(model), str(term)): part["estimate"].to_numpy()
        for (model, term), part in groups.items()
    }


def read_fit(folder: Path, designs: Path, influence: Path) -> Estimate | NotEstimable:
    """An estimate from its files, or why the study has none."""
    fit = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
    if "reason_code" in fit:
        return NotEstimable(fit["reason_code"], fit["subject"], fit["reason"])
    tables = {name: read_numbers(folder / f"{name}.csv") for name in ("coefficients", "covariance")}
    frames = EstimateFrames(
        **tables,
        influence=pl.read_parquet(influence / f"{folder.name}.parquet"),
        sample=pl.read_csv(folder / "sample.csv", schema_overrides={"org_id": pl.String}),
        design=pl.read_parquet(designs / f"{folder.name}.parquet"),
        fit=fit,
        spec=read_spec(folder),
    )
    return estimate_from_frames(frames)


def read_numbers(path: Path) -> pl.DataFrame:
    """A csv of terms and numbers; every column but `term` is real."""
    text = pl.read_csv(path, infer_schema=False)
    return text.with_columns(pl.all().exclude("term").cast(pl.Float64))


def read_spec(folder: Path) -> dict[str, Any]:
    """The fully resolved specification of a model."""
    spec: dict[str, Any] = yaml.safe_load((folder / "spec.yaml").read_text(encoding="utf-8"))
    return spec


def post_hoc(
    lock: Sequence[Path], registry: ClaimRegistry, folders: Sequence[Path]
) -> dict[str, dict[str, bool]] | None:
    """For every test of every claim whether it came after the freeze; None without a lock."""
    if not lock:
        return None
    frozen = Lock.from_dict(yaml.safe_load(lock[0].read_text(encoding="utf-8")))
    specs = {folder.name: ModelSpec.from_dict(read_spec(folder)) for folder in folders}
    return frozen.post_hoc_tests(lock_of(registry.claims, specs))


def planned_outcome(folder: Path) -> str:
    """The outcome that the model was written for, before any stand-in."""
    fit = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
    return str(fit.get("stands_in_for") or read_spec(folder)["outcome"])


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
