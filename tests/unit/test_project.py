"""The project as a whole: one list of dependencies, derived files, what it does not say."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from write_environment import environment_text


def tracked(root: Path) -> list[Path]:
    """The files of the repository, or of a copy without one."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False
    )
    return [root / name for name in done.stdout.split("\0") if name]


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def locked(root: Path) -> dict[str, tuple[set[str], bool]]:
    """Versions of each locked package, and whether pyproject.toml asks for it itself."""
    blocks = re.split(r"(?m)^(?=[a-z0-9])", (root / "requirements.lock").read_text("utf-8"))
    found: dict[str, tuple[set[str], bool]] = {}
    for block in filter(None, blocks):
        name, version = re.match(r"([a-z0-9.\-_]+)==(\S+)", block).groups()
        versions, direct = found.get(canonicalize_name(name), (set(), False))
        direct |= "tertius (pyproject.toml" in block
        found[canonicalize_name(name)] = (versions | {version}, direct)
        assert "--hash=sha256:" in block, f"{name} has no hash"
    return found


def test_lock_holds_just_what_pyproject_asks_for(project: dict, locked: dict) -> None:
    listed = project["project"]["dependencies"] + project["dependency-groups"]["test"]
    wanted = {canonicalize_name(Requirement(text).name): Requirement(text) for text in listed}
    assert {name for name, (_, direct) in locked.items() if direct} == set(wanted)
    for name, requirement in wanted.items():
        assert all(requirement.specifier.contains(version) for version in locked[name][0]), name


def test_environment_yml_is_the_one_derived_from_pyproject(root: Path, project: dict) -> None:
    assert (root / "environment.yml").read_text("utf-8") == environment_text(project)


def test_locks_hold_no_address_and_there_is_no_second_lock(root: Path) -> None:
    for lock in root.glob("*.lock"):
        assert not re.search(r"https?://", lock.read_text("utf-8")), lock.name
    assert not (root / "uv.lock").exists()


def test_the_installed_versions_are_the_locked_ones(project: dict, locked: dict) -> None:
    for text in project["project"]["dependencies"]:
        name = Requirement(text).name
        assert metadata.version(name) in locked[canonicalize_name(name)][0]


def licence_of(package: str) -> str:
    """What a package says of its licence: its metadata, else the start of its licence file."""
    about = metadata.metadata(package)
    said = [about.get("License-Expression"), about.get("License"), *about.get_all("Classifier", [])]
    words = " ".join(str(part)[:200] for part in said if part and "Programming" not in part)
    files = [f for f in metadata.files(package) or [] if "licen" in f.name.lower()]
    return words or " ".join(f.read_text()[:200] for f in files)


def test_runtime_dependencies_have_permissive_licences(project: dict) -> None:
    for text in project["project"]["dependencies"]:
        licence = licence_of(Requirement(text).name)
        assert not re.search(r"\bA?GPL|GNU (Affero )?General", licence), text
        assert re.search(r"MIT|BSD|Apache|PSF|ISC|MPL|NCSA|Python Software", licence, re.I), text


def test_no_file_names_a_machine_path_or_a_package_host(root: Path) -> None:
    words = [
        r"(?:^|[^A-Za-z0-9_.-])/(?:work|farm|root|home)/",
        "pypi" + r"\.org",
        "python" + "hosted",
    ]
    pattern = re.compile("|".join(words))
    suffixes = {
        ".py",
        ".smk",
        ".yaml",
        ".yml",
        ".md",
        ".toml",
        ".lock",
        ".html",
        ".rst",
        ".cff",
        "",
    }
    for path in tracked(root):
        if path.suffix in suffixes and path.is_file() and "data/raw" not in path.as_posix():
            assert not pattern.search(path.read_text("utf-8")), path.relative_to(root)


def test_make_help_lists_every_command_that_the_readme_names(root: Path) -> None:
    done = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True)
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
    wanted = {"run", "test", "dry-run", "dag", "networks", "panel", "report", "clean", "lock"}
    assert wanted <= listed
    named = re.findall(r"(?:`|^)make ([a-z][a-z-]+)", (root / "README.md").read_text("utf-8"), re.M)
    assert set(named) <= listed


def test_an_unsupported_python_is_refused_clearly(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    shim = (
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys; sys.version_info = (3, 10, 0); "
        'sys.executable = "python3.10"; exec(sys.argv[1])\' "$2"\n'
    )
    old.write_text(shim)
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "setup", f"PY={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "tertius needs Python 3.11, 3.12 or 3.13; python3.10 is 3.10" in done.stderr
    assert "make PY=python3.12" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_the_snakefile_stays_short_and_scripts_are_named_after_their_rules(root: Path) -> None:
    assert len((root / "Snakefile").read_text("utf-8").splitlines()) <= 60
    rules = (root / "workflow" / "rules").glob("*.smk")
    text = "\n".join(path.read_text("utf-8") for path in rules)
    for name, body in re.findall(r"(?m)^rule (\w+):\n((?:    .*\n|\n)+)", text):
        assert f"scripts/{name}.py" in body
        assert f"{{LOGS}}/{name}" in body
        assert f"{{BENCHMARKS}}/{name}" in body
        assert f'code("{name}")' in body
