"""What tests share: where the project and the real raw data are."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# A busy machine is no finding: time is measured by the benchmarks.
hypothesis.settings.register_profile("tertius", deadline=None)
hypothesis.settings.load_profile("tertius")

# Scripts that made stored references need tools which the project does not.
collect_ignore_glob = ["reference/*/*.py"]

ROOT = Path(__file__).resolve().parents[1]
RAW = Path(os.environ.get("TERTIUS_RAW", ROOT.parent / "shared" / "data")).resolve()


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def real_raw() -> Path:
    """The folder that holds the raw files of the real studies."""
    if not RAW.is_dir():
        pytest.skip(f"TERTIUS_RAW: there is no folder {RAW}; the real studies were not run")
    return RAW
