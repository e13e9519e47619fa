"""Names of one organisation: normalisation, evidence, decisions, groups; measured on labels."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.identity import Reader, TypeReader, match_names, resolve
from tertius.identity.clusters import Edge, cluster
from tertius.identity.evidence import MERGE_AT, Context, Evidence, Judge
from tertius.identity.groups import OWNERS, heads
from tertius.identity.match import Anchor
from tertius.problems import InputError
from tertius.registry.lexicon import Decision, Parent, load_lexicon

ROOT = Path(__file__).resolve().parents[2]
LABELS = ROOT / "tests" / "data" / "identity"
LEXICON = load_lexicon(ROOT / "config" / "identity")
READER = Reader(LEXICON)
JUDGE = Judge(LEXICON)


def groups(names, reader=READER, **options):
    """Groups of names, as a set of sets."""
    found = match_names(dict.fromkeys(names, 1), [], reader, **options).found
    together = {}
    for name, match in found.items():
        together.setdefault(match.group or name, set()).add(name)
    return {frozenset(group) for group in together.values()}


def score(one, other, **contexts):
    return JUDGE.compare(READER.parse(one), READER.parse(other), **contexts).score


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Falkenbrück GmbH", "FALKENBRUCK Gesellschaft mit beschränkter Haftung"),
        ("Norvessel AG", "Norvessel Aktiengesellschaft"),
        ("Lumelec S.A.", "Lumelec Société Anonyme"),
        ("Officine Berta S.p.A.", "Officine Berta Società per Azioni"),
        ("Electrovega S.L.", "Electrovega Sociedad Limitada"),
        ("Waterlinde B.V.", "Waterlinde Besloten Vennootschap"),
        ("Nordvik AB", "Nordvik Aktiebolag"),
        ("Fjordlys AS", "Fjordlys Aksjeselskap"),
        ("Koivu Oy", "Koivu Osakeyhtiö"),
        ("Sønder ApS", "SONDER Anpartsselskab"),
        ("Kitagawa K.K.", "Kabushiki Kaisha Kitagawa"),
        ("㈱北川製作所", "北川制作所株式会社"),
        ("(주)한별전자", "한별전자 주식회사"),
        ("华岳通信股份公司", "華岳通信有限責任公司"),
        ("华岳通信集团", "华岳通信有限公司"),
        ("国立大学法人北川大学", "北川大學"),
        ("北川大学计算机学院", "北川大学"),
        ("华岳电网有限公司东江分公司", "华岳电网有限公司"),
        ("北川市人民医院心内科", "北川市人民醫院"),
        ("University of Eastmarch, Department of Physics", "UNIV OF EASTMARCH"),
        ("ООО «Северная Звезда»", "OOO Severnaya Zvezda"),
        ("Elmetal Sp. z o.o.", "Elmetal spółka z ograniczoną odpowiedzialnością"),
        ("Institut d'Études", "INST ETUDES"),
        ("UNIVERSIT?T HOHENHEIM", "Universität Hohenheim"),
        ("National University Corporation Kitagawa University", "KITAGAWA UNIV"),
        ("Incorporated Administrative Agency Kitagawa Institute", "Kitagawa Inst"),
        ("Kitagawa Jukogyo KK", "Kitagawa Heavy Industries Ltd"),
        ("Az. Ospedaliera Montelago", "AZIENDA OSPEDALIERA MONTELAGO"),
    ],
)
def test_forms_scripts_and_departments_do_not_count(one, other):
    assert READER.key(one) == READER.key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Norvessel AG", "Norvessel S.p.A."),
        ("Norvessel AG", "Norvessel Ltd"),
        ("Norvessel SAS", "Norvessel GmbH"),
        ("Nordvik AB", "Nordvik AS"),
        ("Calderforth Ltd", "Calderforth Inc"),
        ("Univ Paris 1", "Univ Paris 6"),
        ("Univ Paris", "Univ Paris 6"),
        ("Univ Marie Valbrune Lyon 1", "Univ Marie Valbrune Lyon 2"),
        ("Univ Valbrune Lyon 1", "Univ Valbrune"),
        ("Sanyo Denki Co Ltd", "Sanyo Electric Co Ltd"),
        ("Univ Northmere of Science", "Univ Northmere"),
        ("Bureau Northmere II", "Bureau Northmere III"),
        ("北川大学附属医院", "北川大学"),
        ("华岳通信有限公司", "华越通信有限公司"),
        ("Northmere University", "Northmere State University"),
        ("Calderforth Wireless Inc", "Calderforth Inc"),
        ("Nippon Electric Co", "Nippon Electronic Co"),
    ],
)
def test_near_names_of_different_organisations_stay_apart(one, other):
    assert len(groups([one, other])) == 2


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Norvessel AG", "Norvessel", 99.0),
        ("Ford Global Tech LLC", "Ford Global Technologies Inc", 99.0),
        ("Univ Northmere", "University of Northmere", 99.0),
        ("Calderforth Systems", "Claderforth Systems", 97.0),
        ("Searete LLC", "Searette LLC", 94.0),
        ("Bowling Green State Univ", "Bowling Breen State Univ", 95.0),
        ("Parallel Wireless", "Parellel Wireless", 82.0),
        ("Müller Optik", "Mueller Optik", 99.0),
        ("Sharp Lab of America (SLA) Inc", "Sharp Laboratories of America Inc", 98.0),
        ("Gen Atomics Aeronautical Syste", "General Atomics Aeronautical Systems", 100.0),
        ("JAPAN AEROSPACE EXPLORATION", "Japan Aerospace Exploration Agency", 92.0),
        ("Univ Marie Valbrune", "Université Marie Valbrune (Lyon 1)", 97.0),
        ("Univ Lyon I", "Univ Marie Valbrune Lyon 1", 0.0),
        ("Univ Lyon 4", "Univ Marie Valbrune Lyon IV", 97.0),
        ("Univ Marie Valbrune UMV", "Université Marie Valbrune Lyon 4", 97.0),
        ("Univ Lyon UEL", "Université de l'Est Lyon", 94.0),
        ("University of Northmere UNQ", "Univ of Northmere Quillhaven Falls", 94.0),
        ("Northmere Surveillance", "Northmere Survelliance", 97.0),
        ("Inst of Northmere Optics", "National Inst of Northmere Optics", 95.0),
        (
            "Inst of Advanced Optics & Technology Northmere",
            "Inst of Advanced Optics, Science and Technology Northmere",
            92.0,
        ),
        ("Northmere Consultoria Com Valb", "Northmere Consultoria Comercial Valbrune", 92.0),
        (
            "Ministry of Northmere Agricultural Valbrune Organizat",
            "Ministry of Northmere Agricultural Valbrune Organization (ARO)",
            92.0,
        ),
        (
            "Ministry of Northmere Agricultural Valbrune",
            "Ministry of Northmere Agricultural Valbrune Organization (ARO)",
            0.0,
        ),
        ("Quillhaven", "Northmere", 0.0),
    ],
)
def test_each_difference_has_its_cost(one, other, expected):
    assert score(one, other) == pytest.approx(expected)
    assert score(other, one) == score(one, other)


def test_a_university_goes_by_its_name_and_by_its_number():
    names = [
        "Univ Marie Valbrune",
        "Univ Marie Valbrune Lyon 4",
        "Univ Lyon 4 Valbrune",
        "Univ Lyon 3",
    ]
    assert groups(names) == {frozenset(names[:3]), frozenset(names[3:])}


def test_an_alias_is_known_whatever_its_spaces():
    spaced = "Commissariat a l'energie atomique et aux energies al ternatives"
    assert len(groups([spaced, "COMMISSARIAT ENERGIE ATOMIQUE"])) == 1


def test_records_support_a_doubtful_pair_and_countries_speak_against_one():
    doubtful = ("Sumsung Electronics", "Samsung Electronics")
    both = Context(inventors=frozenset({"kim a", "lee b"}))
    assert score(*doubtful) < MERGE_AT <= score(*doubtful, at=both, beside=both)
    one, other = Context(country="DE"), Context(country="US")
    assert score("Norvessel", "Norvessel", at=one, beside=other) == 80.0
    city = Context(country="KR", city="seoul", classes=frozenset({"G06F"}))
    assert score(*doubtful, at=city, beside=city) == pytest.approx(94.0)


def test_a_name_as_near_to_two_that_exclude_each_other_goes_to_neither():
    names = dict.fromkeys(["Siemens", "Siemens AG", "Siemens S.p.A."], 1)
    made = match_names(names, [], READER)
    assert made.found["Siemens"].method == "ambiguous"
    assert made.found["Siemens"].why == "as near to: Siemens AG, Siemens S.p.A."
    assert len({match.group for match in made.found.values()}) == 3
    assert made.review.filter(outcome="kept apart: ambiguous").height == 2


def test_a_group_at_its_limit_is_stopped_and_shown():
    names = ["Calderforth Optics One", "Calder Forth Optics One", "Calderforth OpticsOne"]
    assert len(groups(names)) == 1
    made = match_names(dict.fromkeys(names, 1), [], READER, largest=2)
    assert len({match.group for match in made.found.values()}) > 1
    assert "kept apart: the group is too large" in made.review["outcome"].to_list()


def test_no_chain_joins_names_without_evidence_between_them():
    none, near = Evidence(0.0, ("different words",)), Evidence(95.0, ("slip",))
    links = {(0, 1), (1, 2), (2, 3)}

    def compare(a, b):
        return near if (min(a, b), max(a, b)) in links else none

    made = cluster(
        4, [Edge(a, b, near) for a, b in sorted(links)], [(i,) for i in range(4)], [None] * 4,
        compare,
    )  # fmt: skip
    # 0-1 and 2-3 are one each; between 0 and 3 lies no evidence, and no name is near to both.
    assert made.root[0] == made.root[1] == made.root[2]
    assert made.root[3] != made.root[0]
    assert [reason for _, reason in made.refused] == [
        "no evidence between other names of the groups"
    ]


def test_two_registered_organisations_are_never_merged_by_letters():
    anchors = [Anchor("1", "Calderforth Systems Ltd", True), Anchor("2", "Calderforth Sys", True)]
    made = match_names({"CALDERFORTH SYSTEMS PLC": 1}, anchors, READER)
    assert made.found["CALDERFORTH SYSTEMS PLC"].method == "ambiguous"
    assert made.merged_anchors == {}


def decided(*rows):
    return Reader(
        replace(LEXICON, decisions=tuple(Decision(*sorted(p), s, "because") for *p, s in rows))
    )


WORDS = [
    "Calderforth",
    "calderforth",
    "Claderforth",
    "Northmere",
    "Univ",
    "Siemens",
    "北川",
    "華岳",
]
FORMS = ["", "AG", "GmbH", "Ltd", "Inc.", "S.p.A.", "有限公司", "大学"]
NAMES = st.lists(
    st.builds(lambda a, b, f: f"{a} {b} {f}".strip(), *map(st.sampled_from, (WORDS, WORDS, FORMS))),
    min_size=2,
    max_size=14,
    unique=True,
)


@settings(max_examples=25, deadline=None)
@given(NAMES, st.randoms(use_true_random=False))
def test_order_and_repetition_never_change_the_groups(names, rng):
    shuffled = [*names, *names]
    rng.shuffle(shuffled)
    assert groups(shuffled) == groups(names)
    many = match_names({name: rng.randint(1, 9) for name in names}, [], READER).found
    assert {frozenset(n for n in names if many[n].group == many[m].group) for m in names} == groups(
        names
    )


@settings(max_examples=25, deadline=None)
@given(NAMES)
def test_case_never_changes_the_groups(names):
    lower = {name: name.lower() for name in names}
    as_written = {frozenset(lower[n] for n in group) for group in groups(names)}
    assert groups(lower.values()) == as_written


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=25))
def test_normalisation_is_idempotent(name):
    key = READER.key(name)
    assert READER.key(key) == key
    assert READER.text(READER.text(name)) == READER.text(name)


@settings(max_examples=25, deadline=None)
@given(NAMES, st.booleans())
def test_a_decision_always_wins(names, same):
    reader = decided((names[0], names[1], same))
    found = match_names(dict.fromkeys(names, 1), [], reader).found
    assert (found[names[0]].group == found[names[1]].group) == same


def test_a_decision_wins_over_the_register():
    anchors = [Anchor("1", "Alpha Ltd", True), Anchor("2", "Beta GmbH", True)]
    names = {"Alpha Ltd": 1, "Beta GmbH": 1, "ALPHA LTD.": 1, "Gamma": 1}
    reader = decided(("Alpha Ltd", "Beta GmbH", True), ("Gamma", "Beta GmbH", True))
    made = match_names(names, anchors, reader)
    assert {match.org_id for match in made.found.values()} == {"1"}
    assert made.merged_anchors == {"2": "1"}
    apart = match_names(names, anchors, decided(("ALPHA LTD.", "Alpha Ltd", False)))
    assert apart.found["ALPHA LTD."].org_id is None


def test_decisions_that_contradict_each_other_are_told():
    reader = decided(
        ("A One", "B Two", True), ("B Two", "C Three", True), ("A One", "C Three", False)
    )
    with pytest.raises(InputError, match="decided to differ and to be the same"):
        match_names(dict.fromkeys(["A One", "B Two", "C Three"], 1), [], reader)


def owners(*rows):
    return pl.DataFrame(rows, schema=OWNERS, orient="row")


def test_roll_ups_follow_the_owners_of_the_year():
    links = owners(
        ("a", "b", 2005, 2009, 0.6, True),
        ("b", "c", 2007, None, 0.3, True),
        ("d", "c", None, None, 0.5, False),
        ("e", "c", None, None, None, True),
    )
    years = [2004, 2006, 2008, 2010]
    assert heads(links, years, "none").height == 0
    majority = {(o, y): h for o, y, h in heads(links, years, "majority").rows()}
    assert majority[("a", 2006)] == majority[("a", 2008)] == "b"
    assert ("a", 2004) not in majority
    assert ("a", 2010) not in majority
    assert ("b", 2008) not in majority
    assert majority[("d", 2004)] == majority[("e", 2010)] == "c"
    controlling = {(o, y): h for o, y, h in heads(links, years, "controlling").rows()}
    assert controlling[("a", 2006)] == "b"
    assert controlling[("a", 2008)] == "c"
    assert controlling[("b", 2010)] == controlling[("d", 2010)] == "c"


def test_organisations_that_own_each_other_are_a_problem():
    links = owners(("a", "b", None, None, 0.6, True), ("b", "a", 2000, None, 0.6, True))
    assert heads(links, [1999], "majority").rows() == [("a", 1999, "b")]
    with pytest.raises(InputError, match="a owns itself through others in 2001"):
        heads(links, [2001], "majority")


def merger_study():
    return {
        "organisations": pl.DataFrame(
            {"name": ["Alpha Ltd", "Beta Ltd", "Gamma Ltd"], "type": ["firm"] * 3,
             "parent": ["Beta Ltd", None, None], "parent_from": [2005, None, None]},
            schema_overrides={"parent_from": pl.Int32},
        ),
        "patents": pl.DataFrame(
            {"pid": ["P4", "P5"], "year": [2004, 2005]}, schema_overrides={"year": pl.Int32}
        ),
        "patent_applicants": pl.DataFrame(
            {"pid": ["P4", "P4", "P5", "P5", "P5"], "seq": [1, 2, 1, 2, 3],
             "name": ["Alpha Ltd", "Beta Ltd", "ALPHA LTD.", "Beta Ltd", "Gamma Ltd"]},
            schema_overrides={"seq": pl.Int32},
        ),
        "firm_years": pl.DataFrame(
            {"name": ["Alpha Ltd", "Alpha Ltd", "Beta Ltd"], "year": [2004, 2005, 2005],
             "assets": [1.0, 2.0, 3.0]},
            schema_overrides={"year": pl.Int32},
        ),
    }  # fmt: skip


def held(tables):
    return sorted(tables["patent_applicants"].select("pid", "org_id", "share").rows())


def test_a_merger_after_a_year_does_not_join_two_firms_in_that_year():
    alone = resolve(merger_study(), "organisation", READER).tables
    assert len(held(alone)) == 5
    rolled = resolve(merger_study(), "organisation", READER, "controlling").tables
    assert held(rolled) == [
        ("P4", "alpha", 0.5), ("P4", "beta", 0.5), ("P5", "beta", 0.5), ("P5", "gamma", 0.5),
    ]  # fmt: skip
    accounts = rolled["firm_years"].select("org_id", "year", "assets").rows()
    assert sorted(accounts) == [("alpha", 2004, 1.0), ("beta", 2005, 3.0)]
    later = merger_study()
    later["organisations"] = later["organisations"].with_columns(
        pl.Series("parent_from", [2006, None, None], dtype=pl.Int32)
    )
    assert held(resolve(later, "organisation", READER, "controlling").tables) == held(alone)


def test_listed_parents_count_by_share_and_control_from_their_year():
    rows = (
        Parent("Alpha Ltd", "Zeta AG", 2005, None, 0.6, False),
        Parent("Beta Ltd", "Zeta AG", None, None, 0.2, True),
        Parent("Unknown Ltd", "Alpha Ltd", None, None, 1.0, True),
    )
    reader = Reader(replace(LEXICON, parents=rows))
    study = merger_study()
    study["organisations"] = study["organisations"].drop("parent", "parent_from")

    def found(rule):
        return [row[:2] for row in held(resolve(study, "organisation", reader, rule).tables)]

    alone = [("P4", "alpha"), ("P4", "beta"), ("P5", "alpha"), ("P5", "beta"), ("P5", "gamma")]
    assert found("none") == alone
    assert found("majority") == [
        ("P4", "alpha"), ("P4", "beta"), ("P5", "beta"), ("P5", "gamma"), ("P5", "zeta"),
    ]  # fmt: skip
    assert found("controlling") == [
        ("P4", "alpha"), ("P4", "zeta"), ("P5", "gamma"), ("P5", "zeta"),
    ]  # fmt: skip


def wilson_low(hits, n, z=1.96):
    p = hits / n
    return (p + z * z / (2 * n) - z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5) / (
        1 + z * z / n
    )


def test_precision_and_recall_on_the_held_half_of_the_labels():
    pairs = pl.read_csv(LABELS / "pairs.csv")
    assert pairs.height == 2000
    assert pairs["hard"].sum() >= 1000
    names = dict.fromkeys([*pairs["name_a"], *pairs["name_b"]], 1)
    found = match_names(names, [], READER).found
    hits = merged = same = 0
    for row in pairs.filter(half="held").iter_rows(named=True):
        put = found[row["name_a"]].group == found[row["name_b"]].group
        truth = row["label"] == "same"
        hits, merged, same = hits + (put and truth), merged + put, same + truth
    assert hits / merged >= 0.98
    assert wilson_low(hits, merged) >= 0.98
    assert hits / same >= 0.90
    assert wilson_low(hits, same) >= 0.90


def test_types_on_the_held_half_of_the_labels():
    types = pl.read_csv(LABELS / "types.csv").filter(half="held")
    reader = TypeReader(READER)
    right = sum(reader.type_of(name) == kind for name, kind in types.select("name", "type").rows())
    assert right / types.height >= 0.97


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("HADI ROD G.", "person"),
        ("GODER Thierry", "person"),
        ("MORRIS; JOSEPH J.", "person"),
        ("王伟", "person"),
        ("Kansas State University Research Foundation", "intermediary"),
        ("江陵科技企业孵化器有限公司", "intermediary"),
        ("东江商业银行股份有限公司", "finance"),
        ("Bank of Northmere plc", "finance"),
        ("Ministère de l'Équipement", "government"),
        ("Universitätsklinikum Rotenmünde", "hospital"),
        ("国屏电力科学研究院有限公司", "institute"),
        ("Rockwell Automation Inc", "firm"),
    ],
)
def test_types(name, kind):
    assert TypeReader(READER).type_of(name) == kind


def test_what_the_source_says_of_a_type_wins():
    reader = TypeReader(READER)
    assert reader.type_of("Northmere University", told="firm") == "firm"
    assert reader.type_of("Quarrel Vesper", is_inventor=True) == "person"
    assert reader.type_of("Quarrel Vesper Ltd", is_inventor=True) == "firm"
