"""The list of exhibits: schema, studies, overrides, and every mistake told with a mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tertius.exhibits.config import (
    Exhibit,
    exhibit_paths,
    exhibit_problems,
    resolve_exhibits,
    truth_names,
)
from tertius.registry import read_checked, read_yaml, schema_problems

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "workflow" / "schemas" / "exhibits.yaml"
FILE = ROOT / "config" / "exhibits.yaml"


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return read_checked(FILE, SCHEMA)


def test_every_exhibit_of_the_project_is_sound(config: dict[str, Any], world: Any) -> None:
    exhibits = resolve_exhibits(config, {}, "demo", has_truth=True)
    columns = world.panel.columns
    assert exhibit_problems(exhibits, world.models, columns, ["alliance"]) == []
    assert {exhibit.kind for exhibit in exhibits} >= {
        "descriptives", "correlations", "regression", "coefficients", "inverted_u", "network",
        "attrition", "truth", "verdicts"}  # fmt: skip
    assert all(exhibit.title["zh"] for exhibit in exhibits)


def test_truth_exhibits_belong_to_studies_with_a_truth(config: dict[str, Any]) -> None:
    kinds = {e.kind for e in resolve_exhibits(config, {}, "h2020", has_truth=False)}
    assert "truth" not in kinds
    ids = {e.id for e in resolve_exhibits(config, {}, "h2020", has_truth=False)}
    assert "table_truth" not in ids


def test_a_study_changes_leaves_out_and_adds(config: dict[str, Any]) -> None:
    own = {
        "table_position": {"models": ["position"], "inference": "ci"},
        "table_search": None,
        "table_new": {"kind": "regression", "title": {"en": "N", "zh": "新"}, "models": ["m"]},
    }
    found = {e.id: e for e in resolve_exhibits(config, own, "x", has_truth=False)}
    assert found["table_position"].models == ("position",)
    assert found["table_position"].inference == "ci"
    assert found["table_position"].title["en"] == config["table_position"]["title"]["en"]
    assert "table_search" not in found
    assert found["table_new"].formats == ("csv", "html", "tex", "docx", "xlsx")


def test_plain_and_back(config: dict[str, Any]) -> None:
    for exhibit in resolve_exhibits(config, {}, "demo", has_truth=True):
        assert Exhibit.from_plain(exhibit.plain()) == exhibit


def test_mistakes_are_told_all_at_once() -> None:
    config = {
        "table_a": {"kind": "regression", "title": {"en": "A", "zh": "甲"}, "models": ["positoin"]},
        "figure_b": {"kind": "inverted_u", "title": {"en": "B", "zh": "乙"}, "model": "position"},
        "figure_c": {"kind": "network", "title": {"en": "C", "zh": "丙"}, "network": "aliance"},
        "table_d": {"kind": "descriptives", "title": {"en": "D", "zh": "丁"}, "model": "position",
                    "variables": ["degg"], "formats": ["csv", "png"]},
    }  # fmt: skip
    exhibits = resolve_exhibits(config, {}, "demo", has_truth=False)
    problems = exhibit_problems(exhibits, ["position"], ["deg"], ["alliance"])
    said = [(problem.where.split(": ")[1], problem.what, problem.fix) for problem in problems]
    assert said == [
        ("table_a", "no model is called 'positoin'", "did you mean 'position'?"),
        ("figure_b", "key 'x' is missing", "a inverted_u exhibit needs it"),
        ("figure_c", "no network is called 'aliance'", "did you mean 'alliance'?"),
        ("table_d", "no variable is called 'degg'", "did you mean 'deg'?"),
        ("table_d", "a descriptives exhibit cannot be written as 'png'",
         "known: csv, docx, html, tex, xlsx"),
        ("table_d", "the report cannot show it", "add html to its formats"),
    ]  # fmt: skip


def test_schema_refuses_unknown_keys() -> None:
    content = {"table_a": {"kind": "regresion", "title": {"en": "A", "zh": "甲"}, "modles": []}}
    said = [problem.what for problem in schema_problems(content, read_yaml(SCHEMA), "x")]
    assert "unknown key 'modles'" in said
    assert "'regresion' is not allowed" in said


def test_paths_follow_the_formats() -> None:
    exhibits = [
        Exhibit("t", "regression", {"en": "T"}, {}, ("csv", "html")),
        Exhibit("f", "network", {"en": "F"}, {}, ("png",)),
    ]
    assert exhibit_paths(exhibits, Path("r"), tables=True) == [Path("r/t.csv"), Path("r/t.html")]
    assert exhibit_paths(exhibits, Path("r"), tables=False) == [Path("r/f.png")]


def test_names_of_the_truth_file(config: dict[str, Any]) -> None:
    assert truth_names(resolve_exhibits(config, {}, "demo", True)) == {
        "turb": "turb_z",
        "rd_int": "rdint",
    }
