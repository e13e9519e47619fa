# Raw files: fetched where they are missing, never written over, verified by hash.


def raw_files_found():
    """The raw files that lie at their place; when one changes it is verified again."""
    entries = REGISTRY.sources.values()
    files = [STUDY.raw_dir / name for entry in entries for name in raw_files(entry)]
    return [str(path) for path in files if path.exists()]


rule fetch_sources:
    input:
        raw=raw_files_found(),
    output:
        receipts=f"{DATA}/fetched.json",
    log:
        f"{LOGS}/fetch_sources.log",
    benchmark:
        f"{BENCHMARKS}/fetch_sources.tsv"
    params:
        code=code("fetch_sources"),
        sources=REGISTRY.sources,
        raw_dir=str(STUDY.raw_dir),
    script:
        "../../scripts/fetch_sources.py"
