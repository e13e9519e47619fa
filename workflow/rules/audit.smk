# What an auditor needs: hashes, attrition, codebook, ledgers, versions, time and memory.


rule write_audit:
    input:
        panel=f"{DATA}/panel.parquet",
        receipts=f"{DATA}/fetched.json",
        ledgers=LEDGERS,
        exhibits=[
            f"{RESULTS}/report/index.html",
            f"{RESULTS}/estimates",
            f"{RESULTS}/verdicts/verdicts.csv",
        ],
    output:
        manifest=f"{RESULTS}/audit/manifest.json",
        attrition=f"{RESULTS}/audit/attrition.csv",
        codebook_csv=f"{RESULTS}/audit/codebook.csv",
        codebook_html=f"{RESULTS}/audit/codebook.html",
        environment=f"{RESULTS}/audit/environment.json",
        ledger=f"{RESULTS}/audit/ledger.json",
        record=f"{RESULTS}/audit/run.json",
    log:
        f"{LOGS}/write_audit.log",
    benchmark:
        f"{BENCHMARKS}/write_audit.tsv"
    params:
        code=code("write_audit"),
        title=STUDY.title,
        codebook=REGISTRY.codebook,
        whole_network=REGISTRY.whole_network,
        declared=STUDY.section("variables"),
        settings=STUDY.settings,
        packages=runtime_packages(),
        root=str(ROOT),
    script:
        "../../scripts/write_audit.py"
