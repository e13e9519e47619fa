"""A copy of the project in which a test may run, edit and break things."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PARTS = ("Snakefile", "config", "scripts", "workflow", "profiles", "data/raw/demo")


@dataclass(frozen=True)
class Project:
    """A project folder and a way to run its workflow."""

    folder: Path

    def run(self, study: str, *arguments: str, cores: int = 2, **config: str) -> Outcome:
        """Run the workflow of a study; returns its exit code and all it printed."""
        settings = [f"{key}={value}" for key, value in {"study": study, **config}.items()]
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments]
        done = subprocess.run(
            [*command, "--config", *settings],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def results(self, study: str) -> Path:
        """Folder of a study's results."""
        return self.folder / "results" / study


@dataclass(frozen=True)
class Outcome:
    """How a run of the workflow ended."""

    code: int
    text: str

    def succeeded(self) -> Outcome:
        """Itself, when the run went well; else the test fails with what was printed."""
        assert self.code == 0, self.text[-6000:]
        return self


def copy_project(root: Path, folder: Path) -> Project:
    """A fresh copy of the files that a run needs."""
    for part in PARTS:
        source, target = root / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy2(root / name, folder / name)
    return Project(folder)
