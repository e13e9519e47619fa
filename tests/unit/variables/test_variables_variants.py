"""Variants are parameters: two of one variable stand side by side under declared names."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.variables import derive
from tertius.variables.distances import dyads, heterogeneity
from tertius.variables.knowledge import own_diversity, portfolio_diversity

VARIANTS = {
    "tdiv_w3": ("tdiv", {"window": 3}, None),
    "tdiv_class3": ("tdiv", {"level": 3}, None),
    "tdiv_group": ("tdiv", {"level": "group"}, None),
    "tdiv_whole": ("tdiv", {"counting": "whole"}, None),
    "tdiv_blau": ("tdiv", {"index": "blau"}, None),
    "tdiv_iqv": ("tdiv", {"index": "iqv"}, None),
    "tdiv_entropy": ("tdiv", {"index": "entropy"}, None),
    "tdiv_related": ("tdiv", {"index": "related"}, None),
    "tdiv_unrelated": ("tdiv", {"index": "unrelated"}, None),
    "tdiv_joint": ("tdiv", {"joint": "keep"}, "co_applicant"),
    "tdiv_co": ("tdiv", {}, "co_applicant"),
    "khet_weighted": ("khet", {"weights": "records"}, "co_applicant"),
    "khet_co": ("khet", {}, "co_applicant"),
    "khet_overlap_w": ("khet", {"metric": "overlap"}, None),
    "khet_omega": ("khet", {"metric": "mahalanobis"}, None),
    "pdiv_type_unbiased": ("pdiv_type", {"index": "unbiased"}, None),
    "pdiv_type_records": ("pdiv_type", {"of": "records"}, "co_applicant"),
    "pdiv_type_co": ("pdiv_type", {}, "co_applicant"),
    "pat_fractional": ("pat", {"counting": "fractional"}, None),
    "cites3": ("cites5", {"years": 3}, None),
    "brk20": ("brk5", {"share": 0.2, "min_cell": 3}, None),
    "brk20_strict": ("brk5", {"share": 0.2, "min_cell": 3, "ties": "strict"}, None),
    "brk20_inclusive": ("brk5", {"share": 0.2, "min_cell": 3, "ties": "inclusive"}, None),
    "stage_steep": ("stage", {"growth": 0.3}, None),
    "sdepth_distinct": ("sdepth", {"basis": "distinct"}, None),
    "tct_mean": ("tct", {"how": "mean"}, None),
}


@pytest.fixture(scope="module")
def wide(root, random_world, with_networks):
    book = yaml.safe_load((root / "config" / "variables.yaml").read_text(encoding="utf-8"))
    needed = {code for code, _, _ in VARIANTS.values()}
    declared = {
        name: {"of": code, "params": params, **({"network": net} if net else {})}
        for name, (code, params, net) in VARIANTS.items()
    }
    inputs = with_networks(random_world(7), "alliance")
    return derive(inputs, {code: book[code] for code in needed}, declared)


@pytest.mark.parametrize("name", sorted(set(VARIANTS) - {"tdiv_co", "khet_co", "pdiv_type_co"}))
def test_a_variant_stands_beside_its_variable_and_differs(wide, name):
    code, _, network = VARIANTS[name]
    beside = f"{code}_co" if network else code
    if name.startswith("brk20_"):
        beside = "brk20"
    assert name in wide.columns
    assert f"{name}_status" in wide.columns
    assert not wide[name].equals(wide[beside].alias(name))


def test_tie_rules_are_ordered(wide):
    rows = wide.select("brk20_strict", "brk20", "brk20_inclusive").drop_nulls()
    assert rows.height > 20
    assert (rows["brk20_strict"] <= rows["brk20"] + 1e-12).all()
    assert (rows["brk20"] <= rows["brk20_inclusive"] + 1e-12).all()
    assert rows["brk20_strict"].sum() < rows["brk20_inclusive"].sum()


@pytest.fixture(scope="module")
def w5_classes(make, new_patent):
    """W5: shares H04L .25, H04W .25, G06F .5 of the pool of F's partner A; W6 for the distances."""
    codes = ["H04L1/00", "H04W1/00", "G06F1/00", "G06F1/00"]
    held = {f"a{k}": "A" for k in range(4)}
    return make(
        years=[2005],
        units="FA",
        patents=[new_patent(pid, 2004) for pid in held],
        held=held,
        classes=dict(zip(held, codes, strict=True)),
        tied=[(2005, "F", "A", 1)],
    )


@pytest.mark.parametrize(
    ("index", "expected"),
    [("related", 0.5), ("unrelated", 1.0), ("blau", 0.625), ("iqv", 0.625 / (1 - 1 / 3)),
     ("unbiased", 0.625 * 4 / 3), ("entropy", 1.5 * 0.6931471805599453)],
)  # fmt: skip
def test_w5_related_and_unrelated_variety(w5_classes, at, index, expected):
    found = portfolio_diversity(w5_classes, network="net", index=index)
    assert at(found, "F", 2005) == pytest.approx(expected, abs=1e-12)
    assert at(own_diversity(w5_classes, index=index), "A", 2005) == pytest.approx(
        expected, abs=1e-12
    )
    assert at(own_diversity(w5_classes, index=index), "F", 2005) == "undefined_nopat"


def test_w6_other_metrics(make, new_patent, at):
    counts = {"F": (4, 2, 0, 0), "A": (2, 4, 0, 0)}
    symbols = ("H04L", "H04W", "G06F", "A61K")
    held, classes = {}, {}
    for name, numbers in counts.items():
        for code, number in zip(symbols, numbers, strict=True):
            for k in range(number):
                held[f"{name}{code}{k}"] = name
                classes[f"{name}{code}{k}"] = f"{code}9/08"
    inputs = make(
        years=[2005], units="FA", patents=[new_patent(pid, 2003) for pid in held], held=held,
        classes=classes, tied=[(2005, "F", "A", 1)],
    )  # fmt: skip
    for metric, expected in (("cosine", 0.2), ("overlap", 1 / 3), ("euclid", 2**0.5 / 3)):
        found = heterogeneity(inputs, network="net", metric=metric)
        assert at(found, "F", 2005) == pytest.approx(expected, abs=1e-12), metric
    with pytest.raises(ValueError, match="metric must be"):
        heterogeneity(inputs, network="net", metric="hamming")
    with pytest.raises(ValueError, match="exclude or keep"):
        dyads(inputs, "net", joint="both")


@settings(max_examples=10, deadline=None)
@given(st.permutations(["H04L", "H04W", "G06F", "A61K"]))
def test_the_names_of_classes_do_not_matter(make, new_patent, at, names):
    codes = dict(zip(["H04L", "H04W", "G06F", "A61K"], names, strict=True))
    plan = {"p1": "H04L", "p2": "H04L H04W", "p3": "G06F", "p4": "A61K G06F"}
    classes = {pid: " ".join(f"{codes[c]}1/00" for c in used.split()) for pid, used in plan.items()}
    inputs = make(
        years=[2005], units="F", patents=[new_patent(pid, 2004) for pid in plan],
        held=dict.fromkeys(plan, "F"), classes=classes,
    )  # fmt: skip
    for index, expected in (("unbiased", 5 / 6), ("blau", 11 / 16)):
        value = at(own_diversity(inputs, index=index), "F", 2005)
        assert value == pytest.approx(expected, abs=1e-12)
        assert 0.0 <= value <= 1.0
