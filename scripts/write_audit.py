"""Write the audit files of a study: manifest, attrition, codebook, ledger, versions, run record."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry, provenance
from tertius.codebook import codebook_rows, series_rows
from tertius.exhibits.codebook import render_codebook

OUTSIDE_THE_HASHES = ("audit/logs/", "audit/benchmarks/", "audit/run.json", "audit/manifest.json")


def main(
    *,
    panel: Path,
    receipts: Path,
    ledgers: list[Path],
    exhibits: list[Path],
    manifest: Path,
    attrition: Path,
    codebook_csv: Path,
    codebook_html: Path,
    environment: Path,
    ledger: Path,
    record: Path,
    title: Mapping[str, str],
    codebook: Mapping[str, Mapping[str, Any]],
    whole_network: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    packages: list[str],
    root: str,
) -> None:
    results = manifest.parent.parent
    ledger_content = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(ledgers)}
    absent = ledger_content["derive_variables"]["missing_inputs"]
    rows = codebook_rows(pl.read_parquet(panel), codebook, declared, absent)
    rows.write_csv(codebook_csv)
    shown = [*rows.to_dicts(), *series_rows(whole_network)]
    codebook_html.write_text(render_codebook(shown, title), encoding="utf-8")
    attrition_ledger(results / "estimates").write_csv(attrition)
    provenance.write_json(ledger_content, ledger)
    provenance.write_json(provenance.environment(packages), environment)
    provenance.write_json(run_record(results / "audit" / "benchmarks"), record)
    provenance.write_json(
        {
            "raw": json.loads(receipts.read_text("utf-8")),
            "code": project_hashes(Path(root)),
            "settings": {key: value for key, value in settings.items() if key != "raw_dir"},
            "seed": settings["seed"],
            "environment": provenance.environment(packages),
            "results": provenance.hash_tree(results, result_files(results)),
            "panel": provenance.hash_content(panel),
        },
        manifest,
    )


def attrition_ledger(estimates: Path) -> pl.DataFrame:
    """One block a model: the rows and firms left after each step; the last is the reported N."""
    fits = {path.parent.name: json.loads(path.read_text("utf-8")) for path in _records(estimates)}
    rows = [
        {"model": model, **step} for model, fit in fits.items() for step in fit.get("ledger", [])
    ]
    schema = {"model": pl.String, "step": pl.String, "rows": pl.Int64, "firms": pl.Int64}
    return pl.DataFrame([{key: row[key] for key in schema} for row in rows], schema=schema)


def _records(estimates: Path) -> list[Path]:
    return sorted(estimates.glob("*/fit.json"))


def project_hashes(root: Path) -> dict[str, str]:
    """Content hash of every file of code and configuration, by its path in the project."""
    patterns = (
        "scripts/**/*.*",
        "workflow/**/*.*",
        "config/**/*.*",
        "Snakefile",
        "*.toml",
        "*.lock",
    )
    found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    kept = (path for path in found if path.parent.name != "__pycache__")
    return provenance.hash_tree(root, kept)


def result_files(results: Path) -> list[Path]:
    """The result files that must come out equal in every run of one study."""
    return [
        path
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and not path.name.startswith(".")
        and not path.relative_to(results).as_posix().startswith(OUTSIDE_THE_HASHES)
    ]


def run_record(benchmarks: Path) -> dict[str, Any]:
    """Seconds and peak memory of every job so far, and their sum."""
    jobs = {}
    for path in sorted(benchmarks.rglob("*.tsv")):
        first = pl.read_csv(path, separator="\t", null_values="NA").row(0, named=True)
        name = path.relative_to(benchmarks).with_suffix("").as_posix()
        jobs[name] = {"seconds": first["s"], "peak_mb": first["max_rss"]}
    return {"jobs": jobs, "seconds": sum(job["seconds"] for job in jobs.values())}


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
