"""Tables: the same numbers in every format, equal bytes, statistics against other tools."""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from docx import Document
from openpyxl import load_workbook

from tertius.catalogue.missteps import MISSTEPS
from tertius.exhibits.backends import WRITERS, fragment_of_page, tex_text, write_table_files
from tertius.exhibits.build_tables import build_table, model_variables
from tertius.exhibits.config import Exhibit
from tertius.exhibits.descriptives import correlations, defined_values, sample_rows, sd_within
from tertius.exhibits.labels import Labels
from tertius.exhibits.regression import RegressionStyle, regression_table
from tertius.exhibits.results import ModelResults
from tertius.exhibits.style import count, fixed, interval, minus, p_relation, probability, real
from tertius.exhibits.table import Cell, Row, Table, decimal_cell

STYLE = RegressionStyle()
IDENTITY = ("table_x", "Position & innovation", "网络位置")


def two_models(world: Any, **style: object) -> Table:
    models = [world.results.estimated[name] for name in ("position", "synergy")]
    return regression_table(IDENTITY, models, world.labels, RegressionStyle(**style))  # type: ignore[arg-type]


def csv_rows(table: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(WRITERS["csv"](table).decode("utf-8-sig"))))


def test_estimates_errors_and_p_stand_in_the_table(world: Any) -> None:
    table = two_models(world)
    known = world.results.estimated["position"].row("log1p(deg)")
    assert known is not None
    rows = csv_rows(table)
    lines = [row for row in rows if row[0] == "ln(1 + Degree centrality)"]
    assert [line[1] for line in lines] == ["estimate", "std_error", "p_value"]
    assert lines[0][2].rstrip("*") == f"{known['estimate']:.3f}"
    assert lines[1][2] == f"({known['std_error']:.3f})"
    assert lines[2][2] == f"p {p_relation(known['p_value'])}"


def test_sample_sizes_are_those_of_the_fit(world: Any) -> None:
    rows = {row[1]: row[2:] for row in csv_rows(two_models(world))}
    fit = world.results.estimated["position"].fit
    assert rows["n_obs"] == [f"{fit['n_obs']:,}"] * 2
    assert rows["n_firms"] == ["120", "120"]
    assert rows["mean_outcome"] == ["2.973", "2.973"]
    assert rows["n_dropped"] == ["400", "400"]
    assert rows["effects_firm"] == rows["effects_year"] == ["yes", "yes"]


def test_every_format_shows_the_same_numbers(world: Any) -> None:
    table = two_models(world)
    texts = [cell.text for row in table.rows for cell in row.cells if cell.text]
    html = re.sub(r"<[^>]+>", "", WRITERS["html"](table).decode())
    tex = WRITERS["tex"](table).decode()
    grid = Document(io.BytesIO(WRITERS["docx"](table))).tables[0]
    docx = [cell.text for row in grid.rows for cell in row.cells]
    for text in texts:
        assert minus(text).replace("<", "&lt;") in html
        assert tex_text(text) in tex
        assert minus(text) in docx


def test_spreadsheet_holds_numbers_that_show_as_printed(world: Any) -> None:
    table = two_models(world)
    sheet = load_workbook(io.BytesIO(WRITERS["xlsx"](table))).active
    assert sheet is not None
    first = 2 + len(table.heads) + 1
    checked = 0
    for offset, row in enumerate(table.rows):
        for column, cell in enumerate(row.cells, 2):
            written = sheet.cell(first + offset, column)
            if cell.value is None:
                assert (written.value or "") == cell.text
                continue
            decimals = len(written.number_format.partition(".")[2].split('"')[0])
            shown = f"{written.value:,.{decimals}f}"
            assert shown.lstrip("-") in cell.text
            assert ("-" in cell.text) == (written.value < 0)
            checked += 1
    assert checked > 30


def test_two_renders_are_equal_bytes(world: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        paths = [tmp_path / name / f"table_x.{kind}" for kind in WRITERS]
        write_table_files(two_models(world), paths)
    for kind in WRITERS:
        first, second = (tmp_path / name / f"table_x.{kind}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("kind", ["docx", "xlsx"])
def test_office_files_hold_no_time_of_writing(world: Any, kind: str) -> None:
    with zipfile.ZipFile(io.BytesIO(WRITERS[kind](two_models(world)))) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = archive.read("docProps/core.xml").decode()
        assert set(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", core)) == {"1980-01-01T00:00:00Z"}
        assert archive.testzip() is None


def test_stars_never_stand_alone(world: Any) -> None:
    for inference in ("p", "ci", "both"):
        for row in two_models(world, inference=inference).rows:
            assert row.statistic != "stars"
        names = {row.statistic for row in two_models(world, inference=inference).rows}
        assert names & {"p_value", "conf_interval"}
    plain = two_models(world, stars=False)
    assert not any("*" in cell.text for row in plain.rows for cell in row.cells)


def test_controls_can_be_counted_instead_of_shown(world: Any) -> None:
    table = two_models(world, controls=False)
    labels = [row.label for row in table.rows]
    assert "Assets (log)" not in labels
    hidden = next(row for row in table.rows if row.statistic == "controls_hidden")
    assert [cell.text for cell in hidden.cells] == ["5", "5"]


def test_dummies_of_undefined_values_are_counted(world: Any) -> None:
    table = two_models(world)
    dummies = next(row for row in table.rows if row.statistic == "undefined_dummies")
    assert [cell.text for cell in dummies.cells] == ["1", "1"]
    assert not any("undefined" in row.label for row in table.rows if row.kind == "body")


def test_proxies_and_conventions_are_in_the_notes(world: Any) -> None:
    model = world.results.estimated["technology_diversity"]
    table = regression_table(IDENTITY, [model], world.labels, RegressionStyle())
    said = " ".join(table.notes)
    assert "Technological diversity of the portfolio" in said
    assert "G/(G-1) x (N-1)/(N-K)" in said


def test_columns_on_other_rows_are_told_and_stopped(world: Any) -> None:
    model = next(iter(world.results.estimated.values()))
    shorter = replace(model, name="shorter", sample=model.sample.head(-5))
    mixed = replace(model, name="mixed", sample=model.sample.reverse())
    other = replace(shorter, name="other", fit={**model.fit, "outcome": "another"})
    table = regression_table(IDENTITY, [model, mixed, shorter, other], world.labels, STYLE)
    (note,) = [text for text in table.notes if MISSTEPS["sample_changes"].source in text]
    assert note.startswith("(3) ")
    assert MISSTEPS["sample_changes"].reason in note
    for action, columns in (("stop", 1), ("off", 2)):
        chosen = replace(shorter, spec={**model.spec, "missteps": {"sample_changes": action}})
        table = regression_table(IDENTITY, [model, chosen], world.labels, STYLE)
        assert len(table.heads[0]) == columns
        told = [text for text in table.notes if "sample_changes says stop" in text]
        assert len(told) == (action == "stop")
        assert not [text for text in table.notes if text.startswith("(2) ")]


def test_a_model_that_was_refused_is_told(world: Any) -> None:
    results = ModelResults({}, {"position": "tdiv is missing"})
    exhibit = Exhibit("t", "regression", {"en": "T"}, {}, ("csv",), models=("position",))
    table = build_table(exhibit, results, world.panel, world.labels)
    assert table.notes == ("Not estimated: position (tdiv is missing).",)
    assert "<table" not in WRITERS["html"](table).decode()
    assert all(WRITERS[kind](table) for kind in WRITERS)


def test_collinear_and_unavailable_terms_are_told(world: Any) -> None:
    model = world.results.estimated["position"]
    fit = {**model.fit, "collinear_dropped": ["sh"], "unavailable": {"roa": "missing_input"},
           "stands_in_for": "pat"}  # fmt: skip
    changed = type(model)(
        model.name, model.coefficients, model.covariance, fit, model.spec, model.sample
    )
    notes = regression_table(IDENTITY, [changed] * 2, world.labels, RegressionStyle()).notes
    assert "Columns (1), (2): left out as collinear: Structural holes (1 - constraint)." in notes
    assert "Columns (1), (2): controls that this study cannot build: roa." in notes
    assert "Columns (1), (2): Patents stands in for Patents, a proxy." in notes


def test_descriptives_agree_with_numpy(world: Any) -> None:
    exhibit = Exhibit("d", "descriptives", {"en": "D"}, {}, ("csv",), model="position")
    table = build_table(exhibit, world.results, world.panel, world.labels)
    rows = {row.label.split(". ")[1]: row for row in table.rows}
    sample = sample_rows(world.panel, world.results.estimated["position"].sample)
    known = sample["sh"].drop_nulls().to_numpy()
    values = [cell.value for cell in rows["Structural holes (1 - constraint)"].cells]
    within = sample.filter(pl.col("sh").is_not_null()).with_columns(
        gap=pl.col("sh") - pl.col("sh").mean().over("org_id")
    )["gap"]
    expected = [len(known), sample.height - len(known), known.mean(), known.std(ddof=1),
                math.sqrt((within**2).sum() / (len(known) - 1)), known.min(), np.median(known),
                known.max()]  # fmt: skip
    assert values == pytest.approx(expected, rel=1e-12)
    assert "isolate" in table.notes[1]


def test_first_descriptive_is_the_outcome(world: Any) -> None:
    exhibit = Exhibit(
        "d", "descriptives", {"en": "D"}, {}, ("csv",), model="position", variables=("deg",)
    )
    table = build_table(exhibit, world.results, world.panel, world.labels)
    assert [row.label for row in table.rows] == ["1. Patents (t+1)", "2. Degree centrality"]


def test_correlations_agree_with_numpy(world: Any) -> None:
    sample = sample_rows(world.panel, world.results.estimated["position"].sample)
    columns = [defined_values(sample, code) for code in ("deg", "sh", "lev")]
    matrix, numbers = correlations(columns)
    both = np.isfinite(columns[0]) & np.isfinite(columns[1])
    expected = np.corrcoef(columns[0][both], columns[1][both])[0, 1]
    assert matrix[0, 1] == matrix[1, 0] == pytest.approx(expected, rel=1e-12)
    assert numbers[0, 1] == both.sum()
    assert np.diag(matrix) == pytest.approx([1, 1, 1])


def test_correlation_of_a_constant_is_undefined() -> None:
    matrix, _ = correlations([np.ones(5), np.arange(5.0)])
    assert math.isnan(matrix[0, 1])
    assert math.isnan(matrix[0, 0])


def test_sd_within_by_hand() -> None:
    values = np.array([1.0, 3.0, 10.0, 10.0, math.nan])
    firms = np.array([0, 0, 1, 1, 1])
    # deviations -1, 1, 0, 0 over three degrees of freedom
    assert sd_within(values, firms) == pytest.approx(math.sqrt(2 / 3))


def test_a_panel_that_lacks_sample_rows_is_refused(world: Any) -> None:
    sample = pl.DataFrame({"org_id": ["nobody"], "year": pl.Series([1999], dtype=pl.Int32)})
    with pytest.raises(ValueError, match="0 of the sample's 1 rows"):
        sample_rows(world.panel, sample)


def test_unavailable_controls_are_not_described(world: Any) -> None:
    model = world.results.estimated["position"]
    fit = {**model.fit, "unavailable": {"roa": "missing_input"}}
    changed = type(model)(
        model.name, model.coefficients, model.covariance, fit, model.spec, model.sample
    )
    assert "roa" in model_variables(model)
    assert "roa" not in model_variables(changed)


def test_numbers_are_written_alike() -> None:
    assert [real(x) for x in (0.0, 0.12345, -1.5, 1234.56, 4.32e-5, math.nan, None)] == [
        "0.000", "0.123", "-1.500", "1,234.6", "4.3e-05", "–", "–"]  # fmt: skip
    assert [count(x) for x in (0, 12345.0, None)] == ["0", "12,345", "–"]
    assert [probability(x) for x in (0.00099, 0.001, 0.0456, 1.0)] == [
        "<0.001", "0.001", "0.046", "1.000"]  # fmt: skip
    assert fixed(-0.001, 2) == "0.00"
    assert interval(-0.5, 2) == "[-0.500, 2.000]"
    assert minus("[-0.5, 2] in 2014-2019, 4e-05") == "[−0.5, 2] in 2014-2019, 4e-05"


def test_spreadsheet_pattern_is_read_off_the_text() -> None:
    assert decimal_cell(-0.1234, "-0.123***").pattern == '0.000"***"'
    assert decimal_cell(0.05, "(0.050)").pattern == '"("0.000")"'
    assert decimal_cell(1234.0, "1,234").pattern == "#,##0"
    assert decimal_cell(4.3e-5, "4.3e-05").value is None
    assert decimal_cell(None, "–").value is None


def test_a_table_of_uneven_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="row 'a' has 1 cells, not 2"):
        Table("t", "T", "", "", (("x", "y"),), (Row("a", (Cell("1"),)),))


def test_tex_escapes_what_latex_reads() -> None:
    assert tex_text("a_b & 5 % of x² < -1") == r"a\_b \& 5 \% of x$^2$ $<$ $-$1"


def test_a_page_gives_its_table_back(world: Any) -> None:
    page = WRITERS["html"](two_models(world)).decode()
    fragment = fragment_of_page(page)
    assert fragment.startswith('<div class="table-wrap" id="table_x"')
    assert "<style>" not in fragment
    assert fragment.count('scope="row"') > 10


def test_labels_of_terms() -> None:
    labels = Labels({"deg": "Degree", "sh": "Holes", "pat": "Patents"}, {}, frozenset({"sh"}))
    assert labels.term("log1p(deg):sh^2") == "ln(1 + Degree) × Holes²"
    assert labels.term("undefined(sh=undefined_isolate):log1p(deg)") == (
        "Holes undefined (isolate) × ln(1 + Degree)"
    )
    assert labels.variable("pat_t2") == "Patents (t+2)"
    assert labels.variable("deg__co_applicant_w3") == "Degree (co-applicant, 3-year window)"
    assert labels.variable("unheard") == "unheard"
    assert labels.variable("deg_l1") == "Degree (t-1)"
    assert labels.proxies_among(["deg", "sh", "sh", "sh_l1"]) == ("sh", "sh_l1")


def test_units_are_called_by_their_name(world: Any) -> None:
    inventors = Labels.from_codebook(world.codebook, {}, "inventor")
    models = [world.results.estimated["position"]]
    table = regression_table(IDENTITY, models, inventors, RegressionStyle())
    labels = [row.label for row in table.rows]
    assert "Inventors" in labels
    assert "Observations (inventor-years)" in labels
    assert "Inventor effects" in labels


def test_long_labels_run_down_beside_their_details(world: Any) -> None:
    table = two_models(world)
    rows = [line for line in WRITERS["tex"](table).decode().splitlines() if "Degree" in line]
    assert any(line.startswith(r"ln(1 + Degree centrality) $\times$ &") for line in rows)
    html = WRITERS["html"](table).decode()
    assert '<th scope="row" rowspan="3">ln(1 + Degree centrality)</th>' in html


def test_variants_are_named_by_their_network() -> None:
    codebook = {"deg": {"label": {"en": "Degree", "zh": "度"}, "mark": "P"}}
    declared = {"deg_w3": {"of": "deg", "network": "co_applicant_w3"}}
    labels = Labels.from_codebook(codebook, declared)
    assert labels.variable("deg_w3") == "Degree (co-applicant, 3-year window)"
    assert labels.proxies_among(["deg_w3"]) == ("deg_w3",)


def test_variables_without_values_are_named_not_shown(world: Any) -> None:
    panel = world.panel.with_columns(
        lev=pl.lit(None, dtype=pl.Float64), lev_status=pl.lit("missing_input")
    )
    for kind in ("descriptives", "correlations"):
        exhibit = Exhibit("d", kind, {"en": "D"}, {}, ("csv",), model="position")
        table = build_table(exhibit, world.results, panel, world.labels)
        assert not any("lev" in row.label for row in table.rows)
        assert table.notes[-1] == "No value in this sample: lev."
