"""Derived files are current, the documented example works, and the check tells what data allow."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import openpyxl
import pytest
import yaml

import check_study
import write_data_section
from tertius import checkup
from tertius.problems import InputError
from tertius.registry import load_formats, load_sources, raw_files, resolve_source
from tertius.sources import READERS, read_source, verify
from tertius.sources.fields import FIELD_KEYS
from tertius.sources.loader import OPTIONS, POLICIES
from tertius.sources.registry_hash import refresh_hashes
from tertius.sources.templates import template, write_templates
from tertius.tables import SCHEMAS
from tests.project import copy_project

ROOT = Path(__file__).resolve().parents[2]


def cells(book):
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def words(book):
    return [rule.formula1 for sheet in book for rule in sheet.data_validations.dataValidation]


def test_templates_are_those_of_the_schemas():
    folder = ROOT / "docs" / "templates"
    assert {path.stem for path in folder.glob("*.xlsx")} == set(SCHEMAS)
    for table in SCHEMAS:
        written = openpyxl.load_workbook(folder / f"{table}.xlsx")
        assert cells(written) == cells(template(table)), f"{table}: make templates"
        assert words(written) == words(template(table)), f"{table}: make templates"


def test_a_filled_template_is_read(tmp_path):
    write_templates(tmp_path)
    book = openpyxl.load_workbook(tmp_path / "policies.xlsx")
    row = {"policy_id": "P1", "level": "city", "kind": "pilot", "effective": date(2014, 7, 1)}
    book["policies"].append([row.get(cell.value) for cell in book["policies"][1]])
    book.save(tmp_path / "policies.xlsx")
    mapping = load_formats(ROOT)["policies"]["mapping"]
    table = READERS["long_table"](tmp_path / "policies.xlsx", mapping).tables["policies"]
    assert table.select("policy_id", "level", "effective").rows() == [
        ("P1", "city", date(2014, 7, 1))
    ]


def test_the_readme_s_data_section_is_current():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme == write_data_section.current(ROOT), "make data-section"
    for name, entry in load_sources(ROOT).items():
        assert f"| `{name}` |" in readme
        assert all(one["sha256"][:12] in readme for one in raw_files(entry).values())


def example(name):
    text = (ROOT / "docs" / "sources.md").read_text("utf-8")
    return re.search(rf"<!-- example: {re.escape(name)} -->\n```\w+\n(.*?)```", text, re.S).group(1)


@pytest.fixture
def project(tmp_path):
    return copy_project(ROOT, tmp_path / "project").folder


def test_the_documented_source_is_added_by_one_mapping(project):
    raw = project / "data" / "raw" / "colleague" / "alliances_2015.csv"
    raw.parent.mkdir()
    raw.write_text(example("alliances_2015.csv"), encoding="gb18030")
    registry = project / "config" / "sources.yaml"
    registry.write_text(registry.read_text("utf-8") + "\n" + example("sources.yaml"), "utf-8")
    mine = ["colleague_alliances"]
    assert refresh_hashes(registry, project / "data" / "raw", mine) == mine
    entry = load_sources(project)["colleague_alliances"]
    verify("colleague_alliances", entry, raw)
    source = read_source("colleague_alliances", entry, project / "data" / "raw")
    assert source.tables["alliances"].select("aid", "start_date", "end_date").rows() == [
        ("A-1", date(2015, 3, 1), None),
        ("A-2", date(2015, 4, 12), date(2018, 1, 31)),
    ]
    assert source.tables["alliance_parties"].select("aid", "name", "amount").rows() == [
        ("A-1", "华为技术有限公司", 12_005_000.0),
        ("A-1", "清华大学", 12_005_000.0),
        ("A-2", "中兴通讯股份有限公司", None),
        ("A-2", "电子科技大学", None),
    ]
    assert source.tables["alliance_scopes"].rows() == [("A-1", "RD"), ("A-2", "license")]
    study = {
        "title": {"en": "Example", "zh": "示例"},
        "seed": 1,
        "unit": "organisation",
        "sources": ["colleague_alliances"],
        "years": {"raw": [2015, 2018], "analysis": [2015, 2016], "outcomes": [2016, 2018]},
        "networks": {"alliance": {"layers": ["alliance"]}},
    }
    path = project / "config" / "studies" / "example.yaml"
    path.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    told = check_study.main(project, "example", None)
    assert "source colleague_alliances: 2015-2015, 4 organisations" in told
    assert "possible ties, alliance: 2" in told
    assert "claims: the data allow 3 of 164\n  B02, B33, B36\n" in told
    assert re.search(r"lack an input: no .*patents", told)


def test_check_tells_every_problem_and_runs_nothing(project):
    raw = project / "data" / "raw" / "demo"
    (raw / "policies.csv").write_text("policy_id\n", encoding="utf-8")
    (raw / "organisations.csv").unlink()
    with pytest.raises(InputError) as caught:
        check_study.main(project, "demo", None)
    told = str(caught.value)
    assert "policies.csv: the file has 10 bytes" in told
    assert "organisations.csv: the raw file of source 'demo_organisations' is missing" in told
    study = project / "config" / "studies" / "demo.yaml"
    study.write_text(study.read_text("utf-8").replace("- demo_patents", "- demo_patent"), "utf-8")
    with pytest.raises(InputError, match="did you mean 'demo_patents'"):
        check_study.main(project, "demo", None)
    assert not (project / "results").exists()
    assert not (project / "data" / "processed").exists()


def test_check_looks_at_the_start_of_large_bundles_only(project, monkeypatch):
    samples = ROOT / "tests" / "data" / "formats" / "patentsview"
    folder = project / "data" / "raw" / "pv"
    shutil.copytree(samples, folder)
    files = {path.name: {"sha256": "0" * 64, "bytes": 1} for path in sorted(folder.iterdir())}
    said = dict.fromkeys(("title", "licence", "citation", "access"), "x")
    entry = {**said, "format": "patentsview", "folder": "pv", "files": files, "version": "1"}
    registry = project / "config" / "sources.yaml"
    text = yaml.safe_dump({"pv": {**entry, "redistributable": False}}, sort_keys=False)
    registry.write_text(text, encoding="utf-8")
    assert refresh_hashes(registry, project / "data" / "raw") == ["pv"]
    for path in (project / "config" / "studies").glob("*.yaml"):
        path.unlink()
    study = {
        "title": {"en": "Example", "zh": "示例"},
        "seed": 1,
        "unit": "organisation",
        "sources": ["pv"],
        "years": {"raw": [2002, 2006], "analysis": [2002, 2003], "outcomes": [2003, 2006]},
        "networks": {"co_applicant": {"layers": ["co_applicant"]}},
    }
    (project / "config" / "studies" / "pv.yaml").write_text(yaml.safe_dump(study), "utf-8")
    told = check_study.main(project, "pv", None)
    assert "source pv: 2002-2006" in told
    assert "possible ties, co_applicant: 1" in told
    monkeypatch.setattr(checkup, "QUICK_BYTES", 1000)
    assert "source pv (the start of its files only)" in check_study.main(project, "pv", None)
    with (folder / "g_patent.tsv").open("a", encoding="utf-8") as file:
        file.write("x")
    with pytest.raises(InputError, match=r"g_patent.tsv: the file has \d+ bytes"):
        check_study.main(project, "pv", None)


def test_a_source_of_several_files_stands_for_all_of_them():
    entry = {
        "format": "cordis",
        "folder": "cordis",
        "files": {
            "project.csv": {"sha256": "a" * 64, "bytes": 5, "url": "https://x.org/p"},
            "organization.csv": {"sha256": "b" * 64, "bytes": 7},
        },
        "access": "public",
    }
    resolved = resolve_source(entry, load_formats(ROOT))
    assert (resolved["file"], resolved["bytes"], resolved["reader"]) == ("cordis", 12, "bundle")
    assert re.fullmatch("[0-9a-f]{64}", resolved["sha256"])
    files = raw_files(resolved)
    assert list(files) == ["cordis/project.csv", "cordis/organization.csv"]
    assert files["cordis/project.csv"]["url"] == "https://x.org/p"
    assert files["cordis/organization.csv"]["access"] == "public"


def test_the_docs_list_every_format_reader_and_policy():
    text = (ROOT / "docs" / "sources.md").read_text("utf-8")
    for name in set(load_formats(ROOT)) - set(SCHEMAS):
        assert f"`{name}`" in text, name
    for name in (*READERS, *POLICIES):
        assert f"| `{name}` |" in text, name
    for option in (*OPTIONS, *FIELD_KEYS):
        assert f"`{option}" in text, option
