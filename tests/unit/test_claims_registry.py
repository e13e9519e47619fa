"""The claim files: complete, unchanged, strict, and checked against the codebook."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tertius.claims import (
    check_claims,
    claim_families,
    claims_without_spec,
    load_checked_claims,
    load_claims,
    one_sided_rivals,
    rivals_apart,
)
from tertius.claims.families import family_members
from tertius.problems import InputError
from tertius.registry import read_yaml
from tertius.terms import parse_term, split_lag

NAMES = ("zhang2025", "shao2023")
STATEMENTS = "c97bfe8c5225fb701c5e79584910a8245ab52bc1884e2089a814263af0619564"
PARTICULARS = "34ad3aca6ef05ad7c6636e45b83726040a8d729c64285ee2bf488f2d308b9e89"
SHAPES = {
    "positive": 28, "mediation": 26, "interaction_positive": 24, "stage_difference": 9,
    "coefficient_comparison": 8, "negative": 7, "moderated_inverted_u": 7, "did": 7, "hazard": 6,
    "serial_mediation": 6, "group_difference": 6, "matched_pattern": 6, "complementarity": 4,
    "inverted_u": 4, "threshold": 3, "other": 3, "simulation": 2, "ddd": 2, "choice": 2,
    "superadditivity": 1, "descriptive": 1, "trajectory": 1, "interaction_negative": 1,
}  # fmt: skip
TESTABILITY = {"archival": 111, "proxy": 38, "survey": 7, "extra_table": 6, "conceptual": 2}
REQUIRED_SPECS = {"A04", "A11", "A19", "A22", "A25", "A31", "B11", "B13", "B17", "B44", "B46"}


def paths(folder: Path) -> list[Path]:
    return [folder / f"{name}.yaml" for name in NAMES]


@pytest.fixture(scope="module")
def schema(root: Path) -> Path:
    return root / "workflow" / "schemas" / "claims.yaml"


@pytest.fixture(scope="module")
def codebook(root: Path) -> dict[str, Any]:
    return read_yaml(root / "config" / "variables.yaml")


@pytest.fixture(scope="module")
def registry(root: Path, schema: Path):
    return load_claims(paths(root / "config" / "claims"), schema)


@pytest.fixture(scope="module")
def raw(root: Path) -> dict[str, dict[str, Any]]:
    return {name: read_yaml(root / "config" / "claims" / f"{name}.yaml") for name in NAMES}


@pytest.fixture
def files(raw: dict[str, dict[str, Any]], tmp_path: Path):
    """Editable copies of both files, and a function that writes them."""
    contents = copy.deepcopy(raw)

    def write() -> list[Path]:
        for name, content in contents.items():
            # JSON is YAML, and quicker to write
            text = json.dumps(content, ensure_ascii=False, indent=1)
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return paths(tmp_path)

    return contents, write


def told(error: InputError) -> str:
    return "\n".join(str(problem) for problem in error.problems)


def test_every_claim_of_both_papers_stands_in_its_file(registry) -> None:
    expected = [f"A{n:02d}" for n in range(1, 72)] + [f"B{n:02d}" for n in range(1, 94)]
    assert [claim.id for claim in registry.claims] == expected
    assert {c.paper for c in registry.claims if c.id[0] == "A"} == {"zhang2025"}
    assert {c.paper for c in registry.claims if c.id[0] == "B"} == {"shao2023"}


def test_statements_are_unchanged(registry) -> None:
    text = "".join(f"{c.id}\t{c.statement['en']}\t{c.statement['zh']}\n" for c in registry.claims)
    assert hashlib.sha256(text.encode()).hexdigest() == STATEMENTS


def test_particulars_are_unchanged(registry) -> None:
    lines = [
        [c.id, ",".join(c.sections), c.shape, ";".join(c.rivals), c.test_family, c.mechanism,
         c.testability, c.constructs, c.shape_detail, c.canonical_test, c.note]
        for c in registry.claims
    ]  # fmt: skip
    text = "".join("\t".join(line) + "\n" for line in lines)
    assert hashlib.sha256(text.encode()).hexdigest() == PARTICULARS


def test_shapes_and_testability_are_counted(registry) -> None:
    assert Counter(c.shape for c in registry.claims) == SHAPES
    assert Counter(c.testability for c in registry.claims) == TESTABILITY


def test_no_statement_stands_in_quotation_marks(registry) -> None:
    quoted = re.compile(r'^[“"「『].*[”"」』]$')
    texts = [text for c in registry.claims for text in c.statement.values()]
    assert len(texts) == 2 * 164
    assert not [text for text in texts if quoted.match(text)]


def test_flags(registry) -> None:
    assert {c.id for c in registry.claims if c.one_case} == {f"B{n}" for n in range(33, 44)}
    assert {"A05", "A12", "A15", "B16", "B38", "B33", "B36"} <= {
        c.id for c in registry.claims if c.mechanical
    }
    prescribed = {c.id for c in registry.claims if c.prescription}
    assert {key for key in prescribed if key[0] == "A"} == {"A23", "A32", "A38", "A46"}
    assert {c.id for c in registry.claims if c.exploratory} == {"B72", "B74"}
    inferred = {c.id for c in registry.claims if c.inferred}
    assert {"A01", "B13", "B14", "B32", "B44", "B45", "B78"} <= inferred
    assert not inferred & {"A04", "A11", "B11", "B46"}


def test_at_least_the_required_claims_have_a_specification(registry) -> None:
    without = set(claims_without_spec(registry))
    assert not REQUIRED_SPECS & without
    assert 164 - len(without) >= 25


def test_registry_is_sound_against_the_codebook(root: Path, schema: Path, codebook) -> None:
    files = paths(root / "config" / "claims")
    loaded = load_checked_claims(files, schema, codebook, {}, {"controls": ["ln_assets"]})
    assert check_claims(loaded, codebook) == []
    tests = [test for claim in loaded.claims for test in claim.tests.values()]
    assert {model for test in tests for model in test.all_models} == set(loaded.models)


def test_rivals_name_each_other_and_share_a_model(registry) -> None:
    assert one_sided_rivals(registry) == ()
    for one, other in (("A22", "B17"), ("A04", "A22"), ("A11", "B20"), ("B27", "B28")):
        assert other in registry[one].rivals
        assert (one, other) not in rivals_apart(registry)
    assert registry["A22"].test.model == registry["B17"].test.model
    assert registry["A11"].test.model == registry["B20"].test.model


def test_diversity_models_hold_the_number_of_partners(registry) -> None:
    indices = {"pdiv", "pdiv_type", "pdiv_ind", "tdiv", "khet"}
    sizes = {"log1p(psize)", "log1p(deg)", "log1p(psize_l1)"}
    bare = [
        name
        for name, model in registry.models.items()
        if indices & set(model.get("terms", ())) and not sizes & set(model["terms"])
    ]
    assert bare == []


def test_no_model_holds_one_construct_twice(registry) -> None:
    for model in registry.models.values():
        terms = model.get("terms", ())
        named = {code for term in terms for code in re.findall(r"[a-z_0-9]+", term)}
        assert not {"es", "sh"} <= named
        assert not {"es", "deg"} <= named


def test_section_of_the_family_is_never_the_abstract(registry) -> None:
    assert registry["A04"].sections == ("Abs", "§2", "§2.1", "§5")
    assert registry["A04"].section == "§2"
    assert registry["B02"].section == "一"
    assert not {c.section for c in registry.claims} & {"Abs", "摘要"}


def test_families_are_sections_times_outcome_classes(registry) -> None:
    families = claim_families(registry)
    assert set(families) == {c.id for c in registry.claims if c.test}
    assert families["A04"] == families["A19"] == families["A69"] == "zhang2025 §2 x patents"
    assert families["A17"] == families["A50"]
    assert families["A13"] == families["A14"]
    assert families["A07"] == "zhang2025 §2.1 x breakthrough"
    assert families["B17"] == families["B20"] == "shao2023 三(一) x patents"


def test_claims_of_one_test_family_are_in_one_family(registry) -> None:
    families = claim_families(registry)
    # B07 and B25 + B66 hang together through B25, though their sections differ
    assert families["B07"] == families["B25"] == families["B66"] == "shao2023 二(二) x patents"
    assert families["B27"] == "shao2023 三(二)1 x patents"
    assert families["B44"] == families["B45"] == families["B53"]
    assert len({families[f"B{n}"] for n in range(58, 63)}) == 1
    assert families["B64"] == families["B65"] == families["B79"]


def test_family_members_of_lists_and_ranges() -> None:
    assert family_members("B44+B45+B53") == ("B44", "B45", "B53")
    assert family_members("B58-B62") == ("B58", "B59", "B60", "B61", "B62")
    assert family_members("") == ()


def test_variants_inherit_from_the_test(registry) -> None:
    a22 = registry["A22"]
    assert a22.test.shape == "diminishing"
    assert a22.variants["negative_slope"].shape == "inverted_u"
    assert a22.variants["negative_slope"].needed_terms == ("psize", "psize^2")
    assert a22.variants["two_lines"].model == "portfolio_size"
    over = registry["A29"].variants["over_search"]
    assert (over.shape, over.variable, over.terms) == ("inverted_u", "sdepth", ())
    assert registry["A04"].variants["t2"].terms == ("log1p(deg)",)
    assert registry["B46"].variants["degree"].moderator == "log1p(deg)"


def test_all_problems_of_all_files_at_once(files, schema, codebook) -> None:
    contents, write = files
    a, b = (contents[name]["claims"] for name in NAMES)
    a["A04"]["statment"] = {"en": "x", "zh": "y"}
    a["A05"]["shape"] = "positve"
    del a["A06"]["mechanism"]
    a["A11"]["test"]["model"] = "brokerage_clossure"
    a["A19"]["rivals"] = ["A99"]
    contents["zhang2025"]["models"]["search"]["terms"][2] = "sbreath"
    b["B11"]["test"]["varable"] = "pdiv"
    b["B20"]["test"]["term"] = "edens^2"
    b["B44"]["test"]["variable"] = "khet"
    contents["shao2023"]["models"]["diversity_holes"]["terms"].remove("sh:tdiv")
    contents["shao2023"]["models"]["learning"]["leed"] = 1
    contents["shao2023"]["sources"] = []
    with pytest.raises(InputError) as caught:
        load_checked_claims(write(), schema, codebook)
    text = told(caught.value)
    for expected in (
        "zhang2025.yaml: claims.A04.statment: unknown key 'statment' -> did you mean 'statement'",
        "zhang2025.yaml: claims.A05.shape: 'positve' is not allowed -> did you mean 'positive'",
        "zhang2025.yaml: claims.A06: key 'mechanism' is missing",
        "claims.A11.test.model: no model 'brokerage_clossure' -> did you mean 'brokerage_closure'",
        "claims.A19.rivals: no claim 'A99'",
        "models.search.terms: variable 'sbreath' is not in the codebook -> did you mean 'sbreadth'",
        "shao2023.yaml: claims.B11.test.varable: unknown key 'varable' -> did you mean 'variable'",
        "claims.B20.test.term: 'edens^2' is no plain variable",
        "claims.B44.test: model 'technology_diversity' holds no 'khet'",
        "models.diversity_holes.terms: 'sh:tdiv^2' lacks its lower orders -> add sh:tdiv",
        "models.learning.leed: unknown key -> did you mean 'lead'",
        "shao2023.yaml: sources: unknown key 'sources'",
    ):
        assert expected in text, text
    assert all("yaml" in problem.where for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("claim", "test", "said"),
    [
        ("A04", {"shape": "positive", "model": "position"}, "test.term: a test of shape"),
        ("A04", {"model": "position", "term": "sh"}, "test.shape: key 'shape' is missing"),
        ("A04", {"shape": "interaction", "model": "position", "term": "sh"}, "no product of two"),
        (
            "A04",
            {"shape": "positive", "model": "position", "term": "ln(deg)"},
            "unknown transform 'ln'",
        ),
        ("A04", {"shape": "positive", "model": "position", "term": "deg"}, "holds no 'deg'"),
        (
            "A04",
            {"shape": "positive", "model": "position", "term": "sh", "variable": "sh"},
            "takes no 'variable'",
        ),
        ("B11", {"shape": "inverted_u", "model": "position", "variable": "sh"}, "holds no 'sh^2'"),
        (
            "B46",
            {"shape": "moderated_inverted_u", "model": "diversity_holes", "variable": "tdiv"},
            "test.moderator: a test of shape",
        ),
        (
            "A04",
            {"shape": "inverted_u", "model": "portfolio_size", "variable": "psize"},
            "a claim of shape 'positive' cannot be judged by a test 'inverted_u' -> use positive",
        ),
        (
            "A38",
            {"shape": "positive", "model": "position", "term": "sh"},
            "a claim of shape 'group_difference' cannot be judged by a test 'positive' -> use",
        ),
    ],
)
def test_tests_must_fit_their_shape_and_model(files, schema, codebook, claim, test, said) -> None:
    contents, write = files
    name = "zhang2025" if claim[0] == "A" else "shao2023"
    entry = contents[name]["claims"][claim]
    entry["test"] = test
    entry.pop("variants", None)
    with pytest.raises(InputError) as caught:
        load_checked_claims(write(), schema, codebook)
    assert said in told(caught.value)
    assert f"claims.{claim}.test" in told(caught.value)


def test_a_claim_or_model_in_two_files_is_told(files, schema) -> None:
    contents, write = files
    contents["zhang2025"]["claims"]["B11"] = contents["shao2023"]["claims"]["B11"]
    contents["zhang2025"]["models"]["balance"] = contents["shao2023"]["models"]["balance"]
    contents["zhang2025"]["outcome_classes"]["patents"].append("brk5")
    with pytest.raises(InputError) as caught:
        load_claims(write(), schema)
    text = told(caught.value)
    assert "claims.B11: claim 'B11' stands in" in text
    assert "models.balance: model 'balance' stands in" in text
    assert "outcome 'brk5' is in class" in text


def test_an_outcome_without_a_class_is_told(files, schema, codebook) -> None:
    contents, write = files
    contents["zhang2025"]["outcome_classes"].pop("search")
    with pytest.raises(InputError) as caught:
        load_checked_claims(write(), schema, codebook)
    assert "claims.A25.test: outcome 'sbreadth' of model 'breadth_position' is in no class" in told(
        caught.value
    )


def test_a_claim_is_added_with_one_entry(files, schema, codebook) -> None:
    contents, write = files
    contents["zhang2025"]["claims"]["A72"] = {
        "sections": ["§2"],
        "statement": {"en": "Closeness raises innovation.", "zh": "接近中心度促进创新。"},
        "shape": "positive",
        "shape_detail": "+",
        "constructs": "clo -> pat",
        "mechanism": "centrality_resource_aggregation",
        "testability": "archival",
        "canonical_test": "FE-Poisson",
        "test": {"shape": "positive", "model": "position_clo", "term": "clo"},
    }
    loaded = load_checked_claims(write(), schema, codebook)
    assert len(loaded.claims) == 165
    assert claim_families(loaded)["A72"] == "zhang2025 §2 x patents"


def test_every_claim_of_the_first_paper_has_a_specification(registry) -> None:
    assert not [key for key in claims_without_spec(registry) if key[0] == "A"]
    for key in ("A34", "A53"):
        assert registry.models[registry[key].test.model]["estimator"] == "agent_matching"


def test_mechanical_claims_say_what_they_are_held_against(registry) -> None:
    for key in ("A05", "A12", "A15"):
        test = registry[key].test
        assert registry[key].mechanical
        assert any(leg.placebo for leg in (test, *test.legs)), key
    plain = [c for c in registry.claims if c.test and c.test.placebo]
    assert all(claim.mechanical for claim in plain)


def test_both_mappings_of_embedding_are_judged(registry) -> None:
    a21 = registry["A21"]
    assert {leg.variable for leg in a21.test.legs} == {"log1p(deg_l1)", "sh_l1"}
    conventional = a21.variants["conventional_mapping"]
    assert {leg.variable for leg in conventional.legs} == {"log1p(deg_l1)", "log1p(tstr_l1)"}


def test_mediators_lie_between_cause_and_outcome(registry) -> None:
    """x of an earlier year than m, m of an earlier year than the outcome."""
    tests = [t for c in registry.claims if c.id[0] == "A" for t in c.tests.values()]
    legs = [leg for test in tests for leg in (test, *test.legs)]
    chains = [leg for leg in legs if leg.shape in ("mediation", "serial_mediation")]
    assert len(chains) > 20
    for leg in chains:
        lags = [split_lag(parse_term(name).variables[0])[1] for name in (leg.variable, *leg.terms)]
        assert lags == sorted(lags, reverse=True), leg
        assert lags[0] > lags[1], leg
        assert registry.models[leg.model]["lead"] == 1


def test_the_entry_of_the_page_is_all_that_a_new_claim_needs(
    root: Path, files, schema, codebook
) -> None:
    text = (root / "docs" / "claims.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    entry = yaml.safe_load(block)
    contents, write = files
    for section, added in entry.items():
        contents["zhang2025"][section] |= added
    loaded = load_checked_claims(write(), schema, codebook)
    assert len(loaded.claims) == 165
    assert loaded["A72"].test.model == "closeness"
    assert loaded["A72"].variants["degree"].terms == ("log1p(deg)",)
    assert claim_families(loaded)["A72"] == "zhang2025 §2 x patents"


def test_unknown_id_raises(registry) -> None:
    with pytest.raises(KeyError):
        registry["A99"]
