"""Every declared format on a small hand-made file with the traps of the real one, and an error."""

from __future__ import annotations

import csv
import io
import shutil
from datetime import date
from pathlib import Path

import pytest

from tertius.identity import Reader, resolve
from tertius.problems import InputError
from tertius.registry import load_formats, resolve_source
from tertius.registry.lexicon import load_lexicon
from tertius.sources import READERS, assemble, read_source
from tertius.sources.long_table import named_columns
from tertius.tables import SCHEMAS, validate

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "formats"
ROOT = Path(__file__).resolve().parents[2]
FORMATS = load_formats(ROOT)
BUNDLES = ("patentsview", "patstat", "cordis")
FILES = [
    (path.parent.name, path)
    for path in sorted(SAMPLES.glob("*/*"))
    if path.parent.name not in BUNDLES
] + [(name, SAMPLES / name) for name in BUNDLES]


def read(name, path):
    return READERS[FORMATS[name]["reader"]](path, FORMATS[name]["mapping"])


def rows(source, table, *columns):
    return source.tables[table].select(columns).rows()


def counts(source):
    found = {}
    for line in source.ledger:
        found[line["step"]] = found.get(line["step"], 0) + line["rows"]
    return found


def problems(name, path):
    with pytest.raises(InputError) as caught:
        read(name, path)
    return str(caught.value)


def test_every_format_has_a_sample_and_every_sample_a_format():
    assert {name for name, _ in FILES} == set(FORMATS)


@pytest.mark.parametrize(("name", "path"), FILES, ids=lambda value: getattr(value, "name", value))
def test_a_sample_gives_the_tables_that_its_format_promises(name, path):
    source = read(name, path)
    given = {table for table, frame in source.tables.items() if frame.height}
    promised = set(FORMATS[name]["tables"])
    assert given <= promised
    assert promised - given <= {"organisations", "alliance_scopes"}
    for table, frame in source.tables.items():
        assert set(frame.columns) <= set(named_columns(SCHEMAS[table])) | {"seq"}, table
        assert all(line["rows"] >= 0 for line in source.ledger)
    assert assemble({name: source}).tables.keys() == source.tables.keys()


@pytest.mark.parametrize(
    ("names", "unit"),
    [
        (("patentsview",), "organisation"),
        (("patstat",), "inventor"),
        (("lens", "compustat"), "organisation"),
        (("incopat", "csmar_balance", "csmar_income", "csmar_rd"), "organisation"),
        (("cordis", "google_patents"), "organisation"),
        (("sdc", "organisations", "firm_years", "policies"), "organisation"),
    ],
)
def test_tables_as_read_become_typed_tables(names, unit):
    paths = dict(reversed(FILES))
    whole = assemble({name: read(name, paths[name]) for name in names}).tables
    reader = Reader(load_lexicon(ROOT / "config" / "identity"))
    resolved = resolve(whole, unit, reader).tables
    assert resolved.keys() >= whole.keys()
    for name, table in resolved.items():
        typed = validate(table, name, "test")
        assert typed.height == table.height
        assert list(typed.columns) == list(SCHEMAS[name].columns)


def spoilt(name, path, tmp_path):
    """A copy of a sample in which the column of a needed field has another name."""
    target = tmp_path / path.name
    if path.is_dir():
        shutil.copytree(path, target)
        file = target / {"patstat": "tls207_pers_appln.csv"}.get(name, "")
        file = file if file.is_file() else sorted(target.iterdir())[-1]
    else:
        file = target
        shutil.copy(path, target)
    raw = file.read_bytes()
    text = raw.decode("gb18030" if path.name == "full_width.csv" else "utf-8-sig")
    lines = text.split("\n")
    at = FORMATS[name]["mapping"].get("skip_rows", 0)
    mark = max(",;\t", key=lines[at].count)
    header = next(csv.reader(io.StringIO(lines[at]), delimiter=mark))
    lines[at] = mark.join(f"un{label}" if label else "" for label in header)
    file.write_text("\n".join(lines), encoding="utf-8")
    return target


@pytest.mark.parametrize(("name", "path"), FILES, ids=lambda value: getattr(value, "name", value))
def test_renamed_columns_are_told_with_the_nearest_name(name, path, tmp_path):
    found = problems(name, spoilt(name, path, tmp_path))
    assert "is missing" in found or "none of the columns" in found
    assert "did you mean 'un" in found or "name another" in found


def test_patentsview():
    source = read("patentsview", SAMPLES / "patentsview")
    assert rows(source, "patents", "pid", "app_date", "grant_date", "kind", "n_claims", "year") == [
        ("7000001", date(2003, 5, 1), date(2006, 2, 14), "invention", 12, 2003),
        ("7000002", None, date(2006, 2, 21), "invention", 3, 2006),
        ("D500001", date(2003, 6, 2), date(2004, 12, 28), "design", 1, 2003),
        ("PP15000", date(2002, 1, 31), date(2004, 7, 13), "invention", 1, 2002),
    ]
    assert rows(source, "patent_applicants", "pid", "name", "seq") == [
        ("7000001", "a-1", 0),
        ("7000001", "a-2", 1),
        ("7000002", "a-3", 0),
        ("D500001", "a-1", 0),
        ("PP15000", "a-4", 0),
    ]
    assert rows(source, "organisations", "org_id", "name", "type") == [
        ("a-1", 'Acme "Robotics" Inc.', "firm"),
        ("a-2", "Société Générale", "firm"),
        ("a-3", "Mary Roe", "person"),
        ("a-4", "State of Iowa", "government"),
        ("a-9", "Gone Ltd", "firm"),
    ]
    assert rows(source, "patent_classes", "pid", "code", "is_first") == [
        ("7000001", "B64C2201/12", False),
        ("7000001", "B64C39/02", True),
        ("7000002", "G05D1/00", True),
    ]
    # The date is that of the citing patent, here of its grant for want of another.
    assert rows(source, "citations", "citing_pid", "cited_pid", "cat", "date") == [
        ("7000002", "6000000", None, date(2006, 2, 21)),
        ("7000002", "7000001", "applicant", date(2006, 2, 21)),
    ]
    found = counts(source)
    assert found["patents: rows left out by their withdrawn"] == 1
    assert found["patents: rows where application.filing_date (app_date) is no date"] == 1
    assert found["patent_classes: symbols that are none"] == 1
    assert found["citations: patents citing themselves"] == 1


def test_patstat_families_and_standardised_names():
    source = read("patstat", SAMPLES / "patstat")
    assert rows(source, "patents", "pid", "prio_date", "grant_date", "office", "kind", "year") == [
        ("100", date(2004, 3, 1), date(2009, 1, 7), "US", "invention", 2004),
        ("200", date(2004, 3, 1), None, "CN", "utility", 2004),
    ]
    assert rows(source, "patent_applicants", "pid", "name") == [
        ("100", "501"),
        ("100", "502"),
        ("200", "502"),
    ]
    assert rows(source, "organisations", "org_id", "name", "type") == [
        ("501", "ACME", "firm"),
        ("502", "UNIV X", "university"),
    ]
    assert rows(source, "citations", "citing_pid", "cited_pid") == [("200", "100")]
    assert ("100", "IPC", "H04L9/08", True) in source.tables["patent_classes"].rows()
    found = counts(source)
    assert found["patents: patents without any date"] == 1
    assert found["patents: rows left out by their docdb_family_id"] == 1
    assert found["citations: patents citing themselves"] == 1


def test_patstat_query_rows_repeat_and_count_once():
    source = read("patstat_query", SAMPLES / "patstat_query" / "query.csv")
    assert rows(source, "patents", "pid", "year") == [("1", 2005), ("3", 2010)]
    assert rows(source, "patent_applicants", "pid", "name") == [
        ("1", "ACME"),
        ("1", "UNIV X"),
        ("3", "UNIV X"),
    ]


@pytest.mark.parametrize("file", ["export_2021.csv", "export_new.csv"])
def test_lens_exports_of_both_headers_are_the_same(file):
    source = read("lens", SAMPLES / "lens" / file)
    assert rows(source, "patents", "pid", "prio_date", "grant_date", "cited_total", "year") == [
        ("CN-201200003-U", None, None, None, 2012),
        ("US-20100001-P+US-201113000001-A", date(2010, 1, 4), date(2015, 4, 7), 8, 2010),
    ]
    assert source.tables["organisations"].rows() == [("ROE MARY", "person")]


def test_lens_of_2016_has_dates_in_its_priorities():
    source = read("lens_2016", SAMPLES / "lens_2016" / "export.csv")
    assert rows(source, "patents", "pid", "year", "cited_total") == [
        ("US-61000001-P-20100104", 2010, 8)
    ]


@pytest.mark.parametrize("file", ["full_width.csv", "ascii.csv"])
def test_incopat_with_brackets_of_both_widths(file):
    source = read("incopat", SAMPLES / "incopat" / file)
    assert rows(source, "patents", "pid", "kind", "grant_date", "cited_total", "year") == [
        ("CN200910000001.1", "invention", date(2012, 5, 9), 7, 2009),
        ("CN201020000002.5", "utility", date(2011, 6, 1), None, 2010),
        ("CN201130000003.9", "design", date(2012, 7, 4), 0, 2011),
    ]
    assert rows(source, "patent_applicants", "pid", "name", "seq") == [
        ("CN200910000001.1", "华为技术有限公司", 1),
        ("CN200910000001.1", "清华大学", 2),
        ("CN201020000002.5", "王伟", 1),
        ("CN201130000003.9", "甲公司", 1),
        ("CN201130000003.9", "乙公司", 2),
    ]
    assert source.tables["organisations"].rows() == [("王伟", "person")]


def test_an_export_in_several_files_is_one_source(tmp_path):
    sample = SAMPLES / "incopat" / "full_width.csv"
    header, *lines = sample.read_text("gb18030").splitlines(keepends=True)
    (tmp_path / "1.csv").write_text(header + "".join(lines[:1]), encoding="gb18030")
    # The grant of an invention stands in another file than its application.
    plain = header.replace("（", "(").replace("）", ")")
    (tmp_path / "2.csv").write_text(plain + "".join(lines[1:]), encoding="utf-8")
    whole, parts = read("incopat", sample), read("incopat", tmp_path)
    for name, table in whole.tables.items():
        assert table.equals(parts.tables[name]), name
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    assert "notes.pdf: files of kind 'pdf' cannot be read" in problems("incopat", tmp_path)
    entry = {"format": "incopat", "folder": tmp_path.name, "files": {}}
    entry["files"] = {name: {"sha256": "a" * 64, "bytes": 1} for name in ("1.csv", "2.csv")}
    named = read_source("mine", resolve_source(entry, FORMATS), tmp_path.parent)
    assert named.tables["patents"].equals(whole.tables["patents"])
    (tmp_path / "notes.pdf").unlink()
    bad = plain + "".join(lines[1:]).replace("20100801", "never")
    (tmp_path / "2.csv").write_text(bad, encoding="utf-8")
    assert "2.csv, row 3, column '申请日': 'never' is not a date" in problems("incopat", tmp_path)
    clash = lines[0].replace("2009.01.02", "2009.01.03")
    (tmp_path / "2.csv").write_text(plain + clash, encoding="utf-8")
    found = problems("incopat", tmp_path)
    assert f"{tmp_path}/1.csv, row 2; {tmp_path}/2.csv, row 2: document 'CN101000001A'" in found


def test_cnipa_full_text_database():
    source = read("cnipa_fulltext", SAMPLES / "cnipa_fulltext" / "2009.csv")
    assert rows(source, "patents", "pid", "kind", "grant_date", "year") == [
        ("CN200910000009.8", "invention", date(2013, 1, 16), 2009),
        ("CN200930000010.0", "design", date(2010, 2, 3), 2009),
    ]
    assert rows(source, "patent_applicants", "name") == [
        ("中兴通讯股份有限公司",),
        ("电子科技大学",),
        ("李四",),
    ]


def test_google_patents_commas_inside_names():
    source = read("google_patents", SAMPLES / "google_patents" / "search.csv")
    assert rows(source, "patent_applicants", "pid", "name") == [
        ("US-9000001-B2", "Acme Robotics Inc."),
        ("US-9000001-B2", "Beta GmbH"),
        ("CN-101000001-A", "Huawei Technologies Co. Ltd."),
    ]
    assert rows(source, "patent_inventors", "name")[:2] == [("John Doe",), ("Mary Roe",)]


def test_cordis_native_files():
    source = read("cordis", SAMPLES / "cordis")
    assert rows(source, "alliances", "aid", "start_date", "end_known") == [
        ("101", date(2022, 1, 1), True),
        ("103", date(2021, 3, 1), False),
    ]
    # An organisation that stands twice in a project brings both its amounts.
    assert rows(source, "alliance_parties", "aid", "name", "amount")[:2] == [
        ("101", "888", None),
        ("101", "999", 1334.5),
    ]
    assert rows(source, "organisations", "org_id", "name", "type", "country") == [
        ("777", "WINDHOEK LTD", "other", "NA"),
        ("888", "UNIVERSITE X", "university", "FR"),
        ("999", "MÜLLER GMBH", "firm", "DE"),
    ]
    assert counts(source)["alliances: rows where startDate (start_date) is empty"] == 1


def test_cordis_of_older_programmes(tmp_path):
    (tmp_path / "project.csv").write_text(
        "rcn;reference;acronym;startDate;endDate\n1;IST-1;A;2000-01-01;2002-12-31\n", "utf-8"
    )
    (tmp_path / "organization.csv").write_text(
        "projectRcn;projectReference;projectAcronym;id;name;role;activityType;ecContribution;country\n"
        "1;IST-1;A;;Acme SpA;coordinator;PRC;;IT\n1;IST-1;A;77;Uni;participant;HES;1,5;IT\n",
        encoding="utf-8",
    )
    source = read("cordis", tmp_path)
    assert rows(source, "alliances", "aid") == [("IST-1",)]
    assert rows(source, "alliance_parties", "aid", "name", "amount") == [
        ("IST-1", "77", 1.5),
        ("IST-1", "Acme SpA", None),
    ]


def test_sdc_rows_continue_the_deal_above_them():
    source = read("sdc", SAMPLES / "sdc" / "report.csv")
    first, second = "1999-01-15:Acme Corp+Beta AG+Uni X", "2001-03-20:Acme Corp+Gamma KK"
    assert rows(source, "alliances", "aid", "end_date", "end_known", "jv_flag") == [
        (first, None, False, False),
        (second, date(2004, 12, 31), True, True),
    ]
    assert rows(source, "alliance_parties", "aid", "name") == [
        (first, "Acme Corp"),
        (first, "Beta AG"),
        (first, "Uni X"),
        (second, "Acme Corp"),
        (second, "Gamma KK"),
    ]
    assert source.tables["alliance_scopes"].rows() == [
        (first, "RD"),
        (second, "manufacture"),
        (second, "marketing"),
    ]
    found = counts(source)
    assert found["rows that continue a deal"] == 3
    assert found["alliances of another status"] == 1
    repeated = "cells of the repeated column 'Alliance Date Announced' that differ from the first"
    assert found[repeated] == 1


def test_sdc_deals_of_one_day_and_the_same_parties_stay_apart(tmp_path):
    header, *lines = (SAMPLES / "sdc" / "report.csv").read_text("utf-8").splitlines(keepends=True)
    other = "".join(lines[:3]).replace("Acme/Beta Alliance", "Another")
    texts = ("".join(lines[:3]) + other, other + "".join(lines[:3]))
    found = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.csv").write_text(header + text, encoding="utf-8")
        found.append(assemble({"s": read("sdc", tmp_path / f"{number}.csv")}).tables)
    assert found[0]["alliances"]["aid"].to_list() == [
        "1999-01-15:Acme Corp+Beta AG+Uni X#1",
        "1999-01-15:Acme Corp+Beta AG+Uni X#2",
    ]
    for name, table in found[0].items():
        assert table.equals(found[1][name]), name


def test_a_row_that_continues_nothing_is_told(tmp_path):
    header, first, *_ = (SAMPLES / "sdc" / "report.csv").read_text("utf-8").splitlines()
    (tmp_path / "r.csv").write_text(f"{header}\n,,,Beta,,,,,,,,,,,,,\n{first}\n", encoding="utf-8")
    assert "row 2: the row continues a deal, and no row above it has a status" in problems(
        "sdc", tmp_path / "r.csv"
    )


def test_sdc_long_form():
    source = read("sdc_long", SAMPLES / "sdc_long" / "long.csv")
    assert rows(source, "alliance_parties", "aid", "name") == [
        ("1", "Acme Corp"),
        ("1", "Beta AG; Berlin"),
        ("2", "Acme Corp"),
        ("2", "Gamma KK"),
    ]
    assert counts(source)["alliances without a start"] == 1


def test_csmar_tables_unite_to_firm_years():
    names = ("csmar_balance", "csmar_income", "csmar_rd", "csmar_patents")
    read_all = {name: read(name, next((SAMPLES / name).iterdir())) for name in names}
    whole = assemble(read_all)
    columns = ("name", "year", "assets", "sales", "net_income", "rd", "patents_reported")
    assert rows(whole, "firm_years", *columns) == [
        ("000001", 2014, 2186459e6, 73407e6, 19802e6, None, None),
        ("000002", 2014, 508408755415.65, 146388004498.44, 19287524126.04, None, None),
        ("000063", 2014, None, None, None, 9008530000.0, 3000.0),
    ]
    found = counts(read_all["csmar_balance"])
    assert found["rows with another Typrep"] == 1
    assert found["rows with another Accper"] == 1


def test_sources_that_fill_one_cell_must_agree():
    one = read("csmar_income", SAMPLES / "csmar_income" / "FS_Comins.csv")
    table = one.tables["firm_years"]
    other = type(one)({"firm_years": table.with_columns(sales=table["sales"] + 1)})
    with pytest.raises(
        InputError, match=r"'000001', year 2014 has the sales 7\S+ and 7\S+ in diff"
    ):
        assemble({"a": one, "b": other})


def test_compustat_units_and_formats_of_statements():
    source = read("compustat", SAMPLES / "compustat" / "funda.csv")
    assert rows(source, "firm_years", "name", "year", "assets", "employees", "rd") == [
        ("001690", 2014, 231839e6, 97_000.0, 6041e6),
        ("006066", 2014, 117532e6, 379_592.0, None),
    ]


@pytest.mark.parametrize(
    ("table", "cell", "wrong", "words"),
    [
        ("firm_years", "2014", "14", "'14' is not a year of 1700-2100"),
        ("industry_years", "1000", "1,000", "the row has 4 cells, the header 3"),
        ("region_years", "9.5", "nine", "'nine' is not a number"),
        ("policies", "provincial", "provincal", "did you mean 'provincial'"),
        ("survey_firm", "Q1", "", "the cell is empty"),
        ("survey_key", "no", "nein", "'nein' is not yes or no"),
        ("products", "2014-03-01", "March", "'March' is not a date"),
        ("standards", "sep", "sap", "did you mean 'sep'"),
        ("litigation", "won", "wun", "did you mean 'won'"),
        ("npl_citations", "2014-05-01", "May", "'May' is not a date"),
        ("patent_events", "licence", "license", "did you mean 'licence'"),
        ("trademarks", "2014-05-01", "May", "'May' is not a date"),
        ("sales_ties", "3.5", "some", "'some' is not a number"),
        ("sanctions", "2014-05-01", "May", "'May' is not a date"),
        ("customs", "10", "ten", "'ten' is not a number"),
        ("shocks", "death", "deaths", "did you mean 'death'"),
        ("choke_classes", "H04L", "", "the cell is empty"),
        ("technology_fields", "H04L", "", "the cell is empty"),
        ("industry_groups", "traditional", "tradition", "did you mean 'traditional'"),
        ("industry_links", "0.5", "half", "'half' is not a number"),
        ("cultures", "80", "high", "'high' is not a number"),
        ("multilateral_countries", "2001-12-11", "soon", "'soon' is not a date"),
        ("organisations", "1990", "2990", "'2990' is not a year"),
    ],
)
def test_a_wrong_cell_of_each_plain_table(tmp_path, table, cell, wrong, words):
    text = (SAMPLES / table / f"{table}.csv").read_text("utf-8")
    assert cell in text
    path = tmp_path / f"{table}.csv"
    path.write_text(text.replace(cell, wrong, 1), encoding="utf-8")
    found = problems(table, path)
    assert words in found
    assert f"{table}.csv, row 2" in found


def test_a_source_may_change_a_format(tmp_path):
    entry = {
        "format": "firm_years",
        "file": "t.csv",
        "mapping": {"columns": {"assets": "total"}, "units": {"assets": 1000}},
    }
    (tmp_path / "t.csv").write_text("name,year,total\nAcme,2014,1.5\n", encoding="utf-8")
    source = read_source("mine", resolve_source(entry, FORMATS), tmp_path)
    assert rows(source, "firm_years", "name", "assets") == [("Acme", 1500.0)]
