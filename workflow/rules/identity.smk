# Raw files become typed tables; names become organisations.

# The tables of config/identity, and the study's own decisions on pairs where there are some.
LEXICON = sorted(str(path) for path in (ROOT / "config" / "identity").glob("*.csv"))
DECISIONS = [
    str(path)
    for path in [ROOT / "config" / "identity" / "decisions" / f"{STUDY.name}.csv"]
    if path.exists()
]


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
        lexicon=LEXICON,
        decisions=DECISIONS,
    output:
        tables=directory(f"{DATA}/tables"),
        matches=f"{DATA}/identity_matches.parquet",
        review=f"{DATA}/identity_review.parquet",
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
        settings=STUDY.section("identity"),
    script:
        "../../scripts/resolve_identity.py"


rule report_identity:
    input:
        reads=f"{DATA}/read",
        matches=f"{DATA}/identity_matches.parquet",
        review=f"{DATA}/identity_review.parquet",
    output:
        folder=directory(f"{RESULTS}/identity"),
    log:
        f"{LOGS}/report_identity.log",
    benchmark:
        f"{BENCHMARKS}/report_identity.tsv"
    params:
        code=code("report_identity"),
    script:
        "../../scripts/report_identity.py"
