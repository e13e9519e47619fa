"""From loaded results to the content of the report."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tertius.exhibits import grids
from tertius.exhibits.argument import Argument, arguments
from tertius.exhibits.build_figures import NOT_DRAWN, truth_comparison
from tertius.exhibits.claim_rows import claim_rows, families_grid, overview, verdict_counts
from tertius.exhibits.config import Exhibit
from tertius.exhibits.content import (
    Bilingual,
    FigureBlock,
    Grid,
    JointTest,
    Link,
    ReportContent,
    SourceRow,
    TableBlock,
    TruthBlock,
)
from tertius.exhibits.identity import identity_grids
from tertius.exhibits.labels import Labels, network_words
from tertius.exhibits.multiverse import multiverse_block
from tertius.exhibits.results import ModelResults
from tertius.exhibits.style import count, interval, minus, p_relation, real
from tertius.exhibits.survey import survey_grids
from tertius.exhibits.truth import Comparison, Plant
from tertius.exhibits.whatif import STEM as WHATIF
from tertius.exhibits.whatif import whatif_block

AUDIT_FILES = (
    ("Manifest: hashes of raw data, code, settings and every result", "manifest.json"),
    ("Codebook (page)", "codebook.html"),
    ("Codebook (csv)", "codebook.csv"),
    ("Attrition of every model", "attrition.csv"),
    ("Ledgers of every step", "ledger.json"),
    ("Versions of the software", "environment.json"),
    ("Time and memory of every job", "run.json"),
)
MODEL_FILES = (
    ("spec", "spec.yaml"),
    ("coefficients", "coefficients.csv"),
    ("covariance", "covariance.csv"),
    ("fit", "fit.json"),
    ("sample", "sample.csv"),
)
REJECT_BELOW = 0.01
"""The joint test of planted against estimated is told as rejected below this p."""


@dataclass(frozen=True, eq=False)
class ReportInputs:
    """Everything the report is made from, already read.

    `settings` is the resolved study as plain data; `claims` maps an id to its registry entry;
    `facts` a network to its whole-network facts by year; `tables` and `figures` an exhibit to its
    HTML fragment or image (png, svg) bytes; `plant` is empty where there is no truth; `identity`
    and `survey` hold the tables of these steps by name. `stages` are the stages of each paper's
    argument, `outcomes` the outcome of each model. `multiverse` holds the summaries that were made,
    by claim; their curves are figures called `multiverse_<claim>`. `cards` are the claim cards,
    `whatif` the tables of the removals, empty where none were made.
    """

    study: str
    settings: Mapping[str, Any]
    sources: Mapping[str, Mapping[str, Any]]
    codebook: Mapping[str, Mapping[str, Any]]
    claims: Mapping[str, Mapping[str, Any]]
    exhibits: Sequence[Exhibit]
    results: ModelResults
    panel: pl.DataFrame
    facts: Mapping[str, pl.DataFrame]
    verdicts: pl.DataFrame
    ledgers: Mapping[str, Any]
    tables: Mapping[str, str]
    figures: Mapping[str, Mapping[str, bytes]]
    descriptions: Mapping[str, str]
    versions: Mapping[str, str]
    plant: Plant = field(default_factory=Plant)
    identity: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    survey: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    stages: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    multiverse: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    whatif: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def build_content(inputs: ReportInputs) -> ReportContent:
    """The content of the report; everything sorted, numbers as the texts that are printed."""
    results, settings = inputs.results, inputs.settings
    declared, unit = settings.get("variables"), str(settings["unit"])
    labels = Labels.from_codebook(inputs.codebook, declared, unit)
    estimated = tuple(results.estimated)
    rows = claim_rows(inputs.verdicts, inputs.claims, estimated, inputs.cards)
    used = grids.used_variables(results)
    years = _span(settings, "analysis")
    sample = _analysis_sample(inputs.panel, years)
    return ReportContent(
        study=inputs.study,
        title=Bilingual.of(settings["title"]),
        note=Bilingual.of(settings.get("note")),
        cautions=tuple(Bilingual.of(text) for text in settings.get("cautions", ())),
        facts=_facts(settings, sample),
        unit=labels.unit,
        claims=rows,
        overview=overview(rows),
        counts=verdict_counts(rows),
        alpha=f"{settings['inference']['alpha']:g}",
        families=families_grid(rows),
        truth=_truth(inputs, labels),
        multiverse=tuple(
            multiverse_block(summary, data_uri(inputs.figures[f"multiverse_{claim}"]))
            for claim, summary in sorted(inputs.multiverse.items())
        ),
        whatif=whatif_block(inputs.whatif, data_uri(inputs.figures[WHATIF]))
        if inputs.whatif
        else None,
        tables=tuple(_table(e, inputs.tables[e.id]) for e in inputs.exhibits if e.is_table),
        figures=tuple(_figure(e, inputs) for e in inputs.exhibits if not e.is_table),
        networks=_networks(inputs, years),
        attrition=grids.attrition_grid(results, labels.unit),
        warnings=grids.warnings_grid(results),
        refused=grids.refused_grid(results),
        sources=tuple(_source(name, entry) for name, entry in inputs.sources.items()),
        proxies=grids.proxies_grid(inputs.codebook, used),
        stand_ins=_stand_ins(settings, labels),
        statuses=grids.statuses_grid(sample, used, labels),
        ledgers=grids.ledger_grids(inputs.ledgers),
        identity=identity_grids(inputs.identity),
        survey=survey_grids(inputs.survey, labels),
        models=grids.models_grid(results, labels),
        model_links=tuple((name, _model_links(name)) for name in estimated),
        audit=tuple(Link(text, f"../audit/{name}") for text, name in AUDIT_FILES),
        versions=tuple(sorted(inputs.versions.items())),
    )


def build_arguments(inputs: ReportInputs, content: ReportContent) -> tuple[Argument, ...]:
    """The arguments of the papers with the verdicts of the content."""
    declared, unit = inputs.settings.get("variables"), str(inputs.settings["unit"])
    labels = Labels.from_codebook(inputs.codebook, declared, unit)
    estimated = tuple(inputs.results.estimated)
    return arguments(
        content.claims, inputs.claims, inputs.stages, inputs.outcomes, labels, estimated
    )


def _span(settings: Mapping[str, Any], key: str) -> tuple[int, int]:
    first, last = settings["years"][key]
    return int(first), int(last)


def _analysis_sample(panel: pl.DataFrame, years: tuple[int, int]) -> pl.DataFrame:
    rows = panel.filter(pl.col("year").is_between(*years))
    return rows.filter(pl.col("in_sample")) if "in_sample" in panel.columns else rows


def _facts(settings: Mapping[str, Any], sample: pl.DataFrame) -> tuple[tuple[str, str], ...]:
    def years(key: str) -> str:
        first, last = _span(settings, key)
        return f"{first}\u2013{last}"

    others = [network_words(name) for name in settings["networks"] if name != settings["focal"]]
    return (
        ("Unit", str(settings["unit"])),
        ("Years analysed", years("analysis")),
        ("Years of records read", years("raw")),
        ("Outcomes observed", years("outcomes")),
        ("Rows at risk", f"{count(sample.height)} in the analysed years"),
        ("Units", count(sample["org_id"].n_unique())),
        ("Focal network", network_words(str(settings["focal"]))),
        ("Other networks", ", ".join(others) or "none"),
        ("Draws", count(settings["inference"]["draws"])),
        ("Seed", str(settings["seed"])),
    )


def _truth(inputs: ReportInputs, labels: Labels) -> TruthBlock | None:
    shown = [
        e for e in inputs.exhibits if e.kind == "truth" and e.model in inputs.results.estimated
    ]
    if not inputs.plant.coefficients or not shown:
        return None
    model = inputs.results.estimated[shown[0].model]
    found = truth_comparison(model, inputs.plant)
    main = truth_comparison(model, inputs.plant, shown[0].rows or None)
    rows = tuple(
        (
            labels.term(row.term),
            minus(real(row.planted)),
            minus(real(row.estimate)),
            minus(interval(row.conf_low, row.conf_high)),
            row.inside,
        )
        for row in found.rows
    )
    return TruthBlock(
        model=model.name,
        rows=rows,
        n_inside=found.n_inside,
        main=_joint(main),
        every=_joint(found),
        main_terms=tuple(labels.term(row.term) for row in main.rows),
        absent=tuple(labels.term(term) for term in found.absent),
    )


def _joint(found: Comparison) -> JointTest:
    rejected = found.p_value < REJECT_BELOW
    return JointTest(real(found.statistic, 2), found.dof, p_relation(found.p_value), rejected)


def _table(exhibit: Exhibit, fragment: str) -> TableBlock:
    files = tuple(Link(kind, f"../tables/{exhibit.id}.{kind}") for kind in exhibit.formats)
    return TableBlock(exhibit.id, exhibit.kind, Bilingual.of(exhibit.title), fragment, files)


def _figure(exhibit: Exhibit, inputs: ReportInputs) -> FigureBlock:
    files = tuple(Link(kind, f"../figures/{exhibit.id}.{kind}") for kind in exhibit.formats)
    return FigureBlock(
        id=exhibit.id,
        kind=exhibit.kind,
        title=Bilingual.of(exhibit.title),
        caption=Bilingual.of(exhibit.caption),
        alt=minus(inputs.descriptions[exhibit.id]),
        drawn=not inputs.descriptions[exhibit.id].startswith(NOT_DRAWN),
        image=data_uri(inputs.figures[exhibit.id]),
        files=files,
    )


def data_uri(images: Mapping[str, bytes]) -> str:
    """The smallest of some images (svg, png) as a data URI.

    Raises:
        ValueError: there is neither.
    """
    kinds = {"svg": "image/svg+xml", "png": "image/png"}
    known = sorted((len(images[kind]), kind) for kind in kinds if kind in images)
    if not known:
        raise ValueError("the report needs a figure as svg or png")
    kind = known[0][1]
    return f"data:{kinds[kind]};base64,{base64.b64encode(images[kind]).decode('ascii')}"


def _networks(inputs: ReportInputs, years: tuple[int, int]) -> tuple[Grid, ...]:
    focal = str(inputs.settings["focal"])
    names = sorted(inputs.facts, key=lambda name: (name != focal, name))
    return tuple(grids.facts_grid(name, inputs.facts[name], years) for name in names)


def _source(name: str, entry: Mapping[str, Any]) -> SourceRow:
    return SourceRow(
        id=name,
        title=str(entry["title"]),
        version=str(entry["version"]),
        licence=str(entry["licence"]),
        redistributable=bool(entry["redistributable"]),
        citation=str(entry["citation"]).strip(),
        access=str(entry["access"]).strip(),
        url=str(entry.get("url") or ""),
        sha256=str(entry["sha256"]),
    )


def _stand_ins(settings: Mapping[str, Any], labels: Labels) -> tuple[str, ...]:
    return tuple(
        f"In place of {labels.variable(code)} ({code}) this study uses {entry['label']['en']} "
        f"({entry['variable']}); every verdict it carries is flagged as a proxy."
        for code, entry in settings.get("stand_ins", {}).items()
    )


def _model_links(name: str) -> tuple[Link, ...]:
    return tuple(Link(text, f"../estimates/{name}/{file}") for text, file in MODEL_FILES)
