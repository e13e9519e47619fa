"""Settings: strict files, all errors at once with key path and nearest word."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tertius.problems import InputError, Problem, describe, did_you_mean
from tertius.registry import load_registry, load_study, merge, read_yaml, study_names

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copytree(ROOT / "workflow" / "schemas", tmp_path / "workflow" / "schemas")
    return tmp_path


def write_study(project: Path, name: str, **changes: object) -> None:
    content = read_yaml(project / "config" / "studies" / "demo.yaml") | changes
    path = project / "config" / "studies" / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize("name", study_names(ROOT))
def test_every_study_of_the_project_loads(name: str) -> None:
    registry = load_registry(ROOT, name)
    assert registry.study.focal in registry.study.networks
    assert set(registry.sources) == set(registry.study.sources)


def test_demo_years_leave_burn_in_and_citation_window() -> None:
    years = load_study(ROOT, "demo").years
    assert years.raw == (1990, 2019)
    assert years.analysis[0] - years.raw[0] == 9
    assert years.analysis[1] - years.analysis[0] + 1 == 13
    assert years.raw[1] - years.analysis[1] == 8


def test_defaults_are_written_out() -> None:
    study = load_study(ROOT, "demo")
    assert study.section("inference") == {
        "draws": 499,
        "placebo_draws": 39,
        "alpha": 0.05,
        "sesoi": 0.05,
    }
    assert study.networks["alliance"].weight == "newman"
    assert study.networks["co_applicant"].window == 5


def test_unknown_study_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'demo'"):
        load_study(ROOT, "demos")


def test_all_errors_of_a_study_come_at_once_with_key_path(project: Path) -> None:
    write_study(project, "broken", unit="organization", tyes={}, seed="x")
    with pytest.raises(InputError) as caught:
        load_study(project, "broken")
    text = str(caught.value)
    assert "broken.yaml: tyes: unknown key 'tyes' -> did you mean 'ties' or 'years'?" in text
    assert (
        "broken.yaml: unit: 'organization' is not allowed -> did you mean 'organisation'?" in text
    )
    assert "broken.yaml: seed: 'x' is not of type 'integer'" in text


def test_inconsistent_years_networks_and_sources_are_told(project: Path) -> None:
    years = {"raw": [1990, 2000], "analysis": [1999, 2011], "outcomes": [2000, 1999]}
    write_study(project, "late", years=years, focal="aliance")
    with pytest.raises(InputError) as caught:
        load_study(project, "late")
    text = str(caught.value)
    assert "years.analysis: 1999-2011 lies outside the raw years 1990-2000" in text
    assert "years.outcomes: 2000 is after 1999" in text
    assert "focal: no network 'aliance' -> did you mean 'alliance'?" in text
    write_study(project, "sourceless", sources=["demo_patent"])
    with pytest.raises(InputError, match="did you mean 'demo_patents'"):
        load_registry(project, "sourceless")


def test_extends_holds_only_the_differences(project: Path) -> None:
    path = project / "config" / "studies" / "short.yaml"
    path.write_text("extends: demo\nyears: {analysis: [2001, 2003]}\n", encoding="utf-8")
    short, demo = load_study(project, "short"), load_study(project, "demo")
    assert short.years.analysis == (2001, 2003)
    assert short.years.raw == demo.years.raw
    assert short.sources == demo.sources
    path.write_text("extends: short\n", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be extended"):
        load_study(project, "short")


def test_yaml_that_repeats_a_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("a: 1\nb: 2\na: 3\n", encoding="utf-8")
    with pytest.raises(InputError, match="key 'a' stands twice"):
        read_yaml(path)


def test_empty_missing_and_mis_encoded_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    with pytest.raises(InputError, match="the file is missing"):
        read_yaml(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="empty or no mapping"):
        read_yaml(path)
    path.write_bytes("title: é".encode("latin-1"))
    with pytest.raises(InputError, match="save the file as UTF-8"):
        read_yaml(path)


def test_merge_goes_into_mappings_and_replaces_the_rest() -> None:
    base = {"a": {"x": 1, "y": 2}, "b": [1]}
    assert merge(base, {"a": {"y": 3}, "b": [2]}) == {"a": {"x": 1, "y": 3}, "b": [2]}
    assert base == {"a": {"x": 1, "y": 2}, "b": [1]}


def test_many_problems_are_cut_and_counted() -> None:
    text = describe(Problem("f", f"problem {number}") for number in range(25))
    assert text.startswith("25 problems to mend:")
    assert text.count("problem ") == 20
    assert text.endswith("... and 5 more")
    assert did_you_mean("zzz", ["alpha"]) == "known: alpha"
