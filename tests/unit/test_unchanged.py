"""A run is repeated unless every file stands as it was left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tertius.unchanged import is_unchanged, record_run, trace

ARGUMENTS = ("--cores", "all", "--config", "study=toy")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("config/a.yaml", "results/page.html", "results/deep/table.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    record_run(
        tmp_path / ".last_run.json",
        [tmp_path / "config", tmp_path / "results", tmp_path / "raw.csv"],
        ARGUMENTS,
    )
    return tmp_path


def test_nothing_changed(place: Path) -> None:
    assert is_unchanged(place / ".last_run.json", ARGUMENTS)


def test_other_arguments_are_another_run(place: Path) -> None:
    assert not is_unchanged(place / ".last_run.json", (*ARGUMENTS, "raw_dir=/elsewhere"))


@pytest.mark.parametrize(
    "name", ["config/a.yaml", "results/deep/table.csv", "config/new.yaml", "raw.csv"]
)
def test_an_edited_or_new_file_counts(place: Path, name: str) -> None:
    (place / name).write_text("two, of another size")
    assert not is_unchanged(place / ".last_run.json", ARGUMENTS)


def test_an_edit_of_equal_size_counts_by_its_time(place: Path) -> None:
    (place / "config/a.yaml").write_text("two")
    os.utime(place / "config/a.yaml", ns=(1, 1))
    assert not is_unchanged(place / ".last_run.json", ARGUMENTS)


def test_a_lost_result_counts(place: Path) -> None:
    (place / "results/page.html").unlink()
    assert not is_unchanged(place / ".last_run.json", ARGUMENTS)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"arguments": []}'])
def test_a_broken_or_missing_record_leaves_it_to_the_engine(place: Path, text: str) -> None:
    (place / ".last_run.json").write_text(text)
    assert not is_unchanged(place / ".last_run.json", ARGUMENTS)
    assert not is_unchanged(place / "none.json", ARGUMENTS)


def test_compiled_files_do_not_count(place: Path) -> None:
    before = trace([place / "config"])
    (place / "config/__pycache__").mkdir()
    (place / "config/__pycache__/a.pyc").write_text("x")
    assert trace([place / "config"]) == before
    assert list(before) == [(place / "config/a.yaml").as_posix()]
