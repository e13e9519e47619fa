"""The unit's knowledge base, reach, strategies, pruning and fit, by hand and in undefined cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tertius.variables.composites import competitive_strategy, strategy_label, substitutive_strategy
from tertius.variables.distances import (
    complementarity,
    lacking_complementarity,
    partner_diversity,
)
from tertius.variables.knowledge import (
    pre_sample_mean,
    reached_classes,
    specialisation,
    stock_growth,
    unique_share,
)
from tertius.variables.knowledge_base import (
    class_share,
    convergence,
    integration,
    module_measure,
    portfolio_gap,
    technology_gap,
)
from tertius.variables.pruning import pruned
from tertius.variables.routines import coordination, preferential_choice, proactiveness


@pytest.fixture(scope="module")
def reach(make, new_patent):
    """F holds H04L; partners A (H04L, G06F), B (G06F, A61K), D none; two steps on: E (B01D)."""
    classes = {"f": "H04L1/00", "a1": "H04L1/00", "a2": "G06F1/00", "b1": "G06F1/00",
               "b2": "A61K1/00", "e": "B01D1/00"}  # fmt: skip
    kinds = {"F": "1", "A": "2", "B": "2", "D": "3", "E": "1", "I": None}
    return make(
        years=[2005],
        units="FAI",
        raw=(1995, 2010),
        patents=[new_patent(pid, 2004) for pid in classes],
        held={pid: pid[0].upper() for pid in classes},
        classes=classes,
        tied=[(2005, "F", n, 1) for n in "ABD"] + [(2005, "A", "E", 1), (2005, "A", "B", 1)],
        organisations=[{"org_id": n, "type": "firm", "ind4": i} for n, i in kinds.items()],
    )


def test_classes_within_reach(reach, at):
    for kind, expected in (("reach", 2), ("unique", 1), ("reach_two", 3)):
        found = reached_classes(reach, network="net", kind=kind)
        assert at(found, "F", 2005) == expected, kind
        assert at(found, "I", 2005) == 0
    assert at(unique_share(reach, network="net"), "F", 2005) == 0.5
    assert at(unique_share(reach, network="net"), "I", 2005) == "undefined_isolate"


def test_diversity_and_complementarity_of_partners(reach, at):
    # A (1, 1) over H04L, G06F and B (1, 1) over G06F, A61K: cosine 1/2.
    assert at(partner_diversity(reach, network="net"), "F", 2005) == pytest.approx(0.5)
    assert at(partner_diversity(reach, network="net"), "I", 2005) == "undefined_isolate"
    # No pair shares an IPC3 class without its subclass.
    assert at(complementarity(reach, network="net"), "F", 2005) == pytest.approx(0.0)
    rivals = competitive_strategy(reach, network="net")
    assert at(rivals, "F", 2005) == pytest.approx(0.5 * (2 / 6))  # one of three pairs: A, B
    assert at(rivals, "I", 2005) == "undefined_isolate"


def test_complements_lie_in_one_field_and_other_classes(make, new_patent, at):
    classes = {"f": "H04L1/00", "a": "H04W1/00", "b": "A61K1/00"}
    inputs = make(
        years=[2005], units="FI", patents=[new_patent(p, 2004) for p in classes],
        held={p: p.upper() for p in classes}, classes=classes,
        tied=[(2005, "F", "A", 1), (2005, "F", "B", 1)],
        organisations=[{"org_id": n, "type": "firm", "ind4": "1"} for n in "FAB"],
    )  # fmt: skip
    assert at(complementarity(inputs, network="net"), "F", 2005) == 0.5
    assert at(lacking_complementarity(inputs, network="net"), "F", 2005) == 1.0
    same = lacking_complementarity(inputs, network="net", other_industry=True)
    assert at(same, "F", 2005) == "undefined_nopat"
    assert at(same, "I", 2005) == "undefined_isolate"
    assert at(complementarity(inputs, network="net", new=True), "F", 2005) == 0.5


@pytest.fixture(scope="module")
def replaced(make, new_patent):
    """F drops A (H04L, an old class) for B (G06F, a young one, and H04L)."""
    years = {"old": 1995, "a": 2004, "b1": 2004, "b2": 2004}
    classes = {"old": "H04L1/00", "a": "H04L1/00", "b1": "H04L1/00", "b2": "G06F1/00"}
    return make(
        years=[2005],
        units="FI",
        raw=(1990, 2010),
        patents=[new_patent(pid, y) for pid, y in years.items()],
        held={"old": "X", "a": "A", "b1": "B", "b2": "B"},
        classes=classes,
        tied=[(2004, "F", "A", 1), (2005, "F", "B", 1)],
        organisations=[{"org_id": n, "type": "firm", "ind4": "1"} for n in "FABX"],
    )


def test_substitution_needs_younger_classes(replaced, at):
    # E = (1/2 H04L, 1/2 G06F), R = H04L: overlap 1/2, and G06F is younger.
    assert at(substitutive_strategy(replaced, network="net"), "F", 2005) == pytest.approx(0.5)
    assert at(substitutive_strategy(replaced, network="net"), "I", 2005) == "undefined_isolate"
    assert at(strategy_label(replaced, network="net"), "F", 2005) == 3
    assert at(strategy_label(replaced, network="net"), "I", 2005) == "undefined_isolate"


@pytest.fixture(scope="module")
def base(make, new_patent):
    """F: two families H04L + G06F, one A61K + A61P; G: one H04L; years 2001-2005."""
    classes = {"f1": "H04L1/00 G06F1/00", "f2": "H04L1/00 G06F1/00", "f3": "A61K1/00 A61P1/00",
               "g": "H04L1/00", "g2": "H04L1/00"}  # fmt: skip
    years = {"f1": 2001, "f2": 2003, "f3": 2005, "g": 2005, "g2": 1991}
    return make(
        years=[1992, 2005],
        units="FGI",
        raw=(1990, 2010),
        patents=[new_patent(pid, y) for pid, y in years.items()],
        held={pid: pid[0].upper() for pid in classes},
        classes=classes,
        organisations=[{"org_id": n, "type": "firm", "ind4": "1"} for n in "FG"]
        + [{"org_id": "I", "type": "user", "ind4": None}],
        technology_fields=[{"field": "net", "code": "H04"}, {"field": "ai", "code": "G06F"}],
    )


def test_integration_convergence_and_specialisation(base, at):
    assert at(integration(base), "F", 2005) == pytest.approx((2 + 2 + 1) / 3)
    assert at(integration(base, how="pairs"), "F", 2005) == pytest.approx(2 / 3)
    assert at(integration(base), "I", 2005) == "undefined_nopat"
    assert at(convergence(base), "F", 2005) == pytest.approx(2 / 3)
    assert at(convergence(base), "G", 2005) == 0.0
    assert at(convergence(base), "I", 2005) == "undefined_nopat"
    # Shares (1/3, 1/3, 1/6, 1/6).
    assert at(specialisation(base), "F", 2005) == pytest.approx(2 / 9 + 2 / 36)
    assert at(specialisation(base), "I", 2005) == "undefined_nopat"
    assert at(specialisation(base), "F", 1992) == "truncated"


def test_modules_of_classes(base, at):
    # Two pairs, one with weight 2: w = 6, Q = 4/6 + 2/6 - (4/6)^2 - (2/6)^2.
    assert at(module_measure(base), "F", 2005) == pytest.approx(1 - 16 / 36 - 4 / 36)
    assert at(module_measure(base, column="main"), "F", 2005) == pytest.approx(0.5)
    assert at(module_measure(base), "G", 2005) == "undefined_nopat"
    assert at(module_measure(base), "I", 2005) == "missing_input"


def test_frontier_of_the_main_class(base, at):
    # F's main class is G06F, the first of the two with most families.
    assert at(class_share(base), "F", 2005) == 1.0
    assert at(class_share(base), "G", 2005) == pytest.approx(1 / 3)
    assert at(class_share(base), "I", 2005) == "undefined_nopat"
    assert at(technology_gap(base), "F", 2005) == 0.0
    assert at(technology_gap(base), "I", 2005) == "undefined_nopat"
    assert at(technology_gap(base), "F", 1992) == "truncated"
    # The leader of the industry is F; G compares with F, F with nobody else.
    gap = portfolio_gap(base)
    g = 1 - 1 / math.sqrt(1 + 1 + 0.25 + 0.25)
    assert at(gap, "G", 2005) == pytest.approx(g)
    assert at(gap, "F", 2005) == "undefined_nopat"
    assert at(gap, "I", 2005) == "missing_input"


def test_stocks_before_and_between(base, at):
    assert at(stock_growth(base), "G", 2005) == pytest.approx(1 - 0.15 * 0.85**13)
    assert at(stock_growth(base), "F", 1992) == "truncated"
    assert at(pre_sample_mean(base), "G", 2005) == pytest.approx(math.log(1 + 1 / 5))
    assert at(pre_sample_mean(base), "F", 2005) == 0.0
    assert at(pre_sample_mean(base), "F", 1992) == "truncated"


def test_capabilities_of_the_portfolio(make, new_patent, at):
    inputs = make(
        years=[2005],
        units="FGI",
        raw=(1990, 2010),
        patents=[new_patent("j", 2004)],
        held={"j": "A B"},
        classes={"j": "H04L1/00"},
        tied=[(2003, "F", "A", 1), (2005, "F", "A", 1), (2005, "G", "A", 1), (2005, "F", "B", 1),
              (2005, "F", "C", 1), (2004, "G", "C", 1), (2005, "A", "C", 1)],
        organisations=[{"org_id": n, "type": "firm", "ind4": i}
                       for n, i in (("F", "1"), ("G", "1"), ("A", "2"), ("B", "2"), ("C", "2"))],
    )  # fmt: skip
    # F was first to A (2003) and alone with B; G was first to C.
    assert at(proactiveness(inputs, network="net"), "F", 2005) == pytest.approx(2 / 3)
    assert at(proactiveness(inputs, network="net"), "I", 2005) == "undefined_isolate"
    assert at(coordination(inputs, network="net"), "F", 2005) == pytest.approx(1 / 3)
    assert at(coordination(inputs, network="net", tied_too=True), "F", 2005) == pytest.approx(2 / 3)
    assert at(coordination(inputs, network="net"), "G", 2005) == "undefined_single"
    # The quality of t-1 needs rows of that year, which this risk set does not have.
    chosen = preferential_choice(inputs, network="net")
    assert at(chosen, "F", 2005) == "missing_input"
    assert at(chosen, "I", 2005) == "undefined_isolate"


def test_pruning_needs_a_model_of_earlier_years(random_world, with_networks):
    inputs = with_networks(random_world(11))
    found = pruned(inputs, network="alliance", least=30)
    known = found.filter(found["status"] == "ok")
    assert known.height > 50
    assert known["value"].min() == 0.0
    assert known["value"].max() > 0.0
    lost = np.asarray(known["value"].to_list())
    assert (lost == np.round(lost)).all()
    never = pruned(inputs, network="alliance", least=10**6)
    assert "ok" not in set(never["status"])


@pytest.mark.parametrize(("patents_of", "lost"), [({1: 5, 2: 3, 3: 2}, 1), ({1: 1, 2: 2, 3: 3}, 0)])
def test_a_partner_is_pruned_where_the_model_does_not_regret_it(
    make, new_patent, at, patents_of, lost
):
    partners = {2000: "A", 2001: "AB", 2002: "ABC", 2003: "AB", 2004: "A", 2005: "ABC", 2006: "AB"}
    # ln(1 + patents of s+1) = ln 12 - ln(1 + n) or ln(1 + n): b1 is -1 or 1, b2 is 0.
    own = [
        (f"f{s}{k}", s + 1) for s, names in partners.items() for k in range(patents_of[len(names)])
    ]
    others = {"a": ("A", 1999, "H04L9/08"), "c": ("C", 2001, "G06F3/01 A61K9/00")}
    inputs = make(
        years=range(2000, 2008),
        units="F",
        patents=[new_patent(pid, year) for pid, year in own]
        + [new_patent(pid, year) for pid, (_, year, _) in others.items()],
        held={pid: "F" for pid, _ in own} | {pid: org for pid, (org, _, _) in others.items()},
        classes={pid: codes for pid, (_, _, codes) in others.items()},
        tied=[(s, "F", name, 1) for s, names in partners.items() for name in names],
    )
    found = pruned(inputs, network="net", least=4)
    assert at(found, "F", 2006) == lost  # C leaves
    assert at(found, "F", 2005) == 0  # nobody leaves
    assert at(found, "F", 2007) == 2 * lost  # A and B leave
    assert at(found, "F", 2004) == "truncated"  # three rows until then
    assert at(pruned(inputs, network="net"), "F", 2006) == "truncated"


def test_new_partners_of_quality(make, new_patent, at):
    inputs = make(
        years=[2004, 2005],
        units="FABCI",
        raw=(1990, 2010),
        patents=[new_patent(f"a{k}", 2004) for k in range(3)] + [new_patent("b", 2004)],
        held={"a0": "A", "a1": "A", "a2": "A", "b": "B"},
        tied=[(2005, "F", "A", 1), (2005, "F", "B", 1), (2004, "C", "B", 1), (2005, "C", "B", 1)],
        organisations=[{"org_id": n, "type": "firm", "birth_year": 1995} for n in "FABCI"],
    )
    # Stocks of 2004: 3, 1, 0, 0, 0; the upper quarter begins at 1.
    found = preferential_choice(inputs, network="net")
    assert at(found, "F", 2005) == 1.0
    assert at(preferential_choice(inputs, network="net", share=0.9), "F", 2005) == 0.5
    assert at(found, "C", 2005) == "undefined_single"
    assert at(found, "I", 2005) == "undefined_isolate"
