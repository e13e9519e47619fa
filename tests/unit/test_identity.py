"""Who is who: keys, matches, persons, shares, cuts; never dependent on the order of rows."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.identity import Reader, TypeReader, cut_units, person_key
from tertius.identity import resolve as resolve_with
from tertius.identity.match import MATCH_SCHEMA
from tertius.problems import InputError
from tertius.registry.lexicon import load_lexicon
from tertius.sources import read_source
from tertius.tables import SCHEMAS, validate

READER = Reader(load_lexicon(Path(__file__).resolve().parents[2] / "config" / "identity"))
organisation_key = READER.key


def guessed_type(name):
    return TypeReader(READER).type_of(name)


def resolve(tables, unit):
    return resolve_with(tables, unit, READER)


def counts(ledger):
    return {line["step"]: line["rows"] for line in ledger}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Siemens AG", "SIEMENS A.G."),
        ("Müller GmbH & Co. KG", "MULLER G.m.b.H. und Co KG".replace("und ", "and ")),
        ("Acme Co., Ltd.", "ACME CO LTD"),
        ("Acme, Inc.", "The Acme Incorporated"),
        ("Thales S.A.", "thales s a"),
        ("Sequoia Automation S.r.l.", "SEQUOIA AUTOMATION S R L"),
        ("AT & T", "AT&T"),
        ("Airbus Defence and Space SAS", "AIRBUS DEFENCE & SPACE GMBH"),
        ("Massachusetts Institute of Technology", "Massachusetts Inst. of Tech."),
        ("华为技术有限公司", "华为技术 股份有限公司"),
        ("海尔集团有限公司", "海尔有限责任公司"),
        ("Ｈｕａｗｅｉ Technologies Co., Ltd.", "HUAWEI TECHNOLOGIES COMPANY LIMITED"),
        ("株式会社東芝", "東芝㈱"),
        ("삼성전자 주식회사", "주식회사 삼성전자"),
        ("Müller Gesellschaft mit beschränkter Haftung", "Muller GmbH"),
        ("L'Oréal", "LOREAL"),
    ],
)
def test_spellings_of_one_name_have_one_key(one, other):
    assert organisation_key(one) == organisation_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Univ Paris 1", "Univ Paris 6"),
        ("Bosch GmbH", "Bosch Rexroth GmbH"),
        ("华锐安通信有限公司", "华锐博通信有限公司"),
        ("Texas Univ", "Texas Tech Univ"),
        ("Ford Global Tech", "Global Ford Tech"),
        ("北京分公司", "北京总公司"),
    ],
)
def test_near_names_of_different_organisations_have_different_keys(one, other):
    assert organisation_key(one) != organisation_key(other)


def test_a_name_of_legal_form_only_keeps_it():
    assert organisation_key("Co., Ltd.") == "co"
    assert organisation_key("有限公司") == "有限公司"
    assert organisation_key(" -- ") == ""


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30))
def test_keys_are_their_own_keys(name):
    assert organisation_key(organisation_key(name)) == organisation_key(name)
    assert person_key(person_key(name)) == person_key(name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("UNIV SOUTHERN CALIFORNIA", "university"),
        ("清华大学", "university"),
        ("Politecnico di Milano", "university"),
        ("中国科学院自动化研究所", "institute"),
        ("FRAUNHOFER GES FORSCHUNG", "institute"),
        ("Korea Aerospace Res Inst", "institute"),
        ("US NAVY", "government"),
        ("北京协和医院", "hospital"),
        ("北京大学第三医院", "hospital"),
        ("中国科学院大学", "university"),
        ("GEN HOSPITAL CORP", "hospital"),
        ("NETWORK PERFORMANCE RES GROUP LLC", "firm"),
        ("华为技术有限公司", "firm"),
        ("Parrot", "firm"),
    ],
)
def test_types_from_names(name, kind):
    assert guessed_type(name) == kind


def register():
    return pl.DataFrame(
        {
            "name": [
                "Brelandoth Data Co., Ltd.",
                "Kolhand Communication Inc.",
                "Beta Univ",
                "甲公司",
            ],
            "type": ["firm", "firm", "university", "firm"],
            "birth_year": [1990, 1991, None, 2000],
            "parent": ["Kolhand Communication", None, None, "Foreign Holding SA"],
        },
        schema_overrides={"birth_year": pl.Int32},
    )


def applicants(*names):
    return pl.DataFrame(
        {
            "pid": [f"P{k}" for k, _ in names],
            "name": [name for _, name in names],
            "seq": list(range(1, len(names) + 1)),
        },
        schema_overrides={"seq": pl.Int32},
    )


NAMES = (
    (1, "Brelandoth Data Co., Ltd."),
    (1, "BRELANDOTH DATA CO LTD"),
    (1, "Beta University"),
    (2, "Brealndoth Data Co., Ltd."),
    (3, "Kolhnad Communication Inc."),
    (4, "Kolhand Communications Holding"),
    (5, "甲 公司"),
    (6, "Newcomer GmbH"),
    (6, "NEWCOMER AG"),
    (7, " - "),
)


def test_names_find_the_register_and_say_how():
    found = resolve({"organisations": register(), "patent_applicants": applicants(*NAMES)},
                    "organisation")  # fmt: skip
    assert found.matches.schema == pl.Schema(MATCH_SCHEMA)
    how = {name: (org_id, method) for name, org_id, method in
           found.matches.select("name", "org_id", "method").rows()}  # fmt: skip
    assert how == {
        "Brelandoth Data Co., Ltd.": ("brelandoth-data", "name"),
        "BRELANDOTH DATA CO LTD": ("brelandoth-data", "key"),
        "Brealndoth Data Co., Ltd.": ("brelandoth-data", "slip"),
        "Beta University": ("beta-univ", "key"),
        "Kolhand Communication": ("kolhand-comm", "key"),
        "Kolhnad Communication Inc.": ("kolhand-comm", "slip"),
        "Kolhand Communications Holding": ("kolhand-comm-holding", "new"),
        "甲 公司": ("甲", "key"),
        "Newcomer GmbH": ("newcomer", "key"),
        "NEWCOMER AG": ("newcomer", "new"),
        "Foreign Holding SA": ("foreign-holding", "new"),
        " - ": (None, "new"),
    }
    assert counts(found.ledger)["names without a letter or digit"] == 1
    assert counts(found.ledger)["applicants that are no organisation"] == 1


def test_an_organisation_in_two_spellings_on_a_patent_counts_once_with_share_1_over_k():
    found = resolve({"organisations": register(), "patent_applicants": applicants(*NAMES)},
                    "organisation")  # fmt: skip
    first = found.tables["patent_applicants"].filter(pl.col("pid") == "P1").sort("org_id")
    assert first.rows() == [("P1", "beta-univ", 3, 0.5), ("P1", "brelandoth-data", 1, 0.5)]
    assert counts(found.ledger)["one organisation in two spellings on a patent"] == 2
    shares = found.tables["patent_applicants"].group_by("pid").agg(pl.col("share").sum())
    assert shares["share"].to_list() == [1.0] * shares.height


def test_parents_become_ids_and_are_not_rolled_up():
    found = resolve({"organisations": register(), "patent_applicants": applicants(*NAMES)},
                    "organisation")  # fmt: skip
    parents = found.tables["organisations"].select("org_id", "parent_id").drop_nulls().rows()
    assert sorted(parents) == [("brelandoth-data", "kolhand-comm"), ("甲", "foreign-holding")]
    for name, table in found.tables.items():
        assert validate(table, name, "test").height == table.height


def test_result_does_not_depend_on_the_order_of_rows():
    tables = {"organisations": register(), "patent_applicants": applicants(*NAMES)}
    shuffled = {k: t.sample(fraction=1, shuffle=True, seed=7) for k, t in tables.items()}
    one, other = resolve(tables, "organisation"), resolve(shuffled, "organisation")
    assert one.matches.equals(other.matches)
    for name in ("organisations", "patent_applicants"):
        assert validate(one.tables[name], name, "").equals(validate(other.tables[name], name, ""))


def test_ids_of_a_register_stay_and_names_of_digits_match_exactly_only():
    known = pl.DataFrame(
        {"name": ["1001", "1002"], "org_id": ["1001", "1002"], "type": ["firm"] * 2}
    )
    parties = pl.DataFrame(
        {"aid": ["A", "A", "A"], "name": ["1001", "1002", "1003"], "role": [None] * 3,
         "amount": [1.0, None, 2.0]},
        schema_overrides={"role": pl.String},
    )  # fmt: skip
    found = resolve({"organisations": known, "alliance_parties": parties}, "organisation")
    assert found.matches.select("org_id", "method").rows() == [
        ("1001", "id"), ("1002", "id"), ("1003", "new"),
    ]  # fmt: skip


def test_numbers_that_differ_veto_a_near_spelling():
    known = pl.DataFrame({"name": ["Laboratoire Central Paris 6 Inc"], "type": ["firm"]})
    names = applicants((1, "Laboratoire Central Paris 5 Inc"), (2, "Laboratoire Centrale Paris 6"))
    found = resolve({"organisations": known, "patent_applicants": names}, "organisation")
    assert found.matches.select("name", "method").rows() == [
        ("Laboratoire Central Paris 5 Inc", "vetoed"),
        ("Laboratoire Centrale Paris 6", "fuzzy"),
    ]
    assert found.tables["organisations"].height == 2


def test_a_name_near_to_two_organisations_goes_to_none():
    known = pl.DataFrame({"name": ["Acme Ltd", "Acme Inc", "Gamma Co"], "type": ["firm"] * 3})
    names = applicants((1, "ACME"), (2, "Acme Ltd"), (3, "gamma"))
    found = resolve({"organisations": known, "patent_applicants": names}, "organisation")
    assert found.matches.select("name", "org_id", "method").rows() == [
        ("ACME", "acme", "ambiguous"),
        ("Acme Ltd", "acme-ltd", "name"),
        ("gamma", "gamma", "key"),
    ]
    assert found.tables["organisations"]["org_id"].to_list() == [
        "acme", "acme-inc", "acme-ltd", "gamma",
    ]  # fmt: skip


def persons_study():
    return {
        "organisations": pl.DataFrame({"name": ["ROE MARY"], "type": ["person"]}),
        "patent_applicants": applicants(
            (1, "ROE MARY"), (1, "ACME INC"), (2, "DOE JOHN A."), (3, "PARROT")
        ),
        "patent_inventors": pl.DataFrame(
            {
                "pid": ["P1", "P2", "P2", "P3"],
                "name": ["ROE MARY", "DOE JOHN A", "DOE; JOHN A.", "ÉVÊQUE, ANNE"],
                "seq": [1, 1, 2, 1],
            },
            schema_overrides={"seq": pl.Int32},
        ),
    }


def test_persons_are_no_organisations():
    found = resolve(persons_study(), "organisation")
    assert found.tables["organisations"]["org_id"].to_list() == ["acme", "parrot"]
    assert found.tables["patent_applicants"].select("pid", "org_id", "share").rows() == [
        ("P1", "acme", 1.0),
        ("P3", "parrot", 1.0),
    ]
    ledger = counts(found.ledger)
    assert ledger["applicants who are inventors"] == 1
    assert ledger["applicants who are inventors in another spelling"] == 1
    assert ledger["applicants that are no organisation"] == 2


def test_inventors_are_the_units_where_the_study_says_so():
    found = resolve(persons_study(), "inventor")
    assert found.tables["organisations"].select("org_id", "type").rows() == [
        ("doe-john-a", "person"),
        ("eveque-anne", "person"),
        ("roe-mary", "person"),
    ]
    assert found.tables["patent_inventors"].select("pid", "inv_id").rows() == [
        ("P1", "roe-mary"),
        ("P2", "doe-john-a"),
        ("P3", "eveque-anne"),
    ]
    assert counts(found.ledger)["inventor names merged"] == 1
    assert counts(found.ledger)["one inventor in two spellings on a patent"] == 1


def test_one_firm_in_two_spellings_with_different_accounts_is_a_problem():
    years = pl.DataFrame(
        {"name": ["Acme Inc", "ACME", "Beta", "BETA"], "year": [2001] * 4,
         "assets": [1.0, 2.0, 3.0, 3.0]},
        schema_overrides={"year": pl.Int32},
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        resolve({"firm_years": years}, "organisation")
    assert len(caught.value.problems) == 1
    assert "'ACME' and 'Acme Inc' are one organisation (acme)" in str(caught.value)
    merged = resolve({"firm_years": years.tail(2)}, "organisation")
    assert merged.tables["firm_years"].height == 1
    assert counts(merged.ledger)["firm-years repeated in two spellings"] == 1


def test_parties_that_are_one_organisation_are_merged():
    parties = pl.DataFrame(
        {"aid": ["A", "A", "B"], "name": ["Acme Inc", "ACME", "Beta"], "role": ["x", "y", None],
         "amount": [1.0, 2.0, None]},
    )  # fmt: skip
    found = resolve({"alliance_parties": parties}, "organisation")
    assert found.tables["alliance_parties"].select("aid", "org_id", "amount").rows() == [
        ("A", "acme", 3.0),
        ("B", "beta", None),
    ]
    assert counts(found.ledger)["alliances of one organisation"] == 2


def cut_study():
    orgs = ["f1", "f2", "f3", "f4", "u1", "u2"]
    pairs = [
        ("A", "f1"),
        ("A", "f2"),
        ("A", "u1"),
        ("B", "f2"),
        ("B", "u2"),
        ("C", "f3"),
        ("D", "u2"),
    ]
    deals = [("X", "f1"), ("X", "f4"), ("Y", "f4"), ("Y", "u1")]
    return {
        "organisations": pl.DataFrame({"org_id": orgs, "type": ["firm"] * 4 + ["university"] * 2}),
        "patents": pl.DataFrame({"pid": list("ABCD"), "year": [2000] * 4}),
        "patent_applicants": pl.DataFrame(
            {"pid": [p for p, _ in pairs], "org_id": [o for _, o in pairs]}
        ),
        "patent_inventors": pl.DataFrame({"pid": ["A", "C", "D"], "inv_id": ["i", "i", "j"]}),
        "citations": pl.DataFrame({"citing_pid": ["B", "D"], "cited_pid": ["A", "A"]}),
        "alliances": pl.DataFrame({"aid": ["X", "Y"], "start_date": [date(2000, 1, 1)] * 2}),
        "alliance_parties": pl.DataFrame(
            {"aid": [a for a, _ in deals], "org_id": [o for _, o in deals]}
        ),
        "firm_years": pl.DataFrame({"org_id": ["f1", "f3"], "year": [2000, 2000]}),
    }


def test_a_cut_keeps_the_most_active_units_and_reduces_every_record():
    # Records: f1 2 (A, X), f2 2 (A, B), f4 2 (X, Y), f3 1; of three equals the id decides. The
    # study has half as many others as firms: u1 or u2, which share one record each.
    smaller, steps = cut_units(cut_study(), "organisation", 2, ("firm",))
    assert smaller["organisations"]["org_id"].sort().to_list() == ["f1", "f2", "u1"]
    assert sorted(smaller["patent_applicants"].rows()) == [
        ("A", "f1"), ("A", "f2"), ("A", "u1"), ("B", "f2"),
    ]  # fmt: skip
    assert smaller["patents"]["pid"].to_list() == ["A", "B"]
    assert smaller["patent_inventors"]["pid"].to_list() == ["A"]
    assert smaller["citations"]["citing_pid"].to_list() == ["B"]
    assert sorted(smaller["alliance_parties"].rows()) == [("X", "f1"), ("Y", "u1")]
    assert smaller["firm_years"]["org_id"].to_list() == ["f1"]
    assert counts(steps)["organisations outside the cut"] == 3


def test_a_cut_of_inventors():
    tables = {
        "organisations": pl.DataFrame({"org_id": ["i", "j", "k"], "type": ["person"] * 3}),
        "patents": pl.DataFrame({"pid": ["A", "B"], "year": [2000] * 2}),
        "patent_inventors": pl.DataFrame(
            {"pid": ["A", "B", "A", "B"], "inv_id": ["i", "i", "j", "k"]}
        ),
    }
    smaller, _ = cut_units(tables, "inventor", 2, ("firm",))
    assert smaller["organisations"]["org_id"].to_list() == ["i", "j"]
    assert sorted(smaller["patent_inventors"].rows()) == [("A", "i"), ("A", "j"), ("B", "i")]


def test_every_name_in_the_demo_finds_the_register(root):
    entries = yaml.safe_load((root / "config" / "sources.yaml").read_text(encoding="utf-8"))
    tables = {}
    for name in ("demo_patents", "demo_alliances", "demo_organisations"):
        tables |= read_source(name, entries[name], root / "data" / "raw").tables
    found = resolve(tables, "organisation")
    settings = yaml.safe_load((root / "data/raw/demo/truth.yaml").read_text("utf-8"))["settings"]
    planted = settings["n_firms"] + settings["n_institutes"]
    assert found.tables["organisations"].height == tables["organisations"].height == planted
    methods = set(found.matches["method"])
    assert methods == {"name", "key", "slip"}
    assert counts(found.ledger)["applicants that are no organisation"] == 0


def test_columns_of_every_table_are_known():
    found = resolve(persons_study(), "inventor")
    for name, table in found.tables.items():
        assert set(table.columns) <= set(SCHEMAS[name].columns), name
