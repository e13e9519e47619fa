"""Both real studies, on a cut, from raw files to verdicts."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest

from tests.project import Project, copy_project

CUT = 400


@pytest.fixture(scope="module", params=["drones", "drones_organisation", "h2020"])
def real_study(
    request: pytest.FixtureRequest,
    root: Path,
    real_raw: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Project, str]:
    """A project in which a cut of a real study has been run."""
    project = copy_project(root, tmp_path_factory.mktemp(request.param))
    study = project.folder / "config" / "studies" / "cut.yaml"
    study.write_text(f"extends: {request.param}\ncut: {CUT}\ninference: {{draws: 99}}\n")
    project.run("cut", raw_dir=str(real_raw)).succeeded()
    return project, request.param


def verdicts(project: Project) -> dict[str, dict[str, str]]:
    with (project.results("cut") / "verdicts" / "verdicts.csv").open(encoding="utf-8") as file:
        return {row["claim_id"]: row for row in csv.DictReader(file)}


def test_a_real_study_runs_to_the_same_outputs(real_study: tuple[Project, str]) -> None:
    project, name = real_study
    rows = verdicts(project)
    assert len(rows) == 164
    judged = [row for row in rows.values() if row["verdict"] != "not_testable"]
    assert len(judged) >= 3
    assert all(float(row["std_error"]) > 0 for row in judged if row["std_error"])
    results = project.results("cut")
    page = (results / "report" / "index.html").read_text("utf-8")
    settings = json.loads((results / "audit" / "manifest.json").read_text("utf-8"))["settings"]
    assert len(settings["cautions"]) >= 3
    for caution in settings["cautions"]:
        assert caution["en"].split(":")[0].strip()[:60] in page
    panel = pl.read_parquet(project.folder / "data" / "processed" / "cut" / "panel.parquet")
    assert panel["in_sample"].sum() > 0
    assert (panel["sbreadth_status"] == "missing_input").all(), name


def test_what_the_data_cannot_say_is_not_testable_with_the_missing_input(
    real_study: tuple[Project, str],
) -> None:
    rows = verdicts(real_study[0])
    assert rows["A25"]["verdict"] == "not_testable"
    assert rows["A25"]["reason_code"] == "missing_input"
    assert "citations" in rows["A25"]["reason"]


def test_outcomes_that_stand_in_are_told_beside_the_verdict(
    real_study: tuple[Project, str],
) -> None:
    project, name = real_study
    expected = {"h2020": "new_projects", "drones": "pat_excl", "drones_organisation": "pat_excl"}
    row = verdicts(project)["A04"]
    assert expected[name] in row["proxy"] or row["verdict"] == "not_testable"
