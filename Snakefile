# From raw records to verdicts: snakemake [--config study=<study> raw_dir=<folder>]
from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/run.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/identity.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/variables.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/multiverse.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/whatif.smk"
include: "workflow/rules/exhibits.smk"
include: "workflow/rules/audit.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    networks,
    panel,
    report,


rule all:
    default_target: True
    input:
        f"{RESULTS}/report/index.html",
        f"{RESULTS}/audit/manifest.json",


rule networks:
    input:
        expand(f"{DATA}/measures/{{network}}.parquet", network=STUDY.networks),


rule panel:
    input:
        f"{DATA}/panel.parquet",


rule report:
    input:
        f"{RESULTS}/report/index.html",


onsuccess:
    record_run(f"{DATA}/.last_run.json", PLACES, sys.argv[1:])
