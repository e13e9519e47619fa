"""A corpus of hostile raw files, each with what must become of it.

Every case is a file of patents (columns pid, prio_date, applicants, n_claims) with one fault. It
must give the plain tables (`same`), a problem that names file and place (`stop`), or the plain
tables and a count in the ledger (`count`) where the mapping's policies say so.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import openpyxl

HEAD = "pid,prio_date,applicants,n_claims\n"
ROWS = (
    "P1,2001-02-03,Société Générale; 华为技术有限公司,1234\n"
    "P2,2002-03-04,Acme Inc.,3\n"
    "P3,2003-04-05,Beta GmbH,\n"
)
PLAIN = HEAD + ROWS
ASCII = PLAIN.replace("Société Générale; 华为技术有限公司", "Acme Inc.; Beta GmbH")
WESTERN = PLAIN.replace("; 华为技术有限公司", "; Köln Maschinenbau")
CHINESE = PLAIN.replace("Société Générale", "清华大学")


@dataclass(frozen=True)
class Case:
    """One hostile file.

    Attributes:
        name: what is wrong with it.
        content: its bytes.
        expected: same | stop | count.
        words: parts of the message (stop); step and rows of the ledger (count).
        mapping: of the source.
        file: its name.
        plain: text whose tables it must give (same, count).
    """

    name: str
    content: bytes
    expected: str
    words: tuple[Any, ...] = ()
    mapping: Mapping[str, Any] = field(default_factory=dict)
    file: str = "raw.csv"
    plain: str = PLAIN


def case(name: str, content: str | bytes, expected: str, *words: Any, **settings: Any) -> Case:
    raw = content.encode() if isinstance(content, str) else content
    return Case(name, raw, expected, words, **settings)


def workbook(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(files: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_stored_value(book: bytes, formula: str, value: str) -> bytes:
    """A workbook in which a formula has been calculated."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            text = old.read(info)
            calculated = f"<f>{formula}</f><v>{value}</v>"
            for blank in (f"<f>{formula}</f><v />", f"<f>{formula}</f><v></v>"):
                text = text.replace(blank.encode(), calculated.encode())
            new.writestr(info, text)
    return out.getvalue()


def locked(archive: bytes) -> bytes:
    """An archive whose entries are marked as encrypted."""
    marked = bytearray(archive)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        marked[archive.index(mark) + place] |= 1
    return bytes(marked)


def spoilt(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def encodings() -> list[Case]:
    many = PLAIN + "".join(f"X{k},2001-01-01,Été {k},1\n" for k in range(50))
    damaged = many.encode().replace("Été 7,".encode(), "Été 7,".encode("latin-1"))
    mixed = many.encode().replace("Été 9,".encode(), "清华大学,".encode("gb18030"))
    return [
        case("utf-8 with a byte order mark", PLAIN.encode("utf-8-sig"), "same"),
        case("utf-16 little-endian with a mark", b"\xff\xfe" + PLAIN.encode("utf-16-le"), "same"),
        case("utf-16 big-endian with a mark", b"\xfe\xff" + PLAIN.encode("utf-16-be"), "same"),
        case("utf-16 without a mark", ASCII.encode("utf-16-le"), "same", plain=ASCII),
        case("gb18030", CHINESE.encode("gb18030"), "same", plain=CHINESE),
        case("latin-1", WESTERN.encode("latin-1"), "same", plain=WESTERN),
        case("latin-1, declared", WESTERN.encode("latin-1"), "same",
             mapping={"encoding": "latin-1"}, plain=WESTERN),
        case("a latin-1 row in utf-8", damaged, "stop", "raw.csv, line 12: byte", "is not utf-8"),
        case("a gb18030 row in utf-8", mixed, "stop", "raw.csv, line 14: byte", "is not utf-8"),
        case("another encoding than declared", CHINESE.encode("gb18030"), "stop",
             "raw.csv, line 2: byte", "is not utf-8", mapping={"encoding": "utf-8"}),
        case("an encoding that does not exist", PLAIN, "stop", "no encoding is called 'utf-88'",
             mapping={"encoding": "utf-88"}),
        case("a byte of zero", ASCII.replace("Acme Inc.,3", "Ac\x00me,3"), "stop",
             "raw.csv, line 3: the text holds a byte of zero"),
        case("utf-16 cut in the middle of a letter", PLAIN.encode("utf-16")[:-1], "stop",
             "raw.csv, line", "is not utf-16"),
    ]  # fmt: skip


def quotes_and_lines() -> list[Case]:
    two_lines = PLAIN.replace("Acme Inc.", '"Acme\nInc."')
    bad_after = two_lines.replace("2003-04-05", "never")
    quoted = PLAIN.replace("Acme Inc.", '"Acme ""Robotics"" Inc."')
    return [
        case("a line break inside a cell", two_lines, "same", plain=two_lines),
        case("a bad cell below a line break", bad_after, "stop",
             "raw.csv, row 4, column 'prio_date': 'never' is not a date"),
        case("doubled quotes", quoted, "same", plain=quoted),
        case("a quote that is never closed", PLAIN.replace("Acme", '"Acme'), "stop",
             "raw.csv, row 3: quotes are out of balance"),
        case("text after a closing quote", PLAIN.replace("Acme Inc.", '"Acme" Inc.'), "stop",
             "raw.csv, row 3: quotes are out of balance"),
        case("a quote in the middle of a cell", PLAIN.replace("Acme Inc.", 'Acme 5" Inc.'), "same",
             plain=PLAIN.replace("Acme Inc.", '"Acme 5"" Inc."')),
        case("quotes that quote nothing", PLAIN.replace("Acme Inc.", '"Acme" Inc.'), "same",
             mapping={"quotes": False}, plain=PLAIN.replace("Acme Inc.", '"""Acme"" Inc."')),
        case("line ends of Windows", PLAIN.replace("\n", "\r\n"), "same"),
        case("line ends of old Macs", PLAIN.replace("\n", "\r"), "same"),
        case("blank lines", PLAIN.replace("P2", "\n\nP2"), "count", "blank lines", 2),
        case("a cell of 10 MB", PLAIN.replace("Acme Inc.", "A" * 10_000_000), "stop",
             "raw.csv, row 3: a cell has 10000000 characters"),
        case("a last line without its end", PLAIN[:-1], "same"),
    ]  # fmt: skip


def shapes() -> list[Case]:
    short, long = PLAIN + "P4,2001-01-01,A\n", PLAIN + "P4,2001-01-01,A,1,2\n"
    many = PLAIN + "P4,2001-01-01\n" * 1000
    last = {"pid": "n_claims", "P1": "1234", "P2": "9", "P3": ""}
    repeated = "".join(f"{row},{last[row.split(',')[0]]}\n" for row in PLAIN.splitlines())
    turned = "\n".join(",".join(line.split(",")[::-1]) for line in PLAIN.splitlines()) + "\n"
    return [
        case("a row that is too short", short, "stop",
             "raw.csv, row 5: the row has 3 cells, the header 4"),
        case("a row that is too long", long, "stop",
             "raw.csv, row 5: the row has 5 cells, the header 4"),
        case("ragged rows, to be skipped", short + "P5,2001-01-01,A,1,2\n", "count",
             "rows that do not fit the header", 2, mapping={"policies": {"ragged_row": "skip"}}),
        case("a thousand ragged rows", many, "stop", "raw.csv, row 5: the row has 2 cells",
             "raw.csv, row 24: the row has 2 cells", "1000 rows in all do not fit the header"),
        case("ragged rows and bad cells at once", short.replace("2002-03-04", "x"), "stop",
             "row 5: the row has 3 cells", "row 3, column 'prio_date': 'x' is not a date"),
        case("a separator at the end of every row", PLAIN.replace("\n", ",\n"), "same"),
        case("a column without a name", PLAIN.replace(",n_claims", ","), "stop",
             "raw.csv: a column with content has no name"),
        case("semicolons", ASCII.replace("; ", " | ").replace(",", ";"), "same",
             mapping={"separators": {"applicants": "|"}}, plain=ASCII.replace("; ", " | ")),
        case("tabs", PLAIN.replace(",", "\t"), "same"),
        case("another separator than declared", PLAIN, "stop", "column 'pid' is missing",
             mapping={"separator": "|"}),
        case("the separator line of a spreadsheet program", "sep=,\n" + PLAIN, "stop",
             "the first line is Excel's `sep=` line", "skip_rows: 1"),
        case("the separator line, declared", "sep=,\n" + PLAIN, "same", mapping={"skip_rows": 1}),
        case("a line before the header", "Search: drones\n" + PLAIN, "stop", "raw.csv"),
        case("a renamed column", PLAIN.replace("prio_date", "prio_day"), "stop",
             "column 'prio_date' is missing -> did you mean 'prio_day'?",
             mapping={"columns": {"prio_date": "prio_date"}}),
        case("a column in capitals", PLAIN.replace("pid", "PID"), "stop",
             "column 'pid' is missing"),
        case("columns in another order", turned, "same"),
        case("a column that stands twice", PLAIN.replace("n_claims", "pid"), "stop",
             "column 'pid' stands 2 times in the header"),
        case("a repeated column, the first to be read", repeated, "count",
             "cells of the repeated column 'n_claims' that differ from the first", 1,
             mapping={"policies": {"repeated_column": "first"}}),
        case("full-width letters in the header", PLAIN.replace("pid", "ｐｉｄ"), "same"),
        case("blanks around the header's words", PLAIN.replace("pid,", " pid ,"), "same"),
        case("a header and nothing else", HEAD, "stop",
             "raw.csv: the file has a header and no rows"),
        case("an empty file", "", "stop", "raw.csv: the file is empty"),
        case("a file of blanks", " \n \n", "stop", "raw.csv: the file is empty"),
    ]  # fmt: skip


def numbers() -> list[Case]:
    def cell(text: str) -> str:
        return PLAIN.replace(",1234\n", f',"{text}"\n')

    def wrong(text: str) -> tuple[str, ...]:
        return ("raw.csv, row 2, column 'n_claims'", f"'{text}' is not a whole number")

    grouped = {"thousands": ","}
    return [
        case("thousands separators", cell("1,234"), "stop", *wrong("1,234")),
        case("thousands separators, declared", cell("1,234"), "same", mapping=grouped),
        case("groups of two digits", cell("12,34"), "stop", *wrong("12,34"), mapping=grouped),
        case("a decimal comma", cell("1234,0"), "stop", *wrong("1234,0")),
        case("a decimal comma, declared", cell("1234,0"), "same", mapping={"decimal": ","}),
        case("a point where a comma is declared", cell("1234.0"), "stop", *wrong("1234.0"),
             mapping={"decimal": ","}),
        case("a number that is none", cell("NaN"), "stop", *wrong("NaN")),
        case("an infinite number", cell("inf"), "stop", *wrong("inf")),
        case("a negative count", cell("-1234"), "stop", *wrong("-1234")),
        case("half a claim", cell("1234.5"), "stop", *wrong("1234.5")),
        case("more than a count can be", cell("99999999999"), "stop", *wrong("99999999999")),
        case("full-width digits", cell("１２３４"), "stop", *wrong("１２３４")),
        case("a percent sign", cell("12%"), "stop", *wrong("12%")),
        case("a word for an empty cell", PLAIN.replace("GmbH,", "GmbH,n/a"), "stop",
             "row 4, column 'n_claims': 'n/a' is not"),
        case("a word for an empty cell, declared", PLAIN.replace("GmbH,", "GmbH,n/a"), "same",
             mapping={"empty": {"n_claims": ["n/a"]}}),
        case("an unreadable cell, to be taken as empty", PLAIN.replace("GmbH,", "GmbH,many"),
             "count", "cells of 'n_claims' that are not a whole number from 0 up", 1,
             mapping={"policies": {"unreadable_cell": "empty"}}),
    ]  # fmt: skip


def dates() -> list[Case]:
    styles = PLAIN.replace("2001-02-03", "03.02.2001").replace("2002-03-04", "March 4 2002")
    styles = styles.replace("2003-04-05", "20030405") + "P4,2004年5月6日,A,1\nP5,7-Jun-2005,A,1\n"
    isos = PLAIN + "P4,2004-05-06,A,1\nP5,2005-06-07,A,1\n"
    forms = ["%d.%m.%Y", "%B %d %Y", "%Y%m%d", "%Y年%m月%d日", "%d-%b-%Y"]
    serial = PLAIN.replace("2001-02-03", "36925")

    def day(text: str) -> str:
        return PLAIN.replace("2001-02-03", text)

    def wrong(text: str) -> tuple[str, ...]:
        return (f"raw.csv, row 2, column 'prio_date': '{text}' is not a date",)

    return [
        case("dates in five styles", styles, "stop", "row 2", "'03.02.2001'", "row 3",
             "'March 4 2002'", "row 4", "'20030405'", "row 5", "row 6", "declare its format"),
        case("dates in five styles, declared", styles, "same", mapping={"dates": forms},
             plain=isos),
        case("the 30th of February", day("2001-02-30"), "stop", *wrong("2001-02-30")),
        case("the 13th month", day("2001-13-01"), "stop", *wrong("2001-13-01")),
        case("a date of zeros", day("0000-00-00"), "stop", *wrong("0000-00-00")),
        case("the year 203", day("0203-01-01"), "stop", *wrong("0203-01-01")),
        case("the year 9999", day("9999-12-31"), "stop", *wrong("9999-12-31")),
        case("a date that is two dates", day("03/02/2001"), "stop", *wrong("03/02/2001"),
             "(or more than one of them reads it)",
             mapping={"dates": ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y"]}),
        case("the day count of a spreadsheet", serial, "stop", *wrong("36925")),
        case("the day count, declared", serial, "same", mapping={"dates": ["%Y-%m-%d", "excel"]}),
        case("a two-digit year", day("03/02/01"), "stop", *wrong("03/02/01"),
             mapping={"dates": ["%Y-%m-%d", "%d/%m/%Y"]}),
        case("a time after the date", day("2001-02-03 00:00:00"), "stop",
             *wrong("2001-02-03 00:00:00")),
    ]  # fmt: skip


def ids() -> list[Case]:
    twice = PLAIN + "P2,2002-03-04,Gamma SA,3\n"
    return [
        case("one id in two rows that differ", twice, "stop",
             "raw.csv, rows 3, 5: pid 'P2' stands in rows that differ"),
        case("one id twice, the first to be kept", twice, "count",
             "rows that differ from the first of their id", 1,
             mapping={"policies": {"repeated_id": "first"}}),
        case("a row twice word for word", PLAIN + "P2,2002-03-04,Acme Inc.,3\n", "count",
             "rows repeated word for word", 1),
        case("an empty id", PLAIN + ",2002-03-04,Acme Inc.,3\n", "stop",
             "raw.csv, row 5, column 'pid': the cell is empty"),
        case("an empty id, the row to be skipped", PLAIN + ",2002-03-04,Acme Inc.,3\n", "count",
             "rows without what must be filled", 1, mapping={"policies": {"empty_cell": "skip"}}),
        case("a policy that does not exist", PLAIN, "stop", "no policy repeated_id: last",
             mapping={"policies": {"repeated_id": "last"}}),
        case("a formula in a text file", PLAIN.replace("Acme Inc.", '"=HYPERLINK(""http://x"")"'),
             "stop", "raw.csv, row 3, column 'applicants'", "it is a formula"),
        case("a command in a formula", PLAIN.replace("Acme Inc.", "=cmd|' /C calc'!A0"), "stop",
             "raw.csv, row 3, column 'applicants'", "it is a formula"),
        case("the error of a formula", PLAIN.replace("Acme Inc.", "#REF!"), "stop",
             "raw.csv, row 3, column 'applicants': '#REF!'"),
    ]  # fmt: skip


def workbooks() -> list[Case]:
    names = HEAD.strip().split(",")
    cells: list[list[Any]] = [line.split(",") for line in ROWS.splitlines()]
    for row in cells:
        row[1] = date.fromisoformat(row[1])
        row[3] = int(row[3]) if row[3] else None
    good = workbook([names, *cells])
    formula = [["P1", "2001-02-03", cells[0][2], "=1200+34"], *cells[1:]]
    dead = workbook([names, *formula])
    gap = workbook([names, cells[0], [None] * 4, *cells[1:]])
    bomb = zipped({"[Content_Types].xml": "x", "xl/worksheets/sheet1.xml": b"0" * 80_000_000})
    return [
        case("a workbook", good, "same", file="raw.xlsx"),
        case("empty rows in a workbook", gap, "count", "blank lines", 1, file="raw.xlsx"),
        case("a formula that was never calculated", dead, "stop",
             "raw.xlsx, row 2, column 4: '=1200+34' has no stored value", file="raw.xlsx"),
        case("a formula with its value", with_stored_value(dead, "1200+34", "1234"), "count",
             "formulas", 1, file="raw.xlsx"),
        case("a workbook called csv", good, "stop", "raw.csv: the file is a workbook"),
        case("a workbook of before 2007", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "stop",
             "raw.xls: workbooks of this old kind", "save it as .xlsx", file="raw.xls"),
        case("a locked workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "stop",
             "locked by a password", file="raw.xlsx"),
        case("a web page called csv", "<html><table><tr><td>pid</td></tr></table></html>", "stop",
             "raw.csv: the file is a web page"),
        case("JSON called csv", json.dumps([{"pid": "P1"}]), "stop", "not a table"),
        case("a workbook that unpacks to 80 MB", bomb, "stop", "unpacks to 8000000",
             file="raw.xlsx"),
        case("a broken workbook", good[: len(good) // 2], "stop",
             "raw.xlsx: the workbook cannot be opened", file="raw.xlsx"),
        case("text called xlsx", PLAIN, "stop", "raw.xlsx: the workbook cannot be opened",
             file="raw.xlsx"),
    ]  # fmt: skip


def archives() -> list[Case]:
    name = "raw.csv.zip"
    one = zipped({"raw.csv": PLAIN})
    stored = zipped({"raw.csv": PLAIN}, zipfile.ZIP_STORED)
    packed = gzip.compress(PLAIN.encode())
    bomb = b"0" * 80_000_000
    return [
        case("a folder in the archive", zipped({"data/": "", "data/raw.csv": PLAIN}), "same",
             file=name),
        case("gzip called csv", packed, "same"),
        case("several files in the archive", zipped({"a.csv": PLAIN, "b.csv": PLAIN}), "stop",
             "holds 2 files: a.csv, b.csv", "`member:`", file=name),
        case("a path that climbs", zipped({"../../etc/raw.csv": PLAIN}), "stop",
             "'../../etc/raw.csv', a path that leads out of its folder", file=name),
        case("an absolute path", zipped({"/etc/raw.csv": PLAIN}), "stop", "leads out of its folder",
             file=name),
        case("a path of Windows", zipped({"C:\\raw.csv": PLAIN}), "stop", "leads out of its folder",
             file=name),
        case("a climbing path of Windows", zipped({"..\\raw.csv": PLAIN}), "stop",
             "leads out of its folder", file=name),
        case("a locked archive", locked(one), "stop", "locked by a password", file=name),
        case("an archive inside an archive", zipped({"raw.csv": one}), "stop",
             "an archive inside an archive", file=name),
        case("a zip that unpacks to 80 MB", zipped({"raw.csv": bomb}), "stop",
             "unpacks to more than", file=name),
        case("a gzip that unpacks to 80 MB", gzip.compress(bomb, 1), "stop",
             "unpacks to more than", file="raw.csv.gz"),
        case("a gzip cut short", packed[:-9], "stop", "the archive is broken", file="raw.csv.gz"),
        case("a zip with a changed byte", spoilt(stored, stored.index(b"Acme")), "stop",
             "the archive is broken", file=name),
        case("a zip cut short", one[: len(one) // 2], "stop", "the archive is broken", file=name),
        case("bytes that are nothing", bytes(range(256)) * 20, "stop", "raw.csv"),
    ]  # fmt: skip


def corpus() -> list[Case]:
    """Every hostile file."""
    return [
        *encodings(),
        *quotes_and_lines(),
        *shapes(),
        *numbers(),
        *dates(),
        *ids(),
        *workbooks(),
        *archives(),
    ]
