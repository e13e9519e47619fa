# Measures and records become variables; variables become the panel.


rule derive_variables:
    input:
        tables=f"{DATA}/tables",
        ties=expand(f"{DATA}/ties/{{network}}.parquet", network=STUDY.networks),
        records=expand(
            f"{DATA}/ties/{{network}}_records.parquet", network=STUDY.networks
        ),
        measures=expand(f"{DATA}/measures/{{network}}.parquet", network=STUDY.networks),
    output:
        variables=f"{DATA}/variables.parquet",
        ledger=f"{DATA}/ledger/derive_variables.json",
    log:
        f"{LOGS}/derive_variables.log",
    benchmark:
        f"{BENCHMARKS}/derive_variables.tsv"
    params:
        **settings("networks", "years", "frame"),
        code=code("derive_variables"),
        codebook=REGISTRY.codebook,
        declared=STUDY.section("variables"),
        unit=STUDY.unit,
        focal=STUDY.focal,
    script:
        "../../scripts/derive_variables.py"


rule build_panel:
    input:
        tables=f"{DATA}/tables",
        variables=f"{DATA}/variables.parquet",
    output:
        panel_file=f"{DATA}/panel.parquet",
        ledger=f"{DATA}/ledger/build_panel.json",
    log:
        f"{LOGS}/build_panel.log",
    benchmark:
        f"{BENCHMARKS}/build_panel.tsv"
    params:
        **settings("years", "frame"),
        code=code("build_panel"),
        codebook=REGISTRY.codebook,
        declared=STUDY.section("variables"),
        unit=STUDY.unit,
    script:
        "../../scripts/build_panel.py"


rule report_survey:
    input:
        tables=f"{DATA}/tables",
        panel=f"{DATA}/panel.parquet",
        constructs=str(ROOT / "config" / "constructs.yaml"),
    output:
        folder=directory(f"{RESULTS}/survey"),
    log:
        f"{LOGS}/report_survey.log",
    benchmark:
        f"{BENCHMARKS}/report_survey.tsv"
    params:
        **settings("survey"),
        code=code("report_survey"),
    script:
        "../../scripts/report_survey.py"
