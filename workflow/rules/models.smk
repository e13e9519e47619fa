# Every model of the registry in one job: each takes well under two seconds.

ON_DYADS = any(
    model.get("frame", "firm_years") != "firm_years" for model in MODELS.values()
)


rule build_dyads:
    input:
        tables=f"{DATA}/tables",
        ties=f"{DATA}/ties/{STUDY.focal}.parquet",
        records=f"{DATA}/ties/{STUDY.focal}_records.parquet",
        panel=f"{DATA}/panel.parquet",
    output:
        dyads=directory(f"{DATA}/dyads"),
        ledger=f"{DATA}/ledger/build_dyads.json",
    log:
        f"{LOGS}/build_dyads.log",
    benchmark:
        f"{BENCHMARKS}/build_dyads.tsv"
    params:
        **settings("years", "frame"),
        code=code("build_dyads"),
        models=MODELS,
        defaults=MODEL_DEFAULTS,
        unit=STUDY.unit,
        seed=STUDY.seed,
    script:
        "../../scripts/build_dyads.py"


rule fit_models:
    input:
        panel=f"{DATA}/panel.parquet",
        dyads=[f"{DATA}/dyads"] if ON_DYADS else [],
    output:
        estimates=directory(f"{RESULTS}/estimates"),
        designs=directory(f"{DATA}/designs"),
        influence=directory(f"{DATA}/influence"),
    log:
        f"{LOGS}/fit_models.log",
    benchmark:
        f"{BENCHMARKS}/fit_models.tsv"
    params:
        code=code("fit_models"),
        models=MODELS,
        defaults=MODEL_DEFAULTS,
        stand_ins=STUDY.section("stand_ins"),
    script:
        "../../scripts/fit_models.py"
