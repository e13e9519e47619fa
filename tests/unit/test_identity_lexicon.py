"""The tables behind identity: what is wrong in them is told; a person's decisions are honoured."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from tertius.exhibits.identity import (
    coverage,
    identity_grids,
    method_counts,
    network_effects,
    samples,
)
from tertius.identity import Reader, resolve
from tertius.problems import InputError
from tertius.registry.lexicon import COLUMNS, load_lexicon

FOLDER = Path(__file__).resolve().parents[2] / "config" / "identity"


@pytest.fixture
def tables(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "identity")
    return tmp_path / "identity"


def refusal(folder, decisions=None):
    with pytest.raises(InputError) as caught:
        load_lexicon(folder, decisions)
    return str(caught.value)


def test_every_table_is_read():
    lexicon = load_lexicon(FOLDER)
    assert len(lexicon.letters) > 2_500
    assert lexicon.letters["國"] == "国"
    assert lexicon.abbreviations["laboratorium"] == "lab"
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(COLUMNS)


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("legal_forms", "gmbhh,de,de,ende,gmbh", "'ende' is not known"),
        ("legal_forms", "ag,de,de,end,ag", "'ag end' stands twice"),
        ("type_words", "hospitl,klinik,word,de,strong", "'hospitl' is not known"),
        ("simplified", "国,國", "stands on both sides"),
        ("simplified", "國家,国家", "'國家' is not one character"),
        ("abbreviations", "labor,laboratory", "is itself shortened"),
        ("abbreviations", "lab,l,x", "too many or too few cells"),
        ("aliases", "Acme,,renamed", "the cell is empty"),
        ("parents", "Acme,Beta,2010,2005,0.5,yes,why", "2010 is after 2005"),
        ("parents", "Acme,Beta,10,,0.5,yes,why", "are not two years"),
        ("parents", "Acme,Beta,,,50,yes,why", "share '50' is not in [0, 1]"),
        ("overrides", "Acme,Acme,different,why", "cannot differ from itself"),
        ("overrides", "University of York,York University,same,why", "are same and different"),
    ],
)
def test_what_is_wrong_in_a_table_is_told(tables, name, line, told):
    with (tables / f"{name}.csv").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    assert told in refusal(tables)


def test_missing_files_and_columns_are_told(tables):
    (tables / "stop_words.csv").unlink()
    (tables / "aliases.csv").write_text("name,same\nA,B\n", encoding="utf-8")
    message = refusal(tables)
    assert "stop_words.csv: the file is missing" in message
    assert "column 'same_as' is missing" in message


def study(*names):
    return {
        "patents": pl.DataFrame(
            {"pid": ["P1", "P2"], "year": [2001, 2002]}, schema_overrides={"year": pl.Int32}
        ),
        "patent_applicants": pl.DataFrame(
            {"pid": [p for p, _ in names], "name": [n for _, n in names], "seq": [1] * len(names)},
            schema_overrides={"seq": pl.Int32},
        ),
    }


NAMES = (("P1", "Siemens AG"), ("P1", "Parallel Wireless"), ("P2", "Parellel Wireless"))


def test_the_review_that_a_person_edits_is_honoured_by_the_next_run(tmp_path):
    first = resolve(study(*NAMES), "organisation", Reader(load_lexicon(FOLDER)))
    assert first.tables["organisations"].height == 3
    assert first.review.select("name_a", "name_b", "score", "outcome").rows() == [
        ("Parallel Wireless", "Parellel Wireless", 82.0, "kept apart: not enough evidence")
    ]
    edited = first.review.with_columns(
        pl.lit("same").alias("decision"), pl.lit("one address").alias("reason")
    )
    edited.write_csv(tmp_path / "study.csv")
    lexicon = load_lexicon(FOLDER, tmp_path / "study.csv")
    second = resolve(study(*NAMES), "organisation", Reader(lexicon))
    assert second.tables["organisations"].height == 2
    assert second.review.height == 0
    told = second.matches.filter(name="Parellel Wireless").select("method", "why").row(0)
    assert told == ("override", "decided by a person")


def test_a_decision_needs_a_reason_and_a_known_word(tmp_path):
    path = tmp_path / "study.csv"
    path.write_text(
        "name_a,name_b,decision,reason\nA,B,same,\nA,C,maybe,why\nA,D,,\n", encoding="utf-8"
    )
    message = refusal(FOLDER, path)
    assert "line 2: the decision has no reason" in message
    assert "line 3: decision 'maybe' is not known" in message
    assert "line 4" not in message


EFFECTS = (
    ("P1", "Acme Inc"),
    ("P1", "ACME, INC."),
    ("P1", "Beta Ltd"),
    ("P2", "Acme Inc"),
    ("P2", "Gamma GmbH"),
)


def test_effects_on_ties_degree_and_constraint_by_hand():
    found = resolve(study(*EFFECTS), "organisation", Reader(load_lexicon(FOLDER)))
    effects, changed = network_effects(study(*EFFECTS), found.matches)
    facts = {row[1]: row[2:] for row in effects.rows()}
    # Before: a triangle Acme Inc, ACME, INC., Beta and a tie Acme Inc - Gamma. After: a star of
    # Acme with two leaves, of constraint 1/4 + 1/4, and two leaves of constraint 1.
    assert facts["nodes"] == (4.0, 3.0)
    assert facts["ties"] == (4.0, 2.0)
    assert facts["mean degree of nodes with ties"] == (2.0, pytest.approx(4 / 3))
    assert facts["mean constraint of nodes with ties"][1] == pytest.approx((0.5 + 1 + 1) / 3)
    assert changed.row(0, named=True)["org_id"] == "acme"
    assert changed.row(0, named=True)["degree_before"] == 3
    assert changed.row(0, named=True)["degree_after"] == 2
    assert changed.row(0, named=True)["constraint_after"] == pytest.approx(0.5)


def test_coverage_of_one_source_by_another():
    tables = study(*EFFECTS) | {
        "alliance_parties": pl.DataFrame(
            {"aid": ["A", "A", "B"], "name": ["ACME INC", "Delta", "Gamma AG"],
             "role": [None] * 3, "amount": [None] * 3},
            schema_overrides={"role": pl.String, "amount": pl.Float64},
        ),
        "firm_years": pl.DataFrame(
            {"name": ["Acme Incorporated"], "year": [2001]}, schema_overrides={"year": pl.Int32}
        ),
    }  # fmt: skip
    found = resolve(tables, "organisation", Reader(load_lexicon(FOLDER)))
    rows = {(r["source"], r["target"]): r for r in coverage(tables, found.matches).to_dicts()}
    assert set(rows) == {
        ("patents", "alliances"), ("patents", "financials"),
        ("alliances", "patents"), ("alliances", "financials"),
    }  # fmt: skip
    one = rows["patents", "alliances"]
    assert (one["organisations"], one["matched"], one["not in the target"]) == (3, 2, 1)
    assert one["share of records, one matched"] == 1.0
    assert one["share of records, all matched"] == 0.5
    other = rows["alliances", "financials"]
    assert (other["organisations"], other["matched"]) == (3, 1)
    assert other["share of records, one matched"] == 0.5
    assert other["share of records, all matched"] == 0.0


def test_the_report_shows_methods_effects_and_coverage():
    tables = study(*EFFECTS)
    found = resolve(tables, "organisation", Reader(load_lexicon(FOLDER)))
    effects, changed = network_effects(tables, found.matches)
    frames = {
        "methods": method_counts(found.matches),
        "samples": samples(found.matches),
        "effects": effects,
        "changed": changed,
        "coverage": coverage(tables, found.matches),
        "review": found.review,
    }
    grids = {grid.title: grid for grid in identity_grids(frames)}
    assert grids["Names by method"].rows[0][0] == "key"
    assert grids["Names by method"].rows[0][2] == "1"
    assert ("co_applicant", "ties", "4", "2") in grids[
        "Before and after names are put together"
    ].rows
    assert identity_grids({}) == ()
