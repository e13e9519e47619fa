"""Each reader on a small hand-made file with the traps of the real format."""

from datetime import date

import polars as pl
import pytest

from tertius.problems import InputError
from tertius.sources import READERS, assemble, read_sources, within_years
from tertius.sources.result import SourceTables


def read(reader, tmp_path, text, mapping, name="t.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return READERS[reader](path, mapping)


def problems(reader, tmp_path, text, mapping):
    with pytest.raises(InputError) as caught:
        read(reader, tmp_path, text, mapping)
    return [str(problem) for problem in caught.value.problems]


def counts(source):
    return {line["step"]: line["rows"] for line in source.ledger}


PATENTS = """\
number,prio,app,pub,granted,kind,claims,applicants,inventors,ipc
P1,2001-03-05,2002-03-04,2002-09-05,,A,7,Acme Inc.; Beta GmbH,"Li, Wei; Wu, Min",H04L 9/08; H04L9/32
P2,,2003-01-02,2004-07-09,2006-01-01,U,,甲公司；乙大学|Acme Inc.,,g06f3/01; nonsense
P3,,,2005-05-05,,A,1,Acme Inc.; Acme Inc.,"Li, Wei",
P4,,,,,A,1,Beta GmbH,,A01B1/00
P1,2001-03-05,2002-03-04,2002-09-05,,A,7,Acme Inc.; Beta GmbH,"Li, Wei; Wu, Min",H04L 9/08; H04L9/32
"""
PATENT_MAPPING = {
    "columns": {
        "pid": "number",
        "prio_date": "prio",
        "app_date": "app",
        "pub_date": "pub",
        "grant_date": "granted",
        "n_claims": "claims",
    },
    "separators": {"applicants": [";", "；", "|"]},
    "codes": {"kind": {"A": "invention", "U": "utility"}},
}


def test_patent_export(tmp_path):
    source = read("patent_export", tmp_path, PATENTS, PATENT_MAPPING)
    patents = source.tables["patents"]
    assert patents.select("pid", "year", "kind", "n_claims").rows() == [
        ("P1", 2001, "invention", 7),
        ("P2", 2003, "utility", None),
        ("P3", 2005, "invention", 1),
    ]
    assert source.tables["patent_applicants"].rows() == [
        ("P1", "Acme Inc.", 1),
        ("P1", "Beta GmbH", 2),
        ("P2", "甲公司", 1),
        ("P2", "乙大学", 2),
        ("P2", "Acme Inc.", 3),
        ("P3", "Acme Inc.", 1),
    ]
    assert source.tables["patent_inventors"]["name"].to_list() == ["Li, Wei", "Wu, Min", "Li, Wei"]
    assert source.tables["patent_classes"].rows() == [
        ("P1", "IPC", "H04L9/08", True),
        ("P1", "IPC", "H04L9/32", False),
        ("P2", "IPC", "G06F3/01", True),
    ]


def test_patent_export_counts_what_it_did(tmp_path):
    found = counts(read("patent_export", tmp_path, PATENTS, PATENT_MAPPING))
    assert found["rows read"] == 5
    assert found["rows repeated word for word"] == 1
    assert found["patents dated by application"] == 1
    assert found["patents dated by publication"] == 1
    assert found["patents without any date"] == 1
    assert found["repeated applicants of one record"] == 1
    assert found["IPC symbols that are none"] == 1


def test_a_patent_number_with_two_contents_is_a_problem(tmp_path):
    text = PATENTS + "P3,,,2005-05-06,,A,1,Acme Inc.,,\n"
    found = problems("patent_export", tmp_path, text, PATENT_MAPPING)
    assert len(found) == 1
    assert "t.csv, rows 4, 7: pid 'P3' stands in rows that differ -> keep one row" in found[0]


def test_citations_once_and_none_of_itself(tmp_path):
    text = "citing,cited,by\nB,A,x\nB,A,x\nB,B,e\nC,A,e\n"
    mapping = {
        "columns": {"citing_pid": "citing", "cited_pid": "cited", "cat": "by"},
        "codes": {"cat": {"x": "examiner", "e": "examiner"}},
    }
    source = read("citation_pairs", tmp_path, text, mapping)
    assert source.tables["citations"].select("citing_pid", "cited_pid").rows() == [
        ("B", "A"),
        ("C", "A"),
    ]
    assert counts(source)["repeated pairs"] == 1
    assert counts(source)["patents citing themselves"] == 1


DEALS = """\
id,announced,ended,joint,functions,who
D1,2001-02-03,2004-05-06,yes,R&D; licence,Acme; Beta ;Gamma
D2,2002-02-03,,no,,Acme; Acme
"""
DEAL_MAPPING = {
    "columns": {
        "aid": "id",
        "start_date": "announced",
        "end_date": "ended",
        "jv_flag": "joint",
        "participants": "who",
    },
    "codes": {"functions": {"R&D": "RD", "licence": "license"}},
}


def test_alliance_export(tmp_path):
    source = read("alliance_export", tmp_path, DEALS, DEAL_MAPPING)
    alliances = source.tables["alliances"]
    assert alliances.select("aid", "start_date", "end_date", "end_known", "jv_flag").rows() == [
        ("D1", date(2001, 2, 3), date(2004, 5, 6), True, True),
        ("D2", date(2002, 2, 3), None, False, False),
    ]
    assert source.tables["alliance_scopes"].rows() == [("D1", "RD"), ("D1", "license")]
    assert source.tables["alliance_parties"].select("aid", "name").rows() == [
        ("D1", "Acme"),
        ("D1", "Beta"),
        ("D1", "Gamma"),
        ("D2", "Acme"),
    ]
    assert counts(source)["alliances of unknown end"] == 1
    assert counts(source)["repeated parties of one alliance"] == 1


def test_alliance_export_with_a_row_a_party(tmp_path):
    # Only the first row of a deal carries its dates, as in desktop exports.
    text = (
        "aid,start_date,end_date,participants,amount\n"
        "D1,2001-02-03,,Acme,1.5\nD1,,,Beta,\nD2,2002-01-01,2003-01-01,Acme,2\n"
        "D2,2002-01-01,2003-01-01,Gamma,3\n"
    )
    source = read("alliance_export", tmp_path, text, {})
    assert source.tables["alliances"].select("aid", "start_date").rows() == [
        ("D1", date(2001, 2, 3)),
        ("D2", date(2002, 1, 1)),
    ]
    assert source.tables["alliance_parties"].select("aid", "name", "amount").rows() == [
        ("D1", "Acme", 1.5),
        ("D1", "Beta", None),
        ("D2", "Acme", 2.0),
        ("D2", "Gamma", 3.0),
    ]


def test_alliance_export_tells_every_impossible_deal(tmp_path):
    text = (
        DEALS
        + "D3,2005-01-01,2004-01-01,no,,A; B\nD4,,,no,,A; B\nD1,2001-02-04,,yes,R&D,X\n"
        + "D5,2005-01-01,,no,reserch,A; B\n"
    )
    found = "\n".join(problems("alliance_export", tmp_path, text, DEAL_MAPPING))
    assert "row 4: aid 'D3' ends on 2004-01-01, before its start 2005-01-01" in found
    assert "row 5: aid 'D4' has no readable start_date" in found
    assert "row 2: aid 'D1' has the start_date 2001-02-03 and 2001-02-04" in found
    assert "row 7: 'reserch' is not a known function" in found
    assert "or declare it under `codes.functions` in config/sources.yaml" in found


REGISTER = """\
name,type,sector,lat,lon,founded,closed,parent,since
Acme Inc.,company,3911,10.5,20,1990-05-01,,Holding,2001
甲公司,company,,,,,2010,,
Uni,uni,,,,1900-01-01,,,
"""
REGISTER_MAPPING = {
    "columns": {
        "ind4": "sector",
        "birth_date": "founded",
        "death_year": "closed",
        "parent_from": "since",
    },
    "codes": {"type": {"company": "firm", "uni": "university"}},
}


def test_register(tmp_path):
    table = read("register", tmp_path, REGISTER, REGISTER_MAPPING).tables["organisations"]
    columns = ["name", "type", "birth_year", "death_year", "parent", "parent_from"]
    assert table.select(columns).rows() == [
        ("Acme Inc.", "firm", 1990, None, "Holding", 2001),
        ("甲公司", "firm", None, 2010, None, None),
        ("Uni", "university", 1900, None, None, None),
    ]


def test_register_tells_impossible_cells(tmp_path):
    text = REGISTER + (
        "B,company,,95,200,1990-01-01,1980,B,\nUni,uni,,1,,,,,\nC,compny,,,,,,,\nD,uni,,x,,1290-01-01,,,\n"
    )
    found = "\n".join(problems("register", tmp_path, text, REGISTER_MAPPING))
    assert "row 5: 'B' dies in 1980, born 1990" in found
    assert "row 5: 'B' lies at latitude 95.0" in found
    assert "row 5: 'B' lies at longitude 200.0" in found
    assert "row 5: 'B' is its own parent" in found
    assert "rows 4, 6: name 'Uni' stands in rows that differ" in found
    assert "row 7, column 'type': 'compny' is not a known type -> did you mean 'company'" in found
    assert "row 8, column 'lat': 'x' is not a number" in found
    assert "row 8, column 'founded': '1290-01-01' is not a date of 1700-2100" in found


def test_long_table_with_decimal_comma_and_thousands(tmp_path):
    text = "firm;year;total;rd\nAcme;2001;1.234,5;n/a\nAcme;2002;2.000;0,5\n"
    mapping = {
        "table": "firm_years",
        "columns": {"name": "firm", "assets": "total"},
        "empty": {"*": ["n/a"]},
        "decimal": ",",
        "thousands": ".",
    }
    table = read("long_table", tmp_path, text, mapping).tables["firm_years"]
    assert table.select("name", "year", "assets", "rd").rows() == [
        ("Acme", 2001, 1234.5, None),
        ("Acme", 2002, 2000.0, 0.5),
    ]


def test_long_table_of_policies(tmp_path):
    text = "policy_id,level,kind,effective\nP1,city,pilot,2003\nP2,national,ip,2004-05\n"
    mapping = {"table": "policies", "dates": ["%Y", "%Y-%m"]}
    table = read("long_table", tmp_path, text, mapping).tables["policies"]
    assert table["effective"].to_list() == [date(2003, 1, 1), date(2004, 5, 1)]


def test_long_table_tells_years_keys_and_tables(tmp_path):
    text = "name,year,assets\nAcme,2001,1\nAcme,20011,1\nAcme,2001,2\n,2003,1\nAcme,2004.5,1\n"
    found = "\n".join(problems("long_table", tmp_path, text, {"table": "firm_years"}))
    assert "row 3, column 'year': '20011' is not a year of 1700-2100" in found
    assert "rows 2, 4: name 'Acme', year 2001 stands in rows that differ" in found
    assert "row 5, column 'name': the cell is empty -> fill it" in found
    assert "row 6, column 'year': '2004.5' is not a year" in found
    found = problems("long_table", tmp_path, text, {"table": "firm_year"})
    assert "no table 'firm_year' -> did you mean 'firm_years'" in found[0]


PARTICIPATIONS = """\
rcn,role,pic,type,contribution,country,start_date,end_date
1,participant,11,PRC,100.5,NA,2015-01-01,2017-12-31
1,coordinator,22,HES,NA,DE,2015-01-01,2017-12-31
1,coordinator,11,PRC,9.5,NA,2015-01-01,2017-12-31
2,coordinator,22,HES,50,DE,2016-01-01,NA
3,coordinator,33,OTH,50,FR,NA,NA
"""
CORDIS_MAPPING = {
    "columns": {"aid": "rcn", "org_id": "pic", "amount": "contribution"},
    "empty": {"start_date": ["NA"], "end_date": ["NA"], "amount": ["NA"]},
    "codes": {"type": {"PRC": "firm", "HES": "university", "OTH": "other"}},
}


def test_cordis(tmp_path):
    source = read("cordis", tmp_path, PARTICIPATIONS, CORDIS_MAPPING)
    assert source.tables["alliances"].select("aid", "end_date", "end_known").rows() == [
        ("1", date(2017, 12, 31), True),
        ("2", None, False),
    ]
    assert source.tables["alliance_parties"].rows() == [
        ("1", "11", "coordinator", 110.0),
        ("1", "22", "coordinator", None),
        ("2", "22", "coordinator", 50.0),
    ]
    # NA is Namibia where countries stand.
    assert source.tables["organisations"].rows() == [
        ("11", "11", "firm", "NA"),
        ("22", "22", "university", "DE"),
    ]
    found = counts(source)
    assert found["projects without a start"] == 1
    assert found["repeated participants of one project"] == 1
    assert found["participants of the largest project"] == 2
    assert found["projects with a single participant"] == 1


def test_cordis_tells_contradictions(tmp_path):
    text = PARTICIPATIONS + "1,participant,22,PRC,1,DE,2015-02-01,2017-12-31\n"
    found = "\n".join(problems("cordis", tmp_path, text, CORDIS_MAPPING))
    assert "aid '1' has the start_date 2015-01-01 and 2015-02-01" in found
    assert "org_id '22' has the type firm and university" in found


def test_all_problems_of_all_files_come_at_once(tmp_path):
    (tmp_path / "p.csv").write_text(PATENTS.replace("2001-03-05", "5.3.2001"), encoding="utf-8")
    (tmp_path / "r.csv").write_text("nme,type\nA,firm\n", encoding="utf-8")
    entries = {
        "patents": {"reader": "patent_export", "file": "p.csv", "mapping": PATENT_MAPPING},
        "register": {"reader": "register", "file": "r.csv"},
        "other": {"reader": "registr", "file": "r.csv"},
        "gone": {"reader": "register", "file": "gone.csv"},
    }
    with pytest.raises(InputError) as caught:
        read_sources(entries, tmp_path, (1990, 2020))
    text = str(caught.value)
    assert "p.csv, row 2, column 'prio': '5.3.2001' is not a date" in text
    assert "r.csv: column 'name' is missing -> did you mean 'nme'" in text
    assert "other.reader: no reader 'registr' -> did you mean 'register'" in text
    assert "gone.csv: the file is missing" in text


def test_assemble_dates_citations_and_drops_foreign_ones():
    patents = pl.DataFrame(
        {
            "pid": ["A", "B"],
            "prio_date": [date(2001, 2, 3), None],
            "app_date": [date(2002, 1, 1), date(2003, 4, 5)],
            "pub_date": [None, None],
            "year": [2001, 2003],
        },
        schema_overrides={"pub_date": pl.Date},
    )
    citations = pl.DataFrame(
        {"citing_pid": ["B", "A", "Z"], "cited_pid": ["A", "X", "A"], "date": [None] * 3},
        schema_overrides={"date": pl.Date},
    )
    whole = assemble(
        {
            "one": SourceTables({"patents": patents}),
            "two": SourceTables({"citations": citations}),
        }
    )
    assert whole.tables["citations"].rows() == [
        ("A", "X", date(2001, 2, 3)),
        ("B", "A", date(2003, 4, 5)),
    ]
    assert counts(whole)["citing patents that no source holds"] == 1
    with pytest.raises(InputError, match="pid 'A' of patents stands in the sources one, two"):
        assemble(
            {"one": SourceTables({"patents": patents}), "two": SourceTables({"patents": patents})}
        )


@pytest.mark.parametrize(
    ("reader", "text", "mapping"),
    [
        ("patent_export", PATENTS, PATENT_MAPPING),
        ("alliance_export", DEALS, DEAL_MAPPING),
        ("register", REGISTER, REGISTER_MAPPING),
        ("cordis", PARTICIPATIONS, CORDIS_MAPPING),
    ],
)
def test_the_order_of_rows_does_not_matter(tmp_path, reader, text, mapping):
    header, *rows = text.splitlines(keepends=True)
    whole = assemble({"s": read(reader, tmp_path, text, mapping)})
    turned = assemble({"s": read(reader, tmp_path, header + "".join(rows[::-1]), mapping)})
    assert whole.ledger == turned.ledger
    assert whole.tables.keys() == turned.tables.keys()
    for name, table in whole.tables.items():
        assert table.equals(turned.tables[name]), name


def test_years_cut_records_and_what_hangs_on_them():
    tables = {
        "patents": pl.DataFrame({"pid": ["A", "B"], "year": [1999, 2000]}),
        "patent_classes": pl.DataFrame({"pid": ["A", "B", "B"]}),
        "citations": pl.DataFrame({"citing_pid": ["A", "B"], "cited_pid": ["X", "A"]}),
        "alliances": pl.DataFrame(
            {
                "aid": ["old", "running", "unknown", "later"],
                "start_date": [date(1990, 1, 1)] * 3 + [date(2006, 1, 1)],
                "end_date": [date(1999, 12, 31), date(2000, 1, 1), None, None],
            }
        ),
        "alliance_parties": pl.DataFrame({"aid": ["old", "running"], "name": ["a", "b"]}),
        "firm_years": pl.DataFrame({"name": ["a"] * 3, "year": [1999, 2000, 2006]}),
    }
    kept = within_years(tables, (2000, 2005))
    assert kept.tables["patents"]["pid"].to_list() == ["B"]
    assert kept.tables["patent_classes"].height == 2
    assert kept.tables["citations"]["citing_pid"].to_list() == ["B"]
    assert kept.tables["alliances"]["aid"].to_list() == ["running", "unknown"]
    assert kept.tables["alliance_parties"]["aid"].to_list() == ["running"]
    assert kept.tables["firm_years"]["year"].to_list() == [2000]
    assert counts(kept)["alliances outside 2000-2005"] == 2
