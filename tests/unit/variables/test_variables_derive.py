"""The wide frame: position variables, absent inputs, variants, no look-ahead, determinism."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from tertius.problems import InputError
from tertius.tables import STATUSES
from tertius.variables import (
    VariableSpec,
    derive,
    range_problems,
    record_ledger,
    resolve,
    status_ledger,
)
from tertius.variables.derive import LARGE
from tertius.variables.frames import settle
from tertius.variables.position import holes_beyond_degree, isolate, structural_holes
from tertius.variables.scramble import scramble_future

YEARS = (2006, 2009)


SMALL_CELLS = ("brk5", "brk1", "top10_share", "cites_norm", "inc", "amb", "no_brk")


@pytest.fixture(scope="module")
def codebook(root: Path):
    """The codebook, with cells of three patents in the place of twenty: the world is small."""
    book = yaml.safe_load((root / "config" / "variables.yaml").read_text(encoding="utf-8"))
    for code in SMALL_CELLS:
        book[code]["params"] = {**book[code].get("params", {}), "min_cell": 3}
    return book


@pytest.fixture(scope="module")
def tables(random_world):
    return random_world(11)


@pytest.fixture(scope="module")
def both(with_networks, tables):
    return {focal: with_networks(tables, focal) for focal in ("alliance", "co_applicant")}


@pytest.fixture(scope="module")
def wide(both, codebook):
    return {focal: derive(inputs, codebook) for focal, inputs in both.items()}


def test_every_variable_has_a_value_or_a_status_for_every_row(wide, both, codebook):
    for focal, frame in wide.items():
        assert frame.columns[:2] == ["org_id", "year"]
        assert frame.columns[2:] == [c for v in codebook for c in (v, f"{v}_status")]
        assert frame.select("org_id", "year").equals(both[focal].risk_set.sort("org_id", "year"))
        for code in codebook:
            ok = frame[f"{code}_status"] == "ok"
            assert frame[code].is_not_null().equals(ok.rename(code))
            assert frame.filter(ok)[code].is_finite().all()
        assert set(status_ledger(frame)["status"]) <= set(STATUSES)


def test_every_variable_is_defined_somewhere(wide, codebook):
    alone = {code for code, entry in codebook.items() if entry.get("layers") == ["alliance"]}
    for focal, frame in wide.items():
        for code in codebook:
            found = int((frame[f"{code}_status"] == "ok").sum())
            if focal == "co_applicant" and code in alone:
                assert frame[f"{code}_status"].unique().to_list() == ["missing_input"]
            else:
                assert found > 5, (focal, code)


def test_values_lie_in_the_ranges_of_the_codebook(wide, codebook):
    specs = resolve(codebook)
    assert [range_problems(frame, specs) for frame in wide.values()] == [[], []]


def test_a_value_outside_its_range_is_told(wide):
    specs = {"deg": VariableSpec("deg", range=(0.0, 1.0))}
    problems = range_problems(wide["alliance"], specs)
    assert len(problems) == 1
    assert "outside [0.0, 1.0]" in problems[0].what


def test_ledgers_count_every_row_and_record(wide, both, codebook):
    ledger = status_ledger(wide["alliance"])
    rows = ledger.group_by("variable").agg(pl.col("rows").sum())
    assert rows["rows"].unique().to_list() == [wide["alliance"].height]
    assert rows.height == len(codebook)
    counts = record_ledger(both["alliance"])
    assert counts["publications"] == 420
    assert counts["families"] == 420 - 42
    assert counts["citation_pairs_of_families"] == (
        counts["pairs_used"]
        + counts["pairs_inside_a_family_left_out"]
        + counts["pairs_to_a_younger_family_left_out"]
    )


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("focal", ["alliance", "co_applicant"])
def test_nothing_dated_after_a_year_changes_a_covariate(
    tables, wide, with_networks, codebook, year, focal
):
    scrambled = scramble_future(tables, year, seed=year, last=2016)
    assert not scrambled["patents"].sort("pid").equals(tables["patents"].sort("pid"))
    after = derive(with_networks(scrambled, focal), codebook)
    covariates = [code for code, entry in codebook.items() if entry.get("role") != "outcome"]
    columns = ["org_id", "year", *(c for v in covariates for c in (v, f"{v}_status"))]
    until = pl.col("year") <= year
    old, new = (f.select(columns).filter(until) for f in (wide[focal], after))
    assert old.select("org_id", "year").equals(new.select("org_id", "year"))
    changed = [column for column in columns if not old[column].equals(new[column])]
    assert changed == []
    # The scrambling bites: later covariates differ, and so do outcomes, which look ahead by design.
    later = {v for v in covariates if not wide[focal][v].equals(after[v])}
    assert {"deg", "pdiv_type", "tdiv", "khet", "sdepth", "sbreadth", "turb", "roa", "dur"} <= later
    assert {"bon", "indirect", "core_i", "gf_gate", "repeat", "geodist", "coop_pp"} <= later
    ahead = [frame.filter(until)["cites5"] for frame in (wide[focal], after)]
    assert not ahead[0].equals(ahead[1])


def test_scrambling_reaches_every_table_and_spares_the_past(tables):
    scrambled = scramble_future(tables, 2008, seed=1, last=2016)
    kept = {
        "patents": pl.col("year") <= 2008,
        "citations": pl.col("date").dt.year() <= 2008,
        "firm_years": pl.col("year") <= 2008,
        "industry_years": pl.col("year") <= 2008,
        "policies": pl.col("effective").dt.year() <= 2008,
        "alliances": pl.col("start_date").dt.year() <= 2008,
    }
    undated = {"technology_fields", "industry_groups", "industry_links", "cultures", "survey_key"}
    for name, table in tables.items():
        if name in undated:
            assert scrambled[name].sort(pl.all()).equals(table.sort(pl.all())), name
            continue
        assert not scrambled[name].sort(pl.all()).equals(table.sort(pl.all())), name
    for name, past in kept.items():
        stable = [
            c
            for c in tables[name].columns
            if c
            not in (
                "lapse_date",
                "pub_date",
                "app_date",
                "cited_total",
                "end_date",
                "end",
                "grant_date",
            )
        ]
        old, new = (
            frame[name].filter(past).select(stable).sort(pl.all()) for frame in (tables, scrambled)
        )
        assert old.equals(new), name


def test_the_order_of_rows_decides_nothing(tables, with_networks, codebook, wide):
    rng = np.random.default_rng(2)
    shuffled = {name: t[rng.permutation(t.height)] for name, t in tables.items()}
    assert derive(with_networks(shuffled, "alliance"), codebook).equals(wide["alliance"])


def test_one_thread_gives_the_same_bits(root, codebook, wide, tmp_path):
    book = tmp_path / "variables.yaml"
    book.write_text(yaml.safe_dump(codebook, sort_keys=False), encoding="utf-8")
    here = Path(__file__).parent
    program = (
        "import importlib.util, sys, yaml, polars as pl; from pathlib import Path;"
        "spec = importlib.util.spec_from_file_location('worlds', sys.argv[1]);"
        "worlds = importlib.util.module_from_spec(spec); spec.loader.exec_module(worlds);"
        "from tertius.variables import derive;"
        "book = yaml.safe_load(Path(sys.argv[2]).read_text(encoding='utf-8'));"
        "wide = derive(worlds.assemble(worlds.world(11), 'alliance'), book);"
        "assert pl.thread_pool_size() == 1; sys.stdout.write(wide.write_csv())"
    )
    arguments = [str(here / "conftest.py"), str(book)]
    single = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONPATH": str(root / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert single.stdout == wide["alliance"].write_csv()


def test_without_its_tables_a_variable_is_missing_input_throughout(make, codebook):
    bare = make(years=[2005], units="FG", tied=[(2005, "F", "G", 1)])
    frame = derive(bare, codebook)
    for code, entry in codebook.items():
        statuses = set(frame[f"{code}_status"])
        if set(entry["inputs"]) <= {"ties", "tie_records"}:
            assert "missing_input" not in statuses, code
        else:
            assert statuses == {"missing_input"}, code
            assert frame[code].null_count() == 2


def test_variants_stand_beside_each_other(both):
    declared = {
        "pdiv_type__co_applicant": {"of": "pdiv_type", "network": "co_applicant"},
        "tdiv_w3": {"of": "tdiv", "params": {"window": 3}},
    }
    entries = {
        "pdiv_type": {"function": "portfolio.partner_diversity", "params": {"by": "type"}},
        "tdiv": {"function": "knowledge.portfolio_diversity"},
    }
    found = derive(both["alliance"], entries, declared)
    other = derive(both["co_applicant"], entries)
    assert found["pdiv_type__co_applicant"].equals(other["pdiv_type"].alias("x"))
    assert not found["tdiv"].equals(found["tdiv_w3"])
    assert found.columns[-2:] == ["tdiv_w3", "tdiv_w3_status"]


def test_a_new_variable_is_one_function_and_one_entry(both):
    def birth_year(inputs, *, plus=0):
        born = inputs.tables["organisations"].select("org_id", "birth_year")
        from tertius.variables.records import coded, rows

        values = rows(inputs).select("org", "year").join(coded(inputs, born), on="org")
        value = pl.col("birth_year")
        return settle(inputs, values, value + plus, [(value.is_null(), "missing_input")])

    entry = {"function": "mine.birth_year", "inputs": ["organisations"], "params": {"plus": 1}}
    found = derive(both["alliance"], {"born": entry}, functions={"mine.birth_year": birth_year})
    register = both["alliance"].tables["organisations"]
    expected = dict(register.select("org_id", "birth_year").iter_rows())
    assert {
        org: None if v is None else v - 1 for org, v in found.select("org_id", "born").iter_rows()
    } == {org: expected[org] for org in found["org_id"].unique()}


def test_the_worked_example_of_the_docs_is_a_variable(root, make):
    page = (root / "docs" / "variables.md").read_text(encoding="utf-8")
    function, entry = (
        re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("python", "yaml")
    )
    scope = dict(vars(importlib.import_module("tertius.variables.configuration")))
    exec(function, scope)
    births = {"A": 1985, "B": 1986, "C": None, "D": 1950, "F": 1990, "G": 1990, "I": 1990}
    inputs = make(
        years=[2005],
        units="FGI",
        tied=[(2005, "F", name, 1) for name in "ABCD"] + [(2005, "G", "C", 1)],
        organisations=[
            {"org_id": name, "type": "firm", "birth_year": born} for name, born in births.items()
        ],
    )
    book = yaml.safe_load(entry)
    name = book["old_share"]["function"]
    functions = {name: scope[name.partition(".")[2]]}
    variants = {"old_19": {"of": "old_share", "params": {"years": 19}}}
    found = derive(inputs, book, variants, functions)
    assert found["old_share"].to_list() == [2 / 3, None, None]  # A and D of A, B and D
    assert found["old_share_status"].to_list() == ["ok", "missing_input", "undefined_isolate"]
    assert found["old_19"].to_list() == [1.0, None, None]
    assert range_problems(found, resolve(book)) == []


def test_large_tables_go_when_the_last_module_that_needs_them_is_done(tables, with_networks):
    inputs = with_networks(tables, "alliance")
    entries = {
        "tdiv_own": {"function": "knowledge.own_diversity"},
        "kpow": {"function": "flows.power"},
        "sbreadth": {"function": "search.breadth"},
    }
    ready = []
    derive(inputs, entries, done=ready.append)
    assert ready == ["sbreadth", "kpow", "tdiv_own"]  # citations first, classes later
    kept = {key[0] if isinstance(key, tuple) else key for key in inputs._memo}
    large = {name for names in LARGE.values() for name in names}
    assert {"breadth", "cited_holders", "citing", "own", "class_years"} <= large
    assert not large & kept
    assert {"holdings", "partners"} <= kept


def test_all_faults_of_a_codebook_are_told_at_once(both):
    entries = {
        "a": {"function": "portfolio.sizes"},
        "b": {"function": "portfolio.size", "params": {"colour": 1}},
        "c": {"function": "portfolio.partner_diversity"},
    }
    with pytest.raises(InputError) as caught:
        derive(both["alliance"], entries)
    text = str(caught.value)
    assert "did you mean 'portfolio.size'" in text
    assert "no parameter 'colour'" in text
    assert "needs the parameter 'by'" in text
    with pytest.raises(InputError, match="exactly one of measure and function"):
        resolve({"d": {"unit": "x"}})
    with pytest.raises(InputError, match="unknown keys colour"):
        resolve({"d": {"measure": "degree", "colour": 1}})
    with pytest.raises(InputError, match="no variable 'degg'"):
        resolve({"deg": {"measure": "degree"}}, {"x": {"of": "degg"}})
    with pytest.raises(InputError, match="has a variable of this name"):
        resolve({"deg": {"measure": "degree"}}, {"deg": {"of": "deg"}})


def test_a_value_without_reason_is_an_error_of_the_variable(make):
    inputs = make(years=[2005], units="F")
    empty = pl.DataFrame(schema={"org": pl.UInt32, "year": pl.Int32, "v": pl.Float64})
    with pytest.raises(ValueError, match="ok without a finite value"):
        settle(inputs, empty, pl.col("v"), [])


@pytest.fixture(scope="module")
def measured(make):
    frame = pl.DataFrame(
        {
            "year": pl.Series([2005] * 3, dtype=pl.Int32),
            "node": ["F", "G", "I"],
            "degree": [3, 1, 0],
            "constraint": [703 / 1200, 1.0, None],
            "constraint_status": ["ok", "ok", "undefined_isolate"],
            "hierarchy": [0.118288, None, None],
            "hierarchy_status": ["ok", "undefined_single", "undefined_isolate"],
        }
    )
    return make(years=[2005, 2006], units="FGIX", measured=frame)


def test_structural_holes(measured, at):
    found = structural_holes(measured, network="net")
    assert at(found, "F", 2005) == pytest.approx(1 - 703 / 1200, abs=1e-15)
    assert at(found, "G", 2005) == 0.0
    assert at(found, "I", 2005) == "undefined_isolate"  # never 0 constraint
    assert at(found, "X", 2005) == "undefined_isolate"  # alive, but no node of the network
    assert at(found, "F", 2006) == "missing_input"
    beyond = holes_beyond_degree(measured, network="net")
    assert at(beyond, "F", 2005) == pytest.approx(1 / 3 - 703 / 1200, abs=1e-15)


def test_measures_pass_with_their_statuses(measured):
    entries = {name: {"measure": name} for name in ("degree", "hierarchy", "closeness")}
    found = derive(measured, entries).filter(pl.col("year") == 2005)
    assert found["degree"].to_list() == [3, 1, 0, 0]
    assert found["hierarchy_status"].to_list() == [
        "ok", "undefined_single", "undefined_isolate", "undefined_isolate",
    ]  # fmt: skip
    assert set(found["closeness_status"]) == {"missing_input"}


def test_isolates(measured, at):
    found = isolate(measured, network="net")
    assert [at(found, name, 2005) for name in "FGIX"] == [0, 0, 1, 1]
