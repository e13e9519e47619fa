# Panel, estimates and verdicts become tables, figures and the report.
from dataclasses import asdict

TABLE_FILES = [str(p) for p in exhibit_paths(EXHIBITS, Path(f"{RESULTS}/tables"), True)]
FIGURE_FILES = [
    str(p) for p in exhibit_paths(EXHIBITS, Path(f"{RESULTS}/figures"), False)
]
SHOWN = {
    "exhibits": [exhibit.plain() for exhibit in EXHIBITS],
    "codebook": REGISTRY.codebook,
}


rule make_tables:
    input:
        panel=f"{DATA}/panel.parquet",
        estimates=f"{RESULTS}/estimates",
    output:
        tables=TABLE_FILES,
    log:
        f"{LOGS}/make_tables.log",
    benchmark:
        f"{BENCHMARKS}/make_tables.tsv"
    params:
        **SHOWN,
        code=code("make_tables"),
        declared=STUDY.section("variables"),
        unit=STUDY.unit,
    script:
        "../../scripts/make_tables.py"


rule make_figures:
    input:
        panel=f"{DATA}/panel.parquet",
        estimates=f"{RESULTS}/estimates",
        verdicts=f"{RESULTS}/verdicts/verdicts.csv",
        tables=f"{DATA}/tables",
        ties=expand(f"{DATA}/ties/{{network}}.parquet", network=STUDY.networks),
        truth=TRUTH,
    output:
        figures=FIGURE_FILES,
        descriptions=f"{DATA}/figure_descriptions.json",
    log:
        f"{LOGS}/make_figures.log",
    benchmark:
        f"{BENCHMARKS}/make_figures.tsv"
    params:
        **SHOWN,
        code=code("make_figures"),
        declared=STUDY.section("variables"),
        focal=STUDY.focal,
        unit=STUDY.unit,
        years=STUDY.years.analysis,
        seed=STUDY.seed,
    script:
        "../../scripts/make_figures.py"


rule write_report:
    input:
        panel=f"{DATA}/panel.parquet",
        estimates=f"{RESULTS}/estimates",
        verdicts=f"{RESULTS}/verdicts/verdicts.csv",
        cards=f"{RESULTS}/verdicts/cards.json",
        tables=TABLE_FILES,
        figures=FIGURE_FILES,
        descriptions=f"{DATA}/figure_descriptions.json",
        facts=expand(
            f"{DATA}/measures/{{network}}_facts.parquet", network=STUDY.networks
        ),
        ledgers=LEDGERS,
        identity=f"{RESULTS}/identity",
        survey=f"{RESULTS}/survey",
        truth=TRUTH,
        multiverse=[f"{RESULTS}/multiverse/{claim}.json" for claim in VARIED],
        curves=[f"{RESULTS}/figures/multiverse_{claim}.svg" for claim in VARIED],
        whatif=WHATIF_TABLES if WHATIF_MADE else [],
        removals=[f"{RESULTS}/figures/whatif_removals.svg"] if WHATIF_MADE else [],
    output:
        page=f"{RESULTS}/report/index.html",
    log:
        f"{LOGS}/write_report.log",
    benchmark:
        f"{BENCHMARKS}/write_report.tsv"
    params:
        **SHOWN,
        code=code("write_report"),
        study=STUDY.name,
        settings={
            key: value for key, value in STUDY.settings.items() if key != "raw_dir"
        },
        sources=REGISTRY.sources,
        claims={claim.id: asdict(claim) for claim in CLAIMS.claims},
        stages={paper: list(map(asdict, s)) for paper, s in CLAIMS.arguments.items()},
        outcomes={name: model["outcome"] for name, model in MODELS.items()},
        packages=runtime_packages(),
    script:
        "../../scripts/write_report.py"
