"""The small demo, run once for all tests of the workflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import Project, copy_project


@pytest.fixture(scope="session")
def finished(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy in which the small demo has been run; tests only read it."""
    project = copy_project(root, tmp_path_factory.mktemp("finished"))
    project.run("demo_small").succeeded()
    return project
