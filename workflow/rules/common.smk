# What every rule file uses: the study, its folders, and what makes a step re-run.
import atexit
import fcntl
import os
import sys
import tomllib
from pathlib import Path

# Relative, so that nothing runs again when the folder is moved.
ROOT = Path(os.path.relpath(workflow.basedir))
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS.resolve()))

# One thread a job keeps results the same on any number of cores; the library comes from this tree.
os.environ |= {
    "PYTHONPATH": str(SCRIPTS.resolve()),
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "315532800",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
}

from tertius.claims import claim_files, load_study_claims, model_defaults
from tertius.exhibits.config import exhibit_paths, exhibit_problems, resolve_exhibits
from tertius.problems import InputError, Problem
from tertius.provenance import hash_code
from tertius.registry import load_registry, raw_files, read_checked
from tertius.unchanged import record_run


def checked(load, *arguments):
    """What `load` returns, or all problems told plainly and an end."""
    try:
        return load(*arguments)
    except InputError as error:
        sys.stderr.write(f"\n{error}\n")
        sys.stderr.flush()
        os._exit(1)


def hold_folder():
    """Keep a second run out of this folder; the system lets go when a run ends or is killed."""
    folder = Path(".snakemake")
    folder.mkdir(exist_ok=True)
    held = open(folder / "run.lock", "w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise InputError(
            [Problem("this folder", "another run is going on", "wait for its end")]
        )
    return held


LOCK = (
    checked(hold_folder) if workflow.is_main_process and not workflow.dryrun else None
)
REGISTRY = checked(load_registry, ROOT, config["study"], config["raw_dir"])
STUDY = REGISTRY.study
DATA = f"data/processed/{STUDY.name}"
RESULTS = f"results/{STUDY.name}"
LOGS = f"{RESULTS}/audit/logs"
BENCHMARKS = f"{RESULTS}/audit/benchmarks"

CLAIM_FILES, CLAIM_SCHEMA = claim_files(ROOT)
MODEL_DEFAULTS = model_defaults(STUDY)
CLAIMS = checked(load_study_claims, ROOT, REGISTRY)
LOCK_FILE = sorted((ROOT / "config" / "studies").glob(f"{STUDY.name}.lock"))
MODELS = {**CLAIMS.models, **STUDY.section("models")}
LEDGERS = [
    f"{DATA}/ledger/{step}.json"
    for step in (
        "read_sources",
        "resolve_identity",
        *(f"ties_{network}" for network in STUDY.networks),
        "derive_variables",
        "build_panel",
    )
]


def load_exhibits():
    """The study's tables and figures, checked against its models and variables."""
    schema = ROOT / "workflow" / "schemas" / "exhibits.yaml"
    listed = read_checked(ROOT / "config" / "exhibits.yaml", schema)
    own, planted = STUDY.section("exhibits"), bool(STUDY.section("truth"))
    exhibits = resolve_exhibits(listed, own, STUDY.name, planted)
    variables = [*REGISTRY.codebook, *STUDY.section("variables")]
    problems = exhibit_problems(exhibits, MODELS, variables, STUDY.networks)
    if problems:
        raise InputError(problems)
    return exhibits


EXHIBITS = checked(load_exhibits)
TRUTH = [str(STUDY.raw_dir / STUDY.section("truth"))] if STUDY.section("truth") else []


def runtime_packages():
    """Names of the packages that pyproject.toml lists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    return sorted(
        entry.split(">")[0].split("[")[0] for entry in project["dependencies"]
    )


CODE = hash_code(sorted(SCRIPTS.glob("*.py")), SCRIPTS / "tertius")


def code(name):
    """Hash of a step's script and of all library files that it uses."""
    return CODE[name]


def settings(*sections):
    """The named sections of the study, as plain data."""
    return {section: STUDY.section(section) for section in sections}


# Whatever a run reads or writes: while all of it stands as it was left, `make` has nothing to do.
PLACES = [
    *(ROOT / name for name in ("Snakefile", "pyproject.toml", "requirements.lock")),
    *(ROOT / name for name in ("workflow", "scripts", "config", "profiles")),
    *(ROOT / path for path in STUDY.section("worlds").values() if path),
    *(STUDY.raw_dir / f for one in REGISTRY.sources.values() for f in raw_files(one)),
    *map(Path, [*TRUTH, DATA, RESULTS]),
]


def tell_problems():
    """Print what steps found wrong with the user's input."""
    for notice in sorted(Path(LOGS).glob("**/*.problem")):
        sys.stderr.write(f"\n{notice.read_text(encoding='utf-8')}")
        notice.unlink()


if workflow.is_main_process:
    atexit.register(tell_problems)  # after all that the engine says
