# Estimates become verdicts on the claims of both papers.


def stored_worlds(kind):
    """The table of the study's simulated worlds, where the study names one and it was made."""
    named = STUDY.section("worlds")[kind]
    return [str(ROOT / named)] if named and (ROOT / named).is_file() else []


rule draw_placebos:
    input:
        tables=f"{DATA}/tables",
        ties=f"{DATA}/ties/{STUDY.focal}.parquet",
        panel=f"{DATA}/panel.parquet",
        claims=CLAIM_FILES,
        schema=CLAIM_SCHEMA,
    output:
        placebos=f"{DATA}/placebos.parquet",
    log:
        f"{LOGS}/draw_placebos.log",
    benchmark:
        f"{BENCHMARKS}/draw_placebos.tsv"
    # The same draws with any number of threads.
    threads: 2
    params:
        **settings("years", "frame"),
        code=code("draw_placebos"),
        codebook=REGISTRY.codebook,
        declared=STUDY.section("variables"),
        models=MODELS,
        defaults=MODEL_DEFAULTS,
        network=STUDY.section("networks")[STUDY.focal],
        focal=STUDY.focal,
        unit=STUDY.unit,
        draws=STUDY.section("inference")["placebo_draws"],
        seed=STUDY.seed,
    script:
        "../../scripts/draw_placebos.py"


rule judge_claims:
    input:
        estimates=f"{RESULTS}/estimates",
        designs=f"{DATA}/designs",
        influence=f"{DATA}/influence",
        placebos=f"{DATA}/placebos.parquet",
        claims=CLAIM_FILES,
        schema=CLAIM_SCHEMA,
        multiverse=[f"{RESULTS}/multiverse/{claim}.json" for claim in VARIED],
        lock=LOCK_FILE,
        power=stored_worlds("power"),
        faults=stored_worlds("faults"),
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
