# Not part of a run: make whatif. Where it was made, the report shows it.
WHATIF_TABLES = [
    f"{RESULTS}/whatif/{table}.csv"
    for table in ("curves", "groups", "firms", "partners")
]
WHATIF_MADE = all(Path(table).is_file() for table in WHATIF_TABLES)


rule simulate_removals:
    input:
        tables=f"{DATA}/tables",
        ties=f"{DATA}/ties/{STUDY.focal}.parquet",
        measures=f"{DATA}/measures/{STUDY.focal}.parquet",
        estimates=f"{RESULTS}/estimates",
    output:
        curves=f"{RESULTS}/whatif/curves.csv",
        groups=f"{RESULTS}/whatif/groups.csv",
        firms=f"{RESULTS}/whatif/firms.csv",
        partners=f"{RESULTS}/whatif/partners.csv",
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
        weight=STUDY.networks[STUDY.focal].weight,
        limits=STUDY.section("measures"),
        year=STUDY.years.analysis[1],
        seed=STUDY.seed,
    script:
        "../../scripts/simulate_removals.py"
