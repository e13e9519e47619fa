"""Every kind of file becomes the same table; what cannot be read is told with place and mend."""

import bz2
import gzip
import io
import lzma
import zipfile
from datetime import date

import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyreadstat
import pytest
import rdata

from tertius.problems import InputError
from tertius.sources.loader import load, load_frame
from tertius.sources.text import decode

TEXT = "name,city,n\nSociété Générale,Paris,1\n华为技术有限公司,深圳,2\n"
EXPECTED = {
    "name": ["Société Générale", "华为技术有限公司"],
    "city": ["Paris", "深圳"],
    "n": ["1", "2"],
}


def write(path, content):
    path.write_bytes(content)
    return path


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zstandard(content):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def message(path, options=None):
    with pytest.raises(InputError) as caught:
        load(path, options or {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t.csv", bytes),
        ("t.csv.gz", gzip.compress),
        ("t.csv.xz", lzma.compress),
        ("t.csv.bz2", bz2.compress),
        ("t.csv.zst", zstandard),
        ("t.csv.zip", lambda content: zipped({"t.csv": content})),
    ],
)
def test_packed_text_is_one_table(tmp_path, name, pack):
    path = write(tmp_path / name, pack(TEXT.encode()))
    assert load_frame(path, {}).to_dict(as_series=False) == EXPECTED


def test_archive_of_several_files_needs_a_name(tmp_path):
    path = write(tmp_path / "t.csv.zip", zipped({"a.csv": "x\n1\n", "b.csv": "x\n2\n"}))
    assert "holds 2 files: a.csv, b.csv -> name one as `member:`" in message(path)
    assert load_frame(path, {"member": "b.csv"})["x"].to_list() == ["2"]


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_separator_is_seen_in_the_header(tmp_path, separator):
    path = write(tmp_path / "t.txt", TEXT.replace(",", separator).encode())
    assert load_frame(path, {}).to_dict(as_series=False) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
def test_encodings_of_chinese_text_are_told_apart(tmp_path, encoding):
    text = "name,city\n" + "华为技术有限公司,深圳\nSiemens AG,Munich\n" * 20
    loaded = load(write(tmp_path / "t.csv", text.encode(encoding)), {})
    assert loaded.encoding == encoding
    assert loaded.frame["name"][0] == "华为技术有限公司"
    assert loaded.frame.columns == ["name", "city"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_western_text_is_not_taken_for_chinese(tmp_path, encoding):
    # é before a letter is a valid pair of GB18030: only the company it keeps tells.
    text = "name,city\nSociété Générale,Orléans\nKöln Maschinenbau GmbH,Düsseldorf\n"
    loaded = load(write(tmp_path / "t.csv", text.encode(encoding)), {})
    assert loaded.encoding == "cp1252"
    assert loaded.frame["name"].to_list() == ["Société Générale", "Köln Maschinenbau GmbH"]


def test_a_damaged_byte_is_named_with_its_line(tmp_path):
    content = TEXT.encode() * 20
    broken = content[:14] + b"\xff" + content[14:]
    found = message(write(tmp_path / "t.csv", broken))
    assert "t.csv, line 2: byte 14 (0xff) is not utf-8" in found
    assert "declare the file's `encoding:` in its mapping in config/sources.yaml" in found


def test_a_declared_encoding_is_held_to(tmp_path):
    path = write(tmp_path / "t.csv", "name\nKöln\n".encode("latin-1"))
    assert "byte 6 (0xf6) is not utf-8" in message(path, {"encoding": "utf-8"})
    assert "no encoding is called 'utf-9'" in message(path, {"encoding": "utf-9"})
    assert load_frame(path, {"encoding": "latin-1"})["name"].to_list() == ["Köln"]


def test_plain_ascii_is_utf8():
    assert decode(b"a,b\n", "f") == ("a,b\n", "utf-8")


def test_quotes_newlines_and_windows_line_ends(tmp_path):
    path = write(tmp_path / "t.csv", b'a,b\r\n"x, ""y""","two\r\nlines"\r\nz,\r\n')
    assert load_frame(path, {}).rows() == [('x, "y"', "two\r\nlines"), ("z", None)]


def test_rows_before_the_header_and_labels_after_it(tmp_path):
    path = write(tmp_path / "t.csv", b"search: drones\nStkcd,n\ncode,number\n'--,items\n000001,7\n")
    loaded = load(path, {"skip_rows": 1, "label_rows": 2})
    assert loaded.frame.rows() == [("000001", "7")]
    assert loaded.first_row == 5


def test_header_is_trimmed_and_full_width_brackets_are_plain(tmp_path):
    path = write(tmp_path / "t.csv", "公开（公告）号, Business Description \nCN1,x\n".encode())
    assert load_frame(path, {}).columns == ["公开(公告)号", "Business Description"]


def test_a_column_twice_is_a_problem(tmp_path):
    path = write(tmp_path / "t.csv", b"a,b,a \n1,2,3\n")
    assert "column 'a' stands 2 times in the header" in message(path)


def test_a_ragged_row_is_a_problem(tmp_path):
    path = write(tmp_path / "t.csv", b"a,b\n1,2\n3,4,5\n")
    found = message(path)
    assert "the rows do not fit the header" in found
    assert "declare `separator:`" in found


@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_an_empty_file_is_a_problem(tmp_path, content):
    found = message(write(tmp_path / "t.csv", content))
    assert "t.csv: the file is empty -> get the file again" in found


def test_a_file_without_rows_is_a_problem(tmp_path):
    assert "has a header and no rows" in message(write(tmp_path / "t.csv", b"a,b\n"))


def test_missing_broken_and_unknown_files(tmp_path):
    assert "the file is missing -> put the file there" in message(tmp_path / "none.csv")
    broken = gzip.compress(b"a\n1\n")[:-6]
    assert "the archive is broken" in message(write(tmp_path / "t.csv.gz", broken))
    found = message(write(tmp_path / "t.pdf", b"%PDF"))
    assert "files of kind 'pdf' cannot be read" in found
    assert "no Parquet file" in message(write(tmp_path / "t.parquet", b"PAR0"))


def test_workbook(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "first"
    sheet = book.create_sheet("data")
    for row in (
        ["name", "day", "n", None],
        ["甲公司", date(2015, 3, 31), 7, None],
        ["b", None, 1.5],
    ):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    frame = load_frame(tmp_path / "t.xlsx", {"sheet": "data"})
    assert frame.rows() == [("甲公司", "2015-03-31", "7"), ("b", None, "1.5")]
    assert "did you mean 'data'" in message(tmp_path / "t.xlsx", {"sheet": "dato"})


def test_statistics_files(tmp_path):
    frame = pd.DataFrame({"firm": ["a", "乙"], "sales": [1.5, None]})
    frame["firm"] = frame["firm"].astype(pd.StringDtype("python"))
    pyreadstat.write_dta(frame, str(tmp_path / "t.dta"))
    pyreadstat.write_sav(frame, str(tmp_path / "t.sav"))
    pl.from_pandas(frame).write_parquet(tmp_path / "t.parquet")
    rdata.write_rda(tmp_path / "t.rda", {"one": frame, "two": frame.head(1)})
    rdata.write_rds(tmp_path / "t.rds", frame)
    for name in ("t.dta", "t.sav", "t.parquet", "t.rds"):
        loaded = load(tmp_path / name, {})
        assert loaded.frame["firm"].to_list() == ["a", "乙"], name
        assert loaded.frame["sales"].fill_nan(None).to_list() == [1.5, None], name
        assert loaded.first_row == 1
    assert "holds the data frames one, two" in message(tmp_path / "t.rda")
    assert load_frame(tmp_path / "t.rda", {"object": "two"}).height == 1
