"""The claims as a study sees them: where they are written, and what its settings add."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tertius.claims.check import load_checked_claims
from tertius.claims.registry import ClaimRegistry
from tertius.registry import Registry, Study


def claim_files(root: Path) -> tuple[list[Path], Path]:
    """The claim files of a project, one a paper, and their JSON Schema."""
    files = sorted((root / "config" / "claims").glob("*.yaml"))
    return files, root / "workflow" / "schemas" / "claims.yaml"


def model_defaults(study: Study) -> dict[str, Any]:
    """What every model of a study takes from its settings."""
    return {**study.section("estimation"), "undefined": study.section("panel")["recode"]}


def load_study_claims(root: Path, registry: Registry) -> ClaimRegistry:
    """The claims, checked against the codebook, the variables and the models of a study.

    Raises:
        InputError: with all problems.
    """
    study = registry.study
    return load_checked_claims(
        *claim_files(root),
        [*registry.codebook, *study.section("variables")],
        study.section("models"),
        model_defaults(study),
    )
