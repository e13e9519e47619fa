# Not part of a run: make multiverse CLAIM=A04. Where it was made, verdicts and report show it.
from dataclasses import asdict

from tertius.multiverse.grid import NetworkVariant, network_variants
from tertius.multiverse.load import focal_settings, load_grid

GRID = checked(load_grid, ROOT, STUDY)
FOCAL_NETWORK = focal_settings(STUDY)
VARIANTS = {
    variant.id: variant for variant in network_variants(GRID, FOCAL_NETWORK, STUDY.seed)
}
MADE = {path.stem for path in Path(f"{RESULTS}/multiverse").glob("*.json")}
VARIED = [claim.id for claim in CLAIMS.claims if claim.test and claim.id in MADE]
DECLARED_VARIANT = NetworkVariant.of(FOCAL_NETWORK).id


rule vary_network:
    input:
        tables=f"{DATA}/tables",
    output:
        network=directory(f"{DATA}/multiverse/{{variant}}"),
    log:
        f"{LOGS}/vary_network/{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/vary_network/{{variant}}.tsv"
    wildcard_constraints:
        variant="|".join(VARIANTS),
    params:
        **settings("measures", "years"),
        code=code("vary_network"),
        variant=lambda wildcards: {
            **asdict(VARIANTS[wildcards.variant]),
            "without": dict(VARIANTS[wildcards.variant].without),
        },
        unit=STUDY.unit,
        seed=STUDY.seed,
    script:
        "../../scripts/vary_network.py"


rule build_multiverse:
    input:
        panel=f"{DATA}/panel.parquet",
        tables=f"{DATA}/tables",
        ties=f"{DATA}/ties/{STUDY.focal}.parquet",
        records=f"{DATA}/ties/{STUDY.focal}_records.parquet",
        measures=f"{DATA}/measures/{STUDY.focal}.parquet",
        networks=[f"{DATA}/multiverse/{v}" for v in VARIANTS if v != DECLARED_VARIANT],
        claims=CLAIM_FILES,
        schema=CLAIM_SCHEMA,
        lock=LOCK_FILE,
    output:
        cells=f"{RESULTS}/multiverse/{{claim}}.parquet",
        summary=f"{RESULTS}/multiverse/{{claim}}.json",
    log:
        f"{LOGS}/build_multiverse/{{claim}}.log",
    benchmark:
        f"{BENCHMARKS}/build_multiverse/{{claim}}.tsv"
    wildcard_constraints:
        claim="|".join(claim.id for claim in CLAIMS.claims),
    params:
        **settings("years", "frame", "inference", "stand_ins"),
        code=code("build_multiverse"),
        claim=lambda wildcards: wildcards.claim,
        grid=asdict(GRID),
        focal_network=FOCAL_NETWORK,
        models=MODELS,
        defaults=MODEL_DEFAULTS,
        codebook=REGISTRY.codebook,
        declared=STUDY.section("variables"),
        unit=STUDY.unit,
        focal=STUDY.focal,
        seed=STUDY.seed,
    script:
        "../../scripts/build_multiverse.py"


rule draw_multiverse:
    input:
        cells=f"{RESULTS}/multiverse/{{claim}}.parquet",
        summary=f"{RESULTS}/multiverse/{{claim}}.json",
    output:
        figures=[
            f"{RESULTS}/figures/multiverse_{{claim}}.{kind}"
            for kind in ("png", "pdf", "svg")
        ],
    log:
        f"{LOGS}/draw_multiverse/{{claim}}.log",
    benchmark:
        f"{BENCHMARKS}/draw_multiverse/{{claim}}.tsv"
    params:
        code=code("draw_multiverse"),
    script:
        "../../scripts/draw_multiverse.py"
