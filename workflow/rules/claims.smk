# Estimates become verdicts on the claims of both papers.


rule judge_claims:
    input:
        estimates=f"{RESULTS}/estimates",
        designs=f"{DATA}/designs",
        influence=f"{DATA}/influence",
        claims=CLAIM_FILES,
        schema=CLAIM_SCHEMA,
    output:
        verdicts=f"{RESULTS}/verdicts/verdicts.csv",
        variants=f"{RESULTS}/verdicts/variants.csv",
        cards=f"{RESULTS}/verdicts/cards.json",
        shapes=f"{RESULTS}/verdicts/shapes.json",
    log:
        f"{LOGS}/judge_claims.log",
    benchmark:
        f"{BENCHMARKS}/judge_claims.tsv"
    params:
        **settings("inference", "stand_ins", "variables"),
        code=code("judge_claims"),
        codebook=REGISTRY.codebook,
        seed=STUDY.seed,
    script:
        "../../scripts/judge_claims.py"
