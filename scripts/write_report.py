"""Write the report of a study: one self-contained page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tertius import entry, provenance
from tertius.exhibits.backends import fragment_of_page
from tertius.exhibits.build_report import ReportInputs, build_arguments, build_content
from tertius.exhibits.config import Exhibit, truth_names
from tertius.exhibits.report import render_report
from tertius.exhibits.results import read_models
from tertius.exhibits.style import write_bytes
from tertius.exhibits.truth import read_plant


def main(
    *,
    panel: Path,
    estimates: Path,
    verdicts: Path,
    cards: Path,
    tables: list[Path],
    figures: list[Path],
    descriptions: Path,
    facts: list[Path],
    ledgers: list[Path],
    truth: list[Path],
    page: Path,
    study: str,
    settings: Mapping[str, Any],
    sources: Mapping[str, Mapping[str, Any]],
    codebook: Mapping[str, Mapping[str, Any]],
    claims: Mapping[str, Mapping[str, Any]],
    exhibits: list[Mapping[str, Any]],
    packages: list[str],
    identity: Path | None = None,
    survey: Path | None = None,
    stages: Mapping[str, list[Mapping[str, Any]]] | None = None,
    outcomes: Mapping[str, str] | None = None,
    multiverse: Sequence[Path] = (),
    curves: Sequence[Path] = (),
    whatif: Sequence[Path] = (),
    removals: Sequence[Path] = (),
) -> None:
    wanted = [Exhibit.from_plain(plain) for plain in exhibits]
    environment = provenance.environment(packages)
    inputs = ReportInputs(
        study=study,
        settings=settings,
        sources=sources,
        codebook=codebook,
        claims=claims,
        exhibits=wanted,
        results=read_models(estimates),
        panel=pl.read_parquet(panel),
        facts={path.stem.removesuffix("_facts"): pl.read_parquet(path) for path in facts},
        verdicts=pl.read_csv(verdicts, infer_schema_length=None),
        cards=json.loads(cards.read_text("utf-8")),
        identity={
            name: frame for name, frame in by_name(csv_in(identity)).items() if name != "matches"
        },
        survey=by_name(csv_in(survey)),
        ledgers={path.stem: json.loads(path.read_text("utf-8")) for path in ledgers},
        tables={
            path.stem: fragment_of_page(path.read_text("utf-8"))
            for path in tables
            if path.suffix == ".html"
        },
        figures=images_by_id([*figures, *curves, *removals]),
        multiverse={path.stem: json.loads(path.read_text("utf-8")) for path in multiverse},
        whatif=by_name(whatif),
        descriptions=json.loads(descriptions.read_text("utf-8")),
        versions={"python": environment["python"], **environment["packages"]},
        plant=read_plant(truth, truth_names(wanted)),
        stages=stages or {},
        outcomes=outcomes or {},
    )
    content = build_content(inputs)
    text = render_report(content, build_arguments(inputs, content))
    write_bytes(page, text.encode("utf-8"))


def csv_in(folder: Path | None) -> list[Path]:
    """The CSV files of a folder, sorted; none without a folder."""
    return sorted(folder.glob("*.csv")) if folder else []


def by_name(paths: Sequence[Path]) -> dict[str, pl.DataFrame]:
    """CSV tables by the name of their file."""
    return {path.stem: pl.read_csv(path, infer_schema_length=None) for path in paths}


def images_by_id(paths: list[Path]) -> dict[str, dict[str, bytes]]:
    """Bytes of the svg and png files, by exhibit and kind."""
    found: dict[str, dict[str, bytes]] = {}
    for path in paths:
        kind = path.suffix.lstrip(".")
        if kind in ("svg", "png"):
            found.setdefault(path.stem, {})[kind] = path.read_bytes()
    return found


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
