"""The typed tables: schemas, messages, order and bytes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tertius import tables
from tertius.problems import InputError


def patents(**columns: object) -> pl.DataFrame:
    base: dict[str, object] = {"pid": ["B", "A"], "year": [2001, 2000]}
    return pl.DataFrame(base | columns)


def test_validate_adds_optional_columns_casts_and_sorts_by_key() -> None:
    table = tables.validate(patents(), "patents", "p.csv")
    assert table["pid"].to_list() == ["A", "B"]
    assert table["year"].dtype == pl.Int32
    assert table.columns == list(tables.SCHEMAS["patents"].columns)
    assert table["grant_date"].null_count() == 2


def test_all_column_problems_come_at_once_with_the_nearest_name() -> None:
    with pytest.raises(InputError) as caught:
        tables.validate(pl.DataFrame({"pidd": ["A"], "yeer": [2000]}), "patents", "p.csv")
    text = str(caught.value)
    assert "column 'pid' is missing" in text
    assert "column 'year' is missing" in text
    assert "did you mean 'pid'" in text
    assert "did you mean 'year'" in text
    assert "4 problems" in text


def test_cell_problems_name_table_column_row_and_mend() -> None:
    table = patents(kind=["inventon", "design"], year=[2001, 3000])
    with pytest.raises(InputError) as caught:
        tables.validate(table, "patents", "p.csv")
    text = str(caught.value)
    assert "p.csv [patents.kind, row 1]: 'inventon' is not a known code" in text
    assert "did you mean 'invention'" in text
    assert "p.csv [patents.year, row 2]: 3000 is outside [1700, 2100]" in text


def test_repeated_keys_and_empty_required_cells_are_told() -> None:
    table = pl.DataFrame({"pid": ["A", "A", None], "year": [2000, 2001, 2002]})
    with pytest.raises(InputError) as caught:
        tables.validate(table, "patents", "p.csv")
    text = str(caught.value)
    assert "the key (pid=A) stands in several rows" in text
    assert "row 3]: the cell is empty" in text


def test_same_content_in_any_row_order_gives_the_same_bytes(tmp_path) -> None:
    table = patents(prio_date=[date(2001, 2, 3), date(2000, 1, 1)])
    tables.write_table(table, "patents", tmp_path / "one.parquet")
    tables.write_table(table.reverse(), "patents", tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert tables.read_table(tmp_path / "one.parquet", "patents")["pid"].to_list() == ["A", "B"]
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("name", sorted(tables.SCHEMAS))
def test_every_schema_has_its_key_among_required_columns(name: str) -> None:
    schema = tables.SCHEMAS[name]
    assert all(schema.columns[key].required for key in schema.key)
    assert tables.validate(schema.empty(), name, "none").height == 0


def test_tables_of_a_folder_are_read_when_they_are_asked_for(tmp_path) -> None:
    tables.write_table(patents(office=["CN", "US"]), "patents", tmp_path / "patents.parquet")
    stored = tables.read_tables(tmp_path)
    assert list(stored) == ["patents"]
    assert "alliances" not in stored
    assert stored["patents"] is stored["patents"]
    assert stored.columns("patents", "office").to_dict(as_series=False) == {"office": ["US", "CN"]}
    large = tables.StoredTables(tmp_path, kept_bytes=0)
    assert large["patents"] is not large["patents"]
    assert large["patents"].equals(stored["patents"])
    assert large.columns("patents", "office").equals(stored.columns("patents", "office"))


def test_a_file_that_is_no_such_table_is_told(tmp_path) -> None:
    path = tmp_path / "patents.parquet"
    tables.write_parquet(patents(), path)
    with pytest.raises(InputError, match="the columns are not those of the table 'patents'"):
        tables.read_table(path, "patents")


def test_a_folder_of_csv_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "survey"
    tables.write_csv_folder(
        {"a": pl.DataFrame({"x": [1 / 3]}), "b": pl.DataFrame({"y": [1]})}, folder
    )
    assert (folder / "a.csv").read_text() == "x\n0.333333\n"
    tables.write_csv_folder({"b": pl.DataFrame({"y": [2]})}, folder)
    assert [path.name for path in folder.iterdir()] == ["b.csv"]
    with pytest.raises(pl.exceptions.ComputeError):
        tables.write_csv_folder({"c": pl.DataFrame({"nested": [[1]]})}, folder)
    assert (folder / "b.csv").read_text() == "y\n2\n"
