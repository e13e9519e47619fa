# Raw files become typed tables; names become organisations.


rule read_sources:
    input:
        receipts=f"{DATA}/fetched.json",
    output:
        folder=directory(f"{DATA}/read"),
        ledger=f"{DATA}/ledger/read_sources.json",
    log:
        f"{LOGS}/read_sources.log",
    benchmark:
        f"{BENCHMARKS}/read_sources.tsv"
    params:
        code=code("read_sources"),
        sources=REGISTRY.sources,
        raw_dir=str(STUDY.raw_dir),
        years=STUDY.section("years"),
    script:
        "../../scripts/read_sources.py"


rule resolve_identity:
    input:
        folder=f"{DATA}/read",
    output:
        tables=directory(f"{DATA}/tables"),
        matches=f"{DATA}/identity_matches.parquet",
        ledger=f"{DATA}/ledger/resolve_identity.json",
    log:
        f"{LOGS}/resolve_identity.log",
    benchmark:
        f"{BENCHMARKS}/resolve_identity.tsv"
    params:
        code=code("resolve_identity"),
        unit=STUDY.unit,
        cut=STUDY.section("cut"),
        types=STUDY.section("frame")["types"],
    script:
        "../../scripts/resolve_identity.py"
