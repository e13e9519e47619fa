"""The arguments of the papers: every claim is an arrow, rivals stand side by side."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tertius.claims import load_claims
from tertius.claims.registry import read_claims
from tertius.exhibits.argument import Argument, arguments
from tertius.exhibits.claim_rows import claim_rows
from tertius.exhibits.labels import Labels
from tertius.exhibits.report import templates
from tertius.registry import read_yaml

ROOT = Path(__file__).parents[3]
FILES = [ROOT / "config" / "claims" / f"{name}.yaml" for name in ("zhang2025", "shao2023")]
SCHEMA = ROOT / "workflow" / "schemas" / "claims.yaml"


@pytest.fixture(scope="module")
def told(world: Any) -> dict[str, Argument]:
    registry = load_claims(FILES, SCHEMA)
    claims = {claim.id: asdict(claim) for claim in registry.claims}
    stages = {paper: [asdict(s) for s in found] for paper, found in registry.arguments.items()}
    outcomes = {name: str(model["outcome"]) for name, model in registry.models.items()}
    codebook = read_yaml(ROOT / "config" / "variables.yaml")
    rows = claim_rows(world.verdicts, world.claims, ["position", "synergy"])
    labels = Labels.from_codebook(codebook)
    made = arguments(rows, claims, stages, outcomes, labels, ["position", "synergy"])
    return {argument.paper: argument for argument in made}


def test_every_claim_is_one_arrow_in_the_order_of_the_argument(told) -> None:
    titles = {key: [stage.title.en for stage in one.stages] for key, one in told.items()}
    assert titles == {
        "zhang2025": ["Structure", "Search", "Innovation", "Strategy"],
        "shao2023": ["Formation", "Configuration", "Governance"],
    }
    for paper, n in (("zhang2025", 71), ("shao2023", 93)):
        arrows = [a.row.id for s in told[paper].stages for _, held in s.groups for a in held]
        assert len(arrows) == len(set(arrows)) == n
        assert sum(number for stage in told[paper].stages for _, number in stage.counts) == n


def test_arrows_lead_from_cause_to_outcome_and_link_to_their_files(told) -> None:
    arrows = {
        a.row.id: a for one in told.values() for s in one.stages for _, held in s.groups
        for a in held
    }  # fmt: skip
    a04, a03, a31 = arrows["A04"], arrows["A03"], arrows["A31"]
    assert (a04.cause, a04.outcome) == ("ln(1 + Degree centrality)", "Patents")
    assert [link.href for link in a04.files] == [
        "../estimates/position/coefficients.csv",
        "../estimates/position/spec.yaml",
        "../estimates/position/sample.csv",
    ]
    assert "(t\u22121)" in a03.cause or "(t-1)" in a03.cause
    assert "\u2192 Search breadth, Search depth" in a03.cause
    assert ", by " in a31.cause
    assert arrows["A71"].outcome.count(",") == 1  # two outcomes, one a model
    assert all(a.cause and a.outcome for a in arrows.values())


def test_rivals_stand_side_by_side_once(told) -> None:
    pairs = [(a.row.id, b.row.id) for one in told.values() for a, b in one.rivals]
    assert {("A22", "B17"), ("A11", "B20"), ("A03", "A69"), ("A04", "A22")} <= set(pairs)
    assert len(pairs) == len(set(pairs))
    assert not [pair for pair in pairs if pair[::-1] in pairs]


def test_an_arrow_is_drawn_with_verdict_estimate_and_links(told) -> None:
    arrow = told["zhang2025"].stages[0].groups[2][1][0]
    assert arrow.row.id == "A04"
    text = str(
        templates()
        .from_string('{% import "macros.html.j2" as m %}{{ m.arrow(arrow, words) }}')
        .render(arrow=arrow, words={arrow.row.verdict: "VERDICT"})
    )
    assert f'class="arrow {arrow.row.verdict}"' in text
    assert 'href="#A04"' in text
    assert arrow.row.estimate in text
    assert 'href="../estimates/position/spec.yaml"' in text


def test_without_stages_there_is_no_argument(world: Any) -> None:
    rows = claim_rows(world.verdicts, world.claims, [])
    assert arguments(rows, world.claims, {}, {}, Labels(), []) == ()


def test_a_mechanism_without_a_stage_is_told(tmp_path: Path) -> None:
    text = FILES[0].read_text(encoding="utf-8")
    assert "multilevel_coupling, technology" in text
    path = tmp_path / "zhang2025.yaml"
    path.write_text(text.replace("multilevel_coupling, technology", "search_depth, technology"))
    _, problems = read_claims([path], SCHEMA)
    said = [str(problem) for problem in problems if "argument" in problem.where]
    assert any("mechanism 'multilevel_coupling' stands in no stage" in line for line in said)
    assert any("mechanism 'search_depth' stands in two stages" in line for line in said)
