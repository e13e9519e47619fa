# Every model of the registry in one job: each takes well under two seconds.


rule fit_models:
    input:
        panel=f"{DATA}/panel.parquet",
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
