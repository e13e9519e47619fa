"""Lens documents: families, two-digit years, persons; and the counts of the real files."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tertius.problems import InputError
from tertius.registry import load_sources
from tertius.sources import assemble, read_source, verify
from tertius.sources.documents import read
from tertius.sources.two_digit_dates import earlier_dates, publication_dates

MAPPING = {"two_digit_years": True}
HEADER = (
    "document,office,doc_type,publication_date,publication_year,application_number,"
    "application_date,priority_numbers,applicants,inventors,cpc,ipc,cited_count\n"
)
ROWS = (
    "US 2 B1,US,Granted Patent,05/06/05,2005,US 12,01/02/03,US 11 P 20020101;;FR 9 A 20011231,"
    "ACME INC;;DOE JOHN,DOE JOHN;;ROE MARY,B64C39/02;;B64C2201/12,B64C39/02,3\n"
    "US 1 A1,US,Patent Application,05/06/04,2004,US 12,01/02/03,FR 9 A 20011231,"
    "ACME INC.;;BETA SA,ROE MARY,G05D1/00,B64C39/02;;G05D1/00,4\n"
    "US 3 A,US,Patent Application,12/02/91,1991,US 13,28/07/66,,ROE MARY,,,,\n"
)


@pytest.fixture
def lens(tmp_path):
    path = tmp_path / "lens.csv"
    path.write_text(HEADER + ROWS, encoding="utf-8")
    return read(path, MAPPING)


def test_documents_of_one_earliest_priority_are_one_family(lens):
    columns = ["pid", "prio_date", "app_date", "pub_date", "grant_date", "cited_total", "year"]
    assert lens.tables["patents"].select(columns).rows() == [
        ("FR-9-A-20011231", date(2001, 12, 31), date(2003, 2, 1), date(2004, 6, 5),
         date(2005, 6, 5), 7, 2001),
        ("US-13", None, date(1966, 7, 28), date(1991, 2, 12), None, None, 1966),
    ]  # fmt: skip


def test_lists_of_a_family_are_those_of_all_its_documents_in_their_order(lens):
    assert lens.tables["patent_applicants"].rows() == [
        ("FR-9-A-20011231", "ACME INC.", 1),
        ("FR-9-A-20011231", "BETA SA", 2),
        ("FR-9-A-20011231", "ACME INC", 3),
        ("FR-9-A-20011231", "DOE JOHN", 4),
        ("US-13", "ROE MARY", 1),
    ]
    assert lens.tables["patent_inventors"]["name"].to_list() == ["ROE MARY", "DOE JOHN"]
    cpc = lens.tables["patent_classes"].filter(pl.col("scheme") == "CPC")
    assert cpc.select("code", "is_first").rows() == [
        ("G05D1/00", True),
        ("B64C39/02", False),
        ("B64C2201/12", False),
    ]


def test_an_applicant_who_is_an_inventor_anywhere_is_a_person(lens):
    assert lens.tables["organisations"].rows() == [("DOE JOHN", "person"), ("ROE MARY", "person")]


def test_the_order_of_documents_does_not_matter(lens, tmp_path):
    path = tmp_path / "turned.csv"
    path.write_text(HEADER + "".join(ROWS.splitlines(keepends=True)[::-1]), encoding="utf-8")
    turned = assemble({"s": read(path, MAPPING)})
    for name, table in assemble({"s": lens}).tables.items():
        assert table.equals(turned.tables[name]), name


def test_a_wrong_date_is_told_with_its_row(tmp_path):
    path = tmp_path / "lens.csv"
    path.write_text(HEADER + ROWS.replace("01/02/03", "31/02/03", 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"row 2, column 'application_date': '31/02/03' is not a"):
        read(path, MAPPING)


@pytest.mark.parametrize(
    ("written", "latest", "expected"),
    [
        ("28/07/66", 1991, date(1966, 7, 28)),
        ("05/04/45", 1948, date(1945, 4, 5)),
        ("01/01/17", 2017, date(2017, 1, 1)),
        ("01/01/18", 2017, date(1918, 1, 1)),
        ("29/02/00", 2003, date(2000, 2, 29)),
        ("29/02/01", 2003, None),
        ("1.1.2001", 2003, None),
    ],
)
def test_the_latest_century_not_after_the_publication(written, latest, expected):
    dates, moved = earlier_dates(
        pl.Series([written]), pl.Series([latest]), pl.Series([date(latest, 12, 31)]), weeks=False
    )
    assert dates.to_list() == [expected]
    assert moved == 0


@pytest.mark.parametrize(
    ("written", "published", "expected", "moved"),
    [
        # 31 December 2014 was a Wednesday in the week of 1 January 2015.
        ("31/12/15", date(2016, 6, 1), date(2014, 12, 31), 1),
        # 28 December 2012 was a Friday, two days before that week began.
        ("28/12/12", date(2014, 6, 1), date(2012, 12, 28), 0),
        # 1 January 2017 was a Sunday: all late December of 2016 is written 16, and so are 27-31
        # December of 2015; the publication decides.
        ("30/12/16", date(2016, 6, 30), date(2015, 12, 30), 1),
        ("30/12/16", date(2017, 6, 30), date(2016, 12, 30), 0),
        ("15/12/15", date(2016, 6, 1), date(2015, 12, 15), 0),
    ],
)
def test_years_that_count_by_weeks(written, published, expected, moved):
    dates, back = earlier_dates(
        pl.Series([written]), pl.Series([published.year]), pl.Series([published]), weeks=True
    )
    assert (dates[0], back) == (expected, moved)


def test_publications_keep_their_four_digit_year():
    dates, back = publication_dates(
        pl.Series(["31/12/15", "30/12/16", "05/10/17"]), pl.Series([2014, 2016, 2017]), weeks=True
    )
    assert dates.to_list() == [date(2014, 12, 31), date(2016, 12, 30), date(2017, 10, 5)]
    assert back == 1


def real(root: Path, raw: Path, name: str):
    entry = load_sources(root)[name]
    verify(name, entry, raw / entry["file"])
    source = read_source(name, entry, raw)
    return source, {line["step"]: line["rows"] for line in source.ledger}


def test_the_drones_file(root, real_raw):
    source, found = real(root, real_raw, "drones")
    assert found["documents read"] == 9_071
    assert found["families"] == 8_238
    assert found["applicant names"] == 7_043
    assert found["applicants who are inventors"] == 3_866
    assert found["applicants who are organisations"] == 3_177
    assert found["families with several organisations"] == 344
    assert found["inventor names"] == 16_020
    assert found["publication dates with the year of the week"] == 46
    assert found["documents applied for after publication"] == 0
    patents = source.tables["patents"]
    assert (patents["year"].min(), patents["year"].max()) == (1944, 2017)
    # Seven applications of 1945-68, in as many families.
    assert patents.filter(pl.col("app_date").dt.year() < 1970).height == 7


def test_the_h2020_file(root, real_raw):
    source, found = real(root, real_raw, "h2020")
    assert found["rows read"] == 144_726
    assert found["projects read"] == 31_451
    assert found["organisations read"] == 35_871
    assert found["participants of the largest project"] == 186
    assert found["projects without a start"] == 6
    assert found["repeated participants of one project"] == 0
    starts = source.tables["alliances"]["start_date"].dt.year().value_counts().rows()
    assert dict(starts)[2014] == 379
    assert dict(starts)[2020] == 4_419
    namibian = source.tables["organisations"].filter(pl.col("country") == "NA")
    assert namibian.height > 0
    assert source.tables["organisations"]["country"].null_count() == 0
