# Records become ties; ties become measures, years in chunks.


def year_chunks():
    """Spans of analysis years, one a job."""
    first, last = STUDY.years.analysis
    width = STUDY.section("measures")["chunk_years"]
    return [f"{y}-{min(y + width - 1, last)}" for y in range(first, last + 1, width)]


rule build_ties:
    input:
        tables=f"{DATA}/tables",
    output:
        ties=f"{DATA}/ties/{{network}}.parquet",
        records=f"{DATA}/ties/{{network}}_records.parquet",
        ledger=f"{DATA}/ledger/ties_{{network}}.json",
    log:
        f"{LOGS}/build_ties/{{network}}.log",
    benchmark:
        f"{BENCHMARKS}/build_ties/{{network}}.tsv"
    wildcard_constraints:
        network="|".join(STUDY.networks),
    params:
        code=code("build_ties"),
        network=lambda wildcards: STUDY.section("networks")[wildcards.network],
        settings=STUDY.section("ties"),
        years=STUDY.section("years"),
    script:
        "../../scripts/build_ties.py"


rule measure_network:
    input:
        tables=f"{DATA}/tables",
        ties=f"{DATA}/ties/{{network}}.parquet",
        records=f"{DATA}/ties/{{network}}_records.parquet",
    output:
        measures=f"{DATA}/measures/{{network}}/{{first}}-{{last}}.parquet",
        facts=f"{DATA}/measures/{{network}}/{{first}}-{{last}}_facts.parquet",
    log:
        f"{LOGS}/measure_network/{{network}}_{{first}}-{{last}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_network/{{network}}_{{first}}-{{last}}.tsv"
    wildcard_constraints:
        network="|".join(STUDY.networks),
        first=r"\d+",
        last=r"\d+",
    params:
        code=code("measure_network"),
        network=lambda wildcards: STUDY.section("networks")[wildcards.network],
        settings=STUDY.section("measures"),
        lifespan=STUDY.section("ties")["lifespan"],
        span=lambda wildcards: (int(wildcards.first), int(wildcards.last)),
        seed=STUDY.seed,
    script:
        "../../scripts/measure_network.py"


rule gather_measures:
    input:
        chunks=expand(
            f"{DATA}/measures/{{{{network}}}}/{{chunk}}.parquet", chunk=year_chunks()
        ),
        chunk_facts=expand(
            f"{DATA}/measures/{{{{network}}}}/{{chunk}}_facts.parquet",
            chunk=year_chunks(),
        ),
    output:
        measures=f"{DATA}/measures/{{network}}.parquet",
        facts=f"{DATA}/measures/{{network}}_facts.parquet",
    log:
        f"{LOGS}/gather_measures/{{network}}.log",
    benchmark:
        f"{BENCHMARKS}/gather_measures/{{network}}.tsv"
    wildcard_constraints:
        network="|".join(STUDY.networks),
    params:
        code=code("gather_measures"),
    script:
        "../../scripts/gather_measures.py"


# Not part of a run: snakemake results/<study>/networks/<network>/<year>.graphml (.gexf, .net, .dl)
rule export_network:
    input:
        ties=f"{DATA}/ties/{{network}}.parquet",
        measures=f"{DATA}/measures/{{network}}.parquet",
    output:
        graphml=f"{RESULTS}/networks/{{network}}/{{year}}.graphml",
        gexf=f"{RESULTS}/networks/{{network}}/{{year}}.gexf",
        pajek=f"{RESULTS}/networks/{{network}}/{{year}}.net",
        ucinet=f"{RESULTS}/networks/{{network}}/{{year}}.dl",
    log:
        f"{LOGS}/export_network/{{network}}_{{year}}.log",
    benchmark:
        f"{BENCHMARKS}/export_network/{{network}}_{{year}}.tsv"
    wildcard_constraints:
        network="|".join(STUDY.networks),
        year=r"\d{4}",
    params:
        code=code("export_network"),
        network=lambda wildcards: STUDY.section("networks")[wildcards.network],
        year=lambda wildcards: int(wildcards.year),
    script:
        "../../scripts/export_network.py"
