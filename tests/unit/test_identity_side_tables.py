"""Names in trademarks, customs, sanctions and the like become ids, and add no organisations."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tertius.identity import Reader, cut_units, resolve
from tertius.identity.side_tables import RESOLVED, named_column
from tertius.problems import InputError
from tertius.registry.lexicon import load_lexicon
from tertius.tables import SCHEMAS, organisation_columns, validate

READER = Reader(load_lexicon(Path(__file__).resolve().parents[2] / "config" / "identity"))
DAY = date(2004, 5, 1)


def study(**tables):
    register = pl.DataFrame(
        {"name": ["Alpha Ltd", "Beta Ltd", "Gamma Ltd"], "type": ["firm"] * 3,
         "parent": ["Beta Ltd", None, None], "parent_from": [2005, None, None]},
        schema_overrides={"parent_from": pl.Int32},
    )  # fmt: skip
    patents = pl.DataFrame(
        {"pid": ["P1", "P2"], "year": [2004, 2005], "family_id": ["F1", None]},
        schema_overrides={"year": pl.Int32},
    )
    held = pl.DataFrame(
        {"pid": ["P1", "P2"], "seq": [1, 1], "name": ["Alpha Ltd", "Gamma Ltd"]},
        schema_overrides={"seq": pl.Int32},
    )
    core = {"organisations": register, "patents": patents, "patent_applicants": held}
    return core | tables


def marks(*names):
    return pl.DataFrame(
        {"tm_id": [f"T{k}" for k in range(len(names))], "name": list(names),
         "date": [DAY] * len(names)}
    )  # fmt: skip


def counts(identity):
    return {line["step"]: line["rows"] for line in identity.ledger}


def test_every_column_of_ids_is_declared():
    named = {(t, c) for t in SCHEMAS for c in organisation_columns(t)}
    assert {t for t, c in named if c == "org_id"} == {
        t for t, schema in SCHEMAS.items() if "org_id" in schema.columns
    }
    assert ("sales_ties", "partner_id") in named
    assert ("policies", "target_org") in named
    assert set(RESOLVED) >= {"trademarks", "products", "sales_ties", "customs", "sanctions",
                             "shocks", "standards", "litigation", "survey_firm"}  # fmt: skip
    assert named_column("patent_inventors", "org_id") == "org_id"
    assert named_column("customs", "org_id") == "name"


def test_spellings_find_their_organisation_and_strangers_are_counted_and_left_out():
    made = resolve(
        study(trademarks=marks("ALPHA LIMITED", "Gamma Ltd", "Zyxwelt Textilwerke AG")),
        "organisation", READER,
    )  # fmt: skip
    assert made.tables["trademarks"].select("tm_id", "org_id").rows() == [
        ("T0", "alpha"), ("T1", "gamma"),
    ]  # fmt: skip
    assert counts(made)["trademarks: rows of no organisation of the study"] == 1
    assert set(made.tables["organisations"]["org_id"]) == {"alpha", "beta", "gamma"}
    outside = made.matches.filter(pl.col("method") == "outside")
    assert outside.select("name", "org_id").rows() == [("Zyxwelt Textilwerke AG", None)]
    validate(made.tables["trademarks"], "trademarks", "test")


def test_both_ends_of_a_sale_are_resolved_and_nobody_sells_to_itself():
    sales = pl.DataFrame(
        {"name": ["Alpha Ltd", "Alpha Ltd"], "partner_id": ["gamma limited", "ALPHA LTD."],
         "year": [2004, 2004], "amount": [1.0, 2.0]},
        schema_overrides={"year": pl.Int32},
    )  # fmt: skip
    made = resolve(study(sales_ties=sales), "organisation", READER)
    assert made.tables["sales_ties"].rows() == [("alpha", "gamma", 2004, 1.0)]
    assert counts(made)["sales_ties: an organisation with itself"] == 1


def test_employers_of_inventors_become_ids_and_unknown_ones_stay_empty():
    inventors = pl.DataFrame(
        {"pid": ["P1", "P1"], "name": ["Li, Na", "Wu, Bo"],
         "org_id": ["ALPHA LTD", "Nobody Known KG"],
         "seq": [1, 2]},
        schema_overrides={"seq": pl.Int32},
    )  # fmt: skip
    made = resolve(study(patent_inventors=inventors), "organisation", READER)
    assert made.tables["patent_inventors"]["org_id"].to_list() == ["alpha", None]


def test_two_spellings_with_different_rows_of_one_key_are_refused():
    customs = pl.DataFrame(
        {"name": ["Alpha Ltd", "ALPHA LTD."], "year": [2004, 2004], "product": ["1", "1"],
         "exports": [1.0, 2.0]},
        schema_overrides={"year": pl.Int32},
    )  # fmt: skip
    with pytest.raises(InputError, match=r"'ALPHA LTD\.' and 'Alpha Ltd' have different rows"):
        resolve(study(customs=customs), "organisation", READER)
    same = customs.with_columns(exports=1.0)
    made = resolve(study(customs=same), "organisation", READER)
    assert made.tables["customs"].height == 1
    assert counts(made)["customs: rows repeated in two spellings"] == 1


def test_a_roll_up_moves_rows_to_the_head_from_its_year_on_and_keeps_the_heads_own():
    customs = pl.DataFrame(
        {"name": ["Alpha Ltd", "Alpha Ltd", "Alpha Ltd", "Beta Ltd"],
         "year": [2004, 2005, 2006, 2006], "product": ["1"] * 4, "exports": [1.0, 2.0, 3.0, 4.0]},
        schema_overrides={"year": pl.Int32},
    )  # fmt: skip
    made = resolve(study(customs=customs), "organisation", READER, "controlling")
    rows = made.tables["customs"].select("org_id", "year", "exports").sort("year").rows()
    assert rows == [("alpha", 2004, 1.0), ("beta", 2005, 2.0), ("beta", 2006, 4.0)]
    assert counts(made)["customs: rows of subsidiaries beside the head's"] == 1


def test_a_cut_keeps_what_hangs_on_the_kept_and_the_members_of_their_families():
    tables = dict(
        resolve(
            study(
                trademarks=marks("Alpha Ltd", "Gamma Ltd"),
                patent_events=pl.DataFrame(
                    {"pid": ["P1", "P2"], "kind": ["licence"] * 2, "date": [DAY] * 2}
                ),
            ),
            "organisation", READER,
        ).tables
    )  # fmt: skip
    member = pl.DataFrame(
        {"pid": ["US1"], "year": [2004], "family_id": ["F1"]}, schema_overrides={"year": pl.Int32}
    )
    tables["patents"] = pl.concat([tables["patents"], member], how="diagonal")
    smaller, _ = cut_units(tables, "organisation", 1, ("firm",))
    assert smaller["trademarks"]["org_id"].to_list() == ["alpha"]
    assert smaller["patent_events"]["pid"].to_list() == ["P1"]
    assert sorted(smaller["patents"]["pid"]) == ["P1", "US1"]
