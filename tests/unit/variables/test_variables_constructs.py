"""Every construct that a claim names is a variable of the codebook."""

from __future__ import annotations

import pytest
import yaml

from tertius.variables.constructs import read_all, read_constructs


@pytest.fixture(scope="module")
def files(root):
    names = ("variables", "constructs", "claims/zhang2025", "claims/shao2023")
    return {
        name: yaml.safe_load((root / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in names
    }


@pytest.fixture(scope="module")
def claims(files):
    return {
        claim: entry["constructs"]
        for name in ("claims/zhang2025", "claims/shao2023")
        for claim, entry in files[name]["claims"].items()
    }


def test_every_word_of_every_claim_is_a_variable_or_no_construct(files, claims):
    found = read_all(claims, files["variables"], files["constructs"])
    assert len(found) == 164
    assert {claim: c.unknown for claim, c in found.items() if c.unknown} == {}
    assert [claim for claim, c in found.items() if not c.codes] == []


def test_every_phrase_and_scale_names_variables_and_is_used(files, claims):
    registry, codebook = files["constructs"], files["variables"]
    named = {code for codes in registry["phrases"].values() for code in codes}
    assert named | set(registry["survey"].values()) <= set(codebook)
    unused = [p for p in registry["phrases"] if not any(p in text for text in claims.values())]
    assert unused == []
    assert not set(map(str, registry["words"])) & set(codebook) - {"share", "growth", "stage"}


def test_search_outside_and_inside_the_portfolio_are_two_variables(files, claims):
    found = read_all(claims, files["variables"], files["constructs"])
    assert "sint" in found["B13"].codes
    assert "sint" in found["B76"].codes
    assert "sint_in" in found["B48"].codes
    assert "sint" not in found["B48"].codes


def test_proxies_say_so(files):
    marks = {code: entry["mark"] for code, entry in files["variables"].items()}
    for code in ("local_embed", "sbreadth_know", "sbreadth_geo", "net_eff", "prune", "kshare"):
        assert marks[code] == "P", code
    for code, entry in files["variables"].items():
        said = " ".join((entry["source"], entry["formula"])).lower()
        if "our proxy" in said or "our rule" in said:
            assert marks[code] == "P", code


def test_an_unknown_word_is_told():
    book = {"deg": {}, "pat": {}}
    read = read_constructs("deg × grit → pat", book, {})
    assert read.codes == ("deg", "pat")
    assert read.unknown == ("grit",)
    longest = read_constructs("open share, share", book, {"open share": ["deg"], "share": ["pat"]})
    assert longest.codes == ("deg", "pat")
    assert read_constructs("pat²", book, {}).codes == ("pat",)


def test_every_entry_says_what_it_is_in_both_languages(files):
    lacking = []
    for code, entry in files["variables"].items():
        texts = (*entry["label"].values(), entry["unit"], entry["formula"], entry["source"],
                 entry["undefined"])  # fmt: skip
        if not all(text.strip() for text in texts) or set(entry["label"]) != {"en", "zh"}:
            lacking.append(code)
        assert any("\u4e00" <= sign <= "\u9fff" for sign in entry["label"]["zh"]), code
        assert entry["mark"] in ("V", "L", "P"), code
        assert entry["inputs"], code
        low, high = entry["range"]
        assert low is None or high is None or low < high, code
    assert lacking == []
