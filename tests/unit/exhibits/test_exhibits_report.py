"""The report: self-contained, complete, the same every time, and readable without seeing."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
import yaml

from tertius.codebook import codebook_rows
from tertius.exhibits.build_report import data_uri
from tertius.exhibits.claim_rows import claim_rows, families_grid, overview, verdict_counts
from tertius.exhibits.codebook import render_codebook
from tertius.exhibits.config import exhibit_paths, resolve_exhibits
from tertius.exhibits.content import Bilingual, FigureBlock
from tertius.exhibits.grids import attrition_grid, facts_grid, ledger_grids, statuses_grid
from tertius.exhibits.report import templates

ROOT = Path(__file__).resolve().parents[3]
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """Every element with its attributes, and whether all are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings() -> dict[str, Any]:
    path = ROOT / "config" / "studies" / "demo.yaml"
    return {
        **yaml.safe_load(path.read_text(encoding="utf-8")),
        "years": {"raw": [1990, 2019], "analysis": [1999, 2006], "outcomes": [2000, 2014]},
        "inference": {"draws": 499, "alpha": 0.05},
        "variables": {},
        "stand_ins": {
            "cwpat": {"variable": "pat_excl", "label": {"en": "New <projects>", "zh": "新"}}
        },
    }


@pytest.fixture(scope="module")
def page(world: Any) -> str:
    """The page as the three steps make it, with few exhibits to save time."""
    results, data = world.folder / "results", world.folder / "data"
    config = yaml.safe_load((ROOT / "config" / "exhibits.yaml").read_text(encoding="utf-8"))
    kept = ("table_position", "table_descriptives", "figure_truth", "figure_network")
    exhibits = [e for e in resolve_exhibits(config, {}, "demo", True) if e.id in kept]
    plain = [e.plain() for e in exhibits]
    tables = exhibit_paths(exhibits, results / "tables", tables=True)
    figures = exhibit_paths(exhibits, results / "figures", tables=False)
    truth = world.folder / "truth.yaml"
    planted = [{"term": "log1p(deg)", "coefficient": 0.45}, {"term": "turb", "coefficient": 0.0}]
    truth.write_text(yaml.safe_dump({"outcome": {"terms": planted, "centres": {}}}))
    shared = {"panel": data / "panel.parquet", "estimates": results / "estimates",
              "exhibits": plain, "codebook": world.codebook}  # fmt: skip
    script("make_tables").main(**shared, tables=tables, declared={})
    script("make_figures").main(
        **shared, declared={}, verdicts=results / "verdicts" / "verdicts.csv",
        tables=data / "tables", ties=[data / "ties" / "alliance.parquet"], truth=[truth],
        figures=figures, descriptions=data / "descriptions.json", focal="alliance",
        unit="organisation", years=(1999, 2006), seed=1)  # fmt: skip
    source = {"title": "A & B", "reader": "csv", "file": "x", "sha256": "0" * 64, "bytes": 1,
              "version": "1", "licence": "CC BY 4.0", "redistributable": False,
              "citation": "Author (2020)", "access": "open"}  # fmt: skip

    cards = results / "verdicts" / "cards.json"
    told = {"power": {"power": 0.93, "basis": "simulated", "seeds": 24}, "multiverse": None}
    survived = {"worlds": 3, "percent": {"name_splits": 10}}
    cards.write_text(json.dumps({"A04": {**told, "fault_tolerance": survived}}))

    def write(path: Path) -> str:
        script("write_report").main(
            **shared, verdicts=results / "verdicts" / "verdicts.csv", cards=cards, tables=tables,
            figures=figures, descriptions=data / "descriptions.json",
            facts=[data / "measures" / "alliance_facts.parquet"],
            ledgers=[data / "ledger" / "ties_alliance.json"], truth=[truth], page=path,
            study="demo", settings=settings(), sources={"one": source}, claims=world.claims,
            packages=["polars", "numpy"])  # fmt: skip
        return path.read_text(encoding="utf-8")

    first, second = (write(results / "report" / name) for name in ("index.html", "again.html"))
    assert first == second
    return first


def test_page_is_sound_and_fetches_nothing(page: str) -> None:
    parsed = Page(page)
    for tag in ("img", "script", "link", "iframe", "source"):
        for attributes in parsed.all(tag):
            assert "href" not in attributes
            assert (attributes.get("src") or "data:").startswith("data:")
    assert "@import" not in page
    assert not re.search(r"url\((?!['\"]?data:)", page)
    assert parsed.all("html")[0]["lang"] == "en"


def test_links_lead_to_anchors_and_files_that_exist(page: str, world: Any) -> None:
    parsed = Page(page)
    ids = {attributes["id"] for _, attributes in parsed.elements if "id" in attributes}
    assert len(ids) == sum("id" in attributes for _, attributes in parsed.elements)
    folder = world.folder / "results" / "report"
    for attributes in parsed.all("a"):
        href = attributes["href"] or ""
        if href.startswith("#"):
            assert href[1:] in ids
        elif not href.startswith(("http", "../audit/")):
            assert (folder / href).exists()
            assert not Path(href).is_absolute()


def test_every_claim_is_told_once_in_both_languages(page: str, world: Any) -> None:
    rows = [a for a in Page(page).all("tr") if "data-verdict" in a]
    assert len(rows) == 164
    assert [row["id"] for row in rows] == sorted(world.claims)
    text = unescape(page)
    for claim in world.claims.values():
        assert claim["statement"]["en"] in text
        assert claim["statement"]["zh"] in text
    tiles = [a for a in Page(page).all("a") if "tile" in (a.get("class") or "")]
    assert len(tiles) == 164


def test_a_card_tells_power_and_faults(page: str) -> None:
    row = page[page.index('<tr id="A04"') :]
    row = row[: row.index("</tr>")]
    assert "<dt>Power</dt><dd>93.0\u00a0% (simulated, 24 worlds)</dd>" in row
    assert "<dt>Survives</dt><dd>name splits 10 % (3 worlds)</dd>" in row
    assert page.count("<dt>Survives</dt>") == 1


def test_counts_are_those_of_the_verdicts(page: str, world: Any) -> None:
    words = world.verdicts["verdict"].to_list()
    for verdict in ("supported", "contradicted", "inconclusive", "not_testable"):
        assert f'<li class="{verdict}"><b>{words.count(verdict)}</b>' in page


def test_cautions_and_stand_ins_stand_in_front(page: str) -> None:
    caution = settings()["cautions"][0]
    assert page.index(caution["en"]) < page.index('id="verdicts"')
    assert caution["zh"] in page
    assert "this study uses New &lt;projects&gt; (pat_excl)" in page


def test_pictures_have_words_and_tables_have_heads(page: str) -> None:
    parsed = Page(page)
    pictures = parsed.all("img")
    assert len(pictures) == 2
    assert all(len(attributes["alt"] or "") > 40 for attributes in pictures)
    heads = parsed.all("th")
    assert len(heads) > 200
    assert all(a.get("scope") in ("col", "row", "rowgroup") for a in heads)


def test_a_figure_without_content_is_words_only(world: Any) -> None:
    block = FigureBlock(
        "f", "coefficients", Bilingual("T"), Bilingual(""), "Not drawn: why", False, "data:x", ()
    )
    macro = templates().get_template("macros.html.j2").module.figure(block)  # type: ignore[attr-defined]
    assert "<img" not in macro
    assert "Not drawn: why" in macro


def test_truth_and_its_joint_test_are_printed(page: str) -> None:
    assert re.search(r"\d of 2</b> intervals hold the planted value", page)
    assert "Wald &chi;&sup2;(2)" in page
    assert "rejected" in page


def test_sources_ledgers_and_versions_are_printed(page: str) -> None:
    assert "A &amp; B" in page
    assert "CC BY 4.0 (not redistributable)" in page
    assert "ties alliance" in page
    assert "polars " in page


def test_reason_codes_and_quotes_are_escaped(page: str) -> None:
    assert "0.41 &lt; 1 &amp; adjusted p = 0.012" in page


def test_rows_of_claims(world: Any) -> None:
    rows = claim_rows(world.verdicts, world.claims, ["position"])
    by_id = {row.id: row for row in rows}
    assert dict(verdict_counts(rows)) == {
        word: world.verdicts["verdict"].to_list().count(word)
        for word in ("supported", "contradicted", "inconclusive", "not_testable")
    }
    assert by_id["A04"].model is not None
    assert by_id["A04"].model.href == "#model-position"
    assert by_id["A04"].p_value == "<0.001"
    assert by_id["A04"].p_adjusted == "0.012"
    assert by_id["A04"].n_obs == "840"
    assert by_id["A01"].estimate == "–"  # its test has several legs, so that the world gives none
    assert by_id["A01"].sort_p == 2.0
    assert by_id["B33"].flags[-1][0] == "one case"
    assert sum(len(tiles) for paper in overview(rows) for _, tiles in paper.places) == 164
    families = families_grid(rows)
    assert sum(int(row[1]) for row in families.rows) == sum(bool(row.family) for row in rows)


def test_an_unknown_claim_is_refused(world: Any) -> None:
    with pytest.raises(KeyError, match="A01"):
        claim_rows(world.verdicts, {}, [])


def test_smallest_image_is_taken() -> None:
    uri = data_uri({"svg": b"<svg/>", "png": b"1234567890"})
    assert base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")) == b"<svg/>"
    with pytest.raises(ValueError, match="svg or png"):
        data_uri({"pdf": b""})


def test_last_line_of_attrition_is_the_reported_n(world: Any) -> None:
    grid = attrition_grid(world.results)
    last = {row[0]: row[2] for row in grid.rows}
    for name, model in world.results.estimated.items():
        assert last[name] == f"{model.fit['n_obs']:,}"
    assert [row[4] for row in grid.rows[:3]] == ["", "280", "120"]


def test_statuses_add_up(world: Any) -> None:
    grid = statuses_grid(world.panel, ["sh", "deg"], world.labels)
    assert grid.heads[2:] == ("Defined", "Isolate")
    assert sum(int(n) for n in grid.rows[0][2:]) == world.panel.height


def test_facts_of_a_network() -> None:
    facts = pl.DataFrame({"year": [2001, 2000], "nodes": [1200, 9], "giant_share": [0.5, 1.0]})
    grid = facts_grid("co_applicant_w3", facts, (2000, 2000))
    assert grid.title == "Whole network by year: co-applicant, 3-year window"
    assert grid.rows == (("2000", "9", "100.0\u00a0%"),)


def test_ledgers_are_shown_whole_or_counted() -> None:
    records = [
        {"note": "n", "parties": 6000 + k, "record_id": f"R{k}", "year": 1999} for k in range(140)
    ]
    ledger = {"ties": {"alliance": {"capped": 12345, "kept": True}, "skipped": records}}
    counts, skipped = ledger_grids(json.loads(json.dumps(ledger)))
    assert counts.rows == (("alliance › capped", "12,345"), ("alliance › kept", "yes"))
    assert len(skipped.rows) == 100
    assert skipped.heads == ("year", "record id", "parties", "note")
    assert skipped.rows[0] == ("1999", "R0", "6,000", "n")
    assert skipped.numeric == {2}
    assert skipped.note == "The first 100 of 140; all are in the file."


def test_codebook_page_holds_every_column(world: Any) -> None:
    rows = codebook_rows(world.panel, world.codebook, {}, {}).to_dicts()
    text = render_codebook(rows, {"en": "Demo", "zh": "演示"})
    parsed = Page(text)
    ids = [a["id"] for a in parsed.all("tr") if "data-role" in a]
    assert ids == world.panel.columns
    assert "度中心性" in text
    assert "0 to ∞" in text
    assert "sum_j x_ij &lt; deg &amp; more" in text
    assert text == render_codebook(rows, {"en": "Demo", "zh": "演示"})
    assert not [a for a in parsed.all("script") if "src" in a]
