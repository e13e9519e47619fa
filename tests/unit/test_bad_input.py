"""What a user can get wrong with raw files: each has a message that says what to do.

The steps are called as the workflow calls them; a wrong file leaves nothing half-written.
"""

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from tertius.problems import InputError

PATENTS = """\
pid,prio_date,applicants
P1,2001-01-01,Société Générale; 华为技术有限公司
P2,2002-01-01,Acme
"""
REGISTER = "name,type,country\nSociété Générale,firm,FR\n华为技术有限公司,firm,CN\nAcme,firm,US\n"
YEARS = {"raw": [2000, 2010]}


def step(name):
    """`main` of a step's script."""
    root = Path(__file__).resolve().parents[2]
    scope = {"__name__": name}
    exec(
        compile((root / "scripts" / f"{name}.py").read_text(encoding="utf-8"), name, "exec"), scope
    )
    return scope["main"]


def sources(tmp_path, patents, register=None, **mapping):
    register = REGISTER.encode() if register is None else register
    raw = tmp_path / "raw"
    raw.mkdir(exist_ok=True)
    (raw / "patents.csv").write_bytes(patents)
    (raw / "register.csv").write_bytes(register)
    return {
        "patents": {"reader": "patent_export", "file": "patents.csv", "mapping": mapping},
        "register": {"reader": "register", "file": "register.csv"},
    }


def read(tmp_path, entries):
    step("read_sources")(
        folder=tmp_path / "read",
        ledger=tmp_path / "read.json",
        sources=entries,
        raw_dir=str(tmp_path / "raw"),
        years=YEARS,
        receipts=tmp_path / "fetched.json",
    )


def resolve(tmp_path, **settings):
    step("resolve_identity")(
        folder=tmp_path / "read",
        tables=tmp_path / "tables",
        lexicon=[Path(__file__).resolve().parents[2] / "config" / "identity" / "aliases.csv"],
        matches=tmp_path / "matches.parquet",
        review=tmp_path / "review.parquet",
        ledger=tmp_path / "resolve.json",
        **{"unit": "organisation", "cut": None, **settings},
    )


def refusal(tmp_path, entries):
    with pytest.raises(InputError) as caught:
        read(tmp_path, entries)
    assert not (tmp_path / "read").exists()
    assert not (tmp_path / "read.json").exists()
    return str(caught.value)


def organisations(tmp_path):
    return pl.read_parquet(tmp_path / "tables" / "organisations.parquet")["name"].to_list()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_files_of_several_encodings_give_the_same_tables(tmp_path, encoding):
    text = PATENTS.replace("Société Générale", "Acme")
    register = REGISTER.replace("Société Générale", "Societe")
    read(tmp_path, sources(tmp_path, text.encode(encoding), register.encode(encoding)))
    resolve(tmp_path)
    assert sorted(organisations(tmp_path)) == ["Acme", "Societe", "华为技术有限公司"]
    ledger = json.loads((tmp_path / "read.json").read_text(encoding="utf-8"))
    assert {line["note"] for line in ledger if line["step"] == "rows read"} == {encoding}


def test_a_latin_1_file_beside_a_utf_8_one(tmp_path):
    patents = PATENTS.replace("; 华为技术有限公司", "").encode("latin-1")
    read(tmp_path, sources(tmp_path, patents))
    resolve(tmp_path)
    assert sorted(organisations(tmp_path)) == ["Acme", "Société Générale", "华为技术有限公司"]


def test_an_undecodable_file_names_line_and_mend(tmp_path):
    found = refusal(tmp_path, sources(tmp_path, PATENTS.encode("gb18030"), encoding="utf-8"))
    assert "patents.csv, line 2: byte " in found
    assert "is not utf-8 -> declare the file's `encoding:`" in found


def test_an_empty_file(tmp_path):
    found = refusal(tmp_path, sources(tmp_path, b""))
    assert "patents.csv: the file is empty -> get the file again" in found


def test_a_missing_column_and_a_typo_in_the_mapping(tmp_path):
    text = PATENTS.replace("prio_date", "priority")
    entries = sources(tmp_path, text.encode(), columns={"prio_date": "priorty"}, colums={})
    found = refusal(tmp_path, entries)
    assert "column 'priorty' is missing -> did you mean 'priority'?" in found
    assert "mapping.colums: unknown key 'colums' -> did you mean 'columns'?" in found
    entries = sources(tmp_path, text.encode(), columns={"priodate": "priority"})
    assert "no field is called 'priodate' -> did you mean 'prio_date'" in refusal(tmp_path, entries)


def test_wrong_dates_and_impossible_years_with_row_and_value(tmp_path):
    text = PATENTS + "P3,31.12.2003,A\nP4,2003-02-30,A\nP5,0203-01-01,A\n"
    found = refusal(tmp_path, sources(tmp_path, text.encode()))
    for row, value in ((4, "31.12.2003"), (5, "2003-02-30"), (6, "0203-01-01")):
        assert f"patents.csv, row {row}, column 'prio_date': '{value}' is not a date" in found
    assert "declare its format under `dates:` in config/sources.yaml" in found
    good = sources(tmp_path, text.encode()[: text.index("P4")], dates=["%Y-%m-%d", "%d.%m.%Y"])
    read(tmp_path, good)


def test_many_wrong_cells_are_counted(tmp_path):
    text = PATENTS + "".join(f"X{k},never,A\n" for k in range(500))
    with pytest.raises(InputError) as caught:
        read(tmp_path, sources(tmp_path, text.encode()))
    assert len(caught.value.problems) == 21
    assert "500 cells in all are not a date" in str(caught.value.problems[-1])


def test_duplicate_ids_in_two_files_at_once(tmp_path):
    patents = PATENTS + "P1,2001-01-02,Acme\n"
    register = REGISTER + "Acme,university,US\n"
    found = refusal(tmp_path, sources(tmp_path, patents.encode(), register.encode()))
    assert "patents.csv, rows 2, 4: pid 'P1' stands in rows that differ" in found
    assert "register.csv, rows 4, 5: name 'Acme' stands in rows that differ" in found


def test_a_run_that_was_killed_starts_again_from_what_it_left(tmp_path):
    entries = sources(tmp_path, PATENTS.encode())
    for name in ("read", "read.partial", "tables", "tables.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "patents.parquet").write_bytes(b"half")
        (tmp_path / name / "left_over.parquet").write_bytes(b"half")
    read(tmp_path, entries)
    resolve(tmp_path)
    assert not (tmp_path / "tables.partial").exists()
    assert not (tmp_path / "tables" / "left_over.parquet").exists()
    assert len(organisations(tmp_path)) == 3


def fetch(tmp_path, **entries):
    facts = {"url": None, "access": "ask", "version": "1", "licence": "MIT", "citation": "me"}
    step("fetch_sources")(
        raw=[],
        receipts=tmp_path / "fetched.json",
        sources={name: facts | entry for name, entry in entries.items()},
        raw_dir=str(tmp_path),
    )


def test_raw_files_that_are_missing_or_not_the_registered_ones_are_told_together(tmp_path):
    (tmp_path / "raw.csv").write_text("a\n1\n", encoding="utf-8")
    expected = {"sha256": "0" * 64, "bytes": 9}
    with pytest.raises(InputError) as caught:
        fetch(tmp_path, mine={"file": "raw.csv", **expected}, far={"file": "far.csv", **expected})
    found = str(caught.value)
    assert "raw.csv: the file has 4 bytes and sha256" in found
    assert "correct sha256 and bytes of 'mine' in config/sources.yaml" in found
    assert "far.csv: the raw file of source 'far' is missing -> get it from ask" in found
    assert not (tmp_path / "fetched.json").exists()


def test_a_right_raw_file_gets_a_receipt(tmp_path):
    (tmp_path / "raw.csv").write_text("a\n1\n", encoding="utf-8")
    digest = hashlib.sha256(b"a\n1\n").hexdigest()
    fetch(tmp_path, mine={"file": "raw.csv", "sha256": digest, "bytes": 4})
    written = json.loads((tmp_path / "fetched.json").read_text(encoding="utf-8"))
    assert written["mine"]["sha256"] == digest


def test_the_cut_of_a_study(tmp_path):
    read(tmp_path, sources(tmp_path, PATENTS.encode()))
    resolve(tmp_path, cut=2)
    assert len(organisations(tmp_path)) == 2
    steps = {line["step"] for line in json.loads((tmp_path / "resolve.json").read_text("utf-8"))}
    assert "patents outside the cut" in steps
