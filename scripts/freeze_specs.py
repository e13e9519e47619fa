"""Write the hashes of a study's specifications once, before its results are seen."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import yaml

from tertius.claims import load_study_claims, model_defaults
from tertius.claims.frozen import Lock, lock_of
from tertius.model_spec import planned_spec
from tertius.multiverse.load import load_grid
from tertius.problems import InputError, Problem
from tertius.registry import load_registry

HEAD = """\
# Frozen specifications, written once by `make freeze STUDY={study}`: one hash a test of
# a claim and a level of the multiverse. What is added or changed later is stamped post hoc.
"""


def main(root: Path, study: str) -> Path:
    """The lock file that was written.

    Raises:
        InputError: the study is frozen already, or every problem of the configuration.
    """
    path = root / "config" / "studies" / f"{study}.lock"
    if path.exists():
        fix = "specifications are frozen once; delete the file only where no result was seen"
        raise InputError([Problem(f"config/studies/{study}.lock", "is there already", fix)])
    text = yaml.safe_dump(current_lock(root, study).to_dict(), allow_unicode=True)
    path.write_text(HEAD.format(study=study) + text, encoding="utf-8")
    return path


def current_lock(root: Path, study: str) -> Lock:
    """The hashes of a study as its configuration stands now."""
    registry = load_registry(root, study)
    settings = registry.study
    claims, defaults = load_study_claims(root, registry), model_defaults(settings)
    stand_ins = settings.section("stand_ins")
    models = {**claims.models, **settings.section("models")}
    specs = {name: planned_spec(name, raw, defaults, stand_ins) for name, raw in models.items()}
    return lock_of(claims.claims, specs, load_grid(root, settings).choices)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="demo")
    try:
        written = main(Path(__file__).resolve().parents[1], parser.parse_args().study)
    except InputError as error:
        sys.exit(str(error))
    print(f"wrote {written.name}: commit it")
