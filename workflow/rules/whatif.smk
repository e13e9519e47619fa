# Not part of a run: make whatif.


rule simulate_removals:
    input:
        tables=f"{DATA}/tables",
        ties=f"{DATA}/ties/{STUDY.focal}.parquet",
        measures=f"{DATA}/measures/{STUDY.focal}.parquet",
    output:
        curves=f"{RESULTS}/whatif/curves.csv",
        groups=f"{RESULTS}/whatif/groups.csv",
        firms=f"{RESULTS}/whatif/firms.csv",
        figures=[
            f"{RESULTS}/figures/whatif_removals.{kind}"
            for kind in ("png", "pdf", "svg")
        ],
    log:
        f"{LOGS}/simulate_removals.log",
    benchmark:
        f"{BENCHMARKS}/simulate_removals.tsv"
    params:
        **settings("whatif"),
        code=code("simulate_removals"),
        limits=STUDY.section("measures"),
        year=STUDY.years.analysis[1],
        seed=STUDY.seed,
    script:
        "../../scripts/simulate_removals.py"
