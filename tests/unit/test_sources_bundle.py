"""Bundles streamed through the engine: the tables of a whole reading, problems with their rows."""

from __future__ import annotations

import shutil
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tertius.problems import InputError
from tertius.registry import load_formats, merge
from tertius.sources import bundle, bundle_rows, cells, read_sources
from tertius.sources.store import write_named_tables

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests" / "data" / "formats"
FORMATS = load_formats(ROOT)
MAPPING = FORMATS["patentsview"]["mapping"]


def streamed(name, tmp_path, path=None, mapping=None, years=None):
    mapping = mapping or FORMATS[name]["mapping"]
    written, ledger = bundle.stream(
        path or SAMPLES / name, mapping, tmp_path / "out", years, streamed_from=0
    )
    assert not (tmp_path / "out.scratch").exists()
    return {table: pl.read_parquet(file) for table, file in written.items()}, ledger


def problems(name, tmp_path, path, mapping=None):
    with pytest.raises(InputError) as caught:
        streamed(name, tmp_path, path, mapping)
    assert not (tmp_path / "out.scratch").exists()
    return "\n".join(map(str, caught.value.problems))


@pytest.fixture
def files(tmp_path):
    return Path(shutil.copytree(SAMPLES / "patentsview", tmp_path / "files"))


@pytest.mark.parametrize("name", ["patentsview", "patstat", "cordis"])
def test_streamed_and_whole_are_the_same(name, tmp_path):
    tables, ledger = streamed(name, tmp_path)
    whole = bundle.read(SAMPLES / name, FORMATS[name]["mapping"])
    assert tables.keys() == whole.tables.keys()
    for table, frame in tables.items():
        assert frame.equals(whole.tables[table]), table
    assert [(line["step"], line["rows"]) for line in ledger] == [
        (line["step"], line["rows"]) for line in whole.ledger
    ]


def test_pieces_of_the_rows_make_no_difference(tmp_path, monkeypatch):
    whole, _ = streamed("patentsview", tmp_path)
    monkeypatch.setattr(bundle_rows, "PIECE_ROWS", 1)
    pieces, _ = streamed("patentsview", tmp_path)
    for table, frame in whole.items():
        assert frame.equals(pieces[table]), table


@pytest.mark.parametrize("packed", ["folder of zips", "one zip"])
def test_zipped_files_are_the_same(tmp_path, files, packed):
    plain, _ = streamed("patentsview", tmp_path)
    for file in list(files.iterdir()):
        if packed == "folder of zips":
            with zipfile.ZipFile(f"{file}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(file, file.name)
            file.unlink()
    if packed == "one zip":
        with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files.iterdir():
                archive.write(file, file.name)
        files = tmp_path / "all.zip"
    tables, _ = streamed("patentsview", tmp_path, files)
    for table, frame in plain.items():
        assert frame.equals(tables[table]), table


def test_the_order_of_rows_does_not_matter(tmp_path, files):
    plain, _ = streamed("patentsview", tmp_path)
    for name in ("g_assignee_disambiguated", "g_us_patent_citation", "g_cpc_current"):
        header, *lines = (files / f"{name}.tsv").read_text("utf-8").splitlines(keepends=True)
        (files / f"{name}.tsv").write_text(header + "".join(lines[::-1]), "utf-8")
    tables, _ = streamed("patentsview", tmp_path, files)
    for table, frame in plain.items():
        assert frame.equals(tables[table]), table


def test_years_cut_patents_and_what_hangs_on_them(tmp_path):
    tables, ledger = streamed("patentsview", tmp_path, years=(2003, 2005))
    assert tables["patents"]["pid"].to_list() == ["7000001", "D500001"]
    assert set(tables["patent_applicants"]["pid"]) == {"7000001", "D500001"}
    assert tables["citations"].height == 0
    steps = {line["step"]: line["rows"] for line in ledger}
    assert steps["patents: patents outside the years"] == 2


def test_a_study_with_a_streamed_source_gives_the_same_as_one_that_holds_it(tmp_path):
    entry = {"reader": "bundle", "file": "patentsview", "mapping": MAPPING}
    held = read_sources({"pv": entry}, SAMPLES, (2002, 2006))
    read = read_sources({"pv": entry}, SAMPLES, (2002, 2006), tmp_path / "scratch")
    assert set(read.files) == {"patents", *bundle.OF_PATENTS}
    write_named_tables(held.tables, tmp_path / "held")
    write_named_tables(read.tables, tmp_path / "streamed", read.files)
    names = sorted(path.name for path in (tmp_path / "held").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "streamed").iterdir())
    for name in names:
        one, other = (pl.read_parquet(tmp_path / f / name) for f in ("held", "streamed"))
        assert one.select(sorted(one.columns)).equals(other.select(sorted(one.columns))), name


def test_two_sources_of_patents_are_held(tmp_path):
    entries = {
        "pv": {"reader": "bundle", "file": "patentsview", "mapping": MAPPING},
        "ps": {"reader": "bundle", "file": "patstat", "mapping": FORMATS["patstat"]["mapping"]},
    }
    read = read_sources(entries, SAMPLES, (2000, 2010), tmp_path / "scratch")
    assert read.files == {}
    assert read.tables["patents"].height == 6


def test_rows_that_do_not_fit_are_told_all_at_once(tmp_path, files):
    with (files / "g_application.tsv").open("a", encoding="utf-8") as file:
        file.write('"10/6"\t"1"\n' * 30)
    # Beyond the part of the file by which its encoding is told.
    good = b'"7000002"\t"2"\tB\tB64\tB64C\tB64C39/02\tx\n' * 3000
    with (files / "g_cpc_current.tsv").open("ab") as file:
        file.write(good + b'"1"\t"2"\t"3"\t"4"\t"K\xf6ln"\t"6"\t"7"\n')
    found = problems("patentsview", tmp_path, files)
    assert "g_application.tsv, row 7: the row does not have the 6 cells of the header" in found
    assert "g_application.tsv: 30 rows in all do not fit the header" in found
    assert "g_cpc_current.tsv, row 3007: the row holds a byte that is not utf-8" in found
    skipping = merge(MAPPING, {"files": {"application": {"policies": {"ragged_row": "skip"}}}})
    (files / "g_cpc_current.tsv").unlink()
    tables, ledger = streamed("patentsview", tmp_path, files, skipping)
    assert tables["patents"].height == 4
    left = [line for line in ledger if line["step"] == "rows that do not fit the header"]
    assert left[0]["rows"] == 30
    assert left[0]["note"].startswith("left out: 7, 8, 9")


def test_unreadable_and_empty_cells_stop_with_file_and_row(tmp_path):
    strict = merge(MAPPING, {"policies": {"unreadable_cell": "stop", "empty_cell": "stop"}})
    found = problems("patentsview", tmp_path, None, strict)
    where = "g_patent.tsv, row 3: application.filing_date (app_date) is no date"
    assert f"{where} (it is '1074-02-03')" in found
    assert "g_us_patent_citation.tsv, row 4: citation_category (cat) is no code" in found


def test_one_key_with_two_contents_stops(tmp_path, files):
    with (files / "g_patent.tsv").open("a", encoding="utf-8") as file:
        file.write('"7000001"\t"design"\t"2006-02-14"\t"x"\t"B2"\t"12"\t"0"\t"x"\n')
    found = problems("patentsview", tmp_path, files)
    assert "[patents]: pid '7000001' stands in rows that differ" in found


def test_missing_files_columns_and_slips_in_the_mapping(tmp_path, files):
    (files / "g_application.tsv").rename(files / "g_aplication.tsv")
    found = problems("patentsview", tmp_path, files)
    assert (
        "no file g_application.tsv or application.tsv -> did you mean 'g_aplication.tsv'" in found
    )
    slip = merge(
        MAPPING,
        {
            "tables": {
                "patents": {"columns": {"pdi": "x"}, "colums": {}, "policies": {"repeat": "x"}},
                "patnts": {"from": "patent"},
            }
        },
    )
    found = problems("patentsview", tmp_path, None, slip)
    assert "no field is called 'pdi' -> did you mean 'pid'" in found
    assert "unknown key 'colums' -> did you mean 'columns'" in found
    assert "no table 'patnts' -> did you mean 'patents'" in found
    assert "policies.repeat: no policy repeat: x" in found


def test_a_workbook_or_another_encoding_among_the_files(tmp_path, files):
    plain, _ = streamed("patentsview", tmp_path)
    text = (files / "g_inventor_disambiguated.tsv").read_text("utf-8")
    (files / "g_inventor_disambiguated.tsv").write_text(text, "utf-16")
    tables, _ = streamed("patentsview", tmp_path, files)
    assert tables["patent_inventors"].equals(plain["patent_inventors"])


def test_a_table_in_several_parts(tmp_path):
    plain, _ = streamed("patstat", tmp_path)
    files = Path(shutil.copytree(SAMPLES / "patstat", tmp_path / "files"))
    header, *lines = (files / "tls207_pers_appln.csv").read_text("utf-8").splitlines(keepends=True)
    (files / "tls207_pers_appln.csv").unlink()
    (files / "tls207_part01.csv").write_text(header + "".join(lines[:3]), encoding="utf-8")
    (files / "tls207_part02.csv").write_text(header + "".join(lines[3:]), encoding="utf-8")
    tables, _ = streamed("patstat", tmp_path, files)
    for table, frame in plain.items():
        assert frame.equals(tables[table]), table
    (files / "tls207_part02.csv").write_text(header + "10,1,one,0\n", encoding="utf-8")
    found = problems("patstat", tmp_path, files)
    assert "tls207_part02.csv, row 2: applt_seq_nr (seq) is no count (it is 'one')" in found
    (files / "tls207_part02.csv").write_text(header.replace("invt", "in"), encoding="utf-8")
    found = problems("patstat", tmp_path, files)
    assert "the header differs from that of" in found
    assert "in in_seq_nr, invt_seq_nr" in found


@pytest.mark.parametrize("size", [260, 300, 340, 400])
def test_a_quick_look_takes_whole_rows_only(tmp_path, size):
    # A title of two lines stands at about this place of g_patent.tsv.
    whole, _ = streamed("patentsview", tmp_path)
    written, _ = bundle.stream(
        SAMPLES / "patentsview", MAPPING, tmp_path / "quick", streamed_from=0, first_bytes=size
    )
    patents = pl.read_parquet(written["patents"])
    assert 0 < patents.height <= whole["patents"].height
    assert set(patents["pid"]) <= set(whole["patents"]["pid"])


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("1234,5", 1234.5),
        ("1.234,5", 1234.5),
        ("12.345.678", 12_345_678.0),
        ("-7", -7.0),
        ("12.34", None),
        ("1,2,3", None),
        ("NaN", None),
        ("inf", None),
    ],
)
def test_numbers_are_those_of_the_other_readers(tmp_path, cell, amount):
    files = Path(shutil.copytree(SAMPLES / "cordis", tmp_path / "files"))
    text = (files / "organization.csv").read_text("utf-8")
    (files / "organization.csv").write_text(text.replace("7,25;", f"{cell};"), "utf-8")
    mapping = merge(FORMATS["cordis"]["mapping"], {"thousands": "."})
    plain = {"decimal": ",", "thousands": "."}
    read = cells.PARSERS["real"](pl.Series([cell]), plain, cells.Field("amount", "real"))
    assert read.to_list() == [amount]
    if amount is None:
        found = problems("cordis", tmp_path, files, mapping)
        assert f"organization.csv, row 6: amount is no real (it is '{cell}')" in found
        return
    tables, _ = streamed("cordis", tmp_path, files, mapping)
    parties = tables["alliance_parties"].filter(pl.col("name") == "777")
    assert parties["amount"].to_list() == [amount]


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2021-03-01", date(2021, 3, 1)),
        ("13/02/2021", date(2021, 2, 13)),
        ("02/13/2021", date(2021, 2, 13)),
        ("3/3/2021", date(2021, 3, 3)),
        ("44256", date(2021, 3, 1)),
        ("03/02/2021", None),
        ("2021-02-30", None),
        ("0203-01-01", None),
        ("soon", None),
    ],
)
def test_dates_are_those_of_the_other_readers(tmp_path, cell, day):
    files = Path(shutil.copytree(SAMPLES / "cordis", tmp_path / "files"))
    text = (files / "project.csv").read_text("utf-8")
    (files / "project.csv").write_text(text.replace("2021-03-01", cell), "utf-8")
    forms = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "excel"]
    read = cells.PARSERS["date"](pl.Series([cell]), {"dates": forms}, cells.Field("d", "date"))
    assert read.to_list() == [day]
    mapping = merge(FORMATS["cordis"]["mapping"], {"dates": forms})
    if day is None:
        found = problems("cordis", tmp_path, files, mapping)
        assert f"project.csv, row 4: startDate (start_date) is no date (it is '{cell}')" in found
        return
    tables, _ = streamed("cordis", tmp_path, files, mapping)
    assert tables["alliances"].filter(pl.col("aid") == "103")["start_date"].to_list() == [day]
